"""Each step of the factorisations against a plain computation of the same, and what they must recover."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation import ranking_metrics, rmse, stratified_split
from bigmkt_helpers.recommenders import BPR, ExplicitALS, ImplicitALS, Interactions, Popularity, PureSVD
from bigmkt_helpers.recommenders import factorisation as explicit
from bigmkt_helpers.recommenders import implicit_factorisation as implicit

pytestmark = pytest.mark.unit


def tastes(n_users=120, n_items=60, groups=4, seed=0, law=False):
    """Users who mostly choose within their own group of items, some items being more popular.

    Returns the frame, and with ``law=True`` also the probability of every cell.
    """
    rng = np.random.default_rng(seed)
    same = rng.integers(groups, size=n_users)[:, None] == np.arange(n_items) % groups
    chance = np.where(same, 0.6, 0.05) * rng.uniform(0.3, 1, n_items)
    users, items = np.nonzero(rng.random((n_users, n_items)) < chance)
    frame = pd.DataFrame({"user": users, "item": items})
    return (frame, chance) if law else frame


def planted_ratings(n_users=150, n_items=80, rank=2, noise=0.3, share=0.5, seed=0):
    """Mean, biases and a low-rank part with noise; returns the frame and the noiseless table."""
    rng = np.random.default_rng(seed)
    fit = rng.normal(size=(n_users, rank)) @ rng.normal(size=(rank, n_items)) * 0.8
    truth = 5 + rng.normal(0, 0.5, (n_users, 1)) + rng.normal(0, 0.5, n_items) + fit
    users, items = np.nonzero(rng.random(truth.shape) < share)
    frame = pd.DataFrame({"user": users, "item": items, "rating": truth[users, items]})
    frame["rating"] += noise * rng.normal(size=len(frame))
    return frame, truth


def interactions(frame, rating=None):
    return Interactions.from_frame(frame, rating=rating)


# --- truncated SVD ----------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", [2, 40])
@pytest.mark.parametrize("shape", [(90, 55), (150, 400)])
def test_pure_svd_is_numpys_svd_cut_off(factors, shape):
    rng = np.random.default_rng(1)
    dense = rng.integers(1, 6, shape) * (rng.random(shape) < 0.2) * 1.0
    data = Interactions(sparse.csr_array(dense), pd.RangeIndex(shape[0]), pd.RangeIndex(shape[1]))
    model = PureSVD(factors).fit(data)
    left, values, right = np.linalg.svd(dense, full_matrices=False)
    np.testing.assert_allclose(model.singular_values_, values[:factors], rtol=1e-9)
    best = left[:, :factors] * values[:factors] @ right[:factors]
    np.testing.assert_allclose(model._score(np.arange(shape[0])), best, atol=1e-8)
    largest = np.abs(model.item_factors_).argmax(axis=0)
    assert (model.item_factors_[largest, np.arange(factors)] > 0).all()


def test_pure_svd_where_the_rank_is_smaller_than_what_is_asked_for():
    """ARPACK gives up on such a matrix."""
    rng = np.random.default_rng(2)
    dense = (rng.random((300, 2)) < 0.5) * 1.0 @ (rng.random((2, 250)) < 0.5)
    data = Interactions(sparse.csr_array(dense), pd.RangeIndex(300), pd.RangeIndex(250))
    model = PureSVD(8).fit(data)
    np.testing.assert_allclose(model._score(np.arange(300)), dense, atol=1e-8)
    assert (model.singular_values_[2:] < 1e-6 * model.singular_values_[0]).all()


def test_krylov_search_agrees_with_numpy(monkeypatch):
    import scipy.sparse.linalg

    def refuse(*args, **kwargs):
        raise scipy.sparse.linalg.ArpackError(3, {3: "no shifts"})

    monkeypatch.setattr(scipy.sparse.linalg, "svds", refuse)
    matrix = sparse.random_array((300, 200), density=0.1, rng=np.random.default_rng(3)).tocsr()
    values, vectors = explicit._largest_singular(matrix, 5)
    _, expected, rows = np.linalg.svd(matrix.toarray())
    np.testing.assert_allclose(values, expected[:5], rtol=1e-9)
    np.testing.assert_allclose(np.abs(np.sum(vectors * rows[:5].T, axis=0)), 1, rtol=1e-6)


@pytest.mark.parametrize("factors", [0, 61, 2.5, "all"])
def test_pure_svd_refuses(factors):
    with pytest.raises(InputError, match="from 1 to 60"):
        PureSVD(factors).fit(interactions(tastes()))


# --- ALS for ratings --------------------------------------------------------------------------------


def test_explicit_als_half_step_is_a_ridge_regression_for_each_user():
    frame, _ = planted_ratings(30, 20)
    matrix = interactions(frame, "rating").matrix
    users, items = explicit._Side(30, 3, 1.0), explicit._Side(20, 3, 1.0)
    items.mean = np.random.default_rng(0).normal(size=(20, 4))
    error = users.regress(matrix, items, 1.0, 0.05)
    squares = 0
    for user in range(30):
        row = matrix[[user]].tocoo()
        design = np.column_stack([items.mean[row.col, :3], np.ones(row.nnz)])
        target = row.data - items.mean[row.col, 3]
        ridge = np.sqrt(0.05 * row.nnz) * np.eye(4)
        expected = np.linalg.lstsq(np.vstack([design, ridge]), np.append(target, np.zeros(4)), rcond=None)[0]
        np.testing.assert_allclose(users.mean[user], expected, rtol=1e-8, atol=1e-10)
        squares += np.sum((target - design @ expected) ** 2)
    assert error == pytest.approx(squares, rel=1e-9)


def test_variational_half_step_and_its_expected_error_by_sampling():
    """Precision and mean of one user by hand; the expected error against draws of all that is uncertain."""
    frame, _ = planted_ratings(12, 9, share=0.7)
    matrix = interactions(frame, "rating").matrix
    rng = np.random.default_rng(0)
    users, items = explicit._Side(12, 2, 1.0), explicit._Side(9, 2, 1.0)
    users.prior, noise = np.array([0.5, 0.7, 0.9]), 0.4
    items.mean = rng.normal(size=(9, 3))
    roots = 0.3 * rng.normal(size=(9, 3, 3))
    items.covariance = (roots @ roots.transpose(0, 2, 1))[:, *items.upper]
    error = users.regress(matrix, items, noise, None)

    row = matrix[[4]].tocoo()
    precision, right = np.diag(1 / users.prior), np.zeros(3)
    for item, rating in zip(row.col, row.data):
        spread = items.covariance[item][items.whole]
        z = np.append(items.mean[item, :2], 1)
        factors_only = np.zeros((3, 3))
        factors_only[:2, :2] = spread[:2, :2]
        precision += (np.outer(z, z) + factors_only) / noise
        right += (z * (rating - items.mean[item, 2]) - np.append(spread[:2, 2], 0)) / noise
    np.testing.assert_allclose(users.covariance[4][users.whole], np.linalg.inv(precision), rtol=1e-8)
    np.testing.assert_allclose(users.mean[4], np.linalg.solve(precision, right), rtol=1e-8)

    draws = 20_000

    def sample(side, position):
        spread = side.covariance[position][side.whole]
        return rng.multivariate_normal(side.mean[position], spread, size=draws, method="svd")

    x, y = [sample(users, i) for i in range(12)], [sample(items, j) for j in range(9)]
    cells = matrix.tocoo()
    sampled = sum(
        np.mean((r - (x[u][:, :2] * y[i][:, :2]).sum(axis=1) - x[u][:, 2] - y[i][:, 2]) ** 2)
        for u, i, r in zip(cells.row, cells.col, cells.data)
    )
    assert error == pytest.approx(sampled, rel=0.02)


@pytest.mark.parametrize("regularisation", ["learned", 0.02, 0.5])
def test_explicit_als_never_gets_worse(monkeypatch, regularisation):
    frame, _ = planted_ratings(60, 40)
    data = interactions(frame, "rating")
    model = ExplicitALS(5, regularisation, iterations=25).fit(data)
    assert len(model.objective_) == 25
    assert (np.diff(model.objective_) <= 1e-9 * np.abs(model.objective_[1:])).all()
    assert model.objective_[-1] < model.objective_[0]
    if regularisation != "learned":
        cells = data.matrix.tocoo()
        error = cells.data - model._estimate(cells.row, cells.col)
        users = np.sum(model.user_factors_**2, axis=1) + model.user_biases_**2
        items = np.sum(model.item_factors_**2, axis=1) + model.item_biases_**2
        expected = np.sum(error**2) + regularisation * (users[cells.row].sum() + items[cells.col].sum())
        assert model.objective_[-1] == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr(explicit, "BLOCK_ELEMENTS", 100)
    again = ExplicitALS(5, regularisation, iterations=25).fit(data)
    np.testing.assert_allclose(again.user_factors_, model.user_factors_, rtol=1e-6, atol=1e-8)


def test_learned_als_recovers_a_planted_structure():
    """Noise .3 is learned, factors that are not there fade, and the truth is met closer than the noise."""
    frame, truth = planted_ratings()
    model = ExplicitALS(factors=6, iterations=40).fit(interactions(frame, "rating"))
    assert model.noise_variance_ == pytest.approx(0.3**2, rel=0.1)
    spread = np.sort(np.sqrt((model.user_factors_**2).mean(axis=0) * (model.item_factors_**2).mean(axis=0)))
    assert spread[-2] > 0.4
    assert spread[-3] < 0.05
    hidden = np.ones(truth.shape, dtype=bool)
    hidden[frame["user"], frame["item"]] = False
    assert rmse(truth[hidden], model._score(np.arange(150))[hidden]) < 0.15
    plain = ExplicitALS(factors=6, regularisation=0.001).fit(interactions(frame, "rating"))
    assert rmse(truth[hidden], plain._score(np.arange(150))[hidden]) > 0.15


def test_an_unknown_user_gets_the_items_bias_and_the_reverse():
    frame, _ = planted_ratings(30, 20)
    model = ExplicitALS(2).fit(interactions(frame, "rating"))
    asked = pd.DataFrame({"user": [-1, 3, -1], "item": [5, -1, -1]})
    expected = model.global_mean_ + np.array([model.item_biases_[5], model.user_biases_[3], 0])
    np.testing.assert_allclose(model.predict(asked), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [{"factors": 0}, {"factors": 1.5}, {"iterations": 0}, {"random_state": None}, {"regularisation": 0}]
    + [{"regularisation": value} for value in (-1, "strong", None, np.nan)],
)
def test_explicit_als_refuses(settings):
    frame, _ = planted_ratings(10, 10)
    with pytest.raises(InputError, match=next(iter(settings))):
        ExplicitALS(**settings).fit(interactions(frame, "rating"))


def test_explicit_als_needs_ratings():
    with pytest.raises(InputError, match="needs ratings"):
        ExplicitALS().fit(interactions(tastes()))


# --- ALS for implicit feedback ----------------------------------------------------------------------


def implicit_objective(matrix, x, y, regularisation, alpha, scaling):
    """Over all cells, one by one."""
    dense = matrix.toarray()
    confidence = 1 + alpha * dense
    squares = np.sum(confidence * ((dense > 0) - x.astype(float) @ y.T.astype(float)) ** 2)
    users = regularisation * confidence.sum(axis=1) ** scaling
    items = regularisation * confidence.sum(axis=0) ** scaling
    return squares + users @ np.sum(x.astype(float) ** 2, 1) + items @ np.sum(y.astype(float) ** 2, 1)


@pytest.mark.parametrize("scaling", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("steps", [None, 12])
def test_implicit_als_half_step_is_a_weighted_ridge_regression(monkeypatch, scaling, steps):
    monkeypatch.setattr(implicit, "GROUP_ELEMENTS", 300)  # many groups
    matrix = interactions(tastes()).matrix.astype(np.float32)
    matrix.data[::3] = 2.5
    matrix.data[matrix.indptr[7] : matrix.indptr[8]] = 0
    matrix.eliminate_zeros()
    rng = np.random.default_rng(0)
    y = rng.normal(size=(matrix.shape[1], 6)).astype(np.float32)
    x = rng.normal(size=(matrix.shape[0], 6)).astype(np.float32)
    model = ImplicitALS(6, 0.4, 3.0, scaling, steps=steps)
    model._half_step(matrix, x, y)
    for user, row in enumerate(matrix.toarray()):
        confidence = 1 + 3.0 * row
        ridge = 0.4 * confidence.sum() ** scaling
        rows = np.vstack([y * np.sqrt(confidence)[:, None], np.sqrt(ridge) * np.eye(6)])
        target = np.append(np.sqrt(confidence) * (row > 0), np.zeros(6))
        expected = np.linalg.lstsq(rows, target, rcond=None)[0]
        np.testing.assert_allclose(x[user], expected, rtol=2e-3, atol=2e-4)
    assert (x[7] == 0).all()


@pytest.mark.parametrize("steps", [None, 1, 3])
@pytest.mark.parametrize("scaling", [0.0, 1.0])
def test_implicit_als_never_gets_worse(steps, scaling):
    data = interactions(tastes())
    objective = [
        implicit_objective(data.matrix, model.user_factors_, model.item_factors_, 0.1, 10.0, scaling)
        for model in (ImplicitALS(8, 0.1, 10.0, scaling, n, steps).fit(data) for n in range(1, 9))
    ]
    assert (np.diff(objective) <= 1e-5 * np.abs(objective[1:])).all()
    assert objective[-1] < objective[0]


def test_few_gradient_steps_end_where_exact_steps_end():
    data = interactions(tastes())
    ends = [
        implicit_objective(data.matrix, model.user_factors_, model.item_factors_, 0.1, 10.0, 1.0)
        for model in (ImplicitALS(8, 0.1, 10.0, 1.0, 60, steps).fit(data) for steps in (None, 3))
    ]
    assert ends[1] == pytest.approx(ends[0], rel=1e-2)


@pytest.mark.parametrize(
    "settings",
    [{"factors": 0}, {"iterations": 0}, {"steps": 0}, {"steps": 1.5}, {"random_state": -1}, {"alpha": 0}]
    + [{"regularisation": value} for value in (0, -1, np.nan, "x")]
    + [{"frequency_scaling": -1}],
)
def test_implicit_als_refuses(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        ImplicitALS(**settings).fit(interactions(tastes()))


def test_implicit_als_needs_positive_weights():
    frame = pd.DataFrame({"user": [1, 1, 2], "item": [1, 2, 1], "rating": [1.0, -1.0, 1.0]})
    with pytest.raises(InputError, match="weights above 0"):
        ImplicitALS(2).fit(interactions(frame, "rating"))


# --- BPR --------------------------------------------------------------------------------------------


def test_bpr_gradient_against_finite_differences():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    u, i, j = np.array([0, 0, 2, 3]), np.array([1, 1, 0, 4]), np.array([2, 3, 1, 0])

    def objective(x, y):
        margin = np.sum(x[u] * (y[i] - y[j]), axis=1)
        norms = np.sum(x[u] ** 2 + y[i] ** 2 + y[j] ** 2)
        return -np.sum(np.log1p(np.exp(-margin))) - 0.05 * norms

    (x_rows, to_x), (y_rows, to_y) = implicit.bpr_gradient(x, y, u, i, j, 0.05)
    assert x_rows.tolist() == [0, 2, 3]
    assert y_rows.tolist() == [0, 1, 2, 3, 4]
    step = 1e-6
    for rows, gradient, table in ((x_rows, to_x, x), (y_rows, to_y, y)):
        for place, row in enumerate(rows):
            for column in range(3):
                table[row, column] += step
                above = objective(x, y)
                table[row, column] -= 2 * step
                below = objective(x, y)
                table[row, column] += step
                assert gradient[place, column] == pytest.approx((above - below) / (2 * step), rel=1e-5)


def test_what_bpr_draws_is_never_seen_and_otherwise_uniform():
    matrix = interactions(tastes()).matrix
    lengths = np.diff(matrix.indptr)
    pairs = np.repeat(np.arange(len(lengths)), lengths) * matrix.shape[1] + matrix.indices
    users = np.repeat([3, 50], 30_000)
    drawn = implicit._draw_unseen(np.random.default_rng(0), users, matrix.shape[1], pairs)
    for user in (3, 50):
        counts = np.bincount(drawn[users == user], minlength=matrix.shape[1])
        seen = matrix[[user]].indices
        assert counts[seen].sum() == 0
        unseen = np.delete(counts, seen)
        np.testing.assert_allclose(unseen, 30_000 / len(unseen), rtol=0.2)


def test_bpr_ranks_what_was_hidden_above_the_rest():
    """AUC on the planted tastes: near that of the true probabilities, where popularity is not."""
    frame, chance = tastes(n_users=300, law=True)
    train, test = stratified_split(frame, by="user")
    data = interactions(train)

    def auc(scores):
        hidden = np.zeros(scores.shape, dtype=bool)
        hidden[test["user"], data.item_positions(test["item"])] = True
        rest = ~hidden & (data.matrix.toarray() == 0)
        shares = [np.mean(s[h][:, None] > s[r]) for s, h, r in zip(scores, hidden, rest) if h.any()]
        return np.mean(shares)

    users = data.user_positions(np.arange(300))
    best = auc(chance[:, data.items])
    popular = auc(Popularity().fit(data)._score(users))
    found = auc(BPR(8, regularisation=0.03, iterations=60).fit(data)._score(users))
    assert popular < 0.6 < 0.8 < best
    assert popular + 0.8 * (best - popular) < found < best


def test_bpr_keeps_its_column_of_ones_and_refuses_bad_settings():
    data = interactions(tastes())
    model = BPR(4, iterations=2).fit(data)
    assert (model.user_factors_[:, -1] == 1).all()
    assert model.item_factors_[:, -1].any()
    for name, value in [("factors", 0), ("batch_size", 0), ("learning_rate", 0), ("regularisation", -1)]:
        with pytest.raises(InputError, match=name):
            BPR(**{name: value}).fit(data)
    everything = pd.DataFrame({"user": [1, 1, 2, 2], "item": [1, 2, 1, 2]})
    with pytest.raises(InputError, match="Every user has every item"):
        BPR(2).fit(interactions(everything))


# --- all --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [ImplicitALS(8, iterations=10), BPR(8), PureSVD(4)], ids=lambda m: type(m).__name__
)
def test_planted_tastes_are_found(model):
    """Far above popularity, and the same again with the same seed."""
    train, test = stratified_split(tastes(n_users=300), by="user")
    data = interactions(train)
    lists = model.fit(data).recommend(data.users, n=5)
    found = ranking_metrics(lists, test, k=5)["ndcg@5"].mean()
    popular = ranking_metrics(Popularity().fit(data).recommend(data.users, n=5), test, k=5)["ndcg@5"].mean()
    assert found > 1.8 * popular
    pd.testing.assert_frame_equal(model.fit(data).recommend(data.users, n=5), lists)
