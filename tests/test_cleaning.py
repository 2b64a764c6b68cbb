"""Parsers, duplicates, identity, imputers and outliers: hand cases, properties, contract."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from bigmkt_helpers import cleaning
from bigmkt_helpers.cleaning import (
    GroupImputer,
    OutlierClipper,
    convert_currency,
    flag_bots,
    flag_exact_duplicates,
    flag_near_duplicate_orders,
    flag_near_duplicates,
    flag_test_accounts,
    largest_possible_z,
    normalise_card,
    normalise_email,
    normalise_name,
    normalise_phone,
    one_currency,
    outlier_bounds,
    outlier_flags,
    pairwise_scores,
    parse_dates,
    parse_money,
    parse_numbers,
    parse_quantities,
    part_returns,
    plain_text,
    resolve_identities,
)
from bigmkt_helpers.errors import InputError


@pytest.mark.unit
def test_every_public_name_is_there_and_documented():
    for name in cleaning.__all__:
        assert getattr(cleaning, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'wash'"):
        _ = cleaning.wash


# Numbers and money


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("1234.5", 1234.5, ""),
        ("−3", -3, ""),
        ("－３", -3, ""),
        ("１２３．５", 123.5, ""),
        ("12-", -12, ""),
        ("(12.50)", -12.5, ""),
        ("¥1,234.50", 1234.5, "CNY"),
        ("-¥257.00", -257, "CNY"),
        ("−¥257.00", -257, "CNY"),
        ("￥5", 5, "CNY"),
        ("1.234,50 €", 1234.5, "EUR"),
        ("1'234.50", 1234.5, ""),
        ("1 234,5", 1234.5, ""),
        ("1,234,567", 1234567, ""),
        ("US$ 3.20", 3.2, "USD"),
        ("12元", 12, "CNY"),
        ("0,125", 0.125, ""),
        (".5", 0.5, ""),
        (7, 7, ""),
        (2.5, 2.5, ""),
    ],
)
def test_numbers_as_people_write_them(text, value, currency):
    row = parse_numbers([text]).iloc[0]
    assert (row["value"], row["currency"]) == (value, currency)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "text",
    [
        "two",
        "1.2.3",
        "1,2,3",
        "--3",
        "-3-",
        "1..5",
        "1,23,456.7",
        "3 4 x 5",
        "nan",
        "inf",
        True,
        "9" * 100,
        "1.",
    ],
)
def test_what_is_no_number_is_said_to_be_none(text):
    row = parse_numbers([text]).iloc[0]
    assert np.isnan(row["value"])
    assert (row["finding"], row["reason"]) == ("unreadable", "not a number")


@pytest.mark.unit
def test_the_column_decides_what_a_comma_means():
    assert parse_numbers(["1,234", "5.50"])["value"].tolist() == [1234, 5.5]
    assert parse_numbers(["1,234", "5,5"])["value"].tolist() == [1.234, 5.5]
    assert parse_numbers(["1,234"], decimal=".")["value"].tolist() == [1234]
    assert parse_numbers(["1.234"], decimal=",")["value"].tolist() == [1234]
    mixed = parse_numbers(["12.50", "3.20", "1.234,50"])
    assert mixed["value"].tolist() == [12.5, 3.2, 1234.5]
    assert mixed["finding"].tolist() == ["", "", "decimal_comma"]
    with pytest.raises(InputError, match=r"may be 1234 or 1\.234.*row 7"):
        parse_numbers(pd.Series(["1,234"], index=[7]))
    with pytest.raises(InputError, match="decimal"):
        parse_numbers(["1"], decimal=";")


@pytest.mark.unit
def test_quantities():
    table = parse_quantities(["2", "2,0", "２", "2 pcs", "2件", " 2", "−1", "-1", "1,5", "", None, 3, 2.5])
    assert table["value"].tolist()[:8] == [2, 2, 2, 2, 2, 2, -1, -1]
    assert table["finding"].tolist() == [""] + ["text"] * 6 + [
        "",
        "not_whole",
        "missing",
        "missing",
        "",
        "not_whole",
    ]


@pytest.mark.bad_input
def test_a_thousand_units_are_not_read_as_one():
    assert parse_quantities(["1,000", "12"], decimal=".")["value"].tolist() == [1000, 12]
    with pytest.raises(InputError, match=r"may be 1000 or 1\.000"):
        parse_quantities(["1,000", "12"])


@pytest.mark.unit
def test_money_has_one_currency_or_none():
    table = parse_money(["¥5.00", "6.50", "$3.20", "$1.10"], currency=["CNY", "CNY", "CNY", ""])
    assert table["currency"].tolist() == ["CNY", "CNY", "USD", "USD"]
    assert table["finding"].tolist()[2] == "currency_conflict"
    assert np.isnan(table["value"].iloc[2])
    with pytest.raises(InputError, match="2 values and 1 currencies"):
        parse_money(["1", "2"], currency=["CNY"])


@pytest.mark.unit
@given(
    st.decimals(-(10**6), 10**6, places=2, allow_nan=False),
    st.sampled_from(["{:,.2f}", "¥{:,.2f}", "{:.2f}"]),
)
def test_money_that_was_written_is_read_back(value, form):
    text = form.format(value)
    assert parse_money([text])["value"].iloc[0] == float(value)
    turned = text.translate(str.maketrans(",.", ".,"))
    assert parse_money([turned])["value"].iloc[0] == float(value)


@pytest.mark.bad_input
@given(st.lists(st.one_of(st.text(max_size=12), st.none(), st.floats(), st.integers()), max_size=6))
def test_parsers_account_for_every_value(values):
    for table in (
        parse_numbers(values, decimal="."),
        parse_quantities(values, decimal="."),
        parse_dates(values, day_first=True),
    ):
        assert len(table) == len(values)
        column = "value" if "value" in table else "time"
        empty = table[column].isna()
        assert (table.loc[empty, "finding"] != "").all()
        assert (table.loc[empty, "reason"] != "").all()


@pytest.mark.unit
def test_plain_text():
    assert plain_text("　ＬＣ−１２ ") == "LC-12"
    assert plain_text(float("nan")) == ""


# Dates


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-03-01T12:34:56+08:00", "2024-03-01 04:34:56"),
        ("2024-03-01T04:34:56Z", "2024-03-01 04:34:56"),
        ("2024-03-01T04:34:56.123456Z", "2024-03-01 04:34:56.123456"),
        ("2024-03-01 12:34", "2024-03-01 04:34"),
        ("2024-03-01", "2024-02-29 16:00"),
        ("2024/3/1 8:00", "2024-03-01"),
        ("2024年3月1日", "2024-02-29 16:00"),
        ("20240301123456", "2024-03-01 04:34:56"),
        ("20240301", "2024-02-29 16:00"),
        ("25/03/2024 08:00", "2024-03-25"),
        ("25.03.2024 08:00", "2024-03-25"),
        ("25/03/24 08:00", "2024-03-25"),
        ("25/03/2024 8:00 PM", "2024-03-25 12:00"),
        ("25/03/2024 12:00 AM", "2024-03-24 16:00"),
        ("1 March 2024 08:00", "2024-03-01"),
        ("Mar 1, 2024 08:00", "2024-03-01"),
        ("２０２４-03-01", "2024-02-29 16:00"),
        (1709267696123, "2024-03-01 04:34:56.123"),
        ("1709267696", "2024-03-01 04:34:56"),
        (pd.Timestamp("2024-03-01", tz="UTC"), "2024-03-01"),
    ],
)
def test_moments_in_any_form_come_out_in_utc(text, utc):
    row = parse_dates([text], zone="Asia/Shanghai").iloc[0]
    assert row["time"] == pd.Timestamp(utc, tz="UTC")
    assert row["finding"] == ""


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("31/02/2024", "impossible_date"),
        ("30.02.2024", "impossible_date"),
        ("2024-02-30", "impossible_date"),
        ("2023-02-29", "impossible_date"),
        ("1899-12-30", "impossible_date"),
        ("30/12/1899", "impossible_date"),
        ("2024-03-01 25:00", "impossible_date"),
        ("2099-01-01", "impossible_date"),
        ("0000-00-00", "impossible_date"),
        ("13/13/2024", "impossible_date"),
        (0, "impossible_date"),
        (-5, "impossible_date"),
        (10**19, "impossible_date"),
        (float("inf"), "unreadable"),
        ("soon", "unreadable"),
        ("", "missing"),
        (None, "missing"),
        (pd.NaT, "missing"),
    ],
)
def test_days_that_never_were(text, finding):
    row = parse_dates([text]).iloc[0]
    assert row["finding"] == finding
    assert row["time"] is pd.NaT


@pytest.mark.unit
def test_the_column_decides_between_day_and_month():
    days = parse_dates(["25/02/2024", "03/04/2024"])
    assert days["time"].dt.strftime("%m-%d").tolist() == ["02-25", "04-03"]
    months = parse_dates(["02/25/2024", "03/04/2024"])
    assert months["time"].dt.strftime("%m-%d").tolist() == ["02-25", "03-04"]
    mixed = parse_dates(["25/02/2024"] * 20 + ["02/26/2024"])
    assert mixed["finding"].tolist() == [""] * 20 + ["swapped_day_month"]
    assert mixed["time"].iloc[-1] == pd.Timestamp("2024-02-26", tz="UTC")
    assert parse_dates(["03/04/2024"], day_first=False)["time"].iloc[0].month == 3
    assert parse_dates(["03/03/2024"])["time"].iloc[0].month == 3


@pytest.mark.bad_input
def test_day_and_month_that_nothing_tells_apart_are_refused():
    with pytest.raises(InputError, match=r"'03/04/2024' \(row 5\) may be 3 April or 4 March"):
        parse_dates(pd.Series(["03/04/2024", "01/02/2024"], index=[5, 6]))
    with pytest.raises(InputError, match="1 against 1"):
        parse_dates(["25/02/2024", "02/25/2024"])
    with pytest.raises(InputError, match="Atlantis"):
        parse_dates(["2024-01-01"], zone="Atlantis/Capital")


@pytest.mark.unit
def test_seconds_among_milliseconds_are_told():
    table = parse_dates([1709267696123, 1709267697123, 1709267698])
    assert table["finding"].tolist() == ["", "", "epoch_seconds"]
    assert table["time"].iloc[2] == pd.Timestamp(1709267698, unit="s", tz="UTC")


@pytest.mark.unit
def test_hours_that_the_clock_skips_or_repeats():
    table = parse_dates(["2024-03-31 02:30", "2024-10-27 02:30", "2024-10-27 05:00"], zone="Europe/Berlin")
    assert table["finding"].tolist() == ["ambiguous_clock", "ambiguous_clock", ""]
    assert table["time"].iloc[2] == pd.Timestamp("2024-10-27 04:00", tz="UTC")


@pytest.mark.unit
@given(
    st.datetimes(pd.Timestamp("1991-01-01"), pd.Timestamp("2089-12-31")).map(
        lambda t: t.replace(microsecond=0)
    )
)
def test_dates_agree_with_pandas(moment):
    expected = pd.Timestamp(moment, tz="UTC")
    for text in (moment.isoformat(), moment.strftime("%d/%m/%Y %H:%M:%S"), moment.strftime("%Y%m%d%H%M%S")):
        assert parse_dates([text], day_first=True)["time"].iloc[0] == expected


# Duplicates, tests, robots, returns, currencies


@pytest.mark.unit
def test_near_duplicates_by_brute_force():
    random = np.random.Generator(np.random.PCG64(3))
    frame = pd.DataFrame(
        {
            "who": random.integers(0, 4, 200),
            "what": random.integers(0, 3, 200),
            "when": pd.to_datetime(random.integers(0, 1_500, 200), unit="s"),
        }
    )
    expected = np.zeros(200, dtype=bool)
    for i in range(200):
        for j in range(200):
            one, two = frame.iloc[i], frame.iloc[j]
            gap = (one["when"] - two["when"]).total_seconds()
            if one["who"] == two["who"] and one["what"] == two["what"] and (gap, i) > (0, j) and gap <= 10:
                expected[i] = True
    assert flag_near_duplicates(frame, ["who", "what"], "when").tolist() == expected.tolist()
    assert expected.sum() > 10


@pytest.mark.unit
def test_nobody_has_no_double_click():
    frame = pd.DataFrame(
        {"who": ["", "", None, None], "what": [1] * 4, "when": pd.to_datetime([0, 1, 2, 3], unit="s")}
    )
    assert not flag_near_duplicates(frame, ["who", "what"], "when").any()


@pytest.mark.unit
def test_near_duplicate_orders_need_the_whole_basket():
    frame = pd.DataFrame(
        {
            "order": ["A", "A", "B", "B", "C", "D", "D"],
            "who": ["x"] * 5 + ["y"] * 2,
            "what": [1, 2, 2, 1, 1, 1, 2],
            "when": pd.to_datetime([0, 0, 5, 5, 6, 7, 7], unit="s"),
        }
    )
    flags = flag_near_duplicate_orders(frame, "order", "who", "when", ["what"])
    assert flags.tolist() == [False, False, True, True, False, False, False]
    far = flag_near_duplicate_orders(frame, "order", "who", "when", ["what"], within="4s")
    assert not far.any()


@pytest.mark.unit
def test_exact_duplicates_and_test_accounts():
    frame = pd.DataFrame(
        {"a": ["x", "x", "y"], "b": [1, 1, 1], "email": ["a@test.cn", "Test@x.cn", "latest@x.cn"]}
    )
    assert flag_exact_duplicates(frame, ["a", "b"]).tolist() == [False, True, False]
    assert flag_test_accounts(frame, ["email"]).tolist() == [True, True, False]
    with pytest.raises(InputError, match="no column 'mail'"):
        flag_test_accounts(frame, ["mail"])


@pytest.mark.unit
def test_bots_say_so_or_are_too_fast():
    def session(name, views, seconds, agent="shop 1.0"):
        times = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(views) * seconds, unit="s")
        return pd.DataFrame({"session": name, "when": times, "agent": agent})

    frame = pd.concat(
        [
            session("fast", 60, 1),
            session("reader", 60, 30),
            session("short", 5, 1),
            session("own", 2, 60, "X-Spider/1"),
        ]
    )
    flagged = frame[flag_bots(frame, "session", "when", "agent")]
    assert flagged["session"].value_counts().to_dict() == {"fast": 60, "own": 2}


@pytest.mark.unit
def test_each_line_is_sale_return_or_cancellation():
    frame = pd.DataFrame({"quantity": [1, -1, 2, -2], "status": ["ok", "ok", "returned", "void"]})
    parts = part_returns(frame, status="status", cancelled=["void"], returned=["returned"])
    assert parts.sum(axis=1).tolist() == [1, 1, 1, 1]
    assert parts.idxmax(axis=1).tolist() == ["sale", "returned", "returned", "cancelled"]


@pytest.mark.bad_input
def test_money_of_several_currencies_is_not_added():
    frame = pd.DataFrame({"spend": [10.0, 20.0, 30.0], "currency": ["CNY", "USD", "CNY"]})
    with pytest.raises(InputError, match=r"2 currencies \(CNY in 2 rows, USD in 1 row; first USD in row 1\)"):
        one_currency(frame)
    both = convert_currency(frame, {"USD": 7.2}, "CNY")
    assert both["spend"].tolist() == [10.0, 144.0, 30.0]
    assert one_currency(both) == "CNY"
    assert frame["currency"].tolist() == ["CNY", "USD", "CNY"]
    with pytest.raises(InputError, match=r"no rate for 'USD' \(row 1\)"):
        convert_currency(frame, {}, "CNY")
    with pytest.raises(InputError, match="positive"):
        convert_currency(frame, {"USD": -1}, "CNY")
    with pytest.raises(InputError, match="empty in row 0"):
        one_currency(frame.assign(currency=["", "CNY", "CNY"]))


# Identity


@pytest.mark.unit
def test_keys_in_plain_form():
    assert normalise_email(" Li.Na＠X.COM ") == "li.na@x.com"
    assert [normalise_email(v) for v in ("x", "a@b", "a@@b.c", "")] == ["", "", "", ""]
    phones = [
        "+86 138 1234 5678",
        "0086 13812345678",
        "138-1234-5678",
        "１３８１２３４５６７８",
        13812345678.0,
        13812345678,
    ]
    assert {normalise_phone(v) for v in phones} == {"13812345678"}
    assert [normalise_phone(v) for v in ("", None, "123", "00000000000")] == ["", "", "", ""]
    assert normalise_card("lc-１２ 34") == "LC1234"
    assert normalise_name("Ｌi  Na") == "lina"


def people(rows):
    return pd.DataFrame(rows, columns=["account", "name", "email", "phone", "card", "born"]).set_index(
        "account"
    )


@pytest.mark.unit
def test_a_family_is_not_one_person_and_two_accounts_are():
    accounts = people(
        [
            ("A", "王丽", "w@x.cn", "13800000001", "L1", 1980),
            ("B", "李强", "w@x.cn", "13800000002", "L2", 1978),  # the husband, with her address
            ("C", "王 丽", "w2@x.cn", "+86 13800000001", "", None),  # her second account, by telephone
            ("D", "王丽", "d@x.cn", "13800000009", "L1", 1980),  # her third, by card
            ("E", "王丽", "e@x.cn", "13800000005", "", 1980),  # another with that name
            ("F", "", "e@x.cn", "", "", None),  # no name: the address counts
            ("G", "赵敏", "g@x.cn", "13800000007", "", 1990),
            ("H", "赵敏", "g@x.cn", "", "", 1991),  # same name and address, other year of birth
        ]
    )
    found = resolve_identities(accounts, keys=("email", "phone", "card"), birth_year="born")
    assert found["person"].to_dict() == {"A": 0, "B": 1, "C": 0, "D": 0, "E": 2, "F": 2, "G": 3, "H": 4}
    assert found.loc["B", "refused"] == "email"
    assert found.loc["C", "joined_by"] == "phone"


@pytest.mark.unit
def test_a_placeholder_joins_nobody_and_a_chain_keeps_its_guard():
    many = people([(i, "同名", "none@x.cn", "", "", None) for i in range(30)])
    assert resolve_identities(many, keys=("email",))["person"].nunique() == 30
    chain = people(
        [
            ("A", "王丽", "a@x.cn", "", "", 1980),
            ("B", "王丽", "a@x.cn", "13800000001", "", None),
            ("C", "王丽", "", "13800000001", "", 1990),  # would join 1980 and 1990 through B
        ]
    )
    found = resolve_identities(chain, keys=("email", "phone"), birth_year="born")
    assert found["person"].tolist() == [0, 0, 1]


@pytest.mark.bad_input
def test_accounts_that_cannot_be_resolved_are_refused():
    accounts = people([("A", "x", "a@x.cn", "", "", None), ("A", "y", "b@x.cn", "", "", None)])
    with pytest.raises(InputError, match="'A' occurs twice"):
        resolve_identities(accounts, keys=("email",))
    with pytest.raises(InputError, match="no column 'fax'"):
        resolve_identities(accounts, keys=("fax",))
    with pytest.raises(InputError, match="same records"):
        pairwise_scores([1, 2], [1])


@pytest.mark.unit
@given(st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(0, 4))), max_size=25))
def test_pairwise_scores_by_brute_force(pairs):
    truth, found = [a for a, _ in pairs], [b for _, b in pairs]
    right = put = true = 0
    for i in range(len(pairs)):
        for j in range(i):
            same, together = truth[i] == truth[j], found[i] is not None and found[i] == found[j]
            true, put, right = true + same, put + together, right + (same and together)
    scores = pairwise_scores(truth, found)
    assert (scores["pairs_true"], scores["pairs_found"], scores["pairs_right"]) == (true, put, right)


# Imputers and outliers


@pytest.mark.contract
@pytest.mark.parametrize(
    "estimator",
    [
        GroupImputer(),
        GroupImputer(strategy="mean"),
        GroupImputer(strategy="hot_deck", random_state=0),
        GroupImputer(strategy="most_frequent"),
        OutlierClipper(),
        OutlierClipper("mad"),
        OutlierClipper("z", action="missing"),
    ],
    ids=repr,
)
def test_contract_of_scikit_learn(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)
        results = check_estimator(estimator, on_skip=None)
    assert sum(result["status"] == "passed" for result in results) > 40


@pytest.fixture
def incomes():
    return pd.DataFrame(
        {
            "city": ["A", "A", "A", "B", "B", "B", None],
            "income": [1.0, 3.0, np.nan, 10.0, 20.0, np.nan, np.nan],
            "band": ["x", "x", None, "y", "z", "z", "z"],
        }
    )


@pytest.mark.unit
def test_gaps_are_filled_from_the_group_with_an_indicator(incomes):
    imputer = GroupImputer(by="city", add_indicator=True).set_output(transform="pandas")
    out = imputer.fit_transform(incomes)
    assert out["income"].tolist() == [1, 3, 2, 10, 20, 15, 6.5]
    assert out["band"].tolist() == ["x", "x", "x", "y", "z", "z", "z"]
    assert out["missing_income"].tolist() == [0, 0, 1, 0, 0, 1, 1]
    assert imputer.get_feature_names_out().tolist() == out.columns.tolist()
    new = pd.DataFrame({"city": ["A", "Q"], "income": [np.nan, np.nan], "band": ["x", None]})
    assert imputer.transform(new)["income"].tolist() == [2, 6.5]
    assert incomes["income"].isna().sum() == 3


@pytest.mark.unit
def test_hot_deck_gives_values_of_the_group_and_repeats_itself(incomes):
    imputer = GroupImputer(by=["city"], strategy="hot_deck", random_state=1).set_output(transform="pandas")
    out = imputer.fit_transform(incomes)
    assert out["income"].iloc[2] in (1.0, 3.0)
    assert out["income"].iloc[5] in (10.0, 20.0)
    assert out.equals(clone(imputer).fit_transform(incomes))


@pytest.mark.unit
def test_the_imputer_learns_from_the_training_fold_only():
    random = np.random.Generator(np.random.PCG64(4))
    frame = pd.DataFrame({"group": random.integers(0, 3, 200).astype(str), "x": random.normal(size=200)})
    frame.loc[random.random(200) < 0.3, "x"] = np.nan
    y = (random.random(200) < 0.5).astype(int)
    half = frame.iloc[:100]
    imputer = GroupImputer(by=["group"]).fit(half)
    expected = half.groupby("group")["x"].median()
    for group, value in expected.items():
        assert imputer.statistics_["x"][group] == value
    model = make_pipeline(
        make_column_transformer(
            (GroupImputer(by=["group"], add_indicator=True), ["group", "x"]), remainder="drop"
        ),
        _Numbers(),
        LogisticRegression(),
    )
    assert cross_val_predict(model, frame, y, cv=3).shape == (200,)


class _Numbers(OutlierClipper):
    """The numbers of a table whose first column is a label, clipped."""

    def fit(self, X, y=None):
        return super().fit(np.asarray(X)[:, 1:].astype(float), y)

    def transform(self, X):
        return super().transform(np.asarray(X)[:, 1:].astype(float))


@pytest.mark.bad_input
def test_imputers_refuse_what_they_cannot_do(incomes):
    with pytest.raises(InputError, match="strategy='magic'"):
        GroupImputer(strategy="magic").fit(incomes)
    with pytest.raises(InputError, match="no column 'town'"):
        GroupImputer(by=["town"]).fit(incomes)
    with pytest.raises(InputError, match="no value at all"):
        GroupImputer(columns=["income"]).fit(incomes.assign(income=np.nan))
    with pytest.raises(InputError, match="both"):
        GroupImputer(by=["city"], columns=["city"]).fit(incomes)
    with pytest.raises(InputError, match="action"):
        OutlierClipper(action="hide").fit([[1.0], [2.0]])


@pytest.mark.published
def test_largest_possible_z():
    """Shiffler (1988): (n - 1) / sqrt(n); 2.846050 at n = 10, and no value of ten reaches 3."""
    assert f"{largest_possible_z(10):.6f}" == "2.846050"
    assert largest_possible_z(10) < 3 < largest_possible_z(11)


@pytest.mark.unit
@settings(max_examples=50)
@given(st.integers(2, 60))
def test_the_largest_z_is_reached_by_one_value_against_equals(n):
    values = np.zeros(n)
    values[0] = 1e6
    z = (values - values.mean()) / values.std(ddof=1)
    assert z.max() == pytest.approx(largest_possible_z(n))


@pytest.mark.unit
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_no_sample_has_a_larger_z(values):
    values = np.array(values)
    spread = values.std(ddof=1)
    if spread > 1e-6:
        assert np.abs((values - values.mean()) / spread).max() <= largest_possible_z(len(values)) + 1e-6


@pytest.mark.bad_input
@pytest.mark.parametrize("n", [1, 0, -3, 2.5, True])
def test_a_sample_has_at_least_two_values(n):
    with pytest.raises(InputError, match="at least 2"):
        largest_possible_z(n)


@pytest.mark.unit
def test_fences_by_hand():
    values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1_000]
    assert outlier_bounds(values, "iqr") == (3.25 - 1.5 * 4.5, 7.75 + 1.5 * 4.5)
    low, high = outlier_bounds(values, "mad")
    assert (low, high) == pytest.approx((5.5 - 3.5 * 2.5 / 0.6745, 5.5 + 3.5 * 2.5 / 0.6745), rel=1e-4)
    assert outlier_flags(values, "z").sum() == 0
    assert outlier_flags([*values, np.nan], "mad").tolist() == [False] * 9 + [True, False]
    assert outlier_bounds([5, 5, 5], "mad") == (float("-inf"), float("inf"))
    for bad in ({"rule": "x"}, {"k": -1}):
        with pytest.raises(InputError):
            outlier_bounds(values, **bad)
    with pytest.raises(InputError, match="no number"):
        outlier_bounds([np.nan])


@pytest.mark.unit
def test_clipper_learns_its_fences_from_the_training_rows():
    clipper = OutlierClipper("iqr").fit(np.arange(9.0).reshape(-1, 1))
    assert clipper.transform([[100.0], [-100.0], [4.0]]).ravel().tolist() == [12, -4, 4]
    blank = OutlierClipper("iqr", action="missing").fit(np.arange(9.0).reshape(-1, 1))
    assert np.isnan(blank.transform([[100.0]])).all()
