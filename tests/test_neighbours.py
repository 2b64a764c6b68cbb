"""Neighbours: brute force, hand tables, bad input."""

import math

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import similarity
from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.recommenders import (
    ImplicitItemKNN,
    ImplicitUserKNN,
    Interactions,
    ItemKNN,
    UserKNN,
    neighbours,
)
from bigmkt_helpers.recommenders.popularity import fit_biases
from bigmkt_helpers.similarity import bm25, pairwise, tf_idf

pytestmark = pytest.mark.unit


def some_ratings(seed=0, n_users=25, n_items=35, density=0.5, values=(1, 6)):
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((n_users, n_items)) < density)
    rating = rng.integers(*values, len(users)).astype(float)
    return pd.DataFrame({"user": users, "item": items, "rating": rating})


def as_table(data):
    table = np.full((data.n_users, data.n_items), np.nan)
    cells = data.matrix.tocoo()
    table[cells.row, cells.col] = cells.data
    return table


def predict_slowly(data, user_based, k, min_k, measure, centring, shrinkage):
    """The formula, pair by pair; None where a tie at the k-th place leaves a choice."""
    table = as_table(data)
    mean, of_users, of_items = fit_biases(data.matrix)
    baseline = mean + of_users[:, None] + of_items
    own, base = (table, baseline) if user_based else (table.T, baseline.T)
    biases = (mean, of_users, of_items) if user_based else (mean, of_items, of_users)
    like = pairwise(own, measure, biases=biases, shrinkage=shrinkage).round(12)
    own_mean, other_mean = np.nanmean(own, axis=1), np.nanmean(own, axis=0)
    found = np.empty(own.shape, dtype=object)
    for x in range(own.shape[0]):
        for y in range(own.shape[1]):
            expected = {
                "none": lambda v, y: 0.0,
                "mean": lambda v, y: own_mean[v],
                "baseline": lambda v, y: base[v, y],
            }[centring]
            raters = [
                v for v in range(own.shape[0]) if not math.isnan(own[v, y]) and v != x and like[x, v] > 0
            ]
            raters.sort(key=lambda v: -like[x, v])
            tie = len(raters) > k and like[x, raters[k - 1]] == like[x, raters[k]]
            raters = raters[:k]
            if tie:
                found[x, y] = None
            elif len(raters) >= min_k:
                weights = [like[x, v] for v in raters]
                shift = sum(w * (own[v, y] - expected(v, y)) for w, v in zip(weights, raters)) / sum(weights)
                found[x, y] = expected(x, y) + shift
            elif centring == "none":
                found[x, y] = own_mean[x] + other_mean[y] - mean
            else:
                found[x, y] = expected(x, y)
    return found if user_based else found.T


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
@pytest.mark.parametrize("centring", ["none", "mean", "baseline"])
@pytest.mark.parametrize(
    ("measure", "k", "min_k", "shrinkage"),
    [("msd", 5, 1, 0.0), ("cosine", 40, 3, 2.0), ("pearson", 3, 2, 0.0), ("pearson_baseline", 4, 1, 10.0)],
)
def test_ratings_equal_the_formula(model, centring, measure, k, min_k, shrinkage):
    data = Interactions.from_frame(some_ratings(values=(1, 40)), scale=(-1e9, 1e9))
    arguments = {"k": k, "min_k": min_k, "measure": measure, "centring": centring, "shrinkage": shrinkage}
    fitted = model(**arguments).fit(data)
    slow = predict_slowly(data, model is UserKNN, **arguments)
    users, items = np.divmod(np.arange(data.n_users * data.n_items), data.n_items)
    fast = fitted.predict(pd.DataFrame({"user": data.users[users], "item": data.items[items]}))
    fast = fast.to_numpy().reshape(data.n_users, data.n_items)
    sure = slow != None  # noqa: E711
    assert sure.mean() > 0.95
    np.testing.assert_allclose(fast[sure], slow[sure].astype(float), rtol=1e-9)


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_tables_made_in_blocks_give_the_same(monkeypatch, model):
    data = Interactions.from_frame(some_ratings())
    pairs = data.to_frame()
    whole = model().fit(data).predict(pairs)
    monkeypatch.setattr(neighbours, "TABLE_ELEMENTS", 0)
    monkeypatch.setattr(neighbours, "BLOCK_ELEMENTS", 100)
    in_blocks = model().fit(data)
    assert in_blocks._table is None
    np.testing.assert_allclose(in_blocks.predict(pairs), whole, rtol=1e-12)
    assert in_blocks.neighbours(0)["similarity"].is_monotonic_decreasing


