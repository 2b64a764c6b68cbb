"""What every recommender must do, whoever wrote it: the public ones are found, none can be forgotten."""

import inspect

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from bigmkt_helpers import recommenders
from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.recommenders import Interactions, RatingPredictor, Recommender

pytestmark = pytest.mark.contract

MODELS = {
    name: model
    for name in recommenders.__all__
    if inspect.isclass(model := getattr(recommenders, name))
    and issubclass(model, Recommender)
    and model not in (Recommender, RatingPredictor)
}


def two_neighbours():
    return [recommenders.ImplicitItemKNN(), recommenders.ImplicitUserKNN()]


# Arguments of the models that cannot do without, or whose defaults are meant for larger data.
SETTINGS = {
    "BPR": lambda: {"factors": 8},
    "Blend": lambda: {"models": two_neighbours()},
    "ContentRecommender": lambda: {
        "items": described,
        "features": recommenders.ContentFeatures({"text": "words"}),
    },
    "EASE": lambda: {"regularisation": 10.0},
    "ImplicitALS": lambda: {"factors": 4, "regularisation": 1.0},
    "MappedFactors": lambda: {
        "items": described,
        "features": recommenders.ContentFeatures({"text": "words"}),
        "factors": recommenders.ImplicitALS(factors=4, regularisation=1.0),
        "penalty": 0.01,
    },
    "StackedHybrid": lambda: {"parts": two_neighbours()},
    "SwitchingHybrid": lambda: {"parts": two_neighbours()},
    "WeightedHybrid": lambda: {"parts": two_neighbours()},
}

# The models that look a product up by its label, so that another label is another product.
READS_LABELS = {"ContentRecommender", "MappedFactors"}

# The models that do not look at who asks.
NOT_PERSONAL = {"Biases", "Popularity", "RandomRecommender"}

# The models that may refuse, in one sentence, data in which there is nothing to learn.
MAY_REFUSE = {"BPR"}


def make(name):
    return MODELS[name](**SETTINGS.get(name, dict)())


def described(labels):
    """A catalogue: a product is described by remainders of the number in its label, the first the loudest."""
    numbers = [int("".join(filter(str.isdigit, str(label)))) for label in labels]
    texts = [f"odd{n % 2} " * 4 + f"three{n % 3} five{n % 5}" for n in numbers]
    return pd.DataFrame({"text": texts}, index=labels)


def takes_ratings(name):
    return issubclass(MODELS[name], RatingPredictor)


def is_random(name):
    return "random_state" in MODELS[name]._get_param_names()


def interactions(name, frame):
    """The frame in the form that the model learns from."""
    if takes_ratings(name):
        return Interactions.from_frame(frame, scale=(1, 5))
    return Interactions.from_frame(frame[frame["rating"] >= 3], rating=None)


def some_frame(n_users=30, n_items=25, seed=0, density=0.4):
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((n_users, n_items)) < density)
    taste = rng.normal(size=(n_users, 2)) @ rng.normal(size=(2, n_items))
    taste += rng.normal(0, 0.7, (n_users, 1)) + rng.normal(0, 0.7, n_items)
    rating = np.clip(np.round(3.6 + taste[users, items] + rng.normal(0, 0.4, len(users))), 1, 5)
    return pd.DataFrame({"user": users + 100, "item": items + 500, "rating": rating})


def checkerboard(n=50):
    """Everybody likes every other item, but has not met the one with their own number."""
    user, item = np.divmod(np.arange(n * n), n)
    liked = (user + item) % 2 == 0
    disliked = (user + item) % 4 == 1  # of the others, half are known to be disliked
    frame = pd.DataFrame({"user": user, "item": item, "rating": np.where(liked, 5.0, 1.0)})
    return frame[(liked | disliked) & (user != item)]


