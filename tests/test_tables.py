"""The vocabulary, `conform` and `set_aside`: hand tables for every rule, and every kind of bad input."""

import datetime
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bigmkt_helpers import tables
from bigmkt_helpers.datasets import load_shop
from bigmkt_helpers.errors import BigmktError, InputError
from bigmkt_helpers.tables import (
    CAMPAIGNS,
    CUSTOMERS,
    INTERACTIONS,
    ITEMS,
    ORDERS,
    PRODUCTS,
    RATINGS,
    RETURNS,
    SESSIONS,
    TRANSACTIONS,
    Column,
    Schema,
    conform_ratings,
)

pytestmark = pytest.mark.unit

SHOP = [CUSTOMERS, PRODUCTS, ORDERS, RETURNS, SESSIONS, CAMPAIGNS]
SCHEMAS = [RATINGS, INTERACTIONS, ITEMS, TRANSACTIONS, *SHOP]


@pytest.fixture
def ratings():
    """Three ratings under foreign names, with index labels that are not positions."""
    return pd.DataFrame(
        {
            "movieId": [10, 20, 10],
            "userId": [1, 1, 2],
            "stars": [4, 5, 3],
            "when": pd.to_datetime([300, 100, 200], unit="s", utc=True),
            "noise": ["a", "b", "c"],
        },
        index=[7, 5, 9],
    )


NAMES = {"user": "userId", "item": "movieId", "rating": "stars"}


def sentence(frame, **arguments):
    """The message of the InputError that `conform_ratings` raises: one sentence, no line break."""
    with pytest.raises(InputError) as caught:
        conform_ratings(frame, **{**NAMES, **arguments})
    text = str(caught.value)
    assert isinstance(caught.value, BigmktError)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in text
    assert text.endswith(".")
    return text


# The vocabulary


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_schemas_use_the_vocabulary_and_say_so(schema):
    assert set(schema.names) <= set(tables.VOCABULARY)
    assert len(set(schema.names)) == len(schema.names)
    assert set(schema.key) <= set(schema.names)
    assert schema.latest is None or schema.latest in schema.names
    assert schema.average is None or schema.average in schema.names
    described = schema.describe()
    assert described.index.tolist() == schema.names
    assert described["meaning"].tolist() == [tables.VOCABULARY[name] for name in schema.names]
    assert getattr(tables, schema.name.upper()) is schema  # the messages name it so


def test_a_column_outside_the_vocabulary_is_refused():
    with pytest.raises(InputError, match="'usr' is not a name of the vocabulary"):
        Column("usr", "label")
    with pytest.raises(InputError, match="unknown kind 'float'"):
        Column("rating", "float")


# Good ratings


def test_conform_renames_types_and_keeps_order(ratings):
    table = conform_ratings(ratings, **NAMES, timestamp="when")
    assert table.columns.tolist() == ["user", "item", "rating", "timestamp"]
    assert table.index.tolist() == [7, 5, 9]
    assert table["user"].tolist() == [1, 1, 2]
    assert table["item"].tolist() == [10, 20, 10]
    assert table["rating"].tolist() == [4.0, 5.0, 3.0]
    assert table["timestamp"].tolist() == ratings["when"].tolist()
    assert [str(kind) for kind in table.dtypes] == ["int64", "int64", "float64", "datetime64[us, UTC]"]


def test_timestamp_comes_only_if_asked_for(ratings):
    renamed = ratings.rename(columns={"when": "timestamp"})
    assert "timestamp" not in conform_ratings(renamed, **NAMES)
    assert "timestamp" in RATINGS.conform(renamed, **NAMES)
    assert "timestamp" not in RATINGS.conform(renamed, **NAMES, timestamp=None)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (pd.Series([1, 2, 3], dtype="int16"), "int64"),
        (pd.Series([1, 2, 3], dtype="Int64"), "int64"),
        (pd.Series([1, 2, 3], dtype="uint64"), "int64"),
        (pd.Series([1.0, 2.0, 3.0]), "int64"),
        (pd.Series([1, 2, 3], dtype=object), "int64"),
        (pd.Series(["a", "b", "c"]), "str"),
        (pd.Series(["a", "b", "c"], dtype=object), "str"),
        (pd.Series(["a", "b", "c"], dtype="category"), "str"),
        (pd.Series(["李", "😀", "c"], dtype="string"), "str"),
    ],
)
def test_labels_come_out_as_whole_numbers_or_text(labels, kind):
    frame = pd.DataFrame({"user": labels, "item": [1, 1, 1], "rating": [1.0, 2.0, 3.0]})
    table = conform_ratings(frame)
    assert str(table["user"].dtype) == kind
    assert table["user"].tolist() == labels.tolist()


