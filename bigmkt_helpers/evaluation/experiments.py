"""A/B tests: is the difference real, how many customers does it take to see it, and what looking early costs.

Two arms, drawn by a coin. :func:`compare_rates` and :func:`compare_means` compare them once, at the end;
the power functions say beforehand how many customers the end needs; :func:`peeking` and
:func:`repeated_looks_error` show what becomes of the 5 % when somebody looks every day.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation._checks import _numbers, _share, _shown, _whole_number


class Comparison(NamedTuple):
    """Arm b against arm a: the difference b - a with its interval, and the two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float
    statistic: float
    a: float
    b: float
    n_a: int
    n_b: int
    level: float


def compare_rates(successes_a: int, n_a: int, successes_b: int, n_b: int, level: float = 0.95) -> Comparison:
    """Two shares: z-test with the pooled share, and Newcombe's interval of their difference.

    The interval joins the Wilson intervals of the two shares (Newcombe, Statistics in Medicine 17, 1998,
    method 10 (unverified; the tests compare it with statsmodels)), so it never leaves [-1, 1] and holds at 0
    successes too. Test and interval answer with different standard errors: at the border they can disagree.

    Parameters
    ----------
    successes_a, successes_b : int
        Customers who did it, in each arm.
    n_a, n_b : int
        Customers in each arm, at least 1.
    level : float
        Of the interval, between 0 and 1.

    Returns
    -------
    Comparison
        ``difference`` b - a, ``low``, ``high``, ``p_value``, ``statistic`` (z), the shares ``a`` and ``b``.
        If nobody did it in either arm, or everybody, z is 0 and the p-value 1.

    Raises
    ------
    InputError
        An arm without customers, more successes than customers, a number that is not whole.

    Examples
    --------
    >>> result = compare_rates(100, 2000, 140, 2000)
    >>> round(result.difference, 3), round(result.low, 4), round(result.p_value, 4)
    (0.02, 0.0053, 0.0077)
    """
    for name, hits, n in (("a", successes_a, n_a), ("b", successes_b, n_b)):
        _whole_number(n, f"n_{name}", least=1)
        _whole_number(hits, f"successes_{name}", least=0)
        if hits > n:
            raise InputError(f"Arm {name} has {hits} successes among {n} customers: there cannot be more.")
    _share(level, "level")
    a, b = successes_a / n_a, successes_b / n_b
    pooled = (successes_a + successes_b) / (n_a + n_b)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    z = (b - a) / error if error > 0 else 0.0
    (low_a, high_a), (low_b, high_b) = _wilson(a, n_a, level), _wilson(b, n_b, level)
    low = b - a - math.hypot(b - low_b, high_a - a)
    high = b - a + math.hypot(high_b - b, a - low_a)
    return Comparison(b - a, low, high, 2 * _tail(abs(z)), z, a, b, int(n_a), int(n_b), level)


def compare_means(a, b, level: float = 0.95) -> Comparison:
    """Two means: Welch's t-test, which lets the arms vary by different amounts, and its interval.

    t = (mean b - mean a) / √(s²_a/n_a + s²_b/n_b), with the degrees of freedom of Welch and Satterthwaite
    (Welch, Biometrika 34, 1947 (unverified; the tests compare it with scipy)). For money, which is mostly 0
    and sometimes large, it needs thousands of customers: compare :func:`bootstrap_interval`.

    Parameters
    ----------
    a, b : array-like of shape (n,)
        One number per customer, at least two customers in each arm.
    level : float

    Returns
    -------
    Comparison
        As :func:`compare_rates`; ``statistic`` is t, ``a`` and ``b`` are means.

    Raises
    ------
    InputError
        Fewer than two customers in an arm, a missing value, outcomes that do not vary in either arm.

    Examples
    --------
    >>> result = compare_means([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0])
    >>> result.difference, round(result.p_value, 3)
    (2.5, 0.152)
    """
    from scipy.special import stdtr, stdtrit

    arms = [_numbers(values, name) for values, name in ((a, "a"), (b, "b"))]
    for name, arm in zip("ab", arms):
        if len(arm) < 2:
            raise InputError(f"Arm {name} has one customer: a variance needs at least two.")
    _share(level, "level")
    parts = [arm.var(ddof=1) / len(arm) for arm in arms]
    error = math.sqrt(sum(parts))
    means = [float(arm.mean()) for arm in arms]
    if error <= 1e-12 * max(abs(mean) for mean in means) or error == 0:
        raise InputError("The outcomes do not vary in either arm: there is no error to measure the gap by.")
    freedom = sum(parts) ** 2 / sum(part**2 / (len(arm) - 1) for part, arm in zip(parts, arms))
    difference = means[1] - means[0]
    t = difference / error
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error
    p_value = 2 * float(stdtr(freedom, -abs(t)))
    sizes = [len(arm) for arm in arms]
    return Comparison(difference, difference - reach, difference + reach, p_value, t, *means, *sizes, level)


