"""The figures of chapter 12: an Axes comes back, it is drawn, and its sentence states the data's numbers."""

import io
from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bigmkt_helpers import clv, plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit


def sentence(axes):
    """Draw the figure; its sentence."""
    assert isinstance(axes, Axes)
    picture = io.BytesIO()
    axes.figure.savefig(picture, format="png", dpi=50)
    assert len(picture.getvalue()) > 2_000
    return axes.figure.get_label()


@cache
def model():
    found = clv.BGNBD()
    found.params_ = pd.Series({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    found.unit_ = pd.Timedelta(days=7)
    return found


def track(expected):
    table = pd.DataFrame({"actual": [4.0, 3.0, 3.0, 2.0], "expected": expected}, index=[1.0, 2.0, 3.0, 4.0])
    table["actual_cumulative"], table["expected_cumulative"] = (
        table["actual"].cumsum(),
        table["expected"].cumsum(),
    )
    table["holdout"] = [False, False, True, True]
    return table


def test_sales_tracking():
    tracks = {"BG/NBD": track([4.0, 3.0, 2.0, 0.6]), "Pareto/NBD": track([4.0, 4.0, 3.0, 2.2])}
    axes = plots.sales_tracking(tracks)
    words = sentence(axes)
    assert "12 repeat purchases by week 4" in words
    assert "BG/NBD expects 10 (-20.0%)" in words
    assert "Pareto/NBD expects 13 (+10.0%)" in words
    assert axes.lines[0].get_ydata().tolist() == [4, 7, 10, 12]
    assert axes.lines[1].get_linestyle() != axes.lines[2].get_linestyle()
    weekly = plots.sales_tracking(tracks, cumulative=False)
    assert "BG/NBD is off by 1.2 per week in the holdout" in sentence(weekly)
    with pytest.raises(InputError, match="at least one"):
        plots.sales_tracking({})
    with pytest.raises(InputError, match="different periods"):
        plots.sales_tracking({"a": track([1.0] * 4), "b": track([1.0] * 4).iloc[:3]})


def test_recency_frequency_matrix():
    axes = plots.recency_frequency_matrix(model(), 38, most=10, n=19)
    table = pd.DataFrame({"frequency": [10, 10, 1], "recency": [38.0, 18.0, 38.0], "T": 38.0})
    fresh, stale, one = model().probability_alive(table)
    words = sentence(axes)
    assert (
        f"with 10, {fresh:.3g} if the last was at 38 weeks and {stale:.3g} at 18; with 1, {one:.3g}" in words
    )
    assert axes.images[0].get_array().shape == (10, 19)
    later = plots.recency_frequency_matrix(model(), 38, most=10, n=19, horizon="364D")
    assert f"{model().expected_purchases(table, 52).iloc[0]:.3g} if the last" in sentence(later)
    with pytest.raises(InputError, match="T above 0"):
        plots.recency_frequency_matrix(model(), 0)


def test_iso_value_curves():
    axes = plots.iso_value_curves(model(), 38, 100.0, 52, levels=[50, 200], most=20, n=40, margin=0.5)
    words = sentence(axes)
    table = pd.DataFrame({"frequency": range(1, 21), "recency": 38 * 25 / 40, "T": 38.0})
    values = clv.customer_value(model(), table, 52, 100.0, margin=0.5)["value"]
    assert "Curves of equal value (CNY) at 50, 200" in words
    assert (
        f"highest, {values.max():,.3g}, at {values.idxmax() + 1} repeat purchases, and {values.iloc[-1]:,.3g}"
        in words
    )
    # who bought very often and then went silent is worth less than who bought now and then
    assert values.idxmax() + 1 < 20
    assert "highest" in sentence(plots.iso_value_curves(model(), 38, 100.0, 52))


def test_decile_calibration():
    rng = np.random.default_rng(0)
    guess = rng.gamma(1, 100, 400)
    table = clv.calibration_by_decile(guess, guess)
    axes = plots.decile_calibration(table)
    top = table["predicted"].iloc[0]
    assert f"highest group predicted {top:,.4g}, seen {top:,.4g}" in sentence(axes)
    assert "10 of 10 predictions lie in the interval" in sentence(axes)
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert plots.decile_calibration(table.assign(low=0.0)).get_yscale() == "linear"
    both = plots.decile_calibration({"right": table, "wrong": clv.calibration_by_decile(guess, 3 * guess)})
    assert "right: highest group" in sentence(both)
    assert "0 of 10 predictions" in sentence(both)
    with pytest.raises(InputError, match="at least one"):
        plots.decile_calibration({})


def test_survival_curves():
    curve = clv.kaplan_meier([1, 2, 3, 4, 5, 5], [True, True, True, False, True, False])
    words = sentence(plots.survival_curves(curve, unit="month"))
    last = curve.iloc[-1]
    assert f"{last['survival']:.1%} stay beyond month 5 [{last['low']:.1%}, {last['high']:.1%}]" in words
    assert "half have left by 3" in words
    stay = clv.kaplan_meier([5, 6, 7], [True, False, False])
    words = sentence(plots.survival_curves({"leave": curve, "stay": stay}))
    assert "stay: 66.7% stay beyond week 5" in words
    assert "less than half have left" in words
    with pytest.raises(InputError, match="at least one"):
        plots.survival_curves({})
