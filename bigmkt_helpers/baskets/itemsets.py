"""Frequent itemsets: Apriori by hand, level by level, and a miner on bits for data of real size."""

import sys
from itertools import combinations, pairwise
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp

from bigmkt_helpers.baskets.table import Baskets, smallest_count
from bigmkt_helpers.errors import InputError

WORD = 64
BLOCK = 1 << 15
"""Baskets whose bits are worked on at once."""

ENTRIES = 1 << 20
"""Items in baskets that are read at once, all baskets' together."""

CHUNK = 1 << 20
"""Bytes of bits of the candidates counted at once: small enough for a processor's cache."""

MANY = 200_000
"""Candidates of one level from which on the number of itemsets is estimated before they are counted."""

PROBES = 400

DENSE = 1 / 28
"""Share of the cells of the table of baskets and items from which on pairs are faster counted on bits."""


class AprioriLevel(NamedTuple):
    """One pass of Apriori: what the join proposed, what the prune took away, what was counted and kept."""

    length: int
    joined: list
    pruned: dict
    counts: dict
    frequent: list


def apriori_levels(baskets, min_support=None, *, min_count=None, max_len=None) -> list[AprioriLevel]:
    """Apriori as the paper tells it, one entry per length, for reading and for small data.

    Join: two frequent sets of length k - 1 that share all but their last item give a candidate of length k.
    Prune: a candidate with a subset of length k - 1 that is not frequent can't be frequent, and is not
    counted. Count: the others are looked for in every basket. (Agrawal & Srikant, Fast algorithms for mining
    association rules in large databases, VLDB 1994.) Plain Python: use :func:`frequent_itemsets` for more
    than some thousand baskets.

    Parameters
    ----------
    baskets : Baskets, list of lists or pandas.DataFrame
    min_support : float or fractions.Fraction, in (0, 1]
        Smallest share of the baskets.
    min_count : int, at least 1
        Smallest number of baskets; give this or `min_support`.
    max_len : int, optional
        Longest itemset.

    Returns
    -------
    list of AprioriLevel
        ``length``; ``joined``, the candidates as sorted tuples; ``pruned``, for each candidate not counted
        the subset that was missing; ``counts``, the number of baskets of each candidate counted;
        ``frequent``. The last level may have no frequent set; at length 1 every item is a candidate.

    Raises
    ------
    InputError
        As in :func:`frequent_itemsets`.

    Examples
    --------
    >>> levels = apriori_levels([["a", "b"], ["a", "b", "c"], ["a", "c"], ["b"]], min_count=2)
    >>> levels[1].joined, levels[1].frequent
    ([('a', 'b'), ('a', 'c'), ('b', 'c')], [('a', 'b'), ('a', 'c')])
    >>> levels[2].joined, levels[2].pruned
    ([('a', 'b', 'c')], {('a', 'b', 'c'): ('b', 'c')})
    """
    baskets = Baskets.of(baskets)
    least = _least(baskets, min_support, min_count)
    _check_length(max_len)
    contents = [frozenset(items) for items in baskets.to_lists()]
    levels, joined = [], [(label,) for label in baskets.labels]
    while joined and (max_len is None or len(joined[0]) <= max_len):
        frequent_before = set(levels[-1].frequent) if levels else set()
        pruned = {}
        for candidate in joined if len(joined[0]) > 2 else []:
            missing = [
                part for part in combinations(candidate, len(candidate) - 1) if part not in frequent_before
            ]
            if missing:
                pruned[candidate] = missing[0]
        counted = [candidate for candidate in joined if candidate not in pruned]
        counts = {candidate: sum(map(frozenset(candidate).issubset, contents)) for candidate in counted}
        frequent = [candidate for candidate in counted if counts[candidate] >= least]
        levels.append(AprioriLevel(len(joined[0]), joined, pruned, counts, frequent))
        joined = _join(frequent)
    return levels


