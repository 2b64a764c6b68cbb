"""Market baskets: hand tables, brute force over all subsets, mlxtend on the same data, published counts."""

import math
import os
import tracemalloc
from collections import Counter
from fractions import Fraction
from itertools import chain, combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import apriori, fpgrowth
from mlxtend.frequent_patterns import association_rules as mlxtend_rules
from scipy import stats

from bigmkt_helpers import baskets as room
from bigmkt_helpers.baskets import (
    Baskets,
    adjust_p_values,
    apriori_levels,
    association_rules,
    came_first,
    closed_itemsets,
    exact_share,
    fisher_p_value,
    frequent_itemsets,
    holdout_validation,
    mark_redundant,
    maximal_itemsets,
    number_of_tests,
    show_itemset,
    show_rules,
    shuffle_baskets,
    shuffled_p_value,
    smallest_count,
    split_baskets,
    stratified_p_value,
    suggest_bundles,
)
from bigmkt_helpers.baskets import itemsets as mining
from bigmkt_helpers.datasets import load_shop
from bigmkt_helpers.errors import InputError

FOUR = [["apples", "bread", "milk"], ["apples", "bread", "milk"], ["apples", "bread"], ["bread", "milk"]]
"""The four baskets of the articles."""

SMALL = st.lists(st.lists(st.integers(0, 6), max_size=6), min_size=1, max_size=14)


def as_dict(found):
    assert not found["itemsets"].duplicated().any()
    return dict(zip(found["itemsets"], found["count"].tolist()))


def parts(items):
    """All subsets that are neither empty nor everything."""
    items = sorted(items)
    sizes = range(1, len(items))
    return map(frozenset, chain.from_iterable(combinations(items, size) for size in sizes))


def brute_force(lists, least):
    """Every subset of the items, looked for in every basket."""
    contents = [frozenset(items) for items in lists]
    every = frozenset(chain.from_iterable(lists))
    counts = {part: sum(part <= basket for basket in contents) for part in [*parts(every), every] if part}
    return {part: count for part, count in counts.items() if count >= least}


def random_lists(seed, n_baskets=300, n_items=12, mean=3.0):
    generator = np.random.Generator(np.random.PCG64(seed))
    weights = generator.dirichlet(np.ones(n_items))
    sizes = 1 + generator.poisson(mean, n_baskets)
    return [generator.choice(n_items, size=size, p=weights).tolist() for size in sizes]


def rule_keys(rules):
    return list(zip(rules["antecedents"], rules["consequents"]))


# shares and tables


@pytest.mark.unit
def test_a_share_is_the_fraction_that_it_stands_for():
    for total in range(1, 160):
        for count in range(1, total + 1):
            assert smallest_count(count / total, total) == count
            assert smallest_count(Fraction(count, total), total) == count
    assert [smallest_count(share, 100) for share in (0.07, 0.14, 0.28, 0.29, 0.55, 0.56, 0.57)] == [
        7, 14, 28, 29, 55, 56, 57,
    ]  # fmt: skip
    assert math.ceil(0.07 * 100) == 8  # what the float gives
    assert exact_share(0.8, 9835) == Fraction(4, 5)
    assert smallest_count(1e-9, 50) == 1
    assert smallest_count(0.5000001, 10**7) == 5_000_001


@pytest.mark.unit
def test_labels_stay_as_they_came():
    lists = [["milk, 1 l", "milk", "milk "], ["milk ", "茶壶", "🍵"], [], ["milk ", "milk "]]
    baskets = Baskets.from_lists(lists)
    assert baskets.labels == ["milk", "milk ", "milk, 1 l", "茶壶", "🍵"]
    assert baskets.n_baskets == 4
    assert baskets.item_counts().tolist() == [1, 3, 1, 1, 1]
    found = as_dict(frequent_itemsets(baskets, min_count=1))
    assert found[frozenset({"milk ", "茶壶", "🍵"})] == 1
    assert frozenset({"milk", "茶壶"}) not in found
    assert baskets.to_lists() == [sorted(set(items)) for items in lists]


@pytest.mark.unit
def test_baskets_of_any_kind_of_list():
    expected = [["a", "b"], ["b"], []]
    for kind in (list, tuple, set, frozenset, iter, np.array, pd.Series, dict.fromkeys):
        made = Baskets.from_lists(kind(items) for items in [["b", "a", "b"], ["b"], []])
        assert made.to_lists() == expected
        assert all(type(label) is str for label in made.labels)
    numbers = Baskets.from_lists([np.array([2, 10**12]), (2.0,), [np.uint8(2), -(2**63)], [2**63 - 1]])
    assert numbers.labels == [-(2**63), 2, 10**12, 2**63 - 1]
    assert all(type(label) is int for label in numbers.labels)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("", "is missing in 1 of 3 rows (first: row 1, value '')"),
        (None, "is missing in 1 of 3 rows"),
        (True, "is neither a whole number nor text"),
        (1.5, "is neither a whole number nor text"),
        (("a",), "is neither a whole number nor text"),
        (2**63, "is too large for a 64-bit whole number"),
        ("b", "is not a whole number like the labels before it"),
    ],
)
def test_every_item_is_looked_at(item, says):
    """One item among good ones of the same or the other kind."""
    good = "a" if item == "" else 1
    with pytest.raises(InputError) as caught:
        Baskets.from_lists([[good], [item], [good]])
    assert says in str(caught.value)
    assert Baskets.from_lists([[good], [good]]).labels == [good]


