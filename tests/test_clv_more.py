"""Customer value: a million simulated customers, and what the other files leave to be seen by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln
from scipy.stats import chi2
from scipy.stats import gamma as gamma_law

from bigmkt_helpers import clv
from bigmkt_helpers.datasets import load_cdnow
from bigmkt_helpers.shop import default_laws, simulate, truth
from bigmkt_helpers.shop.world import cutoff

TRUE = {"BGNBD": (0.243, 4.414, 0.793, 2.426), "ParetoNBD": (0.553, 10.578, 0.606, 11.669)}


def having(name, params):
    model = getattr(clv, name)()
    model.params_ = pd.Series(params, index=model._parameters)
    model.unit_ = None
    return model


def simulated(name, params, n, seed):
    """Customers who live by the model's own story, purchase by purchase."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rate, T = rng.gamma(params[0], 1 / params[1], n), rng.uniform(20, 40, n)
    if name == "BGNBD":
        allowed = rng.geometric(np.clip(rng.beta(params[2], params[3], n), 1e-9, 1))
        stop = T
    else:
        allowed = np.full(n, np.iinfo(np.int64).max)
        stop = np.minimum(T, rng.exponential(size=n) / rng.gamma(params[2], 1 / params[3], n))
    x, last, now, going = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n), np.arange(n)
    while len(going):
        now[going] += rng.exponential(size=len(going)) / rate[going]
        going = going[(now[going] < stop[going]) & (x[going] < allowed[going])]
        x[going] += 1
        last[going] = now[going]
    return pd.DataFrame({"frequency": x, "recency": last, "T": T})


@pytest.mark.recovery
@pytest.mark.parametrize(("name", "seed"), [("BGNBD", 101), ("ParetoNBD", 102)])
def test_parameters_of_a_million_customers(name, seed):
    model = getattr(clv, name)().fit(simulated(name, TRUE[name], 1_000_000, seed))
    assert model.converged_
    assert model.n_distinct_ > 990_000  # times are moments: nearly every customer is a row of their own
    off = np.log(model.params_.to_numpy() / np.array(TRUE[name]))
    assert off @ np.linalg.solve(model._log_covariance, off) < chi2(4).ppf(0.999)
    table, true = model.intervals(0.9999), np.array(TRUE[name])
    assert ((table["low"] < true) & (true < table["high"])).all()
    # a hundred times as many customers as in a large sample: errors of a few parts in a hundred at the most
    assert (model.standard_errors_ / model.params_).max() < 0.05
    assert (model.standard_errors_ / model.params_).min() > 1e-3


SPAN, LEFT = [1, 1, 2, 2, 2, 3, 3, 3, 3, 3], [1, 0, 1, 1, 0, 1, 0, 0, 0, 0]


@pytest.mark.unit
def test_hazard_without_features_has_the_errors_of_counts():
    model = clv.DiscreteHazard().fit(SPAN, LEFT)
    risk, gone = np.array([10, 8, 5]), np.array([1, 2, 1])
    share = gone / risk
    assert model.table_["at_risk"].tolist() == risk.tolist()
    assert model.coefficients_.to_numpy() == pytest.approx(np.log(share / (1 - share)), abs=1e-4)
    # the variance of a logit is 1 / n p (1 - p)
    assert model.standard_errors_.to_numpy() == pytest.approx((risk * share * (1 - share)) ** -0.5, rel=1e-4)
    assert model.hazard().to_numpy() == pytest.approx(share, rel=1e-4)
    assert model.survival().to_numpy() == pytest.approx([0.9, 0.9 * 0.75, 0.9 * 0.75 * 0.8], rel=1e-4)
    assert model.survival().index.tolist() == [1, 2, 3]
    by_hand = gone @ np.log(share) + (risk - gone) @ np.log(1 - share)
    assert model.log_likelihood_ == pytest.approx(by_hand)
    said = f"log-likelihood {by_hand:,.3f} after {model.n_iter_} steps"
    assert model.message_ == f"DiscreteHazard converged: {said}."
    # as many steps as it says, and not one less
    assert clv.DiscreteHazard(max_iter=model.n_iter_).fit(SPAN, LEFT).converged_
    with pytest.warns(UserWarning, match="still to be gained"):
        assert not clv.DiscreteHazard(max_iter=model.n_iter_ - 1).fit(SPAN, LEFT).converged_


