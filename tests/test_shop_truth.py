"""The truth of the shop and the ideal observer: brute force, enumeration, simulation, calibration."""

from graphlib import TopologicalSorter
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from bigmkt_helpers.datasets import Shop
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import CommonQuestion, CouponTerms, true_profit, week_cutoffs, with_coupon
from bigmkt_helpers.shop.behaviour import Customers, resimulate, simulate, states_at
from bigmkt_helpers.shop.truth import (
    CAUSAL_GRAPH,
    Record,
    answers_table,
    eligible,
    first_answers,
    margins,
    observe,
    observer_table,
    omniscient,
    potential_answers,
    rate_nodes,
    recorded,
    taste_posterior,
    timing_posterior,
)
from bigmkt_helpers.shop.world import (
    CATEGORIES,
    CUTOFF_WEEKS,
    NOTHING,
    OUTCOMES,
    catalogue,
    cutoff,
    default_laws,
)

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


@pytest.mark.bad_input
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
    """Four customers before week 5: one order; several and sessions; a silent app user; one just joined."""
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

                    def buys(sent, k=k, state=state, w=w, place=place):
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
        np.testing.assert_allclose(
            observe(laws, alone, 5, 3).probability[0], found.probability[i], rtol=1e-10
        )


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
    np.testing.assert_allclose(coarse, fine, atol=1e-3)
    np.testing.assert_allclose(first, first_fine, atol=1e-4)


@pytest.mark.bad_input
def test_a_record_that_cannot_happen_is_refused():
    laws = tiny_laws(state_rate=np.array([2.0, 0.0, 0.0]), initial_state=np.array([0.0, 1.0, 0.0]))
    laws.transition = np.array([[1.0, 0, 0], [0, 0.9, 0.1], [0, 0, 1.0]])
    record = tiny_record(laws)
    keep = {n: v[1:] for n, v in vars(record).items() if not n.startswith("line_")}
    lines = {n: v[:0] for n, v in vars(record).items() if n.startswith("line_")}
    with pytest.raises(InputError, match="customer 12 cannot happen"):
        observe(laws, Record(**keep, **lines), 5, 2)
    with pytest.raises(InputError, match="not all simulated"):
        observe(tiny_laws(), tiny_record(tiny_laws()), 8, 4)


# --- the default shop -----------------------------------------------------------------------------------

P_COLUMNS = [f"p_{name}" for name in OUTCOMES]


@pytest.fixture(scope="module")
def laws():
    return default_laws()


@pytest.fixture(scope="module")
def shop(laws):
    # not the seed of the course's own shop: what holds here holds for the laws
    return simulate(4000, seed=77, laws=laws, truth=False)


@pytest.fixture(scope="module")
def answers(laws, shop):
    return answers_table(laws, shop)


@pytest.fixture(scope="module")
def observed(laws, shop):
    """What the ideal observer concludes at weeks 84 (a campaign lies ahead) and 96 (none does)."""
    return {week: observe(laws, recorded(laws, shop, week), week) for week in (84, 96)}


def true_probabilities(answers, week):
    return answers[answers["cutoff"] == week].set_index("customer_id")[P_COLUMNS]


def entropy(p):
    """Of each row, in bits."""
    return -special.xlogy(p, p).sum(axis=1) / np.log(2)


def score(values):
    """Mean over its standard error: a standard normal variable if the expected value is 0."""
    return values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))


def surprise_score(p, counts):
    """How far the log loss of simulated answers lies from the entropy, in its exact standard errors."""
    bits = -np.log2(np.where(p > 0, p, 1))
    variance = (p * bits**2).sum(axis=1) - entropy(p) ** 2
    runs = counts.sum(axis=1)
    return ((counts * bits).sum() - runs @ entropy(p)) / np.sqrt(runs @ variance)


def unreliable_bins(p, counts, bins=10, level=1e-5):
    """Bins of one outcome's stated probability whose share of hits is outside its exact bounds.

    The hits of a bin are a sum of independent coins; its tails are inside those of the binomial with the mean
    probability (Hoeffding 1956 (unverified)), which are exact for equal probabilities.
    """
    runs = counts.sum(axis=1)
    wrong = []
    for outcome in range(p.shape[1]):
        edges = np.unique(np.quantile(p[:, outcome], np.linspace(0, 1, bins + 1)))
        place = np.clip(np.searchsorted(edges, p[:, outcome], side="right") - 1, 0, len(edges) - 2)
        for b in range(len(edges) - 1):
            rows = place == b
            n, hits = runs[rows].sum(), counts[rows, outcome].sum()
            low, high = stats.binom.interval(1 - level, n, (runs[rows] @ p[rows, outcome]) / n)
            if not low <= hits <= high:
                wrong.append((outcome, b, int(hits), low, high))
    return wrong


