"""From purchases to money: value with a horizon and a discount, intervals, calibration, whom to write to."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from bigmkt_helpers.clv import _checks
from bigmkt_helpers.clv._fitting import RepeatModel
from bigmkt_helpers.clv.spending import GammaGamma
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information.intervals import Interval, resampled_means

__all__ = ["ValueIntervals", "calibration_by_decile", "customer_value", "targeting_value", "value_intervals"]

_points, _weights = np.polynomial.legendre.leggauss(16)
TIMES, WEIGHTS = (_points + 1) / 2, _weights / 2


def customer_value(
    model, X, horizon, spend, *, margin: float = 1.0, discount: float = 0.0, discount_period=None
) -> pd.DataFrame:
    """Expected value of each customer's purchases in the horizon.

    Value = margin · spend per purchase · Σ of expected purchases, each discounted from its time. Purchases
    fall at any time, so the sum is an integral, ∫ (1 + d)^-t dE(t), taken by parts with Gauss and Legendre's
    rule; with BG/BB it is a sum over the opportunities, each at its end.

    Parameters
    ----------
    model : BGNBD, ParetoNBD or BGBB
        Fitted.
    X : pandas.DataFrame
        Summary of the customers, as for the model.
    horizon : float, pd.Timedelta or str
        A number counts in the model's unit. There is no value without a horizon.
    spend : GammaGamma, pandas.Series, array or float
        Expected spend per purchase: a fitted model, or numbers, one per customer or one for all.
    margin : float
        Part of the spend that stays with the shop; 1 if `spend` is a margin already.
    discount : float
        Rate of one `discount_period`, above -1; 0 gives the undiscounted sum.
    discount_period : "day", "week", pd.Timedelta, optional
        Without it the model's unit of time.

    Returns
    -------
    pandas.DataFrame
        ``expected_purchases``, ``discounted_purchases``, ``spend``, ``value`` (money).

    Raises
    ------
    InputError
        As for the models; an infinite horizon, a discount of -1 or below, spend for other customers.

    Examples
    --------
    >>> from bigmkt_helpers.clv import BGNBD
    >>> table = pd.DataFrame({"frequency": [0, 2], "recency": [0, 30], "T": [39, 38]}, index=["ann", "bob"])
    >>> model = BGNBD(); model.unit_ = pd.Timedelta(days=7)
    >>> model.params_ = pd.Series({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    >>> customer_value(model, table, "364D", spend=35.0, margin=0.3, discount=0.15,
    ...                discount_period=pd.Timedelta(days=364))["value"].round(2).to_dict()
    {'ann': 2.47, 'bob': 15.68}
    """
    _model(model)
    t, rate = model._horizon(horizon), _weekly(model, discount, discount_period)
    share = _checks.real(margin, "margin", least=0, most=1)
    each = _spend(spend, X)
    expected = model.expected_purchases(X, t)
    if rate == 0 or t == 0:
        discounted = expected.copy()
    elif model._discrete:
        steps = np.arange(1, int(t) + 1)
        reached = np.column_stack([np.zeros(len(X)), *(model.expected_purchases(X, int(k)) for k in steps)])
        discounted = expected * 0 + np.diff(reached, axis=1) @ (1 + rate) ** -steps.astype(float)
    else:
        force = np.log1p(rate)
        discounted = expected * np.exp(-force * t)
        for time, weight in zip(TIMES, WEIGHTS):
            reached = model.expected_purchases(X, time * t)
            discounted = discounted + weight * t * force * np.exp(-force * time * t) * reached
    return pd.DataFrame(
        {
            "expected_purchases": expected,
            "discounted_purchases": discounted,
            "spend": each,
            "value": share * each * discounted,
        },
        index=X.index,
    )


class ValueIntervals(NamedTuple):
    """Values of customers, and of all together, as `value_intervals` draws them."""

    customers: pd.DataFrame
    total: Interval


def value_intervals(
    model,
    X,
    horizon,
    spend,
    *,
    margin: float = 1.0,
    discount: float = 0.0,
    discount_period=None,
    level: float = 0.8,
    n_draws: int = 500,
    periods: int = 1,
    parameters: bool = True,
    random_state=0,
) -> ValueIntervals:
    """Intervals for the money that will be seen: of each customer, and of all together.

    Each draw takes parameters as uncertain as the fits leave them, then a future for each customer under
    these, and (with a Gamma-Gamma model) the spend of each purchase. The intervals hold if the models do.

    Parameters
    ----------
    model, X, horizon, spend, margin, discount, discount_period
        As for `customer_value`.
    level : float
    n_draws : int
        Memory: 12 bytes for each draw, customer and period.
    periods : int
        Equal parts of the horizon; each is discounted from its middle.
    parameters : bool
        Whether to draw the parameters too; False takes the fitted ones as known.
    random_state : int or numpy.random.Generator

    Returns
    -------
    ValueIntervals
        ``customers``: mean of the draws, ``low``, ``high``; ``total``: an `Interval` of their sum.

    Examples
    --------
    >>> from bigmkt_helpers.clv import BGNBD, customer_summary
    >>> from bigmkt_helpers.datasets import load_cdnow
    >>> table = customer_summary(load_cdnow(sample=True), "1997-09-30")
    >>> drawn = value_intervals(BGNBD().fit(table), table, 39, spend=35.0, n_draws=200)
    >>> bool(drawn.total.low < 35 * 1788 < drawn.total.high), (drawn.customers["low"] >= 0).all()
    (True, np.True_)
    """
    _model(model)
    level, rng = _checks.level_of(level), _checks.generator(random_state)
    t, rate = model._horizon(horizon), _weekly(model, discount, discount_period)
    share = _checks.real(margin, "margin", least=0, most=1)
    each = _spend(spend, X).to_numpy()
    counts = model.simulate_purchases(X, t, n_draws, periods, parameters, rng)
    middles = (np.arange(periods) + 0.5) * t / periods
    worth = share * (1 + rate) ** -middles
    if isinstance(spend, GammaGamma):
        x, m = spend._columns(X)
        m = np.where(x > 0, np.maximum(m, 0), 0)
        money = np.empty(counts.shape[:2])
        base = np.tile(spend._fitted(), (n_draws, 1))
        for draw, (p, q, gamma) in enumerate(spend._drawn_parameters(n_draws, rng) if parameters else base):
            nu = rng.gamma(p * x + q) / (gamma + x * m)
            money[draw] = (rng.gamma(p * counts[draw]) @ worth) / nu
    else:
        money = (counts @ worth) * each
    low, high = np.quantile(money, [(1 - level) / 2, (1 + level) / 2], axis=0)
    totals = money.sum(axis=1)
    bounds = np.quantile(totals, [(1 - level) / 2, (1 + level) / 2])
    customers = pd.DataFrame({"value": money.mean(axis=0), "low": low, "high": high}, index=X.index)
    return ValueIntervals(customers, Interval(float(totals.mean()), *map(float, bounds), level, len(X)))


def calibration_by_decile(predicted, seen, n: int = 10, level: float = 0.95) -> pd.DataFrame:
    """Customers in equal groups by what was predicted, with what was seen in each.

    Parameters
    ----------
    predicted, seen : pandas.Series or array of shape (n_customers,)
        Purchases or money. Two Series must name the same customers, in any order.
    n : int
        Number of groups; ties are split by place in the table, so that the groups are equally large.
    level : float
        Of the bootstrap interval of the mean seen in each group.

    Returns
    -------
    pandas.DataFrame
        Index ``group``, 1 for the highest predictions: ``customers``, ``predicted``, ``seen`` (means),
        ``low``, ``high``, and ``share`` (of all that was seen).

    Examples
    --------
    >>> table = calibration_by_decile(np.arange(40.0), np.arange(40.0) + 1, n=4)
    >>> table["predicted"].tolist(), table["seen"].tolist()
    ([34.5, 24.5, 14.5, 4.5], [35.5, 25.5, 15.5, 5.5])
    """
    guess, truth = _pair(predicted, seen)
    n = _checks.whole(n, "n", least=2)
    level = _checks.level_of(level)
    if len(guess) < 2 * n:
        raise InputError(f"{len(guess)} customers are too few for {n} groups: use fewer groups.")
    place = np.empty(len(guess), dtype=np.int64)
    place[np.argsort(-guess, kind="stable")] = np.arange(len(guess))
    group = place * n // len(guess)
    rows = []
    for number in range(n):
        own = group == number
        draws = resampled_means(truth[own][:, None], 1_000)[:, 0]
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        rows.append([int(own.sum()), guess[own].mean(), truth[own].mean(), low, high, truth[own].sum()])
    columns = ["customers", "predicted", "seen", "low", "high", "share"]
    table = pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(1, n + 1, name="group"))
    table["share"] = table["share"] / truth.sum() if truth.sum() else np.nan
    return table.astype({"customers": np.int64})


def targeting_value(
    scores, truth, *, share: float = 0.1, uplift: float = 0.1, cost: float = 0.0, level: float = 0.95
) -> pd.DataFrame:
    """What it earns to treat the customers who score highest, by each of several scores.

    A treatment costs `cost` per customer and adds `uplift` of the customer's true expected future margin. (In
    practice the uplift differs between customers and is measured by an experiment: chapter 13.)

    Parameters
    ----------
    scores : pandas.DataFrame or dict of {name: Series or array}
        One column per way to choose; the highest `share` is treated, the first of equals.
    truth : pandas.Series or array
        True (expected) future margin of each customer, in money.
    share : float
        Part of the customers that is treated.
    uplift : float
    cost : float
        In money.
    level : float
        Of the bootstrap interval over customers of the profit.

    Returns
    -------
    pandas.DataFrame
        Index ``score``, the most profitable first, with rows "truth" and "at random": ``customers``,
        ``margin`` (mean true margin of the treated), ``capture`` (part of all true margin), ``profit`` per
        1,000 customers of the base, ``low``, ``high``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.gamma(0.5, 200, 1000)
    >>> table = targeting_value({"noisy": truth + rng.normal(0, 50, 1000)}, truth, cost=5)
    >>> table.index.tolist()
    ['truth', 'noisy', 'at random']
    """
    if not isinstance(scores, dict | pd.DataFrame) or not len(scores):
        raise InputError("scores must name at least one way to choose: {'past spend': …}.")
    part = _checks.real(share, "share", least=0, most=1)
    gain, price = _checks.real(uplift, "uplift"), _checks.real(cost, "cost", least=0)
    level = _checks.level_of(level)
    true = _pair(truth, truth)[0]
    treated = round(part * len(true))
    if not 0 < treated < len(true):
        raise InputError(f"share {part:g} of {len(true)} customers is {treated}: treat some, and not all.")
    chosen = {}
    columns = {"truth": truth} | {name: scores[name] for name in scores}
    for name, score in columns.items():
        guess, _ = _pair(score, truth)
        chosen[name] = np.zeros(len(true))
        chosen[name][np.argsort(-guess, kind="stable")[:treated]] = 1.0
    chosen["at random"] = np.full(len(true), treated / len(true))
    profits = np.column_stack([who * (gain * true - price) for who in chosen.values()])
    draws = 1_000 * resampled_means(profits, 1_000)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    total = true.sum()
    table = pd.DataFrame(
        {
            "customers": treated,
            "margin": [who @ true / treated for who in chosen.values()],
            "capture": [who @ true / total if total else np.nan for who in chosen.values()],
            "profit": 1_000 * profits.mean(axis=0),
            "low": low,
            "high": high,
        },
        index=pd.Index(chosen, name="score"),
    )
    return table.sort_values("profit", ascending=False, kind="stable")


def _model(model):
    if not isinstance(model, RepeatModel):
        raise InputError(f"model is a {type(model).__name__}: pass a fitted BGNBD, ParetoNBD or BGBB.")
    model._fitted()


def _weekly(model, discount, period):
    rate = _checks.discount_of(discount)
    if period is None or rate == 0:
        return rate
    length = _checks.unit_of(period, "discount_period")
    if model.unit_ is None:
        raise InputError(
            "discount_period is a length of time, but the model does not know the unit of its table: give it "
            "as unit=… when the model is made, or the rate of one unit without discount_period."
        )
    return (1 + rate) ** (model.unit_ / length) - 1


def _spend(spend, X) -> pd.Series:
    if isinstance(spend, GammaGamma):
        return spend.expected_spend(X)
    if isinstance(spend, pd.Series):
        if not spend.index.equals(X.index):
            raise InputError("spend and the table differ in their customers or their order: align them.")
        spend = spend.to_numpy()
    try:
        values = np.broadcast_to(np.asarray(spend, dtype=float), len(X))
    except (TypeError, ValueError) as error:
        raise InputError(f"spend does not fit {len(X)} customers ({error}).") from error
    if not np.isfinite(values).all():
        raise InputError(
            f"spend is missing or infinite for {int((~np.isfinite(values)).sum())} customers: one-time "
            "buyers have no mean of their own; a GammaGamma model gives one to everybody."
        )
    return pd.Series(values, index=X.index, name="spend")


def _pair(predicted, seen):
    if isinstance(predicted, pd.Series) and isinstance(seen, pd.Series):
        if not predicted.index.is_unique or not predicted.index.sort_values().equals(
            seen.index.sort_values()
        ):
            raise InputError("The two columns are not about the same customers, each once: align them.")
        predicted = predicted.reindex(seen.index)
    guess, truth = (np.asarray(values, dtype=float) for values in (predicted, seen))
    if guess.ndim != 1 or guess.shape != truth.shape or not len(guess):
        raise InputError(
            f"The columns have shapes {guess.shape} and {truth.shape}: give one number per customer."
        )
    if not (np.isfinite(guess).all() and np.isfinite(truth).all()):
        raise InputError("A prediction or an outcome is missing or infinite: leave such customers out.")
    return guess, truth
