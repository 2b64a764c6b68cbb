"""The exercises of chapter 12, customer lifetime value."""

import math

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 12.1: payments in weeks, a discount in years


def _worth_today(*, years=lambda week: week / 52, factor=lambda rate, time: (1 + rate) ** -time, digits=None):
    def worth_today(payments, yearly):
        total = sum(amount * factor(yearly, years(week)) for week, amount in payments)
        return total if digits is None else round(total, digits)

    return worth_today


# 12.2: the retention that pays for the acquisition


def _retention_needed(solve=lambda c, m, d: c * (1 + d) / (m + c), *, at_most=math.inf, least=-math.inf):
    def retention_needed(cost, margin, discount):
        needed = max(solve(cost, margin, discount), least)
        return needed if needed <= 1 else min(needed, at_most) if at_most < math.inf else math.inf

    return retention_needed


def _uncapped(solve=lambda c, m, d: c * (1 + d) / (m + c)):
    return lambda cost, margin, discount: solve(cost, margin, discount)


def _however_capped(solve):
    """A wrong formula with each way to treat what lies outside 0 to 1."""
    return (
        lambda: _uncapped(solve),
        lambda: _retention_needed(solve, least=0.0),
        lambda: _retention_needed(solve, at_most=1.0),
    )


def _paid_for_certain(c, m, d):
    return (1 + d) * (1 - m / c)


def _formula_without_r(c, m, d):
    return 1 + d - m / c


def _not_a_number(cost, margin, discount):
    needed = _uncapped()(cost, margin, discount)
    return needed if needed <= 1 else math.nan


def _cost_per_margin(c, m, d):
    return c / m


def _one_period(c, m, d):
    return c * (1 + d) / m


def _no_discount(c, m, d):
    return c / (m + c)


# 12.3: frequency, recency and T


def _summary_of(
    *,
    first_counts=False,
    merge=True,
    in_order=True,
    last=lambda known, end: known[-1] - known[0],
    length=lambda known, end: end - known[0],
    unit=lambda days: days / 7,
    cut=lambda day, end: day <= end,
    swapped=False,
):
    def summary_of(purchases, end):
        known = [day for day in purchases if cut(day, end)]
        many = (
            len(set(known)) if merge is True else len({merge(day) for day in known}) if merge else len(known)
        )
        known = sorted(known) if in_order else known
        numbers = (many - (0 if first_counts else 1), unit(last(known, end)), unit(length(known, end)))
        return (numbers[1], numbers[0], numbers[2]) if swapped else numbers

    return summary_of


# 12.4: the chance to be alive, rate and drop-out known


def _alive(odds=None, *, newcomer=1.0, of=lambda odds: 1 / (1 + odds)):
    """`odds` of having left to being there, from rate, drop, x and the times; `of` makes the answer of it."""
    odds = odds or _left_odds

    def alive(rate, drop, x, last, T):
        if x == 0 and newcomer is not None:
            return newcomer
        return of(odds(rate, drop, x, last, T))

    return alive


def _left_odds(rate, drop, x, last, T):
    return drop / (1 - drop) * math.exp(rate * (T - last))


def _mistaken_odds(change):
    """A wrong formula, with and without the rule for newcomers."""
    return (lambda: _alive(change, newcomer=None),)


def _all_time(rate, drop, x, last, T):
    return _left_odds(rate, drop, x, 0, T)


def _per_purchase(rate, drop, x, last, T):
    return _left_odds(rate, drop, x, 0, (T - last) / max(x, 1))


def _never_stays(rate, drop, x, last, T):
    return (1 - drop) * _left_odds(rate, drop, x, last, T)


def _stays_each_time(rate, drop, x, last, T):
    return _left_odds(rate, drop, x, last, T) / (1 - drop) ** (x - 1)


def _rising(rate, drop, x, last, T):
    return _left_odds(rate, drop, x, T, last)


