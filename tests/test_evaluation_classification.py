"""Answers and scores: hand tables, all pairs by brute force, scikit-learn, and properties."""

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

#: 3 hits, 1 false alarm, 2 missed, 4 rightly left alone.
TRUE = [1, 1, 1, 0, 1, 1, 0, 0, 0, 0]
CALLED = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
#: One wrong pair of 2 · 3, and one tie.
FEW_TRUE, FEW_SCORES = [1, 0, 1, 0, 0], [0.9, 0.8, 0.5, 0.5, 0.1]

HAND = {
    "accuracy": [((TRUE, CALLED), 0.7), (([1, 0], [0, 1]), 0.0), (([1, 0], [1, 0]), 1.0)],
    "precision": [((TRUE, CALLED), 3 / 4), (([1, 0], [1, 1]), 1 / 2), (([1, 0], [0, 0]), math.nan)],
    "recall": [((TRUE, CALLED), 3 / 5), (([1, 1], [1, 1]), 1.0), (([0, 0], [0, 1]), math.nan)],
    "f1": [((TRUE, CALLED), 6 / 9), (([1, 0], [0, 0]), 0.0), (([0, 0], [0, 0]), math.nan)],
    "matthews_correlation": [
        ((TRUE, CALLED), (3 * 4 - 1 * 2) / math.sqrt(4 * 5 * 5 * 6)),
        (([1, 0], [0, 1]), -1.0),
        (([1, 0, 0], [0, 0, 0]), 0.0),
    ],
    "roc_auc": [((FEW_TRUE, FEW_SCORES), 4.5 / 6), (([1, 0], [1, 2]), 0.0), (([1, 0, 0], [7, 7, 7]), 0.5)],
    "average_precision": [
        ((FEW_TRUE, FEW_SCORES), 1 / 2 * 1 + 1 / 2 * 2 / 4),
        (([1, 0], [1, 2]), 0.5),
        (([1, 0, 0, 0], [7, 7, 7, 7]), 0.25),
    ],
    "pr_auc_trapezoid": [
        (([1, 0, 0, 0], [7, 7, 7, 7]), 0.625),
        (([1, 0], [2, 1]), 1.0),
        (([1, 0], [1, 2]), 0.0 + 1 * (0 + 0.5) / 2),
    ],
}


def check_hand(name):
    for arguments, value in HAND[name]:
        assert getattr(evaluation, name)(*arguments) == pytest.approx(value, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", HAND)
def test_hand_table(name):
    check_hand(name)


@pytest.mark.parametrize("constant", ["first", 0.0, 0.5, 1.0, math.nan])
@pytest.mark.parametrize("name", HAND)
def test_the_hand_table_turns_red_for_a_constant(name, constant, monkeypatch):
    value = HAND[name][0][1] if constant == "first" else constant
    monkeypatch.setattr(evaluation, name, lambda *arguments: value, raising=False)
    with pytest.raises(AssertionError):
        check_hand(name)


def test_confusion_table_counts_every_pair():
    table = evaluation.confusion_table(list("aabbc"), list("abbbd"))
    assert table.index.tolist() == table.columns.tolist() == list("abcd")
    assert table.to_numpy().tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def brute_auc(true, scores):
    pairs = [(p > n) + (p == n) / 2 for t, p in zip(true, scores) if t for u, n in zip(true, scores) if not u]
    return sum(pairs) / len(pairs)


two_classes = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=25).filter(
    lambda rows: 0 < sum(t for t, _ in rows) < len(rows)
)


