"""Bayesian networks: graphs, elimination, learning, causes; by hand, by brute force, with bad input."""

from itertools import combinations, pairwise, permutations, product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from scipy.stats import chi2_contingency

from bigmkt_helpers import networks as nw
from bigmkt_helpers.errors import InputError, NotFittedError

NO_YES = ("no", "yes")


def draw_from(seed):
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def all_graphs(n):
    """Every directed acyclic graph on n named nodes."""
    nodes = "abcde"[:n]
    pairs = list(combinations(nodes, 2))
    for kinds in product((0, 1, 2), repeat=len(pairs)):
        edges = [pair if kind == 1 else pair[::-1] for pair, kind in zip(pairs, kinds) if kind]
        if not nw.find_cycle(edges):
            yield nw.Graph(edges, nodes)


def random_network(draw, n, most_levels=3, density=0.5, zeros=0.0):
    nodes = [f"v{i}" for i in range(n)]
    order = draw.permutation(n)
    edges = [
        (nodes[order[i]], nodes[order[j]]) for i, j in combinations(range(n), 2) if draw.random() < density
    ]
    graph = nw.Graph(edges, nodes)
    levels = {node: tuple(f"l{k}" for k in range(draw.integers(2, most_levels + 1))) for node in nodes}
    tables = {}
    for node in nodes:
        shape = [len(levels[v]) for v in (*graph.parents(node), node)]
        table = draw.dirichlet(np.ones(shape[-1]), size=shape[:-1])
        table[draw.random(table.shape) < zeros] = 0
        table[table.sum(axis=-1) == 0] = 1.0
        tables[node] = table / table.sum(axis=-1, keepdims=True)
    return nw.Network(graph, levels, tables)


MAIL = nw.Network(
    [("engaged", "sent"), ("engaged", "ordered"), ("sent", "ordered")],
    dict.fromkeys(["engaged", "sent", "ordered"], NO_YES),
    {
        "engaged": [0.7, 0.3],
        "sent": [[0.9, 0.1], [0.2, 0.8]],
        # engaged, sent, ordered
        "ordered": [[[0.98, 0.02], [0.96, 0.04]], [[0.7, 0.3], [0.6, 0.4]]],
    },
)


# graphs


@pytest.mark.unit
def test_a_graph_knows_its_relations():
    graph = nw.Graph([("a", "c"), ("b", "c"), ("c", "d")], nodes=["e"])
    assert graph.nodes == ("e", "a", "c", "b", "d")
    assert graph.parents("c") == ("a", "b")
    assert graph.ancestors("d") == {"a", "b", "c", "d"}
    assert graph.descendants("b") == {"b", "c", "d"}
    assert graph.layers() == [["e", "a", "b"], ["c"], ["d"]]
    assert graph.markov_blanket("a") == {"c", "b"}
    assert graph.changed(add=[("a", "d")], remove=[("a", "c")]).edges == (("a", "d"), ("c", "d"), ("b", "c"))
    assert graph == nw.Graph([("c", "d"), ("a", "c"), ("b", "c")], nodes="abcde")
    assert hash(graph) == hash(nw.Graph(graph.edges, "abcde"))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ([("X2", "X1"), ("X1", "X2")], "X2 -> X1 -> X2"),
        ([("a", "a")], "a -> a"),
        ([("s", "a"), ("a", "b"), ("b", "c"), ("c", "a")], "a -> b -> c -> a"),
    ],
)
def test_a_cycle_is_named(edges, cycle):
    with pytest.raises(InputError, match=cycle) as caught:
        nw.Graph(edges)
    assert "directed acyclic graph" in str(caught.value)
    assert str(caught.value).count(".") == 1


@pytest.mark.unit
def test_find_cycle_against_every_graph_of_three_nodes():
    arrows = [(a, b) for a, b in permutations("abc", 2)]
    for chosen in product((False, True), repeat=6):
        edges = [edge for edge, there in zip(arrows, chosen) if there]
        power, matrix = np.eye(3), np.zeros((3, 3))
        for a, b in edges:
            matrix["abc".index(a), "abc".index(b)] = 1
        has_cycle = False
        for _ in range(3):
            power = power @ matrix
            has_cycle |= bool(np.trace(power))
        found = nw.find_cycle(edges)
        assert bool(found) == has_cycle
        if found:
            assert found[0] == found[-1]
            assert set(pairwise(found)) <= set(edges)


def blocked_by_paths(graph, x, y, given):
    """The definition, path by path."""
    edges = set(graph.edges)
    others = set(graph.nodes) - {x, y}
    for between in (p for size in range(len(others) + 1) for p in permutations(others, size)):
        path = [x, *between, y]
        if not all((a, b) in edges or (b, a) in edges for a, b in pairwise(path)):
            continue
        is_open = True
        for a, m, b in zip(path, path[1:], path[2:]):
            if (a, m) in edges and (b, m) in edges:
                is_open &= bool(graph.descendants(m) & set(given))
            else:
                is_open &= m not in given
        if is_open:
            return False
    return True


@pytest.mark.unit
def test_d_separation_against_enumeration_of_paths_on_every_small_graph():
    n_graphs = n_separated = 0
    for n in (2, 3, 4):
        for graph in all_graphs(n):
            n_graphs += 1
            for x, y in combinations(graph.nodes, 2):
                rest = [node for node in graph.nodes if node not in (x, y)]
                for given in (g for size in range(len(rest) + 1) for g in combinations(rest, size)):
                    wanted = blocked_by_paths(graph, x, y, given)
                    assert nw.d_separated(graph, x, y, given) == wanted == nw.d_separated(graph, y, x, given)
                    n_separated += wanted
    assert n_graphs == 3 + 25 + 543
    assert n_separated > 1000


