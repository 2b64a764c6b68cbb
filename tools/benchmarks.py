"""The page "Benchmarks" of the book, made from benchmarks/results.json: tables, figures and sentences.

python -m tools.benchmarks        print the page

Nothing on the page is typed: a number comes from the file, and what a sentence claims is decided by the
numbers.  The book calls `page` when it is rendered (book/extensions/course_benchmarks.py).
"""

import base64
import io
import json
from pathlib import Path

from bigmkt_helpers.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"

FIELDS = {
    "runs": ("date", "versions", "peers", "machine"),
    "ratios": (
        *("title", "peer", "run", "load", "settings", "rounds"),
        *("cpu", "wall", "memory", "ours", "theirs", "answer"),
    ),
    "segments": (
        *("title", "peer", "run", "load", "settings", "rounds"),
        *("cpu", "wall", "memory", "ours", "theirs", "answer"),
    ),
    "baskets": (
        *("title", "peer", "run", "load", "settings", "limits", "rounds", "itemsets", "same", "stopped"),
        *("cpu", "wall", "memory", "mining", "ours", "theirs"),
    ),
    **dict.fromkeys(
        ("clv", "sequences", "networks"),
        (
            *("title", "peer", "run", "load", "settings", "limits", "rounds", "stopped"),
            *("cpu", "wall", "memory", "ours", "theirs", "answer"),
        ),
    ),
    "growth": ("title", "run", "load", "settings", "sizes", "measured", "exponent"),
    "clv_growth": ("title", "run", "load", "settings", "sizes", "measured", "exponent"),
    "basket_growth": ("title", "run", "load", "settings", "sizes", "measured", "exponent"),
    "support": ("title", "run", "load", "settings", "limits", "shares", "itemsets", "measured", "exponent"),
    "quality": ("title", "run", "load", "protocol", "published", "sar", "models"),
}
OPTIONAL = ("support", "clv", "sequences", "networks", "clv_growth")
"""Parts without which there is a page, too."""

MACHINE = ("processor", "cores", "memory_gb", "system", "python", "blas", "threads")
FLOOR = "BLAS"
WIDTH = 680
"""Pixels on the page: a figure is as wide as the text."""


def read(path=RESULTS):
    """The results, once every field that the page needs is there.

    Raises
    ------
    InputError
        If the file is missing or not JSON, or a field is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no {path.name}: measure with `make bench`.")
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path.name} is not JSON ({error}): measure again with `make bench`.") from None
    for part, fields in FIELDS.items():
        if part in OPTIONAL and not results.get(part):
            results[part] = []
        elif not results.get(part):
            raise InputError(f"{path.name} has no {part}: measure them with `make bench`.")
        for record in _records(results, part):
            missing = [name for name in fields if name not in record]
            if missing:
                title = record.get("title", part)
                raise InputError(f"{path.name}: {title!r} has no {missing[0]!r}: measure it again.")
            if part == "runs":
                missing = [name for name in MACHINE if name not in record["machine"]]
            elif str(record["run"]) not in results["runs"]:
                missing = [f"run {record['run']}"]
            if missing:
                raise InputError(
                    f"{path.name} does not tell {missing[0]!r}: measure again with `make bench`."
                )
    return results


def page(results, pictures=True):
    """The page as MyST Markdown.

    Parameters
    ----------
    results : dict
        As `read` gives it.
    pictures : bool
        Whether the figures stand in it; their descriptions always do.
    """
    parts = [
        INTRODUCTION,
        _machines(results),
        _ratios(results, pictures),
        _growth(results),
        _quality(results, pictures),
        _segments(results),
        _baskets(results, pictures),
        _more_baskets(results, pictures),
        _lower_support(results, pictures),
        _clv(results),
        _sequences(results),
        _networks(results),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


INTRODUCTION = """
# Benchmarks

What do the recommenders, K-means, the search for itemsets, the models of customer value, the hidden Markov
models and the networks of this course cost in time and memory, beside other libraries? How does the cost
grow with the data? And how well do the recommenders rank, on a protocol
for which others published figures?

