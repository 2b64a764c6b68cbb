"""Ratios against peers, and growth with the data.

    python -m benchmarks.run [--peers PYTHON] [--rounds 5] [--largest 7] [--only WORDS]

Ratios: the same data to both, in turn (ours, theirs, ours, …), each run in a process of its own on one
thread; the ratio is the median of the ratios of the pairs.  Both must give the same answer, within a stated
difference.  Growth: seconds of CPU and peak memory at 10⁵, 10⁶ and 10⁷ synthetic interactions, and the
fitted exponent.
A table is printed, and everything is written to build/benchmarks.json.
"""

import json
import platform
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import data
from benchmarks.measure import one_thread

HERE = Path(__file__).parent
BUILD = HERE.parent / "build"
PEERS = {
    "knn_baseline": "scikit-surprise",
    "ease": "cornac",
    "item_neighbours": "implicit",
    "implicit_als": "implicit",
}
console = Console(width=None if sys.stdout.isatty() else 160)


def work(python, script, task, source):
    """Run one task in a process of its own; returns what it measured and its answer."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "answer.npz"
        done = subprocess.run(
            [python, str(HERE / script), task, str(source), str(target)],
            capture_output=True,
            text=True,
            env=one_thread(),
        )
        if done.returncode:
            raise click.ClickException(f"{script} {task} failed:\n{done.stderr}")
        with np.load(target) as arrays:
            answer = dict(arrays)
    return json.loads(done.stdout.strip().splitlines()[-1]), answer


def ratings_with_folds():
    """Five folds of the ratings, as arrays."""
    name, frame = data.ratings()
    order = np.random.RandomState(0).permutation(len(frame))
    fold = np.empty(len(frame), dtype=int)
    for number, part in enumerate(np.array_split(order, 5)):
        fold[part] = number
    rating = frame["rating"].to_numpy(dtype=float)
    columns = {side: frame[side].to_numpy() for side in ("user", "item")}
    return name, columns | {"rating": rating, "fold": fold, "low": rating.min(), "high": rating.max()}


def positions(draws):
    """Synthetic interactions as arrays."""
    users, items = data.synthetic(draws)
    return {"user": users, "item": items}


def cases():
    """Name, task, arrays, and how the answers are compared, of each ratio."""
    name, folds = ratings_with_folds()
    rated = {side: np.unique(folds[side], return_inverse=True)[1] for side in ("user", "item")}
    million = positions(10**6)
    yield f"user-kNN around baselines, five folds, {name}", "knn_baseline", folds
    for title, pairs in ((name, rated), ("10⁶ synthetic", million)):
        yield f"EASE^R, {title}", "ease", pairs | {"regularisation": 500.0}
    for title, pairs in ((name, rated), ("10⁶ synthetic", million)):
        yield f"item-kNN cosine, {title}", "item_neighbours", pairs
    settings = {"factors": 64, "regularisation": 0.01, "alpha": 1.0, "iterations": 10}
    for solver, steps in (("exact", 0), ("three conjugate-gradient steps", 3)):
        arrays = million | settings | {"steps": steps}
        yield f"implicit ALS, 64 factors, {solver}, 10⁶ synthetic", "implicit_als", arrays


def difference(task, ours, theirs, arrays):
    """How far apart the two answers are, in words and as a number that must be small."""
    if task == "knn_baseline":
        rmse = [float(np.sqrt(np.mean((a["predicted"] - arrays["rating"]) ** 2))) for a in (ours, theirs)]
        return f"RMSE {rmse[0]:.4f} and {rmse[1]:.4f}", abs(rmse[0] - rmse[1]) / 0.0002
    if task == "ease":
        gap = float(np.abs(ours["weights"] - theirs["weights"]).max() / np.abs(theirs["weights"]).max())
        return f"largest gap of a weight {gap:.1e}", gap / 1e-3
    if task == "item_neighbours":
        gap = float(np.abs(ours["total"] - theirs["total"]).max() / np.abs(theirs["total"]).max())
        return f"largest gap of an item's summed similarity {gap:.1e}", gap / 1e-3
    losses = [als_loss(answer, arrays) for answer in (ours, theirs)]
    return f"objective {losses[0]:.5g} and {losses[1]:.5g}", abs(losses[0] / losses[1] - 1) / 0.01


def als_loss(answer, arrays):
    """The objective of implicit ALS: squared error over all cells, weighted by confidence, and ridge."""
    users, items = (answer[side].astype(np.float64) for side in ("users", "items"))
    alpha, ridge = float(arrays["alpha"]), float(arrays["regularisation"])
    met = np.einsum("ij,ij->i", users[arrays["user"]], items[arrays["item"]])
    everywhere = float(np.sum((users.T @ users) * (items.T @ items)))
    loss = everywhere + float(np.sum((1 + alpha) * (1 - met) ** 2 - met**2))
    return loss + ridge * float((users**2).sum() + (items**2).sum())


def ratios(peers, rounds, folder, only):
    """Measure all the ratios; returns one record each."""
    records = []
    for number, (title, task, arrays) in enumerate(cases()):
        if only not in title:
            continue
        source = data.save(folder / f"ratio{number}.npz", **arrays)
        runs = []
        for _ in range(rounds):
            ours, our_answer = work(sys.executable, "worker_ours.py", task, source)
            theirs, their_answer = work(peers, "worker_peers.py", task, source)
            floor = (
                work(sys.executable, "worker_ours.py", "ease_floor", source)[0] if task == "ease" else None
            )
            runs.append((ours, theirs, floor))
        words, excess = difference(task, our_answer, their_answer, arrays)
        if excess > 1:
            raise click.ClickException(f"{title}: the answers differ: {words}. A ratio would mean nothing.")
        records.append(record(title, PEERS[task], [run[:2] for run in runs]) | {"same answer": words})
        if task == "ease":
            records.append(
                record(title, "BLAS", [(run[0], run[2]) for run in runs]) | {"same answer": "floor"}
            )
    return records


def record(title, peer, pairs):
    """The spread of the ratios of one comparison, and the median of each side."""
    measures = {"cpu": "cpu_s", "wall": "wall_s", "memory": "extra_mb"}
    ratios = {
        short: spread([ours[name] / max(theirs[name], 1e-3) for ours, theirs in pairs])
        for short, name in measures.items()
    }
    medians = ", ".join(f"{name} {ratio[1]:.2f}" for name, ratio in ratios.items())
    console.print(f"{title}, against {peer}: {medians}", highlight=False)
    return ratios | {
        "title": title,
        "peer": peer,
        "ours": {name: float(np.median([ours[name] for ours, _ in pairs])) for name in measures.values()},
        "theirs": {
            name: float(np.median([theirs[name] for _, theirs in pairs])) for name in measures.values()
        },
    }


def versions_of(peers):
    """Versions of the peers, by name."""
    code = (
        "import json, sys; from importlib.metadata import version; "
        "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    names = [*sorted(set(PEERS.values())), "numpy", "scipy"]
    said = subprocess.run([peers, "-c", code, *names], capture_output=True, text=True, check=True).stdout
    return json.loads(said)


def spread(values):
    """Smallest, median and largest."""
    return [float(np.min(values)), float(np.median(values)), float(np.max(values))]


def growth(largest, folder):
    """CPU seconds and peak memory at growing sizes, and the exponent of a power law through them."""
    records = []
    for task in ("popularity", "item_neighbours", "ease", "implicit_als", "bpr", "user_neighbours"):
        sizes, runs = [], []
        for power in range(5, largest + 1):
            source = folder / f"growth{power}.npz"
            if not source.exists():
                settings = {"regularisation": 500.0, "factors": 32, "alpha": 1.0, "iterations": 5, "steps": 3}
                data.save(source, **positions(10**power), **settings)
            with np.load(source) as arrays:
                sizes.append(len(arrays["user"]))
            runs.append(work(sys.executable, "worker_ours.py", task, source)[0])
            console.print(
                f"growth {task} {sizes[-1]:,}: {runs[-1]['cpu_s']:.2f} s, {runs[-1]['extra_mb']:.0f} MB"
            )
        slope = {
            name: float(np.polyfit(np.log(sizes), np.log([max(run[name], 1e-3) for run in runs]), 1)[0])
            for name in ("cpu_s", "extra_mb")
        }
        records.append({"task": task, "sizes": sizes, "runs": runs, "exponent": slope})
    return records


def show(results):
    """Print the ratios."""
    table = Table(title="Ours / theirs (below 1 we are cheaper): median (smallest to largest) of the pairs")
    for name in ("what", "peer", "CPU", "wall clock", "extra memory", "same answer"):
        table.add_column(name)
    for record in results["ratios"]:
        cells = ["{1:.2f} ({0:.2f} to {2:.2f})".format(*record[name]) for name in ("cpu", "wall", "memory")]
        table.add_row(record["title"], record["peer"], *cells, record["same answer"])
    console.print(table)


def show_growth(records):
    """Print the growth."""
    table = Table(title="Growth: CPU seconds (peak extra MB)")
    for name in ("what", *(f"{size:,}" for size in records[0]["sizes"]), "time grows as n^", "memory as n^"):
        table.add_column(name)
    for record in records:
        cells = [f"{run['cpu_s']:.2f} ({run['extra_mb']:.0f})" for run in record["runs"]]
        table.add_row(record["task"], *cells, *(f"{slope:.2f}" for slope in record["exponent"].values()))
    console.print(table)


@click.command(help=__doc__)
@click.option("--peers", default=str(BUILD / "peers" / "bin" / "python"), help="Python that has the peers.")
@click.option("--rounds", default=5, type=click.IntRange(1), help="Pairs of runs behind each ratio.")
@click.option(
    "--largest", default=7, type=click.IntRange(5, 8), help="Power of ten of the largest growth run."
)
@click.option("--only", default="", help="Measure only the ratios whose title holds this.")
def main(peers, rounds, largest, only):
    """Run everything."""
    if not Path(peers).exists():
        raise click.ClickException(f"{peers} is not there: `make bench` makes the environment of the peers.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = {
            "date": date.today().isoformat(),
            "machine": f"{platform.machine()}, one thread",
            "versions": {name: version(name) for name in ("bigmkt-helpers", "numpy", "scipy")},
            "peers": versions_of(peers),
            "ratios": ratios(peers, rounds, folder, only),
            "growth": [],
        }
        show(results)
        if not only:
            results["growth"] = growth(largest, folder)
            show_growth(results["growth"])
    BUILD.mkdir(exist_ok=True)
    (BUILD / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
