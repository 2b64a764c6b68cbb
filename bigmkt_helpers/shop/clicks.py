"""Clicks on the front page of the app: what is true, visits to simulate, and logs with known propensities.

An app user opens the front page with a focus category f in mind, drawn by the law of sessions,
P(f = c) = (1 − δ')·θ_c + δ'·trend[w, c]. On top the shop shows one tile, of one of the twelve categories: the
arm. The tile is looked at with probability e. Who looks clicks with probability h_a·g, where h_a is how good
the tile of category a looks, and g depends on whether the tile is of the focus (g₁), of the partner category
of the focus (g₂), or neither (g₀). With π = P(f) and the partner map F ("follow"), the focus averages out:

    P(click | customer, arm a, week w) = e · h_a · [g₀ + (g₁ − g₀)·π_a + (g₂ − g₀)·π_{F⁻¹(a)}].

It is a probability per showing, and linear in the customer's taste θ. The laws and random numbers of the shop
are untouched: clicks are a question about what would happen, like the coupon, and no table holds them.

A policy may only use what the shop knew before the cutoff (`click_features`); the focus and the taste are
hidden from it.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.shop.behaviour import Customers
from bigmkt_helpers.shop.world import (
    CATEGORIES,
    CUTOFF_WEEKS,
    HORIZON_WEEKS,
    N_WEEKS,
    cutoff,
    default_laws,
    week_of,
)

__all__ = [
    "CONTEXT_NAMES",
    "ClickLaws",
    "ClickLog",
    "FrontPage",
    "click_features",
    "click_probability",
    "simulate_clicks",
    "softmax_policy",
]

N_ARMS = len(CATEGORIES)

CONTEXT_NAMES = ("constant", "orders", "sessions", "next")
"""What a policy knows of a customer and an arm: 1, and the three numbers of `click_features`."""


def _appeal():
    # the tiles of what sells least happen to look best: the most popular category is not the best tile
    return np.array([0.7, 0.9, 1.0, 0.8, 0.9, 1.2, 1.0, 1.1, 0.9, 1.1, 1.3, 1.2])


@dataclass(frozen=True, eq=False)
class ClickLaws:
    """Numbers of the click model; all are probabilities per showing but the appeal, which has no unit.

    They are set by hand so that differences show within thousands of visits; the banners of real shops are
    clicked less often.

    Parameters
    ----------
    examined : float
        e: a visitor looks at the tile at all.
    match, partner, other : float
        g₁, g₂, g₀: who looks clicks on a tile of the focus, of its partner category, of another one.
    appeal : array (12,)
        h: how good the tile of each category looks; `examined · match · appeal` must stay below 1.

    Raises
    ------
    InputError
        Numbers out of range.

    Examples
    --------
    >>> ClickLaws().match
    0.45
    """

    examined: float = 0.8
    match: float = 0.45
    partner: float = 0.15
    other: float = 0.03
    appeal: np.ndarray = field(default_factory=_appeal)

    def __post_init__(self):
        appeal = np.array(self.appeal, dtype=float)
        if appeal.shape != (N_ARMS,) or not (appeal >= 0).all():
            raise InputError("ClickLaws.appeal needs a number from 0 on for each of the 12 categories.")
        for name in ("examined", "match", "partner", "other"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"ClickLaws.{name} is {getattr(self, name)!r}: give a probability, 0 to 1.")
        if not max(self.match, self.partner, self.other) * appeal.max() <= 1:
            raise InputError("ClickLaws: appeal times a click probability passes 1; lower one of them.")
        appeal.setflags(write=False)
        object.__setattr__(self, "appeal", appeal)


def click_probability(laws, taste, week, click_laws=None) -> np.ndarray:
    """True probability that a tile on top of the front page is clicked: customers × arms.

    Parameters
    ----------
    laws : Laws
    taste : array (n, 12)
        θ; rows sum to 1. As the law is linear, a mean of tastes (such as the ideal observer's) gives the mean
        probability.
    week : int or int array (n,)
        From 0 to 103.
    click_laws : ClickLaws, optional

    Returns
    -------
    numpy.ndarray, shape (n, 12)
        Per showing; column a is the tile of category a.

    Raises
    ------
    InputError
        Tastes that are no distributions; a week that is not simulated.

    Examples
    --------
    >>> from bigmkt_helpers.shop.world import default_laws
    >>> p = click_probability(default_laws(), np.eye(12)[:1], 80)     # who wants nothing but tea
    >>> CATEGORIES[p[0].argmax()], p[0].max().round(3)
    ('tea', np.float64(0.2))
    """
    click_laws = ClickLaws() if click_laws is None else click_laws
    taste = np.asarray(taste, dtype=float)
    if taste.ndim != 2 or taste.shape[1] != N_ARMS or not np.allclose(taste.sum(axis=1), 1, atol=1e-6):
        raise InputError("taste needs one row per customer, 12 shares that add up to 1.")
    focus = laws.session_focus(taste, _weeks(week))
    before = np.argsort(laws.follow)  # the focus whose partner is a
    g0, g1, g2 = click_laws.other, click_laws.match, click_laws.partner
    return click_laws.examined * click_laws.appeal * (g0 + (g1 - g0) * focus + (g2 - g0) * focus[:, before])


def _weeks(week):
    week = np.asarray(week)
    if week.dtype.kind not in "iu" or (week.size and not 0 <= week.min() <= week.max() < N_WEEKS):
        raise InputError(f"The week is {week}: give whole numbers from 0 to {N_WEEKS - 1}.")
    return week


def simulate_clicks(laws, taste, week, arm, click_laws=None, random_state=0) -> np.ndarray:
    """Show one tile to each visitor and see who clicks, step by step: focus, look, click.

    Nothing here uses the formula of `click_probability`; a test holds the two against each other.

    Parameters
    ----------
    laws : Laws
    taste : array (n, 12)
    week : int or int array (n,)
    arm : int or int array (n,)
        The tile shown to each visitor.
    click_laws : ClickLaws, optional
    random_state : int or numpy.random.Generator

    Returns
    -------
    numpy.ndarray of bool, shape (n,)

    Raises
    ------
    InputError
        As in `click_probability`; an arm that does not exist.

    Examples
    --------
    >>> from bigmkt_helpers.shop.world import default_laws
    >>> simulate_clicks(default_laws(), np.full((1000, 12), 1 / 12), 80, arm=3).mean() < 0.2
    np.True_
    """
    click_laws = ClickLaws() if click_laws is None else click_laws
    taste = np.asarray(taste, dtype=float)
    n = len(taste)
    arm, draw = np.broadcast_to(_arms(arm), (n,)), _generator(random_state)
    share = laws.session_focus(taste, np.broadcast_to(_weeks(week), (n,))).cumsum(axis=1)
    focus = (draw.random(n)[:, None] * share[:, -1:] >= share).sum(axis=1)
    looks = draw.random(n) < click_laws.examined
    chance = np.select(
        [arm == focus, arm == laws.follow[focus]], [click_laws.match, click_laws.partner], click_laws.other
    )
    return looks & (draw.random(n) < click_laws.appeal[arm] * chance)


def _arms(arm):
    arm = np.asarray(arm)
    if arm.dtype.kind not in "iu" or (arm.size and not 0 <= arm.min() <= arm.max() < N_ARMS):
        raise InputError(f"An arm is not one of 0 … {N_ARMS - 1}, the places of the categories.")
    return arm


def _generator(seed):
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"random_state is {seed!r}: give a whole number from 0 on.")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


# --- what the shop knows ------------------------------------------------------------------------------------


def click_features(tables, customers, moment, strength=2.0) -> pd.DataFrame:
    """What the shop knew of each customer and category before a moment: the contexts of a policy.

    Three numbers for each category c, all between 0 and 1: ``orders_c``, the share of c in the customer's
    order lines; ``sessions_c``, the share of c in the focuses of the customer's app sessions; ``next_c``, how
    often c follows, at customers in general, in the next order after what this customer looked at. Each share
    is mixed with the shares of the whole shop, weighing as much as `strength` lines or sessions of the
    customer: a customer without a past gets the shop's shares.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        With orders and sessions.
    customers : Index or array of customer_id
    moment : Timestamp
        The cutoff; rows from it on are not read.
    strength : float
        Above 0.

    Returns
    -------
    pandas.DataFrame
        Index: customers; 36 columns.

    Raises
    ------
    InputError
        No orders or no sessions before the moment; strength not above 0.

    Examples
    --------
    >>> from bigmkt_helpers.datasets import load_shop
    >>> shop = load_shop()
    >>> known = click_features({"orders": shop.orders, "sessions": shop.sessions}, [1, 2, -1], cutoff(100))
    >>> known.shape, bool(np.allclose(known.filter(like="sessions_").sum(axis=1), 1))
    ((3, 36), True)
    """
    if not strength > 0:
        raise InputError(f"strength is {strength!r}: give a number above 0.")
    ids = pd.Index(customers)
    orders = tables["orders"]
    orders = orders[orders["order_time"] < moment]
    visits = tables["sessions"]
    visits = visits[visits["timestamp"] < moment].sort_values(["timestamp", "session_id"])
    visits = visits.drop_duplicates("session_id")
    if orders.empty or visits.empty:
        raise InputError(f"There are no orders or no sessions before {moment}: nothing is known yet.")
    bought = _shares(ids, orders["customer_id"], orders["category"], strength)
    looked = _shares(ids, visits["customer_id"], visits["category"], strength)

    heads = orders[orders["line_number"] == 1].sort_values(["customer_id", "order_time", "order_id"])
    code = _codes(heads["category"])
    same = heads["customer_id"].to_numpy()[1:] == heads["customer_id"].to_numpy()[:-1]
    step = np.zeros((N_ARMS, N_ARMS))
    np.add.at(step, (code[:-1][same], code[1:][same]), 1)
    overall = np.bincount(code, minlength=N_ARMS) / len(code)
    step = (step + strength * overall) / (step.sum(axis=1, keepdims=True) + strength)

    blocks = {"orders": bought, "sessions": looked, "next": looked @ step}
    columns = [f"{name}_{c}" for name in blocks for c in CATEGORIES]
    return pd.DataFrame(np.hstack(list(blocks.values())), index=ids, columns=columns)


def _codes(labels):
    code = pd.Index(CATEGORIES).get_indexer(labels)
    if (code < 0).any():
        raise InputError(f"{labels.iloc[int((code < 0).argmax())]!r} is none of the shop's categories.")
    return code


def _shares(ids, who, what, strength):
    """Smoothed shares of the categories for each customer, (n, 12)."""
    code, place = _codes(what), ids.get_indexer(who)
    overall = np.bincount(code, minlength=N_ARMS) / len(code)
    count = np.zeros((len(ids), N_ARMS))
    np.add.at(count, (place[place >= 0], code[place >= 0]), 1)
    return (count + strength * overall) / (count.sum(axis=1, keepdims=True) + strength)


# --- visits to play with ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ClickLog:
    """What a shop that logs well writes down of its front page.

    Attributes
    ----------
    action : int array (n,)
        The tile shown.
    reward : array (n,)
        1 for a click, 0 for none.
    propensity : array (n, 12)
        Probability of each tile under the policy that chose; rows sum to 1.
    contexts : array (n, 12, d)
        As in `FrontPage`.
    visit : int array (n,)
        Place of the visit among the visits of the front page.
    """

    action: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray
    contexts: np.ndarray
    visit: np.ndarray


class FrontPage:
    """The visits of the front page in the weeks after a cutoff, as an environment for bandits.

    The visits are the app sessions that the shop had in these weeks: who came, and in which week. A round is
    one of them by lot. Contexts hold what was known before the cutoff, the click rates are the true ones.

    Parameters
    ----------
    shop : Shop
        With customers, truth_customers, orders and sessions, such as ``load_shop()``.
    week : int
        The cutoff; by default that of the test.
    horizon : int
        Weeks of visits.
    laws : Laws, optional
        Of this shop; the course's by default.
    click_laws : ClickLaws, optional
    known : bool, optional
        Only visits of customers with (True) or without (False) an order or session before the cutoff.

    Attributes
    ----------
    n_arms : int
        12, the tiles of the categories.
    n_features : int
        4, see `CONTEXT_NAMES`.
    visits : pandas.DataFrame
        customer_id, week, known: one row per visit.
    contexts : array (n_visits, 12, 4)
    probability : array (n_visits, 12)
        True click rates. A policy must not see them.
    popularity : array (12,)
        Share of each category in the order lines before the cutoff.

    Raises
    ------
    InputError
        Weeks that are not simulated, or no visits in them.

    Examples
    --------
    >>> from bigmkt_helpers.datasets import load_shop
    >>> page = FrontPage(load_shop(), week=96)
    >>> page.contexts.shape[1:], page.probability.shape[1], len(page.visits) == len(page.contexts)
    ((12, 4), 12, True)
    """

    n_arms = N_ARMS
    n_features = len(CONTEXT_NAMES)

    def __init__(
        self,
        shop,
        week=CUTOFF_WEEKS[-1],
        horizon=HORIZON_WEEKS,
        laws=None,
        click_laws=None,
        known=None,
    ):
        self.laws = default_laws() if laws is None else laws
        self.click_laws = ClickLaws() if click_laws is None else click_laws
        _weeks(np.array([week, week + horizon - 1]))
        start = cutoff(week)
        sessions = shop.sessions
        ahead = (sessions["timestamp"] >= start) & (sessions["timestamp"] < cutoff(week + horizon))
        visits = sessions[ahead].sort_values(["timestamp", "session_id"]).drop_duplicates("session_id")
        past = [
            shop.orders.loc[shop.orders["order_time"] < start, "customer_id"],
            sessions.loc[sessions["timestamp"] < start, "customer_id"],
        ]
        visits = pd.DataFrame(
            {
                "customer_id": visits["customer_id"].to_numpy(),
                "week": week_of(visits["timestamp"]),
                "known": visits["customer_id"].isin(pd.concat(past)).to_numpy(),
            }
        )
        if known is not None:
            visits = visits[visits["known"] == known].reset_index(drop=True)
        if visits.empty:
            raise InputError(f"There are no such visits in the weeks {week} to {week + horizon - 1}.")
        self.week, self.visits = week, visits
        people = Customers.from_tables(shop.customers, shop.truth_customers)
        row = pd.Index(people.customer_id).get_indexer(visits["customer_id"])
        self.taste = people.taste[row] / people.taste[row].sum(axis=1, keepdims=True)
        self.probability = click_probability(
            self.laws, self.taste, visits["week"].to_numpy(), self.click_laws
        )
        ids = pd.Index(visits["customer_id"].unique())
        table = click_features({"orders": shop.orders, "sessions": sessions}, ids, start)
        features = table.to_numpy().reshape(len(ids), 3, N_ARMS).transpose(0, 2, 1)
        features = np.concatenate([np.ones((len(ids), N_ARMS, 1)), features], axis=2)
        self.contexts = features[ids.get_indexer(visits["customer_id"])]
        lines = shop.orders.loc[shop.orders["order_time"] < start, "category"]
        self.popularity = np.bincount(_codes(lines), minlength=N_ARMS) / len(lines)

    def offer(self, generator, n_runs):
        """Contexts (n_runs, 12, 4) and true click rates (n_runs, 12) of one visit for each run."""
        visit = generator.integers(len(self.probability), size=n_runs)
        return self.contexts[visit], self.probability[visit]

    def value(self, policy=None) -> float:
        """True clicks per visit of a policy.

        Parameters
        ----------
        policy : array (n_visits, 12), (12,) or int, optional
            Probability of each tile at each visit; or one tile for all; by default the best tile at each
            visit, which only the omniscient can show.

        Returns
        -------
        float
        """
        if policy is None:
            return float(self.probability.max(axis=1).mean())
        if np.ndim(policy) == 0:
            return float(self.probability[:, _arms(policy)].mean())
        return float((self.probability * self._policy(policy)).sum(axis=1).mean())

    def best_arm(self) -> int:
        """The tile that gets most clicks if all visitors see the same one."""
        return int(self.probability.mean(axis=0).argmax())

    def share_of_closable(self, clicks_per_visit):
        """Where clicks per visit lie between the best single tile (0) and the omniscient choice (1)."""
        base = self.value(self.best_arm())
        return (np.asarray(clicks_per_visit) - base) / (self.value() - base)

    def closable_curve(self, runs, level=0.95) -> pd.DataFrame:
        """Share of the closable clicks got so far: mean over the runs, with Student's interval.

        Parameters
        ----------
        runs : BanditRuns
            What `simulate_bandit` returns; at least two runs.
        level : float
            Between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Columns round, share, low, high.

        Raises
        ------
        InputError
            A single run; a level out of range.
        """
        share = self.share_of_closable(runs.expected / runs.rounds)
        if len(share) < 2 or not 0 < level < 1:
            raise InputError("An interval needs at least two runs and a level between 0 and 1.")
        half = stats.t.ppf((1 + level) / 2, len(share) - 1) * share.std(axis=0, ddof=1) / np.sqrt(len(share))
        mean = share.mean(axis=0)
        return pd.DataFrame({"round": runs.rounds, "share": mean, "low": mean - half, "high": mean + half})

    def log(self, policy, n, random_state=0) -> ClickLog:
        """Let a policy of known propensities choose at `n` visits by lot, and write down what happened.

        Parameters
        ----------
        policy : array (n_visits, 12) or (12,)
            Probability of each tile at each visit, see `softmax_policy`.
        n : int
        random_state : int

        Returns
        -------
        ClickLog

        Raises
        ------
        InputError
            Probabilities that are negative or do not add up to 1.
        """
        policy, draw = self._policy(policy), _generator(random_state)
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise InputError(f"n is {n!r}: give a whole number of at least 1.")
        visit = draw.integers(len(self.probability), size=n)
        share = policy[visit].cumsum(axis=1)
        action = (draw.random(n)[:, None] * share[:, -1:] >= share).sum(axis=1)
        reward = (draw.random(n) < self.probability[visit, action]).astype(float)
        return ClickLog(action, reward, policy[visit], self.contexts[visit], visit)

    def _policy(self, policy):
        policy = np.asarray(policy, dtype=float)
        if policy.shape not in (self.probability.shape, (N_ARMS,)):
            raise InputError(f"The policy has shape {policy.shape}: give {self.probability.shape} or (12,).")
        if not (policy >= 0).all() or not np.allclose(policy.sum(axis=-1), 1, atol=1e-9):
            raise InputError("The policy's probabilities must be 0 or more and add up to 1 at each visit.")
        return np.broadcast_to(policy, self.probability.shape)


def softmax_policy(scores, temperature=0.1, explore=0.1) -> np.ndarray:
    """Probabilities that grow with a score, with some exploration: a logging policy that is worth its log.

    (1 − explore) · exp(score/temperature) / Σ + explore / n_arms.

    Parameters
    ----------
    scores : array (n, n_arms)
    temperature : float
        Above 0; the smaller, the more often the best score is shown.
    explore : float
        0 to 1; with 0 a tile's probability can be as good as 0, and no log then tells of it.

    Returns
    -------
    numpy.ndarray, shape (n, n_arms)

    Raises
    ------
    InputError
        Scores that are not finite; temperature or explore out of range.

    Examples
    --------
    >>> softmax_policy(np.array([[0.2, 0.1]]), temperature=0.1, explore=0.2).round(3)
    array([[0.685, 0.315]])
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise InputError("The scores must be a table of finite numbers, one row per visit.")
    if not temperature > 0 or not 0 <= explore <= 1:
        raise InputError(f"temperature is {temperature!r} and explore {explore!r}: give > 0, and 0 to 1.")
    power = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    return (1 - explore) * power / power.sum(axis=1, keepdims=True) + explore / scores.shape[1]