def assert_same_lists(left, right, names=None):
    """Equal up to the order of equal scores, and up to which of those is cut off at the end."""
    if names is not None:
        right = right.assign(user=right["user"].map(names[0]), item=right["item"].map(names[1]))
    by_user = dict(list(right.groupby("user", sort=False)))
    assert set(left["user"]) == set(by_user)
    for user, mine in left.groupby("user", sort=False):
        theirs = by_user[user]
        scores = mine["score"].to_numpy()
        np.testing.assert_allclose(theirs["score"], scores, rtol=2e-4, atol=1e-6)
        level = np.concatenate([[0], np.cumsum(np.diff(scores) < -(1e-3 * np.abs(scores[1:]) + 1e-5))])
        for value in range(level[-1]):
            assert set(mine["item"][level == value]) == set(theirs["item"][level == value])


@pytest.fixture(params=sorted(MODELS))
def name(request):
    return request.param


@pytest.fixture
def known(name):
    return interactions(name, some_frame())


@pytest.fixture
def fitted(name, known):
    return make(name).fit(known)


def test_every_public_recommender_is_here():
    assert {"Biases", "Popularity", "UserKNN", "ItemKNN", "ImplicitUserKNN", "ImplicitItemKNN"} <= set(MODELS)
    assert set(NOT_PERSONAL) <= set(MODELS)


def test_the_withheld_diagonal_of_the_checkerboard(name):
    if name in NOT_PERSONAL:
        pytest.skip("says the same to everybody")
    data = interactions(name, checkerboard())
    lists = make(name).fit(data).recommend(data.users, n=1)
    assert lists["user"].tolist() == list(range(50))
    assert lists["item"].tolist() == list(range(50))


def test_form_of_the_answer(fitted, known):
    asked = known.users[[4, 0, 9]]
    lists = fitted.recommend(asked, n=5)
    assert lists.columns.tolist() == ["user", "item", "rank", "score"]
    assert lists["user"].drop_duplicates().tolist() == asked.tolist()
    assert lists["item"].isin(known.items).all()
    assert np.isfinite(lists["score"]).all()
    for _, one in lists.groupby("user"):
        assert one["rank"].tolist() == [1, 2, 3, 4, 5]
        assert one["item"].is_unique
        assert (one["score"].diff().dropna() <= 0).all()
    nobody = fitted.recommend([], n=5)
    assert nobody.columns.tolist() == ["user", "item", "rank", "score"]
    assert nobody.empty


def test_a_batch_equals_one_at_a_time(fitted, known):
    together = fitted.recommend(known.users, n=8)
    alone = pd.concat([fitted.recommend(user, n=8) for user in known.users])
    assert_same_lists(together, alone)
    assert_same_lists(together, fitted.recommend(known.users[::-1], n=8))


def test_small_blocks_equal_one_large_block(monkeypatch, fitted, known):
    whole = fitted.recommend(known.users, n=8)
    monkeypatch.setattr("bigmkt_helpers.recommenders.base.BLOCK_ELEMENTS", 60)
    assert_same_lists(whole, fitted.recommend(known.users, n=8))


def test_exclude_seen_both_ways(fitted, known):
    table = known.to_frame()
    seen = set(zip(table["user"], table["item"]))
    without = fitted.recommend(known.users, n=known.n_items)
    assert not seen & set(zip(without["user"], without["item"]))
    counts = known.n_items - table.groupby("user").size()
    assert without.groupby("user").size().to_dict() == counts[counts > 0].to_dict()
    everything = fitted.recommend(known.users, n=known.n_items, exclude_seen=False)
    assert len(everything) == known.n_users * known.n_items
    assert seen <= set(zip(everything["user"], everything["item"]))


def test_n_beyond_the_catalogue(fitted, known):
    user = known.users[0]
    assert_same_lists(fitted.recommend(user, n=10_000), fitted.recommend(user, n=known.n_items))


def test_an_unknown_user_gets_what_is_popular(fitted, known):
    lists = fitted.recommend(["nobody", "no one"], n=3)
    share = (
        known.to_frame().groupby("item").size().sort_values(ascending=False, kind="stable") / known.n_users
    )
    assert lists["user"].tolist() == ["nobody"] * 3 + ["no one"] * 3
    np.testing.assert_allclose(lists["score"], share.iloc[:3].tolist() * 2)
    for item, score in zip(lists["item"], lists["score"]):
        assert share[item] == pytest.approx(score)


