"""Our side of the benchmarks; runs in the environment of the course.

python worker_ours.py TASK DATA.npz ANSWER.npz
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import bigmkt_helpers.recommenders as recommenders
from benchmarks.data import interactions
from benchmarks.measure import measured, report


def knn_baseline(data, result):
    """User-kNN around the baselines, fitted and applied to five folds."""
    import pandas as pd

    frame = pd.DataFrame({name: data[name] for name in ("user", "item", "rating")})
    scale = (float(data["low"]), float(data["high"]))
    model = recommenders.UserKNN(k=40, measure="msd", centring="baseline", shrinkage=0)
    predicted = np.empty(len(frame))
    folds = []
    for fold in range(5):
        test = data["fold"] == fold
        train = recommenders.Interactions.from_frame(frame[~test], scale=scale)
        folds.append((test, train, frame[test]))
    with measured(result):
        for test, train, pairs in folds:
            predicted[test] = model.fit(train).predict(pairs)
    return {"predicted": predicted}


def ease(data, result):
    """EASE^R."""
    model = recommenders.EASE(regularisation=float(data["regularisation"]))
    train = _purchases(data)
    with measured(result):
        model.fit(train)
    return {"weights": model.weights_[:200, :200]}


def ease_floor(data, result):
    """What EASE^R cannot do without: the Gram matrix, its Cholesky factor, and the inverse from that."""
    from scipy.linalg import blas, lapack

    dense = np.asfortranarray(_purchases(data).matrix.toarray(), dtype=np.float32)
    with measured(result):
        gram = blas.ssyrk(1.0, dense, trans=1, lower=1)
        gram[np.diag_indices_from(gram)] += np.float32(data["regularisation"])
        factor, _ = lapack.spotrf(gram, lower=1, overwrite_a=1, clean=0)
        inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    return {"diagonal": np.diag(inverse)}


def item_neighbours(data, result):
    """Cosine between items, the best 100 kept."""
    model = recommenders.ImplicitItemKNN(k=100)
    train = _purchases(data)
    with measured(result):
        model.fit(train)
    return {"total": np.asarray(model.similarity_.sum(axis=1)).ravel()}


def user_neighbours(data, result):
    """Cosine between users, the best 100 kept."""
    train = _purchases(data)
    with measured(result):
        recommenders.ImplicitUserKNN(k=100).fit(train)
    return {}


def popularity(data, result):
    """Best-sellers."""
    train = _purchases(data)
    with measured(result):
        recommenders.Popularity().fit(train)
    return {}


def implicit_als(data, result):
    """Alternating least squares on implicit feedback."""
    model = recommenders.ImplicitALS(
        factors=int(data["factors"]),
        regularisation=float(data["regularisation"]),
        alpha=float(data["alpha"]),
        frequency_scaling=0.0,
        iterations=int(data["iterations"]),
        steps=int(data["steps"]) or None,
        random_state=0,
    )
    train = _purchases(data)
    with measured(result):
        model.fit(train)
    return {"users": model.user_factors_, "items": model.item_factors_}


def bpr(data, result):
    """Bayesian personalised ranking."""
    model = recommenders.BPR(factors=int(data["factors"]), iterations=int(data["iterations"]), random_state=0)
    train = _purchases(data)
    with measured(result):
        model.fit(train)
    return {}


def _purchases(data):
    return interactions(data["user"], data["item"], explicit=False)


TASKS = {
    task.__name__: task
    for task in (
        knn_baseline,
        ease,
        ease_floor,
        item_neighbours,
        user_neighbours,
        popularity,
        implicit_als,
        bpr,
    )
}

if __name__ == "__main__":
    task, source, target = sys.argv[1:]
    measurement = {}
    with np.load(source) as arrays:
        answer = TASKS[task](dict(arrays), measurement)
    np.savez(target, **answer)
    report(measurement)