def test_neighbours_tied_at_the_last_place_share_it():
    # three users agree with ann to the same degree; two places; their ratings of the cup are 1, 3 and 5
    rows = [("ann", "tea", 4), ("ann", "pot", 2)]
    for user, cup in (("bob", 1), ("eve", 3), ("zoe", 5)):
        rows += [(user, "tea", 4), (user, "pot", 2), (user, "cup", cup)]
    data = Interactions.from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]), scale=(1, 5))
    for k in (1, 2, 3, 10):
        model = UserKNN(k=k, measure="msd", centring="none", shrinkage=0).fit(data)
        assert model.predict(pd.DataFrame({"user": ["ann"], "item": ["cup"]})).tolist() == pytest.approx(
            [3.0]
        )


def test_the_shares_of_a_tied_place():
    # bob agrees fully (similarity 1), eve and zoe are off by one each time (1/2); two places
    rows = [("ann", "tea", 4), ("ann", "pot", 2)]
    for user, off, cup in (("bob", 0, 5), ("eve", 1, 1), ("zoe", -1, 2)):
        rows += [(user, "tea", 4 + off), (user, "pot", 2 + off), (user, "cup", cup)]
    data = Interactions.from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]), scale=(1, 5))
    model = UserKNN(k=2, measure="msd", centring="none", shrinkage=0).fit(data)
    expected = (1 * 5 + 0.25 * 1 + 0.25 * 2) / (1 + 0.25 + 0.25)
    assert model.predict(pd.DataFrame({"user": ["ann"], "item": ["cup"]})).tolist() == pytest.approx(
        [expected]
    )
    assert model.explain("ann", "cup")["weight"].tolist() == pytest.approx([4 / 6, 1 / 6, 1 / 6])


def test_an_opposite_neighbour_does_not_count():
    rows = [("ann", "tea", 5), ("ann", "pot", 1), ("bob", "tea", 1), ("bob", "pot", 5), ("bob", "cup", 5)]
    data = Interactions.from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]), scale=(1, 5))
    pair = pd.DataFrame({"user": ["ann"], "item": ["cup"]})
    model = UserKNN(measure="pearson", centring="mean", shrinkage=0).fit(data)
    assert model.predict(pair).tolist() == [3.0]  # ann's own mean
    assert model.explain("ann", "cup").empty
    plain = UserKNN(measure="pearson", centring="none", shrinkage=0).fit(data)
    assert plain.predict(pair).tolist() == pytest.approx([3 + 5 - 3.4])
    strict = UserKNN(measure="pearson", centring="none", shrinkage=0, fallback="global_mean").fit(data)
    assert strict.predict(pair).tolist() == pytest.approx([3.4])


