"""Chapter 10's exercises tried as students would: a dozen right answers and a dozen wrong ones for each."""

import math
from fractions import Fraction
from functools import reduce

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import networks as nw
from bigmkt_helpers.exercises import ExerciseError, check

pytestmark = pytest.mark.unit


# 10.1


def count_by_frame(n_levels, edges):
    frame = pd.DataFrame(edges, columns=["parent", "child"])
    frame["n"] = frame["parent"].map(n_levels)
    rows = frame.groupby("child")["n"].prod()
    return sum(int(rows.get(node, 1)) * (n - 1) for node, n in n_levels.items())


def count_by_network(n_levels, edges):
    graph = nw.Graph(edges, nodes=n_levels)
    return sum(
        (n_levels[node] - 1) * math.prod(n_levels[p] for p in graph.parents(node)) for node in graph.nodes
    )


def count_by_tables(n_levels, edges):
    total = 0
    for node in n_levels:
        shape = [n_levels[p] for p, c in edges if c == node]
        total += np.ones([*shape, n_levels[node] - 1]).size
    return total


def count_by_loop(n_levels, edges):
    rows = dict.fromkeys(n_levels, 1)
    for parent, child in edges:
        rows[child] *= n_levels[parent]
    return sum(rows[node] * (n_levels[node] - 1) for node in n_levels)


def count_by_difference(n_levels, edges):
    rows = {node: math.prod([n_levels[p] for p, c in edges if c == node]) for node in n_levels}
    return sum(rows[node] * n_levels[node] for node in n_levels) - sum(rows.values())


def count_by_reduce(n_levels, edges):
    return sum(
        reduce(lambda rows, edge: rows * (n_levels[edge[0]] if edge[1] == node else 1), edges, n - 1)
        for node, n in n_levels.items()
    )


def count_by_parents(n_levels, edges):
    parents = {node: [] for node in n_levels}
    for parent, child in edges:
        parents[child].append(n_levels[parent])
    return sum((n_levels[node] - 1) * int(np.prod(own)) for node, own in parents.items())


def count_from_library(n_levels, edges):
    levels = {node: range(n) for node, n in n_levels.items()}
    graph = nw.Graph(edges, nodes=levels)
    rows = pd.DataFrame({node: [0] for node in graph.nodes})
    network = nw.fit_tables(graph, rows, levels)
    return sum(network.tables[node][..., 1:].size for node in network.nodes)


# 10.4


def by_frame(strata):
    frame = pd.DataFrame(strata, columns=["n1", "y1", "n0", "y0"]).query("n1 > 0 and n0 > 0")
    n = frame["n1"] + frame["n0"]
    return ((frame["y1"] / frame["n1"] - frame["y0"] / frame["n0"]) * n).sum() / n.sum()


def by_arrays(strata):
    n1, y1, n0, y0 = np.array([s for s in strata if s[0] * s[2]], dtype=float).T
    return np.average(y1 / n1 - y0 / n0, weights=n1 + n0)


def by_two_averages(strata):
    kept = [s for s in strata if s[0] and s[2]]
    n = sum(s[0] + s[2] for s in kept)
    return sum((s[0] + s[2]) / n * s[1] / s[0] for s in kept) - sum(
        (s[0] + s[2]) / n * s[3] / s[2] for s in kept
    )


def by_fractions(strata):
    kept = [s for s in strata if s[0] > 0 and s[2] > 0]
    top = sum((s[0] + s[2]) * (Fraction(s[1], s[0]) - Fraction(s[3], s[2])) for s in kept)
    return float(top / sum(s[0] + s[2] for s in kept))


def by_division_errors(strata):
    total = weight = 0
    for n1, y1, n0, y0 in strata:
        try:
            total += (n1 + n0) * (y1 / n1 - y0 / n0)
        except ZeroDivisionError:
            continue
        weight += n1 + n0
    return total / weight


def by_nan(strata):
    frame = pd.DataFrame(strata, columns=list("abcd")).astype(float)
    effect = frame["b"] / frame["a"] - frame["d"] / frame["c"]
    weight = (frame["a"] + frame["c"]).where(effect.notna())
    return float((effect * weight).sum() / weight.sum())


def by_library(strata):
    rows = []
    for number, (n1, y1, n0, y0) in enumerate(strata):
        for sent, n, y in (("yes", n1, y1), ("no", n0, y0)):
            rows += [(str(number), sent, "yes")] * y + [(str(number), sent, "no")] * (n - y)
    data = pd.DataFrame(rows, columns=["group", "sent", "ordered"])
    data["group"] = data["group"].astype("category")
    return nw.adjusted_effect(data, "sent", "ordered", "group", overlap="drop", n_resamples=100).effect


def by_counted_people(strata):
    kept = list(filter(lambda s: min(s[0], s[2]) > 0, strata))
    everybody = [(s[1] / s[0], s[3] / s[2]) for s in kept for _ in range(s[0] + s[2])]
    return np.mean([a for a, _ in everybody]) - np.mean([b for _, b in everybody])


# 10.5


