"""What is true of the simulated shop, and what the best possible observer could know of it.

Two ceilings of the common question ("which category does this customer buy from next, or nothing?").
`omniscient` knows each customer's hidden state, rate and taste; only the future's coins are left. The *ideal
observer* (`observe`) knows the laws but of the customers only what the shop recorded; it applies Bayes' rule
without approximation, but for the sum over order rates (a rule with a spectral error, see `rate_nodes`).

How the observer is exact. Given the persona k, three parts of the record are independent: demographics (a
table look-up), the timing of orders and sessions (`timing_posterior`, a forward filter over the engagement
states for each rate), and the categories (`taste_posterior`). Every recorded category has a likelihood that
is linear in the taste, a·θ_c + b, so the likelihood of all of them is a product of one polynomial per
category, and a Dirichlet's moments integrate it term by term. All terms are positive: nothing cancels.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp, xlogy

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.shop.behaviour import AGE_BANDS, GENDERS, Customers, states_at
from bigmkt_helpers.shop.world import (
    CATEGORIES,
    CUTOFF_WEEKS,
    HORIZON_WEEKS,
    NOTHING,
    WINDOW_WEEKS,
    catalogue,
    cutoff,
    week_of,
)

__all__ = [
    "CAUSAL_GRAPH",
    "Posterior",
    "Record",
    "answers_table",
    "eligible",
    "first_answers",
    "margins",
    "observe",
    "observer_table",
    "omniscient",
    "potential_answers",
    "rate_nodes",
    "recorded",
    "taste_posterior",
    "timing_posterior",
]

CAUSAL_GRAPH = (
    ("persona", "age_band"),
    ("persona", "city_tier"),
    ("persona", "gender"),
    ("persona", "taste"),
    ("persona", "rate"),
    ("persona", "email_consent"),
    ("persona", "response"),
    ("persona", "coupon_effect"),
    ("email_consent", "campaign_sent"),
    ("campaign_sent", "response"),
    ("response", "order"),
    ("rate", "order"),
    ("season", "order"),
    ("state", "order"),
    ("join", "order"),
    ("join", "state"),
    ("state", "next_state"),
    ("join", "next_state"),
    ("app_user", "sessions"),
    ("state", "sessions"),
    ("app_user", "order_channel"),
    ("order", "order_channel"),
    ("order", "category"),
    ("taste", "category"),
    ("trend", "category"),
    ("last_category", "category"),
    ("category", "product"),
    ("style", "product"),
    ("product", "partner_line"),
    ("taste", "further_lines"),
    ("style", "further_lines"),
    ("product", "further_lines"),
    ("partner_line", "further_lines"),
    ("sessions", "session_focus"),
    ("taste", "session_focus"),
    ("trend", "session_focus"),
    ("campaign_sent", "unit_price"),
    ("product", "unit_price"),
    ("product", "return"),
    ("product", "rating"),
    ("style", "rating"),
)
"""Who listens to whom in one week of the simulation: pairs (cause, effect); what is not listed is no edge.