def test_fallback_for_the_unknown():
    data = Interactions.from_frame(some_ratings(), scale=(1, 5))
    pairs = pd.DataFrame({"user": [3, -1, -1], "item": [-1, 4, -1]})
    table = as_table(data)
    mean, users, items = fit_biases(data.matrix)
    for centring in ("none", "mean"):
        known_half = UserKNN(centring=centring).fit(data).predict(pairs)
        assert known_half.tolist() == pytest.approx([np.nanmean(table[3]), np.nanmean(table[:, 4]), mean])
        plain = UserKNN(centring=centring, fallback="global_mean").fit(data).predict(pairs)
        assert plain.tolist() == pytest.approx([mean] * 3)
    assert ItemKNN().fit(data).predict(pairs).tolist() == pytest.approx(
        [mean + users[3], mean + items[4], mean]
    )


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
@pytest.mark.parametrize("centring", ["none", "mean", "baseline"])
def test_an_explanation_adds_up_to_the_prediction(model, centring):
    data = Interactions.from_frame(some_ratings(), scale=(-100, 100))
    fitted = model(k=4, centring=centring, measure="cosine", shrinkage=0).fit(data)
    table = as_table(data)
    mean, users, items = fit_biases(data.matrix)
    own_mean = np.nanmean(table[2]) if model is UserKNN else np.nanmean(table[:, 7])
    expected = {"none": 0.0, "mean": own_mean, "baseline": mean + users[2] + items[7]}[centring]
    why = fitted.explain(2, 7)
    assert why["weight"].sum() == pytest.approx(1)
    assert why["similarity"].is_monotonic_decreasing
    for row in why.itertuples():
        cell = table[row.neighbour, 7] if model is UserKNN else table[2, row.neighbour]
        assert row.rating == pytest.approx(cell)
    predicted = fitted.predict(pd.DataFrame({"user": [2], "item": [7]}))[0]
    assert expected + (why["weight"] * why["deviation"]).sum() == pytest.approx(predicted)


def test_who_the_neighbours_are():
    data = Interactions.from_frame(some_ratings(), scale=(1, 5))
    like = pairwise(as_table(data), "msd")
    np.fill_diagonal(like, 0)
    found = UserKNN(measure="msd", shrinkage=0).fit(data).neighbours([3, 0], n=4)
    assert found.columns.tolist() == ["user", "neighbour", "rank", "similarity"]
    for user in (3, 0):
        best = found[found["user"] == user]
        assert best["rank"].tolist() == [1, 2, 3, 4]
        np.testing.assert_allclose(best["similarity"], np.sort(like[user])[::-1][:4])
        np.testing.assert_allclose(best["similarity"], like[user, best["neighbour"]])
    items = ImplicitItemKNN(k=3).fit(data.as_implicit()).neighbours(5, n=10)
    assert items.columns[0] == "item"
    assert len(items) == 3


def test_the_articles_prediction_once_it_is_divided():
    # similarities 0.9 and 0.8, ratings 5 and 4: 7.7 when summed, on a scale that ends at 5
    weights, ratings = np.array([0.9, 0.8]), np.array([5.0, 4.0])
    assert weights @ ratings == pytest.approx(7.7)
    shares = neighbours._largest(weights[None, :], 2)
    assert (shares @ ratings / shares.sum()).item() == pytest.approx(4.529412, abs=5e-7)


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "k must be"),
        ({"k": 1.5}, "k must be"),
        ({"min_k": 0}, "min_k must be"),
        ({"centring": "median"}, "centring must be"),
        ({"measure": "euclid"}, "measure 'euclid' is unknown"),
        ({"shrinkage": -1}, "shrinkage must be"),
        ({"min_support": -1}, "min_support must be"),
        ({"fallback": "zero"}, "fallback must be"),
    ],
)
def test_bad_arguments_for_ratings(model, arguments, words):
    with pytest.raises(InputError, match=words):
        model(**arguments).fit(Interactions.from_frame(some_ratings()))


def test_questions_about_strangers():
    data = Interactions.from_frame(some_ratings())
    model = UserKNN().fit(data)
    for ask in (lambda: model.neighbours(-1), lambda: model.explain(-1, 0)):
        with pytest.raises(InputError, match="user -1 is not known"):
            ask()
    with pytest.raises(InputError, match="item -5 is not known"):
        model.explain(0, -5)
    with pytest.raises(InputError, match="item 'x' is not known"):
        ItemKNN().fit(data).neighbours("x")
    with pytest.raises(InputError, match="n must be"):
        model.neighbours(0, n=0)
    with pytest.raises(NotFittedError):
        UserKNN().neighbours(0)
    with pytest.raises(NotFittedError):
        UserKNN().explain(0, 0)


# purchases


