"""Bandits: published formulas by hand and brute force, regret against the truth, bad input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.recommenders import (
    UCB,
    BernoulliArms,
    EpsilonGreedy,
    FixedArm,
    LinUCB,
    ThompsonSampling,
    lai_robbins_bound,
    probability_best,
    regret_curve,
    simulate_bandit,
)
from bigmkt_helpers.recommenders.bandits import BanditPolicy, bernoulli_divergence

pytestmark = pytest.mark.unit

MEANS = [0.5, 0.45, 0.4, 0.4, 0.3]
POLICIES = {
    "constant": lambda k, **kw: EpsilonGreedy(k, 0.1, **kw),
    "decaying": lambda k, **kw: EpsilonGreedy(k, "decaying", c=1, d=0.3, **kw),
    "ucb1": lambda k, **kw: UCB(k, **kw),
    "kl": lambda k, **kw: UCB(k, "kl", **kw),
    "thompson": lambda k, **kw: ThompsonSampling(k, **kw),
    "linear": lambda k, **kw: LinUCB(k, 2, **kw),
}


def rewards_table(n_rounds, means, seed):
    """What each arm would pay in each round."""
    return (np.random.default_rng(seed).random((n_rounds, len(means))) < means).astype(float)


# --- each policy against a plain version of its formula -----------------------------------------------------


def test_ucb1_against_a_plain_loop():
    pays = rewards_table(400, MEANS, seed=3)
    policy, n, total = UCB(5, ties="lowest"), [0] * 5, [0.0] * 5
    for t in range(400):
        index = [
            math.inf if n[a] == 0 else total[a] / n[a] + math.sqrt(2 * math.log(t) / n[a]) for a in range(5)
        ]
        expected = index.index(max(index))
        arm = policy.choose()
        assert arm == expected
        policy.update(arm, pays[t, arm])
        n[arm] += 1
        total[arm] += pays[t, arm]
    assert policy.pulls.tolist() == [n]


def test_greedy_against_a_plain_loop():
    pays = rewards_table(200, MEANS, seed=4)
    policy, n, total = EpsilonGreedy(5, epsilon=0, ties="lowest"), [0] * 5, [0.0] * 5
    for t in range(200):
        index = [math.inf if n[a] == 0 else total[a] / n[a] for a in range(5)]
        arm = policy.choose()
        assert arm == index.index(max(index))
        policy.update(arm, pays[t, arm])
        n[arm] += 1
        total[arm] += pays[t, arm]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 2000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    st.integers(1, 100_000),
    st.sampled_from([0.0, 3.0]),
)
def test_the_kl_bound_is_the_root(pair, t, c):
    n, clicks = pair
    policy = UCB(1, "kl", c=c)
    policy.pulls[:], policy.reward_sum[:], policy.t = n, clicks, t
    q, mean = policy.bounds()[0, 0], clicks / n
    budget = (math.log(t) + (c * math.log(math.log(t)) if math.log(t) > 1 else 0)) / n
    # bisection on the definition
    low, high = mean, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if bernoulli_divergence(mean, middle) <= budget else (low, middle)
    # a root within 1e-12 of 1 is given as that
    assert q == pytest.approx(low, abs=2e-5 if budget < 1e-9 else 1e-8)
    assert mean - 1e-12 <= q <= 1
    assert q <= mean + math.sqrt(budget / 2) + 1e-9  # Pinsker: never above a UCB of the same budget


def test_sherman_morrison_against_a_fresh_inverse():
    rng = np.random.default_rng(0)
    runs, arms, d, ridge = 3, 4, 5, 0.7
    policy = LinUCB(arms, d, alpha=1.3, ridge=ridge, n_runs=runs, random_state=1)
    matrix = np.tile(ridge * np.eye(d), (runs, arms, 1, 1))
    target = np.zeros((runs, arms, d))
    for _ in range(400):
        x = rng.normal(size=(runs, arms, d)) * [1, 10, 0.1, 1, 3]
        arm = policy.choose(x)
        reward = rng.integers(0, 2, runs)
        policy.update(arm, reward)
        for r in range(runs):
            row = x[r, arm[r]]
            matrix[r, arm[r]] += np.outer(row, row)
            target[r, arm[r]] += reward[r] * row
    inverse = np.linalg.inv(matrix)
    theta = np.linalg.solve(matrix, target[..., None])[..., 0]
    assert policy.inverse == pytest.approx(inverse, rel=1e-7, abs=1e-12)
    assert policy.coefficients == pytest.approx(theta, rel=1e-7, abs=1e-10)
    x = rng.normal(size=(runs, arms, d))
    bound = np.einsum("rkd,rkd->rk", x, theta) + 1.3 * np.sqrt(np.einsum("rkd,rkde,rke->rk", x, inverse, x))
    assert policy.bounds(x) == pytest.approx(bound)
    assert (policy.choose(x) == bound.argmax(axis=1)).all()


def test_linucb_one_step_by_hand():
    policy = LinUCB(2, 1, alpha=1.0, ties="lowest")
    # nothing known: both bounds are |x|; then A = 1 + 4 = 5, b = 2, theta = 0.4
    assert policy.bounds([2.0]).tolist() == [[2.0, 2.0]]
    policy.update(policy.choose([2.0]), 1.0)
    assert policy.bounds([2.0])[0] == pytest.approx([0.8 + 2 / math.sqrt(5), 2.0])
    # another round's context may be told; a reward of an arm that it did not choose, too
    policy.update(1, 0.0, contexts=[[9.0], [1.0]])
    assert policy.inverse.ravel() == pytest.approx([0.2, 0.5])


def test_thompson_draws_from_the_belief():
    n = 20_000
    policy = ThompsonSampling(3, prior=([1, 2, 1], [1, 3, 1]), n_runs=n, random_state=5)
    for arm, reward in [(0, 1.0), (0, 1.0), (0, 0.0), (2, 0.25)]:
        policy.update(np.full(n, arm), np.full(n, reward))
    a, b = policy.belief()
    assert a[0].tolist() == [3, 2, 1.25]
    assert b[0].tolist() == [2, 3, 1.75]
    # it plays an arm as often as that arm is the best one, within exact binomial bounds
    counts = np.bincount(policy.choose(), minlength=3)
    for count, p in zip(counts, probability_best(a[0], b[0]), strict=True):
        assert stats.binomtest(int(count), n, p).pvalue > 1e-4


def test_epsilon_falls_as_published():
    policy = EpsilonGreedy(4, "decaying", c=5, d=0.5)
    assert [policy.epsilon_at(t) for t in (1, 80, 160, 8000)] == [1, 1, 0.5, 0.01]
    assert EpsilonGreedy(4, 0.2).epsilon_at(10**6) == 0.2


@pytest.mark.parametrize("ties", ["random", "lowest"])
def test_epsilon_greedy_plays_its_propensities(ties):
    n = 20_000
    policy = EpsilonGreedy(4, 0.4, n_runs=n, ties=ties, random_state=9)
    for arm, reward in [(0, 0.0), (1, 1.0), (2, 0.5), (3, 1.0)]:
        policy.update(np.full(n, arm), np.full(n, reward))
    p = policy.probabilities()
    expected = [0.1, 0.4, 0.1, 0.4] if ties == "random" else [0.1, 0.7, 0.1, 0.1]
    assert p[0] == pytest.approx(expected)
    counts = np.bincount(policy.choose(), minlength=4)
    for count, share in zip(counts, expected, strict=True):
        assert stats.binomtest(int(count), n, share).pvalue > 1e-4


# --- the contract -------------------------------------------------------------------------------------------


@pytest.mark.contract
@pytest.mark.parametrize("name", POLICIES)
def test_one_run_is_the_simulation_with_one_run(name):
    """The policy that serves a shop and a run of the simulation choose the same arms."""
    rng = np.random.default_rng(0)
    one = POLICIES[name](3, random_state=7)
    rows = POLICIES[name](3, n_runs=1, random_state=7)
    for _ in range(150):
        x, reward = rng.random((3, 2)), float(rng.integers(0, 2))
        arm, arms = one.choose(x), rows.choose(x[None])
        assert isinstance(arm, int)
        assert arms.tolist() == [arm]
        one.update(arm, reward)
        rows.update(arms, [reward])
    assert (one.pulls == rows.pulls).all()
    assert one.t == rows.t == one.pulls.sum() == 150


@pytest.mark.contract
@pytest.mark.parametrize("name", POLICIES)
def test_runs_do_not_see_each_other(name):
    """A run whose arms always pay next to one whose arms never pay: sums, counts and beliefs stay apart."""
    policy = POLICIES[name](3, n_runs=2, random_state=2)
    for _ in range(60):
        policy.update(policy.choose(np.ones((2, 2))), np.array([1.0, 0.0]))
    assert policy.pulls.sum(axis=1).tolist() == [60, 60]
    assert policy.reward_sum[0].sum() == 60
    assert policy.reward_sum[1].sum() == 0


@pytest.mark.contract
@pytest.mark.parametrize("name", POLICIES)
def test_names_of_arms_do_not_matter(name):
    """With ties by lot every arm of equal arms is played first equally often."""
    n = 4_000
    counts = np.bincount(POLICIES[name](4, n_runs=n, random_state=3).choose(np.ones((n, 2))), minlength=4)
    assert stats.chisquare(counts).pvalue > 1e-4
    # and with "lowest" the first of equals
    if name in ("ucb1", "kl", "linear"):
        assert (POLICIES[name](4, n_runs=3, ties="lowest").choose(np.ones((3, 2))) == 0).all()


def test_every_arm_is_tried_once_first():
    for index in ("ucb1", "kl"):
        policy = UCB(6, index, n_runs=10, random_state=1)
        for _ in range(6):
            policy.update(policy.choose(), np.zeros(10))
        assert (policy.pulls == 1).all()


def test_the_seed_decides():
    def regrets(seed, world):
        policy = ThompsonSampling(5, n_runs=20, random_state=seed)
        return simulate_bandit(policy, BernoulliArms(MEANS), 200, random_state=world).regret

    assert (regrets(1, 2) == regrets(1, 2)).all()
    assert (regrets(1, 2) != regrets(2, 2)).any()
    assert (regrets(1, 2) != regrets(1, 3)).any()


# --- the simulation -----------------------------------------------------------------------------------------


def test_a_fixed_arm_by_hand():
    runs = simulate_bandit(FixedArm(3, 1, n_runs=400), BernoulliArms([0.2, 0.5, 0.9]), 50, record=[1, 10, 50])
    assert runs.regret == pytest.approx(np.tile([0.4, 4.0, 20.0], (400, 1)))
    assert runs.expected[0] == pytest.approx([0.5, 5, 25])
    assert runs.pulls.tolist() == [[0, 50, 0]] * 400
    assert stats.binomtest(int(runs.rewards[:, -1].sum()), 400 * 50, 0.5).pvalue > 1e-4
    assert simulate_bandit(FixedArm(3, 2), BernoulliArms([0.2, 0.5, 0.9]), 9).regret.max() == 0


def test_the_curve_by_hand():
    runs = simulate_bandit(FixedArm(2, 0, n_runs=3), BernoulliArms([0.0, 1.0]), 2)
    runs.regret[:] = [[1, 2], [2, 2], [3, 2]]
    curve = regret_curve(runs)
    half = 4.302653 / math.sqrt(3)  # Student, two degrees of freedom, standard deviation 1
    assert curve.to_numpy() == pytest.approx(np.array([[1, 2, 2 - half, 2 + half], [2, 2, 2, 2]]), abs=1e-5)


def test_paired_luck():
    """Policies in the same world meet the same rewards: two that play the same arm get the same."""
    first = simulate_bandit(FixedArm(2, 0, n_runs=5), BernoulliArms([0.4, 0.4]), 30, random_state=8)
    other = simulate_bandit(FixedArm(2, 1, n_runs=5), BernoulliArms([0.4, 0.4]), 30, random_state=8)
    assert (first.rewards == other.rewards).all()


@pytest.fixture(scope="module")
def curves():
    return {
        name: regret_curve(
            simulate_bandit(
                make(5, n_runs=100, random_state=1), BernoulliArms(MEANS), 4_000, [1_000, 2_000, 4_000]
            )
        )
        for name, make in POLICIES.items()
        if name != "linear"
    }


@pytest.mark.recovery
def test_regret_against_the_known_truth(curves):
    """Every policy learns; regret never falls; the orders that theory gives appear."""
    even = 4_000 * (max(MEANS) - np.mean(MEANS))
    for name, curve in curves.items():
        assert curve["high"].iloc[-1] < 0.8 * even, name
        assert curve["regret"].is_monotonic_increasing
    last = {name: curve.iloc[-1] for name, curve in curves.items()}
    assert last["kl"]["high"] < last["ucb1"]["low"]
    assert last["thompson"]["high"] < last["kl"]["low"]


@pytest.mark.recovery
def test_constant_exploration_pays_for_ever():
    """In the long run ε-greedy loses ε · mean gap in each round, and logarithmic policies less and less."""
    rounds = [4_000, 8_000]
    runs = simulate_bandit(EpsilonGreedy(3, 0.2, n_runs=60), BernoulliArms([0.9, 0.3, 0.3]), 8_000, rounds)
    slope = np.diff(runs.regret, axis=1).mean() / 4_000
    assert slope == pytest.approx(0.2 * 2 / 3 * 0.6, rel=0.02)
    runs = simulate_bandit(UCB(3, "kl", n_runs=60), BernoulliArms([0.9, 0.3, 0.3]), 8_000, rounds)
    assert np.diff(runs.regret, axis=1).mean() / 4_000 < 0.001


@pytest.mark.recovery
def test_kl_ucb_grows_as_lai_and_robbins_say():
    """Far out the regret of KL-UCB grows nearly with the bound's factor of ln t, that of UCB1 faster."""
    means, rounds = [0.8, 0.5], [1_000, 10_000]
    factor = lai_robbins_bound(means)
    growth = {}
    for index in ("kl", "ucb1"):
        runs = simulate_bandit(
            UCB(2, index, n_runs=200, random_state=4), BernoulliArms(means), 10_000, rounds
        )
        growth[index] = np.diff(runs.regret, axis=1)[:, 0] / math.log(10)
    error = growth["kl"].std(ddof=1) / math.sqrt(200)
    assert 0.5 * factor < growth["kl"].mean() < 1.6 * factor
    assert growth["kl"].mean() + 4 * error < growth["ucb1"].mean()


