"""The exercises of chapter 11, predicting purchase and churn."""

import math

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 11.1: the information that a split brings


def _gain(*, weights="size", log=math.log2, gini=0, pure=0.0, part="gain"):
    def impurity(yes, n):
        shares = [yes / n, 1 - yes / n]
        if gini:
            return gini * shares[0] * shares[1]
        return pure if 0 in shares else -sum(q * log(q) for q in shares)

    def gain(yes_left, n_left, yes_right, n_right):
        n = n_left + n_right
        sides = [(yes_left, n_left), (yes_right, n_right)]
        share = {
            "size": lambda yes, size: size / n,
            "alike": lambda yes, size: 0.5,
            "added": lambda yes, size: 1.0,
            "yes": lambda yes, size: yes / (yes_left + yes_right),
        }[weights]
        before = impurity(yes_left + yes_right, n)
        after = sum(share(yes, size) * impurity(yes, size) for yes, size in sides)
        values = {"gain": before - after, "after": after, "before": before, "turned": after - before}
        return n * (before - after) if part == "total" else values[part]

    return gain


# 11.2: what a coupon changes


def _coupon_pays(*, baseline=True, face_of="buyers", cost_of="all", sign=1):
    def coupon_pays(p_without, p_with, margin, face, cost):
        who = {"buyers": p_with, "all": 1, "nobody": 0, "new": p_with - p_without}
        who |= {"anyway": p_without}
        earned = p_with * margin - face * who[face_of] - cost * who[cost_of]
        return sign * (earned - (p_without * margin if baseline else 0))

    return coupon_pays


# 11.3: naive Bayes with gaps and labels that nobody had


def _posterior(*, use_prior=True, unseen_zero=False, absent_zero=None, normal=True, added=False, form=dict):
    absent_zero = unseen_zero if absent_zero is None else absent_zero

    def posterior(prior, tables, customer):
        p = dict(prior) if use_prior else dict.fromkeys(prior, 1.0)
        for column, table in tables.items():
            shares = table.get(customer.get(column))
            if shares is None:
                if not (unseen_zero if column in customer else absent_zero):
                    continue
                shares = dict.fromkeys(prior, 1e-9 if added else 0.0)
            p = {name: p[name] + shares[name] if added else p[name] * shares[name] for name in p}
        total = sum(p.values()) if normal else 1.0
        answer = {name: value / total if total else 0.0 for name, value in p.items()}
        return form(answer.values()) if form is list else form(answer)

    return posterior


# 11.4: the share of the buyers among the highest scores


def _captured(*, ties="even", of="buyers", rounded=float, lowest=False):
    def captured(scores, bought, share):
        left, found = rounded(share * len(scores)), 0.0
        asked = left
        base = {"buyers": sum(bought), "lift": sum(bought) * share, "customers": len(bought), "one": 1}
        if ties in ("file", "buyers first", "buyers last"):
            first = {"file": lambda i: 0, "buyers first": lambda i: -bought[i]}.get(ties, lambda i: bought[i])
            order = sorted(range(len(scores)), key=lambda i: (-scores[i], first(i)))
            parts = [min(max(left - place, 0), 1) * bought[i] for place, i in enumerate(order)]
            return sum(parts) / (base[of] if of in base else max(asked, 1))
        for score in sorted(set(scores), reverse=not lowest):
            group = [b for s, b in zip(scores, bought) if s == score]
            if ties == "all" and left > 0:
                found, left = found + sum(group), left - len(group)
                continue
            if ties == "none" and left < len(group):
                break
            taken = min(max(left, 0), len(group))
            found += taken * sum(group) / len(group)
            left -= taken
        return found / base.get(of, asked)

    return captured


# 11.5: probabilities at the real rates, for any number of classes