"response" is what a received campaign adds to the log rate of that week, "join" that the customer joins in
this week, "state" the engagement in this week; "gone" in "next_state" is churn, so churn depends on the state
and on having just joined, and not on the purchases themselves.
"""

# --- the omniscient answer ------------------------------------------------------------------------------


def omniscient(laws, customers, states, last_category, week, horizon=HORIZON_WEEKS) -> np.ndarray:
    """P(category of the first line of the first order in the horizon, or nothing), from the hidden truth.

    The vector P(state, nothing bought yet) is carried from week to week; what leaves it in a week is spread
    by the category law of that week. The coin of a campaign in the horizon is averaged over.

    Parameters
    ----------
    laws : Laws
    customers : Customers
        Their ``persona``, ``rate``, ``taste`` and ``email_consent`` are read.
    states : int array (n,)
        State of engagement in the week ``week``, as `behaviour.states_at` gives it.
    last_category : int array (n,)
        Category of the first line of the last order; −1 if there was none.
    week : int
        First week of the horizon.
    horizon : int
        Weeks.

    Returns
    -------
    numpy.ndarray of shape (n, C + 1)
        Columns as in ``world.OUTCOMES``; rows sum to 1. Memory grows with n only.

    Raises
    ------
    InputError
        A horizon outside the simulated weeks, or arrays of different lengths.

    Examples
    --------
    >>> from bigmkt_helpers.shop.behaviour import simulate
    >>> from bigmkt_helpers.shop.world import default_laws
    >>> shop = simulate(20, seed=3)
    >>> people = Customers.from_tables(shop.customers, shop.truth_customers).take([0, 0])
    >>> p = omniscient(default_laws(), people, states=[0, 3], last_category=[5, 5], week=80)
    >>> p.shape, p[1, -1]
    ((2, 13), np.float64(1.0))
    """
    _check_horizon(laws, week, horizon)
    states, last = np.asarray(states, dtype=np.int64), np.asarray(last_category, dtype=np.int64)
    n = len(customers.persona)
    if len(states) != n or len(last) != n:
        raise InputError(
            f"There are {n} customers, {len(states)} states and {len(last)} last categories: "
            "give one of each per customer."
        )
    nothing = np.eye(len(laws.state_rate))[states]
    out = np.zeros((n, laws.trend.shape[1] + 1))
    for w in range(week, week + horizon):
        intensity = customers.rate[:, None] * laws.state_rate * laws.season[w]
        buys = -np.expm1(-intensity)
        campaign = np.flatnonzero(laws.campaign_weeks == w)
        if len(campaign):
            effect = laws.campaign_effect[laws.campaign_kind[campaign[0]], customers.persona]
            sent = -np.expm1(-intensity * np.exp(effect)[:, None])
            share = np.where(customers.email_consent, laws.campaign_share, 0.0)[:, None]
            buys = (1 - share) * buys + share * sent
        first = (nothing * buys).sum(axis=1)
        out[:, :-1] += first[:, None] * _first_line(laws, customers.taste, last, w)
        nothing = (nothing * (1 - buys)) @ laws.transition
    out[:, -1] = nothing.sum(axis=1)
    return out


def _first_line(laws, taste, last, week):
    """Category law of the first line; unlike ``Laws.first_line`` for any number of categories."""
    slope, intercept = _line_terms(laws, last, week)
    return slope[:, None] * taste + intercept


def _line_terms(laws, last, week):
    """a (n,) and b (n, C) of P(c) = a·θ_c + b_c in the given week or weeks."""
    last = np.asarray(last)
    intercept = np.broadcast_to(laws.trend_share * laws.trend[week], (len(last), laws.trend.shape[1])).copy()
    seen = np.flatnonzero(last >= 0)
    intercept[seen, laws.follow[last[seen]]] += laws.follow_share
    return np.where(last >= 0, laws.own_share, laws.own_share + laws.follow_share), intercept


def _check_horizon(laws, week, horizon):
    if not 0 < week <= week + horizon <= len(laws.season):
        raise InputError(
            f"The weeks {week} to {week + horizon - 1} are not all simulated: "
            f"the history has the weeks 0 to {len(laws.season) - 1}."
        )


# --- the ideal observer ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Record:
    """What the shop recorded of n customers before a cutoff, as arrays: all that the ideal observer sees.

    Attributes
    ----------
    customer_id : int64 array (n,)
    age, tier, gender : int array (n,)
        Codes, the columns of ``Laws.age_share`` and so on.
    consent, app : bool array (n,)
    join_week : int array (n,)
    ordered : bool array (n, weeks)
        Whether the customer ordered in each week before the cutoff.
    sessions : int array (n, weeks)
        Number of app sessions in each week.
    sent : bool array (n, J)
        Whether the campaign was sent to the customer.
    last : int array (n,)
        Category of the first line of the last order.
    line_customer, line_category, line_slope, line_intercept : arrays (events,)
        The recorded categories: place of the customer, category, and a and b of the likelihood a·θ_c + b.
    """

    customer_id: np.ndarray
    age: np.ndarray
    tier: np.ndarray
    gender: np.ndarray
    consent: np.ndarray
    app: np.ndarray
    join_week: np.ndarray
    ordered: np.ndarray
    sessions: np.ndarray
    sent: np.ndarray
    last: np.ndarray
    line_customer: np.ndarray
    line_category: np.ndarray
    line_slope: np.ndarray
    line_intercept: np.ndarray


@dataclass(frozen=True, eq=False)
class Posterior:
    """What the ideal observer concludes.

    Attributes
    ----------
    customer_id : int64 array (n,)
    probability : array (n, C + 1)
        Of the outcomes of the common question.
    persona : array (n, K)
        P(persona | record).
    taste : array (n, C)
        E(taste | record).
    first_order : array (n, horizon)
        P(the first order of the horizon falls in each of its weeks | record).
    """

    customer_id: np.ndarray
    probability: np.ndarray
    persona: np.ndarray
    taste: np.ndarray
    first_order: np.ndarray


def observe(laws, record: Record, week: int, horizon: int = HORIZON_WEEKS, n_rates: int = 80) -> Posterior:
    """The ideal observer: Bayes' rule under the true laws, given what the shop recorded before a cutoff.

    Parameters
    ----------
    laws : Laws
    record : Record
        Every customer has ordered at least once.
    week : int
        First week of the horizon; the record ends where it begins.
    horizon : int
        Weeks.
    n_rates : int
        Nodes of the sum over order rates.

    Returns
    -------
    Posterior

    Raises
    ------
    InputError
        A horizon outside the simulated weeks; a record that is impossible under the laws.
    """
    _check_horizon(laws, week, horizon)
    n = len(record.customer_id)
    timing, first = timing_posterior(laws, record, week, horizon, n_rates)
    alpha = laws.taste_concentration * laws.persona_taste + laws.taste_floor
    category, taste = taste_posterior(
        alpha, n, record.line_customer, record.line_category, record.line_slope, record.line_intercept
    )
    with np.errstate(divide="ignore"):
        table = np.log(laws.age_share)[:, record.age] + np.log(laws.tier_share)[:, record.tier]
        table += np.log(laws.gender_share)[:, record.gender]
        table += np.log(
            np.where(record.consent, laws.consent_share[:, None], 1 - laws.consent_share[:, None])
        )
        evidence = np.log(laws.persona_share) + table.T + timing + category
    with np.errstate(invalid="ignore"):
        persona = np.exp(evidence - logsumexp(evidence, axis=1, keepdims=True))
    impossible = ~np.isfinite(persona).all(axis=1)
    if impossible.any():
        raise InputError(
            f"The record of customer {record.customer_id[impossible.argmax()]} cannot happen under these "
            "laws: check that the tables and the laws belong together."
        )
    # given the persona, when and what are independent: P(c in week w) = first[k, w] · (a E[θ_c | k] + b_c)
    joint = persona[:, :, None] * first
    probability = np.zeros((n, alpha.shape[1] + 1))
    for step in range(horizon):
        slope, intercept = _line_terms(laws, record.last, week + step)
        probability[:, :-1] += slope[:, None] * np.einsum("nk,nkc->nc", joint[:, :, step], taste)
        probability[:, :-1] += joint[:, :, step].sum(axis=1)[:, None] * intercept
    probability[:, -1] = 1 - joint.sum(axis=(1, 2))
    return Posterior(
        customer_id=record.customer_id,
        probability=probability,
        persona=persona,
        taste=np.einsum("nk,nkc->nc", persona, taste),
        first_order=joint.sum(axis=1),
    )


def rate_nodes(shape: float, means, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for sums over gamma distributed order rates, common to all personas.

    The trapezoid rule in log(rate): the integrand falls off smoothly at both ends, where this rule converges
    faster than any power of the spacing. Gauss–Laguerre needs more nodes here, because it spreads them over
    the prior while a long record leaves a narrow posterior.

    Parameters
    ----------
    shape : float
        Of the gamma distributions.
    means : array (K,)
        Their means.
    n_nodes : int

    Returns
    -------
    nodes : array (n_nodes,)
    weights : array (K, n_nodes)
        Each row sums to 1.

    References
    ----------
    Trefethen, L. N., & Weideman, J. A. C. (2014). The exponentially convergent trapezoidal rule. SIAM Review,
    56(3), 385-458 (unverified).

    Examples
    --------
    >>> nodes, weights = rate_nodes(1.2, [0.35, 0.2], 64)
    >>> (weights @ nodes).round(6).tolist()
    [0.35, 0.2]
    """
    scale = np.asarray(means, dtype=float) / shape
    # at these ends the density in log(rate), ∝ (r/scale)^shape e^(−r/scale), has fallen to about 1e-6
    log_node = np.linspace(
        np.log(scale.min()) - 14 / shape, np.log(scale.max()) + np.log(14 + 4 * shape), n_nodes
    )
    nodes = np.exp(log_node)
    log_weight = shape * (log_node - np.log(scale)[:, None]) - nodes / scale[:, None]
    weights = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return nodes, weights / weights.sum(axis=1, keepdims=True)


