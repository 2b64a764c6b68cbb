"""The exercises of chapter 02, similarity."""

import numpy as np
import pandas as pd

from bigmkt_helpers import similarity
from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 02.1: the cosine of two baskets, given as packets by product

_PACKETS = (
    ({"tea": 3, "pot": 1, "cup": 2}, {"tea": 1, "cup": 4, "rug": 5}),
    ({"jar": 1, "tea": 2, "lamp": 6}, {"tea": 4, "jar": 3}),
)


def _aligned(first, second):
    products = sorted({*first, *second})
    return [first.get(one, 0) for one in products], [second.get(one, 0) for one in products]


def _cosine_of_packets(first, second):
    return similarity.cosine(*_aligned(first, second))


def _centred_cosine(first, second):
    return similarity.pearson(*_aligned(first, second))


def _no_root(first, second):
    x, y = _aligned(first, second)
    return similarity.dot(x, y) / (similarity.dot(x, x) * similarity.dot(y, y))


def _sums_for_lengths(first, second):
    return _dot_alone(first, second) / (sum(first.values()) * sum(second.values()))


def _dot_alone(first, second):
    return similarity.dot(*_aligned(first, second))


def _lengths_without_brackets(first, second):
    x, y = _aligned(first, second)
    return similarity.dot(x, y) / np.sqrt(similarity.dot(x, x)) * np.sqrt(similarity.dot(y, y))


def _lengths_of_the_common(first, second):
    common = sorted(first.keys() & second.keys())
    return similarity.cosine([first[one] for one in common], [second[one] for one in common])


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


def _no_mask(x, y):
    return float(x.mean() + y.mean())  # what every sum over a missing value is: nan


def _covariance(x, y):
    known = ~np.isnan(x) & ~np.isnan(y)
    return float(np.cov(x[known], y[known], bias=True)[0, 1])


# 02.3: Jaccard of two baskets, given as lists of order lines

_BASKETS = (
    (["Tea", "tea ", "pot", "Cup"], ["tea", "cup", "CUP", "cup", "lamp", "rug"]),
    (["pot", " Lamp", "lamp"], ["lamp", "Pot", "pot", "jar", "tea", "tea", "Tea"]),
)


def _names(lines):
    return [line.strip().lower() for line in lines]


def _jaccard_of_names(first, second):
    return similarity.jaccard(set(_names(first)), set(_names(second)))


def _as_written(first, second):
    return similarity.jaccard(set(first), set(second))


def _spaces_left(first, second):
    return similarity.jaccard({line.lower() for line in first}, {line.lower() for line in second})


def _as_lists(first, second):
    first, second = _names(first), _names(second)
    common = sum(line in second for line in first)
    return common / (len(first) + len(second) - common)


def _lines_below(first, second):
    common = len(set(_names(first)) & set(_names(second)))
    return common / (len(first) + len(second) - common)


def _both_counted_twice(first, second):
    first, second = set(_names(first)), set(_names(second))
    return len(first & second) / (len(first) + len(second))


def _dice(first, second):
    return 2 * _both_counted_twice(first, second)


def _of_the_smaller(first, second):
    first, second = set(_names(first)), set(_names(second))
    return len(first & second) / min(len(first), len(second))


# 02.4: shrinkage

_SIMILARITIES = np.array([1.0, 0.9, 0.5, -0.8, 0.4, 0.0])
_COMMON = np.array([2, 3, 40, 5, 120, 0])


def _shrunk_or_zero(similarities, common, beta):
    factor = np.divide(common, common + beta, out=np.zeros(len(common)), where=common > 0)
    return similarities * factor


def _nothing_by_nothing(similarities, common, beta):
    with np.errstate(invalid="ignore"):
        return similarities * common / (common + beta)


def _shrunk_the_wrong_way(similarities, common, beta):
    return similarities * np.divide(beta, common + beta, out=np.ones(len(common)), where=common + beta > 0)


def _without_brackets(similarities, common, beta):
    with np.errstate(invalid="ignore"):
        return similarities * common / common + beta


def _factor_alone(similarities, common, beta):
    return _shrunk_or_zero(np.ones(len(common)), common, beta)


def _cut(similarities, common, beta):
    return np.where(common >= beta, similarities, 0.0)


def _capped(similarities, common, beta):
    return similarities * np.minimum(common, beta) / max(beta, 1)


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


def _first_one_skipped(scores, own, k):
    return _shelf(scores, None, k + 1)[1:]


def _least_similar(scores, own, k):
    scores = scores.drop(own)
    return scores[scores > 0].sort_index().sort_values(kind="stable").index[:k].tolist()


def _filled_with_strangers(scores, own, k):
    return scores.drop(own).sort_index().sort_values(ascending=False, kind="stable").index[:k].tolist()


# 02.6: beta by split halves


