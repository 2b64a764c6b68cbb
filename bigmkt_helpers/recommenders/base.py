"""The contract of every recommender: labels in, labels out, and the unknown handled once.

``Interactions`` carries the sparse matrix *with* the labels of its rows and columns, so that nothing depends
on anybody remembering which way round the matrix stands.  ``Recommender`` turns scores into ranked lists;
``RatingPredictor`` adds ratings of single pairs.  A subclass writes ``_fit`` and ``_score`` (or
``_estimate``) and nothing else.
"""

import numbers
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.similarity import top_k
from bigmkt_helpers.tables import conform_ratings

__all__ = ["Interactions", "RatingPredictor", "Recommender"]

BLOCK_ELEMENTS = 4_000_000
"""Scores held at once while recommending: 32 MB of float64."""


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """Who met what, as a sparse matrix that knows its labels.

    Parameters
    ----------
    matrix : sparse matrix of shape (n_users, n_items)
        The stored cells are the interactions; everything else is unknown, not zero.  Kept as a csr_array.
    users, items : pandas.Index or list of labels
        Labels of the rows and of the columns, unique.
    explicit : bool
        Whether the values are ratings (explicit feedback) or weights of something that happened (implicit).
    scale : tuple of two floats or None
        Smallest and largest possible rating; by default those found.

    Raises
    ------
    InputError
        If the matrix does not fit its labels, a label occurs twice, no cell is stored, or a value is not
        finite.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob"], "item": ["tea", "pot", "tea"], "rating": [5, 3, 4]}
    ... )
    >>> interactions = Interactions.from_frame(frame, scale=(1, 5))
    >>> interactions
    Interactions(2 users × 2 items, 3 ratings, density 75.00%)
    >>> interactions.user_positions(["bob", "eve"]).tolist()
    [1, -1]
    """

    matrix: sparse.csr_array
    users: pd.Index
    items: pd.Index
    explicit: bool = True
    scale: tuple[float, float] | None = None

    def __post_init__(self):
        matrix, users, items = sparse.csr_array(self.matrix), pd.Index(self.users), pd.Index(self.items)
        if matrix.shape != (len(users), len(items)):
            raise InputError(
                f"the matrix has {matrix.shape[0]} rows and {matrix.shape[1]} columns, but there are labels "
                f"for {len(users)} users and {len(items)} items: users stand in the rows, "
                "items in the columns."
            )
        for labels, name in ((users, "user"), (items, "item")):
            if labels.has_duplicates:
                twice = labels[labels.duplicated()].tolist()[0]
                raise InputError(f"{name} {twice!r} labels two rows or columns.")
        if not matrix.nnz:
            raise InputError("there is no interaction: the matrix has no stored cell.")
        if not np.issubdtype(matrix.dtype, np.floating):
            matrix = matrix.astype(np.float64)
        if not np.isfinite(matrix.data).all():
            raise InputError("the matrix holds a value that is not finite: remove it.")
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        scale = self.scale
        if self.explicit and scale is None:
            scale = (float(matrix.data.min()), float(matrix.data.max()))
        for name, value in {"matrix": matrix, "users": users, "items": items, "scale": scale}.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_frame(
        cls,
        frame,
        user="user",
        item="item",
        rating="rating",
        timestamp=None,
        *,
        scale=None,
        duplicates="raise",
        users=None,
        items=None,
    ) -> "Interactions":
        """Build the matrix from a long frame, one row per interaction.

        Parameters
        ----------
        frame : pandas.DataFrame
        user, item : str
            Names of the columns that hold the labels.
        rating : str or None
            Name of the column with the ratings; None for implicit feedback, where each row counts as 1.
        timestamp : str, optional
            Name of the column with the time, which ``duplicates="last"`` needs.
        scale : tuple of two floats, optional
            Smallest and largest rating allowed; by default those found.
        duplicates : {"raise", "last", "mean", "sum"}
            What to do when a user met an item twice; see `tables.conform_ratings`.
        users, items : list of labels, optional
            Labels that have a row or a column even where nothing is known of them: all customers, the whole
            catalogue.  They are added to those found in the frame; every model then scores them too.

        Raises
        ------
        InputError
            If a column is missing, a value is missing, not a number, infinite or out of scale, a pair occurs
            twice, there is no row at all, or the further labels are missing or of another kind than those of
            the frame.

        Examples
        --------
        >>> frame = pd.DataFrame({"user": [1, 2], "item": ["tea", "pot"]})
        >>> Interactions.from_frame(frame, rating=None, items=["cup", "tea", "pot"]).items.tolist()
        ['cup', 'pot', 'tea']
        """
        table = conform_ratings(
            frame,
            user=user,
            item=item,
            rating=rating,
            timestamp=timestamp,
            scale=scale,
            duplicates=duplicates,
        )
        rows, users = _positions_and_labels(table["user"], users, "users")
        columns, items = _positions_and_labels(table["item"], items, "items")
        values = table["rating"].to_numpy(dtype=np.float64)
        matrix = sparse.csr_array((values, (rows, columns)), shape=(len(users), len(items)))
        matrix.sort_indices()
        return cls(matrix, users, items, explicit=rating is not None, scale=scale)

    @property
    def n_users(self) -> int:
        """Number of rows."""
        return self.matrix.shape[0]

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return self.matrix.shape[1]

    @property
    def density(self) -> float:
        """Share of the cells that are known."""
        return self.matrix.nnz / (self.n_users * self.n_items)

    def __repr__(self) -> str:
        kind = "ratings" if self.explicit else "interactions"
        return (
            f"Interactions({self.n_users:,} users × {self.n_items:,} items, "
            f"{self.matrix.nnz:,} {kind}, density {self.density:.2%})"
        )

    def user_positions(self, labels) -> np.ndarray:
        """Row of each label, -1 for a label that is not there."""
        return self.users.get_indexer(pd.Index(labels))

    def item_positions(self, labels) -> np.ndarray:
        """Column of each label, -1 for a label that is not there."""
        return self.items.get_indexer(pd.Index(labels))

    def as_implicit(self, minimum=None) -> "Interactions":
        """Forget the ratings: what happened counts as 1.

        Parameters
        ----------
        minimum : float, optional
            Keep only ratings of at least this; the users and items stay as they are.
        """
        matrix = self.matrix.copy()
        if minimum is not None:
            matrix.data = np.where(matrix.data >= minimum, 1.0, 0.0)
            matrix.eliminate_zeros()
        else:
            matrix.data = np.ones_like(matrix.data)
        return Interactions(matrix, self.users, self.items, explicit=False)

    def to_frame(self) -> pd.DataFrame:
        """The long frame again: user, item, rating, sorted by user and item."""
        coordinates = self.matrix.tocoo()
        return pd.DataFrame(
            {
                "user": self.users[coordinates.row],
                "item": self.items[coordinates.col],
                "rating": coordinates.data,
            }
        )


