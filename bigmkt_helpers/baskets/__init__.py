"""Market baskets: frequent itemsets, the rules they give, which of the rules hold, and bundles."""

import importlib

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
        "stratified_p_value",
    ],
    "bundles": ["suggest_bundles"],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_ROOM_OF)


def __getattr__(name):
    # a room is opened when somebody asks for what is in it
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)


def __dir__():
    return sorted(set(globals()) | set(__all__))
