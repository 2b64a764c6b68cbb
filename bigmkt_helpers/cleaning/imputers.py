"""Gaps and outliers, treated inside a scikit-learn pipeline: they learn from the training fold only."""

import numbers

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from bigmkt_helpers.errors import InputError

__all__ = ["GroupImputer", "OutlierClipper", "largest_possible_z", "outlier_bounds", "outlier_flags"]


class GroupImputer(TransformerMixin, BaseEstimator):
    """Fill gaps from the customers of the same group, and say where a gap was.

    Parameters
    ----------
    by : list of column names, or None
        Columns that make the groups (names of a DataFrame, or positions of an array).  A group that the
        training fold did not show, or that has no value there, falls back on all rows.
    strategy : {"median", "mean", "most_frequent", "hot_deck"}
        What fills the gap: a statistic of the group, or the value of a random donor of the group (which keeps
        the spread, as a median does not).  Columns that are not numbers take the most frequent value, with
        "hot_deck" a donor's.
    columns : list of column names, or None
        Columns to fill; by default all but those of `by`.
    add_indicator : bool
        Whether to add a column ``missing_<name>`` (0.0 or 1.0) for each column that had gaps in the training
        fold.  Under missingness that is not at random, the indicator is often the best part.
    random_state : int, RandomState or None
        Chooses the donors of "hot_deck".  With an int, the same rows always get the same donors.

    Attributes
    ----------
    statistics_ : dict
        For each filled column, a dict from group to its value ("hot_deck": the array of its donors); the key
        None holds those of all rows.
    indicated_ : list
        Columns that get an indicator.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    References
    ----------
    Little, R. J. A., & Rubin, D. B. (2019). Statistical analysis with missing data (3rd ed.). Wiley (hot
    deck, imputation within adjustment cells).

    Examples
    --------
    >>> frame = pd.DataFrame({"city": ["A", "A", "B", "B"], "income": [1.0, np.nan, 5.0, 7.0]})
    >>> GroupImputer(by=["city"]).set_output(transform="pandas").fit_transform(frame)["income"].tolist()
    [1.0, 1.0, 5.0, 7.0]
    """

    def __init__(self, by=None, strategy="median", columns=None, add_indicator=False, random_state=None):
        self.by = by
        self.strategy = strategy
        self.columns = columns
        self.add_indicator = add_indicator
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.non_deterministic = self.strategy == "hot_deck" and self.random_state is None
        return tags

    def fit(self, X, y=None):
        """Learn what fills the gaps of each group; `y` is ignored."""
        if self.strategy not in ("median", "mean", "most_frequent", "hot_deck"):
            raise InputError(
                f"strategy={self.strategy!r} is not known: use 'median', 'mean', "
                "'most_frequent' or 'hot_deck'."
            )
        frame = self._frame(X, reset=True)
        groups = self._columns(frame, self.by or [])
        self.filled_ = (
            self._columns(frame, self.columns)
            if self.columns is not None
            else [name for name in frame.columns if name not in groups]
        )
        both = [name for name in self.filled_ if name in groups]
        if both:
            raise InputError(f"Column {both[0]!r} cannot both make the groups and be filled by them.")
        self.groups_ = groups
        keys = self._keys(frame)
        self.statistics_ = {}
        for name in self.filled_:
            values = frame[name]
            present = values.notna().to_numpy()
            if not present.any():
                raise InputError(
                    f"Column {name!r} has no value at all in the training rows: leave it out of the columns."
                )
            learned = {None: self._learn(values[present])}
            if groups:
                known = values[present]
                for key, part in known.groupby(keys[present], sort=True):
                    learned[key] = self._learn(part)
            self.statistics_[name] = learned
        self.indicated_ = [n for n in self.filled_ if self.add_indicator and frame[n].isna().any()]
        return self

    def transform(self, X):
        """Fill the gaps; the rows keep their order, the columns theirs, indicators follow at the end."""
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        keys = self._keys(frame)
        random = check_random_state(self.random_state)
        gaps = {name: frame[name].isna().to_numpy() for name in self.filled_}
        out = frame.copy()
        for name in self.filled_:
            gap = np.flatnonzero(gaps[name])
            if not len(gap):
                continue
            learned = self.statistics_[name]
            fill = [learned.get(keys[place], learned[None]) for place in gap]
            if self.strategy == "hot_deck":
                # one draw for each row of the table, so that a row's donor does not hang on the other gaps
                draws = random.random_sample(len(frame))[gap]
                fill = [donors[int(draw * len(donors))] for donors, draw in zip(fill, draws)]
            column = out[name].to_numpy(dtype=object, copy=True)
            column[gap] = fill
            out[name] = pd.Series(column, index=out.index).infer_objects()
            if pd.api.types.is_numeric_dtype(frame[name].dtype):
                out[name] = out[name].astype("float64")
        for name in self.indicated_:
            out[f"missing_{name}"] = gaps[name].astype("float64")
        if isinstance(X, pd.DataFrame):
            return out
        array = out.to_numpy()
        return array if array.dtype != object or not self._numeric else array.astype("float64")

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that come out."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{i}" for i in range(self.n_features_in_)]
            if input_features is not None:
                if len(input_features) != self.n_features_in_:
                    raise ValueError("input_features should have length equal to number of features")
                names = list(input_features)
        elif input_features is not None and list(input_features) != list(names):
            raise ValueError("input_features is not equal to feature_names_in_")
        named = dict(zip(self._inside, names))
        return np.array([*names, *(f"missing_{named[n]}" for n in self.indicated_)], dtype=object)

    def _frame(self, X, reset) -> pd.DataFrame:
        """The input as a DataFrame, checked against what was fitted."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not len(X):
                raise InputError("The table has no rows: check the filter before the imputer.")
            frame = X.copy()
        else:
            array = validate_data(
                self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan", ensure_min_samples=1
            )
            if array.dtype.kind in "OUS":
                check_array(array.astype(object), dtype=object, ensure_all_finite=False)
            frame = pd.DataFrame(array)
        if reset:
            self._inside = list(frame.columns)
            self._numeric = all(pd.api.types.is_numeric_dtype(t) for t in frame.dtypes)
        else:
            frame.columns = self._inside
        return frame

    @staticmethod
    def _columns(frame, names) -> list:
        names = [names] if isinstance(names, str | numbers.Integral) else list(names)
        for name in names:
            if name not in frame.columns:
                raise InputError(f"There is no column {name!r}: the columns are {list(frame.columns)[:12]}.")
        return names

    def _keys(self, frame) -> np.ndarray:
        """The group of each row: a text of its values (a missing value is a group of its own)."""
        if not self.groups_:
            return np.full(len(frame), None, dtype=object)
        columns = [
            frame[name].astype(object).where(frame[name].notna(), "␀").astype(str) for name in self.groups_
        ]
        return np.array(["\x1f".join(parts) for parts in zip(*columns)], dtype=object)

    def _learn(self, values):
        numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
        if self.strategy == "hot_deck":
            return values.to_numpy(dtype=None if numeric else object)
        if self.strategy == "most_frequent" or not numeric:
            counts = values.value_counts(sort=False)
            best = counts[counts == counts.max()].index
            return sorted(best)[0] if len(best) > 1 else best[0]
        return float(values.mean() if self.strategy == "mean" else values.median())


def largest_possible_z(n) -> float:
    """The largest |z| that any value of a sample of n can have, with the sample's own mean and deviation.

    With the deviation that divides by n − 1 it is (n − 1) / √n: below 3 for every n up to 10, so the rule
    |z| > 3 cannot find anything there, whatever the value.

    Parameters
    ----------
    n : int
        Size of the sample, at least 2.

    References
    ----------
    Shiffler, R. E. (1988). Maximum Z scores and outliers. The American Statistician, 42(1), 79-80.

    Examples
    --------
    >>> f"{largest_possible_z(10):.6f}"
    '2.846050'
    """
    if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 2:
        raise InputError(f"n={n!r} must be a whole number of at least 2.")
    return float((n - 1) / np.sqrt(n))


def outlier_bounds(values, rule="iqr", k=None) -> tuple[float, float]:
    """Smallest and largest value that the rule still takes for ordinary.

    Parameters
    ----------
    values : array_like of float
        Missing values are left out.
    rule : {"iqr", "mad", "z"}
        "iqr": quartiles −/+ k times their distance (Tukey's fences).  "mad": median −/+ k · 1.4826 · the
        median absolute deviation.  "z": mean −/+ k standard deviations, which outliers themselves inflate.
    k : float, optional
        By default 1.5, 3.5 and 3.

    Returns
    -------
    low, high : float
        (−inf, inf) if the spread is zero, because then the rule can say nothing.

    References
    ----------
    Tukey, J. W. (1977). Exploratory data analysis. Addison-Wesley.  Iglewicz, B., & Hoaglin, D. C. (1993).
    How to detect and handle outliers. ASQC Quality Press: 0.6745 · |x − median| / MAD > 3.5.

    Examples
    --------
    >>> outlier_bounds([1, 2, 3, 4, 100], "iqr")
    (-1.0, 7.0)
    """
    defaults = {"iqr": 1.5, "mad": 3.5, "z": 3.0}
    if rule not in defaults:
        raise InputError(f"rule={rule!r} is not known: use 'iqr', 'mad' or 'z'.")
    k = defaults[rule] if k is None else k
    if not isinstance(k, numbers.Real) or not np.isfinite(k) or k <= 0:
        raise InputError(f"k={k!r} must be a positive number.")
    values = np.asarray(pd.to_numeric(pd.Series(np.asarray(values).ravel())), dtype="float64")
    values = values[np.isfinite(values)]
    if not len(values):
        raise InputError("There is no number among the values: outliers need some to compare with.")
    if rule == "iqr":
        low, high = np.quantile(values, [0.25, 0.75])
        spread = high - low
    elif rule == "mad":
        low = high = np.median(values)
        spread = np.median(np.abs(values - low)) / 0.6744897501960817  # 75% point of the normal distribution
    else:
        low = high = values.mean()
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
    if spread == 0:
        return float("-inf"), float("inf")
    return float(low - k * spread), float(high + k * spread)


def outlier_flags(values, rule="iqr", k=None) -> np.ndarray:
    """Which values lie outside `outlier_bounds` (bool array; a missing value never does).

    Examples
    --------
    >>> ten = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1_000_000]
    >>> [int(outlier_flags(ten, rule).sum()) for rule in ("z", "iqr", "mad")]
    [0, 1, 1]
    """
    low, high = outlier_bounds(values, rule, k)
    values = np.asarray(values, dtype="float64")
    return (values < low) | (values > high)


class OutlierClipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Bring outliers back to the fence, with fences learned from the training fold.

    Parameters
    ----------
    rule : {"iqr", "mad", "z"}
    k : float, optional
        As in `outlier_bounds`.
    action : {"clip", "missing"}
        Move an outlier to the fence, or make it a gap for an imputer to fill.

    Attributes
    ----------
    lower_, upper_ : numpy.ndarray, one bound for each column

    Examples
    --------
    >>> OutlierClipper("iqr").fit_transform(np.array([[1.0], [2], [3], [4], [100]])).ravel().tolist()
    [1.0, 2.0, 3.0, 4.0, 7.0]
    """

    def __init__(self, rule="iqr", k=None, action="clip"):
        self.rule = rule
        self.k = k
        self.action = action

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X, y=None):
        """Learn the fences of each column; `y` is ignored."""
        if self.action not in ("clip", "missing"):
            raise InputError(f"action={self.action!r} is not known: use 'clip' or 'missing'.")
        X = validate_data(self, X, dtype="float64", ensure_all_finite="allow-nan")
        bounds = [
            outlier_bounds(column, self.rule, self.k) if np.isfinite(column).any() else (-np.inf, np.inf)
            for column in X.T
        ]
        self.lower_, self.upper_ = (np.array(side) for side in zip(*bounds))
        return self

    def transform(self, X):
        """Clip or blank what lies outside."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype="float64", ensure_all_finite="allow-nan", reset=False)
        if self.action == "clip":
            return np.clip(X, self.lower_, self.upper_)
        return np.where((self.lower_ > X) | (self.upper_ < X), np.nan, X)