def _told(share, newcomer=1.0):
    """An answer that is not made of odds at all."""

    def alive(rate, drop, x, last, T):
        return newcomer if x == 0 and newcomer is not None else share(rate, drop, x, last, T)

    return alive


def _silence(rate, drop, x, last, T):
    return math.exp(-rate * (T - last))


def _first_story(rate, drop, x, last, T):
    return (1 - drop) * math.exp(-rate * (T - last))


def _whole_first_story(rate, drop, x, last, T):
    return rate**x * math.exp(-rate * T) * (1 - drop) ** x


def _loyal_so_far(rate, drop, x, last, T):
    return (1 - drop) ** x


# 12.5: Kaplan-Meier where the data begin late


def _still_there(
    *,
    entry=lambda first, time: first < time,
    keep=lambda first, last, gone: True,
    age_of=lambda first, last: last,
    leaves=lambda gone: gone,
    tie=lambda last, time, gone: last >= time,
    counts=lambda time, age: time <= age,
    turned=False,
):
    def still_there(first_seen, last_seen, left, age):
        rows = [row for row in zip(first_seen, last_seen, left) if keep(*row)]
        rows = [(first, age_of(first, last), leaves(gone)) for first, last, gone in rows]
        survival = 1.0
        for time in sorted({last for _, last, gone in rows if gone and counts(last, age)}):
            at_risk = sum(entry(first, time) and tie(last, time, gone) for first, last, gone in rows)
            survival *= 1 - sum(last == time and gone for _, last, gone in rows) / max(at_risk, 1)
        return 1 - survival if turned else survival

    return still_there


def _share_of_all(first_seen, last_seen, left, age):
    return 1 - sum(gone and last <= age for last, gone in zip(last_seen, left)) / len(left)


def _seen_beyond(first_seen, last_seen, left, age):
    return sum(last > age for last in last_seen) / len(last_seen)


def _only_leavers_go(first_seen, last_seen, left, age):
    """Who was last seen stays at risk for ever."""
    survival, there = 1.0, len(left)
    for time in sorted({last for last, gone in zip(last_seen, left) if gone and last <= age}):
        gone = sum(last == time and out for last, out in zip(last_seen, left))
        survival, there = survival * (1 - gone / there), there - gone
    return survival


def _hazards_added(first_seen, last_seen, left, age):
    """Nelson and Aalen's estimate: near Kaplan and Meier's for many customers only."""
    total = 0.0
    for time in sorted({last for last, gone in zip(last_seen, left) if gone and last <= age}):
        at_risk = sum(first < time <= last for first, last in zip(first_seen, last_seen))
        total += sum(last == time and gone for last, gone in zip(last_seen, left)) / at_risk
    return math.exp(-total)