@pytest.mark.unit
def test_d_separation_is_what_random_tables_show():
    draw = draw_from(5)
    for _ in range(25):
        network = random_network(draw, 5, 2)
        joint = nw.enumerate_posterior(network, network.nodes).to_numpy().reshape([2] * 5)
        for x, y in combinations(range(5), 2):
            rest = [i for i in range(5) if i not in (x, y)]
            for given in (g for size in range(4) for g in combinations(rest, size)):
                out = tuple(i for i in rest if i not in given)
                p = np.moveaxis(joint.sum(axis=out, keepdims=True), (x, y), (-2, -1)).reshape(-1, 2, 2)
                apart = p.sum(axis=2, keepdims=True) * p.sum(axis=1, keepdims=True)
                gap = np.abs(p * p.sum(axis=(1, 2), keepdims=True) - apart).max()
                said = nw.d_separated(network.graph, f"v{x}", f"v{y}", [f"v{i}" for i in given])
                assert (gap < 1e-12) == said


@pytest.mark.unit
def test_explained_paths_agree_with_d_separation():
    for graph in list(all_graphs(4))[::6]:
        for given in [(), ("c",), ("c", "d")]:
            table = nw.explain_paths(graph, "a", "b", given)
            assert (not table["open"].any()) == nw.d_separated(graph, "a", "b", given)
            assert ((table["closed_by"] == "") == table["open"]).all()
    collider = nw.explain_paths(nw.Graph([("a", "c"), ("b", "c")]), "a", "b")
    assert collider["closed_by"].tolist() == ["arrows meet at c, and neither it nor a descendant is given"]


@pytest.mark.unit
def test_equivalence_and_essential_graphs_against_every_graph_of_four_nodes():
    classes = {}
    for graph in all_graphs(4):
        said = frozenset(
            (x, y, given)
            for x, y in combinations("abcd", 2)
            for size in range(3)
            for given in combinations([n for n in "abcd" if n not in (x, y)], size)
            if nw.d_separated(graph, x, y, given)
        )
        classes.setdefault(said, []).append(graph)
    # number of classes of four nodes (Gillispie & Perlman)
    assert len(classes) == 185
    for members in classes.values():
        shared = set.intersection(*(set(g.edges) for g in members))
        wanted = nw.essential_graph(members[0])
        assert wanted.directed == shared
        assert all(nw.essential_graph(g) == wanted for g in members)
        assert set(nw.acyclic_orientations(wanted)) == set(members)
        assert all(nw.markov_equivalent(members[0], g) for g in members)
    first = [members[0] for members in classes.values()][:40]
    assert not any(nw.markov_equivalent(a, b) for a, b in combinations(first, 2))


@pytest.mark.unit
def test_structural_hamming_distance_is_a_distance():
    true = nw.Graph([("a", "b"), ("b", "c"), ("c", "d")])
    found = nw.Graph([("b", "a"), ("b", "c"), ("a", "d")], nodes="abcd")
    assert nw.structural_errors(found, true) == {"missing": 1, "extra": 1, "direction": 1}
    assert nw.structural_hamming(found, true) == 3
    graphs = [g for i, g in enumerate(all_graphs(4)) if i % 29 == 0]
    for a, b, c in product(graphs, repeat=3):
        assert (nw.structural_hamming(a, b) == 0) == (a == b)
        assert nw.structural_hamming(a, b) == nw.structural_hamming(b, a)
        assert nw.structural_hamming(a, c) <= nw.structural_hamming(a, b) + nw.structural_hamming(b, c)
    chain, collider = nw.Graph([("a", "b"), ("b", "c")]), nw.Graph([("a", "b"), ("c", "b")])
    assert nw.structural_hamming(nw.essential_graph(chain), nw.essential_graph(collider)) == 2


@pytest.mark.unit
def test_background_knowledge_adds_arrows():
    graph = nw.Graph([("a", "b"), ("a", "c"), ("c", "b"), ("a", "d")])
    told = nw.with_knowledge(graph, tiers=[["a"], ["b", "c", "d"]])
    assert {("a", "b"), ("a", "c"), ("a", "d")} <= told.directed
    assert told.undirected == {frozenset("bc")}


# inference


@pytest.mark.unit
def test_mail_by_hand():
    ordered = 0.7 * (0.9 * 0.02 + 0.1 * 0.04) + 0.3 * (0.2 * 0.3 + 0.8 * 0.4)
    assert nw.posterior(MAIL, "ordered")["yes"] == pytest.approx(ordered, rel=1e-12)
    given_sent = (0.7 * 0.1 * 0.04 + 0.3 * 0.8 * 0.4) / (0.7 * 0.1 + 0.3 * 0.8)
    assert nw.posterior(MAIL, "ordered", {"sent": "yes"})["yes"] == pytest.approx(given_sent, rel=1e-12)
    assert nw.evidence_probability(MAIL, {"sent": "yes"}) == pytest.approx(0.31, rel=1e-12)
    both = nw.posterior(MAIL, ["sent", "engaged"], {"ordered": "yes"})
    assert both.index.names == ["sent", "engaged"]
    assert both["yes", "yes"] == pytest.approx(0.3 * 0.8 * 0.4 / ordered, rel=1e-12)


