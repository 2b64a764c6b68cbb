"""The simulated shop as a discrete network: its true graph and tables, a campaign with a confounder, a
forecast.

The shop's own causal graph (``shop.truth.CAUSAL_GRAPH``) has nodes that are no levels: rates, tastes,
effects. `lantern_network` is the discrete network of one week that follows from its laws, without
approximation.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.networks import _checks
from bigmkt_helpers.networks.graph import Graph, Network
from bigmkt_helpers.networks.inference import predict
from bigmkt_helpers.networks.learning import Discretiser, fit_tables

__all__ = [
    "CAMPAIGN_WEEK",
    "LANTERN_EDGES",
    "LANTERN_TIERS",
    "ConfoundedCampaign",
    "forecast_features",
    "lantern_network",
    "lantern_table",
    "naive_graph",
    "network_forecast",
]

CAMPAIGN_WEEK = 94
"""The week of the table: the last coupon of the two years."""

LANTERN_EDGES = (
    ("persona", "age_band"),
    ("persona", "city_tier"),
    ("persona", "gender"),
    ("persona", "rate"),
    ("persona", "consent"),
    ("persona", "ordered"),
    ("consent", "sent"),
    ("sent", "ordered"),
    ("rate", "ordered"),
    ("state", "ordered"),
    ("state", "sessions"),
    ("app_user", "sessions"),
    ("state", "next_state"),
)
"""The true graph of `lantern_table`.

Made from the shop's causal graph in three steps. One week is looked at, so season, trend and joining are the
same for all rows or do not occur. "response" (what the coupon does to the log rate) is a function of persona
and "sent", so its edges become persona -> ordered and sent -> ordered. Left out with all that follows from
them: tastes, categories and products, and the channel of the order (it says whether there was one, and two
nodes of which one is a function of the other have no graph that tests could find).
"""

LANTERN_TIERS = (
    ("persona",),
    ("age_band", "city_tier", "gender", "rate", "consent", "app_user"),
    ("state",),
    ("sent",),
    ("sessions", "ordered"),
    ("next_state",),
)
"""What is known beforehand of the order in time: who one is, one's habits, then the week from Monday on."""

_RATE_CUTS = (0.15, 0.45)
_LEVELS = {
    "rate": ("below 0.15", "0.15 to 0.45", "0.45 and more"),
    "consent": ("no", "yes"),
    "app_user": ("no", "yes"),
    "sent": ("no", "yes"),
    "sessions": ("none", "one or two", "three or more"),
    "ordered": ("no", "yes"),
}


def _levels():
    from bigmkt_helpers.shop.behaviour import AGE_BANDS, GENDERS
    from bigmkt_helpers.shop.world import PERSONAS, STATES

    return {
        "persona": PERSONAS,
        "age_band": tuple(AGE_BANDS),
        "city_tier": ("1", "2", "3", "4"),
        "gender": tuple(GENDERS),
        "rate": _LEVELS["rate"],
        "consent": _LEVELS["consent"],
        "app_user": _LEVELS["app_user"],
        "state": STATES,
        "sent": _LEVELS["sent"],
        "sessions": _LEVELS["sessions"],
        "ordered": _LEVELS["ordered"],
        "next_state": STATES,
    }


