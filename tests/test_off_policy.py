"""Off-policy estimates: exact by enumeration, by hand, against the shop's truth, and on bad logs."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bigmkt_helpers.datasets import load_shop
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation import (
    BanditLog,
    RewardModel,
    direct_method,
    doubly_robust,
    inverse_propensity,
    off_policy_estimates,
    off_policy_study,
    overlap,
    self_normalised,
)
from bigmkt_helpers.shop import FrontPage, softmax_policy

pytestmark = pytest.mark.unit


def a_log(seed=0, n=400, k=3, d=2):
    """Contexts, a policy that reads them, and rewards that depend on both."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    logging = softmax_policy(x @ rng.normal(size=(d, k)), temperature=1.0, explore=0.3)
    action = (rng.random(n)[:, None] >= logging.cumsum(axis=1)).sum(axis=1).clip(max=k - 1)
    reward = 0.3 * x[:, 0] * action + 0.5 * action + rng.normal(size=n)
    target = softmax_policy(x @ rng.normal(size=(d, k)), temperature=0.7, explore=0.1)
    return BanditLog(action, reward, logging, x), target


# --- by hand ------------------------------------------------------------------------------------------------


HAND = BanditLog([0, 1, 1, 0], [1.0, 3.0, 0.0, 2.0], [0.8, 0.25, 0.5, 0.5])
TARGET = [0.4, 0.6]  # weights 0.5, 2.4, 1.2, 0.8


def test_weighting_by_hand():
    found = inverse_propensity(HAND, TARGET)
    gain = [0.5, 7.2, 0.0, 1.6]
    assert found.estimate == pytest.approx(9.3 / 4)
    assert found.standard_error == pytest.approx(np.std(gain, ddof=1) / 2)
    assert found.high - found.estimate == pytest.approx(1.959964 * found.standard_error)
    assert found.effective_sample_size == pytest.approx(4.9**2 / (0.25 + 5.76 + 1.44 + 0.64))
    assert inverse_propensity(HAND, TARGET, clip=2).estimate == pytest.approx((0.5 + 6 + 0 + 1.6) / 4)
    assert inverse_propensity(HAND, TARGET, clip=3).estimate == found.estimate
    ratio = self_normalised(HAND, TARGET)
    assert ratio.estimate == pytest.approx(9.3 / 4.9)
    value = 9.3 / 4.9
    spread = [0.5 * (1 - value), 2.4 * (3 - value), 1.2 * (0 - value), 0.8 * (2 - value)]
    assert ratio.standard_error == pytest.approx(np.sqrt(np.square(spread).sum()) / 4.9)


def test_models_by_hand():
    # both actions have the mean of all, so the ridge pulls nowhere
    log = BanditLog([0, 1, 1, 0], [1.0, 3.0, 1.0, 3.0], [0.5] * 4)
    assert RewardModel(2.0).forecasts(log, 2)[0].tolist() == [2, 2]
    log = BanditLog([0, 1, 1, 0], [0.0, 4.0, 4.0, 0.0], [0.5] * 4)
    assert RewardModel(2.0).forecasts(log, 3)[0].tolist() == [1, 3, 2]  # the third was never taken
    assert direct_method(log, [0.25, 0.75, 0], ridge=2).estimate == pytest.approx(2.5)
    assert direct_method(log, [0, 0, 1], ridge=2).estimate == pytest.approx(2)
    assert direct_method(log, [0, 0, 1], ridge=2).effective_sample_size == 0
    # own forecasts: .4·1 + .6·2 = 1.6; errors weighted .5·0, 2.4·1, 1.2·(−2), .8·1
    q = [[1.0, 2.0]] * 4
    assert direct_method(HAND, TARGET, forecasts=q).estimate == pytest.approx(1.6)
    robust = doubly_robust(HAND, TARGET, forecasts=q)
    assert robust.estimate == pytest.approx(1.6 + (0 + 2.4 - 2.4 + 0.8) / 4)
    assert robust.standard_error == pytest.approx(np.std([0, 2.4, -2.4, 0.8], ddof=1) / 2)


