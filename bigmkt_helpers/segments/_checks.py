"""Checks that the rooms of this package share; each failure is one sentence."""

import numpy as np
import pandas as pd

from bigmkt_helpers._checks import generator, shown, time_of_orders, whole  # noqa: F401
from bigmkt_helpers.errors import InputError


def feature_table(X, name: str = "X") -> pd.DataFrame:
    """The features as a table of finite floats, one row per customer."""
    if isinstance(X, pd.DataFrame):
        table = X
    else:
        array = np.asarray(X)
        if array.ndim != 2:
            raise InputError(f"{name} has shape {array.shape}: pass one row per customer.")
        table = pd.DataFrame(array)
    if table.shape[0] == 0 or table.shape[1] == 0:
        raise InputError(f"{name} has shape {table.shape}: it needs at least one customer and one feature.")
    try:
        values = table.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error}): encode it.") from error
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"{name}[{table.columns[column]!r}] is {values[row, column]} for customer "
            f"{shown(table.index[row])} ({int(bad.any(axis=1).sum())} such customers): "
            "fill it or leave the customer out."
        )
    return pd.DataFrame(values, index=table.index, columns=table.columns)


def enough(values: np.ndarray, k: int) -> None:
    """Refuses more segments than there are customers who differ."""
    if k > len(values):
        raise InputError(f"{k} segments were asked for, of {len(values)} customers: ask for fewer.")
    if k > 1:
        # the first rows settle it as a rule; counting all of them costs more than the clustering
        different = len(np.unique(values[: 20 * k], axis=0))
        if different < k:
            different = len(np.unique(values, axis=0))
        if different < k:
            raise InputError(
                f"{k} segments were asked for, but the {len(values)} customers show only {different} "
                "different sets of features: ask for fewer segments or add features."
            )


def segments_of(labels, n: int, name: str = "labels") -> np.ndarray:
    """Labels as an array without gaps, one per customer."""
    array = np.asarray(labels)
    if array.ndim != 1 or len(array) != n:
        raise InputError(f"{name} has shape {array.shape}: give one label to each of the {n} customers.")
    if pd.isna(array).any():
        raise InputError(f"{name} is missing at position {int(pd.isna(array).argmax())}: label everybody.")
    return array


def same_customers(table: pd.DataFrame, other, name: str) -> None:
    """Refuses a second table or series whose index names other customers, or in another order."""
    index = getattr(other, "index", None)
    if isinstance(index, pd.Index) and not index.equals(table.index):
        raise InputError(f"{name} and the features differ in their customers or their order: align them.")
