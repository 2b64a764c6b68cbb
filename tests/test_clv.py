"""Customer value: money over time, survival, summaries, value in money, the shop's truth, bad input."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from bigmkt_helpers import clv
from bigmkt_helpers.datasets import load_cdnow, load_shop
from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.sequences import absorption
from bigmkt_helpers.shop import Customers, catalogue, cutoff, default_laws, simulate, states_at
from bigmkt_helpers.shop.behaviour import _orders, _step
from bigmkt_helpers.shop.world import N_WEEKS


def refused(match, action):
    with pytest.raises(InputError, match=match) as caught:
        action()
    assert "\n" not in str(caught.value)


# --- money over time


@pytest.mark.published
def test_the_articles_present_value():
    """The article prints 495.87; its formula gives 535.795270, or 562.585034 if paid at the year's start."""
    assert round(clv.present_value([100, 200, 300], 0.05), 6) == 535.795270
    assert round(clv.present_value([100, 200, 300], 0.05, when="start"), 6) == 562.585034


@pytest.mark.unit
def test_present_value_by_hand():
    assert clv.present_value([110, 121], 0.10) == pytest.approx(200)
    assert clv.present_value([110, 121], 0) == 231
    assert clv.present_value([50], -0.5) == pytest.approx(100)
    assert clv.present_value([100], 0.05, "start") == 100
    year = pd.Timedelta(days=364)
    weekly = clv.convert_discount(0.2, year, "week")
    assert clv.convert_discount(weekly, "week", year) == pytest.approx(0.2)
    assert clv.convert_discount(0, "week", year) == 0


@pytest.mark.unit
@given(
    margin=st.floats(-100, 100),
    stay=st.floats(0, 1),
    discount=st.floats(-0.5, 1),
    horizon=st.integers(1, 30),
    when=st.sampled_from(["end", "start"]),
)
@settings(max_examples=30, deadline=None)
def test_retention_is_a_lifecycle_of_two_states(margin, stay, discount, horizon, when):
    value = clv.retention_value(margin, stay, discount, horizon, when)
    brute = sum(
        margin * stay**t / (1 + discount) ** t
        for t in (range(1, horizon + 1) if when == "end" else range(horizon))
    )
    assert value == pytest.approx(brute, rel=1e-9, abs=1e-9)
    chain = [[stay, 1 - stay], [0, 1]]
    assert clv.lifecycle_value(chain, [margin, 0], discount, horizon, when)[0] == pytest.approx(
        value, rel=1e-9, abs=1e-9
    )


@pytest.mark.unit
@pytest.mark.parametrize("when", ["end", "start"])
def test_without_a_horizon(when):
    value = clv.retention_value(100, 0.8, 0.1, np.inf, when)
    assert value == pytest.approx(clv.retention_value(100, 0.8, 0.1, 400, when))
    stages = ["new", "loyal", "asleep", "gone"]
    chain = pd.DataFrame(
        [[0.2, 0.5, 0.2, 0.1], [0, 0.85, 0.1, 0.05], [0, 0.1, 0.6, 0.3], [0, 0, 0, 1]],
        index=stages,
        columns=stages,
    )
    margin = {"gone": 0, "new": 20, "loyal": 50, "asleep": -2}
    endless = clv.lifecycle_value(chain, margin, 0.1, when=when)
    assert endless.to_numpy() == pytest.approx(clv.lifecycle_value(chain, margin, 0.1, 600, when).to_numpy())
    # without a discount, value is margin times the expected visits that the fundamental matrix counts
    plain = clv.lifecycle_value(chain, margin, 0.0, when="start")
    visits = absorption(chain).visits
    by_hand = visits @ pd.Series(margin).reindex(visits.columns)
    assert plain[by_hand.index].to_numpy() == pytest.approx(by_hand.to_numpy())
    # states that never pay are worth 0 even where nobody leaves them
    assert clv.lifecycle_value([[0.5, 0.5], [0.0, 1.0]], [10, 0], 0.0).tolist() == [10.0, 0.0]