@pytest.mark.parametrize("kind", ["int8", "float32", "Int64", "Float64", "object", "int64[pyarrow]"])
def test_ratings_of_every_number_type_become_float64(ratings, kind):
    ratings["stars"] = ratings["stars"].astype(kind)
    table = conform_ratings(ratings, **NAMES, scale=(1, 5))
    assert table["rating"].dtype == np.float64
    assert table["rating"].tolist() == [4.0, 5.0, 3.0]


def test_implicit_rows_count_one(ratings):
    table = conform_ratings(ratings, "userId", "movieId", None)
    assert table.columns.tolist() == ["user", "item", "rating"]
    assert table["rating"].tolist() == [1.0, 1.0, 1.0]
    assert table["rating"].dtype == np.float64


def test_one_user_and_one_item_are_fine():
    frame = pd.DataFrame({"user": ["ann"], "item": ["tea"], "rating": [5]})
    assert conform_ratings(frame).to_dict("list") == {"user": ["ann"], "item": ["tea"], "rating": [5.0]}


def test_times_of_another_zone_become_utc(ratings):
    ratings["when"] = ratings["when"].dt.tz_convert("Asia/Shanghai")
    table = conform_ratings(ratings, **NAMES, timestamp="when")
    assert str(table["timestamp"].dtype) == "datetime64[us, UTC]"
    assert (table["timestamp"] == ratings["when"]).all()


def test_the_bounds_of_the_scale_are_allowed(ratings):
    assert len(conform_ratings(ratings, **NAMES, scale=(3, 5))) == 3


def test_input_is_never_changed(ratings):
    twice = pd.concat([ratings, ratings])
    before = twice.copy(deep=True)
    table = conform_ratings(twice, **NAMES, timestamp="when", duplicates="mean")
    RATINGS.set_aside(twice, **NAMES, timestamp="when")
    table.loc[:, "user"] = -1
    clean = conform_ratings(ratings, **NAMES)
    clean.loc[:, "rating"] = -1.0
    pd.testing.assert_frame_equal(twice, before)
    pd.testing.assert_frame_equal(ratings, before.iloc[:3])


# Duplicates


@pytest.fixture
def repeated():
    """User 1 rated item 10 three times; the newest is the middle row, and the last two share a time."""
    return pd.DataFrame(
        {
            "user": [1, 1, 2, 1],
            "item": [10, 10, 10, 10],
            "rating": [1.0, 2.0, 4.0, 3.0],
            "timestamp": pd.to_datetime([100, 900, 500, 900], unit="s", utc=True),
        }
    )


def test_duplicates_are_refused_by_default(repeated):
    with pytest.raises(InputError) as caught:
        conform_ratings(repeated)
    text = str(caught.value)
    for part in ("user and item", "2 of 4 rows", "row 1, user 1, item 10", "'last' or 'mean'"):
        assert part in text


def test_duplicates_last_keeps_the_newest_and_of_equals_the_lower(repeated):
    table = conform_ratings(repeated, timestamp="timestamp", duplicates="last")
    assert table.index.tolist() == [2, 3]
    assert table["rating"].tolist() == [4.0, 3.0]
    older = repeated.iloc[:3]
    assert conform_ratings(older, timestamp="timestamp", duplicates="last")["rating"].tolist() == [2.0, 4.0]
    upside_down = repeated.iloc[[1, 0, 2]]
    table = conform_ratings(upside_down, timestamp="timestamp", duplicates="last")
    assert table["rating"].tolist() == [2.0, 4.0]


def test_duplicates_last_needs_the_time(repeated):
    for frame in (repeated, repeated.iloc[:1]):
        with pytest.raises(InputError, match=r"duplicates='last' needs .* timestamp="):
            conform_ratings(frame, duplicates="last")


def test_duplicates_mean_averages_and_keeps_the_newest_time(repeated):
    table = conform_ratings(repeated, timestamp="timestamp", duplicates="mean")
    assert table.index.tolist() == [0, 2]
    assert table["rating"].tolist() == pytest.approx([2.0, 4.0], rel=1e-12)
    assert table["timestamp"].tolist() == pd.to_datetime([900, 500], unit="s", utc=True).tolist()


def test_implicit_duplicates_count_or_merge(repeated):
    counted = conform_ratings(repeated, rating=None, duplicates="sum")
    assert counted["rating"].tolist() == [3.0, 1.0]
    merged = conform_ratings(repeated, rating=None, duplicates="mean", timestamp="timestamp")
    assert merged["rating"].tolist() == [1.0, 1.0]
    assert merged["timestamp"].tolist() == pd.to_datetime([900, 500], unit="s", utc=True).tolist()
    with pytest.raises(InputError, match="interactions table names the same user and item again"):
        conform_ratings(repeated, rating=None)


