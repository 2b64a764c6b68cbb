"""Texts, features of products and content-based recommendation: hand tables, brute force, bad input."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from bigmkt_helpers import text
from bigmkt_helpers.datasets import load_movielens, load_shop
from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.recommenders import ContentFeatures, ContentRecommender, ImplicitItemKNN, Interactions
from bigmkt_helpers.similarity import bm25, pairwise, tf_idf
from bigmkt_helpers.text import TextFeatures, character_ngrams, chinese_words, words

pytestmark = pytest.mark.unit

PRODUCTS = pd.DataFrame(
    {
        "title": ["green tea", "black tea", "tea pot", "desk lamp", "wall lamp", ""],
        "genre": ["drink|leaf", "drink|leaf", "ware", "light", "light|wall", None],
        "price": [30.0, 20.0, 60.0, 90.0, np.nan, 40.0],
    },
    index=list("abcdef"),
)
TITLES = ContentFeatures(text={"title": "words"})


# tokens


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("", []),
        ("  \n\t ", []),
        ("Tea, tea & TEA!", ["tea", "tea", "tea"]),
        ("Men's cup, men’s", ["mens", "cup", "mens"]),
        ("blue-and-white no_name 3.5", ["blue", "and", "white", "no", "name"]),
        ("a B 7 ok 42", ["ok", "42"]),
        ("ＴＥＡ　５００ｍｌ", ["tea", "500ml"]),
        ("Straße ΤΣΆΪ Чай", ["strasse", "τσάϊ", "чай"]),
        ("شاي أخضر תה ירוק", ["شاي", "أخضر", "תה", "ירוק"]),
        ("हरी चाय", ["हरी", "चाय"]),
        ("😀🎉🍵", []),
        ("tea😀pot", ["tea", "pot"]),
        ("café cafe\u0301", ["café", "café"]),
        ("龙井绿茶：传统、日常。", ["龙井绿茶", "传统", "日常"]),
    ],
)
def test_words(given_text, expected):
    assert words(given_text) == expected


def test_chinese_by_dictionary_and_by_characters():
    assert chinese_words("紫砂茶叶罐：耐看、华丽 gift") == ["紫砂", "茶叶罐", "耐看", "华丽", "gift"]
    assert chinese_words("500ml茶") == ["500ml", "茶"]
    assert character_ngrams("茶叶罐") == ["茶", "叶", "罐", "茶叶", "叶罐"]
    assert character_ngrams("茶叶罐", lengths=(2,)) == ["茶叶", "叶罐"]
    assert character_ngrams("茶", lengths=(2,)) == []
    # no run crosses a sign or another script
    assert character_ngrams("茶，叶A罐tea", lengths=(2,)) == ["tea"]
    assert character_ngrams("おちゃ", lengths=(2,)) == ["おち", "ちゃ"]
    assert character_ngrams("green tea") == words("green tea") == chinese_words("green tea")
    for tokenise in text.TOKENISERS.values():
        assert tokenise("") == tokenise("：，。😀") == []


@given(st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_tokens_of_any_text(any_text):
    for tokenise in (words, character_ngrams):
        tokens = tokenise(any_text)
        assert tokens == tokenise(any_text)
        for token in tokens:
            assert token
            assert not any(letter.isspace() for letter in token)
    # tokens are fixed points: cut again they stay what they are
    again = words(" ".join(words(any_text)))
    assert again == words(any_text)


def test_jieba_is_quiet_and_writes_nothing(tmp_path):
    code = (
        "import sys; from bigmkt_helpers import text, recommenders\n"
        "recommenders.ContentRecommender\n"
        "assert 'jieba' not in sys.modules\n"
        "assert text.chinese_words('龙井绿茶') == ['龙井', '绿茶']\n"
        "assert 'jieba' in sys.modules\n"
    )
    environment = os.environ | {name: str(tmp_path) for name in ("TMPDIR", "TEMP", "TMP")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


# weights of tokens


def test_tf_idf_by_hand():
    # three texts; "tea" stands in two, "green" and "pot" in one: log(3 / 2) and log(3)
    model = TextFeatures(weighting="tf_idf").fit(["green tea", "tea tea pot", ""])
    assert model.get_feature_names_out().tolist() == ["green", "pot", "tea"]
    expected = [[np.log(3), 0, np.log(1.5)], [0, np.log(3), 2 * np.log(1.5)], [0, 0, 0]]
    np.testing.assert_allclose(model.transform(["green tea", "tea tea pot", ""]).toarray(), expected)
    # words never seen are ignored, and the rarity stays that of the three texts
    np.testing.assert_allclose(model.transform(["green jug"]).toarray(), [[np.log(3), 0, 0]])
    assert model.mean_length_ == pytest.approx(5 / 3)


def test_a_token_in_every_text_says_nothing():
    model = TextFeatures().fit(["tea pot", "tea cup"])
    assert model.transform(["tea"]).toarray().tolist() == [[0, 0, 0]]
    assert TextFeatures().fit(["only tea"]).idf_.tolist() == [0, 0]


@pytest.mark.parametrize("weighting", ["tf_idf", "bm25"])
def test_weights_are_those_of_the_room_of_similarity(weighting):
    texts = load_shop().products["description"].head(120)
    counts = TextFeatures(weighting="count").fit(texts).transform(texts)
    mine = TextFeatures(weighting=weighting, k1=1.5, b=0.6).fit(texts).transform(texts)
    theirs = tf_idf(counts) if weighting == "tf_idf" else bm25(counts, k1=1.5, b=0.6)
    np.testing.assert_allclose(mine.toarray(), theirs.toarray())
    part = TextFeatures(weighting=weighting, k1=1.5, b=0.6).fit(texts).transform(texts.iloc[7:9])
    np.testing.assert_allclose(part.toarray(), theirs.toarray()[7:9])


def test_against_scikit_learn_where_the_definitions_agree():
    texts = load_movielens().movies["title"].head(800)
    counts = CountVectorizer().fit_transform(texts)
    model = TextFeatures(tokens=CountVectorizer().build_analyzer(), weighting="count").fit(texts)
    np.testing.assert_array_equal(model.transform(texts).toarray(), counts.toarray())
    # without smoothing scikit-learn has count × (1 + log(N / n)): ours plus the count
    theirs = TfidfVectorizer(smooth_idf=False, norm=None)
    theirs = theirs.fit_transform(texts) - counts
    model.set_params(weighting="tf_idf").fit(texts)
    np.testing.assert_allclose(model.transform(texts).toarray(), theirs.toarray(), atol=1e-12)
    # our words and theirs differ in these titles by the apostrophe alone
    plain = texts[~texts.str.contains("['’_]")]
    ours = TextFeatures(weighting="count").fit(plain)
    again = CountVectorizer(strip_accents=None).fit(plain)
    assert ours.get_feature_names_out().tolist() == again.get_feature_names_out().tolist()


def test_min_texts_and_missing_texts():
    model = TextFeatures(weighting="binary", min_texts=2).fit(
        pd.Series(["tea tea", "tea cup", None, np.nan, pd.NA])
    )
    assert model.get_feature_names_out().tolist() == ["tea"]
    assert model.transform(["tea tea cup", None]).toarray().tolist() == [[1], [0]]
    nothing = TextFeatures().fit(["", None])
    assert nothing.transform(["tea"]).shape == (1, 0)
    assert TextFeatures("ngrams", "bm25").fit([]).transform(["茶"]).shape == (1, 0)


@pytest.mark.parametrize("weighting", ["tf_idf", "bm25", "count", "binary"])
def test_fit_transform_is_fit_then_transform(weighting):
    texts = ["green tea tea", "black tea", "tea pot", None, "", "a pot of pots"]
    at_once = TextFeatures(weighting=weighting).fit_transform(texts).toarray()
    assert at_once.any()
    assert np.array_equal(at_once, TextFeatures(weighting=weighting).fit(texts).transform(texts).toarray())


@given(st.lists(st.lists(st.sampled_from(["tea", "pot", "cup", "jar"]), max_size=5), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_order_of_texts_and_of_words_changes_nothing(bags):
    texts = [" ".join(bag) for bag in bags]
    turned = [" ".join(reversed(bag)) for bag in bags][::-1]
    for weighting in text.WEIGHTINGS:
        one = TextFeatures(weighting=weighting).fit(texts)
        other = TextFeatures(weighting=weighting).fit(turned)
        assert one.vocabulary_.equals(other.vocabulary_)
        np.testing.assert_allclose(
            one.transform(texts).toarray(), other.transform(turned).toarray()[::-1], atol=1e-12
        )


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("settings_", "texts", "problem"),
    [
        ({"tokens": "klingon"}, ["a"], "tokens must be one of words, chinese, ngrams"),
        ({"weighting": "idf"}, ["a"], "weighting must be one of"),
        ({"k1": -1}, ["a"], "k1 of at least 0"),
        ({"b": 2}, ["a"], "b from 0 to 1"),
        ({"min_texts": 0}, ["a"], "min_texts must be at least 1"),
        ({}, "green tea", "is one text: give a list"),
        ({}, ["tea", 5], r"5 \(row 1\) is no text but int"),
        ({}, pd.Series(["tea", 2.5], index=["x", "y"]), r"2\.5 \('y'\) is no text but float"),
    ],
)
def test_bad_texts(settings_, texts, problem):
    with pytest.raises(InputError, match=problem):
        TextFeatures(**settings_).fit(texts)


def test_text_features_before_fit():
    with pytest.raises(NotFittedError, match="call fit"):
        TextFeatures().transform(["tea"])
    with pytest.raises(NotFittedError, match="call fit"):
        TextFeatures().get_feature_names_out()


# features of products


def test_blocks_by_hand():
    features = ContentFeatures(
        text={"title": "words"},
        labels={"genre": "|"},
        numbers=["price"],
        weights={"genre": 4},
        weighting="count",
    )
    matrix = features.fit_transform(PRODUCTS)
    names = features.get_feature_names_out().tolist()
    assert names[:3] == ["title: black", "title: desk", "title: green"]
    assert names[-6:] == [
        "genre: drink",
        "genre: leaf",
        "genre: light",
        "genre: wall",
        "genre: ware",
        "price",
    ]
    assert [features.blocks_[name].stop for name in ("title", "genre", "price")] == [7, 12, 13]
    table = pd.DataFrame(matrix.toarray(), PRODUCTS.index, names)
    half = np.sqrt(0.5)
    assert table.loc["a", ["title: green", "title: tea", "title: pot"]].tolist() == pytest.approx(
        [half, half, 0]
    )
    assert table.loc["a", ["genre: drink", "genre: leaf"]].tolist() == pytest.approx([2 * half, 2 * half])
    assert table.loc["c", "genre: ware"] == 2
    known = PRODUCTS["price"].dropna()
    expected = ((PRODUCTS["price"] - known.mean()) / known.std(ddof=0)).fillna(0)
    np.testing.assert_allclose(table["price"], expected)
    # f has neither title nor genre: only its price is a cell
    assert matrix[[5]].nnz == 1


def test_the_cosine_is_the_weighted_mean_of_the_cosines_by_block():
    catalogue = PRODUCTS.iloc[:5]
    parts = [ContentFeatures(text={"title": "words"}), ContentFeatures(labels={"genre": "|"})]
    cosines = [pairwise(part.fit_transform(catalogue), missing="zero") for part in parts]
    both = ContentFeatures(text={"title": "words"}, labels={"genre": "|"}, weights={"title": 3, "genre": 2})
    found = pairwise(both.fit_transform(catalogue), missing="zero")
    np.testing.assert_allclose(found, (3 * cosines[0] + 2 * cosines[1]) / 5)
    # a common factor of all weights changes no cosine
    twice = clone(both).set_params(weights={"title": 6, "genre": 4})
    np.testing.assert_allclose(pairwise(twice.fit_transform(catalogue), missing="zero"), found)


def test_transform_of_new_products():
    features = ContentFeatures(
        text={"title": "words"}, labels={"genre": "|"}, numbers=["price"], label_weighting="tf_idf"
    ).fit(PRODUCTS)
    new = pd.DataFrame({"title": ["green jug", None], "genre": ["ware| new ", ""], "price": [1e9, None]})
    rows = pd.DataFrame(features.transform(new).toarray(), columns=features.get_feature_names_out())
    assert rows.loc[0, "title: green"] == 1  # the only word known, at length 1
    assert rows.loc[0, "genre: ware"] == 1
    assert rows.loc[0, "price"] == 3  # held
    assert (rows.loc[1] == 0).all()
    alone = features.transform(PRODUCTS.loc[["b"]]).toarray()
    np.testing.assert_allclose(alone[0], features.transform(PRODUCTS).toarray()[1])


def test_label_rarity_numbers_and_constants():
    rare = ContentFeatures(labels={"genre": "|"}, label_weighting="tf_idf").fit(PRODUCTS)
    row = dict(zip(rare.get_feature_names_out(), rare.transform(PRODUCTS).toarray()[4]))
    light, wall = np.log(6 / 2), np.log(6)
    assert row["genre: wall"] == pytest.approx(wall / np.hypot(light, wall))
    same = pd.DataFrame({"price": [0.1 + 0.2, 0.3, 0.3]})
    assert ContentFeatures(numbers=["price"]).fit_transform(same).nnz == 0
    nothing = pd.DataFrame({"price": [np.nan, np.nan]})
    assert ContentFeatures(numbers=["price"]).fit_transform(nothing).nnz == 0
    two = pd.DataFrame({"price": [1.0, 3.0], "weight": [5, 7]})
    matrix = ContentFeatures(numbers=["price", "weight"]).fit_transform(two).toarray()
    np.testing.assert_allclose(matrix, np.array([[-1, -1], [1, 1]]) / np.sqrt(2))
    labels = pd.DataFrame({"category": [3, 3, 7], "flag": [True, False, None]})
    names = ContentFeatures(labels={"category": None, "flag": None}).fit(labels).get_feature_names_out()
    assert names.tolist() == ["category: 3", "category: 7", "flag: False", "flag: True"]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("settings_", "problem"),
    [
        ({}, "no column is named"),
        ({"text": {"name": "words"}}, "no column 'name'; they have title, genre, price"),
        ({"text": {"title": "words"}, "labels": {"title": None}}, "'title' is named twice"),
        ({"text": {"price": "words"}}, r"column 'price': 30\.0 \('a'\) is no text"),
        ({"labels": {"price": "|"}}, r"30\.0 is no text: only text can be split"),
        ({"numbers": ["title"]}, "column 'title'|'green tea' is no number"),
        ({"numbers": "price"}, "give a list of columns"),
        ({"numbers": ["price"], "weights": {"cost": 1}}, "weights names 'cost'"),
        (
            {"numbers": ["price"], "weights": {"price": -1}},
            "weight of 'price' must be a number of at least 0",
        ),
        ({"labels": {"genre": "|"}, "label_weighting": "bm25"}, "label_weighting must be"),
        ({"text": {"title": "words"}, "weighting": "x"}, "column 'title': weighting must be"),
    ],
)
def test_bad_features(settings_, problem):
    with pytest.raises(InputError, match=problem):
        ContentFeatures(**settings_).fit_transform(PRODUCTS)


@pytest.mark.bad_input
def test_bad_tables():
    with pytest.raises(InputError, match="the products are a list"):
        TITLES.fit([1, 2])
    with pytest.raises(InputError, match="the number of 'b' is infinite"):
        ContentFeatures(numbers=["price"]).fit(pd.DataFrame({"price": [1, np.inf]}, index=["a", "b"]))
    with pytest.raises(NotFittedError):
        ContentFeatures(numbers=["price"]).transform(PRODUCTS)
    with pytest.raises(NotFittedError):
        ContentFeatures(numbers=["price"]).get_feature_names_out()


# the recommender


def ratings_of(rows, **settings_):
    frame = pd.DataFrame(rows, columns=["user", "item", "rating"])
    return Interactions.from_frame(frame, scale=(1, 5), **settings_)


def brute_force(table, ratings, user, negative, neutral):
    """Profile and cosine in plain loops, from a dense table of features."""
    mine = {item: rating - neutral for who, item, rating in ratings if who == user}
    profile = np.zeros(table.shape[1])
    for sign, factor in ((1, 1.0), (-1, -negative)):
        chosen = {item: abs(weight) for item, weight in mine.items() if weight * sign > 0}
        for item, weight in chosen.items():
            row = table.loc[item].to_numpy()
            profile += factor * weight / sum(chosen.values()) * row / (np.linalg.norm(row) or 1)
    scores = {}
    for item, row in table.iterrows():
        length = np.linalg.norm(profile) * np.linalg.norm(row)
        scores[item] = profile @ row / length if length else 0.0
    return pd.Series(scores)


@pytest.mark.parametrize("negative", [0, 0.25, 1])
@pytest.mark.parametrize("neutral", [3.0, 0.0, 2.5])
def test_profile_against_brute_force(negative, neutral):
    rows = [("ann", "a", 5), ("ann", "d", 1), ("ann", "c", 4), ("bob", "e", 2), ("bob", "b", 1)]
    features = ContentFeatures(text={"title": "words"}, labels={"genre": "|"}, numbers=["price"])
    model = ContentRecommender(PRODUCTS, features, neutral=neutral, negative=negative)
    known = ratings_of(rows, items=PRODUCTS.index)
    lists = model.fit(known).recommend(["ann", "bob"], n=6, exclude_seen=False)
    table = pd.DataFrame(features.fit_transform(PRODUCTS).toarray(), PRODUCTS.index)
    for user, mine in lists.groupby("user"):
        expected = brute_force(table, rows, user, negative, neutral)
        np.testing.assert_allclose(mine.set_index("item")["score"], expected[mine["item"]], atol=1e-12)
        best = expected.round(12).sort_values(ascending=False, kind="stable")
        assert mine["item"].tolist() == best.index.tolist()


def test_damped_mean_by_hand():
    # mean of all ratings 3; ann's neutral point (5 + 4 + 2·3) / (2 + 2) = 3.75: both are liked, 1.25 to 0.25
    rows = [("ann", "a", 5), ("ann", "d", 4), ("bob", "b", 1), ("bob", "c", 2)]
    model = ContentRecommender(PRODUCTS, TITLES, damping=2.0).fit(ratings_of(rows))
    table = model.explain("ann", "a", by="item")
    assert table["item"].tolist() == ["a"]
    assert table["weight"].tolist() == pytest.approx([1.25 / 1.5])
    # without damping the mean is 4.5, and d is disliked
    model = ContentRecommender(PRODUCTS, TITLES, damping=0.0, negative=0.5).fit(ratings_of(rows))
    assert model.explain("ann", "d", by="item")["weight"].tolist() == pytest.approx([-0.5])


def test_negatives_push_away():
    rows = [("ann", "a", 5), ("ann", "d", 1)]
    known = ratings_of(rows, items=PRODUCTS.index)
    with_, without = (
        ContentRecommender(PRODUCTS, TITLES, neutral=3.0, negative=negative).fit(known).recommend("ann", n=6)
        for negative in (0.5, 0)
    )
    assert with_.set_index("item")["score"]["e"] < 0
    assert without.set_index("item")["score"]["e"] == 0
    assert with_["item"].tolist()[-1] == "e"


def test_an_item_without_any_buyer_is_ranked():
    known = Interactions.from_frame(
        pd.DataFrame({"user": [1, 1, 2], "item": ["a", "c", "d"]}),
        rating=None,
        items=PRODUCTS.index,
        users=[9],
    )
    model = ContentRecommender(PRODUCTS, TITLES).fit(known)
    assert model.recommend(1, n=1)["item"].tolist() == ["b"]
    assert model.recommend(2, n=1)["item"].tolist() == ["e"]
    # where a collaborative model has only zeros
    scores = ImplicitItemKNN().fit(known).recommend(2, n=6).set_index("item")["score"]
    assert scores[["b", "e", "f"]].tolist() == [0, 0, 0]
    # somebody of whom nothing is known gets the best-sellers: here a, c and d have one buyer of three people
    nobody = model.recommend(9, n=6)
    assert nobody["item"].tolist() == list("acdbef")
    assert nobody["score"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0, 0])
    # a product of which nothing is known
    assert model.recommend(1, n=6).set_index("item")["score"]["f"] == 0


@pytest.mark.parametrize("weighting", ["tf_idf", "bm25", "binary"])
def test_fit_transform_is_fit_and_transform(weighting):
    table = pd.DataFrame(
        {
            "title": ["green tea tea", None, "青瓷茶壶", "tea pot"],
            "labels": ["tea|gift", "pot", None, "pot|tea"],
            "price": [10.0, np.nan, 30.0, 20.0],
        }
    )
    features = ContentFeatures(
        {"title": "ngrams"}, {"labels": "|"}, ["price"], {"title": 2}, weighting, "tf_idf"
    )
    at_once = features.fit_transform(table)
    assert at_once.toarray().tolist() == features.transform(table).toarray().tolist()
    assert at_once.nnz > 0
    assert (at_once != features.fit(table).transform(table)).nnz == 0


def test_all_ratings_equal_counts_what_was_chosen():
    rows = [("ann", "a", 3), ("ann", "c", 3), ("bob", "d", 3)]
    model = ContentRecommender(PRODUCTS, TITLES).fit(ratings_of(rows, items=PRODUCTS.index))
    implicit = ContentRecommender(PRODUCTS, TITLES).fit(ratings_of(rows, items=PRODUCTS.index).as_implicit())
    pd.testing.assert_frame_equal(model.recommend(["ann", "bob"]), implicit.recommend(["ann", "bob"]))


def test_order_of_products_columns_and_words_changes_nothing():
    rows = [("ann", "a", 5), ("ann", "d", 1), ("bob", "e", 4), ("bob", "c", 2)]
    features = ContentFeatures(text={"title": "words"}, labels={"genre": "|"}, numbers=["price"])
    known = ratings_of(rows, items=PRODUCTS.index)
    first = ContentRecommender(PRODUCTS, features).fit(known).recommend(known.users)
    turned = PRODUCTS.iloc[::-1, ::-1].assign(
        title=lambda table: table["title"].str.split().map(lambda parts: " ".join(parts[::-1])),
        genre=lambda table: table["genre"].str.split("|").map(lambda parts: "|".join(parts[::-1]), "ignore"),
        price=lambda table: 7 * table["price"] + 100,
        unread=1,
    )
    second = ContentRecommender(turned, features).fit(known).recommend(known.users)
    pd.testing.assert_frame_equal(first, second)


def test_other_labels_with_the_same_features():
    rng = np.random.default_rng(4)
    known = pd.DataFrame({"user": rng.integers(0, 20, 90), "item": rng.integers(0, 30, 90)}).drop_duplicates()
    catalogue = pd.DataFrame({"title": [" ".join(rng.choice(list("pqrstuv"), 4) + "x") for _ in range(30)]})
    renamed = dict(zip(range(30), rng.permutation(900)))
    model = ContentRecommender(catalogue, TITLES)
    lists = model.fit(Interactions.from_frame(known, rating=None, items=catalogue.index))
    scores = lists.recommend(range(20), n=30).set_index(["user", "item"])["score"]
    other = ContentRecommender(catalogue.rename(index=renamed), TITLES)
    other.fit(Interactions.from_frame(known.replace({"item": renamed}), rating=None, items=renamed.values()))
    found = other.recommend(range(20), n=30)
    back = found.assign(item=found["item"].map({new: old for old, new in renamed.items()}))
    pd.testing.assert_series_equal(
        back.set_index(["user", "item"])["score"].sort_index(), scores.sort_index(), check_exact=False
    )


def test_nearest():
    model = ContentRecommender(PRODUCTS, TITLES).fit(ratings_of([("ann", "a", 5)]))
    near = model.nearest("a", n=3)
    table = pairwise(TITLES.fit_transform(PRODUCTS), missing="zero")
    assert near["neighbour"].tolist() == ["b", "c"]  # the others share no word
    np.testing.assert_allclose(near["score"], table[0, [1, 2]])
    assert model.nearest(["d", "f"])["item"].tolist() == ["d"]  # f has no word
    new = pd.DataFrame({"title": ["lamp of glass", "😀"]}, index=["new", "odd"])
    near = model.nearest(new, n=2)
    assert near[["item", "neighbour"]].to_numpy().tolist() == [["new", "d"], ["new", "e"]]
    # a table asks for a new product: its twin in the catalogue is a neighbour
    assert model.nearest(PRODUCTS.loc[["a"]], n=1)["neighbour"].tolist() == ["a"]
    assert model.nearest(PRODUCTS.loc[["a"]], n=1)["score"].tolist() == [pytest.approx(1)]


def test_audience():
    rows = [
        ("ann", "a", 5),
        ("ann", "d", 1),
        ("bob", "e", 4),
        ("bob", "c", 4),
        ("cem", "d", 5),
        ("cem", "b", 1),
    ]
    model = ContentRecommender(PRODUCTS, TITLES, neutral=3.0).fit(ratings_of(rows, users=["dai"]))
    new = pd.DataFrame({"title": ["reading lamp", "jug"]}, index=["lamp", "jug"])
    told = model.audience(new, n=9)
    assert told["user"].tolist() == ["cem", "bob"]  # ann dislikes lamps, nothing is known of dai
    assert told["item"].unique().tolist() == ["lamp"]
    lists = model.recommend(["bob", "cem"], n=6, exclude_seen=False).set_index(["user", "item"])["score"]
    of_d = model.audience("d", exclude_seen=False)
    np.testing.assert_allclose(of_d["score"], [lists[user, "d"] for user in of_d["user"]])
    assert model.audience("d")["user"].tolist() == ["bob"]
    assert model.audience(["d", "f"])["item"].unique().tolist() == ["d"]


def test_recommend_for_stated_interests():
    features = ContentFeatures(text={"title": "words"}, labels={"genre": "|"})
    model = ContentRecommender(PRODUCTS, features).fit(ratings_of([("ann", "a", 5)]))
    lists = model.recommend_for_profile({"title": "a lamp for the wall", "genre": "light"}, n=3)
    assert lists["item"].tolist()[:2] == ["e", "d"]
    assert lists["rank"].tolist() == [1, 2, 3]
    turned = model.recommend_for_profile({"title": "lamp"}, dislikes={"genre": "wall"}, n=6)
    assert turned["item"].tolist()[0] == "d"
    assert len(turned) == 6
    with pytest.raises(InputError, match=r"nothing of the stated interests \(title='😀'\)"):
        model.recommend_for_profile({"title": "😀"})
    with pytest.raises(InputError, match="interests names 'colour', but the features are of title, genre"):
        model.recommend_for_profile({"colour": "red"})
    with pytest.raises(InputError, match="must be a mapping"):
        model.recommend_for_profile("lamp")


@pytest.mark.parametrize("by", ["feature", "item"])
def test_explanations_add_up_to_the_score(by):
    rows = [("ann", "a", 5), ("ann", "d", 1), ("ann", "e", 4), ("bob", "e", 4)]
    features = ContentFeatures(text={"title": "words"}, labels={"genre": "|"}, numbers=["price"])
    known = ratings_of(rows, items=PRODUCTS.index, users=["eve"])
    model = ContentRecommender(PRODUCTS, features, negative=0.5).fit(known)
    scores = model.recommend("ann", n=6, exclude_seen=False).set_index("item")["score"]
    for item, score in scores.items():
        table = model.explain("ann", item, by=by, n=100)
        assert table["contribution"].sum() == pytest.approx(score)
        assert table["contribution"].abs().is_monotonic_decreasing
    assert model.explain("ann", "b", by=by, n=1).equals(model.explain("ann", "b", by=by).head(1))
    assert model.explain("eve", "a", by=by).empty


@pytest.mark.filterwarnings("error")
def test_strange_catalogues_have_an_answer():
    strange = pd.DataFrame(
        {"title": ["", "😀", "τσάι", "شاي אבג", "茶", None, "tea tea tea", "tea"]}, index=range(8)
    )
    known = Interactions.from_frame(
        pd.DataFrame({"user": [1, 2], "item": [0, 6]}), rating=None, items=range(8)
    )
    for tokens in ("words", "chinese", "ngrams"):
        for weighting in text.WEIGHTINGS:
            features = ContentFeatures(text={"title": tokens}, weighting=weighting)
            model = ContentRecommender(strange, features).fit(known)
            lists = model.recommend([1, 2], n=8)
            assert lists.groupby("user").size().tolist() == [7, 7]
            assert np.isfinite(lists["score"]).all()
            assert (lists.query("user == 1")["score"] == 0).all()
            assert lists.query("user == 2")["item"].tolist()[0] == 7
    empty = ContentRecommender(strange.iloc[:2], TITLES)  # no word at all
    lists = empty.fit(
        Interactions.from_frame(pd.DataFrame({"user": [1], "item": [0]}), rating=None, items=[0, 1])
    )
    assert lists.recommend(1)["score"].tolist() == [0]
    assert lists.nearest([0, 1]).empty
    assert lists.audience(1).empty


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            {"items": PRODUCTS.drop("d")},
            r"lacks 1 of the 2 items of the interactions \(first: 'd'\): add a row",
        ),
        ({"items": PRODUCTS.loc[["a", "a", "d"]]}, "product 'a' stands in two rows"),
        ({"items": PRODUCTS.rename(index={"b": None})}, "row 1 of the products has no label"),
        ({"items": [1, 2]}, "the products are a list"),
        ({"features": "title"}, "features must be a ContentFeatures"),
        ({"neutral": "median"}, 'neutral must be "mean" or a number'),
        ({"damping": -1}, "damping must be a number of at least 0"),
        ({"negative": None}, "negative must be a number of at least 0"),
        ({"features": ContentFeatures(text={"name": "words"})}, "no column 'name'"),
    ],
)
def test_bad_recommenders(arguments, problem):
    known = ratings_of([("ann", "a", 5), ("bob", "d", 2)])
    with pytest.raises(InputError, match=problem):
        ContentRecommender(**{"items": PRODUCTS, "features": TITLES} | arguments).fit(known)


@pytest.mark.bad_input
def test_bad_questions():
    model = ContentRecommender(PRODUCTS, TITLES).fit(ratings_of([("ann", "a", 5), ("bob", "d", 2)]))
    for ask in (model.nearest, model.audience):
        with pytest.raises(InputError, match="item 'x' is not in the catalogue"):
            ask("x")
        with pytest.raises(InputError, match="n must be a whole number"):
            ask("a", n=0)
        with pytest.raises(InputError, match="stands in two rows"):
            ask(PRODUCTS.loc[["a", "a"]])
    with pytest.raises(InputError, match="user 'eve' is not among"):
        model.explain("eve", "a")
    with pytest.raises(InputError, match="item 'b' is not among"):
        model.explain("ann", "b")
    with pytest.raises(InputError, match='by must be "feature" or "item"'):
        model.explain("ann", "a", by="word")
    with pytest.raises(NotFittedError):
        ContentRecommender(PRODUCTS, TITLES).nearest("a")


def test_the_articles_wrong_axis():
    """Article 001: the norm of the whole table and the product along the wrong axis, where shapes allow."""
    interest = np.array([1.0, 0.0, 1.0])
    table = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    as_printed = np.dot(interest, table) / (np.linalg.norm(interest) * np.linalg.norm(table))
    np.testing.assert_allclose(as_printed, [0.577350, 0.288675, 0.577350], atol=5e-7)
    # the same products as texts: what is liked is "red tea", the three are "red tea", "pot", "red tea pot"
    catalogue = pd.DataFrame({"title": ["red tea", "pot", "red tea pot"]})
    known = Interactions.from_frame(pd.DataFrame({"user": [1], "item": [0]}), rating=None, items=range(3))
    model = ContentRecommender(catalogue, ContentFeatures({"title": "words"}, weighting="count")).fit(known)
    scores = model.recommend(1, exclude_seen=False).set_index("item")["score"]
    np.testing.assert_allclose(scores[[0, 1, 2]], [1, 0, 0.816497], atol=5e-7)


# the shop's truth


@pytest.mark.recovery
@pytest.mark.parametrize(
    ("columns", "least"),
    [
        ({"description": "words"}, 0.85),
        ({"description_zh": "chinese"}, 0.9),
        ({"description_zh": "ngrams"}, 0.9),
    ],
)
def test_text_neighbours_stand_in_the_same_category(columns, least):
    products = load_shop().products.set_index("product_id")
    known = Interactions.from_frame(pd.DataFrame({"user": [1], "item": [101]}), rating=None)
    model = ContentRecommender(products, ContentFeatures(text=columns)).fit(known)
    near = model.nearest(products.index, n=10)
    category = products["category"]
    share = (near["item"].map(category) == near["neighbour"].map(category)).mean()
    assert least < share < 1


@pytest.mark.recovery
def test_chinese_without_a_tokeniser_that_knows_chinese_fails():
    products = load_shop().products.set_index("product_id")
    matrix = TextFeatures("words").fit(products["title_zh"]).transform(products["title_zh"])
    assert matrix.shape == (600, 600)  # every title is one "word" of its own
    assert sparse.csr_array(matrix @ matrix.T).nnz == 600
