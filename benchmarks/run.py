"""Ratios against peers, growth with the data, and quality on a published protocol.

    python -m benchmarks.run [--peers PYTHON] [--rounds 5] [--largest 7] [--only WORDS …]

Ratios: the same data to both, in turn (ours, theirs, ours, …), each run in a process of its own on one
thread; the ratio is the median of the ratios of the pairs.  Both must give the same answer, within a stated
difference, or rank equally well.  Growth: seconds of CPU and peak memory at 10⁵, 10⁶ and 10⁷ synthetic
interactions, and the fitted exponent.  Quality: ours beside a published table, on the same split and over
other splits; it needs the reference data (BIGMKT_REFERENCE_DATA).

Baskets: frequent itemsets of reference data beside four miners, from the same lists to the result; a peer
that would take more than a limit of memory or time is stopped, and that is what is noted.  Basket growth:
synthetic baskets, 10⁴ to 10⁷, and one reference set at falling supports.  Segments: K-means beside
scikit-learn's from the same starts.

Customer value (clv), sequences and networks: a model or a question beside those who have the same, stopped
beyond the same kind of limit; both must reach the same log-likelihood or give the same probabilities.  What
falls on the first fit of a process, such as loading and compiling, is left out on both sides.

Everything is written to benchmarks/results.json as soon as it is measured; the page "Benchmarks" of the book
is made from that file.  With --only (a part: ratios, baskets, segments, clv, sequences, networks, growth,
basket_growth, clv_growth, support, quality; or words of a title; may be repeated) the other figures of the
file stay as they are, each with the date and machine of its own run.
"""

import json
import math
import os
import platform
import signal
import subprocess
import sys
import tempfile
from datetime import date
from fractions import Fraction
from functools import cache
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import data, itemsets, models, quality
from benchmarks.measure import limit, one_thread

HERE = Path(__file__).parent
BUILD = HERE.parent / "build"
RESULTS = HERE / "results.json"
FORMAT = 1
PEERS = {
    "knn_baseline": "scikit-surprise",
    "item_knn_baseline": "scikit-surprise",
    "baselines": "scikit-surprise",
    "ease": "cornac",
    "bpr_ranking": "cornac",
    "item_neighbours": "implicit",
    "tf_idf_neighbours": "implicit",
    "bm25_neighbours": "implicit",
    "implicit_als": "implicit",
    "pure_svd": "scikit-learn",
    "text_weights": "scikit-learn",
    "kmeans": "scikit-learn",
}
MINERS = {
    "mlxtend_fpgrowth": ("mlxtend fpgrowth", "mlxtend"),
    "mlxtend_apriori": ("mlxtend apriori", "mlxtend"),
    "efficient_apriori": ("efficient-apriori", "efficient-apriori"),
    "pyfim_fpgrowth": ("pyfim fpgrowth", "pyfim"),
    "pyfim_eclat": ("pyfim eclat", "pyfim"),
}
"""Task, name in the results, and package of those who look for frequent itemsets."""

MINED = (
    ("groceries", (0.01, 0.001)),
    ("retail", (0.01, 0.001)),
    ("T10I4D100K", (0.01, 0.005, 0.001)),
    ("mushroom", (0.3, 0.2)),
    ("chess", (0.8,)),
)
LIMITS = {"memory_gb": 8, "cpu_s": 150}
"""What a miner may take before it is stopped."""

PATIENCE = {5: 10.0, 3: 100.0}
"""Pairs of runs, and the CPU seconds of the first pair up to which so many are made; beyond, it is one."""

FALLING = ("T10I4D100K", (0.01, 0.005, 0.002, 0.001, 0.0005))
FALLING_PEERS = ("pyfim_fpgrowth",)
SHARES = (0.01, 0.001)
"""Supports at which the number of baskets grows."""

OWN = ("scikit-learn", "mlxtend", "hmmlearn", "pgmpy")
"""Peers that stand in the environment of the course."""

FLOOR = "BLAS"
"""In place of a peer: only the operations of linear algebra that the method is made of, on the full table."""

