"""Thin pipelines: columns typed by declaration, everything learned inside the fold, one name per model.

scikit-learn does the models. What is added here is what marketing data need: a number is a number and a
label is a label because somebody said so; a column that nobody declared (a customer's number, say) never
enters; a label that was not there in training, a gap and a constant column have a defined answer.
"""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.prediction import _checks

__all__ = ["MODELS", "SETTINGS", "DeclaredColumns", "NaiveBayes", "make_model", "pruning_table"]

MODELS = ("naive_bayes", "logistic", "linear", "tree", "forest", "boosting")
"""Names that `make_model` knows; "linear" predicts an amount, the others the probability of a class."""

MISSING = "(missing)"
"""How a gap in a column of labels enters a model: as a label of its own."""

SETTINGS = {
    "naive_bayes": {"smoothing": [0.1, 1.0, 10.0], "bins": [None, 5, 10, 20]},
    "logistic": {"C": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]},
    "linear": {"alpha": [0.01, 0.1, 1.0, 10.0, 100.0]},
    "tree": {"max_depth": [3, 4, 5, 6, 8, None], "min_samples_leaf": [5, 20, 50, 100]},
    "forest": {"min_samples_leaf": [2, 5, 10, 20, 40], "max_features": ["sqrt", 0.2, 0.5]},
    "boosting": {
        "learning_rate": [0.03, 0.06, 0.1],
        "max_iter": [50, 100, 200],
        "max_leaf_nodes": [4, 8, 16],
        "min_samples_leaf": [20, 60],
        "l2_regularization": [0.0, 10.0],
    },
}
"""Settings worth trying for each model, as `nested_choice` draws from them."""


