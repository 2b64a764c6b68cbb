"""Checks that the rooms of this package share; each failure is one sentence."""

from numbers import Real

import numpy as np
import pandas as pd

from bigmkt_helpers._checks import generator, shown, whole  # noqa: F401
from bigmkt_helpers.errors import InputError

MOST_LEVELS = 20
"""A numeric column with more different values than this is taken for a measurement, not for levels."""


def between(value, name: str, low: float = 0.0, high: float = 1.0) -> float:
    """A number strictly between two others."""
    if not isinstance(value, Real) or isinstance(value, bool) or not low < value < high:
        raise InputError(
            f"{name} is {shown(value)}: it must lie between {low:g} and {high:g}, both excluded."
        )
    return float(value)


def above_zero(value, name: str) -> float:
    """A finite number above 0."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < np.inf:
        raise InputError(f"{name} is {shown(value)}: it must be a number above 0.")
    return float(value)


def tables_given(network) -> None:
    """A network, which a graph alone is not."""
    if not hasattr(network, "tables"):
        raise InputError(
            f"network is a {type(network).__name__}: a question about probabilities needs the tables too, so "
            "pass a Network (fit_tables makes one of a graph and rows)."
        )


def table(data, columns=None) -> pd.DataFrame:
    """A DataFrame with rows and with these columns, none of them with gaps."""
    if not isinstance(data, pd.DataFrame):
        raise InputError(f"data is a {type(data).__name__}: pass a pandas DataFrame, one column per node.")
    columns = list(data.columns) if columns is None else list(columns)
    for column in columns:
        if column not in data.columns:
            raise InputError(f"data has no column {column!r}; it has {', '.join(map(str, data.columns))}.")
    if not len(data) or not columns:
        raise InputError("data has no rows or no columns: there is nothing to learn from.")
    if len(set(columns)) < len(columns) or not data.columns.is_unique:
        every = [*columns, *data.columns] if data.columns.is_unique else list(data.columns)
        twice = next(column for place, column in enumerate(every) if column in every[:place])
        raise InputError(f"The column {twice!r} stands there twice: name, and have, each column once.")
    gaps = data[columns].isna()
    if gaps.any(axis=None):
        column = gaps.columns[gaps.any()][0]
        raise InputError(
            f"data[{column!r}] is missing in row {shown(data.index[gaps[column]][0])} "
            f"({int(gaps[column].sum())} such rows): fill it, or make missing a level of its own."
        )
    return data[columns]


def find_levels(data: pd.DataFrame, levels=None) -> dict:
    """Levels of every column: those declared, else the categories of the column, else its values, sorted."""
    declared = dict(levels or {})
    unknown = [node for node in declared if node not in data.columns]
    if unknown:
        raise InputError(f"Levels are declared for {unknown[0]!r}, which is no column of the data.")
    found = {}
    for column in data.columns:
        if column in declared:
            found[column] = tuple(declared[column])
            continue
        values = data[column]
        if isinstance(values.dtype, pd.CategoricalDtype):
            found[column] = tuple(values.cat.categories.tolist())
            continue
        different = values.dropna().unique()
        if pd.api.types.is_datetime64_any_dtype(values.dtype) and len(different) > MOST_LEVELS:
            raise InputError(
                f"Column {column!r} holds {len(different):,} different moments: a discrete network needs "
                f"levels, so take a part of it first, such as data[{column!r}].dt.day_name()."
            )
        if pd.api.types.is_numeric_dtype(values.dtype) and len(different) > MOST_LEVELS:
            raise InputError(
                f"Column {column!r} holds {len(different):,} different numbers: a discrete network needs "
                f"levels, so cut it into bands first, as Discretiser({{{column!r}: 4}}).fit_transform(data) "
                "does, or declare its levels."
            )
        if len(different) > max(MOST_LEVELS, len(values) // 2):
            raise InputError(
                f"Column {column!r} holds {len(different):,} different values in {len(values):,} rows: names "
                "of single rows tell nothing of others, so leave it out, or map its values to fewer."
            )
        found[column] = tuple(sorted(pd.Series(different).tolist(), key=lambda v: (str(type(v)), v)))
    return found


def coded(data: pd.DataFrame, levels) -> dict:
    """Place of every value among the levels of its column."""
    data, codes = table(data, levels), {}
    for column, names in levels.items():
        values = data[column]
        if isinstance(values.dtype, pd.CategoricalDtype):
            # look the categories up, not every row; mostly they are the levels, in their order
            places, own = values.cat.codes.to_numpy(), values.cat.categories
            if own.tolist() != list(names):
                places = pd.Index(list(names)).get_indexer(own)[places]
        else:
            places = pd.Index(list(names)).get_indexer(pd.Index(values))
        if (places < 0).any():
            row = int((places < 0).argmax())
            raise InputError(
                f"{column} has no level {shown(values.iloc[row])} (row {shown(data.index[row])}); its levels "
                f"are {', '.join(map(repr, names))}: map the value to one of them, or declare it when the "
                "tables are learned."
            )
        codes[column] = places.astype(np.int64)
    return codes
