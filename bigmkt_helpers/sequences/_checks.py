"""Checks that the rooms of this package share; each failure is one sentence."""

from itertools import chain
from numbers import Real

import numpy as np
import pandas as pd

from bigmkt_helpers._checks import generator, level_of, shown, whole  # noqa: F401
from bigmkt_helpers.errors import InputError

_OFF = 1e-8
"""How far the sum of a row may lie from 1."""


def known(names) -> str:
    """What there is to choose from, in brackets; the first few where they are many."""
    names = list(names)
    return f"({', '.join(shown(name) for name in names[:8])}{', …' if len(names) > 8 else ''})"


def real(value, name: str, least: float = 0.0) -> float:
    """A finite number of at least `least`."""
    if not isinstance(value, Real) or not np.isfinite(value) or value < least:
        raise InputError(f"{name} is {shown(value)}: it must be a number of at least {least:g}.")
    return float(value)


def distributions(values, name: str, ndim: int = 2) -> np.ndarray:
    """Probabilities whose last axis sums to 1; says which row does not."""
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is not a number ({error}).") from error
    if array.ndim != ndim or 0 in array.shape:
        raise InputError(f"{name} has shape {array.shape}: it needs {ndim} dimension(s) and no empty one.")
    if not np.isfinite(array).all() or (array < 0).any():
        place = tuple(int(i) for i in np.argwhere(~(np.isfinite(array) & (array >= 0)))[0])
        raise InputError(f"{name}{list(place)} is {array[place]:g}: a probability is a number from 0 to 1.")
    off = np.abs(array.sum(axis=-1) - 1) > _OFF
    if off.any():
        if ndim == 1:
            raise InputError(f"{name} sums to {array.sum():g}: probabilities must sum to 1.")
        row = tuple(int(i) for i in np.argwhere(off)[0])
        where = labels_of(values)[row[0]] if len(row) == 1 and isinstance(values, pd.DataFrame) else row[0]
        raise InputError(
            f"Row {where!r} of {name} sums to {array[row].sum():g}: each row holds the probabilities of "
            "what comes next and must sum to 1."
        )
    return array


def labels_of(table) -> list:
    """The names of the rows; 0, 1, … for an array."""
    return list(table.index) if isinstance(table, pd.DataFrame) else list(range(len(table)))


def square(transition, name: str = "transition") -> tuple[np.ndarray, list]:
    """A transition matrix and the names of its states."""
    array = distributions(transition, name)
    if array.shape[0] != array.shape[1]:
        raise InputError(
            f"{name} has shape {array.shape}: it leads from state to state, so give it as many rows as "
            "columns."
        )
    if isinstance(transition, pd.DataFrame) and list(transition.index) != list(transition.columns):
        raise InputError(f"{name} names other states in its rows than in its columns: use the same.")
    return array, labels_of(transition)


def listed(sequences, name: str = "sequences") -> list:
    """A list of one-dimensional sequences; a Series of lists or a dict of them will do."""
    if isinstance(sequences, str | bytes) or not hasattr(sequences, "__iter__"):
        raise InputError(f"{name} is {shown(sequences)}: pass a list of sequences, one per customer.")
    whole_list = list(sequences.values() if isinstance(sequences, dict) else sequences)
    for number, sequence in enumerate(whole_list):
        if isinstance(sequence, str | bytes) or not hasattr(sequence, "__len__"):
            raise InputError(
                f"{name}[{number}] is {shown(sequence)}: each sequence is a list of its steps; "
                "put a single one in brackets."
            )
    if not whole_list:
        raise InputError(f"{name} is empty: pass at least one sequence.")
    return whole_list


def encoded(sequences, symbols=None, name: str = "sequences"):
    """Codes of all steps in one array, the length of each sequence, and the symbols.

    Without `symbols` they are found in the data and sorted; with them, anything else is refused.
    """
    sequences = listed(sequences, name)
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    flat = list(chain.from_iterable(sequences))
    values = np.empty(len(flat), dtype=object)
    values[:] = flat
    missing = pd.isna(values)
    if missing.any():
        number, step = place_of(int(missing.argmax()), lengths)
        raise InputError(f"Step {step} of {_one(name, number)} is missing: leave it out or give it a name.")
    if symbols is None:
        if not flat:
            raise InputError(f"{name} has no step at all: there is nothing to learn from.")
        try:
            codes, found = pd.factorize(values, sort=True)
        except TypeError as error:
            raise InputError(f"{name} holds a step that cannot be a symbol ({error}).") from error
        symbols = [value.item() if isinstance(value, np.generic) else value for value in found]
    else:
        symbols = list(symbols)
        if not symbols or len(set(symbols)) != len(symbols):
            raise InputError(f"The symbols are {symbols}: give at least one, each once.")
        place = {symbol: code for code, symbol in enumerate(symbols)}
        try:
            codes = np.array([place.get(value, -1) for value in flat], dtype=np.int64)
        except TypeError as error:
            raise InputError(f"{name} holds a step that cannot be a symbol ({error}).") from error
        if (codes < 0).any():
            number, step = place_of(int((codes < 0).argmax()), lengths)
            raise InputError(
                f"Step {step} of {_one(name, number)} is {shown(sequences[number][step])}, which is none of "
                f"the {len(symbols)} known symbols {known(symbols)}: correct it, leave it out, or fit again "
                "with all symbols named."
            )
    return np.asarray(codes, dtype=np.int64), lengths, symbols


def _one(name, number) -> str:
    return "the sequence" if name == "sequence" else f"{name}[{number}]"


def place_of(flat: int, lengths) -> tuple[int, int]:
    """Sequence and step, from 0, of a place among all steps."""
    ends = np.cumsum(lengths)
    number = int(np.searchsorted(ends, flat, side="right"))
    return number, int(flat - (ends[number] - lengths[number]))
