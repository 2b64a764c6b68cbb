"""What the customers of the simulated shop do, week by week, and the clean tables of it.

Customers are made in blocks of 1,000.  A block has its own random streams, so it comes out the same whatever
is made before, beside or after it, and a shop of any size is written with the memory of a few blocks.  One
function, `_step`, moves a population through a week; the simulation and the re-simulation of a horizon both
call it.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from bigmkt_helpers.datasets import Shop
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.shop import words
from bigmkt_helpers.shop.world import (
    CATEGORIES,
    N_WEEKS,
    PERSONAS,
    PRODUCTS_PER_CATEGORY,
    STATES,
    Catalogue,
    Laws,
    auctions,
    catalogue,
    cutoff,
    default_laws,
    week_of,
)

__all__ = [
    "AGE_BANDS",
    "BLOCK",
    "GENDERS",
    "Customers",
    "moments",
    "resimulate",
    "simulate",
    "simulate_block",
    "states_at",
]

BLOCK = 1_000
"""Customers in a block."""

AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
"""Age bands (age at the end of 2024)."""

GENDERS = ("female", "male")

_AGE_FROM = np.array([18, 25, 35, 45, 55, 65])
_AGE_TO = np.array([24, 34, 44, 54, 64, 79])
_KINDS = ("newsletter", "coupon")
_CHANNELS = ("web", "store", "app")
_WEEK = 7 * 24 * 3600
_ZERO = int(cutoff(0).timestamp())
# When orders and sessions fall in the week: a little more at the weekend, lunch and evening peaks
_DAY = np.array([1.0, 0.95, 0.95, 1.0, 1.05, 1.25, 1.2])
_HOUR = np.array(
    [2, 1, 0.5, 0.3, 0.3, 0.5, 1, 2, 3, 4, 5, 5, 6, 5, 4, 4, 4, 5, 6, 7, 9, 9, 7, 4], dtype=float
)
_STORE_HOUR = np.where((np.arange(24) >= 10) & (np.arange(24) < 21), _HOUR, 0)


@dataclass(frozen=True, eq=False)
class Customers:
    """Customers as the laws see them; every array has one row per customer.

    Parameters
    ----------
    customer_id : int64 array (n,)
    persona : int array (n,)
        Code, a place in `world.PERSONAS`.
    rate : array (n,)
        Orders a week, before the multipliers.
    taste : array (n, 12)
        Rows sum to 1.
    style : array (n, 3)
    email_consent, app_user : bool array (n,)
    join_week : int array (n,)
    coupon_effect : array (n,)
        β: what a coupon for a category adds to the log odds of that category.
    """

    customer_id: np.ndarray
    persona: np.ndarray
    rate: np.ndarray
    taste: np.ndarray
    style: np.ndarray
    email_consent: np.ndarray
    app_user: np.ndarray
    join_week: np.ndarray
    coupon_effect: np.ndarray

    def __len__(self):
        return len(self.customer_id)

    def take(self, index) -> "Customers":
        """The customers at some places (repeats allowed), in that order."""
        return Customers(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    @classmethod
    def from_tables(cls, customers: pd.DataFrame, truth_customers: pd.DataFrame) -> "Customers":
        """Bring the tables of a shop into this form.

        Parameters
        ----------
        customers, truth_customers : pandas.DataFrame
            Tables of these names, of one shop.

        Returns
        -------
        Customers
            In the order of `customers`.

        Raises
        ------
        InputError
            If the two tables are not about the same customers.

        Examples
        --------
        >>> shop = simulate(50, seed=3)
        >>> people = Customers.from_tables(shop.customers, shop.truth_customers)
        >>> people.take([0, 0, 7]).customer_id
        array([1, 1, 8])
        """
        truth = truth_customers.set_index("customer_id")
        ids = customers["customer_id"].to_numpy(np.int64)
        if len(truth) != len(ids) or not truth.index.isin(ids).all():
            raise InputError(
                f"customers ({len(ids):,} rows) and truth_customers ({len(truth):,} rows) are not about the "
                "same customers: take both from one shop."
            )
        truth = truth.loc[ids]
        local = pd.DatetimeIndex(customers["join_date"]).tz_localize("Asia/Shanghai").tz_convert("UTC")
        return cls(
            customer_id=ids,
            persona=np.array([PERSONAS.index(name) for name in truth["persona"]]),
            rate=truth["rate"].to_numpy(float),
            taste=truth[[f"taste_{c}" for c in range(12)]].to_numpy(float),
            style=truth[[f"style_{axis}" for axis in range(3)]].to_numpy(float),
            email_consent=customers["email_consent"].to_numpy(bool),
            app_user=customers["app_user"].to_numpy(bool),
            join_week=week_of(local),
            coupon_effect=truth["coupon_effect"].to_numpy(float),
        )


def _choose(weights, uniform):
    """One column for each row, with probability in proportion to its weight."""
    sums = weights.cumsum(axis=1)
    return (sums > (uniform * sums[:, -1])[:, None]).argmax(axis=1)


def _step(laws, customers, week, state, last, joining, draw):
    """One week: who is sent a campaign, who orders, of which category first, and who moves to which state.

    Parameters
    ----------
    laws : Laws
    customers : Customers
    week : int
    state : int array (n,)
        State in this week; who has not joined yet is in the last state, which neither orders nor moves.
    last : int array (n,)
        Category of the first line of the last order, −1 for none.
    joining : bool array (n,)
        Who joins in this week, and so orders for certain.
    draw : numpy.random.Generator

    Returns
    -------
    chosen : int array (n,)
        Category of the first line, −1 without an order.
    sent : bool array (n,)
    following : int array (n,)
        State in the next week.
    """
    n = len(state)
    coin, order, category, leave, move = draw.random((5, n))
    place = laws.campaign_in(week)
    sent, effect = np.zeros(n, dtype=bool), 0.0
    if place >= 0:
        known = customers.join_week < week
        sent = known & customers.email_consent & (coin < laws.campaign_share)
        effect = np.where(sent, laws.campaign_effect[laws.campaign_kind[place], customers.persona], 0.0)
    probability = laws.order_probability(customers.rate, state, week, effect)
    who = np.flatnonzero((order < probability) | joining)
    chosen = np.full(n, -1)
    chosen[who] = _choose(laws.first_line(customers.taste[who], last[who], week), category[who])
    following = _choose(laws.transition[state], move)
    following[joining & (leave < laws.one_and_done)] = len(STATES) - 1
    return chosen, sent, following


def resimulate(
    laws: Laws, customers: Customers, states, last_categories, week: int, n_weeks: int, seed
) -> np.ndarray:
    """Play some weeks once more from a given state: the first category each customer orders, or nothing.

    Campaigns of those weeks are drawn anew too.

    Parameters
    ----------
    laws : Laws
    customers : Customers
        All joined before `week`; repeat rows (`Customers.take`) to play the same customer many times at once.
    states : int array (n,)
        Code of the state in `week`.
    last_categories : int array (n,)
        Code of the category of the first line of the last order before `week`.
    week, n_weeks : int
        First week, and how many.
    seed : int or sequence of int

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Code of the category of the first line of the first order, 12 for nothing.

    Raises
    ------
    InputError
        If a customer has not joined yet, lengths differ, a code is unknown or the weeks leave the calendar.

    Examples
    --------
    >>> shop = simulate(20, seed=3)
    >>> people = Customers.from_tables(shop.customers, shop.truth_customers)
    >>> gone = np.full(20, STATES.index("gone"))
    >>> set(resimulate(default_laws(), people, gone, np.zeros(20, dtype=int), 100, 4, seed=1).tolist())
    {12}
    """
    state, last = np.array(states, dtype=np.int64), np.array(last_categories, dtype=np.int64)
    n = len(customers)
    if state.shape != (n,) or last.shape != (n,):
        raise InputError(f"states {state.shape} and last_categories {last.shape} must have {n} rows each.")
    if ((state < 0) | (state >= len(STATES))).any() or ((last < 0) | (last >= len(CATEGORIES))).any():
        raise InputError("states must be codes 0 … 3, last_categories codes 0 … 11.")
    if week < 0 or n_weeks < 1 or week + n_weeks > N_WEEKS:
        raise InputError(f"Weeks {week} … {week + n_weeks - 1} are not within 0 … {N_WEEKS - 1}.")
    late = np.flatnonzero(customers.join_week >= week)
    if len(late):
        raise InputError(
            f"Customer {customers.customer_id[late[0]]} joins in week {customers.join_week[late[0]]}, not "
            f"before week {week}: leave such customers out."
        )
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    first, nobody = np.full(n, len(CATEGORIES)), np.zeros(n, dtype=bool)
    for now in range(week, week + n_weeks):
        chosen, _, state = _step(laws, customers, now, state, last, nobody, draw)
        ordered = chosen >= 0
        first[ordered & (first == len(CATEGORIES))] = chosen[ordered & (first == len(CATEGORIES))]
        last[ordered] = chosen[ordered]
    return first


def simulate_block(
    laws: Laws, products: Catalogue, seed: int, block: int, n: int = BLOCK
) -> dict[str, pd.DataFrame]:
    """The tables of one block of customers.

    Parameters
    ----------
    laws : Laws
    products : Catalogue
    seed : int
        Seed of the shop; the block's streams come from SeedSequence([seed, block]).
    block : int
        Number of the block, from 0; its customers are 1,000 · block + 1 and following.
    n : int
        Keep the first n customers of the block (the whole block is played all the same, so a smaller shop is
        the beginning of a larger one).

    Returns
    -------
    dict of str to pandas.DataFrame
        customers, orders, returns, sessions, ratings, campaigns, truth_customers, truth_states.

    Examples
    --------
    >>> laws = default_laws()
    >>> tables = simulate_block(laws, catalogue(laws), seed=0, block=2, n=3)
    >>> tables["customers"]["customer_id"].tolist()
    [2001, 2002, 2003]
    """
    if not 1 <= n <= BLOCK or block < 0:
        raise InputError(f"Block {block} with {n} customers: blocks count from 0 and hold 1 … {BLOCK}.")
    streams = np.random.SeedSequence([seed, block]).spawn(6)
    people, weeks, baskets, after, visits, identity = (
        np.random.Generator(np.random.PCG64(stream)) for stream in streams
    )
    customers, private = _people(laws, block, people)
    path = _play(laws, customers, weeks)
    # weight of each product for each customer: popularity times fit in style
    appeal = products.popularity * np.exp(customers.style @ products.latent.T)
    appeal = appeal.reshape(BLOCK, 12, PRODUCTS_PER_CATEGORY)

    orders, lines = _orders(laws, products, customers, path, appeal, block, baskets)
    returns, ratings = _aftermath(laws, products, customers, private["bias"], lines, after)
    sessions = _sessions(laws, products, customers, path["state"], appeal, block, visits)
    first_order = np.full(BLOCK, np.iinfo(np.int64).max)
    np.minimum.at(first_order, orders["customer"], orders["second"])
    tables = {
        "customers": _customer_table(customers, private, first_order, identity),
        "orders": _order_table(products, customers, lines),
        "returns": returns,
        "sessions": sessions,
        "ratings": ratings,
        "campaigns": _campaign_table(laws, customers, path),
        "truth_customers": _truth_table(customers),
        "truth_states": _state_table(customers, path["state"]),
    }
    if n < BLOCK:
        highest = block * BLOCK + n
        for name, table in tables.items():
            key = "user" if name == "ratings" else "customer_id"
            if name == "returns":
                kept = table["order_id"].isin(tables["orders"]["order_id"])
            else:
                kept = table[key] <= highest
            tables[name] = table[kept].reset_index(drop=True)
    return tables


def _people(laws, block, draw):
    """Draw the customers of a block, and what no table of the laws needs: demographics and rating bias."""
    n = BLOCK
    persona = _choose(np.tile(laws.persona_share, (n, 1)), draw.random(n))
    # rounded, and used as rounded, so that the tables hold exactly what was played
    rate = np.maximum(
        np.round(draw.gamma(laws.rate_shape, laws.persona_rate[persona] / laws.rate_shape), 6), 1e-6
    )
    shares = draw.standard_gamma(laws.taste_concentration * laws.persona_taste[persona] + laws.taste_floor)
    taste = np.round(shares / shares.sum(axis=1, keepdims=True), 6)
    top = taste.argmax(axis=1)
    taste[np.arange(n), top] = np.round(taste[np.arange(n), top] + 1 - taste.sum(axis=1), 6)
    style = np.round(draw.normal(0, laws.style_scale, (n, 3)), 4)
    customers = Customers(
        customer_id=block * BLOCK + np.arange(1, n + 1, dtype=np.int64),
        persona=persona,
        rate=rate,
        taste=taste,
        style=style,
        email_consent=draw.random(n) < laws.consent_share[persona],
        app_user=draw.random(n) < laws.app_share,
        join_week=_choose(np.tile(laws.join_share, (n, 1)), draw.random(n)),
        coupon_effect=np.round(
            laws.coupon_effect[persona] + laws.coupon_effect_scale * draw.normal(size=n), 4
        ),
    )
    private = {
        "bias": draw.normal(size=n),
        "age": _choose(laws.age_share[persona], draw.random(n)),
        "tier": _choose(laws.tier_share[persona], draw.random(n)),
        "gender": _choose(laws.gender_share[persona], draw.random(n)),
    }
    return customers, private


def _play(laws, customers, draw):
    """All weeks: state, category of the first line (−1 for none) and campaigns sent, by week and customer."""
    n = len(customers)
    start = _choose(np.tile(laws.initial_state, (n, 1)), draw.random(n))
    state, last = np.full(n, len(STATES) - 1), np.full(n, -1)
    states = np.empty((N_WEEKS, n), dtype=np.int8)
    chosen = np.empty((N_WEEKS, n), dtype=np.int8)
    sent = np.empty((N_WEEKS, n), dtype=bool)
    for week in range(N_WEEKS):
        joining = customers.join_week == week
        state[joining] = start[joining]
        states[week] = state
        chosen[week], sent[week], state = _step(laws, customers, week, state, last, joining, draw)
        ordered = chosen[week] >= 0
        last[ordered] = chosen[week][ordered]
    return {"state": states, "chosen": chosen, "sent": sent}


def _moments_of_week(week, hours, draw):
    """Seconds since 1970 of random moments in the given weeks: a day, an hour, a second."""
    n = len(week)
    day = _choose(np.tile(_DAY, (n, 1)), draw.random(n))
    hour = _choose(hours, draw.random(n))
    return _ZERO + week.astype(np.int64) * _WEEK + (day * 24 + hour) * 3600 + draw.integers(0, 3600, n)


def _pick(weights, category, launch_week, week, uniform):
    """Codes of one launched product each, from weights (rows, 50) within the given categories."""
    code = category[:, None] * PRODUCTS_PER_CATEGORY + np.arange(PRODUCTS_PER_CATEGORY)
    open_ = launch_week[code] <= week[:, None]
    return category * PRODUCTS_PER_CATEGORY + _choose(weights * open_, uniform)


def _orders(laws, products, customers, path, appeal, block, draw):
    """The orders of a block and their lines, in order of time."""
    week, who = np.nonzero(path["chosen"] >= 0)
    category = path["chosen"][week, who].astype(np.int64)
    n = len(week)
    in_store = draw.random(n) < laws.store_order_share
    in_app = customers.app_user[who] & (draw.random(n) < laws.app_order_share)
    channel = np.where(in_app, 2, np.where(in_store, 1, 0))
    hours = np.where((channel == 1)[:, None], _STORE_HOUR, _HOUR)
    second = _moments_of_week(week, hours, draw)
    row = np.lexsort((who, second))
    week, who, category, channel, second = week[row], who[row], category[row], channel[row], second[row]

    kind = np.full(N_WEEKS, -1)
    kind[laws.campaign_weeks] = laws.campaign_kind
    reduced = path["sent"][week, who] & (kind[week] == 1)

    launch = products.launch_week.astype(np.int64)
    further = draw.poisson(laws.extra_lines, n)
    basket = np.full((n, 2 + further.max(initial=0)), -1)
    basket[:, 0] = _pick(appeal[who, category], category, launch, week, draw.random(n))
    partner = products.partner[basket[:, 0]].astype(np.int64)
    tried = draw.random(n) < laws.partner_share
    basket[:, 1] = np.where(tried & (launch[partner] <= week), partner, -1)
    for column in range(further.max(initial=0)):
        rows = np.flatnonzero(further > column)
        wanted = _choose(customers.taste[who[rows]], draw.random(len(rows)))
        weights = appeal[who[rows], wanted]
        # not what lies in the basket, nor a substitute of it, nor the partner of the first line
        barred = [partner[rows]]
        for taken in basket[rows, : 2 + column].T:
            barred += [taken, np.where(taken >= 0, products.substitute[taken], -1)]
        for code in barred:
            inside = np.flatnonzero((code >= 0) & (code // PRODUCTS_PER_CATEGORY == wanted))
            weights[inside, code[inside] % PRODUCTS_PER_CATEGORY] = 0
        basket[rows, 2 + column] = _pick(weights, wanted, launch, week[rows], draw.random(len(rows)))

    order, place = np.nonzero(basket >= 0)
    product = basket[order, place]
    number = np.cumsum(basket >= 0, axis=1)[order, place]
    quantity = 1 + draw.poisson(laws.extra_quantity, len(order))
    cents = np.round(products.unit_price[product] * 100)
    cents = np.where(reduced[order], np.round(cents * (1 - laws.coupon_discount)), cents).astype(np.int64)
    orders = {"week": week, "customer": who, "second": second}
    lines = {
        # no customer can have more orders than there are weeks, so blocks never share a number
        "order_id": block * BLOCK * N_WEEKS + order + 1,
        "line_number": number,
        "customer": who[order],
        "second": second[order],
        "channel": channel[order],
        "product": product,
        "quantity": quantity,
        "cents": cents,
    }
    return orders, lines


def _aftermath(laws, products, customers, bias, lines, draw):
    """Lines that come back, and ratings of first purchases."""
    n, end = len(lines["product"]), _ZERO + N_WEEKS * _WEEK
    product, who = lines["product"], lines["customer"]
    chance = np.minimum(laws.return_share * np.exp(-laws.return_slope * products.quality[product]), 0.5)
    back = draw.random(n) < chance
    units = draw.integers(1, lines["quantity"] + 1)
    moment = lines["second"] + draw.integers(3 * 86_400, 20 * 86_400, n)
    back &= moment < end
    returns = pd.DataFrame(
        {
            "order_id": lines["order_id"][back],
            "line_number": lines["line_number"][back].astype(np.int16),
            "return_time": _times(moment[back]),
            "quantity": units[back].astype(np.int16),
            "spend": np.round(units[back] * lines["cents"][back] / 100, 2),
        }
    )

    # lines are in order of time, so the first of each customer and product is the first purchase
    pair = who * len(products.product_id) + product
    first = np.zeros(n, dtype=bool)
    first[np.unique(pair, return_index=True)[1]] = True
    fit = (customers.style[who] * products.latent[product]).sum(axis=1) / (laws.style_scale * np.sqrt(3))
    weights = laws.rating_weights
    opinion = weights[0] * products.quality[product] + weights[1] * fit
    opinion = opinion + weights[2] * bias[who] + weights[3] * draw.normal(size=n)
    chance = np.minimum(laws.rating_share * (1 + laws.rating_extremity * opinion**2), 0.9)
    moment = lines["second"] + draw.integers(86_400, 21 * 86_400, n)
    rated = first & (draw.random(n) < chance) & (moment < end)
    stars = np.clip(np.rint(laws.rating_mean + laws.rating_scale * opinion), 1, 5)
    ratings = pd.DataFrame(
        {
            "user": customers.customer_id[who[rated]],
            "item": products.product_id[product[rated]],
            "rating": stars[rated],
            "timestamp": _times(moment[rated]),
        }
    )
    ratings = ratings.sort_values(["timestamp", "user", "item"], kind="stable", ignore_index=True)
    return returns, ratings


def _sessions(laws, products, customers, states, appeal, block, draw):
    """Product views in the app, session by session, in order of time."""
    count = draw.poisson(laws.session_rate[states] * customers.app_user)
    week, who = np.nonzero(count)
    repeat = count[week, who]
    week, who = np.repeat(week, repeat), np.repeat(who, repeat)
    n = len(week)
    theta = (1 - laws.session_trend_share) * customers.taste[who]
    focus = _choose(theta + laws.session_trend_share * laws.trend[week], draw.random(n))
    second = _moments_of_week(week, np.tile(_HOUR, (n, 1)), draw) // 3600 * 3600 + draw.integers(0, 1800, n)
    row = np.lexsort((who, second))
    week, who, focus, second = week[row], who[row], focus[row], second[row]
    views = 1 + draw.poisson(laws.session_extra_views, n)
    session = np.repeat(np.arange(n), views)
    gap = np.cumsum(draw.integers(10, 121, len(session)))
    # seconds since the session began; no view later than the half hour, so that none slips into the next week
    began = np.concatenate([[0], np.cumsum(views)])[:-1]
    since = np.minimum(gap - gap[began[session]], 1799)
    product = np.empty(len(session), dtype=np.int64)
    uniform = draw.random(len(session))
    launch = products.launch_week.astype(np.int64)
    for part in range(0, len(session), 16_384):
        own = slice(part, part + 16_384)
        s = session[own]
        product[own] = _pick(appeal[who[s], focus[s]], focus[s], launch, week[s], uniform[own])
    return pd.DataFrame(
        {
            "session_id": np.int64(block) * 100_000_000 + session + 1,
            "customer_id": customers.customer_id[who[session]],
            "timestamp": _times(second[session] + since),
            "product_id": products.product_id[product],
            "category": _text(CATEGORIES, focus[session]),
        }
    )


def _times(seconds):
    """Whole seconds since 1970 as moments in UTC."""
    return pd.DatetimeIndex(seconds.astype("datetime64[s]").astype("datetime64[us]"), tz="UTC")


def _text(names, codes):
    """Codes as their names, of the dtype `str`."""
    return pd.Series(np.array(names, dtype=object)[codes], dtype="str")


def _customer_table(customers, private, first_order, draw):
    """What the shop's own register knows; everything below the gender is drawn without regard to anything."""
    n = len(customers)
    local = (first_order + 8 * 3600) // 86_400
    age = private["age"]
    born = 2024 - draw.integers(_AGE_FROM[age], _AGE_TO[age] + 1)
    surname = draw.integers(0, len(words.SURNAMES), n)
    given = draw.integers(0, len(words.GIVEN), (n, 2))
    short = draw.random(n) < 0.2
    place = (draw.random(n) * np.array([len(cities) for cities in words.CITIES])[private["tier"]]).astype(int)
    house = draw.integers(0, 3, n)
    names, pinyin, emails, phones, cards = [], [], [], [], []
    for row, number in enumerate(customers.customer_id.tolist()):
        family, family_pinyin = words.SURNAMES[surname[row]]
        parts = [words.GIVEN[code] for code in (given[row, :1] if short[row] else given[row])]
        said = "".join(part[1] for part in parts)
        names.append(family + "".join(part[0] for part in parts))
        pinyin.append(f"{family_pinyin} {said.capitalize()}")
        domain = ("example.com", "example.org", "example.net")[house[row]]
        # multiplying by a number prime to ten shuffles the customers without ever meeting twice
        address = f"{family_pinyin.lower().replace('ü', 'v')}.{said}"
        emails.append(f"{address}{number * 3_167 % 10_000_000}@{domain}")
        phones.append(f"12{number * 387_420_489 % 1_000_000_000:09d}")
        cards.append(_card(number * 612_220_033 % 1_000_000_000))
    return pd.DataFrame(
        {
            "customer_id": customers.customer_id,
            "join_date": pd.DatetimeIndex(local.astype("datetime64[D]").astype("datetime64[us]")),
            "age_band": _text(AGE_BANDS, age),
            "city_tier": (private["tier"] + 1).astype(np.int16),
            "gender": _text(GENDERS, private["gender"]),
            "birth_year": born.astype(np.int16),
            "city": pd.Series([words.CITIES[t][c][0] for t, c in zip(private["tier"], place)], dtype="str"),
            "name": pd.Series(names, dtype="str"),
            "name_pinyin": pd.Series(pinyin, dtype="str"),
            "email": pd.Series(emails, dtype="str"),
            "phone": pd.Series(phones, dtype="str"),
            "loyalty_card": pd.Series(cards, dtype="str"),
            "email_consent": customers.email_consent,
            "app_user": customers.app_user,
        }
    )


