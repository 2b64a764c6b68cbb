"""The figures of chapter 10: they show the numbers they are given, and their sentence says the same."""

import pandas as pd
import pytest

from bigmkt_helpers import networks as nw
from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

GRAPH = nw.Graph([("engaged", "sent"), ("engaged", "ordered"), ("sent", "ordered")])
BITS = pd.DataFrame(
    {
        "parent": ["engaged", "engaged", "sent"],
        "child": ["sent", "ordered", "ordered"],
        "bits": [0.4, 0.1, 0.05],
        "bits_given_others": [0.4, 0.08, 0.002],
    }
)
CONFIDENCE = pd.DataFrame(
    {
        "parent": ["a", "b", "c", "a"],
        "child": ["b", "c", "a", "d"],
        "joined": [1.0, 0.9, 0.8, 0.1],
        "directed": [0.95, 0.7, 0.6, 0.1],
        "reversed": [0.0, 0.1, 0.1, 0.0],
    }
)
DISTANCES = pd.DataFrame(
    {
        "learner": ["BIC", "BIC", "tests", "tests"],
        "rows": [500, 2000, 500, 2000],
        "distance": [10.0, 4.3, 10.1, 8.6],
        "low": [9.5, 3.8, 9.5, 8.2],
        "high": [10.6, 4.8, 10.7, 9.0],
    }
)
ESTIMATES = pd.DataFrame(
    {"estimate": [0.22, 0.028], "low": [0.19, 0.01], "high": [0.25, 0.046]},
    index=["conditioning", "adjustment"],
)

FIGURES = {
    "graph_with_bits": lambda: plots.graph_with_bits(GRAPH, BITS),
    "graph_with_confidence": lambda: plots.graph_with_confidence(CONFIDENCE),
    "distance_by_rows": lambda: plots.distance_by_rows(DISTANCES),
    "effect_beside_truth": lambda: plots.effect_beside_truth(ESTIMATES, 0.027),
}


def arrows(axes):
    return [text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None) is not None]


def words(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_can_be_shown(name, monkeypatch):
    axes = FIGURES[name]()
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    ((data, kwargs),) = shown
    sentence = axes.figure.get_label()
    assert data["text/plain"] == sentence == kwargs["metadata"]["image/png"]["alt"]
    assert len(sentence) > 60
    assert sentence.endswith(".")
    assert axes.get_title(loc="left")


def test_a_graph_shows_its_nodes_and_bits():
    axes = FIGURES["graph_with_bits"]()
    assert sorted(words(axes)) == sorted(["engaged", "sent", "ordered", "0.400", "0.080", "0.002"])
    widths = [patch.get_linewidth() for patch in arrows(axes)]
    # in the order of the edges: engaged -> sent carries most
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 2 * widths[2]
    height = {t.get_text(): t.get_position()[1] for t in axes.texts if t.get_text() in GRAPH.nodes}
    assert height["engaged"] > height["sent"] > height["ordered"]
    assert "engaged to sent 0.400; engaged to ordered 0.080; sent to ordered 0.002" in axes.figure.get_label()
    plain = plots.graph_with_bits(GRAPH, BITS, column="bits")
    assert "0.050" in words(plain)


def test_an_edge_across_layers_passes_between_the_nodes():
    graph = nw.Graph(nw.LANTERN_EDGES)
    bits = pd.DataFrame([(a, b, 0.1, 0.1) for a, b in graph.edges], columns=BITS.columns)
    axes = plots.graph_with_bits(graph, bits)
    nodes = {t.get_text(): t.get_position() for t in axes.texts if t.get_text() in graph.nodes}
    assert len(set(nodes.values())) == 12
    bends = [point for line in axes.lines for point in zip(line.get_xdata()[1:], line.get_ydata()[1:])]
    # persona, rate and state -> ordered pass one or two layers each
    assert len(bends) == 5
    for x, y in bends:
        assert min(abs(x - place[0]) for place in nodes.values() if place[1] == y) > 0.05
    for parent, child in graph.edges:
        assert nodes[parent][1] > nodes[child][1]


def test_confidence_draws_no_cycle_and_hides_the_unsure():
    axes = FIGURES["graph_with_confidence"]()
    assert {"100%", "90%", "80%"} <= set(words(axes))
    assert "10%" not in words(axes)
    assert "d" in words(axes)
    styles = [type(patch.get_arrowstyle()).__name__ for patch in arrows(axes)]
    # c -> a would close a cycle: a line without a head
    assert sorted(styles) == ["Curve", "CurveFilledB", "CurveFilledB"]
    text = axes.figure.get_label()
    assert "a to b 100% (95% in this direction)" in text
    assert "c with a 80%" in text
    widths = [patch.get_linewidth() for patch in arrows(axes)]
    assert widths == sorted(widths, reverse=True)


def test_distances_and_effects_show_their_intervals():
    axes = FIGURES["distance_by_rows"]()
    assert [container.get_label() for container in axes.containers] == ["BIC", "tests"]
    assert list(axes.containers[0].lines[0].get_ydata()) == [10.0, 4.3]
    assert "BIC 10.0 at 500, 4.3 at 2,000" in axes.figure.get_label()
    axes = FIGURES["effect_beside_truth"]()
    assert "conditioning 0.2200 [0.1900, 0.2500] misses it" in axes.figure.get_label()
    assert "adjustment 0.0280 [0.0100, 0.0460] holds it" in axes.figure.get_label()
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert dashed[0].get_xdata()[0] == 0.027


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plots.graph_with_bits(GRAPH, BITS.iloc[:2]), "different edges"),
        (lambda: plots.graph_with_confidence(CONFIDENCE, least=0), "least is 0"),
        (lambda: plots.graph_with_confidence(CONFIDENCE.iloc[:0]), "no node to draw"),
        (lambda: plots.distance_by_rows(DISTANCES.iloc[:0]), "at least one row"),
        (lambda: plots.effect_beside_truth(ESTIMATES.iloc[:0], 0.1), "at least one estimate"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(InputError, match=words):
        call()
