"""Rows that are no events of their own: duplicates, tests, robots; and the rule of one currency."""

import re

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError

__all__ = [
    "convert_currency",
    "flag_bots",
    "flag_exact_duplicates",
    "flag_near_duplicate_orders",
    "flag_near_duplicates",
    "flag_test_accounts",
    "one_currency",
    "part_returns",
]

ROBOTS = r"bot\b|spider|crawl|scrap|python-requests|curl/|wget/|headless|httpclient|okhttp/0"
TESTS = r"^test|@test\.|^测试|\btest account\b|dummy|@example\.invalid$"


def flag_exact_duplicates(frame, columns=None) -> np.ndarray:
    """Rows that repeat an earlier row in all columns (or in `columns`); bool array, the first is not flagged.

    Examples
    --------
    >>> flag_exact_duplicates(pd.DataFrame({"a": [1, 1, 2], "b": [3, 3, 3]})).tolist()
    [False, True, False]
    """
    _need(frame, columns or [])
    return frame.duplicated(columns).to_numpy()


def flag_near_duplicates(frame, keys, time, within="10s") -> np.ndarray:
    """Rows that repeat an earlier row with the same keys within seconds: a double click.

    Parameters
    ----------
    frame : pandas.DataFrame
    keys : list of str
        Columns that must agree (customer and product); a row with a missing or empty key is never flagged.
    time : str
        Column of moments.
    within : str or pandas.Timedelta

    Returns
    -------
    numpy.ndarray of bool
        The first of a chain is not flagged; each later row is compared with the row before it in time.

    Examples
    --------
    >>> frame = pd.DataFrame({"who": [1, 1, 2], "what": ["tea"] * 3,
    ...                       "when": pd.to_datetime(["2024-01-01 00:00:00", "2024-01-01 00:00:04",
    ...                                               "2024-01-01 00:00:05"])})
    >>> flag_near_duplicates(frame, ["who", "what"], "when").tolist()
    [False, True, False]
    """
    _need(frame, [*keys, time])
    table = frame[[*keys]].astype(object).reset_index(drop=True)
    usable = (table.notna() & (table != "")).all(axis=1) & frame[time].notna().to_numpy()
    table["_time"] = frame[time].to_numpy()
    table = table[usable].sort_values("_time", kind="stable")
    gap = table.groupby(list(keys), sort=False)["_time"].diff()
    flagged = np.zeros(len(frame), dtype=bool)
    flagged[table.index[(gap <= pd.Timedelta(within)).to_numpy()]] = True
    return flagged


def flag_near_duplicate_orders(frame, order, customer, time, basket, within="10s") -> np.ndarray:
    """Lines of an order that repeats an earlier one of the same customer, basket and all, within seconds.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per line.
    order, customer, time : str
        Columns.  Orders whose customer is missing or empty are never flagged.
    basket : list of str
        Columns that must agree line by line, such as product and quantity.
    within : str or pandas.Timedelta

    Returns
    -------
    numpy.ndarray of bool

    Examples
    --------
    >>> frame = pd.DataFrame({"order": ["A", "A", "B", "B", "C"], "who": "ann", "what": [1, 2, 2, 1, 1],
    ...                       "when": pd.to_datetime([0, 0, 3, 3, 3], unit="s")})
    >>> flag_near_duplicate_orders(frame, "order", "who", "when", ["what"]).tolist()
    [False, False, True, True, False]
    """
    _need(frame, [order, customer, time, *basket])
    lines = frame.reset_index(drop=True)
    texts = ["\x1f".join(map(str, values)) for values in zip(*(lines[column] for column in basket))]
    grouped = lines.assign(_line=texts).groupby(order, sort=False)
    orders = pd.DataFrame(
        {
            "customer": grouped[customer].first(),
            "time": grouped[time].min(),
            "basket": grouped["_line"].agg(lambda v: "\x1e".join(sorted(v))) if len(lines) else [],
        }
    )
    again = flag_near_duplicates(orders, ["customer", "basket"], "time", within)
    return lines[order].isin(orders.index[again]).to_numpy()


def flag_test_accounts(frame, columns, pattern=TESTS) -> np.ndarray:
    """Rows of staff trying the system: `pattern` (a regular expression, any case) occurs in one of `columns`.

    Examples
    --------
    >>> frame = pd.DataFrame({"email": ["a@test.shop.cn", "tester@x.cn", "contest@x.cn"]})
    >>> flag_test_accounts(frame, ["email"]).tolist()
    [True, True, False]
    """
    _need(frame, columns)
    flagged = np.zeros(len(frame), dtype=bool)
    for column in columns:
        text = frame[column].astype(object).where(frame[column].notna(), "").astype("str")
        flagged |= text.str.contains(pattern, flags=re.IGNORECASE, regex=True).to_numpy(dtype=bool)
    return flagged


