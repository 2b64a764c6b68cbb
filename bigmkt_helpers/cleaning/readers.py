"""Readers for files as they really are: every physical row ends as kept, repaired or set aside.

A reader never guesses silently: what it guessed stands in the result, and everything can be set.  A file that
cannot be read at all raises one clear sentence; a row that cannot be read is set aside with its reason.
"""

import csv
import gzip
import io
import json
import re
import sqlite3
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from bigmkt_helpers.cleaning.ledger import CleaningLedger
from bigmkt_helpers.errors import InputError

__all__ = [
    "RawTable",
    "guess_encoding",
    "guess_separator",
    "mend_mojibake",
    "read_delimited",
    "read_fixed_width",
    "read_json_lines",
    "read_sqlite",
]

ENCODINGS = ("utf-8", "gb18030", "cp1252")
SEPARATORS = (",", ";", "\t", "|")
LONGEST_LINE = 1_000_000
LONGEST_FIELD_LINE = 131_072  # the csv module's own limit for a field
LONGEST_RECORD = 100  # lines that one quoted record may span
GZIP_MAGIC = b"\x1f\x8b"
SQLITE_MAGIC = b"SQLite format 3\x00"


@dataclass
class RawTable:
    """What a reader found.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows that were not set aside, indexed by their number in the file (`row`).  Delimited and
        fixed-width files give text (dtype str, empty text where the file has nothing); JSON Lines and SQLite
        give the values as they are stored (dtype object).
    ledger : CleaningLedger
        What became of every row.
    file : str
        Name of the file in the ledger.
    encoding, separator : str or None
        As guessed or set.
    lines : dict of int to str
        Text of each kept row (delimited and fixed-width files and JSON Lines), for exact duplicates.
    notes : list of str
        What was guessed or noticed about the whole file, one sentence each.
    """

    frame: pd.DataFrame
    ledger: CleaningLedger
    file: str
    encoding: str | None = None
    separator: str | None = None
    lines: dict[int, str] = field(default_factory=dict, repr=False)
    notes: list[str] = field(default_factory=list)


