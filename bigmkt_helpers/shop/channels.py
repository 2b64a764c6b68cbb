"""Five raw channels that record the shop's events, and the dirt that each of them adds.

The clean tables say what happened.  A shop never sees them: it sees the export of its web site
(`web_orders.csv`), the files of its tills (`store_tills.csv`), the log of its app
(`app_events.jsonl.gz`), its customer database (`crm.sqlite`) and a list of ratings (`ratings.csv`), each with
its own encoding, its own key of the customer and its own faults.  ``write_channels`` writes these files and
tells what it spoiled: every planted fault with its file, row, kind, column and true value, which account,
card, telephone number, e-mail address or device is whose, and which raw row records which clean event.  So
the cleaning has a score.

The formats are described on the card of the files (`data/shop_raw.md`), the kinds of dirt in `KINDS`.  The
files are in order of time over all customers; therefore they are made in memory.
"""

import csv
import datetime
import gzip
import hashlib
import io
import json
import re
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError

__all__ = [
    "CNY_PER_USD",
    "FILES",
    "KINDS",
    "ChannelTruth",
    "Kind",
    "content_sha256",
    "write_channels",
]

FILES = ("web_orders.csv", "store_tills.csv", "app_events.jsonl.gz", "crm.sqlite", "ratings.csv")
"""The raw files, in the order in which they are written."""

CNY_PER_USD = 7.20
"""Exchange rate of the web shop for customers who pay in dollars, CNY for one USD, all the time."""

WEB_COLUMNS = [
    *("order_no", "line", "created_at", "status", "email", "sku", "product", "qty", "unit_price"),
    *("currency", "line_total"),
]
TILL_COLUMNS = [
    *("小票号", "行号", "时间", "门店", "会员卡号", "商品条码", "商品名称", "数量", "单价", "金额", "类型"),
]
APP_KEYS = [
    *("ts", "event", "session", "order", "line", "device", "phone", "sku", "qty", "price", "total", "app"),
]
CRM_TABLES = MappingProxyType(
    {
        "customers": (
            "account TEXT, created_at TEXT, name TEXT, email TEXT, phone TEXT, loyalty_card TEXT, "
            "gender TEXT, age_band TEXT, birth_year INTEGER, city TEXT, city_tier INTEGER, "
            "monthly_income INTEGER, email_consent INTEGER, app_user INTEGER"
        ),
        "products": (
            "sku TEXT, barcode TEXT, title TEXT, title_zh TEXT, category TEXT, description TEXT, "
            "description_zh TEXT, list_price REAL, unit_cost REAL, launch_date TEXT"
        ),
    }
)
RATING_HEADING = " account        sku time           stars"

REQUIRED = MappingProxyType(
    {
        "customers": [
            *("customer_id", "join_date", "age_band", "city_tier", "gender", "birth_year", "city", "name"),
            *("email", "phone", "loyalty_card", "email_consent", "app_user"),
        ],
        "products": [
            *("product_id", "category", "title", "title_zh", "description", "description_zh", "unit_price"),
            *("unit_cost", "launch_date"),
        ],
        "orders": [
            *("order_id", "line_number", "customer_id", "order_time", "channel", "product_id", "quantity"),
            *("unit_price", "spend"),
        ],
        "returns": ["order_id", "line_number", "return_time", "quantity", "spend"],
        "sessions": ["session_id", "customer_id", "timestamp", "product_id"],
        "ratings": ["user", "item", "rating", "timestamp"],
    }
)

STORES = ("静安店", "西湖店", "锦里店")
ZONE = datetime.timedelta(hours=8)  # Asia/Shanghai has kept one offset since 1991
EPOCH = datetime.datetime(1970, 1, 1)
SECOND = 1_000_000
TEST_DOMAIN = "test.lantern.example"
APPS = ("灯笼 5.2 iOS", "灯笼 5.1 Android", "灯笼 4.9 Android")
ROBOTS = ("python-requests/2.32", "LanternSpider/1.0 bot")
GENDER_LABELS = MappingProxyType(
    {"female": ["F", "女", "Female"], "male": ["M", "男", "Male"], "other": ["O", "其他", "Other"]}
)
STAR_WORDS = ("zero", "one", "two", "three", "four", "five")
STAR_NUMERALS = "零一二三四五"
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(frozen=True)
class Kind:
    """A kind of dirt.

    Parameters
    ----------
    ending : {"repaired", "set aside", "kept"}
        How the row should end when it has been cleaned: with its true value, not among the events, or as it
        is (a gap to impute, or a mark to respect).
    decidable : bool
        Whether the files contain what is needed to reach the true value.  Where they do not, the row is
        excluded from the score of repairs, by the name of its kind.
    description : str
        What the dirt looks like.
    """

    ending: str
    decidable: bool
    description: str


KINDS = MappingProxyType(
    {
        "exact_duplicate": Kind(
            "set aside",
            True,
            "an order, view or rating was submitted again, byte for byte; the later is logged",
        ),
        "near_duplicate": Kind(
            "set aside", True, "double click: the whole order again, 1 to 8 seconds later, under a new number"
        ),
        "repeated_header": Kind("set aside", True, "the heading again in the middle of the file"),
        "test_account": Kind("set aside", True, "staff trying the system, marked as such"),
        "bot": Kind("set aside", True, "a robot reads the product pages"),
        "impossible_date": Kind(
            "repaired",
            False,
            "31 February, 30 December 1899, the year 2100; receipt or sibling lines may tell",
        ),
        "impossible_birth_year": Kind("kept", False, "born in 1900 or in 2035: a gap like the others"),
        "swapped_day_month": Kind("repaired", True, "month before day; the receipt number tells"),
        "epoch_seconds": Kind("repaired", True, "seconds where the format has milliseconds"),
        "price_in_cents": Kind("repaired", True, "prices 100 times too high"),
        "text_quantity": Kind("repaired", True, "a number written as '2,0', '２', '2件', '2 pcs' or '−1'"),
        "decimal_comma": Kind("repaired", True, "comma and dot have changed places in a price"),
        "missing_key": Kind("kept", False, "nothing tells the customer (in the app the device may)"),
        "missing_value": Kind("repaired", True, "a price or sum is empty; the other figures tell it"),
        "missing_rating": Kind("set aside", False, "a rating without stars, or without its time"),
        "missing_mcar": Kind("kept", False, "birth year missing completely at random"),
        "missing_mar": Kind("kept", False, "city missing, more often at higher age"),
        "missing_mnar": Kind("kept", False, "income missing, more often when it is high"),
        "foreign_currency": Kind("repaired", True, "an order paid in USD, at the stated rate"),
        "wrong_currency": Kind("repaired", True, "USD written beside a price in CNY"),
        "cancelled": Kind("set aside", True, "an order that came to nothing"),
        "returned": Kind("kept", True, "goods sent back: a negative line, no sale"),
        "unknown_product": Kind(
            "set aside", True, "wrapping, postage or a page that the catalogue does not know"
        ),
        "broken_encoding": Kind("repaired", True, "bytes of another encoding, or of none"),
        "nul_bytes": Kind("repaired", True, "a NUL byte in the line"),
        "truncated_line": Kind("set aside", False, "the last line ends in the middle"),
        "case_or_blank": Kind("repaired", True, "capitals, blanks or full-width digits in a key or label"),
        "phone_format": Kind(
            "repaired", True, "telephone number with country code, blanks, hyphens, full width"
        ),
        "label_variant": Kind("repaired", True, "another label for the same thing: F, 女, Female"),
        "merged_identity": Kind(
            "kept", True, "a second account of the same person; the later account is logged"
        ),
        "shared_email": Kind("kept", True, "two people of a family with one e-mail address; both are logged"),
        "shared_key": Kind("kept", False, "an order under the e-mail address that a family shares"),
        "out_of_range": Kind("set aside", False, "stars outside 1 to 5"),
        "text_value": Kind(
            "repaired", True, "stars in words, signs, full-width digits or with a decimal comma"
        ),
        "wrong_separator": Kind("repaired", True, "tabs or commas in a file of fixed width"),
    }
)
"""Every kind of dirt by name: how it should end, whether it can be decided, what it looks like."""


