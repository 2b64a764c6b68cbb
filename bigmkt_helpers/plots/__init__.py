"""Every figure of the course: a function takes results and returns an Axes that carries its own description.

``show(axes)`` displays the figure.  The description, a sentence made from the numbers that the figure shows,
goes with the picture as alternative text and stands in the output as text, where a test compares it.
"""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "base": ["MARKERS", "PALETTE", "STYLE", "WIDTH", "describe", "new_axes", "show"],
    "gap": ["capital_growth", "outcome_shares", "share_by_band", "unravelling"],
    "cleaning": ["cleaning_steps", "largest_z", "missing_shares", "precision_and_recall"],
    "similarity": [
        "blockbuster_share",
        "differences_to_one",
        "reliability",
        "shrinkage_curve",
        "survival_by_audience",
    ],
    "collaborative": [
        "error_against_ranking",
        "gain_by_history",
        "long_tail",
        "model_intervals",
        "validation_curves",
    ],
    "content": ["feature_effects", "rank_by_support", "two_recoveries"],
    "evaluation": [
        "difference_by_candidates",
        "exams_against_truth",
        "false_alarms",
        "policy_estimates",
        "power_check",
        "roc_and_precision",
    ],
    "cold_start": ["cold_start_panels", "marks_by_history", "trust_by_history"],
    "baskets": ["confidence_again", "false_rule_counts", "lift_heat_map", "rule_network"],
    "bandits": ["closable_clicks", "off_policy_coverage", "regret_curves"],
    "segments": ["choice_curves", "dendrogram", "persona_panels", "rfm_heat_map"],
    "sequences": [
        "auc_by_click",
        "held_out_bits",
        "posterior_bands",
        "state_path",
        "transition_diagram",
        "transition_map",
    ],
    "networks": ["distance_by_rows", "effect_beside_truth", "graph_with_bits", "graph_with_confidence"],
    "clv": [
        "decile_calibration",
        "iso_value_curves",
        "recency_frequency_matrix",
        "sales_tracking",
        "survival_curves",
    ],
    "prediction": [
        "calibration_curves",
        "demand_forecast",
        "gain_curves",
        "importance_bars",
        "partial_dependence_curve",
        "profit_curve",
    ],
    "ledger": ["LEDGER_MARKS", "knowledge_ladder", "ledger_chart"],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
