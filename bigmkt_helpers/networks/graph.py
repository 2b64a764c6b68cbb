"""Directed acyclic graphs: what they say of independence, when two say the same, and how far apart they are.

A graph alone makes no numbers. `Network` adds levels and one table per node to it.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from itertools import combinations, pairwise, product

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError

__all__ = [
    "Graph",
    "Network",
    "PartialGraph",
    "acyclic_orientations",
    "d_separated",
    "essential_graph",
    "explain_paths",
    "find_cycle",
    "markov_equivalent",
    "structural_errors",
    "structural_hamming",
    "v_structures",
]

TOLERANCE = 1e-6
"""A row of a table may miss the sum of 1 by so much (files print few digits); it is then divided by its
sum."""


def find_cycle(edges) -> list:
    """A directed cycle among the edges, as the nodes along it with the first repeated at the end; or [].

    Parameters
    ----------
    edges : iterable of (parent, child)

    Examples
    --------
    >>> find_cycle([("x1", "x2"), ("x2", "x1")])
    ['x1', 'x2', 'x1']
    >>> find_cycle([("x1", "x2"), ("x1", "x3")])
    []
    """
    children: dict = {}
    for parent, child in edges:
        children.setdefault(parent, []).append(child)
    done = set()
    for start in children:
        # depth first without recursion: the trail is the path from the start to where we stand
        trail, branches = [start], [iter(children[start])]
        if start in done:
            continue
        while trail:
            child = next(branches[-1], None)
            if child is None:
                done.add(trail.pop())
                branches.pop()
            elif child in trail:
                return [*trail[trail.index(child) :], child]
            elif child not in done:
                trail.append(child)
                branches.append(iter(children.get(child, ())))
    return []


class Graph:
    """A directed acyclic graph.

    Parameters
    ----------
    edges : iterable of (parent, child)
    nodes : iterable, optional
        Nodes without an edge too; they fix the order of the nodes. Others follow as the edges name them.

    Attributes
    ----------
    nodes : tuple
    edges : tuple of (parent, child)
        In the order of the nodes.

    Raises
    ------
    InputError
        A cycle (the sentence names it), an edge or a node given twice, something that is no pair.

    Examples
    --------
    >>> graph = Graph([("engaged", "sent"), ("engaged", "ordered"), ("sent", "ordered")])
    >>> graph.parents("ordered")
    ('engaged', 'sent')
    >>> Graph([("x1", "x2"), ("x2", "x1")])
    Traceback (most recent call last):
    ...
    bigmkt_helpers.errors.InputError: The edges make a cycle, x1 -> x2 -> x1: a Bayesian network needs a \