def timing_posterior(laws, record: Record, week: int, horizon: int, n_rates: int = 80, block: int = 128):
    """When: evidence of the record's timing for each persona, and when the first order of the horizon comes.

    A forward filter over the states of engagement, for every persona and rate at once: the likelihood of a
    week is that of its order (or none), given the campaign, times the Poisson probability of its sessions.

    Parameters
    ----------
    laws : Laws
    record : Record
    week, horizon : int
    n_rates : int
        Nodes of the sum over rates.
    block : int
        Customers at a time; memory is about 30 · block · K · n_rates numbers.

    Returns
    -------
    log_evidence : array (n, K)
        log P(orders, sessions by week | persona, campaigns), natural logarithm.
    first_order : array (n, K, horizon)
        P(first order of the horizon in that week | persona, record).
    """
    nodes, weights = rate_nodes(laws.rate_shape, laws.persona_rate, n_rates)
    n, n_personas = len(record.customer_id), len(laws.persona_rate)
    evidence, first = np.empty((n, n_personas)), np.empty((n, n_personas, horizon))
    by_age = np.argsort(record.join_week, kind="stable")
    laws_of_week = {
        w: _order_law(laws, nodes, w) for w in range(int(record.join_week.min(initial=week)), week + horizon)
    }
    for start in range(0, n, block):
        rows = by_age[start : start + block]
        alpha, log_scale = _filter(laws, record, rows, week, weights, laws_of_week)
        shape = (len(rows), n_personas, -1)
        total = alpha.sum(axis=1).reshape(shape).sum(axis=2)
        with np.errstate(divide="ignore"):
            evidence[rows] = np.log(total) + log_scale[:, None]
        # before the coin of a campaign has fallen: its average, for those who may get it
        coin = np.where(record.consent[rows], laws.campaign_share, 0.0)[:, None, None]
        for step in range(horizon):
            buys = laws_of_week[week + step]
            bought = alpha * (buys[0] + coin * (buys[1] - buys[0]) if len(buys) == 2 else buys[0])
            # a persona under which the record is impossible has no future: 0, and weight 0 later
            first[rows, :, step] = bought.sum(axis=1).reshape(shape).sum(axis=2) / np.where(
                total > 0, total, 1
            )
            alpha = laws.transition.T @ (alpha - bought)
    return evidence, first


