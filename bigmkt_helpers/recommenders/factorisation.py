"""Matrix factorisation of ratings: truncated SVD for ranking, and alternating least squares for predicting.

Users and items become short vectors whose inner product says how well they fit.  For data that only say who
has what see `implicit_factorisation`.
"""

import numbers

import numpy as np
from scipy import sparse

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders.base import RatingPredictor, Recommender

__all__ = ["ExplicitALS", "PureSVD"]

BLOCK_ELEMENTS = 4_000_000
"""Numbers in the normal equations that are held at once: 32 MB."""

KRYLOV_BLOCKS, SPARE = 4, 8
"""Shape of the search space for singular vectors: blocks, and columns more than are wanted."""


class PureSVD(Recommender):
    """Truncated singular value decomposition of the interactions, a missing cell counting as 0.

    ``X ≈ U diag(s) Vᵀ`` with the largest singular values; the scores of user u are ``x_u V Vᵀ``, the user's
    own row seen through the strongest tastes of the whole crowd.  It is made for ranking: the scores are not
    ratings.

    Parameters
    ----------
    factors : int or None
        Number of singular values kept, at most the smaller of the numbers of users and of items.  None keeps
        32, or a sixteenth of that smaller number (at least 1) where this is less.

    Attributes
    ----------
    singular_values_ : ndarray of shape (factors,)
        Largest first.
    user_factors_ : ndarray of shape (n_users, factors)
        ``U diag(s)``, which is ``X V``.
    item_factors_ : ndarray of shape (n_items, factors)
        V.  The largest entry of each column is positive, so that the signs are the same everywhere.

    Raises
    ------
    InputError
        In ``fit``, if `factors` is not a whole number from 1 to min(n_users, n_items).

    Notes
    -----
    Cremonesi, Koren & Turrin (2010), "Performance of recommender algorithms on top-N recommendation tasks",
    RecSys.

    Memory: about ``40 · factors · (n_users + n_items)`` bytes while fitting; the matrix stays sparse unless a
    good part of all singular values is asked for.  Outputs agree to about 1e-6 between machines.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> ratings = pd.DataFrame(
    ...     [("ann", "tea", 5), ("ann", "pot", 4), ("bob", "tea", 4), ("bob", "pot", 5), ("eve", "tea", 5),
    ...      ("dan", "cup", 3)], columns=["user", "item", "rating"]
    ... )
    >>> model = PureSVD(factors=1).fit(Interactions.from_frame(ratings))
    >>> model.recommend("eve", n=1).round(3)
      user item  rank  score
    0  eve  pot     1  2.386
    """

    def __init__(self, factors=None):
        self.factors = factors

    def _fit(self, interactions):
        matrix = interactions.matrix.astype(np.float64)
        most = min(matrix.shape)
        factors = max(1, min(32, most // 16)) if self.factors is None else self.factors
        if not isinstance(factors, numbers.Integral) or not 1 <= factors <= most:
            raise InputError(
                f"factors must be a whole number from 1 to {most}, the smaller of the numbers of users and "
                f"of items, not {self.factors!r}."
            )
        if KRYLOV_BLOCKS * (factors + SPARE) >= most:
            _, values, rows = np.linalg.svd(matrix.toarray(), full_matrices=False)
            values, items = values[:factors], rows[:factors].T
        else:
            values, items = _largest_singular(matrix, factors)
        items = items * np.where(items[np.abs(items).argmax(axis=0), np.arange(factors)] < 0, -1, 1)
        self.singular_values_ = values
        self.item_factors_ = items
        self.user_factors_ = matrix @ items

    def _score(self, positions):
        return self.user_factors_[positions] @ self.item_factors_.T


def _largest_singular(matrix, k):
    """The k largest singular values of a sparse matrix and their right vectors.

    ARPACK is fast, but fails where the rank of the matrix is small.  Then each round looks for the best
    vectors in the space of V, AᵀA V, (AᵀA)² V …, where V are those of the round before (Musco & Musco 2015).
    """
    from scipy.sparse.linalg import ArpackError, svds

    try:
        start = np.random.default_rng(0).standard_normal(min(matrix.shape))
        _, values, rows = svds(matrix, k=k, v0=start, return_singular_vectors="vh")
        order = np.argsort(-values)
        return values[order], rows[order].T
    except ArpackError:
        pass
    by_column = matrix.T.tocsr()
    found = np.random.default_rng(0).standard_normal((matrix.shape[1], k + SPARE))
    for _ in range(200):
        space = [np.linalg.qr(found)[0]]
        for _ in range(KRYLOV_BLOCKS - 1):
            space.append(np.linalg.qr(by_column @ (matrix @ space[-1]))[0])
        space = np.linalg.qr(np.hstack(space))[0]
        _, values, rotation = np.linalg.svd(matrix @ space, full_matrices=False)
        found = space @ rotation[: k + SPARE].T
        wrong = by_column @ (matrix @ found[:, :k]) - found[:, :k] * values[:k] ** 2
        if np.abs(wrong).max() <= 1e-9 * values[0] ** 2:
            break
    return values[:k], found[:, :k]


class ExplicitALS(RatingPredictor):
    """Ratings as mean + biases + inner product, by alternating least squares that knows how sure it is.

        r_ui ≈ μ + b_u + c_i + x_u·y_i

    With the items fixed, ``(x_u, b_u)`` is a ridge regression of user u's ratings on ``(y_i, 1)``; then the
    sides swap.  With ``regularisation="learned"`` the factors are not numbers but normal distributions, and
    each regression allows for the uncertainty S_i of what it regresses on:

        precision of u = diag(1/σ²) + Σ_i (z_i z_iᵀ + S_i) / τ²,   z_i = (y_i, 1),  over the items rated.

    An item with few ratings has a large S_i, which works as a penalty of the right size.  The noise τ² and
    the spread σ² of each factor are set after each round to what fits the data best, so there is no penalty
    to tune, and factors that are not needed fade away.  With a number, S = 0, τ = 1 and the penalty of a user
    is ``regularisation`` times the number of the user's ratings: ordinary ALS.

    Parameters
    ----------
    factors : int
        Length of a vector.
    regularisation : "learned" or float
        A number must be above 0.
    iterations : int
        Each updates all users, then all items.
    random_state : int
        Seed of the first item factors.

    Attributes
    ----------
    global_mean_ : float
    user_biases_, item_biases_ : ndarray of shape (n_users,), (n_items,)
    user_factors_, item_factors_ : ndarray of shape (n_users, factors), (n_items, factors)
    noise_variance_ : float
        τ², in squared units of the rating; 1 if `regularisation` is a number.
    objective_ : ndarray of shape (iterations,)
        What is minimised, after each round; it never rises.  Learned: minus the variational lower bound of
        the log-likelihood, in nats for a rating.  Else: the sum of squared errors and penalties.

    Raises
    ------
    InputError
        In ``fit``, if the interactions are not ratings or a parameter is out of range.

    Notes
    -----
    Learned: Lim & Teh (2007), "Variational Bayesian approach to movie rating prediction", KDD Cup and
    Workshop (unverified), with biases.  A number: Zhou, Wilkinson, Schreiber & Pan (2008), "Large-scale
    parallel collaborative filtering for the Netflix prize" (unverified), with biases as in Koren, Bell &
    Volinsky (2009).

    Where a user or an item is unknown, its bias and factors are taken as 0.

    Memory: with f = factors + 1, ``4 f (f + 1)`` bytes for each user and each item (1.8 kB for 20 factors),
    and blocks of constant size.  Time of an iteration: proportional to ``ratings · f²`` and
    ``(n_users + n_items) · f³``.  The same seed gives the same ratings up to about 1e-6; the last digits
    depend on the machine and on the number of threads.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> ratings = pd.DataFrame(
    ...     [("ann", "tea", 5), ("ann", "pot", 4), ("ann", "cup", 2), ("bob", "tea", 4), ("bob", "pot", 5),
    ...      ("bob", "cup", 2), ("eve", "tea", 3), ("eve", "pot", 3)], columns=["user", "item", "rating"]
    ... )
    >>> model = ExplicitALS(factors=1).fit(Interactions.from_frame(ratings, scale=(1, 5)))
    >>> bool(model.predict(pd.DataFrame({"user": ["eve"], "item": ["cup"]}))[0] < 3)
    True
    """

    def __init__(self, factors=20, regularisation="learned", iterations=15, random_state=0):
        self.factors = factors
        self.regularisation = regularisation
        self.iterations = iterations
        self.random_state = random_state

    def _fit(self, interactions):
        for name, least in {"factors": 1, "iterations": 1, "random_state": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
                raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}.")
        learned = isinstance(self.regularisation, str) and self.regularisation == "learned"
        number = isinstance(self.regularisation, numbers.Real) and 0 < self.regularisation < np.inf
        if not learned and not number:
            raise InputError(
                f'regularisation must be "learned" or a number above 0, not {self.regularisation!r}.'
            )
        by_user = interactions.matrix.astype(np.float64)
        by_user.data -= self.global_mean_
        by_item = by_user.T.tocsr()
        rng = np.random.default_rng(self.random_state)
        spread = by_user.data.var() or 1.0
        users, items = (_Side(n, self.factors, spread) for n in by_user.shape)
        items.mean[:, :-1] = 0.1 * rng.standard_normal((interactions.n_items, self.factors))
        self.noise_variance_ = spread if learned else 1.0
        penalty = None if learned else self.regularisation
        objective = []
        for _ in range(self.iterations):
            users.regress(by_user, items, self.noise_variance_, penalty)
            error = items.regress(by_item, users, self.noise_variance_, penalty)
            if learned:
                self.noise_variance_ = max(error / by_user.nnz, 1e-9 * spread)
                log_noise = np.log(2 * np.pi * self.noise_variance_)
                fit = by_user.nnz * log_noise / 2 + error / self.noise_variance_ / 2
                objective.append((fit + users.learn_spread() + items.learn_spread()) / by_user.nnz)
            else:
                sizes = [(side.mean**2).sum(axis=1) @ np.diff(m.indptr) for side, m in
                         ((users, by_user), (items, by_item))]  # fmt: skip
                objective.append(error + penalty * sum(sizes))
        self.objective_ = np.array(objective)
        self.user_factors_, self.user_biases_ = users.mean[:, :-1].copy(), users.mean[:, -1].copy()
        self.item_factors_, self.item_biases_ = items.mean[:, :-1].copy(), items.mean[:, -1].copy()

    def _estimate(self, user_positions, item_positions):
        fit = np.einsum("ij,ij->i", self.user_factors_[user_positions], self.item_factors_[item_positions])
        return self._estimate_unknown(user_positions, item_positions) + fit

    def _estimate_unknown(self, user_positions, item_positions):
        user = np.where(user_positions >= 0, self.user_biases_[user_positions], 0)
        item = np.where(item_positions >= 0, self.item_biases_[item_positions], 0)
        return self.global_mean_ + user + item

    def _score(self, positions):
        fit = self.user_factors_[positions] @ self.item_factors_.T
        return self.global_mean_ + self.user_biases_[positions, None] + self.item_biases_ + fit


class _Side:
    """The users, or the items: means and covariances of (factors, bias), and the prior variance of each."""

    def __init__(self, n, factors, spread):
        f = factors + 1
        self.mean = np.zeros((n, f))
        self.upper = np.triu_indices(f)  # covariances are symmetric: only these entries are kept
        self.whole = np.zeros((f, f), dtype=np.intp)
        self.whole[self.upper] = self.whole[self.upper[::-1]] = np.arange(len(self.upper[0]))
        self.covariance = np.zeros((n, len(self.upper[0])))
        self.prior = np.full(f, 0.1 * spread)
        self.log_determinant = np.zeros(n)

    def regress(self, ratings, other, noise, penalty):
        """Regress each row of ratings on the other side; returns the expected sum of squared errors."""
        f = self.mean.shape[1]
        bias = other.mean[:, -1]
        design = other.mean.copy()
        design[:, -1] = 1
        second = other.covariance.copy()  # expected products of the design, less those of the means
        second[:, other.whole[-1]] = 0
        with_bias = other.covariance[:, other.whole[-1]]  # covariance of factors and bias, and its variance
        bias_variance = with_bias[:, -1].copy()
        with_bias[:, -1] = 0
        second += design[:, other.upper[0]] * design[:, other.upper[1]]
        known = sparse.csr_array((np.ones(ratings.nnz), ratings.indices, ratings.indptr), shape=ratings.shape)
        right = ratings @ design - known @ (design * bias[:, None] + with_bias)
        rest = ratings.copy()
        rest.data -= bias[ratings.indices]
        error = np.square(rest.data).sum() + (known @ bias_variance).sum()
        step = max(1, BLOCK_ELEMENTS // f**2)
        for start in range(0, len(self.mean), step):
            rows = slice(start, start + step)
            gram = (known[rows] @ second)[:, self.whole]
            if penalty is None:
                covariance = np.linalg.inv(gram / noise + np.diag(1 / self.prior))
                self.mean[rows] = np.einsum("ijk,ik->ij", covariance, right[rows]) / noise
                self.covariance[rows] = covariance[:, self.upper[0], self.upper[1]]
                self.log_determinant[rows] = np.linalg.slogdet(covariance)[1]
            else:
                counts = np.maximum(np.diff(ratings.indptr)[rows], 1)
                ridge = penalty * counts[:, None, None] * np.eye(f)
                self.mean[rows] = np.linalg.solve(gram + ridge, right[rows, :, None])[:, :, 0]
                covariance = np.zeros_like(gram)
            products = self.mean[rows, :, None] * self.mean[rows, None, :] + covariance
            error += np.einsum("ijk,ijk->", gram, products) - 2 * np.einsum(
                "ij,ij->", right[rows], self.mean[rows]
            )
        return float(error)

    def learn_spread(self):
        """Set the prior variances to what maximises the bound; returns the divergence from the prior."""
        f = self.mean.shape[1]
        squares = (self.mean**2 + self.covariance[:, np.diag(self.whole)]).sum(axis=0)
        self.prior = np.maximum(squares / len(self.mean), 1e-9 * squares.max() / len(self.mean) + 1e-300)
        deviations = (squares / self.prior).sum() + len(self.mean) * (np.log(self.prior).sum() - f)
        return (deviations - self.log_determinant.sum()) / 2
