"""What ranking against a few drawn candidates does to the metrics, and to who wins.

Full ranking places a held-out item among all items that the user has not had. To save time many papers place
it among a few drawn ones instead. The figures rise, models move together, and the order of two models can
turn round, even in expectation (Krichene & Rendle, "On sampled metrics for item recommendation", KDD 2020).
The expectation follows from the full ranks alone, so nothing here needs the model again.
"""

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
    _whole_number,
)
from bigmkt_helpers.evaluation.ranking import _ranks

_METRICS = ("hit_rate", "ndcg", "reciprocal_rank", "auc")


def held_out_ranks(
    recommended: pd.DataFrame, relevant: pd.DataFrame, unranked: str = "error"
) -> pd.DataFrame:
    """Place of each relevant item among the items of its user's list that are not relevant.

    Parameters
    ----------
    recommended : pandas.DataFrame
        Columns ``user``, ``item``, ``rank``: *full* lists, every item that the user has not had before
        (``recommend(users, n=n_items)``).
    relevant : pandas.DataFrame
        Columns ``user``, ``item``, each pair once.
    unranked : {"error", "last", "drop"}
        What to do with a relevant item that is not in the list, such as one that the model does not know:
        refuse, place it behind all others, or leave it out. Users without a list likewise: those have no
        others, so ``"last"`` refuses them.

    Returns
    -------
    pandas.DataFrame
        A row per relevant pair: ``user``, ``item``, ``rank`` (1 + number of not relevant items above it) and
        ``n_negatives`` (number of not relevant items in the list).

    Raises
    ------
    InputError
        As :func:`ranking_metrics`; an unranked item under ``"error"``; a user whose list holds relevant items
        only.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a"] * 4, "item": [1, 2, 3, 4], "rank": [1, 2, 3, 4]})
    >>> held_out_ranks(lists, pd.DataFrame({"user": ["a", "a"], "item": [2, 4]}))["rank"].tolist()
    [2, 3]
    """
    if unranked not in ("error", "last", "drop"):
        raise InputError(f"unranked is {unranked!r}: use 'error', 'last' or 'drop'.")
    _frame(recommended, ["user", "item", "rank"], "recommended")
    _frame(relevant, ["user", "item"], "relevant")
    _no_repeats(recommended, "recommended")
    _no_repeats(relevant, "relevant")
    lists = [_plain(recommended[name]) for name in ("user", "item")]
    truth = [_plain(relevant[name]).reset_index(drop=True) for name in ("user", "item")]
    for name, ours, theirs in zip(("user", "item"), lists, truth):
        _same_kind(ours, theirs, name)
    users, items = pd.Index(lists[0].unique()), pd.Index(lists[1].unique())
    owner = users.get_indexer(lists[0])
    order = np.lexsort((_ranks(recommended), owner))
    keys = pd.Index((owner * len(items) + items.get_indexer(lists[1]))[order])
    row, column = users.get_indexer(truth[0]), items.get_indexer(truth[1])
    place = np.where((row >= 0) & (column >= 0), keys.get_indexer(row * len(items) + column), -1)

    is_relevant = np.zeros(len(keys), dtype=bool)
    is_relevant[place[place >= 0]] = True
    sorted_owner = owner[order]
    n_negatives = np.bincount(sorted_owner, weights=~is_relevant, minlength=len(users)).astype(int)
    # negatives above = position in the list less the relevant ones above
    before = np.cumsum(is_relevant) - is_relevant
    start = np.searchsorted(sorted_owner, np.arange(len(users)))
    above = _position_in_group(sorted_owner) - (before - before[start][sorted_owner])
    found = place >= 0
    if not found.all() and unranked == "error":
        pair = int((~found).argmax())
        raise InputError(
            f"Item {truth[1].tolist()[pair]!r} is not in the list of user {truth[0].tolist()[pair]!r}: pass "
            "full lists, or say unranked='last' or 'drop'."
        )
    if unranked == "last" and (row < 0).any():
        raise InputError(
            f"User {truth[0].tolist()[int((row < 0).argmax())]!r} has no list: there is no last place in it."
        )
    table = pd.DataFrame({"user": truth[0], "item": truth[1]})
    table["rank"] = np.where(found, above[place], n_negatives[row]) + 1
    table["n_negatives"] = n_negatives[row]
    if unranked == "drop":
        table = table[found].reset_index(drop=True)
    if len(table) == 0:
        raise InputError("None of the relevant items is in a list: there is nothing to rank.")
    if (table["n_negatives"] == 0).any():
        user = table.loc[table["n_negatives"] == 0, "user"].tolist()[0]
        raise InputError(f"The list of user {user!r} holds relevant items only: there is nothing to beat.")
    return table


def sampled_ranks(ranks: pd.DataFrame, n_negatives: int = 99, random_state: int = 0) -> pd.DataFrame:
    """Draw negatives without replacement for each held-out item, and place the item among those only.

    Of n negatives r - 1 stand above the item; among m drawn ones their number is hypergeometric, so the draw
    needs the full rank and no more.

    Parameters
    ----------
    ranks : pandas.DataFrame
        From :func:`held_out_ranks`.
    n_negatives : int
        Drawn per held-out item; users with fewer keep all.
    random_state : int
        Seed of numpy's PCG64.

    Returns
    -------
    pandas.DataFrame
        As ``ranks``, with ``rank`` among the drawn ones and their number in ``n_negatives``.

    Examples
    --------
    >>> ranks = pd.DataFrame({"user": ["a"], "item": [1], "rank": [500], "n_negatives": [999]})
    >>> int(sampled_ranks(ranks, n_negatives=999)["rank"].iloc[0])
    500
    """
    rank, size = _checked(ranks)
    _whole_number(n_negatives, "n_negatives", least=1)
    _whole_number(random_state, "random_state", least=0)
    drawn = np.minimum(size, n_negatives)
    above = np.random.default_rng(random_state).hypergeometric(rank - 1, size - rank + 1, drawn)
    return ranks.assign(rank=above + 1, n_negatives=drawn)


