"""BG/BB: chances to buy come one by one, as yearly appeals do; each brings one purchase or none."""

import numpy as np
import pandas as pd
from scipy.special import betaln, expit, gammaln, psi

from bigmkt_helpers.clv._fitting import RepeatModel

__all__ = ["BGBB"]


class BGBB(RepeatModel):
    """The beta-geometric/beta-Bernoulli model of purchases at discrete opportunities.

    Before each opportunity a customer drops out with probability θ; while alive they buy with probability p.
    Over customers p is Beta(α, β) and θ is Beta(γ, δ). Fader, Hardie & Shang, Marketing Science 29(6), 2010,
    pages 1086-1108. With x purchases at n opportunities, the last at opportunity t_x,

        L = [B(α + x, β + n - x) B(γ, δ + n)
             + Σ B(α + x, β + j - x) B(γ + 1, δ + j), j from t_x to n - 1] / (B(α, β) B(γ, δ)).

    Frequency, recency and T are whole numbers: purchases, opportunity of the last one, opportunities in all
    (`opportunity_summary`). A horizon is a whole number of opportunities.

    Parameters
    ----------
    unit, frequency, recency, T, n_starts, max_iter, tol, prior_scale, random_state
        As for `BGNBD`.

    Attributes
    ----------
    params_ : pandas.Series
        alpha and beta of buying, gamma and delta of dropping out.
    standard_errors_, covariance_, log_likelihood_, converged_, message_, remaining_gain_, n_iter_,
    n_customers_, \
n_distinct_, starts_, unit_
        As for `BGNBD`.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [6, 0], "recency": [6, 0], "T": [6, 6]})
    >>> model = BGBB()
    >>> model.params_ = pd.Series({"alpha": 1.204, "beta": 0.75, "gamma": 0.657, "delta": 2.783})
    >>> model.unit_ = None
    >>> model.expected_purchases(table, 5).round(2).tolist()
    [3.75, 0.07]
    """

    _parameters = ("alpha", "beta", "gamma", "delta")
    _discrete = True

    def probability_alive_next(self, X) -> pd.Series:
        """Probability that each customer will be alive at the next opportunity, as the paper gives it.

        `probability_alive` asks whether they have dropped out so far; this one also asks that they do not
        drop out before the next opportunity.
        """
        _, _, gamma, delta = self._fitted()
        T = self._columns(X)[2]
        return self.probability_alive(X).mul((delta + T) / (gamma + delta + T))

    def _start(self, T, weights):
        return [1.0, 1.0, 0.5, 2.0]

    def _rows_loss(self, x, tx, n, w):
        terms, total = _Terms(x, tx, n), w.sum()

        def loss(theta):
            alpha, beta, gamma, delta = np.exp(theta)
            alive = betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n)
            odds, chance, table = terms.odds(alpha, beta, gamma, delta, alive)
            value = w @ (alive + np.logaddexp(0, odds))
            value -= total * (betaln(alpha, beta) + betaln(gamma, delta))
            dead = w * expit(odds)
            left = w - dead
            buys, drops = psi(alpha + beta + n), psi(gamma + delta + n)
            slope = np.array(
                [
                    left @ (psi(alpha + x) - buys),
                    left @ (psi(beta + n - x) - buys),
                    left @ (psi(gamma) - drops),
                    left @ (psi(delta + n) - drops),
                ]
            )
            slope += terms.gradient(alpha, beta, gamma, delta, table, chance, dead)
            slope -= total * np.array(
                [
                    psi(alpha) - psi(alpha + beta),
                    psi(beta) - psi(alpha + beta),
                    psi(gamma) - psi(gamma + delta),
                    psi(delta) - psi(gamma + delta),
                ]
            )
            return -value / total, -slope * np.exp(theta) / total

        return loss

    def _log_likelihood_rows(self, theta, x, tx, n):
        alpha, beta, gamma, delta = np.exp(theta)
        alive = betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n)
        odds = self._log_dead_odds((alpha, beta, gamma, delta), x, tx, n)
        return alive + np.logaddexp(0, odds) - betaln(alpha, beta) - betaln(gamma, delta)

    def _log_dead_odds(self, params, x, tx, n):
        alpha, beta, gamma, delta = params
        alive = betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n)
        return _Terms(x, tx, n).odds(alpha, beta, gamma, delta, alive)[0]

    def _posterior(self, params, x, n):
        alpha, beta, gamma, delta = params
        return alpha + x, beta + n - x, np.full(len(x), gamma), delta + n

    def _expected(self, params, t):
        alpha, beta, gamma, delta = params
        # Σ of the chances to be alive at opportunities 1 … t; at γ = 1 a difference of digammas
        near = np.abs(gamma - 1) < 1e-7
        ratio = (
            gammaln(gamma + delta) - gammaln(gamma + delta + t) + gammaln(1 + delta + t) - gammaln(1 + delta)
        )
        chances = np.where(
            near, psi(1 + delta + t) - psi(1 + delta), -np.expm1(ratio) / np.where(near, 1.0, gamma - 1)
        )
        return alpha / (alpha + beta) * delta * chances

    def _probabilities(self, params, t, k):
        alpha, beta, gamma, delta = params
        t = int(t)
        if k > t:
            return np.zeros(len(alpha))

        def ways(n):
            choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
            return choose + betaln(alpha + k, beta + n - k) - betaln(alpha, beta)

        value = np.exp(ways(t) + betaln(gamma, delta + t) - betaln(gamma, delta))
        for j in range(k, t):
            value = value + np.exp(ways(j) + betaln(gamma + 1, delta + j) - betaln(gamma, delta))
        return value

    def _draw(self, params, t, periods, rng):
        alpha, beta, gamma, delta = params
        p, theta = rng.beta(alpha, beta), np.clip(rng.beta(gamma, delta), 1e-12, 1 - 1e-12)
        survived = np.floor(np.minimum(np.log1p(-rng.random(len(p))) / np.log1p(-theta), 1e9)).astype(
            np.int64
        )
        edges = np.linspace(0, t, periods + 1).round().astype(np.int64)
        open_ = np.diff(np.minimum(edges, survived[:, None]), axis=1)
        return rng.binomial(open_, p[:, None])


