"""Which side of a rule comes first: what no support, confidence or lift can tell."""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError


def came_first(rules, lines, order_id="order_id", product_id="product_id", line_number=None) -> pd.DataFrame:
    """How often the antecedent came into the basket before the consequent, and whether that is luck.

    Support, lift and Fisher's p-value are the same for a rule and the one turned round; confidence differs,
    but only because the items are not equally frequent. The order of the lines tells more: if A brings C, A
    comes first. It is a hint and no proof: a till records the order of scanning, and what comes first need
    not be the cause.

    Parameters
    ----------
    rules : pandas.DataFrame
        From :func:`association_rules`, one item on each side.
    lines : pandas.DataFrame
        The lines of the baskets, those that the rules came from or others. Never changed.
    order_id, product_id : str
        The frame's names for the basket and the item.
    line_number : str, optional
        The frame's name for the place in the basket; default the order of the rows. Of an item that comes
        twice the first place counts.

    Returns
    -------
    pandas.DataFrame
        With the index of `rules`: ``ahead`` and ``behind``, the numbers of baskets in which the antecedent
        came before and after the consequent (ties count for neither), ``share`` ahead (missing if never
        both), and ``p_value``, the exact binomial chance of at least so many ahead if each order were as
        likely.

    Raises
    ------
    InputError
        No table of rules, a side of more than one item, or a column that is missing.

    Examples
    --------
    >>> from bigmkt_helpers.baskets import association_rules, frequent_itemsets
    >>> baskets = [["tea", "pot"], ["tea", "pot"], ["tea", "pot"], ["cup"]]
    >>> rules = association_rules(frequent_itemsets(baskets, min_count=2))
    >>> rows = [(number, item) for number, items in enumerate(baskets) for item in items]
    >>> found = came_first(rules, pd.DataFrame(rows, columns=["order_id", "product_id"]))
    >>> rules["antecedents"].map(min).tolist(), found["ahead"].tolist(), found["p_value"].tolist()
    (['pot', 'tea'], [0, 3], [1.0, 0.125])
    """
    from scipy.stats import binom

    sides = [side for side in ("antecedents", "consequents") if side not in getattr(rules, "columns", [])]
    if sides:
        raise InputError(f"The rules have no column {sides[0]!r}: pass the result of association_rules.")
    if any(len(items) != 1 for side in ("antecedents", "consequents") for items in rules[side]):
        raise InputError("came_first needs rules of one item on each side: use max_len=2 for the itemsets.")
    wanted = [order_id, product_id, *([] if line_number is None else [line_number])]
    missing = [column for column in wanted if column not in getattr(lines, "columns", [])]
    if missing:
        raise InputError(f"The lines have no column {missing[0]!r}; name it, as in order_id='receipt'.")
    left = [next(iter(items)) for items in rules["antecedents"]]
    right = [next(iter(items)) for items in rules["consequents"]]
    place = np.arange(len(lines)) if line_number is None else lines[line_number].to_numpy()
    known = pd.DataFrame({"order": lines[order_id].to_numpy(), "item": lines[product_id].to_numpy()})
    known["place"] = place
    known = known[known["item"].isin({*left, *right})]
    first = known.groupby(["order", "item"], sort=False)["place"].min().reset_index()
    both = first.merge(first, on="order", suffixes=("", "_other"))
    before = both[both["place"] < both["place_other"]].groupby(["item", "item_other"]).size().to_dict()
    ahead = np.array([before.get(pair, 0) for pair in zip(left, right)], dtype=np.int64)
    behind = np.array([before.get(pair, 0) for pair in zip(right, left)], dtype=np.int64)
    with np.errstate(invalid="ignore"):
        share = ahead / (ahead + behind)
    return pd.DataFrame(
        {
            "ahead": ahead,
            "behind": behind,
            "share": share,
            "p_value": np.clip(binom.sf(ahead - 1, ahead + behind, 0.5), 0.0, 1.0),
        },
        index=rules.index,
    )