This page is made from the file `benchmarks/results.json`, and that file by `make bench`. No number here
is typed, and what a sentence says is decided by the numbers.
"""


def _records(results, part):
    found = results[part]
    if part == "runs":
        return list(found.values())
    return [found] if part == "quality" else found


# What it was measured on


def _machines(results):
    runs = results["runs"]
    names = list(runs)
    rows = [("date", [runs[name]["date"] for name in names])]
    labels = {
        "processor": "processor",
        "cores": "cores",
        "memory_gb": "memory, GB",
        "system": "system",
        "python": "Python",
        "blas": "linear algebra",
        "threads": "threads used",
    }
    for key, label in labels.items():
        rows.append((label, [str(runs[name]["machine"][key]) for name in names]))
    for key, label in (("versions", "ours"), ("peers", "environment of the peers")):
        rows.append((label, [_versions(runs[name][key]) for name in names]))
    head = ["", *("the run" if len(names) == 1 else f"run {name}" for name in names)]
    text = "## What it was measured on\n\n" + _table(head, [[label, *cells] for label, cells in rows])
    loads = [r["load"] for part in FIELDS if part != "runs" for r in _records(results, part)]
    cores = max(runs[name]["machine"]["cores"] for name in names)
    if max(loads) > 1.5:
        text += (
            f"\n\nThe machine had other work, too: its load was between {min(loads):.1f} and "
            f"{max(loads):.1f}"
            f" for {cores} cores. So seconds are seconds of CPU, not of the clock, each side runs on one "
            f"thread,"
            " and the two sides take turns."
        )
    if len(names) > 1:
        text += "\n\nThe tables below say which run a figure comes from."
    return text


def _versions(versions):
    return ", ".join(f"{name} {version}" for name, version in versions.items())


# Ratios


def _ratios(results, pictures):
    several = len(results["runs"]) > 1
    records = sorted(results["ratios"], key=lambda r: (r["peer"] == FLOOR, r["cpu"][1]))
    rows, sides = [], []
    for r in records:
        what = [_markup(r["title"]), "bare BLAS" if r["peer"] == FLOOR else r["peer"]]
        run = [str(r["run"])] if several else []
        ratios = [
            f"**{_ratio(middle)}** ({_ratio(low)} to {_ratio(high)})"
            for low, middle, high in (r["cpu"], r["memory"])
        ]
        rows.append([*what, *ratios, *run])
        seconds = " / ".join(_seconds(r[side]["cpu_s"]) for side in ("ours", "theirs"))
        memory = " / ".join(f"{r[side]['extra_mb']:.0f}" for side in ("ours", "theirs"))
        sides.append([*what, seconds, memory, _answer(r["answer"])])
    head = ["what is fitted", "beside", "CPU: median (range)", "memory: median (range)"]
    head += ["run"] if several else []
    head_of_sides = ["what is fitted", "beside", "CPU, s", "memory, MB", "do the answers agree?"]
    rounds = sorted({r["rounds"] for r in records})
    between = f"{rounds[0]}" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
    peers = [r for r in records if r["peer"] != FLOOR]
    floors = [r for r in records if r["peer"] == FLOOR]
    text = [
        "## Recommenders and texts beside other libraries",
        "Both sides get the same data, and each run is a process of its own. They take turns, "
        f"{between} times. What stands below is ours divided by theirs: below 1 ours is cheaper. Memory is "
        "the peak above what the process held before it began. A ratio counts only if both give the same "
        "answer; how far apart they are, and how far they may be, stands in the second table. Where a side "
        "needs only a few megabytes, the ratio of memory says little.",
        _table(head, rows),
        _figure(ratio_sentence(records), ratio_figure, records, pictures),
        _verdicts(peers, "cpu", "In CPU time"),
        _verdicts(peers, "memory", "In memory"),
        "### Both sides, and how far their answers are apart",
        "Medians, ours / theirs.",
        _table(head_of_sides, sides),
    ]
    if floors:
        listed = "; ".join(f"{_ratio(r['cpu'][1])} ({_markup(r['title'])})" for r in floors)
        sparse = [r for r in floors if r["cpu"][2] < 1]
        text.append(
            "**Beside bare linear algebra.** EASE{sup}`R` is one product, one factor and one "
            "inverse. Beside "
            "these three alone, done by BLAS on the full table, it takes this many times their CPU time: "
            f"{listed}."
            + (
                " Below 1, the product is cheaper than that, since most of the table is empty."
                if sparse
                else ""
            )
        )
    text.append(
        "**Where the answers differ a little.** For TF-IDF and BM25 implicit adds one to a count inside a "
        "logarithm, and we do not. BPR draws at random, and cornac takes other steps than we do. So there "
        "both "
        "sides make as many passes as let them rank equally well"
        + "".join(
            f": {r['settings']['our_passes']} for ours, {r['settings']['their_passes']} for {r['peer']}"
            for r in peers
            if "our_passes" in r["settings"]
        )
        + "."
    )
    return "\n\n".join([*text, LEFT_OUT.strip()])


LEFT_OUT = """
**What has no ratio, and why.** implicit's BPR draws the items that a user does not have by how popular
they are, ours draws them all alike: that is another aim, and a ratio would compare two different things.
The same holds for Surprise's SVD, which takes gradient steps, beside our alternating least squares,
which also learns how strongly to shrink. Popularity, blends and hybrids have no peer that does the same.
"""


def _verdicts(records, name, where):
    """Who is cheaper, in every pair of runs; the others are not decided."""
    cheaper = [r for r in records if r[name][2] < 1]
    dearer = [r for r in records if r[name][0] > 1]
    open_ = [r for r in records if r not in cheaper and r not in dearer]
    said = [f"**{where}**"]
    for group, what in (
        (cheaper, "ours is cheaper in every pair"),
        (dearer, "ours is dearer in every pair"),
        (open_, "the pairs do not agree on who is cheaper"),
    ):
        if group:
            listed = "; ".join(
                f"{_markup(r['title'])} ({_ratio(r[name][1])} of {r['peer']})"
                for r in sorted(group, key=lambda r: r[name][1])
            )
            said.append(f"- {what}: {listed}.")
    return said[0] + "\n\n" + "\n".join(said[1:])


def _answer(answer):
    if answer is None:
        return "no answer to compare"
    if "ours" in answer:
        return f"{answer['measure']} {_value(answer['ours'])} and {_value(answer['theirs'])}"
    return f"{answer['measure']}: {answer['gap']:.0e} (allowed {answer['allowed']:g})"


def ratio_figure(records):
    """The ratios of CPU time with their ranges, on a logarithmic axis."""
    from bigmkt_helpers.plots.base import PALETTE, describe, new_axes

    records = sorted((r for r in records if r["peer"] != FLOOR), key=lambda r: r["cpu"][1], reverse=True)
    ax = new_axes(height=0.9 + 0.34 * len(records))
    places = range(len(records))
    for place, r in zip(places, records):
        low, middle, high = r["cpu"]
        colour = PALETTE[0] if high < 1 else PALETTE[1] if low > 1 else PALETTE[6]
        marker = "o" if high < 1 else "s" if low > 1 else "D"
        ax.plot([low, high], [place, place], color=colour, linewidth=2)
        ax.plot([middle], [place], marker=marker, color=colour, markersize=7)
    ax.set_yticks(list(places), [f"{_short(r['title'])} – {r['peer']}" for r in records], fontsize=9)
    ax.axvline(1, color="#555555", linewidth=1)
    ax.set_xscale("log")
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if _near(t, records)]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_xlabel("ours / theirs; left of 1 ours is cheaper")
    ax.set_title("CPU time beside other libraries")
    return describe(ax, ratio_sentence(records))


def ratio_sentence(records):
    """What the figure of the ratios shows, in words."""
    records = sorted((r for r in records if r["peer"] != FLOOR), key=lambda r: r["cpu"][1])
    least, most = records[0], records[-1]
    return (
        f"CPU time of ours divided by that of another library, for {len(records)} comparisons on a "
        f"logarithmic "
        f"axis. The smallest is {_ratio(least['cpu'][1])} ({least['title']}, {least['peer']}), the largest "
        f"{_ratio(most['cpu'][1])} ({most['title']}, {most['peer']})."
    )


def _near(tick, records):
    low, high = min(r["cpu"][0] for r in records), max(r["cpu"][2] for r in records)
    return low / 1.5 <= tick <= high * 1.5


# Growth

LEAST = {"cpu_s": 0.01, "extra_mb": 1.0}
"""Below this at the smallest size there is no curve to fit: it would be that of the noise."""


def _measurable(record, name):
    return record["measured"][0][name] >= LEAST[name]


def _growth(results):
    several = len(results["runs"]) > 1
    records = results["growth"]
    sizes = records[0]["sizes"]
    head = ["method", *(f"{size:,}" for size in sizes), "time grows as", "memory grows as"]
    rows = []
    for r in records:
        cells = [f"{_seconds(one['cpu_s'])} s, {one['extra_mb']:,.0f} MB" for one in r["measured"]]
        powers = [
            f"$n^{{{_power(r['exponent'][name])}}}$" if _measurable(r, name) else "too small to tell"
            for name in LEAST
        ]
        rows.append([_markup(r["title"]), *cells, *powers, *([str(r["run"])] if several else [])])
    order = sorted((r for r in records if _measurable(r, "cpu_s")), key=lambda r: r["exponent"]["cpu_s"])
    slow = max(records, key=lambda r: r["measured"][-1]["cpu_s"])
    large = max(records, key=lambda r: r["measured"][-1]["extra_mb"])
    factors, iterations = (records[0]["settings"][name] for name in ("factors", "iterations"))
    return "\n\n".join(
        [
            "## Growth of the recommenders with the data",
            f"A made-up shop with few best-sellers and many tastes, at {len(sizes)} sizes. Each column is "
            f"a number of "
            "interactions; the catalogue grows with its square root. The exponent is that of a power law "
            "through the "
            f"points of a row. ALS and BPR have {factors} factors and make {iterations} passes.",
            _table([*head, *(["run"] if several else [])], rows),
            f"Time grows most slowly for {_markup(order[0]['title'])}, with the exponent "
            f"{_power(order[0]['exponent']['cpu_s'])}, and fastest for {_markup(order[-1]['title'])}, with "
            f"{_power(order[-1]['exponent']['cpu_s'])}. At {sizes[-1]:,} interactions "
            f"{_markup(slow['title'])} takes "
            f"longest, {_seconds(slow['measured'][-1]['cpu_s'])} seconds of CPU, and "
            f"{_markup(large['title'])} needs most "
            f"memory, {large['measured'][-1]['extra_mb']:,.0f} MB.",
        ]
    )


# Quality


def _quality(results, pictures):
    quality = results["quality"]
    protocol, published, sar = quality["protocol"], quality["published"], quality["sar"]
    models = sorted(quality["models"], key=lambda one: -_published_split(one, protocol)["ndcg"])
    length = protocol["list_length"]
    text = [
        "## Quality on a published protocol",
        f"The protocol is that of the [benchmark of Microsoft Recommenders]({published['source']}) on "
        f"{protocol['data']}: "
        f"a share of {protocol['test_share']:g} of every item's ratings is hidden (seed "
        f"{protocol['published_seed']}), every hidden rating counts as relevant, what a user already has "
        f"is not "
        f"recommended, and a list has {length} items. The figure is nDCG@{length}, the mean over "
        f"{protocol['users']} users.",
        "### The published SAR, digit by digit",
        "First we check that we follow the protocol. SAR is a simple algorithm without any random part, so "
        "its row of the "
        "published table can be met exactly:",
        _table(
            ["", "published", "found"],
            [
                [name, f"{value:.{sar['decimals']}f}", f"{sar['ours'][name]:.{sar['decimals']}f}"]
                for name, value in sar["published"].items()
            ],
        ),
        _same_digits(sar),
        "### Ours beside the published table",
        f"Each of our models chose its settings from at most {protocol['most_settings']}, on "
        f"{protocol['validation_slices']} slices (a share of {protocol['validation_share']:g} each) cut "
        "from the *training* part; the blend chose the weights of its parts there, too. The hidden part "
        "has no say in that. The interval "
        f"({protocol['interval_level']:.0%}, {protocol['resamples']:,} resamples) covers the choice of "
        f"users. The range "
        f"covers the choice of the split: {len(protocol['seeds'])} seeds, settings chosen anew for each. "
        f"The difference "
        "to SAR is paired, since both rank for the same users.",
        _table(
            [
                "model",
                f"nDCG@{length} on the published split",
                "mean of the splits (smallest to largest)",
                "minus SAR, on the published split",
            ],
            [_model_row(one, protocol) for one in models],
        ),
        _table(
            ["published", f"nDCG@{length}"],
            [[name, f"{value:.4f}"] for name, value in _by_value(published["ndcg"])],
        ),
        _figure(quality_sentence(quality), quality_figure, quality, pictures),
        "### What the intervals allow us to say",
        _claims(models, quality),
        CAVEATS.format(earlier=_earlier(published, models, protocol)),
    ]
    return "\n\n".join(part.strip() for part in text)


CAVEATS = """
What they do not allow:

