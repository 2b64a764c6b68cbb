"""The exercises of chapter 12, customer lifetime value."""

import math

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 12.1: payments in weeks, a discount in years


def _worth_today(*, split=False, whole_years=False, first=0, plain=False):
    def worth_today(payments, yearly):
        if plain:
            return sum(amount for _, amount in payments)
        if split:
            return sum(amount / (1 + yearly / 52) ** (week + first) for week, amount in payments)
        years = [math.ceil(week / 52) if whole_years else (week + first) / 52 for week, _ in payments]
        return sum(amount / (1 + yearly) ** year for year, (_, amount) in zip(years, payments))

    return worth_today


# 12.2: the retention that pays for the acquisition


def _retention_needed(*, start=False, discount_counts=True, share=False, capped=True):
    def retention_needed(cost, margin, discount):
        d = discount if discount_counts else 0.0
        if share:
            needed = cost / margin
        elif start:
            needed = (1 + d) * (1 - margin / cost)
        else:
            needed = cost * (1 + d) / (margin + cost)
        return math.inf if capped and needed > 1 else needed

    return retention_needed


# 12.3: frequency, recency and T


def _summary_of(*, first_counts=False, merge=True, since_end=False, days=False, cut=True):
    def summary_of(purchases, end):
        known = [day for day in purchases if day <= end or not cut]
        known = sorted(set(known)) if merge else sorted(known)
        frequency = len(known) - (0 if first_counts else 1)
        recency = end - known[-1] if since_end else known[-1] - known[0]
        unit = 1 if days else 7
        return (frequency, recency / unit, (end - known[0]) / unit)

    return summary_of


# 12.4: the chance to be alive, rate and drop-out known


def _alive(*, first_sure=True, stays=True, silence="since", turned=False):
    def alive(rate, drop, x, last, T):
        if x == 0 and first_sure:
            return 1.0
        time = {"since": T - last, "all": T, "mean": (T - last) / max(x, 1)}[silence]
        odds = drop / (1 - drop if stays else 1.0) * math.exp(rate * time)
        return odds / (1 + odds) if turned else 1 / (1 + odds)

    return alive


# 12.5: Kaplan-Meier where the data begin late


def _still_there(*, entry=True, drop_late=False, censored_leave=False, ties_gone=False, within=False):
    def still_there(joined, seen, left, age):
        rows = list(zip(joined, seen, left))
        if drop_late:
            rows = [row for row in rows if row[0] == 0]
        survival = 1.0
        for time in sorted({s for _, s, gone in rows if gone or censored_leave}):
            if time > age or (within and time == age):
                break
            at_risk = sum(
                (j < time or not entry) and (s >= time if gone or not ties_gone else s > time)
                for j, s, gone in rows
            )
            events = sum(s == time and (gone or censored_leave) for _, s, gone in rows)
            survival *= 1 - events / at_risk
        return survival

    return still_there


