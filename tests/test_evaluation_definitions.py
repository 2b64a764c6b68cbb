"""Five libraries, five meanings: ours of each against the library called, run once, or its own unit tests."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from bigmkt_helpers import evaluation
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

LOG3 = math.log2(3)


def lists_frame(lists: dict) -> pd.DataFrame:
    rows = [(user, item, rank) for user, items in lists.items() for rank, item in enumerate(items, start=1)]
    return pd.DataFrame(rows, columns=["user", "item", "rank"])


def pairs_frame(pairs: dict) -> pd.DataFrame:
    return pd.DataFrame([(u, i) for u, items in pairs.items() for i in items], columns=["user", "item"])


#: A full list with more relevant items than places; a late hit; a short list; no list; nothing to find.
LISTS = {0: [0, 1, 2], 1: [3, 0, 4], 2: [5, 6], 4: [0, 1, 2]}
TRUTH = {0: [0, 2, 5, 6], 1: [0], 2: [6, 7], 3: [1]}

#: implicit 0.7.3, ranking_metrics_at_k, run on LISTS and TRUTH over 8 items; a short list padded with -1.
IMPLICIT = {
    1: (0.25, 0.25, 0.25),
    2: (0.5, 0.3125, 0.4077324383928644),
    3: (0.5714285714285714, 0.32638888888888884, 0.4304251624600335),
}


@pytest.mark.parametrize("k", IMPLICIT)
def test_implicit_as_run(k):
    found = evaluation.compare_definitions(lists_frame(LISTS), pairs_frame(TRUTH), k=k)["implicit"]
    assert found[["precision", "average_precision", "ndcg"]].tolist() == pytest.approx(IMPLICIT[k], rel=1e-12)
    assert found[["recall", "reciprocal_rank"]].isna().all()


def test_microsoft_recommenders_as_in_its_unit_tests():
    # tests/unit/recommenders/evaluation: rating_true, and rating_pred in order of its predictions
    truth = {1: [3, 1, 2], 2: [1, 4, 5, 6, 7], 3: [2, 5, 6, 8, 9, 10, 11, 12, 13, 14]}
    lists = {1: [3, 10, 12], 2: [10, 3, 5, 11, 13], 3: [4, 10, 7, 13, 1, 3, 5, 2, 11, 14]}
    found = evaluation.compare_definitions(lists_frame(lists), pairs_frame(truth), k=10)
    theirs = found["Microsoft Recommenders"]
    published = {"precision": 0.26666, "recall": 0.37777, "average_precision": 0.23613, "ndcg": 0.38172}
    assert theirs[list(published)].to_dict() == pytest.approx(published, abs=1e-5)
    assert math.isnan(theirs["reciprocal_rank"])


def test_microsoft_recommenders_leaves_users_without_list_out_of_all_but_ndcg():
    found = evaluation.compare_definitions(lists_frame(LISTS), pairs_frame(TRUTH), k=3)
    ours, theirs = found["this course"], found["Microsoft Recommenders"]
    for name in ("precision", "recall", "average_precision"):
        assert theirs[name] == pytest.approx(ours[name] * 4 / 3)
    assert theirs["ndcg"] == ours["ndcg"]


def test_recbole_as_in_its_unit_tests():
    # tests/metrics/test_topk_metrics.py: hits at the places marked 1, and that many relevant items in all
    places, n_relevant = [[0, 0, 0], [1, 1, 1], [1, 0, 1], [0, 0, 1]], [1, 3, 4, 2]
    lists = {user: [10 * user + rank for rank in range(3)] for user in range(4)}
    truth = {
        user: [
            *(item for item, hit in zip(lists[user], places[user]) if hit),
            *(100 + 10 * user + extra for extra in range(n_relevant[user] - sum(places[user]))),
        ]
        for user in range(4)
    }
    found = evaluation.compare_definitions(lists_frame(lists), pairs_frame(truth), k=3)["RecBole"]
    theirs = {
        "precision": [0, 1, 2 / 3, 1 / 3],
        "recall": [0, 1, 1 / 2, 1 / 2],
        "average_precision": [0, 1, (1 + 2 / 3) / 3, (1 / 3) / 2],
        "ndcg": [0, 1, (1 + 1 / 2) / (1 + 1 / LOG3 + 1 / 2), (1 / 2) / (1 + 1 / LOG3)],
        "reciprocal_rank": [0, 1, 1, 1 / 3],
    }
    assert found.to_dict() == pytest.approx({name: np.mean(values) for name, values in theirs.items()})


def scikit_learn(lists, truth, k, n_items):
    """The library itself, called on the matrices that the definition names."""
    users = sorted(truth)
    relevant, called, scores = np.zeros((3, len(users), n_items))
    for row, user in enumerate(users):
        relevant[row, truth[user]] = 1
        for rank, item in enumerate(lists.get(user, [])[:k], start=1):
            called[row, item], scores[row, item] = 1, k + 1 - rank
    return {
        "precision": sk.precision_score(relevant, called, average="samples", zero_division=0),
        "recall": sk.recall_score(relevant, called, average="samples", zero_division=0),
        "average_precision": sk.average_precision_score(relevant, scores, average="samples"),
        "ndcg": sk.ndcg_score(relevant, scores, k=k),
    }


items = st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(0, 4), items, min_size=1),
    st.dictionaries(st.integers(0, 4), items, min_size=1),
    st.integers(1, 10),
)
def test_the_column_of_scikit_learn_equals_the_library(lists, truth, k):
    found = evaluation.compare_definitions(lists_frame(lists), pairs_frame(truth), k=k, catalogue=range(8))
    theirs = scikit_learn(lists, truth, k, 8)
    assert found["scikit-learn"][list(theirs)].to_dict() == pytest.approx(theirs, abs=1e-12)
    assert math.isnan(found.loc["reciprocal_rank", "scikit-learn"])
    ours = evaluation.ranking_metrics(lists_frame(lists), pairs_frame(truth), k=k).mean()
    assert found["this course"].tolist() == pytest.approx(ours.tolist())


def test_the_libraries_do_not_agree_on_a_small_list():
    found = evaluation.compare_definitions(lists_frame(LISTS), pairs_frame(TRUTH), k=3, catalogue=range(8))
    assert found.loc["precision"].round(4).nunique() == 4
    assert found.loc["average_precision"].round(4).nunique() == 3
    assert found.loc["ndcg"].round(4).nunique() == 2


def test_every_figure_has_a_definition_and_a_source():
    table = evaluation.metric_definitions()
    found = evaluation.compare_definitions(lists_frame(LISTS), pairs_frame(TRUTH), k=3)
    assert table["metric"].unique().tolist() == found.index.tolist()
    assert table["library"].unique().tolist() == found.columns.tolist()
    none = table["definition"].str.startswith("none").to_numpy()
    assert none.tolist() == found.isna().to_numpy().ravel().tolist()
    assert (table["source"].str.len() > 10).all()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 0}, "k is 0"),
        ({"catalogue": [0, 1]}, "catalogue lacks"),
        ({"catalogue": []}, "catalogue lacks"),
    ],
)
def test_bad_input_gets_one_sentence(options, words):
    with pytest.raises(InputError, match=words):
        evaluation.compare_definitions(lists_frame(LISTS), pairs_frame(TRUTH), **options)