directed acyclic graph, so leave out or turn one of these edges.
    """

    def __init__(self, edges=(), nodes=()):
        if not isinstance(edges, Iterable):
            raise InputError(f"edges is {edges!r}: give a list of pairs (parent, child).")
        edges = [_pair(edge) for edge in edges]
        nodes = list(nodes)
        if len(set(nodes)) < len(nodes):
            raise InputError(f"The node {_first_twice(nodes)!r} is named twice: name each node once.")
        order = dict.fromkeys([*nodes, *(node for edge in edges for node in edge)])
        self.nodes = tuple(order)
        if len(set(edges)) < len(edges):
            parent, child = _first_twice(edges)
            raise InputError(f"The edge {parent} -> {child} is given twice: give each edge once.")
        cycle = find_cycle(edges)
        if cycle:
            raise InputError(
                f"The edges make a cycle, {' -> '.join(map(str, cycle))}: a Bayesian network needs a "
                "directed acyclic graph, so leave out or turn one of these edges."
            )
        place = {node: i for i, node in enumerate(self.nodes)}
        self.edges = tuple(sorted(edges, key=lambda edge: (place[edge[0]], place[edge[1]])))
        self._parents = {node: tuple(p for p, c in self.edges if c == node) for node in self.nodes}
        self._children = {node: tuple(c for p, c in self.edges if p == node) for node in self.nodes}

    def __eq__(self, other):
        if not isinstance(other, Graph):
            return NotImplemented
        return set(self.nodes) == set(other.nodes) and set(self.edges) == set(other.edges)

    def __hash__(self):
        return hash((frozenset(self.nodes), frozenset(self.edges)))

    def __repr__(self):
        arrows = ", ".join(f"{parent} -> {child}" for parent, child in self.edges)
        return f"Graph of {len(self.nodes)} nodes: {arrows or 'no edge'}"

    def _known(self, node):
        if node not in self._parents:
            raise InputError(
                f"There is no node {node!r} in the graph; its nodes are {', '.join(map(str, self.nodes))}."
            )
        return node

    def parents(self, node) -> tuple:
        """Nodes with an edge into this one, in the order of the nodes."""
        return self._parents[self._known(node)]

    def children(self, node) -> tuple:
        """Nodes into which this one has an edge."""
        return self._children[self._known(node)]

    def ancestors(self, *nodes) -> set:
        """The nodes themselves and all from which a directed path leads to them."""
        return self._closure(nodes, self._parents)

    def descendants(self, *nodes) -> set:
        """The nodes themselves and all to which a directed path leads from them."""
        return self._closure(nodes, self._children)

    def _closure(self, nodes, step):
        found, waiting = set(), [self._known(node) for node in nodes]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting.extend(step[node])
        return found

    def topological(self) -> list:
        """The nodes, each after all its parents."""
        return [node for layer in self.layers() for node in layer]

    def layers(self) -> list:
        """The nodes by the length of the longest directed path that leads to them."""
        depth: dict = {}
        waiting = list(self.nodes)
        while waiting:
            ready = [node for node in waiting if all(p in depth for p in self._parents[node])]
            for node in ready:
                depth[node] = 1 + max((depth[p] for p in self._parents[node]), default=-1)
            waiting = [node for node in waiting if node not in depth]
        return [[n for n in self.nodes if depth[n] == d] for d in range(max(depth.values(), default=-1) + 1)]

    def markov_blanket(self, node) -> set:
        """Parents, children and the children's other parents: given these, the rest says nothing of it."""
        blanket = {*self.parents(node), *self.children(node)}
        for child in self.children(node):
            blanket.update(self.parents(child))
        return blanket - {node}

    def changed(self, add=(), remove=()) -> "Graph":
        """A graph with some edges more and some less.

        Raises
        ------
        InputError
            An edge to remove that is not there; as for the graph itself.
        """
        remove = {_pair(edge) for edge in remove}
        missing = remove - set(self.edges)
        if missing:
            parent, child = sorted(missing, key=str)[0]
            raise InputError(
                f"There is no edge {parent} -> {child} to remove; the edges are "
                f"{', '.join(f'{a} -> {b}' for a, b in self.edges) or 'none'}."
            )
        return Graph([*(edge for edge in self.edges if edge not in remove), *add], self.nodes)


def _pair(edge):
    if not isinstance(edge, tuple | list) or len(edge) != 2:
        raise InputError(f"{edge!r} is no edge: give a list of pairs (parent, child).")
    if not all(isinstance(node, Hashable) for node in edge):
        raise InputError(f"The edge {edge!r} names a list or a table: a node is one name.")
    return tuple(edge)


def _as_graph(given) -> "Graph":
    """A graph; of a network its graph, of a list of edges the graph that they make."""
    if isinstance(given, Network):
        return given.graph
    return given if isinstance(given, Graph) else Graph(given)


def _first_twice(items):
    seen = set()
    return next(item for item in items if item in seen or seen.add(item))


# --- independence --------------------------------------------------------------------------------------


def _together(x):
    """One node or several, as a tuple."""
    return (x,) if isinstance(x, str) or not isinstance(x, tuple | list | set | frozenset) else tuple(x)


