"""Markov chains and hidden Markov models: textbook values, enumeration, other libraries, bad input."""

import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from bigmkt_helpers import sequences as sq
from bigmkt_helpers.errors import InputError, NotFittedError

HEALTH = pd.DataFrame([[0.7, 0.3], [0.4, 0.6]], ["healthy", "fever"], ["healthy", "fever"])
SAID = pd.DataFrame([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]], HEALTH.index, ["normal", "cold", "dizzy"])
PATIENT = sq.HiddenMarkov([0.6, 0.4], HEALTH, SAID)
CYCLE = np.roll(np.eye(4), 1, axis=1)
WEATHER = [[0.4, 0.3, 0.3], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]]
ICE = sq.HiddenMarkov(
    [0.2, 0.8], [[0.5, 0.5], [0.4, 0.6]], pd.DataFrame([[0.5, 0.4, 0.1], [0.2, 0.4, 0.4]], columns=[1, 2, 3])
)


def random_model(rng, S=None, K=None):
    S = S or int(rng.integers(1, 4))
    K = K or int(rng.integers(1, 4))
    draw = lambda *shape: rng.dirichlet(np.full(shape[-1], 0.7), shape[:-1])  # noqa: E731
    return draw(S), draw(S, S), draw(S, K)


def enumerated(pi, A, B, x):
    """P(x), P(state at each step | x), the best path's probability: every path by itself."""
    paths = np.array(list(product(range(len(pi)), repeat=len(x))))
    p = pi[paths[:, 0]] * B[paths, x].prod(axis=1) * A[paths[:, :-1], paths[:, 1:]].prod(axis=1)
    gamma = np.array([np.bincount(column, p, len(pi)) for column in paths.T])
    return p.sum(), gamma / p.sum(), p.max()


# --- textbook values


@pytest.mark.published
def test_healthy_and_fever():
    path, value = PATIENT.viterbi(["normal", "cold", "dizzy"])
    assert path == ["healthy", "healthy", "fever"]
    assert f"{np.exp(value):.5f}" == "0.01512"
    assert f"{np.exp(PATIENT.log_probability(['normal', 'cold', 'dizzy'])):.5f}" == "0.03628"
    assert round(value, 6) == -4.191737
    assert round(PATIENT.log_probability(["normal", "cold", "dizzy"]), 6) == -3.316489


@pytest.mark.published
def test_umbrellas():
    rain = sq.HiddenMarkov([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]])
    assert rain.posterior([0, 0])[0].round(4).tolist() == [0.8834, 0.8834]
    assert rain.filtered([0, 0])[0].round(4).tolist() == [0.8182, 0.8834]


@pytest.mark.published
def test_ice_cream_and_weather():
    assert f"{np.exp(ICE.log_probability([3, 1, 3])):.6f}" == "0.028562"
    model = sq.PanelHMM(2, "categorical").set_parameters(
        ICE.initial, ICE.transition, [ICE.emission], symbols=[1, 2, 3]
    )
    assert f"{np.exp(model.log_probability([[3, 1, 3]])[0]):.6f}" == "0.028562"
    seen = [2, 2, 2, 0, 0, 2, 1, 2]
    assert f"{np.exp(sq.chain_log_probability(WEATHER, seen, [0, 0, 1])):.3e}" == "1.536e-04"


@pytest.mark.published
def test_the_three_sequences_of_the_article():
    """S0-31/44: 1234 three times: the chain is the cycle, a quarter each, of period 4."""
    chain = sq.MarkovChain().fit([[1, 2, 3, 4] * 3])
    assert chain.counts_.to_numpy()[[0, 1, 2, 3], [1, 2, 3, 0]].tolist() == [3, 3, 3, 2]
    assert chain.counts_.to_numpy().sum() == 11
    assert np.array_equal(chain.transition_, CYCLE)
    assert sq.stationary_laws(chain.transition_).to_numpy().tolist() == [[0.25] * 4]
    assert sq.period(chain.transition_) == 4
    assert sq.entropy_rate(chain.transition_) == 0
    # a period: the law of a far step still knows where the chain began
    assert np.array_equal(np.linalg.matrix_power(CYCLE, 1001)[0], CYCLE[0])


@pytest.mark.published
def test_constant_paths_are_seldom_the_best():
    """S0-32 returned a constant path for all 351 sequences of length 3 to 5: at most 87 can be right."""
    logs = np.log([0.6, 0.4]), np.log(HEALTH.to_numpy())
    sequences = [x for length in (3, 4, 5) for x in product(range(3), repeat=length)]
    assert len(sequences) == 351
    right = 0
    for x in sequences:
        seen = np.log(SAID.to_numpy()).T[list(x)]
        best = sq.viterbi(*logs, seen)[1]
        right += any(
            abs(logs[0][s] + (len(x) - 1) * logs[1][s, s] + seen[:, s].sum() - best) < 1e-12 for s in (0, 1)
        )
    assert right == 87


# --- enumeration, other libraries, properties


@pytest.mark.unit
def test_enumeration_of_500_small_models():
    rng = np.random.default_rng(1)
    for _ in range(500):
        pi, A, B = random_model(rng)
        x = rng.integers(0, B.shape[1], int(rng.integers(1, 6)))
        total, gamma, best = enumerated(pi, A, B, x)
        with np.errstate(divide="ignore"):
            logs = np.log(pi), np.log(A), np.log(B).T[x]
        path, value = sq.viterbi(*logs)
        assert np.isclose(np.exp(sq.log_probability(*logs)), total, rtol=1e-10)
        assert np.allclose(sq.posterior(*logs), gamma, atol=1e-10)
        assert np.isclose(np.exp(value), best, rtol=1e-10)
        # of ties any path will do: its own probability is compared
        own = logs[0][path[0]] + logs[1][path[:-1], path[1:]].sum() + logs[2][np.arange(len(x)), path].sum()
        assert np.isclose(own, value)
        model = sq.PanelHMM(len(pi), "categorical").set_parameters(pi, A, [B])
        # at each step the paths so far, and what they leave to come
        alpha, beta = sq.forward(*logs), sq.backward(*logs[1:])
        assert np.allclose(np.exp(alpha + beta).sum(axis=1), total, rtol=1e-10)
        filtered = model.filtered([x]).to_numpy()
        for t in range(len(x)):
            so_far, then, _ = enumerated(pi, A, B, x[: t + 1])
            assert np.allclose(np.exp(alpha[t]), so_far * then[t], rtol=1e-10)
            assert np.allclose(filtered[t], then[t], atol=1e-10)
        assert np.isclose(model.log_probability([x])[0], np.log(total))
        assert np.allclose(model.smoothed([x]), gamma, atol=1e-10)
        assert np.isclose(model.path_log_probability([x])[0], value)


@pytest.mark.unit
def test_ties_are_broken_by_rule():
    logs = np.log([0.5, 0.5]), np.log(np.full((2, 2), 0.5)), np.zeros((4, 2))
    path, value = sq.viterbi(*logs)
    assert path.tolist() == [0, 0, 0, 0]
    assert np.isclose(value, 4 * np.log(0.5))


