"""The exercises of chapter 10, Bayesian networks."""

import math

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 10.1: how many free probabilities a network has


def _free_probabilities(*, last_is_free=False, added=False, joint=False, rows_only=False):
    def free_probabilities(n_levels, edges):
        if joint:
            return math.prod(n_levels.values()) - 1
        total = 0
        for node, n in n_levels.items():
            parents = [n_levels[parent] for parent, child in edges if child == node]
            rows = max(sum(parents), 1) if added else math.prod(parents)
            total += rows * (1 if rows_only else n if last_is_free else n - 1)
        return total

    return free_probabilities


_YES_NO = {"engaged": 2, "sent": 2, "ordered": 2}
_THREE = [("engaged", "sent"), ("engaged", "ordered"), ("sent", "ordered")]
_WEEK = {"state": 4, "app_user": 2, "sessions": 3, "next_state": 4}
_WEEK_EDGES = [("state", "sessions"), ("app_user", "sessions"), ("state", "next_state")]
_FIVE = {"answer": 13, "last": 13, "favourite": 13}


# 10.4: the back-door formula from the counts of the strata


def _adjusted(*, weights="all", drop=True, pooled=False):
    def adjusted(strata):
        if pooled:
            n1, y1, n0, y0 = (sum(stratum[place] for stratum in strata) for place in range(4))
            return y1 / n1 - y0 / n0
        total, weight = 0.0, 0.0
        for n1, y1, n0, y0 in strata:
            if not n1 or not n0:
                if not drop:
                    weight += n1 + n0
                continue
            own = {"all": n1 + n0, "treated": n1, "untreated": n0, "equal": 1}[weights]
            total += own * (y1 / n1 - y0 / n0)
            weight += own
        return total / weight

    return adjusted


_STRATA = [(302, 4, 2636, 32), (193, 36, 258, 32), (472, 201, 139, 41)]


# 10.5: from how many rows on a score finds an edge


def _rows_needed(*, half=True, base=2.0, other_rows=True, table=True, added=True):
    def rows_needed(bits, parent_levels, child_levels, other_combinations):
        free = (parent_levels - added) * (child_levels - 1) * (other_combinations if other_rows else 1)
        if not table:
            free = 1
        n = 2
        while n * bits <= (0.5 if half else 1.0) * free * math.log(n, base):
            n += 1
        return n

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
            "the joint table": Mistake(
                lambda: _free_probabilities(joint=True),
                "That is the size of the table of everything at once. The network stores one table for each "
                "node, given its parents only.",
            ),
        },
    ),
    Exercise(
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
                also=(lambda: {"visits", "clicked"}, lambda: {"season", "clicked"}, lambda: {"clicked"}),
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
                    lambda: frozenset({"season", "visits"}),
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
        reference=lambda: "sent <- habit -> wishlist <- need -> ordered",
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
            "one probability": Mistake(
                lambda: _rows_needed(table=False),
                "You pay for a single probability. A parent of k levels adds (k - 1) rows for "
                "each combination of the others, with (levels of the child - 1) free probabilities each.",
            ),
        },
    ),
)
