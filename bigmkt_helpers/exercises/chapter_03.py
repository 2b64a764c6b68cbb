"""The exercises of chapter 03, collaborative filtering."""

import numpy as np
import pandas as pd

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 03.1: the best items that the customer does not have yet


def _top_unseen():
    def top_unseen(scores, seen, n):
        return scores.drop(list(seen)).sort_values(ascending=False, kind="stable").index[:n].tolist()

    return top_unseen


def _seen_stays():
    def top_unseen(scores, seen, n):
        return scores.sort_values(ascending=False, kind="stable").index[:n].tolist()

    return top_unseen


def _cut_before_filter():
    def top_unseen(scores, seen, n):
        best = scores.sort_values(ascending=False, kind="stable").index[:n]
        return [item for item in best if item not in seen]

    return top_unseen


def _ascending():
    def top_unseen(scores, seen, n):
        return scores.drop(list(seen)).sort_values(kind="stable").index[:n].tolist()

    return top_unseen


def _unsorted():
    def top_unseen(scores, seen, n):
        return scores.drop(list(seen)).index[:n].tolist()

    return top_unseen


_SCORES = pd.Series({"tea": 0.9, "cup": 0.7, "pot": 0.8, "lamp": 0.1, "book": 0.4, "rug": 0.6})

# 03.2: the mean-centred prediction of a user-kNN

_RATINGS = pd.DataFrame(
    {
        "tea": [5, 4, 1, np.nan, 2],
        "cup": [3, 2, 5, 4, 5],
        "pot": [np.nan, 5, 2, 3, 1],
        "lamp": [4, np.nan, 1, 2, np.nan],
    },
    index=["ann", "bo", "cem", "dai", "eve"],
)
_SIMILARITY = pd.DataFrame(
    [
        [1.0, 0.8, -0.6, 0.3, -0.5],
        [0.8, 1.0, -0.7, 0.2, -0.4],
        [-0.6, -0.7, 1.0, 0.5, 0.9],
        [0.3, 0.2, 0.5, 1.0, 0.1],
        [-0.5, -0.4, 0.9, 0.1, 1.0],
    ],
    index=_RATINGS.index,
    columns=_RATINGS.index,
)


def _centred(
    *,
    myself=False,
    smallest=False,
    own_mean=True,
    centre="user",
    divide="size",
    raters_first=True,
    negative=True,
):
    def predict(ratings, similarity, user, item, k):
        known = ratings[item].dropna()
        if not myself:
            known = known.drop(user, errors="ignore")
        people = known.index if raters_first else ratings.index.drop(user)
        near = similarity.loc[user, people].sort_values(ascending=smallest, kind="stable").iloc[:k]
        near = near[near.index.isin(known.index)]
        if not negative:
            near = near[near > 0]
        means = ratings.mean(axis=1)
        if centre == "all":
            means = pd.Series(np.nanmean(ratings.to_numpy()), index=ratings.index)
        elif centre == "none":
            means = pd.Series(0.0, index=ratings.index)
        change = (near * (known[near.index] - means[near.index])).sum()
        if divide != "no":
            change /= near.abs().sum() if divide == "size" else near.sum()
        return float((means[user] if own_mean else 0.0) + change)

    return predict


# 03.3: one half-step of alternating least squares

_FACTORS = np.array([[1.0, 0.2], [0.8, -0.5], [0.3, 1.1], [0.5, 0.4]])


def _half_step(*, fill=False, penalised=True, by_count=False, identity=True):
    def user_factors(item_factors, ratings, penalty):
        known = ~np.isnan(ratings)
        factors, values = item_factors[known], ratings[known]
        if fill:
            factors, values = item_factors, np.nan_to_num(ratings)
        strength = penalty * (len(values) if by_count else 1) * penalised
        size = factors.shape[1]
        where = np.eye(size) if identity else np.ones((size, size))
        return np.linalg.solve(factors.T @ factors + strength * where, factors.T @ values)

    return user_factors


# 03.4: EASE in a shop of three items

_BASKETS = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1], [1, 0, 0]])


def _ease(*, keep_diagonal=False, by_row=False, penalised=True, minus_one=False, sign=-1):
    def weights(matrix, penalty):
        matrix = np.asarray(matrix, dtype=float)
        size = matrix.shape[1]
        inverse = np.linalg.inv(matrix.T @ matrix + (penalty if penalised else 0.0) * np.eye(size))
        if keep_diagonal:
            return np.eye(size) - penalty * inverse
        divisor = np.diag(inverse)[:, None] if by_row else np.diag(inverse)
        answer = sign * inverse / divisor
        if not minus_one:
            np.fill_diagonal(answer, 0.0)
        return answer

    return weights


# 03.5: hide the last n ratings of each customer

_EVENTS = pd.DataFrame(
    {
        "user": ["ann", "bo", "ann", "cem", "ann", "bo", "ann", "bo", "dai", "dai"],
        "item": ["tea", "cup", "pot", "tea", "lamp", "tea", "cup", "pot", "lamp", "tea"],
        "timestamp": [9, 2, 3, 5, 1, 8, 6, 4, 12, 11],
    }
)


