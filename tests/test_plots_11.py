"""The figures of chapter 11: they show the numbers they are given, and their sentence says the same."""

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import plots
from bigmkt_helpers import prediction as pr
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

TRUE = [1, 0, 1, 0, 0, 0, 0, 0]
P = [0.9, 0.7, 0.6, 0.3, 0.2, 0.2, 0.1, 0.1]
GAINS = pr.gains_table(TRUE, P, groups=4)
PROFIT = pr.profit_by_threshold(TRUE, P, pr.Payoffs.of_campaign(40, 10))
CALIBRATION = pr.calibration_table(TRUE, P, n_bins=2)
IMPORTANCE = pd.DataFrame(
    {"bits": [0.3, 0.012], "low": [0.25, -0.01], "high": [0.35, 0.03]}, index=["recency", "noise"]
)
DEPENDENCE = pd.DataFrame(
    {"mean": [0.2, 0.45], "low": [0.18, 0.4], "high": [0.22, 0.5], "lower": [0.1, 0.3], "upper": [0.3, 0.6]},
    index=[1.0, 8.0],
)
WEEKS = pd.Series(np.arange(20.0, 50.0), pd.date_range("2025-01-06", periods=30, freq="7D"))
FORECAST = pr.HoltWinters().fit(WEEKS.iloc[:26]).forecast(4)

FIGURES = {
    "gain_curves": lambda: plots.gain_curves(GAINS),
    "gain_curves of two": lambda: plots.gain_curves({"tree": GAINS, "forest": GAINS}),
    "profit_curve": lambda: plots.profit_curve(PROFIT, {"half": 0.5, "expected profit": 0.25}),
    "profit_curve, nobody": lambda: plots.profit_curve(PROFIT, {"too high": 0.95}),
    "calibration_curves": lambda: plots.calibration_curves({"raw": CALIBRATION}),
    "importance_bars": lambda: plots.importance_bars(IMPORTANCE),
    "partial_dependence_curve": lambda: plots.partial_dependence_curve(DEPENDENCE, "recency"),
    "partial_dependence_curve of labels": lambda: plots.partial_dependence_curve(
        DEPENDENCE.set_axis(["tea", "bath"]), "category"
    ),
    "demand_forecast": lambda: plots.demand_forecast(WEEKS.iloc[:26], FORECAST, WEEKS),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_can_be_shown(name, monkeypatch):
    axes = FIGURES[name]()
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    ((data, kwargs),) = shown
    assert data["text/plain"] == axes.figure.get_label() == kwargs["metadata"]["image/png"]["alt"]
    assert "nan" not in data["text/plain"]


def sentence(name):
    return FIGURES[name]().figure.get_label()


def test_the_sentences_say_the_numbers():
    assert "25.0% are buyers" in sentence("gain_curves")
    assert "finds 50.0% in the top 25%, 100.0% in the top 50%" in sentence("gain_curves")
    assert "tree finds 50.0%" in sentence("gain_curves of two")
    assert "half 6,250 at 37.5% (threshold 0.5)" in sentence("profit_curve")
    assert "too high 0 at 0.0%" in sentence("profit_curve, nobody")
    first, last = CALIBRATION.iloc[0], CALIBRATION.iloc[-1]
    assert f"lowest group stated {first['stated']:.1%}, seen {first['observed']:.1%}" in sentence(
        "calibration_curves"
    )
    assert f"highest stated {last['stated']:.1%}, seen {last['observed']:.1%}" in sentence(
        "calibration_curves"
    )
    assert "recency 0.300 [0.250, 0.350]; noise 0.012 [-0.010, 0.030]" in sentence("importance_bars")
    assert "0.200 at 1, 0.450 at 8; least 0.200, most 0.450" in sentence("partial_dependence_curve")
    assert "0.200 at tea, 0.450 at bath" in sentence("partial_dependence_curve of labels")
    assert "26 weeks of orders, the last 45; forecast for 4 weeks" in sentence("demand_forecast")
    inside = WEEKS.iloc[26:].between(FORECAST["low"], FORECAST["high"]).sum()
    assert f"{inside} of 4 weeks fell inside" in sentence("demand_forecast")


def test_the_lines_hold_the_numbers():
    line = FIGURES["gain_curves"]().lines[2]
    assert line.get_ydata().tolist() == [0, *GAINS["captured"]]
    curve = FIGURES["profit_curve"]().lines[0]
    assert curve.get_ydata().tolist() == PROFIT["profit"].tolist()
    bars = FIGURES["importance_bars"]().patches
    assert [bar.get_width() for bar in bars] == [0.3, 0.012]
    demand = FIGURES["demand_forecast"]().lines
    np.testing.assert_allclose(demand[1].get_ydata(), FORECAST["forecast"])
    assert demand[2].get_ydata().tolist() == WEEKS.iloc[26:].tolist()


@pytest.mark.parametrize(
    ("deed", "sentence"),
    [
        (lambda: plots.gain_curves({}), "at least one table"),
        (lambda: plots.gain_curves(PROFIT), "needs a table with customers"),
        (lambda: plots.profit_curve(GAINS), "needs a table with threshold"),
        (lambda: plots.importance_bars(IMPORTANCE.iloc[:0]), "needs a table with rows"),
        (lambda: plots.demand_forecast(WEEKS, IMPORTANCE), "needs a table with forecast"),
    ],
)
def test_a_figure_says_what_it_needs(deed, sentence):
    with pytest.raises(InputError, match=sentence):
        deed()
