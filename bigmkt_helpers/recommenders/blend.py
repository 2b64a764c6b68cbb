"""Several recommenders as one: their scores on a common scale, weighed and added."""

import numpy as np
from sklearn.base import clone

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders.base import Recommender

__all__ = ["Blend", "standardise"]


class Blend(Recommender):
    """Weighted sum of the standardised scores of several recommenders.

    Scores of different models have different units, so each model's scores are first brought to mean 0 and
    standard deviation 1 over the items that the user has not got yet.

    Parameters
    ----------
    models : list of Recommender
        Not fitted yet, or fitted: ``fit`` trains copies of them.
    weights : list of float, optional
        One for each model, 0 or more and not all 0; by default all the same.  Choose them on held-out data.

    Attributes
    ----------
    models_ : list of Recommender
        The fitted copies.

    Raises
    ------
    InputError
        In ``fit``, if there is no model, or the weights do not fit.

    Notes
    -----
    A weighted hybrid in the sense of Burke (2002), "Hybrid recommender systems: survey and experiments"
    (unverified).

    Memory: that of the models together.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import EASE, ImplicitUserKNN, Interactions
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve", "dan"],
    ...      "item": ["tea", "pot", "tea", "pot", "tea", "cup"]}
    ... )
    >>> model = Blend([EASE(regularisation=1.0), ImplicitUserKNN()], weights=[2, 1])
    >>> model.fit(Interactions.from_frame(frame, rating=None)).recommend("eve").round(2)
      user item  rank  score
    0  eve  pot     1    1.0
    1  eve  cup     2   -1.0
    """

    def __init__(self, models, weights=None):
        self.models = models
        self.weights = weights

    def _fit(self, interactions):
        models = list(self.models)
        if not models or not all(isinstance(model, Recommender) for model in models):
            raise InputError("models must be a list of at least one recommender.")
        self._weights = check_weights(len(models), self.weights)
        self.models_ = [clone(model).fit(interactions) for model in models]
        self._matrix = interactions.matrix

    def reweigh(self, weights) -> "Blend":
        """Change the weights without fitting the models again, as for choosing them on held-out data.

        Parameters
        ----------
        weights : list of float
            One for each model, 0 or more and not all 0.

        Returns
        -------
        self
        """
        self._fitted()
        self._weights = check_weights(len(self.models_), weights)
        self.weights = weights
        return self

    def _score(self, positions):
        seen = self._matrix[positions]
        scores = 0.0
        for weight, model in zip(self._weights, self.models_, strict=True):
            if weight > 0:
                scores = scores + weight * standardise(model._score(positions), seen)
        return scores


def check_weights(n_models, weights, name="models") -> np.ndarray:
    """One weight for each model, with the sum 1; raises `InputError` if they do not fit."""
    try:
        weights = np.ones(n_models) if weights is None else np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"weights must be numbers, not {weights!r}.") from None
    if weights.shape != (n_models,):
        raise InputError(f"There are {n_models} {name}: give as many weights, not {weights.size}.")
    if not np.all(np.isfinite(weights)) or weights.min() < 0 or weights.max() == 0:
        raise InputError(f"weights must be 0 or more and not all 0, not {weights.tolist()}.")
    return weights / weights.sum()


def standardise(scores, seen) -> np.ndarray:
    """Scores of each user with mean 0 and standard deviation 1 over the items not seen.

    Parameters
    ----------
    scores : ndarray of shape (n_users, n_items)
        ``-inf`` marks what must not be recommended, and stays ``-inf``.
    seen : scipy.sparse.csr_array of the same shape
        The stored cells are what the users have already.

    Returns
    -------
    ndarray of float64, same shape
        All 0 for a user to whom all items not seen are the same.

    Examples
    --------
    >>> from scipy import sparse
    >>> standardise(np.array([[9.0, 1.0, 3.0]]), sparse.csr_array([[1, 0, 0]])).tolist()
    [[7.0, -1.0, 1.0]]
    """
    scores = np.array(scores, dtype=np.float64)
    counts = np.isfinite(scores)
    cells = seen.tocoo()
    counts[cells.row, cells.col] = False
    n = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    largest = np.abs(np.where(counts, scores, 0)).max(axis=1, keepdims=True)
    scores -= np.where(counts, scores, 0).sum(axis=1, keepdims=True) / n
    spread = np.sqrt(np.square(np.where(counts, scores, 0)).sum(axis=1, keepdims=True) / n)
    # scores equal but for rounding must not be blown up into differences
    flat = spread <= 1e-12 * largest
    scores[np.isfinite(scores) & flat] = 0
    return scores / np.where(flat, 1, spread)
