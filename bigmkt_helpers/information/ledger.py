"""The ledger: every model of the course in one table, in bits and in money.

A chapter scores its models on the common question and writes ``notebooks/results/NN.json``; the baselines and
both ceilings are always rows of it. Chapter 16 merges all files. Seconds differ from run to run: they live in
a file of their own beside it, ``NN.seconds.json``, so that the compared content stays the same.
"""

import json
import re
from pathlib import Path

import pandas as pd

from bigmkt_helpers.errors import InputError

FORMAT = "bigmkt ledger 1"
"""First entry of a ledger file: what it is, and which version."""

KINDS = ("baseline", "model", "ceiling")
"""Kinds of row, in the order of the table."""

DIGITS = {"bits": 4, "closed": 4, "share": 4, "profit": 1, "gain": 1}
"""Decimals that are kept: fewer than the machine has, so that every machine writes the same."""

_SPREAD = [f"{name}{end}" for name in ("closed", "share", "profit", "gain") for end in ("", "_low", "_high")]
COLUMNS = ["model", "chapter", "kind", "customers", "bits", *_SPREAD]
"""Columns of the table: see :meth:`CommonQuestion.score`."""

_CHAPTER = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,30}")


class Ledger:
    """Rows of models, with the baselines and the ceilings always among them.

    Parameters
    ----------
    question : CommonQuestion, optional
        Its baselines and ceilings become rows at once. Without it the ledger is empty: see :meth:`read` and
        :meth:`merge`.
    chapter : str
        Number of the chapter that makes the rows, such as "03".

    Attributes
    ----------
    chapter : str
    currency : str or None
    seconds : dict of str to float
        Fit times by model; never part of the compared content.

    Examples
    --------
    >>> ledger = Ledger(chapter="03")
    >>> ledger.add_row({"model": "coin", "kind": "model", "customers": 10, "bits": 1.0}, seconds=0.25)
    >>> ledger.table()[["model", "chapter", "bits"]].to_dict("records")
    [{'model': 'coin', 'chapter': '03', 'bits': 1.0}]
    """

    def __init__(self, question=None, chapter: str = "00"):
        if not isinstance(chapter, str) or not _CHAPTER.fullmatch(chapter):
            raise InputError(f"chapter is {chapter!r}: give its number as text, such as '03'.")
        self.chapter = chapter
        self.currency = None
        self.seconds: dict[str, float] = {}
        self._question = question
        self._rows: list[dict] = []
        if question is not None:
            self.currency = None if question.terms is None else question.terms.currency
            for row in [*question.baselines(), *question.ceilings()]:
                self.add_row(row)

    def add(self, name: str, probabilities, seconds: float | None = None, floor: float | None = None) -> dict:
        """Score a model at the test cutoff and keep its row; returns the row, rounded as it is written.

        Parameters
        ----------
        name : str
            Not yet in the ledger.
        probabilities : pandas.DataFrame
            Customers by outcomes, as in :meth:`CommonQuestion.score`.
        seconds : float, optional
            Time of the fit.
        floor : float, optional
            As in :func:`bits_per_customer`.
        """
        if self._question is None:
            raise InputError(
                "This ledger has no question to score a model on: make it with Ledger(question, …)."
            )
        self.add_row(self._question.score(name, probabilities, floor=floor), seconds)
        return dict(self._rows[-1])

    def add_row(self, row: dict, seconds: float | None = None) -> None:
        """Keep a row made by :meth:`CommonQuestion.score`."""
        row = _checked({"chapter": self.chapter, **row}, "the row")
        if any(kept["model"] == row["model"] for kept in self._rows):
            raise InputError(f"The ledger has a row {row['model']!r} already: give each model its own name.")
        if seconds is not None:
            _number(seconds, "seconds", row["model"], "the row", least=0)
            self.seconds[row["model"]] = float(seconds)
        self._rows.append(row)

    def table(self) -> pd.DataFrame:
        """All rows: baselines, then models from few bits closed to many, then ceilings."""
        rows = sorted(self._rows, key=lambda r: (KINDS.index(r["kind"]), r.get("closed") or 0.0, r["model"]))
        table = pd.DataFrame(rows, columns=COLUMNS)
        numeric = ["bits", *_SPREAD]
        table[numeric] = table[numeric].astype(float)
        return table

    def compared(self) -> dict:
        """What is written and compared: everything but the seconds."""
        rows = sorted(self._rows, key=lambda r: (KINDS.index(r["kind"]), r["model"]))
        return {"format": FORMAT, "chapter": self.chapter, "currency": self.currency, "rows": rows}

    def write(self, folder) -> Path:
        """Write ``NN.json`` (and ``NN.seconds.json``, if times are known) into a folder; returns the first.

        Keys are sorted, numbers rounded as in `DIGITS`: the same results are the same bytes. A file appears
        whole or not at all.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.chapter}.json"
        _write(path, self.compared())
        if self.seconds:
            times = {name: float(f"{value:.3g}") for name, value in self.seconds.items()}
            _write(folder / f"{self.chapter}.seconds.json", times)
        return path

    @classmethod
    def read(cls, path) -> "Ledger":
        """The ledger of one chapter.

        Raises
        ------
        InputError
            No such file, not a ledger, a broken or changed entry: one sentence with the file and the place.
        """
        path = Path(path)
        content = _read(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f"{path.name} is no ledger: it does not begin with the format {FORMAT!r}.")
        chapter, currency, rows = (content.get(key) for key in ("chapter", "currency", "rows"))
        if chapter != path.stem:
            raise InputError(
                f"{path.name} says it is of chapter {chapter!r}: name the file after the chapter."
            )
        if currency is not None and not isinstance(currency, str):
            raise InputError(f"{path.name} has the currency {currency!r}: it must be text or null.")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{path.name} has no list of rows: write it again with Ledger.write.")
        ledger = cls(chapter=chapter)
        ledger.currency = currency
        for number, row in enumerate(rows, start=1):
            if row.get("chapter") != chapter:
                raise InputError(
                    f"Row {number} of {path.name} is of chapter {row.get('chapter')!r}: not its own."
                )
            row = _checked(row, f"row {number} of {path.name}")
            if any(kept["model"] == row["model"] for kept in ledger._rows):
                raise InputError(f"{path.name} has the model {row['model']!r} twice: keep one row of it.")
            ledger._rows.append(row)
        times = path.with_name(f"{path.stem}.seconds.json")
        if times.exists():
            found = _read(times)
            if not isinstance(found, dict):
                raise InputError(
                    f"{times.name} must hold seconds by model: write it again with Ledger.write."
                )
            for name, value in found.items():
                _number(value, "seconds", name, times.name, least=0)
                ledger.seconds[name] = float(value)
        return ledger

    @classmethod
    def merge(cls, folder, chapter: str = "16") -> "Ledger":
        """One ledger of all chapters in a folder, without the file of `chapter` itself.

        Baselines and ceilings appear once, and must be the same in every chapter: else the chapters were run
        on different shops, and their rows do not compare. A model's name may be used by one chapter only.
        """
        folder = Path(folder)
        paths = sorted(p for p in folder.glob("*.json") if not p.name.endswith(".seconds.json"))
        paths = [path for path in paths if path.stem != chapter]
        if not paths:
            raise InputError(f"{folder.name} holds no ledger: run the chapters first.")
        merged = cls(chapter=chapter)
        home: dict[str, str] = {}
        for number, path in enumerate(paths):
            ledger = cls.read(path)
            if number == 0:
                merged.currency = ledger.currency
            elif ledger.currency != merged.currency:
                raise InputError(
                    f"{path.name} counts in {ledger.currency}, {paths[0].name} in {merged.currency}: "
                    "run all chapters on one shop."
                )
            for row in ledger._rows:
                name, before = row["model"], home.get(row["model"])
                if before is None:
                    home[name] = path.name
                    merged._rows.append(row)
                    continue
                kept = next(kept for kept in merged._rows if kept["model"] == name)
                if row["kind"] == "model" or kept["kind"] == "model":
                    raise InputError(
                        f"{before} and {path.name} both have a model {name!r}: rename one of them."
                    )
                if {**kept, "chapter": ""} != {**row, "chapter": ""}:
                    raise InputError(
                        f"{name!r} is not the same in {before} and {path.name}: run both chapters on "
                        "one shop."
                    )
            merged.seconds |= {
                name: value for name, value in ledger.seconds.items() if name not in merged.seconds
            }
        return merged


def _checked(row: dict, where: str) -> dict:
    """The row with its numbers rounded, or one sentence about what is wrong with it."""
    unknown = sorted(set(row) - set(COLUMNS))
    if unknown:
        raise InputError(f"{where.capitalize()} has the unknown entry {unknown[0]!r}; it may have {COLUMNS}.")
    for name in ("model", "chapter", "kind"):
        if not isinstance(row.get(name), str) or not row[name]:
            raise InputError(f"{where.capitalize()} has no {name!r}: it must be text.")
    if row["kind"] not in KINDS:
        raise InputError(f"{where.capitalize()} is of the kind {row['kind']!r}: use one of {list(KINDS)}.")
    number = _number(row.get("customers"), "customers", row["model"], where, least=1)
    if number != int(number):
        raise InputError(f"{where.capitalize()} counts {number:g} customers: they come whole.")
    clean = {"model": row["model"], "chapter": row["chapter"], "kind": row["kind"], "customers": int(number)}
    bits = _number(row.get("bits"), "bits", row["model"], where, least=0)
    clean["bits"] = round(bits, DIGITS["bits"]) + 0.0
    for name in ("closed", "share", "profit", "gain"):
        keys = [f"{name}_low", name, f"{name}_high"]
        values = [row.get(key) for key in keys]
        if all(value is None for value in values):
            clean |= dict.fromkeys(keys)
            continue
        values = [_number(value, key, row["model"], where) for key, value in zip(keys, values, strict=True)]
        if not values[0] <= values[2]:
            raise InputError(
                f"{where.capitalize()}: the interval of {name!r} runs from {values[0]} to {values[2]}."
            )
        clean |= {key: round(value, DIGITS[name]) + 0.0 for key, value in zip(keys, values, strict=True)}
    return clean


def _number(value, name, model, where, least=None) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    if not good or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise InputError(f"{name!r} of {model!r} in {where} is {value!r}: it must be a finite number{bound}.")
    return float(value)


def _write(path: Path, content) -> None:
    part = path.with_name(path.name + ".part")
    text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    part.write_text(text + "\n", encoding="utf-8", newline="\n")
    part.replace(path)


def _read(path: Path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no file {path.name}: run the chapter that writes it.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"{path.name} is not readable as JSON{place}: write it again by running its chapter."
        ) from error
