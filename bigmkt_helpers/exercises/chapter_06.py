"""The exercises of chapter 06, evaluation."""

from math import comb, sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 06.1: the correlation of yes and yes


def _mcc(*, guard=True, root=True, signed=True, rates=False):
    def mcc(bought, written):
        bought, written = np.asarray(bought, dtype=bool), np.asarray(written, dtype=bool)
        tp, tn = np.sum(bought & written), np.sum(~bought & ~written)
        fp, fn = np.sum(~bought & written), np.sum(bought & ~written)
        margins = float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        if rates:
            return float((tp + tn) / len(bought))
        if margins == 0:
            return 0.0 if guard else float("nan")
        above = float(tp * tn - fp * fn) if signed else float(tp * tn + fp * fn)
        return above / (sqrt(margins) if root else margins)

    return mcc


_BOUGHT = np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0])
_WRITTEN = np.array([1, 0, 1, 1, 0, 0, 0, 0, 0, 0])

# 06.2: to how many customers do we write?


def _letters(*, ascending=False, cost=True, half=False, accurate=False, largest=False, some=False):
    def letters(probability, bought, gain, cost_of_letter):
        place = np.argsort(probability if ascending else -probability, kind="stable")
        buyers = np.r_[0, np.cumsum(bought[place])]
        sent = np.arange(len(buyers))
        if half:
            return int(np.sum(probability > 0.5))
        if accurate:
            right = buyers + (len(bought) - sent) - (bought.sum() - buyers)
            return int(np.argmax(right))
        profit = gain * buyers - (cost_of_letter * sent if cost else 0)
        if some:
            return int(np.argmax(profit[1:])) + 1
        if largest:
            return int(len(profit) - 1 - np.argmax(profit[::-1]))
        return int(np.argmax(profit))

    return letters


_CHANCE = np.array([0.31, 0.9, 0.12, 0.55, 0.48, 0.05, 0.22, 0.4])
_BUYS = np.array([1, 1, 0, 0, 1, 0, 0, 1])

# 06.3: what leaks from test into train?


def _leaks(*, pairs="both", later="same user", baskets="order", unknown="users", strict=True):
    def leaks(train, test):
        if pairs == "both":
            together = test.merge(train[["user", "item"]].drop_duplicates(), on=["user", "item"])
            twice = len(together)
        else:
            twice = int(test["item"].isin(train["item"]).sum())
        first = test.groupby("user")["time"].min()
        if later == "everybody":
            ahead = int((train["time"] > test["time"].min()).sum())
        elif later == "last":
            limit = train["user"].map(test.groupby("user")["time"].max())
            ahead = int((train["time"] > limit).sum())
        else:
            limit = train["user"].map(first)
            ahead = int((train["time"] > limit).sum() if strict else (train["time"] >= limit).sum())
        split = set(train["order"]) & set(test["order"])
        torn = len(split) if baskets == "order" else int(test["order"].isin(split).sum())
        if unknown == "users":
            new = len(set(test["user"]) - set(train["user"]))
        else:
            new = int((~test["user"].isin(train["user"])).sum())
        return {"same pair": twice, "train after test": ahead, "torn orders": torn, "unknown users": new}

    return leaks


_TRAIN = pd.DataFrame(
    {
        "user": ["ann", "ann", "bo", "bo", "cem", "dai", "dai", "ann"],
        "item": ["tea", "cup", "tea", "pot", "lamp", "tea", "rug", "rug"],
        "order": [1, 2, 3, 6, 4, 7, 9, 10],
        "time": [1, 5, 2, 6, 3, 7, 9, 7],
    }
)
_TEST = pd.DataFrame(
    {
        "user": ["ann", "ann", "bo", "dai", "dai", "eve", "eve"],
        "item": ["tea", "pot", "rug", "cup", "pot", "tea", "cup"],
        "order": [2, 8, 6, 7, 7, 5, 5],
        "time": [5, 8, 6, 7, 7, 4, 4],
    }
)

# 06.4: the chance of a place among sampled candidates