def lantern_table(shop, week: int = CAMPAIGN_WEEK) -> pd.DataFrame:
    """One row for each customer who joined before a week: what is true of them and what they did in it.

    Parameters
    ----------
    shop : Shop
        ``customers``, ``orders``, ``sessions``, ``campaigns``, ``truth_customers``, ``truth_states`` are
        read. Persona, rate and state stand in the truth alone: no shop could make this table, and the
        chapter's question is what a learner finds if it could.
    week : int
        One with a campaign.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; columns: the nodes of `LANTERN_EDGES`, as ordered categories. ``rate`` is cut
        at 0.15 and 0.45 orders a week; ``sessions`` and ``ordered`` are of this week, ``state`` of its
        beginning, ``next_state`` of the next week's.

    Raises
    ------
    InputError
        A week without a campaign; nobody who joined before it.
    """
    from bigmkt_helpers.shop.behaviour import states_at
    from bigmkt_helpers.shop.world import cutoff

    begin, end = cutoff(week), cutoff(week + 1)
    mails = shop.campaigns[shop.campaigns["timestamp"] == begin]
    if not len(mails):
        raise InputError(f"Week {week} has no campaign: take one of 6, 14, 22, …, 102.")
    joined = shop.truth_states.groupby("customer_id")["week"].min()
    ids = joined.index[joined < week]
    people = shop.customers.set_index("customer_id").loc[ids]
    truth = shop.truth_customers.set_index("customer_id").loc[ids]
    visits = shop.sessions[(shop.sessions["timestamp"] >= begin) & (shop.sessions["timestamp"] < end)]
    visits = visits.groupby("customer_id")["session_id"].nunique().reindex(ids, fill_value=0)
    orders = shop.orders[(shop.orders["order_time"] >= begin) & (shop.orders["order_time"] < end)]
    levels = _levels()
    codes = {
        "persona": pd.Index(levels["persona"]).get_indexer(truth["persona"]),
        "age_band": pd.Index(levels["age_band"]).get_indexer(people["age_band"]),
        "city_tier": people["city_tier"].to_numpy() - 1,
        "gender": pd.Index(levels["gender"]).get_indexer(people["gender"]),
        "rate": np.searchsorted(_RATE_CUTS, truth["rate"], side="right"),
        "consent": people["email_consent"].to_numpy(dtype=int),
        "app_user": people["app_user"].to_numpy(dtype=int),
        "state": states_at(shop.truth_states, ids, week),
        "sent": np.isin(ids, mails.loc[mails["sent"], "customer_id"]).astype(int),
        "sessions": np.searchsorted([1, 3], visits, side="right"),
        "ordered": np.isin(ids, orders["customer_id"]).astype(int),
        "next_state": states_at(shop.truth_states, ids, week + 1),
    }
    return pd.DataFrame(
        {
            node: pd.Categorical.from_codes(code, list(levels[node]), ordered=True)
            for node, code in codes.items()
        },
        index=ids,
    )


def lantern_network(laws=None, week: int = CAMPAIGN_WEEK) -> Network:
    """The true network of `lantern_table`, worked out from the shop's laws.

    A band of gamma-distributed rates is integrated in closed form: E[e^(−cλ)] over a band is the same gamma
    law's with its scale θ replaced by θ/(1 + cθ), times (1 + cθ)^(−shape). The state is carried through the
    weeks from the law of joining.

    Parameters
    ----------
    laws : Laws, optional
        By default those of the course's shop.
    week : int
        One with a campaign.

    Examples
    --------
    >>> lantern_network()
    Network of 12 nodes, 13 edges, 218 free probabilities
    """
    from scipy.stats import gamma, poisson

    from bigmkt_helpers.shop.world import default_laws

    laws = default_laws() if laws is None else laws
    place = laws.campaign_in(week)
    if place < 0:
        raise InputError(f"Week {week} has no campaign: take one of 6, 14, 22, …, 102.")
    n_personas, cuts = len(laws.persona_share), np.array([0.0, *_RATE_CUTS, np.inf])
    scale = laws.persona_rate / laws.rate_shape
    band = np.diff(gamma.cdf(cuts[None, :], laws.rate_shape, scale=scale[:, None]), axis=1)
    effects = laws.campaign_effect[laws.campaign_kind[place]]
    # orders: persona, rate, state, sent, ordered
    ordered = np.zeros((n_personas, 3, 4, 2, 2))
    for sent in (0, 1):
        speed = laws.state_rate[None, :] * laws.season[week] * np.exp(sent * effects)[:, None]
        shrunk = scale[:, None] / (1 + speed * scale[:, None])
        kept = np.diff(gamma.cdf(cuts[None, None, :], laws.rate_shape, scale=shrunk[:, :, None]), axis=2)
        none = kept * ((1 + speed * scale[:, None]) ** -laws.rate_shape)[:, :, None] / band[:, None, :]
        ordered[:, :, :, sent, 0] = none.transpose(0, 2, 1)
    ordered[..., 1] = 1 - ordered[..., 0]
    state = np.zeros(4)
    gone = np.eye(4)[3]
    for now in range(week):
        state = state @ laws.transition
        left = laws.one_and_done
        after = (1 - left) * (laws.initial_state @ laws.transition) + left * gone
        state += laws.join_share[now] * after
    visits = poisson.cdf([0, 2], laws.session_rate[:, None])
    visits = np.diff(np.column_stack([np.zeros(4), visits, np.ones(4)]), axis=1)
    coin = laws.campaign_share
    tables = {
        "persona": laws.persona_share,
        "age_band": laws.age_share,
        "city_tier": laws.tier_share,
        "gender": laws.gender_share,
        "rate": band,
        "consent": np.column_stack([1 - laws.consent_share, laws.consent_share]),
        "app_user": [1 - laws.app_share, laws.app_share],
        "state": state / state.sum(),
        "sent": [[1.0, 0.0], [1 - coin, coin]],
        # app users as their state has it; the others never
        "sessions": np.stack([np.tile([1.0, 0.0, 0.0], (4, 1)), visits]),
        "ordered": ordered,
        "next_state": laws.transition,
    }
    levels = _levels()
    return Network(Graph(LANTERN_EDGES, nodes=levels), levels, tables)