def test_policies_that_make_no_sense_are_refused(repeated):
    with pytest.raises(InputError, match="would add ratings up"):
        conform_ratings(repeated, duplicates="sum")
    with pytest.raises(InputError, match="'first' is not known"):
        conform_ratings(repeated, duplicates="first")
    with pytest.raises(InputError, match="'mean' is not known"):
        RATINGS.set_aside(repeated, duplicates="mean")


# Bad ratings


def test_missing_columns_are_named_with_those_found_and_a_suggestion(ratings):
    with pytest.raises(InputError) as caught:
        conform_ratings(ratings)
    assert str(caught.value) == (
        "The ratings table has no column 'user' (the person who rates; in a shop, the customer); it has "
        "'movieId', 'userId', 'stars', 'when', 'noise': name yours with user='userId'."
    )
    text = sentence(ratings, rating="grade")
    assert "no column 'grade'" in text
    assert "rating='stars'" in text
    assert "'the name in your table'" in sentence(ratings, timestamp="clock")
    assert "no column at all" in sentence(pd.DataFrame())


def test_a_wide_table_names_only_some_of_its_columns():
    wide = pd.DataFrame({f"c{number}": [1] for number in range(50)})
    assert "'c11' and 38 more" in sentence(wide)


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("stars", [4, "five", 3], ["'stars'", "not a number", "1 of 3", "row 5", "'five'", "to_numeric"]),
        ("stars", ["4", "5", "3"], ["not a number", "3 of 3", "row 7"]),
        ("stars", [True, False, True], ["not a number", "3 of 3"]),
        ("stars", pd.to_datetime(["2020-01-01"] * 3), ["not a number", "3 of 3"]),
        ("stars", [4, np.nan, 3], ["'stars'", "missing", "1 of 3", "row 5"]),
        ("stars", [4, None, "x"], ["not a number", "1 of 3", "row 9"]),
        ("stars", [4, np.inf, -np.inf], ["infinite", "2 of 3", "row 5", "inf"]),
        ("userId", [1, np.nan, 2], ["'userId'", "missing", "1 of 3", "row 5"]),
        ("userId", ["a", None, ""], ["missing", "2 of 3", "row 5"]),
        ("userId", [None, None, None], ["missing", "3 of 3", "row 7"]),
        ("movieId", [10, pd.NA, 20], ["'movieId'", "missing", "1 of 3"]),
        (
            "userId",
            [1, "b", 2],
            ["'userId'", "not a whole number like the labels before", "1 of 3", "'b'", "astype"],
        ),
        ("userId", ["a", 2, 3], ["not text like the labels before", "2 of 3", "row 5"]),
        ("userId", [1.0, 1.5, 2.0], ["not a whole number", "1 of 3", "1.5"]),
        ("userId", [(1,), (2,), (3,)], ["neither a whole number nor text", "3 of 3"]),
        ("userId", [True, False, True], ["neither a whole number nor text", "3 of 3"]),
        ("userId", [2**70, 1, 2], ["too large", "1 of 3", "row 7"]),
        ("userId", np.array([1, 2**63, 2], dtype="uint64"), ["too large", "1 of 3", "row 5"]),
        ("when", [300, 100, 200], ["'when'", "not a moment with a time zone", "unit='s'"]),
        ("when", pd.to_datetime(["2020-01-01"] * 3), ["no time zone", "tz_localize"]),
        (
            "when",
            pd.to_datetime(["2020-01-01", None, "2020-01-01"], utc=True),
            ["missing", "1 of 3", "row 5"],
        ),
    ],
)
def test_bad_values_raise_one_clear_sentence(ratings, column, values, expected):
    ratings[column] = pd.Series(values, index=ratings.index)
    text = sentence(ratings, timestamp="when")
    for part in expected:
        assert part in text
    assert "tables.RATINGS.set_aside" in text


def test_off_scale(ratings):
    text = sentence(ratings, scale=(1, 4))
    assert "'stars'" in text
    assert "above 4 in 1 of 3 rows (first: row 5, value 5)" in text
    assert "below 4 in 1 of 3 rows (first: row 9, value 3)" in sentence(ratings, scale=(4, 5))


@pytest.mark.parametrize(
    "scale", [(5, 1), (1, 1), (1, np.inf), (1, np.nan), (1, 2, 3), 5, ("a", "b"), (None, 5)]
)
def test_a_scale_that_is_none(ratings, scale):
    assert "scale=" in sentence(ratings, scale=scale)


