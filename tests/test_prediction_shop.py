"""Chapter 11 on the simulated shop: features, forecasts, importance, strangeness, the common question."""

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from bigmkt_helpers import prediction as pr
from bigmkt_helpers.datasets import load_shop
from bigmkt_helpers.errors import InputError, LeakError, NotFittedError
from bigmkt_helpers.information import NOTHING, CommonQuestion


@pytest.fixture(autouse=True)
def one_thread():
    """Boosting on small tables waits for its threads longer than it computes, where cores are shared."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def question():
    return CommonQuestion.of_shop(load_shop(), n_resamples=500)


@pytest.fixture(scope="module")
def learned(question):
    spec = pr.ShopFeatures(question.categories)
    features, answers = question.training(spec, guard=False)
    return spec, features, answers, question.features(spec, guard=False)


def generator(seed=0):
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


# --- features ----------------------------------------------------------------------------------------

CUTOFF = pd.Timestamp("2025-03-03", tz="UTC")
PEOPLE = pd.DataFrame(
    {
        "customer_id": [1, 2],
        "age_band": ["18-29", None],
        "city_tier": [1, 2],
        "gender": ["f", "m"],
        "email_consent": [True, False],
        "app_user": [True, False],
    }
)


def lines(rows):
    table = pd.DataFrame(rows, columns=["order_id", "line_number", "customer_id", "day", "category", "spend"])
    return table.assign(order_time=pd.to_datetime(table.pop("day"), utc=True))


ORDERS = lines(
    [
        (1, 1, 1, "2025-02-03", "tea", 30.0),
        (1, 2, 1, "2025-02-03", "bath", 10.0),
        (2, 1, 1, "2025-02-17", "bath", 20.0),
        (3, 1, 2, "2025-02-24", "tea", 8.0),
        (4, 1, 2, "2025-03-03", "bath", 999.0),  # at the cutoff: not known
    ]
)
SESSIONS = pd.DataFrame(
    {
        "session_id": [1, 1, 2],
        "customer_id": [1, 1, 1],
        "category": ["tea", "tea", "bath"],
        "timestamp": pd.to_datetime(["2025-02-24", "2025-02-24", "2025-03-10"], utc=True),
    }
)
RETURNS = pd.DataFrame(
    {
        "order_id": [1, 2],
        "spend": [15.0, 20.0],
        "return_time": pd.to_datetime(["2025-02-20", "2025-03-04"], utc=True),
    }
)
MAILS = pd.DataFrame(
    {
        "customer_id": [1, 1, 2],
        "sent": [True, False, True],
        "timestamp": pd.to_datetime(["2025-02-10", "2025-02-11", "2025-03-09"], utc=True),
    }
)
TABLES = {
    "orders": ORDERS,
    "customers": PEOPLE,
    "sessions": SESSIONS,
    "returns": RETURNS,
    "campaigns": MAILS,
}


@pytest.mark.unit
def test_features_by_hand():
    spec = pr.ShopFeatures(["tea", "bath"], half_life=2, smoothing=1)
    X = spec(TABLES, pd.Index([1, 2]), CUTOFF)
    assert list(X.columns) == [*spec.numbers, *spec.labels]
    one = X.loc[1]
    expected = {
        "recency": 2, "tenure": 4, "orders": 2, "orders_8": 2, "orders_26": 2,
        "pace": 0.5**2 + 0.5, "rate": 2 / 5, "lateness": 1.0, "basket": 1.5, "ticket": 30,
        "returned": 15 / 60, "mails": 1, "visits_2": 1, "visits_8": 1, "visit_recency": 1,
        "app_user": 1, "consent": 1,
    }  # fmt: skip
    for name, value in expected.items():
        assert one[name] == pytest.approx(value), name
    # two first lines of tea and one of bath in the shop; this customer: tea 4 weeks ago, bath 2 weeks ago
    tea = 2.5 / 4
    assert one["bought_tea"] == pytest.approx((0.25 + tea) / (0.75 + 1))
    assert one["bought_tea"] + one["bought_bath"] == pytest.approx(1)
    assert one["last_category"] == "bath"
    # one visit, to tea, a week ago: it is also all that the shop has seen visited
    visit = 0.5**0.5
    assert X["viewed_tea"].tolist() == pytest.approx([(visit + 0.75) / (visit + 1), 0.75])
    assert X["viewed_bath"].tolist() == pytest.approx([0.25 / (visit + 1), 0.25])
    assert X[["city_tier", "gender"]].to_numpy().tolist() == [["1", "f"], ["2", "m"]]
    assert one["age_band"] == "18-29"
    two = X.loc[2]
    assert two["orders"] == 1
    assert two["ticket"] == 8
    assert np.isnan(two["visit_recency"])
    assert pd.isna(two["age_band"])
    assert two["mails"] == two["visits_8"] == two["returned"] == 0


@pytest.mark.unit
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_no_future_changes_a_feature(seed):
    rng = generator(seed)
    spec = pr.ShopFeatures(["tea", "bath"])
    plain = spec(TABLES, pd.Index([1, 2]), CUTOFF)
    n = int(rng.integers(1, 8))
    when = CUTOFF + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s")
    later = pd.DataFrame(
        {
            "order_id": 100 + np.arange(n), "line_number": 1, "customer_id": rng.integers(1, 3, n),
            "category": rng.choice(["tea", "bath"], n), "spend": rng.uniform(0, 1e4, n),
        }
    )  # fmt: skip
    future = {
        "orders": pd.concat([later.assign(order_time=when), ORDERS]),
        "customers": PEOPLE,
        "sessions": pd.concat([SESSIONS, later.assign(session_id=later["order_id"], timestamp=when)]),
        "returns": pd.concat([RETURNS, later.assign(order_id=1, return_time=when)]),
        "campaigns": pd.concat([MAILS, later.assign(sent=True, timestamp=when)]),
    }
    pd.testing.assert_frame_equal(spec(future, pd.Index([1, 2]), CUTOFF), plain)


@pytest.mark.recovery
def test_the_guard_passes_the_features_and_catches_a_leak(question):
    spec = pr.ShopFeatures(question.categories)
    question.guard(spec)

    def peeking(tables, customers, cutoff):
        total = tables["orders"].groupby("customer_id")["spend"].sum()
        return spec(tables, customers, cutoff).assign(lifetime=total.reindex(customers))

    with pytest.raises(LeakError, match="'lifetime' leaks"):
        question.guard(peeking)


@pytest.mark.unit
def test_the_table_on_its_side():
    spec = pr.ShopFeatures(["tea", "bath"])
    X = spec(TABLES, pd.Index([1, 2]), CUTOFF)
    follows = pd.DataFrame([[0.2, 0.8], [0.6, 0.4]], ["tea", "bath"], ["tea", "bath"])
    table = pr.category_table(X, ["tea", "bath"], follows)
    assert table["follows"].tolist() == [0.6, 0.4, 0.2, 0.8]
    assert table["is_last"].tolist() == [0, 1, 1, 0]
    assert table["bought"].tolist() == X[["bought_tea", "bought_bath"]].to_numpy().ravel().tolist()
    assert table["viewed"].tolist() == X[["viewed_tea", "viewed_bath"]].to_numpy().ravel().tolist()
    assert table["category"].tolist() == ["tea", "bath", "tea", "bath"]
    for name in ("orders", "visits_8"):
        assert table[name].tolist() == X[name].repeat(2).tolist()
    assert table["shop"].tolist() == [*X[["bought_tea", "bought_bath"]].mean()] * 2
    assert table.index.tolist() == [0, 1, 2, 3]


# --- the common question -------------------------------------------------------------------------------


@pytest.mark.recovery
def test_two_steps_close_most_of_what_the_data_allow(question, learned):
    spec, features, answers, now = learned
    model = pr.BuyThenWhich(spec, "logistic", "logistic", {"C": 0.03}).fit(features, answers)
    p = model.predict(now)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert list(p.columns) == question.outcomes
    row = question.score("two steps", p)
    assert row["share"] > 0.63
    assert row["share"] < question.score("observer", question.observer(), kind="ceiling")["share"]
    seen = (question.answers() != NOTHING).mean()
    assert 1 - p[NOTHING].mean() == pytest.approx(seen, abs=0.05)
    np.testing.assert_allclose(model.follows_.sum(axis=1), 1)
    assert pr.will_buy(question).mean() == seen
    plain = pr.BuyThenWhich(spec, "logistic", "logistic", {"C": 0.03})
    pd.testing.assert_frame_equal(pr.two_step_forecast(question, plain, guard=False), p)


@pytest.mark.recovery
def test_one_model_of_many_classes_answers_too(question):
    spec = pr.ShopFeatures(question.categories)
    model = pr.make_model("naive_bayes", ["recency", "visits_2", "pace"], ["last_category"], bins=8)
    p = pr.outcome_forecast(question, spec, model, guard=False)
    row = question.score("naive Bayes", p)
    assert row["closed_low"] > 0
    assert row["share"] > 0.2
    learn, answers = question.training(spec, guard=False)
    now = question.features(spec, guard=False)
    alone = clone(model).fit(learn, answers.to_numpy(dtype=object))
    assert sorted(alone.classes_) == sorted(question.outcomes) == sorted(p.columns)
    assert list(p.columns) == question.outcomes
    assert p.index.equals(now.index)
    np.testing.assert_allclose(p[list(alone.classes_)], alone.predict_proba(now))
    buys = pr.will_buy(question)
    assert buys.name == "buys"
    assert buys.to_dict() == {who: what != NOTHING for who, what in question.answers().items()}


@pytest.mark.recovery
def test_money_by_rule_expected_profit_beats_a_half(question, learned):
    spec, features, answers, now = learned
    buys = (answers != NOTHING).to_numpy()
    model = pr.make_model("logistic", spec.numbers, spec.labels, spec.counts, C=0.03)
    weeks = features.index.get_level_values(0)
    early, late = weeks < weeks.max(), weeks == weeks.max()
    validation = model.fit(features[early], buys[early]).predict_proba(features[late])[:, 1]
    pays = pr.Payoffs.of_campaign(margin=40, cost=5)
    rules = {rule: pr.choose_threshold(rule, buys[late], validation, pays, True) for rule in pr.RULES}
    p = model.predict_proba(now)[:, 1]
    truth = 1 - question.truth()[NOTHING]
    table = pr.compare_thresholds(pr.will_buy(question), p, pays, rules, truth, True)
    assert table["profit"].idxmax() == "truth"
    gap = table.loc["expected profit"] - table.loc["half"]
    assert gap["profit"] > 1000
    assert table.loc["expected profit", "gain_low"] > 0 > table.loc["half", "gain_high"]


# --- demand ----------------------------------------------------------------------------------------


def weeks(values):
    index = pd.date_range("2024-01-01", periods=len(values), freq="7D", name="week")
    return pd.Series(np.asarray(values, dtype=float), index)


@pytest.mark.unit
def test_weekly_demand_counts_local_weeks_and_keeps_empty_ones():
    orders = load_shop().orders
    series = pr.weekly_demand(orders, start="2024-01-01", end="2025-12-29")
    assert len(series) == 104
    assert series.sum() == orders["order_id"].nunique()
    local = orders["order_time"].dt.tz_convert("Asia/Shanghai").dt.tz_localize(None)
    third = orders[(local >= "2024-01-15") & (local < "2024-01-22")]
    assert series["2024-01-15"] == third["order_id"].nunique()
    parts = pr.weekly_demand(orders, "spend", by="category", start="2024-01-01", end="2025-12-29")
    np.testing.assert_allclose(parts.sum(axis=1), pr.weekly_demand(orders, "spend", end="2025-12-29"))
    assert parts.shape == (104, 12)
    longer = pr.weekly_demand(orders, start="2023-12-25", end="2026-01-05")
    assert longer.iloc[[0, -1]].tolist() == [0, 0]


@pytest.mark.unit
def test_holt_winters_by_hand():
    model = pr.HoltWinters()
    errors, level, trend, season = model._run(
        np.array([12.0, 9.0]), 2, (10.0, 1.0, np.array([1.0, -1.0])), 0.5, 0.2, 0.9, 0.1
    )
    # week 1: 12 - (10 + .9 + 1) = .1; level 10.9 + .05, trend .9 + .01, season 1 + .01
    # week 2: 9 - (10.95 + .819 - 1) = -1.769
    np.testing.assert_allclose(errors, [0.1, -1.769])
    assert level == pytest.approx(11.769 - 0.8845)
    assert trend == pytest.approx(0.819 - 0.1769)
    np.testing.assert_allclose(season, [1.01, -1.1769])


@pytest.mark.unit
@pytest.mark.parametrize("period", [None, 4])
def test_the_interval_is_that_of_simulated_futures(period):
    rng = generator(1)
    base = 50 + np.tile([5.0, 0, -5, 0], 12) if period else np.full(48, 50.0)
    model = pr.HoltWinters(period).fit(weeks(base + rng.normal(size=48).cumsum() + rng.normal(size=48)))
    k, n, h = period or 1, 40_000, 9
    level, trend = np.full(n, model.level_), np.full(n, model.trend_)
    season = np.tile(model.season_, (n, 1))
    table = model.forecast(h, level=0.9)
    for ahead in range(h):
        e = rng.normal(0, model.sigma_, n)
        s = season[:, ahead % k].copy()
        y = level + model.phi_ * trend + s + e
        level = level + model.phi_ * trend + model.alpha_ * e
        trend = model.phi_ * trend + model.alpha_ * model.beta_ * e
        season[:, ahead % k] = s + model.gamma_ * e
        row = table.iloc[ahead]
        assert y.mean() == pytest.approx(row["forecast"], abs=0.15)
        assert (row["high"] - row["low"]) / (2 * 1.6449) == pytest.approx(y.std(), rel=0.03)


@pytest.mark.unit
def test_holt_winters_follows_a_season_and_a_trend():
    t = np.arange(60)
    series = weeks(100 + 0.5 * t + 10 * np.sin(2 * np.pi * t / 6))
    found = pr.HoltWinters(6, damping=1).fit(series.iloc[:48]).forecast(12)
    np.testing.assert_allclose(found["forecast"], series.iloc[48:], rtol=0.01)
    assert list(found.index) == list(series.index[48:])


@pytest.mark.unit
def test_the_calendar_brings_known_events():
    rng = generator(2)
    days = ["2024-06-18", "2024-11-11", "2025-06-18", "2025-11-11"]
    series = weeks(np.exp(4 + np.arange(104) / 100 + rng.normal(0, 0.03, 104)))
    peaks = [pd.Timestamp(d) - pd.Timedelta(days=pd.Timestamp(d).weekday()) for d in days]
    series[peaks] *= 2
    model = pr.CalendarRegression({"sale": days}, waves=1, penalty=0.1).fit(series.iloc[:96])
    assert np.exp(model.coefficients_["event sale"]) == pytest.approx(2, rel=0.1)
    found = model.forecast(8, level=0.95)
    assert np.abs(found["forecast"] / series.iloc[96:] - 1).mean() < 0.06
    with_peak = pr.CalendarRegression({"sale": days}, 1, 0.1).fit(series.iloc[:92]).forecast(8)
    assert with_peak["forecast"].idxmax() == peaks[3]


@pytest.mark.unit
def test_mase_and_coverage_by_hand():
    series = weeks([1, 3, 2, 4, 3, 5, 4, 6])
    table = pr.rolling_origins(series, {"last week": pr.SeasonalNaive(1)}, horizon=2, first=4, step=2)
    assert table["origin"].unique().tolist() == [4, 6]
    assert table["forecast"].tolist() == [4, 4, 5, 5]
    assert table["seen"].tolist() == [3, 5, 4, 6]
    row = pr.forecast_scores(table, series).loc["last week"]
    assert row["mase"] == pytest.approx((1 / (5 / 3) * 2 + 1 / (8 / 5) * 2) / 4)
    assert row["mae"] == 1
    assert row["bias"] == 0
    assert row["coverage"] == 1


@pytest.mark.unit
@pytest.mark.parametrize(
    "forecaster", [pr.SeasonalNaive(4), pr.HoltWinters(), pr.CalendarRegression(waves=1)]
)
def test_a_forecast_knows_nothing_of_what_came_after(forecaster):
    rng = generator(3)
    series = weeks(rng.uniform(50, 100, 40))
    other = series.copy()
    other.iloc[30:] = 1e6
    one, two = (
        pr.rolling_origins(s, {"m": forecaster}, horizon=5, first=30, step=20) for s in (series, other)
    )
    pd.testing.assert_frame_equal(one.drop(columns="seen"), two.drop(columns="seen"))


@pytest.mark.recovery
def test_intervals_hold_what_they_promise_on_weeks_of_their_own_kind():
    rng = generator(4)
    inside = []
    for _ in range(12):
        level = 100 + rng.normal(0, 2, 70).cumsum()
        series = weeks(level + rng.normal(0, 4, 70))
        table = pr.rolling_origins(series, {"m": pr.HoltWinters(damping=0)}, 4, first=60, step=6, level=0.9)
        inside.append(pr.forecast_scores(table, series).loc["m", "coverage"])
    assert 0.8 <= np.mean(inside) <= 0.98


@pytest.mark.recovery
def test_the_shop_grows_too_fast_for_last_year():
    series = pr.weekly_demand(load_shop().orders, start="2024-01-01", end="2025-12-29")
    models = {"last year": pr.SeasonalNaive(52, log=True), "smoothing": pr.HoltWinters(log=True)}
    scores = pr.forecast_scores(pr.rolling_origins(series, models, 8, 60, 12), series, period=52)
    assert scores.loc["smoothing", "high"] < scores.loc["last year", "low"]
    assert scores.loc["smoothing", "mase"] < 0.3
    assert scores.loc["smoothing", "coverage"] >= 0.75


# --- importance ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    rng = generator(5)
    X = pd.DataFrame(rng.normal(size=(2400, 3)), columns=["strong", "weak", "noise"])
    X["kind"] = rng.choice(["a", "b"], 2400)
    z = 2 * X["strong"] + 0.5 * X["weak"] + np.where(X["kind"] == "a", 0.7, -0.7)
    y = (rng.uniform(size=2400) < 1 / (1 + np.exp(-z))).to_numpy()
    X["twin"] = X["strong"]
    model = pr.make_model("logistic", ["strong", "weak", "noise", "twin"], ["kind"])
    return model.fit(X[:1200], y[:1200]), X[1200:], y[1200:]


@pytest.mark.unit
def test_importance_orders_columns_and_covers_nothing_with_zero(fitted):
    model, X, y = fitted
    table = pr.permutation_importance(model, X, y, n_repeats=3, n_resamples=200)
    assert set(table.index[:2]) == {"strong", "twin"}
    assert table.loc["noise", "low"] <= 0.003
    assert abs(table.loc["noise", "bits"]) < 0.01
    assert table.loc["kind", "low"] > 0
    both = pr.permutation_importance(model, X, y, {"both": ["strong", "twin"], "weak": "weak"}, 3)
    assert both.index[0] == "both"
    assert both.loc["both", "bits"] > 1.5 * table.loc["strong", "bits"]
    again = pr.permutation_importance(model, X, y, n_repeats=3, n_resamples=200)
    pd.testing.assert_frame_equal(table, again)


@pytest.mark.unit
def test_partial_dependence_is_the_mean_over_customers(fitted):
    model, X, _ = fitted
    table = pr.partial_dependence(model, X, "strong", grid=[-1.0, 0.0, 1.0])
    assert table["mean"].is_monotonic_increasing
    for value in (-1.0, 1.0):
        p = model.predict_proba(X.assign(strong=value))[:, 1]
        assert table.loc[value, "mean"] == pytest.approx(p.mean())
        assert table.loc[value, "upper"] == pytest.approx(np.quantile(p, 0.75))
    assert table["inside"].sum() == pytest.approx(1)
    assert table.loc[0.0, "inside"] == pytest.approx(((X["strong"] > -0.5) & (X["strong"] <= 0.5)).mean())
    kinds = pr.partial_dependence(model, X, "kind")
    assert kinds.loc["a", "mean"] > kinds.loc["b", "high"]
    assert kinds["inside"].sum() == 1


# --- strangeness ----------------------------------------------------------------------------------------


@pytest.mark.unit
@pytest.mark.parametrize("method", ["robust distance", "isolation forest"])
def test_planted_strangers_are_found_and_told_why(method):
    rng = generator(6)
    X = pd.DataFrame({"orders": rng.poisson(5, 500), "ticket": rng.lognormal(4, 0.4, 500), "same": 1})
    X["returned"] = rng.uniform(0, 0.2, 500)
    planted = [3, 77, 400]
    X.loc[3, "orders"], X.loc[77, "ticket"], X.loc[400, "returned"] = 60, 5000.0, 1.0
    model = pr.AnomalyScores(method, log=["ticket"]).fit(X)
    found = model.score(X)
    assert set(found["score"].nlargest(3).index) == set(planted)
    assert found.loc[planted, "stands_out"].tolist() == ["orders", "ticket", "returned"]
    assert (found.loc[planted, "deviations"] > 3).all()
    assert model.constant_ == ["same"]
    assert found["rank"].min() == pytest.approx(2 / 501)
    assert found["rank"].between(0, 1).all()


@pytest.mark.unit
def test_the_rank_of_a_newcomer_like_the_others_is_even():
    rng = generator(7)
    model = pr.AnomalyScores().fit(pd.DataFrame(rng.normal(size=(800, 3))))
    rank = model.score(pd.DataFrame(rng.normal(size=(800, 3))))["rank"]
    assert abs(rank.mean() - 0.5) < 0.05
    assert abs((rank < 0.1).mean() - 0.1) < 0.04


# --- broken input ----------------------------------------------------------------------------------------

SERIES = weeks(range(1, 31))
BAD = {
    "gap in the weeks": (lambda: pr.HoltWinters().fit(SERIES.drop(SERIES.index[3])), "without a gap"),
    "missing week": (lambda: pr.HoltWinters().fit(SERIES.where(SERIES != 4)), "is nan in a week"),
    "too short": (lambda: pr.HoltWinters(26).fit(SERIES), "needs 52 weeks at least; the series has 30"),
    "log of 0": (lambda: pr.HoltWinters(log=True).fit(SERIES - 1), "2024-01-01 is not above 0"),
    "no series": (lambda: pr.SeasonalNaive(2).fit([1, 2]), "pass what weekly_demand returns"),
    "no penalty": (lambda: pr.CalendarRegression(penalty=0).fit(SERIES), "penalty is 0"),
    "no origin": (lambda: pr.rolling_origins(SERIES, {}, 8, 60), "need 68 weeks"),
    "no scale": (
        lambda: pr.forecast_scores(
            pr.rolling_origins(SERIES * 0 + 5, {"m": pr.SeasonalNaive(1)}, 2, 10), SERIES * 0 + 5
        ),
        "MASE has no scale",
    ),
    "no Monday": (lambda: pr.weekly_demand(ORDERS, start="2025-01-07"), "give a Monday"),
    "times as text": (
        lambda: pr.weekly_demand(ORDERS.assign(order_time="2025-01-01")),
        "turn it into times first",
    ),
    "amount of text": (lambda: pr.weekly_demand(ORDERS, "category"), "is not a number"),
    "no customer": (
        lambda: pr.ShopFeatures(["tea", "bath"])(TABLES, pd.Index([1, 9]), CUTOFF),
        "Customer 9 has no order before",
    ),
    "no table": (lambda: pr.ShopFeatures(["tea"])({}, pd.Index([1]), CUTOFF), "no table 'orders'"),
    "no features": (lambda: pr.category_table(PEOPLE, ["tea"]), "has no column 'bought_tea'"),
    "text to judge": (lambda: pr.AnomalyScores().fit(PEOPLE), "'age_band' is no number"),
    "all alike": (lambda: pr.AnomalyScores().fit(pd.DataFrame({"a": [1] * 20})), "nobody can stand out"),
    "too few rows": (lambda: pr.AnomalyScores().fit(pd.DataFrame({"a": [1, 2]})), "too few"),
    "a sum of the others": (
        lambda: pr.AnomalyScores().fit(
            pd.DataFrame({"a": range(40), "b": [1, 2] * 20}).assign(c=lambda x: x["a"] + x["b"])
        ),
        "follows from the others",
    ),
    "no method": (lambda: pr.AnomalyScores("nose").fit(pd.DataFrame({"a": [1, 2]})), "method='nose'"),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("case", BAD)
def test_each_fault_is_one_sentence(case):
    deed, sentence = BAD[case]
    with pytest.raises(InputError, match=sentence) as caught:
        deed()
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_importance_says_what_is_wrong(fitted):
    model, X, y = fitted
    for deed, sentence in (
        (lambda: pr.permutation_importance(model, X, ["maybe"] * len(X)), "does not know the answer 'maybe'"),
        (lambda: pr.permutation_importance(model, X, y, {"g": ["wage"]}), "'g' names 'wage'"),
        (lambda: pr.partial_dependence(model, X, "wage"), "no column 'wage'"),
        (lambda: pr.partial_dependence(model, X, "kind", "maybe"), "does not know the outcome"),
        (lambda: pr.partial_dependence(model, X, "kind", grid=[]), "no value of 'kind'"),
    ):
        with pytest.raises(InputError, match=sentence):
            deed()


@pytest.mark.bad_input
def test_nothing_is_answered_before_fit():
    for deed in (
        lambda: pr.HoltWinters().forecast(3),
        lambda: pr.AnomalyScores().score(pd.DataFrame({"a": [1.0]})),
    ):
        with pytest.raises(NotFittedError, match="call fit first"):
            deed()
