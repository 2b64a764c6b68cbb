"""The cleaning ledger: what became of every raw row, and why."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import BigmktError, InputError

__all__ = ["FINDINGS", "CleaningLedger", "score_findings"]

FINDINGS = ["file", "row", "kind", "column", "old_value", "new_value", "outcome", "reason"]
"""Columns of the ledger's table of findings."""

OUTCOMES = ("kept", "repaired", "set_aside")
LONGEST_VALUE = 200


@dataclass
class _File:
    rows: np.ndarray
    heading: int
    continuation: int


class CleaningLedger:
    """Every finding about every raw row, and the proof that no row was lost.

    A file is opened with the numbers of its rows; each finding names a row, what was wrong and what became of
    it.  A row ends *set aside* if any finding sets it aside, else *repaired* if any finding repairs it, else
    *kept*.  Row numbers count the lines of the file from 1, the heading included (in a database: the rowid).

    Examples
    --------
    >>> ledger = CleaningLedger()
    >>> ledger.open("orders.csv", rows=[2, 3, 4], heading=1)
    >>> ledger.add("orders.csv", 3, "text_quantity", "qty", "1,0", "1", "repaired", "a comma for a point")
    >>> ledger.add("orders.csv", 4, "test_account", "email", "a@test.x", "", "set_aside", "staff")
    >>> ledger.prove("orders.csv", [2, 3])
    >>> ledger.summary().loc["orders.csv"].to_dict()
    {'lines': 4, 'heading': 1, 'continued': 0, 'rows_in': 3, 'kept': 1, 'repaired': 1, 'set_aside': 1, \
'rows_out': 3}
    """

    def __init__(self):
        self._files = {}
        self._findings = []
        self._proved = {}
        self._aside = {}

    def open(self, file: str, rows, heading: int = 0, continuation: int = 0) -> None:
        """Announce a file: the numbers of all its rows.

        Parameters
        ----------
        file : str
        rows : sequence of int
            Number of every row, each once.
        heading : int
            Lines that hold the heading.
        continuation : int
            Lines that only continue the row before them (a line break inside quotation marks).

        Raises
        ------
        InputError
            If the file is open already, or a row number occurs twice.
        """
        rows = np.asarray(rows, dtype="int64")
        if file in self._files:
            raise InputError(f"{file} is in the ledger already: use a new ledger, or another name for it.")
        if len(np.unique(rows)) != len(rows):
            raise InputError(f"{file}: a row number occurs twice: number the rows 1, 2, 3 ….")
        self._files[file] = _File(rows, heading, continuation)
        self._aside[file] = set()

    def add(self, file, row, kind, column="", old="", new="", outcome="kept", reason="") -> None:
        """Write down one finding.

        Parameters
        ----------
        file : str
        row : int
        kind : str
            Name of what was found, such as "text_quantity".
        column : str
            Column concerned; empty for the whole row.
        old, new : object
            Value before and after; written as text of at most 200 characters.
        outcome : {"kept", "repaired", "set_aside"}
        reason : str
            One clause a reader understands.  Never empty for a row that is set aside.

        Raises
        ------
        InputError
            If the outcome is unknown, the file not open, or a row is set aside without a reason.
        """
        if outcome not in OUTCOMES:
            raise InputError(f"The outcome {outcome!r} is not known: use one of {', '.join(OUTCOMES)}.")
        if file not in self._files:
            raise InputError(f"{file} is not in the ledger: open it first with its row numbers.")
        if outcome == "set_aside":
            if not reason:
                raise InputError(f"{file}, row {row}: a row is set aside only with a reason.")
            self._aside[file].add(int(row))
        self._findings.append((file, int(row), kind, column or "", _text(old), _text(new), outcome, reason))

    def add_rows(self, file, rows, kind, column="", old=None, new=None, outcome="kept", reason="") -> None:
        """The same finding for several rows; `old` and `new` are sequences as long as `rows`, or None."""
        rows = list(rows)
        old = [""] * len(rows) if old is None else old
        new = [""] * len(rows) if new is None else new
        for row, before, after in zip(rows, old, new):
            self.add(file, row, kind, column, before, after, outcome, reason)

    def absorb(self, other: "CleaningLedger") -> None:
        """Take over the files and findings of another ledger."""
        for file, entry in other._files.items():
            self.open(file, entry.rows, entry.heading, entry.continuation)
            self._aside[file] = set(other._aside[file])
        self._findings += other._findings
        self._proved |= other._proved

    def is_aside(self, file, rows) -> np.ndarray:
        """For each row number, whether it has been set aside (bool array)."""
        aside = self._aside[file]
        return np.fromiter((int(row) in aside for row in rows), dtype=bool, count=len(rows))

    @property
    def files(self) -> list[str]:
        """Names of the files."""
        return list(self._files)

    @property
    def findings(self) -> pd.DataFrame:
        """One row per finding, columns as in `FINDINGS`, in the order of file and row."""
        table = pd.DataFrame(self._findings, columns=FINDINGS)
        table = table.astype({name: "int64" if name == "row" else "str" for name in FINDINGS})
        order = {file: place for place, file in enumerate(self._files)}
        keys = pd.DataFrame({"file": table["file"].map(order), "row": table["row"]})
        return table.loc[keys.sort_values(["file", "row"], kind="stable").index].reset_index(drop=True)

    def outcomes(self, file: str) -> pd.Series:
        """Outcome of every row of a file: a series of "kept", "repaired" or "set_aside" by row number."""
        entry = self._files[file]
        found = pd.Series("kept", index=pd.Index(entry.rows, name="row"), name="outcome", dtype="str")
        mine = [f for f in self._findings if f[0] == file]
        for outcome in OUTCOMES[1:]:
            rows = [f[1] for f in mine if f[6] == outcome]
            found[found.index.isin(rows)] = outcome
        return found

    def set_aside(self) -> pd.DataFrame:
        """Every row set aside, once, with all its reasons: file, row, kinds, reason."""
        table = self.findings
        table = table[table["outcome"] == "set_aside"]
        grouped = table.groupby(["file", "row"], sort=False)
        return grouped.agg(
            kinds=("kind", lambda v: ", ".join(dict.fromkeys(v))),
            reason=("reason", lambda v: "; ".join(dict.fromkeys(v))),
        ).reset_index()

    def prove(self, file: str, rows_out) -> None:
        """Check that the rows that came out are exactly those that were not set aside.

        Parameters
        ----------
        file : str
        rows_out : sequence of int
            Numbers of the raw rows that stand in the clean tables.

        Raises
        ------
        BigmktError
            If a row vanished without a finding, or came out although it was set aside or never was in the
            file.
        """
        expected = set(self._files[file].rows.tolist()) - self._aside[file]
        found = [int(row) for row in rows_out]
        unique = set(found)
        for problem, rows in (
            (
                "came out twice",
                [] if len(unique) == len(found) else pd.Series(found)[pd.Series(found).duplicated()],
            ),
            ("vanished without a reason", expected - unique),
            ("came out although set aside or unknown", unique - expected),
            ("set aside but not in the file", self._aside[file] - set(self._files[file].rows.tolist())),
        ):
            if len(rows):
                raise BigmktError(
                    f"{file}: row {min(rows)} (and {len(rows) - 1} more) {problem}: this is a fault of the "
                    "cleaning, not of the data."
                )
        self._proved[file] = len(found)

    def summary(self) -> pd.DataFrame:
        """One row per file, which proves that rows in = rows out.

        Returns
        -------
        pandas.DataFrame
            lines = heading + continued + rows_in; rows_in = kept + repaired + set_aside = rows_out.

        Raises
        ------
        BigmktError
            If a finding names a row that the file does not have, or the sums disagree.
        """
        rows = []
        for file, entry in self._files.items():
            counts = self.outcomes(file).value_counts()
            kept, repaired, aside = (int(counts.get(outcome, 0)) for outcome in OUTCOMES)
            out = self._proved.get(file, kept + repaired) + len(self._aside[file])
            if out != len(entry.rows) or kept + repaired + aside != out:
                raise BigmktError(f"{file}: {len(entry.rows):,} rows went in and {out:,} came out.")
            rows.append(
                {
                    "file": file,
                    "lines": entry.heading + entry.continuation + len(entry.rows),
                    "heading": entry.heading,
                    "continued": entry.continuation,
                    "rows_in": len(entry.rows),
                    "kept": kept,
                    "repaired": repaired,
                    "set_aside": aside,
                    "rows_out": out,
                }
            )
        columns = ["file", "lines", "heading", "continued", "rows_in", *OUTCOMES, "rows_out"]
        return pd.DataFrame(rows, columns=columns).set_index("file")

    def kinds(self) -> pd.DataFrame:
        """Number of rows with each kind of finding: file, kind, outcome, rows."""
        table = self.findings[["file", "kind", "outcome", "row"]].drop_duplicates()
        return table.groupby(["file", "kind", "outcome"], sort=True).size().rename("rows").reset_index()

    def score(self, dirt: pd.DataFrame) -> pd.DataFrame:
        """Precision and recall of the findings against the log of what was planted (`score_findings`)."""
        return score_findings(self.findings, dirt)

    def __repr__(self) -> str:
        return f"CleaningLedger({len(self._files)} files, {len(self._findings):,} findings)"