def read_delimited(
    path, *, encoding=None, separator=None, heading=True, names=None, ledger=None, file=None
) -> RawTable:
    """Read text with a separator (CSV and its relatives), row by row, and lose none of them.

    Parameters
    ----------
    path : str or path
        The file; a name that ends in ".gz" is unpacked.
    encoding : str, optional
        Name of the encoding; by default guessed among UTF-8 (with or without BOM), GB18030 and cp1252.
        UTF-16 is recognised by its BOM.
    separator : str, optional
        One character; by default guessed among comma, semicolon, tab and bar.
    heading : bool
        Whether the first line with text holds the names of the columns.
    names : list of str, optional
        Names of the columns; needed without a heading, with one they replace it.
    ledger : CleaningLedger, optional
        Where to write; by default a new one.
    file : str, optional
        Name in the ledger; by default the file's own.

    Returns
    -------
    RawTable

    Raises
    ------
    InputError
        If the file is missing, empty or has no rows that could be told from its heading, or an argument is
        impossible.

    Notes
    -----
    A row is a line of the file, ended by LF or CRLF, except that a field in quotation marks may hold line
    breaks; the row is then numbered by its first line.  A quotation mark that is not closed within 100 lines
    is taken as a fault of its own line, so that it cannot swallow the rest of the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.csv").write_bytes(b"name;qty\\nann;2\\nbob\\ncy;3\\n")
    ...     table = read_delimited(Path(folder) / "a.csv")
    >>> table.separator, table.frame["qty"].to_dict()
    (';', {2: '2', 4: '3'})
    >>> table.ledger.set_aside()["reason"].tolist()
    ['1 field instead of 2']
    """
    path, file = _named(path, file)
    ledger = CleaningLedger() if ledger is None else ledger
    data, notes, broken = _bytes(path)
    data, encoding, notes_ = _transcoded(data, encoding, file)
    notes += notes_
    lines, ended = _split(data)
    findings = []
    texts = _decode_lines(lines, encoding, findings, LONGEST_FIELD_LINE)
    if separator is None:
        separator = guess_separator([text for text in texts[:200] if text and text.strip()])
        notes.append(f"The separator looks like {separator!r}.")
    elif not isinstance(separator, str) or len(separator) != 1 or separator in '\r\n"':
        raise InputError(f"separator={separator!r} must be one character, such as ',' or '\\t'.")

    records, rows, continued = _records(texts, separator, findings)
    heading_lines = 0
    head_row = None
    if heading:
        place = next((i for i, r in enumerate(records) if r is not None and any(map(str.strip, r))), None)
        if place is None:
            raise InputError(f"{file} has no line that could be its heading: check that it is a text file.")
        head_row = rows[place]
        own = [cell.strip() for cell in records[place]]
        head = records[place]
        del records[place], rows[place]
        heading_lines = 1
        if names is None:
            names = own
        elif len(names) != len(own):
            raise InputError(
                f"{file} has {len(own)} columns and names has {len(names)}: give one name for each column."
            )
    elif names is None:
        raise InputError(f"{file}: without a heading the columns need names=[…].")
    else:
        head = list(names)
    columns = _unique_names(list(names), file, notes)
    findings = [f for f in findings if f[0] != head_row]
    ledger.open(file, rows, heading_lines, continued)

    width = len(columns)
    plain_head = [cell.strip().casefold() for cell in head]
    kept, kept_rows, kept_lines = [], [], {}
    reasons = {row for row, *_, outcome, _ in findings if outcome == "set_aside"}
    last = len(lines)
    for row, record in zip(rows, records):
        if row in reasons:
            continue
        text = texts[row - 1]
        if record is None or not any(map(str.strip, record)):
            findings.append((row, "empty_line", "", text, "", "set_aside", "the line holds no value"))
            continue
        if heading and len(record) == len(head) and [c.strip().casefold() for c in record] == plain_head:
            findings.append((row, "repeated_header", "", text, "", "set_aside", "the heading again"))
            continue
        if len(record) > width and not any(map(str.strip, record[width:])):
            findings.append((row, "extra_separators", "", text, "", "repaired", "empty fields at the end"))
            record = record[:width]
        if len(record) != width:
            if len(record) < width and row == last and not ended:
                why = f"the file ends inside the line: {_fields(len(record))} instead of {width}"
                findings.append((row, "truncated_line", "", text, "", "set_aside", why))
            else:
                why = f"{_fields(len(record))} instead of {width}"
                findings.append((row, "wrong_field_count", "", text, "", "set_aside", why))
            continue
        kept.append(record)
        kept_rows.append(row)
        kept_lines[row] = text
    _write_down(ledger, file, findings)
    if broken:
        notes.append(broken)
    frame = pd.DataFrame(
        kept, columns=columns, index=pd.Index(kept_rows, name="row", dtype="int64"), dtype="str"
    )
    ledger.prove(file, frame.index)
    return RawTable(frame, ledger, file, encoding, separator, kept_lines, notes)


