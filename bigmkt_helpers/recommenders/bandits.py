"""Bandits: which tile to show when only the tile that is shown can teach anything.

A policy is asked ``choose(contexts) -> arm`` and told ``update(arm, reward)``.  Every policy keeps its
state as arrays with one row per independent run, so the policy that serves one shop (``n_runs=None``) and the
simulation of hundreds of runs at once are the same code.  Rewards lie between 0 and 1; in the course a reward
is a click (1) or none (0).

Regret is counted in expected rewards, Σ (p of the best arm − p of the chosen arm), so the coins of the
rewards add no noise of their own to it.  With contexts the best arm is that of each round.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy import special, stats

from bigmkt_helpers.errors import InputError

__all__ = [
    "UCB",
    "BanditPolicy",
    "BanditRuns",
    "BernoulliArms",
    "EpsilonGreedy",
    "FixedArm",
    "LinUCB",
    "ThompsonSampling",
    "bernoulli_divergence",
    "lai_robbins_bound",
    "probability_best",
    "regret_curve",
    "simulate_bandit",
]


def _whole(value, name, least):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} is {value!r}: give a whole number of at least {least}.")
    return int(value)


def _real(value, name, low, high=np.inf):
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        span = f"at least {low:g}" if high == np.inf else f"between {low:g} and {high:g}"
        raise InputError(f"{name} is {value!r}: give a number {span}.")
    return float(value)


def _generator(seed):
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(_whole(seed, "random_state", 0))))


# --- policies -----------------------------------------------------------------------------------------------


class BanditPolicy:
    """What all policies share: counts and sums of rewards, one row per run, and how ties are broken.

    Parameters
    ----------
    n_arms : int
    n_runs : int, optional
        Number of independent runs that are played side by side; without it the policy plays one run, and
        arms and rewards are plain numbers.
    ties : {"random", "lowest"}
        Which of several equally good arms is chosen: one by lot, or the first.
    random_state : int or numpy.random.Generator
        Seed of numpy's PCG64.

    Attributes
    ----------
    pulls : int array (n_runs, n_arms)
        How often each arm was chosen and answered.
    reward_sum : array (n_runs, n_arms)
    t : int
        Rounds answered so far.

    Raises
    ------
    InputError
        Arguments out of range; in ``update`` an arm that does not exist, or a reward that is missing or
        outside [0, 1]: a reward that never came is no reward of 0, so leave such rounds out.
    """

    def __init__(self, n_arms, n_runs=None, ties="random", random_state=0):
        self.n_arms = _whole(n_arms, "n_arms", 1)
        self.n_runs = None if n_runs is None else _whole(n_runs, "n_runs", 1)
        if ties not in ("random", "lowest"):
            raise InputError(f"ties is {ties!r}: give 'random' or 'lowest'.")
        self.ties = ties
        self._draw = _generator(random_state)
        rows = self.n_runs or 1
        self._rows = np.arange(rows)
        self.pulls = np.zeros((rows, self.n_arms), dtype=np.int64)
        self.reward_sum = np.zeros((rows, self.n_arms))
        self.t = 0

    def choose(self, contexts=None):
        """The arm to play now.

        Parameters
        ----------
        contexts : array, optional
            What is known of the round; policies without contexts take no notice of it.

        Returns
        -------
        int, or int array (n_runs,)
        """
        arm = self._choose(contexts)
        return int(arm[0]) if self.n_runs is None else arm

    def update(self, arm, reward, contexts=None):
        """Learn from the reward of an arm; returns the policy.

        Parameters
        ----------
        arm : int, or int array (n_runs,)
            It need not be the arm that the policy chose.
        reward : float, or array (n_runs,)
            Between 0 and 1.
        contexts : array, optional
            The contexts of the round; those of the last ``choose`` without it.
        """
        rows = len(self._rows)
        arm, reward = np.atleast_1d(arm), np.atleast_1d(reward)
        if arm.shape != (rows,) or reward.shape != (rows,):
            raise InputError(
                f"update got {arm.shape} arms and {reward.shape} rewards for {rows} runs: "
                "give one of each per run."
            )
        if arm.dtype.kind not in "iu" or arm.min() < 0 or arm.max() >= self.n_arms:
            raise InputError(f"update got an arm that is not one of 0 … {self.n_arms - 1}.")
        reward = reward.astype(float)
        # written so that a missing reward fails too
        if not (reward.min() >= 0 and reward.max() <= 1):
            raise InputError(
                "update got a reward that is missing or outside 0 … 1: scale rewards to that range and leave "
                "rounds without an answer out."
            )
        self._learn(arm, reward, contexts)
        self.pulls[self._rows, arm] += 1
        self.reward_sum[self._rows, arm] += reward
        self.t += 1
        return self

    def means(self):
        """Mean reward of each arm so far, (n_runs, n_arms); +∞ for an arm never tried."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.pulls > 0, self.reward_sum / self.pulls, np.inf)

    def _choose(self, contexts):
        raise NotImplementedError

    def _learn(self, arm, reward, contexts):
        """What a policy learns beyond counts and sums."""

    def _best(self, index):
        """Place of the largest index in each row, ties as stated."""
        if self.ties == "lowest":
            return index.argmax(axis=1)
        best = index == index.max(axis=1, keepdims=True)
        equals = best.sum(axis=1)
        arm = best.argmax(axis=1)
        tied = np.flatnonzero(equals > 1)
        if len(tied):
            wanted = 1 + np.floor(self._draw.random(len(tied)) * equals[tied]).astype(np.int64)
            arm[tied] = (best[tied].cumsum(axis=1) >= wanted[:, None]).argmax(axis=1)
        return arm

    def __repr__(self):
        runs = "" if self.n_runs is None else f", n_runs={self.n_runs}"
        return f"{type(self).__name__}(n_arms={self.n_arms}{runs}, t={self.t})"


