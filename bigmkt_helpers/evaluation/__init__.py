"""How good is a recommender: metrics per user, splits, and intervals that tell a gain from noise.

A *split* hides some ratings; a recommender makes lists from the rest; :func:`ranking_metrics` compares the
lists with what was hidden and returns one row per user. Its column means are the figures everybody quotes;
:func:`bootstrap_interval` and :func:`paired_bootstrap` say how far to trust them. Libraries give the same
name to different formulas, so each metric states its own formula, and who differs.
"""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "beyond": [
        "beyond_accuracy",
        "catalogue_coverage",
        "exposure",
        "exposure_entropy",
        "exposure_gini",
        "intra_list_diversity",
        "novelty",
        "popularity_bias",
        "serendipity",
    ],
    "classification": [
        "accuracy",
        "average_precision",
        "classification_metrics",
        "confusion_table",
        "f1",
        "matthews_correlation",
        "pr_auc_trapezoid",
        "precision",
        "precision_recall_curve",
        "recall",
        "roc_auc",
        "roc_curve",
    ],
    "definitions": ["compare_definitions", "metric_definitions"],
    "experiments": [
        "Comparison",
        "Cuped",
        "compare_means",
        "compare_rates",
        "cuped",
        "means_minimum_effect",
        "means_power",
        "means_sample_size",
        "peeking",
        "pocock_boundary",
        "rates_minimum_effect",
        "rates_power",
        "rates_sample_size",
        "repeated_looks_error",
        "sample_ratio_mismatch",
    ],
    "ranking": [
        "METRICS",
        "Judged",
        "average_precision_at_k",
        "judge",
        "ndcg_at_k",
        "precision_at_k",
        "ranking_metrics",
        "recall_at_k",
        "reciprocal_rank_at_k",
        "without_seen",
    ],
    "off_policy": [
        "BanditLog",
        "OffPolicyEstimate",
        "RewardModel",
        "direct_method",
        "doubly_robust",
        "inverse_propensity",
        "off_policy_estimates",
        "off_policy_study",
        "overlap",
        "self_normalised",
    ],
    "ratings": ["mae", "rmse"],
    "resampling": ["PairedDifference", "bootstrap_interval", "compare_models", "holm", "paired_bootstrap"],
    "sampled": ["held_out_ranks", "rank_metrics", "sampled_ranks", "sampling_bias"],
    "splits": [
        "cold_counts",
        "global_temporal_split",
        "k_fold",
        "leave_last_out",
        "per_user_random_split",
        "per_user_temporal_split",
        "random_split",
        "stratified_split",
    ],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