def _join(frequent) -> list[tuple]:
    """Two sorted tuples that differ in the last item only, put together; `frequent` is in sorted order."""
    return [
        (*first, second[-1])
        for place, first in enumerate(frequent)
        for second in frequent[place + 1 :]
        if first[:-1] == second[:-1]
    ]


def frequent_itemsets(
    baskets, min_support=None, *, min_count=None, max_len=None, kind="all", memory=1e9
) -> pd.DataFrame:
    """All sets of items that lie together in at least so many baskets.

    Level by level as Apriori does, but on bits: each item is one bit per basket, and the count of an itemset
    is the number of ones in the "and" of its items' bits, taken for blocks of baskets and chunks of
    candidates that fit a processor's cache. Pairs of rarely bought items are counted by a sparse matrix
    product instead. A candidate is dropped uncounted if its last two items are not a frequent pair. Counts
    are whole numbers, and so is the minimum (:func:`smallest_count`): nothing is lost to rounding.

    Memory beside the baskets is the bits (``n_items * n_baskets / 8`` bytes for the items in a frequent pair;
    if that is over a quarter of `memory`, they are made anew, one block of baskets at a time), some tens of
    megabytes for the block at work, and the result. A support so low that the result would not fit is
    refused: at the latest when memory is full, and as a rule before, since whenever a level has very many
    candidates the number of itemsets still to come is estimated by random descents into the tree of itemsets
    (Knuth, Estimating the efficiency of backtrack programs, Mathematics of Computation 29, 1975).

    Parameters
    ----------
    baskets : Baskets, list of lists or pandas.DataFrame
        See :class:`Baskets`. Empty baskets count as baskets.
    min_support : float or fractions.Fraction, in (0, 1]
        Smallest share of the baskets.
    min_count : int, at least 1
        Smallest number of baskets; give this or `min_support`.
    max_len : int, optional
        Longest itemset.
    kind : {"all", "closed", "maximal"}
        Closed: no larger set lies in the same number of baskets. Maximal: no larger set is frequent.
    memory : float
        Bytes that bits and result may take.

    Returns
    -------
    pandas.DataFrame
        Columns ``support`` (share of the baskets) and ``itemsets`` (frozensets), as mlxtend's functions
        give them, and ``count`` (int64). Ordered by length, then by the sorted items. No row if nothing
        is frequent.

    Raises
    ------
    InputError
        A minimum out of range, both or neither given, no baskets, or an answer that would not fit.

    Examples
    --------
    >>> from bigmkt_helpers.baskets import show_itemset
    >>> found = frequent_itemsets([["a", "b"], ["a", "b", "c"], ["a", "c"], ["b"]], min_support=0.5)
    >>> [(show_itemset(items), count) for items, count in zip(found["itemsets"], found["count"])]
    [("{'a'}", 3), ("{'b'}", 3), ("{'c'}", 2), ("{'a', 'b'}", 2), ("{'a', 'c'}", 2)]
    """
    baskets = Baskets.of(baskets)
    least = _least(baskets, min_support, min_count)
    _check_length(max_len)
    if kind not in ("all", "closed", "maximal"):
        raise InputError(f"kind is {kind!r}: it must be 'all', 'closed' or 'maximal'.")
    if not isinstance(memory, Real) or not memory > 0:
        raise InputError(f"memory is {memory!r}: it must be a number of bytes above 0.")
    # whether a set of the greatest length is closed can be told from the sets one longer only
    longest = max_len if max_len is None or kind == "all" else max_len + 1
    found = _frame(baskets, _Miner(baskets, least, longest, float(memory)).levels())
    if kind == "all":
        return found
    found = closed_itemsets(found) if kind == "closed" else maximal_itemsets(found)
    if max_len is None:
        return found
    return found[found["itemsets"].map(len).to_numpy(dtype=np.int64) <= max_len].reset_index(drop=True)