class FixedArm(BanditPolicy):
    """Always the same arm: what a shop does that puts one banner up and leaves it there.

    Parameters
    ----------
    n_arms : int
    arm : int
    n_runs, random_state
        As in `BanditPolicy`.

    Examples
    --------
    >>> FixedArm(3, arm=2).choose()
    2
    """

    def __init__(self, n_arms, arm=0, n_runs=None, random_state=0):
        super().__init__(n_arms, n_runs, "lowest", random_state)
        self.arm = _whole(arm, "arm", 0)
        if self.arm >= self.n_arms:
            raise InputError(f"arm is {arm}: the arms are 0 … {self.n_arms - 1}.")

    def _choose(self, contexts):
        return np.full(len(self._rows), self.arm)


class EpsilonGreedy(BanditPolicy):
    """With probability ε any arm by lot, otherwise the arm with the best mean so far.

    An arm that was never tried counts as the best. ε is constant, or falls as min(1, c·K / (d²·t)) in round
    t = 1, 2, …, the εₙ-greedy of Auer, Cesa-Bianchi and Fischer (2002); there d is a lower bound on the gap
    between the best arm and the next one, which a shop has to guess.

    Parameters
    ----------
    n_arms : int
    epsilon : float or "decaying"
        Between 0 and 1.
    c, d : float
        Of the decaying ε: c > 0, 0 < d ≤ 1.
    n_runs, ties, random_state
        As in `BanditPolicy`.

    References
    ----------
    Auer, P., Cesa-Bianchi, N., & Fischer, P. (2002). Finite-time analysis of the multiarmed bandit problem.
    Machine Learning, 47(2-3), 235-256.

    Examples
    --------
    >>> policy = EpsilonGreedy(2, epsilon=0.1, ties="lowest")
    >>> _ = policy.update(0, 0.0), policy.update(1, 1.0)
    >>> policy.probabilities().round(9)
    array([[0.05, 0.95]])
    >>> EpsilonGreedy(2, "decaying", c=1, d=0.5).epsilon_at(16)
    0.5
    """

    def __init__(self, n_arms, epsilon=0.1, c=5.0, d=0.1, n_runs=None, ties="random", random_state=0):
        super().__init__(n_arms, n_runs, ties, random_state)
        if epsilon != "decaying":
            epsilon = _real(epsilon, "epsilon", 0, 1)
        self.epsilon, self.c, self.d = epsilon, _real(c, "c", 0), _real(d, "d", 0, 1)
        if self.d == 0:
            raise InputError("d is 0: give the gap that ε should be made for, above 0.")

    def epsilon_at(self, t) -> float:
        """ε in round t = 1, 2, …"""
        if self.epsilon == "decaying":
            return min(1.0, self.c * self.n_arms / (self.d**2 * t))
        return self.epsilon

    def probabilities(self):
        """Probability of each arm in the next round, (n_runs, n_arms): the propensities to be logged."""
        means = self.means()
        best = means == means.max(axis=1, keepdims=True)
        if self.ties == "lowest":
            best &= best.cumsum(axis=1) == 1
        epsilon = self.epsilon_at(self.t + 1)
        return epsilon / self.n_arms + (1 - epsilon) * best / best.sum(axis=1, keepdims=True)

    def _choose(self, contexts):
        rows = len(self._rows)
        lot, other = self._draw.random(rows), self._draw.integers(self.n_arms, size=rows)
        return np.where(lot < self.epsilon_at(self.t + 1), other, self._best(self.means()))


