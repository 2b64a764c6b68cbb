"""The peers' side of the benchmarks; runs in build/peers.

python worker_peers.py TASK DATA.npz ANSWER.npz
"""

import sys

import numpy as np
from measure import measured, report
from scipy import sparse


def knn_baseline(data, result):
    """Surprise: user-kNN around the baselines, fitted and applied to five folds."""
    import pandas as pd
    from surprise import Dataset, KNNBaseline, Reader

    frame = pd.DataFrame({name: data[name] for name in ("user", "item", "rating")})
    reader = Reader(rating_scale=(float(data["low"]), float(data["high"])))
    predicted = np.empty(len(frame))
    folds = []
    for fold in range(5):
        test = data["fold"] == fold
        train = Dataset.load_from_df(frame[~test], reader).build_full_trainset()
        folds.append((test, train, list(frame[test].itertuples(index=False, name=None))))
    with measured(result):
        for test, train, pairs in folds:
            model = KNNBaseline(k=40, verbose=False).fit(train)
            predicted[test] = [prediction.est for prediction in model.test(pairs)]
    return {"predicted": predicted}


def ease(data, result):
    """cornac: EASE^R with negative weights kept."""
    from cornac.data import Dataset
    from cornac.models import EASE

    triples = zip(data["user"].tolist(), data["item"].tolist(), np.ones(len(data["user"])), strict=True)
    train = Dataset.from_uir(triples, seed=0)
    _ = train.matrix  # built on first use: not part of the fit
    model = EASE(lamb=float(data["regularisation"]), posB=False, verbose=False)
    with measured(result):
        model.fit(train)
    order = np.argsort([int(item) for item in train.item_ids])
    return {"weights": model.B[np.ix_(order, order)][:200, :200]}


def item_neighbours(data, result):
    """implicit: cosine between items, the best 100 kept."""
    from implicit.nearest_neighbours import CosineRecommender

    matrix = sparse.csr_matrix((np.ones(len(data["user"])), (data["user"], data["item"])))
    model = CosineRecommender(K=101, num_threads=1)  # it counts the item itself
    with measured(result):
        model.fit(matrix, show_progress=False)
    similarity = sparse.csr_matrix(model.similarity)
    similarity.setdiag(0)
    return {"total": np.asarray(similarity.sum(axis=1)).ravel()}


def implicit_als(data, result):
    """implicit: alternating least squares on implicit feedback."""
    from implicit.als import AlternatingLeastSquares

    matrix = sparse.csr_matrix((np.ones(len(data["user"]), np.float32), (data["user"], data["item"])))
    model = AlternatingLeastSquares(
        factors=int(data["factors"]),
        regularization=float(data["regularisation"]),
        alpha=1 + float(data["alpha"]),  # theirs is the whole confidence of an interaction, ours what it adds
        iterations=int(data["iterations"]),
        use_cg=bool(data["steps"]),
        num_threads=1,
        random_state=0,
    )
    model.cg_steps = int(data["steps"]) or model.cg_steps
    with measured(result):
        model.fit(matrix, show_progress=False)
    return {"users": model.user_factors, "items": model.item_factors}


TASKS = {task.__name__: task for task in (knn_baseline, ease, item_neighbours, implicit_als)}

if __name__ == "__main__":
    task, source, target = sys.argv[1:]
    measurement = {}
    with np.load(source) as arrays:
        answer = TASKS[task](dict(arrays), measurement)
    np.savez(target, **answer)
    report(measurement)
