"""Rules from itemsets, with the measures of the field, and the rules that a simpler one makes superfluous."""

import math
from numbers import Integral

import numpy as np
import pandas as pd

from bigmkt_helpers.baskets.table import _in_order, _number_between, exact_share, show_itemset
from bigmkt_helpers.baskets.trials import adjust_p_values, fisher_p_value, number_of_tests
from bigmkt_helpers.errors import InputError

COLUMNS = [
    "antecedents",
    "consequents",
    "antecedent support",
    "consequent support",
    "support",
    "confidence",
    "lift",
    "representativity",
    "leverage",
    "conviction",
    "zhangs_metric",
    "jaccard",
    "certainty",
    "kulczynski",
    "antecedent count",
    "consequent count",
    "count",
    "p_value",
    "q_value",
]
"""The first 14 are those of mlxtend 0.25, in its order."""


def association_rules(
    itemsets, n_baskets=None, *, min_confidence=0.8, min_lift=None, max_consequent=None, memory=1e9
) -> pd.DataFrame:
    """Every rule "who buys these also buys those" that the frequent itemsets give, with its measures.

    An itemset of k items gives 2^k - 2 rules. Rules are told by A, the antecedents, and C, the consequents; n
    is the number of baskets and n(A) that of those with all of A. A rule is kept if
    n(A and C) >= confidence * n(A), compared in whole numbers. A rule that fails takes along every rule of
    the itemset with a larger consequent, whose confidence can't be higher.

    =============  =================================================================  ====================
    column         formula, S(.) the support                                          defined answer
    =============  =================================================================  ====================
    support        S(A and C)
    confidence     S(A and C) / S(A)
    lift           confidence / S(C)
    leverage       S(A and C) - S(A) S(C)
    conviction     (1 - S(C)) / (1 - confidence)                                      inf at confidence 1
    zhangs_metric  leverage / max(S(A and C) (1 - S(A)), S(A) (S(C) - S(A and C)))    0 if that is 0 / 0
    jaccard        S(A and C) / (S(A) + S(C) - S(A and C))
    certainty      (confidence - S(C)) / (1 - S(C))                                   0 if all buy C
    kulczynski     (S(A and C) / S(A) + S(A and C) / S(C)) / 2
    p_value        :func:`fisher_p_value`: as many or more by luck                     1 if all buy A or C
    q_value        :func:`adjust_p_values` over :func:`number_of_tests` rules
    =============  =================================================================  ====================

    Names and formulas are those of mlxtend's ``association_rules`` (its ``representativity`` is 1 when no
    value is missing). Leverage: Piatetsky-Shapiro 1991; conviction: Brin, Motwani, Ullman & Tsur 1997; Zhang
    2000 (unverified).

    Parameters
    ----------
    itemsets : pandas.DataFrame
        All frequent itemsets from :func:`frequent_itemsets` (not only the closed ones), or from mlxtend.
    n_baskets : int, optional
        Number of baskets; told from the column ``count`` where there is one.
    min_confidence : float, in [0, 1]
    min_lift : float, optional
        Smallest lift, compared in whole numbers too.
    max_consequent : int, optional
        Most items on the right side; 1 is what R's arules gives.
    memory : float
        Bytes that the rules may take.

    Returns
    -------
    pandas.DataFrame
        The columns of `COLUMNS`; falling lift, then confidence and count, then the sorted items. Without any
        rule, no rows.

    Raises
    ------
    InputError
        A threshold out of range, itemsets whose parts are missing, more rules than memory takes.

    Examples
    --------
    >>> from bigmkt_helpers.baskets import frequent_itemsets
    >>> found = frequent_itemsets([["a", "b"], ["a", "b"], ["b"], ["c"]], min_count=1)
    >>> show_rules(association_rules(found, min_confidence=0.6))[["rule", "confidence", "lift"]].round(3)
                 rule  confidence   lift
    0  {'a'} => {'b'}       1.000  1.333
    1  {'b'} => {'a'}       0.667  1.333
    """
    _number_between(min_confidence, "min_confidence", 0, 1, low_allowed=True, high_allowed=True)
    if min_lift is not None:
        _number_between(min_lift, "min_lift", 0, math.inf, low_allowed=True)
    whole = isinstance(max_consequent, Integral) and not isinstance(max_consequent, bool)
    if max_consequent is not None and not (whole and max_consequent >= 1):
        raise InputError(
            f"max_consequent is {max_consequent!r}: it must be a whole number of at least 1, or None."
        )
    n_baskets, counts = _counts(itemsets, n_baskets)
    labels = _in_order({item for items in itemsets["itemsets"] for item in items})
    index = _Index(itemsets["itemsets"], counts, labels)
    rules = _rules(index, exact_share(min_confidence, n_baskets), max_consequent, memory)
    antecedents, consequents, n_a, n_c, n_both = rules
    if min_lift is not None:
        lift = exact_share(min_lift, n_baskets**2)
        left = n_both.astype(object) * n_baskets * lift.denominator
        good = (left >= n_a.astype(object) * n_c.astype(object) * lift.numerator).astype(bool)
        keep = np.flatnonzero(good)
        antecedents, consequents = [antecedents[k] for k in keep], [consequents[k] for k in keep]
        n_a, n_c, n_both = n_a[keep], n_c[keep], n_both[keep]
    frame = _measures(n_a, n_c, n_both, n_baskets)
    frame.insert(0, "antecedents", _sets(antecedents, labels))
    frame.insert(1, "consequents", _sets(consequents, labels))
    tests = number_of_tests(itemsets, max_consequent=max_consequent)
    frame["q_value"] = adjust_p_values(frame["p_value"], max(tests, len(frame))) if len(frame) else 0.0
    # ties of lift are broken by whole numbers and by the items, so that the order is the same everywhere
    keys = list(
        zip((-frame["lift"].round(12)).tolist(), (-n_both).tolist(), n_a.tolist(), antecedents, consequents)
    )
    order = sorted(range(len(frame)), key=keys.__getitem__)
    return frame[COLUMNS].iloc[order].reset_index(drop=True)


