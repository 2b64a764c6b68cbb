"""Is a rule more than luck: exact p-values, many rules at once, and a second part of the baskets."""

from numbers import Integral

import numpy as np
import pandas as pd

from bigmkt_helpers.baskets.table import Baskets, _number_between
from bigmkt_helpers.errors import InputError


def fisher_p_value(n_both, n_antecedent, n_consequent, n_baskets) -> np.ndarray:
    """The chance of at least so many baskets with both sides, if the sides had nothing to do with each other.

    One-sided exact test of Fisher: with the two sides' counts given, the number of baskets with both is
    hypergeometric.

    Parameters
    ----------
    n_both, n_antecedent, n_consequent, n_baskets : array-like of int
        Number of baskets with both sides, with each, and in all; broadcast against each other.

    Returns
    -------
    numpy.ndarray of float
        Between 0 and 1; 1 if a side is in every basket.

    Raises
    ------
    InputError
        Counts that can't be.

    Examples
    --------
    Of 4 baskets 2 hold tea and 2 a pot; the pots go with the tea in one of 6 ways.

    >>> round(float(fisher_p_value(2, 2, 2, 4)), 4)
    0.1667
    """
    from scipy.stats import hypergeom

    both, a, c, n = np.broadcast_arrays(*map(np.asarray, (n_both, n_antecedent, n_consequent, n_baskets)))
    if ((both > np.minimum(a, c)) | (both < np.maximum(0, a + c - n)) | (np.maximum(a, c) > n)).any():
        raise InputError(
            "Some counts can't be: both sides together lie in more baskets than one side, or than all."
        )
    # symmetric in the two sides; the smaller as the draws keeps the sum short; equal tables are done once
    tables = np.stack([both, np.minimum(a, c), np.maximum(a, c), n])
    different, back = np.unique(tables.reshape(4, -1), axis=1, return_inverse=True)
    both, few, many, n = different
    p_values = np.clip(hypergeom.sf(both - 1, n, many, few), 0.0, 1.0)
    return p_values[back].reshape(tables.shape[1:])


def stratified_p_value(rules, baskets, strata=None) -> pd.Series:
    """The p-value of rules among baskets of one size: what a full basket alone explains is taken out.

    Who fills a big basket buys more of everything, so that nearly any two items lie together more often than
    :func:`fisher_p_value` expects. Here baskets are compared with baskets of the same size only: given how
    often each side occurs in every stratum, the number of baskets with both is a sum of independent
    hypergeometric numbers, whose distribution is computed in full: the exact form of the test of Mantel &
    Haenszel (Statistical aspects of the analysis of data from retrospective studies of disease, Journal of
    the National Cancer Institute 22, 1959) for several 2 x 2 tables.

    The items of one basket compete for its places: by luck alone a pair lies in baskets of s items about (s -
    1) / s as often as this test expects, half as often where s is 2. So it errs on the safe side, and weak
    ties in small baskets stay unseen. Time grows with the square of the counts.

    Parameters
    ----------
    rules : pandas.DataFrame
        From :func:`association_rules`.
    baskets : Baskets, list of lists or pandas.DataFrame
        Those that the rules came from, or others.
    strata : array-like of length n_baskets, optional
        A label per basket, such as the shop's channel; default its number of items.

    Returns
    -------
    pandas.Series of float
        With the index of `rules`. Adjust them with ``adjust_p_values(…, number_of_tests(itemsets))``.

    Raises
    ------
    InputError
        No table of rules, or not one label per basket.

    Examples
    --------
    Two big baskets hold everything, four small ones one thing each: no rule but the size.

    >>> from bigmkt_helpers.baskets import association_rules, frequent_itemsets
    >>> lists = [["a", "b"], ["a", "b"], ["c"], ["c"], ["d"], ["d"]]
    >>> rules = association_rules(frequent_itemsets(lists, min_count=2))
    >>> rules["p_value"].round(4).tolist(), stratified_p_value(rules, lists).tolist()
    ([0.0667, 0.0667], [1.0, 1.0])
    """
    from scipy.special import gammaln

    missing = [c for c in ("antecedents", "consequents") if c not in getattr(rules, "columns", [])]
    if missing:
        raise InputError(f"The rules have no column {missing[0]!r}: pass the result of association_rules.")
    baskets = Baskets.of(baskets)
    strata = np.diff(baskets.indptr) if strata is None else np.asarray(strata)
    if strata.shape != (baskets.n_baskets,):
        raise InputError(
            f"strata has shape {strata.shape}: give one label for each of {baskets.n_baskets} baskets."
        )
    _, code = np.unique(strata, return_inverse=True)
    sizes = np.bincount(code)
    left, right = rules["antecedents"].tolist(), rules["consequents"].tolist()
    different = list(dict.fromkeys([*left, *right]))
    held = dict(zip(different, (np.bincount(code[w], minlength=len(sizes)) for w in baskets.find(different))))
    together = baskets.count([a | c for a, c in zip(left, right)])
    log_factorial = gammaln(np.arange(baskets.n_baskets + 1) + 1.0)
    # a rule and the one turned round have the same law: it is worked out once
    known = {}
    for a, c, both in zip(left, right, together):
        sides = frozenset((a, c))
        if sides not in known:
            known[sides] = _tail(held[a], held[c], sizes, both, log_factorial)
    tails = [known[frozenset((a, c))] for a, c in zip(left, right)]
    return pd.Series(tails, index=rules.index, name="stratified_p_value", dtype=float)


