"""The exercises of chapter 05, hybrids and cold start."""

import numpy as np
import pandas as pd
from scipy import stats

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 05.1: two lists that overlap become one


def _merge(*, by="max", seen_stays=False, cut="last", ties="label", turned=False):
    def merge(parts, seen, n):
        together = pd.concat(parts)
        if cut == "each":
            together = pd.concat([part.nlargest(n) for part in parts])
        if by == "max or 0":
            together = together.clip(lower=0)
        if by != "twice":
            together = together.groupby(level=0, sort=ties == "label").agg(by.split(" ")[0])
        if ties == "best first":
            best = pd.concat(parts).sort_values(ascending=False, kind="stable").index.drop_duplicates()
            together = together[best]
        together = together.sort_values(ascending=turned, kind="stable")
        if cut == "all":
            together = together[:n]
        if not seen_stays:
            together = together[~together.index.isin(list(seen))]
        return together.index[:n].tolist()

    return merge


_TWO_PARTS = (
    pd.Series({"tea": -3.1, "cup": -2.0, "pot": -3.5, "lamp": -4.0}),
    pd.Series({"cup": -3.0, "pot": -2.5, "rug": -3.6, "book": -3.9}),
)
_THREE_PARTS = (
    pd.Series({"a": -1.0, "b": -2.0, "c": -3.0}),
    pd.Series({"c": -2.2, "d": -1.5, "e": -2.4, "f": -5.0}),
    pd.Series({"f": -2.1, "b": -1.2, "g": -2.3}),
)

_EQUAL_PARTS = (
    pd.Series({"tea": -2.0, "cup": -2.0, "pot": -1.0}),
    pd.Series({"rug": -2.0, "book": -2.0}),
)
_UNEQUAL_PARTS = (
    pd.Series({"a": -1.0, "b": -3.0}),
    pd.Series({"a": -4.0, "b": -3.0, "c": -2.6}),
)

# 05.2: a reserved place for the new


def _reserve(
    *, place_zero=False, overwrite=False, twice=False, all_places=False, long=False, order="up", waste=False
):
    def reserve(listed, new, places):
        fresh = list(new) if twice or waste else [item for item in new if item not in listed]
        answer = list(listed)
        for place in {"up": sorted, "down": lambda places: sorted(places)[::-1], "as given": list}[order](
            places
        ):
            if not fresh:
                if all_places:
                    answer.insert(place - 1, None)
                break
            at = place if place_zero else place - 1
            if waste and fresh[0] in answer:
                fresh.pop(0)
            elif overwrite:
                answer[at] = fresh.pop(0)
            else:
                answer.insert(at, fresh.pop(0))
        return answer if long else answer[: len(listed)]

    return reserve


# 05.3: Thompson's pick, with the lot given


def _pick(*, mean=False, prior=True, swapped=False, failures=True, lowest=False, law="ppf", first=0):
    def pick(clicks, shows, lot):
        a = clicks + 1.0 * bool(prior)
        b = (shows - clicks if failures else shows) + 1.0 * bool(prior)
        if mean:
            return int(np.argmax(a / (a + b)))
        if swapped:
            a, b = b, a
        if prior is None:  # as False, but what has no belief is never shown
            a, b = np.maximum(a, 1e-9), np.maximum(b, 1e-9)
        drawn = getattr(stats.beta, law)(lot, a, b)
        return int(np.argmin(drawn) if lowest else np.argmax(drawn)) + first

    return pick


# 05.4: regret of a log


def _regret(*, cumulative=True, best="each", clicked=False, mean=False, last=False):
    def regret(rates, shown, clicks):
        rates, shown = np.asarray(rates, dtype=float), np.asarray(shown)
        got = np.asarray(clicks, dtype=float) if clicked else rates[np.arange(len(shown)), shown]
        top = {
            "each": rates.max(axis=1),
            "fixed": np.full(len(shown), rates.mean(axis=0).max()),
            "one": rates[:, rates.mean(axis=0).argmax()],
            "highest": np.full(len(shown), rates.max()),
            "column": rates.max(axis=0)[shown],
        }[best]
        lost = top - got
        if mean:
            return np.cumsum(lost) / np.arange(1, len(lost) + 1)
        if last:
            return lost.sum()
        return np.cumsum(lost) if cumulative else lost

    return regret


_RATES = np.array([[0.02, 0.05, 0.03], [0.06, 0.01, 0.03], [0.02, 0.05, 0.09], [0.02, 0.08, 0.03]])

# 05.5: what a test of two banners costs