@pytest.mark.unit
def test_a_panel_is_its_sequences():
    """Unequal lengths, missing steps, repeated histories and several channels, against one at a time."""
    rng = np.random.default_rng(3)
    pi, A, _ = random_model(rng, S=3)
    rate, chance = np.array([0.2, 1.0, 4.0]), np.array([0.1, 0.5, 0.7])
    model = sq.PanelHMM(3, ("poisson", "bernoulli")).set_parameters(pi, A, [rate, chance])
    panel = [
        np.column_stack([rng.poisson(1.0, n), rng.integers(0, 2, n)]).astype(float)
        for n in (5, 3, 5, 1, 0, 7)
    ]
    panel[0][2, 0] = np.nan
    panel[2][1] = np.nan
    panel[5][-2:] = np.nan
    panel.append(panel[0].copy())
    smoothed, decoded = model.smoothed(panel), model.decode(panel)
    filtered, value = model.filtered(panel), model.log_probability(panel)
    for number, cells in enumerate(panel):
        y = cells[: 5 if number == 5 else len(cells)]
        logs = poisson.logpmf(y[:, [0]], rate) if len(y) else np.zeros((0, 3))
        logs = np.where(np.isnan(y[:, [0]]), 0, logs)
        b = np.where(y[:, [1]] == 1, np.log(chance), np.log(1 - chance))
        logs = logs + np.where(np.isnan(y[:, [1]]), 0, b)
        three = np.log(pi), np.log(A), logs
        assert np.isclose(value[number], sq.log_probability(*three))
        if not len(y):
            assert number not in smoothed.index.get_level_values(0)
            continue
        assert np.allclose(smoothed.loc[number], sq.posterior(*three))
        alpha = np.exp(sq.forward(*three))
        assert np.allclose(filtered.loc[number], alpha / alpha.sum(axis=1, keepdims=True))
        assert decoded.loc[number].tolist() == sq.viterbi(*three)[0].tolist()
        assert np.isclose(model.path_log_probability(panel)[number], sq.viterbi(*three)[1])


@pytest.mark.unit
def test_hmmlearn_agrees():
    from hmmlearn.hmm import CategoricalHMM, PoissonHMM

    rng = np.random.default_rng(5)
    for _ in range(20):
        pi, A, B = random_model(rng, S=3, K=4)
        theirs = CategoricalHMM(3)
        theirs.startprob_, theirs.transmat_, theirs.emissionprob_, theirs.n_features = pi, A, B, 4
        x = rng.integers(0, 4, 30)
        logs = np.log(pi), np.log(A), np.log(B).T[x]
        assert np.isclose(sq.log_probability(*logs), theirs.score(x[:, None]), rtol=1e-12)
        assert np.isclose(sq.viterbi(*logs)[1], theirs.decode(x[:, None])[0], rtol=1e-12)
        assert np.allclose(sq.posterior(*logs), theirs.predict_proba(x[:, None]), atol=1e-10)
        rate = rng.gamma(1, 2, 3)
        counts = PoissonHMM(3)
        counts.startprob_, counts.transmat_, counts.lambdas_, counts.n_features = pi, A, rate[:, None], 1
        y = rng.poisson(2, 30)
        ours = sq.PanelHMM(3, "poisson").set_parameters(pi, A, [rate])
        assert np.isclose(ours.log_probability([y])[0], counts.score(y[:, None]), rtol=1e-12)
        assert np.isclose(ours.path_log_probability([y])[0], counts.decode(y[:, None])[0], rtol=1e-12)


@pytest.mark.unit
def test_hmmlearn_s_em_takes_the_same_steps():
    from hmmlearn.hmm import PoissonHMM

    rng = np.random.default_rng(7)
    months = rng.poisson(rng.choice([0.2, 2.0], 60)[:, None], (60, 8))
    ours = sq.PanelHMM(2, "poisson", n_init=1, max_iter=15, tol=0, on_no_convergence="ignore")
    start = ours._begin(ours._read(months), ["poisson"], 0, rng)
    theirs = PoissonHMM(2, n_iter=15, tol=-np.inf, init_params="", lambdas_prior=0, lambdas_weight=0)
    theirs.startprob_, theirs.transmat_, theirs.lambdas_ = start[0], start[1], start[2][0][:, None]
    theirs.n_features = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(months.reshape(-1, 1), [8] * 60)
    ours.fit(months)
    assert np.isclose(ours.log_likelihood_, theirs.score(months.reshape(-1, 1), [8] * 60), rtol=1e-10)
    order = np.argsort(theirs.lambdas_.ravel())
    assert np.allclose(ours.emission_[0], theirs.lambdas_.ravel()[order], rtol=1e-8)
    assert np.allclose(ours.transition_, theirs.transmat_[np.ix_(order, order)], atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=0, max_size=7), min_size=1, max_size=8).filter(
        lambda rows: sum(map(len, rows)) >= 3
    ),
    st.integers(1, 3),
    st.sampled_from(["poisson", "categorical", "bernoulli"]),
    st.sampled_from([0.0, 0.5]),
    st.integers(0, 5),
)
@pytest.mark.unit
def test_em_never_decreases(rows, S, kind, smoothing, seed):
    if kind == "bernoulli":
        rows = [[min(y, 1) for y in row] for row in rows]
    model = sq.PanelHMM(
        S, kind, smoothing=smoothing, n_init=2, max_iter=25, on_no_convergence="ignore", random_state=seed
    ).fit(rows)
    assert (np.diff(model.history_) > -1e-8).all()
    assert np.isclose(model.log_probability(rows).sum(), model.log_likelihood_)
    assert np.allclose(model.transition_.sum(axis=1), 1)
    assert np.isclose(model.occupancy_.sum(), 1)
    if smoothing == 0:
        assert np.isclose(model.history_[-1], model.log_likelihood_)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=12), st.integers(0, 50))
@pytest.mark.unit
def test_em_never_decreases_where_the_first_is_at_least_one(firsts, seed):
    rng = np.random.default_rng(seed)
    rows = [[first, *rng.poisson(1, 3)] for first in firsts]
    settings_ = {"first_at_least_one": True, "n_init": 1, "max_iter": 20, "on_no_convergence": "ignore"}
    model = sq.PanelHMM(2, "poisson", random_state=seed, **settings_).fit(rows)
    assert (np.diff(model.history_) > -1e-8).all()
    either = [[min(y, 1) for y in row] for row in rows]
    assert (np.diff(sq.PanelHMM(2, "bernoulli", **settings_).fit(either).history_) > -1e-8).all()


@pytest.mark.unit
def test_baum_welch_is_the_panel_s_em():
    x = np.random.default_rng(2).integers(0, 3, 40)
    pi, A = [0.5, 0.5], [[0.8, 0.2], [0.3, 0.7]]
    B = [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]
    model, history, converged = sq.baum_welch(x, pi, A, B, n_iter=10, tol=0)
    assert len(history) == 11
    assert not converged
    assert (np.diff(history) > 0).all()
    panel = sq.PanelHMM(2, "categorical", n_init=1, max_iter=10, tol=0, on_no_convergence="ignore")
    panel._begin = lambda *_: (np.array(pi), np.array(A), [np.array(B)])
    panel.fit([x])
    assert np.allclose(panel.history_, history, rtol=1e-12)
    assert np.isclose(model.log_probability(x), history[-1])


