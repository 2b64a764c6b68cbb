"""Recency, frequency and money from order lines; scores by fixed rules or quantiles; shares by category."""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.segments import _checks

__all__ = ["category_shares", "rfm", "rfm_and_categories", "rfm_grid", "rfm_scores"]

MEASURES = ("recency", "frequency", "monetary")
"""Columns of the table that `rfm` gives; less is better for the first, more for the others."""


def rfm(
    orders,
    reference=None,
    *,
    returns=None,
    money: str = "total",
    zero_orders: str = "count",
    customers=None,
    customer_id: str = "customer_id",
    time: str | None = None,
    order_id: str | None = None,
    spend: str = "spend",
) -> pd.DataFrame:
    """Recency, frequency and money of each customer, from what was known before a reference date.

    Only lines strictly before `reference` count. A line with money below 0 is a return: it lowers the money,
    and is neither an order nor a visit. Lines without a customer are left out.

    Parameters
    ----------
    orders : pandas.DataFrame
        Order lines with the names of ``tables.ORDERS`` or ``tables.TRANSACTIONS``, or with other names that
        the last four arguments give.
    reference : Timestamp, date or str, optional
        In the zone of the times (a zone is needed where they have one). Without it: the midnight after the
        last line, in their zone.
    returns : pandas.DataFrame, optional
        As ``tables.RETURNS``: ``order_id``, ``return_time`` and positive ``spend``; what came back before the
        reference is taken off the money of the customer who had ordered it.
    money : {"total", "mean"}
        Net money of all orders, or per order that counts.
    zero_orders : {"count", "ignore"}
        Whether an order that cost nothing (gifts, free samples) counts as an order and as the last one.
    customers : sequence of labels, optional
        The rows wanted, in this order. Somebody without an order has frequency 0, money 0 and a missing
        recency. Without it: everybody with at least one order, sorted.
    customer_id, time, order_id, spend : str
        The frame's names. `time` is "order_time" or "date" and `order_id` is "order_id" where the frame has
        them; without an order number, the lines of one customer at one time are one order.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; ``recency`` in days (whole ones, rounded down), ``frequency`` (orders),
        ``monetary`` (money of the spend column; below 0 where more came back than was bought).

    Raises
    ------
    InputError
        A missing column, time or amount; no line before the reference; a reference with a zone for times
        without one, or the other way round; an order of two customers.

    Examples
    --------
    >>> lines = pd.DataFrame({"client": ["ann", "ann", "bob"], "amount": [20.0, 5.0, 8.0],
    ...                       "day": pd.to_datetime(["2025-01-01", "2025-01-11", "2025-01-21"])})
    >>> table = rfm(lines, "2025-01-31", customer_id="client", time="day", spend="amount")
    >>> print(table.reset_index().to_string(index=False))
    customer_id  recency  frequency  monetary
            ann     20.0          2      25.0
            bob     10.0          1       8.0
    """
    if money not in ("total", "mean"):
        raise InputError(f"money={money!r} is not known: use 'total' or 'mean'.")
    if zero_orders not in ("count", "ignore"):
        raise InputError(f"zero_orders={zero_orders!r} is not known: use 'count' or 'ignore'.")
    lines = _lines(orders, customer_id, time, order_id, spend)
    moment = _reference(reference, lines["time"])
    if len(lines) and lines["customer_id"].isna().all():
        raise InputError(
            f"orders[{customer_id!r}] is missing in all {len(lines)} rows: who bought is unknown."
        )
    lines = lines[(lines["time"] < moment) & lines["customer_id"].notna()]
    if order_id is not None or "order_id" in orders.columns:
        owners = lines.drop_duplicates(["order", "customer_id"])["order"]
        if owners.duplicated().any():
            twice = owners[owners.duplicated()].iloc[0]
            raise InputError(
                f"Order {_checks.shown(twice)} belongs to two customers: mend the numbers first."
            )
    bought = lines[lines["spend"] >= 0]
    placed = (
        bought.groupby(["customer_id", "order"], observed=True)
        .agg(time=("time", "max"), spend=("spend", "sum"))
        .reset_index()
    )
    if zero_orders == "ignore":
        placed = placed[placed["spend"] > 0]
    if placed.empty:
        raise InputError(f"There is no order before {moment}: check the reference date and the table.")
    by = placed.groupby("customer_id", observed=True)
    table = pd.DataFrame({"last": by["time"].max(), "frequency": by.size()})
    table.insert(0, "recency", np.floor((moment - table.pop("last")) / pd.Timedelta(days=1)))
    net = lines.groupby("customer_id", observed=True)["spend"].sum()
    if returns is not None:
        net = net.sub(_came_back(returns, lines, moment), fill_value=0.0)
    table["monetary"] = net.reindex(table.index).round(6)
    if customers is not None:
        table = table.reindex(pd.Index(customers))
        table[["frequency", "monetary"]] = table[["frequency", "monetary"]].fillna(0)
    table["frequency"] = table["frequency"].astype(np.int64)
    if money == "mean":
        table["monetary"] = table["monetary"] / table["frequency"].clip(lower=1)
    return table.rename_axis("customer_id")


