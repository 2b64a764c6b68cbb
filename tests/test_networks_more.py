"""Bayesian networks: what a newcomer gets wrong, how things are shown, trees, and learners over sizes."""

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import networks as nw
from bigmkt_helpers.errors import InputError

NO_YES = ("no", "yes")
LEVELS = {"sent": NO_YES, "ordered": NO_YES}
MAIL = nw.Network(
    [("engaged", "sent"), ("engaged", "ordered"), ("sent", "ordered")],
    dict.fromkeys(["engaged", "sent", "ordered"], NO_YES),
    {
        "engaged": [0.7, 0.3],
        "sent": [[0.9, 0.1], [0.2, 0.8]],
        "ordered": [[[0.98, 0.02], [0.96, 0.04]], [[0.7, 0.3], [0.6, 0.4]]],
    },
)
ROWS = pd.DataFrame({"sent": ["no", "no", "no", "yes", "yes"], "ordered": ["no", "yes", "no", "yes", "no"]})
NOBODY = nw.do(MAIL, {"sent": "no"})
DAYS = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=50), "sent": ["no", "yes"] * 25})
NAMED = pd.DataFrame({"id": [f"c{i}" for i in range(60)], "sent": ["no", "yes"] * 30})
SPLIT = pd.DataFrame({"sent": ["no", "yes"] * 5, "ordered": ["no", "yes"] * 5, "group": ["a", "b"] * 5})


