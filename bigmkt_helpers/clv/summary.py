"""From orders to one row per customer: frequency, recency, T and mean spend, in one stated unit of time."""

import numpy as np
import pandas as pd

from bigmkt_helpers.clv import _checks
from bigmkt_helpers.errors import InputError

__all__ = ["calibration_and_holdout", "customer_summary", "opportunity_summary", "track_repeat_sales"]


def customer_summary(
    orders,
    end=None,
    *,
    unit="week",
    merge: str = "day",
    zero: str = "count",
    returns: str = "subtract",
    zone: str | None = None,
    customer_id: str = "customer_id",
    time: str | None = None,
    spend: str = "spend",
) -> pd.DataFrame:
    """Frequency, recency, T and mean repeat spend of each customer, from orders up to and including `end`.

    A purchase is all that a customer bought on one calendar day (or at one moment). The first one only says
    when the customer began: frequency counts the purchases after it, recency is the time from the first to
    the last, T the time from the first to `end`.

    Parameters
    ----------
    orders : pandas.DataFrame
        Order lines with the names of ``tables.ORDERS`` or ``tables.TRANSACTIONS``, or with names given below.
        Lines without a customer are left out.
    end : Timestamp, date or str, optional
        Orders at or before this moment count; that of the last line without it. A date is its midnight, so
        for times of day give the day after the last one, for plain days the last day itself.
    unit : "hour", "day", "week" or pd.Timedelta
        Of recency and T; also noted in ``attrs["unit"]`` (ISO 8601), where models find it.
    merge : {"day", "moment"}
        Whether orders of one calendar day, or only those of one moment, are one purchase.
    zero : {"count", "drop"}
        Whether a purchase whose money is 0 or, after returns, below counts as a purchase.
    returns : {"subtract", "ignore"}
        A line below 0 is a return, never a purchase. "subtract": it lowers the money of the customer's latest
        purchase that is not after it; one before any purchase is left out.
    zone : str, optional
        For times with a zone: whose calendar days count, e.g. "Asia/Shanghai". That of the times without it.
    customer_id, time, spend : str
        The frame's names; `time` is "order_time" or "date" where the frame has one of them.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``, sorted; ``frequency`` (int64), ``recency`` and ``T`` (in `unit`), ``monetary``
        (mean spend of the repeat purchases; missing for one-time buyers, whose mean is unknown and not 0),
        ``first`` (the first purchase). ``attrs["counts"]`` says how many lines were merged or left out and
        why.

    Raises
    ------
    InputError
        A missing column, time or amount; an unknown rule; nothing before the end.

    Examples
    --------
    >>> lines = pd.DataFrame({"client": ["ann", "ann", "ann", "bob"], "amount": [9.0, 20.0, 5.0, 8.0],
    ...                       "day": pd.to_datetime(["2025-01-01", *["2025-01-15"] * 2, "2025-01-08"])})
    >>> table = customer_summary(lines, "2025-01-29", customer_id="client", time="day", spend="amount")
    >>> print(table.drop(columns="first").reset_index().to_string(index=False))
    customer_id  frequency  recency   T  monetary
            ann          1      2.0 4.0      25.0
            bob          0      0.0 3.0       NaN
    >>> table.attrs["counts"]["merged"]
    1
    """
    length = _checks.unit_of(unit)
    purchases, moment, counts = _purchases(orders, end, merge, zero, returns, zone, customer_id, time, spend)
    table = _summarise(purchases, moment, length)
    _checks.note(table, length, moment, counts=counts)
    return table


