"""Checks that the rooms of this package share; each failure is one sentence."""

from numbers import Real

import numpy as np
import pandas as pd

from bigmkt_helpers._checks import generator, level_of, shown, time_of_orders, whole  # noqa: F401
from bigmkt_helpers.errors import InputError

UNITS = {
    "hour": pd.Timedelta(hours=1),
    "day": pd.Timedelta(days=1),
    "week": pd.Timedelta(days=7),
}
"""Units of time that always last equally long; months and years do not."""


def real(value, name: str, least: float | None = None, most: float | None = None) -> float:
    """A finite number, within limits if there are any."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_) or not np.isfinite(value):
        raise InputError(f"{name} is {shown(value)}: it must be a finite number.")
    if (least is not None and value < least) or (most is not None and value > most):
        limits = f"from {least:g} on" if most is None else f"from {least:g} to {most:g}"
        raise InputError(f"{name} is {shown(value)}: it must be a number {limits}.")
    return float(value)


def discount_of(discount, name: str = "discount") -> float:
    """A rate per period above -1."""
    if not isinstance(discount, Real) or isinstance(discount, bool | np.bool_) or not np.isfinite(discount):
        raise InputError(f"{name} is {shown(discount)}: give the rate of one period, 0.05 for 5%.")
    if discount <= -1:
        raise InputError(
            f"{name} is {shown(discount)}: at -1 or below, later money would be worth infinitely much or "
            "change its sign; give a rate above -1, such as 0.05 for 5% a period."
        )
    return float(discount)


def when_of(when) -> str:
    if when not in ("end", "start"):
        raise InputError(
            f"when={when!r} is not known: payments come at the 'end' or the 'start' of a period."
        )
    return when


def unit_of(unit, name: str = "unit") -> pd.Timedelta | None:
    """A unit of time that always lasts equally long; None stays None."""
    if unit is None:
        return None
    if isinstance(unit, str):
        if unit not in UNITS:
            raise InputError(
                f"{name}={unit!r} is not known: use {', '.join(map(repr, UNITS))} or a pd.Timedelta (months "
                "and years differ in length: pd.Timedelta(days=30.4375), say)."
            )
        return UNITS[unit]
    if not isinstance(unit, pd.Timedelta) or pd.isna(unit) or unit <= pd.Timedelta(0):
        raise InputError(f"{name}={unit!r} is no length of time above 0: use 'week' or a pd.Timedelta.")
    return unit


def length(time: pd.Timedelta) -> str:
    """A length of time in words: whole days or hours as such, the rest as pandas writes it."""
    for name in ("day", "hour"):
        number, rest = divmod(time, UNITS[name])
        if not rest:
            return f"{number:,} {name}{'' if number == 1 else 's'}"
    return str(time)


def note(table, unit: pd.Timedelta, end, **more) -> None:
    """Writes down what a table counts in; as text, so that the table can be saved as Parquet with it."""
    table.attrs.update(unit=unit.isoformat(), end=end.isoformat(), **more)


def noted_unit(table) -> pd.Timedelta | None:
    """The unit that `note` wrote down; None for a table without it."""
    unit = table.attrs.get("unit")
    return None if unit is None else pd.Timedelta(unit)


def horizon_of(horizon, unit, name: str = "horizon") -> float:
    """A length of time as a number of units: numbers are in that unit, lengths of time are converted."""
    if isinstance(horizon, pd.DateOffset):
        raise InputError(
            f"{name}={horizon!r} has no fixed length: give a pd.Timedelta, or a number in the model's unit."
        )
    if isinstance(horizon, str):
        # pandas would read "52" as 52 nanoseconds
        if horizon.strip().lstrip("+-").replace(".", "", 1).isdecimal():
            raise InputError(
                f"{name}={horizon!r} is a number written as text: give {horizon.strip()} without quotes for "
                "so many of the model's units, or a length with its unit, such as '364D'."
            )
        try:
            horizon = pd.Timedelta(horizon)
        except ValueError as error:
            raise InputError(
                f"{name}={horizon!r} is no length of time: write '364D', pd.Timedelta(days=364) or a number "
                "in the model's unit."
            ) from error
    if isinstance(horizon, pd.Timedelta | np.timedelta64):
        if unit is None:
            raise InputError(
                f"{name} is the length of time {length(pd.Timedelta(horizon))}, but the model does not know "
                "the unit of its table: give it as unit=…, or the horizon as a number in that unit."
            )
        horizon = pd.Timedelta(horizon) / unit
    return real(horizon, name, least=0)


def table_of(X, names) -> list[np.ndarray]:
    """Columns of a table of customers as arrays of floats; says which customer's value is unusable."""
    if not isinstance(X, pd.DataFrame):
        raise InputError(f"X is a {type(X).__name__}: pass a DataFrame with one row per customer.")
    if not len(X):
        raise InputError("X has no rows: it needs at least one customer.")
    arrays = []
    for name in names:
        if name not in X.columns:
            raise InputError(f"X has no column {name!r}; it has {list(map(str, X.columns))}.")
        try:
            values = X[name].to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise InputError(f"X[{name!r}] holds something that is not a number ({error}).") from error
        refuse(
            ~np.isfinite(values),
            X,
            name,
            values,
            "is missing or infinite",
            "fill it or leave the customer out",
        )
        arrays.append(values)
    return arrays


def refuse(bad, X, name, values, what: str, remedy: str) -> None:
    """One sentence about the first customer for whom `bad` holds."""
    if bad.any():
        row = int(bad.argmax())
        end = "" if remedy.endswith("?") else "."
        raise InputError(
            f"X[{name!r}] of customer {shown(X.index[row])} is {values[row]:g}: it {what} "
            f"({int(bad.sum()):,} such customers); {remedy}{end}"
        )
