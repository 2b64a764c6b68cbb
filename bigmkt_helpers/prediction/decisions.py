"""From probabilities to a decision: whom to contact, what it earns, whether the probabilities are right."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.information import Interval, clopper_pearson, mean_interval, reliability_table
from bigmkt_helpers.prediction import _checks
from bigmkt_helpers.prediction._scores import draws, weighted

__all__ = [
    "RULES",
    "Payoffs",
    "Recalibrator",
    "brier_score",
    "brier_skill",
    "calibration_table",
    "capture",
    "choose_threshold",
    "compare_thresholds",
    "gains_table",
    "prior_shift",
    "profit_by_threshold",
]

RULES = ("half", "f1", "expected profit", "best seen")
"""Ways to choose a threshold, as `choose_threshold` knows them."""


@dataclass(frozen=True)
class Payoffs:
    """What each of the four cells of the confusion table is worth, in money per customer.

    Parameters
    ----------
    contacted_yes, contacted_no : float
        Of a customer who is contacted and would (would not) have said yes.
    left_yes, left_no : float
        Of a customer who is left alone; 0 where doing nothing earns nothing.
    currency : str

    Raises
    ------
    InputError
        A value that is no number; a contact that is worth no more for a yes than for a no, against leaving
        alone, so that no threshold separates the two.

    Examples
    --------
    >>> Payoffs.of_campaign(margin=40, cost=5).break_even
    0.125
    """

    contacted_yes: float
    contacted_no: float
    left_yes: float = 0.0
    left_no: float = 0.0
    currency: str = "CNY"

    def __post_init__(self):
        for name in ("contacted_yes", "contacted_no", "left_yes", "left_no"):
            value = getattr(self, name)
            if isinstance(value, bool) or not np.isscalar(value) or not np.isfinite(value):
                raise InputError(f"{name} is {value!r}: it must be an amount of money.")
        if self.gain_yes <= self.gain_no:
            raise InputError(
                "A contact is worth no more for a customer who says yes than for one who says no: "
                "no threshold makes sense."
            )

    @classmethod
    def of_campaign(cls, margin: float, cost: float, currency: str = "CNY") -> "Payoffs":
        """Every contact costs `cost`; a yes brings `margin` that would not have come by itself."""
        return cls(margin - cost, -cost, currency=currency)

    @property
    def gain_yes(self) -> float:
        """What contacting adds for a customer who says yes."""
        return float(self.contacted_yes - self.left_yes)

    @property
    def gain_no(self) -> float:
        """What contacting adds for a customer who says no."""
        return float(self.contacted_no - self.left_no)

    @property
    def break_even(self) -> float:
        """The probability from which on contacting pays: -gain_no / (gain_yes - gain_no), within 0 and 1.

        From p · gain_yes + (1 - p) · gain_no ≥ 0 (Elkan, The foundations of cost-sensitive learning, IJCAI
        2001).
        """
        return float(np.clip(-self.gain_no / (self.gain_yes - self.gain_no), 0.0, 1.0))

    def profits(self, contacted, yes) -> np.ndarray:
        """Money of each customer; `yes` is an answer or, for an expectation, a probability."""
        yes = np.asarray(yes, dtype=float)
        contact = yes * self.contacted_yes + (1 - yes) * self.contacted_no
        return np.where(contacted, contact, yes * self.left_yes + (1 - yes) * self.left_no)


def profit_by_threshold(true, probabilities, payoffs: Payoffs, positive=1) -> pd.DataFrame:
    """What contacting everybody from a threshold on would have earned, for every threshold that matters.

    Parameters
    ----------
    true : array-like
    probabilities : array-like of float
        Of the positive class.
    payoffs : Payoffs
    positive : label

    Returns
    -------
    pandas.DataFrame
        Thresholds falling, the first contacts nobody: ``threshold``, ``contacted`` (share), ``profit`` (per
        1,000 customers), ``precision``, ``recall``, ``f1``.

    Raises
    ------
    InputError
        One class only; numbers that are no probabilities.

    Examples
    --------
    >>> table = profit_by_threshold([1, 0, 0, 1], [0.9, 0.6, 0.2, 0.4], Payoffs.of_campaign(40, 5))
    >>> table[["threshold", "contacted", "profit"]].iloc[:3].to_numpy().tolist()
    [[inf, 0.0, 0.0], [0.9, 0.25, 8750.0], [0.6, 0.5, 7500.0]]
    """
    hit = _checks.binary(true, positive)
    p = _checks.probabilities(probabilities, len(hit))
    falling, group = np.unique(-p, return_inverse=True)
    n = np.r_[0, np.bincount(group)].cumsum()
    hits = np.r_[0, np.bincount(group, hit)].cumsum()
    gain = hits * payoffs.gain_yes + (n - hits) * payoffs.gain_no
    alone = hit.sum() * payoffs.left_yes + (~hit).sum() * payoffs.left_no
    return pd.DataFrame(
        {
            "threshold": np.r_[np.inf, -falling],
            "contacted": n / len(hit),
            "profit": 1000 * (gain + alone) / len(hit),
            "precision": np.divide(hits, n, out=np.full(len(n), np.nan), where=n > 0),
            "recall": hits / hit.sum(),
            "f1": 2 * hits / (n + hit.sum()),
        }
    )


def choose_threshold(rule: str, true=None, probabilities=None, payoffs=None, positive=1) -> float:
    """A threshold by one of four rules; contact whoever has at least this probability.

    Parameters
    ----------
    rule : {"half", "f1", "expected profit", "best seen"}
        0.5; the greatest F1 on these customers; the break-even probability of the payoffs, which needs no
        customers but trusts the probabilities; the greatest profit on these customers, which trusts nothing
        but is led by chance.
    true, probabilities, payoffs, positive
        As in `profit_by_threshold`; those the rule needs.

    Returns
    -------
    float
        Infinite if contacting nobody is best.

    Examples
    --------
    >>> choose_threshold("expected profit", payoffs=Payoffs.of_campaign(40, 5))
    0.125
    >>> choose_threshold("f1", [1, 0, 1], [0.9, 0.5, 0.4])
    0.4
    """
    if rule not in RULES:
        raise InputError(f"There is no rule {rule!r}: use one of {', '.join(map(repr, RULES))}.")
    if rule == "half":
        return 0.5
    if rule in ("expected profit", "best seen") and not isinstance(payoffs, Payoffs):
        raise InputError(f"The rule {rule!r} needs payoffs=: what is each outcome worth?")
    if rule == "expected profit":
        return payoffs.break_even
    if true is None or probabilities is None:
        raise InputError(f"The rule {rule!r} needs true= and probabilities= of customers to learn from.")
    pays = payoffs if isinstance(payoffs, Payoffs) else Payoffs(1, -1)
    table = profit_by_threshold(true, probabilities, pays, positive)
    column = "f1" if rule == "f1" else "profit"
    # of equal thresholds the highest: no contact without a reason
    return float(table["threshold"].iloc[int(table[column].to_numpy().argmax())])


def compare_thresholds(
    true,
    probabilities,
    payoffs: Payoffs,
    thresholds,
    truth=None,
    positive=1,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """What the thresholds earn on customers that had no part in choosing them.

    Parameters
    ----------
    true : array-like
        What these customers did.
    probabilities : array-like of float
    payoffs : Payoffs
    thresholds : dict of {name: float}
        As `choose_threshold` gives them, learned from other customers.
    truth : array-like of float, optional
        The true probabilities, where a simulation knows them. Then profits are expectations under the truth
        (which takes the luck of the answers out), and a row "truth" shows what it would earn itself, at the
        break-even.
    positive : label
    level, n_resamples, random_state
        Of the intervals, by bootstrap over customers; all rows see the same draws.

    Returns
    -------
    pandas.DataFrame
        Index: "nobody", "everybody", the names, and "truth" if it is known: ``threshold``, ``contacted``
        (share), ``profit`` per 1,000 customers with ``low`` and ``high``; ``gain`` over the better of nobody
        and everybody with ``gain_low`` and ``gain_high``.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(0))
    >>> p = rng.uniform(size=400)
    >>> table = compare_thresholds(rng.uniform(size=400) < p, p, Payoffs.of_campaign(40, 5),
    ...                            {"half": 0.5, "expected profit": 0.125}, truth=p, positive=True)
    >>> table["contacted"].round(2).to_dict()
    {'nobody': 0.0, 'everybody': 1.0, 'half': 0.54, 'expected profit': 0.88, 'truth': 0.88}
    """
    hit = _checks.binary(true, positive)
    p = _checks.probabilities(probabilities, len(hit))
    reserved = {"nobody", "everybody", "truth"} & set(thresholds)
    if reserved:
        raise InputError(
            f"A rule cannot be called {sorted(reserved)[0]!r}: the table has a row of that name."
        )
    yes = hit if truth is None else _checks.probabilities(truth, len(hit), "truth")
    plans = {"nobody": (np.inf, np.zeros(len(p), bool)), "everybody": (0.0, np.ones(len(p), bool))}
    plans |= {name: (float(value), p >= value) for name, value in thresholds.items()}
    if truth is not None:
        plans["truth"] = (payoffs.break_even, yes >= payoffs.break_even)
    money = {name: 1000 * payoffs.profits(plan, yes) for name, (_, plan) in plans.items()}
    plain = max(("nobody", "everybody"), key=lambda name: money[name].mean())
    rows = {}
    for name, (value, plan) in plans.items():
        profit = mean_interval(money[name], level, n_resamples, random_state)
        gain = mean_interval(money[name] - money[plain], level, n_resamples, random_state)
        rows[name] = {
            "threshold": value,
            "contacted": plan.mean(),
            "profit": profit.estimate,
            "low": profit.low,
            "high": profit.high,
            "gain": gain.estimate,
            "gain_low": gain.low,
            "gain_high": gain.high,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule")


# --- lift and gain ------------------------------------------------------------------------------------


def gains_table(true, scores, groups: int = 10, positive=1, level: float = 0.95) -> pd.DataFrame:
    """Customers in groups by falling score: how many positives are found, and how many times chance that is.

    Customers with equal scores are spread evenly over the groups that they straddle, so that the order of the
    file has no part in it.

    Parameters
    ----------
    true : array-like
    scores : array-like of float
        The higher, the more likely positive; any finite numbers.
    groups : int
        Of equal size, up to one customer.
    positive : label
    level : float
        Of the Clopper-Pearson interval of each group's rate.

    Returns
    -------
    pandas.DataFrame
        Index ``group``, 1 the highest: ``customers`` (share, cumulative), ``n``, ``hits`` (fractions where
        scores tie), ``rate`` with ``low`` and ``high``, ``lift`` (rate / overall rate), ``captured`` (share
        of all positives so far, the gain) and ``captured_lift`` (captured / customers).

    Raises
    ------
    InputError
        One class only; more groups than customers; a score that is no number.

    Examples
    --------
    >>> table = gains_table([1, 1, 0, 1, 0, 0, 0, 0], [8, 7, 6, 5, 4, 3, 2, 1], groups=4)
    >>> table["captured"].round(3).tolist()
    [0.667, 1.0, 1.0, 1.0]
    """
    hit, s = _scored(true, scores, positive)
    _checks.whole_number(groups, "groups", least=1)
    if groups > len(hit):
        raise InputError(f"{groups} groups were asked for, of {len(hit)} customers: ask for fewer.")
    edges = np.round(np.linspace(0, len(hit), groups + 1)).astype(int)
    found = _found(hit, s, edges)
    n, hits = np.diff(edges), np.diff(found)
    low, high = clopper_pearson(np.clip(hits, 0, n), n, level)
    rate = hits / n
    return pd.DataFrame(
        {
            "customers": edges[1:] / len(hit),
            "n": n,
            "hits": hits,
            "rate": rate,
            "low": low,
            "high": high,
            "lift": rate / hit.mean(),
            "captured": found[1:] / hit.sum(),
            "captured_lift": found[1:] / hit.sum() / (edges[1:] / len(hit)),
        },
        index=pd.RangeIndex(1, groups + 1, name="group"),
    )


def capture(
    true, scores, share: float = 0.2, positive=1, level: float = 0.95, n_resamples=1000, random_state=0
) -> Interval:
    """Share of all positives among the customers with the highest scores, with an interval over customers.

    Parameters
    ----------
    true, scores, positive
        As in `gains_table`.
    share : float
        Of the customers.
    level, n_resamples, random_state
        Of the bootstrap.

    Examples
    --------
    >>> capture([1, 0, 1, 0, 0] * 40, [5, 4, 3, 2, 1] * 40, share=0.2).estimate
    0.5
    """
    hit, s = _scored(true, scores, positive)
    for name, value in (("share", share), ("level", level)):
        _checks.share(value, name)
    _checks.whole_number(n_resamples, "n_resamples", least=100)
    value = weighted(hit, s, np.ones((1, len(hit))), ("capture",), share)[0, 0]
    rng, drawn, left = _checks.generator(random_state), [], n_resamples
    while left:
        block = min(left, max(1, 2_000_000 // len(hit)))
        drawn.append(weighted(hit, s, draws(len(hit), block, rng), ("capture",), share)[:, 0])
        left -= block
    low, high = np.nanquantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), level, len(hit))


# --- calibration --------------------------------------------------------------------------------------


def brier_score(true, probabilities, positive=1) -> float:
    """Mean of (p - y)²; 0 is perfect (Brier, Monthly Weather Review 78, 1950).

    Examples
    --------
    >>> round(brier_score([1, 0], [0.8, 0.4]), 3)
    0.1
    """
    hit = _checks.binary(true, positive)
    return float(((_checks.probabilities(probabilities, len(hit)) - hit) ** 2).mean())


def brier_skill(true, probabilities, positive=1) -> float:
    """1 - Brier score / that of saying the base rate of everybody; 0 knows nothing, 1 is perfect.

    Examples
    --------
    >>> brier_skill([1, 0], [0.5, 0.5])
    0.0
    """
    rate = _checks.binary(true, positive).mean()
    return float(1 - brier_score(true, probabilities, positive) / (rate * (1 - rate)))


def calibration_table(true, probabilities, n_bins: int = 10, positive=1, bins="count", level=0.95):
    """Stated probability of the positive class against the share seen: ``information.reliability_table``.

    Bins of equal count by default: those of equal width are nearly empty where positives are rare.

    Returns
    -------
    pandas.DataFrame
        ``n``, ``stated``, ``hits``, ``observed`` with its interval; see ``information.reliability_table``.

    Examples
    --------
    >>> calibration_table([1, 0, 1, 1], [0.2, 0.2, 0.8, 0.8], n_bins=2)["observed"].tolist()
    [0.5, 1.0]
    """
    hit = _checks.binary(true, positive)
    p = _checks.probabilities(probabilities, len(hit))
    answers = pd.Series(np.where(hit, "yes", "no"))
    return reliability_table(pd.DataFrame({"yes": p, "no": 1 - p}), answers, "yes", n_bins, bins, level)


class Recalibrator:
    """Mends probabilities by what happened to other customers than those the model learned from.

    Parameters
    ----------
    method : {"logistic", "isotonic"}
        "logistic": log-odds' = a + b · log-odds (Platt's idea, on probabilities); two numbers, fit for a few
        hundred customers. "isotonic": the rising step function nearest to the answers; needs more, and gives
        0 and 1 at the ends unless held off, which it is here, by `floor`.
    floor : float
        Least distance of a mended probability from 0 and from 1.

    Attributes
    ----------
    slope_, intercept_ : float
        Of "logistic"; a slope under 1 means that the model was too sure of itself.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(0))
    >>> p = rng.uniform(0.05, 0.95, size=4000)
    >>> happened = rng.uniform(size=4000) < p
    >>> boastful = p**3 / (p**3 + (1 - p) ** 3)
    >>> round(Recalibrator().fit(happened, boastful, positive=True).slope_, 1)
    0.3
    """

    def __init__(self, method: str = "logistic", floor: float = 1e-4):
        self.method = method
        self.floor = floor

    def fit(self, true, probabilities, positive=1) -> "Recalibrator":
        """Learn from the answers of customers whom the model had not seen."""
        if self.method not in ("logistic", "isotonic"):
            raise InputError(f"method={self.method!r} is not known: use 'logistic' or 'isotonic'.")
        if not 0 < self.floor < 0.5:
            raise InputError(f"floor is {self.floor!r}: it must lie between 0 and 0.5.")
        hit = _checks.binary(true, positive)
        p = _checks.probabilities(probabilities, len(hit))
        if self.method == "isotonic":
            from sklearn.isotonic import IsotonicRegression

            self.model_ = IsotonicRegression(
                y_min=self.floor, y_max=1 - self.floor, out_of_bounds="clip"
            ).fit(p, hit)
            return self
        from sklearn.linear_model import LogisticRegression

        z = self._odds(p)
        if np.ptp(z) < 1e-12:  # one probability for all: only the level can be mended
            self.slope_, self.intercept_ = 0.0, float(np.log(hit.mean() / (1 - hit.mean())))
            return self
        model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-8).fit(z[:, None], hit)
        self.slope_, self.intercept_ = float(model.coef_[0, 0]), float(model.intercept_[0])
        return self

    def transform(self, probabilities) -> np.ndarray:
        """The mended probabilities, in the same order."""
        if not hasattr(self, "model_") and not hasattr(self, "slope_"):
            raise NotFittedError("Recalibrator has learned nothing yet: call fit first.")
        p = _checks.probabilities(probabilities)
        if self.method == "isotonic":
            return self.model_.predict(p)
        q = 1 / (1 + np.exp(-(self.intercept_ + self.slope_ * self._odds(p))))
        return q.clip(self.floor, 1 - self.floor)

    def _odds(self, p) -> np.ndarray:
        # far below the floor of what comes out: customers who were told apart must stay apart
        p = p.clip(1e-12, 1 - 1e-12)
        return np.log(p) - np.log1p(-p)


def prior_shift(probabilities, trained_rate: float, real_rate: float) -> np.ndarray:
    """Probabilities of a model trained on a balanced sample (or with class weights), at the real rate.

    The odds are multiplied by (real / (1 - real)) / (trained / (1 - trained)): Bayes' rule with another prior
    (Elkan, IJCAI 2001). Training with classes reweighted to balance has a trained rate of 0.5.

    Examples
    --------
    >>> prior_shift([0.5, 0.9], trained_rate=0.5, real_rate=0.1).round(3).tolist()
    [0.1, 0.5]
    """
    p = _checks.probabilities(probabilities)
    for name, value in (("trained_rate", trained_rate), ("real_rate", real_rate)):
        _checks.share(value, name)
    factor = real_rate / (1 - real_rate) / (trained_rate / (1 - trained_rate))
    return p * factor / (1 - p + p * factor)


# --- steps ------------------------------------------------------------------------------------------


def _scored(true, scores, positive):
    hit = _checks.binary(true, positive)
    try:
        s = np.asarray(scores, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"scores holds something that is not a number ({error}).") from error
    if s.shape != hit.shape or not np.isfinite(s).all():
        raise InputError(f"scores must hold one finite number for each of the {len(hit)} customers.")
    return hit, s


def _found(hit, s, edges) -> np.ndarray:
    """Positives among the first n customers by falling score, for every n in edges; ties evenly."""
    _, group = np.unique(-s, return_inverse=True)
    n = np.r_[0, np.bincount(group)].cumsum()
    return np.interp(edges, n, np.r_[0, np.bincount(group, hit)].cumsum())