def calibration_and_holdout(orders, calibration_end, end=None, **rules) -> pd.DataFrame:
    """The summary up to `calibration_end`, and what the same customers did from there to `end`.

    Parameters
    ----------
    orders, end
        As for `customer_summary`.
    calibration_end : Timestamp, date or str
        Orders at or before this moment are what the models may learn from.
    **rules
        Further arguments of `customer_summary`, used for both periods.

    Returns
    -------
    pandas.DataFrame
        As `customer_summary`, with ``holdout_frequency`` (purchases after `calibration_end`),
        ``holdout_spend`` (money that came in after it, less what went back) and ``holdout`` (length of that
        time in units). Customers who first bought in the holdout are not in it.

    Raises
    ------
    InputError
        As there; or an end that is not after the end of the calibration.

    Examples
    --------
    >>> lines = pd.DataFrame({"customer_id": [1, 1, 1], "spend": [9.0, 20.0, 5.0],
    ...                       "date": pd.to_datetime(["2025-01-01", "2025-01-15", "2025-01-29"])})
    >>> table = calibration_and_holdout(lines, "2025-01-22")
    >>> table[["frequency", "holdout_frequency", "holdout"]].iloc[0].tolist()
    [1.0, 1.0, 1.0]
    """
    length = _checks.unit_of(rules.pop("unit", "week"))
    names = {"customer_id": "customer_id", "time": None, "spend": "spend"}
    settings = {"merge": "day", "zero": "count", "returns": "subtract", "zone": None} | names
    unknown = set(rules) - set(settings)
    if unknown:
        raise InputError(f"{sorted(unknown)[0]!r} is no argument of customer_summary.")
    settings |= rules
    purchases, last, _ = _purchases(orders, end, **settings)
    split = _moment(calibration_end, purchases["time"], "calibration_end")
    split = split.normalize() if settings["merge"] == "day" else split
    if not split < last:
        raise InputError(
            f"The calibration ends {split} and the data {last}: leave time for a holdout between."
        )
    # what was known then: a return in the holdout must not lower what a purchase had brought before
    before, _, counts = _purchases(orders, calibration_end, **settings)
    table = _summarise(before, split, length)
    # the day of the split may belong to both periods, so what came later is the difference of the two
    both = [part.groupby("customer_id", observed=True)["spend"] for part in (purchases, before)]
    many, known = (by.size().reindex(table.index, fill_value=0) for by in both)
    table["holdout_frequency"] = (many - known).clip(lower=0).astype(np.int64)
    money, known = (by.sum().reindex(table.index, fill_value=0.0) for by in both)
    table["holdout_spend"] = (money - known).round(9)
    table["holdout"] = (last - split) / length
    _checks.note(table, length, split, counts=counts)
    return table


