"""The vocabulary of the course: the names of the columns, and a check that a table keeps to them.

Every function of the library takes tables with these names.  A table from somewhere else comes in through
``conform``, which takes the foreign names as arguments and gives back a renamed, typed copy, or raises one
clear sentence.  ``set_aside`` does the same but parts with the bad rows, each with its reason, so that no row
is lost without a trace.

The check is our own, not pandera's, for one reason: what it says.  It names the column as the caller wrote
it, the first row, its value, the number of rows and the remedy, and it reads a million ratings in a second.
"""

import datetime
import numbers
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError

__all__ = [
    "BASKETS",
    "CAMPAIGNS",
    "CUSTOMERS",
    "INTERACTIONS",
    "ITEMS",
    "ORDERS",
    "PRODUCTS",
    "RATINGS",
    "RETURNS",
    "SESSIONS",
    "TRANSACTIONS",
    "VOCABULARY",
    "Column",
    "Schema",
    "conform_ratings",
]

VOCABULARY = {
    # who
    "customer_id": "the customer, as the shop knows them",
    "user": "the person who rates; in a shop, the customer",
    "name": "name of the customer",
    "name_pinyin": "name of the customer in Latin letters",
    "email": "e-mail address",
    "phone": "telephone number",
    "loyalty_card": "number of the loyalty card",
    "gender": "gender, as registered",
    "age_band": "range in which the age lies",
    "birth_year": "year of birth",
    "city": "city where the customer lives",
    "city_tier": "tier of the city, 1 for the largest",
    "email_consent": "whether the customer agreed to be written to",
    "app_user": "whether the customer uses the app",
    "bidder": "who bids in an auction",
    # what
    "product_id": "the product, as the shop's catalogue knows it",
    "item": "the thing rated or recommended; in a shop, the product",
    "title": "name of the item",
    "category": "the part of the catalogue a product belongs to",
    "genres": "genres of the item, separated by '|'",
    "year": "year in which the item first appeared",
    "title_zh": "name of the item in Chinese",
    "description": "what is said of the item, in English",
    "description_zh": "what is said of the item, in Chinese",
    "attributes": "words for the item, separated by '|'",
    "channel": "where the order was made: web, store or app",
    "session_id": "one visit to the app",
    "campaign_id": "one mailing to many customers",
    "kind": "which sort of campaign it is",
    "sent": "whether the customer got the campaign; if not, held out by a coin",
    "auction_id": "one auction of advertising places",
    "slot": "advertising place won, 1 for the best, 0 for none",
    # when
    "timestamp": "moment of an event, in UTC",
    "order_time": "moment of an order, in UTC",
    "date": "calendar day where the shop is, without a time of day",
    "return_time": "moment at which a line came back, in UTC",
    "join_date": "calendar day of the first order",
    "launch_date": "first day on which the product was sold",
    # how much
    "rating": "how much the user liked the item, on the stated scale",
    "order_id": "the order; one order has one or more lines",
    "quantity": "number of units",
    "unit_price": "price of one unit, in the stated currency",
    "spend": "money paid for all units of the line, in the stated currency",
    "line_number": "place of the line in its order, from 1",
    "unit_cost": "what one unit costs the shop, in the stated currency",
    "bid": "bid per click, in the stated currency",
    "quality_score": "score by which a bid is multiplied",
    "impressions": "how often an advertisement was shown",
    "clicks": "clicks on an advertisement",
    "price_per_click": "price of one click, in the stated currency",
    "currency": "ISO 4217 code of the money in the row, such as USD or CNY",
}
"""Names shared by the tables of the course, and what each means; a schema only picks among them."""

DTYPES = {
    "label": "int64 or str (Int64 where a label of whole numbers is missing)",
    "text": "str",
    "number": "float64",
    "money": "float64",
    "integer": "int64 (Int64 where a value may be missing)",
    "boolean": "bool (boolean where a value may be missing)",
    "time": "datetime64[us, UTC]",
    "date": "datetime64[us]",
}
"""Kinds of column, and the dtype that a conformed column of that kind has."""


