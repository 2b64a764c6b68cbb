"""Bundles: what an offer of "these together for less" would earn, and what must happen for it to pay."""

from numbers import Real

import numpy as np
import pandas as pd

from bigmkt_helpers.baskets.table import _number_between
from bigmkt_helpers.errors import InputError


def suggest_bundles(rules, margins, *, discount, uptake, per=1000, n_bundles=None) -> pd.DataFrame:
    """Rules as offers: whoever has the antecedents in the basket gets the consequents for less.

    Of n baskets, n(A) hold the antecedents. Those that hold the consequents too would have been sold anyway:
    each now gives away the discount. Of the others a share `uptake` says yes, and each brings the margin of
    the consequents less the discount. So the expected profit of the offer over making none is

        uptake * (n(A) - n(A and C)) * (margin(C) - discount) - n(A and C) * discount

    and it pays from the uptake on at which this is 0. A high confidence makes it dearer, not better: it says
    how many would have bought anyway. The uptake is what no basket tells, since buying together is no proof
    that an offer moves anybody: measure it in a test where a coin decides who sees the offer.

    Parameters
    ----------
    rules : pandas.DataFrame
        From :func:`association_rules`; filter and prune them first.
    margins : pandas.Series or dict
        Price less cost of one unit of each item, in one currency; one unit of each item per bundle.
    discount : float
        Given on one bundle, in that currency; at least 0.
    uptake : float or pandas.Series
        Share in [0, 1] of the baskets with the antecedents alone that take the consequents along because of
        the offer; one number, or one per rule with the index of `rules`.
    per : int
        Profit is told per so many baskets.
    n_bundles : int, optional
        The first so many only.

    Returns
    -------
    pandas.DataFrame
        ``antecedents``, ``consequents``, ``margin`` (of the consequents, money), ``anyway`` and ``reached``
        (baskets per `per` with both, and with the antecedents alone), ``break_even_uptake`` (above 1, or inf:
        never), ``expected_profit`` (money per `per` baskets) and ``pays``. Of several rules on the same items
        the best stays. Falling expected profit; ties in the order of `rules`.

    Raises
    ------
    InputError
        An item without a margin, a margin that is no finite number, a discount below 0, an uptake outside [0,
        1].

    Examples
    --------
    >>> from bigmkt_helpers.baskets import association_rules, frequent_itemsets
    >>> found = frequent_itemsets([["tea", "pot"], ["tea"], ["tea"], ["cup"]], min_count=1)
    >>> rules = association_rules(found, min_confidence=0.3)
    >>> offer = suggest_bundles(rules, {"tea": 2.0, "pot": 10.0, "cup": 3.0}, discount=1.0, uptake=0.2)
    >>> offer["expected_profit"].round(6).tolist(), offer["break_even_uptake"].round(4).tolist()
    ([650.0], [0.0556])

    ``1000 / 4 * (0.2 * 2 * (10 - 1) - 1 * 1)`` is 650: the offer goes to the tea without a pot.
    """
    needed = ["antecedents", "consequents", "antecedent support", "support"]
    missing = [column for column in needed if column not in getattr(rules, "columns", [])]
    if missing:
        raise InputError(f"The rules have no column {missing[0]!r}: pass the result of association_rules.")
    if not isinstance(discount, Real) or not 0 <= discount < np.inf:
        raise InputError(f"discount is {discount!r}: it must be an amount of money of at least 0.")
    if not isinstance(per, Real) or not 0 < per < np.inf:
        raise InputError(f"per is {per!r}: it must be a number of baskets above 0.")
    if isinstance(uptake, pd.Series):
        if not uptake.index.equals(rules.index):
            raise InputError("uptake has another index than the rules: give one number per rule.")
        for value in uptake:
            _number_between(value, "uptake", 0, 1, low_allowed=True, high_allowed=True)
        uptake = uptake.to_numpy(dtype=float)
    else:
        _number_between(uptake, "uptake", 0, 1, low_allowed=True, high_allowed=True)
    margins = dict(margins)
    margin = np.array([_margin(items, margins) for items in rules["consequents"]], dtype=float)
    anyway = rules["support"].to_numpy(dtype=float) * per
    reached = rules["antecedent support"].to_numpy(dtype=float) * per - anyway
    gain = reached * (margin - discount)
    offers = rules[["antecedents", "consequents"]].copy()
    offers["margin"], offers["anyway"], offers["reached"] = margin, anyway, reached
    with np.errstate(divide="ignore", invalid="ignore"):
        never = np.where(anyway * discount > 0, np.inf, 0.0)
        offers["break_even_uptake"] = np.where(gain > 0, anyway * discount / gain, never)
    offers["expected_profit"] = uptake * gain - anyway * discount
    offers["pays"] = offers["expected_profit"] > 0
    offers = offers.iloc[np.argsort(-offers["expected_profit"].to_numpy().round(9), kind="stable")]
    together = pd.Series([a | c for a, c in zip(offers["antecedents"], offers["consequents"])], dtype=object)
    offers = offers[~together.duplicated().to_numpy()].reset_index(drop=True)
    return offers if n_bundles is None else offers.head(n_bundles)


def _margin(items, margins) -> float:
    total = 0.0
    for item in items:
        if item not in margins:
            raise InputError(f"margins has no entry for {item!r}: give price less cost of every item.")
        value = margins[item]
        if not isinstance(value, Real) or not np.isfinite(value):
            raise InputError(f"The margin of {item!r} is {value!r}: it must be a finite amount of money.")
        total += float(value)
    return total