@pytest.mark.unit
@settings(deadline=None)
@given(SMALL)
def test_lists_tables_and_one_hot_are_the_same_baskets(lists):
    lists = [items or [0] for items in lists]
    frame = pd.DataFrame(
        [(place, item) for place, items in enumerate(lists) for item in items], columns=["receipt", "thing"]
    )
    ways = [
        Baskets.from_lists(lists),
        Baskets.from_table(frame.sample(frac=1, random_state=1), order_id="receipt", product_id="thing"),
        Baskets.of(Baskets.from_lists(lists).to_one_hot()),
    ]
    assert [way.to_lists() for way in ways] == [[sorted(set(items)) for items in lists]] * 3
    assert [way.labels for way in ways] == [sorted(set(chain.from_iterable(lists)))] * 3


@pytest.mark.unit
@settings(deadline=None)
@given(SMALL, st.lists(st.sets(st.integers(0, 7), max_size=4), max_size=6))
def test_counting_given_sets(lists, wanted):
    expected = [sum(items <= set(basket) for basket in lists) for items in wanted]
    assert Baskets.from_lists(lists).count(wanted).tolist() == expected


@pytest.mark.unit
def test_split_parts_share_nothing_and_lose_nothing():
    lists = [[place] for place in range(101)]
    one, other = split_baskets(lists, share=0.3, random_state=5)
    assert (one.n_baskets, other.n_baskets) == (30, 71)
    assert sorted(chain(*one.to_lists(), *other.to_lists())) == list(range(101))
    assert one.to_lists() != split_baskets(lists, share=0.3, random_state=6)[0].to_lists()


# itemsets


@pytest.mark.unit
def test_the_four_baskets_of_the_articles():
    found = frequent_itemsets(FOUR, min_support=0.5)
    assert [(show_itemset(items), share) for items, share in zip(found["itemsets"], found["support"])] == [
        ("{'apples'}", 0.75),
        ("{'bread'}", 1.0),
        ("{'milk'}", 0.75),
        ("{'apples', 'bread'}", 0.75),
        ("{'apples', 'milk'}", 0.5),
        ("{'bread', 'milk'}", 0.75),
        ("{'apples', 'bread', 'milk'}", 0.5),
    ]
    rules = association_rules(found, min_confidence=0)
    assert len(rules) == 12
    assert (rules["confidence"] >= 0.7).sum() == 5
    assert rules["lift"].max() == 1
    assert rules["lift"].min() == pytest.approx(8 / 9, rel=1e-12)
    assert mark_redundant(rules).all()
    assert (rules["q_value"] == 1).all()


@pytest.mark.unit
def test_five_items_of_which_one_is_frequent():
    """Supports .1, .2, .3, .1, .2: only item 3 reaches .3, and no pair can."""
    lists = [[1], [2], [2], [3], [3], [3], [4], [5], [5], []]
    levels = apriori_levels(lists, min_support=0.3)
    assert len(levels) == 1
    assert levels[0].frequent == [(3,)]
    assert levels[0].counts == {(1,): 1, (2,): 2, (3,): 3, (4,): 1, (5,): 2}
    assert as_dict(frequent_itemsets(lists, min_support=0.3)) == {frozenset({3}): 3}


@pytest.mark.unit
def test_join_and_prune_of_the_hand_table():
    lists = [[1, 3, 4], [2, 3, 5], [1, 2, 3, 5], [2, 5]]
    levels = apriori_levels(lists, min_count=2)
    assert levels[0].frequent == [(1,), (2,), (3,), (5,)]
    assert levels[1].joined == [(1, 2), (1, 3), (1, 5), (2, 3), (2, 5), (3, 5)]
    assert levels[1].frequent == [(1, 3), (2, 3), (2, 5), (3, 5)]
    assert levels[2].joined == [(2, 3, 5)]
    assert levels[2].counts == {(2, 3, 5): 2}
    assert len(levels) == 3
    four = apriori_levels([[1, 2], [1, 3], [1, 2, 3], [1, 4], [2, 3]], min_count=1)
    assert four[2].joined == [(1, 2, 3), (1, 2, 4), (1, 3, 4)]
    assert four[2].pruned == {(1, 2, 4): (2, 4), (1, 3, 4): (3, 4)}


@pytest.mark.unit
@settings(max_examples=150, deadline=None)
@given(SMALL, st.integers(1, 5), st.one_of(st.none(), st.integers(1, 4)))
def test_itemsets_closed_and_maximal_equal_brute_force(lists, least, longest):
    truth = brute_force(lists, least)
    cut = {items: count for items, count in truth.items() if len(items) <= (longest or 99)}
    closed = {i: n for i, n in cut.items() if not any(i < j and n == m for j, m in truth.items())}
    maximal = {i: n for i, n in cut.items() if not any(i < j for j in truth)}
    found = frequent_itemsets(lists, min_count=least, max_len=longest)
    assert as_dict(found) == cut
    assert as_dict(frequent_itemsets(lists, min_count=least, max_len=longest, kind="closed")) == closed
    assert as_dict(frequent_itemsets(lists, min_count=least, max_len=longest, kind="maximal")) == maximal
    levels = apriori_levels(lists, min_count=least, max_len=longest)
    by_hand = {frozenset(i): level.counts[i] for level in levels for i in level.frequent}
    assert by_hand == cut
    order = [(len(items), sorted(items)) for items in found["itemsets"]]
    assert order == sorted(order)
    if longest is None:
        assert as_dict(closed_itemsets(found)) == closed
        assert as_dict(maximal_itemsets(found)) == maximal


@pytest.mark.unit
@settings(max_examples=60, deadline=None)
@given(SMALL, st.integers(1, 100))
def test_support_as_a_share_is_compared_in_whole_numbers(lists, percent):
    share = Fraction(percent, 100)
    truth = {i: n for i, n in brute_force(lists, 1).items() if Fraction(n, len(lists)) >= share}
    assert as_dict(frequent_itemsets(lists, min_support=percent / 100)) == truth