@dataclass(frozen=True)
class Column:
    """One column of a schema.

    Parameters
    ----------
    name : str
        A name of `VOCABULARY`.
    kind : {"label", "text", "number", "money", "integer", "boolean", "time", "date"}
        What the values are; `DTYPES` says how they come out.
    required : bool
        Whether a table without this column is refused.
    nullable : bool
        Whether a value may be missing.
    minimum, maximum : float or None
        Bounds of a number, both allowed.
    aliases : tuple of str
        Names other sources use, for the suggestion in the error message (never applied silently).

    Examples
    --------
    >>> Column("quantity", "integer", minimum=0).description
    'number of units'
    """

    name: str
    kind: str
    required: bool = True
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    aliases: tuple[str, ...] = ()

    def __post_init__(self):
        if self.name not in VOCABULARY:
            raise InputError(
                f"{self.name!r} is not a name of the vocabulary: add it to tables.VOCABULARY first."
            )
        if self.kind not in DTYPES:
            raise InputError(
                f"Column {self.name!r} has the unknown kind {self.kind!r}: use one of {sorted(DTYPES)}."
            )

    @property
    def description(self) -> str:
        """What the column means."""
        return VOCABULARY[self.name]


@dataclass(frozen=True)
class Schema:
    """The columns of one table, and how a foreign table is brought into that shape.

    Parameters
    ----------
    name : str
        Name of the table, for messages.
    columns : tuple of Column
    key : tuple of str
        Columns that together occur once; empty if rows may repeat.
    latest : str or None
        Time column that tells which of several rows with one key is the newest.
    average : str or None
        Number column that ``duplicates="mean"`` averages.

    Examples
    --------
    >>> sales = pd.DataFrame({"CustomerID": [7, 7], "day": pd.to_datetime(["1997-01-01", "1997-01-18"]),
    ...                       "quantity": [2, 1], "amount": [29.33, 14.96]})
    >>> table = TRANSACTIONS.conform(sales, customer_id="CustomerID", date="day", spend="amount")
    >>> table.columns.tolist()
    ['customer_id', 'date', 'quantity', 'spend']
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    latest: str | None = None
    average: str | None = None

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]

    def describe(self) -> pd.DataFrame:
        """One row per column: kind, dtype, required, nullable, bounds and meaning.

        Examples
        --------
        >>> RATINGS.describe()["kind"].to_dict()
        {'user': 'label', 'item': 'label', 'rating': 'number', 'timestamp': 'time'}
        """
        rows = [
            {
                "column": c.name,
                "kind": c.kind,
                "dtype": DTYPES[c.kind],
                "required": c.required,
                "nullable": c.nullable,
                "minimum": c.minimum,
                "maximum": c.maximum,
                "meaning": c.description,
            }
            for c in self.columns
        ]
        return pd.DataFrame(rows).set_index("column")

    def conform(self, frame, *, limits=None, duplicates="raise", **names) -> pd.DataFrame:
        """A renamed, typed copy with exactly the columns of the vocabulary.

        Parameters
        ----------
        frame : pandas.DataFrame
            Never changed.
        limits : dict of {str: (low, high)}, optional
            Bounds that hold for this table on top of the schema's, such as ``{"rating": (1, 5)}``.
        duplicates : {"raise", "last", "mean"}
            What to do when a key occurs more than once: refuse; keep the newest row (needs the time column;
            of rows with one time, the one further down); or average the schema's number column and keep the
            newest time.
        **names : str or None
            The frame's own name for a column: ``user="userId"``.  None leaves an optional column out.

        Returns
        -------
        pandas.DataFrame
            Rows in their order with their index labels; optional columns only where the frame has them.

        Raises
        ------
        InputError
            If the frame has no rows, lacks a required column, or a value or key breaks a rule.  The sentence
            names the column, the first row, its value and the number of rows.

        Examples
        --------
        >>> ITEMS.conform(pd.DataFrame({"item": [1, 2], "name": ["Kettle", "Tea pot"]}))
        Traceback (most recent call last):
            ...
        bigmkt_helpers.errors.InputError: The items table has no column 'title' (name of the item); it has \