@pytest.mark.unit
def test_elimination_agrees_with_enumeration_on_300_random_networks():
    draw = draw_from(11)
    impossible = 0
    for i in range(300):
        network = random_network(draw, int(draw.integers(2, 7)), 3, draw.random(), zeros=0.3 * (i % 2))
        nodes = list(draw.permutation(network.nodes))
        n_query = int(draw.integers(1, min(3, len(nodes)) + 1))
        query, rest = nodes[:n_query], nodes[n_query:]
        seen = rest[: int(draw.integers(0, len(rest) + 1))]
        evidence = {node: network.levels[node][draw.integers(len(network.levels[node]))] for node in seen}
        if nw.evidence_probability(network, evidence) == 0:
            impossible += 1
            with pytest.raises(InputError, match="probability 0"):
                nw.posterior(network, query, evidence)
            with pytest.raises(InputError, match="probability 0"):
                nw.enumerate_posterior(network, query, evidence)
            continue
        ours = nw.posterior(network, query, evidence)
        wanted = nw.enumerate_posterior(network, query, evidence)
        np.testing.assert_allclose(ours, wanted, atol=1e-12)
        assert ours.index.equals(wanted.index)
        hidden = [node for node in nodes if node not in query and node not in seen]
        order = list(draw.permutation(hidden))
        np.testing.assert_allclose(nw.posterior(network, query, evidence, order), wanted, atol=1e-12)
    assert 5 < impossible < 200


@pytest.mark.unit
def test_predictions_of_many_rows_are_the_posteriors():
    draw = draw_from(3)
    for _ in range(15):
        network = random_network(draw, 6, 3)
        rows = network.sample(40, int(draw.integers(1000)))
        for columns in (list(network.nodes[1:]), ["v2", "v4"], ["v5"]):
            found = nw.predict(network, rows[columns].assign(noise=1), "v0")
            for i in (0, 17, 39):
                wanted = nw.posterior(network, "v0", rows[columns].iloc[i])
                np.testing.assert_allclose(found.iloc[i], wanted, atol=1e-12)
        blind = nw.predict(network, pd.DataFrame(index=[4, 5]), "v0")
        np.testing.assert_allclose(blind.loc[5], nw.posterior(network, "v0"))


@pytest.mark.unit
def test_steps_tell_the_work_and_a_bad_order_costs():
    star = nw.Network(
        [("hub", f"leaf{i}") for i in range(8)],
        dict.fromkeys(["hub", *(f"leaf{i}" for i in range(8))], NO_YES),
        {"hub": [0.5, 0.5], **{f"leaf{i}": [[0.9, 0.1], [0.2, 0.8]] for i in range(8)}},
    )
    leaves = [f"leaf{i}" for i in range(1, 8)]
    seen = {"leaf0": "yes"}
    good = nw.elimination_steps(star, leaves[:3], seen)
    # leaves nobody asks for are no ancestors of the question: they never enter
    assert good["summed_out"].tolist() == ["hub"]
    assert good["cells"].tolist() == [16]
    chain = nw.Network(
        [("a", "b"), ("b", "c"), ("c", "d")],
        {key: [0, 1, 2] for key in "abcd"},
        {"a": [0.2, 0.3, 0.5], **{v: np.full((3, 3), 1 / 3) for v in "bcd"}},
    )
    assert nw.elimination_steps(chain, "d")["cells"].tolist() == [9, 9, 9]
    assert nw.elimination_steps(chain, "d", order=["b", "c", "a"])["cells"].max() == 27


@pytest.mark.unit
def test_edge_bits_by_hand():
    table = nw.edge_bits(MAIL).set_index(["parent", "child"])
    joint = nw.enumerate_posterior(MAIL, MAIL.nodes).to_numpy().reshape(2, 2, 2)

    def information(p):
        cells = [(i, j) for i in range(2) for j in range(2) if p[i, j]]
        return sum(p[i, j] * np.log2(p[i, j] / (p[i].sum() * p[:, j].sum())) for i, j in cells)

    assert table.loc[("sent", "ordered"), "bits"] == pytest.approx(information(joint.sum(axis=0)), rel=1e-9)
    given = sum(joint[e].sum() * information(joint[e] / joint[e].sum()) for e in range(2))
    assert table.loc[("sent", "ordered"), "bits_given_others"] == pytest.approx(given, rel=1e-9)
    assert table.loc[("engaged", "sent"), "bits"] == pytest.approx(information(joint.sum(axis=2)), rel=1e-9)


@pytest.mark.unit
def test_samples_and_bits_follow_the_tables():
    rows = MAIL.sample(20_000, 7)
    pd.testing.assert_frame_equal(rows, MAIL.sample(20_000, 7))
    joint = nw.posterior(MAIL, MAIL.nodes)
    shares = rows.astype(str).value_counts(normalize=True).reindex(joint.index, fill_value=0)
    np.testing.assert_allclose(shares, joint, atol=4 * np.sqrt(0.25 / 20_000))
    bits = MAIL.bits(rows)
    assert bits.iloc[0] == pytest.approx(-np.log2(joint[tuple(rows.iloc[0])]), rel=1e-9)
    entropy = -(joint * np.log2(joint)).sum()
    assert bits.mean() == pytest.approx(entropy, abs=4 * bits.std() / np.sqrt(20_000))


