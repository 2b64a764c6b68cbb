"""Bits, calibration, coupons, the common question and the ledger: hand tables, slow loops, planted leaks."""

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bigmkt_helpers import information as info
from bigmkt_helpers.errors import BigmktError, InputError, NotFittedError

pytestmark = pytest.mark.unit

QUICK = settings(max_examples=60, deadline=None)


def raises(part):
    return pytest.raises(InputError, match=part)


@st.composite
def joints(draw, rows=None, columns=None):
    """A joint table of probabilities; cells may be 0."""
    shape = (rows or draw(st.integers(1, 4)), columns or draw(st.integers(1, 4)))
    table = draw(arrays(float, shape, elements=st.floats(0, 1).map(lambda x: 0.0 if x < 0.05 else x)))
    return table / table.sum() if table.sum() > 0 else np.full(shape, 1 / math.prod(shape))


@st.composite
def distributions(draw, size):
    table = draw(joints(1, size))
    return table[0]


# --- entropy and its kin -----------------------------------------------------------------------------


def test_entropy_of_the_fair_and_the_loaded():
    assert info.entropy([1.0]) == 0
    assert info.entropy([0.5, 0.25, 0.125, 0.125]) == 1.75  # Cover & Thomas' horse race, 1.75 bits
    assert info.entropy(np.full((4, 4), 1 / 16)) == 4
    assert info.entropy([0.5, 0.5, 0.0]) == 1
    assert info.binary_entropy([0, 1, 0.5]).tolist() == [0, 0, 1]


@QUICK
@given(joints())
def test_the_chain_rule_and_the_bounds(p):
    h = info.entropy(p)
    assert 0 <= h <= math.log2(p.size) + 1e-12
    assert h == pytest.approx(info.entropy(p.sum(axis=1)) + info.conditional_entropy(p), abs=1e-9)
    assert h == pytest.approx(info.entropy(p.sum(axis=0)) + info.conditional_entropy(p.T), abs=1e-9)
    assert info.conditional_entropy(p) <= info.entropy(p.sum(axis=0)) + 1e-9


@QUICK
@given(joints())
def test_mutual_information_is_symmetric_and_a_divergence(p):
    bits = info.mutual_information(p)
    assert bits >= 0
    assert bits == pytest.approx(info.mutual_information(p.T), abs=1e-12)
    product = np.outer(p.sum(axis=1), p.sum(axis=0))
    assert bits == pytest.approx(info.kullback_leibler(p, product), abs=1e-9)
    pointwise = info.pointwise_mutual_information(p)
    assert bits == pytest.approx(p[p > 0] @ pointwise[p > 0], abs=1e-9)


@QUICK
@given(joints(3, 3), joints(3, 2))
def test_processing_data_never_adds_information(p, channel):
    rows = channel.sum(axis=1, keepdims=True)
    channel = np.where(rows > 0, channel / np.where(rows > 0, rows, 1), 0.5)
    assert info.mutual_information(p @ channel) <= info.mutual_information(p) + 1e-9


@QUICK
@given(distributions(4), distributions(4))
def test_divergence_and_cross_entropy(p, q):
    extra = info.kullback_leibler(p, q)
    assert extra >= 0
    assert info.kullback_leibler(p, p) == 0
    assert info.cross_entropy(p, q) == pytest.approx(info.entropy(p) + extra, abs=1e-9)
    assert math.isinf(extra) == bool(((q == 0) & (p > 0)).any())


def test_conditional_entropy_by_hand():
    # Rain decides half of the days: 8 days, tea bought on 3 of 4 wet and 1 of 4 dry ones.
    joint = np.array([[3, 1], [1, 3]]) / 8
    assert info.conditional_entropy(joint) == pytest.approx(info.binary_entropy(0.25))
    assert info.mutual_information(joint) == pytest.approx(1 - info.binary_entropy(0.25))
    table = pd.DataFrame(joint, ["wet", "dry"], ["tea", "none"])
    found = info.pointwise_mutual_information(table)
    assert found.loc["wet", "tea"] == pytest.approx(math.log2(1.5))
    assert np.isnan(info.pointwise_mutual_information([[0.5, 0.0], [0.5, 0.0]])[0, 1])


def test_pointwise_information_is_the_logarithm_of_lift():
    n, tea, pot, both = 1000, 200, 100, 60
    joint = np.array([[both, tea - both], [pot - both, n - tea - pot + both]]) / n
    lift = (both / n) / (tea / n * pot / n)
    assert info.pointwise_mutual_information(joint)[0, 0] == pytest.approx(math.log2(lift))


def test_row_entropy_is_entropy_row_by_row():
    rows = pd.DataFrame([[0.2, 0.8], [1.0, 0.0]], index=["a", "b"])
    found = info.row_entropy(rows)
    assert found["a"] == pytest.approx(info.entropy([0.2, 0.8]))
    assert found["b"] == 0
    assert info.row_entropy(rows.to_numpy()).tolist() == found.tolist()


# --- counts ------------------------------------------------------------------------------------------


def test_counts_by_hand_and_the_reference_of_r():
    # The example of R's entropy.MillerMadow; both numbers follow from its published source.
    y = [4, 2, 3, 0, 2, 4, 0, 0, 2, 1, 1]
    p = np.array([v for v in y if v]) / 19
    plug_in = -sum(v * math.log2(v) for v in p)
    assert info.entropy_from_counts(y) == pytest.approx(plug_in)
    corrected = info.entropy_from_counts(y, "miller-madow")
    assert corrected == pytest.approx(plug_in + (8 - 1) / (2 * 19) / math.log(2))


def test_the_correction_takes_out_most_of_the_bias():
    truth, n = np.full(8, 1 / 8), 40
    rng = np.random.Generator(np.random.PCG64(3))
    samples = rng.multinomial(n, truth, size=400)
    plain = np.mean([info.entropy_from_counts(s) for s in samples]) - 3
    mended = np.mean([info.entropy_from_counts(s, "miller-madow") for s in samples]) - 3
    assert plain < -0.1
    assert abs(mended) < 0.25 * abs(plain)


def test_chance_looks_like_information_until_corrected():
    rng = np.random.Generator(np.random.PCG64(4))
    tables = [rng.multinomial(60, np.full(12, 1 / 12)).reshape(3, 4) for _ in range(300)]
    plain = np.mean([info.mutual_information_from_counts(t) for t in tables])
    mended = np.mean([info.mutual_information_from_counts(t, "miller-madow") for t in tables])
    assert plain == pytest.approx((3 - 1) * (4 - 1) / (2 * 60 * math.log(2)), rel=0.2)
    assert abs(mended) < 0.2 * plain


# --- log loss ----------------------------------------------------------------------------------------


def forecast_and_answers(seed=0, n=50, k=4):
    rng = np.random.Generator(np.random.PCG64(seed))
    p = pd.DataFrame(rng.dirichlet(np.ones(k), n), index=np.arange(n) + 100, columns=list("abcd")[:k])
    answers = pd.Series(rng.choice(p.columns, n), index=p.index)
    return p, answers


def test_log_loss_by_a_slow_loop_in_any_order():
    p, answers = forecast_and_answers()
    slow = np.mean([-math.log2(p.loc[c, answers[c]]) for c in p.index])
    assert info.log_loss(p, answers) == pytest.approx(slow)
    shuffled = answers.sample(frac=1, random_state=1)
    assert info.bits_per_customer(p, shuffled).index.equals(p.index)
    assert info.log_loss(p, shuffled) == pytest.approx(slow)


@QUICK
@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), distributions(4))
def test_no_constant_forecast_beats_the_entropy_of_what_happened(happened, q):
    labels = list("abcd")
    answers = pd.Series([labels[i] for i in happened])
    counts = answers.value_counts().reindex(labels, fill_value=0)
    entropy = info.entropy_from_counts(counts)
    q = 0.96 * q + 0.01
    constant = pd.DataFrame(np.tile(q, (len(answers), 1)), columns=labels)
    assert info.log_loss(constant, answers) >= entropy - 1e-9
    shares = pd.DataFrame(np.tile(counts / counts.sum(), (len(answers), 1)), columns=labels)
    assert info.log_loss(shares, answers) == pytest.approx(entropy, abs=1e-9)


def test_a_floor_is_stated_and_keeps_the_sum():
    p = pd.DataFrame({"a": [1.0], "b": [0.0]}, index=[5])
    with raises("Customer 5 did 'b', to which the model gave probability 0"):
        info.log_loss(p, pd.Series({5: "b"}))
    assert info.log_loss(p, pd.Series({5: "b"}), floor=0.25) == 2
    assert info.log_loss(p, pd.Series({5: "a"}), floor=0.25) == pytest.approx(-math.log2(0.75))
    for bad in (0, 0.5, -0.1, float("nan"), "x"):
        with raises("floor is"):
            info.log_loss(p, pd.Series({5: "b"}), floor=bad)


