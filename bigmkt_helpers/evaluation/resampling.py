"""Intervals over users, and the difference of two models over the same users."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation._checks import _numbers, _share, _whole_number
from bigmkt_helpers.information.intervals import Interval


class PairedDifference(NamedTuple):
    """Mean difference a - b over the same users, its interval, and the share of draws in which it is ≤ 0."""

    difference: float
    low: float
    high: float
    share_not_better: float
    level: float
    n: int


def bootstrap_interval(
    values,
    statistic: str | Callable = "mean",
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a statistic over users.

    Users are drawn with replacement, the statistic is computed on each draw, and the middle ``level`` of the
    results is the interval (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13); so it
    stays inside the metric's range. It covers the choice of users, not the choice of split or of the model's
    seed. It is a little short for a few dozen users, and much too short for a few hundred with rare, large
    values (money).

    Parameters
    ----------
    values : array-like of shape (n_users,)
        One number per user, such as a column of :func:`ranking_metrics`.
    statistic : {"mean", "median"} or callable
        A callable takes an array of shape (draws, n_users) and ``axis=1``, and returns one number per draw.
    level : float
        Between 0 and 1.
    n_resamples : int
        Number of draws, at least 100; memory stays near 40 MB whatever the number of draws.
    random_state : int
        Seed.

    Returns
    -------
    Interval
        ``estimate, low, high, level, n``.

    Raises
    ------
    InputError
        Fewer than two users, a value that is missing or infinite, a level outside (0, 1), too few draws.

    Examples
    --------
    >>> interval = bootstrap_interval([0.0, 0.2, 0.4, 0.6, 0.8, 1.0] * 20)
    >>> round(interval.estimate, 3), round(interval.low, 2), round(interval.high, 2)
    (0.5, 0.44, 0.56)
    """
    values = _numbers(values, "values")
    compute = statistic if callable(statistic) else {"mean": np.mean, "median": np.median}.get(statistic)
    if compute is None:
        raise InputError(
            f"There is no statistic {statistic!r}: use 'mean', 'median' or a function of (array, axis)."
        )
    _, low, high = _resample(values, compute, level, n_resamples, random_state)
    return Interval(float(compute(values[None, :], axis=1)[0]), low, high, level, len(values))


def paired_bootstrap(
    per_user_a, per_user_b, level: float = 0.95, n_resamples: int = 2000, random_state: int = 0
) -> PairedDifference:
    """Is model a better than model b? Bootstrap of the mean difference a - b over the same users.

    Pairing takes out what makes a user easy or hard for both models, so smaller gains show.

    Parameters
    ----------
    per_user_a, per_user_b : Series or array-like of shape (n_users,)
        The same metric of the two models, paired by index when both are Series, else by position.
    level, n_resamples, random_state
        As in :func:`bootstrap_interval`, as are the errors; it is also an error if the users differ.

    Returns
    -------
    PairedDifference
        ``share_not_better``: near 0 when a is surely better than b, near 1 when it surely is not.

    Examples
    --------
    >>> a, b = [0.5, 0.7, 0.4, 0.9] * 25, [0.4, 0.6, 0.5, 0.7] * 25
    >>> result = paired_bootstrap(a, b)
    >>> round(result.difference, 3), result.low > 0, result.share_not_better
    (0.075, True, 0.0)
    """
    a, b = _paired(per_user_a, per_user_b)
    draws, low, high = _resample(a - b, np.mean, level, n_resamples, random_state)
    return PairedDifference(float(np.mean(a - b)), low, high, float(np.mean(draws <= 0)), level, len(a))


def compare_models(
    per_user: pd.DataFrame | dict,
    baseline,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Several models against one: paired differences, their intervals, and p-values corrected by Holm.

    Whoever tries twenty models finds one that looks better by chance. The corrected p-value is the one to
    read: below 1 - level, the model differs from the baseline even though others were tried. The
    intervals are not corrected.

    Parameters
    ----------
    per_user : DataFrame of shape (n_users, n_models), or dict of model → Series
        The same metric of all models over the same users.
    baseline : label
        The model that the others are compared with.
    level, n_resamples, random_state
        As in :func:`bootstrap_interval`.

    Returns
    -------
    pandas.DataFrame
        Index: the other models; ``difference`` (model - baseline), ``low``, ``high``, ``p_value`` (two-sided:
        twice the smaller share of draws beyond 0, of n_resamples + 1, so never 0) and ``p_holm``.

    Raises
    ------
    InputError
        As :func:`paired_bootstrap`; an unknown baseline; no other model.

    Examples
    --------
    >>> ndcg = pd.DataFrame({"a": [0.5, 0.7, 0.4, 0.9] * 25, "b": [0.4, 0.6, 0.5, 0.7] * 25})
    >>> compare_models(ndcg, "b").round(3).loc["a", ["difference", "p_holm"]].tolist()
    [0.075, 0.001]
    """
    models = dict(per_user.items())
    if baseline not in models or len(models) < 2:
        raise InputError(f"Pass the baseline {baseline!r} and at least one other model; got {list(models)}.")
    rows = {}
    for name, values in models.items():
        if name == baseline:
            continue
        a, b = _paired(values, models[baseline])
        draws, low, high = _resample(a - b, np.mean, level, n_resamples, random_state)
        beyond = min(np.sum(draws <= 0), np.sum(draws >= 0))
        p_value = min(1.0, 2 * (beyond + 1) / (len(draws) + 1))
        rows[name] = {"difference": float(np.mean(a - b)), "low": low, "high": high, "p_value": p_value}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    return table.assign(p_holm=holm(table["p_value"]))


def holm(p_values) -> np.ndarray:
    """p-values corrected for having made all these tests at once.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979 (unverified). The smallest of
    m is multiplied by m, the next by m - 1, and so on, never falling below an earlier one nor rising above 1.
    The chance of any false finding then stays below the level, however the tests depend on each other.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = _numbers(p_values, "p_values")
    if (p < 0).any() or (p > 1).any():
        raise InputError("p_values must lie between 0 and 1.")
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return corrected


def _paired(per_user_a, per_user_b) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(per_user_a, pd.Series) and isinstance(per_user_b, pd.Series):
        indexes = per_user_a.index, per_user_b.index
        if not all(index.is_unique for index in indexes) or len(indexes[0].symmetric_difference(indexes[1])):
            raise InputError(
                "The two models were not judged on the same users, each once: pass the same users."
            )
        per_user_b = per_user_b.reindex(per_user_a.index)
    a, b = _numbers(per_user_a, "per_user_a"), _numbers(per_user_b, "per_user_b")
    if len(a) != len(b):
        raise InputError(f"The models have {len(a)} and {len(b)} values: judge both on the same users.")
    return a, b


def _resample(values, compute, level, n_resamples, random_state) -> tuple[np.ndarray, float, float]:
    if len(values) < 2:
        raise InputError("A bootstrap needs the values of at least two users.")
    _share(level, "level")
    _whole_number(n_resamples, "n_resamples", least=100)
    _whole_number(random_state, "random_state", least=0)
    rng = np.random.default_rng(random_state)
    block = max(1, 2_000_000 // len(values))  # bounds the memory
    parts = []
    for start in range(0, n_resamples, block):
        chosen = rng.integers(len(values), size=(min(block, n_resamples - start), len(values)))
        parts.append(np.asarray(compute(values[chosen], axis=1), dtype=float))
    draws = np.concatenate(parts)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return draws, float(low), float(high)
