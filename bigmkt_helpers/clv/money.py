"""Money over time: present value, a customer who is retained or not, a lifecycle with several stages."""

import numpy as np
import pandas as pd

from bigmkt_helpers.clv import _checks
from bigmkt_helpers.errors import InputError

__all__ = ["convert_discount", "lifecycle_value", "present_value", "retention_value"]


def present_value(amounts, discount: float, when: str = "end") -> float:
    """What payments of the coming periods are worth today: Σ R_t / (1 + d)^t.

    Parameters
    ----------
    amounts : sequence of float
        Payment of each period, in money.
    discount : float
        Rate of one period, above -1; 0 gives the sum.
    when : {"end", "start"}
        Whether a period pays at its end (t = 1, 2, …) or at its start (t = 0, 1, …).

    Raises
    ------
    InputError
        No payments, one that is not a number, a rate of -1 or below.

    Examples
    --------
    >>> round(present_value([100, 200, 300], 0.05), 6)
    535.79527
    >>> round(present_value([100, 200, 300], 0.05, when="start"), 6)
    562.585034
    """
    flows = _numbers(amounts, "amounts")
    rate = _checks.discount_of(discount)
    first = 1 if _checks.when_of(when) == "end" else 0
    return float(flows @ (1 + rate) ** -np.arange(first, first + len(flows), dtype=float))


def convert_discount(discount: float, period, to) -> float:
    """The rate of another period that has the same effect: (1 + d)^(to / period) - 1.

    Parameters
    ----------
    discount : float
        Rate of `period`.
    period, to : "hour", "day", "week" or pd.Timedelta

    Examples
    --------
    >>> year = pd.Timedelta(days=364)
    >>> weekly = convert_discount(0.10, year, "week")
    >>> round(weekly, 6), round((1 + weekly) ** 52 - 1, 6)
    (0.001835, 0.1)
    """
    rate = _checks.discount_of(discount)
    lengths = _checks.unit_of(period, "period"), _checks.unit_of(to, "to")
    if None in lengths:
        raise InputError("period and to must be lengths of time: 'week', say, or pd.Timedelta(days=364).")
    return float((1 + rate) ** (lengths[1] / lengths[0]) - 1)


def retention_value(margin, retention, discount: float, horizon, when: str = "end") -> float:
    """Value of a customer who, period by period, stays with a probability and then brings a margin.

    At the end: Σ m r^t / (1 + d)^t for t = 1 … H; the customer has to stay through a period to pay. At the
    start: the same for t = 0 … H - 1; the first payment is certain.

    Parameters
    ----------
    margin : float or sequence of float
        Margin of a period, in money; one for each period if they differ.
    retention : float or sequence of float
        Probability of staying through a period, from 0 to 1; one for each period if they differ.
    discount : float
        Rate of one period, above -1.
    horizon : int or numpy.inf
        Number of periods; without end only for a constant margin and retention.
    when : {"end", "start"}

    Raises
    ------
    InputError
        Numbers out of range, too few of them, or a sum without end that does not settle: r ≥ 1 + d.

    Examples
    --------
    >>> round(retention_value(100, 0.8, 0.10, horizon=5), 2)
    212.41
    >>> round(retention_value(100, 0.8, 0.10, horizon=np.inf), 2)
    266.67
    >>> round(retention_value(100, [0.5, 0.7, 0.8], 0.0, horizon=3), 2)
    113.0
    """
    rate, when = _checks.discount_of(discount), _checks.when_of(when)
    endless = isinstance(horizon, float) and np.isposinf(horizon)
    if not endless:
        _checks.whole(horizon, "horizon")
    margins, stays = _numbers(margin, "margin"), _numbers(retention, "retention")
    if (stays < 0).any() or (stays > 1).any():
        raise InputError(
            f"retention is {stays[(stays < 0) | (stays > 1)][0]:g}: a probability lies from 0 to 1."
        )
    if endless:
        if len(margins) > 1 or len(stays) > 1:
            raise InputError("Without a horizon, margin and retention must each be one number.")
        if stays[0] >= 1 + rate:
            raise InputError(
                f"With retention {stays[0]:g} and discount {rate:g} the sum never settles: give a "
                "horizon, or a discount above retention - 1."
            )
        first = stays[0] if when == "end" else 1 + rate
        return float(margins[0] * first / (1 + rate - stays[0]))
    for values, name in ((margins, "margin"), (stays, "retention")):
        if len(values) not in (1, horizon):
            raise InputError(
                f"{name} has {len(values)} values: give one, or one for each of {horizon} periods."
            )
    alive = np.cumprod(np.broadcast_to(stays, horizon))
    if when == "start":
        alive = np.concatenate([[1.0], alive[:-1]])
    return present_value(np.broadcast_to(margins, horizon) * alive, rate, when)


