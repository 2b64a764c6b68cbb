"""The laws of the simulated shop "Lantern": what is true for everybody, the calendar, and the catalogue.

`Laws` holds every number of the generative model and nothing about any one customer, so an ideal observer
may read all of it.  `notebooks/shop_model.md` states the same model in formulas.  Weeks are counted from 0 to
103; week 0 begins on Monday, 1 January 2024, 00:00 in Shanghai (UTC+8, no summer time).  Money is in CNY.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.shop import words

__all__ = [
    "CATEGORIES",
    "CUTOFF_WEEKS",
    "HORIZON",
    "HORIZON_WEEKS",
    "NOTHING",
    "N_WEEKS",
    "OUTCOMES",
    "PERSONAS",
    "STATES",
    "WINDOW_WEEKS",
    "ZONE",
    "Catalogue",
    "Laws",
    "auctions",
    "catalogue",
    "cutoff",
    "default_laws",
    "week_of",
]

N_WEEKS = 104
"""Weeks of the shop's history: 0 to 103."""

HORIZON_WEEKS = 4
"""Weeks that the common question looks ahead."""

HORIZON = pd.Timedelta(days=7 * HORIZON_WEEKS)
"""The same as a length of time: 28 days."""

WINDOW_WEEKS = 26
"""A customer is asked about who ordered within so many weeks before the cutoff."""

CUTOFF_WEEKS = (72, 76, 80, 84, 88, 92, 96, 100)
"""Weeks whose beginning is a cutoff of the course; the last one is the test."""

ZONE = "Asia/Shanghai"
"""The shop's time zone; tables are in UTC."""

CATEGORIES = (
    *("tea", "teaware", "coffee", "cookware", "tableware", "baking"),
    *("storage", "bedding", "bath", "lighting", "candles", "plants"),
)
"""The twelve categories; a category's code is its place in this order."""

NOTHING = "nothing"
"""The thirteenth outcome of the common question; its code is 12."""

OUTCOMES = (*CATEGORIES, NOTHING)
"""Outcomes of the common question, in the order of the columns."""

PERSONAS = ("tea lover", "home cook", "host", "nest builder", "gift giver")
"""The five personas; a persona's code is its place in this order."""

STATES = ("keen", "regular", "dozing", "gone")
"""States of engagement; "gone" is left no more."""

_START = pd.Timestamp("2024-01-01", tz=ZONE).tz_convert("UTC").as_unit("us")