# --- a campaign with a confounder ----------------------------------------------------------------------


@dataclass(frozen=True)
class ConfoundedCampaign:
    """A coupon that is sent rather to those who ordered lately, among the shop's customers and under its
    laws.

    In the shop a coin decides who gets the coupon. Here a marketer does: the more orders in the eight weeks
    before, the likelier the coupon. Who ordered lately orders again with or without it, so those with the
    coupon would look better even if it did nothing. What each customer does with and without is known from
    the laws.

    Parameters
    ----------
    pool : pandas.DataFrame
        One row per customer: ``recent_orders`` (level), ``p_sent``, ``p_with``, ``p_without``.
    """

    pool: pd.DataFrame

    GRAPH = Graph(
        [
            ("engagement", "recent_orders"),
            ("engagement", "ordered"),
            ("recent_orders", "sent"),
            ("sent", "ordered"),
        ]
    )
    """engagement (persona, rate, state) is not observed."""

    LEVELS = ("none", "one", "two or more")

    @classmethod
    def of_shop(
        cls, shop, laws=None, week: int = CAMPAIGN_WEEK, send=(0.1, 0.4, 0.8)
    ) -> "ConfoundedCampaign":
        """The campaign in a shop.

        Parameters
        ----------
        shop : Shop
        laws : Laws, optional
        week : int
            One with a campaign; its kind decides the effects.
        send : three floats
            Probability of the coupon with no, one, two or more orders in the eight weeks before.

        Raises
        ------
        InputError
            A week without a campaign, probabilities that leave a group without comparison.
        """
        from bigmkt_helpers.shop.behaviour import Customers, states_at
        from bigmkt_helpers.shop.world import cutoff, default_laws

        laws = default_laws() if laws is None else laws
        send = np.asarray(send, dtype=float)
        if send.shape != (3,) or not ((send > 0) & (send < 1)).all():
            raise InputError(
                f"send is {send.tolist()}: give three probabilities between 0 and 1, both excluded."
            )
        place = laws.campaign_in(week)
        if place < 0:
            raise InputError(f"Week {week} has no campaign: take one of 6, 14, 22, …, 102.")
        people = Customers.from_tables(shop.customers, shop.truth_customers)
        people = people.take(np.flatnonzero(people.join_week < week - 8))
        orders = shop.orders[
            (shop.orders["order_time"] >= cutoff(week - 8)) & (shop.orders["order_time"] < cutoff(week))
        ]
        n = orders.groupby("customer_id")["order_id"].nunique().reindex(people.customer_id, fill_value=0)
        recent = np.minimum(n.to_numpy(), 2)
        states = states_at(shop.truth_states, people.customer_id, week)
        effects = laws.campaign_effect[laws.campaign_kind[place], people.persona]
        return cls(
            pd.DataFrame(
                {
                    "recent_orders": pd.Categorical.from_codes(recent, list(cls.LEVELS), ordered=True),
                    "p_sent": send[recent],
                    "p_with": laws.order_probability(people.rate, states, week, effects),
                    "p_without": laws.order_probability(people.rate, states, week),
                },
                index=pd.Index(people.customer_id, name="customer_id"),
            )
        )

    @property
    def true_effect(self) -> float:
        """Mean of P(order | with) − P(order | without) over the pool: what do() would show."""
        return float((self.pool["p_with"] - self.pool["p_without"]).mean())

    @property
    def naive_limit(self) -> float:
        """What P(ordered | sent) − P(ordered | not sent) comes to with ever more rows."""
        p, sent = self.pool, self.pool["p_sent"]
        return float(np.average(p["p_with"], weights=sent) - np.average(p["p_without"], weights=1 - sent))

    def simulate(self, n: int = 4000, random_state: int = 0) -> pd.DataFrame:
        """Customers drawn from the pool with replacement, and what became of them: the shop's log.

        Returns
        -------
        pandas.DataFrame
            ``recent_orders``, ``sent``, ``ordered``.
        """
        draw = _checks.generator(random_state)
        rows = self.pool.iloc[draw.integers(len(self.pool), size=_checks.whole(n, "n"))]
        coin, chance = draw.random((2, n))
        sent = coin < rows["p_sent"].to_numpy()
        ordered = chance < np.where(sent, rows["p_with"], rows["p_without"])
        yes = ["no", "yes"]
        return pd.DataFrame(
            {
                "recent_orders": rows["recent_orders"].array,
                "sent": pd.Categorical.from_codes(sent.astype(int), yes, ordered=True),
                "ordered": pd.Categorical.from_codes(ordered.astype(int), yes, ordered=True),
            }
        )