@pytest.mark.unit
def test_the_slope_is_zero_where_em_has_converged():
    """No free direction of the parameters raises the likelihood: rates, moves and starts, by differences."""
    rng = np.random.default_rng(11)
    truth = sq.PanelHMM(2, "poisson").set_parameters([0.6, 0.4], [[0.9, 0.1], [0.3, 0.7]], [[0.3, 3.0]])
    _, panel = truth.sample([10] * 300, random_state=rng)
    model = sq.PanelHMM(2, "poisson", n_init=1, max_iter=3000, tol=1e-11).fit(panel)
    assert model.converged_

    def value(pi, a, b, low, high):
        other = sq.PanelHMM(2, "poisson").set_parameters(
            [pi, 1 - pi], [[a, 1 - a], [1 - b, b]], [[low, high]]
        )
        return other.log_probability(panel).sum()

    at = np.array([model.initial_[0], *np.diag(model.transition_), *model.emission_[0]])
    for place in range(5):
        up, down = at.copy(), at.copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        slope = (value(*up) - value(*down)) / 2e-5
        curve = (value(*up) - 2 * value(*at) + value(*down)) / 1e-10
        # how far the maximum is, in units of the parameter
        assert abs(slope / curve) < 1e-4
        assert curve < 0


@pytest.mark.recovery
def test_parameters_are_found_again():
    truth = sq.PanelHMM(3, ("poisson", "bernoulli")).set_parameters(
        [0.5, 0.3, 0.2],
        [[0.9, 0.08, 0.02], [0.1, 0.8, 0.1], [0.02, 0.18, 0.8]],
        [[0.1, 1.0, 5.0], [0.05, 0.3, 0.7]],
    )
    states, panel = truth.sample(np.random.default_rng(0).integers(4, 16, 1200), random_state=1)
    for row in panel[::4]:
        row.astype(float)
    panel = [row.astype(float) for row in panel]
    for row in panel[::3]:
        row[:, 0] = np.nan
    model = sq.PanelHMM(3, ("poisson", "bernoulli"), n_init=2).fit(panel)
    assert np.allclose(model.transition_, truth.transition_, atol=0.03)
    assert np.allclose(model.emission_[0], truth.emission_[0], atol=0.25)
    assert np.allclose(model.emission_[1], truth.emission_[1], atol=0.03)
    right = (model.decode(panel).to_numpy() == np.concatenate(states)).mean()
    ceiling = (truth.smoothed(panel).to_numpy().argmax(axis=1) == np.concatenate(states)).mean()
    assert ceiling - 0.03 < right <= ceiling + 0.005


@pytest.mark.recovery
def test_the_number_of_states_is_found():
    truth = sq.PanelHMM(2, "poisson").set_parameters([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.3, 3.0]])
    _, panel = truth.sample([10] * 200, random_state=4)
    table = sq.state_count_table(
        panel, (1, 2, 3), sq.PanelHMM(n_init=1, max_iter=300, on_no_convergence="ignore")
    )
    assert table["bic"].idxmin() == 2
    assert table.at[1, "less_low"] > 0
    assert table.at[3, "less_best"] < 0.005
    assert table["best"].sum() == 1


@pytest.mark.unit
def test_a_first_step_that_cannot_be_zero():
    """Counts given that they are not 0: the rate is that of the whole law, not of what is left of it."""
    rng = np.random.default_rng(8)
    y = rng.poisson(0.7, 20_000)
    rows = y[y > 0][:, None]
    model = sq.PanelHMM(1, "poisson", first_at_least_one=True).fit(rows)
    rate = model.emission_[0][0]
    assert np.isclose(rate / -np.expm1(-rate), rows.mean())
    assert abs(rate - 0.7) < 0.03
    naive = sq.PanelHMM(1, "poisson").fit(rows)
    assert np.isclose(naive.emission_[0][0], rows.mean())
    # a certain event says nothing
    either = sq.PanelHMM(2, "bernoulli", first_at_least_one=True)
    either.set_parameters([0.3, 0.7], [[1, 0], [0, 1]], [[0.1, 0.6]])
    assert either.log_probability([[1]])[0] == 0
    assert either.last_state([[1]]).round(12).to_numpy().tolist() == [[0.3, 0.7]]


@pytest.mark.unit
def test_no_underflow_at_100_000_steps():
    from hmmlearn.hmm import CategoricalHMM

    rng = np.random.default_rng(9)
    x = rng.integers(0, 3, 100_000)
    logs = np.log([0.6, 0.4]), np.log(HEALTH.to_numpy()), np.log(SAID.to_numpy()).T[x]
    value = sq.log_probability(*logs)
    panel = sq.PanelHMM(2, "categorical").set_parameters([0.6, 0.4], HEALTH, [SAID])
    assert -200_000 < value < -90_000
    assert np.isclose(panel.log_probability([x])[0], value, rtol=1e-11)
    path, best = sq.viterbi(*logs)
    own = logs[0][path[0]] + logs[1][path[:-1], path[1:]].sum() + logs[2][np.arange(len(x)), path].sum()
    assert np.isclose(own, best, rtol=1e-11)
    assert best < value
    theirs = CategoricalHMM(2)
    theirs.startprob_ = np.array([0.6, 0.4])
    theirs.transmat_, theirs.emissionprob_ = HEALTH.to_numpy(), SAID.to_numpy()
    theirs.n_features = 3
    assert np.allclose(theirs.predict_proba(x[:, None]), panel.smoothed([x]), atol=1e-8)
    assert np.isclose(theirs.decode(x[:, None])[0], best, rtol=1e-11)


# --- rules: order of states, convergence, the manner of scikit-learn


@pytest.mark.contract
def test_estimators_are_copied_and_seeded():
    rows = np.random.default_rng(1).poisson(1.0, (40, 6))
    model = sq.PanelHMM(2, "poisson", n_init=3, random_state=5)
    before = model.get_params()
    one, two = clone(model).fit(rows), clone(model).fit(rows)
    assert model.get_params() == before
    assert np.array_equal(one.transition_, two.transition_)
    assert one.starts_.equals(two.starts_)
    assert one.log_likelihood_ == one.starts_["log_likelihood"].max()
    copy = clone(sq.MarkovChain(2, 0.5, "backoff"))
    assert copy.get_params() == sq.MarkovChain(2, 0.5, "backoff").get_params()


@pytest.mark.contract
def test_convergence_is_told_as_it_is():
    rows = np.random.default_rng(1).poisson(1.0, (40, 6))
    with pytest.warns(ConvergenceWarning, match="of 3 iterations: raise max_iter"):
        model = sq.PanelHMM(2, max_iter=3, tol=0).fit(rows)
    assert not model.converged_
    assert model.n_iter_ == 3
    assert not model.starts_["converged"].any()
    with pytest.raises(sq.NotConvergedError, match="still rose"):
        sq.PanelHMM(2, max_iter=3, tol=0, on_no_convergence="raise").fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet = sq.PanelHMM(2, max_iter=3, tol=0, on_no_convergence="ignore").fit(rows)
        assert not quiet.converged_
        assert sq.PanelHMM(2, tol=1e-3).fit(rows).converged_
    with pytest.warns(ConvergenceWarning, match="2 iterations"):
        assert not sq.fit_long(rows.ravel(), 3, "poisson", n_init=1, max_iter=2, tol=1e-9).converged_


@pytest.mark.contract
def test_only_the_best_starts_go_on():
    rows = np.random.default_rng(1).poisson(np.random.default_rng(2).gamma(0.5, 2, (60, 1)), (60, 6))
    model = sq.PanelHMM(3, n_init=6, n_finish=2, tol=1e-7, on_no_convergence="ignore").fit(rows)
    assert ((model.starts_["n_iter"] > 30).sum() <= 2) & (model.starts_["n_iter"].max() > 30)
    whole = sq.PanelHMM(3, n_init=6, tol=1e-7, on_no_convergence="ignore").fit(rows)
    same = model.starts_["n_iter"] > 30
    columns = ["log_likelihood", "n_iter"]
    assert np.allclose(model.starts_.loc[same, columns], whole.starts_.loc[same, columns])