def score_findings(findings, dirt, by=("kind",)) -> pd.DataFrame:
    """Precision and recall per kind of dirt, on distinct (file, row, kind).

    Parameters
    ----------
    findings, dirt : pandas.DataFrame
        Columns file, row, kind: what the cleaning found, and what was planted.  Findings of a kind that was
        never planted are listed with `planted` 0.
    by : tuple of str
        Columns to group by: ("kind",) or ("file", "kind").

    Returns
    -------
    pandas.DataFrame
        Indexed by `by`: planted, found, right, precision (right / found), recall (right / planted); a share
        without denominator is NaN.

    Examples
    --------
    >>> planted = pd.DataFrame({"file": "a", "row": [1, 2], "kind": "bot"})
    >>> found = pd.DataFrame({"file": "a", "row": [2, 3, 4], "kind": "bot"})
    >>> score_findings(found, planted).loc["bot"].to_dict()
    {'planted': 2.0, 'found': 3.0, 'right': 1.0, 'precision': 0.3333333333333333, 'recall': 0.5}
    """
    by = list(by)
    keys = ["file", "row", "kind"]
    planted, found = (table[keys].drop_duplicates().astype({"row": "int64"}) for table in (dirt, findings))
    right = planted.merge(found, on=keys)
    table = pd.DataFrame(
        {
            "planted": planted.groupby(by).size(),
            "found": found.groupby(by).size(),
            "right": right.groupby(by).size(),
        }
    ).fillna(0)
    table["precision"] = table["right"] / table["found"].where(table["found"] > 0)
    table["recall"] = table["right"] / table["planted"].where(table["planted"] > 0)
    return table


def _text(value) -> str:
    """A value as printable text that every string type can hold."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = value if isinstance(value, str) else repr(value) if isinstance(value, bytes) else str(value)
    text = text[: LONGEST_VALUE + 1].encode("utf-8", "replace").decode("utf-8").replace("\x00", "␀")
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