def _tail(a, c, sizes, both, log_factorial) -> float:
    """The chance that hypergeometric numbers, one per stratum, add up to at least `both`."""
    law, least = np.ones(1), 0
    for few, many, n in zip(np.minimum(a, c).tolist(), np.maximum(a, c).tolist(), sizes.tolist()):
        low = max(0, few + many - n)
        k = np.arange(low, few + 1)
        least += low
        if len(k) > 1:
            f = log_factorial
            ways = f[many] - f[k] - f[many - k] + f[n - many] - f[few - k] - f[n - many - few + k]
            law = np.convolve(law, np.exp(ways - (f[n] - f[few] - f[n - few])))
    return float(min(1.0, law[max(0, both - least) :].sum()))


def shuffled_p_value(rules, baskets, n_shuffles=99, random_state=0, sweeps=5) -> pd.DataFrame:
    """How often baskets of the same sizes, shuffled, hold both sides as often as the real ones.

    :func:`stratified_p_value` is exact and strict: items that sell often compete for the places of a basket,
    which hides ties between them. Shuffles with the sizes kept (:func:`shuffle_baskets`) hold that
    competition too, so they are the fairer judge of frequent items; but they take time, and no p-value is
    below 1 / (n_shuffles + 1).

    Parameters
    ----------
    rules : pandas.DataFrame
        From :func:`association_rules`.
    baskets : Baskets, list of lists or pandas.DataFrame
        Those that the rules came from, or others.
    n_shuffles : int
        At least 1.
    random_state, sweeps : int
        Shuffle k uses the seed [random_state, k].

    Returns
    -------
    pandas.DataFrame
        With the index of `rules`: ``count``, the baskets with both sides; ``by size``, their mean number over
        the shuffles; ``p_value``, (1 + shuffles with at least as many) / (1 + shuffles).

    Raises
    ------
    InputError
        No table of rules, no baskets, or no whole number of shuffles.

    Examples
    --------
    >>> from bigmkt_helpers.baskets import association_rules, frequent_itemsets
    >>> lists = [["a", "b"]] * 8 + [["c", "d"]] * 8
    >>> rules = association_rules(frequent_itemsets(lists, min_count=8))
    >>> shuffled_p_value(rules, lists)[["count", "p_value"]].iloc[0].tolist()
    [8.0, 0.01]
    """
    missing = [c for c in ("antecedents", "consequents") if c not in getattr(rules, "columns", [])]
    if missing:
        raise InputError(f"The rules have no column {missing[0]!r}: pass the result of association_rules.")
    if not isinstance(n_shuffles, Integral) or isinstance(n_shuffles, bool) or n_shuffles < 1:
        raise InputError(f"n_shuffles is {n_shuffles!r}: it must be a whole number of at least 1.")
    baskets = Baskets.of(baskets)
    sides = [a | c for a, c in zip(rules["antecedents"], rules["consequents"])]
    seen = baskets.count(sides)
    total, as_many = np.zeros(len(sides)), np.zeros(len(sides))
    for number in range(n_shuffles):
        mixed = shuffle_baskets(baskets, [random_state, number], keep_sizes=True, sweeps=sweeps).count(sides)
        total += mixed
        as_many += mixed >= seen
    return pd.DataFrame(
        {"count": seen, "by size": total / n_shuffles, "p_value": (1 + as_many) / (1 + n_shuffles)},
        index=rules.index,
    )