def _chance(*, replace=False, top="less", itself=False, all_items=False):
    def chance(rank, n_items, candidates, k):
        above = rank if itself else rank - 1
        others = n_items if all_items else n_items - 1
        most = k if top == "equal" else k - 1
        if replace:
            share = above / others
            return sum(
                comb(candidates, hit) * share**hit * (1 - share) ** (candidates - hit)
                for hit in range(min(most, candidates) + 1)
            )
        ways = sum(
            comb(above, hit) * comb(others - above, candidates - hit)
            for hit in range(min(most, candidates) + 1)
        )
        return ways / comb(others, candidates)

    return chance


# 06.5: what can a small shop see?


def _smallest(*, sides=2, groups=2, rooted=True, strength=True):
    def smallest(rate, per_group, level, power):
        z = NormalDist().inv_cdf
        need = z(1 - (1 - level) / sides) + (z(power) if strength else 0.0)
        inside = groups * rate * (1 - rate) / per_group
        return need * (sqrt(inside) if rooted else inside)

    return smallest


# 06.6: the value of a policy that never ran


def _policy_value(*, upside_down=False, no_weight=False, mean_size=False, only_hits=False):
    def policy_value(reward, logged, wanted):
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = logged / wanted if upside_down else wanted / logged
            if no_weight:
                weight = wanted
            total = np.sum(weight * reward)
            size = weight.sum() ** 2 / (weight**2).sum()
            n = np.sum(weight > 0) if only_hits else len(reward)
            return {
                "ips": float(total / n),
                "snips": float(total / weight.sum()),
                "effective": float(len(reward) if mean_size else size),
            }

    return policy_value


_REWARD = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0])
_LOGGED = np.array([0.5, 0.25, 0.2, 0.5, 0.1, 0.4])
_WANTED = np.array([0.7, 0.1, 0.0, 0.9, 0.3, 0.6])

