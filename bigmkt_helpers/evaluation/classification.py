"""How good are yes-or-no answers, and the scores behind them: the confusion table and what is made of it.

Accuracy, precision, recall, F1 and Matthews' correlation judge answers; the areas under the ROC curve and
under the precision-recall curve judge scores, over all thresholds at once. None of them looks at one
customer's list alone, which is what a recommender makes: for that see :func:`ranking_metrics`.
"""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation._checks import _numbers, _plain, _sorted


def confusion_table(true, predicted) -> pd.DataFrame:
    """Count every pair of true and predicted label.

    Parameters
    ----------
    true, predicted : array-like of shape (n,)
        Labels of any kind, in the same order; two Series must carry the same index.

    Returns
    -------
    pandas.DataFrame of shape (n_labels, n_labels)
        Rows: true label; columns: predicted label; all labels that occur in either, sorted.

    Raises
    ------
    InputError
        No labels, different lengths or indexes, a missing label.

    Examples
    --------
    >>> confusion_table(["buys", "buys", "not", "not"], ["buys", "not", "not", "not"]).loc["buys", "not"]
    np.int64(1)
    """
    true, predicted = _labels(true, predicted)
    labels = _sorted(pd.concat([true, predicted], ignore_index=True).unique())
    cell = labels.get_indexer(true) * len(labels) + labels.get_indexer(predicted)
    counts = np.bincount(cell, minlength=len(labels) ** 2).reshape(len(labels), -1)
    return pd.DataFrame(counts, index=labels.rename("true"), columns=labels.rename("predicted"))


def accuracy(true, predicted) -> float:
    """Share of labels that are right, (TP + TN) / n for two classes; arguments as :func:`confusion_table`.

    Whoever always names the larger class gets that class's share and knows nothing.

    Examples
    --------
    >>> accuracy([1, 0, 0, 0], [0, 0, 0, 0])
    0.75
    """
    table = confusion_table(true, predicted).to_numpy()
    return float(np.trace(table) / table.sum())


def precision(true, predicted, positive=1) -> float:
    """Share of the predicted positives that are positive, TP / (TP + FP); nan if there are none.

    Arguments as :func:`recall`. scikit-learn returns 0 with a warning where this returns nan.

    Examples
    --------
    >>> precision([1, 0, 1, 0], [1, 1, 0, 0])
    0.5
    """
    hits, false_alarms, _, _ = _four(true, predicted, positive)
    return _ratio(hits, hits + false_alarms)


def recall(true, predicted, positive=1) -> float:
    """Share of the positives that are predicted positive, TP / (TP + FN); nan if there are no positives.

    Parameters
    ----------
    true, predicted : array-like of shape (n,)
        Labels as in :func:`confusion_table`.
    positive : label
        The class that is looked for; every other label counts as negative.

    Raises
    ------
    InputError
        As :func:`confusion_table`; also if ``positive`` occurs neither in true nor in predicted.

    Examples
    --------
    >>> recall([1, 0, 1, 0, 1], [1, 1, 0, 0, 1]) == 2 / 3
    True
    """
    hits, _, missed, _ = _four(true, predicted, positive)
    return _ratio(hits, hits + missed)


