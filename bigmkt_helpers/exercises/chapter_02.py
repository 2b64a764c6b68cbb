"""The exercises of chapter 02, similarity."""

import numpy as np
import pandas as pd

from bigmkt_helpers import similarity
from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 02.1: the cosine of two vectors


def _centred_cosine(x, y):
    return similarity.pearson(x, y)


def _no_root(x, y):
    return similarity.dot(x, y) / (similarity.dot(x, x) * similarity.dot(y, y))


def _sums_for_lengths(x, y):
    return similarity.dot(x, y) / (sum(x) * sum(y))


def _dot_alone(x, y):
    return similarity.dot(x, y)


# 02.2: Pearson's correlation over the cells known in both

_NAN = np.nan
_PAIRS = (
    (np.array([5, 3, _NAN, 1, 4, 2]), np.array([4, _NAN, 2, 1, 5, 3])),
    (np.array([1, _NAN, 5, 4, 2, 2, 3]), np.array([2, 5, 4, 4, _NAN, 1, _NAN])),
)


def _on_zero_filled(x, y):
    return similarity.pearson(np.nan_to_num(x), np.nan_to_num(y))


def _means_over_all(x, y):
    return similarity.pearson(x, y, means=(np.nanmean(x), np.nanmean(y)))


def _filled_with_the_mean(x, y):
    x, y = (np.where(np.isnan(v), np.nanmean(v), v) for v in (x, y))
    return similarity.pearson(x, y)


def _not_centred(x, y):
    return similarity.cosine(x, y)


def _covariance(x, y):
    known = ~np.isnan(x) & ~np.isnan(y)
    return float(np.cov(x[known], y[known], bias=True)[0, 1])


# 02.3: Jaccard of two baskets, given as lists of order lines

_BASKETS = (
    (["tea", "tea", "pot", "cup"], ["tea", "cup", "cup", "lamp", "rug"]),
    (["pot", "lamp"], ["lamp", "pot", "pot", "jar", "tea", "tea"]),
)


def _as_lists(first, second):
    common = sum(line in second for line in first)
    return common / (len(first) + len(second) - common)


def _both_counted_twice(first, second):
    first, second = set(first), set(second)
    return len(first & second) / (len(first) + len(second))


def _dice(first, second):
    return 2 * _both_counted_twice(first, second)


def _of_the_smaller(first, second):
    first, second = set(first), set(second)
    return len(first & second) / min(len(first), len(second))


# 02.4: shrinkage

_SIMILARITIES = np.array([1.0, 0.9, 0.5, -0.8, 0.4])
_COMMON = np.array([2, 3, 40, 5, 120])


def _shrunk_the_wrong_way(similarities, common, beta):
    return similarities * beta / (common + beta)


def _without_brackets(similarities, common, beta):
    return similarities * common / common + beta


def _cut(similarities, common, beta):
    return np.where(common >= beta, similarities, 0.0)


def _capped(similarities, common, beta):
    return similarity.significance(similarities, common, beta)


# 02.5: a shelf with ties

_SCORES = pd.Series(
    {"tea": 0.4, "pot": 0.9, "cup": 0.9, "lamp": 1.0, "jar": 0.4, "rug": 0.2, "bowl": 0.4, "book": 0.0}
)


def _shelf(scores, own, k):
    table = pd.DataFrame({"item": scores.index, "score": scores.to_numpy()})
    table = table[(table["item"] != own) & (table["score"] > 0)]
    return table.sort_values(["score", "item"], ascending=[False, True])["item"].head(k).tolist()


def _own_on_the_shelf(scores, own, k):
    return _shelf(scores, None, k)


def _ties_as_they_stand(scores, own, k):
    scores = scores.drop(own)
    return scores[scores > 0].sort_values(ascending=False, kind="stable").index[:k].tolist()


def _least_similar(scores, own, k):
    scores = scores.drop(own)
    return scores[scores > 0].sort_index().sort_values(kind="stable").index[:k].tolist()


def _filled_with_strangers(scores, own, k):
    return scores.drop(own).sort_index().sort_values(ascending=False, kind="stable").index[:k].tolist()


# 02.6: beta by split halves


def _halves(seed, strength, n_pairs=4_000):
    """Similarities of pairs in two halves: a true value, and an error that shrinks with common raters."""
    generator = np.random.default_rng(seed)
    true = generator.normal(0, 0.25, n_pairs)
    first_common = generator.integers(2, 60, n_pairs)
    second_common = generator.integers(2, 60, n_pairs)
    noise = strength * generator.normal(size=(2, n_pairs))
    first = np.clip(true + noise[0] / np.sqrt(first_common), -1, 1)
    second = np.clip(true + noise[1] / np.sqrt(second_common), -1, 1)
    return first, second, first_common, second_common


_BETAS = (0, 2, 5, 10, 20, 50, 100, 200)


def _pick(*, shrink_both=False, same=False, worst=False):
    def best_beta(first, second, first_common, second_common, betas):
        errors = []
        for beta in betas:
            ours = similarity.shrink(first, first_common, beta)
            theirs = first if same else second
            theirs = similarity.shrink(theirs, second_common, beta) if shrink_both else theirs
            errors.append(np.average((ours - theirs) ** 2, weights=second_common))
        return betas[int(np.argmax(errors) if worst else np.argmin(errors))]

    return best_beta