@pytest.mark.unit
@pytest.mark.parametrize("sparse", [False, True])
def test_small_blocks_and_stripes_count_the_same(monkeypatch, sparse):
    lists = random_lists(3, n_baskets=1000)
    expected = as_dict(frequent_itemsets(lists, min_count=4))
    assert max(map(len, expected)) >= 4
    assert Counter(map(len, expected)) == Counter(len(i) for i in brute_force(lists, 4))
    monkeypatch.setattr(mining, "BLOCK", 128)
    monkeypatch.setattr(mining, "CHUNK", 256)
    monkeypatch.setattr(mining, "ENTRIES", 190)  # some blocks end here, some at their number of baskets
    if sparse:  # no room to hold the bits, and none for a table of pairs: made anew for each use
        monkeypatch.setattr(mining, "_bytes_of", lambda length: 0)
        assert as_dict(frequent_itemsets(lists, min_count=4, memory=400)) == expected
    assert as_dict(frequent_itemsets(lists, min_count=4)) == expected


@pytest.mark.unit
@settings(max_examples=40, deadline=None)
@given(SMALL, st.integers(1, 3), st.sampled_from([0.0, 2.0]), st.integers(1, 8), st.booleans())
def test_pairs_on_bits_or_by_product_in_any_blocks(lists, least, dense, entries, narrow):
    """A basket may hold more than is read at once, a stripe of items be one item, bits be made anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mining, "DENSE", dense)
        patch.setattr(mining, "ENTRIES", entries)
        patch.setattr(mining, "_bytes_of", lambda length: 0)
        found = frequent_itemsets(lists, min_count=least, memory=2.0 if narrow else 1e9)
    assert as_dict(found) == brute_force(lists, least)


@pytest.mark.unit
def test_the_border_between_bits_and_product(monkeypatch):
    """28 items in each of 28 baskets' worth of cells: at a density of 1/28 the product, above it bits."""
    at_border = [[item] for item in range(28)]
    above = [[*items] for items in at_border]
    above[0].append(1)
    used = []
    monkeypatch.setattr(mining, "_read", lambda *a, own=mining._read: used.append(1) or own(*a))
    monkeypatch.setattr(
        mining._Bits, "_made", lambda self, own=mining._Bits._made: used.append(2) or own(self)
    )
    frequent_itemsets(at_border, min_count=1)
    assert used == [1]
    used.clear()
    assert len(frequent_itemsets(above, min_count=1)) == 29
    assert used == [2, 1]


@pytest.mark.unit
def test_the_memory_of_the_search_does_not_grow_with_the_baskets():
    generator = np.random.Generator(np.random.PCG64(5))
    values = generator.integers(0, 97, size=(900_000, 4), dtype=np.int32)
    values += np.arange(4, dtype=np.int32) * 100  # four different ones, ascending
    indptr, peaks = np.arange(len(values) + 1) * 4, []
    for size in (300_000, 900_000):
        baskets = Baskets(list(range(400)), indptr[: size + 1], values[:size].ravel())
        tracemalloc.start()
        found = frequent_itemsets(baskets, min_support=0.00019)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found) >= 4 * 97
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.unit
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("peer", [apriori, fpgrowth])
def test_mlxtend_finds_the_same_itemsets_and_rules(seed, peer):
    baskets = Baskets.from_lists(random_lists(seed))
    ours = frequent_itemsets(baskets, min_support=0.02)
    theirs = peer(baskets.to_one_hot(), min_support=0.02, use_colnames=True)
    # a float at the border may lose them sets; here no count is at it
    assert 0.02 * baskets.n_baskets == 6
    assert as_dict(ours) == {
        items: round(share * baskets.n_baskets) for items, share in zip(theirs["itemsets"], theirs["support"])
    }
    assert ours.columns[:2].tolist() == ["support", "itemsets"]
    confidence = 0.317  # no count makes it exactly
    our_rules = association_rules(ours, min_confidence=confidence)
    their_rules = mlxtend_rules(theirs, metric="confidence", min_threshold=confidence)
    assert our_rules.columns[: len(their_rules.columns)].tolist() == their_rules.columns.tolist()
    assert len(our_rules) > 20
    both = show_rules(our_rules).set_index("rule").sort_index()
    others = show_rules(their_rules).set_index("rule").sort_index()
    pd.testing.assert_frame_equal(both[others.columns], others, check_exact=False, atol=1e-12)
    # and each takes the other's itemsets
    crossed = association_rules(theirs, n_baskets=baskets.n_baskets, min_confidence=confidence)
    pd.testing.assert_frame_equal(crossed, our_rules)
    assert len(mlxtend_rules(ours, min_threshold=confidence)) == len(our_rules)


# rules


@pytest.mark.unit
@settings(max_examples=60, deadline=None)
@given(SMALL, st.integers(1, 3), st.integers(0, 20), st.one_of(st.none(), st.integers(1, 2)))
def test_rules_equal_brute_force_in_fractions(lists, least, twentieths, longest):
    counts = brute_force(lists, least)
    share, n = Fraction(twentieths, 20), len(lists)
    expected = {}
    for items, both in counts.items():
        for left in parts(items):
            if Fraction(both, counts[left]) >= share and len(items - left) <= (longest or 99):
                expected[left, items - left] = (counts[left], counts[items - left], both)
    rules = association_rules(
        frequent_itemsets(lists, min_count=least), min_confidence=twentieths / 20, max_consequent=longest
    )
    found = rules[["antecedent count", "consequent count", "count"]].to_numpy().tolist()
    assert dict(zip(rule_keys(rules), map(tuple, found))) == expected
    assert len(rules) == len(expected)
    for row in rules.to_dict("records"):
        a, c, both = expected[row["antecedents"], row["consequents"]]
        lift = Fraction(both * n, a * c)
        assert row["lift"] == pytest.approx(float(lift), rel=1e-12)
        assert row["leverage"] == pytest.approx(float(Fraction(both, n) - Fraction(a * c, n * n)), abs=1e-12)
        conviction = math.inf if both == a else float((1 - Fraction(c, n)) / (1 - Fraction(both, a)))
        assert row["conviction"] == pytest.approx(conviction, rel=1e-9)
        widest = max(Fraction(both, n) * (1 - Fraction(a, n)), Fraction(a, n) * Fraction(c - both, n))
        zhang = float((Fraction(both, n) - Fraction(a * c, n * n)) / widest) if widest else 0.0
        assert row["zhangs_metric"] == pytest.approx(zhang, abs=1e-12)
        ways = sum(math.comb(c, k) * math.comb(n - c, a - k) for k in range(both, min(a, c) + 1))
        assert row["p_value"] == pytest.approx(ways / math.comb(n, a), rel=1e-9)
    # a rule is redundant if some part of its antecedents, or none, does at least as well
    for row, redundant in zip(rules.to_dict("records"), mark_redundant(rules)):
        left, right = row["antecedents"], row["consequents"]
        own = Fraction(counts[left | right], counts[left])
        simpler = [Fraction(counts[part | right], counts[part]) for part in parts(left)]
        assert redundant == (max([*simpler, Fraction(counts[right], n)]) >= own)