# --- growth and decisions ----------------------------------------------------------------------------


@QUICK
@given(joints(3, 3))
def test_side_information_is_worth_its_bits_at_fair_odds(p):
    # y is the horse, x the tip; fair odds are 1 / P(y).
    tip, horse = p.sum(axis=1), p.sum(axis=0)
    odds = 1 / np.where(horse > 0, horse, 1)
    gain = sum(tip[i] * info.growth_rate(p[i] / tip[i], odds) for i in range(3) if tip[i] > 0)
    assert info.growth_rate(horse, odds) == pytest.approx(0, abs=1e-9)
    assert gain == pytest.approx(info.mutual_information(p), abs=1e-9)


@QUICK
@given(distributions(3), distributions(3), distributions(3))
def test_no_bets_grow_faster_than_the_probabilities(p, bets, market):
    odds = 1 / (0.9 * market + 0.1 / 3)
    assert info.growth_rate(p, odds, bets) <= info.growth_rate(p, odds) + 1e-9
    fair = info.kullback_leibler(p, 1 / odds) - info.kullback_leibler(p, bets)
    found = info.growth_rate(p, odds, bets)
    assert found == pytest.approx(fair, abs=1e-9)


@QUICK
@given(st.floats(0.01, 0.99), st.floats(0.1, 10))
def test_the_kelly_fraction_beats_its_neighbours(p, net):
    def growth(f):
        return p * math.log2(1 + f * net) + (1 - p) * math.log2(1 - f)

    best = info.kelly_fraction(p, net)
    assert 0 <= best < 1
    for other in np.linspace(0, 0.99, 34):
        assert growth(best) >= growth(other) - 1e-12


def test_the_value_of_information_by_hand():
    # Send (cost 2, earns 10 from a buyer) or wait; one in four buys.
    payoffs = pd.DataFrame({"buyer": [8.0, 0.0], "other": [-2.0, 0.0]}, index=["send", "wait"])
    signals = pd.DataFrame({"yes": [0.5, 0.9], "no": [0.5, 0.1]}, index=["other", "buyer"])
    value = info.value_of_information(payoffs, pd.Series({"other": 0.75, "buyer": 0.25}), signals)
    assert value.action == "send"
    assert value.payoff == pytest.approx(0.5)
    assert value.perfect == pytest.approx(0.25 * 8 - 0.5)
    # yes: send earns .25·.9·8 − .75·.5·2 = 1.05; no: send would earn .25·.1·8 − .75·.5·2 < 0, so wait.
    assert value.sample == pytest.approx(1.05 - 0.5)


@QUICK
@given(
    arrays(float, (3, 3), elements=st.floats(-10, 10)),
    distributions(3),
    arrays(float, (3, 2), elements=st.floats(0.01, 1)),
)
def test_sample_information_lies_between_nothing_and_perfection(u, prior, likelihood):
    likelihood = likelihood / likelihood.sum(axis=1, keepdims=True)
    states, actions = ["s0", "s1", "s2"], ["a0", "a1", "a2"]
    value = info.value_of_information(
        pd.DataFrame(u, actions, states), prior, pd.DataFrame(likelihood, states)
    )
    assert -1e-12 <= value.sample <= value.perfect + 1e-9
    brute = max(
        sum(prior[s] * likelihood[s, z] * u[plan[z], s] for s in range(3) for z in range(2))
        for plan in itertools.product(range(3), repeat=2)
    )
    assert value.payoff + value.sample == pytest.approx(brute, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: info.entropy([0.5, 0.6]), "adds up to 1.1, not to 1"),
        (lambda: info.entropy([1.5, -0.5]), "holds -0.5 at position"),
        (lambda: info.entropy([]), "is empty"),
        (lambda: info.entropy(["a"]), "not a number"),
        (lambda: info.entropy([float("nan"), 1]), "must be finite"),
        (lambda: info.binary_entropy(1.2), "must lie from 0 to 1"),
        (lambda: info.mutual_information([0.5, 0.5]), "pass a table"),
        (lambda: info.kullback_leibler([1.0], [0.5, 0.5]), "same outcomes"),
        (lambda: info.entropy_from_counts([1.5]), "whole numbers"),
        (lambda: info.entropy_from_counts([0, 0]), "nothing but zeros"),
        (lambda: info.entropy_from_counts([1, 2], "jackknife"), "no estimator 'jackknife'"),
        (lambda: info.mutual_information_from_counts([1, 2]), "pass a table"),
        (lambda: info.row_entropy([[0.5, 0.6]]), "row 0 in probabilities add up to 1.1"),
        (lambda: info.row_entropy([0.5, 0.5]), "one row per customer"),
        (lambda: info.growth_rate([1.0], [0.0]), "above 0"),
        (lambda: info.growth_rate([0.5, 0.5], [2.0]), "different numbers"),
        (lambda: info.kelly_fraction(1.5, 1), "must lie from 0 to 1"),
        (lambda: info.kelly_fraction(0.5, 0), "above 0"),
        (lambda: info.value_of_information([[1]], [1]), "must be a DataFrame"),
        (lambda: info.value_of_information(pd.DataFrame({"s": [1]}), [0.5, 0.5]), "one probability for each"),
        (
            lambda: info.value_of_information(pd.DataFrame({"s": [1]}), pd.Series({"r": 1.0})),
            "must be the same",
        ),
        (lambda: info.mean_interval([1.0]), "at least two customers"),
        (lambda: info.mean_interval([1.0, 2.0], level=1), "between 0 and 1"),
        (lambda: info.mean_interval([1.0, 2.0], n_resamples=10), "at least 100"),
        (lambda: info.mean_interval([[1.0, 2.0]]), "one number per customer"),
        (lambda: info.ratio_interval([1.0, 2.0], [1.0]), "same customers"),
        (lambda: info.ratio_interval([1.0, 2.0], [1.0, -1.0]), "not clearly above 0"),
        (lambda: info.clopper_pearson([3], [2]), "0 ≤ hits ≤ n"),
    ],
)
def test_bad_input_gets_one_sentence(call, sentence):
    with raises(sentence):
        call()


def test_bad_forecasts_get_one_sentence():
    p, answers = forecast_and_answers()
    for bad, sentence in [
        (lambda: info.log_loss(p.to_numpy(), answers), "as a DataFrame"),
        (lambda: info.log_loss(pd.concat([p, p.iloc[:1]]), answers), "customer 100 twice"),
        (lambda: info.log_loss(p * 0.5, answers), "add up to 0.5"),
        (lambda: info.log_loss(p, answers.iloc[1:]), "Customer 100 is not in answers"),
        (lambda: info.log_loss(p.iloc[1:], answers), "Customer 100 is not in probabilities"),
        (lambda: info.log_loss(p, answers.replace("a", "z")), "'z' of customer"),
        (lambda: info.log_loss(p.set_axis(list("aabc"), axis=1), answers), "two columns of one name"),
    ]:
        with raises(sentence):
            bad()


# --- intervals ---------------------------------------------------------------------------------------


def test_intervals_agree_with_those_of_the_evaluation_room():
    from bigmkt_helpers import evaluation

    values = np.random.Generator(np.random.PCG64(1)).normal(size=300)
    ours, theirs = info.mean_interval(values), evaluation.bootstrap_interval(values)
    assert ours == pytest.approx(tuple(theirs))


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.Generator(np.random.PCG64(2))
    covered = 0
    for seed in range(200):
        x = rng.normal(1.0, 1.0, 100)
        y = 2 + rng.normal(0, 0.3, 100)
        interval = info.ratio_interval(x * 2, y, n_resamples=300, random_state=seed)
        covered += interval.low <= 1.0 <= interval.high
    assert 176 <= covered <= 199


# --- calibration -------------------------------------------------------------------------------------


def test_clopper_pearson_inverts_the_binomial_tails():
    from scipy.stats import binom

    for n in (1, 7, 40):
        hits = np.arange(n + 1)
        low, high = info.clopper_pearson(hits, np.full(n + 1, n))
        assert binom.sf(hits[1:] - 1, n, low[1:]) == pytest.approx(0.025)
        assert binom.cdf(hits[:-1], n, high[:-1]) == pytest.approx(0.025)
        assert (low[0], high[-1]) == (0, 1)


