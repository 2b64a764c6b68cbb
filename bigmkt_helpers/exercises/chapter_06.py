"""The exercises of chapter 06, evaluation."""

from math import comb, sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 06.1: the correlation of yes and yes


def _mcc(*, guard=True, root=True, signed=True, rates=False, harmonic=False, size=False):
    def mcc(bought, written):
        bought, written = np.asarray(bought, dtype=bool), np.asarray(written, dtype=bool)
        tp, tn = np.sum(bought & written), np.sum(~bought & ~written)
        fp, fn = np.sum(~bought & written), np.sum(bought & ~written)
        margins = float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        if rates:
            return float((tp + tn) / len(bought))
        if harmonic:
            return float(2 * tp / max(2 * tp + fp + fn, 1))
        if margins == 0:
            return 0.0 if guard else float("nan")
        above = float(tp * tn - fp * fn) if signed else float(tp * tn + fp * fn)
        value = above / (sqrt(margins) if root else margins)
        return abs(value) if size else value

    return mcc


_BOUGHT = np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0])
_WRITTEN = np.array([1, 0, 1, 1, 0, 0, 0, 0, 0, 0])

# 06.2: to how many customers do we write?


def _letters(*, rule="profit", ascending=False, cost=True, largest=False, some=False):
    def letters(probability, bought, gain, cost_of_letter):
        if rule == "as they stand":
            probability = -np.arange(len(bought))
        place = np.argsort(probability if ascending else -probability, kind="stable")
        buyers = np.r_[0, np.cumsum(bought[place])]
        sent = np.arange(len(buyers))
        if rule == "half":
            return int(np.sum(probability > 0.5))
        if rule == "expected":
            return int(np.sum(probability * gain > cost_of_letter))
        if rule == "accuracy":
            right = buyers + (len(bought) - sent) - (bought.sum() - buyers)
            return int(np.argmax(right))
        profit = gain * buyers - (cost_of_letter * sent if cost else 0)
        if rule == "money":
            return float(profit.max())
        if rule == "first loss":
            losses = np.flatnonzero(np.diff(profit) < 0)
            return int(losses[0]) if len(losses) else len(bought)
        if rule == "place":
            return int(np.argmax(profit[1:]))
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
        together = test.merge(train[["user", "item"]].drop_duplicates(), on=["user", "item"])
        if pairs == "both":
            twice = len(together)
        elif pairs == "kinds":
            twice = len(together[["user", "item"]].drop_duplicates())
        elif pairs == "multiplied":
            twice = len(test.merge(train[["user", "item"]], on=["user", "item"]))
        elif pairs == "apart":
            twice = int((test["item"].isin(train["item"]) & test["user"].isin(train["user"])).sum())
        else:
            twice = int(test["item"].isin(train["item"]).sum())
        first = test.groupby("user")["time"].min()
        if later == "everybody":
            ahead = int((train["time"] > test["time"].min()).sum())
        elif later == "last":
            limit = train["user"].map(test.groupby("user")["time"].max())
            ahead = int((train["time"] > limit).sum())
        elif later == "test rows":
            limit = test["user"].map(train.groupby("user")["time"].max())
            ahead = int((test["time"] < limit).sum())
        else:
            limit = train["user"].map(first)
            ahead = int((train["time"] > limit).sum() if strict else (train["time"] >= limit).sum())
        split = set(train["order"]) & set(test["order"])
        torn = len(split) if baskets == "order" else int(test["order"].isin(split).sum())
        if unknown == "users":
            new = len(set(test["user"]) - set(train["user"]))
        elif unknown == "of train":
            new = len(set(train["user"]) - set(test["user"]))
        else:
            new = int((~test["user"].isin(train["user"])).sum())
        return {"same pair": twice, "train after test": ahead, "torn orders": torn, "unknown users": new}

    return leaks


_TRAIN = pd.DataFrame(
    {
        "user": ["ann", "ann", "bo", "bo", "cem", "dai", "dai", "ann", "ann"],
        "item": ["tea", "cup", "tea", "pot", "lamp", "tea", "rug", "rug", "tea"],
        "order": [1, 2, 3, 6, 4, 7, 9, 10, 11],
        "time": [1, 5, 2, 6, 3, 7, 9, 7, 3],
    }
)
_TEST = pd.DataFrame(
    {
        "user": ["ann", "ann", "bo", "dai", "dai", "eve", "eve", "dai"],
        "item": ["tea", "pot", "rug", "tea", "pot", "tea", "cup", "tea"],
        "order": [2, 8, 6, 7, 7, 5, 5, 12],
        "time": [5, 8, 6, 7, 7, 4, 4, 8],
    }
)

# 06.4: the chance of a place among sampled candidates