def test_overlap_by_hand():
    found = overlap(HAND, [0.4, 0.5, 0.1])  # weights 0.5, 2, 1, 0.8
    assert found["mean_weight"] == pytest.approx(4.3 / 4)
    assert found["max_weight"] == 2
    assert found["largest_share"] == pytest.approx(2 / 4.3)
    assert found["effective_share"] == pytest.approx(4.3**2 / (0.25 + 4 + 1 + 0.64) / 4)
    assert found["smallest_propensity"] == 0.25
    assert found["target_unlogged"] == pytest.approx(0.1)
    assert np.isnan(found["target_unsupported"])
    every = BanditLog([0, 1], [1.0, 0.0], [[0.5, 0.5, 0.0], [0.2, 0.8, 0.0]])
    assert overlap(every, [0.5, 0.2, 0.3])["target_unsupported"] == pytest.approx(0.3)
    assert overlap(HAND, [0.0, 0.0, 1.0])["effective_sample_size"] == 0


# --- exact, by enumeration ----------------------------------------------------------------------------------

CONTEXT = np.array([0.3, 0.7])
LOGGING = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
WANTED = np.array([[0.2, 0.2, 0.6], [0.7, 0.2, 0.1]])
RATE = np.array([[0.2, 0.5, 0.9], [0.6, 0.1, 0.3]])
VALUE = float((CONTEXT[:, None] * WANTED * RATE).sum())


def expectation(statistic, n=2):
    """Exact expectation of a statistic of n rows, over all contexts, actions and clicks."""
    one = [
        (CONTEXT[x] * LOGGING[x, a] * (RATE[x, a] if r else 1 - RATE[x, a]), x, a, r)
        for x, a, r in itertools.product(range(2), range(3), range(2))
    ]
    total = np.zeros(1)
    for rows in itertools.product(one, repeat=n):
        chance = np.prod([row[0] for row in rows])
        x, a, r = (np.array([row[j] for row in rows]) for j in (1, 2, 3))
        log = BanditLog(a, r.astype(float), LOGGING[x], np.eye(2)[x])
        total = total + chance * np.asarray(statistic(log, WANTED[x]), dtype=float)
    return total


def test_ips_is_unbiased_exactly_and_so_is_its_variance():
    mean, square, variance = expectation(
        lambda log, target: [
            (found := inverse_propensity(log, target)).estimate,
            found.estimate**2,
            found.standard_error**2,
        ]
    )
    assert mean == pytest.approx(VALUE, abs=1e-12)
    assert variance == pytest.approx(square - mean**2, abs=1e-12)


def test_doubly_robust_is_unbiased_exactly_whatever_the_model_says():
    wrong = np.array([5.0, -3.0, 0.5])
    mean, square, variance = expectation(
        lambda log, target: [
            (found := doubly_robust(log, target, forecasts=np.tile(wrong, (2, 1)))).estimate,
            found.estimate**2,
            found.standard_error**2,
        ]
    )
    assert mean == pytest.approx(VALUE, abs=1e-12)
    assert variance == pytest.approx(square - mean**2, abs=1e-12)
    # cross-fitted: the row of one fold is forecast from the other row
    fitted = expectation(lambda log, target: doubly_robust(log, target, n_folds=2, ridge=0.5).estimate)
    assert fitted == pytest.approx(VALUE, abs=1e-12)


def test_clipping_is_biased_exactly_as_its_formula_says():
    expected = (CONTEXT[:, None] * LOGGING * np.minimum(WANTED / LOGGING, 1.5) * RATE).sum()
    assert expected < VALUE - 0.05
    found = expectation(lambda log, target: inverse_propensity(log, target, clip=1.5).estimate)
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_direct_method_is_as_wrong_as_its_model():
    wrong = np.array([5.0, -3.0, 0.5])
    found = expectation(
        lambda log, target: direct_method(log, target, forecasts=np.tile(wrong, (2, 1))).estimate
    )
    assert found == pytest.approx((CONTEXT[:, None] * WANTED * wrong).sum(), abs=1e-12)


