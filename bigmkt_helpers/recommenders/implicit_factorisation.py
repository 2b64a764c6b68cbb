"""Matrix factorisation where all that is known is who has what: implicit ALS and BPR.

Users and items become short vectors; the score of an item for a user is their inner product.  The two models
differ in what a missing cell means: to `ImplicitALS` a weak "no", to `BPR` something that ranks below what
the user has.
"""

import numbers

import numpy as np
from scipy import sparse

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders.base import Recommender
from bigmkt_helpers.similarity import padded_groups

__all__ = ["BPR", "ImplicitALS"]

GROUP_ELEMENTS = 400_000
"""Numbers gathered at once in a half-step: few enough to stay in the processor's cache."""


class _Factors(Recommender):
    """What both models share: two tables of factors, and checks."""

    def _check(self, **least):
        for name, smallest in least.items():
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < smallest:
                raise InputError(f"{name} must be a whole number of at least {smallest}, not {value!r}.")

    def _check_positive(self, *names, zero=()):
        for name in (*names, *zero):
            value = getattr(self, name)
            number = isinstance(value, numbers.Real) and np.isfinite(value)
            if not number or value < 0 or (value == 0 and name not in zero):
                limit = "0 or more" if name in zero else "a number above 0"
                raise InputError(f"{name} must be {limit}, not {value!r}.")

    def _score(self, positions):
        return self.user_factors_[positions] @ self.item_factors_.T