EXERCISES = (
    Exercise(
        key="12.1",
        title="The yearly rate stays yearly; the weeks become parts of a year.",
        reference=_worth_today,
        cases=(
            ([(52, 110.0)], 0.1),
            ([(26, 100.0), (13, 40.0)], 0.08),
            ([(0, 20.0), (4, 20.0), (70, 20.0)], 0.25),
            ([(10, 5.0)], 0.0),
        ),
        mistakes={
            "divided by 52": Mistake(
                lambda: _worth_today(split=True),
                "You divide the yearly rate by 52. Compounded over 52 weeks that is more than the yearly "
                "rate; take the power week / 52 of 1 + rate instead.",
            ),
            "whole years": Mistake(
                lambda: _worth_today(whole_years=True),
                "You round the weeks up to years; money after 26 weeks has waited for half a year only.",
            ),
            "one week late": Mistake(
                lambda: _worth_today(first=1),
                "You count one week too many: money of week 0 comes today and is worth what it is.",
            ),
            "not discounted": Mistake(
                lambda: _worth_today(plain=True),
                "You add the amounts up as if all came today.",
            ),
        },
    ),
    Exercise(
        key="12.2",
        title="The dearer the customer, the more of them must stay; above 1 nobody can be loyal enough.",
        reference=_retention_needed,
        cases=((266.0, 100.0, 0.1), (50.0, 20.0, 0.0), (30.0, 90.0, 0.2), (5000.0, 100.0, 0.1)),
        mistakes={
            "paid at the start": Mistake(
                lambda: _retention_needed(start=True),
                "You count a first payment that is certain. Here the customer must stay through a period "
                "before it pays.",
                also=(lambda: _retention_needed(start=True, capped=False),),
            ),
            "no discount": Mistake(
                lambda: _retention_needed(discount_counts=False),
                "You forget that later margins are worth less today.",
                also=(lambda: _retention_needed(discount_counts=False, capped=False),),
            ),
            "a share": Mistake(
                lambda: _retention_needed(share=True),
                "Cost over margin is a number of periods. Solve margin · r / (1 + d - r) = cost for r.",
                also=(lambda: _retention_needed(share=True, capped=False),),
            ),
            "more than everybody": Mistake(
                lambda: _retention_needed(capped=False),
                "A retention above 1 does not exist: return math.inf where no customer is loyal enough.",
            ),
        },
    ),
    Exercise(
        key="12.3",
        title="Repeat purchases only, recency counted from the first purchase, and nothing after the end.",
        reference=_summary_of,
        cases=(
            ([0, 14, 35], 70),
            ([3, 3, 10, 10, 45], 59),
            ([7], 21),
            ([20, 6, 13, 90], 62),
        ),
        mistakes={
            "the first one counted": Mistake(
                lambda: _summary_of(first_counts=True),
                "You count the first purchase. It says when the customer began; frequency counts those "
                "after it.",
            ),
            "not merged": Mistake(
                lambda: _summary_of(merge=False),
                "Two purchases of one day are one purchase.",
            ),
            "since the end": Mistake(
                lambda: _summary_of(since_end=True),
                "That is the recency of chapter 07, the time since the last purchase. These models count "
                "from the first purchase to the last.",
            ),
            "in days": Mistake(
                lambda: _summary_of(days=True),
                "You give days; the exercise asks for weeks. Say the unit once and keep to it.",
            ),
            "the future": Mistake(
                lambda: _summary_of(cut=False),
                "You use purchases after the end: the model would know the future.",
            ),
        },
    ),
    Exercise(
        key="12.4",
        title="The same silence means more, the faster somebody used to buy.",
        reference=_alive,
        cases=(
            (0.1, 0.2, 2, 30.0, 39.0),
            (1.0, 0.2, 20, 30.0, 39.0),
            (0.05, 0.3, 0, 0.0, 39.0),
            (0.5, 0.1, 3, 12.0, 12.0),
        ),
        mistakes={
            "newcomers die": Mistake(
                lambda: _alive(first_sure=False),
                "In this model nobody leaves before a repeat purchase: for x = 0 the answer is 1.",
            ),
            "staying is free": Mistake(
                lambda: _alive(stays=False),
                "The customer who is alive stayed after the last purchase too, with probability 1 - drop: "
                "the odds of having left are drop / (1 - drop) · exp(…).",
            ),
            "the whole time": Mistake(
                lambda: _alive(silence="all"),
                "Only the silence since the last purchase counts: T - last, not T.",
            ),
            "turned round": Mistake(
                lambda: _alive(turned=True),
                "That is the chance that the customer has left.",
                also=(lambda: _alive(turned=True, first_sure=False),),
            ),
            "per purchase": Mistake(
                lambda: _alive(silence="mean"),
                "You divide the silence by x. The rate is known here; x matters only by being above 0.",
            ),
        },
    ),
    Exercise(
        key="12.5",
        title="Who joined before the data began is at risk only from the age at which you first see them.",
        reference=_still_there,
        cases=(
            ([0, 0, 0, 0], [2, 3, 3, 5], [True, True, False, False], 4),
            ([0, 0, 4, 4, 1], [2, 6, 6, 8, 5], [True, True, True, False, True], 6),
            ([0, 3, 0, 0, 2], [3, 7, 5, 7, 6], [True, True, False, True, False], 3),
            ([0, 1, 2, 0, 0, 0], [4, 4, 6, 2, 7, 4], [True, False, True, False, False, True], 10),
        ),
        mistakes={
            "at risk from the beginning": Mistake(
                lambda: _still_there(entry=False),
                "You let everybody be at risk from age 0. Had they left before the data began you would "
                "not know them: they are at risk from the age at which you first saw them.",
            ),
            "late ones dropped": Mistake(
                lambda: _still_there(drop_late=True),
                "You drop whoever joined before the data began. From then on they tell as much as others.",
            ),
            "censored as gone": Mistake(
                lambda: _still_there(censored_leave=True),
                "You count the customers who are still there as leavers at the moment they were last seen.",
            ),
            "ties": Mistake(
                lambda: _still_there(ties_gone=True),
                "A customer last seen at the very age at which another left was still at risk there.",
            ),
            "before the age": Mistake(
                lambda: _still_there(within=True),
                "Leaving at exactly the age asked for counts: the share that stays beyond it.",
            ),
        },
    ),
)