def test_known_and_unknown_users_in_one_call(fitted, known):
    asked = [known.users[3], -1, known.users[1]]
    lists = fitted.recommend(asked, n=2)
    assert lists["user"].tolist() == [asked[0]] * 2 + [asked[1]] * 2 + [asked[2]] * 2
    assert_same_lists(lists[lists["user"] == asked[2]], fitted.recommend(asked[2], n=2))


def test_who_has_everything_gets_nothing(name):
    frame = some_frame()
    items = frame["item"].unique()
    full = pd.DataFrame({"user": 7, "item": items, "rating": 4.0 + np.arange(len(items)) % 2})
    model = make(name).fit(interactions(name, pd.concat([frame, full])))
    assert model.recommend(7, n=5).empty
    assert len(model.recommend(7, n=5, exclude_seen=False)) == 5


def test_a_second_fit_forgets_the_first(name, known):
    other = interactions(name, some_frame(n_users=12, n_items=9, seed=1))
    twice = make(name).fit(known).fit(other)
    once = make(name).fit(other)
    pd.testing.assert_frame_equal(twice.recommend(other.users), once.recommend(other.users))
    assert twice.recommend(other.users)["item"].isin(other.items).all()


def test_text_labels_in_the_same_order_change_nothing(name):
    frame = some_frame()
    renamed = frame.assign(user=frame["user"].map("u{:05d}".format), item=frame["item"].map("i{:05d}".format))
    data, other = interactions(name, frame), interactions(name, renamed)
    found = make(name).fit(data).recommend(data.users)
    text = make(name).fit(other).recommend(other.users)
    assert text["user"].tolist() == found["user"].map("u{:05d}".format).tolist()
    assert text["item"].tolist() == found["item"].map("i{:05d}".format).tolist()
    np.testing.assert_array_equal(text["score"], found["score"])


def test_labels_in_another_order_change_only_the_order_of_ties(name):
    if is_random(name):
        pytest.skip("draws its start by position")
    if name in READS_LABELS:
        pytest.skip("another label is another product; tested with the model")
    frame = some_frame()
    rng = np.random.default_rng(3)
    users = dict(zip(frame["user"].unique(), rng.permutation(9_000)))
    items = dict(zip(frame["item"].unique(), rng.permutation(9_000)))
    data = interactions(name, frame)
    other = interactions(name, frame.assign(user=frame["user"].map(users), item=frame["item"].map(items)))
    back = {new: old for old, new in users.items()}, {new: old for old, new in items.items()}
    assert_same_lists(
        make(name).fit(data).recommend(data.users), make(name).fit(other).recommend(other.users), back
    )


def test_order_of_the_rows_of_the_frame_does_not_matter(name):
    frame = some_frame()
    data = interactions(name, frame)
    shuffled = interactions(name, frame.sample(frac=1, random_state=5)[["item", "rating", "user"]])
    pd.testing.assert_frame_equal(
        make(name).fit(data).recommend(data.users), make(name).fit(shuffled).recommend(data.users)
    )


def test_a_transposed_matrix_is_still_read_by_its_labels(name):
    frame = some_frame().assign(user=lambda table: table["user"].map("u{}".format))
    turned = interactions(name, frame.rename(columns={"user": "item", "item": "user"}))
    lists = make(name).fit(turned).recommend(turned.users, n=3)
    assert lists["user"].isin(frame["item"]).all()
    assert lists["item"].isin(frame["user"]).all()
    assert lists["item"].str.startswith("u").all()
    with pytest.raises(InputError, match="users stand in the rows"):
        Interactions(turned.matrix.T, turned.users, turned.items)


def test_parameters(name, known):
    model = make(name)
    assert set(model.get_params(deep=False)) == set(type(model)._get_param_names())
    copy = clone(model)
    assert copy is not model
    assert repr(copy) == repr(model)
    assert not hasattr(copy, "interactions_")
    before = copy.fit(known).get_params(deep=False)
    assert repr(copy) == repr(model)  # fit leaves the parameters as they were set
    assert model.set_params(**model.get_params(deep=False)) is model
    assert set(before) == set(model.get_params(deep=False))
    assert not hasattr(clone(copy), "interactions_")


