"""How good is a recommender: metrics per user, splits, and intervals that tell a gain from noise.

A *split* hides some ratings; a recommender makes lists from the rest; :func:`ranking_metrics` compares the
lists with what was hidden and returns one row per user. Its column means are the figures everybody quotes;
:func:`bootstrap_interval` and :func:`paired_bootstrap` say how far to trust them. Libraries give the same
name to different formulas, so each metric below states its own formula, and who differs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information.intervals import Interval

Parts = tuple[pd.DataFrame, pd.DataFrame]

# --- ratings ----------------------------------------------------------------------------------------


def rmse(true, predicted) -> float:
    """Root mean squared error, sqrt(mean((true - predicted)²)), in units of the rating.

    Parameters
    ----------
    true, predicted : array-like of shape (n_ratings,)
        In the same order; two Series must carry the same index.

    Raises
    ------
    InputError
        Different lengths or indexes, no ratings, or a value that is missing, infinite or not a number.

    Examples
    --------
    >>> round(rmse([4, 2, 5], [3, 2, 3]), 4)
    1.291
    """
    return float(np.sqrt(np.mean(_errors(true, predicted) ** 2)))


def mae(true, predicted) -> float:
    """Mean absolute error, mean(|true - predicted|), in units of the rating; arguments as in :func:`rmse`.

    Examples
    --------
    >>> mae([4, 2, 5], [3, 2, 3])
    1.0
    """
    return float(np.mean(np.abs(_errors(true, predicted))))


def _errors(true, predicted) -> np.ndarray:
    if (
        isinstance(true, pd.Series)
        and isinstance(predicted, pd.Series)
        and not true.index.equals(predicted.index)
    ):
        raise InputError("true and predicted carry different indexes: align them, or pass both as arrays.")
    true, predicted = _numbers(true, "true"), _numbers(predicted, "predicted")
    if len(true) != len(predicted):
        raise InputError(f"true has {len(true)} ratings and predicted {len(predicted)}: they must pair up.")
    return true - predicted


# --- ranked lists -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """Ranked lists laid beside the truth: what every ranking metric is computed from. Made by :func:`judge`.

    Attributes
    ----------
    users : pandas.Index of length n_users
    k : int
        Where lists are cut.
    gains : numpy.ndarray of shape (n_users, width), width ≤ k
        Gain of the item at rank 1, 2, …: 1 (or its grade) if relevant, 0 if not or if the list has ended.
    ideal : numpy.ndarray of shape (n_users, width)
        The same row for the best possible list.
    n_relevant : numpy.ndarray of shape (n_users,)
        All relevant items of the user, also beyond k; at least 1.
    """

    users: pd.Index
    k: int
    gains: np.ndarray
    ideal: np.ndarray
    n_relevant: np.ndarray


def precision_at_k(judged: Judged) -> np.ndarray:
    """Share of the k places that hold a relevant item: hits / k, per user.

    A list shorter than k is still divided by k, as in Microsoft Recommenders. ``implicit``
    divides the hits of all users by the sum of min(k, relevant), which is nearer to recall (its issue 412).
    """
    return (judged.gains > 0).sum(axis=1) / judged.k


def recall_at_k(judged: Judged) -> np.ndarray:
    """Share of the user's relevant items found among the first k: hits / relevant, per user.

    With more than k relevant items even a perfect list stays under 1. Others divide by min(k, relevant).
    """
    return (judged.gains > 0).sum(axis=1) / judged.n_relevant


def average_precision_at_k(judged: Judged) -> np.ndarray:
    """Average precision, per user: Σ of precision@r over the ranks r ≤ k of hits / min(k, relevant).

    Its mean over users is MAP@k. The divisor lets a perfect list score 1, as in ``implicit`` and ``map_at_k``
    of Microsoft Recommenders. Its older ``map``, trec_eval's ``map_cut`` and RecTools divide by all relevant
    items; torchmetrics divides by the hits found. Uncut: Buckley & Voorhees, SIGIR 2000.
    """
    hits = judged.gains > 0
    precision_at_rank = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return (precision_at_rank * hits).sum(axis=1) / np.minimum(judged.k, judged.n_relevant)


def ndcg_at_k(judged: Judged) -> np.ndarray:
    """Normalised discounted cumulative gain, per user: DCG / DCG of the best possible list, both cut at k.

    DCG = Σ gain(r) / log2(r + 1) over ranks r ≤ k; the base of the logarithm cancels. The best list holds
    min(k, relevant) hits, as in scikit-learn, ``implicit`` and Microsoft Recommenders; RecTools by default
    fills all k places. Gains are linear: for the exponential form hand in 2**grade - 1. Source: Järvelin &
    Kekäläinen, ACM TOIS 20(4), 2002, with the discount log2(r + 1) of Burges et al., ICML 2005.
    """
    return _dcg(judged.gains) / _dcg(judged.ideal)


def _dcg(gains: np.ndarray) -> np.ndarray:
    return (gains / np.log2(np.arange(2, gains.shape[1] + 2))).sum(axis=1)


def reciprocal_rank_at_k(judged: Judged) -> np.ndarray:
    """1 / rank of the first hit, 0 without one among the first k, per user.

    Its mean is MRR@k (Voorhees, TREC-8, 1999, where k is 5). Whoever looks past k, or leaves users without a
    hit out of the mean, gets a higher number.
    """
    hits = judged.gains > 0
    return hits.any(axis=1) / (hits.argmax(axis=1) + 1)


#: Name of a metric → the function that computes it from a :class:`Judged`.
METRICS: dict[str, Callable[[Judged], np.ndarray]] = {
    "precision": precision_at_k,
    "recall": recall_at_k,
    "average_precision": average_precision_at_k,
    "ndcg": ndcg_at_k,
    "reciprocal_rank": reciprocal_rank_at_k,
}


def ranking_metrics(
    recommended: pd.DataFrame,
    relevant: pd.DataFrame,
    k: int = 10,
    metrics: Sequence[str] = tuple(METRICS),
    users: Iterable | None = None,
    gain: str | None = None,
) -> pd.DataFrame:
    """Ranking metrics at k, one row per user.

    Every user with a relevant item is a row; one who got no list scores 0. Users without a relevant item are
    left out (recall would be 0/0). Microsoft Recommenders leaves users without a list out of precision and
    recall too, which flatters a model that answers only easy users.

    Parameters
    ----------
    recommended : pandas.DataFrame
        Columns ``user``, ``item``, ``rank``; a user's ranks run 1, 2, 3 …; other columns are not read.
    relevant : pandas.DataFrame
        Columns ``user``, ``item``: what the user really chose, each pair once.
    k : int
        Where lists are cut.
    metrics : sequence of str
        Keys of :data:`METRICS`; all by default.
    users : iterable, optional
        Judge these users only, in this order; by default all of ``relevant``, sorted.
    gain : str, optional
        Column of ``relevant`` with grades ≥ 0 for nDCG; an item is then relevant if its grade is above 0.

    Returns
    -------
    pandas.DataFrame
        Index ``user``, one column per metric, named ``"ndcg@10"`` and so on.

    Raises
    ------
    InputError
        An empty frame, a missing column or value, a repeated pair, ranks other than 1, 2, 3 …, k < 1, an
        unknown metric, ids that are numbers in one frame and not in the other.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 2, 1], "rank": [1, 2, 1]})
    >>> chosen = pd.DataFrame({"user": ["a", "b", "b", "c"], "item": [2, 1, 3, 1]})
    >>> per_user = ranking_metrics(lists, chosen, k=2, metrics=["precision", "recall", "ndcg"])
    >>> print(per_user.round(3).to_string(index_names=False))
       precision@2  recall@2  ndcg@2
    a          0.5       1.0   0.631
    b          0.5       0.5   0.613
    c          0.0       0.0   0.000
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise InputError(f"There is no metric {unknown[0]!r}: choose among {', '.join(METRICS)}.")
    judged = judge(recommended, relevant, k=k, users=users, gain=gain)
    return pd.DataFrame({f"{name}@{k}": METRICS[name](judged) for name in metrics}, index=judged.users)