def _lines(orders, customer_id, time, order_id, spend) -> pd.DataFrame:
    time = _checks.time_of_orders(orders, customer_id, time, spend)
    if order_id is not None and order_id not in orders.columns:
        raise InputError(f"orders has no column {order_id!r}; it has {list(map(str, orders.columns))}.")
    if order_id is None and "order_id" in orders.columns:
        order_id = "order_id"
    if not pd.api.types.is_datetime64_any_dtype(orders[time]):
        raise InputError(f"orders[{time!r}] holds no times: convert it with pandas.to_datetime.")
    if not pd.api.types.is_numeric_dtype(orders[spend]):
        raise InputError(f"orders[{spend!r}] holds no numbers: convert it with pandas.to_numeric.")
    lines = pd.DataFrame(
        {
            "customer_id": orders[customer_id],
            "time": orders[time],
            "spend": orders[spend].astype(float),
            "order": orders[time] if order_id is None else orders[order_id],
        }
    )
    for name, column in (("time", time), ("spend", spend), ("order", order_id)):
        gaps = lines[name].isna().to_numpy() | (np.isinf(lines[name]) if name == "spend" else False)
        if gaps.any():
            row = _checks.shown(orders.index[gaps.argmax()])
            raise InputError(
                f"orders[{column!r}] is missing or infinite in row {row} "
                f"({int(gaps.sum())} such rows): drop or mend it."
            )
    return lines


def _reference(reference, times) -> pd.Timestamp:
    zone = times.dt.tz
    if reference is None:
        if times.empty:
            raise InputError("orders has no rows: there is nothing to compute.")
        return times.max().normalize() + pd.Timedelta(days=1)
    try:
        moment = pd.Timestamp(reference)
    except (TypeError, ValueError) as error:
        raise InputError(f"reference={reference!r} is no date ({error}).") from error
    if moment is pd.NaT:
        raise InputError("reference is missing: give a date, or None for the day after the last order.")
    if (moment.tz is None) != (zone is None):
        raise InputError(
            f"The reference {moment} has {'no' if moment.tz is None else 'a'} time zone and the orders have "
            f"{'none' if zone is None else 'one'}: give it as "
            + ("a plain date." if zone is None else "pd.Timestamp(…, tz='Asia/Shanghai'), say.")
        )
    return moment


def _came_back(returns, lines, moment) -> pd.Series:
    for name in ("order_id", "return_time", "spend"):
        if name not in getattr(returns, "columns", ()):
            raise InputError(f"returns has no column {name!r}: it needs order_id, return_time and spend.")
    if (returns["spend"] < 0).any():
        raise InputError("returns holds money below 0: give what came back as positive numbers.")
    owner = lines.drop_duplicates("order").set_index("order")["customer_id"]
    back = returns[returns["return_time"] < moment]
    return back.groupby(back["order_id"].map(owner))["spend"].sum()


# --- scores ------------------------------------------------------------------------------------------


