"""Readers and the ledger: broken files, generated rubbish, and agreement with pandas on good files."""

import gzip
import json
import sqlite3

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bigmkt_helpers.cleaning import (
    CleaningLedger,
    guess_encoding,
    guess_separator,
    mend_mojibake,
    read_delimited,
    read_fixed_width,
    read_json_lines,
    read_sqlite,
    score_findings,
)
from bigmkt_helpers.errors import BigmktError, InputError

SPANS = {"id": (1, 4), "day": (6, 13), "stars": (15, None)}


def written(folder, data, name="a.csv"):
    path = folder / name
    path.write_bytes(data)
    return path


def reasons(table):
    return table.ledger.set_aside().set_index("row")["reason"].to_dict()


def kinds(table):
    return table.ledger.findings[["row", "kind", "outcome"]].values.tolist()


def check_whole(table, lines):
    """Rows in = rows out, counted from the bytes and not by the reader."""
    summary = table.ledger.summary().loc[table.file]
    assert summary["lines"] == lines
    assert summary["rows_in"] + summary["heading"] + summary["continued"] == lines
    assert len(table.frame) + summary["set_aside"] == summary["rows_in"]
    aside = table.ledger.set_aside()
    assert len(aside) == summary["set_aside"]
    assert (aside["reason"] != "").all()


# The ledger


@pytest.mark.unit
def test_a_row_ends_as_its_worst_finding_says():
    ledger = CleaningLedger()
    ledger.open("f", [2, 3, 4, 5], heading=1)
    ledger.add("f", 2, "seen", outcome="kept")
    ledger.add("f", 3, "mended", "a", "x", "y", "repaired", "so")
    ledger.add("f", 4, "mended", "a", "x", "y", "repaired", "so")
    ledger.add("f", 4, "lost", outcome="set_aside", reason="gone")
    assert ledger.outcomes("f").tolist() == ["kept", "repaired", "set_aside", "kept"]
    ledger.prove("f", [2, 3, 5])
    assert ledger.summary().loc["f"].tolist() == [5, 1, 0, 4, 2, 1, 1, 4]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("out", "says"),
    [([2], "row 3"), ([2, 3, 4], "row 4"), ([2, 3, 3], "row 3"), ([2, 3, 9], "row 9")],
)
def test_the_proof_finds_every_row_that_vanished_or_came_twice(out, says):
    ledger = CleaningLedger()
    ledger.open("f", [2, 3, 4])
    ledger.add("f", 4, "lost", outcome="set_aside", reason="gone")
    with pytest.raises(BigmktError, match=says):
        ledger.prove("f", out)


@pytest.mark.bad_input
def test_the_ledger_takes_no_row_without_a_reason_and_no_unknown_file():
    ledger = CleaningLedger()
    ledger.open("f", [1])
    with pytest.raises(InputError, match="only with a reason"):
        ledger.add("f", 1, "lost", outcome="set_aside")
    with pytest.raises(InputError, match="open it first"):
        ledger.add("g", 1, "lost", outcome="set_aside", reason="gone")
    with pytest.raises(InputError, match="outcome"):
        ledger.add("f", 1, "lost", outcome="dropped", reason="gone")
    with pytest.raises(InputError, match="already"):
        ledger.open("f", [1])
    with pytest.raises(InputError, match="twice"):
        ledger.open("h", [1, 1])


@pytest.mark.unit
def test_score_counts_distinct_rows():
    planted = pd.DataFrame({"file": "a", "row": [1, 1, 2, 3], "kind": ["x", "x", "x", "y"]})
    found = pd.DataFrame({"file": "a", "row": [1, 1, 5], "kind": ["x", "x", "z"]})
    table = score_findings(found, planted)
    assert table.loc["x", ["planted", "found", "right", "precision", "recall"]].tolist() == [
        2,
        1,
        1,
        1.0,
        0.5,
    ]
    assert table.loc["y", "recall"] == 0
    assert np.isnan(table.loc["y", "precision"])
    assert table.loc["z", "precision"] == 0