BAD = {
    # a cycle: each table would lean on the other
    "the articles' 2-cycle": (
        lambda: nw.Network([("X1", "X2"), ("X2", "X1")], dict.fromkeys(["X1", "X2"], (0, 1)), {}),
        "make a cycle, X1 -> X2 -> X1: a Bayesian network needs a directed acyclic graph, so leave out",
    ),
    "its own parent": (lambda: nw.Graph([("x", "x")]), "make a cycle, x -> x"),
    "cycle in fitting": (
        lambda: nw.fit_tables([("sent", "ordered"), ("ordered", "sent")], ROWS),
        "make a cycle, sent -> ordered -> sent",
    ),
    # evidence of probability 0
    "impossible evidence": (
        lambda: nw.posterior(NOBODY, "ordered", {"sent": "yes"}),
        "sent='yes' has probability 0 in this network, so nothing follows from it: check",
    ),
    "impossible evidence, enumerated": (
        lambda: nw.enumerate_posterior(NOBODY, "ordered", {"sent": "yes"}),
        "probability 0",
    ),
    "impossible evidence, counterfactual": (
        lambda: nw.counterfactual(NOBODY, "ordered", {"sent": "no"}, {"sent": "yes"}),
        "probability 0",
    ),
    # a level never seen
    "level of evidence": (
        lambda: nw.posterior(MAIL, "sent", {"ordered": 1}),
        "ordered has no level 1; its levels are 'no', 'yes': map",
    ),
    "level of an action": (lambda: nw.do(MAIL, {"sent": "maybe"}), "no level 'maybe'"),
    "level in new rows": (
        lambda: MAIL.bits(ROWS.assign(engaged="maybe")),
        r"engaged has no level 'maybe' \(row 0\)",
    ),
    # tables
    "root": (lambda: nw.Network([], {"a": [0, 1]}, {"a": [0.5, 0.4]}), "adds up to 0.9, not to 1"),
    "gap in a table": (
        lambda: nw.Network([], {"a": [0, 1]}, {"a": [np.nan, 1]}),
        "number outside 0 to 1: give probabilities",
    ),
    "frame without names": (
        lambda: nw.Network(
            [("sent", "ordered")], LEVELS, {"sent": [0.5, 0.5], "ordered": pd.DataFrame([[1, 0], [0, 1]])}
        ),
        "needs an index named sent and the columns",
    ),
    "frame with a row too few": (
        lambda: nw.Network(
            [("sent", "ordered")],
            LEVELS,
            {"sent": [0.5, 0.5], "ordered": MAIL.table("sent").rename_axis("sent").iloc[:1]},
        ),
        "has 1 rows: it needs one for each of the 2",
    ),
    "a mapping for a table": (
        lambda: nw.Network([], {"a": [0, 1]}, {"a": {0: 0.5, 1: 0.5}}),
        "give probabilities, one for each level",
    ),
    "levels as a text": (
        lambda: nw.Network([], {"a": "yes"}, {"a": [0.5, 0.3, 0.2]}),
        "levels of 'a' are the text 'yes': give a list",
    ),
    "no levels": (lambda: nw.Network([("a", "b")], {"a": [0, 1]}, {"a": [1, 0]}), "name the levels of every"),
    # columns that hold no levels
    "measurements": (
        lambda: nw.constraint_search(pd.DataFrame({"spend": np.linspace(0, 1, 30), "sent": ["no"] * 30})),
        r"'spend' holds 30 different numbers.*Discretiser\(\{'spend': 4\}\)",
    ),
    "measurements predicted": (
        lambda: nw.predict(MAIL, pd.DataFrame({"sent": [0.25, 0.5]}), "ordered"),
        r"sent has no level 0.25 \(row 0\)",
    ),
    "measurements adjusted for": (
        lambda: nw.adjusted_effect(
            pd.DataFrame({"sent": ["no", "yes"] * 15, "ordered": ["yes"] * 30, "spend": np.arange(30.0)}),
            "sent",
            "ordered",
            "spend",
        ),
        "cut it into bands",
    ),
    "moments": (lambda: nw.hill_climb(DAYS), r"different moments.*data\['day'\].dt.day_name\(\)"),
    "names of rows": (lambda: nw.hill_climb(NAMED), "60 different values in 60 rows.*leave it out"),
    "a column twice": (
        lambda: nw.hill_climb(pd.concat([ROWS, ROWS[["sent"]]], axis=1)),
        "The column 'sent' stands there twice",
    ),
    "tested against itself": (
        lambda: nw.independence_test(ROWS, "sent", "sent"),
        "'sent' stands there twice",
    ),
    "an array": (lambda: nw.hill_climb(ROWS.to_numpy()), "pass a pandas DataFrame"),
    "rows as a list": (lambda: nw.predict(MAIL, [{"sent": "yes"}], "ordered"), "pass a pandas DataFrame"),
    # the wrong thing handed over
    "a graph for a network": (
        lambda: nw.posterior(MAIL.graph, "sent"),
        "network is a Graph.*pass a Network",
    ),
    "a graph acted on": (lambda: nw.do(MAIL.graph, {"sent": "yes"}), "network is a Graph"),
    "a graph predicts": (lambda: nw.predict(MAIL.graph, ROWS, "ordered"), "network is a Graph"),
    "no edges": (lambda: nw.Graph(None), r"edges is None: give a list of pairs \(parent, child\)"),
    "a pair for a list": (lambda: nw.Graph(("a", "b")), "'a' is no edge: give a list of pairs"),
    "a list for a node": (lambda: nw.Graph([(["a"], "b")]), "a node is one name"),
    "nothing asked": (lambda: nw.posterior(MAIL, ()), "names no node"),
    "nothing enumerated": (lambda: nw.enumerate_posterior(MAIL, ()), "names no node"),
    "asked twice": (lambda: nw.posterior(MAIL, ["sent", "sent"]), "names a node twice"),
    "action as a text": (lambda: nw.do(MAIL, "sent"), "action is 'sent': give a mapping"),
    "tiers not in lists": (
        lambda: nw.hill_climb(ROWS, tiers=["sent", "ordered"]),
        r"tiers\[0\] is 'sent': give each tier as a list",
    ),
    "option misspelt": (
        lambda: nw.edge_confidence(ROWS, "constraint_search", alhpa=0.1),
        "no option 'alhpa'; it has levels, alpha, max_given",
    ),
    "nothing to predict": (lambda: nw.tree_augmented(ROWS, "mail"), "the columns are sent, ordered"),
    "counterfactual of nobody": (
        lambda: nw.counterfactual(MAIL, "mail", {"sent": "yes"}),
        "nodes are engaged, sent, ordered.$",
    ),
    "too many draws": (
        lambda: nw.structural_model(nw.lantern_network(), "independent"),
        "use coupling='monotone'",
    ),
    "no group to compare": (
        lambda: nw.adjusted_effect(SPLIT, "sent", "ordered", "group", overlap="drop"),
        "so adjust for coarser bands.$",
    ),
    "a text for a probability": (lambda: nw.necessity_and_sufficiency("a", 0.1), "give probabilities"),
    "counts for shares": (
        lambda: nw.necessity_and_sufficiency(0.3, 0.1, [[10, 20], [3, 4]]),
        "divide counts by their sum",
    ),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("name", BAD)
def test_a_newcomers_mistake_gets_one_sentence(name):
    call, words = BAD[name]
    with pytest.raises(InputError, match=words) as caught:
        call()
    said = str(caught.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert "  " not in said


@pytest.mark.bad_input
def test_some_odd_input_has_a_defined_answer():
    assert nw.evidence_probability(NOBODY, {"sent": "yes"}) == 0
    nobody = nw.predict(MAIL, ROWS.iloc[:0], "ordered")
    assert nobody.shape == (0, 2)
    assert list(nobody.columns) == list(NO_YES)
    # a constant column has one level and no edge
    found = nw.hill_climb(ROWS.assign(always=1))
    assert found.graph.parents("always") == found.graph.children("always") == ()
    # few numbers are levels
    few = nw.fit_tables([("stars", "sent")], pd.DataFrame({"stars": [0.5, 1.0, 0.5], "sent": ["no"] * 3}))
    assert few.levels["stars"] == (0.5, 1.0)


@pytest.mark.unit
def test_networks_and_lists_of_edges_are_taken_for_graphs():
    for given in (MAIL, list(MAIL.graph.edges)):
        assert nw.d_separated(given, "sent", "ordered") is False
        assert nw.explain_paths(given, "sent", "ordered", "engaged")["open"].tolist() == [True, False]
        assert nw.adjustment_sets(given, "sent", "ordered") == [("engaged",)]
        assert nw.backdoor_check(given, "sent", "ordered", "engaged") == ""
        assert nw.backdoor_paths(given, "sent", "ordered") == [["sent", "engaged", "ordered"]]
        assert nw.essential_graph(given) == nw.essential_graph(MAIL.graph)
        assert nw.v_structures(given) == set()
        assert nw.markov_equivalent(given, MAIL.graph)
        assert nw.with_knowledge(given) == nw.with_knowledge(MAIL.graph)
    rows = MAIL.sample(200, 1)
    assert nw.independence_test(rows, "sent", "ordered", "engaged") == nw.independence_test(
        rows, "sent", "ordered", ["engaged"]
    )


@pytest.mark.unit
def test_what_is_printed():
    graph = nw.Graph([("a", "b"), ("c", "b")])
    assert repr(graph) == "Graph of 3 nodes: a -> b, c -> b"
    assert repr(nw.Graph(nodes="ab")) == "Graph of 2 nodes: no edge"
    assert repr(MAIL) == "Network of 3 nodes, 3 edges, 7 free probabilities"
    assert repr(nw.PartialGraph([("a", "b")], [("b", "c")])) == "PartialGraph: a -> b, b - c"


@pytest.mark.unit
def test_relations_come_in_the_order_of_the_nodes():
    graph = nw.Graph([("b", "d"), ("b", "c"), ("a", "d"), ("b", "a")], nodes="abcd")
    assert graph.children("b") == ("a", "c", "d")
    assert graph.parents("d") == ("a", "b")
    assert graph.edges == (("a", "d"), ("b", "a"), ("b", "c"), ("b", "d"))
    assert graph.topological() == ["b", "a", "c", "d"]
    assert graph.layers() == [["b"], ["a", "c"], ["d"]]


@pytest.mark.unit
def test_strata_of_many_columns_do_not_overflow():
    draw = np.random.Generator(np.random.PCG64(3))
    rows = pd.DataFrame({f"z{i}": np.repeat(draw.integers(12, size=2), 200) for i in range(25)})
    levels = {name: range(12) for name in rows.columns}
    rows["sent"], rows["ordered"] = (np.where(draw.random(400) < 0.5, "yes", "no") for _ in range(2))
    found = nw.adjusted_effect(
        rows, "sent", "ordered", [f"z{i}" for i in range(25)], levels=levels, n_resamples=100
    )
    alone = nw.adjusted_effect(
        rows.assign(half=np.repeat(["a", "b"], 200)), "sent", "ordered", "half", n_resamples=100
    )
    assert found.effect == pytest.approx(alone.effect)
    assert sorted(found.strata["rows"]) == [200, 200]


@pytest.mark.unit
def test_strata_stand_in_the_order_of_the_levels():
    rows = pd.DataFrame(
        {
            "size": pd.Categorical(["l", "s", "m", "s"] * 6, ["s", "m", "l"], ordered=True),
            "town": ["b", "a"] * 12,
            "sent": np.repeat(["no", "yes"], 12),
            "ordered": ["no", "no", "yes"] * 8,
        }
    )
    one = nw.adjusted_effect(rows, "sent", "ordered", "size", n_resamples=100).strata
    assert one.index.tolist() == ["s", "m", "l"]
    assert one["rows"].tolist() == [12, 6, 6]
    two = nw.adjusted_effect(rows, "sent", "ordered", ["town", "size"], n_resamples=100).strata
    assert two.index.tolist() == [("a", "s"), ("b", "m"), ("b", "l")]
    assert two.index.names == ["town", "size"]
    by_hand = rows.groupby(["town", "size"], observed=True).size()
    assert two["rows"].to_dict() == by_hand.to_dict()


def conditional_bits(rows, a, b, given):
    """I(a; b | given) from the rows, in bits, the long way."""
    total = 0.0
    for _, own in rows.groupby(given):
        joint = pd.crosstab(own[a], own[b]).to_numpy() / len(own)
        apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
        seen = joint > 0
        total += len(own) / len(rows) * (joint[seen] * np.log2(joint[seen] / apart[seen])).sum()
    return total


@pytest.mark.unit
@pytest.mark.parametrize("seed", range(4))
def test_the_tree_is_the_best_of_all_trees(seed):
    draw = np.random.Generator(np.random.PCG64(seed))
    n = 400
    t, a = draw.integers(2, size=n), draw.integers(3, size=n)
    b = np.where(draw.random(n) < 0.6, a, draw.integers(3, size=n))
    c = np.where(draw.random(n) < 0.5, b, t)
    d = np.where(draw.random(n) < 0.3, a, draw.integers(3, size=n))
    rows = pd.DataFrame({"t": t, "a": a, "b": b, "c": c, "d": d})
    found = nw.tree_augmented(rows, "t")
    assert found.children("t") == ("a", "b", "c", "d")
    assert all(len(found.parents(node)) <= 2 for node in "abcd")
    inner = {frozenset(edge) for edge in found.edges if "t" not in edge}
    bits = {frozenset(pair): conditional_bits(rows, *pair, "t") for pair in combinations("abcd", 2)}
    # three pairs that reach all four make no circle
    trees = [tree for tree in combinations(bits, 3) if len(set().union(*tree)) == 4]
    assert len(trees) == 16
    assert inner == set(max(trees, key=lambda tree: sum(bits[pair] for pair in tree)))
    # thin edges are left out
    middle = sorted(bits[pair] for pair in inner)[1]
    fewer = nw.tree_augmented(rows, "t", least_bits=middle - 1e-9)
    assert {frozenset(e) for e in fewer.edges if "t" not in e} == {
        p for p in inner if bits[p] >= middle - 1e-9
    }


@pytest.mark.unit
def test_naive_bayes_as_a_graph():
    rows = pd.DataFrame({"a": [1], "answer": ["x"], "b": [2]})
    made = nw.naive_graph(rows)
    assert made.edges == (("answer", "a"), ("answer", "b"))
    assert made.nodes[0] == "answer"


LEARNERS = {
    "BIC": (lambda rows, tiers: nw.hill_climb(rows, tiers=tiers), 4.8, 2.9),
    "BDeu": (lambda rows, tiers: nw.hill_climb(rows, "bdeu", tiers=tiers), 3.5, 2.4),
    "tests": (lambda rows, tiers: nw.constraint_search(rows, tiers=tiers), 8.4, 3.2),
}


@pytest.mark.recovery
def test_the_distance_of_each_learner_to_the_shops_graph():
    """Means over 24 other samples of 2,000 rows stand beside each learner; here six samples of their own."""
    network = nw.lantern_network()
    samples = [network.sample(2000, 100 + seed) for seed in range(6)]
    mean = {}
    for (name, (learner, free, told)), tiers in product(LEARNERS.items(), ((), nw.LANTERN_TIERS)):
        best = nw.with_knowledge(network.graph, tiers=tiers)
        own = [nw.structural_hamming(learner(rows, tiers).oriented, best) for rows in samples]
        mean[name, bool(tiers)] = np.mean(own)
        # one sample's distance spreads by about 1: six of them by 0.4
        assert mean[name, bool(tiers)] == pytest.approx(told if tiers else free, abs=1.6)
    assert all(mean[name, True] < mean[name, False] for name in LEARNERS)
    assert mean["tests", False] > mean["BIC", False] + 1


@pytest.mark.recovery
def test_blind_the_score_turns_the_coupons_arrow():
    network = nw.lantern_network()
    rows = network.sample(10_000, 3)
    blind = nw.hill_climb(rows, "bdeu").oriented
    assert ("ordered", "sent") in blind.directed
    told = nw.hill_climb(rows, "bdeu", tiers=nw.LANTERN_TIERS).oriented
    assert ("ordered", "sent") not in told.directed


COLLIDER = nw.Network(
    [("a", "c"), ("b", "c"), ("c", "d")],
    dict.fromkeys("abcd", (0, 1)),
    {
        "a": [0.6, 0.4],
        "b": [0.5, 0.5],
        "c": [[[0.95, 0.05], [0.3, 0.7]], [[0.4, 0.6], [0.02, 0.98]]],
        "d": [[0.9, 0.1], [0.15, 0.85]],
    },
)
TRUE = nw.PartialGraph([("a", "c"), ("b", "c"), ("c", "d")])


@pytest.mark.unit
def test_what_a_learner_hands_back():
    rows = COLLIDER.sample(4000, 2)
    tests = nw.constraint_search(rows)
    assert tests.graph is tests.score is None
    assert tests.essential == tests.oriented == TRUE
    assert tests.steps[["a", "b", "given"]].to_numpy().tolist() == [
        ["a", "b", ""],
        ["a", "d", "c"],
        ["b", "d", "c"],
    ]
    for step in tests.steps.itertuples():
        given = [step.given] if step.given else []
        assert step.p == pytest.approx(nw.independence_test(rows, step.a, step.b, given)[1])
    climbed = nw.hill_climb(rows)
    assert climbed.graph == COLLIDER.graph
    assert climbed.essential == climbed.oriented == TRUE
    assert climbed.score == pytest.approx(nw.score_structure(COLLIDER.graph, rows))
    # the steps, taken one after the other, lead from no edge to the graph, and their gains to its score
    edges, score = set(), nw.score_structure(nw.Graph(nodes="abcd"), rows)
    for step in climbed.steps.itertuples():
        edge = (step.parent, step.child)
        edges = {"add": edges | {edge}, "remove": edges - {edge}, "turn": edges - {edge} | {edge[::-1]}}[
            step.change
        ]
        score += step.gain
        assert score == pytest.approx(nw.score_structure(nw.Graph(sorted(edges), "abcd"), rows))
    assert edges == set(climbed.graph.edges)
    # knowledge orients what the rows leave open, and the class without it stays as it was
    pair = nw.PartialGraph([], [("c", "d")])
    for learner in (nw.hill_climb, nw.constraint_search):
        told = learner(rows[["c", "d"]], tiers=[["d"], ["c"]])
        assert told.essential == pair
        assert told.oriented == nw.PartialGraph([("d", "c")], [], ["c", "d"])


@pytest.mark.unit
def test_structures_to_the_letter():
    assert nw.v_structures(COLLIDER.graph) == {(frozenset("ab"), "c")}
    both = nw.Graph([("a", "c"), ("b", "c"), ("d", "c")])
    assert nw.v_structures(both) == {(frozenset(pair), "c") for pair in ("ab", "ad", "bd")}
    chain = nw.essential_graph([("a", "b"), ("b", "c")])
    assert [graph.edges for graph in nw.acyclic_orientations(chain)] == [
        (("a", "b"), ("b", "c")),
        (("b", "a"), ("b", "c")),
        (("b", "a"), ("c", "b")),
    ]
    found = nw.Graph([("b", "a"), ("c", "b"), ("c", "d")], "abcd")
    true = nw.Graph([("a", "b"), ("b", "c"), ("a", "c")], "abcd")
    assert nw.structural_errors(found, true) == {"missing": 1, "extra": 1, "direction": 2}
    lone = nw.Graph([], "abcd")
    assert nw.structural_errors(lone, true) == {"missing": 3, "extra": 0, "direction": 0}
    assert nw.structural_errors(true, lone) == {"missing": 0, "extra": 3, "direction": 0}


@pytest.mark.unit
def test_steps_and_bits_stand_in_their_order():
    steps = nw.elimination_steps(COLLIDER, "d", {"a": 1})
    assert steps["summed_out"].tolist() == ["b", "c"]
    assert steps["from"].tolist() == ["f(b) · f(b, c)", "f(c, d) · f(c)"]
    assert steps["leaves"].tolist() == ["f(c)", "f(d)"]
    assert steps["cells"].tolist() == [4, 4]
    bits = nw.edge_bits(COLLIDER)
    assert list(zip(bits["parent"], bits["child"])) == [("a", "c"), ("b", "c"), ("c", "d")]
    joint = nw.enumerate_posterior(COLLIDER, ["a", "b", "c", "d"])

    def entropy(*nodes):
        p = joint.groupby(level=list(nodes)).sum()
        return -(p * np.log2(p)).sum()

    for row in bits.itertuples():
        a, c = row.parent, row.child
        assert row.bits == pytest.approx(entropy(a) + entropy(c) - entropy(a, c))
    given = [
        entropy("a", "b") + entropy("b", "c") - entropy("a", "b", "c") - entropy("b"),
        entropy("a", "b") + entropy("a", "c") - entropy("a", "b", "c") - entropy("a"),
        entropy("c") + entropy("d") - entropy("c", "d"),
    ]
    assert bits["bits_given_others"].tolist() == pytest.approx(given)


@pytest.mark.unit
def test_bits_belong_to_their_rows():
    rows = COLLIDER.sample(12, 2).set_axis(list("klmnopqrstuv"))
    joint = nw.enumerate_posterior(COLLIDER, ["a", "b", "c", "d"])
    bits = COLLIDER.bits(rows)
    assert bits.index.tolist() == rows.index.tolist()
    assert bits.tolist() == pytest.approx(
        [-np.log2(joint[tuple(row)]) for row in rows.itertuples(index=False)]
    )
    assert bits.nunique() > 3


@pytest.mark.unit
def test_confidence_counts_what_the_learner_finds_again():
    rows = COLLIDER.sample(150, 5)
    table = nw.edge_confidence(rows, n_resamples=30, random_state=4)
    assert table["joined"].is_monotonic_decreasing
    assert table["joined"].nunique() > 1
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence(4)))
    joined, arrow = {}, {}
    for _ in range(30):
        again = rows.iloc[np.sort(draw.integers(150, size=150))]
        found = nw.hill_climb(again).oriented
        for pair in [*found.directed, *map(tuple, found.undirected)]:
            joined[frozenset(pair)] = joined.get(frozenset(pair), 0) + 1 / 30
        for edge in found.directed:
            arrow[edge] = arrow.get(edge, 0) + 1 / 30
    assert len(table) == len(joined)
    for row in table.itertuples():
        assert row.joined == pytest.approx(joined[frozenset((row.parent, row.child))])
        assert row.directed == pytest.approx(arrow.get((row.parent, row.child), 0))
        assert row.reversed == pytest.approx(arrow.get((row.child, row.parent), 0))
        assert row.directed >= row.reversed