def mark_redundant(rules) -> pd.Series:
    """Which rules say nothing that a simpler one does not say as well.

    A rule is redundant if a rule with the same consequents, and with some of its antecedents left out, has
    the same or a higher confidence: its improvement is not positive (Bayardo, Agrawal & Gunopulos,
    Constraint-based rule mining in large, dense databases, Data Mining and Knowledge Discovery 4, 2000; as in
    ``is.redundant`` of R's arules). Leaving all antecedents out counts too: then the confidence is the
    consequents' support, so a rule with a lift of at most 1 is redundant. Compared in whole numbers.

    Parameters
    ----------
    rules : pandas.DataFrame
        From :func:`association_rules`, not cut by other measures: a simpler rule that is at least as
        confident has passed the same thresholds of support and confidence, so it is in the table.

    Returns
    -------
    pandas.Series of bool
        With the index of `rules`.

    Examples
    --------
    >>> from bigmkt_helpers.baskets import frequent_itemsets
    >>> found = frequent_itemsets([["a", "b", "c"], ["a", "b", "c"], ["a"], ["c"]], min_count=1)
    >>> rules = association_rules(found, min_confidence=1, max_consequent=1)
    >>> show_rules(rules[~mark_redundant(rules)])["rule"].tolist()
    ["{'a', 'c'} => {'b'}", "{'b'} => {'a'}", "{'b'} => {'c'}"]
    """
    _need(
        rules,
        ["antecedents", "consequents", "antecedent count", "consequent count", "count", "consequent support"],
    )
    left, right = rules["antecedents"].tolist(), rules["consequents"].tolist()
    n_a, n_both = rules["antecedent count"].tolist(), rules["count"].tolist()
    known = {(a, c): (both, own) for a, c, both, own in zip(left, right, n_both, n_a)}
    n_c = rules["consequent count"].to_numpy()
    n_baskets = np.rint(n_c / rules["consequent support"].to_numpy(dtype=float)).astype(np.int64)
    redundant = (rules["count"].to_numpy() * n_baskets <= rules["antecedent count"].to_numpy() * n_c).tolist()
    for place, (a, c) in enumerate(zip(left, right)):
        stack, seen = ([a] if not redundant[place] else []), set()
        while stack:
            larger = stack.pop()
            for item in larger:
                simpler = larger - {item}
                if not simpler or simpler in seen:
                    continue
                seen.add(simpler)
                both, own = known.get((simpler, c), (0, 1))
                if both * n_a[place] >= n_both[place] * own:
                    redundant[place] = True
                    stack = []
                    break
                stack.append(simpler)
    return pd.Series(redundant, index=rules.index, name="redundant", dtype=bool)