- The published figures are single numbers without intervals, and we do not have their lists. So ours are
  compared with a fixed number, and how far the published one would move with other users is not known.
  Only SAR is compared user by user.
- The published models have the settings of their benchmark, ours were tuned, from a short list
  of settings. A tuned rival may do better than its row.{earlier}
- The settings to choose from were listed by people who know this data set. That is not in the intervals,
  and neither is that there are several of them: each stands for one model alone.
- One set of films is no proof for a shop. The chapters ask the same question of the simulated shop and
  of other data.
"""


def _earlier(published, models, protocol):
    found = []
    for name, value in published.get("earlier_edition", {}).items():
        above = [one["model"] for one in models if _published_split(one, protocol)["low"] > value]
        listed = _models(above, models)
        found.append(
            f"\n- An earlier edition of the table had {value:.4f} for {name}. Above that figure lies the "
            f"whole interval of "
            f"{listed}."
        )
    return "".join(found)


def _claims(models, quality):
    protocol = quality["protocol"]
    lines = []
    for name, value in _by_value(quality["published"]["ndcg"]):
        groups = {"above": [], "around": [], "below": []}
        for one in models:
            split = _published_split(one, protocol)
            where = "above" if split["low"] > value else "below" if split["high"] < value else "around"
            groups[where].append(one["model"])
        words = {
            "above": "the whole interval lies above it for",
            "around": "the interval holds it, so nothing is decided, for",
            "below": "the whole interval lies below it for",
        }
        said = [f"{words[where]} {_models(group, models)}" for where, group in groups.items() if group]
        lines.append(f"- **{name}, {value:.4f}:** " + "; ".join(said) + ".")
    better = [one["model"] for one in models if one["against_sar"]["low"] > 0]
    lines.append(
        "- **Beside SAR, user by user:** the interval of the difference lies above zero for "
        f"{_models(better, models)}."
    )
    best = models[0]
    below = [name for name, value in _by_value(quality["published"]["ndcg"]) if value < best["smallest"]]
    lines.append(
        f"- **Over the splits** *{best['model']}*, the best on the published one, went from "
        f"{best['smallest']:.4f} to "
        f"{best['largest']:.4f}. Its smallest figure is above "
        + (f"the published one of {_listed(below)}." if below else "no published one.")
    )
    return "\n".join(lines)


def _models(names, models):
    """Names of models in a sentence, apart from one another even if they hold commas."""
    if not names:
        return "none of ours"
    others = [f"*{one['model']}*" for one in models if one["model"] not in names]
    if len(others) <= 2 < len(names):
        return "all of ours" + (f" but {_listed(others)}" if others else "")
    return _listed(f"*{name}*" for name in names)


def _same_digits(sar):
    off = [
        name
        for name, value in sar["published"].items()
        if f"{value:.{sar['decimals']}f}" != f"{sar['ours'][name]:.{sar['decimals']}f}"
    ]
    if off:
        return f"**{_listed(off)} differ from the published row**: the protocol is not the same."
    return "All of them agree to the last printed digit."


def _model_row(one, protocol):
    split, sar = _published_split(one, protocol), one["against_sar"]
    return [
        _markup(one["model"]),
        f"**{split['ndcg']:.4f}** [{split['low']:.4f}, {split['high']:.4f}]",
        f"{one['mean']:.4f} ({one['smallest']:.4f} to {one['largest']:.4f})",
        f"{_signed(sar['difference'])} [{_signed(sar['low'])}, {_signed(sar['high'])}]",
    ]


def _published_split(one, protocol):
    return next(split for split in one["splits"] if split["seed"] == protocol["published_seed"])


def quality_figure(quality):
    """Our models with their intervals, and the published figures beside them."""
    from bigmkt_helpers.plots.base import PALETTE, describe, new_axes

    rows = _ranked(quality)
    ax = new_axes(height=0.9 + 0.32 * len(rows))
    for place, (name, value, low, high) in enumerate(rows):
        theirs = name.endswith(PUBLISHED)
        ax.plot([low, high], [place, place], color=PALETTE[0], linewidth=2)
        ax.plot(
            [value], [place], marker="s" if theirs else "o", color=PALETTE[1 if theirs else 0], markersize=7
        )
    ax.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=9)
    ax.set_xlabel(
        f"nDCG@{quality['protocol']['list_length']} (circles: ours, with intervals; squares: published)"
    )
    ax.set_title("Ranking on the published split")
    return describe(ax, quality_sentence(quality))


def quality_sentence(quality):
    """What the figure of the quality shows, in words."""
    rows = _ranked(quality)
    ours = [row for row in rows if not row[0].endswith(PUBLISHED)]
    theirs = [row for row in rows if row[0].endswith(PUBLISHED)]
    name, value, low, high = ours[-1]
    return (
        f"nDCG@{quality['protocol']['list_length']} of {len(ours)} models of ours with intervals, and of "
        f"{len(theirs)} published ones as points. The best of ours is {name} with {value:.4f}, between "
        f"{low:.4f} "
        f"and {high:.4f}; the best published is {theirs[-1][0].removesuffix(PUBLISHED)} with "
        f"{theirs[-1][1]:.4f}."
    )


PUBLISHED = ", published"


def _ranked(quality):
    """Name, figure and interval of ours and of the published models, the smallest first."""
    rows = [
        (one["model"], split["ndcg"], split["low"], split["high"])
        for one in quality["models"]
        for split in [_published_split(one, quality["protocol"])]
    ]
    published = quality["published"]["ndcg"]
    rows += [(name + PUBLISHED, value, value, value) for name, value in published.items()]
    return sorted(rows, key=lambda row: row[1])


# Segments


def _segments(results):
    several = len(results["runs"]) > 1
    records = results["segments"]
    rows = []
    for r in records:
        settings = r["settings"]
        size = f"{settings['customers']:,} × {settings['features']}, {settings['k']} segments"
        seconds = " / ".join(_seconds(r[side]["cpu_s"]) for side in ("ours", "theirs"))
        gap = f"{r['answer']['gap']:.0e}"
        cells = [r["title"], size, settings["n_starts"], _spread(r["cpu"]), seconds, gap]
        rows.append(cells + ([str(r["run"])] if several else []))
    head = ["data", "size", "starts", "CPU: median (range)", "CPU, s", "gap of the inertia"]
    ties = "; ".join(
        f"on {r['title']}, from {r['answer']['ties']} of {r['settings']['n_starts']} starts"
        for r in records
        if r["answer"]["ties"]
    )
    rounds = sorted({r["rounds"] for r in records})
    between = f"{rounds[0]}" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
    text = [
        "## K-means beside scikit-learn",
        f'`LloydKMeans` and scikit-learn\'s `KMeans(algorithm="lloyd")` fit the same tables from the same '
        f"starts, one fit from each, and take turns, {between} times. Ours divided by theirs: below 1 "
        "ours is cheaper. A ratio counts only if every customer gets the same label and the inertia is the "
        f"same within {records[0]['answer']['allowed']:g} of itself.",
        _table(head + (["run"] if several else []), rows),
        _verdicts(records, "cpu", "In CPU time"),
    ]
    cheaper = [r["settings"]["customers"] for r in records if r["cpu"][2] < 1]
    dearer = [r["settings"]["customers"] for r in records if r["cpu"][0] > 1]
    if cheaper and dearer and max(cheaper) < min(dearer):
        text.append(
            f"The small tables favour ours and the large ones scikit-learn's: ours is cheaper up to "
            f"{max(cheaper):,} rows, and dearer from {min(dearer):,} on."
        )
    if ties:
        text.append(
            f"**Where the two part:** {ties}. On the way somebody is equally near to two centres, and the "
            "rounding of the last digit decides which step is taken. The answers from these starts are not "
            "compared; their time counts."
        )
    return "\n\n".join(text)


# Baskets

GOAL = 0.1
"""A tenth of the time of mlxtend's fpgrowth was the aim on sparse baskets."""