def judge(recommended, relevant, k=10, users=None, gain=None) -> Judged:
    """Lay ranked lists beside the truth; arguments and errors as in :func:`ranking_metrics`.

    Memory: two tables of users × min(k, longest list or most relevant items) numbers.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 2, 1], "rank": [1, 2, 1]})
    >>> chosen = pd.DataFrame({"user": ["a", "b", "b"], "item": [2, 1, 3]})
    >>> judge(lists, chosen, k=2).gains
    array([[0., 1.],
           [1., 0.]])
    """
    _whole_number(k, "k", least=1)
    _frame(recommended, ["user", "item", "rank"], "recommended")
    _frame(relevant, ["user", "item", *([gain] if gain else [])], "relevant")
    _no_repeats(recommended, "recommended")
    _no_repeats(relevant, "relevant")
    lists = [_plain(recommended[name]) for name in ("user", "item")]
    truth = [_plain(relevant[name]) for name in ("user", "item")]
    for name, ours, theirs in zip(("user", "item"), lists, truth):
        if pd.api.types.is_numeric_dtype(ours) != pd.api.types.is_numeric_dtype(theirs):
            raise InputError(
                f"{name!r} holds numbers in one frame and not in the other: give both the same type."
            )
    grades = np.ones(len(relevant)) if gain is None else _numbers(relevant[gain], f"relevant[{gain!r}]")
    if (grades < 0).any():
        raise InputError(f"relevant[{gain!r}] holds {grades.min():g}: gains must be 0 or more.")

    people = _sorted(truth[0][grades > 0].unique())
    if users is not None:
        wanted = pd.Index(list(users)).unique()
        people = wanted[wanted.isin(people)]
    if people.empty:
        raise InputError("None of the users has a relevant item: there is nothing to judge.")
    items = pd.Index(truth[1].unique())

    # One number per (user, item) turns "is this recommendation relevant?" into one look-up.
    owner, item = people.get_indexer(truth[0]), items.get_indexer(truth[1])
    kept = (owner >= 0) & (grades > 0)
    owner, grades, keys = owner[kept], grades[kept], pd.Index((owner * len(items) + item)[kept])
    row, item = people.get_indexer(lists[0]), items.get_indexer(lists[1])
    rank = _ranks(recommended)
    found = keys.get_indexer(row * len(items) + item)
    hit = (row >= 0) & (item >= 0) & (found >= 0) & (rank <= k)

    n_relevant = np.bincount(owner, minlength=len(people))
    width = min(int(k), max(int(rank.max()), int(n_relevant.max())))
    gains, ideal = np.zeros((2, len(people), width))
    gains[row[hit], rank[hit] - 1] = grades[found[hit]]
    best_first = np.lexsort((-grades, owner))
    place = _position_in_group(owner[best_first])
    best_first, place = best_first[place < width], place[place < width]
    ideal[owner[best_first], place] = grades[best_first]
    return Judged(users=people.rename("user"), k=int(k), gains=gains, ideal=ideal, n_relevant=n_relevant)