def rfm_scores(
    table, method: str = "quantiles", n: int = 5, ties: str = "together", rules=None, weights=None
) -> pd.DataFrame:
    """Scores from 1 (poor) to `n` (good) for recency, frequency and money, and a weighted mean of the three.

    Parameters
    ----------
    table : pandas.DataFrame
        As `rfm` gives it; no value may be missing.
    method : {"quantiles", "rules"}
        "quantiles": by place among these customers; the same customer may score otherwise among others.
        "rules": by fixed edges, which mean the same every month.
    n : int
        Number of scores for the quantiles; at least 2.
    ties : {"together", "order"}
        For the quantiles. "together": equal values get equal scores, that of their mean rank:
        1 + ⌊n (mean rank - 1/2) / customers⌋; the scores are then not equally frequent. "order": equal values
        are split by their place in the table, which makes the groups equal and the split arbitrary.
    rules : dict of {measure: rising edges}, optional
        For "rules": a measure with m edges has scores 1 to m + 1. Recency scores best up to and including
        the first edge; frequency and money reach the next score at the edge itself.
    weights : dict of {measure: float}, optional
        Of the weighted score; equal without it. What is left out weighs 0.

    Returns
    -------
    pandas.DataFrame
        ``r``, ``f``, ``m`` (int64), ``cell`` (such as "5-3-4") and ``score``, their weighted mean.

    Raises
    ------
    InputError
        Missing values or columns; edges that do not rise; weights that are negative or all 0.

    Examples
    --------
    >>> table = pd.DataFrame({"recency": [3, 40, 200], "frequency": [5, 1, 1], "monetary": [90, 20, 10]})
    >>> rules = {"recency": [30, 90], "frequency": [2, 4], "monetary": [20, 50]}
    >>> rfm_scores(table, "rules", rules=rules)["cell"].tolist()
    ['3-3-3', '2-1-2', '1-1-1']
    >>> rfm_scores(table, n=3)["f"].tolist()
    [3, 2, 2]
    """
    missing = [measure for measure in MEASURES if measure not in getattr(table, "columns", ())]
    if missing:
        raise InputError(f"The table has no column {missing[0]!r}: make it with rfm(orders).")
    values = _checks.feature_table(table[list(MEASURES)], "table")
    if method == "quantiles":
        if ties not in ("together", "order"):
            raise InputError(f"ties={ties!r} is not known: use 'together' or 'order'.")
        n = _checks.whole(n, "n", least=2)
        columns = {
            m: _by_rank(-values[m] if m == "recency" else values[m], n, ties).to_numpy() for m in MEASURES
        }
    elif method == "rules":
        columns = {m: _by_rule(values[m].to_numpy(), m, (rules or {}).get(m)) for m in MEASURES}
    else:
        raise InputError(f"method={method!r} is not known: use 'quantiles' or 'rules'.")
    given = dict.fromkeys(MEASURES, 1.0) if weights is None else weights
    unknown = sorted(set(given) - set(MEASURES))
    if unknown:
        raise InputError(f"weights names {unknown[0]!r}: it may name {list(MEASURES)}.")
    w = np.array([float(given.get(m, 0.0)) for m in MEASURES])
    if not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
        raise InputError("The weights must be numbers of at least 0, not all 0.")
    scores = pd.DataFrame({m[0]: columns[m] for m in MEASURES}, index=table.index)
    cells = scores["r"].astype(str) + "-" + scores["f"].astype(str) + "-" + scores["m"].astype(str)
    score = scores.to_numpy() @ (w / w.sum())
    return scores.assign(cell=cells.astype("str"), score=score.round(12))


def _by_rank(values, n, ties) -> pd.Series:
    rank = values.rank(method="average" if ties == "together" else "first")
    return (1 + np.floor(n * (rank - 0.5) / len(values))).astype(np.int64)


def _by_rule(values, measure, edges) -> np.ndarray:
    if edges is None:
        raise InputError(
            f"rules has no edges for {measure!r}: name them, such as {{'{measure}': [10, 100]}}."
        )
    edges = np.asarray(edges, dtype=float)
    if edges.ndim != 1 or not len(edges) or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise InputError(f"The edges of {measure!r} must be numbers that rise, without repeats.")
    if measure == "recency":
        return len(edges) + 1 - np.searchsorted(edges, values, side="left")
    return 1 + np.searchsorted(edges, values, side="right")