class UCB(BanditPolicy):
    """The arm with the highest upper confidence bound; every arm is tried once first.

    ``index="ucb1"``: mean + scale·sqrt(2·ln t / pulls), t the rounds played so far (Auer et al. 2002, with
    scale 1). ``index="kl"``: the largest q with pulls · KL(mean, q) ≤ ln t + c·ln ln t, KL the divergence
    between coins. For rewards of 0 and 1 its regret meets the bound of Lai and Robbins in the limit (Garivier
    & Cappé 2011, who recommend c = 0 in practice). The limit is far off: with arms of 0.9 and 0.8 the regret
    still grows by 3.3 ± 0.4 for each unit of ln t between rounds 10⁴ and 10⁵ (measured, 200 runs), and the
    bound by 2.25.

    Parameters
    ----------
    n_arms : int
    index : {"ucb1", "kl"}
    scale : float
        Width of the UCB1 bound; 1 is the published policy, less is bolder.
    c : float
        Of the KL bound.
    n_runs, ties, random_state
        As in `BanditPolicy`.

    References
    ----------
    Auer et al. (2002), see `EpsilonGreedy`.
    Garivier, A., & Cappé, O. (2011). The KL-UCB algorithm for bounded stochastic bandits and beyond.
    Proceedings of Machine Learning Research, 19, 359-376.

    Examples
    --------
    >>> policy = UCB(2, ties="lowest")
    >>> for reward in (1.0, 0.0, 1.0):
    ...     _ = policy.update(policy.choose(), reward)
    >>> policy.bounds().round(3)          # 1 + sqrt(2 ln 3 / 2) and 0 + sqrt(2 ln 3 / 1)
    array([[2.048, 1.482]])
    """

    def __init__(self, n_arms, index="ucb1", scale=1.0, c=0.0, n_runs=None, ties="random", random_state=0):
        super().__init__(n_arms, n_runs, ties, random_state)
        if index not in ("ucb1", "kl"):
            raise InputError(f"index is {index!r}: give 'ucb1' or 'kl'.")
        self.index, self.scale, self.c = index, _real(scale, "scale", 0), _real(c, "c", 0)

    def bounds(self):
        """Upper confidence bounds, (n_runs, n_arms); +∞ for an arm never tried."""
        tried = self.pulls > 0
        pulls = np.where(tried, self.pulls, 1)
        log_t = np.log(max(self.t, 1))
        if self.index == "ucb1":
            bound = self.reward_sum / pulls + self.scale * np.sqrt(2 * log_t / pulls)
        else:
            budget = log_t + (self.c * np.log(log_t) if log_t > 1 else 0.0)
            bound = _kl_bound(self.reward_sum / pulls, budget / pulls)
        return np.where(tried, bound, np.inf)

    def _choose(self, contexts):
        return self._best(self.bounds())


def _kl_bound(mean, budget):
    """Largest q ≥ mean with KL(mean, q) ≤ budget, by Newton's method.

    KL(mean, ·) is convex and rising on the right of the mean, so Newton's steps from the right of the root
    come down to it and never pass it.  Two bounds give the start: Pinsker's, and KL(p, q) ≥ −h(p) − (1 − p)
    ln(1 − q) with the entropy h.
    """
    entropy = special.entr(mean) + special.entr(1 - mean)
    rest = np.maximum(1 - mean, 1e-12)
    upper = np.minimum(mean + np.sqrt(budget / 2), -np.expm1(-(budget + entropy) / rest))
    q = np.clip(upper, np.maximum(mean, 1e-12), 1 - 1e-12)
    for _ in range(30):
        excess = -entropy - mean * np.log(q) - rest * np.log1p(-q) - budget
        # at the mean itself the slope is 0: the root is there (a budget of 0)
        step = excess * q * (1 - q) / np.maximum(q - mean, 1e-12)
        new = np.clip(q - step, np.maximum(mean, 1e-12), q)
        done = (q - new).max() < 1e-9
        q = new
        if done:
            break
    return np.where(mean >= 1, 1.0, q)


