"""The click model: formula against simulation, contexts that know nothing of the future, honest logs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bigmkt_helpers.datasets import Shop, load_shop
from bigmkt_helpers.errors import InputError, LeakError
from bigmkt_helpers.information import CommonQuestion
from bigmkt_helpers.recommenders import FixedArm, LinUCB, ThompsonSampling, simulate_bandit
from bigmkt_helpers.shop import (
    CATEGORIES,
    ClickLaws,
    FrontPage,
    click_features,
    click_probability,
    cutoff,
    default_laws,
    simulate_clicks,
    softmax_policy,
    week_of,
)

pytestmark = pytest.mark.recovery

LAWS = default_laws()
# some two hundred comparisons: one in a hundred thousand for each leaves the file right with probability .998
LEVEL = 1e-5


@pytest.fixture(scope="module")
def shop():
    return load_shop()


@pytest.fixture(scope="module")
def page(shop):
    return FrontPage(shop, week=88)


# --- the formula --------------------------------------------------------------------------------------------


def test_by_hand():
    """Who has one category in mind for certain: looks .5, then .4 on it, .2 on its partner, .1 elsewhere."""
    laws = replace(LAWS, session_trend_share=0.0)
    clicks = ClickLaws(examined=0.5, match=0.4, partner=0.2, other=0.1, appeal=np.full(12, 1.0))
    p = click_probability(laws, np.eye(12), 10, clicks)
    partner = {"tea": "teaware", "coffee": "tableware", "bath": "storage", "plants": "lighting"}
    for name, mate in partner.items():
        row = pd.Series(p[CATEGORIES.index(name)], index=CATEGORIES)
        assert row[name] == pytest.approx(0.2)
        assert row[mate] == pytest.approx(0.1)
        assert row.drop([name, mate]).to_numpy() == pytest.approx(0.05)
    # appeal multiplies its own column alone
    shine = np.full(12, 1.0)
    shine[3] = 2.0
    twice = click_probability(laws, np.eye(12), 10, replace(clicks, appeal=shine))
    assert twice[:, 3] == pytest.approx(2 * p[:, 3])
    assert np.delete(twice, 3, axis=1) == pytest.approx(np.delete(p, 3, axis=1))


def test_the_trend_is_in_it():
    """With nothing but the trend in mind all customers click alike, and differently in another week."""
    laws = replace(LAWS, session_trend_share=1.0)
    p = click_probability(laws, np.eye(12), 30)
    assert p == pytest.approx(np.tile(p[:1], (12, 1)))
    assert np.abs(p - click_probability(laws, np.eye(12), 55)).max() > 0.001


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 103), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_linear_in_the_taste(week, seed, weight):
    rng = np.random.default_rng(seed)
    one, two = rng.dirichlet(np.full(12, 0.3), size=(2, 1))
    mixed = click_probability(LAWS, weight * one + (1 - weight) * two, week)
    parts = click_probability(LAWS, np.vstack([one, two]), week)
    assert mixed[0] == pytest.approx(weight * parts[0] + (1 - weight) * parts[1])
    assert (parts > 0).all()
    assert (parts < 1).all()


@pytest.mark.parametrize("week", [5, 52, 101])
def test_simulated_frequencies_keep_to_the_formula(week):
    """Reliability: each arm, each fifth of the customers by probability, within exact binomial bounds."""
    rng = np.random.default_rng(week)
    taste = rng.dirichlet(8 * LAWS.persona_taste[0] + 0.02, size=500)
    p = click_probability(LAWS, taste, week)
    for arm in range(12):
        band = np.argsort(np.argsort(p[:, arm])) // 100
        who = np.repeat(np.arange(500), 40)
        clicked = simulate_clicks(LAWS, taste[who], week, arm, random_state=100 * week + arm)
        for b in range(5):
            inside = band[who] == b
            # the sum of coins of different weights varies less than a binomial, so the bound is a safe one
            k, n = int(clicked[inside].sum()), int(inside.sum())
            assert stats.binomtest(k, n, p[band == b, arm].mean()).pvalue > LEVEL, (arm, b)


def test_same_seed_same_clicks():
    taste = np.full((300, 12), 1 / 12)
    first, again, other = (simulate_clicks(LAWS, taste, 80, 2, random_state=s) for s in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


# --- what the shop knows ------------------------------------------------------------------------------------


def test_features_by_hand():
    day = pd.Timestamp("2024-03-01", tz="UTC")
    orders = pd.DataFrame(
        {
            "order_id": [1, 2, 3, 9],
            "line_number": [1, 1, 1, 1],
            "customer_id": [7, 7, 8, 8],
            "order_time": [day, day + pd.Timedelta(days=1), day, day + pd.Timedelta(days=50)],
            "category": ["tea", "teaware", "tea", "bath"],
        }
    )
    sessions = pd.DataFrame(
        {
            "session_id": [1, 1, 2, 3],
            "customer_id": [7, 7, 7, 8],
            "timestamp": [day, day, day, day + pd.Timedelta(days=50)],
            "category": ["coffee", "coffee", "tea", "bath"],
        }
    )
    moment = day + pd.Timedelta(days=30)
    known = click_features({"orders": orders, "sessions": sessions}, [7, 8, 99], moment, strength=2)
    # orders of the whole shop: tea 2/3, teaware 1/3; of 7: one each; smoothed with weight 2
    assert known.loc[7, "orders_tea"] == pytest.approx((1 + 2 * 2 / 3) / 4)
    assert known.loc[8, "orders_tea"] == pytest.approx((1 + 2 * 2 / 3) / 3)
    assert known.loc[99, ["orders_tea", "orders_teaware", "orders_bath"]].tolist() == pytest.approx(
        [2 / 3, 1 / 3, 0]
    )
    # sessions, not views: one of coffee, one of tea
    assert known.loc[7, ["sessions_coffee", "sessions_tea"]].tolist() == pytest.approx([0.5, 0.5])
    assert known.loc[8, "sessions_coffee"] == pytest.approx(0.5)
    # after tea came teaware once; smoothed with the first lines of all
    after_tea = (1 + 2 / 3) / 3
    assert known.loc[7, "next_teaware"] == pytest.approx(0.5 * after_tea + 0.5 / 3)
    assert known.filter(like="bath").to_numpy().max() == 0  # that lies after the cutoff
    for name in ("orders", "sessions", "next"):
        assert known.filter(like=f"{name}_").sum(axis=1).to_numpy() == pytest.approx(np.ones(3))


def test_features_know_nothing_of_the_future(shop):
    question = CommonQuestion.of_shop(shop)
    question.guard(click_features, 88)

    def peeping(tables, customers, moment):
        return click_features(tables, customers, moment + pd.Timedelta(days=28))

    with pytest.raises(LeakError):
        question.guard(peeping, 88)


def test_contexts_of_the_page_know_nothing_of_the_future(shop, page):
    """Another future of orders and focuses, the same visits: the contexts stay as they are."""
    start = cutoff(88)
    rng = np.random.default_rng(1)
    tables = {name: getattr(shop, name) for name in ("customers", "truth_customers", "orders", "sessions")}
    for name, time in (("orders", "order_time"), ("sessions", "timestamp")):
        table, late = tables[name].copy(), (tables[name][time] >= start).to_numpy()
        table.loc[late, "category"] = rng.permutation(table.loc[late, "category"].to_numpy())
        tables[name] = table
    other = FrontPage(Shop(tables), week=88)
    assert (other.contexts == page.contexts).all()
    assert (other.popularity == page.popularity).all()


# --- the front page -----------------------------------------------------------------------------------------


def test_the_visits_are_the_shops_own(shop, page):
    sessions = shop.sessions.drop_duplicates("session_id")
    week = week_of(sessions["timestamp"])
    inside = (week >= 88) & (week < 92)
    assert len(page.visits) == inside.sum() > 1_000
    counts = sessions[inside].groupby("customer_id").size()
    assert page.visits.groupby("customer_id").size().to_dict() == counts.to_dict()
    assert page.visits["week"].value_counts().to_dict() == pd.Series(week[inside]).value_counts().to_dict()
    new, old = (FrontPage(shop, week=88, known=known) for known in (False, True))
    assert len(new.visits) + len(old.visits) == len(page.visits)
    joined = shop.customers.set_index("customer_id")["join_date"].loc[new.visits["customer_id"]]
    assert (pd.to_datetime(joined) >= pd.Timestamp(cutoff(88).tz_convert("Asia/Shanghai").date())).all()
    # of strangers nothing is known: all their contexts are equal, row for row
    assert np.ptp(new.contexts, axis=0).max() == 0
    assert np.ptp(old.contexts, axis=0).max() > 0.3


def test_values_against_loops(page):
    p = page.probability
    rng = np.random.default_rng(0)
    policy = rng.dirichlet(np.ones(12), size=len(p))
    assert page.value(policy) == pytest.approx(np.mean([policy[i] @ p[i] for i in range(len(p))]))
    assert page.value(np.eye(12)[4]) == page.value(4) == pytest.approx(p[:, 4].mean())
    assert page.value() == pytest.approx(max(page.value(np.eye(12)[p.argmax(axis=1)]), 0))
    best = page.best_arm()
    assert page.value(best) == max(page.value(a) for a in range(12))
    assert page.share_of_closable([page.value(best), page.value()]).tolist() == [0, 1]
    assert page.best_arm() != page.popularity.argmax()  # so that popularity is a mistake here
    # the click rates are those of the formula, with the true taste in the week of the visit
    row = len(p) // 2
    visit = page.visits.iloc[row]
    again = click_probability(LAWS, page.taste[row : row + 1], int(visit["week"]))
    assert p[row] == pytest.approx(again[0])


def test_offers_are_visits(page):
    contexts, p = page.offer(np.random.default_rng(0), 50)
    assert contexts.shape == (50, 12, 4)
    assert (contexts[:, :, 0] == 1).all()
    pairs = {(c.tobytes(), q.tobytes()) for c, q in zip(page.contexts, page.probability, strict=True)}
    assert all((c.tobytes(), q.tobytes()) in pairs for c, q in zip(contexts, p, strict=True))


def test_the_log_is_what_it_says(page):
    """Tiles appear with their propensities and are clicked with the true rates; the seed decides."""
    policy = softmax_policy(page.contexts[:, :, 2], temperature=0.2, explore=0.2)
    log = page.log(policy, 60_000, random_state=3)
    assert (log.propensity == policy[log.visit]).all()
    assert (log.contexts[:100] == page.contexts[log.visit[:100]]).all()
    for arm in range(12):
        shown = log.action == arm
        expected = log.propensity[:, arm].mean()
        assert stats.binomtest(int(shown.sum()), 60_000, expected).pvalue > LEVEL
        rate = page.probability[log.visit[shown], arm].mean()
        assert stats.binomtest(int(log.reward[shown].sum()), int(shown.sum()), rate).pvalue > LEVEL
    assert log.reward.mean() == pytest.approx(page.value(policy), abs=0.005)
    again = page.log(policy, 60_000, random_state=3)
    assert (log.action == again.action).all()
    assert (log.reward == again.reward).all()
    assert (log.action != page.log(policy, 60_000, random_state=4).action).any()


def test_contexts_pay_on_the_shops_clicks(page):
    """LinUCB comes closer to the omniscient choice than any single tile can; Thompson's cannot."""
    end = {}
    for policy in (
        LinUCB(12, 4, alpha=0.5, n_runs=30),
        ThompsonSampling(12, n_runs=30),
        FixedArm(12, page.best_arm(), 30),
    ):
        runs = simulate_bandit(policy, page, 3_000, record=[3_000])
        end[type(policy).__name__] = page.share_of_closable(runs.expected[:, -1] / 3_000)
    linear, error = end["LinUCB"].mean(), end["LinUCB"].std(ddof=1) / np.sqrt(30)
    assert linear - 3 * error > 0.3
    assert linear < 1
    assert end["ThompsonSampling"].max() < 0
    assert end["FixedArm"].mean() == pytest.approx(0, abs=0.03)