def rfm_grid(table, scores, value: str = "monetary") -> pd.DataFrame:
    """Customers and the mean of a column in each cell of recency and frequency scores.

    Parameters
    ----------
    table : pandas.DataFrame
        As `rfm` gives it.
    scores : pandas.DataFrame
        As `rfm_scores` gives it, of the same customers in the same order.
    value : str
        A column of `table`.

    Returns
    -------
    pandas.DataFrame
        ``r``, ``f``, ``n``, ``mean``; one row per cell that holds anybody, sorted.

    Examples
    --------
    >>> table = pd.DataFrame({"recency": [3, 40, 40], "frequency": [5, 1, 1], "monetary": [90.0, 20.0, 10.0]})
    >>> rfm_grid(table, rfm_scores(table, n=2))["mean"].tolist()
    [15.0, 90.0]
    """
    if value not in table.columns:
        raise InputError(f"The table has no column {value!r}; it has {list(table.columns)}.")
    _checks.same_customers(table, scores, "scores")
    both = pd.DataFrame({"r": scores["r"], "f": scores["f"], "value": table[value]})
    by = both.groupby(["r", "f"])["value"]
    return by.agg(n="size", mean="mean").reset_index()


# --- categories --------------------------------------------------------------------------------------


def category_shares(
    orders, categories, reference=None, customers=None, smoothing: float = 0.0
) -> pd.DataFrame:
    """Share of each category in a customer's order lines before a reference date.

    Parameters
    ----------
    orders : pandas.DataFrame
        ``customer_id``, ``order_time`` or ``date``, ``category``.
    categories : sequence of str
        The columns wanted, in order; lines of other categories are refused.
    reference : Timestamp or date, optional
        As in `rfm`.
    customers : sequence of labels, optional
        As in `rfm`.
    smoothing : float
        This many lines with the shares of all customers together are added to everybody, so that one line
        does not make a lover. Needed (above 0) where somebody has no line.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``, columns `categories`; rows add up to 1.

    Examples
    --------
    >>> lines = pd.DataFrame({"customer_id": [1, 1, 2, 2], "category": ["tea", "tea", "tea", "lamps"],
    ...                       "date": pd.to_datetime(["2025-01-01"] * 4)})
    >>> category_shares(lines, ["tea", "lamps"], smoothing=4).round(3).to_numpy().tolist()
    [[0.833, 0.167], [0.667, 0.333]]
    """
    categories = list(categories)
    time = next((c for c in ("order_time", "date") if c in getattr(orders, "columns", ())), None)
    if time is None or not {"customer_id", "category"} <= set(orders.columns):
        raise InputError("orders needs the columns customer_id, category and order_time or date.")
    if not np.isfinite(smoothing) or smoothing < 0:
        raise InputError(f"smoothing is {smoothing!r}: it must be a number of at least 0.")
    moment = _reference(reference, orders[time])
    lines = orders[(orders[time] < moment) & orders["customer_id"].notna()]
    strange = ~lines["category"].isin(categories)
    if strange.any():
        raise InputError(
            f"orders names the category {lines.loc[strange, 'category'].iloc[0]!r}, which is not among "
            f"{categories}: add it or leave its lines out."
        )
    counts = pd.crosstab(lines["customer_id"], lines["category"]).reindex(columns=categories, fill_value=0)
    overall = counts.sum() / max(int(counts.to_numpy().sum()), 1)
    if customers is not None:
        counts = counts.reindex(pd.Index(customers), fill_value=0)
    totals = counts.sum(axis=1)
    if smoothing == 0 and (totals == 0).any():
        who = totals.index[(totals == 0).to_numpy().argmax()]
        raise InputError(f"Customer {_checks.shown(who)} has no line before {moment}: set smoothing above 0.")
    shares = (counts + smoothing * overall).div(totals + smoothing, axis=0)
    return shares.rename_axis(index="customer_id", columns=None)


def rfm_and_categories(categories, smoothing: float = 3.0):
    """A feature function for the common question: RFM and category shares, as known at a cutoff.

    Parameters
    ----------
    categories : sequence of str
    smoothing : float
        As in `category_shares`.

    Returns
    -------
    callable
        Takes the tables by name, the customers and the moment of the cutoff, as
        ``CommonQuestion.features`` hands them; returns recency, frequency, monetary and ``share_<category>``.
    """

    def features(tables, customers, cutoff) -> pd.DataFrame:
        measures = rfm(tables["orders"], cutoff, customers=customers)
        shares = category_shares(tables["orders"], categories, cutoff, customers, smoothing)
        return measures.join(shares.add_prefix("share_"))

    return features