class ThompsonSampling(BanditPolicy):
    """Draw a click rate for each arm from what is believed of it, and play the highest draw.

    The belief is a beta distribution: before anything is seen Beta(a, b), then Beta(a + clicks, b + others).
    A reward strictly between 0 and 1 counts as that part of a click.

    Parameters
    ----------
    n_arms : int
    prior : (float, float)
        a and b, above 0; (1, 1) is the uniform distribution. Two arrays of length n_arms give each arm its
        own, which is how knowledge of similar items enters.
    n_runs, ties, random_state
        As in `BanditPolicy`.

    References
    ----------
    Chapelle, O., & Li, L. (2011). An empirical evaluation of Thompson sampling. Advances in Neural
    Information Processing Systems, 24, 2249-2257.

    Examples
    --------
    >>> policy = ThompsonSampling(2, random_state=1)
    >>> for arm, reward in [(0, 0), (0, 0), (1, 1), (1, 1)]:
    ...     _ = policy.update(arm, reward)
    >>> policy.belief()
    (array([[1., 3.]]), array([[3., 1.]]))
    """

    def __init__(self, n_arms, prior=(1.0, 1.0), n_runs=None, ties="random", random_state=0):
        super().__init__(n_arms, n_runs, ties, random_state)
        try:
            a, b = (np.broadcast_to(np.asarray(part, dtype=float), (self.n_arms,)) for part in prior)
        except (TypeError, ValueError) as error:
            raise InputError(f"prior is {prior!r}: give two numbers, or two arrays of {n_arms}.") from error
        if not (min(a.min(), b.min()) > 0 and np.isfinite([a, b]).all()):
            raise InputError(f"prior is {prior!r}: both parameters must be above 0.")
        self.prior = a, b

    def belief(self):
        """Both parameters of the beta distribution of each arm, each (n_runs, n_arms)."""
        return self.prior[0] + self.reward_sum, self.prior[1] + self.pulls - self.reward_sum

    def _choose(self, contexts):
        return self._best(self._draw.beta(*self.belief()))


