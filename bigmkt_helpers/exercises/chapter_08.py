"""The exercises of chapter 08, market baskets."""

import math

import numpy as np

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 08.1: a count told from the closed sets


def _count_of(*, choose=max, exact=False, turned=False):
    def count_of(closed, items):
        if exact:
            return closed.get(items, 0)
        found = [count for known, count in closed.items() if (known <= items if turned else items <= known)]
        return choose(found) if found else 0

    return count_of


_CLOSED = {
    frozenset({"bread"}): 4,
    frozenset({"apples", "bread"}): 3,
    frozenset({"bread", "milk"}): 3,
    frozenset({"apples", "bread", "milk"}): 2,
}


# 08.2: the largest lift that the counts allow


def _largest_lift(*, fewest=True, side=None):
    def largest_lift(n_a, n_c, n):
        if side is not None:
            return n / (n_a, n_c)[side]
        both = min(n_a, n_c) if fewest else max(n_a, n_c)
        return both * n / (n_a * n_c)

    return largest_lift


# 08.3: how many rules the step-up keeps


def _kept(*, family=True, up=True, bonferroni=False, strict=False):
    def kept(p_values, n_tests, level):
        ordered = sorted(p_values)
        tests = n_tests if family else len(ordered)
        bound = [level * (1 if bonferroni else place) / tests for place in range(1, len(ordered) + 1)]
        good = [(p < b if strict else p <= b) for p, b in zip(ordered, bound)]
        if bonferroni:
            return sum(good)
        if up:
            return max((place for place, fine in enumerate(good, start=1) if fine), default=0)
        return good.index(False) if False in good else len(good)

    return kept


_P_VALUES = [0.039, 0.001, 0.2, 0.008, 0.012, 0.041]


# 08.4: the break-even uptake of a coupon that leaks


def _break_even(*, leak_counts=True, gain_of="rest", less_discount=True, guard=True):
    def break_even(n_a, n_both, margin, discount, leak):
        cost = (leak if leak_counts else 1.0) * n_both * discount
        reached = n_a - n_both if gain_of == "rest" else n_a
        gain = reached * (margin - discount if less_discount else margin)
        if gain <= 0:
            return math.inf if guard else cost / gain if gain else math.nan
        return cost / gain

    return break_even


# 08.5: the p-value among baskets of one size, from the counts of each stratum


def _p_by_size(*, pooled=False, product=False, strict=False, point=False):
    def p_by_size(tables):
        from scipy.stats import hypergeom

        if pooled:
            both, a, c, n = (sum(table[place] for table in tables) for place in range(4))
            return float(hypergeom.sf(both - 1, n, a, c))
        if product:
            return float(math.prod(hypergeom.sf(both - 1, n, a, c) for both, a, c, n in tables))
        law = np.ones(1)
        for _, a, c, n in tables:
            law = np.convolve(law, hypergeom.pmf(np.arange(min(a, c) + 1), n, a, c))
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
        reference=_kept,
        cases=(
            (_P_VALUES, 6, 0.05),
            (_P_VALUES, 30, 0.05),
            (_P_VALUES, 6, 0.01),
            ([0.025, 0.05], 2, 0.05),
            ([0.9, 0.8], 2, 0.05),
        ),
        mistakes={
            "the family forgotten": Mistake(
                lambda: _kept(family=False),
                "You divide by the number of p-values in the list. The list is what was left after a choice; "
                "divide by n_tests, all the rules that were looked at.",
            ),
            "one bound for all": Mistake(
                lambda: _kept(bonferroni=True),
                "That is Bonferroni's rule: one bound level / n_tests for all. The step-up gives the i-th "
                "smallest p-value the bound i times as large.",
            ),
            "stopped too early": Mistake(
                lambda: _kept(up=False),
                "You stop at the first p-value above its bound. The step-up looks from the top: the largest "
                "place that is within its bound decides.",
            ),
            "strict": Mistake(
                lambda: _kept(strict=True),
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
        ),
        mistakes={
            "no leak": Mistake(
                lambda: _break_even(leak_counts=False),
                "You let every basket with both sides use the coupon; only the share `leak` of them does.",
            ),
            "everybody can still be won": Mistake(
                lambda: _break_even(gain_of="all"),
                "You count all baskets with the antecedents. Those with both sides have bought already: only "
                "the rest can be won.",
            ),
            "discount forgotten": Mistake(
                lambda: _break_even(less_discount=False),
                "Whoever says yes gets the discount too: each new sale earns the margin less the discount.",
            ),
            "no way out": Mistake(
                lambda: _break_even(guard=False),
                "Where nobody is left to win, or where a sale earns nothing, no uptake is enough: return "
                "infinity (math.inf).",
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
            "exactly": Mistake(
                lambda: _p_by_size(point=True),
                "You give the chance of exactly this number of baskets; add the chances of all larger ones.",
            ),
        },
    ),
)
