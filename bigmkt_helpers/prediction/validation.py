"""Honest examinations: folds, windows of time, settings chosen inside, and a look for leaks beforehand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.prediction import _checks
from bigmkt_helpers.prediction._scores import MEASURES, draws, weighted
from bigmkt_helpers.prediction.models import MODELS, SETTINGS, make_model

__all__ = [
    "CrossValidated",
    "compare_validated",
    "cross_validated",
    "drawn_settings",
    "leakage_report",
    "nested_choice",
    "time_windows",
]


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidated:
    """What a model said of customers it had not seen.

    Attributes
    ----------
    table : pandas.DataFrame
        Index: ``auc``, ``average_precision``, ``capture`` (share of the positives among the top customers),
        ``brier``, ``bits``; columns ``value`` (mean of the folds), ``low``, ``high``, ``sd`` (between folds).
    probabilities : pandas.Series
        Of the positive class, by customer, each from the model that did not see them.
    true : pandas.Series of bool
    folds : pandas.Series of int
    draws : ndarray of shape (n_resamples, 5)
        The resampled values; the same customers are drawn for every model judged with the same seed.
    settings : list of dict
        Chosen in each fold; empty where nothing was chosen.
    """

    table: pd.DataFrame
    probabilities: pd.Series
    true: pd.Series
    folds: pd.Series
    draws: np.ndarray
    settings: list

    def __repr__(self) -> str:
        row = self.table.loc["auc"]
        return f"CrossValidated({len(self.true):,} customers, AUC {row['value']:.4f})"


def cross_validated(
    model,
    X,
    y,
    positive=1,
    folds=5,
    share: float = 0.2,
    level: float = 0.95,
    n_resamples: int = 400,
    random_state: int = 0,
) -> CrossValidated:
    """Judge a model on customers that it has not seen, with intervals over customers.

    Parameters
    ----------
    model : estimator, or callable
        Not fitted, with ``predict_proba``; a callable takes the training rows and answers and returns a
        fitted model (as `nested_choice` does with its search).
    X : pandas.DataFrame
    y : array-like
    positive : label
        The class whose probability is judged.
    folds : int or list of (train, test)
        A number of stratified, shuffled folds; or positions, such as `time_windows` gives. Customers in no
        test part are not judged.
    share : float
        The top that ``capture`` counts.
    level, n_resamples : float, int
        Customers are drawn with replacement within each fold; the interval covers who was judged, not who
        was learned from.
    random_state : int

    Returns
    -------
    CrossValidated

    Raises
    ------
    InputError
        One class only, in all or in one part; fewer members of a class than folds; a model without
        probabilities; a share or level outside 0 to 1.

    Examples
    --------
    >>> from bigmkt_helpers.prediction import make_model
    >>> from bigmkt_helpers.datasets import load_oj
    >>> oj = load_oj()
    >>> model = make_model("logistic", ["loyal_ch", "price_diff"])
    >>> cross_validated(model, oj, oj["purchase"], positive="CH")
    CrossValidated(1,070 customers, AUC 0.8988)
    """
    X = _checks.table(X)
    hit, answers = _both(X, y, positive)
    _checks.share(share, "share")
    _checks.share(level, "level")
    _checks.whole_number(n_resamples, "n_resamples", least=50)
    rng = _checks.generator(random_state)
    p, fold = np.full(len(X), np.nan), np.full(len(X), -1)
    values, drawn, settings = [], [], []
    for number, (train, test) in enumerate(_parts(folds, hit, random_state)):
        for part, name in ((train, "training"), (test, "test")):
            if hit[part].all() or not hit[part].any():
                raise InputError(
                    f"The {name} part of fold {number} has customers of one class only: "
                    "use fewer or other folds."
                )
        fitted = _fitted(model, X.iloc[train], answers[train])
        p[test] = _of_positive(fitted, X.iloc[test], positive)
        fold[test] = number
        values.append(weighted(hit[test], p[test], np.ones((1, len(test))), share=share)[0])
        drawn.append(weighted(hit[test], p[test], draws(len(test), n_resamples, rng), share=share))
        settings.append(dict(getattr(fitted, "chosen_", {})))
    values = np.array(values)
    mean = np.nanmean(np.stack(drawn), axis=0)
    low, high = np.nanquantile(mean, [(1 - level) / 2, (1 + level) / 2], axis=0)
    table = pd.DataFrame(
        {
            "value": values.mean(axis=0),
            "low": low,
            "high": high,
            "sd": values.std(axis=0, ddof=1) if len(values) > 1 else np.nan,
        },
        index=pd.Index(MEASURES, name="measure"),
    )
    judged = fold >= 0
    index = X.index[judged]
    return CrossValidated(
        table,
        pd.Series(p[judged], index, name="probability"),
        pd.Series(hit[judged], index, name="true"),
        pd.Series(fold[judged], index, name="fold"),
        mean,
        settings if any(settings) else [],
    )


def compare_validated(a: CrossValidated, b: CrossValidated, level: float = 0.95) -> pd.DataFrame:
    """The difference a - b of two models judged on the same folds with the same seed.

    Returns
    -------
    pandas.DataFrame
        Index: the measures; ``difference``, ``low``, ``high``. For Brier score and bits less is better.

    Raises
    ------
    InputError
        Other customers, folds or draws.
    """
    if (
        len(a.true) != len(b.true)
        or a.draws.shape != b.draws.shape
        or not (a.folds.to_numpy() == b.folds.to_numpy()).all()
        or not (a.true.to_numpy() == b.true.to_numpy()).all()
    ):
        raise InputError("The two were not judged on the same folds: use one seed and one set of customers.")
    _checks.share(level, "level")
    low, high = np.nanquantile(a.draws - b.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    gap = a.table["value"] - b.table["value"]
    return pd.DataFrame({"difference": gap, "low": low, "high": high})


def time_windows(times, n_windows: int = 4, horizon="28D", gap=None, window=None) -> list:
    """Positions of training and test rows, in time order: learn from the past, judge on what came next.

    The last test part ends with the data; each is one horizon long. A row is learned from only if its own
    answer was known when the test part begins: its time plus `gap` is not after it.

    Parameters
    ----------
    times : array-like of datetime
        When each row's features were taken.
    n_windows : int
    horizon : str or Timedelta
        Length of each test part.
    gap : str or Timedelta, optional
        How long an answer takes to be known; the horizon without it.
    window : str or Timedelta, optional
        How far back training rows may lie; all of the past without it.

    Returns
    -------
    list of (train, test)
        Arrays of positions, the earliest window first.

    Raises
    ------
    InputError
        Missing times; a length that is none; a window without rows on one of its sides.

    Examples
    --------
    >>> days = pd.date_range("2025-01-01", periods=6, freq="28D")
    >>> [(train.tolist(), test.tolist()) for train, test in time_windows(days, n_windows=2)]
    [([0, 1, 2, 3], [4]), ([0, 1, 2, 3, 4], [5])]
    """
    moments = pd.Series(pd.to_datetime(pd.Series(times).reset_index(drop=True)))
    if moments.isna().any() or not len(moments):
        raise InputError("times must hold a moment for every row.")
    _checks.whole_number(n_windows, "n_windows", least=1)
    horizon = _length(horizon, "horizon")
    gap = horizon if gap is None else _length(gap, "gap", least=pd.Timedelta(0))
    window = None if window is None else _length(window, "window")
    last, parts = moments.max(), []
    for back in reversed(range(n_windows)):
        end = last - back * horizon
        start = end - horizon  # the part (start, end]
        test = np.flatnonzero((moments > start) & (moments <= end))
        first = moments[test].min() if len(test) else end
        known = (moments < first) & (moments + gap <= first)
        if window is not None:
            known &= moments >= first - gap - window
        train = np.flatnonzero(known)
        if not len(train) or not len(test):
            side = "learn from" if len(test) else "judge"
            raise InputError(f"The window that ends {end} has no row to {side}: ask for fewer windows.")
        parts.append((train, test))
    return parts


def drawn_settings(name: str, budget: int, random_state: int = 0, grid=None) -> list[dict]:
    """Different settings of a model, drawn at random from a grid; all of them if the budget covers them.

    Parameters
    ----------
    name : str
        A model of `make_model`.
    budget : int
    random_state : int
    grid : dict of {setting: list}, optional
        `SETTINGS` of the model without it.

    Examples
    --------
    >>> len(drawn_settings("boosting", 5)), drawn_settings("linear", 9)[0]
    (5, {'alpha': 0.01})
    """
    from itertools import product

    _checks.whole_number(budget, "budget", least=1)
    if grid is None:
        if name not in MODELS:
            raise InputError(f"There is no model {name!r}: use one of {', '.join(MODELS)}.")
        grid = SETTINGS[name]
    every = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if len(every) <= budget:
        return every
    chosen = _checks.generator(random_state).choice(len(every), size=budget, replace=False)
    return [every[i] for i in sorted(chosen)]


def nested_choice(
    names,
    X,
    y,
    numbers=(),
    categories=(),
    log=(),
    *,
    budget: int = 6,
    positive=1,
    folds=5,
    inner: int = 3,
    grids=None,
    settings=None,
    random_state: int = 0,
    **judging,
) -> dict:
    """Models compared under one budget: as many settings for each, chosen by folds inside the training rows.

    The outer folds never take part in a choice, so that trying more settings cannot flatter.

    Parameters
    ----------
    names : sequence of str
        Of models that give probabilities, as `make_model` knows them.
    X, y : pandas.DataFrame, array-like
    numbers, categories, log
        The declaration, as `make_model` takes it.
    budget : int
        Settings that each model may try; a model whose grid is smaller tries its whole grid.
    positive, folds
        As in `cross_validated`.
    inner : int
        Folds inside, by log loss.
    grids : dict of {name: {setting: list}}, optional
        In place of `SETTINGS`.
    settings : dict of {name: dict}, optional
        Settings held fixed, such as ``{"forest": {"n_estimators": 50}}``.
    random_state : int
    **judging
        ``share``, ``level``, ``n_resamples`` of `cross_validated`.

    Returns
    -------
    dict of {name: CrossValidated}
        Each with the ``settings`` chosen in every outer fold.

    Raises
    ------
    InputError
        As `make_model` and `cross_validated`.
    """
    X = _checks.table(X)
    _checks.whole_number(inner, "inner", least=2)
    found = {}
    for name in names:
        if name == "linear":
            raise InputError("'linear' predicts an amount, not a class: leave it out here.")
        tries = drawn_settings(name, budget, random_state, (grids or {}).get(name))
        fixed = {"random_state": random_state, **(settings or {}).get(name, {})}

        def search(rows, answers, name=name, tries=tries, fixed=fixed):
            def made(extra):
                return make_model(name, numbers, categories, log, **{**fixed, **extra})

            hit = answers == positive
            losses = np.zeros(len(tries))
            for train, test in _parts(inner, hit, random_state):
                # settings are the last step's: the steps before it are learned once for all of them
                start = made({})[:-1]
                inside = start.fit_transform(rows.iloc[train], answers[train])
                outside, one = start.transform(rows.iloc[test]), np.ones((1, len(test)))
                for i, extra in enumerate(tries):
                    fitted = made(extra)[-1].fit(inside, answers[train])
                    p = _of_positive(fitted, outside, positive)
                    losses[i] += weighted(hit[test], p, one, ("bits",))[0, 0]
            best = tries[int(losses.argmin())]
            fitted = made(best).fit(rows, answers)
            fitted.chosen_ = best
            return fitted

        found[name] = cross_validated(search, X, y, positive, folds, random_state=random_state, **judging)
    return found


def leakage_report(X, y, positive=1, suspicious: float = 0.95, n_folds: int = 5, random_state: int = 0):
    """Each column alone: does it tell the answer too well, is it a number that names people, is it a date?

    A column by itself is made into bins (numbers) or labels; the share of positives in the bin, learned on
    other folds, is its score. Real features of customers seldom reach an AUC of 0.9 alone; what does was
    often written down after the answer was known. The test cannot see a leak that is weak, or that needs two
    columns: it finds the gross ones, and the calendar (when was this value written?) must find the rest.

    Parameters
    ----------
    X : pandas.DataFrame
    y : array-like
    positive : label
    suspicious : float
        An AUC, alone, from which on a column is called a leak.
    n_folds : int
    random_state : int

    Returns
    -------
    pandas.DataFrame
        Index: columns, the most telling first; ``auc`` (of the column alone, held out; 0.5 tells nothing),
        ``different`` (values), ``missing`` (share), ``verdict``: "leak" (too good alone), "id" (a different
        whole number or text for nearly everybody), "date" (dates, as such or as text), "constant", or "".

    Raises
    ------
    InputError
        One class only; fewer members of a class than folds.

    Examples
    --------
    >>> left = [1, 0] * 100
    >>> X = pd.DataFrame({"row": range(200), "left_on": ["2025-03-01", None] * 100,
    ...                   "age": [20, 20, 40, 40] * 50})
    >>> leakage_report(X, left)["verdict"].to_dict()
    {'left_on': 'leak', 'age': '', 'row': 'id'}
    """
    X = _checks.table(X)
    hit, _ = _both(X, y, positive)
    parts = _parts(_checks.whole_number(n_folds, "n_folds", least=2), hit, random_state)
    rows = {}
    for name in X.columns:
        column = X[name]
        known = column.dropna()
        different = int(known.nunique())
        numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
        dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
        score = np.empty(len(X))
        if numeric or dates:
            values = column.astype("int64") if dates and column.notna().all() else column
            values = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
            if different > 40:
                edges = np.unique(np.nanquantile(values, np.linspace(0, 1, 21)[1:-1]))
                code = np.where(np.isnan(values), -1, np.searchsorted(edges, values, side="right"))
            else:
                code = pd.factorize(values)[0]
        else:
            code = pd.factorize(column.astype(object))[0]
        code = code - code.min()
        for train, test in parts:
            n = np.bincount(code[train], minlength=code.max() + 1)
            hits = np.bincount(code[train], hit[train], minlength=code.max() + 1)
            score[test] = ((hits + hit[train].mean()) / (n + 1))[code[test]]
        auc = weighted(hit, score, np.ones((1, len(X))), ("auc",))[0, 0]
        whole = not numeric or bool((known.to_numpy(float) % 1 == 0).all())
        verdict = ""
        if different + (len(known) < len(X)) < 2:
            verdict = "constant"
        elif auc >= suspicious:
            verdict = "leak"
        elif dates or _checks.looks_like_dates(column):
            verdict = "date"
        elif whole and len(known) >= 30 and different >= 0.95 * len(known):
            verdict = "id"
        rows[name] = {
            "auc": auc,
            "different": different,
            "missing": float(column.isna().mean()),
            "verdict": verdict,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("column")
    return table.sort_values("auc", ascending=False, kind="stable")


# --- steps ------------------------------------------------------------------------------------------


def _both(X, y, positive):
    answers = np.asarray(y)
    if len(answers) != len(X):
        raise InputError(f"y has {len(answers)} answers for {len(X)} customers: they must pair up.")
    if isinstance(y, pd.Series) and isinstance(y.index, pd.Index) and not y.index.equals(X.index):
        raise InputError("X and y carry different indexes: align them.")
    return _checks.binary(answers, positive, "y"), answers


def _parts(folds, hit, random_state) -> list:
    if not isinstance(folds, int | np.integer):
        return [(np.asarray(train), np.asarray(test)) for train, test in folds]
    from sklearn.model_selection import StratifiedKFold

    least = int(min(hit.sum(), (~hit).sum()))
    if least < _checks.whole_number(folds, "folds", least=2):
        raise InputError(f"The rarer class has {least} customers, fewer than {folds} folds: use fewer folds.")
    return list(StratifiedKFold(folds, shuffle=True, random_state=random_state).split(hit, hit))


def _fitted(model, X, answers):
    from sklearn.base import clone

    if hasattr(model, "fit"):
        return clone(model).fit(X, answers)
    if not callable(model):
        raise InputError(f"model is a {type(model).__name__}: pass an estimator or a function that fits one.")
    return model(X, answers)


def _of_positive(fitted, X, positive) -> np.ndarray:
    if not hasattr(fitted, "predict_proba"):
        raise InputError(f"{type(fitted).__name__} gives no probabilities: take a model that does.")
    classes = list(fitted.classes_)
    if positive not in classes:
        raise InputError(f"The model knows the classes {classes}, not {positive!r}: name one of them.")
    return fitted.predict_proba(X)[:, classes.index(positive)]


def _length(value, name, least=None) -> pd.Timedelta:
    try:
        span = pd.Timedelta(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}={value!r} is no length of time ({error}): write '28D', say.") from error
    if span is pd.NaT or (span <= pd.Timedelta(0) if least is None else span < least):
        raise InputError(f"{name}={value!r} must be longer than nothing.")
    return span