@pytest.mark.unit
def test_both_intervals_are_those_of_a_difference_of_shares():
    draw = np.random.Generator(np.random.PCG64(7))
    sent = draw.random(3000) < 0.4
    ordered = draw.random(3000) < np.where(sent, 0.3, 0.2)
    rows = pd.DataFrame({"sent": np.where(sent, "yes", "no"), "ordered": np.where(ordered, "yes", "no")})
    found = nw.adjusted_effect(rows, "sent", "ordered", n_resamples=4000)
    p1, p0 = ordered[sent].mean(), ordered[~sent].mean()
    error = np.sqrt(p1 * (1 - p1) / sent.sum() + p0 * (1 - p0) / (~sent).sum())
    ends = [p1 - p0 - 1.96 * error, p1 - p0 + 1.96 * error]
    # nothing to adjust for: seeing and doing are the same
    assert [found.low, found.high] == pytest.approx(ends, abs=0.15 * error)
    assert [found.naive_low, found.naive_high] == pytest.approx(ends, abs=0.15 * error)
    narrow = nw.adjusted_effect(rows, "sent", "ordered", n_resamples=4000, level=0.5)
    assert narrow.high - narrow.low == pytest.approx(2 * 0.6745 * error, rel=0.1)


@pytest.mark.unit
def test_doors_and_sets_stand_in_order():
    graph = nw.Graph(
        [("z", "t"), ("z", "y"), ("a", "t"), ("a", "b"), ("b", "y"), ("t", "m"), ("m", "y")],
        nodes=["t", "y", "z", "a", "b", "m"],
    )
    assert nw.backdoor_paths(graph, "t", "y") == [["t", "z", "y"], ["t", "a", "b", "y"]]
    assert nw.adjustment_sets(graph, "t", "y") == [("z", "a"), ("z", "b")]
    assert nw.backdoor_check(graph, "t", "y", ["a"]) == "the path t <- z -> y stays open"
    assert nw.backdoor_check(graph, "t", "y", ["z"]) == "the path t <- a -> b -> y stays open"
    assert nw.backdoor_check(graph, "t", "y", ["z", "a", "m"]) == "m is an effect of t"
    assert nw.backdoor_check(graph, "t", "y", ["z", "b"]) == ""


