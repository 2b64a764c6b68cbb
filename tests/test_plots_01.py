"""The figures of chapter 01: an Axes comes back, it is drawn, and its sentence states the data's numbers."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit


def sentence(axes):
    """Draw the figure; its sentence."""
    assert isinstance(axes, Axes)
    picture = io.BytesIO()
    axes.figure.savefig(picture, format="png", dpi=50)
    assert picture.getvalue().startswith(b"\x89PNG")
    return axes.figure.get_label()


def test_missing_shares_says_the_ends():
    table = pd.DataFrame(
        {"income": [0.04, 0.1, 0.3], "city": [0.09, 0.08, 0.1]}, index=["low", "mid", "high"]
    )
    axes = plots.missing_shares(table, "fifth by income")
    said = sentence(axes)
    assert "income 4.0% in the first and 30.0% in the last" in said
    assert "city 9.0% in the first and 10.0% in the last" in said
    assert [line.get_label() for line in axes.lines] == ["income", "city"]


def test_largest_z_draws_the_bound():
    axes = plots.largest_z(np.arange(3, 31), cut=3)
    said = sentence(axes)
    assert "1.155 for 3 values" in said
    assert "5.295 for 30" in said
    assert "from 11 values on" in said
    drawn = np.concatenate([line.get_ydata() for line in axes.lines[:2]])
    assert np.isclose(drawn, 2.846050, atol=5e-7).sum() == 1
    assert "it never can" in sentence(plots.largest_z([5, 6], cut=3))
    with pytest.raises(InputError, match="2 or more"):
        plots.largest_z([1, 2])


STEPS = pd.DataFrame(
    {"estimate": [0.083, 0.167], "low": [0.061, 0.134], "high": [0.106, 0.199]}, index=["as is", "keys"]
)


def test_cleaning_steps_keeps_the_order():
    axes = plots.cleaning_steps(STEPS, ceiling=("perfect data", 0.187))
    said = sentence(axes)
    assert said.index("as is 0.083 [0.061, 0.106]") < said.index("keys 0.167 [0.134, 0.199]")
    assert "Perfect data: 0.187." in said
    assert [label.get_text() for label in axes.get_yticklabels()] == ["as is", "keys"]
    assert list(axes.get_yticks()) == [1, 0]
    assert "Perfect" not in sentence(plots.cleaning_steps(STEPS))


def test_cleaning_steps_names_the_missing_column():
    with pytest.raises(InputError, match="missing: high"):
        plots.cleaning_steps(STEPS.drop(columns="high"))


def test_precision_and_recall_puts_the_lowest_recall_on_top():
    table = pd.DataFrame(
        {"precision": [1.0, 0.5, np.nan], "recall": [1.0, 0.25, 0.9]}, index=["bot", "copy", "date"]
    )
    axes = plots.precision_and_recall(table)
    said = sentence(axes)
    assert "3 kinds; 1 have 1 and 1" in said
    assert "first: copy 0.500 and 0.250; date nan and 0.900; bot" in said
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "copy"
