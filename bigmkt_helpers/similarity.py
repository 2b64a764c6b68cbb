"""How alike are two customers, two products, two lists of numbers?

First the measures for two vectors, each a few lines long.  In a vector, NaN stands for a value that nobody
knows, and only the cells known in both vectors are compared.  Then the same measures for all rows of a
matrix: ``pairwise`` for a small table, ``similar`` for the k nearest rows of a large sparse one, block by
block.

A measure is not defined for every pair: a vector of zeros has no direction, a constant one no correlation,
two vectors without a common cell say nothing.  For two vectors the answer is then ``undefined``, NaN unless
you choose otherwise; in a matrix it is 0, which is no evidence of likeness.
"""

import numbers

import numpy as np
import pandas as pd
from scipy import sparse

from bigmkt_helpers.errors import InputError

__all__ = [
    "MEASURES",
    "adjusted_cosine",
    "bm25",
    "cosine",
    "dot",
    "jaccard",
    "msd",
    "pairwise",
    "pearson",
    "pearson_baseline",
    "shrink",
    "significance",
    "similar",
    "tf_idf",
    "top_k",
]

MEASURES = ("dot", "cosine", "pearson", "adjusted_cosine", "jaccard", "msd", "pearson_baseline")
"""Measures that `pairwise` and `similar` know by name."""

BLOCK_ELEMENTS = 250_000
"""Similarities held at once: 2 MB of float64 for each of the few tables that a block needs."""

WHOLE_ELEMENTS = 4_000_000
"""Tables up to this size are made in one block where cells are skipped: then one product serves both ways."""

TABLE_ELEMENTS = 16_000_000
"""Largest table of products that is made whole: 64 MB of float32 counts, 128 MB of float64 sums."""

ROUNDING = 1e-14
"""A difference smaller than this share of its terms is rounding, not a deviation."""


# two vectors


def dot(x, y):
    """Scalar product over the cells known in both vectors; 0 when there are none.

    Parameters
    ----------
    x, y : array_like of shape (n,)

    Returns
    -------
    float

    Examples
    --------
    >>> dot([5, 3, np.nan], [4, 1, 5])
    23.0
    """
    x, y = _known_in_both(x, y)
    return float(x @ y)


def cosine(x, y, undefined=np.nan):
    """Cosine of the angle between two vectors, from -1 to 1.

    Parameters
    ----------
    x, y : array_like of shape (n,)
    undefined : float
        The answer when one vector has no direction: only zeros, or no cell known in both.

    Returns
    -------
    float

    Examples
    --------
    >>> round(cosine([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]), 6)
    0.994937
    """
    x, y = _known_in_both(x, y)
    if not x.any() or not y.any():
        return undefined
    x, y = x / np.abs(x).max(), y / np.abs(y).max()  # the length does not matter, and cannot overflow
    ratio = x @ y / (np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.clip(ratio, -1, 1))


def pearson(x, y, means=None, undefined=np.nan):
    """Pearson's correlation: the cosine of the deviations from the mean.

    Parameters
    ----------
    x, y : array_like of shape (n,)
    means : pair of floats, optional
        What to subtract from x and from y; by default the mean of each over the cells known in both.
        Resnick et al. (1994) take each user's mean over these cells, others over all that the user rated.
    undefined : float
        The answer when one vector does not vary over the cells known in both.

    Returns
    -------
    float

    Examples
    --------
    >>> round(pearson([3, 2, 1, 5], [4, 3, 2, 4]), 6)
    0.8664
    """
    x, y = _known_in_both(x, y)
    if len(x) == 0:
        return undefined
    x_mean, y_mean = (x.mean(), y.mean()) if means is None else means
    return cosine(_deviations(x, x_mean), _deviations(y, y_mean), undefined)


def adjusted_cosine(x, y, means, undefined=np.nan):
    """Cosine of two items' ratings after subtracting from each rating the mean of the user who gave it.

    Parameters
    ----------
    x, y : array_like of shape (n_users,)
        Ratings of two items by the same users.
    means : array_like of shape (n_users,)
        Mean rating of each user, over everything that the user rated.
    undefined : float
        The answer when an item has no deviation, or no user rated both.

    Returns
    -------
    float

    Notes
    -----
    Sarwar, Karypis, Konstan & Riedl (2001), section 3.1.3.

    Examples
    --------
    >>> round(adjusted_cosine([5, 4, 1], [4, 5, 2], means=[4, 3, 3]), 6)
    0.730297
    """
    return cosine(_deviations(x, means), _deviations(y, means), undefined)