@pytest.mark.unit
def test_lift_at_the_border_is_kept():
    lists = [["a", "b"]] * 3 + [["a"]] * 2 + [["b"]] * 2 + [[]] * 3
    rules = association_rules(frequent_itemsets(lists, min_count=1), min_confidence=0.6, min_lift=1.2)
    assert rules["lift"].tolist() == [1.2, 1.2]
    assert (
        len(association_rules(frequent_itemsets(lists, min_count=1), min_confidence=0.6, min_lift=1.21)) == 0
    )


@pytest.mark.unit
def test_an_item_bought_by_all_is_no_news():
    rules = association_rules(frequent_itemsets([["bag", "tea"], ["bag"], ["bag", "pot"]], min_count=1))
    row = rules[rules["consequents"] == frozenset({"bag"})].iloc[0]
    assert (row["confidence"], row["lift"], row["leverage"], row["zhangs_metric"]) == (1, 1, 0, 0)
    assert (row["conviction"], row["certainty"], row["p_value"]) == (math.inf, 0, 1)


@pytest.mark.unit
def test_rules_print_sorted_and_in_one_order():
    found = frequent_itemsets(FOUR, min_support=0.5)
    text = show_rules(association_rules(found, min_confidence=0.7))["rule"].tolist()
    assert text == [
        "{'apples'} => {'bread'}",
        "{'milk'} => {'bread'}",
        "{'bread'} => {'apples'}",
        "{'bread'} => {'milk'}",
        "{'apples', 'milk'} => {'bread'}",
    ]
    mixed = association_rules(found.sample(frac=1, random_state=3), min_confidence=0.7)
    assert show_rules(mixed)["rule"].tolist() == text


# luck


@pytest.mark.unit
@settings(deadline=None)
@given(
    st.lists(st.integers(0, 40).map(lambda k: k / 400), min_size=1, max_size=12),
    st.integers(0, 6),
    st.floats(0.01, 0.5),
)
def test_adjusted_p_values_reject_what_the_procedure_rejects(p_values, more, level):
    tests = len(p_values) + more
    ordered = sorted(p_values)
    reached = [k for k in range(1, len(ordered) + 1) if ordered[k - 1] * tests / k <= level]
    limit = ordered[max(reached) - 1] if reached else -1.0
    adjusted = adjust_p_values(p_values, tests)
    near = np.abs(adjusted - level) < 1e-12  # the quotient of the one and the product of the other may differ
    assert ((adjusted <= level) | near).tolist() == [p <= limit or n for p, n in zip(p_values, near)]
    assert adjust_p_values([0.04, 0.045, 1.0]).tolist() == pytest.approx([0.0675, 0.0675, 1.0])


@pytest.mark.unit
@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(0, 20))
def test_adjusted_for_any_dependence(p_values, more):
    """The tests that were not kept count as 1, as if they had been handed in."""
    whole = stats.false_discovery_control([*p_values, *[1.0] * more], method="by")[: len(p_values)]
    given_ = adjust_p_values(p_values, len(p_values) + more, any_dependence=True)
    assert given_ == pytest.approx(whole, rel=1e-9)


@pytest.mark.unit
def test_the_family_is_every_pair_of_frequent_sides():
    lists = random_lists(8, n_baskets=60, n_items=6)
    found = frequent_itemsets(lists, min_count=3, max_len=3)
    sets = found["itemsets"].tolist()
    single = [(x, y) for x in sets for y in sets if len(y) == 1 and not x & y and len(x) < 3]
    assert number_of_tests(found, max_consequent=1) == len(single)
    every = [(x, y) for x in sets for y in sets if not x & y and len(x | y) <= 3]
    assert number_of_tests(found) == len(every)
    assert number_of_tests(frequent_itemsets(lists, min_count=3)) >= len(
        [(x, y) for x in sets for y in sets if not x & y and len(x | y) <= 3]
    )


@pytest.mark.unit
@settings(deadline=None)
@given(SMALL, st.integers(0, 3), st.booleans())
def test_shuffling_keeps_what_it_says(lists, seed, keep_sizes):
    before, after = Baskets.from_lists(lists), shuffle_baskets(lists, seed, keep_sizes)
    assert after.item_counts().tolist() == before.item_counts().tolist()
    assert all(len(set(items)) == len(items) for items in after.to_lists())
    if keep_sizes:
        assert np.diff(after.indptr).tolist() == np.diff(before.indptr).tolist()


