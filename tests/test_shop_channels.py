"""The raw channels: every planted fault is logged, and what is not logged is as the clean tables say."""

import csv
import gzip
import hashlib
import importlib.util
import io
import json
import re
import shutil
import sqlite3
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bigmkt_helpers import datasets
from bigmkt_helpers.errors import ChecksumError, InputError
from bigmkt_helpers.shop import channels
from bigmkt_helpers.shop.behaviour import simulate
from bigmkt_helpers.shop.channels import CNY_PER_USD, FILES, KINDS, content_sha256, write_channels

DATA = Path(__file__).resolve().parent.parent / "data"
NAMES = ("customers", "products", "orders", "returns", "sessions", "ratings")
SINCE = "2025-04-01"
ROW_KINDS = {"nul_bytes", "broken_encoding"}  # faults of bytes: the helpers below read through them


def utc(microseconds_or_time):
    return pd.Timestamp(microseconds_or_time).tz_convert("UTC")


class World:
    """A small shop, its raw channels, and helpers to look both up."""

    def __init__(self, tables, folder, seed, since):
        self.tables = tables
        self.folder = folder
        self.truth = write_channels(tables, folder, seed, since)
        self.spoiled = {}
        for file, row, kind, column, true in self.truth.dirt.itertuples(index=False):
            self.spoiled.setdefault((file, row), []).append((kind, column, true))
        self.map = {
            (file, row): (table, a, b) for file, row, table, a, b in self.truth.rows.itertuples(index=False)
        }

    def lines(self, file):
        """Physical lines as bytes, without the end of line; the first is line 1."""
        content = (self.folder / file).read_bytes()
        content = gzip.decompress(content) if file.endswith(".gz") else content
        lines = content.split(b"\n")
        assert lines[-1] != b"", "the last line is cut, so nothing follows it"
        return [line.removesuffix(b"\r") for line in lines]

    def kinds(self, file, row):
        return {kind for kind, _, _ in self.spoiled.get((file, row), [])}

    def rows_of(self, kind, file):
        found = self.truth.dirt[(self.truth.dirt["kind"] == kind) & (self.truth.dirt["file"] == file)]
        return sorted(set(found["row"]))

    def known(self, key):
        """Owners of each value of one kind of key."""
        table = self.truth.identities
        table = table[table["key"] == key]
        return table.groupby("value")["customer_id"].agg(set).to_dict()


@pytest.fixture(scope="module")
def tables():
    shop = simulate(700, seed=5, truth=False)
    return {name: shop.table(name) for name in NAMES}


@pytest.fixture(scope="module")
def world(tables, tmp_path_factory):
    return World(tables, tmp_path_factory.mktemp("raw"), 11, SINCE)


@pytest.fixture
def hand():
    """Three customers, two products, one order in each channel: by hand."""
    times = pd.to_datetime(["2024-03-01 04:34:56", "2024-03-02 01:00:00", "2024-03-04 15:59:59"], utc=True)
    return {
        "customers": pd.DataFrame(
            {
                "customer_id": [1, 2, 3],
                "join_date": pd.to_datetime(["2024-03-01", "2024-03-02", "2024-03-04"]),
                "age_band": ["18-24", "35-44", "65+"],
                "city_tier": [1, 2, 3],
                "gender": ["female", "male", "female"],
                "birth_year": [2002, 1985, 1950],
                "city": ["上海", "杭州", "乐山"],
                "name": ["王芳", "李娜", "张伟"],
                "email": ["a@example.com", "b@example.com", "c@example.com"],
                "phone": ["12000000001", "12000000002", "12000000003"],
                "loyalty_card": ["LT0000000001", None, "LT0000000003"],
                "email_consent": [True, False, True],
                "app_user": [False, False, True],
            }
        ),
        "products": pd.DataFrame(
            {
                "product_id": [101, 202],
                "category": ["tea", "teaware"],
                "title": ["Green tea", "Pot"],
                "title_zh": ["绿茶", "茶壶"],
                "description": ["Tea, green.", "A pot."],
                "description_zh": ["绿色的茶。", "壶。"],
                "unit_price": [1234.5, 80.0],
                "unit_cost": [600.0, 30.0],
                "launch_date": pd.to_datetime(["2023-01-01", "2023-01-01"]),
            }
        ),
        "orders": pd.DataFrame(
            {
                "order_id": [10, 20, 30],
                "line_number": [1, 1, 1],
                "customer_id": [1, 2, 3],
                "order_time": times,
                "channel": ["web", "store", "app"],
                "product_id": [101, 101, 202],
                "quantity": [2, 1, 1],
                "unit_price": [1234.5, 1234.5, 80.0],
                "spend": [2469.0, 1234.5, 80.0],
            }
        ),
        "returns": pd.DataFrame(
            {
                "order_id": [20],
                "line_number": [1],
                "return_time": pd.to_datetime(["2024-03-09 02:03:04"], utc=True),
                "quantity": [1],
                "spend": [1234.5],
            }
        ),
        "sessions": pd.DataFrame(
            {"session_id": [7], "customer_id": [3], "timestamp": times[2:], "product_id": [202]}
        ),
        "ratings": pd.DataFrame({"user": [1], "item": [101], "rating": [4.0], "timestamp": times[1:2]}),
    }


# What is not in the log is true


