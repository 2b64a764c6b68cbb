"""The figures of chapter 03: they show the numbers they are given, and their sentence says the same."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

MODELS = pd.DataFrame(
    {
        "estimate": [0.0325, 0.0651, 0.0612],
        "low": [0.0263, 0.0548, 0.0519],
        "high": [0.0391, 0.0759, 0.0711],
        "RMSE": [0.913, 0.988, 0.901],
        "nDCG@10": [0.0177, 0.0021, 0.0087],
        "difference": [-0.0011, 0.0213, 0.0305],
    },
    index=["popularity", "EASE", "item-kNN"],
)
GAINS = (
    MODELS[["difference"]]
    .assign(low=[-0.006, 0.012, 0.019], high=[0.004, 0.03, 0.042])
    .set_index(pd.Index(["1", "5", "all"]))
)
CURVES = pd.DataFrame(
    {"user-kNN": [0.05, 0.0612, 0.058], "item-kNN": [0.0634, 0.06, 0.0589]}, index=[10, 50, 200]
)


def sentence(axes):
    return axes.figure.get_label()


def numbers(text):
    return [float(number) for number in re.findall(r"[-+]?\d+\.\d+", text)]


FIGURES = {
    "long_tail": lambda: plots.long_tail([50, 30, 10, 5, 5]),
    "validation_curves": lambda: plots.validation_curves(CURVES, reference=("popularity", 0.0325)),
    "model_intervals": lambda: plots.model_intervals(MODELS),
    "error_against_ranking": lambda: plots.error_against_ranking(MODELS, reference=("popularity", 0.0325)),
    "gain_by_history": lambda: plots.gain_by_history(GAINS),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_an_axes_that_can_be_shown(name, monkeypatch):
    axes = FIGURES[name]()
    assert isinstance(axes, Axes)
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    (data, kwargs) = shown[0]
    assert data["text/plain"] == kwargs["metadata"]["image/png"]["alt"] == sentence(axes)
    assert len(data["image/png"]) > 5_000
    assert axes.get_xlabel()
    assert axes.get_title(loc="left")


def test_long_tail_counts_the_head():
    axes = plots.long_tail([5, 50, 5, 30, 10], share=0.2, things="products", events="orders")
    assert "the most popular 20% of the products hold 50.0% of the orders" in sentence(axes)
    line = axes.lines[0]
    np.testing.assert_allclose(line.get_xdata(), [0, 20, 40, 60, 80, 100])
    np.testing.assert_allclose(line.get_ydata(), [0, 50, 80, 90, 95, 100])
    with pytest.raises(InputError, match="at least one event"):
        plots.long_tail([])


def test_validation_curves_name_the_best_setting():
    axes = plots.validation_curves(CURVES, reference=("popularity", 0.0325))
    assert "user-kNN is best at 50 with 0.0612" in sentence(axes)
    assert "item-kNN is best at 10 with 0.0634" in sentence(axes)
    assert "popularity has 0.0325" in sentence(axes)
    drawn = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == len(CURVES)]
    np.testing.assert_allclose(drawn, CURVES.T.to_numpy())


def test_model_intervals_show_the_best_on_top():
    axes = plots.model_intervals(MODELS)
    ordered = MODELS.sort_values("estimate", ascending=False)
    expected = ordered[["estimate", "low", "high"]].to_numpy().ravel()
    np.testing.assert_allclose(numbers(sentence(axes)), expected)
    assert [label.get_text() for label in axes.get_yticklabels()] == ordered.index[::-1].tolist()
    np.testing.assert_allclose(axes.lines[0].get_xdata(), ordered["estimate"][::-1])
    with pytest.raises(InputError, match="missing: low"):
        plots.model_intervals(MODELS.drop(columns="low"))


def test_error_against_ranking_names_both_winners():
    axes = plots.error_against_ranking(MODELS, reference=("best-sellers", 0.0325))
    for name, row in MODELS.iterrows():
        assert f"{name} {row['RMSE']:.3f} and {row['nDCG@10']:.4f}" in sentence(axes)
    assert "The lowest RMSE is that of item-kNN" in sentence(axes)
    assert "the highest nDCG@10 that of popularity" in sentence(axes)
    assert "best-sellers have nDCG@10 0.0325" in sentence(axes)


def test_gain_by_history_fills_what_is_clear_of_zero():
    axes = plots.gain_by_history(GAINS)
    np.testing.assert_allclose(numbers(sentence(axes)), GAINS.to_numpy().ravel())
    filled, hollow = (line for line in axes.lines if line.get_marker() == "o")
    np.testing.assert_allclose(filled.get_ydata(), [0.0213, 0.0305])
    np.testing.assert_allclose(hollow.get_ydata(), [-0.0011])
    assert hollow.get_fillstyle() == "none"