def _chance(*, replace=False, top="less", itself=False, all_items=False, fewer=False, total=False):
    def chance(rank, n_items, candidates, k):
        above = rank if itself else rank - 1
        others = n_items if all_items else n_items - 1
        most = k if top == "equal" else k - 1
        if fewer:
            candidates -= 1
        if replace:
            share = above / others
            return sum(
                comb(candidates, hit) * share**hit * (1 - share) ** (candidates - hit)
                for hit in range(min(most, candidates) + 1)
            )
        ways = sum(
            comb(above, hit) * comb(others - above, candidates - hit)
            for hit in range(k - 1 if top == "exactly" else 0, min(most, candidates) + 1)
        )
        return ways / comb(n_items if total else others, candidates)

    return chance


# 06.5: what can a small shop see?


def _smallest(*, sides=2, groups=2, rooted=True, strength=True, turned="", fixed=False):
    def smallest(rate, per_group, level, power):
        z = NormalDist().inv_cdf
        if turned == "level":
            level = 1 - level
        if turned == "power":
            power = 1 - power
        need = z(1 - (1 - level) / sides) + (z(power) if strength else 0.0)
        if fixed:
            need = 1.96 + fixed
        inside = groups * rate * (1 - rate) / per_group
        return need * (sqrt(inside) if rooted else inside)

    return smallest


# 06.6: the value of a policy that never ran