def show_rules(rules) -> pd.DataFrame:
    """The table with each rule as text, its items sorted: what a notebook prints, the same on every machine.

    Examples
    --------
    >>> rules = pd.DataFrame({"antecedents": [frozenset("ba")], "consequents": [frozenset("c")], "lift": 2.0})
    >>> show_rules(rules)
                      rule  lift
    0  {'a', 'b'} => {'c'}   2.0
    """
    _need(rules, ["antecedents", "consequents"])
    text = [
        f"{show_itemset(left)} => {show_itemset(right)}"
        for left, right in zip(rules["antecedents"], rules["consequents"])
    ]
    shown = rules.drop(columns=["antecedents", "consequents"])
    shown.insert(0, "rule", pd.array(text, dtype="str"))
    return shown


def _need(frame, columns) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"The table is a {type(frame).__name__}: pass the pandas DataFrame of the last step."
        )
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"The table has no column {missing[0]!r}; it has {list(map(str, frame.columns))}: pass the "
            f"result of frequent_itemsets or association_rules as it is."
        )


def _counts(itemsets, n_baskets):
    """Number of baskets and the whole-number count of each itemset, checked against the support."""
    _need(itemsets, ["support", "itemsets"])
    if n_baskets is None and "count" not in itemsets.columns:
        raise InputError(
            "These itemsets have no column 'count': tell the number of baskets with n_baskets=…."
        )
    if n_baskets is not None and (not isinstance(n_baskets, Integral) or n_baskets < 1):
        raise InputError(f"n_baskets is {n_baskets!r}: it must be a whole number of at least 1.")
    if len(itemsets) == 0:
        return n_baskets or 1, np.zeros(0, dtype=np.int64)
    support = itemsets["support"].to_numpy(dtype=float)
    if n_baskets is None:
        largest = int(np.argmax(support))
        n_baskets = round(float(itemsets["count"].iloc[largest]) / float(support[largest]))
    counts = np.rint(support * n_baskets).astype(np.int64)
    wrong = np.abs(support * n_baskets - counts) > 1e-6 * np.maximum(1, counts)
    if "count" in itemsets.columns:
        wrong |= counts != itemsets["count"].to_numpy()
    if wrong.any() or counts.min() < 1 or counts.max() > n_baskets:
        row = itemsets.index[int(wrong.argmax())]
        raise InputError(
            f"The support in row {row} is no whole number of {n_baskets:,} baskets: check n_baskets, and "
            f"pass the itemsets unrounded."
        )
    return int(n_baskets), counts


def _sets(rows, labels) -> np.ndarray:
    column = np.empty(len(rows), dtype=object)
    column[:] = [frozenset(labels[place] for place in row) for row in rows]
    return column


class _Index:
    """The itemsets of each length as sorted rows of places, and their counts found again by binary search."""

    def __init__(self, sets, counts, labels):
        place = {label: position for position, label in enumerate(labels)}
        lengths = np.array([len(items) for items in sets], dtype=np.int64)
        sets = sets.tolist()
        self.rows, self.counts, self.keys = {}, {}, {}
        for length in np.unique(lengths).tolist():
            which = np.flatnonzero(lengths == length)
            rows = np.array([sorted(place[item] for item in sets[k]) for k in which], dtype=np.int32)
            order = np.lexsort(rows.T[::-1])
            self.rows[length], self.counts[length] = rows[order], counts[which][order]
            self.keys[length] = _keys(rows[order])

    def find(self, rows) -> np.ndarray:
        """Counts of sorted rows, all of one length."""
        known, wanted = self.keys.get(rows.shape[1]), _keys(rows)
        place = np.zeros(len(rows), dtype=np.int64)
        if known is not None:
            place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        if known is None or (known[place] != wanted).any():
            raise InputError(
                "Some parts of the itemsets are not in the table: rules need all frequent itemsets, not only "
                "the closed or maximal ones."
            )
        return self.counts[rows.shape[1]][place]