@dataclass(frozen=True, eq=False)
class Laws:
    """Every number of the generative model; arrays are read-only.

    K = 5 personas, C = 12 categories, S = 4 states, W = 104 weeks; codes are places in `PERSONAS`,
    `CATEGORIES`, `STATES`.

    Parameters
    ----------
    seed : int
        Seed of the catalogue and of the keyword auctions (the customers have their own).
    persona_share : array (K,)
        Share of each persona.
    persona_taste : array (K, C)
        Mean taste of each persona; rows sum to 1.
    taste_concentration, taste_floor : float
        A customer's taste is Dirichlet(taste_concentration · persona_taste[k] + taste_floor).
    own_share, follow_share, trend_share : float
        Weights a, κ, δ of the customer's taste, of the partner of the last category, and of the shop's trend
        in the category of the first line: P(c) = a·θ_c + κ·[c = follow[last]] + δ·trend[w, c]; they sum to 1.
        At the first order κ goes to the taste.
    follow : int array (C,)
        Partner category of each category: a permutation without a fixed point.
    trend : array (W, C)
        What the shop as a whole asks for in each week; rows sum to 1.
    state_rate : array (S,)
        Multiplier m of the order rate in each state.
    transition : array (S, S)
        Weekly transition between states, from row to column.
    initial_state : array (S,)
        State in the week of joining.
    one_and_done : float
        Probability of being gone right after the week of joining; with the remaining probability the state
        moves by `transition` as in any other week.
    rate_shape : float
        Shape of the gamma distribution of a customer's order rate.
    persona_rate : array (K,)
        Mean of that distribution (orders a week, before the multipliers).
    season : array (W,)
        Multiplier of the order rate in each week; mean 1.
    join_share : array (W,)
        Probability of joining in each week; 0 from week 96 on.
    campaign_weeks : int array (J,)
        Weeks with a campaign.
    campaign_kind : int array (J,)
        0 newsletter, 1 coupon (`coupon_discount` off all orders of that week).
    campaign_share : float
        Probability that a consenting customer gets the campaign (a coin for each customer and campaign).
    campaign_effect : array (2, K)
        What a received campaign adds to the logarithm of the order rate in its week, by kind and persona.
    coupon_discount : float
        Part of the price that a coupon of kind 1 takes off.
    consent_share : array (K,)
        Probability of consenting to e-mail.
    app_share : float
        Probability of using the app, the same for every persona.
    session_rate : array (S,)
        Mean number of app sessions in a week, by state.
    session_trend_share : float
        Weight δ' of the trend in the focus of a session: P(c) = (1 − δ')·θ_c + δ'·trend[w, c].
    session_extra_views : float
        A session has 1 + Poisson(session_extra_views) product views, all in its focus category.
    partner_share : float
        Probability χ that the partner product of the first line is put into the basket too, if launched.
    extra_lines, extra_quantity : float
        Means of the Poisson numbers of further lines, and of units beyond the first.
    style_scale : float
        Standard deviation of each of the three coordinates of a customer's style.
    app_order_share, store_order_share : float
        Probability that an app user orders through the app; probability that any other order is made in the
        store (the rest on the web).
    return_share, return_slope : float
        A line comes back with probability return_share · exp(−return_slope · quality), at most 0.5.
    rating_share, rating_extremity : float
        The first purchase of a product is rated with probability rating_share · (1 + rating_extremity · z²),
        at most 0.9, where z is the opinion: strong opinions are voiced more often.
    rating_mean, rating_scale : float
        The rating is rating_mean + rating_scale · z, rounded and held to 1 … 5.
    rating_weights : array (4,)
        Weights of quality, style · latent, the customer's bias and noise (each of unit scale) in z.
    age_share : array (K, 6); tier_share : array (K, 4); gender_share : array (K, 2)
        Demographics given the persona; independent of each other and of all else given the persona.
    coupon_effect : array (K,); coupon_effect_scale : float
        Mean and standard deviation of a customer's β, the effect of a category coupon on the log odds.
    """

    seed: int
    persona_share: np.ndarray
    persona_taste: np.ndarray
    taste_concentration: float
    taste_floor: float
    own_share: float
    follow_share: float
    trend_share: float
    follow: np.ndarray
    trend: np.ndarray
    state_rate: np.ndarray
    transition: np.ndarray
    initial_state: np.ndarray
    one_and_done: float
    rate_shape: float
    persona_rate: np.ndarray
    season: np.ndarray
    join_share: np.ndarray
    campaign_weeks: np.ndarray
    campaign_kind: np.ndarray
    campaign_share: float
    campaign_effect: np.ndarray
    coupon_discount: float
    consent_share: np.ndarray
    app_share: float
    session_rate: np.ndarray
    session_trend_share: float
    session_extra_views: float
    partner_share: float
    extra_lines: float
    extra_quantity: float
    style_scale: float
    app_order_share: float
    store_order_share: float
    return_share: float
    return_slope: float
    rating_share: float
    rating_extremity: float
    rating_mean: float
    rating_scale: float
    rating_weights: np.ndarray
    age_share: np.ndarray
    tier_share: np.ndarray
    gender_share: np.ndarray
    coupon_effect: np.ndarray
    coupon_effect_scale: float

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value.copy()
                value.setflags(write=False)
                object.__setattr__(self, field.name, value)
        self._check()

    def _check(self):
        shapes = {
            "persona_share": (5,),
            "persona_taste": (5, 12),
            "follow": (12,),
            "trend": (N_WEEKS, 12),
            "state_rate": (4,),
            "transition": (4, 4),
            "initial_state": (4,),
            "persona_rate": (5,),
            "season": (N_WEEKS,),
            "join_share": (N_WEEKS,),
            "campaign_effect": (2, 5),
            "consent_share": (5,),
            "session_rate": (4,),
            "age_share": (5, 6),
            "tier_share": (5, 4),
            "gender_share": (5, 2),
            "coupon_effect": (5,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"Laws.{name} has the shape {getattr(self, name).shape}: give {shape}.")
        distributions = "persona_share persona_taste trend transition initial_state join_share"
        for name in (*distributions.split(), "age_share", "tier_share", "gender_share"):
            value = getattr(self, name)
            if (value < 0).any() or not np.allclose(value.sum(axis=-1), 1, atol=1e-12):
                raise InputError(f"Laws.{name} is no distribution: its last axis must be ≥ 0 and sum to 1.")
        if abs(self.own_share + self.follow_share + self.trend_share - 1) > 1e-12:
            raise InputError("Laws.own_share, follow_share and trend_share must sum to 1.")
        if sorted(self.follow) != list(range(12)) or (self.follow == np.arange(12)).any():
            raise InputError("Laws.follow must be a permutation of 0 … 11 that moves every category.")

    def campaign_in(self, week: int) -> int:
        """Place in `campaign_weeks` of the campaign in a week, or −1 if there is none."""
        found = np.flatnonzero(self.campaign_weeks == week)
        return int(found[0]) if len(found) else -1

    def order_probability(self, rate, state, week: int, effect=0.0) -> np.ndarray:
        """P(an order in the week | state, effect) = 1 − exp(−rate · m[state] · season · e^effect).

        Parameters
        ----------
        rate : array (n,) or float
            Orders a week, of each customer.
        state : int array (n,) or int
            Code of the state in that week.
        week : int
        effect : array (n,) or float
            What a campaign adds to the logarithm of the rate.

        Returns
        -------
        numpy.ndarray, shape (n,)

        Examples
        --------
        >>> laws = default_laws()
        >>> laws.order_probability(0.3, 3, 50)
        np.float64(0.0)
        """
        return -np.expm1(-np.asarray(rate) * self.state_rate[state] * self.season[week] * np.exp(effect))

    def first_line(self, taste, last, week: int) -> np.ndarray:
        """P(category of the first line | an order in the week), linear in the customer's taste.

        Parameters
        ----------
        taste : array (n, 12)
        last : int array (n,)
            Category of the first line of the previous order; −1 if there was none.
        week : int

        Returns
        -------
        numpy.ndarray, shape (n, 12)
            Rows sum to 1 if the tastes do.

        Examples
        --------
        >>> laws = default_laws()
        >>> laws.first_line(np.full((1, 12), 1 / 12), np.array([0]), 50).sum().round(9)
        np.float64(1.0)
        """
        last = np.asarray(last)
        seen = np.flatnonzero(last >= 0)
        out = taste * np.where(last >= 0, self.own_share, self.own_share + self.follow_share)[:, None]
        out += self.trend_share * self.trend[week]
        out[seen, self.follow[last[seen]]] += self.follow_share
        return out

    def session_focus(self, taste, week: int) -> np.ndarray:
        """P(focus category of a session in the week), shape (n, 12), linear in the taste (n, 12)."""
        return (1 - self.session_trend_share) * taste + self.session_trend_share * self.trend[week]


def default_laws(seed: int = 0) -> Laws:
    """The laws of the course's shop.

    Parameters
    ----------
    seed : int
        Seed of the catalogue and the auctions.

    Returns
    -------
    Laws

    Examples
    --------
    >>> laws = default_laws()
    >>> CATEGORIES[laws.follow[CATEGORIES.index("tea")]]
    'teaware'
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed is {seed!r}: give a whole number from 0 on.")
    taste = np.array(
        [
            # tea teaw cof cook tabl bake stor bedd bath ligh cand plan
            [40, 24, 2, 3, 8, 3, 2, 2, 2, 2, 6, 6],  # tea lover
            [4, 2, 12, 30, 14, 28, 5, 1, 1, 1, 1, 1],  # home cook
            [5, 6, 14, 10, 30, 7, 2, 2, 2, 8, 9, 5],  # host
            [1, 1, 3, 4, 4, 2, 26, 22, 18, 13, 2, 4],  # nest builder
            [14, 11, 7, 1, 7, 3, 1, 4, 5, 5, 24, 18],  # gift giver
        ],
        dtype=float,
    )
    weeks = np.arange(N_WEEKS)
    return Laws(
        seed=int(seed),
        persona_share=np.array([0.30, 0.25, 0.20, 0.15, 0.10]),
        persona_taste=taste / taste.sum(axis=1, keepdims=True),
        taste_concentration=8.0,
        taste_floor=0.02,
        own_share=0.60,
        follow_share=0.30,
        trend_share=0.10,
        # tea ⇄ teaware; coffee → tableware → cookware → baking → coffee; storage → bedding → bath → storage;
        # lighting → candles → plants → lighting
        follow=np.array([1, 0, 4, 5, 3, 2, 7, 8, 6, 10, 11, 9]),
        trend=_trend(weeks),
        state_rate=np.array([2.2, 0.8, 0.15, 0.0]),
        transition=np.array(
            [
                [0.90, 0.08, 0.02, 0.00],
                [0.03, 0.92, 0.045, 0.005],
                [0.005, 0.03, 0.945, 0.02],
                [0.00, 0.00, 0.00, 1.00],
            ]
        ),
        initial_state=np.array([0.3, 0.7, 0.0, 0.0]),
        one_and_done=0.33,
        rate_shape=1.2,
        persona_rate=0.35 * np.array([1.15, 1.2, 0.9, 0.8, 0.6]),
        season=_season(weeks),
        join_share=_join_share(weeks),
        campaign_weeks=np.arange(6, N_WEEKS, 8),
        campaign_kind=np.arange(len(range(6, N_WEEKS, 8))) % 2,
        campaign_share=0.5,
        campaign_effect=np.array([[0.30, 0.10, 0.20, 0.05, -0.15], [0.25, 0.60, 0.40, 0.70, 0.30]]),
        coupon_discount=0.10,
        consent_share=np.array([0.70, 0.60, 0.65, 0.50, 0.55]),
        app_share=0.45,
        session_rate=np.array([4.0, 1.6, 0.30, 0.0]),
        session_trend_share=0.25,
        session_extra_views=2.0,
        partner_share=0.35,
        extra_lines=0.6,
        extra_quantity=0.15,
        style_scale=0.8,
        app_order_share=0.5,
        store_order_share=0.35,
        return_share=0.06,
        return_slope=0.5,
        rating_share=0.15,
        rating_extremity=0.50,
        rating_mean=3.7,
        rating_scale=1.4,
        rating_weights=np.array([0.55, 0.45, 0.40, 0.60]),
        age_share=np.array(
            [
                # 18-24 25-34 35-44 45-54 55-64 65+
                [0.06, 0.16, 0.24, 0.26, 0.18, 0.10],
                [0.10, 0.30, 0.28, 0.18, 0.10, 0.04],
                [0.08, 0.30, 0.32, 0.19, 0.08, 0.03],
                [0.12, 0.46, 0.26, 0.10, 0.04, 0.02],
                [0.30, 0.38, 0.17, 0.09, 0.04, 0.02],
            ]
        ),
        tier_share=np.array(
            [
                [0.20, 0.30, 0.30, 0.20],
                [0.24, 0.30, 0.28, 0.18],
                [0.38, 0.34, 0.18, 0.10],
                [0.30, 0.36, 0.22, 0.12],
                [0.34, 0.32, 0.22, 0.12],
            ]
        ),
        gender_share=np.array([[0.46, 0.54], [0.66, 0.34], [0.60, 0.40], [0.58, 0.42], [0.70, 0.30]]),
        coupon_effect=np.array([0.35, 0.80, 0.60, 1.00, 0.20]),
        coupon_effect_scale=0.20,
    )


def _bump(weeks, centre, width, height):
    """A season's bell around a week."""
    return height * np.exp(-0.5 * ((weeks - centre) / width) ** 2)


def _season(weeks):
    """Demand over the weeks: 6.18, 11.11 and the weeks before the Chinese new year; mean 1."""
    log = -0.06 * np.cos(2 * np.pi * weeks / 52)
    # Chinese new year: 10 February 2024 (week 5), 29 January 2025 (week 56); 11.11 is in weeks 45 and 97
    for centre, width, height in ((3, 1.2, 0.35), (54, 1.2, 0.35), (24, 0.8, 0.3), (76, 0.8, 0.3)):
        log = log + _bump(weeks, centre, width, height)
    log = log + _bump(weeks, 45, 0.8, 0.55) + _bump(weeks, 97, 0.8, 0.55)
    log = log - _bump(weeks, 6, 0.6, 0.4) - _bump(weeks, 56.5, 0.6, 0.4)
    season = np.exp(log)
    return np.round(season / season.mean(), 6) / np.round(season / season.mean(), 6).mean()


def _join_share(weeks):
    """Acquisition: nearly even over weeks 0 … 95, with a fifth more around 11.11 and 6.18."""
    share = 1 + _bump(weeks, 45, 2, 0.3) + _bump(weeks, 24, 2, 0.2) + _bump(weeks, 76, 2, 0.2)
    share = np.where(weeks < 96, share, 0)
    return share / share.sum()


def _trend(weeks):
    """What the shop as a whole asks for: a slow drift and seasons, by week and category."""
    level = np.log(np.array([12, 8, 8, 10, 11, 8, 8, 8, 6, 7, 7, 7], dtype=float))
    # coffee, plants and storage gain over the two years; tea, bath and lighting lose
    drift = np.array([-0.2, -0.1, 0.4, 0.0, 0.0, 0.1, 0.3, 0.0, -0.2, -0.2, 0.0, 0.3])
    log = level + drift * (weeks[:, None] / (N_WEEKS - 1) - 0.5) * 2
    # week of the year of the peak, and its height: tea in spring, baking and candles in winter, …
    peaks = {
        "tea": (15, 0.8),
        "teaware": (2, 0.6),
        "cookware": (45, 0.5),
        "tableware": (3, 0.8),
        "baking": (50, 0.8),
        "storage": (9, 0.6),
        "bedding": (40, 0.9),
        "bath": (26, 0.5),
        "lighting": (44, 0.5),
        "candles": (49, 1.1),
        "plants": (13, 1.2),
    }
    for key, (peak, height) in peaks.items():
        apart = (weeks - peak + 26) % 52 - 26
        log[:, CATEGORIES.index(key)] += height * np.exp(-0.5 * (apart / 4) ** 2)
    trend = np.exp(log)
    return trend / trend.sum(axis=1, keepdims=True)


# --- the calendar -------------------------------------------------------------------------------------------


def cutoff(week: int) -> pd.Timestamp:
    """The beginning of a week: Monday, 00:00 in Shanghai, given in UTC.

    Parameters
    ----------
    week : int
        From 0 (1 January 2024) on; 104 is the end of the history.

    Returns
    -------
    pandas.Timestamp

    Raises
    ------
    InputError
        If the week is not a whole number.

    Examples
    --------
    >>> cutoff(100)
    Timestamp('2025-11-30 16:00:00+0000', tz='UTC')
    >>> cutoff(100).tz_convert(ZONE).day_name()
    'Monday'
    """
    if isinstance(week, bool) or not isinstance(week, (int, np.integer)):
        raise InputError(f"The week is {week!r}: give a whole number, 0 for the first week of 2024.")
    return _START + pd.Timedelta(days=7 * int(week))


def week_of(times) -> np.ndarray:
    """The week in which each moment lies.

    Parameters
    ----------
    times : Series, DatetimeIndex or array of datetimes with a time zone

    Returns
    -------
    numpy.ndarray of int64

    Raises
    ------
    InputError
        If the times have no zone, or one is missing.

    Examples
    --------
    >>> week_of(pd.to_datetime(["2025-11-30T15:59:59Z", "2025-11-30T16:00:00Z"], utc=True))
    array([ 99, 100])
    """
    index = pd.DatetimeIndex(times)
    if index.tz is None:
        raise InputError("The times have no time zone: give them in UTC, e.g. with tz_localize('UTC').")
    if index.hasnans:
        row = int(np.flatnonzero(index.isna())[0])
        raise InputError(f"The time in row {row} is missing: take such rows out first.")
    return np.asarray((index - _START) // pd.Timedelta(days=7), dtype=np.int64)


# --- the catalogue ------------------------------------------------------------------------------------------

PRODUCTS_PER_CATEGORY = 50


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The 600 products; a product's code is its place, the 50 of category c lie at 50·c … 50·c + 49.

    Parameters
    ----------
    product_id : int64 array (600,)
        100 · (category + 1) + 1 … 50.
    category : int8 array (600,)
    unit_price, unit_cost : array (600,)
        CNY, whole cents.
    quality : array (600,)
        About N(0, 1); bad products come back more often and are rated lower.
    popularity : array (600,)
        Weight before taste in style.
    latent : array (600, 3)
        Place on the axes traditional–modern, plain–ornate, everyday–festive.
    launch_week : int16 array (600,)
        Negative for the products that were there from the beginning.
    partner : int16 array (600,)
        Code of the planted partner product, in the partner category.
    substitute : int16 array (600,)
        Code of the planted substitute in the same category; −1 for none.
    table : pandas.DataFrame
        What the shop publishes of them: product_id, category, title, title_zh, description, description_zh,
        attributes, unit_price, unit_cost, launch_date.
    """

    product_id: np.ndarray
    category: np.ndarray
    unit_price: np.ndarray
    unit_cost: np.ndarray
    quality: np.ndarray
    popularity: np.ndarray
    latent: np.ndarray
    launch_week: np.ndarray
    partner: np.ndarray
    substitute: np.ndarray
    table: pd.DataFrame

    def truth(self) -> pd.DataFrame:
        """What the shop does not know: quality, popularity, place in style, partner, substitute.

        Returns
        -------
        pandas.DataFrame
            product_id, quality, popularity, latent_0 … latent_2, partner_id, substitute_id (0 for none).
        """
        none = self.substitute < 0
        return pd.DataFrame(
            {
                "product_id": self.product_id,
                "quality": self.quality,
                "popularity": self.popularity,
                **{f"latent_{axis}": self.latent[:, axis] for axis in range(3)},
                "partner_id": self.product_id[self.partner],
                "substitute_id": np.where(none, 0, self.product_id[self.substitute]),
            }
        )


# typical price (CNY) and gross margin of each category
_PRICE = (98, 168, 88, 239, 79, 59, 69, 299, 89, 219, 75, 65)
_MARGIN = (0.52, 0.55, 0.45, 0.38, 0.48, 0.46, 0.50, 0.42, 0.47, 0.44, 0.60, 0.50)


def catalogue(laws: Laws) -> Catalogue:
    """The products of the shop, drawn with the seed of the laws.

    Parameters
    ----------
    laws : Laws

    Returns
    -------
    Catalogue

    Examples
    --------
    >>> products = catalogue(default_laws())
    >>> products.table.loc[0, ["category", "title"]].tolist()
    ['tea', 'Longjing green tea']
    """
    return _catalogue(laws.seed, tuple(laws.follow.tolist()))


@lru_cache(maxsize=8)
def _catalogue(seed, follow):
    per, n = PRODUCTS_PER_CATEGORY, 12 * PRODUCTS_PER_CATEGORY
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 20_240_101])))
    code = np.arange(n)
    category = np.repeat(np.arange(12), per)
    latent = draw.normal(size=(n, 3))
    quality = draw.normal(size=n)
    popularity = np.exp(0.8 * draw.normal(size=n))
    # two makes of one thing (places 5j and 5j + 1) may be substitutes: near in style, price and popularity
    substitute = np.full(n, -1)
    noise = draw.normal(size=n)
    for first in range(0, n, 5):
        if first // 5 % 10 < 8:
            substitute[first], substitute[first + 1] = first + 1, first
            latent[first + 1] = latent[first] + 0.15 * latent[first + 1]
            popularity[first + 1] = popularity[first] * np.exp(0.1 * noise[first])
            noise[first + 1] = noise[first] + 0.1 * noise[first + 1]
    latent, quality, popularity = np.round(latent, 4), np.round(quality, 4), np.round(popularity, 4)
    kind = code % per // 5
    size = np.array(words.PRICE_FACTOR)[category, kind]
    price = np.array(_PRICE)[category] * size * np.exp(0.25 * noise + 0.1 * latent[:, 2])
    price = np.maximum(np.round(price), 8) - 0.1
    margin = np.clip(np.array(_MARGIN)[category] + 0.05 * draw.normal(size=n), 0.2, 0.75)
    cost = np.round(price * (1 - margin), 2)
    launch = np.where(draw.random(n) < 0.8, -draw.integers(1, 105, n), draw.integers(1, 100, n))
    partner = np.empty(n, dtype=np.int64)
    for c in range(12):
        partner[c * per : (c + 1) * per] = follow[c] * per + draw.permutation(per)

    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * launch, unit="D")
    level = np.digitize(latent, [-0.5, 0.5])
    rows = [words.product(CATEGORIES[category[i]], kind[i], i % 5, level[i]) for i in range(n)]
    product_id = 100 * (category + 1) + code % per + 1
    table = pd.DataFrame(rows).astype("str")
    table.insert(0, "category", pd.Series(np.array(CATEGORIES)[category], dtype="str"))
    table.insert(0, "product_id", product_id)
    table["unit_price"], table["unit_cost"] = np.round(price, 2), cost
    table["launch_date"] = pd.DatetimeIndex(dates).as_unit("us")
    return Catalogue(
        product_id=product_id.astype(np.int64),
        category=category.astype(np.int8),
        unit_price=np.round(price, 2),
        unit_cost=cost,
        quality=quality,
        popularity=popularity,
        latent=latent,
        launch_week=launch.astype(np.int16),
        partner=partner.astype(np.int16),
        substitute=substitute.astype(np.int16),
        table=table,
    )


# --- keyword auctions ---------------------------------------------------------------------------------------

N_BIDDERS, N_SLOTS = 6, 3


def auctions(laws: Laws) -> pd.DataFrame:
    """Weekly auctions of one search keyword for each category: six bidders, three slots.

    Each bidder has a private value per click (lognormal around a level of its own and of the keyword) and
    bids it.  Slots go by bid times quality score; a winner pays per click what would just have kept the slot:
    the next bid times its quality, over the winner's own quality, rounded up to a cent.

    Parameters
    ----------
    laws : Laws

    Returns
    -------
    pandas.DataFrame
        auction_id, timestamp (UTC), category (the keyword), bidder (1 … 6), bid (CNY per click),
        quality_score, slot (1 … 3, 0 for none), impressions, clicks, price_per_click (CNY, 0 without a slot).

    References
    ----------
    Edelman, B., Ostrovsky, M., & Schwarz, M. (2007). Internet advertising and the generalized second-price
    auction. American Economic Review, 97(1), 242-259 (unverified).

    Examples
    --------
    >>> auctions(default_laws()).groupby("auction_id")["slot"].max().unique().tolist()
    [3]
    """
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([laws.seed, 20_240_102])))
    n = N_WEEKS * 12
    keyword = np.tile(np.arange(12), N_WEEKS)
    week = np.repeat(np.arange(N_WEEKS), 12)
    level = np.log(0.012 * np.array(_PRICE))[keyword][:, None] + draw.normal(0, 0.2, N_BIDDERS)
    bid = np.maximum(np.round(np.exp(level + draw.normal(0, 0.35, (n, N_BIDDERS))), 2), 0.05)
    quality = np.clip(np.round(draw.normal(0.7, 0.05, N_BIDDERS) + draw.normal(0, 0.05, (n, 6)), 2), 0.3, 1)
    score = bid * quality
    order = np.argsort(-score, axis=1, kind="stable")
    ranked = np.take_along_axis(score, order, axis=1)
    own = np.take_along_axis(quality, order, axis=1)
    paid = np.zeros((n, N_BIDDERS))
    # rounded first, because a cent must not hang on the last bit of a quotient
    paid[:, :N_SLOTS] = np.ceil(np.round(100 * ranked[:, 1 : N_SLOTS + 1] / own[:, :N_SLOTS], 6)) / 100
    slots = np.where(np.arange(N_BIDDERS) < N_SLOTS, np.arange(N_BIDDERS) + 1, 0)
    slot, price = np.zeros((n, N_BIDDERS), dtype=np.int64), np.zeros((n, N_BIDDERS))
    np.put_along_axis(slot, order, np.tile(slots, (n, 1)), axis=1)
    np.put_along_axis(price, order, paid, axis=1)
    seen = draw.poisson(900 * laws.trend[week, keyword] * 12 * laws.season[week])
    impressions = np.where(slot > 0, seen[:, None], 0)
    rate = np.array([0.0, 0.06, 0.035, 0.02])[slot] * quality
    clicks = draw.binomial(impressions, rate)
    start = pd.DatetimeIndex([cutoff(w) for w in range(N_WEEKS)])
    return pd.DataFrame(
        {
            "auction_id": np.repeat(np.arange(1, n + 1), N_BIDDERS),
            "timestamp": start[np.repeat(week, N_BIDDERS)],
            "category": pd.Series(np.array(CATEGORIES)[np.repeat(keyword, N_BIDDERS)], dtype="str"),
            "bidder": np.tile(np.arange(1, N_BIDDERS + 1), n),
            "bid": bid.ravel(),
            "quality_score": quality.ravel(),
            "slot": slot.ravel(),
            "impressions": impressions.ravel(),
            "clicks": clicks.ravel(),
            "price_per_click": np.round(price, 2).ravel(),
        }
    )
