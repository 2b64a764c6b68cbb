"""Hybrids: several recommenders as one, for users and items about whom much, little or nothing is known.

A rating model scores 1 to 5, a likeness 0 to 1, popularity a share.  Such numbers must not be added, sorted
together or compared.  Here every part goes through two steps before it meets the others:

1. `rank_scores`: within a user's unseen items a score becomes a number that depends on its rank alone.  A
   part that holds all items equal says exactly 0.
2. Log-odds of a hit: the training data are cut once more.  Some interactions are hidden, all those of some
   items and users, which so become new, and all but a few of some more users.  Copies of the parts learn
   from the rest, and a regression learns how likely a hidden interaction is, given the rank score *and* how
   much was known of the user and of the item.

Then `WeightedHybrid` adds, `SwitchingHybrid` chooses, and `StackedHybrid` learns whom to trust when.
`withhold` and `recommend_among` make the cold-start examination.
"""

import numbers
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import Ridge

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders.base import BLOCK_ELEMENTS, Interactions, Recommender
from bigmkt_helpers.recommenders.blend import check_weights
from bigmkt_helpers.recommenders.implicit_factorisation import ImplicitALS
from bigmkt_helpers.similarity import top_k

__all__ = [
    "MappedFactors",
    "StackedHybrid",
    "SwitchingHybrid",
    "WeightedHybrid",
    "rank_scores",
    "recommend_among",
    "withhold",
]

MOST_USERS = 2_000
"""Users whose hidden interactions the regression learns from; more teach it little and cost memory."""

KNOWLEDGE = ("always", "user known", "new user", "new item")
"""What every effect may depend on: 1, n / (n + `HALF_KNOWN`) for a user of n interactions, and whether user
or item is new.  How often a known item was met is left out: a popularity part says that.  Told twice, the
regression plays the one against the other, and on MovieLens it then ranked worse than its best part."""

HALF_KNOWN = 10
"""Interactions at which a user counts as half known."""

FIRST_STEPS = (1, 2, 3, 5, 10)
"""Interactions that are left to the users who are made nearly new."""

GROUPS = (0, 1, 3, 10, 30)
"""Where groups of users and items begin in `SwitchingHybrid`, in interactions."""

LEAST_HITS = 20
"""Hidden interactions that a hybrid needs to learn anything from, and each group of `SwitchingHybrid` to get
a choice of its own."""


# --- a common scale ---------------------------------------------------------------------------------


def rank_scores(scores, seen) -> np.ndarray:
    """Scores that depend on the rank alone: the same scale for every model.

    Of a user's n unseen items, the one at rank k gets the Savage score 1/k + 1/(k+1) + … + 1/n, less 1: the
    expected k-th largest of n draws from the exponential distribution, less their mean.  It is near
    ln(n / k) - 1: from rank 1 to 10 it falls as much as from 10 to 100.  Items of equal score get the mean of
    their ranks' scores.  So the mean over the unseen items is 0, and a model to which all are equal says 0.

    Parameters
    ----------
    scores : ndarray of shape (n_users, n_items)
        Of any unit, higher is better; ``-inf`` counts as the lowest.
    seen : scipy.sparse.csr_array of the same shape
        The stored cells are what the users have already.  Such an item gets the score of the place among the
        unseen where it would stand, and takes no place from them.

    Returns
    -------
    ndarray of float64, same shape

    Notes
    -----
    Savage (1956), "Contributions to the theory of rank order statistics: the two-sample case" (unverified).
    Scores of a user that differ by less than a millionth of the largest count as equal, so that rounding in
    the model does not decide the order.

    Examples
    --------
    >>> nobody = sparse.csr_array((1, 3))
    >>> rank_scores(np.array([[0.9, 0.2, 0.5]]), nobody).round(3).tolist()
    [[0.833, -0.667, -0.167]]
    >>> rank_scores(np.array([[4.5, 1.0, 2.5]]), nobody).round(3).tolist()
    [[0.833, -0.667, -0.167]]
    """
    scores = np.asarray(scores, dtype=np.float64)
    finite = np.isfinite(scores)
    largest = np.abs(np.where(finite, scores, 0)).max(axis=1, keepdims=True)
    scores = np.where(finite, np.round(scores / np.where(largest > 0, largest, 1), 6), -np.inf)
    is_open = np.ones(scores.shape, dtype=bool)
    cells = seen.tocoo()
    is_open[cells.row, cells.col] = False
    order = np.argsort(-scores, axis=1)  # which of equal scores comes first changes nothing below
    ranked = np.take_along_axis(scores, order, axis=1)
    counted = np.cumsum(np.take_along_axis(is_open, order, axis=1), axis=1, dtype=np.int32)
    n = counted[:, -1:]
    change = ranked[:, 1:] != ranked[:, :-1]
    # unseen items before the group of equal scores, and up to its end
    before = np.zeros_like(counted)
    before[:, 1:] = np.maximum.accumulate(np.where(change, counted[:, :-1], 0), axis=1)
    upto = np.where(np.pad(change, ((0, 0), (0, 1)), constant_values=True), counted, n)
    upto = np.minimum.accumulate(upto[:, ::-1], axis=1)[:, ::-1]
    size = upto - before
    # sum of the Savage scores of the first m ranks: m (H_n - H_m + 1), with H the harmonic numbers
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, scores.shape[1] + 1))])
    own = np.arange(len(harmonic)) * (1 - harmonic)
    values = harmonic[n] + (own[upto] - own[before]) / np.maximum(size, 1) - 1
    row, place = np.nonzero(size == 0)  # only items that were seen have this score
    above = np.minimum(before[row, place], np.maximum(n[row, 0] - 1, 0))
    values[row, place] = harmonic[n[row, 0]] - harmonic[above] - 1
    values[n[:, 0] == 0] = 0
    result = np.empty_like(scores)
    np.put_along_axis(result, order, values, axis=1)
    return result


