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
    "growth": ("title", "run", "load", "settings", "sizes", "measured", "exponent"),
    "quality": ("title", "run", "load", "protocol", "published", "sar", "models"),
}
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
        if not results.get(part):
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
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


INTRODUCTION = """
# Benchmarks

What do the recommenders of this course cost in time and memory, beside other libraries? How does the
cost grow with the data? And how well do they rank, on a protocol for which others published figures?

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
    loads = [r["load"] for part in ("ratios", "growth", "quality") for r in _records(results, part)]
    cores = max(runs[name]["machine"]["cores"] for name in names)
    if max(loads) > 1.5:
        text += (
            f"\n\nThe machine had other work, too: its load was between {min(loads):.1f} and {max(loads):.1f}"
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
        "## Beside other libraries",
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
            "**Beside bare linear algebra.** EASE{sup}`R` is one product, one factor and one inverse. Beside "
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
            "## Growth with the data",
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
