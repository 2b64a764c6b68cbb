"""Prediction: every column of every table by hand, so that none can be wrong, shifted or in another order."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from sklearn.covariance import MinCovDet
from sklearn.ensemble import IsolationForest
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
    assert bins.index.tolist() == [0, 1]
    assert bins["n"].tolist() == [4, 4]
    assert bins["stated"].tolist() == pytest.approx([0.225, 0.7])
    assert bins["hits"].tolist() == [0, 3]
    assert bins["observed"].tolist() == [0, 0.75]
    assert bins["observed_low"].iloc[1] == pytest.approx(beta.ppf(0.05, 3, 2))
    assert bins["observed_high"].iloc[1] == pytest.approx(beta.ppf(0.95, 4, 1))
    # cut at the least, the median and the greatest probability
    assert bins["from"].tolist() == pytest.approx([0.1, 0.35])
    assert bins["to"].tolist() == pytest.approx([0.35, 0.9])
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
    assert one.probabilities.index.tolist() == one.true.index.tolist() == one.folds.index.tolist()
    parts = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    for number, (train, test) in enumerate(parts):
        assert (one.folds.to_numpy()[test] == number).all()
        fitted = pr.make_model("logistic", ["a", "b"]).fit(X.iloc[train], y[train])
        p = fitted.predict_proba(X.iloc[test])[:, 1]
        np.testing.assert_allclose(one.probabilities.to_numpy()[test], p)
    brier = ((one.probabilities - one.true) ** 2).groupby(one.folds).mean()
    assert one.table.loc["brier", "value"] == pytest.approx(brier.mean())
    assert one.table.loc["brier", "sd"] == pytest.approx(brier.std())
    assert one.settings == []
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
    for part in ("probabilities", "true", "folds"):
        pd.testing.assert_series_equal(getattr(alone["logistic"], part), getattr(one, part))
    np.testing.assert_array_equal(alone["logistic"].draws, one.draws)
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
    # columns without a value are filled, and named in the order declared
    gaps = X.assign(visits=np.arange(30.0), v=np.nan, u=np.nan)
    filled = pr.DeclaredColumns(["v", "visits", "u"]).fit(gaps)
    assert filled.empty_ == ["v", "u"]
    assert filled.transform(gaps)["visits"].tolist() == list(range(30))
    assert filled.transform(gaps.assign(u=3.0))["u"].tolist() == [0] * 30
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
    models = {"last week": pr.SeasonalNaive(1), "fortnight": pr.SeasonalNaive(2)}
    made = pr.rolling_origins(series, models, horizon=2, first=4, step=2, level=0.8)
    assert made.index.tolist() == list(range(8))
    assert made["model"].tolist() == ["last week"] * 4 + ["fortnight"] * 4
    for column in ("origin", "ahead", "week", "seen"):
        assert made[column].tolist() == table[column].tolist()
    assert made["forecast"].tolist() == [4, 4, 5, 5, 2, 4, 3, 5]
    for (name, origin), part in made.groupby(["model", "origin"]):
        alone = models[name].fit(series[:origin]).forecast(2, level=0.8)
        assert part[["low", "high"]].to_numpy().tolist() == alone[["low", "high"]].to_numpy().tolist()
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


@pytest.mark.unit
def test_events_of_the_calendar_by_hand():
    series = weeks(np.exp(3 + np.arange(60) / 100))
    events = {"fair": ["2024-03-05", "2024-03-07", "2025-03-04"], "sale": ["2024-11-11", "2025-02-26"]}
    model = pr.CalendarRegression(events, waves=0).fit(series)
    assert {name: [str(day.date()) for day in days] for name, days in model.days_.items()} == events
    columns = model._columns(pd.DatetimeIndex(["2024-03-04", "2024-11-11", "2025-02-24", "2025-03-03"]))
    assert columns["event fair"].tolist() == [2, 0, 0, 1]
    assert columns["event sale"].tolist() == [0, 1, 1, 0]
    # what is known to come moves the forecast of its own week, by its own coefficient
    plain = pr.CalendarRegression({k: v[:-1] for k, v in events.items()}, waves=0).fit(series)
    moved = np.log(model.forecast(4)["forecast"] / plain.forecast(4)["forecast"])
    assert moved.index[[0, 1]].strftime("%Y-%m-%d").tolist() == ["2025-02-24", "2025-03-03"]
    b = model.coefficients_
    np.testing.assert_allclose(moved, [b["event sale"], b["event fair"], 0, 0], atol=1e-9)


@pytest.mark.unit
def test_strangeness_by_hand():
    rng = np.random.Generator(np.random.PCG64(9))
    X = pd.DataFrame(
        {"k2": 1.0, "ticket": rng.lognormal(3, 1, 60), "k1": 2.0, "orders": rng.normal(5, 2, 60)}
    )
    X["rare"] = np.where(np.arange(60) < 12, rng.normal(9, 1, 60), 0.0)
    model = pr.AnomalyScores(log=["ticket"]).fit(X)
    assert (model.columns_, model.constant_) == (["ticket", "orders", "rare"], ["k2", "k1"])
    known = X[model.columns_].assign(ticket=np.log(1 + X["ticket"]))
    middle = known.median()
    spread = (known.quantile(0.75) - known.quantile(0.25)) / 1.349
    # more than half of the customers have 0: no quartiles apart, hence the mean deviation
    spread["rare"] = 1.2533 * known["rare"].abs().mean()
    np.testing.assert_allclose(model.middle_, middle)
    np.testing.assert_allclose(model.scale_, spread)
    bulk = MinCovDet(random_state=0).fit(((known - middle) / spread).to_numpy())

    def far(table):
        apart = (table - middle).to_numpy() / spread.to_numpy()
        off = apart - bulk.location_
        return apart, np.sqrt(np.einsum("ij,jk,ik->i", off, np.linalg.inv(bulk.covariance_), off))

    np.testing.assert_allclose(model.scores_, np.sort(far(known)[1]))
    new = pd.DataFrame(
        {"orders": [5.0, 40.0, 4.0], "rare": [0.0, 0.0, 90.0], "ticket": [20.0, 25.0, 18.0]},
        index=list("xyz"),
    )
    found = model.score(new)
    apart, distance = far(new.assign(ticket=np.log(1 + new["ticket"]))[model.columns_])
    assert found.index.tolist() == ["x", "y", "z"]
    np.testing.assert_allclose(found["score"], distance)
    above = [int((far(known)[1] >= value).sum()) for value in distance]
    assert found["rank"].tolist() == pytest.approx([(1 + count) / 61 for count in above])
    assert found["rank"].iloc[0] > 0.1 > found["rank"].iloc[1] == 1 / 61
    widest = np.abs(apart).argmax(axis=1)
    assert found["stands_out"].tolist() == [model.columns_[column] for column in widest]
    assert found["stands_out"].tolist()[1:] == ["orders", "rare"]
    np.testing.assert_allclose(found["deviations"], apart[np.arange(3), widest])


@pytest.mark.unit
def test_forest_scores_are_minus_those_of_the_library():
    X, _ = world(80)
    model = pr.AnomalyScores("isolation forest", n_trees=20, random_state=3).fit(X[["a", "b"]])
    z = ((X[["a", "b"]] - model.middle_) / model.scale_).to_numpy()
    forest = IsolationForest(n_estimators=20, random_state=3).fit(z)
    np.testing.assert_allclose(model.score(X[["a", "b"]])["score"], -forest.score_samples(z))


@pytest.mark.unit
def test_two_steps_by_hand():
    rng = np.random.Generator(np.random.PCG64(10))
    spec = pr.ShopFeatures(["tea", "bath"])
    X = pd.DataFrame(rng.uniform(0, 3, size=(160, len(spec.numbers))), columns=spec.numbers)
    for deed in ("bought", "viewed"):
        X[f"{deed}_tea"] = rng.uniform(size=160)
        X[f"{deed}_bath"] = 1 - X[f"{deed}_tea"]
    for label in spec.labels:
        X[label] = rng.choice(["tea", "bath"], 160) if label == "last_category" else "a"
    X.index = [f"c{i}" for i in range(160)]
    buys = rng.uniform(size=160) < 0.3 + 0.4 * (X["orders"] > 1.5)
    kind = np.where(rng.uniform(size=160) < X["bought_tea"], "tea", "bath")
    answers = np.where(buys, kind, "nothing")
    settings = {"C": 0.1}
    model = pr.BuyThenWhich(spec, "logistic", "logistic", settings, settings, strength=4).fit(X, answers)
    heads = X[buys]
    overall = np.array([(kind[buys] == c).sum() + 0.5 for c in ("tea", "bath")])
    overall /= overall.sum()
    follows = pd.DataFrame(0.0, ["tea", "bath"], ["tea", "bath"])
    for last in follows.index:
        counts = np.array([((heads["last_category"] == last) & (kind[buys] == c)).sum() for c in follows])
        follows.loc[last] = (counts + 4 * overall) / (counts.sum() + 4)
    np.testing.assert_allclose(model.follows_.loc[follows.index, follows.columns], follows)
    first = pr.make_model("logistic", spec.numbers, spec.labels, spec.counts, C=0.1).fit(X, buys)
    sides = ["bought", "viewed", "is_last", "orders", "visits_8", "shop", "follows"]
    second = pr.make_model("logistic", sides, ["category"], C=0.1)
    chosen = np.array([[k == c for c in ("tea", "bath")] for k in kind[buys]]).ravel()
    second.fit(pr.category_table(heads, ["tea", "bath"], follows), chosen)
    asked = X[40:90]
    found = model.predict(asked)
    assert found.columns.tolist() == ["tea", "bath", "nothing"]
    assert found.index.tolist() == asked.index.tolist()
    p = first.predict_proba(asked)[:, 1]
    s = second.predict_proba(pr.category_table(asked, ["tea", "bath"], follows))[:, 1].reshape(-1, 2)
    np.testing.assert_allclose(found["nothing"], 1 - p)
    np.testing.assert_allclose(found["tea"], p * s[:, 0] / s.sum(axis=1))
    np.testing.assert_allclose(found["bath"], p * s[:, 1] / s.sum(axis=1))


@pytest.mark.unit
def test_each_fold_has_the_setting_its_own_customers_chose():
    rng = np.random.Generator(np.random.PCG64(11))
    X = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400)})
    clear, noisy = np.arange(200), np.arange(200, 400)
    y = rng.uniform(size=400) < 0.5
    y[clear] = rng.uniform(size=200) < 1 / (1 + np.exp(-4 * X["a"].to_numpy()[clear]))
    # where there is nothing to learn the strongest penalty wins
    found = pr.nested_choice(
        ["logistic"], X, y, ["a", "b"], budget=2, positive=True, grids={"logistic": {"C": [1e-4, 10.0]}},
        inner=3, folds=[(clear, noisy), (noisy, clear)], n_resamples=50,
    )["logistic"]  # fmt: skip
    assert found.settings == [{"C": 10.0}, {"C": 1e-4}]
    assert found.folds.tolist() == [1] * 200 + [0] * 200


@pytest.mark.unit
def test_naive_bayes_keeps_its_labels_with_their_shares():
    X, y = world(50)
    shares = pr.NaiveBayes(smoothing=2.0).fit(X, y).labels_["plan"]
    assert shares.index.tolist() == sorted(X["plan"].unique())
    for plan in ("L", "S"):
        told = [np.exp(shares.loc[plan, kind]) for kind in (False, True)]
        seen = [
            (((X["plan"] == plan) & (y == kind)).sum() + 2) / ((y == kind).sum() + 2 * 2)
            for kind in (False, True)
        ]
        assert told == pytest.approx(seen)