def first_row(bits, parents, children, others, start=2):
    n = start
    while not n * bits > math.log2(n) / 2 * (parents - 1) * (children - 1) * others:
        n += 1
    return n


def needed_by_array(bits, parents, children, others):
    n = np.arange(2, 60_000)
    return int(n[n * bits > 0.5 * np.log2(n) * (parents - 1) * (children - 1) * others][0])


def needed_by_bisection(bits, parents, children, others):
    free = (parents - 1) * (children - 1) * others

    def gain(n):
        return n * bits - 0.5 * math.log2(n) * free

    # the gain falls up to here and rises from here on
    low = max(2, math.floor(free / (2 * math.log(2) * bits)))
    if gain(2) > 0:
        return 2
    high = 2 * low + 2
    while gain(high) <= 0:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if gain(middle) > 0 else (middle, high)
    return high


def needed_by_logarithm(bits, parents, children, others):
    return next(
        n
        for n in range(2, 10**6)
        if n * bits > 0.5 * math.log(n) / math.log(2) * (parents - 1) * (children - 1) * others
    )


def needed_by_tables(bits, parents, children, others):
    before, after = (others * k * (children - 1) for k in (1, parents))
    n = 2
    while n * bits - 0.5 * np.log2(n) * (after - before) <= 0:
        n += 1
    return n


PATH = "sent <- habit -> wishlist <- need -> ordered"
WISHES = nw.Graph(
    [
        ("habit", "sent"),
        ("habit", "wishlist"),
        ("need", "wishlist"),
        ("need", "ordered"),
        ("sent", "ordered"),
    ]
)
REMINDER = nw.Graph(
    [
        ("loyalty", "visits"),
        ("loyalty", "ordered"),
        ("visits", "sent"),
        ("age", "loyalty"),
        ("season", "sent"),
        ("season", "ordered"),
        ("sent", "clicked"),
        ("clicked", "ordered"),
    ]
)
RECORDED = [name for name in REMINDER.nodes if name != "loyalty"]
NAMES = pd.Index(["visits", "season"])

RIGHT = {
    "10.1": [
        count_by_frame,
        count_by_network,
        count_by_tables,
        count_by_loop,
        count_by_difference,
        count_by_reduce,
        count_by_parents,
        count_from_library,
        lambda n, e: float(count_by_loop(n, e)),
        lambda n, e: np.int64(count_by_loop(n, e)),
        lambda *arguments: count_by_loop(*arguments),
        lambda n_levels, edges: count_by_loop(pd.Series(n_levels).to_dict(), edges),
        lambda n, e: count_by_loop(n, set(e)),
    ],
    "10.2": [
        {"season", "visits"},
        {"visits", "season"},
        frozenset({"season", "visits"}),
        {"season": 1, "visits": 2}.keys(),
        {"visits"} | {"season"},
        set(NAMES.tolist()),
        set(NAMES),
        set(pd.Series(["visits", "season"])),
        set(np.array(["visits", "season"])),
        set(nw.adjustment_sets(REMINDER, "sent", "ordered", RECORDED)[0]),
        frozenset(nw.adjustment_sets(REMINDER, "sent", "ordered", RECORDED)[0]),
        {*REMINDER.parents("sent")},
        dict.fromkeys(["visits", "season"]).keys() | set(),
    ],
    "10.3": [
        PATH,
        f"{PATH}",
        str(np.str_(PATH)),
        np.str_(PATH),
        " ".join(PATH.split()),
        "sent" + " <- habit" + " -> wishlist" + " <- need" + " -> ordered",
        nw.explain_paths(WISHES, "sent", "ordered", "wishlist").query("open")["path"].iloc[-1],
        nw.explain_paths(WISHES, "sent", "ordered").query("not open")["path"].item(),
        nw.explain_paths(WISHES, "sent", "ordered")["path"].max(),
        next(p for p in nw.explain_paths(WISHES, "sent", "ordered")["path"] if "wishlist" in p),
        nw.backdoor_check(WISHES, "sent", "ordered", "wishlist")
        .removeprefix("the path ")
        .removesuffix(" stays open"),
        max(nw.explain_paths(WISHES, "sent", "ordered")["path"], key=len),
    ],
    "10.4": [
        by_frame,
        by_arrays,
        by_two_averages,
        by_fractions,
        by_division_errors,
        by_nan,
        by_library,
        by_counted_people,
        lambda strata: by_frame(list(reversed(strata))),
        lambda strata: np.float64(by_fractions(strata)),
        lambda strata: by_fractions([*strata, (0, 0, 0, 0)]),
        lambda strata: (
            sum(by_two_averages([s]) * (s[0] + s[2]) for s in strata if s[0] and s[2])
            / sum(s[0] + s[2] for s in strata if s[0] and s[2])
        ),
    ],
    "10.5": [
        first_row,
        needed_by_array,
        needed_by_bisection,
        needed_by_logarithm,
        needed_by_tables,
        lambda *a: float(first_row(*a)),
        lambda *a: np.int64(needed_by_array(*a)),
        lambda bits, p, c, o: first_row(bits, c, p, o),
        lambda bits, p, c, o: first_row(bits, 2, (p - 1) * (c - 1) + 1, o),
        lambda bits, p, c, o: first_row(bits / ((p - 1) * (c - 1)), 2, 2, o),
        lambda bits, p, c, o: first_row(2 * bits, p, c, 2 * o),
        lambda bits, parent_levels, child_levels, other_combinations: needed_by_tables(
            bits, parent_levels, child_levels, other_combinations
        ),
    ],
}