# --- the common question -------------------------------------------------------------------------------

TIMING = {
    "recency": [1, 2, 4, 8, 13],
    "orders": [2, 3, 5, 9, 16],
    "recent_orders": [1, 2, 3, 5],
    "sessions": [0, 1, 3, 6, 11],
}
"""Numbers among the features and where they are cut (weeks, orders, orders in 8 weeks, sessions in 4
weeks)."""

CATEGORICAL = ("last", "before_last", "favourite", "viewed")
"""Features that are categories."""


def forecast_features(tables, customers, cutoff) -> pd.DataFrame:
    """What the network of the common question knows of a customer; a feature function for `CommonQuestion`.

    Parameters
    ----------
    tables : dict of DataFrames
        ``orders``, ``sessions``, ``customers``; rows from the cutoff on are passed over.
    customers : pandas.Index
    cutoff : pandas.Timestamp

    Returns
    -------
    pandas.DataFrame
        Numbers: ``recency`` (weeks), ``orders``, ``recent_orders`` (in 8 weeks), ``sessions`` (in 4 weeks; −1
        for who does not use the app). Categories, "none" where there is none: ``last`` and ``before_last``
        (of the first lines), ``favourite`` (most lines), ``viewed`` (most sessions in 8 weeks). Ties go to
        the later.
    """
    week = pd.Timedelta(weeks=1)
    lines = tables["orders"]
    lines = lines[lines["order_time"] < cutoff].sort_values(["order_time", "order_id", "line_number"])
    heads = lines.drop_duplicates("order_id")
    weeks = (cutoff - heads["order_time"]) / week
    by = weeks.groupby(heads["customer_id"])
    table = pd.DataFrame({"recency": by.min(), "orders": by.size()}).reindex(customers)
    table["recent_orders"] = (weeks <= 8).groupby(heads["customer_id"]).sum().reindex(customers)
    views = tables["sessions"]
    views = views[views["timestamp"] < cutoff].sort_values(["timestamp", "session_id"])
    views = views.drop_duplicates("session_id")
    late = views[views["timestamp"] >= cutoff - 4 * week]
    uses = tables["customers"].set_index("customer_id")["app_user"].reindex(customers).to_numpy(dtype=bool)
    n = late.groupby("customer_id").size().reindex(customers, fill_value=0)
    table["sessions"] = np.where(uses, n, -1)
    newest = heads.iloc[::-1]
    table["last"] = newest.groupby("customer_id")["category"].nth(0).set_axis(_nth_owner(newest, 0))
    table["before_last"] = newest.groupby("customer_id")["category"].nth(1).set_axis(_nth_owner(newest, 1))
    table["favourite"] = _most(lines, "order_time").reindex(customers)
    table["viewed"] = _most(views[views["timestamp"] >= cutoff - 8 * week], "timestamp").reindex(customers)
    for column in CATEGORICAL:
        table[column] = table[column].fillna("none").astype("str")
    return table