@pytest.mark.unit
def test_survival_with_features_is_the_product_of_staying():
    X = pd.DataFrame({"z": [0, 1] * 5}, index=list("abcdefghij"))
    model = clv.DiscreteHazard(baseline="log").fit(SPAN, LEFT, X)
    some = X[:3]
    hazard, stays = model.hazard(some, 5), model.survival(some, 5)
    assert stays.index.tolist() == ["a", "b", "c"]
    for row in "abc":
        share = 1.0
        for period in range(1, 6):
            share *= 1 - hazard.loc[row, period]
            assert stays.loc[row, period] == pytest.approx(share)
    b = model.coefficients_
    logit = b["level"] + b["slope"] * np.log(4) + b["z"]
    assert hazard.loc["b", 4] == pytest.approx(1 / (1 + np.exp(-logit)))


@pytest.mark.unit
def test_first_purchases_and_holdouts_belong_to_their_customers():
    orders = pd.DataFrame(
        {
            "customer_id": [3, 1, 1, 3, 2, 1, 2, 2],
            "date": pd.Timestamp("2025-01-01") + pd.to_timedelta([0, 1, 8, 14, 2, 28, 30, 32], unit="D"),
            "spend": [1.0, 2, 4, 8, 16, 32, 64, 128],
        }
    )
    table = clv.calibration_and_holdout(orders, "2025-01-22", "2025-02-05")
    assert table.index.tolist() == [1, 2, 3]
    assert table["first"].dt.day.tolist() == [2, 3, 1]
    assert table["frequency"].tolist() == [1, 0, 1]
    assert table["recency"].tolist() == pytest.approx([1, 0, 2])
    assert table["T"].tolist() == pytest.approx([20 / 7, 19 / 7, 3])
    assert table["monetary"].tolist()[::2] == [4, 8]
    assert table["holdout_frequency"].tolist() == [1, 2, 0]
    assert table["holdout_spend"].tolist() == [32, 192, 0]
    assert table["holdout"].tolist() == [2, 2, 2]
    alone = clv.customer_summary(orders, "2025-01-22")
    pd.testing.assert_frame_equal(alone, table[alone.columns], check_exact=True)
    model = having("BGNBD", TRUE["BGNBD"])
    model.unit_ = pd.Timedelta(days=7)
    track = clv.track_repeat_sales(model, orders, "2025-01-22", "2025-02-05")
    assert track["actual"].tolist() == [0, 2, 0, 1, 2]
    ages = [k - np.array([1, 2, 0]) / 7 for k in range(1, 6)]
    cumulative = [sum(model.expected_of_new(float(age)) for age in row) for row in ages]
    assert track["expected_cumulative"].tolist() == pytest.approx(cumulative)
    assert track["expected"].tolist() == pytest.approx(np.diff(cumulative, prepend=0))
    assert track["actual_cumulative"].tolist() == [0, 2, 2, 3, 5]


@pytest.mark.unit
def test_the_starts_are_told_with_what_they_reached():
    table = pd.concat([clv.customer_summary(load_cdnow(True), "1997-09-30")[:250]] * 2)
    model = clv.BGNBD(n_starts=4).fit(table)
    assert model.n_distinct_ == len(table[["frequency", "recency", "T"]].drop_duplicates())
    starts = model.starts_
    assert starts.index.tolist() == [0, 1, 2, 3]
    begin = model._start(table["T"].to_numpy(), np.ones(len(table)))
    assert starts[["r_start", "alpha_start", "a_start", "b_start"]].iloc[0].tolist() == pytest.approx(begin)
    for row in starts.to_dict("records"):
        reached = having("BGNBD", [row[key] for key in ("r", "alpha", "a", "b")])
        assert row["mean_log_likelihood"] == pytest.approx(reached.log_likelihood(table).mean(), rel=1e-9)
        begun = having("BGNBD", [row[f"{key}_start"] for key in ("r", "alpha", "a", "b")])
        assert begun.log_likelihood(table).mean() < row["mean_log_likelihood"]
    assert model.log_likelihood_ / 500 >= starts["mean_log_likelihood"].max() - 1e-9