@dataclass(frozen=True, eq=False, repr=False)
class ChannelTruth:
    """What the raw channels hide.

    Parameters
    ----------
    dirt : pandas.DataFrame
        One row per spoiled field: `file`, `row` (1-based line or rowid), `kind`, `column` (empty for the
        whole row), `true_value` (text; times in UTC, cut to what the format holds).  A quantity or sum of a
        return is negative.
    identities : pandas.DataFrame
        `key` ("account", "email", "phone", "loyalty_card", "device"), `value` (normalised: lower-case
        address, 11 digits), `customer_id`, `shared` (whether the value belongs to several customers).
    rows : pandas.DataFrame
        One row per raw row that records a clean event: `file`, `row`, `table`, `a`, `b`, where (`a`, `b`) is
        (order_id, line_number) for "orders" and "returns", (session_id, position from 1) for "sessions", (row
        of the clean table from 0, 0) for "ratings", (customer_id, 0) for "customers" and (product_id, 0) for
        "products".
    """

    dirt: pd.DataFrame
    identities: pd.DataFrame
    rows: pd.DataFrame

    def __repr__(self) -> str:
        spoiled = len(self.dirt[["file", "row"]].drop_duplicates())
        return f"ChannelTruth({spoiled:,} spoiled rows of {self.dirt['kind'].nunique()} kinds)"


def write_channels(tables, folder, seed=0, views_since=None) -> ChannelTruth:
    """Write the five raw channels of a shop, each spoiled in its own way, and tell what was spoiled.

    Parameters
    ----------
    tables : mapping or object
        The clean tables `customers`, `products`, `orders`, `returns`, `sessions`, `ratings`, as items or as
        attributes.  E-mail address, telephone number and loyalty card (where there is one) belong to one
        customer each.
    folder : str or path
        Where the files go; it is made if need be, files of the same names are replaced.
    seed : int
        Seed of the dirt.  Same tables, same seed: the same content on every machine (see `content_sha256`).
    views_since : str or timestamp, optional
        The app's log holds product views from this moment on (local time of the shop if it names no zone):
        logs are not kept for ever.  Everything else is recorded from the first day.

    Returns
    -------
    ChannelTruth

    Raises
    ------
    InputError
        If a table or column is missing, a key is shared by two customers, or an event names an unknown
        customer or product.

    Notes
    -----
    Each fault is planted at a stated share of the rows that can show it, and at least twice where there are
    rows enough.  A row carries at most one fault of its fields, beside a missing or shared key, except in the
    customer database, where each field is spoiled on its own.

    Examples
    --------
    >>> from bigmkt_helpers.shop.channels import KINDS
    >>> KINDS["near_duplicate"].ending
    'set aside'
    """
    clean = _checked(tables)
    if views_since is not None:
        moment = pd.Timestamp(views_since)
        moment = moment.tz_localize("Asia/Shanghai") if moment.tzinfo is None else moment
        views = clean["sessions"]
        clean["sessions"] = views[views["timestamp"] >= moment].reset_index(drop=True)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    products = _Products(clean["products"])
    people = _People(clean, seed)
    written = [
        record(clean, people, products, seed, folder) for record in (_web, _tills, _app, _crm, _ratings)
    ]
    dirt = pd.concat([dirt for dirt, _ in written], ignore_index=True)
    rows = pd.concat([rows for _, rows in written], ignore_index=True)
    return ChannelTruth(dirt, people.identities(), rows)


def content_sha256(path) -> str:
    """sha256 of what a raw file says, the same on every machine.

    The bytes of a gzip file depend on the compressor and those of a SQLite file on the version of the
    library; what they hold does not.  Of a `.gz` file the unpacked bytes are taken, of a `.sqlite` file all
    rows of all tables in their order, of any other file the bytes.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.txt.gz").write_bytes(gzip.compress(b"tea"))
    ...     content_sha256(Path(folder) / "a.txt.gz") == hashlib.sha256(b"tea").hexdigest()
    True
    """
    path = Path(path)
    total = hashlib.sha256()
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            while block := file.read(1 << 20):
                total.update(block)
    elif path.suffix == ".sqlite":
        connection = sqlite3.connect(path)
        try:
            names = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
            for name, statement in names.fetchall():
                total.update(repr((name, statement)).encode())
                for row in connection.execute(f'SELECT rowid, * FROM "{name}" ORDER BY rowid'):
                    total.update(repr(row).encode())
        finally:
            connection.close()
    else:
        total.update(path.read_bytes())
    return total.hexdigest()


# The clean tables, checked


def _checked(tables) -> dict:
    """The six clean tables with the columns needed, or one clear sentence."""
    found = {}
    for name, columns in REQUIRED.items():
        table = tables.get(name) if isinstance(tables, Mapping) else getattr(tables, name, None)
        if table is None:
            raise InputError(f"The table {name!r} is missing: hand in {', '.join(REQUIRED)}.")
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise InputError(
                f"The table {name!r} has no column {missing[0]!r}: it needs {', '.join(columns)}."
            )
        found[name] = table[[*columns]].reset_index(drop=True)
    customers = found["customers"]
    for key in ("customer_id", "email", "phone", "loyalty_card"):
        values = customers[key].dropna()
        twice = values[values.duplicated()]
        if len(twice):
            raise InputError(
                f"customers.{key}: {twice.iloc[0]!r} (row {twice.index[0]}) belongs to several customers: "
                "give each customer their own."
            )
    for key in ("name", "email", "phone"):
        empty = customers.index[customers[key].isna()]
        if len(empty):
            raise InputError(f"customers.{key} is missing in row {empty[0]}: every customer needs one.")
    known = {"customer_id": customers["customer_id"], "product_id": found["products"]["product_id"]}
    for name, column, key in (
        *(("orders", "customer_id", "customer_id"), ("orders", "product_id", "product_id")),
        *(("sessions", "customer_id", "customer_id"), ("sessions", "product_id", "product_id")),
        *(("ratings", "user", "customer_id"), ("ratings", "item", "product_id")),
    ):
        strange = found[name].index[~found[name][column].isin(known[key])]
        if len(strange):
            value = found[name][column].iloc[strange[0]]
            raise InputError(f"{name}.{column}: {value} (row {strange[0]}) is not in the table of {key}s.")
    found["ratings"]["record"] = np.arange(len(found["ratings"]))
    order = found["sessions"].sort_values(["session_id", "timestamp"], kind="stable")
    found["sessions"]["position"] = order.groupby("session_id").cumcount() + 1
    return found


def _microseconds(times) -> np.ndarray:
    """Microseconds since 1970 in UTC."""
    return times.dt.as_unit("us").astype("int64").to_numpy()


def _generator(seed, *names) -> np.random.Generator:
    """A stream of its own for each purpose, so that a change of one kind of dirt leaves the others alone."""
    numbers = [zlib.crc32(name.encode()) for name in names]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *numbers])))


def _moment(microseconds) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=int(microseconds))


def _utc(microseconds) -> str:
    """A true time as the log states it."""
    return _moment(microseconds).isoformat(timespec="milliseconds").removesuffix(".000") + "Z"


def _money(value) -> str:
    return f"{value:.2f}"


def _digits(phone) -> str:
    """The 11 digits of a Chinese mobile number."""
    return re.sub(r"\D", "", phone)[-11:]


# Who is who


class _Products:
    """What the channels print about a product, by its number."""

    def __init__(self, products):
        numbers = products["product_id"].tolist()
        self.sku = {number: f"LT-{number:05d}" for number in numbers}
        self.barcode = {number: self._barcode(f"690{number:09d}") for number in numbers}
        self.title = dict(zip(numbers, products["title_zh"]))

    @staticmethod
    def _barcode(first):
        """EAN-13: the last digit makes the sum of odd places and three times the even places end in 0."""
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(first))
        return f"{first}{-total % 10}"


