"""The shop as a network: its true tables, what learners find, a confounded campaign, the common question."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.special import xlogy
from scipy.stats import chi2

from bigmkt_helpers import networks as nw
from bigmkt_helpers.datasets import load_shop
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import CommonQuestion
from bigmkt_helpers.shop.truth import CAUSAL_GRAPH

pytestmark = pytest.mark.recovery


@cache
def shop():
    return load_shop()


@cache
def rows():
    return nw.lantern_table(shop())


@cache
def network():
    return nw.lantern_network()


@cache
def campaign():
    return nw.ConfoundedCampaign.of_shop(shop())


@cache
def question():
    return CommonQuestion.of_shop(shop(), n_resamples=200)


def test_the_true_graph_is_the_shops_own():
    names = {"consent": "email_consent", "sent": "campaign_sent", "ordered": "order"}
    said = {tuple(names.get(node, node) for node in edge) for edge in nw.LANTERN_EDGES}
    # "response" is a function of persona and campaign_sent: its edges stand for it
    through = {("persona", "order"), ("campaign_sent", "order")}
    assert said - through <= set(CAUSAL_GRAPH)
    assert {("persona", "response"), ("campaign_sent", "response"), ("response", "order")} <= set(
        CAUSAL_GRAPH
    )
    kept = {node for edge in said for node in edge}
    assert {edge for edge in CAUSAL_GRAPH if set(edge) <= kept} == said - through


def test_the_worked_out_tables_are_what_the_shop_does():
    table, true = rows(), network()
    assert len(table) == 3910
    for node in true.nodes:
        parents = list(true.graph.parents(node))
        codes = [table[c].cat.codes.to_numpy() for c in (*parents, node)]
        n = np.zeros(true.tables[node].shape)
        np.add.at(n, tuple(codes), 1)
        expected = n.sum(axis=-1, keepdims=True) * true.tables[node]
        assert (n[expected == 0] == 0).all()
        # only rows with something to compare count; small cells are lumped by the test's own slack
        big = expected.min(axis=-1) > 2
        if big.any():
            n, expected = n[big], expected[big]
            g = 2 * (xlogy(n, n) - xlogy(n, expected)).sum()
            assert chi2.sf(g, n.shape[0] * (n.shape[-1] - 1)) > 1e-3, node
    assert true.bits(table).mean() == pytest.approx(
        true.bits(true.sample(20_000, 1)).mean(), abs=4 * true.bits(table).sem()
    )


def test_what_learners_find_of_the_true_graph():
    true = network().graph
    free, told = nw.essential_graph(true), nw.with_knowledge(true, tiers=nw.LANTERN_TIERS)
    distance = {
        "bic": nw.structural_hamming(nw.hill_climb(rows()).essential, free),
        "bic tiers": nw.structural_hamming(nw.hill_climb(rows(), tiers=nw.LANTERN_TIERS).oriented, told),
        "bdeu tiers": nw.structural_hamming(
            nw.hill_climb(rows(), "bdeu", tiers=nw.LANTERN_TIERS).oriented, told
        ),
        "tests": nw.structural_hamming(nw.constraint_search(rows()).essential, free),
        "tests tiers": nw.structural_hamming(
            nw.constraint_search(rows(), tiers=nw.LANTERN_TIERS).oriented, told
        ),
    }
    assert distance["bic"] <= 6
    assert distance["tests"] <= 11
    assert max(distance["bic tiers"], distance["bdeu tiers"], distance["tests tiers"]) <= 4
    empty = nw.PartialGraph(nodes=true.nodes)
    assert nw.structural_hamming(empty, free) == 13


def test_more_rows_bring_the_graph_nearer():
    true = nw.with_knowledge(network().graph, tiers=nw.LANTERN_TIERS)
    mean = {}
    for n in (500, 5000):
        found = [nw.hill_climb(network().sample(n, s), tiers=nw.LANTERN_TIERS).oriented for s in range(6)]
        mean[n] = np.mean([nw.structural_hamming(graph, true) for graph in found])
    assert mean[500] > 6 > 4 > mean[5000]


def test_conditioning_misleads_and_adjustment_does_not():
    world = campaign()
    assert 0.02 < world.true_effect < 0.035
    assert world.naive_limit > 6 * world.true_effect
    assert nw.adjustment_sets(world.GRAPH, "sent", "ordered", ["recent_orders"]) == [("recent_orders",)]
    covered = fooled = 0
    estimates = []
    for seed in range(200):
        found = nw.adjusted_effect(
            world.simulate(2000, seed),
            *("sent", "ordered", "recent_orders"),
            graph=world.GRAPH,
            n_resamples=200,
            random_state=seed,
        )
        covered += found.low <= world.true_effect <= found.high
        fooled += not found.naive_low <= world.true_effect <= found.naive_high
        estimates.append(found.effect)
    assert fooled == 200
    # 190 are due of 200; 177 or more in all but one case in 1,000
    assert covered >= 177
    error = np.std(estimates) / np.sqrt(200)
    assert np.mean(estimates) == pytest.approx(world.true_effect, abs=4 * error)


def test_the_campaigns_effect_is_that_of_the_laws():
    world, pool = campaign(), campaign().pool
    many = world.simulate(200_000, 3)
    shares = many["recent_orders"].value_counts(normalize=True)
    np.testing.assert_allclose(
        shares.sort_index(), pool["recent_orders"].value_counts(normalize=True).sort_index(), atol=0.005
    )
    sent = (many["sent"] == "yes").groupby(many["recent_orders"], observed=True).mean()
    np.testing.assert_allclose(sent.sort_index(), [0.1, 0.4, 0.8], atol=0.01)
    seen = many["ordered"].eq("yes").groupby(many["sent"], observed=True).mean()
    assert seen["yes"] - seen["no"] == pytest.approx(world.naive_limit, abs=0.01)
    with pytest.raises(InputError, match="no campaign"):
        nw.ConfoundedCampaign.of_shop(shop(), week=95)
    with pytest.raises(InputError, match="three probabilities"):
        nw.ConfoundedCampaign.of_shop(shop(), send=(0.0, 0.4, 1.0))
    with pytest.raises(InputError, match="no campaign"):
        nw.lantern_table(shop(), week=95)


def test_the_common_question():
    sure = nw.network_forecast(question(), calibrate=False)
    calibrated = nw.network_forecast(question())
    assert list(calibrated.columns) == question().outcomes
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    base = question().bits(question().base_rate())
    # naive Bayes is far too sure of itself: as it stands it closes nothing
    assert (base - question().bits(sure)).mean() < 0.1
    score = question().score("calibrated", calibrated)
    assert score["closed_low"] > 0.33
    assert score["share_high"] < 0.75


def test_a_searched_graph_answers_too():
    t = list(question().cutoffs)[3]
    found = nw.network_forecast(question(), t, lambda rows: nw.hill_climb(rows).graph, calibrate=False)
    closed = question().bits(question().base_rate(t), t).mean() - question().bits(found, t).mean()
    assert 0.08 < closed < 0.4


def test_the_forecast_does_not_look_ahead():
    question().guard(nw.forecast_features)
    first, second = list(question().cutoffs)[:2]
    with pytest.raises(InputError, match="0 earlier cutoffs"):
        nw.network_forecast(question(), first)
    with pytest.raises(InputError, match="no node 'answer'"):
        nw.network_forecast(question(), second, lambda _: nw.Graph([("last", "orders")]), calibrate=False)


def test_features_by_hand():
    orders = pd.DataFrame(
        {
            "order_id": [1, 1, 2, 3],
            "line_number": [1, 2, 1, 1],
            "customer_id": [7, 7, 7, 8],
            "order_time": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-02-26", "2024-03-30"], utc=True),
            "category": ["tea", "tea", "bath", "tea"],
        }
    )
    sessions = pd.DataFrame(
        {
            "session_id": [1, 1, 2],
            "customer_id": [7, 7, 7],
            "timestamp": pd.to_datetime(["2024-02-20", "2024-02-20", "2024-03-03"], utc=True),
            "category": ["bath", "bath", "tea"],
        }
    )
    people = pd.DataFrame({"customer_id": [7, 8], "app_user": [True, False]})
    tables = {"orders": orders, "sessions": sessions, "customers": people}
    found = nw.forecast_features(tables, pd.Index([7]), pd.Timestamp("2024-03-04", tz="UTC")).loc[7]
    assert found.to_dict() == {
        "recency": 1.0,
        "orders": 2,
        "recent_orders": 1,
        "sessions": 2,
        "last": "bath",
        "before_last": "tea",
        "favourite": "tea",
        # one session each: the later counts
        "viewed": "tea",
    }