@pytest.mark.parametrize("outcome", [None, "every", "a"])
@pytest.mark.parametrize("bins", ["width", "count"])
def test_the_reliability_table_by_a_slow_loop(outcome, bins):
    p, answers = forecast_and_answers(n=200)
    table = info.reliability_table(p, answers, outcome, n_bins=5, bins=bins)
    pairs = []
    for customer, row in p.iterrows():
        for label in p.columns if outcome == "every" else [outcome or row.idxmax()]:
            pairs.append((row[label], answers[customer] == label))
    assert table["n"].sum() == len(pairs)
    for number, row in enumerate(table.itertuples(index=False)):
        low = -1 if number == 0 else row[0]
        inside = [hit for stated, hit in pairs if low < stated <= row.to]
        assert (row.n, row.hits) == (len(inside), sum(inside))
        assert row.observed_low <= row.observed <= row.observed_high
    error = sum(r.n / len(pairs) * abs(r.observed - r.stated) for r in table.itertuples())
    assert info.expected_calibration_error(p, answers, outcome, 5, bins) == pytest.approx(error)


def test_an_edge_belongs_to_the_bin_below():
    p = pd.DataFrame({"a": [0.0, 0.5, 0.75, 1.0], "b": [1.0, 0.5, 0.25, 0.0]})
    table = info.reliability_table(p, pd.Series(["b", "b", "a", "a"]), "a", n_bins=2)
    assert table["n"].tolist() == [2, 2]
    assert table["stated"].tolist() == [0.25, 0.875]


def calibrated_world(n=4000, k=5, seed=0):
    """Probabilities and answers that really follow them."""
    rng = np.random.Generator(np.random.PCG64(seed))
    p = pd.DataFrame(rng.dirichlet(np.full(k, 0.8), n), columns=list("abcde")[:k])
    p = 0.98 * p + 0.02 / k
    drawn = (p.to_numpy().cumsum(axis=1) > rng.random(n)[:, None]).argmax(axis=1)
    return p, pd.Series(p.columns.to_numpy()[drawn], index=p.index, dtype="str")


def sharpened(p, power):
    q = p**power
    return q.div(q.sum(axis=1), axis=0)


def test_temperature_scaling_finds_the_temperature():
    p, answers = calibrated_world()
    for power in (0.5, 1.0, 2.0):
        scaling = info.TemperatureScaling().fit(sharpened(p, power), answers)
        assert scaling.temperature_ == pytest.approx(power, rel=0.08)
        assert info.log_loss(scaling.transform(sharpened(p, power)), answers) == pytest.approx(
            info.log_loss(p, answers), abs=0.003
        )


def test_calibration_mends_an_overconfident_model_on_new_customers():
    p, answers = calibrated_world(n=8000)
    sure = sharpened(p, 2.0)
    early, late = sure.index[:4000], sure.index[4000:]
    for scaling in (info.TemperatureScaling(), info.VectorScaling()):
        mended = scaling.fit(sure.loc[early], answers[early]).transform(sure.loc[late])
        assert info.log_loss(mended, answers[late]) < info.log_loss(sure.loc[late], answers[late]) - 0.1
        before = info.expected_calibration_error(sure.loc[late], answers[late])
        assert info.expected_calibration_error(mended, answers[late]) < 0.3 * before
        assert mended.sum(axis=1).to_numpy() == pytest.approx(1)


def test_scaling_of_two_outcomes_is_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    p, answers = calibrated_world(n=600, k=2)
    logit = np.log(p["b"] / p["a"]).to_numpy()[:, None]
    plain = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(logit, answers)
    scaling = info.TemperatureScaling().fit(p, answers)
    assert 1 / scaling.temperature_ == pytest.approx(plain.coef_[0, 0], rel=1e-4)

    both = np.log(p.to_numpy())
    full = LogisticRegression(C=np.inf, tol=1e-10, max_iter=2000).fit(both, answers)
    vector = info.VectorScaling(penalty=1e-7).fit(p, answers)
    assert vector.transform(p).to_numpy() == pytest.approx(full.predict_proba(both), abs=1e-4)


def test_vector_scaling_is_the_penalised_optimum():
    p, answers = calibrated_world(n=400, k=3)
    scaling = info.VectorScaling(penalty=2.0).fit(p, answers)
    code = p.columns.get_indexer(answers)

    def loss(w, b):
        z = w * np.log((1 - 3e-9) * p.to_numpy() + 1e-9) + b
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -logp[np.arange(len(p)), code].sum() + ((w - 1) ** 2).sum() + (b**2).sum()

    best = loss(scaling.slope_, scaling.intercept_)
    rng = np.random.Generator(np.random.PCG64(0))
    for _ in range(50):
        step = rng.normal(0, 0.02, (2, 3))
        assert loss(scaling.slope_ + step[0], scaling.intercept_ + step[1]) > best


def score_world(n=3000, seed=0):
    rng = np.random.Generator(np.random.PCG64(seed))
    scores = pd.DataFrame(rng.normal(0, 3, (n, 4)), columns=list("abcd"))
    timing = pd.DataFrame({"recency": rng.normal(2, 1, n), "orders": rng.normal(0, 5, n)})
    none = 1 / (1 + np.exp(-(0.3 + 0.8 * (timing["recency"] - 2) - 0.1 * timing["orders"])))
    z = np.exp(0.4 * scores + np.array([0.5, 0, 0, -0.5]))
    p = z.div(z.sum(axis=1), axis=0).mul(1 - none, axis=0).assign(nothing=none)
    drawn = (p.to_numpy().cumsum(axis=1) > rng.random(n)[:, None]).argmax(axis=1)
    return scores, timing, p, pd.Series(p.columns.to_numpy()[drawn], index=p.index, dtype="str")


def test_scores_become_the_probabilities_they_came_from():
    scores, timing, truth, answers = score_world()
    model = info.ScoreCalibrator().fit(scores, timing, answers)
    found = model.transform(scores, timing)
    assert list(found.columns) == ["a", "b", "c", "d", "nothing"]
    assert found.sum(axis=1).to_numpy() == pytest.approx(1)
    assert model.slope_ / model.score_scale_ == pytest.approx(0.4, abs=0.03)
    assert np.abs(found - truth).to_numpy().mean() < 0.01
    assert info.log_loss(found, answers) == pytest.approx(info.log_loss(truth, answers), abs=0.004)


def test_the_parts_agree_with_logistic_regression_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    scores, timing, _, answers = score_world(n=500)
    model = info.ScoreCalibrator(penalty=1.0).fit(scores, timing, answers)
    x = (timing - timing.mean()) / timing.std(ddof=0)
    theirs = LogisticRegression(C=1.0, tol=1e-10).fit(x, answers == "nothing")
    assert model.weights_.to_numpy() == pytest.approx(theirs.coef_[0], abs=1e-4)
    assert model.intercept_ == pytest.approx(theirs.intercept_[0], abs=1e-4)
    # With scores that say nothing, the categories are those of a multinomial regression on no features.
    flat = info.ScoreCalibrator(penalty=1e-6).fit(scores * 0.0, timing, answers)
    bought = answers[answers != "nothing"]
    blank = np.zeros((len(bought), 1))
    none = LogisticRegression(C=np.inf, tol=1e-10).fit(blank, bought).predict_proba(blank[:1])[0]
    found = flat.transform(scores * 0.0, timing).iloc[0]
    assert (found / (1 - found["nothing"])).to_numpy()[:4] == pytest.approx(none, abs=1e-4)


def test_a_calibrator_never_made_anything_up():
    scores, timing, truth, answers = score_world(n=60)
    with pytest.raises(NotFittedError):
        info.ScoreCalibrator().transform(scores, timing)
    with pytest.raises(NotFittedError):
        info.TemperatureScaling().transform(truth)
    model = info.ScoreCalibrator().fit(scores, timing, answers)
    for bad, sentence in [
        (lambda: model.transform(scores[list("bacd")], timing), "columns of fit"),
        (lambda: model.transform(scores, timing.iloc[::-1]), "same customers"),
        (lambda: model.transform(scores.replace(scores.iloc[0, 0], np.nan), timing), "finite"),
        (lambda: model.fit(scores, timing, answers.replace("a", "z")), "'z' of customer"),
        (lambda: model.fit(scores, timing, answers.replace("nothing", "a")), "who did not"),
        (lambda: model.fit(scores, timing, answers.iloc[1:]), "different customers"),
        (lambda: model.fit(truth, timing, answers), "scores has a column 'nothing'"),
        (lambda: model.fit(scores.to_numpy(), timing, answers), "pass a DataFrame"),
        (lambda: info.VectorScaling(penalty=-1).fit(truth, answers), "penalty is -1"),
        (
            lambda: info.VectorScaling(penalty=0).fit(truth, answers.replace("c", "a")),
            "'c' never happened",
        ),
        (lambda: info.TemperatureScaling(floor=0.5).fit(truth, answers), "floor is 0.5"),
        (
            lambda: info.TemperatureScaling().fit(truth, answers).transform(truth.iloc[:, ::-1]),
            "columns must be those of fit",
        ),
        (lambda: info.reliability_table(truth, answers, "tea"), "no outcome 'tea'"),
        (lambda: info.reliability_table(truth, answers, bins="even"), "no bins 'even'"),
    ]:
        with raises(sentence):
            bad()