class TwoKinds:
    """Two kinds of visitors, each clicks on its own tile; the context says which."""

    n_arms = 2

    def offer(self, generator, n_runs):
        """Contexts (n_runs, 2) and click rates."""
        kind = generator.integers(2, size=n_runs)
        return np.column_stack([kind, np.ones(n_runs)]), np.where(kind[:, None] == [0, 1], 0.6, 0.1)


@pytest.mark.recovery
def test_contexts_help_where_no_single_arm_is_best():
    linear = simulate_bandit(LinUCB(2, 2, n_runs=30), TwoKinds(), 1_000)
    plain = simulate_bandit(ThompsonSampling(2, n_runs=30), TwoKinds(), 1_000)
    assert regret_curve(plain)["regret"].iloc[-1] == pytest.approx(250, rel=0.1)
    assert regret_curve(linear)["high"].iloc[-1] < 60


# --- the bound and the probability of being best ------------------------------------------------------------


def test_the_bound_by_hand():
    d = 0.8 * math.log(0.8 / 0.9) + 0.2 * math.log(0.2 / 0.1)
    assert lai_robbins_bound([0.9, 0.8, 0.9]) == pytest.approx(0.1 / d)
    assert lai_robbins_bound([0.8, 0.9, 0.8], [1, math.e**2]) == pytest.approx([0, 0.4 / d])
    assert lai_robbins_bound([0.3, 0.3]) == 0
    assert lai_robbins_bound([1.0, 0.5]) == 0  # a single 0 shows that an arm is not the one that always pays
    assert lai_robbins_bound([0.5, 0.0]) == pytest.approx(0.5 / math.log(2))
    assert bernoulli_divergence(0.0, 0.0) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6), st.randoms())
