"""BG/NBD, Pareto/NBD, BG/BB and Gamma-Gamma: published values, brute force, recovery, bad input."""

import warnings
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, gammaln, hyp2f1
from scipy.stats import chi2
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from bigmkt_helpers import clv
from bigmkt_helpers.clv import spending
from bigmkt_helpers.datasets import load_cdnow
from bigmkt_helpers.errors import InputError, NotFittedError

BG = (0.243, 4.414, 0.793, 2.426)
PN = (0.553, 10.578, 0.606, 11.669)
BB = (1.204, 0.750, 0.657, 2.783)
# Gifts to a public broadcaster, 11,104 supporters, 1996-2001: repeat years, last one, supporters
DONATIONS = [
    *([0, 0, 3464], [1, 1, 1091], [1, 2, 277], [1, 3, 129], [1, 4, 78], [1, 5, 119], [1, 6, 129]),
    *([2, 2, 613], [2, 3, 255], [2, 4, 155], [2, 5, 173], [2, 6, 234], [3, 3, 322], [3, 4, 181]),
    *([3, 5, 225], [3, 6, 357], [4, 4, 240], [4, 5, 284], [4, 6, 512], [5, 5, 335], [5, 6, 728]),
    [6, 6, 1203],
]


@cache
def cdnow(sample=True):
    return clv.calibration_and_holdout(load_cdnow(sample), "1997-09-30")


@cache
def fitted(name, sample=True):
    return getattr(clv, name)().fit(cdnow(sample))


def having(name, params):
    """A model as if it had been fitted with these parameters."""
    model = getattr(clv, name)()
    model.params_ = pd.Series(params, index=model._parameters)
    model.unit_ = None
    return model


def customers(*rows):
    return pd.DataFrame(rows, columns=["frequency", "recency", "T"])


def donations():
    table = pd.DataFrame(DONATIONS, columns=["frequency", "recency", "n"])
    return table.assign(T=6)


# --- published values


@pytest.mark.published
@pytest.mark.parametrize(
    ("name", "published", "log_likelihood"),
    [("BGNBD", BG, -9582.429), ("ParetoNBD", PN, -9594.976)],
)
def test_cdnow_sample(name, published, log_likelihood):
    model = fitted(name)
    assert model.params_.round(3).tolist() == list(published)
    assert round(model.log_likelihood_, 3) == log_likelihood
    assert model.converged_
    assert model.n_customers_ == 2_357
    assert model.n_distinct_ < 1_100


@pytest.mark.published
def test_cdnow_gamma_gamma():
    table = cdnow()
    model = clv.GammaGamma(nonpositive="leave_out").fit(table)
    assert model.params_.round(2).tolist() == [6.25, 3.74, 15.44]
    assert model.n_customers_ == 946
    assert model.converged_


@pytest.mark.published
def test_donations():
    table = donations()
    model = clv.BGBB().fit(table, sample_weight=table["n"])
    assert model.params_.round(3).tolist() == list(BB)
    assert round(model.log_likelihood_, 1) == -33225.6
    asked = customers([6, 6, 6], [0, 0, 6])
    # Fader, Hardie & Shang's tables of the next five years and of being alive in the next one (unverified)
    assert model.expected_purchases(asked, 5).round(2).tolist() == [3.75, 0.07]
    assert model.probability_alive_next(asked).round(2).tolist() == [0.93, 0.11]


@pytest.mark.published
@pytest.mark.parametrize(
    ("name", "params", "log_likelihood"),
    [
        ("BGNBD", [0.2516, 4.7889, 0.7234, 2.1611], -95368.444),
        ("ParetoNBD", [0.5974, 11.5857, 0.5222, 8.8277], -95415.119),
    ],
)
def test_whole_master(name, params, log_likelihood):
    model = fitted(name, False)
    assert model.params_.to_numpy() == pytest.approx(params, abs=1e-4)
    assert round(model.log_likelihood_, 3) == log_likelihood


@pytest.mark.published
def test_whole_master_spend():
    with pytest.raises(InputError, match="not above 0"):
        clv.GammaGamma().fit(cdnow(False))
    model = clv.GammaGamma(nonpositive="leave_out").fit(cdnow(False))
    assert model.params_.round(4).tolist() == [6.2754, 3.6245, 14.9837]
    assert model.n_left_out_ == 1


