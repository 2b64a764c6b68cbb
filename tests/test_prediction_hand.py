"""Prediction: every column of every table by hand, so that none can be wrong, shifted or in another order."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from sklearn.model_selection import StratifiedKFold

from bigmkt_helpers import evaluation as ev
from bigmkt_helpers import prediction as pr
from bigmkt_helpers.datasets import load_oj, load_telco_churn
from bigmkt_helpers.errors import InputError

HIT = np.array([1, 1, 0, 1, 0, 0, 0, 0])
P = np.array([0.9, 0.8, 0.7, 0.4, 0.3, 0.3, 0.2, 0.1])


def world(n=200, seed=0):
    rng = np.random.Generator(np.random.PCG64(seed))
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "plan": rng.choice(["S", "L"], n)})
    z = 1.2 * X["a"] + np.where(X["plan"] == "L", 0.8, -0.8)
    return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-z))).to_numpy()


@pytest.mark.unit
def test_thresholds_by_hand():
    pays = pr.Payoffs.of_campaign(40, 5, currency="EUR")
    assert pays.currency == "EUR"
    assert pays.profits([True, True, False], [1, 0, 1]).tolist() == [35, -5, 0]
    assert pays.profits([True, False], [0.25, 0.5]).tolist() == [5, 0]
    table = pr.profit_by_threshold(HIT, P, pays)
    assert table["threshold"].tolist() == [np.inf, 0.9, 0.8, 0.7, 0.4, 0.3, 0.2, 0.1]
    calls, hits = np.array([0, 1, 2, 3, 4, 6, 7, 8]), np.array([0, 1, 2, 2, 3, 3, 3, 3])
    assert table["contacted"].tolist() == (calls / 8).tolist()
    assert table["recall"].tolist() == pytest.approx(hits / 3)
    assert table["precision"].iloc[1:].tolist() == pytest.approx(hits[1:] / calls[1:])
    assert table["profit"].tolist() == pytest.approx(1000 * (40 * hits - 5 * calls) / 8)
    assert table.index.tolist() == list(range(8))
    found = pr.compare_thresholds(HIT, P, pays, {"half": 0.5, "low": 0.25}, n_resamples=400)
    assert found["threshold"].tolist() == [np.inf, 0.0, 0.5, 0.25]
    assert found["contacted"].tolist() == [0, 1, 3 / 8, 6 / 8]
    assert found["profit"].tolist() == [0, 10_000, 8_125, 11_250]
    # against contacting everybody, the better of the two plain plans
    assert found["gain"].tolist() == [-10_000, 0, -1_875, 1_250]
    assert found.loc["everybody", ["gain_low", "gain_high"]].tolist() == [0, 0]


@pytest.mark.unit
def test_intervals_of_profit_and_gain_are_those_of_paired_means():
    rng = np.random.Generator(np.random.PCG64(1))
    p = rng.uniform(size=3_000)
    hit, pays = rng.uniform(size=3_000) < p, pr.Payoffs.of_campaign(40, 5)
    found = pr.compare_thresholds(hit, p, pays, {"half": 0.5}, positive=True, level=0.9).loc["half"]
    each = 1000 * pays.profits(p >= 0.5, hit)
    apart = each - 1000 * pays.profits(np.ones(3_000, bool), hit)
    for value, name, low, high in ((each, "profit", "low", "high"), (apart, "gain", "gain_low", "gain_high")):
        half = 1.6449 * value.std() / np.sqrt(3_000)
        assert found[name] == pytest.approx(value.mean())
        assert found[name] - found[low] == pytest.approx(half, rel=0.12)
        assert found[high] - found[name] == pytest.approx(half, rel=0.12)


@pytest.mark.unit
def test_gains_calibration_and_capture_by_hand():
    table = pr.gains_table(HIT, P, groups=4, level=0.9)
    assert table.index.tolist() == [1, 2, 3, 4]
    assert table["customers"].tolist() == [0.25, 0.5, 0.75, 1]
    assert table["rate"].tolist() == [1, 0.5, 0, 0]
    assert table["captured"].tolist() == pytest.approx([2 / 3, 1, 1, 1])
    assert table["captured_lift"].tolist() == pytest.approx([8 / 3, 2, 4 / 3, 1])
    assert table.loc[2, "low"] == pytest.approx(beta.ppf(0.05, 1, 2))
    assert table.loc[2, "high"] == pytest.approx(beta.ppf(0.95, 2, 1))
    bins = pr.calibration_table(HIT, P, n_bins=2, level=0.9)
    assert bins["n"].tolist() == [4, 4]
    assert bins["stated"].tolist() == pytest.approx([0.225, 0.7])
    assert bins["hits"].tolist() == [0, 3]
    assert bins["observed"].tolist() == [0, 0.75]
    assert bins["observed_low"].iloc[1] == pytest.approx(beta.ppf(0.05, 3, 2))
    assert bins["observed_high"].iloc[1] == pytest.approx(beta.ppf(0.95, 4, 1))
    assert (bins["from"] <= [0.1, 0.4]).all()
    assert (bins["to"] >= [0.3, 0.9]).all()
    assert pr.brier_skill(HIT, P) == pytest.approx(1 - ((P - HIT) ** 2).mean() / (3 / 8 * 5 / 8))
    rng = np.random.Generator(np.random.PCG64(2))
    hit, score = rng.uniform(size=2_000) < 0.3, rng.uniform(size=2_000)
    found = pr.capture(hit, score, 0.2, positive=True, level=0.9)
    assert (found.level, found.n) == (0.9, 2_000)
    # a fifth of the customers is called, whoever they are: the error of sampling without replacement
    half = 1.6449 * np.sqrt(0.2 * 0.8 * (1 - hit.mean()) / hit.sum())
    assert found.high - found.estimate == pytest.approx(half, rel=0.2)
    assert found.estimate - found.low == pytest.approx(half, rel=0.2)


@pytest.mark.unit
def test_what_is_judged_and_drawn_belongs_together():
    X, y = world()
    one, two = (
        pr.cross_validated(pr.make_model("logistic", columns), X, y, True, n_resamples=300, level=0.9)
        for columns in (["a", "b"], ["b"])
    )
    assert one.true.tolist() == y.tolist()
    assert one.draws.shape == (300, 5)
    np.testing.assert_allclose(one.table["low"], np.quantile(one.draws, 0.05, axis=0))
    np.testing.assert_allclose(one.table["high"], np.quantile(one.draws, 0.95, axis=0))
    assert (np.abs(one.draws.mean(axis=0) - one.table["value"]) < one.table["high"] - one.table["low"]).all()
    brier = ((one.probabilities - one.true) ** 2).groupby(one.folds).mean().mean()
    assert one.table.loc["brier", "value"] == pytest.approx(brier)
    gap = pr.compare_validated(one, two, level=0.9)
    assert gap.index.tolist() == ["auc", "average_precision", "capture", "brier", "bits"]
    np.testing.assert_allclose(gap["difference"], one.table["value"] - two.table["value"])
    np.testing.assert_allclose(gap["low"], np.quantile(one.draws - two.draws, 0.05, axis=0))
    np.testing.assert_allclose(gap["high"], np.quantile(one.draws - two.draws, 0.95, axis=0))
    assert gap.loc["auc", "low"] > 0 > gap.loc["brier", "high"]
    # a choice of one is no choice: the same as without
    alone = pr.nested_choice(
        ["logistic"], X, y, ["a", "b"], budget=1, positive=True, grids={"logistic": {"C": [1.0]}},
        inner=2, n_resamples=300, level=0.9,
    )  # fmt: skip
    pd.testing.assert_frame_equal(alone["logistic"].table, one.table)
    assert alone["logistic"].settings == [{"C": 1.0}] * 5


@pytest.mark.unit
def test_drawn_settings_are_of_the_grid_in_its_order():
    grid = pr.SETTINGS["logistic"]["C"]
    assert pr.drawn_settings("logistic", 10) == [{"C": c} for c in grid]
    drawn = [one["C"] for one in pr.drawn_settings("logistic", 4)]
    assert len(set(drawn)) == 4
    assert drawn == sorted(drawn)
    assert set(drawn) < set(grid)
    both = pr.drawn_settings("x", 9, grid={"u": [1, 2], "v": ["p", "q"]})
    assert both == [{"u": u, "v": v} for u in (1, 2) for v in "pq"]


@pytest.mark.unit
def test_leaks_are_counted_by_hand():
    y = np.array([1, 0] * 30)
    X = pd.DataFrame({"told": np.where(np.arange(60) < 54, y, 1 - y).astype(float), "gaps": 1.0})
    X.loc[:14, "gaps"] = np.nan
    table = pr.leakage_report(X, y)
    assert table["different"].to_dict() == {"told": 2, "gaps": 1}
    assert table["missing"].to_dict() == {"told": 0, "gaps": 0.25}
    score = np.empty(60)
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        for value in (0, 1):
            known = y[train][X["told"].to_numpy()[train] == value]
            score[test[X["told"].to_numpy()[test] == value]] = (known.sum() + 0.5) / (len(known) + 1)
    assert table.loc["told", "auc"] == pytest.approx(ev.roc_auc(y, score))


@pytest.mark.unit
def test_pruning_losses_by_hand():
    X, y = world(300)
    model = pr.make_model("tree", ["a", "b"])
    table = pr.pruning_table(model, X, y, n_folds=4, n_sizes=6)
    assert table.index.tolist() == list(range(len(table)))
    parts = list(StratifiedKFold(4, shuffle=True, random_state=0).split(X, y))

    def losses(alpha):
        for train, test in parts:
            tree = pr.make_model("tree", ["a", "b"], ccp_alpha=alpha).fit(X.iloc[train], y[train])
            p = tree.predict_proba(X.iloc[test])[np.arange(len(test)), y[test].astype(int)]
            yield -np.log2(p.clip(1 / (len(train) + 2))).mean()

    for row in table.iloc[[0, 2, -1]].itertuples():
        each = np.array(list(losses(row.alpha)))
        assert row.bits == pytest.approx(each.mean())
        assert row.error == pytest.approx(each.std(ddof=1) / 2)


@pytest.mark.unit
def test_windows_come_in_the_order_of_time():
    days = pd.date_range("2025-01-01", periods=8, freq="28D")
    parts = pr.time_windows(days[::-1], n_windows=3)
    assert [test.tolist() for _, test in parts] == [[2], [1], [0]]
    assert [sorted(train.tolist()) for train, _ in parts] == [list(range(k, 8)) for k in (3, 2, 1)]


@pytest.mark.unit
def test_columns_keep_their_values_and_customers():
    X, y = world(30)
    X.index = [f"c{i}" for i in range(30)]
    found = pr.DeclaredColumns(["b", "a"], ["plan"]).fit(X).transform(X)
    assert found.index.tolist() == X.index.tolist()
    assert found[["b", "a"]].to_numpy().tolist() == X[["b", "a"]].to_numpy().tolist()
    assert found["plan"].tolist() == X["plan"].tolist()
    model = pr.NaiveBayes().fit(X, y)
    assert (model.columns_, model.numbers_) == (["a", "b", "plan"], ["a", "b"])
    by = X["a"].groupby(y)
    assert model.means_.loc["a"].tolist() == pytest.approx(by.mean().tolist())
    assert model.variances_.loc["a"].tolist() == pytest.approx(by.var(ddof=0).tolist())


@pytest.mark.unit
def test_dependence_and_importance_intervals_by_hand():
    X, y = world(600, seed=4)
    model = pr.make_model("logistic", ["a", "b"], ["plan"]).fit(X[:300], y[:300])
    late, answers = X[300:], y[300:]
    table = pr.partial_dependence(model, late, "a", grid=[-1.0, 1.0], level=0.9)
    for value in (-1.0, 1.0):
        p = model.predict_proba(late.assign(a=value))[:, 1]
        row = table.loc[value]
        half = 1.6449 * p.std() / np.sqrt(300)
        assert row["mean"] - row["low"] == pytest.approx(half, rel=0.2)
        assert row["high"] - row["mean"] == pytest.approx(half, rel=0.2)
        assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(p, [0.25, 0.75]))
    found = pr.permutation_importance(model, late, answers, n_repeats=3, level=0.9)
    p = model.predict_proba(late)[np.arange(300), answers.astype(int)]
    np.testing.assert_allclose(found["share"], found["bits"] / -np.log2(p).mean(), rtol=1e-6)
    row = found.loc["a"]
    assert row["high"] - row["bits"] == pytest.approx(row["bits"] - row["low"], rel=0.3)
    assert 0.02 < row["high"] - row["low"] < 0.4


def weeks(values):
    index = pd.date_range("2024-01-01", periods=len(values), freq="7D", name="week")
    return pd.Series(np.asarray(values, dtype=float), index)


@pytest.mark.unit
def test_calendar_intervals_by_hand():
    rng = np.random.Generator(np.random.PCG64(5))
    noise = np.zeros(60)
    for t in range(1, 60):
        noise[t] = 0.6 * noise[t - 1] + rng.normal(0, 2)
    series = weeks(50 + 0.3 * np.arange(60) + noise)
    model = pr.CalendarRegression(waves=0, log=False).fit(series)
    t = np.arange(60)
    A = np.column_stack([np.ones(60), t / 52, np.log1p(t)])
    b = np.linalg.lstsq(A, series.to_numpy(), rcond=None)[0]
    error = series.to_numpy() - A @ b
    sigma, carry = np.sqrt(error @ error / 57), error[1:] @ error[:-1] / (error @ error)
    assert model.sigma_ == pytest.approx(sigma, rel=1e-4)
    assert model.carry_ == pytest.approx(carry, rel=1e-3)
    ahead = np.arange(1, 5)
    new = np.column_stack([np.ones(4), (59 + ahead) / 52, np.log1p(59 + ahead)])
    mean = new @ b + error[-1] * carry**ahead
    unsure = np.diag(new @ np.linalg.inv(A.T @ A) @ new.T)
    half = 1.6449 * sigma * np.sqrt(1 - carry ** (2 * ahead) + unsure)
    found = model.forecast(4, level=0.9)
    np.testing.assert_allclose(found["forecast"], mean, rtol=1e-4)
    np.testing.assert_allclose(found["low"], mean - half, rtol=1e-3)
    np.testing.assert_allclose(found["high"], mean + half, rtol=1e-3)


@pytest.mark.unit
def test_smoothing_that_was_found_is_the_one_that_errs_least():
    rng = np.random.Generator(np.random.PCG64(6))
    series = weeks(100 + np.tile([8.0, 0, -8, 0], 15) + rng.normal(0, 1, 60).cumsum() + rng.normal(0, 2, 60))
    model = pr.HoltWinters(4, recent=None).fit(series)
    start = model._start(series.to_numpy(), 4)
    found = model.alpha_, model.beta_, model.phi_, model.gamma_

    def squared(values):
        return float((model._run(series.to_numpy(), 4, start, *values)[0] ** 2).sum())

    least = squared(found)
    for place, limits in enumerate(((1e-3, 0.999), (0, 0.999), (0.8, 0.98), (0, 0.999))):
        for step in (-0.05, 0.05):
            other = list(found)
            other[place] = float(np.clip(other[place] + step, *limits))
            assert squared(other) >= least * (1 - 1e-6)
    errors, level, trend, season = model._run(series.to_numpy(), 4, start, *found)
    assert (model.level_, model.trend_) == pytest.approx((level, trend))
    assert model.season_.tolist() == pytest.approx(season.tolist())
    # alpha, beta, phi, gamma; level and slope of the start, three of four seasons free
    assert model.sigma_ == pytest.approx(np.sqrt((errors**2).mean() / (1 - 9 / 60)))


@pytest.mark.published
@pytest.mark.parametrize(
    ("load", "target", "positive", "settings", "least"),
    [
        (load_telco_churn, "churn", "Yes",
         {"learning_rate": 0.06, "max_iter": 200, "max_leaf_nodes": 4, "min_samples_leaf": 60,
          "l2_regularization": 10.0}, 0.848),
        (load_oj, "purchase", "CH", {"C": 0.3}, 0.896),
    ],
)  # fmt: skip
def test_settings_found_by_nested_choice_reach_the_published_values(load, target, positive, settings, least):
    """Ten settings of each model in three inner folds chose these in most of the five outer ones."""
    data = load()
    X = data.drop(columns=target)
    numbers = [c for c in X if pd.api.types.is_numeric_dtype(X[c].dtype)]
    labels = [c for c in X if c not in numbers]
    model = pr.make_model("logistic" if "C" in settings else "boosting", numbers, labels, **settings)
    table = pr.cross_validated(model, X, data[target], positive, n_resamples=100).table
    assert least <= table.loc["auc", "value"] < least + 0.01


def rolled():
    """Two origins, two weeks ahead each; "last week" and another, by hand."""
    series = weeks([1, 3, 2, 4, 3, 5, 4, 6])
    last = {"forecast": [4, 4, 5, 5], "low": [3, 3, 4.5, 6], "high": [6, 6, 6, 7]}
    other = {"forecast": [3, 7, 4, 5], "low": [2, 6, 3, 4], "high": [4, 8, 5, 6]}
    frame = {"origin": [4, 4, 6, 6], "ahead": [1, 2, 1, 2], "week": series.index[4:], "seen": [3, 5, 4, 6.0]}
    parts = [
        pd.DataFrame({"model": name, **frame, **said})
        for name, said in (("last week", last), ("other", other))
    ]
    return series, pd.concat(parts, ignore_index=True)


@pytest.mark.unit
def test_scores_and_paired_gaps_of_forecasts_by_hand():
    series, table = rolled()
    made = pr.rolling_origins(series, {"last week": pr.SeasonalNaive(1)}, horizon=2, first=4, step=2)
    for column in ("model", "origin", "ahead", "week", "forecast", "seen"):
        assert made[column].tolist() == table[:4][column].tolist()
    scores = pr.forecast_scores(table, series, level=0.9, n_resamples=400, against="last week")
    assert scores.index.tolist() == ["other", "last week"]
    # one week's change was 5 / 3 in the mean before week 4, 8 / 5 before week 6
    assert scores["mase"].tolist() == pytest.approx([(0.6 + 0.3125) / 2, (0.6 + 0.625) / 2])
    # two origins: a quarter of the draws holds the first twice, a quarter the second
    assert scores["low"].tolist() == pytest.approx([0.3125, 0.6])
    assert scores["high"].tolist() == pytest.approx([0.6, 0.625])
    assert scores["mae"].tolist() == [0.75, 1]
    assert scores["bias"].tolist() == [0.25, 0]
    assert scores["coverage"].tolist() == [0.75, 0.75]
    assert scores["coverage_low"].tolist() == [0.5, 0.5]
    assert scores["coverage_high"].tolist() == [1, 1]
    assert scores["width"].tolist() == pytest.approx([2 / 4.5, 2.125 / 4.5])
    assert scores["origins"].tolist() == [2, 2]
    assert scores["gap"].tolist() == pytest.approx([-0.3125 / 2, 0])
    assert scores["gap_low"].tolist() == pytest.approx([-0.3125, 0])
    assert scores["gap_high"].tolist() == pytest.approx([0, 0])
    plain = pr.forecast_scores(table, series, level=0.9, n_resamples=400)
    pd.testing.assert_frame_equal(plain, scores[plain.columns])
    assert "gap" not in plain
    # rows in another order are still paired by origin and week
    mixed = pr.forecast_scores(table[::-1], series, level=0.9, n_resamples=400, against="last week")
    pd.testing.assert_frame_equal(mixed, scores)


@pytest.mark.unit
def test_a_paired_gap_is_narrower_than_what_both_share():
    rng = np.random.Generator(np.random.PCG64(8))
    hard, n = rng.gamma(2.0, 3.0, 60).repeat(2), 120
    series = weeks(np.arange(122.0))
    frame = {"origin": np.arange(2, 122, 2).repeat(2), "week": series.index[2:], "seen": series.iloc[2:]}
    ranges = {"low": 0.0, "high": 1.0}
    table = pd.concat(
        [
            pd.DataFrame({"model": name, **frame, **ranges, "forecast": series.iloc[2:] + hard * factor})
            for name, factor in (("a", rng.normal(1.0, 0.1, n)), ("b", rng.normal(1.1, 0.1, n)))
        ]
    )
    found = pr.forecast_scores(table, series, level=0.9, against="b").loc["a"]
    error = table["forecast"].sub(table["seen"]).abs().groupby([table["model"], table["origin"]]).mean()
    apart = (error["a"] - error["b"]).to_numpy()
    half = 1.6449 * apart.std() / np.sqrt(60)
    assert found["gap"] == pytest.approx(apart.mean())
    assert found["gap"] - found["gap_low"] == pytest.approx(half, rel=0.2)
    assert found["gap_high"] - found["gap"] == pytest.approx(half, rel=0.2)
    assert found["gap_high"] < 0
    assert found["gap_high"] - found["gap_low"] < (found["high"] - found["low"]) / 3


@pytest.mark.bad_input
def test_gaps_need_a_known_model_and_the_same_weeks():
    series, table = rolled()
    with pytest.raises(InputError, match=r"against='naive' is no model of the table; it has .*'other'"):
        pr.forecast_scores(table, series, against="naive")
    with pytest.raises(InputError, match=r"other and last week forecast other weeks: .*same origins"):
        pr.forecast_scores(table.drop(index=[1, 7]), series, against="last week")
    with pytest.raises(InputError, match="has no week"):
        pr.forecast_scores(table.drop(columns="week"), series, against="last week")


@pytest.mark.unit
def test_the_same_week_of_the_last_season_and_how_far_it_may_be_off():
    model = pr.SeasonalNaive(2, recent=None).fit(weeks([1, 5, 3, 4, 4, 7]))
    # differences of a season: 2, -1, 1, 3
    sigma = np.sqrt(15 / 4)
    found = model.forecast(4, level=0.9)
    assert found.index.tolist() == pd.date_range("2024-02-12", periods=4, freq="7D").tolist()
    mean, half = np.array([4, 7, 4, 7]), 1.644854 * sigma * np.sqrt([1, 1, 2, 2])
    assert found["forecast"].tolist() == mean.tolist()
    assert found["high"].tolist() == pytest.approx(mean + half)
    assert found["low"].tolist() == pytest.approx(np.maximum(mean - half, 0))
    assert (model.sigma_, model.last_.tolist()) == (pytest.approx(sigma), [4, 7])
