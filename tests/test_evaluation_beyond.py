"""Coverage, diversity, novelty, popularity, surprise; drawn candidates; splits in time; many models."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigmkt_helpers import evaluation
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit


def lists_frame(lists: dict) -> pd.DataFrame:
    rows = [(user, item, rank) for user, items in lists.items() for rank, item in enumerate(items, start=1)]
    return pd.DataFrame(rows, columns=["user", "item", "rank"])


def pairs_frame(pairs: dict) -> pd.DataFrame:
    return pd.DataFrame([(u, i) for u, items in pairs.items() for i in items], columns=["user", "item"])


LISTS = lists_frame({"a": [1, 2, 5], "b": [1, 3], "c": [2]})
TRAIN = pairs_frame({"a": [3, 1], "b": [1, 4], "c": [1], "d": [2, 1]})  # 1: all four; 2, 3, 4: one each
CATALOGUE = [1, 2, 3, 4, 5, 6]
FEATURES = pd.DataFrame([[1, 0], [1, 1], [0, 2], [1, 0], [0, 0], [3, 4]], index=CATALOGUE, columns=["x", "y"])
ROOT = 1 / math.sqrt(2)

HAND = {
    "coverage": [
        (lambda k: evaluation.catalogue_coverage(LISTS, CATALOGUE, k), {1: 2 / 6, 2: 3 / 6, 3: 4 / 6})
    ],
    # at 2: items 1 and 2 shown twice, 3 once, three items never: 0, 0, 0, 1, 2, 2
    "gini": [
        (
            lambda k: evaluation.exposure_gini(LISTS, CATALOGUE, k),
            {1: (3 * 1 + 5 * 2) / (6 * 3), 2: (1 * 1 + 3 * 2 + 5 * 2) / (6 * 5)},
        )
    ],
    "entropy": [
        (
            lambda k: evaluation.exposure_entropy(LISTS, CATALOGUE, k),
            {
                1: -(2 / 3) * math.log2(2 / 3) - (1 / 3) * math.log2(1 / 3),
                2: -2 * (2 / 5) * math.log2(2 / 5) - (1 / 5) * math.log2(1 / 5),
            },
        )
    ],
    # user a: items 1, 2 have cosine 1/√2; item 5 has no features, so 0 with both
    "diversity": [
        (
            lambda k: evaluation.intra_list_diversity(LISTS, features=FEATURES, k=k)["a"],
            {1: math.nan, 2: 1 - ROOT, 3: 1 - ROOT / 3},
        ),
        (lambda k: evaluation.intra_list_diversity(LISTS, features=FEATURES, k=k)["b"], {2: 1.0}),
    ],
    "novelty": [
        (
            lambda k: evaluation.novelty(LISTS, TRAIN, k)["a"],
            {1: 0.0, 2: 1.0, 3: (0 + 2 + math.log2(5)) / 3},
        )
    ],
    "popularity": [
        (
            lambda k: evaluation.popularity_bias(LISTS, TRAIN, k).loc["a", "list"],
            {1: 1.0, 2: 5 / 8, 3: 5 / 12},
        ),
        (lambda k: evaluation.popularity_bias(LISTS, TRAIN, k).loc["a", "lift"], {1: 0.6, 2: 0.0}),
        (lambda k: evaluation.popularity_bias(LISTS, TRAIN, k).loc["c", "profile"], {1: 1.0}),
    ],
    "serendipity": [
        (
            lambda k: evaluation.serendipity(
                LISTS, pairs_frame({"a": [1, 2, 5], "b": [4]}), lists_frame({"a": [1, 9], "b": [4]}), k
            )["a"],
            {1: 0.0, 2: 1 / 2, 3: 2 / 3},
        )
    ],
}


def check_hand(name, mutate=lambda value: value):
    for function, rows in HAND[name]:
        for k, value in rows.items():
            assert mutate(function(k)) == pytest.approx(value, rel=1e-12, abs=1e-15, nan_ok=True), (name, k)


@pytest.mark.parametrize("name", HAND)
def test_hand_table(name):
    check_hand(name)


@pytest.mark.parametrize("constant", ["first", 0.0, 0.5, 1.0, math.nan])
@pytest.mark.parametrize("name", HAND)
def test_the_hand_table_turns_red_for_a_constant(name, constant):
    value = next(iter(HAND[name][0][1].values())) if constant == "first" else constant
    with pytest.raises(AssertionError):
        check_hand(name, lambda _: value)


def test_figures_of_the_unit_tests_of_microsoft_recommenders_and_recbole():
    # recommenders/tests: catalogue coverage 0.8, distributional coverage 1.9183 on this table
    shown = lists_frame({1: [3, 5], 2: [2, 5], 3: [1, 2]})
    assert evaluation.catalogue_coverage(shown, [1, 2, 3, 4, 5]) == pytest.approx(0.8)
    assert evaluation.exposure_entropy(shown, [1, 2, 3, 4, 5]) == pytest.approx(1.9183, abs=5e-5)
    # RecBole/tests: coverage 7/8; the Gini formula written out
    shown = lists_frame(dict(enumerate([[5, 7, 3], [4, 5, 2], [2, 3, 5], [1, 4, 6], [5, 3, 7]])))
    assert evaluation.catalogue_coverage(shown, range(1, 9)) == 7 / 8
    written = -7 * 0 - 5 * 1 - 3 * 1 - 1 * 2 + 1 * 2 + 3 * 2 + 5 * 3 + 7 * 4
    assert evaluation.exposure_gini(shown, range(1, 9)) == pytest.approx(written / (8 * 15))


some_lists = st.dictionaries(
    st.integers(0, 5),
    st.lists(st.integers(1, 6), min_size=1, max_size=6, unique=True),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(some_lists, st.integers(1, 5), st.integers(0, 2**20))
def test_against_slow_loops_and_after_relabelling(lists, k, seed):
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.integers(0, 3, size=(6, 3)), index=CATALOGUE).astype(float)
    frame = lists_frame(lists)
    shuffled = frame.sample(frac=1, random_state=seed % 1000)
    unit = {
        i: row / np.linalg.norm(row) if row.any() else row
        for i, row in zip(features.index, features.to_numpy())
    }
    slow = {}
    for user, items in lists.items():
        pairs = list(itertools.combinations(items[:k], 2))
        slow[user] = np.mean([1 - unit[i] @ unit[j] for i, j in pairs]) if pairs else math.nan
    found = evaluation.intra_list_diversity(shuffled, features=features, k=k)
    assert found.to_dict() == pytest.approx(slow, abs=1e-12, nan_ok=True)
    cosine = pd.DataFrame(
        [[unit[i] @ unit[j] for j in unit] for i in unit], index=CATALOGUE, columns=CATALOGUE
    )
    by_table = evaluation.intra_list_diversity(frame, similarity=cosine, k=k)
    assert by_table.to_dict() == pytest.approx(slow, abs=1e-12, nan_ok=True)

    names = dict(zip(CATALOGUE, "fedcba"))
    renamed = frame.assign(item=frame["item"].map(names), user="u" + frame["user"].astype(str))
    for function in (evaluation.catalogue_coverage, evaluation.exposure_gini, evaluation.exposure_entropy):
        assert function(renamed, list("abcdef"), k) == pytest.approx(function(shuffled, CATALOGUE, k))
    shown = [item for items in lists.values() for item in items[:k]]
    counts = [shown.count(item) for item in CATALOGUE]
    assert evaluation.exposure(frame, CATALOGUE, k).tolist() == counts
    gaps = sum(abs(x - y) for x in counts for y in counts)
    assert evaluation.exposure_gini(frame, CATALOGUE, k) == pytest.approx(gaps / (2 * 6 * sum(counts)))


def test_the_summary_is_made_of_the_parts():
    found = evaluation.beyond_accuracy(LISTS, TRAIN, CATALOGUE, features=FEATURES, k=2)
    bias = evaluation.popularity_bias(LISTS, TRAIN, 2)
    assert found["coverage"] == 0.5
    assert found["novelty"] == pytest.approx(np.mean([1.0, (0 + 2) / 2, 2.0]))
    assert found["popularity"] == pytest.approx(np.mean([5 / 8, 5 / 8, 1 / 4]))
    assert found["popularity_lift"] == pytest.approx(bias["list"].mean() / bias["profile"].mean() - 1)
    assert found["diversity"] == pytest.approx((1 - ROOT + 1) / 2)
    first = evaluation.beyond_accuracy(LISTS, TRAIN, CATALOGUE, k=1)
    assert "diversity" not in first
    assert first["coverage"] == pytest.approx(1 / 3)
    assert first["novelty"] == pytest.approx(2 / 3)
    assert first["popularity"] == pytest.approx(3 / 4)
    assert first["entropy"] == pytest.approx(evaluation.exposure_entropy(LISTS, CATALOGUE, 1))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e.catalogue_coverage(LISTS, CATALOGUE, 0), "k is 0"),
        (lambda e: e.catalogue_coverage(LISTS.iloc[:0], CATALOGUE), "no rows"),
        (lambda e: e.catalogue_coverage(LISTS, []), "catalogue has no items"),
        (lambda e: e.exposure(LISTS, [1, 2]), "Item 5 is recommended but not in the catalogue"),
        (lambda e: e.exposure(LISTS.assign(rank=1), CATALOGUE), "ranks of user"),
        (lambda e: e.intra_list_diversity(LISTS), "either features or similarity"),
        (lambda e: e.intra_list_diversity(LISTS, features=FEATURES.iloc[:2]), "no row for item 5"),
        (lambda e: e.intra_list_diversity(LISTS, features=FEATURES * np.nan), "missing or infinite"),
        (lambda e: e.intra_list_diversity(LISTS, similarity=FEATURES), "symmetric"),
        (lambda e: e.novelty(LISTS, TRAIN.assign(item=TRAIN["item"].astype(str))), "same type"),
        (lambda e: e.novelty(LISTS, TRAIN.iloc[:0]), "no rows"),
        (lambda e: e.serendipity(LISTS, TRAIN, LISTS, k=0), "k is 0"),
        (lambda e: e.ranking_metrics(LISTS, TRAIN, k=0), "k is 0"),
        (lambda e: e.ranking_metrics(LISTS.iloc[:0], TRAIN), "no rows"),
        (lambda e: e.without_seen(LISTS, LISTS), "Nothing is left"),
        (lambda e: e.without_seen(LISTS, TRAIN, k=0), "k is 0"),
    ],
)
def test_bad_input_gets_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call(evaluation)


# --- candidates drawn -------------------------------------------------------------------------------

FULL = lists_frame({"a": [3, 1, 4, 2, 5], "b": [1, 2, 3, 4, 5]})
HELD = pairs_frame({"a": [1, 2], "b": [5]})


def test_ranks_are_among_the_items_that_are_not_relevant():
    found = evaluation.held_out_ranks(FULL.sample(frac=1, random_state=3), HELD)
    assert found.to_dict("list") == {
        "user": ["a", "a", "b"],
        "item": [1, 2, 5],
        "rank": [2, 3, 5],
        "n_negatives": [3, 3, 4],
    }


def test_unranked_items_are_refused_put_last_or_dropped():
    held = pairs_frame({"a": [1, 9]})
    with pytest.raises(InputError, match="Item 9 is not in the list of user 'a'"):
        evaluation.held_out_ranks(FULL, held)
    last = evaluation.held_out_ranks(FULL, held, unranked="last")
    assert last["rank"].tolist() == [2, 5]
    assert evaluation.held_out_ranks(FULL, held, unranked="drop")["item"].tolist() == [1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20))
def test_ranks_against_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    lists = {u: rng.permutation(12).tolist() for u in range(4)}
    held = {u: rng.choice(12, size=rng.integers(1, 5), replace=False).tolist() for u in range(4)}
    slow = [
        1 + sum(other not in held[u] for other in lists[u][: lists[u].index(item)])
        for u, items in held.items()
        for item in items
    ]
    assert evaluation.held_out_ranks(lists_frame(lists), pairs_frame(held))["rank"].tolist() == slow


def ranks_frame(rank, size):
    return pd.DataFrame({"user": range(len(rank)), "item": 0, "rank": rank, "n_negatives": size})


def test_rank_metrics_by_hand_and_not_by_a_constant():
    found = evaluation.rank_metrics(ranks_frame([1, 3, 4, 11], [10] * 4), k=3)
    hand = {
        "hit_rate@3": [1, 1, 0, 0],
        "ndcg@3": [1, 0.5, 0, 0],
        "reciprocal_rank@3": [1, 1 / 3, 0, 0],
        "auc": [1, 0.8, 0.7, 0],
    }
    for name, values in hand.items():
        assert found[name].tolist() == pytest.approx(values)
        assert found[name].nunique() > 1


def test_the_expectation_under_drawn_candidates_against_every_subset():
    ranks = ranks_frame([1, 3, 4, 7], [6, 6, 5, 6])
    found = evaluation.sampling_bias(ranks, sizes=[1, 3, 6], k=2)
    for drawn in (1, 3, 6):
        expected = []
        for rank, size in zip(ranks["rank"], ranks["n_negatives"]):
            subsets = itertools.combinations(range(1, size + 1), min(drawn, size))  # places of the negatives
            places = [1 + sum(place < rank for place in subset) for subset in subsets]
            each = evaluation.rank_metrics(ranks_frame(places, [min(drawn, size)] * len(places)), k=2)
            expected.append(each.mean())
        expected = pd.concat(expected, axis=1).mean(axis=1)
        assert found.loc[str(drawn)].to_dict() == pytest.approx(expected.to_dict(), rel=1e-9)
    assert found.loc["all"].to_dict() == pytest.approx(evaluation.rank_metrics(ranks, 2).mean().to_dict())
    assert found.loc["6"].to_dict() == pytest.approx(found.loc["all"].to_dict(), rel=1e-9)


def test_a_draw_of_all_negatives_is_the_full_ranking_and_seeds_differ():
    ranks = ranks_frame([1, 30, 70, 101], [100] * 4)
    assert evaluation.sampled_ranks(ranks, 100)["rank"].tolist() == [1, 30, 70, 101]
    few = [evaluation.sampled_ranks(ranks, 9, random_state=seed) for seed in (1, 1, 2)]
    assert few[0].equals(few[1])
    assert not few[0].equals(few[2])
    assert few[0].iloc[[0, 3]]["rank"].tolist() == [1, 10]
    assert few[0]["n_negatives"].tolist() == [9] * 4


def test_drawing_agrees_with_the_expectation():
    ranks = ranks_frame(np.repeat([2, 40, 300], 4000), np.full(12_000, 999))
    exact = evaluation.sampling_bias(ranks, sizes=[99], k=10).loc["99"]
    drawn = evaluation.rank_metrics(evaluation.sampled_ranks(ranks, 99, random_state=5), k=10)
    error = drawn.std() / math.sqrt(len(drawn))
    assert ((drawn.mean() - exact).abs() < 4 * error).all()
    assert exact["hit_rate@10"] > 1.9 * evaluation.rank_metrics(ranks, 10)["hit_rate@10"].mean()


def test_drawn_candidates_can_turn_round_the_order_of_two_models():
    # in the spirit of Krichene & Rendle: one model has a few items on top, the other all in the middle
    sharp = ranks_frame([1] * 2 + [900] * 8, [999] * 10)
    steady = ranks_frame([60] * 10, [999] * 10)
    a, b = (evaluation.sampling_bias(ranks, sizes=[9, 99], k=10)["ndcg@10"] for ranks in (sharp, steady))
    assert a["all"] > b["all"]
    assert a["99"] < b["99"]
    assert a["9"] < b["9"]


def test_one_negative_leaves_the_auc():
    ranks = ranks_frame([1, 3, 8], [10, 10, 10])
    found = evaluation.sampling_bias(ranks, sizes=[1], k=1)
    assert found.loc["1", "hit_rate@1"] == pytest.approx(found.loc["all", "auc"])
    assert found.loc["1", "auc"] == pytest.approx(found.loc["all", "auc"])


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e.held_out_ranks(FULL, HELD, unranked="ignore"), "unranked is 'ignore'"),
        (lambda e: e.held_out_ranks(FULL, pairs_frame({"z": [1]}), "last"), "User 'z' has no list"),
        (lambda e: e.held_out_ranks(FULL, pairs_frame({"z": [1]}), "drop"), "None of the relevant"),
        (lambda e: e.held_out_ranks(FULL, pairs_frame({"a": [1, 2, 3, 4, 5]})), "relevant items only"),
        (lambda e: e.held_out_ranks(FULL, HELD.assign(item=HELD["item"].astype(str))), "same type"),
        (lambda e: e.rank_metrics(ranks_frame([0], [5])), "whole number from 1"),
        (lambda e: e.rank_metrics(ranks_frame([7], [5])), "whole number from 1"),
        (lambda e: e.rank_metrics(ranks_frame([1], [5]), k=0), "k is 0"),
        (lambda e: e.sampled_ranks(ranks_frame([1], [5]), 0), "n_negatives is 0"),
        (lambda e: e.sampling_bias(ranks_frame([1], [5]), sizes=[]), "sizes is empty"),
        (lambda e: e.sampling_bias(ranks_frame([1], [5]), sizes=[0]), "sizes is 0"),
    ],
)
def test_candidates_refuse_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call(evaluation)


# --- splits in time, and lists without what was seen ------------------------------------------------


def test_the_global_split_puts_every_later_row_in_test():
    rng = np.random.default_rng(4)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 40, 200), unit="D")
    ratings = pd.DataFrame({"user": rng.integers(0, 30, 200), "item": rng.integers(0, 20, 200)})
    ratings["timestamp"] = times
    for share in (0.05, 0.2, 0.5, 0.9):
        train, test = evaluation.global_temporal_split(ratings, share)
        assert train["timestamp"].max() < test["timestamp"].min()
        assert sorted([*train.index, *test.index]) == ratings.index.tolist()
        next_earlier = (ratings["timestamp"] == train["timestamp"].max()).sum()
        assert len(test) <= share * 200 < len(test) + next_earlier
    train, test = evaluation.global_temporal_split(ratings, cutoff="2024-01-21")
    assert (
        test.index.tolist()
        == ratings.index[ratings["timestamp"].dt.day >= 21]
        .union(ratings.index[ratings["timestamp"].dt.month == 2])
        .tolist()
    )


def test_cold_rows_are_counted():
    train, test = pairs_frame({1: "ab", 2: "a"}), pairs_frame({1: "ac", 3: "a", 4: "d"})
    counts = evaluation.cold_counts(train, test)
    assert counts.tolist() == [3, 2, 3, 2, 4, 3]
    assert evaluation.cold_counts(test, train).tolist() == [2, 1, 2, 1, 3, 2]
    assert evaluation.cold_counts(train, train).tolist() == [2, 0, 2, 0, 3, 0]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"test_share": 0}, "test_share is 0"),
        ({"test_share": 0.1}, "test part without rows"),
        ({"cutoff": 0}, "train part without rows"),
        ({"cutoff": 99}, "test part without rows"),
        ({"cutoff": "2024-01-01"}, "cannot be compared"),
        ({"timestamp": "when"}, "no column 'when'"),
    ],
)
def test_the_global_split_refuses_bad_input(options, words):
    ratings = pd.DataFrame({"user": [1, 2, 3], "item": list("abc"), "timestamp": [1, 2, 3]})
    with pytest.raises(InputError, match=words):
        evaluation.global_temporal_split(ratings, **options)


@settings(max_examples=40, deadline=None)
@given(some_lists, some_lists, st.integers(1, 4))
def test_lists_without_what_was_seen_against_a_slow_loop(lists, seen, k):
    slow = {u: [i for i in items if i not in seen.get(u, [])][:k] for u, items in lists.items()}
    if not any(slow.values()):
        return
    found = evaluation.without_seen(lists_frame(lists), pairs_frame(seen), k)
    assert found.to_dict("list") == lists_frame({u: items for u, items in slow.items() if items}).to_dict(
        "list"
    )


def test_a_leaky_fit_looks_better_than_it_is():
    # a model that saw the answers ranks them first; without_seen leaves them in only for the leaky one
    train = pairs_frame({u: [u % 5, (u + 1) % 5] for u in range(40)})
    test = pairs_frame({u: [5 + u % 7] for u in range(40)})
    honest = lists_frame({u: [i for i in range(12) if i not in (u % 5, (u + 1) % 5)] for u in range(40)})
    leaky = lists_frame({u: [5 + u % 7, *[i for i in range(12) if i != 5 + u % 7]] for u in range(40)})
    scores = [
        evaluation.ranking_metrics(evaluation.without_seen(lists, train, k=3), test, k=3)["recall@3"].mean()
        for lists in (honest, leaky)
    ]
    assert scores[1] == 1.0
    assert scores[0] < 0.2


# --- several models ---------------------------------------------------------------------------------


def test_holm_by_hand_and_against_statsmodels():
    from statsmodels.stats import multitest

    rng = np.random.default_rng(2)
    for size in (1, 2, 7):
        p = rng.random(size) ** 3
        assert evaluation.holm(p).tolist() == pytest.approx(
            multitest.multipletests(p, method="holm")[1].tolist()
        )
    assert evaluation.holm([0.02, 0.9]).tolist() == pytest.approx([0.04, 0.9])


def test_of_many_equal_models_hardly_one_is_found_better():
    rng = np.random.default_rng(8)
    runs, plain, corrected = 120, 0, 0
    for run in range(runs):
        table = pd.DataFrame(rng.normal(size=(60, 7)), columns=list("abcdefg"))
        found = evaluation.compare_models(table, "a", n_resamples=400, random_state=run)
        plain += (found["p_value"] < 0.05).any()
        corrected += (found["p_holm"] < 0.05).any()
    # six tests at 5 % that share a baseline; Holm keeps the family at 5 % (a bootstrap is a little liberal)
    assert plain > 12
    assert corrected <= 16


def test_models_are_paired_by_user():
    rng = np.random.default_rng(3)
    base = pd.Series(rng.random(300), index=np.arange(300))
    better = (base + 0.01).sample(frac=1, random_state=1)
    found = evaluation.compare_models({"base": base, "better": better}, "base")
    assert found.loc["better", "low"] == pytest.approx(0.01)
    assert found.loc["better", "p_value"] < 0.01
    for bad in ({"base": base}, {"better": better, "other": base}):
        with pytest.raises(InputError, match="baseline"):
            evaluation.compare_models(bad, "base")
    with pytest.raises(InputError, match="between 0 and 1"):
        evaluation.holm([0.5, 1.2])
