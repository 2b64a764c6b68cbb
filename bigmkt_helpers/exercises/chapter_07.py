"""The exercises of chapter 07, segments and personas."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 07.1: one customer on one day


def _rfm_of(
    *,
    returns="lower",
    visits=False,
    count="orders",
    late=False,
    at=False,
    rounded="down",
    last="latest",
    gifts=True,
    netted=False,
):
    def rfm_of(lines, reference):
        reference = pd.Timestamp(reference)
        known = lines
        if not late:
            known = lines[lines["time"] <= reference] if at else lines[lines["time"] < reference]
        bought = known[known["spend"] >= 0] if gifts else known[known["spend"] > 0]
        if netted:
            bought = known[known.groupby("order")["spend"].transform("sum") >= 0]
        times = (known if visits else bought)["time"]
        visit = {"latest": times.max(), "first": times.min(), "bottom": times.iloc[-1]}[last]
        if rounded == "midnight":
            visit = visit.normalize()
        days = (reference - visit) / pd.Timedelta(days=1)
        days = {"up": np.ceil, "near": np.round, "none": float}.get(rounded, np.floor)(days)
        counted = known if count == "with returns" else bought
        n = {"lines": len(counted), "times": counted["time"].nunique()}.get(count, counted["order"].nunique())
        if count == "days":
            n = counted["time"].dt.normalize().nunique()
        money = (bought if returns == "ignored" else known)["spend"]
        return float(days), int(n), float((money.abs() if returns == "added" else money).sum())

    return rfm_of


def _lines(*rows):
    table = pd.DataFrame(rows, columns=["time", "order", "spend"])
    return table.assign(time=pd.to_datetime(table["time"]))


_STEADY = _lines(
    ("2025-03-01 10:00", 11, 40.0),
    ("2025-03-01 10:00", 11, 15.0),
    ("2025-05-20 09:30", 12, 60.0),
    ("2025-05-28 18:00", 12, -60.0),
    ("2025-07-02 08:00", 13, 99.0),
)
_NEW = _lines(("2025-06-09 23:00", 7, 12.5), ("2025-06-10 00:00", 8, 30.0))
_BACK = _lines(
    ("2025-01-05 12:00", 1, 20.0),
    ("2025-02-01 12:00", 2, 35.0),
    ("2025-02-11 12:00", 90, -35.0),
    ("2025-02-20 00:00", 3, 10.0),
    ("2025-02-20 00:00", 3, 0.0),
)
_MIXED = _lines(
    ("2025-04-20 21:00", 5, 18.0),
    ("2025-04-02 10:00", 2, 30.0),
    ("2025-05-04 16:00", 8, 0.0),
    ("2025-04-20 21:00", 6, 7.0),
    ("2025-04-20 09:00", 4, 22.0),
    ("2025-03-15 12:00", 1, 64.0),
)


# 07.2: what a merge costs


def _merge_cost(*, how="ward"):
    def merge_cost(a, b):
        (n, x), (m, y) = a, b
        gap = ((np.asarray(x, dtype=float) - np.asarray(y, dtype=float)) ** 2).sum()
        weight = n * m / (n + m)
        return float(
            {
                "ward": weight * gap,
                "distance": np.sqrt(gap),
                "squared": gap,
                "all": (n + m) * gap,
                "product": n * m * gap,
                "height": np.sqrt(2 * weight * gap),
                "unsquared": weight * np.sqrt(gap),
                "mean": weight * gap / (n + m),
                "features": weight * gap / len(x),
                "middle": (n + m) * gap / 4,
                "one each": gap * (n**2 + m**2) / (n + m) ** 2,
                "root": np.sqrt(weight * gap),
                "twice": 2 * weight * gap,
                "inverse": gap / weight,
            }[how]
        )

    return merge_cost


# 07.3: a customer with a gap


def _place(*, gap="leave out", nothing=-1, tie="first", far=False, absolute=False, start=0):
    def place(centres, customer):
        centres, customer = np.asarray(centres, dtype=float), np.asarray(customer, dtype=float)
        known = ~np.isnan(customer)
        if not known.any() or (gap == "refused" and not known.all()):
            return nothing
        if gap == "no zeros":
            known &= customer != 0
        if gap in ("leave out", "refused", "no zeros"):
            difference = centres[:, known] - customer[known]
        elif gap == "nan":
            difference = centres - customer
        else:
            fill = {"zero": 0.0, "mean": centres.mean(axis=0), "own": customer[known].mean()}[gap]
            difference = centres - np.where(known, customer, fill)
        distance = np.abs(difference).sum(axis=1) if absolute else (difference**2).sum(axis=1)
        if far:
            distance = -distance
        if tie == "last":
            return int(len(distance) - 1 - np.argmin(distance[::-1]))
        return int(np.argmin(distance)) + start

    return place


_CENTRES = np.array([[0.0, 0.0, 4.0], [3.0, 1.0, -4.0], [1.0, 5.0, 0.0], [3.0, 3.0, 1.0]])
_NAN = float("nan")


# 07.4: the names of the segments


def _best_share(*, how="one to one"):
    def best_share(truth, found):
        table = pd.crosstab(pd.Series(list(truth)), pd.Series(list(found))).to_numpy()
        n = table.sum()
        if how == "one to one":
            return float(table[linear_sum_assignment(-table)].sum() / n)
        if how == "purity":
            return float(table.max(axis=0).sum() / n)
        if how == "other way":
            return float(table.max(axis=1).sum() / n)
        if how == "as they stand":
            size = min(table.shape)
            return float(table[range(size), range(size)].sum() / n)
        if how == "worst":
            return float(table[linear_sum_assignment(table)].sum() / n)
        if how == "count":
            return float(table[linear_sum_assignment(-table)].sum())
        if how == "by share":
            return float(table[linear_sum_assignment(-table / table.sum(axis=0))].sum() / n)
        if how == "equal names":
            return float(np.mean([str(a) == str(b) for a, b in zip(truth, found, strict=True)]))
        if how == "by size":
            size, orders = min(table.shape), [np.argsort(-table.sum(axis=a), kind="stable") for a in (1, 0)]
            return float(table[orders[0][:size], orders[1][:size]].sum() / n)
        if how == "one after the other":
            free, total = list(range(len(table))), 0.0
            for column in table.T:
                if free:
                    best = max(free, key=lambda i: column[i])
                    free.remove(best)
                    total += column[best]
            return float(total / n)
        left, total = table.astype(float).copy(), 0.0  # greedy: the largest cell first
        for _ in range(min(table.shape)):
            i, j = np.unravel_index(np.argmax(left), left.shape)
            total += left[i, j]
            left[i, :], left[:, j] = -1, -1
        return float(total / n)

    return best_share


_TRUTH = list("aaaaabbbbccc")
_FOUND = [1, 1, 1, 0, 0, 1, 1, 1, 2, 2, 2, 2]


# 07.5: how many mails


def _best_plan(
    *,
    none=True,
    forced=False,
    sizes="used",
    setup="once",
    search="all",
    most=True,
    exactly=False,
    empty=True,
    share=False,
):
    def best_plan(profit, customers, m, cost):
        profit, customers = np.asarray(profit, dtype=float), np.asarray(customers, dtype=float)
        worth = profit * (customers[:, None] if sizes == "used" else 1.0)
        n_mails = worth.shape[1]

        def value(mails):
            if not mails:
                return 0.0 if none or forced else -np.inf
            own = worth[:, list(mails)].max(axis=1)
            if none:
                own = np.maximum(own, 0.0)
            paid = {"once": len(mails), "never": 0, "each segment": int((own > 0).sum()), "one": 1}[setup]
            return float(own.sum() - cost * paid)

        limit = m if most else n_mails
        if search == "greedy":
            chosen, best = (), value(())
            while len(chosen) < limit:
                more = max(((*chosen, j) for j in range(n_mails) if j not in chosen), key=value)
                if value(more) <= best:
                    break
                chosen, best = more, value(more)
            return best
        if search == "popular":
            return value(tuple(np.argsort(-worth.sum(axis=0), kind="stable")[:limit]))
        least = min(limit, n_mails) if exactly else (0 if empty and (none or forced) else 1)
        best = max(
            value(mails)
            for r in range(least, min(limit, n_mails) + 1)
            for mails in combinations(range(n_mails), r)
        )
        if exactly and empty:
            best = max(best, 0.0)
        return best / customers.sum() if share else best

    return best_plan


_PROFIT = np.array([[5.0, 4.0, -1.0], [-2.0, 3.0, 3.5], [-3.0, -1.0, -2.0], [1.0, 4.5, 6.0]])
_GREEDY = np.array([[4.0, 0.0, 3.0], [0.0, 4.0, 3.0], [3.0, 0.0, 0.5], [0.0, 3.0, 0.5]])


EXERCISES = (
    Exercise(
        key="07.1",
        title="Three numbers of one customer, as they were known on that day.",
        reference=_rfm_of,
        cases=(
            (_STEADY, "2025-06-10"),
            (_NEW, "2025-06-10"),
            (_BACK, "2025-02-20"),
            (_BACK, "2025-03-01 06:00"),
            (_STEADY, "2025-08-01"),
            (_MIXED, "2025-05-01"),
            (_MIXED, "2025-05-05 12:00"),
        ),
        mistakes={
            "the future": Mistake(
                lambda: _rfm_of(late=True),
                "Your numbers know lines from after the reference. Keep what lies before it.",
            ),
            "the day itself": Mistake(
                lambda: _rfm_of(at=True),
                "A line at the very moment of the reference is not known yet: strictly before.",
            ),
            "lines": Mistake(
                lambda: _rfm_of(count="lines"),
                "You count lines. Two lines of one order are one order.",
            ),
            "days with orders": Mistake(
                lambda: _rfm_of(count="days"),
                "You count days or times. Two orders of one day are two: count the different order numbers.",
                also=(lambda: _rfm_of(count="times"),),
            ),
            "the last row": Mistake(
                lambda: _rfm_of(last="bottom"),
                "You take the last row of the table. The rows need not stand in the order of time.",
            ),
            "gifts": Mistake(
                lambda: _rfm_of(gifts=False),
                "A line of 0 was ordered all the same: only what lies below 0 is a return.",
            ),
            "netted orders": Mistake(
                lambda: _rfm_of(netted=True),
                "You add up an order with its return first. Its date is then that of the return; and an "
                "order that came back was an order.",
            ),
            "returns are orders": Mistake(
                lambda: _rfm_of(count="with returns"),
                "You count a return as an order. A line below 0 is neither an order nor a visit.",
                also=(lambda: _rfm_of(count="with returns", visits=True),),
            ),
            "returns are visits": Mistake(
                lambda: _rfm_of(visits=True),
                "Your recency begins at a return. Take the last line that was bought.",
            ),
            "returns forgotten": Mistake(
                lambda: _rfm_of(returns="ignored"),
                "What came back was not earned: the money is the sum of all lines, those below 0 too.",
                also=(lambda: _rfm_of(returns="added"),),
            ),
            "parts of days": Mistake(
                lambda: _rfm_of(rounded="none"),
                "Give whole days: round the days down.",
                also=(
                    lambda: _rfm_of(rounded="up"),
                    lambda: _rfm_of(rounded="near"),
                    lambda: _rfm_of(rounded="midnight"),
                ),
            ),
            "the first order": Mistake(
                lambda: _rfm_of(last="first"), "Recency counts from the last order, not from the first."
            ),
        },
        keeps_arguments=True,
    ),
    Exercise(
        key="07.2",
        title="Ward's rule needs two sizes and two means, and no customer.",
        reference=_merge_cost,
        cases=(
            ((1, [0.0]), (1, [4.0])),
            ((3, [1.0, 2.0]), (5, [4.0, 6.0])),
            ((10, [0.0, 0.0, 0.0]), (2, [1.0, 1.0, 1.0])),
            ((4, [2.5, 0.5]), (4, [2.5, 0.5])),
        ),
        mistakes={
            "distance": Mistake(
                lambda: _merge_cost(how="distance"),
                "That is the distance of the means. Inertia is made of squares, and of sizes: write down the "
                "inertia of both groups around the joint mean.",
                also=(lambda: _merge_cost(how="squared"), lambda: _merge_cost(how="unsquared")),
            ),
            "everybody": Mistake(
                lambda: _merge_cost(how="all"),
                "Not all customers move by the whole distance: the joint mean lies between the two.",
                also=(lambda: _merge_cost(how="product"), lambda: _merge_cost(how="inverse")),
            ),
            "height": Mistake(
                lambda: _merge_cost(how="height"),
                "That is the height in the dendrogram, the root of twice the cost. The cost is asked for.",
                also=(lambda: _merge_cost(how="root"), lambda: _merge_cost(how="twice")),
            ),
            "per customer": Mistake(
                lambda: _merge_cost(how="mean"),
                "You divide by the number of customers or of features: inertia is a sum.",
                also=(lambda: _merge_cost(how="features"),),
            ),
            "the middle": Mistake(
                lambda: _merge_cost(how="middle"),
                "You take the point halfway between the means. The joint mean lies nearer to the larger "
                "group.",
            ),
            "one customer each": Mistake(
                lambda: _merge_cost(how="one each"),
                "You add one distance for each group. Each of its customers adds one: multiply by the sizes.",
            ),
        },
    ),
    Exercise(
        key="07.3",
        title="What is not known decides nothing.",
        reference=_place,
        cases=(
            (_CENTRES, np.array([2.6, 1.2, -3.0])),
            (_CENTRES, np.array([_NAN, 4.4, _NAN])),
            (_CENTRES, np.array([3.0, _NAN, _NAN])),
            (_CENTRES, np.array([0.6, _NAN, 0.9])),
            (_CENTRES, np.array([_NAN, _NAN, _NAN])),
            (_CENTRES, np.array([_NAN, _NAN, 3.9])),
            (_CENTRES, np.array([1.4, 2.1, _NAN])),
            (_CENTRES, np.array([-3.8, 2.8, 0.8])),
            (_CENTRES, np.array([0.0, 3.2, _NAN])),
        ),
        mistakes={
            "nan": Mistake(
                lambda: _place(gap="nan"),
                "One missing number makes every distance missing, and then the first segment wins. Leave the "
                "unknown features out of the distance.",
            ),
            "zero": Mistake(
                lambda: _place(gap="zero"),
                "You put 0 where nothing is known: that is a value like any other, and it decides.",
            ),
            "mean": Mistake(
                lambda: _place(gap="mean"),
                "You put a mean where nothing is known. Centres near that mean then win. Leave it out.",
                also=(lambda: _place(gap="own"),),
            ),
            "one gap": Mistake(
                lambda: _place(gap="refused"),
                "You give -1 as soon as one number is missing. Use the numbers that are known.",
            ),
            "zeros": Mistake(
                lambda: _place(gap="no zeros"), "You leave out a 0. A 0 is known; only np.nan is unknown."
            ),
            "nobody": Mistake(
                lambda: _place(nothing=0),
                "Of whom nothing is known, no segment is known: the answer is -1.",
                also=(lambda: _place(nothing=_NAN),),
            ),
            "ties": Mistake(lambda: _place(tie="last"), "Of equally near segments take the lower number."),
            "the farthest": Mistake(lambda: _place(far=True), "You take the farthest centre."),
            "absolute": Mistake(
                lambda: _place(absolute=True), "K-means measures squares: add up squared differences."
            ),
            "from one": Mistake(lambda: _place(start=1), "Segments are counted from 0."),
        },
        keeps_arguments=True,
    ),
    Exercise(
        key="07.4",
        title="Each segment has one name, and no name is given twice.",
        reference=_best_share,
        cases=(
            (_TRUTH, _FOUND),
            (list("aabbcc"), [5, 5, 3, 3, 1, 1]),
            (list("aaaabb"), [0, 0, 0, 0, 0, 0]),
            (list("aaabbbb"), [0, 1, 2, 2, 2, 3, 3]),
            (list("aaaaaaaabbbbbb"), [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]),
            (list("aaaaaaab"), [0, 0, 0, 0, 0, 1, 1, 0]),
        ),
        mistakes={
            "a name twice": Mistake(
                lambda: _best_share(how="purity"),
                "You give each segment the persona that is most frequent in it, so two segments can have the "
                "same name. With as many segments as customers that would always be right.",
                also=(lambda: _best_share(how="other way"),),
            ),
            "greedy": Mistake(
                lambda: _best_share(how="greedy"),
                "You take the largest cell first. That can spoil the next ones: look at all ways to name, or "
                "use scipy.optimize.linear_sum_assignment.",
                also=(lambda: _best_share(how="one after the other"),),
            ),
            "shares, not customers": Mistake(
                lambda: _best_share(how="by share"),
                "You look for the names by shares within a segment, so that a small segment counts as much "
                "as a large one. Count customers.",
            ),
            "by size": Mistake(
                lambda: _best_share(how="by size"),
                "You give the largest segment the name of the largest persona. Look at who is in it.",
            ),
            "equal labels": Mistake(
                lambda: _best_share(how="equal names"),
                "You compare the labels themselves. The numbers of segments mean nothing until they are "
                "named.",
            ),
            "as they stand": Mistake(
                lambda: _best_share(how="as they stand"),
                "You take the segments in the order of their numbers. The numbers of segments mean nothing.",
            ),
            "the worst": Mistake(
                lambda: _best_share(how="worst"),
                "linear_sum_assignment finds the least sum: use a minus, or maximize=True.",
            ),
            "customers": Mistake(lambda: _best_share(how="count"), "A share is asked for: divide."),
        },
    ),
    Exercise(
        key="07.5",
        title="The best few mails together, each segment its own best, or none.",
        reference=_best_plan,
        cases=(
            (_PROFIT, np.array([10, 20, 30, 5]), 2, 12.0),
            (_PROFIT, np.array([10, 20, 30, 5]), 1, 12.0),
            (_PROFIT, np.array([10, 20, 30, 5]), 3, 40.0),
            (_GREEDY, np.array([1, 1, 1, 1]), 2, 0.5),
            (_PROFIT, np.array([1, 2, 3, 1]), 2, 100.0),
            (_GREEDY, np.array([3, 1, 2, 8]), 2, 1.0),
            (_PROFIT, np.array([4, 1, 9, 30]), 3, 1.0),
        ),
        mistakes={
            "everybody gets one": Mistake(
                lambda: _best_plan(none=False),
                "A segment for which every mail loses money gets none, and no mail at all earns 0.",
                also=(lambda: _best_plan(none=False, forced=True), lambda: _best_plan(empty=False)),
            ),
            "sizes": Mistake(
                lambda: _best_plan(sizes="forgotten"),
                "The profit is per customer: multiply by the customers of the segment.",
            ),
            "free mails": Mistake(
                lambda: _best_plan(setup="never"),
                "Writing a mail costs: subtract the cost of each mail used.",
            ),
            "paid per segment": Mistake(
                lambda: _best_plan(setup="each segment"),
                "A mail is written once, however many segments get it.",
                also=(lambda: _best_plan(setup="one"),),
            ),
            "greedy": Mistake(
                lambda: _best_plan(search="greedy"),
                "You add the best mail one after the other. Two mails that suit everybody together can be "
                "better than the best single one and its partner: try all sets (itertools.combinations).",
            ),
            "popular": Mistake(
                lambda: _best_plan(search="popular"),
                "You take the mails that earn most if everybody gets them. Judge sets of mails: each segment "
                "gets the best of the set.",
            ),
            "too many": Mistake(lambda: _best_plan(most=False), "At most m different mails may be written."),
            "all m": Mistake(
                lambda: _best_plan(exactly=True, empty=False),
                "At most m, not exactly m: where a further mail earns less than it costs, leave it.",
                also=(lambda: _best_plan(exactly=True),),
            ),
            "per customer": Mistake(
                lambda: _best_plan(share=True), "You give the profit per customer: that of all is asked for."
            ),
        },
        keeps_arguments=True,
    ),
)