def test_scores_by_category_by_a_slow_loop():
    rng = np.random.Generator(np.random.PCG64(5))
    lists = pd.DataFrame(
        {"user": rng.integers(0, 8, 60), "item": rng.integers(0, 10, 60), "score": rng.random(60)}
    ).drop_duplicates(["user", "item"])
    kinds = pd.Series(rng.choice(["x", "y", "z"], 10))
    for how, function in (("sum", sum), ("max", max), ("mean", np.mean)):
        found = info.category_scores(lists, kinds, ["x", "y", "z", "w"], pd.RangeIndex(9), how)
        for user, kind in itertools.product(range(9), found.columns):
            mine = lists[(lists["user"] == user) & (lists["item"].map(kinds) == kind)]["score"].tolist()
            assert found.loc[user, kind] == pytest.approx(function(mine) if mine else 0.0)
    with raises("Product 3 has no category"):
        info.category_scores(pd.DataFrame({"user": [1], "item": [3], "score": [1.0]}), kinds[:2], ["x"], [1])
    with raises("how='median'"):
        info.category_scores(lists, kinds, ["x"], pd.Index([1]), "median")


# --- a small shop of known truth ---------------------------------------------------------------------

CATEGORIES = ["tea", "lamps", "plants"]
OUTCOMES = [*CATEGORIES, "nothing"]
WEEKS = [44, 48, 52, 56, 60]
ZONE = "Asia/Shanghai"
START = pd.Timestamp("2024-01-01", tz=ZONE)
MARGIN = pd.Series([30.0, 60.0, 45.0], index=CATEGORIES)


def small_shop(n=250, seed=0):
    """Customers with a rate and a taste each; every week an order or none; the truth is a formula."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rate, taste = rng.beta(1.2, 6, n), rng.dirichlet(np.full(3, 0.5), n)
    week, who = np.nonzero(rng.random((64, n)) < rate)
    m = len(week)
    category = (taste[who].cumsum(axis=1) > rng.random(m)[:, None]).argmax(axis=1)
    moment = START + pd.to_timedelta(week * 7 * 86400 + rng.integers(0, 7 * 86400, m), unit="s")
    lines = pd.DataFrame(
        {
            "order_id": rng.permutation(m) + 1,
            "line_number": 1,
            "customer_id": who + 1000,
            "order_time": moment.tz_convert("UTC").as_unit("us"),
            "category": np.array(CATEGORIES)[category],
            "spend": np.round(rng.gamma(2, 30, m), 2),
        }
    )
    second = lines.sample(frac=0.4, random_state=seed)
    second = second.assign(line_number=2, category=rng.choice(CATEGORIES, len(second)))
    orders = pd.concat([lines, second], ignore_index=True).sample(frac=1, random_state=1, ignore_index=True)
    nothing = (1 - rate) ** 4
    p = np.column_stack([(1 - nothing)[:, None] * taste, nothing])
    truth = pd.DataFrame(p, columns=[f"p_{o}" for o in OUTCOMES]).assign(customer_id=np.arange(n) + 1000)
    beta = pd.Series(rng.normal(0.8, 0.5, n), index=np.arange(n) + 1000)
    return orders, truth, beta


def make_question(seed=0, n=250, with_truth=True, **more):
    orders, truth, beta = small_shop(n, seed)
    cutoffs = info.week_cutoffs(WEEKS)
    question = info.CommonQuestion(orders, CATEGORIES, cutoffs, n_resamples=300)
    if not with_truth:
        return question
    tables = []
    for t in WEEKS:
        rows = truth[truth["customer_id"].isin(question.customers(t))].assign(cutoff=t)
        tables.append(rows.assign(answer=question.answers(t).reindex(rows["customer_id"]).to_numpy()))
    terms = info.CouponTerms(MARGIN, face=10.0, contact_cost=0.5, beta=0.8, customer_beta=beta)
    settings = {"terms": terms, "n_resamples": 300} | more
    return info.CommonQuestion(orders, CATEGORIES, cutoffs, truth=pd.concat(tables), **settings)


@pytest.fixture(scope="module")
def question():
    return make_question()


def test_cutoffs_are_local_midnights_of_mondays():
    cutoffs = info.week_cutoffs([0, 52, 100])
    assert cutoffs[0] == pd.Timestamp("2023-12-31 16:00", tz="UTC")
    assert {moment.day_name() for moment in cutoffs.values()} == {"Monday"}
    summer = info.week_cutoffs([10, 14], zone="Europe/Berlin")  # the clocks change in between
    assert [moment.hour for moment in summer.values()] == [0, 0]


def test_customers_and_answers_by_a_slow_loop(question):
    orders, *_ = small_shop()
    heads = orders[orders["line_number"] == 1].sort_values(["order_time", "order_id"])
    seen = set()
    for t in WEEKS:
        moment = START + pd.Timedelta(weeks=t)
        expected = {}
        for customer, mine in heads.groupby("customer_id"):
            past = mine[mine["order_time"] < moment]
            if past.empty or past["order_time"].max() < moment - pd.Timedelta(days=182):
                continue
            ahead = mine[
                (mine["order_time"] >= moment) & (mine["order_time"] < moment + pd.Timedelta(days=28))
            ]
            expected[customer] = ahead["category"].iloc[0] if len(ahead) else "nothing"
            assert question.last_category(t)[customer] == past["category"].iloc[-1]
        assert question.answers(t).to_dict() == expected
        assert question.customers(t).tolist() == sorted(expected)
        seen |= set(expected.values())
    assert seen == set(OUTCOMES)


def line(order, customer, time, category="tea", number=1):
    return {
        "order_id": order,
        "line_number": number,
        "customer_id": customer,
        "order_time": pd.Timestamp(time, tz=ZONE),
        "category": category,
    }


def tiny(*lines, **more):
    orders = pd.DataFrame(lines).astype({"order_time": "datetime64[us, UTC]"})
    cutoffs = {"t": pd.Timestamp("2024-07-01", tz=ZONE)}
    return info.CommonQuestion(orders, CATEGORIES, cutoffs, **more)


def test_the_edges_of_window_and_horizon():
    question = tiny(
        line(1, 1, "2024-01-01 00:00"),  # 182 days before: the window's first instant
        line(2, 2, "2023-12-31 23:59:59"),  # just outside
        line(3, 3, "2024-06-30 23:59:59", "lamps"),
        line(4, 3, "2024-07-01 00:00", "plants"),  # the cutoff itself is the future
        line(5, 1, "2024-07-29 00:00"),  # the horizon's end is outside
        line(6, 4, "2024-07-02"),  # never bought before
    )
    assert question.answers("t").to_dict() == {1: "nothing", 3: "plants"}
    assert question.last_category("t").to_dict() == {1: "tea", 3: "lamps"}
    assert question.history("t")["orders"]["order_id"].tolist() == [1, 2, 3]


def test_the_first_line_counts_whatever_the_row_order():
    question = tiny(
        line(1, 1, "2024-06-01"),
        line(9, 1, "2024-07-03", "lamps", number=2),
        line(9, 1, "2024-07-03", "plants", number=1),
        line(8, 1, "2024-07-02", "tea", number=3),
    )
    assert question.answers("t").to_dict() == {1: "tea"}


def test_only_cutoffs_that_were_answered_by_then_teach():
    question = make_question(with_truth=False)
    assert question.earlier() == [44, 48, 52, 56]
    assert question.earlier(48) == [44]
    assert question.earlier(44) == []
    with raises("nothing to learn from"):
        question.base_rate(44)
    close = info.CommonQuestion(small_shop()[0], CATEGORIES, info.week_cutoffs([50, 52, 54]))
    assert close.earlier() == [50]


def test_the_baselines_by_hand(question):
    answers = [question.answers(t) for t in WEEKS[:-1]]
    counts = pd.concat(answers).value_counts().reindex(OUTCOMES) + 0.5
    base = counts / counts.sum()
    assert question.base_rate().to_numpy() == pytest.approx(np.tile(base, (len(question.customers()), 1)))

    heads = small_shop()[0].query("line_number == 1")
    late = heads[
        (heads["order_time"] < question.cutoff())
        & (heads["order_time"] >= question.cutoff() - pd.Timedelta(weeks=8))
    ]
    n = late["category"].value_counts().reindex(CATEGORIES) + 0.5
    popular = question.popularity().iloc[0]
    assert popular["nothing"] == pytest.approx(base["nothing"])
    assert popular[CATEGORIES].to_numpy() == pytest.approx(((1 - base["nothing"]) * n / n.sum()).to_numpy())

    customer = question.customers()[0]
    last = question.last_category()[customer]
    after = pd.concat([a[question.last_category(t) == last] for t, a in zip(WEEKS, answers, strict=False)])
    rates = (after.value_counts().reindex(OUTCOMES, fill_value=0) + 20 * base) / (len(after) + 20)
    assert question.last_category_rates().loc[customer].to_numpy() == pytest.approx(rates.to_numpy())


@pytest.mark.parametrize("baseline", ["base_rate", "popularity", "last_category_rates"])
def test_baselines_never_look_ahead(baseline):
    orders, *_ = small_shop()
    moment = START + pd.Timedelta(weeks=WEEKS[-1])
    changed = orders.copy()
    late = changed["order_time"] >= moment
    changed.loc[late, "category"] = "lamps"
    cutoffs = info.week_cutoffs(WEEKS)
    whole, other = (info.CommonQuestion(o, CATEGORIES, cutoffs) for o in (orders, changed))
    assert not whole.answers().equals(other.answers())
    pd.testing.assert_frame_equal(getattr(whole, baseline)(), getattr(other, baseline)())


def test_unsmoothed_chains_survive_a_category_never_seen_last():
    question = info.CommonQuestion(
        small_shop()[0], [*CATEGORIES, "candles"], info.week_cutoffs(WEEKS), strength=0
    )
    rows = question.last_category_rates()
    assert rows.sum(axis=1).to_numpy() == pytest.approx(1)
    assert (question.base_rate()["candles"] > 0).all()


# --- leaks -------------------------------------------------------------------------------------------


def counts(tables, customers, cutoff):
    orders = tables["orders"]
    orders = orders[orders["order_time"] < cutoff]
    table = pd.crosstab(orders["customer_id"], orders["category"]).reindex(customers, fill_value=0)
    return table.assign(spend=orders.groupby("customer_id")["spend"].sum())


def encoded(tables, customers, cutoff, until=None):
    """Mean spend of orders of the customer's favourite category: over all times, or until the cutoff."""
    orders = tables["orders"]
    past = orders[orders["order_time"] < cutoff]
    favourite = past.groupby("customer_id")["category"].agg(lambda c: c.value_counts().sort_index().idxmax())
    source = orders if until is None else past
    return favourite.map(source.groupby("category")["spend"].mean()).reindex(customers).to_frame("encoded")


