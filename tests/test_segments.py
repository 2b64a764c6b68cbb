"""Segments: RFM, K-means, hierarchy, mixtures, choice of k, cards: hand tables, recovery, bad input."""

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.datasets import load_iris, load_wine, make_blobs
from sklearn.metrics import adjusted_rand_score, silhouette_score

from bigmkt_helpers import segments as sg
from bigmkt_helpers.datasets import load_cdnow, load_shop
from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.information import CommonQuestion, bits_per_customer

ORDERS = pd.DataFrame(
    {
        "order_id": [1, 1, 2, 3, 4, 5, 6],
        "customer_id": [7, 7, 7, 8, 8, 9, 7],
        "order_time": pd.to_datetime(
            [
                "2024-01-01 10:00",
                "2024-01-01 10:00",
                "2024-01-10 12:00",
                "2024-01-05 00:00",
                "2024-01-07 09:00",
                "2024-01-08 09:00",
                "2024-02-01 00:00",
            ],
            utc=True,
        ),
        "spend": [10.0, 5.0, 20.0, 8.0, 0.0, -4.0, 99.0],
        "category": ["tea", "bath", "tea", "bath", "bath", "tea", "tea"],
    }
)
REFERENCE = pd.Timestamp("2024-01-11", tz="UTC")


@cache
def shop_question():
    return CommonQuestion.of_shop(load_shop())


@cache
def shop_features():
    question = shop_question()
    return question.features(sg.rfm_and_categories(question.categories), guard=False)


@cache
def sets():
    cdnow, lantern = sg.rfm(load_cdnow(), "1997-10-01"), shop_features()[["recency", "frequency", "monetary"]]
    scaler = sg.FeatureScaler(log=["frequency", "monetary"])
    return {
        "iris": load_iris().data,
        "wine": load_wine().data,
        "blobs": make_blobs(600, 4, centers=6, random_state=3)[0],
        "CDNOW": scaler.fit_transform(cdnow).to_numpy(),
        "Lantern": scaler.fit_transform(lantern).to_numpy(),
    }


# RFM


@pytest.mark.unit
def test_rfm_by_hand():
    table = sg.rfm(ORDERS, REFERENCE)
    # 9 has nothing but a return; order 6 lies after the reference
    assert table.index.tolist() == [7, 8]
    assert table["recency"].tolist() == [0, 3]
    assert table["frequency"].tolist() == [2, 2]
    assert table["monetary"].tolist() == [35, 8]
    assert sg.rfm(ORDERS, REFERENCE, money="mean")["monetary"].tolist() == [17.5, 4]
    ignored = sg.rfm(ORDERS, REFERENCE, zero_orders="ignore")
    assert ignored["frequency"].tolist() == [2, 1]
    assert ignored["recency"].tolist() == [0, 6]


@pytest.mark.unit
def test_rfm_at_any_reference_date():
    # strictly before: the order at midnight of the fifth is not yet known then
    at = sg.rfm(ORDERS, pd.Timestamp("2024-01-05", tz="UTC"))
    assert at.index.tolist() == [7]
    late = sg.rfm(ORDERS)
    assert late["recency"].to_dict() == {7: 1, 8: 25}
    zoned = sg.rfm(ORDERS, pd.Timestamp("2024-01-11 08:00", tz="Asia/Shanghai"))
    pd.testing.assert_frame_equal(zoned, sg.rfm(ORDERS, REFERENCE))


@pytest.mark.unit
def test_rfm_returns_and_wanted_customers():
    back = pd.DataFrame(
        {
            "order_id": [1, 2],
            "return_time": pd.to_datetime(["2024-01-04", "2024-01-20"], utc=True),
            "spend": [10.0, 20.0],
        }
    )
    assert sg.rfm(ORDERS, REFERENCE, returns=back)["monetary"].tolist() == [25, 8]
    wanted = sg.rfm(ORDERS, REFERENCE, customers=[9, 8])
    assert wanted["frequency"].tolist() == [0, 2]
    assert np.isnan(wanted["recency"].iat[0])
    assert wanted["monetary"].tolist() == [0, 8]


@pytest.mark.unit
def test_rfm_under_foreign_names_and_of_cdnow():
    foreign = ORDERS.rename(
        columns={"customer_id": "who", "order_time": "when", "order_id": "no", "spend": "¥"}
    )
    ours = sg.rfm(foreign, REFERENCE, customer_id="who", time="when", order_id="no", spend="¥")
    pd.testing.assert_frame_equal(ours, sg.rfm(ORDERS, REFERENCE))
    cdnow = load_cdnow()
    table = sg.rfm(cdnow, "1997-10-01")
    early = cdnow[cdnow["date"] < "1997-10-01"]
    assert len(table) == early["customer_id"].nunique() == 23_570
    # several lines of one day are one order
    assert table["frequency"].sum() == len(early.drop_duplicates(["customer_id", "date"]))
    assert table["monetary"].sum() == pytest.approx(early["spend"].sum())


