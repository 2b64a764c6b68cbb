"""How alike are two customers, two products, two lists of numbers?"""

import numpy as np

__all__ = ["top_k"]


def top_k(scores, k):
    """Positions and values of the k largest scores of each row, best first.

    Ties are broken by position, the smaller first, so that the answer is the same on every machine.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
        ``-inf`` marks a column that must not be chosen.
    k : int
        How many columns to choose; at most ``n_columns`` are given.

    Returns
    -------
    positions : ndarray of int, shape (n_rows, min(k, n_columns))
        ``-1`` where a row has fewer than k columns to choose from.
    values : ndarray of float, same shape
        ``-inf`` where the position is ``-1``.

    Examples
    --------
    >>> positions, values = top_k(np.array([[0.2, 0.9, 0.9, 0.1]]), k=2)
    >>> positions.tolist(), values.tolist()
    ([[1, 2]], [[0.9, 0.9]])
    """
    scores = np.asarray(scores)
    n_rows, n_columns = scores.shape
    k = min(k, n_columns)
    if k < n_columns:
        chosen = np.argpartition(scores, n_columns - k, axis=1)[:, n_columns - k :]
        threshold = np.take_along_axis(scores, chosen, axis=1).min(axis=1, keepdims=True)
        # argpartition takes any of the columns tied at the threshold: take the first ones instead
        tied = scores == threshold
        above = scores > threshold
        needed = k - above.sum(axis=1, keepdims=True)
        ambiguous = np.flatnonzero(tied.sum(axis=1) > needed[:, 0])
        if len(ambiguous):
            tie = tied[ambiguous]
            keep = above[ambiguous] | (tie & (np.cumsum(tie, axis=1) <= needed[ambiguous]))
            chosen[ambiguous] = np.nonzero(keep)[1].reshape(len(ambiguous), k)
        chosen.sort(axis=1)
    else:
        chosen = np.broadcast_to(np.arange(n_columns), (n_rows, n_columns))
    values = np.take_along_axis(scores, chosen, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    positions = np.take_along_axis(chosen, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    return np.where(np.isneginf(values), -1, positions), values