CLEAN = {
    "counts": counts,
    "timing": info.timing_features,
    "encoded on the past": lambda *a: encoded(*a, until="cutoff"),
    "a constant": lambda tables, customers, cutoff: pd.DataFrame({"one": 1.0}, index=customers),
    "text": lambda tables, customers, cutoff: (
        tables["orders"][lambda o: o["order_time"] < cutoff]
        .sort_values(["order_time", "line_number"])
        .groupby("customer_id")[["category"]]
        .last()
        .reindex(customers)
    ),
}
LEAKS = {
    "all orders": lambda tables, customers, cutoff: counts(tables, customers, cutoff + pd.Timedelta(days=28)),
    "one hour too long": lambda tables, customers, cutoff: counts(
        tables, customers, cutoff + pd.Timedelta(hours=12)
    ),
    "target encoding over all times": encoded,
    "last order overall": lambda tables, customers, cutoff: (
        (tables["orders"].groupby("customer_id")["order_time"].max() - cutoff)
        .dt.total_seconds()
        .reindex(customers)
        .to_frame("last")
    ),
    "category of the latest order": lambda tables, customers, cutoff: (
        tables["orders"]
        .sort_values("order_time")
        .groupby("customer_id")[["category"]]
        .last()
        .reindex(customers)
    ),
    "standardised with the future": lambda tables, customers, cutoff: (
        counts(tables, customers, cutoff) / tables["orders"]["spend"].std()
    ),
    "a column that only buyers have": lambda tables, customers, cutoff: pd.get_dummies(
        tables["orders"][tables["orders"]["order_time"] >= cutoff]
        .drop_duplicates("customer_id")
        .set_index("customer_id")["category"]
        .reindex(customers)
    ),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_features_pass_the_guard(question, name):
    question.guard(CLEAN[name])
    table = question.features(CLEAN[name])
    assert table.index.equals(question.customers())


@pytest.mark.parametrize("name", LEAKS)
def test_planted_leaks_are_caught(question, name):
    with pytest.raises(info.LeakError, match="eature"):
        question.guard(LEAKS[name])
    with pytest.raises(info.LeakError):
        question.training(LEAKS[name])


def test_a_leak_is_named_with_its_size(question):
    with pytest.raises(info.LeakError, match=r"Feature 'last' leaks: at cutoff 60 it changes for \d+ of \d+"):
        question.guard(LEAKS["last order overall"])


def test_a_leak_through_a_variable_outside_is_caught(question):
    answers = question.answers()
    future = pd.DataFrame({"bought": (answers != "nothing").astype(float)})

    def sneaky(tables, customers, cutoff):
        return counts(tables, customers, cutoff).assign(bought=future["bought"].reindex(customers))

    with pytest.raises(info.LeakError, match="'bought' does not come from the tables"):
        question.guard(sneaky)


def test_a_leak_that_remembers_an_earlier_call_is_caught(question):
    kept = {}

    def remembers(tables, customers, cutoff):
        late = tables["orders"][lambda o: o["order_time"] >= cutoff]
        if len(late):
            kept["late"] = late
        bought = kept["late"].groupby("customer_id")["spend"].sum()
        return counts(tables, customers, cutoff).assign(bought=bought.reindex(customers, fill_value=0))

    with pytest.raises(info.LeakError, match=r"'bought' leaks.*is scrambled"):
        question.guard(remembers)


def test_tables_handed_in_may_be_used_and_are_dated():
    orders, *_ = small_shop()
    who = np.arange(250) + 1000
    people = pd.DataFrame(
        {
            "customer_id": who,
            "join_date": pd.Timestamp("2024-01-01") + pd.to_timedelta(who % 600, unit="D"),
            "age_band": np.array(["young", "old"])[who % 2],
        }
    )
    visits = orders[["customer_id"]].assign(timestamp=orders["order_time"] + pd.Timedelta(days=1))
    question = info.CommonQuestion(
        orders, CATEGORIES, info.week_cutoffs(WEEKS), tables={"people": people, "visits": visits}
    )
    history = question.history()
    assert (history["people"]["join_date"] < pd.Timestamp("2025-02-24")).all()
    assert len(history["people"]) < len(people)
    assert (history["visits"]["timestamp"] < question.cutoff()).all()

    def ages(tables, customers, cutoff):
        return tables["people"].set_index("customer_id")[["age_band"]].reindex(customers)

    def visited(tables, customers, cutoff):
        return tables["visits"].groupby("customer_id").size().reindex(customers, fill_value=0).to_frame("n")

    with pytest.raises(info.LeakError, match="'age_band' leaks"):
        question.guard(ages)  # who joined after the cutoff was not known then
    everybody = info.CommonQuestion(
        orders, CATEGORIES, info.week_cutoffs(WEEKS), tables={"people": people.drop(columns="join_date")}
    )
    everybody.guard(ages)
    with pytest.raises(info.LeakError, match="'n' leaks"):
        question.guard(visited)


def test_the_guard_tells_faults_from_leaks(question):
    rng = np.random.Generator(np.random.PCG64(0))

    def random(tables, customers, cutoff):
        return pd.DataFrame({"x": rng.random(len(customers))}, index=customers)

    with raises("differ from one run to the next"):
        question.guard(random)
    with raises("return a DataFrame"):
        question.guard(lambda tables, customers, cutoff: 1)
    with raises(r"returned \d+ rows for \d+ customers"):
        question.guard(lambda tables, customers, cutoff: counts(tables, customers[1:], cutoff))
    with raises("each customer and each feature once"):
        question.guard(lambda tables, customers, cutoff: pd.DataFrame({"x": 1}, index=[1, 1]))


def test_the_guard_and_the_features_leave_the_tables_alone():
    question = make_question(with_truth=False)
    before = question._tables["orders"].copy()

    def spoils(tables, customers, cutoff):
        found = counts(tables, customers, cutoff)
        tables["orders"]["spend"] = 0.0
        return found

    question.guard(spoils)
    pd.testing.assert_frame_equal(question._tables["orders"], before)


def test_training_stacks_earlier_cutoffs_only(question):
    features, answers = question.training(counts)
    assert features.index.equals(answers.index)
    assert features.index.unique("cutoff").tolist() == WEEKS[:-1]
    assert features.loc[52].equals(question.features(counts, 52))
    assert answers.loc[52].equals(question.answers(52))


# --- scores ------------------------------------------------------------------------------------------


def test_a_score_by_hand(question):
    p = question.last_category_rates()
    row = question.score("last category", p)
    answers, base, truth = question.answers(), question.base_rate(), question.truth()
    loss = [-math.log2(p.loc[c, answers[c]]) for c in p.index]
    base_loss = [-math.log2(base.loc[c, answers[c]]) for c in p.index]
    truth_loss = [-math.log2(truth.loc[c, answers[c]]) for c in p.index]
    assert row["bits"] == pytest.approx(np.mean(loss))
    assert row["closed"] == pytest.approx(np.mean(base_loss) - np.mean(loss))
    gap = np.mean(base_loss) - np.mean(truth_loss)
    assert row["share"] == pytest.approx(row["closed"] / gap)
    for name in ("closed", "share", "profit", "gain"):
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    assert row["customers"] == len(p)


def test_order_of_rows_and_columns_does_not_matter(question):
    p = question.last_category_rates()
    mixed = p.sample(frac=1, random_state=3)[["nothing", "plants", "tea", "lamps"]]
    assert question.score("x", mixed) == question.score("x", p)


def test_the_base_rate_closes_nothing_and_the_truth_everything(question):
    base, *_ = question.baselines()
    assert (base["closed"], base["closed_low"], base["closed_high"], base["share"]) == (0, 0, 0, 0)
    (truth,) = question.ceilings()
    assert truth["share"] == 1
    assert truth["closed"] > 0.2
    for row in question.baselines():
        assert row["closed"] < truth["closed"]
        assert row["gain"] <= truth["gain"]


def test_a_question_without_truth_scores_bits_alone():
    question = make_question(with_truth=False)
    row = question.score("last category", question.last_category_rates())
    assert row["share"] is None
    assert row["profit"] is None
    assert row["closed"] > 0
    assert question.ceilings() == []
    with raises("made without truth="):
        question.truth()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda p: p.to_numpy(), "must be a DataFrame"),
        (lambda p: p.iloc[1:], "misses customer 1"),
        (lambda p: pd.concat([p, p.iloc[:1].set_axis([5])]), "has customer 5, not asked"),
        (lambda p: pd.concat([p, p.iloc[:1]]), "twice"),
        (lambda p: p.drop(columns="tea"), "look at 'tea'"),
        (lambda p: p.rename(columns={"tea": "Tea"}), "look at 'Tea'"),
        (lambda p: p * 1.01, "add up to 1.01"),
        (lambda p: p.assign(tea=p["tea"] - 2, lamps=p["lamps"] + 2), "0 or more"),
        (lambda p: p.mask(p == p.iloc[0, 0]), "must be finite"),
        (lambda p: pd.DataFrame(np.eye(4)[[0] * len(p)], p.index, p.columns), "probability 0"),
    ],
)
def test_probabilities_that_are_none_get_one_sentence(question, spoil, sentence):
    with raises(sentence):
        question.score("spoilt", spoil(question.base_rate()))


