"""Data of the benchmarks: real ratings, baskets and customers, and synthetic ones of any size."""

import numpy as np

from bigmkt_helpers.recommenders.base import Interactions

__all__ = [
    "CUSTOMERS",
    "baskets",
    "customers",
    "purchases_of_many",
    "ratings",
    "save",
    "split",
    "synthetic",
    "synthetic_baskets",
    "texts",
]


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


def baskets(name):
    """Baskets of a reference set: the items of all, one after the other, and the number in each.

    Blanks at the ends of a label stay: they are part of it.
    """
    import os
    from pathlib import Path

    home = Path(os.environ["BIGMKT_REFERENCE_DATA"])
    if name == "groceries":
        text = (home / "groceries" / "groceries.csv").read_text(encoding="utf-8")
        lists = [line.split(",") for line in text.splitlines()]
    else:
        text = (home / "fimi" / f"{name}.dat").read_text(encoding="ascii")
        lists = [list(map(int, line.split())) for line in text.splitlines() if line.strip()]
    return {
        "items": np.array([item for items in lists for item in items]),
        "lengths": np.array([len(items) for items in lists]),
    }


CATALOGUE, LINES, PATTERNS = 1000, 5, 50


def synthetic_baskets(n, chunk=200_000, random_state=0):
    """Baskets of a shop with best-sellers and with products that go together, in chunks.

    A basket has one line and a Poisson(4) number of further ones, each by the popularity law of `synthetic`
    over 1,000 products. Every second basket also takes one of fifty patterns of two to four products, each
    of which stays with a probability of .8.

    Yields
    ------
    lengths, positions : ndarray of int64 and int32
        Number of different products of each basket, and the products, rising within a basket.
    """
    law = 1 / (np.arange(CATALOGUE) + 20) ** 0.9
    steps = np.cumsum(law / law.sum())
    patterns = np.random.default_rng([random_state, 0]).integers(CATALOGUE, size=(PATTERNS, 4))
    width = 2 + np.arange(PATTERNS) % 3
    for number, start in enumerate(range(0, n, chunk)):
        rng = np.random.default_rng([random_state, 1, number])
        size = min(chunk, n - start)
        lines = 1 + rng.poisson(LINES - 1, size)
        rows = [np.repeat(np.arange(size), lines)]
        products = [np.minimum(np.searchsorted(steps, rng.random(lines.sum())), CATALOGUE - 1)]
        with_pattern = np.flatnonzero(rng.random(size) < 0.5)
        chosen = rng.integers(PATTERNS, size=len(with_pattern))
        stays = (rng.random((len(chosen), 4)) < 0.8) & (np.arange(4) < width[chosen, None])
        rows.append(np.repeat(with_pattern, stays.sum(axis=1)))
        products.append(patterns[chosen][stays])
        code = np.unique(np.concatenate(rows) * CATALOGUE + np.concatenate(products))
        yield np.bincount(code // CATALOGUE, minlength=size), (code % CATALOGUE).astype(np.int32)


CUSTOMERS = ("iris", "wine", "blobs", "CDNOW", "Lantern", "200,000 blobs")


def customers(name):
    """A table of customers, or of other things to be put into segments: one of `CUSTOMERS`.

    The first five are those of which the tests ask the same labels as scikit-learn's.
    """
    from sklearn.datasets import load_iris, load_wine, make_blobs

    from bigmkt_helpers import segments
    from bigmkt_helpers.datasets import load_cdnow, load_shop
    from bigmkt_helpers.information import CommonQuestion

    if name == "blobs":
        return make_blobs(600, 4, centers=6, random_state=3)[0]
    if name == "200,000 blobs":
        return make_blobs(200_000, 8, centers=12, cluster_std=4.0, random_state=0)[0]
    if name in ("iris", "wine"):
        return {"iris": load_iris, "wine": load_wine}[name]().data
    if name == "CDNOW":
        table = segments.rfm(load_cdnow(), "1997-10-01")
    else:
        question = CommonQuestion.of_shop(load_shop())
        table = question.features(segments.rfm_and_categories(question.categories), guard=False)
        table = table[["recency", "frequency", "monetary"]]
    return segments.FeatureScaler(log=["frequency", "monetary"]).fit_transform(table).to_numpy()


def purchases_of_many(n, model, params, lengths, random_state=0):
    """Customers drawn from BG/NBD or Pareto/NBD: what their purchases come to, times in whole days.

    Parameters
    ----------
    n : int
    model : {"BGNBD", "ParetoNBD"}
    params : sequence of four floats
        In weeks.
    lengths : ndarray
        Times since the first purchase to draw from, in weeks.

    Returns
    -------
    dict of ndarray
        ``frequency``, ``recency`` and ``T``. The moment of the last purchase counts as the day it fell on.
    """
    rng = np.random.default_rng([random_state, n])
    r, alpha, third, fourth = params
    T = rng.choice(lengths, n)
    rate = rng.gamma(r, 1 / alpha, n)
    if model == "ParetoNBD":
        end = np.minimum(T, rng.exponential(size=n) / np.maximum(rng.gamma(third, 1 / fourth, n), 1e-300))
        x = rng.poisson(rate * end)
        # the last of x moments that are spread evenly
        tx = np.where(x > 0, end * rng.random(n) ** (1 / np.maximum(x, 1)), 0.0)
    else:
        leaves = rng.beta(third, fourth, n)
        x, tx, now = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n)
        there = np.arange(n)
        while len(there):
            now[there] += rng.exponential(size=len(there)) / np.maximum(rate[there], 1e-300)
            there = there[now[there] <= T[there]]
            x[there] += 1
            tx[there] = now[there]
            there = there[rng.random(len(there)) >= leaves[there]]
    tx = np.minimum(np.ceil(tx * 7 - 1e-9), np.round(T * 7)) / 7
    return {"frequency": x.astype(float), "recency": tx, "T": np.round(T * 7) / 7}


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
