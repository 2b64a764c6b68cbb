"""Pareto/NBD: customers buy at random times and drop out at a random moment."""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, psi

from bigmkt_helpers.clv._fitting import RepeatModel

__all__ = ["ParetoNBD"]

NODES = 24
CHUNK = 1_024
REACH = 40.0
"""What lies more than so many e-folds below the integrand's beginning is left out: e^-40."""

_points, _weights = np.polynomial.legendre.leggauss(NODES)
POINTS, WEIGHTS = (_points + 1) / 2, _weights / 2


class ParetoNBD(RepeatModel):
    """The Pareto/NBD model of repeat purchases.

    While alive, a customer buys with rate λ (Poisson) and drops out with rate μ, at any moment. Over
    customers λ is Gamma(r, rate α) and μ is Gamma(s, rate β). Schmittlein, Morrison & Colombo, Management
    Science 33(1), 1987, pages 1-24. With x repeat purchases, the last at t_x, and T since the
    first,

        L = Γ(r + x) α^r β^s / Γ(r) ·
            [(α + T)^-(r+x) (β + T)^-s + s ∫ (α + y)^-(r+x) (β + y)^-(s+1) dy, y from t_x to T].

    The integral is taken by Gauss and Legendre's rule with 24 points in u = log(min(α, β) + y), on the part
    of it that counts, in logarithms; the gradient under the integral sign, at the same points. The usual
    form with ₂F₁ is not a number for customers with hundreds of purchases; this one is finite for thousands.

    Parameters
    ----------
    unit : "hour", "day", "week" or pd.Timedelta, optional
        Unit of recency and T; found in the table that `customer_summary` gives.
    frequency, recency, T : str
        Names of the columns.
    n_starts, max_iter, tol, prior_scale, random_state
        As for `BGNBD`.

    Attributes
    ----------
    params_ : pandas.Series
        r and α (in units of time) of the rate of buying, s and β (in units of time) of that of dropping out.
    standard_errors_, covariance_, log_likelihood_, converged_, message_, remaining_gain_, n_iter_,
    n_customers_, \
n_distinct_, starts_, unit_
        As for `BGNBD`.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"frequency": [26], "recency": [30.86], "T": [31.0]})
    >>> model = ParetoNBD(unit="week")
    >>> model.params_ = pd.Series({"r": 0.553, "alpha": 10.58, "s": 0.606, "beta": 11.67}); model.unit_ = None
    >>> model.probability_alive(table).round(4).tolist()
    [0.9979]
    >>> model.expected_purchases(table, 52).round(2).tolist()
    [25.46]
    """

    _parameters = ("r", "alpha", "s", "beta")

    def _start(self, T, weights):
        scale = max(float(weights @ T / weights.sum()), 1e-3) / 4
        return [1.0, scale, 1.0, scale]

    def _rows_loss(self, x, tx, T, w):
        ux, inverse = np.unique(x, return_inverse=True)
        uw, n = np.bincount(inverse, w), w.sum()

        def loss(theta):
            r, alpha, s, beta = np.exp(theta)
            value = uw @ (gammaln(r + ux) - gammaln(r)) + n * (r * np.log(alpha) + s * np.log(beta))
            slope = np.array(
                [
                    uw @ (psi(r + ux) - psi(r)) + n * np.log(alpha),
                    n * r / alpha,
                    n * np.log(beta),
                    n * s / beta,
                ]
            )
            for begin in range(0, len(x), CHUNK):
                part = slice(begin, begin + CHUNK)
                added, gradient = _bracket((r, alpha, s, beta), x[part], tx[part], T[part], w[part])
                value += added
                slope += gradient
            return -value / n, -slope * np.exp(theta) / n

        return loss

    def _log_likelihood_rows(self, theta, x, tx, T):
        r, alpha, s, beta = np.exp(theta)
        value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        value -= (r + x) * np.log(alpha + T) + s * np.log(beta + T)
        return value + np.logaddexp(0, self._log_dead_odds((r, alpha, s, beta), x, tx, T))

    def _log_dead_odds(self, params, x, tx, T):
        out = np.empty(len(x))
        for begin in range(0, len(x), CHUNK):
            part = slice(begin, begin + CHUNK)
            out[part] = _integral(params, x[part], tx[part], T[part]).odds
        return out

    def _posterior(self, params, x, T):
        r, alpha, s, beta = params
        return r + x, alpha + T, np.full(len(x), s), beta + T

    def _expected(self, params, t):
        r, alpha, s, beta = params
        log_ratio = np.log1p(t / beta)
        power = s - 1
        # (1 - (β / (β + t))^(s-1)) / (s - 1), whose limit at s = 1 is the logarithm
        near = np.abs(power * log_ratio) < 1e-8
        safe = np.where(near, 1.0, power)
        time = np.where(near, log_ratio, -np.expm1(-power * log_ratio) / safe)
        return r / alpha * beta * time

    def _probabilities(self, params, t, k):
        r, alpha, s, beta = (value[:, None] for value in params)
        # until the end, or until a moment y of dropping out, with density s β^s / (β + y)^(s+1)
        u = np.log(beta) + np.log1p(t / beta) * POINTS
        y = np.clip(np.exp(u) - beta, 0, t)
        log_death = np.log(s) + s * np.log(beta) - s * u
        counts = np.exp(_log_count(r, alpha, y, k) + log_death) * WEIGHTS * np.log1p(t / beta)
        stays = np.exp(
            _log_count(*params[:2], np.full(len(params[0]), t), k) - params[2] * np.log1p(t / params[3])
        )
        return stays + counts.sum(axis=1)

    def _draw(self, params, t, periods, rng):
        r, alpha, s, beta = params
        rate, end = (
            rng.gamma(r) / alpha,
            rng.exponential(size=len(r)) / np.maximum(rng.gamma(s) / beta, 1e-300),
        )
        edges = np.linspace(0, t, periods + 1)
        exposed = np.diff(np.minimum(edges, end[:, None]), axis=1)
        return rng.poisson(rate[:, None] * exposed)


