"""A/B tests against scipy, statsmodels, the examples of R's manual, exact integration and simulation."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats import power as sm_power
from statsmodels.stats import proportion as sm

from bigmkt_helpers import evaluation
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import clopper_pearson

pytestmark = pytest.mark.unit


def assert_share(hits, n, value, level=0.999):
    """The share agrees with the value, by the exact binomial interval."""
    low, high = clopper_pearson([hits], [n], level)
    assert low[0] <= value <= high[0], f"{hits / n:.4f} [{low[0]:.4f}, {high[0]:.4f}] against {value:.4f}"


# --- the tests themselves ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "counts", [(10, 100, 20, 100), (5, 30, 1, 50), (0, 40, 6, 40), (9, 9, 3, 8), (1, 2000, 0, 9)]
)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_rates_against_statsmodels(counts, level):
    a, n_a, b, n_b = counts
    found = evaluation.compare_rates(a, n_a, b, n_b, level)
    z, p_value = sm.proportions_ztest([b, a], [n_b, n_a])
    assert (found.statistic, found.p_value) == pytest.approx((z, p_value), rel=1e-9)
    interval = sm.confint_proportions_2indep(b, n_b, a, n_a, method="newcomb", alpha=1 - level)
    assert (found.low, found.high) == pytest.approx(interval, abs=1e-9)
    turned = evaluation.compare_rates(b, n_b, a, n_a, level)
    assert (turned.low, turned.high, turned.p_value) == pytest.approx(
        (-found.high, -found.low, found.p_value)
    )


@pytest.mark.parametrize(("n_a", "n_b"), [(2, 2), (5, 40), (300, 200)])
def test_means_against_scipy(n_a, n_b):
    rng = np.random.default_rng(n_a)
    a, b = rng.normal(1, 1, n_a), rng.gamma(0.5, 4, n_b)
    found = evaluation.compare_means(a, b, level=0.9)
    theirs = stats.ttest_ind(b, a, equal_var=False)
    assert (found.statistic, found.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(0.9)), rel=1e-9)
    scaled = evaluation.compare_means(100 * a + 7, 100 * b + 7, level=0.9)
    assert (scaled.difference, scaled.p_value) == pytest.approx((100 * found.difference, found.p_value))


def test_without_effect_the_tests_raise_the_alarm_as_often_as_they_say():
    rng = np.random.default_rng(21)
    runs = 3000
    hits = rng.binomial(800, 0.1, size=(runs, 2))
    rates = [evaluation.compare_rates(a, 800, b, 800) for a, b in hits.tolist()]
    assert_share(sum(result.p_value < 0.05 for result in rates), runs, 0.05)
    assert_share(sum(result.low <= 0 <= result.high for result in rates), runs, 0.95)
    means = [evaluation.compare_means(*rng.normal(size=(2, 25))) for _ in range(runs)]
    assert_share(sum(result.p_value < 0.05 for result in means), runs, 0.05)


# --- power ------------------------------------------------------------------------------------------


@pytest.mark.published
def test_the_examples_of_the_manual_of_r():
    # stats::power.prop.test: power = 0.740; n = 76.7; p2 = 0.8026
    assert evaluation.rates_power(0.50, 0.25, 50) == pytest.approx(0.740, abs=5e-4)
    assert evaluation.rates_sample_size(0.50, 0.25, power=0.90) == 77
    assert evaluation.rates_minimum_effect(0.5, 50, power=0.90) == pytest.approx(0.3026, abs=5e-5)


@pytest.mark.parametrize(("base", "effect"), [(0.5, 0.25), (0.05, 0.01), (0.3, -0.1)])
def test_power_of_rates_against_statsmodels(base, effect):
    for power in (0.6, 0.8, 0.95):
        ours = evaluation.rates_sample_size(base, effect, power)
        theirs = sm.samplesize_proportions_2indep_onetail(effect, base, power)
        assert ours == math.ceil(theirs - 1e-9)
        assert (
            evaluation.rates_power(base, effect, ours)
            >= power
            > evaluation.rates_power(base, effect, ours - 1)
        )
        least = evaluation.rates_minimum_effect(base, ours, power)
        assert evaluation.rates_power(base, least, ours) == pytest.approx(power, abs=1e-8)
    assert evaluation.rates_power(base, 0, 100) == pytest.approx(0.05)


@pytest.mark.parametrize(("effect", "deviation"), [(1.0, 1.0), (0.2, 1.0), (-3.0, 40.0)])
def test_power_of_means_against_statsmodels(effect, deviation):
    solver = sm_power.TTestIndPower()
    for n in (2, 5, 20, 300):
        theirs = solver.power(abs(effect) / deviation, n, 0.05)
        if np.isnan(theirs):  # scipy's far tail of the noncentral t; the near one is all there is
            theirs = stats.nct.sf(
                stats.t.ppf(0.975, 2 * n - 2), 2 * n - 2, effect / deviation * math.sqrt(n / 2)
            )
        assert evaluation.means_power(effect, deviation, n) == pytest.approx(theirs, abs=1e-6)
    n = evaluation.means_sample_size(effect, deviation, power=0.9)
    assert n == math.ceil(solver.solve_power(abs(effect) / deviation, power=0.9, alpha=0.05) - 1e-6)
    assert evaluation.means_minimum_effect(deviation, n, power=0.9) <= abs(effect)
    assert evaluation.means_power(0, deviation, 30) == pytest.approx(0.05, abs=1e-9)
    assert evaluation.means_power(1e6, 1.0, 50) == 1.0
    n = 2_000_000  # there the normal law is exact to many digits
    normal = stats.norm.sf(1.959963984540054 - 0.003 * math.sqrt(n / 2))
    assert evaluation.means_power(0.003, 1.0, n) == pytest.approx(normal, abs=1e-6)


@pytest.mark.recovery
def test_power_of_rates_against_simulation():
    n = evaluation.rates_sample_size(0.1, 0.03, power=0.8)
    rng = np.random.default_rng(31)
    runs = 4000
    a, b = rng.binomial(n, 0.1, runs), rng.binomial(n, 0.13, runs)
    found = sum(evaluation.compare_rates(x, n, y, n).p_value < 0.05 for x, y in zip(a.tolist(), b.tolist()))
    assert_share(found, runs, evaluation.rates_power(0.1, 0.03, n))
    assert 0.8 <= evaluation.rates_power(0.1, 0.03, n) < 0.801


@pytest.mark.recovery
def test_power_of_means_against_simulation():
    rng = np.random.default_rng(32)
    runs, n = 4000, evaluation.means_sample_size(5.0, 8.0, power=0.7)
    a, b = rng.normal(20, 8, (runs, n)), rng.normal(25, 8, (runs, n))
    found = sum(evaluation.compare_means(x, y).p_value < 0.05 for x, y in zip(a, b))
    assert_share(found, runs, evaluation.means_power(5.0, 8.0, n))


# --- looking early ----------------------------------------------------------------------------------


def test_repeated_looks_against_the_bivariate_normal_and_the_tables():
    border = stats.norm.ppf(0.975)
    law = stats.multivariate_normal([0, 0], [[1, math.sqrt(0.5)], [math.sqrt(0.5), 1]])
    quiet = law.cdf([border] * 2, lower_limit=[-border] * 2)
    found = evaluation.repeated_looks_error(100)
    assert found[1] == pytest.approx(0.05, abs=1e-12)
    assert found[2] == pytest.approx(1 - quiet, abs=1e-7)
    # Armitage, McPherson & Rowe 1969, as commonly quoted
    quoted = {2: 0.083, 3: 0.107, 4: 0.126, 5: 0.142, 10: 0.193, 20: 0.248, 50: 0.320, 100: 0.374}
    assert found[list(quoted)].to_dict() == pytest.approx(quoted, abs=6e-4)


def test_pocock_boundaries():
    # Pocock 1977, as commonly quoted
    quoted = {1: 1.960, 2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413, 10: 2.555}
    assert {n: evaluation.pocock_boundary(n) for n in quoted} == pytest.approx(quoted, abs=6e-4)
    assert evaluation.pocock_boundary(3, alpha=0.01) == pytest.approx(2.873, abs=6e-4)
    for n in (2, 10):
        border = evaluation.pocock_boundary(n)
        assert evaluation.repeated_looks_error(n, border).iloc[-1] == pytest.approx(0.05, abs=1e-6)
        assert border < stats.norm.ppf(1 - 0.025 / n)  # Bonferroni's


@pytest.mark.recovery
def test_simulated_peeking_agrees_with_the_integration():
    runs = 4000
    looks = evaluation.peeking(8, 2000, rate=0.2, n_simulations=runs, random_state=3)
    exact = evaluation.repeated_looks_error(8)
    for look in (1, 4, 8):
        assert_share(round(looks.loc[look, "stopped"] * runs), runs, exact[look])
        assert_share(round(looks.loc[look, "this_look"] * runs), runs, 0.05)
    assert looks["stopped"].is_monotonic_increasing
    assert (looks["low"] < looks["stopped"]).all()
    held = evaluation.peeking(
        8, 2000, rate=0.2, critical=evaluation.pocock_boundary(8), n_simulations=runs, random_state=4
    )
    assert_share(round(held["stopped"].iloc[-1] * runs), runs, 0.05)
    real = evaluation.peeking(8, 500, rate=0.2, effect=0.05, n_simulations=500)
    assert real["stopped"].iloc[-1] > 0.9
    assert evaluation.peeking(3, 1, rate=1e-9, n_simulations=100)["stopped"].tolist() == [0, 0, 0]


# --- is the test itself sound? ----------------------------------------------------------------------


def test_sample_ratio_against_scipy():
    for n_a, n_b, share in [(5000, 5100, 0.5), (900, 60, 0.95), (0, 12, 0.5)]:
        total = n_a + n_b
        theirs = stats.chisquare([n_a, n_b], [total * share, total * (1 - share)]).pvalue
        assert evaluation.sample_ratio_mismatch(n_a, n_b, share) == pytest.approx(theirs, rel=1e-9)
    rng = np.random.default_rng(5)
    found = [evaluation.sample_ratio_mismatch(int(n), 4000 - int(n)) for n in rng.binomial(4000, 0.5, 3000)]
    assert_share(sum(p < 0.05 for p in found), 3000, stats.chi2.sf(1.96**2, 1))


def test_cuped_keeps_the_difference_and_takes_the_variance():
    rng = np.random.default_rng(6)
    before = rng.gamma(2.0, 10.0, 4000)
    arm = rng.random(4000) < 0.5
    outcome = 0.8 * before + rng.normal(0, 8, 4000) + 2.0 * arm
    found = evaluation.cuped(outcome, before)
    assert found.theta == pytest.approx(np.polyfit(before, outcome, 1)[0])
    assert found.variance_left == pytest.approx(1 - np.corrcoef(before, outcome)[0, 1] ** 2)
    assert found.adjusted.mean() == pytest.approx(outcome.mean())
    plain = evaluation.compare_means(outcome[~arm], outcome[arm])
    sharp = evaluation.compare_means(found.adjusted[~arm], found.adjusted[arm])
    assert sharp.low < 2.0 < sharp.high
    ratio = (sharp.high - sharp.low) / (plain.high - plain.low)
    assert ratio == pytest.approx(math.sqrt(found.variance_left), rel=0.02)
    useless = evaluation.cuped(outcome, rng.permutation(before))
    assert useless.variance_left > 0.99


@pytest.mark.recovery
def test_intervals_after_cuped_cover_as_often_as_they_say():
    rng = np.random.default_rng(9)
    runs, covered = 2000, 0
    for _ in range(runs):
        before = rng.normal(size=80)
        outcome = before + rng.normal(size=80) + np.repeat([0.0, 0.5], 40)
        adjusted = evaluation.cuped(outcome, before).adjusted
        result = evaluation.compare_means(adjusted[:40], adjusted[40:])
        covered += result.low <= 0.5 <= result.high
    assert_share(covered, runs, 0.95)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e.compare_rates(0, 0, 1, 10), "n_a is 0"),
        (lambda e: e.compare_rates(11, 10, 1, 10), "11 successes among 10"),
        (lambda e: e.compare_rates(0.5, 10, 1, 10), "successes_a is 0.5"),
        (lambda e: e.compare_rates(1, 10, 1, 10, level=1), "level is 1"),
        (lambda e: e.compare_means([1.0, 1.0], [1.0, 1.0]), "do not vary"),
        (lambda e: e.compare_means([0.0, 0.0], [0.0, 0.0]), "do not vary"),
        (lambda e: e.compare_means([1.0], [1.0, 2.0]), "Arm a has one customer"),
        (lambda e: e.compare_means([], [1.0, 2.0]), "non-empty"),
        (lambda e: e.compare_means([1.0, math.nan], [1.0, 2.0]), "nan at position 1"),
        (lambda e: e.rates_sample_size(0.1, 0), "effect is 0"),
        (lambda e: e.rates_sample_size(0.1, 0.02, power=1), "power is 1"),
        (lambda e: e.rates_sample_size(0.1, 0.02, power=1.2), "power is 1.2"),
        (lambda e: e.rates_sample_size(0.1, -0.2), "leaves 0 to 1"),
        (lambda e: e.rates_sample_size(0, 0.2), "base rate is 0"),
        (lambda e: e.rates_minimum_effect(np.float64(np.nan), 50), "base rate is nan: it must lie"),
        (lambda e: e.rates_power(0.1, 0.2, 0), "n is 0"),
        (lambda e: e.rates_power(0.1, math.nan, 10), "effect is nan"),
        (lambda e: e.rates_minimum_effect(0.9, 5), "no rise from 0.9"),
        (lambda e: e.means_sample_size(0, 1), "effect is 0"),
        (lambda e: e.means_sample_size(1, 0), "deviation is 0"),
        (lambda e: e.means_sample_size(1, 1, power=1), "power is 1"),
        (lambda e: e.means_power(1, 1, 1), "n is 1"),
        (lambda e: e.means_minimum_effect(1, 10, power=0.01), "chance alone"),
        (lambda e: e.repeated_looks_error(0), "n_looks is 0"),
        (lambda e: e.repeated_looks_error(5000), "at most 1,000"),
        (lambda e: e.repeated_looks_error(5, 0), "critical is 0"),
        (lambda e: e.pocock_boundary(5, 0), "alpha is 0"),
        (lambda e: e.peeking(5, 0), "n_per_look is 0"),
        (lambda e: e.peeking(5, 10, n_simulations=10), "n_simulations is 10"),
        (lambda e: e.sample_ratio_mismatch(0, 0), "Neither arm"),
        (lambda e: e.sample_ratio_mismatch(5, 5, 1), "share_a is 1"),
        (lambda e: e.cuped([1.0, 2.0], [3.0, 3.0]), "vary"),
        (lambda e: e.cuped([1.0, 2.0], [3.0]), "must pair up"),
        (lambda e: e.cuped(pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0], index=[1, 2])), "different indexes"),
    ],
)
def test_bad_input_gets_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call(evaluation)


def test_no_success_at_all_is_no_evidence():
    found = evaluation.compare_rates(0, 50, 0, 60)
    assert (found.difference, found.statistic, found.p_value) == (0, 0, 1)
    assert found.low < 0 < found.high