def jaccard(a, b, undefined=np.nan):
    """Size of what two sets share, over the size of what they hold together.

    Parameters
    ----------
    a, b : iterables of labels
    undefined : float
        The answer when both sets are empty.

    Returns
    -------
    float

    Notes
    -----
    Jaccard (1912).

    Examples
    --------
    >>> jaccard({"tea", "pot", "cup"}, {"tea", "cup", "lamp"})
    0.5
    """
    a, b = _as_set(a), _as_set(b)
    return len(a & b) / len(a | b) if a | b else undefined


def msd(x, y, undefined=np.nan):
    """Likeness from the mean squared difference (MSD): 1 / (1 + MSD), from 0 to 1.

    Parameters
    ----------
    x, y : array_like of shape (n,)
    undefined : float
        The answer when no cell is known in both.

    Returns
    -------
    float

    Notes
    -----
    Shardanand & Maes (1995) compare users by the mean squared difference; the form 1 / (1 + MSD) is that of
    the library Surprise (Hug 2020).

    Examples
    --------
    >>> msd([5, 3, 4], [4, 3, np.nan])
    0.6666666666666666
    """
    x, y = _known_in_both(x, y)
    return float(1 / (1 + np.mean((x - y) ** 2))) if len(x) else undefined


def pearson_baseline(x, y, x_baseline, y_baseline, shrinkage=100.0, undefined=np.nan):
    """Correlation of what a baseline leaves unexplained, shrunk where few cells are known in both.

    Parameters
    ----------
    x, y : array_like of shape (n,)
    x_baseline, y_baseline : array_like of shape (n,)
        The rating that the biases of user and item predict for each cell.
    shrinkage : float
        The result is multiplied by (m - 1) / (m - 1 + shrinkage), m being the cells known in both.
    undefined : float
        The answer when fewer than two cells are known in both, or one vector equals its baseline.

    Returns
    -------
    float

    Notes
    -----
    Koren (2010), section 2.2; with m - 1 as in the library Surprise (Hug 2020).

    Examples
    --------
    >>> round(pearson_baseline([5, 2, 4], [4, 1, 4], [4, 3, 3], [3, 2, 3], shrinkage=2), 6)
    0.5
    """
    x, y = _known_in_both(_deviations(x, x_baseline), _deviations(y, y_baseline))
    if len(x) < 2:
        return undefined
    return shrink(cosine(x, y, undefined), len(x) - 1, shrinkage)


def shrink(similarity, overlap, beta):
    """Pull a similarity towards 0 where it rests on few common cells: times n / (n + beta).

    Parameters
    ----------
    similarity, overlap : float or ndarray
        The similarity, and the number n of cells that it rests on.
    beta : float
        The number of common cells at which half of the similarity is left; 0 leaves it as it is.

    Returns
    -------
    float or ndarray

    Notes
    -----
    Bell & Koren (2007).

    Examples
    --------
    >>> shrink(1.0, overlap=2, beta=8)
    0.2
    """
    return similarity * (overlap / (overlap + beta)) if beta else similarity


def significance(similarity, overlap, full=50):
    """Lower a similarity where fewer than `full` common cells support it: times min(n, full) / full.

    Parameters
    ----------
    similarity, overlap : float or ndarray
        The similarity, and the number n of cells that it rests on.
    full : int
        From this number on the similarity counts in full.

    Returns
    -------
    float or ndarray

    Notes
    -----
    Herlocker, Konstan, Borchers & Riedl (1999).

    Examples
    --------
    >>> significance(0.75, overlap=5, full=20)
    0.1875
    """
    share = np.minimum(overlap, full) / full
    return similarity * (share if np.ndim(share) else float(share))


def _known_in_both(x, y):
    x, y = _as_vector(x), _as_vector(y)
    if len(x) != len(y):
        raise InputError(f"the vectors have {len(x)} and {len(y)} elements: give two of the same length.")
    known = ~(np.isnan(x) | np.isnan(y))
    return x[known], y[known]