EXERCISES = (
    Exercise(
        key="06.1",
        title="A correlation: 0 for whoever says the same to everybody.",
        reference=_mcc,
        cases=(
            (_BOUGHT, _WRITTEN),
            (_BOUGHT, np.zeros(10, dtype=int)),
            (_BOUGHT, 1 - _BOUGHT),
            (np.tile(_BOUGHT, 3), np.repeat(_WRITTEN, 3)),
        ),
        mistakes={
            "no guard": Mistake(
                lambda: _mcc(guard=False),
                "Who says the same to everybody has a factor 0 under the root. Such a model knows nothing: "
                "by convention return 0.",
            ),
            "no root": Mistake(
                lambda: _mcc(root=False),
                "The numbers are far too small: the product of the four sums stands under a square root.",
            ),
            "no minus": Mistake(
                lambda: _mcc(signed=False),
                "The sign is lost: subtract the product of the two kinds of errors. Who is always wrong gets "
                "-1.",
            ),
            "accuracy": Mistake(
                lambda: _mcc(rates=True),
                "That is the accuracy: it praises silence when buyers are rare.",
            ),
        },
    ),
    Exercise(
        key="06.2",
        title="As long as one more letter pays, and none if none pays.",
        reference=_letters,
        cases=(
            (_CHANCE, _BUYS, 10.0, 3.0),
            (_CHANCE, _BUYS, 10.0, 5.0),
            (_CHANCE, _BUYS, 2.0, 3.0),
            (_CHANCE, 1 - _BUYS, 4.0, 3.0),
            (_CHANCE, np.array([0, 1, 0, 0, 1, 0, 0, 0]), 6.0, 3.0),
        ),
        mistakes={
            "least likely first": Mistake(
                lambda: _letters(ascending=True),
                "You write to the least likely buyers first: sort by falling probability.",
            ),
            "no cost": Mistake(
                lambda: _letters(cost=False),
                "You count what the buyers bring and not what the letters cost.",
            ),
            "half": Mistake(
                lambda: _letters(half=True),
                "You write to whoever has more than one half. That limit knows neither gain nor cost: try "
                "every number of letters and take the most profitable.",
            ),
            "accuracy": Mistake(
                lambda: _letters(accurate=True),
                "You maximise accuracy. The question is profit: the gain of each buyer reached, less the "
                "letters.",
            ),
            "the largest": Mistake(
                lambda: _letters(largest=True),
                "Where several numbers of letters earn the same, take the smallest.",
            ),
            "at least one": Mistake(
                lambda: _letters(some=True),
                "No letter at all is a choice, too, with profit 0.",
            ),
        },
    ),
    Exercise(
        key="06.3",
        title="Pairs, time, orders, users: four doors, all counted.",
        reference=_leaks,
        cases=((_TRAIN, _TEST), (_TRAIN.iloc[:4], _TEST.iloc[3:]), (_TRAIN.iloc[2:], _TEST.iloc[:3])),
        mistakes={
            "items only": Mistake(
                lambda: _leaks(pairs="items"),
                "An item may stand in both parts, else nothing could be learned. Count test rows whose user "
                "AND item stand in train.",
            ),
            "one clock for all": Mistake(
                lambda: _leaks(later="everybody"),
                "You compare with the first test row of anybody. Here each user has a clock: count train "
                "rows later than the first test row of the same user.",
            ),
            "the last test row": Mistake(
                lambda: _leaks(later="last"),
                "You compare with the user's last test row: compare with the first.",
            ),
            "the same moment": Mistake(
                lambda: _leaks(strict=False),
                "You count train rows of the same moment, too. Those are the torn orders: later means later.",
            ),
            "rows of torn orders": Mistake(
                lambda: _leaks(baskets="rows"),
                "You count test rows of torn orders. Count the orders.",
            ),
            "rows of unknown users": Mistake(
                lambda: _leaks(unknown="rows"),
                "You count rows of unknown users. Count the users.",
            ),
        },
    ),
    Exercise(
        key="06.4",
        title="Few candidates, and nearly every model looks good.",
        reference=_chance,
        cases=((1, 100, 20, 1), (12, 100, 20, 3), (50, 1000, 99, 10), (700, 1000, 10, 10), (4, 60, 59, 3)),
        mistakes={
            "with replacement": Mistake(
                lambda: _chance(replace=True),
                "You draw with replacement: the same candidate could come twice. Count the ways to choose "
                "without replacement.",
            ),
            "k better ones": Mistake(
                lambda: _chance(top="equal"),
                "You allow k better candidates: then the item has place k + 1. At most k - 1 may be better.",
            ),
            "better than itself": Mistake(
                lambda: _chance(itself=True),
                "At rank r there are r - 1 better items, not r.",
            ),
            "the item among the candidates": Mistake(
                lambda: _chance(all_items=True),
                "The candidates are drawn from the other items, of which there are one fewer.",
            ),
        },
    ),
    Exercise(
        key="06.5",
        title="Four times the customers for half the difference.",
        reference=_smallest,
        cases=((0.15, 2000, 0.95, 0.8), (0.02, 500, 0.95, 0.8), (0.15, 8000, 0.99, 0.9)),
        mistakes={
            "one side": Mistake(
                lambda: _smallest(sides=1),
                "Your limit is that of a one-sided test: a mailing may also do harm, so put half of the "
                "error on each side.",
            ),
            "one group": Mistake(
                lambda: _smallest(groups=1),
                "A difference of two groups has the variance of both: the factor 2 is missing. (Or you "
                "doubled per_group, which is already the size of one group.)",
            ),
            "no root": Mistake(
                lambda: _smallest(rooted=False),
                "The standard error is the root of the variance.",
            ),
            "no power": Mistake(
                lambda: _smallest(strength=False),
                "A difference of just that size would be found one time in two: add the quantile of the "
                "power.",
            ),
        },
    ),
    Exercise(
        key="06.6",
        title="Weigh each row by how much more often the new policy would have done it.",
        reference=_policy_value,
        cases=((_REWARD, _LOGGED, _WANTED), (_REWARD[::-1].copy(), _LOGGED, np.full(6, 0.3))),
        mistakes={
            "upside down": Mistake(
                lambda: _policy_value(upside_down=True),
                "Your weights are upside down: new probability over logged probability.",
            ),
            "no propensity": Mistake(
                lambda: _policy_value(no_weight=True),
                "You weigh by the new policy only. Divide by the probability with which the log did it.",
            ),
            "rows, not size": Mistake(
                lambda: _policy_value(mean_size=True),
                "The effective number is not the number of rows: square of the sum of weights over the sum "
                "of squares.",
            ),
            "only weighted rows": Mistake(
                lambda: _policy_value(only_hits=True),
                "For IPS divide by all rows, also those with weight 0: they happened.",
            ),
        },
    ),
)
