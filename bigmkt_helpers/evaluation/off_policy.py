"""What another policy would have earned, from the log of the one that ran.

A log holds for each showing the action taken, its reward, and the *propensity*: the probability with which
the logging policy took it. A target policy π is judged by its value V = E[Σ_a π(a|x)·E(r|x, a)], in units of
the reward per showing. With the weight w = π(a|x) / propensity of the action that was taken:

- inverse propensity (IPS): mean of w·r. Unbiased if every action that π takes could be logged.
- self-normalised (SNIPS): Σ w·r / Σ w. A little biased, usually less variable.
- clipped: mean of min(w, clip)·r. Less variable, biased towards 0 for rewards ≥ 0.
- direct method: mean of Σ_a π(a|x)·q(x, a), with a model q of the reward. As biased as the model is wrong.
- doubly robust: mean of Σ_a π(a|x)·q(x, a) + w·(r − q(x, a taken)), q fitted on other rows. Unbiased with the
  true propensities, whatever q is, and the less variable the better q is.

All intervals are normal ones, estimate ± z·standard error; each function says whose. They take the rows of
the log for independent and do not know of a bias.

A log is any object with the attributes ``action``, ``reward``, ``propensity`` and, for the methods with a
model, ``contexts``: a `BanditLog`, or what ``FrontPage.log`` of the shop returns.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from bigmkt_helpers.errors import InputError

__all__ = [
    "BanditLog",
    "OffPolicyEstimate",
    "RewardModel",
    "direct_method",
    "doubly_robust",
    "inverse_propensity",
    "off_policy_estimates",
    "off_policy_study",
    "overlap",
    "self_normalised",
]


@dataclass(frozen=True, eq=False)
class BanditLog:
    """What was shown, with what probability, and what came of it.

    Parameters
    ----------
    action : int array (n,)
        From 0 on.
    reward : array (n,)
        Any finite numbers.
    propensity : array (n,) or (n, n_actions)
        Probability of the action taken, or of each action; above 0 for what was taken, at most 1. With all of
        them it can be checked that the target policy stays within what could be logged.
    contexts : array (n, d) or (n, n_actions, d), optional
        What was known before the action was chosen.

    Examples
    --------
    >>> log = BanditLog([0, 1], [1.0, 0.0], [0.5, 0.5])
    >>> inverse_propensity(log, [1.0, 0.0]).estimate
    1.0
    """

    action: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray
    contexts: np.ndarray | None = None


class OffPolicyEstimate(NamedTuple):
    """An estimate of the value of a policy, in units of the reward per showing, with its normal interval."""

    name: str
    estimate: float
    low: float
    high: float
    standard_error: float
    level: float
    n: int
    effective_sample_size: float


# --- reading ------------------------------------------------------------------------------------------------


def _floats(values, name):
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error}).") from error
    bad = ~np.isfinite(array)
    if bad.any():
        row = int(np.argwhere(bad)[0][0]) if array.ndim else 0
        rows = int(bad.reshape(len(array), -1).any(axis=1).sum()) if array.ndim else 1
        hint = " A reward that never came is no 0: leave such rows out." if name == "reward" else ""
        raise InputError(f"{name} is missing or infinite in row {row} ({rows} such rows).{hint}")
    return array


class _Read(NamedTuple):
    action: np.ndarray  # (n,)
    reward: np.ndarray  # (n,)
    propensity: np.ndarray  # (n,) of the action taken
    target: np.ndarray  # (n, K)
    every: np.ndarray | None  # (n, K) propensities of all actions, if logged
    contexts: np.ndarray | None  # (n, K, d)


def _read(log, target) -> _Read:
    action, reward = np.asarray(log.action), _floats(log.reward, "reward")
    if action.ndim != 1 or action.dtype.kind not in "iu":
        raise InputError("action must hold one whole number per row, the place of the action taken.")
    n = len(action)
    if n < 2:
        raise InputError("An estimate with an interval needs at least two rows.")
    if reward.shape != (n,):
        raise InputError(f"reward has shape {reward.shape}: give one number for each of the {n} actions.")
    target = _floats(target, "target")
    if target.ndim == 1:
        target = np.broadcast_to(target, (n, len(target)))
    if target.ndim != 2 or len(target) != n:
        raise InputError(f"target has shape {target.shape}: give {n} rows of probabilities, or one for all.")
    k = target.shape[1]
    off = (target < 0).any(axis=1) | (np.abs(target.sum(axis=1) - 1) > 1e-6)
    if off.any():
        raise InputError(
            f"target is no distribution in row {int(off.argmax())} ({int(off.sum())} such rows): "
            "probabilities are 0 or more and add up to 1."
        )
    if action.min() < 0 or action.max() >= k:
        raise InputError(
            f"action holds {action.max() if action.min() >= 0 else action.min()}, target has {k} actions."
        )
    rows, every = np.arange(n), None
    propensity = _floats(log.propensity, "propensity")
    if propensity.shape == (n, k):
        every = propensity
        off = (every < 0).any(axis=1) | (np.abs(every.sum(axis=1) - 1) > 1e-6)
        if off.any():
            raise InputError(
                f"propensity is no distribution in row {int(off.argmax())} ({int(off.sum())} such rows): "
                "probabilities are 0 or more and add up to 1."
            )
        propensity = every[rows, action]
    if propensity.shape != (n,):
        raise InputError(f"propensity has shape {propensity.shape}: give {(n,)} or {(n, k)}.")
    off = ~((propensity > 0) & (propensity <= 1 + 1e-9))
    if off.any():
        row = int(off.argmax())
        raise InputError(
            f"propensity is {propensity[row]:g} in row {row} ({int(off.sum())} such rows): the probability "
            "of an action that was taken lies above 0 and is at most 1; log it when the action is chosen."
        )
    contexts = getattr(log, "contexts", None)
    if contexts is not None:
        contexts = _floats(contexts, "contexts")
        if contexts.ndim == 2 and len(contexts) == n:
            contexts = np.broadcast_to(contexts[:, None], (n, k, contexts.shape[1]))
        if contexts.ndim != 3 or contexts.shape[:2] != (n, k):
            raise InputError(f"contexts has shape {contexts.shape}: give {n} rows, or {(n, k)} by features.")
    return _Read(action, reward, propensity, target, every, contexts)


def _weights(data: _Read):
    if data.every is not None:
        beyond = np.where(data.every > 0, 0.0, data.target).sum(axis=1)
        if (beyond > 0).any():
            raise InputError(
                f"The target policy gives {beyond.mean():.3g} of its showings to actions that the logging "
                f"policy never takes there (first in row {int((beyond > 0).argmax())}): the log cannot tell "
                "what they earn; judge a policy within its support, or use direct_method and trust the model."
            )
    weight = data.target[np.arange(len(data.action)), data.action] / data.propensity
    if not weight.any():
        raise InputError("The target policy takes none of the logged actions: the log says nothing about it.")
    return weight


def _effective(weight):
    return float(weight.sum() ** 2 / (weight**2).sum())


def _level(level):
    if isinstance(level, bool) or not isinstance(level, Real) or not 0 < level < 1:
        raise InputError(f"level is {level!r}: it must lie between 0 and 1, both excluded.")
    return float(level)


def _estimate(name, value, error, level, n, effective):
    half = stats.norm.ppf((1 + _level(level)) / 2) * error
    value, error = float(value), float(error)
    return OffPolicyEstimate(
        name, value, float(value - half), float(value + half), error, level, n, effective
    )


# --- weighting ----------------------------------------------------------------------------------------------


def inverse_propensity(log, target, clip=None, level=0.95) -> OffPolicyEstimate:
    """Mean of w·r, or of min(w, clip)·r; the interval takes their standard deviation over √n.

    Parameters
    ----------
    log : BanditLog or alike
    target : array (n, n_actions) or (n_actions,)
        Probability of each action under the policy to be judged, row by row.
    clip : float, optional
        Largest weight, above 0.
    level : float
        Of the interval.

    Returns
    -------
    OffPolicyEstimate
        Its effective sample size is (Σw)² / Σw²: so many showings by the target itself would tell about as
        much.

    Raises
    ------
    InputError
        Rewards missing; propensities of 0 or over 1; probabilities that are none; a target that takes actions
        which could never be logged, or none of those that were.

    Examples
    --------
    Two actions by lot; the target always takes action 1.

    >>> log = BanditLog([0, 1, 1, 0], [0.0, 1.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5])
    >>> inverse_propensity(log, [0.0, 1.0]).estimate      # (0 + 2·1 + 2·0 + 0) / 4
    0.5
    """
    data = _read(log, target)
    weight = _weights(data)
    used, name = weight, "IPS"
    if clip is not None:
        if isinstance(clip, bool) or not isinstance(clip, Real) or not clip > 0:
            raise InputError(f"clip is {clip!r}: give the largest weight, a number above 0.")
        used, name = np.minimum(weight, clip), "clipped IPS"
    gain, n = used * data.reward, len(weight)
    return _estimate(name, gain.mean(), gain.std(ddof=1) / np.sqrt(n), level, n, _effective(used))


def self_normalised(log, target, level=0.95) -> OffPolicyEstimate:
    """Σ w·r / Σ w, with the interval of the linearised ratio: √(Σ w²(r − estimate)²) / Σ w.

    Arguments and errors as in :func:`inverse_propensity`.

    References
    ----------
    Swaminathan, A., & Joachims, T. (2015). The self-normalized estimator for counterfactual learning.
    Advances in Neural Information Processing Systems, 28, 3231-3239.

    Examples
    --------
    >>> log = BanditLog([0, 1, 1, 1], [0.0, 1.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5])
    >>> round(self_normalised(log, [0.0, 1.0]).estimate, 4)
    0.6667
    """
    data = _read(log, target)
    weight = _weights(data)
    value = (weight * data.reward).sum() / weight.sum()
    error = np.sqrt((weight**2 * (data.reward - value) ** 2).sum()) / weight.sum()
    return _estimate("SNIPS", value, error, level, len(weight), _effective(weight))


# --- with a model of the reward -----------------------------------------------------------------------------


class RewardModel:
    """A ridge regression of the reward on the contexts, one for each action.

    q(x, a) = r̄ + β_aᵀz with z = (1, x) and β_a = (Σ zzᵀ + ridge·I)⁻¹ Σ z(r − r̄) over the rows in which a
    was taken. An action that was never taken is forecast with the mean reward r̄ of all. Without contexts the
    forecast is the mean of each action, drawn towards r̄.

    Parameters
    ----------
    ridge : float
        Above 0.

    Examples
    --------
    >>> log = BanditLog([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.5, 0.5])
    >>> RewardModel(ridge=1e-9).forecasts(log, n_actions=3)[0].round(3)
    array([0. , 1. , 0.5])
    """

    def __init__(self, ridge=1.0):
        if isinstance(ridge, bool) or not isinstance(ridge, Real) or not 0 < ridge < np.inf:
            raise InputError(f"ridge is {ridge!r}: give a number above 0.")
        self.ridge = float(ridge)

    def forecasts(self, log, n_actions, folds=None):
        """Forecast of each action in each row, (n, n_actions).

        Parameters
        ----------
        log : BanditLog or alike
        n_actions : int
        folds : int array (n,), optional
            Number of the fold of each row: a row is then forecast by a model fitted on the other folds.
        """
        data = _read(log, np.full(n_actions, 1 / n_actions))
        z = _design(data)
        return self._forecasts(
            data, z, np.zeros(len(z), dtype=int) if folds is None else folds, folds is not None
        )

    def _forecasts(self, data, z, folds, apart):
        """(n, K); with `apart` each fold from the others, without it all rows from all rows."""
        k, d = z.shape[1:]
        number = int(folds.max()) + 1
        count, total = np.zeros(number), np.zeros(number)
        np.add.at(count, folds, 1.0)
        np.add.at(total, folds, data.reward)
        gram, moment, mass = np.zeros((number, k, d, d)), np.zeros((number, k, d)), np.zeros((number, k, d))
        for f in range(number):
            for a in range(k):
                rows = np.flatnonzero((folds == f) & (data.action == a))
                x = z[rows, a]
                gram[f, a] = x.T @ x
                moment[f, a] = x.T @ data.reward[rows]
                mass[f, a] = x.sum(axis=0)
        parts = (count, total, gram, moment, mass)
        if apart:
            # summed anew, not subtracted, so that nothing of a fold is left in its own model
            parts = [np.stack([np.delete(part, f, 0).sum(0) for f in range(number)]) for part in parts]
        count, total, gram, moment, mass = parts
        mean = total / count
        beta = np.linalg.solve(
            gram + self.ridge * np.eye(d), (moment - mean[:, None, None] * mass)[..., None]
        )[..., 0]
        return mean[folds][:, None] + np.einsum("nkd,nkd->nk", z, beta[folds])


def _design(data):
    n, k = data.target.shape
    one = np.ones((n, k, 1))
    return one if data.contexts is None else np.concatenate([one, data.contexts], axis=2)


def _given(forecasts, data):
    forecasts = _floats(forecasts, "forecasts")
    if forecasts.shape != data.target.shape:
        raise InputError(f"forecasts has shape {forecasts.shape}: give {data.target.shape}.")
    return forecasts


def direct_method(log, target, ridge=1.0, forecasts=None, level=0.95) -> OffPolicyEstimate:
    """Mean of Σ_a π(a|x)·q(x, a) with a `RewardModel` fitted on the same rows.

    The interval is that of the regressions' sandwich variance together with the variance between contexts.
    It holds the noise of the fit, and nothing of a model that is wrong or of the pull of the ridge. With
    `forecasts` of one's own it holds only the variance between contexts.

    Parameters
    ----------
    log, target, level
        As in :func:`inverse_propensity`; the target may take actions that the log does not hold.
    ridge : float
        Of the `RewardModel`.
    forecasts : array (n, n_actions), optional
        A model of one's own.

    Returns
    -------
    OffPolicyEstimate
        Its effective sample size is that of the weights, or 0 if the target takes no logged action.

    Raises
    ------
    InputError
        As there, but for the support.

    Examples
    --------
    >>> log = BanditLog([0, 0, 1, 1], [0.0, 0.5, 1.0, 0.5], [0.5, 0.5, 0.5, 0.5])
    >>> round(direct_method(log, [0.0, 1.0], ridge=1e-9).estimate, 6)
    0.75
    """
    data = _read(log, target)
    n = len(data.action)
    rows = np.arange(n)
    weight = data.target[rows, data.action] / data.propensity
    effective = _effective(weight) if weight.any() else 0.0
    if forecasts is not None:
        gain = (data.target * _given(forecasts, data)).sum(axis=1)
        return _estimate("direct method", gain.mean(), gain.std(ddof=1) / np.sqrt(n), level, n, effective)
    model, z = RewardModel(ridge), _design(data)
    q = model._forecasts(data, z, np.zeros(n, dtype=int), False)
    gain = (data.target * q).sum(axis=1)
    value = gain.mean()
    # each row's part in the error: its own context, its pull on the regression of its action, and on the mean
    influence = (gain - value) / n
    centre = 1.0
    for a in range(data.target.shape[1]):
        own = np.flatnonzero(data.action == a)
        x = z[own, a]
        lever = np.linalg.solve(x.T @ x + model.ridge * np.eye(x.shape[1]), data.target[:, a] @ z[:, a] / n)
        influence[own] += (x @ lever) * (data.reward[own] - q[own, a])
        centre -= lever @ x.sum(axis=0)
    influence += centre * (data.reward - data.reward.mean()) / n
    return _estimate("direct method", value, np.sqrt((influence**2).sum()), level, n, effective)


def doubly_robust(
    log, target, ridge=1.0, n_folds=5, forecasts=None, level=0.95, random_state=0
) -> OffPolicyEstimate:
    """Forecast plus weighted error of the forecast; the interval takes their standard deviation over √n.

    Each row is forecast by a `RewardModel` fitted on the other folds, so no row helps to forecast itself.

    Parameters
    ----------
    log, target, level
        As in :func:`inverse_propensity`, as are the errors.
    ridge : float
    n_folds : int
        At least 2, at most the number of rows.
    forecasts : array (n, n_actions), optional
        A model of one's own, which has not seen these rows.
    random_state : int
        Seed of the folds.

    Returns
    -------
    OffPolicyEstimate

    References
    ----------
    Dudík, M., Langford, J., & Li, L. (2011). Doubly robust policy evaluation and learning. Proceedings of the
    28th International Conference on Machine Learning, 1097-1104.

    Examples
    --------
    >>> log = BanditLog([0, 1, 1, 0], [0.0, 1.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5])
    >>> doubly_robust(log, [0.0, 1.0], forecasts=[[0.5, 0.5]] * 4).estimate    # .5 + (0 + 2·.5 − 2·.5 + 0)/4
    0.5
    """
    data = _read(log, target)
    weight = _weights(data)
    n = len(weight)
    if forecasts is None:
        if isinstance(n_folds, bool) or not isinstance(n_folds, Integral) or not 2 <= n_folds <= n:
            raise InputError(
                f"n_folds is {n_folds!r}: give a whole number from 2 to the number of rows, {n}."
            )
        draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence(random_state)))
        folds = draw.permutation(np.arange(n) % n_folds)
        q = RewardModel(ridge)._forecasts(data, _design(data), folds, True)
    else:
        q = _given(forecasts, data)
    gain = (data.target * q).sum(axis=1) + weight * (data.reward - q[np.arange(n), data.action])
    return _estimate(
        "doubly robust", gain.mean(), gain.std(ddof=1) / np.sqrt(n), level, n, _effective(weight)
    )


def off_policy_estimates(log, target, clip=10.0, ridge=1.0, level=0.95, random_state=0) -> pd.DataFrame:
    """All five estimates of one target policy.

    Arguments and errors as in the functions of each.

    Returns
    -------
    pandas.DataFrame
        Index: IPS, SNIPS, clipped IPS, direct method, doubly robust; columns estimate, low, high,
        standard_error, effective_sample_size.

    Examples
    --------
    >>> log = BanditLog([0, 1, 1, 0], [0.0, 1.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5])
    >>> off_policy_estimates(log, [0.5, 0.5])["estimate"].round(6).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5]
    """
    found = [
        inverse_propensity(log, target, level=level),
        self_normalised(log, target, level=level),
        inverse_propensity(log, target, clip=clip, level=level),
        direct_method(log, target, ridge=ridge, level=level),
        doubly_robust(log, target, ridge, min(5, len(log.action)), level=level, random_state=random_state),
    ]
    table = pd.DataFrame(found).set_index("name")
    return table[["estimate", "low", "high", "standard_error", "effective_sample_size"]]


# --- diagnostics --------------------------------------------------------------------------------------------


def overlap(log, target) -> pd.Series:
    """How much of a target policy the log can tell about; look at it before an estimate.

    Parameters
    ----------
    log, target
        As in :func:`inverse_propensity`.

    Returns
    -------
    pandas.Series
        rows; mean_weight (1 in expectation: far from it, the propensities are wrong or the support is too
        narrow) and its standard error; max_weight; largest_share (of the sum of weights, in one row);
        effective_sample_size and effective_share (of the rows); smallest_propensity; target_unlogged (share
        of the target's showings that go to actions which the log never holds); target_unsupported (to actions
        of propensity 0 there; missing if only the propensity of the action taken was logged).

    Raises
    ------
    InputError
        As in :func:`inverse_propensity`, but for the support, which is what this function looks at.

    Examples
    --------
    >>> log = BanditLog([0, 1, 1, 0], [0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5])
    >>> overlap(log, [0.0, 0.5, 0.5])[["mean_weight", "effective_share", "target_unlogged"]].tolist()
    [0.5, 0.5, 0.5]
    """
    data = _read(log, target)
    n = len(data.action)
    weight = data.target[np.arange(n), data.action] / data.propensity
    effective = _effective(weight) if weight.any() else 0.0
    never = np.bincount(data.action, minlength=data.target.shape[1]) == 0
    beyond = np.nan
    if data.every is not None:
        beyond = float(np.where(data.every > 0, 0.0, data.target).sum(axis=1).mean())
    return pd.Series(
        {
            "rows": float(n),
            "mean_weight": float(weight.mean()),
            "mean_weight_error": float(weight.std(ddof=1) / np.sqrt(n)),
            "max_weight": float(weight.max()),
            "largest_share": float(weight.max() / weight.sum()) if weight.any() else 0.0,
            "effective_sample_size": effective,
            "effective_share": effective / n,
            "smallest_propensity": float(data.propensity.min()),
            "target_unlogged": float(data.target[:, never].sum(axis=1).mean()),
            "target_unsupported": beyond,
        }
    )


def off_policy_study(
    draw: Callable,
    targets: Mapping[str, Callable],
    values: Mapping[str, float],
    n_simulations=200,
    clip=10.0,
    ridge=1.0,
    level=0.95,
) -> pd.DataFrame:
    """Where the truth is known: bias, error and coverage of every estimator over many logs.

    Parameters
    ----------
    draw : callable
        Seed (0, 1, …) → a log.
    targets : mapping of str to callable
        Name of a policy → function of a log that gives the policy's probabilities in its rows.
    values : mapping of str to float
        Name → true value.
    n_simulations : int
        At least 2.
    clip, ridge, level
        As in :func:`off_policy_estimates`.

    Returns
    -------
    pandas.DataFrame
        One row for each policy and estimator: policy, estimator, value (true), bias (mean estimate − value)
        and its standard error, rmse, coverage (share of intervals that hold the value) with its exact
        binomial interval coverage_low, coverage_high (Clopper and Pearson, 95%), mean width of the intervals,
        mean effective sample size.

    Examples
    --------
    >>> def draw(seed):
    ...     rng = np.random.default_rng(seed)
    ...     action = rng.integers(2, size=300)
    ...     click = rng.random(300) < 0.2 + 0.2 * action
    ...     return BanditLog(action, click.astype(float), np.full(300, 0.5))
    >>> study = off_policy_study(draw, {"second": lambda log: [0.0, 1.0]}, {"second": 0.4}, n_simulations=30)
    >>> study["estimator"].tolist()
    ['IPS', 'SNIPS', 'clipped IPS', 'direct method', 'doubly robust']
    >>> bool((study["bias"].abs() < 0.05).all())
    True
    """
    if isinstance(n_simulations, bool) or not isinstance(n_simulations, Integral) or n_simulations < 2:
        raise InputError(f"n_simulations is {n_simulations!r}: give a whole number of at least 2.")
    missing = [name for name in targets if name not in values]
    if missing or not targets:
        raise InputError(
            f"values misses the true value of {missing[0]!r}." if missing else "targets is empty."
        )
    found = []
    for seed in range(n_simulations):
        log = draw(seed)
        for name, policy in targets.items():
            table = off_policy_estimates(
                log, policy(log), clip=clip, ridge=ridge, level=level, random_state=seed
            )
            found.append(table.assign(policy=name, value=values[name]).reset_index(names="estimator"))
    table = pd.concat(found, ignore_index=True)
    table["error"] = table["estimate"] - table["value"]
    table["inside"] = (table["low"] <= table["value"]) & (table["value"] <= table["high"])
    table["width"] = table["high"] - table["low"]
    rows = []
    for (name, estimator), part in table.groupby(["policy", "estimator"], sort=False):
        hits = int(part["inside"].sum())
        exact = stats.binomtest(hits, n_simulations).proportion_ci(0.95)
        rows.append(
            {
                "policy": name,
                "estimator": estimator,
                "value": values[name],
                "bias": part["error"].mean(),
                "bias_error": part["error"].std(ddof=1) / np.sqrt(n_simulations),
                "rmse": np.sqrt((part["error"] ** 2).mean()),
                "coverage": hits / n_simulations,
                "coverage_low": exact.low,
                "coverage_high": exact.high,
                "width": part["width"].mean(),
                "effective_sample_size": part["effective_sample_size"].mean(),
            }
        )
    return pd.DataFrame(rows)