SEEDS = (42, 0, 1, 2, 3)
console = Console(width=None if sys.stdout.isatty() else 160)


def work(python, script, task, source, limits=None):
    """Run one task in a process of its own; returns what it measured and its answer.

    One that goes beyond the limits gives ``{"stopped": "memory"}`` or ``{"stopped": "time"}``, and None.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "answer.npz"
        done = subprocess.run(
            [python, str(HERE / script), task, str(source), str(target)],
            capture_output=True,
            text=True,
            env=one_thread(),
            preexec_fn=None if limits is None else lambda: limit(**limits),
        )
        if done.returncode and limits is not None:
            if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
                return {"stopped": "time"}, None
            if "MemoryError" in done.stderr:
                return {"stopped": "memory"}, None
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
    """Name, task, what makes the arrays, and the settings that both were given, of each ratio."""
    name = data.ratings()[0]

    @cache
    def folds():
        return ratings_with_folds()[1]

    @cache
    def rated():
        return {side: np.unique(folds()[side], return_inverse=True)[1] for side in ("user", "item")}

    @cache
    def million():
        return positions(10**6)

    def held_out():
        train, test = data.split(data.ratings()[1])
        return train | {f"test_{side}": values for side, values in test.items()}

    yield f"user-kNN around baselines, five folds, {name}", "knn_baseline", folds, {"k": 40}
    yield f"item-kNN around baselines, five folds, {name}", "item_knn_baseline", folds, {"k": 40}
    yield f"baselines alone, five folds, {name}", "baselines", folds, {}
    places = ((name, rated), ("10⁶ synthetic", million))
    for title, pairs in places:
        yield f"EASE^R, {title}", "ease", pairs, {"regularisation": 500.0}
    for kind, task in (("cosine", "item"), ("TF-IDF", "tf_idf"), ("BM25", "bm25")):
        for title, pairs in places:
            yield f"item-kNN {kind}, {title}", f"{task}_neighbours", pairs, {"k": 100}
    settings = {"factors": 64, "regularisation": 0.01, "alpha": 1.0, "iterations": 10}
    for solver, steps in (("exact", 0), ("three conjugate-gradient steps", 3)):
        title = f"implicit ALS, 64 factors, {solver}, 10⁶ synthetic"
        yield title, "implicit_als", million, settings | {"steps": steps}
    # each with steps of its own kind: as many passes as make them rank equally well
    settings = {"factors": 64, "regularisation": 0.014, "our_passes": 25, "their_passes": 100}
    settings |= {"their_regularisation": 0.02, "their_learning_rate": 0.05}
    yield f"BPR, 64 factors, {name}", "bpr_ranking", held_out, settings
    yield "PureSVD, 32 factors, 10⁶ synthetic", "pure_svd", million, {"factors": 32}
    yield "TF-IDF of 50,000 texts", "text_weights", lambda: {"texts": data.texts(50_000)}, {}


def segment_cases():
    """The same of K-means: tables of customers, each from several starts of different customers."""
    for name in data.CUSTOMERS:
        large = name == data.CUSTOMERS[-1]
        k, n_starts = (12, 3) if large else (5, 20)

        def made(name=name, k=k, n_starts=n_starts):
            values, rng = data.customers(name), np.random.default_rng(0)
            different = np.unique(values, axis=0)
            starts = [rng.choice(different, k, replace=False) for _ in range(n_starts)]
            return {"values": values, "starts": np.array(starts)}

        yield name, "kmeans", made, {"k": k, "n_starts": n_starts}


def difference(task, ours, theirs, arrays):
    """How the two answers compare: what was compared, both values or the gap, and the gap allowed."""
    if task == "kmeans":
        same = (ours["labels"] == theirs["labels"]).all(axis=1)
        for number in np.flatnonzero(~same):
            if not tie_on_the_way(arrays["values"], arrays["starts"][number]):
                raise click.ClickException(
                    f"From start {number} the labels differ, and nobody was equally near."
                )
        gap = np.abs(ours["inertia"] / theirs["inertia"] - 1)[same].max()
        what = "labels equal; largest relative gap of the inertia"
        return answer(what, gap, 1e-9) | {"ties": int((~same).sum())}
    if task in ("knn_baseline", "item_knn_baseline"):
        pair = [float(np.sqrt(np.mean((a["predicted"] - arrays["rating"]) ** 2))) for a in (ours, theirs)]
        return answer("root mean squared error", abs(pair[0] - pair[1]), 0.0002, pair)
    if task == "baselines":
        gap = np.abs(ours["predicted"] - theirs["predicted"]).max()
        return answer("largest gap of a prediction", gap, 1e-6)
    if task == "implicit_als":
        pair = [als_loss(one, arrays) for one in (ours, theirs)]
        return answer("objective", abs(pair[0] / pair[1] - 1), 0.01, pair)
    if task == "bpr_ranking":
        pair = [held_out_ndcg(one["scores"], arrays) for one in (ours, theirs)]
        return answer("nDCG@10 of held-out ratings", abs(pair[0] - pair[1]), 0.01, pair)
    if task == "text_weights" and ours["tokens"].tolist() != theirs["tokens"].tolist():
        raise click.ClickException("The words found in the texts differ. A ratio would mean nothing.")
    key, what, allowed = {
        "ease": ("weights", "a weight", 1e-3),
        "item_neighbours": ("total", "an item's summed similarity", 1e-3),
        # the rarity of a user is defined a little differently: one more in the logarithm
        "tf_idf_neighbours": ("total", "an item's summed similarity", 0.05),
        "bm25_neighbours": ("total", "an item's summed similarity", 0.05),
        "pure_svd": ("values", "a singular value", 1e-6),
        "text_weights": ("total", "a word's summed weight", 1e-6),
    }[task]
    gap = np.abs(ours[key] - theirs[key]).max() / np.abs(theirs[key]).max()
    return answer(f"largest gap of {what}, relative to the largest", gap, allowed)


def tie_on_the_way(values, centres):
    """Whether Lloyd's steps meet somebody who is equally near to two centres, where rounding decides."""
    for _ in range(300):
        squares = ((values[:, None, :] - centres) ** 2).sum(axis=2)
        first, second = np.partition(squares, 1, axis=1)[:, :2].T
        if np.isclose(first, second, rtol=1e-12, atol=0).any():
            return True
        labels = squares.argmin(axis=1)
        moved = np.array([values[labels == one].mean(axis=0) for one in range(len(centres))])
        if np.array_equal(moved, centres):
            return False
        centres = moved
    return False