class ImplicitALS(_Factors):
    """Matrix factorisation for implicit feedback by alternating least squares.

    What happened should score 1, everything else 0, and what happened counts more:

        minimise  Σ_ui c_ui (p_ui − x_u·y_i)² + Σ_u ρ_u ‖x_u‖² + Σ_i ρ_i ‖y_i‖²,

    over *all* cells, with ``p = 1`` and ``c = 1 + alpha · value`` where there is an interaction, ``p = 0``
    and ``c = 1`` elsewhere.  With the items fixed, each user is a ridge regression of its own,

        (YᵀY + Yᵀ(C_u − 1)Y + ρ_u) x_u = YᵀC_u p_u,

    where ``YᵀY`` is the same for all and the rest needs only the user's own items; then the sides swap.

    Parameters
    ----------
    factors : int
        Length of a vector.
    regularisation : float
        λ > 0.
    alpha : float
        How much more an interaction counts than a missing cell, > 0.
    frequency_scaling : float
        ν ≥ 0 in ``ρ_u = λ · (Σ_i c_ui)^ν``.  0 is the same penalty for all; 1 (with λ of a few hundredths)
        shrinks those with much data as much as those with little, which ranks better on most data.
    iterations : int
        Each updates all users, then all items.
    steps : int or None
        Conjugate-gradient steps for a ridge regression, from where the last iteration left off; None solves
        it exactly, at about three times the cost.
    random_state : int
        Seed of the first item factors.

    Attributes
    ----------
    user_factors_, item_factors_ : ndarray of float32, shapes (n_users, factors) and (n_items, factors)

    Raises
    ------
    InputError
        In ``fit``, if a parameter is out of range or an interaction has a value that is not above 0.

    Notes
    -----
    Hu, Koren & Volinsky (2008), "Collaborative filtering for implicit feedback datasets", ICDM.  Few
    conjugate-gradient steps: Takács, Pilászy & Tikk (2011), RecSys (unverified).  The scaled penalty: Rendle,
    Krichene, Zhang & Koren (2022), "Revisiting the performance of iALS on item recommendation benchmarks",
    RecSys (unverified); there the weight of a missing cell is 1 / alpha, and the penalty counts missing cells
    with that weight.

    Memory: ``4 · factors · (n_users + n_items)`` bytes, the interactions in both orders, and a few blocks of
    constant size.  Time for an iteration: proportional to ``interactions · factors`` (times factors if exact)
    and to ``(n_users + n_items) · factors²``.  Computed in float32: the same seed gives the same factors up
    to about 1e-4, the last digits depend on the machine and on the number of threads.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve", "dan"],
    ...      "item": ["tea", "pot", "tea", "pot", "tea", "cup"]}
    ... )
    >>> model = ImplicitALS(factors=2, regularisation=0.1).fit(Interactions.from_frame(frame, rating=None))
    >>> model.recommend("eve", n=1)["item"].tolist()
    ['pot']
    """

    def __init__(
        self,
        factors=64,
        regularisation=0.03,
        alpha=10.0,
        frequency_scaling=1.0,
        iterations=15,
        steps=3,
        random_state=0,
    ):
        self.factors = factors
        self.regularisation = regularisation
        self.alpha = alpha
        self.frequency_scaling = frequency_scaling
        self.iterations = iterations
        self.steps = steps
        self.random_state = random_state

    def _fit(self, interactions):
        self._check(factors=1, iterations=1, random_state=0)
        self._check_positive("regularisation", "alpha", zero=["frequency_scaling"])
        if self.steps is not None:
            self._check(steps=1)
        if interactions.matrix.nnz and interactions.matrix.data.min() <= 0:
            raise InputError(
                "ImplicitALS needs weights above 0: leave out interactions that count for nothing."
            )
        by_user = interactions.matrix.astype(np.float32)
        by_item = by_user.T.tocsr()
        rng = np.random.default_rng(self.random_state)
        # small: early scores start near 0, the target of most cells
        items = 0.1 / np.sqrt(self.factors) * rng.standard_normal((interactions.n_items, self.factors))
        self.item_factors_ = items.astype(np.float32)
        self.user_factors_ = np.zeros((interactions.n_users, self.factors), dtype=np.float32)
        for _ in range(self.iterations):
            self._half_step(by_user, self.user_factors_, self.item_factors_)
            self._half_step(by_item, self.item_factors_, self.user_factors_)

    def _half_step(self, matrix, moving, fixed):
        """Improve the factors of the rows of the matrix, in place, with those of the columns fixed."""
        lengths = np.diff(matrix.indptr)
        gram = fixed.T @ fixed
        weight = np.bincount(
            np.repeat(np.arange(len(lengths)), lengths), weights=matrix.data, minlength=len(lengths)
        )
        ridge = self.regularisation * (matrix.shape[1] + self.alpha * weight) ** self.frequency_scaling
        ridge = ridge.astype(np.float32)
        moving[lengths == 0] = 0
        # one row of zeros more, for the places where a shorter row is filled up
        padded = np.vstack([fixed, np.zeros((1, fixed.shape[1]), dtype=fixed.dtype)])
        columns = np.append(matrix.indices, len(fixed))
        extra = np.append(np.float32(self.alpha) * matrix.data, np.float32(0))
        for rows in padded_groups(lengths, max(1, GROUP_ELEMENTS // self.factors)):
            place = np.arange(lengths[rows].max())
            cells = np.where(place < lengths[rows][:, None], matrix.indptr[rows][:, None] + place, matrix.nnz)
            theirs, confidence = padded[columns[cells]], extra[cells]
            target = _apply(theirs.transpose(0, 2, 1), confidence + 1)  # the filled places are zero vectors
            if self.steps is None:
                normal = theirs.transpose(0, 2, 1) @ (theirs * confidence[:, :, None])
                normal += gram
                np.einsum("ijj->ij", normal)[:] += ridge[rows][:, None]
                moving[rows] = np.linalg.solve(normal, target[:, :, None])[:, :, 0]
            else:
                moving[rows] = self._descend(
                    moving[rows], target, gram, theirs, confidence, ridge[rows, None]
                )

    def _descend(self, x, target, gram, theirs, confidence, ridge):
        """A few conjugate-gradient steps for many small systems at once."""
        transposed = theirs.transpose(0, 2, 1)

        def normal(vectors):
            inner = _apply(theirs, vectors)
            inner *= confidence
            return vectors @ gram + ridge * vectors + _apply(transposed, inner)

        residual = target - normal(x)
        direction = residual
        norm = np.einsum("ij,ij->i", residual, residual)
        for step in range(self.steps):
            image = normal(direction)
            curvature = np.einsum("ij,ij->i", direction, image)
            size = np.divide(norm, curvature, out=np.zeros_like(norm), where=curvature > 0)[:, None]
            x = x + size * direction
            if step + 1 == self.steps:
                break
            residual = residual - size * image
            before, norm = norm, np.einsum("ij,ij->i", residual, residual)
            ratio = np.divide(norm, before, out=np.zeros_like(norm), where=before > 0)[:, None]
            direction = residual + ratio * direction
        return x


def _apply(matrices, vectors):
    """Product of each matrix of a stack with its own vector."""
    return np.matmul(matrices, vectors[:, :, None])[:, :, 0]


class BPR(_Factors):
    """Bayesian personalised ranking: what a user has should rank above what they have not.

    For triples of a user u, an item i that u has, and a random item j that u has not,

        maximise  Σ ln σ(s_ui − s_uj) − λ (‖x_u‖² + ‖y_i‖² + ‖y_j‖² + b_i² + b_j²),   s_ui = b_i + x_u·y_i,

    by stochastic gradient steps on small batches of triples; σ(t) = 1 / (1 + e⁻ᵗ).  Each number has a step of
    its own that shrinks with the gradients it has seen (AdaGrad), so that popular items settle down.

    Parameters
    ----------
    factors : int
        Length of a vector, the bias of an item not counted.
    regularisation : float
        λ ≥ 0.
    learning_rate : float
        Size of the first steps, > 0.
    iterations : int
        Passes over the interactions; each interaction meets one new item j in every pass.
    batch_size : int
        Triples whose gradients are added before a step is taken.
    random_state : int
        Seed of the first factors, of the order, and of the items drawn.

    Attributes
    ----------
    user_factors_ : ndarray of float32, shape (n_users, factors + 1)
        The last column is 1; it meets the items' biases.
    item_factors_ : ndarray of float32, shape (n_items, factors + 1)
        The last column holds the biases.

    Raises
    ------
    InputError
        In ``fit``, if a parameter is out of range, or if every user has every item: there is nothing to rank.

    Notes
    -----
    Rendle, Freudenthaler, Gantner & Schmidt-Thieme (2009), "BPR: Bayesian personalized ranking from implicit
    feedback", UAI.  AdaGrad: Duchi, Hazan & Singer (2011; unverified).  Weights of interactions are not used.

    Memory: ``8 · (factors + 1) · (n_users + n_items)`` bytes for factors and step sizes, 64 bytes for an
    interaction.  Time: proportional to ``iterations · interactions · factors``.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve", "dan"],
    ...      "item": ["tea", "pot", "tea", "pot", "tea", "cup"]}
    ... )
    >>> model = BPR(factors=2, iterations=200).fit(Interactions.from_frame(frame, rating=None))
    >>> model.recommend("eve", n=1)["item"].tolist()
    ['pot']
    """

    def __init__(
        self,
        factors=64,
        regularisation=0.01,
        learning_rate=0.1,
        iterations=50,
        batch_size=2000,
        random_state=0,
    ):
        self.factors = factors
        self.regularisation = regularisation
        self.learning_rate = learning_rate
        self.iterations = iterations
        self.batch_size = batch_size
        self.random_state = random_state

    def _fit(self, interactions):
        self._check(factors=1, iterations=1, batch_size=1, random_state=0)
        self._check_positive("learning_rate", zero=["regularisation"])
        n_users, n_items = interactions.n_users, interactions.n_items
        lengths = np.diff(interactions.matrix.indptr)
        users = np.repeat(np.arange(n_users), lengths)
        items = interactions.matrix.indices.astype(np.int64)
        pairs = users * n_items + items  # sorted: rows in order, columns in order within a row
        learnable = np.flatnonzero(lengths[users] < n_items)
        if not len(learnable):
            raise InputError("Every user has every item: BPR finds nothing to rank below what they have.")
        rng = np.random.default_rng(self.random_state)
        x = (0.1 * rng.standard_normal((n_users, self.factors + 1))).astype(np.float32)
        y = (0.1 * rng.standard_normal((n_items, self.factors + 1))).astype(np.float32)
        x[:, -1], y[:, -1] = 1, 0
        self.user_factors_, self.item_factors_ = x, y
        squares = np.full_like(x, 1e-6), np.full_like(y, 1e-6)
        for _ in range(self.iterations):
            order = rng.permutation(learnable)
            u, i = users[order], items[order]
            j = _draw_unseen(rng, u, n_items, pairs)
            for start in range(0, len(order), self.batch_size):
                batch = slice(start, start + self.batch_size)
                to_x, to_y = bpr_gradient(x, y, u[batch], i[batch], j[batch], self.regularisation)
                to_x[1][:, -1] = 0  # the column of ones stays
                self._climb(x, squares[0], *to_x)
                self._climb(y, squares[1], *to_y)

    def _climb(self, factors, squares, rows, gradient):
        squares[rows] += gradient**2
        factors[rows] += np.float32(self.learning_rate) * gradient / np.sqrt(squares[rows])


def bpr_gradient(x, y, u, i, j, regularisation):
    """Gradient of the objective of `BPR` over a batch of triples.

    Parameters
    ----------
    x, y : ndarray of shape (n_users, f) and (n_items, f)
    u, i, j : ndarray of int
        User, item had, item not had, of each triple.
    regularisation : float

    Returns
    -------
    (rows, gradient) for the users and (rows, gradient) for the items
        Only the rows that the batch touches, each once.
    """
    difference = y[i] - y[j]
    own = x[u]
    push = 1 / (1 + np.exp(np.clip(np.einsum("ij,ij->i", own, difference), -60, 60)))
    towards = push[:, None].astype(x.dtype) * own
    shrink = x.dtype.type(2 * regularisation)
    for_user = push[:, None].astype(x.dtype) * difference - shrink * own
    for_items = np.vstack([towards - shrink * y[i], -towards - shrink * y[j]])
    return _sum_by(u, for_user), _sum_by(np.concatenate([i, j]), for_items)


def _sum_by(labels, values):
    rows, inverse = np.unique(labels, return_inverse=True)
    ones = np.ones(len(labels), dtype=values.dtype)
    adder = sparse.csr_array((ones, (inverse, np.arange(len(labels)))), shape=(len(rows), len(labels)))
    return rows, adder @ values


def _draw_unseen(rng, users, n_items, pairs):
    """For each user a random item that the user has not; those that the user has are drawn again."""
    drawn = rng.integers(n_items, size=len(users))
    again = np.arange(len(users))
    while len(again):
        wanted = users[again] * n_items + drawn[again]
        place = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
        again = again[pairs[place] == wanted]
        drawn[again] = rng.integers(n_items, size=len(again))
    return drawn
