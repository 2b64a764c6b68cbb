"""Prediction: who will buy, who will leave, how much will be sold, and what to do about it at a profit.

The rooms: `features` (what was known at a cutoff), `models` (thin pipelines), `validation` (folds, windows
of time, choice of settings, leaks), `decisions` (thresholds and money, lift, calibration), `explain`
(importance, partial dependence), `forecasting` (weekly demand with intervals), `risk` (who stands out) and
`lantern` (the common question). Everything is importable from here.
"""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "features": ["ShopFeatures", "category_table"],
    "models": ["MODELS", "SETTINGS", "DeclaredColumns", "NaiveBayes", "make_model", "pruning_table"],
    "validation": [
        "CrossValidated",
        "compare_validated",
        "cross_validated",
        "drawn_settings",
        "leakage_report",
        "nested_choice",
        "time_windows",
    ],
    "decisions": [
        "RULES",
        "Payoffs",
        "Recalibrator",
        "brier_score",
        "brier_skill",
        "calibration_table",
        "capture",
        "choose_threshold",
        "compare_thresholds",
        "gains_table",
        "prior_shift",
        "profit_by_threshold",
    ],
    "explain": ["partial_dependence", "permutation_importance"],
    "forecasting": [
        "CalendarRegression",
        "HoltWinters",
        "SeasonalNaive",
        "forecast_scores",
        "rolling_origins",
        "weekly_demand",
    ],
    "risk": ["AnomalyScores"],
    "lantern": ["BuyThenWhich", "outcome_forecast", "two_step_forecast", "will_buy"],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
