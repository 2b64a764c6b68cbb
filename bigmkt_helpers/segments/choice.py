"""How many segments, how far to trust them, and how alike two groupings are."""

from itertools import pairwise

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.segments import _checks
from bigmkt_helpers.segments.clustering import LloydKMeans, _free_directions, fit_mixture

__all__ = [
    "adjusted_rand_index",
    "adjusted_rand_interval",
    "choice_table",
    "gap_statistic",
    "mixture_bic",
    "silhouette",
    "stability",
]


# --- two groupings of the same customers ---------------------------------------------------------------


def adjusted_rand_index(a, b) -> float:
    """How alike two groupings are: 1 when they agree on every pair of customers, 0 on average by chance.

    With n_ij customers in group i of one and j of the other: (Σ C(n_ij, 2) - E) / (M - E), where
    E = Σ C(n_i, 2) Σ C(n_j, 2) / C(n, 2) and M = (Σ C(n_i, 2) + Σ C(n_j, 2)) / 2 (Hubert & Arabie, Journal of
    Classification 2, 1985, pages 193-218; equal to scikit-learn's). The names of the groups do
    not matter. 1 where both put everybody together, or everybody apart.

    Examples
    --------
    >>> adjusted_rand_index([0, 0, 1, 1], ["b", "b", "a", "a"])
    1.0
    >>> round(adjusted_rand_index([0, 0, 1, 1], [0, 0, 1, 2]), 3)
    0.571
    """
    return float(_rand(_cross(a, b)[None])[0])


def adjusted_rand_interval(a, b, level: float = 0.95, n_resamples: int = 1000, random_state=0):
    """The adjusted Rand index with a bootstrap interval over customers.

    Customers are drawn with replacement. Two draws of one customer are a pair that agrees, which lifts every
    draw; the draws are moved back, so that their mean is the index of the customers themselves.

    Returns
    -------
    Interval
        ``estimate``, ``low``, ``high``, ``level``, ``n``.

    Examples
    --------
    >>> interval = adjusted_rand_interval([0, 0, 1, 1] * 50, [0, 0, 1, 2] * 50)
    >>> 0.6 < interval.low < interval.estimate < interval.high < 0.9
    True
    """
    from bigmkt_helpers.information import Interval

    if not 0 < level < 1:
        raise InputError(f"level is {level!r}: it must lie between 0 and 1, both excluded.")
    table = _cross(a, b)
    n = int(table.sum())
    rng = _checks.generator(random_state)
    draws = rng.multinomial(n, table.ravel() / n, size=_checks.whole(n_resamples, "n_resamples", 100))
    values, index = _rand(draws.reshape(-1, *table.shape)), float(_rand(table[None])[0])
    tails = np.quantile(values - values.mean(), [(1 - level) / 2, (1 + level) / 2])
    low, high = np.clip(index + tails, -1.0, 1.0)
    return Interval(index, float(low), float(high), level, n)


def _cross(a, b) -> np.ndarray:
    a = _checks.segments_of(a, len(a), "a")
    b = _checks.segments_of(b, len(a), "b")
    if len(a) < 2:
        raise InputError("Two groupings can be compared from two customers on.")
    (x, names), (y, others) = pd.factorize(a), pd.factorize(b)
    return np.bincount(x * len(others) + y, minlength=len(names) * len(others)).reshape(len(names), -1)


def _rand(tables) -> np.ndarray:
    t = tables.astype(float)
    n = t.sum(axis=(1, 2))
    pairs = (t * (t - 1) / 2).sum(axis=(1, 2))
    rows, columns = ((s * (s - 1) / 2).sum(axis=1) for s in (t.sum(axis=2), t.sum(axis=1)))
    expected, most = rows * columns / (n * (n - 1) / 2), (rows + columns) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(most == expected, 1.0, (pairs - expected) / (most - expected))


# --- one number of segments ----------------------------------------------------------------------------


