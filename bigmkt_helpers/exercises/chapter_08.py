"""The exercises of chapter 08, market baskets."""

import math

import numpy as np

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 08.1: a count told from the closed sets


def _count_of(*, choose=max, exact=False, turned=False, larger=False):
    def count_of(closed, items):
        if exact:
            return closed.get(items, 0)
        found = [count for known, count in closed.items() if (known <= items if turned else items <= known)]
        if larger:
            found = [count for known, count in closed.items() if items < known]
        return choose(found) if found else 0

    return count_of


_CLOSED = {
    frozenset({"bread"}): 4,
    frozenset({"apples", "bread"}): 3,
    frozenset({"bread", "milk"}): 3,
    frozenset({"apples", "bread", "milk"}): 2,
}
# the same table in another order: the first closed set that fits is not the answer
_TURNED = dict(reversed(_CLOSED.items()))


# 08.2: the largest lift that the counts allow


def _largest_lift(*, fewest=True, side=None):
    def largest_lift(n_a, n_c, n):
        if side is not None:
            return n / (n_a, n_c)[side]
        both = min(n_a, n_c) if fewest else max(n_a, n_c)
        return both * n / (n_a * n_c)

    return largest_lift


# 08.3: how many rules the step-up keeps


def _step_up(
    *, family=True, up=True, bonferroni=False, strict=False, counted=False, unsorted=False, holm=None
):
    def step_up(p_values, n_tests, level):
        ordered = list(p_values) if unsorted else sorted(p_values)
        tests = n_tests if family else len(ordered)
        bound = [level * (1 if bonferroni else place) / tests for place in range(1, len(ordered) + 1)]
        if holm:
            bound = [level / (tests - place) for place in range(len(ordered))]
        good = [(p < b if strict else p <= b) for p, b in zip(ordered, bound)]
        if bonferroni or counted:
            return sum(good)
        if up:
            return max((place for place, fine in enumerate(good, start=1) if fine), default=0)
        return good.index(False) if False in good else len(good)

    return step_up


_P_VALUES = [0.039, 0.001, 0.2, 0.008, 0.012, 0.041]


# 08.4: the break-even uptake of a coupon that leaks


def _break_even(*, leak_counts=True, gain_of="rest", less_discount=True, guard=True, above_one=False):
    def break_even(n_a, n_both, margin, discount, leak):
        cost = (leak if leak_counts else 1.0) * n_both * discount
        reached = n_a - n_both if gain_of == "rest" else n_a
        gain = reached * (margin - discount if less_discount else margin)
        if guard == "zero" and gain < 0:
            return cost / gain
        if gain <= 0:
            return math.inf if guard else cost / gain if gain else math.nan
        if above_one == "capped":
            return min(1.0, cost / gain)
        return cost / gain if cost <= gain or above_one else math.inf

    return break_even


# 08.5: the p-value among baskets of one size, from the counts of each stratum


def _p_by_size(*, pooled=False, product=False, strict=False, point=False, shifted=False, short=False):
    def p_by_size(tables):
        from scipy.stats import hypergeom

        if pooled:
            both, a, c, n = (sum(table[place] for table in tables) for place in range(4))
            return float(hypergeom.sf(both - 1, n, a, c))
        if product:
            return float(math.prod(hypergeom.sf(both - 1, n, a, c) for both, a, c, n in tables))
        law = np.ones(1)
        for _, a, c, n in tables:
            first = max(0, a + c - n) if shifted else 0
            law = np.convolve(law, hypergeom.pmf(np.arange(first, min(a, c) + (not short)), n, a, c))
        both = sum(table[0] for table in tables)
        if point:
            return float(law[both])
        return float(law[both + strict :].sum())

    return p_by_size