def test_other_refusals(ratings):
    assert "no rows" in sentence(ratings.iloc[:0])
    assert "without ratings" in sentence(ratings, rating=None, scale=(1, 5))
    assert "named twice" in sentence(ratings, item="userId")
    assert "pandas DataFrame, not list" in sentence([(1, 2, 3)])
    doubled = pd.concat([ratings, ratings[["stars"]]], axis=1)
    assert "2 columns named 'stars'" in sentence(doubled)
    with pytest.raises(InputError, match="knows no column 'usr'"):
        RATINGS.conform(ratings, usr="userId")
    with pytest.raises(InputError, match="cannot do without 'rating'"):
        RATINGS.conform(ratings, user="userId", item="movieId", rating=None)
    with pytest.raises(InputError, match="limits names 'spend'"):
        RATINGS.conform(ratings, **NAMES, limits={"spend": (0, 1)})


def test_long_values_are_cut_in_the_message(ratings):
    ratings["stars"] = ["x" * 10_000, 5, 3]
    assert len(sentence(ratings)) < 300


# set_aside


def test_set_aside_keeps_every_row_with_its_reasons():
    raw = pd.DataFrame(
        {
            "userId": ["ann", "ann", None, "bob", "ann", "eve"],
            "movieId": ["tea", "tea", "tea", "pot", "pot", "tea"],
            "stars": [5, 4, "good", 9, np.inf, 3],
        },
        index=[10, 11, 12, 13, 14, 10],
    )
    kept, aside = RATINGS.set_aside(raw, limits={"rating": (1, 5)}, **NAMES)
    assert kept["user"].tolist() == ["ann", "eve"]
    assert kept.index.tolist() == [10, 10]
    assert kept["rating"].dtype == np.float64
    assert dict(zip(aside.index, aside["reason"])) == {
        11: "'userId' and 'movieId' occur in another row that was kept",
        12: "'userId' is missing; 'stars' is not a number",
        13: "'stars' is above 5",
        14: "'stars' is infinite",
    }
    assert aside.columns.tolist() == [*raw.columns, "reason"]
    assert aside.loc[12, "stars"] == "good"
    pd.testing.assert_frame_equal(conform_ratings(kept), kept)


def test_set_aside_last_and_nothing_and_everything(repeated):
    kept, aside = RATINGS.set_aside(repeated, duplicates="last")
    assert kept.index.tolist() == [2, 3]
    assert aside.index.tolist() == [0, 1]
    kept, aside = RATINGS.set_aside(repeated.iloc[:0])
    assert (len(kept), len(aside)) == (0, 0)
    assert kept.columns.tolist() == ["user", "item", "rating", "timestamp"]
    kept, aside = RATINGS.set_aside(repeated.assign(rating="?"))
    assert (len(kept), len(aside)) == (0, 4)
    with pytest.raises(InputError, match="needs to know which row is the newest"):
        RATINGS.set_aside(repeated, timestamp=None, duplicates="last")
    with pytest.raises(InputError, match="already has a column 'reason'"):
        RATINGS.set_aside(repeated.assign(reason=""))


CELL = st.sampled_from([1, 2, 3.0, 1.5, "a", "", None, np.nan, np.inf, True, 2**70, pd.NA])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=8))
def test_set_aside_never_loses_a_row_and_what_it_keeps_conforms(rows):
    raw = pd.DataFrame(rows, columns=["user", "item", "rating"], dtype=object)
    raw.index = range(100, 100 + len(raw))
    before = raw.copy(deep=True)
    kept, aside = RATINGS.set_aside(raw, limits={"rating": (0, 2)})
    assert len(kept) + len(aside) == len(raw)
    assert sorted([*kept.index, *aside.index]) == raw.index.tolist()
    assert (aside["reason"] != "").all()
    pd.testing.assert_frame_equal(raw, before)
    pd.testing.assert_frame_equal(aside.drop(columns="reason"), raw.loc[aside.index])
    if len(kept):
        again = conform_ratings(kept, scale=(0, 2))
        pd.testing.assert_frame_equal(again, kept)
    if len(raw) and not len(aside):
        pd.testing.assert_frame_equal(conform_ratings(raw, scale=(0, 2)), kept)
    elif len(raw):
        with pytest.raises(InputError):
            conform_ratings(raw, scale=(0, 2))


# The other tables


def test_items_may_lack_title_and_year_but_not_repeat():
    frame = pd.DataFrame({"item": [1, 2], "title": ["Kettle", None], "year": [1995, None], "price": [3, 4]})
    table = ITEMS.conform(frame)
    assert table.columns.tolist() == ["item", "title", "year"]
    assert [str(kind) for kind in table.dtypes] == ["int64", "str", "Int64"]
    assert table["year"].tolist() == [1995, pd.NA]
    with pytest.raises(InputError, match="the same item again in 1 of 2 rows"):
        ITEMS.conform(frame.assign(item=[1, 1]))
    with pytest.raises(InputError, match="'year' of the items table is not a whole number"):
        ITEMS.conform(frame.assign(year=[1995.5, None]))
    with pytest.raises(InputError, match="'title' of the items table is not text"):
        ITEMS.conform(frame.assign(title=[1, 2]))
    with pytest.raises(InputError, match="has no number to average"):
        ITEMS.conform(frame.assign(item=[1, 1]), duplicates="mean")