def test_unknown_words_get_one_sentence(question):
    with raises("no cutoff 99"):
        question.customers(99)
    with raises("kind='winner'"):
        question.score("x", question.base_rate(), kind="winner")


def good_orders():
    return pd.DataFrame([line(1, 1, "2024-06-01"), line(2, 1, "2024-07-03"), line(3, 2, "2024-06-05")])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda o: o.drop(columns="category"), "no column 'category'"),
        (lambda o: o.assign(customer_id=[1, None, 2]), "missing in row 1"),
        (lambda o: o.assign(order_time=o["order_time"].dt.tz_localize(None)), "zone"),
        (lambda o: o.assign(category="hats"), "has the category 'hats'"),
        (lambda o: pd.concat([o, o.iloc[:1]]), "Order 1 has line 1 twice"),
        (lambda o: o.assign(order_id=[1, 2, 2], line_number=[1, 1, 2]), "lines of two customers"),
        (lambda o: o.assign(order_id=[1, 1, 3], line_number=[1, 2, 1]), "lines of two moments"),
        (lambda o: o.iloc[:0], "no rows"),
        (lambda o: o.iloc[[0, 2]], "before the cutoff"),
        (lambda o: o.to_dict(), "pass a pandas DataFrame"),
    ],
)
def test_bad_orders_get_one_sentence(spoil, sentence):
    with raises(sentence):
        info.CommonQuestion(spoil(good_orders()), CATEGORIES, {"t": pd.Timestamp("2024-07-01", tz=ZONE)})


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"cutoffs": {}}, "no cutoff"),
        ({"cutoffs": [52]}, "Timestamps with a zone"),
        ({"cutoffs": [pd.Timestamp("2024-07-01")]}, "Timestamps with a zone"),
        ({"cutoffs": info.week_cutoffs([5, 4])}, "sort them by time"),
        ({"horizon": 28}, "horizon is 28"),
        ({"window": pd.Timedelta(0)}, "window is"),
        ({"categories": ["tea", "tea"]}, "each category once"),
        ({"categories": ["tea", "nothing"]}, "cannot be called 'nothing'"),
        ({"recency_weeks": 0}, "recency_weeks is 0"),
        ({"strength": -1}, "strength is -1"),
        ({"tables": {"x": 1}}, "DataFrame"),
        (
            {"terms": info.CouponTerms(pd.Series({"hats": 1.0}), 1.0, 0.0, 0.5)},
            "name the categories of the question",
        ),
    ],
)
def test_bad_questions_get_one_sentence(more, sentence):
    settings = {"categories": CATEGORIES, "cutoffs": {"t": pd.Timestamp("2024-07-01", tz=ZONE)}} | more
    with raises(sentence):
        info.CommonQuestion(good_orders(), **settings)


def test_a_truth_of_another_shop_is_refused(question):
    orders, truth, _ = small_shop()
    cutoffs = info.week_cutoffs(WEEKS)
    at = truth[truth["customer_id"].isin(question.customers())].assign(cutoff=60)

    def ask(table):
        return info.CommonQuestion(orders, CATEGORIES, cutoffs, truth=table).truth()

    with raises("misses customer"):
        ask(at.iloc[1:])
    with raises("no rows for the cutoff 60"):
        ask(at.assign(cutoff=56))
    with raises("the orders say"):
        ask(at.assign(answer="tea"))
    with raises("no column 'p_tea'"):
        ask(at.drop(columns="p_tea"))
    assert not make_question(with_truth=False).has("truth")


# --- coupons -----------------------------------------------------------------------------------------


def slow_profit(p, coupon, beta, face, cost, margin):
    """Profit of one customer, outcome by outcome, from the words of the law."""
    if coupon == "none":
        return sum(p[c] * margin[c] for c in margin.index)
    odds = p[coupon] / (1 - p[coupon]) * math.exp(beta)
    after = {coupon: odds / (1 + odds)}
    for other in p.index.drop(coupon):
        after[other] = p[other] * (1 - after[coupon]) / (1 - p[coupon])
    assert sum(after.values()) == pytest.approx(1)
    return sum(after[c] * (margin[c] - face * (c == coupon)) for c in margin.index) - cost


@QUICK
@given(st.integers(0, 10_000), st.floats(-1, 2), st.floats(0, 40), st.floats(0, 5))
def test_coupons_by_the_words_of_the_law(seed, beta, face, cost):
    rng = np.random.Generator(np.random.PCG64(seed))
    p = pd.DataFrame(rng.dirichlet(np.full(4, 0.7), 6), columns=OUTCOMES) * 0.96 + 0.01
    terms = info.CouponTerms(MARGIN, face, cost, beta)
    profits = info.coupon_profits(p, terms)
    choice = info.choose_coupons(p, terms)
    for i, row in p.iterrows():
        slow = {c: slow_profit(row, c, beta, face, cost, MARGIN) for c in ["none", *CATEGORIES]}
        assert profits.loc[i].to_numpy() == pytest.approx(list(slow.values()))
        assert slow[choice[i]] == pytest.approx(max(slow.values()))
        assert (choice[i] == "none") == (slow["none"] >= max(slow.values()) - 1e-9)
    after = info.with_coupon(p, "tea", beta)
    assert after.sum(axis=1).to_numpy() == pytest.approx(1)
    assert np.log(
        after["tea"] / (1 - after["tea"]) / (p["tea"] / (1 - p["tea"]))
    ).to_numpy() == pytest.approx(beta)


