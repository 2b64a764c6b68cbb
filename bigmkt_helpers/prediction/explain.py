"""What a model goes by: what it loses without a column, and how its answer moves with one."""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import resampled_means
from bigmkt_helpers.prediction import _checks
from bigmkt_helpers.prediction._scores import FLOOR

__all__ = ["partial_dependence", "permutation_importance"]


def permutation_importance(
    model,
    X,
    y,
    groups=None,
    n_repeats: int = 5,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Bits per customer that the model loses when a column is shuffled among customers it has not seen.

    The log loss with the column shuffled, less the log loss as it is. Shuffling breaks the column's tie to
    the answer and to the other columns. Two columns that say the same stand in for each other and both look
    unimportant: shuffle them together, as a group. Importance is what the model goes by, not what makes
    customers act.

    Parameters
    ----------
    model : estimator
        Fitted, with ``predict_proba``.
    X, y : pandas.DataFrame, array-like
        Customers that the model was not fitted on; on its own customers it also pays for what it overfitted.
    groups : dict of {name: columns} or sequence of columns, optional
        Columns shuffled together; without it each column of `X` by itself.
    n_repeats : int
        Shuffles, averaged for each customer.
    level, n_resamples : float, int
        Of the bootstrap over customers.
    random_state : int

    Returns
    -------
    pandas.DataFrame
        Index: columns or groups, the most important first; ``bits`` with ``low`` and ``high``, and ``share``
        of the loss that remains to the model (bits / its log loss).

    Raises
    ------
    InputError
        A column that is not there; an answer that the model does not know; fewer than two customers.

    Examples
    --------
    >>> from bigmkt_helpers.prediction import make_model
    >>> rng = np.random.Generator(np.random.PCG64(0))
    >>> X = pd.DataFrame({"x": rng.normal(size=600), "noise": rng.normal(size=600)})
    >>> y = (X["x"] + rng.normal(size=600) > 0).to_numpy()
    >>> model = make_model("logistic", ["x", "noise"]).fit(X[:300], y[:300])
    >>> permutation_importance(model, X[300:], y[300:]).index[0]
    'x'
    """
    X = _checks.table(X)
    _checks.whole_number(n_repeats, "n_repeats", least=1)
    _checks.share(level, "level")
    groups = _groups(groups, X)
    code = _codes(model, y, len(X))
    plain = _losses(model, X, code)
    rng = _checks.generator(random_state)
    places = [rng.permutation(len(X)) for _ in range(n_repeats)]
    lost = np.zeros((len(X), len(groups)))
    for j, columns in enumerate(groups.values()):
        for place in places:
            mixed = X.copy()
            for column in columns:
                mixed[column] = X[column].array[place]
            lost[:, j] += (_losses(model, mixed, code) - plain) / n_repeats
    drawn = resampled_means(lost, n_resamples, random_state)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    bits = lost.mean(axis=0)
    table = pd.DataFrame(
        {"bits": bits, "low": low, "high": high, "share": bits / max(plain.mean(), 1e-12)},
        index=pd.Index(list(groups), name="column"),
    )
    return table.sort_values("bits", ascending=False, kind="stable")


def partial_dependence(
    model,
    X,
    column,
    outcome=None,
    grid=None,
    level: float = 0.95,
    n_resamples: int = 500,
    random_state: int = 0,
) -> pd.DataFrame:
    """Mean answer of the model if everybody had this value, all else as it is.

    It shows the model, not the world: with columns that go together it asks for customers who do not exist
    (``inside`` helps to see that), and it says nothing of cause.

    Parameters
    ----------
    model : estimator
        Fitted; with ``predict_proba``, or, for amounts, ``predict``.
    X : pandas.DataFrame
    column : column name
    outcome : label, optional
        The class whose probability is averaged; needed by a model with classes, if it has more than two. Of
        two, the second without it.
    grid : sequence, optional
        Values; without it the deciles of a number, the eight most frequent labels of a category.
    level, n_resamples, random_state
        Of the bootstrap over customers: how far the mean would move with other customers and the same model.

    Returns
    -------
    pandas.DataFrame
        Index ``value``; ``mean``, ``low``, ``high``; ``lower`` and ``upper`` quartile over customers (who
        differ in all else); ``inside`` (share of customers who have this label, or who have a number at most
        half way to the neighbours in the grid).

    Raises
    ------
    InputError
        No such column or outcome; an empty grid.

    Examples
    --------
    >>> from bigmkt_helpers.prediction import make_model
    >>> X = pd.DataFrame({"x": [0.0, 1, 2, 3] * 20})
    >>> model = make_model("logistic", ["x"]).fit(X, [0, 0, 1, 1] * 20)
    >>> partial_dependence(model, X, "x", grid=[0, 3])["mean"].is_monotonic_increasing
    True
    """
    X = _checks.table(X)
    if column not in X.columns:
        raise InputError(f"X has no column {column!r}; it has {list(map(str, X.columns))[:8]}.")
    known = X[column].dropna()
    numeric = pd.api.types.is_numeric_dtype(X[column].dtype)
    if grid is None:
        if numeric:
            grid = np.unique(known.quantile(np.linspace(0.05, 0.95, 10)).to_numpy())
        else:
            grid = known.value_counts().index[:8].tolist()
    grid = list(grid)
    if not grid:
        raise InputError(f"There is no value of {column!r} to try: pass grid=.")
    answer = _answer(model, outcome)
    values = np.column_stack([answer(X.assign(**{column: value})) for value in grid])
    drawn = resampled_means(values, n_resamples, random_state)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    if numeric:
        order = np.argsort(np.asarray(grid, dtype=float))
        edges = np.asarray(grid, dtype=float)[order]
        place = np.searchsorted((edges[1:] + edges[:-1]) / 2, known.to_numpy(float))
        inside = np.empty(len(grid))
        inside[order] = np.bincount(place, minlength=len(grid)) / len(X)
    else:
        inside = np.array([(known == value).sum() / len(X) for value in grid])
    return pd.DataFrame(
        {
            "mean": values.mean(axis=0),
            "low": low,
            "high": high,
            "lower": np.quantile(values, 0.25, axis=0),
            "upper": np.quantile(values, 0.75, axis=0),
            "inside": inside,
        },
        index=pd.Index(grid, name="value"),
    )


# --- steps ------------------------------------------------------------------------------------------


def _groups(groups, X) -> dict:
    if groups is None:
        groups = list(X.columns)
    if not isinstance(groups, dict):
        groups = {column: [column] for column in groups}
    groups = {name: [c] if isinstance(c, str) else list(c) for name, c in groups.items()}
    if not groups:
        raise InputError("groups is empty: name the columns to shuffle.")
    for name, columns in groups.items():
        absent = [c for c in columns if c not in X.columns]
        if absent or not columns:
            raise InputError(f"Group {name!r} names {absent[0]!r}, which X does not have." if absent else
                             f"Group {name!r} names no column.")  # fmt: skip
    return groups


def _codes(model, y, n) -> np.ndarray:
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise InputError("The model must be fitted and give probabilities.")
    answers = np.asarray(y)
    if len(answers) != n:
        raise InputError(f"y has {len(answers)} answers for {n} customers: they must pair up.")
    code = pd.Index(model.classes_).get_indexer(pd.Index(answers))
    if (code < 0).any():
        raise InputError(f"The model does not know the answer {answers[code < 0].tolist()[0]!r}.")
    return code


def _losses(model, X, code) -> np.ndarray:
    p = model.predict_proba(X)[np.arange(len(X)), code]
    return -np.log2(p.clip(FLOOR, 1.0))


def _answer(model, outcome):
    if not hasattr(model, "predict_proba"):
        return model.predict
    classes = list(model.classes_)
    if outcome is None and len(classes) != 2:
        raise InputError(f"The model knows {len(classes)} outcomes: say which with outcome=.")
    if outcome is not None and outcome not in classes:
        raise InputError(f"The model does not know the outcome {outcome!r}: choose among {classes}.")
    at = 1 if outcome is None else classes.index(outcome)
    return lambda table: model.predict_proba(table)[:, at]
