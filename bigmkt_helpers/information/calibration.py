"""Do stated probabilities come true? Reliability tables, and calibrators that make them.

A calibrator is fitted on earlier cutoffs only, where the answers are known, and applied at the cutoff that is
judged. Reliability diagrams, expected calibration error, temperature and vector scaling: Guo, Pleiss, Sun &
Weinberger, On Calibration of Modern Neural Networks, ICML 2017 (arXiv 1706.04599).
"""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import BigmktError, InputError, NotFittedError
from bigmkt_helpers.information import _checks
from bigmkt_helpers.information.measures import matched

# --- does it come true? ------------------------------------------------------------------------------


def reliability_table(
    probabilities, answers, outcome=None, n_bins: int = 10, bins: str = "width", level: float = 0.95
) -> pd.DataFrame:
    """Stated probability against what happened, by bins of the stated probability.

    Parameters
    ----------
    probabilities : pandas.DataFrame
        Index: customers; columns: outcomes; every row adds up to 1.
    answers : pandas.Series
        What happened, by customer.
    outcome : label or {None, "every"}
        A column: is that outcome as frequent as stated? None: the outcome to which each customer's row gives
        the most (the confidence of Guo et al.). "every": all customer-outcome pairs in one table; the pairs
        of one customer hang together, so that its intervals are a guide only.
    n_bins : int
        Number of bins.
    bins : {"width", "count"}
        Of equal width on 0 to 1, or of equal count (ties stay in one bin, so that there may be fewer).
    level : float
        Of the Clopper-Pearson interval of the observed share (exact for equal stated probabilities, a little
        wide where they differ inside the bin).

    Returns
    -------
    pandas.DataFrame
        One row per bin that holds anything: low and high edge (``from``, ``to``), ``n``, ``stated`` (mean),
        ``hits``, ``observed`` (hits / n), ``observed_low``, ``observed_high``.

    Raises
    ------
    InputError
        As in :func:`bits_per_customer`; an unknown outcome; fewer than one bin.

    Examples
    --------
    >>> forecast = pd.DataFrame({"tea": [0.1, 0.1, 0.8, 0.9], "nothing": [0.9, 0.9, 0.2, 0.1]})
    >>> answers = pd.Series(["nothing", "nothing", "tea", "nothing"])
    >>> table = reliability_table(forecast, answers, outcome="tea", n_bins=2)
    >>> shown = table[["n", "stated", "hits", "observed", "observed_low", "observed_high"]]
    >>> print(shown.round(3).to_string())
       n  stated  hits  observed  observed_low  observed_high
    0  2    0.10     0       0.0         0.000          0.842
    1  2    0.85     1       0.5         0.013          0.987
    """
    stated, hit = _stated_and_hit(probabilities, answers, outcome)
    _checks.whole_number(n_bins, "n_bins", least=1)
    _checks.share(level, "level")
    place, edges = _bins(stated, n_bins, bins)
    n = np.bincount(place, minlength=len(edges) - 1)
    hits = np.bincount(place, weights=hit, minlength=len(edges) - 1).astype(np.int64)
    total = np.bincount(place, weights=stated, minlength=len(edges) - 1)
    held = n > 0
    low, high = clopper_pearson(hits[held], n[held], level)
    return pd.DataFrame(
        {
            "from": edges[:-1][held],
            "to": edges[1:][held],
            "n": n[held],
            "stated": total[held] / n[held],
            "hits": hits[held],
            "observed": hits[held] / n[held],
            "observed_low": low,
            "observed_high": high,
        }
    )


def expected_calibration_error(probabilities, answers, outcome=None, n_bins: int = 15, bins="width") -> float:
    """Σ over bins of (n in the bin / n) · |observed - stated|; 0 is perfect. Arguments as in
    :func:`reliability_table`; Guo et al. (2017) use the most probable outcome and bins of equal width.

    Finite samples push it up: it is above 0 for a perfect model too, the more so with many bins.

    Examples
    --------
    >>> forecast = pd.DataFrame({"tea": [0.1, 0.1, 0.8, 0.9], "nothing": [0.9, 0.9, 0.2, 0.1]})
    >>> answers = pd.Series(["nothing", "nothing", "tea", "nothing"])
    >>> round(expected_calibration_error(forecast, answers, outcome="tea", n_bins=2), 3)
    0.225
    """
    table = reliability_table(probabilities, answers, outcome, n_bins, bins)
    return float((table["n"] * (table["observed"] - table["stated"]).abs()).sum() / table["n"].sum())