# learning

ROWS = pd.DataFrame(
    {
        "sent": ["no", "no", "no", "yes", "yes"],
        "ordered": ["no", "no", "yes", "yes", "yes"],
        "tier": [1, 2, 2, 1, 3],
    }
)


@pytest.mark.unit
def test_tables_by_hand():
    graph = [("sent", "ordered")]
    exact = nw.fit_tables(graph, ROWS, prior="none")
    assert exact.table("ordered").to_numpy().tolist() == [pytest.approx([2 / 3, 1 / 3]), [0, 1]]
    laplace = nw.fit_tables(graph, ROWS, prior="laplace")
    assert laplace.table("ordered").loc["yes", "yes"] == pytest.approx(3 / 4)
    # 10 rows over 4 cells; 10 over 2
    bdeu = nw.fit_tables(graph, ROWS)
    assert bdeu.table("ordered").loc["yes", "yes"] == pytest.approx((2 + 2.5) / (2 + 5))
    assert bdeu.table("sent").to_numpy().tolist() == [pytest.approx([8 / 15, 7 / 15])]
    declared = nw.fit_tables([("tier", "sent")], ROWS, {"tier": [1, 2, 3, 4]}, prior="laplace")
    assert declared.table("sent").loc[4].tolist() == [0.5, 0.5]


@pytest.mark.recovery
def test_tables_are_recovered():
    rows = MAIL.sample(100_000, 2)
    found = nw.fit_tables(MAIL.graph, rows)
    for node in MAIL.nodes:
        np.testing.assert_allclose(found.table(node), MAIL.table(node), atol=0.02)


@pytest.mark.unit
def test_bands():
    draw = draw_from(1)
    table = pd.DataFrame({"spend": draw.gamma(2, 50, 1000), "orders": draw.poisson(1, 1000), "who": "x"})
    bands = nw.Discretiser({"spend": 4, "orders": [1, 3]})
    out = bands.fit_transform(table)
    assert out["spend"].value_counts().tolist() == pytest.approx([250] * 4, abs=2)
    assert out["spend"].cat.ordered
    assert (out.loc[table["orders"] == 3, "orders"] == ">= 3").all()
    assert (out.loc[table["orders"] == 0, "orders"] == "< 1").all()
    assert out["who"].equals(table["who"])
    beyond = bands.transform(pd.DataFrame({"spend": [-5.0, 1e9], "orders": [0, 99]}))
    assert beyond["spend"].cat.codes.tolist() == [0, 3]


@pytest.mark.unit
def test_scores_by_other_ways():
    rows = MAIL.sample(300, 4)
    graph = nw.Graph([("engaged", "ordered"), ("sent", "ordered")])
    fitted = nw.fit_tables(graph, rows, prior="none")
    wanted = -fitted.bits(rows).sum() - 0.5 * np.log2(300) * (1 + 1 + 4)
    assert nw.score_structure(graph, rows) == pytest.approx(wanted, rel=1e-9)
    # BDeu row by row: each row's probability under what the rows before taught
    total, codes = 0.0, {c: rows[c].cat.codes.to_numpy() for c in rows}
    for node in graph.nodes:
        parents = graph.parents(node)
        counts = np.full((2 ** len(parents), 2), 10 / (2 ** len(parents) * 2))
        for i in range(300):
            row = int(sum(codes[p][i] * 2**k for k, p in enumerate(parents)))
            total += np.log2(counts[row, codes[node][i]] / counts[row].sum())
            counts[row, codes[node][i]] += 1
    assert nw.score_structure(graph, rows, "bdeu") == pytest.approx(total, rel=1e-9)


@pytest.mark.unit
@pytest.mark.parametrize("score", ["bic", "bdeu"])
def test_equivalent_graphs_score_the_same(score):
    rows = random_network(draw_from(9), 4, 3).sample(200, 1).set_axis(list("abcd"), axis=1)
    for graph in [g for i, g in enumerate(all_graphs(4)) if i % 90 == 0]:
        members = nw.acyclic_orientations(nw.essential_graph(graph))
        values = [nw.score_structure(g, rows, score) for g in members]
        np.testing.assert_allclose(values, values[0], rtol=1e-10)


@pytest.mark.unit
def test_hill_climbing_against_the_best_of_all_graphs():
    draw = draw_from(21)
    reached, graphs = 0, list(all_graphs(4))
    for i in range(2):
        rows = random_network(draw, 4, 2, 0.6).sample(400, i).set_axis(list("abcd"), axis=1)
        # the score is a sum over nodes: each node with each set of parents is worked out once
        local = {}
        for node in "abcd":
            for parents in (p for n in range(4) for p in combinations([o for o in "abcd" if o != node], n)):
                star = nw.Graph([(p, node) for p in parents], [*parents, node])
                alone = nw.score_structure(nw.Graph(nodes=parents), rows) if parents else 0.0
                local[node, parents] = nw.score_structure(star, rows) - alone
        best = max(sum(local[n, tuple(sorted(g.parents(n)))] for n in "abcd") for g in graphs)
        found = nw.hill_climb(rows, restarts=10)
        assert found.score == pytest.approx(nw.score_structure(found.graph, rows), rel=1e-12)
        assert found.score <= best + 1e-6
        assert found.essential == nw.essential_graph(found.graph)
        assert (found.steps.loc[found.steps["change"] != "shake", "gain"] > 0).all()
        reached += found.score > best - 1e-6
    assert reached == 2


