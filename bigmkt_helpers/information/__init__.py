"""Information: how much is unknown, how much a model closes, and what that earns.

The rooms: `measures` (entropy, mutual information, log loss, value of information), `calibration`
(reliability, calibrators), `intervals` (bootstrap over customers), `coupons` (from probabilities to money),
`question` (the common question of all chapters), `ladder` (what each kind of data is worth) and `ledger`
(the table of all models). Everything is importable from here.
"""

from bigmkt_helpers.information.calibration import (
    ScoreCalibrator,
    TemperatureScaling,
    VectorScaling,
    category_scores,
    clopper_pearson,
    expected_calibration_error,
    reliability_table,
)
from bigmkt_helpers.information.coupons import (
    NO_COUPON,
    CouponTerms,
    blanket_coupon,
    choose_coupons,
    coupon_profits,
    true_profit,
    with_coupon,
)
from bigmkt_helpers.information.intervals import Interval, mean_interval, ratio_interval, resampled_means
from bigmkt_helpers.information.ladder import information_sets
from bigmkt_helpers.information.ledger import Ledger
from bigmkt_helpers.information.measures import (
    ValueOfInformation,
    binary_entropy,
    bits_per_customer,
    conditional_entropy,
    cross_entropy,
    entropy,
    entropy_from_counts,
    growth_rate,
    kelly_fraction,
    kullback_leibler,
    log_loss,
    mutual_information,
    mutual_information_from_counts,
    pointwise_mutual_information,
    row_entropy,
    value_of_information,
)
from bigmkt_helpers.information.question import (
    NOTHING,
    CommonQuestion,
    LeakError,
    timing_features,
    week_cutoffs,
)

__all__ = [
    "NOTHING",
    "NO_COUPON",
    "CommonQuestion",
    "CouponTerms",
    "Interval",
    "LeakError",
    "Ledger",
    "ScoreCalibrator",
    "TemperatureScaling",
    "ValueOfInformation",
    "VectorScaling",
    "binary_entropy",
    "bits_per_customer",
    "blanket_coupon",
    "category_scores",
    "choose_coupons",
    "clopper_pearson",
    "conditional_entropy",
    "coupon_profits",
    "cross_entropy",
    "entropy",
    "entropy_from_counts",
    "expected_calibration_error",
    "growth_rate",
    "information_sets",
    "kelly_fraction",
    "kullback_leibler",
    "log_loss",
    "mean_interval",
    "mutual_information",
    "mutual_information_from_counts",
    "pointwise_mutual_information",
    "ratio_interval",
    "reliability_table",
    "resampled_means",
    "row_entropy",
    "timing_features",
    "true_profit",
    "value_of_information",
    "week_cutoffs",
    "with_coupon",
]