'item', 'name': name yours with title='name'.
        """
        if duplicates not in ("raise", "last", "mean"):
            raise InputError(f"duplicates={duplicates!r} is not known: use 'raise', 'last' or 'mean'.")
        sources = self._sources(frame, names)
        if len(frame) == 0:
            raise InputError(f"The {self.name} table has no rows: check the filter or the file it came from.")
        values, issues = self._read(frame, sources, limits)
        for issue in issues:
            raise InputError(self._sentence(frame, issue))
        table = self._typed(values, frame.index)
        return self._merge_duplicates(table, frame, sources, duplicates)

    def set_aside(
        self, frame, *, limits=None, duplicates="first", **names
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Like `conform`, but bad rows are set aside with a reason instead of raising.

        Parameters
        ----------
        frame : pandas.DataFrame
            Never changed.  It may have no rows.
        limits : dict of {str: (low, high)}, optional
            As in `conform`.
        duplicates : {"first", "last"}
            Which of the good rows with one key stays; the others are set aside.  "last" needs the time.
        **names : str or None
            As in `conform`.

        Returns
        -------
        kept : pandas.DataFrame
            The good rows, renamed and typed, with their index labels.
        aside : pandas.DataFrame
            Every other row as it came, with its index label and a column `reason`.
            ``len(kept) + len(aside) == len(frame)`` always.

        Raises
        ------
        InputError
            If a required column is missing, or the frame already has a column `reason`.

        Examples
        --------
        >>> raw = pd.DataFrame({"user": ["ann", "bob", None], "item": ["tea"] * 3, "rating": [5, "good", 3]})
        >>> kept, aside = RATINGS.set_aside(raw)
        >>> kept["user"].tolist(), aside.index.tolist()
        (['ann'], [1, 2])
        >>> aside["reason"].tolist()
        ["'rating' is not a number", "'user' is missing"]
        """
        if duplicates not in ("first", "last"):
            raise InputError(f"duplicates={duplicates!r} is not known: use 'first' or 'last'.")
        sources = self._sources(frame, names)
        if "reason" in frame.columns:
            raise InputError(
                "The frame already has a column 'reason': rename it, so that nothing is overwritten."
            )
        if duplicates == "last":
            self._need_latest(sources)
        values, issues = self._read(frame, sources, limits)
        reasons = np.full(len(frame), "", dtype=object)
        for issue in issues:
            text = f"{issue.source!r} {issue.short}"
            reasons[issue.mask] = [f"{r}; {text}" if r else text for r in reasons[issue.mask]]
        good = reasons == ""
        table = self._typed({name: series[good] for name, series in values.items()}, frame.index[good])
        repeated = self._repeated(table, duplicates)
        if repeated.any():
            key = " and ".join(repr(sources[name]) for name in self.key)
            reasons[np.flatnonzero(good)[repeated]] = f"{key} occur in another row that was kept"
        aside = frame[reasons != ""].copy()
        aside["reason"] = pd.array(reasons[reasons != ""], dtype="str")
        return table[~repeated], aside

    def _sources(self, frame, names) -> dict[str, str]:
        """For each column of the schema that is to come out, the frame's name for it."""
        if not isinstance(frame, pd.DataFrame):
            raise InputError(f"The {self.name} table must be a pandas DataFrame, not {type(frame).__name__}.")
        unknown = sorted(set(names) - set(self.names))
        if unknown:
            known = _listed(self.names)
            raise InputError(
                f"The {self.name} table knows no column {unknown[0]!r}: its columns are {known}."
            )
        sources = {}
        for column in self.columns:
            asked = column.name in names
            source = names.get(column.name, column.name)
            if source is None and column.required:
                raise InputError(
                    f"The {self.name} table cannot do without {column.name!r} ({column.description})."
                )
            if source is None or (not asked and not column.required and source not in frame.columns):
                continue
            count = int((frame.columns == source).sum())
            if count == 0:
                raise InputError(self._missing(frame, column, source, names))
            if count > 1:
                raise InputError(
                    f"The {self.name} table has {count} columns named {source!r}: keep one of them."
                )
            if source in sources.values():
                raise InputError(
                    f"Column {source!r} is named twice: each column of the table plays one part only."
                )
            sources[column.name] = source
        return sources

    def _missing(self, frame, column, source, names) -> str:
        found = _listed(frame.columns) if len(frame.columns) else "no column at all"
        taken = {names.get(name, name) for name in self.names}
        free = [name for name in frame.columns if name not in taken]
        wanted = {_plain(alias) for alias in (column.name, *column.aliases)}
        close = [name for name in free if _plain(name) in wanted]
        suggestion = repr(close[0]) if close else "'the name in your table'"
        return (
            f"The {self.name} table has no column {source!r} ({column.description}); it has {found}: "
            f"name yours with {column.name}={suggestion}."
        )

    def _read(self, frame, sources, limits) -> tuple[dict[str, pd.Series], list["_Issue"]]:
        limits = dict(limits or {})
        for name in limits:
            if name not in sources:
                raise InputError(f"limits names {name!r}, which is not a column of this {self.name} table.")
        values, issues = {}, []
        for column in self.columns:
            if column.name not in sources:
                continue
            source = sources[column.name]
            series = frame[source].reset_index(drop=True)
            values[column.name], found = _READERS[column.kind](series, column, limits.get(column.name))
            issues += [_Issue(source, *rest) for rest in found if rest[0].any()]
        return values, issues

    def _sentence(self, frame, issue) -> str:
        position = int(np.flatnonzero(issue.mask)[0])
        label, value = _short(frame.index[position]), _short(frame[issue.source].iloc[position])
        where = f"{_rows(int(issue.mask.sum()), len(frame))} (first: row {label}, value {value})"
        return (
            f"Column {issue.source!r} of the {self.name} table {issue.short} in {where}: {issue.mend}, "
            f"or part with such rows by tables.{self.name.upper()}.set_aside."
        )

    def _typed(self, values, index) -> pd.DataFrame:
        table = {}
        for column in self.columns:
            if column.name in values:
                table[column.name] = _final(values[column.name], column)
        out = pd.DataFrame(table)
        out.index = index
        return out

    def _need_latest(self, sources):
        if self.latest not in sources:
            raise InputError(
                f"duplicates='last' needs to know which row is the newest: name the column with "
                f"{self.latest or 'the time'}=…"
            )

    def _repeated(self, table, keep) -> np.ndarray:
        if not self.key:
            return np.zeros(len(table), dtype=bool)
        if keep != "last":
            return table.duplicated(list(self.key), keep=keep).to_numpy()
        order = np.argsort(table[self.latest].to_numpy("datetime64[us]"), kind="stable")
        repeated = np.empty(len(table), dtype=bool)
        repeated[order] = table.iloc[order].duplicated(list(self.key), keep="last").to_numpy()
        return repeated

    def _merge_duplicates(self, table, frame, sources, duplicates) -> pd.DataFrame:
        if duplicates == "last":
            self._need_latest(sources)
        repeated = self._repeated(table, "first")
        if not repeated.any():
            return table
        if duplicates == "raise":
            position = int(np.flatnonzero(repeated)[0])
            pair = ", ".join(f"{sources[name]} {_short(table[name].iloc[position])}" for name in self.key)
            ways = [
                way for way, needs in (("'last'", self.latest), ("'mean'", self.average)) if needs is not None
            ]
            label = _short(table.index[position])
            choose = f"choose duplicates={' or '.join(ways)}, " if ways else ""
            raise InputError(
                f"The {self.name} table names the same {' and '.join(self.key)} again in "
                f"{_rows(int(repeated.sum()), len(table))} (first: row {label}, {pair}): "
                f"{choose}or part with such rows by tables.{self.name.upper()}.set_aside."
            )
        if duplicates == "last":
            return table[~self._repeated(table, "last")]
        if self.average is None or self.average not in table:
            raise InputError(f"duplicates='mean' has no number to average in this {self.name} table.")
        return _one_per_key(table, self.key, self.average, "mean", self.latest)


