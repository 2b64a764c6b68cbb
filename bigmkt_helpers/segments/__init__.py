"""Segments and personas: who the customers are, in groups, and how far to trust the groups.

The rooms: `measures` (recency, frequency and money from order lines), `clustering` (scaling, K-means, a
hierarchy, Gaussian mixtures), `choice` (how many groups, how alike two groupings are) and `personas` (cards,
new customers, probabilities by segment). Everything is importable from here.
"""

import importlib

_ROOMS = {
    "measures": ["category_shares", "rfm", "rfm_and_categories", "rfm_grid", "rfm_scores"],
    "clustering": ["FeatureScaler", "Hierarchy", "LloydKMeans", "fit_mixture", "renumbered"],
    "choice": [
        "adjusted_rand_index",
        "adjusted_rand_interval",
        "choice_table",
        "gap_statistic",
        "mixture_bic",
        "silhouette",
        "stability",
    ],
    "personas": ["PersonaCards", "SegmentAssigner", "SegmentRates", "persona_cards", "segment_forecast"],
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