def read_fixed_width(path, columns, *, encoding=None, ledger=None, file=None) -> RawTable:
    """Read text in fixed columns, padded with blanks, as old statistics files are.

    Parameters
    ----------
    path : str or path
    columns : dict of str to (first, last)
        Position of each column in characters, counted from 1, both ends inside, from left to right;
        ``last`` None means to the end of the line.
    encoding : str, optional
        As in `read_delimited`.
    ledger, file
        As in `read_delimited`.

    Returns
    -------
    RawTable
        Values without the blanks around them; empty text where a column holds only blanks.

    Raises
    ------
    InputError
        If the file is missing or empty, or the columns overlap.

    Notes
    -----
    A line with text between the columns is not cut to pieces: if tabs, commas or semicolons part it into as
    many fields as there are columns it is repaired (`wrong_separator`), else set aside.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.txt").write_bytes(b" 0004  29.33\\n 0018\\n0021\\t14.96\\n")
    ...     table = read_fixed_width(Path(folder) / "a.txt", {"id": (2, 5), "spend": (7, 12)})
    >>> table.frame.to_dict("index")
    {1: {'id': '0004', 'spend': '29.33'}, 2: {'id': '0018', 'spend': ''}, 3: {'id': '0021', 'spend': '14.96'}}
    """
    spans = []
    before = 0
    for name, (first, final) in columns.items():
        if first <= before or (final is not None and final < first):
            raise InputError(
                f"Column {name!r} at ({first}, {final}) overlaps the one before it, or is empty."
            )
        before = float("inf") if final is None else final
        spans.append((first - 1, final))
    path, file = _named(path, file)
    ledger = CleaningLedger() if ledger is None else ledger
    data, notes, broken = _bytes(path)
    data, encoding, notes_ = _transcoded(data, encoding, file)
    notes += notes_ + ([broken] if broken else [])
    lines, ended = _split(data)
    findings = []
    texts = _decode_lines(lines, encoding, findings, LONGEST_FIELD_LINE)
    names = list(columns)
    usual = Counter(len(text.rstrip()) for text in texts if text).most_common(1)
    usual = usual[0][0] if usual else 0
    ledger.open(file, range(1, len(texts) + 1))
    head = [name.casefold() for name in names]
    kept, kept_rows, kept_lines = [], [], {}
    aside = {row for row, *_, outcome, _ in findings if outcome == "set_aside"}
    for row, text in enumerate(texts, 1):
        if row in aside:
            continue
        if not text.strip():
            findings.append((row, "empty_line", "", text, "", "set_aside", "the line holds no value"))
            continue
        if text.casefold().split() == head:
            findings.append((row, "repeated_header", "", text, "", "set_aside", "a heading among the rows"))
            continue
        if row == len(texts) and not ended and len(text.rstrip()) < usual:
            findings.append(
                (row, "truncated_line", "", text, "", "set_aside", "the file ends inside the line")
            )
            continue
        record = _cut(text, spans)
        if record is None:
            parts = next((p for s in ("\t", ",", ";", "|") if len(p := text.split(s)) == len(names)), None)
            if parts is None:
                why = "text stands between the columns, or a column breaks off"
                findings.append((row, "misplaced_columns", "", text, "", "set_aside", why))
                continue
            record = [part.strip() for part in parts]
            why = "parted by another separator than blanks"
            findings.append((row, "wrong_separator", "", text, " ".join(record), "repaired", why))
        kept.append(record)
        kept_rows.append(row)
        kept_lines[row] = text
    _write_down(ledger, file, findings)
    frame = pd.DataFrame(
        kept, columns=names, index=pd.Index(kept_rows, name="row", dtype="int64"), dtype="str"
    )
    ledger.prove(file, frame.index)
    return RawTable(frame, ledger, file, encoding, None, kept_lines, notes)


def read_json_lines(path, *, encoding=None, ledger=None, file=None) -> RawTable:
    """Read JSON Lines, one object in each line, plain or gzip (recognised by its first bytes).

    Parameters
    ----------
    path : str or path
    encoding : str, optional
        As in `read_delimited`; JSON is UTF-8 by its standard (RFC 8259), so that is the default.
    ledger, file
        As in `read_delimited`.

    Returns
    -------
    RawTable
        One column per key, in the order of their first appearance; None where an object lacks the key.
        Lists and objects inside stay JSON text.

    Raises
    ------
    InputError
        If the file is missing or empty, or not one line of it is a JSON object.

    Notes
    -----
    A gzip file cut short is read as far as it goes; `notes` says at which byte it broke, and the line that
    was cut is set aside.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.jsonl").write_bytes(b'{"sku": "A", "qty": 2}\\n{"sku": "B"}\\n{"sku": ')
    ...     table = read_json_lines(Path(folder) / "a.jsonl")
    >>> table.frame["sku"].tolist(), table.ledger.summary().loc["a.jsonl", "set_aside"]
    (['A', 'B'], np.int64(1))
    """
    path, file = _named(path, file)
    ledger = CleaningLedger() if ledger is None else ledger
    data, notes, broken = _bytes(path)
    if broken:
        notes.append(broken)
    data, encoding, _ = _transcoded(data, encoding or "utf-8", file)
    lines, ended = _split(data)
    findings = []
    texts = _decode_lines(lines, encoding, findings, LONGEST_LINE)
    ledger.open(file, range(1, len(texts) + 1))
    aside = {row for row, *_, outcome, _ in findings if outcome == "set_aside"}
    kept, kept_rows, kept_lines = [], [], {}
    columns = {}
    for row, text in enumerate(texts, 1):
        if row in aside:
            continue
        if not text.strip():
            findings.append((row, "empty_line", "", text, "", "set_aside", "the line holds no value"))
            continue
        try:
            pairs = _DECODER.decode(text.strip())
            is_object = isinstance(pairs, _Pairs)
            record = {_whole(str(key)): _flat(value) for key, value in pairs} if is_object else {}
        except (ValueError, RecursionError) as error:
            if row == len(texts) and (broken or not ended):
                why = broken or "the file ends inside the line"
                findings.append((row, "truncated_line", "", text, "", "set_aside", why))
            else:
                why = f"not JSON ({getattr(error, 'msg', 'nested or numbered beyond measure')})"
                findings.append((row, "not_json", "", text, "", "set_aside", why))
            continue
        if not is_object:
            findings.append((row, "not_json", "", text, "", "set_aside", "JSON, but not an object {…}"))
            continue
        if len(record) != len(pairs):
            why = "a key occurs twice, so it is unknown which value counts"
            findings.append((row, "repeated_key", "", text, "", "set_aside", why))
            continue
        columns.update(dict.fromkeys(record))
        kept.append(record)
        kept_rows.append(row)
        kept_lines[row] = text
    if not kept:
        raise InputError(
            f"{file} holds no JSON object in any of its {len(texts):,} lines (line 1: {_glimpse(texts[0])}): "
            "JSON Lines needs one {…} in each line."
        )
    _write_down(ledger, file, findings)
    index = pd.Index(kept_rows, name="row", dtype="int64")
    frame = pd.DataFrame(
        {name: pd.Series([r.get(name) for r in kept], index=index, dtype=object) for name in columns},
        index=index,
    )
    ledger.prove(file, frame.index)
    return RawTable(frame, ledger, file, encoding, None, kept_lines, notes)