def text_cells(line, encoding):
    return next(csv.reader(io.StringIO(line.replace(b"\x00", b"").decode(encoding, "replace"))))


def till_line(line):
    """A line of the till file, whichever of two encodings it is in."""
    line = line.replace(b"\x00", b"")
    try:
        return next(csv.reader(io.StringIO(line.decode())))
    except UnicodeDecodeError:
        return text_cells(line, "gb18030")


def yen(text):
    return float(text.replace("¥", "").replace(",", "").replace("−", "-"))


def sku(product_id):
    return f"LT-{product_id:05d}"


def assert_cells(world, file, row, cells, expected):
    """Each cell is the expected one, or is in the log with the expected one as its true value."""
    spoiled = {column: true for _, column, true in world.spoiled.get((file, row), []) if column}
    for column, (read, value) in expected.items():
        if column in spoiled:
            assert spoiled[column] == value, (file, row, column, spoiled[column], value)
            seen = world.kinds(file, row) & ROW_KINDS or str(cells[column]) not in (value, f"¥{value}")
            assert seen, (file, row, column, "is not spoiled at all")
        else:
            assert read(cells[column]) == read(value), (file, row, column, cells[column], value)


def event_of(world, file, row):
    """The clean event behind a raw row, with signed quantity and sum, its time and customer."""
    table, a, b = world.map[file, row]
    orders = world.orders.loc[(a, b)]
    if table == "orders":
        return orders, orders["quantity"], orders["spend"], orders["order_time"]
    back = world.returns.loc[(a, b)]
    return orders, -back["quantity"], -back["spend"], back["return_time"]


@pytest.fixture(scope="module")
def indexed(world):
    world.orders = world.tables["orders"].set_index(["order_id", "line_number"])
    world.returns = world.tables["returns"].set_index(["order_id", "line_number"])
    world.titles = world.tables["products"].set_index("product_id")["title_zh"].to_dict()
    return world


def stamp(moment, unit):
    return moment.floor(unit).strftime("%Y-%m-%dT%H:%M:%SZ")


def same_time(text):
    return pd.Timestamp(text).tz_convert("UTC")


@pytest.mark.contract
def test_web_lines_say_what_happened(indexed):
    file = "web_orders.csv"
    owners = indexed.known("email")
    for row, line in enumerate(indexed.lines(file)[1:], 2):
        if (file, row) not in indexed.map:
            assert indexed.kinds(file, row), f"{file}, row {row} is neither an event nor in the log"
            continue
        if "truncated_line" in indexed.kinds(file, row):
            continue
        cells = dict(zip(channels.WEB_COLUMNS, text_cells(line, "utf-8"), strict=True))
        order, quantity, spend, moment = event_of(indexed, file, row)
        expected = {
            "line": (int, str(indexed.map[file, row][2])),
            "created_at": (same_time, stamp(moment, "s")),
            "sku": (str, sku(order["product_id"])),
            "product": (str, indexed.titles[order["product_id"]]),
            "qty": (int, str(quantity)),
            "unit_price": (float, f"{order['unit_price']:.2f}"),
            "line_total": (float, f"{spend:.2f}"),
            "status": (str, "completed" if quantity > 0 else "returned"),
        }
        if "foreign_currency" not in indexed.kinds(file, row):
            expected["currency"] = (str, "CNY")
        assert_cells(indexed, file, row, cells, expected)
        email = {c: t for _, c, t in indexed.spoiled.get((file, row), [])}.get("email", cells["email"])
        assert order["customer_id"] in owners[email]
        shared = len(owners[email]) > 1
        assert shared == ("shared_key" in indexed.kinds(file, row))