def _deviations(x, mean):
    x, mean = _as_vector(x), np.asarray(mean, dtype=np.float64)
    if mean.ndim and len(mean) != len(x):
        raise InputError(f"{len(x)} values but {len(mean)} means: give one mean for each value.")
    difference = x - mean
    # the mean of equal numbers may miss them by the last digit: that is no deviation
    difference[np.abs(difference) <= ROUNDING * np.abs(x)] = 0
    return difference


def _as_vector(x):
    try:
        vector = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("a vector must hold numbers, or NaN where a value is missing.") from None
    if vector.ndim != 1:
        raise InputError(f"a vector has one dimension, this has {vector.ndim}: give one row or one column.")
    if np.isinf(vector).any():
        raise InputError(
            f"element {np.flatnonzero(np.isinf(vector))[0]} of the vector is infinite: remove it."
        )
    return vector


def _as_set(labels):
    if isinstance(labels, str):
        raise InputError(f"{labels!r} is a text, not a set: split it into words or put it in a list.")
    return set(labels)


# weights for the cells of a matrix


def tf_idf(matrix):
    """Weigh the cells by how rare their column is: value × log(n_rows / rows that have the column).

    Rows are what is compared (documents, products), columns are what they are made of (words, buyers).  A
    column that every row has says nothing and gets 0.

    Parameters
    ----------
    matrix : sparse matrix or array_like of shape (n_rows, n_columns)
        Counts or weights, not negative.

    Returns
    -------
    scipy.sparse.csr_array
        Of the same shape.

    Notes
    -----
    Spärck Jones (1972; unverified).  Definitions differ: scikit-learn adds 1 to the logarithm and smooths the
    counts, the library implicit takes the square root of the value and log(n_rows / (1 + rows)).

    Examples
    --------
    >>> tf_idf([[2, 1], [0, 1]]).toarray().round(6).tolist()
    [[1.386294, 0.0], [0.0, 0.0]]
    """
    matrix = _as_weights(matrix)
    rows_with = np.bincount(matrix.indices, minlength=matrix.shape[1])
    idf = np.log(matrix.shape[0] / np.maximum(rows_with, 1))
    matrix.data *= idf[matrix.indices]
    return matrix


def bm25(matrix, k1=1.2, b=0.75):
    """Weigh the cells as BM25 does: rare columns count more, repetition and long rows less.

    Parameters
    ----------
    matrix : sparse matrix or array_like of shape (n_rows, n_columns)
        Counts or weights, not negative; rows are what is compared.
    k1 : float
        How slowly repetition saturates, at least 0; 0 looks only at whether the column is there.
    b : float
        How much the length of the row matters, from 0 to 1.

    Returns
    -------
    scipy.sparse.csr_array
        Of the same shape.

    Notes
    -----
    Robertson & Zaragoza (2009), with the logarithm of Lucene, log(1 + (N - n + 0.5) / (n + 0.5)), which is
    never negative; N is the number of rows and n the number of rows that have the column.

    Examples
    --------
    >>> bm25([[2, 1], [0, 1]]).toarray().round(6).tolist()
    [[0.835575, 0.151361], [0.0, 0.229204]]
    """
    if not k1 >= 0 or not 0 <= b <= 1:
        raise InputError(f"BM25 needs k1 of at least 0 and b from 0 to 1, not k1={k1!r} and b={b!r}.")
    matrix = _as_weights(matrix)
    n_rows = matrix.shape[0]
    rows_with = np.bincount(matrix.indices, minlength=matrix.shape[1])
    idf = np.log1p((n_rows - rows_with + 0.5) / (rows_with + 0.5))
    length = matrix.sum(axis=1)
    norm = k1 * (1 - b + b * length / (length.mean() or 1.0))
    weight = matrix.data
    norm = np.repeat(norm, np.diff(matrix.indptr))
    matrix.data = weight * (k1 + 1) / (weight + norm) * idf[matrix.indices]
    return matrix


def _as_weights(matrix):
    matrix = _as_cells(matrix).copy()
    matrix.eliminate_zeros()
    if (matrix.data < 0).any():
        raise InputError("weights cannot be negative: give counts, or 1 for what is there.")
    return matrix