SPARSE = 0.05
"""Baskets are sparse if they hold less than this share of the items."""

GOAL_PEER = "mlxtend fpgrowth"


def _baskets(results, pictures):
    records = _sparsest_first(results["baskets"])
    titles = list(dict.fromkeys(r["title"] for r in records))
    peers = list(dict.fromkeys(r["peer"] for r in records))
    cell = {(r["title"], r["peer"]): r for r in records}
    ours = {
        title: {
            name: sorted(cell[title, p]["ours"][name] for p in peers if (title, p) in cell)
            for name in ("cpu_s", "mining_s", "extra_mb")
        }
        for title in titles
    }

    def middle(title, name):
        values = ours[title][name]
        return values[len(values) // 2]

    def table(of, show, first=()):
        head = ["baskets", *(name for name, _ in first), *of]
        rows = []
        for title in titles:
            cells = [show(cell[title, p]) if (title, p) in cell else "not measured" for p in of]
            rows.append([title, *(make(title) for _, make in first), *cells])
        return _table(head, rows)

    def ratio(name):
        return lambda r: f"stopped: {r['stopped']}" if r["stopped"] else _spread(r[name])

    def plain(name, form):
        return lambda r: f"stopped: {r['stopped']}" if r["stopped"] else form(r["theirs"][name])

    settings = {title: cell[title, peers[0]]["settings"] for title in titles}
    about = list(
        dict.fromkeys((s["data"], s["n_baskets"], s["n_items"], s["density"]) for s in settings.values())
    )
    described = "; ".join(
        f"{name}, {n:,} baskets of {items:,} items, {share:.1%} of them in a basket on average"
        for name, n, items, share in about
    )
    table_peers = [p for p in peers if any(cell[t, p]["mining"] for t in titles if (t, p) in cell)]
    limits = results["baskets"][0]["limits"]
    most = max(titles, key=lambda title: ours[title]["extra_mb"][-1])
    return "\n\n".join(
        [
            "## Market baskets beside other libraries",
            "All itemsets that lie in at least the share of the baskets that the first column gives. The "
            f"data: {described}.",
            "Every library gets the same lists of items, and all that lies between the lists and the "
            "itemsets is measured: ours builds an array first, mlxtend a table of True and False. The "
            f"two sides take turns; {_rounds(records)} What stands in the table is ours divided by "
            "theirs: below 1 ours is cheaper. pyfim is written in C, the others in Python. A library "
            f"that takes more than {limits['memory_gb']} GB of memory or {limits['cpu_s']} seconds of CPU "
            "is stopped. The clock starts after a first table of pandas and a collection of garbage, which "
            f"would fall on whoever comes first.{_of_runs(results, records)}",
            table(peers, ratio("cpu")),
            _figure(basket_sentence(records), basket_figure, records, pictures),
            *_basket_verdicts(records, peers),
            "**Mining alone.** Without the time that ours takes to read the lists, and mlxtend to build "
            "its table (the others have no such step):",
            table(table_peers, ratio("mining")),
            _goal(records),
            "### CPU time and memory of each miner",
            "Medians, in seconds of CPU from lists to itemsets; of ours also the part after the lists "
            "are read.",
            table(
                peers,
                plain("cpu_s", _seconds),
                [
                    ("itemsets", lambda title: f"{cell[title, peers[0]]['itemsets']:,}"),
                    ("ours", lambda title: _seconds(middle(title, "cpu_s"))),
                    ("mining alone", lambda title: _seconds(middle(title, "mining_s"))),
                ],
            ),
            "Peak memory in MB, beyond the lists themselves.",
            table(
                peers,
                plain("extra_mb", "{:,.0f}".format),
                [("ours", lambda title: f"{middle(title, 'extra_mb'):,.0f}")],
            ),
            f"Ours needs at most {ours[most]['extra_mb'][-1]:,.0f} MB, on {most}"
            + (", so it stays under 1 GB on all of them. " if ours[most]["extra_mb"][-1] < 1000 else ". ")
            + _stopped(records),
            _same_itemsets(records),
        ]
    )


def _sparsest_first(records):
    """By how full the baskets are, then by falling support."""
    return sorted(records, key=lambda r: (r["settings"]["density"], -r["settings"]["share"]))


def _of_runs(results, records):
    """Which run the records come from, where the file holds several."""
    runs = sorted({str(r["run"]) for r in records})
    return f" (Run {_listed(runs)}.)" if len(results["runs"]) > 1 else ""


def _rounds(records):
    """How many pairs of runs stand behind the ratios."""
    records = [r for r in records if not r["stopped"]]
    most = max(r["rounds"] for r in records)
    fewer = {}
    for title in dict.fromkeys(r["title"] for r in records):
        mine = {r["peer"]: r["rounds"] for r in records if r["title"] == title}
        usual = max(mine.values())
        if usual < most:
            fewer.setdefault(usual, []).append(title)
        for peer, rounds in mine.items():
            if rounds < usual:
                fewer.setdefault(rounds, []).append(f"{title} with {peer}")
    said = f"each figure is the median of {most} pairs, with their range"
    for rounds, names in sorted(fewer.items(), reverse=True):
        said += f"; of {rounds} only, to save time, for {_listed(names)}"
    return said + "."


def _basket_verdicts(records, peers):
    """Who is cheaper, miner by miner."""
    said = []
    for peer in peers:
        mine = [r for r in records if r["peer"] == peer]
        run = sorted((r for r in mine if not r["stopped"]), key=lambda r: r["cpu"][1])
        groups = (
            ("ours is cheaper in every pair", [r for r in run if r["cpu"][2] < 1]),
            ("the pairs do not agree", [r for r in run if r["cpu"][0] <= 1 <= r["cpu"][2]]),
            ("ours is dearer in every pair", [r for r in run if r["cpu"][0] > 1]),
        )
        parts = []
        for what, group in groups:
            if group:
                where = "on all" if len(group) == len(mine) else "on " + _listed(r["title"] for r in group)
                low, high = _fine(group[0]["cpu"][1]), _fine(group[-1]["cpu"][1])
                parts.append(f"{what} {where} ({low if low == high else f'{low} to {high}'})")
        gone = [r["title"] for r in mine if r["stopped"]]
        if gone:
            parts.append(f"theirs was stopped on {_listed(gone)}")
        said.append(f"- *{peer}*: " + "; ".join(parts) + ".")
    return ["**In CPU time, from lists to itemsets**", "\n".join(said)]


def _goal(records):
    """Whether ours takes at most a tenth of the time on sparse baskets."""
    mine = [r for r in records if r["peer"] == GOAL_PEER and r["settings"]["density"] < SPARSE]
    said = []
    for name, what in (("mining", "mining alone"), ("cpu", "from the lists on")):
        reached = [r["title"] for r in mine if r["stopped"] or r[name][1] <= GOAL]
        missed = [f"{r['title']} ({_fine(r[name][1])})" for r in mine if r["title"] not in reached]
        where = "on all of them" if not missed else f"on {_listed(reached)}" if reached else "nowhere"
        said.append(f"{what}, reached {where}" + (f", missed on {_listed(missed)}" if missed else ""))
    names = _listed(dict.fromkeys(r["settings"]["data"] for r in mine))
    return (
        f"**The aim** was a tenth of the CPU time of {GOAL_PEER} on sparse baskets ({names}): "
        + "; ".join(said)
        + "."
    )


def _stopped(records):
    groups = {}
    for r in records:
        if r["stopped"]:
            groups.setdefault((r["peer"], r["stopped"]), []).append(r["title"])
    limits = records[0]["limits"]
    limit = {"memory": f"{limits['memory_gb']} GB of memory", "time": f"{limits['cpu_s']} seconds of CPU"}
    said = [
        f"*{peer}* would have taken more than {limit[what]} on {_listed(titles)}."
        for (peer, what), titles in groups.items()
    ]
    if any(what == "memory" and "mlxtend" in peer for peer, what in groups):
        said.append(
            "(mlxtend's Apriori has a setting that takes less memory and more time; it is not used here.)"
        )
    return " ".join(said)


def _same_itemsets(records):
    """Whether the itemsets agree, and where a miner leaves some out."""
    lacking = [r for r in records if r["same"] and r["same"]["missing"]]
    text = (
        "**Do the answers agree?** Where a library was not stopped, both sides found the same itemsets "
        "with the same counts. efficient-apriori leaves out long itemsets unless told otherwise; it was "
        "told."
    )
    if lacking:
        listed = "; ".join(
            f"{r['peer']} on {r['title']} has {r['itemsets'] - r['same']['missing']:,} of {r['itemsets']:,}"
            for r in lacking
        )
        text += f" One difference is allowed and occurs: an item that lies in every basket. {listed}."
    return text


def basket_figure(records):
    """The ratios of CPU time of all miners, a row for each set of baskets."""
    from bigmkt_helpers.plots.base import MARKERS, PALETTE, describe, new_axes

    titles = list(dict.fromkeys(r["title"] for r in _sparsest_first(records)))[::-1]
    peers = list(dict.fromkeys(r["peer"] for r in records))
    ax = new_axes(height=1.6 + 0.34 * len(titles))
    for number, peer in enumerate(peers):
        run = [r for r in records if r["peer"] == peer and not r["stopped"]]
        colour = PALETTE[number]
        ax.plot(
            [r["cpu"][1] for r in run],
            [titles.index(r["title"]) + 0.12 * (number - (len(peers) - 1) / 2) for r in run],
            linestyle="none",
            marker=MARKERS[number],
            color=colour,
            markersize=6,
            label=peer,
        )
    ax.set_yticks(range(len(titles)), titles, fontsize=9)
    ax.axvline(1, color="#555555", linewidth=1)
    ax.set_xscale("log")
    values = [r["cpu"][1] for r in records if not r["stopped"]]
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if min(values) / 2 <= t]
    ticks = [t for t in ticks if t <= 2 * max(values)]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_xlabel("ours / theirs, from lists to itemsets; left of 1 ours is cheaper")
    ax.set_title("CPU time of the search for itemsets")
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return describe(ax, basket_sentence(records))


