"""The page "Benchmarks" says what benchmarks/results.json says, and the file says all that it must."""

import base64
import copy
import json
import re
import socket
import sys
from datetime import date
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from benchmarks import data, itemsets, models, quality, run, tune_topn
from bigmkt_helpers.errors import InputError
from tools import benchmarks

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


@pytest.fixture(scope="module")
def committed():
    return benchmarks.read()


@pytest.fixture
def results(committed):
    return copy.deepcopy(committed)


def text_of(results):
    return benchmarks.page(results, pictures=False)


def leaves(value):
    """Every number and every text of a JSON value, and how long its lists are."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, list):
        yield len(value)
        for one in value:
            yield from leaves(one)
    else:
        yield value


def tokens(text):
    return {found.rstrip(",") for found in NUMBER.findall(text)}


def sayable(results):
    """The numbers that the file allows the page to say, in every form that it uses."""
    allowed = set()
    for leaf in leaves(results):
        if isinstance(leaf, str):
            allowed |= tokens(leaf)
        elif isinstance(leaf, bool) or leaf is None:
            continue
        else:
            forms = (
                "{:.0f}",
                "{:,.0f}",
                "{:.1f}",
                "{:,.1f}",
                "{:.2f}",
                "{:.3f}",
                "{:.4f}",
                "{:.6f}",
                "{:.0e}",
                "{:g}",
            )
            for form in forms:
                allowed |= tokens(form.format(abs(leaf)))
            for form in ("{:.0%}", "{:.1%}", "{:.2%}"):
                allowed |= tokens(form.format(abs(leaf)))
    peers = [r for r in results["ratios"] if r["peer"] != benchmarks.FLOOR]
    lacking = [r for r in results["baskets"] if r["same"] and r["same"]["missing"]]
    named = {f"{r['itemsets'] - r['same']['missing']:,}" for r in lacking}
    for r in (one for part in run.MODELS for one in results[part] if one["cpu"]):
        named |= {benchmarks._times(1 / value) for value in r["cpu"]}
    return allowed | named | {str(len(peers)), str(len(results["quality"]["published"]["ndcg"]))}


# The committed file


@pytest.mark.contract
def test_the_file_has_all_fields_and_tells_nothing_of_whose_machine_it_was(committed):
    text = benchmarks.RESULTS.read_text(encoding="utf-8")
    assert {part: [] for part in benchmarks.OPTIONAL} | json.loads(text) == committed
    for one in committed["runs"].values():
        assert date.fromisoformat(one["date"]) >= date(2026, 1, 1)
        assert {"numpy", "scipy", "bigmkt-helpers"} <= set(one["versions"])
        assert set(one["machine"]) == set(benchmarks.MACHINE)
        assert one["machine"]["threads"] == 1
    assert not re.search(r"/(tmp|work|home|root|usr|mnt|Users)\b", text)
    for part, packages in (
        ("ratios", run.PEERS.values()),
        ("segments", ["scikit-learn"]),
        ("baskets", [package for _, package in run.MINERS.values()]),
        *((part, [package for _, package in models.PEERS.values()]) for part in run.MODELS),
    ):
        for r in committed[part]:
            told = committed["runs"][r["run"]]
            assert set(packages) <= set(told["versions"]) | set(told["peers"])
    host = socket.gethostname()
    assert len(host) < 4 or host not in text


@pytest.mark.contract
def test_the_file_holds_what_the_benchmark_measures(committed):
    found = {(r["title"], r["peer"]) for r in committed["ratios"]}
    assert {peer for _, peer in found} == {*run.PEERS.values(), run.FLOOR}
    assert len(found) == len(committed["ratios"])
    for r in committed["ratios"]:
        assert r["rounds"] >= 3
        for name in ("cpu", "wall", "memory"):
            low, middle, high = r[name]
            assert 0 <= low <= middle <= high
        if r["peer"] == run.FLOOR:
            assert r["answer"] is None
        else:
            assert 0 <= r["answer"]["gap"] <= r["answer"]["allowed"]
    assert {r["title"] for r in committed["growth"]} == set(run.GROWING.values())
    assert {len(r["measured"]) for r in committed["growth"]} == {len(committed["growth"][0]["sizes"])}
    found = committed["quality"]
    assert found["sar"]["published"] == quality.SAR
    assert found["published"] == quality.PUBLISHED
    assert found["protocol"]["seeds"] == list(run.SEEDS)
    assert {one["model"] for one in found["models"]} == {*tune_topn.GRIDS, "blend"}
    for one in found["models"]:
        values = [split["ndcg"] for split in one["splits"]]
        assert [split["seed"] for split in one["splits"]] == list(run.SEEDS)
        assert one["mean"] == pytest.approx(np.mean(values))
        assert (one["smallest"], one["largest"]) == (min(values), max(values))
        assert all(split["low"] < split["ndcg"] < split["high"] for split in one["splits"])


@pytest.mark.contract
def test_the_file_holds_the_baskets_and_the_segments(committed):
    found = {(r["title"], r["peer"]): r for r in committed["baskets"]}
    assert len(found) == len(committed["baskets"])
    titles = {f"{name} {share * 100:g}%" for name, shares in run.MINED for share in shares}
    measured = {title for title, _ in found}
    assert measured <= titles
    assert {"groceries 1%", "groceries 0.1%", "T10I4D100K 1%", "T10I4D100K 0.5%"} <= measured
    assert set(found) == {(title, peer) for title in measured for peer, _ in run.MINERS.values()}
    for r in committed["baskets"]:
        assert r["limits"] == run.LIMITS
        assert r["ours"]["mining_s"] <= r["ours"]["cpu_s"]
        if r["stopped"]:
            assert r["stopped"] in ("memory", "time")
            assert r["cpu"] is r["theirs"] is r["same"] is None
            continue
        assert r["same"]["different"] == 0
        assert 1 <= r["rounds"] <= 5
        for name in ("cpu", "wall", "memory"):
            low, middle, high = r[name]
            assert 0 < low <= middle <= high
        assert (r["mining"] is not None) == r["peer"].startswith("mlxtend")
    assert {r["title"] for r in committed["segments"]} == set(data.CUSTOMERS)
    for r in committed["segments"]:
        assert r["rounds"] == 5
        assert 0 <= r["answer"]["gap"] <= r["answer"]["allowed"] <= 1e-9
        assert 0 <= r["answer"]["ties"] < r["settings"]["n_starts"]
    assert [r["settings"]["share"] for r in committed["basket_growth"]] == list(run.SHARES)
    for r in committed["basket_growth"]:
        assert r["sizes"] == [10**4, 10**5, 10**6, 10**7]
        assert [one["held_mb"] > 0 for one in r["measured"]] == [True] * 4
    peers = [run.MINERS[task][0] for task in run.FALLING_PEERS]
    assert [r["title"] for r in committed["support"]] in ([], ["ours", *peers])
    for r in committed["support"]:
        assert r["shares"] == list(run.FALLING[1])
        assert r["itemsets"] == sorted(r["itemsets"])
        assert len(r["measured"]) == len(r["shares"])


@pytest.mark.contract
def test_the_file_holds_models_beside_their_peers(committed):
    for part in run.MODELS:
        cases = {title: peers for title, _, peers, _, _ in models.cases(part)}
        found = {(r["title"], r["peer"]): r for r in committed[part]}
        assert len(found) == len(committed[part])
        for (title, peer), r in found.items():
            assert peer in {models.PEERS[task][0] for task in cases[title]}
            assert r["limits"] == models.LIMITS
            if r["stopped"]:
                assert r["stopped"] in ("memory", "time")
                assert r["cpu"] is r["theirs"] is r["answer"] is None
                continue
            assert 0 <= r["answer"]["gap"] <= r["answer"]["allowed"] <= 1e-6
            assert 1 <= r["rounds"] <= 5
            for name in ("cpu", "wall", "memory"):
                low, middle, high = r[name]
                assert 0 <= low <= middle <= high
    for r in committed["clv_growth"]:
        assert r["title"] in models.GROWING_CLV.values()
        assert r["sizes"][0] == 10**4
        assert [one["distinct"] for one in r["measured"]] == sorted(one["distinct"] for one in r["measured"])


@pytest.mark.published
def test_the_committed_log_likelihoods_are_the_published_ones(committed):
    known = {"BG/NBD, 2,357 customers": -9582.429, "Pareto/NBD, 2,357 customers": -9594.976}
    for r in committed["clv"]:
        if r["title"] in known and r["answer"]:
            assert r["answer"]["ours"] == pytest.approx(known[r["title"]], abs=6e-4)


@pytest.mark.published
def test_the_committed_itemsets_are_as_many_as_two_programs_counted(committed):
    known = {
        "groceries 1%": 333,
        "groceries 0.1%": 13_492,
        "mushroom 30%": 2735,
        "mushroom 20%": 53_583,
        "chess 80%": 8227,
        "T10I4D100K 1%": 385,
        "T10I4D100K 0.5%": 1073,
        "T10I4D100K 0.1%": 27_532,
        "retail 1%": 159,
        "retail 0.1%": 7589,
    }
    for r in committed["baskets"]:
        assert r["itemsets"] == known[r["title"]]
    for r in committed["support"]:
        counts = dict(zip(r["shares"], r["itemsets"], strict=True))
        assert (counts[0.01], counts[0.005], counts[0.001]) == (385, 1073, 27_532)


@pytest.mark.published
def test_the_committed_sar_is_the_published_one(committed):
    for name, value in quality.SAR.items():
        assert round(committed["quality"]["sar"]["ours"][name], 6) == value


# The page


@pytest.mark.contract
def test_every_number_on_the_page_is_in_the_file(committed):
    text = text_of(committed)
    said = tokens(re.sub(r"\]\([^)]*\)|:width: .*|^#+ .*$", "", text, flags=re.MULTILINE))
    assert len(said) > 100
    assert said - sayable(committed) == set()
    assert tokens("0.123456789") - sayable(committed) != set()  # a number of nowhere would be noticed


@pytest.mark.contract
def test_every_record_is_on_the_page(committed):
    text = text_of(committed)
    for r in committed["ratios"]:
        assert f"| {benchmarks._markup(r['title'])} |" in text
        assert f"**{r['cpu'][1]:.2f}** ({r['cpu'][0]:.2f} to {r['cpu'][2]:.2f})" in text
    for r in committed["growth"]:
        assert f"| {benchmarks._markup(r['title'])} |" in text
    for r in (*committed["segments"], *committed["basket_growth"]):
        assert f"| {r['title']} |" in text
    for r in committed["segments"]:
        assert benchmarks._spread(r["cpu"]) in text
    for r in committed["baskets"]:
        assert f"| {r['title']} |" in text
        assert r["peer"] in text
        for name in ("cpu", "mining"):
            assert r[name] is None or benchmarks._spread(r[name]) in text
        if r["stopped"]:
            assert f"| stopped: {r['stopped']} " in text
        else:
            assert f"| {r['theirs']['extra_mb']:,.0f} " in text
    for part in run.MODELS:
        for r in committed[part]:
            line = next(one for one in text.splitlines() if one.startswith(f"| {r['title']} | {r['peer']} |"))
            assert ("stopped at" if r["stopped"] else benchmarks._faster(r["cpu"])) in line
            assert f"| {r['rounds']} |" in line
    for r in committed["clv_growth"]:
        assert f"{r['measured'][-1]['distinct']:,} different" in text
    for r in committed["support"]:
        assert f" {r['title']} |" in text
        assert f"$m^{{{r['exponent']:.2f}}}$" in text
    for one in committed["quality"]["models"]:
        split = benchmarks._published_split(one, committed["quality"]["protocol"])
        assert f"**{split['ndcg']:.4f}** [{split['low']:.4f}, {split['high']:.4f}]" in text
    for one in committed["runs"].values():
        assert one["date"] in text
        assert one["machine"]["processor"] in text


@pytest.mark.contract
@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        (("ratios", 0, "cpu", 1), 0.87654, "0.88"),
        (("ratios", 1, "memory", 1), 7.65432, "7.65"),
        (("ratios", 2, "ours", "cpu_s"), 98.7654, "98.8"),
        (("ratios", 3, "theirs", "extra_mb"), 54321.4, "54321"),
        (("growth", 0, "measured", 1, "cpu_s"), 7.65432, "7.65"),
        (("growth", 1, "exponent", "cpu_s"), 3.45678, "3.46"),
        (("growth", 2, "measured", 2, "extra_mb"), 98765.4, "98,765 MB"),
        (("segments", 0, "cpu", 1), 6.54321, "6.54"),
        (("segments", 1, "theirs", "cpu_s"), 87.6543, "87.7"),
        (("segments", 0, "answer", "ties"), 17, "from 17 of"),
        (("baskets", 0, "cpu", 1), 0.0034567, "0.0035"),
        (("baskets", 0, "mining", 1), 0.0456789, "0.046"),
        (("baskets", 1, "theirs", "cpu_s"), 87.6543, "87.7"),
        (("baskets", 0, "theirs", "extra_mb"), 76543.2, "76,543"),
        (("baskets", 0, "itemsets"), 987654, "987,654"),
        (("baskets", 0, "settings", "n_items"), 76543, "76,543 items"),
        (("baskets", 0, "limits", "memory_gb"), 77, "77 GB"),
        (("basket_growth", 0, "measured", 1, "cpu_s"), 7.65432, "7.65 s"),
        (("basket_growth", 0, "measured", 3, "held_mb"), 7654.3, "7,654 MB"),
        (("basket_growth", 1, "exponent", "cpu_s"), 3.45678, "3.46"),
        (("support", 0, "measured", 2, "cpu_s"), 7.65432, "7.65 s"),
        (("support", 0, "itemsets", 4), 7654321, "7,654,321"),
        (("support", 1, "exponent"), 3.45678, "3.46"),
        (("quality", "models", 0, "splits", 0, "ndcg"), 0.98765, "0.9877"),
        (("quality", "models", 1, "against_sar", "low"), -0.76543, "−0.7654"),
        (("quality", "models", 2, "smallest"), 0.01234, "0.0123"),
        (("quality", "published", "ndcg", "BiVAE"), 0.87654, "0.8765"),
        (("quality", "sar", "ours", "recall@10"), 0.765432, "0.765432"),
        (("quality", "protocol", "users"), 98765, "98765"),
        (("runs", None, "machine", "processor"), "Abacus 1000", "Abacus 1000"),
        (("runs", None, "date"), "2031-12-24", "2031-12-24"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_changed_figure_shows_on_the_page(results, path, value, shown):
    before = text_of(results)
    place = results
    for step in path[:-1]:
        place = place[next(iter(place)) if step is None else step]
    assert place[path[-1]] != value
    place[path[-1]] = value
    after = text_of(results)
    assert shown in after
    assert before.count(shown) < after.count(shown)


@pytest.mark.contract
def test_what_the_sentences_claim_is_decided_by_the_numbers(results):
    one = next(r for r in results["ratios"] if r["peer"] != benchmarks.FLOOR)
    title, peer = benchmarks._markup(one["title"]), one["peer"]

    def group(spread):
        one["cpu"] = spread
        said = re.search(r"\*\*In CPU time\*\*(.*?)\*\*In memory\*\*", text_of(results), re.DOTALL)[1]
        for line in said.splitlines():
            if f"{title} ({spread[1]:.2f} of {peer})" in line:
                return line.removeprefix("- ").split(":")[0]

    assert group([0.2, 0.5, 0.9]) == "ours is cheaper in every pair"
    assert group([1.1, 1.5, 1.9]) == "ours is dearer in every pair"
    assert group([0.9, 1.5, 1.9]) == "the pairs do not agree on who is cheaper"

    quality = results["quality"]
    model = quality["models"][0]
    best = max(
        quality["models"], key=lambda one: benchmarks._published_split(one, quality["protocol"])["ndcg"]
    )
    best["smallest"] = 0.4449
    text = text_of(results)
    assert f"*{best['model']}*, the best on the published one, went from 0.4449 to" in text
    assert "Its smallest figure is above the published one of LightGCN, SAR and NCF." in text
    split = benchmarks._published_split(model, quality["protocol"])
    published = quality["published"]["ndcg"]["BiVAE"]

    def claim(low, high):
        split.update(low=low, high=high, ndcg=(low + high) / 2)
        line = next(line for line in text_of(results).splitlines() if line.startswith("- **BiVAE,"))
        return next(part for part in line.split(";") if f"*{model['model']}*" in part)

    assert "lies above it" in claim(published + 0.001, published + 0.1)
    assert "nothing is decided" in claim(published - 0.001, published + 0.1)
    assert "lies below it" in claim(published - 0.1, published - 0.001)

    assert "All of them agree to the last printed digit." in text_of(results)
    quality["sar"]["ours"]["ndcg@10"] += 2e-6
    assert "ndcg@10 differ from the published row" in text_of(results)
    for other in quality["models"]:
        other["against_sar"]["low"] = -0.01
    assert "lies above zero for none of ours." in text_of(results)


@pytest.mark.contract
def test_what_is_said_of_the_baskets_is_decided_by_the_numbers(results):
    def line(start):
        return next(one for one in text_of(results).splitlines() if one.startswith(start))

    mine = [r for r in results["baskets"] if r["peer"] == "pyfim eclat"]
    for r in mine:
        r["cpu"] = [1.5, 2.0, 2.5]
    assert line("- *pyfim eclat*:") == "- *pyfim eclat*: ours is dearer in every pair on all (2.00)."
    mine[0]["cpu"], mine[1]["cpu"] = [0.5, 0.8, 0.9], [0.5, 0.8, 1.1]
    said = line("- *pyfim eclat*:")
    assert f"ours is cheaper in every pair on {mine[0]['title']} (0.80)" in said
    assert f"the pairs do not agree on {mine[1]['title']} (0.80)" in said
    mine[2].update(stopped="time", cpu=None, theirs=None, same=None)
    assert f"theirs was stopped on {mine[2]['title']}" in line("- *pyfim eclat*:")
    limit = f"*pyfim eclat* would have taken more than {mine[2]['limits']['cpu_s']} seconds of CPU on"
    assert f"{limit} {mine[2]['title']}." in text_of(results)

    sparse = [r for r in results["baskets"] if r["peer"] == benchmarks.GOAL_PEER]
    sparse = [r for r in sparse if r["settings"]["density"] < benchmarks.SPARSE]
    assert {"groceries", "T10I4D100K"} <= {r["settings"]["data"] for r in sparse}
    for r in sparse:
        r["mining"], r["cpu"] = [0.01, 0.05, 0.1], [0.1, 0.2, 0.3]
    said = line("**The aim**")
    assert "mining alone, reached on all of them" in said
    assert "from the lists on, reached nowhere, missed on" in said
    sparse[0]["mining"] = [0.1, 0.11, 0.2]
    assert f"missed on {sparse[0]['title']} (0.11)" in line("**The aim**")

    results["baskets"][0]["ours"]["extra_mb"] = 1234.5
    assert "Ours needs at most 1,234 MB" in text_of(results)
    assert "so it stays under 1 GB on all" not in text_of(results)
    for r in results["basket_growth"]:
        r["measured"][-1]["extra_mb"] = 999.0
    assert "of the baskets: under 1 GB." in text_of(results)
    results["basket_growth"][0]["measured"][-1]["extra_mb"] = 1001.0
    assert "staying under 1 GB is missed at this size" in text_of(results)
    for r in results["baskets"]:
        r["same"] = r["same"] and {"missing": 0, "different": 0}
    assert "One difference is allowed" not in text_of(results)
    mine[3].update(same={"missing": 2, "different": 0}, itemsets=1002)
    assert f"pyfim eclat on {mine[3]['title']} has 1,000 of 1,002." in text_of(results)


@pytest.mark.contract
def test_several_runs_have_a_column_each(results):
    assert "| run |" not in text_of(results) or len(results["runs"]) > 1
    first = next(iter(results["runs"].values()))
    results["runs"]["99"] = first | {"date": "2030-01-02"}
    results["growth"][0]["run"] = "99"
    text = text_of(results)
    assert "| run 99 |" in text
    assert "2030-01-02" in text
    assert sum(line.endswith("| 99 |") for line in text.splitlines()) == 1


@pytest.mark.contract
def test_the_figures_are_pictures_with_descriptions(committed):
    text = benchmarks.page(committed)
    found = re.findall(r"```\{image\} data:image/png;base64,(\S+)\n:alt: (.+)\n:width: (\d+)px\n```", text)
    assert len(found) == (5 if committed["support"] else 4)
    for picture, sentence, width in found:
        assert base64.b64decode(picture).startswith(b"\x89PNG")
        assert len(base64.b64decode(picture)) < 200_000
        assert sentence.endswith(".")
        assert int(width) == 680
        assert f":alt: {sentence}\n" in text_of(committed)


@pytest.mark.contract
def test_the_book_puts_the_page_in_the_place_of_its_file(committed, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "extensions"))
    monkeypatch.delitem(sys.modules, "course_benchmarks", raising=False)
    import course_benchmarks

    source = ["what the file says"]
    course_benchmarks.fill(None, "about", source)
    assert source == ["what the file says"]
    course_benchmarks.fill(None, "benchmarks", source)
    assert source == [benchmarks.page(committed)]
    index = (ROOT / "notebooks" / "index.md").read_text(encoding="utf-8")
    assert re.search(r":caption: Reference\n\n(?:\w+\n)*benchmarks\n", index)
    stub = (ROOT / "notebooks" / "benchmarks.md").read_text(encoding="utf-8")
    assert tokens(stub) == set()


@pytest.mark.bad_input
def test_a_file_that_lacks_something_gives_one_sentence(tmp_path, committed):
    path = tmp_path / "results.json"
    with pytest.raises(InputError, match=r"There is no results\.json: measure with `make bench`\."):
        benchmarks.read(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"results\.json is not JSON"):
        benchmarks.read(path)

    def broken(change, says):
        content = copy.deepcopy(committed)
        change(content)
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(InputError, match=says):
            benchmarks.read(path)

    for part, fields in benchmarks.FIELDS.items():
        if part in benchmarks.OPTIONAL:
            continue
        broken(lambda content, part=part: content.pop(part), f"has no {part}")
        broken(lambda content, part=part: content.update({part: None}), f"has no {part}")
        for name in fields:

            def drop(content, part=part, name=name):
                benchmarks._records(content, part)[-1].pop(name)

            broken(drop, f"has no '{name}': measure it again")
    for name in benchmarks.MACHINE:

        def forget(content, name=name):
            next(iter(content["runs"].values()))["machine"].pop(name)

        broken(forget, f"does not tell '{name}'")
    broken(lambda content: content["growth"][0].update(run="77"), "does not tell 'run 77'")


# What writes the file


@pytest.mark.unit
def test_a_part_measured_again_takes_the_place_of_what_it_was(tmp_path):
    path = tmp_path / "results.json"
    old, new = {"date": "2026-01-01"}, {"date": "2026-02-02"}
    first = run.Results(path, old)
    first.put("ratios", {"title": "a", "peer": "x", "cpu": 1})
    first.put("ratios", {"title": "b", "peer": "x", "cpu": 1})
    first.put("growth", {"title": "a"})
    second = run.Results(path, new)
    assert second.number == "2"
    second.put("ratios", {"title": "a", "peer": "x", "cpu": 2})
    first.put("quality", {"title": "q"})  # the other is still at work
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [(r["title"], r["cpu"], r["run"]) for r in found["ratios"]] == [("a", 2, "2"), ("b", 1, "1")]
    assert found["runs"] == {"1": old, "2": new}
    assert found["quality"]["title"] == "q"
    assert run.Results(path, new).number == "2"
    second.keep("ratios", [("a", "x")])
    second.put("growth", {"title": "a"})
    second.put("quality", {"title": "q"})
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [r["title"] for r in found["ratios"]] == ["a"]
    assert found["runs"] == {"2": new}
    assert all(r["load"] >= 0 for r in (*found["ratios"], *found["growth"], found["quality"]))


@pytest.mark.unit
def test_answers_that_differ_are_told_apart():
    arrays = {"rating": np.array([1.0, 2.0, 3.0])}
    same = {"predicted": np.array([1.0, 2.0, 4.0])}
    found = run.difference("knn_baseline", same, same, arrays)
    assert found["ours"] == found["theirs"] == pytest.approx(np.sqrt(1 / 3))
    assert found["gap"] == 0
    other = {"predicted": np.array([1.0, 2.0, 5.0])}
    for task in ("knn_baseline", "item_knn_baseline", "baselines"):
        found = run.difference(task, same, other, arrays)
        assert found["gap"] > found["allowed"]
    for task, key in (("ease", "weights"), ("bm25_neighbours", "total"), ("pure_svd", "values")):
        found = run.difference(task, {key: np.array([1.0, 10.0])}, {key: np.array([2.0, 10.0])}, {})
        assert found["gap"] == pytest.approx(0.1)
        assert found["gap"] > found["allowed"]


@pytest.mark.unit
def test_held_out_ranking_by_hand():
    """User 0 has item 0 and is to be shown 1; user 1 has item 2 and is to be shown 0, which stands second."""
    arrays = {"user": [0, 1], "item": [0, 2], "test_user": [0, 1], "test_item": [1, 0]}
    arrays = {name: np.array(values) for name, values in arrays.items()}
    scores = np.array([[9.0, 5.0, 1.0], [2.0, 3.0, 9.0]])
    assert run.held_out_ndcg(scores, arrays) == pytest.approx((1 + 1 / np.log2(3)) / 2)
    assert scores[0, 0] == 9.0


@pytest.mark.unit
def test_a_split_shares_no_pair_and_knows_everybody():
    generator = np.random.default_rng(0)
    pairs = generator.choice(40 * 30, 500, replace=False)
    frame = pd.DataFrame({"user": pairs // 30 + 100, "item": pairs % 30 + 7})
    train, test = data.split(frame)
    known = set(zip(train["user"], train["item"], strict=True))
    held = set(zip(test["user"], test["item"], strict=True))
    assert not known & held
    assert 0.15 < len(held) / (len(held) + len(known)) < 0.35
    for side in ("user", "item"):
        assert set(train[side]) == set(range(max(train[side]) + 1))
        assert set(test[side]) <= set(train[side])
    assert data.texts(5).tolist() == data.texts(5).tolist()
    assert len(set(data.texts(50).tolist())) > 40


@pytest.mark.unit
def test_itemsets_of_two_miners_compared():
    items = np.array(["tea", "pot", "tea", "cup "])
    table = itemsets.packed([{"tea"}, ("tea", "pot"), ["cup "]], [2, 1, 1], items)
    # cup is 0, pot 1, tea 2; count first
    assert table.tolist() == [[1, 0, -1], [1, 1, 2], [2, 2, -1]]
    assert itemsets.packed([], [], items).shape == (0, 1)
    swapped = itemsets.packed([["cup "], ("pot", "tea"), {"tea"}], [1, 1, 2], items)
    assert swapped.tolist() == table.tolist()
    assert itemsets.compare(table, swapped, 2) == {"missing": 0, "different": 0}
    assert itemsets.compare(table, table[:2], 2) == {"missing": 1, "different": 0}
    assert itemsets.compare(table, table[:2], 3) == {"missing": 0, "different": 1}
    assert itemsets.compare(table[:2], table, 2) == {"missing": 0, "different": 1}
    counted = table.copy()
    counted[0, 0] = 2
    assert itemsets.compare(table, counted, 5) == {"missing": 0, "different": 2}
    lists = [["a"], [], ["b", "c"]]
    data_of = {"items": np.array(["a", "b", "c"]), "lengths": np.array([1, 0, 2])}
    assert itemsets.lists_of(data_of) == lists


@pytest.mark.unit
def test_a_miner_beyond_its_limits_is_stopped_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "HERE", tmp_path)
    limits = {"memory_gb": 2, "cpu_s": 1}

    def worked(code):
        (tmp_path / "worker.py").write_text(code, encoding="utf-8")
        return run.work(sys.executable, "worker.py", "task", "source", limits)

    assert worked("held = bytearray(3 * 10**9)") == ({"stopped": "memory"}, None)
    assert worked("while True: pass") == ({"stopped": "time"}, None)
    with pytest.raises(click.ClickException, match="no reason"):
        worked("raise ValueError('no reason')")
    done = "import sys, numpy; numpy.savez(sys.argv[3], a=1); print('{\"cpu_s\": 2}')"
    assert worked(done)[0] == {"cpu_s": 2}


@pytest.mark.unit
def test_mining_beside_a_peer_has_every_field(tmp_path, monkeypatch, results):
    generator = np.random.default_rng(4)
    lists = [np.unique(generator.integers(8, size=generator.integers(1, 6))) for _ in range(60)]
    made = {"items": np.concatenate(lists), "lengths": np.array(list(map(len, lists)))}
    monkeypatch.setattr(data, "baskets", lambda name: made)
    monkeypatch.setattr(run, "MINED", (("made", (0.05,)),))
    monkeypatch.setattr(run, "MINERS", {"mlxtend_fpgrowth": run.MINERS["mlxtend_fpgrowth"]})
    found = list(run.mining("no python", 1, tmp_path, lambda part, title: True))
    assert [(r["title"], r["rounds"], r["stopped"]) for r in found] == [("made 5%", 1, None)]
    assert set(benchmarks.FIELDS["baskets"]) - set(found[0]) == {"run", "load"}
    assert found[0]["settings"]["least"] == 3
    assert found[0]["itemsets"] > 8
    assert found[0]["same"] == {"missing": 0, "different": 0}
    stopped = run.beside("made", "peer", [(found[0]["ours"], {"stopped": "memory"})])
    assert set(stopped) == {"cpu", "wall", "memory", "mining", "ours", "theirs", "stopped"}
    for r in (found[0], found[0] | stopped | {"same": None, "peer": "other"}):
        results["baskets"].append(json.loads(json.dumps(r)) | {"run": next(iter(results["runs"])), "load": 0})
    assert "theirs was stopped on made 5%" in text_of(results)


@pytest.mark.unit
def test_modelling_beside_a_peer_has_every_field(tmp_path, monkeypatch, results):
    answers = {
        "clv": {"params": np.array([0.243, 4.414, 0.793, 2.426])},
        "lifetimes": {"params": np.array([0.243, 4.414, 0.793, 2.427])},
    }
    seconds = {"clv": 2.0, "lifetimes": 30.0}

    def work(python, script, task, source, limits=None):
        if task not in answers:
            return {"stopped": "time"}, None
        return {"cpu_s": seconds[task], "wall_s": 1.0, "extra_mb": 2.0}, answers[task]

    arrays = {"model": "BGNBD", "frequency": [0.0, 3.0], "recency": [0.0, 5.0], "T": [9.0, 9.0]}
    about = {"model": "BG/NBD", "customers": 2357, "fits": 1, "data": "CDNOW"}
    case = ("BG/NBD, 2,357 customers", "clv", ("lifetimes", "pymc"), lambda: arrays, about)
    monkeypatch.setattr(run, "work", work)
    monkeypatch.setattr(models, "cases", lambda part: [case])
    everything = ("clv", "no python", 5, tmp_path, lambda part, title: True)
    with pytest.raises(click.ClickException, match="A ratio would mean nothing"):
        list(run.modelling(*everything))
    answers["lifetimes"] = answers["clv"]
    found = list(run.modelling(*everything))
    assert [(r["peer"], r["rounds"], r["stopped"]) for r in found] == [
        ("lifetimes", 3, None),
        ("pymc-marketing MAP", 1, "time"),
    ]
    for r in found:
        assert set(benchmarks.FIELDS["clv"]) - set(r) == {"run", "load"}
    number = next(iter(results["runs"]))
    results["clv"] = [json.loads(json.dumps(r)) | {"run": number, "load": 0.0} for r in found]
    text = text_of(results)
    assert "| BG/NBD, 2,357 customers | lifetimes | **15.0** (15.0 to 15.0) | 3 |" in text
    assert "theirs was stopped at 150 s of CPU | 1 |" in text
    assert "than lifetimes on 2,357 customers: reached for BG/NBD, 2,357 customers (15.0)." in text
    results["clv"][0]["cpu"] = [0.06, 0.07, 0.08]
    assert "missed for BG/NBD, 2,357 customers (14.3)." in text_of(results)
    results["clv"] = []
    assert "lifetimes" not in text_of(results).split("## What it was measured on")[1].split("##", 1)[1]


@pytest.mark.unit
@pytest.mark.parametrize("model", list(models.PARAMETERS))
def test_made_up_customers_are_those_of_the_model(model):
    from bigmkt_helpers import clv

    lengths = np.array([27.0, 33.0, 39.0])
    made = data.purchases_of_many(20_000, model, models.PARAMETERS[model], lengths)
    table = pd.DataFrame(made)
    assert set(table["T"].round(9)) == set(lengths)
    assert ((table["recency"] > 0) == (table["frequency"] > 0)).all()
    assert np.allclose(table["recency"] * 7, (table["recency"] * 7).round())
    fitted = getattr(clv, model)().fit(table)
    apart = (fitted.params_ - models.PARAMETERS[model]) / fitted.standard_errors_
    assert apart.abs().max() < 4
    again = data.purchases_of_many(20_000, model, models.PARAMETERS[model], lengths)
    assert all((made[name] == again[name]).all() for name in made)


@pytest.mark.unit
def test_made_baskets_are_the_same_for_every_size_and_hold_patterns():
    small, large = (list(data.synthetic_baskets(n, chunk=500)) for n in (1000, 1400))
    assert [len(lengths) for lengths, _ in large] == [500, 500, 400]
    for one, other in zip(small, large, strict=False):
        assert one[1].tolist() == other[1].tolist()
    lengths, positions = small[0]
    assert lengths.min() >= 1
    assert 4 < lengths.mean() < 8
    assert lengths.sum() == len(positions)
    assert positions.min() >= 0
    assert positions.max() < data.CATALOGUE
    for items in np.split(positions, np.cumsum(lengths)[:-1]):
        assert (np.diff(items) > 0).all()


@pytest.mark.unit
def test_somebody_equally_near_to_two_centres_is_seen():
    values = np.array([[0.0], [1.0], [2.0], [10.0]])
    assert run.tie_on_the_way(values, np.array([[0.0], [2.0]]))
    assert not run.tie_on_the_way(values, np.array([[0.0], [10.0]]))
    arrays = {"values": values, "starts": np.array([[[0.0], [2.0]], [[0.0], [10.0]]])}
    ours = {"labels": np.array([[0, 0, 1, 1], [0, 0, 0, 1]]), "inertia": np.array([1.0, 2.0])}
    theirs = copy.deepcopy(ours)
    assert run.difference("kmeans", ours, theirs, arrays)["ties"] == 0
    theirs["labels"][0, 1] = 1
    theirs["inertia"][0] = 3.0
    found = run.difference("kmeans", ours, theirs, arrays)
    assert (found["ties"], found["gap"]) == (1, 0)
    theirs["inertia"][1] *= 1.001
    found = run.difference("kmeans", ours, theirs, arrays)
    assert found["gap"] > found["allowed"]
    theirs["labels"][1, 2] = 1
    with pytest.raises(click.ClickException, match="From start 1 the labels differ"):
        run.difference("kmeans", ours, theirs, arrays)


@pytest.fixture(scope="module")
def some_ratings():
    generator = np.random.default_rng(3)
    pairs = generator.choice(60 * 40, 900, replace=False)
    return pd.DataFrame(
        {
            "user": pairs // 40,
            "item": pairs % 40,
            "rating": generator.integers(1, 6, len(pairs)).astype(float),
            "timestamp": pd.to_datetime(generator.integers(0, 10**7, len(pairs)), unit="s", utc=True),
        }
    )


@pytest.mark.unit
def test_sar_by_loops(some_ratings):
    lists = quality.sar_lists(some_ratings, length=5, half_life=20.0).groupby("user")["item"].agg(list)
    buyers = some_ratings.groupby("item")["user"].agg(set).to_dict()
    latest = some_ratings["timestamp"].max()
    for user, rows in list(some_ratings.groupby("user"))[:12]:
        scores = {}
        for item in buyers.keys() - set(rows["item"]):
            total = 0.0
            for row in rows.itertuples():
                both, either = buyers[item] & buyers[row.item], buyers[item] | buyers[row.item]
                age = (latest - row.timestamp) / pd.Timedelta(days=1)
                total += row.rating * 2 ** (-age / 20) * len(both) / len(either)
            scores[item] = total
        found = lists[user]
        assert not set(found) & set(rows["item"])
        best = sorted(scores.values(), reverse=True)[: len(found)]
        assert [scores[item] for item in found] == pytest.approx(best)
    seconds = some_ratings.assign(timestamp=some_ratings["timestamp"].astype("int64") / 10**6)
    again = quality.sar_lists(seconds, length=5, half_life=20.0)
    assert again["item"].tolist() == quality.sar_lists(some_ratings, 5, 20.0)["item"].tolist()


@pytest.mark.unit
def test_quality_measured_on_a_few_ratings_has_every_field(some_ratings, results):
    grids = {"popularity": tune_topn.GRIDS["popularity"], "EASE": tune_topn.GRIDS["EASE"][:2]}
    options = {"names": list(grids), "blended": (), "grids": grids, "n_slices": 1}
    said = []
    found = quality.measure(some_ratings, (42, 0), said.append, **options)
    assert len(said) == 4
    assert set(benchmarks.FIELDS["quality"]) - set(found) == {"run", "load"}
    for one in found["models"]:
        assert [split["seed"] for split in one["splits"]] == [42, 0]
        assert {"difference", "low", "high"} == set(one["against_sar"])
    results["quality"] = json.loads(json.dumps(found)) | {"run": next(iter(results["runs"])), "load": 0.0}
    text = text_of(results)
    assert "differ from the published row" in text
    assert f"{found['models'][1]['mean']:.4f}" in text


@pytest.mark.published
def test_sar_is_the_published_one():
    import os

    if not os.environ.get("BIGMKT_REFERENCE_DATA"):
        pytest.skip("MovieLens 100K: BIGMKT_REFERENCE_DATA is not set")
    from bigmkt_helpers.datasets import load_ml100k

    means, values = quality.reproduce_sar(load_ml100k().ratings)
    assert {name: round(value, 6) for name, value in means.items()} == quality.SAR
    assert len(values) > 900