def _nth_owner(rows, n):
    return rows.groupby("customer_id")["customer_id"].nth(n).to_numpy()


def _most(rows, time):
    """Each customer's most frequent category; of equals the one seen last."""
    counts = rows.groupby(["customer_id", "category"])[time].agg(["size", "max"]).reset_index()
    counts = counts.sort_values(["customer_id", "size", "max", "category"])
    return counts.drop_duplicates("customer_id", keep="last").set_index("customer_id")["category"]


def naive_graph(rows: pd.DataFrame) -> Graph:
    """Naive Bayes as a graph: the answer points at every feature, and no feature at another.

    Examples
    --------
    >>> naive_graph(pd.DataFrame({"answer": ["tea"], "last": ["tea"], "orders": ["< 2"]}))
    Graph of 3 nodes: answer -> last, answer -> orders
    """
    features = [column for column in rows.columns if column != "answer"]
    return Graph([("answer", column) for column in features], nodes=["answer", *features])


def network_forecast(
    question, t=None, graph=naive_graph, strength: float = 100.0, calibrate: bool = True, guard: bool = False
) -> pd.DataFrame:
    """The common question answered by a Bayesian network over banded features.

    Bands are fixed, tables (and the graph, if it is learned) come from the cutoffs earlier than `t`. A
    network that takes features for independent counts the same evidence several times and is far too sure;
    so, with `calibrate`, a first network learned without the last two of these cutoffs predicts these two,
    and what brings its probabilities in line with their answers is applied to the forecast.

    Parameters
    ----------
    question : CommonQuestion
        With the tables ``sessions`` and ``customers`` (`CommonQuestion.of_shop` has them).
    t : label, optional
        The cutoff; the test without it.
    graph : callable
        Takes the banded features and "answer" as one table, returns a `Graph` over some of its columns,
        "answer" among them: `naive_graph`, or ``lambda rows: hill_climb(rows).graph``.
    strength : float
        Of the BDeu prior of the tables, in customers.
    calibrate : bool
    guard : bool
        Whether `CommonQuestion.guard` looks at the features first (four more runs of them).

    Returns
    -------
    pandas.DataFrame
        Index: customers at `t`; columns: outcomes; rows sum to 1.

    Raises
    ------
    InputError
        Fewer than three earlier cutoffs to learn from and to calibrate on; a graph without "answer".
    """
    from bigmkt_helpers.information.calibration import VectorScaling

    earlier = question.earlier(t)
    if len(earlier) < (3 if calibrate else 1):
        raise InputError(
            f"There are {len(earlier)} earlier cutoffs to learn from: it takes 1, and 3 with calibrate=True."
        )
    features, answers = question.training(forecast_features, t, guard=guard)
    bands = Discretiser(TIMING).fit(features)
    rows = bands.transform(features).assign(answer=answers)
    now = bands.transform(question.features(forecast_features, t, guard=False))
    known = [*question.categories, "none"]
    levels = {"answer": question.outcomes, **dict.fromkeys(CATEGORICAL, known), **bands.levels_}

    def learned(part):
        for column, names in levels.items():
            part = part.assign(**{column: pd.Categorical(part[column], names, ordered=True)})
        made = graph(part)
        if "answer" not in made.nodes:
            raise InputError("The graph has no node 'answer': it must hold what is to be predicted.")
        return fit_tables(made, part, levels, prior="bdeu", strength=strength)

    found = predict(learned(rows), now, "answer")
    if calibrate:
        late = rows.index.get_level_values(0).isin(earlier[-2:])
        before = predict(learned(rows[~late]), rows[late], "answer")
        found = (
            VectorScaling()
            .fit(before[question.outcomes], rows.loc[late, "answer"])
            .transform(found[question.outcomes])
        )
    return found[question.outcomes].rename_axis(columns=None)
