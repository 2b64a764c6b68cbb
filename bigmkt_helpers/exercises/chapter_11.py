"""The exercises of chapter 11, predicting purchase and churn."""

import math

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 11.1: the information that a split brings


def _gain(*, weighted=True, natural=False, gini=False, after_only=False):
    def impurity(yes, n):
        shares = [yes / n, 1 - yes / n]
        if gini:
            return 1 - sum(q * q for q in shares)
        log = math.log if natural else math.log2
        return -sum(q * log(q) for q in shares if q > 0)

    def gain(yes_left, n_left, yes_right, n_right):
        n = n_left + n_right
        sides = [(yes_left, n_left), (yes_right, n_right)]
        after = sum((size / n if weighted else 0.5) * impurity(yes, size) for yes, size in sides)
        return after if after_only else impurity(yes_left + yes_right, n) - after

    return gain


# 11.2: what a coupon changes


def _coupon_pays(*, baseline=True, extra_only=False, cost_on_yes=False, margin_lost=True):
    def coupon_pays(p_without, p_with, margin, face, cost):
        if extra_only:
            return (p_with - p_without) * (margin - face) - cost
        earned = p_with * (margin - (face if margin_lost else 0)) - cost * (p_with if cost_on_yes else 1)
        return earned - (p_without * margin if baseline else 0)

    return coupon_pays


# 11.3: naive Bayes with gaps and labels that nobody had


def _posterior(*, use_prior=True, unseen_zero=False, normal=True, added=False):
    def posterior(prior, tables, customer):
        p = dict(prior) if use_prior else dict.fromkeys(prior, 1.0)
        for column, table in tables.items():
            shares = table.get(customer.get(column))
            if shares is None:
                if not unseen_zero:
                    continue
                shares = dict.fromkeys(prior, 1e-9 if added else 0.0)
            p = {name: p[name] + shares[name] if added else p[name] * shares[name] for name in p}
        total = sum(p.values()) if normal else 1.0
        return {name: value / total if total else 0.0 for name, value in p.items()}

    return posterior


# 11.4: the share of the buyers among the highest scores


def _captured(*, ties="even", of="buyers", whole=False, lowest=False):
    def captured(scores, bought, share):
        left, found = share * len(scores), 0.0
        left = math.floor(left) if whole else left
        asked = left
        if ties == "file":
            order = sorted(range(len(scores)), key=lambda i: -scores[i])
            taken = [bought[i] for i in order[: round(left)]]
            return sum(taken) / (sum(bought) if of == "buyers" else max(len(taken), 1))
        for score in sorted(set(scores), reverse=not lowest):
            group = [b for s, b in zip(scores, bought) if s == score]
            if ties == "all" and left > 0:
                found, left = found + sum(group), left - len(group)
                continue
            taken = min(max(left, 0), len(group))
            found += taken * sum(group) / len(group)
            left -= taken
        return found / (sum(bought) if of == "buyers" else asked)

    return captured


# 11.5: probabilities at the real rates, for any number of classes


def _at_real_rates(*, normal=True, turned=False, divide=True):
    def at_real_rates(said, trained, real):
        if turned:
            trained, real = real, trained
        moved = {name: said[name] * real[name] / (trained[name] if divide else 1) for name in said}
        total = sum(moved.values()) if normal else 1.0
        return {name: value / total for name, value in moved.items()}

    return at_real_rates


_TABLES = {
    "contract": {"monthly": {"leaves": 0.8, "stays": 0.4}, "yearly": {"leaves": 0.2, "stays": 0.6}},
    "pays": {"card": {"leaves": 0.3, "stays": 0.5}, "cheque": {"leaves": 0.7, "stays": 0.5}},
}
_PRIOR = {"leaves": 0.25, "stays": 0.75}

