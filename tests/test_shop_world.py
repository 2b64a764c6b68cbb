"""The simulated shop: its laws hold in what it produces, and a block of customers depends on nothing else."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.shop import behaviour, world
from bigmkt_helpers.shop.behaviour import Customers, moments, resimulate, simulate, simulate_block, states_at
from bigmkt_helpers.shop.world import CATEGORIES, N_WEEKS, PERSONAS, STATES, cutoff, week_of

LAWS = world.default_laws()
PRODUCTS = world.catalogue(LAWS)
N = 6_000
# With some 300 comparisons in this file, one in a hundred thousand for each leaves the file right by chance
# with probability .997; the seed is fixed, so it is right every time or never.
LEVEL = 1e-5


@pytest.fixture(scope="module")
def shop():
    return simulate(N, seed=11, truth=False)


@pytest.fixture(scope="module")
def people(shop):
    return Customers.from_tables(shop.customers, shop.truth_customers)


@pytest.fixture(scope="module")
def lines(shop):
    """Order lines with codes and weeks."""
    table = shop.orders
    return table.assign(
        week=week_of(table["order_time"]),
        code=table["product_id"].map(dict(zip(PRODUCTS.product_id, range(600)))),
        kind=table["category"].map({name: code for code, name in enumerate(CATEGORIES)}),
    )


@pytest.fixture(scope="module")
def heads(lines):
    """First lines, with the category of the previous order's first line (−1 for none)."""
    table = lines[lines["line_number"] == 1].sort_values(["customer_id", "order_time"])
    return table.assign(last=table.groupby("customer_id")["kind"].shift().fillna(-1).astype(int))


@pytest.fixture(scope="module")
def states(shop, people):
    """State of each customer in each week, (customers, weeks); −1 before joining."""
    table = np.full((N, N_WEEKS), -1)
    for customer, week, state in zip(
        shop.truth_states["customer_id"], shop.truth_states["week"], shop.truth_states["state"]
    ):
        table[customer - 1, week:] = STATES.index(state)
    return table


def agrees(successes, trials, probability):
    """Whether a count lies within the exact binomial bounds."""
    return stats.binomtest(int(successes), int(trials), float(probability)).pvalue > LEVEL


def sums_agree(outcomes, probabilities):
    """Whether a sum of independent coins with their own probabilities is as large as it should be."""
    outcomes, probabilities = np.asarray(outcomes, float), np.asarray(probabilities, float)
    spread = np.sqrt((probabilities * (1 - probabilities)).sum())
    return abs(outcomes.sum() - probabilities.sum()) < stats.norm.isf(LEVEL / 2) * spread


# --- the laws themselves


@pytest.mark.unit
def test_default_laws_are_distributions_and_read_only():
    assert LAWS.season.mean() == pytest.approx(1, abs=1e-12)
    assert LAWS.own_share + LAWS.follow_share + LAWS.trend_share == pytest.approx(1)
    assert (LAWS.join_share[96:] == 0).all()
    assert LAWS.transition[3].tolist() == [0, 0, 0, 1]
    assert LAWS.state_rate[3] == LAWS.session_rate[3] == 0
    with pytest.raises(ValueError, match="read-only"):
        LAWS.season[0] = 2


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"persona_share": np.ones(5)}, "Laws.persona_share is no distribution"),
        ({"trend": np.ones((3, 12))}, r"Laws.trend has the shape \(3, 12\): give \(104, 12\)"),
        ({"follow": np.arange(12)}, "must be a permutation"),
        ({"own_share": 0.9}, "must sum to 1"),
    ],
)
def test_impossible_laws_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(LAWS, **change)


@pytest.mark.unit
def test_first_line_is_linear_in_the_taste_and_gives_the_share_of_the_partner_to_the_taste_at_first():
    rng = np.random.default_rng(0)
    one, two = rng.dirichlet(np.ones(12), size=(2, 40))
    last = rng.integers(-1, 12, 40)
    mix = LAWS.first_line(0.3 * one + 0.7 * two, last, 33)
    apart = 0.3 * LAWS.first_line(one, last, 33) + 0.7 * LAWS.first_line(two, last, 33)
    np.testing.assert_allclose(mix, apart, atol=1e-15)
    np.testing.assert_allclose(mix.sum(axis=1), 1, atol=1e-12)
    for i in range(40):
        by_hand = (0.6 if last[i] >= 0 else 0.9) * one[i] + 0.1 * LAWS.trend[33]
        if last[i] >= 0:
            by_hand[LAWS.follow[last[i]]] += 0.3
        np.testing.assert_allclose(LAWS.first_line(one, last, 33)[i], by_hand, atol=1e-15)