def d_separated(graph: Graph, x, y, given=()) -> bool:
    """Whether the graph promises that x and y are independent, given some nodes.

    A message walks from x along the edges, in both directions. A node in the middle lets it pass unless it is
    given; where two arrows meet it is the other way round: it passes only if the meeting node or one of its
    descendants is given (Koller & Friedman, Probabilistic Graphical Models, 2009, algorithm 3.1
    (number unverified)).

    Parameters
    ----------
    graph : Graph, Network or iterable of (parent, child)
    x, y, given : node, or tuple, list or set of nodes

    Raises
    ------
    InputError
        Unknown nodes; a node on two sides.

    Examples
    --------
    >>> collider = Graph([("rain", "wet"), ("sprinkler", "wet")])
    >>> d_separated(collider, "rain", "sprinkler"), d_separated(collider, "rain", "sprinkler", "wet")
    (True, False)
    """
    graph = _as_graph(graph)
    x, y, given = (set(_together(part)) for part in (x, y, given))
    for node in [*x, *y, *given]:
        graph._known(node)
    twice = (x & y) | (x & given) | (y & given)
    if twice:
        raise InputError(
            f"The node {sorted(twice, key=str)[0]!r} stands on two sides of the question: name it in one of "
            "x, y and given."
        )
    opened = graph.ancestors(*given)
    # "up": the message came from a child, or it starts here; "down": it came from a parent
    waiting, seen = [(node, "up") for node in x], set()
    while waiting:
        node, way = waiting.pop()
        if (node, way) in seen:
            continue
        seen.add((node, way))
        if node in y:
            return False
        if way == "up":
            if node not in given:
                waiting += [(p, "up") for p in graph.parents(node)]
                waiting += [(c, "down") for c in graph.children(node)]
        else:
            if node not in given:
                waiting += [(c, "down") for c in graph.children(node)]
            if node in opened:
                waiting += [(p, "up") for p in graph.parents(node)]
    return True


def explain_paths(graph: Graph, x, y, given=()) -> pd.DataFrame:
    """Every path between two nodes, whether it is open given some nodes, and which node closes it.

    Parameters
    ----------
    graph : Graph, Network or iterable of (parent, child)
    x, y : node
    given : node, or tuple, list or set of nodes

    Returns
    -------
    pandas.DataFrame
        ``path`` ("x <- z -> y"), ``open``, ``closed_by`` (the first node that closes it, with the reason;
        "" if open). The number of paths grows fast: this is for graphs one can draw.

    Examples
    --------
    >>> graph = Graph([("engaged", "sent"), ("engaged", "ordered"), ("sent", "ordered")])
    >>> explain_paths(graph, "sent", "ordered", given="engaged").to_numpy().tolist()
    [['sent -> ordered', True, ''], ['sent <- engaged -> ordered', False, 'engaged is given']]
    """
    graph, given = _as_graph(graph), set(_together(given))
    d_separated(graph, x, y, given)  # checks the question
    rows = []
    for path in _paths(graph, x, y):
        reason = _closed_by(graph, path, given)
        rows.append((_drawn(graph, path), not reason, reason))
    table = pd.DataFrame(rows, columns=["path", "open", "closed_by"])
    return table.sort_values("path", key=lambda c: c.str.len(), kind="stable", ignore_index=True)


def _drawn(graph, path) -> str:
    """A path in signs: x <- z -> y."""
    text = str(path[0])
    for a, b in pairwise(path):
        text += f" -> {b}" if a in graph.parents(b) else f" <- {b}"
    return text


def _closed_by(graph, path, given) -> str:
    """The first node that closes a path, with the reason; "" for an open path."""
    opened = graph.ancestors(*given)
    for before, node, after in zip(path, path[1:], path[2:]):
        meets = before in graph.parents(node) and after in graph.parents(node)
        if meets and node not in opened:
            return f"arrows meet at {node}, and neither it nor a descendant is given"
        if not meets and node in given:
            return f"{node} is given"
    return ""


def _paths(graph, x, y):
    """Paths between two nodes that meet no node twice, whatever the direction of the edges; the shortest
    first."""
    waiting = deque([[x]])
    while waiting:
        path = waiting.popleft()
        if path[-1] == y:
            yield path
            continue
        beside = (*graph.parents(path[-1]), *graph.children(path[-1]))
        waiting += [[*path, node] for node in beside if node not in path]


# --- equivalence and distance --------------------------------------------------------------------------