# all rows of a matrix


def pairwise(
    matrix,
    measure="cosine",
    *,
    missing="skip",
    shrinkage=0.0,
    full_support=None,
    min_support=1,
    biases=None,
):
    """Similarity of every row with every row, as a full table.

    Parameters
    ----------
    matrix, measure, missing, shrinkage, full_support, min_support, biases
        As in `similar`.

    Returns
    -------
    ndarray or pandas.DataFrame of shape (n_rows, n_rows)
        A DataFrame, with the labels of the rows, when `matrix` is one.  Undefined similarities are 0.

    Notes
    -----
    The table has n_rows² cells of 8 bytes, and a few more such tables are needed to make it: use `similar`
    when there are more than a few thousand rows.

    Examples
    --------
    >>> ratings = pd.DataFrame(
    ...     {"tea": [5, 4, 1], "pot": [4, 5, 2], "cup": [1, 1, 5], "jar": [2, np.nan, 3]},
    ...     index=["ann", "bob", "eve"],
    ... )
    >>> pairwise(ratings, "pearson").round(3)
           ann    bob    eve
    ann  1.000  0.885 -0.962
    bob  0.885  1.000 -0.885
    eve -0.962 -0.885  1.000
    """
    rows = RowComparison(matrix, measure, missing, shrinkage, full_support, min_support, biases)
    table = rows.similarities(slice(None))
    if isinstance(matrix, pd.DataFrame):
        return pd.DataFrame(table, index=matrix.index, columns=matrix.index)
    return table


def similar(
    matrix,
    measure="cosine",
    k=50,
    *,
    missing="zero",
    shrinkage=0.0,
    full_support=None,
    min_support=1,
    biases=None,
):
    """The k nearest rows of every row.

    Parameters
    ----------
    matrix : sparse matrix, array_like or pandas.DataFrame of shape (n_rows, n_columns)
        To compare columns, give the transpose.
    measure : {"dot", "cosine", "pearson", "adjusted_cosine", "jaccard", "msd", "pearson_baseline"}
        Adjusted cosine subtracts the mean of each column, which is the user's mean when the rows are items.
    k : int
        How many neighbours to keep.
    missing : {"zero", "skip"}
        What a missing cell means: NaN in a dense matrix, a cell that is not stored in a sparse one.  "zero":
        it counts as 0, as for purchases.  "skip": only cells known in both rows are compared, as for ratings.
        (`msd` and `pearson_baseline` always skip.)
    shrinkage : float
        Multiply by n / (n + shrinkage), n being the cells known in both rows; see `shrink`.  (n - 1 for
        "pearson_baseline".)
    full_support : int, optional
        Multiply by min(n, full_support) / full_support; see `significance`.
    min_support : int
        With fewer cells known in both rows the similarity is 0.
    biases : tuple (mean, row_biases, column_biases), optional
        Baseline for "pearson_baseline": mean + row_biases[i] + column_biases[j] for cell (i, j).

    Returns
    -------
    scipy.sparse.csr_array of shape (n_rows, n_rows)
        Row i holds the similarities of the neighbours of row i: at most k, all above 0, never i itself.  Of
        equal similarities at the k-th place, those with the smaller position are kept.

    Raises
    ------
    InputError
        If the matrix has no rows, or holds text or infinite values, or an argument is out of range.

    Notes
    -----
    Beside the input and the result, which has at most n_rows × k cells, the memory needed is that of one
    block of about `BLOCK_ELEMENTS` similarities (but at least one row of them), and of a table of products
    where that has at most `TABLE_ELEMENTS` cells, since half of it then suffices: for many rows it does not
    grow with n_rows².

    Examples
    --------
    >>> baskets = sparse.csr_array([[1, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> similar(baskets, "jaccard", k=1).toarray().round(3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.333, 0.0, 0.0]]
    """
    if not isinstance(k, numbers.Integral) or isinstance(k, bool) or k < 1:
        raise InputError(f"k must be a whole number of at least 1, not {k!r}.")
    rows = RowComparison(matrix, measure, missing, shrinkage, full_support, min_support, biases)
    blocks = [rows.nearest(start, stop, k) for start, stop in rows.blocks()]
    return sparse.vstack(blocks, format="csr")


