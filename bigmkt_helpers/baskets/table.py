"""Baskets as sorted labels and two arrays, and shares read as the exact fractions they stand for."""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from numbers import Integral, Real

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.tables import BASKETS


@dataclass(frozen=True)
class Baskets:
    """Which items lie in which basket, each item once.

    Made by :meth:`from_table`, :meth:`from_lists` or :meth:`from_one_hot`; `Baskets.of` picks the right one.

    Attributes
    ----------
    labels : list of int or str, of length n_items
        The items in sorted order: numbers by size, text by code point. Text stays as it came: commas, blanks
        at the ends, any script.
    indptr : numpy.ndarray of int64, shape (n_baskets + 1,)
        Basket b holds ``positions[indptr[b]:indptr[b + 1]]``.
    positions : numpy.ndarray of int32, shape (n_entries,)
        Places in `labels`, ascending within a basket. 4 bytes an entry.

    Examples
    --------
    >>> baskets = Baskets.from_lists([["tea", "pot"], ["tea"], []])
    >>> baskets.labels, baskets.n_baskets, baskets.item_counts().tolist()
    (['pot', 'tea'], 3, [1, 2])
    """

    labels: list
    indptr: np.ndarray = field(repr=False)
    positions: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, data) -> "Baskets":
        """Baskets from whatever holds them: Baskets, a table, a 0/1 table, or a list of lists."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, pd.DataFrame):
            return cls.from_lists(data)
        if len(data.columns) and all(pd.api.types.is_bool_dtype(dtype) for dtype in data.dtypes):
            return cls.from_one_hot(data)
        return cls.from_table(data)

    @classmethod
    def from_table(cls, frame, order_id="order_id", product_id="product_id") -> "Baskets":
        """Baskets from a long table with one row per item in a basket.

        Parameters
        ----------
        frame : pandas.DataFrame
            Never changed. A repeated row counts once. A basket without items has no row and is not counted.
        order_id, product_id : str
            The frame's names for the basket and for what is in it (the product, its title or its category).

        Raises
        ------
        InputError
            No rows, a missing column, a missing label, or labels of two kinds.

        Examples
        --------
        >>> frame = pd.DataFrame({"receipt": [7, 7, 9], "title": ["tea", "茶壶", "tea"]})
        >>> Baskets.from_table(frame, order_id="receipt", product_id="title").labels
        ['tea', '茶壶']
        """
        table = BASKETS.conform(frame, order_id=order_id, product_id=product_id)
        rows, orders = pd.factorize(table["order_id"], sort=True)
        columns, labels = pd.factorize(table["product_id"])
        return cls._from_codes(rows, len(orders), columns, labels.tolist())

    @classmethod
    def from_lists(cls, lists) -> "Baskets":
        """Baskets from one list (tuple, set) of items per basket; an empty list is a basket too.

        Raises
        ------
        InputError
            No baskets, a basket that is text, an item that is neither a whole number nor text.

        Examples
        --------
        >>> Baskets.from_lists([["milk, 1 l", "tea "], ["🍵"]]).labels
        ['milk, 1 l', 'tea ', '🍵']
        """
        if isinstance(lists, str | bytes) or not hasattr(lists, "__iter__"):
            raise InputError(
                f"The baskets are a {type(lists).__name__}: pass a list of lists of items, or a table."
            )
        lists = list(lists)
        if not lists:
            raise InputError("There are no baskets: check the filter or the file they came from.")
        kinds = set(map(type, lists))
        if any(issubclass(kind, str | bytes) or not hasattr(kind, "__iter__") for kind in kinds):
            for place, items in enumerate(lists):
                if isinstance(items, str | bytes) or not hasattr(items, "__iter__"):
                    raise InputError(
                        f"Basket {place} is {items!r}, not a list of items: split it, or put it in brackets."
                    )
        if not kinds <= {list, tuple, set, frozenset}:  # some things can be gone through only once
            lists = [list(items) for items in lists]
        rows = np.repeat(np.arange(len(lists)), np.fromiter(map(len, lists), np.int64, len(lists)))
        flat = list(chain.from_iterable(lists))
        if set(map(type, flat)) in (set(), {str}, {int}):
            number = defaultdict()
            number.default_factory = number.__len__  # a label met for the first time gets the next number
            columns = np.fromiter(map(number.__getitem__, flat), np.int64, len(flat))
            labels = list(number)
            if "" not in number and all(isinstance(x, str) or -(2**63) <= x < 2**63 for x in labels):
                return cls._from_codes(rows, len(lists), columns, labels)
        # something to complain of, or numbers of another kind
        frame = pd.DataFrame({"order_id": rows, "product_id": pd.Series(flat, dtype=object)})
        columns, labels = pd.factorize(BASKETS.conform(frame.set_index(rows))["product_id"])
        return cls._from_codes(rows, len(lists), columns, labels.tolist())

    @classmethod
    def from_one_hot(cls, frame) -> "Baskets":
        """Baskets from a table of True and False, one row a basket, one column an item, as mlxtend takes.

        Examples
        --------
        >>> Baskets.from_one_hot(pd.DataFrame({"tea": [True, False], "pot": [True, True]})).to_lists()
        [['pot', 'tea'], ['pot']]
        """
        if not isinstance(frame, pd.DataFrame) or not len(frame):
            raise InputError("The 0/1 table has no rows or is no DataFrame: pass one row per basket.")
        values = frame.to_numpy()
        if values.dtype != bool:
            raise InputError("The 0/1 table holds something else than True and False: use .astype(bool).")
        if frame.columns.has_duplicates:
            twice = frame.columns[frame.columns.duplicated()][0]
            raise InputError(f"The 0/1 table has two columns {twice!r}: keep one.")
        rows, columns = np.nonzero(values)
        return cls._from_codes(rows, len(frame), columns, frame.columns.tolist())

    @classmethod
    def _from_codes(cls, rows, n_baskets, columns, labels) -> "Baskets":
        try:
            order = sorted(range(len(labels)), key=labels.__getitem__)
        except TypeError:
            raise InputError(
                "Some items are numbers and some are text: turn the labels into text with .astype(str)."
            ) from None
        rank = np.empty(len(labels), dtype=np.int64)
        rank[order] = np.arange(len(labels))
        bits = len(labels).bit_length()
        codes = (np.asarray(rows, dtype=np.int64) << bits) | rank[columns]
        codes.sort(kind="stable")  # the fastest one where basket follows on basket, as they mostly do
        codes = codes[np.r_[True, codes[1:] != codes[:-1]]] if len(codes) else codes
        indptr = np.r_[0, np.cumsum(np.bincount(codes >> bits, minlength=n_baskets))]
        return cls([labels[place] for place in order], indptr, (codes & (1 << bits) - 1).astype(np.int32))

    @property
    def n_baskets(self) -> int:
        """Number of baskets, empty ones included."""
        return len(self.indptr) - 1

    @property
    def n_items(self) -> int:
        """Number of different items."""
        return len(self.labels)

    def item_counts(self) -> np.ndarray:
        """Number of baskets that hold each item, int64, in the order of `labels`."""
        counts = np.zeros(self.n_items, dtype=np.int64)
        for start in range(0, len(self.positions), 1 << 20):  # a count takes a copy of 8 bytes an entry
            counts += np.bincount(self.positions[start : start + (1 << 20)], minlength=self.n_items)
        return counts

    def rows(self) -> np.ndarray:
        """The basket of each entry of `positions`."""
        return np.repeat(np.arange(self.n_baskets), np.diff(self.indptr))

    def take(self, which) -> "Baskets":
        """Some of the baskets, with the same labels.

        Parameters
        ----------
        which : array-like of int
            Places of the baskets, from 0.
        """
        which = np.asarray(which, dtype=np.int64)
        sizes = np.diff(self.indptr)[which]
        indptr = np.r_[0, np.cumsum(sizes)]
        inside = np.arange(indptr[-1]) - np.repeat(indptr[:-1], sizes)
        return Baskets(self.labels, indptr, self.positions[np.repeat(self.indptr[which], sizes) + inside])

    def to_lists(self) -> list[list]:
        """One sorted list of items per basket."""
        names = [self.labels[place] for place in self.positions.tolist()]
        return [names[start:stop] for start, stop in zip(self.indptr[:-1], self.indptr[1:])]

    def to_one_hot(self) -> pd.DataFrame:
        """A table of True and False as mlxtend takes it; n_baskets × n_items bytes.

        Examples
        --------
        >>> Baskets.from_lists([["tea", "pot"], ["tea"]]).to_one_hot()
             pot   tea
        0   True  True
        1  False  True
        """
        values = np.zeros((self.n_baskets, self.n_items), dtype=bool)
        values[self.rows(), self.positions] = True
        return pd.DataFrame(values, columns=self.labels)

    def count(self, itemsets) -> np.ndarray:
        """Number of baskets that hold every item of a set; 0 if an item was never bought.

        Parameters
        ----------
        itemsets : iterable of collections of items
            The empty set is in every basket.

        Returns
        -------
        numpy.ndarray of int64

        Examples
        --------
        >>> Baskets.from_lists([["tea", "pot"], ["tea"]]).count([{"tea"}, {"tea", "pot"}, {"cup"}, set()])
        array([2, 1, 0, 2])
        """
        return np.array([len(which) for which in self.find(itemsets)], dtype=np.int64)

    def find(self, itemsets):
        """The baskets that hold every item of a set, one array of places for each set, as an iterator.

        Parameters
        ----------
        itemsets : iterable of collections of items

        Yields
        ------
        numpy.ndarray of int64
            Ascending.

        Examples
        --------
        >>> list(Baskets.from_lists([["tea", "pot"], ["tea"]]).find([{"tea"}, {"tea", "pot"}]))
        [array([0, 1]), array([0])]
        """
        place = {label: position for position, label in enumerate(self.labels)}
        order = np.argsort(self.positions, kind="stable")
        baskets = self.rows()[order]
        bounds = np.r_[0, np.cumsum(self.item_counts())]
        seen = np.zeros(self.n_baskets, dtype=np.int32)
        for items in itemsets:
            places = [place.get(item) for item in set(items)]
            if None in places:
                yield np.zeros(0, dtype=np.int64)
            elif not places:
                yield np.arange(self.n_baskets)
            else:
                held = sorted((baskets[bounds[p] : bounds[p + 1]] for p in places), key=len)
                for own in held:
                    seen[own] += 1
                yield held[0][seen[held[0]] == len(held)]
                for own in held:
                    seen[own] = 0


def split_baskets(baskets, share=0.5, random_state=0) -> tuple[Baskets, Baskets]:
    """Two parts drawn at random: one to find rules on, one to try them on.

    Parameters
    ----------
    baskets : Baskets, list of lists or pandas.DataFrame
    share : float
        Part of the baskets that goes into the first, between 0 and 1; rounded to whole baskets.
    random_state : int
        Seed.

    Returns
    -------
    found_on, tried_on : Baskets
        Baskets in their order, with the same labels.

    Raises
    ------
    InputError
        A share outside (0, 1), or a part without baskets.

    Examples
    --------
    >>> one, other = split_baskets([["tea"]] * 10, share=0.7)
    >>> one.n_baskets, other.n_baskets
    (7, 3)
    """
    baskets = Baskets.of(baskets)
    share = _number_between(share, "share", 0, 1)
    size = round(share * baskets.n_baskets)
    if not 0 < size < baskets.n_baskets:
        raise InputError(
            f"A share of {share:g} of {baskets.n_baskets} baskets leaves one part empty: give more baskets."
        )
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(random_state)))
    order = generator.permutation(baskets.n_baskets)
    return baskets.take(np.sort(order[:size])), baskets.take(np.sort(order[size:]))


def exact_share(share, total) -> Fraction:
    """The fraction that a share stands for, so that counts can be compared as whole numbers.

    A float such as .8 is not 4/5 but a binary number beside it. It is read as the fraction with a denominator
    of at most `total` that it is the nearest float of, if there is one; else as the decimal it prints as.

    Parameters
    ----------
    share : float, fractions.Fraction, decimal.Decimal or int
        Between 0 and 1.
    total : int
        Number of things of which it is a share.

    Examples
    --------
    >>> exact_share(0.8, 10), exact_share(1 / 3, 10), exact_share(0.001, 10)
    (Fraction(4, 5), Fraction(1, 3), Fraction(1, 1000))
    """
    if isinstance(share, Integral | Fraction | Decimal):
        return Fraction(share)
    near = Fraction(float(share)).limit_denominator(max(1, int(total)))
    return near if float(near) == float(share) else Fraction(repr(float(share)))


def smallest_count(share, total) -> int:
    """The smallest whole number that is at least a share of a total, at least 1.

    Parameters
    ----------
    share : float, fractions.Fraction, decimal.Decimal or int
        In (0, 1].
    total : int
        Number of baskets.

    Raises
    ------
    InputError
        A share of 0 or less, over 1, or no number.

    Examples
    --------
    ``.07 * 100`` is 7.000000000000001 in floats, so a rounding up would ask for 8.

    >>> smallest_count(0.07, 100), smallest_count(0.001, 9835), smallest_count(1.0, 4)
    (7, 10, 4)
    """
    share = _number_between(share, "min_support", 0, 1, low_allowed=False, high_allowed=True)
    return max(1, math.ceil(exact_share(share, total) * int(total)))


def _number_between(value, name, low, high, low_allowed=False, high_allowed=False):
    """The value, if it is a number in range; the message for a count given as a share tells how to mend."""
    number = isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_)
    if not number or value != value:
        raise InputError(f"{name} is {value!r}: it must be a number between {low} and {high}.")
    if (
        value < low
        or value > high
        or (value == low and not low_allowed)
        or (value == high and not high_allowed)
    ):
        ends = {
            (False, False): "both excluded",
            (False, True): f"{low} excluded",
            (True, False): f"{high} excluded",
            (True, True): "both allowed",
        }[low_allowed, high_allowed]
        count = " (a number of baskets goes into min_count)" if name == "min_support" and value > 1 else ""
        shown = value.item() if isinstance(value, np.generic) else value
        raise InputError(f"{name} is {shown}: it must lie between {low} and {high}, {ends}{count}.")
    return value


def show_itemset(items) -> str:
    """An itemset as text with its items in sorted order: a frozenset prints in any order.

    Examples
    --------
    >>> show_itemset(frozenset({"tea", "milk, 1 l", "pot "}))
    "{'milk, 1 l', 'pot ', 'tea'}"
    >>> show_itemset({10, 9})
    '{9, 10}'
    """
    return "{" + ", ".join(repr(item) for item in _in_order(items)) + "}"


def _in_order(items) -> list:
    """Items in sorted order; numbers before text where both occur."""
    return sorted(items, key=lambda item: (isinstance(item, str), item))