@pytest.mark.unit
def test_gamma_gamma_likelihood_by_hand():
    table = clv.customer_summary(load_cdnow(True), "1997-09-30")
    table = table[table["monetary"] > 0][["frequency", "monetary"]][:250]
    model = clv.GammaGamma(n_starts=2).fit(table)
    x, m = table.to_numpy(float).T

    def likelihood(theta):
        p, q, gamma = np.exp(theta)
        rows = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
        return (
            rows + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(gamma + m * x)
        ).sum()

    p, q, gamma = model.params_
    theta = np.log(model.params_.to_numpy())
    assert model.log_likelihood_ == pytest.approx(likelihood(theta), rel=1e-10)
    assert model.mean_ == pytest.approx(p * gamma / (q - 1))
    assert (model.n_customers_, model.n_left_out_) == (250, 0)
    start = [5.0, 4.0, m.mean() / 2]
    assert model.starts_[["p_start", "q_start", "gamma_start"]].iloc[0].tolist() == pytest.approx(start)
    assert model.starts_.index.tolist() == [0, 1]
    for row in model.starts_.to_dict("records"):
        reached = likelihood(np.log([row[key] for key in ("p", "q", "gamma")]))
        assert row["mean_log_likelihood"] == pytest.approx(reached / 250, rel=1e-9)
    said = ", ".join(f"{key} = {value:.4g}" for key, value in model.params_.items())
    assert model.message_ == (
        f"GammaGamma converged: log-likelihood {model.log_likelihood_:,.3f} after {model.n_iter_} steps at "
        f"{said}; less than 0.0001 of log-likelihood is left to gain."
    )
    assert 0 <= model.remaining_gain_ < 1e-4
    # the errors from the curvature of the likelihood in the logarithms
    unit = np.eye(3) * 1e-3
    curve = [
        [
            (likelihood(theta + i + j) - likelihood(theta + i - j) - likelihood(theta - i + j)
             + likelihood(theta - i - j)) / 4e-6
            for j in unit
        ]
        for i in unit
    ]  # fmt: skip
    scale = model.params_.to_numpy()
    covariance = np.linalg.inv(-np.array(curve)) * np.outer(scale, scale)
    assert model.covariance_.to_numpy() == pytest.approx(covariance, rel=5e-3)
    assert list(model.covariance_.columns) == list(model.covariance_.index) == ["p", "q", "gamma"]
    assert model.standard_errors_.to_numpy() == pytest.approx(np.sqrt(np.diag(covariance)), rel=5e-3)
    asked = table[:4].set_axis(list("abcd"))
    found = model.spend_intervals(asked, level=0.8)
    assert found.index.tolist() == list("abcd")
    expected = p * (gamma + x * m)[:4] / (p * x + q - 1)[:4]
    assert found["expected"].to_numpy() == pytest.approx(expected)
    law = gamma_law(p * x[:4] + q, scale=1 / (gamma + x * m)[:4])
    assert found["low"].to_numpy() == pytest.approx(p / law.ppf(0.9))
    assert found["high"].to_numpy() == pytest.approx(p / law.ppf(0.1))
    drawn = model.simulate_means(asked, 4_000, parameters=False)
    assert drawn.mean(axis=0) == pytest.approx(expected, rel=0.05)
    assert np.quantile(drawn, 0.9, axis=0) == pytest.approx(found["high"].to_numpy(), rel=0.1)


