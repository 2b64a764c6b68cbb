"""The five raw channels cleaned end to end and scored against what was planted; real data as it comes."""

import gzip
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bigmkt_helpers import tables
from bigmkt_helpers.cleaning import (
    CleaningLedger,
    GroupImputer,
    OutlierClipper,
    clean_shop,
    flag_exact_duplicates,
    flag_near_duplicates,
    identity_scores,
    outlier_flags,
    parse_dates,
    parse_money,
    parse_numbers,
    read_delimited,
    read_fixed_width,
    score_findings,
    score_repairs,
)
from bigmkt_helpers.datasets import (
    load_cdnow,
    load_movielens,
    load_shop,
    load_shop_raw_truth,
    load_telco_churn,
    shop_raw_folder,
)
from bigmkt_helpers.errors import InputError
from bigmkt_helpers.shop import simulate
from bigmkt_helpers.shop.channels import KINDS, write_channels

TABLES = ("orders", "returns", "sessions", "ratings")


@pytest.fixture(scope="module")
def shop():
    return clean_shop(shop_raw_folder())


@pytest.fixture(scope="module")
def truth():
    return load_shop_raw_truth()


@pytest.mark.recovery
def test_every_row_of_every_file_is_accounted_for(shop):
    folder = shop_raw_folder()
    summary = shop.ledger.summary()
    for name in ("web_orders.csv", "store_tills.csv", "ratings.csv"):
        data = (folder / name).read_bytes()
        assert summary.loc[name, "lines"] == data.count(b"\n") + (not data.endswith(b"\n"))
    with gzip.open(folder / "app_events.jsonl.gz") as file:
        assert summary.loc["app_events.jsonl.gz", "lines"] == sum(1 for _ in file)
    assert (summary["rows_in"] == summary["rows_out"]).all()
    for name in summary.index:
        out = [
            t.loc[t["file"] == name, "row"]
            for t in (shop.accounts, shop.products, *map(shop.__getattribute__, TABLES))
        ]
        aside = shop.ledger.set_aside()
        rows = pd.concat([*out, aside.loc[aside["file"] == name, "row"]])
        assert rows.is_unique
        assert len(rows) == summary.loc[name, "rows_in"]


@pytest.mark.recovery
@pytest.mark.parametrize("kind", list(KINDS))
def test_precision_and_recall_of_each_kind_of_dirt(shop, truth, kind):
    row = score_findings(shop.ledger.findings, truth.dirt).loc[kind]
    assert row["planted"] >= 2
    assert row["precision"] >= 0.98
    assert row["recall"] >= 0.98


@pytest.mark.recovery
def test_nothing_is_found_that_was_not_planted(shop, truth):
    assert set(shop.ledger.findings["kind"]) <= set(truth.dirt["kind"])


@pytest.mark.recovery
def test_rows_end_as_their_kind_demands(shop, truth):
    dirt = truth.dirt[["file", "row", "kind"]].drop_duplicates()
    outcomes = pd.concat({file: shop.ledger.outcomes(file) for file in shop.ledger.files}, names=["file"])
    dirt["outcome"] = outcomes.loc[pd.MultiIndex.from_frame(dirt[["file", "row"]])].to_numpy()
    for kind, rows in dirt.groupby("kind"):
        ending = KINDS[kind].ending.replace(" ", "_")
        if ending == "kept":
            assert (rows["outcome"] != "set_aside").mean() > 0.98, kind
        elif KINDS[kind].decidable:
            assert (rows["outcome"] == ending).mean() > 0.98, kind


@pytest.mark.recovery
def test_repaired_values_are_the_true_ones(shop, truth):
    table = score_repairs(shop.ledger.findings, truth.dirt)
    decided = table[[KINDS[kind].decidable for kind in table.index]]
    assert len(decided) >= 14
    assert (decided["share"] >= 0.98).all()


@pytest.mark.recovery
def test_identities_are_put_together(shop, truth):
    scores = identity_scores(shop, truth.identities)
    assert (scores[["precision", "recall"]] >= 0.95).all(axis=None)
    assert scores.loc["accounts", "pairs_true"] > 50


