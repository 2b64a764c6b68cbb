"""The common question: what will each customer buy first within the horizon, or nothing?

At a cutoff every active customer is asked about: at least one order before, the last one within the window.
The answer is the category of the first line of their first order in [cutoff, cutoff + horizon), or "nothing".
Models learn from earlier cutoffs, whose answers were known by then, and are judged at the last one, in bits
and in money.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError, LeakError
from bigmkt_helpers.information import _checks
from bigmkt_helpers.information.coupons import (
    NO_COUPON,
    CouponTerms,
    blanket_coupon,
    choose_coupons,
    true_profit,
)
from bigmkt_helpers.information.intervals import mean_interval, ratio_interval
from bigmkt_helpers.information.measures import bits_per_customer

NOTHING = "nothing"
"""Name of the outcome that a customer buys nothing within the horizon."""

HORIZON = pd.Timedelta(days=28)
"""How far the question looks ahead."""

WINDOW = pd.Timedelta(days=182)
"""How far back the last order of an active customer may lie."""

TIME_COLUMNS = ("order_time", "timestamp", "return_time")
"""Columns that say when a row came to be, in UTC; the first that a table has counts."""

SHOP_TABLES = ("customers", "products", "sessions", "ratings", "returns", "campaigns")
"""Tables of the simulated shop that features may use besides its orders."""

DATE_COLUMNS = ("join_date", "launch_date")
"""Columns that say on which day, where the shop is, a row came to be."""

FeatureFunction = Callable[[dict[str, pd.DataFrame], pd.Index, pd.Timestamp], pd.DataFrame]
"""Takes the tables by name, the customers, and the moment of the cutoff; returns one row per customer."""


def week_cutoffs(weeks, first_monday="2024-01-01", zone="Asia/Shanghai") -> dict[int, pd.Timestamp]:
    """Moments at which weeks start: local midnight of their Monday.

    Parameters
    ----------
    weeks : iterable of int
        Week 0 starts on `first_monday`.
    first_monday : str
        A local calendar day.
    zone : str
        Time zone of the shop.

    Examples
    --------
    >>> week_cutoffs([0, 100])[100]
    Timestamp('2025-12-01 00:00:00+0800', tz='Asia/Shanghai')
    """
    day = pd.Timestamp(first_monday)
    if day.tz is not None or day != day.normalize():
        raise InputError(f"first_monday is {first_monday!r}: give a calendar day without time or zone.")
    numbers = [_checks.whole_number(week, "week", least=0) for week in weeks]
    return {week: (day + pd.Timedelta(days=7 * week)).tz_localize(zone) for week in numbers}


class CommonQuestion:
    """Customers, answers, history, baselines and scores of the common question.

    Parameters
    ----------
    orders : pandas.DataFrame
        Clean order lines: ``order_id``, ``line_number``, ``customer_id``, ``order_time`` (with a time zone),
        ``category``; other columns are kept for the history.
    categories : sequence of str
        All categories, in order; the outcomes are these and "nothing".
    cutoffs : mapping of label to Timestamp, or sequence of Timestamps
        In time order; the last is the test. Timestamps carry a zone (the local one, so that calendar days are
        those of the shop); see :func:`week_cutoffs`.
    horizon : pandas.Timedelta
        How far the question looks ahead; 28 days.
    window : pandas.Timedelta
        How far back the last order of an active customer may lie; 182 days.
    truth, observer : pandas.DataFrame, optional
        ``cutoff`` (label), ``customer_id``, ``p_<category>`` …, ``p_nothing``: the probabilities under the
        hidden state (omniscient), and under the world's laws and the data alone (ideal observer). ``answer``,
        if there, must agree with the orders.
    terms : CouponTerms, optional
        With them, and with a truth, scores are also in money.
    tables : mapping of str to DataFrame, optional
        Further tables for features, such as sessions and customers; rows are dated by the first of
        `TIME_COLUMNS` or `DATE_COLUMNS` that they have, undated tables are taken as known from the beginning.
    recency_weeks : int
        Weeks before the cutoff whose orders the popularity baseline counts.
    strength : float
        How many customers' worth of base rate the last-category baseline mixes into each row.
    level, n_resamples, random_state
        Of the bootstrap intervals over customers.

    Attributes
    ----------
    outcomes : list of str
    cutoffs : dict of label to Timestamp
    test : label
        The last cutoff.

    Raises
    ------
    InputError
        Missing columns or values, times without zone, a repeated line, an order of two customers or two
        moments, an unknown category, cutoffs out of order or beyond the data.

    Examples
    --------
    >>> orders = pd.DataFrame({"order_id": [1, 2, 3, 4], "line_number": 1, "customer_id": [7, 8, 7, 7],
    ...     "order_time": pd.to_datetime(["2024-01-03", "2024-01-05", "2024-02-01", "2024-03-01"], utc=True),
    ...     "category": ["tea", "lamps", "lamps", "tea"]})
    >>> moments = {"January": pd.Timestamp("2024-01-20", tz="UTC"),
    ...            "February": pd.Timestamp("2024-02-20", tz="UTC")}
    >>> question = CommonQuestion(orders, ["tea", "lamps"], moments)
    >>> question.answers("February").to_dict()
    {7: 'tea', 8: 'nothing'}
    >>> question.base_rate().iloc[0].round(3).to_dict()
    {'tea': 0.143, 'lamps': 0.429, 'nothing': 0.429}
    """

    def __init__(
        self,
        orders: pd.DataFrame,
        categories,
        cutoffs,
        horizon: pd.Timedelta = HORIZON,
        window: pd.Timedelta = WINDOW,
        truth: pd.DataFrame | None = None,
        observer: pd.DataFrame | None = None,
        terms: CouponTerms | None = None,
        tables: Mapping[str, pd.DataFrame] | None = None,
        recency_weeks: int = 8,
        strength: float = 20.0,
        level: float = 0.95,
        n_resamples: int = 2000,
        random_state: int = 0,
    ):
        self.categories = [str(category) for category in categories]
        if len(set(self.categories)) != len(self.categories) or not self.categories:
            raise InputError("categories must name each category once.")
        if NOTHING in self.categories:
            raise InputError(
                f"A category cannot be called {NOTHING!r}: that is the outcome without an order."
            )
        self.outcomes = [*self.categories, NOTHING]
        self.horizon, self.window = _duration(horizon, "horizon"), _duration(window, "window")
        self.cutoffs = _moments(cutoffs)
        self.test = list(self.cutoffs)[-1]
        self.recency_weeks = _checks.whole_number(recency_weeks, "recency_weeks", least=1)
        self.strength = _checks.not_negative(strength, "strength")
        self.bootstrap = {"level": level, "n_resamples": n_resamples, "random_state": random_state}
        self._firsts = _first_lines(orders, self.categories)
        if self._firsts["order_time"].max() < self.cutoffs[self.test]:
            raise InputError(
                f"The last order is of {self._firsts['order_time'].max()}, before the cutoff {self.test!r}: "
                "there is no answer to it in these orders."
            )
        self._tables = {"orders": orders, **(tables or {})}
        for name, table in self._tables.items():
            _dates(table, name)
        if terms is not None and list(terms.margin.index) != self.categories:
            raise InputError("terms.margin must name the categories of the question, in their order.")
        self.terms = terms
        self._given = {"truth": truth, "observer": observer}
        self._cache: dict = {}

    @classmethod
    def of_shop(
        cls,
        shop,
        margin: pd.Series | None = None,
        face: float = 20.0,
        contact_cost: float = 1.0,
        **settings,
    ) -> "CommonQuestion":
        """The question as the course puts it to the simulated shop.

        Parameters
        ----------
        shop : object
            With the tables ``orders``, ``customers``, ``products``, ``sessions``, ``ratings``, ``returns``,
            ``campaigns``, ``truth_answers``, ``truth_observer`` and ``truth_customers`` as attributes, such
            as ``load_shop()`` returns. Cutoffs and categories are those of the truth.
        margin : pandas.Series, optional
            By category, CNY per order; without it the scores are in bits alone.
        face, contact_cost : float
            Of a coupon, CNY. These are the course's terms; β is the mean of all customers, as a past test
            would find it, to two decimals.
        **settings
            Of the question, such as `n_resamples` or `cutoffs`.

        Raises
        ------
        InputError
            As the question itself; a margin that misses a category.

        Examples
        --------
        >>> from bigmkt_helpers.datasets import load_shop
        >>> CommonQuestion.of_shop(load_shop()).test
        100
        """
        answers = shop.truth_answers
        columns = [str(c)[2:] for c in answers.columns if str(c).startswith("p_")]
        categories = [c for c in columns if c != NOTHING]
        terms = None
        if margin is not None:
            missing = [c for c in categories if c not in margin.index]
            if missing:
                raise InputError(
                    f"margin misses the category {missing[0]!r}: give every category its margin."
                )
            effect = shop.truth_customers.set_index("customer_id")["coupon_effect"]
            terms = CouponTerms(
                margin[categories], face, contact_cost, round(float(effect.mean()), 2), effect
            )
        settings = {
            "cutoffs": week_cutoffs(sorted(int(week) for week in answers["cutoff"].unique())),
            "truth": answers,
            "observer": shop.truth_observer,
            "terms": terms,
            "tables": {name: getattr(shop, name) for name in SHOP_TABLES},
        } | settings
        return cls(shop.orders, categories, **settings)

    # --- who is asked, and what they did ---------------------------------------------------------------

    def cutoff(self, t=None) -> pd.Timestamp:
        """The moment of a cutoff; of the test without an argument."""
        t = self.test if t is None else t
        if t not in self.cutoffs:
            raise InputError(f"There is no cutoff {t!r}: the cutoffs are {list(self.cutoffs)}.")
        return self.cutoffs[t]

    def earlier(self, t=None) -> list:
        """Labels of the cutoffs whose answers were all known at cutoff `t`: one horizon before, or more."""
        moment = self.cutoff(t)
        return [label for label, earlier in self.cutoffs.items() if earlier + self.horizon <= moment]

    def customers(self, t=None) -> pd.Index:
        """Active customers at a cutoff, sorted: an order before, the last one within the window."""
        return self._last(t).index

    def last_category(self, t=None) -> pd.Series:
        """Category of the first line of each active customer's last order before the cutoff."""
        return self._last(t)["category"].rename("last_category")

    def answers(self, t=None) -> pd.Series:
        """What each active customer then did: one of the outcomes."""
        t = self.test if t is None else t
        if ("answers", t) not in self._cache:
            moment, firsts = self.cutoff(t), self._firsts
            ahead = (firsts["order_time"] >= moment) & (firsts["order_time"] < moment + self.horizon)
            first = firsts[ahead].drop_duplicates("customer_id").set_index("customer_id")["category"]
            answers = first.reindex(self.customers(t)).fillna(NOTHING).astype("str")
            self._cache["answers", t] = answers.rename("answer")
        return self._cache["answers", t].copy()

    def _last(self, t) -> pd.DataFrame:
        t = self.test if t is None else t
        if ("last", t) not in self._cache:
            moment, firsts = self.cutoff(t), self._firsts
            last = firsts[firsts["order_time"] < moment].drop_duplicates("customer_id", keep="last")
            last = last[last["order_time"] >= moment - self.window]
            if last.empty:
                raise InputError(f"Nobody ordered within {self.window} before the cutoff {t!r}.")
            self._cache["last", t] = last.set_index("customer_id").sort_index()
        return self._cache["last", t]

    def history(self, t=None) -> dict[str, pd.DataFrame]:
        """All tables as they stood at a cutoff: rows strictly before it, dated days before its own day."""
        return {name: _cut(table, name, self.cutoff(t)) for name, table in self._tables.items()}

    # --- features ----------------------------------------------------------------------------------------

    def features(self, function: FeatureFunction, t=None, guard: bool = True) -> pd.DataFrame:
        """Features of the active customers at a cutoff, from the history alone.

        Parameters
        ----------
        function : callable
            Takes ``(tables, customers, cutoff)``: a dict of DataFrames, an Index, a Timestamp; returns a
            DataFrame with one row per customer.
        t : label
        guard : bool
            Whether :meth:`guard` looks at the function first.

        Raises
        ------
        LeakError, InputError
        """
        if guard:
            self.guard(function, t)
        return _run(function, self.history(t), self.customers(t), self.cutoff(t))

    def training(self, function: FeatureFunction, t=None, guard: bool = True):
        """Features and answers of all earlier cutoffs, stacked: what a model for cutoff `t` may learn from.

        Returns
        -------
        features : pandas.DataFrame, answers : pandas.Series
            Index: pairs of cutoff and customer.
        """
        labels = self._earlier_or_raise(t)
        features = pd.concat(
            {label: self.features(function, label, guard and label == labels[-1]) for label in labels},
            names=["cutoff", "customer_id"],
        )
        return features, self.stacked(self.answers, t)

    def stacked(self, per_cutoff: Callable, t=None):
        """Results of a function of one cutoff, for all cutoffs earlier than `t`, under (cutoff, customer)."""
        labels = self._earlier_or_raise(t)
        return pd.concat({label: per_cutoff(label) for label in labels}, names=["cutoff", "customer_id"])

    def _earlier_or_raise(self, t) -> list:
        labels = self.earlier(t)
        if not labels:
            raise InputError(
                f"No cutoff lies a whole horizon before {self.test if t is None else t!r}: "
                "there is nothing to learn from."
            )
        return labels

    def guard(self, function: FeatureFunction, t=None) -> None:
        """Raise unless the features of a function are made from what was known at the cutoff.

        The function gets the tables in whole, three times over: as they are, with everything from the cutoff
        on removed, and with it scrambled. Its result must not change. A fourth time the active customers
        trade identities in every table; a feature that differs between customers and does not change then
        comes from something other than the tables handed in (a variable outside the function, say), of which
        the first three runs cannot tell whether it looks ahead.

        Parameters
        ----------
        function : callable
            As in :meth:`features`.

        Raises
        ------
        LeakError
            Names the feature, the number of customers whose value changes, and the first of them.
        InputError
            The function does not return one row per customer, or returns something else each time.
        """
        t = self.test if t is None else t
        moment, customers = self.cutoff(t), self.customers(t)

        def run(tables):
            return _run(function, {k: v.copy() for k, v in tables.items()}, customers, moment)

        whole = run(self._tables)
        for deed, tables in (
            ("removed", self.history(t)),
            ("scrambled", {name: _scrambled(table, name, moment) for name, table in self._tables.items()}),
        ):
            try:
                found = run(tables)
            except InputError:
                raise
            except Exception as error:
                raise LeakError(
                    f"The features cannot be made at cutoff {t!r} once everything after it is {deed} "
                    f"({type(error).__name__}: {error}): use only rows before the cutoff."
                ) from error
            changed = _changed(whole, found)
            if changed.empty:
                continue
            if not _changed(whole, run(self._tables)).empty:
                raise InputError(
                    "The features differ from one run to the next: fix the seed of the function."
                )
            column, n = changed.index[0], int(changed.iloc[0])
            first = _differs(whole[column], found[column]).idxmax()
            raise LeakError(
                f"Feature {column!r} leaks: at cutoff {t!r} it changes for {n} of {len(customers)} "
                "customers, "
                f"first customer {first}, when everything after the cutoff is {deed}. "
                "Use only rows before the cutoff."
            )
        traded = run({name: _traded(table, customers) for name, table in self._tables.items()})
        same = whole.columns.difference(_changed(whole, traded).index, sort=False)
        foreign = [c for c in same if _differs(whole[c], pd.Series(whole[c].iloc[0], whole.index)).any()]
        if foreign:
            raise LeakError(
                f"Feature {foreign[0]!r} does not come from the tables handed to the function, so "
                "that nobody "
                "can tell whether it looks ahead: hand every table in with tables=."
            )

    # --- baselines ---------------------------------------------------------------------------------------

    def base_rate(self, t=None) -> pd.DataFrame:
        """The same for everybody: shares of the answers at earlier cutoffs, (n + ½) / (N + ½ · outcomes).

        The half keeps an outcome that has not happened yet possible (Krichevsky & Trofimov, IEEE Transactions
        on Information Theory 27, 1981 (unverified)).
        """
        return self._everybody(self._base(t), t)

    def popularity(self, t=None) -> pd.DataFrame:
        """The same for everybody: the share of nothing at earlier cutoffs; the rest by what sold of late.

        Categories go by the first lines of all orders of the last `recency_weeks` weeks, with ½ added to
        each.
        """
        moment, firsts = self.cutoff(t), self._firsts
        late = firsts["order_time"].between(
            moment - pd.Timedelta(weeks=self.recency_weeks), moment, inclusive="left"
        )
        n = firsts.loc[late, "category"].value_counts().reindex(self.categories, fill_value=0) + 0.5
        nothing = self._base(t)[NOTHING]
        return self._everybody(pd.Series([*(1 - nothing) * n / n.sum(), nothing], self.outcomes), t)

    def last_category_rates(self, t=None) -> pd.DataFrame:
        """A Markov chain: shares of the answers at earlier cutoffs after the same last category.

        Each row is (n + strength · base) / (N + strength): categories seldom bought lean on the base rate.
        """
        base = self._base(t)
        last, answers = self.stacked(self.last_category, t), self.stacked(self.answers, t)
        n = pd.crosstab(last, answers).reindex(index=self.categories, columns=self.outcomes, fill_value=0)
        weight = n.sum(axis=1) + self.strength
        mixed = (n + self.strength * base).div(weight.where(weight > 0, 1.0), axis=0)
        mixed[weight == 0] = base.to_numpy()
        rows = mixed.loc[self.last_category(t)].to_numpy()
        return pd.DataFrame(rows, index=self.customers(t), columns=self.outcomes)

    def _base(self, t) -> pd.Series:
        n = self.stacked(self.answers, t).value_counts().reindex(self.outcomes, fill_value=0) + 0.5
        return n / n.sum()

    def _everybody(self, shares, t) -> pd.DataFrame:
        customers = self.customers(t)
        rows = np.tile(shares.reindex(self.outcomes).to_numpy(float), (len(customers), 1))
        return pd.DataFrame(rows, index=customers, columns=self.outcomes)

    # --- ceilings ----------------------------------------------------------------------------------------

    def truth(self, t=None) -> pd.DataFrame:
        """True probabilities at a cutoff, of who knows every hidden state."""
        return self._known("truth", t)

    def observer(self, t=None) -> pd.DataFrame:
        """Probabilities of the ideal observer, who knows the world's laws and sees only the data."""
        return self._known("observer", t)

    def has(self, name: str, t=None) -> bool:
        """Whether there is a "truth" or an "observer" for this cutoff."""
        table = self._given[name]
        return table is not None and bool((table["cutoff"] == (self.test if t is None else t)).any())

    def _known(self, name, t) -> pd.DataFrame:
        t = self.test if t is None else t
        self.cutoff(t)
        if (name, t) in self._cache:
            return self._cache[name, t].copy()
        table = self._given[name]
        if table is None:
            raise InputError(f"The question was made without {name}=: pass the table of probabilities.")
        columns = [f"p_{outcome}" for outcome in self.outcomes]
        _checks.frame(table, ["cutoff", "customer_id", *columns], name)
        rows = table[table["cutoff"] == t].set_index("customer_id")
        if rows.empty:
            raise InputError(
                f"{name} has no rows for the cutoff {t!r}; it has {sorted(set(table['cutoff']))}."
            )
        found = self._aligned(rows[columns].set_axis(self.outcomes, axis=1), name, t)
        if "answer" in rows:
            answers = self.answers(t)
            off = rows["answer"].reindex(found.index).astype("str") != answers
            if off.any():
                customer = off.idxmax()
                raise InputError(
                    f"{name} says that customer {customer} answered {rows['answer'][customer]!r} at "
                    f"cutoff {t!r}, "
                    f"the orders say {answers[customer]!r} ({int(off.sum())} such customers): they "
                    "are not of "
                    "one shop."
                )
        self._cache[name, t] = found
        return found.copy()

    def _aligned(self, probabilities, name, t) -> pd.DataFrame:
        """The table in the order of the question's customers and outcomes, or one sentence."""
        if not isinstance(probabilities, pd.DataFrame):
            raise InputError(f"The probabilities of {name} must be a DataFrame: customers by outcomes.")
        columns = list(probabilities.columns)
        if len(columns) != len(self.outcomes) or set(columns) != set(self.outcomes):
            odd = [c for c in columns if c not in self.outcomes] or [
                c for c in self.outcomes if c not in columns
            ]
            odd = odd[0] if odd else columns[0]
            raise InputError(
                f"The columns of {name} must be the outcomes {self.outcomes}, each once; look at {odd!r}."
            )
        customers = self.customers(t)
        if not probabilities.index.is_unique:
            twice = probabilities.index[probabilities.index.duplicated()][0]
            raise InputError(f"{name} has customer {twice} twice: keep one row per customer.")
        missing = customers.difference(probabilities.index)
        extra = probabilities.index.difference(customers)
        if len(missing) or len(extra):
            fault = f"misses customer {missing[0]}" if len(missing) else f"has customer {extra[0]}, not asked"
            raise InputError(
                f"{name} {fault} ({len(missing)} missing, {len(extra)} too many): give one row for "
                "each of the "
                f"{len(customers)} customers of cutoff {t!r}."
            )
        table = probabilities.loc[customers, self.outcomes].astype(float)
        _checks.rows_of_probabilities(table, name)
        return table

    # --- scores ------------------------------------------------------------------------------------------

    def bits(self, probabilities, t=None, floor: float | None = None, name="The model") -> pd.Series:
        """Surprise of each customer's answer, in bits; `floor` as in :func:`bits_per_customer`."""
        t = self.test if t is None else t
        return bits_per_customer(self._aligned(probabilities, name, t), self.answers(t), floor)

    def score(
        self, name: str, probabilities, t=None, floor=None, kind: str = "model", true_beta: bool = False
    ) -> dict:
        """One row of the ledger.

        Parameters
        ----------
        name : str
        probabilities : pandas.DataFrame
            Index: the customers of the cutoff; columns: the outcomes; rows add up to 1.
        t : label
            By default the test.
        floor : float, optional
            Least probability of an outcome, as in :func:`bits_per_customer`.
        kind : {"baseline", "model", "ceiling"}
        true_beta : bool
            Whether the coupons are chosen with each customer's true β too: the oracle's privilege.

        Returns
        -------
        dict
            ``bits`` (log loss per customer); ``closed`` (base loss - log loss), ``share`` (closed / (base
            loss - loss of the truth)), ``profit`` and ``gain`` over sending nothing (per 1,000 customers),
            each with ``_low`` and ``_high`` from one paired bootstrap over customers. None where there is no
            truth, no terms, or no gap.

        Raises
        ------
        InputError
            As in :func:`bits_per_customer`; other customers or outcomes than the question's.
        """
        t = self.test if t is None else t
        if kind not in ("baseline", "model", "ceiling"):
            raise InputError(f"kind={kind!r} is not known: use 'baseline', 'model' or 'ceiling'.")
        loss = self.bits(probabilities, t, floor, name)
        base = self.bits(self.base_rate(t), t)
        row = {"model": str(name), "kind": kind, "customers": len(loss), "bits": float(loss.mean())}
        row |= _spread("closed", mean_interval(base - loss, **self.bootstrap))
        share = None
        if self.has("truth", t):
            closable = base - self.bits(self.truth(t), t)
            try:
                share = ratio_interval(base - loss, closable, **self.bootstrap)
            except InputError:  # the truth closes nothing in some draw: no share to speak of
                share = None
        row |= _spread("share", share)
        profit = gain = None
        if self.terms is not None and self.has("truth", t):
            truth = self.truth(t)
            table = self._aligned(probabilities, name, t)
            beta = self.terms.true_beta(truth.index) if true_beta else None
            earned = true_profit(choose_coupons(table, self.terms, beta), truth, self.terms)
            nothing = true_profit(pd.Series(NO_COUPON, truth.index), truth, self.terms)
            profit = mean_interval(1000 * earned, **self.bootstrap)
            gain = mean_interval(1000 * (earned - nothing), **self.bootstrap)
        return row | _spread("profit", profit) | _spread("gain", gain)

    def baselines(self, t=None) -> list[dict]:
        """Scores of base rate, popularity and last category."""
        return [
            self.score("base rate", self.base_rate(t), t, kind="baseline"),
            self.score("popularity", self.popularity(t), t, kind="baseline"),
            self.score("last category", self.last_category_rates(t), t, kind="baseline"),
        ]

    def ceilings(self, t=None) -> list[dict]:
        """Scores of the ideal observer and of the truth, as far as the question has them."""
        rows = []
        if self.has("observer", t):
            rows.append(self.score("ideal observer", self.observer(t), t, kind="ceiling"))
        if self.has("truth", t):
            rows.append(self.score("truth", self.truth(t), t, kind="ceiling", true_beta=True))
        return rows

    def value_ladder(self, models: Mapping[str, pd.DataFrame], t=None, floor=None) -> pd.DataFrame:
        """What each state of knowledge is worth: no coupon, blanket, the models, the truth.

        The manner is that of Rossi, McCulloch & Allenby, Marketing Science 15(4), 1996, pages 321-340: each
        information set chooses the coupons, and its gain over sending none is divided by the blanket's gain.

        Parameters
        ----------
        models : mapping of str to DataFrame
            Probabilities by name, from little knowledge to much: nothing, demographics, one purchase …
        t, floor
            As in :meth:`score`.

        Returns
        -------
        pandas.DataFrame
            Index: names; ``bits`` (NaN for none and blanket), ``profit`` and ``gain`` per 1,000 customers
            with ``_low`` and ``_high``, ``sent`` (share of the customers who get a coupon), ``times_blanket``
            (gain / gain of the blanket; NaN if the blanket gains nothing).

        Raises
        ------
        InputError
            Without terms or truth; as in :meth:`score`.
        """
        t = self.test if t is None else t
        if self.terms is None:
            raise InputError("The question was made without terms=: the law and the costs of the coupon.")
        truth, terms = self.truth(t), self.terms
        choices = {
            "no coupon": (None, pd.Series(NO_COUPON, truth.index)),
            "blanket": (None, pd.Series(blanket_coupon(truth, terms), truth.index)),
        }
        for name, probabilities in models.items():
            if name in ("no coupon", "blanket", "truth"):
                raise InputError(
                    f"A model cannot be called {name!r} here: the ladder has a rung of that name."
                )
            table = self._aligned(probabilities, name, t)
            choices[name] = (self.bits(table, t, floor, name).mean(), choose_coupons(table, terms))
        oracle = choose_coupons(truth, terms, terms.true_beta(truth.index))
        choices["truth"] = (self.bits(truth, t).mean(), oracle)
        nothing = true_profit(choices["no coupon"][1], truth, terms)
        rows = {}
        for name, (bits, choice) in choices.items():
            earned = true_profit(choice, truth, terms)
            rows[name] = {
                "bits": np.nan if bits is None else float(bits),
                **_spread("profit", mean_interval(1000 * earned, **self.bootstrap)),
                **_spread("gain", mean_interval(1000 * (earned - nothing), **self.bootstrap)),
                "sent": float((choice != NO_COUPON).mean()),
            }
        ladder = pd.DataFrame.from_dict(rows, orient="index")
        blanket = ladder.loc["blanket", "gain"]
        ladder["times_blanket"] = ladder["gain"] / blanket if blanket > 0 else np.nan
        return ladder.rename_axis("knowledge")