def _ranks(recommended: pd.DataFrame) -> np.ndarray:
    ranks = _numbers(recommended["rank"], "recommended['rank']")
    owner = pd.factorize(_plain(recommended["user"]))[0]
    order = np.lexsort((ranks, owner))
    wrong = ranks[order] != _position_in_group(owner[order]) + 1
    if wrong.any():
        user = recommended["user"].tolist()[order[wrong.argmax()]]
        raise InputError(
            f"The ranks of user {user!r} are not 1, 2, 3 …: number each list from 1 without gaps."
        )
    return ranks.astype(np.int64)


# --- splits -----------------------------------------------------------------------------------------
# All draws come from numpy's RandomState, whose stream is frozen (NEP 19): the same rows on every machine and
# release. Each split keeps the frame's index and row order; every row is in train or in test, never in both.


def random_split(ratings: pd.DataFrame, test_share: float = 0.2, random_state: int = 0) -> Parts:
    """Hide round(share × rows) ratings, drawn at random, whoever they belong to.

    Common, but a user's later ratings may stand in train while earlier ones are tested.

    Parameters
    ----------
    ratings : pandas.DataFrame
        Any columns; at least two rows.
    test_share : float
        Share of the rows in the test part, between 0 and 1.
    random_state : int
        Seed.

    Returns
    -------
    train, test : pandas.DataFrame

    Raises
    ------
    InputError
        An empty frame, a share outside (0, 1), a seed that is no whole number, or a part left without rows.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": [1, 1, 1, 2, 2], "item": list("abcab")})
    >>> train, test = random_split(ratings, test_share=0.4)
    >>> len(train), len(test)
    (3, 2)
    """
    _frame(ratings, [], "ratings")
    _share(test_share, "test_share")
    drawn = _legacy(random_state).permutation(len(ratings))[: round(test_share * len(ratings))]
    return _parts(ratings, drawn)