def answer(measure, gap, allowed, pair=None):
    """One entry of the results on whether two answers are the same."""
    both = {} if pair is None else {"ours": float(pair[0]), "theirs": float(pair[1])}
    return {"measure": measure, "gap": float(gap), "allowed": allowed} | both


def held_out_ndcg(scores, arrays):
    """nDCG@10 of the held-out pairs, when what was learned from is not recommended again."""
    import pandas as pd

    from bigmkt_helpers.evaluation import ranking_metrics

    scores = scores.copy()
    scores[arrays["user"], arrays["item"]] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    users = np.repeat(np.arange(len(scores)), best.shape[1])
    rank = np.tile(np.arange(1, best.shape[1] + 1), len(scores))
    lists = pd.DataFrame({"user": users, "item": best.ravel(), "rank": rank})
    relevant = pd.DataFrame({side: arrays[f"test_{side}"] for side in ("user", "item")})
    return ranking_metrics(lists, relevant, k=10, metrics=["ndcg"])["ndcg@10"].mean()


def als_loss(answer, arrays):
    """The objective of implicit ALS: squared error over all cells, weighted by confidence, and ridge."""
    users, items = (answer[side].astype(np.float64) for side in ("users", "items"))
    alpha, ridge = float(arrays["alpha"]), float(arrays["regularisation"])
    met = np.einsum("ij,ij->i", users[arrays["user"]], items[arrays["item"]])
    everywhere = float(np.sum((users.T @ users) * (items.T @ items)))
    loss = everywhere + float(np.sum((1 + alpha) * (1 - met) ** 2 - met**2))
    return loss + ridge * float((users**2).sum() + (items**2).sum())