@pytest.mark.unit
@given(st.integers(0, N_WEEKS - 1), st.integers(0, 7 * 86_400 - 1))
def test_every_second_of_a_week_lies_in_that_week(week, second):
    moment = cutoff(week) + pd.Timedelta(seconds=second)
    assert week_of(pd.DatetimeIndex([moment])).tolist() == [week]


@pytest.mark.unit
def test_the_calendar_begins_where_it_should():
    local = cutoff(0).tz_convert("Asia/Shanghai")
    assert (str(local), local.day_name()) == ("2024-01-01 00:00:00+08:00", "Monday")
    assert str(cutoff(104)) == "2025-12-28 16:00:00+00:00"


@pytest.mark.bad_input
def test_calendar_refuses_what_is_no_week_or_no_moment():
    with pytest.raises(InputError, match="give a whole number"):
        cutoff(1.5)
    with pytest.raises(InputError, match="no time zone"):
        week_of(pd.to_datetime(["2024-01-01"]))
    with pytest.raises(InputError, match="row 1 is missing"):
        week_of(pd.to_datetime(["2024-01-01", None], utc=True))


@pytest.mark.unit
def test_catalogue_keeps_its_promises():
    table, truth = PRODUCTS.table, PRODUCTS.truth()
    assert len(table) == 600
    assert table["product_id"].is_unique
    assert table["title"].is_unique
    assert table["title_zh"].is_unique
    assert table["category"].value_counts().eq(50).all()
    assert (table["unit_cost"] < table["unit_price"]).all()
    assert (table["unit_cost"] > 0).all()
    for money in ("unit_price", "unit_cost"):
        assert (table[money] == table[money].round(2)).all()
    # partners: one to one, always in the partner category
    assert sorted(PRODUCTS.partner) == list(range(600))
    assert (PRODUCTS.category[PRODUCTS.partner] == LAWS.follow[PRODUCTS.category]).all()
    # substitutes: disjoint pairs within a category
    paired = np.flatnonzero(PRODUCTS.substitute >= 0)
    assert len(paired) == 12 * 16
    assert (PRODUCTS.substitute[PRODUCTS.substitute[paired]] == paired).all()
    assert (PRODUCTS.substitute[paired] != paired).all()
    assert (PRODUCTS.category[PRODUCTS.substitute[paired]] == PRODUCTS.category[paired]).all()
    assert truth["substitute_id"].gt(0).sum() == len(paired)
    assert agrees((PRODUCTS.launch_week < 0).sum(), 600, 0.8)


@pytest.mark.unit
def test_the_words_of_a_product_tell_its_place_in_style():
    words = PRODUCTS.table["attributes"].str.split("|", expand=True)
    for axis, (low, high) in enumerate(
        (("traditional", "modern"), ("plain", "ornate"), ("everyday", "festive"))
    ):
        latent = PRODUCTS.latent[:, axis]
        assert latent[words[2 + axis] == low].max() < -0.5
        assert latent[words[2 + axis] == high].min() >= 0.5


@pytest.mark.unit
def test_auctions_follow_the_second_price_rule():
    table = world.auctions(LAWS)
    assert len(table) == N_WEEKS * 12 * 6
    for _, auction in table.groupby("auction_id"):
        score = (auction["bid"] * auction["quality_score"]).to_numpy()
        slot, price = auction["slot"].to_numpy(), auction["price_per_click"].to_numpy()
        order = np.argsort(-score, kind="stable")
        assert slot[order].tolist() == [1, 2, 3, 0, 0, 0]
        for place in range(3):
            fair = score[order[place + 1]] / auction["quality_score"].to_numpy()[order[place]]
            assert fair - 1e-9 <= price[order[place]] < fair + 0.01 + 1e-9
    assert (table["price_per_click"] <= table["bid"]).all()
    assert (table["clicks"] <= table["impressions"]).all()
    assert (table.loc[table["slot"] == 0, ["impressions", "clicks", "price_per_click"]] == 0).all(axis=None)


# --- the same seed, the same shop; blocks; memory


@pytest.mark.unit
def test_same_seed_same_content_whatever_is_held_at_once(tmp_path):
    memory = simulate(2_300, seed=5, truth=False)
    one = simulate(2_300, seed=5, folder=tmp_path / "one", truth=False, blocks_held=1)
    all_ = simulate(2_300, seed=5, folder=tmp_path / "all", truth=False, blocks_held=100)
    other = simulate(2_300, seed=6, truth=False)
    assert memory.tables == one.tables == all_.tables
    for name in memory.tables:
        pd.testing.assert_frame_equal(memory.table(name), one.table(name), check_exact=True)
        pd.testing.assert_frame_equal(memory.table(name), all_.table(name), check_exact=True)
    assert not memory.truth_customers["rate"].equals(other.truth_customers["rate"])


