"""EASE: one linear model that writes every item as a weighted sum of the others, in closed form."""

import numbers

import numpy as np
from scipy import linalg

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders.base import Recommender

__all__ = ["EASE", "gram_matrix"]

DENSE_ELEMENTS = 8_000_000
"""Cells of the matrix made dense at once while the Gram matrix is summed: 32 MB of float32."""

DENSE_ADVANTAGE = 300
"""A multiplication in a dense product costs about this much less than one in a sparse product."""

MIRROR = 256
"""Side of the squares in which one triangle is copied onto the other."""


class EASE(Recommender):
    """Embarrassingly shallow autoencoder: the items that a user has predict the items that they will have.

    The score of item j for user u is the sum over the user's items i of ``x_ui · B_ij``.  B solves

        minimise  ‖X − X B‖² + Σ_i λ_i ‖B_i·‖²   subject to   B_jj = 0,

    where the constraint keeps an item from predicting itself.  With ``P = (XᵀX + diag(λ))⁻¹`` the answer is
    ``B_ij = −P_ij / P_jj`` off the diagonal: no iteration, no random start.

    Parameters
    ----------
    regularisation : float
        λ > 0, in units of interactions; a few hundreds are usual.  Choose it on held-out data.
    popularity_scaling : float
        s ≥ 0 in ``λ_i = λ · ((1 + g_i) / (1 + mean g))ˢ``, where g_i is the sum of squares of item i (the
        number of users who have it).  0 gives every item the same penalty.
    side : {"item", "user"}
        "user" swaps the roles: every user is written as a weighted sum of the other users, and the scores of
        user u are those weights times what the others have.  It suits data with fewer users than items.
    dtype : {"float32", "float64"}
        Precision of the weights; float32 takes half the memory and half the time.

    Attributes
    ----------
    weights_ : ndarray of shape (n_items, n_items), or (n_users, n_users) for ``side="user"``
        B.  Row i: how much having item i speaks for each other item; weights may be negative.

    Raises
    ------
    InputError
        In ``fit``, if a parameter is out of range, or if λ is so small that the matrix to be inverted is not
        positive definite in the chosen precision.

    Notes
    -----
    Steck (2019), "Embarrassingly Shallow Autoencoders for Sparse Data", WWW.  A penalty that grows with an
    item's popularity is in Steck (2020), "Autoencoders that don't overfit towards the identity", NeurIPS
    (unverified), as
    λ + c·g_i; the power law here is a variant that bends with one parameter.

    The values of the interactions are used as they are: call ``interactions.as_implicit()`` to let every
    rating count as 1.

    Memory: ``4 n_items²`` bytes in float32 (8 in float64) and blocks of constant size, whatever the number of
    users; 10,000 items take 400 MB.  Time: the Gram matrix, and ``n_items³`` multiplications for its inverse.
    With ``side="user"`` read users for items.
    Results agree to about 1e-6, not to the last digit, between machines and numbers of threads.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve", "dan"],
    ...      "item": ["tea", "pot", "tea", "pot", "tea", "cup"]}
    ... )
    >>> model = EASE(regularisation=1.0, dtype="float64").fit(Interactions.from_frame(frame, rating=None))
    >>> model.recommend("eve", n=1).round(4)
      user item  rank  score
    0  eve  pot     1    0.5
    """

    def __init__(self, regularisation=300.0, popularity_scaling=0.0, side="item", dtype="float32"):
        self.regularisation = regularisation
        self.popularity_scaling = popularity_scaling
        self.side = side
        self.dtype = dtype

    def _fit(self, interactions):
        if not (isinstance(self.regularisation, numbers.Real) and 0 < self.regularisation < np.inf):
            raise InputError(f"regularisation must be a number above 0, not {self.regularisation!r}.")
        if not (isinstance(self.popularity_scaling, numbers.Real) and 0 <= self.popularity_scaling < np.inf):
            raise InputError(f"popularity_scaling must be 0 or more, not {self.popularity_scaling!r}.")
        if self.side not in ("item", "user"):
            raise InputError(f'side must be "item" or "user", not {self.side!r}.')
        if self.dtype not in ("float32", "float64"):
            raise InputError(f'dtype must be "float32" or "float64", not {self.dtype!r}.')
        self._matrix = interactions.matrix.astype(self.dtype)
        gram = gram_matrix(self._matrix if self.side == "item" else self._matrix.T.tocsr())
        diagonal = np.einsum("ii->i", gram)
        popularity = 1 + diagonal.astype(np.float64)
        diagonal += self.regularisation * (popularity / popularity.mean()) ** self.popularity_scaling
        inverse = _inverse(gram, self.regularisation)
        weights = inverse.T  # symmetric; the transpose has rows side by side in memory, as scoring wants them
        weights /= -np.diag(weights)
        np.fill_diagonal(weights, 0)
        self.weights_ = weights

    def _score(self, positions):
        if self.side == "user":
            return (self._matrix.T @ self.weights_[:, positions]).T
        return self._matrix[positions] @ self.weights_