def ratios(peers, rounds, folder, chosen, part="ratios"):
    """Measure the chosen ratios of a part; yields one record each."""
    listed = {"ratios": cases, "segments": segment_cases}[part]()
    for number, (title, task, make, settings) in enumerate(listed):
        if not chosen(part, title):
            continue
        arrays = make() | settings
        source = data.save(folder / f"{part}{number}.npz", **arrays)
        python = sys.executable if PEERS[task] in OWN else peers
        runs = []
        for _ in range(rounds):
            ours, our_answer = work(sys.executable, "worker_ours.py", task, source)
            theirs, their_answer = work(python, "worker_peers.py", task, source)
            floor = (
                work(sys.executable, "worker_ours.py", "ease_floor", source)[0] if task == "ease" else None
            )
            runs.append((ours, theirs, floor))
        same = difference(task, our_answer, their_answer, arrays)
        if not same["gap"] <= same["allowed"]:
            raise click.ClickException(f"{title}: the answers differ: {same}. A ratio would mean nothing.")
        if task == "kmeans":
            settings = settings | dict(zip(("customers", "features"), arrays["values"].shape, strict=True))
        shared = {"title": title, "settings": settings, "rounds": rounds}
        yield shared | record(title, PEERS[task], [run[:2] for run in runs]) | {"answer": same}
        if task == "ease":
            yield shared | record(title, FLOOR, [(run[0], run[2]) for run in runs]) | {"answer": None}


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
        "peer": peer,
        "ours": {name: float(np.median([ours[name] for ours, _ in pairs])) for name in measures.values()},
        "theirs": {
            name: float(np.median([theirs[name] for _, theirs in pairs])) for name in measures.values()
        },
    }


def mined(name, arrays, share):
    """What the workers get, and what the results say, of one set of baskets at one support."""
    n_baskets, n_items = len(arrays["lengths"]), len(np.unique(arrays["items"]))
    # the share as it is written, not as the nearest binary number
    least = math.ceil(Fraction(repr(share)) * n_baskets)
    about = {
        "data": name,
        "share": share,
        "least": least,
        "n_baskets": n_baskets,
        "n_items": n_items,
        "density": len(arrays["items"]) / (n_baskets * n_items),
    }
    return arrays | {"share": share, "least": least}, about


def mining(peers, rounds, folder, chosen):
    """Frequent itemsets beside the miners: ours, then each of them, in turn; one record per set and miner.

    The slow ones take part in fewer rounds, and one that was stopped in no further.
    """
    for number, (name, share) in enumerate((name, share) for name, shares in MINED for share in shares):
        title = f"{name} {share * 100:g}%"
        if not chosen("baskets", title):
            continue
        arrays, about = mined(name, data.baskets(name), share)
        source = data.save(folder / f"mined{number}.npz", **arrays)
        pairs, wanted, same = {task: [] for task in MINERS}, dict.fromkeys(MINERS, rounds), {}
        while any(len(pairs[task]) < wanted[task] for task in MINERS):
            ours, our_answer = work(sys.executable, "worker_ours.py", "itemsets", source, LIMITS)
            if our_answer is None:
                raise click.ClickException(f"{title}: ours was stopped: {ours['stopped']}.")
            for task, (peer, package) in MINERS.items():
                if len(pairs[task]) >= wanted[task]:
                    continue
                python = sys.executable if package in OWN else peers
                theirs, their_answer = work(python, "worker_peers.py", task, source, LIMITS)
                pairs[task].append((ours, theirs))
                if their_answer is None:
                    wanted[task] = 0
                elif task not in same:
                    same[task] = agreement(title, peer, our_answer, their_answer, about)
                    seconds = ours["cpu_s"] + theirs["cpu_s"]
                    most = next((n for n, until in PATIENCE.items() if seconds <= until), 1)
                    wanted[task] = min(rounds, most)
        for task, (peer, _) in MINERS.items():
            named = {"title": title, "peer": peer, "settings": about, "limits": LIMITS}
            found = {"rounds": len(pairs[task]), "itemsets": len(our_answer["itemsets"])}
            yield named | found | {"same": same.get(task)} | beside(title, peer, pairs[task])