def lifecycle_value(transition, margin, discount: float, horizon=np.inf, when: str = "end") -> pd.Series:
    """Expected value of a customer in each state of a lifecycle that moves by a Markov chain.

    At the end: V = Σ (1 + d)^-t Pᵗ m for t = 1 … H: first the customer moves, then the new state pays. At the
    start: t = 0 … H - 1: the present state pays at once. Without a horizon the sum solves a linear system.

    Parameters
    ----------
    transition : pandas.DataFrame or array of shape (K, K)
        Probabilities from row to column in one period; rows sum to 1. A state that is never left ("gone") is
        absorbing.
    margin : pandas.Series, dict or sequence of K floats
        Margin of a period in each state, in money.
    discount : float
        Rate of one period, above -1; without a horizon, 0 will do if nobody earns for ever.
    horizon : int or numpy.inf
        Number of periods.
    when : {"end", "start"}

    Returns
    -------
    pandas.Series
        Value by state.

    Raises
    ------
    InputError
        Rows that do not sum to 1, margins for other states, a sum that does not settle.

    Examples
    --------
    >>> stages = ["new", "loyal", "gone"]
    >>> chain = pd.DataFrame([[0.2, 0.5, 0.3], [0, 0.8, 0.2], [0, 0, 1]], index=stages, columns=stages)
    >>> lifecycle_value(chain, {"new": 20, "loyal": 50, "gone": 0}, discount=0.10).round(2).to_dict()
    {'new': 106.3, 'loyal': 133.33, 'gone': 0.0}
    """
    rate, when = _checks.discount_of(discount), _checks.when_of(when)
    table = pd.DataFrame(transition)
    try:
        P = table.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"transition holds something that is not a number ({error}).") from error
    if P.ndim != 2 or P.shape[0] != P.shape[1] or not P.size:
        raise InputError(f"transition has shape {P.shape}: it leads from state to state, so it is square.")
    if list(table.index) != list(table.columns):
        raise InputError("transition names other states in its rows than in its columns: use the same.")
    bad = ~(np.isfinite(P) & (P >= 0)).all(axis=1) | (np.abs(P.sum(axis=1) - 1) > 1e-8)
    if bad.any():
        state = _checks.shown(table.index[bad.argmax()])
        raise InputError(f"Row {state} of transition is no set of probabilities that sum to 1.")
    if isinstance(margin, dict | pd.Series):
        given = pd.Series(margin, dtype=float)
        if set(given.index) != set(table.index):
            raise InputError(f"margin is given for {list(given.index)}, the states are {list(table.index)}.")
        m = given.reindex(table.index).to_numpy()
    else:
        m = _numbers(margin, "margin")
    if m.shape != (len(P),) or not np.isfinite(m).all():
        raise InputError(f"margin must hold one finite number for each of the {len(P)} states.")
    step = P / (1 + rate)
    if isinstance(horizon, float) and np.isposinf(horizon):
        value = _endless(step, m, table.index)
        if when == "end":
            value = value - m
    else:
        _checks.whole(horizon, "horizon")
        value, flow = np.zeros(len(P)), m
        for _ in range(horizon):
            flow = step @ flow if when == "end" else flow
            value = value + flow
            flow = flow if when == "end" else step @ flow
    return pd.Series(value, index=table.index, name="value")


def _endless(step, m, names):
    """V = m + step V, over the states from which money can still come."""
    reach = (step > 0) | np.eye(len(step), dtype=bool)
    for _ in range(len(step)):
        reach = reach @ reach
    # states from which only unpaid ones can be reached are worth 0, however long they last
    earns = (reach & (m != 0)).any(axis=1)
    value = np.zeros(len(m))
    if earns.any():
        inner = step[np.ix_(earns, earns)]
        if np.abs(np.linalg.eigvals(inner)).max() >= 1 - 1e-12:
            raise InputError(
                f"The value of {', '.join(map(repr, names[earns]))} grows without end: give a "
                "horizon, a higher discount, or a state in which customers end."
            )
        value[earns] = np.linalg.solve(np.eye(int(earns.sum())) - inner, m[earns])
    return value


def _numbers(values, name) -> np.ndarray:
    try:
        array = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error}).") from error
    if array.ndim != 1 or not array.size:
        raise InputError(
            f"{name} has shape {array.shape}: give a number, or a list with one for each period."
        )
    if not np.isfinite(array).all():
        raise InputError(
            f"{name} of period {int((~np.isfinite(array)).argmax()) + 1} is missing or infinite."
        )
    return array