def test_self_normalising_errs_less_with_more_rows():
    two, three = (
        expectation(lambda log, target: self_normalised(log, target).estimate, n)[0] for n in (2, 3)
    )
    assert 0 < abs(three - VALUE) < abs(two - VALUE) < 0.25


# --- the model ----------------------------------------------------------------------------------------------


def test_the_regression_against_least_squares():
    log, target = a_log()
    ridge = 0.8
    mean = log.reward.mean()
    found = RewardModel(ridge).forecasts(log, 3)
    z = np.column_stack([np.ones(len(log.reward)), log.contexts])
    for a in range(3):
        own = log.action == a
        # ridge as least squares with three more rows
        design = np.vstack([z[own], np.sqrt(ridge) * np.eye(3)])
        beta = np.linalg.lstsq(design, np.append(log.reward[own] - mean, np.zeros(3)), rcond=None)[0]
        assert found[:, a] == pytest.approx(mean + z @ beta)
    assert direct_method(log, target, ridge).estimate == pytest.approx((found * target).sum(axis=1).mean())


def test_no_row_forecasts_itself():
    log, _ = a_log(n=90)
    folds = np.arange(90) % 3
    before = RewardModel().forecasts(log, 3, folds)
    changed = replace(log, reward=np.where(folds == 1, log.reward + 100, log.reward))
    after = RewardModel().forecasts(changed, 3, folds)
    assert (before[folds == 1] == after[folds == 1]).all()
    assert (np.abs(before - after)[folds != 1].mean(axis=0) > 10).all()
    # each fold by hand: fitted on the others alone
    for f in range(3):
        rest = folds != f
        part = BanditLog(log.action[rest], log.reward[rest], log.propensity[rest], log.contexts[rest])
        z = np.column_stack([np.ones(90), log.contexts])
        for a in range(3):
            own = part.action == a
            x = z[rest][own]
            beta = np.linalg.solve(x.T @ x + np.eye(3), x.T @ (part.reward[own] - part.reward.mean()))
            assert before[folds == f, a] == pytest.approx(part.reward.mean() + z[folds == f] @ beta)


def test_the_direct_methods_error_against_the_bootstrap():
    log, target = a_log(n=600)
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(300):
        row = rng.integers(600, size=600)
        part = BanditLog(log.action[row], log.reward[row], log.propensity[row], log.contexts[row])
        draws.append(direct_method(part, target[row]).estimate)
    assert direct_method(log, target).standard_error == pytest.approx(np.std(draws), rel=0.15)


def test_a_ridge_that_leaves_nothing_but_the_mean():
    log, target = a_log()
    found = direct_method(log, target, ridge=1e9)
    assert found.estimate == pytest.approx(log.reward.mean(), abs=1e-5)
    assert found.standard_error == pytest.approx(log.reward.std() / np.sqrt(400), rel=1e-4)


# --- properties ---------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 50), st.floats(-20, 20))
def test_units_names_and_order_do_not_matter(seed, scale, shift):
    log, target = a_log(seed, n=60)
    rng = np.random.default_rng(seed)
    before = off_policy_estimates(log, target)
    scaled = off_policy_estimates(replace(log, reward=scale * log.reward), target)
    columns = ["estimate", "low", "high", "standard_error"]
    assert scaled[columns].to_numpy() == pytest.approx(scale * before[columns].to_numpy())
    # what all rewards have in common moves SNIPS and the models by as much, and not the clipped mean
    moved = off_policy_estimates(replace(log, reward=log.reward + shift), target)["estimate"]
    for name in ("SNIPS", "direct method"):
        assert moved[name] == pytest.approx(before["estimate"][name] + shift)
    names = rng.permutation(3)
    back = np.argsort(names)
    other = BanditLog(back[log.action], log.reward, log.propensity[:, names], log.contexts)
    assert off_policy_estimates(other, target[:, names]).to_numpy() == pytest.approx(before.to_numpy())
    row = rng.permutation(60)
    mixed = BanditLog(log.action[row], log.reward[row], log.propensity[row], log.contexts[row])
    after = off_policy_estimates(mixed, target[row])
    assert after.iloc[:4].to_numpy() == pytest.approx(before.iloc[:4].to_numpy())  # folds go by row
    assert log.reward.min() <= before["estimate"]["SNIPS"] <= log.reward.max()