def silhouette(X, labels, sample: int | None = 2000, random_state=0) -> float:
    """Mean silhouette, from -1 to 1: how much nearer the own segment is than the next.

    Per customer (b - a) / max(a, b), with a the mean distance to the others of the own segment and b the
    least mean distance to another segment; 0 for somebody alone in theirs (Rousseeuw, Journal of
    Computational and Applied Mathematics 20, 1987, pages 53-65). scikit-learn's.

    Parameters
    ----------
    X : DataFrame or array of shape (n_customers, n_features)
    labels : array of shape (n_customers,)
    sample : int or None
        Customers drawn at most, as the work grows with their square; None takes all.
    random_state : int or numpy.random.Generator

    Raises
    ------
    InputError
        One segment only, or every customer (of the sample) in one of their own: the measure is not defined.

    Examples
    --------
    >>> round(silhouette([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1]), 4)
    0.8997
    """
    from sklearn.metrics import silhouette_score

    values = _checks.feature_table(X).to_numpy()
    labels = _checks.segments_of(labels, len(values))
    if sample is not None and len(values) > _checks.whole(sample, "sample", least=2):
        chosen = np.sort(_checks.generator(random_state).choice(len(values), size=sample, replace=False))
        values, labels = values[chosen], labels[chosen]
    different = len(np.unique(labels))
    if not 2 <= different < len(values):
        raise InputError(
            f"The silhouette needs at least 2 segments and fewer than customers; here are "
            f"{different} segments of {len(values)} customers."
        )
    return float(silhouette_score(values, labels))


def gap_statistic(
    X, ks=range(1, 9), n_references: int = 20, reference: str = "pca", n_init: int = 5, random_state: int = 0
) -> pd.DataFrame:
    """Gap statistic: is the inertia of k segments lower than on customers without any segments?

    Gap(k) = mean of log W*(k) - log W(k), with W the inertia of K-means and W* that on a reference sample,
    drawn evenly over the box of the features ("uniform") or over that of their principal components, turned
    back ("pca"). s(k) = sd of log W*(k) · √(1 + 1/B), the sd divided by B. The choice is the smallest k with
    Gap(k) ≥ Gap(k + 1) - s(k + 1) (Tibshirani, Walther & Hastie, Journal of the Royal Statistical Society
    B 63, 2001, pages 411-423).

    Parameters
    ----------
    X : DataFrame or array of shape (n_customers, n_features)
    ks : sequence of int
        Numbers that follow one another, from 1 as a rule.
    n_references : int
        B, the samples drawn.
    reference : {"pca", "uniform"}
    n_init : int
        Restarts of K-means, for the data and for every sample.
    random_state : int

    Returns
    -------
    pandas.DataFrame
        Index ``k``; ``log_w``, ``expected``, ``gap``, ``s``, ``chosen`` (True in one row; in none where the
        rule is met by no k but perhaps the last, which has no next).

    Raises
    ------
    InputError
        Missing values, too few customers who differ, an inertia of 0 (log 0), numbers that leave a hole.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = np.concatenate([rng.normal(m, 0.3, (30, 2)) for m in ([0, 0], [4, 0], [2, 4])])
    >>> table = gap_statistic(X, range(1, 5), n_references=10)
    >>> table.index[table["chosen"]].tolist()
    [3]
    """
    values = _checks.feature_table(X).to_numpy()
    ks = _numbers(ks, least=1)
    if any(b - a != 1 for a, b in pairwise(ks)):
        raise InputError(f"ks is {ks}: the gap statistic compares each k with the next, so leave no hole.")
    n_references = _checks.whole(n_references, "n_references", least=2)
    if reference not in ("pca", "uniform"):
        raise InputError(f"reference={reference!r} is not known: use 'pca' or 'uniform'.")
    _checks.enough(values, max(ks))
    middle = values.mean(axis=0)
    axes = np.linalg.svd(values - middle, full_matrices=False)[2] if reference == "pca" else None
    turned = (values - middle) @ axes.T if axes is not None else values - middle
    low, high = turned.min(axis=0), turned.max(axis=0)
    seeds = np.random.SeedSequence(_checks.whole(random_state, "random_state", 0)).spawn(n_references + 1)
    rngs = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
    log_w = _log_inertias(values, ks, n_init, rngs[0])
    drawn = []
    for rng in rngs[1:]:
        sample = rng.uniform(low, high, size=turned.shape)
        drawn.append(_log_inertias(sample @ axes if axes is not None else sample, ks, n_init, rng))
    drawn = np.array(drawn)
    expected, spread = drawn.mean(axis=0), drawn.std(axis=0)
    table = pd.DataFrame(
        {
            "log_w": log_w,
            "expected": expected,
            "gap": expected - log_w,
            "s": spread * np.sqrt(1 + 1 / n_references),
        },
        index=pd.Index(ks, name="k"),
    )
    gap, s = table["gap"].to_numpy(), table["s"].to_numpy()
    met = np.flatnonzero(gap[:-1] >= gap[1:] - s[1:])
    table["chosen"] = np.arange(len(ks)) == (met[0] if len(met) else -1)
    return table


