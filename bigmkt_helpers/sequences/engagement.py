"""The simulated shop's weeks as a panel, and what of their hidden states could be known at best."""

import numpy as np
import pandas as pd
from scipy.special import gammaln, xlogy

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.sequences.events import event_panel

__all__ = [
    "EngagementForecast",
    "best_state_posterior",
    "engagement_panel",
    "state_accuracy",
    "true_state_paths",
]

_ZONE = "Asia/Shanghai"
_WEEK_0 = pd.Timestamp("2024-01-01", tz=_ZONE)


def engagement_panel(tables, customers, cutoff) -> list:
    """Weekly panel of a shop: an order or none, and the number of app sessions, from the first order on.

    Parameters
    ----------
    tables : dict of DataFrame
        ``orders``, ``sessions`` and ``customers`` of the shop, such as ``CommonQuestion.history`` gives them.
    customers : Index
        Each with an order before the cutoff.
    cutoff : Timestamp
        A Monday, 00:00 in Shanghai, whole weeks after 2024-01-01; the panel ends there.

    Returns
    -------
    list of ndarray
        Per customer (weeks, 2): 1 or 0, the number of sessions (NaN without the app). Channels for
        ``PanelHMM(emission=("bernoulli", "poisson"), first_at_least_one=True)``: the first week has an order
        by construction.

    Raises
    ------
    InputError
        A customer without an order before the cutoff; a cutoff inside a week.
    """
    start = _WEEK_0.tz_convert(cutoff.tz) if cutoff.tz is not None else _WEEK_0.tz_localize(None)
    orders = tables["orders"].drop_duplicates("order_id")
    orders = orders[orders["order_time"] < cutoff]
    visits = tables["sessions"].drop_duplicates("session_id")
    entry = orders.groupby("customer_id")["order_time"].min().reindex(customers)
    if entry.isna().any():
        raise InputError(f"Customer {customers[int(entry.isna().argmax())]} has no order before {cutoff}.")
    panel = event_panel(
        [(orders, "order_time"), (visits, "timestamp")],
        customers,
        start,
        cutoff,
        entry,
        kinds=["any", "count"],
    )
    app = tables["customers"].set_index("customer_id")["app_user"].reindex(customers).to_numpy(bool)
    for row in (panel[i] for i in np.flatnonzero(~app)):
        row[:, 1] = np.nan
    return panel


def true_state_paths(shop, customers, week: int) -> list:
    """The hidden states of each customer from the week of joining to the one before `week`, as int arrays.

    Codes as in ``shop.world.STATES``: keen 0, regular 1, dozing 2, gone 3.
    """
    from bigmkt_helpers.shop.world import STATES

    code = {name: number for number, name in enumerate(STATES)}
    stretches = shop.truth_states[shop.truth_states["week"] < week]
    who = customers.get_indexer(stretches["customer_id"])
    stretches, who = stretches[who >= 0], who[who >= 0]
    order = np.lexsort((stretches["week"], who))
    who, begin = who[order], stretches["week"].to_numpy(np.int64)[order]
    absent = np.setdiff1d(np.arange(len(customers)), who)
    if len(absent):
        raise InputError(f"Customer {customers[absent[0]]} has not joined before week {week}.")
    # each stretch lasts until the next one of the same customer, the last one to the end
    end = np.where(np.append(who[1:], -1) == who, np.append(begin[1:], week), week)
    steps = np.repeat(stretches["state"].map(code).to_numpy(np.int64)[order], end - begin)
    lengths = np.bincount(who, weights=end - begin).astype(np.int64)
    return np.split(steps, np.cumsum(lengths)[:-1])