def agreement(title, peer, ours, theirs, about):
    """How the itemsets of two sides compare; they may differ in what lies in every basket only."""
    same = itemsets.compare(ours["itemsets"], theirs["itemsets"], about["n_baskets"])
    if same["different"]:
        raise click.ClickException(f"{title}, {peer}: {same}. A ratio would mean nothing.")
    return same


def beside(title, peer, pairs):
    """The ratios of two miners; of one that was stopped what stopped it, and ours."""
    measures = ("cpu_s", "wall_s", "extra_mb", "mining_s")
    stopped = pairs[-1][1].get("stopped")
    if stopped:
        console.print(f"{title}, against {peer}: stopped, {stopped}", highlight=False)
        ours = {name: float(np.median([one[name] for one, _ in pairs])) for name in measures}
        nothing = dict.fromkeys(("cpu", "wall", "memory", "mining", "theirs"))
        return nothing | {"stopped": stopped, "ours": ours}
    found = record(title, peer, pairs) | {"stopped": None, "mining": None}
    found["ours"]["mining_s"] = float(np.median([one["mining_s"] for one, _ in pairs]))
    if "mining_s" in pairs[0][1]:
        found["mining"] = spread([ours["mining_s"] / theirs["mining_s"] for ours, theirs in pairs])
        found["theirs"]["mining_s"] = float(np.median([one["mining_s"] for _, one in pairs]))
    return found


def basket_growth(largest, folder, chosen):
    """CPU seconds and peak memory with more and more synthetic baskets."""
    for share in SHARES:
        title = f"itemsets at {share * 100:g}%"
        if not chosen("basket_growth", title):
            continue
        sizes, runs = [10**power for power in range(4, largest + 1)], []
        for size in sizes:
            source = data.save(folder / "many.npz", n_baskets=size, share=share)
            runs.append(work(sys.executable, "worker_ours.py", "many_baskets", source)[0])
            console.print(f"{title}, {size:,}: {runs[-1]}", highlight=False)
        yield {"title": title, "settings": {"share": share, "catalogue": data.CATALOGUE}, "sizes": sizes} | {
            "measured": runs,
            "exponent": {
                name: exponent(sizes, [run[name] for run in runs]) for name in ("cpu_s", "extra_mb")
            },
        }


def exponent(sizes, values):
    """That of a power law through the points."""
    return float(np.polyfit(np.log(sizes), np.log([max(value, 1e-3) for value in values]), 1)[0])


def falling_support(peers, folder, chosen):
    """CPU seconds and memory on one reference set at falling supports, ours and pyfim in turn."""
    name, shares = FALLING
    if not chosen("support", name):
        return
    arrays, sides = data.baskets(name), {"ours": []} | {MINERS[task][0]: [] for task in FALLING_PEERS}
    found = []
    for number, share in enumerate(shares):
        full, about = mined(name, arrays, share)
        source = data.save(folder / f"falling{number}.npz", **full)
        run, our_answer = work(sys.executable, "worker_ours.py", "itemsets", source, LIMITS)
        sides["ours"].append(run)
        found.append(len(our_answer["itemsets"]))
        for task in FALLING_PEERS:
            peer, package = MINERS[task]
            python = sys.executable if package in OWN else peers
            run, their_answer = work(python, "worker_peers.py", task, source, LIMITS)
            sides[peer].append(run)
            if their_answer is not None:
                agreement(f"{name} {share}", peer, our_answer, their_answer, about)
        console.print(f"{name} {share}: {found[-1]} itemsets, {[side[-1] for side in sides.values()]}")
    for side, runs in sides.items():
        done = [(many, run["cpu_s"]) for many, run in zip(found, runs, strict=True) if "stopped" not in run]
        yield {"title": side, "settings": {"data": name}, "limits": LIMITS, "shares": list(shares)} | {
            "itemsets": found,
            "measured": runs,
            "exponent": exponent(*zip(*done, strict=True)),
        }