def _keys(rows) -> np.ndarray:
    """Rows of places as byte strings that compare as rows do; all of one length, so ends of 0 are safe."""
    return np.ascontiguousarray(rows.astype(">i4")).view(f"S{4 * rows.shape[1]}").ravel()


def _rules(index, confidence, max_consequent, memory):
    """Antecedents and consequents as tuples of places, and the three counts, of rules confident enough."""
    left, right, numbers, held = [], [], [np.zeros((0, 3), dtype=np.int64)], 0.0
    for length in sorted(index.rows):
        rows, n_both = index.rows[length], index.counts[length]
        last = length - 1 if max_consequent is None else min(max_consequent, length - 1)
        alive = {0: np.arange(len(rows))}
        for _ in range(last):
            below, alive = alive, {}
            for smaller, which in below.items():
                # each consequent is reached once, from itself without its highest place
                for added in range(smaller.bit_length(), length):
                    mask = smaller | 1 << added
                    c = [k for k in range(length) if mask >> k & 1]
                    a = [k for k in range(length) if not mask >> k & 1]
                    n_a = index.find(rows[which][:, a])
                    good = n_both[which] >= _least_of(n_a, confidence)
                    kept, n_a = which[good], n_a[good]
                    if len(kept) == 0:
                        continue
                    alive[mask] = kept
                    held += len(kept) * 1000.0
                    if held > memory:
                        raise InputError(
                            f"More than {len(left) + len(kept):,} rules reach a confidence of "
                            f"{float(confidence):g}, over the memory of {memory / 1e6:,.0f} MB: raise "
                            f"min_confidence or the support, set max_consequent, or allow more with memory."
                        )
                    n_c = index.find(rows[kept][:, c])
                    left += map(tuple, rows[kept][:, a].tolist())
                    right += map(tuple, rows[kept][:, c].tolist())
                    numbers.append(np.column_stack([n_a, n_c, n_both[kept]]))
    return left, right, *np.concatenate(numbers).T


def _least_of(totals, share) -> np.ndarray:
    """The smallest whole number that is at least a share of each total."""
    different, back = np.unique(totals, return_inverse=True)
    return np.array([math.ceil(share * total) for total in different.tolist()], dtype=np.int64)[back]


def _measures(n_a, n_c, n_both, n_baskets) -> pd.DataFrame:
    """The measures of rules from their counts; each from one division where one is enough."""
    a, c, both = n_a / n_baskets, n_c / n_baskets, n_both / n_baskets
    with np.errstate(divide="ignore", invalid="ignore"):
        confidence = n_both / n_a
        lift = (n_both * float(n_baskets)) / (n_a * n_c.astype(float))
        leverage = both - a * c
        # whole numbers tell the cases apart that floats blur
        surplus = n_both.astype(float) * n_baskets - n_a.astype(float) * n_c
        widest = np.maximum(n_both * (n_baskets - n_a.astype(float)), n_a * (n_c - n_both).astype(float))
        conviction = np.where(n_both == n_a, np.inf, (1 - c) / (1 - confidence))
        zhang = np.where(widest == 0, 0.0, surplus / widest)
        certainty = np.where(n_c == n_baskets, 0.0, (confidence - c) / (1 - c))
        kulczynski = (confidence + n_both / n_c) / 2
        jaccard = n_both / (n_a + n_c - n_both)
    return pd.DataFrame(
        {
            "antecedent support": a,
            "consequent support": c,
            "support": both,
            "confidence": confidence,
            "lift": lift,
            "representativity": 1.0,
            "leverage": np.where(surplus == 0, 0.0, leverage),
            "conviction": conviction,
            "zhangs_metric": zhang,
            "jaccard": jaccard,
            "certainty": certainty,
            "kulczynski": kulczynski,
            "antecedent count": n_a,
            "consequent count": n_c,
            "count": n_both,
            "p_value": fisher_p_value(n_both, n_a, n_c, n_baskets),
        }
    )