def test_the_curve_against_a_plain_interval(page):
    runs = simulate_bandit(ThompsonSampling(12, n_runs=8), page, 40, record=[20, 40])
    curve = page.closable_curve(runs, level=0.9)
    share = page.share_of_closable(runs.expected[:, 1] / 40)
    low, high = stats.t.interval(0.9, 7, share.mean(), stats.sem(share))
    assert curve.iloc[1].tolist() == pytest.approx([40, share.mean(), low, high])
    with pytest.raises(InputError, match="two runs"):
        page.closable_curve(simulate_bandit(ThompsonSampling(12), page, 3))


def test_softmax_by_hand():
    p = softmax_policy([[1.0, 0.0, 0.0]], temperature=1.0, explore=0.3)
    e = np.e
    assert p[0] == pytest.approx([0.7 * e / (e + 2) + 0.1, 0.7 / (e + 2) + 0.1, 0.7 / (e + 2) + 0.1])
    assert softmax_policy([[1e6, 0.0]], 1e-3, 0.0).tolist() == [[1, 0]]  # no overflow
    assert softmax_policy([[5.0, 5.0]], 0.1, 0.0).tolist() == [[0.5, 0.5]]


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda page, shop: ClickLaws(examined=1.2), "examined is 1.2"),
        (lambda page, shop: ClickLaws(match=float("nan")), "match is nan"),
        (lambda page, shop: ClickLaws(appeal=np.ones(3)), "each of the 12"),
        (lambda page, shop: ClickLaws(appeal=np.full(12, 3.0)), "passes 1"),
        (lambda page, shop: click_probability(LAWS, np.ones((2, 12)), 3), "add up to 1"),
        (lambda page, shop: click_probability(LAWS, np.eye(12), 104), "from 0 to 103"),
        (lambda page, shop: click_probability(LAWS, np.eye(12), 1.5), "from 0 to 103"),
        (lambda page, shop: simulate_clicks(LAWS, np.eye(12), 3, 12), "one of 0 … 11"),
        (lambda page, shop: simulate_clicks(LAWS, np.eye(12), 3, 1, random_state=-1), "random_state is -1"),
        (lambda page, shop: FrontPage(shop, week=102), "from 0 to 103"),
        (lambda page, shop: FrontPage(shop, week=100, known=False), "no such visits"),
        (lambda page, shop: page.value(12), "one of 0 … 11"),
        (lambda page, shop: page.value(np.ones(12)), "add up to 1"),
        (lambda page, shop: page.value(np.ones((2, 12))), "has shape"),
        (lambda page, shop: page.log(np.full(12, 1 / 12), 0), "n is 0"),
        (lambda page, shop: softmax_policy([[1.0, np.nan]]), "finite"),
        (lambda page, shop: softmax_policy([[1.0, 2.0]], temperature=0), "temperature is 0"),
        (lambda page, shop: softmax_policy([[1.0, 2.0]], explore=2), "explore 2"),
        (
            lambda page, shop: click_features(
                {"orders": shop.orders, "sessions": shop.sessions}, [1], cutoff(0)
            ),
            "no orders or no sessions",
        ),
        (
            lambda page, shop: click_features(
                {"orders": shop.orders.assign(category="lamps"), "sessions": shop.sessions}, [1], cutoff(9)
            ),
            "'lamps' is none",
        ),
        (
            lambda page, shop: click_features(
                {"orders": shop.orders, "sessions": shop.sessions}, [1], cutoff(9), strength=0
            ),
            "strength is 0",
        ),
    ],
)
def test_bad_input(page, shop, make, message):
    with pytest.raises(InputError, match=message):
        make(page, shop)