@pytest.mark.recovery
@pytest.mark.parametrize("week", [92, 96])
def test_the_truth_agrees_with_200_replays_from_the_same_state(laws, shop, answers, week):
    p = true_probabilities(answers, week)
    ids = p.index.to_numpy()[::2]
    p = p.loc[ids].to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    everybody = Customers.from_tables(shop.customers, shop.truth_customers)
    people = everybody.take(pd.Index(everybody.customer_id).get_indexer(ids))
    states = states_at(shop.truth_states, ids, week)
    heads = shop.orders[(shop.orders["line_number"] == 1) & (shop.orders["order_time"] < cutoff(week))]
    last = heads.sort_values("order_time").groupby("customer_id")["category"].last().loc[ids]
    last = pd.Index(CATEGORIES).get_indexer(last)
    runs = 200
    many = np.repeat(np.arange(len(ids)), runs)
    replay = resimulate(laws, people.take(many), states[many], last[many], week, 4, seed=week)
    counts = np.zeros(p.shape, dtype=np.int64)
    np.add.at(counts, (many, replay), 1)
    assert abs(surprise_score(p, counts)) < 4
    assert unreliable_bins(p, counts) == []
    # the test can fail: a truth that takes the coin of the campaign, the last category or the state wrongly
    wrong_last = omniscient(laws, people, states, (last + 1) % 12, week)
    wrong_state = omniscient(laws, people, np.maximum(states - 1, 0), last, week)
    for wrong in (wrong_last, wrong_state):
        assert unreliable_bins(wrong, counts)
    if week == 92:  # with a coupon in week 94
        silent = people.take(np.arange(len(ids)))
        object.__setattr__(silent, "email_consent", np.zeros(len(ids), dtype=bool))
        assert unreliable_bins(omniscient(laws, silent, states, last, week), counts)


@pytest.mark.recovery
def test_the_truth_is_calibrated_for_what_happened(answers):
    # at the cutoffs together 16,000 answers; those of one customer at different cutoffs hang together only
    # through what is known at the later one, so errors are a martingale and the normal bounds hold
    p = answers[P_COLUMNS].to_numpy()
    counts = (answers["answer"].to_numpy()[:, None] == np.array(OUTCOMES, dtype=object)).astype(np.int64)
    assert (counts.sum(axis=1) == 1).all()
    assert abs(surprise_score(p, counts)) < 4
    assert unreliable_bins(p, counts, bins=5) == []


