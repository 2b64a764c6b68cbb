"""Itemsets of any library in one form that can be compared; numpy only, for workers of both environments."""

import numpy as np


def lists_of(data):
    """Baskets as lists of items, from one array of items and one of lengths."""
    items, stops = data["items"].tolist(), np.cumsum(data["lengths"]).tolist()
    return [items[start:stop] for start, stop in zip([0, *stops[:-1]], stops, strict=True)]


def packed(itemsets, counts, items):
    """Itemsets as rows of a table.

    Parameters
    ----------
    itemsets : iterable of iterables of items
    counts : sequence of int
        Baskets that hold each.
    items : ndarray
        Items of all baskets.

    Returns
    -------
    ndarray of int32, shape (number of itemsets, length of the longest + 1)
        The count, then the places of the items among the different ones in rising order, filled up with -1;
        rows in rising order of the items.
    """
    place = {item: number for number, item in enumerate(np.unique(items).tolist())}
    rows = [sorted(place[item] for item in one) for one in itemsets]
    table = np.full((len(rows), 1 + max(map(len, rows), default=0)), -1, dtype=np.int32)
    table[:, 0] = counts
    for row, one in zip(table, rows, strict=True):
        row[1 : 1 + len(one)] = one
    return table[np.lexsort(table.T[::-1][:-1])] if len(table) else table


def compare(ours, theirs, n_baskets):
    """How many itemsets only one side has, or has with another count, as a dictionary.

    ``missing`` are those only we have that lie in every basket (some miners take them for the empty set),
    ``different`` all other ones.
    """
    sides = [{tuple(row[row >= 0][1:].tolist()): int(row[0]) for row in side} for side in (ours, theirs)]
    only = [set(one.items()) - set(other.items()) for one, other in (sides, sides[::-1])]
    everywhere = sum(count == n_baskets and items not in sides[1] for items, count in only[0])
    return {"missing": everywhere, "different": len(only[0]) + len(only[1]) - everywhere}