def f1(true, predicted, positive=1) -> float:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); arguments as :func:`recall`.

    It does not look at the true negatives. If nothing is predicted positive it is 0, though precision is nan.

    Examples
    --------
    >>> f1([1, 0, 1, 0], [1, 1, 0, 0])
    0.5
    """
    hits, false_alarms, missed, _ = _four(true, predicted, positive)
    return _ratio(2 * hits, 2 * hits + false_alarms + missed)


def matthews_correlation(true, predicted) -> float:
    """Matthews' correlation of true and predicted labels, between -1 and 1; 0 if either is constant.

    For two classes (TP·TN - FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)) (Matthews, 1975 (unverified)); for more,
    the covariance of the two label indicators over the root of their variances (Gorodkin, 2004 (unverified)),
    as in scikit-learn. All four cells count, so a large class does not flatter.

    Examples
    --------
    >>> matthews_correlation([1, 0, 0, 0], [0, 0, 0, 0]), matthews_correlation([1, 0, 1, 0], [1, 0, 1, 0])
    (0.0, 1.0)
    """
    table = confusion_table(true, predicted).to_numpy().astype(float)
    n, right = table.sum(), np.trace(table)
    row, column = table.sum(axis=1), table.sum(axis=0)
    spread = (n**2 - row @ row) * (n**2 - column @ column)
    return float((right * n - row @ column) / np.sqrt(spread)) if spread > 0 else 0.0


def roc_auc(true, scores, positive=1) -> float:
    """Probability that a random positive gets a higher score than a random negative; a tie counts one half.

    That is the Mann-Whitney U divided by the number of pairs, computed from mid-ranks; it equals the area
    under the ROC curve (Hanley & McNeil, Radiology 143, 1982 (unverified)). Scores that are all equal give
    0.5. One pair counts like another, wherever it stands: with few positives, an AUC near 1 still leaves room
    for poor first places.

    Parameters
    ----------
    true : array-like of shape (n,)
        Labels.
    scores : array-like of shape (n,)
        The higher, the more likely positive; any finite numbers.
    positive : label

    Raises
    ------
    InputError
        Labels of one class only (there is no pair to compare), different lengths, a missing value.

    Examples
    --------
    >>> roc_auc([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1])
    0.875
    """
    truth, scores = _judged(true, scores, positive)
    _, group, size = np.unique(scores, return_inverse=True, return_counts=True)
    mid_rank = (np.cumsum(size) - (size - 1) / 2)[group]
    n_positive = int(truth.sum())
    above = mid_rank[truth].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * (len(truth) - n_positive)))


def roc_curve(true, scores, positive=1) -> pd.DataFrame:
    """Points of the ROC curve, one per distinct score and the corner (0, 0); arguments as :func:`roc_auc`.

    Returns
    -------
    pandas.DataFrame
        ``threshold`` (call everything with at least this score positive; falling),
        ``false_positive_rate``, ``recall``.

    Examples
    --------
    >>> roc_curve([1, 0], [0.9, 0.1])["recall"].tolist()
    [0.0, 1.0, 1.0]
    """
    truth, scores = _judged(true, scores, positive)
    threshold, hits, called = _steps(truth, scores)
    return pd.DataFrame(
        {
            "threshold": np.r_[np.inf, threshold],
            "false_positive_rate": np.r_[0.0, (called - hits) / (~truth).sum()],
            "recall": np.r_[0.0, hits / truth.sum()],
        }
    )


def precision_recall_curve(true, scores, positive=1) -> pd.DataFrame:
    """Points of the precision-recall curve, one per distinct score; arguments as :func:`roc_auc`.

    Returns
    -------
    pandas.DataFrame
        ``threshold`` (falling), ``recall`` (rising), ``precision``.

    Examples
    --------
    >>> precision_recall_curve([1, 0, 1], [0.9, 0.5, 0.1])["precision"].round(3).tolist()
    [1.0, 0.5, 0.667]
    """
    truth, scores = _judged(true, scores, positive)
    threshold, hits, called = _steps(truth, scores)
    return pd.DataFrame({"threshold": threshold, "recall": hits / truth.sum(), "precision": hits / called})


def average_precision(true, scores, positive=1) -> float:
    """Area under the precision-recall curve as a sum of steps: Σ (recall_i - recall_{i-1}) · precision_i.

    Thresholds fall over the distinct scores, so tied scores enter together. Scores that are all equal give
    the share of positives. This is scikit-learn's ``average_precision_score``, not the trapezoid: on a
    straight line between two points precision would be overstated (Davis & Goadrich, ICML 2006). Over one
    user's full ranking it is average precision without a cut. Arguments as :func:`roc_auc`.

    Examples
    --------
    >>> round(average_precision([1, 0, 1], [0.9, 0.5, 0.1]), 4)
    0.8333
    """
    curve = precision_recall_curve(true, scores, positive)
    return float((np.diff(curve["recall"], prepend=0.0) * curve["precision"]).sum())


def pr_auc_trapezoid(true, scores, positive=1) -> float:
    """Area under the precision-recall points joined by straight lines, from recall 0 with precision 1.

    To show how far it departs from :func:`average_precision`; the lines between the points are not reachable
    (Davis & Goadrich, ICML 2006). Scores that are all equal give (1 + share of positives) / 2, more than
    chance can earn. Equals scikit-learn's ``auc`` of its ``precision_recall_curve``.

    Examples
    --------
    >>> pr_auc_trapezoid([1, 0, 0, 0], [5, 5, 5, 5]), average_precision([1, 0, 0, 0], [5, 5, 5, 5])
    (0.625, 0.25)
    """
    curve = precision_recall_curve(true, scores, positive)
    return float(np.trapezoid(np.r_[1.0, curve["precision"]], np.r_[0.0, curve["recall"]]))


def classification_metrics(true, scores, threshold: float = 0.5, positive=1) -> pd.Series:
    """All of the above for one set of scores; a score of at least ``threshold`` is called positive.

    Parameters
    ----------
    true, scores, positive
        As in :func:`roc_auc`.
    threshold : float

    Returns
    -------
    pandas.Series
        ``base_rate`` (share of positives), ``accuracy``, ``precision``, ``recall``, ``f1``, ``mcc``,
        ``roc_auc``, ``average_precision``.

    Examples
    --------
    >>> found = classification_metrics([1, 0, 0, 0], [0.2, 0.3, 0.1, 0.1])
    >>> float(found["accuracy"]), float(found["recall"]), round(float(found["roc_auc"]), 3)
    (0.75, 0.0, 0.667)
    """
    truth, scores = _judged(true, scores, positive)
    if not np.isfinite(threshold):
        raise InputError(f"threshold is {threshold!r}: pass a finite number.")
    called = scores >= threshold
    return pd.Series(
        {
            "base_rate": float(truth.mean()),
            "accuracy": accuracy(truth, called),
            "precision": precision(truth, called, positive=True),
            "recall": recall(truth, called, positive=True),
            "f1": f1(truth, called, positive=True),
            "mcc": matthews_correlation(truth, called),
            "roc_auc": roc_auc(truth, scores, positive=True),
            "average_precision": average_precision(truth, scores, positive=True),
        }
    )


# --- steps ------------------------------------------------------------------------------------------


def _labels(true, predicted) -> tuple[pd.Series, pd.Series]:
    both = isinstance(true, pd.Series) and isinstance(predicted, pd.Series)
    if both and not true.index.equals(predicted.index):
        raise InputError("true and predicted carry different indexes: align them, or pass arrays.")
    columns = []
    for values, name in ((true, "true"), (predicted, "predicted")):
        column = _plain(pd.Series(values).reset_index(drop=True))
        if len(column) == 0:
            raise InputError(f"{name} has no labels: there is nothing to judge.")
        if column.isna().any():
            raise InputError(
                f"{name} is missing at position {int(column.isna().to_numpy().argmax())}: drop or fill it."
            )
        columns.append(column)
    if len(columns[0]) != len(columns[1]):
        raise InputError(
            f"true has {len(columns[0])} labels and predicted {len(columns[1])}: they must pair up."
        )
    return columns[0], columns[1]


def _four(true, predicted, positive) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives."""
    true, predicted = _labels(true, predicted)
    is_true, is_called = (true == positive).to_numpy(), (predicted == positive).to_numpy()
    if not (is_true.any() or is_called.any()):
        seen = _sorted(pd.concat([true, predicted]).unique()).tolist()
        if len(seen) > 1 or seen[0] not in (0, False):
            raise InputError(f"No label is {positive!r}; they are {seen[:5]}: name the positive class.")
    return tuple(
        int(np.sum(cell))
        for cell in (is_true & is_called, ~is_true & is_called, is_true & ~is_called, ~is_true & ~is_called)
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _judged(true, scores, positive) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(true, pd.Series) and isinstance(scores, pd.Series) and not true.index.equals(scores.index):
        raise InputError("true and scores carry different indexes: align them, or pass arrays.")
    labels, _ = _labels(np.asarray(true), np.asarray(true))
    numbers = _numbers(scores, "scores")
    if len(labels) != len(numbers):
        raise InputError(f"true has {len(labels)} labels and scores {len(numbers)}: they must pair up.")
    truth = (labels == positive).to_numpy()
    if truth.all() or not truth.any():
        which = "every label" if truth.all() else "no label"
        raise InputError(
            f"{which.capitalize()} is {positive!r}: scores can be judged only on labels of both classes."
        )
    return truth, numbers


def _steps(truth, scores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct scores, falling; positives and rows with at least that score."""
    distinct, group = np.unique(-scores, return_inverse=True)
    hits = np.bincount(group, weights=truth).cumsum()
    return -distinct, hits, np.bincount(group).cumsum()