def timing_features(tables, customers, cutoff) -> pd.DataFrame:
    """Obvious features of whether a customer buys at all; a feature function for :class:`CommonQuestion`.

    Parameters
    ----------
    tables : dict of DataFrames
        ``orders`` is read; rows from the cutoff on are passed over.
    customers : pandas.Index
    cutoff : pandas.Timestamp

    Returns
    -------
    pandas.DataFrame
        ``log_recency``, ``log_orders``, ``log_tenure``, ``recent_orders`` (in 8 weeks), ``log_rate`` (orders
        over 1 + weeks since the first); times in weeks, logarithms of 1 + value.

    Examples
    --------
    >>> orders = pd.DataFrame({"order_id": [1, 2], "customer_id": 7,
    ...     "order_time": pd.to_datetime(["2024-01-01", "2024-01-29"], utc=True)})
    >>> row = timing_features({"orders": orders}, pd.Index([7]), pd.Timestamp("2024-02-05", tz="UTC"))
    >>> row.round(3).to_numpy().tolist()
    [[0.693, 1.099, 1.792, 2.0, 0.288]]
    """
    orders = tables["orders"]
    orders = orders[orders["order_time"] < cutoff].drop_duplicates("order_id")
    weeks = (cutoff - orders["order_time"]) / pd.Timedelta(weeks=1)
    by = weeks.groupby(orders["customer_id"])
    table = pd.DataFrame({"recency": by.min(), "orders": by.size(), "tenure": by.max()})
    table["recent"] = (weeks <= 8).groupby(orders["customer_id"]).sum()
    table = table.reindex(customers)
    if table.isna().any(axis=None):
        raise InputError(
            f"Customer {table.index[table.isna().any(axis=1)][0]} has no order before the cutoff."
        )
    return pd.DataFrame(
        {
            "log_recency": np.log1p(table["recency"]),
            "log_orders": np.log1p(table["orders"]),
            "log_tenure": np.log1p(table["tenure"]),
            "recent_orders": table["recent"].astype(float),
            "log_rate": np.log1p(table["orders"] / (1 + table["tenure"])),
        }
    )


