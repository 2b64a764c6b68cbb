"""Market baskets: frequent itemsets, the rules they give, which of the rules hold, and bundles."""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "table": ["Baskets", "exact_share", "show_itemset", "smallest_count", "split_baskets"],
    "itemsets": [
        "AprioriLevel",
        "apriori_levels",
        "closed_itemsets",
        "frequent_itemsets",
        "maximal_itemsets",
    ],
    "rules": ["association_rules", "mark_redundant", "show_rules"],
    "trials": [
        "adjust_p_values",
        "fisher_p_value",
        "holdout_validation",
        "number_of_tests",
        "shuffle_baskets",
        "shuffled_p_value",
        "stratified_p_value",
    ],
    "direction": ["came_first"],
    "bundles": ["suggest_bundles"],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
