"""The five raw channels of the shop "Lantern", cleaned end to end with the functions of this package.

Nothing here knows the truth: every decision rests on the files themselves.  The card of the files says how
each channel writes.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from bigmkt_helpers import tables
from bigmkt_helpers.cleaning import duplicates as same
from bigmkt_helpers.cleaning.identity import (
    normalise_card,
    normalise_email,
    normalise_phone,
    pairwise_scores,
    resolve_identities,
)
from bigmkt_helpers.cleaning.ledger import CleaningLedger
from bigmkt_helpers.cleaning.parsers import parse_dates, parse_money, parse_quantities, plain_text
from bigmkt_helpers.cleaning.readers import (
    mend_mojibake,
    read_delimited,
    read_fixed_width,
    read_json_lines,
    read_sqlite,
)
from bigmkt_helpers.errors import InputError

__all__ = ["CleanShop", "clean_shop", "identity_scores", "score_repairs"]

ZONE = "Asia/Shanghai"
DAY = pd.Timedelta(days=1)
GENDERS = {
    **dict.fromkeys(("f", "female", "女", "woman"), "female"),
    **dict.fromkeys(("m", "male", "男", "man"), "male"),
    **dict.fromkeys(("o", "other", "其他"), "other"),
}
STARS = {
    **{word: n for n, word in enumerate(("zero", "one", "two", "three", "four", "five"))},
    **{word: n for n, word in enumerate("零一二三四五")},
}
# No data can tell why a value is missing; these are the names that the log of the shop's dirt gives the gaps.
GAPS = {"birth_year": "missing_mcar", "city": "missing_mar", "monthly_income": "missing_mnar"}


@dataclass
class CleanShop:
    """The tables that came out of the raw channels, and the ledger that says how.

    Customers, products, orders, returns, sessions and ratings keep to the schemas of
    :mod:`bigmkt_helpers.tables`, and have further columns beside them.

    Parameters
    ----------
    customers : pandas.DataFrame
        One row per person: `customer_id` (a number of our own), the register's columns, `accounts`.  A
        consent that was not recorded counts as not given.
    accounts : pandas.DataFrame
        One row per account of the register, with its `customer_id`; index: row in the database.
    products : pandas.DataFrame
        The catalogue.
    orders, returns : pandas.DataFrame
        One row per line, in CNY and UTC; `customer_id` (Int64) is missing where nothing tells.
    sessions, ratings : pandas.DataFrame
        Views, with a `customer_id` as the orders have, and ratings.
    ledger : CleaningLedger
    devices : dict of str to int
        Person behind each device of the app, where one is known.

    Notes
    -----
    Every event carries the `file` and `row` it came from.
    """

    customers: pd.DataFrame
    accounts: pd.DataFrame
    products: pd.DataFrame
    orders: pd.DataFrame
    returns: pd.DataFrame
    sessions: pd.DataFrame
    ratings: pd.DataFrame
    ledger: CleaningLedger = field(repr=False)
    devices: dict[str, int] = field(default_factory=dict, repr=False)


def clean_shop(folder, *, cny_per_usd=7.20) -> CleanShop:
    """Clean the five raw channels in a folder.

    Parameters
    ----------
    folder : str or path
        Holds `web_orders.csv`, `store_tills.csv`, `app_events.jsonl.gz`, `crm.sqlite` and `ratings.csv`.
    cny_per_usd : float
        The web shop's exchange rate, CNY for one USD.

    Returns
    -------
    CleanShop
        After a proof, for every file, that each of its rows stands in a table or was set aside with a reason;
        a row that broke a rule of its table's schema was set aside under the kind "breaks_schema".

    Raises
    ------
    InputError
        If a file is missing, empty or not what its name says, or lacks a column.

    Examples
    --------
    >>> clean_shop("no/such/folder")
    Traceback (most recent call last):
        ...
    bigmkt_helpers.errors.InputError: The folder no/such/folder does not exist: check the name and the folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"The folder {folder.as_posix()} does not exist: check the name and the folder.")
    if not np.isfinite(cny_per_usd) or cny_per_usd <= 0:
        raise InputError(f"cny_per_usd={cny_per_usd!r} must be a positive number.")
    ledger = CleaningLedger()
    products = _products(folder, ledger)
    accounts = _accounts(folder, ledger)
    owners = _Owners(accounts)
    catalogue = _Catalogue(products)
    web = _web(folder, ledger, catalogue, owners, cny_per_usd)
    tills = _tills(folder, ledger, catalogue, owners)
    app, views, devices = _app(folder, ledger, catalogue, owners)
    ratings = _ratings(folder, ledger, catalogue, owners)

    lines = pd.concat([web, tills, app], ignore_index=True).sort_values(
        ["time", "channel", "number", "line_number"], kind="stable", ignore_index=True
    )
    lines["order_id"] = (pd.factorize(lines["channel"] + lines["number"])[0] + 1).astype("int64")
    shared = ["customer_id", "channel", "product_id", "category", "quantity", "unit_price", "spend"]
    origin = ["number", "file", "row"]
    back = lines["returned"].to_numpy(dtype=bool)
    orders = lines.loc[~back, ["order_id", "line_number", "time", *shared, *origin]]
    returns = lines.loc[back, ["order_id", "line_number", "time", *shared, *origin]]
    returns = returns.assign(quantity=returns["quantity"].abs(), spend=returns["spend"].abs())
    orders = _in_schema(orders.rename(columns={"time": "order_time"}), tables.ORDERS, ledger)
    returns = _in_schema(returns.rename(columns={"time": "return_time"}), tables.RETURNS, ledger)

    for file in ledger.files:
        out = [t.loc[t["file"] == file, "row"] for t in (orders, returns, views, ratings)]
        out.append(products.loc[products["file"] == file, "row"])
        out.append(accounts.loc[accounts["file"] == file, "row"])
        ledger.prove(file, pd.concat(out))
    return CleanShop(
        _customers(accounts), accounts, products, orders, returns, views, ratings, ledger, devices
    )


