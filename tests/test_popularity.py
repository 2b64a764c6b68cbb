"""Baselines: hand tables, brute force, bad input."""

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders import Biases, Interactions, Popularity, RandomRecommender
from bigmkt_helpers.recommenders.popularity import fit_biases

pytestmark = pytest.mark.unit


def some_interactions(seed=0, n_users=40, n_items=30):
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((n_users, n_items)) < 0.3)
    frame = pd.DataFrame(
        {"user": users, "item": items, "rating": rng.integers(1, 6, len(users)).astype(float)}
    )
    return Interactions.from_frame(frame, scale=(1, 5))


def test_popularity_by_hand():
    frame = pd.DataFrame(
        [("ann", "tea", 2), ("bob", "tea", 3), ("eve", "tea", 4), ("ann", "pot", 5), ("bob", "cup", 4)],
        columns=["user", "item", "rating"],
    )
    data = Interactions.from_frame(frame, scale=(1, 5))
    model = Popularity().fit(data)
    assert model.scores_.round(6).to_dict() == {"cup": 0.333333, "pot": 0.333333, "tea": 1.0}
    assert model.recommend("eve")["item"].tolist() == ["cup", "pot"]
    # mean of all 3.6; two ratings of 3.6 added to each item's own
    damped = Popularity(by="rating", damping=2).fit(data)
    expected = {"cup": (4 + 7.2) / 3, "pot": (5 + 7.2) / 3, "tea": (9 + 7.2) / 5}
    assert damped.scores_.to_dict() == pytest.approx(expected)
    assert damped.recommend("zoe", n=1)["item"].tolist() == ["tea"]  # unknown users get what most have
    undamped = Popularity(by="rating", damping=0).fit(data)
    assert undamped.scores_.to_dict() == pytest.approx({"cup": 4, "pot": 5, "tea": 3})


@pytest.mark.parametrize(
    "arguments", [{"by": "sales"}, {"by": None}, {"damping": -1}, {"damping": float("nan")}]
)
def test_bad_arguments_of_popularity(arguments):
    with pytest.raises(InputError, match="must be"):
        Popularity(**arguments).fit(some_interactions())


def test_chance_is_even():
    data = some_interactions(n_users=2000, n_items=10).as_implicit()
    lists = RandomRecommender(random_state=1).fit(data).recommend(data.users, n=1, exclude_seen=False)
    counts = lists["item"].value_counts().reindex(range(10), fill_value=0)
    expected = data.n_users / 10
    assert counts.sum() == data.n_users > 1900
    assert counts.between(0.7 * expected, 1.3 * expected).all()  # 4.5 standard deviations


def test_the_seed_decides():
    data = some_interactions()
    lists = [RandomRecommender(seed).fit(data).recommend(data.users) for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(lists[0], lists[1])
    assert not lists[0]["item"].equals(lists[2]["item"])
    anew = [RandomRecommender(None).fit(data).recommend(data.users) for _ in range(2)]
    assert not anew[0]["item"].equals(anew[1]["item"])
    # one user's list has nothing to do with another's
    assert not np.array_equal(*(lists[0].query("user == @user")["score"].to_numpy() for user in (3, 4)))


@pytest.mark.parametrize("seed", [-1, 0.5, "a"])
def test_bad_seed(seed):
    with pytest.raises(InputError, match="random_state must be"):
        RandomRecommender(seed).fit(some_interactions())


def test_biases_minimise_their_objective():
    data = some_interactions()
    model = Biases(reg_users=4, reg_items=7, n_epochs=200).fit(data)
    table = data.to_frame()
    design = np.zeros((len(table), data.n_users + data.n_items))
    design[np.arange(len(table)), table["user"]] = 1
    design[np.arange(len(table)), data.n_users + table["item"]] = 1
    penalty = np.diag(np.repeat([4.0, 7.0], [data.n_users, data.n_items]))
    deviation = table["rating"] - table["rating"].mean()
    exact = np.linalg.solve(design.T @ design + penalty, design.T @ deviation)
    np.testing.assert_allclose(model.user_biases_, exact[: data.n_users], atol=1e-10)
    np.testing.assert_allclose(model.item_biases_, exact[data.n_users :], atol=1e-10)
    assert model.global_mean_ == pytest.approx(table["rating"].mean())


def test_one_epoch_of_biases_by_hand():
    frame = pd.DataFrame({"user": [1, 1, 2], "item": [1, 2, 1], "rating": [5.0, 3.0, 4.0]})
    mean, users, items = fit_biases(Interactions.from_frame(frame).matrix, 1, 1, 1)
    assert mean == 4
    # items first, all users still 0: (1 + 0) / (2 + 1) and -1 / (1 + 1); then the users
    assert items.tolist() == pytest.approx([1 / 3, -1 / 2])
    assert users.tolist() == pytest.approx([(1 - 1 / 3 - 1 + 1 / 2) / 3, (0 - 1 / 3) / 2])


def test_an_unknown_half_has_no_bias():
    data = some_interactions()
    model = Biases().fit(data)
    pairs = pd.DataFrame({"user": [3, -1, -1, 3], "item": [-1, 5, -1, 5]})
    mean, user, item = model.global_mean_, model.user_biases_[3], model.item_biases_[5]
    assert model.predict(pairs).tolist() == pytest.approx(
        [mean + user, mean + item, mean, mean + user + item]
    )


def test_more_regularisation_means_smaller_biases():
    data = some_interactions()
    spread = [Biases(reg, reg).fit(data).item_biases_.abs().sum() for reg in (0, 5, 50, 5000)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.02 * spread[0]


@pytest.mark.parametrize(
    "arguments", [{"reg_users": -1}, {"reg_items": float("nan")}, {"n_epochs": 0}, {"n_epochs": 1.5}]
)
def test_bad_arguments_of_biases(arguments):
    with pytest.raises(InputError, match="must be"):
        Biases(**arguments).fit(some_interactions())
