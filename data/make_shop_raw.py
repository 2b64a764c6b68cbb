"""Make the raw channels of the simulated shop in `data/shop/raw/` and the tables of what they hide.

    python data/make_shop_raw.py            write the files, the block in datasets.py, the tables of the card
    python data/make_shop_raw.py --check    compare the files here with a fresh run, and write nothing

They are made from the clean tables in `data/shop/`: after `make_shop.py` has changed those, run this too.
The content depends on nothing but the tables and the code; the bytes of the gzip, SQLite and Parquet files
also depend on versions of libraries.  Therefore ``--check`` compares what the files say.
"""

import argparse
import gzip
import hashlib
import re
import sys
import tempfile
from pathlib import Path

import pandas as pd

from bigmkt_helpers.datasets import SHOP_RAW_REGISTRY, load_shop
from bigmkt_helpers.shop.channels import FILES, KINDS, content_sha256, write_channels

HERE = Path(__file__).resolve().parent
SEED, VIEWS_SINCE = 0, "2025-07-01"
TRUTHS = ("dirt", "identities", "rows")


def write(folder):
    """The raw files into `folder/raw`, the truth beside it; gives the truth back."""
    truth = write_channels(load_shop(), folder / "raw", SEED, VIEWS_SINCE)
    (folder / "raw" / ".gitattributes").write_bytes(b"* -text\n")  # no tool may change the ends of lines
    for name in TRUTHS:
        getattr(truth, name).to_parquet(folder / f"truth_{name}.parquet", index=False, compression="zstd")
    return truth


def rows_of(path, truth):
    """Physical lines of a text file, rows of a table, records of the database."""
    if path.suffix == ".parquet":
        return len(getattr(truth, path.stem.removeprefix("truth_")))
    if path.suffix == ".sqlite":
        rows = truth.rows["file"].str.startswith("crm.sqlite").sum()
        extra = (truth.dirt["kind"].eq("test_account") & truth.dirt["file"].str.startswith("crm")).sum()
        return int(rows + extra)
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return content.count(b"\n") + 1


def rewrite(path, begin, lines, row, end=""):
    """Replace the lines that follow `begin` and look like `row`, up to `end`."""
    text = path.read_text(encoding="utf-8")
    pattern = rf"({re.escape(begin)}\n)(?:{row})*({re.escape(end)})"
    text, found = re.subn(pattern, lambda match: match[1] + "".join(lines) + match[2], text)
    if found != 1:
        sys.exit(f"{path} has no single block after {begin!r}: restore that line.")
    path.write_text(text, encoding="utf-8")


def register(folder, truth):
    """State rows, bytes and sha256 of every file in the registry and on the card, and the counts of dirt."""
    entries, table = [], []
    names = [*(f"raw/{name}" for name in FILES), *(f"truth_{name}.parquet" for name in TRUTHS)]
    for name in names:
        path = folder / name
        content, rows = path.read_bytes(), rows_of(path, truth)
        total = hashlib.sha256(content).hexdigest()
        entries.append(f'    "{name}": DataFile(\n        "shop_raw.md", {rows:_}, "{total}"\n    ),\n')
        table.append(f"| `{name}` | {rows:,} | {len(content):,} | `{total}` |\n")
    code = HERE.parent / "bigmkt_helpers" / "datasets.py"
    rewrite(code, "SHOP_RAW_REGISTRY = {", entries, r"    .*\n", "}\n")
    rewrite(HERE / "shop_raw.md", FILE_TABLE, table, r"\|.*\n")
    rewrite(HERE / "shop_raw.md", COUNTS, counts(truth), r"\|.*\n")


FILE_TABLE = "| file | rows | bytes | sha256 |\n|---|---|---|---|"
COUNTS = (
    "| kind | web | tills | app | CRM | ratings | ending | what it looks like |\n"
    "|---|--:|--:|--:|--:|--:|---|---|"
)


def counts(truth):
    """Lines of the table of dirt: spoiled rows of each kind in each file."""
    dirt = truth.dirt.drop_duplicates(["file", "row", "kind"])
    found = dirt.groupby([dirt["kind"], dirt["file"].str.split(":").str[0]]).size()
    lines = []
    for name, kind in KINDS.items():
        numbers = [found.get((name, file), 0) for file in FILES]
        cells = [f"{number:,}" if number else "–" for number in numbers]
        ending = kind.ending if kind.decidable else f"{kind.ending} ✱"
        lines.append(f"| `{name}` | {' | '.join(cells)} | {ending} | {kind.description} |\n")
    return lines


def check(folder, fresh):
    """Names of the files that say something else than a fresh run."""
    different = [
        name
        for name in FILES
        if content_sha256(folder / "raw" / name) != content_sha256(fresh / "raw" / name)
    ]
    for name in TRUTHS:
        first, second = (pd.read_parquet(place / f"truth_{name}.parquet") for place in (folder, fresh))
        if not first.equals(second):
            different.append(f"truth_{name}.parquet")
    return different


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    if parser.parse_args().check:
        with tempfile.TemporaryDirectory() as fresh:
            write(Path(fresh))
            different = check(HERE / "shop", Path(fresh))
        print("\n".join(different) or f"The {len(SHOP_RAW_REGISTRY)} files are what a fresh run gives.")
        sys.exit(bool(different))
    truth = write(HERE / "shop")
    register(HERE / "shop", truth)
    print(f"Written: {HERE / 'shop' / 'raw'}; {truth}")


if __name__ == "__main__":
    main()