def identity_scores(shop, identities) -> pd.DataFrame:
    """How well the accounts and keys of one person were put together.

    Parameters
    ----------
    shop : CleanShop
    identities : pandas.DataFrame
        The truth: `key`, `value` (normalised), `customer_id`, `shared`.

    Returns
    -------
    pandas.DataFrame
        `pairwise_scores` for the accounts alone, and for all keys together (accounts, e-mail addresses,
        telephone numbers, cards, devices) that belong to one person.
    """
    found = {("account", row.account): row.customer_id for row in shop.accounts.itertuples()}
    for column, normalise in (
        ("email", normalise_email),
        ("phone", normalise_phone),
        ("loyalty_card", normalise_card),
    ):
        for value, person in zip(shop.accounts[column], shop.accounts["customer_id"]):
            value = normalise(value)
            if value:
                found[column, value] = person
    for device, person in shop.devices.items():
        found["device", device] = person
    own = identities[~identities["shared"]]
    put = [found.get(key) for key in zip(own["key"], own["value"])]
    rows = {}
    accounts = (own["key"] == "account").to_numpy()
    for name, mask in (("accounts", accounts), ("all keys", np.ones(len(own), dtype=bool))):
        picked = [person for person, use in zip(put, mask) if use]
        rows[name] = pairwise_scores(own["customer_id"].to_numpy()[mask], picked)
    return pd.DataFrame(rows).T


def score_repairs(findings, dirt, tolerance=0.05) -> pd.DataFrame:
    """How many of the repaired values are the true ones.

    Parameters
    ----------
    findings, dirt : pandas.DataFrame
        The ledger's findings, and the log with `true_value`.
    tolerance : float
        Difference allowed between numbers, in CNY: a figure in USD was rounded to a cent, which is 7.2 fen.

    Returns
    -------
    pandas.DataFrame
        Per kind: `compared`, `right` and `share`.
    """
    keys = ["file", "row", "kind", "column"]
    done = findings[(findings["outcome"] == "repaired") & (findings["new_value"] != "")]
    both = dirt[dirt["true_value"] != ""].merge(done.drop_duplicates(keys), on=keys)
    a, b = (pd.to_numeric(both[c], errors="coerce") for c in ("true_value", "new_value"))
    right = (both["true_value"] == both["new_value"]) | ((a - b).abs() <= tolerance)
    table = right.groupby(both["kind"]).agg(compared="size", right="sum")
    table["share"] = table["right"] / table["compared"]
    return table