class DeclaredColumns(TransformerMixin, BaseEstimator):
    """Takes the declared columns, and only these, in the form that was declared.

    Numbers become floats and may have gaps; one that has no value in training comes out as 0 for everybody.
    Categories become text, a gap becomes "(missing)".

    Parameters
    ----------
    numbers, categories : sequence of column names
    target : {"class", "amount"}
        What `fit` checks in the answers: at least two classes, or finite numbers.
    log : sequence of column names
        Numbers of which log(1 + x) is taken, for long tails; none may be below 0.

    Raises
    ------
    InputError
        A column that is not there, declared twice, declared a number but text or a date, declared a category
        but dates as text; infinite values; answers of one class only.

    Examples
    --------
    >>> X = pd.DataFrame({"id": [7, 8], "age": [31, None], "plan": ["S", None]})
    >>> DeclaredColumns(["age"], ["plan"]).fit_transform(X).to_numpy().tolist()
    [[31.0, 'S'], [nan, '(missing)']]
    """

    def __init__(self, numbers=(), categories=(), target="class", log=()):
        self.numbers = numbers
        self.categories = categories
        self.target = target
        self.log = log

    def fit(self, X, y=None):
        """Check columns and answers; what is learned is which numbers are empty."""
        names = [*self.numbers, *self.categories]
        if not names:
            raise InputError("No column is declared: name numbers=, categories= or both.")
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"Column {twice[0]!r} is declared twice: it is a number or a category.")
        odd = [name for name in self.log if name not in self.numbers]
        if odd:
            raise InputError(f"log= names {odd[0]!r}, which is not declared a number.")
        taken = self._take(_checks.table(X))
        if y is not None:
            _answers(y, len(X), self.target)
        self.empty_ = [name for name in self.numbers if taken[name].isna().all()]
        self.n_features_in_ = len(names)
        return self

    def transform(self, X) -> pd.DataFrame:
        """The declared columns: numbers first, as floats, then categories, as text."""
        if not hasattr(self, "n_features_in_"):
            raise NotFittedError("DeclaredColumns has seen nothing yet: call fit first.")
        taken = self._take(_checks.table(X))
        taken[self.empty_] = 0.0
        return taken

    def _take(self, X) -> pd.DataFrame:
        absent = [name for name in (*self.numbers, *self.categories) if name not in X.columns]
        if absent:
            raise InputError(
                f"X has no column {absent[0]!r}, which is declared; it has {list(map(str, X.columns))[:8]}."
            )
        taken = {name: _number(X[name], name) for name in self.numbers}
        for name in self.log:
            if (taken[name] < 0).any():
                row = X.index[int((taken[name] < 0).argmax())]
                raise InputError(f"Column {name!r} is below 0 in row {row}: leave it out of log=.")
            taken[name] = np.log1p(taken[name])
        taken |= {name: _category(X[name], name) for name in self.categories}
        return pd.DataFrame(taken, index=X.index)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that come out."""
        return np.array([*self.numbers, *self.categories], dtype=object)


def _answers(y, n, target) -> None:
    answers = pd.Series(np.asarray(y)) if not isinstance(y, pd.Series) else y
    if len(answers) != n:
        raise InputError(f"y has {len(answers)} answers for {n} customers: they must pair up.")
    if answers.isna().any():
        raise InputError(
            f"y is missing at position {int(answers.isna().to_numpy().argmax())} "
            f"({int(answers.isna().sum())} such): leave these customers out."
        )
    if target == "class":
        if answers.nunique() < 2:
            raise InputError(
                f"Every answer is {answers.tolist()[0]!r}: a model needs customers of two classes at least; "
                "take a longer time or more customers, until both occur."
            )
    elif not pd.api.types.is_numeric_dtype(answers.dtype) or not np.isfinite(answers.to_numpy(float)).all():
        raise InputError("y must hold finite numbers: 'linear' predicts an amount.")


def _number(column, name) -> np.ndarray:
    kind = column.dtype
    if pd.api.types.is_datetime64_any_dtype(kind) or isinstance(kind, pd.PeriodDtype):
        raise InputError(
            f"Column {name!r} holds dates: turn it into a number first, such as days before the cutoff."
        )
    if not pd.api.types.is_numeric_dtype(kind):
        texts = column.dropna()
        if len(texts):
            found = texts.tolist()[0]
            where = f"first {found!r} in row {texts.index[0]}"
            if _checks.looks_like_dates(column):
                raise InputError(
                    f"Column {name!r} is declared a number but holds dates as text, {where}: turn it into a "
                    "number first, such as days before the cutoff."
                )
            raise InputError(
                f"Column {name!r} is declared a number but holds text, {where}: convert it, or declare it a "
                "category."
            )
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        at = int(np.isinf(values).argmax())
        raise InputError(f"Column {name!r} is infinite in row {column.index[at]}: fill it or cap it.")
    return values


def _category(column, name) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or _checks.looks_like_dates(column):
        first = column.dropna().tolist()[0]
        raise InputError(
            f"Column {name!r} is declared a category but holds dates, first {str(first)!r}: no later day was "
            "ever in training; turn it into a number, such as days before the cutoff."
        )
    values = column.astype(object).to_numpy()
    gap = pd.isna(values)
    # 1 and 1.0 are one label: a gap turns a column of whole numbers into floats
    text = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in values[~gap]]
    out = np.full(len(values), MISSING, dtype=object)
    out[~gap] = text
    return out


class NaiveBayes(ClassifierMixin, BaseEstimator):
    """Naive Bayes for numbers and labels together; what is not known leaves the evidence unchanged.

    By Bayes' rule P(y | x) ∝ P(y) · P(x | y). The naive step, that the columns are independent within a
    class, turns P(x | y) into a product over columns: P(y | x) ∝ P(y) · Π P(x_j | y). A label's P is its
    smoothed share in the class, (n + a) / (N + a · labels); a number's is a normal density with the mean and
    variance of the class, or, with `bins`, the share of its bin. A gap, and a label never seen in training,
    drop out of the product. scikit-learn has the two halves (``GaussianNB``, ``CategoricalNB``) but not both
    in one, and its categorical half has no answer for an unseen label.

    Parameters
    ----------
    smoothing : float
        The a above, greater than 0.
    bins : int, optional
        Cut numbers into this many bins of about equal count; without it they are taken as normal.
    variance_floor : float
        Added to every variance, as a share of the largest variance of any number, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray
    prior_ : pandas.Series
    labels_ : dict of {column: DataFrame}
        log P(label | class), labels by classes.
    means_, variances_ : pandas.DataFrame
        Columns by classes.

    Examples
    --------
    >>> X = pd.DataFrame({"plan": ["S", "S", "L", "L", "L", "S"]})
    >>> model = NaiveBayes().fit(X, ["stays", "leaves", "stays", "stays", "stays", "leaves"])
    >>> model.predict_proba(pd.DataFrame({"plan": ["S", "never seen"]})).round(3).tolist()
    [[0.529, 0.471], [0.333, 0.667]]
    """

    def __init__(self, smoothing=1.0, bins=None, variance_floor=1e-9):
        self.smoothing = smoothing
        self.bins = bins
        self.variance_floor = variance_floor

    def fit(self, X, y):
        """Count; columns of floats are numbers, all others labels."""
        if not _checks.not_negative(self.smoothing, "smoothing") > 0:
            raise InputError("smoothing is 0: a label seen in one class only would rule out the others.")
        if self.bins is not None:
            _checks.whole_number(self.bins, "bins", least=2)
        X = _checks.table(X)
        _answers(y, len(X), "class")
        self.classes_, code = np.unique(np.asarray(y), return_inverse=True)
        counts = np.bincount(code)
        self.prior_ = pd.Series(counts / counts.sum(), index=self.classes_)
        self.columns_ = list(X.columns)
        self.numbers_ = [c for c in X.columns if pd.api.types.is_numeric_dtype(X[c].dtype)]
        self.edges_ = {}
        if self.bins is not None:
            for c in self.numbers_:
                inner = np.linspace(0, 1, self.bins + 1)[1:-1]
                known = X[c].to_numpy(float)
                known = known[~np.isnan(known)]
                self.edges_[c] = np.unique(np.quantile(known, inner)) if len(known) else np.array([])
        self.labels_, means, variances = {}, {}, {}
        for c in X.columns:
            if c in self.numbers_ and self.bins is None:
                by = X[c].groupby(code)
                means[c] = by.mean().reindex(range(len(counts)))
                variances[c] = by.var(ddof=0).reindex(range(len(counts)))
                continue
            values = self._labels(X[c])
            label, names = pd.factorize(values, sort=True)
            cell = (label * len(counts) + code)[label >= 0]
            n = np.bincount(cell, minlength=len(names) * len(counts)).reshape(len(names), len(counts))
            shares = (n + self.smoothing) / (n.sum(axis=0) + self.smoothing * len(n))
            self.labels_[c] = pd.DataFrame(np.log(shares), pd.Index(names, name=c), self.classes_)
        self.means_ = pd.DataFrame(means).T.set_axis(self.classes_, axis=1) if means else pd.DataFrame()
        self.variances_ = pd.DataFrame()
        if means:
            largest = max(
                float(np.nanvar(X[c].to_numpy(float))) if X[c].notna().any() else 0.0 for c in means
            )
            table = pd.DataFrame(variances).T.set_axis(self.classes_, axis=1)
            # numbers that are all alike tell nothing: any variance above 0 makes them drop out
            self.variances_ = table + (self.variance_floor * largest or 1.0)
        self.n_features_in_ = len(self.columns_)
        return self

    def log_evidence(self, X) -> dict:
        """log P(x_j | y), customers by classes, to every column; 0 where nothing is known."""
        if not hasattr(self, "classes_"):
            raise NotFittedError("NaiveBayes has learned nothing yet: call fit first.")
        X = _checks.table(X)
        absent = [c for c in self.columns_ if c not in X.columns]
        if absent:
            raise InputError(f"X has no column {absent[0]!r}, which was there in training.")
        evidence = {}
        for c in self.columns_:
            if c in self.labels_:
                table = self.labels_[c]
                found = table.to_numpy()[(place := table.index.get_indexer(self._labels(X[c])))]
                found[place < 0] = 0.0
            else:
                x = X[c].to_numpy(dtype=float, na_value=np.nan)[:, None]
                mean, var = self.means_.loc[c].to_numpy(float), self.variances_.loc[c].to_numpy(float)
                found = -0.5 * (np.log(2 * np.pi * var) + (x - mean) ** 2 / var)
                # a class that never showed the number cannot be told by it
                found[np.isnan(found).any(axis=1)] = 0.0
            evidence[c] = found
        return evidence

    def predict_proba(self, X) -> np.ndarray:
        """P(class | x), customers by classes."""
        evidence = self.log_evidence(X)
        total = np.log(self.prior_.to_numpy()) + sum(evidence.values())
        total -= total.max(axis=1, keepdims=True)
        p = np.exp(total)
        return p / p.sum(axis=1, keepdims=True)

    def predict(self, X) -> np.ndarray:
        """The most probable class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _labels(self, column) -> pd.Series:
        if column.name not in self.edges_:
            return column
        values = column.to_numpy(float)
        bins = np.searchsorted(self.edges_[column.name], values, side="right").astype(float)
        bins[np.isnan(values)] = np.nan
        return pd.Series(bins, index=column.index)