@pytest.mark.recovery
@pytest.mark.parametrize("week", [84, 96])
def test_the_observer_is_calibrated_against_the_truth(answers, observed, week):
    truth, found = true_probabilities(answers, week), observed[week]
    assert truth.index.tolist() == found.customer_id.tolist()
    p, q = truth.to_numpy(), found.probability
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-12)
    assert (q > 0).all()
    # the observer's probability is the mean of the true one given the record: no bin may stray, no trend
    for outcome in range(13):
        gap = p[:, outcome] - q[:, outcome]
        for part in np.array_split(np.argsort(q[:, outcome], kind="stable"), 5):
            assert abs(score(gap[part])) < 4.5, (outcome, q[part, outcome].mean(), gap[part].mean())
    # its expected loss is its own entropy
    cross = -(p * np.log2(q)).sum(axis=1)
    assert abs(score(cross - entropy(q))) < 4
    # the personas come true as often as it says
    persona = found.persona
    np.testing.assert_allclose(persona.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.recovery
def test_the_observer_knows_personas_and_tastes_as_well_as_it_says(shop, observed):
    found = observed[96]
    people = Customers.from_tables(shop.customers, shop.truth_customers)
    people = people.take(pd.Index(people.customer_id).get_indexer(found.customer_id))
    true = np.eye(5)[people.persona]
    for k in range(5):
        for part in np.array_split(np.argsort(found.persona[:, k], kind="stable"), 4):
            gap = true[part, k] - found.persona[part, k]
            spread = np.sqrt((found.persona[part, k] * (1 - found.persona[part, k])).sum())
            # half an event for the step of a count
            assert abs(gap.sum()) < 4.5 * spread + 0.5
    assert (found.persona.argmax(axis=1) == people.persona).mean() > 0.7
    for c in range(12):
        for part in np.array_split(np.argsort(found.taste[:, c], kind="stable"), 4):
            assert abs(score(people.taste[part, c] - found.taste[part, c])) < 4.5


@pytest.mark.recovery
def test_truth_beats_observer_beats_base_and_every_part_of_the_record_helps(laws, shop, answers, observed):
    week = 96
    p, q = true_probabilities(answers, week).to_numpy(), observed[week].probability
    earlier = answers.loc[answers["cutoff"] < week, "answer"].value_counts(normalize=True)
    base = earlier.reindex(list(OUTCOMES)).to_numpy()

    def loss(forecast):
        return -(p * np.log2(forecast)).sum(axis=1)

    assert score(loss(q) - entropy(p)) > 4
    assert score(loss(base) - loss(q)) > 4
    record = recorded(laws, shop, week)
    # an observer who is told of nobody's sessions: no app at all, and no session's category
    visits = record.line_slope == 1 - laws.session_trend_share
    lines = {name: v[~visits] for name, v in vars(record).items() if name.startswith("line_")}
    blind = Record(**{**vars(record), **lines, "app": np.zeros_like(record.app)})
    assert score(loss(observe(laws, blind, week).probability) - loss(q)) > 4
    # an observer who takes the partner lines for choices of taste
    products = catalogue(laws)
    lines = shop.orders[shop.orders["order_time"] < cutoff(week)].sort_values(["order_id", "line_number"])
    code = pd.Index(products.product_id).get_indexer(lines["product_id"])
    partner = (lines["line_number"] == 2).to_numpy() & (code == np.roll(products.partner[code], 1))
    assert 0.2 < partner.sum() / (lines["line_number"] == 1).sum() < 0.35
    who = pd.Index(record.customer_id).get_indexer(lines["customer_id"])
    more = np.flatnonzero(partner & (who >= 0))
    extra = {
        "line_customer": who[more],
        "line_category": code[more] // 50,
        "line_slope": np.ones(len(more)),
        "line_intercept": np.zeros(len(more)),
    }
    naive = {name: np.concatenate([getattr(record, name), values]) for name, values in extra.items()}
    misled = observe(laws, Record(**{**vars(record), **naive}), week).probability
    assert score(loss(misled) - loss(q)) > 4


@pytest.mark.unit
def test_the_observer_reads_nothing_after_the_cutoff_and_nothing_hidden(laws, shop):
    week, few = 96, shop.customers["customer_id"].to_numpy()[:300]

    def visible(name, time, key="customer_id"):
        table = getattr(shop, name)
        return table[table[key].isin(few) & (table[time] < cutoff(week))].reset_index(drop=True)

    cut = Shop(
        {
            "customers": shop.customers[:300],
            "products": shop.products,
            "orders": visible("orders", "order_time"),
            "sessions": visible("sessions", "timestamp"),
            "campaigns": visible("campaigns", "timestamp"),
        }
    )
    ids = eligible(cut.orders, week)
    whole = observe(laws, recorded(laws, shop, week, ids), week)
    np.testing.assert_allclose(
        observe(laws, recorded(laws, cut, week), week).probability, whole.probability, rtol=1e-10
    )
    # the order of the rows of a table says nothing
    mixed = Shop({name: getattr(cut, name).sample(frac=1, random_state=1) for name in cut.tables})
    np.testing.assert_allclose(
        observe(laws, recorded(laws, mixed, week), week).probability, whole.probability, rtol=1e-9
    )


@pytest.mark.contract
def test_tables_of_answers_have_the_agreed_form(laws, shop, answers):
    table = observer_table(laws, shop, 96)
    assert list(table.columns) == list(answers.columns)
    assert list(answers.columns) == [
        *("cutoff", "customer_id", "answer", "p_nothing"),
        *(f"p_{c}" for c in CATEGORIES),
    ]
    ours = answers[answers["cutoff"] == 96].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours[["cutoff", "customer_id", "answer"]], table[list(table)[:3]])
    assert not answers.duplicated(["cutoff", "customer_id"]).any()


@pytest.mark.contract
def test_the_common_question_asks_the_same_customers_and_hears_the_same_answers(shop, answers):
    question = CommonQuestion(shop.orders, CATEGORIES, week_cutoffs(CUTOFF_WEEKS))
    assert question.outcomes == list(OUTCOMES)
    for week in CUTOFF_WEEKS:
        assert question.cutoff(week) == cutoff(week)
        ours = answers[answers["cutoff"] == week].set_index("customer_id")["answer"]
        pd.testing.assert_series_equal(question.answers(week), ours)