def basket_sentence(records):
    """What the figure of the miners shows, in words."""
    run = sorted((r for r in records if not r["stopped"]), key=lambda r: r["cpu"][1])
    least, most = run[0], run[-1]
    return (
        "CPU time of ours divided by that of each other library on a logarithmic axis. The smallest is "
        f"{_fine(least['cpu'][1])} ({least['title']}, {least['peer']}), the largest "
        f"{_fine(most['cpu'][1])} ({most['title']}, {most['peer']})."
    )


def _more_baskets(results, pictures):
    records = results["basket_growth"]
    several = len(results["runs"]) > 1
    sizes = records[0]["sizes"]
    run = ["run"] if several else []
    rows, powers = [], []
    for r in records:
        cells = [f"{_seconds(one['cpu_s'])} s, {one['extra_mb']:,.0f} MB" for one in r["measured"]]
        both = [f"$n^{{{_power(r['exponent'][name])}}}$" for name in LEAST]
        rows.append([r["title"], *cells, *both, *([str(r["run"])] if several else [])])
        powers.append(f"{_power(r['exponent']['cpu_s'])} ({r['title']})")
    # the baskets are the same at every support
    held = records[0]["measured"]
    rows.append(
        [
            "*the baskets themselves*",
            *(f"{one['held_mb']:,.0f} MB" for one in held),
            "",
            "",
            *([""] * len(run)),
        ]
    )
    last = max((r["measured"][-1] for r in records), key=lambda one: one["extra_mb"])
    stays = last["extra_mb"] < 1000
    return "\n\n".join(
        [
            "### More baskets",
            f"A made-up shop of {records[0]['settings']['catalogue']:,} products with best-sellers and "
            "with products that go together, at growing numbers of baskets. They are drawn in chunks and "
            "held as arrays, without lists; memory is what the search takes beyond them. One run each; "
            "the exponent is that of a power law through the points of a row.",
            _table(["", *(f"{size:,}" for size in sizes), "time grows as", "memory grows as", *run], rows),
            _figure(more_sentence(records), more_figure, records, pictures),
            f"Time grows with the exponent {_listed(powers)}. At {sizes[-1]:,} baskets the search takes "
            f"up to {last['extra_mb']:,.0f} MB beyond the {held[-1]['held_mb']:,.0f} MB of the baskets"
            + (": under 1 GB." if stays else ": the aim of staying under 1 GB is missed at this size."),
        ]
    )


