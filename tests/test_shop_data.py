"""The course's own simulated shop: files, registry, card and code say the same."""

import hashlib
import importlib.util
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bigmkt_helpers import datasets, tables
from bigmkt_helpers.errors import ChecksumError, InputError
from bigmkt_helpers.shop import CUTOFF_WEEKS, OUTCOMES, default_laws, moments, simulate
from bigmkt_helpers.tables import RATINGS

DATA = Path(__file__).resolve().parent.parent / "data"
CARD = (DATA / "shop.md").read_text(encoding="utf-8")
TRUTH_ONLY = re.compile(r"(taste|style|latent)_\d+|p_[a-z]+")


@pytest.fixture(scope="module")
def fresh():
    return simulate(4_000, seed=0)


@pytest.fixture(scope="module")
def shop():
    return datasets.load_shop()


@pytest.mark.contract
@pytest.mark.parametrize("name", datasets.SHOP_TABLES)
def test_a_fresh_run_gives_the_file(fresh, shop, name):
    pd.testing.assert_frame_equal(fresh.table(name), shop.table(name), check_exact=True)


@pytest.mark.contract
@pytest.mark.parametrize("name", datasets.SHOP_TABLES)
def test_file_registry_and_card_agree(shop, name):
    file = f"{name}.parquet"
    entry, content, table = (
        datasets.SHOP_REGISTRY[file],
        (DATA / "shop" / file).read_bytes(),
        shop.table(name),
    )
    (stated,) = re.findall(rf"^\| `{file}` \| ([\d,]+) \| (\d+) \| ([\d,]+) \| `(\w+)` \|$", CARD, re.M)
    assert stated[3] == entry.sha256 == hashlib.sha256(content).hexdigest()
    assert int(stated[2].replace(",", "")) == len(content)
    assert int(stated[0].replace(",", "")) == entry.rows == len(table)
    assert int(stated[1]) == table.shape[1]
    section = CARD.split(f"### `{file}`")[1].split("\n#")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    rows = [[cell.strip().strip("`") for cell in row] for row in rows]
    assert [row[0] for row in rows] == table.columns.tolist()
    assert [row[1] for row in rows] == [str(kind) for kind in table.dtypes]
    assert all(len(row) == 4 and all(row) for row in rows)


@pytest.mark.contract
def test_every_file_has_its_entry():
    files = {path.name for path in (DATA / "shop").glob("*.parquet")}
    assert files >= set(datasets.SHOP_REGISTRY) == {f"{name}.parquet" for name in datasets.SHOP_TABLES}
    headings = ["Origin", "Licence", "Files", "Columns", "What was changed", "Check values", "Known traps"]
    assert re.findall(r"^## (.+)$", CARD, re.M) == headings
    assert "(shop.md)" in (DATA / "README.md").read_text(encoding="utf-8")


@pytest.mark.contract
@pytest.mark.parametrize("name", [name for name in datasets.SHOP_TABLES if not name.startswith("truth")])
def test_names_are_in_the_vocabulary_and_types_are_the_course_s(shop, name):
    table = shop.table(name)
    assert set(table.columns) <= set(tables.VOCABULARY)
    for column in table:
        assert table[column].dtype != object
        assert not table[column].isna().any()
        if column.endswith("_time") or column == "timestamp":
            assert str(table[column].dtype) == "datetime64[us, UTC]"
        if column.endswith("_id") or column in ("user", "item"):
            assert table[column].dtype == np.int64


@pytest.mark.contract
def test_check_values_of_the_card(shop):
    figures = moments(shop)
    heads = shop.orders[shop.orders["line_number"] == 1]
    last = shop.truth_answers[shop.truth_answers["cutoff"] == 100]
    known = {
        "orders": f"{len(heads):,}",
        "order lines": f"{len(shop.orders):,}",
        "sessions in the app": f"{shop.sessions['session_id'].nunique():,}",
        "share of customers with a single order": f"{figures['one-time buyers']:.3f}",
        "Gini coefficient of spend by customer": f"{figures['Gini of spend']:.3f}",
        "lines per order": f"{figures['lines per order']:.3f}",
        "mean rating": f"{figures['mean rating']:.3f}",
        "customers asked at the last cutoff": f"{len(last):,}",
        "of them without an order in the 28 days": f"{(last['answer'] == 'nothing').sum():,}",
    }
    section = CARD.split("## Check values")[1].split("\n## ")[0]
    stated = dict(re.findall(r"^\| ([a-zA-Z][^|]+) \| ([\d.,]+) \|$", section, re.M))
    assert stated == known
    conversion = figures["app users' orders per session"]
    assert f"{conversion:.3f} orders per app" in CARD