def closed_itemsets(itemsets) -> pd.DataFrame:
    """The itemsets that no larger one equals in its count: every other count can be told from theirs.

    Parameters
    ----------
    itemsets : pandas.DataFrame
        All frequent itemsets with their ``count``. If they were cut at a length, those of that length all
        pass: ask :func:`frequent_itemsets` for ``kind="closed"`` instead.

    Examples
    --------
    >>> from bigmkt_helpers.baskets import show_itemset
    >>> found = frequent_itemsets([["a", "b"], ["a", "b"], ["b"]], min_count=1)
    >>> closed_itemsets(found)["itemsets"].map(show_itemset).tolist()
    ["{'b'}", "{'a', 'b'}"]
    """
    return _without_larger(itemsets, same_count=True)


def maximal_itemsets(itemsets) -> pd.DataFrame:
    """The itemsets without a larger frequent one: every other frequent itemset is part of one of them.

    Examples
    --------
    >>> from bigmkt_helpers.baskets import show_itemset
    >>> found = frequent_itemsets([["a", "b"], ["a", "b"], ["b"]], min_count=1)
    >>> maximal_itemsets(found)["itemsets"].map(show_itemset).tolist()
    ["{'a', 'b'}"]
    """
    return _without_larger(itemsets, same_count=False)


def _without_larger(itemsets, same_count) -> pd.DataFrame:
    sets, counts = itemsets["itemsets"].tolist(), itemsets["count"].tolist()
    place = dict(zip(sets, range(len(sets))))
    keep = np.ones(len(sets), dtype=bool)
    for larger, count in zip(sets, counts):
        for item in larger:
            smaller = place.get(larger - {item})
            if smaller is not None and (not same_count or counts[smaller] == count):
                keep[smaller] = False
    return itemsets[keep].reset_index(drop=True)


def _least(baskets, min_support, min_count) -> int:
    if (min_support is None) == (min_count is None):
        raise InputError("Give min_support, a share of the baskets, or min_count, a number of them.")
    if min_count is None:
        return smallest_count(min_support, baskets.n_baskets)
    if not isinstance(min_count, Integral) or isinstance(min_count, bool) or min_count < 1:
        raise InputError(f"min_count is {min_count!r}: it must be a whole number of at least 1.")
    return int(min_count)


def _check_length(max_len) -> None:
    whole = isinstance(max_len, Integral) and not isinstance(max_len, bool)
    if max_len is not None and not (whole and max_len >= 1):
        raise InputError(f"max_len is {max_len!r}: it must be a whole number of at least 1, or None.")


def _frame(baskets, levels) -> pd.DataFrame:
    """The table of the result, from arrays of positions and of counts."""
    labels = np.empty(baskets.n_items, dtype=object)
    labels[:] = baskets.labels
    sets, counts = [], [np.zeros(0, dtype=np.int64)]
    for positions, count in levels:
        positions = np.sort(positions, axis=1)
        order = np.lexsort(positions.T[::-1])
        # column by column: one list for each set would only keep the garbage collector busy
        sets.extend(map(frozenset, zip(*(labels[column].tolist() for column in positions[order].T))))
        counts.append(count[order])
    counts = np.concatenate(counts)
    column = np.empty(len(sets), dtype=object)
    column[:] = sets
    return pd.DataFrame({"support": counts / baskets.n_baskets, "itemsets": column, "count": counts})


def _bytes_of(length) -> int:
    """Bytes that one itemset takes in the arrays and in the table."""
    return 12 * length + 32 + sys.getsizeof(frozenset(range(length)))