class _Terms:
    """The sum in L: its terms depend on x and j alone, so each is computed once and looked up by the rows."""

    def __init__(self, x, tx, n):
        self.x, place = np.unique(x, return_inverse=True)
        self.j = np.arange(int(n.max()) + 1)
        many = (n - tx).astype(np.int64)
        self.some = many > 0
        self.begin = np.concatenate([[0], np.cumsum(many[self.some])[:-1]]).astype(np.int64)
        self.row = np.repeat(np.arange(len(x)), many)
        local = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        self.cell = place[self.row] * len(self.j) + tx[self.row].astype(np.int64) + local
        self.without = np.maximum(self.j - self.x[:, None], 0)

    def odds(self, alpha, beta, gamma, delta, alive):
        """log of the sum over the alive term for each row, and each term's share of its row."""
        table = betaln(alpha + self.x[:, None], beta + self.without) + betaln(gamma + 1, delta + self.j)
        odds = np.full(len(alive), -np.inf)
        if not len(self.row):
            return odds, np.empty(0), table
        part = table.ravel()[self.cell] - alive[self.row]
        top = np.full(len(alive), 0.0)
        top[self.some] = np.maximum.reduceat(part, self.begin)
        part = np.exp(part - top[self.row])
        total = np.ones(len(alive))
        total[self.some] = np.add.reduceat(part, self.begin)
        odds[self.some] = top[self.some] + np.log(total[self.some])
        return odds, part / total[self.row], table

    def gradient(self, alpha, beta, gamma, delta, table, chance, dead):
        mass = np.bincount(self.cell, chance * dead[self.row], minlength=table.size).reshape(table.shape)
        by_j, by_x, all_ = mass.sum(axis=0), mass.sum(axis=1), mass.sum()
        buys, drops = by_j @ psi(alpha + beta + self.j), by_j @ psi(gamma + delta + 1 + self.j)
        return np.array(
            [
                by_x @ psi(alpha + self.x) - buys,
                (mass * psi(beta + self.without)).sum() - buys,
                all_ * psi(gamma + 1) - drops,
                by_j @ psi(delta + self.j) - drops,
            ]
        )
