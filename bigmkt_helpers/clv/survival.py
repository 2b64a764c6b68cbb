"""How long customers stay: the Kaplan-Meier curve, and the hazard of leaving in each period.

Customers who are still there at the end of the data are censored: they have stayed at least so long. Leaving
them out makes customers look shorter-lived than they are.
"""

import warnings

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from bigmkt_helpers.clv import _checks
from bigmkt_helpers.errors import InputError, NotFittedError

__all__ = ["DiscreteHazard", "kaplan_meier", "restricted_mean"]


def kaplan_meier(duration, left, level: float = 0.95, interval: str = "log-log") -> pd.DataFrame:
    """Share of customers still there after each duration at which somebody left.

    S(t) = Π (1 - d / n) over times up to t, with d who left and n who were there until then; variance by
    Greenwood, S² Σ d / (n (n - d)). Kaplan & Meier, Journal of the American Statistical Association 53, 1958,
    pages 457-481. Of a customer who left and one who was censored at the same time, the latter
    counts as still there.

    Parameters
    ----------
    duration : array of shape (n_customers,)
        Time until the customer left or was last seen, in one unit, at least 0.
    left : array of bool, shape (n_customers,)
        Whether they left; False for those still there (censored).
    level : float
    interval : {"log-log", "plain"}
        "plain": S ± z · error, cut at 0 and 1; "log-log": symmetric in log(-log S), which stays within them.

    Returns
    -------
    pandas.DataFrame
        Index ``duration``, beginning with 0; ``at_risk``, ``left``, ``censored`` (from here to before the
        next row), ``survival``, ``standard_error``, ``low``, ``high``. Where nobody is left, the interval is
        missing.

    Raises
    ------
    InputError
        Different lengths, missing or negative durations, a mark that is neither true nor false.

    Examples
    --------
    >>> curve = kaplan_meier([6, 6, 6, 6, 7, 9], [True, True, True, False, True, False])
    >>> curve["survival"].round(3).to_dict()
    {0.0: 1.0, 6.0: 0.5, 7.0: 0.25}
    """
    time, gone = _durations(duration, left)
    half = norm.ppf((1 + _checks.level_of(level)) / 2)
    if interval not in ("log-log", "plain"):
        raise InputError(f"interval={interval!r} is not known: use 'log-log' or 'plain'.")
    moments, many = np.unique(time[gone], return_counts=True)
    risk = len(time) - np.searchsorted(np.sort(time), moments, side="left")
    survival = np.cumprod(1 - many / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(many / (risk * (risk - many)))
        error = np.where(survival > 0, survival * np.sqrt(greenwood), np.nan)
        if interval == "plain":
            low, high = np.clip(survival - half * error, 0, 1), np.clip(survival + half * error, 0, 1)
        else:
            reach = half * np.sqrt(greenwood) / np.abs(np.log(survival))
            low, high = survival ** np.exp(reach), survival ** np.exp(-reach)
    low, high = (np.where(survival > 0, bound, np.nan) for bound in (low, high))
    waits = np.sort(time[~gone])
    if len(moments) and moments[0] == 0:
        start = ([], [], [], [], [], [], [])
    else:
        start = ([0.0], [len(time)], [0], [1.0], [0.0], [1.0], [1.0])
    columns = [
        np.concatenate([begin, values])
        for begin, values in zip(start, (moments, risk, many, survival, error, low, high))
    ]
    edges = np.append(columns[0], np.inf)
    table = pd.DataFrame(
        {
            "at_risk": columns[1].astype(np.int64),
            "left": columns[2].astype(np.int64),
            "censored": np.diff(np.searchsorted(waits, edges, side="left")),
            "survival": columns[3],
            "standard_error": columns[4],
            "low": columns[5],
            "high": columns[6],
        },
        index=pd.Index(columns[0], name="duration"),
    )
    return table


def restricted_mean(curve: pd.DataFrame, horizon: float) -> float:
    """Expected time that a customer stays within the horizon: the area under the curve.

    Parameters
    ----------
    curve : pandas.DataFrame
        As `kaplan_meier` gives it.
    horizon : float
        In the unit of the durations.

    Examples
    --------
    >>> curve = kaplan_meier([6, 6, 6, 6, 7, 9], [True, True, True, False, True, False])
    >>> restricted_mean(curve, 8)
    6.75
    """
    if not isinstance(curve, pd.DataFrame) or "survival" not in curve.columns:
        raise InputError("curve has no column 'survival': pass what kaplan_meier gives.")
    end = _checks.real(horizon, "horizon", least=0)
    edges = np.append(curve.index.to_numpy(float), np.inf).clip(max=end)
    before = min(float(curve.index[0]), end)
    return float(before + np.diff(edges) @ curve["survival"].to_numpy())


class DiscreteHazard(BaseEstimator):
    """The chance of leaving in each period, for those still there: a logistic regression on customers ×
    periods.

    logit h(t | z) = baseline(t) + z'β: each feature moves the log odds of leaving equally in all periods.
    Survival is S(t) = Π (1 - h). Maximum likelihood by Newton's steps on counts: equal customers at equal
    ages are added up first. Cox, Journal of the Royal Statistical Society B 34, 1972, pages 187-220, has the
    logistic discrete model (that it stands there: unverified).

    Parameters
    ----------
    baseline : {"each", "log"}
        "each": a level of its own for each period (without features: who left over who was there);
        "log": a level and a slope in the logarithm of the period, which also reaches beyond the data.
    max_iter : int
    tol : float
        Log-likelihood still to be gained at which the search ends.

    Attributes
    ----------
    table_ : pandas.DataFrame
        Index ``period``: ``at_risk``, ``left``.
    coefficients_, standard_errors_ : pandas.Series
        Of the baseline ("period 1", … or "level", "slope") and of each feature, in log odds.
    log_likelihood_ : float
    converged_, message_ : bool, str
    n_iter_ : int

    Examples
    --------
    >>> hazard = DiscreteHazard().fit([1, 1, 2, 3, 3, 3], [True, False, True, True, False, False])
    >>> hazard.hazard(periods=3).round(3).to_dict()
    {1: 0.167, 2: 0.25, 3: 0.333}
    """

    def __init__(self, *, baseline="each", max_iter=100, tol=1e-8):
        self.baseline = baseline
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, duration, left, X=None):
        """Learn the hazard.

        Parameters
        ----------
        duration : array of whole numbers from 1 on
            Period in which the customer left, or the last in which they were seen to stay.
        left : array of bool
        X : pandas.DataFrame, optional
            Features, one row per customer, known at the beginning.

        Raises
        ------
        InputError
            As for `kaplan_meier`; durations that are no periods; nobody who left.
        """
        if self.baseline not in ("each", "log"):
            raise InputError(f"baseline={self.baseline!r} is not known: use 'each' or 'log'.")
        most = _checks.whole(self.max_iter, "max_iter")
        time, gone = _durations(duration, left)
        if (time != np.floor(time)).any() or (time < 1).any():
            raise InputError("duration must count periods: whole numbers from 1 on.")
        if not gone.any():
            raise InputError(f"None of the {len(time):,} customers left: there is no hazard to learn.")
        self.columns_, values = self._features(X, len(time))
        periods = np.arange(1, int(time.max()) + 1)
        risk = len(time) - np.searchsorted(np.sort(time), periods, side="left")
        events = np.bincount(time[gone].astype(int), minlength=len(periods) + 1)[1:]
        self.table_ = pd.DataFrame({"at_risk": risk, "left": events}, index=pd.Index(periods, name="period"))
        groups, kind = np.unique(values, axis=0, return_inverse=True)
        kind = kind.ravel()
        # at risk and leaving in each period, for each kind of customer
        flat = kind * (len(periods) + 1) + time.astype(int)
        size = len(groups) * (len(periods) + 1)
        ended = np.bincount(flat, minlength=size).reshape(len(groups), -1)[:, 1:]
        events = np.bincount(flat[gone], minlength=size).reshape(len(groups), -1)[:, 1:]
        risk = ended[:, ::-1].cumsum(axis=1)[:, ::-1]
        group, period = np.nonzero(risk)
        n, d = risk[group, period].astype(float), events[group, period].astype(float)
        design = np.column_stack([self._design(period + 1, len(periods)), groups[group]])
        names = [f"period {k}" for k in periods] if self.baseline == "each" else ["level", "slope"]
        self._newton(design, n, d, [*names, *map(str, self.columns_)], most)
        return self

    def _newton(self, design, n, d, names, most):
        beta, done, left = np.zeros(design.shape[1]), False, np.nan
        step = 0
        while step < most:
            step += 1
            eta = design @ beta
            p = expit(eta)
            score = design.T @ (d - n * p)
            information = (design * (n * p * (1 - p))[:, None]).T @ design
            move = np.linalg.lstsq(information, score, rcond=None)[0]
            left = float(score @ move) / 2
            if left < _checks.real(self.tol, "tol", least=0):
                done = True
                break
            beta = beta + move / max(1.0, np.abs(move).max() / 4)
        p = expit(design @ beta)
        # periods in which nobody, or everybody, left have a level at infinity; 0 · log 0 is 0
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.where(d > 0, d * np.log(p), 0) + np.where(n > d, (n - d) * np.log1p(-p), 0)
        self.n_iter_, self.log_likelihood_ = step, float(parts.sum())
        information = (design * (n * p * (1 - p))[:, None]).T @ design
        values = np.linalg.eigvalsh(information)
        self.coefficients_ = pd.Series(beta, index=names, name="coefficient")
        sound = done and values[0] > 1e-9 * values[-1] and np.abs(beta).max() < 15
        spread = np.full(len(beta), np.nan)
        if values[0] > 1e-12 * values[-1]:
            spread = np.sqrt(np.diag(np.linalg.inv(information)))
        self.standard_errors_ = pd.Series(spread, index=names, name="standard_error")
        self.converged_ = bool(sound)
        where = f"log-likelihood {self.log_likelihood_:,.3f} after {step} steps"
        if sound:
            self.message_ = f"DiscreteHazard converged: {where}."
            return
        if done:
            problem = (
                "a coefficient has no finite estimate: for some period or feature nobody, or everybody, left"
            )
            remedy = "count in longer periods, take baseline='log', or leave out that feature"
        else:
            problem = f"{left:.2g} of log-likelihood were still to be gained"
            remedy = "raise max_iter"
        self.message_ = f"DiscreteHazard did not converge ({problem}): {where}; {remedy}."
        warnings.warn(self.message_, ConvergenceWarning, stacklevel=3)

    def hazard(self, X=None, periods: int | None = None):
        """Chance of leaving in each period for those still there.

        Parameters
        ----------
        X : pandas.DataFrame, optional
            Features, if there were any in `fit`.
        periods : int, optional
            How many; those of the data without it. Beyond the data only with ``baseline="log"``.

        Returns
        -------
        pandas.Series (without features) or pandas.DataFrame (one row per customer)
        """
        if not hasattr(self, "coefficients_"):
            raise NotFittedError("DiscreteHazard: call fit first.")
        known = len(self.table_)
        wanted = known if periods is None else _checks.whole(periods, "periods")
        if wanted > known and self.baseline == "each":
            raise InputError(
                f"{wanted} periods were asked for, and the data hold {known}: a level for each does not "
                "reach beyond them; use baseline='log'."
            )
        if X is None and len(self.columns_):
            raise InputError(f"X is missing: the hazard was learned with {list(self.columns_)}.")
        columns, values = self._features(X, 1 if X is None else len(X))
        if list(columns) != list(self.columns_):
            raise InputError(f"X has the features {list(columns)}, learned were {list(self.columns_)}.")
        number = np.arange(1, wanted + 1)
        base = (
            self._design(number, known)
            @ self.coefficients_.to_numpy()[: known if self.baseline == "each" else 2]
        )
        effect = values @ self.coefficients_.to_numpy()[len(self.coefficients_) - len(columns) :]
        table = expit(base + effect[:, None])
        index = pd.Index(number, name="period")
        if X is None:
            return pd.Series(table[0], index=index, name="hazard")
        return pd.DataFrame(table, index=X.index, columns=index)

    def survival(self, X=None, periods: int | None = None):
        """Chance of still being there after each period; as `hazard`."""
        table = 1 - self.hazard(X, periods)
        return table.cumprod().rename("survival") if X is None else table.cumprod(axis=1)

    def _design(self, period, known):
        if self.baseline == "log":
            return np.column_stack([np.ones(len(period)), np.log(period)])
        return np.eye(known)[np.asarray(period) - 1]

    @staticmethod
    def _features(X, n):
        if X is None:
            return [], np.empty((n, 0))
        if not isinstance(X, pd.DataFrame) or len(X) != n:
            raise InputError(f"X must be a DataFrame with one row for each of the {n} customers.")
        return list(X.columns), np.column_stack(_checks.table_of(X, X.columns))


def _durations(duration, left):
    try:
        time = np.asarray(duration, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"duration holds something that is not a number ({error}).") from error
    marks = np.asarray(left)
    if time.ndim != 1 or not len(time):
        raise InputError(f"duration has shape {time.shape}: give one number per customer.")
    if marks.shape != time.shape:
        raise InputError(f"left has shape {marks.shape}: mark each of the {len(time)} customers.")
    bad = ~np.isfinite(time) | (time < 0)
    if bad.any():
        raise InputError(
            f"duration is {time[bad.argmax()]:g} at position {int(bad.argmax())} ({int(bad.sum())} such "
            "customers): give a time of at least 0, that of the last sight for those still there."
        )
    if pd.isna(marks).any() or not np.isin(marks, (0, 1)).all():
        raise InputError("left holds something that is neither true nor false: mark who left.")
    return time, marks.astype(bool)
