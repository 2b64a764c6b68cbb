"""Figures of chapter 09: their sentences say their numbers; bad input is refused."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

NAMES = ["look", "cart", "bought"]
P = pd.DataFrame([[0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0, 0, 1]], NAMES, NAMES)


def words(axes):
    first = axes.flat[0] if isinstance(axes, np.ndarray) else axes
    assert isinstance(first, Axes)
    # drawing finds what building does not
    first.figure.canvas.draw()
    return first.figure.get_label()


@pytest.mark.unit
def test_transitions():
    said = words(plots.transition_map(P))
    assert said == (
        "Heat map of 3 states; the likeliest step of each row: look to look 0.50; cart to bought 0.50; "
        "bought to bought 1.00."
    )
    axes = plots.transition_diagram(P, least=0.15)
    assert len(axes.patches) == 3
    assert words(axes).endswith(
        "Staying: look 0.50, cart 0.30, bought 1.00. Steps of at least 0.15, likeliest first: cart to bought "
        "0.50, look to cart 0.40, cart to look 0.20."
    )
    assert "Steps of at least 0.02, likeliest first: none" in words(plots.transition_diagram(np.eye(1)))
    words(plots.transition_map(np.eye(15)))


@pytest.mark.unit
def test_paths_and_bands():
    axes = plots.state_path([0, 2, np.nan, 1], [0, 1, 1, 1], truth=[0, 0, 1, 1], names=["quiet", "keen"])
    assert words(axes) == "4 steps, 3 orders; decoded steps in each state: quiet 1, keen 3; as in truth in 3."
    assert len(axes[1].lines) == 2
    assert words(plots.state_path([1], [0])) == "1 steps, 1 orders; decoded steps in each state: 0 1."
    bands = plots.posterior_bands([[0.9, 0.1], [0.25, 0.75]], observed=[0, 1], names=["quiet", "keen"])
    assert words(bands) == (
        "Bands over 2 steps: at the first quiet 0.90, keen 0.10; at the last quiet 0.25, keen 0.75."
    )
    assert bands.lines[0].get_xdata().tolist() == [1]


@pytest.mark.unit
def test_curves():
    table = pd.DataFrame(
        {"bits": [2.0, 1.5], "low": [1.9, 1.4], "high": [2.1, 1.6], "best": [False, True]},
        index=["order 0", "order 1"],
    )
    axes = plots.held_out_bits(table, unit="bits per click")
    assert words(axes) == (
        "Bits per click with intervals: order 0 2.000 [1.900, 2.100], order 1 1.500 [1.400, 1.600]; fewest "
        "for order 1."
    )
    table.index = pd.Index([1, 2], name="n_states")
    assert words(plots.held_out_bits(table)).endswith("fewest for 2 states.")
    auc = pd.DataFrame(
        {
            "model": ["chain", "chain"],
            "click": [1, 2],
            "auc": [0.6, 0.7],
            "low": [0.5, 0.6],
            "high": [0.7, 0.8],
        }
    )
    assert words(plots.auc_by_click(auc)) == (
        "Area under the ROC curve by clicks seen. chain: 1 0.600, 2 0.700. Chance is 0.5."
    )


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.transition_map(np.ones((2, 3))), "leads from each state to each"),
        (lambda: plots.transition_diagram(np.eye(10)), "10 states cannot be read"),
        (lambda: plots.state_path([1, 2], [0]), "one entry per step"),
        (lambda: plots.state_path([1], [2], names=["a"]), "visits state 2"),
        (lambda: plots.posterior_bands(np.zeros((0, 2))), "at least one step"),
        (lambda: plots.posterior_bands([[1.0]], names=["a", "b"]), "1 states and 2 names"),
        (lambda: plots.held_out_bits(pd.DataFrame()), "at least one model"),
        (lambda: plots.auc_by_click(pd.DataFrame()), "at least one row"),
    ],
)
def test_bad_input(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()
