"""Make the Parquet files of the simulated shop in `data/shop/`, and state their checksums.

    python data/make_shop.py            write the files, the block in datasets.py and the table of the card
    python data/make_shop.py --check    compare the files here with a fresh run, and write nothing

The content depends on nothing but the code; the bytes also depend on the versions of pandas and pyarrow,
which a Parquet file names.  Therefore ``--check`` compares names, types and values.
"""

import argparse
import hashlib
import re
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from bigmkt_helpers.datasets import SHOP_TABLES
from bigmkt_helpers.shop.behaviour import simulate

HERE = Path(__file__).resolve().parent
N_CUSTOMERS, SEED = 4_000, 0


def rewrite(path, begin, end, lines):
    """Replace what stands between two lines of a file."""
    text = path.read_text(encoding="utf-8")
    pattern = rf"({re.escape(begin)}\n).*?({re.escape(end)})"
    text, found = re.subn(pattern, lambda m: m[1] + "".join(lines) + m[2], text, flags=re.S)
    if found != 1:
        sys.exit(f"{path} has no single block from {begin!r} to {end!r}: restore the two lines.")
    path.write_text(text, encoding="utf-8")


def register(folder):
    """State rows, bytes and sha256 of every file in the registry and on the card."""
    entries, table = [], []
    for name in SHOP_TABLES:
        path = folder / f"{name}.parquet"
        if not path.is_file():
            continue
        content, meta = path.read_bytes(), pq.read_metadata(path)
        total = hashlib.sha256(content).hexdigest()
        entries.append(
            f'    "{path.name}": DataFile(\n        "shop.md", {meta.num_rows:_}, "{total}"\n    ),\n'
        )
        table.append(
            f"| `{path.name}` | {meta.num_rows:,} | {meta.num_columns} | {len(content):,} | `{total}` |\n"
        )
    rewrite(HERE.parent / "bigmkt_helpers" / "datasets.py", "SHOP_REGISTRY = {", "}\n", entries)
    if (HERE / "shop.md").is_file():
        rewrite(HERE / "shop.md", "|---|---|---|---|---|", "\n## ", [*table])


def check(folder, fresh):
    """Names of the files whose content differs."""
    different = []
    for name in SHOP_TABLES:
        paths = [place / f"{name}.parquet" for place in (folder, fresh)]
        if [path.is_file() for path in paths] == [False, False]:
            continue
        try:
            pd.testing.assert_frame_equal(*(pd.read_parquet(path) for path in paths), check_exact=True)
        except (AssertionError, FileNotFoundError) as error:
            different.append(f"{name}: {error}")
    return different


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    if parser.parse_args().check:
        with tempfile.TemporaryDirectory() as fresh:
            simulate(N_CUSTOMERS, SEED, fresh)
            different = check(HERE / "shop", Path(fresh))
        print("\n".join(different) or "The files are what a fresh run gives.")
        sys.exit(bool(different))
    simulate(N_CUSTOMERS, SEED, HERE / "shop")
    register(HERE / "shop")
    print(f"Written: {HERE / 'shop'}")


if __name__ == "__main__":
    main()