WRONG = {
    "10.1": [
        lambda n, e: count_by_loop(n, e) + 1,
        lambda n, e: sum(n.values()),
        lambda n, e: len(n) + len(e),
        lambda n, e: math.prod(n.values()) - 1,
        lambda n, e: math.prod(n.values()),
        lambda n, e: sum(k - 1 for k in n.values()),
        lambda n, e: sum(n[p] * (n[c] - 1) for p, c in e),
        lambda n, e: count_by_loop(n, [(c, p) for p, c in e]),
        lambda n, e: count_by_loop(n, e[:-1]) if e else 3,
        lambda n, e: str(count_by_loop(n, e)),
        lambda n, e: [count_by_loop(n, e)],
        lambda n, e: print(count_by_loop(n, e)),
        lambda n, e: count_by_loop(n, e) + sum(1 for _ in e),
        218,
        "count_by_loop",
    ],
    "10.2": [
        set(),
        frozenset(),
        {},
        {"season"},
        frozenset({"season"}),
        {"visits": 1}.keys(),
        {"loyalty", "season"},
        {"season", "visits", "age"},
        frozenset({"season", "visits", "clicked"}),
        {"Season", "Visits"},
        ["season", "visits"],
        ("season", "visits"),
        "season and visits",
        {"season": "visits"},
        set(REMINDER.nodes),
        nw.adjustment_sets(REMINDER, "sent", "ordered"),
        np.array(["season", "visits"]),
        True,
    ],
    "10.3": [
        "",
        "sent -> ordered",
        "wishlist",
        PATH[::-1],
        PATH.upper(),
        PATH.replace("->", "<-"),
        PATH.replace(" ", ""),
        f"{PATH}.",
        [PATH],
        (PATH,),
        pd.Series([PATH]),
        ["sent", "habit", "wishlist", "need", "ordered"],
        "sent <- need -> wishlist <- habit -> ordered",
        "ordered <- need -> wishlist <- habit -> sent",
        nw.explain_paths(WISHES, "sent", "ordered"),
    ],
    "10.4": [
        lambda strata: -by_fractions(strata),
        lambda strata: 100 * by_fractions(strata),
        lambda strata: by_fractions(strata[:1]),
        lambda strata: np.mean([s[1] / s[0] - s[3] / s[2] for s in strata if s[0] and s[2]]),
        lambda strata: (
            sum(s[1] for s in strata) / sum(s[0] for s in strata)
            - sum(s[3] for s in strata) / sum(s[2] for s in strata)
        ),
        lambda strata: sum(s[1] for s in strata) - sum(s[3] for s in strata),
        lambda strata: sum(s[1] / s[0] - s[3] / s[2] for s in strata if s[0] and s[2]),
        lambda strata: round(by_fractions(strata), 2),
        lambda strata: by_fractions(strata) + 1e-4,
        lambda strata: [by_fractions([s]) for s in strata if s[0] and s[2]],
        lambda strata: str(by_fractions(strata)),
        lambda strata: by_fractions([(s[2], s[3], s[0], s[1]) for s in strata]),
        lambda strata: print(by_fractions(strata)),
        lambda strata: strata[5],
        by_fractions([(10, 5, 30, 3)]),
    ],
    "10.5": [
        lambda *a: first_row(*a) + 1,
        lambda *a: first_row(*a) - 1,
        lambda *a: first_row(*a, start=1),
        lambda *a: str(first_row(*a)),
        lambda bits, p, c, o: round(1 / bits),
        lambda bits, p, c, o: first_row(bits, p + 1, c, o),
        lambda bits, p, c, o: first_row(bits, p, c + 1, o),
        lambda bits, p, c, o: first_row(bits, p, c, o + 1),
        lambda bits, p, c, o: first_row(bits / 2, p, c, o),
        lambda bits, p, c, o: first_row(2 * bits, p, c, o),
        lambda bits, p, c, o: first_row(bits, p, c, 1),
        lambda bits, p, c, o: first_row(bits, 2, 2, o),
        lambda bits, p, c, o: first_row(bits / math.log(2), p, c, o),
        lambda *a: None,
        30_869,
    ],
}


@pytest.mark.parametrize(
    ("key", "place"), [(k, i) for k, answers in RIGHT.items() for i in range(len(answers))]
)
def test_right_answers_pass(key, place, capsys):
    check(key, RIGHT[key][place])
    assert f"Exercise {key}: right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "place"), [(k, i) for k, answers in WRONG.items() for i in range(len(answers))]
)
def test_wrong_answers_do_not(key, place):
    with pytest.raises(ExerciseError, match=rf"Exercise {key}: \S+") as caught:
        check(key, WRONG[key][place])
    assert len(str(caught.value)) > len("Exercise 10.1: not yet.")