def order_lines(*rows):
    """Lines (customer, order, line, local time, category)."""
    table = pd.DataFrame(rows, columns=["customer_id", "order_id", "line_number", "order_time", "category"])
    local = pd.to_datetime(table["order_time"]).dt.tz_localize("Asia/Shanghai")
    return table.assign(order_time=local.dt.tz_convert("UTC"))


@pytest.mark.unit
def test_who_is_asked_and_what_they_answer_by_hand():
    # week 30 begins on Monday, 29 July 2024; 26 weeks before is 29 January
    orders = order_lines(
        (1, 1, 1, "2024-01-28 23:59:59", "tea"),
        (2, 2, 1, "2024-01-29 00:00:00", "tea"),
        (3, 3, 1, "2024-07-28 23:59:59", "tea"),
        (4, 4, 1, "2024-07-29 00:00:00", "coffee"),
        (3, 5, 1, "2024-08-25 23:59:59", "bath"),
        (3, 5, 2, "2024-08-25 23:59:59", "tea"),
        (2, 6, 1, "2024-08-26 00:00:00", "bath"),
        (1, 8, 1, "2024-08-02 12:00:00", "plants"),
        (1, 7, 1, "2024-08-01 12:00:00", "candles"),
    )
    assert eligible(orders, 30).tolist() == [2, 3]
    found = first_answers(orders, [1, 2, 3, 4, 99], 30)
    assert [OUTCOMES[code] for code in found] == ["candles", NOTHING, "bath", "coffee", NOTHING]


@pytest.mark.unit
def test_the_record_of_two_customers_by_hand(laws):
    products = catalogue(laws)
    tea, coffee = 0, 2  # codes of the categories
    first = 7  # code of a tea
    partner = int(products.partner[first])
    again = int(products.partner[partner])
    code = {"first": first, "partner": partner, "again": again, "coffee": 100, "other": 110}
    ids = {name: products.product_id[place] for name, place in code.items()}
    orders = order_lines(
        (5, 1, 1, "2024-01-10 09:00:00", "tea"),  # week 1: joins
        (5, 1, 2, "2024-01-10 09:00:00", "teaware"),  # the planted partner
        (5, 1, 3, "2024-01-10 09:00:00", "tea"),  # the partner of line 2, which is a free choice
        (5, 9, 1, "2024-02-18 23:00:00", "coffee"),  # week 6, a further line in place 2
        (5, 9, 2, "2024-02-18 23:00:00", "coffee"),
        (8, 4, 1, "2024-02-07 09:00:00", "tea"),  # week 5: joins
        (8, 10, 1, "2024-02-20 09:00:00", "tea"),  # week 7: after the cutoff
    )
    bought = ["first", "partner", "again", "coffee", "other", "first", "first"]
    views = pd.DataFrame(
        {
            "session_id": [1, 1, 2],
            "customer_id": [8, 8, 8],
            "timestamp": order_lines(
                (8, 0, 0, "2024-02-08 10:00", ""),
                (8, 0, 0, "2024-02-08 10:01", ""),
                (8, 0, 0, "2024-02-12 00:00", ""),
            )["order_time"],
            "category": ["coffee", "coffee", "tea"],
        }
    )
    campaigns = pd.DataFrame(
        {"customer_id": [5, 8], "sent": [True, False], "timestamp": [cutoff(6), cutoff(6)]}
    )
    register = pd.DataFrame(
        {
            "customer_id": [8, 5],
            "age_band": ["65+", "25-34"],
            "city_tier": [4, 2],
            "gender": ["male", "female"],
            "email_consent": [True, True],
            "app_user": [True, False],
        }
    )
    orders["product_id"] = [ids[name] for name in bought]
    tables = {"orders": orders, "sessions": views, "campaigns": campaigns, "customers": register}
    found = recorded(laws, Shop(tables), 7)
    assert found.customer_id.tolist() == [5, 8]
    assert (found.age.tolist(), found.tier.tolist(), found.gender.tolist()) == ([1, 5], [1, 3], [0, 1])
    assert (found.consent.tolist(), found.app.tolist()) == ([True, True], [False, True])
    assert found.join_week.tolist() == [1, 5]
    assert np.argwhere(found.ordered).tolist() == [[0, 1], [0, 6], [1, 5]]
    assert found.ordered.shape == found.sessions.shape == (2, 7)
    assert np.argwhere(found.sessions).tolist() == [[1, 5], [1, 6]]
    assert np.argwhere(found.sent).tolist() == [[0, 0]]
    assert found.last.tolist() == [coffee, tea]
    events = zip(found.line_customer, found.line_category, found.line_slope, found.line_intercept)
    follows = laws.follow_share * (laws.follow[tea] == coffee)
    assert follows == 0
    visit = laws.session_trend_share
    expected = [
        (0, tea, laws.own_share + laws.follow_share, laws.trend_share * laws.trend[1, tea]),
        (0, tea, 1, 0),
        (0, coffee, laws.own_share, laws.trend_share * laws.trend[6, coffee] + follows),
        (0, coffee, 1, 0),
        (1, tea, laws.own_share + laws.follow_share, laws.trend_share * laws.trend[5, tea]),
        (1, coffee, 1 - visit, visit * laws.trend[5, coffee]),
        (1, tea, 1 - visit, visit * laws.trend[6, tea]),
    ]
    np.testing.assert_allclose(sorted(events), sorted(expected), rtol=1e-12)
    # and where the second order is of the partner category of the first
    orders.loc[orders["order_id"] == 9, "category"] = "teaware"
    orders.loc[orders["order_id"] == 9, "product_id"] = products.product_id[60]
    found = recorded(laws, Shop(tables), 7)
    second = np.flatnonzero(np.isclose(found.line_slope, laws.own_share))
    share = laws.follow_share + laws.trend_share * laws.trend[6, 1]
    assert laws.follow[tea] == 1
    np.testing.assert_allclose(found.line_intercept[second], [share])