def stratified_split(
    ratings: pd.DataFrame, by: str = "item", test_share: float = 0.25, random_state: int = 42
) -> Parts:
    """Hide the same share of the ratings of each group, drawn at random; ``by`` names the column of groups.

    A group of n rows keeps round((1 - share) × n), halves to the even number, and at least one. With the
    defaults these are the rows of ``python_stratified_split(ratio=0.75, filter_by="item", seed=42)`` in
    today's Microsoft Recommenders, the protocol of its published table (older releases cut elsewhere). Else
    as :func:`random_split`.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": [1, 2, 3, 4, 1], "item": list("aaaab")})
    >>> train, test = stratified_split(ratings)
    >>> test["item"].tolist()
    ['a']
    """
    _frame(ratings, [by], "ratings")
    _share(test_share, "test_share")
    group = pd.factorize(_plain(ratings[by]))[0]
    order = np.lexsort((_legacy(random_state).random_sample(len(ratings)), group))
    return _hide_last(ratings, group, order, _test_size(group, test_share))


def per_user_random_split(
    ratings: pd.DataFrame, test_share: float = 0.2, random_state: int = 0, user: str = "user"
) -> Parts:
    """Hide the same share of every user's ratings, drawn at random: :func:`stratified_split` by user.

    Users with too few rows to give one away stay in train whole.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": [1] * 5 + [2], "item": list("abcdea")})
    >>> train, test = per_user_random_split(ratings)
    >>> test["user"].tolist()
    [1]
    """
    return stratified_split(ratings, by=user, test_share=test_share, random_state=random_state)


def per_user_temporal_split(
    ratings: pd.DataFrame, test_share: float = 0.2, user="user", item="item", timestamp="timestamp"
) -> Parts:
    """Hide the last share of every user's ratings in time.

    No test rating is older than a train rating of the same user. It still leaks *across* users: at the time
    of one user's test, train knows ratings that others made later. A user's ratings of the same time are
    ordered by item, then by row. A user of n rows keeps round((1 - share) × n), at least one; users with too
    few rows stay in train. Else as :func:`random_split`; a missing time is an error.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": [1] * 5, "item": list("abcde"), "timestamp": [3, 1, 5, 2, 4]})
    >>> train, test = per_user_temporal_split(ratings)
    >>> test["item"].tolist()
    ['c']
    """
    _share(test_share, "test_share")
    group, order = _in_time(ratings, user, item, timestamp)
    return _hide_last(ratings, group, order, _test_size(group, test_share))


def leave_last_out(
    ratings: pd.DataFrame, n: int = 1, user="user", item="item", timestamp="timestamp"
) -> Parts:
    """Hide the last n ratings of every user in time; users with n rows or fewer stay in train whole.

    Order, leak and errors as in :func:`per_user_temporal_split`.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": [1, 1, 2], "item": list("aba"), "timestamp": [2, 1, 1]})
    >>> train, test = leave_last_out(ratings)
    >>> test["item"].tolist()
    ['a']
    """
    _whole_number(n, "n", least=1)
    group, order = _in_time(ratings, user, item, timestamp)
    return _hide_last(ratings, group, order, np.where(np.bincount(group) > n, n, 0))


def k_fold(ratings: pd.DataFrame, n_folds: int = 5, random_state: int = 0) -> Iterator[Parts]:
    """Cut the ratings into folds at random; yields ``(train, test)``, each fold being the test part once.

    On ratings in file order these are the folds of Surprise's ``KFold(n_splits=5, random_state=0)``, so that
    its published RMSEs compare. (Surprise hands train out shuffled, which matters only to models that learn
    rating by rating.) Errors as in :func:`random_split`.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": [1, 1, 2, 2, 3], "item": list("ababa")})
    >>> [len(test) for train, test in k_fold(ratings, n_folds=2)]
    [3, 2]
    """
    _frame(ratings, [], "ratings")
    _whole_number(n_folds, "n_folds", least=2)
    if n_folds > len(ratings):
        raise InputError(f"{n_folds} folds need at least {n_folds} ratings; there are {len(ratings)}.")
    order = np.arange(len(ratings))
    _legacy(random_state).shuffle(order)
    return (_parts(ratings, fold) for fold in np.array_split(order, n_folds))


