"""BG/NBD: customers buy at random times and may drop out right after a purchase."""

from math import log

import numpy as np
from scipy.special import betaln, gammaln, psi
from scipy.stats import nbinom

from bigmkt_helpers.clv._fitting import RepeatModel

__all__ = ["BGNBD"]

NODES = 64
CHUNK = 20_000


class BGNBD(RepeatModel):
    """The BG/NBD model of repeat purchases.

    While alive, a customer buys with rate λ (Poisson). After each repeat purchase they drop out with
    probability p. Over customers λ is Gamma(r, rate α) and p is Beta(a, b). A customer without a repeat
    purchase is alive for certain. Fader, Hardie & Lee, Marketing Science 24(2), 2005, pages 275-284.

    With x repeat purchases, the last at t_x, and T since the first,

        L = B(a, b + x) / B(a, b) · Γ(r + x) α^r / Γ(r) ·
            [(α + T)^-(r+x) + [x > 0] a / (b + x - 1) · (α + t_x)^-(r+x)].

    Expectations are means over p of E[X(t) | p] = (1 - (α / (α + p t))^r) / p by Gauss and Jacobi's
    quadrature: the same as the closed form with ₂F₁, but finite for thousands of purchases and at a = 1.

    Parameters
    ----------
    unit : "hour", "day", "week" or pd.Timedelta, optional
        Unit of recency and T; found in the table that `customer_summary` gives.
    frequency, recency, T : str
        Names of the columns.
    n_starts : int
        Starts of the search, compared after six steps on 300 customers; the best goes on, and ends with all.
    max_iter : int
        Steps of each search at most.
    tol : float
        The fit counts as converged if a further step would gain at most so much log-likelihood.
    prior_scale : float, optional
        Without it, maximum likelihood. With it, the mode under a normal prior on the logarithm of each
        parameter, centred at the first start, with this standard deviation: for data that leave a parameter
        undetermined, as where customers do not differ in how they drop out. The errors then are those of the
        posterior.
    random_state : int or numpy.random.Generator

    Attributes
    ----------
    params_ : pandas.Series
        r and α (in units of time) of the rate, a and b of the drop-out.
    standard_errors_, covariance_ : pandas.Series, pandas.DataFrame
        From the observed information.
    log_likelihood_ : float
    converged_, message_ : bool, str
        Whether the search ended well, and where it ended.
    remaining_gain_ : float
        Log-likelihood that a further Newton step promises.
    n_iter_, n_customers_, n_distinct_ : int, float, int
        Steps, customers, and different rows among them.
    starts_ : pandas.DataFrame
        Each start, where six steps led on a sample of customers, and the mean log-likelihood there.
    unit_ : pd.Timedelta or None

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"frequency": [0, 2, 5], "recency": [0, 30, 20], "T": [39, 38, 39]})
    >>> model = BGNBD(unit="week")
    >>> model.params_ = pd.Series({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}); model.unit_ = None
    >>> model.probability_alive(table).round(3).tolist()
    [1.0, 0.73, 0.284]
    """

    _parameters = ("r", "alpha", "a", "b")

    def _start(self, T, weights):
        return [1.0, max(float(weights @ T / weights.sum()), 1e-3) / 4, 1.0, 1.0]

    def _rows_loss(self, x, tx, T, w):
        # equal x together, those without a repeat purchase first
        order = np.argsort(x, kind="stable")
        x, tx, T, w = x[order], tx[order], T[order], w[order]
        n, start = w.sum(), np.searchsorted(x, 0, side="right")
        ux, many = np.unique(np.concatenate([[0.0], x]), return_counts=True)
        many[0] -= 1
        uw = np.bincount(np.repeat(np.arange(len(ux)), many), w, minlength=len(ux))
        # Γ of r + x, b + x and a + b + x over Γ of r, b and a + b: the latter are those of x = 0
        uw[0] -= n
        signs = np.array([1.0, 1.0, -1.0])
        begin = (np.cumsum(many) - many)[1:] - start
        many, uy, wx = many[1:], ux[1:] - 1, w * x
        times, rows = np.concatenate([T, tx[start:]]), len(T)
        xp, wp = x[start:], w[start:]

        def loss(theta):
            r, alpha, a, b = np.exp(theta).tolist()
            shapes = np.array([[r], [b], [a + b]]) + ux
            value = signs @ (gammaln(shapes) @ uw)
            slope_r, slope_b, slope_ab = psi(shapes) @ uw
            slope_a, slope_b = -slope_ab, slope_b - slope_ab
            since = alpha + times
            logs, rates = np.log(since), 1 / since
            log_ends, rate_ends = logs[:rows], rates[:rows]
            w_log = w @ log_ends
            value += n * r * log(alpha) - r * w_log - wx @ log_ends
            slope_r += n * log(alpha) - w_log
            slope_alpha = n * r / alpha - r * (w @ rate_ends) - wx @ rate_ends
            if len(xp):
                rx, apart = r + xp, log_ends[start:] - logs[rows:]
                shares = a / (b + uy)
                odds = rx * apart
                odds += np.repeat(np.log(shares), many)
                shrunk = np.exp(-np.abs(odds))
                value += wp @ (np.maximum(odds, 0) + np.log1p(shrunk))  # the log of 1 + e^odds
                dead = np.where(odds > 0, 1.0, shrunk) / (1 + shrunk) * wp
                slope_r += dead @ apart
                slope_alpha += (dead * rx) @ (rate_ends[start:] - rates[rows:])
                by_x = np.add.reduceat(dead, begin)
                slope_b -= (by_x @ shares) / a
                slope_a += by_x.sum() / a
            return -value / n, np.array([slope_r * r, slope_alpha * alpha, slope_a * a, slope_b * b]) / -n

        return loss

    def _log_likelihood_rows(self, theta, x, tx, T):
        r, alpha, a, b = np.exp(theta)
        odds = self._log_dead_odds((r, alpha, a, b), x, tx, T)
        value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T)
        return value + betaln(a, b + x) - betaln(a, b) + np.logaddexp(0, odds)

    def _log_dead_odds(self, params, x, tx, T):
        r, alpha, a, b = params
        odds = np.log(a / (b + np.maximum(x, 1) - 1)) + (r + x) * np.log((alpha + T) / (alpha + tx))
        return np.where(x > 0, odds, -np.inf)

    def _posterior(self, params, x, T):
        r, alpha, a, b = params
        return r + x, alpha + T, np.full(len(x), a), b + x

    def _expected(self, params, t):
        r, alpha, a, b = params
        t = np.broadcast_to(np.asarray(t, dtype=float), r.shape)
        pairs, inverse = np.unique(np.column_stack([a, b]), axis=0, return_inverse=True)
        points, weights = _beta_quadrature(pairs[:, 0], pairs[:, 1], NODES)
        out = np.empty(len(r))
        for begin in range(0, len(r), CHUNK):
            part = slice(begin, begin + CHUNK)
            p, w = points[inverse[part]], weights[inverse[part]]
            out[part] = (w * -np.expm1(-r[part, None] * np.log1p(p * (t / alpha)[part, None])) / p).sum(
                axis=1
            )
        return out

    def _probabilities(self, params, t, k):
        r, alpha, a, b = params
        share = alpha / (alpha + t)
        alive = np.exp(betaln(a, b + k) - betaln(a, b)) * nbinom.pmf(k, r, share)
        if k == 0:
            return alive
        # dropped out right after purchase k, and would have bought at least k times
        return alive + np.exp(betaln(a + 1, b + k - 1) - betaln(a, b)) * nbinom.sf(k - 1, r, share)

    def _draw(self, params, t, periods, rng):
        r, alpha, a, b = params
        rate, p = rng.gamma(r) / alpha, rng.beta(a, b)
        # the purchase after which they are gone; a geometric law, inverted, kept within the whole numbers
        last = np.minimum(np.log1p(-rng.random(len(r))) / np.log1p(-np.clip(p, 1e-12, 1 - 1e-12)), 1e9)
        left = np.floor(last).astype(np.int64) + 1
        bought = rng.poisson(rate[:, None] * (t / periods), size=(len(r), periods))
        return np.diff(np.minimum(bought.cumsum(axis=1), left[:, None]), axis=1, prepend=0)