@pytest.mark.contract
def test_till_lines_say_what_happened(indexed):
    file = "store_tills.csv"
    owners = indexed.known("loyalty_card")
    for row, line in enumerate(indexed.lines(file)[1:], 2):
        if (file, row) not in indexed.map:
            assert indexed.kinds(file, row), f"{file}, row {row} is neither an event nor in the log"
            continue
        if "truncated_line" in indexed.kinds(file, row):
            continue
        cells = dict(zip(channels.TILL_COLUMNS, till_line(line), strict=True))
        order, quantity, spend, moment = event_of(indexed, file, row)
        local = order["order_time"].tz_convert("Asia/Shanghai")
        assert cells["小票号"][3:9] == local.strftime("%y%m%d")
        assert cells["商品条码"][3:12] == f"{order['product_id']:09d}"
        digits = [int(digit) for digit in cells["商品条码"]]
        assert (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0
        expected = {
            "行号": (int, str(indexed.map[file, row][2])),
            "时间": (
                lambda text: same_time(
                    text
                    if text.endswith("Z")
                    else pd.to_datetime(text, format="%d/%m/%Y %H:%M").tz_localize("Asia/Shanghai")
                ),
                stamp(moment, "min"),
            ),
            "商品名称": (str, indexed.titles[order["product_id"]]),
            "数量": (lambda text: int(text.replace("−", "-")), str(quantity)),
            "单价": (yen, f"{order['unit_price']:.2f}"),
            "金额": (yen, f"{spend:.2f}"),
            "类型": (str, "销售" if quantity > 0 else "退货"),
        }
        assert_cells(indexed, file, row, cells, expected)
        card = {c: t for _, c, t in indexed.spoiled.get((file, row), [])}.get("会员卡号", cells["会员卡号"])
        assert card == "" or owners[card] == {order["customer_id"]}


@pytest.mark.contract
def test_app_lines_say_what_happened(indexed):
    file = "app_events.jsonl.gz"
    phones, devices = indexed.known("phone"), indexed.known("device")
    sessions = indexed.tables["sessions"].sort_values(["session_id", "timestamp"], kind="stable")
    place = sessions.groupby("session_id").cumcount() + 1
    views = sessions.assign(position=place).set_index(["session_id", "position"])
    views = {
        key: (customer, time, product)
        for key, customer, time, product in zip(
            views.index, views["customer_id"], views["timestamp"], views["product_id"]
        )
    }
    for row, line in enumerate(indexed.lines(file), 1):
        if (file, row) not in indexed.map:
            assert indexed.kinds(file, row), f"{file}, row {row} is neither an event nor in the log"
            continue
        if "truncated_line" in indexed.kinds(file, row):
            continue
        cells = json.loads(line.replace(b"\x00", b"").decode("utf-8", "replace"))
        if indexed.map[file, row][0] == "sessions":
            customer, moment, product = views[indexed.map[file, row][1:]]
            assert cells["event"] == "view"
            expected = {}
        else:
            order, quantity, spend, moment = event_of(indexed, file, row)
            customer, product = order["customer_id"], order["product_id"]
            assert cells["event"] == ("purchase" if quantity > 0 else "refund")
            expected = {
                "line": (int, str(indexed.map[file, row][2])),
                "qty": (int, str(quantity)),
                "price": (float, f"{order['unit_price']:.2f}"),
                "total": (float, f"{spend:.2f}"),
            }
        seconds = moment.timestamp()
        expected["sku"] = (str, sku(product))
        expected["ts"] = (
            lambda value: (
                int(value) / 1000 if str(value).lstrip("-").isdigit() else same_time(value).timestamp()
            ),
            stamp(moment, "s"),
        )
        assert seconds == int(seconds)
        assert_cells(indexed, file, row, cells, expected)
        assert devices[cells["device"]] == {customer}
        assert cells["phone"] is None or phones[cells["phone"].removeprefix("+86")] == {customer}
        assert (cells["phone"] is None) == ("missing_key" in indexed.kinds(file, row))


def rating_cells(line):
    text = line.replace(b"\x00", b"").decode()
    for mark in ("\t", ","):
        if text.count(mark) == 3:
            return text.split(mark)
    return [text[1:9].strip(), text[10:19].strip(), text[20:34].strip(), text[35:].strip()]


@pytest.mark.contract
def test_ratings_say_what_happened(indexed):
    file = "ratings.csv"
    accounts = indexed.known("account")
    ratings = indexed.tables["ratings"]
    for row, line in enumerate(indexed.lines(file), 1):
        if (file, row) not in indexed.map:
            assert indexed.kinds(file, row), f"{file}, row {row} is neither an event nor in the log"
            continue
        if "truncated_line" in indexed.kinds(file, row):
            continue
        cells = dict(zip(("account", "sku", "time", "stars"), rating_cells(line), strict=True))
        true = ratings.iloc[indexed.map[file, row][1]]
        expected = {
            "sku": (str, sku(true["item"])),
            "time": (
                lambda text: same_time(
                    text
                    if text.endswith("Z")
                    else pd.to_datetime(text, format="%Y%m%d%H%M%S").tz_localize("Asia/Shanghai")
                ),
                stamp(true["timestamp"], "s"),
            ),
            "stars": (float, f"{true['rating']:g}"),
        }
        assert_cells(indexed, file, row, cells, expected)
        assert accounts[cells["account"]] == {true["user"]}


def crm(world, table):
    connection = sqlite3.connect(world.folder / "crm.sqlite")
    cursor = connection.execute(f"SELECT rowid AS row, * FROM {table} ORDER BY rowid")
    names = [column[0] for column in cursor.description]
    found = pd.DataFrame(cursor.fetchall(), columns=names, dtype=object)
    connection.close()
    return found.set_index(found.pop("row").astype(int))


@pytest.mark.contract
def test_the_customer_database_says_who_they_are(world):
    file = "crm.sqlite:customers"
    customers = world.tables["customers"].set_index("customer_id")
    accounts = world.known("account")
    emails, phones = world.known("email"), world.known("phone")
    for row, cells in crm(world, "customers").iterrows():
        if "test_account" in world.kinds(file, row):
            assert (file, row) not in world.map
            assert cells["email"].endswith("@test.lantern.example")
            continue
        table, customer, _ = world.map[file, row]
        assert table == "customers"
        assert accounts[cells["account"]] == {customer}
        true = customers.loc[customer]
        expected = {
            name: (str, str(true[name]))
            for name in ("name", "gender", "age_band", "birth_year", "city", "city_tier")
        }
        expected["email_consent"] = expected["app_user"] = (int, "0")
        expected["email_consent"] = (int, str(int(true["email_consent"])))
        expected["app_user"] = (int, str(int(true["app_user"])))
        if not world.kinds(file, row) & {"merged_identity"}:
            expected["created_at"] = (str, str(true["join_date"].date()))
            expected["phone"] = (str, true["phone"])
            expected["loyalty_card"] = (str, true["loyalty_card"])
            if "shared_email" in world.kinds(file, row):
                own = [value for kind, _, value in world.spoiled[file, row] if kind == "shared_email"]
                assert own == [true["email"]]
            else:
                expected["email"] = (str, true["email"])
        assert_cells(world, file, row, cells, expected)
        mended = {column: value for _, column, value in world.spoiled.get((file, row), [])}
        if "shared_email" not in world.kinds(file, row):
            assert emails[mended.get("email") or cells["email"]] == {customer}
        assert phones[mended.get("phone") or cells["phone"]] == {customer}


@pytest.mark.contract
def test_the_catalogue_is_complete(world):
    catalogue = crm(world, "products")
    products = world.tables["products"]
    assert len(catalogue) == len(products)
    for row, cells in catalogue.iterrows():
        true = products[products["product_id"] == world.map["crm.sqlite:products", row][1]].iloc[0]
        expected = {
            name: (str, str(true[name])) for name in ("title", "title_zh", "category", "description_zh")
        }
        expected["list_price"] = (float, str(true["unit_price"]))
        expected["unit_cost"] = (float, str(true["unit_cost"]))
        expected["sku"] = (str, sku(true["product_id"]))
        expected["launch_date"] = (str, str(true["launch_date"].date()))
        assert_cells(world, "crm.sqlite:products", row, cells, expected)


@pytest.mark.contract
def test_every_clean_event_is_recorded_once(world):
    tables, rows = world.tables, world.truth.rows
    assert not rows.duplicated(["file", "row"]).any()
    events = rows[~rows["table"].isin(["customers"])]
    assert not events.duplicated(["table", "a", "b"]).any()
    for file, channel in (
        ("web_orders.csv", "web"),
        ("store_tills.csv", "store"),
        ("app_events.jsonl.gz", "app"),
    ):
        orders = tables["orders"][tables["orders"]["channel"] == channel]
        key = ["order_id", "line_number"]
        for name, table in (("orders", orders), ("returns", tables["returns"].merge(orders[key]))):
            here = rows[(rows["file"] == file) & (rows["table"] == name)]
            assert set(zip(here["a"], here["b"])) == set(zip(table["order_id"], table["line_number"]))
    since = pd.Timestamp(SINCE, tz="Asia/Shanghai")
    assert (rows["table"] == "sessions").sum() == (tables["sessions"]["timestamp"] >= since).sum() > 1_000
    assert set(rows.loc[rows["table"] == "ratings", "a"]) == set(range(len(tables["ratings"])))
    assert set(rows.loc[rows["table"] == "customers", "a"]) == set(tables["customers"]["customer_id"])
    assert set(rows.loc[rows["table"] == "products", "a"]) == set(tables["products"]["product_id"])


# The dirt is there, in the numbers stated, and can be decided


@pytest.mark.contract
def test_every_kind_is_planted_and_described(world):
    counts = world.truth.dirt.drop_duplicates(["file", "row", "kind"])["kind"].value_counts()
    assert set(counts.index) == set(KINDS)
    assert counts.min() >= 2
    assert {kind.ending for kind in KINDS.values()} == {"repaired", "set aside", "kept"}
    lines = {file: len(world.lines(file)) for file in FILES if file != "crm.sqlite"}
    for file, row in world.spoiled:
        assert 1 <= row <= lines.get(file, np.inf)
    assert not world.truth.dirt.duplicated(["file", "row", "kind", "column"]).any()
    assert {str(kind) for kind in world.truth.dirt.dtypes} == {"str", "int64"}


@pytest.mark.contract
@pytest.mark.parametrize(
    ("kind", "file", "share"),
    [
        ("cancelled", "web_orders.csv", 0.025),
        ("missing_key", "web_orders.csv", 0.02),
        ("case_or_blank", "web_orders.csv", 0.05),
        ("price_in_cents", "web_orders.csv", 0.006),
        ("missing_key", "store_tills.csv", 0.25),
        ("decimal_comma", "store_tills.csv", 0.03),
        ("swapped_day_month", "store_tills.csv", 0.02),
        ("text_value", "ratings.csv", 0.012),
        ("missing_key", "app_events.jsonl.gz", 0.2),
    ],
)
def test_counts_are_as_stated(world, kind, file, share):
    number, whole = len(world.rows_of(kind, file)), len(world.lines(file))
    assert abs(number - share * whole) < 4 * np.sqrt(share * whole) + 0.15 * share * whole


@pytest.mark.contract
def test_a_row_has_one_fault_of_its_fields(world):
    beside = {"missing_key", "shared_key", "returned"}
    for (file, row), faults in world.spoiled.items():
        if not file.startswith("crm"):
            assert len({kind for kind, _, _ in faults} - beside) <= 1, (file, row, faults)
        else:
            columns = [column for kind, column, _ in faults if kind not in ("shared_email", "nul_bytes")]
            assert len(columns) == len(set(columns)), (file, row, faults)


@pytest.mark.contract
def test_a_missing_key_is_not_called_shared(tmp_path):
    """In this shop orders of a family lost their address too: the file does not show whose it was."""
    dirt = write_channels(simulate(250, seed=3), tmp_path, seed=3).dirt
    keys = dirt[dirt["kind"].isin(["missing_key", "shared_key"])]
    assert set(keys["kind"]) == {"missing_key", "shared_key"}
    assert not keys.duplicated(["file", "row"]).any()


def test_duplicates_are_what_they_are_called(world):
    for file in ("web_orders.csv", "store_tills.csv", "app_events.jsonl.gz", "ratings.csv"):
        lines = world.lines(file)
        copies = world.rows_of("exact_duplicate", file)
        assert copies
        for row in copies:
            assert lines[row - 1] in lines[: row - 1]
            assert lines.count(lines[row - 1]) == 2
        headings = set(world.rows_of("repeated_header", file)) | {1}
        unlogged = [n for n in range(1, len(lines) + 1) if n not in copies and n not in headings]
        assert len({lines[n - 1] for n in unlogged}) == len(unlogged), f"{file}: a copy is not in the log"

    lines = [text_cells(line, "utf-8") for line in world.lines("web_orders.csv")]
    for row in world.rows_of("near_duplicate", "web_orders.csv"):
        twin = lines[row - 1]
        moment = pd.Timestamp(twin[2])
        found = [
            cells
            for cells in lines[max(row - 60, 1) : row - 1]
            if len(cells) == 11
            and cells[0] != twin[0]
            and [cells[n] for n in (1, 3, 4, 5, 7, 8, 10)] == [twin[n] for n in (1, 3, 4, 5, 7, 8, 10)]
            and pd.Timedelta(0) < moment - pd.Timestamp(cells[2]) <= pd.Timedelta(seconds=8)
        ]
        assert len(found) == 1


@pytest.mark.contract
def test_money_can_be_decided_by_the_catalogue(world):
    listed = {
        sku(number): price
        for number, price in zip(*(world.tables["products"][n] for n in ("product_id", "unit_price")))
    }
    file = "web_orders.csv"
    for row, line in enumerate(world.lines(file)[1:], 2):
        kinds = world.kinds(file, row)
        if (file, row) not in world.map or kinds & {"truncated_line", "missing_value", "case_or_blank"}:
            continue
        cells = text_cells(line, "utf-8")
        ratio = float(cells[8]) / listed[cells[5]]
        low, high = 0.69, 1.01
        if "price_in_cents" in kinds:
            low, high = 100 * low, 100 * high
        if "foreign_currency" in kinds:
            low, high = low / CNY_PER_USD, high / CNY_PER_USD
        assert low <= ratio <= high, (row, kinds, ratio)
        assert (cells[9] == "USD") == bool(kinds & {"foreign_currency", "wrong_currency"})


@pytest.mark.contract
def test_days_at_the_till_can_be_decided_by_the_receipt(world):
    file = "store_tills.csv"
    lines = world.lines(file)
    for kind in ("swapped_day_month", "impossible_date"):
        for row in world.rows_of(kind, file):
            cells = till_line(lines[row - 1])
            first, second, year = (int(part) for part in cells[2][:10].split("/"))
            receipt = cells[0][3:9]
            if kind == "swapped_day_month":
                assert f"{year % 100:02d}{first:02d}{second:02d}" == receipt
                assert first != second
            else:
                assert f"{year % 100:02d}{second:02d}{first:02d}" != receipt


@pytest.mark.contract
def test_encodings(world):
    content = (world.folder / "web_orders.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbforder_no,")
    till = (world.folder / "store_tills.csv").read_bytes()
    assert till.startswith("小票号,行号".encode("gb18030"))
    for file, encoding in (
        *(("web_orders.csv", "utf-8"), ("store_tills.csv", "gb18030")),
        *(("app_events.jsonl.gz", "utf-8"), ("ratings.csv", "utf-8")),
    ):
        for row, line in enumerate(world.lines(file), 1):
            kinds = world.kinds(file, row)
            assert (b"\x00" in line) == ("nul_bytes" in kinds)
            if "truncated_line" in kinds:
                continue
            if "broken_encoding" not in kinds:
                text = line.decode(encoding)
                if file == "store_tills.csv" and "¥" in text:
                    with pytest.raises(UnicodeDecodeError):  # so the lines in UTF-8 can be told
                        line.decode()
            elif file != "store_tills.csv":
                with pytest.raises(UnicodeDecodeError):
                    line.decode(encoding)
            else:
                assert b"\xff" in line or "¥" in line.decode()
    # gzip states no time and no name
    assert (world.folder / "app_events.jsonl.gz").read_bytes()[3:8] == bytes(5)
    connection = sqlite3.connect(world.folder / "crm.sqlite")
    assert connection.execute("PRAGMA page_size").fetchone() == (4096,)
    connection.close()
    for row, cells in crm(world, "customers").iterrows():
        if "broken_encoding" in world.kinds("crm.sqlite:customers", row):
            (true,) = (
                t for kind, _, t in world.spoiled["crm.sqlite:customers", row] if kind == "broken_encoding"
            )
            assert cells["name"].encode("latin-1").decode() == true


@pytest.mark.contract
def test_last_lines_are_cut(world):
    assert len(text_cells(world.lines("web_orders.csv")[-1], "utf-8")) < 11
    assert len(next(csv.reader([world.lines("store_tills.csv")[-1].decode("gb18030")]))) < 11
    with pytest.raises(json.JSONDecodeError):
        json.loads(world.lines("app_events.jsonl.gz")[-1].decode("utf-8", "ignore"))
    assert len(world.lines("ratings.csv")[-1]) == 25


@pytest.mark.contract
def test_robots_can_be_told_from_people(world):
    file = "app_events.jsonl.gz"
    sessions, robots = {}, set()
    for row, line in enumerate(world.lines(file), 1):
        kinds = world.kinds(file, row)
        if kinds & {"truncated_line", "broken_encoding", "impossible_date", "epoch_seconds"}:
            continue
        cells = json.loads(line.replace(b"\x00", b""))
        if cells["event"] == "view":
            sessions.setdefault(cells["session"], []).append(cells)
            if "bot" in kinds:
                robots.add(cells["session"])
    assert len(robots) >= 3
    silent = 0
    for name, views in sessions.items():
        steps = np.diff([view["ts"] for view in views])
        named = re.search("bot|python-requests", views[0]["app"]) is not None
        quick = len(views) >= 60 and steps.max() < 2_000
        assert (named or quick) == (name in robots)
        silent += quick and not named
        assert name not in robots or all(view["phone"] is None for view in views)
    assert silent >= 1


@pytest.mark.contract
def test_missing_values_follow_their_mechanisms(tmp_path):
    """MCAR does not depend on age or income; MAR rises with age; MNAR rises with the missing value itself."""
    shop = simulate(4_000, seed=8, truth=False)
    tables = {name: shop.table(name) for name in NAMES}
    for name in ("orders", "returns", "sessions", "ratings"):
        tables[name] = tables[name].iloc[:0]
    world = World.__new__(World)
    world.folder = tmp_path
    truth = write_channels(tables, tmp_path, 1)
    dirt = truth.dirt[truth.dirt["file"] == "crm.sqlite:customers"]
    table = crm(world, "customers")
    for column, kind in (
        ("birth_year", "missing_mcar"),
        ("city", "missing_mar"),
        ("monthly_income", "missing_mnar"),
    ):
        gone = dirt[dirt["kind"] == kind].set_index("row")
        assert set(gone["column"]) == {column}
        assert set(table.index[table[column].isna()]) == set(gone.index)
        table[f"{column} gone"] = table[column].isna()
        if column == "monthly_income":
            table["income"] = table[column].where(table[column].notna(), gone["true_value"]).astype(float)
    rate = table.groupby("age_band")[["birth_year gone", "city gone"]].mean()
    assert rate["birth_year gone"].max() - rate["birth_year gone"].min() < 0.06
    assert rate.loc["65+", "city gone"] > rate.loc["18-24", "city gone"] + 0.15
    fifth = pd.qcut(table["income"].rank(method="first"), 5, labels=False)
    rate = table.groupby(fifth)[["birth_year gone", "monthly_income gone"]].mean()
    assert rate["birth_year gone"].max() - rate["birth_year gone"].min() < 0.06
    assert rate.loc[4, "monthly_income gone"] > rate.loc[0, "monthly_income gone"] + 0.2


# Who is who


@pytest.mark.contract
def test_identities_can_be_resolved(world):
    """Second accounts share a key and the name; families share an address only."""
    table = crm(world, "customers")
    file = "crm.sqlite:customers"
    for name in table.columns:
        mended = {
            row: t
            for (f, row), faults in world.spoiled.items()
            for _, c, t in faults
            if f == file and c == name
        }
        if name != "email":
            table[name] = [mended.get(row, value) for row, value in table[name].items()]
    table["email"] = [unicodedata.normalize("NFKC", value).strip().lower() for value in table["email"]]
    table["customer"] = [world.map.get((file, row), ("", -1))[1] for row in table.index]
    by_account = table.set_index("account")
    merged = [
        (row, t) for (f, row), faults in world.spoiled.items() for k, _, t in faults if k == "merged_identity"
    ]
    assert len(merged) >= 10
    for row, first in merged:
        later, earlier = table.loc[row], by_account.loc[first]
        assert later["customer"] == earlier["customer"]
        assert later["name"] == earlier["name"]
        assert later["created_at"] > earlier["created_at"]
        assert any(
            later[key] is not None and later[key] == earlier[key]
            for key in ("email", "phone", "loyalty_card")
        )
    people = table[table["customer"] > 0]
    assert people.groupby("customer").size().max() == 2
    assert people["customer"].duplicated().sum() == len(merged)
    shared = people.groupby("email")["customer"].nunique()
    families = shared[shared > 1]
    assert len(families) >= 2
    rows = set(world.rows_of("shared_email", file))
    assert rows == set(people.index[people["email"].isin(families.index)])
    for email in families.index:
        pair = people[people["email"] == email]
        for key in ("name", "phone", "birth_year"):
            assert pair[key].nunique() == len(pair) == 2
    # nobody else shares anything
    for key in ("email", "phone", "loyalty_card"):
        owners = people[people[key].notna()].groupby(key)["customer"].nunique()
        assert set(owners.index[owners > 1]) <= set(families.index)
    assert world.truth.identities["shared"].sum() == 2 * len(families)


@pytest.mark.contract
def test_second_keys_are_used(world):
    """The second address, number or account does occur in the channels, else it would be no problem."""
    identities = world.truth.identities
    text = {
        "email": b"\n".join(world.lines("web_orders.csv")).decode("utf-8", "replace"),
        "phone": b"\n".join(world.lines("app_events.jsonl.gz")).decode("utf-8", "replace"),
        "account": b"\n".join(world.lines("ratings.csv")).decode(),
    }
    for key, content in text.items():
        mine = identities[identities["key"] == key]
        several = mine[mine["customer_id"].duplicated(keep=False)]
        used = several[[value in content for value in several["value"]]]
        assert used["customer_id"].duplicated().any(), key


@pytest.mark.contract
def test_no_truth_leaks(world):
    contents = {file: b"\n".join(world.lines(file)) for file in FILES if file != "crm.sqlite"}
    contents["crm.sqlite"] = (world.folder / "crm.sqlite").read_bytes()
    assert sorted(path.name for path in world.folder.iterdir()) == sorted(FILES)
    for content in contents.values():
        for word in (b"customer_id", b"persona", b"taste", b"truth", b"session_id", b"order_id"):
            assert word not in content
    # numbers of accounts, orders and sessions do not follow the customers' numbers
    accounts = world.truth.identities[world.truth.identities["key"] == "account"]
    number = accounts["value"].str[1:].astype(int)
    assert abs(np.corrcoef(number.rank(), accounts["customer_id"].rank())[0, 1]) < 0.12
    orders = [line.split(b",")[0] for line in world.lines("web_orders.csv")[1:]]
    starts = [int(number[1:]) for number in dict.fromkeys(orders) if re.fullmatch(rb"W\d{7}", number)]
    assert np.mean(np.diff(starts) == 1) > 0.9  # by time, not by customer


# The same everywhere


@pytest.mark.contract
def test_same_seed_same_bytes(world, tmp_path):
    again = write_channels(world.tables, tmp_path / "a", 11, SINCE)
    for name in ("dirt", "identities", "rows"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(world.truth, name))
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (world.folder / file).read_bytes(), file
        assert content_sha256(tmp_path / "a" / file) == content_sha256(world.folder / file)
    other = write_channels(world.tables, tmp_path / "a", 12, SINCE)
    assert not other.dirt.equals(world.truth.dirt)
    for file in FILES:
        assert content_sha256(tmp_path / "a" / file) != content_sha256(world.folder / file), file


@pytest.mark.unit
def test_content_and_container_are_kept_apart(tmp_path):
    for level in (1, 9):
        with gzip.GzipFile(tmp_path / f"{level}.gz", "wb", level, mtime=level) as file:
            file.write(b"tea " * 1000)
    assert (tmp_path / "1.gz").read_bytes() != (tmp_path / "9.gz").read_bytes()
    assert content_sha256(tmp_path / "1.gz") == content_sha256(tmp_path / "9.gz")
    sums = set()
    for name, page, value in (("a", 512, "x"), ("b", 8192, "x"), ("c", 512, "y")):
        connection = sqlite3.connect(tmp_path / f"{name}.sqlite")
        connection.execute(f"PRAGMA page_size = {page}")
        connection.execute("CREATE TABLE t (v TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        connection.commit()
        connection.close()
        sums.add(content_sha256(tmp_path / f"{name}.sqlite"))
    assert len(sums) == 2


# Small and bad input


@pytest.mark.unit
def test_three_orders_by_hand(hand, tmp_path):
    truth = write_channels(hand, tmp_path, 0)
    assert len(truth.rows[truth.rows["table"] == "orders"]) == 3
    till = (tmp_path / "store_tills.csv").read_bytes().decode("gb18030").split("\r\n")
    # customer 2 has no card: the key is missing, and so nothing else happened to the receipt
    assert re.fullmatch(
        r"S[123]-240302-0001,1,02/03/2024 09:00,(静安|西湖|锦里)店,,6900000001011,绿茶,1,"
        r'"¥1,234.50","¥1,234.50",销售',
        till[1],
    )
    assert re.fullmatch(
        r"S[123]-240302-0001,1,09/03/2024 10:03,(静安|西湖|锦里)店,,6900000001011,绿茶,[−-]1,"
        r'"¥1,234.50","[−-]¥1,234.50",退货',
        till[2],
    )
    web = (tmp_path / "web_orders.csv").read_bytes().decode("utf-8-sig").split("\r\n")
    assert web[-1] in (
        "W0000001,1,2024-03-01T12:34:56+08:00,comp"[: len(web[-1])],
        "W0000001,1,2024-03-01T04:34:56Z,comp",
    )
    (last,) = gzip.decompress((tmp_path / "app_events.jsonl.gz").read_bytes()).split(b"\n")[-1:]
    assert last.startswith(b'{"ts":1709567999000,"event":"purchase","order":"A0000001","line":1,')


@pytest.mark.unit
@given(seed=st.integers(0, 2**63 - 1), orders=st.integers(1, 40), lines=st.integers(1, 3))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_without_an_event_or_a_fault(hand, seed, orders, lines):
    """Whatever the seed and the number of orders: each event is in one row, each other row is in the log."""
    random = np.random.default_rng(seed)
    number = orders * lines
    start = pd.Timestamp("2024-03-01", tz="UTC")
    moment = start + pd.to_timedelta(np.repeat(np.arange(orders), lines), "h")
    hand["orders"] = pd.DataFrame(
        {
            "order_id": np.repeat(np.arange(1, orders + 1), lines),
            "line_number": np.tile(np.arange(1, lines + 1), orders),
            "customer_id": np.repeat(random.integers(1, 4, orders), lines),
            "order_time": moment,
            "channel": np.repeat(random.choice(["web", "store", "app"], orders), lines),
            "product_id": random.choice([101, 202], number),
            "quantity": 1,
            "unit_price": 80.0,
            "spend": 80.0,
        }
    )
    hand["returns"] = hand["returns"].iloc[:0]
    with tempfile.TemporaryDirectory() as folder:
        world = World(hand, Path(folder), seed, None)
        found = world.truth.rows[world.truth.rows["table"] == "orders"]
        assert sorted(zip(found["a"], found["b"])) == list(
            zip(hand["orders"]["order_id"], hand["orders"]["line_number"])
        )
        for file in ("web_orders.csv", "store_tills.csv", "app_events.jsonl.gz", "ratings.csv"):
            content = (world.folder / file).read_bytes()
            content = gzip.decompress(content) if file.endswith(".gz") else content
            first = 2 if file in ("web_orders.csv", "store_tills.csv") else 1
            for row in range(first, len(content.removesuffix(b"\n").split(b"\n")) + 1):
                assert (file, row) in world.map or world.kinds(file, row)


@pytest.mark.unit
@pytest.mark.parametrize("empty", [*NAMES[2:], "all"])
def test_a_shop_where_nothing_happens(hand, tmp_path, empty):
    for name in NAMES[2:]:
        if empty in (name, "all") or (empty == "orders" and name == "returns"):
            hand[name] = hand[name].iloc[:0]
    truth = write_channels(hand, tmp_path, 0)
    assert set(truth.rows["table"]) >= {"customers", "products"}
    assert all((tmp_path / file).is_file() for file in FILES)
    if empty == "all":
        assert (tmp_path / "web_orders.csv").read_bytes().count(b"\n") == 1
        assert (tmp_path / "ratings.csv").read_bytes() == b""


@pytest.mark.unit
def test_tables_as_attributes(hand, tmp_path):
    class Shop:
        pass

    shop = Shop()
    for name, table in hand.items():
        setattr(shop, name, table)
    write_channels(hand, tmp_path / "a", 4)
    write_channels(shop, tmp_path / "b", 4)
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.pop("returns"), "The table 'returns' is missing: hand in customers"),
        (lambda t: t.update(orders=t["orders"].drop(columns="channel")), "'orders' has no column 'channel'"),
        (
            lambda t: t["customers"].__setitem__("email", "a@example.com"),
            r"customers.email: 'a@example.com' \(row 1\)",
        ),
        (lambda t: t["customers"].__setitem__("phone", None), "customers.phone is missing in row 0"),
        (
            lambda t: t["orders"].__setitem__("customer_id", [1, 2, 9]),
            r"orders.customer_id: 9 \(row 2\) is not in",
        ),
        (
            lambda t: t["ratings"].__setitem__("item", [999]),
            r"ratings.item: 999 \(row 0\) is not in the table",
        ),
    ],
)
def test_bad_tables_are_refused(hand, tmp_path, spoil, message):
    spoil(hand)
    with pytest.raises(InputError, match=message):
        write_channels(hand, tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


# The channels of the course


def make_shop_raw():
    spec = importlib.util.spec_from_file_location("make_shop_raw", DATA / "make_shop_raw.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.contract
def test_the_files_of_the_course_are_what_a_fresh_run_gives(tmp_path):
    script = make_shop_raw()
    script.write(tmp_path)
    assert script.check(DATA / "shop", tmp_path) == []
    path = tmp_path / "raw" / "ratings.csv"
    path.write_bytes(path.read_bytes()[:-1])
    assert script.check(DATA / "shop", tmp_path) == ["ratings.csv"]


@pytest.mark.contract
def test_registry_card_and_files_agree():
    card = (DATA / "shop_raw.md").read_text(encoding="utf-8")
    stated = re.findall(r"^\| `(\S+)` \| ([\d,]+) \| ([\d,]+) \| `(\w{64})` \|$", card, re.M)
    assert [name for name, *_ in stated] == list(datasets.SHOP_RAW_REGISTRY)
    truth = datasets.load_shop_raw_truth()
    script = make_shop_raw()
    for name, rows, size, total in stated:
        path = DATA / "shop" / name
        entry = datasets.SHOP_RAW_REGISTRY[name]
        assert path.stat().st_size == int(size.replace(",", ""))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == total == entry.sha256
        assert int(rows.replace(",", "")) == entry.rows == script.rows_of(path, truth)
        assert entry.card == "shop_raw.md"
    raw = datasets.shop_raw_folder()
    assert {path.name for path in raw.iterdir()} == {*FILES, ".gitattributes"}
    assert sum(path.stat().st_size for path in raw.iterdir()) <= 8_000_000
    for line in script.counts(truth):
        assert line in card
    assert card.count("\n| `") == len(stated) + len(KINDS)


@pytest.mark.contract
def test_a_changed_raw_file_is_refused(tmp_path, monkeypatch):
    shutil.copytree(DATA / "shop" / "raw", tmp_path / "shop" / "raw")
    monkeypatch.setenv("BIGMKT_DATA", str(tmp_path))
    assert datasets.shop_raw_folder() == tmp_path / "shop" / "raw"
    with (tmp_path / "shop" / "raw" / "crm.sqlite").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ChecksumError, match=r"git checkout -- data/shop/raw/crm\.sqlite"):
        datasets.shop_raw_folder()
    (tmp_path / "shop" / "raw" / "web_orders.csv").unlink()
    with pytest.raises(InputError, match=r"web_orders\.csv is missing .*make_shop_raw\.py"):
        datasets.shop_raw_folder()
