"""Numbers, money and dates as people write them, read by the evidence of their whole column."""

import datetime
import re
import unicodedata
from collections import Counter

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError

__all__ = ["parse_dates", "parse_money", "parse_numbers", "parse_quantities", "plain_text"]

MINUS = str.maketrans(dict.fromkeys("−–—﹣－‐‑", "-"))
CURRENCIES = {
    "¥": "CNY", "元": "CNY", "RMB": "CNY", "CNY": "CNY", "人民币": "CNY",
    "$": "USD", "US$": "USD", "USD": "USD", "美元": "USD",
    "€": "EUR", "EUR": "EUR", "£": "GBP", "GBP": "GBP", "HK$": "HKD", "HKD": "HKD",
    "JPY": "JPY", "円": "JPY",
}  # fmt: skip
UNITS = "pcs|pc|pieces|piece|units|unit|件|个|個|只|盒|套|x|×"

_NUMBER = re.compile(r"([+-]?)\s*(\d[\d.,'\s]*|[.,]\d+)\s*(-?)")


def plain_text(value) -> str:
    """Text in its plain form: full-width signs narrow, every minus an ASCII one, blanks at the ends gone.

    Examples
    --------
    >>> plain_text(" −１２３ "), plain_text("￥５"), plain_text(None)
    ('-123', '¥5', '')
    """
    if isinstance(value, str) and value.isascii():
        return value.strip()
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return unicodedata.normalize("NFKC", str(value)).translate(MINUS).replace("\u00a5", "¥").strip()


def parse_numbers(values, *, decimal=None, units=UNITS) -> pd.DataFrame:
    """Numbers from text: signs, full-width digits, units, currencies, either decimal sign.

    Parameters
    ----------
    values : sequence
        Text or numbers.
    decimal : {".", ","}, optional
        The decimal sign; by default what the unambiguous values of the column use.  Ambiguous is a value such
        as "1,234", with one sign before exactly three digits.
    units : str
        Words allowed after the number, separated by "|" (a regular expression).

    Returns
    -------
    pandas.DataFrame
        With the index of `values` if it has one: `value` (float64), `currency` (code or ""), `finding` ("",
        "missing", "text", "decimal_comma", "unreadable") and `reason` (empty where there is nothing to say).
        "text" is anything but plain digits with an optional ASCII minus and the column's decimal sign;
        "decimal_comma" is a value with the other decimal sign than the column's.

    Raises
    ------
    InputError
        If the column needs to know its decimal sign and does not show it.

    Examples
    --------
    >>> table = parse_numbers(["¥1,234.50", "−3", "1.234,50 €", "two"])
    >>> table[["value", "currency", "finding"]].values.tolist()
    [[1234.5, 'CNY', 'text'], [-3.0, '', 'text'], [1234.5, 'EUR', 'decimal_comma'], [nan, '', 'unreadable']]
    >>> parse_numbers(["1,234", "5,678"])
    Traceback (most recent call last):
        ...
    bigmkt_helpers.errors.InputError: '1,234' may be 1234 or 1.234, and no other value of the column tells \
(row 0): say which with decimal='.' or decimal=','.
    """
    index = values.index if isinstance(values, pd.Series) else pd.RangeIndex(len(values))
    if decimal not in (None, ".", ","):
        raise InputError(f"decimal={decimal!r} is not known: use '.' or ','.")
    tail = re.compile(rf"(?:{units})\.?$", re.IGNORECASE) if units else None
    known = {}  # a column repeats itself: each spelling is taken apart once
    taken = []
    for value in values:
        key = (type(value), value)
        if key not in known:
            known[key] = _taken_apart(value, tail)
        taken.append(known[key])
    votes = Counter(part[3] for part in taken if part and part[3] in (".", ","))
    column = decimal or ("," if votes[","] > votes["."] else "." if votes["."] else None)
    rows = []
    for label, value, part in zip(index, values, taken):
        if part is None:
            empty = plain_text(value) == ""
            found = "missing" if empty else "unreadable"
            rows.append((np.nan, "", found, "no value" if empty else "not a number"))
            continue
        sign, digits, currency, own, plain = part
        if own == "stored":
            rows.append((digits, "", "", ""))
            continue
        if own == "?":  # one sign before three digits: the column decides
            if column is None:
                body = digits.replace(",", ".")
                raise InputError(
                    f"{str(value)!r} may be {body.replace('.', '')} or {body}, and no other value of the "
                    f"column tells (row {label}): say which with decimal='.' or decimal=','."
                )
            own = column
        mark = own or column or "."
        other = "," if mark == "." else "."
        number = sign * float(digits.replace(other, "").replace(mark, "."))
        turned = own in (".", ",") and own != (column or own) and part[3] != "?"
        if turned:
            rows.append((number, currency, "decimal_comma", f"{own!r} is its decimal sign, not {column!r}"))
        elif not plain or (own == "," and column != ","):
            rows.append((number, currency, "text", "a number dressed as text"))
        else:
            rows.append((number, currency, "", ""))
    columns = ["value", "currency", "finding", "reason"]
    table = pd.DataFrame(rows, columns=columns, index=index)
    return table.astype({"value": "float64", "currency": "str", "finding": "str", "reason": "str"})