def keep_largest(table, k):
    """Of each row the k largest values above 0, the first of equal ones."""
    kept = np.zeros_like(table)
    for i, row in enumerate(table):
        for j in sorted(np.flatnonzero(row > 0), key=lambda j: (-row[j], j))[:k]:
            kept[i, j] = row[j]
    return kept


@pytest.mark.parametrize("k", [3, 1000])
@pytest.mark.parametrize("weighting", [None, "tf_idf", "bm25"])
@pytest.mark.parametrize(
    ("measure", "shrinkage"), [("cosine", 0.0), ("cosine", 5.0), ("jaccard", 2.0), ("dot", 0.0)]
)
def test_purchases_equal_the_formula(k, weighting, measure, shrinkage):
    data = Interactions.from_frame(some_ratings(values=(1, 4)), rating="rating")
    data = Interactions(data.matrix, data.users, data.items, explicit=False)
    bought = data.matrix.toarray()
    weigh = {None: np.asarray, "tf_idf": lambda m: tf_idf(m).toarray(), "bm25": lambda m: bm25(m).toarray()}[
        weighting
    ]
    options = {"measure": measure, "missing": "zero", "shrinkage": shrinkage}
    items, users = pairwise(weigh(bought.T), **options), pairwise(weigh(bought), **options)
    np.fill_diagonal(items, 0)
    np.fill_diagonal(users, 0)
    pruned = keep_largest(items, k)
    arguments = {"k": k, "weighting": weighting, "measure": measure, "shrinkage": shrinkage}
    positions = np.arange(data.n_users)
    for model, expected in (
        (ImplicitItemKNN(**arguments), bought @ pruned.T),
        (ImplicitItemKNN(**arguments, prune="seen"), bought @ pruned),
        (ImplicitUserKNN(**arguments), keep_largest(users, k) @ bought),
    ):
        np.testing.assert_allclose(model.fit(data)._score(positions), expected, rtol=1e-9, atol=1e-12)


def test_pruning_by_candidate_and_by_seen_differ_by_hand():
    # everybody who buys anything buys tea; with one neighbour each, cup and pot both point to tea
    rows = [(1, "tea"), (1, "cup"), (2, "tea"), (2, "cup"), (3, "tea"), (3, "pot"), (4, "tea"), (5, "cup")]
    data = Interactions.from_frame(pd.DataFrame(rows, columns=["user", "item"]), rating=None)
    cup_tea, pot_tea = 2 / math.sqrt(12), 1 / 2
    candidate = ImplicitItemKNN(k=1).fit(data).recommend(4)
    assert candidate["item"].tolist() == ["cup", "pot"]
    assert candidate["score"].tolist() == pytest.approx([cup_tea, pot_tea])
    seen = ImplicitItemKNN(k=1, prune="seen").fit(data).recommend(4)
    assert seen["score"].tolist() == pytest.approx([cup_tea, 0.0])  # tea's only neighbour is the cup


@pytest.mark.parametrize("model", [ImplicitItemKNN, ImplicitUserKNN])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "k must be"),
        ({"measure": "euclid"}, "measure 'euclid' is unknown"),
        ({"weighting": "tfidf"}, "weighting must be"),
        ({"shrinkage": -1}, "shrinkage must be"),
    ],
)
def test_bad_arguments_for_purchases(model, arguments, words):
    with pytest.raises(InputError, match=words):
        model(**arguments).fit(Interactions.from_frame(some_ratings(), rating=None))


def test_bad_pruning():
    with pytest.raises(InputError, match="prune must be"):
        ImplicitItemKNN(prune="both").fit(Interactions.from_frame(some_ratings(), rating=None))


def test_the_similarity_kept_is_that_of_the_similarity_room():
    data = Interactions.from_frame(some_ratings(), rating=None)
    expected = similarity.similar(data.matrix.T, "jaccard", 7, min_support=2)
    found = ImplicitItemKNN(k=7, measure="jaccard", min_support=2).fit(data).similarity_
    np.testing.assert_array_equal(found.toarray(), expected.toarray())