# --- inside --------------------------------------------------------------------------------------------


def _spread(name: str, interval) -> dict:
    if interval is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _duration(value, name) -> pd.Timedelta:
    if not isinstance(value, pd.Timedelta) or value <= pd.Timedelta(0):
        raise InputError(f"{name} is {value!r}: pass a pandas Timedelta above 0, such as Timedelta(days=28).")
    return value


def _moments(cutoffs) -> dict:
    pairs = list(cutoffs.items()) if isinstance(cutoffs, Mapping | pd.Series) else [(c, c) for c in cutoffs]
    if not pairs:
        raise InputError("There is no cutoff: pass at least one.")
    for label, moment in pairs:
        if not isinstance(moment, pd.Timestamp) or moment is pd.NaT or moment.tz is None:
            raise InputError(
                f"The cutoff {label!r} is {moment!r}: pass Timestamps with a zone, as week_cutoffs "
                "makes them."
            )
    for (_, before), (label, moment) in pairwise(pairs):
        if moment <= before:
            raise InputError(f"The cutoff {label!r} is not after the one before it: sort them by time.")
    if len({label for label, _ in pairs}) != len(pairs):
        raise InputError("Two cutoffs have one label: give each its own.")
    return dict(pairs)


def _first_lines(orders, categories) -> pd.DataFrame:
    """One row per order: customer, moment, order, category of its first line; by customer and time."""
    columns = ["order_id", "line_number", "customer_id", "order_time", "category"]
    _checks.frame(orders, columns, "orders")
    if orders.empty:
        raise InputError("orders has no rows: there is nothing to ask about.")
    _zoned(orders["order_time"], "orders['order_time']")
    table = orders[columns].sort_values(["order_id", "line_number"], kind="stable")
    same = table["order_id"].eq(table["order_id"].shift())
    for name, sentence in (
        ("line_number", "has line {value} twice: remove the repeated line"),
        ("customer_id", "has lines of two customers, the second being {value}: an order belongs to one"),
        ("order_time", "has lines of two moments, the second being {value}: an order is placed at one"),
    ):
        equal = table[name].eq(table[name].shift())
        wrong = same & (equal if name == "line_number" else ~equal)
        if wrong.any():
            row = table[wrong].iloc[0]
            raise InputError(f"Order {row['order_id']} {sentence.format(value=row[name])}.")
    table["category"] = table["category"].astype("str")
    unknown = ~table["category"].isin(categories)
    if unknown.any():
        row = table[unknown].iloc[0]
        raise InputError(
            f"Line {row['line_number']} of order {row['order_id']} has the category "
            f"{row['category']!r}, which is "
            f"none of the categories ({int(unknown.sum())} such lines): pass all categories."
        )
    firsts = table[~same].drop(columns="line_number")
    return firsts.sort_values(["customer_id", "order_time", "order_id"], kind="stable", ignore_index=True)


