"""The peers' side of the benchmarks.

Runs in build/peers; for scikit-learn, mlxtend, hmmlearn and pgmpy in the environment of the course.

python worker_peers.py TASK DATA.npz ANSWER.npz
"""

import sys

import numpy as np
from itemsets import lists_of, packed
from measure import cpu_seconds, measured, repeated, report, settled, settled_with_tables
from scipy import sparse


def knn_baseline(data, result):
    """Surprise: user-kNN around the baselines, fitted and applied to five folds."""
    from surprise import KNNBaseline

    return _folds(lambda: KNNBaseline(k=40, verbose=False), data, result)


def item_knn_baseline(data, result):
    """Surprise: item-kNN around the baselines with shrunk correlations of the deviations, on five folds."""
    from surprise import KNNBaseline

    similarity = {"name": "pearson_baseline", "user_based": False}
    return _folds(lambda: KNNBaseline(k=40, sim_options=similarity, verbose=False), data, result)


def baselines(data, result):
    """Surprise: deviations of users and items alone, on five folds."""
    from surprise import BaselineOnly

    return _folds(lambda: BaselineOnly(verbose=False), data, result)


def _folds(make, data, result):
    import pandas as pd
    from surprise import Dataset, Reader

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
            model = make().fit(train)
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

    return _neighbours(CosineRecommender(K=101, num_threads=1), data, result)


def tf_idf_neighbours(data, result):
    """implicit: cosine between items whose users are weighed by TF-IDF, the best 100 kept."""
    from implicit.nearest_neighbours import TFIDFRecommender

    return _neighbours(TFIDFRecommender(K=101, num_threads=1), data, result)


def bm25_neighbours(data, result):
    """implicit: products of items whose users are weighed by BM25, the best 100 kept."""
    from implicit.nearest_neighbours import BM25Recommender

    return _neighbours(BM25Recommender(K=101, K1=1.2, B=0.75, num_threads=1), data, result)


def _neighbours(model, data, result):
    """Each model keeps 101 of them: it counts the item itself."""
    matrix = sparse.csr_matrix((np.ones(len(data["user"])), (data["user"], data["item"])))
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


def bpr_ranking(data, result):
    """cornac: Bayesian personalised ranking, with the scores of all."""
    from cornac.data import Dataset
    from cornac.models import BPR

    triples = zip(data["user"].tolist(), data["item"].tolist(), np.ones(len(data["user"])), strict=True)
    train = Dataset.from_uir(triples, seed=0)
    _ = train.matrix, train.csr_matrix  # built on first use: not part of the fit
    model = BPR(
        k=int(data["factors"]),
        max_iter=int(data["their_passes"]),
        learning_rate=float(data["their_learning_rate"]),
        lambda_reg=float(data["their_regularisation"]),
        num_threads=1,
        seed=0,
        verbose=False,
    )
    with measured(result):
        model.fit(train)
    scores = np.full((int(data["user"].max()) + 1, int(data["item"].max()) + 1), -np.inf)
    places = np.ix_(
        [int(user) for user in train.user_ids],
        [int(item) for item in train.item_ids],
    )
    scores[places] = model.u_factors.astype(float) @ model.i_factors.T.astype(float) + model.i_biases
    return {"scores": scores}


def pure_svd(data, result):
    """scikit-learn: truncated singular value decomposition by the same routine, ARPACK."""
    from sklearn.decomposition import TruncatedSVD

    matrix = sparse.csr_matrix((np.ones(len(data["user"])), (data["user"], data["item"])))
    model = TruncatedSVD(int(data["factors"]), algorithm="arpack", random_state=0)
    with measured(result):
        model.fit(matrix)
    return {"values": model.singular_values_}


