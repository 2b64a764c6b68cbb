"""From segments to something one can use: cards, the segment of a new customer, probabilities by segment."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.segments import _checks
from bigmkt_helpers.segments.clustering import FeatureScaler, LloydKMeans

__all__ = ["PersonaCards", "SegmentAssigner", "SegmentRates", "persona_cards", "segment_forecast"]


# --- cards -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PersonaCards:
    """What there is to say of each segment, as data.

    Parameters
    ----------
    sizes : pandas.DataFrame
        Index ``segment``; ``n`` and ``share`` of the customers.
    medians : pandas.DataFrame
        Index: segments, then "all"; columns: the features in their original units.
    standouts : pandas.DataFrame
        ``segment``, ``feature``, ``median`` with its interval ``median_low``, ``median_high``; ``all``, the
        median of everybody; ``difference`` of the two, with its interval ``low``, ``high``; ``stands_out``.
    shares : pandas.DataFrame or None
        ``segment``, ``category``, ``share``, ``low``, ``high``, ``all``, ``lift``.
    level : float
        Of the intervals, each by itself.
    """

    sizes: pd.DataFrame
    medians: pd.DataFrame
    standouts: pd.DataFrame
    shares: pd.DataFrame | None
    level: float

    def card(self, segment) -> str:
        """One segment in words, made from the numbers.

        Raises
        ------
        InputError
            If there is no such segment.
        """
        if segment not in self.sizes.index:
            raise InputError(f"There is no segment {segment!r}; there are {list(self.sizes.index)}.")
        size = self.sizes.loc[segment]
        parts = [f"Segment {segment}: {int(size['n']):,} customers ({size['share']:.1%})"]
        rows = self.standouts[(self.standouts["segment"] == segment) & self.standouts["stands_out"]]
        parts += [
            f"{row.feature} {row.median:,.4g} against {row.all:,.4g} of all "
            f"(difference {row.difference:+,.4g} [{row.low:+,.4g}, {row.high:+,.4g}])"
            for row in rows.itertuples()
        ] or ["no median stands out"]
        if self.shares is not None:
            own = self.shares[self.shares["segment"] == segment]
            top = own.sort_values("share", ascending=False, kind="stable").head(3)
            bought = ", ".join(f"{row.category} {row.share:.0%}" for row in top.itertuples())
            parts.append(f"buys {bought}")
        return "; ".join(parts) + "."


def persona_cards(
    features, labels, categories=None, level: float = 0.95, n_resamples: int = 400, random_state: int = 0
) -> PersonaCards:
    """Size, medians and what stands out of each segment.

    A feature stands out where the bootstrap interval (over customers) of the segment's median minus the
    median of all leaves out 0. The segments are taken as given: where they were made from these features, the
    intervals say how well a median is known, not that the segments are there (see `stability`).

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer, in the original units, not the scaled ones.
    labels : array or Series of shape (n_customers,)
    categories : pandas.DataFrame, optional
        Lines (or money) per customer and category, of the same customers in the same order, at least 0. The
        share of a category is that of all lines of the segment.
    level : float
    n_resamples, random_state : int

    Returns
    -------
    PersonaCards
        Segments sorted.

    Raises
    ------
    InputError
        Missing values, labels or tables of other customers, counts below 0.

    Examples
    --------
    >>> features = pd.DataFrame({"orders": [1.0, 1.0, 2.0, 8.0, 9.0, 9.0] * 10, "age": [30.0, 40.0] * 30})
    >>> cards = persona_cards(features, ["new", "new", "new", "loyal", "loyal", "loyal"] * 10)
    >>> cards.medians["orders"].to_dict()
    {'loyal': 9.0, 'new': 1.0, 'all': 5.0}
    >>> cards.standouts.query("feature == 'age'")["stands_out"].tolist()
    [False, False]
    """
    table = _checks.feature_table(features, "features")
    _checks.same_customers(table, labels, "labels")
    labels = _checks.segments_of(labels, len(table))
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}: it must lie between 0 and 1, both excluded.")
    codes, names = pd.factorize(labels, sort=True)
    names = list(names.tolist() if hasattr(names, "tolist") else names)
    k, n = len(names), len(table)
    counts = None
    if categories is not None:
        counts = _checks.feature_table(categories, "categories")
        _checks.same_customers(table, counts, "categories")
        if len(counts) != n or (counts.to_numpy() < 0).any():
            raise InputError("categories needs one row per customer, with counts of at least 0.")
    rng = _checks.generator(random_state)
    n_resamples = _checks.whole(n_resamples, "n_resamples", least=100)
    values = table.to_numpy()
    weights = None if counts is None else counts.to_numpy()
    drawn = np.full((n_resamples, k, values.shape[1]), np.nan)
    drawn_medians = drawn.copy()
    drawn_shares = None if counts is None else np.full((n_resamples, k, weights.shape[1]), np.nan)
    for i in range(n_resamples):
        chosen = rng.integers(n, size=n)
        own, picked = codes[chosen], values[chosen]
        overall = np.median(picked, axis=0)
        for s in range(k):
            rows = own == s
            # a small segment may be left out of a draw altogether; that draw says nothing of it
            if rows.any():
                drawn_medians[i, s] = np.median(picked[rows], axis=0)
                drawn[i, s] = drawn_medians[i, s] - overall
                if counts is not None:
                    drawn_shares[i, s] = _share_of(weights[chosen[rows]])
    tail = (1 - level) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    own_low, own_high = np.nanquantile(drawn_medians, [tail, 1 - tail], axis=0)
    by = table.groupby(codes)
    medians = by.median().set_axis(names, axis=0)
    overall = table.median()
    standouts = pd.DataFrame(
        [
            {
                "segment": name,
                "feature": feature,
                "median": medians.iat[s, f],
                "median_low": own_low[s, f],
                "median_high": own_high[s, f],
                "all": overall.iat[f],
                "difference": medians.iat[s, f] - overall.iat[f],
                "low": low[s, f],
                "high": high[s, f],
                "stands_out": bool(low[s, f] > 0 or high[s, f] < 0),
            }
            for s, name in enumerate(names)
            for f, feature in enumerate(table.columns)
        ]
    )
    sizes = pd.DataFrame({"n": np.bincount(codes, minlength=k)}, index=pd.Index(names, name="segment"))
    sizes["share"] = sizes["n"] / n
    shares = None
    if counts is not None:
        everybody = _share_of(weights)
        bottom, top = np.nanquantile(drawn_shares, [tail, 1 - tail], axis=0)
        rows = []
        for s, name in enumerate(names):
            own = _share_of(weights[codes == s])
            for c, category in enumerate(counts.columns):
                lift = own[c] / everybody[c] if everybody[c] > 0 else np.nan
                rows.append((name, category, own[c], bottom[s, c], top[s, c], everybody[c], lift))
        shares = pd.DataFrame(rows, columns=["segment", "category", "share", "low", "high", "all", "lift"])
    all_row = overall.to_frame("all").T
    medians = pd.concat([medians, all_row]).rename_axis("segment")
    return PersonaCards(sizes, medians, standouts, shares, level)


def _share_of(weights) -> np.ndarray:
    total = weights.sum()
    return weights.sum(axis=0) / total if total > 0 else np.full(weights.shape[1], np.nan)


# --- new customers -----------------------------------------------------------------------------------


class SegmentAssigner:
    """Gives new customers a segment, says how sure that is, and flags those unlike anybody.

    Parameters
    ----------
    model : fitted estimator
        With ``predict`` and ``transform`` (`LloydKMeans`, scikit-learn's KMeans) or with ``predict_proba``
        and ``score_samples`` (a Gaussian mixture), fitted on the scaled features.
    scaler : FeatureScaler, optional
        Fitted; applied to all features handed in.
    unlike : float
        Share of the known customers who would be flagged themselves, the farthest of each segment (K-means)
        or the least likely of all (mixture).

    Examples
    --------
    >>> known = pd.DataFrame({"orders": [1.0, 2.0, 1.5, 9.0, 10.0, 9.5]})
    >>> assigner = SegmentAssigner(LloydKMeans(2).fit(known)).fit(known)
    >>> found = assigner.assign(pd.DataFrame({"orders": [1.2, 40.0]}, index=["ann", "bob"]))
    >>> found["unlike"].tolist(), found["distance"].round(1).tolist()
    ([False, True], [0.3, 30.5])
    """

    def __init__(self, model, scaler=None, unlike: float = 0.01):
        if not 0 <= unlike < 1:
            raise InputError(f"unlike is {unlike!r}: it must be a share from 0 to below 1.")
        self.model, self.scaler, self.unlike = model, scaler, unlike
        self._mixture = hasattr(model, "score_samples") and hasattr(model, "predict_proba")
        if not self._mixture and not (hasattr(model, "transform") and hasattr(model, "predict")):
            raise InputError(f"{type(model).__name__} cannot place new customers: it needs a predict.")

    def fit(self, known) -> "SegmentAssigner":
        """Learns from the known customers' features what is usual."""
        values = self._scaled(known)
        if self._mixture:
            self.threshold_ = float(np.quantile(self.model.score_samples(values), self.unlike))
        else:
            distances = self.model.transform(values)
            nearest, labels = distances.min(axis=1), self.model.predict(values)
            everybody = float(np.quantile(nearest, 1 - self.unlike))
            self.threshold_ = np.full(distances.shape[1], everybody)
            for s in np.unique(labels):
                self.threshold_[s] = np.quantile(nearest[labels == s], 1 - self.unlike)
        return self

    def assign(self, features) -> pd.DataFrame:
        """One row per customer.

        Returns
        -------
        pandas.DataFrame
            ``segment``; for K-means ``distance`` to its centre (in scaled units) and ``margin``, how much
            farther the next centre is (missing with one segment); for a mixture ``probability`` of the
            segment and ``log_density``; ``unlike``: farther, or less likely, than all but a share `unlike` of
            the known customers.

        Raises
        ------
        InputError, NotFittedError
        """
        if not hasattr(self, "threshold_"):
            raise NotFittedError("SegmentAssigner: call fit with the known customers first.")
        values = self._scaled(features)
        index = features.index if isinstance(features, pd.DataFrame) else pd.RangeIndex(len(values))
        # a value that was known must not be flagged for the rounding of another order of adding
        slack = 1e-9
        if self._mixture:
            p, density = self.model.predict_proba(values), self.model.score_samples(values)
            found = {"segment": p.argmax(axis=1), "probability": p.max(axis=1), "log_density": density}
            found["unlike"] = density < self.threshold_ - slack
        else:
            distances = self.model.transform(values)
            segment = self.model.predict(values)
            ordered = np.sort(distances, axis=1)
            next_one = (
                ordered[:, 1] - ordered[:, 0] if distances.shape[1] > 1 else np.full(len(values), np.nan)
            )
            found = {"segment": segment, "distance": ordered[:, 0], "margin": next_one}
            found["unlike"] = ordered[:, 0] > self.threshold_[segment] * (1 + slack) + slack
        return pd.DataFrame(found, index=index)

    def _scaled(self, features) -> np.ndarray:
        table = _checks.feature_table(features, "features")
        return (table if self.scaler is None else self.scaler.transform(table)).to_numpy()


# --- probabilities -----------------------------------------------------------------------------------


class SegmentRates:
    """Rates of the outcomes by segment, drawn towards the rates of all.

    p(outcome | segment) = (hits + strength · p(outcome)) / (customers + strength), where p(outcome) are the
    rates of all customers, with half a hit more for each outcome, so that none is ever impossible.

    Parameters
    ----------
    strength : float
        How many customers with the rates of all are added to each segment.

    Attributes
    ----------
    rates_ : pandas.DataFrame
        Index: segments; columns: outcomes; rows add up to 1.
    base_ : pandas.Series
        Rates of all.

    Examples
    --------
    >>> answers = ["tea", "tea", "tea", "nothing"]
    >>> rates = SegmentRates(strength=2).fit([0, 0, 1, 1], answers, ["tea", "nothing"])
    >>> rates.rates_.round(3).to_numpy().tolist()
    [[0.85, 0.15], [0.6, 0.4]]
    >>> rates.probabilities(pd.Series([1, 7], index=["ann", "bob"])).round(2).to_numpy().tolist()
    [[0.6, 0.4], [0.7, 0.3]]
    """

    def __init__(self, strength: float = 20.0):
        if not np.isfinite(strength) or strength < 0:
            raise InputError(f"strength is {strength!r}: it must be a number of at least 0.")
        self.strength = strength

    def fit(self, labels, answers, outcomes) -> "SegmentRates":
        labels = _checks.segments_of(labels, len(labels))
        answers = _checks.segments_of(answers, len(labels), "answers")
        if not len(labels):
            raise InputError("There are no customers to learn rates from.")
        outcomes = list(outcomes)
        strange = ~pd.Index(answers).isin(outcomes)
        if strange.any():
            raise InputError(
                f"The answer {_checks.shown(answers[strange][0])} is not among the outcomes {outcomes}."
            )
        counts = pd.crosstab(pd.Series(labels), pd.Series(answers)).reindex(columns=outcomes, fill_value=0)
        total = counts.sum() + 0.5
        self.base_ = total / total.sum()
        self.rates_ = (counts + self.strength * self.base_).div(counts.sum(axis=1) + self.strength, axis=0)
        if self.strength == 0:
            # without any drawing there is no floor but the half hit
            self.rates_ = (counts + 0.5).div(counts.sum(axis=1) + 0.5 * len(outcomes), axis=0)
        self.rates_ = self.rates_.rename_axis(index="segment", columns=None)
        return self

    def probabilities(self, labels) -> pd.DataFrame:
        """Rows of probabilities; a segment never seen gets the rates of all."""
        if not hasattr(self, "rates_"):
            raise NotFittedError("SegmentRates: call fit first.")
        index = labels.index if isinstance(labels, pd.Series) else pd.RangeIndex(len(labels))
        array = _checks.segments_of(labels, len(index))
        rows = self.rates_.reindex(array)
        rows = rows.fillna(self.base_)
        return rows.set_axis(index, axis=0)


def segment_forecast(question, features, k: int, t=None, scaler=None, model=None, strength: float = 20.0):
    """The common question answered by segment: what customers like this one did at earlier cutoffs.

    Scaler, segments and rates are learned from the cutoffs earlier than `t`; at `t` customers
    are only placed.

    Parameters
    ----------
    question : CommonQuestion
    features : callable
        As ``CommonQuestion.features`` takes it, such as `rfm_and_categories` returns.
    k : int
        Number of segments.
    t : label, optional
        The cutoff; the test without it.
    scaler : FeatureScaler, optional
        Not fitted; one with the logarithm of frequency and money (where there are such) without it.
    model : estimator, optional
        Not fitted, with ``fit`` and ``predict``; `LloydKMeans` with `k` without it.
    strength : float
        As in `SegmentRates`.

    Returns
    -------
    pandas.DataFrame
        Index: customers at `t`; columns: outcomes.

    Raises
    ------
    InputError, LeakError
        As the question's and the segments' own.
    """
    learn, answers = question.training(features, t)
    now = question.features(features, t, guard=False)
    if scaler is None:
        scaler = FeatureScaler(log=[c for c in ("frequency", "monetary") if c in learn.columns])
    scaler = scaler.fit(learn)
    model = LloydKMeans(k) if model is None else model
    model.fit(scaler.transform(learn).to_numpy())
    rates = SegmentRates(strength).fit(
        model.predict(scaler.transform(learn).to_numpy()), answers.loc[learn.index], question.outcomes
    )
    return rates.probabilities(pd.Series(model.predict(scaler.transform(now).to_numpy()), index=now.index))
