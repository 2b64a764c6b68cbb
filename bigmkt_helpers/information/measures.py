"""Bits: entropy, mutual information, log loss, and what knowing is worth to a bettor and to a decider.

Every quantity is in bits (logarithms to base 2), with 0 · log 0 = 0. Definitions and theorems: Cover &
Thomas, Elements of Information Theory, 2nd edition, 2006, chapters 2 and 6 (unverified).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import _checks

# --- from probabilities ------------------------------------------------------------------------------


def entropy(probabilities) -> float:
    """Shannon entropy, -Σ p log2 p, in bits.

    Parameters
    ----------
    probabilities : array-like of any shape
        Adding up to 1; the cells of a table are its outcomes, so a joint table gives the joint entropy.

    Raises
    ------
    InputError
        A negative, missing or infinite value, nothing at all, or a sum other than 1.

    Examples
    --------
    >>> entropy([0.5, 0.5]), entropy([0.25] * 4)
    (1.0, 2.0)
    """
    return _entropy(_checks.distribution(probabilities, "probabilities"))


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(max(-(p * np.log2(p)).sum(), 0.0))


def binary_entropy(probability):
    """Entropy of a yes-or-no question, -p log2 p - (1-p) log2(1-p), in bits; takes a number or an array.

    Raises
    ------
    InputError
        A value outside 0 to 1, missing or infinite.

    Examples
    --------
    >>> binary_entropy(0.5), round(binary_entropy(0.11), 4)
    (1.0, 0.4999)
    """
    p = _checks.numbers(probability, "probability")
    if ((p < 0) | (p > 1)).any():
        raise InputError(f"probability holds {p[(p < 0) | (p > 1)].flat[0]:g}: it must lie from 0 to 1.")
    both = np.stack([p, 1 - p])
    bits = -(both * np.log2(both, where=both > 0, out=np.zeros_like(both))).sum(axis=0)
    return float(bits) if bits.ndim == 0 else bits


def row_entropy(probabilities):
    """Entropy of each row of a table of distributions, in bits: how unsure a model says it is, per customer.

    Parameters
    ----------
    probabilities : DataFrame or array-like of shape (n_customers, n_outcomes)

    Returns
    -------
    Series (with the index of the DataFrame) or ndarray of shape (n_customers,)

    Examples
    --------
    >>> row_entropy([[0.5, 0.5], [1.0, 0.0]]).tolist()
    [1.0, 0.0]
    """
    p = _checks.rows_of_probabilities(probabilities, "probabilities")
    bits = np.maximum(-(p * np.log2(p, where=p > 0, out=np.zeros_like(p))).sum(axis=1), 0.0)
    if isinstance(probabilities, pd.DataFrame):
        return pd.Series(bits, index=probabilities.index, name="entropy")
    return bits


def conditional_entropy(joint) -> float:
    """H(Y|X) = H(X, Y) - H(X), in bits: what stays unknown of the column once the row is known.

    Parameters
    ----------
    joint : array-like of shape (n_x, n_y)
        P(x, y), adding up to 1; rows are x, columns are y (transpose it for H(X|Y)).

    Examples
    --------
    >>> conditional_entropy([[0.5, 0.0], [0.25, 0.25]])
    0.5
    """
    p = _joint(joint)
    return max(_entropy(p) - _entropy(p.sum(axis=1)), 0.0)


def mutual_information(joint) -> float:
    """I(X; Y) = H(X) + H(Y) - H(X, Y), in bits: what the row tells of the column, and the other way round.

    Parameters
    ----------
    joint : array-like of shape (n_x, n_y)
        P(x, y), adding up to 1.

    Examples
    --------
    >>> mutual_information([[0.5, 0.0], [0.0, 0.5]]), mutual_information([[0.25, 0.25], [0.25, 0.25]])
    (1.0, 0.0)
    """
    p = _joint(joint)
    return max(_entropy(p.sum(axis=1)) + _entropy(p.sum(axis=0)) - _entropy(p), 0.0)


def pointwise_mutual_information(joint):
    """log2( P(x, y) / (P(x) P(y)) ) for every cell, in bits: the logarithm of what baskets call lift.

    Parameters
    ----------
    joint : DataFrame or array-like of shape (n_x, n_y)
        P(x, y), adding up to 1.

    Returns
    -------
    DataFrame (if one came in) or ndarray of shape (n_x, n_y)
        -inf where x and y never meet, NaN where x or y itself never occurs. Its mean under P is I(X; Y).

    Examples
    --------
    >>> pointwise_mutual_information([[0.5, 0.0], [0.0, 0.5]]).tolist()
    [[1.0, -inf], [-inf, 1.0]]
    """
    p = _joint(joint)
    rows, columns = p.sum(axis=1, keepdims=True), p.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.log2(p) - np.log2(rows) - np.log2(columns)
    bits = np.where((rows > 0) & (columns > 0), bits, np.nan)
    if isinstance(joint, pd.DataFrame):
        return pd.DataFrame(bits, index=joint.index, columns=joint.columns)
    return bits


def kullback_leibler(p, q) -> float:
    """D(p || q) = Σ p log2(p / q), in bits: the extra bits paid by who believes q while p is true.

    Returns
    -------
    float
        At least 0, 0 only for p = q, infinite if q gives 0 to something that p gives more. Not symmetric.

    Raises
    ------
    InputError
        Different shapes, or as in :func:`entropy`.

    Examples
    --------
    >>> round(kullback_leibler([0.5, 0.5], [0.9, 0.1]), 4), kullback_leibler([0.5, 0.5], [1.0, 0.0])
    (0.737, inf)
    """
    p, q = _pair(p, q)
    held = p > 0
    if (q[held] == 0).any():
        return float("inf")
    return float(max((p[held] * np.log2(p[held] / q[held])).sum(), 0.0))


def cross_entropy(p, q) -> float:
    """-Σ p log2 q = H(p) + D(p || q), in bits: the log loss to expect from believing q while p is true.

    Examples
    --------
    >>> cross_entropy([0.5, 0.5], [0.5, 0.5])
    1.0
    """
    p, q = _pair(p, q)
    held = p > 0
    if (q[held] == 0).any():
        return float("inf")
    return float(-(p[held] * np.log2(q[held])).sum())


def _pair(p, q):
    p, q = _checks.distribution(p, "p"), _checks.distribution(q, "q")
    if p.shape != q.shape:
        raise InputError(f"p has shape {p.shape} and q {q.shape}: they must be about the same outcomes.")
    return p, q


def _joint(joint) -> np.ndarray:
    p = _checks.distribution(joint, "joint")
    if p.ndim != 2:
        raise InputError(f"joint has shape {p.shape}: pass a table, x in the rows and y in the columns.")
    return p


# --- from counts -------------------------------------------------------------------------------------

CORRECTIONS = ("plug-in", "miller-madow")
"""Estimators of entropy from counts."""


def entropy_from_counts(counts, estimator: str = "plug-in") -> float:
    """Entropy estimated from counts, in bits.

    Parameters
    ----------
    counts : array-like of any shape
        Whole numbers, how often each outcome was seen.
    estimator : {"plug-in", "miller-madow"}
        "plug-in" takes the shares for the probabilities and is too low on average. "miller-madow" adds
        (m - 1) / (2 n ln 2), with m the outcomes seen at least once among n observations, which takes out the
        leading term of that bias (Miller, 1955, as in R's package entropy, entropy.MillerMadow).

    Raises
    ------
    InputError
        Counts that are negative, not whole or all zero; an unknown estimator.

    Examples
    --------
    >>> entropy_from_counts([2, 2]), round(entropy_from_counts([2, 2], "miller-madow"), 4)
    (1.0, 1.1803)
    """
    n = _checks.counts(counts, "counts")
    _known(estimator)
    plug_in = _entropy(n / n.sum())
    return plug_in + (_bias(n) if estimator == "miller-madow" else 0.0)


def mutual_information_from_counts(counts, estimator: str = "plug-in") -> float:
    """Mutual information estimated from a table of counts, in bits.

    Parameters
    ----------
    counts : array-like of shape (n_x, n_y)
        How often x and y were seen together.
    estimator : {"plug-in", "miller-madow"}
        "plug-in" is too high on average: chance alone looks like information. "miller-madow" corrects each of
        H(X) + H(Y) - H(X, Y) and may come out a little below 0, which says: nothing found.

    Raises
    ------
    InputError
        As in :func:`entropy_from_counts`, or no table.

    Examples
    --------
    >>> mutual_information_from_counts([[5, 0], [0, 5]])
    1.0
    >>> round(mutual_information_from_counts([[3, 2], [2, 3]]), 4)
    0.029
    >>> round(mutual_information_from_counts([[3, 2], [2, 3]], "miller-madow"), 4)
    -0.0431
    """
    n = _checks.counts(counts, "counts")
    _known(estimator)
    if n.ndim != 2:
        raise InputError(f"counts has shape {n.shape}: pass a table, x in the rows and y in the columns.")
    plug_in = mutual_information(n / n.sum())
    if estimator == "plug-in":
        return plug_in
    return plug_in + _bias(n.sum(axis=1)) + _bias(n.sum(axis=0)) - _bias(n)


def _bias(n: np.ndarray) -> float:
    return float(((n > 0).sum() - 1) / (2 * n.sum() * np.log(2)))


def _known(estimator) -> None:
    if estimator not in CORRECTIONS:
        raise InputError(f"There is no estimator {estimator!r}: use 'plug-in' or 'miller-madow'.")


# --- log loss ----------------------------------------------------------------------------------------


def bits_per_customer(probabilities, answers, floor: float | None = None) -> pd.Series:
    """Surprise, -log2 p(what happened), of every customer, in bits.

    Parameters
    ----------
    probabilities : pandas.DataFrame
        Index: customers; columns: outcomes; every row adds up to 1.
    answers : pandas.Series
        What happened: one of the columns for every customer, in any order.
    floor : float, optional
        Least probability of any outcome: p becomes (1 - K · floor) · p + floor with K outcomes, which still
        adds up to 1. Without it a probability of 0 for what happened is an error, not a hidden constant.

    Returns
    -------
    pandas.Series
        In the order of `probabilities`; its mean is the log loss.

    Raises
    ------
    InputError
        Rows that are no distributions, other customers in the two tables, an answer that is no column, a
        floor outside 0 to 1/K, or probability 0 for what happened.

    Examples
    --------
    >>> forecast = pd.DataFrame({"tea": [0.5, 0.25], "nothing": [0.5, 0.75]}, index=[7, 8])
    >>> bits_per_customer(forecast, pd.Series({7: "tea", 8: "tea"})).tolist()
    [1.0, 2.0]
    """
    p, code = matched(probabilities, answers)
    if floor is not None:
        k = p.shape[1]
        if not (_checks.not_negative(floor, "floor") * k < 1 and floor > 0):
            raise InputError(f"floor is {floor!r}: with {k} outcomes it must lie between 0 and {1 / k:.6g}.")
        p = (1 - k * floor) * p + floor
    happened = p[np.arange(len(p)), code]
    never = happened <= 0
    if never.any():
        at = int(never.argmax())
        raise InputError(
            f"Customer {probabilities.index[at]} did {probabilities.columns[code[at]]!r}, to which the model "
            f"gave probability 0 ({int(never.sum())} such customers): the log loss is infinite. Smooth the "
            "model, or pass floor=, the least probability of any outcome."
        )
    return pd.Series(-np.log2(happened), index=probabilities.index, name="bits")


def log_loss(probabilities, answers, floor: float | None = None) -> float:
    """Mean of :func:`bits_per_customer`, in bits per customer; arguments and errors as there.

    Examples
    --------
    >>> forecast = pd.DataFrame({"tea": [0.5, 0.25], "nothing": [0.5, 0.75]}, index=[7, 8])
    >>> log_loss(forecast, pd.Series({7: "tea", 8: "tea"}))
    1.5
    """
    return float(bits_per_customer(probabilities, answers, floor).mean())


def matched(probabilities, answers) -> tuple[np.ndarray, np.ndarray]:
    """The table as an array of distributions, and for each row the number of the column that happened."""
    if not isinstance(probabilities, pd.DataFrame) or not isinstance(answers, pd.Series):
        raise InputError("Pass probabilities as a DataFrame and answers as a Series, both by customer.")
    for name, table in (("probabilities", probabilities), ("answers", answers)):
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()][0]
            raise InputError(f"{name} has customer {twice} twice: keep one row per customer.")
    if not probabilities.columns.is_unique:
        raise InputError("probabilities has two columns of one name: keep one column per outcome.")
    p = _checks.rows_of_probabilities(probabilities, "probabilities")
    missing = probabilities.index.difference(answers.index, sort=False)
    extra = answers.index.difference(probabilities.index, sort=False)
    if len(missing) or len(extra):
        customer, where = (missing[0], "answers") if len(missing) else (extra[0], "probabilities")
        raise InputError(
            f"Customer {customer} is not in {where} ({len(missing) + len(extra)} customers are in one table "
            "only): score exactly the customers of the question."
        )
    ordered = answers.reindex(probabilities.index)
    code = probabilities.columns.get_indexer(pd.Index(ordered))
    if (code < 0).any():
        at = int((code < 0).argmax())
        raise InputError(
            f"The answer {ordered.iloc[at]!r} of customer {ordered.index[at]} is no column of probabilities: "
            f"the columns are {list(map(str, probabilities.columns))}."
        )
    return p, code


# --- what knowing is worth ---------------------------------------------------------------------------


def growth_rate(probabilities, odds, bets=None) -> float:
    """Growth of a bettor's capital per round, Σ p log2(b · o), in bits: 1 doubles it every round.

    The whole capital is laid, the share b of it on each outcome, and the outcome that happens pays back o
    times its share. No bets grow faster than b = p (Kelly, Bell System Technical Journal 35, 1956, pages
    917-926). At fair odds o = 1 / q, growth is D(p || q) - D(p || b); and who learns x before betting on y
    gains I(X; Y) bits a round on average.

    Parameters
    ----------
    probabilities : array-like of shape (n_outcomes,)
        Adding up to 1.
    odds : array-like of shape (n_outcomes,)
        Paid back per unit laid, the stake included; above 0.
    bets : array-like of shape (n_outcomes,), optional
        Shares of the capital, adding up to 1; by default the probabilities.

    Returns
    -------
    float
        -inf if nothing is laid on an outcome that can happen.

    Raises
    ------
    InputError
        Shapes that differ, odds of 0 or less, shares that do not add up to 1.

    Examples
    --------
    >>> growth_rate([0.75, 0.25], odds=[2, 2]), growth_rate([0.75, 0.25], odds=[2, 2], bets=[0.5, 0.5])
    (0.18872187554086717, 0.0)
    """
    p = _checks.distribution(probabilities, "probabilities")
    b = p if bets is None else _checks.distribution(bets, "bets")
    o = _checks.numbers(odds, "odds")
    if not p.shape == b.shape == o.shape:
        raise InputError("probabilities, odds and bets are about different numbers of outcomes.")
    if (o <= 0).any():
        raise InputError(f"odds holds {o[o <= 0][0]:g}: odds are what one unit pays back, above 0.")
    held = p > 0
    if (b[held] == 0).any():
        return float("-inf")
    return float((p[held] * np.log2(b[held] * o[held])).sum())


def kelly_fraction(probability, net_odds) -> float:
    """Share of the capital to lay on one bet so that it grows fastest: p - (1 - p) / net odds, at least 0.

    Source: Kelly (1956), for a bet that pays `net_odds` units per unit laid if it is won, besides the stake,
    and loses the stake otherwise.

    Examples
    --------
    >>> kelly_fraction(0.75, 1.0), kelly_fraction(0.4, 1.0)
    (0.5, 0.0)
    """
    p, b = float(_checks.numbers(probability, "probability")), float(_checks.numbers(net_odds, "net_odds"))
    if not 0 <= p <= 1:
        raise InputError(f"probability is {p:g}: it must lie from 0 to 1.")
    if b <= 0:
        raise InputError(f"net_odds is {b:g}: what a won bet pays besides the stake is above 0.")
    return max(p - (1 - p) / b, 0.0)


class ValueOfInformation(NamedTuple):
    """What knowing is worth before a decision, in the unit of the payoffs. Made by `value_of_information`."""

    action: object
    payoff: float
    perfect: float
    sample: float | None


def value_of_information(payoffs, prior, signals=None) -> ValueOfInformation:
    """Expected value of perfect and of sample information for a decision table.

    Without information the best action has max_a Σ_s p(s) u(a, s). Perfect information is worth
    Σ_s p(s) max_a u(a, s) less that; a signal z with P(z | s) is worth Σ_z max_a Σ_s p(s) P(z | s) u(a, s)
    less that (Raiffa & Schlaifer, Applied Statistical Decision Theory, 1961 (unverified)).

    Parameters
    ----------
    payoffs : pandas.DataFrame of shape (n_actions, n_states)
        Money, say, of each action in each state.
    prior : pandas.Series or array-like of shape (n_states,)
        P(s); a Series goes by the names of the states.
    signals : pandas.DataFrame of shape (n_states, n_signals), optional
        P(z | s); every row adds up to 1; its index goes by the names of the states.

    Returns
    -------
    ValueOfInformation
        ``action`` (best without information, the first of equals), ``payoff`` (its expectation), ``perfect``
        and ``sample`` (None without signals); 0 ≤ sample ≤ perfect.

    Raises
    ------
    InputError
        Tables that do not name the same states, or hold no distributions.

    Examples
    --------
    >>> payoffs = pd.DataFrame({"buyer": [-5.0, 0.0], "no buyer": [-1.0, 0.0]}, index=["send", "wait"])
    >>> payoffs.loc["send", "buyer"] = 9.0
    >>> signals = pd.DataFrame([[0.8, 0.2], [0.4, 0.6]], ["buyer", "no buyer"], ["click", "no click"])
    >>> value = value_of_information(payoffs, prior=[0.05, 0.95], signals=signals)
    >>> value.action, value.payoff, round(value.perfect, 4), round(value.sample, 4)
    ('wait', 0.0, 0.45, 0.0)
    """
    if not isinstance(payoffs, pd.DataFrame):
        raise InputError("payoffs must be a DataFrame: one row per action, one column per state.")
    u, states = _checks.numbers(payoffs, "payoffs"), payoffs.columns
    if isinstance(prior, pd.Series):
        prior = _by_state(prior, states, "prior")
    p = _checks.distribution(prior, "prior")
    if p.shape != (len(states),):
        raise InputError(
            f"prior has shape {p.shape}: it needs one probability for each of {len(states)} states."
        )
    expected = u @ p
    best = float(expected.max())
    perfect = float((u.max(axis=0) * p).sum() - best)
    sample = None
    if signals is not None:
        likelihood = _checks.rows_of_probabilities(_by_state(signals, states, "signals"), "signals")
        sample = max(float((u @ (p[:, None] * likelihood)).max(axis=0).sum() - best), 0.0)
    return ValueOfInformation(payoffs.index[int(expected.argmax())], best, max(perfect, 0.0), sample)


def _by_state(table, states, name: str):
    if not isinstance(table, pd.Series | pd.DataFrame):
        raise InputError(f"{name} must carry the names of the states: pass a Series or DataFrame.")
    if not table.index.is_unique or set(table.index) != set(states):
        raise InputError(
            f"{name} is about the states {list(table.index)}, and the payoffs about {list(states)}: "
            "they must be the same."
        )
    return table.reindex(states)