@pytest.mark.bad_input
def test_bad_tables_are_refused(laws, shop):
    with pytest.raises(InputError, match="Customer 9999999 has no order before week 96"):
        recorded(laws, shop, 96, [9_999_999])
    orders = shop.orders[:50].assign(product_id=5)
    tables = {name: getattr(shop, name) for name in ("customers", "products", "sessions", "campaigns")}
    with pytest.raises(InputError, match="Product 5 is not in the catalogue"):
        recorded(laws, Shop({**tables, "orders": orders}), 96, orders["customer_id"].unique())
    with pytest.raises(InputError, match="'toys' is none of"):
        first_answers(shop.orders[:50].assign(category="toys"), [1], 0, 104)
    people = Customers.from_tables(shop.customers, shop.truth_customers).take([0, 1])
    with pytest.raises(InputError, match="one of each per customer"):
        omniscient(laws, people, [0], [1, 2], 80)
    with pytest.raises(InputError, match="weeks 101 to 104 are not all simulated"):
        omniscient(laws, people, [0, 0], [1, 2], 101)


# --- money ----------------------------------------------------------------------------------------------


@pytest.mark.unit
def test_the_coupon_law_is_that_of_a_customer_with_random_utilities():
    # utilities log p + Gumbel noise; a coupon lifts one of them by β; the noise stays
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.ones(4), 3)
    effect = np.array([0.8, -0.4, 1.5])
    runs = 40_000
    rows = np.repeat(np.arange(3), runs)
    answers = potential_answers(p[rows], effect[rows], seed=6)
    assert answers.shape == (3 * runs, 4)
    for coupon in range(-1, 3):
        after = p if coupon < 0 else with_coupon(pd.DataFrame(p), coupon, effect).to_numpy()
        counts = np.zeros((3, 4), dtype=np.int64)
        np.add.at(counts, (rows, answers[:, coupon + 1]), 1)
        assert stats.chisquare(counts.ravel(), (runs * after).ravel(), ddof=2).pvalue > 1e-4
        odds = after[:, coupon] / (1 - after[:, coupon]) if coupon >= 0 else 0
        before = p[:, coupon] / (1 - p[:, coupon]) if coupon >= 0 else 0
        np.testing.assert_allclose(odds, before * np.exp(effect))
    # a coupon that attracts makes a customer take its category or do what they would have done
    drawn = answers[rows != 1]
    for c in range(3):
        assert ((drawn[:, c + 1] == drawn[:, 0]) | (drawn[:, c + 1] == c)).all()
        assert (drawn[drawn[:, 0] == c, c + 1] == c).all()