def _last_out(*, newest=True, sort=True, each=True, whole=False, by_user=True, drop=True):
    def last_out(ratings, n):
        table = ratings.sort_values("timestamp") if sort else ratings
        if not whole:
            table = table[table.groupby("user")["item"].transform("size") > n]
        if not each:
            hidden = table.tail(n * table["user"].nunique())
        elif newest:
            hidden = table.groupby("user").tail(n)
        else:
            hidden = table.groupby("user").head(n)
        hidden = hidden.sort_values(["user", "timestamp"] if by_user else "timestamp")
        if drop:
            hidden = hidden[["user", "item"]]
        return hidden.reset_index(drop=True)

    return last_out


# 03.6: choose by validation, report on the test


def _per_user_scores():
    generator = np.random.default_rng(3)
    easy = generator.uniform(0, 0.5, size=40)
    customers = pd.RangeIndex(101, 141)  # numbers of customers are not numbers of rows
    baseline = pd.Series(easy + generator.normal(0, 0.05, 40), index=customers)
    validation = pd.DataFrame(
        {
            setting: easy + gain + generator.normal(0, 0.04, 40)
            for setting, gain in ((100, 0.02), (300, 0.06))
        },
        index=customers,
    )
    test = pd.DataFrame(
        {
            setting: easy + gain + generator.normal(0, 0.04, 40)
            for setting, gain in ((100, 0.07), (300, 0.04))
        },
        index=customers,
    )
    draws = generator.integers(40, size=(400, 40))
    return validation, test, baseline, draws


def _report(*, choose_on="validation", paired=True, spread="mean", axis=1):
    def report(validation, test, baseline, draws):
        table = {"validation": validation, "test": test}[choose_on]
        setting = table.mean().idxmax()
        chosen, base = test[setting].to_numpy(), baseline.to_numpy()
        difference = chosen - base
        if paired:
            low, high = np.quantile(difference[draws].mean(axis=axis), [0.025, 0.975])
        else:
            ours = np.quantile(chosen[draws].mean(axis=1), [0.025, 0.975])
            theirs = np.quantile(base[draws].mean(axis=1), [0.025, 0.975])
            low, high = ours[0] - theirs[1], ours[1] - theirs[0]
        if spread == "users":
            low, high = np.quantile(difference, [0.025, 0.975])
        return {
            "setting": setting,
            "difference": float(difference.mean()),
            "low": float(low),
            "high": float(high),
        }

    return report