@pytest.mark.bad_input
def test_money_that_cannot_be():
    for wrong in (-1, -1.5, np.nan, np.inf, "5%", True):
        refused("discount", lambda wrong=wrong: clv.present_value([1], wrong))
        refused("discount", lambda wrong=wrong: clv.retention_value(1, 0.5, wrong, 3))
    refused("above -1", lambda: clv.lifecycle_value([[1.0]], [0], -1))
    refused("'end' or the 'start'", lambda: clv.present_value([1], 0.1, "middle"))
    refused("shape", lambda: clv.present_value([], 0.1))
    refused("period 2 is missing", lambda: clv.present_value([1, np.nan], 0.1))
    refused("not a number", lambda: clv.present_value(["a"], 0.1))
    refused("from 0 to 1", lambda: clv.retention_value(1, 1.2, 0.1, 3))
    refused("whole number", lambda: clv.retention_value(1, 0.5, 0.1, 2.5))
    refused("2 values", lambda: clv.retention_value(1, [0.5, 0.6], 0.1, 3))
    refused("each be one number", lambda: clv.retention_value(1, [0.5, 0.6], 0.1, np.inf))
    refused("never settles", lambda: clv.retention_value(1, 1.0, 0.0, np.inf))
    refused("Row 0 of transition", lambda: clv.lifecycle_value([[0.5, 0.4], [0, 1]], [1, 0], 0.1))
    refused("square", lambda: clv.lifecycle_value([[0.5, 0.5]], [1, 0], 0.1))
    refused("each of the 2 states", lambda: clv.lifecycle_value([[0.5, 0.5], [0, 1]], [1], 0.1))
    refused("given for", lambda: clv.lifecycle_value([[0.5, 0.5], [0, 1]], {"a": 1, "b": 0}, 0.1))
    refused("grows without end", lambda: clv.lifecycle_value([[0.5, 0.5], [0, 1]], [1, 1], 0.0))
    refused("lengths of time", lambda: clv.convert_discount(0.1, None, "week"))
    refused("months and years differ", lambda: clv.convert_discount(0.1, "year", "week"))


# --- survival

# Freireich's leukaemia trial, weeks of remission under 6-MP, as textbooks of survival analysis print them
REMISSION = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