# --- power ------------------------------------------------------------------------------------------


def rates_power(base: float, effect: float, n: int, alpha: float = 0.05) -> float:
    """Chance that the two-sided z-test of :func:`compare_rates` finds a difference of ``effect``.

    Φ((|effect|·√n - z·√(2 p̄(1 - p̄))) / √(p_a(1 - p_a) + p_b(1 - p_b))), p̄ the mean of both shares, z the
    1 - alpha/2 quantile, plus the other tail: the formula of R's ``power.prop.test(strict = TRUE)``.

    Parameters
    ----------
    base : float
        Share in arm a, between 0 and 1.
    effect : float
        Share in arm b less that in arm a; 0 gives about alpha.
    n : int
        Customers in each arm.
    alpha : float
        Chance of a false alarm that one accepts.

    Raises
    ------
    InputError
        base, base + effect or alpha outside (0, 1); n below 1.

    Examples
    --------
    >>> round(rates_power(0.5, 0.25, 50), 3)
    0.74
    """
    base, treated = _two_rates(base, effect)
    _whole_number(n, "n", least=1)
    _share(alpha, "alpha")
    middle = (base + treated) / 2
    border = _quantile(1 - alpha / 2) * math.sqrt(2 * middle * (1 - middle))
    spread = math.sqrt(base * (1 - base) + treated * (1 - treated))
    shift = abs(effect) * math.sqrt(n)
    return _tail((border - shift) / spread) + _tail((border + shift) / spread)