class RowComparison:
    """The rows of a matrix, made ready for one measure; then similarities of any block of rows with all.

    Everything is a product of two of three sparse matrices of the same pattern: the values, their squares,
    and ones for the cells that are known.
    """

    def __init__(
        self,
        matrix,
        measure="cosine",
        missing="skip",
        shrinkage=0.0,
        full_support=None,
        min_support=1,
        biases=None,
    ):
        if measure not in MEASURES:
            raise InputError(f"measure {measure!r} is unknown: choose one of {', '.join(MEASURES)}.")
        if missing not in ("zero", "skip"):
            raise InputError(f'missing must be "zero" or "skip", not {missing!r}.')
        if not shrinkage >= 0:
            raise InputError(f"shrinkage must be at least 0, not {shrinkage!r}.")
        if full_support is not None and not full_support >= 1:
            raise InputError(f"full_support must be at least 1, not {full_support!r}.")
        if not min_support >= 0:
            raise InputError(f"min_support must be at least 0, not {min_support!r}.")
        self.measure, self.shrinkage, self.full_support = measure, shrinkage, full_support
        self.min_support = min_support
        self.skip = missing == "skip" or measure in ("msd", "pearson_baseline")
        self.values = _as_cells(matrix)
        if missing == "zero" or measure == "jaccard":
            self.values = self.values.copy()
            self.values.eliminate_zeros()
        self._centre(biases)
        n_rows, n_columns = self.values.shape
        self.squared_norms = _row_sums(self.values, self.values.data**2)
        self.needs_overlap = bool(
            self.shrinkage
            or self.full_support
            or self.min_support > 1
            or measure in ("jaccard", "msd", "pearson_baseline")
            or (measure == "pearson" and self.skip)
        )
        # bounds of the work: rows met by each row in its columns, and so neighbours with anything in common
        in_column = np.bincount(self.values.indices, minlength=n_columns)
        met = _row_sums(self.values, in_column[self.values.indices])
        in_common = np.minimum(met, n_rows)
        # where few rows have anything in common, the product and the choice of neighbours stay sparse
        self.stays_sparse = (
            (measure in ("dot", "jaccard") or (measure == "cosine" and not self.skip))
            and bool((self.values.data >= 0).all())
            and in_common.mean() < n_rows / 4
        )
        # where many have, dense factors are multiplied faster, if they fit; less so where half of one product
        # is all that is needed
        gain = 200 if self.needs_overlap or self.skip else 40
        self.dense = (
            not self.stays_sparse
            and n_rows * n_columns <= TABLE_ELEMENTS // 2
            and n_rows**2 * n_columns < gain * met.sum()
        )
        self.block_cost = in_common if self.stays_sparse else np.full(n_rows, n_rows)
        self.binary = bool((self.values.data == 1).all())
        self.symmetric = not self.dense and n_rows**2 <= TABLE_ELEMENTS
        self._factors, self._tables = {}, {}

    def _centre(self, biases):
        cells = self.values
        n_rows, n_columns = cells.shape
        counts = np.diff(cells.indptr)
        rows = np.repeat(np.arange(n_rows), counts)
        if self.measure == "pearson_baseline":
            if biases is None:
                raise InputError("pearson_baseline needs biases=(mean, row_biases, column_biases).")
            mean, row_biases, column_biases = biases
            baseline = mean + np.asarray(row_biases)[rows] + np.asarray(column_biases)[cells.indices]
        elif self.measure == "adjusted_cosine":
            sums = np.bincount(cells.indices, weights=cells.data, minlength=n_columns)
            known = np.bincount(cells.indices, minlength=n_columns)
            baseline = (sums / np.maximum(known, 1))[cells.indices]
        elif self.measure == "pearson" and (self.skip or cells.nnz == n_rows * n_columns):
            # a shift of a row changes no correlation, but it keeps the sums below accurate
            baseline = (_row_sums(cells, cells.data) / np.maximum(counts, 1))[rows]
        else:
            return
        data = _deviations(cells.data, baseline)
        self.values = sparse.csr_array((data, cells.indices, cells.indptr), shape=cells.shape)

    def blocks(self):
        """Bounds of consecutive blocks of rows whose similarities fit into `BLOCK_ELEMENTS`."""
        n_rows = self.values.shape[0]
        if self.skip and n_rows**2 <= WHOLE_ELEMENTS:
            yield 0, n_rows
            return
        total = np.cumsum(self.block_cost)
        start = 0
        while start < n_rows:
            before = total[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(total, before + BLOCK_ELEMENTS, side="right")))
            yield start, stop
            start = stop

    def similarities(self, rows):
        """Similarities of some rows (a slice or positions) with all rows, as a dense array."""
        measure = self.measure
        overlap = self._sums("known", "known", rows) if self.needs_overlap else None
        if measure == "jaccard":
            result = overlap.copy()
            sizes = np.diff(self.values.indptr)
            _divide(result, sizes[rows][:, None] + sizes - overlap)
        elif measure == "msd":
            result = self._sums("values", "values", rows)
            result *= -2
            for squares in self._squares(rows):
                result += squares
            np.maximum(result, 0, out=result)
            _divide(result, overlap)
            result += 1
            np.divide(overlap > 0, result, out=result)
        else:
            result = self._sums("values", "values", rows)
            if measure == "pearson" and self.skip:
                result = self._correlation(rows, result, overlap)
            elif measure == "pearson":
                result = self._correlation_of_full_rows(rows, result)
            elif measure != "dot" and self.skip:
                mine, theirs = self._squares(rows)
                _divide(result, np.sqrt(mine * theirs))
            elif measure != "dot":
                scale = self.squared_norms[rows][:, None] * self.squared_norms
                _divide(result, np.sqrt(scale, out=scale))
        if measure not in ("dot", "msd", "jaccard"):
            np.clip(result, -1, 1, out=result)
        return self._supported(result, overlap)

    def nearest(self, start, stop, k):
        """The k nearest rows of the rows from start to stop, as a sparse block."""
        if self.stays_sparse:
            return self._nearest_sparse(start, stop, k)
        whole = stop - start == self.values.shape[0]
        result = self.similarities(slice(None) if whole else slice(start, stop))
        result[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        columns = _columns_of_largest(result, min(k, result.shape[1]))
        values = np.take_along_axis(result, columns, axis=1)
        keep = values > 0
        bounds = np.concatenate(([0], np.cumsum(np.count_nonzero(keep, axis=1))))
        return sparse.csr_array((values[keep], columns[keep], bounds), shape=result.shape)

    def _nearest_sparse(self, start, stop, k):
        block = self._product("known" if self.measure == "jaccard" else "values", start, stop)
        row = np.repeat(np.arange(start, stop, dtype=block.indices.dtype), np.diff(block.indptr))
        column = block.indices
        overlap = None
        if self.needs_overlap:
            same = self.binary or self.measure == "jaccard"
            overlap = block.data.copy() if same else self._product("known", start, stop).data
        if self.measure == "jaccard":
            sizes = np.diff(self.values.indptr)
            block.data /= sizes[row] + sizes[column] - block.data
        elif self.measure == "cosine":
            _divide(block.data, np.sqrt(self.squared_norms[row] * self.squared_norms[column]))
            np.minimum(block.data, 1, out=block.data)
        block.data = self._supported(block.data, overlap)
        block.data[row == column] = 0
        return _largest_of_rows(block, k)

    def _product(self, name, start, stop):
        product = self._factor(name)[start:stop] @ self._other(name)
        product.data = product.data.astype(np.float64, copy=False)
        return product

    def _supported(self, result, overlap):
        less = 1 if self.measure == "pearson_baseline" else 0
        if self.shrinkage:
            denominator = np.maximum(overlap - less, 0)
            factor = denominator / (denominator + self.shrinkage)
            result *= factor
        if self.full_support:
            result = significance(result, overlap, self.full_support)
        least = max(self.min_support, 2 * less)
        if least > 1:
            result[overlap < least] = 0
        return result

    def _correlation(self, rows, products, overlap):
        if isinstance(rows, slice) and rows == slice(None):
            mine = self._sums("values", "known", rows)
            theirs = mine.T
        else:
            mine = self._sums("values", "known", rows)
            theirs = self._sums("known", "values", rows)
        products *= overlap
        products -= mine * theirs
        scale = None
        for sums, squares in zip((mine, theirs), self._squares(rows)):
            second = overlap * squares
            variance = second - sums**2
            variance[variance <= 1e-12 * second] = 0  # a constant, but for rounding
            scale = np.sqrt(variance) if scale is None else scale * np.sqrt(variance)
        return _divide(products, scale)

    def _correlation_of_full_rows(self, rows, products):
        n_columns = self.values.shape[1]
        means = _row_sums(self.values, self.values.data) / n_columns
        second = self.squared_norms / n_columns
        variance = second - means**2
        variance[variance <= 1e-12 * second] = 0
        deviations = np.sqrt(variance)
        products /= n_columns
        products -= means[rows][:, None] * means
        return _divide(products, deviations[rows][:, None] * deviations)

    def _squares(self, rows):
        mine = self._sums("squares", "known", rows)
        if isinstance(rows, slice) and rows == slice(None):
            return mine, mine.T
        return mine, self._sums("known", "squares", rows)

    def _sums(self, left, right, rows):
        if left == right and self.symmetric:
            return self._symmetric(left)[rows].astype(np.float64)
        product = self._factor(left)[rows] @ self._other(right)
        product = product if isinstance(product, np.ndarray) else product.toarray()
        return product.astype(np.float64, copy=False)

    def _symmetric(self, name):
        # half of the products suffice, where the whole table fits
        name = "known" if self.binary else name
        if name not in self._tables:
            n_rows = self.values.shape[0]
            result = np.zeros((n_rows, n_rows), dtype=self._factor(name).dtype)
            step = max(64, n_rows // 8)
            for start in range(0, n_rows, step):
                part = slice(start, start + step)
                result[part, start:] = (self._factor(name)[part] @ self._other(name)[:, start:]).toarray()
                result[start:, part] = result[part, start:].T
            self._tables[name] = result
        return self._tables[name]

    def _factor(self, name):
        if self.binary:
            name = "known"
        if name not in self._factors:
            power = {"known": 0, "values": 1, "squares": 2}[name]
            data = self.values.data**power
            if name == "known" and self.values.shape[1] < 2**24:
                data = data.astype(np.float32)  # counts up to 2²⁴ are exact, and summed faster
            factor = sparse.csr_array(
                (data, self.values.indices, self.values.indptr), shape=self.values.shape
            )
            self._factors[name] = factor.toarray() if self.dense else factor
        return self._factors[name]

    def _other(self, name):
        if self.binary:
            name = "known"
        if self.dense:
            return self._factor(name).T
        if (name, "T") not in self._factors:
            self._factors[name, "T"] = self._factor(name).T.tocsr()
        return self._factors[name, "T"]


def _divide(numerator, denominator):
    """numerator / denominator in place, 0 where the denominator is 0."""
    usable = denominator > 0
    if usable.all():
        numerator /= denominator
    else:
        np.divide(numerator, denominator, out=numerator, where=usable)
        numerator[~usable] = 0
    return numerator


def _row_sums(matrix, data):
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return np.bincount(rows, weights=data, minlength=matrix.shape[0])


def _as_cells(matrix):
    """The known cells of a matrix as csr: what is stored in a sparse one, what is not NaN in a dense one."""
    if sparse.issparse(matrix):
        cells = sparse.csr_array(matrix, dtype=np.float64)
        if not cells.has_canonical_format:
            cells = cells.copy()
            cells.sum_duplicates()
    else:
        try:
            dense = np.asarray(matrix, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError("the matrix must hold numbers, or NaN where a value is missing.") from None
        if dense.ndim != 2:
            raise InputError(f"a matrix has two dimensions, this has {dense.ndim}.")
        rows, columns = np.nonzero(~np.isnan(dense))
        cells = sparse.csr_array((dense[rows, columns], (rows, columns)), shape=dense.shape)
    if not all(cells.shape):
        raise InputError(
            f"the matrix has {cells.shape[0]} rows and {cells.shape[1]} columns: nothing to compare."
        )
    if not np.isfinite(cells.data).all():
        row = np.searchsorted(cells.indptr, np.flatnonzero(~np.isfinite(cells.data))[0], side="right") - 1
        raise InputError(f"row {row} of the matrix holds a value that is not finite: remove it.")
    return cells


# the largest of many


def top_k(scores, k):
    """Positions and values of the k largest scores of each row, best first.

    Ties are broken by position, the smaller first, so that the answer is the same on every machine.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
        ``-inf`` marks a column that must not be chosen.
    k : int
        How many columns to choose; at most ``n_columns`` are given.

    Returns
    -------
    positions : ndarray of int, shape (n_rows, min(k, n_columns))
        ``-1`` where a row has fewer than k columns to choose from.
    values : ndarray of float, same shape
        ``-inf`` where the position is ``-1``.

    Examples
    --------
    >>> positions, values = top_k(np.array([[0.2, 0.9, 0.9, 0.1]]), k=2)
    >>> positions.tolist(), values.tolist()
    ([[1, 2]], [[0.9, 0.9]])
    """
    scores = np.asarray(scores)
    chosen = _columns_of_largest(scores, min(k, scores.shape[1]))
    values = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    positions = np.take_along_axis(chosen, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    return np.where(np.isneginf(values), -1, positions), values


def _columns_of_largest(scores, k):
    """The columns of the k largest values of each row, in the order of the columns; of equals the first."""
    n_rows, n_columns = scores.shape
    if k == n_columns:
        return np.broadcast_to(np.arange(n_columns), (n_rows, n_columns))
    # the smallest of the opposites: numpy's partition is slow where many values are tied at the low end
    opposite = -scores
    opposite.partition(k - 1, axis=1)
    threshold = -opposite[:, k - 1, None]
    keep = scores >= threshold
    surplus = np.flatnonzero(np.count_nonzero(keep, axis=1) > k)
    if len(surplus):
        # of the columns tied at the threshold keep the first ones
        above = scores[surplus] > threshold[surplus]
        tied = keep[surplus] & ~above
        places = k - np.count_nonzero(above, axis=1)
        keep[surplus] = above | (tied & (np.cumsum(tied, axis=1) <= places[:, None]))
    return np.nonzero(keep)[1].reshape(n_rows, k)


def padded_groups(lengths, elements=BLOCK_ELEMENTS):
    """Groups of segments of like length, so that each group fits a rectangle with little padding.

    Parameters
    ----------
    lengths : ndarray of int
        Length of each segment.
    elements : int
        Largest size of a rectangle, unless one segment alone is longer.

    Yields
    ------
    ndarray of int
        Positions of the segments of one group; empty segments are in none.
    """
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order]
    start = int(np.searchsorted(ordered, 0, side="right"))
    while start < len(order):
        stop = int(np.searchsorted(ordered, ordered[start] * 1.25 + 8, side="right"))
        stop = min(stop, start + max(1, elements // int(ordered[stop - 1])))
        yield order[start:stop]
        start = stop


def _largest_of_rows(block, k):
    """Keep the k largest values above 0 of each row of a csr array."""
    keep = block.data > 0
    lengths = np.diff(block.indptr)
    long = np.flatnonzero(lengths > k)
    for group in padded_groups(lengths[long]):
        rows = long[group]
        width = int(lengths[rows].max())
        cells = block.indptr[rows][:, None] + np.arange(width)
        inside = np.arange(width) < lengths[rows][:, None]
        cells = np.where(inside, cells, 0)
        values = np.where(inside, block.data[cells], -np.inf)
        opposite = -values
        opposite.partition(k - 1, axis=1)
        threshold = -opposite[:, k - 1, None]
        chosen = values >= threshold
        surplus = np.flatnonzero((np.count_nonzero(chosen, axis=1) > k) & (threshold[:, 0] > 0))
        if len(surplus):
            # of the neighbours tied at the k-th place keep those with the smaller position
            above = values[surplus] > threshold[surplus]
            tied = chosen[surplus] & ~above
            places = k - np.count_nonzero(above, axis=1)
            column = np.where(tied, block.indices[cells[surplus]], block.shape[1])
            rank = np.argsort(np.argsort(column, axis=1), axis=1)
            chosen[surplus] = above | (tied & (rank < places[:, None]))
        keep[cells[inside]] &= chosen[inside]
    kept = np.concatenate(([0], np.cumsum(keep)))
    result = sparse.csr_array((block.data[keep], block.indices[keep], kept[block.indptr]), shape=block.shape)
    result.sort_indices()
    return result