def test_the_bound_does_not_know_names(means, random):
    shuffled = means.copy()
    random.shuffle(shuffled)
    assert lai_robbins_bound(means) == pytest.approx(lai_robbins_bound(shuffled))
    assert lai_robbins_bound(means) >= 0


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 60)] * 4))
def test_probability_best_of_two_in_closed_form(parameters):
    """P(second > first) = Σ_{i < a2} B(a1 + i, b1 + b2) / ((b2 + i) B(1 + i, b2) B(a1, b1))."""
    a1, b1, a2, b2 = parameters

    def log_beta(x, y):
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    second = sum(
        math.exp(log_beta(a1 + i, b1 + b2) - math.log(b2 + i) - log_beta(1 + i, b2) - log_beta(a1, b1))
        for i in range(a2)
    )
    assert probability_best([a1, a2], [b1, b2]) == pytest.approx([1 - second, second], abs=1e-9)


def test_probability_best_against_quadrature_and_draws():
    a, b = np.array([3.0, 30.5, 0.5]), np.array([7.0, 60.0, 0.5])
    p = probability_best(a, b)
    assert p.sum() == pytest.approx(1)
    expected = integrate.quad(
        lambda x: stats.beta.pdf(x, 3, 7) * stats.beta.cdf(x, 30.5, 60) * stats.beta.cdf(x, 0.5, 0.5), 0, 1
    )[0]
    assert p[0] == pytest.approx(expected, abs=1e-6)
    best = np.random.default_rng(0).beta(a, b, size=(40_000, 3)).argmax(axis=1)
    for count, share in zip(np.bincount(best, minlength=3), p, strict=True):
        assert stats.binomtest(int(count), 40_000, share).pvalue > 1e-4
    # equal arms, names exchanged, one arm, and arms as sure as ten million showings make them
    assert probability_best([4] * 5, [9] * 5) == pytest.approx([0.2] * 5)
    assert probability_best(a[::-1], b[::-1]) == pytest.approx(p[::-1])
    assert probability_best([2], [3]).tolist() == [1]
    assert probability_best([5e6, 5.01e6], [5e6, 4.99e6]) == pytest.approx([0, 1], abs=1e-3)


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UCB(0), "n_arms is 0"),
        (lambda: UCB(True), "n_arms is True"),
        (lambda: UCB(2, n_runs=0), "n_runs is 0"),
        (lambda: UCB(2, "ucb2"), "'ucb1' or 'kl'"),
        (lambda: UCB(2, ties="first"), "'random' or 'lowest'"),
        (lambda: UCB(2, random_state=-1), "random_state is -1"),
        (lambda: EpsilonGreedy(2, 1.1), "epsilon is 1.1"),
        (lambda: EpsilonGreedy(2, "fading"), "epsilon is 'fading'"),
        (lambda: EpsilonGreedy(2, "decaying", d=0), "d is 0"),
        (lambda: ThompsonSampling(2, prior=(0, 1)), "above 0"),
        (lambda: ThompsonSampling(2, prior=([1, 1, 1], 1)), "two arrays of 2"),
        (lambda: LinUCB(2, 3, ridge=0), "ridge is 0"),
        (lambda: LinUCB(2, 3, alpha=float("nan")), "alpha is nan"),
        (lambda: LinUCB(2, 3).choose(), "needs the contexts"),
        (lambda: LinUCB(2, 3).choose([1, 2]), r"shape \(2,\): give \(3,\) or \(2, 3\)"),
        (lambda: LinUCB(2, 3).choose([1, 2, float("nan")]), "missing or infinite"),
        (lambda: LinUCB(2, 2).choose(["tea", "pot"]), "not a number"),
        (lambda: LinUCB(2, 3).update(0, 1), "does not know the contexts"),
        (lambda: FixedArm(2, 2), "arms are 0 … 1"),
        (lambda: UCB(2).update(2, 1), "not one of 0 … 1"),
        (lambda: UCB(2).update(-1, 1), "not one of 0 … 1"),
        (lambda: UCB(2).update(0.5, 1), "not one of 0 … 1"),
        (lambda: UCB(2).update(0, float("nan")), "missing or outside"),
        (lambda: UCB(2).update(0, 3), "missing or outside"),
        (lambda: UCB(2, n_runs=3).update([0, 1], [1, 1]), "one of each per run"),
        (lambda: BernoulliArms([0.5, 1.5]), "from 0 to 1"),
        (lambda: BernoulliArms([]), "from 0 to 1"),
        (lambda: BernoulliArms(["tea"]), "not a number"),
        (lambda: BernoulliArms([float("nan")]), "from 0 to 1"),
        (lambda: simulate_bandit(UCB(2), BernoulliArms([0.5]), 5), "2 arms and the environment 1"),
        (lambda: simulate_bandit(UCB(1), BernoulliArms([0.5]), 5, record=[6]), "between 1 and 5"),
        (lambda: simulate_bandit(UCB(1), BernoulliArms([0.5]), 0), "n_rounds is 0"),
        (lambda: regret_curve(simulate_bandit(UCB(1), BernoulliArms([0.5]), 5)), "at least two runs"),
        (lambda: lai_robbins_bound([0.5, 0.4], [0]), "1 or more"),
        (lambda: probability_best([1, 2], [1]), "same length"),
        (lambda: probability_best([1, 0], [1, 1]), "above 0"),
        (lambda: probability_best([1, np.inf], [1, 1]), "infinite"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_base_class_chooses_nothing():
    with pytest.raises(NotImplementedError):
        BanditPolicy(2).choose()
    assert repr(UCB(2, n_runs=3)) == "UCB(n_arms=2, n_runs=3, t=0)"