class Recommender(BaseEstimator):
    """Base of all recommenders.

    A subclass implements ``_fit(interactions)`` and ``_score(positions)``; the latter returns an ndarray of
    shape (len(positions), n_items) that the caller may overwrite, higher is better, ``-inf`` for an item that
    the model cannot recommend to that user.

    Attributes
    ----------
    interactions_ : Interactions
        What the model was fitted on.
    """

    def fit(self, interactions: Interactions) -> "Recommender":
        """Learn from interactions; a second call forgets the first.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If `interactions` is not an `Interactions`.
        """
        if not isinstance(interactions, Interactions):
            raise InputError(
                f"fit needs Interactions, not {type(interactions).__name__}: "
                "make them with Interactions.from_frame(frame)."
            )
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)
        self._prepare(interactions)
        self._fit(interactions)
        self.interactions_ = interactions
        return self

    def recommend(self, users, n=10, exclude_seen=True) -> pd.DataFrame:
        """The n best items for each user.

        Parameters
        ----------
        users : label or iterable of labels
            A user the model has never seen gets the most popular items; the score is then the share of the
            known users who have the item.  So does one with a row in which nothing stands, where the model
            has the same score for every item.
        n : int
            Length of a list. It is shorter where the catalogue, less what the user has seen, is shorter.
        exclude_seen : bool
            Leave out the items that the user had when the model was fitted.

        Returns
        -------
        pandas.DataFrame
            Columns user, item, rank (1 is best) and score; users in the order asked for. Equal scores are
            ranked in the order of the item labels.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        InputError
            If `n` is not a whole number of at least 1, or a user is asked for twice.
        """
        interactions = self._fitted()
        if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
            raise InputError(f"n must be a whole number of at least 1, not {n!r}.")
        labels = _as_labels(users)
        positions = interactions.user_positions(labels)
        chosen = np.full((len(labels), min(n, interactions.n_items)), -1)
        values = np.full(chosen.shape, -np.inf)
        known = np.flatnonzero(positions >= 0)
        unknown = positions < 0
        has_nothing = np.diff(interactions.matrix.indptr) == 0
        block = max(1, BLOCK_ELEMENTS // interactions.n_items)
        for start in range(0, len(known), block):
            rows = known[start : start + block]
            scores = np.asarray(self._score(positions[rows]), dtype=np.float64)
            unknown[rows] = has_nothing[positions[rows]] & (scores == scores[:, :1]).all(axis=1)
            if exclude_seen:
                seen = interactions.matrix[positions[rows]].tocoo()
                scores[seen.row, seen.col] = -np.inf
            chosen[rows], values[rows] = top_k(scores, n)
        if unknown.any():
            popularity = np.bincount(interactions.matrix.indices, minlength=interactions.n_items)
            chosen[unknown], values[unknown] = top_k(popularity[None, :] / interactions.n_users, n)
        row, rank = np.nonzero(chosen >= 0)
        return pd.DataFrame(
            {
                "user": labels[row],
                "item": interactions.items[chosen[row, rank]],
                "rank": rank + 1,
                "score": values[row, rank],
            }
        )

    def _prepare(self, interactions: Interactions) -> None:
        pass

    def _fit(self, interactions: Interactions) -> None:
        raise NotImplementedError

    def _score(self, positions: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _fitted(self) -> Interactions:
        if not hasattr(self, "interactions_"):
            name = type(self).__name__
            raise NotFittedError(f"{name} has not learned anything yet: call fit(interactions) first.")
        return self.interactions_

    def _repr_mimebundle_(self, **kwargs):
        # scikit-learn's HTML diagram carries random identifiers: a stored output could never be compared
        return {"text/plain": repr(self)}


class RatingPredictor(Recommender):
    """Base of the recommenders that predict ratings.

    A subclass implements ``_fit`` and ``_estimate(user_positions, item_positions)`` for pairs of known users
    and items, and gets ``predict``, ranked lists and clipping. Where user or item is unknown, the prediction
    is the global mean plus the mean deviation of the one that is known; a subclass that knows better
    overrides ``_estimate_unknown``.
    """

    def _prepare(self, interactions: Interactions) -> None:
        if not interactions.explicit:
            raise InputError(
                f"{type(self).__name__} needs ratings, but these interactions have none: "
                "build them with Interactions.from_frame(frame, rating=...)."
            )
        matrix = interactions.matrix
        self.global_mean_ = float(matrix.data.mean())
        rows = np.repeat(np.arange(interactions.n_users), np.diff(matrix.indptr))
        self._user_mean = _group_mean(rows, matrix.data, interactions.n_users)
        self._item_mean = _group_mean(matrix.indices, matrix.data, interactions.n_items)

    def predict(self, pairs: pd.DataFrame) -> pd.Series:
        """Predicted rating of each pair.

        Parameters
        ----------
        pairs : pandas.DataFrame
            Columns user and item; others are ignored.

        Returns
        -------
        pandas.Series
            Ratings within the scale, with the index of `pairs`.
        """
        interactions = self._fitted()
        missing = [name for name in ("user", "item") if name not in pairs.columns]
        if missing:
            raise InputError(f"pairs needs the columns user and item; missing: {', '.join(missing)}.")
        users = interactions.user_positions(pairs["user"])
        items = interactions.item_positions(pairs["item"])
        estimate = np.empty(len(pairs))
        known = (users >= 0) & (items >= 0)
        if known.any():
            estimate[known] = self._estimate(users[known], items[known])
        if not known.all():
            estimate[~known] = self._estimate_unknown(users[~known], items[~known])
        return pd.Series(np.clip(estimate, *interactions.scale), index=pairs.index, name="rating")

    def _estimate_unknown(self, user_positions: np.ndarray, item_positions: np.ndarray) -> np.ndarray:
        # position -1 is the one that is not known: the user, the item or both
        user = np.where(user_positions >= 0, self._user_mean[user_positions] - self.global_mean_, 0)
        item = np.where(item_positions >= 0, self._item_mean[item_positions] - self.global_mean_, 0)
        return self.global_mean_ + user + item

    def _estimate(self, user_positions: np.ndarray, item_positions: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _score(self, positions: np.ndarray) -> np.ndarray:
        # a subclass with a faster way to fill whole rows overrides this
        n_items = self.interactions_.n_items
        users = np.repeat(positions, n_items)
        items = np.tile(np.arange(n_items), len(positions))
        return self._estimate(users, items).reshape(len(positions), n_items)


def _group_mean(groups, values, n_groups):
    counts = np.bincount(groups, minlength=n_groups)
    return np.bincount(groups, weights=values, minlength=n_groups) / np.maximum(counts, 1)


def _positions_and_labels(found: pd.Series, more, name: str) -> tuple[np.ndarray, pd.Index]:
    """Position of each row's label among all labels, and these: those found and `more`, sorted."""
    positions, labels = pd.factorize(found, sort=True)
    labels = pd.Index(labels, name=found.name)
    if more is None:
        return positions, labels
    if isinstance(more, str):
        raise InputError(f"{name} is the text {more!r}: give a list of labels.")
    more = pd.Index(more)
    if not len(more):
        return positions, labels
    if more.hasnans:
        raise InputError(f"{name} holds a missing label at place {int(np.argmax(more.isna()))}: remove it.")
    numeric = [pd.api.types.is_integer_dtype(one) for one in (labels, more)]
    text = [one.inferred_type == "string" for one in (labels, more)]
    if not (all(numeric) or all(text)):
        kinds = ["whole numbers" if number else "text" for number in numeric]
        raise InputError(
            f"{name} must be labels of the same kind as in the frame, where they are {kinds[0]}: "
            f"the first given is {more.tolist()[0]!r}."
        )
    every = labels.union(more.astype(labels.dtype).unique()).sort_values().rename(found.name)
    return every.get_indexer(labels)[positions], every


def _as_labels(users) -> pd.Index:
    if isinstance(users, str) or not isinstance(users, Iterable):
        users = [users]
    labels = pd.Index(users)
    if labels.has_duplicates:
        twice = labels[labels.duplicated()].tolist()[0]
        raise InputError(f"user {twice!r} is asked for twice: give each user once.")
    return labels
