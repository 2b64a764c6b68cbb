"""Hybrids: the common scale by hand and by brute force, who is trusted when, new items and new users."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from bigmkt_helpers.datasets import load_movielens, load_shop
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation import leave_last_out, paired_bootstrap, ranking_metrics
from bigmkt_helpers.recommenders import (
    EASE,
    ContentFeatures,
    ContentRecommender,
    ImplicitALS,
    ImplicitItemKNN,
    Interactions,
    MappedFactors,
    Popularity,
    RandomRecommender,
    Recommender,
    StackedHybrid,
    SwitchingHybrid,
    WeightedHybrid,
    hybrid,
    rank_scores,
    recommend_among,
    withhold,
)

HYBRIDS = [WeightedHybrid, SwitchingHybrid, StackedHybrid]


class Told(Recommender):
    """Scores from a given table of users × items, whatever the data are; forgets the new, if asked to."""

    def __init__(self, table, blind_to_new=False):
        self.table = table
        self.blind_to_new = blind_to_new

    def _fit(self, interactions):
        matrix = interactions.matrix
        self._new = np.bincount(matrix.indices, minlength=matrix.shape[1]) == 0
        self.met_ = matrix

    def _score(self, positions):
        scores = np.array(self.table[positions], dtype=float)
        if self.blind_to_new:
            scores[:, self._new] = scores[:, ~self._new].mean()
        return scores


def some_data(n_users=60, n_items=40, density=0.2, seed=0):
    rng = np.random.default_rng(seed)
    matrix = sparse.csr_array((rng.random((n_users, n_items)) < density).astype(float))
    return Interactions(matrix, np.arange(n_users), np.arange(n_items), explicit=False)


def world(n_users=300, n_items=150, seed=0):
    """Tastes, an interaction drawn for each pair by its probability, and the true log-odds."""
    rng = np.random.default_rng(seed)
    logit = -2.6 + 1.2 * rng.normal(size=(n_users, 3)) @ rng.normal(size=(3, n_items)) / np.sqrt(3)
    logit += 0.5 * rng.normal(size=n_items)
    met = rng.random(logit.shape) < expit(logit)
    return logit, met, rng


# --- the common scale ---------------------------------------------------------------------------------


def savage(n):
    return np.array([sum(1 / j for j in range(k, n + 1)) - 1 for k in range(1, n + 1)])


def brute(scores, seen):
    """Each unseen item gets the mean of the Savage scores of the ranks that it shares."""
    n = int((~seen).sum())
    result = np.zeros(len(scores))
    if n == 0:
        return result
    places = savage(n)
    for item, score in enumerate(scores):
        above = int((scores[~seen] > score).sum())
        equal = int((scores[~seen] == score).sum())
        result[item] = places[above : above + equal].mean() if equal else places[min(above, n - 1)]
    return result


@pytest.mark.unit
def test_rank_scores_by_hand():
    nobody = sparse.csr_array((1, 4))
    # 1/1 + 1/2 + 1/3 + 1/4 - 1, and so on
    expected = [1.0833, 0.0833, -0.4167, -0.75]
    np.testing.assert_allclose(rank_scores([[9.0, 8.0, 1.0, 0.5]], nobody)[0], expected, atol=1e-4)
    tied = rank_scores([[9.0, 9.0, 1.0, -np.inf]], nobody)[0]
    np.testing.assert_allclose(tied, [0.5833, 0.5833, -0.4167, -0.75], atol=1e-4)
    # an item that was seen takes no place from the others
    one_seen = rank_scores([[9.0, 8.0, 1.0, 0.5]], sparse.csr_array([[0, 1, 0, 0]]))[0]
    np.testing.assert_allclose(one_seen[[0, 2, 3]], [0.8333, -0.1667, -0.6667], atol=1e-4)
    assert one_seen[1] == pytest.approx(one_seen[2])


@pytest.mark.unit
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 12))
def test_rank_scores_are_those_of_brute_force(seed, n_users, n_items):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-3, 4, (n_users, n_items)).astype(float)
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    seen = rng.random(scores.shape) < rng.random()
    found = rank_scores(scores, sparse.csr_array(seen.astype(float)))
    for one, row, mask in zip(found, scores, seen, strict=True):
        np.testing.assert_allclose(one, brute(row, mask), atol=1e-12)
        if not mask.all():
            assert one[~mask].mean() == pytest.approx(0, abs=1e-12)


@pytest.mark.unit
@given(st.integers(0, 10_000), st.floats(0.01, 1e6), st.sampled_from([np.exp, np.arctan, lambda x: x]))
@settings(max_examples=30, deadline=None)
def test_rank_scores_forget_the_unit(seed, factor, bend):
    scores = np.random.default_rng(seed).integers(0, 50, (3, 20)) / 10.0
    nobody = sparse.csr_array(scores.shape)
    np.testing.assert_allclose(rank_scores(factor * bend(scores), nobody), rank_scores(scores, nobody))


@pytest.mark.unit
def test_rounding_does_not_decide():
    scores = np.array([[0.1 + 0.2, 0.3, 0.0]])
    assert scores[0, 0] != scores[0, 1]
    found = rank_scores(scores, sparse.csr_array(scores.shape))[0]
    assert found[0] == found[1] > found[2]


@pytest.mark.unit
def test_the_regression_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    table = rng.normal(size=(400, 4))
    hits = (rng.random(400) < expit(table @ [1.0, -2.0, 0.0, 0.5])).astype(float)
    weights = rng.uniform(0.2, 3.0, 400)
    ours = hybrid._penalised_logistic(table, hits, weights, np.zeros(4), penalty=2.0)
    theirs = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10, max_iter=1000)
    np.testing.assert_allclose(ours, theirs.fit(table, hits, weights).coef_[0], atol=1e-5)
    # without any row the prior stands
    prior = np.array([3.0, -1.0])
    empty = hybrid._penalised_logistic(np.empty((0, 2)), np.empty(0), np.empty(0), prior, penalty=1.0)
    np.testing.assert_allclose(empty, prior)


# --- the examination ----------------------------------------------------------------------------------


@pytest.mark.unit
def test_withhold():
    ratings = pd.DataFrame({"user": [1, 1, 2, 3], "item": list("abab"), "rating": [5, 4, 3, 2]})
    known, hidden = withhold(ratings, ["b"])
    assert known["item"].tolist() == ["a", "a"]
    assert hidden["user"].tolist() == [1, 3]
    known, hidden = withhold(ratings, [1], by="user")
    assert hidden.index.tolist() == [0, 1]
    assert known.index.tolist() == [2, 3]


@pytest.mark.unit
def test_recommend_among_by_hand_and_against_recommend():
    data = some_data()
    model = EASE(regularisation=5.0).fit(data)
    pd.testing.assert_frame_equal(
        recommend_among(model, data.users, data.items, n=7), model.recommend(data.users, n=7)
    )
    few = [3, 8, 21, 30]
    lists = recommend_among(model, [5, 2], few[::-1], n=3)
    everything = model.recommend([5, 2], n=40)
    everything = everything[everything["item"].isin(few)].groupby("user", sort=False).head(3)
    assert lists["item"].tolist() == everything["item"].tolist()
    assert lists["user"].tolist() == everything["user"].tolist()
    shown = recommend_among(model, data.users, few, n=4, exclude_seen=False)
    assert len(shown) == 4 * data.n_users


@pytest.mark.unit
def test_lot_decides_among_equal_scores_and_only_there():
    table = np.zeros((400, 8))
    table[:, 5] = 1.0
    data = some_data(400, 8, density=0.05)
    model = Told(table).fit(data)
    fixed = recommend_among(model, data.users, data.items, n=2, exclude_seen=False)
    assert fixed["item"].tolist() == [5, 0] * 400
    drawn = recommend_among(model, data.users, data.items, n=2, exclude_seen=False, random_state=0)
    assert (drawn["item"].iloc[::2] == 5).all()
    counts = drawn["item"].iloc[1::2].value_counts().reindex([0, 1, 2, 3, 4, 6, 7], fill_value=0)
    assert counts.between(30, 85).all()  # 57 expected
    again = recommend_among(model, data.users, data.items, n=2, exclude_seen=False, random_state=0)
    pd.testing.assert_frame_equal(drawn, again)
    assert not drawn.equals(
        recommend_among(model, data.users, data.items, n=2, exclude_seen=False, random_state=1)
    )
    seen = recommend_among(model, data.users, data.items, n=8, random_state=0)
    assert len(seen) == 400 * 8 - data.matrix.nnz


# --- what is learned, and from what -------------------------------------------------------------------


@pytest.mark.unit
@pytest.mark.parametrize("kind", HYBRIDS)
def test_raw_scores_do_not_win_by_their_size(kind):
    data = some_data(seed=3)
    rng = np.random.default_rng(5)
    first, second = rng.random((60, 40)), rng.random((60, 40))
    small = kind([Told(first), Told(second)]).fit(data)
    large = kind([Told(1 + 4000 * first), Told(second)]).fit(data)
    np.testing.assert_allclose(small._score(np.arange(60)), large._score(np.arange(60)), atol=1e-9)


@pytest.mark.unit
def test_parts_never_see_what_is_hidden_and_in_the_end_see_all():
    data = some_data(n_users=80, n_items=50, seed=4)
    model = StackedHybrid([Popularity()], hidden_share=0.3, new_share=0.2)
    model.fit(data)
    known, counts, users, items, hits, weights = model._slice(data, np.random.default_rng(0))
    before, after = known.matrix.toarray() > 0, data.matrix.toarray() > 0
    assert not before[~after].any()
    pairs = set(zip(users[hits == 1], items[hits == 1]))
    assert pairs == set(zip(*np.nonzero(after & ~before)))
    drawn = (hits == 0) & ~after[users, items]
    # of the new nothing is left; a hit of theirs counts as the share that is hidden of the known
    new_item, new_user = ~before.any(axis=0), ~before.any(axis=1)
    assert new_item.sum() >= 10
    assert new_user.sum() >= 16
    new = (new_item[items] | new_user[users])[hits == 1]
    assert set(weights[hits == 1]) == {0.3, 1.0}
    assert (weights[hits == 1][new] == 0.3).mean() > 0.9
    # the misses that were drawn stand for all
    assert weights[drawn].sum() == pytest.approx((~after).sum())
    rest = (hits == 0) & after[users, items]
    assert set(weights[rest]) == {0.7}
    assert rest.sum() == (weights[hits == 1] < 1).sum()
    # nearly new users keep a few, and that is what is known of them
    left, ever = np.diff(known.matrix.indptr), np.diff(data.matrix.indptr)
    nearly = (counts[0] == left) & (left > 0) & (left < ever)
    assert 8 <= nearly.sum() <= 20
    assert left[nearly].max() <= 10
    rest_of_users = ~nearly & (left > 0)
    assert (counts[0][rest_of_users] == ever[rest_of_users]).all()
    assert (counts[0][left == 0] == 0).all()
    assert (counts[1] == np.where(new_item, 0, np.bincount(data.matrix.indices, minlength=50))).all()
    assert model.parts_["Popularity"].interactions_ is data


@pytest.mark.unit
@pytest.mark.parametrize("kind", HYBRIDS)
def test_the_caller_s_parts_stay_unfitted(kind):
    parts = {"a": Popularity(), "b": EASE(regularisation=5.0)}
    model = kind(parts).fit(some_data())
    assert not hasattr(parts["a"], "interactions_")
    assert list(model.parts_) == ["a", "b"]
    assert model.learned_
    assert list(kind([EASE(5.0), Popularity(), EASE(9.0)]).fit(some_data()).parts_) == [
        "EASE",
        "Popularity",
        "EASE 2",
    ]


def log_odds(model, name, data):
    """What a part alone says, by the formula of the docstring."""
    effects = model.effects_[name]
    n_user, n_item = (
        np.diff(data.matrix.indptr)[:, None],
        np.bincount(data.matrix.indices, minlength=data.n_items),
    )
    scores = rank_scores(model.parts_[name]._score(np.arange(data.n_users)), data.matrix)
    total = 0.0
    for row, factor in (("counts", 1.0), (name, scores)):
        one = effects.loc[row]
        level = one["always"] + one["user known"] * n_user / (n_user + 10)
        total = total + factor * (level + one["new user"] * (n_user == 0) + one["new item"] * (n_item == 0))
    return total


def with_the_new(seed=2):
    """Data whose last three items and last two users are new."""
    data = some_data(seed=seed)
    frame = data.to_frame().query("item < 37 and user < 58")
    return Interactions.from_frame(frame, rating=None, items=data.items, users=data.users)


@pytest.mark.unit
def test_the_weighted_hybrid_is_the_weighted_mean_of_log_odds():
    data = with_the_new()
    parts = {"EASE": EASE(regularisation=5.0), "popular": Popularity()}
    model = WeightedHybrid(parts, weights=[3, 1]).fit(data)
    by_hand = 0.75 * log_odds(model, "EASE", data) + 0.25 * log_odds(model, "popular", data)
    np.testing.assert_allclose(model._score(np.arange(60)), by_hand, atol=1e-9)
    only = model.reweigh([0, 1])._score(np.arange(60))
    np.testing.assert_allclose(only, log_odds(model, "popular", data), atol=1e-9)
    assert model.weights == [0, 1]


@pytest.mark.unit
def test_the_switching_hybrid_lets_one_part_speak():
    data = with_the_new()
    parts = {"EASE": EASE(regularisation=5.0), "told": Told(np.random.default_rng(0).random((60, 40)))}
    model = SwitchingHybrid(parts, minimum=[(5, 1), (0, 0)]).fit(data)
    n_user, n_item = (
        np.diff(data.matrix.indptr)[:, None],
        np.bincount(data.matrix.indices, minlength=40),
    )
    by_hand = np.where(
        (n_user >= 5) & (n_item >= 1), log_odds(model, "EASE", data), log_odds(model, "told", data)
    )
    assert ((n_user > 0) & (n_user < 5)).any()
    np.testing.assert_allclose(model._score(np.arange(60)), by_hand, atol=1e-9)
    assert model.table_.to_numpy().tolist() == [["told", "told"], ["told", "EASE"]]
    assert model.table_.index.tolist() == [0, 5]
    told = model.explain(59, [0, 39])
    assert (told.query("part == 'EASE'")["contribution"] == 0).all()


@pytest.mark.unit
@pytest.mark.parametrize("kind", HYBRIDS)
def test_contributions_add_up_to_the_score(kind):
    data = with_the_new()
    model = kind([EASE(regularisation=5.0), Told(np.random.default_rng(1).random((60, 40))), Popularity()])
    model.fit(data)
    users = [0, 7, 59]
    told = model.explain(users, n=4)
    assert told.columns.tolist() == ["user", "item", "part", "rank", "contribution"]
    assert told["part"].unique().tolist() == ["counts", "EASE", "Told", "Popularity"]
    sums = told.groupby(["user", "item"], sort=False)["contribution"].sum()
    lists = model.recommend(users, n=4)
    assert sums.index.tolist() == list(zip(lists["user"], lists["item"]))
    np.testing.assert_allclose(sums, lists["score"], atol=1e-9)
    # the rank is the place among the unseen, by that part alone
    asked = model.parts_["EASE"].recommend(7, n=1)["item"].iloc[0]
    assert model.explain([7], [asked]).query("part == 'EASE'")["rank"].item() == 1
    assert model.explain(7, [asked]).query("part == 'counts'")["rank"].isna().all()


@pytest.mark.recovery
def test_the_stack_learns_whom_to_trust_when():
    """One part knows the truth of known items only, the other only guesses there, but knows the new."""
    logit, met, rng = world()
    noise = rng.normal(size=logit.shape)
    blind, vague = Told(logit, blind_to_new=True), Told(logit + 3 * noise)
    new = np.arange(130, 150)
    known = met.copy()
    known[:, new] = False
    hidden = known & (rng.random(met.shape) < 0.15)
    users, items = np.nonzero(known & ~hidden)
    data = Interactions.from_frame(
        pd.DataFrame({"user": users, "item": items}), rating=None, users=np.arange(300), items=np.arange(150)
    )
    model = StackedHybrid({"blind": blind, "vague": vague}, hidden_share=0.25, random_state=3).fit(data)
    trust = model.trust([20, 20], [20, 0])
    assert trust.loc[0, "blind"] > 4 * abs(trust.loc[0, "vague"])
    assert trust.loc[1, "vague"] > 0.1
    # what the regression finds below zero counts as zero, in the scores as in what is told of them
    model._coefficients[2] = [-5.0, 0.0, 0.0, 0.0]
    assert (model.trust([0, 1, 20], [5, 0, 5])["vague"] == 0).all()
    assert (model.explain(0).query("part == 'vague'")["contribution"] == 0).all()
    model._coefficients[2] = model.effects_.loc["vague"].to_numpy()
    for candidates, best, truth in (
        (np.arange(130), "blind", hidden),
        (new, "vague", met & ~known),
    ):
        rows, columns = np.nonzero(truth[:, candidates])
        relevant = pd.DataFrame({"user": rows, "item": candidates[columns]})
        asked = np.unique(rows)
        mark = {
            name: ranking_metrics(recommend_among(one, asked, candidates, random_state=0), relevant)[
                "ndcg@10"
            ]
            for name, one in {"hybrid": model, **model.parts_}.items()
        }
        other = "vague" if best == "blind" else "blind"
        assert paired_bootstrap(mark["hybrid"], mark[other]).low > 0
        assert paired_bootstrap(mark["hybrid"], mark[best]).difference > -0.005
    # switching learns the same
    table = (
        SwitchingHybrid({"blind": blind, "vague": vague}, hidden_share=0.25, random_state=3).fit(data).table_
    )
    assert (table[0].loc[[3, 10, 30]] == "vague").all()
    assert (table[30].loc[[10, 30]] == "blind").all()


@pytest.mark.recovery
def test_log_odds_are_calibrated_for_known_and_for_new_items():
    """Sums of the stated probabilities against what then happens, in a world whose law is known."""
    share = 0.2  # of five parts known the model hides one: so its hits are a sixth of all six parts
    later_share = share / (1 + share)
    ratios = {"known": [], "new": []}
    for seed in range(6):
        logit, met, rng = world(seed=seed)
        new = np.arange(150) >= 130
        later = met & ~new & (rng.random(met.shape) < later_share)
        users, items = np.nonzero(met & ~later & ~new)
        data = Interactions.from_frame(
            pd.DataFrame({"user": users, "item": items}),
            rating=None,
            users=np.arange(300),
            items=np.arange(150),
        )
        parts = [Told(logit + rng.normal(size=logit.shape)), Popularity()]
        model = StackedHybrid(parts, hidden_share=share, random_state=seed).fit(data)
        stated = expit(model._score(np.arange(300)))
        free = data.matrix.toarray() == 0
        ratios["known"].append(stated[free & ~new].sum() / later.sum())
        # of the new a hit has the chance that a known item would have: the share of all that it will get
        ratios["new"].append(stated[:, new].sum() / (later_share * met[:, new].sum()))
    assert np.mean(ratios["known"]) == pytest.approx(1, abs=0.08)
    assert np.mean(ratios["new"]) == pytest.approx(1, abs=0.15)


@pytest.mark.unit
def test_factors_are_predicted_from_features():
    data = with_the_new()
    catalogue = pd.DataFrame({"kind": [f"k{item % 5}" for item in data.items]}, index=data.items)
    features = ContentFeatures(labels={"kind": None})
    als = ImplicitALS(factors=4, regularisation=1.0)
    model = MappedFactors(catalogue, features, als, penalty=1e-6).fit(data)
    plain = als.fit(data)
    met = np.arange(40) < 37
    for kind in range(5):
        here = np.arange(40) % 5 == kind
        mean = plain.item_factors_[here & met].mean(axis=0)
        np.testing.assert_allclose(
            model.item_factors_[here], np.tile(mean, (here.sum(), 1)), rtol=1e-3, atol=1e-5
        )
    np.testing.assert_allclose(model._score(np.arange(60)), plain.user_factors_ @ model.item_factors_.T)


# --- new items and new users, on real data and in the shop --------------------------------------------


def marks(models, data, examinations):
    """nDCG@10 of every user, by examination and model; lot decides among equal scores."""
    found = {}
    fitted = {name: model.fit(data) for name, model in models.items()}
    for name, (hidden, candidates) in examinations.items():
        asked = hidden["user"].unique()
        found[name] = {
            model: ranking_metrics(recommend_among(one, asked, candidates, random_state=0), hidden)["ndcg@10"]
            for model, one in fitted.items()
        }
    return found


def not_worse(mark, than):
    """The interval of the paired difference does not lie below 0."""
    pair = paired_bootstrap(mark["hybrid"], mark[than])
    return pair.high >= 0


def better(mark, than):
    return paired_bootstrap(mark["hybrid"], mark[than]).low > 0


@pytest.mark.recovery
def test_cold_start_on_movielens():
    movielens = load_movielens()
    counts = movielens.ratings["item"].value_counts()
    items = np.sort(counts.index[counts >= 15])
    ratings = movielens.ratings[movielens.ratings["item"].isin(items)]
    train, test = leave_last_out(ratings, n=5)
    rng = np.random.default_rng(0)
    new_items = rng.choice(items, len(items) // 5, replace=False)
    everybody = ratings["user"].unique()
    new_users = rng.choice(everybody, len(everybody) // 5, replace=False)
    known, _ = withhold(withhold(train, new_items)[0], new_users, by="user")
    data = Interactions.from_frame(
        known[["user", "item"]], rating=None, items=items, users=np.sort(everybody)
    )
    catalogue = movielens.movies.set_index("item").loc[items]
    content = ContentRecommender(catalogue, ContentFeatures(labels={"genres": "|"}, numbers=["year"]))
    parts = {"EASE": EASE(300.0), "content": content, "popular": Popularity()}
    is_new = ratings["item"].isin(new_items), ratings["user"].isin(new_users)
    warm = test[~test["item"].isin(new_items) & ~test["user"].isin(new_users)]
    old_items = np.setdiff1d(items, new_items)
    found = marks(
        {**parts, "hybrid": StackedHybrid(parts), "random": RandomRecommender()},
        data,
        {
            "warm": (warm, old_items),
            "new item": (ratings[is_new[0] & ~is_new[1]], new_items),
            "new user": (ratings[is_new[1] & ~is_new[0]], old_items),
        },
    )
    assert data.matrix[:, data.item_positions(new_items)].nnz == 0
    assert not_worse(found["warm"], "EASE")
    assert better(found["warm"], "popular")
    assert better(found["new item"], "EASE")
    assert better(found["new item"], "popular")
    assert not_worse(found["new item"], "content")
    assert better(found["new user"], "EASE")
    assert not_worse(found["new user"], "popular")
    # popularity cannot rank the new: it is as good as chance
    lot = paired_bootstrap(found["new item"]["popular"], found["new item"]["random"])
    assert lot.low < 0 < lot.high


@pytest.mark.recovery
def test_cold_start_in_the_shop_by_a_cut_in_time():
    shop = load_shop()
    cut = pd.Timestamp("2025-05-19", tz="Asia/Shanghai")  # week 72
    lines = shop.orders[["customer_id", "product_id", "order_time"]]
    lines = lines.set_axis(["user", "item", "timestamp"], axis=1)
    before = lines[lines["timestamp"] < cut].drop_duplicates(["user", "item"])
    after = lines[lines["timestamp"] >= cut].drop_duplicates(["user", "item"])
    after = after.merge(before[["user", "item"]], how="left", indicator=True).query("_merge == 'left_only'")
    catalogue = shop.products.set_index("product_id")
    data = Interactions.from_frame(
        before, rating=None, items=catalogue.index, users=shop.customers["customer_id"]
    )
    launched = np.setdiff1d(catalogue.index, before["item"])
    assert len(launched) == 35
    features = ContentFeatures(text={"description": "words"}, labels={"category": None, "attributes": "|"})
    parts = {
        "EASE": EASE(300.0),
        "content": ContentRecommender(catalogue, features),
        "popular": Popularity(),
    }
    old_user, new_item = after["user"].isin(before["user"]), after["item"].isin(launched)
    on_sale = np.setdiff1d(catalogue.index, launched)
    found = marks(
        {**parts, "hybrid": StackedHybrid(parts), "random": RandomRecommender()},
        data,
        {
            "warm": (after[old_user & ~new_item], on_sale),
            "new item": (after[old_user & new_item], launched),
            "new user": (after[~old_user & ~new_item], on_sale),
        },
    )
    assert better(found["warm"], "EASE")
    assert better(found["new item"], "EASE")
    assert not_worse(found["new item"], "content")
    assert found["new item"]["hybrid"].mean() > 2 * found["new item"]["random"].mean()
    assert better(found["new user"], "EASE")
    assert not_worse(found["new user"], "popular")


# --- broken or poor input -----------------------------------------------------------------------------


@pytest.mark.bad_input
@pytest.mark.parametrize("kind", HYBRIDS)
@pytest.mark.parametrize("table", [np.zeros((60, 40)), np.full((60, 40), -np.inf)], ids=["0", "-inf"])
def test_all_scores_equal(kind, table):
    data = some_data()
    alone = kind([Told(table)]).fit(data)
    lists = alone.recommend(data.users, n=3)
    assert np.isfinite(lists["score"]).all()
    assert (lists.groupby("user")["score"].nunique() == 1).all()
    logit, met, _ = world(60, 40)
    data = Interactions(sparse.csr_array(met * 1.0), np.arange(60), np.arange(40), explicit=False)
    beside = kind({"nothing": Told(table), "truth": Told(logit)}).fit(data).recommend(data.users, n=3)
    truth = Told(logit).fit(data).recommend(data.users, n=3)
    assert beside["item"].tolist() == truth["item"].tolist()


@pytest.mark.bad_input
@pytest.mark.parametrize("kind", HYBRIDS)
@pytest.mark.parametrize(
    "matrix",
    [np.ones((4, 5)), np.eye(1), np.ones((1, 6)), np.eye(6)[:, :1]],
    ids=["no miss", "one cell", "one user", "one hit"],
)
def test_a_slice_with_constant_labels(kind, matrix):
    data = Interactions(sparse.csr_array(matrix), *map(np.arange, matrix.shape), explicit=False)
    model = kind([Popularity(), RandomRecommender()]).fit(data)
    lists = model.recommend(data.users, n=3, exclude_seen=False)
    assert len(lists) == data.n_users * min(3, data.n_items)
    assert np.isfinite(lists["score"]).all()
    if not model.learned_:
        effects = model.effects_ if kind is StackedHybrid else model.effects_["Popularity"]
        assert effects.loc["Popularity"].tolist() == [0.5 if kind is StackedHybrid else 1.0, 0, 0, 0]
        assert (effects.loc["counts"] == 0).all()


@pytest.mark.unit
@pytest.mark.parametrize("kind", HYBRIDS)
def test_a_handful_of_orders_teaches_nothing(kind):
    rows = [("ann", "tea"), ("ann", "pot"), ("bob", "tea"), ("bob", "cup"), ("eve", "cup")]
    data = Interactions.from_frame(
        pd.DataFrame(rows, columns=["user", "item"]), rating=None, items=["new"], users=["zoe"]
    )
    model = kind([Popularity()]).fit(data)
    assert not model.learned_
    assert model.recommend("zoe")["item"].tolist() == ["cup", "tea", "pot", "new"]


@pytest.mark.bad_input
@pytest.mark.parametrize("kind", HYBRIDS)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": []}, "parts is empty"),
        ({"parts": {}}, "parts is empty"),
        ({"parts": None}, "list or a dict"),
        ({"parts": Popularity()}, "list or a dict"),
        ({"parts": ["EASE"]}, "not a recommender"),
        ({"hidden_share": 0}, "hidden_share is 0"),
        ({"hidden_share": 1}, "hidden_share is 1"),
        ({"new_share": "a"}, "new_share is 'a'"),
        ({"penalty": 0}, "penalty is 0"),
        ({"penalty": np.nan}, "penalty is nan"),
        ({"n_negatives": 0}, "n_negatives must be"),
        ({"random_state": -1}, "random_state must be"),
        ({"random_state": None}, "random_state must be"),
    ],
)
def test_bad_settings(kind, settings, message):
    with pytest.raises(InputError, match=message):
        kind(**{"parts": [Popularity()]} | settings).fit(some_data())


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "2 parts"),
        ([[1, 1]], "2 parts"),
        ([0, 0], "not all 0"),
        ([1, -1], "0 or more"),
        ([1, np.nan], "0 or more"),
        (["a", "b"], "must be numbers"),
        ("equal", "must be numbers"),
    ],
)
def test_wrong_weights(weights, message):
    with pytest.raises(InputError, match=message):
        WeightedHybrid([Popularity(), RandomRecommender()], weights).fit(some_data())
    model = WeightedHybrid([Popularity(), RandomRecommender()]).fit(some_data())
    with pytest.raises(InputError, match=message):
        model.reweigh(weights)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("minimum", "message"),
    [
        ([(0, 0)], "2 parts"),
        ([(1, 1), (1, 0)], r"\(0, 0\) for the last"),
        ([(-1, 1), (0, 0)], "0 or more"),
        ([1, 0], "give each part a pair"),
        (5, "give each part a pair"),
    ],
)
def test_wrong_minimum(minimum, message):
    with pytest.raises(InputError, match=message):
        SwitchingHybrid([Popularity(), RandomRecommender()], minimum).fit(some_data())


@pytest.mark.bad_input
@pytest.mark.parametrize("kind", HYBRIDS)
def test_parts_fitted_on_other_labels(kind):
    data = some_data()
    before = Popularity().fit(some_data(n_items=30, seed=9))
    model, fresh = kind([before]).fit(data), kind([Popularity()]).fit(data)
    pd.testing.assert_frame_equal(model.recommend(data.users), fresh.recommend(data.users))
    assert before.interactions_.n_items == 30

    class Narrow(Told):
        def _score(self, positions):
            return np.zeros((len(positions), 3))

    with pytest.raises(InputError, match="Narrow scores"):
        kind([Narrow(None)]).fit(some_data())
    with pytest.raises(InputError, match="not a number"):
        kind([Told(np.full((60, 40), np.nan))]).fit(some_data())


@pytest.mark.bad_input
def test_unknown_labels():
    data = some_data()
    model = StackedHybrid([Popularity(), ImplicitItemKNN()]).fit(data)
    with pytest.raises(InputError, match="user 99 is not known"):
        model.explain([1, 99])
    with pytest.raises(InputError, match="item 77 is not known"):
        model.explain(1, [3, 77])
    with pytest.raises(InputError, match="0 or more"):
        model.trust([1], [-1])
    with pytest.raises(InputError, match="as many"):
        model.trust([1, 2], [1])
    for users, items, message in (
        ([99], [1], "user 99 has no place"),
        ([1], [77], "item 77 has no place"),
        ([1, 1], [2], "user 1 is named twice"),
        ([1], [2, 2], "item 2 is named twice"),
    ):
        with pytest.raises(InputError, match=message):
            recommend_among(model, users, items)
    with pytest.raises(InputError, match="n must be"):
        recommend_among(model, [1], [2], n=0)


@pytest.mark.bad_input
def test_withholding_what_is_not_there():
    ratings = pd.DataFrame({"user": [1, 2], "item": ["a", "b"]})
    for labels, by, message in (
        (["c"], "item", "'c' has no interaction"),
        (["a", "b"], "item", "known part without rows"),
        ([], "item", "hidden part without rows"),
        (["a"], "product", "no column 'product'"),
    ):
        with pytest.raises(InputError, match=message):
            withhold(ratings, labels, by)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"items": None}, "items is a NoneType"),
        ({"items": pd.DataFrame({"kind": ["a"]}, index=[0])}, "no row for item 1"),
        ({"penalty": 0}, "penalty is 0"),
        ({"factors": Popularity()}, "no factors"),
    ],
)
def test_bad_mapping(settings, message):
    data = some_data()
    catalogue = pd.DataFrame({"kind": ["a", "b"] * 20}, index=data.items)
    good = {"items": catalogue, "features": ContentFeatures(labels={"kind": None})}
    with pytest.raises(InputError, match=message):
        MappedFactors(**good | settings).fit(data)
