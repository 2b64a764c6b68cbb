"""Our side of the benchmarks; runs in the environment of the course.

python worker_ours.py TASK DATA.npz ANSWER.npz
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import bigmkt_helpers.recommenders as recommenders
from benchmarks.data import interactions, synthetic_baskets
from benchmarks.itemsets import lists_of, packed
from benchmarks.measure import cpu_seconds, measured, repeated, report, settled_with_tables


def knn_baseline(data, result):
    """User-kNN around the baselines, fitted and applied to five folds."""
    return _folds(recommenders.UserKNN(k=40, measure="msd", centring="baseline", shrinkage=0), data, result)


def item_knn_baseline(data, result):
    """Item-kNN around the baselines with shrunk correlations of the deviations, on five folds."""
    model = recommenders.ItemKNN(k=40, measure="pearson_baseline", centring="baseline", shrinkage=100)
    return _folds(model, data, result)


def baselines(data, result):
    """Deviations of users and items alone, on five folds."""
    return _folds(recommenders.Biases(), data, result)


def _folds(model, data, result):
    import pandas as pd

    frame = pd.DataFrame({name: data[name] for name in ("user", "item", "rating")})
    scale = (float(data["low"]), float(data["high"]))
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
    """What EASE^R is made of, on the full table: Gram matrix, its Cholesky factor, inverse from that."""
    from scipy.linalg import blas, lapack

    dense = np.asfortranarray(_purchases(data).matrix.toarray(), dtype=np.float32)
    with measured(result):
        gram = blas.ssyrk(1.0, dense, trans=1, lower=1)
        gram[np.diag_indices_from(gram)] += np.float32(data["regularisation"])
        factor, _ = lapack.spotrf(gram, lower=1, overwrite_a=1, clean=0)
        inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    return {"diagonal": np.diag(inverse)}


def item_neighbours(data, result, **settings):
    """Cosine between items, the best 100 kept."""
    model = recommenders.ImplicitItemKNN(k=100, **settings)
    train = _purchases(data)
    with measured(result):
        model.fit(train)
    return {"total": np.asarray(model.similarity_.sum(axis=1)).ravel()}


def tf_idf_neighbours(data, result):
    """Cosine between items whose users are weighed by TF-IDF, the best 100 kept."""
    return item_neighbours(data, result, weighting="tf_idf")


def bm25_neighbours(data, result):
    """Products of items whose users are weighed by BM25, the best 100 kept."""
    return item_neighbours(data, result, weighting="bm25", measure="dot")


def pure_svd(data, result):
    """Truncated singular value decomposition."""
    model = recommenders.PureSVD(factors=int(data["factors"]))
    train = _purchases(data)
    with measured(result):
        model.fit(train)
    return {"values": model.singular_values_}


def bpr_ranking(data, result):
    """Bayesian personalised ranking, with the scores of all."""
    model = recommenders.BPR(
        factors=int(data["factors"]),
        regularisation=float(data["regularisation"]),
        iterations=int(data["our_passes"]),
        random_state=0,
    )
    train = _purchases(data)
    with measured(result):
        model.fit(train)
    return {"scores": model.user_factors_.astype(float) @ model.item_factors_.T.astype(float)}


def text_weights(data, result):
    """TF-IDF of texts."""
    from bigmkt_helpers.text import TextFeatures

    texts = data["texts"].tolist()
    model = TextFeatures(weighting="tf_idf")
    with measured(result):
        weights = model.fit_transform(texts)
    return {"tokens": np.array(model.vocabulary_.tolist()), "total": weights.sum(axis=0)}


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


def itemsets(data, result):
    """Frequent itemsets, from lists of items."""
    from bigmkt_helpers.baskets import Baskets, frequent_itemsets

    lists = lists_of(data)
    settled_with_tables()
    with measured(result):
        baskets = Baskets.from_lists(lists)
        read = cpu_seconds()
        found = frequent_itemsets(baskets, min_count=int(data["least"]))
        result["mining_s"] = cpu_seconds() - read
    return {"itemsets": packed(found["itemsets"], found["count"].to_numpy(), data["items"])}


def many_baskets(data, result):
    """Frequent itemsets of synthetic baskets, made in chunks; the memory of the baskets is told apart."""
    from benchmarks.data import CATALOGUE
    from bigmkt_helpers.baskets import Baskets, frequent_itemsets

    n_baskets = int(data["n_baskets"])
    made = list(synthetic_baskets(n_baskets))
    lengths = np.concatenate([one for one, _ in made])
    indptr = np.r_[0, np.cumsum(lengths)]
    positions = np.empty(indptr[-1], dtype=np.int32)
    filled = 0
    for _, part in made:
        positions[filled : filled + len(part)] = part
        filled += len(part)
    del made
    baskets = Baskets(list(range(CATALOGUE)), indptr, positions)
    result["held_mb"] = (indptr.nbytes + positions.nbytes) / 2**20
    result["entries"] = len(positions)
    settled_with_tables()
    with measured(result):
        found = frequent_itemsets(baskets, min_support=float(data["share"]))
    result["itemsets"] = len(found)
    return {}


def kmeans(data, result):
    """K-means from given starts."""
    from bigmkt_helpers.segments import LloydKMeans

    values, starts = data["values"], data["starts"]
    with measured(result):
        fitted = [LloydKMeans(len(start), init=start).fit(values) for start in starts]
    return {
        "labels": np.array([one.labels_ for one in fitted]),
        "inertia": np.array([one.inertia_ for one in fitted]),
        "steps": np.array([one.n_iter_ for one in fitted]),
    }


FIRST = 300
"""Customers of the fit that nobody measures: what falls on the first one of a process is left out."""


def clv(data, result):
    """A model of customer value by maximum likelihood, from a table of customers; with standard errors."""
    import pandas as pd

    from bigmkt_helpers import clv as models

    names = [name for name in ("frequency", "recency", "T", "monetary") if name in data]
    table = pd.DataFrame({name: data[name] for name in names})
    kind = getattr(models, str(data["model"]))
    settings = {"nonpositive": "leave_out"} if kind is models.GammaGamma else {}
    kind(**settings).fit(table.iloc[:FIRST])
    settled_with_tables()
    model = repeated(result, int(data["times"]), lambda: kind(**settings).fit(table))
    return {"params": model.params_.to_numpy(), "errors": model.standard_errors_.to_numpy()}


def many_customers(data, result):
    """The same of made-up customers; the memory of their table is told apart."""
    import pandas as pd

    from benchmarks.data import purchases_of_many
    from bigmkt_helpers import clv as models

    kind = str(data["model"])
    made = purchases_of_many(int(data["customers"]), kind, data["params"], data["lengths"])
    table = pd.DataFrame(made)
    del made
    result["held_mb"] = float(table.memory_usage(index=False).sum()) / 2**20
    getattr(models, kind)().fit(table.iloc[:FIRST])
    settled_with_tables()
    with measured(result):
        model = getattr(models, kind)().fit(table)
    result["distinct"] = int(model.n_distinct_)
    return {"params": model.params_.to_numpy()}


def panel_fit(data, result):
    """A hidden Markov model of a panel: so many steps of expectation maximisation from one start."""
    from bigmkt_helpers.sequences import PanelHMM

    months, steps = data["months"], int(data["steps"])
    model = PanelHMM(
        len(data["rates"]), n_init=1, max_iter=steps, tol=0, on_no_convergence="ignore", random_state=0
    )
    model.fit(months[:FIRST])
    settled_with_tables()
    with measured(result):
        model.fit(months)
    return {"value": model.log_likelihood_, "steps": model.n_iter_}


def panel_decode(data, result):
    """The best path of every sequence of a panel."""
    from bigmkt_helpers.sequences import PanelHMM

    months = data["months"]
    model = PanelHMM(len(data["rates"])).set_parameters(data["initial"], data["transition"], [data["rates"]])
    model.decode(months[:FIRST])
    settled_with_tables()
    with measured(result):
        path = model.decode(months)
    return {"value": model.path_log_probability(months).sum(), "path": path.to_numpy()}


def posteriors(data, result):
    """The law of every node of a network, given what is known."""
    from bigmkt_helpers.networks import load_example, posterior

    network = load_example("alarm")
    evidence = dict(zip(data["nodes"].tolist(), data["levels"].tolist(), strict=True))
    nodes = [node for node in network.nodes if node not in evidence]
    posterior(network, nodes[0], evidence)
    settled_with_tables()
    found = repeated(
        result, int(data["times"]), lambda: {node: posterior(network, node, evidence) for node in nodes}
    )
    return {node: law.sort_index().to_numpy() for node, law in found.items()}


def _purchases(data):
    return interactions(data["user"], data["item"], explicit=False)


TASKS = {
    task.__name__: task
    for task in (
        knn_baseline,
        item_knn_baseline,
        baselines,
        ease,
        ease_floor,
        item_neighbours,
        tf_idf_neighbours,
        bm25_neighbours,
        pure_svd,
        bpr_ranking,
        text_weights,
        user_neighbours,
        popularity,
        implicit_als,
        bpr,
        itemsets,
        many_baskets,
        kmeans,
        clv,
        many_customers,
        panel_fit,
        panel_decode,
        posteriors,
    )
}

if __name__ == "__main__":
    task, source, target = sys.argv[1:]
    measurement = {}
    with np.load(source) as arrays:
        answer = TASKS[task](dict(arrays), measurement)
    np.savez(target, **answer)
    report(measurement)