@pytest.mark.published
def test_one_customer_of_the_walkthrough():
    # its last purchase after 216 days, which the walkthrough also types as 30.86 weeks
    exact, typed = customers([26, 216 / 7, 31.0]), customers([26, 30.86, 31.0])
    pareto, bg = fitted("ParetoNBD"), fitted("BGNBD")
    assert round(pareto.expected_of_new(52), 6) == 1.473434
    assert round(pareto.probability_alive(exact).iloc[0], 5) == 0.99787
    assert round(pareto.expected_purchases(typed, 52).iloc[0], 3) == 25.456
    assert round(bg.expected_purchases(exact, 52).iloc[0], 3) == 25.757


@pytest.mark.published
def test_conditional_expectations_of_the_holdout():
    table = cdnow()
    bg = fitted("BGNBD").expected_purchases(table, 39)
    pareto = fitted("ParetoNBD").expected_purchases(table, "273D")
    seen = table["holdout_frequency"]
    assert round(np.corrcoef(bg, seen)[0, 1], 3) == 0.626
    assert round(np.corrcoef(pareto, seen)[0, 1], 3) == 0.630
    assert round(np.corrcoef(bg, pareto)[0, 1], 3) == 0.996
    zero = table["frequency"] == 0
    assert zero.sum() == 1_411
    assert [round(v[zero].mean(), 2) for v in (seen, bg, pareto)] == [0.24, 0.23, 0.14]


@pytest.mark.published
@pytest.mark.parametrize(("name", "short"), [("BGNBD", 4), ("ParetoNBD", 2)])
def test_tracking(name, short):
    track = clv.track_repeat_sales(fitted(name), load_cdnow(True), "1997-09-30")
    last = track.loc[77.0]  # the last whole week of the data
    assert round(100 * (1 - last["expected_cumulative"] / last["actual_cumulative"])) == short
    assert track["actual"].sum() == last["actual_cumulative"]
    assert (~track["holdout"]).sum() == 38


# --- gradients, likelihoods, expectations against other ways to them

TABLE = customers(
    *(
        [0, 0, 39],
        [0, 0, 0],
        [1, 3, 20],
        [2, 30, 31],
        [7, 30, 38.5],
        [26, 30.86, 31],
        [300, 30, 39],
        [1, 39, 39],
    )
)
WHOLE = customers(*([0, 0, 6], [0, 0, 0], [1, 3, 20], [2, 30, 31], [7, 30, 38], [26, 30, 31], [1, 39, 39]))
THETA = st.lists(st.floats(-3, 3), min_size=4, max_size=4)


def numerical_gradient(loss, theta, step=1e-5):
    moves = np.eye(len(theta)) * step
    return np.array([(loss(theta + m)[0] - loss(theta - m)[0]) / (2 * step) for m in moves])


@pytest.mark.unit
@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD", "BGBB"])
@given(theta=THETA)
@settings(max_examples=15, deadline=None)
def test_gradient_and_likelihood_agree(name, theta):
    theta = np.array(theta)
    model = getattr(clv, name)()
    x, tx, T = (WHOLE if name == "BGBB" else TABLE).to_numpy(float).T
    weights = np.linspace(0.5, 2, len(x))
    loss = model._rows_loss(x, tx, T, weights)
    value, gradient = loss(theta)
    rows = model._log_likelihood_rows(theta, x, tx, T)
    assert value == pytest.approx(-(weights @ rows) / weights.sum(), rel=1e-10)
    assert gradient == pytest.approx(numerical_gradient(loss, theta), rel=2e-5, abs=2e-6)


@pytest.mark.unit
@given(theta=st.lists(st.floats(-2, 3), min_size=3, max_size=3))
@settings(max_examples=15, deadline=None)
def test_gamma_gamma_gradient(theta):
    theta = np.array(theta)
    loss = spending._loss(np.array([1.0, 2, 30]), np.array([5.0, 30, 22]), np.array([1.0, 2, 1]))
    assert loss(theta)[1] == pytest.approx(numerical_gradient(loss, theta), rel=2e-5, abs=2e-6)