def _lower_support(results, pictures):
    support = results["support"]
    if not support:
        return ""
    data = support[0]["settings"]["data"]
    shares, counts = support[0]["shares"], support[0]["itemsets"]
    falling = []
    for place, share in enumerate(shares):
        cells = [
            f"stopped: {one['stopped']}" if "stopped" in one else f"{_seconds(one['cpu_s'])} s"
            for r in support
            for one in [r["measured"][place]]
        ]
        falling.append([f"{share:.2%}", f"{counts[place]:,}", *cells])
    falling.append(["*time grows as*", "", *(f"$m^{{{_power(r['exponent'])}}}$" for r in support)])
    ours = support[0]["measured"]
    return "\n\n".join(
        [
            "### Lower support",
            f"{data} again, at ever lower supports; CPU from lists to itemsets, one run "
            f"each.{_of_runs(results, support)} "
            "In the last row $m$ is the number of itemsets.",
            _table(["support", "itemsets", *(r["title"] for r in support)], falling),
            _figure(falling_sentence(support), falling_figure, support, pictures),
            f"From {shares[0]:.2%} down to {shares[-1]:.2%} the itemsets grow from {counts[0]:,} to "
            f"{counts[-1]:,}, and the time of ours from {_seconds(ours[0]['cpu_s'])} to "
            f"{_seconds(ours[-1]['cpu_s'])} seconds, with at most "
            f"{max(one['extra_mb'] for one in ours):,.0f} MB.",
        ]
    )