@pytest.mark.recovery
def test_cdnow_figures_beside_the_shop_s_are_cdnow_s():
    lines = datasets.load_cdnow()
    days = lines.drop_duplicates(["customer_id", "date"]).sort_values(["customer_id", "date"])
    per = days.groupby("customer_id").size()
    spend = np.sort(lines.groupby("customer_id")["spend"].sum())
    gini = (2 * np.arange(1, len(spend) + 1) - len(spend) - 1) @ spend / (len(spend) * spend.sum())
    gap = days.groupby("customer_id")["date"].diff().dropna().dt.days.median()
    text = " ".join(CARD.split())
    assert f"{(per == 1).mean():.3f} bought on a single day" in text
    assert f"spend is {gini:.3f}" in text
    assert f"is {gap:.0f} days there" in text


@pytest.mark.recovery
def test_truth_tables_are_distributions_over_the_outcomes(shop):
    answers, observer = shop.truth_answers, shop.truth_observer
    for table in (answers, observer):
        chances = table[[f"p_{outcome}" for outcome in OUTCOMES]]
        np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-8)
        assert chances.min(axis=None) >= 0
        assert set(table["answer"]) <= set(OUTCOMES)
        assert not table.duplicated(["cutoff", "customer_id"]).any()
    assert set(answers["cutoff"]) == set(CUTOFF_WEEKS)
    assert set(observer["cutoff"]) == {CUTOFF_WEEKS[-1]}
    last = answers[answers["cutoff"] == CUTOFF_WEEKS[-1]]
    both = last.merge(observer, on="customer_id", validate="1:1")
    assert len(both) == len(last) == len(observer)
    assert (both["answer_x"] == both["answer_y"]).all()


@pytest.mark.unit
def test_ratings_and_orders_come_in_through_the_schemas(shop):
    pd.testing.assert_frame_equal(RATINGS.conform(shop.ratings), shop.ratings, check_exact=True)


@pytest.mark.unit
def test_tables_are_read_when_asked_for_and_once(monkeypatch):
    shop, read = datasets.load_shop(), []
    inner = datasets._read
    monkeypatch.setattr(datasets, "_read", lambda *args: read.append(args[0]) or inner(*args))
    assert "orders" in dir(shop)
    assert shop.tables == list(datasets.SHOP_TABLES)
    assert read == []
    assert shop.orders is shop.orders
    assert read == ["orders.parquet"]
    with pytest.raises(AttributeError, match="no table 'oders'"):
        shop.oders  # noqa: B018
    with pytest.raises(InputError, match="no table 'oders': use one of customers"):
        shop.table("oders")


@pytest.mark.unit
def test_a_table_that_was_not_made_is_named():
    small = simulate(5, truth=False)
    with pytest.raises(InputError, match="'truth_answers' is not in memory: simulate the shop with it"):
        small.truth_answers  # noqa: B018
    assert "truth_answers" not in small.tables


@pytest.mark.bad_input
def test_a_changed_byte_and_a_missing_file_are_named(tmp_path, monkeypatch):
    shutil.copytree(DATA / "shop", tmp_path / "shop", ignore=shutil.ignore_patterns("raw"))
    monkeypatch.setenv("BIGMKT_DATA", str(tmp_path))
    path = tmp_path / "shop" / "returns.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    shop = datasets.load_shop()
    with pytest.raises(ChecksumError, match=r"git checkout -- data/shop/returns\.parquet"):
        shop.returns  # noqa: B018
    assert len(shop.products) == 600
    (tmp_path / "shop" / "ratings.parquet").unlink()
    with pytest.raises(InputError, match=r"ratings\.parquet is missing .*make_shop\.py"):
        shop.ratings  # noqa: B018


