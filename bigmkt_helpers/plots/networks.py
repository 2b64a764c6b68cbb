"""Figures of chapter 10: a network with what its edges carry, how sure they are, learners, and an effect."""

from itertools import pairwise

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["distance_by_rows", "effect_beside_truth", "graph_with_bits", "graph_with_confidence"]


def _places(graph):
    """Where each node stands, and by which points an edge goes that passes other layers.

    Layers from top to bottom; an edge across several of them holds a place in each, so that it passes between
    the nodes; within a layer everything stands near what it is joined to.
    """
    layers = {node: depth for depth, layer in enumerate(graph.layers()) for node in layer}
    for node in graph.nodes:
        # a node without parents stands just above its first child, not at the very top
        if not graph.parents(node) and graph.children(node):
            layers[node] = min(layers[child] for child in graph.children(node)) - 1
    rows = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for node in graph.nodes:
        rows[layers[node]].append(node)
    beside: dict = {node: [] for node in graph.nodes}
    via: dict = {}
    for edge in graph.edges:
        between = [(edge, depth) for depth in range(layers[edge[0]] + 1, layers[edge[1]])]
        via[edge] = between
        chain = [edge[0], *between, edge[1]]
        for place in between:
            rows[place[1]].append(place)
            beside[place] = []
        for one, other in pairwise(chain):
            beside[one].append(other)
            beside[other].append(one)
    across: dict = {}

    def spread(row):
        # a passing edge takes half the room of a node
        room = np.array([1.0 if item in layers else 0.5 for item in row])
        ends = np.cumsum(room)
        for item, middle in zip(row, (ends - room / 2) / max(ends[-1], 1e-9)):
            across[item] = float(middle)

    for row in rows:
        spread(row)
    for sweep in range(10):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            row.sort(
                key=lambda item: np.mean([across[o] for o in beside[item]]) if beside[item] else across[item]
            )
            spread(row)
    places = {node: (across[node], -float(layers[node])) for node in graph.nodes}
    ways = {edge: [(across[item], -float(item[1])) for item in items] for edge, items in via.items()}
    return places, ways, len(rows), max(map(len, rows))