def test_transactions_may_repeat_and_have_bounds():
    frame = pd.DataFrame(
        {
            "customer_id": [7, 7],
            "date": [datetime.date(1997, 1, 1), datetime.date(1997, 1, 1)],
            "quantity": [2, 2],
            "spend": [29.33, 29.33],
        }
    )
    table = TRANSACTIONS.conform(frame)
    assert [str(kind) for kind in table.dtypes] == ["int64", "datetime64[us]", "int64", "float64"]
    assert len(table) == 2
    for column, values, what in [
        ("quantity", [1.5, 1], "is not a whole number in 1 of 2"),
        ("quantity", [-1, 1], "is below 0 in 1 of 2"),
        ("spend", [-1, 1], "is below 0 in 1 of 2"),
        ("date", ["1997-01-01", "1997-01-02"], "is not a day in 2 of 2"),
        ("date", pd.to_datetime(["1997-01-01 10:00", "1997-01-02 00:00"]), "has a time of day in 1 of 2"),
        ("date", pd.to_datetime(["1997-01-01", "1997-01-02"], utc=True), "has a time zone in 2 of 2"),
        ("date", [None, pd.Timestamp("1997-01-01")], "is missing in 1 of 2"),
    ]:
        with pytest.raises(InputError, match=what):
            TRANSACTIONS.conform(frame.assign(**{column: values}))


def test_a_schema_without_a_time_offers_only_what_it_can():
    schema = Schema("items", (Column("item", "label"),), key=("item",))
    with pytest.raises(InputError) as caught:
        schema.conform(pd.DataFrame({"item": [1, 1]}))
    assert "duplicates=" not in str(caught.value)


