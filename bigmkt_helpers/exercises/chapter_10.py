"""The exercises of chapter 10, Bayesian networks."""

import math
from collections.abc import Set
from dataclasses import dataclass

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 10.1: how many free probabilities a network has


def _free_probabilities(
    *,
    last_is_free=False,
    added=False,
    joint=False,
    rows_only=False,
    turned=False,
    roots=True,
    two_levels=False,
):
    def free_probabilities(n_levels, edges):
        if joint:
            return math.prod(n_levels.values()) - 1
        if turned:
            edges = [(child, parent) for parent, child in edges]
        total = 0
        for node, n in n_levels.items():
            parents = [n_levels[parent] for parent, child in edges if child == node]
            if not roots and not parents:
                continue
            if two_levels:
                total += 2 ** len(parents)
                continue
            rows = max(sum(parents), 1) if added else math.prod(parents)
            total += rows * (1 if rows_only else n if last_is_free else n - 1)
        return total

    return free_probabilities


_YES_NO = {"engaged": 2, "sent": 2, "ordered": 2}
_THREE = [("engaged", "sent"), ("engaged", "ordered"), ("sent", "ordered")]
_WEEK = {"state": 4, "app_user": 2, "sessions": 3, "next_state": 4}
_WEEK_EDGES = [("state", "sessions"), ("app_user", "sessions"), ("state", "next_state")]
_FIVE = {"answer": 13, "last": 13, "favourite": 13}


# 10.2: which columns to adjust for


@dataclass(frozen=True)
class _NamesExercise(Exercise):
    """The answer is a set of names; a frozenset or the keys of a dictionary hold the same names."""

    def judge(self, answer) -> None:
        super().judge(set(answer) if isinstance(answer, Set) else answer)


# 10.3: the path that a collider opens

_OPENED = "sent <- habit -> wishlist <- need -> ordered"


# 10.4: the back-door formula from the counts of the strata


def _adjusted(*, weights="all", drop=True, pooled=False, sign=1, divided=True, of_all=False, apart=False):
    def adjusted(strata):
        if pooled:
            n1, y1, n0, y0 = (sum(stratum[place] for stratum in strata) for place in range(4))
            return y1 / n1 - y0 / n0
        if apart:
            sides = []
            for n, y in ((0, 1), (2, 3)):
                own = [stratum for stratum in strata if stratum[n]]
                rows = sum(stratum[0] + stratum[2] for stratum in own)
                sides.append(sum((s[0] + s[2]) * s[y] / s[n] for s in own) / rows)
            return sides[0] - sides[1]
        total, weight = 0.0, 0.0
        for n1, y1, n0, y0 in strata:
            if not n1 or not n0:
                if not drop:
                    weight += n1 + n0
                if drop == "rate 0":
                    weight += n1 + n0
                    total += (n1 + n0) * ((y1 / n1 if n1 else 0) - (y0 / n0 if n0 else 0))
                continue
            own = {"all": n1 + n0, "treated": n1, "untreated": n0, "equal": 1}[weights]
            total += own * ((y1 - y0) / (n1 + n0) if of_all else y1 / n1 - y0 / n0)
            weight += own
        return sign * total / (weight if divided else 1)

    return adjusted


_STRATA = [(302, 4, 2636, 32), (193, 36, 258, 32), (472, 201, 139, 41)]


# 10.5: from how many rows on a score finds an edge


def _rows_needed(
    *, half=True, base=2.0, other_rows=True, table=True, added=True, first=2, off=0, child_free=True
):
    def rows_needed(bits, parent_levels, child_levels, other_combinations):
        free = (
            (parent_levels - added) * (child_levels - child_free) * (other_combinations if other_rows else 1)
        )
        if not table:
            free = 1
        n = first
        while n * bits <= (0.5 if half else 1.0) * free * math.log(n, base):
            n += 1
        return n + off

    return rows_needed