@settings(max_examples=80, deadline=None)
@given(two_classes)
def test_scores_against_brute_force_and_scikit_learn(rows):
    true, scores = map(list, zip(*rows))
    found = evaluation.roc_auc(true, scores)
    assert found == pytest.approx(brute_auc(true, scores), abs=1e-12)
    assert found == pytest.approx(sk.roc_auc_score(true, scores), abs=1e-12)
    curve = evaluation.roc_curve(true, scores)
    assert np.trapezoid(curve["recall"], curve["false_positive_rate"]) == pytest.approx(found, abs=1e-12)
    average = evaluation.average_precision(true, scores)
    assert average == pytest.approx(sk.average_precision_score(true, scores), abs=1e-12)
    precision, recall, _ = sk.precision_recall_curve(true, scores)
    assert evaluation.pr_auc_trapezoid(true, scores) == pytest.approx(sk.auc(recall, precision), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(two_classes, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_order_names_or_scale(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    true, scores = map(list, zip(*rows))
    names = ["buys" if t else "leaves" for t, _ in shuffled]
    stretched = [math.exp(s) for _, s in shuffled]  # any rising function keeps the ranking
    for name in ("roc_auc", "average_precision"):
        function = getattr(evaluation, name)
        assert function(names, stretched, positive="buys") == pytest.approx(function(true, scores), abs=1e-12)
    other = evaluation.roc_auc(true, [-s for s in scores])
    assert other == pytest.approx(1 - evaluation.roc_auc(true, scores), abs=1e-12)


labels = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30)


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(max_examples=80, deadline=None)
@given(labels)
def test_answers_against_scikit_learn(rows):
    true, predicted = map(list, zip(*rows))
    assert evaluation.accuracy(true, predicted) == pytest.approx(sk.accuracy_score(true, predicted))
    assert evaluation.matthews_correlation(true, predicted) == pytest.approx(
        sk.matthews_corrcoef(true, predicted), abs=1e-12
    )
    seen = sorted({*true, *predicted})
    assert evaluation.confusion_table(true, predicted).to_numpy().tolist() == (
        sk.confusion_matrix(true, predicted, labels=seen).tolist()
    )
    for label in seen:
        ours = [getattr(evaluation, name)(true, predicted, label) for name in ("precision", "recall", "f1")]
        theirs = sk.precision_recall_fscore_support(
            true, predicted, labels=[label], average=None, zero_division=np.nan
        )
        for mine, other in zip(ours[:2], theirs[:2]):
            assert mine == pytest.approx(other[0], nan_ok=True)
        # F1 is defined as soon as the class occurs on either side
        assert ours[2] == pytest.approx(theirs[2][0])
    rename = dict(zip("abc", ["z", "y", "x"]))
    assert evaluation.matthews_correlation(
        [rename[t] for t in true], [rename[p] for p in predicted]
    ) == pytest.approx(evaluation.matthews_correlation(true, predicted), abs=1e-12)


def test_the_average_of_a_users_ranking_is_average_precision_uncut():
    lists = pd.DataFrame({"user": "a", "item": [4, 2, 9, 7], "rank": [1, 2, 3, 4]})
    chosen = pd.DataFrame({"user": "a", "item": [2, 7]})
    per_user = evaluation.ranking_metrics(lists, chosen, k=4, metrics=["average_precision"])
    found = evaluation.average_precision([0, 1, 0, 1], [4, 3, 2, 1])
    assert found == pytest.approx(per_user.iloc[0, 0], rel=1e-12)


def test_the_threshold_decides_what_is_called_positive():
    true, scores = [0, 0, 1, 1], [0.1, 0.6, 0.6, 0.9]
    for threshold, called in [
        (0.5, [0, 1, 1, 1]),
        (0.6, [0, 1, 1, 1]),
        (0.7, [0, 0, 0, 1]),
        (2, [0, 0, 0, 0]),
    ]:
        found = evaluation.classification_metrics(true, scores, threshold)
        for name, column in [("accuracy", "accuracy"), ("precision", "precision"), ("f1", "f1")]:
            assert found[column] == pytest.approx(getattr(evaluation, name)(true, called), nan_ok=True)
        assert found["mcc"] == pytest.approx(sk.matthews_corrcoef(true, called))
        assert found["roc_auc"] == pytest.approx(3.5 / 4)
    turned = evaluation.classification_metrics(true, scores, 0.5, positive=0)
    assert (turned["precision"], turned["roc_auc"]) == (pytest.approx(1 / 3), pytest.approx(0.5 / 4))


def test_the_majority_class_is_accurate_and_knows_nothing():
    rng = np.random.default_rng(7)
    true = rng.random(2000) < 0.15
    found = evaluation.classification_metrics(true, rng.random(2000) * 0.4)
    assert found["accuracy"] == pytest.approx(1 - found["base_rate"])
    assert (found["recall"], found["mcc"]) == (0.0, 0.0)
    assert np.isnan(found["precision"])
    assert abs(found["roc_auc"] - 0.5) < 4 * math.sqrt(1 / (12 * 300))
    assert found.drop(["precision"]).to_dict() == pytest.approx(
        {
            "base_rate": true.mean(),
            "accuracy": (~true).mean(),
            "recall": 0.0,
            "f1": 0.0,
            "mcc": 0.0,
            "roc_auc": found["roc_auc"],
            "average_precision": found["average_precision"],
        }
    )


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: e.roc_auc([1, 1], [1, 2]), "Every label is 1"),
        (lambda e: e.roc_auc([0, 0], [1, 2]), "No label is 1"),
        (lambda e: e.average_precision([0, 0], [1, 2]), "both classes"),
        (lambda e: e.roc_auc([1, 0], [1, 2, 3]), "2 labels and scores 3"),
        (lambda e: e.roc_auc([1, 0], [1, math.nan]), "nan at position 1"),
        (lambda e: e.roc_auc([1, None], [1, 2]), "missing at position 1"),
        (lambda e: e.roc_auc([], []), "no labels"),
        (lambda e: e.accuracy([], []), "no labels"),
        (lambda e: e.accuracy([1], [1, 0]), "must pair up"),
        (lambda e: e.precision(["a", "b"], ["a", "a"]), "name the positive class"),
        (lambda e: e.accuracy(pd.Series([1, 0]), pd.Series([1, 0], index=[1, 2])), "different indexes"),
        (lambda e: e.roc_auc(pd.Series([1, 0]), pd.Series([1, 0], index=[1, 2])), "different indexes"),
        (lambda e: e.classification_metrics([1, 0], [1, 0], threshold=math.nan), "finite"),
    ],
)
def test_bad_input_gets_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call(evaluation)
