"""Networks of the literature from packaged files: published answers, pgmpy as a second opinion."""

import ast
import gzip
import socket
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import networks as nw
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.networks.files import _pgmpy, _unpacked

example = nw.load_example


@pytest.mark.contract
def test_files_are_read_without_a_warning_and_without_the_network(monkeypatch):
    # as if nobody had imported pgmpy in this process yet: its warning comes with the import
    for name in [name for name in sys.modules if name.split(".")[0] == "pgmpy"]:
        monkeypatch.delitem(sys.modules, name)

    def refuse(*args, **kwargs):
        raise AssertionError("somebody asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    _unpacked.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network = nw.load_example("asia")
        assert sorted(nw.to_pgmpy(network).nodes()) == sorted(network.nodes)
    assert network.levels["asia"] == ("yes", "no")


@pytest.mark.contract
def test_pgmpy_is_imported_only_where_a_file_is_read():
    for path in sorted(Path(nw.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "pgmpy" for name in names), path.name


@pytest.mark.contract
def test_each_reader_gets_a_network_of_their_own():
    first = nw.load_example("asia")
    first.tables["smoke"][:] = [1, 0]
    assert nw.load_example("asia").tables["smoke"].tolist() == [0.5, 0.5]


@pytest.mark.published
@pytest.mark.parametrize(
    ("name", "node", "level", "evidence", "value"),
    [
        ("asia", "dysp", "yes", {}, 0.435971),
        ("asia", "tub", "yes", {"asia": "yes", "dysp": "yes"}, 0.087751),
        ("asia", "lung", "yes", {"asia": "yes", "dysp": "yes"}, 0.099525),
        ("asia", "bronc", "yes", {"asia": "yes", "dysp": "yes"}, 0.811402),
        ("cancer", "Cancer", "True", {}, 0.01163),
        ("cancer", "Cancer", "True", {"Dyspnoea": "True"}, 0.024861),
        ("cancer", "Cancer", "True", {"Smoker": "True"}, 0.032),
        ("cancer", "Cancer", "True", {"Dyspnoea": "True", "Smoker": "True"}, 0.066838),
        (
            *("alarm", "LVFAILURE", "TRUE"),
            {"HISTORY": "TRUE", "CVP": "LOW", "HRBP": "HIGH", "EXPCO2": "LOW"},
            0.983935,
        ),
        (
            *("alarm", "HYPOVOLEMIA", "TRUE"),
            {"HISTORY": "TRUE", "CVP": "LOW", "HRBP": "HIGH", "EXPCO2": "LOW"},
            0.193137,
        ),
    ],
)
def test_answers_of_the_literature(name, node, level, evidence, value):
    # the values are printed to six places
    assert abs(nw.posterior(example(name), node, evidence)[level] - value) <= 1e-6
    if name != "alarm":
        assert abs(nw.enumerate_posterior(example(name), node, evidence)[level] - value) <= 1e-6


@pytest.mark.contract
def test_posteriors_of_alarm_agrees_with_pgmpy():
    network = example("alarm")
    peer = _pgmpy("pgmpy.inference").VariableElimination(nw.to_pgmpy(network))
    evidence = {"HISTORY": "TRUE", "CVP": "LOW", "HRBP": "HIGH", "EXPCO2": "LOW"}
    for node in network.nodes[::5]:
        if node not in evidence:
            theirs = peer.query([node], evidence=evidence, show_progress=False)
            wanted = [theirs.get_value(**{node: level}) for level in network.levels[node]]
            np.testing.assert_allclose(nw.posterior(network, node, evidence), wanted, atol=1e-9)


@pytest.mark.contract
def test_there_and_back_again():
    for name in ("asia", "alarm"):
        network = example(name)
        back = nw.from_pgmpy(nw.to_pgmpy(network))
        assert back.graph == network.graph
        for node in network.nodes:
            assert back.levels[node] == network.levels[node]
            axes = [back.graph.parents(node).index(p) for p in network.graph.parents(node)]
            np.testing.assert_allclose(
                back.tables[node].transpose([*axes, len(axes)]), network.tables[node], atol=1e-12
            )


@pytest.mark.contract
def test_scores_agree_with_pgmpy():
    network = example("asia")
    rows = network.sample(400, 3).astype(str)
    scores, model = _pgmpy("pgmpy.structure_score"), nw.to_pgmpy(network)
    names = {node: list(levels) for node, levels in network.levels.items()}
    bic = scores.BIC(rows, state_names=names).score(model)
    assert nw.score_structure(network.graph, rows, levels=network.levels) == pytest.approx(
        bic / np.log(2), rel=1e-9
    )
    bdeu = scores.BDeu(rows, equivalent_sample_size=10, state_names=names).score(model)
    ours = nw.score_structure(network.graph, rows, "bdeu", levels=network.levels)
    assert ours == pytest.approx(bdeu / np.log(2), rel=1e-9)


@pytest.mark.recovery
def test_structures_of_asia_and_alarm_are_recovered():
    asia = example("asia")
    true = nw.essential_graph(asia.graph)
    for seed in range(3):
        rows = asia.sample(10_000, seed)
        found = nw.hill_climb(rows, restarts=5)
        assert nw.structural_hamming(found.essential, true) <= 4
        # the found graph describes the rows at least as shortly as the true one
        assert found.score >= nw.score_structure(asia.graph, rows) - 1e-6
    alarm = example("alarm")
    rows, true = alarm.sample(5000, 1), nw.essential_graph(alarm.graph)
    errors = nw.structural_errors(nw.hill_climb(rows).essential, true)
    assert errors["missing"] + errors["extra"] <= 20
    tested = nw.structural_errors(nw.constraint_search(rows).essential, true)
    assert tested["missing"] + tested["extra"] <= 8
    # with the arrows of time known, all that is left is what the rows are too few for
    tiers = alarm.graph.layers()
    told = nw.hill_climb(rows, tiers=tiers)
    assert nw.structural_hamming(told.oriented, nw.with_knowledge(alarm.graph, tiers=tiers)) <= 12


@pytest.mark.unit
def test_a_file_on_disk(tmp_path):
    text = (
        "network tiny { }\nvariable rain { type discrete [ 2 ] { yes, no };\n}\n"
        "variable wet { type discrete [ 2 ] { yes, no };\n}\n"
        "probability ( rain ) { table 0.2, 0.8;\n}\n"
        "probability ( wet | rain ) {\n (yes) 0.9, 0.1;\n (no) 0.1, 0.9;\n}\n"
    )
    (tmp_path / "tiny.bif.gz").write_bytes(gzip.compress(text.encode()))
    network = nw.read_bif(tmp_path / "tiny.bif.gz")
    assert network.table("wet").loc["yes"].tolist() == [0.9, 0.1]
    assert nw.posterior(network, "wet")["yes"] == pytest.approx(0.26)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nw.load_example("titanic"), "no example 'titanic'"),
        (lambda: nw.read_bif("nowhere.bif"), "no file 'nowhere.bif'"),
        (lambda: nw.read_bif("this is\nno network"), "no network in BIF"),
        (lambda: nw.read_bif("network n { }\nvariable v { }\nprobability ( v ) { }\n"), "no network in BIF"),
    ],
)
def test_bad_files(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert str(caught.value).endswith(".")


@pytest.mark.unit
def test_levels_that_are_no_text_become_text():
    network = nw.Network([], {"n": [1, 2]}, {"n": [0.25, 0.75]})
    back = nw.from_pgmpy(nw.to_pgmpy(network))
    assert nw.posterior(back, "n").to_dict() == {"1": 0.25, "2": 0.75}
    assert isinstance(back.table("n"), pd.DataFrame)


@pytest.mark.contract
def test_pgmpy_is_asked_the_same_question():
    asia = example("asia")
    seen = {"asia": "yes", "dysp": "yes"}
    for node in ("tub", "lung", "bronc"):
        pd.testing.assert_series_equal(
            nw.posterior_by_pgmpy(asia, node, seen), nw.posterior(asia, node, seen), rtol=1e-9
        )
    numbers = nw.Network(
        [("n", "m")], {"n": [2, 1], "m": [0, 1]}, {"n": [0.25, 0.75], "m": [[1, 0], [0.5, 0.5]]}
    )
    assert nw.posterior_by_pgmpy(numbers, "n", {"m": 0}).round(6).to_dict() == {2: 0.4, 1: 0.6}
    with pytest.raises(InputError, match="no level"):
        nw.posterior_by_pgmpy(asia, "tub", {"asia": "perhaps"})
