"""Networks from tables: bands, tables with priors, scores, structure by search or by tests, its confidence.

Scores are in bits, the unit of the course: a network that scores 100 bits more describes the same rows in 100
bits less, what the network itself costs included.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from scipy.special import chdtrc, gammaln, xlogy

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.networks import _checks
from bigmkt_helpers.networks.graph import (
    Graph,
    Network,
    PartialGraph,
    _as_graph,
    _first_twice,
    _pair,
    _together,
    close_orientations,
    essential_graph,
    find_cycle,
)

__all__ = [
    "Discretiser",
    "LearnedStructure",
    "check_promises",
    "constraint_search",
    "edge_confidence",
    "fit_tables",
    "hill_climb",
    "independence_test",
    "score_structure",
    "tree_augmented",
    "with_knowledge",
]

MOST_CELLS = 2_000_000
"""A family of nodes with more cells than this is not counted; the search passes it over."""


class Discretiser:
    """Cuts columns of numbers into bands; the cuts are learned once and then stay.

    Parameters
    ----------
    bands : mapping of column to int or sequence of numbers
        So many bands of (nearly) equal numbers of rows, or the cuts themselves. A value equal to a cut
        belongs to the band above it. Where many rows share a value, fewer bands than asked for may come out.
        Empty: nothing is cut.

    Attributes
    ----------
    cuts_ : dict of column to list of float
    levels_ : dict of column to tuple of str

    Examples
    --------
    >>> table = pd.DataFrame({"orders": [1, 1, 2, 4, 9, 12], "sent": ["no", "yes"] * 3})
    >>> Discretiser({"orders": [2, 5]}).fit_transform(table)["orders"].tolist()
    ['< 2', '< 2', '2 to 5', '2 to 5', '>= 5', '>= 5']
    """

    def __init__(self, bands: Mapping):
        self.bands = bands

    def fit(self, data: pd.DataFrame) -> "Discretiser":
        """Learn the cuts.

        Raises
        ------
        InputError
            A column that is missing, has gaps or is not numeric; fewer than two bands; cuts that do not
            rise; a column of one value, for which no cut can be learned.
        """
        self.cuts_, self.levels_ = {}, {}
        if not self.bands:
            return self
        table = _checks.table(data, list(self.bands))
        for column, bands in self.bands.items():
            values = _numbers(table, column)
            if isinstance(bands, int | np.integer):
                shares = np.arange(1, _checks.whole(bands, f"bands[{column!r}]", least=2)) / bands
                # "higher": the cut is a value that was seen, so a cut of whole numbers is a whole number
                cuts = np.unique(np.quantile(values, shares, method="higher"))
                cuts = cuts[cuts > values.min()]
                if not len(cuts):
                    raise InputError(
                        f"Nearly all rows of {column!r} hold the smallest value, {values.min():g}: no cut "
                        "can be learned, so name the cuts."
                    )
            else:
                cuts = np.asarray(bands, dtype=float)
                if (
                    cuts.ndim != 1
                    or not len(cuts)
                    or not np.isfinite(cuts).all()
                    or (np.diff(cuts) <= 0).any()
                ):
                    raise InputError(
                        f"bands[{column!r}] is {bands!r}: give rising numbers, or how many bands."
                    )
            shown = [f"{cut:.6g}" for cut in cuts]
            middle = [f"{low} to {high}" for low, high in pairwise(shown)]
            self.cuts_[column] = cuts.tolist()
            self.levels_[column] = (f"< {shown[0]}", *middle, f">= {shown[-1]}")
        return self

    def transform(self, data: pd.DataFrame) -> pd.DataFrame:
        """The table with these columns as ordered bands; values beyond those learned go to the outer
        bands."""
        if not hasattr(self, "cuts_"):
            raise NotFittedError("Discretiser: call fit with a table first.")
        if not self.bands:
            return data.copy()
        table, out = _checks.table(data, list(self.bands)), data.copy()
        for column, cuts in self.cuts_.items():
            codes = np.searchsorted(cuts, _numbers(table, column), side="right")
            out[column] = pd.Categorical.from_codes(codes, list(self.levels_[column]), ordered=True)
        return out

    def fit_transform(self, data: pd.DataFrame) -> pd.DataFrame:
        """`fit`, then `transform`."""
        return self.fit(data).transform(data)


def _numbers(table, column):
    try:
        values = table[column].to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Column {column!r} holds something that is not a number ({error}): a column of text needs no "
            "bands, so leave it out of them."
        ) from error
    if not np.isfinite(values).all():
        raise InputError(f"Column {column!r} holds an infinite number: fill it or leave the row out.")
    return values


# --- counts --------------------------------------------------------------------------------------------


class _Rows:
    """A table as codes, with a weight for each row (1 without resampling)."""

    def __init__(self, data, levels=None, weights=None):
        data = _checks.table(data)
        self.levels = _checks.find_levels(data, levels)
        coded = _checks.coded(data, self.levels)
        self.nodes = tuple(self.levels)
        self.codes = [coded[node] for node in self.nodes]
        self.sizes = [len(self.levels[node]) for node in self.nodes]
        self.weights, self.total = weights, float(len(data)) if weights is None else float(weights.sum())

    def reweighted(self, weights):
        other = object.__new__(_Rows)
        other.__dict__.update(self.__dict__, weights=weights, total=float(weights.sum()))
        return other

    def cells(self, places) -> int:
        return math.prod([self.sizes[i] for i in places])

    def counts(self, places) -> np.ndarray:
        """How often each combination of the levels occurs: one axis per column."""
        index = self.codes[places[0]]
        for i in places[1:]:
            index = index * self.sizes[i] + self.codes[i]
        found = np.bincount(index, weights=self.weights, minlength=self.cells(places))
        return found.reshape([self.sizes[i] for i in places])


def fit_tables(graph, data, levels=None, prior="bdeu", strength=None) -> Network:
    """Learn the tables of a graph from complete rows.

    Parameters
    ----------
    graph : Graph or iterable of (parent, child)
        Its nodes are columns of `data`; other columns are passed over.
    data : pandas.DataFrame
    levels : mapping of node to sequence, optional
        Levels of a node, those included that these rows do not show. Without it the categories of the column,
        or its values, sorted.
    prior : {"bdeu", "laplace", "none"}
        "laplace" adds `strength` (1) to every cell; "bdeu" spreads `strength` (10) rows over all cells of a
        table, so that each node's prior weighs the same; "none" is maximum likelihood.
    strength : float, optional

    Returns
    -------
    Network

    Raises
    ------
    InputError
        Gaps; a column of measurements (cut it into bands: `Discretiser`); a level that was not declared, with
        its row; "none" where a combination of the parents never occurs.

    Examples
    --------
    >>> rows = pd.DataFrame({"sent": ["no", "no", "yes", "yes"], "ordered": ["no", "no", "no", "yes"]})
    >>> fit_tables([("sent", "ordered")], rows, prior="laplace").table("ordered").loc["no"].to_dict()
    {'no': 0.75, 'yes': 0.25}
    """
    graph = _as_graph(graph)
    if prior not in ("bdeu", "laplace", "none"):
        raise InputError(f"There is no prior {prior!r}: use 'bdeu', 'laplace' or 'none'.")
    if strength is not None:
        strength = _checks.above_zero(strength, "strength")
    levels = {node: names for node, names in (levels or {}).items() if node in graph.nodes}
    rows = _Rows(_checks.table(data, graph.nodes), levels)
    place = {node: i for i, node in enumerate(rows.nodes)}
    tables = {}
    for node in graph.nodes:
        family = [place[v] for v in (*graph.parents(node), node)]
        if rows.cells(family) > MOST_CELLS:
            raise InputError(
                f"The table of {node!r} would have {rows.cells(family):,} cells: give it fewer parents."
            )
        n = rows.counts(family)
        if prior == "laplace":
            n = n + (1.0 if strength is None else strength)
        elif prior == "bdeu":
            n = n + (10.0 if strength is None else strength) / n.size
        sums = n.sum(axis=-1, keepdims=True)
        if (sums == 0).any():
            where = tuple(int(i) for i in np.argwhere(sums[..., 0] == 0)[0])
            said = ", ".join(f"{p}={rows.levels[p][i]!r}" for p, i in zip(graph.parents(node), where))
            raise InputError(f"No row has {said}, so P({node} | {said}) is unknown: learn with a prior.")
        tables[node] = n / sums
    return Network(graph, rows.levels, tables)


# --- scores --------------------------------------------------------------------------------------------


def score_structure(graph, data, score="bic", strength=10.0, levels=None) -> float:
    """How well a graph describes the rows, in bits; more is better.

    "bic": log-likelihood at the best tables, less ½ log2(rows) for each free probability (Schwarz, Annals of
    Statistics 6, 1978). "bdeu": log2 of the probability of the rows, averaged over all tables
    under a Dirichlet prior of `strength` rows in all (Heckerman, Geiger & Chickering, Machine Learning 20,
    1995). Both give the members of one class of equivalence the same score.

    Parameters
    ----------
    graph : Graph or iterable of (parent, child)
    data : pandas.DataFrame
    score : {"bic", "bdeu"}
    strength : float
        Of the prior of "bdeu".
    levels : mapping, optional

    Examples
    --------
    >>> rows = pd.DataFrame({"a": [0, 0, 1, 1] * 5, "b": [0, 0, 1, 1] * 5})
    >>> score_structure(Graph([("a", "b")]), rows) > score_structure(Graph(nodes=["a", "b"]), rows)
    True
    """
    graph = _as_graph(graph)
    levels = {node: names for node, names in (levels or {}).items() if node in graph.nodes}
    rows = _Rows(_checks.table(data, graph.nodes), levels)
    local = _LocalScores(rows, score, strength)
    place = {node: i for i, node in enumerate(rows.nodes)}
    return float(sum(local(place[n], [place[p] for p in graph.parents(n)]) for n in graph.nodes))


class _LocalScores:
    """Score of one node with its parents, kept for the next time."""

    def __init__(self, rows, score, strength):
        if score not in ("bic", "bdeu"):
            raise InputError(f"There is no score {score!r}: use 'bic' or 'bdeu'.")
        self.rows, self.score, self.strength = rows, score, _checks.above_zero(strength, "strength")
        self.known: dict = {}

    def __call__(self, child, parents) -> float:
        key = (child, frozenset(parents))
        if key not in self.known:
            family = [*sorted(parents), child]
            if self.rows.cells(family) > MOST_CELLS:
                self.known[key] = -np.inf
            else:
                n = self.rows.counts(family).reshape(-1, self.rows.sizes[child])
                self.known[key] = self._bic(n) if self.score == "bic" else self._bdeu(n)
        return self.known[key]

    def _bic(self, n):
        fit = xlogy(n, n).sum() - xlogy(n.sum(axis=1), n.sum(axis=1)).sum()
        free = n.shape[0] * (n.shape[1] - 1)
        return (fit - 0.5 * np.log(self.rows.total) * free) / np.log(2)

    def _bdeu(self, n):
        cell, row = self.strength / n.size, self.strength / n.shape[0]
        # combinations never seen add nothing
        n = n[n.sum(axis=1) > 0]
        parts = gammaln(row) - gammaln(row + n.sum(axis=1))
        return (parts.sum() + (gammaln(n + cell) - gammaln(cell)).sum()) / np.log(2)


# --- what is known beforehand --------------------------------------------------------------------------


class _Knowledge:
    """Which edges are allowed and which must be there."""

    def __init__(self, nodes, forbidden=(), required=(), tiers=()):
        place = {node: i for i, node in enumerate(nodes)}
        self.allowed = ~np.eye(len(nodes), dtype=bool)
        for number, tier in enumerate(tiers):
            if isinstance(tier, str):
                raise InputError(
                    f"tiers[{number}] is {tier!r}: give each tier as a list of nodes, [['age'], ['sent']]."
                )
        named = [node for tier in tiers for node in tier]
        self.required = [_pair(edge) for edge in required]
        forbidden = [_pair(edge) for edge in forbidden]
        for node in [*named, *(n for edge in [*forbidden, *self.required] for n in edge)]:
            if node not in place:
                raise InputError(
                    f"The background knowledge names {node!r}, which is no column of the data; they are "
                    f"{', '.join(map(str, nodes))}."
                )
        if len(set(named)) < len(named):
            raise InputError(f"The node {_first_twice(named)!r} stands in two tiers: put it into one.")
        self.tier = {node: number for number, tier in enumerate(tiers) for node in tier}
        for a in self.tier:
            for b in self.tier:
                if self.tier[a] > self.tier[b]:
                    self.allowed[place[a], place[b]] = False
        for parent, child in forbidden:
            self.allowed[place[parent], place[child]] = False
        for parent, child in self.required:
            if not self.allowed[place[parent], place[child]]:
                raise InputError(
                    f"The edge {parent} -> {child} is required and ruled out at once: leave out one."
                )
        cycle = find_cycle(self.required)
        if cycle:
            raise InputError(
                f"The required edges make a cycle, {' -> '.join(map(str, cycle))}: leave one out."
            )

    def orient(self, partial, nodes) -> PartialGraph:
        """An essential graph, with the arrows that the knowledge adds to it."""
        place = {node: i for i, node in enumerate(nodes)}
        directed, undirected = set(partial.directed), set(partial.undirected)
        for edge in partial.undirected:
            a, b = sorted(edge, key=place.get)
            for parent, child in ((a, b), (b, a)):
                one_way = (
                    self.allowed[place[parent], place[child]]
                    and not self.allowed[place[child], place[parent]]
                )
                if (parent, child) in self.required or one_way:
                    directed.add((parent, child))
                    undirected.discard(edge)
        return close_orientations(nodes, directed, undirected)


def with_knowledge(graph: Graph, forbidden=(), required=(), tiers=()) -> PartialGraph:
    """The essential graph, with the arrows that background knowledge adds: the best that a learner can do.

    Examples
    --------
    >>> chain = Graph([("a", "b"), ("b", "c")])
    >>> with_knowledge(chain), with_knowledge(chain, tiers=[["a"], ["b", "c"]])
    (PartialGraph: a - b, b - c, PartialGraph: a -> b, b -> c)
    """
    graph = _as_graph(graph)
    knowledge = _Knowledge(graph.nodes, forbidden, required, tiers)
    return knowledge.orient(essential_graph(graph), graph.nodes)


@dataclass(frozen=True)
class LearnedStructure:
    """What a learner found.

    Parameters
    ----------
    graph : Graph or None
        The graph of the highest score; a learner by tests finds none, only the class.
    essential : PartialGraph
        Its class of equivalence, without the background knowledge: what observations alone support.
    oriented : PartialGraph
        The same with the arrows that the background knowledge adds.
    score : float or None
        Bits.
    steps : pandas.DataFrame
        The search: ``change``, ``parent``, ``child``, ``gain`` in bits; or the tests: ``a``, ``b``,
        ``given``, ``p``, of the pairs found independent.
    """

    graph: Graph | None
    essential: PartialGraph
    oriented: PartialGraph
    score: float | None
    steps: pd.DataFrame


def hill_climb(
    data,
    score="bic",
    strength=10.0,
    *,
    levels=None,
    forbidden=(),
    required=(),
    tiers=(),
    max_parents=None,
    restarts: int = 0,
    random_state: int = 0,
) -> LearnedStructure:
    """Structure by hill climbing: add, remove or turn the one edge that gains most, until none gains.

    Parameters
    ----------
    data : pandas.DataFrame
        Complete rows; every column is a node.
    score, strength, levels
        As in `score_structure`.
    forbidden, required : iterable of (parent, child)
    tiers : sequence of sequences of nodes
        In the order of time: no edge leads from a later tier into an earlier one.
    max_parents : int, optional
    restarts : int
        How often to shake the best graph (as many random changes as half the nodes) and to climb again.
        Climbing alone stops at the first top it meets.
    random_state : int

    Returns
    -------
    LearnedStructure

    Raises
    ------
    InputError
        As for `fit_tables`; knowledge that contradicts itself or names no column.

    Examples
    --------
    >>> draw = np.random.default_rng(1)
    >>> cause = draw.integers(2, size=400)
    >>> rows = pd.DataFrame({"cause": cause, "effect": np.where(draw.random(400) < 0.9, cause, 1 - cause)})
    >>> hill_climb(rows, tiers=[["cause"], ["effect"]]).graph
    Graph of 2 nodes: cause -> effect
    """
    return _climb(
        _Rows(data, levels), score, strength, forbidden, required, tiers, max_parents, restarts, random_state
    )


def _climb(rows, score, strength, forbidden, required, tiers, max_parents, restarts, random_state):
    knowledge = _Knowledge(rows.nodes, forbidden, required, tiers)
    local = _LocalScores(rows, score, strength)
    most = len(rows.nodes) if max_parents is None else _checks.whole(max_parents, "max_parents", least=0)
    restarts = _checks.whole(restarts, "restarts", least=0)
    place = {node: i for i, node in enumerate(rows.nodes)}
    fixed = {(place[parent], place[child]) for parent, child in knowledge.required}
    climber = _Climber(local, knowledge.allowed, fixed, most)
    best, steps = climber.climb([{p for p, c in fixed if c == child} for child in range(len(place))])
    highest = climber.total(best)
    draw = _checks.generator(random_state) if restarts else None
    for _ in range(restarts):
        found, more = climber.climb(climber.shaken(best, max(1, len(place) // 2), draw))
        if climber.total(found) > highest + 1e-9:
            best, highest = found, climber.total(found)
            steps = [*steps, ("shake", None, None, np.nan), *more]
    names = rows.nodes
    graph = Graph([(names[p], names[c]) for c, parents in enumerate(best) for p in sorted(parents)], names)
    told = [(what, *(None if i is None else names[i] for i in ends), gain) for what, *ends, gain in steps]
    essential = essential_graph(graph)
    return LearnedStructure(
        graph,
        essential,
        knowledge.orient(essential, names),
        float(highest),
        pd.DataFrame(told, columns=["change", "parent", "child", "gain"]),
    )


class _Climber:
    """Moves on lists of parent sets (one set of places per node)."""

    def __init__(self, local, allowed, fixed, most):
        self.local, self.allowed, self.fixed, self.most = local, allowed, fixed, most
        self.d = len(allowed)

    def total(self, parents):
        return sum(self.local(child, own) for child, own in enumerate(parents))

    def climb(self, parents):
        parents, steps = [set(own) for own in parents], []
        # what adding or removing the edge p -> c would gain at c; only columns of changed nodes go stale
        add, drop = np.full((self.d, self.d), -np.inf), np.full((self.d, self.d), -np.inf)
        stale = set(range(self.d))
        while True:
            for c in stale:
                now = self.local(c, parents[c])
                for p in range(self.d):
                    add[p, c] = drop[p, c] = -np.inf
                    if p in parents[c]:
                        drop[p, c] = self.local(c, parents[c] - {p}) - now
                    elif p != c and len(parents[c]) < self.most and self.allowed[p, c]:
                        add[p, c] = self.local(c, parents[c] | {p}) - now
            gain, move = self._best(parents, add, drop)
            # a gain of rounding errors is none: the search must end
            if gain <= 1e-9:
                return parents, steps
            what, p, c = move
            stale = {c}
            if what != "add":
                parents[c].discard(p)
            if what == "add":
                parents[c].add(p)
            if what == "turn":
                parents[p].add(c)
                stale = {p, c}
            steps.append((what, p, c, float(gain)))

    def _best(self, parents, add, drop):
        above = _ancestors(parents)
        # members of one class score the same: rounded, the order of the nodes decides, not an error in float
        add, drop = add.round(6), drop.round(6)
        # p -> c closes a cycle if c is an ancestor of p
        legal = np.where(self.allowed & ~above.T, add, -np.inf)
        best, move = -np.inf, None
        place = np.unravel_index(int(legal.argmax()), legal.shape)
        if legal[place] > best:
            best, move = legal[place], ("add", int(place[0]), int(place[1]))
        for c, own in enumerate(parents):
            for p in sorted(own):
                if (p, c) in self.fixed:
                    continue
                if drop[p, c] > best:
                    best, move = drop[p, c], ("remove", p, c)
                # turning is safe if the edge is the only way from p to c
                only_way = not any(above[p, other] for other in own - {p})
                if self.allowed[c, p] and only_way and drop[p, c] + add[c, p] > best:
                    best, move = drop[p, c] + add[c, p], ("turn", p, c)
        return best, move

    def shaken(self, parents, n_changes, draw):
        parents = [set(own) for own in parents]
        for _ in range(n_changes):
            p, c = (int(i) for i in draw.choice(self.d, 2, replace=False))
            if p in parents[c] and (p, c) not in self.fixed:
                parents[c].discard(p)
            elif self.allowed[p, c] and len(parents[c]) < self.most and not _ancestors(parents)[c, p]:
                parents[c].add(p)
        return parents


def _ancestors(parents):
    """above[a, b]: a directed path of any length, 0 included, leads from a to b."""
    d = len(parents)
    above = np.eye(d, dtype=bool)
    done: set = set()
    waiting = list(range(d))
    while waiting:
        for node in list(waiting):
            if parents[node] <= done:
                for p in parents[node]:
                    above[:, node] |= above[:, p]
                done.add(node)
                waiting.remove(node)
    return above


# --- by tests ------------------------------------------------------------------------------------------


def independence_test(data, a, b, given=(), levels=None) -> tuple[float, float, int]:
    """G test of "a and b are independent, given some columns".

    G = 2 Σ n ln(n·n_given / (n_a · n_b)) within each combination of the given columns; degrees of freedom
    count only levels that occur there, so that a combination of which there is one row says nothing.

    Parameters
    ----------
    data : pandas.DataFrame
    a, b : column
    given : column, or tuple or list of columns
    levels : mapping, optional

    Returns
    -------
    G, p, degrees of freedom

    Examples
    --------
    >>> rows = pd.DataFrame({"a": [0, 0, 1, 1] * 10, "b": [0, 1, 0, 1] * 10})
    >>> independence_test(rows, "a", "b")
    (0.0, 1.0, 1)
    """
    given = list(_together(given))
    levels = {node: names for node, names in (levels or {}).items() if node in (a, b, *given)}
    rows = _Rows(_checks.table(data, [a, b, *given]), levels)
    return _g_test(rows, 0, 1, range(2, 2 + len(given)))


def check_promises(graph, data, levels=None) -> pd.DataFrame:
    """Test what a graph promises: given its parents, a node is independent of all that comes before it.

    One G test (`independence_test`) for each node and each node before it that is no parent, in the order of
    `Graph.topological`. Without adjustment for their number; where the rows are few for the table, the test
    rejects more often than it says, so try it on samples of a network on this graph too.

    Parameters
    ----------
    graph : Graph or iterable of (parent, child)
        Its nodes are columns of `data`; other columns are passed over.
    data : pandas.DataFrame
    levels : mapping, optional

    Returns
    -------
    pandas.DataFrame
        ``node``, ``other``, ``given`` (tuple), ``G``, ``p``, ``degrees``; smallest p first.

    Raises
    ------
    InputError
        As for `independence_test`.

    Examples
    --------
    >>> rows = pd.DataFrame({"a": [0, 0, 1, 1] * 10, "b": [0, 1, 0, 1] * 10})
    >>> check_promises(Graph(nodes=["a", "b"]), rows)[["node", "other", "p"]].to_numpy().tolist()
    [['b', 'a', 1.0]]
    """
    graph = _as_graph(graph)
    levels = {node: names for node, names in (levels or {}).items() if node in graph.nodes}
    rows = _Rows(_checks.table(data, graph.nodes), levels)
    place = {node: i for i, node in enumerate(rows.nodes)}
    order, told = graph.topological(), []
    for number, node in enumerate(order):
        given = graph.parents(node)
        for other in order[:number]:
            if other not in given:
                g, p, free = _g_test(rows, place[node], place[other], [place[v] for v in given])
                told.append((node, other, given, g, p, free))
    table = pd.DataFrame(told, columns=["node", "other", "given", "G", "p", "degrees"])
    return table.sort_values("p", kind="stable", ignore_index=True)


def _g_test(rows, a, b, given):
    n = rows.counts([*given, a, b]).reshape(-1, rows.sizes[a], rows.sizes[b])
    n = n[n.sum(axis=(1, 2)) > 0]
    by_a, by_b, whole = n.sum(axis=2), n.sum(axis=1), n.sum(axis=(1, 2))
    g = 2 * (
        xlogy(n, n).sum() - xlogy(by_a, by_a).sum() - xlogy(by_b, by_b).sum() + xlogy(whole, whole).sum()
    )
    free = int((((by_a > 0).sum(axis=1) - 1) * ((by_b > 0).sum(axis=1) - 1)).sum())
    g = max(float(g), 0.0)
    # differences of sums of some thousand terms: what is left of rounding is no dependence
    g = 0.0 if g < 1e-9 * max(rows.total, 1.0) else g
    # the chi-squared law's upper tail
    return g, float(chdtrc(free, g)) if free else 1.0, free


def constraint_search(
    data, alpha: float = 0.01, max_given: int = 3, *, levels=None, forbidden=(), required=(), tiers=()
) -> LearnedStructure:
    """Structure by tests of independence (the PC algorithm in its stable form).

    Begin with all pairs joined. Part a pair when a test given 0, then 1, 2 … of its neighbours does not
    reject independence. Where two parted nodes meet in a third that did not part them, the arrows meet
    there; the rest follows by Meek's rules (Spirtes, Glymour & Scheines, 2000; Colombo & Maathuis, Journal
    of Machine Learning Research 15, 2014). An edge whose two ends claim opposite arrows stays
    undirected.

    Parameters
    ----------
    data : pandas.DataFrame
    alpha : float
        A pair is parted when p > alpha.
    max_given : int
        Most nodes that a test is given.
    levels, forbidden, required, tiers
        As for `hill_climb`; a pair forbidden both ways is parted beforehand, a required one never.

    Returns
    -------
    LearnedStructure
        Without a graph and a score.

    Examples
    --------
    >>> draw = np.random.default_rng(1)
    >>> a, b = draw.integers(2, size=(2, 1000))
    >>> rows = pd.DataFrame({"a": a, "b": b, "both": a + b})
    >>> constraint_search(rows).essential
    PartialGraph: a -> both, b -> both
    """
    return _constrained(_Rows(data, levels), alpha, max_given, forbidden, required, tiers)


def _constrained(rows, alpha, max_given, forbidden, required, tiers):
    alpha = _checks.between(alpha, "alpha")
    max_given = _checks.whole(max_given, "max_given", least=0)
    names, d = rows.nodes, len(rows.nodes)
    knowledge = _Knowledge(names, forbidden, required, tiers)
    place = {node: i for i, node in enumerate(names)}
    kept = {frozenset((place[a], place[b])) for a, b in knowledge.required}
    beside = {
        a: {b for b in range(d) if b != a and (knowledge.allowed[a, b] or knowledge.allowed[b, a])}
        for a in range(d)
    }
    parted, told = {}, []
    for size in range(max_given + 1):
        # the neighbours as they were when this size began: the order of the pairs must not matter
        frozen = {a: set(own) for a, own in beside.items()}
        for a, b in combinations(range(d), 2):
            if b not in beside[a] or frozenset((a, b)) in kept:
                continue
            sets = [
                s
                for end, other in ((a, b), (b, a))
                for s in combinations(sorted(frozen[end] - {other}), size)
            ]
            for given in dict.fromkeys(sets):
                if rows.cells([a, b, *given]) > MOST_CELLS:
                    continue
                _, p, free = _g_test(rows, a, b, given)
                # where the given nodes leave no choice (a function of them), nothing was tested
                if p > alpha and (free or not given):
                    beside[a].discard(b)
                    beside[b].discard(a)
                    parted[frozenset((a, b))] = set(given)
                    told.append((names[a], names[b], ", ".join(str(names[i]) for i in given), p))
                    break
        if all(len(own) - 1 <= size for own in beside.values()):
            break
    claims = set()
    for middle in range(d):
        for a, b in combinations(sorted(beside[middle]), 2):
            separated = parted.get(frozenset((a, b)))
            if b not in beside[a] and separated is not None and middle not in separated:
                claims |= {(a, middle), (b, middle)}
    directed = {(names[a], names[b]) for a, b in claims if (b, a) not in claims}
    joined = {frozenset((names[a], names[b])) for a in range(d) for b in beside[a]}
    loose = joined - {frozenset(edge) for edge in directed}
    essential = close_orientations(names, directed, loose)
    # the knowledge goes before the claims of the tests
    known = {edge for edge in directed if knowledge.allowed[place[edge[0]], place[edge[1]]]}
    first = knowledge.orient(PartialGraph(known, joined - {frozenset(edge) for edge in known}, names), names)
    steps = pd.DataFrame(told, columns=["a", "b", "given", "p"])
    return LearnedStructure(None, essential, first, None, steps)


# --- how sure ------------------------------------------------------------------------------------------


def edge_confidence(
    data, learner="hill_climb", n_resamples: int = 100, random_state: int = 0, **options
) -> pd.DataFrame:
    """How often each edge is found again in bootstrap samples of the rows (Friedman, Goldszmidt & Wyner, UAI
    1999).

    Shares of samples, not probabilities that an edge is true: rows drawn twice look like more evidence than
    there is, and learners find somewhat more edges in them.

    Parameters
    ----------
    data : pandas.DataFrame
    learner : {"hill_climb", "constraint_search"}
    n_resamples, random_state : int
    **options
        Of the learner.

    Returns
    -------
    pandas.DataFrame
        For each pair found at least once: ``parent``, ``child`` (the more frequent direction), ``joined``
        (share of samples with an edge of any direction), ``directed`` and ``reversed`` (share with an arrow
        this way, or the other; the rest is undirected in the essential graph with the background knowledge).
        The surest first.

    Examples
    --------
    >>> rows = pd.DataFrame({"a": [0, 0, 1, 1] * 75, "b": [0, 1, 0, 1] * 75})
    >>> edge_confidence(rows.assign(both=rows["a"] + rows["b"]), n_resamples=20).head(2)
      parent child  joined  directed  reversed
    0      a  both     1.0      0.95       0.0
    1      b  both     1.0      0.95       0.0
    """
    learners = {
        "hill_climb": lambda rows, **o: _climb(
            rows,
            *(o.get(k, v) for k, v in _CLIMB.items()),
        ),
        "constraint_search": lambda rows, **o: _constrained(rows, *(o.get(k, v) for k, v in _TESTS.items())),
    }
    if learner not in learners:
        raise InputError(f"There is no learner {learner!r}: use 'hill_climb' or 'constraint_search'.")
    unknown = set(options) - {"levels"} - set(_CLIMB if learner == "hill_climb" else _TESTS)
    if unknown:
        known = ", ".join(["levels", *(_CLIMB if learner == "hill_climb" else _TESTS)])
        raise InputError(f"{learner} has no option {sorted(unknown)[0]!r}; it has {known}.")
    n_resamples = _checks.whole(n_resamples, "n_resamples")
    rows = _Rows(data, options.pop("levels", None))
    draw = _checks.generator(random_state)
    n, d = int(rows.total), len(rows.nodes)
    place = {node: i for i, node in enumerate(rows.nodes)}
    joined, arrows = np.zeros((d, d)), np.zeros((d, d))
    for _ in range(n_resamples):
        weights = np.bincount(draw.integers(n, size=n), minlength=n).astype(float)
        found = learners[learner](rows.reweighted(weights), **options).oriented
        for a, b in found.directed:
            arrows[place[a], place[b]] += 1
        for a, b in [*found.directed, *map(tuple, found.undirected)]:
            joined[place[a], place[b]] += 1
            joined[place[b], place[a]] += 1
    table = []
    for a, b in combinations(range(d), 2):
        if joined[a, b]:
            p, c = (a, b) if arrows[a, b] >= arrows[b, a] else (b, a)
            table.append((rows.nodes[p], rows.nodes[c], joined[a, b], arrows[p, c], arrows[c, p]))
    out = pd.DataFrame(table, columns=["parent", "child", "joined", "directed", "reversed"])
    out[["joined", "directed", "reversed"]] /= n_resamples
    return out.sort_values(["joined", "directed"], ascending=False, kind="stable", ignore_index=True)


_CLIMB = {
    "score": "bic",
    "strength": 10.0,
    "forbidden": (),
    "required": (),
    "tiers": (),
    "max_parents": None,
    "restarts": 0,
    "random_state": 0,
}
_TESTS = {"alpha": 0.01, "max_given": 3, "forbidden": (), "required": (), "tiers": ()}


# --- for predictions -----------------------------------------------------------------------------------


def tree_augmented(data, target, levels=None, least_bits: float = 0.0) -> Graph:
    """A graph made for predicting one column: it points at all others, and a tree joins those among
    themselves.

    Naive Bayes takes the features for independent given the target. Here each may have one more parent; the
    tree with the most mutual information given the target is the best such graph (Friedman, Geiger &
    Goldszmidt, Machine Learning 29, 1997).

    Parameters
    ----------
    data : pandas.DataFrame
    target : column
    levels : mapping, optional
    least_bits : float
        Edges of the tree that carry less than this are left out.

    Examples
    --------
    >>> rows = pd.DataFrame({"t": [0, 1] * 8, "a": [0, 0, 1, 1] * 4, "b": [0, 0, 1, 1] * 4})
    >>> tree_augmented(rows, "t")
    Graph of 3 nodes: t -> a, t -> b, a -> b
    """
    rows = _Rows(data, levels)
    if target not in rows.nodes:
        raise InputError(
            f"There is no column {target!r} to predict; the columns are {', '.join(map(str, rows.nodes))}."
        )
    t = rows.nodes.index(target)
    others = [i for i in range(len(rows.nodes)) if i != t]
    bits = {}
    for a, b in combinations(others, 2):
        n = rows.counts([t, a, b])
        parts = xlogy(n, n).sum() + xlogy(n.sum(axis=(1, 2)), n.sum(axis=(1, 2))).sum()
        parts -= xlogy(n.sum(axis=2), n.sum(axis=2)).sum() + xlogy(n.sum(axis=1), n.sum(axis=1)).sum()
        bits[a, b] = parts / rows.total / np.log(2)
    tree = others[:1]
    edges = [(target, rows.nodes[i]) for i in others]
    while len(tree) < len(others):
        # Prim: the strongest edge that leaves the tree
        inside, outside = max(
            ((a, b) for a in tree for b in others if b not in tree),
            key=lambda pair: bits[tuple(sorted(pair))],
        )
        tree.append(outside)
        if bits[tuple(sorted((inside, outside)))] >= least_bits:
            edges.append((rows.nodes[inside], rows.nodes[outside]))
    return Graph(edges, rows.nodes)