def modelling(part, peers, rounds, folder, chosen):
    """One part of `models` beside its peers: ours, then each of them, in turn; one record for each peer.

    The slow ones take part in fewer rounds, and one that was stopped in no further.
    """
    for number, (title, task, others, make, about) in enumerate(models.cases(part)):
        if not chosen(part, title):
            continue
        arrays = make()
        source = data.save(folder / f"{part}{number}.npz", **arrays)
        pairs, same = {other: [] for other in others}, {}
        wanted = {other: models.ROUNDS.get(other, rounds) for other in others}
        while any(len(pairs[other]) < wanted[other] for other in others):
            ours, our_answer = work(sys.executable, "worker_ours.py", task, source, models.LIMITS)
            if our_answer is None:
                raise click.ClickException(f"{title}: ours was stopped: {ours['stopped']}.")
            for other in others:
                if len(pairs[other]) >= wanted[other]:
                    continue
                peer, package = models.PEERS[other]
                python = sys.executable if package in OWN else peers
                theirs, their_answer = work(python, "worker_peers.py", other, source, models.LIMITS)
                pairs[other].append((ours, theirs))
                if their_answer is None:
                    wanted[other] = 0
                elif other not in same:
                    same[other] = models.difference(part, our_answer, their_answer, arrays)
                    if not same[other]["gap"] <= same[other]["allowed"]:
                        raise click.ClickException(
                            f"{title}, {peer}: the answers differ: {same[other]}. A ratio would mean nothing."
                        )
                    seconds = (ours["cpu_s"] + theirs["cpu_s"]) * about.get("fits", 1)
                    most = next((n for n, until in PATIENCE.items() if seconds <= until), 1)
                    wanted[other] = min(wanted[other], most)
        for other in others:
            peer = models.PEERS[other][0]
            named = {"title": title, "peer": peer, "settings": about, "limits": models.LIMITS}
            found = {"rounds": len(pairs[other]), "answer": same.get(other)}
            yield named | found | compared(title, peer, pairs[other])


def compared(title, peer, pairs):
    """The ratios of two sides; of a peer that was stopped what stopped it, and ours."""
    stopped = pairs[-1][1].get("stopped")
    if not stopped:
        return record(title, peer, pairs) | {"stopped": None}
    console.print(f"{title}, against {peer}: stopped, {stopped}", highlight=False)
    measures = ("cpu_s", "wall_s", "extra_mb")
    ours = {name: float(np.median([one[name] for one, _ in pairs])) for name in measures}
    return dict.fromkeys(("cpu", "wall", "memory", "theirs")) | {"stopped": stopped, "ours": ours}


def clv_growth(largest, folder, chosen):
    """CPU seconds and peak memory with more and more made-up customers."""
    for model, title in models.GROWING_CLV.items():
        if not chosen("clv_growth", title):
            continue
        sizes, runs = [10**power for power in range(4, largest + 1)], []
        settings = {"params": models.PARAMETERS[model]}
        for size in sizes:
            told = {"model": model, "customers": size, "lengths": models.lengths()} | settings
            source = data.save(folder / "customers.npz", **told)
            runs.append(work(sys.executable, "worker_ours.py", "many_customers", source)[0])
            console.print(f"{title}, {size:,}: {runs[-1]}", highlight=False)
        yield {"title": title, "settings": settings, "sizes": sizes, "measured": runs} | {
            "exponent": {
                name: exponent(sizes, [run[name] for run in runs]) for name in ("cpu_s", "extra_mb")
            },
        }