# --- the cold-start examination ---------------------------------------------------------------------


def withhold(ratings, labels, by="item") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make items or users new: all their interactions are hidden.

    Build the matrix with ``Interactions.from_frame(known, items=…, users=…)``, so that the new ones keep
    their empty columns or rows and the models have to score them.

    Parameters
    ----------
    ratings : pandas.DataFrame
    labels : list of labels
        The items or users to hide.
    by : str
        Name of the column that holds them.

    Returns
    -------
    known, hidden : pandas.DataFrame

    Raises
    ------
    InputError
        If the column or a label is missing, or nothing would be left on one side.

    Examples
    --------
    >>> ratings = pd.DataFrame({"user": ["ann", "bob", "bob"], "item": ["tea", "tea", "pot"]})
    >>> known, hidden = withhold(ratings, ["pot"])
    >>> hidden["user"].tolist()
    ['bob']
    """
    if by not in ratings.columns:
        raise InputError(f"ratings has no column {by!r}; its columns are {list(map(str, ratings.columns))}.")
    labels = pd.Index(labels)
    strange = labels[~labels.isin(ratings[by])]
    if len(strange):
        raise InputError(f"{by} {strange.tolist()[0]!r} has no interaction that could be withheld.")
    hide = ratings[by].isin(labels).to_numpy()
    if hide.all() or not hide.any():
        side = "known" if hide.all() else "hidden"
        raise InputError(f"Withholding {len(labels)} labels of {by} leaves the {side} part without rows.")
    return ratings[~hide], ratings[hide]


def recommend_among(model, users, items, n=10, exclude_seen=True, random_state=None) -> pd.DataFrame:
    """The n best of the given items for each user: an examination with a stated set of candidates.

    Parameters
    ----------
    model : Recommender
        Fitted.
    users, items : list of labels
        All with a row or a column of what the model was fitted on.
    n : int
    exclude_seen : bool
        Leave out what the user had when the model was fitted.
    random_state : int, optional
        With a seed, lot decides among items of equal score, for each user anew.  Without, the order of the
        labels does, and labels can leak: film numbers rise with the year of entry, so the smallest are the
        famous ones.

    Returns
    -------
    pandas.DataFrame
        As `Recommender.recommend`: user, item, rank, score.

    Raises
    ------
    InputError
        If `n` is no whole number of at least 1, or a user or an item is not known to the model or named
        twice.

    Examples
    --------
    >>> from bigmkt_helpers.recommenders import Popularity
    >>> frame = pd.DataFrame({"user": ["ann", "bob", "bob"], "item": ["tea", "tea", "pot"]})
    >>> model = Popularity().fit(Interactions.from_frame(frame, rating=None, items=["cup", "jug"]))
    >>> recommend_among(model, ["ann"], ["cup", "pot"])
      user item  rank  score
    0  ann  pot     1    0.5
    1  ann  cup     2    0.0
    """
    interactions = model._fitted()
    if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
        raise InputError(f"n must be a whole number of at least 1, not {n!r}.")
    places = {}
    for name, labels, known in (("user", users, interactions.users), ("item", items, interactions.items)):
        labels = pd.Index(labels)
        found = known.get_indexer(labels)
        if (found < 0).any():
            wrong = labels[found < 0].tolist()[0]
            raise InputError(f"{name} {wrong!r} has no place in what the model was fitted on.")
        if labels.has_duplicates:
            raise InputError(f"{name} {labels[labels.duplicated()].tolist()[0]!r} is named twice.")
        places[name] = found
    columns = np.sort(places["item"])
    rows = places["user"]
    chosen = np.full((len(rows), min(n, len(columns))), -1)
    values = np.full(chosen.shape, -np.inf)
    block = max(1, BLOCK_ELEMENTS // interactions.n_items)
    rng = None if random_state is None else np.random.default_rng(random_state)
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        scores = np.asarray(model._score(part), dtype=np.float64)[:, columns]
        if exclude_seen:
            cells = interactions.matrix[part][:, columns].tocoo()
            scores[cells.row, cells.col] = -np.inf
        if rng is None:
            best, value = top_k(scores, n)
        else:
            lot = rng.permuted(np.tile(np.arange(len(columns)), (len(part), 1)), axis=1)
            best, value = top_k(np.take_along_axis(scores, lot, axis=1), n)
            best = np.where(best >= 0, np.take_along_axis(lot, np.maximum(best, 0), axis=1), -1)
        chosen[start : start + block], values[start : start + block] = best, value
    row, rank = np.nonzero(chosen >= 0)
    return pd.DataFrame(
        {
            "user": interactions.users[rows[row]],
            "item": interactions.items[columns[chosen[row, rank]]],
            "rank": rank + 1,
            "score": values[row, rank],
        }
    )


# --- a model for new items --------------------------------------------------------------------------


class MappedFactors(Recommender):
    """Factors of an item predicted from what is said about it: taste learned from clicks, for new items too.

    A factor model learns a row of numbers for each user and each item.  A ridge regression learns to predict
    the item's numbers from its features, over the items that somebody has met.  The score is the user's row
    times the *predicted* row, for all items alike: so a new item is scored like any other.

    Parameters
    ----------
    items : pandas.DataFrame or callable
        The catalogue: the index holds the labels of the items.  Or a function that gets the items of the
        interactions (a pandas.Index) and looks their table up.
    features : ContentFeatures
        How to read it; a copy is fitted.
    factors : Recommender, optional
        With ``user_factors_`` and ``item_factors_`` once fitted; by default ``ImplicitALS(factors=16,
        regularisation=10, alpha=1, frequency_scaling=0)``.
    penalty : float
        Of the ridge regression, above 0.

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, n_factors)
    item_factors_ : ndarray of shape (n_items, n_factors)
        Predicted.

    Raises
    ------
    InputError
        In ``fit``, if an item is not in the catalogue, or a setting is not of its kind.

    Notes
    -----
    Gantner et al. (2010), "Learning attribute-to-feature mappings for cold-start recommendations".

    Memory: the features of the catalogue and both tables of factors.

    Examples
    --------
    >>> from bigmkt_helpers.recommenders.content import ContentFeatures
    >>> products = pd.DataFrame({"kind": ["tea", "tea", "tea", "lamp", "lamp"]}, index=list("abcde"))
    >>> frame = pd.DataFrame({"user": ["ann", "ann", "bob", "bob"], "item": ["a", "b", "a", "d"]})
    >>> model = MappedFactors(products, ContentFeatures(labels={"kind": None}), penalty=0.1)
    >>> model = model.fit(Interactions.from_frame(frame, rating=None, items=products.index))
    >>> model.recommend("ann", n=1)["item"].tolist()
    ['c']
    """

    def __init__(self, items, features, factors=None, penalty=10.0):
        self.items = items
        self.features = features
        self.factors = factors
        self.penalty = penalty

    def _fit(self, interactions):
        catalogue = self.items(interactions.items) if callable(self.items) else self.items
        if not isinstance(catalogue, pd.DataFrame):
            raise InputError(f"items is a {type(catalogue).__name__}: pass the catalogue as a DataFrame.")
        if not (isinstance(self.penalty, numbers.Real) and 0 < self.penalty < np.inf):
            raise InputError(f"penalty is {self.penalty!r}: it must be a number above 0.")
        rows = catalogue.index.get_indexer(interactions.items)
        if (rows < 0).any():
            lacking = interactions.items[rows < 0].tolist()[0]
            raise InputError(f"the catalogue has no row for item {lacking!r}: add one, empty if need be.")
        default = ImplicitALS(factors=16, regularisation=10, alpha=1, frequency_scaling=0)
        model = clone(default if self.factors is None else self.factors).fit(interactions)
        if not (hasattr(model, "user_factors_") and hasattr(model, "item_factors_")):
            raise InputError(f"factors is a {type(model).__name__}, which has no factors of users and items.")
        features = clone(self.features).fit(catalogue).transform(catalogue)[rows]
        met = np.bincount(interactions.matrix.indices, minlength=interactions.n_items) > 0
        ridge = Ridge(alpha=self.penalty, solver="sparse_cg", tol=1e-8)
        ridge.fit(features[met], np.asarray(model.item_factors_)[met])
        self.user_factors_ = np.asarray(model.user_factors_, dtype=np.float64)
        self.item_factors_ = ridge.predict(features).reshape(interactions.n_items, -1)

    def _score(self, positions):
        return self.user_factors_[positions] @ self.item_factors_.T


# --- what the hybrids share -------------------------------------------------------------------------


def _knowledge(users, items):
    """The regressors of `KNOWLEDGE` for counts of users and items whose shapes broadcast."""
    users, items = np.asarray(users, dtype=np.float64), np.asarray(items, dtype=np.float64)
    return [1.0, users / (users + HALF_KNOWN), (users == 0) * 1.0, (items == 0) * 1.0]


class _Hybrid(Recommender):
    """Parts on the scale of log-odds; a subclass says how they are put together.

    ``_learn(pairs)`` gets what `_pairs` returns, or None; ``_terms(scores, columns, users, items)`` returns
    an ndarray with the term of the counts and one term for each part, whose sum is the score.
    """

    def __init__(self, parts, hidden_share=0.2, new_share=0.2, n_negatives=50, penalty=1.0, random_state=0):
        self.parts = parts
        self.hidden_share = hidden_share
        self.new_share = new_share
        self.n_negatives = n_negatives
        self.penalty = penalty
        self.random_state = random_state

    def _fit(self, interactions):
        self._check(interactions)
        rng = np.random.default_rng(self.random_state)
        self._matrix = interactions.matrix
        self._known = _counts(interactions.matrix)
        sample = self._slice(interactions, rng)
        self._learn(None if sample is None else self._pairs(*sample))
        self.learned_ = sample is not None
        self.parts_ = {name: clone(part).fit(interactions) for name, part in self._named.items()}

    def _check(self, interactions):
        parts = self.parts
        if isinstance(parts, Mapping):
            named = dict(parts)
        elif isinstance(parts, list | tuple):
            named = {}
            for part in parts:
                name = type(part).__name__
                taken = sum(other.split(" ")[0] == name for other in named)
                named[f"{name} {taken + 1}" if taken else name] = part
        else:
            raise InputError(f"parts must be a list or a dict of recommenders, not {type(parts).__name__}.")
        if not named:
            raise InputError("parts is empty: a hybrid needs at least one recommender.")
        for name, part in named.items():
            if not isinstance(part, Recommender):
                raise InputError(f"parts: {name!r} is a {type(part).__name__}, not a recommender.")
        self._named = named
        for name in ("hidden_share", "new_share"):
            value = getattr(self, name)
            if not (isinstance(value, numbers.Real) and 0 < value < 1):
                raise InputError(f"{name} is {value!r}: it must lie between 0 and 1, both excluded.")
        negatives = self.n_negatives
        if not isinstance(negatives, numbers.Integral) or isinstance(negatives, bool) or negatives < 1:
            raise InputError(f"n_negatives must be a whole number of at least 1, not {negatives!r}.")
        if not (isinstance(self.penalty, numbers.Real) and 0 < self.penalty < np.inf):
            raise InputError(f"penalty is {self.penalty!r}: it must be a number above 0.")
        seed = self.random_state
        if not isinstance(seed, numbers.Integral) or isinstance(seed, bool) or seed < 0:
            raise InputError(f"random_state must be a whole number of at least 0, not {seed!r}.")

    def _slice(self, interactions, rng):
        """Hide some interactions, all those of some users and items, and all but a few of some more users.

        Returns what is left, how much is known of users and items, and the pairs to learn from: user, item,
        whether hidden, weight.  None if there is nothing to learn from: too little hidden, nothing left, or
        no pair without interaction.
        """
        matrix = interactions.matrix
        n_users, n_items = matrix.shape
        # who is new already can neither be made new nor teach anything: there is no hit to be seen
        met_users, met_items = (np.flatnonzero(count) for count in self._known)
        new_users = _some(rng, met_users, n_users, self.new_share)
        new_items = _some(rng, met_items, n_items, self.new_share)
        # nobody goes from stranger to regular in one step: as many users again keep a few interactions
        nearly_new = _some(rng, np.flatnonzero(self._known[0] * ~new_users), n_users, self.new_share)
        few = np.where(nearly_new, rng.choice(FIRST_STEPS, n_users), n_users * n_items)
        cells = matrix.tocoo()
        new = new_users[cells.row] | new_items[cells.col]
        lot = rng.random(matrix.nnz)
        place = np.empty(matrix.nnz, dtype=np.int64)  # of the interaction among those of its user, by lot
        place[np.lexsort((lot, cells.row))] = np.arange(matrix.nnz)
        new |= place - matrix.indptr[cells.row] >= few[cells.row]
        hidden = new | (~nearly_new[cells.row] & (rng.random(matrix.nnz) < self.hidden_share))
        if hidden.all():
            return None
        left = sparse.csr_array(
            (cells.data[~hidden], (cells.row[~hidden], cells.col[~hidden])), shape=matrix.shape
        )
        known = Interactions(
            left, interactions.users, interactions.items, interactions.explicit, interactions.scale
        )
        # counted in all the data, as they will be when it recommends, but for those made new or nearly new
        counts = [
            np.where((now > 0) & ~made, ever, now)
            for now, ever, made in zip(
                _counts(left), self._known, (nearly_new, np.zeros(n_items, dtype=bool)), strict=True
            )
        ]
        asked = np.sort(rng.choice(met_users, min(len(met_users), MOST_USERS), replace=False))
        among = np.isin(cells.row, asked) & hidden
        if among.sum() < LEAST_HITS:
            return None
        # of the known only a share is hidden; the new must not look more likely for being hidden whole, so
        # each of their interactions is that share of a hit, and a miss for the rest
        hits = np.where(new, self.hidden_share, 1.0)[among]
        part = hits < 1
        drawn = np.repeat(asked, self.n_negatives)
        items = rng.choice(met_items, size=len(drawn))
        met = np.isin(drawn * n_items + items, cells.row.astype(np.int64) * n_items + cells.col)
        drawn, items = drawn[~met], items[~met]
        if not len(drawn):
            return None
        free = len(met_items) - self._known[0]
        misses = (free / np.maximum(np.bincount(drawn, minlength=n_users), 1))[drawn]
        return (
            known,
            counts,
            np.concatenate([cells.row[among], cells.row[among][part], drawn]),
            np.concatenate([cells.col[among], cells.col[among][part], items]),
            np.concatenate([np.ones(len(hits)), np.zeros(part.sum() + len(drawn))]),
            np.concatenate([hits, 1 - hits[part], misses]),
        )

    def _pairs(self, known, counts, users, items, hits, weights):
        """Rank scores of the pairs by part, their regressors and counts, hits and weights."""
        order = np.argsort(users, kind="stable")
        users, items, hits, weights = users[order], items[order], hits[order], weights[order]
        scores = np.empty((len(self._named), len(users)))
        asked = np.unique(users)
        block = max(1, BLOCK_ELEMENTS // known.n_items)
        fitted = [clone(part).fit(known) for part in self._named.values()]
        for start in range(0, len(asked), block):
            rows = asked[start : start + block]
            low, high = np.searchsorted(users, [rows[0], rows[-1] + 1])
            place = np.searchsorted(rows, users[low:high])
            for row, part in zip(scores, fitted, strict=True):
                row[low:high] = self._ranked(part, rows, known.matrix)[place, items[low:high]]
        counts = counts[0][users], counts[1][items]
        return scores, _knowledge(*counts), counts, hits, weights

    def _ranked(self, part, positions, matrix):
        scores = np.asarray(part._score(positions), dtype=np.float64)
        expected = (len(positions), matrix.shape[1])
        if scores.shape != expected:
            name = type(part).__name__
            raise InputError(f"{name} scores {scores.shape} cells where {expected} are asked for.")
        if np.isnan(scores).any():
            raise InputError(f"{type(part).__name__} gives a score that is not a number.")
        return rank_scores(scores, matrix[positions])

    def _calibrate(self, scores, columns, hits, weights):
        """Coefficients of log-odds, one row for the counts and one for each part: see `_log_odds`."""
        prior = np.zeros((len(scores) + 1, len(KNOWLEDGE)))
        prior[1:, 0] = 1 / len(scores)
        if hits is None or hits.all() or not hits.any():
            return prior
        design = [np.broadcast_to(column, hits.shape) for column in columns]
        rows = [np.ones_like(hits), *scores]
        table = np.column_stack([row * column for row in rows for column in design])
        start = prior.ravel().copy()
        start[0] = np.log(weights[hits > 0].sum() / weights[hits == 0].sum())
        found = _penalised_logistic(table, hits, weights, start, self.penalty)
        return found.reshape(prior.shape)

    def _calibrate_each(self, pairs):
        """Coefficients of each part as if it were alone."""
        scores, columns, hits, weights = _without_counts(pairs, len(self._named))
        return [self._calibrate(one[None, :], columns, hits, weights) for one in scores]

    def _score(self, positions):
        return self._all_terms(positions)[0].sum(axis=0)

    def _all_terms(self, positions):
        scores = np.stack([self._ranked(part, positions, self._matrix) for part in self.parts_.values()])
        users, items = self._known[0][positions][:, None], self._known[1][None, :]
        return self._terms(scores, _knowledge(users, items), users, items), scores

    def explain(self, users, items=None, n=10) -> pd.DataFrame:
        """Which part contributed what to the scores.

        Parameters
        ----------
        users : label or list of labels
            Known to the hybrid; a row without interaction is enough.
        items : list of labels, optional
            Known to the hybrid; by default those recommended to each user.
        n : int
            How many are recommended.

        Returns
        -------
        pandas.DataFrame
            One row per user, item and part, and one for the counts alone: columns user, item, part, rank (the
            item's place among the user's unseen items, by that part; missing for the counts) and
            contribution, in log-odds. The contributions of a user and an item add up to the score.

        Raises
        ------
        InputError
            If a user or an item is not known.
        """
        interactions = self._fitted()
        labels = pd.Index([users] if isinstance(users, str) or not np.iterable(users) else users)
        positions = interactions.user_positions(labels)
        if (positions < 0).any():
            raise InputError(f"user {labels[positions < 0].tolist()[0]!r} is not known to the hybrid.")
        frames = []
        for label, position in zip(labels, positions, strict=True):
            asked = self.recommend([label], n)["item"] if items is None else pd.Index(items)
            columns = interactions.item_positions(asked)
            if (columns < 0).any():
                raise InputError(f"item {list(asked)[np.argmax(columns < 0)]!r} is not known to the hybrid.")
            terms, scores = self._all_terms(np.array([position]))
            seen = np.zeros(interactions.n_items, dtype=bool)
            seen[interactions.matrix[[position]].indices] = True
            rank = [
                (scores[:, :1, ~seen] > scores[:, 0, column][:, None, None]).sum(axis=(1, 2)) + 1
                for column in columns
            ]
            frames.append(
                pd.DataFrame(
                    {
                        "user": label,
                        "item": np.repeat(interactions.items[columns], len(terms)),
                        "part": ["counts", *self.parts_] * len(columns),
                        "rank": np.concatenate([[np.nan, *places] for places in rank]),
                        "contribution": terms[:, 0, columns].T.ravel(),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)


class WeightedHybrid(_Hybrid):
    """Weighted mean of the parts' log-odds of a hit.

    Each part alone is calibrated on a hidden slice of the training data: the log-odds of a hit are a linear
    function of its rank score (`rank_scores`), whose intercept and slope depend on how much is known of the
    user and of the item (`KNOWLEDGE`).  The weights are the same for everybody: that is what `StackedHybrid`
    mends.

    Parameters
    ----------
    parts : list of Recommender, or dict from a name to a Recommender
        Copies of them are fitted, on a part of the data to learn and on all of them to recommend; what a part
        was fitted on before does not matter.
    weights : list of float, optional
        One for each part, 0 or more and not all 0; by default all the same.
    hidden_share : float
        Share of the interactions of known users and items that are hidden to learn from.
    new_share : float
        Share of the users, and of the items, that are made new: all their interactions are hidden.  As many
        users again are made nearly new: all but a few (`FIRST_STEPS`) of theirs are hidden.
    n_negatives : int
        Items without interaction drawn for each user.
    penalty : float
        Above 0: ½ · penalty · Σ (coefficient - prior)² is added to the summed loss in nats. The prior is a
        slope of 1 divided by the number of parts, and 0 for all else.
    random_state : int
        Seed of the hiding and the drawing.

    Attributes
    ----------
    parts_ : dict from name to fitted Recommender
    learned_ : bool
        Whether there was anything to learn from; if not (fewer than `LEAST_HITS` interactions hidden, or
        nobody without one) the prior stands, and each part counts by its ranks.
    effects_ : dict from name to pandas.DataFrame
        Of each part: rows counts and the part, columns `KNOWLEDGE`.

    Raises
    ------
    InputError
        In ``fit``: no part, something that is no recommender, weights or shares out of range.

    Notes
    -----
    "Weighted hybrid" as in Burke (2002), "Hybrid recommender systems: survey and experiments".
    A mean of log-odds is a logarithmic opinion pool.  A hit is one of the next interactions, as many as
    `hidden_share` of those that are known.  An interaction of a user or item made new therefore counts as
    that share of a hit: otherwise the new would look more likely, since all of theirs is hidden.

    Memory: that of the parts, and as many scores again for each part as the base class holds at once.

    Examples
    --------
    >>> from bigmkt_helpers.recommenders import EASE, Popularity
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve", "dan"],
    ...      "item": ["tea", "pot", "tea", "pot", "tea", "cup"]}
    ... )
    >>> model = WeightedHybrid([EASE(regularisation=1.0), Popularity()], weights=[2, 1])
    >>> model.fit(Interactions.from_frame(frame, rating=None)).recommend("eve")["item"].tolist()
    ['pot', 'cup']
    """

    def __init__(
        self,
        parts,
        weights=None,
        hidden_share=0.2,
        new_share=0.2,
        n_negatives=50,
        penalty=1.0,
        random_state=0,
    ):
        super().__init__(parts, hidden_share, new_share, n_negatives, penalty, random_state)
        self.weights = weights

    def _check(self, interactions):
        super()._check(interactions)
        self._weights = check_weights(len(self._named), self.weights, "parts")

    def reweigh(self, weights) -> "WeightedHybrid":
        """Change the weights without fitting again, as for choosing them on held-out data; returns self."""
        self._fitted()
        self._weights = check_weights(len(self.parts_), weights, "parts")
        self.weights = weights
        return self

    def _learn(self, pairs):
        self._coefficients = self._calibrate_each(pairs)
        self.effects_ = {
            name: _effects(one, [name]) for name, one in zip(self._named, self._coefficients, strict=True)
        }

    def _terms(self, scores, columns, users, items):
        terms = np.zeros((len(scores) + 1, *scores.shape[1:]))
        for place, weight in enumerate(self._weights):
            intercept, slope = _at(self._coefficients[place], columns)
            terms[0] += weight * intercept
            terms[place + 1] = weight * slope * scores[place]
        return terms


class SwitchingHybrid(_Hybrid):
    """One part speaks for each pair of user and item, by how much is known of the two.

    The parts are calibrated as in `WeightedHybrid`, so that a list may hold items for which different parts
    spoke.

    Parameters
    ----------
    parts : list of Recommender, or dict from a name to a Recommender
        In the order of preference.
    minimum : list of pairs of int, optional
        For each part the least number of interactions of the user and of the item for which it speaks; the
        first part that may, speaks.  The last pair must be (0, 0).  By default it is learned: users and
        items are grouped by their interactions (`GROUPS`), and in each pair of groups that part speaks
        which had the smallest loss (in nats) on the hidden slice.
    hidden_share, new_share, n_negatives, penalty, random_state
        As in `WeightedHybrid`.

    Attributes
    ----------
    table_ : pandas.DataFrame
        Which part speaks; rows: least number of interactions of the user, columns: of the item.
    parts_, learned_, effects_
        As in `WeightedHybrid`.

    Raises
    ------
    InputError
        In ``fit``, as in `WeightedHybrid`, and if `minimum` does not fit.

    Notes
    -----
    "Switching hybrid" as in Burke (2002).

    Examples
    --------
    >>> from bigmkt_helpers.recommenders import EASE, Popularity
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve", "dan"],
    ...      "item": ["tea", "pot", "tea", "pot", "tea", "cup"]}
    ... )
    >>> parts = {"EASE": EASE(regularisation=1.0), "popular": Popularity()}
    >>> model = SwitchingHybrid(parts, minimum=[(1, 1), (0, 0)])
    >>> model.fit(Interactions.from_frame(frame, rating=None, users=["zoe"])).table_
             0        1
    0  popular  popular
    1  popular     EASE
    """

    def __init__(
        self,
        parts,
        minimum=None,
        hidden_share=0.2,
        new_share=0.2,
        n_negatives=50,
        penalty=1.0,
        random_state=0,
    ):
        super().__init__(parts, hidden_share, new_share, n_negatives, penalty, random_state)
        self.minimum = minimum

    def _check(self, interactions):
        super()._check(interactions)
        if self.minimum is None:
            return
        try:
            minimum = np.array([[int(user), int(item)] for user, item in self.minimum])
        except (TypeError, ValueError):
            raise InputError(
                f"minimum is {self.minimum!r}: give each part a pair (of the user, of the item) of counts."
            ) from None
        if len(minimum) != len(self._named):
            raise InputError(f"there are {len(self._named)} parts: give as many minima, not {len(minimum)}.")
        if (minimum < 0).any() or minimum[-1].any():
            raise InputError("minimum must be 0 or more, and (0, 0) for the last part, which takes the rest.")
        self._minimum = minimum

    def _learn(self, pairs):
        self._coefficients = self._calibrate_each(pairs)
        names = list(self._named)
        self.effects_ = {
            name: _effects(one, [name]) for name, one in zip(names, self._coefficients, strict=True)
        }
        if self.minimum is not None:
            self._edges = [np.unique(np.append(0, self._minimum[:, side])) for side in (0, 1)]
            may = np.array(
                [
                    (self._edges[0][:, None] >= user) & (self._edges[1][None, :] >= item)
                    for user, item in self._minimum
                ]
            )
            choice = may.argmax(axis=0)
        else:
            self._edges = [np.array(GROUPS)] * 2
            choice = self._choose(pairs)
        self._choice = choice
        self.table_ = pd.DataFrame(np.array(names)[choice], index=self._edges[0], columns=self._edges[1])

    def _choose(self, pairs):
        shape = len(self._edges[0]), len(self._edges[1])
        if pairs is None:
            return np.zeros(shape, dtype=int)
        scores, columns, counts, hits, weights = pairs
        group = self._group(*counts)
        losses = np.zeros((len(scores), *shape))
        for place, own in enumerate(scores):
            intercept, slope = _at(self._coefficients[place], columns)
            logit = intercept + slope * own
            np.add.at(losses[place], group, weights * (np.logaddexp(0, logit) - hits * logit))
        n_hits = np.zeros(shape)
        np.add.at(n_hits, group, hits)
        # a group with few hits follows all pairs of its kind of item, and these follow all
        overall = losses.sum(axis=(1, 2)).argmin()
        by_item = np.where(n_hits.sum(axis=0) >= LEAST_HITS, losses.sum(axis=1).argmin(axis=0), overall)
        return np.where(n_hits >= LEAST_HITS, losses.argmin(axis=0), by_item[None, :])

    def _group(self, users, items):
        return tuple(
            np.searchsorted(edges, counts, side="right") - 1
            for edges, counts in zip(self._edges, (users, items), strict=True)
        )

    def _terms(self, scores, columns, users, items):
        speaks = self._choice[self._group(users, items)]
        terms = np.zeros((len(scores) + 1, *scores.shape[1:]))
        for place, coefficients in enumerate(self._coefficients):
            intercept, slope = _at(coefficients, columns)
            here = speaks == place
            terms[0] += here * intercept
            terms[place + 1] = here * slope * scores[place]
        return terms


class StackedHybrid(_Hybrid):
    """A logistic regression on the parts' rank scores learns whom to trust when.

    log-odds of a hit = a(user, item) + Σ b_p(user, item) · rank score of part p.  The intercept a and every
    slope b_p are linear in the columns of `KNOWLEDGE`: 1, how much is known of the user, whether the user is
    new, whether the item is new.  Where such a line falls below 0 the slope counts as 0: a part can be
    silenced, but its list is never turned upside down.  The hidden slice that it learns from holds users and
    items of whom nothing was left, so it learns what a part is worth for them.

    Parameters
    ----------
    parts, hidden_share, new_share, n_negatives, penalty, random_state
        As in `WeightedHybrid`.

    Attributes
    ----------
    effects_ : pandas.DataFrame
        Coefficients; rows: counts, then the parts; columns: `KNOWLEDGE`.  `trust` adds them up.
    parts_, learned_
        As in `WeightedHybrid`.

    Raises
    ------
    InputError
        In ``fit``, as in `WeightedHybrid`.

    Notes
    -----
    Stacking: Wolpert (1992), "Stacked generalization"; with slopes that depend on features of the pair: Sill
    et al. (2009), "Feature-weighted linear stacking".

    Examples
    --------
    >>> from bigmkt_helpers.recommenders import EASE, Popularity
    >>> frame = pd.DataFrame(
    ...     {"user": ["ann", "ann", "bob", "bob", "eve", "dan"],
    ...      "item": ["tea", "pot", "tea", "pot", "tea", "cup"]}
    ... )
    >>> model = StackedHybrid([EASE(regularisation=1.0), Popularity()])
    >>> model = model.fit(Interactions.from_frame(frame, rating=None))
    >>> told = model.explain("eve", ["pot"])
    >>> told["part"].tolist()
    ['counts', 'EASE', 'Popularity']
    >>> score = model.recommend("eve", n=1)["score"].iloc[0]
    >>> bool(np.isclose(told["contribution"].sum(), score))
    True
    """

    def _learn(self, pairs):
        scores, columns, hits, weights = _without_counts(pairs, len(self._named))
        self._coefficients = self._calibrate(scores, columns, hits, weights)
        self.effects_ = _effects(self._coefficients, self._named)

    def trust(self, users, items) -> pd.DataFrame:
        """The slope of each part for given numbers of interactions: what a step in rank is worth.

        Parameters
        ----------
        users, items : list of int, of the same length
            Interactions of the user and of the item; 0 for the new.

        Returns
        -------
        pandas.DataFrame
            One row per pair: columns user, item, then the parts; in log-odds per unit of rank score.
        """
        self._fitted()
        users, items = np.atleast_1d(users), np.atleast_1d(items)
        if users.shape != items.shape or users.ndim != 1 or min(users.min(), items.min()) < 0:
            raise InputError("users and items must be lists of as many counts, each 0 or more.")
        columns = _knowledge(users, items)
        slopes = {
            name: _slope(one, columns) for name, one in zip(self.parts_, self._coefficients[1:], strict=True)
        }
        return pd.DataFrame({"user": users, "item": items} | slopes)

    def _terms(self, scores, columns, users, items):
        return np.stack(
            [np.broadcast_to(_linear(self._coefficients[0], columns), scores.shape[1:])]
            + [
                _slope(one, columns) * score
                for one, score in zip(self._coefficients[1:], scores, strict=True)
            ]
        )


def _counts(matrix):
    """Interactions of every user and of every item."""
    return np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=matrix.shape[1])


def _some(rng, places, n, share):
    """Which of n are drawn: a share of the places, rounded down."""
    drawn = np.zeros(n, dtype=bool)
    drawn[rng.choice(places, int(share * len(places)), replace=False)] = True
    return drawn


def _without_counts(pairs, n_parts):
    if pairs is None:
        return np.empty((n_parts, 0)), None, None, None
    scores, columns, _, hits, weights = pairs
    return scores, columns, hits, weights


def _linear(coefficients, columns):
    return sum(coefficient * column for coefficient, column in zip(coefficients, columns, strict=True))


def _slope(coefficients, columns):
    """A slope of the stack, never below 0.

    For users of whom little is known the regression has few hits, and a list turned upside down by chance
    ranks worse than no list.
    """
    return np.maximum(_linear(coefficients, columns), 0.0)


def _at(coefficients, columns):
    """Intercept and slope of a part calibrated alone."""
    return [_linear(one, columns) for one in coefficients]


def _effects(coefficients, names):
    return pd.DataFrame(coefficients, index=["counts", *names], columns=list(KNOWLEDGE))


def _penalised_logistic(table, hits, weights, prior, penalty, steps=50):
    """Minimise Σ w (log(1 + e^η) - y η) + ½ penalty |β - prior|² by Newton's method, halving long steps."""

    def loss(beta):
        logit = table @ beta
        return weights @ (np.logaddexp(0, logit) - hits * logit) + penalty / 2 * np.sum((beta - prior) ** 2)

    beta, best = prior.copy(), loss(prior)
    for _ in range(steps):
        p = expit(table @ beta)
        gradient = table.T @ (weights * (p - hits)) + penalty * (beta - prior)
        curvature = (table * (weights * p * (1 - p))[:, None]).T @ table + penalty * np.eye(len(beta))
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (new := loss(beta - size * step)) > best and size > 1e-6:
            size /= 2
        if new > best:
            break
        beta, gained, best = beta - size * step, best - new, new
        if gained <= 1e-10 * abs(best):
            break
    return beta