def _card(number):
    """Loyalty card: "LT", nine digits and a Luhn check digit."""
    digits = [int(digit) for digit in f"{number:09d}"]
    doubled = [digit if place % 2 else digit * 2 - 9 * (digit > 4) for place, digit in enumerate(digits)]
    return f"LT{number:09d}{-sum(doubled) % 10}"


def _order_table(products, customers, lines):
    product = lines["product"]
    return pd.DataFrame(
        {
            "order_id": lines["order_id"],
            "line_number": lines["line_number"].astype(np.int16),
            "customer_id": customers.customer_id[lines["customer"]],
            "order_time": _times(lines["second"]),
            "channel": _text(_CHANNELS, lines["channel"]),
            "product_id": products.product_id[product],
            "category": _text(CATEGORIES, products.category[product]),
            "quantity": lines["quantity"].astype(np.int16),
            "unit_price": lines["cents"] / 100,
            "spend": np.round(lines["quantity"] * lines["cents"] / 100, 2),
        }
    )


def _campaign_table(laws, customers, path):
    """One row for each campaign and consenting customer who had joined before: sent, or held out."""
    parts = []
    for place, week in enumerate(laws.campaign_weeks.tolist()):
        who = np.flatnonzero(customers.email_consent & (customers.join_week < week))
        parts.append(
            pd.DataFrame(
                {
                    "campaign_id": np.full(len(who), place + 1),
                    "kind": _text(_KINDS, np.full(len(who), laws.campaign_kind[place])),
                    "customer_id": customers.customer_id[who],
                    "sent": path["sent"][week, who],
                    "timestamp": pd.DatetimeIndex([cutoff(week)] * len(who), tz="UTC").as_unit("us"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _truth_table(customers):
    return pd.DataFrame(
        {
            "customer_id": customers.customer_id,
            "persona": _text(PERSONAS, customers.persona),
            "rate": customers.rate,
            **{f"taste_{c}": customers.taste[:, c] for c in range(12)},
            **{f"style_{axis}": customers.style[:, axis] for axis in range(3)},
            "coupon_effect": customers.coupon_effect,
        }
    )


def _state_table(customers, states):
    """The first week of every stretch in one state, from the week of joining on."""
    begins = np.ones(states.shape, dtype=bool)
    begins[1:] = states[1:] != states[:-1]
    weeks = np.arange(N_WEEKS)[:, None]
    begins = (begins & (weeks > customers.join_week)) | (weeks == customers.join_week)
    who, week = np.nonzero(begins.T)
    return pd.DataFrame(
        {
            "customer_id": customers.customer_id[who],
            "week": week.astype(np.int16),
            "state": _text(STATES, states[week, who]),
        }
    )


def states_at(truth_states: pd.DataFrame, customer_ids, week: int) -> np.ndarray:
    """Codes of the states in which customers are in a week.

    Parameters
    ----------
    truth_states : pandas.DataFrame
        customer_id, week, state: one row for the first week of each stretch in one state.
    customer_ids : array (n,)
    week : int

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Places in `world.STATES`.

    Raises
    ------
    InputError
        If a customer has not joined by then.

    Examples
    --------
    >>> shop = simulate(20, seed=3)
    >>> states_at(shop.truth_states, [1, 2, 3], 103).shape
    (3,)
    """
    before = truth_states[truth_states["week"] <= week].drop_duplicates("customer_id", keep="last")
    found = before.set_index("customer_id")["state"].reindex(np.asarray(customer_ids))
    if found.isna().any():
        missing = found.index[found.isna()][0]
        raise InputError(f"Customer {missing} has no state in week {week}: it joins later or is unknown.")
    return found.map({name: code for code, name in enumerate(STATES)}).to_numpy(np.int64)


# --- a whole shop -------------------------------------------------------------------------------------------


TRUTH_LIMIT = 20_000
"""Up to so many customers `simulate` works out the true probabilities unless told otherwise."""


def simulate(
    n_customers: int = 4_000,
    seed: int = 0,
    folder=None,
    *,
    laws: Laws | None = None,
    truth: bool | None = None,
    blocks_held: int = 8,
) -> Shop:
    """Simulate the shop; with a folder, write its tables as Parquet files and hold only a few blocks.

    Parameters
    ----------
    n_customers : int
    seed : int
        Seed of the customers.
    folder : str or path, optional
        Where to write; made if missing, files of the same name are replaced.  Without it the tables stay in
        memory.
    laws : Laws, optional
        By default `world.default_laws()`.
    truth : bool, optional
        Whether to add `truth_answers` and `truth_observer` (about a second for each 1,000 customers); by
        default for up to `TRUTH_LIMIT` customers.
    blocks_held : int
        Blocks of 1,000 customers that are held before they are written, as one row group.  The content does
        not depend on it.

    Returns
    -------
    bigmkt_helpers.datasets.Shop

    Raises
    ------
    InputError
        If a number is not a whole number from 1 on (seed: from 0 on).

    Examples
    --------
    >>> shop = simulate(30, seed=1)
    >>> shop.orders.columns.tolist()[:5]
    ['order_id', 'line_number', 'customer_id', 'order_time', 'channel']
    """
    for name, value, least in (
        ("n_customers", n_customers, 1),
        ("seed", seed, 0),
        ("blocks_held", blocks_held, 1),
    ):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise InputError(f"{name} is {value!r}: give a whole number from {least} on.")
    laws = default_laws() if laws is None else laws
    truth = n_customers <= TRUTH_LIMIT if truth is None else truth
    products = catalogue(laws)
    common = {"products": products.table, "truth_products": products.truth(), "auctions": auctions(laws)}
    sink = _Memory() if folder is None else _Files(Path(folder))
    with sink:
        for name, table in common.items():
            sink.add(name, [table])
        held = []
        n_blocks = -(-n_customers // BLOCK)
        for block in range(n_blocks):
            tables = simulate_block(laws, products, seed, block, min(BLOCK, n_customers - block * BLOCK))
            held.append(tables | _probabilities(laws, tables) if truth else tables)
            if len(held) == blocks_held or block == n_blocks - 1:
                for name in held[0]:
                    sink.add(name, [tables[name] for tables in held])
                held = []
    return sink.shop()


def _probabilities(laws, tables):
    """The true probabilities of a block's customers at the cutoffs, and the ideal observer's at the last."""
    from bigmkt_helpers.shop import truth

    block = Shop(tables)
    found = {"truth_answers": truth.answers_table(laws, block)}
    found["truth_observer"] = truth.observer_table(laws, block)
    # to the ninth place, where machines still agree; small enough that no probability of this world becomes 0
    return {name: table.round(9) for name, table in found.items()}


class _Memory:
    """Collects the tables."""

    def __init__(self):
        self.parts = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def add(self, name, tables):
        self.parts.setdefault(name, []).extend(tables)

    def shop(self):
        return Shop({name: pd.concat(tables, ignore_index=True) for name, tables in self.parts.items()})


class _Files:
    """Writes the tables, one row group for each `add`; the files get their names when all are complete."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.writers = folder, {}

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        for name, writer in self.writers.items():
            writer.close()
            part = self.folder / f"{name}.parquet.part"
            if kind is None:
                part.replace(self.folder / f"{name}.parquet")
            else:
                part.unlink()
        # probabilities of another shop that was in the folder before must not stand beside this one's tables
        for name in ("truth_answers", "truth_observer"):
            if kind is None and name not in self.writers:
                (self.folder / f"{name}.parquet").unlink(missing_ok=True)
        return False

    def add(self, name, tables):
        import pyarrow as pa
        import pyarrow.parquet as pq

        frame = pd.concat(tables, ignore_index=True)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        if name not in self.writers:
            self.writers[name] = pq.ParquetWriter(
                self.folder / f"{name}.parquet.part", table.schema, **parquet_options(frame)
            )
        self.writers[name].write_table(
            table.cast(self.writers[name].schema), row_group_size=max(len(frame), 1)
        )

    def shop(self):
        return Shop(self.folder)


def parquet_options(frame: pd.DataFrame) -> dict:
    """How a table is written small: ascending numbers and times as differences, the rest as dictionaries."""
    ascending = [
        name
        for name in frame
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype)
        or (name in ("order_id", "session_id", "customer_id") and frame[name].dtype == np.int64)
    ]
    return {
        "compression": "zstd",
        "compression_level": 9,
        "use_dictionary": [name for name in frame if name not in ascending],
        "column_encoding": dict.fromkeys(ascending, "DELTA_BINARY_PACKED"),
    }


# --- figures of a shop --------------------------------------------------------------------------------------


def moments(shop: Shop) -> pd.Series:
    """The figures by which a shop is compared with real ones.

    Parameters
    ----------
    shop : Shop

    Returns
    -------
    pandas.Series
        Customers; orders per customer; share of customers with a single order; Gini coefficient of the spend
        by customer; share of spend by the top fifth of customers; median days between orders; lines per
        order; units per line; mean order value (CNY); share of lines returned; sessions per app user and
        week of membership; orders of app users per session; ratings per order line; mean, standard deviation
        and share of each rating; share of consenting customers.

    Examples
    --------
    >>> moments(simulate(300, seed=1))["customers"]
    np.float64(300.0)
    """
    orders = shop.orders
    heads = orders[orders["line_number"] == 1].sort_values(["customer_id", "order_time"])
    n = len(shop.customers)
    count = heads.groupby("customer_id").size()
    spend = orders.groupby("customer_id")["spend"].sum().sort_values().to_numpy()
    rank = np.arange(1, len(spend) + 1)
    gini = (2 * rank - len(spend) - 1) @ spend / (len(spend) * spend.sum())
    gaps = heads.groupby("customer_id")["order_time"].diff().dropna() / pd.Timedelta(days=1)
    app = shop.customers.loc[shop.customers["app_user"]]
    n_sessions = shop.sessions["session_id"].nunique()
    stars = shop.ratings["rating"]
    end = cutoff(N_WEEKS).tz_convert("Asia/Shanghai").tz_localize(None)
    weeks = ((end - app["join_date"]) / pd.Timedelta(days=7)).sum()
    figures = {
        "customers": n,
        "orders per customer": len(heads) / n,
        "one-time buyers": (count == 1).mean(),
        "Gini of spend": gini,
        "share of spend of the top fifth": spend[-(len(spend) // 5) :].sum() / spend.sum(),
        "median days between orders": gaps.median(),
        "lines per order": len(orders) / len(heads),
        "units per line": orders["quantity"].mean(),
        "order value": orders["spend"].sum() / len(heads),
        "lines returned": len(shop.returns) / len(orders),
        "sessions per app user and week": n_sessions / weeks,
        "app users' orders per session": heads["customer_id"].isin(app["customer_id"]).sum() / n_sessions,
        "ratings per line": len(stars) / len(orders),
        "mean rating": stars.mean(),
        "standard deviation of ratings": stars.std(),
        **{f"share of rating {level}": (stars == level).mean() for level in range(1, 6)},
        "consenting": shop.customers["email_consent"].mean(),
    }
    return pd.Series(figures, dtype=float)
