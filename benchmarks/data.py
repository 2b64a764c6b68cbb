"""Data of the benchmarks: real ratings, and synthetic interactions of any size."""

import numpy as np

from bigmkt_helpers.recommenders.base import Interactions

__all__ = ["ratings", "save", "split", "synthetic", "texts"]


def ratings():
    """ML-100K where the reference data are at hand, else MovieLens latest-small; returns name and frame."""
    import os

    from bigmkt_helpers.datasets import load_ml100k, load_movielens

    if os.environ.get("BIGMKT_REFERENCE_DATA"):
        return "ML-100K", load_ml100k().ratings
    return "MovieLens latest-small", load_movielens().ratings


def split(frame, random_state=42):
    """Positions of the pairs to learn from and of those to rank well: a quarter of every item's ratings.

    Users and items of whom nothing is left to learn from are left out of both.
    """
    from bigmkt_helpers.evaluation import stratified_split

    train, test = stratified_split(frame, by="item", test_share=0.25, random_state=random_state)
    test = test[test["user"].isin(train["user"]) & test["item"].isin(train["item"])]
    labels = {side: np.unique(train[side]) for side in ("user", "item")}
    return tuple(
        {side: np.searchsorted(labels[side], part[side]) for side in ("user", "item")}
        for part in (train, test)
    )


def texts(n, random_state=0):
    """Descriptions of products, each made of two that the simulated shop's catalogue has."""
    from bigmkt_helpers.datasets import load_shop

    own = load_shop().products["description"].to_numpy(dtype=str)
    pairs = np.random.default_rng(random_state).integers(len(own), size=(n, 2))
    return np.char.add(np.char.add(own[pairs[:, 0]], " "), own[pairs[:, 1]])


def synthetic(n_draws, random_state=0):
    """Interactions of a shop with few best-sellers and many tastes.

    A hundred draws a user; the catalogue grows with the square root of the draws: 1,000, 3,162 and 10,000
    items at 10⁵, 10⁶ and 10⁷ draws. Half of the draws come from a popularity law common to all, half from the
    same law in the order of the user's taste, one of twenty. An item drawn twice by a user counts once.

    Returns
    -------
    users, items : ndarray of int
        Positions, without repeated pairs, sorted.
    """
    rng = np.random.default_rng(random_state)
    n_users, n_items, n_tastes = n_draws // 100, int((10 * n_draws) ** 0.5), 20
    law = 1 / (np.arange(n_items) + 20) ** 0.9
    rank = np.searchsorted(np.cumsum(law / law.sum()), rng.random(n_draws))
    rank = np.minimum(rank, n_items - 1)
    order = np.vstack([np.arange(n_items), *(rng.permutation(n_items) for _ in range(n_tastes))])
    users = np.repeat(np.arange(n_users), n_draws // n_users)
    taste = rng.integers(1, n_tastes + 1, n_users)[users]
    items = order[np.where(rng.random(len(users)) < 0.5, 0, taste), rank[: len(users)]]
    pairs = np.unique(users * n_items + items)
    return pairs // n_items, pairs % n_items


def interactions(users, items, values=None, *, explicit):
    """`Interactions` from positions, without the detour over a frame."""
    import pandas as pd
    from scipy import sparse

    shape = (int(users.max()) + 1, int(items.max()) + 1)
    data = np.ones(len(users)) if values is None else values
    matrix = sparse.csr_array((data, (users, items)), shape=shape)
    matrix.sort_indices()
    scale = (float(data.min()), float(data.max())) if explicit else None
    return Interactions(matrix, pd.RangeIndex(shape[0]), pd.RangeIndex(shape[1]), explicit, scale)


def save(path, **arrays):
    """Write arrays where a worker of either environment can read them."""
    np.savez(path, **arrays)
    return path
