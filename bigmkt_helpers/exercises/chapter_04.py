"""The exercises of chapter 04, content-based recommendation."""

from collections import Counter

import numpy as np
import pandas as pd

from bigmkt_helpers.exercises import Exercise, Mistake

__all__ = ["EXERCISES"]


# 04.1: the keywords of each text


def _keywords(
    *, rarity="texts", smallest=False, ties=True, zeros=False, counts=True, smooth=False, flat=False
):
    def keywords(texts, n):
        in_texts = Counter(token for text in texts for token in set(text))
        in_all = Counter(token for text in texts for token in text)
        total = len(texts) if rarity == "texts" else sum(in_all.values())
        with_ = in_texts if rarity == "texts" else in_all
        found = []
        for text in texts:
            places = {token: place for place, token in reversed(list(enumerate(text)))}
            weight = {}
            for token, count in Counter(text).items():
                idf = 1.0 if rarity is None else np.log(total / with_[token])
                if smooth:  # the rarity of scikit-learn's vectoriser
                    idf = np.log((1 + total) / (1 + with_[token])) + 1
                weight[token] = (count if counts else 1) * idf
            known = [token for token in weight if zeros or weight[token] > 0]
            sign = 1 if smallest else -1
            known.sort(key=lambda token: (round(sign * weight[token], 12), token if ties else places[token]))
            found.append(known[:n])
        return [token for one in found for token in one] if flat else found

    return keywords


_BAGS = [
    ["tea", "pot", "tea", "with", "lid"],
    ["tea", "cup", "with", "lid", "blue", "apron"],
    ["lamp", "with", "brass", "foot", "brass", "with"],
    ["tea", "with", "ginger", "lid", "ginger", "ginger"],
]
_MORE_BAGS = [["b", "a", "c"], ["c", "c", "d"], ["c", "a"], [], ["d", "d", "d", "a", "b", "b"]]

# 04.2: a profile with likes and dislikes


def _profile(
    *,
    divide="weights",
    sign=True,
    strength=True,
    neutral_used=True,
    weighted=True,
    stars=False,
    dislikes=True,
    empty=0.0,
    unit=False,
):
    def profile(features, ratings, neutral, negative):
        weight = ratings - (neutral if neutral_used else 0)
        rows = features.loc[ratings.index]
        if unit:
            rows = rows.div(np.sqrt((rows**2).sum(axis=1)), axis=0)
        total = pd.Series(0.0, index=features.columns)
        parts = ((weight[weight > 0], 1.0), (weight[weight < 0], -1.0 if sign else 1.0))
        for part, direction in parts[: 2 if dislikes else 1]:
            if part.empty:
                total = total + empty
                continue
            share = part.abs() if weighted else part.abs() * 0 + 1
            share = ratings[part.index] if stars else share
            every = weight.abs().sum()
            divisor = {"weights": share.sum(), "count": len(part), "all": len(ratings), "both": every}[divide]
            factor = direction * (negative if part.iloc[0] < 0 and strength else 1.0)
            total = total + factor * share @ rows.loc[part.index] / divisor
        return total

    return profile


_FEATURES = pd.DataFrame(
    [
        [1.0, 0.0, 0.5, 0.0],
        [0.0, 1.0, 0.5, 0.0],
        [0.3, 0.2, 0.0, 1.0],
        [0.0, 0.8, 0.1, 0.4],
        [0.6, 0.0, 0.0, 0.2],
    ],
    index=["oolong", "wok", "lamp", "pan", "cup"],
    columns=["tea", "steel", "gift", "light"],
)

# 04.3: pairs of characters


def _pairs(
    *,
    across=False,
    step=1,
    unique=False,
    single=True,
    latin=False,
    lower=True,
    lines=True,
    spaces=True,
    empty=False,
):
    def pairs(text):
        signs = "：，、。！？,.!?:;" + "\n" * lines + " " * spaces
        clean = "".join("\t" if letter in signs else letter for letter in text)
        runs = [clean.replace("\t", "")] if across else clean.split("\t")
        runs = runs if empty else [run for run in runs if run]
        found = []
        for run in runs:
            if not latin and all(letter.isascii() for letter in run):
                found.append(run.lower() if lower else run)
            elif len(run) == 1:
                found.extend([run] if single else [])
            else:
                found.extend(run[at : at + 2] for at in range(0, len(run) - 1, step))
        return list(dict.fromkeys(found)) if unique else found

    return pairs


# 04.4: hits when scores are tied


