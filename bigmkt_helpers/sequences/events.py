"""Tables of events made into sequences and panels."""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.sequences import _checks

__all__ = ["clickstreams", "event_panel", "monthly_counts", "next_category_scores"]


def _columns(table, names, what):
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(f"{what} has no column {missing[0]!r}; it has {list(table.columns)}.")


def monthly_counts(
    transactions, customer="customer_id", date="date", align="entry", until=None
) -> pd.DataFrame:
    """Days with a purchase in each calendar month, one row per customer.

    Several purchases on one day are one: a repeated row and a second basket look alike in many logs.

    Parameters
    ----------
    transactions : pandas.DataFrame
    customer, date : str
        Names of the columns.
    align : {"entry", "calendar"}
        Month 0 is the month of each customer's first purchase, so that it is at least 1 for everybody by
        construction, and those who came later have NaN at the end; or the first month of the table for all,
        so that the months before the first purchase are zeros which say only that somebody had not yet come.
    until : Timestamp, optional
        Purchases strictly before it count, and the count ends with the month before it, with or without a
        purchase; the first of a month. Without it all count, to the month of the last purchase of anybody.

    Returns
    -------
    pandas.DataFrame
        Floats; columns month 0, 1, …

    Raises
    ------
    InputError
        Missing columns or values, dates that are text or have a zone, an `until` within a month, no
        transactions.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": [1, 1, 2],
    ...     "date": pd.to_datetime(["1997-01-05", "1997-03-02", "1997-02-11"])})
    >>> monthly_counts(table).fillna(-1).astype(int).to_numpy().tolist()
    [[1, 0, 1], [1, 0, -1]]
    """
    _columns(transactions, (customer, date), "transactions")
    if align not in ("entry", "calendar"):
        raise InputError(f"align={align!r} is not known: use 'entry' or 'calendar'.")
    table = transactions[[customer, date]]
    if not len(table):
        raise InputError("There are no transactions to count.")
    gaps = table.isna().any(axis=1)
    if gaps.any():
        raise InputError(
            f"transactions holds a row without customer or date ({gaps.sum():,} of {len(table):,}, first in "
            f"row {_checks.shown(table.index[gaps.argmax()])}): leave it out, as with "
            f"dropna(subset=[{customer!r}, {date!r}])."
        )
    moments = table[date]
    if not pd.api.types.is_datetime64_dtype(moments):
        raise InputError(
            f"Column {date!r} of transactions is {moments.dtype}, not a moment without a zone: use "
            "pd.to_datetime, and dt.tz_convert and dt.tz_localize(None) for a zone."
        )
    if until is not None:
        until = pd.Timestamp(until)
        if until != until.to_period("M").to_timestamp():
            raise InputError(
                f"until is {until}: give the first day of a month, as the last month would be cut short."
            )
        table = table[moments < until]
        moments = table[date]
        if not len(table):
            raise InputError(f"There are no transactions before {until:%Y-%m-%d} to count.")
    day = moments.dt.normalize()
    month = (moments.dt.year * 12 + moments.dt.month).to_numpy(np.int64)
    once = ~pd.DataFrame({"c": table[customer], "d": day}).duplicated().to_numpy()
    who, names = pd.factorize(table[customer], sort=True)
    first = month.min()
    # a month in which nobody bought is a month all the same, if it is known to be over
    past = month.max() + 1 if until is None else until.year * 12 + until.month
    n_months = int(past - first)
    counts = np.zeros((len(names), n_months))
    np.add.at(counts, (who[once], (month - first)[once]), 1)
    if align == "entry":
        entry = (counts > 0).argmax(axis=1)
        shifted = np.full(counts.shape, np.nan)
        place = np.arange(n_months) + entry[:, None]
        inside = place < n_months
        shifted[inside] = counts[np.nonzero(inside)[0], place[inside]]
        counts = shifted
    return pd.DataFrame(
        counts, index=pd.Index(names, name=customer), columns=pd.RangeIndex(n_months, name="month")
    )


