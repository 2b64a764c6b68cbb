"""Segments and personas: who the customers are, in groups, and how far to trust the groups.

The rooms: `measures` (recency, frequency and money from order lines), `clustering` (scaling, K-means, a
hierarchy, Gaussian mixtures), `choice` (how many groups, how alike two groupings are), `personas` (cards, new
customers, probabilities by segment) and `mailing` (which segment to write to). All is importable from here.
"""

from bigmkt_helpers._rooms import open_on_demand

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
    "mailing": ["MailingPlan", "segment_mailing"],
    "personas": ["PersonaCards", "SegmentAssigner", "SegmentRates", "persona_cards", "segment_forecast"],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