def _log_count(r, alpha, t, k):
    """log P(k purchases in t while alive): negative binomial; k purchases in no time are impossible."""
    share = np.log(alpha) - np.log(alpha + t)
    value = gammaln(r + k) - gammaln(r) - gammaln(k + 1) + r * share
    if k:
        with np.errstate(divide="ignore"):
            value = value + k * (np.log(t) - np.log(alpha + t))
    return value


class _Integral(NamedTuple):
    """The integral of L over the alive term, for each row, and what the gradient needs at each point.

    ``odds`` is its logarithm, log P(dropped out) / P(alive); ``parts`` are the values of the integrand,
    ``total`` their weighted sum, both over a common factor of the row; ``logs`` and ``times`` are those of
    α + y and β + y.
    """

    odds: np.ndarray
    parts: np.ndarray
    total: np.ndarray
    logs: tuple
    times: tuple


def _integral(params, x, tx, T):
    r, alpha, s, beta = params
    small, gap = min(alpha, beta), abs(beta - alpha)
    rx = r + x
    since = small + tx
    begin = np.log(since)
    width = np.log(small + T) - begin
    # minus the slope of the log integrand in u at t_x; it only grows from there
    decay = since * (rx / (alpha + tx) + (s + 1) / (beta + tx)) - 1
    width = np.minimum(width, REACH / np.maximum(decay, 1e-12))
    u = np.multiply.outer(width, POINTS)
    u += begin[:, None]
    near = np.exp(u)
    far = near + gap
    other = np.log(far)
    with np.errstate(divide="ignore"):
        height = np.log(s * width) + rx * np.log(alpha + T) + s * np.log(beta + T)
    if alpha <= beta:
        parts = u * (1 - rx)[:, None]
        parts -= (s + 1) * other
    else:
        parts = u * -s
        parts -= other * rx[:, None]
    # no point lies far above the first: the integrand falls, or rises with y at most
    top = parts[:, 0].copy()
    parts -= top[:, None]
    np.exp(parts, out=parts)
    total = parts @ WEIGHTS
    odds = height + top + np.log(total)
    forward = alpha <= beta
    return _Integral(
        odds, parts, total, (u, other) if forward else (other, u), (near, far) if forward else (far, near)
    )


def _bracket(params, x, tx, T, w):
    """Sum over rows of the log of the bracket in L, and its gradient in r, α, s, β."""
    r, alpha, s, beta = params
    odds, parts, total, logs, times = _integral(params, x, tx, T)
    rx, end, stop = r + x, alpha + T, beta + T
    log_end, log_stop = np.log(end), np.log(stop)
    shrunk = np.exp(-np.abs(odds))
    value = w @ (np.maximum(odds, 0) + np.log1p(shrunk) - rx * log_end - s * log_stop)
    dead = np.where(odds > 0, 1.0, shrunk) / (1 + shrunk) * w
    alive = w - dead
    # the weight of the row being dead over the sum of its points
    share = dead / total
    log_alpha, log_beta = ((parts * one) @ WEIGHTS for one in logs)
    alpha_y, beta_y = ((parts / one) @ WEIGHTS for one in times)
    gradient = np.array(
        [
            -(share @ log_alpha) - alive @ log_end,
            -((share * rx) @ alpha_y) - alive @ (rx / end),
            dead.sum() / s - share @ log_beta - alive @ log_stop,
            -(s + 1) * (share @ beta_y) - s * (alive @ (1 / stop)),
        ]
    )
    return value, gradient