class LinUCB(BanditPolicy):
    """The arm with the highest upper bound of a linear forecast from the context (disjoint models).

    Each arm a has its own ridge regression θ_a = A_a⁻¹ b_a with A_a = ridge·I + Σ x xᵀ and b_a = Σ r x; the
    bound is xᵀθ_a + alpha·sqrt(xᵀ A_a⁻¹ x) (Li et al. 2010, algorithm 1, there with ridge 1). A⁻¹ is carried
    along by the formula of Sherman and Morrison: A⁻¹ − (A⁻¹x)(A⁻¹x)ᵀ / (1 + xᵀA⁻¹x).

    Parameters
    ----------
    n_arms : int
    n_features : int
    alpha : float
        Width of the bound; 0 never explores on purpose.
    ridge : float
        Above 0.
    n_runs, ties, random_state
        As in `BanditPolicy`.

    Attributes
    ----------
    inverse : array (n_runs, n_arms, n_features, n_features)
        A⁻¹ of each arm.
    coefficients : array (n_runs, n_arms, n_features)
        θ of each arm.

    Raises
    ------
    InputError
        Besides those of `BanditPolicy`: contexts that are missing, of a wrong shape, or not finite.

    References
    ----------
    Li, L., Chu, W., Langford, J., & Schapire, R. E. (2010). A contextual-bandit approach to personalized news
    article recommendation. Proceedings of the 19th International Conference on World Wide Web, 661-670.

    Examples
    --------
    A context is one vector for all arms, or one row per arm; the last number here is a constant.

    >>> policy = LinUCB(2, n_features=2, alpha=0.5, ties="lowest")
    >>> for likes_tea in [1.0, 0.0] * 10:
    ...     context = [likes_tea, 1.0]
    ...     arm = policy.choose(context)
    ...     _ = policy.update(arm, float(arm == likes_tea))
    >>> policy.choose([1.0, 1.0]), policy.choose([0.0, 1.0])
    (1, 0)
    """

    def __init__(self, n_arms, n_features, alpha=1.0, ridge=1.0, n_runs=None, ties="random", random_state=0):
        super().__init__(n_arms, n_runs, ties, random_state)
        self.n_features = _whole(n_features, "n_features", 1)
        self.alpha, self.ridge = _real(alpha, "alpha", 0), _real(ridge, "ridge", 0)
        if self.ridge == 0:
            raise InputError("ridge is 0: give a number above 0, so that there is a forecast from the start.")
        rows = len(self._rows)
        eye = np.eye(self.n_features) / self.ridge
        self.inverse = np.tile(eye, (rows, self.n_arms, 1, 1))
        self.coefficients = np.zeros((rows, self.n_arms, self.n_features))
        self._target = np.zeros((rows, self.n_arms, self.n_features))
        self._last = None

    def bounds(self, contexts):
        """Upper bound of each arm's expected reward, (n_runs, n_arms)."""
        x = self._read(contexts)
        mean = np.einsum("rkd,rkd->rk", x, self.coefficients)
        spread = np.matmul(self.inverse, x[..., None])[..., 0]
        return mean + self.alpha * np.sqrt(np.maximum(np.einsum("rkd,rkd->rk", x, spread), 0))

    def forecast(self, contexts):
        """Expected reward of each arm by its regression, (n_runs, n_arms)."""
        return np.einsum("rkd,rkd->rk", self._read(contexts), self.coefficients)

    def _read(self, contexts):
        if contexts is None:
            raise InputError("LinUCB needs the contexts of the round: choose(contexts).")
        try:
            x = np.asarray(contexts, dtype=float)
        except (TypeError, ValueError) as error:
            raise InputError(f"The contexts hold something that is not a number ({error}).") from error
        rows, arms, d = len(self._rows), self.n_arms, self.n_features
        if self.n_runs is None:
            x = x[None]
        if x.shape not in ((rows, d), (rows, arms, d)):
            lead = () if self.n_runs is None else (rows,)
            raise InputError(
                f"The contexts have shape {np.shape(contexts)}: give {(*lead, d)} or {(*lead, arms, d)}."
            )
        if not np.isfinite(x).all():
            raise InputError("The contexts hold a value that is missing or infinite: fill or drop it first.")
        return np.broadcast_to(x[:, None], (rows, arms, d)) if x.ndim == 2 else x

    def _choose(self, contexts):
        arm = self._best(self.bounds(contexts))
        self._last = contexts
        return arm

    def _learn(self, arm, reward, contexts):
        if contexts is None and self._last is None:
            raise InputError("LinUCB does not know the contexts of this round: give them to update.")
        x = self._read(self._last if contexts is None else contexts)[self._rows, arm]
        inverse = self.inverse[self._rows, arm]
        ax = np.einsum("rij,rj->ri", inverse, x)
        inverse -= ax[:, :, None] * (ax / (1 + (ax * x).sum(axis=1, keepdims=True)))[:, None, :]
        self._target[self._rows, arm] += reward[:, None] * x
        self.inverse[self._rows, arm] = inverse
        self.coefficients[self._rows, arm] = np.einsum("rij,rj->ri", inverse, self._target[self._rows, arm])


# --- simulation ---------------------------------------------------------------------------------------------


class BernoulliArms:
    """Arms that pay 1 with a fixed probability each, and 0 otherwise.

    An environment has ``n_arms`` and ``offer(generator, n_runs)``, which gives the contexts of one round
    (or None) and the probability of a reward of 1, of shape (n_runs, n_arms) or (n_arms,).

    Parameters
    ----------
    means : sequence of float
        Between 0 and 1.

    Examples
    --------
    >>> BernoulliArms([0.1, 0.2]).n_arms
    2
    """

    def __init__(self, means):
        self.means = _means(means)
        self.n_arms = len(self.means)

    def offer(self, generator, n_runs):
        """No contexts, and the same probabilities in every round."""
        return None, self.means


def _means(values):
    try:
        means = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"The means hold something that is not a number ({error}).") from error
    if means.ndim != 1 or not len(means) or not ((means >= 0) & (means <= 1)).all():
        raise InputError(f"The means are {values!r}: give one probability, from 0 to 1, for each arm.")
    return means


@dataclass(frozen=True, eq=False)
class BanditRuns:
    """What came of a simulation.

    Attributes
    ----------
    rounds : int array (m,)
        The rounds at which the runs were looked at.
    regret : array (n_runs, m)
        Cumulative expected regret after each of these rounds.
    rewards : array (n_runs, m)
        Cumulative rewards.
    expected : array (n_runs, m)
        Cumulative expected rewards of the chosen arms.
    pulls : int array (n_runs, n_arms)
        How often each arm was chosen in the simulation.
    """

    rounds: np.ndarray
    regret: np.ndarray
    rewards: np.ndarray
    expected: np.ndarray
    pulls: np.ndarray


