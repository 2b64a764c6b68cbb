"""What accuracy does not see: how much of the catalogue the lists show, how varied, new and popular they are.

Every function takes ranked lists with columns ``user``, ``item``, ``rank`` and looks at the first k places.
Lists are taken as they are: a user with a shorter list is judged on the items there are.
"""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation._checks import _frame, _no_repeats, _plain, _same_kind, _sorted, _whole_number
from bigmkt_helpers.evaluation.ranking import _ranks


def catalogue_coverage(recommended: pd.DataFrame, catalogue, k: int = 10) -> float:
    """Share of the catalogue that stands in at least one user's first k (Ge et al., RecSys 2010).

    Parameters
    ----------
    recommended : pandas.DataFrame
        Columns ``user``, ``item``, ``rank``.
    catalogue : iterable
        Every item that could have been recommended.
    k : int
        Where lists are cut.

    Raises
    ------
    InputError
        No lists, ranks other than 1, 2, 3 …, k < 1, an empty catalogue, an item outside the catalogue.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 2, 1], "rank": [1, 2, 1]})
    >>> catalogue_coverage(lists, [1, 2, 3, 4])
    0.5
    """
    return float((exposure(recommended, catalogue, k) > 0).mean())


def exposure(recommended: pd.DataFrame, catalogue, k: int = 10) -> pd.Series:
    """How many users see each item of the catalogue; arguments as :func:`catalogue_coverage`.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 2, 1], "rank": [1, 2, 1]})
    >>> exposure(lists, [1, 2, 3]).tolist()
    [2, 1, 0]
    """
    cut = _cut(recommended, k)
    items = pd.Index(list(catalogue)).unique()
    if len(items) == 0:
        raise InputError("The catalogue has no items: pass every item that could have been recommended.")
    position = items.get_indexer(cut["item"])
    if (position < 0).any():
        stray = cut["item"].tolist()[int((position < 0).argmax())]
        raise InputError(f"Item {stray!r} is recommended but not in the catalogue: pass the whole catalogue.")
    counts = np.bincount(position, minlength=len(items))
    return pd.Series(counts, index=items.rename("item"), name="exposure")


def exposure_gini(recommended: pd.DataFrame, catalogue, k: int = 10) -> float:
    """Gini coefficient of the exposure: 0 if all items are shown equally often, (n - 1)/n if only one is.

    G = Σ (2 i - n - 1) x_i / (n Σ x_i) over the n items in rising order of exposure x_i. Items never shown
    count. Arguments as :func:`catalogue_coverage`. RecBole's ``GiniIndex`` is the same formula.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "b"], "item": [1, 1], "rank": [1, 1]})
    >>> exposure_gini(lists, [1, 2, 3, 4])
    0.75
    """
    shown = np.sort(exposure(recommended, catalogue, k).to_numpy())
    n = len(shown)
    return float(((2 * np.arange(1, n + 1) - n - 1) * shown).sum() / (n * shown.sum()))


def exposure_entropy(recommended: pd.DataFrame, catalogue, k: int = 10) -> float:
    """Entropy of the exposure in bits: log2(n) if all n items are shown equally often, 0 if only one is.

    2 to the power of it is the number of items that, shown equally often, would be as varied. Arguments as
    :func:`catalogue_coverage`. Microsoft Recommenders calls it distributional coverage.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "b"], "item": [1, 2], "rank": [1, 1]})
    >>> exposure_entropy(lists, [1, 2, 3, 4])
    1.0
    """
    shown = exposure(recommended, catalogue, k).to_numpy()
    share = shown[shown > 0] / shown.sum()
    return float(-(share * np.log2(share)).sum() + 0.0)