@pytest.mark.published
def test_kaplan_meier_of_the_remission_trial():
    curve = clv.kaplan_meier(REMISSION, RELAPSED, interval="plain").iloc[1:]
    assert curve.index.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve["survival"].round(4).tolist() == [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    assert curve["standard_error"].round(4).tolist() == [
        0.0764,
        0.0869,
        0.0963,
        0.1068,
        0.1141,
        0.1282,
        0.1346,
    ]
    assert curve["at_risk"].tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert curve["left"].sum() == sum(RELAPSED)
    assert (curve["high"] - curve["survival"]).round(4).iloc[-1] == round(1.959964 * 0.13459, 4)


@pytest.mark.unit
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_kaplan_meier_by_brute_force(rows):
    time, left = (np.array(column) for column in zip(*rows))
    curve = clv.kaplan_meier(time, left)
    share = 1.0
    for moment in range(13):
        there, gone = (time >= moment).sum(), ((time == moment) & left).sum()
        share *= 1 - gone / there if there else 1
        if gone:
            assert curve.loc[moment, "survival"] == pytest.approx(share, abs=1e-12)
            assert curve.loc[moment, "at_risk"] == there
    assert curve["censored"].sum() == (~left).sum()
    inside = curve.dropna()
    assert ((inside["low"] <= inside["survival"]) & (inside["survival"] <= inside["high"])).all()
    if left.all():
        # nobody censored: the share who stayed longer
        assert curve["survival"].to_numpy() == pytest.approx([(time > t).mean() for t in curve.index])
        assert clv.restricted_mean(curve, 12) == pytest.approx(time.mean())


@pytest.mark.recovery
def test_greenwood_covers():
    rng = np.random.Generator(np.random.PCG64(3))
    hits = {"log-log": 0, "plain": 0}
    for _ in range(150):
        stay, seen = rng.exponential(10, 60), rng.uniform(0, 25, 60)
        for kind in hits:
            curve = clv.kaplan_meier(np.minimum(stay, seen), stay <= seen, interval=kind)
            row = curve[curve.index <= 8].iloc[-1]
            hits[kind] += row["low"] <= np.exp(-0.8) <= row["high"]
    assert 0.90 < hits["log-log"] / 150 < 0.985
    assert 0.88 < hits["plain"] / 150 < 0.985


@pytest.mark.unit
def test_hazard_without_features_is_a_count():
    model = clv.DiscreteHazard().fit(np.minimum(np.array(REMISSION) // 8 + 1, 3), RELAPSED)
    table = model.table_[model.table_["left"] > 0]
    found = model.hazard()[table.index]
    assert found.to_numpy() == pytest.approx((table["left"] / table["at_risk"]).to_numpy(), rel=1e-6)


@pytest.mark.recovery
def test_hazard_with_features():
    rng = np.random.Generator(np.random.PCG64(9))
    n = 4_000
    X = pd.DataFrame({"coupon": rng.integers(0, 2, n), "size": rng.integers(0, 4, n) / 2})
    level = -1.5 - 0.6 * np.log(np.arange(1, 13))
    hazard = expit(level[None, :] + (0.8 * X["coupon"] - 0.5 * X["size"]).to_numpy()[:, None])
    leaves = rng.random((n, 12)) < hazard
    left = leaves.any(axis=1)
    duration = np.where(left, leaves.argmax(axis=1) + 1, 12)
    model = clv.DiscreteHazard(baseline="log").fit(duration, left, X)
    assert model.converged_
    z = (model.coefficients_ - [-1.5, -0.6, 0.8, -0.5]) / model.standard_errors_
    assert (z.abs() < 4).all()

    # the same optimum as a search on the rows of customers and periods
    period = np.concatenate([np.arange(1, d + 1) for d in duration])
    row = np.repeat(np.arange(n), duration)
    design = np.column_stack([np.ones(len(row)), np.log(period), X.to_numpy()[row]])
    y = left[row] & (period == duration[row])

    def loss(beta):
        eta = design @ beta
        return np.logaddexp(0, eta).sum() - eta[y].sum(), design.T @ (expit(eta) - y)

    other = minimize(loss, np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-6})
    assert model.coefficients_.to_numpy() == pytest.approx(other.x, abs=1e-5)
    assert model.log_likelihood_ == pytest.approx(-other.fun, rel=1e-9)
    ahead = model.survival(X[:3], periods=24)
    assert ahead.shape == (3, 24)
    assert (ahead.diff(axis=1).iloc[:, 1:] < 0).all().all()
    each = clv.DiscreteHazard().fit(duration, left, X)
    assert each.log_likelihood_ > model.log_likelihood_
    assert each.coefficients_["coupon"] == pytest.approx(model.coefficients_["coupon"], abs=0.02)


@pytest.mark.bad_input
def test_survival_that_cannot_be():
    refused("position 1", lambda: clv.kaplan_meier([1, -2], [True, False]))
    refused("position 0", lambda: clv.kaplan_meier([np.nan, 2], [True, False]))
    refused("mark each of the 2", lambda: clv.kaplan_meier([1, 2], [True]))
    refused("neither true nor false", lambda: clv.kaplan_meier([1, 2], [1, 2]))
    refused("one number per customer", lambda: clv.kaplan_meier([], []))
    refused("not a number", lambda: clv.kaplan_meier(["x"], [True]))
    refused("log-log", lambda: clv.kaplan_meier([1], [True], interval="exact"))
    refused("survival", lambda: clv.restricted_mean([1], 3))
    stay = clv.kaplan_meier([3, 4], [False, False])
    assert stay["survival"].tolist() == [1.0]
    model = clv.DiscreteHazard()
    refused("None of the 2", lambda: model.fit([1, 2], [False, False]))
    refused("whole numbers from 1", lambda: model.fit([0, 2], [True, False]))
    refused("baseline", lambda: clone(model).set_params(baseline="none").fit([1], [True]))
    with pytest.raises(NotFittedError, match="fit first"):
        model.hazard()
    X = pd.DataFrame({"z": [0, 1, 0, 1]})
    refused("each of the 4", lambda: model.fit([1, 2, 2, 3], [1, 1, 0, 0], X[:2]))
    with pytest.warns(ConvergenceWarning, match="nobody, or everybody, left.*count in longer periods"):
        model.fit([2, 2, 2, 3], [1, 1, 0, 1])
    assert not model.converged_
    assert model.hazard().round(3).tolist() == [0, 0.5, 1]
    with pytest.warns(ConvergenceWarning, match="still to be gained.*raise max_iter"):
        clone(model).set_params(max_iter=1).fit([1, 2, 1, 3, 4, 2], [1, 0, 1, 1, 0, 1])
    refused("baseline='log'", lambda: model.hazard(periods=9))
    log = clv.DiscreteHazard(baseline="log").fit(
        [1, 2, 1, 3, 4, 2], [1, 0, 1, 1, 0, 1], pd.DataFrame({"z": [1, 0] * 3})
    )
    refused("X is missing", lambda: log.hazard())
    refused("learned were", lambda: log.hazard(pd.DataFrame({"y": [1]})))


# --- summaries


def lines(*rows):
    table = pd.DataFrame(rows, columns=["customer_id", "date", "spend"])
    return table.assign(date=pd.to_datetime(table["date"]))


ORDERS = lines(
    ["ann", "2025-01-01", 10.0],
    ["ann", "2025-01-01", 5.0],  # the same day: one purchase
    ["ann", "2025-01-08", 20.0],
    ["ann", "2025-01-09", -8.0],  # a return, of the purchase before
    ["ann", "2025-01-22", 0.0],  # a gift
    ["bob", "2025-01-15", 30.0],
    ["bob", "2025-01-10", -3.0],  # a return before any purchase
    ["cat", "2025-02-20", 9.0],  # after the end
    [None, "2025-01-03", 4.0],
)


@pytest.mark.unit
def test_summary_by_hand():
    table = clv.customer_summary(ORDERS, "2025-01-29")
    assert table.index.tolist() == ["ann", "bob"]
    assert table["frequency"].tolist() == [2, 0]
    assert table["recency"].tolist() == [3, 0]
    assert table["T"].tolist() == [4, 2]
    assert table.loc["ann", "monetary"] == (20 - 8 + 0) / 2
    assert np.isnan(table.loc["bob", "monetary"])
    assert table.attrs["unit"] == "P7DT0H0M0S"
    assert table.attrs["counts"] == {
        "lines": 9,
        "without_customer": 1,
        "after_end": 1,
        "returns": 2,
        "merged": 1,
        "returns_before_purchase": 1,
        "zero_purchases": 1,
    }
    paid = clv.customer_summary(ORDERS, "2025-01-29", zero="drop", returns="ignore", unit="day")
    assert paid.loc["ann", ["frequency", "recency", "T", "monetary"]].tolist() == [1, 7, 28, 20]
    # whatever the order of the lines
    pd.testing.assert_frame_equal(clv.customer_summary(ORDERS[::-1], "2025-01-29"), table)


@pytest.mark.unit
def test_summary_keeps_its_unit_in_a_file(tmp_path):
    table = clv.customer_summary(load_cdnow(True), "1997-09-30", unit="day")
    table.to_parquet(tmp_path / "summary.parquet")
    again = pd.read_parquet(tmp_path / "summary.parquet")
    pd.testing.assert_frame_equal(again, table)
    assert clv.BGNBD().fit(again).unit_ == pd.Timedelta(days=1)


@pytest.mark.unit
def test_summary_of_moments_and_zones():
    moments = ORDERS.dropna().assign(
        order_time=lambda t: t["date"].dt.tz_localize("UTC") + pd.Timedelta(hours=20)
    )
    names = {"time": "order_time"}
    # 20:00 in UTC is the next day in Shanghai
    here = clv.customer_summary(moments, "2025-01-30", zone="Asia/Shanghai", **names)
    assert here.loc["ann", "T"] == 4
    assert here["first"].iloc[0] == pd.Timestamp("2025-01-02", tz="Asia/Shanghai")
    exact = clv.customer_summary(moments, pd.Timestamp("2025-01-29 20:00", tz="UTC"), merge="moment", **names)
    assert exact.loc["ann", "T"] == 4
    # a cutoff at midnight knows nothing of the day that it begins
    early = clv.customer_summary(moments, pd.Timestamp("2025-01-08", tz="UTC"), **names)
    assert early.loc["ann", ["frequency", "T"]].tolist() == [0, 1]
    split = clv.calibration_and_holdout(moments, pd.Timestamp("2025-01-08", tz="UTC"), **names)
    assert split.loc["ann", ["frequency", "holdout_frequency", "holdout_spend"]].tolist() == [0, 2, 12]
    foreign = ORDERS.rename(columns={"customer_id": "who", "date": "day", "spend": "¥"})
    same = clv.customer_summary(foreign, "2025-01-29", customer_id="who", time="day", spend="¥")
    pd.testing.assert_frame_equal(same, clv.customer_summary(ORDERS, "2025-01-29"))


@pytest.mark.published
def test_summary_of_cdnow():
    orders = load_cdnow(True)
    days = orders.groupby("customer_id")["date"].nunique()
    # 223 lines of the sample fall on a day that the customer had already bought on
    assert len(orders) - days.sum() == 223
    table = clv.customer_summary(orders)
    assert table.attrs["counts"]["merged"] == 223
    assert (table["frequency"] == days - 1).all()


@pytest.mark.unit
def test_holdout_by_hand():
    table = clv.calibration_and_holdout(ORDERS, "2025-01-07", "2025-01-28")
    assert table.index.tolist() == ["ann"]
    assert table.loc["ann", ["frequency", "holdout_frequency", "holdout_spend", "holdout"]].tolist() == [
        0,
        2,
        12,
        3,
    ]
    # the return of the ninth is not known on the eighth, and lowers what comes in later
    split = clv.calibration_and_holdout(ORDERS, "2025-01-08", "2025-01-28")
    assert split.loc["ann", ["monetary", "holdout_frequency", "holdout_spend"]].tolist() == [20, 1, -8]
    known = ORDERS[ORDERS["date"] <= "2025-01-08"]
    columns = ["frequency", "recency", "T", "monetary"]
    alone = clv.customer_summary(known, "2025-01-08")[columns]
    pd.testing.assert_frame_equal(split[columns], alone)
    whole = clv.customer_summary(load_cdnow(True))
    parts = clv.calibration_and_holdout(load_cdnow(True), "1997-09-30")
    assert (parts["frequency"] + parts["holdout_frequency"] == whole["frequency"]).all()


@pytest.mark.unit
def test_opportunities_by_hand():
    table = clv.opportunity_summary(ORDERS, "2025-01-29", start="2025-01-01")
    assert table[["frequency", "recency", "T"]].to_numpy().tolist() == [[2, 3, 3], [0, 0, 1]]
    # as in customer_summary: the week of the 8th brought 20 - 8, that of the 22nd nothing
    assert table.loc["ann", "monetary"] == (20 - 8 + 0) / 2
    assert np.isnan(table.loc["bob", "monetary"])
    assert table.attrs["counts"]["returns"] == 2
    assert table.attrs["counts"]["returns_before_purchase"] == 1
    gross = clv.opportunity_summary(ORDERS, "2025-01-29", start="2025-01-01", returns="ignore", zero="drop")
    assert gross.loc["ann", ["frequency", "monetary"]].tolist() == [1, 20]
    # a period that is not over yet is no opportunity
    assert clv.opportunity_summary(ORDERS, "2025-01-28", start="2025-01-01").loc["ann", "T"] == 2


@pytest.mark.contract
def test_opportunities_and_the_summary_hold_the_same_money():
    """Days as opportunities are the purchases of the summary, so their money is too, returns and all."""
    known = shop_parts()[2]
    # by days: of a return and an order on one day, the opportunities can tell which came first
    local = known["order_time"].dt.tz_convert("Asia/Shanghai").dt.normalize()
    known = known.assign(order_time=local)
    how = {"spend": "margin"}
    days = clv.opportunity_summary(known, cutoff(WEEK), period="day", **how)
    table = clv.customer_summary(known, cutoff(WEEK), **how)
    pd.testing.assert_series_equal(days["frequency"], table["frequency"])
    pd.testing.assert_series_equal(days["monetary"], table["monetary"])


@pytest.mark.unit
def test_opportunities_begin_at_the_local_midnight():
    """Monday 01:00 in Shanghai is Sunday in Greenwich: without the zone a whole week would be lost."""
    times = pd.to_datetime(["2025-01-06 10:00", "2025-01-13 01:00", "2025-01-19 23:00"])
    lines = pd.DataFrame({"customer_id": 1, "spend": 9.0, "date": times.tz_localize("Asia/Shanghai")})
    local = clv.opportunity_summary(lines, "2025-01-20")
    lines["date"] = lines["date"].dt.tz_convert("UTC")
    end = pd.Timestamp("2025-01-20", tz="Asia/Shanghai")
    same = clv.opportunity_summary(lines, end, zone="Asia/Shanghai")
    assert same.iloc[0].tolist() == local.iloc[0].tolist() == [1.0, 1.0, 1.0, 18.0]
    assert clv.opportunity_summary(lines, end).iloc[0]["T"] == 0
    lines["date"] = lines["date"].dt.tz_localize(None)
    refused("for times with a zone", lambda: clv.opportunity_summary(lines, zone="Asia/Shanghai"))


@pytest.mark.unit
def test_track_by_hand():
    model = clv.BGNBD()
    model.params_ = pd.Series({"r": 0.5, "alpha": 2.0, "a": 0.8, "b": 2.0})
    model.unit_ = pd.Timedelta(days=7)
    track = clv.track_repeat_sales(model, ORDERS, "2025-01-15", "2025-02-19")
    assert track.index.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert track["actual"].tolist() == [1, 0, 1, 0, 0, 0, 0]
    assert track.loc[4, "expected_cumulative"] == pytest.approx(
        model.expected_of_new(4) + model.expected_of_new(2)
    )
    assert track["holdout"].tolist() == [False, False, True, True, True, True, True]


@pytest.mark.bad_input
def test_orders_that_cannot_be():
    refused("no column 'spend'", lambda: clv.customer_summary(ORDERS.drop(columns="spend")))
    refused("DataFrame", lambda: clv.customer_summary([1]))
    refused("holds no times", lambda: clv.customer_summary(ORDERS.astype({"date": str})))
    refused("holds no numbers", lambda: clv.customer_summary(ORDERS.astype({"spend": str})))
    refused(
        "row 5",
        lambda: clv.customer_summary(ORDERS.assign(spend=ORDERS["spend"].where(ORDERS["spend"] != 30))),
    )
    refused("no purchase up to", lambda: clv.customer_summary(ORDERS, "2020-01-01"))
    refused("is no date", lambda: clv.customer_summary(ORDERS, "soon"))
    refused("end is missing", lambda: clv.customer_summary(ORDERS, pd.NaT))
    refused("time zone", lambda: clv.customer_summary(ORDERS, pd.Timestamp("2025-01-29", tz="UTC")))
    refused("zone", lambda: clv.customer_summary(ORDERS, zone="Asia/Shanghai"))
    refused("months and years differ", lambda: clv.customer_summary(ORDERS, unit="month"))
    for rule in ("merge", "zero", "returns"):
        refused(f"{rule}='no' is not known", lambda rule=rule: clv.customer_summary(ORDERS, **{rule: "no"}))
    refused("leave time", lambda: clv.calibration_and_holdout(ORDERS, "2025-02-20"))
    refused("no argument", lambda: clv.calibration_and_holdout(ORDERS, "2025-01-20", units="day"))
    refused("whole periods", lambda: clv.opportunity_summary(ORDERS, "2025-01-03", start="2025-01-02"))
    refused("brought money", lambda: clv.customer_summary(ORDERS.assign(spend=0.0), zero="drop"))
    refused("with a customer", lambda: clv.customer_summary(ORDERS.assign(customer_id=None)))


# --- value in money


@cache
def fitted(name="BGNBD"):
    table = clv.customer_summary(load_cdnow(True), "1997-09-30")
    return getattr(clv, name)().fit(table), table


@pytest.mark.unit
@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD"])
def test_value_is_a_discounted_sum(name):
    model, table = fitted(name)
    table = table[:15]
    plain = clv.customer_value(model, table, 52, 10.0, margin=0.4)
    assert plain["value"].to_numpy() == pytest.approx((4 * model.expected_purchases(table, 52)).to_numpy())
    rate = 0.3
    found = clv.customer_value(
        model, table, "364D", 10.0, margin=0.4, discount=rate, discount_period=pd.Timedelta(days=364)
    )
    # brute force: the purchases of each week, discounted from its middle
    edges = np.linspace(0, 52, 53)
    reached = np.stack([model.expected_purchases(table, t).to_numpy() for t in edges])
    middles = (edges[1:] + edges[:-1]) / 2 / 52
    brute = 4 * ((1 + rate) ** -middles @ np.diff(reached, axis=0))
    assert found["value"].to_numpy() == pytest.approx(brute, rel=1e-4)
    weekly = clv.customer_value(model, table, 52, 10.0, margin=0.4, discount=1.3 ** (1 / 52) - 1)
    assert weekly["value"].to_numpy() == pytest.approx(found["value"].to_numpy(), rel=1e-9)
    assert clv.customer_value(model, table, 0, 10.0, discount=0.1)["value"].tolist() == [0.0] * 15
    ahead = clv.customer_value(model, table, 52, 10.0, discount=-0.01)["value"]
    assert (ahead >= clv.customer_value(model, table, 52, 10.0)["value"]).all()


@pytest.mark.unit
def test_value_of_opportunities():
    model = clv.BGBB()
    model.params_ = pd.Series({"alpha": 1.204, "beta": 0.75, "gamma": 0.657, "delta": 2.783})
    model.unit_ = None
    table = pd.DataFrame({"frequency": [6, 0], "recency": [6, 0], "T": [6, 6]})
    found = clv.customer_value(model, table, 5, 10.0, discount=0.1)
    reached = np.array([model.expected_purchases(table, k).to_numpy() for k in range(6)])
    brute = [clv.present_value(10 * np.diff(reached[:, i]), 0.1) for i in range(2)]
    assert found["value"].to_numpy() == pytest.approx(brute)


@pytest.mark.unit
def test_value_intervals_agree_with_the_value():
    model, table = fitted()
    table = table[:300]
    gg = clv.GammaGamma().fit(table)
    value = clv.customer_value(model, table, 26, gg, discount=0.01)
    drawn = clv.value_intervals(
        model, table, 26, gg, discount=0.01, n_draws=1_000, periods=4, parameters=False, level=0.9
    )
    assert drawn.total.estimate == pytest.approx(value["value"].sum(), rel=0.04)
    assert drawn.total.low < value["value"].sum() < drawn.total.high
    assert ((drawn.customers["low"] >= 0) & (drawn.customers["low"] <= drawn.customers["high"])).all()
    wide = clv.value_intervals(model, table, 26, gg, discount=0.01, n_draws=300, level=0.9).total
    assert wide.high - wide.low > drawn.total.high - drawn.total.low
    again = clv.value_intervals(model, table, 26, gg, n_draws=50)
    assert again.total == clv.value_intervals(model, table, 26, gg, n_draws=50).total


@pytest.mark.published
def test_value_of_cdnow_against_the_holdout():
    table = clv.calibration_and_holdout(load_cdnow(True), "1997-09-30")
    model = clv.ParetoNBD().fit(table)
    gg = clv.GammaGamma().fit(table)
    value = clv.customer_value(model, table, table["holdout"].iloc[0], gg)["value"]
    assert np.corrcoef(value, table["holdout_spend"])[0, 1] > 0.55
    groups = clv.calibration_by_decile(value, table["holdout_spend"])
    assert groups["share"].iloc[0] > 0.45
    assert groups["share"].sum() == pytest.approx(1)
    assert groups["predicted"].is_monotonic_decreasing


@pytest.mark.unit
def test_deciles_and_targets_by_hand():
    score = pd.Series([1.0, 5, 3, 4, 2, 0], index=list("abcdef"))
    truth = pd.Series([10.0, 50, 30, 40, 20, 0], index=list("fabcde"))
    groups = clv.calibration_by_decile(score, truth, n=3)
    assert groups["customers"].tolist() == [2, 2, 2]
    assert groups["predicted"].tolist() == [4.5, 2.5, 0.5]
    assert groups["seen"].tolist() == [25, 20, 30]  # b and d; c and e; a and f: by name
    table = clv.targeting_value({"score": score}, truth, share=1 / 3, uplift=0.5, cost=2)
    assert table.index.tolist()[0] == "truth"
    assert table.loc["truth", "margin"] == 45
    assert table.loc["score", "margin"] == 25
    assert table.loc["score", "capture"] == pytest.approx(50 / 150)
    assert table.loc["score", "profit"] == pytest.approx(1_000 * (0.5 * 50 - 4) / 6)
    assert table.loc["at random", "profit"] == pytest.approx(1_000 * (0.5 * 25 - 2) / 3)
    assert ((table["low"] <= table["profit"]) & (table["profit"] <= table["high"])).all()


@pytest.mark.bad_input
def test_values_that_cannot_be():
    model, table = fitted()
    refused("pass a fitted", lambda: clv.customer_value("BG", table, 52, 10.0))
    with pytest.raises(NotFittedError):
        clv.customer_value(clv.BGNBD(), table, 52, 10.0)
    for wrong in (-1, -3.0):
        refused("above -1", lambda wrong=wrong: clv.customer_value(model, table, 52, 10.0, discount=wrong))
    refused("finite", lambda: clv.customer_value(model, table, np.inf, 10.0))
    refused("no fixed length", lambda: clv.customer_value(model, table, pd.DateOffset(years=1), 10.0))
    refused("margin", lambda: clv.customer_value(model, table, 52, 10.0, margin=30))
    refused("no mean of their own", lambda: clv.customer_value(model, table, 52, table["monetary"]))
    refused("align", lambda: clv.customer_value(model, table, 52, table["monetary"][::-1]))
    refused("does not fit", lambda: clv.customer_value(model, table, 52, [1.0, 2.0]))
    days = clv.customer_summary(load_cdnow(True), "1997-09-30", unit="day")
    refused("in units of", lambda: clv.customer_value(model, days, 52, 10.0))
    refused("too few", lambda: clv.calibration_by_decile([1.0, 2], [1.0, 2]))
    refused(
        "same customers", lambda: clv.calibration_by_decile(pd.Series([1.0]), pd.Series([1.0], index=["a"]))
    )
    refused("missing", lambda: clv.calibration_by_decile([1.0, np.nan], [1.0, 2]))
    refused("shapes", lambda: clv.calibration_by_decile([1.0], [1.0, 2]))
    refused("at least one way", lambda: clv.targeting_value({}, [1.0, 2]))
    refused("treat some", lambda: clv.targeting_value({"a": [1.0, 2]}, [1.0, 2], share=0.01))


# --- the shop, where the truth is known

WEEK, WEEKS = 72, 32


@cache
def shop_parts():
    shop = load_shop()
    truth = clv.true_future_margin(default_laws(), shop, WEEK, WEEKS)
    known = clv.order_margins(shop, WEEK)
    table = clv.customer_summary(known, cutoff(WEEK), spend="margin", zone="Asia/Shanghai")
    return shop, truth.loc[table.index], known, table


@pytest.mark.unit
def test_margins_of_the_shop():
    shop, _, known, _ = shop_parts()
    every = clv.order_margins(shop)
    cost = shop.products.set_index("product_id")["unit_cost"]
    paid = shop.orders["spend"] - shop.orders["quantity"] * shop.orders["product_id"].map(cost)
    assert len(every) == len(shop.orders) + len(shop.returns)
    assert every.loc[every["spend"] >= 0, "margin"].sum() == pytest.approx(paid.sum())
    assert every["spend"].sum() == pytest.approx(shop.orders["spend"].sum() - shop.returns["spend"].sum())
    assert (known["order_time"] < cutoff(WEEK)).all()


@pytest.mark.recovery
def test_true_margin_against_played_futures():
    """The same hidden customers, played forward many times by the shop's own rules."""
    shop, truth, _, _ = shop_parts()
    laws = default_laws()
    products = catalogue(laws)
    people = Customers.from_tables(shop.customers, shop.truth_customers)
    people = people.take(np.flatnonzero(people.join_week < WEEK)[:400])
    state = states_at(shop.truth_states, people.customer_id, WEEK)
    from bigmkt_helpers.clv.lantern import _last_categories

    last = _last_categories(shop.orders, people.customer_id, WEEK)
    appeal = (products.popularity * np.exp(people.style @ products.latent.T)).reshape(400, 12, -1)
    chance = np.minimum(laws.return_share * np.exp(-laws.return_slope * products.quality), 0.5)
    rng = np.random.Generator(np.random.PCG64(4))
    orders, margins = [], []
    for _ in range(30):
        now, seen = state.copy(), last.copy()
        path = {"chosen": np.full((N_WEEKS, 400), -1), "sent": np.zeros((N_WEEKS, 400), dtype=bool)}
        for week in range(WEEK, WEEK + WEEKS):
            chosen, sent, now = _step(laws, people, week, now, seen, np.zeros(400, dtype=bool), rng)
            path["chosen"][week], path["sent"][week] = chosen, sent
            seen = np.where(chosen >= 0, chosen, seen)
        _, lines_ = _orders(laws, products, people, path, appeal, 0, rng)
        product = lines_["product"]
        unit = lines_["cents"] / 100 - products.unit_cost[product]
        kept = lines_["quantity"] - chance[product] * (lines_["quantity"] + 1) / 2
        margins.append(np.bincount(lines_["customer"], unit * kept, minlength=400))
        orders.append((path["chosen"] >= 0).sum(axis=0))
    orders, margins = np.array(orders), np.array(margins)
    expected = truth.loc[people.customer_id]
    assert (expected["orders"][now == 3] >= 0).all()
    for played, mean in ((orders, expected["orders"]), (margins, expected["margin"])):
        totals = played.sum(axis=1)
        assert abs(totals.mean() - mean.sum()) < 4 * totals.std() / np.sqrt(30) + 0.004 * mean.sum()
        assert np.corrcoef(played.mean(axis=0), mean)[0, 1] > 0.98
    # a discount takes part of it away, the earlier money less
    less = clv.true_future_margin(laws, shop, WEEK, 4, discount=0.01).sum()
    plain = clv.true_future_margin(laws, shop, WEEK, 4).sum()
    assert 1.01**-4 < less["margin"] / plain["margin"] < 1.01**-0.5
    assert less["orders"] == plain["orders"]


@pytest.mark.recovery
def test_value_of_the_shops_customers():
    _, truth, known, table = shop_parts()
    gg = clv.GammaGamma(nonpositive="leave_out").fit(table)
    # nobody in this shop differs in how they leave, so the spread of drop-out runs to nothing: say so
    with pytest.warns(ConvergenceWarning, match="ParetoNBD did not converge"):
        clv.ParetoNBD(n_starts=1).fit(table)
    model = clv.ParetoNBD(prior_scale=3).fit(table)
    assert model.converged_
    value = clv.customer_value(model, table, WEEKS, gg)["value"]
    assert spearmanr(value, truth["margin"]).statistic > 0.77
    total = clv.value_intervals(model, table, WEEKS, gg, level=0.95, n_draws=100).total
    assert total.low < truth["margin"].sum() < total.high
    past = known.groupby("customer_id")["margin"].sum().reindex(table.index)
    money = clv.targeting_value({"value": value, "past": past}, truth["margin"], cost=5)
    assert money.index.tolist() == ["truth", "value", "past", "at random"]
    assert money.loc["value", "low"] > money.loc["past", "high"]
    groups = clv.calibration_by_decile(value, truth["margin"])
    assert groups["seen"].iloc[0] > 60 * groups["seen"].iloc[-1]


@pytest.mark.recovery
def test_the_ideal_observer_is_calibrated_and_not_beaten():
    shop, laws = simulate(700, seed=21, truth=False), default_laws()
    truth = clv.true_future_margin(laws, shop, WEEK, WEEKS)["orders"]
    known = clv.order_margins(shop, WEEK)
    table = clv.customer_summary(known, cutoff(WEEK), spend="margin", zone="Asia/Shanghai")
    truth = truth.loc[table.index]
    guesses = {
        "model": clv.ParetoNBD(prior_scale=3).fit(table).expected_purchases(table, WEEKS),
        "ideal": clv.ideal_observer_orders(laws, shop, WEEK, WEEKS, n_rates=20).loc[table.index],
        "blind": clv.ideal_observer_orders(laws, shop, WEEK, WEEKS, False, n_rates=20).loc[table.index],
    }
    for name in ("ideal", "blind"):
        # high, middle and low expectations come true in the mean
        for group in np.array_split(np.argsort(-guesses[name].to_numpy(), kind="stable"), 3):
            apart = (truth - guesses[name]).to_numpy()[group]
            assert abs(apart.mean()) < 4 * apart.std() / np.sqrt(len(group))
    error = {name: ((truth - guess) ** 2).mean() for name, guess in guesses.items()}
    assert error["ideal"] < error["blind"] < error["model"]


@pytest.mark.bad_input
def test_shop_questions_that_cannot_be():
    shop = shop_parts()[0]
    refused("not within 0", lambda: clv.true_future_margin(default_laws(), shop, 100, 5))
    refused("not within 0", lambda: clv.ideal_observer_orders(default_laws(), shop, 100, 5))
    refused("n_weeks", lambda: clv.true_future_margin(default_laws(), shop, 72, 0))
    refused("above -1", lambda: clv.true_future_margin(default_laws(), shop, 72, 4, discount=-1))