def _expected_hits(*, ties="fair", count_all=False, smallest=False):
    def expected_hits(scores, relevant, n):
        values = scores.to_numpy(dtype=float) * (-1 if smallest else 1)
        good = scores.index.isin(list(relevant))
        if ties == "chance":
            return float(n * good.sum() / len(scores))
        if ties == "order":
            return float(good[np.argsort(-values, kind="stable")[:n]].sum())
        border = np.sort(values)[::-1][n - 1]
        above, tied = values > border, values == border
        if ties == "best":
            return float(good[above].sum() + min(good[tied].sum(), n - above.sum()))
        if ties == "worst":
            return float(good[above].sum() + max(0, n - above.sum() - (~good[tied]).sum()))
        if ties == "dropped":
            return float(good[above].sum())
        if count_all:
            return float(good[above | tied].sum())
        return float(good[above].sum() + good[tied].sum() * (n - above.sum()) / tied.sum())

    return expected_hits


_TIED = pd.Series(
    {"a": 0.9, "b": 0.4, "c": 0.4, "d": 0.4, "e": 0.4, "f": 0.1, "g": 0.0, "h": 0.0, "i": 0.0, "j": 0.0}
)

# 04.5: whom to tell of a new product


def _whom(
    *,
    length="each",
    seen_category=True,
    mean=True,
    recent=True,
    ties=True,
    once=False,
    window=False,
    late=False,
    cut=False,
):
    def whom_to_tell(features, purchases, new, since, n):
        last = purchases.groupby("user", sort=False)["week"].agg("min" if recent == "first" else "max")
        if window:
            purchases = purchases[purchases["week"] >= since]
        if once:
            purchases = purchases.drop_duplicates(["user", "item"])
        scores = {}
        for user, rows in purchases.groupby("user", sort=False):
            profile = features.loc[rows["item"]]
            if length == "rows":
                profile = profile.div(np.sqrt((profile**2).sum(axis=1)), axis=0)
            profile = profile.mean() if mean else profile.iloc[-1]
            size = 1.0 if length == "one" else np.linalg.norm(profile)
            scores[user] = float(profile @ new / (size * np.linalg.norm(new) or 1.0))
            if length == "sum":
                scores[user] = float(features.loc[rows["item"]].sum() @ new)
        people = [user for user in scores if scores[user] > 0 or not seen_category]
        people.sort(key=lambda user: (round(-scores[user], 12), user if ties else 0))
        if cut:
            people = people[:n]
        if recent is None:
            people = [user for user in people if last[user] < since]
        elif recent:
            people = [user for user in people if last[user] > since or (last[user] == since and not late)]
        return people[:n]

    return whom_to_tell


_BOUGHT = pd.DataFrame(
    [
        *(
            ("gil", "cup", 10),
            ("gil", "pan", 8),
            ("ann", "oolong", 3),
            ("ann", "cup", 9),
            ("ann", "lamp", 12),
        ),
        *(("bob", "wok", 11), ("bob", "pan", 12), ("bob", "oolong", 12), ("bob", "wok", 12)),
        *(("cem", "oolong", 4), ("dai", "wok", 10), ("dai", "wok", 12), ("eve", "oolong", 9)),
        *(("fay", "oolong", 12), ("fay", "oolong", 2), ("fay", "oolong", 4), ("fay", "wok", 11)),
        *(
            ("fay", "cup", 12),
            ("fay", "lamp", 12),
            ("fay", "pan", 12),
            ("kim", "cup", 12),
            ("ida", "lamp", 11),
        ),
        *(("ida", "pan", 5), ("ida", "pan", 6), ("hal", "cup", 11), ("hal", "cup", 3), ("jon", "lamp", 2)),
        *(
            ("jon", "lamp", 3),
            ("jon", "wok", 11),
            ("lea", "oolong", 12),
            ("lea", "wok", 9),
            ("lea", "wok", 5),
            ("mia", "cup", 12),
        ),
    ],
    columns=["user", "item", "week"],
)
_NEW_TEA = pd.Series([1.0, 0.0, 0.2, 0.0], index=_FEATURES.columns)
_NEW_LAMP = pd.Series([0.0, 0.0, 0.0, 1.0], index=_FEATURES.columns)

# 04.6: a word and the sales, within categories


