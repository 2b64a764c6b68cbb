"""Collaborative filtering by neighbours: people like you, and things like those that you liked.

`UserKNN` and `ItemKNN` predict ratings from the ratings of the nearest neighbours.  `ImplicitUserKNN` and
`ImplicitItemKNN` rank items when all that is known is who has what.
"""

import numbers

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders.base import RatingPredictor, Recommender
from bigmkt_helpers.recommenders.popularity import fit_biases
from bigmkt_helpers.similarity import (
    RowComparison,
    bm25,
    padded_groups,
    similar,
    tf_idf,
    top_k,
)

__all__ = ["ImplicitItemKNN", "ImplicitUserKNN", "ItemKNN", "UserKNN"]

BLOCK_ELEMENTS = 4_000_000
TABLE_ELEMENTS = 25_000_000
"""Largest table of similarities that is kept after ``fit``: 200 MB.  A larger one is made when needed."""

DECIMALS = 12
"""Similarities are rounded to this many, so that equal ones are equal in whatever order they were summed."""


class _Neighbours:
    """What all four have in common: somebody may ask who the neighbours are."""

    _side: str

    def neighbours(self, labels, n=10) -> pd.DataFrame:
        """The nearest neighbours of users or items.

        Parameters
        ----------
        labels : label or list of labels
            Users for a user-based model, items for an item-based one.
        n : int
            How many neighbours of each, at most.

        Returns
        -------
        pandas.DataFrame
            Columns user (or item), neighbour, rank and similarity; only similarities above 0.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        InputError
            If a label is not known.
        """
        interactions = self._fitted()
        index = getattr(interactions, f"{self._side}s")
        labels = pd.Index([labels] if np.isscalar(labels) else labels)
        positions = index.get_indexer(labels)
        if (positions < 0).any():
            stranger = labels[positions < 0].tolist()[0]
            raise InputError(f"{self._side} {stranger!r} is not known to the model.")
        if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
            raise InputError(f"n must be a whole number of at least 1, not {n!r}.")
        similarities = self._similarities(positions)
        similarities[similarities <= 0] = -np.inf
        chosen, values = top_k(similarities, n)
        row, rank = np.nonzero(chosen >= 0)
        return pd.DataFrame(
            {
                self._side: labels[row],
                "neighbour": index[chosen[row, rank]],
                "rank": rank + 1,
                "similarity": values[row, rank],
            }
        )

    def _similarities(self, positions):
        raise NotImplementedError


