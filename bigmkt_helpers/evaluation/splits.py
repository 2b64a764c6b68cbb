"""Ways to hide some ratings, so that a model can be judged on what it has not seen.

All draws come from numpy's RandomState, whose stream is frozen (NEP 19): the same rows on every machine and
release. Each split keeps the frame's index and row order; every row is in train or in test, never in both.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation._checks import (
    _frame,
    _legacy,
    _plain,
    _position_in_group,
    _same_kind,
    _share,
    _sorted,
    _whole_number,
)

Parts = tuple[pd.DataFrame, pd.DataFrame]


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


def global_temporal_split(
    ratings: pd.DataFrame, test_share: float = 0.2, cutoff=None, timestamp: str = "timestamp"
) -> Parts:
    """Hide everything from one moment on, for all users at once: the split that leaks nothing from later.

    It is what a shop could have done on that day. The price: users and items that first appear afterwards
    are in test only; :func:`cold_counts` counts them.

    Parameters
    ----------
    ratings : pandas.DataFrame
        With the column named by ``timestamp``.
    test_share : float
        The cutoff is put at the earliest moment that leaves at most this share of the rows in test; rows of
        one moment stay together, so the share may be smaller. Not used if a cutoff is given.
    cutoff : comparable with the timestamps, optional
        Test is what happened at or after it. A text is read as a date.
    timestamp : str

    Raises
    ------
    InputError
        As :func:`random_split`; a missing time; a cutoff that cannot be compared with the timestamps.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": [1, 2, 1, 3], "item": list("abca"), "timestamp": [1, 2, 3, 4]})
    >>> train, test = global_temporal_split(ratings, test_share=0.5)
    >>> test["user"].tolist()
    [1, 3]
    """
    _frame(ratings, [timestamp], "ratings")
    times = ratings[timestamp]
    if cutoff is None:
        _share(test_share, "test_share")
        ordered = np.sort(times.rank(method="dense").to_numpy())
        first = len(ratings) - int(np.floor(test_share * len(ratings) + 1e-9))
        # rows of the moment that the share would cut through all stay in train
        latest = ordered[first - 1]
        return _parts(ratings, np.flatnonzero(times.rank(method="dense").to_numpy() > latest))
    try:
        if isinstance(cutoff, str) and not pd.api.types.is_string_dtype(times):
            cutoff = pd.Timestamp(cutoff, tz=getattr(times.dt, "tz", None))
        later = (times >= cutoff).to_numpy()
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"cutoff {cutoff!r} cannot be compared with {timestamp!r} ({error}).") from error
    return _parts(ratings, np.flatnonzero(later))


def cold_counts(train: pd.DataFrame, test: pd.DataFrame, user: str = "user", item: str = "item") -> pd.Series:
    """How much of a test part nobody can know from the train part: users and items that are only in test.

    Parameters
    ----------
    train, test : pandas.DataFrame
        The parts of a split.
    user, item : str
        Columns.

    Returns
    -------
    pandas.Series of int
        ``users`` and ``items`` in test, of which ``cold_users`` and ``cold_items`` are not in train; ``rows``
        of test, of which ``cold_rows`` have a cold user or a cold item.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": [1, 2, 1, 3], "item": list("abca"), "timestamp": [1, 2, 3, 4]})
    >>> cold_counts(*global_temporal_split(ratings, test_share=0.5)).to_dict()
    {'users': 2, 'cold_users': 1, 'items': 2, 'cold_items': 1, 'rows': 2, 'cold_rows': 2}
    """
    _frame(train, [user, item], "train")
    _frame(test, [user, item], "test")
    cold = {}
    for name in (user, item):
        theirs, ours = _plain(train[name]), _plain(test[name])
        _same_kind(ours, theirs, name)
        cold[name] = ~ours.isin(theirs.unique()).to_numpy()
    return pd.Series(
        {
            "users": test[user].nunique(),
            "cold_users": test.loc[cold[user], user].nunique(),
            "items": test[item].nunique(),
            "cold_items": test.loc[cold[item], item].nunique(),
            "rows": len(test),
            "cold_rows": int((cold[user] | cold[item]).sum()),
        }
    )


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