def test_fit_returns_the_model_and_only_fit_sets_what_is_learned(name, known):
    model = make(name)
    assert not [attribute for attribute in vars(model) if attribute.endswith("_")]
    assert model.fit(known) is model
    assert model.interactions_ is known


def test_the_input_is_not_changed(name, known):
    parts = ("data", "indices", "indptr")
    before = [getattr(known.matrix, part).copy() for part in parts]
    model = make(name).fit(known)
    model.recommend(known.users)
    if takes_ratings(name):
        pairs = known.to_frame()
        model.predict(pairs)
        pd.testing.assert_frame_equal(pairs, known.to_frame())
    for part, old in zip(parts, before):
        np.testing.assert_array_equal(getattr(known.matrix, part), old)


def test_the_same_seed_gives_the_same_lists(name, known):
    first, second = (make(name).fit(known).recommend(known.users) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_asking_changes_nothing(fitted, known):
    first = fitted.recommend(known.users)
    fitted.recommend(known.users[:3], n=1, exclude_seen=False)
    pd.testing.assert_frame_equal(first, fitted.recommend(known.users))


@pytest.mark.parametrize(
    "rows",
    [
        [(1, 1, 4)],  # one user, one item
        [(1, item, 3 + item % 3) for item in range(6)],  # one user
        [(user, 1, 3 + user % 3) for user in range(6)],  # one item
        [(1, 1, 4), (1, 2, 5), (2, 1, 3)],  # fewer neighbours than any k
        [(user, item, 4) for user in range(6) for item in range(6) if user != item],  # no variance
        [(user, user, 4) for user in range(6)],  # nothing in common
    ],
    ids=["one cell", "one user", "one item", "three cells", "constant", "nothing in common"],
)
@pytest.mark.filterwarnings("error")
def test_little_or_strange_data(name, rows):
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"]).astype({"rating": float})
    data = interactions(name, frame)
    model = make(name)
    if name in MAY_REFUSE and data.density == 1:
        with pytest.raises(InputError, match="nothing"):
            model.fit(data)
        return
    model.fit(data)
    lists = model.recommend([*data.users, "nobody"], n=10)
    left = data.n_items - np.diff(data.matrix.indptr)
    expected = dict(zip(data.users, left)) | {"nobody": data.n_items}
    assert lists.groupby("user").size().to_dict() == {user: n for user, n in expected.items() if n}
    assert np.isfinite(lists["score"]).all()
    if takes_ratings(name):
        pairs = pd.DataFrame([(u, i) for u in [*data.users, "?"] for i in [*data.items, "?"]]).set_axis(
            ["user", "item"], axis=1
        )
        predicted = model.predict(pairs)
        assert predicted.between(1, 5).all()
        if frame["rating"].nunique() == 1:
            np.testing.assert_allclose(predicted, 4.0, atol=0.3)


@pytest.mark.filterwarnings("error")
def test_users_and_items_of_whom_nothing_is_known(name):
    frame = some_frame()
    frame = frame if takes_ratings(name) else frame[frame["rating"] >= 3]
    settings = {"scale": (1, 5)} if takes_ratings(name) else {"rating": None}
    plain = Interactions.from_frame(frame, **settings)
    data = Interactions.from_frame(frame, **settings, users=[1, 999], items=[1, 999])
    assert (data.n_users, data.n_items) == (plain.n_users + 2, plain.n_items + 2)
    model = make(name).fit(data)
    lists = model.recommend(data.users, n=data.n_items, exclude_seen=False)
    assert len(lists) == data.n_users * data.n_items
    assert np.isfinite(lists["score"]).all()
    # where the model has nothing to go by, the list is that of a stranger, not the order of the labels
    mine, strangers = (model.recommend(user, n=data.n_items)[["item", "score"]] for user in (999, "?"))
    assert mine["score"].nunique() > 1
    if np.ptp(model._score(data.user_positions([999]))) == 0:
        pd.testing.assert_frame_equal(mine, strangers)
    if takes_ratings(name):
        pairs = lists[lists["user"].isin([1, 999]) | lists["item"].isin([1, 999])]
        assert model.predict(pairs).between(1, 5).all()


def test_before_fit(name):
    with pytest.raises(NotFittedError, match=rf"{name} .* call fit"):
        make(name).recommend([1])
    if takes_ratings(name):
        with pytest.raises(NotFittedError, match=rf"{name} .* call fit"):
            make(name).predict(pd.DataFrame({"user": [1], "item": [1]}))


@pytest.mark.parametrize("wrong", [some_frame(), sparse.eye_array(3, format="csr"), np.eye(3), None])
def test_fit_takes_nothing_but_interactions(name, wrong):
    with pytest.raises(InputError, match="fit needs Interactions"):
        make(name).fit(wrong)


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", None, True])
def test_bad_n(fitted, known, n):
    with pytest.raises(InputError, match="n must be a whole number of at least 1"):
        fitted.recommend(known.users, n=n)


def test_a_user_asked_for_twice(fitted, known):
    with pytest.raises(InputError, match="asked for twice"):
        fitted.recommend([known.users[0]] * 2)


def test_an_unknown_parameter(name):
    with pytest.raises((TypeError, ValueError)):
        make(name).set_params(no_such_parameter=1)


# models that predict ratings


@pytest.fixture(params=sorted(filter(takes_ratings, MODELS)))
def predictor(request):
    return request.param


def test_predictions_keep_index_and_scale(predictor):
    data = interactions(predictor, some_frame())
    model = make(predictor).fit(data)
    pairs = data.to_frame().sample(60, random_state=0).set_index(np.arange(60) * 3)
    predicted = model.predict(pairs)
    assert isinstance(predicted, pd.Series)
    assert predicted.index.equals(pairs.index)
    assert predicted.between(1, 5).all()
    one_by_one = pd.concat([model.predict(pairs.iloc[[i]]) for i in range(60)])
    np.testing.assert_allclose(predicted, one_by_one, rtol=1e-6)
    assert model.predict(pairs.iloc[:0]).empty
    assert predicted.std() > 0.1


def test_predictions_and_lists_agree(predictor):
    data = interactions(predictor, some_frame())
    model = make(predictor).fit(data)
    lists = model.recommend(data.users, n=data.n_items, exclude_seen=False)
    np.testing.assert_allclose(model.predict(lists), lists["score"].clip(1, 5), rtol=1e-6)


def test_predictions_for_the_unknown(predictor):
    frame = some_frame()
    data = interactions(predictor, frame)
    model = make(predictor).fit(data)
    neither, only_user, only_item = model.predict(
        pd.DataFrame({"user": [-1, data.users[0], -1], "item": [-1, -1, data.items[0]]})
    )
    assert neither == pytest.approx(frame["rating"].mean(), rel=1e-6)
    assert 1 <= only_user <= 5
    assert 1 <= only_item <= 5


def test_prediction_beats_the_mean_on_held_out_ratings(predictor):
    frame = some_frame(80, 60, density=0.5)
    hidden = frame.sample(frac=0.2, random_state=1)
    train = frame.drop(hidden.index)
    model = make(predictor).fit(interactions(predictor, train))
    error = np.sqrt(np.mean((model.predict(hidden) - hidden["rating"]) ** 2))
    assert error < 0.97 * np.sqrt(np.mean((train["rating"].mean() - hidden["rating"]) ** 2))


def test_bad_pairs(predictor):
    data = interactions(predictor, some_frame())
    model = make(predictor).fit(data)
    with pytest.raises(InputError, match=r"missing: item\."):
        model.predict(pd.DataFrame({"user": [1]}))


def test_ratings_are_needed(predictor):
    data = Interactions.from_frame(some_frame(), rating=None)
    with pytest.raises(InputError, match="needs ratings"):
        make(predictor).fit(data)