def parse_quantities(values, *, decimal=None, units=UNITS) -> pd.DataFrame:
    """Whole numbers of units; "2,0", "２", "2 件" and "−1" are repaired, "1,5" is refused for its row.

    Parameters
    ----------
    values, decimal, units
        As in `parse_numbers`.

    Returns
    -------
    pandas.DataFrame
        As `parse_numbers` gives, with finding "not_whole" where the number has a fraction, and "text" for
        every spelling that is not plain digits.

    Examples
    --------
    >>> table = parse_quantities(["2", "2,0", "２", "2 pcs", "−1", "1,5"])
    >>> table["value"].tolist(), table["finding"].tolist()
    ([2.0, 2.0, 2.0, 2.0, -1.0, nan], ['', 'text', 'text', 'text', 'text', 'not_whole'])
    """
    table = parse_numbers(values, decimal=decimal, units=units)
    # plain means: digits, with an ASCII minus at most
    plain = np.array([bool(re.fullmatch(r"-?[0-9]+", str(v))) for v in values], dtype=bool)
    dressed = (table["value"].notna() & ~plain).to_numpy()
    stored = np.array([isinstance(v, int | float | np.number) for v in values], dtype=bool)
    table["finding"] = table["finding"].mask(dressed & ~stored, "text").mask(dressed & stored, "")
    broken = table["value"].notna() & (table["value"] % 1 != 0)
    table["finding"] = table["finding"].mask(broken, "not_whole")
    table["reason"] = table["reason"].mask(broken, "a quantity that is not whole")
    table["value"] = table["value"].mask(broken)
    return table


def parse_money(values, *, currency=None, decimal=None) -> pd.DataFrame:
    """Sums of money with their currency.

    Parameters
    ----------
    values : sequence
    currency : str or sequence of str, optional
        Code for values that show none; a sequence gives one for each row.  "¥" alone is read as CNY.
    decimal : {".", ","}, optional
        As in `parse_numbers`.

    Returns
    -------
    pandas.DataFrame
        As `parse_numbers` gives.  A value whose own sign contradicts the code of its row has the finding
        "currency_conflict" and no value.

    Examples
    --------
    >>> parse_money(["¥1,234.50", "99.00"], currency="CNY")[["value", "currency"]].values.tolist()
    [[1234.5, 'CNY'], [99.0, 'CNY']]
    """
    table = parse_numbers(values, decimal=decimal, units="")
    given = [currency] * len(table) if currency is None or isinstance(currency, str) else list(currency)
    if len(given) != len(table):
        raise InputError(f"There are {len(table)} values and {len(given)} currencies: give one for each row.")
    given = pd.Series([plain_text(code).upper() for code in given], index=table.index, dtype="str")
    own = table["currency"]
    conflict = (own != "") & (given != "") & (own != given)
    table["currency"] = own.where(own != "", given)
    table["value"] = table["value"].mask(conflict)
    table["finding"] = table["finding"].mask(conflict, "currency_conflict")
    table["reason"] = table["reason"].mask(conflict, "the sign and the code name two currencies")
    return table


