"""What was known about each customer at a cutoff: features that nothing after the cutoff can change."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information._checks import frame
from bigmkt_helpers.prediction import _checks

__all__ = ["ShopFeatures", "category_table"]

WEEK = pd.Timedelta(weeks=1)


@dataclass(frozen=True)
class ShopFeatures:
    """A feature function for the common question, which says itself what its columns are.

    Call it as ``CommonQuestion.features`` does: tables by name, customers, cutoff. Of every table only rows
    before the cutoff are read, whatever is handed in; ``CommonQuestion.guard`` proves it by removing and by
    scrambling the future.

    Parameters
    ----------
    categories : sequence of str
    half_life : float
        Weeks after which an event counts half, in the shares of categories and in ``pace``.
    smoothing : float
        Orders' worth of the shop's own shares (of the last year) mixed into each customer's.
    people : sequence of str
        Columns of the customers' table taken as labels.

    Attributes
    ----------
    numbers, labels, counts : list of str
        For ``make_model``: its ``numbers``, ``categories`` and ``log``.

    Notes
    -----
    ``recency``, ``tenure`` (weeks since the last and the first order), ``orders`` in all, in the last 8 weeks
    and 26 weeks, ``pace`` (orders, each counting half after a half-life), ``rate`` (orders per week of
    tenure, plus one week), ``lateness`` (recency over the mean gap between orders; over the tenure plus one
    week for a single order), ``basket`` (mean lines), ``ticket`` (mean spend of an order), ``returned``
    (share of the spend that came back by the cutoff), ``mails`` (sent in the last 8 weeks), ``app_user``,
    ``consent``, ``visits_2``, ``visits_8`` (sessions in the last 2 and 8 weeks), ``visit_recency``
    (weeks; missing where there was no session), ``bought_<category>`` and ``viewed_<category>`` (smoothed
    shares), ``last_category``, and `people`.

    Examples
    --------
    >>> from bigmkt_helpers.datasets import load_shop
    >>> from bigmkt_helpers.information import CommonQuestion
    >>> question = CommonQuestion.of_shop(load_shop())
    >>> X = question.features(ShopFeatures(question.categories), guard=False)
    >>> X.shape, X["last_category"].iloc[0] in question.categories
    ((2127, 45), True)
    """

    categories: tuple
    half_life: float = 26.0
    smoothing: float = 2.0
    people: tuple = ("age_band", "city_tier", "gender")
    numbers: list = field(init=False, repr=False)
    labels: list = field(init=False, repr=False)
    counts: list = field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "categories", tuple(self.categories))
        object.__setattr__(self, "people", tuple(self.people))
        for name in ("half_life", "smoothing"):
            if not _checks.not_negative(getattr(self, name), name) > 0:
                raise InputError(f"{name} is 0: it must be above 0.")
        counts = ["recency", "tenure", "orders", "orders_8", "orders_26", "pace", "rate", "lateness"]
        counts += ["basket", "ticket", "mails", "visits_2", "visits_8", "visit_recency"]
        shares = [f"{deed}_{c}" for deed in ("bought", "viewed") for c in self.categories]
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "numbers", [*counts, "returned", "app_user", "consent", *shares])
        object.__setattr__(self, "labels", ["last_category", *self.people])

    def __call__(self, tables, customers, cutoff) -> pd.DataFrame:
        """One row per customer, from rows before the cutoff.

        Parameters
        ----------
        tables : dict of str to DataFrame
            ``orders`` and ``customers``; ``sessions``, ``returns`` and ``campaigns`` count as empty if they
            are not there.
        customers : pandas.Index
        cutoff : pandas.Timestamp

        Raises
        ------
        InputError
            A missing table or column; a customer without an order before the cutoff.
        """
        for name in ("orders", "customers"):
            if name not in tables:
                raise InputError(f"There is no table {name!r}: hand it in with tables=.")
        columns = ["order_id", "line_number", "customer_id", "order_time", "category", "spend"]
        frame(tables["orders"], columns, "orders")
        frame(tables["customers"], ["customer_id", "email_consent", "app_user"], "customers")
        absent = [column for column in self.people if column not in tables["customers"].columns]
        if absent:
            raise InputError(f"customers has no column {absent[0]!r}: leave it out of people=.")
        lines = _known(tables["orders"], "order_time", customers, cutoff)
        lines = lines.sort_values(["order_time", "order_id", "line_number"], kind="stable")
        first = lines.drop_duplicates("order_id")
        n, at = len(customers), first["place"].to_numpy()
        ago = first["weeks"].to_numpy()
        orders = np.bincount(at, minlength=n).astype(float)
        if (orders == 0).any():
            raise InputError(
                f"Customer {customers[int((orders == 0).argmax())]} has no order before {cutoff}."
            )
        out = {"recency": np.full(n, np.inf), "tenure": np.zeros(n)}
        np.minimum.at(out["recency"], at, ago)
        np.maximum.at(out["tenure"], at, ago)
        recency, tenure = out["recency"], out["tenure"]
        out["orders"] = orders
        for weeks in (8, 26):
            out[f"orders_{weeks}"] = np.bincount(at, ago <= weeks, minlength=n)
        out["pace"] = np.bincount(at, 0.5 ** (ago / self.half_life), minlength=n)
        out["rate"] = orders / (1 + tenure)
        gap = np.where(orders > 1, (tenure - recency) / np.maximum(orders - 1, 1), tenure + 1)
        out["lateness"] = recency / np.maximum(gap, 1 / 7)
        place = lines["place"].to_numpy()
        spend = np.bincount(place, lines["spend"].to_numpy(float), minlength=n)
        out["basket"] = np.bincount(place, minlength=n) / orders
        out["ticket"] = spend / orders
        mails = self._events(tables, "campaigns", "timestamp", customers, cutoff)
        sent = mails[mails["sent"].to_numpy(bool) & (mails["weeks"] <= 8).to_numpy()] if len(mails) else mails
        out["mails"] = np.bincount(sent["place"], minlength=n).astype(float)
        views = self._events(tables, "sessions", "timestamp", customers, cutoff)
        visits = views.drop_duplicates("session_id") if len(views) else views
        for weeks in (2, 8):
            late = visits[(visits["weeks"] <= weeks).to_numpy()]
            out[f"visits_{weeks}"] = np.bincount(late["place"], minlength=n).astype(float)
        seen = np.full(n, np.inf)
        np.minimum.at(seen, visits["place"].to_numpy(), visits["weeks"].to_numpy())
        out["visit_recency"] = np.where(np.isfinite(seen), seen, np.nan)
        back = self._returned(tables, customers, cutoff, n)
        out["returned"] = np.where(spend > 0, back / np.maximum(spend, 1e-9), 0.0)
        who = tables["customers"].drop_duplicates("customer_id").set_index("customer_id").reindex(customers)
        out["app_user"] = who["app_user"].fillna(False).to_numpy(float)
        out["consent"] = who["email_consent"].fillna(False).to_numpy(float)
        for deed, events in (("bought", first), ("viewed", visits)):
            shares = self._shares(events, n)
            out |= {f"{deed}_{c}": shares[:, j] for j, c in enumerate(self.categories)}
        latest = first.drop_duplicates("place", keep="last").set_index("place")["category"]
        out["last_category"] = latest.reindex(range(n)).to_numpy()
        found = pd.DataFrame(out, index=customers)
        for column in self.people:
            found[column] = who[column].astype("str").where(who[column].notna().to_numpy())
        return found[[*self.numbers, *self.labels]]

    def _events(self, tables, name, time, customers, cutoff) -> pd.DataFrame:
        if name not in tables:
            return pd.DataFrame({"place": np.array([], dtype=np.int64), "weeks": np.array([], dtype=float)})
        need = {"sessions": ["session_id", "category"], "campaigns": ["sent"]}[name]
        frame(tables[name], ["customer_id", time, *need], name)
        return _known(tables[name], time, customers, cutoff)

    def _returned(self, tables, customers, cutoff, n) -> np.ndarray:
        if "returns" not in tables:
            return np.zeros(n)
        back = tables["returns"]
        frame(back, ["order_id", "return_time", "spend"], "returns")
        orders = tables["orders"]
        orders = orders[(orders["order_time"] < cutoff).to_numpy()].drop_duplicates("order_id")
        owner = orders.set_index("order_id")["customer_id"]
        back = back[(back["return_time"] < cutoff).to_numpy()]
        place = customers.get_indexer(pd.Index(back["order_id"].map(owner)))
        return np.bincount(place[place >= 0], back["spend"].to_numpy(float)[place >= 0], minlength=n)

    def _shares(self, events, n) -> np.ndarray:
        k = len(self.categories)
        if not len(events):
            return np.full((n, k), 1 / k)
        code = pd.Index(self.categories).get_indexer(pd.Index(events["category"].astype("str")))
        place, age = events["place"].to_numpy()[code >= 0], events["weeks"].to_numpy()[code >= 0]
        code = code[code >= 0]
        weight = 0.5 ** (age / self.half_life)
        counts = np.bincount(place * k + code, weight, minlength=n * k).reshape(n, k)
        shop = np.bincount(code[age <= 52], minlength=k) + 0.5
        prior = self.smoothing * shop / shop.sum()
        return (counts + prior) / (counts.sum(axis=1, keepdims=True) + self.smoothing)


def _known(table, time, customers, cutoff) -> pd.DataFrame:
    """Rows of these customers before the cutoff, with their place in the index and their age in weeks."""
    place = customers.get_indexer(pd.Index(table["customer_id"]))
    here = (place >= 0) & (table[time] < cutoff).to_numpy()
    return table[here].assign(place=place[here], weeks=((cutoff - table.loc[here, time]) / WEEK).to_numpy())


def category_table(features, categories, follows=None) -> pd.DataFrame:
    """One row per customer and category, from one row per customer: what speaks for this category?

    Twelve columns of shares tell a model twelve separate stories; turned on its side the table tells one,
    which every category helps to learn.

    Parameters
    ----------
    features : pandas.DataFrame
        With ``bought_<category>``, ``viewed_<category>`` and ``last_category``, as `ShopFeatures` makes them.
    categories : sequence of str
    follows : pandas.DataFrame, optional
        Share of each category (columns) among the orders that follow a last category (rows); without it
        the column ``follows`` is left out.

    Returns
    -------
    pandas.DataFrame
        Row ``i * len(categories) + j`` is customer i and category j: ``bought``, ``viewed``, ``is_last``,
        ``follows``, ``orders``, ``visits_8``, ``shop`` (mean of ``bought`` over the customers) and
        ``category``.

    Examples
    --------
    >>> X = pd.DataFrame({"bought_tea": [0.7], "bought_bath": [0.3], "viewed_tea": 0.5, "viewed_bath": 0.5,
    ...                   "last_category": ["tea"], "orders": 3.0, "visits_8": 0.0})
    >>> category_table(X, ["tea", "bath"])[["category", "bought", "is_last"]].to_numpy().tolist()
    [['tea', 0.7, 1.0], ['bath', 0.3, 0.0]]
    """
    categories = list(categories)
    need = [f"{deed}_{c}" for deed in ("bought", "viewed") for c in categories]
    absent = [c for c in [*need, "last_category", "orders", "visits_8"] if c not in features.columns]
    if absent:
        raise InputError(f"features has no column {absent[0]!r}: make them with ShopFeatures.")
    n, k = len(features), len(categories)
    last = features["last_category"].astype("str").to_numpy()
    bought = features[need[:k]].to_numpy(float)
    out = {
        "bought": bought.ravel(),
        "viewed": features[need[k:]].to_numpy(float).ravel(),
        "is_last": (last[:, None] == np.array(categories)).astype(float).ravel(),
        "orders": np.repeat(features["orders"].to_numpy(float), k),
        "visits_8": np.repeat(features["visits_8"].to_numpy(float), k),
        "shop": np.tile(bought.mean(axis=0), n),
        "category": np.tile(np.array(categories, dtype=object), n),
    }
    if follows is not None:
        out["follows"] = follows.reindex(index=last, columns=categories).to_numpy(float).ravel()
    return pd.DataFrame(out)