def _log_inertias(values, ks, n_init, rng) -> np.ndarray:
    inertias = np.array([LloydKMeans(k, n_init=n_init, random_state=rng).fit(values).inertia_ for k in ks])
    if (inertias <= 0).any():
        raise InputError(
            f"{ks[int((inertias <= 0).argmax())]} segments leave an inertia of 0, which has no logarithm: "
            "ask for fewer, or check whether the customers differ."
        )
    return np.log(inertias)


def mixture_bic(X, ks=range(1, 9), covariance: str = "full", n_init: int = 3, random_state: int = 0):
    """Bayesian information criterion of Gaussian mixtures: −2 log L + parameters · ln n; less is better.

    Schwarz, Annals of Statistics 6, 1978, pages 461-464; scikit-learn's.

    Returns
    -------
    pandas.Series
        By k; errors as in :func:`fit_mixture`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = np.concatenate([rng.normal(m, 1, (80, 1)) for m in (0, 9)])
    >>> int(mixture_bic(X, range(1, 4)).idxmin())
    2
    """
    values = _checks.feature_table(X).to_numpy()
    ks = _numbers(ks, least=1)
    found = [fit_mixture(X, k, covariance, n_init, random_state).bic(values) for k in ks]
    return pd.Series(found, index=pd.Index(ks, name="k"), name="bic", dtype=float)


def stability(
    X,
    k: int,
    how: str = "bootstrap",
    share: float = 0.5,
    n_pairs: int = 20,
    n_init=5,
    random_state=0,
    fit=None,
) -> np.ndarray:
    """Would other customers of the same kind have given the same segments?

    Definition: two samples are drawn from the customers, independently; K-means is fitted to each; both
    models then give *all* customers a segment; the value is the adjusted Rand index of these two groupings.

    Parameters
    ----------
    X : DataFrame or array of shape (n_customers, n_features)
    k : int
        At least 2: one segment is always stable.
    how : {"bootstrap", "subsample"}
        As many customers with replacement, or `share` of them without.
    share : float
        For the subsample.
    n_pairs : int
        Values returned.
    n_init : int
        Restarts, so that a poor local minimum does not pass for instability.
    random_state : int
    fit : callable, optional
        Takes (values, k, generator), returns something with ``predict``; K-means without it.

    Returns
    -------
    ndarray of shape (n_pairs,)
        The mean is the stability; the spread is that of pairs, not the error of the mean.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = np.concatenate([rng.normal(m, 0.3, (40, 2)) for m in (0, 4, 8)])
    >>> bool(stability(X, 3, n_pairs=5).mean() > stability(X, 5, n_pairs=5).mean())
    True
    """
    table = _checks.feature_table(X)
    values, k = table.to_numpy(), _checks.whole(k, "k", least=2)
    if how not in ("bootstrap", "subsample"):
        raise InputError(f"how={how!r} is not known: use 'bootstrap' or 'subsample'.")
    if not 0 < share < 1:
        raise InputError(f"share is {share!r}: it must lie between 0 and 1, both excluded.")
    _checks.enough(values, k)
    n = len(values)
    size = n if how == "bootstrap" else int(share * n)
    if size < k:
        raise InputError(f"A sample of {size} customers is too small for {k} segments: raise share.")
    rng = _checks.generator(random_state)
    fit = fit or (lambda sample, k, rng: LloydKMeans(k, n_init=n_init, random_state=rng).fit(sample))
    found = np.empty(_checks.whole(n_pairs, "n_pairs"))
    for pair in range(n_pairs):
        two = []
        for _ in range(2):
            chosen = np.sort(rng.choice(n, size=size, replace=how == "bootstrap"))
            try:
                two.append(fit(values[chosen], k, rng).predict(values))
            except InputError as error:
                raise InputError(
                    f"A sample of the customers could not be parted into {k} segments: {error}"
                ) from error
        found[pair] = adjusted_rand_index(*two)
    return found