def read_sqlite(path, table=None, *, ledger=None, file=None) -> RawTable:
    """Read one table of a SQLite database, opened read-only.

    Parameters
    ----------
    path : str or path
    table : str, optional
        Name of the table; may be left out if there is only one.
    ledger, file
        As in `read_delimited`; the name in the ledger is "file:table" by default.

    Returns
    -------
    RawTable
        Indexed by rowid (a table without one: by position from 1); values as stored.  NUL bytes are taken
        out and text that is not UTF-8 is repaired, each with a finding.

    Raises
    ------
    InputError
        If the file is missing, empty, no SQLite database or has no such table.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "crm.sqlite").write_bytes(b"not a database")
    ...     read_sqlite(Path(folder) / "crm.sqlite")
    Traceback (most recent call last):
        ...
    bigmkt_helpers.errors.InputError: crm.sqlite is not a SQLite database (it does not begin with 'SQLite \
format 3'): check the name of the file, or export it again.
    """
    path, name = _named(path, None)
    with path.open("rb") as handle:
        magic = handle.read(16)
    if not magic:
        raise InputError(f"{name} is empty (0 bytes): export it again.")
    if magic != SQLITE_MAGIC:
        raise InputError(
            f"{name} is not a SQLite database (it does not begin with 'SQLite format 3'): check the name of "
            "the file, or export it again."
        )
    ledger = CleaningLedger() if ledger is None else ledger
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    connection.text_factory = bytes
    rows, values, broken = [], [], None
    try:
        try:
            found = connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            tables = [t[0].decode("utf-8", "replace") for t in found]
            if table is None and len(tables) == 1:
                table = tables[0]
            if table not in tables:
                have = ", ".join(map(repr, tables)) or "none"
                raise InputError(f"{name} has no table {table!r}; its tables: {have}: name one with table=….")
            quoted = '"' + table.replace('"', '""') + '"'
            described = connection.execute(f"SELECT * FROM {quoted} LIMIT 0").description
            columns = _unique_names([column[0] for column in described], name, [])
            try:
                connection.execute(f"SELECT rowid FROM {quoted} LIMIT 0")
                cursor = connection.execute(f"SELECT rowid, * FROM {quoted} ORDER BY rowid")
            except sqlite3.OperationalError:
                cursor = connection.execute(f"SELECT NULL, * FROM {quoted}")
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise InputError(
                f"{name} cannot be read as a SQLite database ({_one_line(error)}): export it again."
            ) from None
        try:
            for number, record in enumerate(cursor, 1):
                rows.append(number if record[0] is None else record[0])
                values.append(record[1:])
        except (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError) as error:
            broken = f"The table breaks off after row {rows[-1] if rows else 0} ({_one_line(error)})."
    finally:
        connection.close()
    file = file or f"{name}:{table}"
    if len(set(rows)) != len(rows) or not all(isinstance(row, int) for row in rows):
        rows = list(range(1, len(rows) + 1))
    findings = []
    if broken:
        row = max(rows, default=0) + 1
        findings.append((row, "truncated_line", "", "", "", "set_aside", broken))
    cleaned = []
    for row, record in zip(rows, values):
        cells = []
        for column, value in zip(columns, record):
            if isinstance(value, bytes):
                text, kind = _decode(value, "utf-8")
                if kind:
                    why = "text that is not UTF-8"
                    findings.append((row, "broken_encoding", column, value, text, "repaired", why))
                if "\x00" in text:
                    why = "NUL bytes taken out"
                    findings.append(
                        (row, "nul_bytes", column, text, text.replace("\x00", ""), "repaired", why)
                    )
                    text = text.replace("\x00", "")
                value = text
            cells.append(value)
        cleaned.append(cells)
    ledger.open(file, [*rows, max(rows, default=0) + 1] if broken else rows)
    _write_down(ledger, file, findings)
    index = pd.Index(rows, name="row", dtype="int64")
    frame = pd.DataFrame(
        {c: pd.Series([r[i] for r in cleaned], index=index, dtype=object) for i, c in enumerate(columns)},
        index=index,
    )
    ledger.prove(file, frame.index)
    return RawTable(frame, ledger, file, "utf-8", None, {}, [broken] if broken else [])