EXERCISES = (
    Exercise(
        key="08.1",
        title="An itemset is as frequent as the most frequent closed set that contains it.",
        reference=_count_of,
        cases=(
            (_CLOSED, frozenset({"apples"})),
            (_CLOSED, frozenset({"apples", "milk"})),
            (_CLOSED, frozenset({"bread"})),
            (_CLOSED, frozenset({"tea"})),
            (_CLOSED, frozenset({"milk"})),
            (_CLOSED, frozenset({"apples", "bread", "tea"})),
            (_TURNED, frozenset({"milk"})),
        ),
        mistakes={
            "only what is listed": Mistake(
                lambda: _count_of(exact=True),
                "An itemset that is not closed is not in the table, but it was bought. Look for the closed "
                "sets that contain it.",
            ),
            "the rarest superset": Mistake(
                lambda: _count_of(choose=min),
                "You take the smallest count among the closed supersets. Whoever buys the larger set buys "
                "the smaller one too, so the count can't be below any of them.",
            ),
            "the first or the last that fits": Mistake(
                lambda: _count_of(choose=lambda found: found[0]),
                "You take the first or the last closed set that fits, but a dictionary of closed sets stands "
                "in no order. Compare the counts of all that contain the itemset.",
                also=(lambda: _count_of(choose=lambda found: found[-1]),),
            ),
            "only larger ones": Mistake(
                lambda: _count_of(larger=True),
                "You look at larger closed sets only. An itemset that is closed itself contains itself: use "
                "<=, not <.",
            ),
            "added up": Mistake(
                lambda: _count_of(choose=sum),
                "You add the counts up: a basket that holds three items then counts for every closed set in "
                "it.",
            ),
            "subsets": Mistake(
                lambda: _count_of(turned=True),
                "You look at the closed sets inside the itemset; look at those that contain it.",
                also=(lambda: _count_of(turned=True, choose=min),),
            ),
        },
    ),
    Exercise(
        key="08.2",
        title="The rarer the items, the larger the lift can be: the top of a list by lift is rare things.",
        reference=_largest_lift,
        cases=((5, 4, 100), (10, 50, 100), (3, 3, 26852), (100, 40, 100)),
        mistakes={
            "over the antecedents": Mistake(
                lambda: _largest_lift(side=0),
                "That is n / n(A): right only where the antecedents are the more frequent side.",
            ),
            "over the consequents": Mistake(
                lambda: _largest_lift(side=1),
                "That is n / n(C), the lift of a rule with confidence 1. With n(A) above n(C) the confidence "
                "can't reach 1: how many baskets can hold both?",
            ),
            "more than there are": Mistake(
                lambda: _largest_lift(fewest=False),
                "You let both sides lie together in more baskets than hold the rarer side.",
            ),
        },
    ),
    Exercise(
        key="08.3",
        title="The last p-value below its own bound counts, and all smaller ones come along.",
        reference=_step_up,
        cases=(
            (_P_VALUES, 6, 0.05),
            (_P_VALUES, 30, 0.05),
            (_P_VALUES, 6, 0.01),
            ([0.025, 0.05], 2, 0.05),
            ([0.9, 0.8], 2, 0.05),
            ([0.03, 0.5, 0.01], 3, 0.05),
        ),
        mistakes={
            "the family forgotten": Mistake(
                lambda: _step_up(family=False),
                "You divide by the number of p-values in the list. The list is what was left after a choice; "
                "divide by n_tests, all the rules that were looked at.",
            ),
            "one bound for all": Mistake(
                lambda: _step_up(bonferroni=True),
                "That is Bonferroni's rule: one bound level / n_tests for all. The step-up gives the i-th "
                "smallest p-value the bound i times as large.",
            ),
            "counted": Mistake(
                lambda: _step_up(counted=True),
                "You count the p-values that are within their own bound. One that is not is kept too if a "
                "larger one is within its bound: the largest such place is the answer.",
            ),
            "not sorted": Mistake(
                lambda: _step_up(unsorted=True),
                "The i-th bound is for the i-th smallest p-value: sort them first.",
                also=(lambda: _step_up(unsorted=True, counted=True),),
            ),
            "Holm's bounds": Mistake(
                lambda: _step_up(holm=True, up=False),
                "You divide the level by the number of tests that are left: that is Holm's or Hochberg's "
                "procedure, which guards against a single false rule. Here the i-th bound is level * i / "
                "n_tests.",
                also=(lambda: _step_up(holm=True),),
            ),
            "stopped too early": Mistake(
                lambda: _step_up(up=False),
                "You stop at the first p-value above its bound. The step-up looks from the top: the largest "
                "place that is within its bound decides.",
            ),
            "strict": Mistake(
                lambda: _step_up(strict=True),
                "A p-value exactly at its bound is kept.",
            ),
        },
    ),
    Exercise(
        key="08.4",
        title="What leaks to those who would have bought anyway is the price of the offer.",
        reference=_break_even,
        cases=(
            (200, 50, 20.0, 5.0, 1.0),
            (200, 50, 20.0, 5.0, 0.2),
            (71, 63, 30.0, 4.0, 0.5),
            (100, 10, 5.0, 5.0, 0.5),
            (100, 100, 20.0, 5.0, 1.0),
            (100, 10, 4.0, 5.0, 0.5),
            (110, 100, 10.0, 5.0, 0.5),
            (110, 100, 10.0, 5.0, 0.0),
        ),
        mistakes={
            "no leak": Mistake(
                lambda: _break_even(leak_counts=False),
                "You let every basket with both sides use the coupon; only the share `leak` of them does.",
                also=(lambda: _break_even(leak_counts=False, above_one=True),),
            ),
            "everybody can still be won": Mistake(
                lambda: _break_even(gain_of="all"),
                "You count all baskets with the antecedents. Those with both sides have bought already: only "
                "the rest can be won.",
                also=(lambda: _break_even(gain_of="all", above_one=True),),
            ),
            "discount forgotten": Mistake(
                lambda: _break_even(less_discount=False),
                "Whoever says yes gets the discount too: each new sale earns the margin less the discount.",
                also=(lambda: _break_even(less_discount=False, above_one=True),),
            ),
            "no way out": Mistake(
                lambda: _break_even(guard=False),
                "Where nobody is left to win, or where a sale earns nothing, no uptake is enough: return "
                "infinity (math.inf).",
            ),
            "a loss on each sale": Mistake(
                lambda: _break_even(guard="zero"),
                "Your function gives an uptake below 0 somewhere. Where the discount is above the margin "
                "every sale loses money, and no uptake is enough: return infinity (math.inf).",
                also=(lambda: _break_even(guard="zero", above_one=True),),
            ),
            "more than all": Mistake(
                lambda: _break_even(above_one=True),
                "Your function gives an uptake above 1 somewhere. More than all who are left can't say yes: "
                "return infinity (math.inf).",
            ),
            "all is enough": Mistake(
                lambda: _break_even(above_one="capped"),
                "You say 1 where even an uptake of 1 does not cover the cost: return infinity (math.inf).",
            ),
        },
    ),
    Exercise(
        key="08.5",
        title="Sizes apart, then the laws of the strata put together: full baskets do not fool this test.",
        reference=_p_by_size,
        cases=(
            ([(2, 2, 2, 4)],),
            ([(1, 2, 3, 10), (4, 6, 5, 8)],),
            ([(0, 1, 1, 200), (1, 10, 12, 100), (9, 20, 22, 50)],),
        ),
        mistakes={
            "pooled": Mistake(
                lambda: _p_by_size(pooled=True),
                "You add the strata up first: that is Fisher's test without sizes, the one that full baskets "
                "fool.",
            ),
            "product": Mistake(
                lambda: _p_by_size(product=True),
                "A product of p-values is no p-value. Work out the law of the sum of the strata's counts.",
            ),
            "more than": Mistake(
                lambda: _p_by_size(strict=True),
                "You ask for more baskets than were seen; the p-value asks for at least as many.",
            ),
            "places moved": Mistake(
                lambda: _p_by_size(shifted=True),
                "Your laws do not begin at 0 baskets everywhere, so a place in their sum is not a number of "
                "baskets. Begin each law at k = 0.",
            ),
            "one value short": Mistake(
                lambda: _p_by_size(short=True),
                "Your laws stop one short: k goes up to the smaller of n_a and n_c, that number included.",
            ),
            "exactly": Mistake(
                lambda: _p_by_size(point=True),
                "You give the chance of exactly this number of baskets; add the chances of all larger ones.",
            ),
        },
    ),
)
