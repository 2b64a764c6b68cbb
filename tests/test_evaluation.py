"""Metrics against hand tables, slow loops and scikit-learn; splits that keep every row; honest intervals."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigmkt_helpers import evaluation
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

NAMES = list(evaluation.METRICS)
LOG3 = math.log2(3)


def lists_frame(lists: dict) -> pd.DataFrame:
    rows = [(user, item, rank) for user, items in lists.items() for rank, item in enumerate(items, start=1)]
    return pd.DataFrame(rows, columns=["user", "item", "rank"])


def truth_frame(truth: dict) -> pd.DataFrame:
    return pd.DataFrame([(u, i) for u, items in truth.items() for i in items], columns=["user", "item"])


# --- the hand table ---------------------------------------------------------------------------------
# Six users, lists cut at 3. Every number can be worked out on paper.

HAND_LISTS = {
    "all found": [1, 2, 3],
    "one of four": [4, 1],
    "answers nobody asked for": [9],
    "too late": [5, 6, 7, 8],
    "last place": [2, 1, 3],
}
HAND_TRUTH = {
    "all found": [1, 3],
    "one of four": [1, 5, 6, 7],
    "no list": [2],
    "too late": [8],
    "last place": [3],
}
HAND_TABLE = pd.DataFrame(
    [
        ("all found", 2 / 3, 1, (1 + 2 / 3) / 2, (1 + 1 / 2) / (1 + 1 / LOG3), 1),
        ("last place", 1 / 3, 1, 1 / 3, 1 / 2, 1 / 3),
        ("no list", 0, 0, 0, 0, 0),
        ("one of four", 1 / 3, 1 / 4, (1 / 2) / 3, (1 / LOG3) / (1 + 1 / LOG3 + 1 / 2), 1 / 2),
        ("too late", 0, 0, 0, 0, 0),
    ],
    columns=["user", *NAMES],
).set_index("user")


def check_hand_table(name: str) -> None:
    found = evaluation.ranking_metrics(
        lists_frame(HAND_LISTS), truth_frame(HAND_TRUTH), k=3, metrics=[name], users=HAND_TABLE.index
    )
    assert list(found.index) == list(HAND_TABLE.index)
    assert found[f"{name}@3"].tolist() == pytest.approx(HAND_TABLE[name].tolist(), rel=1e-12, abs=0)


@pytest.mark.parametrize("name", NAMES)
def test_hand_table(name):
    check_hand_table(name)


MUTANTS = {
    "returns 0": lambda judged: np.zeros(len(judged.users)),
    "returns 1": lambda judged: np.ones(len(judged.users)),
    "returns nan": lambda judged: np.full(len(judged.users), np.nan),
    "precision over what could be found": lambda j: (
        (j.gains > 0).sum(1) / np.maximum(1, (j.ideal > 0).sum(1))
    ),
    "recall capped at k": lambda j: (j.gains > 0).sum(1) / np.minimum(j.n_relevant, j.k),
    "average precision over all relevant": lambda j: (
        ((j.gains > 0).cumsum(1) / np.arange(1, j.gains.shape[1] + 1) * (j.gains > 0)).sum(1) / j.n_relevant
    ),
    "nDCG against k full places": lambda j: (
        (j.gains / np.log2(np.arange(2, j.k + 2))).sum(1) / (1 / np.log2(np.arange(2, j.k + 2))).sum()
    ),
    "ranks from 0": lambda j: (j.gains > 0).any(1) / np.maximum((j.gains > 0).argmax(1), 1),
}


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize("name", NAMES)
def test_the_hand_table_turns_red_for_a_wrong_metric(name, mutant, monkeypatch):
    monkeypatch.setitem(evaluation.METRICS, name, MUTANTS[mutant])
    with pytest.raises(AssertionError):
        check_hand_table(name)


def test_users_without_relevant_items_are_left_out_and_users_without_list_count_as_zero():
    found = evaluation.ranking_metrics(lists_frame(HAND_LISTS), truth_frame(HAND_TRUTH), k=3)
    assert found.index.name == "user"
    assert found.index.tolist() == sorted(HAND_TRUTH)
    assert (found.loc["no list"] == 0).all()
    some = evaluation.ranking_metrics(
        lists_frame(HAND_LISTS),
        truth_frame(HAND_TRUTH),
        k=3,
        users=["too late", "answers nobody asked for", "no list"],
    )
    assert some.index.tolist() == ["too late", "no list"]


def test_graded_ndcg_by_hand():
    truth = pd.DataFrame({"user": "a", "item": [1, 2, 3, 4], "stars": [3.0, 2.0, 0.0, 1.0]})
    found = evaluation.ranking_metrics(lists_frame({"a": [2, 3, 1]}), truth, k=3, gain="stars")
    dcg, ideal = 2 + 0 + 3 / 2, 3 + 2 / LOG3 + 1 / 2
    assert found.loc["a", "ndcg@3"] == pytest.approx(dcg / ideal, rel=1e-12)
    assert found.loc["a", "precision@3"] == pytest.approx(2 / 3, rel=1e-12)  # grade 0 is not relevant
    assert found.loc["a", "recall@3"] == pytest.approx(2 / 3, rel=1e-12)


# --- brute force ------------------------------------------------------------------------------------


def slow_metrics(found: list, relevant: set, k: int) -> dict:
    """The definitions, one user and one rank at a time."""
    hits, precisions, dcg, first = 0, 0.0, 0.0, 0.0
    for rank, item in enumerate(found[:k], start=1):
        if item in relevant:
            hits += 1
            precisions += hits / rank
            dcg += 1 / math.log2(rank + 1)
            first = first or 1 / rank
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return {
        "precision": hits / k,
        "recall": hits / len(relevant),
        "average_precision": precisions / min(k, len(relevant)),
        "ndcg": dcg / best,
        "reciprocal_rank": first,
    }


items_strategy = st.lists(st.integers(0, 9), unique=True, max_size=10)
people = st.integers(0, 5)
worlds = st.tuples(
    st.dictionaries(people, items_strategy.filter(bool), min_size=1),
    st.dictionaries(people, items_strategy.filter(bool), min_size=1),
    st.integers(1, 12),
)


@given(worlds)
@settings(max_examples=60, deadline=None)
def test_brute_force_bounds_and_invariance(world):
    lists, truth, k = world
    recommended, relevant = lists_frame(lists), truth_frame(truth)
    found = evaluation.ranking_metrics(recommended, relevant, k=k)
    assert found.index.tolist() == sorted(truth)
    for user in truth:
        slow = slow_metrics(lists.get(user, []), set(truth[user]), k)
        assert found.loc[user].tolist() == pytest.approx([slow[name] for name in NAMES], rel=1e-12, abs=0)
    assert found.min().min() >= 0
    assert found.max().max() <= 1

    shuffled = evaluation.ranking_metrics(
        recommended.sample(frac=1, random_state=1), relevant.sample(frac=1, random_state=2), k=k
    )
    pd.testing.assert_frame_equal(shuffled, found, check_exact=True)

    def rename(frame):  # other names, other types, another order of the alphabet
        return frame.assign(
            user=[f"u{9 - u}" for u in frame["user"]], item=[f"i{7 * i % 10}" for i in frame["item"]]
        )

    renamed = evaluation.ranking_metrics(rename(recommended), rename(relevant), k=k)
    assert renamed.to_numpy().tolist() == found.to_numpy()[::-1].tolist()


@given(worlds)
@settings(max_examples=40, deadline=None)
def test_more_of_the_list_never_loses_recall_and_a_hit_moved_up_never_hurts(world):
    lists, truth, k = world
    relevant = truth_frame(truth)
    shorter = evaluation.ranking_metrics(lists_frame(lists), relevant, k=k)
    longer = evaluation.ranking_metrics(lists_frame(lists), relevant, k=k + 1)
    for name in ("recall", "reciprocal_rank"):
        assert (longer[f"{name}@{k + 1}"] >= shorter[f"{name}@{k}"]).all()
    better = {u: sorted(items, key=lambda i, u=u: i not in truth.get(u, [])) for u, items in lists.items()}
    hits_first = evaluation.ranking_metrics(lists_frame(better), relevant, k=k)
    assert (hits_first >= shorter - 1e-12).all(axis=None)


@given(st.dictionaries(people, items_strategy.filter(bool), min_size=1), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_a_perfect_list_scores_exactly_one(truth, k):
    found = evaluation.ranking_metrics(lists_frame(truth), truth_frame(truth), k=k)
    assert (found[[f"average_precision@{k}", f"ndcg@{k}", f"reciprocal_rank@{k}"]] == 1).all(axis=None)


def test_agreement_with_scikit_learn_where_the_definitions_meet():
    from sklearn.metrics import average_precision_score, ndcg_score

    rng = np.random.default_rng(3)
    truth = rng.random((40, 12)) < 0.3
    truth[:, 0] |= ~truth.any(axis=1)
    scores = rng.permuted(np.tile(np.arange(12.0), (40, 1)), axis=1)
    recommended = lists_frame({user: np.argsort(-scores[user]).tolist() for user in range(40)})
    relevant = truth_frame({user: np.flatnonzero(truth[user]).tolist() for user in range(40)})
    for k in (1, 5, 12):
        found = evaluation.ranking_metrics(recommended, relevant, k=k)
        theirs = [ndcg_score(truth[[u]], scores[[u]], k=k) for u in range(40)]
        assert found[f"ndcg@{k}"].tolist() == pytest.approx(theirs, rel=1e-12, abs=0)
    theirs = [average_precision_score(truth[u], scores[u]) for u in range(40)]
    assert found["average_precision@12"].tolist() == pytest.approx(theirs, rel=1e-12, abs=0)


def test_categories_and_text_ids_give_the_same_numbers():
    recommended, relevant = lists_frame(HAND_LISTS), truth_frame(HAND_TRUTH)
    plain = evaluation.ranking_metrics(recommended, relevant, k=3)
    for frame in (recommended, relevant):
        frame["user"], frame["item"] = frame["user"].astype("category"), frame["item"].astype("category")
    categories = evaluation.ranking_metrics(recommended, relevant, k=3)
    assert categories.to_numpy().tolist() == plain.to_numpy().tolist()


def test_rating_errors_by_hand():
    true, predicted = [5, 3, 1, 4], [4, 3, 3, 4.5]
    assert evaluation.rmse(true, predicted) == pytest.approx(math.sqrt((1 + 0 + 4 + 0.25) / 4), rel=1e-12)
    assert evaluation.mae(true, predicted) == pytest.approx(3.5 / 4, rel=1e-12)
    assert evaluation.mae(pd.Series(true), np.array(predicted)) == pytest.approx(3.5 / 4, rel=1e-12)


# --- bad input --------------------------------------------------------------------------------------

GOOD_LISTS, GOOD_TRUTH = lists_frame({"a": [1, 2], "b": [1]}), truth_frame({"a": [1], "b": [2]})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recommended": GOOD_LISTS.iloc[:0]}, "recommended has no rows"),
        ({"relevant": GOOD_TRUTH.iloc[:0]}, "relevant has no rows"),
        ({"recommended": GOOD_LISTS.drop(columns="rank")}, "no column 'rank'"),
        ({"relevant": GOOD_TRUTH.to_numpy()}, "pass a pandas DataFrame"),
        ({"recommended": GOOD_LISTS.assign(item=[1, None, 1])}, r"recommended\['item'\] is missing in row 1"),
        ({"relevant": GOOD_TRUTH.assign(user=["a", None])}, "missing in row 1"),
        ({"recommended": GOOD_LISTS.assign(item=1)}, "item 1 twice for user 'a'"),
        ({"relevant": pd.concat([GOOD_TRUTH, GOOD_TRUTH])}, "relevant holds item 1 twice for user 'a'"),
        ({"recommended": GOOD_LISTS.assign(rank=[0, 1, 0])}, "not 1, 2, 3"),
        ({"recommended": GOOD_LISTS.assign(rank=[1, 1, 1])}, "user 'a' are not 1, 2, 3"),
        ({"recommended": GOOD_LISTS.assign(rank=[1, 3, 1])}, "user 'a' are not 1, 2, 3"),
        ({"recommended": GOOD_LISTS.assign(rank=[1, 1.5, 1])}, "not 1, 2, 3"),
        ({"recommended": GOOD_LISTS.assign(rank=[1.0, np.inf, 1])}, "every value must be finite"),
        ({"recommended": GOOD_LISTS.assign(rank=["first", "second", "first"])}, "not a number"),
        ({"recommended": GOOD_LISTS.assign(item=["1", "2", "1"])}, "'item' holds numbers in one frame"),
        ({"k": 0}, "k is 0"),
        ({"k": 2.5}, "k is 2.5"),
        ({"k": True}, "k is True"),
        ({"metrics": ["accuracy"]}, "no metric 'accuracy'"),
        ({"users": ["z"]}, "nothing to judge"),
        ({"gain": "stars"}, "no column 'stars'"),
        ({"relevant": GOOD_TRUTH.assign(stars=[-1, 2]), "gain": "stars"}, "gains must be 0 or more"),
        ({"relevant": GOOD_TRUTH.assign(stars=[0, 0]), "gain": "stars"}, "nothing to judge"),
    ],
)
def test_ranking_metrics_refuse_bad_input(change, words):
    arguments = {"recommended": GOOD_LISTS, "relevant": GOOD_TRUTH} | change
    with pytest.raises(InputError, match=words):
        evaluation.ranking_metrics(**arguments)


@pytest.mark.parametrize("function", [evaluation.rmse, evaluation.mae])
@pytest.mark.parametrize(
    ("true", "predicted", "words"),
    [
        ([], [], "non-empty"),
        ([1, 2], [1], "pair up"),
        ([1, np.nan], [1, 2], "true holds nan at position 1"),
        ([1, 2], [1, np.inf], "predicted holds inf"),
        ([1, "good"], [1, 2], "not a number"),
        ([[1, 2]], [[1, 2]], "shape"),
        (pd.Series([1, 2]), pd.Series([1, 2], index=[1, 0]), "different indexes"),
    ],
)
def test_rating_errors_refuse_bad_input(function, true, predicted, words):
    with pytest.raises(InputError, match=words):
        function(true, predicted)


# --- splits -----------------------------------------------------------------------------------------

SPLITS = {
    "random": lambda r: [evaluation.random_split(r, 0.3, 5)],
    "stratified": lambda r: [evaluation.stratified_split(r, "item", 0.4, 5)],
    "per user": lambda r: [evaluation.per_user_random_split(r, 0.4, 5)],
    "in time": lambda r: [evaluation.per_user_temporal_split(r, 0.4)],
    "last out": lambda r: [evaluation.leave_last_out(r, 2)],
    "folds": lambda r: evaluation.k_fold(r, 3, 5),
}


def some_ratings(seed=0, rows=300, users=25) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user": rng.geometric(0.15, rows).clip(max=users),
            "item": rng.integers(30, size=rows),
            "rating": rng.integers(1, 6, rows),
            "timestamp": pd.Timestamp("2024-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(20, size=rows), "D"),
        },
        index=rng.permutation(rows) * 3,
    )


@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize("seed", range(5))
def test_every_row_goes_to_exactly_one_part_unchanged(name, seed):
    ratings = some_ratings(seed)
    before = ratings.copy()
    for train, test in SPLITS[name](ratings):
        assert len(train) > 0
        assert len(test) > 0
        assert len(train) + len(test) == len(ratings)
        assert not set(train.index) & set(test.index)
        pd.testing.assert_frame_equal(pd.concat([train, test]).loc[ratings.index], ratings)
        for part in (train, test):  # the order of rows is kept
            assert part.index.tolist() == [label for label in ratings.index if label in set(part.index)]
    pd.testing.assert_frame_equal(ratings, before)


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_repeats_itself_and_the_seed_matters(name):
    ratings = some_ratings()
    first, again = ([test.index.tolist() for _, test in SPLITS[name](ratings)] for _ in range(2))
    assert first == again
    assert evaluation.random_split(ratings, 0.3, 5)[1].index.tolist() != (
        evaluation.random_split(ratings, 0.3, 6)[1].index.tolist()
    )


def test_shares():
    ratings = some_ratings()
    assert len(evaluation.random_split(ratings, 0.3)[1]) == 90
    for by, (_, test) in {
        "item": evaluation.stratified_split(ratings, "item", 0.4),
        "user": evaluation.per_user_random_split(ratings, 0.4),
        "user ": evaluation.per_user_temporal_split(ratings, 0.4),
    }.items():
        size, hidden = ratings[by.strip()].value_counts(), test[by.strip()].value_counts()
        for group, n in size.items():
            assert hidden.get(group, 0) == n - max(round(0.6 * n), 1)


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.25, 0.5, 0.9]))
@settings(max_examples=40, deadline=None)
def test_no_future_in_train_and_row_order_does_not_matter(seed, share):
    ratings = some_ratings(seed, rows=80).drop_duplicates(["user", "item"])
    for split in (
        lambda frame: evaluation.per_user_temporal_split(frame, share),
        lambda frame: evaluation.leave_last_out(frame, 3),
    ):
        train, test = split(ratings)
        oldest_hidden = test.groupby("user")["timestamp"].min()
        newest_kept = train.groupby("user")["timestamp"].max()
        assert set(test["user"]) <= set(train["user"])  # nobody loses everything
        assert (oldest_hidden >= newest_kept[oldest_hidden.index]).all()
        assert set(split(ratings.sample(frac=1, random_state=seed))[1].index) == set(test.index)


def test_ratings_of_the_same_time_are_ordered_by_item_then_row():
    ratings = pd.DataFrame({"user": "a", "item": ["z", "x", "y", "z"], "timestamp": 7})
    assert evaluation.leave_last_out(ratings, 1)[1].index.tolist() == [3]
    assert evaluation.leave_last_out(ratings, 2)[1].index.tolist() == [0, 3]
    assert evaluation.leave_last_out(ratings, 3)[1].index.tolist() == [0, 2, 3]
    mixed = pd.DataFrame({"user": "a", "item": ["b", 1, "a"], "timestamp": [1, 1, 1]})
    assert evaluation.leave_last_out(mixed, 1)[1].index.tolist() == [0]


def test_users_with_too_few_rows_stay_in_train():
    ratings = pd.DataFrame({"user": [1, 2, 2, 3, 3, 3], "item": [1, 1, 2, 1, 2, 3], "timestamp": range(6)})
    assert evaluation.leave_last_out(ratings, 2)[1].index.tolist() == [4, 5]
    assert set(evaluation.per_user_random_split(ratings, 0.5)[1]["user"]) == {2, 3}
    assert 1 not in evaluation.per_user_temporal_split(ratings, 0.9)[1]["user"].tolist()


def test_folds_follow_the_published_recipe():
    """The recipe of Surprise's KFold, written as its documentation describes it."""
    ratings = some_ratings(rows=17)
    order = list(range(17))
    shuffled = np.array(order)
    np.random.RandomState(4).shuffle(shuffled)
    sizes = [17 // 5 + (fold < 17 % 5) for fold in range(5)]
    expected = [set(part) for part in np.split(shuffled, np.cumsum(sizes)[:-1])]
    found = [
        set(np.flatnonzero(ratings.index.isin(test.index))) for _, test in evaluation.k_fold(ratings, 5, 4)
    ]
    assert found == expected
    assert sorted(set.union(*found)) == order


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (lambda r: evaluation.random_split(r.iloc[:0]), "no rows"),
        (lambda r: evaluation.random_split(r, 0), "test_share is 0"),
        (lambda r: evaluation.random_split(r, 1.0), "test_share is 1.0"),
        (lambda r: evaluation.random_split(r, "half"), "test_share is 'half'"),
        (lambda r: evaluation.random_split(r.iloc[:1]), "leaves the test part without rows"),
        (lambda r: evaluation.random_split(r, random_state=None), "random_state is None"),
        (lambda r: evaluation.stratified_split(r, "genre"), "no column 'genre'"),
        (lambda r: evaluation.per_user_random_split(r.drop_duplicates("user")), "leaves the test part"),
        (lambda r: evaluation.per_user_random_split(r.assign(user=None)), "missing in row"),
        (lambda r: evaluation.per_user_temporal_split(r.drop(columns="timestamp")), "no column 'timestamp'"),
        (lambda r: evaluation.per_user_temporal_split(r.assign(timestamp=pd.NaT)), "missing in row"),
        (lambda r: evaluation.leave_last_out(r, 0), "n is 0"),
        (lambda r: evaluation.leave_last_out(r, 1000), "leaves the test part"),
        (lambda r: evaluation.k_fold(r, 1), "n_folds is 1"),
        (lambda r: evaluation.k_fold(r, 301), "301 folds need at least 301 ratings"),
    ],
)
def test_splits_refuse_bad_input(split, words):
    with pytest.raises(InputError, match=words):
        split(some_ratings())