def with_a_planted_rule(n_baskets=400):
    generator = np.random.Generator(np.random.PCG64(11))
    held = generator.random((n_baskets, 14)) < np.linspace(0.05, 0.4, 14)
    held[:, 13] |= held[:, 6] & (generator.random(n_baskets) < 0.6)
    return Baskets.from_one_hot(pd.DataFrame(held, columns=[f"item {k}" for k in range(14)]))


@pytest.mark.unit
def test_on_shuffled_baskets_few_runs_have_a_false_rule():
    """Over 300 runs at most 5 % have any rule after adjustment; without it nearly all do."""
    planted = with_a_planted_rule()
    settings_ = {"min_confidence": 0.2, "max_consequent": 1}
    real = association_rules(frequent_itemsets(planted, min_support=0.02, max_len=3), **settings_)
    true_rule = (frozenset({"item 6"}), frozenset({"item 13"}))
    assert true_rule in rule_keys(real[real["q_value"] <= 0.05])
    adjusted, plain, kept_only = [], [], []
    for seed in range(300):
        mixed = shuffle_baskets(planted, random_state=seed)
        rules = association_rules(frequent_itemsets(mixed, min_support=0.02, max_len=3), **settings_)
        adjusted.append((rules["q_value"] <= 0.05).any())
        plain.append((rules["p_value"] <= 0.05).any())
        best = rules.nlargest(20, "lift")
        kept_only.append((adjust_p_values(best["p_value"]) <= 0.05).any())
    assert np.mean(adjusted) <= 0.05
    assert np.mean(plain) > 0.9
    assert np.mean(kept_only) > 0.5  # forgetting how many rules were looked at


@pytest.mark.unit
@settings(max_examples=40, deadline=None)
@given(SMALL, st.integers(1, 3))
def test_stratified_p_value_equals_the_sum_over_all_ways(lists, n_strata):
    rules = association_rules(frequent_itemsets(lists, min_count=1, max_len=3), min_confidence=0)
    strata = [place % n_strata for place in range(len(lists))]
    for row, found in zip(rules.to_dict("records"), stratified_p_value(rules, lists, strata)):
        ways = Counter({0: Fraction(1)})
        for stratum in set(strata):
            inside = [set(items) for items, own in zip(lists, strata) if own == stratum]
            n = len(inside)
            a = sum(row["antecedents"] <= items for items in inside)
            c = sum(row["consequents"] <= items for items in inside)
            more = Counter()
            for before, chance in ways.items():
                for k in range(a + 1):
                    here = Fraction(math.comb(c, k) * math.comb(n - c, a - k), math.comb(n, a))
                    more[before + k] += chance * here
            ways = more
        tail = sum(chance for both, chance in ways.items() if both >= row["count"])
        assert found == pytest.approx(float(tail), rel=1e-9)
        if n_strata == 1:
            assert found == pytest.approx(row["p_value"], rel=1e-9)


@pytest.mark.unit
def test_full_baskets_make_false_rules_that_strata_take_out():
    """Items dealt to baskets of very different sizes: Fisher's test finds rules, strata do not."""
    generator = np.random.Generator(np.random.PCG64(4))
    sizes = np.repeat([1, 2, 6], [200, 150, 60])
    weights = np.linspace(1, 4, 12) / np.linspace(1, 4, 12).sum()
    lists = [generator.choice(12, size=size, p=weights, replace=False).tolist() for size in sizes]
    plain, stratified = [], []
    for seed in range(100):
        mixed = shuffle_baskets(lists, random_state=seed, keep_sizes=True)
        found = frequent_itemsets(mixed, min_support=0.02, max_len=2)
        rules = association_rules(found, min_confidence=0.1, max_consequent=1)
        plain.append((rules["q_value"] <= 0.05).any())
        adjusted = adjust_p_values(stratified_p_value(rules, mixed), number_of_tests(found, 1))
        stratified.append((adjusted <= 0.05).any())
    assert np.mean(plain) > 0.9
    assert np.mean(stratified) <= 0.05


@pytest.mark.unit
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=12).filter(any),
    st.randoms(use_true_random=False),
)
def test_which_side_came_first(lists, shuffler):
    rules = association_rules(frequent_itemsets(lists, min_count=1, max_len=2), min_confidence=0)
    rows = [(number, item, place) for number, items in enumerate(lists) for place, item in enumerate(items)]
    lines = pd.DataFrame(rows, columns=["receipt", "article", "place"])
    names = {"order_id": "receipt", "product_id": "article"}
    found = came_first(rules, lines, **names)
    mixed = lines.sample(frac=1, random_state=shuffler.randrange(1000))
    pd.testing.assert_frame_equal(came_first(rules, mixed, line_number="place", **names), found)
    for row, counts in zip(rules.to_dict("records"), found.to_dict("records")):
        (a,), (c,) = row["antecedents"], row["consequents"]
        both = [items for items in lists if a in items and c in items]
        ahead = sum(items.index(a) < items.index(c) for items in both)
        assert (counts["ahead"], counts["behind"]) == (ahead, len(both) - ahead)
        ways = sum(math.comb(len(both), k) for k in range(ahead, len(both) + 1))
        assert counts["p_value"] == pytest.approx(ways / 2 ** len(both), rel=1e-9)


@pytest.mark.unit
def test_shuffles_of_the_same_sizes_judge_frequent_items():
    """Two frequent items that seek each other inside baskets of two and three: strata miss it."""
    generator = np.random.Generator(np.random.PCG64(5))
    lists = [sorted(generator.choice(6, size=size, replace=False).tolist()) for size in [1, 2, 3] * 60]
    tied = [[*map(str, items)] + ["a", "b"] * (generator.random() < 0.35) for items in lists]
    rules = association_rules(frequent_itemsets(tied, min_count=5, max_len=2), min_confidence=0)
    rules = rules[rules["antecedents"].map(min) < rules["consequents"].map(min)]
    judged = shuffled_p_value(rules, tied)
    pair = [a | c == {"a", "b"} for a, c in zip(rules["antecedents"], rules["consequents"])]
    assert judged["p_value"][pair].tolist() == [0.01]
    assert (judged["count"] == rules["count"]).all()
    pd.testing.assert_frame_equal(judged, shuffled_p_value(rules, tied))
    mixed = shuffle_baskets(tied, 7, keep_sizes=True)
    none = association_rules(frequent_itemsets(mixed, min_count=5, max_len=2), min_confidence=0)
    assert (adjust_p_values(shuffled_p_value(none, mixed)["p_value"]) > 0.05).all()