def _draw(graph, edges, title, undirected=()):
    """Nodes as boxes, edges with a width and a number; `edges` maps (parent, child) to (width, text)."""
    if not graph.nodes:
        raise InputError("The graph has no node to draw.")
    places, ways, n_rows, n_across = _places(graph)
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=0.6 + 1.1 * n_rows)
        for (parent, child), (width, text) in edges.items():
            way = ways[parent, child] if (parent, child) in ways else ways[child, parent][::-1]
            points = [places[parent], *way, places[child]]
            *before, (x0, y0), (x1, y1) = points
            if before:
                axes.plot(*zip(*before, (x0, y0)), color=PALETTE[0], linewidth=width, solid_joinstyle="round")
            axes.annotate(
                "",
                xy=(x1, y1),
                xytext=(x0, y0),
                arrowprops={
                    "arrowstyle": "-" if (parent, child) in undirected else "-|>",
                    "linewidth": width,
                    "color": PALETTE[0],
                    "shrinkA": 0,
                    "shrinkB": 13,
                },
            )
            # edges of one parent run side by side near it: their numbers stand at different heights
            siblings = [edge for edge in edges if edge[0] == parent]
            share = (0.52, 0.36, 0.66)[siblings.index((parent, child)) % 3]
            x, y = way[0] if way else (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
            box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
            axes.text(x, y, text, fontsize=8, ha="center", va="center", bbox=box, zorder=4)
        size = 10 if n_across <= 6 else 8.5
        for node, (x, y) in places.items():
            box = {"boxstyle": "round,pad=0.35", "facecolor": "#F2F2F2", "edgecolor": "#555555"}
            axes.text(x, y, str(node), fontsize=size, ha="center", va="center", bbox=box, zorder=5)
        axes.set(xlim=(-0.02, 1.02), ylim=(-n_rows + 0.65, 0.35), xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_title(title)
    return axes


def graph_with_bits(graph, bits, column="bits_given_others", title="What each edge tells, in bits"):
    """A graph by layers; an edge is the thicker the more it carries, and the number says how much.

    Parameters
    ----------
    graph : Graph
    bits : pandas.DataFrame
        As ``networks.edge_bits`` gives it: ``parent``, ``child`` and the column shown.
    column : str
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    value = {(row.parent, row.child): float(getattr(row, column)) for row in bits.itertuples()}
    if set(value) != set(graph.edges):
        raise InputError(
            "bits and graph name different edges: make the table with edge_bits of this network."
        )
    most = max(value.values(), default=1.0) or 1.0
    edges = {edge: (0.8 + 4.2 * np.sqrt(own / most), f"{own:.3f}") for edge, own in value.items()}
    axes = _draw(graph, edges, title)
    told = sorted(value.items(), key=lambda item: -item[1])
    shown = "; ".join(f"{parent} to {child} {own:.3f}" for (parent, child), own in told)
    return describe(
        axes,
        f"Graph of {len(graph.nodes)} nodes and {len(value)} edges, bits on each edge: {shown or 'none'}.",
    )


def graph_with_confidence(confidence, nodes=(), least=0.5, title="How often each edge is found again"):
    """The edges found in at least a share `least` of the bootstrap samples; width and number give the share.

    Parameters
    ----------
    confidence : pandas.DataFrame
        As ``networks.edge_confidence`` gives it. An edge has its arrow where one direction was found in more
        than half of the samples; where the arrows would make a cycle, the weaker are drawn as lines.
    nodes : sequence, optional
        All nodes, in order; those of the edges without it.
    least : float
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    from bigmkt_helpers.networks import Graph, find_cycle

    if not 0 < least <= 1:
        raise InputError(f"least is {least!r}: it must be a share above 0 and at most 1.")
    rows = confidence[confidence["joined"] >= least].sort_values("directed", ascending=False, kind="stable")
    directed, edges, undirected, shown = [], {}, [], []
    for row in rows.itertuples():
        edge = (row.parent, row.child)
        sure = row.directed > 0.5 and not find_cycle([*directed, edge])
        directed += [edge] if sure else []
        edges[edge] = (0.6 + 4.0 * row.joined**2, f"{row.joined:.0%}")
        arrow = "to" if sure else "with"
        direction = f" ({row.directed:.0%} in this direction)" if sure and row.directed < row.joined else ""
        shown.append(f"{row.parent} {arrow} {row.child} {row.joined:.0%}{direction}")
    # a line needs a place too: lines are laid in any direction that makes no cycle
    layout = list(directed)
    for edge in edges:
        if edge not in directed:
            undirected.append(edge)
            layout.append(edge if not find_cycle([*layout, edge]) else edge[::-1])
    everybody = [
        *nodes,
        *(n for n in dict.fromkeys([*confidence["parent"], *confidence["child"]]) if n not in nodes),
    ]
    axes = _draw(Graph(layout, everybody), edges, title, set(undirected))
    return describe(
        axes,
        f"Graph of {len(everybody)} nodes with the {len(edges)} edges found in at least {least:.0%} of the "
        f"samples: {'; '.join(shown) or 'none'}.",
    )


def distance_by_rows(table, title="Distance to the true graph"):
    """Structural Hamming distance of each learner over the number of rows, with intervals; 0 is the truth.

    Parameters
    ----------
    table : pandas.DataFrame
        ``learner``, ``rows``, ``distance``, ``low``, ``high``.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not len(table):
        raise InputError("distance_by_rows needs at least one row.")
    learners = list(dict.fromkeys(table["learner"]))
    if len(learners) > len(MARKERS):
        raise InputError(
            f"{len(learners)} learners are too many for one figure: show at most {len(MARKERS)}."
        )
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for number, name in enumerate(learners):
            own = table[table["learner"] == name].sort_values("rows")
            # a little apart, so that the intervals of two learners do not hide each other
            x = own["rows"] * 1.04 ** (number - (len(learners) - 1) / 2)
            error = [own["distance"] - own["low"], own["high"] - own["distance"]]
            axes.errorbar(
                x,
                own["distance"],
                yerr=error,
                marker=MARKERS[number],
                color=PALETTE[number],
                capsize=3,
                label=name,
            )
            shown = ", ".join(f"{row.distance:.1f} at {int(row.rows):,}" for row in own.itertuples())
            parts.append(f"{name} {shown}")
        axes.set_xscale("log")
        ticks = sorted(table["rows"].unique())
        axes.set_xticks(ticks, [f"{int(n):,}" for n in ticks])
        axes.minorticks_off()
        axes.set(xlabel="rows", ylabel="pairs of nodes joined wrongly", ylim=(0, None))
        axes.legend()
        axes.set_title(title)
    return describe(axes, f"Structural Hamming distance by rows: {'; '.join(parts)}.")


def effect_beside_truth(
    estimates, truth, label="effect on the probability of an order", title="The coupon's effect"
):
    """Estimates with their intervals, one below the other, and a line at the true effect.

    Parameters
    ----------
    estimates : pandas.DataFrame
        Index: names; ``estimate``, ``low``, ``high``.
    truth : float
    label, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not len(estimates):
        raise InputError("effect_beside_truth needs at least one estimate.")
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.6 + 0.5 * len(estimates))
        axes.axvline(truth, color="#555555", linestyle="--")
        axes.axvline(0, color="#BBBBBB", linewidth=0.8)
        for place, row in enumerate(estimates.itertuples()):
            holds = row.low <= truth <= row.high
            axes.errorbar(
                row.estimate,
                place,
                xerr=[[row.estimate - row.low], [row.high - row.estimate]],
                marker=MARKERS[0] if holds else MARKERS[6],
                color=PALETTE[0] if holds else PALETTE[1],
                capsize=4,
            )
            word = "holds" if holds else "misses"
            parts.append(f"{row.Index} {row.estimate:.4f} [{row.low:.4f}, {row.high:.4f}] {word} it")
        axes.set_yticks(range(len(estimates)), [str(name) for name in estimates.index])
        axes.set(xlabel=f"{label} (dashed: the truth)", ylim=(-0.6, len(estimates) - 0.4))
        axes.invert_yaxis()
        axes.set_title(title)
    return describe(axes, f"The true effect is {truth:.4f}. Estimates with intervals: {'; '.join(parts)}.")