def _in_time(ratings, user, item, timestamp) -> tuple[np.ndarray, np.ndarray]:
    _frame(ratings, [user, item, timestamp], "ratings")
    group = pd.factorize(_plain(ratings[user]))[0]
    labels = _plain(ratings[item])
    tie = _sorted(labels.unique()).get_indexer(labels)
    return group, np.lexsort((tie, ratings[timestamp].rank(method="dense"), group))


def _test_size(group: np.ndarray, test_share: float) -> np.ndarray:
    size = np.bincount(group)
    return size - np.maximum(np.round((1 - test_share) * size).astype(int), 1)


def _hide_last(ratings, group, order, n_test) -> Parts:
    """Test = the last ``n_test[g]`` rows of each group g; ``order`` sorts the rows by group."""
    ordered = group[order]
    return _parts(ratings, order[_position_in_group(ordered) >= (np.bincount(group) - n_test)[ordered]])


def _parts(ratings: pd.DataFrame, test_rows: np.ndarray) -> Parts:
    is_test = np.zeros(len(ratings), dtype=bool)
    is_test[test_rows] = True
    if is_test.all() or not is_test.any():
        part = "train" if is_test.all() else "test"
        raise InputError(
            f"The split leaves the {part} part without rows: bring more ratings or change the share."
        )
    return ratings[~is_test], ratings[is_test]


# --- intervals --------------------------------------------------------------------------------------


class PairedDifference(NamedTuple):
    """Mean difference a - b over the same users, its interval, and the share of draws in which it is ≤ 0."""

    difference: float
    low: float
    high: float
    share_not_better: float
    level: float
    n: int