def simulate_bandit(policy, environment, n_rounds, record=None, random_state=0) -> BanditRuns:
    """Let a policy play against an environment, all its runs side by side.

    Two policies that are simulated with the same `random_state` meet the same rounds with the same luck, so
    their difference is a paired one.

    Parameters
    ----------
    policy : BanditPolicy
        It plays on from where it is: hand in a new one.
    environment : object
        With ``n_arms`` and ``offer``, see `BernoulliArms`.
    n_rounds : int
    record : sequence of int, optional
        Rounds at which to look; by default the first hundred and some 200 more, geometrically spaced.
    random_state : int

    Returns
    -------
    BanditRuns

    Raises
    ------
    InputError
        Another number of arms in policy and environment; a round to look at that is not played.

    Examples
    --------
    >>> runs = simulate_bandit(ThompsonSampling(2, n_runs=50), BernoulliArms([0.2, 0.5]), 500)
    >>> runs.regret.shape[0], bool(runs.regret[:, -1].mean() < 0.3 * 500 / 4)
    (50, True)
    """
    n_rounds = _whole(n_rounds, "n_rounds", 1)
    if policy.n_arms != environment.n_arms:
        raise InputError(f"The policy has {policy.n_arms} arms and the environment {environment.n_arms}.")
    if record is None:
        record = (
            [*range(1, 101), *np.geomspace(100, n_rounds, 201).round()]
            if n_rounds > 100
            else range(1, n_rounds + 1)
        )
    rounds = np.unique(np.asarray(record, dtype=np.int64))
    if not len(rounds) or rounds[0] < 1 or rounds[-1] > n_rounds:
        raise InputError(f"record must name rounds between 1 and {n_rounds}.")
    n_runs, single = policy.n_runs or 1, policy.n_runs is None
    rows = np.arange(n_runs)
    world = _generator(random_state)
    total = np.zeros((3, n_runs))
    seen = np.empty((len(rounds), 3, n_runs))
    before, place = policy.pulls.copy(), 0
    for t in range(1, n_rounds + 1):
        contexts, p = environment.offer(world, n_runs)
        luck = world.random(n_runs)
        if single:
            arm = np.array([policy.choose(contexts if contexts is None else contexts[0])])
        else:
            arm = policy.choose(contexts)
        chosen, best = (p[arm], p.max()) if p.ndim == 1 else (p[rows, arm], p.max(axis=1))
        reward = (luck < chosen).astype(float)
        policy.update(arm, reward)
        total[0] += best - chosen
        total[1] += reward
        total[2] += chosen
        if t == rounds[place]:
            seen[place] = total
            place = min(place + 1, len(rounds) - 1)
    regret, rewards, expected = (np.ascontiguousarray(seen[:, j].T) for j in range(3))
    return BanditRuns(rounds, regret, rewards, expected, policy.pulls - before)


def regret_curve(runs, level=0.95) -> pd.DataFrame:
    """Mean cumulative regret over the runs, with Student's interval of the mean.

    Parameters
    ----------
    runs : BanditRuns
        With at least two runs.
    level : float
        Between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Columns round, regret, low, high.

    Examples
    --------
    >>> runs = simulate_bandit(UCB(2, n_runs=20), BernoulliArms([0.2, 0.5]), 100, record=[10, 100])
    >>> regret_curve(runs)["round"].tolist()
    [10, 100]
    """
    level = _real(level, "level", 0, 1)
    n = len(runs.regret)
    if n < 2:
        raise InputError("An interval over runs needs at least two runs.")
    mean = runs.regret.mean(axis=0)
    half = stats.t.ppf((1 + level) / 2, n - 1) * runs.regret.std(axis=0, ddof=1) / np.sqrt(n)
    return pd.DataFrame({"round": runs.rounds, "regret": mean, "low": mean - half, "high": mean + half})


# --- what can be known without playing ----------------------------------------------------------------------


def bernoulli_divergence(p, q):
    """KL divergence between coins, p·ln(p/q) + (1 − p)·ln((1 − p)/(1 − q)), in nats; 0·ln 0 is 0.

    Examples
    --------
    >>> bernoulli_divergence(0.5, 0.75).round(4)
    np.float64(0.1438)
    """
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    return special.rel_entr(p, q) + special.rel_entr(1 - p, 1 - q)


