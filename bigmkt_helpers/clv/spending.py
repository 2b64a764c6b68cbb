"""Gamma-Gamma: what a customer spends per purchase, when few purchases have been seen."""

import numpy as np
import pandas as pd
from scipy.special import gammaincinv, gammaln, psi

from bigmkt_helpers.clv import _checks
from bigmkt_helpers.clv._fitting import LikelihoodModel, distinct
from bigmkt_helpers.errors import InputError

__all__ = ["GammaGamma"]


class GammaGamma(LikelihoodModel):
    """The Gamma-Gamma model of spend per purchase.

    A purchase of a customer is Gamma(p, rate ν), with mean p / ν; over customers ν is Gamma(q, rate γ).
    Spend is taken to be independent of how often somebody buys: look at the correlation before relying on
    it. Fader & Hardie, The Gamma-Gamma model of monetary value, note 2013. A customer with mean
    spend m over x repeat purchases is expected to spend

        p (γ + x m) / (p x + q - 1)

    per purchase: a mean of their own m and that of everybody, p γ / (q - 1), which is all that is known of a
    one-time buyer.

    Parameters
    ----------
    frequency, monetary : str
        Names of the columns: repeat purchases, and mean spend of them.
    nonpositive : {"raise", "leave_out"}
        What to do about repeat buyers whose mean spend is 0 or below, which this model holds impossible:
        refuse them, or fit without them (their expected spend is then that of a mean of 0).
    n_starts, max_iter, tol, prior_scale, random_state
        As for `BGNBD`.

    Attributes
    ----------
    params_ : pandas.Series
        p, q and gamma (in money).
    mean_ : float
        Expected spend per purchase over all customers, p γ / (q - 1); infinite if q ≤ 1.
    n_left_out_ : int
        Repeat buyers left out for a mean spend of 0 or below.
    standard_errors_, covariance_, log_likelihood_, converged_, message_, remaining_gain_, n_iter_,
    n_customers_, starts_
        As for `BGNBD`. The log-likelihood is that of the means, as a density in money.

    Examples
    --------
    >>> model = GammaGamma()
    >>> model.params_ = pd.Series({"p": 6.25, "q": 3.74, "gamma": 15.44}); model.mean_ = 6.25 * 15.44 / 2.74
    >>> table = pd.DataFrame({"frequency": [0, 2, 10], "monetary": [np.nan, 22.0, 22.0]})
    >>> model.expected_spend(table).round(2).tolist()
    [35.22, 24.38, 22.56]
    """

    _parameters = ("p", "q", "gamma")

    def __init__(
        self,
        *,
        frequency="frequency",
        monetary="monetary",
        nonpositive="raise",
        n_starts=3,
        max_iter=500,
        tol=1e-4,
        prior_scale=None,
        random_state=0,
    ):
        self.prior_scale = prior_scale
        self.frequency = frequency
        self.monetary = monetary
        self.nonpositive = nonpositive
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None):
        """Maximum likelihood from the repeat buyers of a summary.

        Raises
        ------
        InputError
            No repeat buyers, one without a mean spend, or one whose mean is 0 or below.
        """
        x, m = self._columns(X)
        repeat = x > 0
        if not repeat.any():
            raise InputError(f"All {len(x):,} customers bought once: there is no repeat spend to learn from.")
        self.n_left_out_ = int((repeat & (m <= 0)).sum())
        repeat &= m > 0
        if repeat.sum() < 2 or np.ptp(m[repeat]) == 0:
            raise InputError(
                f"{int(repeat.sum())} repeat buyer(s) with a positive mean spend, all the same: a spread of "
                "spend between customers cannot be learned from them."
            )
        (x, m), w, _ = distinct([x[repeat], m[repeat]], np.ones(int(repeat.sum())))
        start = [5.0, 4.0, float(w @ m / w.sum()) / 2]
        self._maximise(lambda arrays, w: _loss(*arrays, w), [x, m], w, start)
        p, q, gamma = self.params_
        self.mean_ = float(p * gamma / (q - 1)) if q > 1 else float("inf")
        return self

    def expected_spend(self, X) -> pd.Series:
        """Expected spend per future purchase of each customer; the mean of all for one-time buyers.

        Raises
        ------
        InputError
            If q ≤ 1, so that the mean over all customers is infinite, and somebody needs it.
        """
        p, q, gamma = self._fitted()
        x, m = self._columns(X)
        if q <= 1 and (p * x + q <= 1).any():
            raise InputError(
                f"q is {q:.3g}: at 1 or below, the mean spend over all customers is infinite: nothing can "
                "be said about those with few purchases; use their segment's mean instead."
            )
        value = p * (gamma + x * np.where(x > 0, np.maximum(m, 0), 0)) / (p * x + q - 1)
        return pd.Series(value, index=X.index, name="expected_spend")

    def spend_intervals(self, X, level: float = 0.8) -> pd.DataFrame:
        """Expected spend per purchase with an interval for the customer's own long-run mean.

        The long-run mean is p / ν, and ν given the data is Gamma(p x + q, rate γ + x m). The parameters are
        taken as known.
        """
        p, q, gamma = self._fitted()
        level = _checks.level_of(level)
        x, m = self._columns(X)
        shape, rate = p * x + q, gamma + x * np.where(x > 0, np.maximum(m, 0), 0)
        low, high = (p * rate / gammaincinv(shape, share) for share in ((1 + level) / 2, (1 - level) / 2))
        return pd.DataFrame({"expected": self.expected_spend(X), "low": low, "high": high}, index=X.index)

    def simulate_means(self, X, n_draws=500, parameters=True, random_state=0) -> np.ndarray:
        """Long-run mean spends as the model believes them: draws, shape (n_draws, n_customers)."""
        base = self._fitted()
        x, m = self._columns(X)
        m = np.where(x > 0, np.maximum(m, 0), 0)
        rng = _checks.generator(random_state)
        n_draws = _checks.whole(n_draws, "n_draws")
        drawn = self._drawn_parameters(n_draws, rng) if parameters else np.tile(base, (n_draws, 1))
        return np.stack([p * (gamma + x * m) / rng.gamma(p * x + q) for p, q, gamma in drawn])

    def _columns(self, X):
        if self.nonpositive not in ("raise", "leave_out"):
            raise InputError(f"nonpositive={self.nonpositive!r} is not known: use 'raise' or 'leave_out'.")
        (x,) = _checks.table_of(X, [self.frequency])
        name = self.monetary
        if name not in X.columns:
            raise InputError(f"X has no column {name!r}; it has {list(map(str, X.columns))}.")
        m = X[name].to_numpy(dtype=float, na_value=np.nan)
        _checks.refuse(
            (x < 0) | (x != np.floor(x)), X, self.frequency, x, "is no number of purchases", "count 0, 1, 2 …"
        )
        _checks.refuse(
            (x > 0) & ~np.isfinite(m),
            X,
            name,
            m,
            "is missing for a repeat buyer",
            "give the mean of the repeat spend",
        )
        if self.nonpositive == "raise":
            _checks.refuse(
                (x > 0) & (m <= 0),
                X,
                name,
                m,
                "is not above 0, which this model holds impossible",
                "decide about gifts and returns, or pass nonpositive='leave_out'",
            )
        return x, m


def _loss(x, m, w):
    n, log_m, log_x = w.sum(), np.log(m), np.log(x)
    ux, inverse = np.unique(x, return_inverse=True)
    uw = np.bincount(inverse, w)

    def loss(theta):
        p, q, gamma = np.exp(theta)
        px, log_end = p * x, np.log(gamma + m * x)
        upx = p * ux
        value = uw @ (gammaln(upx + q) - gammaln(upx)) + n * (q * np.log(gamma) - gammaln(q))
        value += w @ ((px - 1) * log_m + px * log_x - (px + q) * log_end)
        both = psi(upx + q)
        slope_p = uw @ (ux * (both - psi(upx))) + (w * x) @ (log_m + log_x - log_end)
        slope_q = uw @ both + n * (np.log(gamma) - psi(q)) - w @ log_end
        slope_gamma = n * q / gamma - w @ ((px + q) / (gamma + m * x))
        return -value / n, -np.array([slope_p * p, slope_q * q, slope_gamma * gamma]) / n

    return loss