def event_panel(channels, customers, start, end, entry=None, freq="7D", kinds="count") -> list:
    """Events of several tables, counted per customer and step of time: a panel for `PanelHMM`.

    Parameters
    ----------
    channels : list of (DataFrame, str)
        A table with ``customer_id``, and the name of its column of moments. One row is one event.
    customers : Index
        The rows of the panel, in this order; events of others are passed over.
    start, end : Timestamp
        Steps begin at `start`; events from `end` on are passed over.
    entry : Series of Timestamps by customer, optional
        Each customer's sequence begins with the step of this moment.
    freq : str or Timedelta
        Length of a step.
    kinds : str or sequence of str
        "count", or "any" for 1 where there is an event; one for all channels or one each.

    Returns
    -------
    list of ndarray
        Per customer (steps, channels), floats; (steps,) for one channel.

    Raises
    ------
    InputError
        Missing columns, an end that is no whole number of steps after the start, an entry that is unknown or
        outside.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer_id": [1, 1], "time": pd.to_datetime(["2024-01-01", "2024-01-20"])})
    >>> event_panel([(orders, "time")], pd.Index([1]), pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-22"))
    [array([1., 0., 1.])]
    """
    step = pd.Timedelta(freq)
    n_steps = (end - start) / step
    if n_steps != int(n_steps) or n_steps < 1:
        raise InputError(
            f"From {start} to {end} are {n_steps:g} steps of {step}: choose whole steps, at least one."
        )
    n_steps = int(n_steps)
    kinds = [kinds] * len(channels) if isinstance(kinds, str) else list(kinds)
    if len(kinds) != len(channels) or not set(kinds) <= {"count", "any"}:
        raise InputError(f"kinds is {kinds}: give 'count' or 'any' for each of the {len(channels)} channels.")
    cells = np.zeros((len(customers), n_steps, len(channels)))
    for number, (table, time) in enumerate(channels):
        _columns(table, ("customer_id", time), f"channels[{number}]")
        table = table[(table[time] >= start) & (table[time] < end)]
        who = customers.get_indexer(table["customer_id"])
        when = ((table[time] - start) // step).to_numpy(np.int64)
        np.add.at(cells, (who[who >= 0], when[who >= 0], number), 1)
        if kinds[number] == "any":
            cells[:, :, number] = cells[:, :, number] > 0
    begin = np.zeros(len(customers), dtype=np.int64)
    if entry is not None:
        moments = entry.reindex(customers)
        if moments.isna().any():
            raise InputError(
                f"Customer {_checks.shown(customers[moments.isna().argmax()])} has no entry: give a moment "
                "for each."
            )
        begin = ((moments - start) // step).to_numpy(np.int64)
        if ((begin < 0) | (begin >= n_steps)).any():
            bad = ((begin < 0) | (begin >= n_steps)).argmax()
            raise InputError(
                f"Customer {_checks.shown(customers[bad])} enters outside the steps of the panel."
            )
    if len(channels) == 1:
        cells = cells[:, :, 0]
    return [row[first:] for row, first in zip(cells, begin, strict=True)]


def clickstreams(lines) -> list[list[int]]:
    """Sequences from lines of whole numbers with blanks between them, as the msnbc.com set has them.

    Raises
    ------
    InputError
        A line that holds something else, with its number.

    Examples
    --------
    >>> clickstreams(["1 1 2", "", "6"])
    [[1, 1, 2], [], [6]]
    """
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append([int(word) for word in line.split()])
        except ValueError as error:
            wrong = next(word for word in line.split() if not word.lstrip("+-").isdecimal())
            raise InputError(
                f"Line {number} holds {wrong!r}: each line is whole numbers with blanks between them."
            ) from error
    return found


def next_category_scores(
    firsts, customers, categories, strength: float = 5.0, memory: float = 0.5
) -> pd.DataFrame:
    """ln P(category of the next order), from each customer's shares and what follows the last one.

    A mixture: `memory` of a first-order Markov chain over the categories of successive orders, the rest the
    customer's shares, with `strength` orders' worth of everybody's shares mixed in.

    Parameters
    ----------
    firsts : pandas.DataFrame
        One row per order in order of time: ``customer_id``, ``category``.
    customers : Index
    categories : sequence
    strength : float
        More than 0.
    memory : float
        Between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Index customers, columns categories: natural logarithms.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer_id": [1, 1, 1, 2], "category": ["tea", "bath", "tea", "tea"]})
    >>> next_category_scores(orders, pd.Index([1]), ["tea", "bath"]).round(2).to_numpy().tolist()
    [[-0.69, -0.69]]
    """
    from bigmkt_helpers.sequences.chains import MarkovChain

    _columns(firsts, ("customer_id", "category"), "firsts")
    if not 0 <= memory <= 1 or not strength > 0:
        raise InputError(f"memory is {memory} and strength {strength}: use 0 … 1 and more than 0.")
    categories = list(categories)
    code = pd.Index(categories).get_indexer(firsts["category"])
    if (code < 0).any():
        raise InputError(
            f"The category {firsts['category'].iloc[(code < 0).argmax()]!r} is none of those given."
        )
    overall = np.bincount(code, minlength=len(categories)) + 1.0
    overall /= overall.sum()
    who = customers.get_indexer(firsts["customer_id"])
    counts = np.zeros((len(customers), len(categories)))
    np.add.at(counts, (who[who >= 0], code[who >= 0]), 1)
    shares = (counts + strength * overall) / (counts.sum(axis=1, keepdims=True) + strength)
    paths = firsts.groupby("customer_id")["category"].agg(list)
    chain = MarkovChain(1, 1.0, symbols=categories).fit(paths.tolist())
    last = paths.map(lambda path: path[-1]).reindex(customers)
    follows = np.tile(overall, (len(customers), 1))
    known = last.notna().to_numpy()
    table = chain.transition_.loc[last[known]].to_numpy()
    follows[known] = table
    return pd.DataFrame(
        np.log(memory * follows + (1 - memory) * shares), index=customers, columns=pd.Index(categories)
    )