# --- intervals --------------------------------------------------------------------------------------


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(11)
    truth, covered = 0.7 * 0.25, []
    for seed in range(400):  # many zeros and a skewed rest, like nDCG per user
        values = rng.beta(0.5, 1.5, 100) * (rng.random(100) < 0.7)
        interval = evaluation.bootstrap_interval(values, level=0.9, n_resamples=300, random_state=seed)
        covered.append(interval.low <= truth <= interval.high)
    assert 0.85 <= np.mean(covered) <= 0.94  # 90% ± 3 standard errors, less a little for 100 users


def test_the_interval_of_a_mean_is_the_textbook_one():
    values = np.random.default_rng(0).normal(3, 2, 500)
    interval = evaluation.bootstrap_interval(values, n_resamples=4000)
    error = values.std() / math.sqrt(500)
    assert interval.estimate == pytest.approx(values.mean(), rel=1e-12)
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, rel=0.01)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, rel=0.01)
    assert (interval.level, interval.n) == (0.95, 500)


def test_agreement_with_scipy():
    from scipy.stats import bootstrap

    values = np.random.default_rng(1).exponential(size=80)
    theirs = bootstrap(
        (values,), np.median, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
    )
    ours = evaluation.bootstrap_interval(values, "median", n_resamples=4000)
    assert [ours.low, ours.high] == pytest.approx(list(theirs.confidence_interval), rel=0.05)


