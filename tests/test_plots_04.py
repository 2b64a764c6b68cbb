"""The figures of chapter 04: they show the numbers they are given, and their sentence says the same."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

READINGS = pd.DataFrame(
    {"category": [0.904, 0.226, 0.082], "style": [0.317, 0.877, -0.083]},
    index=["TF-IDF", "labels", "clauses"],
)
SUPPORT = pd.DataFrame(
    [
        ("content", "none", 0.695, 0.644, 0.745),
        ("content", "1 to 4", 0.664, 0.629, 0.699),
        ("item-kNN", "none", 0.475, 0.42, 0.529),
        ("item-kNN", "1 to 4", 0.494, 0.458, 0.53),
    ],
    columns=["model", "support", "estimate", "low", "high"],
)
EFFECTS = pd.DataFrame(
    {"estimate": [0.354, 0.02, -0.712], "low": [0.2, -0.096, -0.909], "high": [0.505, 0.131, -0.497]},
    index=["festive", "price", "new"],
)

FIGURES = {
    "two_recoveries": lambda: plots.two_recoveries(READINGS),
    "rank_by_support": lambda: plots.rank_by_support(SUPPORT),
    "feature_effects": lambda: plots.feature_effects(EFFECTS),
}


def sentence(axes):
    return axes.figure.get_label()


def numbers(text):
    return [float(number) for number in re.findall(r"[-+]?\d+\.\d+", text)]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_an_axes_that_can_be_shown(name, monkeypatch):
    axes = FIGURES[name]()
    assert isinstance(axes, Axes)
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    ((data, kwargs),) = shown
    assert data["text/plain"] == sentence(axes) == kwargs["metadata"]["image/png"]["alt"]
    assert len(sentence(axes)) > 60
    assert sentence(axes).endswith(".")
    assert axes.get_title(loc="left")
    assert axes.get_xlabel()


def test_two_recoveries_shows_its_points():
    axes = plots.two_recoveries(READINGS, xlabel="same category", ylabel="style")
    drawn = np.array([line.get_xydata()[0] for line in axes.get_lines()])
    np.testing.assert_allclose(drawn, READINGS.to_numpy())
    assert len({line.get_marker() for line in axes.get_lines()}) == 3
    assert numbers(sentence(axes)) == READINGS.to_numpy().ravel().tolist()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == READINGS.index.tolist()
    with pytest.raises(InputError, match="1 to 7 readings, not 0"):
        plots.two_recoveries(READINGS.iloc[:0])
    with pytest.raises(InputError, match="not 9"):
        plots.two_recoveries(pd.concat([READINGS] * 3))


def test_rank_by_support_shows_each_interval():
    axes = plots.rank_by_support(SUPPORT)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none", "1 to 4"]
    drawn = [bar.lines[0].get_ydata().tolist() for bar in axes.containers]
    assert drawn == [[0.695, 0.664], [0.475, 0.494]]
    ends = [np.array(bar.lines[2][0].get_segments())[:, :, 1].tolist() for bar in axes.containers]
    np.testing.assert_allclose(ends, [[[0.644, 0.745], [0.629, 0.699]], [[0.42, 0.529], [0.458, 0.53]]])
    expected = SUPPORT[["estimate", "low", "high"]].to_numpy().ravel()
    np.testing.assert_allclose(numbers(sentence(axes)), expected, atol=0.00501)


def test_feature_effects_marks_what_is_apart_from_zero():
    axes = plots.feature_effects(EFFECTS)
    dots = [bar.lines[0] for bar in axes.containers]
    assert [dot.get_xdata()[0] for dot in dots] == EFFECTS["estimate"].tolist()
    assert dots[0].get_marker() == dots[2].get_marker() != dots[1].get_marker()
    assert [label.get_text() for label in axes.get_yticklabels()] == EFFECTS.index.tolist()
    assert axes.yaxis_inverted()
    np.testing.assert_allclose(numbers(sentence(axes)), EFFECTS.to_numpy().ravel(), atol=0.00501)
    with pytest.raises(InputError, match="at least one feature"):
        plots.feature_effects(EFFECTS.iloc[:0])
