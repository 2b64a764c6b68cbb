"""Recommendations from what is said about the products, so that one needs no buyer to be recommended.

`ContentFeatures` turns a table of products (texts, labels, numbers) into one sparse row per product;
`ContentRecommender` gives every customer a profile, the weighted sum of the rows of the products that they
met, and ranks the products by the cosine with it.
"""

import numbers as numeric
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.recommenders.base import Recommender
from bigmkt_helpers.similarity import tf_idf, top_k
from bigmkt_helpers.text import TextFeatures

__all__ = ["ContentFeatures", "ContentRecommender"]


class ContentFeatures(TransformerMixin, BaseEstimator):
    """A table of products as a sparse matrix: one row per product, one column per feature.

    Each column of the table that is named makes a *block* of features.  Blocks of text and of labels are
    scaled to length 1 in every row, then every block is multiplied by the square root of its weight: so the
    cosine of two products that have all these blocks is the weighted mean of their cosines block by block.

    Parameters
    ----------
    text : mapping of str to tokeniser, optional
        Columns with text, and how to cut each into tokens: see `text.TextFeatures`.
    labels : mapping of str to str or None, optional
        Columns with labels (one-hot, 0 or 1), and the sign that separates several labels in one cell, as
        "|" in "Comedy|Drama"; None where a cell holds one label.
    numbers : iterable of str, optional
        Columns with numbers: they are standardised (mean 0, standard deviation 1), held to ±3, and divided by
        the square root of how many such columns there are.
    weights : mapping of str to float, optional
        Weight of a block, by the name of its column, 0 or more; 1 where nothing is said.
    weighting : {"tf_idf", "bm25", "count", "binary"}
        Of the tokens of all texts.
    label_weighting : {None, "tf_idf"}
        Whether rare labels count more than common ones, before the row is scaled to length 1.

    Attributes
    ----------
    blocks_ : dict of str to slice
        The columns of each block.

    Notes
    -----
    Missing values: an empty text, a missing label and a missing number make no cell, so the product is
    neither like nor unlike any other in that block.  A missing number so counts as the mean.  Labels and
    tokens that were not there in ``fit`` are ignored in ``transform``.  The cosine looks at the direction of
    a row: where numbers stand beside blocks of fixed length, numbers far from the mean get a larger share.

    Examples
    --------
    >>> products = pd.DataFrame(
    ...     {"title": ["green tea", "black tea", "desk lamp"], "category": ["tea", "tea", None],
    ...      "price": [30.0, 20.0, 100.0]}, index=["a", "b", "c"]
    ... )
    >>> features = ContentFeatures(
    ...     text={"title": "words"}, labels={"category": None}, numbers=["price"], weights={"category": 4}
    ... )
    >>> matrix = features.fit_transform(products)
    >>> pd.DataFrame(matrix.toarray(), products.index, features.get_feature_names_out()).round(2).T
                      a     b     c
    title: black   0.00  0.94  0.00
    title: desk    0.00  0.00  0.71
    title: green   0.94  0.00  0.00
    title: lamp    0.00  0.00  0.71
    title: tea     0.35  0.35  0.00
    category: tea  2.00  2.00  0.00
    price         -0.56 -0.84  1.40
    """

    def __init__(
        self, text=None, labels=None, numbers=(), weights=None, weighting="tf_idf", label_weighting=None
    ):
        self.text = text
        self.labels = labels
        self.numbers = numbers
        self.weights = weights
        self.weighting = weighting
        self.label_weighting = label_weighting

    def fit(self, items: pd.DataFrame, y=None) -> "ContentFeatures":
        """Learn tokens, labels, rarities, means and deviations.

        Parameters
        ----------
        items : pandas.DataFrame
            One row per product; other columns are not read.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If a column is missing or named twice, holds the wrong kind of values, a weight is negative, or no
            column is named.
        """
        self._learn(items)
        return self

    def fit_transform(self, items: pd.DataFrame, y=None, **parameters) -> sparse.csr_array:
        """As ``fit``, then ``transform`` of the same products; each text is cut into tokens only once."""
        return self._join(self._learn(items))

    def _learn(self, items):
        """Fit every block; returns what each makes of the same products, by column."""
        text, labels, figures = self._columns(items)
        if self.label_weighting not in (None, "tf_idf"):
            raise InputError(f'label_weighting must be None or "tf_idf", not {self.label_weighting!r}.')
        self._blocks, parts = {}, {}
        for name, tokens in text.items():
            self._blocks[name] = TextFeatures(tokens, self.weighting)
            parts[name] = self._named(name, self._blocks[name].fit_transform, items)
        for name, separator in labels.items():
            self._blocks[name] = _Labels(separator, self.label_weighting).fit(items[name], name)
        for name in figures:
            self._blocks[name] = _Number(len(figures)).fit(items[name], name)
        self.blocks_, start = {}, 0
        for name, block in self._blocks.items():
            stop = start + len(block.get_feature_names_out())
            self.blocks_[name], start = slice(start, stop), stop
            if name not in parts:
                parts[name] = block.transform(items[name])
        return parts

    def transform(self, items: pd.DataFrame) -> sparse.csr_array:
        """The features of products, also of others than those of ``fit``.

        Parameters
        ----------
        items : pandas.DataFrame
            With the columns of ``fit``.

        Returns
        -------
        scipy.sparse.csr_array of shape (n_products, n_features)
            Rows in the order of `items`; a row without a stored cell is a product of which nothing is known.
        """
        if not hasattr(self, "blocks_"):
            raise NotFittedError("ContentFeatures has not learned anything yet: call fit(items) first.")
        self._columns(items)
        return self._join(
            {name: self._named(name, block.transform, items) for name, block in self._blocks.items()}
        )

    def _join(self, parts):
        weights = self.weights or {}
        scaled = []
        for name, block in self._blocks.items():
            part = parts[name] if isinstance(block, _Number) else _unit_rows(parts[name])
            scaled.append(part * np.sqrt(weights.get(name, 1.0)))
        matrix = sparse.csr_array(sparse.hstack(scaled, format="csr"))
        matrix.eliminate_zeros()
        matrix.sort_indices()
        return matrix

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Names of the columns: the column of the table, and the token or the label."""
        if not hasattr(self, "blocks_"):
            raise NotFittedError("ContentFeatures has not learned anything yet: call fit(items) first.")
        names = [
            name if isinstance(block, _Number) else f"{name}: {feature}"
            for name, block in self._blocks.items()
            for feature in block.get_feature_names_out()
        ]
        return np.array(names, dtype=object)

    def _columns(self, items):
        if not isinstance(items, pd.DataFrame):
            raise InputError(f"the products are a {type(items).__name__}: pass a DataFrame, one row each.")
        if isinstance(self.numbers, str):
            raise InputError(f"numbers is the text {self.numbers!r}: give a list of columns.")
        text, labels, figures = dict(self.text or {}), dict(self.labels or {}), list(self.numbers or [])
        names = [*text, *labels, *figures]
        if not names:
            raise InputError("no column is named: give text, labels or numbers.")
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise InputError(f"column {twice[0]!r} is named twice: use it as text, as labels or as a number.")
        missing = [name for name in names if name not in items.columns]
        if missing:
            raise InputError(
                f"the products have no column {missing[0]!r}; they have {', '.join(map(str, items.columns))}."
            )
        for name, weight in (self.weights or {}).items():
            if name not in names:
                raise InputError(f"weights names {name!r}, which is none of {', '.join(names)}.")
            if not (isinstance(weight, numeric.Real) and 0 <= weight < np.inf):
                raise InputError(f"the weight of {name!r} must be a number of at least 0, not {weight!r}.")
        return text, labels, figures

    @staticmethod
    def _named(name, function, items):
        try:
            return function(items[name])
        except InputError as error:
            raise InputError(f"column {name!r}: {error}") from None


class _Labels:
    """One column per label, 1 where the product has it."""

    def __init__(self, separator, weighting):
        self.separator, self.weighting = separator, weighting

    def fit(self, column, name):
        self.name = name
        self.labels = sorted({label for cell in self._cells(column) for label in cell})
        self._place = {label: place for place, label in enumerate(self.labels)}
        self.rarity = np.ones(len(self.labels))
        if self.weighting == "tf_idf" and self.labels:
            self.rarity = tf_idf(self.transform(column)).max(axis=0).toarray().ravel()
        return self

    def transform(self, column):
        cells = [
            sorted({self._place[label] for label in cell if label in self._place})
            for cell in self._cells(column)
        ]
        bounds = np.concatenate(([0], np.cumsum([len(cell) for cell in cells], dtype=np.int64)))
        columns = np.array([place for cell in cells for place in cell], dtype=np.int32)
        return sparse.csr_array((self.rarity[columns], columns, bounds), shape=(len(cells), len(self.labels)))

    def get_feature_names_out(self):
        return self.labels

    def _cells(self, column):
        missing = column.isna().to_numpy()
        for value, empty in zip(column.tolist(), missing):
            if empty:
                yield []
            elif self.separator is None:
                yield [str(value)] if str(value).strip() else []
            elif not isinstance(value, str):
                raise InputError(f"{value!r} is no text: only text can be split at {self.separator!r}.")
            else:
                yield [part.strip() for part in value.split(self.separator) if part.strip()]


class _Number:
    """One column: standardised, held to ±3, 0 where the number is missing."""

    def __init__(self, n_columns):
        self.n_columns = n_columns

    def fit(self, column, name):
        self.name = name
        values = self._values(column)
        known = values[~np.isnan(values)]
        self.mean = float(known.mean()) if len(known) else 0.0
        self.deviation = float(known.std()) if len(known) else 0.0
        if self.deviation <= 1e-12 * max(abs(self.mean), 1e-300):
            self.deviation = 0.0  # a constant, but for rounding, says nothing
        return self

    def transform(self, column):
        values = self._values(column)
        z = np.zeros(len(values))
        if self.deviation:
            z = np.clip((np.nan_to_num(values, nan=self.mean) - self.mean) / self.deviation, -3, 3)
        return sparse.csr_array(z[:, None] / np.sqrt(self.n_columns))

    def get_feature_names_out(self):
        return [self.name]

    def _values(self, column):
        try:
            values = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            wrong = next(
                value for value in column if pd.isna(pd.to_numeric(pd.Series([value]), errors="coerce")).all()
            )
            raise InputError(f"{wrong!r} is no number: mend it, or leave it missing.") from None
        if np.isinf(values).any():
            place = int(np.argmax(np.isinf(values)))
            raise InputError(
                f"the number of {column.index[place]!r} is infinite: mend it, or leave it missing."
            )
        return values


class ContentRecommender(Recommender):
    """Products like those that a customer liked, unlike those that they disliked, by what is said about them.

    With weights w of the products that the customer met, and x the features of a product, the profile is

        p = Σ₊ w·x / Σ₊ w − `negative` · Σ₋ |w|·x / Σ₋ |w| ,

    the sums over the products with w above and below 0, and the score of a product is the cosine of p and x,
    from −1 to 1.  So a product that nobody has met yet is ranked like any other.

    Parameters
    ----------
    items : pandas.DataFrame or callable
        The catalogue: the index holds the labels of the products, as in the interactions.  Or a function that
        gets the items of the interactions (a pandas.Index) and looks their table up.
    features : ContentFeatures
        How to read it; a copy is fitted to the whole catalogue.
    neutral : "mean" or float
        What is subtracted from a rating to get its weight: the customer's own mean, drawn towards the mean of
        all ratings as if by `damping` ratings of that size, or a number.  Where the interactions are implicit
        the weight is the value itself (1, or the number of purchases).
    damping : float
        See `neutral`; at least 0.
    negative : float
        How much the disliked products count, beside the liked ones; 0 ignores them.

    Attributes
    ----------
    features_ : ContentFeatures
    catalogue_ : pandas.Index
        The labels of the whole catalogue: `nearest`, `recommend_for_profile` and `audience` use all of it.
    profiles_ : scipy.sparse.csr_array of shape (n_users, n_features)
        Scaled to length 1; a row without a cell belongs to somebody of whom nothing is known.

    Notes
    -----
    ``recommend`` ranks the items of the interactions, as every recommender here does.  To have it rank
    products that nobody has met, give them a column: ``Interactions.from_frame(frame, items=labels)``, with
    the labels of the catalogue.  Collaborative models then score the same columns, and their scores can be
    combined.

    The profile is Rocchio's, as in Manning, Raghavan & Schütze (2008), section 9.1.1, without a first query
    and with the two means weighted by the ratings.  A customer whose ratings all equal the neutral point gets
    the plain mean of what they met.  Where nothing is known of the customer or of the product, the score is
    0, and equal scores are ranked in the order of the labels; ``recommend`` gives a customer without any
    interaction the best-sellers, as every recommender here does.

    Memory: the profiles, which have at most as many cells as the features of all products met.

    Examples
    --------
    >>> from bigmkt_helpers.recommenders import Interactions
    >>> products = pd.DataFrame(
    ...     {"title": ["green tea", "black tea", "tea pot", "desk lamp", "wall lamp"]}, index=list("abcde")
    ... )
    >>> ratings = pd.DataFrame({"user": ["ann", "ann"], "item": ["a", "d"], "rating": [5, 1]})
    >>> known = Interactions.from_frame(ratings, scale=(1, 5), items=products.index)
    >>> model = ContentRecommender(products, ContentFeatures(text={"title": "words"})).fit(known)
    >>> model.recommend("ann", n=3).round(3)
      user item  rank  score
    0  ann    b     1  0.089
    1  ann    c     2  0.089
    2  ann    e     3 -0.059
    """

    def __init__(self, items, features, neutral="mean", damping=5.0, negative=0.25):
        self.items = items
        self.features = features
        self.neutral = neutral
        self.damping = damping
        self.negative = negative

    def _fit(self, interactions):
        if not isinstance(self.features, ContentFeatures):
            raise InputError("features must be a ContentFeatures: say which columns to read, and how.")
        self._check_settings()
        items = self.items(interactions.items) if callable(self.items) else self.items
        self.features_ = clone(self.features)
        matrix = self.features_.fit_transform(items)
        self.catalogue_ = _catalogue(items)
        rows = self.catalogue_.get_indexer(interactions.items)
        if (rows < 0).any():
            lacking = interactions.items[rows < 0]
            raise InputError(
                f"the catalogue lacks {len(lacking)} of the {interactions.n_items} items of the interactions "
                f"(first: {lacking.tolist()[0]!r}): add a row for each, empty if need be."
            )
        self._matrix = _unit_rows(matrix)
        self._own = self._matrix[rows]
        self._items = items
        self._positive, self._negative = self._weights(interactions)
        self._parts = [part @ self._own for part in (self._positive, self._negative)]
        self._combine()

    def _check_settings(self):
        if self.neutral != "mean" and not _is_number(self.neutral):
            raise InputError(f'neutral must be "mean" or a number, not {self.neutral!r}.')
        for name in ("damping", "negative"):
            value = getattr(self, name)
            if not _is_number(value) or value < 0:
                raise InputError(f"{name} must be a number of at least 0, not {value!r}.")

    def _combine(self):
        profiles = self._parts[0] - self.negative * self._parts[1]
        self.profiles_ = _unit_rows(sparse.csr_array(profiles))

    def _weights(self, interactions):
        """What each product counts in the profile of each user: for the liked and for the disliked."""
        matrix = interactions.matrix
        counts = np.diff(matrix.indptr)
        rows = np.repeat(np.arange(interactions.n_users), counts)
        weight = matrix.data.copy()
        if interactions.explicit:
            centre = self.neutral
            if centre == "mean":
                mean = matrix.data.mean()
                sums = np.bincount(rows, weights=matrix.data, minlength=interactions.n_users)
                divisor = np.maximum(counts + self.damping, 1e-300)
                centre = ((sums + self.damping * mean) / divisor)[rows]
            weight = matrix.data - centre
            weight[np.abs(weight) <= 1e-12 * np.abs(matrix.data)] = 0  # equal but for rounding
        silent = np.bincount(rows, weights=np.abs(weight), minlength=interactions.n_users) == 0
        weight[silent[rows]] = 1.0
        shares = []
        for part in (np.maximum(weight, 0), np.maximum(-weight, 0)):
            total = np.bincount(rows, weights=part, minlength=interactions.n_users)
            share = sparse.csr_array(
                (part / np.where(total > 0, total, 1)[rows], matrix.indices, matrix.indptr),
                matrix.shape,
                copy=True,
            )
            share.eliminate_zeros()
            shares.append(share)
        return shares

    def _score(self, positions):
        return (self.profiles_[positions] @ self._own.T).toarray()

    def nearest(self, items, n=10) -> pd.DataFrame:
        """The products most like some products.

        Parameters
        ----------
        items : label, list of labels, or pandas.DataFrame
            Products of the catalogue by label, or new ones as a table with the columns of the catalogue.
        n : int
            How many; fewer where fewer are alike at all.

        Returns
        -------
        pandas.DataFrame
            Columns item, neighbour, rank and score (the cosine, above 0); a product is not its own neighbour.
        """
        self._fitted()
        _check_n(n)
        labels, rows = self._rows_of(items)
        scores = (rows @ self._matrix.T).toarray()
        scores[scores <= 0] = -np.inf
        if not isinstance(items, pd.DataFrame):
            scores[np.arange(len(labels)), self.catalogue_.get_indexer(labels)] = -np.inf
        chosen, values = top_k(scores, min(n, scores.shape[1]))
        row, rank = np.nonzero(chosen >= 0)
        return pd.DataFrame(
            {
                "item": labels[row],
                "neighbour": self.catalogue_[chosen[row, rank]],
                "rank": rank + 1,
                "score": np.minimum(values[row, rank], 1.0),
            }
        )

    def audience(self, items, n=10, exclude_seen=True) -> pd.DataFrame:
        """The users whose profiles are most like some products: whom to tell of something new.

        Parameters
        ----------
        items : label, list of labels, or pandas.DataFrame
            Products of the catalogue by label, or new ones as a table with the columns of the catalogue.
        n : int
            How many users; fewer where fewer profiles have anything in common with the product.
        exclude_seen : bool
            Leave out users who have met the product already.

        Returns
        -------
        pandas.DataFrame
            Columns item, user, rank and score (the cosine, above 0).
        """
        interactions = self._fitted()
        _check_n(n)
        labels, rows = self._rows_of(items)
        scores = (rows @ self.profiles_.T).toarray()
        scores[scores <= 0] = -np.inf
        if exclude_seen and not isinstance(items, pd.DataFrame):
            columns = interactions.item_positions(labels)
            known = np.flatnonzero(columns >= 0)
            seen = interactions.matrix[:, columns[known]].tocoo()
            scores[known[seen.col], seen.row] = -np.inf
        chosen, values = top_k(scores, min(n, scores.shape[1]))
        row, rank = np.nonzero(chosen >= 0)
        return pd.DataFrame(
            {
                "item": labels[row],
                "user": interactions.users[chosen[row, rank]],
                "rank": rank + 1,
                "score": np.minimum(values[row, rank], 1.0),
            }
        )

    def recommend_for_profile(self, interests, dislikes=None, n=10) -> pd.DataFrame:
        """Products for somebody of whom nothing is known but what they say they like.

        Parameters
        ----------
        interests, dislikes : mapping of str to value
            By column of the catalogue: a text, a label, several labels with the column's separator, a number.
            Columns that are not named stay empty. What is disliked counts `negative` times.
        n : int

        Returns
        -------
        pandas.DataFrame
            Columns item, rank and score, over the whole catalogue.

        Raises
        ------
        InputError
            If a column is unknown, or nothing that was said occurs in the catalogue.
        """
        self._fitted()
        _check_n(n)
        profile = self._stated(interests, "interests")
        if dislikes:
            profile = _unit_rows(profile - self.negative * self._stated(dislikes, "dislikes"))
        if not profile.nnz:
            said = ", ".join(f"{name}={value!r}" for name, value in interests.items())
            raise InputError(f"nothing of the stated interests ({said}) occurs in the catalogue.")
        chosen, values = top_k((profile @ self._matrix.T).toarray(), min(n, len(self.catalogue_)))
        return pd.DataFrame(
            {
                "item": self.catalogue_[chosen[0]],
                "rank": np.arange(1, len(chosen[0]) + 1),
                "score": values[0],
            }
        )

    def explain(self, user, item, by="feature", n=5) -> pd.DataFrame:
        """What a score is made of.

        Parameters
        ----------
        user, item : label
            Both known to the model.
        by : {"feature", "item"}
            The features of the product, or the products that the user met.
        n : int
            How many rows, those of the largest size first.

        Returns
        -------
        pandas.DataFrame
            By feature: columns feature, profile, product and contribution, their product.  By item: columns
            item, weight (its share in the profile), cosine with the product, and contribution.  The
            contributions of all rows add up to the score.
        """
        interactions = self._fitted()
        _check_n(n)
        row, column = interactions.user_positions([user])[0], interactions.item_positions([item])[0]
        for place, label, kind in ((row, user, "user"), (column, item, "item")):
            if place < 0:
                raise InputError(f"{kind} {label!r} is not among those that the model was fitted on.")
        product = self._own[[column]].toarray()[0]
        if by == "feature":
            profile = self.profiles_[[row]].toarray()[0]
            table = pd.DataFrame(
                {"feature": self.features_.get_feature_names_out(), "profile": profile, "product": product}
            )
            table["contribution"] = table["profile"] * table["product"]
        elif by == "item":
            share = (self._positive[[row]] - self.negative * self._negative[[row]]).toarray()[0]
            length = np.sqrt(((self._parts[0] - self.negative * self._parts[1])[[row]].power(2)).sum())
            table = pd.DataFrame({"item": interactions.items, "weight": share, "cosine": self._own @ product})
            table["contribution"] = table["weight"] * table["cosine"] / (length or 1.0)
        else:
            raise InputError(f'by must be "feature" or "item", not {by!r}.')
        table = table[table["contribution"] != 0]
        order = np.argsort(-table["contribution"].abs().to_numpy(), kind="stable")
        return table.iloc[order[:n]].reset_index(drop=True)

    def _stated(self, said, name):
        if not isinstance(said, Mapping):
            raise InputError(f"{name} must be a mapping from columns to values, not {type(said).__name__}.")
        columns = list(self.features_.blocks_)
        unknown = [column for column in said if column not in columns]
        if unknown:
            raise InputError(f"{name} names {unknown[0]!r}, but the features are of {', '.join(columns)}.")
        row = pd.DataFrame({column: [said.get(column)] for column in columns}, index=[name])
        return _unit_rows(self.features_.transform(row))

    def _rows_of(self, items):
        if isinstance(items, pd.DataFrame):
            return _catalogue(items), _unit_rows(self.features_.transform(items))
        if isinstance(items, str) or not isinstance(items, Iterable):
            items = [items]
        labels = pd.Index(items)
        places = self.catalogue_.get_indexer(labels)
        if (places < 0).any():
            raise InputError(f"item {labels[places < 0].tolist()[0]!r} is not in the catalogue.")
        return labels, self._matrix[places]


def _catalogue(items):
    labels = pd.Index(items.index)
    if labels.hasnans:
        raise InputError(f"row {int(np.argmax(labels.isna()))} of the products has no label in the index.")
    if labels.has_duplicates:
        raise InputError(
            f"product {labels[labels.duplicated()].tolist()[0]!r} stands in two rows: keep one of them."
        )
    return labels


def _unit_rows(matrix):
    """Rows scaled to length 1; a row of zeros stays one."""
    matrix = sparse.csr_array(matrix, copy=True)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    length = np.sqrt(np.bincount(rows, weights=matrix.data**2, minlength=matrix.shape[0]))
    matrix.data /= np.where(length > 0, length, 1)[rows]
    return matrix


def _is_number(value):
    return isinstance(value, numeric.Real) and not isinstance(value, bool) and np.isfinite(value)


def _check_n(n):
    if not isinstance(n, numeric.Integral) or isinstance(n, bool) or n < 1:
        raise InputError(f"n must be a whole number of at least 1, not {n!r}.")
