"""Checks that the rooms of this package share; each failure is one sentence."""

import re

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information._checks import not_negative, share, whole_number

__all__ = [
    "DATE_TEXT",
    "binary",
    "generator",
    "looks_like_dates",
    "not_negative",
    "probabilities",
    "share",
    "table",
    "whole_number",
]

_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DATE_TEXT = re.compile(
    r"\s*(\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}/\d{1,2}/\d{2}(\D|$)|\d{8}T"
    r"|(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\D|$)"
    r"|(19|20)\d\d[-/年](0?[1-9]|1[0-2])(\D|$)|(19|20)\d\d-?W\d\d"
    rf"|\d{{1,2}}[-. ]+{_MONTH}[-., ]+\d{{2,4}}|{_MONTH}\s+\d{{1,2}},?\s+\d{{4}})",
    re.IGNORECASE,
)
"""How a date begins when it is written as text."""


def table(X, name: str = "X") -> pd.DataFrame:
    """A DataFrame with rows, columns and no column twice."""
    if not isinstance(X, pd.DataFrame):
        raise InputError(f"{name} is a {type(X).__name__}: pass a DataFrame, one row per customer.")
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise InputError(f"{name} has shape {X.shape}: it needs at least one customer and one column.")
    if not X.columns.is_unique:
        raise InputError(f"{name} has the column {X.columns[X.columns.duplicated()][0]!r} twice: rename one.")
    return X


def binary(true, positive=1, name: str = "true") -> np.ndarray:
    """Whether each label is the positive one; both classes must be there."""
    labels = pd.Series(np.asarray(true, dtype=object) if not isinstance(true, pd.Series) else true)
    if labels.ndim != 1 or len(labels) == 0:
        raise InputError(f"{name} has no labels: there is nothing to learn from or to judge.")
    if labels.isna().any():
        raise InputError(
            f"{name} is missing at position {int(labels.isna().to_numpy().argmax())}: drop the row."
        )
    hit = (labels.astype(object) == positive).to_numpy(dtype=bool)
    if hit.all() or not hit.any():
        seen = ", ".join(repr(v) for v in sorted(labels.unique().tolist(), key=str)[:5])
        if labels.nunique() > 1:
            raise InputError(
                f"{name} holds {seen} and never {positive!r}, the label that is looked for: name one of its "
                "own labels with positive=."
            )
        never = "" if hit.all() else f" and never {positive!r}"
        raise InputError(
            f"{name} holds {seen} for all of the {len(hit)} customers{never}: one class only, and both are "
            "needed; take a longer time or more customers."
        )
    return hit


def probabilities(values, n: int | None = None, name: str = "probabilities") -> np.ndarray:
    """Numbers between 0 and 1, one per customer."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error}).") from error
    if array.ndim != 1 or (n is not None and len(array) != n):
        raise InputError(f"{name} has shape {array.shape}: give one number for each of the {n} customers.")
    bad = ~((array >= 0) & (array <= 1))
    if bad.any():
        at = int(bad.argmax())
        raise InputError(
            f"{name} is {array[at]:g} at position {at}: probabilities lie between 0 and 1 "
            "(calibrate scores first)."
        )
    return array


def looks_like_dates(column: pd.Series) -> bool:
    """Whether the texts of a column are dates, as far as the first two hundred different ones tell."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    values = [str(v) for v in column.dropna().unique()[:200] if isinstance(v, str)]
    return bool(values) and sum(DATE_TEXT.match(v) is not None for v in values) >= 0.9 * len(values)


def generator(random_state) -> np.random.Generator:
    """numpy's PCG64 from a seed."""
    seed = np.random.SeedSequence(whole_number(random_state, "random_state", least=0))
    return np.random.Generator(np.random.PCG64(seed))
