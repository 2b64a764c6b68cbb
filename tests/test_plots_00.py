"""The figures of chapter 00: an Axes comes back, it is drawn, and its sentence states the data's numbers."""

import io

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
    assert len(picture.getvalue()) > 2_000
    return axes.figure.get_label()


def test_unravelling():
    offers = {"no floor": [600.0, 360.0, 216.0], "floor": [720.0, 552.0]}
    axes = plots.unravelling(offers, {"no floor": 0.0, "floor": 300.0})
    assert "no floor: from 600.0 in round 1 to 216.0 in round 3, in closed form 0.0" in sentence(axes)
    assert [line.get_ydata()[0] for line in axes.lines] == [600.0, 0.0, 720.0, 300.0]
    assert axes.get_ylim()[0] <= 0
    assert 0 < axes.get_xlim()[0] < 1
    assert "dashed" in axes.get_xlabel()


def test_capital_growth():
    doublings = pd.DataFrame({"knows": [0.0, 1.0, 2.0], "guesses": [0.0, -1.0, -3.0]}, index=[0, 1, 2])
    axes = plots.capital_growth(doublings, {"knows": 0.9, "guesses": -1.2})
    assert "knows +2 doublings after 2 rounds, expected +2" in sentence(axes)
    assert "guesses -3 doublings" in sentence(axes)
    assert axes.lines[1].get_ydata() == pytest.approx([0.0, 0.9, 1.8])
    assert "dashed: the formula" in axes.get_xlabel()


def test_outcome_shares():
    axes = plots.outcome_shares(pd.Series({"tea": 0.25, "lamps": 0.125, "nothing": 0.625}), 1.3)
    assert sentence(axes).endswith("1.30 bits in all: nothing 62.5%, tea 25.0%, lamps 12.5%.")
    assert [bar.get_width() for bar in axes.patches] == [62.5, 12.5, 25.0]
    assert axes.patches[0].get_hatch()  # the second cue beside the colour
    with pytest.raises(InputError, match="nothing"):
        plots.outcome_shares(pd.Series({"tea": 1.0}), 0.0)


def test_share_by_band():
    table = pd.DataFrame(
        {"share": [0.4, 0.1], "low": [0.35, 0.08], "high": [0.45, 0.12]}, index=["0–28", "over 28"]
    )
    axes = plots.share_by_band(table)
    assert "0–28 40.0% [35.0%, 45.0%]; over 28 10.0% [8.0%, 12.0%]" in sentence(axes)
    assert [bar.get_height() for bar in axes.patches] == [40.0, 10.0]
    with pytest.raises(InputError, match="low"):
        plots.share_by_band(table.drop(columns="low"))