def test_a_policy_judged_by_its_own_log():
    log, _ = a_log()
    for found in (inverse_propensity, self_normalised):
        same = found(log, log.propensity)
        assert same.estimate == pytest.approx(log.reward.mean())
        assert same.effective_sample_size == pytest.approx(400)
    assert overlap(log, log.propensity)["mean_weight_error"] == pytest.approx(0, abs=1e-12)
    assert inverse_propensity(log, log.propensity, clip=0.5).estimate == pytest.approx(
        0.5 * log.reward.mean()
    )


def test_relations_between_the_estimators():
    log, target = a_log()
    nothing = np.zeros((400, 3))
    assert doubly_robust(log, target, forecasts=nothing).estimate == pytest.approx(
        inverse_propensity(log, target).estimate
    )
    # only the propensity of the action taken is needed
    taken = replace(log, propensity=log.propensity[np.arange(400), log.action])
    assert off_policy_estimates(taken, target).equals(off_policy_estimates(log, target))
    narrow, wide = (inverse_propensity(log, target, level=level) for level in (0.5, 0.99))
    assert (narrow.high - narrow.low) / (wide.high - wide.low) == pytest.approx(0.674490 / 2.575829, rel=1e-5)
    # contexts for all actions or one row for each action: the same numbers
    spread = replace(log, contexts=np.repeat(log.contexts[:, None], 3, axis=1))
    assert off_policy_estimates(spread, target).to_numpy() == pytest.approx(
        off_policy_estimates(log, target).to_numpy()
    )


# --- against the shop's truth -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    page = FrontPage(load_shop())
    shown = softmax_policy(page.contexts[:, :, 1], temperature=0.2, explore=0.2)
    policies = {
        "near": softmax_policy(page.contexts[:, :, 2], temperature=0.2, explore=0.1),
        "far": np.eye(12)[page.contexts[:, :, 2].argmax(axis=1)],
    }
    table = off_policy_study(
        lambda seed: page.log(shown, 1_000, seed),
        {name: lambda log, policy=policy: policy[log.visit] for name, policy in policies.items()},
        {name: page.value(policy) for name, policy in policies.items()},
        n_simulations=200,
    )
    return table.set_index(["policy", "estimator"])


@pytest.mark.recovery
@pytest.mark.parametrize("policy", ["near", "far"])
@pytest.mark.parametrize("estimator", ["IPS", "SNIPS", "doubly robust"])
def test_bias_and_coverage_against_the_true_value(study, policy, estimator):
    row = study.loc[(policy, estimator)]
    assert abs(row["bias"]) < 4 * row["bias_error"]
    assert stats.binomtest(round(200 * row["coverage"]), 200, 0.95).pvalue > 1e-3
    assert 0 < row["bias_error"] < 0.05 * row["value"]


@pytest.mark.recovery
def test_what_bias_does_to_coverage(study):
    """Far from the log a shrunken model is wrong, and its narrow interval does not know it."""
    direct, robust = study.loc[("far", "direct method")], study.loc[("far", "doubly robust")]
    assert direct["bias"] < -5 * direct["bias_error"]
    assert direct["coverage_high"] < 0.9
    assert direct["width"] < 0.7 * robust["width"]
    clipped, plain = study.loc[("far", "clipped IPS")], study.loc[("far", "IPS")]
    assert clipped["bias"] < -3 * clipped["bias_error"]
    assert clipped["rmse"] < plain["rmse"]
    far, near = (study.loc[(policy, "IPS"), "effective_sample_size"] for policy in ("far", "near"))
    assert far < 200 < 700 < near


