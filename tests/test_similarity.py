"""Similarity: worked numbers, brute force, other libraries, degenerate and bad input."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial import distance

from bigmkt_helpers import similarity
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.similarity import (
    MEASURES,
    adjusted_cosine,
    bm25,
    cosine,
    dot,
    jaccard,
    msd,
    pairwise,
    pearson,
    pearson_baseline,
    shrink,
    significance,
    similar,
    tf_idf,
    top_k,
)

pytestmark = pytest.mark.unit

NAN = float("nan")


def some_ratings(n_rows=30, n_columns=40, density=0.4, seed=0):
    """A dense table of ratings 1 to 5, NaN where missing, in which some pairs share nothing."""
    rng = np.random.default_rng(seed)
    table = rng.integers(1, 6, (n_rows, n_columns)).astype(float)
    table[rng.random(table.shape) > density] = np.nan
    table[3] = np.nan  # a row without any rating
    table[4, ~np.isnan(table[4])] = 2.0  # a row that never varies
    return table


def as_sparse(table):
    rows, columns = np.nonzero(~np.isnan(table))
    return sparse.csr_array((table[rows, columns], (rows, columns)), shape=table.shape)


def biases_of(table, seed=5):
    rng = np.random.default_rng(seed)
    return 3.0, rng.normal(0, 0.3, table.shape[0]), rng.normal(0, 0.3, table.shape[1])


def brute_force(table, measure, biases):
    """Every pair through the function for two vectors, 0 where that is not defined."""
    mean, rows, columns = biases
    known = [set(np.flatnonzero(~np.isnan(row) & (row != 0))) for row in table]
    column_means = np.array([np.mean(c[~np.isnan(c)]) if (~np.isnan(c)).any() else 0.0 for c in table.T])

    def compare(i, j):
        if measure == "adjusted_cosine":
            return adjusted_cosine(table[i], table[j], column_means, undefined=0.0)
        if measure == "jaccard":
            return jaccard(known[i], known[j], undefined=0.0)
        if measure == "pearson_baseline":
            of_i, of_j = mean + rows[i] + columns, mean + rows[j] + columns
            return pearson_baseline(table[i], table[j], of_i, of_j, shrinkage=0.0, undefined=0.0)
        if measure == "dot":
            return dot(table[i], table[j])
        return getattr(similarity, measure)(table[i], table[j], undefined=0.0)

    n = len(table)
    return np.array([[compare(i, j) for j in range(n)] for i in range(n)])


# the worked numbers of the articles, recomputed


def test_cosine_of_one_to_five_with_two_to_six():
    assert cosine([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]) == pytest.approx(0.994937, abs=5e-7)
    assert cosine([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]) == pytest.approx(70 / math.sqrt(55 * 90), rel=1e-12)
    assert math.degrees(math.acos(cosine([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]))) == pytest.approx(
        5.768181, abs=5e-7
    )


def test_pearson_of_one_to_five_with_two_to_six():
    assert pearson([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]) == pytest.approx(1.0, rel=1e-12)
    # the expression as printed centres the second vector on 3, although its mean is 4
    as_printed = pearson([1, 2, 3, 4, 5], [2, 3, 4, 5, 6], means=(3, 3))
    assert as_printed == pytest.approx(0.816497, abs=5e-7)
    assert as_printed == pytest.approx(10 / math.sqrt(150), rel=1e-12)


def test_cosine_of_four_ratings():
    x, y = [3, 2, 1, 5], [4, 3, 2, 4]
    assert cosine(x, y) == pytest.approx(0.954820, abs=5e-7)
    assert dot(x, x) == 39
    assert dot(y, y) == 45
    assert dot(x, y) / math.sqrt(35 * 53) == pytest.approx(0.928727, abs=5e-7)  # the fraction as printed


def test_pearson_of_four_ratings():
    x, y = [3, 2, 1, 5], [4, 3, 2, 4]
    assert pearson(x, y) == pytest.approx(0.866400, abs=5e-7)
    assert pearson(x, y, means=(2.5, 3.5)) == pytest.approx(0.769800, abs=5e-7)  # the means as printed


def test_one_deviation_over_two_standard_deviations_leaves_the_range():
    x, y = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([3.0, 2.0, 2.0, 4.0, 4.0])
    as_printed = (x - x.mean())[0] / (x.std(ddof=1) * y.std(ddof=1))
    assert as_printed == pytest.approx(-1.264911, abs=5e-7)
    assert pearson(x, y) == pytest.approx(0.632456, abs=5e-7)


def test_rows_that_are_permutations_have_high_cosine_and_no_correlation():
    rows = np.array([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [3, 1, 5, 2, 4], [2, 4, 5, 3, 1]], float)
    off = ~np.eye(4, dtype=bool)
    assert pairwise(rows, "cosine")[off].min() == pytest.approx(35 / 55)
    assert (pairwise(rows, "cosine")[off] > 0.6).all()
    assert pairwise(rows, "pearson")[off].max() < 0.5
    # the mean of such a row is 3 and its norm is √55: r = (55 cos - 45) / 10, whatever the order
    np.testing.assert_allclose(
        pairwise(rows, "pearson")[off], (55 * pairwise(rows, "cosine")[off] - 45) / 10, atol=1e-12
    )
    # the range of the cosines in the article
    for printed, correlation in ((0.727273, -0.5), (0.818182, 0.0)):
        assert (55 * printed - 45) / 10 == pytest.approx(correlation, abs=1e-4)


def test_rows_of_a_full_orthogonal_matrix_are_similar_to_nobody():
    ratings = np.array([[5, 3, 0, 1], [4, 0, 0, 1], [1, 1, 0, 5], [1, 0, 0, 4], [0, 1, 5, 4]], float)
    u = np.linalg.svd(ratings)[0]
    np.testing.assert_allclose(pairwise(u, "cosine"), np.eye(5), atol=1e-14)
    assert pairwise(ratings, "cosine")[0, 1] > 0.8


# two vectors against other libraries

vectors = st.integers(2, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(-50, 50).map(lambda v: v / 4), min_size=n, max_size=n)] * 2)
)


@given(vectors)
def test_two_vectors_agree_with_scipy_and_numpy(pair):
    x, y = map(np.array, pair)
    assert dot(x, y) == pytest.approx(float(np.dot(x, y)))
    if x.any() and y.any():
        assert cosine(x, y) == pytest.approx(1 - distance.cosine(x, y), abs=1e-12)
    if x.std() > 0 and y.std() > 0:
        assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
        assert pearson(x, y) == pytest.approx(1 - distance.correlation(x, y), abs=1e-9)
    assert msd(x, y) == pytest.approx(1 / (1 + distance.sqeuclidean(x, y) / len(x)))
    assert jaccard(np.flatnonzero(x), np.flatnonzero(y), undefined=1.0) == pytest.approx(
        1 - distance.jaccard(x != 0, y != 0)
    )


@given(vectors, st.floats(0.01, 100), st.floats(-10, 10))
def test_properties_of_the_measures(pair, scale, shift):
    x, y = map(np.array, pair)
    for measure in (cosine, pearson, msd):
        value = measure(x, y, undefined=0.0)
        assert value == measure(y, x, undefined=0.0)
        assert -1 <= value <= 1
    assert cosine(scale * x, y, undefined=0.0) == pytest.approx(cosine(x, y, undefined=0.0), abs=1e-9)
    moved = pearson(scale * x + shift, y, undefined=0.0)
    if np.unique(x).size > 1:
        assert moved == pytest.approx(pearson(x, y, undefined=0.0), abs=1e-7)
    assert pearson(-x, y, undefined=0.0) == pytest.approx(-pearson(x, y, undefined=0.0), abs=1e-12)
    order = np.random.default_rng(0).permutation(len(x))
    assert pearson(x[order], y[order], undefined=0.0) == pytest.approx(pearson(x, y, undefined=0.0), abs=1e-9)
    if x.any():
        assert cosine(x, x) == pytest.approx(1.0, abs=1e-12)
        assert cosine(x, -x) == pytest.approx(-1.0, abs=1e-12)


def test_only_cells_known_in_both_are_compared():
    x, y = [5, NAN, 3, 1], [4, 2, NAN, 2]
    assert dot(x, y) == 22
    assert cosine(x, y) == pytest.approx(cosine([5, 1], [4, 2]))
    assert pearson([5, NAN, 3, 1, 2], [4, 2, 1, 2, NAN]) == pytest.approx(pearson([5, 3, 1], [4, 1, 2]))
    assert msd(x, y) == pytest.approx(1 / (1 + (1 + 1) / 2))


def test_adjusted_cosine_by_hand():
    # deviations from the users' means: (1, 1, -2) and (0, 2, -1)
    value = adjusted_cosine([5, 4, 1], [4, 5, 2], means=[4, 3, 3])
    assert value == pytest.approx(4 / math.sqrt(6 * 5), rel=1e-12)


def test_pearson_baseline_by_hand():
    # deviations (1, -1, 2) and (1, 1, 1): cosine 2 / √18, shrunk by 2 / (2 + 10)
    value = pearson_baseline([4, 2, 5], [5, 3, 4], [3, 3, 3], [4, 2, 3], shrinkage=10)
    assert value == pytest.approx(2 / math.sqrt(18) / 6, rel=1e-12)


def test_shrink_and_significance():
    assert shrink(0.9, 10, 90) == pytest.approx(0.09)
    assert shrink(0.9, 0, 0) == 0.9
    assert shrink(0.9, 0, 5) == 0
    assert significance(0.9, 25, 50) == pytest.approx(0.45)
    assert significance(0.9, 75, 50) == pytest.approx(0.9)
    np.testing.assert_allclose(shrink(np.array([1.0, 1.0]), np.array([1, 3]), 1), [0.5, 0.75])
    np.testing.assert_allclose(significance(np.array([1.0, 1.0]), np.array([1, 3]), 2), [0.5, 1])


# where a measure is not defined


@pytest.mark.parametrize("undefined", [NAN, 0.0])
@pytest.mark.parametrize(
    ("measure", "x", "y"),
    [
        (cosine, [0, 0], [1, 2]),
        (cosine, [NAN, 1], [1, NAN]),
        (cosine, [], []),
        (pearson, [2, 2, 2], [1, 2, 3]),
        (pearson, [0.1, 0.1, 0.1], [1, 2, 3]),
        (pearson, [0, 0], [1, 2]),
        (pearson, [1, NAN], [NAN, 1]),
        (pearson, [5, 1], [4, NAN]),
        (msd, [1, NAN], [NAN, 1]),
        (lambda x, y, undefined: adjusted_cosine(x, y, x, undefined), [3, 4], [1, 2]),
        (lambda x, y, undefined: pearson_baseline(x, y, 3, 3, 100, undefined), [4, NAN], [5, 1]),
        (lambda x, y, undefined: pearson_baseline(x, y, 4, 3, 100, undefined), [4, 4], [5, 1]),
        (lambda x, y, undefined: jaccard(x, y, undefined), [], []),
    ],
)
def test_undefined(measure, x, y, undefined):
    assert measure(x, y, undefined=undefined) == pytest.approx(undefined, nan_ok=True)


def test_undefined_is_nan_unless_told_otherwise():
    assert math.isnan(cosine([0, 0], [1, 2]))
    assert math.isnan(pearson([1, 1], [1, 2]))
    assert math.isnan(jaccard([], []))
    assert dot([NAN, 1], [1, NAN]) == 0


def test_very_long_and_very_short_vectors_keep_their_direction():
    assert cosine([1e200, 2e200], [1e200, 2e200]) == pytest.approx(1)
    assert cosine([1e-200, 0], [1e-200, 1e-200]) == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize("measure", [dot, cosine, pearson, msd])
@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([1, 2], [1, 2, 3], "2 and 3 elements"),
        (["a", "b"], [1, 2], "must hold numbers"),
        ([[1, 2]], [1, 2], "one dimension"),
        ([1, np.inf], [1, 2], "element 1 .* infinite"),
        (3, [1], "one dimension"),
    ],
)
def test_bad_vectors(measure, x, y, words):
    with pytest.raises(InputError, match=words):
        measure(x, y)


def test_other_bad_arguments_of_vectors():
    with pytest.raises(InputError, match="is a text"):
        jaccard("tea", {"tea"})
    with pytest.raises(InputError, match="3 values but 2 means"):
        adjusted_cosine([1, 2, 3], [1, 2, 3], [1, 2])


# weights


def test_tf_idf_by_hand():
    table = np.array([[2, 1, 0], [0, 1, 1], [0, 1, 3]], float)
    expected = table * np.log([3 / 1, 3 / 3, 3 / 2])
    np.testing.assert_allclose(tf_idf(table).toarray(), expected, rtol=1e-12)
    np.testing.assert_allclose(tf_idf(sparse.csr_array(table)).toarray(), expected, rtol=1e-12)


def test_tf_idf_agrees_with_scikit_learn_up_to_its_added_one():
    from sklearn.feature_extraction.text import TfidfTransformer

    table = np.random.default_rng(0).integers(0, 4, (20, 15)).astype(float)
    theirs = TfidfTransformer(norm=None, smooth_idf=False).fit_transform(table)
    np.testing.assert_allclose(tf_idf(table).toarray(), theirs.toarray() - table, rtol=1e-9, atol=1e-12)


def test_bm25_cell_by_cell():
    table = np.random.default_rng(1).integers(0, 4, (12, 9)).astype(float)
    k1, b = 1.5, 0.6
    n, lengths = len(table), table.sum(axis=1)
    expected = np.zeros_like(table)
    for i in range(n):
        for j in range(table.shape[1]):
            have = np.count_nonzero(table[:, j])
            idf = math.log(1 + (n - have + 0.5) / (have + 0.5))
            norm = k1 * (1 - b + b * lengths[i] / lengths.mean())
            expected[i, j] = idf * table[i, j] * (k1 + 1) / (table[i, j] + norm)
    np.testing.assert_allclose(bm25(table, k1, b).toarray(), expected, rtol=1e-12)
    present = bm25(table, k1=0, b=0).toarray()  # without saturation only presence counts
    assert len(np.unique(present[:, 0].round(12))) == 2


@pytest.mark.parametrize("weigh", [tf_idf, bm25])
def test_weights_leave_the_input_alone_and_refuse_negative_values(weigh):
    matrix = sparse.csr_array(np.array([[1.0, 2.0], [0.0, 3.0]]))
    before = matrix.toarray()
    weigh(matrix)
    np.testing.assert_array_equal(matrix.toarray(), before)
    assert weigh(sparse.csr_array((2, 3))).nnz == 0
    with pytest.raises(InputError, match="negative"):
        weigh([[1, -1]])


@pytest.mark.parametrize(("k1", "b"), [(-1, 0.5), (1, 1.5), (NAN, 0.5), (1, NAN)])
def test_bm25_parameters(k1, b):
    with pytest.raises(InputError, match="BM25 needs"):
        bm25([[1, 2]], k1, b)


# all rows


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("shape", [(30, 40, 0.4), (30, 40, 1.0), (25, 200, 0.02)])
def test_pairwise_equals_the_function_for_two_vectors(measure, shape):
    table = some_ratings(*shape)
    biases = biases_of(table)
    expected = brute_force(table, measure, biases)
    for matrix in (table, as_sparse(table)):
        found = pairwise(matrix, measure, biases=biases)
        np.testing.assert_allclose(found, expected, atol=1e-9)
        np.testing.assert_allclose(found, found.T, atol=1e-12)
    assert np.abs(expected).sum() > 1


@pytest.mark.parametrize("measure", ["dot", "cosine", "pearson", "adjusted_cosine", "jaccard"])
def test_missing_as_zero_equals_filling_with_zeros(measure):
    table = some_ratings(seed=2)
    filled = np.nan_to_num(table)
    if measure == "adjusted_cosine":  # the means are those of the known cells in any case
        known = ~np.isnan(table)
        centred = np.where(known, table - filled.sum(axis=0) / known.sum(axis=0), 0)
        expected = pairwise(centred, "cosine")
    else:
        expected = brute_force(filled, measure, biases_of(table))
    for matrix in (table, as_sparse(table)):
        np.testing.assert_allclose(pairwise(matrix, measure, missing="zero"), expected, atol=1e-9)
    assert not np.allclose(expected, pairwise(table, measure)) or measure in ("dot", "jaccard")


def test_full_tables_agree_with_other_libraries():
    from sklearn.metrics.pairwise import cosine_similarity

    table = np.random.default_rng(3).normal(size=(40, 25))
    np.testing.assert_allclose(pairwise(table, "cosine"), cosine_similarity(table), atol=1e-12)
    np.testing.assert_allclose(pairwise(table, "pearson"), np.corrcoef(table), atol=1e-12)
    np.testing.assert_allclose(
        pairwise(table, "msd"), 1 / (1 + distance.cdist(table, table, "sqeuclidean") / 25), atol=1e-12
    )
    has = table > 0.5
    np.testing.assert_allclose(
        pairwise(has.astype(float), "jaccard"), 1 - distance.cdist(has, has, "jaccard"), atol=1e-12
    )


def test_labels_of_a_frame_are_kept():
    frame = pd.DataFrame(some_ratings(5, 8), index=list("vwxyz"))
    found = pairwise(frame, "cosine")
    assert found.index.tolist() == found.columns.tolist() == list("vwxyz")
    np.testing.assert_array_equal(found.to_numpy(), pairwise(frame.to_numpy(), "cosine"))


@pytest.mark.parametrize("measure", ["cosine", "pearson", "jaccard", "msd"])
def test_support(measure):
    table = some_ratings(seed=4)
    known = (~np.isnan(table)).astype(float)
    n = known @ known.T
    plain = pairwise(table, measure)
    np.testing.assert_allclose(pairwise(table, measure, shrinkage=7), plain * n / (n + 7), atol=1e-12)
    np.testing.assert_allclose(
        pairwise(table, measure, full_support=9), plain * np.minimum(n, 9) / 9, atol=1e-12
    )
    np.testing.assert_allclose(pairwise(table, measure, min_support=8), np.where(n < 8, 0, plain), atol=1e-12)
    assert (n < 8).any()
    assert (n >= 9).any()


def test_support_of_pearson_baseline_counts_one_less():
    table = some_ratings(seed=4)
    known = (~np.isnan(table)).astype(float)
    less = np.maximum(known @ known.T - 1, 0)
    plain = pairwise(table, "pearson_baseline", biases=biases_of(table))
    shrunk = pairwise(table, "pearson_baseline", biases=biases_of(table), shrinkage=50)
    np.testing.assert_allclose(shrunk, plain * less / (less + 50), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([m for m in MEASURES if m != "pearson_baseline"]))
def test_order_of_rows_and_columns_does_not_matter(seed, measure):
    rng = np.random.default_rng(seed)
    table = some_ratings(8, 10, density=rng.uniform(0.1, 1), seed=seed)
    rows, columns = rng.permutation(8), rng.permutation(10)
    found = pairwise(table, measure)
    moved = pairwise(table[rows][:, columns], measure)
    np.testing.assert_allclose(moved, found[rows][:, rows], atol=1e-9)
    if measure != "dot":
        assert np.abs(found).max() <= 1
    np.testing.assert_allclose(found, found.T, atol=1e-12)


# the k nearest


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("missing", ["zero", "skip"])
@pytest.mark.parametrize("density", [0.02, 0.4])
@pytest.mark.parametrize(("block", "table_elements"), [(50, 0), (50, 10**6), (4_000_000, 10**6)])
def test_similar_keeps_the_k_best_of_the_full_table(
    monkeypatch, measure, missing, density, block, table_elements
):
    table = some_ratings(40, 60, density, seed=6)
    options = {"missing": missing, "biases": biases_of(table), "shrinkage": 3.0}
    full = pairwise(table, measure, **options)
    np.fill_diagonal(full, 0)
    monkeypatch.setattr(similarity, "BLOCK_ELEMENTS", block)
    monkeypatch.setattr(similarity, "WHOLE_ELEMENTS", table_elements)
    monkeypatch.setattr(similarity, "TABLE_ELEMENTS", table_elements)
    found = similar(as_sparse(table), measure, k=4, **options)
    assert found.shape == full.shape
    assert np.diff(found.indptr).max() <= 4
    assert (found.data > 0).all()
    assert not found.diagonal().any()
    for i, row in enumerate(full):
        best = np.sort(row[row > 0])[::-1][:4]
        np.testing.assert_allclose(np.sort(found[[i]].data)[::-1], best, atol=1e-12)
        neighbours = found.indices[found.indptr[i] : found.indptr[i + 1]]
        assert (np.diff(neighbours) > 0).all()
        np.testing.assert_allclose(row[neighbours], found[[i]].data, atol=1e-12)


@pytest.mark.parametrize("measure", ["dot", "cosine", "jaccard"])
@pytest.mark.parametrize("n_columns", [6, 3000])
def test_the_first_of_equal_neighbours_is_kept(measure, n_columns):
    # with 6 columns everybody meets everybody, with 3,000 hardly anybody does: two ways through the code
    matrix = sparse.lil_array((400, n_columns))
    matrix[:6, 0] = 1
    matrix[6:, :] = sparse.random_array((394, n_columns), density=0.5 if n_columns == 6 else 0.0005, rng=1)
    matrix[6:, 0] = 0
    found = similar(matrix.tocsr(), measure, k=3)
    for i, expected in enumerate([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2], [0, 1, 2]]):
        assert found.indices[found.indptr[i] : found.indptr[i + 1]].tolist() == expected


def test_k_larger_than_the_neighbours_there_are():
    found = similar(sparse.csr_array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]), k=50)
    np.testing.assert_allclose(found.toarray(), [[0, 0.5**0.5, 0], [0.5**0.5, 0, 0], [0, 0, 0]])


def test_one_row_has_no_neighbours():
    assert similar([[1.0, 2.0]]).nnz == 0
    assert pairwise([[1.0, 2.0]]).tolist() == [[1.0]]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("missing", ["zero", "skip"])
def test_rows_without_direction_or_variance_are_similar_to_nobody(measure, missing):
    table = np.array([[3, 3, 3, 3], [0, 0, 0, 0], [1, 2, 4, 5], [NAN] * 4])
    biases = (3.0, np.zeros(4), np.zeros(4))
    found = pairwise(table, measure, missing=missing, biases=biases)
    assert np.isfinite(found).all()
    assert not found[3].any()
    if measure == "pearson":
        assert not found[0].any()
    if measure in ("cosine", "pearson", "jaccard", "dot"):
        assert not found[1].any()
    assert np.isfinite(similar(table, measure, missing=missing, biases=biases).data).all()


def test_a_row_that_is_constant_where_both_are_known_has_no_correlation():
    rng = np.random.default_rng(0)
    for value in rng.random(50):
        table = np.vstack([np.append(np.full(7, value), rng.random(3)), np.append(rng.random(7), [NAN] * 3)])
        assert pairwise(table, "pearson")[0, 1] == 0
        assert pearson(*table, undefined=0.0) == 0


def test_the_input_is_not_changed():
    table = some_ratings(seed=7)
    matrix = as_sparse(table)
    matrix.data[::7] = 0  # stored zeros
    before = matrix.copy()
    for measure in MEASURES:
        for missing in ("zero", "skip"):
            similar(matrix, measure, missing=missing, biases=biases_of(table))
    np.testing.assert_array_equal(matrix.data, before.data)
    np.testing.assert_array_equal(matrix.indices, before.indices)


def test_memory_grows_with_the_block_and_not_with_the_square_of_the_rows():
    import tracemalloc

    def peak(n_rows):
        rng = np.random.default_rng(0)
        columns = rng.integers(0, n_rows, 4 * n_rows)
        matrix = sparse.csr_array(
            (np.ones(4 * n_rows), (np.repeat(np.arange(n_rows), 4), columns)), shape=(n_rows, n_rows)
        )
        tracemalloc.start()
        similar(matrix, k=5)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    small, large = peak(5_000), peak(20_000)
    assert large < 6 * small
    assert large < 20_000**2 / 10  # the full table would have 8 bytes for each of 20,000² cells


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"measure": "euclid"}, "measure 'euclid' is unknown"),
        ({"missing": "drop"}, "missing must be"),
        ({"shrinkage": -1}, "shrinkage must be"),
        ({"shrinkage": NAN}, "shrinkage must be"),
        ({"full_support": 0}, "full_support must be"),
        ({"min_support": -1}, "min_support must be"),
        ({"measure": "pearson_baseline"}, "needs biases"),
        ({"k": 0}, "k must be"),
        ({"k": 2.5}, "k must be"),
        ({"k": True}, "k must be"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(InputError, match=words):
        similar([[1.0, 2.0], [2.0, 1.0]], **arguments)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        ([["a", "b"]], "must hold numbers"),
        ([1.0, 2.0], "two dimensions"),
        (np.empty((0, 3)), "0 rows"),
        (np.empty((3, 0)), "0 columns"),
        ([[1.0, 2.0], [np.inf, 1.0]], "row 1 .* not finite"),
        (sparse.csr_array([[1.0, 2.0], [NAN, 1.0]]), "row 1 .* not finite"),
    ],
)
def test_bad_matrices(matrix, words):
    for function in (pairwise, similar):
        with pytest.raises(InputError, match=words):
            function(matrix)


# the largest of many


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_top_k_equals_sorting(seed, k):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (6, 7)).astype(float)
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    before = scores.copy()
    positions, values = top_k(scores, k)
    assert positions.shape == values.shape == (6, min(k, 7))
    np.testing.assert_array_equal(scores, before)
    for row, chosen, best in zip(scores, positions, values):
        order = sorted(np.flatnonzero(np.isfinite(row)), key=lambda j: (-row[j], j))[:k]
        assert chosen[chosen >= 0].tolist() == order
        assert best[chosen >= 0].tolist() == row[order].tolist()
        assert np.isneginf(best[chosen < 0]).all()
