"""The figures of chapter 05: they show the numbers they are given, and their sentence says the same."""

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

EXAMS = pd.DataFrame(
    [
        ("known", "EASE", 0.07, 0.06, 0.081),
        ("known", "content", 0.012, 0.008, 0.017),
        ("new item", "EASE", 0.041, 0.035, 0.047),
        ("new item", "content", 0.127, 0.113, 0.141),
    ],
    columns=["exam", "model", "estimate", "low", "high"],
)
HISTORY = pd.DataFrame(
    [
        (0, "popular", 0.4, 0.35, 0.45),
        (3, "popular", 0.31, 0.26, 0.36),
        (0, "hybrid", 0.41, 0.36, 0.46),
        (3, "hybrid", 0.44, 0.39, 0.49),
    ],
    columns=["known", "model", "estimate", "low", "high"],
)
TRUST = pd.DataFrame(
    {
        "user": [0, 5, 0, 5],
        "item": [9, 9, 0, 0],
        "EASE": [0.1, 1.2, 0.0, -0.3],
        "content": [0.2, 0.2, 0.5, 0.6],
    }
)
FIGURES = {
    "cold_start_panels": lambda: plots.cold_start_panels(EXAMS),
    "marks_by_history": lambda: plots.marks_by_history(HISTORY),
    "trust_by_history": lambda: plots.trust_by_history(TRUST),
}


def first(axes):
    return axes.flat[0] if isinstance(axes, np.ndarray) else axes


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_can_be_shown_and_says_what_it_shows(name, monkeypatch):
    axes = FIGURES[name]()
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    data, kwargs = shown[0]
    assert data["text/plain"] == first(axes).figure.get_label()
    assert kwargs["metadata"]["image/png"]["alt"] == data["text/plain"]


def test_panels_of_examinations():
    panels = FIGURES["cold_start_panels"]()
    sentence = first(panels).figure.get_label()
    assert [axes.get_title(loc="left") or axes.get_title() for axes in panels] == ["known", "new item"]
    for part in ("EASE 0.070 [0.060, 0.081]", "new item: EASE 0.041", "content 0.127 [0.113, 0.141]"):
        assert part in sentence
    dots = [line.get_xdata()[0] for line in panels[1].lines]
    assert dots == [0.041, 0.127]
    # a model that sat only one of the examinations
    part = plots.cold_start_panels(EXAMS.drop(index=1))
    assert "content" not in first(part).figure.get_label().split(";")[0]


def test_marks_by_history():
    axes = FIGURES["marks_by_history"]()
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.4, 0.31], [0.41, 0.44]]
    assert "popular 0 0.400, 3 0.310" in axes.figure.get_label()


def test_trust_by_history():
    panels = FIGURES["trust_by_history"]()
    assert len(panels) == 2
    assert panels[0].lines[1].get_ydata().tolist() == [0.1, 1.2]
    assert panels[1].lines[2].get_ydata().tolist() == [0.5, 0.6]
    sentence = first(panels).figure.get_label()
    assert "known item, from 0 to 5 interactions of the user: EASE 0.10 to 1.20" in sentence
    assert "new item, from 0 to 5 interactions of the user: EASE 0.00 to -0.30" in sentence
    part = TRUST.assign(EASE=TRUST["EASE"].where(TRUST["item"] > 0))
    shown = first(plots.trust_by_history(part)).figure.get_label()
    assert shown.endswith("new item, from 0 to 5 interactions of the user: content 0.50 to 0.60.")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("function", "table"),
    [
        (plots.cold_start_panels, EXAMS.drop(columns="low")),
        (plots.cold_start_panels, EXAMS.iloc[:0]),
        (plots.marks_by_history, HISTORY.drop(columns="known")),
        (plots.trust_by_history, TRUST[["EASE"]]),
        (plots.trust_by_history, TRUST[["user", "item"]]),
    ],
)
def test_bad_tables(function, table):
    with pytest.raises(InputError, match="needs"):
        function(table)
