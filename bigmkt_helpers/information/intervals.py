"""Bootstrap over customers: how far to trust a mean, a difference and a ratio of means.

Customers are drawn with replacement, the statistic is computed on each draw, and the middle part of the
results is the interval (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (unverified)).
All columns of one call see the same draws, so differences and ratios are paired.
"""

from typing import NamedTuple

import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import _checks


class Interval(NamedTuple):
    """An estimate with its bootstrap interval."""

    estimate: float
    low: float
    high: float
    level: float
    n: int


def resampled_means(values, n_resamples: int = 2000, random_state: int = 0) -> np.ndarray:
    """Means of each column over customers drawn with replacement.

    Parameters
    ----------
    values : array-like of shape (n_customers, n_columns)
    n_resamples : int
        Number of draws, at least 100; memory stays near 40 MB whatever the number of draws.
    random_state : int
        Seed of numpy's PCG64.

    Returns
    -------
    numpy.ndarray of shape (n_resamples, n_columns)

    Raises
    ------
    InputError
        Fewer than two customers, a value that is missing or infinite, too few draws.

    Examples
    --------
    >>> resampled_means([[0.0, 1.0], [2.0, 1.0]], n_resamples=100).shape
    (100, 2)
    """
    table = _checks.numbers(values, "values")
    if table.ndim != 2 or len(table) < 2:
        raise InputError("A bootstrap needs a table with the values of at least two customers.")
    _checks.whole_number(n_resamples, "n_resamples", least=100)
    _checks.whole_number(random_state, "random_state", least=0)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(random_state)))
    n, block = len(table), max(1, 2_000_000 // len(table))
    columns = [np.ascontiguousarray(column) for column in table.T]
    means = np.empty((n_resamples, table.shape[1]))
    for start in range(0, n_resamples, block):
        chosen = rng.integers(n, size=(min(block, n_resamples - start), n))
        for j, column in enumerate(columns):
            means[start : start + len(chosen), j] = column[chosen].mean(axis=1)
    return means


def mean_interval(values, level=0.95, n_resamples=2000, random_state=0) -> Interval:
    """Percentile interval of a mean over customers; hand in differences per customer to compare two models.

    Parameters
    ----------
    values : array-like of shape (n_customers,)
    level : float
        Between 0 and 1.
    n_resamples, random_state
        As in :func:`resampled_means`, as are the errors.

    Examples
    --------
    >>> interval = mean_interval([0.0, 0.2, 0.4, 0.6, 0.8, 1.0] * 20)
    >>> round(interval.estimate, 3), round(interval.low, 2), round(interval.high, 2)
    (0.5, 0.44, 0.56)
    """
    column = _checks.numbers(values, "values")
    if column.ndim != 1:
        raise InputError(f"values has shape {column.shape}: pass one number per customer.")
    draws = resampled_means(column[:, None], n_resamples, random_state)[:, 0]
    return _interval(float(column.mean()), draws, level, len(column))


def ratio_interval(numerator, denominator, level=0.95, n_resamples=2000, random_state=0) -> Interval:
    """Percentile interval of a ratio of two means over the same customers, such as a share of the gap.

    Parameters
    ----------
    numerator, denominator : array-like of shape (n_customers,)
        In the same order.
    level, n_resamples, random_state
        As in :func:`mean_interval`.

    Raises
    ------
    InputError
        As there; different lengths; or a denominator whose mean is not above 0 in every draw, so that the
        ratio says nothing.

    Examples
    --------
    >>> half = ratio_interval([1.0, 2.0, 3.0] * 30, [2.0, 4.0, 6.0] * 30)
    >>> half.estimate, half.low, half.high
    (0.5, 0.5, 0.5)
    """
    top, bottom = _checks.numbers(numerator, "numerator"), _checks.numbers(denominator, "denominator")
    if top.ndim != 1 or top.shape != bottom.shape:
        raise InputError("numerator and denominator must hold one number each for the same customers.")
    draws = resampled_means(np.column_stack([top, bottom]), n_resamples, random_state)
    if bottom.mean() <= 0 or (draws[:, 1] <= 0).any():
        raise InputError("The denominator is not clearly above 0: a share of it has no meaning here.")
    return _interval(float(top.mean() / bottom.mean()), draws[:, 0] / draws[:, 1], level, len(top))


def _interval(estimate, draws, level, n) -> Interval:
    _checks.share(level, "level")
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level, n)
