"""The exercises of chapter 09, sequences."""

import math
from itertools import permutations

import numpy as np

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 09.1: how long a state lasts


def _expected_stay(*, kind="whole", guard=True):
    def expected_stay(stay):
        if stay == 1 and guard:
            return math.inf
        if stay == 1:
            return 0.0
        if kind == "half":
            return math.log(0.5) / math.log(stay)
        if kind == "other":
            return 1 / stay
        return (stay if kind == "more" else 1.0) / (1 - stay)

    return expected_stay


# 09.2: what the present tells about the next step


def _bits_of_memory(*, flat="", rate_only=False, nats=False, kept=False, turned=False):
    def bits_of_memory(P):
        from bigmkt_helpers import sequences as sq

        P = np.asarray(P, dtype=float)
        law, even = sq.stationary_laws(P).iloc[0].to_numpy(), np.full(len(P), 1 / len(P))
        rate = sq.entropy_rate(P, even if flat in ("both", "rate") else law)
        law = even if flat in ("both", "whole") else law
        if rate_only:
            return rate
        some = law[law > 0]
        whole = float(-(some * np.log2(some)).sum())
        if kept:
            return whole
        if nats == "whole":
            return whole * math.log(2) - rate
        return (rate - whole if turned else whole - rate) * (math.log(2) if nats else 1.0)

    return bits_of_memory


# 09.3: one step of the filter


def _filter_step(*, order="predict", missing="move", normal=True, turned=False):
    def filter_step(law, move, chance):
        law, move = np.asarray(law, dtype=float), np.asarray(move, dtype=float)
        move = move.T if turned else move
        if chance is None and missing == "wait":
            return law
        seen = np.ones(len(law)) if chance is None else np.asarray(chance, dtype=float)
        if order == "predict":
            law = (law @ move) * seen
        elif order == "look":
            law = (law * seen) @ move
        else:
            law = law * seen
        return law / law.sum() if normal else law

    return filter_step


# 09.4: the largest discount


def _largest_discount(*, gift=True, cost_counts=True, floor=True, per="buyer"):
    def largest_discount(p0, p1, margin, cost):
        gain = (p1 - p0) * margin - (cost if cost_counts else 0.0)
        over = p1 if gift else p1 - p0
        if per == "reminder":
            return max(0.0, gain)
        if over <= 0:
            return 0.0
        return max(0.0, gain / over) if floor else gain / over

    return largest_discount


# 09.5: which state is which


def _same_states(*, kind="best"):
    def same_states(one, other):
        one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
        apart = np.abs(one[:, None] - other).sum(axis=2)
        if kind == "squares":
            apart = ((one[:, None] - other) ** 2).sum(axis=2)
        if kind == "sorted":
            way = np.argsort(other[:, -1], kind="stable")
            return way[np.argsort(np.argsort(one[:, -1], kind="stable"))].tolist()
        if kind == "nearest":
            return [int(place) for place in apart.argmin(axis=1)]
        if kind == "greedy":
            way = []
            for row in apart:
                free = [place for place in range(len(row)) if place not in way]
                way.append(min(free, key=lambda place: row[place]))
            return way
        ways = permutations(range(len(one)))
        way = min(ways, key=lambda way: sum(apart[i, j] for i, j in enumerate(way)))
        if kind == "turned":
            return [int(place) for place in np.argsort(way)]
        return list(way)

    return same_states