@pytest.mark.unit
def test_background_knowledge_is_kept():
    rows = random_network(draw_from(2), 6, 2, 0.7).sample(500, 1)
    tiers = [["v5", "v4"], ["v3"], ["v2", "v1", "v0"]]
    place = {node: number for number, tier in enumerate(tiers) for node in tier}
    known = {"tiers": tiers, "forbidden": [("v4", "v0")], "required": [("v5", "v0")]}
    for restarts in (0, 5):
        found = nw.hill_climb(rows, max_parents=2, restarts=restarts, **known)
        assert all(place[a] <= place[b] for a, b in found.graph.edges)
        assert ("v5", "v0") in found.graph.edges
        assert ("v4", "v0") not in found.graph.edges
        assert max(len(found.graph.parents(node)) for node in found.graph.nodes) <= 2
    tested = nw.constraint_search(rows, **known)
    assert all(place[a] <= place[b] for a, b in tested.oriented.directed)
    assert ("v5", "v0") in tested.oriented.directed
    assert all(place[a] == place[b] for a, b in map(tuple, tested.oriented.undirected))


@pytest.mark.unit
def test_the_g_test_agrees_with_scipy():
    rows = random_network(draw_from(8), 4, 3, 0.8).sample(500, 3)
    g, p, free = nw.independence_test(rows, "v0", "v1")
    wanted = chi2_contingency(pd.crosstab(rows["v0"], rows["v1"]), correction=False, lambda_="log-likelihood")
    assert (g, p, free) == (pytest.approx(wanted[0]), pytest.approx(wanted[1]), wanted[2])
    text, how = rows.astype(str), {"correction": False, "lambda_": "log-likelihood"}
    parts = [chi2_contingency(pd.crosstab(own["v0"], own["v1"]), **how) for _, own in text.groupby("v2")]
    g, _, free = nw.independence_test(rows, "v0", "v1", ["v2"])
    assert (g, free) == (pytest.approx(sum(part[0] for part in parts)), sum(part[2] for part in parts))


@pytest.mark.recovery
def test_false_edges_are_as_rare_as_alpha_says():
    found = 0
    for seed in range(120):
        a, b = draw_from([1, seed]).integers(3, size=(2, 200))
        found += nw.independence_test(pd.DataFrame({"a": a, "b": b}), "a", "b")[1] < 0.2
    # 120 tests at 0.2: 24 are due; 9 to 42 in all but one case in 1,000
    assert 9 <= found <= 42


@pytest.mark.recovery
def test_confidence_separates_edges_from_chance():
    rows = MAIL.sample(3000, 1).assign(coin=draw_from(1).integers(2, size=3000))
    options = {"n_resamples": 40, "random_state": 3, "tiers": [["engaged", "coin"], ["sent"], ["ordered"]]}
    for learner in ("hill_climb", "constraint_search"):
        table = nw.edge_confidence(rows, learner, **options).set_index(["parent", "child"])
        assert table.loc[("engaged", "sent"), "directed"] == 1
        assert table.loc[("engaged", "ordered"), "directed"] == 1
        coins = [edge for edge in table.index if "coin" in edge]
        assert table.loc[coins, "joined"].max() < 0.5
        again = nw.edge_confidence(rows, learner, **options).set_index(["parent", "child"])
        pd.testing.assert_frame_equal(table, again)
        assert ((table["directed"] + table["reversed"]) <= table["joined"] + 1e-12).all()


# causes


@pytest.mark.unit
def test_do_is_not_conditioning():
    seen = nw.posterior(MAIL, "ordered", {"sent": "yes"})["yes"]
    done = nw.interventional(MAIL, "ordered", {"sent": "yes"})["yes"]
    assert done == pytest.approx(0.7 * 0.04 + 0.3 * 0.4, rel=1e-12)
    assert seen > 2 * done
    assert nw.posterior(nw.do(MAIL, {"sent": "yes"}), "engaged")["yes"] == pytest.approx(0.3)
    # acting on an effect leaves the cause
    assert nw.interventional(MAIL, "sent", {"ordered": "yes"})["yes"] == pytest.approx(0.31)


def adjusted(network, treatment, outcome, chosen, level):
    """Σ_z P(z) P(outcome | treatment, z)."""
    total = 0
    weights = nw.posterior(network, list(chosen)) if chosen else {(): 1.0}
    for z, weight in weights.items():
        z = z if isinstance(z, tuple) else (z,)
        seen = {treatment: level, **dict(zip(chosen, z))}
        total += weight * nw.posterior(network, outcome, seen).to_numpy()
    return total


@pytest.mark.unit
def test_adjustment_equals_surgery_where_the_criterion_holds():
    draw = draw_from(17)
    valid = failed = 0
    for _ in range(20):
        network = random_network(draw, 5, 2, 0.6)
        wanted = nw.interventional(network, "v1", {"v0": "l0"}).to_numpy()
        for chosen in (c for size in range(4) for c in combinations(["v2", "v3", "v4"], size)):
            gap = np.abs(adjusted(network, "v0", "v1", chosen, "l0") - wanted).max()
            if nw.backdoor_check(network.graph, "v0", "v1", chosen) == "":
                valid += 1
                assert gap < 1e-12
            else:
                failed += gap > 1e-6
    assert valid > 25
    assert failed > 12