def _cost(*, ties="half", after=True, during=1, rest=True, swapped=False, one=False, ordered=False):
    def cost(rates, shows, visits):
        worse, better = (rates[1], rates[0]) if ordered else sorted(rates)
        pmf = [stats.binom.pmf(np.arange(shows + 1), shows, rate) for rate in (worse, better)]
        above = np.tril(np.outer(pmf[0], pmf[1]), -1).sum()  # the worse has more clicks
        equal = (pmf[0] * pmf[1]).sum()
        wrong = above + {"half": 0.5, "none": 0.0, "all": 1.0}[ties] * equal
        if swapped:
            wrong = 1 - wrong
        gap = better - worse
        left = visits - (1 if one else 2) * shows if rest else visits
        return float(gap * (shows * during + left * wrong * after))

    return cost


EXERCISES = (
    Exercise(
        key="05.1",
        title="One list: each item once, with the best that any part says of it.",
        reference=_merge,
        cases=(
            (_TWO_PARTS, {"tea"}, 3),
            (_THREE_PARTS, {"d"}, 4),
            (_THREE_PARTS, set(), 2),
            (_TWO_PARTS, {"cup", "pot"}, 1),
            (_EQUAL_PARTS, set(), 3),
            (_UNEQUAL_PARTS, set(), 2),
        ),
        mistakes={
            "the same item twice": Mistake(
                lambda: _merge(by="twice"),
                "An item that two parts name stands in your list twice. Group by the label first.",
                also=(lambda: _merge(by="twice", ties="as they come"),),
            ),
            "seen": Mistake(
                lambda: _merge(seen_stays=True),
                "Your list shows items that the customer has. Take them out before you cut.",
            ),
            "added": Mistake(
                lambda: _merge(by="sum"),
                "You add the log-odds of the parts. An item of which two parts speak then loses, because "
                "log-odds below even are negative. Take the larger.",
            ),
            "the mean": Mistake(
                lambda: _merge(by="mean"),
                "You take the mean of what the parts say of an item. Keep the largest.",
            ),
            "the worst": Mistake(
                lambda: _merge(by="min"), "You keep the smallest log-odds of an item; keep the largest."
            ),
            "cut too early": Mistake(
                lambda: _merge(cut="all"),
                "You cut to n before you took out what was seen, so the list can end too early.",
                also=(lambda: _merge(cut="each"),),
            ),
            "best last": Mistake(
                lambda: _merge(turned=True),
                "Your list begins with the worst: the largest log-odds come first.",
                also=(lambda: _merge(turned=True, ties="as they come"),),
            ),
            "order of ties": Mistake(
                lambda: _merge(ties="as they come"),
                "Items of equal log-odds stand in the order in which the parts name them. Sort by label "
                "first, then by log-odds with a stable sort.",
                also=(lambda: _merge(ties="best first"),),
            ),
            "starts at 0": Mistake(
                lambda: _merge(by="max or 0"),
                "You compare with 0 as if it were the least possible. Log-odds are mostly negative: start "
                "from minus infinity, or from what the first part says.",
            ),
        },
    ),
    Exercise(
        key="05.2",
        title="A known place, no item twice, and the list stays as long as it was.",
        reference=_reserve,
        cases=(
            (["a", "b", "c", "d", "e"], ["x", "y"], [3, 5]),
            (["a", "b", "c", "d"], ["b", "x", "y"], [2]),
            (["a", "b", "c", "d"], ["x"], [4, 2]),
            (["a", "b", "c"], ["c"], [1, 2]),
        ),
        mistakes={
            "from zero": Mistake(
                lambda: _reserve(place_zero=True),
                "Your new items stand one place too low: the places count from 1, Python from 0.",
            ),
            "thrown out": Mistake(
                lambda: _reserve(overwrite=True),
                "You overwrite the item that stood there. Push it and all below it down; the last falls out.",
            ),
            "twice": Mistake(
                lambda: _reserve(twice=True),
                "A new item that the list has already stands there twice: skip it.",
            ),
            "longer": Mistake(
                lambda: _reserve(long=True), "Your list has grown: cut it to the length that it had."
            ),
            "places as given": Mistake(
                lambda: _reserve(order="as given"),
                "The places come in any order: sort them. An item that is put in later pushes those below "
                "down, so begin at the top.",
                also=(lambda: _reserve(order="down"),),
            ),
            "a place wasted": Mistake(
                lambda: _reserve(waste=True),
                "A new item that the list has already uses up a place: skip it, and give the place to the "
                "next new item.",
            ),
            "empty places": Mistake(
                lambda: _reserve(all_places=True),
                "Where no new item is left, nothing is inserted: the known items keep their places.",
            ),
        },
        keeps_arguments=True,
    ),
    Exercise(
        key="05.3",
        title="A draw from what is believed of each banner; the highest draw is shown.",
        reference=_pick,
        cases=tuple(
            tuple(np.array(column) for column in case)
            for case in (
                ([2, 30], [10, 200], [0.5, 0.5]),
                ([2, 30], [10, 200], [0.05, 0.5]),
                ([0, 3, 12], [0, 40, 100], [0.3, 0.99, 0.5]),
                ([0, 3, 12], [0, 40, 100], [0.02, 0.3, 0.4]),
                ([5, 5], [20, 60], [0.0001, 0.9]),
                ([1, 9], [4, 60], [0.12, 0.5]),
                ([4, 1], [10, 2], [0.5, 0.35]),
                ([0, 1], [1, 10], [0.35, 0.6]),
                ([0, 14], [3, 34], [0.88, 0.88]),
            )
        ),
        mistakes={
            "the mean": Mistake(
                lambda: _pick(mean=True),
                "You take the mean of the belief: then a banner with a bad start is never shown again. Take "
                "the quantile at its lot.",
            ),
            "all shows": Mistake(
                lambda: _pick(failures=False),
                "The second parameter counts the showings without a click: subtract the clicks.",
            ),
            "turned round": Mistake(
                lambda: _pick(swapped=True),
                "Your parameters are the wrong way round: clicks belong to the first.",
            ),
            "the lowest": Mistake(lambda: _pick(lowest=True), "You show the banner with the lowest draw."),
            "no prior": Mistake(
                lambda: _pick(prior=False),
                "Before anything is seen the belief is Beta(1, 1): add 1 to both parameters. Without it a "
                "banner that was never shown has no belief.",
                also=(lambda: _pick(prior=None),),
            ),
            "from one": Mistake(
                lambda: _pick(first=1), "Your answer is one too high: banners are counted from 0."
            ),
            "the other way": Mistake(
                lambda: _pick(law="cdf"),
                "`cdf` turns a rate into a probability. You need the way back, from the lot to a "
                "rate: `ppf`.",
                also=(lambda: _pick(law="pdf"),),
            ),
        },
    ),
    Exercise(
        key="05.4",
        title="What was lost, in expected clicks, against the best choice for each visitor.",
        reference=_regret,
        cases=(
            (_RATES, np.array([0, 0, 2, 1]), np.array([0, 1, 0, 0])),
            (_RATES[::-1], np.array([1, 1, 1, 1]), np.array([1, 0, 0, 0])),
            (_RATES[:2], np.array([2, 2]), np.array([0, 0])),
        ),
        mistakes={
            "clicks": Mistake(
                lambda: _regret(clicked=True),
                "You subtract the clicks that came. Regret is counted in rates: the coin of a single click "
                "would only add noise.",
            ),
            "not summed": Mistake(
                lambda: _regret(cumulative=False), "That is the loss of each visit: add up over the visits."
            ),
            "per visit": Mistake(
                lambda: _regret(mean=True), "You divide by the number of visits: regret is the sum."
            ),
            "one banner for all": Mistake(
                lambda: _regret(best="one"),
                "You compare with the best single banner. With contexts the best banner differs from visitor "
                "to visitor: take the largest rate of each row.",
                also=(lambda: _regret(best="fixed"), lambda: _regret(best="highest")),
            ),
            "the visitors' best per banner": Mistake(
                lambda: _regret(best="column"),
                "You take the largest rate of each column, over visitors. Compare banners for one visitor: "
                "rows are visits (axis=1).",
            ),
            "the last only": Mistake(
                lambda: _regret(last=True),
                "That is the loss of all visits together. Return what was lost after each visit: the running "
                "sum.",
            ),
        },
    ),
    Exercise(
        key="05.5",
        title="What the test itself costs, and what the wrong winner costs afterwards.",
        reference=_cost,
        cases=(
            ((0.05, 0.03), 20, 1_000),
            ((0.1, 0.2), 5, 100),
            ((0.02, 0.02), 10, 500),
            ((0.04, 0.05), 200, 5_000),
        ),
        mistakes={
            "ties never err": Mistake(
                lambda: _cost(ties="none"),
                "When both have as many clicks you toss a coin: half of the ties end wrong.",
                also=(lambda: _cost(ties="all"),),
            ),
            "only the test": Mistake(
                lambda: _cost(after=False),
                "You count the test only. With some probability the worse banner wins, and is shown for the "
                "rest.",
            ),
            "only afterwards": Mistake(
                lambda: _cost(during=0),
                "You forget the test: half of its showings went to the worse banner.",
            ),
            "both banners lose": Mistake(
                lambda: _cost(during=2),
                "In the test only the showings of the worse banner lose clicks: `shows`, not both banners'.",
            ),
            "order assumed": Mistake(
                lambda: _cost(ordered=True),
                "You take it for granted that the first rate is the larger one. Sort the rates.",
            ),
            "all visits": Mistake(
                lambda: _cost(rest=False),
                "After the test there are fewer visits left: both banners have had their showings.",
                also=(lambda: _cost(one=True),),
            ),
            "turned round": Mistake(
                lambda: _cost(swapped=True),
                "You multiply by the probability that the better banner wins. Then nothing is lost.",
            ),
        },
    ),
)