def _effect(
    *,
    within=True,
    weekly=True,
    weighted=True,
    logs=True,
    which="common",
    sizes_of="all",
    silent=False,
    mean="log",
    sign=1,
):
    def effect(products, word):
        rate = products["units"] / products["weeks"] if weekly else products["units"].astype(float)
        rate = np.log(rate) if logs else rate
        has = products["words"].str.split("|").map(lambda parts: word in parts)
        if which == "inside":
            has = products["words"].str.contains(word, regex=False)
        if not within:
            return float(rate[has].mean() - rate[~has].mean())
        differences, sizes = [], []
        for _, rows in products.groupby("category"):
            mine = has[rows.index]
            if mine.all() or not mine.any():
                if silent:
                    differences.append(0.0)
                    sizes.append(len(rows))
                continue
            value = rate[rows.index]
            if mean == "plain":
                value = np.exp(value)
                differences.append(np.log(value[mine].mean() / value[~mine].mean()))
            else:
                differences.append(value[mine].mean() - value[~mine].mean())
            with_, without = mine.sum(), (~mine).sum()
            sizes.append({"all": len(rows), "with": with_, "both": with_ * without / len(rows)}[sizes_of])
        return sign * float(np.average(differences, weights=sizes if weighted else None))

    return effect


_SOLD = pd.DataFrame(
    [
        *(("tea", "festive|tin", 52, 100), ("tea", "festive|tin", 20, 44), ("tea", "plain", 104, 190)),
        *(("tea", "plain|tin", 104, 212), ("tea", "plain", 80, 150), ("tea", "festive", 10, 19)),
        *(("lamp", "festive|oak", 104, 60), ("lamp", "plain|oak", 30, 15), ("lamp", "festive|oak", 104, 52)),
        *(("lamp", "un-festive", 104, 50), ("bath", "plain", 104, 400), ("bath", "plain|oak", 50, 220)),
    ],
    columns=["category", "words", "weeks", "units"],
)