@pytest.mark.unit
def test_the_back_door_criterion_against_its_definition():
    for graph in list(all_graphs(4))[::4]:
        subsets = [c for size in range(3) for c in combinations("cd", size)]
        good = []
        for chosen in subsets:
            late = graph.descendants("a") & set(chosen)
            into = nw.Graph([edge for edge in graph.edges if edge[0] != "a"], graph.nodes)
            wanted = not late and blocked_by_paths(into, "a", "b", chosen)
            assert (nw.backdoor_check(graph, "a", "b", chosen) == "") == wanted
            good += [chosen] if wanted else []
        smallest = [c for c in good if not any(set(other) < set(c) for other in good)]
        assert set(nw.adjustment_sets(graph, "a", "b")) == set(smallest)
        doors = nw.backdoor_paths(graph, "a", "b")
        assert all(path[1] in graph.parents("a") for path in doors)
        if not doors:
            assert nw.adjustment_sets(graph, "a", "b") == [()]


@pytest.mark.unit
def test_adjusted_effect_by_hand():
    rows = pd.DataFrame(
        [
            *[("low", "yes", "yes")] * 2,
            *[("low", "yes", "no")] * 8,
            *[("low", "no", "yes")] * 3,
            *[("low", "no", "no")] * 27,
            *[("high", "yes", "yes")] * 28,
            *[("high", "yes", "no")] * 12,
            *[("high", "no", "yes")] * 10,
            *[("high", "no", "no")] * 10,
        ],
        columns=["engaged", "sent", "ordered"],
    )
    found = nw.adjusted_effect(rows, "sent", "ordered", "engaged", graph=MAIL.graph)
    assert found.naive == pytest.approx(30 / 50 - 13 / 50)
    assert found.effect == pytest.approx(0.4 * (0.2 - 0.1) + 0.6 * (0.7 - 0.5))
    assert found.treated - found.untreated == pytest.approx(found.effect)
    assert found.low < found.effect < found.high
    assert found.strata.loc["high", "effect"] == pytest.approx(0.2)
    assert nw.adjusted_effect(rows, "sent", "ordered").effect == pytest.approx(found.naive)
    assert nw.adjusted_effect(rows, "sent", "ordered", "engaged").low == found.low
    # one more group, all of it untreated
    more = pd.concat([rows, pd.DataFrame({"engaged": "new", "sent": "no", "ordered": ["yes", "no"] * 10})])
    with pytest.raises(InputError, match="engaged='new' nobody has sent='yes'"):
        nw.adjusted_effect(more, "sent", "ordered", "engaged")
    kept = nw.adjusted_effect(more, "sent", "ordered", "engaged", overlap="drop")
    assert kept.effect == pytest.approx(found.effect)
    assert kept.left_out == pytest.approx(20 / 120)
    with pytest.raises(InputError, match="sent <- engaged -> ordered stays open"):
        nw.adjusted_effect(rows, "sent", "ordered", graph=MAIL.graph)


@pytest.mark.unit
def test_bounds_of_counterfactuals_are_the_ends_of_a_linear_programme():
    draw = draw_from(31)
    for _ in range(25):
        # types: never, helped, harmed, always; each with its own chance of the mail
        p = draw.dirichlet(np.ones(8)).reshape(4, 2)
        y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # type, world (without, with)
        experiment = [(p.sum(axis=1) * y[:, w]).sum() for w in (1, 0)]
        observed = np.zeros((2, 2))
        for kind, sent in product(range(4), range(2)):
            observed[sent, y[kind, sent]] += p[kind, sent]
        rows, right = [], []
        for w in (1, 0):
            rows.append([y[k, w] for k in range(4) for _ in range(2)])
        right += experiment
        for sent, value in product(range(2), range(2)):
            rows.append([float(s == sent and y[k, s] == value) for k in range(4) for s in range(2)])
            right.append(observed[sent, value])
        table = nw.necessity_and_sufficiency(*experiment, observed)
        questions = {
            "both": ([1, 1], 1.0),
            "necessity": ([0, 1], observed[1, 1]),
            "sufficiency": ([1, 0], observed[0, 0]),
        }
        for name, (which, weight) in questions.items():
            goal = np.array([[0, 0], which, [0, 0], [0, 0]], dtype=float).ravel()
            for sign, column in ((1, "low"), (-1, "high")):
                best = linprog(sign * goal, A_eq=rows, b_eq=right, bounds=(0, 1))
                assert table.loc[name, column] == pytest.approx(sign * best.fun / weight, abs=1e-7)


@pytest.mark.unit
@pytest.mark.parametrize("coupling", ["monotone", "independent"])
def test_twin_networks_against_enumeration_of_all_chance(coupling):
    draw = draw_from(13)
    for _ in range(8):
        network = random_network(draw, 3, 2, 0.9)
        model = nw.structural_model(network, coupling)
        roots = [node for node in model.nodes if not model.graph.parents(node)]

        def world(chance, action, model=model):
            values = {**chance, **action}
            for node in model.graph.topological():
                if node not in values:
                    places = tuple(model.code(p, values[p]) for p in model.graph.parents(node))
                    values[node] = model.levels[node][int(model.tables[node][places].argmax())]
            return values

        for node in network.nodes:  # the tables have not changed
            np.testing.assert_allclose(nw.posterior(model, node), nw.posterior(network, node), atol=1e-9)
        evidence, action = {"v0": "l0", "v2": "l1"}, {"v0": "l1"}
        total = np.zeros(2)
        for levels in product(*(model.levels[node] for node in roots)):
            chance = dict(zip(roots, levels))
            weight = np.prod([model.tables[node][model.code(node, level)] for node, level in chance.items()])
            seen = world(chance, {})
            if all(seen[node] == level for node, level in evidence.items()):
                total[model.code("v2", world(chance, action)["v2"])] += weight
        found = nw.counterfactual(network, "v2", action, evidence, coupling)
        np.testing.assert_allclose(found, total / total.sum(), atol=1e-9)


