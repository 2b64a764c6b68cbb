"""Groups of customers who are alike: scaling, K-means from scratch, a hierarchy, Gaussian mixtures."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.segments import _checks

__all__ = ["FeatureScaler", "Hierarchy", "LloydKMeans", "fit_mixture", "renumbered"]

LINKAGES = ("ward", "average", "complete", "single")
"""Ways to measure how far two groups are; with all of them the heights of the merges never fall."""


# --- scaling -----------------------------------------------------------------------------------------


class FeatureScaler(TransformerMixin, BaseEstimator):
    """Brings features to one scale, so that days do not outweigh money by their unit alone.

    Parameters
    ----------
    log : sequence of column names
        Features of which log(1 + x) is taken first; for long tails such as money. A value below 0 (returns
        above purchases) counts as 0 here.
    weights : dict of {column: float}, optional
        Factors after the scaling; a feature left out has 1.

    Attributes
    ----------
    center_, scale_ : pandas.Series
        Mean and standard deviation (divided by n) of each feature after the logarithm.
    constant_ : list
        Features with one value for everybody. They come out as 0, so that they decide nothing.

    Raises
    ------
    InputError
        Missing or infinite values, unknown columns, other columns than those fitted.

    Examples
    --------
    >>> table = pd.DataFrame({"recency": [10.0, 20.0, 30.0], "country": [1.0, 1.0, 1.0]})
    >>> scaler = FeatureScaler().fit(table)
    >>> scaler.transform(table).round(3).to_numpy().tolist()
    [[-1.225, 0.0], [0.0, 0.0], [1.225, 0.0]]
    >>> scaler.constant_
    ['country']
    """

    def __init__(self, log=(), weights=None):
        self.log = log
        self.weights = weights

    def fit(self, X, y=None):
        table = _checks.feature_table(X)
        for column in [*self.log, *(self.weights or {})]:
            if column not in table.columns:
                raise InputError(f"There is no feature {column!r}; the features are {list(table.columns)}.")
        self.columns_ = table.columns
        values = self._logged(table)
        # A spread that is rounding alone is no spread.
        spread = values.std(axis=0, ddof=0)
        flat = (table.nunique() == 1) | (spread == 0)
        self.center_, self.scale_ = values.mean(axis=0), spread.mask(flat, 1.0)
        self.center_ = self.center_.mask(flat, values.iloc[0])
        self.constant_ = list(table.columns[flat])
        self._flat = flat.to_numpy()
        return self

    def transform(self, X) -> pd.DataFrame:
        if not hasattr(self, "scale_"):
            raise NotFittedError("FeatureScaler: call fit first.")
        table = _checks.feature_table(X)
        if list(table.columns) != list(self.columns_):
            raise InputError(
                f"The features are {list(table.columns)}, but those fitted were {list(self.columns_)}."
            )
        scaled = (self._logged(table) - self.center_) / self.scale_ * self._factors()
        scaled.iloc[:, self._flat] = 0.0
        return scaled

    def inverse_transform(self, X) -> pd.DataFrame:
        """Back to the original units, such as days and CNY."""
        if not hasattr(self, "scale_"):
            raise NotFittedError("FeatureScaler: call fit first.")
        table = pd.DataFrame(np.asarray(X, dtype=float), columns=self.columns_)
        factors = self._factors()
        if (factors == 0).any():
            raise InputError("A feature with weight 0 cannot be brought back to its units.")
        values = table / factors * self.scale_ + self.center_
        for column in self.log:
            values[column] = np.expm1(values[column])
        return values

    def _logged(self, table) -> pd.DataFrame:
        values = table.copy()
        for column in self.log:
            values[column] = np.log1p(values[column].clip(lower=0.0))
        return values

    def _factors(self) -> pd.Series:
        given = self.weights or {}
        return pd.Series([float(given.get(c, 1.0)) for c in self.columns_], index=self.columns_)


# --- K-means -----------------------------------------------------------------------------------------


class LloydKMeans(ClusterMixin, BaseEstimator):
    """K-means from scratch: give each customer to the nearest centre, move the centres, repeat.

    Minimises the inertia, Σ over customers of the squared distance to the centre of their segment, by Lloyd's
    steps (Lloyd, IEEE Transactions on Information Theory 28, 1982, pages 129-137 (unverified)). Each restart
    ends in a local minimum; the best is kept, the first of equals.

    Starts are drawn by k-means++ (Arthur & Vassilvitskii, SODA 2007): the first centre is a
    customer drawn evenly, each further one a customer drawn with probability proportional to the squared
    distance to the nearest centre so far. Of `n_trials` such draws that which lowers the inertia most stays.

    A segment that falls empty takes the customer who is farthest from the mean of their own segment (the
    first of equals). That lowers the inertia, so that the steps still end. scikit-learn measures to the
    centre of the step before, so the two may part ways after an empty segment, and only then.

    Parameters
    ----------
    n_clusters : int
    init : "k-means++", "random" or array of shape (n_clusters, n_features)
        "random" takes different customers; an array is the start itself, run once.
    n_init : int
        Restarts.
    max_iter : int
        Steps of one restart at most.
    tol : float
        Stop when the centres move by a sum of squares of at most `tol` times the mean variance of a feature;
        the labels then follow the last centres. As in scikit-learn.
    n_trials : int, optional
        Draws per centre of k-means++; 2 + ⌊ln k⌋ without it, as in scikit-learn; 1 is the published method.
    random_state : int or numpy.random.Generator
        Seed of PCG64.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
    labels_ : ndarray of shape (n_customers,)
        Nearest centre of each customer; the lower number where two are equally near.
    inertia_ : float
        In the squared units of the features handed in.
    n_iter_ : int
        Steps of the best restart.
    converged_ : bool
        Whether the best restart ended before `max_iter`.

    Raises
    ------
    InputError
        Missing values; more segments than customers, or than customers who differ; a start of another shape.

    Examples
    --------
    >>> carts = [[1, 1], [1, 2], [2, 2], [2, 3], [3, 3], [3, 4]]
    >>> model = LloydKMeans(2, init=[[1, 1], [3, 4]]).fit(carts)
    >>> model.labels_.tolist(), round(model.inertia_, 3)
    ([0, 0, 0, 1, 1, 1], 2.667)
    >>> best = LloydKMeans(2).fit(carts)
    >>> best.inertia_ <= model.inertia_, best.predict([[0, 0]])[0] == best.labels_[0]
    (True, np.True_)
    """

    def __init__(
        self, n_clusters=5, init="k-means++", n_init=10, max_iter=300, tol=1e-4, n_trials=None, random_state=0
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_trials = n_trials
        self.random_state = random_state

    def fit(self, X, y=None):
        table = _checks.feature_table(X)
        values = table.to_numpy()
        k = _checks.whole(self.n_clusters, "n_clusters")
        _checks.whole(self.n_init, "n_init")
        _checks.whole(self.max_iter, "max_iter")
        if not np.isfinite(self.tol) or self.tol < 0:
            raise InputError(f"tol is {self.tol!r}: it must be a number of at least 0.")
        _checks.enough(values, k)
        # Around their mean the numbers are small, and differences between customers keep their digits.
        middle = values.mean(axis=0)
        centred = values - middle
        given = self._given_start(k, values.shape[1])
        rng = _checks.generator(self.random_state)
        threshold = self.tol * float(np.mean(np.var(centred, axis=0)))
        best = None
        for _ in range(1 if given is not None else self.n_init):
            start = given - middle if given is not None else self._start(centred, k, rng)
            found = _lloyd(centred, start, self.max_iter, threshold)
            if best is None or found[1] < best[1]:
                best = found
        labels, self.inertia_, centres, self.n_iter_, self.converged_ = best
        self.labels_, self.cluster_centers_ = labels, centres + middle
        self._middle = middle
        self.n_features_in_ = values.shape[1]
        return self

    def predict(self, X) -> np.ndarray:
        """The nearest centre of each customer."""
        return _nearest(*self._placed(X))

    def transform(self, X) -> np.ndarray:
        """Distance to each centre, shape (n_customers, n_clusters), in the units of the features."""
        values, centres = self._placed(X)
        return np.sqrt(np.stack([((values - c) ** 2).sum(axis=1) for c in centres], axis=1))

    def score(self, X, y=None) -> float:
        """Minus the inertia of these customers; higher is better."""
        return -float((self.transform(X).min(axis=1) ** 2).sum())

    def _placed(self, X):
        if not hasattr(self, "cluster_centers_"):
            raise NotFittedError("LloydKMeans: call fit first.")
        values = _checks.feature_table(X).to_numpy()
        if values.shape[1] != self.n_features_in_:
            raise InputError(f"X has {values.shape[1]} features, but {self.n_features_in_} were fitted.")
        return values - self._middle, self.cluster_centers_ - self._middle

    def _given_start(self, k, n_features):
        if isinstance(self.init, str):
            if self.init not in ("k-means++", "random"):
                raise InputError(f"init={self.init!r} is not known: use 'k-means++', 'random' or an array.")
            return None
        start = _checks.feature_table(self.init, "init").to_numpy()
        if start.shape != (k, n_features):
            raise InputError(f"init has shape {start.shape}: give {k} centres of {n_features} features.")
        return start

    def _start(self, values, k, rng) -> np.ndarray:
        if self.init == "random":
            return values[rng.choice(len(values), size=k, replace=False)]
        trials = 2 + int(np.log(k)) if self.n_trials is None else _checks.whole(self.n_trials, "n_trials")
        return _plus_plus(values, k, trials, rng)


_PIECE = 4096


def _nearest(values, centres) -> np.ndarray:
    # |x - c|² = |x|² - 2xc + |c|²; the first term is the same for all centres. In pieces that stay in the
    # processor's cache: for many customers more than twice as fast.
    labels, lengths = np.empty(len(values), dtype=np.intp), (centres**2).sum(axis=1)
    for first in range(0, len(values), _PIECE):
        piece = slice(first, first + _PIECE)
        labels[piece] = np.argmin(lengths - 2 * (values[piece] @ centres.T), axis=1)
    return labels


def _plus_plus(values, k, trials, rng) -> np.ndarray:
    chosen = [int(rng.integers(len(values)))]
    closest = ((values - values[chosen[0]]) ** 2).sum(axis=1)
    for _ in range(1, k):
        cumulated = np.cumsum(closest)
        draws = np.searchsorted(cumulated, rng.random(trials) * cumulated[-1], side="right")
        # a draw at the very end would fall behind the last customer with any weight
        draws = np.minimum(draws, np.flatnonzero(closest > 0)[-1])
        candidates = [np.minimum(closest, ((values - values[d]) ** 2).sum(axis=1)) for d in draws]
        best = int(np.argmin([c.sum() for c in candidates]))
        chosen.append(int(draws[best]))
        closest = candidates[best]
    return values[chosen]


def _means(values, labels, k) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.bincount(labels, minlength=k)
    sums = np.stack([np.bincount(labels, weights=column, minlength=k) for column in values.T], axis=1)
    return sums / np.maximum(sizes, 1)[:, None], sizes


def _fill_empty(values, labels, k) -> np.ndarray:
    """Every empty segment takes the customer farthest from the mean of their own segment."""
    means, sizes = _means(values, labels, k)
    for empty in np.flatnonzero(sizes == 0):
        apart = ((values - means[labels]) ** 2).sum(axis=1)
        apart[sizes[labels] < 2] = -1.0
        labels[apart.argmax()] = empty
        means, sizes = _means(values, labels, k)
    return labels


def _lloyd(values, centres, max_iter, threshold):
    k, labels, converged, n_iter = len(centres), None, False, 0
    while n_iter < max_iter:
        n_iter += 1
        before, labels = labels, _nearest(values, centres)
        if (np.bincount(labels, minlength=k) == 0).any():
            labels = _fill_empty(values, labels, k)
        moved, _ = _means(values, labels, k)
        shift, centres = float(((moved - centres) ** 2).sum()), moved
        if before is not None and np.array_equal(labels, before):
            converged = True
            break
        if shift <= threshold:
            labels, converged = _nearest(values, centres), True
            break
    else:
        labels = _nearest(values, centres)
    inertia = float(((values - centres[labels]) ** 2).sum())
    return labels, inertia, centres, n_iter, converged


def renumbered(labels, order=None) -> np.ndarray:
    """Labels 0, 1, 2 … by size, the largest first, or by the mean of `order`, the lowest first.

    The numbers that a method gives its segments are arbitrary; these are the same on every machine. Equal
    sizes or means keep the order of the segments' first customers.

    Examples
    --------
    >>> renumbered(["b", "a", "a", "c"]).tolist()
    [1, 0, 0, 2]
    >>> renumbered([7, 3, 3], order=[1.0, 5.0, 6.0]).tolist()
    [0, 1, 1]
    """
    array = _checks.segments_of(labels, len(labels))
    codes, names = pd.factorize(array)
    if order is None:
        key = -np.bincount(codes, minlength=len(names)).astype(float)
    else:
        numbers = np.asarray(order, dtype=float)
        if numbers.shape != array.shape or not np.isfinite(numbers).all():
            raise InputError("order must hold one finite number per customer.")
        key = np.bincount(codes, weights=numbers) / np.bincount(codes)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(key, kind="stable")] = np.arange(len(names))
    return rank[codes]


# --- hierarchy ---------------------------------------------------------------------------------------


class Hierarchy(BaseEstimator):
    """Agglomerative clustering: everybody starts alone, and the two nearest groups merge, until one is left.

    scipy's ``linkage`` with Euclidean distances; Ward's rule merges the two groups whose union adds least to
    the inertia (Ward, Journal of the American Statistical Association 58, 1963, pages 236-244 (unverified)).

    Parameters
    ----------
    method : {"ward", "average", "complete", "single"}
    max_customers : int
        More are refused: the distances of n customers take 4 n (n - 1) bytes, 400 MB for 10,000.

    Attributes
    ----------
    linkage_ : ndarray of shape (n_customers - 1, 4)
        As scipy gives it.
    merges_ : pandas.DataFrame
        The dendrogram as data: ``left``, ``right`` (numbers below n are customers by position, n + i is the
        group made in row i), ``height`` (in the units of the features) and ``size``, in the order of merging.

    Raises
    ------
    InputError
        Missing values, fewer than two customers, too many customers, an unknown method.

    Examples
    --------
    >>> three = pd.DataFrame({"x": [0.0, 1.0, 5.0]}, index=["ann", "bob", "cat"])
    >>> tree = Hierarchy(method="single").fit(three)
    >>> tree.merges_.to_numpy().tolist()
    [[0.0, 1.0, 1.0, 2.0], [2.0, 3.0, 4.0, 3.0]]
    >>> tree.cut(2).to_dict()
    {'ann': 0, 'bob': 0, 'cat': 1}
    """

    def __init__(self, method="ward", max_customers=10_000):
        self.method = method
        self.max_customers = max_customers

    def fit(self, X, y=None):
        from scipy.cluster.hierarchy import linkage

        table = _checks.feature_table(X)
        n = len(table)
        if self.method not in LINKAGES:
            raise InputError(f"method={self.method!r} is not known: use one of {list(LINKAGES)}.")
        if n < 2:
            raise InputError("A hierarchy needs at least two customers.")
        if n > self.max_customers:
            raise InputError(
                f"A hierarchy of {n:,} customers takes {4 * n * (n - 1) / 1e9:.1f} GB of distances: draw at "
                f"most {self.max_customers:,} of them, or raise max_customers."
            )
        self.linkage_ = linkage(table.to_numpy(), method=self.method)
        self.index_ = table.index
        self.merges_ = pd.DataFrame(self.linkage_, columns=["left", "right", "height", "size"]).astype(
            {"left": np.int64, "right": np.int64, "size": np.int64}
        )
        return self

    def cut(self, k: int) -> pd.Series:
        """Segments when the last k - 1 merges are undone, by customer; numbered in order of first customers.

        Exactly k segments even where heights tie (then the order of the merges decides, so that of two equal
        customers one may stand alone).
        """
        if not hasattr(self, "linkage_"):
            raise NotFittedError("Hierarchy: call fit first.")
        n = len(self.index_)
        if _checks.whole(k, "k") > n:
            raise InputError(f"{k} segments were asked for, of {n} customers: ask for fewer.")
        group = np.arange(2 * n - 1)
        # from the last merge kept downwards, each group hands its number to its two parts
        for row in range(n - k - 1, -1, -1):
            left, right = self.merges_["left"].iat[row], self.merges_["right"].iat[row]
            group[left] = group[right] = group[n + row]
        return pd.Series(pd.factorize(group[:n])[0], index=self.index_, name="segment")

    def dendrogram(self, leaves: int = 30) -> pd.DataFrame:
        """What a figure draws: one row per bracket of the top of the tree.

        Parameters
        ----------
        leaves : int
            Groups at the foot of the figure at most; each stands for one customer or more.

        Returns
        -------
        pandas.DataFrame
            ``left``, ``right`` (place of the two legs on the axis of leaves), ``left_height``,
            ``right_height`` (where they start), ``height`` (of the bracket), ``left_size``, ``right_size``
            (customers under each leg, to be shown where the leg starts at 0).
        """
        if not hasattr(self, "linkage_"):
            raise NotFittedError("Hierarchy: call fit first.")
        n = len(self.index_)
        shown = min(_checks.whole(leaves, "leaves", least=2), n)
        first = n - shown
        # leaves of the figure: whatever is joined by a shown merge and was not made by one
        order, stack = [], [2 * n - 2]
        while stack:
            node = stack.pop()
            if node - n >= first:
                row = node - n
                stack += [self.merges_["right"].iat[row], self.merges_["left"].iat[row]]
            else:
                order.append(node)
        size = np.r_[np.ones(n, dtype=np.int64), self.merges_["size"].to_numpy()]
        place = {node: float(i) for i, node in enumerate(order)}
        height = dict.fromkeys(order, 0.0)
        rows = []
        for row in range(first, n - 1):
            left, right, top = (self.merges_[c].iat[row] for c in ("left", "right", "height"))
            rows.append(
                (place[left], place[right], height[left], height[right], top, size[left], size[right])
            )
            place[n + row] = (place[left] + place[right]) / 2
            height[n + row] = float(top)
        columns = ["left", "right", "left_height", "right_height", "height", "left_size", "right_size"]
        return pd.DataFrame(rows, columns=columns)


# --- mixtures ----------------------------------------------------------------------------------------


def fit_mixture(X, k: int, covariance: str = "full", n_init: int = 5, random_state: int = 0, max_iter=500):
    """scikit-learn's Gaussian mixture; the best of two kinds of start, and never one that did not converge.

    Starts from K-means alone cannot find long, parallel segments: K-means cuts them across, and the mixture
    stays there. So each fit is made from K-means and from customers drawn at random; the higher likelihood
    stays. Even so a hard case may need 20 restarts.

    Parameters
    ----------
    X : DataFrame or array of shape (n_customers, n_features)
    k : int
        Components.
    covariance : {"full", "tied", "diag", "spherical"}
    n_init : int
        Restarts of each kind.
    random_state, max_iter
        As in scikit-learn.

    Returns
    -------
    sklearn.mixture.GaussianMixture
        Fitted; ``predict``, ``predict_proba``, ``score_samples`` and ``bic`` are its own.

    Raises
    ------
    InputError
        Missing values; more components than customers, or than customers who differ; a feature that is
        constant, or with "full" and "tied" features that depend on each other, such as shares that add up to
        1 (the density is then infinite); no convergence.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.r_[rng.normal(0, 1, (50, 1)), rng.normal(9, 1, (50, 1))]
    >>> fit_mixture(X, 2).means_.round().ravel().astype(int).tolist() in ([0, 9], [9, 0])
    True
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    if covariance not in ("full", "tied", "diag", "spherical"):
        raise InputError(f"covariance={covariance!r} is not known: use full, tied, diag or spherical.")
    table = _checks.feature_table(X)
    values = table.to_numpy()
    _checks.enough(values, _checks.whole(k, "k"))
    flat = np.ptp(values, axis=0) == 0
    if flat.any():
        raise InputError(
            f"The feature {table.columns[flat.argmax()]!r} has one value for everybody: leave it out."
        )
    if covariance in ("full", "tied"):
        free = _free_directions(values)
        if free < values.shape[1]:
            raise InputError(
                f"The {values.shape[1]} features depend on each other, their rank is {free} (shares that add "
                "up to 1, or too few customers): leave one out or use covariance='diag'."
            )
    best = None
    for start in ("kmeans", "random_from_data"):
        model = GaussianMixture(
            k,
            covariance_type=covariance,
            n_init=_checks.whole(n_init, "n_init"),
            init_params=start,
            random_state=random_state,
            max_iter=_checks.whole(max_iter, "max_iter"),
        )
        with warnings.catch_warnings():
            # not hidden: `converged_` is read below, and refused
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                model.fit(values)
            except ValueError as error:
                raise InputError(f"The mixture of {k} components could not be fitted ({error}).") from error
        if model.converged_ and (best is None or model.lower_bound_ > best.lower_bound_ + 1e-9):
            best = model
    if best is None:
        raise InputError(
            f"The mixture of {k} components did not converge in {max_iter} steps: raise max_iter or ask for "
            "fewer components."
        )
    return best


def _free_directions(values) -> int:
    """In how many directions the customers spread; fewer than features where these depend on each other."""
    spread = values.std(axis=0)
    centred = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    sizes = np.linalg.svd(centred, compute_uv=False)
    return int((sizes > 1e-7 * sizes[0]).sum())