def opportunity_summary(
    orders,
    end=None,
    *,
    period="week",
    start=None,
    zero: str = "count",
    returns: str = "subtract",
    zone=None,
    customer_id="customer_id",
    time=None,
    spend="spend",
) -> pd.DataFrame:
    """The same in opportunities to buy, for the BG/BB model: at most one purchase per period counts.

    Periods follow each other without gaps from `start` on; only whole ones up to `end` count. The period of
    the first purchase is not an opportunity to repeat it.

    Parameters
    ----------
    orders, zero, returns, customer_id, time, spend
        As for `customer_summary`; a return lowers the money of the period of the purchase that it follows.
    end : Timestamp, date or str, optional
        Moment at which the last period ends (itself excluded); without it the end of the last line's day.
    period : "hour", "day", "week" or pd.Timedelta
    start : Timestamp, date or str, optional
        Where the first period begins; midnight of the first purchase's day without it.
    zone : str, optional
        For times with a zone: whose midnight that is, e.g. "Asia/Shanghai". That of the times without it.

    Returns
    -------
    pandas.DataFrame
        ``frequency``, ``recency``, ``T``: whole numbers of periods, and ``monetary``, the mean spend per
        repeat period. ``attrs["counts"]`` as `customer_summary` has them; "merged" are orders of one moment.

    Examples
    --------
    >>> lines = pd.DataFrame({"customer_id": [1, 1, 1], "spend": [9.0, 20.0, 6.0],
    ...                       "date": pd.to_datetime(["2025-01-01", "2025-01-15", "2025-01-16"])})
    >>> opportunity_summary(lines, "2025-01-29").iloc[0].tolist()
    [1.0, 2.0, 3.0, 26.0]
    """
    length = _checks.unit_of(period, "period")
    if end is None:
        times = _in_zone(_lines(orders, customer_id, time, spend), zone)["time"]
        stop = times.max().normalize() + pd.Timedelta(days=1)
    else:
        stop = end
    lines, stop, counts = _purchases(orders, stop, "moment", zero, returns, zone, customer_id, time, spend)
    begin = lines["time"].min().normalize() if start is None else _moment(start, lines["time"], "start")
    last = int((stop - begin) // length) - 1
    lines = lines.assign(period=(lines["time"] - begin) // length)
    lines = lines[(lines["period"] >= 0) & (lines["period"] <= last)]
    if lines.empty:
        raise InputError(f"There is no purchase in the whole periods from {begin} to {stop}.")
    bought = lines.groupby(["customer_id", "period"], observed=True)["spend"].sum().reset_index()
    by = bought.groupby("customer_id", observed=True)
    first = by["period"].min()
    table = pd.DataFrame(
        {"frequency": by.size() - 1, "recency": by["period"].max() - first, "T": last - first}
    )
    repeat = by["spend"].sum() - by["spend"].first()
    # cents that cancel leave dust behind
    table["monetary"] = (repeat.round(9) / table["frequency"]).where(table["frequency"] > 0)
    table[["frequency", "recency", "T"]] = table[["frequency", "recency", "T"]].astype(np.int64)
    table = table.rename_axis("customer_id")
    _checks.note(table, length, stop, counts=counts)
    return table


def track_repeat_sales(model, orders, calibration_end, end=None, *, step=1, **rules) -> pd.DataFrame:
    """Repeat purchases of a cohort over time, and what the model expects from the first purchases alone.

    Parameters
    ----------
    model : BGNBD or ParetoNBD
        Fitted, on the calibration.
    orders, end, **rules
        As for `calibration_and_holdout`; the cohort is who bought by `calibration_end`.
    calibration_end : Timestamp, date or str
    step : float
        Length of a period in the model's unit.

    Returns
    -------
    pandas.DataFrame
        Index ``period`` (its end, in units since the first purchase of all); ``actual``, ``expected``,
        ``actual_cumulative``, ``expected_cumulative``, ``holdout`` (whether it ends after the calibration).

    Examples
    --------
    >>> from bigmkt_helpers.clv import BGNBD
    >>> from bigmkt_helpers.datasets import load_cdnow
    >>> orders = load_cdnow(sample=True)
    >>> model = BGNBD().fit(customer_summary(orders, "1997-09-30"))
    >>> track_repeat_sales(model, orders, "1997-09-30").loc[39, "actual_cumulative"]
    np.float64(2462.0)
    """
    if "unit" in rules:
        raise InputError("unit is that of the model here: leave it out, and make a model in another unit.")
    table = calibration_and_holdout(orders, calibration_end, end, unit=model.unit_ or "week", **rules)
    step = _checks.real(step, "step")
    if step <= 0:
        raise InputError(f"step is {step:g}: the length of a period must be above 0.")
    length = _checks.noted_unit(table)
    settings = {"merge": "day", "zero": "count", "returns": "subtract", "zone": None}
    settings |= {"customer_id": "customer_id", "time": None, "spend": "spend"} | rules
    purchases, last, _ = _purchases(orders, end, **settings)
    purchases = purchases[purchases["customer_id"].isin(table.index)]
    origin = table["first"].min()
    repeat = purchases[purchases.duplicated("customer_id")]
    ago = ((repeat["time"] - origin) / length).to_numpy()
    n = int(np.floor((last - origin) / length / step + 1e-9))
    if n < 1:
        raise InputError(f"The data last less than one period of {step:g} units.")
    ends = np.arange(1, n + 1) * step
    actual = np.searchsorted(np.sort(ago), ends, side="right").astype(float)
    starts, many = np.unique(((table["first"] - origin) / length).to_numpy(), return_counts=True)
    ages = np.clip(ends[:, None] - starts, 0, None)
    different, inverse = np.unique(ages, return_inverse=True)
    expected = (model.expected_of_new(different)[inverse].reshape(ages.shape) * many).sum(axis=1)
    return pd.DataFrame(
        {
            "actual": np.diff(actual, prepend=0),
            "expected": np.diff(expected, prepend=0),
            "actual_cumulative": actual,
            "expected_cumulative": expected,
            "holdout": ends > (pd.Timestamp(table.attrs["end"]) - origin) / length + 1e-9,
        },
        index=pd.Index(ends, name="period"),
    )


def _lines(orders, customer_id, time, spend):
    time = _checks.time_of_orders(orders, customer_id, time, spend)
    if not pd.api.types.is_datetime64_any_dtype(orders[time]):
        raise InputError(f"orders[{time!r}] holds no times: convert it with pandas.to_datetime.")
    if not pd.api.types.is_numeric_dtype(orders[spend]):
        raise InputError(f"orders[{spend!r}] holds no numbers: convert it with pandas.to_numeric.")
    lines = pd.DataFrame(
        {"customer_id": orders[customer_id], "time": orders[time], "spend": orders[spend].astype(float)}
    )
    lines = lines[lines["customer_id"].notna()]
    if lines.empty:
        raise InputError("orders has no line with a customer: there is nothing to sum up.")
    for name, column in (("time", time), ("spend", spend)):
        gaps = lines[name].isna().to_numpy() | (np.isinf(lines[name]) if name == "spend" else False)
        if gaps.any():
            raise InputError(
                f"orders[{column!r}] is missing or infinite in row "
                f"{_checks.shown(lines.index[gaps.argmax()])} "
                f"({int(gaps.sum())} such rows): drop or mend it."
            )
    return lines


def _in_zone(lines, zone):
    if zone is None:
        return lines
    if lines["time"].dt.tz is None:
        raise InputError(f"zone={zone!r} is for times with a zone, and the orders have none.")
    return lines.assign(time=lines["time"].dt.tz_convert(zone))


def _moment(value, times, name):
    try:
        moment = pd.Timestamp(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}={value!r} is no date ({error}).") from error
    zone = times.dt.tz
    if moment is pd.NaT:
        raise InputError(f"{name} is missing: give a date.")
    if moment.tz is None and zone is not None:
        moment = moment.tz_localize(zone)
    elif moment.tz is not None:
        if zone is None:
            raise InputError(f"{name} {moment} has a time zone and the orders have none: give a plain date.")
        moment = moment.tz_convert(zone)
    return moment


def _purchases(orders, end, merge, zero, returns, zone, customer_id, time, spend):
    """One row per purchase, sorted by customer and time; the end; and what was merged or left out."""
    for name, value, known in (
        ("merge", merge, ("day", "moment")),
        ("zero", zero, ("count", "drop")),
        ("returns", returns, ("subtract", "ignore")),
    ):
        if value not in known:
            raise InputError(f"{name}={value!r} is not known: use {' or '.join(map(repr, known))}.")
    lines = _in_zone(_lines(orders, customer_id, time, spend), zone)
    moment = lines["time"].max() if end is None else _moment(end, lines["time"], "end")
    late = lines["time"] > moment
    if merge == "day":
        lines["time"] = lines["time"].dt.normalize()
        moment = moment.normalize()
    counts = {"lines": len(orders), "without_customer": len(orders) - len(lines)}
    counts["after_end"] = int(late.sum())
    lines = lines[~late]
    back = lines["spend"] < 0
    counts["returns"] = int(back.sum())
    bought = lines[~back].groupby(["customer_id", "time"], observed=True)["spend"].sum().reset_index()
    if bought.empty:
        raise InputError(f"There is no purchase up to {moment}: check the end and the table.")
    counts["merged"] = int((~back).sum()) - len(bought)
    if returns == "subtract" and back.any():
        came = lines[back].sort_values("time", kind="stable")
        bought["place"] = np.arange(len(bought))
        found = pd.merge_asof(
            came,
            bought.sort_values("time", kind="stable")[["customer_id", "time", "place"]],
            on="time",
            by="customer_id",
        )
        counts["returns_before_purchase"] = int(found["place"].isna().sum())
        found = found.dropna(subset="place")
        bought["spend"] += np.bincount(found["place"].astype(int), found["spend"], minlength=len(bought))
        bought = bought.drop(columns="place")
    nothing = bought["spend"] <= 0
    counts["zero_purchases"] = int(nothing.sum())
    if zero == "drop":
        bought = bought[~nothing]
        if bought.empty:
            raise InputError("No purchase brought money: nothing is left once they are dropped.")
    return bought.reset_index(drop=True), moment, counts


def _summarise(purchases, end, length):
    by = purchases.groupby("customer_id", observed=True)
    if not len(purchases):
        raise InputError(f"There is no purchase up to {end}: check the end and the table.")
    first, last = by["time"].first(), by["time"].last()
    frequency = (by.size() - 1).astype(np.int64)
    repeat = by["spend"].sum() - by["spend"].first()
    return pd.DataFrame(
        {
            "frequency": frequency,
            "recency": (last - first) / length,
            "T": (end - first) / length,
            # cents that cancel leave dust behind
            "monetary": (repeat.round(9) / frequency).where(frequency > 0),
            "first": first,
        }
    ).rename_axis("customer_id")
