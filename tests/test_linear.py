"""EASE against least squares solved column by column; the Gram matrix; the blend."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders import EASE, Blend, ImplicitItemKNN, Interactions, Popularity, linear
from bigmkt_helpers.recommenders.blend import standardise

pytestmark = pytest.mark.unit


def random_interactions(n_users=40, n_items=12, density=0.3, seed=0, weights=False):
    rng = np.random.default_rng(seed)
    matrix = (rng.random((n_users, n_items)) < density).astype(float)
    matrix[0] = 1
    if weights:
        matrix *= rng.integers(1, 5, matrix.shape)
    return Interactions(
        sparse.csr_array(matrix), pd.RangeIndex(n_users), pd.RangeIndex(n_items), explicit=False
    )


def ease_by_lstsq(x, penalties):
    """min ‖X b − x_j‖² + Σ λ_i b_i² without item j, as ordinary least squares with extra rows."""
    n_items = x.shape[1]
    weights = np.zeros((n_items, n_items))
    for j in range(n_items):
        others = np.delete(np.arange(n_items), j)
        rows = np.vstack([x[:, others], np.diag(np.sqrt(penalties[others]))])
        target = np.concatenate([x[:, j], np.zeros(n_items - 1)])
        weights[others, j] = np.linalg.lstsq(rows, target, rcond=None)[0]
    return weights


@pytest.mark.parametrize("scaling", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("weights", [False, True])
def test_ease_is_the_constrained_least_squares(scaling, weights):
    data = random_interactions(weights=weights)
    x = data.matrix.toarray()
    popularity = 1 + (x**2).sum(axis=0)
    expected = ease_by_lstsq(x, 3.0 * (popularity / popularity.mean()) ** scaling)
    model = EASE(regularisation=3.0, popularity_scaling=scaling, dtype="float64").fit(data)
    np.testing.assert_allclose(model.weights_, expected, rtol=1e-9, atol=1e-12)
    assert (np.diag(model.weights_) == 0).all()
    np.testing.assert_allclose(model._score(np.arange(40)), x @ expected, rtol=1e-9, atol=1e-12)
    single = EASE(regularisation=3.0, popularity_scaling=scaling).fit(data)
    assert single.weights_.dtype == np.float32
    np.testing.assert_allclose(single.weights_, expected, rtol=2e-4, atol=2e-5)


def test_ease_between_users_is_ease_of_the_transposed_matrix():
    data = random_interactions(weights=True)
    swapped = Interactions(data.matrix.T.tocsr(), data.items, data.users, explicit=False)
    users = EASE(3.0, 0.5, side="user", dtype="float64").fit(data)
    items = EASE(3.0, 0.5, dtype="float64").fit(swapped)
    np.testing.assert_allclose(users.weights_, items.weights_, rtol=1e-12)
    expected = items._score(np.arange(12)).T[[5, 0, 30]]
    np.testing.assert_allclose(users._score(np.array([5, 0, 30])), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("route", ["dense", "sparse"])
@pytest.mark.parametrize("n_items", [1, 7, 600])
def test_gram_matrix_by_both_routes(monkeypatch, route, n_items):
    monkeypatch.setattr(linear, "DENSE_ADVANTAGE", np.inf if route == "dense" else 0)
    monkeypatch.setattr(linear, "DENSE_ELEMENTS", 17 * n_items)  # several blocks
    x = random_interactions(50, n_items, weights=True).matrix
    gram = linear.gram_matrix(x)
    expected = (x.T @ x).toarray()
    np.testing.assert_allclose(np.tril(gram), np.tril(expected), rtol=1e-12)


def test_inverse_fills_both_triangles():
    rng = np.random.default_rng(0)
    n = 2 * linear.MIRROR + 5
    square = rng.normal(size=(n, n))
    square = np.asfortranarray(square @ square.T + n * np.eye(n))
    inverse = linear._inverse(np.asfortranarray(np.tril(square)), 1.0)
    np.testing.assert_allclose(inverse @ square, np.eye(n), atol=1e-9)
    assert (inverse == inverse.T).all()


def test_ease_never_holds_two_item_tables():
    """Memory as the docstring states it: one table of items × items, and blocks."""
    import tracemalloc

    data = random_interactions(200, 1500, density=0.02)
    tracemalloc.start()
    try:
        EASE(regularisation=5.0).fit(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.6 * 4 * 1500**2


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, None, "strong"])
def test_bad_penalty(value):
    with pytest.raises(InputError, match="regularisation"):
        EASE(regularisation=value).fit(random_interactions())


@pytest.mark.parametrize(
    "settings",
    [{"popularity_scaling": -0.1}, {"popularity_scaling": "much"}, {"side": "left"}, {"dtype": "float16"}],
)
def test_bad_settings(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        EASE(**settings).fit(random_interactions())


def test_twin_items_need_a_penalty_that_the_precision_can_hold():
    """Two items always had together make the matrix singular without a penalty."""
    x = random_interactions().matrix.toarray()
    x[:, 1] = x[:, 0]
    twins = Interactions(sparse.csr_array(x), pd.RangeIndex(40), pd.RangeIndex(12), explicit=False)
    with pytest.raises(InputError, match="too small for these data in float32"):
        EASE(regularisation=1e-12).fit(twins)
    weights = EASE(regularisation=1.0).fit(twins).weights_
    assert weights[0, 1] == pytest.approx(weights[1, 0], rel=1e-4)
    assert weights[0, 1] > 0.5


def test_an_item_that_nobody_has_is_harmless():
    data = random_interactions()
    matrix = data.matrix.tolil()
    matrix[:, 3] = 0
    matrix = sparse.csr_array(matrix)
    matrix.eliminate_zeros()
    for scaling in (0.0, 1.0):
        model = EASE(popularity_scaling=scaling).fit(Interactions(matrix, data.users, data.items, False))
        assert (model.weights_[3] == 0).all()
        assert (model.weights_[:, 3] == 0).all()


def test_standardise_by_hand():
    scores = np.array([[9.0, 1.0, 3.0, -np.inf], [5.0, 5.0, 5.0, 5.0], [0.0, 4.0, 8.0, 2.0]])
    seen = sparse.csr_array(np.array([[1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]))
    result = standardise(scores, seen)
    assert result[0].tolist() == [7.0, -1.0, 1.0, -np.inf]
    assert result[1].tolist() == [0.0] * 4
    assert np.isfinite(result[2]).all()
    assert scores[0, 0] == 9.0


def test_blend_is_the_weighted_sum():
    data = random_interactions(seed=3)
    models = [EASE(regularisation=5.0), ImplicitItemKNN(), Popularity()]
    blend = Blend(models, weights=[2.0, 1.0, 0.0]).fit(data)
    positions = np.arange(data.n_users)
    parts = [standardise(model.fit(data)._score(positions), data.matrix) for model in models]
    np.testing.assert_allclose(blend._score(positions), (2 * parts[0] + parts[1]) / 3, rtol=1e-5, atol=1e-6)
    alone = Blend([EASE(regularisation=5.0)]).fit(data).recommend(data.users, n=4)
    assert alone["item"].tolist() == models[0].recommend(data.users, n=4)["item"].tolist()
    again = Blend(models).fit(data).reweigh([2.0, 1.0, 0.0])
    assert (again._score(positions) == blend._score(positions)).all()
    with pytest.raises(InputError, match="3 models"):
        again.reweigh([1.0])


@pytest.mark.parametrize(
    ("models", "weights", "message"),
    [
        ([], None, "at least one"),
        (["EASE"], None, "at least one"),
        ([EASE(), Popularity()], [1], "2 models"),
        ([EASE(), Popularity()], [0, 0], "not all 0"),
        ([EASE(), Popularity()], [1, -1], "0 or more"),
        ([EASE(), Popularity()], [1, np.nan], "0 or more"),
    ],
)
def test_bad_blend(models, weights, message):
    with pytest.raises(InputError, match=message):
        Blend(models, weights).fit(random_interactions())
