"""The simulated shop's side of customer value: margins of its orders, and the true expected future margin.

The truth is what an all-knowing observer expects: given each customer's hidden state, rate, taste and style,
the mean over all futures. It is computed, not simulated, week by week over the joint law of state and last
category. One thing is left out: that a basket never holds a product twice, nor a substitute; the tests bound
its effect.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from bigmkt_helpers.clv import _checks
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.shop import truth
from bigmkt_helpers.shop.behaviour import Customers, states_at
from bigmkt_helpers.shop.world import CATEGORIES, N_WEEKS, PRODUCTS_PER_CATEGORY, catalogue, cutoff

__all__ = ["ideal_observer_orders", "order_margins", "true_future_margin"]


def order_margins(shop, before: int = N_WEEKS) -> pd.DataFrame:
    """Margin of each order line, and as lines below 0 the margin of what came back.

    Parameters
    ----------
    shop : Shop
    before : int
        Only what happened before this week.

    Returns
    -------
    pandas.DataFrame
        ``customer_id``, ``order_id``, ``order_time`` (of a return: when it came back), ``spend`` and
        ``margin``: paid minus cost of the goods (CNY). A returned unit loses its margin; the goods are sold
        again.

    Examples
    --------
    >>> from bigmkt_helpers.datasets import load_shop
    >>> lines = order_margins(load_shop())
    >>> round(lines["margin"].sum() / lines["spend"].sum(), 2)
    np.float64(0.46)
    """
    moment = cutoff(_checks.whole(before, "before"))
    cost = shop.products.set_index("product_id")["unit_cost"]
    lines = shop.orders
    bought = lines.assign(margin=lines["spend"] - lines["quantity"] * lines["product_id"].map(cost))
    names = ["customer_id", "order_id", "order_time", "spend", "margin"]
    what = lines[["order_id", "line_number", "customer_id", "product_id"]]
    back = shop.returns.merge(what, on=["order_id", "line_number"])
    back["margin"] = -(back["spend"] - back["quantity"] * back["product_id"].map(cost))
    back["spend"] = -back["spend"]
    table = pd.concat([bought[names], back.rename(columns={"return_time": "order_time"})[names]])
    table = table[table["order_time"] < moment].sort_values(["order_time", "order_id"], kind="stable")
    return table.reset_index(drop=True)


def true_future_margin(laws, shop, week: int, n_weeks: int, discount: float = 0.0) -> pd.DataFrame:
    """Expected orders and margin of each customer in the weeks to come, given all that is hidden.

    Parameters
    ----------
    laws : Laws
    shop : Shop
        With its truth; customers who joined before `week` are asked about.
    week, n_weeks : int
        First week and how many; within the 104.
    discount : float
        Rate of one week; money of a week counts from its middle.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; ``orders``, ``margin`` (CNY, less what comes back; see `order_margins`).

    Examples
    --------
    >>> from bigmkt_helpers.datasets import load_shop
    >>> from bigmkt_helpers.shop import default_laws
    >>> future = true_future_margin(default_laws(), load_shop(), 72, 4)
    >>> future.columns.tolist(), bool((future >= 0).all().all())
    (['orders', 'margin'], True)
    """
    week, n_weeks = _checks.whole(week, "week"), _checks.whole(n_weeks, "n_weeks")
    rate = _checks.discount_of(discount)
    if week + n_weeks > N_WEEKS:
        raise InputError(f"Weeks {week} … {week + n_weeks - 1} are not within 0 … {N_WEEKS - 1}.")
    people = Customers.from_tables(shop.customers, shop.truth_customers)
    people = people.take(np.flatnonzero(people.join_week < week))
    products, n = catalogue(laws), len(people)
    joint = np.zeros((n, len(laws.state_rate), len(CATEGORIES)))
    state = states_at(shop.truth_states, people.customer_id, week)
    joint[np.arange(n), state, _last_categories(shop.orders, people.customer_id, week)] = 1.0
    appeal = products.popularity * np.exp(people.style @ products.latent.T)
    orders, margin = np.zeros(n), np.zeros(n)
    for now in range(week, week + n_weeks):
        intensity = people.rate[:, None] * laws.state_rate * laws.season[now]
        plain, sent = -np.expm1(-intensity), np.zeros_like(intensity)
        place = laws.campaign_in(now)
        reduced = False
        if place >= 0:
            kind = laws.campaign_kind[place]
            reduced = kind == 1
            effect = np.exp(laws.campaign_effect[kind, people.persona])[:, None]
            share = np.where(people.email_consent, laws.campaign_share, 0.0)[:, None]
            plain, sent = (1 - share) * plain, share * -np.expm1(-intensity * effect)
        buys = plain + sent
        worth, worth_reduced = _basket_margins(laws, products, appeal, people.taste, now, reduced)
        moved = np.zeros_like(joint)
        for part, value in ((plain, worth), (sent, worth_reduced)):
            first = _first_categories(laws, people.taste, joint * part[:, :, None], now)
            moved += first
            by_category = first.sum(axis=1)
            orders += by_category.sum(axis=1)
            margin += (by_category * value).sum(axis=1) * (1 + rate) ** -(now - week + 0.5)
        joint = joint * (1 - buys)[:, :, None] + moved
        joint = np.einsum("nsc,st->ntc", joint, laws.transition)
    table = pd.DataFrame({"orders": orders, "margin": margin}, index=people.customer_id)
    return table.rename_axis("customer_id")


def ideal_observer_orders(
    laws, shop, week: int, n_weeks: int, sessions: bool = True, n_rates: int = 40, block: int = 128
) -> pd.Series:
    """Expected orders of each customer, as somebody expects them who knows the laws, not what is hidden.

    Bayes' rule under the true laws (`shop.truth.observe`), given all that the shop recorded before `week`:
    the most that a model could make of these data.

    Parameters
    ----------
    laws : Laws
    shop : Shop
    week, n_weeks : int
        First week and how many; within the 104.
    sessions : bool
        Whether the observer sees the visits to the app, or the orders, campaigns and register alone.
    n_rates : int
        Nodes of the sum over order rates.
    block : int
        Customers at a time.

    Returns
    -------
    pandas.Series
        Index ``customer_id``: those who joined before `week`.

    Examples
    --------
    >>> from bigmkt_helpers.shop import default_laws, simulate
    >>> ideal_observer_orders(default_laws(), simulate(30, seed=3), 80, 8).between(0, 8).all()
    np.True_
    """
    week, n_weeks = _checks.whole(week, "week"), _checks.whole(n_weeks, "n_weeks")
    if week + n_weeks > N_WEEKS:
        raise InputError(f"Weeks {week} … {week + n_weeks - 1} are not within 0 … {N_WEEKS - 1}.")
    people = Customers.from_tables(shop.customers, shop.truth_customers)
    record = truth.recorded(laws, shop, week, people.customer_id[people.join_week < week])
    if not sessions:
        record = replace(record, app=np.zeros_like(record.app))
    persona = truth.observe(laws, record, week, 1, n_rates).persona
    nodes, weights = truth.rate_nodes(laws.rate_shape, laws.persona_rate, n_rates)
    law = {
        w: truth._order_law(laws, nodes, w)
        for w in range(int(record.join_week.min(initial=week)), week + n_weeks)
    }
    expected = np.zeros(len(persona))
    by_age = np.argsort(record.join_week, kind="stable")
    for start in range(0, len(by_age), block):
        rows = by_age[start : start + block]
        belief, _ = truth._filter(laws, record, rows, week, weights, law)
        shape = (len(rows), len(laws.state_rate), persona.shape[1], -1)
        belief = belief.reshape(shape)
        total = belief.sum(axis=(1, 3), keepdims=True)
        belief = belief / np.where(total > 0, total, 1) * persona[rows][:, None, :, None]
        coin = np.where(record.consent[rows], laws.campaign_share, 0.0)
        for now in range(week, week + n_weeks):
            chances = law[now].reshape(len(law[now]), *shape[1:])
            expected[rows] += np.einsum("nskq,skq->n", belief, chances[0])
            if len(chances) == 2:
                expected[rows] += coin * np.einsum("nskq,skq->n", belief, chances[1] - chances[0])
            belief = np.einsum("nskq,st->ntkq", belief, laws.transition)
    return pd.Series(expected, index=pd.Index(record.customer_id, name="customer_id"), name="orders")


def _last_categories(orders, customer_ids, week):
    heads = orders[(orders["line_number"] == 1) & (orders["order_time"] < cutoff(week))]
    last = heads.sort_values("order_time", kind="stable").drop_duplicates("customer_id", keep="last")
    found = last.set_index("customer_id")["category"].reindex(customer_ids)
    if found.isna().any():
        raise InputError(f"Customer {found.index[found.isna()][0]} has no order before week {week}.")
    return found.map({name: code for code, name in enumerate(CATEGORIES)}).to_numpy(np.int64)


def _first_categories(laws, taste, ordering, week):
    """From P(state, last category, order) to P(state, category of the order's first line)."""
    any_ = ordering.sum(axis=2, keepdims=True)
    first = any_ * (laws.own_share * taste + laws.trend_share * laws.trend[week])[:, None, :]
    first[:, :, laws.follow] += laws.follow_share * ordering
    return first


def _basket_margins(laws, products, appeal, taste, week, reduced):
    """Expected margin of an order by category of its first line, (n, 12), at full and at reduced prices."""
    launched = (products.launch_week <= week).astype(float)
    chance = np.minimum(laws.return_share * np.exp(-laws.return_slope * products.quality), 0.5)
    # units kept: 1 + Poisson bought; of q units returned, 1 … q come back, (q + 1) / 2 in the mean
    kept = 1 + laws.extra_quantity - chance * (1 + laws.extra_quantity / 2)
    results = []
    for part in (1.0, 1 - laws.coupon_discount) if reduced else (1.0,):
        unit = (products.unit_price * part - products.unit_cost) * kept
        partner = products.partner.astype(int)
        with_partner = unit + laws.partner_share * unit[partner] * launched[partner]
        lines = np.empty((3, len(appeal), len(CATEGORIES)))
        for c in range(len(CATEGORIES)):
            own = slice(c * PRODUCTS_PER_CATEGORY, (c + 1) * PRODUCTS_PER_CATEGORY)
            vectors = np.stack([launched, launched * with_partner, launched * unit], axis=1)[own]
            lines[:, :, c] = (appeal[:, own] @ vectors).T
        further = laws.extra_lines * (taste * lines[2] / lines[0]).sum(axis=1)
        results.append(lines[1] / lines[0] + further[:, None])
    return results[0], results[-1]