def rank_metrics(ranks: pd.DataFrame, k: int = 10) -> pd.DataFrame:
    """Metrics of each held-out item, as if it were its user's only relevant one.

    Parameters
    ----------
    ranks : pandas.DataFrame
        From :func:`held_out_ranks` or :func:`sampled_ranks`.
    k : int
        Where the ranking is cut.

    Returns
    -------
    pandas.DataFrame
        One row per held-out item: ``hit_rate@k`` (1 if rank ≤ k), ``ndcg@k`` (1/log2(rank + 1) if rank ≤ k),
        ``reciprocal_rank@k`` (1/rank if rank ≤ k) and ``auc`` (share of negatives below it).

    Examples
    --------
    >>> ranks = pd.DataFrame({"user": ["a"], "item": [1], "rank": [3], "n_negatives": [4]})
    >>> rank_metrics(ranks, k=3).to_numpy().round(3).tolist()
    [[1.0, 0.5, 0.333, 0.5]]
    """
    rank, size = _checked(ranks)
    _whole_number(k, "k", least=1)
    values = _values(rank, size, k)
    names = [name if name == "auc" else f"{name}@{k}" for name in _METRICS]
    return pd.DataFrame(values, columns=names, index=ranks.index)


def sampling_bias(ranks: pd.DataFrame, sizes=(1, 10, 99, 999), k: int = 10) -> pd.DataFrame:
    """Expected mean metrics for several numbers of drawn negatives, beside those of the full ranking.

    The expectation is exact: the mean over the hypergeometric law of :func:`sampled_ranks`. With few
    negatives every metric becomes a function of the AUC; the AUC itself does not change.

    Parameters
    ----------
    ranks : pandas.DataFrame
        From :func:`held_out_ranks`.
    sizes : sequence of int
        Numbers of negatives, at least 1.
    k : int

    Returns
    -------
    pandas.DataFrame
        Index ``n_negatives``: the sizes as text, and ``"all"``; columns as :func:`rank_metrics`.

    Examples
    --------
    >>> ranks = pd.DataFrame({"user": ["a"], "item": [1], "rank": [3], "n_negatives": [4]})
    >>> sampling_bias(ranks, sizes=[1], k=1)["hit_rate@1"].round(6).tolist()
    [0.5, 0.0]
    """
    rank, size = _checked(ranks)
    _whole_number(k, "k", least=1)
    sizes = list(sizes)
    if not sizes:
        raise InputError("sizes is empty: name at least one number of negatives.")
    names = [name if name == "auc" else f"{name}@{k}" for name in _METRICS]
    # users share few distinct (rank, size) pairs with others; each is worked out once
    pairs, times = np.unique(np.column_stack([rank, size]), axis=0, return_counts=True)
    rows = []
    for n_negatives in sizes:
        _whole_number(n_negatives, "sizes", least=1)
        rows.append(np.average(_expected(pairs[:, 0], pairs[:, 1], n_negatives, k), axis=0, weights=times))
    rows.append(np.average(_values(pairs[:, 0], pairs[:, 1], k), axis=0, weights=times))
    index = pd.Index([*(str(size) for size in sizes), "all"], name="n_negatives")
    return pd.DataFrame(rows, index=index, columns=names)


def _values(rank, size, k) -> np.ndarray:
    inside = rank <= k
    return np.stack(
        [inside * 1.0, inside / np.log2(rank + 1), inside / rank, (size + 1 - rank) / size], axis=-1
    )


def _expected(rank, size, n_negatives, k) -> np.ndarray:
    from scipy.special import gammaln

    def log_choose(n, r):
        return gammaln(n + 1) - gammaln(r + 1) - gammaln(n - r + 1)

    drawn = np.minimum(size, n_negatives)
    above = np.arange(min(k, int(drawn.max()) + 1))[None, :]  # only ranks up to k count
    better, worse = (rank - 1)[:, None], (size - rank + 1)[:, None]
    possible = (above <= better) & (drawn[:, None] - above <= worse) & (above <= drawn[:, None])
    safe = np.where(possible, above, np.minimum(better, drawn[:, None]))
    rest = np.clip(drawn[:, None] - safe, 0, worse)
    logs = log_choose(better, safe) + log_choose(worse, rest) - log_choose(size, drawn)[:, None]
    chance = np.where(possible, np.exp(logs), 0.0)
    place = above + 1
    auc = (size + 1 - rank) / size
    return np.stack(
        [
            chance.sum(axis=1),
            (chance / np.log2(place + 1)).sum(axis=1),
            (chance / place).sum(axis=1),
            auc,
        ],
        axis=-1,
    )


def _checked(ranks) -> tuple[np.ndarray, np.ndarray]:
    _frame(ranks, ["rank", "n_negatives"], "ranks")
    rank, size = (_numbers(ranks[name], f"ranks[{name!r}]") for name in ("rank", "n_negatives"))
    if (
        (rank < 1).any()
        or (rank > size + 1).any()
        or (size < 1).any()
        or (rank % 1).any()
        or (size % 1).any()
    ):
        raise InputError("Each rank must be a whole number from 1 to n_negatives + 1: use held_out_ranks.")
    return rank.astype(np.int64), size.astype(np.int64)