def mean_over(function, first, second):
    """Mean of a function of two traits; a trait is (low, high, exponents at the ends, function to finish)."""

    def inner(u):
        low, high, powers, density = second
        return quad(lambda v: function(u, v) * density(v), low, high, weight="alg", wvar=powers, epsabs=0)[0]

    low, high, powers, density = first
    return quad(lambda u: inner(u) * density(u), low, high, weight="alg", wvar=powers, epsabs=0)[0]


def gamma_trait(shape, rate):
    front = np.exp(shape * np.log(rate) - gammaln(shape))
    return 0, 60 / rate, (shape - 1, 0), lambda v: front * np.exp(-rate * v)


def beta_trait(a, b):
    front = np.exp(-betaln(a, b))
    return 0, 1, (a - 1, b - 1), lambda v: front


@pytest.mark.unit
@pytest.mark.parametrize("row", [(0, 0, 39.0), (1, 3.0, 20.0), (2, 30.0, 31.0), (7, 12.0, 38.5)])
def test_likelihood_of_bg_nbd_by_integration(row):
    x, tx, T = row

    def given_both(p, rate):
        alive = (1 - p) ** x * rate**x * np.exp(-rate * T)
        return alive + (x > 0) * p * (1 - p) ** max(x - 1, 0) * rate**x * np.exp(-rate * tx)

    value = mean_over(given_both, beta_trait(*BG[2:]), gamma_trait(*BG[:2]))
    found = having("BGNBD", BG).log_likelihood(customers(row)).iloc[0]
    assert np.exp(found) == pytest.approx(value, rel=1e-7)


@pytest.mark.unit
@pytest.mark.parametrize("row", [(0, 0, 39.0), (1, 3.0, 20.0), (2, 30.0, 31.0), (7, 12.0, 38.5)])
def test_likelihood_of_pareto_nbd_by_integration(row):
    x, tx, T = row

    def given_both(leave, rate):
        both = max(leave + rate, 1e-300)
        return rate**x * (leave * np.exp(-both * tx) + rate * np.exp(-both * T)) / both

    value = mean_over(given_both, gamma_trait(*PN[2:]), gamma_trait(*PN[:2]))
    found = having("ParetoNBD", PN).log_likelihood(customers(row)).iloc[0]
    assert np.exp(found) == pytest.approx(value, rel=1e-6)


@pytest.mark.unit
def test_likelihood_of_bg_bb_by_integration_and_enumeration():
    model = having("BGBB", BB)

    def chance(x, tx, n):
        return np.exp(model.log_likelihood(customers((x, tx, n))).iloc[0])

    def given_both(theta, p):
        x, tx, n = 2, 3, 5
        stays = p**x * (1 - p) ** (n - x) * (1 - theta) ** n
        return stays + sum(theta * (1 - theta) ** j * p**x * (1 - p) ** (j - x) for j in range(tx, n))

    value = mean_over(given_both, beta_trait(*BB[2:]), beta_trait(*BB[:2]))
    assert chance(2, 3, 5) == pytest.approx(value, rel=1e-8)
    # the probabilities of all histories of five opportunities sum to 1
    histories = [[(number >> k) & 1 for k in range(5)] for number in range(32)]
    total = sum(chance(sum(h), max([k + 1 for k in range(5) if h[k]], default=0), 5) for h in histories)
    assert total == pytest.approx(1, rel=1e-12)


