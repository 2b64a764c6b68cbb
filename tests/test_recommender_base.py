"""Interactions, and what the base classes do for every model: hand tables and bad input."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from bigmkt_helpers import recommenders
from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.recommenders import Interactions, RatingPredictor, Recommender

pytestmark = pytest.mark.unit

RATINGS = pd.DataFrame(
    [("bob", "tea", 4), ("ann", "tea", 5), ("ann", "pot", 3), ("eve", "cup", 1)],
    columns=["user", "item", "rating"],
)


class Fixed(Recommender):
    """Scores that are known beforehand."""

    def __init__(self, scores=None):
        self.scores = scores

    def _fit(self, interactions):
        pass

    def _score(self, positions):
        return np.array(self.scores, dtype=float)[positions]


class Sum(RatingPredictor):
    """A prediction that leaves the scale: user position + 10 × item position."""

    def _fit(self, interactions):
        pass

    def _estimate(self, user_positions, item_positions):
        return user_positions + 10.0 * item_positions


def test_from_frame_by_hand():
    data = Interactions.from_frame(RATINGS, scale=(1, 5))
    assert data.users.tolist() == ["ann", "bob", "eve"]
    assert data.items.tolist() == ["cup", "pot", "tea"]
    assert data.matrix.toarray().tolist() == [[0, 3, 5], [0, 0, 4], [1, 0, 0]]
    assert (data.n_users, data.n_items, data.explicit, data.scale) == (3, 3, True, (1, 5))
    assert data.density == pytest.approx(4 / 9)
    assert repr(data) == "Interactions(3 users × 3 items, 4 ratings, density 44.44%)"
    assert data.user_positions(["eve", "zoe"]).tolist() == [2, -1]
    assert data.item_positions(["tea", 3]).tolist() == [2, -1]


def test_foreign_names_and_the_scale_found():
    frame = RATINGS.rename(columns={"user": "who", "item": "what", "rating": "stars"})
    data = Interactions.from_frame(frame, user="who", item="what", rating="stars")
    assert data.scale == (1.0, 5.0)
    pd.testing.assert_frame_equal(data.to_frame(), Interactions.from_frame(RATINGS).to_frame())


def test_labels_of_which_nothing_is_known():
    data = Interactions.from_frame(RATINGS, users=["abe", "eve", "eve"], items=["pot", "jar"], scale=(1, 5))
    assert data.users.tolist() == ["abe", "ann", "bob", "eve"]
    assert data.items.tolist() == ["cup", "jar", "pot", "tea"]
    assert data.matrix.toarray().tolist() == [[0, 0, 0, 0], [0, 0, 3, 5], [0, 0, 0, 4], [1, 0, 0, 0]]
    assert (data.users.name, data.items.name) == ("user", "item")
    plain = Interactions.from_frame(RATINGS)
    pd.testing.assert_frame_equal(data.to_frame(), plain.to_frame())
    for same in ([], ["tea"], plain.items):
        again = Interactions.from_frame(RATINGS, items=same)
        assert again.items.equals(plain.items)
        assert (again.matrix != plain.matrix).nnz == 0
    numbers = RATINGS.assign(item=[3, 3, 9, 1])
    more = Interactions.from_frame(numbers, items=pd.Series([7, 3], dtype="int32"))
    assert more.items.tolist() == [1, 3, 7, 9]
    assert more.items.dtype == "int64"
    assert more.matrix.toarray()[0].tolist() == [0, 5, 0, 3]


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ("tea", "is the text 'tea': give a list"),
        (["tea", None], "a missing label at place 1"),
        ([1, 2], "the same kind as in the frame, where they are text: the first given is 1"),
        (["tea", 2], "the same kind"),
    ],
)
def test_bad_further_labels(labels, problem):
    with pytest.raises(InputError, match=problem):
        Interactions.from_frame(RATINGS, items=labels)
    with pytest.raises(InputError, match=r"whole numbers: the first given is 1\.5"):
        Interactions.from_frame(RATINGS.assign(user=[1, 2, 3, 4]), users=[1.5])


def test_to_frame_is_the_way_back():
    found = Interactions.from_frame(RATINGS).to_frame()
    expected = RATINGS.astype({"rating": float}).sort_values(["user", "item"], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_names=False)


def test_implicit():
    data = Interactions.from_frame(RATINGS, rating=None)
    assert not data.explicit
    assert data.scale is None
    assert set(data.matrix.data) == {1.0}
    liked = Interactions.from_frame(RATINGS).as_implicit(minimum=4)
    assert liked.matrix.toarray().tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert liked.users.tolist() == ["ann", "bob", "eve"]
    assert Interactions.from_frame(RATINGS).as_implicit().matrix.data.tolist() == [1] * 4
    with pytest.raises(InputError, match="no stored cell"):
        Interactions.from_frame(RATINGS).as_implicit(minimum=6)


def test_a_stored_rating_of_zero_is_a_rating():
    data = Interactions.from_frame(RATINGS.assign(rating=[0, 1, 2, 3]), scale=(0, 3))
    assert data.matrix.nnz == 4
    assert 0 in data.to_frame()["rating"].tolist()


def test_duplicates():
    time = pd.to_datetime(["2025-01-03", "2025-01-01", "2025-01-01", "2025-01-02"], utc=True)
    twice = pd.DataFrame(
        {"user": [1, 1, 2, 1], "item": [5, 5, 5, 6], "rating": [2.0, 5.0, 3.0, 1.0], "at": time}
    )
    with pytest.raises(InputError, match=r"twice|more than once|duplicate|repeat"):
        Interactions.from_frame(twice)
    assert Interactions.from_frame(twice, duplicates="mean").matrix.toarray()[0, 0] == 3.5
    assert Interactions.from_frame(twice, timestamp="at", duplicates="last").matrix.toarray()[0, 0] == 2.0
    assert Interactions.from_frame(twice, rating=None, duplicates="sum").matrix.toarray()[0, 0] == 2.0


BAD_FRAMES = {
    "missing column": (RATINGS.drop(columns="item"), {}),
    "text in the ratings": (RATINGS.assign(rating=["5", "good", "3", "1"]), {}),
    "missing rating": (RATINGS.assign(rating=[4, np.nan, 3, 1]), {}),
    "missing user": (RATINGS.assign(user=["a", None, "b", "c"]), {}),
    "missing item": (RATINGS.assign(item=["a", None, "b", "c"]), {}),
    "infinite rating": (RATINGS.assign(rating=[4, np.inf, 3, 1]), {}),
    "duplicate": (pd.concat([RATINGS, RATINGS.iloc[[0]]]), {}),
    "above the scale": (RATINGS, {"scale": (1, 4)}),
    "below the scale": (RATINGS, {"scale": (2, 5)}),
    "no row": (RATINGS.iloc[:0], {}),
    "no frame": ([("ann", "tea", 5)], {}),
    "scale upside down": (RATINGS, {"scale": (5, 1)}),
    "unknown way with duplicates": (RATINGS, {"duplicates": "first"}),
    "scale without ratings": (RATINGS, {"rating": None, "scale": (1, 5)}),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_bad_frames(case):
    frame, arguments = BAD_FRAMES[case]
    with pytest.raises(InputError) as caught:
        Interactions.from_frame(frame, **arguments)
    sentence = str(caught.value)
    assert 20 < len(sentence) < 400
    assert "\n" not in sentence


def test_the_labels_must_fit_the_matrix():
    matrix = sparse.csr_array(np.ones((2, 3)))
    with pytest.raises(InputError, match=r"2 rows and 3 columns, but .* 3 users and 2 items"):
        Interactions(matrix, pd.Index([1, 2, 3]), pd.Index([1, 2]))
    with pytest.raises(InputError, match="user 1 labels two"):
        Interactions(matrix, [1, 1], [1, 2, 3])
    with pytest.raises(InputError, match="item 'b' labels two"):
        Interactions(matrix, [1, 2], ["a", "b", "b"])
    with pytest.raises(InputError, match="not finite"):
        Interactions(matrix * np.nan, [1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="no stored cell"):
        Interactions(sparse.csr_array((2, 3)), [1, 2], [1, 2, 3])


def test_any_sparse_matrix_becomes_a_tidy_csr_array():
    repeated = sparse.coo_matrix(([1, 2, 4], ([0, 0, 1], [2, 2, 0])), shape=(2, 3))
    data = Interactions(repeated, [1, 2], list("abc"))
    assert isinstance(data.matrix, sparse.csr_array)
    assert data.matrix.toarray().tolist() == [[0, 0, 3], [4, 0, 0]]
    assert data.matrix.dtype == np.float64
    assert data.scale == (3.0, 4.0)
    assert data.items.tolist() == ["a", "b", "c"]


def test_lists_by_hand():
    data = Interactions.from_frame(RATINGS)
    model = Fixed([[0.1, 0.9, 0.3], [0.5, 0.5, 0.7], [0.2, 0.4, -np.inf]]).fit(data)
    lists = model.recommend(["eve", "ann", "bob"], n=2)
    assert list(lists.itertuples(index=False, name=None)) == [
        ("eve", "pot", 1, 0.4),  # has the cup; the tea cannot be recommended
        ("ann", "cup", 1, 0.1),  # has pot and tea
        ("bob", "cup", 1, 0.5),  # equal scores: in the order of the labels
        ("bob", "pot", 2, 0.5),
    ]
    everything = model.recommend("ann", exclude_seen=False)
    assert everything["item"].tolist() == ["pot", "tea", "cup"]
    assert everything["score"].tolist() == [0.9, 0.3, 0.1]
    assert model.recommend(pd.Series(["ann", "bob"]), n=1)["user"].tolist() == ["ann", "bob"]


def test_an_unknown_user_by_hand():
    model = Fixed(np.zeros((3, 3))).fit(Interactions.from_frame(RATINGS))
    lists = model.recommend("zoe", n=2)
    assert lists["item"].tolist() == ["tea", "cup"]
    assert lists["score"].tolist() == [2 / 3, 1 / 3]


def test_predictions_by_hand():
    model = Sum().fit(Interactions.from_frame(RATINGS, scale=(1, 5)))
    pairs = pd.DataFrame(
        {
            "user": ["bob", "ann", "eve", "ann", "zoe", "zoe"],
            "item": ["cup", "cup", "tea", "jar", "tea", "jar"],
        },
        index=[7, 7, 3, 2, 1, 0],
    )
    predicted = model.predict(pairs)
    # 1 as it is, 0 and 22 clipped; then the mean of the one that is known; then the mean of all, 13 / 4
    assert predicted.tolist() == [1, 1, 5, 4, 4.5, 3.25]
    assert predicted.index.tolist() == [7, 7, 3, 2, 1, 0]
    assert predicted.name == "rating"


def test_a_model_without_scores_says_so():
    with pytest.raises(NotFittedError, match="Fixed has not learned anything yet"):
        Fixed().recommend(1)
    with pytest.raises(NotImplementedError):
        Recommender().fit(Interactions.from_frame(RATINGS))


def test_the_notebook_shows_text_without_random_identifiers():
    assert Fixed()._repr_mimebundle_() == {"text/plain": "Fixed()"}


def test_exports_are_there_and_come_when_asked_for():
    assert (
        {"Interactions", "Recommender", "RatingPredictor"}
        <= set(recommenders.__all__)
        <= set(dir(recommenders))
    )
    for name in recommenders.__all__:
        assert getattr(recommenders, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_model"):
        recommenders.no_such_model  # noqa: B018
    code = "import sys, bigmkt_helpers.recommenders; print('scipy' in sys.modules, 'pandas' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.split() == ["False", "False"]