def guess_encoding(data: bytes) -> str:
    """Encoding of a text among UTF-8, UTF-8 with BOM, GB18030 and cp1252.

    UTF-8 is nearly impossible to hit by chance, so it wins where most lines with bytes above 127 are valid
    UTF-8.  Between the other two the pairs decide: Chinese characters in GB18030 are two bytes of which the
    first, and nearly always the second, is above 160, while an accented letter in cp1252 mostly stands alone.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    str
        "utf-8-sig", "utf-8", "gb18030" or "cp1252".

    Examples
    --------
    >>> [guess_encoding("静安店 café".encode(e)) for e in ("utf-8", "utf-8-sig", "gb18030")]
    ['utf-8', 'utf-8-sig', 'gb18030']
    >>> guess_encoding("Café, Crème brûlée".encode("cp1252"))
    'cp1252'
    """
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if data.isascii():
        return "utf-8"
    lines = [line for line in data[:4_000_000].splitlines() if not line.isascii()][:5_000]
    valid = sum(_is(line, "utf-8") for line in lines)
    if 2 * valid >= len(lines):
        return "utf-8"
    runs = [len(run) for line in lines for run in re.findall(rb"[\xa1-\xfe]+", line)]
    paired = sum(length for length in runs if length > 1)
    chinese = sum(_is(line, "gb18030") for line in lines)
    if 2 * paired >= sum(runs) and 2 * chinese >= len(lines) and paired:
        return "gb18030"
    return "cp1252"


def guess_separator(lines) -> str:
    """Separator of a text: the one that parts the lines into the same number of fields, the more the better.

    Parameters
    ----------
    lines : list of str

    Returns
    -------
    str
        "," where nothing parts the lines (one column).

    Examples
    --------
    >>> guess_separator(["a;b;c", "1,5;2;3", "2,5;3;4"])
    ';'
    """
    best, score = ",", 0.0
    for separator in SEPARATORS:
        counts = Counter()
        for line in lines:
            try:
                counts[len(next(csv.reader([line], delimiter=separator)))] += 1
            except (csv.Error, StopIteration):
                continue
        counts.pop(1, None)
        if counts:
            width, often = counts.most_common(1)[0]
            mark = often / len(lines) + min(width, 50) / 1_000
            if mark > score:
                best, score = separator, mark
    return best