EXERCISES = (
    Exercise(
        key="11.1",
        title="The bits before the split, less the weighted mean of the bits after it.",
        reference=_gain,
        cases=((40, 50, 10, 50), (5, 10, 5, 90), (0, 20, 8, 8), (3, 12, 6, 24)),
        mistakes={
            "sides counted alike": Mistake(
                lambda: _gain(weighted=False),
                "You give both sides the same weight. Weigh each side with its share of the customers.",
            ),
            "natural logarithm": Mistake(
                lambda: _gain(natural=True),
                "You took the natural logarithm. Bits need the logarithm to base 2.",
            ),
            "Gini": Mistake(
                lambda: _gain(gini=True),
                "That is the gain in Gini impurity. The exercise asks for bits, so for the entropy.",
            ),
            "after only": Mistake(
                lambda: _gain(after_only=True),
                "That is what is left after the split. The gain is what it was before, less that.",
            ),
        },
    ),
    Exercise(
        key="11.2",
        title="Everybody who buys with the coupon uses it, also those who would have bought anyway.",
        reference=_coupon_pays,
        cases=((0.05, 0.15, 60.0, 10.0, 1.0), (0.7, 0.8, 60.0, 10.0, 1.0), (0.2, 0.2, 30.0, 5.0, 0.5)),
        mistakes={
            "anyway forgotten": Mistake(
                lambda: _coupon_pays(baseline=False),
                "You count every purchase as the coupon's. Take off what would have come without it.",
            ),
            "face for the new only": Mistake(
                lambda: _coupon_pays(extra_only=True),
                "You give the discount only to those whom the coupon won. Who would have bought anyway uses "
                "it too.",
            ),
            "cost of buyers only": Mistake(
                lambda: _coupon_pays(cost_on_yes=True),
                "The cost of sending falls due for everybody who gets the coupon, buyer or not.",
            ),
            "face forgotten": Mistake(
                lambda: _coupon_pays(margin_lost=False),
                "You forget the face value: it is taken off the margin of every purchase with the coupon.",
            ),
        },
    ),
    Exercise(
        key="11.3",
        title="What is not known leaves the odds as they are.",
        reference=_posterior,
        cases=(
            (_PRIOR, _TABLES, {"contract": "monthly", "pays": "cheque"}),
            (_PRIOR, _TABLES, {"contract": "weekly", "pays": "card"}),
            (_PRIOR, _TABLES, {"pays": "cheque"}),
            ({"a": 0.2, "b": 0.3, "c": 0.5}, {"x": {1: {"a": 0.5, "b": 0.2, "c": 0.1}}}, {"x": 1}),
        ),
        mistakes={
            "no prior": Mistake(
                lambda: _posterior(use_prior=False),
                "You begin with the evidence alone. Begin with the prior: most customers stay.",
            ),
            "unseen is impossible": Mistake(
                lambda: _posterior(unseen_zero=True),
                "A label that nobody had in training, or a gap, tells nothing. Leave its factor out; do not "
                "set it to 0.",
            ),
            "not normalised": Mistake(
                lambda: _posterior(normal=False),
                "The products do not add up to 1 yet. Divide by their sum.",
            ),
            "added": Mistake(
                lambda: _posterior(added=True),
                "You add the shares. Independent evidence is multiplied.",
                also=(lambda: _posterior(added=True, normal=False),),
            ),
        },
    ),
    Exercise(
        key="11.4",
        title="Where scores tie, nobody can say who comes first: each counts in part.",
        reference=_captured,
        cases=(
            ([0.9, 0.8, 0.7, 0.2, 0.1], [1, 0, 1, 0, 1], 0.4),
            ([0.5, 0.5, 0.5, 0.5, 0.1], [1, 0, 0, 1, 1], 0.4),
            ([0.3] * 6, [0, 0, 0, 1, 1, 1], 0.5),
            ([3, 2, 2, 1], [1, 1, 0, 1], 0.375),
        ),
        mistakes={
            "order of the file": Mistake(
                lambda: _captured(ties="file"),
                "Where scores tie you take whoever stands first in the file. Take of such a group the same "
                "part of everybody.",
            ),
            "all that tie": Mistake(
                lambda: _captured(ties="all"),
                "You take a whole group of equal scores, more customers than were asked for.",
            ),
            "share of the contacted": Mistake(
                lambda: _captured(of="contacted"),
                "That is the share of buyers among those contacted (precision). Divide by all buyers.",
                also=(lambda: _captured(ties="file", of="contacted"),),
            ),
            "rounded down": Mistake(
                lambda: _captured(whole=True),
                "You round the number of contacts down. Take a part of the last customer instead.",
            ),
            "lowest first": Mistake(
                lambda: _captured(lowest=True),
                "You begin with the lowest scores.",
            ),
        },
    ),
    Exercise(
        key="11.5",
        title="Each class times real over trained, then to a sum of 1: Bayes' rule with another prior.",
        reference=_at_real_rates,
        cases=(
            ({"yes": 0.5, "no": 0.5}, {"yes": 0.5, "no": 0.5}, {"yes": 0.06, "no": 0.94}),
            (
                {"tea": 0.5, "bath": 0.3, "nothing": 0.2},
                {"tea": 1 / 3, "bath": 1 / 3, "nothing": 1 / 3},
                {"tea": 0.2, "bath": 0.1, "nothing": 0.7},
            ),
            ({"a": 0.7, "b": 0.3}, {"a": 0.6, "b": 0.4}, {"a": 0.1, "b": 0.9}),
        ),
        mistakes={
            "not normalised": Mistake(
                lambda: _at_real_rates(normal=False),
                "The results do not add up to 1 yet. Divide by their sum.",
                also=(lambda: _at_real_rates(normal=False, divide=False),),
            ),
            "turned round": Mistake(
                lambda: _at_real_rates(turned=True),
                "You divide by the real rates and multiply by the trained ones. It is the other way round.",
                also=(lambda: _at_real_rates(turned=True, normal=False),),
            ),
            "trained rates kept": Mistake(
                lambda: _at_real_rates(divide=False),
                "You multiply by the real rates without taking the trained ones out first.",
            ),
        },
    ),
)