@pytest.mark.unit
def test_scores_by_quantile_and_by_rule():
    table = pd.DataFrame(
        {"recency": [1.0, 2.0, 3.0, 4.0], "frequency": [1.0, 1.0, 1.0, 9.0], "monetary": [4.0, 3.0, 2.0, 1.0]}
    )
    together = sg.rfm_scores(table, n=4)
    assert together["r"].tolist() == [4, 3, 2, 1]
    assert together["f"].tolist() == [2, 2, 2, 4]
    assert sg.rfm_scores(table, n=4, ties="order")["f"].tolist() == [1, 2, 3, 4]
    weighted = sg.rfm_scores(table, n=4, weights={"recency": 3, "frequency": 1})
    assert weighted["score"].tolist() == [3.5, 2.75, 2.0, 1.75]
    rules = {"recency": [1, 3], "frequency": [9], "monetary": [2, 4]}
    ruled = sg.rfm_scores(table, "rules", rules=rules)
    assert ruled["cell"].tolist() == ["3-1-3", "2-1-2", "2-1-2", "1-2-1"]


@pytest.mark.unit
@given(
    st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=30), st.integers(2, 6), st.randoms()
)
@settings(max_examples=60, deadline=None)
def test_scores_do_not_know_the_order_of_rows_and_rise_with_the_values(rows, n, random):
    table = pd.DataFrame(rows, columns=["recency", "frequency", "monetary"]).astype(float)
    scores = sg.rfm_scores(table, n=n)
    order = list(range(len(rows)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(sg.rfm_scores(table.iloc[order], n=n), scores.iloc[order])
    assert scores[["r", "f", "m"]].to_numpy().min() >= 1
    assert scores[["r", "f", "m"]].to_numpy().max() <= n
    by = scores.assign(value=table["monetary"]).sort_values("value")
    assert by["m"].is_monotonic_increasing
    assert by.groupby("value")["m"].nunique().max() == 1


@pytest.mark.unit
def test_grid_and_category_shares():
    table = sg.rfm(ORDERS, REFERENCE)
    grid = sg.rfm_grid(table, sg.rfm_scores(table, n=2))
    assert grid["n"].sum() == 2
    shares = sg.category_shares(ORDERS, ["tea", "bath"], REFERENCE, customers=[7, 8, 5], smoothing=2)
    # before the reference: 7 has tea twice and bath once, 8 bath twice, 9 tea once; all: 3 of each
    assert shares.loc[7].tolist() == pytest.approx([3 / 5, 2 / 5])
    assert shares.loc[8].tolist() == pytest.approx([1 / 4, 3 / 4])
    assert shares.loc[5].tolist() == [0.5, 0.5]


# K-means


@pytest.mark.unit
@pytest.mark.parametrize("name", ["iris", "wine", "blobs", "CDNOW", "Lantern"])
@pytest.mark.parametrize("k", [2, 5, 8])
def test_kmeans_equals_scikit_learn_from_the_same_start(name, k):
    values = sets()[name]
    for seed in range(3):
        start = values[np.random.default_rng(seed).choice(len(values), size=k, replace=False)]
        if len(np.unique(start, axis=0)) < k:
            # two equal centres leave one empty, where the two may differ
            start = np.unique(values, axis=0)[:: len(np.unique(values, axis=0)) // k][:k]
        theirs = KMeans(k, init=start, n_init=1, algorithm="lloyd").fit(values)
        ours = sg.LloydKMeans(k, init=start).fit(values)
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
        np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-7, atol=1e-9)
        np.testing.assert_array_equal(ours.predict(values), theirs.predict(values))


def least_inertia(values, k):
    partitions = (
        np.array(labels) for labels in product(range(k), repeat=len(values)) if len(set(labels)) == k
    )
    return min(
        sum(((values[labels == s] - values[labels == s].mean(axis=0)) ** 2).sum() for s in range(k))
        for labels in partitions
    )


@pytest.mark.unit
@given(st.lists(st.tuples(*[st.integers(0, 20)] * 2), min_size=4, max_size=7, unique=True), st.integers(2, 3))
@settings(max_examples=40, deadline=None)
def test_kmeans_stops_where_no_step_helps_and_never_under_the_best_partition(points, k):
    values = np.array(points, dtype=float)
    model = sg.LloydKMeans(k, n_init=5).fit(values)
    assert model.inertia_ >= least_inertia(values, k) - 1e-9
    distances = ((values[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances[np.arange(len(values)), model.labels_], distances.min(axis=1))
    for segment in range(k):
        np.testing.assert_allclose(
            values[model.labels_ == segment].mean(axis=0), model.cluster_centers_[segment]
        )


@pytest.mark.unit
def test_kmeans_with_restarts_mostly_finds_the_best_of_all_partitions():
    # no number of starts makes it certain: from no start at data points may Lloyd's steps reach the best
    found = []
    for seed in range(60):
        values = np.random.default_rng(seed).integers(0, 21, (7, 2)).astype(float)
        inertia = sg.LloydKMeans(3, n_init=30, random_state=seed).fit(values).inertia_
        found.append(inertia == pytest.approx(least_inertia(values, 3), abs=1e-9))
    assert np.mean(found) >= 0.95


@pytest.mark.unit
@given(
    st.lists(st.tuples(*[st.integers(-50, 50)] * 2), min_size=6, max_size=25, unique=True),
    st.integers(-1000, 1000),
    st.sampled_from([0.25, 2.0, 1024.0]),
)
@settings(max_examples=40, deadline=None)
def test_kmeans_follows_shift_and_scale(points, shift, scale):
    values = np.array(points, dtype=float)
    start = values[:3]
    model = sg.LloydKMeans(3, init=start).fit(values)
    moved = sg.LloydKMeans(3, init=start * scale + shift).fit(values * scale + shift)
    # a tie between two centres may fall either way by rounding; the inertia of a step does not know of it
    if adjusted_rand_score(model.labels_, moved.labels_) == 1:
        assert moved.inertia_ == pytest.approx(model.inertia_ * scale**2, rel=1e-6, abs=1e-6)
    own = np.array([((values - c) ** 2).sum(axis=1) for c in model.cluster_centers_]).T
    assert model.inertia_ == pytest.approx(own[np.arange(len(values)), model.labels_].sum())
    assert set(model.labels_) == {0, 1, 2}
    for s in range(3):
        np.testing.assert_allclose(
            model.cluster_centers_[s], values[model.labels_ == s].mean(axis=0), atol=1e-9
        )


@pytest.mark.unit
def test_kmeans_on_shuffled_customers_and_scaled_units():
    values = sets()["blobs"]
    order = np.random.default_rng(0).permutation(len(values))
    model = sg.LloydKMeans(6).fit(values)
    shuffled = sg.LloydKMeans(6).fit(values[order])
    assert sg.adjusted_rand_index(model.labels_[order], shuffled.labels_) == 1
    start = values[:6]
    ours = sg.LloydKMeans(6, init=start).fit(values)
    moved = sg.LloydKMeans(6, init=start * 8 + 3).fit(values * 8 + 3)
    np.testing.assert_array_equal(ours.labels_, moved.labels_)
    assert moved.inertia_ == pytest.approx(64 * ours.inertia_)


@pytest.mark.unit
def test_an_empty_segment_takes_the_farthest_customer():
    values = np.array([[0.0], [1.0], [2.0], [10.0]])
    model = sg.LloydKMeans(3, init=[[1.0], [1.0], [1.0]]).fit(values)
    assert len(set(model.labels_)) == 3
    assert model.labels_[3] not in model.labels_[:3]
    # the case on which scikit-learn ran for ever (its issue 28055): duplicates, a start far away
    points = np.array([[100, 100], [100, 102], [106, 100], [107, 101], [107, 101], [108, 100]], dtype=float)
    start = np.array([[98, 104], [103, 100], [109, 102], [110, 100], [111, 100], [112, 100]], dtype=float)
    model = sg.LloydKMeans(5, init=start[:5], max_iter=50).fit(points)
    assert model.converged_
    assert model.inertia_ == pytest.approx(0, abs=1e-12)


@pytest.mark.unit
def test_many_customers_are_placed_as_few():
    values = np.random.default_rng(6).normal(size=(9000, 2))
    model = sg.LloydKMeans(3, n_init=1).fit(values)
    gaps = ((values[:, None, :] - model.cluster_centers_) ** 2).sum(axis=2)
    np.testing.assert_array_equal(model.predict(values), gaps.argmin(axis=1))
    np.testing.assert_array_equal(model.labels_, gaps.argmin(axis=1))


@pytest.mark.unit
def test_restarts_help_and_seeds_repeat():
    values = sets()["iris"]
    one = [sg.LloydKMeans(3, init="random", n_init=1, random_state=s).fit(values).inertia_ for s in range(30)]
    assert max(one) > 1.5 * min(one)
    model = sg.LloydKMeans(3).fit(values)
    assert model.inertia_ == pytest.approx(78.851441, abs=1e-5)
    again = clone(model).fit(values)
    np.testing.assert_array_equal(model.labels_, again.labels_)
    # published k-means++ starts lower, on average, than customers drawn evenly
    first = {
        init: np.mean(
            [
                sg.LloydKMeans(8, init=init, n_init=1, n_trials=1, max_iter=1, random_state=s)
                .fit(sets()["blobs"])
                .inertia_
                for s in range(30)
            ]
        )
        for init in ("k-means++", "random")
    }
    assert first["k-means++"] < 0.8 * first["random"]


@pytest.mark.unit
def test_distances_to_diagonal_centres():
    model = sg.LloydKMeans(3, init=[[0, 0], [10, 10], [20, 20]]).fit([[0, 0], [10, 10], [20, 20]])
    # √200 and √800, where one of the articles has √100 and √400
    assert model.transform([[0, 0]]).round(6).tolist() == [[0.0, 14.142136, 28.284271]]


# scaling


@pytest.mark.unit
def test_scaler_there_and_back_with_a_constant():
    table = pd.DataFrame({"days": [1.0, 5.0, 9.0], "money": [0.0, 10.0, 1000.0], "same": [0.1, 0.1, 0.1]})
    scaler = sg.FeatureScaler(log=["money"], weights={"days": 2.0}).fit(table)
    scaled = scaler.transform(table)
    assert scaler.constant_ == ["same"]
    assert scaled["same"].tolist() == [0, 0, 0]
    assert scaled["days"].std(ddof=0) == pytest.approx(2)
    assert scaled["money"].std(ddof=0) == pytest.approx(1)
    pd.testing.assert_frame_equal(scaler.inverse_transform(scaled), table)


# hierarchy and mixtures


@pytest.mark.unit
@pytest.mark.parametrize("method", ["ward", "average", "complete", "single"])
def test_hierarchy_equals_scikit_learn(method):
    values = sets()["wine"]
    tree = sg.Hierarchy(method=method).fit(values)
    for k in (1, 2, 3, 7, len(values)):
        theirs = AgglomerativeClustering(k, linkage=method).fit_predict(values)
        assert sg.adjusted_rand_index(tree.cut(k), theirs) == 1
        assert tree.cut(k).nunique() == k


@pytest.mark.unit
def test_dendrogram_as_data():
    tree = sg.Hierarchy(method="single").fit([[0.0], [1.0], [5.0], [7.0]])
    assert tree.merges_["height"].tolist() == [1, 2, 4]
    whole = tree.dendrogram()
    assert whole[["left_size", "right_size"]].iloc[-1].tolist() == [2, 2]
    assert sorted(whole.iloc[:2][["left", "right"]].to_numpy().ravel().tolist()) == [0, 1, 2, 3]
    top = tree.dendrogram(leaves=2)
    assert top["height"].tolist() == [4]
    assert top[["left_height", "right_height", "left_size", "right_size"]].iloc[0].tolist() == [0, 0, 2, 2]
    # equal customers: still exactly as many segments as asked for
    assert sg.Hierarchy().fit(np.ones((5, 2))).cut(3).nunique() == 3


@pytest.mark.unit
def test_mixture_sees_what_kmeans_cannot():
    rng = np.random.default_rng(5)
    flat = rng.normal(size=(400, 2)) * [8, 0.5]
    values, truth = np.r_[flat, flat + np.array([0, 4])], np.repeat([0, 1], 400)
    mixture = sg.adjusted_rand_index(truth, sg.fit_mixture(values, 2, n_init=20).predict(values))
    means = sg.adjusted_rand_index(truth, sg.LloydKMeans(2).fit(values).labels_)
    assert mixture > 0.98
    assert means < 0.1
    assert sg.mixture_bic(values, range(1, 4), n_init=20).idxmin() == 2


# choice of k


@pytest.mark.unit
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_adjusted_rand_index_equals_scikit_learn(pairs):
    a, b = zip(*pairs, strict=True)
    value = sg.adjusted_rand_index(a, b)
    assert value == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    assert value == sg.adjusted_rand_index(b, [3 - x for x in a])


@pytest.mark.unit
def test_adjusted_rand_interval_covers_and_narrows():
    rng = np.random.default_rng(1)
    a = rng.integers(3, size=4000)
    b = np.where(rng.random(4000) < 0.7, a, rng.integers(3, size=4000))
    wide, narrow = sg.adjusted_rand_interval(a[:400], b[:400]), sg.adjusted_rand_interval(a, b)
    assert wide.low < narrow.estimate < wide.high
    assert narrow.high - narrow.low < 0.5 * (wide.high - wide.low)
    chance = sg.adjusted_rand_interval(a, rng.permutation(b))
    assert chance.low < 0.005
    assert chance.estimate < 0.01


@pytest.mark.recovery
def test_adjusted_rand_interval_covers_an_index_of_zero():
    # two draws of one customer agree: draws that are not moved back leave 0 out in four samples of ten
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        a, b = rng.integers(5, size=(2, 500))
        interval = sg.adjusted_rand_interval(a, b, n_resamples=300)
        covered += interval.low <= 0 <= interval.high
        assert interval.low < interval.estimate < interval.high
    assert covered >= 55
    alike = sg.adjusted_rand_interval([0, 1] * 20, [5, 3] * 20)
    assert (alike.low, alike.estimate, alike.high) == (1, 1, 1)


@pytest.mark.unit
def test_silhouette_by_hand_and_by_scikit_learn():
    # a = 1, 1, 1, 1 within; b = 10.5, 9.5, 9.5, 10.5 to the other pair
    by_hand = np.mean([9.5 / 10.5, 8.5 / 9.5] * 2)
    assert sg.silhouette([[0.0], [1.0], [10.0], [11.0]], list("aabb")) == pytest.approx(by_hand)
    values = sets()["iris"]
    labels = sg.LloydKMeans(3).fit(values).labels_
    assert sg.silhouette(values, labels) == pytest.approx(silhouette_score(values, labels))
    assert sg.silhouette(values, labels, sample=100) == pytest.approx(sg.silhouette(values, labels), abs=0.05)


@pytest.mark.unit
@pytest.mark.parametrize("reference", ["pca", "uniform"])
def test_gap_statistic_finds_one_and_four(reference):
    rng = np.random.default_rng(11)
    box = rng.uniform(size=(200, 2)) * [3, 1]
    table = sg.gap_statistic(box, range(1, 6), n_references=15, reference=reference)
    assert table.index[table["chosen"]].tolist() == [1]
    four = np.concatenate([rng.normal(m, 0.5, (50, 2)) for m in ([0, 0], [6, 0], [0, 7], [7, 8])])
    table = sg.gap_statistic(four, range(1, 7), n_references=15, reference=reference)
    assert table.index[table["chosen"]].tolist() == [4]
    np.testing.assert_allclose(table["gap"], table["expected"] - table["log_w"])
    assert table["log_w"].at[1] == pytest.approx(np.log(((four - four.mean(axis=0)) ** 2).sum()))
    # the rule itself, and its error: 1 + 1/B under the root
    gap, s = table["gap"].to_numpy(), table["s"].to_numpy()
    assert [bool(gap[i] >= gap[i + 1] - s[i + 1]) for i in range(3)] == [False, False, False]


@pytest.mark.unit
def test_gap_statistic_by_hand_for_one_segment():
    values = np.random.default_rng(4).normal(size=(30, 3)) * [1, 2, 3]
    table = sg.gap_statistic(values, [1, 2], n_references=6, reference="uniform", random_state=9)
    seeds = np.random.SeedSequence(9).spawn(7)[1:]
    logs = []
    for seed in seeds:
        box = np.random.Generator(np.random.PCG64(seed)).uniform(
            values.min(axis=0), values.max(axis=0), (30, 3)
        )
        logs.append(np.log(30 * box.var(axis=0).sum()))
    assert table["log_w"].at[1] == pytest.approx(np.log(30 * values.var(axis=0).sum()))
    assert table["expected"].at[1] == pytest.approx(np.mean(logs))
    assert table["s"].at[1] == pytest.approx(np.std(logs) * np.sqrt(7 / 6))


@pytest.mark.unit
@pytest.mark.parametrize("how", ["bootstrap", "subsample"])
def test_stability_is_high_where_segments_are_real(how):
    values = np.concatenate(
        [np.random.default_rng(2).normal(m, 0.4, (60, 2)) for m in ([0, 0], [5, 0], [0, 6])]
    )
    right, wrong = (sg.stability(values, k, how=how, n_pairs=8) for k in (3, 6))
    assert right.min() == 1
    assert wrong.mean() < 0.85
    np.testing.assert_array_equal(wrong, sg.stability(values, 6, how=how, n_pairs=8))
    noise = np.random.default_rng(3).normal(size=(200, 2))
    assert sg.stability(noise, 5, how=how, n_pairs=8).mean() < 0.8


@pytest.mark.unit
def test_choice_table_puts_the_criteria_side_by_side():
    values = np.concatenate(
        [np.random.default_rng(2).normal(m, 0.4, (40, 2)) for m in ([0, 0], [5, 0], [0, 6])]
    )
    table = sg.choice_table(values, range(2, 6), n_references=8, n_pairs=5)
    assert table.index[table["gap_chosen"]].tolist() == [3]
    assert table["silhouette"].idxmax() == table["bic"].idxmin() == 3
    # two of the three lumped together are as stable as the three; four are not
    assert table["stability"].at[3] == 1 > table["stability"].at[4] + 0.05
    assert (np.diff(table["inertia"]) < 0).all()
    flat = sg.choice_table(np.c_[values, np.ones(len(values))], [2, 3], n_references=3, n_pairs=2)
    assert flat["bic"].isna().all()
    assert flat["silhouette"].idxmax() == 3


# cards, new customers, probabilities


@pytest.mark.unit
def test_cards_by_hand():
    features = pd.DataFrame(
        {"money": [1.0, 2.0, 3.0, 10.0, 20.0, 30.0] * 8, "shoe": [40.0, 41.0, 42.0] * 16},
        index=range(100, 148),
    )
    counts = pd.DataFrame(
        {"tea": [3, 3, 3, 0, 1, 0] * 8, "bath": [1, 1, 1, 4, 4, 3] * 8}, index=features.index
    )
    cards = sg.persona_cards(features, ["s", "s", "s", "b", "b", "b"] * 8, counts)
    assert cards.sizes["n"].to_dict() == {"b": 24, "s": 24}
    assert cards.medians["money"].to_dict() == {"b": 20, "s": 2, "all": 6.5}
    row = cards.standouts.set_index(["segment", "feature"])
    assert row.loc[("b", "money"), "difference"] == 13.5
    assert row["stands_out"].to_dict() == {
        ("b", "money"): True,
        ("b", "shoe"): False,
        ("s", "money"): True,
        ("s", "shoe"): False,
    }
    shares = cards.shares.set_index(["segment", "category"])
    assert shares.loc[("s", "tea"), "share"] == 0.75
    assert shares.loc[("b", "tea"), "share"] == pytest.approx(1 / 12)
    assert shares.loc[("s", "tea"), "all"] == pytest.approx(10 / 24)
    assert shares.loc[("s", "tea"), "lift"] == pytest.approx(0.75 / (10 / 24))
    assert "24 customers (50.0%)" in cards.card("b")
    assert "shoe" not in cards.card("b")


@pytest.mark.unit
def test_cards_of_random_segments_seldom_stand_out():
    rng = np.random.default_rng(8)
    features = pd.DataFrame(rng.normal(size=(600, 10)), columns=[f"f{i}" for i in range(10)])
    table = sg.persona_cards(features, rng.integers(4, size=600), n_resamples=200).standouts
    assert table["stands_out"].mean() <= 0.15
    assert (table["low"] <= table["high"]).all()


@pytest.mark.unit
def test_new_customers_by_distance_and_by_density():
    values = pd.DataFrame(sets()["blobs"], columns=list("abcd"))
    scaler = sg.FeatureScaler().fit(values)
    scaled = scaler.transform(values).to_numpy()
    for model in (
        sg.LloydKMeans(6).fit(scaled),
        KMeans(6, n_init=10, random_state=0).fit(scaled),
        sg.fit_mixture(scaled, 6),
    ):
        assigner = sg.SegmentAssigner(model, scaler, unlike=0.02).fit(values)
        found = assigner.assign(values)
        np.testing.assert_array_equal(found["segment"], model.predict(scaled))
        assert 0.005 < found["unlike"].mean() < 0.035
        strange = assigner.assign(pd.DataFrame([[100.0] * 4], columns=list("abcd"), index=["new"]))
        assert strange["unlike"].tolist() == [True]
        assert strange.index.tolist() == ["new"]
    assert found["probability"].between(1 / 6, 1).all()


@pytest.mark.unit
def test_rates_by_hand():
    rates = sg.SegmentRates(strength=4).fit(list("aaab"), ["x", "x", "y", "y"], ["x", "y", "z"])
    base = np.array([2.5, 2.5, 0.5]) / 5.5
    np.testing.assert_allclose(rates.rates_.loc["a"], (np.array([2, 1, 0]) + 4 * base) / 7)
    np.testing.assert_allclose(rates.rates_.loc["b"], (np.array([0, 1, 0]) + 4 * base) / 5)
    unknown = rates.probabilities(pd.Series(["c"], index=["new"]))
    np.testing.assert_allclose(unknown.loc["new"], base)
    np.testing.assert_allclose(
        sg.SegmentRates(0).fit(list("aab"), list("xxy"), ["x", "y"]).rates_.sum(axis=1), 1
    )


@pytest.mark.unit
def test_renumbered_names_are_the_same_whatever_they_were():
    labels = np.array([4, 4, 9, 9, 9, 1])
    assert sg.renumbered(labels).tolist() == [1, 1, 0, 0, 0, 2]
    assert sg.renumbered(labels * -1).tolist() == [1, 1, 0, 0, 0, 2]
    assert sg.renumbered(labels, order=[5, 5, 1, 1, 1, 3]).tolist() == [2, 2, 0, 0, 0, 1]


# the shop


@pytest.mark.recovery
def test_personas_of_the_shop_are_found_by_what_is_bought_not_by_rfm():
    question, features = shop_question(), shop_features()
    truth = load_shop().truth_customers.set_index("customer_id").loc[features.index, "persona"]
    measures = ["recency", "frequency", "monetary"]
    shares = [c for c in features if c.startswith("share_")]
    found = {}
    for name, columns in {"rfm": measures, "shares": shares, "both": measures + shares}.items():
        scaler = sg.FeatureScaler(log=[c for c in columns if c in ("frequency", "monetary")])
        labels = sg.LloydKMeans(5).fit(scaler.fit_transform(features[columns])).labels_
        found[name] = sg.adjusted_rand_interval(truth, labels, n_resamples=300)
    assert len(features) == len(question.customers()) == 2127
    # measured: 0.001, 0.390 [0.361, 0.419], 0.293 [0.269, 0.317]
    assert found["rfm"].low < 0.001 < found["rfm"].high < 0.02
    assert found["shares"].estimate == pytest.approx(0.39, abs=0.03)
    assert found["both"].estimate == pytest.approx(0.293, abs=0.03)
    assert found["both"].high < found["shares"].low
    assert sg.adjusted_rand_index(truth, np.zeros(len(truth))) == 0
    assert sg.adjusted_rand_index(truth, np.arange(len(truth))) == 0
    shuffled = np.random.default_rng(0).permutation(truth.to_numpy())
    assert abs(sg.adjusted_rand_index(shuffled, labels)) < 0.01


@pytest.mark.recovery
def test_segments_close_bits_of_the_common_question():
    question = shop_question()
    forecast = sg.segment_forecast(question, sg.rfm_and_categories(question.categories), 8)
    assert forecast.columns.tolist() == question.outcomes
    assert forecast.index.equals(question.customers())
    np.testing.assert_allclose(forecast.sum(axis=1), 1)
    assert forecast.drop_duplicates().shape[0] <= 8
    answers = question.answers()
    base = bits_per_customer(question.base_rate(), answers).mean()
    ours = bits_per_customer(forecast, answers).mean()
    assert ours < base - 0.03
    # one segment for everybody is the base rate, and closes nothing
    alone = sg.segment_forecast(question, lambda _, who, __: pd.DataFrame({"one": 1.0}, index=who), 1)
    assert bits_per_customer(alone, answers).mean() == pytest.approx(base, abs=0.005)
    # the same segments with mixed-up customers close nothing
    mixed = forecast.set_axis(np.random.default_rng(0).permutation(forecast.index), axis=0)
    assert bits_per_customer(mixed.loc[forecast.index], answers).mean() > base


@pytest.mark.unit
def test_choice_of_shares_leaves_out_a_bic_that_is_infinite():
    shares = np.random.default_rng(4).dirichlet([1, 1, 1], size=60)
    table = sg.choice_table(shares, [2, 3], n_references=2, n_pairs=2, n_init=2)
    assert table["bic"].isna().all()
    diagonal = sg.choice_table(shares, [2, 3], n_references=2, n_pairs=2, n_init=2, covariance="diag")
    assert diagonal["bic"].notna().all()


# which segment to write to


def mailing(**changes):
    settings = {"horizon": "28D", "margin": 0.5, "effect": 0.2, "contact_cost": 0.5, "k": 2, **changes}
    return sg.segment_mailing(TWO_KINDS, pd.Timestamp("2025-03-01"), **settings)


TWO_KINDS = pd.DataFrame(
    {
        "customer_id": [*range(8), *range(8), *range(8), *range(4), 8],
        "date": pd.to_datetime(
            ["2025-01-01"] * 8 + ["2025-01-05"] * 8 + ["2025-01-20"] * 8 + ["2025-02-10"] * 4 + ["2025-02-20"]
        ),
        "spend": [*[50.0] * 4, *[1.0] * 4] * 3 + [30.0, 30.0, 30.0, 10.0, 60.0],
    }
)


@pytest.mark.unit
def test_mailing_by_hand():
    plan = mailing()
    table = plan.table
    # before 1 February: four who spent 150, four who spent 3; then 30, 30, 30, 10 against nothing
    assert table["learned"].tolist() == [4, 4]
    assert table["bought"].tolist() == [1, 0]
    assert table["spend"].tolist() == [25, 0]
    assert table["profit"].tolist() == pytest.approx([0.2 * 0.5 * 25 - 0.5, -0.5])
    assert table["break_even"].tolist() == [pytest.approx(0.5 / (0.5 * 25)), np.inf]
    assert table["write"].tolist() == [True, False]
    assert table["total"].tolist() == pytest.approx((table["customers"] * table["profit"]).tolist())
    assert table["low"].at[0] < table["profit"].at[0] < table["high"].at[0]
    assert table["customers"].sum() == len(plan.segments) == 9
    assert plan.segments.loc[[0, 1, 2, 3]].tolist() == [0] * 4
    assert plan.customers().tolist() == plan.segments.index[plan.segments == 0].tolist()
    assert mailing(effect=0.03).table["write"].tolist() == [False, False]


@pytest.mark.unit
def test_mailing_sees_nothing_after_the_reference_and_takes_foreign_names():
    later = TWO_KINDS.assign(date=pd.Timestamp("2025-03-01"), spend=999.0)
    lines = pd.concat([TWO_KINDS, later]).rename(columns={"customer_id": "client", "date": "day"})
    plan = sg.segment_mailing(
        lines, "2025-03-01", horizon="28D", margin=0.5, effect=0.2, contact_cost=0.5, k=2,
        customer_id="client", time="day",
    )  # fmt: skip
    pd.testing.assert_frame_equal(plan.table, mailing().table)


# bad input

GOOD = np.array([[0.0, 1.0], [2.0, 3.0], [5.0, 5.0], [9.0, 1.0]])
GAP = pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 2.0]}, index=["ann", "bob"])
SAME = np.ones((5, 2))
BAD = {
    "k above the customers": (
        lambda: sg.LloydKMeans(5).fit(GOOD),
        "5 segments were asked for, of 4 customers",
    ),
    "identical customers": (lambda: sg.LloydKMeans(2).fit(SAME), "5 customers show only 1 different"),
    "mixture of identical customers": (lambda: sg.fit_mixture(SAME, 2), "5 customers show only 1 different"),
    "mixture with a constant": (
        lambda: sg.fit_mixture(np.c_[GOOD, np.ones(4)], 2),
        "feature 2 has one value for everybody",
    ),
    "mixture of shares that add up": (
        lambda: sg.fit_mixture(np.c_[GOOD[:, 0], 10 - GOOD[:, 0]], 2),
        "The 2 features depend on each other, their rank is 1",
    ),
    "mailing without a horizon": (lambda: mailing(horizon="0D"), "must be longer than nothing"),
    "mailing with a horizon without a unit": (lambda: mailing(horizon=28), "write '28D' for days"),
    "mailing with a horizon of digits": (lambda: mailing(horizon="28"), "write '28D' for days"),
    "mailing with a horizon longer than the file": (
        lambda: mailing(horizon="400D"),
        "take a shorter horizon or a later reference",
    ),
    "orders without any customer": (
        lambda: sg.rfm(ORDERS.assign(customer_id=None), REFERENCE),
        "orders['customer_id'] is missing in all 7 rows",
    ),
    "mailing with a horizon of words": (lambda: mailing(horizon="soon"), "is no length of time"),
    "mailing with a margin in percent": (lambda: mailing(margin=40), "margin is 40"),
    "mailing that repels": (lambda: mailing(effect=-0.1), "effect is -0.1"),
    "mailing of unknown names": (lambda: mailing(client="client"), "client= is not known"),
    "mailing to more segments than customers": (lambda: mailing(k=9), "9 segments were asked for"),
    "missing value": (lambda: sg.LloydKMeans(1).fit(GAP), "X['a'] is nan for customer 'bob'"),
    "missing in the scaler": (lambda: sg.FeatureScaler().fit(GAP), "for customer 'bob'"),
    "infinite": (lambda: sg.LloydKMeans(1).fit([[np.inf]]), "is inf for customer 0"),
    "text": (lambda: sg.LloydKMeans(1).fit(pd.DataFrame({"city": ["Hangzhou"]})), "not a number"),
    "one dimension": (lambda: sg.LloydKMeans(1).fit([1.0, 2.0]), "one row per customer"),
    "nobody": (lambda: sg.LloydKMeans(1).fit(np.empty((0, 2))), "at least one customer"),
    "k of 0": (lambda: sg.LloydKMeans(0).fit(GOOD), "n_clusters is 0"),
    "k of 2.5": (lambda: sg.LloydKMeans(2.5).fit(GOOD), "n_clusters is 2.5"),
    "start of another shape": (lambda: sg.LloydKMeans(2, init=GOOD).fit(GOOD), "init has shape (4, 2)"),
    "unknown start": (lambda: sg.LloydKMeans(2, init="best").fit(GOOD), "init='best' is not known"),
    "other features": (lambda: sg.LloydKMeans(2).fit(GOOD).predict([[1.0]]), "X has 1 features"),
    "too large a hierarchy": (lambda: sg.Hierarchy(max_customers=3).fit(GOOD), "A hierarchy of 4 customers"),
    "unknown linkage": (lambda: sg.Hierarchy("centroid").fit(GOOD), "'centroid' is not known"),
    "cut above the customers": (lambda: sg.Hierarchy().fit(GOOD).cut(5), "5 segments"),
    "one segment's silhouette": (lambda: sg.silhouette(GOOD, [0] * 4), "at least 2 segments"),
    "gap with a hole": (lambda: sg.gap_statistic(GOOD, [1, 3]), "leave no hole"),
    "gap of identical customers": (lambda: sg.gap_statistic(SAME, [1]), "inertia of 0"),
    "gap with k of n": (lambda: sg.gap_statistic(GOOD, range(1, 5)), "inertia of 0"),
    "stability of one": (lambda: sg.stability(GOOD, 1), "k is 1"),
    "sample of equal customers": (
        lambda: sg.stability(np.r_[np.zeros((29, 1)), np.ones((1, 1))], 2),
        "A sample of the customers could not be parted into 2 segments",
    ),
    "choice among few": (lambda: sg.choice_table(GOOD), "4 customers are too few to judge 8 segments"),
    "labels of others": (lambda: sg.adjusted_rand_index([0, 1], [0, 1, 2]), "one label to each of the 2"),
    "card of nobody": (lambda: sg.persona_cards(GOOD, list("aabb")).card("z"), "no segment 'z'"),
    "label missing": (lambda: sg.persona_cards(GOOD, ["a", None, "b", "b"]), "missing at position 1"),
    "labels of other customers": (
        lambda: sg.persona_cards(GOOD, pd.Series([0, 0, 1, 1], index=list("abcd"))),
        "differ in their customers",
    ),
    "naive reference": (lambda: sg.rfm(ORDERS, "2024-01-11"), "has no time zone"),
    "reference too early": (lambda: sg.rfm(ORDERS, pd.Timestamp("2020", tz="UTC")), "no order before"),
    "no money": (lambda: sg.rfm(ORDERS.drop(columns="spend"), REFERENCE), "no column 'spend'"),
    "missing money": (
        lambda: sg.rfm(ORDERS.assign(spend=[1, np.nan, 1, 1, 1, 1, 1]), REFERENCE),
        "orders['spend'] is missing or infinite in row 1",
    ),
    "shared order": (
        lambda: sg.rfm(ORDERS.assign(order_id=[1, 1, 1, 1, 4, 5, 6]), REFERENCE),
        "Order 1 belongs to two customers",
    ),
    "score without recency": (
        lambda: sg.rfm_scores(sg.rfm(ORDERS, REFERENCE, customers=[9, 8])),
        "table['recency'] is nan for customer 9",
    ),
    "edges that fall": (
        lambda: sg.rfm_scores(sg.rfm(ORDERS, REFERENCE), "rules", rules={"recency": [30, 10]}),
        "must be numbers that rise",
    ),
    "weights of 0": (lambda: sg.rfm_scores(sg.rfm(ORDERS, REFERENCE), weights={"recency": 0}), "not all 0"),
    "category unknown": (lambda: sg.category_shares(ORDERS, ["tea"], REFERENCE), "category 'bath'"),
    "answer unknown": (lambda: sg.SegmentRates().fit([0], ["x"], ["y"]), "answer 'x' is not among"),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_sentence(case):
    call, words = BAD[case]
    with pytest.raises(InputError) as caught:
        call()
    sentence = str(caught.value)
    assert words in sentence
    assert "\n" not in sentence
    assert "np." not in sentence


@pytest.mark.bad_input
def test_defined_answers_at_the_edge():
    one = sg.LloydKMeans(1).fit(SAME)
    assert one.inertia_ == 0
    assert one.labels_.tolist() == [0] * 5
    everybody = sg.LloydKMeans(4).fit(GOOD)
    assert everybody.inertia_ == pytest.approx(0, abs=1e-12)
    assert sorted(everybody.labels_.tolist()) == [0, 1, 2, 3]
    constant = np.c_[sets()["blobs"], np.full(600, 7.0)]
    model = sg.LloydKMeans(6).fit(constant)
    assert sg.adjusted_rand_index(model.labels_, sg.LloydKMeans(6).fit(sets()["blobs"]).labels_) == 1
    for asked in (
        lambda: sg.LloydKMeans(2).predict(GOOD),
        lambda: sg.Hierarchy().cut(2),
        lambda: sg.FeatureScaler().transform(GOOD),
        lambda: sg.SegmentRates().probabilities([0]),
        lambda: sg.SegmentAssigner(one).assign(SAME),
    ):
        with pytest.raises(NotFittedError):
            asked()