def gram_matrix(matrix) -> np.ndarray:
    """Inner products between all columns of a sparse matrix; only the lower triangle is filled.

    Sums over blocks of rows made dense (BLAS ``syrk``), or over blocks of columns kept sparse, whichever
    takes fewer steps.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array of shape (n_rows, n_columns), float32 or float64

    Returns
    -------
    ndarray of shape (n_columns, n_columns), in column order
        ``XᵀX`` in the lower triangle; what is above the diagonal has no meaning.

    Examples
    --------
    >>> from scipy import sparse
    >>> gram_matrix(sparse.csr_array([[1.0, 2.0], [0.0, 3.0]])).tolist()[1]
    [2.0, 13.0]
    """
    n_rows, n_columns = matrix.shape
    gram = np.zeros((n_columns, n_columns), dtype=matrix.dtype, order="F")
    sparse_steps = np.square(np.diff(matrix.indptr).astype(np.float64)).sum()
    if n_rows * float(n_columns) ** 2 < DENSE_ADVANTAGE * sparse_steps:
        (syrk,) = linalg.get_blas_funcs(("syrk",), (gram,))
        step = max(1, DENSE_ELEMENTS // n_columns)
        for start in range(0, n_rows, step):
            block = matrix[start : start + step].toarray().T  # columns side by side: no copy for Fortran
            gram = syrk(1.0, block, beta=1.0, c=gram, lower=1, overwrite_c=1)
        return gram
    columns = matrix.T.tocsr()
    step = max(1, min(DENSE_ELEMENTS // n_columns, -(-n_columns // 8)))
    for start in range(0, n_columns, step):
        stop = min(start + step, n_columns)
        gram[start:stop, :stop] = (columns[start:stop] @ matrix[:, :stop]).toarray()
    return gram


def _inverse(gram, regularisation):
    """Inverse of a symmetric positive definite matrix, given and overwritten by its lower triangle."""
    potrf, potri = linalg.get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = potrf(gram, lower=1, overwrite_a=1, clean=0)
    if not failed:
        inverse, failed = potri(factor, lower=1, overwrite_c=1)
    # a tiny pivot passes the factorisation but leaves an inverse of rounding errors
    if failed or not np.all(np.isfinite(np.diag(inverse))) or np.any(np.diag(inverse) <= 0):
        raise InputError(
            f"regularisation={regularisation!r} is too small for these data in {gram.dtype}: the matrix is "
            'not positive definite; choose a larger value or dtype="float64".'
        )
    for start in range(0, len(inverse), MIRROR):
        stop = min(start + MIRROR, len(inverse))
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
        square = inverse[start:stop, start:stop]
        square[:] = np.tril(square) + np.tril(square, -1).T
    return inverse