def _zoned(column, name) -> None:
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise InputError(f"{name} has the dtype {column.dtype}: make it times with a zone (UTC).")


def _dates(table, name):
    """Name of the column that dates the rows, and whether it is a local day; None for an undated table."""
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"tables[{name!r}] is a {type(table).__name__}: pass a pandas DataFrame.")
    for column in TIME_COLUMNS:
        if column in table.columns:
            _zoned(table[column], f"{name}[{column!r}]")
            return column, False
    for column in DATE_COLUMNS:
        if column in table.columns:
            return column, True
    return None, False


def _before(table, name, moment) -> np.ndarray:
    column, is_day = _dates(table, name)
    if column is None:
        return np.ones(len(table), dtype=bool)
    if not is_day:
        return (table[column] < moment).to_numpy()
    days = pd.to_datetime(table[column])
    return (days < moment.tz_localize(None).normalize()).to_numpy()


def _cut(table, name, moment) -> pd.DataFrame:
    return table[_before(table, name, moment)]


def _scrambled(table, name, moment) -> pd.DataFrame:
    """The table with the values of later rows shuffled among themselves, each column on its own."""
    late = np.flatnonzero(~_before(table, name, moment))
    table = table.copy()
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([20240101, len(late)])))
    dated, _ = _dates(table, name)
    for column in table.columns:
        if column != dated and len(late) > 1:
            # One step at least, so that two late rows never keep their values.
            order = np.roll(rng.permutation(late), 1)
            values = table[column].array.copy()
            values[late] = table[column].array[order]
            table[column] = values
    return table