def _taken_apart(value, tail):
    """Sign, digits with their marks, currency, decimal sign ('' none, '?' ambiguous), and if plain."""
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | float | np.integer | np.floating):
        number = _finite(value)
        return None if number is None else (1.0, number, "", "stored", True)
    text = plain_text(value)
    if not text or len(text) > 60:
        return None
    plain = text == str(value) and re.fullmatch(r"-?[0-9]+(?:[.,][0-9]+)?", text) is not None
    if match := re.fullmatch(r"\((.+)\)", text):  # the accountants' minus
        text = "-" + match[1]
    currency = ""
    for mark in sorted(CURRENCIES, key=len, reverse=True):
        if mark.casefold() in text.casefold():
            currency = CURRENCIES[mark]
            text = re.sub(re.escape(mark), "", text, count=1, flags=re.IGNORECASE).strip()
            break
    if tail:
        text = tail.sub("", text).strip()
    match = _NUMBER.fullmatch(text)
    if not match or (match[1] and match[3]):
        return None
    sign = -1.0 if "-" in (match[1], match[3]) else 1.0
    digits = re.sub(r"['\s]", "", match[2])
    own = _decimal_sign(digits)
    return None if own is None else (sign, digits, currency, own, plain)


def _finite(value) -> float | None:
    """A number as a float; None if it is infinite, missing or beyond every float."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if np.isfinite(number) else None


def _decimal_sign(digits) -> str | None:
    """Decimal sign of a number: '.', ',', '' (none), '?' (ambiguous), None (no number at all)."""
    dots, commas = digits.count("."), digits.count(",")
    if not dots and not commas:
        return ""
    if dots and commas:
        decimal = max(".,", key=digits.rfind)
        group = "," if decimal == "." else "."
        if digits.count(decimal) > 1:
            return None
        head = digits.split(decimal)[0]
        return decimal if re.fullmatch(rf"\d{{1,3}}({re.escape(group)}\d{{3}})+", head) else None
    mark = "." if dots else ","
    parts = digits.split(mark)
    if len(parts) > 2:  # a sign that comes twice groups thousands
        grouped = all(len(part) == 3 for part in parts[1:]) and 1 <= len(parts[0]) <= 3
        return ("," if mark == "." else ".") if grouped else None
    if len(parts[1]) == 3 and 1 <= len(parts[0]) <= 3 and parts[0] != "0":
        return "?"
    return mark if parts[1] else None


# Dates

_YMD = re.compile(
    r"(\d{4})\s*(?:-|/|\.|年)\s*(\d{1,2})\s*(?:-|/|\.|月)\s*(\d{1,2})日?"
    r"(?:[T\s]*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_DMY = re.compile(
    r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?()\s*(Z|[+-]\d{2}:?\d{2})?")
_NAMED = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th)?[\s-]+([A-Za-z]{3,9})\.?|([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?),?[\s-]+(\d{4})"
    r"(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        ["jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep september sept", "oct october", "nov november", "dec december"], 1
    )
    for name in names.split()
}  # fmt: skip


def parse_dates(
    values, *, zone="UTC", day_first=None, earliest="1990-01-01", latest="2090-01-01", tolerance=0.1
) -> pd.DataFrame:
    """Moments in UTC from text in any of the usual forms, judged over the whole column.

    Read are ISO 8601 (with or without offset), y/m/d, y.m.d, 年月日, yyyymmdd[hhmmss], d/m/y and m/d/y (with
    "/", "-" or "."), "12 March 2024", and Unix seconds or milliseconds.

    Parameters
    ----------
    values : sequence
        Text or numbers.
    zone : str
        Zone of moments without an offset, such as "Asia/Shanghai".
    day_first : bool, optional
        Whether 03/04/2024 is 3 April; by default what the rest of the column shows: a first number above 12
        is a day, a second one above 12 is too.
    earliest, latest : str
        Moments outside are impossible (placeholders such as 1899-12-30).
    tolerance : float
        If both orders occur, the rarer one may have at most this share of the telling values; these are read
        the other way round and reported as "swapped_day_month".

    Returns
    -------
    pandas.DataFrame
        `time` (datetime64[us, UTC]), `finding` ("", "missing", "unreadable", "impossible_date",
        "swapped_day_month", "epoch_seconds", "ambiguous_clock"), `reason`, and `form` (how it is written).
        "epoch_seconds" is Unix seconds in a column whose numbers are mostly milliseconds.

    Raises
    ------
    InputError
        If the zone is unknown, or day and month cannot be told apart: no value of the column tells, or they
        contradict each other beyond the tolerance.

    Examples
    --------
    >>> table = parse_dates(["25/02/2024 10:30", "03/04/2024 08:00", "31/02/2024 9:00"], zone="Asia/Taipei")
    >>> table["time"].dt.strftime("%d %b %H:%M").tolist(), table["finding"].tolist()
    (['25 Feb 02:30', '03 Apr 00:00', nan], ['', '', 'impossible_date'])
    >>> try:
    ...     parse_dates(["03/04/2024"])
    ... except InputError as error:
    ...     print(str(error)[:74])
    '03/04/2024' (row 0) may be 3 April or 4 March, and no value of the column
    """
    index = values.index if isinstance(values, pd.Series) else pd.RangeIndex(len(values))
    try:
        early, late = (_utc(pd.Timestamp(bound)) for bound in (earliest, latest))
        pd.Timestamp("2020-01-01").tz_localize(zone)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(f"earliest, latest or zone={zone!r} cannot be used ({error}).") from None
    parts = [_date_parts(value) for value in values]
    day_first = _day_first(parts, values, index, day_first, tolerance)
    epochs = [part[1] for part in parts if part[0] == "epoch"]
    milliseconds = [number for number in epochs if abs(number) >= 1e11]
    mostly_ms = 2 * len(milliseconds) > sum(abs(n) >= 1e8 for n in epochs)

    # plain Python datetimes: years such as 0001 or 9999 stay readable and are then judged by the bounds
    naive, absolute, findings, reasons, forms = {}, {}, [], [], []
    for place, part in enumerate(parts):
        form, *rest = part
        finding = reason = ""
        if form in ("missing", "unreadable"):
            finding, reason = form, "no value" if form == "missing" else "not a date in any known form"
        elif form == "epoch":
            number = rest[0]
            is_ms = abs(number) >= 1e11
            try:
                moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(
                    microseconds=round(
                        number * (1_000 if is_ms or (mostly_ms and abs(number) < 1e8) else 1_000_000)
                    )
                )
                absolute[place] = moment
            except (OverflowError, ValueError):
                finding, reason = "impossible_date", "a number beyond every calendar"
            if not finding and not is_ms and mostly_ms and abs(number) >= 1e8:
                finding, reason = "epoch_seconds", "Unix seconds where the column has milliseconds"
        else:
            year, month, day, clock, offset = rest
            if form == "d/m/y":
                first, second = month, day  # as written: the first and the second number
                day, month = (first, second) if day_first else (second, first)
                if month > 12 >= day:
                    finding = "swapped_day_month"
                    reason = "the month would be above 12: day and month have changed places"
                    day, month = month, day
            try:
                moment = datetime.datetime(year, month, day, *clock)
                if offset is None:
                    naive[place] = moment
                else:
                    absolute[place] = moment - offset
            except (ValueError, OverflowError):
                finding, reason = "impossible_date", "there is no such day or time"
        findings.append(finding)
        reasons.append(reason)
        forms.append(form)

    low, high = (bound.tz_localize(None).to_pydatetime() for bound in (early, late))
    times = np.full(len(parts), np.datetime64("NaT"), dtype="datetime64[us]")
    for place, moment in [*naive.items(), *absolute.items()]:
        if not low <= moment < high:
            findings[place] = "impossible_date"
            reasons[place] = f"outside {str(earliest)[:10]} to {str(latest)[:10]}"
        else:
            times[place] = np.datetime64(moment, "us")
    local = np.array([place for place in naive if not np.isnat(times[place])], dtype=int)
    stamps = pd.Series(times).dt.tz_localize("UTC")
    if len(local):
        there = pd.Series(times[local]).dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        for place in local[there.isna().to_numpy()]:
            findings[place], reasons[place] = (
                "ambiguous_clock",
                f"the clock of {zone} was changed at this hour",
            )
        stamps.iloc[local] = there.dt.tz_convert("UTC").to_numpy()
    table = pd.DataFrame(
        {"time": stamps.dt.as_unit("us"), "finding": findings, "reason": reasons, "form": forms}
    )
    table = table.astype({"finding": "str", "reason": "str", "form": "str"})
    table.index = index
    return table


def _date_parts(value):
    """Form of a date and its parts; in the form d/m/y "month" and "day" are the first and second number."""
    if isinstance(value, bool | np.bool_):
        return ("unreadable",)
    if isinstance(value, int | float | np.integer | np.floating):
        if isinstance(value, float | np.floating) and np.isnan(value):
            return ("missing",)
        number = _finite(value)
        return ("unreadable",) if number is None else ("epoch", number)
    if isinstance(value, datetime.datetime):
        if value is pd.NaT:
            return ("missing",)
        offset = value.utcoffset()
        clock = (value.hour, value.minute, value.second, value.microsecond)
        return "iso", value.year, value.month, value.day, clock, offset
    if isinstance(value, datetime.date):
        return "iso", value.year, value.month, value.day, (), None
    text = plain_text(value)
    if not text:
        return ("missing",)
    if len(text) > 60:
        return ("unreadable",)
    if m := _YMD.fullmatch(text):
        clock = _clock(*m.group(4, 5, 6, 7))
        return "iso", int(m[1]), int(m[2]), int(m[3]), clock, _offset(m[8])
    if m := _DMY.fullmatch(text):
        year = int(m[4]) + (0 if len(m[4]) == 4 else 2000 if int(m[4]) < 70 else 1900)
        clock = _clock(*m.group(5, 6, 7, 8))
        if m[9] and clock:
            clock = (
                (clock[0] % 12 + 12 * (m[9].lower() == "pm"), *clock[1:]) if 1 <= clock[0] <= 12 else (99,)
            )
        return "d/m/y", year, int(m[1]), int(m[3]), clock, _offset(m[10])
    if re.fullmatch(r"-?\d+", text):
        number = int(text)
        if len(text) in (8, 12, 14) and (m := _COMPACT.fullmatch(text)) and 1800 <= int(m[1]) < 2200:
            return "yyyymmdd", int(m[1]), int(m[2]), int(m[3]), _clock(*m.group(4, 5, 6), None), None
        return ("epoch", float(number)) if len(text) <= 20 else ("unreadable",)
    if (m := _COMPACT.fullmatch(text)) and 1 <= int(m[2]) <= 12:
        return "yyyymmdd", int(m[1]), int(m[2]), int(m[3]), _clock(*m.group(4, 5, 6), None), _offset(m[8])
    if m := _NAMED.fullmatch(text):
        month = _MONTHS.get((m[2] or m[3]).lower())
        if month:
            return "d month y", int(m[5]), month, int(m[1] or m[4]), _clock(*m.group(6, 7, 8), None), None
    return ("unreadable",)


def _clock(hour, minute, second, fraction) -> tuple:
    if hour is None:
        return ()
    return int(hour), int(minute), int(second or 0), int((fraction or "0").ljust(6, "0")[:6])


def _offset(text):
    if not text:
        return None
    if text == "Z":
        return datetime.timedelta(0)
    hours, minutes = int(text[1:3]), int(text[-2:])
    return datetime.timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def _day_first(parts, values, index, day_first, tolerance) -> bool:
    """Whether the first number of d/m/y is the day, by the telling values of the column."""
    slashed = [(place, part[2], part[3]) for place, part in enumerate(parts) if part[0] == "d/m/y"]
    if day_first is not None or not slashed:
        return bool(day_first) if day_first is not None else True
    days = [place for place, first, second in slashed if 12 < first <= 31 and second <= 12]
    months = [place for place, first, second in slashed if 12 < second <= 31 and first <= 12]
    values = list(values)
    if not days and not months:
        for place, first, second in slashed:
            if first != second and 1 <= first <= 12 and 1 <= second <= 12:
                names = [datetime.date(2000, m, 1).strftime("%B") for m in (second, first)]
                raise InputError(
                    f"{values[place]!r} (row {index[place]}) may be {first} {names[0]} or {second} "
                    f"{names[1]}, "
                    "and no value of the column tells: say which with day_first=True or day_first=False."
                )
        return True
    if min(len(days), len(months)) > tolerance * (len(days) + len(months)):
        raise InputError(
            f"{values[days[0]]!r} (row {index[days[0]]}) has the day first and {values[months[0]]!r} (row "
            f"{index[months[0]]}) the month, {len(days)} against {len(months)} values: part the column by "
            "its sources, or say which holds with day_first=True or day_first=False."
        )
    return len(days) >= len(months)


def _utc(stamp) -> pd.Timestamp:
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
