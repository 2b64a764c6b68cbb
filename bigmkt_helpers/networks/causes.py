"""Causes: what would happen if we acted, from a graph that somebody vouches for.

A network learned from observations answers "what else do customers show who got the mail?". Whether the mail
made a difference is another question, and takes a graph whose arrows mean causes. Nothing here can check
that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from numbers import Real

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.networks import _checks
from bigmkt_helpers.networks.graph import (
    Graph,
    Network,
    _as_graph,
    _closed_by,
    _drawn,
    _paths,
    _together,
    d_separated,
)
from bigmkt_helpers.networks.inference import posterior

__all__ = [
    "WOULD",
    "AdjustedEffect",
    "adjusted_effect",
    "adjustment_sets",
    "backdoor_check",
    "backdoor_paths",
    "counterfactual",
    "do",
    "interventional",
    "necessity_and_sufficiency",
    "structural_model",
    "twin_network",
]

WOULD = " (would)"
"""What the twin of a node is called: its name and this."""


# --- acting --------------------------------------------------------------------------------------------


def do(network: Network, action) -> Network:
    """The network after somebody sets some nodes by hand: the edges into them are cut, their tables are sure.

    Parameters
    ----------
    network : Network
        Its arrows must mean causes.
    action : mapping of node to level

    Returns
    -------
    Network

    Raises
    ------
    InputError
        Unknown nodes or levels.

    Examples
    --------
    >>> network = Network([("engaged", "sent")], dict.fromkeys(["engaged", "sent"], ["no", "yes"]),
    ...                   {"engaged": [0.6, 0.4], "sent": [[0.9, 0.1], [0.2, 0.8]]})
    >>> posterior(network, "engaged", {"sent": "yes"})["yes"].round(3)
    np.float64(0.842)
    >>> posterior(do(network, {"sent": "yes"}), "engaged")["yes"]
    np.float64(0.4)
    """
    codes = _action(network, action)
    cut = [edge for edge in network.graph.edges if edge[1] in codes]
    graph, tables = network.graph.changed(remove=cut), dict(network.tables)
    for node, code in codes.items():
        tables[node] = np.eye(len(network.levels[node]))[code]
    return Network(graph, network.levels, tables)


def _action(network, action):
    _checks.tables_given(network)
    if not isinstance(action, Mapping):
        raise InputError(
            f"action is {action!r}: give a mapping of nodes to levels, such as {{'sent': 'yes'}}."
        )
    return {node: network.code(node, level) for node, level in action.items()}


def interventional(network: Network, query, action, given=None) -> pd.Series:
    """P(query | do(action), given): `posterior` in the network after the action.

    Parameters
    ----------
    network : Network
    query : node, or tuple or list of nodes
    action : mapping of node to level
    given : mapping of node to level, optional
        What is observed after the action. For what was observed before it, of the same customer, see
        `counterfactual`.

    Examples
    --------
    >>> network = Network([("sent", "ordered")], dict.fromkeys(["sent", "ordered"], ["no", "yes"]),
    ...                   {"sent": [0.5, 0.5], "ordered": [[0.9, 0.1], [0.8, 0.2]]})
    >>> interventional(network, "ordered", {"sent": "yes"})["yes"]
    np.float64(0.2)
    """
    return posterior(do(network, action), query, given)


def backdoor_paths(graph: Graph, treatment, outcome) -> list:
    """Paths between treatment and outcome that begin with an arrow into the treatment, as lists of nodes.

    Examples
    --------
    >>> backdoor_paths(Graph([("z", "t"), ("z", "y"), ("t", "y")]), "t", "y")
    [['t', 'z', 'y']]
    """
    graph = _as_graph(graph)
    graph._known(outcome)
    into = set(graph.parents(treatment))
    found = [path for path in _paths(graph, treatment, outcome) if len(path) > 1 and path[1] in into]
    return sorted(found, key=lambda path: (len(path), list(map(graph.nodes.index, path))))


def backdoor_check(graph: Graph, treatment, outcome, adjust_for=()) -> str:
    """Why a set of nodes does not satisfy the back-door criterion; "" if it does.

    It must hold no descendant of the treatment and close every path that begins with an arrow into the
    treatment (Pearl, Biometrika 82, 1995). The criterion is sufficient, not necessary: other
    sets can work.

    Examples
    --------
    >>> graph = Graph([("z", "t"), ("z", "y"), ("t", "y"), ("t", "m")])
    >>> backdoor_check(graph, "t", "y", "z")
    ''
    >>> backdoor_check(graph, "t", "y")
    'the path t <- z -> y stays open'
    >>> backdoor_check(graph, "t", "y", ["z", "m"])
    'm is an effect of t'
    """
    graph, adjust_for = _as_graph(graph), _together(adjust_for)
    for node in (treatment, outcome, *adjust_for):
        graph._known(node)
    if treatment == outcome or {treatment, outcome} & set(adjust_for):
        raise InputError("Treatment, outcome and the nodes adjusted for must be different nodes.")
    effects = graph.descendants(treatment) & set(adjust_for)
    if effects:
        return f"{sorted(effects, key=graph.nodes.index)[0]} is an effect of {treatment}"
    # without the edges out of the treatment only back doors are left
    behind = graph.changed(remove=[edge for edge in graph.edges if edge[0] == treatment])
    if d_separated(behind, treatment, outcome, adjust_for):
        return ""
    given = set(adjust_for)
    path = next(path for path in _paths(behind, treatment, outcome) if not _closed_by(behind, path, given))
    return f"the path {_drawn(behind, path)} stays open"


def adjustment_sets(graph: Graph, treatment, outcome, observed=None) -> list:
    """All smallest sets that satisfy the back-door criterion (none of their nodes can be left out).

    Parameters
    ----------
    graph : Graph
    treatment, outcome : node
    observed : iterable of nodes, optional
        Nodes that can be adjusted for; by default all.

    Returns
    -------
    list of tuple
        The shortest first; [()] if nothing need be done, [] if no set will do. Sets of all sizes are tried,
        2^n of them: candidates are the ancestors of the two, which is enough; more than 18 are refused.

    Examples
    --------
    >>> graph = Graph([("a", "t"), ("a", "b"), ("b", "y"), ("t", "y")])
    >>> adjustment_sets(graph, "t", "y"), adjustment_sets(graph, "t", "y", observed=["b"])
    ([('a',), ('b',)], [('b',)])
    """
    graph = _as_graph(graph)
    backdoor_check(graph, treatment, outcome)
    observed = set(graph.nodes) if observed is None else set(_together(observed))
    useful = graph.ancestors(treatment, outcome) - graph.descendants(treatment) - {outcome}
    candidates = [node for node in graph.nodes if node in useful & observed]
    if len(candidates) > 18:
        raise InputError(
            f"{len(candidates)} nodes could be adjusted for, too many to try all sets: name some as observed."
        )
    found: list = []
    for size in range(len(candidates) + 1):
        for chosen in combinations(candidates, size):
            smaller = any(set(known) <= set(chosen) for known in found)
            if not smaller and not backdoor_check(graph, treatment, outcome, chosen):
                found.append(chosen)
    return found


# --- from rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AdjustedEffect:
    """What a treatment changes, from observed rows.

    Parameters
    ----------
    effect, low, high : float
        P(outcome | do(treated)) − P(outcome | do(untreated)) by adjustment, and its bootstrap interval.
    naive, naive_low, naive_high : float
        P(outcome | treated) − P(outcome | untreated): conditioning, no causes.
    treated, untreated : float
        The two adjusted probabilities.
    strata : pandas.DataFrame
        For each combination of what was adjusted for: ``rows``, ``share``, ``n_treated``, ``n_untreated``,
        ``treated``, ``untreated`` (shares with the outcome), ``effect``, ``used``.
    left_out : float
        Share of the rows in strata without a treated or without an untreated row.
    """

    effect: float
    low: float
    high: float
    naive: float
    naive_low: float
    naive_high: float
    treated: float
    untreated: float
    strata: pd.DataFrame
    left_out: float


def adjusted_effect(
    data,
    treatment,
    outcome,
    adjust_for=(),
    *,
    treated="yes",
    untreated="no",
    happened="yes",
    graph: Graph | None = None,
    levels=None,
    overlap: str = "require",
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> AdjustedEffect:
    """The effect of a treatment by back-door adjustment: compare within strata, average over all rows.

    Σ_z P(z) [P(y | treated, z) − P(y | untreated, z)].

    Parameters
    ----------
    data : pandas.DataFrame
    treatment, outcome : column
    adjust_for : column, or tuple or list of columns
    treated, untreated, happened : level
        Of the treatment and the outcome; rows with other levels of the treatment count for P(z) only.
    graph : Graph, optional
        With it, a set that does not satisfy the back-door criterion is refused.
    levels : mapping, optional
    overlap : {"require", "drop"}
        What to do with strata in which only one group occurs: refuse, or leave them out (the effect is then
        that of the others; `left_out` says how many). In a bootstrap sample they are left out.
    level, n_resamples, random_state
        Of the percentile bootstrap over rows.

    Returns
    -------
    AdjustedEffect

    Raises
    ------
    InputError
        A set that the graph rules out (with the reason), a stratum without a comparison (named), nobody
        treated or nobody untreated, unknown levels, gaps, columns of measurements.

    Examples
    --------
    >>> sent = ["no"] * 80 + ["yes"] * 20 + ["no"] * 20 + ["yes"] * 80
    >>> rows = pd.DataFrame({"engaged": ["no"] * 100 + ["yes"] * 100, "sent": sent})
    >>> rows["ordered"] = rows["engaged"]
    >>> found = adjusted_effect(rows, "sent", "ordered", "engaged", n_resamples=100)
    >>> round(found.naive, 3), found.effect
    (0.6, 0.0)
    """
    adjust_for = _together(adjust_for)
    if len({treatment, outcome, *adjust_for}) < len(adjust_for) + 2:
        raise InputError("Treatment, outcome and the columns adjusted for must be different columns.")
    if overlap not in ("require", "drop"):
        raise InputError(f"overlap={overlap!r} is not known: use 'require' or 'drop'.")
    if graph is not None:
        fault = backdoor_check(graph, treatment, outcome, adjust_for)
        if fault:
            raise InputError(
                f"Adjusting for {', '.join(map(str, adjust_for)) or 'nothing'} does not give the effect of "
                f"{treatment} on {outcome}: {fault}. See adjustment_sets(graph, {treatment!r}, {outcome!r})."
            )
    level = _checks.between(level, "level")
    n_resamples = _checks.whole(n_resamples, "n_resamples", least=100)
    table = _checks.table(data, [*adjust_for, treatment, outcome])
    declared = {node: names for node, names in (levels or {}).items() if node in table}
    names = _checks.find_levels(table, declared)
    codes = _checks.coded(table, names)
    t1, t0 = (_place(names, treatment, value) for value in (treated, untreated))
    y1 = _place(names, outcome, happened)
    group = np.select([codes[treatment] == t1, codes[treatment] == t0], [0, 1], 2)
    stratum, index = _strata(codes, names, adjust_for, len(table))
    # one cell for each stratum, group and outcome: all that the estimate needs of the rows
    cell = (stratum * 3 + group) * 2 + (codes[outcome] == y1)
    counts = np.bincount(cell, minlength=len(index) * 6).reshape(-1, 3, 2)
    for place, what in ((0, treated), (1, untreated)):
        if not counts[:, place].sum():
            raise InputError(f"No row has {treatment}={what!r}: there is nothing to compare.")
    n = counts.sum(axis=2)
    bare = (n[:, 0] == 0) | (n[:, 1] == 0)
    if bare.any() and (overlap == "require" or bare.all()):
        s = int(bare.argmax())
        where = index[s] if isinstance(index[s], tuple) else (index[s],)
        said = ", ".join(f"{column}={value!r}" for column, value in zip(adjust_for, where))
        way = "adjust for coarser bands"
        if not bare.all():
            way += ", or leave these rows out with overlap='drop'"
        raise InputError(
            f"Among the {int(n[s].sum()):,} rows with {said} nobody has {treatment}="
            f"{(treated if n[s, 0] == 0 else untreated)!r} ({int(bare.sum())} such groups, "
            f"{n[bare].sum() / n.sum():.1%} of the rows): nothing can be compared there, so {way}."
        )
    draw = _checks.generator(random_state)
    drawn = draw.multinomial(len(table), counts.ravel() / len(table), size=n_resamples)
    effects, naives, _, _ = _estimates(drawn.reshape(n_resamples, *counts.shape))
    if not np.isfinite([*effects, *naives]).all():
        raise InputError(
            "In some bootstrap samples no group can be compared: there are too few rows for an interval."
        )
    effect, naive, p1, p0 = (float(value[0]) for value in _estimates(counts[None]))
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(effects, tails)
    naive_low, naive_high = np.quantile(naives, tails)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts[:, :, 1] / n
    strata = pd.DataFrame(
        {
            "rows": n.sum(axis=1),
            "share": n.sum(axis=1) / n.sum(),
            "n_treated": n[:, 0],
            "n_untreated": n[:, 1],
            "treated": shares[:, 0],
            "untreated": shares[:, 1],
            "effect": shares[:, 0] - shares[:, 1],
            "used": ~bare,
        },
        index=index,
    )
    return AdjustedEffect(
        effect,
        float(low),
        float(high),
        naive,
        float(naive_low),
        float(naive_high),
        p1,
        p0,
        strata,
        float(n[bare].sum() / n.sum()),
    )


def _place(names, column, value):
    if value not in names[column]:
        raise InputError(
            f"{column} has no level {value!r}; its levels are {', '.join(map(repr, names[column]))}: name "
            "the levels with treated=, untreated= and happened=."
        )
    return names[column].index(value)


def _strata(codes, names, columns, n):
    """Number of each row's stratum among those that occur, and what the strata are."""
    if not columns:
        return np.zeros(n, dtype=np.int64), pd.Index(["all"], name="stratum")
    number = np.zeros(n, dtype=np.int64)
    for column in columns:
        # numbered anew after each column, so that many columns cannot overflow; the order stays theirs
        number = number * len(names[column]) + codes[column]
        _, first, number = np.unique(number, return_index=True, return_inverse=True)
    values = [tuple(names[column][codes[column][row]] for column in columns) for row in first]
    if len(columns) == 1:
        return number, pd.Index([value for (value,) in values], name=columns[0])
    return number, pd.MultiIndex.from_tuples(values, names=columns)