def more_figure(records):
    """CPU time over the number of baskets."""
    from bigmkt_helpers.plots.base import MARKERS, PALETTE, describe, new_axes

    ax = new_axes(height=3.4)
    for number, r in enumerate(records):
        ax.plot(
            r["sizes"],
            [one["cpu_s"] for one in r["measured"]],
            marker=MARKERS[number],
            color=PALETTE[number],
            label=r["title"],
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("baskets")
    ax.set_ylabel("CPU, seconds")
    ax.set_title("Time with more baskets")
    ax.legend()
    return describe(ax, more_sentence(records))


def more_sentence(records):
    """What the figure of the growing baskets shows, in words."""
    sizes = records[0]["sizes"]
    listed = "; ".join(
        f"{_seconds(r['measured'][0]['cpu_s'])} to {_seconds(r['measured'][-1]['cpu_s'])} seconds for "
        f"{r['title']}"
        for r in records
    )
    return f"CPU time of ours from {sizes[0]:,} to {sizes[-1]:,} baskets on logarithmic axes: {listed}."


def falling_figure(support):
    """CPU time over the number of itemsets found, as the support falls."""
    from bigmkt_helpers.plots.base import MARKERS, PALETTE, describe, new_axes

    ax = new_axes(height=3.4)
    for number, r in enumerate(support):
        points = [
            (share, one["cpu_s"])
            for share, one in zip(r["shares"], r["measured"], strict=True)
            if "stopped" not in one
        ]
        ax.plot(*zip(*points, strict=True), marker=MARKERS[number], color=PALETTE[number], label=r["title"])
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(support[0]["shares"], [f"{share:.2%}" for share in support[0]["shares"]])
    ax.minorticks_off()
    ax.invert_xaxis()
    ax.set_xlabel("support")
    ax.set_ylabel("CPU, seconds")
    ax.set_title("Time with falling support")
    ax.legend()
    return describe(ax, falling_sentence(support))


def falling_sentence(support):
    """What the figure of the falling support shows, in words."""
    shares = support[0]["shares"]
    said = []
    for r in support:
        done = [one["cpu_s"] for one in r["measured"] if "stopped" not in one]
        said.append(f"{_seconds(done[0])} to {_seconds(done[-1])} seconds for {r['title']}")
    return (
        f"CPU time as the support falls from {shares[0]:.2%} to {shares[-1]:.2%} of the baskets, on "
        f"logarithmic axes: {'; '.join(said)}."
    )


def _spread(values):
    low, middle, high = values
    return f"**{_fine(middle)}** ({_fine(low)} to {_fine(high)})"


def _fine(value):
    """A ratio with two digits that say something, however small it is."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}" if value >= 0.01 else f"{value:.4f}"


# Customer value, sequences and networks

TIMES_GOAL = {"clv": (15, "fifteen", 2357, "lifetimes"), "sequences": (50, "fifty", 23570, "hmmlearn")}
"""How many times faster ours was to be, on how many customers, and than whom."""


def _beside(records, several):
    """The table of one part: both sides, their ratio, and whether they agree."""
    head = ["", "beside", "times faster: median (range)", "pairs", "CPU, s: ours / theirs"]
    head += ["memory, MB: ours / theirs", "do the answers agree?"]
    rows = []
    for r in records:
        if r["stopped"]:
            limits = {"memory": f"{r['limits']['memory_gb']} GB", "time": f"{r['limits']['cpu_s']} s of CPU"}
            sides = [f"{_seconds(r['ours']['cpu_s'])} / stopped", f"{r['ours']['extra_mb']:,.0f} / stopped"]
            cells = [f"theirs was stopped at {limits[r['stopped']]}", r["rounds"], *sides, ""]
        else:
            cells = [_faster(r["cpu"]), r["rounds"]]
            for name, form in (("cpu_s", _fine_seconds), ("extra_mb", "{:,.0f}".format)):
                cells.append(" / ".join(form(r[side][name]) for side in ("ours", "theirs")))
            cells.append(_agreement(r["answer"]))
        rows.append([r["title"], r["peer"], *cells, *([r["run"]] if several else [])])
    return _table(head + (["run"] if several else []), rows)


def _agreement(answer):
    if "ours" not in answer:
        return _answer(answer)
    return f"{answer['measure']} {answer['ours']:,.1f}, apart by {answer['gap']:.0e} of it"


def _faster(spread):
    """From ours / theirs to theirs / ours."""
    low, middle, high = (1 / value for value in reversed(spread))
    return f"**{_times(middle)}** ({_times(low)} to {_times(high)})"


def _times(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _fine_seconds(value):
    return _seconds(value) if value >= 0.01 else f"{value:.4f}"


def _times_goal(part, records):
    """Whether the aim of a part was reached, by the medians."""
    times, in_words, customers, peer = TIMES_GOAL[part]
    mine = [r for r in records if r["peer"] == peer and r["settings"]["customers"] == customers]
    if not mine:
        return ""
    groups = {"reached": [], "missed": []}
    for r in mine:
        reached = not r["stopped"] and 1 / r["cpu"][1] >= times
        groups["reached" if reached else "missed"].append(
            r["title"] + (": stopped" if r["stopped"] else f" ({_times(1 / r['cpu'][1])})")
        )
    said = "; ".join(f"{what} for {_listed(titles)}" for what, titles in groups.items() if titles)
    return f"**The aim** was {in_words} times faster than {peer} on {customers:,} customers: {said}."


def _clv(results):
    records, several = results["clv"], len(results["runs"]) > 1
    if not records:
        return ""
    made = [r for r in records if r["settings"]["data"] == "made-up"]
    text = [
        "## Models of customer value beside lifetimes and pymc-marketing",
        "BG/NBD and Pareto/NBD say how often a customer will still buy, Gamma-Gamma how much they spend "
        "(the chapter on customer lifetime value). Each side gets the same table, one row per customer, and "
        "fits by maximum likelihood; the two take turns. The figure is how many times faster ours is, in "
        "seconds of CPU: above 1 ours "
        "is faster. A process makes one fit of a few customers that does not count, since it loads and "
        "compiles what the later ones find ready; then what one fit takes on average is measured.",
        "**What is in a fit** is what a user gets from calling it. Ours: the checks of the table, three "
        "starts, the search, and standard errors of all parameters. lifetimes: its checks, one start, and "
        "standard errors for BG/NBD only. pymc-marketing: its model is built and the mode of the posterior "
        "searched, without standard errors; the priors are set flat, so that the mode is the maximum "
        "likelihood. Ours takes customers with equal rows together by itself; so that you can see what that "
        "alone is worth, a row of lifetimes gets them together, too, with their number as weight.",
        "A ratio counts only if both reach the same log-likelihood, computed by the same formula from what "
        "each found, within "
        + f"{_allowed(records)} of itself."
        + (
            " The made-up customers are drawn from the model itself, their times in whole days."
            if made
            else ""
        ),
        _beside(records, several),
        _times_goal("clv", [r for r in records if r["settings"]["model"] != "Gamma-Gamma"]),
        _clv_growth(results),
    ]
    return "\n\n".join(part for part in text if part)


def _allowed(records):
    return f"{max((r['answer']['allowed'] for r in records if r['answer']), default=0):g}"


def _clv_growth(results):
    records, several = results["clv_growth"], len(results["runs"]) > 1
    if not records:
        return ""
    sizes = records[0]["sizes"]
    rows = []
    for r in records:
        cells = [
            f"{_seconds(one['cpu_s'])} s, {one['extra_mb']:,.0f} MB ({one['distinct']:,} different)"
            for one in r["measured"]
        ]
        powers = [
            f"$n^{{{_power(r['exponent'][name])}}}$" if _measurable(r, name) else "too small to tell"
            for name in LEAST
        ]
        rows.append([r["title"], *cells, *powers, *([r["run"]] if several else [])])
    head = ["model", *(f"{size:,}" for size in sizes), "time grows as", "memory grows as"]
    return "\n\n".join(
        [
            "### More customers",
            "Made-up customers again, from few to many; one fit of ours each. Memory is what the fit takes "
            f"beyond the table ({records[0]['measured'][-1]['held_mb']:,.0f} MB for {sizes[-1]:,} "
            "customers). In brackets, how many different rows there are: times count in days, so the more "
            "customers, the more of them are alike. That is why time can grow more slowly than the number of "
            "customers.",
            _table(head + (["run"] if several else []), rows),
        ]
    )


def _sequences(results):
    records, several = results["sequences"], len(results["runs"]) > 1
    if not records:
        return ""
    settings = records[0]["settings"]
    steps = {
        r["settings"]["customers"]: r["settings"]["steps"] for r in records if r["title"].startswith("fit")
    }
    listed = ", ".join(f"{many} on {customers:,} customers" for customers, many in steps.items())
    text = [
        "## Hidden Markov models of many customers beside hmmlearn",
        f"A model with {settings['states']} hidden states of the orders per month on CDNOW "
        "(the chapter on sequences). "
        f"*fit*: steps of expectation maximisation from the same start, without priors, {listed}. "
        "*decode*: the most probable path of every customer under the same parameters (Viterbi). Ours does "
        "all customers of a month at once, and customers with equal histories only once; hmmlearn goes "
        "from customer to customer, in C++. For one long sequence that is the better way. The two take "
        "turns; above 1 ours is faster. A ratio counts only if the log-likelihood, or the log-probability "
        f"of all best paths together, is the same within {_allowed(records)} of itself.",
        _beside(records, several),
        _times_goal("sequences", records),
    ]
    return "\n\n".join(part for part in text if part)


def _networks(results):
    records, several = results["networks"], len(results["runs"]) > 1
    if not records:
        return ""
    return "\n\n".join(
        [
            "## Answers of a Bayesian network beside pgmpy",
            "*alarm* is a network of the literature about patients under watch (the chapter on "
            "Bayesian networks). The question goes to each of its nodes in turn: how probable is each of "
            "its levels, first with nothing "
            "known, then with a few things known? Ours asks `posterior` once for each node, pgmpy its "
            "`VariableElimination`. The two take turns; above 1 ours is faster. A ratio counts only if every "
            f"probability is the same within {_allowed(records)}.",
            _beside(records, several),
            "Structure learning has no ratio here: it was not measured.",
        ]
    )


# Small parts


def _figure(sentence, draw, of, pictures):
    """A figure as part of the page itself; its description stands in it as alternative text."""
    source = "figure"
    if pictures:
        import matplotlib

        from bigmkt_helpers.plots.base import STYLE

        picture = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            draw(of).figure.savefig(picture, format="png", dpi=160, metadata={"Software": None})
        source = "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
    return f"```{{image}} {source}\n:alt: {sentence}\n:width: {WIDTH}px\n```"


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _markup(title):
    """A title in prose: EASE^R has its R above."""
    return title.replace("EASE^R", "EASE{sup}`R`")


def _short(title):
    return (
        title.replace(" synthetic", "")
        .replace(" around baselines, five folds", " (baselines)")
        .replace("three conjugate-gradient steps", "CG")
        .replace(", 64 factors", "")
        .replace(", 32 factors", "")
        .replace("EASE^R", "EASE")
    )


def _by_value(figures):
    return sorted(figures.items(), key=lambda pair: -pair[1])


def _listed(names):
    names = list(names)
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _ratio(value):
    return f"{value:.2f}"


def _seconds(value):
    if value >= 10:
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _value(value):
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.0f}"


def _power(value):
    return f"{value:.2f}"


def _signed(value):
    return f"{value:+.4f}".replace("-", "−")


if __name__ == "__main__":
    print(page(read(), pictures=False))