def choice_table(
    X,
    ks=range(2, 9),
    n_references: int = 20,
    n_pairs: int = 20,
    n_init: int = 5,
    covariance: str = "full",
    random_state: int = 0,
) -> pd.DataFrame:
    """All criteria side by side; they answer different questions and need not agree.

    Returns
    -------
    pandas.DataFrame
        Index ``k``; ``inertia``, ``silhouette``, ``gap``, ``s``, ``gap_chosen``, ``bic`` (missing where a
        feature is constant, or where the covariance is "full" or "tied" and features depend on each other),
        ``stability``, ``stability_low``, ``stability_high`` (the middle 95% of pairs).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = np.concatenate([rng.normal(m, 0.3, (40, 2)) for m in (0, 4, 8)])
    >>> table = choice_table(X, range(2, 5), n_references=5, n_pairs=4)
    >>> int(table["silhouette"].idxmax()), int(table["bic"].idxmin()), int(table["stability"].idxmax())
    (3, 3, 3)
    """
    table = _checks.feature_table(X)
    ks = _numbers(ks, least=2)
    if len(table) < max(ks) + 1:
        raise InputError(
            f"{len(table)} customers are too few to judge {max(ks)} segments, as the gap statistic looks one "
            "further: ask for fewer."
        )
    # the smallest k with the rule is looked for from 1 on
    gaps = gap_statistic(table, range(1, max(ks) + 2), n_references, "pca", n_init, random_state)
    rows = []
    infinite = (table.nunique() == 1).any() or (
        covariance in ("full", "tied") and _free_directions(table.to_numpy()) < table.shape[1]
    )
    bic = None if infinite else mixture_bic(table, ks, covariance, random_state=random_state)
    for k in ks:
        model = LloydKMeans(k, n_init=n_init, random_state=random_state).fit(table)
        pairs = stability(table, k, n_pairs=n_pairs, n_init=n_init, random_state=random_state)
        low, high = np.quantile(pairs, [0.025, 0.975])
        rows.append(
            {
                "k": k,
                "inertia": model.inertia_,
                "silhouette": silhouette(table, model.labels_, random_state=random_state),
                "gap": gaps["gap"].at[k],
                "s": gaps["s"].at[k],
                "gap_chosen": bool(gaps["chosen"].at[k]),
                "bic": np.nan if bic is None else bic.at[k],
                "stability": pairs.mean(),
                "stability_low": low,
                "stability_high": high,
            }
        )
    return pd.DataFrame(rows).set_index("k")


def _numbers(ks, least) -> list[int]:
    ks = [_checks.whole(k, "k", least) for k in ks]
    if not ks or sorted(set(ks)) != ks:
        raise InputError(f"ks is {ks}: give at least one number, rising, each once.")
    return ks