def test_certain_customers_do_no_harm_to_the_arithmetic():
    p = pd.DataFrame(np.eye(4), columns=OUTCOMES)
    terms = info.CouponTerms(MARGIN, 10.0, 0.5, 0.8)
    assert np.isfinite(info.coupon_profits(p, terms).to_numpy()).all()
    assert (info.choose_coupons(p, terms) == "none").all()


def test_nobody_earns_more_than_the_oracle(question):
    ladder = question.value_ladder(
        {"nothing": question.base_rate(), "last purchase": question.last_category_rates()}
    )
    assert ladder.index.tolist() == ["no coupon", "blanket", "nothing", "last purchase", "truth"]
    assert ladder.loc["no coupon", ["gain", "sent"]].tolist() == [0, 0]
    assert ladder.loc["blanket", "sent"] == 1
    assert ladder["profit"].max() == ladder.loc["truth", "profit"]
    assert ladder.loc["truth", "gain"] > ladder.loc["last purchase", "gain"]
    if ladder.loc["blanket", "gain"] > 0:
        assert ladder.loc["blanket", "times_blanket"] == 1
    truth, terms = question.truth(), question.terms
    oracle = info.choose_coupons(truth, terms, terms.true_beta(truth.index))
    slow = [
        max(
            slow_profit(truth.loc[c], k, terms.customer_beta[c], 10.0, 0.5, MARGIN)
            for k in ["none", *CATEGORIES]
        )
        for c in truth.index
    ]
    assert info.true_profit(oracle, truth, terms).to_numpy() == pytest.approx(slow)
    assert ladder.loc["truth", "profit"] == pytest.approx(1000 * np.mean(slow))


def test_the_blanket_is_the_best_of_the_single_coupons(question):
    truth, terms = question.truth(), question.terms
    means = {c: info.true_profit(pd.Series(c, truth.index), truth, terms).mean() for c in CATEGORIES}
    assert info.blanket_coupon(truth, terms) == max(means, key=means.get)


def test_bad_coupons_get_one_sentence(question):
    truth, terms = question.truth(), question.terms
    for bad, sentence in [
        (lambda: info.CouponTerms([1.0], 1, 1, 1), "margin must be a Series"),
        (lambda: info.CouponTerms(pd.Series({"none": 1.0}), 1, 1, 1), "cannot be called 'none'"),
        (lambda: info.CouponTerms(MARGIN, -1, 1, 1), "face is -1"),
        (lambda: info.CouponTerms(MARGIN, 1, float("nan"), 1), "contact_cost is nan"),
        (lambda: info.CouponTerms(MARGIN, 1, 1, [1, 2]), "beta must be one number"),
        (lambda: info.CouponTerms(MARGIN, 1, 1, 1, {1: 2}), "customer_beta must be a Series"),
        (
            lambda: info.coupon_profits(truth.drop(columns="tea"), terms),
            "must be a DataFrame with the columns",
        ),
        (lambda: info.coupon_profits(truth.rename(columns={"tea": "x"}), terms), "no column 'tea'"),
        (lambda: info.true_profit(pd.Series("hats", truth.index), truth, terms), "unknown coupon 'hats'"),
        (lambda: info.true_profit(pd.Series("tea", truth.index[1:]), truth, terms), "one coupon for each"),
        (lambda: info.with_coupon(truth, "hats", 1.0), "no category 'hats'"),
        (lambda: terms.true_beta(pd.Index([5])), "no customer 5"),
        (lambda: question.value_ladder({"truth": truth}), "a rung of that name"),
        (lambda: make_question(terms=None).value_ladder({}), "without terms="),
    ]:
        with raises(sentence):
            bad()


def test_information_sets_of_a_small_shop():
    from sklearn.linear_model import LogisticRegression

    orders, *_ = small_shop()
    who = np.arange(250) + 1000
    people = pd.DataFrame({"customer_id": who, "age_band": np.where(who % 2, "old", "young")})
    cutoffs, categories = info.week_cutoffs(WEEKS), [*CATEGORIES, "candles"]
    question = info.CommonQuestion(orders, categories, cutoffs, tables={"customers": people})
    sets = info.information_sets(question, demographics=["age_band"])
    for table in sets.values():
        assert table.index.equals(question.customers())
        assert list(table.columns) == question.outcomes
        assert table.sum(axis=1).to_numpy() == pytest.approx(1)
        assert (table > 0).all(axis=None)
    assert sets["nothing"].equals(question.base_rate())
    assert sets["demographics"].drop_duplicates().shape[0] == 2
    losses = [question.bits(table).mean() for table in sets.values()]
    assert losses[2] < losses[1] - 0.02

    # By hand: age alone, standardised, in the same regression.
    answers = question.stacked(question.answers)
    old = pd.Series(answers.index.get_level_values("customer_id") % 2 == 1, answers.index)
    x = np.column_stack([old, ~old]).astype(float)
    now = np.column_stack([question.customers() % 2 == 1, question.customers() % 2 == 0]).astype(float)
    model = LogisticRegression(C=0.1, max_iter=2000, tol=1e-6)
    model.fit((x - x.mean(axis=0)) / x.std(axis=0), answers.to_numpy(dtype=object))
    p = model.predict_proba((now - x.mean(axis=0)) / x.std(axis=0))
    candles = question.base_rate()["candles"].iloc[0]
    found = sets["demographics"][model.classes_].to_numpy()
    assert found == pytest.approx(p * (1 - candles), abs=1e-4)

    for bad, sentence in [
        (lambda: info.information_sets(make_question(with_truth=False)), "no table 'customers'"),
        (lambda: info.information_sets(question), "no column 'city_tier'"),
        (lambda: info.information_sets(question, penalty=0), "penalty is 0"),
    ]:
        with raises(sentence):
            bad()


# --- the ledger --------------------------------------------------------------------------------------


@pytest.fixture
def ledger(question):
    ledger = info.Ledger(question, chapter="03")
    ledger.add("own counts", question.last_category_rates(), seconds=1.23456)
    return ledger


def test_baselines_and_ceilings_are_always_rows(ledger):
    table = ledger.table()
    assert table["model"].tolist() == [
        *table["model"][:3].tolist(),
        "own counts",
        "truth",
    ]
    assert set(table["model"][:3]) == {"base rate", "popularity", "last category"}
    assert table["kind"].tolist() == ["baseline"] * 3 + ["model", "ceiling"]
    assert ledger.currency == "CNY"


def test_a_written_ledger_reads_back_and_keeps_its_bytes(ledger, tmp_path):
    path = ledger.write(tmp_path)
    first = path.read_bytes()
    again = info.Ledger.read(path)
    assert again.compared() == ledger.compared()
    assert again.seconds == {"own counts": 1.23}
    pd.testing.assert_frame_equal(again.table(), ledger.table())
    again.write(tmp_path)
    assert path.read_bytes() == first
    assert b"seconds" not in first
    content = json.loads(first)
    assert list(content) == sorted(content)
    assert all(list(row) == sorted(row) for row in content["rows"])
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["03.json", "03.seconds.json"]