def _order_law(laws, nodes, week):
    """P(an order in the week), shape (V, S, K·Q): V = 1, or 2 (not sent, sent) in the week of a campaign."""
    n_personas = len(laws.persona_rate)
    effects = [np.zeros(n_personas)]
    campaign = np.flatnonzero(laws.campaign_weeks == week)
    if len(campaign):
        effects.append(laws.campaign_effect[laws.campaign_kind[campaign[0]]])
    by_persona = np.exp(np.array(effects))[:, None, :, None] * nodes
    law = -np.expm1(-laws.season[week] * laws.state_rate[:, None, None] * by_persona)
    return law.reshape(len(effects), len(laws.state_rate), -1)


def _filter(laws, record, rows, week, weights, laws_of_week):
    """P(record before the week, state at its beginning, persona, rate), (n, S, K·Q), and its log scale (n,).

    The customers come in the order in which they joined, so those already here are always the first so many.
    """
    join = record.join_week[rows]
    alpha = np.empty((len(rows), len(laws.state_rate), weights.size))
    log_scale = np.zeros(len(rows))
    after_join = laws.transition * (1 - laws.one_and_done)
    after_join[:, -1] += laws.one_and_done
    app = record.app[rows]
    for w in range(int(join[0]), week):
        old, here = np.searchsorted(join, [w, w], side="left")[0], np.searchsorted(join, w, side="right")
        alpha[old:here] = laws.initial_state[:, None] * weights.reshape(1, 1, -1)
        who = rows[:here]
        if old:
            buys = laws_of_week[w]
            kind = record.ordered[who[:old], w].astype(np.int64)
            if len(buys) == 2:
                kind += 2 * record.sent[who[:old], np.flatnonzero(laws.campaign_weeks == w)[0]]
            alpha[:old] *= np.stack([1 - buys, buys], axis=1).reshape(-1, *buys.shape[1:])[kind]
        # the number of sessions says something of the state, where there is an app
        count = record.sessions[who, w][:, None]
        log_visits = xlogy(count, laws.session_rate) - laws.session_rate - gammaln(count + 1)
        alpha[:here] *= np.where(app[:here, None], np.exp(log_visits), 1.0)[:, :, None]
        alpha[:old] = laws.transition.T @ alpha[:old]
        alpha[old:here] = after_join.T @ alpha[old:here]
        if w % 4 == 3 or w == week - 1:
            scale = alpha[:here].max(axis=(1, 2))
            alpha[:here] /= np.where(scale > 0, scale, 1)[:, None, None]
            with np.errstate(divide="ignore"):
                log_scale[:here] += np.log(scale)
    return alpha, log_scale