EXERCISES = (
    Exercise(
        key="04.1",
        title="A keyword is frequent here and rare elsewhere; a word that stands everywhere is none.",
        reference=_keywords,
        cases=((_BAGS, 2), (_MORE_BAGS, 3), (_BAGS, 9)),
        mistakes={
            "counts only": Mistake(
                lambda: _keywords(rarity=None, zeros=True),
                "Those are the most frequent words: multiply each count by log(number of texts / texts with "
                "the word).",
            ),
            "rarity in tokens": Mistake(
                lambda: _keywords(rarity="tokens"),
                "You count how often a word occurs in all texts together. Rarity counts the texts that have "
                "it, however often.",
            ),
            "words in every text": Mistake(
                lambda: _keywords(zeros=True),
                "A word that stands in every text has the weight 0: it is no keyword, leave it out.",
            ),
            "smallest first": Mistake(
                lambda: _keywords(smallest=True),
                "You give the words with the smallest weight: turn the order round.",
            ),
            "ties as they come": Mistake(
                lambda: _keywords(ties=False),
                "The words are right; where weights are equal, the alphabet decides.",
            ),
            "repetition ignored": Mistake(
                lambda: _keywords(counts=False),
                "You look only at whether a word is there: how often it stands in the text counts too.",
            ),
            "smoothed rarity": Mistake(
                lambda: _keywords(smooth=True),
                "Your rarity is the smoothed one of a library, which is never 0: use the plain log(number of "
                "texts / texts with the word).",
            ),
            "one list for all": Mistake(
                lambda: _keywords(flat=True),
                "You give one list for all texts together: give a list of lists, one for each text.",
            ),
        },
    ),
    Exercise(
        key="04.2",
        title="Likes pull, dislikes push, and each side is a weighted mean.",
        reference=_profile,
        cases=(
            (_FEATURES, pd.Series({"oolong": 5.0, "wok": 1.0, "lamp": 4.0}), 3.0, 0.5),
            (_FEATURES, pd.Series({"cup": 2.0, "pan": 1.0, "wok": 5.0, "lamp": 2.5}), 3.5, 0.25),
            (_FEATURES, pd.Series({"pan": 1.0, "lamp": 3.0, "wok": 2.0}), 3.0, 0.25),
            (_FEATURES, pd.Series({"lamp": 5.0, "cup": 4.0, "wok": 3.0}), 3.0, 0.25),
        ),
        mistakes={
            "dislikes pull": Mistake(
                lambda: _profile(sign=False),
                "Disliked products pull the profile towards them: subtract that part.",
            ),
            "not weighted": Mistake(
                lambda: _profile(weighted=False),
                "Each side is a plain mean: five stars must count more than four.",
            ),
            "divided by the number": Mistake(
                lambda: _profile(divide="count"),
                "You divide by the number of products: a weighted mean divides by the sum of the weights.",
            ),
            "divided by all": Mistake(
                lambda: _profile(divide="all"),
                "You divide both sides by the number of all ratings: each side has its own sum of weights.",
            ),
            "dislikes in full": Mistake(
                lambda: _profile(strength=False),
                "The disliked side must be multiplied by `negative`.",
            ),
            "no neutral point": Mistake(
                lambda: _profile(neutral_used=False),
                "The weights are the ratings themselves, so one star counts as a like: subtract `neutral`.",
            ),
            "weights are stars": Mistake(
                lambda: _profile(stars=True),
                "You part likes from dislikes rightly, but weigh by the stars: a 1 dislikes more than a 2. "
                "The weight is the distance from `neutral`.",
            ),
            "one divisor": Mistake(
                lambda: _profile(divide="both"),
                "You divide both sides by the sum of all weights: each side has its own sum.",
            ),
            "dislikes ignored": Mistake(
                lambda: _profile(dislikes=False),
                "What the customer dislikes is missing: subtract `negative` times the mean of that side.",
            ),
            "nothing divided by nothing": Mistake(
                lambda: _profile(empty=np.nan),
                "A customer with likes only, or dislikes only, gets no number: the missing side must "
                "count as zeros.",
            ),
            "rows scaled": Mistake(
                lambda: _profile(unit=True),
                "You scale the rows to length 1 first: here the rows are to be used as they are.",
            ),
        },
    ),
    Exercise(
        key="04.3",
        title="Pairs overlap, and stop at every sign.",
        reference=_pairs,
        cases=(
            ("龙井绿茶：传统、日常",),
            ("茶，Tea set 茶壶！茶壶",),
            ("灯",),
            ("新品： 青瓷茶壶，\n适合送礼。Gift BOX!",),
        ),
        mistakes={
            "across signs": Mistake(
                lambda: _pairs(across=True),
                "A pair like 茶传 joins two phrases: cut at the signs first.",
            ),
            "side by side": Mistake(
                lambda: _pairs(step=2),
                "Your pairs stand side by side; they must overlap: 龙井, 井绿, 绿茶. You cannot know where a "
                "word begins.",
            ),
            "each pair once": Mistake(
                lambda: _pairs(unique=True),
                "You give each pair once. How often it occurs is needed for the weights: keep repetitions.",
            ),
            "single characters lost": Mistake(
                lambda: _pairs(single=False),
                "A phrase of one character, such as 灯, has no pair and disappears: keep it as it is.",
            ),
            "Latin words cut": Mistake(
                lambda: _pairs(latin=True),
                "Words in Latin letters are cut into pairs too: keep them whole, in small letters.",
            ),
            "capitals": Mistake(
                lambda: _pairs(lower=False),
                "The pieces in Latin letters keep their capitals, so 'Tea' and 'tea' would be two columns: "
                "use small letters.",
            ),
            "line ends": Mistake(
                lambda: _pairs(lines=False),
                "You do not cut at line ends (\\n): a pair would join two lines.",
            ),
            "spaces": Mistake(
                lambda: _pairs(spaces=False),
                "You do not cut at spaces: the space is one of the signs.",
            ),
            "empty pieces": Mistake(
                lambda: _pairs(empty=True),
                "There are empty texts in your answer: where two signs follow one another, or a sign ends "
                "the text, there is an empty piece. Leave it out.",
            ),
        },
    ),
    Exercise(
        key="04.4",
        title="Of tied products the list takes a share, and the hits are counted by the same share.",
        reference=_expected_hits,
        cases=(
            (_TIED, {"a", "b", "d"}, 3),
            (_TIED, {"e", "f", "h", "j"}, 7),
            (_TIED, {"c", "d", "e"}, 4),
            (_TIED, {"b", "g"}, 9),
        ),
        mistakes={
            "the order of the labels": Mistake(
                lambda: _expected_hits(ties="order"),
                "You let the order of the rows decide. If the famous products stand first, a model that says "
                "nothing looks clever.",
            ),
            "the lucky case": Mistake(
                lambda: _expected_hits(ties="best"),
                "You count the luckiest order of the tied products: take the mean over all orders.",
            ),
            "the unlucky case": Mistake(
                lambda: _expected_hits(ties="worst"),
                "You count the unluckiest order of the tied products: take the mean over all orders.",
            ),
            "ties left out": Mistake(
                lambda: _expected_hits(ties="dropped"),
                "You leave out the products tied at the last place: some of them do get into the list.",
            ),
            "all ties let in": Mistake(
                lambda: _expected_hits(count_all=True),
                "You let all products tied at the last place in, so the list is longer than n.",
            ),
            "all by chance": Mistake(
                lambda: _expected_hits(ties="chance"),
                "You treat all products as tied: only those with the score of the last place are. Those "
                "above it are in the list for sure.",
            ),
            "smallest first": Mistake(
                lambda: _expected_hits(smallest=True),
                "Your list begins with the smallest scores: the largest come first.",
            ),
        },
    ),
    Exercise(
        key="04.5",
        title="A mean of what each customer bought, a cosine each, and only those who are still around.",
        reference=_whom,
        cases=(
            (_FEATURES, _BOUGHT, _NEW_TEA, 9, 3),
            (_FEATURES, _BOUGHT, _NEW_LAMP, 9, 14),
            (_FEATURES, _BOUGHT, _NEW_TEA, 11, 14),
        ),
        mistakes={
            "sum instead of cosine": Mistake(
                lambda: _whom(length="sum"),
                "You add up what is in common, so whoever bought most comes first: divide by the length of "
                "the profile.",
            ),
            "the profile not scaled": Mistake(
                lambda: _whom(length="one"),
                "You divide by the length of the new product only. A cosine divides by both lengths.",
            ),
            "the last purchase only": Mistake(
                lambda: _whom(mean=False),
                "You look at one purchase of each customer: the profile is the mean of all of them.",
            ),
            "those who left": Mistake(
                lambda: _whom(recent=False),
                "You write to customers who have not bought since that week: leave them out.",
            ),
            "only those who left": Mistake(
                lambda: _whom(recent=None),
                "You write only to those who have left: turn the condition round.",
            ),
            "nothing in common": Mistake(
                lambda: _whom(seen_category=False),
                "You write to customers whose profile has nothing in common with the product: their cosine "
                "is 0.",
            ),
            "ties as they come": Mistake(
                lambda: _whom(ties=False),
                "The customers are right; where cosines are equal, the alphabet decides.",
            ),
            "each product once": Mistake(
                lambda: _whom(once=True),
                "You count each product once: what somebody bought three times counts three times.",
            ),
            "a profile of the last weeks": Mistake(
                lambda: _whom(window=True),
                "The week `since` decides whom to write to, not what belongs to the profile: older purchases "
                "of the same customer stay in it.",
            ),
            "the week itself": Mistake(
                lambda: _whom(late=True),
                "You leave out those whose last purchase was in the week `since` itself: they belong to it.",
            ),
            "the first purchase": Mistake(
                lambda: _whom(recent="first"),
                "You look at the first purchase: somebody who came long ago and bought again lately is still "
                "around.",
            ),
            "cut before the filter": Mistake(
                lambda: _whom(cut=True),
                "You take the first n and then leave out those who left, so the list is too short: filter "
                "first, then cut.",
            ),
            "rows scaled": Mistake(
                lambda: _whom(length="rows"),
                "You scale each product to length 1 before the mean: use the rows as they are.",
            ),
        },
    ),
    Exercise(
        key="04.6",
        title="Compare like with like: the same category, and per week on sale.",
        reference=_effect,
        cases=((_SOLD, "festive"), (_SOLD, "tin"), (_SOLD, "oak")),
        mistakes={
            "categories mixed": Mistake(
                lambda: _effect(within=False),
                "You compare all products with the word with all others: that also compares categories. Take "
                "the difference within each category first.",
            ),
            "units in all": Mistake(
                lambda: _effect(weekly=False),
                "You use the units of the whole time. A product that came late had less time: divide by its "
                "weeks.",
            ),
            "categories equal": Mistake(
                lambda: _effect(weighted=False),
                "The differences are right; weigh each by the number of products in its category.",
            ),
            "no logarithm": Mistake(
                lambda: _effect(logs=False),
                "You compare units a week; the exercise asks for the difference of their logarithms.",
            ),
            "part of a word": Mistake(
                lambda: _effect(which="inside"),
                "You search inside the text, so 'festive' is found in 'un-festive': split at | first.",
            ),
            "logarithm of the mean": Mistake(
                lambda: _effect(mean="plain"),
                "You take the logarithm of the mean; the exercise asks for the mean of the logarithms.",
            ),
            "sizes of one side": Mistake(
                lambda: _effect(sizes_of="with"),
                "The differences are right; you weigh by the products that have the word: count all products "
                "of the category.",
            ),
            "a regression": Mistake(
                lambda: _effect(sizes_of="both"),
                "That is the slope of a regression with the categories held equal: it weighs by how evenly "
                "the word parts a category. Here the weight is the number of products.",
            ),
            "silent categories": Mistake(
                lambda: _effect(silent=True),
                "A category in which all or none have the word enters as 0: it says nothing, leave it out.",
            ),
            "turned round": Mistake(
                lambda: _effect(sign=-1),
                "You subtract the products with the word from those without: turn it round.",
            ),
        },
    ),
)