@pytest.mark.unit
def test_deciles_and_targets_have_the_intervals_of_means():
    rng = np.random.Generator(np.random.PCG64(6))
    truth = rng.gamma(2.0, 50.0, 2_000)
    score = truth * rng.uniform(0.5, 1.5, 2_000)
    groups = clv.calibration_by_decile(score, truth, n=4, level=0.9)
    assert groups.index.tolist() == [1, 2, 3, 4]
    parts = np.array_split(truth[np.argsort(-score)], 4)
    half = 1.6449 * np.array([part.std() / np.sqrt(500) for part in parts])
    assert (groups["seen"] - groups["low"]).to_numpy() == pytest.approx(half, rel=0.2)
    assert (groups["high"] - groups["seen"]).to_numpy() == pytest.approx(half, rel=0.2)
    assert groups["share"].to_numpy() == pytest.approx([part.sum() / truth.sum() for part in parts])
    table = clv.targeting_value({"score": score}, truth, share=0.2, uplift=0.1, cost=5, level=0.9)
    assert table["customers"].tolist() == [400] * 3
    chosen = np.zeros(2_000)
    chosen[np.argsort(-score)[:400]] = 1
    each = 1_000 * chosen * (0.1 * truth - 5)
    row = table.loc["score"]
    assert row["profit"] == pytest.approx(each.mean())
    half = 1.6449 * each.std() / np.sqrt(2_000)
    assert row["profit"] - row["low"] == pytest.approx(half, rel=0.15)
    assert row["high"] - row["profit"] == pytest.approx(half, rel=0.15)


@pytest.mark.unit
def test_intervals_keep_the_order_of_parameters_and_customers():
    table = clv.customer_summary(load_cdnow(True), "1997-09-30")
    model = clv.BGNBD().fit(table)
    found = model.intervals(0.9)
    assert found.index.tolist() == ["r", "alpha", "a", "b"]
    assert found["estimate"].tolist() == model.params_.tolist()
    assert found["standard_error"].tolist() == model.standard_errors_.tolist()
    half = 1.6448536 * model.standard_errors_ / model.params_
    assert found["low"].to_numpy() == pytest.approx((model.params_ * np.exp(-half)).to_numpy())
    assert found["high"].to_numpy() == pytest.approx((model.params_ * np.exp(half)).to_numpy())
    assert 0 <= model.remaining_gain_ < 1e-4
    reached = f"log-likelihood {model.log_likelihood_:,.3f} after {model.n_iter_} steps at r = "
    assert model.message_.startswith(f"BGNBD converged: {reached}")
    some = table[table["frequency"].isin([0, 3, 9])][:40]
    assert model.log_likelihood(some).index.tolist() == some.index.tolist()
    for row in (0, 17, 39):
        alone = some.iloc[[row]]
        assert model.log_likelihood(some).iloc[row] == pytest.approx(model.log_likelihood(alone).iloc[0])
    counts = model.purchase_intervals(some, 39, level=0.8, n_draws=2_000, parameters=False)
    assert counts.index.tolist() == some.index.tolist()
    assert counts["expected"].tolist() == model.expected_purchases(some, 39).tolist()
    # the interval is that of the probabilities of numbers of purchases, customer by customer
    chances = model.purchase_probabilities(some, 39, most=80)
    assert chances.index.tolist() == some.index.tolist()
    below = chances[range(81)].cumsum(axis=1).to_numpy()
    for bound, share in (("low", 0.1), ("high", 0.9)):
        exact = (below < share).sum(axis=1)
        assert (np.abs(counts[bound] - exact) <= 1).all()
    spend = pd.Series(np.linspace(10, 50, 40), some.index)
    value = clv.value_intervals(model, some, 39, spend, n_draws=2_000, parameters=False, level=0.8)
    assert value.customers.index.tolist() == some.index.tolist()
    money = clv.customer_value(model, some, 39, spend)["value"]
    assert np.corrcoef(value.customers["value"], money)[0, 1] > 0.99
    assert value.customers["value"].sum() == pytest.approx(money.sum(), rel=0.05)
    assert (value.customers["high"] - counts["high"] * spend).abs().max() <= spend.max() + 1e-9
    assert (value.customers["low"] - counts["low"] * spend).abs().max() <= spend.max() + 1e-9
    assert (value.total.level, value.total.n) == (0.8, 40)
    assert value.total.estimate == pytest.approx(value.customers["value"].sum())
    assert value.total.low < value.total.estimate < value.total.high