def lai_robbins_bound(means, rounds=None):
    """Least regret that a policy can have in the long run which does well whatever the means are.

    Σ over the inferior arms of gap / KL(mean, best mean), times ln t. The theorem is about the limit: the
    regret of a policy whose regret grows more slowly than every power of t, for all means, is at least this
    times (1 − o(1)). At a given t a regret below it contradicts nothing.

    Parameters
    ----------
    means : sequence of float
        Click rates of the arms.
    rounds : array of int, optional

    Returns
    -------
    float or numpy.ndarray
        The factor of ln t; with rounds, the bound at each of them. It is 0 if the best arm always pays (mean
        1), and if all arms are equal.

    References
    ----------
    Lai, T. L., & Robbins, H. (1985). Asymptotically efficient adaptive allocation rules. Advances in Applied
    Mathematics, 6(1), 4-22; in the form for coins given by Garivier and Cappé (2011).

    Examples
    --------
    >>> round(lai_robbins_bound([0.9, 0.8]), 4)
    2.2521
    >>> lai_robbins_bound([0.9, 0.8], [100, 10_000]).round(1)
    array([10.4, 20.7])
    """
    means = _means(means)
    gap = means.max() - means
    inferior = gap > 0
    factor = float((gap[inferior] / bernoulli_divergence(means[inferior], means.max())).sum())
    if rounds is None:
        return factor
    rounds = np.asarray(rounds, dtype=float)
    if rounds.size and not rounds.min() >= 1:
        raise InputError("rounds must be 1 or more.")
    return factor * np.log(rounds)


def probability_best(a, b) -> np.ndarray:
    """Probability that each arm is the best one, if its rate has the distribution Beta(a, b).

    ∫ f_k(x) Π_{j≠k} F_j(x) dx by Gauss and Legendre's rule, on panels that end at quantiles of all arms. The
    error is below 1e-9 for parameters from 1 on, and below 1e-6 where one is smaller.

    Parameters
    ----------
    a, b : sequences of float
        One pair for each arm, above 0; with a uniform prior 1 + clicks and 1 + showings without a click.

    Returns
    -------
    numpy.ndarray, shape (n_arms,)
        Adds up to 1.

    Raises
    ------
    InputError
        Different lengths, no arm, parameters that are not above 0.

    Examples
    --------
    Beta(2, 1) against Beta(1, 2): 5/6.

    >>> probability_best([2, 1], [1, 2]).round(6)
    array([0.833333, 0.166667])
    """
    a, b = (np.atleast_1d(np.asarray(part, dtype=float)) for part in (a, b))
    if a.ndim != 1 or a.shape != b.shape or not len(a) or not (np.minimum(a, b) > 0).all():
        raise InputError("probability_best needs two sequences of the same length with numbers above 0.")
    if not np.isfinite([a, b]).all():
        raise InputError("probability_best got an infinite parameter.")
    tail = 10.0 ** -np.arange(15, 1, -1)
    levels = np.concatenate([tail, np.linspace(0.05, 0.95, 19)])
    edges = np.concatenate(
        [
            [0.0, 1.0],
            stats.beta.ppf(levels[:, None], a, b).ravel(),
            stats.beta.isf(tail[:, None], a, b).ravel(),
        ]
    )
    edges = np.unique(edges[np.isfinite(edges)])
    node, weight = np.polynomial.legendre.leggauss(16)
    left, width = edges[:-1], np.diff(edges)
    x = (left[:, None] + width[:, None] * (node + 1) / 2).ravel()
    w = (width[:, None] * weight / 2).ravel()
    # the last panels beside 0 and 1 can be too narrow for a float between their ends
    inside = (x > 0) & (x < 1)
    x, w = x[inside], w[inside]
    with np.errstate(divide="ignore", under="ignore"):
        log_cdf = np.log(special.betainc(a[:, None], b[:, None], x))
        log_pdf = (
            special.xlogy(a[:, None] - 1, x)
            + special.xlog1py(b[:, None] - 1, -x)
            - special.betaln(a, b)[:, None]
        )
        out = np.empty(len(a))
        for k in range(len(a)):
            others = np.delete(log_cdf, k, axis=0).sum(axis=0)
            out[k] = (w * np.exp(log_pdf[k] + others)).sum()
    return out / out.sum()