EXERCISES = (
    Exercise(
        key="03.1",
        title="Seen items go first, then the list is cut.",
        reference=_top_unseen,
        cases=((_SCORES, {"tea", "pot"}, 2), (_SCORES, {"lamp"}, 3), (_SCORES, {"tea", "cup", "rug"}, 2)),
        mistakes={
            "seen items stay": Mistake(
                _seen_stays,
                "The list offers what the customer already has. Take the seen items out before you rank.",
            ),
            "cut before the filter": Mistake(
                _cut_before_filter,
                "The list is too short: you cut it to n first and removed the seen items afterwards. Turn "
                "the two steps round.",
            ),
            "worst first": Mistake(
                _ascending,
                "The list begins with the lowest score: sorting is ascending unless you ask otherwise.",
            ),
            "not sorted": Mistake(
                _unsorted,
                "These are the first unseen items of the table, not the best: sort by score before you cut.",
            ),
        },
    ),
    Exercise(
        key="03.2",
        title="Your own mean, plus what your neighbours felt about the item, weighted.",
        reference=_centred,
        cases=(
            (_RATINGS, _SIMILARITY, "ann", "pot", 4),
            (_RATINGS, _SIMILARITY, "dai", "tea", 3),
            (_RATINGS, _SIMILARITY, "eve", "cup", 2),
            (_RATINGS, _SIMILARITY, "cem", "lamp", 2),
        ),
        mistakes={
            "the sum is not divided": Mistake(
                lambda: _centred(divide="no"),
                "The sum is not normalised: divide by the sum of the absolute similarities, or the "
                "prediction grows with the number of neighbours.",
            ),
            "the user is a neighbour": Mistake(
                lambda: _centred(myself=True),
                "The user is among the neighbours: nobody is as similar to a user as the user. Leave that "
                "row out before you choose the k nearest.",
            ),
            "divided by the plain sum": Mistake(
                lambda: _centred(divide="sum"),
                "You divide by the plain sum of the similarities: a negative one makes the divisor small or "
                "turns the sign. Divide by the sum of their absolute values.",
            ),
            "negative similarities dropped": Mistake(
                lambda: _centred(negative=False),
                "You left out the neighbours with a negative similarity. The library does so too; in this "
                "exercise they stay: what they dislike speaks for the item.",
            ),
            "nearest first, raters second": Mistake(
                lambda: _centred(raters_first=False),
                "You took the k nearest users and then dropped those who never rated the item, so fewer than "
                "k are left. First who rated the item, then the k nearest of them.",
            ),
            "centred on the global mean": Mistake(
                lambda: _centred(centre="all"),
                "You subtract one mean for everybody. Each neighbour has a scale: subtract the neighbour's "
                "own mean, and add the user's own mean at the end.",
            ),
            "not centred": Mistake(
                lambda: _centred(centre="none"),
                "These are raw ratings: subtract each neighbour's own mean first and add the user's at the "
                "end.",
            ),
            "own mean forgotten": Mistake(
                lambda: _centred(own_mean=False),
                "That is the deviation from the user's mean: add the mean itself.",
            ),
            "least similar first": Mistake(
                lambda: _centred(smallest=True),
                "You took the k least similar users: sorting is ascending unless you ask otherwise.",
            ),
        },
    ),
    Exercise(
        key="03.3",
        title="One half-step is a ridge regression on the known cells.",
        reference=_half_step,
        cases=(
            (_FACTORS, np.array([5.0, np.nan, 2.0, np.nan]), 0.5),
            (_FACTORS, np.array([4.0, 3.0, np.nan, 1.0]), 0.1),
        ),
        mistakes={
            "unknown is zero": Mistake(
                lambda: _half_step(fill=True),
                "The unknown ratings count as 0: use only the rows of item_factors whose rating is known.",
            ),
            "no penalty": Mistake(
                lambda: _half_step(penalised=False),
                "The penalty is missing: add penalty times the identity matrix before you solve.",
            ),
            "penalty in every cell": Mistake(
                lambda: _half_step(identity=False),
                "You add the penalty to every cell of the square table. It belongs on the diagonal only: "
                "penalty times np.eye(…).",
            ),
            "penalty times count": Mistake(
                lambda: _half_step(by_count=True),
                "Your penalty grows with the number of ratings. Some libraries do that; here it is the "
                "penalty as given.",
            ),
        },
    ),
    Exercise(
        key="03.4",
        title="The inverse, divided column by column, with zeros on the diagonal.",
        reference=_ease,
        cases=((_BASKETS, 1.0), (_BASKETS, 0.25)),
        mistakes={
            "diagonal kept": Mistake(
                lambda: _ease(keep_diagonal=True),
                "That is ridge regression without the constraint: each item predicts itself. The diagonal "
                "must be 0, and the other weights change with it.",
            ),
            "minus one on the diagonal": Mistake(
                lambda: _ease(minus_one=True),
                "Nearly: the diagonal of your table is -1, so each item speaks against itself. Set it to 0 "
                "at the end.",
            ),
            "wrong sign": Mistake(
                lambda: _ease(sign=1),
                "Every weight has the wrong sign: the formula has a minus before the fraction.",
            ),
            "divided by row": Mistake(
                lambda: _ease(by_row=True),
                "You divide each row by its diagonal element. Column j belongs to the item that is "
                "predicted: divide each column by its own.",
            ),
            "no penalty": Mistake(
                lambda: _ease(penalised=False),
                "The penalty is missing: add it to the diagonal before you invert.",
            ),
        },
    ),
    Exercise(
        key="03.5",
        title="Each customer's newest ratings are hidden, and the small histories stay whole.",
        reference=_last_out,
        cases=((_EVENTS, 1), (_EVENTS, 2)),
        mistakes={
            "the first": Mistake(
                lambda: _last_out(newest=False),
                "You hide the oldest ratings: the model would learn from the future and be tested on the "
                "past.",
            ),
            "the order of the file": Mistake(
                lambda: _last_out(sort=False),
                "The rows do not stand in the order of time: sort by timestamp first.",
            ),
            "one cut for all": Mistake(
                lambda: _last_out(each=False),
                "You take the newest rows of the whole table; a customer who left early then has none. "
                "Take the last n of each customer.",
            ),
            "sorted by time only": Mistake(
                lambda: _last_out(by_user=False),
                "The rows are right, their order is not: sort by user first, and by time within each user.",
            ),
            "the time stays": Mistake(
                lambda: _last_out(drop=False),
                "The rows are right, but the answer should have the columns user and item only.",
            ),
            "small histories": Mistake(
                lambda: _last_out(whole=True),
                "A customer with n ratings or fewer would have no training rows left: such customers stay in "
                "train whole.",
            ),
        },
    ),
    Exercise(
        key="03.6",
        title="Chosen on validation, reported on the test, user by user.",
        reference=_report,
        cases=(_per_user_scores(),),
        mistakes={
            "chosen on the test": Mistake(
                lambda: _report(choose_on="test"),
                "You chose the setting on the test part. Then the test has been used twice and the figure "
                "is too good: choose on validation.",
            ),
            "not paired": Mistake(
                lambda: _report(paired=False),
                "The interval is too wide: you drew each model's users apart. Take the difference user by "
                "user first, then draw users.",
            ),
            "mean down the columns": Mistake(
                lambda: _report(axis=0),
                "You took the mean over the draws (axis=0). Each row of draws is one bootstrap sample: take "
                "the mean of each row, axis=1.",
            ),
            "spread of users": Mistake(
                lambda: _report(spread="users"),
                "Those are quantiles over users: they say how users differ. The interval of the mean needs "
                "the mean of each draw.",
            ),
        },
    ),
)