def _traded(table, customers) -> pd.DataFrame:
    """The table with each active customer under the identity of the next."""
    column = next((c for c in ("customer_id", "user") if c in table.columns), None)
    if column is None:
        return table
    place = customers.get_indexer(pd.Index(table[column]))
    new = table[column].to_numpy().copy()
    new[place >= 0] = customers.to_numpy()[(place[place >= 0] + 1) % len(customers)]
    table = table.copy()
    table[column] = pd.Series(new, index=table.index).astype(table[column].dtype)
    return table


def _run(function, tables, customers, moment) -> pd.DataFrame:
    found = function(tables, customers, moment)
    if not isinstance(found, pd.DataFrame):
        raise InputError(f"The feature function returned a {type(found).__name__}: return a DataFrame.")
    if not found.index.is_unique or not found.columns.is_unique:
        raise InputError("The feature function must return each customer and each feature once.")
    if len(found) != len(customers) or len(customers.difference(found.index)):
        raise InputError(
            f"The feature function returned {len(found)} rows for {len(customers)} customers: return "
            "exactly one "
            "row for each (reindex by the customers)."
        )
    return found.reindex(customers)


def _changed(a: pd.DataFrame, b: pd.DataFrame) -> pd.Series:
    """Number of customers for whom a feature differs, for the features where any does."""
    odd = [c for c in a.columns if c not in b.columns] + [c for c in b.columns if c not in a.columns]
    if odd:
        raise LeakError(f"Feature {odd[0]!r} comes and goes with what happens after the cutoff.")
    counts = pd.Series({c: int(_differs(a[c], b[c]).sum()) for c in a.columns}, dtype=int)
    return counts[counts > 0]


def _differs(a: pd.Series, b: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(a.dtype) and pd.api.types.is_numeric_dtype(b.dtype):
        close = np.isclose(
            a.to_numpy(float, na_value=np.nan), b.to_numpy(float, na_value=np.nan), 1e-9, 1e-12, True
        )
        return pd.Series(~close, index=a.index)
    a, b = a.astype(object), b.astype(object)
    return ~((a == b) | (a.isna() & b.isna()))
