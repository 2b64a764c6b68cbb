"""Checks that the rooms of this package share; each failure is one sentence."""

from numbers import Integral, Real

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError

TOLERANCE = 1e-6
"""How far probabilities may be from adding up to 1: rounding to six digits is allowed, a slip is not."""


def numbers(values, name: str) -> np.ndarray:
    """The values as an array of finite floats."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error}).") from error
    if array.size == 0:
        raise InputError(f"{name} is empty: there is nothing to compute.")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name} holds {array[where]} at position {where}: every value must be finite.")
    return array


def distribution(values, name: str) -> np.ndarray:
    """The values as probabilities that add up to 1 over all cells."""
    array = numbers(values, name)
    _not_negative(array, name, "probabilities")
    if abs(array.sum() - 1) > TOLERANCE:
        raise InputError(
            f"{name} adds up to {array.sum():.6g}, not to 1: divide counts by their total first."
        )
    return array


def counts(values, name: str) -> np.ndarray:
    """The values as counts: whole numbers of at least 0, not all 0."""
    array = numbers(values, name)
    _not_negative(array, name, "counts")
    if (array != np.round(array)).any():
        where = tuple(int(i) for i in np.argwhere(array != np.round(array))[0])
        raise InputError(f"{name} holds {array[where]:g} at position {where}: counts are whole numbers.")
    if array.sum() == 0:
        raise InputError(f"{name} holds nothing but zeros: there is nothing to count.")
    return array


def rows_of_probabilities(values, name: str) -> np.ndarray:
    """The values as a table whose every row is a distribution."""
    array = numbers(values, name)
    if array.ndim != 2:
        raise InputError(
            f"{name} has shape {array.shape}: pass one row per customer, one column per outcome."
        )
    _not_negative(array, name, "probabilities")
    off = np.abs(array.sum(axis=1) - 1) > TOLERANCE
    if off.any():
        at = int(off.argmax())
        label = values.index[at] if isinstance(values, pd.DataFrame) else at
        raise InputError(
            f"The probabilities of row {label} in {name} add up to {array[at].sum():.6g}, not to 1 "
            f"({int(off.sum())} such rows): divide each row by its sum."
        )
    return array


def _not_negative(array: np.ndarray, name: str, what: str) -> None:
    if (array < 0).any():
        where = tuple(int(i) for i in np.argwhere(array < 0)[0])
        raise InputError(f"{name} holds {array[where]:g} at position {where}: {what} are 0 or more.")


def frame(table, columns, name: str) -> None:
    """A DataFrame with these columns, none of them with gaps."""
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{name} is a {type(table).__name__}: pass a pandas DataFrame.")
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(f"{name} has no column {missing[0]!r}; it has {list(map(str, table.columns))}.")
    for column in columns:
        gaps = table[column].isna().to_numpy()
        if gaps.any():
            raise InputError(
                f"{name}[{column!r}] is missing in row {table.index[gaps.argmax()]} "
                f"({int(gaps.sum())} such rows): drop or fill it."
            )


def share(value, name: str) -> float:
    """A number strictly between 0 and 1."""
    if not (isinstance(value, Real) and 0 < value < 1):
        raise InputError(f"{name} is {value!r}: it must lie between 0 and 1, both excluded.")
    return float(value)


def whole_number(value, name: str, least: int) -> int:
    """A whole number of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value!r}: it must be a whole number of at least {least}.")
    return int(value)


def not_negative(value, name: str) -> float:
    """A finite number of at least 0."""
    if not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(value) or value < 0:
        raise InputError(f"{name} is {value!r}: it must be a number of at least 0.")
    return float(value)