def flag_bots(frame, actor, time, agent=None, *, views=40, seconds=2.0, pattern=ROBOTS) -> np.ndarray:
    """Rows of robots: they say so, or they read faster than people do.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per view.
    actor : str
        Column of the session or device that is judged as a whole.
    time : str
        Column of moments.
    agent : str, optional
        Column with the name of the program; `pattern` marks robots that say so.
    views : int
        An actor with at least so many views …
    seconds : float
        … and a median time between them of at most so many seconds is a robot.

    Returns
    -------
    numpy.ndarray of bool
        All rows of an actor who is a robot.

    Examples
    --------
    >>> times = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(60), unit="s")
    >>> frame = pd.DataFrame({"session": ["a"] * 50 + ["b"] * 10, "when": times})
    >>> flag_bots(frame, "session", "when").sum()
    np.int64(50)
    """
    _need(frame, [actor, time, *([agent] if agent else [])])
    table = pd.DataFrame({"actor": frame[actor].to_numpy(dtype=object), "time": frame[time].to_numpy()})
    table = table[table["actor"].notna() & (table["actor"] != "")].sort_values("time", kind="stable")
    table["gap"] = table.groupby("actor", sort=False)["time"].diff().dt.total_seconds()
    rates = table.groupby("actor", sort=False).agg(views=("gap", "size"), gap=("gap", "median"))
    fast = rates.index[(rates["views"] >= views) & (rates["gap"] <= seconds)]
    flagged = frame[actor].isin(fast).to_numpy(dtype=bool, copy=True)
    if agent:
        text = frame[agent].astype(object).where(frame[agent].notna(), "").astype("str")
        says_so = text.str.contains(pattern, flags=re.IGNORECASE, regex=True).to_numpy(dtype=bool)
        told = frame.loc[says_so, actor].dropna()
        flagged |= says_so | frame[actor].isin(told[told != ""]).to_numpy(dtype=bool)
    return flagged


def part_returns(frame, quantity="quantity", status=None, cancelled=(), returned=()) -> pd.DataFrame:
    """Which lines are sales, returns and cancellations.

    Parameters
    ----------
    frame : pandas.DataFrame
    quantity : str
        Negative for a return.
    status : str, optional
        Column whose values `cancelled` and `returned` tell; with it, a negative quantity without the word is
        a return too.
    cancelled, returned : collection of str

    Returns
    -------
    pandas.DataFrame
        Bool columns `sale`, `returned`, `cancelled`: exactly one is true in each row.

    Examples
    --------
    >>> frame = pd.DataFrame({"quantity": [2, -1, 3], "status": ["paid", "paid", "void"]})
    >>> part_returns(frame, status="status", cancelled=["void"]).to_numpy().tolist()
    [[True, False, False], [False, True, False], [False, False, True]]
    """
    _need(frame, [quantity, *([status] if status else [])])
    words = frame[status] if status else pd.Series("", index=frame.index)
    void = words.isin(list(cancelled))
    back = (words.isin(list(returned)) | (frame[quantity] < 0)) & ~void
    return pd.DataFrame({"sale": ~void & ~back, "returned": back, "cancelled": void})


def one_currency(frame, currency="currency", money="spend") -> str:
    """The one currency of a table; refuses to let sums of several be added.

    Raises
    ------
    InputError
        If the table has several currencies, or a row with money has none.

    Examples
    --------
    >>> try:
    ...     one_currency(pd.DataFrame({"spend": [1.0, 2.0], "currency": ["CNY", "USD"]}))
    ... except InputError as error:
    ...     print(str(error)[:76])
    'spend' is in 2 currencies (CNY in 1 row, USD in 1 row; first USD in row 1):
    """
    _need(frame, [currency, money])
    used = frame.loc[frame[money].notna(), currency]
    empty = used.isna() | (used == "")
    if empty.any():
        raise InputError(
            f"Column {currency!r} is empty in row {used.index[empty][0]}: say which money it is."
        )
    counts = used.value_counts()
    if len(counts) > 1:
        listed = ", ".join(f"{code} in {n:,} row{'s' if n != 1 else ''}" for code, n in counts.items())
        first = used[used != counts.index[0]]
        raise InputError(
            f"{money!r} is in {len(counts)} currencies ({listed}; first {first.iloc[0]} in row "
            f"{first.index[0]}): "
            "convert them with convert_currency and a stated rate, or keep one, because sums of different "
            "money mean nothing."
        )
    if counts.empty:
        raise InputError(f"Column {money!r} holds no sum of money: name the column with money=….")
    return str(counts.index[0])


def convert_currency(frame, rates, to, currency="currency", money=("spend",)) -> pd.DataFrame:
    """A copy with all money in one currency, rounded to cents.

    Parameters
    ----------
    frame : pandas.DataFrame
    rates : dict of str to float
        Units of `to` for one unit of the currency.
    to : str
    currency : str
    money : sequence of str

    Raises
    ------
    InputError
        If a currency has no rate or a rate is not positive.

    Examples
    --------
    >>> frame = pd.DataFrame({"spend": [10.0, 10.0], "currency": ["CNY", "USD"]})
    >>> convert_currency(frame, {"USD": 7.2}, "CNY")["spend"].tolist()
    [10.0, 72.0]
    """
    _need(frame, [currency, *money])
    rates = {**rates, to: 1.0}
    bad = [code for code, rate in rates.items() if not rate > 0 or not np.isfinite(rate)]
    if bad:
        raise InputError(f"The rate of {bad[0]} is {rates[bad[0]]}: it must be a positive number.")
    strange = frame[currency][~frame[currency].isin(rates)]
    if len(strange):
        raise InputError(
            f"There is no rate for {strange.iloc[0]!r} (row {strange.index[0]}): add it, in {to} for one."
        )
    out = frame.copy()
    factors = frame[currency].map(rates).astype("float64")
    for column in money:
        out[column] = (frame[column] * factors).round(2)
    out[currency] = to
    return out


def _need(frame, columns):
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        have = ", ".join(map(repr, frame.columns[:12]))
        raise InputError(f"The table has no column {missing[0]!r}; it has {have}.")
