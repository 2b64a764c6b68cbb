"""The figures of chapter 08: they show the numbers they are given, and their sentence says the same."""

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots import baskets as room

pytestmark = pytest.mark.unit

RULES = pd.DataFrame(
    {
        "antecedents": [frozenset({1}), frozenset({3}), frozenset({5})],
        "consequents": [frozenset({2}), frozenset({1}), frozenset({4})],
        "confidence": [0.5, 0.25, 0.875],
        "lift": [4.0, 2.0, 8.0],
    }
)
LIFTS = pd.DataFrame([[np.nan, 2.0], [0.5, np.nan]], index=["tea", "pot"], columns=["tea", "pot"])
COUNTS = pd.DataFrame({"Fisher": [68, 72, 66], "by size": [0, 0, 1]})
AGAIN = pd.DataFrame(
    {"confidence": [0.5, 0.7, 0.2], "holdout confidence": [0.4, 0.6, 0.2], "kind": ["a", "a", "b"]}
)
FIGURES = {
    "rule_network": lambda: plots.rule_network(RULES, names={1: "Longjing green tea"}),
    "lift_heat_map": lambda: plots.lift_heat_map(LIFTS),
    "false_rule_counts": lambda: plots.false_rule_counts(COUNTS),
    "confidence_again": lambda: plots.confidence_again(AGAIN),
}


def test_every_figure_is_tried():
    assert set(FIGURES) == set(room.__all__)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_can_be_shown_and_says_what_it_shows(name, monkeypatch):
    axes = FIGURES[name]()
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    data, kwargs = shown[0]
    assert data["text/plain"] == axes.figure.get_label()
    assert kwargs["metadata"]["image/png"]["alt"] == data["text/plain"]


def test_network_has_an_arrow_for_each_rule_and_tied_items_side_by_side():
    axes = FIGURES["rule_network"]()
    assert len(axes.patches) == len(RULES)
    assert [patch.get_linewidth() for patch in axes.patches] == [3.0, 2.0, 4.5]
    assert sorted(text.get_text() for text in axes.texts) == ["2", "3", "4", "5", "Longjing green tea"]
    assert "Longjing green tea to 2 0.50" in axes.figure.get_label()
    assert "largest lift is 8.0, 3.00 bits" in axes.figure.get_label()
    order = room._chained([(1, 2), (3, 1), (5, 4)])
    assert sorted(order) == [1, 2, 3, 4, 5]
    assert abs(order.index(1) - order.index(2)) == abs(order.index(1) - order.index(3)) == 1
    assert abs(order.index(4) - order.index(5)) == 1


def test_network_refuses_what_it_cannot_draw():
    two = RULES.assign(antecedents=[frozenset({1, 9}), *RULES["antecedents"][1:]])
    for rules in (two, RULES.head(0)):
        with pytest.raises(InputError, match="one item on each side"):
            plots.rule_network(rules)


def test_heat_map_writes_the_bits():
    axes = FIGURES["lift_heat_map"]()
    assert [text.get_text() for text in axes.texts] == ["1.0", "-1.0"]
    assert (
        "the highest value is tea and pot +1.00 bits, the lowest pot and tea -1.00" in axes.figure.get_label()
    )
    for wrong in (LIFTS.replace(2.0, 0.0), LIFTS * np.nan):
        with pytest.raises(InputError, match="above 0"):
            plots.lift_heat_map(wrong)


def test_numbers_stand_out_on_every_colour():
    assert [room._readable(colour) for colour in ((1, 1, 1, 1), (0, 0, 0, 1), (1, 0.6, 0, 1))] == [
        "black",
        "white",
        "black",
    ]


def test_false_rules_of_each_run():
    axes = FIGURES["false_rule_counts"]()
    assert [line.get_xdata().tolist() for line in axes.lines] == [[68, 72, 66], [0, 0, 1]]
    sentence = axes.figure.get_label()
    assert "3 shuffled runs: Fisher 66 to 72 false rules, at least one in 3 runs" in sentence
    assert "by size 0 to 1 false rules, at least one in 1 runs" in sentence


def test_confidence_where_found_and_again():
    axes = FIGURES["confidence_again"]()
    assert [line.get_ydata().tolist() for line in axes.lines[1:]] == [[0.4, 0.6], [0.2]]
    assert "a, 2 rules, mean 0.600 then 0.500" in axes.figure.get_label()