def make_model(name: str, numbers=(), categories=(), log=(), random_state: int = 0, **settings):
    """A pipeline from a table of customers to probabilities (or, for "linear", to amounts).

    Parameters
    ----------
    name : {"naive_bayes", "logistic", "linear", "tree", "forest", "boosting"}
    numbers, categories : sequence of column names
        The declaration; what is in neither does not enter.
    log : sequence of column names
        Numbers of which log(1 + x) is taken first. Trees do not need it.
    random_state : int
    **settings
        Of the model: `NaiveBayes`, scikit-learn's ``LogisticRegression`` (C, class_weight), ``Ridge`` (alpha;
        1e-6 unless given, so that it is least squares with a definite answer), ``DecisionTreeClassifier``
        (max_depth, ccp_alpha), ``RandomForestClassifier``, ``HistGradientBoostingClassifier``.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps ``columns``, ``encode`` (not for naive Bayes), ``model``. For logistic and linear models numbers
        are standardised, gaps filled with the median of the training rows and marked by a column of their
        own; trees and boosting read gaps as they are. A label unseen in training is no label at all for
        one-hot columns, a gap for boosting. A constant column changes no probability
        (but the luck of equally good splits in trees and forests).

    Raises
    ------
    InputError
        An unknown name or setting; no column; in ``fit`` as `DeclaredColumns`.

    Examples
    --------
    >>> X = pd.DataFrame({"visits": [0, 1, 5, 6], "plan": ["S", "S", "L", "L"]})
    >>> model = make_model("logistic", ["visits"], ["plan"]).fit(X, ["no", "no", "yes", "yes"])
    >>> model.predict(pd.DataFrame({"visits": [7, 0], "plan": ["XL", "S"]})).tolist()
    ['yes', 'no']
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    if name not in MODELS:
        raise InputError(f"There is no model {name!r}: use one of {', '.join(MODELS)}.")
    numbers, categories = list(numbers), list(categories)
    if not numbers and not categories:
        raise InputError("No column is declared: name numbers=, categories= or both.")
    model = _estimator(name, settings, random_state, [False] * len(numbers) + [True] * len(categories))
    declared = DeclaredColumns(numbers, categories, "amount" if name == "linear" else "class", list(log))
    if name == "naive_bayes":
        return Pipeline([("columns", declared), ("model", model)])
    if name in ("logistic", "linear"):
        from sklearn.impute import SimpleImputer

        fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        how = make_pipeline(fill, StandardScaler())
    else:
        how = "passthrough"
    if name == "boosting":
        labels = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=200, dtype=float
        )
    else:
        labels = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    steps = [("numbers", how, numbers), ("categories", labels, categories)]
    encode = ColumnTransformer(
        [step for step in steps if step[2]], verbose_feature_names_out=False, sparse_threshold=0
    )
    return Pipeline([("columns", declared), ("encode", encode), ("model", model)])


def _estimator(name, settings, random_state, is_category):
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.tree import DecisionTreeClassifier

    seed = {"random_state": random_state}
    kind, standard = {
        "naive_bayes": (NaiveBayes, {}),
        "logistic": (LogisticRegression, {"C": 1.0, "max_iter": 2000}),
        "linear": (Ridge, {"alpha": 1e-6}),
        "tree": (DecisionTreeClassifier, {**seed, "min_samples_leaf": 5}),
        "forest": (RandomForestClassifier, {**seed, "n_estimators": 200, "min_samples_leaf": 5}),
        "boosting": (
            HistGradientBoostingClassifier,
            {
                **seed,
                "learning_rate": 0.06,
                "max_iter": 100,
                "max_leaf_nodes": 8,
                "early_stopping": False,
                "categorical_features": is_category if any(is_category) else None,
            },
        ),
    }[name]
    unknown = sorted(set(settings) - set(kind().get_params()))
    if unknown:
        raise InputError(f"{name} has no setting {unknown[0]!r}; it has {', '.join(kind().get_params())}.")
    return kind(**{**standard, **settings})


def pruning_table(model, X, y, n_folds: int = 5, n_sizes: int = 20, random_state: int = 0) -> pd.DataFrame:
    """Cost-complexity pruning of a tree: how large it should be, by log loss in customers not seen.

    A tree is grown in full; α, the price of a leaf, runs over the values at which a branch falls. For each
    the tree is grown again in every fold. The chosen one is the smallest tree whose loss is within one
    standard error of the least (Breiman, Friedman, Olshen & Stone, Classification and Regression Trees,
    1984).

    Parameters
    ----------
    model : Pipeline
        As ``make_model("tree", …)`` gives it.
    X : pandas.DataFrame
    y : array-like
    n_folds : int
    n_sizes : int
        How many values of α are tried at most, closer together where the tree is small.
    random_state : int

    Returns
    -------
    pandas.DataFrame
        By rising α: ``alpha``, ``leaves`` (grown on all rows), ``bits`` (held-out log loss, mean of folds),
        ``error`` (its standard error over folds), ``chosen`` (True in one row). Use it as
        ``make_model("tree", …, ccp_alpha=…)``.

    Raises
    ------
    InputError
        A model without a tree; fewer members of a class than folds; as the model's own.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> X = pd.DataFrame({"x": rng.normal(size=300), "noise": rng.normal(size=300)})
    >>> y = (X["x"] + rng.normal(size=300) > 0).to_numpy()
    >>> table = pruning_table(make_model("tree", ["x", "noise"]), X, y)
    >>> bool(table["leaves"].iloc[0] > 20), bool(table.loc[table["chosen"], "leaves"].iloc[0] < 10)
    (True, True)
    """
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedKFold
    from sklearn.tree import DecisionTreeClassifier

    if not hasattr(model, "named_steps") or not isinstance(model[-1], DecisionTreeClassifier):
        raise InputError("pruning_table prunes a tree: pass make_model('tree', …).")
    _checks.whole_number(n_folds, "n_folds", least=2)
    _checks.whole_number(n_sizes, "n_sizes", least=2)
    y = np.asarray(y)
    encoded = clone(model[:-1]).fit(X, y).transform(X)
    path = clone(model[-1]).set_params(ccp_alpha=0.0).cost_complexity_pruning_path(encoded, y)
    # values between two falls stand for the whole stretch (geometric mean, as in the book named above)
    alphas = np.unique(path.ccp_alphas.clip(min=0))
    alphas = np.r_[0.0, np.sqrt(alphas[1:-1] * alphas[2:]), alphas[-1]] if len(alphas) > 2 else alphas
    # nearly all falls of a large tree are of single leaves: count from the small end, in growing steps
    alphas = alphas[np.unique(len(alphas) - np.geomspace(1, len(alphas), n_sizes).round().astype(int))]
    least = np.unique(y, return_counts=True)[1].min()
    if least < n_folds:
        raise InputError(f"The rarest class has {least} customers, fewer than {n_folds} folds: use fewer.")
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    losses = np.empty((len(alphas), n_folds))
    for f, (train, test) in enumerate(folds.split(X, y)):
        start = clone(model[:-1]).fit(X.iloc[train], y[train])
        inside, outside = start.transform(X.iloc[train]), start.transform(X.iloc[test])
        for a, alpha in enumerate(alphas):
            tree = clone(model[-1]).set_params(ccp_alpha=alpha).fit(inside, y[train])
            p = tree.predict_proba(outside)[np.arange(len(test)), np.searchsorted(tree.classes_, y[test])]
            # a pure leaf is sure of itself; the floor is what one more customer in it would allow
            losses[a, f] = -np.log2(p.clip(min=1 / (len(train) + 2))).mean()
    table = pd.DataFrame(
        {
            "alpha": alphas,
            "leaves": [
                clone(model[-1]).set_params(ccp_alpha=a).fit(encoded, y).get_n_leaves() for a in alphas
            ],
            "bits": losses.mean(axis=1),
            "error": losses.std(axis=1, ddof=1) / np.sqrt(n_folds),
        }
    )
    best = table.loc[table["bits"].idxmin()]
    good = table["bits"] <= best["bits"] + best["error"]
    return table.assign(chosen=table.index == table.index[good].max())