class _Miner:
    """The search: items are numbered by rising count, so that the tree of itemsets stays narrow."""

    def __init__(self, baskets, least, max_len, memory):
        self.baskets, self.least, self.max_len, self.memory = baskets, least, max_len, memory
        self.n_baskets = baskets.n_baskets
        self.held, self.bits, self.codes = 0.0, None, None

    def levels(self):
        """(positions, counts) for each length."""
        counts = self.baskets.item_counts()
        items = np.flatnonzero(counts >= self.least)
        items = items[np.argsort(counts[items], kind="stable")]
        if len(items) == 0:
            return []
        self._hold(1, len(items))
        found = [(items[:, None], counts[items])]
        if self.max_len == 1 or len(items) < 2:
            return found
        pairs, count = self._pairs(items, counts[items])
        if len(pairs) == 0:
            return found
        found.append((items[pairs], count))
        if self.max_len == 2:
            return found
        # from here on only items in a frequent pair matter
        used = np.unique(pairs)
        number = np.full(len(items), -1, dtype=np.int64)
        number[used] = np.arange(len(used))
        items, pairs = items[used], number[pairs].astype(np.int32)
        if self.bits is None:
            self.bits = _Bits(self.baskets, items, self.memory / 4)
        else:
            self.bits.keep(used)
        self.codes = pairs[:, 0].astype(np.int64) * len(items) + pairs[:, 1]
        self.width = len(items)
        sets, probed = pairs, MANY // 2
        while len(sets) > 1 and (self.max_len is None or sets.shape[1] < self.max_len):
            partners = self._partners(sets)
            total = int(partners.sum())
            if total > 2 * probed:
                self._probe(sets, partners)
                probed = total
            sets, count = self._next(sets, partners)
            if len(sets):
                found.append((items[sets], count))
        return found

    def _pairs(self, items, counts):
        width = len(items)
        density = float(counts.sum()) / (width * self.n_baskets)
        if density > DENSE and width * self.n_baskets / 8 < self.memory / 4:
            self.bits = _Bits(self.baskets, items, self.memory / 4)
            return self._next(np.arange(width, dtype=np.int32)[:, None], np.arange(width)[::-1])
        pairs, counts = [], []
        for start, stop in pairwise(self._stripes(items)):
            product = sp.csr_matrix((stop - start, width), dtype=np.int32)
            for indptr, columns in _read(self.baskets, items, self.n_baskets):
                ones = np.ones(len(columns), dtype=np.int32)
                table = sp.csr_matrix((ones, columns, indptr), (len(indptr) - 1, width))
                product = product + table.T.tocsr()[start:stop] @ table
            product = product.tocoo()
            good = (product.data >= self.least) & (product.col > product.row + start)
            pairs.append(np.column_stack([product.row[good] + start, product.col[good]]).astype(np.int32))
            counts.append(product.data[good].astype(np.int64))
            self._hold(2, len(pairs[-1]))
        pairs, counts = np.concatenate(pairs), np.concatenate(counts)
        order = np.lexsort([pairs[:, 1], pairs[:, 0]])
        return pairs[order], counts[order]

    def _stripes(self, items):
        """Bounds of runs of items, so that no run can lie in more pairs than the memory takes."""
        width, most = len(items), max(1.0, min(self.memory / 40, 1.6e7))
        if width**2 <= most:
            return [0, width]
        met = np.zeros(width)
        for indptr, columns in _read(self.baskets, items, self.n_baskets):
            sizes = np.diff(indptr)
            met += np.bincount(columns, weights=np.repeat(sizes, sizes), minlength=width)
        stripe = (np.cumsum(np.minimum(met, width)) // most).astype(np.int64)
        return np.r_[np.flatnonzero(np.r_[True, stripe[1:] != stripe[:-1]]), width].tolist()

    def _partners(self, sets):
        """For each set, how many sets after it share all but the last item; sets are in sorted order."""
        new = np.r_[True, (sets[1:, :-1] != sets[:-1, :-1]).any(axis=1)]
        starts = np.flatnonzero(new)
        sizes = np.diff(np.r_[starts, len(sets)])
        return np.repeat(starts + sizes, sizes) - np.arange(len(sets)) - 1

    def _next(self, sets, partners):
        """The frequent sets one longer, in sorted order, with their counts."""
        length = sets.shape[1] + 1
        found, counts = [np.zeros((0, length), dtype=np.int32)], [np.zeros(0, dtype=np.int64)]
        stripe = np.cumsum(partners) // (1 << 18)
        starts = np.r_[np.flatnonzero(np.r_[True, stripe[1:] != stripe[:-1]]), len(sets)]
        for start, stop in pairwise(starts):
            first = np.repeat(np.arange(start, stop), partners[start:stop])
            before = np.cumsum(partners[start:stop]) - partners[start:stop]
            second = first + 1 + np.arange(len(first)) - np.repeat(before, partners[start:stop])
            if self.codes is not None:
                good = self._is_pair(sets[first, -1], sets[second, -1])
                first, second = first[good], second[good]
            if len(first) == 0:
                continue
            candidates = np.column_stack([sets[first], sets[second, -1]])
            count = self.bits.count(candidates)
            good = count >= self.least
            found.append(candidates[good])
            counts.append(count[good])
            self._hold(length, len(found[-1]))
        return np.concatenate(found), np.concatenate(counts)

    def _is_pair(self, first, second):
        code = first.astype(np.int64) * self.width + second
        place = np.minimum(np.searchsorted(self.codes, code), len(self.codes) - 1)
        return self.codes[place] == code

    def _hold(self, length, number) -> None:
        self.held += number * _bytes_of(length)
        if self.held > self.memory:
            self._refuse("More than", self.held)

    def _refuse(self, how, size, open_end="") -> None:
        share = f"{self.least / self.n_baskets:.3g}"
        raise InputError(
            f"{how} {_size(size)}{open_end} of itemsets lie in at least {self.least:,} of {self.n_baskets:,} "
            f"baskets (a support of {share}), over the memory of {_size(self.memory)}: raise the support, "
            f"set max_len, or allow more with memory=…."
        )

    def _probe(self, sets, partners) -> None:
        """Estimate what is still to come below these sets, and refuse if it would not fit.

        A descent goes from a set to one of its frequent extensions at random. An extension met at some depth
        stands for as many as the product of the choices on the way, so that the mean over descents is the
        number of itemsets, without bias, whatever the tree. The middle of eight means is taken, since one
        descent into a thick branch can weigh much: it errs towards too few, and memory is watched as well.
        """
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(len(sets))))
        chosen = generator.integers(len(sets), size=PROBES)
        weights = np.zeros(PROBES)
        # bits that are made anew for each use are used by all descents at once
        at_once = PROBES if self.bits.kept is None else 1
        for start in range(0, PROBES, at_once):
            descents = [
                (probe, 1.0, sets[chosen[probe]], sets[chosen[probe] + 1 :, -1][: partners[chosen[probe]]])
                for probe in range(start, start + at_once)
            ]
            while descents:
                descents = self._descend(descents, weights, generator)
        still = len(sets) * float(np.median(weights.reshape(8, -1).mean(axis=1)))
        if self.held + still > self.memory:
            self._refuse("An estimated", self.held + still, " or more")

    def _descend(self, descents, weights, generator):
        """One step further down: (probe, weight, set, items it may be extended by) of each that goes on."""
        candidates = []
        for _, _, items, tail in descents:
            goes_on = self.max_len is None or len(items) < self.max_len
            tail = tail[self._is_pair(np.full(len(tail), items[-1]), tail)] if goes_on else tail[:0]
            candidates.append(np.column_stack([np.tile(items, (len(tail), 1)), tail]).astype(np.int32))
        bounds = np.cumsum([0, *map(len, candidates)])
        together = np.concatenate(candidates)
        good = self.bits.count(together) >= self.least if len(together) else np.zeros(0, dtype=bool)
        further = []
        for (probe, weight, items, _), start, stop in zip(descents, bounds[:-1], bounds[1:]):
            tail = together[start:stop, -1][good[start:stop]]
            if len(tail):
                weights[probe] += weight * len(tail) * _bytes_of(len(items) + 1)
                pick = generator.integers(len(tail))
                longer = np.append(items, tail[pick]).astype(np.int32)
                further.append((probe, weight * len(tail), longer, tail[pick + 1 :]))
        return further