def test_blocks_of_draws_change_nothing():
    """Memory is bounded by drawing in blocks; more draws extend the same stream."""
    values = np.random.default_rng(0).random(300_000)
    interval = evaluation.bootstrap_interval(values, n_resamples=100)
    error = values.std() / math.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, rel=2e-3)
    assert interval.low < interval.estimate < interval.high


def test_a_root_mean_squared_error_gets_an_interval_too():
    errors = np.random.default_rng(0).normal(0, 0.9, 2000)
    interval = evaluation.bootstrap_interval(errors**2, lambda draws, axis: np.sqrt(draws.mean(axis=axis)))
    assert interval.estimate == pytest.approx(evaluation.rmse(errors, np.zeros(2000)), rel=1e-12)
    assert interval.low < 0.9 < interval.high


def test_pairing_sees_a_gain_that_two_intervals_hide():
    rng = np.random.default_rng(5)
    users = pd.Index(range(300), name="user")
    hard = pd.Series(rng.beta(1, 2, 300), index=users)
    better = hard + rng.normal(0.02, 0.05, 300)
    alone = evaluation.bootstrap_interval(hard), evaluation.bootstrap_interval(better)
    assert alone[0].high > alone[1].low  # apart, they overlap
    paired = evaluation.paired_bootstrap(better.sample(frac=1, random_state=0), hard)
    assert paired.difference == pytest.approx((better - hard).mean(), rel=1e-9)
    assert 0 < paired.low < paired.difference < paired.high
    assert paired.share_not_better == 0
    swapped = evaluation.paired_bootstrap(hard, better)
    assert swapped.share_not_better == 1
    assert swapped.high < 0
    same = evaluation.paired_bootstrap(hard, hard)
    assert (same.difference, same.share_not_better) == (0, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: evaluation.bootstrap_interval([0.5]), "at least two users"),
        (lambda: evaluation.bootstrap_interval([]), "non-empty"),
        (lambda: evaluation.bootstrap_interval([0.5, np.nan]), "holds nan at position 1"),
        (lambda: evaluation.bootstrap_interval([0, 1], level=95), "level is 95"),
        (lambda: evaluation.bootstrap_interval([0, 1], n_resamples=10), "n_resamples is 10"),
        (lambda: evaluation.bootstrap_interval([0, 1], statistic="mode"), "no statistic 'mode'"),
        (lambda: evaluation.bootstrap_interval([0, 1], random_state=-1), "random_state is -1"),
        (lambda: evaluation.paired_bootstrap([0, 1, 1], [0, 1]), "3 and 2 values"),
        (
            lambda: evaluation.paired_bootstrap(pd.Series([1, 2]), pd.Series([1, 2], index=[1, 2])),
            "same users",
        ),
        (
            lambda: evaluation.paired_bootstrap(pd.Series([1, 2], index=[1, 1]), pd.Series([1, 2], [1, 1])),
            "same users",
        ),
    ],
)
def test_intervals_refuse_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call()