@pytest.mark.contract
def test_the_script_finds_what_differs_and_states_what_it_wrote(tmp_path):
    spec = importlib.util.spec_from_file_location("make_shop", DATA / "make_shop.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (script.N_CUSTOMERS, script.SEED) == (4_000, 0)
    for place in ("one", "two"):
        simulate(30, seed=1, folder=tmp_path / place, truth=False)
    assert script.check(tmp_path / "one", tmp_path / "two") == []
    table = pq.read_table(tmp_path / "two" / "orders.parquet").to_pandas()
    table.loc[3, "quantity"] += 1
    table.to_parquet(tmp_path / "two" / "orders.parquet")
    (tmp_path / "two" / "returns.parquet").unlink()
    assert [text.split(":")[0] for text in script.check(tmp_path / "one", tmp_path / "two")] == [
        "orders",
        "returns",
    ]
    (tmp_path / "note.txt").write_text("a\nBEGIN\nold\nEND\n", encoding="utf-8")
    script.rewrite(tmp_path / "note.txt", "BEGIN", "END", ["new\n"])
    assert (tmp_path / "note.txt").read_text(encoding="utf-8") == "a\nBEGIN\nnew\nEND\n"
    with pytest.raises(SystemExit, match="no single block"):
        script.rewrite(tmp_path / "note.txt", "OTHER", "END", [])


# The page that states the model


PAGE = (DATA.parent / "notebooks" / "shop_model.md").read_text(encoding="utf-8")


@pytest.mark.recovery
def test_figures_of_the_page(shop):
    figures, orders = moments(shop), shop.orders
    app = shop.customers.loc[shop.customers["app_user"], "customer_id"]
    sessions = shop.sessions["session_id"].nunique()
    stars, lines = datasets.load_movielens().ratings["rating"], datasets.load_cdnow()
    spend = np.sort(lines.groupby("customer_id")["spend"].sum())
    days = lines.groupby(["customer_id", "date"])["quantity"].sum()
    expected = {
        "customers with a single order": f"{figures['one-time buyers']:.3f}",
        "Gini coefficient of spend by customer": f"{figures['Gini of spend']:.3f}",
        "share of spend of the top fifth of customers": f"{figures['share of spend of the top fifth']:.3f}",
        "median days between two orders": f"{figures['median days between orders']:.1f}",
        "units per order": f"{orders['quantity'].sum() / orders['order_id'].nunique():.3f}",
        "standard deviation of ratings": f"{figures['standard deviation of ratings']:.3f}",
        "mean rating": f"{figures['mean rating']:.3f}",
        "order lines per session": f"{orders['customer_id'].isin(app).sum() / sessions:.3f}",
    }
    real = {
        "share of spend of the top fifth of customers": spend[-(len(spend) // 5) :].sum() / spend.sum(),
        "units per order": days.mean(),
        "standard deviation of ratings": stars.std(),
        "mean rating": stars.mean(),
        "order lines per session": 5_098_951 / 12_899_779,
    }
    section = PAGE.split("## Beside real shops")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-zA-Z][^|]+) \| ([\d.]+) \| ([\d.]+) \| [^|]+ \|$", section, re.M)
    assert {name: ours for name, ours, _ in rows} == expected
    assert {name: value for name, _, value in rows if name in real} == {
        name: f"{value:.3f}" for name, value in real.items()
    }


@pytest.mark.recovery
def test_formulas_of_the_page_have_the_numbers_of_the_laws():
    laws = default_laws()
    matrix = re.search(r"begin\{pmatrix\} (.*?) \\end", PAGE)[1].split(r" \\ ")
    assert [[float(cell) for cell in row.split(" & ")] for row in matrix] == laws.transition.tolist()
    text = " ".join(PAGE.split())
    names = ("tea lover", "home cook", "host", "nest builder", "gift giver")
    for name, share in zip(names, laws.persona_share):
        assert f"{name} ({share:.2f})" in text
    rate = [float(m) for m in re.search(r"m = \((.*?)\)", text)[1].replace("\\ ", "").split(",")]
    assert rate == laws.state_rate.tolist()
    assert f"gone with probability {laws.one_and_done}" in text
    law = rf"{laws.own_share:.2f}\,\theta_{{ic}} + {laws.follow_share:.2f}\,[c = f(c')]"
    assert law + rf" + {laws.trend_share:.2f}\,\tau_{{wc}}" in text
    assert rf"Dirichlet}}({laws.taste_concentration:g}\,\pi_k + {laws.taste_floor})" in text
    assert f"shape }} {laws.rate_shape}" in text
    assert f"With probability {laws.partner_share} the planted" in text
    assert f"Poisson({laws.extra_lines}) further" in text
    assert f"1 + Poisson({laws.extra_quantity}) units" in text
    sessions = ", ".join(f"{rate:g}" for rate in laws.session_rate[:3])
    assert f"Poisson({sessions} or 0) sessions" in text
    assert rf"{1 - laws.session_trend_share}\,\theta_{{ic}} + {laws.session_trend_share}\,\tau" in text
    assert rf"${laws.return_share}\,e^{{-{laws.return_slope}\,\text{{quality}}}}$" in text
    assert rf"${laws.rating_share}\,(1 + {laws.rating_extremity}\,o^2)$" in text
    assert rf"${laws.rating_mean} + {laws.rating_scale}\,o$ stars" in text
    assert f"Use of the app ({laws.app_share})" in text
    assert (laws.campaign_effect < 0).sum() == 1
    *most, last = (f"{effect:g}" for effect in laws.coupon_effect)
    assert f"is {', '.join(most)} and {last} for the five personas" in text
    assert rf"\beta_k,\ {laws.coupon_effect_scale:g}^2)" in text