class _People:
    """Accounts, addresses, numbers, cards and devices: which are whose, and which one an event uses."""

    SECOND_ACCOUNTS = 0.03
    FAMILIES = 0.01  # share of the customers who share their address with one other
    TESTERS = 0.003

    def __init__(self, clean, seed):
        customers = clean["customers"]
        random = _generator(seed, "people")
        count = len(customers)
        self.number = dict(zip(customers["customer_id"].tolist(), range(count)))
        self.ids = customers["customer_id"].tolist()
        self.joined = (
            _microseconds(pd.to_datetime(customers["join_date"])) - int(ZONE.total_seconds()) * SECOND
        )
        self.names = customers["name"].tolist()
        self.own_email = [value.strip().lower() for value in customers["email"]]
        self.email = list(self.own_email)
        self.phone = [_digits(value) for value in customers["phone"]]
        self.card = [None if pd.isna(value) else str(value) for value in customers["loyalty_card"]]
        last = max(
            (
                int(_microseconds(clean[name][column]).max())
                for name, column in self._times()
                if len(clean[name])
            ),
            default=int(self.joined.max(initial=0)),
        )

        # second accounts: they keep one key of the first, and bring one or two of their own
        picked = np.sort(random.permutation(count)[: self._number(count, self.SECOND_ACCOUNTS, 3)])
        self.second = {}
        taken = {*self.own_email, *self.phone}
        for place, who in enumerate(picked.tolist()):
            kept = ("phone", "email", "loyalty_card")[place % 3]
            if kept == "loyalty_card" and self.card[who] is None:
                kept = "phone"
            room = max(last - int(self.joined[who]), 2 * 86_400 * SECOND)
            self.second[who] = {
                "kept": kept,
                "since": int(self.joined[who]) + int(room * random.uniform(0.1, 0.7)),
                "email": self.email[who] if kept == "email" else self._new_email(who, taken, random),
                "phone": self.phone[who] if kept == "phone" else self._new_phone(taken, random),
                "loyalty_card": self.card[who] if kept == "loyalty_card" else None,
            }

        # families: two people with nothing in common but the address (and, where possible, the city)
        free = [who for who in random.permutation(count).tolist() if who not in self.second]
        wanted = self._number(count, self.FAMILIES, 4)
        free = sorted(free[: 4 * wanted], key=lambda who: (str(customers["city"].iloc[who]), who))
        pairs = [
            (a, b)
            for a, b in zip(free[::2], free[1::2])
            if self.names[a] != self.names[b]
            and customers["birth_year"].iloc[a] != customers["birth_year"].iloc[b]
        ]
        order = random.permutation(len(pairs))[: max(wanted // 2, 1)]
        self.families = [pairs[place] for place in sorted(order.tolist())]
        self.shared = set()
        for a, b in self.families:
            self.email[b] = self.email[a]
            self.shared |= {a, b}

        # devices, two for one customer in five
        self.devices = []
        seen = set()
        for two in random.random(count) < 0.2:
            mine = []
            while len(mine) < 1 + two:
                device = random.bytes(6).hex()
                if device not in seen:
                    seen.add(device)
                    mine.append(device)
            self.devices.append(mine)
        self.used_devices = set()

        # account numbers say nothing about the customer: they are dealt out at random
        testers = self._number(count, self.TESTERS, 3)
        total = count + len(self.second) + testers
        numbers = random.permutation(2 * total)[:total] + 1
        names = [f"C{number:07d}" for number in numbers.tolist()]
        self.account = names[:count]
        for who, name in zip(self.second, names[count:]):
            self.second[who]["account"] = name
        self.test_accounts = names[count + len(self.second) :]

    @staticmethod
    def _times():
        return ("orders", "order_time"), ("sessions", "timestamp"), ("ratings", "timestamp")

    @staticmethod
    def _number(count, share, least):
        return min(max(round(share * count), least), count // 4)

    def _new_email(self, who, taken, random):
        local = self.own_email[who].partition("@")[0]
        while True:
            domain = self.own_email[int(random.integers(len(self.own_email)))].partition("@")[2]
            email = f"{local}{int(random.integers(10, 1000))}@{domain}"
            if email not in taken:
                taken.add(email)
                return email

    @staticmethod
    def _new_phone(taken, random):
        while True:
            phone = f"12{int(random.integers(10**9)):09d}"
            if phone not in taken:
                taken.add(phone)
                return phone

    def keys(self, customer_ids, times, groups, which, random) -> list:
        """The key that each event shows; events of one group show the same.

        `which` is an attribute of the first account ("email", "phone", "card", "account").  A person with two
        accounts uses either of them once the second exists.
        """
        own = getattr(self, which)
        name = {"card": "loyalty_card"}.get(which, which)
        coins = {}
        found = []
        for customer, time, group in zip(customer_ids, times, groups):
            who = self.number[customer]
            value = own[who]
            other = self.second.get(who)
            if other is not None and group not in coins:
                coins[group] = time >= other["since"] and random.random() < 0.5
            if other is not None and coins[group] and other[name] is not None:
                value = other[name]
            found.append(value)
        return found

    def identities(self) -> pd.DataFrame:
        """Every key that can occur in the channels, and whose it is."""
        rows = []
        for who, customer in enumerate(self.ids):
            rows.append(("account", self.account[who], customer, False))
            rows.append(("email", self.email[who], customer, who in self.shared))
            rows.append(("phone", self.phone[who], customer, False))
            if self.card[who] is not None:
                rows.append(("loyalty_card", self.card[who], customer, False))
            rows.extend(
                ("device", device, customer, False)
                for device in self.devices[who]
                if device in self.used_devices
            )
            if who in self.second:
                other = self.second[who]
                rows.append(("account", other["account"], customer, False))
                if other["kept"] != "email":
                    rows.append(("email", other["email"], customer, False))
                if other["kept"] != "phone":
                    rows.append(("phone", other["phone"], customer, False))
        table = pd.DataFrame(rows, columns=["key", "value", "customer_id", "shared"])
        table = table.astype({"key": "str", "value": "str", "customer_id": "int64", "shared": "bool"})
        return table.sort_values(["key", "value", "customer_id"], ignore_index=True)


# The rows of an event file before they are written


def _order_events(clean, people, channel, which, missing, extras, seed) -> pd.DataFrame:
    """Sales and returns of one channel in order of time, with the rows that are no sales at all.

    `missing` is the share of orders whose key is lost, `extras` says which share of the orders has a double
    click ("near_duplicate"), a cancelled twin ("cancelled"), a twin by staff ("test_account") or a line that
    the catalogue does not know ("unknown_product").
    """
    random = _generator(seed, channel, "orders")
    sales = clean["orders"]
    sales = sales[sales["channel"] == channel]
    returns = clean["returns"].merge(
        sales[["order_id", "line_number", "customer_id", "product_id", "unit_price"]],
        on=["order_id", "line_number"],
    )
    events = pd.concat(
        [
            _events(sales, "orders", sales["order_time"], 1),
            _events(returns, "returns", returns["return_time"], -1),
        ],
        ignore_index=True,
    )
    events = events.sort_values(["time", "a", "b", "sale"], ignore_index=True)
    events["group"] = events["a"]

    # the key of the whole order; a return shows what the sale showed
    first = events.drop_duplicates("group")
    keys = people.keys(first["customer_id"], first["time"], first["group"], which, random)
    events["true_key"] = events["group"].map(dict(zip(first["group"], keys))).astype(object)
    events["true_key"] = events["true_key"].where(events["true_key"].notna(), None)
    shared = {people.ids[who] for who in people.shared} if which == "email" else set()
    events["shared_key"] = events["customer_id"].isin(shared)

    # the last sale of somebody known loses its end; nothing else happens to its order
    events["locked"] = False
    events["last"] = False
    known = events["true_key"].notna() & ~events["shared_key"] & events["sale"]
    if known.any():
        last = np.flatnonzero(known)[-1]
        events.loc[last, "last"] = True
        events.loc[events["group"] == events["group"].iloc[last], "locked"] = True
    events["missing_key"] = events["true_key"].isna()
    groups = _pick(events, ~events["locked"] & ~events["missing_key"], missing, random, group=True)
    events.loc[events["group"].isin(groups), "missing_key"] = True
    events["missing_key"] |= events["true_key"].isna()
    events["shared_key"] &= ~events["missing_key"]  # what is not there is nobody's
    events["key"] = events["true_key"].where(~events["missing_key"], None)

    fresh = int(events["group"].max()) + 1 if len(events) else 0
    events["plant"] = ""
    added = [events]
    for kind, share in extras.items():
        plain = ~events["locked"] & ~events["missing_key"] & ~events["shared_key"]
        for group in _pick(events, plain, share, random, group=True):
            rows = events[(events["group"] == group) & events["sale"]].copy()
            events.loc[events["group"] == group, "locked"] = True
            rows = rows.assign(plant=kind, locked=True, table="", a=0, b=0, last=False)
            if kind == "unknown_product":
                rows = rows.tail(1).assign(line=rows["line"].max() + 1, quantity=1, product_id=-1)
                rows["unit_price"] = rows["spend"] = float(random.choice([3.0, 5.0, 8.0, 12.0]))
            else:
                rows["group"] = fresh
                fresh += 1
                seconds = {
                    "near_duplicate": (1, 8),
                    "cancelled": (3_600, 200_000),
                    "test_account": (60, 90_000),
                }
                rows["time"] += int(random.integers(*seconds[kind], endpoint=True)) * SECOND
            added.append(rows)
    everything = pd.concat(added, ignore_index=True)

    # the first time of an order gives its number; the line that will be cut comes last
    begin = everything.groupby("group")["time"].transform("min")
    everything["begin"] = begin
    everything = everything.sort_values(
        ["last", "time", "begin", "group", "line", "sale"], ignore_index=True, kind="stable"
    )
    first = everything.sort_values(["begin", "group"], kind="stable").drop_duplicates("group")
    everything["number"] = everything["group"].map(dict(zip(first["group"], range(1, len(first) + 1))))
    return everything


def _events(table, name, times, sign) -> pd.DataFrame:
    """Sales or returns as events; money and number of a return are negative."""
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"].to_numpy(),
            "time": _microseconds(times),
            "line": table["line_number"].to_numpy(),
            "product_id": table["product_id"].to_numpy(),
            "quantity": sign * table["quantity"].abs().to_numpy(),
            "unit_price": table["unit_price"].to_numpy(dtype=float),
            "spend": sign * table["spend"].abs().to_numpy(dtype=float),
            "sale": sign > 0,
            "table": name,
            "a": table["order_id"].to_numpy(),
            "b": table["line_number"].to_numpy(),
        }
    )


def _pick(events, allowed, share, random, group=False, least=2) -> list:
    """A share of the rows that are allowed, or of the groups all of whose rows are, in ascending order."""
    if group:
        fine = allowed.groupby(events["group"]).all()
        candidates = np.sort(fine.index[fine].to_numpy())
    else:
        candidates = np.flatnonzero(allowed)
    number = min(max(round(share * len(candidates)), least), len(candidates) // 3)
    return np.sort(random.choice(candidates, number, replace=False)).tolist() if number else []


class _Sheet:
    """One event file in the making: its cells, and the log of what was done to them."""

    def __init__(self, file, seed, events, columns, key_column):
        self.file = file
        self.seed = seed
        self.events = events
        self.columns = columns  # name -> list of cells
        self.log = []  # (row of events, kind, column, true value)
        self.locked = events["locked"].to_numpy(dtype=bool).copy()
        self.spoil = {}  # row of events -> function from the good line to the spoiled one, both bytes
        plants = events["plant"].tolist()
        self.real = np.array([not kind for kind in plants], dtype=bool)
        true = events["true_key"].tolist()
        for kind in ("missing_key", "shared_key"):
            for row in np.flatnonzero(events[kind].to_numpy(dtype=bool) & self.real).tolist():
                self.log.append((row, kind, key_column, true[row] or ""))
        if "sale" in events:
            returned = ~events["sale"].to_numpy(dtype=bool) & self.real
            self.log.extend((row, "returned", "", "") for row in np.flatnonzero(returned).tolist())
        self.log.extend((row, kind, "", "") for row, kind in enumerate(plants) if kind)

    def random(self, kind) -> np.random.Generator:
        return _generator(self.seed, self.file, kind)

    def choose(self, kind, share, allowed=True, group=False) -> list:
        """Real rows (or whole orders) that are still good; they are good no longer."""
        good = pd.Series(~self.locked & self.real & allowed, index=self.events.index)
        chosen = _pick(self.events, good, share, self.random(kind + " rows"), group)
        if group:
            chosen = np.flatnonzero(self.events["group"].isin(chosen)).tolist()
        self.locked[chosen] = True
        return chosen

    def set(self, row, kind, column, value, true):
        """Spoil one cell, and write it down."""
        self.columns[column][row] = value
        self.log.append((row, kind, column, str(true)))

    def rewrite(self, kind, share, column, change, allowed=True, true=None):
        """Spoil one cell of some rows: `change` makes the bad text from the good one and a generator."""
        random = self.random(kind + column)
        for row in self.choose(kind + column, share, allowed):
            good = self.columns[column][row]
            self.set(row, kind, column, change(good, random), good if true is None else true(row))

    def nul_bytes(self, share):
        """A NUL byte somewhere in some lines."""
        random = self.random("nul_bytes")
        for row in self.choose("nul_bytes", share):
            where = random.random()
            self.spoil[row] = lambda line, where=where: _insert(line, int(where * len(line)), b"\x00")
            self.log.append((row, "nul_bytes", "", ""))

    def write(self, path, lines, twice, newline, headings=(0, b""), first=b"", keep=len, whole=True):
        """Write the file; give back the log and the map of its rows.

        `lines` are the rows as bytes, `twice` the share of orders (or events) that are sent again, `headings`
        how many times which heading comes again, `first` the heading with all that precedes it, `keep` how
        many bytes of the last line stay, `whole` which rows may be sent again.
        """
        random = self.random("exact_duplicate")
        again = pd.Series(~self.locked & self.real & whole, index=self.events.index)
        groups = set(_pick(self.events, again, twice, random, group=True))
        members = {}
        for row, group in enumerate(self.events["group"].tolist()):
            if group in groups:
                members.setdefault(group, []).append(row)
        end = len(lines) - 2  # nothing comes after the last line, which is cut
        inserts = []
        for group in sorted(members):
            gap = int(random.integers(0, 30))
            inserts += [(min(members[group][-1] + gap, end), row) for row in members[group]]
        random = self.random("repeated_header")
        inserts += [(int(place), -1) for place in random.integers(0, max(end, 1), headings[0] * (end > 0))]

        cut = np.flatnonzero(self.events["last"]).tolist()
        rest = [line if row not in self.spoil else self.spoil[row](line) for row, line in enumerate(lines)]
        for row in cut:
            self.log.append((row, "truncated_line", "", ""))
            rest[row] = lines[row][: keep(lines[row])]
        sequence = [(row, 0, row) for row in range(len(lines))]
        sequence = sorted(sequence + [(place, n, row) for n, (place, row) in enumerate(inserts, 1)])
        content = [first] if first else []
        numbers = np.zeros(len(lines), dtype=np.int64)
        log = []
        for _, copy, row in sequence:
            content.append(headings[1] if row < 0 else rest[row])
            if copy:
                log.append((len(content), "repeated_header" if row < 0 else "exact_duplicate", "", ""))
            else:
                numbers[row] = len(content)
        data = newline.join(content) + (b"" if cut or not content else newline)
        if path.suffix == ".gz":
            with path.open("wb") as plain, gzip.GzipFile("", "wb", 9, plain, mtime=0) as file:
                file.write(data)
        else:
            path.write_bytes(data)

        log += [(int(numbers[row]), *what) for row, *what in self.log]
        events = self.events[self.events["table"] != ""]
        rows = pd.DataFrame(
            {
                "file": self.file,
                "row": numbers[events.index],
                "table": events["table"].to_numpy(),
                "a": events["a"].to_numpy(),
                "b": events["b"].to_numpy(),
            }
        )
        return _dirt(self.file, log), _row_map(rows)


def _dirt(file, log) -> pd.DataFrame:
    """The log of one file, in order of its rows."""
    table = pd.DataFrame(sorted(log), columns=["row", "kind", "column", "true_value"])
    table.insert(0, "file", file)
    kinds = dict.fromkeys(("file", "kind", "column", "true_value"), "str")
    return table.astype({**kinds, "row": "int64"})


def _row_map(rows) -> pd.DataFrame:
    rows = rows.astype({"file": "str", "table": "str", "row": "int64", "a": "int64", "b": "int64"})
    return rows.sort_values(["file", "row"], ignore_index=True)


def _insert(line, place, what) -> bytes:
    return line[:place] + what + line[place:]


def _text_lines(columns, names, encoding) -> list:
    """Comma-separated lines, with quotation marks only where they are needed."""
    lines = []
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="")
    for cells in zip(*(columns[name] for name in names)):
        writer.writerow(cells)
        lines.append(buffer.getvalue().encode(encoding))
        buffer.seek(0)
        buffer.truncate()
    return lines


def _after_comma(number):
    """Keeps a line to a few bytes after a comma: fewer fields than the heading has."""

    def keep(line):
        place = -1
        for _ in range(number):
            place = line.index(b",", place + 1)
        return place + 5  # two Chinese characters: the cut is between characters

    return keep


# Ways to write one thing differently


def _respace(text, random) -> str:
    """Capitals or blanks where there were none."""
    return (str.upper, str.title, lambda value: f" {value}", lambda value: f"{value}  ", str.swapcase)[
        int(random.integers(5))
    ](text)


def _blanks(text, random) -> str:
    """A blank before or behind, one of them a full-width blank."""
    return (f" {text}", f"{text} ", f"　{text}")[int(random.integers(3))]


def _sku_variant(text, random) -> str:
    return (text.lower(), f" {text}", f"{text} ", text.replace("-", " - "))[int(random.integers(4))]


def _card_variant(text, random) -> str:
    spaced = f"{text[:2]} {text[2:6]} {text[6:]}"
    return (spaced, text.translate(FULL_WIDTH), text.lower(), f"{text} ")[int(random.integers(4))]


def _quantity_variant(text, random) -> str:
    """A whole number as people type it; a minus becomes the sign that typesetters use."""
    text = text.replace("−", "-")
    if text.startswith("-"):
        return (f"−{text[1:]}", f"-{text[1:]},0", f"−{text[1:].translate(FULL_WIDTH)}")[
            int(random.integers(3))
        ]
    return (f"{text},0", text.translate(FULL_WIDTH), f"{text} pcs", f"{text}件", f" {text} ")[
        int(random.integers(5))
    ]


def _phone_variant(text, random) -> str:
    a, b, c = text[:3], text[3:7], text[7:]
    return (f"+86 {a} {b} {c}", f"0086{text}", f"{a}-{b}-{c}", text.translate(FULL_WIDTH), f" {a} {b} {c}")[
        int(random.integers(5))
    ]


def _wrong_encoding(text):
    """Where the text stands in UTF-8, put its bytes in GB18030, or a byte that belongs to no encoding."""
    good = text.encode()
    other = text.encode("gb18030")
    try:
        other.decode()
        other = b"\xff" + good  # pure ASCII, or one of the rare words that are both
    except UnicodeDecodeError:
        pass
    return lambda line: line.replace(good, other, 1)


def _stray_byte(text, encoding):
    """A byte that belongs to no encoding, before the text."""
    good = text.encode(encoding)
    return lambda line: line.replace(good, b"\xff" + good, 1)


def _impossible_day(year, random) -> tuple:
    """Year, month and day that no calendar has, or the day zero of spreadsheets."""
    return ((year, 2, 30), (year, 2, 31), (year, 4, 31), (1899, 12, 30))[int(random.integers(4))]


# 1 The web shop


def _web(clean, people, products, seed, folder):
    file = "web_orders.csv"
    extras = {"near_duplicate": 0.006, "cancelled": 0.025, "test_account": 0.004, "unknown_product": 0.006}
    events = _order_events(clean, people, "web", "email", 0.02, extras, seed)
    random = _generator(seed, file)
    numbers = events["number"].tolist()
    zulu = random.random(max(numbers, default=0) + 1) < 0.15
    plants = events["plant"].tolist()
    sale = events["sale"].tolist()
    status = ["completed" if one else "returned" for one in sale]
    status = ["cancelled" if plant == "cancelled" else one for plant, one in zip(plants, status)]
    emails = [key or "" for key in events["key"].tolist()]
    testers = [f"{('test', 'qa', 'dev')[n % 3]}{n % 7}@{TEST_DOMAIN}" for n in numbers]
    sheet = _Sheet(
        file,
        seed,
        events,
        {
            "order_no": [f"W{number:07d}" for number in numbers],
            "line": [str(line) for line in events["line"].tolist()],
            "created_at": [
                _iso(time, zulu[number]) for time, number in zip(events["time"].tolist(), numbers)
            ],
            "status": status,
            "email": [
                tester if plant == "test_account" else email
                for tester, plant, email in zip(testers, plants, emails)
            ],
            "sku": [products.sku.get(number, "LT-99001") for number in events["product_id"].tolist()],
            "product": [products.title.get(number, "礼品包装") for number in events["product_id"].tolist()],
            "qty": [str(number) for number in events["quantity"].tolist()],
            "unit_price": [_money(value) for value in events["unit_price"].tolist()],
            "currency": ["CNY"] * len(events),
            "line_total": [_money(value) for value in events["spend"].tolist()],
        },
        "email",
    )
    prices, spends, times = (events[name].tolist() for name in ("unit_price", "spend", "time"))
    for row in sheet.choose("foreign_currency", 0.01, group=True):
        price = round(prices[row] / CNY_PER_USD, 2)
        total = round(events["quantity"].iloc[row] * price, 2)
        sheet.columns["currency"][row] = "USD"
        sheet.set(row, "foreign_currency", "unit_price", _money(price), _money(prices[row]))
        sheet.set(row, "foreign_currency", "line_total", _money(total), _money(spends[row]))
    sheet.rewrite("wrong_currency", 0.003, "currency", lambda good, random: "USD")
    for row in sheet.choose("price_in_cents", 0.006):
        for column, value in (("unit_price", prices[row]), ("line_total", spends[row])):
            sheet.set(row, "price_in_cents", column, _money(100 * value), _money(value))
    for column in ("unit_price", "line_total"):
        sheet.rewrite("missing_value", 0.004, column, lambda good, random: "")
    sheet.rewrite("text_quantity", 0.01, "qty", _quantity_variant)
    sheet.rewrite(
        "impossible_date",
        0.004,
        "created_at",
        lambda good, random: (
            "{:04d}-{:02d}-{:02d}".format(*_impossible_day(int(good[:4]), random)) + good[10:]
        ),
        true=lambda row: _utc(times[row] // SECOND * SECOND),
    )
    keyed = ~events["missing_key"].to_numpy(dtype=bool)
    sheet.rewrite("case_or_blank", 0.04, "email", _respace, keyed)
    sheet.rewrite("case_or_blank", 0.01, "sku", _sku_variant)
    random = sheet.random("broken_encoding")
    for row in sheet.choose("broken_encoding", 0.003):
        title = sheet.columns["product"][row]
        sheet.spoil[row] = _wrong_encoding(title) if random.random() < 0.6 else _stray_byte(title, "utf-8")
        sheet.log.append((row, "broken_encoding", "product", title))
    sheet.nul_bytes(0.002)

    heading = ",".join(WEB_COLUMNS).encode()
    whole = keyed & ~events["shared_key"].to_numpy(dtype=bool) & events["sale"].to_numpy(dtype=bool)
    return sheet.write(
        folder / file,
        _text_lines(sheet.columns, WEB_COLUMNS, "utf-8"),
        twice=0.008,
        newline=b"\r\n",
        headings=(6, heading),
        first=b"\xef\xbb\xbf" + heading,
        keep=_after_comma(3),
        whole=whole,
    )


def _iso(time, zulu) -> str:
    moment = _moment(time // SECOND * SECOND)
    return moment.isoformat() + "Z" if zulu else (moment + ZONE).isoformat() + "+08:00"


# 2 The tills


def _tills(clean, people, products, seed, folder):
    file = "store_tills.csv"
    extras = {"cancelled": 0.015, "test_account": 0.004, "unknown_product": 0.01}
    events = _order_events(clean, people, "store", "card", 0.25, extras, seed)
    random = _generator(seed, file)
    plants = events["plant"].tolist()
    numbers = events["number"].tolist()
    local = [_moment(time) + ZONE for time in events["time"].tolist()]
    begin = [_moment(time) + ZONE for time in events["begin"].tolist()]
    store = random.integers(len(STORES), size=max(numbers, default=0) + 1).tolist()
    receipts, counters = {}, {}
    for number, day in sorted(
        {(number, moment.strftime("%y%m%d")) for number, moment in zip(numbers, begin)}
    ):
        place = (store[number], day)
        counters[place] = counters.get(place, 0) + 1
        receipts[number] = f"S{store[number] + 1}-{day}-{counters[place]:04d}"
    signs = np.where(random.random(len(events)) < 0.5, "−", "-").tolist()
    kinds = ["销售" if sale else "退货" for sale in events["sale"].tolist()]
    cards = [key or "" for key in events["key"].tolist()]
    prices, spends, times = (events[name].tolist() for name in ("unit_price", "spend", "time"))
    sheet = _Sheet(
        file,
        seed,
        events,
        {
            "小票号": [receipts[number] for number in numbers],
            "行号": [str(line) for line in events["line"].tolist()],
            "时间": [moment.strftime("%d/%m/%Y %H:%M") for moment in local],
            "门店": [STORES[store[number]] for number in numbers],
            "会员卡号": [
                f"TEST{number % 20:04d}" if plant == "test_account" else card
                for number, plant, card in zip(numbers, plants, cards)
            ],
            "商品条码": [
                products.barcode.get(number, "6999000000018") for number in events["product_id"].tolist()
            ],
            "商品名称": [products.title.get(number, "购物袋") for number in events["product_id"].tolist()],
            "数量": [str(n).replace("-", sign) for n, sign in zip(events["quantity"].tolist(), signs)],
            "单价": [_yen(value) for value in prices],
            "金额": [_yen(value, sign) for value, sign in zip(spends, signs)],
            "类型": ["作废" if plant == "cancelled" else kind for plant, kind in zip(plants, kinds)],
        },
        "会员卡号",
    )
    for row in sheet.choose("price_in_cents", 0.006):
        for column, value in (("单价", prices[row]), ("金额", spends[row])):
            sheet.set(row, "price_in_cents", column, _yen(100 * value, signs[row]), _money(value))
    for row in sheet.choose("decimal_comma", 0.03):
        for column, value in (("单价", prices[row]), ("金额", spends[row])):
            swapped = sheet.columns[column][row].translate(str.maketrans(",.", ".,"))
            sheet.set(row, "decimal_comma", column, swapped, _money(value))
    for column, values in (("单价", prices), ("金额", spends)):
        sheet.rewrite(
            "missing_value",
            0.004,
            column,
            lambda good, random: "",
            true=lambda row, values=values: _money(values[row]),
        )
    quantities = events["quantity"].tolist()
    sheet.rewrite("text_quantity", 0.01, "数量", _till_quantity, true=lambda row: quantities[row])

    # only on sales: of a return, the receipt number does not tell the day
    sale = events["sale"].to_numpy(dtype=bool)
    differ = np.array([moment.day != moment.month for moment in local], dtype=bool)
    minute = [_utc(time // (60 * SECOND) * 60 * SECOND) for time in times]
    sheet.rewrite(
        "swapped_day_month",
        0.02,
        "时间",
        lambda good, random: f"{good[3:5]}/{good[:2]}{good[5:]}",
        sale & differ,
        true=minute.__getitem__,
    )
    sheet.rewrite(
        "impossible_date",
        0.005,
        "时间",
        lambda good, random: (
            "{2:02d}/{1:02d}/{0:04d}".format(*_impossible_day(int(good[6:10]), random)) + good[10:]
        ),
        sale,
        true=minute.__getitem__,
    )
    keyed = ~events["missing_key"].to_numpy(dtype=bool)
    sheet.rewrite("case_or_blank", 0.03, "会员卡号", _card_variant, keyed)
    random = sheet.random("broken_encoding")
    for row in sheet.choose("broken_encoding", 0.004):
        title = sheet.columns["商品名称"][row]
        if random.random() < 0.6:
            sheet.spoil[row] = lambda line: line.decode("gb18030").encode()
        else:
            sheet.spoil[row] = _stray_byte(title, "gb18030")
        sheet.log.append((row, "broken_encoding", "商品名称", title))
    sheet.nul_bytes(0.003)

    heading = ",".join(TILL_COLUMNS).encode("gb18030")
    return sheet.write(
        folder / file,
        _text_lines(sheet.columns, TILL_COLUMNS, "gb18030"),
        twice=0.008,
        newline=b"\r\n",
        headings=(5, heading),
        first=heading,
        keep=_after_comma(3),
        whole=keyed & sale,
    )


def _yen(value, sign="-") -> str:
    return f"{sign if value < 0 else ''}¥{abs(value):,.2f}"


def _till_quantity(text, random) -> str:
    """As `_quantity_variant`; at the till both minus signs are usual, so they alone are no fault."""
    if text[0] in "-−":
        return (f"{text},0", text.translate(FULL_WIDTH))[int(random.integers(2))]
    return _quantity_variant(text, random)


# 3 The app


def _app(clean, people, products, seed, folder):
    file = "app_events.jsonl.gz"
    orders = _order_events(
        clean, people, "app", "phone", 0.0, {"near_duplicate": 0.01, "cancelled": 0.02}, seed
    )
    random = _generator(seed, file)
    views = _views(clean, people, random, seed)
    orders["event"] = np.where(orders["sale"], "purchase", "refund")
    cancels = orders[orders["plant"] == "cancelled"].copy()
    delay = {group: int(random.integers(600, 90_000)) * SECOND for group in cancels["group"].unique()}
    cancels["time"] += cancels["group"].map(delay).astype("int64")
    cancels["event"] = "cancel"
    cancels["sale"] = True
    orders["group"] = -1 - orders["group"]  # sessions and orders number apart
    cancels["group"] = -1 - cancels["group"]
    # a device for each group of events of a known customer
    events = pd.concat([views, orders, cancels], ignore_index=True)
    devices, apps = {}, {}
    for group, customer in events.drop_duplicates("group")[["group", "customer_id"]].itertuples(index=False):
        own = people.devices[people.number[customer]] if customer >= 0 else None
        devices[group] = own[int(random.random() < 0.3) % len(own)] if own else random.bytes(6).hex()
        if own:
            people.used_devices.add(devices[group])
            apps[group] = APPS[int(devices[group], 16) % len(APPS)]
    # one device sends all views of a robot, one phone all events of a tester
    events["robot"] = events["robot"].where(events["robot"].notna(), "")
    events = events.sort_values(["last", "time", "event", "group", "line"], ignore_index=True, kind="stable")

    groups = events["group"].tolist()
    plants = events["plant"].tolist()
    robots = events["robot"].tolist()
    kinds = events["event"].tolist()
    view = np.array([kind == "view" for kind in kinds], dtype=bool)
    sessions = {}
    for group, is_view in zip(groups, view.tolist()):
        if is_view and group not in sessions:
            sessions[group] = f"s{len(sessions) + 1:06x}"
    sheet = _Sheet(
        file,
        seed,
        events,
        {
            "ts": (events["time"] // 1_000).tolist(),
            "event": kinds,
            "session": [sessions[group] if is_view else None for group, is_view in zip(groups, view)],
            "order": [
                None if is_view else f"A{number:07d}"
                for number, is_view in zip(_whole(events["number"]), view)
            ],
            "line": [None if is_view else line for line, is_view in zip(_whole(events["line"]), view)],
            "device": [
                f"TEST-{group % 10:04d}" if plant == "test_account" else devices[group]
                for group, plant in zip(groups, plants)
            ],
            "phone": [f"+86{key}" if key else None for key in events["key"].tolist()],
            "sku": [
                products.sku.get(number, f"LT-{97_000 + row % 900}")
                for row, number in enumerate(events["product_id"].tolist())
            ],
            "qty": [None if is_view else n for n, is_view in zip(_whole(events["quantity"]), view)],
            "price": [
                None if is_view else value for value, is_view in zip(events["unit_price"].tolist(), view)
            ],
            "total": [None if is_view else value for value, is_view in zip(events["spend"].tolist(), view)],
            "app": [
                robot or apps.get(group) or APPS[group % len(APPS)] for group, robot in zip(groups, robots)
            ],
        },
        "phone",
    )
    times = events["time"].tolist()
    true_time = [_utc(time) for time in times]
    sheet.rewrite(
        "epoch_seconds", 0.001, "ts", lambda good, random: good // 1_000, true=true_time.__getitem__
    )
    sheet.rewrite(
        "impossible_date",
        0.0005,
        "ts",
        lambda good, random: (0, -1, 4_102_444_800_000)[int(random.integers(3))],
        true=true_time.__getitem__,
    )
    prices, spends = events["unit_price"].tolist(), events["spend"].tolist()
    for row in sheet.choose("price_in_cents", 0.006, ~view):
        for column, value in (("price", prices[row]), ("total", spends[row])):
            sheet.set(row, "price_in_cents", column, round(100 * value, 2), _money(value))
    sheet.rewrite(
        "missing_value",
        0.006,
        "price",
        lambda good, random: None,
        ~view,
        true=lambda row: _money(prices[row]),
    )
    sheet.rewrite(
        "text_quantity", 0.01, "qty", lambda good, random: _quantity_variant(str(good), random), ~view
    )
    sheet.rewrite("case_or_blank", 0.002, "sku", _sku_variant)
    random = sheet.random("broken_encoding")
    for row in sheet.choose("broken_encoding", 0.0005):
        app = sheet.columns["app"][row]
        sheet.spoil[row] = _wrong_encoding(app) if random.random() < 0.5 else _stray_byte(app, "utf-8")
        sheet.log.append((row, "broken_encoding", "app", app))
    sheet.nul_bytes(0.0003)

    # an order line is sent again with all of its order, a view alone
    sheet.events["group"] = np.where(view, np.arange(len(events)), events["group"])
    keys = {kind: _app_keys(kind) for kind in ("view", "purchase", "refund", "cancel")}
    lines = [
        json.dumps(
            {name: cells[place] for place, name in keys[cells[1]]}, ensure_ascii=False, separators=(",", ":")
        ).encode()
        for cells in zip(*(sheet.columns[name] for name in APP_KEYS))
    ]
    return sheet.write(
        folder / file,
        lines,
        twice=0.002,
        newline=b"\n",
        keep=lambda line: len(line) // 2,
        whole=view | events["sale"].to_numpy(dtype=bool),
    )


def _app_keys(kind) -> list:
    """Place and name of the keys that an event of one kind has."""
    absent = {"order", "line", "qty", "price", "total"} if kind == "view" else {"session"}
    return [(place, name) for place, name in enumerate(APP_KEYS) if name not in absent]


def _whole(values) -> list:
    """Whole numbers, None where there is none."""
    return [None if value != value else int(value) for value in values.tolist()]


def _views(clean, people, random, seed) -> pd.DataFrame:
    """Product views of people, of robots and of testers, and of pages that are no longer in the catalogue."""
    sessions = clean["sessions"]
    views = pd.DataFrame(
        {
            "customer_id": sessions["customer_id"],
            "group": sessions["session_id"],
            "time": _microseconds(sessions["timestamp"]),
            "product_id": sessions["product_id"],
            "table": "sessions",
            "a": sessions["session_id"],
            "b": sessions["position"],
            "plant": "",
            "robot": "",
        }
    ).sort_values(["time", "group", "b"], ignore_index=True)
    # raw numbers of sessions go by time, so that they say nothing about the customer
    views["group"] = views["group"].map(
        {session: place for place, session in enumerate(views["group"].drop_duplicates().tolist(), 1)}
    )
    first = views.drop_duplicates("group")
    keys = people.keys(first["customer_id"], first["time"], first["group"], "phone", random)
    views["true_key"] = views["group"].map(dict(zip(first["group"], keys))).astype(object)
    out = first["group"].to_numpy()[random.random(len(first)) < 0.2]
    views["missing_key"] = views["group"].isin(out)

    added = [views]
    fresh = int(views["group"].max()) + 1 if len(views) else 1
    catalogue = clean["products"]["product_id"].to_numpy()
    begin, end = (int(views["time"].min()), int(views["time"].max())) if len(views) else (0, 1)
    for robot in range(max(3, round(len(views) / 20_000)) if len(views) else 0):
        number = int(random.integers(70, 220))
        start = int(random.integers(begin, end + 1)) // SECOND * SECOND
        steps = np.cumsum(random.integers(100, 1_900, number)) * 1_000
        name = ROBOTS[robot % 2] if robot % 3 else ""
        added.append(_strangers(fresh, start + steps, random.choice(catalogue, number), "bot", name))
        fresh += 1
    for _ in range(max(2, round(len(views) / 5_000)) if len(views) else 0):
        number = int(random.integers(2, 8))
        start = int(random.integers(begin, end + 1)) // SECOND * SECOND
        steps = np.cumsum(random.integers(3, 40, number)) * SECOND
        added.append(_strangers(fresh, start + steps, random.choice(catalogue, number), "test_account", ""))
        fresh += 1
    lost = np.sort(random.choice(len(views), min(round(0.0005 * len(views)) + 2, len(views)), replace=False))
    pages = views.iloc[lost][~views["missing_key"].to_numpy()[lost]].copy()
    pages["time"] += 2 * SECOND
    added.append(pages.assign(plant="unknown_product", table="", a=0, b=0, product_id=-1))

    everything = pd.concat(added, ignore_index=True)
    everything["key"] = everything["true_key"].where(~everything["missing_key"], None)
    return everything.assign(
        event="view", line=0, sale=True, shared_key=False, locked=False, last=False, quantity=0, number=0
    ).assign(unit_price=0.0, spend=0.0)


def _strangers(group, times, product_ids, plant, robot) -> pd.DataFrame:
    """Views by somebody who is no customer."""
    return pd.DataFrame(
        {
            "customer_id": -1,
            "group": group,
            "time": times,
            "product_id": product_ids,
            "table": "",
            "a": 0,
            "b": 0,
            "plant": plant,
            "robot": robot,
            "true_key": None,
            "missing_key": False,
        }
    ).astype({"true_key": object})


# 4 The customer database


def _crm(clean, people, products, seed, folder):
    """Customers and catalogue; here each field is spoiled on its own."""
    customers = clean["customers"]
    random = _generator(seed, "crm")
    join = pd.to_datetime(customers["join_date"]).dt.strftime("%Y-%m-%d").tolist()
    bands = {band: place for place, band in enumerate(sorted(customers["age_band"].unique()))}
    age = customers["age_band"].map(bands).to_numpy(dtype=float) / max(len(bands) - 1, 1)
    tiers = {tier: place for place, tier in enumerate(sorted(customers["city_tier"].unique()))}
    tier = customers["city_tier"].map(tiers).to_numpy(dtype=float) / max(len(tiers) - 1, 1)
    # what people say they earn: most in the middle of life and in big cities
    level = 8.9 + 0.9 * age * (1.2 - age) - 0.35 * tier + 0.45 * random.standard_normal(len(customers))
    income = (np.round(np.exp(level) / 100) * 100).astype(int)

    records = []  # cells, customer, kind of the whole row
    for who, row in enumerate(customers.itertuples(index=False)):
        first = {
            "account": people.account[who],
            "created_at": join[who],
            "name": people.names[who],
            "email": people.email[who],
            "phone": people.phone[who],
            "loyalty_card": people.card[who],
            "gender": row.gender,
            "age_band": row.age_band,
            "birth_year": int(row.birth_year),
            "city": row.city,
            "city_tier": row.city_tier.item() if hasattr(row.city_tier, "item") else row.city_tier,
            "monthly_income": int(income[who]),
            "email_consent": int(row.email_consent),
            "app_user": int(row.app_user),
        }
        records.append((first, who, ""))
        if who in people.second:
            other = people.second[who]
            again = {name: other[name] for name in ("account", "email", "phone", "loyalty_card")}
            day = (_moment(other["since"]) + ZONE).strftime("%Y-%m-%d")
            records.append(({**first, **again, "created_at": day}, who, "merged_identity"))
    days = sorted(join) or ["2024-01-01"]
    for place, account in enumerate(people.test_accounts):
        like = records[int(random.integers(len(records)))][0]
        tester = {
            "account": account,
            "created_at": days[int(random.integers(len(days)))],
            "name": f"测试{place + 1}",
            "email": f"test{place + 1}@{TEST_DOMAIN}",
            "phone": f"100{place:08d}",
            "loyalty_card": None,
        }
        records.append(({**like, **tester}, -1, "test_account"))
    order = sorted(range(len(records)), key=lambda n: (records[n][0]["created_at"], records[n][0]["account"]))
    records = [records[n] for n in order]

    table = {name: [cells[name] for cells, _, _ in records] for name in records[0][0]} if records else {}
    owner = np.array([who for _, who, _ in records], dtype=np.int64)
    log = []
    for row, (_, who, kind) in enumerate(records, 1):
        if kind:
            log.append((row, kind, "", people.account[who] if kind == "merged_identity" else ""))
        elif who in people.shared:
            log.append((row, "shared_email", "email", people.own_email[who]))

    real = owner >= 0
    touched = {}

    def spoil(kind, column, chance, change):
        """Each row by its own chance, at least two rows, each field once."""
        random = _generator(seed, "crm", kind, column)
        free = real & ~touched.setdefault(column, np.zeros(len(real), dtype=bool))
        free &= np.array([value is not None for value in table[column]], dtype=bool)
        draw = np.where(free, random.random(len(real)) / np.maximum(chance, 1e-9), np.inf)
        least = np.sort(draw)[: min(2, int(free.sum()))]
        for place in np.flatnonzero(free & ((draw < 1) | np.isin(draw, least))).tolist():
            good = table[column][place]
            bad = change(good, random)
            if bad == good:
                continue
            table[column][place] = bad
            touched[column][place] = True
            log.append((place + 1, kind, column, str(good)))

    def of_customers(values, other=0.0):
        return np.where(real, values[np.maximum(owner, 0)], other) if len(values) else np.zeros(len(real))

    quantile = np.argsort(np.argsort(income, kind="stable"), kind="stable") / max(len(income) - 1, 1)
    every = np.ones(len(real))
    spoil("missing_mcar", "birth_year", 0.08 * every, lambda good, random: None)
    spoil(
        "impossible_birth_year",
        "birth_year",
        0.004 * every,
        lambda good, random: (1900, 2035)[int(random.integers(2))],
    )
    spoil("missing_mar", "city", of_customers(0.02 + 0.28 * age**2), lambda good, random: None)
    spoil("missing_mnar", "monthly_income", of_customers(0.03 + 0.5 * quantile**4), lambda good, random: None)
    spoil("case_or_blank", "email", 0.06 * every, _respace)
    spoil("case_or_blank", "city", 0.02 * every, _blanks)
    spoil("phone_format", "phone", 0.25 * every, _phone_variant)
    spoil(
        "label_variant",
        "gender",
        0.05 * every,
        lambda good, random: str(random.choice(GENDER_LABELS.get(good, [f"{good}."]))),
    )
    spoil("broken_encoding", "name", 0.004 * every, lambda good, random: good.encode().decode("latin-1"))
    spoil("nul_bytes", "name", 0.001 * every, lambda good, random: f"{good}\x00")

    goods = clean["products"]
    numbers = goods["product_id"].tolist()
    catalogue = {
        "sku": [products.sku[number] for number in numbers],
        "barcode": [products.barcode[number] for number in numbers],
        **{
            name: goods[name].tolist()
            for name in ("title", "title_zh", "category", "description", "description_zh")
        },
        "list_price": goods["unit_price"].tolist(),
        "unit_cost": goods["unit_cost"].tolist(),
        "launch_date": pd.to_datetime(goods["launch_date"]).dt.strftime("%Y-%m-%d").tolist(),
    }
    goods_log = []
    random = _generator(seed, "crm", "products")
    for row in np.sort(
        random.choice(len(goods), min(max(2, round(0.03 * len(goods))), len(goods)), False)
    ).tolist():
        good = catalogue["category"][row]
        catalogue["category"][row] = (good.title(), f" {good}", f"{good} ", good.upper())[
            int(random.integers(4))
        ]
        goods_log.append((row + 1, "case_or_blank", "category", good))

    _write_database(folder / "crm.sqlite", {"customers": table, "products": catalogue})
    rows = pd.concat(
        [
            pd.DataFrame({"row": np.flatnonzero(real) + 1, "a": np.array(people.ids)[owner[real]]}).assign(
                file="crm.sqlite:customers", table="customers"
            ),
            pd.DataFrame({"row": np.arange(len(numbers)) + 1, "a": numbers}).assign(
                file="crm.sqlite:products", table="products"
            ),
        ]
    ).assign(b=0)
    dirt = pd.concat(
        [_dirt("crm.sqlite:customers", log), _dirt("crm.sqlite:products", goods_log)], ignore_index=True
    )
    return dirt, _row_map(rows[["file", "row", "table", "a", "b"]])


def _write_database(path, tables):
    """A fresh SQLite file with pages of 4,096 bytes and no trace of when it was written."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA journal_mode = OFF")
        for name, columns in tables.items():
            connection.execute(f"CREATE TABLE {name} ({CRM_TABLES[name]})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", zip(*columns.values()))
        connection.commit()
        connection.execute("VACUUM")
    finally:
        connection.close()


# 5 The ratings


def _ratings(clean, people, products, seed, folder):
    file = "ratings.csv"
    table = clean["ratings"]
    random = _generator(seed, file)
    events = pd.DataFrame(
        {
            "customer_id": table["user"],
            "time": _microseconds(table["timestamp"]),
            "product_id": table["item"],
            "rating": table["rating"],
            "table": "ratings",
            "a": table["record"],
            "b": 0,
            "plant": "",
            "locked": False,
            "last": False,
        }
    ).sort_values(["time", "a"], ignore_index=True)
    if len(events):
        events.loc[len(events) - 1, ["locked", "last"]] = True
    added = [events]
    for kind, share in (("test_account", 0.003), ("unknown_product", 0.003)):
        number = min(max(round(share * len(events)), 2), len(events))
        rows = events.iloc[np.sort(random.choice(len(events), number, replace=False))].copy()
        rows["time"] += random.integers(60, 86_400, number) * SECOND
        rows = rows.assign(plant=kind, locked=True, last=False, table="", a=0, b=0)
        added.append(rows.assign(product_id=-1) if kind == "unknown_product" else rows)
    events = pd.concat(added, ignore_index=True)
    events = events.sort_values(["last", "time", "a"], ignore_index=True, kind="stable")
    events["group"] = np.arange(len(events))
    accounts = people.keys(events["customer_id"], events["time"], events["group"], "account", random)
    events["true_key"] = accounts
    events["missing_key"] = events["shared_key"] = False

    plants = events["plant"].tolist()
    times = events["time"].tolist()
    ratings = events["rating"].tolist()
    sheet = _Sheet(
        file,
        seed,
        events,
        {
            "account": [
                f"TEST{row % 5:04d}" if plant == "test_account" else account
                for row, (plant, account) in enumerate(zip(plants, accounts))
            ],
            "sku": [products.sku.get(number, "LT-98001") for number in events["product_id"].tolist()],
            "time": [(_moment(time) + ZONE).strftime("%Y%m%d%H%M%S") for time in times],
            "stars": [f"{value:g}" for value in ratings],
        },
        "account",
    )
    second = [_utc(time // SECOND * SECOND) for time in times]
    sheet.rewrite(
        "out_of_range", 0.006, "stars", lambda good, random: str(random.choice(["0", "6", "9", "55", "-1"]))
    )
    whole = np.array([value == int(value) for value in ratings], dtype=bool)
    sheet.rewrite("text_value", 0.012, "stars", _star_variant, whole)
    sheet.rewrite("missing_rating", 0.01, "stars", lambda good, random: "")
    sheet.rewrite("missing_rating", 0.004, "time", lambda good, random: "", true=second.__getitem__)
    sheet.rewrite(
        "impossible_date",
        0.004,
        "time",
        lambda good, random: "{:04d}{:02d}{:02d}".format(*_impossible_day(int(good[:4]), random)) + good[8:],
        true=second.__getitem__,
    )
    names = ("account", "sku", "time", "stars")
    lines = [
        f" {account:<8} {sku:>9} {time:<14} {stars:>4}".encode()
        for account, sku, time, stars in zip(*(sheet.columns[name] for name in names))
    ]
    random = sheet.random("wrong_separator")
    for row in sheet.choose("wrong_separator", 0.006):
        mark = "\t,"[int(random.integers(2))]
        lines[row] = mark.join(sheet.columns[name][row] for name in names).encode()
        sheet.log.append((row, "wrong_separator", "", ""))
    sheet.nul_bytes(0.003)
    return sheet.write(
        folder / file,
        lines,
        twice=0.008,
        newline=b"\n",
        headings=(4, RATING_HEADING.encode()),
        keep=lambda line: 25,
    )


def _star_variant(text, random) -> str:
    number = int(text)
    return (
        STAR_WORDS[number],
        f"{STAR_NUMERALS[number]}星",
        f"{number},0",
        "★" * number,
        text.translate(FULL_WIDTH),
    )[int(random.integers(5))]