EXERCISES = (
    Exercise(
        key="09.1",
        title="A stay is geometric: its mean is one over the chance to leave.",
        reference=_expected_stay,
        cases=((0.92,), (0.5,), (0.2,), (1,)),
        mistakes={
            "weeks to come": Mistake(
                lambda: _expected_stay(kind="more"),
                "That is the number of *further* weeks. This week counts too.",
            ),
            "median": Mistake(
                lambda: _expected_stay(kind="half"),
                "That is the time after which half have left, the median. The mean is longer, because a few "
                "stay very long.",
                also=(lambda: _expected_stay(kind="half", guard=False),),
            ),
            "one over staying": Mistake(
                lambda: _expected_stay(kind="other"),
                "One over the chance to *stay*: use the chance to leave.",
                also=(lambda: _expected_stay(kind="other", guard=False),),
            ),
            "never": Mistake(
                lambda: _expected_stay(guard=False),
                "For a state that is never left return infinity (math.inf).",
            ),
        },
    ),
    Exercise(
        key="09.2",
        title="Entropy of the long run less entropy rate: the mutual information of neighbours.",
        reference=_bits_of_memory,
        absolute=1e-9,
        cases=(
            (np.array([[0.9, 0.1], [0.4, 0.6]]),),
            (np.array([[0.7, 0.3], [0.7, 0.3]]),),
            (np.roll(np.eye(4), 1, axis=1),),
            (np.array([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25], [0.0, 0.1, 0.9]]),),
        ),
        mistakes={
            "uniform law": Mistake(
                lambda: _bits_of_memory(flat="both"),
                "You weight all states alike. In the long run the chain is in some states more often: use "
                "the stationary law.",
                also=(lambda: _bits_of_memory(flat="rate"), lambda: _bits_of_memory(flat="whole")),
            ),
            "the rate": Mistake(
                lambda: _bits_of_memory(rate_only=True),
                "That is the entropy rate: what stays unknown. Asked for is what the present *tells*.",
            ),
            "no memory": Mistake(
                lambda: _bits_of_memory(kept=True),
                "That is the entropy of the stationary law alone. Take off what stays unknown when the "
                "present is seen.",
            ),
            "nats": Mistake(
                lambda: _bits_of_memory(nats=True),
                "Bits need the logarithm to base 2.",
                also=(lambda: _bits_of_memory(nats="whole"),),
            ),
            "turned": Mistake(
                lambda: _bits_of_memory(turned=True),
                "The sign is turned: the present leaves less unknown than there was, so take the entropy "
                "rate from the entropy.",
            ),
        },
    ),
    Exercise(
        key="09.3",
        title="Predict, look, divide by the sum; without a look, time passes all the same.",
        reference=_filter_step,
        cases=(
            (np.array([0.5, 0.5]), np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([0.9, 0.2])),
            (np.array([0.9, 0.1]), np.array([[0.7, 0.3], [0.2, 0.8]]), None),
            (
                np.array([0.2, 0.3, 0.5]),
                np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 0.1, 0.9]]),
                np.array([0.1, 1, 0]),
            ),
        ),
        mistakes={
            "time stands still": Mistake(
                lambda: _filter_step(missing="wait"),
                "A week that nobody watched is still a week: the state moves. Predict, even without a look.",
            ),
            "look first": Mistake(
                lambda: _filter_step(order="look"),
                "You look first and move afterwards. What was just seen belongs to the state *after* the "
                "move.",
            ),
            "no move": Mistake(
                lambda: _filter_step(order="none"),
                "The state may have moved since the last step: multiply the law by the transition matrix "
                "first.",
            ),
            "not divided": Mistake(
                lambda: _filter_step(normal=False),
                "The result does not sum to 1: divide by its sum.",
            ),
            "turned": Mistake(
                lambda: _filter_step(turned=True),
                "Rows are *from*: it is law @ move, not move @ law.",
            ),
        },
    ),
    Exercise(
        key="09.4",
        title="Those who come anyway take the discount too: they set its limit.",
        reference=_largest_discount,
        cases=(
            (0.08, 0.24, 60.0, 1.0),
            (0.55, 0.58, 60.0, 1.0),
            (0.01, 0.02, 60.0, 1.0),
            (0.3, 0.2, 60.0, 1.0),
            (0.0, 0.0, 60.0, 1.0),
        ),
        mistakes={
            "no gift": Mistake(
                lambda: _largest_discount(gift=False),
                "You let only those who are won use the discount. Everybody who comes back uses it: p1 of "
                "them.",
                also=(lambda: _largest_discount(gift=False, floor=False),),
            ),
            "per reminder": Mistake(
                lambda: _largest_discount(per="reminder"),
                "That is what a reminder without a discount earns. The discount is paid only to those who "
                "buy, p1 of them: divide.",
            ),
            "cost forgotten": Mistake(
                lambda: _largest_discount(cost_counts=False),
                "The reminder itself costs something, whether anybody comes or not.",
            ),
            "below zero": Mistake(
                lambda: _largest_discount(floor=False),
                "A discount below 0 is a surcharge: return 0 where even a reminder without a discount loses.",
            ),
        },
    ),
    Exercise(
        key="09.5",
        title="A matching of all states at once; the nearest of each can be the same one twice.",
        reference=_same_states,
        cases=(
            (
                np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]),
                np.array([[0.1, 0.2, 0.7], [0.7, 0.2, 0.1], [0.2, 0.7, 0.1]]),
            ),
            (
                np.array([[0.5, 0.5], [0.6, 0.4], [0.9, 0.1]]),
                np.array([[0.55, 0.45], [0.3, 0.7], [0.85, 0.15]]),
            ),
            (
                np.array([[0.50, 0.50], [0.30, 0.70]]),
                np.array([[0.45, 0.55], [0.80, 0.20]]),
            ),
            (
                np.array([[0.4, 0.1, 0.5], [0.0, 0.4, 0.6], [0.1, 0.7, 0.2]]),
                np.array([[0.0, 0.6, 0.4], [0.8, 0.0, 0.2], [0.4, 0.1, 0.5]]),
            ),
        ),
        mistakes={
            "nearest": Mistake(
                lambda: _same_states(kind="nearest"),
                "You take the nearest state for each one alone, so that one state is used twice and another "
                "is lost.",
            ),
            "one after the other": Mistake(
                lambda: _same_states(kind="greedy"),
                "You let the first state choose first. What it takes may be needed more by another: add the "
                "differences of all pairs up and compare whole permutations.",
            ),
            "turned": Mistake(
                lambda: _same_states(kind="turned"),
                "You list for each state of `other` its partner in `one`. Asked for is the other way round.",
            ),
            "squares": Mistake(
                lambda: _same_states(kind="squares"),
                "You compare the states in another way, with squares perhaps. Asked for is the least sum of "
                "the absolute differences; one large difference counts no more than several small ones.",
            ),
            "sorted": Mistake(
                lambda: _same_states(kind="sorted"),
                "You put the states in order by one symbol. Two states can be alike in that symbol and apart "
                "in the others: compare all symbols.",
            ),
        },
    ),
)
