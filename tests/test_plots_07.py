"""The figures of chapter 07: they show the numbers they are given, and their sentence says the same."""

import re

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import plots
from bigmkt_helpers import segments as sg
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

CHOICE = pd.DataFrame(
    {
        "inertia": [90.0, 40.0, 35.0],
        "silhouette": [0.41, 0.62, 0.55],
        "gap": [0.31, 0.85, 0.81],
        "s": [0.02, 0.03, 0.03],
        "gap_chosen": [False, True, False],
        "bic": [747.3, 584.2, 604.8],
        "stability": [1.0, 1.0, 0.72],
        "stability_low": [1.0, 1.0, 0.51],
        "stability_high": [1.0, 1.0, 0.93],
    },
    index=pd.Index([2, 3, 4], name="k"),
)
TREE = sg.Hierarchy(method="single").fit([[0.0], [1.0], [5.0], [7.0]])
CARDS = sg.persona_cards(
    pd.DataFrame({"money": [1.0, 2.0, 3.0, 10.0, 20.0, 30.0] * 8, "shoe": [40.0, 41.0, 42.0] * 16}),
    ["small", "small", "small", "big", "big", "big"] * 8,
    n_resamples=100,
)
GRID = pd.DataFrame({"r": [1, 2, 2], "f": [1, 1, 2], "n": [1200, 40, 7], "mean": [12.5, 30.0, 95.5]})

FIGURES = {
    "choice_curves": lambda: plots.choice_curves(CHOICE),
    "dendrogram": lambda: plots.dendrogram(TREE.dendrogram(), cut=2),
    "persona_panels": lambda: plots.persona_panels(CARDS),
    "rfm_heat_map": lambda: plots.rfm_heat_map(GRID),
}


def first(axes):
    return axes.flat[0] if isinstance(axes, np.ndarray) else axes


def sentence(axes):
    return first(axes).figure.get_label()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_can_be_shown(name, monkeypatch):
    axes = FIGURES[name]()
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    ((data, kwargs),) = shown
    assert data["text/plain"] == sentence(axes) == kwargs["metadata"]["image/png"]["alt"]
    assert len(sentence(axes)) > 60
    assert sentence(axes).endswith(".")
    assert first(axes).get_title(loc="left")


def test_choice_curves_draw_and_say_the_choices():
    axes = FIGURES["choice_curves"]()
    assert axes.shape == (2, 2)
    for axis, column in zip(axes.flat, ["silhouette", "gap", "bic", "stability"], strict=True):
        line, ring = axis.lines[0], axis.lines[-1]
        np.testing.assert_allclose(np.asarray(line.get_ydata(), dtype=float), CHOICE[column])
        # of equally stable numbers the largest
        assert list(ring.get_xdata()) == [3]
    text = sentence(axes)
    assert text.count("(chooses 3)") == 4
    assert "0.62" in text
    undecided = CHOICE.assign(gap_chosen=False, bic=np.nan)
    assert sentence(plots.choice_curves(undecided)).count("(chooses none)") == 2


def test_dendrogram_has_a_bracket_per_merge():
    axes = FIGURES["dendrogram"]()
    brackets = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert sorted(max(line.get_ydata()) for line in brackets) == [1, 2, 4]
    (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert dashed.get_ydata()[0] == 3
    assert "Tree of 4 legs for 4 customers" in sentence(axes)
    assert "cut at 3 into 2 segments" in sentence(axes)
    assert "Tree of 2 legs for 4 customers" in sentence(plots.dendrogram(TREE.dendrogram(2)))


def test_persona_panels_show_medians_and_what_stands_out():
    axes = FIGURES["persona_panels"]()
    drawn = [line for line in first(axes).lines if line.get_marker() in ("o", "s")]
    assert [line.get_xdata()[0] for line in drawn] == [20, 2]
    assert {line.get_marker() for line in drawn} == {"o"}
    quiet = [line for line in axes.flat[1].lines if line.get_marker() in ("o", "s")]
    assert {line.get_marker() for line in quiet} == {"s"}
    assert "money (all 6.5): big 20, small 2" in sentence(axes)
    assert [label.get_text() for label in first(axes).get_yticklabels()] == ["big (50%)", "small (50%)"]
    assert first(axes).get_ylabel() == "segment (share)"
    four = pd.DataFrame(np.arange(96.0).reshape(24, 4), columns=list("abcd"))
    assert plots.persona_panels(sg.persona_cards(four, ["x", "y"] * 12, n_resamples=100)).shape == (2, 2)


def test_heat_map_writes_the_customers_in_the_cells():
    axes = FIGURES["rfm_heat_map"]()
    assert sorted(text.get_text() for text in axes.texts) == ["1,200", "40", "7"]
    cells = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_array_equal(cells, [[12.5, 30.0], [np.nan, 95.5]])
    numbers = re.findall(r"[\d,.]*\d", sentence(axes))
    assert {"3", "1,247", "95.5", "1,200"} <= set(numbers)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plots.choice_curves(CHOICE.iloc[:0]), "at least one number"),
        (lambda: plots.dendrogram(TREE.dendrogram().iloc[:0]), "at least one bracket"),
        (lambda: plots.dendrogram(TREE.dendrogram(), cut=9), "cut is 9"),
        (lambda: plots.persona_panels(CARDS, ["age"]), "no feature 'age'"),
        (lambda: plots.rfm_heat_map(GRID.iloc[:0]), "at least one cell"),
    ],
)
def test_bad_input_gives_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()