@pytest.mark.recovery
def test_the_clean_tables_are_the_shop_s_own(shop, truth):
    """Each clean row, found by the raw row it came from, says what happened."""
    own = load_shop()
    for name, time in (("orders", "order_time"), ("returns", "return_time")):
        rows = truth.rows[truth.rows["table"] == name].rename(columns={"a": "order_id", "b": "line_number"})
        true = rows.merge(getattr(own, name), on=["order_id", "line_number"])
        both = true.merge(getattr(shop, name), on=["file", "row"], suffixes=("", "_found"))
        assert len(both) >= 0.99 * len(true)
        assert len(both) == len(getattr(shop, name))
        assert (both["quantity"].abs() == both["quantity_found"].abs()).all()
        assert ((both["spend"].abs() - both["spend_found"].abs()).abs() < 0.05).mean() > 0.999
        apart = (both[time] - both[f"{time}_found"]).abs()
        assert (apart < pd.Timedelta(minutes=1)).mean() > 0.999
    rows = truth.rows[truth.rows["table"] == "ratings"].merge(
        own.ratings.reset_index(drop=True), left_on="a", right_index=True
    )
    both = rows.merge(shop.ratings, on=["file", "row"], suffixes=("", "_found"))
    assert (both["rating"] == both["rating_found"]).all()
    assert (both["item"] == both["item_found"]).all()
    assert len(both) >= 0.95 * len(rows)


@pytest.mark.recovery
def test_one_person_has_one_number_across_the_channels(shop, truth):
    own = load_shop()
    rows = truth.rows[truth.rows["table"] == "orders"].rename(columns={"a": "order_id", "b": "line_number"})
    true = rows.merge(own.orders, on=["order_id", "line_number"])
    both = true.merge(shop.orders, on=["file", "row"], suffixes=("", "_found")).dropna(
        subset="customer_id_found"
    )
    assert both["channel"].nunique() == 3
    assert (both["channel"] == both["channel_found"]).all()
    owner = both.groupby("customer_id_found")["customer_id"].agg(lambda v: v.mode()[0])
    right = both["customer_id_found"].map(owner) == both["customer_id"]
    assert right.mean() > 0.99


def assert_conforms(shop):
    """Every table keeps to its schema as it is: values, types and order; an empty one has the types."""
    for name in ("customers", "products", "orders", "returns", "sessions", "ratings"):
        table, schema = getattr(shop, name), getattr(tables, name.upper())
        found, aside = schema.set_aside(table)
        assert len(aside) == 0, (name, aside["reason"].unique())
        if "customer_id" in found and name != "customers":
            assert table["customer_id"].dtype == "Int64"
            found["customer_id"] = found["customer_id"].astype("Int64")
        pd.testing.assert_frame_equal(found, table[found.columns])
        assert table.index.equals(pd.RangeIndex(len(table)))


@pytest.mark.contract
def test_the_clean_tables_keep_to_the_schemas(shop):
    assert_conforms(shop)
    for name in ("orders", "returns", "sessions", "ratings", "customers", "products"):
        assert len(getattr(tables, name.upper()).conform(getattr(shop, name))) == len(getattr(shop, name))
    assert "breaks_schema" not in set(shop.ledger.findings["kind"])
    consent = shop.accounts.sort_values("created_at", kind="stable").groupby("customer_id")["email_consent"]
    assert shop.customers["email_consent"].tolist() == (consent.first() == 1).tolist()
    assert 0 < shop.customers["email_consent"].mean() < 1