@pytest.mark.unit
def test_what_was_found_is_tried_on_other_baskets():
    planted = with_a_planted_rule(1000)
    found_on, tried_on = split_baskets(planted, random_state=2)
    rules = association_rules(frequent_itemsets(found_on, min_support=0.02, max_len=3), min_confidence=0.5)
    rules = rules.sample(frac=1, random_state=1)
    tried = holdout_validation(rules, tried_on)
    assert tried.index.equals(rules.index)
    contents = [frozenset(items) for items in tried_on.to_lists()]
    for row in tried.to_dict("records"):
        with_left = [items for items in contents if row["antecedents"] <= items]
        n_both = sum(row["consequents"] <= items for items in with_left)
        n_right = sum(row["consequents"] <= items for items in contents)
        assert row["holdout antecedent count"] == len(with_left)
        assert row["holdout count"] == n_both
        assert row["p_value"] == float(fisher_p_value(n_both, len(with_left), n_right, len(contents)))
        if with_left:
            assert row["holdout confidence"] == n_both / len(with_left)
    assert tried["confirmed"].equals(tried["q_value"] <= 0.05)
    right = rules["consequents"] == frozenset({"item 13"})
    left = rules["antecedents"].map(lambda items: "item 6" in items)
    assert tried.loc[right & left, "confirmed"].any()
    assert not tried.loc[~right, "confirmed"].any()


@pytest.mark.unit
def test_a_rule_whose_items_never_come_again_is_not_confirmed():
    rules = association_rules(frequent_itemsets([["a", "b"]] * 5 + [["c"]] * 5, min_count=5))
    tried = holdout_validation(rules, [["c"], ["d"]])
    assert tried["holdout confidence"].isna().all()
    assert (tried["p_value"] == 1).all()
    assert not tried["confirmed"].any()


# bundles


@pytest.mark.recovery
def test_planted_pairs_of_the_shop_are_found_and_oriented():
    """Four fifths of the planted pairs; of what is found at most one in twelve was not planted."""
    shop = load_shop()
    baskets = Baskets.from_table(shop.orders)
    sets = frequent_itemsets(baskets, min_count=3, max_len=2)
    rules = association_rules(sets, min_confidence=0)
    rules = rules[adjust_p_values(stratified_p_value(rules, baskets), number_of_tests(sets)) <= 0.05]
    partner = dict(zip(shop.truth_products["product_id"], shop.truth_products["partner_id"]))
    planted = {frozenset(pair) for pair in partner.items()}
    found = {a | c for a, c in zip(rules["antecedents"], rules["consequents"])}
    assert len(found & planted) / len(found) >= 0.92
    assert len(found & planted) / len(planted) >= 0.78
    order = came_first(rules, shop.orders, line_number="line_number")
    clear = rules[adjust_p_values(order["p_value"]) <= 0.05]
    right = [partner[min(a)] == min(c) for a, c in zip(clear["antecedents"], clear["consequents"])]
    assert len(right) >= 300
    assert np.mean(right) >= 0.98


@pytest.mark.unit
def test_expected_profit_of_a_bundle_by_hand():
    """100 baskets: 40 with tea, of which 10 with a pot; 20 pots in all."""
    lists = [["tea", "pot"]] * 10 + [["tea"]] * 30 + [["pot"]] * 10 + [["cup"]] * 50
    rules = association_rules(frequent_itemsets(lists, min_count=1), min_confidence=0)
    margins = pd.Series({"tea": 3.0, "pot": 9.0, "cup": 1.0})
    offers = suggest_bundles(rules, margins, discount=1.0, uptake=0.1, per=100)
    # tea alone 30 times: .1 * 30 * (9 - 1) - 10 * 1 = 14; a pot alone 10 times: .1 * 10 * (3 - 1) - 10 = -8
    assert show_rules(offers)["rule"].tolist() == ["{'tea'} => {'pot'}"]
    assert offers["expected_profit"].tolist() == pytest.approx([14.0])
    assert offers["break_even_uptake"].tolist() == pytest.approx([10 / 240])
    assert offers["pays"].all()
    by_rule = pd.Series(
        np.where(rules["antecedents"] == frozenset({"tea"}), 10 / 240, 0.9), index=rules.index
    )
    other = suggest_bundles(rules, margins, discount=1.0, uptake=by_rule, per=100)
    assert show_rules(other)["rule"].tolist() == ["{'pot'} => {'tea'}"]
    assert other["expected_profit"].tolist() == pytest.approx([0.9 * 10 * 2 - 10])
    dear = suggest_bundles(rules, margins, discount=9.0, uptake=1.0)
    assert (dear["break_even_uptake"] == math.inf).all()
    assert not dear["pays"].any()