@pytest.mark.unit
@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD"])
def test_errors_are_the_curvature_of_the_likelihood(name):
    table = clv.customer_summary(load_cdnow(True), "1997-09-30")
    model = getattr(clv, name)().fit(table)
    theta, unit = np.log(model.params_.to_numpy()), np.eye(4) * 1e-2

    def likelihood(point):
        return having(name, np.exp(point)).log_likelihood(table).sum()

    curve = np.zeros((4, 4))
    for i, j in zip(*np.tril_indices(4), strict=True):
        corners = [(a, b, likelihood(theta + a * unit[i] + b * unit[j])) for a in (1, -1) for b in (1, -1)]
        curve[i, j] = curve[j, i] = sum(a * b * value for a, b, value in corners) / 4e-4
    scale = model.params_.to_numpy()
    covariance = np.linalg.inv(-curve) * np.outer(scale, scale)
    spread = np.sqrt(np.diag(covariance))
    close = model.covariance_.to_numpy() - covariance
    assert np.abs(close / np.outer(spread, spread)).max() < 0.02
    assert model.standard_errors_.to_numpy() == pytest.approx(spread, rel=0.01)
    assert list(model.covariance_.index) == list(model.covariance_.columns) == list(model.params_.index)


@pytest.mark.unit
def test_intervals_of_counts_are_the_quantiles_of_the_futures():
    table = clv.customer_summary(load_cdnow(True), "1997-09-30")
    model = clv.BGNBD().fit(table)
    some = table.nlargest(30, "frequency")
    futures = model.simulate_purchases(some, 39, n_draws=200, random_state=5)[..., 0]
    ordered = np.sort(futures, axis=0)
    found = model.purchase_intervals(some, 39, level=0.8, n_draws=200, random_state=5)
    # at least a tenth of 200 draws lie at or below the low end, nine tenths at or below the high one
    assert found["low"].tolist() == ordered[19].tolist()
    assert found["high"].tolist() == ordered[179].tolist()
    assert ordered[179].max() > 20


@pytest.mark.unit
def test_margins_of_order_lines_by_hand():
    day = cutoff(10).normalize()
    products = pd.DataFrame({"product_id": [7, 8], "unit_cost": [4.0, 1.0]})
    orders = pd.DataFrame(
        {
            "order_id": [12, 11, 12, 13], "line_number": [1, 1, 2, 1], "customer_id": [5, 6, 5, 6],
            "product_id": [7, 8, 8, 7], "quantity": [2, 3, 1, 1], "spend": [20.0, 9.0, 2.5, 5.0],
            "order_time": day + pd.to_timedelta([-9, -9, -9, 1], unit="D"),
        }
    )  # fmt: skip
    returns = pd.DataFrame(
        {
            "order_id": [12, 11], "line_number": [1, 1], "quantity": [1, 3], "spend": [10.0, 9.0],
            "return_time": day + pd.to_timedelta([-2, -5], unit="D"),
        }
    )  # fmt: skip
    shop = SimpleNamespace(products=products, orders=orders, returns=returns)
    table = clv.order_margins(shop, before=10)
    # by time, then by order; what came back stands on the day it did
    assert table.index.tolist() == list(range(5))
    assert table["order_id"].tolist() == [11, 12, 12, 11, 12]
    assert table["customer_id"].tolist() == [6, 5, 5, 6, 5]
    assert ((table["order_time"] - day) / pd.Timedelta(days=1)).tolist() == [-9, -9, -9, -5, -2]
    assert table["spend"].tolist() == [9, 20, 2.5, -9, -10]
    assert table["margin"].tolist() == [6, 12, 1.5, -6, -6]
    assert clv.order_margins(shop, before=20)["margin"].iloc[-1] == 1