class PartialGraph:
    """A graph with directed and undirected edges; an essential graph (CPDAG) is one.

    Parameters
    ----------
    directed, undirected : iterable of pairs
    nodes : iterable, optional

    Attributes
    ----------
    nodes : tuple
    directed : frozenset of (parent, child)
    undirected : frozenset of frozensets of two nodes

    Raises
    ------
    InputError
        A pair of nodes with two edges, or a node joined to itself.
    """

    def __init__(self, directed=(), undirected=(), nodes=()):
        directed = [_pair(edge) for edge in directed]
        undirected = [tuple(edge) for edge in undirected]
        self.nodes = tuple(dict.fromkeys([*nodes, *(n for edge in [*directed, *undirected] for n in edge)]))
        self.directed = frozenset(directed)
        self.undirected = frozenset(frozenset(edge) for edge in undirected)
        pairs = [frozenset(edge) for edge in self.directed] + list(self.undirected)
        if len(set(pairs)) < len(pairs) or any(len(pair) != 2 for pair in pairs):
            raise InputError("Each pair of different nodes may have one edge, directed or not.")

    def __eq__(self, other):
        if not isinstance(other, PartialGraph):
            return NotImplemented
        same = self.directed == other.directed and self.undirected == other.undirected
        return same and set(self.nodes) == set(other.nodes)

    def __hash__(self):
        return hash((frozenset(self.nodes), self.directed, self.undirected))

    def __repr__(self):
        place = {node: i for i, node in enumerate(self.nodes)}
        arrows = [f"{a} -> {b}" for a, b in sorted(self.directed, key=lambda e: [place[n] for n in e])]
        lines = sorted(sorted(edge, key=place.get) for edge in self.undirected)
        return f"PartialGraph: {', '.join([*arrows, *(f'{a} - {b}' for a, b in lines)]) or 'no edge'}"


def v_structures(graph: Graph) -> set:
    """Pairs of parents that no edge joins, with the child where they meet: {(frozenset({a, b}), child)}.

    Examples
    --------
    >>> [child for _, child in v_structures(Graph([("a", "c"), ("b", "c")]))]
    ['c']
    >>> v_structures(Graph([("a", "c"), ("b", "c"), ("a", "b")]))
    set()
    """
    graph = _as_graph(graph)
    joined = {frozenset(edge) for edge in graph.edges}
    return {
        (frozenset(pair), node)
        for node in graph.nodes
        for pair in combinations(graph.parents(node), 2)
        if frozenset(pair) not in joined
    }


def markov_equivalent(graph: Graph, other: Graph) -> bool:
    """Whether two graphs promise the same independences: no table of observations can tell them apart.

    They do if they join the same pairs and have the same v-structures (Verma & Pearl, 1990).

    Examples
    --------
    >>> chain, fork = Graph([("a", "b"), ("b", "c")]), Graph([("b", "a"), ("b", "c")])
    >>> markov_equivalent(chain, fork), markov_equivalent(chain, Graph([("a", "b"), ("c", "b")]))
    (True, False)
    """
    graph, other = _as_graph(graph), _as_graph(other)
    _same_nodes(graph, other)
    joined, others = ({frozenset(edge) for edge in g.edges} for g in (graph, other))
    return joined == others and v_structures(graph) == v_structures(other)


def essential_graph(graph: Graph) -> PartialGraph:
    """The graph's class of equivalence as one drawing (CPDAG): an edge keeps its arrow where all members
    agree.

    The arrows of the v-structures stay; what follows from them by the rules of Meek (1995) is
    directed too.

    Examples
    --------
    >>> essential_graph(Graph([("a", "b"), ("b", "c")]))
    PartialGraph: a - b, b - c
    >>> essential_graph(Graph([("a", "c"), ("b", "c"), ("c", "d")]))
    PartialGraph: a -> c, c -> d, b -> c
    """
    graph = _as_graph(graph)
    directed = {(parent, child) for pair, child in v_structures(graph) for parent in pair}
    undirected = {frozenset(edge) for edge in graph.edges} - {frozenset(edge) for edge in directed}
    return close_orientations(graph.nodes, directed, undirected)