EXERCISES = (
    Exercise(
        key="02.1",
        title="The product of the directions, whatever the lengths.",
        reference=lambda: similarity.cosine,
        cases=(([3, 2, 1, 5], [4, 3, 2, 4]), ([1, 2, 3, 4, 5], [2, 3, 4, 5, 6]), ([4, 0, 1], [0, 3, 2])),
        mistakes={
            "no square root": Mistake(
                lambda: _no_root,
                "The length of a vector is the square root of the sum of its squares: the root is missing.",
            ),
            "sums for lengths": Mistake(
                lambda: _sums_for_lengths,
                "You divide by the sums of the elements. Divide by the lengths: the square root of the sum "
                "of the squares.",
            ),
            "dot product alone": Mistake(
                lambda: _dot_alone,
                "That is the dot product: divide it by the lengths of both vectors.",
            ),
            "centred": Mistake(
                lambda: _centred_cosine,
                "That is Pearson's correlation: for the cosine, do not subtract the means.",
            ),
        },
    ),
    Exercise(
        key="02.2",
        title="Only the cells known in both, and the means over these cells.",
        reference=lambda: similarity.pearson,
        cases=_PAIRS,
        mistakes={
            "zero fill": Mistake(
                lambda: _on_zero_filled,
                "Your function counts a missing rating as a rating of 0. Keep only the cells that are known "
                "in both vectors.",
            ),
            "means over all": Mistake(
                lambda: _means_over_all,
                "Your means are over all ratings of each vector. Here they should be over the cells known in "
                "both: select first, then take the means.",
            ),
            "mean fill": Mistake(
                lambda: _filled_with_the_mean,
                "You filled the gaps with means, so cells that only one vector knows still count: that is "
                "the union. Keep the intersection.",
            ),
            "not centred": Mistake(
                lambda: _not_centred,
                "That is the cosine: subtract from each vector its mean over the common cells.",
            ),
            "covariance": Mistake(
                lambda: _covariance,
                "That is the covariance: divide by both standard deviations.",
            ),
        },
    ),
    Exercise(
        key="02.3",
        title="What both baskets hold, over what they hold together, each product once.",
        reference=lambda: similarity.jaccard,
        cases=_BASKETS,
        mistakes={
            "repeated lines": Mistake(
                lambda: _as_lists,
                "You count order lines, so two packets of tea count twice. Make sets of products first.",
            ),
            "common products counted twice": Mistake(
                lambda: _both_counted_twice,
                "The sizes of the baskets added together count the common products twice: divide by the size "
                "of the union.",
            ),
            "dice": Mistake(
                lambda: _dice,
                "That is the Dice coefficient, 2 × common / sum of the sizes. Jaccard divides by the union.",
            ),
            "smaller basket": Mistake(
                lambda: _of_the_smaller,
                "You divide by the smaller basket (the overlap coefficient). Divide by the union.",
            ),
        },
    ),
    Exercise(
        key="02.4",
        title="Few common raters, little left of the similarity.",
        reference=lambda: similarity.shrink,
        cases=((_SIMILARITIES, _COMMON, 20), (_SIMILARITIES, _COMMON, 5)),
        mistakes={
            "the wrong way round": Mistake(
                lambda: _shrunk_the_wrong_way,
                "Your factor is beta / (n + beta): it punishes the pairs with many common raters. Put n on "
                "top.",
            ),
            "brackets": Mistake(
                lambda: _without_brackets,
                "Brackets are missing: you divide by n alone and add beta at the end.",
            ),
            "a hard cut": Mistake(
                lambda: _cut,
                "You set small overlaps to 0 and leave the rest whole. That is a minimum support; shrinkage "
                "is gradual: n / (n + beta).",
            ),
            "significance weighting": Mistake(
                lambda: _capped,
                "That is significance weighting, min(n, beta) / beta. Here the factor is n / (n + beta).",
            ),
        },
    ),
    Exercise(
        key="02.5",
        title="The most similar first, equal ones by name, no product beside itself.",
        reference=lambda: _shelf,
        cases=((_SCORES, "lamp", 3), (_SCORES, "pot", 4), (_SCORES, "rug", 8)),
        mistakes={
            "beside itself": Mistake(
                lambda: _own_on_the_shelf,
                "The product stands on its own shelf. Remove it before you choose.",
            ),
            "ties as they stand": Mistake(
                lambda: _ties_as_they_stand,
                "Equal scores come in the order of the table, so another order gives another shelf. Break "
                "ties by name.",
            ),
            "least similar": Mistake(
                lambda: _least_similar,
                "The shelf begins with the least similar product: sorting is ascending unless you ask "
                "otherwise.",
            ),
            "strangers": Mistake(
                lambda: _filled_with_strangers,
                "A product with similarity 0 has nothing to do with this one. A shorter shelf is the honest "
                "answer.",
            ),
        },
    ),
    Exercise(
        key="02.6",
        title="Judged in the other half, where the similarity was not made.",
        reference=_pick,
        cases=((*_halves(1, 1.0), _BETAS), (*_halves(2, 0.6), _BETAS), (*_halves(3, 1.6), _BETAS)),
        mistakes={
            "both shrunk": Mistake(
                lambda: _pick(shrink_both=True),
                "You shrink both halves. Two values near 0 always agree, so the largest beta wins. Shrink "
                "the first half and leave the second as it is.",
            ),
            "judged at home": Mistake(
                lambda: _pick(same=True),
                "You compare with the half in which the similarity was made: there no shrinkage is always "
                "best. Compare with the second half.",
            ),
            "the largest error": Mistake(
                lambda: _pick(worst=True),
                "You took the beta with the largest error.",
            ),
        },
    ),
)