def bootstrap_interval(
    values,
    statistic: str | Callable = "mean",
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a statistic over users.

    Users are drawn with replacement, the statistic is computed on each draw, and the middle ``level`` of the
    results is the interval (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13); so it
    stays inside the metric's range. It covers the choice of users, not the choice of split or of the model's
    seed. It is a little short for a few dozen users, and much too short for a few hundred with rare, large
    values (money).

    Parameters
    ----------
    values : array-like of shape (n_users,)
        One number per user, such as a column of :func:`ranking_metrics`.
    statistic : {"mean", "median"} or callable
        A callable takes an array of shape (draws, n_users) and ``axis=1``, and returns one number per draw.
    level : float
        Between 0 and 1.
    n_resamples : int
        Number of draws, at least 100; memory stays near 40 MB whatever the number of draws.
    random_state : int
        Seed.

    Returns
    -------
    Interval
        ``estimate, low, high, level, n``.

    Raises
    ------
    InputError
        Fewer than two users, a value that is missing or infinite, a level outside (0, 1), too few draws.

    Examples
    --------
    >>> interval = bootstrap_interval([0.0, 0.2, 0.4, 0.6, 0.8, 1.0] * 20)
    >>> round(interval.estimate, 3), round(interval.low, 2), round(interval.high, 2)
    (0.5, 0.44, 0.56)
    """
    values = _numbers(values, "values")
    compute = statistic if callable(statistic) else {"mean": np.mean, "median": np.median}.get(statistic)
    if compute is None:
        raise InputError(
            f"There is no statistic {statistic!r}: use 'mean', 'median' or a function of (array, axis)."
        )
    _, low, high = _resample(values, compute, level, n_resamples, random_state)
    return Interval(float(compute(values[None, :], axis=1)[0]), low, high, level, len(values))


def paired_bootstrap(
    per_user_a, per_user_b, level: float = 0.95, n_resamples: int = 2000, random_state: int = 0
) -> PairedDifference:
    """Is model a better than model b? Bootstrap of the mean difference a - b over the same users.

    Pairing takes out what makes a user easy or hard for both models, so smaller gains show.

    Parameters
    ----------
    per_user_a, per_user_b : Series or array-like of shape (n_users,)
        The same metric of the two models, paired by index when both are Series, else by position.
    level, n_resamples, random_state
        As in :func:`bootstrap_interval`, as are the errors; it is also an error if the users differ.

    Returns
    -------
    PairedDifference
        ``share_not_better``: near 0 when a is surely better than b, near 1 when it surely is not.

    Examples
    --------
    >>> a, b = [0.5, 0.7, 0.4, 0.9] * 25, [0.4, 0.6, 0.5, 0.7] * 25
    >>> result = paired_bootstrap(a, b)
    >>> round(result.difference, 3), result.low > 0, result.share_not_better
    (0.075, True, 0.0)
    """
    if isinstance(per_user_a, pd.Series) and isinstance(per_user_b, pd.Series):
        indexes = per_user_a.index, per_user_b.index
        if not all(index.is_unique for index in indexes) or len(indexes[0].symmetric_difference(indexes[1])):
            raise InputError(
                "The two models were not judged on the same users, each once: pass the same users."
            )
        per_user_b = per_user_b.reindex(per_user_a.index)
    a, b = _numbers(per_user_a, "per_user_a"), _numbers(per_user_b, "per_user_b")
    if len(a) != len(b):
        raise InputError(f"The models have {len(a)} and {len(b)} values: judge both on the same users.")
    draws, low, high = _resample(a - b, np.mean, level, n_resamples, random_state)
    return PairedDifference(float(np.mean(a - b)), low, high, float(np.mean(draws <= 0)), level, len(a))


def _resample(values, compute, level, n_resamples, random_state) -> tuple[np.ndarray, float, float]:
    if len(values) < 2:
        raise InputError("A bootstrap needs the values of at least two users.")
    _share(level, "level")
    _whole_number(n_resamples, "n_resamples", least=100)
    _whole_number(random_state, "random_state", least=0)
    rng = np.random.default_rng(random_state)
    block = max(1, 2_000_000 // len(values))  # bounds the memory
    parts = []
    for start in range(0, n_resamples, block):
        chosen = rng.integers(len(values), size=(min(block, n_resamples - start), len(values)))
        parts.append(np.asarray(compute(values[chosen], axis=1), dtype=float))
    draws = np.concatenate(parts)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return draws, float(low), float(high)


# --- checks -----------------------------------------------------------------------------------------


def _frame(frame, columns: list[str], name: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{name} is a {type(frame).__name__}: pass a pandas DataFrame.")
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"{name} has no column {missing[0]!r}; its columns are {list(map(str, frame.columns))}."
        )
    if len(frame) == 0:
        raise InputError(f"{name} has no rows: there is nothing to evaluate.")
    for column in columns:
        gaps = frame[column].isna().to_numpy()
        if gaps.any():
            raise InputError(
                f"{name}[{column!r}] is missing in row {frame.index[gaps.argmax()]}: drop or fill it."
            )


def _no_repeats(frame: pd.DataFrame, name: str) -> None:
    twice = frame.duplicated(["user", "item"]).to_numpy()
    if twice.any():
        user, item = (frame.loc[twice, column].tolist()[0] for column in ("user", "item"))
        raise InputError(f"{name} holds item {item!r} twice for user {user!r}: keep one row per pair.")


def _numbers(values, name: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error}).") from error
    if numbers.ndim != 1 or len(numbers) == 0:
        raise InputError(f"{name} has shape {numbers.shape}: pass a plain, non-empty sequence of numbers.")
    if not np.isfinite(numbers).all():
        position = int(np.isfinite(numbers).argmin())
        raise InputError(
            f"{name} holds {numbers[position]} at position {position}: every value must be finite."
        )
    return numbers


def _whole_number(value, name: str, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value!r}: it must be a whole number of at least {least}.")


def _share(value, name: str) -> None:
    if not (isinstance(value, Real) and 0 < value < 1):
        raise InputError(f"{name} is {value!r}: it must lie between 0 and 1, both excluded.")


def _legacy(random_state) -> np.random.RandomState:
    _whole_number(random_state, "random_state", least=0)
    return np.random.RandomState(int(random_state))


def _plain(column: pd.Series) -> pd.Series:
    """The column without the category dtype, whose look-ups follow other rules."""
    return (
        column.astype(column.cat.categories.dtype)
        if isinstance(column.dtype, pd.CategoricalDtype)
        else column
    )


def _sorted(labels) -> pd.Index:
    """Labels in sorted order; labels that cannot be compared, such as 1 and 'a', by type and text."""
    index = pd.Index(labels)
    try:
        return index.sort_values()
    except TypeError:
        return index[np.argsort([f"{type(label).__name__} {label}" for label in index], kind="stable")]


def _position_in_group(group: np.ndarray) -> np.ndarray:
    """0, 1, 2 … within each run of equal values."""
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    return np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)]))