@pytest.mark.unit
def test_counterfactuals_lie_within_their_bounds_and_depend_on_the_coupling():
    done = {level: nw.interventional(MAIL, "ordered", {"sent": level})["yes"] for level in NO_YES}
    observed = nw.posterior(MAIL, ["sent", "ordered"]).to_numpy().reshape(2, 2)
    bounds = nw.necessity_and_sufficiency(done["yes"], done["no"], observed)
    seen = {"sent": "yes", "ordered": "yes"}
    couplings = ("monotone", "independent")
    values = [nw.counterfactual(MAIL, "ordered", {"sent": "no"}, seen, c)["no"] for c in couplings]
    assert values[0] == pytest.approx(bounds.loc["necessity", "if_never_harmful"], abs=1e-9)
    assert bounds.loc["necessity", "low"] <= values[0] < values[1] <= bounds.loc["necessity", "high"]
    # what was done anyway changes nothing
    same = nw.counterfactual(MAIL, "ordered", {"sent": "yes"}, seen)
    assert same["yes"] == pytest.approx(1)
    assert nw.counterfactual(MAIL, "engaged", {"sent": "no"}, {"engaged": "yes"})["yes"] == 1
    assert nw.counterfactual(MAIL, "ordered", {"sent": "yes"})["yes"] == pytest.approx(done["yes"])


# bad input

LEVELS = {"sent": NO_YES, "ordered": NO_YES}
GAPS = ROWS.assign(sent=["no", None, "no", "yes", "yes"])
MEASURED = pd.DataFrame({"spend": np.linspace(0, 9, 50), "sent": ["no", "yes"] * 25})


def table_of(ordered):
    return nw.Network([("sent", "ordered")], LEVELS, {"sent": [0.5, 0.5], "ordered": ordered})