@pytest.mark.contract
def test_states_are_numbered_by_a_named_rule():
    rng = np.random.default_rng(4)
    rows = rng.poisson(rng.choice([0.2, 3.0, 9.0], 90)[:, None], (90, 6))
    model = sq.PanelHMM(3, n_init=4).fit(rows)
    assert (np.diff(model.emission_[0]) > 0).all()
    busy = sq.PanelHMM(3, order_by="occupancy", n_init=4).fit(rows)
    assert (np.diff(busy.occupancy_) < 0).all()
    assert np.isclose(busy.log_likelihood_, model.log_likelihood_)
    words = [["a", "a", "b"] * 5, ["c", "c", "a"] * 5, ["b", "b", "c"] * 5]
    named = sq.PanelHMM(2, "categorical", order_by=("symbol", "c"), on_no_convergence="ignore").fit(words)
    assert np.diff(named.emission_[0][:, named.symbols_.index("c")])[0] > 0


@pytest.mark.unit
def test_bic_counts_parameters():
    rows = np.random.default_rng(1).poisson(1.0, (40, 6))
    model = sq.PanelHMM(3, n_init=1, on_no_convergence="ignore").fit(rows)
    assert model.n_parameters_ == 2 + 6 + 3
    assert np.isclose(model.bic_, -2 * model.log_likelihood_ + 11 * np.log(240))
    words = sq.PanelHMM(2, "categorical", n_init=1, symbols="abcd", on_no_convergence="ignore").fit(
        [list("abab")]
    )
    assert words.n_parameters_ == 1 + 2 + 2 * 3


@pytest.mark.unit
def test_forecast_by_simulation():
    model = sq.PanelHMM(2, "poisson").set_parameters([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.1, 2.0]])
    found = model.forecast([[0, 3], []], 3)
    rng = np.random.default_rng(6)
    # given 0, 3: carry the filtered state on
    law = model.next_state([[0, 3], []]).to_numpy()
    for place in range(2):
        then = sq.PanelHMM(2, "poisson").set_parameters(law[place], model.transition_, model.emission_)
        _, drawn = then.sample([3] * 40_000, random_state=rng)
        drawn = np.array(drawn)
        assert abs((drawn.sum(axis=1) > 0).mean() - found["any"].iloc[place]) < 0.01
        assert abs(drawn.sum(axis=1).mean() - found["expected"].iloc[place]) < 0.05
    assert np.allclose(law[1], model.initial_)
    words = sq.PanelHMM(2, "categorical").set_parameters([1, 0], np.eye(2), [SAID], symbols="abc")
    assert words.next_symbols([[], ["a"]]).to_numpy()[0].tolist() == [0.5, 0.4, 0.1]


@pytest.mark.unit
def test_a_running_session_is_the_batch_filter():
    model = sq.PanelHMM(2, ("poisson", "bernoulli"), first_at_least_one=True).set_parameters(
        [0.6, 0.4], HEALTH, [[0.5, 2.0], [0.2, 0.6]]
    )
    row = np.array([[1, 0], [0, 1], [np.nan, np.nan], [3, np.nan], [2, 1]])
    session = sq.SessionFilter(model)
    assert session.law.tolist() == session.ahead().tolist() == [0.6, 0.4]
    steps = [session.update(step).tolist() for step in row]
    assert np.allclose(steps, model.filtered([row]))
    assert np.isclose(session.log_probability, model.log_probability([row])[0])
    assert np.allclose(session.ahead(), model.next_state([row]))
    session.restart()
    assert session.n_steps == 0
    patient = sq.SessionFilter(PATIENT)
    said = ["normal", "dizzy", "dizzy", "cold"]
    assert np.allclose([patient.update(word) for word in said], PATIENT.filtered(said))
    with pytest.raises(InputError, match="none of the 3 known symbols"):
        patient.update("sleepy")
    sure = sq.SessionFilter(sq.HiddenMarkov([1, 0], np.eye(2), np.eye(2)))
    sure.update(0)
    with pytest.raises(InputError, match="Step 1 of the session, 1, cannot happen under this model"):
        sure.update(1)
    assert (sure.n_steps, sure.law.tolist()) == (1, [1.0, 0.0])
    with pytest.raises(InputError, match="pass a HiddenMarkov or a PanelHMM"):
        sq.SessionFilter("model")
    with pytest.raises(InputError, match="Step 0 of the session is -1: a poisson channel holds"):
        session.update([-1, 0])
    with pytest.raises(InputError, match="Step 0 of the session is 0, but first_at_least_one"):
        session.update([0, 0])
    with pytest.raises(InputError, match="should hold 2 values"):
        sq.SessionFilter(model).update(1)


# --- Markov chains


@pytest.mark.unit
def test_chain_by_hand():
    chain = sq.MarkovChain(1, 1.0).fit([["a", "b", "a"], ["b"], []])
    assert chain.initial_.tolist() == [(1 + 1) / (2 + 2)] * 2
    assert np.allclose(chain.transition_, [[1 / 3, 2 / 3], [2 / 3, 1 / 3]])
    assert np.allclose(
        chain.bits([["a", "b"], [], ["b", "b"]]), [-np.log2(0.5 * 2 / 3), 0, -np.log2(0.5 / 3)]
    )
    two = sq.MarkovChain(2, 0.5, "backoff").fit([["a", "b", "a", "a"]])
    p0 = np.array([3 + 0.5, 1 + 0.5]) / 5
    # after b: a once; after a, b: a once
    p1 = (np.array([1, 0]) + p0) / 2
    p2 = (np.array([1, 0]) + p1) / 2
    assert np.allclose(two.next_probabilities([["a", "b"]]), p2)
    # after b, b, never seen: as after b
    assert np.allclose(two.next_probabilities([["b", "b"]]), p1)
    assert np.allclose(sq.MarkovChain(0).fit([["a", "b", "a"]]).initial_, [2 / 3, 1 / 3])
    # the contexts seen: the start, a, b; each has one free probability
    assert chain.n_parameters_ == 3
    table = sq.state_accuracy([0, 0, 1, 1, 1], [1, 1, 0, 1, 0])
    assert table["n"].to_dict() == {0: 2, 1: 3}
    assert table["right"].tolist() == [1.0, 2 / 3]
    assert table["read_as"].tolist() == [1, 0]
    assert table.attrs == {"accuracy": 4 / 5, "base": 3 / 5}
    counts = np.array([0, 0, 1, 0, 9, 8, 9, 7, 0, 1, 0, 0] * 4)
    long = sq.fit_long(counts, 2, "poisson", n_init=2)
    assert np.isclose(long.log_likelihood_, long.score(counts[:, None]))
    assert np.allclose(np.sort(long.lambdas_.ravel()), [0.25, 8.25], atol=0.01)


@pytest.mark.unit
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=6).filter(
        lambda r: sum(map(len, r))
    ),
    st.integers(0, 3),
    st.sampled_from(["additive", "backoff"]),
)
def test_all_sequences_of_one_length_have_probability_one(rows, order, method):
    chain = sq.MarkovChain(order, 0.3, method, symbols=[0, 1, 2]).fit(rows)
    every = list(product(range(3), repeat=4))
    assert np.isclose(np.exp(chain.log_probability(every)).sum(), 1)