@dataclass(frozen=True)
class _Issue:
    """Rows of one column that break one rule: `short` says what, `mend` says how to mend it."""

    source: str
    mask: np.ndarray = field(repr=False)
    short: str
    mend: str


def conform_ratings(
    frame, user="user", item="item", rating="rating", timestamp=None, *, scale=None, duplicates="raise"
) -> pd.DataFrame:
    """Ratings, or events without a rating, with the names and types of the vocabulary.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per rating; never changed.
    user, item : str
        The frame's names for the labels, whole numbers or text.
    rating : str or None
        The frame's name for the ratings; None for implicit feedback, where every row counts 1.
    timestamp : str or None
        The frame's name for the time, with a time zone; None leaves it out.
    scale : tuple of two floats, optional
        Smallest and largest rating allowed.
    duplicates : {"raise", "last", "mean", "sum"}
        What to do when a user met an item more than once: refuse; keep the newest row (needs `timestamp`);
        take the mean rating; or, for implicit feedback only, count the rows.

    Returns
    -------
    pandas.DataFrame
        Columns `user`, `item` (int64 or str), `rating` (float64) and, if asked for, `timestamp`
        (datetime64[us, UTC]), in the order and with the index labels of `frame`.

    Raises
    ------
    InputError
        If a column is missing, there are no rows, a label, rating or time is missing or of another kind, a
        rating is infinite or off the scale, or a pair occurs twice and `duplicates` is "raise".

    Examples
    --------
    >>> raw = pd.DataFrame({"userId": [1, 1, 2], "movieId": [10, 20, 10], "stars": [4, 5, 3]})
    >>> conform_ratings(raw, user="userId", item="movieId", rating="stars", scale=(1, 5))
       user  item  rating
    0     1    10     4.0
    1     1    20     5.0
    2     2    10     3.0
    >>> conform_ratings(raw, user="userId", item="movieId", rating="stars", scale=(1, 4))
    Traceback (most recent call last):
        ...
    bigmkt_helpers.errors.InputError: Column 'stars' of the ratings table is above 4 in 1 of 3 rows (first: \
row 1, value 5): correct the values, or part with such rows by tables.RATINGS.set_aside.
    """
    names = {"user": user, "item": item, "timestamp": timestamp}
    if rating is not None:
        if duplicates == "sum":
            raise InputError(
                "duplicates='sum' would add ratings up: use 'mean' or 'last', or rating=None to count rows."
            )
        limits = None if scale is None else {"rating": _checked_scale(scale)}
        return RATINGS.conform(frame, limits=limits, duplicates=duplicates, rating=rating, **names)
    if scale is not None:
        raise InputError(
            "scale has no meaning without ratings: leave it out, or name their column with rating=…."
        )
    if duplicates in ("mean", "sum"):
        table = replace(INTERACTIONS, key=()).conform(frame, **names)
        table.insert(2, "rating", 1.0)
        return _one_per_key(table, INTERACTIONS.key, "rating", duplicates, "timestamp")
    table = INTERACTIONS.conform(frame, duplicates=duplicates, **names)
    table.insert(2, "rating", 1.0)
    return table