@pytest.mark.unit
def test_a_smaller_shop_is_the_beginning_of_a_larger_one():
    small, large = simulate(1_130, seed=5, truth=False), simulate(2_000, seed=5, truth=False)
    for name, key in (("customers", "customer_id"), ("orders", "customer_id"), ("ratings", "user")):
        table = large.table(name)
        table = table[table[key] <= 1_130].reset_index(drop=True)
        pd.testing.assert_frame_equal(small.table(name), table, check_exact=True)
    assert small.returns["order_id"].isin(small.orders["order_id"]).all()


@pytest.mark.unit
def test_a_folder_never_mixes_two_shops(tmp_path, monkeypatch):
    simulate(40, seed=1, folder=tmp_path)
    assert "truth_answers" in simulate(40, seed=1, folder=tmp_path).tables
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken(*arguments):
        raise RuntimeError("the power is out")

    with monkeypatch.context() as patch:
        patch.setattr(behaviour, "simulate_block", broken)
        with pytest.raises(RuntimeError, match="the power is out"):
            simulate(40, seed=2, folder=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    later = simulate(40, seed=2, folder=tmp_path, truth=False)
    assert not {"truth_answers", "truth_observer"} & set(later.tables)
    assert set(later.truth_customers["customer_id"]) == set(later.orders["customer_id"])


@pytest.mark.unit
def test_rows_grow_in_proportion_and_memory_does_not(tmp_path):
    simulate(1_000, seed=1, folder=tmp_path / "warm", truth=False)
    peaks, rows = [], []
    for n in (2_000, 6_000):
        tracemalloc.start()
        shop = simulate(n, seed=1, folder=tmp_path / str(n), truth=False, blocks_held=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        rows.append(len(shop.orders) / n)
        groups = pq.read_metadata(tmp_path / str(n) / "customers.parquet").num_row_groups
        assert groups == n // 1_000
    assert peaks[1] < 1.1 * peaks[0]
    assert rows[1] == pytest.approx(rows[0], rel=0.1)


@pytest.mark.unit
def test_all_tables_name_each_row_once_and_fit_together(shop):
    assert shop.customers["customer_id"].tolist() == list(range(1, N + 1))
    assert not shop.orders.duplicated(["order_id", "line_number"]).any()
    assert not shop.returns.duplicated(["order_id", "line_number"]).any()
    assert not shop.ratings.duplicated(["user", "item"]).any()
    assert not shop.campaigns.duplicated(["campaign_id", "customer_id"]).any()
    assert shop.sessions.groupby("session_id")["customer_id"].nunique().eq(1).all()
    for column in ("email", "phone", "loyalty_card"):
        assert shop.customers[column].is_unique
    assert shop.customers["phone"].str.fullmatch(r"12\d{9}").all()
    digits = shop.customers["loyalty_card"].str.slice(2).map(lambda text: [int(d) for d in text])
    luhn = digits.map(lambda d: sum(d[1::2]) + sum(x * 2 - 9 * (x > 4) for x in d[::2]))
    assert (luhn % 10 == 0).all()


@pytest.mark.unit
def test_loyalty_card_has_a_luhn_digit_by_hand():
    # 7992739871 is the textbook payload, with check digit 3; ours has nine digits: 799273987 gives 8·1 …
    payload = "799273987"
    doubled = [int(d) * 2 if place % 2 == 0 else int(d) for place, d in enumerate(payload)]
    total = sum(d - 9 if d > 9 else d for d in doubled)
    assert behaviour._card(799_273_987) == f"LT{payload}{(10 - total % 10) % 10}"


# --- what can never happen


@pytest.mark.unit
def test_no_order_before_joining_none_when_gone_and_one_a_week_at_most(shop, people, heads, states):
    assert not heads.duplicated(["customer_id", "week"]).any()
    first = heads.groupby("customer_id")["week"].min()
    assert (first.to_numpy() == people.join_week).all()
    assert (states[heads["customer_id"] - 1, heads["week"]] < STATES.index("gone")).all()
    assert (states[heads["customer_id"] - 1, heads["week"]] >= 0).all()
    weeks = week_of(shop.sessions["timestamp"])
    seen = states[shop.sessions["customer_id"] - 1, weeks]
    assert ((seen >= 0) & (seen < STATES.index("gone"))).all()
    assert (
        shop.sessions["customer_id"].isin(shop.customers.loc[shop.customers["app_user"], "customer_id"]).all()
    )
    joined = heads.groupby("customer_id")["order_time"].min().dt.tz_convert("Asia/Shanghai")
    assert (joined.dt.tz_localize(None).dt.normalize().to_numpy() == shop.customers["join_date"]).all()


@pytest.mark.unit
def test_gone_is_for_good(states):
    gone = states == STATES.index("gone")
    assert (gone[:, :-1] <= gone[:, 1:]).all()
    assert gone.any()


@pytest.mark.unit
def test_baskets_hold_no_substitutes_no_doubles_and_the_partner_only_as_planted(lines):
    by_order = lines.sort_values(["order_id", "line_number"]).groupby("order_id")["code"].agg(list)
    partners = 0
    for codes in by_order:
        assert len(set(codes)) == len(codes)
        assert not {PRODUCTS.substitute[code] for code in codes} & set(codes)
        partner = PRODUCTS.partner[codes[0]]
        assert partner not in codes[2:]
        partners += partner in codes
    assert partners > 1_000


@pytest.mark.unit
def test_nothing_is_sold_or_seen_before_its_launch(shop, lines):
    assert (PRODUCTS.launch_week[lines["code"]] <= lines["week"]).all()
    seen = shop.sessions["product_id"].map(dict(zip(PRODUCTS.product_id, PRODUCTS.launch_week)))
    assert (seen.to_numpy() <= week_of(shop.sessions["timestamp"])).all()
    assert (lines["week"][PRODUCTS.launch_week[lines["code"]] > 0]).notna().any()


@pytest.mark.unit
def test_prices_are_the_catalogue_s_less_the_coupon(shop, lines):
    sent = shop.campaigns[shop.campaigns["sent"] & (shop.campaigns["kind"] == "coupon")]
    keys = set(zip(sent["customer_id"], week_of(sent["timestamp"])))
    reduced = np.array([key in keys for key in zip(lines["customer_id"], lines["week"])])
    full = PRODUCTS.unit_price[lines["code"]]
    assert reduced.sum() > 100
    np.testing.assert_allclose(lines["unit_price"][~reduced], full[~reduced], atol=1e-9)
    np.testing.assert_allclose(lines["unit_price"][reduced], 0.9 * full[reduced], atol=0.00501)
    np.testing.assert_allclose(lines["spend"], lines["quantity"] * lines["unit_price"], atol=0.005)


@pytest.mark.unit
def test_returns_and_ratings_come_after_the_order(shop, lines):
    back = shop.returns.merge(lines, on=["order_id", "line_number"], suffixes=("", "_sold"), validate="1:1")
    assert len(back) == len(shop.returns)
    days = (back["return_time"] - back["order_time"]) / pd.Timedelta(days=1)
    assert days.between(3, 20).all()
    assert (back["quantity"] <= back["quantity_sold"]).all()
    assert (back["spend"] <= back["spend_sold"] + 1e-9).all()
    first = lines.groupby(["customer_id", "product_id"])["order_time"].min()
    bought = first.reindex(pd.MultiIndex.from_frame(shop.ratings[["user", "item"]]))
    delay = (shop.ratings["timestamp"].to_numpy() - bought.to_numpy()) / np.timedelta64(1, "D")
    assert ((delay >= 1) & (delay <= 21)).all()
    assert set(shop.ratings["rating"]) == {1, 2, 3, 4, 5}
    for table, column in ((shop.returns, "return_time"), (shop.ratings, "timestamp"), (lines, "order_time")):
        assert table[column].max() < cutoff(N_WEEKS)


@pytest.mark.unit
def test_campaigns_go_only_to_consenting_customers_who_had_joined(shop, people):
    table = shop.campaigns
    weeks = week_of(table["timestamp"])
    assert sorted(set(weeks)) == LAWS.campaign_weeks.tolist()
    assert people.email_consent[table["customer_id"] - 1].all()
    assert (people.join_week[table["customer_id"] - 1] < weeks).all()
    for week in LAWS.campaign_weeks:
        expected = (people.email_consent & (people.join_week < week)).sum()
        assert (weeks == week).sum() == expected


# --- frequencies


@pytest.mark.recovery
def test_shares_of_customers_are_as_the_laws_say(shop, people):
    for code in range(5):
        assert agrees((people.persona == code).sum(), N, LAWS.persona_share[code])
        among = people.persona == code
        assert agrees(people.email_consent[among].sum(), among.sum(), LAWS.consent_share[code])
        table = shop.customers[among]
        for value, share in zip(behaviour.AGE_BANDS, LAWS.age_share[code]):
            assert agrees((table["age_band"] == value).sum(), among.sum(), share)
        for value, share in zip(range(1, 5), LAWS.tier_share[code]):
            assert agrees((table["city_tier"] == value).sum(), among.sum(), share)
        assert agrees((table["gender"] == "female").sum(), among.sum(), LAWS.gender_share[code, 0])
        assert agrees(people.app_user[among].sum(), among.sum(), LAWS.app_share)
    age = 2024 - shop.customers["birth_year"]
    low = shop.customers["age_band"].str.slice(0, 2).astype(int)
    assert (age >= low).all()
    assert (age[shop.customers["age_band"] == "25-34"] <= 34).all()


@pytest.mark.recovery
def test_tastes_rates_and_styles_have_the_moments_of_their_laws(people):
    np.testing.assert_allclose(people.taste.sum(axis=1), 1, atol=1e-12)
    bound = stats.norm.isf(LEVEL / 2)
    for code in range(5):
        among = people.persona == code
        alpha = LAWS.taste_concentration * LAWS.persona_taste[code] + LAWS.taste_floor
        mean, spread = stats.dirichlet.mean(alpha), np.sqrt(stats.dirichlet.var(alpha) / among.sum())
        assert (abs(people.taste[among].mean(axis=0) - mean) < bound * spread).all()
        law = stats.gamma(LAWS.rate_shape, scale=LAWS.persona_rate[code] / LAWS.rate_shape)
        assert stats.kstest(people.rate[among], law.cdf).pvalue > LEVEL
        effect = stats.norm(LAWS.coupon_effect[code], LAWS.coupon_effect_scale)
        assert stats.kstest(people.coupon_effect[among], effect.cdf).pvalue > LEVEL
    for axis in range(3):
        assert stats.kstest(people.style[:, axis], stats.norm(0, LAWS.style_scale).cdf).pvalue > LEVEL


@pytest.mark.recovery
def test_states_begin_and_move_as_the_laws_say(states, people):
    start = states[np.arange(N), people.join_week]
    for code in range(4):
        share = LAWS.initial_state[code]
        assert agrees((start == code).sum(), N, share) if 0 < share < 1 else not (start == code).any()
    # the week of joining is followed by the one-and-done law …
    follow = states[np.arange(N), people.join_week + 1]
    for begin in (0, 1):
        law = (1 - LAWS.one_and_done) * LAWS.transition[begin]
        law[3] += LAWS.one_and_done
        for end in range(4):
            assert agrees((follow[start == begin] == end).sum(), (start == begin).sum(), law[end])
    # … every other by the transition matrix
    later = np.arange(N_WEEKS)[None, :-1] > people.join_week[:, None]
    before, after = states[:, :-1][later], states[:, 1:][later]
    for begin in range(4):
        trials = (before == begin).sum()
        for end in range(4):
            count, share = ((before == begin) & (after == end)).sum(), LAWS.transition[begin, end]
            assert agrees(count, trials, share) if 0 < share < 1 else count == share * trials


@pytest.mark.recovery
def test_orders_come_with_the_probability_of_their_state_week_and_campaign(shop, people, heads, states):
    ordered = np.zeros((N, N_WEEKS), dtype=bool)
    ordered[heads["customer_id"] - 1, heads["week"]] = True
    effect = np.zeros((N, N_WEEKS))
    sent = shop.campaigns[shop.campaigns["sent"]]
    kind = sent["kind"].map({"newsletter": 0, "coupon": 1}).to_numpy()
    who = sent["customer_id"].to_numpy() - 1
    effect[who, week_of(sent["timestamp"])] = LAWS.campaign_effect[kind, people.persona[who]]
    # by hand, with numbers and not by Laws.order_probability
    multiplier = np.array([*LAWS.state_rate, 0.0])[states]
    chance = 1 - np.exp(-people.rate[:, None] * multiplier * LAWS.season * np.exp(effect))
    later = np.arange(N_WEEKS)[None, :] > people.join_week[:, None]
    for code in range(3):
        for persona in range(5):
            cell = later & (states == code) & (people.persona == persona)[:, None]
            assert sums_agree(ordered[cell], chance[cell])
    for week in range(1, N_WEEKS):
        assert sums_agree(ordered[later[:, week], week], chance[later[:, week], week])
    for campaign in (0, 1):
        got = np.zeros((N, N_WEEKS), dtype=bool)
        got[who[kind == campaign], week_of(sent["timestamp"])[kind == campaign]] = True
        for persona in range(5):
            cell = got & later & (people.persona == persona)[:, None]
            assert sums_agree(ordered[cell], chance[cell])


@pytest.mark.recovery
def test_campaigns_are_a_coin(shop):
    for _, table in shop.campaigns.groupby("campaign_id"):
        assert agrees(table["sent"].sum(), len(table), LAWS.campaign_share)


@pytest.mark.recovery
def test_first_categories_follow_the_linear_law(people, heads):
    who, week = heads["customer_id"].to_numpy() - 1, heads["week"].to_numpy()
    last, kind = heads["last"].to_numpy(), heads["kind"].to_numpy()
    own = np.where(last >= 0, 0.6, 0.9)[:, None]
    law = own * people.taste[who] + 0.1 * LAWS.trend[week]
    law[last >= 0, LAWS.follow[last[last >= 0]]] += 0.3
    np.testing.assert_allclose(law.sum(axis=1), 1, atol=1e-9)
    for code in range(12):
        # overall, right after its partner, at the first order, and where the taste for it is weak or strong
        cells = [last >= -1, last == np.flatnonzero(LAWS.follow == code)[0], last == -1]
        cells += [people.taste[who, code] < 0.05, people.taste[who, code] > 0.3]
        for cell in cells:
            assert sums_agree(kind[cell] == code, law[cell, code])


@pytest.mark.recovery
def test_partner_comes_with_its_probability_and_further_lines_are_poisson(lines):
    table = lines.sort_values(["order_id", "line_number"])
    groups = table.groupby("order_id")
    first, week = groups["code"].first().to_numpy(), groups["week"].first().to_numpy()
    second = (
        table[table["line_number"] == 2].set_index("order_id")["code"].reindex(groups["code"].first().index)
    )
    partner = PRODUCTS.partner[first]
    has = second.to_numpy() == partner
    launched = PRODUCTS.launch_week[partner] <= week
    assert not has[~launched].any()
    assert agrees(has[launched].sum(), launched.sum(), LAWS.partner_share)
    extra = groups.size().to_numpy() - 1 - has
    for count in range(5):
        assert agrees((extra == count).sum(), len(extra), stats.poisson.pmf(count, LAWS.extra_lines))
    for units in range(1, 4):
        share = stats.poisson.pmf(units - 1, LAWS.extra_quantity)
        assert agrees((lines["quantity"] == units).sum(), len(lines), share)


@pytest.mark.recovery
def test_sessions_are_poisson_in_their_state_with_the_linear_focus(shop, people, states):
    table = shop.sessions.drop_duplicates("session_id")
    week, who = week_of(table["timestamp"]), table["customer_id"].to_numpy() - 1
    count = np.zeros((N, N_WEEKS), dtype=int)
    np.add.at(count, (who, week), 1)
    for code in range(3):
        cell = (states == code) & people.app_user[:, None]
        for value in range(4):
            share = stats.poisson.pmf(value, LAWS.session_rate[code])
            assert agrees((count[cell] == value).sum(), cell.sum(), share)
    law = 0.75 * people.taste[who] + 0.25 * LAWS.trend[week]
    focus = table["category"].map({name: code for code, name in enumerate(CATEGORIES)}).to_numpy()
    for code in range(12):
        assert sums_agree(focus == code, law[:, code])
    views = shop.sessions.groupby("session_id").size().to_numpy()
    for value in range(1, 6):
        assert agrees((views == value).sum(), len(views), stats.poisson.pmf(value - 1, 2.0))
    assert shop.sessions.groupby("session_id")["category"].nunique().eq(1).all()


@pytest.mark.recovery
def test_products_are_chosen_by_popularity_and_style(people, lines):
    """First lines: the expected number of sales of each product, given customer, category and week."""
    table = lines[lines["line_number"] == 1]
    who, kind, week = table["customer_id"].to_numpy() - 1, table["kind"].to_numpy(), table["week"].to_numpy()
    weight = PRODUCTS.popularity * np.exp(people.style @ PRODUCTS.latent.T)
    weight = weight[who] * (PRODUCTS.launch_week[None] <= week[:, None])
    weight *= PRODUCTS.category[None] == kind[:, None]
    weight /= weight.sum(axis=1, keepdims=True)
    sold = np.bincount(table["code"], minlength=600)
    spread = np.sqrt((weight * (1 - weight)).sum(axis=0))
    common = spread**2 > 20
    assert common.sum() > 200
    assert (abs(sold - weight.sum(axis=0))[common] < stats.norm.isf(LEVEL / 2) * spread[common]).all()
    # what is chosen fits the customer as well as it should: mean and variance of the fit, order by order
    fit = people.style[who] @ PRODUCTS.latent.T
    mean = (weight * fit).sum(axis=1)
    variance = (weight * fit**2).sum(axis=1) - mean**2
    got = fit[np.arange(len(table)), table["code"]]
    assert abs((got - mean).sum()) < stats.norm.isf(LEVEL / 2) * np.sqrt(variance.sum())


@pytest.mark.recovery
def test_bad_products_come_back_and_good_ones_are_rated_higher(shop, lines):
    end = cutoff(N_WEEKS) - pd.Timedelta(days=20)
    table = lines[lines["order_time"] < end]
    back = pd.MultiIndex.from_frame(shop.returns[["order_id", "line_number"]])
    came = pd.MultiIndex.from_frame(table[["order_id", "line_number"]]).isin(back)
    chance = np.minimum(0.06 * np.exp(-0.5 * PRODUCTS.quality[table["code"]]), 0.5)
    for bad in (table["code"].map(lambda code: PRODUCTS.quality[code] < 0), table["code"] >= 0):
        assert sums_agree(came[bad], chance[bad])
    quality = shop.ratings["item"].map(dict(zip(PRODUCTS.product_id, PRODUCTS.quality)))
    stars = shop.ratings["rating"]
    assert stars[quality > 0.5].mean() > stars[quality < -0.5].mean() + 0.5


@pytest.mark.recovery
def test_channels_and_hours_of_orders(shop, people, heads):
    app, store = heads["channel"] == "app", heads["channel"] == "store"
    user = people.app_user[heads["customer_id"] - 1]
    assert user[app].all()
    assert agrees(app[user].sum(), user.sum(), LAWS.app_order_share)
    assert agrees(store[~app].sum(), (~app).sum(), LAWS.store_order_share)
    hour = heads["order_time"].dt.tz_convert("Asia/Shanghai").dt.hour
    assert hour[store].between(10, 20).all()
    assert set(hour[~store]) == set(range(24))


@pytest.mark.recovery
def test_further_lines_follow_the_taste_alone(people, lines):
    table = lines.sort_values(["order_id", "line_number"])
    first = table.groupby("order_id")["code"].transform("first")
    partner = (table["line_number"] == 2) & (table["code"] == PRODUCTS.partner[first])
    further = table[(table["line_number"] > 1) & ~partner]
    taste = people.taste[further["customer_id"] - 1]
    for code in range(12):
        assert sums_agree(further["kind"] == code, taste[:, code])


@pytest.mark.recovery
def test_stars_follow_quality_fit_bias_and_selection(shop, people, lines):
    """Expected number of each star, with the bias and the noise integrated out; the bias ties a customer's
    ratings together, so the spread is taken over customers."""
    early = lines[lines["order_time"] < cutoff(N_WEEKS) - pd.Timedelta(days=21)]
    first = early.sort_values("order_time").drop_duplicates(["customer_id", "code"])
    who, code = first["customer_id"].to_numpy() - 1, first["code"].to_numpy()
    fit = (people.style[who] * PRODUCTS.latent[code]).sum(axis=1) / (0.8 * np.sqrt(3))
    known = 0.55 * PRODUCTS.quality[code] + 0.45 * fit
    stars = shop.ratings.set_index(["user", "item"])["rating"]
    got = stars.reindex(pd.MultiIndex.from_frame(first[["customer_id", "product_id"]])).fillna(0).to_numpy()
    grid = np.linspace(-6, 6, 2_001)
    mass = stats.norm.pdf(grid) * (grid[1] - grid[0])
    expected = np.zeros((len(known), 6))
    for point, weight in zip(grid * np.hypot(0.40, 0.60), mass):
        opinion = known + point
        level = np.clip(np.rint(3.7 + 1.4 * opinion), 1, 5).astype(int)
        rated = np.minimum(0.15 * (1 + 0.5 * opinion**2), 0.9)
        expected[np.arange(len(known)), level] += weight * rated
    for star in range(1, 6):
        residual = np.bincount(who, (got == star) - expected[:, star], minlength=N)
        assert abs(residual.sum()) < stats.norm.isf(LEVEL / 2) * np.sqrt((residual**2).sum())


# --- playing a horizon again


@pytest.mark.recovery
def test_resimulation_agrees_with_the_probabilities_worked_out_by_hand():
    """One customer, weeks 60 to 61 without a campaign, from "dozing": all paths summed up."""
    block = simulate_block(LAWS, PRODUCTS, seed=4, block=0, n=40)
    people = Customers.from_tables(block["customers"], block["truth_customers"])
    one = int(np.flatnonzero((people.join_week < 60) & (people.rate > 0.3))[0])
    assert LAWS.campaign_in(60) == LAWS.campaign_in(61) == -1
    repeats = 40_000
    many = people.take(np.full(repeats, one))
    start, last = STATES.index("dozing"), 4
    found = resimulate(LAWS, many, np.full(repeats, start), np.full(repeats, last), 60, 2, seed=9)
    expected, stay = np.zeros(13), 1.0
    buy = lambda state, week: 1 - np.exp(-people.rate[one] * LAWS.state_rate[state] * LAWS.season[week])  # noqa: E731
    law = lambda week: (  # noqa: E731
        0.6 * people.taste[one] + 0.1 * LAWS.trend[week] + 0.3 * np.eye(12)[LAWS.follow[last]]
    )
    expected[:12] += buy(start, 60) * law(60)
    stay = 1 - buy(start, 60)
    for state in range(4):
        expected[:12] += stay * LAWS.transition[start, state] * buy(state, 61) * law(61)
    expected[12] = 1 - expected[:12].sum()
    for outcome in range(13):
        assert agrees((found == outcome).sum(), repeats, expected[outcome])


@pytest.mark.unit
def test_resimulation_is_the_simulation_s_own_step(people, monkeypatch):
    """Both call `_step`: replace it, and both change."""
    calls = []
    step = behaviour._step

    def spy(*arguments):
        calls.append(arguments[2])
        return step(*arguments)

    monkeypatch.setattr(behaviour, "_step", spy)
    simulate_block(LAWS, PRODUCTS, seed=4, block=0, n=1)
    assert calls == list(range(N_WEEKS))
    calls.clear()
    known = people.take(np.flatnonzero(people.join_week < 90)[:10])
    one = resimulate(LAWS, known, np.ones(10, int), np.zeros(10, int), 90, 4, seed=[1, 2])
    assert calls == [90, 91, 92, 93]
    again = resimulate(LAWS, known, np.ones(10, int), np.zeros(10, int), 90, 4, seed=[1, 2])
    assert (one == again).all()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"states": [0]}, "must have 10 rows each"),
        ({"states": np.full(10, 4)}, "states must be codes 0 … 3"),
        ({"last_categories": np.full(10, -1)}, "last_categories codes 0 … 11"),
        ({"week": 101}, r"Weeks 101 … 104 are not within 0 … 103"),
        ({"week": 0}, r"Customer \d+ joins in week \d+, not before week 0"),
    ],
)
def test_resimulation_refuses_what_cannot_be(people, changes, message):
    known = people.take(np.flatnonzero(people.join_week < 90)[:10])
    call = {
        "states": np.ones(10, int),
        "last_categories": np.zeros(10, int),
        "week": 90,
        "n_weeks": 4,
        "seed": 1,
    }
    with pytest.raises(InputError, match=message):
        resimulate(LAWS, known, **(call | changes))