@pytest.mark.unit
def test_classes_periods_and_ends_against_powers():
    rng = np.random.default_rng(2)
    for _ in range(60):
        n = int(rng.integers(1, 6))
        P = rng.dirichlet(np.ones(n), n) * (rng.random((n, n)) < 0.4)
        P[P.sum(axis=1) == 0, 0] = 1
        P /= P.sum(axis=1, keepdims=True)
        reach = np.linalg.matrix_power(np.eye(n) + P, n) > 0
        classes = sq.communicating_classes(P)
        label = {s: k for k, states in enumerate(classes["states"]) for s in states}
        for i in range(n):
            for j in range(n):
                assert (label[i] == label[j]) == (reach[i, j] and reach[j, i])
            back = [k for k in range(1, 40) if np.linalg.matrix_power(P > 0, k)[i, i]]
            wanted = int(np.gcd.reduce(back)) if back else 0
            assert classes["period"][label[i]] == wanted
        laws = sq.stationary_laws(P).to_numpy()
        assert len(laws) == classes["closed"].sum()
        assert np.allclose(laws @ P, laws)
        assert np.allclose(laws.sum(axis=1), 1)
        # ever to reach the last state: make it absorbing and wait
        waiting = P.copy()
        waiting[-1] = np.eye(n)[-1]
        far = np.linalg.matrix_power(waiting, 2**14)[:, -1]
        assert np.allclose(sq.hitting_probabilities(P, n - 1), far, atol=1e-6)
        steps = sq.expected_steps(P, [n - 1])
        assert (np.isinf(steps) == (far < 1 - 1e-6)).all()


@pytest.mark.unit
def test_the_end_of_a_funnel():
    names = ["look", "cart", "bought", "left"]
    P = pd.DataFrame([[0.5, 0.3, 0, 0.2], [0.2, 0.3, 0.4, 0.1], [0, 0, 1, 0], [0, 0, 0, 1]], names, names)
    end = sq.absorption(P)
    assert np.allclose(end.visits, np.array([[0.7, 0.3], [0.2, 0.5]]) / (0.5 * 0.7 - 0.3 * 0.2))
    assert np.allclose(end.probabilities.sum(axis=1), 1)
    assert np.allclose(end.probabilities["bought"], sq.hitting_probabilities(P, "bought")[["look", "cart"]])
    assert np.allclose(end.steps, sq.expected_steps(P, ["bought", "left"])[["look", "cart"]])
    assert np.isclose(end.probabilities.at["look", "bought"], 0.3 * 0.4 / (0.5 * 0.7 - 0.3 * 0.2))
    assert sq.expected_steps(P, "bought").tolist() == [np.inf, np.inf, 0, np.inf]
    with pytest.raises(InputError, match="2 closed classes, each with its law"):
        sq.entropy_rate(P)
    assert sq.entropy_rate(P, [0, 0, 0.5, 0.5]) == 0
    laws = sq.stationary_laws(P)
    assert laws.columns.tolist() == names
    assert laws.to_numpy().tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.unit
def test_entropy_rate_is_the_bits_of_a_long_sequence():
    chain = sq.MarkovChain(symbols=["a", "b", "c"], smoothing=0.1).fit([list("aababcacba")])
    long = chain.sample(1, 15_000, random_state=3)
    assert abs(chain.bits(long)[0] / 15_000 - sq.entropy_rate(chain.transition_)) < 0.02
    # a sample begins as sequences begin, and goes on as they do
    forced = sq.MarkovChain(absorbing=["d"]).fit([["a", "b", "c", "d"]])
    assert forced.sample(3, 5) == [["a", "b", "c", "d", "d"]] * 3
    alternating = sq.MarkovChain(2).fit([list("aabbaabbaabb")])
    assert alternating.sample(2, 7) == [list("aabbaab")] * 2


@pytest.mark.recovery
def test_the_order_is_found():
    rng = np.random.default_rng(0)
    law = rng.dirichlet(np.full(3, 0.5), (3, 3))
    rows = []
    for _ in range(120):
        row = list(rng.integers(0, 3, 2))
        for _ in range(40):
            row.append(int(rng.choice(3, p=law[row[-2], row[-1]])))
        rows.append([int(x) for x in row])
    table = sq.order_bits(rows, 3)
    assert table["bits"].idxmin() == "order 2"
    assert table.at["order 1", "less_low"] > 0
    assert table.at["order 3", "less_low"] > 0
    quick = {"symbols": [0, 1, 2], "n_init": 1, "max_iter": 20, "on_no_convergence": "ignore"}
    hidden = sq.order_bits(rows, {"two": sq.PanelHMM(2, "categorical", smoothing=0.1, **quick)}, n_folds=2)
    assert hidden.at["two", "bits"] > table.at["order 2", "bits"]


@pytest.mark.unit
def test_held_out_bits_by_hand():
    """Every figure of both tables, from models fitted fold by fold."""
    from bigmkt_helpers._checks import generator
    from bigmkt_helpers.information import ratio_interval

    rng = np.random.default_rng(4)
    rows = [rng.integers(0, 3, n).tolist() for n in rng.integers(3, 9, 30)]
    steps, fold = np.array([len(row) for row in rows], dtype=float), generator(7).permutation(30) % 3
    chains = {"one": sq.MarkovChain(0, 1, symbols=range(3)), "two": sq.MarkovChain(1, 2, symbols=range(3))}
    model = sq.PanelHMM(1, "categorical", symbols=range(3), smoothing=1, n_init=1, max_iter=9)
    model.set_params(on_no_convergence="ignore")
    panels = {k: clone(model).set_params(n_states=k) for k in (1, 2)}
    found = {
        "chains": sq.order_bits(rows, chains, n_folds=3, n_resamples=100, random_state=7),
        "panels": sq.state_count_table(rows, (1, 2), model, n_folds=3, n_resamples=100, random_state=7),
    }
    for models, table in ((chains, found["chains"]), (panels, found["panels"])):
        bits = {name: np.empty(30) for name in models}
        for k in range(3):
            learn = [row for row, f in zip(rows, fold, strict=True) if f != k]
            for name, one in models.items():
                fitted = clone(one).fit(learn)
                for i in np.flatnonzero(fold == k):
                    bits[name][i] = -fitted.log_probability([rows[i]])[0] / np.log(2)
        best = min(bits, key=lambda name: bits[name].sum())
        assert table["best"].to_dict() == {name: name == best for name in models}
        for name, own in bits.items():
            wanted = (
                *ratio_interval(own, steps, 0.95, 100, 7)[:3],
                *ratio_interval(own - bits[best], steps, 0.95, 100, 7)[:3],
            )
            columns = ["bits", "low", "high", "less_best", "less_low", "less_high"]
            assert np.allclose(table.loc[name, columns].astype(float), wanted)
    for k, one in panels.items():
        fitted = one.fit(rows)
        assert np.isclose(found["panels"].at[k, "log_likelihood"], fitted.log_likelihood_)
        assert np.isclose(found["panels"].at[k, "bic"], fitted.bic_)
        assert found["panels"].at[k, "converged"] == fitted.converged_