def best_state_posterior(laws, shop, customers, week: int, smooth: bool = True) -> list:
    """P(state | record) of somebody who knows all the laws and each customer's own order rate: the ceiling.

    Exact forward (and backward) recursion under the shop's true laws: the season, the campaigns received, and
    that a third leave right after the first order. Nobody who sees only the records can do better on average.

    Parameters
    ----------
    laws : Laws
    shop : Shop
    customers : Index
        All active at `week` (an order in the 26 weeks before), as ``shop.truth.recorded`` has them.
    week : int
        The record ends where it begins.
    smooth : bool
        Given the whole record; False: at each week given the weeks up to it.

    Returns
    -------
    list of ndarray
        Per customer (weeks, 4), from the week of joining on.
    """
    from bigmkt_helpers.shop.behaviour import Customers
    from bigmkt_helpers.shop.truth import recorded

    record = recorded(laws, shop, week)
    place = pd.Index(record.customer_id).get_indexer(customers)
    if (place < 0).any():
        raise InputError(
            f"Customer {customers[int((place < 0).argmax())]} is not in the record before week {week}."
        )
    truth = Customers.from_tables(shop.customers, shop.truth_customers)
    own = truth.take(pd.Index(truth.customer_id).get_indexer(customers))
    join = record.join_week[place]
    n, S = len(customers), len(laws.state_rate)
    alpha, chance = np.zeros((week, n, S)), np.ones((week, n, S))
    after = laws.transition * (1 - laws.one_and_done)
    after[:, -1] += laws.one_and_done
    law = np.zeros((n, S))
    for w in range(week):
        effect = np.zeros(n)
        campaign = laws.campaign_in(w)
        if campaign >= 0:
            size = laws.campaign_effect[laws.campaign_kind[campaign], own.persona]
            effect = np.where(record.sent[place, campaign], size, 0.0)
        rate = own.rate * laws.season[w] * np.exp(effect)
        buys = -np.expm1(-rate[:, None] * laws.state_rate)
        old, new = join < w, join == w
        seen = np.where(record.ordered[place, w][:, None], buys, 1 - buys)
        count = record.sessions[place, w][:, None]
        visits = np.exp(xlogy(count, laws.session_rate) - laws.session_rate - gammaln(count + 1))
        chance[w] = np.where(old[:, None], seen, 1.0) * np.where(record.app[place][:, None], visits, 1.0)
        law[new] = laws.initial_state
        law = law * chance[w]
        here = old | new
        law[here] /= law[here].sum(axis=1, keepdims=True)
        alpha[w] = law
        law = np.where(new[:, None], law @ after, law @ laws.transition)
    if smooth:
        beta = np.ones((n, S))
        for w in range(week - 2, -1, -1):
            onward = chance[w + 1] * beta
            beta = np.where((join == w)[:, None], onward @ after.T, onward @ laws.transition.T)
            beta /= beta.max(axis=1, keepdims=True)
            alpha[w] *= beta
            total = alpha[w].sum(axis=1, keepdims=True)
            alpha[w] /= np.where(total > 0, total, 1.0)
    return [alpha[first:, i] for i, first in enumerate(join)]


def state_accuracy(states, truth) -> pd.DataFrame:
    """How often decoded states are the true ones, each decoded state read as the true one it mostly meets.

    A model has no names for its states; reading each as its most frequent true state is the kindest rule that
    does not look at single weeks, and it makes more states than true ones comparable.

    Parameters
    ----------
    states : sequence of int arrays, or one array
        Decoded, in the order of `truth`.
    truth : sequence of int arrays, or one array

    Returns
    -------
    pandas.DataFrame
        One row per decoded state: ``n`` steps, ``read_as``, ``right`` (share). Its attribute ``attrs`` holds
        ``accuracy`` and ``base``, the share of the most frequent true state.

    Examples
    --------
    >>> table = state_accuracy([0, 0, 1, 1, 2], [1, 1, 0, 1, 0])
    >>> table["read_as"].tolist(), table.attrs["accuracy"], table.attrs["base"]
    ([1, 0, 0], 0.8, 0.6)
    """
    states = np.concatenate([np.atleast_1d(s) for s in states])
    truth = np.concatenate([np.atleast_1d(s) for s in truth])
    if len(states) != len(truth) or not len(truth):
        raise InputError(
            f"There are {len(states)} decoded steps and {len(truth)} true ones: give as many, at least one."
        )
    table = pd.crosstab(states, truth)
    best = table.to_numpy().max(axis=1)
    found = pd.DataFrame(
        {"n": table.sum(axis=1), "read_as": table.idxmax(axis=1), "right": best / table.sum(axis=1)}
    ).rename_axis("state")
    found.attrs = {
        "accuracy": float(best.sum() / len(truth)),
        "base": float(table.sum(axis=0).max() / len(truth)),
    }
    return found