def taste_posterior(alpha, n, customer, category, slope, intercept, block: int = 4_000_000):
    """What: evidence of the recorded categories under Dirichlet tastes, and the mean taste given them.

    The likelihood of one recorded category c is slope · θ_c + intercept, that of all of them a product of one
    polynomial in θ_c per category. With E ∏ θ_c^{n_c} = Γ(A)/Γ(A + N) ∏ Γ(α_c + n_c)/Γ(α_c), A = Σ α_c and
    N = Σ n_c, the integral needs the polynomials only by total degree N: their coefficients, times
    Γ(α_c + n)/Γ(α_c), are convolved over the categories. Every term is positive. Events with intercept 0 do
    not raise the degree: they are added to α, as for a multinomial.

    Parameters
    ----------
    alpha : array (K, C)
        Parameters of the Dirichlet distribution of each persona.
    n : int
        Number of customers.
    customer, category : int arrays (events,)
        Place of the customer (0 … n − 1) and category of each event.
    slope, intercept : arrays (events,)
        At least 0, not both 0.
    block : int
        Numbers held at a time.

    Returns
    -------
    log_evidence : array (n, K)
        Natural logarithm of the integral.
    mean : array (n, K, C)
        E(θ | events, persona).

    References
    ----------
    The moments of a Dirichlet distribution: Kotz, S., Balakrishnan, N., & Johnson, N. L. (2000). Continuous
    multivariate distributions, vol. 1, ch. 49. Wiley (unverified).

    Examples
    --------
    Two categories, a flat prior, one pure event of the first: θ is Beta(2, 1).

    >>> evidence, mean = taste_posterior(np.ones((1, 2)), 1, [0], [0], [1.0], [0.0])
    >>> np.exp(evidence).round(6).tolist(), mean.round(6).tolist()
    ([[0.5]], [[[0.666667, 0.333333]]])
    """
    alpha = np.asarray(alpha, dtype=float)
    customer, category = np.asarray(customer, dtype=np.int64), np.asarray(category, dtype=np.int64)
    slope, intercept = np.asarray(slope, dtype=float), np.asarray(intercept, dtype=float)
    if (slope < 0).any() or (intercept < 0).any() or (slope + intercept <= 0).any():
        raise InputError("slope and intercept must be at least 0, and not both 0, for every event.")
    n_personas, n_categories = alpha.shape
    place = customer * n_categories + category
    pure = intercept == 0
    count = np.bincount(place[pure], minlength=n * n_categories).reshape(n, 1, n_categories)
    raised = alpha + count
    evidence = gammaln(alpha.sum(axis=1)) - gammaln(raised.sum(axis=2))
    evidence = evidence + (gammaln(raised) - gammaln(alpha)).sum(axis=2)
    evidence += np.bincount(customer[pure], np.log(slope[pure]), minlength=n)[:, None]

    mixed = np.flatnonzero(~pure)
    mixed = mixed[np.argsort(place[mixed], kind="stable")]
    place, slope, intercept = place[mixed], slope[mixed], intercept[mixed]
    degree = np.bincount(place, minlength=n * n_categories).reshape(n, n_categories)
    begin = np.concatenate([[0], np.cumsum(degree)])[:-1].reshape(n, n_categories)
    mean = np.empty(raised.shape)
    # customers with about as many events side by side, so that little is padded
    order, total = np.argsort(degree.sum(axis=1), kind="stable"), degree.sum(axis=1)
    stop = n
    while stop:
        size = 2 * n_categories * n_personas * (int(total[order[stop - 1]]) + 1)
        start = max(0, stop - max(1, block // size))
        rows = order[start:stop]
        log_value, mean[rows] = _integrate(raised[rows], degree[rows], begin[rows], slope, intercept)
        evidence[rows] += log_value
        stop = start
    return evidence, mean


def _integrate(alpha, degree, begin, slope, intercept):
    """Integrals over Dirichlet(alpha) of ∏(slope θ_c + intercept): log value (m, K), mean taste (m, K, C)."""
    m, n_personas, n_categories = alpha.shape
    most = int(degree.sum(axis=1).max())
    total = alpha.sum(axis=2)
    # θ_c is measured in units of 1/(A + N): then no polynomial grows or shrinks fast with its degree
    unit = 1 / (total + degree.sum(axis=1)[:, None])
    factors = [
        _polynomial(alpha[:, :, c], degree[:, c], begin[:, c], slope, intercept, unit)
        for c in range(n_categories)
    ]
    log_unit = sum(log for _, log in factors)
    # ahead[c]: the product of the factors before c
    ahead, log_ahead = [np.ones((m, n_personas, 1))], [np.zeros((m, n_personas))]
    for polynomial, _ in factors[:-1]:
        product, log = _normalised(_multiply(ahead[-1], polynomial, most + 1))
        ahead.append(product)
        log_ahead.append(log_ahead[-1] + log)
    # behind: what a term of degree N before c is worth after all factors from c on. One degree more than the
    # evidence needs, because Σ_c E[θ_c ∏] = E[∏] then gives the evidence too.
    powers = np.arange(most + 1)
    log_behind = gammaln(total)[:, :, None] - gammaln(total[:, :, None] + powers + 1)
    log_behind = log_behind - (powers * np.log(unit)[:, :, None])
    shift = log_behind.max(axis=2)
    behind = np.exp(log_behind - shift[:, :, None])
    log_mean = np.empty(alpha.shape)
    for c in reversed(range(n_categories)):
        polynomial = factors[c][0]
        width = ahead[c].shape[2]
        one_more = np.zeros((m, n_personas))
        before = np.zeros(ahead[c].shape)
        for j in range(min(polynomial.shape[2], behind.shape[2])):
            reach = min(width, behind.shape[2] - j)
            worth = behind[:, :, j : j + reach] * polynomial[:, :, j, None]
            before[:, :, :reach] += worth
            one_more += (alpha[:, :, c] + j) * np.einsum("mkn,mkn->mk", worth, ahead[c][:, :, :reach])
        log_mean[:, :, c] = np.log(one_more) + log_ahead[c] + shift
        behind, log = _normalised(before)
        shift = shift + log
    log_value = logsumexp(log_mean, axis=2)
    return log_value + log_unit, np.exp(log_mean - log_value[:, :, None])


def _polynomial(alpha, degree, begin, slope, intercept, unit):
    """Coefficients of ∏(slope·θ + intercept), each times Γ(α + j)/Γ(α)·unit^j, scaled to a largest of 1."""
    most = int(degree.max(initial=0))
    out = np.zeros((*alpha.shape, most + 1))
    out[:, :, 0] = 1
    log_scale = np.zeros(alpha.shape)
    rising = (alpha[:, :, None] + np.arange(most)) * unit[:, :, None]
    for event in range(most):
        rows = np.flatnonzero(degree > event)
        a, b = (values[begin[rows] + event][:, None, None] for values in (slope, intercept))
        part = out[rows, :, : event + 2] * b
        part[:, :, 1:] += a * rising[rows, :, : event + 1] * out[rows, :, : event + 1]
        out[rows, :, : event + 2], log = _normalised(part)
        log_scale[rows] += log
    return out, log_scale


def _multiply(left, right, width):
    """Products of polynomials along the last axis, up to ``width`` coefficients (the others are 0)."""
    out = np.zeros((*left.shape[:2], min(width, left.shape[2] + right.shape[2] - 1)))
    for j in range(min(right.shape[2], width)):
        reach = min(left.shape[2], out.shape[2] - j)
        out[:, :, j : j + reach] += left[:, :, :reach] * right[:, :, j, None]
    return out


def _normalised(values):
    """Values with a largest of 1 along the last axis, and the logarithm of what was divided out."""
    scale = values.max(axis=-1)
    return values / scale[..., None], np.log(scale)


# --- from the tables of a shop --------------------------------------------------------------------------


def eligible(orders: pd.DataFrame, week: int) -> np.ndarray:
    """Customers who are asked about at the beginning of a week: last order within the 26 weeks before.

    Parameters
    ----------
    orders : pandas.DataFrame
        Lines: ``order_id``, ``line_number``, ``customer_id``, ``order_time``, ``category``.
    week : int

    Returns
    -------
    int64 array
        Sorted ids.
    """
    time = orders["order_time"]
    recent = (time >= cutoff(week - WINDOW_WEEKS)) & (time < cutoff(week))
    return np.sort(orders.loc[recent, "customer_id"].unique())


def first_answers(orders: pd.DataFrame, customer_ids, week: int, horizon: int = HORIZON_WEEKS) -> np.ndarray:
    """What happened: category code of line 1 of each customer's first order of the horizon, 12 for nothing.

    Parameters
    ----------
    orders : pandas.DataFrame
        Lines, as for `eligible`.
    customer_ids : array (n,)
    week, horizon : int

    Returns
    -------
    int64 array (n,)
    """
    time = orders["order_time"]
    heads = orders[(orders["line_number"] == 1) & (time >= cutoff(week)) & (time < cutoff(week + horizon))]
    heads = heads.sort_values(["order_time", "order_id"]).drop_duplicates("customer_id")
    found = pd.Series(_codes(heads["category"], CATEGORIES), index=heads["customer_id"])
    return found.reindex(np.asarray(customer_ids), fill_value=len(CATEGORIES)).to_numpy(np.int64)


def _last_heads(orders, customer_ids, week):
    """Category code of the first line of the last order before a week."""
    heads = orders[(orders["line_number"] == 1) & (orders["order_time"] < cutoff(week))]
    heads = heads.sort_values(["order_time", "order_id"]).drop_duplicates("customer_id", keep="last")
    found = pd.Series(_codes(heads["category"], CATEGORIES), index=heads["customer_id"])
    return found.reindex(np.asarray(customer_ids), fill_value=-1).to_numpy(np.int64)


def _codes(labels, names):
    """Place of each label among the names."""
    codes = pd.Index(names).get_indexer(pd.Index(labels))
    if (codes < 0).any():
        raise InputError(f"{pd.Index(labels)[codes < 0][0]!r} is none of {', '.join(names)}.")
    return codes.astype(np.int64)


def _answer_frame(week, ids, answers, probability):
    """The form of the tables truth_answers and truth_observer."""
    names = np.array([*CATEGORIES, NOTHING], dtype=object)
    return pd.DataFrame(
        {
            "cutoff": np.full(len(ids), week, dtype=np.int16),
            "customer_id": ids,
            "answer": pd.Series(names[answers], dtype="str"),
            "p_nothing": probability[:, -1],
            **{f"p_{name}": probability[:, c] for c, name in enumerate(CATEGORIES)},
        }
    )


def answers_table(laws, shop, weeks=CUTOFF_WEEKS) -> pd.DataFrame:
    """The omniscient probabilities of the common question, and what happened, at several cutoffs.

    Parameters
    ----------
    laws : Laws
        Those the shop was simulated with.
    shop : Shop
        Its ``customers``, ``orders``, ``truth_customers`` and ``truth_states`` are read. For a shop that does
        not fit into memory, call this for each block of customers.
    weeks : sequence of int
        Cutoffs.

    Returns
    -------
    pandas.DataFrame
        ``cutoff`` (week), ``customer_id``, ``answer``, ``p_nothing``, ``p_tea`` …; eligible customers only.

    Examples
    --------
    >>> from bigmkt_helpers.shop.behaviour import simulate
    >>> from bigmkt_helpers.shop.world import default_laws
    >>> table = answers_table(default_laws(), simulate(60, seed=3), weeks=[100])
    >>> bool(np.allclose(table.filter(like="p_").sum(axis=1), 1))
    True
    """
    people = Customers.from_tables(shop.customers, shop.truth_customers)
    place = pd.Index(people.customer_id)
    parts = []
    for week in weeks:
        ids = eligible(shop.orders, week)
        probability = omniscient(
            laws,
            people.take(place.get_indexer(ids)),
            states_at(shop.truth_states, ids, week),
            _last_heads(shop.orders, ids, week),
            week,
        )
        parts.append(_answer_frame(week, ids, first_answers(shop.orders, ids, week), probability))
    return pd.concat(parts, ignore_index=True)


def recorded(laws, shop, week: int, customer_ids=None) -> Record:
    """What the shop's tables say of customers before a cutoff, as the ideal observer reads it.

    Read are the register (demographics, consent, app), order lines, app sessions and campaigns before the
    cutoff; none of the tables ``truth_…``. A line 2 that is the planted partner of line 1 says nothing of the
    taste and is left out; prices, ratings, returns and the choice of product within a category say nothing
    either.

    Parameters
    ----------
    laws : Laws
    shop : Shop
    week : int
    customer_ids : array, optional
        By default the eligible customers.

    Returns
    -------
    Record

    Raises
    ------
    InputError
        A customer without an order before the cutoff, or not in the register; labels that are not the shop's.
    """
    orders = shop.orders[shop.orders["order_time"] < cutoff(week)]
    ids = eligible(orders, week) if customer_ids is None else np.asarray(customer_ids, dtype=np.int64)
    place = pd.Index(ids)
    register = shop.customers.set_index("customer_id").reindex(place)
    n = len(ids)

    orders = orders[orders["customer_id"].isin(place)].sort_values(["order_time", "order_id", "line_number"])
    who, when = place.get_indexer(orders["customer_id"]), week_of(orders["order_time"])
    what, number = _codes(orders["category"], CATEGORIES), orders["line_number"].to_numpy()
    ordered = np.zeros((n, week), dtype=bool)
    ordered[who, when] = True
    without = ~ordered.any(axis=1) | register["age_band"].isna().to_numpy()
    if without.any():
        raise InputError(
            f"Customer {ids[without.argmax()]} has no order before week {week} or is not in the register: "
            "the question is asked of customers who have bought."
        )
    # first lines: the category before counts too
    head = np.flatnonzero(number == 1)
    head = head[np.argsort(who[head], kind="stable")]
    before = np.where(np.diff(who[head], prepend=-1) == 0, np.roll(what[head], 1), -1)
    slope, intercept = _line_terms(laws, before, when[head])
    lines = [(who[head], what[head], slope, intercept[np.arange(len(head)), what[head]])]
    last = np.full(n, -1)
    last[who[head]] = what[head]
    # further lines, but for the planted partner
    products = catalogue(laws)
    code = pd.Index(products.product_id).get_indexer(orders["product_id"])
    if (code < 0).any():
        raise InputError(f"Product {orders['product_id'].to_numpy()[code < 0][0]} is not in the catalogue.")
    is_partner = (number == 2) & (code == np.roll(products.partner[code], 1))
    more = np.flatnonzero((number > 1) & ~is_partner)
    lines.append((who[more], what[more], np.ones(len(more)), np.zeros(len(more))))

    views = shop.sessions[shop.sessions["timestamp"] < cutoff(week)]
    views = views[views["customer_id"].isin(place)].drop_duplicates("session_id")
    visitor, day = place.get_indexer(views["customer_id"]), week_of(views["timestamp"])
    focus = _codes(views["category"], CATEGORIES)
    sessions = np.zeros((n, week), dtype=np.int16)
    np.add.at(sessions, (visitor, day), 1)
    own = np.full(len(views), 1 - laws.session_trend_share)
    lines.append((visitor, focus, own, laws.session_trend_share * laws.trend[day, focus]))

    sent = np.zeros((n, len(laws.campaign_weeks)), dtype=bool)
    campaigns = shop.campaigns[shop.campaigns["sent"] & (shop.campaigns["timestamp"] < cutoff(week))]
    campaigns = campaigns[campaigns["customer_id"].isin(place)]
    campaign = pd.Index(laws.campaign_weeks).get_indexer(week_of(campaigns["timestamp"]))
    sent[place.get_indexer(campaigns["customer_id"]), campaign] = True

    columns = [np.concatenate(column) for column in zip(*lines)]
    return Record(
        customer_id=ids,
        age=_codes(register["age_band"], AGE_BANDS),
        tier=register["city_tier"].to_numpy(np.int64) - 1,
        gender=_codes(register["gender"], GENDERS),
        consent=register["email_consent"].to_numpy(bool),
        app=register["app_user"].to_numpy(bool),
        join_week=ordered.argmax(axis=1),
        ordered=ordered,
        sessions=sessions,
        sent=sent,
        last=last,
        line_customer=columns[0],
        line_category=columns[1],
        line_slope=columns[2],
        line_intercept=columns[3],
    )


def observer_table(laws, shop, week: int = CUTOFF_WEEKS[-1]) -> pd.DataFrame:
    """The ideal observer's probabilities of the common question, in the form of `answers_table`.

    Parameters
    ----------
    laws : Laws
    shop : Shop
    week : int
        The cutoff.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> from bigmkt_helpers.shop.behaviour import simulate
    >>> from bigmkt_helpers.shop.world import default_laws
    >>> table = observer_table(default_laws(), simulate(60, seed=3))
    >>> bool(np.allclose(table.filter(like="p_").sum(axis=1), 1))
    True
    """
    found = observe(laws, recorded(laws, shop, week), week)
    ids = found.customer_id
    return _answer_frame(week, ids, first_answers(shop.orders, ids, week), found.probability)


# --- coupons --------------------------------------------------------------------------------------------


def potential_answers(probability, effect, seed) -> np.ndarray:
    """What each customer does without a coupon, and what the same customer does with each of the coupons.

    Random utilities: log p_j plus Gumbel noise; the greatest wins. A coupon lifts the utility of its category
    by the effect and leaves the noise as it is, so that the answers of one customer belong to one occasion,
    and their shares obey the coupon law (`bigmkt_helpers.information.with_coupon`): the odds of the category
    are multiplied by e^effect and the other outcomes shrink in proportion.

    Parameters
    ----------
    probability : array (n, C + 1)
        Without a coupon.
    effect : array (n,) or float
        β, on the log odds.
    seed : int or sequence of int

    Returns
    -------
    int64 array (n, C + 1)
        Code of the outcome: column 0 without a coupon, column c + 1 with the coupon of category c.

    References
    ----------
    McFadden, D. (1974). Conditional logit analysis of qualitative choice behavior. In P. Zarembka (ed.),
    Frontiers in econometrics, 105-142 (unverified).

    Examples
    --------
    >>> potential_answers([[0.0, 1.0, 0.0]], 0.7, seed=1).tolist()
    [[1, 1, 1]]
    """
    probability = np.asarray(probability, dtype=float)
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    with np.errstate(divide="ignore"):
        utility = np.log(probability) + draw.gumbel(size=probability.shape)
    n, n_outcomes = probability.shape
    effect = np.broadcast_to(np.asarray(effect, dtype=float), n)
    out = np.empty((n, n_outcomes), dtype=np.int64)
    out[:, 0] = utility.argmax(axis=1)
    for c in range(n_outcomes - 1):
        lifted = utility.copy()
        lifted[:, c] += effect
        out[:, c + 1] = lifted.argmax(axis=1)
    return out


def margins(shop, before: int = CUTOFF_WEEKS[0]) -> pd.Series:
    """Mean margin of an order by the category of its first line: what was paid minus what the goods cost.

    Parameters
    ----------
    shop : Shop
        Its ``orders`` and ``products`` are read; returns are not taken off.
    before : int
        Orders before this week count: the default is known to the shop at every cutoff of the course.

    Returns
    -------
    pandas.Series
        CNY per order, index ``category`` in the order of ``world.CATEGORIES``.

    Raises
    ------
    InputError
        A category without an order.
    """
    orders = shop.orders[shop.orders["order_time"] < cutoff(before)]
    cost = orders["product_id"].map(shop.products.set_index("product_id")["unit_cost"])
    margin = (orders["spend"] - orders["quantity"] * cost).groupby(orders["order_id"]).sum()
    head = orders[orders["line_number"] == 1].set_index("order_id")["category"]
    mean = margin.groupby(head).mean().reindex(list(CATEGORIES))
    if mean.isna().any():
        raise InputError(f"No order before week {before} begins with {mean.index[mean.isna()][0]!r}.")
    return mean.rename("margin").rename_axis("category")