def test_rounding_forgives_the_last_digits_of_a_machine(question, tmp_path):
    p = question.last_category_rates()
    rng = np.random.Generator(np.random.PCG64(0))
    noisy = p * (1 + 1e-12 * rng.normal(size=p.shape))
    texts = []
    for folder, table in (("a", p), ("b", noisy)):
        ledger = info.Ledger(question, "03")
        ledger.add("m", table)
        texts.append(ledger.write(tmp_path / folder).read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


def test_chapters_merge_and_strangers_do_not(question, ledger, tmp_path):
    ledger.write(tmp_path)
    other = info.Ledger(question, chapter="05")
    other.add("popular", question.popularity(), seconds=0.5)
    other.write(tmp_path)
    merged = info.Ledger.merge(tmp_path)
    assert sorted(merged.table()["model"]) == sorted([*ledger.table()["model"], "popular"])
    assert merged.table().set_index("model").loc["popular", "chapter"] == "05"
    assert merged.seconds == {"own counts": 1.23, "popular": 0.5}
    merged.write(tmp_path)  # chapter 16's own file is not merged into itself
    assert info.Ledger.merge(tmp_path).compared() == merged.compared()

    stranger = info.Ledger(make_question(seed=1), chapter="06")
    stranger.write(tmp_path)
    with raises("is not the same in 03.json and 06.json"):
        info.Ledger.merge(tmp_path)
    (tmp_path / "06.json").unlink()
    twin = info.Ledger(question, chapter="07")
    twin.add("popular", question.popularity())
    twin.write(tmp_path)
    with raises("05.json and 07.json both have a model 'popular'"):
        info.Ledger.merge(tmp_path)
    (tmp_path / "empty").mkdir()
    with raises("holds no ledger"):
        info.Ledger.merge(tmp_path / "empty")


def spoilt(change):
    def apply(text):
        content = json.loads(text)
        change(content)
        return json.dumps(content)

    return apply


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda text: text[: len(text) // 2], "not readable as JSON, line"),
        (lambda text: "", "not readable as JSON"),
        (lambda text: "[" * 100_000, "not readable as JSON"),
        (lambda text: "[]", "is no ledger"),
        (lambda text: "{}", "is no ledger"),
        (spoilt(lambda c: c.update(chapter="04")), "of chapter '04'"),
        (spoilt(lambda c: c.update(currency=3)), "currency 3"),
        (spoilt(lambda c: c.update(rows={"a": 1})), "no list of rows"),
        (spoilt(lambda c: c["rows"][0].update(bits="x")), "'bits' of 'base rate' in row 1 of 03.json is 'x'"),
        (spoilt(lambda c: c["rows"][0].update(bits=-1)), "at least 0"),
        (spoilt(lambda c: c["rows"][0].update(bits=float("nan"))), "is nan"),
        (spoilt(lambda c: c["rows"][0].pop("bits")), "is None"),
        (spoilt(lambda c: c["rows"][0].update(kind="winner")), "kind 'winner'"),
        (spoilt(lambda c: c["rows"][0].update(model=7)), "no 'model'"),
        (spoilt(lambda c: c["rows"][0].update(chapter="04")), "Row 1 of 03.json is of chapter '04'"),
        (spoilt(lambda c: c["rows"][0].update(customers=1.5)), "come whole"),
        (spoilt(lambda c: c["rows"][0].update(colour="red")), "unknown entry 'colour'"),
        (spoilt(lambda c: c["rows"][0].update(closed_low=9.0)), "runs from 9.0"),
        (spoilt(lambda c: c["rows"][0].update(gain=None)), "'gain'"),
        (spoilt(lambda c: c["rows"].append(c["rows"][0])), "twice"),
    ],
)
def test_a_broken_file_gets_one_sentence(ledger, tmp_path, spoil, sentence):
    path = ledger.write(tmp_path)
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    with raises(sentence):
        info.Ledger.read(path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_rubbish_never_reads_as_a_ledger(tmp_path_factory, rubbish):
    path = tmp_path_factory.mktemp("rubbish") / "03.json"
    path.write_bytes(rubbish)
    with pytest.raises(InputError):
        info.Ledger.read(path)


def test_ledgers_refuse_what_they_cannot_keep(question, ledger, tmp_path):
    for bad, sentence in [
        (lambda: info.Ledger(chapter="../03"), "chapter is"),
        (lambda: info.Ledger(chapter=3), "chapter is 3"),
        (lambda: ledger.add("own counts", question.base_rate()), "already"),
        (lambda: ledger.add("new", question.base_rate(), seconds=-1), "'seconds' of 'new'"),
        (lambda: info.Ledger(chapter="01").add("x", question.base_rate()), "no question"),
        (lambda: info.Ledger.read(tmp_path / "99.json"), "no file 99.json"),
    ]:
        with raises(sentence):
            bad()
    ledger.write(tmp_path)
    (tmp_path / "03.seconds.json").write_text('{"m": "fast"}', encoding="utf-8")
    with raises("03.seconds.json is 'fast'"):
        info.Ledger.read(tmp_path / "03.json")


# --- the simulated shop ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lantern():
    from bigmkt_helpers.datasets import load_shop
    from bigmkt_helpers.shop.truth import margins

    shop = load_shop()
    return info.CommonQuestion.of_shop(shop, margins(shop))


@pytest.mark.recovery
def test_the_question_and_the_truth_are_of_one_shop(lantern):
    assert list(lantern.cutoffs) == [72, 76, 80, 84, 88, 92, 96, 100]
    for t in lantern.cutoffs:
        truth = lantern.truth(t)  # compares customers and answers
        assert truth.index.equals(lantern.customers(t))
    own = info.row_entropy(lantern.truth())
    surplus = info.mean_interval(lantern.bits(lantern.truth()) - own)
    assert surplus.low < 0 < surplus.high


@pytest.mark.recovery
def test_the_truth_comes_true(lantern):
    table = info.reliability_table(lantern.truth(), lantern.answers(), "nothing", n_bins=8, bins="count")
    inside = table["stated"].between(table["observed_low"], table["observed_high"])
    assert inside.sum() >= len(table) - 1


@pytest.mark.recovery
def test_knowledge_is_ordered_in_bits_and_in_money(lantern):
    rows = {row["model"]: row for row in [*lantern.baselines(), *lantern.ceilings()]}
    order = ["base rate", "last category", "ideal observer", "truth"]
    for name in ("closed", "share", "gain"):
        values = [rows[model][name] for model in order]
        assert values == sorted(values)
    assert rows["ideal observer"]["share_high"] < 1
    assert rows["last category"]["closed_low"] > 0


@pytest.mark.recovery
def test_scores_of_own_orders_beat_the_last_category(lantern):
    def own(tables, customers, cutoff):
        heads = tables["orders"].query("line_number == 1")
        heads = heads[heads["order_time"] < cutoff]
        table = pd.crosstab(heads["customer_id"], heads["category"])
        return np.log1p(table.reindex(index=customers, columns=lantern.categories, fill_value=0))

    scores, answers = lantern.training(own)
    timing, _ = lantern.training(info.timing_features)
    model = info.ScoreCalibrator().fit(scores, timing, answers)
    p = model.transform(lantern.features(own), lantern.features(info.timing_features))
    gain = lantern.bits(lantern.last_category_rates()) - lantern.bits(p)
    assert info.mean_interval(gain).low > 0
    assert lantern.score("own orders", p)["share_high"] < 1


@pytest.mark.recovery
def test_every_kind_of_data_is_worth_more_than_the_last(lantern):
    sets = info.information_sets(lantern)
    assert list(sets) == ["nothing", "demographics", "one purchase", "full history"]
    ladder = lantern.value_ladder(sets)
    gains = ladder.loc[[*sets, "truth"], "gain"]
    assert gains.is_monotonic_increasing
    bits = ladder.loc[[*sets, "truth"], "bits"]
    assert bits.is_monotonic_decreasing
    for little, much in itertools.pairwise(["demographics", "one purchase", "full history"]):
        gain = info.mean_interval(lantern.bits(sets[little]) - lantern.bits(sets[much]))
        assert gain.low > 0


@pytest.mark.recovery
def test_the_kept_ledgers_are_of_this_shop(lantern):
    from pathlib import Path

    folder = Path(__file__).parent.parent / "notebooks" / "results"
    kept = info.Ledger.merge(folder)
    fresh = info.Ledger(lantern).table().set_index("model").drop(columns="chapter")
    found = kept.table().set_index("model").drop(columns="chapter")
    pd.testing.assert_frame_equal(found.loc[fresh.index], fresh)
    models = found[found["kind"] == "model"]
    assert len(models) >= 6
    assert (models["closed"] < fresh.loc["truth", "closed"]).all()
    assert (models["gain"] < fresh.loc["truth", "gain"]).all()
    assert kept.currency == "CNY"


def test_a_margin_for_every_category():
    from bigmkt_helpers.datasets import load_shop

    shop = load_shop()
    assert info.CommonQuestion.of_shop(shop).terms is None
    with raises("margin misses the category"):
        info.CommonQuestion.of_shop(shop, pd.Series({"tea": 10.0}))


# --- the room itself ---------------------------------------------------------------------------------


def test_importing_the_room_is_light():
    import subprocess
    import sys

    heavy = "sklearn", "scipy.stats"
    code = f"import sys, bigmkt_helpers.information; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_name_of_the_room_is_there():
    assert all(hasattr(info, name) for name in info.__all__)
    assert issubclass(info.LeakError, BigmktError)