@pytest.mark.recovery
def test_the_true_order_and_count_where_customers_are_alike():
    """Ten worlds each: 150 customers with one law of three states; a hundred chains of order 2."""
    truth = sq.PanelHMM(3, "poisson").set_parameters(
        [0.4, 0.3, 0.3], [[0.9, 0.08, 0.02], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]], [[0.1, 1.5, 6.0]]
    )
    model = sq.PanelHMM(smoothing=0.1, n_init=1, max_iter=60, tol=0.1, on_no_convergence="ignore")
    counts, orders = [], []
    for seed in range(10):
        _, panel = truth.sample([12] * 150, random_state=seed)
        table = sq.state_count_table(np.array(panel), (2, 3, 4), model, n_resamples=100)
        counts.append(table["bits"].idxmin())
        rng = np.random.default_rng(seed)
        law = rng.dirichlet(np.full(3, 0.5), (3, 3)).cumsum(axis=2)
        cells = np.zeros((100, 32), dtype=np.int64)
        cells[:, :2] = rng.integers(0, 3, (100, 2))
        for t in range(2, 32):
            above = law[cells[:, t - 2], cells[:, t - 1]] <= rng.random(100)[:, None]
            cells[:, t] = above.sum(axis=1).clip(max=2)
        orders.append(sq.order_bits(cells.tolist(), 3, n_resamples=100)["bits"].idxmin())
    assert counts.count(3) >= 9
    assert orders.count("order 2") == 10


@pytest.mark.recovery
def test_sampled_steps_follow_the_tables():
    states, symbols = PATIENT.sample(6000, random_state=3)
    moves = pd.crosstab(pd.Series(states[:-1]), pd.Series(states[1:]), normalize="index")
    assert np.allclose(moves.loc[HEALTH.index, HEALTH.columns], HEALTH, atol=0.03)
    said = pd.crosstab(pd.Series(states), pd.Series(symbols), normalize="index")
    assert np.allclose(said.loc[SAID.index, SAID.columns], SAID, atol=0.03)
    begins = [PATIENT.sample(1, random_state=seed)[0][0] for seed in range(1000)]
    assert abs(begins.count("healthy") / 1000 - 0.6) < 0.05


# --- tables of events


@pytest.mark.unit
def test_events_by_hand():
    table = pd.DataFrame(
        {
            "customer_id": [5, 5, 5, 7],
            "date": pd.to_datetime(["2024-01-31", "2024-01-31", "2024-03-01", "2024-02-02"]),
        }
    )
    found = sq.monthly_counts(table)
    assert found.fillna(-1).astype(int).to_numpy().tolist() == [[1, 0, 1], [1, 0, -1]]
    calendar = sq.monthly_counts(table, align="calendar")
    assert calendar.astype(int).to_numpy().tolist() == [[1, 0, 1], [0, 1, 0]]
    assert sq.monthly_counts(table, until="2024-03-01").shape == (2, 2)
    # nobody bought in April and May, which are over all the same
    longer = sq.monthly_counts(table, until="2024-06-01").fillna(-1).astype(int)
    assert longer.to_numpy().tolist() == [[1, 0, 1, 0, 0], [1, 0, 0, 0, -1]]
    start = pd.Timestamp("2024-01-29")
    entry = pd.Series(pd.to_datetime(["2024-01-31", "2024-02-02"]), index=[5, 7])
    panel = sq.event_panel(
        [(table, "date"), (table, "date")],
        pd.Index([7, 5]),
        start,
        start + pd.Timedelta("35D"),
        kinds=["any", "count"],
    )
    assert [row.tolist() for row in panel][1] == [[1, 2], [0, 0], [0, 0], [0, 0], [1, 1]]
    late = sq.event_panel(
        [(table, "date")], pd.Index([7, 5]), start, start + pd.Timedelta("14D"), entry, freq="2D"
    )
    assert [row.tolist() for row in late] == [[1, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0]]
    assert sq.clickstreams(["1 2", ""]) == [[1, 2], []]
    scores = sq.next_category_scores(
        pd.DataFrame({"customer_id": [1, 1, 2], "category": ["a", "b", "a"]}), pd.Index([1, 3]), ["a", "b"]
    )
    assert np.allclose(np.exp(scores).sum(axis=1), 1)
    # customer 1: half what follows b, which nothing did, half the shares; customer 3 is everybody
    assert np.allclose(np.exp(scores), [[0.25 + 0.5 * 4 / 7, 0.25 + 0.5 * 3 / 7], [0.6, 0.4]])


# --- bad input