def test_the_study_by_hand():
    logs = [replace(HAND, reward=np.asarray(HAND.reward) + seed) for seed in range(3)]
    table = off_policy_study(logs.__getitem__, {"t": lambda log: TARGET}, {"t": 3.0}, n_simulations=3)
    found = [off_policy_estimates(log, TARGET, random_state=seed) for seed, log in enumerate(logs)]
    for row in table.itertuples():
        values = np.array([part.loc[row.estimator, "estimate"] for part in found])
        inside = [part.loc[row.estimator, "low"] <= 3 <= part.loc[row.estimator, "high"] for part in found]
        assert row.bias == pytest.approx(values.mean() - 3)
        assert row.rmse == pytest.approx(np.sqrt(((values - 3) ** 2).mean()))
        assert row.coverage == pytest.approx(np.mean(inside))
        assert row.coverage_low <= row.coverage <= row.coverage_high


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("change", "target", "message"),
    [
        ({"propensity": [0.8, 0.0, 0.5, 0.5]}, TARGET, "propensity is 0 in row 1"),
        ({"propensity": [0.8, 0.2, 1.5, 0.5]}, TARGET, "propensity is 1.5 in row 2"),
        ({"propensity": [0.8, 0.2, -1, 0.5]}, TARGET, "propensity is -1 in row 2"),
        ({"propensity": [0.8, np.nan, 0.5, 0.5]}, TARGET, "propensity is missing or infinite in row 1"),
        ({"propensity": [0.8, 0.2]}, TARGET, "propensity has shape"),
        ({"propensity": [[0.5, 0.6]] * 4}, TARGET, "propensity is no distribution in row 0"),
        ({"propensity": [[1.0, 0.0]] * 4}, TARGET, "propensity is 0 in row 1"),
        (
            {"reward": [1.0, np.nan, 1.0, np.nan]},
            TARGET,
            r"reward is missing or infinite in row 1 \(2 such rows\)",
        ),
        ({"reward": ["yes", 1, 1, 1]}, TARGET, "reward holds something"),
        ({"reward": [1.0]}, TARGET, "one number for each"),
        ({"action": [0.0, 1.0, 1.0, 0.0]}, TARGET, "one whole number per row"),
        ({"action": [0, 1, 2, 0]}, TARGET, "action holds 2, target has 2"),
        ({"action": [0, 1, -1, 0]}, TARGET, "action holds -1"),
        ({}, [0.4, 0.7], "target is no distribution in row 0"),
        ({}, [1.4, -0.4], "target is no distribution in row 0"),
        ({}, [TARGET] * 3, "target has shape"),
        ({}, [0.0, 0.0, 1.0], "takes none of the logged actions"),
        ({"propensity": [[0.5, 0.5, 0.0]] * 4}, [0.4, 0.4, 0.2], "gives 0.2 of its showings to actions"),
        ({"action": [0], "reward": [1.0], "propensity": [0.5]}, TARGET, "at least two rows"),
    ],
)
def test_bad_logs(change, target, message):
    log = replace(HAND, **change)
    for estimator in (inverse_propensity, self_normalised, doubly_robust):
        with pytest.raises(InputError, match=message):
            estimator(log, target)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: inverse_propensity(HAND, TARGET, clip=0), "clip is 0"),
        (lambda: inverse_propensity(HAND, TARGET, level=1), "level is 1"),
        (lambda: doubly_robust(HAND, TARGET, n_folds=1), "n_folds is 1"),
        (lambda: doubly_robust(HAND, TARGET, n_folds=5), "number of rows, 4"),
        (lambda: direct_method(HAND, TARGET, ridge=0), "ridge is 0"),
        (lambda: direct_method(HAND, TARGET, forecasts=[1.0, 2.0]), "forecasts has shape"),
        (lambda: doubly_robust(HAND, TARGET, forecasts=[[np.nan, 1.0]] * 4), "forecasts is missing"),
        (lambda: direct_method(replace(HAND, contexts=[[1.0]] * 3), TARGET), "contexts has shape"),
        (lambda: direct_method(replace(HAND, contexts=[[np.inf]] * 4), TARGET), "contexts is missing"),
        (lambda: off_policy_study(lambda seed: HAND, {}, {}), "targets is empty"),
        (lambda: off_policy_study(lambda seed: HAND, {"t": lambda log: TARGET}, {}), "true value of 't'"),
        (
            lambda: off_policy_study(lambda seed: HAND, {"t": lambda log: TARGET}, {"t": 1}, n_simulations=1),
            "n_simulations is 1",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()