def _estimates(counts):
    """Adjusted and naive difference, and the two adjusted shares, for each of many tables (…, stratum, 3,
    2)."""
    n, hits = counts.sum(axis=3), counts[..., 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = hits[:, :, :2] / n[:, :, :2]
        compared = (n[:, :, 0] > 0) & (n[:, :, 1] > 0)
        weight = np.where(compared, n.sum(axis=2), 0.0)
        weight = weight / weight.sum(axis=1, keepdims=True)
        p1, p0 = (np.where(compared, shares[:, :, k], 0.0) for k in (0, 1))
        p1, p0 = (p1 * weight).sum(axis=1), (p0 * weight).sum(axis=1)
        crude = hits[:, :, :2].sum(axis=1) / n[:, :, :2].sum(axis=1)
    return p1 - p0, crude[:, 0] - crude[:, 1], p1, p0


# --- what would have been ------------------------------------------------------------------------------


def necessity_and_sufficiency(treated: float, untreated: float, observed=None) -> pd.DataFrame:
    """Bounds on three questions about one customer, from an experiment (Tian & Pearl, 2000).

    Necessity: of those who got the mail and ordered, who would not have ordered without it? Sufficiency: of
    those who did not get it and did not order, who would have ordered with it? Both: of all, whose order
    hangs on it? An experiment shows two groups, never one customer twice, so even without noise there are
    only bounds.

    Parameters
    ----------
    treated, untreated : float
        P(ordered | do(sent)), P(ordered | do(not sent)), from a randomised test or from `adjusted_effect`.
    observed : array-like of shape (2, 2), optional
        Where customers chose or were chosen without a coin: P(sent, ordered) with rows not sent, sent and
        columns not ordered, ordered. It narrows the bounds. Without it, sending is taken as a coin.

    Returns
    -------
    pandas.DataFrame
        Index: ``necessity``, ``sufficiency``, ``both``; ``low``, ``high``, and ``if_never_harmful``: the
        value if the mail keeps nobody from ordering. NaN where the question is about nobody, or the
        assumption contradicts the numbers.

    Raises
    ------
    InputError
        Numbers outside [0, 1]; an observed table that does not sum to 1 or contradicts the experiment.

    Examples
    --------
    >>> necessity_and_sufficiency(0.3, 0.2).round(3)
                   low   high  if_never_harmful
    necessity    0.333  1.000             0.333
    sufficiency  0.125  0.375             0.125
    both         0.100  0.300             0.100
    """
    if not all(isinstance(p, Real) and 0 <= p <= 1 for p in (treated, untreated)):
        raise InputError(f"treated is {treated!r} and untreated {untreated!r}: give probabilities.")
    p1, p0 = float(treated), float(untreated)
    if observed is None:
        # a coin: any share will do, it cancels
        q = np.array([[0.5 * (1 - p0), 0.5 * p0], [0.5 * (1 - p1), 0.5 * p1]])
    else:
        q = np.asarray(observed, dtype=float)
        if q.shape != (2, 2) or not (q >= 0).all() or abs(q.sum() - 1) > 1e-6:
            raise InputError(
                "observed must be a 2 × 2 table of probabilities that sum to 1: divide counts by their sum."
            )
    (x0y0, x0y1), (x1y0, x1y1) = q
    y = x0y1 + x1y1
    if not (x1y1 - 1e-9 <= p1 <= 1 - x1y0 + 1e-9 and x0y1 - 1e-9 <= p0 <= 1 - x0y0 + 1e-9):
        raise InputError(
            f"The observed table rules the experiment out: P(ordered | do(sent)) must lie between {x1y1:.4g} "
            f"and {1 - x1y0:.4g}, P(ordered | do(not sent)) between {x0y1:.4g} and {1 - x0y0:.4g}, so check "
            "that both are of the same customers, and that the rows of the table are not sent, sent."
        )
    both = (
        max(0, p1 - p0, y - p0, p1 - y),
        min(p1, 1 - p0, x1y1 + x0y0, p1 - p0 + x1y0 + x0y1),
        p1 - p0,
    )
    necessity = tuple(_ratio(value, x1y1) for value in (max(0, y - p0), min(x1y1, (1 - p0) - x0y0), y - p0))
    sufficiency = tuple(_ratio(value, x0y0) for value in (max(0, p1 - y), min(x0y0, p1 - x1y1), p1 - y))
    table = pd.DataFrame(
        [necessity, sufficiency, both],
        index=pd.Index(["necessity", "sufficiency", "both"]),
        columns=["low", "high", "if_never_harmful"],
    )
    off = (table["if_never_harmful"] < table["low"] - 1e-9) | (
        table["if_never_harmful"] > table["high"] + 1e-9
    )
    return table.assign(if_never_harmful=table["if_never_harmful"].mask(off))


def _ratio(part, whole):
    return part / whole if whole > 0 else np.nan


def structural_model(network: Network, coupling: str = "monotone") -> Network:
    """The same network with the chance taken out of every table and put into a node of its own.

    Each node with parents becomes a function of them and of a new parent "<node> chance". Its tables, and
    every answer to "what if we do", stay the same. Answers to "what would have been" depend on how the
    chance of the different rows of a table hangs together, which no data show: that is the `coupling`.

    Parameters
    ----------
    network : Network
    coupling : {"monotone", "independent"}
        "monotone": one draw decides for all rows of the table, in the order of the levels; a customer who
        orders without the mail also orders with it, where the mail makes orders likelier. "independent":
        each row of the table has its own draw.

    Returns
    -------
    Network

    Raises
    ------
    InputError
        An unknown coupling; "independent" with more than 4,096 combinations of answers for a node.

    Examples
    --------
    >>> network = Network([("sent", "ordered")], dict.fromkeys(["sent", "ordered"], ["no", "yes"]),
    ...                   {"sent": [0.5, 0.5], "ordered": [[0.8, 0.2], [0.7, 0.3]]})
    >>> structural_model(network).table("ordered chance").round(3).to_numpy().tolist()
    [[0.7, 0.1, 0.2]]
    """
    if coupling not in ("monotone", "independent"):
        raise InputError(f"There is no coupling {coupling!r}: use 'monotone' or 'independent'.")
    edges, nodes = list(network.graph.edges), list(network.nodes)
    levels, tables = dict(network.levels), {}
    functions = {}
    for node in network.nodes:
        own = network.tables[node]
        if own.ndim == 1:
            tables[node] = own
            continue
        rows = own.reshape(-1, own.shape[-1])
        chance = f"{node} chance"
        if coupling == "monotone":
            # where any row's cumulated probability steps, the answer of that row changes
            steps = np.unique(np.cumsum(rows, axis=1)[:, :-1].round(12))
            steps = np.array([0.0, *steps[(steps > 0) & (steps < 1)], 1.0])
            share, middle = np.diff(steps), (steps[1:] + steps[:-1]) / 2
            answers = (middle[:, None, None] > np.cumsum(rows, axis=1)[None, :, :-1]).sum(axis=2)
        else:
            if rows.shape[1] ** rows.shape[0] > 4096:
                raise InputError(
                    f"{node!r} has {rows.shape[1]}^{rows.shape[0]} combinations of answers, too many for "
                    "independent draws: use coupling='monotone', or fewer parents."
                )
            answers = np.array(list(product(range(rows.shape[1]), repeat=rows.shape[0])))
            share = np.prod(rows[np.arange(rows.shape[0]), answers], axis=1)
            answers, share = answers[share > 0], share[share > 0]
        levels[chance] = tuple(range(len(share)))
        tables[chance] = share / share.sum()
        edges.append((chance, node))
        nodes.append(chance)
        functions[node] = np.eye(rows.shape[1])[answers.T].reshape(*own.shape[:-1], len(share), -1)
    graph = Graph(edges, nodes)
    for node, function in functions.items():
        # the chance node comes last among the parents: it stands after all others in the order of the nodes
        tables[node] = function
    return Network(graph, levels, tables)


def twin_network(network: Network, action) -> Network:
    """Two worlds side by side: what was, and what would have been after an action. They share all chance.

    Parameters
    ----------
    network : Network
        In which every node with parents is a function of them (see `structural_model`).
    action : mapping of node to level
        Taken in the second world.

    Returns
    -------
    Network
        The nodes of the first world by their names; those of the second with " (would)" after it. Nodes
        without parents are one and the same, unless the action sets them.

    Raises
    ------
    InputError
        A node that has parents and is still left to chance; unknown nodes or levels.
    """
    codes = _action(network, action)
    for node in network.nodes:
        own = network.tables[node]
        if own.ndim > 1 and not np.isin(own, (0.0, 1.0)).all():
            raise InputError(
                f"The table of {node!r} leaves something to chance, so it is not said what the two worlds "
                "share: make it a function with structural_model(network)."
            )
    has_twin = {node for node in network.nodes if node in codes or network.graph.parents(node)}
    twin = {node: f"{node}{WOULD}" if node in has_twin else node for node in network.nodes}
    edges = [
        *network.graph.edges,
        *((twin[p], twin[c]) for p, c in network.graph.edges if c not in codes),
    ]
    nodes = [*network.nodes, *(twin[node] for node in network.nodes if node in has_twin)]
    graph = Graph(edges, nodes)
    levels = {**network.levels, **{twin[node]: names for node, names in network.levels.items()}}
    tables = dict(network.tables)
    for node in has_twin:
        if node in codes:
            tables[twin[node]] = np.eye(len(network.levels[node]))[codes[node]]
            continue
        # the twin's parents may stand in another order among all nodes
        before, now = network.graph.parents(node), graph.parents(twin[node])
        axes = [[twin[p] for p in before].index(p) for p in now]
        tables[twin[node]] = network.tables[node].transpose([*axes, len(axes)])
    return Network(graph, levels, tables)


def counterfactual(network: Network, query, action, evidence=None, coupling="monotone") -> pd.Series:
    """P(query would have been …, had we acted | what was seen): "she got no mail and did not order; with it?"

    Parameters
    ----------
    network : Network
        With arrows that mean causes; made a `structural_model` if some table leaves something to chance.
    query : node
    action : mapping of node to level
    evidence : mapping of node to level, optional
        What was seen, of the action's own node too.
    coupling : {"monotone", "independent"}
        As in `structural_model`: an assumption, not a finding.

    Returns
    -------
    pandas.Series
        By the levels of the query.

    Raises
    ------
    InputError
        As in `posterior` and `structural_model`.

    Examples
    --------
    >>> network = Network([("sent", "ordered")], dict.fromkeys(["sent", "ordered"], ["no", "yes"]),
    ...                   {"sent": [0.5, 0.5], "ordered": [[0.8, 0.2], [0.7, 0.3]]})
    >>> seen = {"sent": "no", "ordered": "no"}
    >>> counterfactual(network, "ordered", {"sent": "yes"}, seen)["yes"].round(3)
    np.float64(0.125)
    >>> counterfactual(network, "ordered", {"sent": "yes"}, seen, coupling="independent")["yes"].round(3)
    np.float64(0.3)
    """
    _checks.tables_given(network)
    for node in (query, *dict(evidence or {})):
        network.graph._known(node)
    if any(table.ndim > 1 and not np.isin(table, (0.0, 1.0)).all() for table in network.tables.values()):
        network = structural_model(network, coupling)
    twins = twin_network(network, action)
    name = f"{query}{WOULD}" if f"{query}{WOULD}" in twins.levels else query
    if name == query and query in (evidence or {}):
        # nothing the action could change: what was seen stays
        level = network.code(query, evidence[query])
        return pd.Series(
            np.eye(len(network.levels[query]))[level], pd.Index(network.levels[query], name=query)
        )
    return posterior(twins, name, evidence)
