"""Who stands out: scores of strangeness, to be looked at by a person before anything is done."""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.prediction import _checks

__all__ = ["AnomalyScores"]

METHODS = ("robust distance", "isolation forest")


class AnomalyScores:
    """How far each customer (or order) is from the bulk of those learned from.

    "robust distance" is the Mahalanobis distance from the centre of the most central half (scikit-learn's
    minimum covariance determinant): good for one cloud. "isolation forest" asks how few random cuts set
    somebody apart (scikit-learn's too): good for clouds of any shape. Neither knows fraud from a wedding
    order: a score says "look here".

    Parameters
    ----------
    method : {"robust distance", "isolation forest"}
    log : sequence of column names
        Features of which log(1 + x) is taken first, for long tails such as money; none below 0.
    n_trees : int
    random_state : int

    Attributes
    ----------
    columns_ : list
    constant_ : list
        Columns with one value; they are left out.
    scores_ : ndarray
        Of those learned from, sorted: what `rank` compares with.

    Raises
    ------
    InputError
        A column that is no number, gaps or infinite values, too few rows, every column constant.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(0))
    >>> X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["orders", "ticket"])
    >>> model = AnomalyScores().fit(X)
    >>> found = model.score(pd.DataFrame({"orders": [0.0, 9.0], "ticket": [0.1, 0.2]}))
    >>> found["stands_out"].iloc[1], bool(found["rank"].iloc[1] < 0.01 < found["rank"].iloc[0])
    ('orders', True)
    """

    def __init__(self, method: str = "robust distance", log=(), n_trees: int = 100, random_state: int = 0):
        self.method = method
        self.log = log
        self.n_trees = n_trees
        self.random_state = random_state

    def fit(self, X) -> "AnomalyScores":
        """Learn what is usual."""
        if self.method not in METHODS:
            raise InputError(f"method={self.method!r} is not known: use {' or '.join(map(repr, METHODS))}.")
        values = self._numbers(X)
        spread = values.max() - values.min()
        self.constant_ = list(values.columns[(spread == 0).to_numpy()])
        self.columns_ = [c for c in values.columns if c not in self.constant_]
        if not self.columns_:
            raise InputError("Every column has one value only: nobody can stand out.")
        values = values[self.columns_]
        if len(values) < 5 * len(self.columns_) or len(values) < 10:
            raise InputError(
                f"{len(values)} rows are too few for {len(self.columns_)} columns: "
                "take at least ten rows, and five for each column."
            )
        self.middle_ = values.median()
        # where more than half share one value the quartiles coincide: fall back to the mean deviation
        wide = (values.quantile(0.75) - values.quantile(0.25)) / 1.349
        mean = (values - self.middle_).abs().mean() * 1.2533
        self.scale_ = wide.where(wide > 0, mean)
        z = ((values - self.middle_) / self.scale_).to_numpy()
        seed = _checks.whole_number(self.random_state, "random_state", least=0)
        if self.method == "robust distance":
            from sklearn.covariance import MinCovDet

            if np.linalg.matrix_rank(z - z.mean(axis=0)) < z.shape[1]:
                raise InputError(
                    "A column follows from the others: leave it out (or take the isolation forest)."
                )
            self.model_ = MinCovDet(random_state=seed).fit(z)
        else:
            from sklearn.ensemble import IsolationForest

            trees = _checks.whole_number(self.n_trees, "n_trees", least=10)
            self.model_ = IsolationForest(n_estimators=trees, random_state=seed).fit(z)
        self.scores_ = np.sort(self._raw(z))
        return self

    def score(self, X) -> pd.DataFrame:
        """Strangeness of each row.

        Parameters
        ----------
        X : pandas.DataFrame
            The columns of fit.

        Returns
        -------
        pandas.DataFrame
            ``score`` (the higher, the stranger), ``rank`` (share of those learned from who are at least as
            strange: (1 + count) / (1 + n), so never 0), ``stands_out`` (the column farthest from its median,
            in robust deviations) and ``deviations`` (how far, with its sign).
        """
        if not hasattr(self, "scores_"):
            raise NotFittedError("AnomalyScores has learned nothing yet: call fit first.")
        absent = [c for c in self.columns_ if c not in _checks.table(X).columns]
        if absent:
            raise InputError(f"X has no column {absent[0]!r}, which was there in training.")
        values = self._numbers(X[self.columns_])
        z = ((values - self.middle_) / self.scale_).to_numpy()
        raw = self._raw(z)
        n = len(self.scores_)
        rank = (1 + n - np.searchsorted(self.scores_, raw, side="left")) / (1 + n)
        far = np.abs(z).argmax(axis=1)
        return pd.DataFrame(
            {
                "score": raw,
                "rank": rank,
                "stands_out": np.array(self.columns_, dtype=object)[far],
                "deviations": z[np.arange(len(z)), far],
            },
            index=X.index,
        )

    def _raw(self, z) -> np.ndarray:
        if self.method == "robust distance":
            return np.sqrt(self.model_.mahalanobis(z))
        return -self.model_.score_samples(z)

    def _numbers(self, X) -> pd.DataFrame:
        table = _checks.table(X)
        for column in table.columns:
            if not pd.api.types.is_numeric_dtype(table[column].dtype):
                raise InputError(f"Column {column!r} is no number: leave it out or encode it.")
        values = pd.DataFrame(
            table.to_numpy(dtype=float, na_value=np.nan), index=table.index, columns=table.columns
        )
        bad = ~np.isfinite(values.to_numpy())
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise InputError(
                f"Column {table.columns[column]!r} is missing or infinite in row {table.index[row]}: fill it."
            )
        for column in self.log:
            if column in values.columns:
                if (values[column] < 0).any():
                    raise InputError(f"Column {column!r} is below 0 somewhere: leave it out of log=.")
                values[column] = np.log1p(values[column])
        return values