class EngagementForecast:
    """The common question answered by a panel model: whether by the filtered state, what by category shares.

    One `PanelHMM` is fitted to the weeks of all customers before the first cutoff, so that no later one can
    leak into it and its states mean the same at every cutoff. At each cutoff every active customer's state is
    filtered; P(an order) over three horizons and the law of the state are the features of P(nothing), the
    categories come from `next_category_scores`, and a `ScoreCalibrator` fitted on the earlier cutoffs makes
    probabilities of the two.

    Parameters
    ----------
    question : CommonQuestion
    model : PanelHMM, optional
        Settings; 6 states, three starts of which one goes to the end, without it.
    strength, memory : float
        Of `next_category_scores`.
    penalty : float
        Of the calibrator.
    extra : callable, optional
        A feature function of the question whose columns join those of the panel model.
    """

    def __init__(self, question, model=None, strength=5.0, memory=0.5, penalty=1.0, extra=None):
        self.question = question
        self.model = model
        self.strength = strength
        self.memory = memory
        self.penalty = penalty
        self.extra = extra

    def fit(self, t=None):
        """Fit the panel model on what was known at the first cutoff earlier than `t`; returns self."""
        from sklearn.base import clone

        from bigmkt_helpers.sequences.panels import PanelHMM

        model = self.model
        if model is None:
            model = PanelHMM(
                6,
                ("bernoulli", "poisson"),
                first_at_least_one=True,
                smoothing=0.1,
                n_init=3,
                n_finish=1,
                max_iter=150,
                tol=0.1,
                on_no_convergence="ignore",
            )
        earlier = self.question.earlier(t)
        if not earlier:
            raise InputError("No cutoff lies a whole horizon before: there is nothing to learn from.")
        tables, cutoff = self.question.history(earlier[0]), self.question.cutoff(earlier[0])
        everybody = pd.Index(np.sort(tables["orders"]["customer_id"].unique()))
        self.model_ = clone(model).fit(engagement_panel(tables, everybody, cutoff))
        return self

    def timing(self, tables, customers, cutoff) -> pd.DataFrame:
        """Feature function: ln odds of an order within 1 week, the horizon and 13 weeks; P(state)."""
        if not hasattr(self, "model_"):
            raise NotFittedError("EngagementForecast has learned nothing yet: call fit first.")
        panel = engagement_panel(tables, customers, cutoff)
        horizon = max(1, round(self.question.horizon / pd.Timedelta("7D")))
        laws = self.model_.last_state(panel).to_numpy()
        columns = {}
        for weeks in sorted({1, horizon, 13}):
            # every panel has at least the week of the first order, so that the next step is one move away
            any_order = self.model_._coming(laws @ self.model_.transition_, weeks)[0].clip(1e-9, 1 - 1e-9)
            columns[f"log_odds_{weeks}"] = np.log(any_order / (1 - any_order))
        columns |= {f"state_{s}": laws[:, s] for s in range(1, laws.shape[1])}
        table = pd.DataFrame(columns, index=customers)
        if self.extra is not None:
            table = table.join(self.extra(tables, customers, cutoff))
        return table

    def scores(self, tables, customers, cutoff) -> pd.DataFrame:
        """Feature function: ln P(category of the next order)."""
        from bigmkt_helpers.sequences.events import next_category_scores

        orders = tables["orders"]
        orders = orders[(orders["order_time"] < cutoff) & (orders["line_number"] == 1)]
        firsts = orders.sort_values("order_time", kind="stable")[["customer_id", "category"]]
        return next_category_scores(firsts, customers, self.question.categories, self.strength, self.memory)

    def probabilities(self, t=None, guard: bool = True) -> pd.DataFrame:
        """Probabilities of all outcomes for the active customers at a cutoff, the test without one."""
        from bigmkt_helpers.information import ScoreCalibrator

        question = self.fit(t).question
        timing, answers = question.training(self.timing, t, guard)
        scores, _ = question.training(self.scores, t, guard)
        self.calibrator_ = ScoreCalibrator(penalty=self.penalty).fit(scores, timing, answers)
        return self.calibrator_.transform(
            question.features(self.scores, t, guard=False), question.features(self.timing, t, guard=False)
        )