def intra_list_diversity(
    recommended: pd.DataFrame,
    features: pd.DataFrame | None = None,
    similarity: pd.DataFrame | None = None,
    k: int = 10,
) -> pd.Series:
    """Mean of 1 - similarity over all pairs of items in a user's first k, per user.

    It is one minus the mean pairwise similarity of Ziegler et al., WWW 2005, whose intra-list similarity is
    the sum over the pairs. A list of one item has no pair: nan.

    Parameters
    ----------
    recommended : pandas.DataFrame
        Columns ``user``, ``item``, ``rank``.
    features : pandas.DataFrame of shape (n_items, n_features)
        Indexed by item; similarity is then the cosine, and 0 for an item whose features are all zero.
    similarity : pandas.DataFrame of shape (n_items, n_items)
        Index and columns are items; symmetric. Either this or ``features``.
    k : int

    Returns
    -------
    pandas.Series
        Index ``user``, sorted.

    Raises
    ------
    InputError
        Neither or both of features and similarity, an item that they lack, a value that is missing.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "a", "b", "b"], "item": [1, 2, 1, 3], "rank": [1, 2, 1, 2]})
    >>> genres = pd.DataFrame({"comedy": [1, 1, 0], "war": [0, 0, 1]}, index=[1, 2, 3])
    >>> intra_list_diversity(lists, features=genres).tolist()
    [0.0, 1.0]
    """
    if (features is None) == (similarity is None):
        raise InputError("Pass either features or similarity, not both and not neither.")
    cut = _cut(recommended, k)
    table, name = (features, "features") if similarity is None else (similarity, "similarity")
    if not isinstance(table, pd.DataFrame) or not table.index.is_unique:
        raise InputError(f"{name} must be a DataFrame with one row per item.")
    position = table.index.get_indexer(cut["item"])
    if (position < 0).any():
        stray = cut["item"].tolist()[int((position < 0).argmax())]
        raise InputError(f"{name} has no row for item {stray!r}: every recommended item needs one.")
    values = table.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds a missing or infinite value: fill it before measuring diversity.")
    users = _sorted(cut["user"].unique())
    owner = users.get_indexer(cut["user"])
    size = np.bincount(owner, minlength=len(users))
    if similarity is None:
        length = np.linalg.norm(values, axis=1)
        unit = values / np.where(length > 0, length, 1.0)[:, None]
        total = np.zeros((len(users), values.shape[1]))
        np.add.at(total, owner, unit[position])
        # |Σ v|² holds every pair twice and every item once with itself
        itself = np.bincount(owner, weights=(length[position] > 0).astype(float), minlength=len(users))
        pairs = ((total**2).sum(axis=1) - itself) / 2
    else:
        if not similarity.columns.equals(similarity.index) or not np.allclose(values, values.T):
            raise InputError("similarity must be symmetric, with the same items as index and columns.")
        pairs = np.zeros(len(users))
        order = np.argsort(owner, kind="stable")
        for user, rows in enumerate(np.split(position[order], np.cumsum(size)[:-1])):
            block = values[np.ix_(rows, rows)]
            pairs[user] = (block.sum() - np.trace(block)) / 2
    n_pairs = size * (size - 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(n_pairs > 0, 1 - pairs / n_pairs, np.nan)
    return pd.Series(found, index=users.rename("user"), name=f"diversity@{k}")


def novelty(recommended: pd.DataFrame, train: pd.DataFrame, k: int = 10) -> pd.Series:
    """Mean self-information of a user's first k items, in bits: mean of -log2(share of users who have it).

    The share is of the users in ``train`` (Zhou et al., PNAS 107, 2010; Vargas & Castells, RecSys
    2011 (unverified)). An
    item that nobody has is counted as if one more user, its first, had come: log2(n_users + 1) bits.
    Microsoft Recommenders divides by the number of interactions instead of users, and so gets more bits.

    Parameters
    ----------
    recommended : pandas.DataFrame
        Columns ``user``, ``item``, ``rank``.
    train : pandas.DataFrame
        Columns ``user``, ``item``: what users had before; repeated pairs count once.
    k : int

    Returns
    -------
    pandas.Series
        Index ``user``, sorted.

    Examples
    --------
    >>> train = pd.DataFrame({"user": ["a", "b", "c", "d", "a"], "item": [1, 1, 1, 1, 2]})
    >>> lists = pd.DataFrame({"user": ["a", "b"], "item": [1, 2], "rank": [1, 1]})
    >>> novelty(lists, train).tolist()
    [0.0, 2.0]
    """
    cut = _cut(recommended, k)
    popularity, n_users = _popularity(train, cut)
    share = popularity.reindex(cut["item"]).fillna(1 / (n_users + 1)).to_numpy()
    return _mean_by_user(cut["user"], -np.log2(share) + 0.0).rename(f"novelty@{k}")


def popularity_bias(recommended: pd.DataFrame, train: pd.DataFrame, k: int = 10) -> pd.DataFrame:
    """Mean popularity of what each user is shown, against that of what the user had before.

    Popularity of an item is the share of the users in ``train`` who have it. The mean of ``list`` over users
    is the average recommendation popularity; the mean of ``list`` over the mean of ``profile``, minus 1, is
    the ΔGAP of Abdollahpouri et al., RMSE workshop at RecSys 2019 (unverified). Arguments as :func:`novelty`.

    Returns
    -------
    pandas.DataFrame
        Index ``user``; ``profile`` and ``list`` (shares of users) and ``lift`` = list / profile - 1. Users
        of whom ``train`` knows nothing have no profile: nan.

    Examples
    --------
    >>> train = pd.DataFrame({"user": ["a", "b", "c", "d", "a"], "item": [1, 1, 1, 2, 2]})
    >>> lists = pd.DataFrame({"user": ["d"], "item": [1], "rank": [1]})
    >>> popularity_bias(lists, train).round(3).to_dict("records")
    [{'profile': 0.5, 'list': 0.75, 'lift': 0.5}]
    """
    cut = _cut(recommended, k)
    popularity, _ = _popularity(train, cut)
    shown = _mean_by_user(cut["user"], popularity.reindex(cut["item"]).fillna(0.0).to_numpy())
    pairs = train[["user", "item"]].drop_duplicates()
    had = _mean_by_user(pairs["user"], popularity.reindex(_plain(pairs["item"])).to_numpy())
    table = pd.DataFrame({"profile": had.reindex(shown.index), "list": shown})
    return table.assign(lift=table["list"] / table["profile"] - 1)


def serendipity(
    recommended: pd.DataFrame, relevant: pd.DataFrame, expected: pd.DataFrame, k: int = 10
) -> pd.Series:
    """Share of the k places that hold a relevant item which the ``expected`` list does not hold, per user.

    A surprise is measured against a primitive model, such as the most popular items (Ge et al., RecSys 2010;
    theirs averages over the unexpected items, this divides by k, so that it is part of precision@k).
    Recommending what everybody recommends scores 0.

    Parameters
    ----------
    recommended, expected : pandas.DataFrame
        Columns ``user``, ``item``, ``rank``; both are cut at k.
    relevant : pandas.DataFrame
        Columns ``user``, ``item``.
    k : int

    Returns
    -------
    pandas.Series
        Index ``user``: all users of ``relevant``, sorted.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "a"], "item": [1, 2], "rank": [1, 2]})
    >>> popular = pd.DataFrame({"user": ["a", "a"], "item": [1, 3], "rank": [1, 2]})
    >>> serendipity(lists, pd.DataFrame({"user": ["a", "a"], "item": [1, 2]}), popular, k=2).tolist()
    [0.5]
    """
    cut, known = _cut(recommended, k), _cut(expected, k)
    _frame(relevant, ["user", "item"], "relevant")
    _no_repeats(relevant, "relevant")
    truth = pd.DataFrame({name: _plain(relevant[name]) for name in ("user", "item")})
    for name in ("user", "item"):
        _same_kind(cut[name], truth[name], name)
        _same_kind(known[name], truth[name], name)
    hits = cut[["user", "item"]].merge(truth, on=["user", "item"])
    both = hits.merge(known[["user", "item"]], on=["user", "item"])
    users = _sorted(truth["user"].unique())
    counts = [np.bincount(users.get_indexer(frame["user"]), minlength=len(users)) for frame in (hits, both)]
    return pd.Series((counts[0] - counts[1]) / k, index=users.rename("user"), name=f"serendipity@{k}")


def beyond_accuracy(
    recommended: pd.DataFrame,
    train: pd.DataFrame,
    catalogue,
    features: pd.DataFrame | None = None,
    k: int = 10,
) -> pd.Series:
    """One line per model: the means over users of what this room measures; arguments as in its functions.

    Returns
    -------
    pandas.Series
        ``coverage``, ``gini``, ``entropy`` (bits), ``novelty`` (bits), ``popularity`` (mean share of users
        who have a recommended item), ``popularity_lift`` (ΔGAP, see :func:`popularity_bias`), and
        ``diversity`` if features are given.

    Examples
    --------
    >>> train = pd.DataFrame({"user": ["a", "b", "c", "d"], "item": [1, 1, 2, 2]})
    >>> lists = pd.DataFrame({"user": ["a", "c"], "item": [2, 1], "rank": [1, 1]})
    >>> beyond_accuracy(lists, train, [1, 2, 3]).round(3).to_dict()["novelty"]
    1.0
    """
    bias = popularity_bias(recommended, train, k)
    known = bias.dropna()
    lift = known["list"].mean() / known["profile"].mean() - 1 if len(known) else np.nan
    found = {
        "coverage": catalogue_coverage(recommended, catalogue, k),
        "gini": exposure_gini(recommended, catalogue, k),
        "entropy": exposure_entropy(recommended, catalogue, k),
        "novelty": novelty(recommended, train, k).mean(),
        "popularity": bias["list"].mean(),
        "popularity_lift": lift,
    }
    if features is not None:
        found["diversity"] = intra_list_diversity(recommended, features=features, k=k).mean()
    return pd.Series(found, dtype=float)


# --- steps ------------------------------------------------------------------------------------------


def _cut(recommended, k) -> pd.DataFrame:
    _whole_number(k, "k", least=1)
    _frame(recommended, ["user", "item", "rank"], "recommended")
    _no_repeats(recommended, "recommended")
    kept = _ranks(recommended) <= k
    return pd.DataFrame({name: _plain(recommended[name])[kept] for name in ("user", "item")}).reset_index(
        drop=True
    )


def _popularity(train, cut) -> tuple[pd.Series, int]:
    """Share of the users who have each item, and the number of users."""
    _frame(train, ["user", "item"], "train")
    for name in ("user", "item"):
        _same_kind(cut[name], _plain(train[name]), name)
    pairs = train[["user", "item"]].drop_duplicates()
    n_users = pairs["user"].nunique()
    return _plain(pairs["item"]).value_counts() / n_users, n_users


def _mean_by_user(user: pd.Series, values: np.ndarray) -> pd.Series:
    user = _plain(user)
    users = _sorted(user.unique())
    owner = users.get_indexer(user)
    sums = np.bincount(owner, weights=values, minlength=len(users))
    return pd.Series(sums / np.bincount(owner, minlength=len(users)), index=users.rename("user"))