# bad input


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: frequent_itemsets(FOUR, min_support=0), "min_support is 0: it must lie between 0 and 1"),
        (lambda: frequent_itemsets(FOUR, min_support=-0.1), "min_support is -0.1"),
        (lambda: frequent_itemsets(FOUR, min_support=3), "goes into min_count"),
        (lambda: frequent_itemsets(FOUR, min_support=math.nan), "min_support is nan"),
        (lambda: frequent_itemsets(FOUR, min_support="2%"), "min_support is '2%'"),
        (lambda: frequent_itemsets(FOUR, min_support=True), "min_support is True"),
        (lambda: frequent_itemsets(FOUR), "Give min_support"),
        (lambda: frequent_itemsets(FOUR, 0.5, min_count=2), "Give min_support"),
        (lambda: frequent_itemsets(FOUR, min_count=0), "min_count is 0"),
        (lambda: frequent_itemsets(FOUR, min_count=1.5), "min_count is 1.5"),
        (lambda: frequent_itemsets(FOUR, 0.5, max_len=0), "max_len is 0"),
        (lambda: frequent_itemsets(FOUR, 0.5, kind="open"), "kind is 'open'"),
        (lambda: frequent_itemsets(FOUR, 0.5, memory=0), "memory is 0"),
        (lambda: frequent_itemsets([], 0.5), "no baskets"),
        (lambda: frequent_itemsets("tea", 0.5), "list of lists"),
        (lambda: frequent_itemsets(["tea,pot", "tea"], 0.5), "Basket 0 is 'tea,pot'"),
        (lambda: frequent_itemsets([["tea"], None], 0.5), "Basket 1 is None"),
        (lambda: frequent_itemsets([["tea"], [None]], 0.5), "is missing"),
        (lambda: frequent_itemsets([["tea"], [""]], 0.5), "is missing"),
        (lambda: frequent_itemsets([["tea"], [7]], 0.5), "is not text like the labels before it"),
        (lambda: frequent_itemsets([[1.5]], 0.5), "neither a whole number nor text"),
        (lambda: frequent_itemsets(pd.DataFrame({"order_id": [1]}), 0.5), "no column 'product_id'"),
        (lambda: Baskets.from_one_hot(pd.DataFrame({"a": [1, 2]})), "True and False"),
        (
            lambda: association_rules(frequent_itemsets(FOUR, 0.5), min_confidence=1.1),
            "min_confidence is 1.1",
        ),
        (
            lambda: association_rules(frequent_itemsets(FOUR, 0.5), min_confidence=-0.1),
            "min_confidence is -0.1",
        ),
        (lambda: association_rules(frequent_itemsets(FOUR, 0.5), min_lift=-1), "min_lift is -1"),
        (lambda: association_rules(frequent_itemsets(FOUR, 0.5), max_consequent=0), "max_consequent is 0"),
        (lambda: association_rules(frequent_itemsets(FOUR, 0.5, kind="maximal")), "all frequent itemsets"),
        (lambda: association_rules(frequent_itemsets(FOUR, 0.5)[["support", "itemsets"]]), "n_baskets=…"),
        (
            lambda: association_rules(frequent_itemsets(FOUR, 0.5), n_baskets=7),
            "no whole number of 7 baskets",
        ),
        (lambda: association_rules(pd.DataFrame({"x": [1]})), "no column 'support'"),
        (lambda: adjust_p_values([0.1, math.nan]), "between 0 and 1"),
        (lambda: adjust_p_values([0.1, 0.2], n_tests=1), "n_tests is 1"),
        (lambda: fisher_p_value(3, 2, 5, 10), "can't be"),
        (lambda: split_baskets(FOUR, share=1.0), "share is 1.0"),
        (lambda: split_baskets([["a"]]), "leaves one part empty"),
        (lambda: holdout_validation(pd.DataFrame(), FOUR), "no column 'antecedents'"),
        (lambda: shuffle_baskets(FOUR, sweeps=0), "sweeps is 0"),
        (lambda: shuffled_p_value(pd.DataFrame(), FOUR), "no column 'antecedents'"),
        (
            lambda: shuffled_p_value(association_rules(frequent_itemsets(FOUR, 0.5)), FOUR, 0),
            "n_shuffles is 0",
        ),
        (lambda: came_first(pd.DataFrame(), pd.DataFrame()), "no column 'antecedents'"),
        (
            lambda: came_first(association_rules(frequent_itemsets(FOUR, 0.5)), pd.DataFrame()),
            "one item on each side",
        ),
        (
            lambda: came_first(association_rules(frequent_itemsets(FOUR, 0.5, max_len=2)), pd.DataFrame()),
            "no column 'order_id'",
        ),
        (lambda: stratified_p_value(pd.DataFrame(), FOUR), "no column 'antecedents'"),
        (
            lambda: stratified_p_value(association_rules(frequent_itemsets(FOUR, 0.5)), FOUR, [1]),
            "one label for each of 4 baskets",
        ),
    ],
)
def test_one_sentence(call, says):
    with pytest.raises(InputError) as caught:
        call()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"margins": {"apples": 1.0}}, "no entry for"),
        ({"margins": dict.fromkeys(["apples", "bread", "milk"], math.nan)}, "finite"),
        ({"discount": -1}, "discount is -1"),
        ({"uptake": 1.5}, "uptake is 1.5"),
        ({"uptake": pd.Series([0.5])}, "another index"),
        ({"per": 0}, "per is 0"),
    ],
)
def test_a_bundle_needs_sound_numbers(change, says):
    rules = association_rules(frequent_itemsets(FOUR, 0.5), min_confidence=0.7)
    arguments = {"margins": dict.fromkeys(["apples", "bread", "milk"], 1.0), "discount": 0.1, "uptake": 0.1}
    with pytest.raises(InputError, match=says):
        suggest_bundles(rules, **(arguments | change))


