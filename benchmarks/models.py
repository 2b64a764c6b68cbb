"""Customer value, sequences and networks beside other libraries: data, cases, what counts as agreement."""

from functools import cache

import numpy as np

from benchmarks.data import purchases_of_many

__all__ = ["CLV", "GROWING_CLV", "LIMITS", "cases", "difference"]

LIMITS = {"memory_gb": 8, "cpu_s": 150}
"""What a peer may take before it is stopped."""

CLV = {
    "BGNBD": ("BG/NBD", ("lifetimes", "lifetimes_weights", "pymc")),
    "ParetoNBD": ("Pareto/NBD", ("lifetimes", "lifetimes_weights", "pymc")),
    "GammaGamma": ("Gamma-Gamma", ("lifetimes",)),
}
"""Name of a model, and who else fits it."""

PEERS = {
    "lifetimes": ("lifetimes", "lifetimes"),
    "lifetimes_weights": ("lifetimes, equal rows taken together", "lifetimes"),
    "pymc": ("pymc-marketing MAP", "pymc-marketing"),
    "hmmlearn_fit": ("hmmlearn", "hmmlearn"),
    "hmmlearn_decode": ("hmmlearn", "hmmlearn"),
    "pgmpy_posteriors": ("pgmpy", "pgmpy"),
}
"""Task of a peer, its name in the results, and its package."""

ROUNDS = {"pymc": 1}
"""Pairs of runs at most, of those who take longer to load than all the others to fit."""

PARAMETERS = {
    "BGNBD": [0.2516, 4.7889, 0.7234, 2.1611],
    "ParetoNBD": [0.5974, 11.5857, 0.5222, 8.8277],
}
"""Of the made-up customers: what the whole of CDNOW gives (in weeks)."""

GROWING_CLV = {"BGNBD": "BG/NBD", "ParetoNBD": "Pareto/NBD"}
MANY = 1_000_000
STEPS, STATES = 10, 4
STEPS_OF_MANY = 3
"""Of a fit of the whole of CDNOW, where ten steps of hmmlearn take minutes."""

EVIDENCE = {"HISTORY": "TRUE", "CVP": "LOW", "HRBP": "HIGH", "EXPCO2": "LOW"}


@cache
def _cdnow(sample):
    from bigmkt_helpers.clv import customer_summary
    from bigmkt_helpers.datasets import load_cdnow

    table = customer_summary(load_cdnow(sample=sample), "1997-09-30", unit="week")
    return {name: table[name].to_numpy(float) for name in ("frequency", "recency", "T", "monetary")}


def lengths():
    """Times since the first purchase, in weeks, from which those of made-up customers are drawn."""
    return _cdnow(False)["T"]


def _clv(part, model, times):
    """Columns of a table of customers: of CDNOW, or made up."""

    def made():
        if part != MANY:
            return _cdnow(part) | {"model": model, "times": times}
        return purchases_of_many(MANY, model, PARAMETERS[model], lengths()) | {
            "model": model,
            "times": times,
        }

    return made


def _months(sample, task, steps):
    def made():
        from bigmkt_helpers import sequences
        from bigmkt_helpers.datasets import load_cdnow

        table = sequences.monthly_counts(load_cdnow(sample=sample), align="calendar")
        months = table.to_numpy(float)
        shell = sequences.PanelHMM(STATES, n_init=1, max_iter=STEPS, tol=0, on_no_convergence="ignore")
        # where the first start of the fit begins: theirs begins there, too
        start = shell._begin(shell._read(months), ["poisson"], 0, np.random.default_rng(0))
        if task == "decode":
            shell.fit(months)
            start = shell.initial_, shell.transition_, shell.emission_
        lengths = (~np.isnan(months)).sum(axis=1)
        return {"months": months, "lengths": lengths, "steps": steps} | dict(
            zip(("initial", "transition", "rates"), (start[0], start[1], start[2][0]), strict=True)
        )

    return made


def cases(part):
    """Title, our task, those of the peers, what makes the arrays, and the settings to be told."""
    if part == "clv":
        for sample, size, times in ((True, 2357, 5), (False, 23_570, 2), (MANY, MANY, 1)):
            for model, (name, peers) in CLV.items():
                if sample == MANY and model not in PARAMETERS:
                    continue
                told = {"model": name, "customers": size, "fits": times}
                where = "CDNOW" if sample != MANY else "made-up"
                title = f"{name}, {size:,} customers"
                yield title, "clv", peers, _clv(sample, model, times), told | {"data": where}
    elif part == "sequences":
        for sample, size in ((True, 2357), (False, 23_570)):
            for task in ("fit", "decode"):
                steps = STEPS if sample or task == "decode" else STEPS_OF_MANY
                told = {"customers": size, "states": STATES, "steps": steps, "task": task}
                title = f"{task}, {size:,} customers"
                yield title, f"panel_{task}", (f"hmmlearn_{task}",), _months(sample, task, steps), told
    elif part == "networks":
        evidence = {"nodes": np.array(list(EVIDENCE)), "levels": np.array(list(EVIDENCE.values()))}
        for title, given in (("nothing given", 0), ("four things known", len(EVIDENCE))):
            arrays = {name: values[:given] for name, values in evidence.items()}
            told = {"network": "alarm", "evidence": EVIDENCE if given else {}, "times": 5}
            yield (
                f"alarm, {title}",
                "posteriors",
                ("pgmpy_posteriors",),
                lambda arrays=arrays: arrays | {"times": 5},
                told,
            )


def log_likelihood(arrays, params):
    """That of a table of customers under given parameters: by our formulas, whoever found them."""
    import pandas as pd

    from bigmkt_helpers import clv
    from bigmkt_helpers.clv.spending import _loss

    model = str(arrays["model"])
    if model == "GammaGamma":
        kept = (arrays["frequency"] > 0) & (arrays["monetary"] > 0)
        x, m = arrays["frequency"][kept], arrays["monetary"][kept]
        return -float(_loss(x, m, np.ones(len(x)))(np.log(params))[0]) * len(x)
    fitted = getattr(clv, model)()
    fitted.params_, fitted.unit_ = pd.Series(params), None
    table = pd.DataFrame({name: arrays[name] for name in ("frequency", "recency", "T")})
    return float(fitted.log_likelihood(table).sum())


def difference(part, ours, theirs, arrays):
    """How far the two answers are apart, and how far they may be."""
    if part == "clv":
        pair = [log_likelihood(arrays, one["params"]) for one in (ours, theirs)]
        what, allowed = "log-likelihood", 1e-6
    elif part == "sequences":
        pair = [float(one["value"]) for one in (ours, theirs)]
        what, allowed = "log-likelihood", 1e-8
        if "path" in ours:
            what = "log-probability of the best paths"
    else:
        gap = max(float(np.abs(ours[node] - theirs[node]).max()) for node in ours)
        if set(ours) != set(theirs):
            gap = np.inf
        return {"measure": "largest gap of a probability", "gap": gap, "allowed": 1e-8}
    gap = abs(pair[0] / pair[1] - 1)
    return {"measure": what, "gap": gap, "allowed": allowed, "ours": pair[0], "theirs": pair[1]}
