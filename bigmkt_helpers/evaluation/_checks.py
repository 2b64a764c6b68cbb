"""What every room of the evaluation asks of its arguments, and the small steps they share."""

from numbers import Integral, Real

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError


def _frame(frame, columns: list[str], name: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{name} is a {type(frame).__name__}: pass a pandas DataFrame.")
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"{name} has no column {missing[0]!r}; its columns are {list(map(str, frame.columns))}."
        )
    if len(frame) == 0:
        raise InputError(f"{name} has no rows: there is nothing to evaluate.")
    for column in columns:
        gaps = frame[column].isna().to_numpy()
        if gaps.any():
            raise InputError(
                f"{name}[{column!r}] is missing in row {frame.index[gaps.argmax()]}: drop or fill it."
            )


def _no_repeats(frame: pd.DataFrame, name: str) -> None:
    twice = frame.duplicated(["user", "item"]).to_numpy()
    if twice.any():
        user, item = (frame.loc[twice, column].tolist()[0] for column in ("user", "item"))
        raise InputError(f"{name} holds item {item!r} twice for user {user!r}: keep one row per pair.")


def _same_kind(ours: pd.Series, theirs: pd.Series, name: str) -> None:
    if pd.api.types.is_numeric_dtype(ours) != pd.api.types.is_numeric_dtype(theirs):
        raise InputError(
            f"{name!r} holds numbers in one frame and not in the other: give both the same type."
        )


def _numbers(values, name: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error}).") from error
    if numbers.ndim != 1 or len(numbers) == 0:
        raise InputError(f"{name} has shape {numbers.shape}: pass a plain, non-empty sequence of numbers.")
    if not np.isfinite(numbers).all():
        position = int(np.isfinite(numbers).argmin())
        raise InputError(
            f"{name} holds {numbers[position]} at position {position}: every value must be finite."
        )
    return numbers


def _whole_number(value, name: str, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {_shown(value)}: it must be a whole number of at least {least}.")


def _share(value, name: str) -> None:
    if not (isinstance(value, Real) and 0 < value < 1):
        raise InputError(f"{name} is {_shown(value)}: it must lie between 0 and 1, both excluded.")


def _shown(value) -> str:
    """A value as the reader would write it: nan, not np.float64(nan)."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def _legacy(random_state) -> np.random.RandomState:
    _whole_number(random_state, "random_state", least=0)
    return np.random.RandomState(int(random_state))


def _plain(column: pd.Series) -> pd.Series:
    """The column without the category dtype, whose look-ups follow other rules."""
    return (
        column.astype(column.cat.categories.dtype)
        if isinstance(column.dtype, pd.CategoricalDtype)
        else column
    )


def _sorted(labels) -> pd.Index:
    """Labels in sorted order; labels that cannot be compared, such as 1 and 'a', by type and text."""
    index = pd.Index(labels)
    try:
        return index.sort_values()
    except TypeError:
        return index[np.argsort([f"{type(label).__name__} {label}" for label in index], kind="stable")]


def _position_in_group(group: np.ndarray) -> np.ndarray:
    """0, 1, 2 … within each run of equal values."""
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    return np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)]))