@pytest.mark.bad_input
def test_defined_answers_at_the_edge():
    nothing = frequent_itemsets([[], [], []], min_support=0.5)
    assert (len(nothing), nothing.columns.tolist()) == (0, ["support", "itemsets", "count"])
    assert len(association_rules(nothing)) == 0
    assert association_rules(nothing).columns.tolist() == room.rules.COLUMNS
    assert len(mark_redundant(association_rules(nothing))) == 0
    assert len(holdout_validation(association_rules(nothing), FOUR)) == 0
    assert as_dict(frequent_itemsets([["a", "b"]], min_support=1)) == {
        frozenset(items): 1 for items in ("a", "b", "ab")
    }
    one = association_rules(frequent_itemsets([["a", "b"]], min_support=1))
    assert (one["lift"].tolist(), one["p_value"].tolist()) == ([1, 1], [1, 1])
    assert as_dict(frequent_itemsets([["a", "a"], []], min_support=0.5)) == {frozenset("a"): 1}
    assert apriori_levels([[], []], min_count=1) == []


@pytest.mark.bad_input
@pytest.mark.parametrize("n_baskets", [1, 500])
def test_an_answer_that_would_not_fit_is_refused_early(n_baskets):
    """40 items in every basket: 2^40 itemsets."""
    lists = [list(range(40))] * n_baskets
    with pytest.raises(
        InputError, match=r"estimated .* GB or more of itemsets .* over the memory of 1 GB: raise"
    ):
        frequent_itemsets(lists, min_support=1)
    assert len(frequent_itemsets(lists, min_support=1, max_len=2)) == 40 + 780
    with pytest.raises(InputError, match=r"More than .* of itemsets"):
        frequent_itemsets(lists, min_support=1, max_len=3, memory=1e6)


@pytest.mark.bad_input
def test_bits_made_anew_are_estimated_as_well(monkeypatch):
    """All descents together; 16 items in every basket have 65,535 itemsets, of 100 bytes each here."""
    made, own_init, own_made = [], mining._Bits.__init__, mining._Bits._made
    monkeypatch.setattr(mining, "DENSE", 2.0)
    monkeypatch.setattr(mining, "MANY", 2000)
    monkeypatch.setattr(mining, "_bytes_of", lambda length: 100)
    monkeypatch.setattr(mining._Bits, "__init__", lambda self, *given: own_init(self, *given[:2], -1))
    monkeypatch.setattr(mining._Bits, "_made", lambda self: made.append(1) or own_made(self))
    with pytest.raises(InputError, match=r"estimated .* MB or more of itemsets") as caught:
        frequent_itemsets([list(range(16))] * 3, min_support=1, memory=1e6)
    estimated = float(str(caught.value).split()[2])
    assert 6.55 / 3 < estimated < 6.55 * 2
    assert len(made) < 40


@pytest.mark.bad_input
def test_too_many_rules_are_refused():
    found = frequent_itemsets([list(range(12))] * 3, min_support=1)
    with pytest.raises(InputError, match=r"rules reach a confidence of 0\.5, over the memory of 50 MB"):
        association_rules(found, min_confidence=0.5, memory=5e7)


# published


def reference(*names):
    home = os.environ.get("BIGMKT_REFERENCE_DATA")
    path = Path(home or "").joinpath(*names)
    if not home or not path.exists():
        pytest.skip(f"{'/'.join(names)}: BIGMKT_REFERENCE_DATA names no folder that holds it")
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def groceries():
    return Baskets.from_lists([line.split(",") for line in reference("groceries", "groceries.csv")])


@pytest.mark.published
def test_groceries(groceries):
    """Two labels end in a blank; blanks stripped where the lines end would make 171 items of the 169."""
    assert (groceries.n_baskets, groceries.n_items) == (9835, 169)
    assert len(frequent_itemsets(groceries, min_support=0.01)) == 333
    assert len(frequent_itemsets(groceries, min_support=0.001)) == 13_492


@pytest.mark.published
@pytest.mark.parametrize(
    ("support", "confidence", "number"),
    [(0.001, 0.8, 410), (0.001, 0.5, 5668), (0.006, 0.25, 463), (0.01, 0.5, 15)],
)
def test_rules_of_the_groceries(groceries, support, confidence, number):
    found = frequent_itemsets(groceries, support)
    assert len(association_rules(found, min_confidence=confidence, max_consequent=1)) == number


@pytest.mark.published
def test_why_mlxtend_has_four_rules_fewer(groceries):
    """The four have a confidence of exactly 4/5, which as a quotient of two rounded supports is below .8."""
    found = frequent_itemsets(groceries, min_support=0.001)
    ours = association_rules(found, min_confidence=0.8, max_consequent=1)
    theirs = mlxtend_rules(found, min_threshold=0.8)
    theirs = theirs[theirs["consequents"].map(len) == 1]
    assert (len(ours), len(theirs)) == (410, 406)
    lost = ours[[key not in set(rule_keys(theirs)) for key in rule_keys(ours)]]
    assert len(lost) == 4
    assert (5 * lost["count"] == 4 * lost["antecedent count"]).all()
    assert (lost["support"] / lost["antecedent support"] < 0.8).all()


@pytest.mark.published
def test_the_best_known_rule_of_the_groceries(groceries):
    rules = association_rules(frequent_itemsets(groceries, 0.001), min_confidence=0.8, max_consequent=1)
    best = rules.iloc[0]
    assert best["antecedents"] == frozenset({"liquor", "red/blush wine"})
    assert best["consequents"] == frozenset({"bottled beer"})
    assert round(best["lift"], 4) == 11.2353
    assert round(best["confidence"], 4) == 0.9048


@pytest.mark.published
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mushroom", {0.4: 565, 0.3: 2735, 0.2: 53_583}),
        ("chess", {0.8: 8227}),
        ("T10I4D100K", {0.01: 385, 0.005: 1073, 0.001: 27_532}),
        ("retail", {0.01: 159, 0.005: 580, 0.001: 7589}),
    ],
)
def test_itemsets_of_the_repository(name, expected):
    lines = reference("fimi", f"{name}.dat")
    baskets = Baskets.from_lists([list(map(int, line.split())) for line in lines if line.strip()])
    assert {share: len(frequent_itemsets(baskets, min_support=share)) for share in expected} == expected