EXERCISES = (
    Exercise(
        key="10.1",
        title="Every row of every table has one probability less to choose than it has levels.",
        reference=_free_probabilities,
        cases=(
            (_YES_NO, _THREE),
            (_YES_NO, []),
            (_WEEK, _WEEK_EDGES),
            (_FIVE, [("answer", "last"), ("answer", "favourite")]),
        ),
        mistakes={
            "all cells": Mistake(
                lambda: _free_probabilities(last_is_free=True),
                "You count every cell of the tables. A row adds up to 1, so its last probability follows "
                "from the others.",
            ),
            "one for each row": Mistake(
                lambda: _free_probabilities(rows_only=True),
                "You count one probability for each row. That is right for nodes of two levels only.",
            ),
            "parents added": Mistake(
                lambda: _free_probabilities(added=True),
                "You add the levels of the parents up. A table has one row for each *combination* of them.",
                also=(lambda: _free_probabilities(added=True, last_is_free=True),),
            ),
            "children for parents": Mistake(
                lambda: _free_probabilities(turned=True),
                "You take the children of a node for its parents. An edge is a pair (parent, child), and the "
                "table of the child has a row for each combination of its parents.",
            ),
            "nodes without parents": Mistake(
                lambda: _free_probabilities(roots=False),
                "You leave out the nodes without a parent. They have a table too, of one row.",
            ),
            "two levels each": Mistake(
                lambda: _free_probabilities(two_levels=True),
                "You count two levels for every node: look the number of levels up in `n_levels`.",
            ),
            "the joint table": Mistake(
                lambda: _free_probabilities(joint=True),
                "That is the size of the table of everything at once. The network stores one table for each "
                "node, given its parents only.",
            ),
        },
    ),
    _NamesExercise(
        key="10.2",
        title="Two back doors, one node on each; what the mail itself brings about stays out.",
        reference=lambda: {"season", "visits"},
        mistakes={
            "one door open": Mistake(
                lambda: {"visits"},
                "One back door stays open. List the paths that begin with an arrow into `sent`: there is one "
                "through the loyalty of the customer and one through the calendar.",
                also=(lambda: {"season"},),
            ),
            "an effect": Mistake(
                lambda: {"season", "visits", "clicked"},
                "`clicked` comes after `sent`. Whoever adjusts for it takes away a part of the effect "
                "that is to be measured.",
                also=(
                    lambda: {"visits", "clicked"},
                    lambda: {"season", "clicked"},
                    lambda: {"clicked"},
                    lambda: {"season", "visits", "clicked", "age"},
                ),
            ),
            "not recorded": Mistake(
                lambda: {"season", "loyalty"},
                "`loyalty` would do, but nobody has recorded it. Which recorded node closes the same path?",
                also=(lambda: {"season", "loyalty", "visits"}, lambda: {"loyalty"}),
            ),
            "the wrong side of loyalty": Mistake(
                lambda: {"season", "age"},
                "`age` stands before `loyalty`, not on the path from `sent` to `ordered`. Adjusting for it "
                "leaves that path open.",
                also=(lambda: {"age"}, lambda: {"age", "clicked"}),
            ),
            "the calendar left open": Mistake(
                lambda: {"visits", "age"},
                "`visits` closes one back door. The other one leads through the calendar, and `age` does not "
                "stand on it.",
            ),
            "treatment or outcome": Mistake(
                lambda: {"season", "visits", "sent"},
                "`sent` and `ordered` are what you compare. Only other columns can be adjusted for.",
                also=(
                    lambda: {"sent"},
                    lambda: {"ordered"},
                    lambda: {"season", "visits", "ordered"},
                    lambda: {"season", "visits", "age", "clicked", "sent", "ordered"},
                ),
            ),
            "nothing": Mistake(
                set,
                "Both back doors stay open: who got the reminder hangs on visits and on the calendar, and "
                "orders go with both.",
            ),
            "not a set": Mistake(
                lambda: ["season", "visits"],
                "Give a Python set of names, as in {'one', 'other'}.",
                also=(
                    lambda: ["visits", "season"],
                    lambda: ("season", "visits"),
                    lambda: [("visits", "season")],
                    lambda: [("season", "visits")],
                    lambda: {("visits", "season")},
                    lambda: {("season", "visits")},
                    lambda: "visits, season",
                    lambda: "season, visits",
                ),
            ),
            "more than needed": Mistake(
                lambda: {"season", "visits", "age"},
                "This set is valid, but not the smallest: `age` stands on no path that is open.",
            ),
        },
    ),
    Exercise(
        key="10.3",
        title="A wish list is made before the mail, and adjusting for it still opens a path.",
        reference=lambda: _OPENED,
        mistakes={
            "the effect": Mistake(
                lambda: "sent -> ordered",
                "That path is the effect itself, open with and without the wish list. Compare the two tables "
                "of `explain_paths`: which path is closed in the one and open in the other?",
            ),
            "the other way": Mistake(
                lambda: "ordered <- need -> wishlist <- habit -> sent",
                "The right path, read from its end. Write it from `sent` to `ordered`, as the table has it.",
            ),
            "another manner of writing": Mistake(
                lambda: _OPENED.replace(" ", ""),
                "The right path, written in another way. Give one text as `explain_paths` has it: `->` and "
                "`<-` with a space on each side, nothing before it and nothing after it.",
                also=(
                    lambda: f" {_OPENED} ",
                    lambda: f"{_OPENED} ",
                    lambda: f" {_OPENED}",
                    lambda: _OPENED.replace("<-", "←").replace("->", "→"),
                    lambda: _OPENED.replace(" <- ", "←").replace(" -> ", "→"),
                    lambda: [_OPENED],
                    lambda: {_OPENED},
                    lambda: ["sent", "habit", "wishlist", "need", "ordered"],
                ),
            ),
            "both paths": Mistake(
                lambda: ["sent -> ordered", _OPENED],
                "These are all paths that are open given the wish list. One of them is open without it too: "
                "give the other one, as a text.",
            ),
            "a part of it": Mistake(
                lambda: "habit -> wishlist <- need",
                "That is the place where it opens. Give the whole path, from `sent` to `ordered`.",
                also=(
                    lambda: "sent <- habit -> wishlist",
                    lambda: "habit -> wishlist <- need -> ordered",
                    lambda: "sent <- habit -> wishlist <- need",
                    lambda: "wishlist <- need -> ordered",
                    lambda: "wishlist",
                ),
            ),
            "wrong arrows": Mistake(
                lambda: "sent <- habit -> wishlist -> need -> ordered",
                "The nodes are right, an arrow is not. Every arrow stands as in the list of the exercise: "
                "what points at `wishlist`?",
                also=(
                    lambda: "sent -> habit -> wishlist -> need -> ordered",
                    lambda: "sent <- habit <- wishlist <- need -> ordered",
                    lambda: "sent <- habit <- wishlist -> need -> ordered",
                ),
            ),
        },
    ),
    Exercise(
        key="10.4",
        title="Compare within the strata, then average with the shares of everybody.",
        reference=_adjusted,
        cases=(
            (_STRATA,),
            ([(10, 5, 30, 3), (40, 8, 20, 6)],),
            ([(10, 5, 30, 3), (0, 0, 60, 6), (40, 8, 20, 6)],),
            ([(10, 5, 30, 3), (70, 7, 0, 0), (40, 8, 20, 6)],),
            ([(50, 10, 50, 10)],),
        ),
        relative=1e-9,
        mistakes={
            "conditioning": Mistake(
                lambda: _adjusted(pooled=True),
                "You add the strata up first: that is conditioning, the comparison that the "
                "back door spoils.",
            ),
            "weights of the treated": Mistake(
                lambda: _adjusted(weights="treated"),
                "You weight with those who got the coupon. That is the effect on *them*; the question "
                "is about everybody, so weight each stratum with all its customers.",
            ),
            "weights of the untreated": Mistake(
                lambda: _adjusted(weights="untreated"),
                "You weight with those who did not get the coupon; weight each stratum with "
                "all its customers.",
            ),
            "equal weights": Mistake(
                lambda: _adjusted(weights="equal"),
                "You take the plain mean over the strata. A stratum counts by the number of its customers.",
            ),
            "the wrong way round": Mistake(
                lambda: _adjusted(sign=-1),
                "The size is right, the sign is not: with the coupon minus without it.",
            ),
            "not divided": Mistake(
                lambda: _adjusted(divided=False),
                "You have the sum over all customers. Divide it by the number of customers in the groups "
                "that count.",
            ),
            "orders of the whole group": Mistake(
                lambda: _adjusted(of_all=True),
                "You divide both numbers of orders by the whole group. The share with the coupon is "
                "orders_sent / n_sent, the share without it orders_not / n_not.",
            ),
            "no rows taken for no orders": Mistake(
                lambda: _adjusted(drop="rate 0"),
                "Where nobody got the coupon, the share that would order with it is unknown, not 0. "
                "Leave such a group out.",
            ),
            "each side its own groups": Mistake(
                lambda: _adjusted(apart=True),
                "You leave a group out on one side only, so the two averages are over different customers. "
                "Leave it out on both.",
            ),
            "empty groups weigh": Mistake(
                lambda: _adjusted(drop=False),
                "A stratum without a comparison tells nothing, so it must not count in the weights "
                "either. You have taken its effect for 0.",
            ),
        },
    ),
    Exercise(
        key="10.5",
        title="A thin edge into a large table needs very many rows.",
        reference=_rows_needed,
        cases=(
            (0.003, 2, 2, 12),
            (0.003, 2, 2, 1),
            (0.02, 5, 2, 1),
            (0.2, 2, 3, 4),
            (1.0, 2, 2, 1),
        ),
        mistakes={
            "no half": Mistake(
                lambda: _rows_needed(half=False),
                "The price of a free probability is *half* of log2(rows).",
            ),
            "other logarithm": Mistake(
                lambda: _rows_needed(base=math.e),
                "The bits are of base 2, so the price needs log2, not the natural logarithm.",
            ),
            "other parents forgotten": Mistake(
                lambda: _rows_needed(other_rows=False),
                "The new parent doubles the *whole* table of the child: it costs free probabilities "
                "for every combination of the other parents.",
            ),
            "the whole table": Mistake(
                lambda: _rows_needed(added=False),
                "You pay for the whole new table. The child has one row for each combination of the others "
                "already; a parent of k levels *adds* (k - 1) times as many.",
            ),
            "from one row on": Mistake(
                lambda: _rows_needed(first=1),
                "With one row the price is 0, because log2(1) is 0, and every arrow seems to pay. Begin with "
                "two rows.",
            ),
            "one row away": Mistake(
                lambda: _rows_needed(off=-1),
                "You are one row away. Asked is the first number of rows at which it saves *more* than it "
                "costs.",
                also=(lambda: _rows_needed(off=1),),
            ),
            "every level of the child": Mistake(
                lambda: _rows_needed(child_free=False),
                "You pay for every level of the child. A row adds up to 1, so one level less is free.",
                also=(lambda: _rows_needed(child_free=False, added=False),),
            ),
            "one probability": Mistake(
                lambda: _rows_needed(table=False),
                "You pay for a single probability. A parent of k levels adds (k - 1) rows for "
                "each combination of the others, with (levels of the child - 1) free probabilities each.",
            ),
        },
    ),
)