def mend_mojibake(text: str) -> str:
    """Text that was UTF-8 and was read as latin-1 or cp1252, read again as UTF-8; other text as it is.

    Examples
    --------
    >>> mend_mojibake("王丽".encode().decode("latin-1")), mend_mojibake("Café"), mend_mojibake("王丽")
    ('王丽', 'Café', '王丽')
    """
    if not text or text.isascii():
        return text
    for encoding in ("latin-1", "cp1252"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text


# Bytes, lines and records


class _Pairs(list):
    """The pairs of a JSON object, so that a key that occurs twice is seen."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs)


def _named(path, file) -> tuple[Path, str]:
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: name the file in it.")
    if not path.is_file():
        raise InputError(f"{path} does not exist: check the name and the folder.")
    return path, file or path.name


def _bytes(path) -> tuple[bytes, list[str], str | None]:
    """Bytes of the file, unpacked if it is gzip; notes; where a gzip file broke."""
    data = path.read_bytes()
    if not data:
        raise InputError(f"{path.name} is empty (0 bytes): export it again.")
    broken, notes = None, []
    if data.startswith(GZIP_MAGIC):
        data, broken = _unpacked(data)
        notes.append("The file is packed with gzip.")
        if not data:
            why = f" ({broken.rstrip('.')})" if broken else ""
            raise InputError(f"{path.name} holds nothing that can be unpacked{why}: export it again.")
    elif path.suffix == ".gz":
        notes.append("The name ends in .gz, but the file is not packed; it was read as it is.")
    return data, notes, broken


def _unpacked(data) -> tuple[bytes, str | None]:
    """All that can be unpacked of a gzip file, and a sentence that says where it broke (or None)."""
    try:
        return gzip.decompress(data), None
    except (OSError, EOFError, zlib.error):
        pass
    parts, rest, offset = [], data, 0
    while rest.startswith(GZIP_MAGIC):
        unpacker = zlib.decompressobj(wbits=31)
        for start in range(0, len(rest), 512):
            try:
                parts.append(unpacker.decompress(rest[start : start + 512]))
            except zlib.error:
                return b"".join(parts), f"The gzip file is damaged near byte {offset + start:,}."
            if unpacker.eof:
                break
        if not unpacker.eof:
            return b"".join(parts), f"The gzip file is cut short at byte {len(data):,}."
        left = unpacker.unused_data + rest[start + 512 :]
        offset += len(rest) - len(left)
        rest = left
    where = (
        f"The gzip file is followed by {len(rest):,} bytes of something else." if rest.strip(b"\0") else None
    )
    return b"".join(parts), where


def _transcoded(data, encoding, file) -> tuple[bytes, str, list[str]]:
    """Bytes in an encoding that keeps ASCII (so that lines can be split), its name, and notes."""
    notes = []
    if encoding is None:
        encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else guess_encoding(data)
        notes.append(f"The encoding looks like {encoding}.")
    try:
        name = "".encode(encoding) is not None and encoding.lower().replace("_", "-")
    except (LookupError, TypeError, AttributeError):
        raise InputError(
            f"The encoding {encoding!r} is not known: use 'utf-8', 'gb18030', 'cp1252' or leave it out."
        ) from None
    if name.startswith(("utf-16", "utf16", "utf-32", "utf32")):
        return data.decode(encoding, "replace").encode("utf-8", "replace"), "utf-8", notes
    if name in ("utf-8", "utf8", "utf-8-sig") and data.startswith(b"\xef\xbb\xbf"):
        data, encoding = data[3:], "utf-8-sig"
    if not data:
        raise InputError(f"{file} is empty but for its byte order mark: export it again.")
    return data, encoding, notes


def _split(data) -> tuple[list[bytes], bool]:
    """Physical lines without their ends, and whether the last one has an end."""
    end = b"\n" if b"\n" in data else b"\r" if b"\r" in data else b"\n"
    lines = data.split(end)
    ended = lines[-1] == b""
    if ended:
        lines.pop()
    return [line[:-1] if line.endswith(b"\r") else line for line in lines], ended


def _decode_lines(lines, encoding, findings, longest) -> list[str]:
    """Text of each line, with findings for NUL bytes, wrong bytes and lines beyond measure."""
    codec = "utf-8" if encoding == "utf-8-sig" else encoding
    texts = []
    for row, line in enumerate(lines, 1):
        if len(line) > longest:
            why = f"the line has {len(line):,} bytes, more than {longest:,}"
            findings.append((row, "too_long", "", line[:100], "", "set_aside", why))
            texts.append("")
            continue
        if b"\x00" in line:
            if not line.strip(b"\x00 \t"):
                findings.append((row, "nul_bytes", "", line, "", "set_aside", "nothing but NUL bytes"))
                texts.append("")
                continue
            mended = line.replace(b"\x00", b"")
            findings.append((row, "nul_bytes", "", line, mended, "repaired", "NUL bytes taken out"))
            line = mended
        if line.isascii():
            texts.append(line.decode("ascii") if codec in ENCODINGS else _decode(line, codec)[0])
            continue
        text, fault = _decode(line, codec)
        if fault:
            findings.append((row, "broken_encoding", "", line, text, "repaired", fault))
        texts.append(text)
    return texts


def _decode(line, codec) -> tuple[str, str]:
    """Text of a line and, where its bytes are not those of the file's encoding, what was done about it."""
    if codec != "utf-8" and re.search(rb"[\xe0-\xef][\x80-\xbf]{2}", line) and _is(line, "utf-8"):
        # three-byte characters that are valid UTF-8 throughout: not by chance
        return line.decode("utf-8"), "bytes in UTF-8"
    try:
        return line.decode(codec), ""
    except UnicodeDecodeError:
        pass
    except (LookupError, ValueError):
        return line.decode("latin-1"), ""
    if codec == "utf-8" and _is(line, "gb18030") and re.search(rb"[\xa1-\xfe]{2}", line):
        return line.decode("gb18030"), "bytes in GB18030"
    if (
        codec == "utf-8"
        and b"\xff" not in line
        and _is(line, "cp1252")
        and not re.search(rb"[\x80-\xff]{2}", line)
    ):
        return line.decode("cp1252"), "bytes in cp1252"
    return line.decode(codec, "replace"), f"bytes that are not {codec}, shown as �"


def _is(line, codec) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _records(texts, separator, findings) -> tuple[list, list[int], int]:
    """Fields of each row, the number of its first line, and how many lines only continue a row."""
    records, rows, continued = [], [], 0
    aside = {row for row, *_, outcome, _ in findings if outcome == "set_aside"}
    place = 0
    while place < len(texts):
        text, row = texts[place], place + 1
        rows.append(row)
        place += 1
        if row in aside or not text:
            records.append(None)
            continue
        if '"' not in text:
            records.append(text.split(separator))
            continue
        record = _parse(text, separator)
        if record is None:  # a quotation mark is open: does the row go on?
            for more in range(1, LONGEST_RECORD):
                if place - 1 + more >= len(texts) or row + more in aside:
                    break
                if '"' not in texts[place - 1 + more]:
                    continue
                record = _parse("\n".join(texts[place - 1 : place + more]), separator)
                if record is not None:
                    continued += more
                    place += more
                    moved = [f for f in findings if row < f[0] <= row + more]
                    for finding in moved:  # findings on the lines that continue the row are about the row
                        findings[findings.index(finding)] = (row, *finding[1:])
                    break
            else:
                record = None
        if record is None:
            why = "a quotation mark is not closed"
            findings.append((row, "open_quotation", "", text, "", "set_aside", why))
        records.append(record)
    return records, rows, continued


def _parse(text, separator) -> list[str] | None:
    """Fields of one record; None while a quotation mark is open."""
    try:
        # strict: an open quotation mark at the end is an error, not a long field
        parsed = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
        # a mark in the middle of a field is read as a letter
        try:
            parsed = list(csv.reader([text], delimiter=separator, quoting=csv.QUOTE_NONE))
        except csv.Error:
            return None
    return parsed[0] if len(parsed) == 1 else None


def _cut(text, spans) -> list[str] | None:
    """Values of the columns; None if there is text between them, or a tab anywhere."""
    if "\t" in text:
        return None
    record, before = [], 0
    for first, last in spans:
        if text[before:first].strip():
            return None
        record.append(text[first:last].strip())
        before = len(text) if last is None else last
    return None if text[before:].strip() else record


def _unique_names(names, file, notes) -> list[str]:
    """Names of the columns, each once: empty and repeated ones are numbered."""
    seen, unique = Counter(), []
    taken = set(names)
    for place, name in enumerate(names, 1):
        base = name or f"column_{place}"
        seen[base] += 1
        new = base
        while new in unique or (new != name and new in taken):
            seen[base] += new != base
            new = f"{base}.{max(seen[base], 2)}"
        if new != name:
            notes.append(f"{file}, row 1: column {place} is headed {name!r}; it is called {new!r} here.")
        unique.append(new)
    return unique


def _write_down(ledger, file, findings) -> None:
    for finding in findings:
        ledger.add(file, *finding)


def _fields(count) -> str:
    return f"{count} field{'s' if count != 1 else ''}"


def _whole(text) -> str:
    """Text without lone surrogates, which no file and no string type can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _flat(value):
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, _Pairs | list):
        return _whole(json.dumps(_plain(value), ensure_ascii=False))
    return value


def _plain(value):
    if isinstance(value, _Pairs):
        return {key: _plain(inner) for key, inner in value}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _glimpse(text) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")


def _one_line(error) -> str:
    return " ".join(str(error).split())