@pytest.mark.unit
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_profit_of_a_policy_by_listing_the_outcomes(seed):
    rng = np.random.default_rng(seed)
    p, margin = rng.dirichlet(np.ones(4), 6), rng.uniform(10, 200, 3)
    coupon, effect = rng.integers(-1, 3, 6), rng.normal(0.5, 0.5, 6)
    categories = ["tea", "bath", "plants"]
    terms = CouponTerms(pd.Series(margin, categories), 12.0, 0.5, 0.5, pd.Series(effect))
    choice = pd.Series([[*categories, "none"][c] for c in coupon])
    found = true_profit(choice, pd.DataFrame(p, columns=[*categories, "nothing"]), terms).to_numpy()
    for i in range(6):
        weights = p[i].copy()
        if coupon[i] >= 0:
            weights[coupon[i]] *= np.exp(effect[i])
        expected = -0.5 * (coupon[i] >= 0)
        for outcome in range(3):
            earned = margin[outcome] - 12.0 * (outcome == coupon[i])
            expected += weights[outcome] / weights.sum() * earned
        np.testing.assert_allclose(found[i], expected)


@pytest.mark.unit
def test_margins_by_hand():
    times = pd.to_datetime(["2024-03-01", "2024-03-01", "2024-03-02", "2025-06-01"], utc=True)
    orders = pd.DataFrame(
        {
            "order_id": [1, 1, 2, 3],
            "line_number": [1, 2, 1, 1],
            "order_time": times,
            "product_id": [7, 8, 7, 7],
            "category": ["tea", "bath", "tea", "tea"],
            "quantity": [1, 2, 3, 1],
            "spend": [10.0, 40.0, 30.0, 1000.0],
        }
    )
    # one order of each other category, so that every category has a mean
    rest = [c for c in CATEGORIES if c != "tea"]
    more = pd.DataFrame(
        {
            "order_id": range(10, 21),
            "line_number": 1,
            "order_time": times[0],
            "product_id": 7,
            "category": rest,
            "quantity": 1,
            "spend": 5.0,
        }
    )
    products = pd.DataFrame({"product_id": [7, 8], "unit_cost": [4.0, 15.0]})
    found = margins(Shop({"orders": pd.concat([orders, more], ignore_index=True), "products": products}))
    # (10 - 4 + 40 - 30 + 30 - 12) / 2; the order of 2025 comes too late
    assert found["tea"] == pytest.approx(17.0)
    assert found[rest].tolist() == [1.0] * 11
    with pytest.raises(InputError, match="begins with 'teaware'"):
        margins(Shop({"orders": orders, "products": products}))


# --- the causal graph -----------------------------------------------------------------------------------


def ancestors(node):
    """The node and everything upstream of it."""
    found, new = {node}, {node}
    while new:
        new = {cause for cause, effect in CAUSAL_GRAPH if effect in new} - found
        found |= new
    return found


@pytest.mark.recovery
def test_the_causal_graph_is_one_and_the_shop_obeys_it(shop):
    graph = {}
    for cause, effect in CAUSAL_GRAPH:
        graph.setdefault(effect, set()).add(cause)
    assert len(list(TopologicalSorter(graph).static_order())) == len(
        {n for edge in CAUSAL_GRAPH for n in edge}
    )
    assert len(set(CAUSAL_GRAPH)) == len(CAUSAL_GRAPH)
    people = shop.customers.merge(shop.truth_customers, on="customer_id")
    people["style"] = people["style_0"] > 0
    people["taste"] = people["taste_0"] > people["taste_0"].median()
    people["rate"] = people["rate"] > people["rate"].median()
    people["coupon_effect"] = people["coupon_effect"] > people["coupon_effect"].median()
    names = [
        "persona",
        "age_band",
        "city_tier",
        "gender",
        "taste",
        "rate",
        "email_consent",
        "app_user",
        "style",
    ]
    names.append("coupon_effect")
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            related = bool(ancestors(one) & ancestors(other))
            found = stats.chi2_contingency(pd.crosstab(people[one], people[other])).pvalue
            if not related:
                assert found > 1e-4, (one, other)
            if related and one == "persona":
                assert found < 1e-6, (one, other)
            if related and one != "persona":
                # all that these have in common is the persona: nothing is left within one
                value = freedom = 0
                for _, group in people.groupby("persona"):
                    test = stats.chi2_contingency(pd.crosstab(group[one], group[other]))
                    value, freedom = value + test.statistic, freedom + test.dof
                assert stats.chi2.sf(value, freedom) > 1e-4, (one, other)
