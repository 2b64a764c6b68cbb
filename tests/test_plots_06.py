"""The figures of chapter 06: they show the numbers they are given, and their sentence says the same."""

import re

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

BOUGHT = np.array([1, 0, 0, 1, 0, 0, 0, 0])
SCORES = pd.DataFrame(
    {"model": [0.9, 0.2, 0.4, 0.3, 0.1, 0.0, 0.25, 0.15], "noise": [0.1, 0.7, 0.2, 0.3, 0.9, 0.4, 0.6, 0.5]}
)
EXAMS = pd.DataFrame(
    {
        "exam": ["rows", "rows", "time", "time"],
        "model": ["EASE", "SVD", "EASE", "SVD"],
        "estimate": [0.164, 0.114, 0.087, 0.117],
        "low": [0.149, 0.102, 0.076, 0.105],
        "high": [0.178, 0.127, 0.097, 0.130],
        "true": [0.105, 0.122, 0.105, 0.122],
    }
)
LEADS = pd.DataFrame(
    {"difference": [-0.045, -0.002, 0.009], "low": [-0.057, -0.01, 0.003], "high": [-0.033, 0.006, 0.015]},
    index=[20, 500, 3416],
)
POWER = pd.DataFrame(
    {
        "formula": [0.3, 0.8, 0.95],
        "simulated": [0.31, 0.79, 0.96],
        "low": [0.28, 0.76, 0.94],
        "high": [0.34, 0.82, 0.97],
    },
    index=[1000, 4000, 8000],
)
ALARMS = pd.DataFrame(
    {"share": [0.051, 0.142, 0.193], "low": [0.042, 0.127, 0.176], "high": [0.062, 0.158, 0.211]},
    index=[1, 5, 10],
)
ESTIMATES = pd.DataFrame({"IPS": [0.11, 0.15, 0.13], "direct": [0.09, 0.091, 0.092]})

FIGURES = {
    "roc_and_precision": lambda: plots.roc_and_precision(SCORES, BOUGHT),
    "exams_against_truth": lambda: plots.exams_against_truth(EXAMS),
    "difference_by_candidates": lambda: plots.difference_by_candidates(LEADS, "item-kNN", "BPR"),
    "power_check": lambda: plots.power_check(POWER),
    "false_alarms": lambda: plots.false_alarms(ALARMS),
    "policy_estimates": lambda: plots.policy_estimates(ESTIMATES, 0.12),
}


def sentence(axes):
    first = axes.flat[0] if isinstance(axes, np.ndarray) else axes
    return first.figure.get_label()


def numbers(text):
    return [float(number) for number in re.findall(r"[-+]?\d+\.\d+", text)]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_can_be_shown_with_its_sentence(name, monkeypatch):
    axes = FIGURES[name]()
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    (data, kwargs) = shown[0]
    assert data["text/plain"] == kwargs["metadata"]["image/png"]["alt"] == sentence(axes)
    assert len(sentence(axes)) > 40
    assert data["image/png"].startswith("iVBOR")


def test_curves_have_the_areas_of_pair_counting():
    axes = plots.roc_and_precision(SCORES, BOUGHT)
    pairs = [
        np.mean([one > other for one in SCORES[name][BOUGHT == 1] for other in SCORES[name][BOUGHT == 0]])
        for name in SCORES
    ]
    # 2 buyers: at ranks 1 and 3 for the model, at 6 and 8 for noise
    averages = [(1 + 2 / 3) / 2, (1 / 6 + 2 / 8) / 2]
    expected = [25.0, pairs[0], averages[0], pairs[1], averages[1]]
    np.testing.assert_allclose(numbers(sentence(axes)), expected, atol=0.0006)
    curve = axes[0].lines[1]
    assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(pairs[0])
    assert axes[1].lines[0].get_ydata()[0] == pytest.approx(0.25)
    for labels in ([0] * 8, [1] * 8):
        with pytest.raises(InputError, match="buyers and others"):
            plots.roc_and_precision(SCORES, labels)


def test_exams_stand_beside_the_truth():
    axes = plots.exams_against_truth(EXAMS)
    assert "EASE, true value 0.105: rows 0.164 [0.149, 0.178], time 0.087" in sentence(axes)
    dots = {line.get_label(): line.get_xdata() for line in axes.lines if line.get_linestyle() == "None"}
    np.testing.assert_allclose(dots["SVD"], [0.114, 0.117])
    dashed = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(dashed, [0.105, 0.122])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["rows", "time"]
    with pytest.raises(InputError, match="true"):
        plots.exams_against_truth(EXAMS.drop(columns="true"))


def test_difference_by_candidates_ends_with_all_items():
    axes = plots.difference_by_candidates(LEADS, "item-kNN", "BPR")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "500", "all"]
    np.testing.assert_allclose(numbers(sentence(axes)), LEADS.to_numpy().ravel())
    with pytest.raises(InputError, match="low"):
        plots.difference_by_candidates(LEADS.drop(columns="low"), "a", "b")


def test_power_shows_formula_and_simulation():
    axes = plots.power_check(POWER)
    assert "4,000 customers 0.800, simulated 0.790" in sentence(axes)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), POWER["formula"])
    np.testing.assert_allclose(axes.lines[2].get_ydata(), POWER["simulated"])
    with pytest.raises(InputError, match="simulated"):
        plots.power_check(POWER.drop(columns="simulated"))


def test_false_alarms_are_measured_against_the_level():
    axes = plots.false_alarms(ALARMS)
    assert "10 looks 0.193 [0.176, 0.211]; allowed are 0.05" in sentence(axes)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 0.05)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), ALARMS["share"])
    with pytest.raises(InputError, match="share"):
        plots.false_alarms(ALARMS.drop(columns="share"))


def test_policy_estimates_show_bias_and_spread():
    axes = plots.policy_estimates(ESTIMATES, 0.12)
    assert "IPS 0.1300 [0.1110, 0.1490]; direct 0.0910" in sentence(axes)
    assert sentence(axes).endswith("the true value is 0.1200.")
    np.testing.assert_allclose(axes.lines[0].get_xdata(), 0.12)
    np.testing.assert_allclose(axes.lines[1].get_xdata(), [0.13, 0.091])
    with pytest.raises(InputError, match="two repetitions"):
        plots.policy_estimates(ESTIMATES.head(1), 0.12)