def rates_sample_size(base: float, effect: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Customers that each arm needs so that :func:`rates_power` reaches ``power``.

    n = (z_alpha·√(2 p̄(1 - p̄)) + z_power·√(p_a(1 - p_a) + p_b(1 - p_b)))² / effect², rounded up (Fleiss, Levin
    & Paik, Statistical Methods for Rates and Proportions, 2003 (unverified); R's ``power.prop.test``).

    Examples
    --------
    >>> rates_sample_size(0.5, 0.25, power=0.9)
    77
    """
    base, treated = _two_rates(base, effect)
    if effect == 0:
        raise InputError("effect is 0: no number of customers can find a difference that is not there.")
    _power(power, alpha)
    middle = (base + treated) / 2
    total = _quantile(1 - alpha / 2) * math.sqrt(2 * middle * (1 - middle))
    total += _quantile(power) * math.sqrt(base * (1 - base) + treated * (1 - treated))
    return max(1, math.ceil((total / effect) ** 2))


def rates_minimum_effect(base: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest rise over ``base`` that n customers in each arm find with chance ``power``.

    Raises
    ------
    InputError
        Also if no rise, however large, would be found so often.

    Examples
    --------
    >>> round(rates_minimum_effect(0.5, 50, power=0.9), 4)
    0.3026
    """
    from scipy.optimize import brentq

    _two_rates(base, 0.0)
    _whole_number(n, "n", least=1)
    _power(power, alpha)
    most = 1 - base - 1e-9
    if rates_power(base, most, n, alpha) < power:
        raise InputError(
            f"With {n} customers in each arm no rise from {base:g} is found with chance {power:g}."
        )
    return float(brentq(lambda effect: rates_power(base, effect, n, alpha) - power, 0.0, most, xtol=1e-10))


def means_power(effect: float, deviation: float, n: int, alpha: float = 0.05) -> float:
    """Chance that the two-sided t-test finds a difference of means, both arms with the same deviation.

    Noncentral t with 2 n - 2 degrees of freedom and noncentrality effect / deviation · √(n/2), both tails:
    R's ``power.t.test(strict = TRUE)``. Given the pooled deviation the rest is normal, so the noncentral t is
    integrated over the law of that deviation, which holds for 2 customers and for millions.

    Parameters
    ----------
    effect : float
        Difference of the means, in units of the outcome; 0 gives alpha.
    deviation : float
        Standard deviation of the outcome between customers, in the same units.
    n : int
        Customers in each arm, at least 2.
    alpha : float

    Examples
    --------
    >>> round(means_power(1.0, 1.0, 20), 4)
    0.869
    """
    from scipy.special import gammaincinv, gammaln, ndtr, stdtrit

    _finite(effect, "effect")
    _deviation(deviation)
    _whole_number(n, "n", least=2)
    _share(alpha, "alpha")
    shift = abs(effect) / deviation * math.sqrt(n / 2)
    freedom = 2 * n - 2
    border = float(stdtrit(freedom, 1 - alpha / 2))
    # the estimated deviation over the true one: √(chi-square / freedom), between its extreme quantiles
    low, high = np.sqrt(gammaincinv(freedom / 2, [1e-15, 1 - 1e-15]) * 2 / freedom)
    node, weight = np.polynomial.legendre.leggauss(200)
    ratio = low + (high - low) * (node + 1) / 2
    log_density = freedom / 2 * (math.log(freedom / 2) - ratio**2) + (freedom - 1) * np.log(ratio)
    density = 2 * np.exp(log_density - gammaln(freedom / 2))
    missed = ndtr(border * ratio - shift) - ndtr(-border * ratio - shift)
    return float(np.clip(1 - (high - low) / 2 * (weight @ (density * missed)), 0.0, 1.0))


def means_sample_size(effect: float, deviation: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Customers that each arm needs so that :func:`means_power` reaches ``power``: the smallest such number.

    Examples
    --------
    >>> means_sample_size(1.0, 1.0, power=0.9)
    23
    """
    _finite(effect, "effect")
    _deviation(deviation)
    _power(power, alpha)
    if effect == 0:
        raise InputError("effect is 0: no number of customers can find a difference that is not there.")
    low, high = 1, 2
    while means_power(effect, deviation, high, alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if means_power(effect, deviation, middle, alpha) >= power else (middle, high)
        )
    return high


def means_minimum_effect(deviation: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest difference of means that n customers in each arm find with chance ``power``.

    Examples
    --------
    >>> effect = means_minimum_effect(1.0, 20, power=0.9)
    >>> round(means_power(effect, 1.0, 20), 6)
    0.9
    """
    from scipy.optimize import brentq

    _deviation(deviation)
    _whole_number(n, "n", least=2)
    _power(power, alpha)
    if power <= alpha:
        raise InputError(f"power is {power:g}: chance alone reaches alpha, {alpha:g}; ask for more.")
    high = deviation
    while means_power(high, deviation, n, alpha) < power:
        high *= 2
    return float(brentq(lambda effect: means_power(effect, deviation, n, alpha) - power, 0.0, high))


# --- looking early ----------------------------------------------------------------------------------


def repeated_looks_error(n_looks: int, critical: float = 1.959963984540054) -> pd.Series:
    """Chance of at least one false alarm when a test without effect is looked at again and again.

    Exact for normal outcomes and equally many new customers per look: the law of the running sum, given that
    no look has raised an alarm so far, is carried from look to look by numerical integration (Armitage,
    McPherson & Rowe, Journal of the Royal Statistical Society A 132, 1969).

    Parameters
    ----------
    n_looks : int
        From 1 to 1,000.
    critical : float
        A look raises an alarm if |z| exceeds this; 1.96 is the two-sided 5 % of a single look.

    Returns
    -------
    pandas.Series
        Index ``look`` 1 … n_looks; the chance of an alarm at that look or an earlier one.

    Examples
    --------
    >>> repeated_looks_error(5).round(3).tolist()
    [0.05, 0.083, 0.107, 0.126, 0.142]
    """
    from scipy.special import ndtr

    _whole_number(n_looks, "n_looks", least=1)
    if n_looks > 1000:
        raise InputError(f"n_looks is {n_looks}: at most 1,000 are worked out.")
    if not (np.isfinite(critical) and critical > 0):
        raise InputError(f"critical is {critical!r}: pass a z-value above 0, such as 1.96.")
    node, weight = np.polynomial.legendre.leggauss(max(64, 12 * math.ceil(critical * math.sqrt(n_looks))))
    quiet = [2 * float(ndtr(critical)) - 1]
    place = critical * node
    mass = critical * weight * np.exp(-(place**2) / 2) / math.sqrt(2 * math.pi)
    for look in range(2, n_looks + 1):
        edge = critical * math.sqrt(look)
        quiet.append(float(mass @ (ndtr(edge - place) - ndtr(-edge - place))))
        new = edge * node
        step = np.exp(-((new[:, None] - place[None, :]) ** 2) / 2) / math.sqrt(2 * math.pi)
        place, mass = new, edge * weight * (step @ mass)
    return pd.Series(
        1 - np.array(quiet), index=pd.RangeIndex(1, n_looks + 1, name="look"), name="false_alarms"
    )


def pocock_boundary(n_looks: int, alpha: float = 0.05) -> float:
    """The |z| that all looks must exceed alike, so that the chance of any false alarm is alpha.

    Source: Pocock, Biometrika 64, 1977 (unverified; 2.413 for five looks at 5 %). The number of looks must be
    fixed beforehand. Bonferroni's border, the 1 - alpha/(2 n_looks) quantile, is always higher.

    Examples
    --------
    >>> round(pocock_boundary(5), 3)
    2.413
    """
    from scipy.optimize import brentq

    _whole_number(n_looks, "n_looks", least=1)
    _share(alpha, "alpha")
    low, high = _quantile(1 - alpha / 2), _quantile(1 - alpha / (2 * n_looks))
    if n_looks == 1:
        return low
    return float(brentq(lambda z: repeated_looks_error(n_looks, z).iloc[-1] - alpha, low, high, xtol=1e-8))


def peeking(
    n_looks: int,
    n_per_look: int,
    rate: float = 0.05,
    effect: float = 0.0,
    critical: float = 1.959963984540054,
    n_simulations: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Simulate A/B tests that are looked at after every batch of customers, and stopped at the first alarm.

    Parameters
    ----------
    n_looks : int
    n_per_look : int
        New customers in each arm between looks.
    rate, effect : float
        Share of customers who do it in arm a; arm b has ``rate + effect``. With effect 0
        every alarm is false.
    critical : float
        Alarm if |z| of the pooled z-test exceeds this; see :func:`pocock_boundary`.
    n_simulations : int
        Number of simulated tests, at least 100.
    random_state : int
        Seed of numpy's PCG64.

    Returns
    -------
    pandas.DataFrame
        Index ``look``; ``customers`` (both arms, so far), ``this_look`` (share of tests in which this look
        alone would raise an alarm), ``stopped`` (share stopped by now), and ``low``, ``high``: the exact 95 %
        interval of ``stopped``.

    Examples
    --------
    >>> looks = peeking(n_looks=5, n_per_look=1000, n_simulations=500)
    >>> bool(looks["stopped"].iloc[-1] > looks["stopped"].iloc[0])
    True
    """
    from bigmkt_helpers.information.calibration import clopper_pearson

    _whole_number(n_looks, "n_looks", least=1)
    _whole_number(n_per_look, "n_per_look", least=1)
    _whole_number(n_simulations, "n_simulations", least=100)
    _whole_number(random_state, "random_state", least=0)
    rates = _two_rates(rate, effect)
    if not (np.isfinite(critical) and critical > 0):
        raise InputError(f"critical is {critical!r}: pass a z-value above 0, such as 1.96.")
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(random_state)))
    a, b = (rng.binomial(n_per_look, p, size=(n_simulations, n_looks)).cumsum(axis=1) for p in rates)
    n = n_per_look * np.arange(1, n_looks + 1)
    pooled = (a + b) / (2 * n)
    error = np.sqrt(pooled * (1 - pooled) * 2 / n)
    z = np.divide((b - a) / n, error, out=np.zeros_like(pooled), where=error > 0)
    alarm = np.abs(z) > critical
    stopped = np.maximum.accumulate(alarm, axis=1).sum(axis=0)
    low, high = clopper_pearson(stopped, np.full(n_looks, n_simulations))
    return pd.DataFrame(
        {
            "customers": 2 * n,
            "this_look": alarm.mean(axis=0),
            "stopped": stopped / n_simulations,
            "low": low,
            "high": high,
        },
        index=pd.RangeIndex(1, n_looks + 1, name="look"),
    )


# --- is the test itself sound? ----------------------------------------------------------------------


def sample_ratio_mismatch(n_a: int, n_b: int, share_a: float = 0.5) -> float:
    """p-value of the arms' sizes under the coin that was meant; tiny means that the assignment is broken.

    Chi-square with one degree of freedom (Fabijan et al., "Diagnosing sample ratio mismatch in online
    controlled experiments", KDD 2019). Below about 0.001, find the fault; do not read the result.

    Parameters
    ----------
    n_a, n_b : int
        Customers in each arm; at least one in all.
    share_a : float
        Share of the customers that arm a was meant to get.

    Examples
    --------
    >>> round(sample_ratio_mismatch(5000, 5100), 3), sample_ratio_mismatch(5000, 5500) < 0.001
    (0.32, True)
    """
    _whole_number(n_a, "n_a", least=0)
    _whole_number(n_b, "n_b", least=0)
    _share(share_a, "share_a")
    if n_a + n_b == 0:
        raise InputError("Neither arm has a customer: there is no ratio to test.")
    z = (n_a - (n_a + n_b) * share_a) / math.sqrt((n_a + n_b) * share_a * (1 - share_a))
    return 2 * _tail(abs(z))


class Cuped(NamedTuple):
    """Adjusted outcomes, the factor used, and the share of the variance that is left."""

    adjusted: np.ndarray
    theta: float
    variance_left: float


def cuped(outcome, before) -> Cuped:
    """Take out of each customer's outcome what was known before the test began.

    adjusted = outcome - theta·(before - mean of before), theta = cov(outcome, before) / var(before): the mean
    of the difference stays, the variance falls to 1 - correlation² (Deng, Xu, Kohavi & Walker, WSDM 2013).
    Pass both arms together, so that both get the same theta, and split the adjusted outcomes by arm
    afterwards. ``before`` must be from before the test: what the treatment can change must not be taken out.

    Parameters
    ----------
    outcome, before : array-like of shape (n_customers,)
        In the same order; two Series must carry the same index.

    Raises
    ------
    InputError
        Different lengths or indexes, a missing value, fewer than two customers, a ``before`` or an outcome
        that does not vary.

    Examples
    --------
    >>> found = cuped([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0])
    >>> round(found.theta, 3), round(found.variance_left, 3)
    (0.743, 0.034)
    """
    both = isinstance(outcome, pd.Series) and isinstance(before, pd.Series)
    if both and not outcome.index.equals(before.index):
        raise InputError("outcome and before carry different indexes: align them, or pass arrays.")
    y, x = _numbers(outcome, "outcome"), _numbers(before, "before")
    if len(y) != len(x):
        raise InputError(f"outcome has {len(y)} customers and before {len(x)}: they must pair up.")
    if len(y) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        raise InputError("outcome and before must each vary over at least two customers.")
    centred = x - x.mean()
    theta = float(centred @ (y - y.mean()) / (centred @ centred))
    adjusted = y - theta * centred
    return Cuped(adjusted, theta, float(adjusted.var() / y.var()))


# --- steps ------------------------------------------------------------------------------------------


def _tail(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2))


def _quantile(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))


def _wilson(share: float, n: int, level: float) -> tuple[float, float]:
    z = _quantile((1 + level) / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def _two_rates(base, effect) -> tuple[float, float]:
    _share(base, "The base rate")
    _finite(effect, "effect")
    if not 0 < base + effect < 1:
        raise InputError(f"A rate of {base:g} changed by {effect:g} leaves 0 to 1: choose a smaller effect.")
    return float(base), float(base + effect)


def _power(power, alpha) -> None:
    _share(power, "power")
    _share(alpha, "alpha")


def _finite(value, name) -> None:
    if not (isinstance(value, (int, float, np.number)) and np.isfinite(value)):
        raise InputError(f"{name} is {_shown(value)}: pass a finite number.")


def _deviation(deviation) -> None:
    _finite(deviation, "deviation")
    if deviation <= 0:
        raise InputError(
            f"deviation is {_shown(deviation)}: it must be above 0; outcomes that do not vary need no test."
        )