def text_weights(data, result):
    """scikit-learn: TF-IDF of texts, without smoothing and normalisation; its rarity is ours plus 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = data["texts"].tolist()
    model = TfidfVectorizer(smooth_idf=False, norm=None)
    with measured(result):
        weights = model.fit_transform(texts)
    counts = weights.multiply(1 / model.idf_)  # weight = count × (1 + log(N / n))
    return {
        "tokens": np.array(model.get_feature_names_out().tolist()),
        "total": np.asarray((weights - counts).sum(axis=0)).ravel(),
    }


def mlxtend_fpgrowth(data, result):
    """mlxtend: FP-growth on a table of True and False."""
    from mlxtend.frequent_patterns import fpgrowth

    return _mlxtend(fpgrowth, data, result)


def mlxtend_apriori(data, result):
    """mlxtend: Apriori on a table of True and False."""
    from mlxtend.frequent_patterns import apriori

    return _mlxtend(apriori, data, result)


def _mlxtend(mine, data, result):
    import pandas as pd
    from mlxtend.preprocessing import TransactionEncoder

    lists = lists_of(data)
    settled_with_tables()
    with measured(result):
        encoder = TransactionEncoder()
        table = pd.DataFrame(encoder.fit_transform(lists), columns=encoder.columns_)
        read = cpu_seconds()
        found = mine(table, min_support=float(data["share"]), use_colnames=True)
        result["mining_s"] = cpu_seconds() - read
    counts = (found["support"] * len(lists)).round().astype(int)
    return {"itemsets": packed(found["itemsets"], counts, data["items"])}


def efficient_apriori(data, result):
    """efficient-apriori: its length of at most 8, the default, is set off."""
    from efficient_apriori import itemsets_from_transactions

    lists = [tuple(items) for items in lists_of(data)]
    settled()
    with measured(result):
        found, _ = itemsets_from_transactions(lists, float(data["share"]), max_length=10**6)
    flat = {items: count for level in found.values() for items, count in level.items()}
    return {"itemsets": packed(flat, list(flat.values()), data["items"])}


def pyfim_fpgrowth(data, result):
    """pyfim, in C: FP-growth."""
    import fim

    return _pyfim(fim.fpgrowth, data, result)


def pyfim_eclat(data, result):
    """pyfim, in C: Eclat."""
    import fim

    return _pyfim(fim.eclat, data, result)


def _pyfim(mine, data, result):
    lists = lists_of(data)
    settled()
    with measured(result):
        # a support below 0 is a number of baskets
        found = mine(lists, target="s", supp=-int(data["least"]), zmin=1, report="a")
    return {"itemsets": packed([one[0] for one in found], [one[1] for one in found], data["items"])}


def kmeans(data, result):
    """scikit-learn: K-means by Lloyd's steps from given starts."""
    from sklearn.cluster import KMeans

    values, starts = data["values"], data["starts"]
    with measured(result):
        fitted = [KMeans(len(start), init=start, n_init=1, algorithm="lloyd").fit(values) for start in starts]
    return {
        "labels": np.array([one.labels_ for one in fitted]),
        "inertia": np.array([one.inertia_ for one in fitted]),
    }


FIRST = 300
"""Customers of the fit that nobody measures: what falls on the first one of a process is left out."""


def lifetimes(data, result):
    """lifetimes: the table as it is."""
    return _lifetimes(data, result, together=False)


def lifetimes_weights(data, result):
    """lifetimes: equal customers taken together beforehand, and their number given as weight."""
    return _lifetimes(data, result, together=True)


def _lifetimes(data, result, together):
    import lifetimes
    import pandas as pd

    names = {"BGNBD": "BetaGeoFitter", "ParetoNBD": "ParetoNBDFitter", "GammaGamma": "GammaGammaFitter"}
    kind = getattr(lifetimes, names[str(data["model"])])
    columns = ["frequency", "recency", "T"]
    if str(data["model"]) == "GammaGamma":
        columns = ["frequency", "monetary"]
        kept = (data["frequency"] > 0) & (data["monetary"] > 0)
        table = pd.DataFrame({name: data[name][kept] for name in columns})
    else:
        table = pd.DataFrame({name: data[name] for name in columns})

    def fit(rows):
        settings = {}
        if together:
            rows = rows.groupby(columns, as_index=False).size()
            settings = {"weights": rows["size"]}
        return kind().fit(*(rows[name] for name in columns), **settings)

    fit(table.iloc[:FIRST])
    settled_with_tables()
    model = repeated(result, int(data["times"]), lambda: fit(table))
    return {"params": model.params_.to_numpy()}