# Delimited text


@pytest.mark.unit
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_found(tmp_path, encoding, separator):
    rows = [["编号", "名称", "价格"], ["1", "青瓷茶壶", "12"], ["2", "云南白茶,新", "34"]]
    text = "\r\n".join(separator.join(f'"{c}"' if "," in c else c for c in row) for row in rows) + "\r\n"
    table = read_delimited(written(tmp_path, text.encode(encoding)))
    assert table.separator == separator
    assert table.frame.columns.tolist() == rows[0]
    assert table.frame.to_numpy().tolist() == rows[1:]
    assert table.frame.index.tolist() == [2, 3]


@pytest.mark.unit
def test_cp1252_is_found_and_can_be_set(tmp_path):
    data = "name;price\nCafé crème;€5\nThé à la menthe;€4\n".encode("cp1252")
    table = read_delimited(written(tmp_path, data))
    assert table.encoding == "cp1252"
    assert table.frame["name"].tolist() == ["Café crème", "Thé à la menthe"]
    assert table.frame["price"].tolist() == ["€5", "€4"]
    same = read_delimited(tmp_path / "a.csv", encoding="cp1252", separator=";")
    assert same.frame.equals(table.frame)


@pytest.mark.unit
def test_agrees_with_pandas_on_a_clean_file(tmp_path):
    random = np.random.Generator(np.random.PCG64(1))
    frame = pd.DataFrame(
        {
            "a": random.integers(0, 100, 300).astype(str),
            "b": [f'x,"{i}"\ny' if i % 7 == 0 else f"茶 {i}" for i in range(300)],
            "c": [("" if i % 5 == 0 else f"{i / 3:.2f}") for i in range(300)],
        }
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    table = read_delimited(tmp_path / "a.csv")
    expected = pd.read_csv(tmp_path / "a.csv", dtype=str, keep_default_na=False)
    assert table.frame.to_numpy().tolist() == expected.to_numpy().tolist()
    assert table.ledger.findings.empty
    check_whole(table, (tmp_path / "a.csv").read_bytes().count(b"\n"))


@pytest.mark.bad_input
def test_every_broken_row_is_set_aside_or_repaired_with_its_reason(tmp_path):
    good = "S1,青瓷茶壶,2\n".encode()
    data = b"".join(
        [
            b"shop,product,qty\n",  # 1
            good,  # 2
            b"S1,only two\n",  # 3
            b"S1,a,2,surplus\n",  # 4
            b"S1,a,2,,\n",  # 5: empty fields at the end
            b"S1,b\x00ad,3\n",  # 6
            "S1,云南白茶,4\n".encode("gb18030"),  # 7
            b"shop,product,qty\n",  # 8
            b"\n",  # 9
            b'S1,"open,5\n',  # 10
            good,  # 11
            b"S1," + b"x" * 10_000_000 + b",1\n",  # 12
            b"S1,\xff\xfe,1\n",  # 13
            b"\x00\x00\n",  # 14
            b"S1,cut",  # 15
        ]
    )
    table = read_delimited(written(tmp_path, data))
    assert reasons(table) == {
        3: "2 fields instead of 3",
        4: "4 fields instead of 3",
        8: "the heading again",
        9: "the line holds no value",
        10: "a quotation mark is not closed",
        12: "the line has 10,000,005 bytes, more than 131,072",
        14: "nothing but NUL bytes",
        15: "the file ends inside the line: 2 fields instead of 3",
    }
    assert table.frame.loc[[5, 6, 7], "product"].tolist() == ["a", "bad", "云南白茶"]
    repaired = {row: kind for row, kind, outcome in kinds(table) if outcome == "repaired"}
    assert repaired == {5: "extra_separators", 6: "nul_bytes", 7: "broken_encoding", 13: "broken_encoding"}
    check_whole(table, 15)


@pytest.mark.unit
def test_an_open_quotation_mark_does_not_swallow_the_file(tmp_path):
    lines = [b"a,b"] + [b"1,2"] * 5 + [b'3,"open'] + [b"5,6"] * 300
    table = read_delimited(written(tmp_path, b"\n".join(lines) + b"\n"))
    assert len(table.frame) == 305
    assert reasons(table) == {7: "a quotation mark is not closed"}


@pytest.mark.unit
def test_a_field_may_hold_line_breaks(tmp_path):
    table = read_delimited(written(tmp_path, b'a,b\n1,"x\ny\n\nz"\n2,w\n'))
    assert table.frame.to_dict("index") == {2: {"a": "1", "b": "x\ny\n\nz"}, 6: {"a": "2", "b": "w"}}
    assert table.ledger.summary().iloc[0][["lines", "continued", "rows_in"]].tolist() == [6, 3, 2]


@pytest.mark.unit
def test_columns_with_one_name_are_kept_apart_and_said(tmp_path):
    table = read_delimited(written(tmp_path, b"id,spend,spend,,spend.2\n1,2,3,4,5\n"))
    assert table.frame.columns.is_unique
    assert table.frame.iloc[0].tolist() == ["1", "2", "3", "4", "5"]
    assert any("'spend'" in note and "row 1" in note for note in table.notes)


@pytest.mark.unit
def test_without_a_heading_the_names_are_given(tmp_path):
    table = read_delimited(written(tmp_path, b"1,2\n3,4\n"), heading=False, names=["a", "b"])
    assert table.frame.to_dict("index") == {1: {"a": "1", "b": "2"}, 2: {"a": "3", "b": "4"}}


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (b"", {}, r"a.csv is empty \(0 bytes\)"),
        (b"\xef\xbb\xbf", {}, "empty but for its byte order mark"),
        (b"\n \n", {}, "no line that could be its heading"),
        (b"a,b\n", {"encoding": "klingon"}, "'klingon' is not known"),
        (b"a,b\n", {"separator": ";;"}, "one character"),
        (b"a,b\n", {"heading": False}, "names="),
        (b"a,b\n", {"names": ["a"]}, "2 columns and names has 1"),
        (gzip.compress(b"", mtime=0), {}, "nothing that can be unpacked"),
    ],
)
def test_a_file_that_cannot_be_read_gives_one_sentence(tmp_path, data, options, says):
    with pytest.raises(InputError, match=says) as caught:
        read_delimited(written(tmp_path, data), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize("reader", [read_delimited, read_json_lines, read_sqlite])
def test_a_missing_file_and_a_folder_give_one_sentence(tmp_path, reader):
    with pytest.raises(InputError, match="does not exist"):
        reader(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="is a folder"):
        reader(tmp_path)


@pytest.mark.unit
def test_guesses_by_hand():
    assert guess_encoding(b"plain") == "utf-8"
    assert guess_encoding("小票号,时间\n静安店,茶\n".encode("gb18030") * 5) == "gb18030"
    assert (
        guess_encoding("茶".encode() + b"\n" + "茶壶".encode("gb18030") + b"\n" + "茶具".encode()) == "utf-8"
    )
    assert guess_encoding("Müller; Žižek; Ångström".encode("cp1252")) == "cp1252"
    assert guess_separator(["a b", "c d"]) == ","
    assert guess_separator(["x\ty", '"1,2"\t3', "4,5\t6"]) == "\t"
    assert mend_mojibake("Müller") == "Müller"
    assert mend_mojibake("Müller".encode().decode("cp1252")) == "Müller"


# JSON Lines


@pytest.mark.unit
def test_json_lines_agree_with_pandas(tmp_path):
    rows = [{"a": i, "b": f"茶{i}", "c": i / 4} for i in range(200)]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"
    plain = read_json_lines(written(tmp_path, text.encode(), "a.jsonl"))
    packed = read_json_lines(written(tmp_path, gzip.compress(text.encode()), "b.jsonl.gz"))
    expected = pd.read_json(tmp_path / "a.jsonl", lines=True)
    for table in (plain, packed):
        assert table.frame["a"].tolist() == expected["a"].tolist()
        assert table.frame["b"].tolist() == expected["b"].tolist()
        assert table.frame["c"].tolist() == expected["c"].tolist()
        check_whole(table, 200)


@pytest.mark.bad_input
def test_broken_json_lines_are_set_aside(tmp_path):
    data = b"\n".join(
        [
            b'{"a": 1}',  # 1
            b"[1, 2]",  # 2
            b'{"a": 1, "a": 2}',  # 3
            b"not json",  # 4
            b'{"a": "\x00x"}',  # 5
            b'{"a": "\\ud800"}',  # 6: half a character
            b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",  # 7
            b'{"a": ' + b"9" * 5_000 + b"}",  # 8
            '{"a": "茶"}'.encode("gb18030"),  # 9
            b'{"a": {"b": [1]}}',  # 10
            b"",  # 11
            b'{"a": 3',  # 12
        ]
    )
    table = read_json_lines(written(tmp_path, data, "a.jsonl"))
    found = reasons(table)
    assert set(found) == {2, 3, 4, 7, 8, 11, 12}
    assert found[12] == "the file ends inside the line"
    assert table.frame.loc[[1, 5, 9, 10], "a"].tolist() == [1, "x", "茶", '{"b": [1]}']
    assert table.frame.loc[6, "a"] == "?"
    check_whole(table, 12)


@pytest.mark.bad_input
def test_gzip_cut_short_is_read_as_far_as_it_goes(tmp_path):
    random = np.random.Generator(np.random.PCG64(2))
    lines = [json.dumps({"a": int(v)}) for v in random.integers(0, 2**40, 5_000)]
    packed = gzip.compress("\n".join(lines).encode() + b"\n", mtime=0)
    table = read_json_lines(written(tmp_path, packed[: len(packed) // 2], "a.jsonl.gz"))
    count = len(table.frame)
    assert 1_500 < count < 3_500
    assert table.frame["a"].tolist() == [json.loads(line)["a"] for line in lines[:count]]
    assert any(f"cut short at byte {len(packed) // 2:,}" in note for note in table.notes)
    assert list(reasons(table)) == [count + 1]
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 255
    table = read_json_lines(written(tmp_path, bytes(damaged), "b.jsonl.gz"))
    assert any("damaged near byte" in note or "cut short" in note for note in table.notes)
    first = len(table.frame) // 2
    assert table.frame["a"].tolist()[:first] == [json.loads(line)["a"] for line in lines[:first]]


@pytest.mark.unit
def test_gzip_of_several_parts_is_read_whole(tmp_path):
    data = gzip.compress(b'{"a": 1}\n') + gzip.compress(b'{"a": 2}\n')
    assert read_json_lines(written(tmp_path, data, "a.gz")).frame["a"].tolist() == [1, 2]


@pytest.mark.bad_input
def test_a_file_without_any_json_gives_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no JSON object in any of its 2 lines \(line 1: 'id,name'\)"):
        read_json_lines(written(tmp_path, b"id,name\n1,2\n"))


# SQLite


def database(path, statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(*statement)
    connection.commit()
    connection.close()
    return path


@pytest.mark.unit
def test_sqlite_rows_have_their_rowid_and_values(tmp_path):
    path = database(
        tmp_path / "a.sqlite",
        [
            ("CREATE TABLE t (name TEXT, year INTEGER)",),
            ("INSERT INTO t VALUES ('王丽', 1990), ('x', NULL), (?, 3)", ("a\x00b",)),
            ("DELETE FROM t WHERE rowid = 2",),
            ("INSERT INTO t VALUES (CAST(x'cdf5' AS TEXT), 4)",),
        ],
    )
    table = read_sqlite(path)
    assert table.frame["name"].to_dict() == {1: "王丽", 3: "ab", 4: "王"}
    assert table.frame["year"].tolist() == [1990, 3, 4]
    assert kinds(table) == [[3, "nul_bytes", "repaired"], [4, "broken_encoding", "repaired"]]


@pytest.mark.bad_input
def test_sqlite_that_is_none_gives_one_sentence(tmp_path):
    with pytest.raises(InputError, match="is not a SQLite database"):
        read_sqlite(written(tmp_path, b"account,name\n1,2\n", "a.sqlite"), "customers")
    with pytest.raises(InputError, match="cannot be read as a SQLite database"):
        read_sqlite(written(tmp_path, b"SQLite format 3\x00" + b"rubbish" * 500, "b.sqlite"), "customers")
    with pytest.raises(InputError, match="is empty"):
        read_sqlite(written(tmp_path, b"", "c.sqlite"), "customers")
    path = database(tmp_path / "d.sqlite", [("CREATE TABLE t (a)",), ("CREATE TABLE u (a)",)])
    with pytest.raises(InputError, match="no table 'customers'; its tables: 't', 'u'"):
        read_sqlite(path, "customers")
    with pytest.raises(InputError, match="name one"):
        read_sqlite(path)


@pytest.mark.bad_input
def test_a_damaged_database_is_read_as_far_as_it_goes(tmp_path):
    rows = [("INSERT INTO t VALUES (?)", (f"{i:06d}" * 30,)) for i in range(2_000)]
    path = database(tmp_path / "a.sqlite", [("CREATE TABLE t (a TEXT)",), *rows])
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = b"\xee" * 20_000
    path.write_bytes(bytes(data))
    table = read_sqlite(path, "t")
    assert 0 < len(table.frame) < 2_000
    assert [kind for _, kind, _ in kinds(table)][-1] == "truncated_line"
    assert "breaks off after row" in table.notes[0]


# Fixed width


@pytest.mark.bad_input
def test_fixed_width_keeps_gaps_in_their_place(tmp_path):
    lines = [
        b"0001 20240101     5",  # 1
        b"0002              4",  # 2: no day; a reader that splits at blanks would shift the stars
        b"0003 20240102",  # 3: no stars
        b"0004\t20240103\t3",  # 4
        b"0005,20240103,2",  # 5
        b"id day stars",  # 6
        b"00066 20240103   2",  # 7
        b"00\x0007 20240104     1",  # 8
        b"",  # 9
        b"0008 2024",  # 10: cut
    ]
    table = read_fixed_width(written(tmp_path, b"\n".join(lines)), SPANS)
    assert table.frame["stars"].to_dict() == {1: "5", 2: "4", 3: "", 4: "3", 5: "2", 8: "1"}
    assert table.frame.loc[2, "day"] == ""
    assert table.frame.loc[8, "id"] == "0007"
    assert set(reasons(table)) == {6, 7, 9, 10}
    repaired = [row for row, kind, _ in kinds(table) if kind == "wrong_separator"]
    assert repaired == [4, 5]
    check_whole(table, 10)


@pytest.mark.unit
def test_fixed_width_agrees_with_pandas(tmp_path):
    text = "".join(f"{i:04d} 202401{i % 28 + 1:02d} {i % 5 + 1:>5}\n" for i in range(200))
    table = read_fixed_width(written(tmp_path, text.encode()), SPANS)
    expected = pd.read_fwf(tmp_path / "a.csv", colspecs=[(0, 4), (5, 13), (14, 19)], header=None, dtype=str)
    assert table.frame.to_numpy().tolist() == expected.to_numpy().tolist()


@pytest.mark.bad_input
def test_columns_that_overlap_are_refused(tmp_path):
    with pytest.raises(InputError, match="overlaps"):
        read_fixed_width(written(tmp_path, b"x\n"), {"a": (1, 4), "b": (4, 6)})


# Rubbish

PIECES = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda t: t.encode("utf-8", "replace")),
    st.text("静安店茶壶,¥１", max_size=8).map(lambda t: t.encode("gb18030")),
    st.sampled_from(
        [
            *(b"\n", b"\r\n", b"\r", b",", b'"', b"\x00", b"a,b\n", b"1,2\n", b'"x\ny",2\n', b"\xef\xbb\xbf"),
            *(b"\xff\xfe", b"\x1f\x8b", b'{"a": 1}\n', b'{"a": [1, {"b": null}]}\n', b"NaN\n", b"31/02/2024"),
            *(b"   ", b"\t", b"0001 20"),
        ]
    ),
)
RUBBISH = st.lists(PIECES, max_size=12).map(b"".join)
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def lines_of(data):
    """Physical lines, counted independently of the readers."""
    end = b"\n" if b"\n" in data else b"\r"
    return data.count(end) + (not data.endswith(end))


def attempt(reader, path):
    """What the reader found, or its sentence."""
    try:
        return reader(path), ""
    except InputError as error:
        return None, str(error)


def survives(reader, path):
    """Either one clear sentence, or every row accounted for."""
    table, sentence = attempt(reader, path)
    if table is None:
        assert "\n" not in sentence.strip()
        assert len(sentence) > 20
        return
    data = path.read_bytes()
    plain = not data.startswith((b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff"))
    lines = lines_of(data) if plain else table.ledger.summary()["lines"].iloc[0]
    check_whole(table, lines)
    assert table.ledger.findings["reason"].map(len).gt(0).all()


@pytest.mark.bad_input
@QUICK
@given(RUBBISH)
def test_rubbish_loses_no_row_of_delimited_text(tmp_path, data):
    survives(read_delimited, written(tmp_path, data))


@pytest.mark.bad_input
@QUICK
@given(RUBBISH)
def test_rubbish_loses_no_row_of_json_lines(tmp_path, data):
    survives(read_json_lines, written(tmp_path, b'{"a": 1}\n' + data, "a.jsonl"))


@pytest.mark.bad_input
@QUICK
@given(RUBBISH)
def test_rubbish_loses_no_row_of_fixed_width(tmp_path, data):
    survives(lambda path: read_fixed_width(path, SPANS), written(tmp_path, data))


@pytest.mark.bad_input
@settings(QUICK, max_examples=60)
@given(RUBBISH, st.integers(0, 400))
def test_rubbish_after_a_gzip_head_loses_no_row(tmp_path, data, cut):
    packed = gzip.compress(b'{"a": 1}\n{"a": 2}\n' * 20 + data, mtime=0)
    survives(read_json_lines, written(tmp_path, packed[:cut] + data, "a.jsonl.gz"))


@pytest.mark.bad_input
@settings(QUICK, max_examples=60)
@given(RUBBISH, st.integers(0, 8_000), st.booleans())
def test_rubbish_in_a_database_gives_a_sentence_or_rows(tmp_path, data, place, head):
    path = tmp_path / "good.sqlite"
    if not path.exists():
        database(path, [("CREATE TABLE t (a TEXT)",), *[("INSERT INTO t VALUES (?)", ("x" * 90,))] * 60])
    good = path.read_bytes()
    broken = good[:place] + data + good[place + len(data) :] if head else b"SQLite format 3\x00" + data
    target = written(tmp_path, broken, "a.sqlite")
    table, sentence = attempt(lambda path: read_sqlite(path, "t"), target)
    if table is None:
        assert "a.sqlite" in sentence
        return
    summary = table.ledger.summary().iloc[0]
    assert summary["rows_in"] == summary["rows_out"] == len(table.frame) + summary["set_aside"]
