"""The truth of the simulated shop and the ideal observer: brute force, enumeration, simulation, calibration."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.shop import truth
from bigmkt_helpers.shop.truth import (
    Record,
    coupon_odds,
    observe,
    omniscient,
    policy_profit,
    rate_nodes,
    taste_posterior,
    timing_posterior,
)
from bigmkt_helpers.shop.world import default_laws

# --- the integral over tastes ---------------------------------------------------------------------------


def random_events(rng, n_customers, n_categories, most):
    """Random events, pure ones among them: customer, category, slope, intercept."""
    count = rng.integers(0, most + 1, n_customers)
    customer = np.repeat(np.arange(n_customers), count)
    size = len(customer)
    return (
        customer,
        rng.integers(0, n_categories, size),
        rng.choice([1.0, 0.9, 0.6], size),
        rng.choice([0.0, 0.02, 0.35], size),
    )


@pytest.mark.unit
def test_taste_integral_is_the_sum_over_all_sources_of_each_event():
    # each event came from the taste (slope) or from elsewhere (intercept): sum over all 2^events assignments
    rng = np.random.default_rng(1)
    alpha = rng.gamma(1, 1, (2, 3)) + 0.1
    events = random_events(rng, 8, 3, 9)
    evidence, mean = taste_posterior(alpha, 8, *events, block=300)
    for i in range(8):
        own = [column[events[0] == i] for column in events[1:]]
        for k in range(2):
            total, weighted = 0.0, np.zeros(3)
            for from_taste in product([False, True], repeat=len(own[0])):
                chosen = np.array(from_taste, dtype=bool)
                weight = np.prod(np.where(chosen, own[1], own[2]))
                raised = alpha[k] + np.bincount(own[0][chosen], minlength=3)
                weight *= np.exp(
                    special.gammaln(alpha[k].sum())
                    - special.gammaln(raised.sum())
                    + (special.gammaln(raised) - special.gammaln(alpha[k])).sum()
                )
                total += weight
                weighted += weight * raised / raised.sum()
            np.testing.assert_allclose(evidence[i, k], np.log(total), rtol=0, atol=1e-11)
            np.testing.assert_allclose(mean[i, k], weighted / total, rtol=1e-11)


@pytest.mark.unit
@pytest.mark.parametrize("n_events", [0, 1, 5, 60])
def test_taste_integral_agrees_with_numerical_quadrature(n_events):
    rng = np.random.default_rng(n_events)
    alpha = np.array([1.7, 2.4])
    category = rng.integers(0, 2, n_events)
    slope, intercept = rng.uniform(0.5, 1, n_events), rng.choice([0, 0.05, 0.3], n_events)
    evidence, mean = taste_posterior(alpha[None], 1, np.zeros(n_events), category, slope, intercept)

    def density(x, power):
        taste = np.where(category == 0, x, 1 - x)
        return x**power * stats.beta.pdf(x, *alpha) * np.prod((slope * taste + intercept) / np.exp(typical))

    typical = evidence[0, 0] / max(n_events, 1)
    value, moment = (
        integrate.quad(density, 0, 1, args=(p,), epsabs=0, epsrel=1e-10, limit=200)[0] for p in (0, 1)
    )
    np.testing.assert_allclose(value, 1, rtol=1e-8)
    np.testing.assert_allclose(mean[0, 0, 0], moment / value, rtol=1e-8)


@pytest.mark.unit
def test_taste_of_pure_events_is_the_conjugate_update_at_any_size():
    alpha = np.array([[0.5, 1.0, 2.0]])
    category = np.repeat([0, 1, 2], [3000, 1000, 6000])
    _, mean = taste_posterior(alpha, 1, np.zeros(10_000), category, np.ones(10_000), np.zeros(10_000))
    np.testing.assert_allclose(mean[0, 0], (alpha[0] + [3000, 1000, 6000]) / 10_003.5, rtol=1e-12)
    # a nearly pure event is nearly the same, though it takes the other route: no jump between the two
    near = np.full(700, 1e-13)
    few = np.repeat([0, 1, 2], [300, 100, 300])
    evidence, mean = taste_posterior(alpha, 1, np.zeros(700), few, np.ones(700), near)
    exact, exact_mean = taste_posterior(alpha, 1, np.zeros(700), few, np.ones(700), near * 0)
    np.testing.assert_allclose(mean, exact_mean, rtol=1e-9)
    np.testing.assert_allclose(evidence, exact, rtol=1e-9)


@pytest.mark.unit
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), block=st.sampled_from([1, 500, 10**7]))
def test_taste_posterior_keeps_its_symmetries(seed, block):
    rng = np.random.default_rng(seed)
    alpha = rng.gamma(1, 1, (2, 4)) + 0.05
    customer, category, slope, intercept = random_events(rng, 5, 4, 12)
    evidence, mean = taste_posterior(alpha, 5, customer, category, slope, intercept)
    np.testing.assert_allclose(mean.sum(axis=2), 1, rtol=1e-12)
    # new names for the categories, another order of events, another size of block
    names, order = rng.permutation(4), rng.permutation(len(customer))
    renamed = np.empty_like(alpha)
    renamed[:, names] = alpha
    again, mean_again = taste_posterior(
        renamed, 5, customer[order], names[category[order]], slope[order], intercept[order], block=block
    )
    np.testing.assert_allclose(again, evidence, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(mean_again[:, :, names], mean, rtol=1e-10)
    # an event that says nothing of the taste changes nothing but its own factor
    more = [np.append(values, extra) for values, extra in zip((customer, category, slope), (2, 1, 0.0))]
    scaled, same = taste_posterior(alpha, 5, *more, np.append(intercept, 0.5))
    np.testing.assert_allclose(same, mean, rtol=1e-10)
    fall = np.where(np.arange(5) == 2, np.log(0.5), 0.0)
    np.testing.assert_allclose(scaled - evidence, np.stack([fall, fall], axis=1), atol=1e-10)
    # one more purchase of a category never lowers what is expected of it
    more = [np.append(values, extra) for values, extra in zip((customer, category, slope), (3, 2, 0.6))]
    _, higher = taste_posterior(alpha, 5, *more, np.append(intercept, 0.1))
    assert (higher[3, :, 2] > mean[3, :, 2]).all()


@pytest.mark.unit
def test_taste_posterior_refuses_impossible_likelihoods():
    with pytest.raises(InputError, match="not both 0"):
        taste_posterior(np.ones((1, 2)), 1, [0], [0], [0.0], [0.0])
    with pytest.raises(InputError, match="at least 0"):
        taste_posterior(np.ones((1, 2)), 1, [0], [0], [0.5], [-0.1])


# --- a world small enough to enumerate ------------------------------------------------------------------


def tiny_laws(**changes):
    """Two categories, two personas, three states, nine weeks, campaigns in the weeks 2 and 6."""
    season = np.array([1.0, 1.2, 0.8, 1.5, 0.7, 1.0, 1.1, 0.9, 1.0])
    share = 0.2 + 0.07 * np.arange(9)
    laws = {
        "persona_share": np.array([0.6, 0.4]),
        "persona_taste": np.array([[0.8, 0.2], [0.3, 0.7]]),
        "taste_concentration": 3.0,
        "taste_floor": 0.1,
        "own_share": 0.6,
        "follow_share": 0.3,
        "trend_share": 0.1,
        "follow": np.array([1, 0]),
        "trend": np.stack([share, 1 - share], axis=1),
        "state_rate": np.array([2.0, 0.6, 0.0]),
        "transition": np.array([[0.7, 0.2, 0.1], [0.15, 0.8, 0.05], [0.0, 0.0, 1.0]]),
        "initial_state": np.array([0.4, 0.6, 0.0]),
        "one_and_done": 0.25,
        "rate_shape": 1.2,
        "persona_rate": np.array([0.5, 0.2]),
        "season": season,
        "campaign_weeks": np.array([2, 6]),
        "campaign_kind": np.array([0, 1]),
        "campaign_share": 0.5,
        "campaign_effect": np.array([[0.3, -0.2], [0.5, 0.9]]),
        "consent_share": np.array([0.7, 0.5]),
        "session_rate": np.array([1.5, 0.4, 0.0]),
        "age_share": np.array([[0.5, 0.5], [0.8, 0.2]]),
        "tier_share": np.array([[0.4, 0.6], [0.5, 0.5]]),
        "gender_share": np.array([[0.3, 0.7], [0.6, 0.4]]),
    }
    return SimpleNamespace(**{**laws, **changes})


def tiny_record(laws):
    """Four customers before week 5: one order, several with sessions, a silent app user, one who just joined."""
    ordered = np.zeros((4, 5), dtype=bool)
    ordered[0, [0]] = ordered[1, [1, 2, 4]] = ordered[2, [0, 1]] = ordered[3, [4]] = True
    sessions = np.zeros((4, 5), dtype=np.int64)
    sessions[1, [1, 2, 4]] = [2, 1, 1]
    # customer, week, category, slope, intercept: first lines, a further line, sessions
    trend = laws.trend_share * laws.trend
    visits = 0.2 * laws.trend
    events = [
        (0, 1, 0.9, trend[0, 1]),
        (1, 0, 0.9, trend[1, 0]),
        (1, 1, 0.6, trend[2, 1] + 0.3),
        (1, 1, 1.0, 0.0),
        (1, 1, 0.6, trend[4, 1]),
        (1, 0, 0.8, visits[1, 0]),
        (1, 1, 0.8, visits[2, 1]),
        (2, 0, 0.9, trend[0, 0]),
        (2, 0, 0.6, trend[1, 0]),
        (3, 1, 0.9, trend[4, 1]),
    ]
    customer, category, slope, intercept = (np.array(column) for column in zip(*events))
    return Record(
        customer_id=np.array([11, 12, 13, 14]),
        age=np.array([0, 1, 1, 0]),
        tier=np.array([1, 0, 0, 1]),
        gender=np.array([0, 0, 1, 1]),
        consent=np.array([True, True, False, True]),
        app=np.array([False, True, True, False]),
        join_week=np.array([0, 1, 0, 4]),
        ordered=ordered,
        sessions=sessions,
        sent=np.array([[True, True], [False, True], [False, False], [False, False]]),
        last=np.array([1, 1, 0, 1]),
        line_customer=customer,
        line_category=category,
        line_slope=slope,
        line_intercept=intercept,
    )


def enumerate_observer(laws, record, week, horizon, rates, weights):
    """The same posterior by listing persona, rate, path of states, and a fine grid of tastes."""
    n_states = len(laws.state_rate)
    # equal steps of the log odds, because the density of a taste may have poles at 0 and 1
    log_odds = np.linspace(-45, 45, 4001)
    grid = special.expit(log_odds)
    out = np.zeros((len(record.customer_id), 3))
    for i in range(len(record.customer_id)):
        join = record.join_week[i]
        events = record.line_customer == i
        category, slope, intercept = (
            values[events] for values in (record.line_category, record.line_slope, record.line_intercept)
        )
        likelihood = np.ones(len(grid))
        for c, a, b in zip(category, slope, intercept):
            likelihood = likelihood * (a * special.expit(log_odds if c == 0 else -log_odds) + b)
        for k in range(2):
            alpha = laws.taste_concentration * laws.persona_taste[k] + laws.taste_floor
            prior_density = special.expit(log_odds) ** alpha[0] * special.expit(-log_odds) ** alpha[1]
            taste_value = (prior_density * likelihood).sum() / prior_density.sum()
            mean = (prior_density * likelihood * grid).sum() / (prior_density * likelihood).sum()
            prior = laws.persona_share[k] * laws.age_share[k, record.age[i]]
            prior *= laws.tier_share[k, record.tier[i]] * laws.gender_share[k, record.gender[i]]
            prior *= laws.consent_share[k] if record.consent[i] else 1 - laws.consent_share[k]
            for path in product(range(n_states), repeat=week + horizon - join):
                chance = laws.initial_state[path[0]]
                for step in range(1, len(path)):
                    move = laws.transition[path[step - 1], path[step]]
                    if step == 1:
                        gone = float(path[1] == n_states - 1)
                        move = laws.one_and_done * gone + (1 - laws.one_and_done) * move
                    chance *= move
                if chance == 0:
                    continue
                joint = chance * prior * taste_value * weights[k]
                for step, state in enumerate(path):
                    w = join + step
                    if w < week and record.app[i]:
                        joint = joint * stats.poisson.pmf(record.sessions[i, w], laws.session_rate[state])
                    if w == join:
                        continue
                    place = np.flatnonzero(laws.campaign_weeks == w)

                    def buys(sent, state=state, w=w, place=place):
                        effect = laws.campaign_effect[laws.campaign_kind[place[0]], k] if sent else 0
                        return 1 - np.exp(-rates * laws.state_rate[state] * laws.season[w] * np.exp(effect))

                    if w < week:
                        chance_of = buys(len(place) and record.sent[i, place[0]])
                        joint = joint * (chance_of if record.ordered[i, w] else 1 - chance_of)
                        continue
                    chance_of = buys(False)
                    if len(place) and record.consent[i]:
                        chance_of = 0.5 * chance_of + 0.5 * buys(True)
                    law = laws.own_share * np.array([mean, 1 - mean]) + laws.trend_share * laws.trend[w]
                    law[laws.follow[record.last[i]]] += laws.follow_share
                    out[i, :2] += (joint * chance_of).sum() * law
                    joint = joint * (1 - chance_of)
                out[i, 2] += joint.sum()
    return out / out.sum(axis=1, keepdims=True)


@pytest.mark.unit
def test_the_observer_agrees_with_enumeration_of_everything_hidden():
    laws = tiny_laws()
    record = tiny_record(laws)
    found = observe(laws, record, 5, 2, n_rates=40)
    nodes, weights = rate_nodes(laws.rate_shape, laws.persona_rate, 40)
    exact = enumerate_observer(laws, record, 5, 2, nodes, weights)
    np.testing.assert_allclose(found.probability, exact, rtol=1e-9)
    np.testing.assert_allclose(found.probability.sum(axis=1), 1, rtol=1e-12)
    # and the rates are summed finely enough: 20,000 rates at equal steps of the gamma's own distribution
    quantile = (np.arange(20_000) + 0.5) / 20_000
    fine = np.stack([stats.gamma.ppf(quantile, 1.2, scale=mean / 1.2) for mean in laws.persona_rate])
    nodes_fine = np.concatenate(fine)
    weights_fine = np.kron(np.eye(2), np.ones(20_000)) / 20_000
    np.testing.assert_allclose(
        found.probability, enumerate_observer(laws, record, 5, 2, nodes_fine, weights_fine), atol=2e-5
    )


@pytest.mark.unit
def test_the_observer_does_not_care_for_names_or_company():
    laws = tiny_laws()
    record = tiny_record(laws)
    found = observe(laws, record, 5, 3)
    # swap the two categories everywhere
    swapped = tiny_laws(persona_taste=laws.persona_taste[:, ::-1], trend=laws.trend[:, ::-1])
    other = Record(**{**vars(record), "line_category": 1 - record.line_category, "last": 1 - record.last})
    np.testing.assert_allclose(
        observe(swapped, other, 5, 3).probability[:, [1, 0, 2]], found.probability, rtol=1e-10
    )
    # each customer alone
    for i in range(4):
        own = record.line_customer == i
        lines = {name: values[own] for name, values in vars(record).items() if name.startswith("line_")}
        rest = {n: v[[i]] for n, v in vars(record).items() if not n.startswith("line_")}
        alone = Record(**{**rest, **lines, "line_customer": np.zeros(own.sum(), dtype=int)})
        np.testing.assert_allclose(observe(laws, alone, 5, 3).probability[0], found.probability[i], rtol=1e-10)


@pytest.mark.unit
def test_the_nodes_of_the_rate_are_enough_for_a_long_record():
    # 100 weeks with an order in two of three: the narrowest posterior there is
    laws = default_laws()
    ordered = np.arange(100) % 3 > 0
    ordered[0] = True
    record = Record(
        customer_id=np.array([1, 2]),
        **{name: np.zeros(2, dtype=int) for name in ("age", "tier", "gender", "join_week", "last")},
        consent=np.array([True, False]),
        app=np.array([False, True]),
        ordered=np.stack([ordered, ordered]),
        sessions=np.stack([ordered, 2 * ordered]).astype(int),
        sent=np.zeros((2, len(laws.campaign_weeks)), dtype=bool),
        **{f"line_{name}": np.zeros(0) for name in ("slope", "intercept")},
        **{f"line_{name}": np.zeros(0, dtype=int) for name in ("customer", "category")},
    )
    coarse, first = timing_posterior(laws, record, 100, 4)
    fine, first_fine = timing_posterior(laws, record, 100, 4, n_rates=1500)
    np.testing.assert_allclose(coarse, fine, atol=1e-4)
    np.testing.assert_allclose(first, first_fine, atol=1e-5)


@pytest.mark.unit
def test_a_record_that_cannot_happen_is_refused():
    laws = tiny_laws(state_rate=np.array([2.0, 0.0, 0.0]), initial_state=np.array([0.0, 1.0, 0.0]))
    laws.transition = np.array([[1.0, 0, 0], [0, 0.9, 0.1], [0, 0, 1.0]])
    with pytest.raises(InputError, match="customer 12 cannot happen"):
        record = tiny_record(laws)
        keep = {n: v[1:] for n, v in vars(record).items() if not n.startswith("line_")}
        lines = {n: v[:0] for n, v in vars(record).items() if n.startswith("line_")}
        observe(laws, Record(**keep, **lines), 5, 2)
    with pytest.raises(InputError, match="not all simulated"):
        observe(tiny_laws(), tiny_record(tiny_laws()), 8, 4)