def _at_real_rates(*, normal=True, turned=False, divide=True, multiply=True, alone=False, form=dict):
    def odds(p):
        return p / (1 - p) if alone else p

    def at_real_rates(said, trained, real):
        if turned:
            trained, real = real, trained
        moved = {
            name: odds(p) * (odds(real[name]) if multiply else 1) / (odds(trained[name]) if divide else 1)
            for name, p in said.items()
        }
        if alone:
            moved = {name: value / (1 + value) for name, value in moved.items()}
        total = sum(moved.values()) if normal else 1.0
        answer = {name: value / total for name, value in moved.items()}
        return form(answer.values()) if form is list else form(answer)

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
        cases=((40, 50, 10, 50), (5, 10, 5, 90), (30, 40, 10, 80), (0, 20, 8, 8), (3, 12, 6, 24)),
        mistakes={
            "sides counted alike": Mistake(
                lambda: _gain(weights="alike"),
                "You give both sides the same weight. Weigh each side with its share of the customers.",
            ),
            "sides added": Mistake(
                lambda: _gain(weights="added"),
                "You take off the bits of both sides in full. Weigh each with its share of the customers.",
            ),
            "weighed by yes": Mistake(
                lambda: _gain(weights="yes"),
                "You weigh the sides by those who said yes. Weigh each with its share of all customers.",
            ),
            "another logarithm": Mistake(
                lambda: _gain(log=math.log),
                "You took the natural logarithm, or that to base 10. Bits need the logarithm to base 2.",
                also=(lambda: _gain(log=math.log10),),
            ),
            "Gini": Mistake(
                lambda: _gain(gini=2),
                "That is the gain in Gini impurity. The exercise asks for bits, so for the entropy.",
                also=(lambda: _gain(gini=1),),
            ),
            "after only": Mistake(
                lambda: _gain(part="after"),
                "That is what is left after the split. The gain is what it was before, less that.",
            ),
            "before only": Mistake(
                lambda: _gain(part="before"),
                "That is the uncertainty before the split. Take off what is left after it.",
            ),
            "after less before": Mistake(
                lambda: _gain(part="turned"),
                "You took after less before. A split that helps has a gain above 0: before less after.",
            ),
            "of all customers": Mistake(
                lambda: _gain(part="total"),
                "That is the gain of all customers together. The exercise asks for bits per customer.",
            ),
            "pure side": Mistake(
                lambda: _gain(pure=math.nan),
                "On a pure side one share is 0, and its logarithm has no value. That term counts as 0: a "
                "pure side has no uncertainty.",
                also=(lambda: _gain(pure=1.0),),
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
                also=(
                    lambda: _coupon_pays(baseline=False, face_of="nobody"),
                    lambda: _coupon_pays(baseline=False, face_of="all"),
                    lambda: _coupon_pays(baseline=False, cost_of="buyers"),
                ),
            ),
            "face for the new only": Mistake(
                lambda: _coupon_pays(face_of="new"),
                "You give the discount only to those whom the coupon won. Who would have bought anyway uses "
                "it too.",
                also=(lambda: _coupon_pays(face_of="new", cost_of="new"),),
            ),
            "face for the old only": Mistake(
                lambda: _coupon_pays(face_of="anyway"),
                "You take the face value off only for those who would have bought anyway. Everybody who buys "
                "with the coupon uses it.",
            ),
            "face for everybody": Mistake(
                lambda: _coupon_pays(face_of="all"),
                "You take the face value off for everybody who gets the coupon. Only who buys uses it.",
            ),
            "face forgotten": Mistake(
                lambda: _coupon_pays(face_of="nobody"),
                "You forget the face value: it is taken off the margin of every purchase with the coupon.",
            ),
            "cost of buyers only": Mistake(
                lambda: _coupon_pays(cost_of="buyers"),
                "The cost of sending falls due for everybody who gets the coupon, buyer or not.",
                also=(lambda: _coupon_pays(cost_of="new"),),
            ),
            "cost forgotten": Mistake(
                lambda: _coupon_pays(cost_of="nobody"),
                "You forget the cost of sending.",
            ),
            "turned round": Mistake(
                lambda: _coupon_pays(sign=-1),
                "You took without less with. The exercise asks what sending brings: with less without.",
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
                also=(
                    lambda: _posterior(use_prior=False, normal=False),
                    lambda: _posterior(use_prior=False, unseen_zero=True),
                ),
            ),
            "unseen is impossible": Mistake(
                lambda: _posterior(unseen_zero=True),
                "A label that nobody had in training, or a gap, tells nothing. Leave its factor out; do not "
                "set it to 0.",
                also=(lambda: _posterior(unseen_zero=True, absent_zero=False),),
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
            "no dictionary": Mistake(
                lambda: _posterior(form=list),
                "The numbers are right, but the answer should be a dictionary, {class: probability}. A "
                "Series becomes one by .to_dict().",
            ),
            "class only": Mistake(
                lambda: _posterior(form=lambda answer: max(answer, key=answer.get)),
                "You give the likeliest class. Give the probability of each class.",
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
            ([0.1, 0.7, 0.7, 0.7, 0.7], [1, 0, 1, 1, 1], 0.4),
        ),
        mistakes={
            "order of the file": Mistake(
                lambda: _captured(ties="file"),
                "Where scores tie you take whoever stands first in the file. Take of such a group the same "
                "part of everybody.",
                also=tuple(
                    lambda rounded=rounded: _captured(ties="file", rounded=rounded)
                    for rounded in (math.floor, round, math.ceil)
                ),
            ),
            "buyers first": Mistake(
                lambda: _captured(ties="buyers first"),
                "Where scores tie you sort by who bought. Nobody knows that beforehand: take of such a group "
                "the same part of everybody.",
                also=tuple(
                    lambda ties=ties, rounded=rounded: _captured(ties=ties, rounded=rounded)
                    for ties in ("buyers first", "buyers last")
                    for rounded in (float, math.floor, round, math.ceil)
                ),
            ),
            "all that tie": Mistake(
                lambda: _captured(ties="all"),
                "You take a whole group of equal scores, more customers than were asked for.",
            ),
            "none that tie": Mistake(
                lambda: _captured(ties="none"),
                "You leave out a group of equal scores that only partly fits. Count every member in part.",
            ),
            "share of the contacted": Mistake(
                lambda: _captured(of="contacted"),
                "That is the share of buyers among those contacted (precision). Divide by all buyers.",
                also=tuple(
                    lambda rounded=rounded: _captured(ties="file", of="contacted", rounded=rounded)
                    for rounded in (float, math.floor, round, math.ceil)
                ),
            ),
            "another base": Mistake(
                lambda: _captured(of="one"),
                "You found the right buyers. Divide their number by that of all buyers, and by nothing else.",
                also=(lambda: _captured(of="lift"), lambda: _captured(of="customers")),
            ),
            "rounded": Mistake(
                lambda: _captured(rounded=math.floor),
                "You round the number of contacts. Take a part of the last customer instead.",
                also=(lambda: _captured(rounded=math.ceil), lambda: _captured(rounded=round)),
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
            "real rates forgotten": Mistake(
                lambda: _at_real_rates(multiply=False),
                "You take the trained rates out and do not put the real ones in.",
                also=(lambda: _at_real_rates(multiply=False, normal=False),),
            ),
            "each class against the rest": Mistake(
                lambda: _at_real_rates(alone=True),
                "You shift each class against all others together. With more than two classes the others "
                "shift among themselves as well: work with all classes at once, then divide by the sum.",
                also=(lambda: _at_real_rates(alone=True, normal=False),),
            ),
            "no dictionary": Mistake(
                lambda: _at_real_rates(form=list),
                "The numbers are right, but the answer should be a dictionary, {class: probability}. A "
                "Series becomes one by .to_dict().",
            ),
        },
    ),
)
