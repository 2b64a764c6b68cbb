"""Maximum likelihood as all models of this package do it, and what they share as estimators.

The parameters are positive, so the search runs in their logarithms. The loss is minus the mean
log-likelihood of a customer, with an analytic gradient. Several starts on a few customers, the best of them
goes on with more and then with all, and takes along what it has learned of the curvature. Then Newton's steps
with the Hessian (differences of the gradient) until what is left to gain is negligible. The Hessian at the
end is the observed information, which gives the standard errors.
"""

import warnings
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from bigmkt_helpers.clv import _checks
from bigmkt_helpers.errors import InputError, NotFittedError

BOUND = 20.0
"""The logarithm of a parameter stays within ± this."""

SAMPLES = (300, 10_000)
"""Customers on whom the starts are compared, and with whom the best goes on before it turns to all."""

TRIAL = 6
"""Steps after which the starts are compared."""

STRIDE = 2.0
"""A step changes no logarithm by more than this."""

VAGUE = 10.0
"""A standard error of a logarithm above this says that the data do not determine the parameter."""


class LikelihoodModel(BaseEstimator):
    """What the models have in common: the search, the report on it, standard errors and intervals."""

    _parameters = ()

    def _maximise(self, loss_of, arrays, weights, start):
        """Find the maximum; sets the learned attributes.

        Parameters
        ----------
        loss_of : callable
            Columns and weights of some rows → a loss: logarithms of the parameters → minus the mean
            log-likelihood, and its gradient.
        arrays, weights : list of arrays, array
            As `distinct` gives them.
        start : array
            Parameters of the first start; the others are spread around it.
        """
        tol = _checks.real(self.tol, "tol", least=0)
        max_iter = _checks.whole(self.max_iter, "max_iter")
        rng = _checks.generator(self.random_state)
        n_customers = float(weights.sum())
        begin = np.log(np.asarray(start, dtype=float))
        starts = [begin]
        starts += [
            begin + rng.normal(size=len(begin)) for _ in range(_checks.whole(self.n_starts, "n_starts") - 1)
        ]
        samples = [_some(arrays, weights, size) for size in SAMPLES if 2 * size < len(weights)]
        losses = [
            _with_prior(loss_of(*rows), begin, self.prior_scale, n_customers)
            for rows in (*samples, (arrays, weights))
        ]
        tried = [_search(losses[0], point, min(max_iter, TRIAL)) for point in starts]
        self.starts_ = pd.DataFrame(
            [[*np.exp(point), *np.exp(found.x), -found.value] for point, found in zip(starts, tried)],
            columns=_labels(
                (*(f"{name}_start" for name in self._parameters), *self._parameters, "mean_log_likelihood")
            ),
        )
        found = min(tried, key=lambda one: one.value)
        for number, loss in enumerate(losses, 1):
            # a sample may have its maximum at the end of the world where all the rows have not
            lost = np.abs(found.x - begin).max() >= 8
            point, inverse = (begin, None) if lost else (found.x, found.inverse)
            found = _search(loss, point, max_iter, inverse, 1e-7 if number < len(losses) else 1e-12)
        self._prior = begin, n_customers
        theta, value, gradient, hessian, noise, steps = _polish(losses[-1], found, max_iter - found.steps)
        self.n_iter_ = found.steps + steps
        self._report(theta, value, gradient, hessian, noise, n_customers, tol, max_iter)
        if not self.converged_:
            warnings.warn(self.message_, ConvergenceWarning, stacklevel=3)
        return self

    def _report(self, theta, value, gradient, hessian, noise, n, tol, max_iter):
        name = type(self).__name__
        names = _labels(self._parameters)
        self.params_ = pd.Series(np.exp(theta), index=names, name="estimate")
        self.log_likelihood_ = float(-(value - self._prior_loss(theta)) * n)
        self.n_customers_ = n
        values, vectors = np.linalg.eigh(hessian)
        steps = f"{self.n_iter_} step{'' if self.n_iter_ == 1 else 's'}"
        reached = f"log-likelihood {self.log_likelihood_:,.3f} after {steps} at " + ", ".join(
            f"{key} = {number:.4g}" for key, number in self.params_.items()
        )
        covariance = np.full(hessian.shape, np.nan)
        peak = values[0] > noise
        if peak:
            covariance = (vectors / values) @ vectors.T / n
            slope = vectors.T @ gradient
            # what a Newton step would still add to the log-likelihood of all customers
            left = float(n * (slope**2 / values).sum() / 2)
        else:
            left = np.nan
        spread = np.sqrt(np.diag(covariance))
        self.remaining_gain_ = left
        tell_more = "fit more customers or a longer period, or give a prior_scale (3, say)"
        remedy = tell_more
        far = np.abs(theta - self._prior[0])
        if self.n_iter_ >= max_iter and not left <= tol and far.max() < 8:
            # a search cut short says nothing about where the peak is, nor whether there is one
            lack = f"{left:.2g} of log-likelihood still to be gained" if peak else "no peak in sight yet"
            problem = f"stopped by max_iter={max_iter}, {lack}"
            remedy = f"raise max_iter; if that does not help, {tell_more}"
        elif not peak and far.max() >= 8:
            problem = f"the data do not determine {names[int(far.argmax())]}"
        elif not peak:
            problem = "the likelihood has no peak here"
        elif spread.max() > VAGUE or np.abs(theta).max() >= BOUND - 1e-6:
            runaway = names[int(np.argmax(np.where(np.isfinite(spread), spread, np.inf)))]
            problem = f"the data do not determine {runaway}"
        elif left > tol:
            problem = f"{left:.2g} of log-likelihood were still to be gained"
            remedy = f"raise n_starts, or tol if so little does not matter; else {tell_more}"
        else:
            problem = None
        self.converged_ = problem is None
        if problem is None:
            self.message_ = (
                f"{name} converged: {reached}; less than {tol:g} of log-likelihood is left to gain."
            )
        else:
            self.message_ = f"{name} did not converge ({problem}): {reached}; {remedy}."
        self._log_covariance = covariance
        scale = self.params_.to_numpy()
        self.covariance_ = pd.DataFrame(covariance * np.outer(scale, scale), index=names, columns=names)
        self.standard_errors_ = pd.Series(spread * scale, index=names, name="standard_error")

    def intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Estimate, standard error and interval of each parameter; the interval is symmetric in the
        logarithm.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        """
        self._fitted()
        half = norm.ppf((1 + _checks.level_of(level)) / 2) * np.sqrt(np.diag(self._log_covariance))
        return pd.DataFrame(
            {
                "estimate": self.params_,
                "standard_error": self.standard_errors_,
                "low": self.params_ * np.exp(-half),
                "high": self.params_ * np.exp(half),
            }
        )

    def _prior_loss(self, theta):
        begin, n = self._prior
        return (
            0.0
            if self.prior_scale is None
            else float(((theta - begin) ** 2).sum() / (2 * n * self.prior_scale**2))
        )

    def _fitted(self):
        if not hasattr(self, "params_"):
            raise NotFittedError(f"{type(self).__name__}: call fit first.")
        return self.params_.to_numpy()

    def _drawn_parameters(self, n: int, rng) -> np.ndarray:
        """Parameters as uncertain as the fit leaves them, shape (n, k): normal in the logarithms."""
        if not np.isfinite(self._log_covariance).all():
            raise InputError(
                f"{type(self).__name__} has no standard errors to draw parameters from: use "
                f"parameters=False, or mend the fit. {self.message_}"
            )
        steps = rng.multivariate_normal(
            np.zeros(len(self.params_)), self._log_covariance, size=n, method="cholesky"
        )
        return self.params_.to_numpy() * np.exp(steps)


@lru_cache
def _labels(names):
    """An index of names; making one costs as much as a step of the search."""
    return pd.Index(names)


def _with_prior(loss, centre, scale, n):
    """The loss with a normal prior on the logarithms; the same loss without one."""
    if scale is None:
        return loss
    if _checks.real(scale, "prior_scale", least=0) == 0:
        raise InputError("prior_scale is 0: give a spread above 0, or None for maximum likelihood.")

    def penalised(theta):
        value, gradient = loss(theta)
        apart = (theta - centre) / scale
        return value + apart @ apart / (2 * n), gradient + apart / (scale * n)

    return penalised


class _Found(NamedTuple):
    """Where a search ended: the point, the loss there and its gradient, the inverse Hessian as far as it is
    known by then, and the steps taken."""

    x: np.ndarray
    value: float
    gradient: np.ndarray
    inverse: np.ndarray
    steps: int


def _search(loss, start, most, inverse=None, rough=1e-12):
    """Quasi-Newton steps (Broyden, Fletcher, Goldfarb, Shanno) until the next one promises less than `rough`.

    With four parameters the steps themselves must cost nothing beside the loss, hence no general routine.
    The inverse Hessian of a search over similar data saves most of the steps.
    """
    theta = _within(start)
    value, gradient = loss(theta)
    one = np.eye(len(theta))
    first = inverse is None
    inverse = one / max(1.0, _largest(gradient)) if first else inverse
    steps = 0
    while steps < most:
        move = -inverse @ gradient
        if gradient @ move > -rough:
            break
        move *= min(1.0, STRIDE / _largest(move))
        for _ in range(30):
            trial = _within(theta + move)
            new_value, new_gradient = loss(trial)
            apart = trial - theta
            # a decrease in proportion to the slope
            if isfinite(new_value) and new_value <= value + 1e-4 * min(gradient @ apart, 0.0):
                break
            move *= 0.3
        else:
            break
        turn = new_gradient - gradient
        bend = turn @ apart
        theta, value, gradient, steps = trial, float(new_value), new_gradient, steps + 1
        if bend > 1e-12 * (apart @ apart):
            if first:
                inverse, first = one * (bend / (turn @ turn)), False
            side = one - apart[:, None] * (turn / bend)
            inverse = side @ inverse @ side.T + apart[:, None] * (apart / bend)
    return _Found(theta, value, gradient, inverse, steps)


def _largest(values):
    return max(map(abs, values.tolist()))


def _within(theta):
    return theta if _largest(theta) <= BOUND else np.clip(theta, -BOUND, BOUND)


def _hessian(loss, theta, step=1e-4):
    """Differences of the gradient, and how far these lack the symmetry that a Hessian has: their noise."""
    rows = []
    for i in range(len(theta)):
        move = np.zeros(len(theta))
        move[i] = step
        rows.append((loss(theta + move)[1] - loss(theta - move)[1]) / (2 * step))
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2, np.abs(matrix - matrix.T).max()


def _polish(loss, found, most):
    """Newton's steps while they lower the loss; at most eight, or what is left of the steps allowed."""
    theta, value, gradient = found.x, found.value, found.gradient
    hessian, noise = _hessian(loss, theta)
    steps = 0
    while steps < min(8, most) and np.abs(gradient).max() > 1e-12 and np.linalg.eigvalsh(hessian)[0] > 0:
        trial = np.clip(theta - np.linalg.solve(hessian, gradient), -BOUND, BOUND)
        new_value, new_gradient = loss(trial)
        if not np.isfinite(new_value) or new_value > value + 1e-12 * abs(value):
            break
        if np.abs(new_gradient).max() >= np.abs(gradient).max():
            break
        moved = np.abs(trial - theta).max()
        theta, value, gradient, steps = trial, new_value, new_gradient, steps + 1
        if moved > 1e-3:
            hessian, noise = _hessian(loss, theta)
    return theta, value, gradient, hessian, noise, steps