@pytest.mark.unit
def test_the_three_questions_stand_in_order():
    table = nw.necessity_and_sufficiency(0.3, 0.2)
    assert table.index.tolist() == ["necessity", "sufficiency", "both"]
    assert table["if_never_harmful"].tolist() == pytest.approx([1 / 3, 0.125, 0.1])
    assert table["low"].tolist() == pytest.approx([1 / 3, 0.125, 0.1])
    assert table["high"].tolist() == pytest.approx([1.0, 0.375, 0.3])


@pytest.mark.recovery
def test_the_campaign_and_the_features_belong_to_their_customers():
    from bigmkt_helpers.datasets import load_shop
    from bigmkt_helpers.shop.world import cutoff

    shop = load_shop()
    campaign = nw.ConfoundedCampaign.of_shop(shop)
    assert len(campaign.simulate(77, 1)) == 77
    week = nw.CAMPAIGN_WEEK
    times = shop.orders["order_time"]
    lately = shop.orders[(times >= cutoff(week - 8)) & (times < cutoff(week))]
    n = lately.groupby("customer_id")["order_id"].nunique().reindex(campaign.pool.index, fill_value=0)
    by_hand = n.clip(upper=2).map(dict(enumerate(campaign.LEVELS)))
    assert campaign.pool["recent_orders"].tolist() == by_hand.tolist()
    tables = {"orders": shop.orders, "sessions": shop.sessions, "customers": shop.customers}
    some = pd.Index(lately["customer_id"].unique()[:3])
    together = nw.forecast_features(tables, some, cutoff(week))
    assert together.index.tolist() == some.tolist()
    assert together["recency"].nunique() == 3
    for customer in some:
        alone = nw.forecast_features(tables, pd.Index([customer]), cutoff(week))
        assert together.loc[[customer]].to_dict() == alone.to_dict()


@pytest.mark.published
def test_an_example_is_read_as_printed():
    cancer = nw.load_example("cancer")
    assert nw.posterior(cancer, "Cancer")["True"] == pytest.approx(0.01163, abs=1e-6)
    assert cancer.table("Cancer").loc[("high", "True"), "True"] == pytest.approx(0.05)