def _orders(customers, zone=None):
    days = pd.to_datetime(["2024-01-31", "2024-03-01"]).tz_localize(zone)
    return pd.DataFrame({"customer_id": customers, "date": days})


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: sq.MarkovChain().fit([]), "sequences is empty: pass at least one"),
        (lambda: sq.MarkovChain().fit([[], []]), "no step at all"),
        (lambda: sq.MarkovChain().fit("abc"), "pass a list of sequences"),
        (lambda: sq.MarkovChain().fit([1, 2]), r"sequences\[0\] is 1: each sequence is a list"),
        (lambda: sq.MarkovChain().fit([["a", None]]), r"Step 1 of sequences\[0\] is missing"),
        (lambda: sq.MarkovChain().fit([["a", ["b"]]]), "a step that cannot be a symbol"),
        (lambda: sq.MarkovChain(symbols="ab").fit([["a"], ["a", "c"]]), r"Step 1 of sequences\[1\] is 'c'"),
        (lambda: sq.MarkovChain(-1).fit([["a"]]), "order is -1"),
        (lambda: sq.MarkovChain(30).fit([list("abcd")]), "too many contexts"),
        (lambda: sq.MarkovChain(method="x").fit([["a"]]), "use 'additive' or 'backoff'"),
        (lambda: sq.MarkovChain(smoothing=-1).fit([["a"]]), "smoothing is -1"),
        (
            lambda: sq.MarkovChain(absorbing=["z"]).fit([["a"]]),
            r"'z', which is none of the symbols \('a'\): correct it",
        ),
        (lambda: sq.MarkovChain().fit([["a", "b"]]).transition_, "'b' is never left in the data"),
        (
            lambda: sq.MarkovChain().fit([["a", "b"]]).bits([["b", "a"]]),
            "nothing followed in the fit: set smoothing above 0",
        ),
        (lambda: sq.MarkovChain(2).fit([["a", "b"]]).transition_, "use order 1, or ask next_probabilities"),
        (lambda: sq.MarkovChain(1, 1).fit([["a"]]).bits([["q"]]), "none of the 1 known symbols"),
        (lambda: sq.stationary_laws([[0.5, 0.4], [0, 1]]), "Row 0 of transition sums to 0.9"),
        (lambda: sq.stationary_laws([[0.5, 0.5]]), "give it as many rows as columns"),
        (lambda: sq.stationary_laws([[1.5, -0.5], [0, 1]]), r"transition\[0, 1\] is -0.5"),
        (lambda: sq.period([[1, 0], [0, 1]]), "2 classes, each with a period"),
        (
            lambda: sq.hitting_probabilities(CYCLE, 9),
            r"targets names 9, which is none of the states \(0, 1, 2, 3\): correct it",
        ),
        (lambda: sq.absorption(CYCLE), "no absorbing state: give each end a row"),
        (
            lambda: sq.absorption([[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
            "No absorbing state can be reached from 0",
        ),
        (lambda: sq.order_bits([["a"]], 1), "1 sequences with steps cannot make 5 folds: lower n_folds"),
        (
            lambda: sq.order_bits([["a", "a"], ["a", "a"], ["c", "c"]], {"x": sq.MarkovChain()}, n_folds=3),
            "none of the 1 known symbols",
        ),
        (lambda: sq.HiddenMarkov([0.5, 0.4], HEALTH, SAID), "initial sums to 0.9"),
        (lambda: sq.HiddenMarkov([0.5, 0.5], HEALTH, SAID * 2), "Row 'healthy' of emission sums to 2"),
        (
            lambda: sq.HiddenMarkov([1.0], HEALTH, SAID),
            "initial has 1 states, transition 2 and emission 2: give all three the same",
        ),
        (
            lambda: PATIENT.viterbi(["sleepy"]),
            r"Step 0 of the sequence is 'sleepy', .* \('normal', 'cold', 'dizzy'\): correct",
        ),
        (
            lambda: sq.HiddenMarkov([1, 0], np.eye(2), np.eye(2)).viterbi([0, 1]),
            "after the steps before, step 1 has probability 0; correct it",
        ),
        (
            lambda: sq.HiddenMarkov([1, 0], np.eye(2), np.eye(2)).filtered([0, 1]),
            "after the steps before, step 1 has probability 0",
        ),
        (lambda: sq.HiddenMarkov([1, 0], np.eye(2), np.eye(2)).posterior([0, 1]), "step 1 has probability 0"),
        (lambda: sq.baum_welch([], [1], [[1]], [[1]]), "The sequence is empty"),
        (
            lambda: sq.baum_welch([1, 0], [1], [[1]], [[1, 0]]),
            "step 0 has probability 0; correct it, or give it a probability above 0, in the",
        ),
        (lambda: sq.fit_long([0, -1], 1), "Step 1 of the sequence is -1: codes"),
        (lambda: sq.fit_long([0.5, 1], 1), "type float64: it must be one row of whole numbers"),
        (lambda: sq.fit_long([], 1), "1 states were asked for, but the sequence has 0 steps: lower n_states"),
        (lambda: sq.fit_long([0, 1], 3), "3 states were asked for, but the sequence has 2 steps"),
        (
            lambda: sq.PanelHMM(2).fit([[1, -2]]),
            "Step 1 of customer 0 is -2: a poisson channel holds a whole",
        ),
        (lambda: sq.PanelHMM(2).fit([[1, 0.5]]), "is 0.5: a poisson channel"),
        (lambda: sq.PanelHMM(2).fit([[1, np.inf]]), "is inf: a poisson channel"),
        (
            lambda: sq.PanelHMM(2).fit([[1], [2, "x"]]),
            "Step 1 of customer 1 is 'x' in channel 0, which is not a",
        ),
        (lambda: sq.PanelHMM(2).fit(pd.DataFrame([["x"]], ["Li"])), "Step 0 of customer 'Li' is 'x'"),
        (
            lambda: sq.PanelHMM(2, ("poisson",) * 2).fit([[[1, {}]]]),
            "Step 0 of customer 0 is {} in channel 1",
        ),
        (lambda: sq.PanelHMM(2, "bernoulli").fit([[1, 2]]), "holds 0 or 1, or NaN"),
        (
            lambda: sq.PanelHMM(4).fit([[1, 2], [np.nan]]),
            "4 states were asked for, but the panel has 2 observed steps",
        ),
        (lambda: sq.PanelHMM(1).fit([]), "The panel is empty"),
        (lambda: sq.PanelHMM(1).fit(np.zeros((0, 3))), "has no sequences"),
        (lambda: sq.PanelHMM(1).fit(np.zeros(3)), r"has shape \(3,\): it should be \(customers, steps\)"),
        (lambda: sq.PanelHMM(1, ("poisson", "poisson")).fit([[1, 2]]), "each step needs 2 value"),
        (lambda: sq.PanelHMM(1, "gauss").fit([[1]]), "emission='gauss' is not known"),
        (lambda: sq.PanelHMM(1, ("categorical",) * 2).fit([[1]]), "two categorical channels"),
        (lambda: sq.PanelHMM(1, order_by="size").fit([[1]]), "order_by='size' is not known"),
        (lambda: sq.PanelHMM(1, "categorical", order_by="rate").fit([[1]]), "needs counts or events"),
        (
            lambda: sq.PanelHMM(1, "categorical", order_by=("symbol", 3)).fit([[1]]),
            r"names the symbol 3, which is none of \(1\): correct it",
        ),
        (lambda: sq.PanelHMM(1, on_no_convergence="shout").fit([[1]]), "use 'warn', 'raise' or 'ignore'"),
        (lambda: sq.PanelHMM(1, first_at_least_one=True).fit([[1], [0, 2]]), "first step of customer 1 is 0"),
        (lambda: sq.PanelHMM(1, "categorical", symbols="ab").fit([["c"]]), "'c', which is none of the 2"),
        (lambda: sq.PanelHMM(1, "categorical").fit([[None]]), "no symbol at all"),
        (lambda: sq.PanelHMM(1, "categorical").fit([["a"]]).bits([["b"]]), "'b', which is none of the 1"),
        (lambda: sq.PanelHMM(1, "categorical").fit([["a"]]).bits([[{}]]), "a step that cannot be a symbol"),
        (
            lambda: sq.PanelHMM(1, "categorical").set_parameters([1], [[1]], [[[1, 0]]]).filtered([[0], [1]]),
            "The steps of customer 1 cannot happen under this model",
        ),
        (lambda: sq.PanelHMM(1).set_parameters([1], [[0.9]], [[1]]), "Row 0 of transition sums to 0.9"),
        (
            lambda: sq.PanelHMM(1).set_parameters([1], [[1]], [[-1]]),
            r"\[-1.0\]: they must be rates, numbers of at least 0",
        ),
        (
            lambda: sq.PanelHMM(1, "bernoulli").set_parameters([1], [[1]], [[1.5]]),
            r"\[1.5\]: they must be probabilities from 0 to 1",
        ),
        (lambda: sq.PanelHMM(1).set_parameters([1], [[1]], []), "emission has 0 tables for the 1 channels"),
        (lambda: sq.PanelHMM(1).set_parameters([1], [[1]], [[1, 2]]), "has 2 states and transition 1"),
        (
            lambda: sq.PanelHMM(1).set_parameters([1, 0], [[1]], [[1]]),
            "initial has 2 states and transition 1",
        ),
        (
            lambda: sq.PanelHMM(1, "categorical").set_parameters([1], [[1]], [[[1.0]]], "ab"),
            "symbols has 2 names for 1 columns",
        ),
        (lambda: sq.PanelHMM(1).fit([[1]]).forecast([[1]], 0), "horizon is 0"),
        (lambda: sq.PanelHMM(1).fit([[1]]).next_symbols([[1]]), "for a categorical channel"),
        (lambda: sq.state_count_table([[1]], [1]), "1 sequences cannot make 5 folds: lower n_folds"),
        (lambda: sq.state_count_table([[1]], []), "ks is"),
        (lambda: sq.clickstreams(["1", "2 x"]), "Line 2 holds 'x': each line is whole numbers"),
        (lambda: sq.monthly_counts(pd.DataFrame({"date": []})), "no column 'customer_id'"),
        (lambda: sq.monthly_counts(_orders([None, 1])), r"\(1 of 2, first in row 0\).*dropna"),
        (lambda: sq.monthly_counts(_orders([1, 2]).astype({"date": str})), "pd.to_datetime"),
        (lambda: sq.monthly_counts(_orders([1, 2], zone="Asia/Shanghai")), r"tz_localize\(None\)"),
        (lambda: sq.monthly_counts(_orders([1, 2]), until="2024-02-15"), "the first day of a month"),
        (lambda: sq.monthly_counts(_orders([1, 2]), until="2024-01-01"), "no transactions before 2024-01-01"),
    ],
)
def test_bad_input(call, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        call()
    assert str(caught.value).count("\n") == 0


@pytest.mark.bad_input
def test_defined_answers():
    """Empty and one-step sequences, impossible ones, and steps that are all missing."""
    chain = sq.MarkovChain(1, 0, symbols="abc").fit([["a"], ["b", "b"]])
    assert chain.log_probability([[], ["a"], ["c"]]).tolist() == [0.0, np.log(0.5), -np.inf]
    assert PATIENT.log_probability([]) == 0
    assert PATIENT.viterbi([]) == ([], 0.0)
    assert len(PATIENT.posterior([])) == 0
    sure = sq.PanelHMM(1, "categorical").set_parameters([1], [[1]], [[[1, 0]]])
    assert sure.log_probability([[0], [1], [], [None]]).tolist() == [0.0, -np.inf, 0.0, 0.0]
    model = sq.PanelHMM(2).set_parameters([0.3, 0.7], [[0, 1], [1, 0]], [[1, 2]])
    assert model.last_state([[], [np.nan, np.nan]]).to_numpy().tolist() == [[0.3, 0.7]] * 2
    assert len(model.decode([[]])) == 0
    one = sq.PanelHMM(1, n_init=1).fit([[4]])
    assert one.emission_[0].tolist() == [4]
    # sequences of one step tell how things begin, and nothing of what follows
    single = sq.PanelHMM(2, n_init=1, on_no_convergence="ignore").fit([[0], [9], [0], [9]])
    assert np.allclose(single.emission_[0], [0, 9], atol=0.01)
    assert np.allclose(single.transition_, [[0.8, 0.2], [0.2, 0.8]])
    assert sq.MarkovChain(1, 1).fit([["a"], ["b"]]).transition_.to_numpy().tolist() == [[0.5, 0.5]] * 2
    assert single.decode([[9]]).tolist() == [1]
    assert single.next_state([[9]]).round(3).to_numpy().tolist() == [[0.2, 0.8]]
    nothing = sq.PanelHMM(2, n_init=1, on_no_convergence="ignore").fit(np.zeros((5, 3)))
    assert np.isclose(nothing.log_likelihood_, 0, atol=1e-6)
    for model in (sq.PanelHMM(), sq.MarkovChain()):
        with pytest.raises(NotFittedError):
            model.bits([[1]])


@pytest.mark.unit
def test_a_panel_of_float_arrays_is_read_as_one_of_lists():
    """Arrays of numbers are put together without looking at each cell: same answers, same refusals."""
    rng = np.random.default_rng(5)
    rows = [rng.poisson(1.0, (n, 2)).astype(float) for n in (4, 1, 6, 3)]
    rows[0][2, 1] = rows[2][5] = np.nan
    model = sq.PanelHMM(2, ("poisson", "poisson")).set_parameters(
        [0.4, 0.6], [[0.9, 0.1], [0.2, 0.8]], [[0.3, 2.0], [1.0, 0.5]]
    )
    lists = [row.tolist() for row in rows]
    assert np.allclose(model.log_probability(rows), model.log_probability(lists))
    assert np.allclose(model.filtered(rows), model.filtered(lists))
    assert np.allclose(model.forecast(rows, 3), model.forecast(lists, 3))
    one = sq.PanelHMM(2, "poisson").set_parameters([0.4, 0.6], [[0.9, 0.1], [0.2, 0.8]], [[0.3, 2.0]])
    single = [row[:, 0] for row in rows]
    assert np.allclose(one.log_probability(single), one.log_probability([row.tolist() for row in single]))
    with pytest.raises(InputError, match="Step 1 of customer 0 is -1"):
        one.log_probability([np.array([1.0, -1.0])])
    with pytest.raises(InputError, match="Sequence 1 has shape"):
        one.log_probability([np.array([1.0]), np.ones((2, 3))])


@pytest.mark.unit
def test_a_large_panel_is_its_sequences():
    """Many equal histories, names out of order or twice, counts too large for a table: each row as alone."""
    rng = np.random.default_rng(6)
    pi, A, _ = random_model(rng, S=4)
    model = sq.PanelHMM(4).set_parameters(pi, A, [[0.1, 0.6, 2.0, 30.0]])
    rows = rng.poisson(rng.choice([0.1, 1.0, 40.0], 300)[:, None], (300, 4)).astype(float)
    rows[5, 2] = 3_000_000.0
    rows[7, 1:] = np.nan
    table = pd.DataFrame(rows, index=pd.Index(rng.permutation(300) // 2, name="who"))
    decoded, smoothed = model.decode(table), model.smoothed(table)
    assert len(decoded) == 300 * 4 - 3
    assert decoded.index.names == ["who", "step"]
    who = [name for name, row in zip(table.index, rows, strict=True) for _ in row[~np.isnan(row)]]
    assert decoded.index.get_level_values("who").tolist() == smoothed.index.get_level_values("who").tolist()
    assert decoded.index.get_level_values("who").tolist() == who
    ordered = model.decode(rows)
    assert ordered.index.equals(
        pd.MultiIndex.from_tuples([(i, t) for i, row in enumerate(rows) for t in np.flatnonzero(row == row)])
    )
    assert np.array_equal(ordered, decoded)
    with np.errstate(divide="ignore"):
        lpi, lA = np.log(pi), np.log(A)
    value, best, last = model.log_probability(rows), model.path_log_probability(rows), model.last_state(rows)
    for number, row in enumerate(rows):
        logs = lpi, lA, poisson.logpmf(row[~np.isnan(row)][:, None], model.emission_[0])
        path, own = sq.viterbi(*logs)
        assert ordered.loc[number].tolist() == path.tolist()
        assert np.isclose(best[number], own)
        assert np.isclose(value[number], sq.log_probability(*logs))
        assert np.allclose(last.loc[number], sq.posterior(*logs)[-1])


@pytest.mark.unit
def test_a_panel_may_come_as_lists_arrays_or_whole_numbers():
    model = sq.PanelHMM(2).set_parameters([0.4, 0.6], [[0.9, 0.1], [0.2, 0.8]], [[0.3, 2.0]])
    lists = [[1, None, 0], [2.0, 3], []]
    wanted = model.log_probability([[1, np.nan, 0], [2, 3], []])
    for panel in (
        lists,
        dict(enumerate(lists)),
        pd.Series(lists),
        [pd.array(row, dtype="Int64") for row in lists],
        pd.DataFrame([[1, np.nan, 0], [2, 3, np.nan], [np.nan] * 3]),
        pd.DataFrame([[1, None, 0], [2, 3, None], [None] * 3], dtype="Int64"),
    ):
        assert np.array_equal(model.log_probability(panel), wanted)
    whole = [np.array([1, 0]), np.array([2, 3])]
    assert np.array_equal(
        model.log_probability(whole), model.log_probability([row.tolist() for row in whole])
    )
    # labels among numbers: five channels, more combinations than a table can hold
    rng = np.random.default_rng(2)
    cells = rng.integers(0, 5000, (30, 3, 5))
    wide = sq.PanelHMM(1, ("poisson",) * 5).set_parameters([1], [[1]], [[2500.0]] * 5)
    assert np.allclose(wide.log_probability(cells), poisson.logpmf(cells, 2500.0).sum(axis=(1, 2)))
    mixed = sq.PanelHMM(1, ("categorical", "poisson")).set_parameters(
        [1], [[1]], [[[0.25, 0.75]], [2.0]], "ab"
    )
    assert np.isclose(
        mixed.log_probability([[["a", 1], [None, 3], ["b", None]]])[0],
        np.log(0.25 * 0.75) + poisson.logpmf([1, 3], 2.0).sum(),
    )