@pytest.mark.bad_input
def test_rows_that_break_a_schema_are_set_aside_with_the_reason(small, tmp_path):
    """No unit sold, a line numbered like another, a line without a number, a consent never asked for."""
    for path in small[0].iterdir():
        shutil.copy(path, tmp_path / path.name)
    plain = clean_shop(small[0])
    web = plain.orders[plain.orders["file"] == "web_orders.csv"]
    lines = (tmp_path / "web_orders.csv").read_bytes().split(b"\n")
    heading = lines[0].decode("utf-8-sig").strip().split(",")
    counts = web.groupby("number")["row"].transform("size")
    zero, nameless = web[counts == 1].iloc[:2]["row"]
    first, second = web[counts > 1].groupby("number")["row"].apply(list).iloc[0][:2]

    def put(row, column, value):
        cells = lines[row - 1].decode().rstrip("\r").split(",")
        assert len(cells) == len(heading)
        cells[heading.index(column)] = value
        lines[row - 1] = ",".join(cells).encode()

    put(zero, "qty", "0")
    put(nameless, "line", "first")
    line = int(web.loc[web["row"] == first, "line_number"].iloc[0])
    put(second, "line", str(line))
    (tmp_path / "web_orders.csv").write_bytes(b"\n".join(lines))
    with sqlite3.connect(tmp_path / "crm.sqlite") as base:
        account = base.execute("select account from customers where email_consent = 1").fetchone()[0]
        base.execute("update customers set email_consent = null where account = ?", [account])
    base.close()
    shop = clean_shop(tmp_path)
    assert_conforms(shop)
    broken = shop.ledger.findings.query("kind == 'breaks_schema'").set_index("row")
    assert broken["file"].unique().tolist() == ["web_orders.csv"]
    assert broken["outcome"].unique().tolist() == ["set_aside"]
    assert broken.loc[zero, "reason"] == "orders: 'quantity' is below 1"
    again = "orders: 'order_id' and 'line_number' occur in another row that was kept"
    assert broken.loc[second, "reason"] == again
    assert sorted(broken.index) == sorted([zero, second])
    found = shop.orders.query("file == 'web_orders.csv' and row == @nameless")
    assert found["line_number"].tolist() == [1]
    assert len(shop.orders) == len(plain.orders) - 2
    person = shop.accounts.set_index("account").loc[account, "customer_id"]
    same = shop.accounts[shop.accounts["customer_id"] == person]
    expected = bool((same["email_consent"] == 1).any())
    assert bool(shop.customers.set_index("customer_id").loc[person, "email_consent"]) == expected


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("web_orders.csv", b"", "web_orders.csv is empty"),
        ("web_orders.csv", b"order,when\n1,2\n", "web_orders.csv has no column 'order_no'"),
        ("crm.sqlite", b"account,name\n", "crm.sqlite is not a SQLite database"),
        ("crm.sqlite", None, "crm.sqlite does not exist"),
    ],
)
def test_a_broken_channel_gives_one_sentence(tmp_path, name, data, says):
    for path in shop_raw_folder().iterdir():
        if path.name in ("crm.sqlite", "web_orders.csv"):
            shutil.copy(path, tmp_path / path.name)
    if data is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=says):
        clean_shop(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Another, small shop, with other dirt."""
    folder = tmp_path_factory.mktemp("small")
    return folder, write_channels(simulate(300, 5), folder, 5)


@pytest.mark.recovery
def test_another_shop_is_cleaned_as_well(small):
    folder, truth = small
    shop = clean_shop(folder)
    table = shop.ledger.score(truth.dirt)
    assert table["right"].sum() >= 0.995 * table["planted"].sum()
    assert table["right"].sum() >= 0.995 * table["found"].sum()
    assert (identity_scores(shop, truth.identities)[["precision", "recall"]] >= 0.95).all(axis=None)


@pytest.mark.bad_input
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32), st.sampled_from(["flip", "cut", "insert", "shuffle"]))
def test_channels_spoiled_further_lose_no_row(small, tmp_path, seed, how):
    random = np.random.Generator(np.random.PCG64(seed))
    for path in small[0].iterdir():
        data = bytearray(path.read_bytes())
        if path.suffix == ".gz":
            data = bytearray(gzip.decompress(bytes(data)))
        if path.suffix == ".sqlite":
            pass
        elif how == "flip":
            for place in random.integers(200, len(data), 50):
                data[place] = random.integers(0, 256)
        elif how == "cut":
            data = data[: random.integers(1_000, len(data))]
        else:
            heading, *lines = bytes(data).split(b"\n")
            if how == "shuffle":
                random.shuffle(lines)
            else:
                lines[100:100] = [random.bytes(40) for _ in range(10)]
            data = b"\n".join([heading, *lines])
        data = gzip.compress(bytes(data)) if path.suffix == ".gz" else bytes(data)
        (tmp_path / path.name).write_bytes(data)
    shop = clean_shop(tmp_path)
    assert_conforms(shop)
    summary = shop.ledger.summary()
    assert (summary["rows_in"] == summary["rows_out"]).all()
    for name in ("web_orders.csv", "store_tills.csv", "ratings.csv"):
        data = (tmp_path / name).read_bytes()
        assert summary.loc[name, "lines"] == data.count(b"\n") + (not data.endswith(b"\n"))


# The same functions on real data as it comes


@pytest.mark.recovery
def test_cdnow_as_text(tmp_path):
    cdnow = load_cdnow()
    lines = [
        f" {c:05d} {d:%Y%m%d} {q:2d} {s:6.2f}\n"
        for c, d, q, s in cdnow[["customer_id", "date", "quantity", "spend"]].itertuples(index=False)
    ]
    (tmp_path / "master.txt").write_text("".join(lines))
    spans = {"customer_id": (2, 6), "date": (8, 15), "quantity": (17, 18), "spend": (20, None)}
    table = read_fixed_width(tmp_path / "master.txt", spans)
    assert len(table.frame) == len(cdnow)
    assert table.ledger.findings.empty
    dates = parse_dates(table.frame["date"])
    assert (dates["finding"] == "").all()
    assert (dates["time"].dt.tz_localize(None).to_numpy() == cdnow["date"].to_numpy()).all()
    money = parse_money(table.frame["spend"], currency="USD")
    assert np.allclose(money["value"], cdnow["spend"])
    # two lines of a customer on one day, all equal: the file cannot tell a repeat from a second purchase
    assert flag_exact_duplicates(cdnow).sum() == cdnow.duplicated().sum() > 0
    flags = outlier_flags(cdnow["spend"], "mad")
    assert cdnow["spend"][flags].min() > cdnow["spend"].median()
    assert 0.01 < flags.mean() < 0.2


@pytest.mark.recovery
def test_telco_churn_as_csv_and_in_a_pipeline(tmp_path):
    telco = load_telco_churn()
    telco.to_csv(tmp_path / "telco.csv", index=False)
    table = read_delimited(tmp_path / "telco.csv")
    assert len(table.frame) == len(telco)
    charges = parse_numbers(table.frame["total_charges"])
    assert (charges["finding"] == "missing").sum() == telco["total_charges"].isna().sum() == 11
    assert np.allclose(charges["value"].dropna(), telco["total_charges"].dropna())
    numbers = ["tenure", "monthly_charges", "total_charges"]
    model = make_pipeline(
        make_column_transformer(
            (GroupImputer(columns=numbers, add_indicator=True), numbers),
        ),
        OutlierClipper("iqr"),
        StandardScaler(),
        LogisticRegression(),
    )
    scores = cross_val_score(model, telco[numbers], telco["churn"] == "Yes", cv=3, scoring="roc_auc")
    assert scores.mean() > 0.75


@pytest.mark.recovery
def test_movielens_as_it_comes(tmp_path):
    ratings = load_movielens().ratings.head(20_000)
    seconds = ratings["timestamp"].astype("int64") // 10**6
    ratings.assign(timestamp=seconds).to_csv(tmp_path / "ratings.csv", index=False)
    ledger = CleaningLedger()
    table = read_delimited(tmp_path / "ratings.csv", ledger=ledger)
    times = parse_dates(table.frame["timestamp"])
    assert (times["finding"] == "").all()
    assert (times["time"].to_numpy() == ratings["timestamp"].to_numpy()).all()
    stars = parse_numbers(table.frame["rating"])
    assert (stars["value"].to_numpy() == ratings["rating"].to_numpy()).all()
    assert not flag_near_duplicates(ratings, ["user", "item"], "timestamp").any()
    assert ledger.summary().loc["ratings.csv", "rows_out"] == 20_000
