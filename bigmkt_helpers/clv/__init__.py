"""Customer lifetime value: what a customer will still bring, in money, from what the shop knows today.

The rooms: `money` (present value, retention, the lifecycle as a chain), `survival` (Kaplan-Meier, a hazard by
period), `summary` (recency, frequency, T and mean spend from orders; calibration and holdout), `geometric`
(BG/NBD), `exponential` (Pareto/NBD), `occasions` (BG/BB), `spending` (Gamma-Gamma), `worth` (value with
horizon and discount, intervals, who to target) and `lantern` (the simulated shop's true future margins).
Everything is importable from here.
"""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "money": ["convert_discount", "lifecycle_value", "present_value", "retention_value"],
    "survival": ["DiscreteHazard", "kaplan_meier", "restricted_mean"],
    "summary": ["calibration_and_holdout", "customer_summary", "opportunity_summary", "track_repeat_sales"],
    "geometric": ["BGNBD"],
    "exponential": ["ParetoNBD"],
    "occasions": ["BGBB"],
    "spending": ["GammaGamma"],
    "worth": [
        "ValueIntervals",
        "calibration_by_decile",
        "customer_value",
        "targeting_value",
        "value_intervals",
    ],
    "lantern": ["ideal_observer_orders", "order_margins", "true_future_margin"],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