def _beta_quadrature(a, b, n):
    """Points and weights of Gauss and Jacobi's rule for a mean over Beta(a, b), one row for each pair.

    The eigenvalues of the tridiagonal matrix of the recurrence are the points (Golub & Welsch, Mathematics of
    Computation 23, 1969, pages 221-230); the weights of a row sum to 1.
    """
    A, B, k = (b - 1)[:, None], (a - 1)[:, None], np.arange(1, n)
    total = 2 * k + A + B
    diagonal = np.empty((len(a), n))
    diagonal[:, :1] = (B - A) / (A + B + 2)
    diagonal[:, 1:] = (B - A) * (B + A) / (total * (total + 2))
    square = np.empty((len(a), n - 1))
    square[:, :1] = 4 * (1 + A) * (1 + B) / ((2 + A + B) ** 2 * (3 + A + B))
    later = k[1:]
    rest = total[:, 1:]
    square[:, 1:] = (
        4 * later * (later + A) * (later + B) * (later + A + B) / (rest**2 * (rest + 1) * (rest - 1))
    )
    matrix = np.zeros((len(a), n, n))
    row = np.arange(n)
    matrix[:, row, row] = (1 + diagonal) / 2
    matrix[:, row[1:], row[:-1]] = np.sqrt(square) / 2
    points, vectors = np.linalg.eigh(matrix)
    return np.clip(points, 1e-300, 1.0), vectors[:, 0, :] ** 2
