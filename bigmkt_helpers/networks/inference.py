"""Answers from a network: factors, variable elimination, and the full enumeration it must agree with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.networks import _checks
from bigmkt_helpers.networks.graph import Network, _together

__all__ = [
    "Factor",
    "edge_bits",
    "elimination_order",
    "elimination_steps",
    "enumerate_posterior",
    "evidence_probability",
    "posterior",
    "predict",
]

_ROW = object()
CHUNK = 2_000
"""Rows that `predict` answers at once."""

MOST_CELLS = 20_000_000
"""A table of more cells than this is refused, not begun (8 bytes a cell)."""


@dataclass(frozen=True)
class Factor:
    """A table of numbers over some variables: one axis for each variable, in their order.

    Parameters
    ----------
    variables : tuple
    values : ndarray
        One axis per variable.

    Examples
    --------
    >>> rain = Factor(("rain",), np.array([0.8, 0.2]))
    >>> wet = Factor(("rain", "wet"), np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> (rain * wet).sum_out("rain").values.round(2).tolist()
    [0.76, 0.24]
    """

    variables: tuple
    values: np.ndarray

    def __mul__(self, other: "Factor") -> "Factor":
        """Cell by cell over all variables of the two; where they share one, its levels must agree."""
        variables = (*self.variables, *(v for v in other.variables if v not in self.variables))
        return Factor(variables, self._spread(variables) * other._spread(variables))

    def _spread(self, variables):
        """The values with an axis for each of `variables`: of length 1 where this factor does not have it."""
        own = [v for v in variables if v in self.variables]
        values = self.values.transpose([self.variables.index(v) for v in own])
        return values.reshape([values.shape[own.index(v)] if v in own else 1 for v in variables])

    def sum_out(self, variable) -> "Factor":
        """Add over the levels of a variable: it is gone."""
        axis = self.variables.index(variable)
        return Factor(self.variables[:axis] + self.variables[axis + 1 :], self.values.sum(axis=axis))

    def keep(self, codes: Mapping) -> "Factor":
        """Set some variables to one level each (its place); they are gone."""
        place = tuple(codes.get(v, slice(None)) for v in self.variables)
        return Factor(tuple(v for v in self.variables if v not in codes), self.values[place])

    def arranged(self, variables) -> "Factor":
        """The same with the axes in another order."""
        return Factor(tuple(variables), self.values.transpose([self.variables.index(v) for v in variables]))


def elimination_order(scopes, keep, sizes) -> list:
    """In which order to sum the variables out: always the one that makes the smallest new table.

    Parameters
    ----------
    scopes : iterable of iterables
        Variables of each factor.
    keep : collection
        Variables that stay.
    sizes : mapping of variable to int
        Number of levels.

    Returns
    -------
    list
        All other variables. The greedy rule is no optimum (which is hard to find), but it is seldom far off.

    Examples
    --------
    >>> elimination_order([("a", "b"), ("b", "c"), ("c", "d")], ["d"], dict.fromkeys("abcd", 2))
    ['a', 'b', 'c']
    """
    beside: dict = {}
    for scope in scopes:
        for variable in scope:
            beside.setdefault(variable, set()).update(scope)
    cost = {v: math.prod([sizes[w] for w in beside[v]]) for v in beside if v not in keep}
    order = []
    while cost:
        best = min(cost, key=cost.get)
        order.append(best)
        del cost[best]
        ring = beside.pop(best) - {best}
        for variable in ring:
            beside[variable] |= ring
            beside[variable].discard(best)
        for variable in ring & cost.keys():
            cost[variable] = math.prod([sizes[w] for w in beside[variable]])
    return order


def _factors(network, query, codes):
    """The tables that matter, with the evidence put in: nodes that are no ancestor of it all sum to 1."""
    needed = network.graph.ancestors(*query, *codes)
    out = []
    for node in network.nodes:
        if node in needed:
            factor = Factor((*network.graph.parents(node), node), network.tables[node])
            out.append(factor.keep(codes))
    return out


def _eliminated(factors, order, sizes, steps=None):
    """Product of all factors after each variable of the order is summed out of those that hold it."""
    for variable in order:
        touched = [factor for factor in factors if variable in factor.variables]
        factors = [factor for factor in factors if variable not in factor.variables]
        scope = {v for factor in touched for v in factor.variables}
        _affordable(scope, sizes, f"summing out {variable!r}")
        together = touched[0]
        for factor in touched[1:]:
            together = together * factor
        if steps is not None:
            inside = " · ".join(f"f({', '.join(map(str, f.variables))})" for f in touched)
            rest = together.variables[:]
            rest = ", ".join(str(v) for v in rest if v != variable)
            steps.append((variable, inside, f"f({rest})", together.values.size))
        factors.append(together.sum_out(variable))
    result = Factor((), np.array(1.0))
    for factor in factors:
        result = result * factor
    return result


def _affordable(scope, sizes, what):
    cells = math.prod([sizes[v] for v in scope])
    if cells > MOST_CELLS:
        raise InputError(
            f"{what} would need a table of {cells:.2g} cells, over {', '.join(sorted(map(str, scope)))}: ask "
            "for fewer nodes at once, or give more evidence."
        )


def _question(network, query, evidence):
    _checks.tables_given(network)
    query = _together(query)
    evidence = {} if evidence is None else evidence
    if not isinstance(evidence, Mapping | pd.Series):
        raise InputError(
            f"evidence is {evidence!r}: give a mapping of nodes to levels, such as {{'sent': 'yes'}}."
        )
    for node in query:
        network.graph._known(node)
    if len(set(query)) < len(query):
        raise InputError(f"The question names a node twice, in {list(query)}: name each node once.")
    codes = {node: network.code(node, level) for node, level in evidence.items()}
    both = [node for node in query if node in codes]
    if both:
        raise InputError(f"{both[0]!r} is both asked for and given: leave it out of one of the two.")
    return query, codes


def _asked(query):
    if not query:
        raise InputError(
            "The question names no node: say which node's probabilities you want, or use "
            "evidence_probability for the probability of the evidence."
        )


def _as_series(network, query, values, evidence):
    total = values.sum()
    if not total > 0:
        said = ", ".join(f"{node}={level!r}" for node, level in (evidence or {}).items())
        raise InputError(
            f"The evidence {said} has probability 0 in this network, so nothing follows from it: check the "
            "values, or learn the tables with a prior."
        )
    if len(query) == 1:
        index = pd.Index(network.levels[query[0]], name=query[0])
    else:
        index = pd.MultiIndex.from_product([network.levels[node] for node in query], names=query)
    return pd.Series(values.reshape(-1) / total, index=index, name="probability")


def posterior(network: Network, query, evidence=None, order=None) -> pd.Series:
    """P(query | evidence) by variable elimination.

    Write the joint probability as the product of the tables, put the evidence in, then sum the other
    variables out one at a time, each over the product of the tables that hold it and no others.

    Parameters
    ----------
    network : Network
    query : node, or tuple or list of nodes
    evidence : mapping of node to level, optional
    order : sequence of nodes, optional
        In which to sum out; by default `elimination_order`. The answer does not depend on it, the work does.

    Returns
    -------
    pandas.Series
        By the levels of the query (a MultiIndex for several nodes); sums to 1.

    Raises
    ------
    InputError
        Unknown nodes or levels, a node both asked for and given, evidence of probability 0, an order that
        does not name each other variable once, a table that would be too large.

    Examples
    --------
    >>> network = Network([("sent", "ordered")], {"sent": ["no", "yes"], "ordered": ["no", "yes"]},
    ...                   {"sent": [0.5, 0.5], "ordered": [[0.9, 0.1], [0.8, 0.2]]})
    >>> posterior(network, "sent", {"ordered": "yes"}).round(4).to_dict()
    {'no': 0.3333, 'yes': 0.6667}
    """
    query, codes = _question(network, query, evidence)
    _asked(query)
    return _as_series(network, query, _answer(network, query, codes, order).values, evidence)


def _answer(network, query, codes, order=None, steps=None):
    factors = _factors(network, query, codes)
    sizes = {node: len(names) for node, names in network.levels.items()}
    found = elimination_order([factor.variables for factor in factors], query, sizes)
    if order is not None:
        order = list(order)
        if len(order) != len(set(order)) or not set(found) <= set(order) or set(order) & {*query, *codes}:
            raise InputError(
                f"order is {order}: name each variable once that is to be summed out "
                f"({', '.join(map(str, found))})."
            )
        found = [variable for variable in order if variable in found]
    _affordable(query, sizes, "The answer")
    return _eliminated(factors, found, sizes, steps).arranged(query)


def elimination_steps(network: Network, query, evidence=None, order=None) -> pd.DataFrame:
    """What `posterior` does, step by step.

    Returns
    -------
    pandas.DataFrame
        ``summed_out``, ``from`` (the product under the sum), ``leaves`` (the new factor), ``cells`` (numbers
        in the product, the measure of the work).

    Examples
    --------
    >>> network = Network([("a", "b"), ("b", "c")], dict.fromkeys("abc", [0, 1]),
    ...                   {"a": [0.5, 0.5], "b": [[0.9, 0.1], [0.2, 0.8]], "c": [[0.7, 0.3], [0.4, 0.6]]})
    >>> elimination_steps(network, "c").to_numpy().tolist()
    [['a', 'f(a) · f(a, b)', 'f(b)', 4], ['b', 'f(b, c) · f(b)', 'f(c)', 4]]
    """
    query, codes = _question(network, query, evidence)
    steps: list = []
    _answer(network, query, codes, order, steps)
    return pd.DataFrame(steps, columns=["summed_out", "from", "leaves", "cells"])


def enumerate_posterior(network: Network, query, evidence=None) -> pd.Series:
    """P(query | evidence) from the whole joint table: right, simple, and hopeless for more than some 20
    nodes.

    Parameters and errors as for `posterior`.

    Examples
    --------
    >>> network = Network([], {"coin": ["heads", "tails"]}, {"coin": [0.5, 0.5]})
    >>> enumerate_posterior(network, "coin").tolist()
    [0.5, 0.5]
    """
    query, codes = _question(network, query, evidence)
    _asked(query)
    sizes = {node: len(names) for node, names in network.levels.items()}
    _affordable(network.nodes, sizes, "The joint table")
    joint = Factor((), np.array(1.0))
    for node in network.nodes:
        joint = joint * Factor((*network.graph.parents(node), node), network.tables[node])
    joint = joint.keep(codes)
    for node in joint.variables:
        if node not in query:
            joint = joint.sum_out(node)
    return _as_series(network, query, joint.arranged(query).values, evidence)


def evidence_probability(network: Network, evidence) -> float:
    """P(evidence); 0 is an answer here.

    Examples
    --------
    >>> network = Network([], {"coin": ["heads", "tails"]}, {"coin": [0.5, 0.5]})
    >>> evidence_probability(network, {"coin": "heads"})
    0.5
    """
    _, codes = _question(network, (), evidence)
    return float(_answer(network, (), codes).values)


def predict(network: Network, data: pd.DataFrame, target) -> pd.DataFrame:
    """P(target | what each row says) for many rows at once.

    Columns that are no node, and the target's own, are passed over; nodes without a column are unknown in
    every row. The rows are one more axis of every factor, so that one elimination answers them all.

    Parameters
    ----------
    network : Network
    data : pandas.DataFrame
        Levels; no gaps.
    target : node

    Returns
    -------
    pandas.DataFrame
        Index of `data`, one column per level of the target; rows sum to 1. Without rows, none.

    Raises
    ------
    InputError
        A level never declared (with its row), gaps, a row of probability 0.

    Examples
    --------
    >>> network = Network([("sent", "ordered")], {"sent": ["no", "yes"], "ordered": ["no", "yes"]},
    ...                   {"sent": [0.5, 0.5], "ordered": [[0.9, 0.1], [0.8, 0.2]]})
    >>> predict(network, pd.DataFrame({"sent": ["yes", "no"]}), "ordered")["yes"].tolist()
    [0.2, 0.1]
    """
    _checks.tables_given(network)
    network.graph._known(target)
    if not isinstance(data, pd.DataFrame):
        raise InputError(f"data is a {type(data).__name__}: pass a pandas DataFrame, one column per node.")
    seen = [node for node in network.nodes if node in data.columns and node != target]
    columns = pd.Index(network.levels[target], name=target)
    if not seen or not len(data):
        rows = np.tile(posterior(network, target).to_numpy(), (len(data), 1))
        return pd.DataFrame(rows, index=data.index, columns=columns)
    codes = _checks.coded(data, {node: network.levels[node] for node in seen})
    parts = [
        _rowwise(network, target, {node: codes[node][start : start + CHUNK] for node in seen})
        for start in range(0, len(data), CHUNK)
    ]
    out = np.concatenate(parts)
    sums = out.sum(axis=1)
    if (sums <= 0).any():
        row = int((sums <= 0).argmax())
        said = ", ".join(f"{node}={network.levels[node][codes[node][row]]!r}" for node in seen)
        raise InputError(
            f"Row {_checks.shown(data.index[row])} ({said}) has probability 0 in this network, so nothing "
            "follows from it: learn the tables with a prior."
        )
    return pd.DataFrame(out / sums[:, None], index=data.index, columns=columns)


def _rowwise(network, target, codes):
    """P(target, what a row says) for each row: `_answer` with the rows as a variable that stays."""
    needed = network.graph.ancestors(target, *codes)
    n = len(next(iter(codes.values())))
    factors = [Factor((_ROW,), np.ones(n))]
    for node in network.nodes:
        if node in needed:
            factor = Factor((*network.graph.parents(node), node), network.tables[node])
            known = [v for v in factor.variables if v in codes]
            rest = [v for v in factor.variables if v not in codes]
            values = factor.arranged([*known, *rest]).values[tuple(codes[v] for v in known)]
            factors.append(Factor((*([_ROW] if known else []), *rest), values))
    sizes = {node: len(names) for node, names in network.levels.items()} | {_ROW: n}
    order = elimination_order([factor.variables for factor in factors], (_ROW, target), sizes)
    return _eliminated(factors, order, sizes).arranged((_ROW, target)).values


def edge_bits(network: Network) -> pd.DataFrame:
    """What each edge carries, in bits, under the network's own tables.

    Returns
    -------
    pandas.DataFrame
        ``parent``, ``child``; ``bits``: the mutual information I(parent; child); ``bits_given_others``:
        I(parent; child | the child's other parents), what the child's table loses without this edge. The
        second can be larger (two coins and whether they agree: 0 and 1 bit) or smaller (parents that say the
        same).

    Examples
    --------
    >>> network = Network([("a", "same"), ("b", "same")], dict.fromkeys(["a", "b", "same"], ["no", "yes"]),
    ...                   {"a": [0.5, 0.5], "b": [0.5, 0.5], "same": [[[0, 1], [1, 0]], [[1, 0], [0, 1]]]})
    >>> edge_bits(network).to_numpy().tolist()
    [['a', 'same', 0.0, 1.0], ['b', 'same', 0.0, 1.0]]
    """
    from bigmkt_helpers.information.measures import mutual_information

    rows = []
    for child in network.graph.topological():
        parents = network.graph.parents(child)
        if not parents:
            continue
        # P(parents) from elimination; the child's own table does the rest
        over = _answer(network, parents, {}).values
        joint = Factor((*parents, child), over[..., None] * network.tables[child])
        for parent in parents:
            pair = joint
            for other in parents:
                if other != parent:
                    pair = pair.sum_out(other)
            bits = mutual_information(pair.values / pair.values.sum())
            arranged = joint.arranged([*(p for p in parents if p != parent), parent, child]).values
            cells = arranged.reshape(-1, *arranged.shape[-2:])
            weights = cells.sum(axis=(1, 2))
            given = sum(w * mutual_information(c / w) for w, c in zip(weights, cells) if w > 0)
            rows.append((parent, child, bits, float(given)))
    return pd.DataFrame(rows, columns=["parent", "child", "bits", "bits_given_others"])