BAD = {
    "edge twice": (lambda: nw.Graph([("a", "b"), ("a", "b")]), "a -> b is given twice"),
    "no pair": (lambda: nw.Graph(["ab", "c"]), "is no edge"),
    "node twice": (lambda: nw.Graph(nodes=["a", "a"]), "'a' is named twice"),
    "unknown node": (lambda: MAIL.graph.parents("mail"), "no node 'mail'"),
    "two sides": (lambda: nw.d_separated(MAIL.graph, "sent", "ordered", "sent"), "two sides"),
    "no edge to remove": (
        lambda: MAIL.graph.changed(remove=[("sent", "engaged")]),
        "no edge sent -> engaged",
    ),
    "mixed distance": (
        lambda: nw.structural_hamming(MAIL.graph, nw.essential_graph(MAIL.graph)),
        "essential_graph",
    ),
    "other nodes": (lambda: nw.structural_hamming(MAIL.graph, nw.Graph([("a", "b")])), "in one graph only"),
    "sum": (lambda: table_of([[0.9, 0.1], [0.6, 0.3]]), "adds up to 0.9 for sent='yes', not to 1"),
    "turned table": (lambda: table_of([[0.9, 0.2], [0.1, 0.8]]), "so transpose it"),
    "negative": (lambda: table_of([[1.2, -0.2], [0.5, 0.5]]), "outside 0 to 1"),
    "shape": (lambda: table_of([0.5, 0.5]), r"needs \(2, 2\)"),
    "text": (lambda: table_of([["a", "b"], ["c", "d"]]), "not a number"),
    "no table": (lambda: nw.Network([("sent", "ordered")], LEVELS, {"sent": [1, 0]}), "'ordered'.*one table"),
    "cyclic network": (
        lambda: nw.Network([("sent", "ordered"), ("ordered", "sent")], LEVELS, {}),
        "sent -> ordered -> sent",
    ),
    "level in evidence": (lambda: nw.posterior(MAIL, "sent", {"ordered": "maybe"}), "no level 'maybe'"),
    "asked and given": (lambda: nw.posterior(MAIL, "sent", {"sent": "yes"}), "both asked for and given"),
    "evidence no mapping": (lambda: nw.posterior(MAIL, "sent", "yes"), "give a mapping"),
    "order": (lambda: nw.posterior(MAIL, "sent", order=["sent"]), "name each variable once"),
    "impossible": (
        lambda: nw.posterior(nw.do(MAIL, {"sent": "no"}), "ordered", {"sent": "yes"}),
        "evidence sent='yes' has probability 0",
    ),
    "impossible row": (
        lambda: nw.predict(
            nw.do(MAIL, {"sent": "no"}), pd.DataFrame({"sent": ["yes"]}, index=[8]), "ordered"
        ),
        r"Row 8 \(sent='yes'\) has probability 0",
    ),
    "level in rows": (
        lambda: nw.predict(MAIL, pd.DataFrame({"sent": ["no", "YES"]}), "ordered"),
        r"no level 'YES' \(row 1\)",
    ),
    "level not declared": (
        lambda: nw.fit_tables([("sent", "ordered")], ROWS, {"sent": ["no"]}),
        r"no level 'yes' \(row 3\)",
    ),
    "measurements": (
        lambda: nw.fit_tables([("sent", "spend")], MEASURED),
        r"'spend' holds 50 different numbers.*Discretiser\(\{'spend': 4\}\)",
    ),
    "measurements searched": (lambda: nw.hill_climb(MEASURED), "cut it into bands"),
    "gaps": (lambda: nw.fit_tables([("sent", "ordered")], GAPS), "missing in row 1"),
    "no column": (lambda: nw.fit_tables([("mail", "ordered")], ROWS), "no column 'mail'"),
    "unseen parents": (
        lambda: nw.fit_tables([("sent", "ordered")], ROWS, {"sent": ["no", "yes", "late"]}, prior="none"),
        "No row has sent='late'",
    ),
    "prior": (lambda: nw.fit_tables([("sent", "ordered")], ROWS, prior="jeffreys"), "no prior 'jeffreys'"),
    "strength": (lambda: nw.fit_tables([("sent", "ordered")], ROWS, strength=0), "above 0"),
    "score": (lambda: nw.hill_climb(ROWS, "aic"), "no score 'aic'"),
    "tiers twice": (lambda: nw.hill_climb(ROWS, tiers=[["sent"], ["sent"]]), "two tiers"),
    "tiers unknown": (lambda: nw.hill_climb(ROWS, tiers=[["mail"]]), "names 'mail'"),
    "contradiction": (
        lambda: nw.hill_climb(ROWS, required=[("ordered", "sent")], tiers=[["sent"], ["ordered"]]),
        "required and ruled out",
    ),
    "required cycle": (
        lambda: nw.hill_climb(ROWS, required=[("ordered", "sent"), ("sent", "ordered")]),
        "required edges make a cycle",
    ),
    "alpha": (lambda: nw.constraint_search(ROWS, alpha=1.5), "alpha is 1.5"),
    "learner": (lambda: nw.edge_confidence(ROWS, "magic"), "no learner 'magic'"),
    "option": (lambda: nw.edge_confidence(ROWS, alpha=0.1), "no option 'alpha'"),
    "bands of text": (lambda: nw.Discretiser({"sent": 3}).fit(ROWS), "not a number"),
    "cuts fall": (lambda: nw.Discretiser({"tier": [3, 2]}).fit(ROWS), "rising numbers"),
    "constant": (lambda: nw.Discretiser({"tier": 2}).fit(ROWS.assign(tier=1)), "no cut can be learned"),
    "no rows": (lambda: nw.hill_climb(ROWS.iloc[:0]), "nothing to learn"),
    "nobody treated": (
        lambda: nw.adjusted_effect(ROWS, "sent", "ordered", treated="YES"),
        "no level 'YES'",
    ),
    "same column": (lambda: nw.adjusted_effect(ROWS, "sent", "sent"), "different columns"),
    "experiment": (lambda: nw.necessity_and_sufficiency(1.2, 0.1), "give probabilities"),
    "contradicting experiment": (
        lambda: nw.necessity_and_sufficiency(0.1, 0.1, [[0.1, 0.1], [0.2, 0.6]]),
        "rules the experiment out",
    ),
    "chance in twins": (lambda: nw.twin_network(MAIL, {"sent": "yes"}), "structural_model"),
    "coupling": (lambda: nw.structural_model(MAIL, "none"), "no coupling 'none'"),
    "too large": (
        lambda: nw.posterior(
            nw.Network([], {f"v{i}": range(10) for i in range(9)}, {f"v{i}": [0.1] * 10 for i in range(9)}),
            [f"v{i}" for i in range(9)],
        ),
        "1e\\+09 cells",
    ),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_sentence(name):
    call, words = BAD[name]
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_an_unfitted_discretiser_says_so():
    with pytest.raises(NotFittedError, match="call fit"):
        nw.Discretiser({"tier": 2}).transform(ROWS)


@pytest.mark.unit
def test_without_bands_nothing_is_cut():
    out = nw.Discretiser({}).fit_transform(ROWS)
    pd.testing.assert_frame_equal(out, ROWS)
    assert out is not ROWS


@pytest.mark.unit
def test_promises_are_the_tests_one_by_one():
    network = nw.Network(
        [("a", "b"), ("b", "c"), ("a", "d")],
        dict.fromkeys("abcd", (0, 1)),
        {
            "a": [0.5, 0.5],
            "b": [[0.8, 0.2], [0.3, 0.7]],
            "c": [[0.9, 0.1], [0.4, 0.6]],
            "d": [[0.7, 0.3], [0.2, 0.8]],
        },
    )
    rows = network.sample(2000, 1)
    table = nw.check_promises(network.graph, rows.assign(other=1))
    assert {frozenset(pair) for pair in zip(table["node"], table["other"])} == {
        frozenset("ac"),
        frozenset("bd"),
        frozenset("cd"),
    }
    for row in table.itertuples():
        g, p, free = nw.independence_test(rows, row.node, row.other, row.given)
        assert (row.G, row.p, row.degrees) == (pytest.approx(g), pytest.approx(p), free)
    assert table["p"].is_monotonic_increasing
    # a graph that lies is found out
    lie = nw.check_promises(nw.Graph([("a", "b")], nodes="abcd"), rows)
    assert lie["p"].iloc[0] < 1e-6
    with pytest.raises(InputError, match="no column 'z'"):
        nw.check_promises([("a", "z")], rows)
