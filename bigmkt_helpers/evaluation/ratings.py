"""How far predicted ratings lie from the true ones."""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation._checks import _numbers


def rmse(true, predicted) -> float:
    """Root mean squared error, sqrt(mean((true - predicted)²)), in units of the rating.

    Parameters
    ----------
    true, predicted : array-like of shape (n_ratings,)
        In the same order; two Series must carry the same index.

    Raises
    ------
    InputError
        Different lengths or indexes, no ratings, or a value that is missing, infinite or not a number.

    Examples
    --------
    >>> round(rmse([4, 2, 5], [3, 2, 3]), 4)
    1.291
    """
    return float(np.sqrt(np.mean(_errors(true, predicted) ** 2)))


def mae(true, predicted) -> float:
    """Mean absolute error, mean(|true - predicted|), in units of the rating; arguments as in :func:`rmse`.

    Examples
    --------
    >>> mae([4, 2, 5], [3, 2, 3])
    1.0
    """
    return float(np.mean(np.abs(_errors(true, predicted))))


def _errors(true, predicted) -> np.ndarray:
    if (
        isinstance(true, pd.Series)
        and isinstance(predicted, pd.Series)
        and not true.index.equals(predicted.index)
    ):
        raise InputError("true and predicted carry different indexes: align them, or pass both as arrays.")
    true, predicted = _numbers(true, "true"), _numbers(predicted, "predicted")
    if len(true) != len(predicted):
        raise InputError(f"true has {len(true)} ratings and predicted {len(predicted)}: they must pair up.")
    return true - predicted