def _halves(seed, strength, early, late, drift, n_pairs=4_000):
    """Similarities of pairs in two halves: a true value, and an error that shrinks with common raters.

    With `drift` the true value depends on the common raters too, so that the weights matter.
    """
    generator = np.random.default_rng(seed)
    true = generator.normal(0, 0.25, n_pairs)
    first_common = generator.integers(*early, n_pairs)
    second_common = generator.integers(*late, n_pairs)
    noise = strength * generator.normal(size=(2, n_pairs))
    true = true * (1 + drift * second_common / late[1])
    first = np.clip(true + noise[0] / np.sqrt(first_common), -1, 1)
    second = np.clip(true + noise[1] / np.sqrt(second_common), -1, 1)
    return first, second, first_common, second_common


_BETAS = (0, 2, 5, 10, 20, 50, 100, 200)
# chosen so that each mistake below ends with another beta in at least one case
_HALVES = (
    (*_halves(1, 1.6, (2, 20), (2, 200), 2.0), _BETAS),
    (*_halves(1, 1.6, (2, 200), (2, 20), 6.0), _BETAS),
    (*_halves(1, 1.0, (2, 20), (2, 200), -0.8), _BETAS),
)


def _pick(*, shrink_both=False, same=False, worst=False, weights="second", power=2, swap=False, give="beta"):
    def best_beta(first, second, first_common, second_common, betas):
        weight = {"second": second_common, "first": first_common, "none": None}[weights]
        if swap:  # the weights stay as the task says
            first, second, first_common, second_common = second, first, second_common, first_common
        errors = []
        for beta in betas:
            ours = similarity.shrink(first, first_common, beta)
            theirs = first if same else second
            theirs = similarity.shrink(theirs, second_common, beta) if shrink_both else theirs
            errors.append(np.average(np.abs(ours - theirs) ** power, weights=weight))
        place = int(np.argmax(errors) if worst else np.argmin(errors))
        return {"beta": betas[place], "place": place, "error": min(errors)}[give]

    return best_beta


EXERCISES = (
    Exercise(
        key="02.1",
        title="The product of the directions, whatever the lengths.",
        reference=lambda: _cosine_of_packets,
        cases=_PACKETS,
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
            "no brackets": Mistake(
                lambda: _lengths_without_brackets,
                "You divide by the first length and multiply by the second: put both lengths in brackets.",
            ),
            "common products only": Mistake(
                lambda: _lengths_of_the_common,
                "Your lengths count the common products only. A product that is not in a basket is a true 0, "
                "so the length is that of the whole basket.",
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
            "no mask": Mistake(
                lambda: _no_mask,
                "Your function gives nan: one missing rating makes a sum nan. Select first the cells "
                "that are known in both.",
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
        reference=lambda: _jaccard_of_names,
        cases=_BASKETS,
        mistakes={
            "as written": Mistake(
                lambda: _as_written,
                "'Tea' and 'tea ' count as two products in your function: clean the names first, with strip "
                "and lower.",
            ),
            "spaces left": Mistake(
                lambda: _spaces_left,
                "The capitals are gone, the spaces around the names are not: strip them.",
            ),
            "lines below": Mistake(
                lambda: _lines_below,
                "The number on top is right. Below you count order lines, not products: take the size of the "
                "union of the two sets.",
            ),
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
        reference=lambda: _shrunk_or_zero,
        cases=((_SIMILARITIES, _COMMON, 20), (_SIMILARITIES, _COMMON, 5), (_SIMILARITIES, _COMMON, 0)),
        mistakes={
            "0 / 0": Mistake(
                lambda: _nothing_by_nothing,
                "With beta 0 a pair without common raters is 0 / 0, and that is nan. Give such a pair 0.",
            ),
            "the factor alone": Mistake(
                lambda: _factor_alone,
                "That is the factor n / (n + beta) alone: multiply the similarities by it.",
            ),
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
            "first one skipped": Mistake(
                lambda: _first_one_skipped,
                "You leave out the first of the sorted products. That is not always the product itself: "
                "remove it by name.",
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
        cases=_HALVES,
        mistakes={
            "no weights": Mistake(
                lambda: _pick(weights="none"),
                "Every pair counts alike in your mean. Weigh the pairs by their common raters in the second "
                "half.",
            ),
            "weights of the first half": Mistake(
                lambda: _pick(weights="first"),
                "You weigh by the common raters of the first half. The target is known best where the second "
                "half has many: weigh by those.",
            ),
            "absolute error": Mistake(
                lambda: _pick(power=1),
                "You average the absolute differences: square them.",
            ),
            "halves swapped": Mistake(
                lambda: _pick(swap=True),
                "You shrink the second half and judge it in the first: the other way round.",
            ),
            "the place": Mistake(
                lambda: _pick(give="place"),
                "You give back the place of the best beta in the list. Give back the beta.",
            ),
            "the error": Mistake(
                lambda: _pick(give="error"),
                "You give back the least error. Give back the beta that has it.",
            ),
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