class _RatingKNN(_Neighbours, RatingPredictor):
    def __init__(
        self,
        k=40,
        min_k=1,
        measure="pearson_baseline",
        centring="baseline",
        shrinkage=100.0,
        full_support=None,
        min_support=1,
        fallback="deviations",
    ):
        self.k = k
        self.min_k = min_k
        self.measure = measure
        self.centring = centring
        self.shrinkage = shrinkage
        self.full_support = full_support
        self.min_support = min_support
        self.fallback = fallback

    # "own" is the side whose neighbours are sought, "other" the one that they have in common

    def _fit(self, interactions):
        if not isinstance(self.k, numbers.Integral) or self.k < 1:
            raise InputError(f"k must be a whole number of at least 1, not {self.k!r}.")
        if not isinstance(self.min_k, numbers.Integral) or self.min_k < 1:
            raise InputError(f"min_k must be a whole number of at least 1, not {self.min_k!r}.")
        if self.centring not in ("none", "mean", "baseline"):
            raise InputError(f'centring must be "none", "mean" or "baseline", not {self.centring!r}.')
        if self.fallback not in ("deviations", "global_mean"):
            raise InputError(f'fallback must be "deviations" or "global_mean", not {self.fallback!r}.')
        own, other = self._own_and_other(interactions.matrix, interactions.matrix.T.tocsr())
        n_own = own.shape[0]
        biases = None
        if self.centring == "baseline" or self.measure == "pearson_baseline":
            mean, *both = fit_biases(interactions.matrix)
            self._biases = (mean, *both)
            biases = (mean, *self._own_and_other(*both))
        self._comparison = RowComparison(
            own, self.measure, "skip", self.shrinkage, self.full_support, self.min_support, biases
        )
        self._expected(other, biases)
        self._table = self._make_similarities(slice(None)) if n_own**2 <= TABLE_ELEMENTS else None

    def _expected(self, other, biases):
        """What is expected of each known rating before looking at neighbours, and the deviations from it."""
        own_mean, _ = self._own_and_other(self._user_mean, self._item_mean)
        if self.centring == "none":
            start, slope = np.zeros(other.shape[1]), np.zeros(other.shape[0])
        elif self.centring == "mean":
            start, slope = own_mean, np.zeros(other.shape[0])
        else:
            start, slope = biases[0] + biases[1], biases[2]
        row = np.repeat(np.arange(other.shape[0]), np.diff(other.indptr))
        self._own_start, self._other_start = start, slope
        self._bounds, self._raters = other.indptr, other.indices
        self._deviations = other.data - start[other.indices] - slope[row]

    def _estimate(self, user_positions, item_positions):
        own, other = self._own_and_other(user_positions, item_positions)
        sums, weights, counts = (np.zeros(len(own)) for _ in range(3))
        asked, local = np.unique(own, return_inverse=True)
        step = len(asked) if self._table is not None else max(1, BLOCK_ELEMENTS // len(self._own_start))
        for first in range(0, len(asked), step):
            pairs = np.flatnonzero((local >= first) & (local < first + step))
            if self._table is None:
                table, row = self._make_similarities(asked[first : first + step]), local[pairs] - first
            else:
                table, row = self._table, own[pairs]
            sums[pairs], weights[pairs], counts[pairs] = self._aggregate(table, row, other[pairs])
        enough = counts >= self.min_k
        shift = np.divide(sums, weights, out=np.zeros(len(own)), where=enough & (weights > 0))
        estimate = self._own_start[own] + self._other_start[other] + shift
        if self.centring == "none":
            few = ~enough
            estimate[few] = self._estimate_unknown(user_positions[few], item_positions[few])
        return estimate

    def _aggregate(self, table, row, other):
        """Over the k nearest raters: sum of similarity × deviation, sum of similarities, number of raters."""
        sums, weights, counts = (np.zeros(len(row)) for _ in range(3))
        lengths = np.diff(self._bounds)[other]
        for group in padded_groups(lengths):
            width = int(lengths[group].max())
            cells = self._bounds[other[group]][:, None] + np.arange(width)
            outside = np.arange(width) >= lengths[group][:, None]
            np.minimum(cells, len(self._raters) - 1, out=cells)
            similarity = table[row[group][:, None], self._raters[cells]]
            similarity[outside] = 0
            counts[group] = np.minimum(np.count_nonzero(similarity, axis=1), self.k)
            if width > self.k:
                similarity = _largest(similarity, self.k)
            sums[group] = np.einsum("ij,ij->i", similarity, self._deviations[cells])
            weights[group] = similarity.sum(axis=1)
        return sums, weights, counts

    def _estimate_unknown(self, user_positions, item_positions):
        if self.centring != "baseline":
            if self.fallback == "global_mean":
                return np.full(len(user_positions), self.global_mean_)
            return super()._estimate_unknown(user_positions, item_positions)
        mean, users, items = self._biases
        user = np.where(user_positions >= 0, users[user_positions], 0)
        return mean + user + np.where(item_positions >= 0, items[item_positions], 0)

    def explain(self, user, item) -> pd.DataFrame:
        """The neighbours behind one prediction.

        Parameters
        ----------
        user, item : labels

        Returns
        -------
        pandas.DataFrame
            One row per neighbour used, nearest first: neighbour, similarity, rating (the one that this
            neighbour adds), deviation (of that rating from what was expected of it), and weight (the share
            of the neighbour in the prediction; the weights add up to 1).

        Raises
        ------
        InputError
            If the user or the item is not known.
        """
        interactions = self._fitted()
        users, items = interactions.user_positions([user]), interactions.item_positions([item])
        for position, name, label in ((users[0], "user", user), (items[0], "item", item)):
            if position < 0:
                raise InputError(f"{name} {label!r} is not known to the model.")
        own, other = self._own_and_other(users[0], items[0])
        cells = slice(self._bounds[other], self._bounds[other + 1])
        raters = self._raters[cells]
        similarity = self._similarities(np.array([own]))[:, raters]
        weight = _largest(similarity, self.k)[0] if len(raters) > self.k else similarity[0]
        total = weight.sum()
        deviation = self._deviations[cells]
        table = pd.DataFrame(
            {
                "neighbour": getattr(interactions, f"{self._side}s")[raters],
                "similarity": similarity[0],
                "rating": deviation + self._own_start[raters] + self._other_start[other],
                "deviation": deviation,
                "weight": weight / total if total else weight,
            }
        )
        table = table[table["weight"] > 0]
        return table.sort_values("similarity", ascending=False, kind="stable", ignore_index=True)

    def _similarities(self, positions):
        return self._make_similarities(positions) if self._table is None else self._table[positions].copy()

    def _make_similarities(self, rows):
        """Similarities as weights: negative ones count as 0, and nobody is their own neighbour."""
        table = self._comparison.similarities(rows)
        np.round(table, DECIMALS, out=table)
        np.maximum(table, 0, out=table)
        table[np.arange(len(table)), np.arange(len(self._own_start))[rows]] = 0
        return table

    def _own_and_other(self, of_users, of_items):
        return (of_users, of_items) if self._side == "user" else (of_items, of_users)


def _largest(similarity, k):
    """Set all but the k largest of each row to 0; those tied at the k-th place share the places left."""
    width = similarity.shape[1]
    threshold = np.partition(similarity, width - k, axis=1)[:, width - k, None]
    above = similarity > threshold
    tied = similarity == threshold
    places = k - np.count_nonzero(above, axis=1)
    share = places / np.count_nonzero(tied, axis=1)
    return similarity * (above + tied * share[:, None])


_RATING_KNN = """{summary}

    The prediction for user u and item i is

        expected(u, i) + Σ similarity · (rating - expected) / Σ similarity,

    {sums}, of whom only those with a similarity above 0 count.  Similarities
    rest on the cells known in both.

    Parameters
    ----------
    k : int
        Number of neighbours.
    min_k : int
        With fewer neighbours the prediction is what is expected without them (if `centring` is "none", what
        `fallback` says).
    measure : str
        One of `similarity.MEASURES`.
    centring : {{"none", "mean", "baseline"}}
        What is expected before looking at the neighbours: 0, {mean}, or the mean
        rating plus the biases of user and item (see `Biases`).
    shrinkage, full_support, min_support
        How much a similarity that rests on few common ratings counts; see `similarity.similar`.

    fallback : {{"deviations", "global_mean"}}
        What to predict where the user or the item is unknown: the mean of all ratings plus the mean deviation
        of the one that is known, or the mean of all ratings alone.  With the centring "baseline" the bias of
        the one that is known is used in any case.

    Notes
    -----
    {source}  Koren (2010) for the baseline.  With ``fallback="global_mean"`` and ``shrinkage=0`` (100 for
    "pearson_baseline") these are the algorithms KNNBasic, KNNWithMeans and KNNBaseline of the library
    Surprise (Hug 2020), but for two details.  Neighbours tied at the k-th place share the places that are
    left, where Surprise takes those that come first in the file.  And nobody is their own neighbour, which
    matters only for ratings that the model has learned from.

    Memory: the table of similarities, n² numbers, is kept up to `TABLE_ELEMENTS`; beyond that, it is made in
    blocks while predicting.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> ratings = pd.DataFrame(
    ...     [("ann", "tea", 5), ("ann", "pot", 4), ("ann", "cup", 2), ("bob", "tea", 4), ("bob", "pot", 5),
    ...      ("bob", "cup", 3), ("eve", "tea", 2), ("eve", "pot", 5)], columns=["user", "item", "rating"]
    ... )
    >>> model = {name}(measure="msd", centring="mean", shrinkage=0)
    >>> model = model.fit(Interactions.from_frame(ratings, scale=(1, 5)))
    >>> model.predict(pd.DataFrame({{"user": ["eve"], "item": ["cup"]}})).round(3).tolist()
    [{answer}]
    """


class UserKNN(_RatingKNN):
    __doc__ = _RATING_KNN.format(
        name="UserKNN",
        summary="Ratings from the users most similar to you.",
        sums="summed over the k users most similar to u among those who rated i",
        mean="the user's mean rating",
        source="Resnick et al. (1994).",
        answer="2.278",
    )
    _side = "user"


class ItemKNN(_RatingKNN):
    __doc__ = _RATING_KNN.format(
        name="ItemKNN",
        summary="Ratings from your own ratings of the most similar items.",
        sums="summed over the k items most similar to i among those that u rated",
        mean="the item's mean rating",
        source="Sarwar et al. (2001).",
        answer="1.924",
    )
    _side = "item"


class _ImplicitKNN(_Neighbours, Recommender):
    def _nearest(self, profiles):
        if self.weighting not in (None, "tf_idf", "bm25"):
            raise InputError(f'weighting must be None, "tf_idf" or "bm25", not {self.weighting!r}.')
        if self.weighting is not None:
            profiles = {"tf_idf": tf_idf, "bm25": bm25}[self.weighting](profiles)
        return similar(
            profiles,
            self.measure,
            self.k,
            shrinkage=self.shrinkage,
            full_support=self.full_support,
            min_support=self.min_support,
        )

    def _similarities(self, positions):
        return self.similarity_[positions].toarray()


class ImplicitItemKNN(_ImplicitKNN):
    """Items similar to those that the user has.

    The score of an item is the sum of its similarities to the items that the user has, each times the weight
    of the interaction (1, or the number of purchases).

    Parameters
    ----------
    k : int
        Number of neighbours of an item.
    measure : str
        One of `similarity.MEASURES`; a missing cell counts as 0.
    weighting : {None, "tf_idf", "bm25"}
        How to weigh the users of an item before comparing: somebody who buys everything says little.
    shrinkage, full_support, min_support
        How much a similarity that rests on few common users counts; see `similarity.similar`.
    prune : {"candidate", "seen"}
        Which k similarities are kept: for each item that may be recommended those with the k most similar
        items, or for each item that a user has those of its k most similar ones.  The first is fairer to
        items that are few people's second choice, and often better; the second is common.

    Attributes
    ----------
    similarity_ : scipy.sparse.csr_array of shape (n_items, n_items)
        Row i: the neighbours of item i.

    Notes
    -----
    Deshpande & Karypis (2004).

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve"], "item": ["tea", "pot", "tea", "pot", "tea"]}
    ... )
    >>> model = ImplicitItemKNN().fit(Interactions.from_frame(frame, rating=None))
    >>> model.recommend("eve").round(4)
      user item  rank   score
    0  eve  pot     1  0.8165
    """

    _side = "item"

    def __init__(
        self,
        k=100,
        measure="cosine",
        weighting=None,
        shrinkage=0.0,
        full_support=None,
        min_support=1,
        prune="candidate",
    ):
        self.k = k
        self.measure = measure
        self.weighting = weighting
        self.shrinkage = shrinkage
        self.full_support = full_support
        self.min_support = min_support
        self.prune = prune

    def _fit(self, interactions):
        if self.prune not in ("candidate", "seen"):
            raise InputError(f'prune must be "candidate" or "seen", not {self.prune!r}.')
        self.similarity_ = self._nearest(interactions.matrix.T.tocsr())
        self._matrix = interactions.matrix
        self._from_seen = self.similarity_ if self.prune == "seen" else self.similarity_.T.tocsr()

    def _score(self, positions):
        return (self._matrix[positions] @ self._from_seen).toarray()


class ImplicitUserKNN(_ImplicitKNN):
    """Items that the most similar users have.

    The score of an item is the sum of the similarities of those of the user's k neighbours who have it, each
    times the weight of the interaction (1, or the number of purchases).

    Parameters
    ----------
    k : int
        Number of neighbours of a user.
    measure : str
        One of `similarity.MEASURES`; a missing cell counts as 0.
    weighting : {None, "tf_idf", "bm25"}
        How to weigh the items of a user before comparing: what everybody buys says little.
    shrinkage, full_support, min_support
        How much a similarity that rests on few common items counts; see `similarity.similar`.

    Attributes
    ----------
    similarity_ : scipy.sparse.csr_array of shape (n_users, n_users)
        Row u: the neighbours of user u.

    Notes
    -----
    Herlocker, Konstan, Borchers & Riedl (1999) for the neighbourhood, with sums instead of means, since there
    are no ratings to average.

    Examples
    --------
    >>> import pandas as pd
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve"], "item": ["tea", "pot", "tea", "pot", "tea"]}
    ... )
    >>> model = ImplicitUserKNN().fit(Interactions.from_frame(frame, rating=None))
    >>> model.recommend("eve").round(4)
      user item  rank   score
    0  eve  pot     1  1.4142
    """

    _side = "user"

    def __init__(
        self, k=100, measure="cosine", weighting=None, shrinkage=0.0, full_support=None, min_support=1
    ):
        self.k = k
        self.measure = measure
        self.weighting = weighting
        self.shrinkage = shrinkage
        self.full_support = full_support
        self.min_support = min_support

    def _fit(self, interactions):
        self.similarity_ = self._nearest(interactions.matrix)
        self._matrix = interactions.matrix

    def _score(self, positions):
        return (self.similarity_[positions] @ self._matrix).toarray()
