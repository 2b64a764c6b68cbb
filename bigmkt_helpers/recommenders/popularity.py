"""The baselines that every recommender has to beat: chance, popularity, and the biases of users and items."""

import numbers

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders.base import RatingPredictor, Recommender

__all__ = ["Biases", "Popularity", "RandomRecommender", "fit_biases"]


class RandomRecommender(Recommender):
    """Items in random order: what a list is worth that knows nothing.

    Parameters
    ----------
    random_state : int or None
        Seed; a user's list depends on it and on the user, not on who else is asked for.  With None every
        ``fit`` draws anew.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> frame = pd.DataFrame({"user": ["ann", "ann", "bob"], "item": ["tea", "pot", "cup"]})
    >>> model = RandomRecommender().fit(Interactions.from_frame(frame, rating=None))
    >>> model.recommend("ann")["item"].tolist()
    ['cup']
    """

    def __init__(self, random_state=0):
        self.random_state = random_state

    def _fit(self, interactions):
        seed = self.random_state
        if seed is not None and (not isinstance(seed, numbers.Integral) or seed < 0):
            raise InputError(f"random_state must be a whole number of at least 0 or None, not {seed!r}.")
        self._entropy = np.random.SeedSequence(seed).entropy
        self._n_items = interactions.n_items

    def _score(self, positions):
        draws = [np.random.default_rng([self._entropy, user]).random(self._n_items) for user in positions]
        return np.stack(draws)


class Popularity(Recommender):
    """The same list for everybody: what most users have, or what users rate best.

    Parameters
    ----------
    by : {"users", "rating"}
        "users": the score is the share of the users who have the item.  "rating": the score is the mean
        rating, drawn towards the mean of all ratings where few users rated the item.
    damping : float
        For "rating": how many ratings, all equal to the mean of all, are added to each item's own.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "bob", "bob", "eve"], "item": ["tea", "tea", "pot", "cup"]}
    ... )
    >>> model = Popularity().fit(Interactions.from_frame(frame, rating=None))
    >>> model.recommend("eve", n=1)
      user item  rank     score
    0  eve  tea     1  0.666667
    """

    def __init__(self, by="users", damping=10.0):
        self.by = by
        self.damping = damping

    def _fit(self, interactions):
        if self.by not in ("users", "rating"):
            raise InputError(f'by must be "users" or "rating", not {self.by!r}.')
        if not self.damping >= 0:
            raise InputError(f"damping must be at least 0, not {self.damping!r}.")
        matrix = interactions.matrix
        counts = np.bincount(matrix.indices, minlength=interactions.n_items)
        if self.by == "users":
            scores = counts / interactions.n_users
        else:
            mean = matrix.data.mean()
            sums = np.bincount(matrix.indices, weights=matrix.data, minlength=interactions.n_items)
            total = counts + self.damping
            scores = np.full(interactions.n_items, mean)
            np.divide(sums + self.damping * mean, total, out=scores, where=total > 0)
        self.scores_ = pd.Series(scores, index=interactions.items, name="score")

    def _score(self, positions):
        return np.tile(self.scores_.to_numpy(), (len(positions), 1))


class Biases(RatingPredictor):
    """Mean rating, plus what is special about the user, plus what is special about the item.

    The prediction is mean + b_user + b_item.  The biases minimise the squared error of the known ratings plus
    ``reg_users`` Σ b_user² + ``reg_items`` Σ b_item², by solving for the items and for the users in turn.  An
    unknown user or item has the bias 0.

    Parameters
    ----------
    reg_users, reg_items : float
        Regularisation, at least 0: it acts like that many ratings without any deviation.
    n_epochs : int
        How often to solve for both.

    Attributes
    ----------
    user_biases_, item_biases_ : pandas.Series
        Deviations from ``global_mean_``, by label.

    Notes
    -----
    Koren (2010), section 2.1; the defaults are those of the library Surprise (Hug 2020), BaselineOnly.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob"], "item": ["tea", "pot", "tea"], "rating": [5, 3, 4]}
    ... )
    >>> model = Biases(reg_users=1, reg_items=1).fit(Interactions.from_frame(frame, scale=(1, 5)))
    >>> model.predict(pd.DataFrame({"user": ["bob"], "item": ["pot"]})).round(2).tolist()
    [3.29]
    """

    def __init__(self, reg_users=15.0, reg_items=10.0, n_epochs=10):
        self.reg_users = reg_users
        self.reg_items = reg_items
        self.n_epochs = n_epochs

    def _fit(self, interactions):
        _, users, items = fit_biases(interactions.matrix, self.reg_users, self.reg_items, self.n_epochs)
        self._users, self._items = users, items
        self.user_biases_ = pd.Series(users, index=interactions.users, name="bias")
        self.item_biases_ = pd.Series(items, index=interactions.items, name="bias")

    def _estimate(self, user_positions, item_positions):
        return self.global_mean_ + self._users[user_positions] + self._items[item_positions]

    def _estimate_unknown(self, user_positions, item_positions):
        user = np.where(user_positions >= 0, self._users[user_positions], 0)
        item = np.where(item_positions >= 0, self._items[item_positions], 0)
        return self.global_mean_ + user + item

    def _score(self, positions):
        return self.global_mean_ + self._users[positions][:, None] + self._items


def fit_biases(matrix, reg_users=15.0, reg_items=10.0, n_epochs=10):
    """Regularised deviations of users and items from the mean rating.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array of shape (n_users, n_items)
    reg_users, reg_items, n_epochs
        See `Biases`.

    Returns
    -------
    mean : float
    users : ndarray of shape (n_users,)
    items : ndarray of shape (n_items,)
    """
    if not reg_users >= 0 or not reg_items >= 0:
        raise InputError(f"regularisation must be at least 0, not {reg_users!r} and {reg_items!r}.")
    if not isinstance(n_epochs, numbers.Integral) or n_epochs < 1:
        raise InputError(f"n_epochs must be a whole number of at least 1, not {n_epochs!r}.")
    n_users, n_items = matrix.shape
    row = np.repeat(np.arange(n_users), np.diff(matrix.indptr))
    column = matrix.indices
    mean = float(matrix.data.mean())
    deviation = matrix.data - mean
    user_weight = np.maximum(np.bincount(row, minlength=n_users) + reg_users, 1e-300)
    item_weight = np.maximum(np.bincount(column, minlength=n_items) + reg_items, 1e-300)
    users = np.zeros(n_users)
    for _ in range(n_epochs):
        items = np.bincount(column, weights=deviation - users[row], minlength=n_items) / item_weight
        users = np.bincount(row, weights=deviation - items[column], minlength=n_users) / user_weight
    return mean, users, items