@pytest.mark.unit
def test_states_at_gives_the_state_of_every_week(shop, people, states):
    for week in (0, 50, 103):
        joined = np.flatnonzero(people.join_week <= week)
        found = states_at(shop.truth_states, people.customer_id[joined][::-1], week)
        assert (found == states[joined[::-1], week]).all()
    late = people.customer_id[people.join_week > 50][0]
    with pytest.raises(InputError, match=f"Customer {late} has no state in week 50"):
        states_at(shop.truth_states, [late], 50)


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["n_customers", "seed", "blocks_held"])
@pytest.mark.parametrize("value", [-1, 2.5, True, "3"])
def test_simulate_refuses_what_is_no_number(name, value):
    with pytest.raises(InputError, match=f"{name} is {value!r}: give a whole number"):
        simulate(**({"n_customers": 5} | {name: value}))


@pytest.mark.bad_input
def test_tables_of_two_shops_are_not_mixed(shop):
    other = simulate(10, seed=1, truth=False)
    with pytest.raises(InputError, match="not about the same customers"):
        Customers.from_tables(shop.customers, other.truth_customers)


@pytest.mark.unit
@settings(max_examples=8, deadline=None)
@given(st.integers(1, 1_000), st.integers(0, 10_000), st.integers(0, 500))
def test_any_block_is_a_whole_shop(n, seed, block):
    tables = simulate_block(LAWS, PRODUCTS, seed, block, n)
    assert tables["customers"]["customer_id"].tolist() == list(
        range(block * 1_000 + 1, block * 1_000 + n + 1)
    )
    assert set(tables["orders"]["customer_id"]) == set(tables["customers"]["customer_id"])
    assert set(tables["truth_states"]["customer_id"]) == set(tables["customers"]["customer_id"])
    assert tables["orders"]["order_time"].is_monotonic_increasing
    people = Customers.from_tables(tables["customers"], tables["truth_customers"])
    assert set(people.persona.tolist()) <= set(range(len(PERSONAS)))


# --- figures


@pytest.mark.unit
def test_moments_by_hand():
    shop = simulate(40, seed=2, truth=False)
    figures = moments(shop)
    orders = shop.orders
    count = orders.groupby("customer_id")["order_id"].nunique()
    assert figures["orders per customer"] == pytest.approx(orders["order_id"].nunique() / 40)
    assert figures["one-time buyers"] == pytest.approx((count == 1).mean())
    spend = orders.groupby("customer_id")["spend"].sum().to_numpy()
    brute = abs(spend[:, None] - spend).mean() / (2 * spend.mean())
    assert figures["Gini of spend"] == pytest.approx(brute)
    assert figures["lines per order"] == pytest.approx(len(orders) / orders["order_id"].nunique())
    assert figures[[f"share of rating {k}" for k in range(1, 6)]].sum() == pytest.approx(1)