def _some(arrays, weights, size):
    """Rows of about `size` customers, evenly spaced through the sorted table, and whom each stands for."""
    total = np.cumsum(weights)
    chosen = np.searchsorted(total, (np.arange(size) + 0.5) * (total[-1] / size))
    chosen, counts = np.unique(chosen, return_counts=True)
    return [array[chosen] for array in arrays], counts.astype(float)


def distinct(arrays, weights):
    """Equal rows as one row with the sum of their weights: the sufficient statistics of the table."""
    order = np.lexsort(arrays[::-1])
    sorted_ = [array[order] for array in arrays]
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.logical_or.reduce([array[1:] != array[:-1] for array in sorted_])
    begin = np.flatnonzero(new)
    inverse = np.empty(len(order), dtype=np.int64)
    inverse[order] = np.cumsum(new) - 1
    return [array[begin] for array in sorted_], np.add.reduceat(weights[order], begin), inverse


class RepeatModel(LikelihoodModel):
    """A model of repeat purchases until a silent drop-out; its rooms supply the likelihood and the laws.

    A subclass has `_rows_loss`, `_log_dead_odds`, `_posterior`, `_expected`, `_probabilities` and `_draw`.
    Given that a customer is still alive, the future is that of a new customer with the parameters of
    `_posterior`.
    """

    _discrete = False

    def __init__(
        self,
        *,
        unit=None,
        frequency="frequency",
        recency="recency",
        T="T",
        n_starts=3,
        max_iter=500,
        tol=1e-4,
        prior_scale=None,
        random_state=0,
    ):
        self.prior_scale = prior_scale
        self.unit = unit
        self.frequency = frequency
        self.recency = recency
        self.T = T
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        """Maximum likelihood.

        Parameters
        ----------
        X : pandas.DataFrame
            One row per customer: frequency, recency and T, as `customer_summary` gives them.
        sample_weight : array of shape (n_customers,), optional
            How many customers each row stands for.

        Raises
        ------
        InputError
            A missing column or value, times that contradict each other, only one-time buyers, mixed units.
        """
        x, tx, T = self._columns(X)
        self.unit_ = self._unit(X, fitting=True)
        weights = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        if weights.shape != x.shape or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
            raise InputError(
                f"sample_weight has shape {weights.shape}: give {len(x)} numbers of at least 0, not all 0."
            )
        if not (weights * x).any():
            raise InputError(
                f"All {len(x):,} customers bought once: repeat purchases cannot be learned from them; "
                "wait for some, or widen the period."
            )
        kept = weights > 0
        (x, tx, T), weights, _ = distinct([x[kept], tx[kept], T[kept]], weights[kept])
        self.n_distinct_ = len(x)
        return self._maximise(
            lambda arrays, w: self._rows_loss(*arrays, w), [x, tx, T], weights, self._start(T, weights)
        )

    def log_likelihood(self, X) -> pd.Series:
        """Log-likelihood of each customer under the fitted parameters."""
        theta = np.log(self._fitted())
        rows, inverse, index = self._rows(X)
        return pd.Series(self._log_likelihood_rows(theta, *rows)[inverse], index=index, name="log_likelihood")

    def probability_alive(self, X) -> pd.Series:
        """Probability that each customer has not dropped out by the end of their T.

        Parameters
        ----------
        X : pandas.DataFrame
            As for `fit`.
        """
        params = self._fitted()
        rows, inverse, index = self._rows(X)
        return pd.Series(self._alive(params, *rows)[inverse], index=index, name="p_alive")

    def expected_purchases(self, X, horizon) -> pd.Series:
        """Expected number of purchases of each customer in the `horizon` after the end of their T.

        Parameters
        ----------
        X : pandas.DataFrame
            As for `fit`.
        horizon : float, pd.Timedelta or str
            A number counts in the model's unit; a length of time ("364D") is converted.
        """
        params = self._fitted()
        t = self._horizon(horizon)
        (x, tx, T), inverse, index = self._rows(X)
        values = self._alive(params, x, tx, T) * self._expected(self._posterior(params, x, T), t)
        return pd.Series(values[inverse], index=index, name="expected_purchases")

    def expected_of_new(self, horizon):
        """Expected repeat purchases of a new customer in the `horizon` after the first purchase.

        Parameters
        ----------
        horizon : float, pd.Timedelta, str or array of floats
        """
        params = self._fitted()
        if isinstance(horizon, np.ndarray | list | tuple | pd.Series):
            times = np.array([self._horizon(value) for value in horizon])
            return self._expected(tuple(np.full(len(times), value) for value in params), times)
        return float(self._expected(tuple(np.array([value]) for value in params), self._horizon(horizon))[0])

    def purchase_probabilities(self, X, horizon, most: int = 10) -> pd.DataFrame:
        """Probability of 0, 1, … `most` purchases in the horizon, and of more, for each customer.

        Parameters
        ----------
        X : pandas.DataFrame or None
            As for `fit`; None for a new customer.
        horizon : float, pd.Timedelta or str
        most : int

        Returns
        -------
        pandas.DataFrame
            Columns 0 … `most` and "more"; each row sums to 1.
        """
        params = self._fitted()
        t = self._horizon(horizon)
        most = _checks.whole(most, "most", least=0)
        if X is None:
            posterior, alive = tuple(np.array([value]) for value in params), np.ones(1)
            inverse, index = np.zeros(1, dtype=int), pd.Index(["new"])
        else:
            (x, tx, T), inverse, index = self._rows(X)
            posterior, alive = self._posterior(params, x, T), self._alive(params, x, tx, T)
        columns = [alive * self._probabilities(posterior, t, k) for k in range(most + 1)]
        columns[0] = columns[0] + (1 - alive)
        table = np.stack(columns, axis=1)
        table = np.column_stack([table, np.clip(1 - table.sum(axis=1), 0, None)])
        return pd.DataFrame(table[inverse], index=index, columns=[*range(most + 1), "more"])

    def simulate_purchases(
        self, X, horizon, n_draws: int = 500, periods: int = 1, parameters: bool = True, random_state=0
    ) -> np.ndarray:
        """Futures of the customers, drawn from what the model believes about each.

        Parameters
        ----------
        X : pandas.DataFrame
        horizon : float, pd.Timedelta or str
        n_draws : int
            The result takes 4 bytes for each draw, customer and period.
        periods : int
            Equal parts of the horizon to be counted apart.
        parameters : bool
            Whether each draw also draws the parameters, as uncertain as the fit leaves them.
        random_state : int or numpy.random.Generator

        Returns
        -------
        numpy.ndarray of int32, shape (n_draws, n_customers, periods)
        """
        base = self._fitted()
        t = self._horizon(horizon)
        x, tx, T = self._columns(X)
        self._unit(X)
        n_draws, periods = _checks.whole(n_draws, "n_draws"), _checks.whole(periods, "periods")
        if self._discrete and t % periods:
            raise InputError(f"A horizon of {t:g} opportunities cannot be cut into {periods} equal periods.")
        rng = _checks.generator(random_state)
        drawn = self._drawn_parameters(n_draws, rng) if parameters else np.tile(base, (n_draws, 1))
        futures = np.zeros((n_draws, len(x), periods), dtype=np.int32)
        (ux, utx, uT), _, inverse = distinct([x, tx, T], np.ones(len(x)))
        chance = None
        for draw, params in enumerate(drawn):
            if chance is None or parameters:
                chance = self._alive(params, ux, utx, uT)[inverse]
            alive = np.flatnonzero(rng.random(len(x)) < chance)
            posterior = self._posterior(params, x[alive], T[alive])
            futures[draw, alive] = self._draw(posterior, t, periods, rng)
        return futures

    def purchase_intervals(
        self, X, horizon, level: float = 0.8, n_draws: int = 1000, parameters: bool = True, random_state=0
    ) -> pd.DataFrame:
        """Expected purchases of each customer with an interval for the number that will be seen.

        Parameters
        ----------
        X, horizon
            As for `expected_purchases`.
        level : float
            The interval holds at least this part of the drawn futures.
        n_draws, parameters, random_state
            As for `simulate_purchases`.

        Returns
        -------
        pandas.DataFrame
            ``expected``, ``low``, ``high``.
        """
        level = _checks.level_of(level)
        futures = self.simulate_purchases(X, horizon, n_draws, 1, parameters, random_state)[..., 0]
        low = np.quantile(futures, (1 - level) / 2, axis=0, method="inverted_cdf")
        high = np.quantile(futures, (1 + level) / 2, axis=0, method="inverted_cdf")
        expected = self.expected_purchases(X, horizon)
        return pd.DataFrame({"expected": expected, "low": low, "high": high}, index=expected.index)

    # --- what the methods above stand on

    def _alive(self, params, x, tx, T):
        return _expit(-self._log_dead_odds(params, x, tx, T))

    def _rows(self, X):
        self._unit(X)
        rows, _, inverse = distinct(self._columns(X), np.ones(len(X)))
        return rows, inverse, X.index

    def _columns(self, X):
        x, tx, T = _checks.table_of(X, [self.frequency, self.recency, self.T])
        f, r = self.frequency, self.recency
        _checks.refuse(
            (x < 0) | (x != np.floor(x)), X, f, x, "is no number of repeat purchases", "count 0, 1, 2 …"
        )
        _checks.refuse(T < 0, X, self.T, T, "is below 0", "it is the time from the first purchase to the end")
        _checks.refuse(tx < 0, X, r, tx, "is below 0", "it is the time from the first to the last purchase")
        _checks.refuse(
            tx > T,
            X,
            r,
            tx,
            f"is more than {self.T}",
            "the last purchase cannot lie after the end: are both in one unit?",
        )
        _checks.refuse(
            (x == 0) & (tx > 0),
            X,
            r,
            tx,
            "is above 0 without a repeat purchase",
            "it counts from the first purchase",
        )
        _checks.refuse(
            (x > 0) & (tx == 0), X, r, tx, "is 0 with repeat purchases", "merge purchases of the same moment"
        )
        if self._discrete:
            for name, values in ((r, tx), (self.T, T)):
                _checks.refuse(
                    values != np.floor(values), X, name, values, "is not whole", "count opportunities to buy"
                )
            _checks.refuse(
                x > tx, X, f, x, f"is more than {r}", "there is one purchase at most per opportunity"
            )
        return x, tx, T

    def _unit(self, X, fitting=False):
        own = _checks.unit_of(self.unit) if fitting or not hasattr(self, "unit_") else self.unit_
        theirs = _checks.noted_unit(X)
        if theirs is not None and own is not None and theirs != own:
            raise InputError(
                f"The table counts in units of {_checks.length(theirs)}, the model in units of "
                f"{_checks.length(own)}: make the table anew in the model's unit."
            )
        return theirs if own is None else own

    def _horizon(self, horizon):
        value = _checks.horizon_of(horizon, self.unit_)
        if self._discrete and value != np.floor(value):
            raise InputError(
                f"horizon is {value:g}: {type(self).__name__} counts whole opportunities to buy."
            )
        return value


def _expit(z):
    out = np.empty_like(z, dtype=float)
    positive = z >= 0
    out[positive] = 1 / (1 + np.exp(-z[positive]))
    e = np.exp(z[~positive])
    out[~positive] = e / (1 + e)
    return out