def test_a_million_ratings_take_about_a_second():
    """The bound is generous for slow machines; a Python loop over the rows would take far longer."""
    import time

    generator = np.random.default_rng(1)
    pairs = generator.choice(10_000 * 5_000, size=1_000_000, replace=False)
    frame = pd.DataFrame(
        {"user": pairs // 5_000, "item": pairs % 5_000, "rating": generator.integers(1, 6, 10**6)}
    )
    start = time.process_time()
    table = conform_ratings(frame, scale=(1, 5))
    seconds = time.process_time() - start
    assert len(table) == 1_000_000
    assert seconds < 5


# The tables of a shop

MORNING = pd.to_datetime(["2024-03-01 08:00", "2024-03-01 08:00", "2024-03-02 09:30"], utc=True)
DAYS = pd.to_datetime(["2024-01-05", "2024-02-01", "2024-03-09"])
GOOD = {
    "customers": {
        "customer_id": [3, 1, 2],
        "join_date": DAYS,
        "age_band": ["25-34", None, "35-44"],
        "city_tier": [1, None, 3],
        "gender": ["female", None, "other"],
        "birth_year": [1990, None, 1985],
        "city": ["上海", None, "成都"],
        "name": ["李雷", "韩梅梅", None],
        "name_pinyin": ["Li Lei", "Han Meimei", None],
        "email": ["a@example.com", None, "c@example.com"],
        "phone": ["13800000000", None, None],
        "loyalty_card": ["LT1", None, None],
        "email_consent": [True, False, True],
        "app_user": [False, False, True],
    },
    "products": {
        "product_id": [101, 102, 103],
        "category": ["tea", "tea", "bath"],
        "title": ["Green tea", None, "Soap"],
        "title_zh": ["绿茶", None, None],
        "description": ["fresh", None, None],
        "description_zh": [None, None, None],
        "attributes": ["green|fresh", None, None],
        "unit_price": [50.0, 0.0, 12],
        "unit_cost": [20.0, 0.0, 15],
        "launch_date": [DAYS[0], pd.NaT, DAYS[2]],
    },
    "orders": {
        "order_id": [1, 1, 2],
        "line_number": [1, 2, 1],
        "customer_id": [3, 3, None],
        "order_time": MORNING,
        "channel": ["web", "web", "store"],
        "product_id": [101, 103, 101],
        "category": ["tea", "bath", "tea"],
        "quantity": [1, 2, 1],
        "unit_price": [50.0, 12.0, 50.0],
        "spend": [50.0, 21.6, 50.0],
    },
    "returns": {
        "order_id": [1, 1, 2],
        "line_number": [2, 2, 1],
        "return_time": MORNING + pd.to_timedelta([5, 6, 7], unit="D"),
        "quantity": [1, 1, 1],
        "spend": [10.8, 10.8, 50.0],
    },
    "sessions": {
        "session_id": ["s1", "s1", "s2"],
        "customer_id": [None, None, 2],
        "timestamp": MORNING,
        "product_id": [101, 101, 103],
        "category": ["tea", "tea", "bath"],
    },
    "campaigns": {
        "campaign_id": [1, 1, 2],
        "kind": ["newsletter", "newsletter", "coupon"],
        "customer_id": [1, 2, 1],
        "sent": [True, False, True],
        "timestamp": MORNING,
    },
}


def good(schema):
    """A table that keeps to the schema, with index labels that are not positions."""
    return pd.DataFrame(GOOD[schema.name], index=[7, 5, 9])


@pytest.mark.parametrize("schema", SHOP, ids=lambda schema: schema.name)
def test_tables_of_a_shop_come_out_typed_and_conforming_again(schema):
    frame = good(schema)
    table = schema.conform(frame)
    assert table.columns.tolist() == schema.names == frame.columns.tolist()
    assert table.index.tolist() == [7, 5, 9]
    for column in schema.columns:
        assert re.search(
            rf"(^|[ (]){re.escape(str(table[column.name].dtype))}( |$)", tables.DTYPES[column.kind]
        )
        assert table[column.name].isna().tolist() == frame[column.name].isna().tolist()
        given, found = frame[column.name].dropna(), table[column.name].dropna()
        assert found.tolist() == given.tolist()
    pd.testing.assert_frame_equal(schema.conform(table), table)
    kept, aside = schema.set_aside(frame)
    pd.testing.assert_frame_equal(kept, table)
    assert len(aside) == 0


@pytest.mark.parametrize("schema", SHOP, ids=lambda schema: schema.name)
def test_tables_of_a_shop_take_foreign_names_and_tell_which_column_is_missing(schema):
    frame = good(schema)
    foreign = frame.rename(columns={name: f"My {name}" for name in schema.names})
    names = {name: f"My {name}" for name in schema.names}
    pd.testing.assert_frame_equal(schema.conform(foreign, **names), schema.conform(frame))
    for column in schema.columns:
        if not column.required:
            assert column.name not in schema.conform(frame.drop(columns=column.name))
            continue
        alias = frame.rename(columns={column.name: column.aliases[0]})
        with pytest.raises(InputError) as caught:
            schema.conform(alias)
        assert str(caught.value).startswith(f"The {schema.name} table has no column {column.name!r}")
        assert str(caught.value).endswith(f"name yours with {column.name}={column.aliases[0]!r}.")
        with pytest.raises(InputError, match=f"cannot do without '{column.name}'"):
            schema.conform(frame, **{column.name: None})


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("schema", "column", "values", "says"),
    [
        (CAMPAIGNS, "sent", ["yes", "no", "yes"], "is neither True nor False in 3 of 3 rows (first: row 7, "),
        (CAMPAIGNS, "sent", [1, 0, 1], "is neither True nor False in 3 of 3 rows (first: row 7, value 1)"),
        (CAMPAIGNS, "sent", [True, 1, False], "is neither True nor False in 1 of 3 rows (first: row 5, "),
        (CAMPAIGNS, "sent", [1.0, np.nan, 0.0], "is neither True nor False in 2 of 3 rows (first: row 7, "),
        (CAMPAIGNS, "sent", [True, np.nan, False], "is missing in 1 of 3 rows (first: row 5, value nan)"),
        (CAMPAIGNS, "sent", [True, None, "no"], "is neither True nor False in 1 of 3 rows (first: row 9, "),
        (CAMPAIGNS, "sent", pd.array([True, pd.NA, False], "boolean"), "is missing in 1 of 3 rows"),
        (CAMPAIGNS, "sent", pd.to_datetime(DAYS), "is neither True nor False in 3 of 3 rows"),
        (CUSTOMERS, "email_consent", ["TRUE", "FALSE", "TRUE"], "is neither True nor False in 3 of 3 rows"),
        (CUSTOMERS, "customer_id", [3, None, 2], "is missing in 1 of 3 rows (first: row 5, value nan)"),
        (CUSTOMERS, "join_date", MORNING, "has a time zone in 3 of 3 rows"),
        (CUSTOMERS, "join_date", DAYS + pd.Timedelta("1h"), "has a time of day in 3 of 3 rows"),
        (CUSTOMERS, "city_tier", [1, 0, None], "is below 1 in 1 of 3 rows (first: row 5, value 0.0)"),
        (CUSTOMERS, "city_tier", ["1", "2", "3"], "is not a number in 3 of 3 rows (first: row 7, value '1')"),
        (CUSTOMERS, "birth_year", [1990, 1985.5, None], "is not a whole number in 1 of 3 rows"),
        (CUSTOMERS, "phone", [13800000000, None, None], "is not text in 1 of 3 rows (first: row 7, "),
        (PRODUCTS, "unit_price", ["¥50", "¥12", "¥1,200"], "is not a number in 3 of 3 rows (first: row 7, "),
        (PRODUCTS, "unit_price", [50, None, 12], "is missing in 1 of 3 rows"),
        (PRODUCTS, "unit_cost", [-1, 3, 4], "is below 0 in 1 of 3 rows (first: row 7, value -1)"),
        (PRODUCTS, "unit_cost", [np.inf, 3, 4], "is infinite in 1 of 3 rows"),
        (PRODUCTS, "launch_date", ["2024-01-01", "31/02", None], "is not a day in 2 of 3 rows"),
        (PRODUCTS, "category", ["tea", None, "bath"], "is missing in 1 of 3 rows (first: row 5, "),
        (ORDERS, "order_time", MORNING.tz_localize(None), "has no time zone in 3 of 3 rows (first: row 7, "),
        (ORDERS, "order_time", [1709280000, 1709280000, 1709372000], "is not a moment with a time zone"),
        (ORDERS, "quantity", [1, -2, 1], "is below 1 in 1 of 3 rows (first: row 5, value -2)"),
        (ORDERS, "quantity", [1, 0, 1], "is below 1 in 1 of 3 rows (first: row 5, value 0)"),
        (ORDERS, "quantity", [1, 1.5, 1], "is not a whole number in 1 of 3 rows (first: row 5, value 1.5)"),
        (
            ORDERS,
            "quantity",
            [1, 2**53, 1],
            "is too large to be counted exactly in 1 of 3 rows (first: row 5",
        ),
        (
            ORDERS,
            "quantity",
            [1, 1e300, 1],
            "is too large to be counted exactly in 1 of 3 rows (first: row 5",
        ),
        (ORDERS, "quantity", [True, True, True], "is not a number in 3 of 3 rows"),
        (ORDERS, "line_number", [1, 0, 1], "is below 1 in 1 of 3 rows (first: row 5, value 0)"),
        (ORDERS, "spend", [50, -21.6, 50], "is below 0 in 1 of 3 rows (first: row 5, value -21.6)"),
        (ORDERS, "spend", [50, None, 50], "is missing in 1 of 3 rows"),
        (
            ORDERS,
            "customer_id",
            [3, 3, 1.5],
            "is not a whole number in 1 of 3 rows (first: row 9, value 1.5)",
        ),
        (
            ORDERS,
            "customer_id",
            [3, None, "guest"],
            "is not a whole number like the labels before it in 1 of 3",
        ),
        (ORDERS, "product_id", [101, None, 101], "is missing in 1 of 3 rows"),
        (RETURNS, "quantity", [1, -1, 1], "is below 1 in 1 of 3 rows (first: row 5, value -1)"),
        (RETURNS, "return_time", [None, *MORNING[1:]], "is missing in 1 of 3 rows (first: row 7, "),
        (SESSIONS, "timestamp", MORNING.tz_localize(None), "has no time zone in 3 of 3 rows"),
        (SESSIONS, "session_id", [True, False, True], "is neither a whole number nor text in 3 of 3 rows"),
    ],
)
def test_bad_values_in_a_shop_s_tables_raise_one_clear_sentence(schema, column, values, says):
    frame = good(schema)
    frame[column] = pd.Series(values, index=frame.index)
    with pytest.raises(InputError) as caught:
        schema.conform(frame)
    text = str(caught.value)
    assert text.startswith(f"Column {column!r} of the {schema.name} table {says}")
    assert text.endswith(f", or part with such rows by tables.{schema.name.upper()}.set_aside.")
    assert "\n" not in text
    kept, aside = schema.set_aside(frame)
    assert len(kept) + len(aside) == 3
    assert len(aside) > 0
    assert aside["reason"].str.contains(repr(column), regex=False).all()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("schema", "key"),
    [
        (CUSTOMERS, {"customer_id": [1, 2, 1]}),
        (PRODUCTS, {"product_id": [101, 102, 101]}),
        (ORDERS, {"order_id": [1, 2, 1], "line_number": [1, 1, 1]}),
        (RETURNS, {"order_id": [1, 2, 1], "line_number": [1, 1, 1], "return_time": [MORNING[0]] * 3}),
        (CAMPAIGNS, {"campaign_id": [1, 1, 1], "customer_id": [4, 5, 4]}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_key_that_occurs_twice_is_refused(schema, key):
    frame = good(schema).assign(**key)
    with pytest.raises(InputError) as caught:
        schema.conform(frame)
    pair = " and ".join(schema.key)
    assert str(caught.value).startswith(f"The {schema.name} table names the same {pair} again in 1 of 3 rows")
    assert "first: row 9" in str(caught.value)
    kept, aside = schema.set_aside(frame)
    assert kept.index.tolist() == [7, 5]
    assert aside["reason"].str.endswith("in another row that was kept").all()


def test_the_mending_of_money_and_truth_values_is_named():
    with pytest.raises(InputError, match=r"cleaning\.parse_money"):
        PRODUCTS.conform(good(PRODUCTS).assign(unit_price="¥50"))
    with pytest.raises(InputError, match=r"table\['answer'\] == 'yes'"):
        CAMPAIGNS.conform(good(CAMPAIGNS).assign(sent="yes"))


def test_a_customer_who_is_unknown_leaves_the_others_whole_numbers():
    orders = good(ORDERS)
    known = ORDERS.conform(orders.assign(customer_id=[3, 3, 4]))
    assert known["customer_id"].dtype == "int64"
    partly = ORDERS.conform(orders)
    assert partly["customer_id"].dtype == "Int64"
    assert partly["customer_id"].isna().tolist() == [False, False, True]
    nobody = ORDERS.conform(orders.assign(customer_id=[None, np.nan, pd.NA]))
    assert nobody["customer_id"].isna().all()
    named = ORDERS.conform(orders.assign(customer_id=["ann", None, ""]))
    assert named["customer_id"].dtype == "str"
    assert named["customer_id"].isna().tolist() == [False, True, True]


def test_a_truth_value_may_be_missing_where_the_schema_says_so():
    schema = Schema("answers", (Column("sent", "boolean", nullable=True),))
    table = schema.conform(pd.DataFrame({"sent": [True, None, False]}))
    assert table["sent"].dtype == "boolean"
    assert table["sent"].isna().tolist() == [False, True, False]
    assert table["sent"].dropna().tolist() == [True, False]


@pytest.mark.parametrize("kind", ["bool", "boolean", "object", "bool[pyarrow]", "category"])
def test_truth_values_of_every_type_become_bool(kind):
    frame = good(CAMPAIGNS)
    frame["sent"] = frame["sent"].astype(kind)
    table = CAMPAIGNS.conform(frame)
    assert table["sent"].dtype == np.bool_
    assert table["sent"].tolist() == [True, False, True]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(-1, 4), st.just(2**60), st.floats(), st.none(), st.text(max_size=2)),
            st.one_of(st.booleans(), st.none(), st.integers(0, 2), st.sampled_from(["yes", "True", ""])),
            st.one_of(
                st.none(),
                st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2100, 1, 1)),
                st.just(pd.Timestamp("2024-01-01", tz="Asia/Shanghai")),
                st.text(max_size=3),
            ),
        ),
        max_size=12,
    )
)
def test_rows_of_a_campaign_are_kept_if_and_only_if_every_value_is_good(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "sent", "timestamp"], dtype=object)
    frame = frame.assign(campaign_id=range(len(frame)), kind="coupon")
    whole = next((not isinstance(c, str) for c in frame["customer_id"] if _is_label(c)), True)
    kept, aside = CAMPAIGNS.set_aside(frame)
    assert sorted([*kept.index, *aside.index]) == frame.index.tolist()
    for index, row in frame.iterrows():
        fine = _is_label(row["customer_id"]) and isinstance(row["customer_id"], str) != whole
        fine &= isinstance(row["sent"], bool)
        fine &= isinstance(row["timestamp"], datetime.datetime) and row["timestamp"].tzinfo is not None
        assert (index in kept.index) == fine
    if len(kept):
        pd.testing.assert_frame_equal(CAMPAIGNS.conform(kept), kept)
        assert kept["sent"].tolist() == frame.loc[kept.index, "sent"].tolist()


def _is_label(value):
    """Whole numbers that 64 bits hold, also as floats, and text that is not empty."""
    if isinstance(value, str):
        return value != ""
    if isinstance(value, float):
        return value == value and abs(value) < 2**53 and value % 1 == 0
    return isinstance(value, int)


@pytest.mark.contract
@pytest.mark.parametrize("schema", [*SHOP, RATINGS], ids=lambda schema: schema.name)
def test_the_simulated_shop_keeps_to_the_schemas(schema):
    given = getattr(load_shop(), schema.name)
    table = schema.conform(given)
    assert table.columns.tolist() == [name for name in schema.names if name in given]
    assert set(table.columns) == set(given.columns)
    # the files store small whole numbers in fewer bytes; everything else has the very type
    wide = {c.name: table[c.name].dtype for c in schema.columns if c.kind == "integer"}
    pd.testing.assert_frame_equal(table[given.columns], given.astype(wide))