def versions_of(peers):
    """Versions of the peers, by name."""
    code = (
        "import json, sys; from importlib.metadata import version; "
        "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    named = set(PEERS.values()) | {package for _, package in (*MINERS.values(), *models.PEERS.values())}
    names = [*sorted(named - set(OWN)), "numpy", "scipy"]
    said = subprocess.run([peers, "-c", code, *names], capture_output=True, text=True, check=True).stdout
    return json.loads(said)


def machine():
    """What the figures were measured on; nothing that tells whose it is."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    with open("/proc/meminfo", encoding="ascii") as lines:
        memory = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal"))
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": model or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory * 1024 / 1e9),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "python": platform.python_version(),
        "blas": f"{blas['name']} {blas['version']}",
        "threads": 1,
    }


MODELS = ("clv", "sequences", "networks")
"""Parts of `models`."""

LISTS = ("ratios", "baskets", "segments", *MODELS, "growth", "basket_growth", "clv_growth", "support")
"""Parts of the file that hold several records; there is one of "quality"."""

REFERENCE = ("baskets", "support")
"""Those that need the reference data."""


class Results:
    """The file of results: what is measured anew takes the place of what it was, the rest stays."""

    def __init__(self, path, run):
        self.path, self.run = Path(path), run
        self.read()
        self.number = next((n for n, one in self.content["runs"].items() if one == run), None)
        if self.number is None:
            self.number = str(1 + max([0, *map(int, self.content["runs"])]))

    def read(self):
        """What the file holds by now; another part may be measured at the same time."""
        empty = {"format": FORMAT, "runs": {}} | {part: [] for part in LISTS} | {"quality": None}
        self.content = empty
        if self.path.exists():
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found.get("format") == FORMAT:
                self.content = empty | found

    def put(self, part, record):
        """Take over one record, with the load of the machine by then, and write the file."""
        self.read()
        record = {"run": self.number, "load": round(os.getloadavg()[1], 1)} | record
        if part == "quality":
            self.content[part] = record
        else:
            named = [self.name(one) for one in self.content[part]]
            if self.name(record) in named:
                self.content[part][named.index(self.name(record))] = record
            else:
                self.content[part].append(record)
        self.content["runs"][self.number] = self.run
        self.write()

    def keep(self, part, names):
        """Drop the records of a part that are not measured any more, and put the others in this order."""
        self.read()
        order = {name: place for place, name in enumerate(names)}
        kept = [one for one in self.content[part] if self.name(one) in order]
        self.content[part] = sorted(kept, key=lambda one: order[self.name(one)])
        self.write()

    def write(self):
        """Write the file, without the runs of which nothing is left."""
        records = [one for part in LISTS for one in self.content[part]] + [self.content["quality"] or {}]
        used = {record.get("run") for record in records}
        self.content["runs"] = {n: run for n, run in self.content["runs"].items() if n in used}
        text = json.dumps(self.content, indent=1, ensure_ascii=False)
        fresh = self.path.with_suffix(".part")
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(self.path)

    @staticmethod
    def name(record):
        return record["title"], record.get("peer")


def spread(values):
    """Smallest, median and largest."""
    return [float(np.min(values)), float(np.median(values)), float(np.max(values))]


GROWING = {
    "popularity": "best-sellers",
    "item_neighbours": "item-kNN",
    "ease": "EASE^R",
    "implicit_als": "implicit ALS",
    "bpr": "BPR",
    "user_neighbours": "user-kNN",
}


def growth(largest, folder, chosen):
    """CPU seconds and peak memory at growing sizes, and the exponent of a power law through them."""
    settings = {"regularisation": 500.0, "factors": 32, "alpha": 1.0, "iterations": 5, "steps": 3}
    for task, title in GROWING.items():
        if not chosen("growth", title):
            continue
        sizes, runs = [], []
        for power in range(5, largest + 1):
            source = folder / f"growth{power}.npz"
            if not source.exists():
                data.save(source, **positions(10**power), **settings)
            with np.load(source) as arrays:
                sizes.append(len(arrays["user"]))
            runs.append(work(sys.executable, "worker_ours.py", task, source)[0])
            console.print(
                f"growth {title} {sizes[-1]:,}: {runs[-1]['cpu_s']:.2f} s, {runs[-1]['extra_mb']:.0f} MB"
            )
        slope = {name: exponent(sizes, [run[name] for run in runs]) for name in ("cpu_s", "extra_mb")}
        yield {
            "title": title,
            "settings": settings,
            "sizes": sizes,
            "measured": runs,
            "exponent": slope,
        }


def show(records):
    """Print the ratios."""
    table = Table(title="Ours / theirs (below 1 we are cheaper): median (smallest to largest) of the pairs")
    for name in ("what", "peer", "CPU", "wall clock", "extra memory", "gap of the answers"):
        table.add_column(name)
    for record in records:
        cells = ["{1:.2f} ({0:.2f} to {2:.2f})".format(*record[name]) for name in ("cpu", "wall", "memory")]
        gap = "" if record["answer"] is None else f"{record['answer']['gap']:.2g}"
        table.add_row(record["title"], record["peer"], *cells, gap)
    console.print(table)


def show_growth(records):
    """Print the growth."""
    table = Table(title="Growth: CPU seconds (peak extra MB)")
    for name in ("what", *(f"{size:,}" for size in records[0]["sizes"]), "time grows as n^", "memory as n^"):
        table.add_column(name)
    for record in records:
        cells = [f"{run['cpu_s']:.2f} ({run['extra_mb']:.0f})" for run in record["measured"]]
        table.add_row(record["title"], *cells, *(f"{slope:.2f}" for slope in record["exponent"].values()))
    console.print(table)


@click.command(help=__doc__)
@click.option("--peers", default=str(BUILD / "peers" / "bin" / "python"), help="Python that has the peers.")
@click.option("--rounds", default=5, type=click.IntRange(1), help="Pairs of runs behind each ratio.")
@click.option(
    "--largest", default=7, type=click.IntRange(6, 8), help="Power of ten of the largest growth run."
)
@click.option("--only", multiple=True, help="Measure only this part, or what holds these words.")
@click.option("--output", default=str(RESULTS), help="File of the results.")
def main(peers, rounds, largest, only, output):
    """Run everything."""
    if not Path(peers).exists():
        raise click.ClickException(f"{peers} is not there: `make bench` makes the environment of the peers.")

    def chosen(part, title):
        return not only or any(word == part or word in title for word in only)

    run = {
        "date": date.today().isoformat(),
        "versions": {name: version(name) for name in ("bigmkt-helpers", "numpy", "pandas", "scipy", *OWN)},
        "peers": versions_of(peers),
        "machine": machine(),
    }
    results = Results(output, run)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, records, print_them in (
            ("ratios", ratios(peers, rounds, folder, chosen), show),
            ("segments", ratios(peers, rounds, folder, chosen, "segments"), show),
            *((part, modelling(part, peers, rounds, folder, chosen), None) for part in MODELS),
            ("growth", growth(largest, folder, chosen), show_growth),
            ("clv_growth", clv_growth(largest, folder, chosen), show_growth),
            ("basket_growth", basket_growth(largest, folder, chosen), show_growth),
            ("baskets", mining(peers, rounds, folder, chosen), None),
            ("support", falling_support(peers, folder, chosen), None),
        ):
            if part in REFERENCE and not os.environ.get("BIGMKT_REFERENCE_DATA"):
                console.print(f"BIGMKT_REFERENCE_DATA is not set: {part} is not measured.")
                continue
            measured = []
            for record in records:
                results.put(part, record)
                measured.append(record)
            if measured and print_them:
                print_them(measured)
            if not only:
                results.keep(part, [Results.name(record) for record in measured])
    if chosen("quality", "quality on a published protocol"):
        if os.environ.get("BIGMKT_REFERENCE_DATA"):
            from bigmkt_helpers.datasets import load_ml100k

            results.put("quality", quality.measure(load_ml100k().ratings, SEEDS, console.print))
        else:
            console.print("BIGMKT_REFERENCE_DATA is not set: quality is not measured.")


if __name__ == "__main__":
    main()