def _checked_scale(scale) -> tuple[float, float]:
    try:
        low, high = (float(bound) for bound in scale)
    except (TypeError, ValueError):
        raise InputError(
            f"scale={scale!r} must be two numbers, the smallest and the largest rating."
        ) from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise InputError(f"scale={scale!r} must be two finite numbers, the smaller first.")
    return low, high


def _listed(names, most=12) -> str:
    names = [repr(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _plain(name) -> str:
    return "".join(letter for letter in str(name).lower() if letter.isalnum())


def _short(value) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 40 else text[:37] + "…"


def _rows(count, total) -> str:
    return f"{count:,} of {total:,} row{'s' if total != 1 else ''}"


def _one_per_key(table, key, value, how, latest) -> pd.DataFrame:
    """The first row of each key, with the mean or the sum of `value` and the newest time of them all."""
    groups = table.groupby(list(key), sort=False)
    merged = table[~table.duplicated(list(key))].copy()
    merged[value] = groups[value].agg(how).to_numpy()
    if latest in table:
        merged[latest] = groups[latest].max().array
    return merged


# Readers: one for each kind.  Each takes a series with a plain index and gives back the values with bad ones
# blank, and for each rule the rows that break it, what to say of them, and how to mend it.


def _no_rows(series) -> np.ndarray:
    return np.zeros(len(series), dtype=bool)


def _missing_rows(series, column) -> list[tuple]:
    if column.nullable:
        return []
    return [(series.isna().to_numpy(), "is missing", "fill the gap")]


def _read_label(series, column, limits):
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    types = pd.api.types
    if types.is_object_dtype(series.dtype) or types.is_string_dtype(series.dtype):
        series = series.mask((series == "").fillna(False).astype(bool))  # an empty text names nobody
    missing = series.isna().to_numpy()
    none = _no_rows(series)
    neither, large, fraction, other = none, none, none, none
    before = "text"
    if types.is_object_dtype(series.dtype):
        if not _is_plain(series[~missing]):
            labels = np.full(len(series), "", dtype=object)
            labels[~missing] = [_label_type(value) for value in series[~missing]]
            before = next((label for label in labels if label in ("a whole number", "text")), "text")
            neither, large = labels == "neither", labels == "too large"
            other = (labels != before) & ~neither & ~large & ~missing
    elif types.is_float_dtype(series.dtype):
        # Whole numbers with a gap arrive as floats: 1.0 means 1, 1.5 means nothing.
        series = pd.Series(series.to_numpy(dtype="float64", na_value=np.nan))
        fraction = ~((series == np.floor(series)) & (series.abs() < 2**53)).to_numpy() & ~missing
    elif types.is_unsigned_integer_dtype(series.dtype):
        large = (series > np.iinfo("int64").max).fillna(False).to_numpy(dtype=bool)
    elif not (types.is_integer_dtype(series.dtype) or types.is_string_dtype(series.dtype)):
        neither = ~missing
    mend = "turn the labels into text with .astype(str)"
    return series.mask(neither | large | fraction | other), [
        (neither, "is neither a whole number nor text", mend),
        (large, "is too large for a 64-bit whole number", mend),
        (fraction, "is not a whole number", mend),
        (other, f"is not {before} like the labels before it", mend),
        *([] if column.nullable else [(missing, "is missing", "fill the gap")]),
    ]


def _is_plain(series) -> bool:
    """Whether all labels are text, or all are whole numbers of 64 bits: what nearly every table has."""
    kind = pd.api.types.infer_dtype(series)
    if kind == "integer":
        try:
            series.astype("int64")
        except OverflowError:
            return False
    return kind in ("string", "integer", "empty")


def _label_type(value) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_):
        return "a whole number" if -(2**63) <= value < 2**63 else "too large"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return "a whole number"
    return "neither"


def _read_text(series, column, limits):
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    wrong = _no_rows(series)
    if pd.api.types.infer_dtype(series, skipna=True) not in ("string", "empty"):
        wrong = (~series.map(lambda value: isinstance(value, str)) & series.notna()).to_numpy(dtype=bool)
    return series, [(wrong, "is not text", "use .astype(str)"), *_missing_rows(series, column)]


def _read_number(series, column, limits, mend="convert text with pandas.to_numeric"):
    kind = pd.api.types.infer_dtype(series, skipna=True)
    wrong = _no_rows(series)
    if kind not in ("integer", "floating", "mixed-integer-float", "decimal", "empty"):
        wrong = (~series.map(_is_number) & series.notna()).to_numpy(dtype=bool)
        series = series.astype(object).where(~wrong)
    values = pd.Series(series.to_numpy(dtype="float64", na_value=np.nan))
    missing = [(rows & ~wrong, *rest) for rows, *rest in _missing_rows(values, column)]
    found = [
        (wrong, "is not a number", mend),
        *missing,
        (np.isinf(values).to_numpy(), "is infinite", "correct the values"),
    ]
    bounds = [(column.minimum, column.maximum), limits or (None, None)]
    for low in {low for low, _ in bounds if low is not None}:
        found.append(((values < low) & np.isfinite(values), f"is below {low:g}", "correct the values"))
    for high in {high for _, high in bounds if high is not None}:
        found.append(((values > high) & np.isfinite(values), f"is above {high:g}", "correct the values"))
    return values, [(np.asarray(rows), *rest) for rows, *rest in found]


def _is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def _read_money(series, column, limits):
    return _read_number(series, column, limits, "read money written as text with cleaning.parse_money")


def _read_integer(series, column, limits):
    values, found = _read_number(series, column, limits)
    broken = (np.isfinite(values) & (values != np.floor(values))).to_numpy()
    large = (np.isfinite(values) & (values.abs() >= 2**53)).to_numpy()  # beyond it floats skip whole numbers
    return values.mask(large), [
        *found,
        (broken, "is not a whole number", "round it, or correct the values"),
        (large, "is too large to be counted exactly", "correct the values"),
    ]


def _read_boolean(series, column, limits):
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    wrong = _no_rows(series)
    if not pd.api.types.is_bool_dtype(series.dtype):
        # 1 and "yes" are refused: only whoever knows the table can tell which value means yes
        truths = series.map(lambda value: isinstance(value, bool | np.bool_))
        wrong = ~truths.to_numpy(dtype=bool) & series.notna().to_numpy()
        series = series.astype(object).where(~wrong, None)
    values = series.astype("boolean")
    missing = [(rows & ~wrong, *rest) for rows, *rest in _missing_rows(values, column)]
    mend = "compare with the value that means yes, such as table['answer'] == 'yes'"
    return values, [(wrong, "is neither True nor False", mend), *missing]


def _read_time(series, column, limits):
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series, _missing_rows(series, column)
    stamps = series.map(lambda value: isinstance(value, datetime.datetime) and value.tzinfo is not None)
    wrong = ~stamps.to_numpy(dtype=bool) & series.notna().to_numpy()
    if pd.api.types.is_datetime64_dtype(series.dtype):
        what, mend = "has no time zone", "name the zone with .dt.tz_localize('UTC')"
    else:
        what = "is not a moment with a time zone"
        mend = "convert it with pandas.to_datetime(…, utc=True), and unit='s' for Unix seconds"
    values = pd.to_datetime(series.where(~wrong).astype(object), utc=True)
    return values, [(wrong, what, mend), *_missing_rows(series, column)]


def _read_date(series, column, limits):
    mend = "keep the local calendar day with .dt.tz_localize(None).dt.normalize()"
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series, [(series.notna().to_numpy(), "has a time zone", mend), *_missing_rows(series, column)]
    wrong = _no_rows(series)
    if not pd.api.types.is_datetime64_dtype(series.dtype):
        days = series.map(
            lambda value: isinstance(value, datetime.date) and getattr(value, "tzinfo", None) is None
        )
        wrong = ~days.to_numpy(dtype=bool) & series.notna().to_numpy()
        series = pd.to_datetime(series.where(~wrong).astype(object))
    hours = (series != series.dt.normalize()).to_numpy() & series.notna().to_numpy()
    missing = [(rows & ~wrong, *rest) for rows, *rest in _missing_rows(series, column)]
    return series, [
        (wrong, "is not a day", "convert it with pandas.to_datetime"),
        (hours, "has a time of day", mend),
        *missing,
    ]


_READERS = {
    "label": _read_label,
    "text": _read_text,
    "number": _read_number,
    "money": _read_money,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "time": _read_time,
    "date": _read_date,
}


def _final(series, column) -> pd.Series:
    """The dtype of `DTYPES` for values in which every rule holds; always new memory."""
    if column.kind == "label":
        if pd.api.types.infer_dtype(series, skipna=True) == "string":
            return series.astype("str")
        return series.astype("Int64" if series.isna().any() else "int64")
    if column.kind == "integer":
        return series.astype("Int64" if column.nullable else "int64")
    if column.kind == "boolean":
        return series.astype("boolean" if column.nullable else "bool")
    if column.kind == "time":
        return series.dt.tz_convert("UTC").dt.as_unit("us")
    if column.kind == "date":
        return series.dt.as_unit("us")
    return series.astype("str" if column.kind == "text" else "float64")


_USER = Column("user", "label", aliases=("user_id", "uid", "customer_id", "customer"))
_ITEM = Column("item", "label", aliases=("item_id", "iid", "movie_id", "movie", "product_id", "product"))
_TIME = Column("timestamp", "time", required=False, aliases=("time", "ts", "datetime", "date"))

RATINGS = Schema(
    "ratings",
    (_USER, _ITEM, Column("rating", "number", aliases=("stars", "score", "value")), _TIME),
    key=("user", "item"),
    latest="timestamp",
    average="rating",
)
"""One row per rating: a user rates an item once."""

INTERACTIONS = Schema("interactions", (_USER, _ITEM, _TIME), key=("user", "item"), latest="timestamp")
"""One row per pair that met, without a rating: implicit feedback."""

ITEMS = Schema(
    "items",
    (
        _ITEM,
        Column("title", "text", nullable=True, aliases=("name",)),
        Column("year", "integer", required=False, nullable=True),
        Column("genres", "text", required=False, nullable=True, aliases=("genre",)),
    ),
    key=("item",),
)
"""One row per item of the catalogue."""

TRANSACTIONS = Schema(
    "transactions",
    (
        Column("customer_id", "label", aliases=("customer", "user", "user_id", "cust")),
        Column("date", "date", aliases=("day", "order_date", "invoice_date")),
        Column("quantity", "integer", minimum=0, aliases=("units", "qty", "number_of_cds")),
        Column("spend", "number", minimum=0, aliases=("amount", "revenue", "dollar_value", "sales")),
    ),
)
"""One row per purchase line; a customer may have several on one day.  All money in one currency."""

_CUSTOMER = Column("customer_id", "label", aliases=("customer", "user", "user_id", "cust", "client_id"))
_UNKNOWN_CUSTOMER = replace(_CUSTOMER, nullable=True)
_ORDER = Column("order_id", "label", aliases=("order", "order_no", "invoice", "invoice_no", "receipt"))
_LINE = Column("line_number", "integer", minimum=1, aliases=("line", "line_no", "position"))
_PRODUCT = Column("product_id", "label", aliases=("product", "item", "item_id", "sku", "stock_code"))
_CATEGORY = Column("category", "text", aliases=("category_name", "department", "product_category"))
_QUANTITY = Column("quantity", "integer", minimum=1, aliases=("units", "qty", "amount_of_units"))
_PRICE = Column("unit_price", "money", minimum=0, aliases=("price", "list_price"))
_SPEND = Column("spend", "money", minimum=0, aliases=("amount", "revenue", "line_total", "sales"))
_MOMENT = replace(_TIME, required=True)

CUSTOMERS = Schema(
    "customers",
    (
        _CUSTOMER,
        Column("join_date", "date", nullable=True, aliases=("created_at", "registered", "sign_up_date")),
        Column("age_band", "text", required=False, nullable=True, aliases=("age_group", "age_range")),
        Column("city_tier", "integer", required=False, nullable=True, minimum=1, aliases=("tier",)),
        Column("gender", "text", required=False, nullable=True, aliases=("sex",)),
        Column("birth_year", "integer", required=False, nullable=True, aliases=("year_of_birth",)),
        Column("city", "text", required=False, nullable=True, aliases=("town",)),
        Column("name", "text", required=False, nullable=True, aliases=("full_name", "customer_name")),
        Column("name_pinyin", "text", required=False, nullable=True, aliases=("pinyin",)),
        Column("email", "text", required=False, nullable=True, aliases=("e_mail", "mail")),
        Column("phone", "text", required=False, nullable=True, aliases=("telephone", "mobile")),
        Column("loyalty_card", "text", required=False, nullable=True, aliases=("card", "card_no")),
        Column("email_consent", "boolean", required=False, aliases=("consent", "opt_in", "newsletter")),
        Column("app_user", "boolean", required=False, aliases=("app", "has_app")),
    ),
    key=("customer_id",),
)
"""One row per person of the register.  What is not known may be missing; a consent is given or it is not."""

PRODUCTS = Schema(
    "products",
    (
        _PRODUCT,
        _CATEGORY,
        Column("title", "text", nullable=True, aliases=("name", "product_name")),
        Column("title_zh", "text", required=False, nullable=True, aliases=("name_zh",)),
        Column("description", "text", required=False, nullable=True, aliases=("text", "details")),
        Column("description_zh", "text", required=False, nullable=True),
        Column("attributes", "text", required=False, nullable=True, aliases=("tags", "keywords")),
        _PRICE,
        Column("unit_cost", "money", required=False, minimum=0, aliases=("cost", "purchase_price")),
        Column("launch_date", "date", required=False, nullable=True, aliases=("launched", "release_date")),
    ),
    key=("product_id",),
)
"""One row per product of the shop's catalogue.  All money in one currency."""

ORDERS = Schema(
    "orders",
    (
        _ORDER,
        _LINE,
        _UNKNOWN_CUSTOMER,
        Column("order_time", "time", aliases=("timestamp", "ordered_at", "created_at", "invoice_date")),
        Column("channel", "text", required=False, aliases=("source", "store")),
        _PRODUCT,
        _CATEGORY,
        _QUANTITY,
        _PRICE,
        _SPEND,
    ),
    key=("order_id", "line_number"),
)
"""One row per line of an order; the customer may be unknown.  Goods sent back are in `RETURNS`.  All money in
one currency; `spend` is what was paid for the line, so a discount makes it less than quantity times price."""

RETURNS = Schema(
    "returns",
    (
        _ORDER,
        _LINE,
        Column("return_time", "time", aliases=("timestamp", "returned_at")),
        _QUANTITY,
        _SPEND,
    ),
    key=("order_id", "line_number", "return_time"),
)
"""One row per line that came back, in part or whole: units and money as positive numbers."""

SESSIONS = Schema(
    "sessions",
    (
        Column("session_id", "label", aliases=("session", "visit", "visit_id")),
        _UNKNOWN_CUSTOMER,
        _MOMENT,
        _PRODUCT,
        replace(_CATEGORY, required=False),
    ),
)
"""One row per view of a product; a product may be viewed again, and the customer may be unknown."""

CAMPAIGNS = Schema(
    "campaigns",
    (
        Column("campaign_id", "label", aliases=("campaign", "mailing", "mailing_id")),
        Column("kind", "text", aliases=("type", "campaign_type")),
        _CUSTOMER,
        Column("sent", "boolean", aliases=("treated", "treatment", "received")),
        _MOMENT,
    ),
    key=("campaign_id", "customer_id"),
)
"""One row per customer whom a campaign could have reached: sent, or held out."""

BASKETS = Schema("baskets", (_ORDER, _PRODUCT))
"""One row per product in a basket; the product may be told by its number, its name or its category."""
