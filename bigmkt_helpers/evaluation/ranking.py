"""How good ranked lists are: one row per user, one column per metric, cut at k."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation._checks import (
    _frame,
    _no_repeats,
    _numbers,
    _plain,
    _position_in_group,
    _same_kind,
    _sorted,
    _whole_number,
)


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
        _same_kind(ours, theirs, name)
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


def without_seen(recommended: pd.DataFrame, seen: pd.DataFrame, k: int | None = None) -> pd.DataFrame:
    """Take pairs out of ranked lists and number what is left anew, 1, 2, 3 …, at most k per user.

    For a model that was shown more than it should have seen: have it rank everything, then take out what the
    user of the lists would really have had before.

    Parameters
    ----------
    recommended : pandas.DataFrame
        Columns ``user``, ``item``, ``rank``; other columns are kept.
    seen : pandas.DataFrame
        Columns ``user``, ``item``: the pairs to take out; repeats do not matter.
    k : int, optional
        Keep this many per user; by default all.

    Returns
    -------
    pandas.DataFrame
        Sorted by user, in the order of their first rows, and rank.

    Raises
    ------
    InputError
        As :func:`ranking_metrics`; also if nothing is left.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a"] * 3, "item": [7, 8, 9], "rank": [1, 2, 3]})
    >>> without_seen(lists, pd.DataFrame({"user": ["a"], "item": [8]}), k=2)["item"].tolist()
    [7, 9]
    """
    _frame(recommended, ["user", "item", "rank"], "recommended")
    _frame(seen, ["user", "item"], "seen")
    _no_repeats(recommended, "recommended")
    if k is not None:
        _whole_number(k, "k", least=1)
    pairs = []
    for frame in (recommended, seen):
        pairs.append([_plain(frame[name]) for name in ("user", "item")])
    for name, ours, theirs in zip(("user", "item"), *pairs):
        _same_kind(ours, theirs, name)
    (user, item), (seen_user, seen_item) = pairs
    users, items = pd.Index(user.unique()), pd.Index(item.unique())
    owner = users.get_indexer(user)
    order = np.lexsort((_ranks(recommended), owner))
    known = (users.get_indexer(seen_user), items.get_indexer(seen_item))
    real = (known[0] >= 0) & (known[1] >= 0)
    gone = np.isin(owner * len(items) + items.get_indexer(item), (known[0] * len(items) + known[1])[real])
    order = order[~gone[order]]
    if len(order) == 0:
        raise InputError("Nothing is left: every recommended pair is among those seen; ask for longer lists.")
    place = _position_in_group(owner[order]) + 1
    kept = place <= (len(items) if k is None else k)
    return recommended.iloc[order[kept]].assign(rank=place[kept]).reset_index(drop=True)
