"""Rating prediction on MovieLens 100K: the five folds of the library Surprise, its published errors."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers.evaluation import k_fold, rmse
from bigmkt_helpers.recommenders import Biases, Interactions, ItemKNN, UserKNN

pytestmark = pytest.mark.published

# KFold(n_splits=5, random_state=0); Surprise prints .98, .951, .931; more digits from running it, and for
# item KNNBaseline with pearson_baseline .9176.
MODELS = {
    "KNNBasic": (UserKNN(measure="msd", centring="none", shrinkage=0, fallback="global_mean"), 0.9797),
    "KNNWithMeans": (UserKNN(measure="msd", centring="mean", shrinkage=0, fallback="global_mean"), 0.9511),
    "KNNBaseline": (UserKNN(measure="msd", centring="baseline", shrinkage=0), 0.9307),
    "item KNNBaseline": (ItemKNN(measure="pearson_baseline", centring="baseline", shrinkage=100), 0.9176),
    "BaselineOnly": (Biases(), 0.944),
}
SVDPP = 0.9187


@pytest.fixture(scope="module")
def folds():
    folder = os.environ.get("BIGMKT_REFERENCE_DATA")
    if not folder:
        pytest.skip("BIGMKT_REFERENCE_DATA is not set: MovieLens 100K may not be passed on")
    path = Path(folder) / "ml-100k" / "u.data"
    ratings = pd.read_csv(path, sep="\t", names=["user", "item", "rating", "timestamp"])
    assert ratings["rating"].value_counts().sort_index().tolist() == [6110, 11370, 27145, 34174, 21201]
    return [
        (Interactions.from_frame(train, scale=(1, 5)), test)
        for train, test in k_fold(ratings, n_folds=5, random_state=0)
    ]


def error(model, folds):
    return np.mean([rmse(test["rating"], model.fit(train).predict(test)) for train, test in folds])


@pytest.mark.parametrize("name", MODELS)
def test_error_is_that_of_surprise(folds, name):
    model, published = MODELS[name]
    tolerance = 5e-4 if name == "BaselineOnly" else 2e-4  # the README of Surprise has three digits for it
    found = error(model, folds)
    assert found == pytest.approx(published, abs=tolerance)
    assert (found < SVDPP) == (name == "item KNNBaseline")


def test_using_the_known_half_is_better_than_the_mean_of_all(folds):
    for centring, published in (("none", 0.9797), ("mean", 0.9511)):
        own = error(UserKNN(measure="msd", centring=centring, shrinkage=0), folds)
        assert published - 0.003 < own < published - 0.001