def clopper_pearson(hits, n, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Exact interval of a share: the quantiles of Beta(hits, n - hits + 1) and Beta(hits + 1, n - hits).

    Source: Clopper & Pearson, Biometrika 26, 1934, pages 404-413 (unverified; the tests invert the binomial
    tails).

    Examples
    --------
    >>> low, high = clopper_pearson([0, 5], [10, 10])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0, 0.1871], [0.3085, 0.8129])
    """
    from scipy.special import betaincinv

    hits, n = _checks.numbers(hits, "hits"), _checks.numbers(n, "n")
    if hits.shape != n.shape or (hits < 0).any() or (hits > n).any() or (n < 1).any():
        raise InputError("Each share needs 0 ≤ hits ≤ n and n of at least 1.")
    tail = (1 - _checks.share(level, "level")) / 2
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 0.5), n - hits + 1, tail), 0.0)
    high = np.where(hits < n, betaincinv(hits + 1, np.maximum(n - hits, 0.5), 1 - tail), 1.0)
    return low, high


def _stated_and_hit(probabilities, answers, outcome):
    p, code = matched(probabilities, answers)
    if outcome is None:
        top = p.argmax(axis=1)
        return p[np.arange(len(p)), top], top == code
    if isinstance(outcome, str) and outcome == "every":
        return p.ravel(), (np.arange(p.shape[1]) == code[:, None]).ravel()
    if outcome not in probabilities.columns:
        raise InputError(f"There is no outcome {outcome!r}: choose among {list(probabilities.columns)}.")
    column = probabilities.columns.get_loc(outcome)
    return p[:, column], code == column


def _bins(stated, n_bins, bins):
    if bins == "width":
        edges = np.linspace(0, 1, n_bins + 1)
    elif bins == "count":
        edges = np.unique(np.quantile(stated, np.linspace(0, 1, n_bins + 1)))
        edges = edges if len(edges) > 1 else np.array([edges[0], edges[0]])
    else:
        raise InputError(f"There are no bins {bins!r}: use 'width' or 'count'.")
    # Right-closed bins as in Guo et al., 0 in the first.
    return np.clip(np.searchsorted(edges, stated, side="left") - 1, 0, len(edges) - 2), edges


# --- fitting -----------------------------------------------------------------------------------------


def _minimise(loss_and_slope, start: np.ndarray, what: str) -> np.ndarray:
    from scipy.optimize import minimize

    result = minimize(
        loss_and_slope,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-9},
    )
    # The line search stops where the loss is flat to the last digits; what counts is the slope.
    if not np.isfinite(result.x).all() or np.abs(result.jac).max() > 1e-4:
        raise BigmktError(f"{what} found no best fit ({result.message}): look at the scale of its inputs.")
    return result.x


def _log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


class _Calibrator:
    """What calibrators of probabilities share."""

    def fit(self, probabilities, answers):
        """Learn from customers of earlier cutoffs; returns self.

        Parameters
        ----------
        probabilities : pandas.DataFrame
            Index: customers (or pairs of cutoff and customer); columns: outcomes; rows add up to 1.
        answers : pandas.Series
            What happened, with the same index.
        """
        p, code = matched(probabilities, answers)
        self.floor_ = _floor(self.floor, p.shape[1])
        self.outcomes_ = list(probabilities.columns)
        self._fit(np.log((1 - p.shape[1] * self.floor_) * p + self.floor_), code)
        return self

    def transform(self, probabilities) -> pd.DataFrame:
        """Calibrated probabilities, with the index and columns of `probabilities`."""
        if not hasattr(self, "outcomes_"):
            raise NotFittedError(f"{type(self).__name__} has learned nothing yet: call fit first.")
        if not isinstance(probabilities, pd.DataFrame) or list(probabilities.columns) != self.outcomes_:
            raise InputError(f"The columns must be those of fit, in that order: {self.outcomes_}.")
        p = _checks.rows_of_probabilities(probabilities, "probabilities")
        logs = self._logits(np.log((1 - p.shape[1] * self.floor_) * p + self.floor_))
        return pd.DataFrame(np.exp(_log_softmax(logs)), probabilities.index, probabilities.columns)


class TemperatureScaling(_Calibrator):
    """p' ∝ p^(1/T): one number T, above 1 for a model too sure of itself, below 1 for one too timid.

    It never changes which outcome is most probable (Guo et al., 2017).

    Parameters
    ----------
    floor : float
        Least probability put in before logarithms are taken, as in :func:`bits_per_customer`.

    Attributes
    ----------
    temperature_ : float
        Fitted by maximum likelihood; infinite if the probabilities say nothing (or the opposite of the
        truth), which gives every outcome the same probability.

    Examples
    --------
    >>> sure = pd.DataFrame({"tea": [0.9, 0.9, 0.9, 0.9], "nothing": [0.1, 0.1, 0.1, 0.1]})
    >>> scaling = TemperatureScaling().fit(sure, pd.Series(["tea", "tea", "tea", "nothing"]))
    >>> round(scaling.temperature_, 3), scaling.transform(sure)["tea"].round(6).tolist()
    (2.0, [0.75, 0.75, 0.75, 0.75])
    """

    def __init__(self, floor: float = 1e-9):
        self.floor = floor

    def _fit(self, logs, code):
        row = np.arange(len(code))

        def loss_and_slope(x):
            logp = _log_softmax(x[0] * logs)
            slope = (np.exp(logp) * logs).sum(axis=1) - logs[row, code]
            return -logp[row, code].mean(), np.array([slope.mean()])

        inverse = float(_minimise(loss_and_slope, np.ones(1), "Temperature scaling")[0])
        self.inverse_temperature_ = max(inverse, 0.0)
        self.temperature_ = 1 / inverse if inverse > 0 else float("inf")

    def _logits(self, logs):
        return self.inverse_temperature_ * logs


class VectorScaling(_Calibrator):
    """log p'_k = w_k · log p_k + b_k, up to the constant that makes the row add up to 1.

    One slope and one intercept per outcome (Guo et al., 2017), by maximum likelihood with a
    small penalty, ½ · penalty · Σ ((w_k - 1)² + b_k²), on the summed loss in nats: an outcome that never
    happened keeps a finite intercept, and without data the probabilities stay as they are.

    Parameters
    ----------
    penalty : float
        0 or more; 0 is plain maximum likelihood, and needs every outcome to have happened.
    floor : float
        As in :class:`TemperatureScaling`.

    Attributes
    ----------
    slope_, intercept_ : ndarray of shape (n_outcomes,)

    Examples
    --------
    >>> half = pd.DataFrame({"tea": [0.5] * 4, "nothing": [0.5] * 4})
    >>> scaling = VectorScaling(penalty=1e-6).fit(half, pd.Series(["tea", "tea", "tea", "nothing"]))
    >>> scaling.transform(half)["tea"].round(4).tolist()
    [0.75, 0.75, 0.75, 0.75]
    """

    def __init__(self, penalty: float = 1.0, floor: float = 1e-9):
        self.penalty = penalty
        self.floor = floor

    def _fit(self, logs, code):
        penalty = _checks.not_negative(self.penalty, "penalty")
        n, k = logs.shape
        if penalty == 0 and len(np.unique(code)) < k:
            missing = self.outcomes_[int(np.setdiff1d(np.arange(k), code)[0])]
            raise InputError(
                f"Outcome {missing!r} never happened: plain maximum likelihood needs penalty > 0."
            )
        target = np.zeros((n, k))
        target[np.arange(n), code] = 1.0

        def loss_and_slope(x):
            w, b = x[:k], x[k:]
            logp = _log_softmax(w * logs + b)
            gap = np.exp(logp) - target
            loss = -logp[target > 0].sum() + penalty / 2 * (((w - 1) ** 2).sum() + (b**2).sum())
            slope = np.concatenate(
                [(gap * logs).sum(axis=0) + penalty * (w - 1), gap.sum(axis=0) + penalty * b]
            )
            return loss / n, slope / n

        x = _minimise(loss_and_slope, np.r_[np.ones(k), np.zeros(k)], "Vector scaling")
        self.slope_, self.intercept_ = x[:k], x[k:]

    def _logits(self, logs):
        return self.slope_ * logs + self.intercept_


class ScoreCalibrator:
    """Probabilities from scores: the scores of a recommender by category, and a model of "nothing".

    Two parts, each by maximum likelihood with a small penalty, and the likelihood of the whole is their
    product. P(nothing) = logistic(a + v · x), with x the features of timing (how long ago, how often). Among
    those who buy, P(category c) ∝ exp(w · s_c + b_c), with s the scores: one slope for all, one intercept per
    category (a conditional logit, McFadden, 1974 (unverified)). Features and scores are standardised with the
    mean and the deviation seen in fit; the penalty is ½ · penalty · (Σ v² + w² + Σ b²) on the summed loss in
    nats.

    Parameters
    ----------
    nothing : str
        Name of the outcome "nothing".
    penalty : float
        0 or more, as above; the intercept a goes free.

    Attributes
    ----------
    intercept_, weights_ : float, Series
        Of P(nothing), per standardised feature.
    slope_, offsets_ : float, Series
        Of the categories; the slope belongs to standardised scores.
    outcomes_ : list
        The categories in the order of the scores, then `nothing`.

    Examples
    --------
    >>> scores = pd.DataFrame({"tea": [3.0, 0, 1, 0], "lamps": [0.0, 2, 0, 1]})
    >>> timing = pd.DataFrame({"weeks since": [1.0, 2.0, 20.0, 30.0]})
    >>> answers = pd.Series(["tea", "lamps", "nothing", "nothing"])
    >>> model = ScoreCalibrator().fit(scores, timing, answers)
    >>> model.transform(scores, timing).round(2)["nothing"].tolist()
    [0.27, 0.29, 0.64, 0.8]
    """

    def __init__(self, nothing: str = "nothing", penalty: float = 1.0):
        self.nothing = nothing
        self.penalty = penalty

    def fit(self, scores, timing, answers):
        """Learn from customers of earlier cutoffs; returns self.

        Parameters
        ----------
        scores : pandas.DataFrame of shape (n_customers, n_categories)
            Higher is better; columns: the categories.
        timing : pandas.DataFrame of shape (n_customers, n_features)
            Features of P(nothing), such as :func:`timing_features`.
        answers : pandas.Series
            A category or `nothing`. All three have the same customers.

        Raises
        ------
        InputError
            Values that are missing or infinite, customers that differ, an answer that is no category, nobody
            who bought or nobody who did not.
        """
        penalty = _checks.not_negative(self.penalty, "penalty")
        s, x = self._tables(scores, timing)
        if not isinstance(answers, pd.Series) or not answers.index.is_unique:
            raise InputError("answers must be a Series with one row per customer.")
        if len(answers) != len(scores) or not answers.index.isin(scores.index).all():
            raise InputError("scores and answers are about different customers: pass the same ones.")
        answers = answers.reindex(scores.index)
        code = scores.columns.get_indexer(pd.Index(answers))
        none = (answers == self.nothing).to_numpy()
        if ((code < 0) & ~none).any():
            wrong = answers[(code < 0) & ~none]
            raise InputError(f"The answer {wrong.iloc[0]!r} of customer {wrong.index[0]} is no category.")
        if none.all() or not none.any():
            raise InputError("Fitting P(nothing) needs customers who bought and customers who did not.")
        self.outcomes_ = [*scores.columns, self.nothing]
        self.features_ = list(timing.columns)
        self.score_mean_, self.score_scale_ = float(s.mean()), _deviation(s)
        self.mean_, self.scale_ = x.mean(axis=0), np.array([_deviation(column) for column in x.T])
        intercept, weights = _logistic((x - self.mean_) / self.scale_, none, penalty)
        self.intercept_, self.weights_ = intercept, pd.Series(weights, index=self.features_)
        z = (s[~none] - self.score_mean_) / self.score_scale_
        self.slope_, offsets = _conditional_logit(z, code[~none], penalty)
        self.offsets_ = pd.Series(offsets, index=scores.columns)
        return self

    def transform(self, scores, timing) -> pd.DataFrame:
        """Probabilities of every category and of nothing: one row per customer, adding up to 1."""
        if not hasattr(self, "outcomes_"):
            raise NotFittedError("ScoreCalibrator has learned nothing yet: call fit first.")
        s, x = self._tables(scores, timing)
        if [*scores.columns, self.nothing] != self.outcomes_ or list(timing.columns) != self.features_:
            raise InputError("scores and timing must have the columns of fit, in that order.")
        none = _sigmoid(self.intercept_ + (x - self.mean_) / self.scale_ @ self.weights_.to_numpy())
        z = self.slope_ * (s - self.score_mean_) / self.score_scale_ + self.offsets_.to_numpy()
        p = np.column_stack([(1 - none)[:, None] * np.exp(_log_softmax(z)), none])
        return pd.DataFrame(p, index=scores.index, columns=pd.Index(self.outcomes_))

    def _tables(self, scores, timing):
        for name, table in (("scores", scores), ("timing", timing)):
            if not isinstance(table, pd.DataFrame):
                raise InputError(f"{name} is a {type(table).__name__}: pass a DataFrame by customer.")
        if self.nothing in scores.columns:
            raise InputError(f"scores has a column {self.nothing!r}: give scores of the categories only.")
        if not scores.index.is_unique or not scores.index.equals(timing.index):
            raise InputError("scores and timing must have the same customers, each once, in the same order.")
        return _checks.numbers(scores, "scores"), _checks.numbers(timing, "timing")


def category_scores(recommended, category_of, categories, customers, how: str = "sum") -> pd.DataFrame:
    """Scores by category from a recommender's list of products.

    Parameters
    ----------
    recommended : pandas.DataFrame
        Columns ``user``, ``item``, ``score``.
    category_of : pandas.Series
        Index: products; values: their category.
    categories : sequence
        The columns that come out, in this order.
    customers : pandas.Index
        The rows that come out; who has no list gets 0 throughout.
    how : {"sum", "max", "mean"}
        How the scores of a category's products become one; a category without a product gets 0.

    Returns
    -------
    pandas.DataFrame of shape (n_customers, n_categories)

    Raises
    ------
    InputError
        A missing column or value, a product without a category, an unknown `how`.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": [1, 1, 2], "item": ["a", "b", "a"], "score": [0.5, 0.25, 1.0]})
    >>> kinds = pd.Series({"a": "tea", "b": "tea"})
    >>> category_scores(lists, kinds, ["tea", "lamps"], customers=pd.Index([1, 2, 3])).to_numpy().tolist()
    [[0.75, 0.0], [1.0, 0.0], [0.0, 0.0]]
    """
    _checks.frame(recommended, ["user", "item", "score"], "recommended")
    if how not in ("sum", "max", "mean"):
        raise InputError(f"how={how!r} is not known: use 'sum', 'max' or 'mean'.")
    kind = recommended["item"].map(category_of)
    if kind.isna().any():
        item = recommended["item"][kind.isna()].tolist()[0]
        raise InputError(f"Product {item!r} has no category in category_of: add it.")
    table = recommended["score"].groupby([recommended["user"], kind]).agg(how).unstack(fill_value=0.0)
    table = table.reindex(index=customers, columns=list(categories), fill_value=0.0).fillna(0.0)
    return table.rename_axis(index=customers.name, columns=None).astype(float)


def _logistic(x, y, penalty):
    def loss_and_slope(parameters):
        z = parameters[0] + x @ parameters[1:]
        loss = np.logaddexp(0, z).sum() - z[y].sum() + penalty / 2 * (parameters[1:] ** 2).sum()
        gap = _sigmoid(z) - y
        return loss / len(y), np.r_[gap.sum(), x.T @ gap + penalty * parameters[1:]] / len(y)

    share = y.mean()
    start = np.r_[np.log(share / (1 - share)), np.zeros(x.shape[1])]
    found = _minimise(loss_and_slope, start, "The model of nothing")
    return float(found[0]), found[1:]


def _conditional_logit(z, code, penalty):
    n, k = z.shape
    target = np.zeros((n, k))
    target[np.arange(n), code] = 1.0

    def loss_and_slope(parameters):
        logp = _log_softmax(parameters[0] * z + parameters[1:])
        gap = np.exp(logp) - target
        loss = -logp[target > 0].sum() + penalty / 2 * (parameters**2).sum()
        return loss / n, (np.r_[(gap * z).sum(), gap.sum(axis=0)] + penalty * parameters) / n

    found = _minimise(loss_and_slope, np.zeros(k + 1), "The model of the categories")
    return float(found[0]), found[1:]


def _sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


def _deviation(values) -> float:
    deviation = float(values.std())
    return deviation if deviation > 1e-12 else 1.0


def _floor(floor, k) -> float:
    if not 0 < _checks.not_negative(floor, "floor") < 1 / k:
        raise InputError(f"floor is {floor!r}: with {k} outcomes it must lie between 0 and {1 / k:.6g}.")
    return float(floor)