@pytest.mark.unit
def test_one_week_of_orders_is_the_chance_to_order():
    """In one week there is one order at most, and the observer of the common question knows its chance."""
    laws, shop = default_laws(), simulate(120, seed=5, truth=False)
    orders = clv.ideal_observer_orders(laws, shop, 72, 1)
    record = truth.recorded(laws, shop, 72, orders.index.to_numpy())
    chance = truth.observe(laws, record, 72, 1, n_rates=40).first_order.sum(axis=1)
    assert orders.loc[record.customer_id].to_numpy() == pytest.approx(chance)
    assert orders.name == "orders"
    several = clv.ideal_observer_orders(laws, shop, 72, 6)
    ever = truth.observe(laws, record, 72, 6, n_rates=40).first_order.sum(axis=1)
    # more weeks hold the first order and what follows it
    assert (several.loc[record.customer_id].to_numpy() >= ever - 1e-12).all()
    assert (several >= orders).all()


@pytest.mark.unit
def test_a_customers_value_interval_is_that_of_the_futures():
    table = clv.customer_summary(load_cdnow(True), "1997-09-30")
    model = clv.BGNBD().fit(table)
    some = table.nlargest(25, "frequency")
    spend = pd.Series(np.linspace(10, 50, 25), some.index)
    found = clv.value_intervals(model, some, 39, spend, n_draws=300, parameters=False, level=0.8)
    money = clv.customer_value(model, some, 39, spend)["value"]
    counts = model.simulate_purchases(some, 39, n_draws=4_000, parameters=False)[..., 0]
    assert found.customers.index.tolist() == some.index.tolist()
    near = 4 * (counts * spend.to_numpy()).std(axis=0) / np.sqrt(300)
    assert (np.abs(found.customers["value"] - money) <= near + 1e-6).all()
    for bound, share in (("low", 0.1), ("high", 0.9)):
        exact = np.quantile(counts, share, axis=0) * spend.to_numpy()
        wide = 0.25 * counts.std(axis=0) * spend.to_numpy() + spend.to_numpy()
        assert (np.abs(found.customers[bound] - exact) <= wide).all()
    totals = (counts * spend.to_numpy()).sum(axis=1)
    assert (found.total.level, found.total.n) == (0.8, 25)
    assert found.total.low == pytest.approx(np.quantile(totals, 0.1), abs=0.35 * totals.std())
    assert found.total.high == pytest.approx(np.quantile(totals, 0.9), abs=0.35 * totals.std())
    assert found.total.estimate == pytest.approx(found.customers["value"].sum())


@pytest.mark.unit
def test_every_column_of_the_value_by_the_small_steps_of_the_sum():
    table = clv.customer_summary(load_cdnow(True), "1997-09-30")
    model = having("BGNBD", TRUE["BGNBD"])
    some = table.nlargest(4, "frequency")
    spend = pd.Series([10.0, 20.0, 30.0, 40.0], some.index)
    found = clv.customer_value(model, some, 52, spend, margin=0.4, discount=0.01)
    assert found.index.tolist() == some.index.tolist()
    assert found["expected_purchases"].tolist() == model.expected_purchases(some, 52).tolist()
    assert found["spend"].tolist() == spend.tolist()
    ends = np.linspace(0, 52, 1_041)
    reached = np.array([model.expected_purchases(some, float(end)).to_numpy() for end in ends])
    middle = (ends[1:] + ends[:-1]) / 2
    discounted = (np.diff(reached, axis=0) * 1.01 ** -middle[:, None]).sum(axis=0)
    assert found["discounted_purchases"].to_numpy() == pytest.approx(discounted, rel=1e-5)
    assert found["value"].to_numpy() == pytest.approx(0.4 * spend.to_numpy() * discounted, rel=1e-5)
    money = clv.GammaGamma(nonpositive="leave_out").fit(table)
    by_model = clv.customer_value(model, some, 52, money)
    assert by_model["spend"].tolist() == money.expected_spend(some).tolist()
    assert by_model["discounted_purchases"].tolist() == by_model["expected_purchases"].tolist()