def _size(number) -> str:
    unit, letters = next(
        (u, t) for u, t in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if number >= u or u < 1e4
    )
    return f"{number / unit:,.3g} {letters}"


def _read(baskets, items, most):
    """The baskets with these items alone, numbered in this order, in blocks of at most so many baskets.

    Yields the bounds of each basket, and the items' numbers between them: what one block holds is all that
    is in memory beside the baskets themselves.
    """
    number = np.full(baskets.n_items, -1, dtype=np.int32)
    number[items] = np.arange(len(items), dtype=np.int32)
    start = 0
    while start < baskets.n_baskets:
        first = baskets.indptr[start]
        full = int(np.searchsorted(baskets.indptr, first + ENTRIES, side="right")) - 1
        stop = max(start + 1, min(start + most, full))
        columns = number[baskets.positions[first : baskets.indptr[stop]]]
        inside = columns >= 0
        held = np.zeros(len(columns) + 1, dtype=np.int32)
        np.cumsum(inside, out=held[1:])
        yield held[baskets.indptr[start : stop + 1] - first], columns[inside]
        start = stop


class _Bits:
    """One bit per item and basket, in blocks of baskets; held if they fit, else made anew for each use."""

    def __init__(self, baskets, items, memory):
        self.baskets, self.items = baskets, items
        fitting = int(2.5e8 // max(1, len(items))) // WORD * WORD
        self.block = max(WORD, min(BLOCK, fitting))
        self.kept = list(self._made()) if len(items) * baskets.n_baskets / 8 <= memory else None

    def keep(self, places):
        """Only some of the items from now on; for bits that are held."""
        self.items, self.kept = self.items[places], [bits[places] for bits in self.kept]

    def _made(self):
        for indptr, columns in _read(self.baskets, self.items, self.block):
            sizes = np.diff(indptr)
            words = -(-len(sizes) // WORD)
            basket = np.arange(len(sizes))
            word = np.repeat(basket // WORD, sizes)
            bit = np.repeat(np.uint64(1) << (basket % WORD).astype(np.uint64), sizes)
            held = np.zeros(len(self.items) * words, dtype=np.uint64)
            np.add.at(held, columns.astype(np.int64) * words + word, bit)
            yield held.reshape(len(self.items), words)

    def count(self, candidates) -> np.ndarray:
        """Baskets that hold each candidate; candidates are in sorted order, so beginnings are shared."""
        counts = np.zeros(len(candidates), dtype=np.int64)
        step = max(1, CHUNK // (min(self.block, self.baskets.n_baskets) // 8 + 8))
        plans = [
            (start, _plan(candidates[start : start + step])) for start in range(0, len(candidates), step)
        ]
        for bits in self.kept if self.kept is not None else self._made():
            for start, plan in plans:
                held = bits[plan[0][1]]
                for parents, items in plan[1:]:
                    held = held[parents]
                    held &= bits[items]
                counts[start : start + len(held)] += np.bitwise_count(held).sum(axis=1, dtype=np.int64)
        return counts


def _plan(candidates):
    """For each depth, the different beginnings of the candidates: the one each goes on from, and its item."""
    new = np.zeros(len(candidates), dtype=bool)
    new[0] = True
    plan, above = [], None
    for depth in range(candidates.shape[1]):
        new[1:] |= candidates[1:, depth] != candidates[:-1, depth]
        number = np.cumsum(new) - 1
        starts = np.flatnonzero(new)
        plan.append((None if above is None else above[starts], candidates[starts, depth]))
        above = number
    return plan