class _Sheet:
    """Rows of one file on their way; whatever happens to them is written down."""

    def __init__(self, raw, columns):
        missing = [c for c in columns if c not in raw.frame.columns]
        if missing:
            have = ", ".join(map(repr, raw.frame.columns[:12]))
            raise InputError(f"{raw.file} has no column {missing[0]!r}; it has {have}: export it again.")
        self.raw, self.ledger, self.file = raw, raw.ledger, raw.file
        self.frame = raw.frame.copy()

    def aside(self, mask, kind, reason, column=""):
        """Set rows aside; the frame keeps the others."""
        mask = np.asarray(mask, dtype=bool)
        rows = self.frame.index[mask]
        old = self.frame.loc[rows, column] if column else [self.raw.lines.get(row, "") for row in rows]
        self.ledger.add_rows(self.file, rows, kind, column, old, None, "set_aside", reason)
        self.frame = self.frame[~mask]

    def repair(self, mask, kind, column, new, reason):
        """Write down that a column of some rows was given new values (in the order of the frame)."""
        mask = np.asarray(mask, dtype=bool)
        rows = self.frame.index[mask]
        new = np.asarray(new, dtype=object)[mask] if np.ndim(new) else [new] * len(rows)
        old = self.frame.loc[rows, column] if column in self.frame else None
        self.ledger.add_rows(self.file, rows, kind, column, old, new, "repaired", reason)

    def keep(self, mask, kind, column, reason):
        """Write down what was noticed and left as it is."""
        self.ledger.add_rows(
            self.file, self.frame.index[np.asarray(mask, dtype=bool)], kind, column, reason=reason
        )

    def text(self, column, normalise):
        """Bring a text column into its plain form; rows that were not are repaired (`case_or_blank`)."""
        raw = self.frame[column]
        plain = pd.Series([normalise(v) for v in raw], index=raw.index, dtype="str")
        given = raw.notna() & (raw.astype("str") != "")
        changed = given & (plain != raw.astype("str")) & (plain != "")
        self.repair(changed, "case_or_blank", column, plain, "capitals, blanks or full-width signs")
        self.frame[column] = plain

    def quantity(self, column, ordinary=None):
        """Whole numbers of a column as `quantity`; `ordinary` matches spellings that are no dirt here."""
        table = parse_quantities(self.frame[column], decimal=",")
        bad = table["value"].isna() | (table["value"].abs() >= 2**53)
        dressed = (table["finding"] == "text").to_numpy()
        if ordinary:
            dressed = dressed & ~self.frame[column].astype("str").str.fullmatch(ordinary).to_numpy(dtype=bool)
        new = [_number(v) for v in table["value"]]
        self.repair(dressed, "text_quantity", column, new, "a quantity in other signs than plain digits")
        self.frame["quantity"] = table["value"]
        self.aside(bad, "unreadable_quantity", "the quantity is no whole number", column)
        self.frame["quantity"] = self.frame["quantity"].astype("int64")

    def money(self, price, total, listed, comma=False):
        """Price of one unit and sum of the line in the file's own currency, as `unit_price` and `spend`."""
        frame = self.frame
        tables = {name: parse_money(frame[name], decimal=".") for name in (price, total)}
        for name, table in tables.items():
            if comma:
                turned = table["finding"] == "decimal_comma"
                new = [_money(v) for v in table["value"]]
                self.repair(turned, "decimal_comma", name, new, "comma and dot have changed places")
        unit, sums = (tables[name]["value"].copy() for name in (price, total))
        quantity = frame["quantity"].astype("float64")
        factor = np.where((unit.fillna(sums / quantity) / listed).between(45, 110), 100.0, 1.0)
        for name, values in ((price, unit), (total, sums)):
            new = [_money(v) for v in values / factor]
            self.repair(
                (factor > 1) & values.notna(), "price_in_cents", name, new, "100 times the list price"
            )
        unit, sums = unit / factor, sums / factor
        gap = unit.isna() & sums.notna() & (quantity != 0)
        filled = (sums / quantity).round(2)
        self.repair(
            gap, "missing_value", price, [_money(v) for v in filled], "sum of the line by its quantity"
        )
        unit = unit.where(~gap, filled)
        gap = sums.isna() & unit.notna()
        filled = (unit * quantity).round(2)
        self.repair(gap, "missing_value", total, [_money(v) for v in filled], "price by quantity")
        sums = sums.where(~gap, filled)
        self.frame["unit_price"], self.frame["spend"] = unit.round(2), sums.round(2)
        lost = self.frame["unit_price"].isna() | self.frame["spend"].isna()
        self.aside(lost, "unreadable_price", "neither the price nor the sum of the line can be read", price)

    def exact(self):
        lines = pd.Series({row: self.raw.lines[row] for row in self.frame.index}, dtype="str")
        again = lines.duplicated().to_numpy()
        self.aside(again, "exact_duplicate", "the same line stands further up")

    def unknown(self, column, catalogue):
        """Set aside what the catalogue does not know; add product, category and list price."""
        known = self.frame[column].map(catalogue.product)
        self.aside(known.isna(), "unknown_product", "the catalogue does not know the product", column)
        self.frame["product_id"] = known[known.notna()].astype("int64")
        self.frame["category"] = self.frame["product_id"].map(catalogue.category).astype("str")


class _Catalogue:
    def __init__(self, products):
        self.product = {**dict(zip(products["sku"], products["product_id"]))}
        self.product |= dict(zip(products["barcode"], products["product_id"]))
        self.category = dict(zip(products["product_id"], products["category"]))
        self.price = dict(zip(products["product_id"], products["unit_price"]))


class _Owners:
    """Which person a key belongs to; a key of several persons belongs to nobody."""

    def __init__(self, accounts):
        self.by = {}
        self.shared = {}
        for column in ("email", "phone", "loyalty_card", "account"):
            used = accounts[accounts[column] != ""]
            persons = used.groupby(column)["customer_id"].agg(["min", "nunique"])
            self.by[column] = persons.loc[persons["nunique"] == 1, "min"].to_dict()
            self.shared[column] = set(persons.index[persons["nunique"] > 1])

    def of(self, column, values) -> pd.Series:
        return values.map(self.by[column]).astype("Int64")