def _one_by_one(first_seen, last_seen, left, age):
    """Those who leave at one age as if each had left while the others were all still there."""
    survival = 1.0
    for time, gone in zip(last_seen, left):
        if gone and time <= age:
            survival *= 1 - 1 / sum(first < time <= last for first, last in zip(first_seen, last_seen))
    return survival


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
                lambda: _worth_today(years=lambda week: week, factor=lambda d, t: (1 + d / 52) ** -t),
                "You divide the yearly rate by 52. Compounded over 52 weeks that is more than the yearly "
                "rate; take the power week / 52 of 1 + rate instead.",
            ),
            "yearly rate per week": Mistake(
                lambda: _worth_today(years=lambda week: week),
                "You charge the yearly rate for every week. A week is a 52nd part of a year.",
            ),
            "whole years": Mistake(
                lambda: _worth_today(years=lambda week: math.ceil(week / 52)),
                "You round the weeks to whole years; money after 26 weeks has waited for half a year.",
                also=(
                    lambda: _worth_today(years=lambda week: week // 52),
                    lambda: _worth_today(years=lambda week: round(week / 52)),
                ),
            ),
            "one week late": Mistake(
                lambda: _worth_today(years=lambda week: (week + 1) / 52),
                "You count one week too many: money of week 0 comes today and is worth what it is.",
            ),
            "days of the calendar": Mistake(
                lambda: _worth_today(years=lambda week: 7 * week / 365),
                "You count a year of 365 days; the exercise says that the year of this rate has 52 weeks.",
                also=(lambda: _worth_today(years=lambda week: 7 * week / 365.25),),
            ),
            "simple interest": Mistake(
                lambda: _worth_today(factor=lambda d, t: 1 / (1 + d * t)),
                "You add the same interest for each week (or use it as the rate of exp). The chapter's rate "
                "is compounded: divide by the power week / 52 of 1 + rate.",
                also=(
                    lambda: _worth_today(factor=lambda d, t: 1 - d * t),
                    lambda: _worth_today(factor=lambda d, t: math.exp(-d * t)),
                ),
            ),
            "grown": Mistake(
                lambda: _worth_today(factor=lambda d, t: (1 + d) ** t),
                "Your later money is worth more than today's. Divide by the power, do not multiply.",
            ),
            "not discounted": Mistake(
                lambda: _worth_today(factor=lambda d, t: 1.0),
                "You add the amounts up as if all came today.",
            ),
            "rounded": Mistake(
                lambda: _worth_today(digits=2),
                "You round the answer. Return the number as it is, and round where you print.",
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
                lambda: _retention_needed(_paid_for_certain),
                "You count a first payment that is certain. Here the customer must stay through a period "
                "before it pays.",
                also=_however_capped(_paid_for_certain),
            ),
            "the payment without r": Mistake(
                lambda: _retention_needed(_formula_without_r),
                "You start from margin / (1 + d - r), where the payment at the end of the first period is "
                "certain. It too comes with probability r only: r belongs above the line as well.",
                also=_however_capped(_formula_without_r),
            ),
            "no discount": Mistake(
                lambda: _retention_needed(_no_discount),
                "You forget that later margins are worth less today.",
                also=_however_capped(_no_discount),
            ),
            "a share": Mistake(
                lambda: _retention_needed(_cost_per_margin),
                "Cost over margin is a number of periods. Solve margin · r / (1 + d - r) = cost for r.",
                also=_however_capped(_cost_per_margin),
            ),
            "one period": Mistake(
                lambda: _retention_needed(_one_period),
                "You look at one payment only. Those of later periods help to pay back too: the sum without "
                "a horizon is margin · r / (1 + d - r).",
                also=_however_capped(_one_period),
            ),
            "more than everybody": Mistake(
                _uncapped,
                "A retention above 1 does not exist: return math.inf where no customer is loyal enough.",
                also=(lambda: _retention_needed(at_most=1.0), lambda: _not_a_number),
            ),
            "in per cent": Mistake(
                lambda: _uncapped(lambda c, m, d: 100 * _retention_needed()(c, m, d)),
                "You give per cent; a retention is a probability from 0 to 1.",
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
            ([30, 2, 5, 5, 41], 41),
        ),
        mistakes={
            "the first one counted": Mistake(
                lambda: _summary_of(first_counts=True),
                "You count the first purchase. It says when the customer began; frequency counts those "
                "after it.",
                also=(lambda: _summary_of(first_counts=True, merge=False),),
            ),
            "not merged": Mistake(
                lambda: _summary_of(merge=False),
                "Two purchases of one day are one purchase.",
            ),
            "merged by week": Mistake(
                lambda: _summary_of(merge=lambda day: day // 7),
                "You take all purchases of a week for one. Only those of one day are one purchase; weeks "
                "are the unit of the times.",
            ),
            "since the end": Mistake(
                lambda: _summary_of(last=lambda known, end: end - known[-1]),
                "That is the recency of chapter 07, the time since the last purchase. These models count "
                "from the first purchase to the last.",
            ),
            "from day 0": Mistake(
                lambda: _summary_of(last=lambda known, end: known[-1], length=lambda known, end: end),
                "You count from day 0. Both times begin at the customer's own first purchase.",
                also=(
                    lambda: _summary_of(length=lambda known, end: end),
                    lambda: _summary_of(last=lambda known, end: known[-1]),
                ),
            ),
            "until the last purchase": Mistake(
                lambda: _summary_of(length=lambda known, end: known[-1] - known[0]),
                "Your T ends with the last purchase. It goes on to the end: the silence counts.",
            ),
            "both ends": Mistake(
                lambda: _summary_of(length=lambda known, end: end - known[0] + 1),
                "You count the first and the last day both. Time is a difference: end - first.",
            ),
            "in days": Mistake(
                lambda: _summary_of(unit=lambda days: days),
                "You give days; the exercise asks for weeks. Say the unit once and keep to it.",
            ),
            "whole weeks": Mistake(
                lambda: _summary_of(unit=lambda days: days // 7),
                "You round the times to whole weeks. They are numbers like 5.571: divide by 7, with /.",
                also=(
                    lambda: _summary_of(unit=lambda days: round(days / 7)),
                    lambda: _summary_of(unit=lambda days: math.ceil(days / 7)),
                ),
            ),
            "the future": Mistake(
                lambda: _summary_of(cut=lambda day, end: True),
                "You use purchases after the end: the model would know the future.",
            ),
            "the last day": Mistake(
                lambda: _summary_of(cut=lambda day, end: day < end),
                "You drop what was bought on the last day; that day is known too.",
            ),
            "not in order": Mistake(
                lambda: _summary_of(in_order=False),
                "The days come in any order: sort them, or take the smallest and the largest.",
            ),
            "order of the three": Mistake(
                lambda: _summary_of(swapped=True),
                "The three numbers are in another order: frequency, recency, T.",
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
            (0.2, 0.15, 4, 20.0, 25.0),
        ),
        mistakes={
            "newcomers die": Mistake(
                lambda: _alive(newcomer=None),
                "In this model nobody leaves before a repeat purchase: for x = 0 the answer is 1.",
                also=(lambda: _alive(newcomer=0.0),),
            ),
            "staying is free": Mistake(
                lambda: _alive(_never_stays),
                "The customer who is alive stayed after the last purchase too, with probability 1 - drop: "
                "the odds of having left are drop / (1 - drop) · exp(…).",
                also=_mistaken_odds(_never_stays),
            ),
            "stays forgotten": Mistake(
                lambda: _alive(_stays_each_time),
                "The two stories do not stay equally often. Alive means staying after all x purchases, gone "
                "means staying after x - 1 of them and leaving after the last.",
                also=(
                    *_mistaken_odds(_stays_each_time),
                    lambda: _alive(lambda *known: known[2] * _left_odds(*known)),
                ),
            ),
            "the whole time": Mistake(
                lambda: _alive(_all_time),
                "Only the silence since the last purchase counts: T - last, neither T nor last.",
                also=(
                    *_mistaken_odds(_all_time),
                    lambda: _alive(lambda rate, drop, x, last, T: _left_odds(rate, drop, x, 0, last)),
                ),
            ),
            "the wrong way": Mistake(
                lambda: _alive(_rising),
                "Your customers become more alive by keeping silent: look at the sign in exp.",
                also=_mistaken_odds(_rising),
            ),
            "turned round": Mistake(
                lambda: _alive(of=lambda odds: odds / (1 + odds)),
                "That is the chance that the customer has left.",
                also=(
                    lambda: _alive(of=lambda odds: odds / (1 + odds), newcomer=0.0),
                    lambda: _alive(of=lambda odds: odds / (1 + odds), newcomer=None),
                ),
            ),
            "per purchase": Mistake(
                lambda: _alive(_per_purchase),
                "The rate is known here, so x says nothing about it: neither divide nor multiply the silence "
                "by x. It matters only by being above 0.",
                also=(
                    *_mistaken_odds(_per_purchase),
                    lambda: _alive(lambda rate, drop, x, last, T: _left_odds(rate * x, drop, x, last, T)),
                ),
            ),
            "one story": Mistake(
                lambda: _told(_first_story),
                "That is how probable one story is. The chance to be alive is the *share* of the first story "
                "in both: divide it by their sum.",
                also=(
                    lambda: _told(_first_story, None),
                    lambda: _told(_whole_first_story),
                    lambda: _told(_whole_first_story, None),
                    lambda: _told(lambda *known: 1 / _left_odds(*known)),
                    lambda: _told(lambda *known: 1 / _left_odds(*known), None),
                ),
            ),
            "half of the story": Mistake(
                lambda: _told(_silence),
                "You use only the silence, or only the chance to stay. Both count: write down the chapter's "
                "two stories, alive and gone, and divide.",
                also=(
                    lambda: _told(_silence, None),
                    lambda: _told(_loyal_so_far),
                    lambda: _told(lambda rate, drop, x, last, T: 1 - drop),
                    lambda: _told(lambda rate, drop, x, last, T: 1 - drop, None),
                ),
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
                lambda: _still_there(entry=lambda first, time: True),
                "You let everybody be at risk from age 0. Had they left before the data began you would "
                "not know them: they are at risk from the age at which you first saw them.",
            ),
            "at risk at first sight": Mistake(
                lambda: _still_there(entry=lambda first, time: first <= time),
                "You count customers as at risk at the very age at which they are first seen. The exercise "
                "says: not yet at that age.",
            ),
            "late ones dropped": Mistake(
                lambda: _still_there(keep=lambda first, last, gone: first == 0),
                "You drop whoever joined before the data began. From then on they tell as much as others.",
            ),
            "time in sight": Mistake(
                lambda: _still_there(entry=lambda first, time: True, age_of=lambda first, last: last - first),
                "You count from the day on which the records see a customer. Their *age* counts; first sight "
                "only says from which age on they are at risk.",
            ),
            "censored dropped": Mistake(
                lambda: _still_there(keep=lambda first, last, gone: gone),
                "You drop the customers who are still there. They count as at risk as long as they are seen.",
            ),
            "censored as gone": Mistake(
                lambda: _still_there(leaves=lambda gone: True),
                "You count the customers who are still there as leavers at the moment they were last seen.",
            ),
            "a share of all": Mistake(
                lambda: _share_of_all,
                "You divide by all customers. Many of them were not in sight at that age, before or after: "
                "go from one age of leaving to the next, and divide by those at risk there.",
                also=(lambda: _seen_beyond, lambda: _only_leavers_go),
            ),
            "ties": Mistake(
                lambda: _still_there(tie=lambda last, time, gone: last >= time if gone else last > time),
                "A customer last seen at the very age at which another left was still at risk there.",
            ),
            "one by one": Mistake(
                lambda: _one_by_one,
                "Several leave at the same age: take them together, one factor for each age, 1 - left / at "
                "risk.",
            ),
            "before the age": Mistake(
                lambda: _still_there(counts=lambda time, age: time < age),
                "Leaving at exactly the age asked for counts: the share that stays beyond it.",
            ),
            "to the end": Mistake(
                lambda: _still_there(counts=lambda time, age: True),
                "You go on to the end of the curve. Stop at the age asked for.",
            ),
            "hazards added": Mistake(
                lambda: _hazards_added,
                "You add the shares and take exp: Nelson and Aalen's estimate, near this one only where few "
                "of many leave. Kaplan and Meier multiply.",
            ),
            "turned round": Mistake(
                lambda: _still_there(turned=True),
                "That is the share that has left; the exercise asks for those who stay.",
            ),
        },
    ),
)
