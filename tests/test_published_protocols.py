"""The splits and metrics reproduce figures that others published, with small reference models written here.

The models stand apart from the library's recommenders on purpose: what is proved is the protocol.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from bigmkt_helpers import evaluation

pytestmark = pytest.mark.published


@pytest.fixture(scope="module")
def ml_100k() -> pd.DataFrame:
    home = os.environ.get("BIGMKT_REFERENCE_DATA")
    if not home:
        pytest.skip("MovieLens 100K: BIGMKT_REFERENCE_DATA is not set")
    path = Path(home) / "ml-100k" / "u.data"
    if not path.exists():
        pytest.skip(f"MovieLens 100K: {path} is not there")
    return pd.read_csv(path, sep="\t", names=["user", "item", "rating", "timestamp"])


def test_movielens_100k_is_the_real_one(ml_100k):
    """Copies on the web hold invented rows."""
    assert ml_100k["rating"].value_counts().sort_index().tolist() == [6110, 11370, 27145, 34174, 21201]
    assert ml_100k["rating"].mean() == pytest.approx(3.52986, rel=1e-9)
    assert (ml_100k["user"].nunique(), ml_100k["item"].nunique()) == (943, 1682)


def sar_top_10(train: pd.DataFrame) -> pd.DataFrame:
    """Simple Algorithm for Recommendation: ratings halved every 30 days × Jaccard similarity of items."""
    users, items = pd.Index(train["user"].unique()), pd.Index(train["item"].unique())
    places = users.get_indexer(train["user"]), items.get_indexer(train["item"])
    shape = len(users), len(items)
    days = (train["timestamp"].max() - train["timestamp"]) / 86_400
    affinity = sp.csr_matrix((train["rating"] * 0.5 ** (days / 30), places), shape=shape)
    seen = sp.csr_matrix((np.ones(len(train)), places), shape=shape)
    together = (seen.T @ seen).toarray()
    count = together.diagonal()
    scores = affinity @ (together / (count[:, None] + count[None, :] - together))
    scores[places] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return pd.DataFrame(
        {
            "user": np.repeat(users, 10),
            "item": items[best.ravel()],
            "rank": np.tile(np.arange(1, 11), len(users)),
        }
    )


def test_sar_on_the_protocol_of_microsoft_recommenders(ml_100k):
    """SAR's row of that library's benchmark table, k = 10, to all six printed digits."""
    train, test = evaluation.stratified_split(ml_100k, by="item", test_share=0.25, random_state=42)
    assert (len(train), len(test)) == (75_066, 24_934)
    found = evaluation.ranking_metrics(sar_top_10(train), test, k=10).mean()
    assert found["ndcg@10"].round(6) == 0.393819
    assert found["precision@10"].round(6) == 0.340615
    assert found["recall@10"].round(6) == 0.185377


def user_knn_rmse(train: pd.DataFrame, test: pd.DataFrame, k: int = 40) -> float:
    """Weighted mean of the k most similar users' ratings; similarity 1 / (mean squared difference + 1)."""
    shape = 944, 1683
    ratings = np.zeros(shape)
    ratings[train["user"], train["item"]] = train["rating"]
    rated = (ratings > 0).astype(float)
    common = rated @ rated.T
    squares = ratings**2 @ rated.T
    distance = squares + squares.T - 2 * ratings @ ratings.T
    similarity = np.where(common > 0, 1 / (distance / np.maximum(common, 1) + 1), 0)
    mean = train["rating"].mean()
    predicted = pd.Series(mean, index=test.index)
    for item, rows in test.groupby("item"):
        raters = np.flatnonzero(rated[:, item])
        if len(raters) == 0:
            continue
        weights = similarity[np.ix_(rows["user"], raters)]
        nearest = np.argpartition(-weights, min(k, len(raters)) - 1, axis=1)[:, :k]
        weights = np.take_along_axis(weights, nearest, axis=1)
        total = weights.sum(axis=1)
        answer = (weights * ratings[raters, item][nearest]).sum(axis=1) / np.where(total > 0, total, 1)
        predicted[rows.index] = np.where(total > 0, answer, mean)
    return evaluation.rmse(test["rating"], predicted.clip(1, 5))


def test_knn_on_the_five_folds_of_surprise(ml_100k):
    """Surprise's KNNBasic on its KFold(n_splits=5, random_state=0): .9797 (its README prints .98)."""
    errors = [
        user_knn_rmse(train, test) for train, test in evaluation.k_fold(ml_100k, n_folds=5, random_state=0)
    ]
    assert np.mean(errors) == pytest.approx(0.9797, abs=0.0001)