def close_orientations(nodes, directed, undirected) -> PartialGraph:
    """Meek's rules until nothing changes: no new v-structure and no cycle may arise."""
    directed, undirected = set(directed), {frozenset(edge) for edge in undirected}
    joined = {frozenset(edge) for edge in directed} | undirected

    def forced(a, b):
        # 1: c -> a - b, c and b not joined, else a new v-structure at a
        if any((c, a) in directed and frozenset((c, b)) not in joined for c in nodes if c != b):
            return True
        # 2: a -> c -> b, else a cycle
        if any((a, c) in directed and (c, b) in directed for c in nodes):
            return True
        # 3: a - c -> b and a - d -> b, c and d not joined
        between = [c for c in nodes if frozenset((a, c)) in undirected and (c, b) in directed]
        if any(frozenset(pair) not in joined for pair in combinations(between, 2)):
            return True
        # 4: a - c -> d -> b, c and b not joined, a and d joined (needed with background knowledge only)
        return any(
            frozenset((a, c)) in undirected
            and (c, d) in directed
            and (d, b) in directed
            and frozenset((c, b)) not in joined
            and frozenset((a, d)) in joined
            for c in nodes
            for d in nodes
            if len({a, b, c, d}) == 4
        )

    moved = True
    while moved:
        moved = False
        for edge in sorted(undirected, key=lambda e: sorted(map(str, e))):
            first, second = sorted(edge, key=list(nodes).index)
            for a, b in ((first, second), (second, first)):
                if forced(a, b):
                    directed.add((a, b))
                    undirected.discard(edge)
                    moved = True
                    break
    return PartialGraph(directed, undirected, nodes)


def acyclic_orientations(partial: PartialGraph) -> list:
    """All graphs of a class of equivalence: ways to direct the undirected edges without cycle or v-structure.

    Parameters
    ----------
    partial : PartialGraph
        An essential graph of at most 20 undirected edges (2^20 ways are tried).

    Examples
    --------
    >>> for graph in acyclic_orientations(essential_graph(Graph([("a", "b"), ("b", "c")]))):
    ...     print(graph)
    Graph of 3 nodes: a -> b, b -> c
    Graph of 3 nodes: b -> a, b -> c
    Graph of 3 nodes: b -> a, c -> b
    """
    place = {node: i for i, node in enumerate(partial.nodes)}
    free = sorted(sorted(edge, key=place.get) for edge in partial.undirected)
    if len(free) > 20:
        raise InputError(f"{len(free)} edges are undirected: 2^{len(free)} ways are too many to list.")
    found = []
    for turns in product((False, True), repeat=len(free)):
        edges = [(b, a) if turn else (a, b) for (a, b), turn in zip(free, turns)]
        if not find_cycle([*partial.directed, *edges]):
            graph = Graph([*partial.directed, *edges], partial.nodes)
            if essential_graph(graph) == partial:
                found.append(graph)
    return found


def structural_errors(found, true) -> dict:
    """How a graph differs from the true one, pair of nodes by pair.

    Parameters
    ----------
    found, true : Graph or PartialGraph
        Both of one kind, over the same nodes.

    Returns
    -------
    dict
        ``missing`` and ``extra`` edges, and ``direction``: joined in both, but not in the same way.

    Examples
    --------
    >>> structural_errors(Graph([("a", "b"), ("c", "b")]), Graph([("b", "a"), ("a", "c")]))
    {'missing': 1, 'extra': 1, 'direction': 1}
    """
    if type(found) is not type(true):
        raise InputError(
            "One graph is directed and the other partly so: compare two Graphs, or two essential graphs "
            "(essential_graph makes one of a Graph)."
        )
    _same_nodes(found, true)
    ours, theirs = _marks(found), _marks(true)
    both = ours.keys() & theirs.keys()
    return {
        "missing": len(theirs.keys() - both),
        "extra": len(ours.keys() - both),
        "direction": sum(ours[pair] != theirs[pair] for pair in both),
    }


def structural_hamming(found, true) -> int:
    """Structural Hamming distance: the pairs of nodes that the two graphs join in different ways.

    A missing edge, an edge too many and an edge of another direction (or none) count 1 each (Tsamardinos,
    Brown & Aliferis, Machine Learning 65, 2006, who compare essential graphs: observations
    cannot tell the members of a class apart, so a distance between graphs punishes what no learner could
    know).

    Examples
    --------
    >>> chain, fork = Graph([("a", "b"), ("b", "c")]), Graph([("b", "a"), ("b", "c")])
    >>> structural_hamming(chain, fork)
    1
    >>> structural_hamming(essential_graph(chain), essential_graph(fork))
    0
    """
    return sum(structural_errors(found, true).values())


def _marks(graph):
    if isinstance(graph, Graph):
        return {frozenset(edge): edge for edge in graph.edges}
    return {frozenset(edge): edge for edge in graph.directed} | dict.fromkeys(graph.undirected)