@pytest.mark.unit
@given(
    r=st.floats(0.05, 5),
    alpha=st.floats(0.1, 50),
    s=st.floats(0.05, 5),
    beta=st.floats(0.1, 50),
    x=st.integers(0, 60),
    share=st.floats(0.01, 1),
    T=st.floats(0.1, 200),
)
@settings(max_examples=25, deadline=None)
def test_pareto_integral_against_adaptive_quadrature(r, alpha, s, beta, x, share, T):
    tx = share * T if x else 0.0

    def integrand(y):
        return s * np.exp(
            (r + x) * np.log((alpha + T) / (alpha + y))
            + s * np.log((beta + T) / (beta + y))
            - np.log(beta + y)
        )

    parts = np.concatenate([[tx], tx + (T - tx) * np.geomspace(1e-4, 1, 9)])
    exact = sum(quad(integrand, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in pairwise(parts))
    found = having("ParetoNBD", (r, alpha, s, beta))._log_dead_odds(
        (r, alpha, s, beta), np.array([x]), np.array([tx]), np.array([T])
    )[0]
    if exact == 0:
        assert found == -np.inf
    else:
        assert found == pytest.approx(np.log(exact), rel=1e-8, abs=1e-8)


@pytest.mark.unit
@pytest.mark.parametrize("x", [300, 1_000, 10_000])
@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD"])
def test_finite_for_many_purchases(name, x):
    model = fitted(name)
    table = customers([x, 39.0 - 10 / x, 39.0], [x, 10.0, 39.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alive = model.probability_alive(table)
        expected = model.expected_purchases(table, 52)
        assert np.isfinite(model.log_likelihood(table)).all()
    assert alive.iloc[0] > 0.2
    assert alive.iloc[1] < 1e-9
    # one such customer among the others does not spoil the fit
    among = pd.concat([cdnow()[["frequency", "recency", "T"]], table[:1]], ignore_index=True)
    assert clone(model).fit(among).converged_
    # about as many per week as before, for as long as they stay
    assert 0.1 * alive.iloc[0] * x * 52 / 39 < expected.iloc[0] < x * 52 / 39


@pytest.mark.unit
def test_the_usual_form_of_pareto_nbd_is_not_a_number():
    """Γ(r + x) times a ratio of powers and ₂F₁, as it is usually written."""
    r, alpha, s, beta = PN
    with np.errstate(all="ignore"):
        usual = np.array(
            [
                np.exp(gammaln(r + x))
                / np.float64(alpha + 39) ** (r + s + x)
                * hyp2f1(r + s + x, s + 1, r + s + x + 1, (alpha - beta) / (alpha + 39))
                for x in (300, 1_000)
            ]
        )
    assert not np.isfinite(usual).any()


def closed_bg(params, t, x, tx, T):
    r, alpha, a, b = params
    bracket = 1 - ((alpha + T) / (alpha + T + t)) ** (r + x) * hyp2f1(
        r + x, b + x, a + b + x - 1, t / (alpha + T + t)
    )
    odds = (x > 0) * a / (b + np.maximum(x, 1) - 1) * ((alpha + T) / (alpha + tx)) ** (r + x)
    return (a + b + x - 1) / (a - 1) * bracket / (1 + odds)


@pytest.mark.unit
@pytest.mark.parametrize("t", [0.5, 39, 520])
def test_bg_expectation_against_the_closed_form(t):
    model = having("BGNBD", BG)
    table = customers([0, 0, 39.0], [1, 3, 20], [2, 30, 31], [7, 30, 38.5], [26, 30.86, 31])
    exact = closed_bg(BG, t, *table.to_numpy(float).T)
    assert model.expected_purchases(table, t).to_numpy() == pytest.approx(exact, rel=1e-8)
    # continuous at a = 1, where the closed form divides by 0
    three = [having("BGNBD", (0.3, 4, a, 2.0)).expected_of_new(30) for a in (1 - 1e-6, 1, 1 + 1e-6)]
    assert three[1] == pytest.approx((three[0] + three[2]) / 2, rel=1e-9)
    near = [having("ParetoNBD", (0.3, 4, s, 2.0)).expected_of_new(30) for s in (1 - 1e-6, 1, 1 + 1e-6)]
    assert near[1] == pytest.approx((near[0] + near[2]) / 2, rel=1e-9)
    chain = [having("BGBB", (0.3, 4, g, 2.0)).expected_of_new(30) for g in (1 - 1e-6, 1, 1 + 1e-6)]
    assert chain[1] == pytest.approx((chain[0] + chain[2]) / 2, rel=1e-8)


@pytest.mark.unit
@pytest.mark.parametrize(("name", "params"), [("BGNBD", BG), ("ParetoNBD", PN), ("BGBB", BB)])
def test_probabilities_of_numbers_of_purchases(name, params):
    model = having(name, params)
    table = customers([0, 0, 6], [1, 3, 6], [3, 5, 6], [6, 6, 6])
    chances = model.purchase_probabilities(table, 12, most=150)
    assert chances.sum(axis=1).to_numpy() == pytest.approx(np.ones(4))
    assert chances["more"].max() < 1e-3
    mean = chances[range(151)].to_numpy() @ np.arange(151)
    assert mean == pytest.approx(model.expected_purchases(table, 12).to_numpy(), rel=5e-3)
    assert chances[0].iloc[0] > 1 - model.probability_alive(table).iloc[0]
    new = model.purchase_probabilities(None, 12, most=150)
    assert new.loc["new", range(151)] @ np.arange(151) == pytest.approx(model.expected_of_new(12), rel=5e-3)
    assert model.purchase_probabilities(table, 0)[0].tolist() == pytest.approx([1, 1, 1, 1])


# --- simulation and recovery


def live(name, params, n, T, later, seed):
    """Customers who live by the laws of the model: their summary, and their purchases in the time after."""
    rng = np.random.Generator(np.random.PCG64(seed))
    if name == "BGBB":
        alpha, beta, gamma, delta = params
        p, theta = rng.beta(alpha, beta, n), rng.beta(gamma, delta, n)
        end = rng.geometric(theta)  # gone before this opportunity
        step = np.arange(1, T + later + 1)
        buys = (rng.random((n, T + later)) < p[:, None]) & (step < end[:, None])
        x = buys[:, :T].sum(axis=1)
        tx = (buys[:, :T] * step[:T]).max(axis=1)
        return customers_frame(x, tx, np.full(n, T)), buys[:, T:].sum(axis=1)
    rate = rng.gamma(params[0], 1 / params[1], n)
    if name == "BGNBD":
        most = rng.geometric(np.clip(rng.beta(params[2], params[3], n), 1e-9, 1))
        stop = np.full(n, np.inf)
    else:
        most = np.full(n, np.iinfo(np.int64).max)
        stop = rng.exponential(size=n) / rng.gamma(params[2], 1 / params[3], n)
    T = rng.uniform(T / 2, T, n)
    x, tx, after, now = np.zeros(n, dtype=int), np.zeros(n), np.zeros(n, dtype=int), np.zeros(n)
    going = np.arange(n)
    while len(going):
        now[going] += rng.exponential(size=len(going)) / rate[going]
        bought = x[going] + after[going]
        going = going[(now[going] < np.minimum(stop[going], T[going] + later)) & (bought < most[going])]
        early = going[now[going] <= T[going]]
        x[early] += 1
        tx[early] = now[early]
        after[going[now[going] > T[going]]] += 1
    return customers_frame(x, tx, T), after


def customers_frame(x, tx, T):
    return pd.DataFrame({"frequency": x, "recency": tx, "T": T})


@cache
def lives(name, params):
    return live(name, params, 12_000, 40, 26, seed=5)


@pytest.mark.recovery
@pytest.mark.parametrize(("name", "params"), [("BGNBD", BG), ("ParetoNBD", PN), ("BGBB", BB)])
def test_parameters_and_futures_of_simulated_customers(name, params):
    table, later = lives(name, params)
    model = getattr(clv, name)().fit(table)
    assert model.converged_
    off = np.log(model.params_.to_numpy() / np.array(params))
    distance = off @ np.linalg.solve(model._log_covariance, off)
    assert distance < chi2(4).ppf(0.999)
    assert model.standard_errors_.to_numpy() == pytest.approx(
        np.sqrt(np.diag(model.covariance_.to_numpy())), rel=1e-12
    )
    # under the true parameters the expectations are those of the lives that were led, group by group
    true = having(name, params)
    expected = true.expected_purchases(table, 26)
    for group in (table["frequency"] == 0, table["frequency"].between(1, 3), table["frequency"] > 3):
        apart = later[group] - expected[group]
        assert abs(apart.mean()) < 4 * apart.std() / np.sqrt(group.sum())
        chances = true.purchase_probabilities(table[group], 26)[[0, 1]].mean()
        shares = [(later[group] == k).mean() for k in (0, 1)]
        assert shares == pytest.approx(chances.tolist(), abs=4 * np.sqrt(0.25 / group.sum()))


@pytest.mark.unit
@pytest.mark.parametrize(("name", "params"), [("BGNBD", BG), ("ParetoNBD", PN), ("BGBB", BB)])
def test_drawn_futures_have_the_expectation(name, params):
    model = having(name, params)
    table = customers([0, 0, 30], [1, 3, 20], [4, 20, 21], [12, 30, 32])
    draws = model.simulate_purchases(table, 26, n_draws=2_000, periods=13, parameters=False)
    assert draws.shape == (2_000, 4, 13)
    half = model.expected_purchases(table, 14)
    for counts, expected in (
        (draws.sum(axis=2), model.expected_purchases(table, 26)),
        (draws[..., :7].sum(axis=2), half),
    ):
        error = counts.std(axis=0) / np.sqrt(2_000)
        assert (np.abs(counts.mean(axis=0) - expected) < 4 * error).all()


@pytest.mark.recovery
def test_intervals_of_customers_cover():
    table, later = lives("BGNBD", BG)
    part, seen = table.iloc[:1_500], later[:1_500]
    model = clv.BGNBD().fit(table)
    found = model.purchase_intervals(part, 26, level=0.9, n_draws=300)
    inside = (seen >= found["low"]) & (seen <= found["high"])
    assert 0.9 - 3 * np.sqrt(0.09 / 1_500) < inside.mean()
    assert (found["low"] <= found["high"]).all()
    assert (found["high"] - found["low"]).mean() < 5


@pytest.mark.recovery
def test_gamma_gamma_recovers_and_covers():
    rng = np.random.Generator(np.random.PCG64(8))
    n, (p, q, gamma) = 8_000, (6.25, 3.74, 15.44)
    x = rng.geometric(0.3, n)
    nu = rng.gamma(q, 1 / gamma, n)
    table = pd.DataFrame({"frequency": x, "monetary": rng.gamma(p * x) / (nu * x)})
    model = clv.GammaGamma().fit(table)
    off = np.log(model.params_.to_numpy() / np.array([p, q, gamma]))
    assert off @ np.linalg.solve(model._log_covariance, off) < chi2(3).ppf(0.999)
    model.params_[:] = [p, q, gamma]  # what the interval claims, it claims for known parameters
    found = model.spend_intervals(table, level=0.8)
    inside = ((p / nu > found["low"]) & (p / nu < found["high"])).mean()
    assert inside == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / n))
    apart = p / nu - model.expected_spend(table)
    assert abs(apart.mean()) < 4 * apart.std() / np.sqrt(n)
    draws = model.simulate_means(table[:50], 2_000, parameters=False)
    assert draws.mean(axis=0) == pytest.approx(model.expected_spend(table[:50]).to_numpy(), rel=0.08)


@pytest.mark.unit
def test_weights_are_repeated_rows():
    table = donations()
    repeated = table.loc[table.index.repeat(table["n"] // 20)]
    one, other = clv.BGBB().fit(table, sample_weight=table["n"] // 20), clv.BGBB().fit(repeated)
    assert one.params_.to_numpy() == pytest.approx(other.params_.to_numpy(), rel=1e-9)
    assert one.standard_errors_.to_numpy() == pytest.approx(other.standard_errors_.to_numpy(), rel=1e-5)
    none = clv.BGBB().fit(table, sample_weight=table["n"].where(table["frequency"] != 3, 0))
    assert none.n_customers_ == table.loc[table["frequency"] != 3, "n"].sum()


@pytest.mark.unit
def test_standard_errors_from_the_curvature_of_the_likelihood():
    model, table = fitted("BGNBD"), cdnow()
    x, tx, T = table[["frequency", "recency", "T"]].to_numpy(float).T
    theta, step = np.log(model.params_.to_numpy()), 1e-3

    def total(move):
        return model._log_likelihood_rows(theta + move, x, tx, T).sum()

    unit = np.eye(4) * step
    hessian = [
        [(total(i + j) - total(i - j) - total(j - i) + total(-i - j)) / (4 * step**2) for j in unit]
        for i in unit
    ]
    spread = np.sqrt(np.diag(np.linalg.inv(-np.array(hessian)))) * model.params_.to_numpy()
    assert model.standard_errors_.to_numpy() == pytest.approx(spread, rel=1e-3)
    table = model.intervals(0.9)
    assert (table["low"] < table["estimate"]).all()
    assert (table["estimate"] < table["high"]).all()
    assert (table["high"] < model.intervals(0.99)["high"]).all()


@pytest.mark.contract
@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD", "BGBB", "GammaGamma"])
def test_estimators(name):
    model = getattr(clv, name)(n_starts=2, tol=1e-3)
    again = clone(model)
    assert again.get_params() == model.get_params()
    with pytest.raises(NotFittedError, match="call fit first"):
        model.intervals()
    table = cdnow()
    if name == "BGBB":
        table = donations().loc[lambda t: t.index.repeat(t["n"] // 20)].reset_index(drop=True)
    assert model.fit(table) is model
    assert len(model.starts_) == 2
    assert model.message_.startswith(f"{name} converged: log-likelihood -")
    other = again.set_params(random_state=7, n_starts=4).fit(table.sample(frac=1, random_state=0))
    assert other.params_.to_numpy() == pytest.approx(model.params_.to_numpy(), rel=1e-6)


@pytest.mark.unit
def test_units():
    table = cdnow()
    model = fitted("BGNBD")
    assert model.unit_ == pd.Timedelta(days=7)
    year = model.expected_purchases(table, 52)
    for same in (pd.Timedelta(days=364), "364D", np.timedelta64(364, "D")):
        pd.testing.assert_series_equal(model.expected_purchases(table, same), year)
    # the unit changes alpha, and nothing else
    days = clv.customer_summary(load_cdnow(True), "1997-09-30", unit="day")
    daily = clv.BGNBD().fit(days)
    assert daily.params_.to_numpy() == pytest.approx((model.params_ * [1, 7, 1, 1]).to_numpy(), rel=1e-5)
    assert daily.expected_purchases(days, "364D").to_numpy() == pytest.approx(year.to_numpy(), rel=1e-4)
    assert model.expected_of_new([0, 52])[0] == 0


# --- bad input


def refused(match, action):
    with pytest.raises(InputError, match=match) as caught:
        action()
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"T": -1.0}, r"T'\] of customer 'bad' is -1: it is below 0"),
        ({"recency": 50.0}, "is more than T.*one unit"),
        ({"recency": -2.0}, "recency.*below 0"),
        ({"frequency": 1.5}, "no number of repeat purchases"),
        ({"frequency": -1}, "no number of repeat purchases"),
        ({"frequency": np.nan}, "missing or infinite"),
        ({"T": np.inf}, "missing or infinite"),
        ({"frequency": 0}, "is above 0 without a repeat purchase"),
        ({"recency": 0.0}, "is 0 with repeat purchases"),
    ],
)
@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD", "BGBB"])
def test_impossible_customers(name, change, match):
    table = customers([2, 5.0, 10.0], [0, 0.0, 10.0], [3, 4.0, 8.0]).astype(float)
    table.index = ["good", "fine", "bad"]
    table.loc["bad", list(change)] = list(change.values())
    refused(match, lambda: getattr(clv, name)().fit(table))
    refused(match, lambda: fitted("BGNBD").probability_alive(table))


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD", "BGBB"])
def test_nothing_to_learn(name):
    model = getattr(clv, name)()
    refused("bought once", lambda: model.fit(customers([0, 0, 10], [0, 0, 12])))
    refused("no rows", lambda: model.fit(customers()))
    refused("no column 'T'", lambda: model.fit(pd.DataFrame({"frequency": [1], "recency": [1]})))
    refused("DataFrame", lambda: model.fit([[1, 1, 2]]))
    refused("not a number", lambda: model.fit(customers(["many", 1, 2])))
    refused("sample_weight", lambda: model.fit(customers([1, 1, 2], [0, 0, 2]), sample_weight=[1]))
    refused("sample_weight", lambda: model.fit(customers([1, 1, 2], [0, 0, 2]), sample_weight=[0, 0]))
    refused("bought once", lambda: model.fit(customers([1, 1, 2], [0, 0, 2]), sample_weight=[0, 1]))
    refused("n_starts", lambda: model.set_params(n_starts=0).fit(customers([1, 1, 2], [0, 0, 2])))


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD"])
def test_no_time_seen_says_nothing(name):
    """T of 0 is a defined answer: a new customer, alive, who adds nothing to the fit."""
    model = fitted(name)
    fresh = customers([0, 0.0, 0.0])
    assert model.probability_alive(fresh).tolist() == [1.0]
    assert model.log_likelihood(fresh).iloc[0] == pytest.approx(0, abs=1e-12)
    assert model.expected_purchases(fresh, 30).iloc[0] == pytest.approx(model.expected_of_new(30))
    table = cdnow()[["frequency", "recency", "T"]]
    more = getattr(clv, name)().fit(pd.concat([table, customers([0, 0.0, 0.0], [0, 0.0, 0.0])]))
    assert more.params_.to_numpy() == pytest.approx(model.params_.to_numpy(), rel=1e-6)


@pytest.mark.bad_input
def test_fits_that_do_not_converge_say_so():
    with pytest.warns(ConvergenceWarning, match="did not converge.*log-likelihood -.*r = "):
        model = clv.BGNBD(max_iter=1, n_starts=1).fit(cdnow())
    assert not model.converged_
    assert model.remaining_gain_ > 1
    # everybody alike: the spread between customers, and so r, runs away
    alike = customers(*([2, 30.0, 39.0] for _ in range(50)))
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        model = clv.BGNBD().fit(alike)
    assert not model.converged_
    assert "do not determine" in model.message_ or "no peak" in model.message_
    with pytest.raises(InputError, match="parameters=False"):
        model._drawn_parameters(3, np.random.default_rng(0)) if not np.isfinite(
            model._log_covariance
        ).all() else refuse()


def refuse():
    raise InputError("parameters=False")


@pytest.mark.bad_input
def test_horizons():
    model, bare = fitted("BGNBD"), having("BGNBD", BG)
    one = customers([2, 5.0, 10.0])
    refused("does not know the unit", lambda: bare.expected_purchases(one, "364D"))
    refused("no fixed length", lambda: model.expected_purchases(one, pd.DateOffset(months=12)))
    refused("no length of time", lambda: model.expected_purchases(one, "a year"))
    refused("from 0 on", lambda: model.expected_purchases(one, -1))
    refused("finite", lambda: model.expected_purchases(one, np.inf))
    days = clv.customer_summary(load_cdnow(True), "1997-09-30", unit="day")
    refused("units of 1 day, .*units of 7 days: ", lambda: model.expected_purchases(days, 52))
    refused("units of 1 day, .*units of 7 days: ", lambda: clv.BGNBD(unit="week").fit(days))
    refused("months and years differ", lambda: clv.BGNBD(unit="month").fit(days))
    refused("above 0", lambda: clv.BGNBD(unit=pd.Timedelta(0)).fit(days))
    bb = having("BGBB", BB)
    refused("whole opportunities", lambda: bb.expected_purchases(customers([2, 5, 10]), 2.5))
    refused("not whole", lambda: bb.expected_purchases(customers([2, 5, 10.5]), 2))
    refused("at most per opportunity", lambda: bb.expected_purchases(customers([6, 5, 10]), 2))
    refused(
        "equal periods", lambda: bb.simulate_purchases(customers([2, 5, 10]), 5, periods=2, parameters=False)
    )
    refused("level", lambda: model.intervals(1))


@pytest.mark.bad_input
def test_spend_that_cannot_be():
    table = pd.DataFrame({"frequency": [1, 2, 3, 0], "monetary": [5.0, 9.0, 7.0, np.nan]}, index=list("abcd"))
    model = clv.GammaGamma(nonpositive="leave_out")
    for amount in (0.0, -4.0):
        odd = table.copy()
        odd.loc["b", "monetary"] = amount
        refused(f"customer 'b' is {amount:g}: it is not above 0", lambda odd=odd: clv.GammaGamma().fit(odd))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            assert model.fit(odd).n_left_out_ == 1
    gg = clv.GammaGamma(nonpositive="leave_out").fit(cdnow())
    free = gg.expected_spend(pd.DataFrame({"frequency": [3, 3], "monetary": [0.0, -9.0]}))
    p, q, gamma = gg.params_
    assert free.tolist() == pytest.approx([p * gamma / (3 * p + q - 1)] * 2)
    refused("missing for a repeat buyer", lambda: model.fit(table.assign(monetary=np.nan)))
    refused("bought once", lambda: model.fit(table.assign(frequency=0)))
    refused("all the same", lambda: model.fit(table.assign(monetary=4.0)))
    refused("no column 'monetary'", lambda: model.fit(table.drop(columns="monetary")))
    refused("nonpositive", lambda: clv.GammaGamma(nonpositive="drop").fit(table))
    endless = clv.GammaGamma()
    endless.params_ = pd.Series([2.0, 0.8, 10.0], index=["p", "q", "gamma"])
    refused("infinite", lambda: endless.expected_spend(table))
    assert np.isfinite(endless.expected_spend(table[:3])).all()
