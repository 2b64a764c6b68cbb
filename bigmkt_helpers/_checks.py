"""Checks of arguments that many rooms share; each failure is one sentence."""

from numbers import Integral, Real

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError


def shown(value) -> str:
    """A value as the reader would write it: 3, not np.int64(3)."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def whole(value, name: str, least: int = 1) -> int:
    """A whole number of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool | np.bool_) or value < least:
        raise InputError(f"{name} is {shown(value)}: it must be a whole number of at least {least}.")
    return int(value)


def level_of(level) -> float:
    """The probability that an interval is to hold."""
    if not isinstance(level, Real) or not 0 < level < 1:
        raise InputError(f"level is {shown(level)}: it must lie between 0 and 1, both excluded.")
    return float(level)


def generator(random_state) -> np.random.Generator:
    """numpy's PCG64 from a seed, or the generator that was handed in."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    seed = np.random.SeedSequence(whole(random_state, "random_state", least=0))
    return np.random.Generator(np.random.PCG64(seed))


def time_of_orders(orders, customer_id, time, spend):
    """The name of the column of times in a table of orders that has the other two columns as well."""
    if not isinstance(orders, pd.DataFrame):
        raise InputError(f"orders is a {type(orders).__name__}: pass a pandas DataFrame of order lines.")
    if time is None:
        time = next((name for name in ("order_time", "date") if name in orders.columns), "order_time")
    for name, wanted in ((customer_id, "customer_id"), (time, "time"), (spend, "spend")):
        if name not in orders.columns:
            raise InputError(
                f"orders has no column {name!r}; it has {list(map(str, orders.columns))}: name yours with "
                f"{wanted}=…"
            )
    return time