def adjust_p_values(p_values, n_tests=None, any_dependence=False) -> np.ndarray:
    """p-values as q-values: keep what is at most q, and at most a share q of it is luck, on average.

    Benjamini and Hochberg's step-up procedure (Controlling the false discovery rate, Journal of the Royal
    Statistical Society B 57, 1995): the i-th smallest p-value times the number of tests, divided by i, and
    never over that of a larger one. It holds for tests that are independent or positively dependent. With
    `any_dependence` the number of tests m is multiplied by 1 + 1/2 + ... + 1/m: that holds for tests that
    depend on each other in whatever way, and finds less (Benjamini & Yekutieli, The control of the false
    discovery rate in multiple testing under dependency, Annals of Statistics 29, 2001).

    Parameters
    ----------
    p_values : array-like of float, shape (n,)
    n_tests : int, optional
        Number of tests made, at least n: tests whose p-value was not kept count as 1. A rule picked for its
        confidence is a winner of all rules that were looked at, so their number belongs here
        (:func:`number_of_tests`). Default n.
    any_dependence : bool
        Whether to guard against any dependence between the tests.

    Raises
    ------
    InputError
        A p-value outside [0, 1] or missing; fewer tests than p-values.

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    >>> adjust_p_values([0.01, 0.04, 0.03], n_tests=30).round(3).tolist()
    [0.3, 0.4, 0.4]
    >>> adjust_p_values([0.01, 0.04, 0.03], any_dependence=True).round(3).tolist()
    [0.055, 0.073, 0.073]
    """
    p_values = np.asarray(p_values, dtype=float)
    if p_values.ndim != 1 or not ((p_values >= 0) & (p_values <= 1)).all():
        raise InputError("p_values must be a plain sequence of numbers between 0 and 1, none missing.")
    n_tests = len(p_values) if n_tests is None else n_tests
    if not isinstance(n_tests, Integral) or n_tests < len(p_values):
        raise InputError(f"n_tests is {n_tests!r}: it must be a whole number of at least {len(p_values)}.")
    order = np.argsort(p_values, kind="stable")
    n_tests = n_tests * (1.0 / np.arange(1, n_tests + 1)).sum() if any_dependence else n_tests
    raised = p_values[order] * float(n_tests) / np.arange(1, len(p_values) + 1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return adjusted


def number_of_tests(itemsets, max_consequent=None) -> int:
    """How many rules could have been told, had any pair of frequent sides lain together: the family of tests.

    Both sides are frequent itemsets that share no item and are together no longer than the longest itemset
    found (at least 2). Whether a side is frequent says nothing about its tie to the other side, so this
    choice spoils no p-value; whether both together are frequent, or confident, does, so those rules are
    counted whether kept or not. For sides of more than one item the ones that share an item are counted too:
    a little strict.

    Parameters
    ----------
    itemsets : pandas.DataFrame
        All frequent itemsets.
    max_consequent : int, optional
        Most items on the right side.

    Examples
    --------
    Three frequent items, and at most pairs: six rules.

    >>> number_of_tests(pd.DataFrame({"itemsets": [frozenset("a"), frozenset("b"), frozenset("c")]}))
    6
    """
    lengths, counts = np.unique(itemsets["itemsets"].map(len).to_numpy(dtype=np.int64), return_counts=True)
    number = dict(zip(lengths.tolist(), counts.tolist()))
    longest = max([2, *number])
    total = 0
    for left, here in number.items():
        for right, there in number.items():
            if left + right > longest or right > (max_consequent or longest):
                continue
            if right == 1:
                total += here * (there - left)
            elif left == 1:
                total += there * (here - right)
            else:
                total += here * there
    return total


def holdout_validation(rules, baskets, level=0.05) -> pd.DataFrame:
    """Rules found on one part of the baskets, measured again on another that had no say in choosing them.

    On the second part nothing was chosen, so the only tests are the rules handed in (Webb, Discovering
    significant patterns, Machine Learning 68, 2007, who controls the risk of any false rule; here the share
    of false rules is controlled, by :func:`adjust_p_values`).

    Parameters
    ----------
    rules : pandas.DataFrame
        From :func:`association_rules`, found on other baskets; filter and prune them first, as you like.
    baskets : Baskets, list of lists or pandas.DataFrame
        The part held out (:func:`split_baskets`).
    level : float, in (0, 1)
        Largest share of false rules among the confirmed, on average.

    Returns
    -------
    pandas.DataFrame
        With the index of `rules`: ``antecedents``, ``consequents``, ``confidence`` and ``lift`` as found;
        ``holdout antecedent count``, ``holdout count``, ``holdout support``, ``holdout confidence`` and
        ``holdout lift`` (missing where a side never occurs), ``p_value`` (1 there), ``q_value`` and
        ``confirmed``.

    Raises
    ------
    InputError
        No table of rules, a level outside (0, 1).

    Examples
    --------
    >>> from bigmkt_helpers.baskets import association_rules, frequent_itemsets
    >>> old, new = [["a", "b"]] * 20 + [["c"]] * 20, [["a", "b"]] * 9 + [["a"]] + [["c"]] * 10
    >>> rules = association_rules(frequent_itemsets(old, 0.1), min_confidence=0.9)
    >>> holdout_validation(rules, new)[["confidence", "holdout confidence", "confirmed"]]
       confidence  holdout confidence  confirmed
    0         1.0                 0.9       True
    1         1.0                 1.0       True
    """
    _number_between(level, "level", 0, 1)
    columns = ["antecedents", "consequents", "confidence", "lift"]
    missing = [column for column in columns if column not in getattr(rules, "columns", [])]
    if missing:
        raise InputError(f"The rules have no column {missing[0]!r}: pass the result of association_rules.")
    baskets = Baskets.of(baskets)
    found = rules[columns].copy()
    left, right = rules["antecedents"].tolist(), rules["consequents"].tolist()
    different = list(dict.fromkeys([*left, *right, *(a | c for a, c in zip(left, right))]))
    count = dict(zip(different, baskets.count(different).tolist()))
    n_a = np.array([count[a] for a in left], dtype=np.int64)
    n_c = np.array([count[c] for c in right], dtype=np.int64)
    n_both = np.array([count[a | c] for a, c in zip(left, right)], dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found["holdout antecedent count"] = n_a
        found["holdout count"] = n_both
        found["holdout support"] = n_both / baskets.n_baskets
        found["holdout confidence"] = n_both / n_a
        found["holdout lift"] = n_both * float(baskets.n_baskets) / (n_a * n_c.astype(float))
    found["p_value"] = fisher_p_value(n_both, n_a, n_c, baskets.n_baskets)
    found["q_value"] = adjust_p_values(found["p_value"])
    found["confirmed"] = found["q_value"] <= level
    return found


def shuffle_baskets(baskets, random_state=0, keep_sizes=False, sweeps=5) -> Baskets:
    """Baskets without any rule: every item keeps its count, all else is luck.

    By default each item is dealt anew to baskets at random: exactly what :func:`fisher_p_value` takes for no
    rule. With `keep_sizes` every basket keeps its size too: two entries at random trade their items, if
    neither basket would then hold an item twice, and entries are paired anew `sweeps` times (swap
    randomisation; Gionis, Mannila, Mielikäinen & Tsaparas, Assessing data mining results via swap
    randomization, ACM Transactions on Knowledge Discovery from Data 1, 2007). Then
    full baskets still hold much of everything, so items lie together more often than by luck alone: rules of
    the basket's size, which a p-value of one rule can't tell from others.

    Parameters
    ----------
    baskets : Baskets, list of lists or pandas.DataFrame
    random_state : int or list of int
        Seed.
    keep_sizes : bool
        Whether baskets keep their sizes.
    sweeps : int
        How often each entry is offered a trade, at least 1; only with `keep_sizes`.

    Raises
    ------
    InputError
        No baskets, or no whole number of sweeps.

    Examples
    --------
    >>> mixed = shuffle_baskets([["a", "b"], ["c"], ["a"], ["b", "c"]], keep_sizes=True)
    >>> mixed.item_counts().tolist(), np.diff(mixed.indptr).tolist()
    ([2, 2, 2], [2, 1, 1, 2])
    """
    baskets = Baskets.of(baskets)
    if not isinstance(sweeps, Integral) or sweeps < 1:
        raise InputError(f"sweeps is {sweeps!r}: it must be a whole number of at least 1.")
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(random_state)))
    if keep_sizes:
        return _traded(baskets, generator, int(sweeps))
    counts = baskets.item_counts()
    dealt = [generator.choice(baskets.n_baskets, size=count, replace=False) for count in counts.tolist()]
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *dealt])
    items = np.repeat(np.arange(baskets.n_items, dtype=np.int32), counts)
    indptr = np.r_[0, np.cumsum(np.bincount(rows, minlength=baskets.n_baskets))]
    return Baskets(baskets.labels, indptr, items[np.lexsort([items, rows])])


def _traded(baskets, generator, sweeps) -> Baskets:
    """Swap randomisation: pairs of entries trade their items where that brings no item to a basket twice."""
    rows, items, width = baskets.rows(), baskets.positions.astype(np.int64), max(1, baskets.n_items)
    half = len(items) // 2
    for _ in range(sweeps):
        order = generator.permutation(len(items))
        one, other = order[:half], order[half : 2 * half]
        new_one, new_other = rows[one] * width + items[other], rows[other] * width + items[one]
        held = np.sort(rows * width + items)
        wanted = np.concatenate([new_one, new_other])
        if half:
            place = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
            clash = held[place] == wanted
            # two trades of one sweep must not bring the same item to the same basket either
            _, back, number = np.unique(wanted, return_inverse=True, return_counts=True)
            clash |= number[back] > 1
            fine = ~(clash[:half] | clash[half:])
            items[one[fine]], items[other[fine]] = items[other[fine]], items[one[fine]]
    order = np.lexsort([items, rows])
    return Baskets(baskets.labels, baskets.indptr, items[order].astype(np.int32))