def _same_nodes(graph, other):
    odd = set(graph.nodes) ^ set(other.nodes)
    if odd:
        raise InputError(f"The node {sorted(odd, key=str)[0]!r} is in one graph only: compare equal nodes.")


# --- the network ---------------------------------------------------------------------------------------


class Network:
    """A discrete Bayesian network: a graph, the levels of each node, and a table P(node | parents) for each.

    Parameters
    ----------
    graph : Graph or iterable of (parent, child)
    levels : mapping of node to sequence
        Levels of each node, in order.
    tables : mapping of node to table
        An array of shape (levels of the first parent, …, levels of the node), parents in the order of
        ``graph.parents(node)``; or a DataFrame with one row for each combination of the parents' levels
        (index named by the parents) and one column for each level of the node. For a node without parents a
        list will do, or a Series by level.

    Attributes
    ----------
    graph : Graph
    levels : dict of tuple
    tables : dict of ndarray

    Raises
    ------
    InputError
        A cycle; a node without levels or table; a table of another shape, with a number outside [0, 1], or
        with a combination of parents for which it does not add up to 1.

    Examples
    --------
    >>> network = Network([("engaged", "ordered")], {"engaged": ["no", "yes"], "ordered": ["no", "yes"]},
    ...                   {"engaged": [0.7, 0.3], "ordered": [[0.95, 0.05], [0.6, 0.4]]})
    >>> network.table("ordered").loc["yes"].to_dict()
    {'no': 0.6, 'yes': 0.4}
    """

    def __init__(self, graph, levels: Mapping, tables: Mapping):
        self.graph = graph if isinstance(graph, Graph) else Graph(graph, nodes=levels)
        odd = set(levels) ^ set(self.graph.nodes)
        if odd:
            raise InputError(
                f"Levels and graph differ in the node {sorted(odd, key=str)[0]!r}: name the levels of every "
                "node."
            )
        self.levels = {node: tuple(levels[node]) for node in self.graph.nodes}
        for node, names in self.levels.items():
            if isinstance(levels[node], str):
                raise InputError(
                    f"The levels of {node!r} are the text {levels[node]!r}: give a list, such as ['no', "
                    "'yes']."
                )
            if not names or len(set(names)) < len(names):
                raise InputError(f"The levels of {node!r} are {list(names)}: name each level once.")
        odd = set(tables) ^ set(self.graph.nodes)
        if odd:
            raise InputError(
                f"Tables and graph differ in the node {sorted(odd, key=str)[0]!r}: give every node one table."
            )
        self.tables = {node: self._checked(node, tables[node]) for node in self.graph.nodes}

    @property
    def nodes(self) -> tuple:
        """Nodes of the graph."""
        return self.graph.nodes

    def __repr__(self):
        n = sum(table.size // table.shape[-1] * (table.shape[-1] - 1) for table in self.tables.values())
        return f"Network of {len(self.nodes)} nodes, {len(self.graph.edges)} edges, {n:,} free probabilities"

    def code(self, node, level) -> int:
        """Place of a level among those of a node.

        Raises
        ------
        InputError
            An unknown node, or a level that the node does not have.
        """
        names = self.levels[self.graph._known(node)]
        if level not in names:
            raise InputError(
                f"{node} has no level {level!r}; its levels are {', '.join(map(repr, names))}: map the value "
                "to one of them, or declare it when the tables are learned."
            )
        return names.index(level)

    def table(self, node) -> pd.DataFrame:
        """P(node | parents): one row for each combination of the parents' levels; rows sum to 1."""
        parents, own = self.graph.parents(node), self.tables[self.graph._known(node)]
        columns = pd.Index(self.levels[node], name=node)
        if not parents:
            return pd.DataFrame(own[None, :], columns=columns)
        index = pd.MultiIndex.from_product([self.levels[p] for p in parents], names=parents)
        if len(parents) == 1:
            index = index.get_level_values(0)
        return pd.DataFrame(own.reshape(len(index), -1), index=index, columns=columns)

    def sample(self, n: int, random_state: int = 0) -> pd.DataFrame:
        """Draw rows: each node after its parents.

        Parameters
        ----------
        n : int
        random_state : int or numpy.random.Generator

        Returns
        -------
        pandas.DataFrame
            One column for each node, as ordered categories over its levels.
        """
        from bigmkt_helpers.networks import _checks

        draw = _checks.generator(random_state)
        n = _checks.whole(n, "n")
        codes: dict = {}
        for node in self.graph.topological():
            rows = self.tables[node][tuple(codes[p] for p in self.graph.parents(node))]
            cumulated = np.cumsum(np.broadcast_to(rows, (n, rows.shape[-1])), axis=1)
            place = (draw.random(n)[:, None] >= cumulated).sum(axis=1)
            # a sum of 1 − 1e-16 must not give a level that is not there
            codes[node] = np.minimum(place, rows.shape[-1] - 1)
        return pd.DataFrame(
            {
                node: pd.Categorical.from_codes(codes[node], list(self.levels[node]), ordered=True)
                for node in self.nodes
            }
        )

    def bits(self, data: pd.DataFrame) -> pd.Series:
        """Surprise of each complete row, −log2 P(row), in bits; infinite for a row the network excludes."""
        from bigmkt_helpers.networks import _checks

        codes = _checks.coded(data, {node: self.levels[node] for node in self.nodes})
        total = np.zeros(len(data))
        with np.errstate(divide="ignore"):
            for node in self.nodes:
                places = (*(codes[p] for p in self.graph.parents(node)), codes[node])
                total -= np.log2(self.tables[node][places])
        return pd.Series(total, index=data.index, name="bits")

    def _checked(self, node, given):
        parents, names = self.graph.parents(node), self.levels[node]
        if isinstance(given, pd.DataFrame) and parents:
            given = self._arranged(node, parents, given)
        elif isinstance(given, pd.Series) and not parents and set(given.index) == set(names):
            given = given.reindex(list(names))
        try:
            table = np.array(given, dtype=float)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"The table of {node!r} holds something that is not a number ({error}): give probabilities, "
                "one for each level."
            ) from error
        shape = (*(len(self.levels[p]) for p in parents), len(names))
        if table.size == np.prod(shape) and not parents:
            table = table.reshape(shape)
        if table.shape != shape:
            raise InputError(
                f"The table of {node!r} has the shape {table.shape}: it needs {shape}, the levels of "
                f"{', '.join(map(str, (*parents, node)))}."
            )
        if not np.isfinite(table).all() or (table < 0).any() or (table > 1 + TOLERANCE).any():
            raise InputError(f"The table of {node!r} holds a number outside 0 to 1: give probabilities.")
        sums = table.sum(axis=-1)
        off = np.abs(sums - 1) > TOLERANCE
        if off.any():
            place = tuple(int(i) for i in np.argwhere(off)[0])
            where = ", ".join(f"{p}={self.levels[p][i]!r}" for p, i in zip(parents, place))
            hint = ""
            if len(parents) == 1 and np.allclose(table.sum(axis=0), 1, atol=TOLERANCE):
                hint = "; its columns do, so transpose it"
            raise InputError(
                f"The table of {node!r} adds up to {np.round(sums[place], 6):g}"
                f"{' for ' + where if where else ''}, not to 1: each combination of the parents needs a "
                f"distribution over the levels of {node!r}{hint}."
            )
        return table / sums[..., None]

    def _arranged(self, node, parents, frame):
        """A DataFrame with named rows and columns, in the order of the levels."""
        if set(frame.index.names) != set(parents) or set(frame.columns) != set(self.levels[node]):
            raise InputError(
                f"The table of {node!r} needs an index named {', '.join(map(str, parents))} and the columns "
                f"{list(self.levels[node])}."
            )
        if len(parents) > 1:
            frame = frame.reorder_levels(list(parents))
        wanted = pd.MultiIndex.from_product([self.levels[p] for p in parents], names=parents)
        wanted = wanted.get_level_values(0) if len(parents) == 1 else wanted
        if not frame.index.is_unique or len(frame) != len(wanted) or not wanted.isin(frame.index).all():
            raise InputError(
                f"The table of {node!r} has {len(frame)} rows: it needs one for each of the {len(wanted)} "
                "combinations of its parents' levels."
            )
        ordered = frame.loc[wanted, list(self.levels[node])].to_numpy(dtype=float)
        return ordered.reshape(*(len(self.levels[p]) for p in parents), -1)