def _products(folder, ledger) -> pd.DataFrame:
    raw = read_sqlite(folder / "crm.sqlite", "products", ledger=ledger)
    sheet = _Sheet(raw, ["sku", "barcode", "category", "list_price", "unit_cost", "launch_date"])
    sheet.text("sku", _sku)
    sheet.text("category", lambda v: plain_text(v).lower())
    bad = ~sheet.frame["sku"].str.fullmatch(r"LT-\d{5,15}") | sheet.frame["sku"].duplicated()
    sheet.aside(bad, "bad_key", "no number of a product, or one that occurs further up", "sku")
    frame = sheet.frame
    frame["product_id"] = frame["sku"].str[3:].astype("int64")
    for column in ("list_price", "unit_cost"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce").astype("float64")
    frame["launch_date"] = parse_dates(frame["launch_date"], earliest="1950-01-01")["time"].dt.tz_localize(
        None
    )
    texts = [c for c in ("barcode", "title", "title_zh", "description", "description_zh") if c in frame]
    frame[texts] = frame[texts].astype("str")
    frame = frame.rename(columns={"list_price": "unit_price"})
    first = ["product_id", "sku", "barcode", "category"]
    frame = _placed(frame[[*first, *(c for c in frame if c not in first)]], sheet.file)
    return _in_schema(frame, tables.PRODUCTS, ledger)


def _accounts(folder, ledger) -> pd.DataFrame:
    raw = read_sqlite(folder / "crm.sqlite", "customers", ledger=ledger)
    columns = [
        *("account", "created_at", "name", "email", "phone", "loyalty_card", "gender", "birth_year", "city"),
    ]
    sheet = _Sheet(raw, columns)
    name = sheet.frame["name"].astype("str").where(sheet.frame["name"].notna(), "")
    email = sheet.frame["email"].map(normalise_email)
    test = name.str.startswith("测试") | email.str.contains("@test.", regex=False)
    sheet.aside(test, "test_account", "an account of staff trying the system", "email")
    sheet.frame["account"] = sheet.frame["account"].map(plain_text).astype("str")
    key = sheet.frame["account"]
    why = "no number of an account, or one that occurs further up"
    sheet.aside((key == "") | key.duplicated(), "bad_key", why, "account")
    frame = sheet.frame
    named = frame["name"].map(lambda v: v if isinstance(v, str) else "")
    mended = named.map(mend_mojibake)
    sheet.repair(mended != named, "broken_encoding", "name", mended, "UTF-8 that was read as latin-1")
    frame["name"] = mended.map(plain_text)
    sheet.text("email", normalise_email)
    sheet.text("city", plain_text)
    phone = frame["phone"].map(normalise_phone)
    odd = (phone != "") & (phone != frame["phone"])
    sheet.repair(odd, "phone_format", "phone", phone, "another spelling of the number")
    frame["phone"] = phone
    frame["loyalty_card"] = frame["loyalty_card"].map(normalise_card)
    gender = frame["gender"].map(lambda v: GENDERS.get(plain_text(v).lower(), ""))
    variant = (gender != "") & (gender != frame["gender"])
    sheet.repair(variant, "label_variant", "gender", gender, "another label for the same thing")
    frame["gender"] = gender
    year = _integers(frame["birth_year"]).astype("float64")
    joined = pd.to_datetime(frame["created_at"], errors="coerce")
    strange = year.notna() & ~((year > 1905) & (year <= joined.dt.year.fillna(2024) - 5))
    sheet.keep(strange, "impossible_birth_year", "birth_year", "no plausible year of birth: taken as missing")
    for column, kind in GAPS.items():
        if column in frame:
            gap = frame[column].isna() if column != "city" else frame["city"] == ""
            sheet.keep(gap, kind, column, "not given: left open, to be imputed inside the fold")
    frame["birth_year"] = year.where(~strange).astype("Int64")
    frame["city"] = frame["city"].mask(frame["city"] == "")
    frame["created_at"] = joined

    found = resolve_identities(frame.set_index("account"), birth_year="birth_year")
    frame["customer_id"] = found["person"].to_numpy() + 1
    order = frame["created_at"].rank(method="first").to_numpy()
    later = pd.Series(order, index=frame.index) > pd.Series(order, index=frame.index).groupby(
        frame["customer_id"]
    ).transform("min")
    sheet.keep(later, "merged_identity", "", "a second account of the same person")
    family = found["refused"].str.contains("email").to_numpy()
    sheet.keep(family, "shared_email", "email", "two people with one address: not joined")
    texts = ["account", "name", "email", "phone", "loyalty_card", "gender", "age_band", "city_tier"]
    for column in texts:
        if column in frame:
            frame[column] = frame[column].astype("str")
    for column in ("monthly_income", "email_consent", "app_user"):
        if column in frame:
            frame[column] = _integers(frame[column])
    return _placed(frame, sheet.file)


def _customers(accounts) -> pd.DataFrame:
    """One row per person: the oldest account's values, gaps filled from the later ones."""
    ordered = accounts.sort_values("created_at", kind="stable").drop(columns=["file", "row"])
    texts = ordered.select_dtypes("str").columns
    ordered[texts] = ordered[texts].mask(ordered[texts] == "")
    grouped = ordered.groupby("customer_id", sort=True)
    table = grouped.first().drop(columns="account").rename(columns={"created_at": "join_date"})
    table["accounts"] = grouped.size()
    table["join_date"] = table["join_date"].dt.normalize()
    if "city_tier" in table:
        tier = _integers(table["city_tier"])
        table["city_tier"] = tier.mask((tier < 1).fillna(False))
    for column in ("email_consent", "app_user"):
        if column in table:
            table[column] = (table[column] == 1).fillna(False).astype("bool")
    table = table.reset_index()
    return table.assign(**tables.CUSTOMERS.conform(table))


def _web(folder, ledger, catalogue, owners, rate) -> pd.DataFrame:
    raw = read_delimited(folder / "web_orders.csv", ledger=ledger)
    names = [*("order_no", "line", "created_at", "status", "email", "sku", "qty", "unit_price", "currency")]
    sheet = _Sheet(raw, [*names, "line_total"])
    sheet.exact()
    sheet.text("email", normalise_email)
    staff = sheet.frame["email"].str.contains("@test.", regex=False)
    sheet.aside(staff, "test_account", "an order of staff trying the system", "email")
    sheet.text("sku", _sku)
    before = sheet.frame
    _times(sheet, "created_at", parse_dates(sheet.frame["created_at"], zone=ZONE), ["order_no", "status"])
    lost = before[
        ~before.index.isin(sheet.frame.index)
    ]  # what is known of rows without a moment is noted too
    for kind, column, mask in (
        ("returned", "", lost["status"] == "returned"),
        ("missing_key", "email", lost["email"] == ""),
        ("shared_key", "email", lost["email"].isin(owners.shared["email"])),
    ):
        ledger.add_rows(sheet.file, lost.index[mask], kind, column, reason="noted of a row without a moment")
    sheet.quantity("qty", r"-?[0-9]+")
    sheet.unknown("sku", catalogue)
    frame = sheet.frame
    listed = frame["product_id"].map(catalogue.price)
    frame["listed"] = listed
    dollars = (frame["currency"] == "USD").to_numpy()
    # a price in dollars is about 1/7 of the list price; one beside the list price was never in dollars
    price = parse_money(frame["unit_price"], decimal=".")["value"]
    total = parse_money(frame["line_total"], decimal=".")["value"]
    ratio = price.fillna(total / frame["quantity"]) / listed
    wrong = dollars & ratio.between(0.5, 1.5).to_numpy()
    sheet.repair(wrong, "wrong_currency", "currency", "CNY", "the price is the list price in CNY")
    foreign = dollars & ~wrong
    strange = ~frame["currency"].isin(["CNY", "USD"]).to_numpy()
    frame["foreign"] = foreign
    sheet.aside(strange, "unknown_currency", "a currency without a stated rate", "currency")
    was = sheet.frame[["unit_price", "line_total"]].copy()
    sheet.money(
        "unit_price", "line_total", sheet.frame["listed"] / np.where(sheet.frame["foreign"], rate, 1.0)
    )
    frame = sheet.frame
    foreign = frame["foreign"].to_numpy()
    unit = (frame["unit_price"] * rate).round(2)
    for share in (
        1.0,
        0.9,
    ):  # the figure in dollars was rounded: a price that rounds to it is the likelier one
        likely = (frame["listed"] * share).round(2)
        fits = ((likely / rate).round(2) - frame["unit_price"]).abs() < 0.001
        unit = unit.mask(fits, likely)
    spend = (unit * frame["quantity"]).round(2)
    spend = spend.where((spend / rate - frame["spend"]).abs() < 0.02, (frame["spend"] * rate).round(2))
    for column, new in (("unit_price", unit), ("line_total", spend)):
        there = was.loc[frame.index, column] != ""
        new = [_money(v) for v in new]
        sheet.repair(foreign & there, "foreign_currency", column, new, f"USD at {rate:g} CNY")
    frame["unit_price"] = frame["unit_price"].where(~foreign, unit)
    frame["spend"] = frame["spend"].where(~foreign, spend)

    _double_clicks(sheet, frame["status"] == "completed", "order_no", "email")
    void = sheet.frame["status"] == "cancelled"
    sheet.aside(void, "cancelled", "the order came to nothing", "status")
    parts = same.part_returns(sheet.frame, status="status", returned=["returned"])
    sheet.keep(parts["returned"], "returned", "", "goods sent back: in the table of returns")
    frame = sheet.frame
    sheet.keep(frame["email"] == "", "missing_key", "email", "nothing tells the customer")
    family = frame["email"].isin(owners.shared["email"])
    sheet.keep(family, "shared_key", "email", "the address of a family: nothing tells who")
    frame["customer_id"] = owners.of("email", frame["email"])
    return _lines(sheet, "web", "order_no", "line", parts["returned"])


def _tills(folder, ledger, catalogue, owners) -> pd.DataFrame:
    raw = read_delimited(folder / "store_tills.csv", ledger=ledger)
    names = [*("小票号", "行号", "时间", "会员卡号", "商品条码", "数量", "单价", "金额", "类型")]
    sheet = _Sheet(raw, names)
    sheet.exact()
    sheet.text("会员卡号", normalise_card)
    staff = sheet.frame["会员卡号"].str.fullmatch(r"TEST\d*")
    sheet.aside(staff, "test_account", "a receipt of staff trying the system", "会员卡号")
    sheet.frame["商品条码"] = sheet.frame["商品条码"].map(plain_text)

    # the receipt's number holds the day of the sale, which decides between d/m/y and m/d/y
    frame = sheet.frame
    day = pd.to_datetime(
        "20" + frame["小票号"].str.extract(r"-(\d{6})-")[0], format="%Y%m%d", errors="coerce"
    )
    back = frame["类型"] == "退货"
    readings = [
        parse_dates(frame["时间"], zone=ZONE, day_first=first).assign(
            local=lambda t: t["time"].dt.tz_convert(ZONE).dt.tz_localize(None)
        )
        for first in (True, False)
    ]
    fits = []
    for reading in readings:
        apart = reading["local"].dt.normalize() - day
        fits.append(np.where(back, (apart >= 0 * DAY) & (apart <= 60 * DAY), apart == 0 * DAY))
    swapped = (fits[1] & ~fits[0]) | (fits[0] & (readings[0]["finding"] == "swapped_day_month").to_numpy())
    table = readings[0].copy()
    use = fits[1] & ~fits[0]
    table.loc[use, ["time", "local"]] = readings[1].loc[use, ["time", "local"]]
    lost = ~(fits[0] | fits[1]) & day.notna()
    # neither reading is the day of the receipt: the day comes from the number, the hour from the text
    clock = pd.to_timedelta(frame["时间"].str.extract(r"(\d{1,2}:\d{2})\s*$")[0] + ":00", errors="coerce")
    mended = (day + clock).dt.tz_localize(ZONE).dt.tz_convert("UTC").dt.as_unit("us")
    from_number = lost & ~back & clock.notna()
    table.loc[from_number, "time"] = mended[from_number]
    table["finding"] = ""
    table.loc[swapped, "finding"] = "swapped_day_month"
    table.loc[lost | table["time"].isna(), "finding"] = "impossible_date"
    new = _stamps(table["time"])
    sheet.repair(swapped, "swapped_day_month", "时间", new, "month before day: the receipt's number tells")
    sheet.repair(from_number, "impossible_date", "时间", new, "the day of the receipt's number")
    frame["time"] = table["time"]
    unknown = (table["finding"] == "impossible_date") & ~from_number
    sheet.aside(unknown, "impossible_date", "there is no such day, and nothing tells the true one", "时间")

    sheet.quantity("数量", r"[-−]?[0-9]+")
    sheet.unknown("商品条码", catalogue)
    sheet.money("单价", "金额", sheet.frame["product_id"].map(catalogue.price), comma=True)
    sheet.aside(sheet.frame["类型"] == "作废", "cancelled", "the receipt was voided", "类型")
    parts = same.part_returns(sheet.frame, status="类型", returned=["退货"])
    sheet.keep(parts["returned"], "returned", "", "goods brought back: in the table of returns")
    frame = sheet.frame
    sheet.keep(frame["会员卡号"] == "", "missing_key", "会员卡号", "no card was shown")
    frame["customer_id"] = owners.of("loyalty_card", frame["会员卡号"])
    return _lines(sheet, "store", "小票号", "行号", parts["returned"])


def _app(folder, ledger, catalogue, owners) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    raw = read_json_lines(folder / "app_events.jsonl.gz", ledger=ledger)
    names = [
        "ts",
        "event",
        "session",
        "device",
        "phone",
        "sku",
        "app",
        "order",
        "line",
        "qty",
        "price",
        "total",
    ]
    sheet = _Sheet(raw, names)
    sheet.exact()
    for column in ("event", "session", "device", "order"):
        sheet.frame[column] = sheet.frame[column].map(plain_text).astype("str")
    staff = sheet.frame["device"].str.startswith("TEST-")
    sheet.aside(staff, "test_account", "a device of staff trying the system", "device")
    known = sheet.frame["event"].isin(["view", "purchase", "refund", "cancel"])
    sheet.aside(~known, "unknown_event", "an event of another kind", "event")
    table = parse_dates(sheet.frame["ts"], earliest="2000-01-01")
    quick = table["finding"] == "epoch_seconds"
    sheet.repair(quick, "epoch_seconds", "ts", _stamps(table["time"]), "seconds for milliseconds")
    group = sheet.frame["session"].where(sheet.frame["event"] == "view", sheet.frame["order"])
    sheet.frame["group"] = sheet.frame["event"] + group
    _times(sheet, "ts", table, ["group"], previous=True)
    views = sheet.frame["event"] == "view"
    bots = np.zeros(len(sheet.frame), dtype=bool)
    bots[views.to_numpy()] = same.flag_bots(sheet.frame[views], "session", "time", "app")
    sheet.aside(bots, "bot", "a robot: it says so, or reads faster than people", "app")
    sheet.text("sku", _sku)
    sheet.frame["phone"] = sheet.frame["phone"].map(normalise_phone).astype("str")
    sheet.unknown("sku", catalogue)

    # a device that is logged in elsewhere, always by one person, tells who it is
    frame = sheet.frame
    person = owners.of("phone", frame["phone"])
    logged = pd.DataFrame({"device": frame["device"], "person": person}).dropna()
    owner = logged[logged["device"] != ""].groupby("device")["person"].agg(["min", "nunique"])
    devices = owner.loc[owner["nunique"] == 1, "min"].astype("int64").to_dict()
    seen_with = frame.loc[person.notna(), ["device", "phone"]].drop_duplicates("device")
    number = dict(zip(seen_with["device"], seen_with["phone"]))
    by_device = frame["device"].map(devices).astype("Int64")
    frame["customer_id"] = person.fillna(by_device)

    # orders
    void = frame["event"] == "cancel"
    pairs = set(zip(frame.loc[void, "order"], frame.loc[void, "line"]))
    named = [pair in pairs for pair in zip(frame["order"], frame["line"])]
    void |= (frame["event"] == "purchase").to_numpy() & np.array(named, dtype=bool)
    sheet.aside(void, "cancelled", "the order was cancelled", "event")
    frame = sheet.frame
    who = frame["customer_id"].astype("str")
    frame["who"] = frame["phone"].where(frame["phone"] != "", frame["device"])
    frame["who"] = who.where(frame["customer_id"].notna(), frame["who"])
    views = (frame["event"] == "view").to_numpy()

    # the columns of lines concern only lines: part the sheet, finish each part, and prove the sum later
    seen = _part(sheet, views)
    sheet.frame = frame[~views]
    sheet.quantity("qty")
    sheet.money("price", "total", sheet.frame["product_id"].map(catalogue.price))
    _double_clicks(sheet, sheet.frame["event"] == "purchase", "order", "who")
    back = sheet.frame["event"] == "refund"
    sheet.keep(back, "returned", "", "goods sent back: in the table of returns")
    for part in (sheet, seen):
        gap = part.frame["phone"] == ""
        told = gap & part.frame["customer_id"].notna()
        new = part.frame["device"].map(number).astype(object)
        part.repair(told, "missing_key", "phone", new, "not logged in: the device tells who")
        part.keep(gap & ~told, "missing_key", "phone", "not logged in, and the device tells nothing")
    lines = _lines(sheet, "app", "order", "line", back)
    frame = seen.frame.sort_values("time", kind="stable")
    frame["session_id"] = (pd.factorize(frame["session"])[0] + 1).astype("int64")
    frame = _placed(frame, sheet.file).rename(columns={"time": "timestamp"})
    columns = ["session_id", "customer_id", "timestamp", "product_id", "category", "session", "file", "row"]
    return lines, _in_schema(frame[columns], tables.SESSIONS, sheet.ledger), devices


def _ratings(folder, ledger, catalogue, owners) -> pd.DataFrame:
    spans = {"account": (2, 9), "sku": (11, 19), "time": (21, 34), "stars": (36, None)}
    raw = read_fixed_width(folder / "ratings.csv", spans, ledger=ledger)
    sheet = _Sheet(raw, list(spans))
    sheet.exact()
    staff = sheet.frame["account"].str.match(r"TEST")
    sheet.aside(staff, "test_account", "a rating by staff trying the system", "account")
    sheet.text("account", lambda v: plain_text(v).upper())
    sheet.text("sku", _sku)
    for column in ("time", "stars"):
        sheet.aside(sheet.frame[column] == "", "missing_rating", f"the {column} is missing", column)
    table = parse_dates(sheet.frame["time"], zone=ZONE)
    sheet.frame["timestamp"] = table["time"]
    sheet.aside(table["time"].isna(), "impossible_date", "there is no such day or time", "time")
    sheet.unknown("sku", catalogue)
    stars = sheet.frame["stars"].map(_stars)
    sheet.frame["rating"] = stars.astype("float64")
    sheet.aside(~stars.between(1, 5), "out_of_range", "not one of 1 to 5 stars", "stars")
    plain = sheet.frame["stars"].str.fullmatch("[1-5]").to_numpy(dtype=bool)
    new = [_number(v) for v in sheet.frame["rating"]]
    sheet.repair(~plain, "text_value", "stars", new, "stars in words or signs")
    sheet.frame["user"] = owners.of("account", sheet.frame["account"])
    lost = sheet.frame["user"].isna()
    sheet.aside(lost, "unknown_account", "the register does not know the account", "account")
    frame = _placed(sheet.frame, sheet.file).rename(columns={"product_id": "item"})
    frame["user"] = frame["user"].astype("int64")
    frame = frame[["user", "item", "rating", "timestamp", "file", "row"]]
    return _in_schema(frame, tables.RATINGS, sheet.ledger, duplicates="last")


# What several channels need


def _times(sheet, column, table, groups, previous=False):
    """Take over the moments; an impossible one becomes that of the rows of its group, if there are any."""
    frame = sheet.frame
    frame["time"] = table["time"]
    bad = frame["time"].isna().to_numpy()
    siblings = frame.groupby(groups)["time"]
    mended = siblings.ffill().fillna(siblings.bfill()) if previous else siblings.transform("min")
    fixed = bad & mended.notna().to_numpy()
    reason = "the moment of the row before it in the session, or beside it in the order"
    sheet.repair(fixed, "impossible_date", column, _stamps(mended), reason)
    frame["time"] = frame["time"].where(~fixed, mended)
    missing = (table["finding"] == "missing").to_numpy() & frame["time"].isna().to_numpy()
    why = "there is no such moment, and no row beside it tells the true one"
    sheet.aside(frame["time"].isna() & ~missing, "impossible_date", why, column)
    sheet.aside(sheet.frame["time"].isna(), "missing_value", "the moment is missing", column)


def _double_clicks(sheet, sales, order, customer):
    """Set aside orders that repeat an earlier one of the same customer within seconds."""
    sales = np.asarray(sales, dtype=bool)
    again = np.zeros(len(sales), dtype=bool)
    basket = ["product_id", "quantity", "unit_price"]
    again[sales] = same.flag_near_duplicate_orders(sheet.frame[sales], order, customer, "time", basket)
    sheet.aside(again, "near_duplicate", "the same basket again within seconds: a double click", order)


def _lines(sheet, channel, number, line, returned) -> pd.DataFrame:
    place = _integers(sheet.frame[line])
    place = place.mask((place < 1).fillna(False))
    sheet.keep(place.isna(), "unreadable_line", line, "no number of a line: placed after those that have one")
    of_order = sheet.frame[number].astype("str")
    behind = place.isna().groupby([of_order, place.isna()]).cumcount() + 1
    place = place.fillna(place.groupby(of_order).transform("max").fillna(0) + behind)
    frame = _placed(sheet.frame, sheet.file)
    frame = frame.assign(
        channel=channel,
        number=frame[number].astype("str"),
        line_number=place.astype("int64").to_numpy(),
        returned=np.asarray(returned, dtype=bool),
    )
    columns = [
        "number",
        "line_number",
        "customer_id",
        "time",
        "channel",
        "product_id",
        "category",
        "quantity",
    ]
    return frame[[*columns, "unit_price", "spend", "returned", "file", "row"]]


def _in_schema(frame, schema, ledger, duplicates="first") -> pd.DataFrame:
    """The frame with the types of the schema; rows that break a rule of it are set aside with the reason."""
    frame = frame.reset_index(drop=True)
    kept, aside = schema.set_aside(frame, duplicates=duplicates)
    for file, row, reason in zip(aside["file"], aside["row"], aside["reason"]):
        ledger.add(file, row, "breaks_schema", outcome="set_aside", reason=f"{schema.name}: {reason}")
    if "customer_id" in kept:
        kept["customer_id"] = kept["customer_id"].astype("Int64")  # also where every customer is known
    return frame.loc[kept.index].assign(**kept).reset_index(drop=True)


def _part(sheet, mask) -> _Sheet:
    """A sheet of some of the rows, which writes into the same ledger."""
    part = object.__new__(_Sheet)
    part.raw, part.ledger, part.file = sheet.raw, sheet.ledger, sheet.file
    part.frame = sheet.frame[mask].copy()
    return part


def _placed(frame, file) -> pd.DataFrame:
    return frame.assign(file=file, row=frame.index.to_numpy()).reset_index(drop=True)


def _integers(values) -> pd.Series:
    """Whole numbers as Int64; missing where there is none."""
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    fine = np.isfinite(numbers) & (numbers % 1 == 0) & (numbers.abs() < 2**53)
    return numbers.where(fine).astype("Int64")


def _sku(value) -> str:
    return re.sub(r"\s", "", plain_text(value)).upper()


def _stars(text) -> float:
    text = plain_text(text).lower().removesuffix("星").removesuffix("stars").strip()
    if text and set(text) <= set("★⭐*"):
        return float(len(text))
    if text in STARS:
        return float(STARS[text])
    match = re.fullmatch(r"(-?\d{1,4})(?:[.,]0+)?", text)
    return float(match[1]) if match else np.nan


def _stamps(times) -> np.ndarray:
    """Moments as text, "2024-03-01T04:34:56Z"."""
    return times.dt.strftime("%Y-%m-%dT%H:%M:%SZ").to_numpy(dtype=object)


def _number(value) -> str:
    return "" if pd.isna(value) else f"{value:g}"


def _money(value) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"