def _policy_value(*, weights="ratio", size="effective", shared="all", summed=False, hits=False):
    def policy_value(reward, logged, wanted):
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = {
                "ratio": wanted / logged,
                "upside down": logged / wanted,
                "upside down, without 0": np.where(wanted > 0, logged / np.where(wanted > 0, wanted, 1), 0),
                "wanted": wanted,
                "logged": 1 / logged,
                "agree": (wanted > 0).astype(float),
                "clipped": np.minimum(wanted / logged, 10),
            }[weights]
            total = np.sum(weight * reward)
            sizes = {
                "effective": weight.sum() ** 2 / (weight**2).sum(),
                "rows": len(reward),
                "root": weight.sum() / sqrt((weight**2).sum()),
            }
            n = 1 if summed else np.sum(weight > 0) if shared == "weighted" else len(reward)
            below = np.sum(weight * reward > 0) if hits else weight.sum()
            return {"ips": float(total / n), "snips": float(total / below), "effective": float(sizes[size])}

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
                also=(lambda: _mcc(size=True),),
            ),
            "accuracy": Mistake(
                lambda: _mcc(rates=True),
                "That is the accuracy: when buyers are rare it is high for whoever always says no.",
            ),
            "F1": Mistake(
                lambda: _mcc(harmonic=True),
                "That is F1: it does not use the customers who were rightly left out. Matthews' correlation "
                "uses all four counts.",
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
            "not sorted": Mistake(
                lambda: _letters(rule="as they stand"),
                "You take the customers as they stand in the arrays. Rank them first: the most likely buyer "
                "gets the first letter.",
            ),
            "expected profit": Mistake(
                lambda: _letters(rule="expected"),
                "You write wherever probability times gain is above the cost. That is the rule for the next "
                "mailing, if the probabilities are right. The question is what would have earned most: use "
                "who bought.",
            ),
            "the first loss": Mistake(
                lambda: _letters(rule="first loss"),
                "You stop at the first letter that does not pay. The next ones may pay more: add up the "
                "profit along the whole ranking and look for its highest point.",
            ),
            "the place": Mistake(
                lambda: _letters(rule="place"),
                "One too few: Python counts places from 0, and the best place 4 means five letters. (And no "
                "letter at all is a choice, too.)",
            ),
            "money": Mistake(
                lambda: _letters(rule="money"),
                "That is the profit. Asked is the number of letters that earns it.",
            ),
            "no cost": Mistake(
                lambda: _letters(cost=False),
                "You count what the buyers bring and not what the letters cost.",
            ),
            "half": Mistake(
                lambda: _letters(rule="half"),
                "You write to whoever has more than one half. That limit knows neither gain nor cost: try "
                "every number of letters and take the most profitable.",
            ),
            "accuracy": Mistake(
                lambda: _letters(rule="accuracy"),
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
        title="Pairs, time, orders, users: all four ways are counted.",
        reference=_leaks,
        cases=(
            (_TRAIN, _TEST),
            (_TRAIN.iloc[:4], _TEST.iloc[3:]),
            (_TRAIN.iloc[2:], _TEST.iloc[:3]),
            (_TRAIN.iloc[::-1], _TEST),
        ),
        keeps_arguments=True,
        mistakes={
            "items only": Mistake(
                lambda: _leaks(pairs="items"),
                "An item may stand in both parts, else nothing could be learned. Count test rows whose user "
                "AND item stand in train.",
            ),
            "user and item apart": Mistake(
                lambda: _leaks(pairs="apart"),
                "You ask whether the user stands in train and whether the item does. Ask for both in the "
                "same row of train.",
            ),
            "a pair counted twice": Mistake(
                lambda: _leaks(pairs="multiplied"),
                "A pair that stands twice in train gives two rows in a merge. Take duplicates out of train's "
                "pairs first.",
            ),
            "kinds of pairs": Mistake(
                lambda: _leaks(pairs="kinds"),
                "You count different pairs. Count test rows: a pair that stands twice in test counts twice.",
            ),
            "test rows instead": Mistake(
                lambda: _leaks(later="test rows"),
                "You count test rows that lie before a train row. Count train rows that lie after a test "
                "row.",
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
            "unknown to test": Mistake(
                lambda: _leaks(unknown="of train"),
                "The wrong way round: count the users of test who are missing in train.",
            ),
        },
    ),
    Exercise(
        key="06.4",
        title="Few candidates, and nearly every model looks good.",
        reference=_chance,
        cases=(
            (1, 100, 20, 1),
            (12, 100, 20, 3),
            (50, 1000, 99, 10),
            (700, 1000, 10, 10),
            (4, 60, 59, 3),
        ),
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
                also=(lambda: _chance(itself=True, all_items=True),),
            ),
            "exactly the last place": Mistake(
                lambda: _chance(top="exactly"),
                "That is the chance of exactly place k. Add up all places from 1 to k: no better candidate "
                "drawn, one, two, up to k - 1.",
            ),
            "the item among the candidates": Mistake(
                lambda: _chance(all_items=True),
                "The candidates are drawn from the other items, of which there are one fewer.",
                also=(
                    lambda: _chance(all_items=True, fewer=True),
                    lambda: _chance(fewer=True),
                    lambda: _chance(total=True),
                ),
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
            "level turned round": Mistake(
                lambda: _smallest(turned="level"),
                "level is 0.95, not the 5%: each side gets (1 - level) / 2, so the quantile is that of "
                "1 - (1 - level) / 2.",
            ),
            "power turned round": Mistake(
                lambda: _smallest(turned="power"),
                "You take the quantile of 1 - power, which is negative: a more certain test would see "
                "smaller differences. Take the quantile of power and add it.",
            ),
            "all customers": Mistake(
                lambda: _smallest(groups=4),
                "per_group is already the size of one group: do not halve it.",
            ),
            "fixed quantiles": Mistake(
                lambda: _smallest(fixed=0.8416),
                "1.96 and 0.84 belong to level 0.95 and power 0.8 only. Compute the quantiles from level and "
                "power.",
                also=(lambda: _smallest(fixed=0.84), lambda: _smallest(fixed=0.841621)),
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
        cases=(
            (_REWARD, _LOGGED, _WANTED),
            (_REWARD[::-1].copy(), _LOGGED, np.full(6, 0.3)),
            (_REWARD, _LOGGED / 10, _WANTED),
        ),
        mistakes={
            "upside down": Mistake(
                lambda: _policy_value(weights="upside down"),
                "Your weights are upside down: new probability over logged probability.",
                also=(lambda: _policy_value(weights="upside down, without 0"),),
            ),
            "no propensity": Mistake(
                lambda: _policy_value(weights="wanted"),
                "You weigh by the new policy only. Divide by the probability with which the log did it.",
            ),
            "no new policy": Mistake(
                lambda: _policy_value(weights="logged"),
                "You weigh by the old policy only. Multiply by the probability with which the new one would "
                "do it: here it may be any number from 0 to 1.",
            ),
            "agreeing rows": Mistake(
                lambda: _policy_value(weights="agree"),
                "You average the rows that the new policy might have shown, each counted once. A row counts "
                "as new probability over logged probability.",
            ),
            "clipped": Mistake(
                lambda: _policy_value(weights="clipped"),
                "You cut large weights. That makes the estimate quieter and too low; asked is the one that "
                "is right on average.",
            ),
            "the sum": Mistake(
                lambda: _policy_value(summed=True),
                "For IPS divide the sum by the number of rows: it is a value per visit.",
            ),
            "rows, not size": Mistake(
                lambda: _policy_value(size="rows"),
                "The effective number is not the number of rows: square of the sum of weights over the sum "
                "of squares.",
                also=(lambda: _policy_value(size="root"),),
            ),
            "only weighted rows": Mistake(
                lambda: _policy_value(shared="weighted"),
                "For IPS divide by all rows, also those with weight 0: they happened.",
            ),
            "divided by the hits": Mistake(
                lambda: _policy_value(hits=True),
                "SNIPS divides by the sum of all weights, also those of visits without a reward.",
            ),
        },
    ),
)