def pymc(data, result):
    """pymc-marketing: the mode under flat priors, which is the maximum likelihood."""
    import logging
    import warnings

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    import pandas as pd
    from pymc_extras.prior import Prior
    from pymc_marketing import clv

    kind, names = {
        "BGNBD": (clv.BetaGeoModel, ("r", "alpha", "a", "b")),
        "ParetoNBD": (clv.ParetoNBDModel, ("r", "alpha", "s", "beta")),
    }[str(data["model"])]
    columns = {name: data[name] for name in ("frequency", "recency", "T")}
    table = pd.DataFrame({"customer_id": np.arange(len(data["T"]))} | columns)

    def fit(rows):
        model = kind(data=rows, model_config={name: Prior("HalfFlat") for name in names})
        model.fit(method="map", progressbar=False)
        return model

    fit(table.iloc[:FIRST])
    settled_with_tables()
    model = repeated(result, min(int(data["times"]), 2), lambda: fit(table))
    return {"params": np.array([float(model.fit_result[name].values.squeeze()) for name in names])}


def hmmlearn_fit(data, result):
    """hmmlearn: so many steps of expectation maximisation from the same start, without priors."""
    import logging

    model, counts, lengths = _hmmlearn(data)
    logging.disable(logging.WARNING)
    settled()
    with measured(result):
        model.fit(counts, lengths)
    return {"value": model.score(counts, lengths)}


def hmmlearn_decode(data, result):
    """hmmlearn: the best path of every sequence."""
    model, counts, lengths = _hmmlearn(data)
    settled()
    with measured(result):
        value, path = model.decode(counts, lengths)
    return {"value": value, "path": path}


def _hmmlearn(data):
    from hmmlearn.hmm import PoissonHMM

    model = PoissonHMM(
        len(data["rates"]),
        n_iter=int(data["steps"]),
        tol=-np.inf,
        init_params="",
        lambdas_prior=0,
        lambdas_weight=0,
    )
    model.startprob_, model.transmat_ = data["initial"], data["transition"]
    model.lambdas_, model.n_features = data["rates"][:, None], 1
    counts = data["months"][~np.isnan(data["months"])].astype(int)[:, None]
    lengths = data["lengths"].tolist()
    model.score(counts[: sum(lengths[:2])], lengths[:2])
    return model, counts, lengths


def pgmpy_posteriors(data, result):
    """pgmpy: variable elimination, one question for each node."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    from pgmpy.inference import VariableElimination

    logging.disable(logging.WARNING)
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from bigmkt_helpers.networks import load_example
    from bigmkt_helpers.networks.files import to_pgmpy

    network = load_example("alarm")
    model = to_pgmpy(network)
    evidence = dict(zip(data["nodes"].tolist(), data["levels"].tolist(), strict=True))
    nodes = [node for node in network.nodes if node not in evidence]

    def ask():
        elimination = VariableElimination(model)
        return {node: elimination.query([node], evidence=evidence, show_progress=False) for node in nodes}

    VariableElimination(model).query(nodes[:1], evidence=evidence, show_progress=False)
    settled_with_tables()
    found = repeated(result, int(data["times"]), ask)
    return {
        node: np.array([law.values[law.name_to_no[node][one]] for one in sorted(law.state_names[node])])
        for node, law in found.items()
    }


TASKS = {
    task.__name__: task
    for task in (
        knn_baseline,
        item_knn_baseline,
        baselines,
        ease,
        item_neighbours,
        tf_idf_neighbours,
        bm25_neighbours,
        implicit_als,
        bpr_ranking,
        pure_svd,
        text_weights,
        mlxtend_fpgrowth,
        mlxtend_apriori,
        efficient_apriori,
        pyfim_fpgrowth,
        pyfim_eclat,
        kmeans,
        lifetimes,
        lifetimes_weights,
        pymc,
        hmmlearn_fit,
        hmmlearn_decode,
        pgmpy_posteriors,
    )
}

if __name__ == "__main__":
    task, source, target = sys.argv[1:]
    measurement = {}
    with np.load(source) as arrays:
        answer = TASKS[task](dict(arrays), measurement)
    np.savez(target, **answer)
    report(measurement)
