"""Five measures of probabilities, with weights: what a bootstrap over customers needs, drawn all at once."""

import numpy as np

FLOOR = 1e-6
"""Least probability of a class in a log loss: a model that is wholly sure and wrong loses 20 bits."""

MEASURES = ("auc", "average_precision", "capture", "brier", "bits")
"""Area under ROC, average precision, share of the positives in the top, Brier score, log loss in bits."""


def weighted(hit, p, weights, measures=MEASURES, share=0.2) -> np.ndarray:
    """The measures under each row of weights.

    Parameters
    ----------
    hit : ndarray of bool, shape (n,)
    p : ndarray of float, shape (n,)
    weights : ndarray of shape (draws, n)
    measures : sequence of str
    share : float
        Of the customers, for capture; customers with equal scores share a place evenly.

    Returns
    -------
    ndarray of shape (draws, measures)
    """
    out = np.empty((len(weights), len(measures)))
    order = np.argsort(-p, kind="stable")
    falling = p[order]
    start = np.flatnonzero(np.r_[True, falling[1:] != falling[:-1]])
    w = weights[:, order].astype(float)
    called = np.add.reduceat(w, start, axis=1)
    hits = np.add.reduceat(w * hit[order], start, axis=1)
    total, positives = called.sum(axis=1), hits.sum(axis=1)
    negatives = total - positives
    with np.errstate(invalid="ignore", divide="ignore"):
        for j, measure in enumerate(measures):
            if measure == "auc":
                misses = called - hits
                below = negatives[:, None] - np.cumsum(misses, axis=1) + misses / 2
                out[:, j] = (hits * below).sum(axis=1) / (positives * negatives)
            elif measure == "average_precision":
                so_far = np.cumsum(called, axis=1)
                precision = np.where(so_far > 0, np.cumsum(hits, axis=1) / np.maximum(so_far, 1e-300), 0.0)
                out[:, j] = (hits * precision).sum(axis=1) / positives
            elif measure == "capture":
                so_far, found = np.cumsum(called, axis=1), np.cumsum(hits, axis=1)
                for b in range(len(w)):
                    top = np.interp(share * total[b], np.r_[0.0, so_far[b]], np.r_[0.0, found[b]])
                    out[b, j] = top / positives[b]
            elif measure == "brier":
                out[:, j] = weights @ (p - hit) ** 2 / total
            else:
                right = np.clip(np.where(hit, p, 1 - p), FLOOR, 1.0)
                out[:, j] = weights @ -np.log2(right) / total
    return out


def draws(n, n_resamples, rng) -> np.ndarray:
    """How often each customer is drawn, in each resample."""
    return np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(n_resamples)])
