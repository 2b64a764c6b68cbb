"""Chapter 08 on a reader's own file, and answers that its exercises must tell apart."""

import io
import math

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers.baskets import (
    Baskets,
    adjust_p_values,
    association_rules,
    came_first,
    frequent_itemsets,
    holdout_validation,
    number_of_tests,
    show_rules,
    stratified_p_value,
    suggest_bundles,
)
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.exercises import ExerciseError, check
from tools import notebooks

ITEMS = ["milk, 1 l", "bread ", "茶壶", "🍵 tea", "NULL", "nan", "  ", "Größe", "0012", "=SUM(A1)"]


@pytest.fixture(scope="module")
def rules_that_hold():
    """The function that the chapter gives its reader for Monday, as printed."""
    notebook = notebooks.read(notebooks.NOTEBOOKS / "08_market_baskets.ipynb")
    [cell] = [cell for cell in notebook.cells if cell.id == "monday-function"]
    names = {
        function.__name__: function
        for function in (
            adjust_p_values,
            association_rules,
            came_first,
            frequent_itemsets,
            holdout_validation,
            number_of_tests,
            stratified_p_value,
        )
    }
    names |= {"pd": pd, "Baskets": Baskets}
    exec(cell.source, names)
    return names["rules_that_hold"]


@pytest.fixture(scope="module")
def receipts():
    """Receipts of a till with odd names; a pot brings tea in three of five cases, no other rule."""
    draw = np.random.Generator(np.random.PCG64(8))
    rows = []
    for number in range(3000):
        held = set(draw.choice(ITEMS, size=draw.integers(1, 4), replace=False).tolist())
        if "茶壶" in held and draw.random() < 0.6:
            held.add("🍵 tea")
        rows += [(f"R{number:05d}", item) for item in sorted(held, key=lambda item: item != "茶壶")]
    text = pd.DataFrame(rows, columns=["Bon-Nr.", "Artikel"]).to_csv(index=False)
    return pd.read_csv(io.StringIO(text), dtype="str", keep_default_na=False, na_values=[""])


@pytest.mark.recovery
def test_the_one_rule_of_a_file_is_found_with_its_names_and_its_direction(rules_that_hold, receipts):
    assert sorted(receipts["Artikel"].unique()) == sorted(ITEMS)
    found = rules_that_hold(receipts, "Bon-Nr.", "Artikel")
    assert show_rules(found)["rule"].tolist() == ["{'茶壶'} => {'🍵 tea'}"]
    margins = dict.fromkeys(ITEMS, 10.0)
    [offer] = suggest_bundles(found, margins, discount=1.0, uptake=0.25 * found["certainty"]).itertuples()
    assert offer.consequents == frozenset({"🍵 tea"})


@pytest.mark.recovery
def test_an_item_in_every_basket_makes_no_rule(rules_that_hold, receipts):
    bag = receipts.drop_duplicates("Bon-Nr.").assign(Artikel="bag")
    both = pd.concat([receipts, bag]).sort_values("Bon-Nr.", kind="stable")
    found = rules_that_hold(both, "Bon-Nr.", "Artikel")
    assert show_rules(found)["rule"].tolist() == ["{'茶壶'} => {'🍵 tea'}"]


@pytest.mark.bad_input
@pytest.mark.parametrize("column", ["Bon-Nr.", "Artikel"])
def test_an_empty_cell_is_named(rules_that_hold, receipts, column):
    hole = receipts.copy()
    hole.loc[5, column] = None
    with pytest.raises(InputError, match=rf"'{column}' .* missing in 1 of .*row 5"):
        rules_that_hold(hole, "Bon-Nr.", "Artikel")


@pytest.mark.bad_input
@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_receipts_are_refused(rules_that_hold, receipts, rows):
    with pytest.raises(InputError, match="no rows"):
        rules_that_hold(receipts.head(rows), "Bon-Nr.", "Artikel")


@pytest.mark.bad_input
@pytest.mark.parametrize("items", [["x", "y", "z"] * 100, [f"item {number}" for number in range(300)]])
def test_without_a_rule_nothing_holds_and_no_offer_is_made(rules_that_hold, items):
    alone = pd.DataFrame({"receipt": np.arange(300), "article": items})
    found = rules_that_hold(alone, "receipt", "article")
    assert len(found) == 0
    assert len(suggest_bundles(found, {}, discount=1.0, uptake=0.25 * found["certainty"])) == 0


def _break_even(low, high):
    def break_even(n_a, n_both, margin, discount, leak):
        cost, gain = leak * n_both * discount, (n_a - n_both) * (margin - discount)
        if gain == 0:
            return math.inf
        uptake = cost / gain
        return low(uptake) if uptake < 0 else high(uptake) if uptake > 1 else uptake

    return break_even


def _never(_):
    return math.inf


def _as_it_is(uptake):
    return uptake


def _one(_):
    return 1.0


WRONG = {
    "the first closed set": (
        "08.1",
        lambda closed, items: next((count for known, count in closed.items() if items <= known), 0),
        "no order",
    ),
    "an uptake below 0": ("08.4", _break_even(_as_it_is, _never), "below 0"),
    "an uptake above 1": ("08.4", _break_even(_never, _as_it_is), "above 1"),
    "an uptake of 1": ("08.4", _break_even(_never, _one), "You say 1"),
    "stopped too early": (
        "08.3",
        lambda p_values, n_tests, level: next(
            (place for place, p in enumerate(sorted(p_values)) if p > level * (place + 1) / n_tests),
            len(p_values),
        ),
        "first p-value above",
    ),
}


@pytest.mark.unit
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_refused_with_its_own_hint(name):
    key, answer, hint = WRONG[name]
    with pytest.raises(ExerciseError, match=hint):
        check(key, answer)


@pytest.mark.unit
def test_the_same_answers_mended_pass(capsys):
    check("08.4", _break_even(_never, _never))
    check("08.1", lambda closed, items: max((n for known, n in closed.items() if known >= items), default=0))
    assert capsys.readouterr().out.count("right") == 2
