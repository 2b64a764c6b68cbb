"""Ranking on MovieLens 100K by the protocol of Microsoft Recommenders, every model tuned with equal care.

    python -m benchmarks.tune_topn [--seeds 42 0 1 2 3]

The protocol: of every item's ratings 25% are hidden (`evaluation.stratified_split`); every rating counts as
relevant; what a user has is not recommended; lists of 10; nDCG as the mean over users.  The settings of each
model are chosen on slices cut from the *training* part in the same way, from the same number of settings for
each, and the chosen model is then fitted on the whole training part.  The test part is looked at once.
"""

import argparse
import itertools

import numpy as np
import pandas as pd

from bigmkt_helpers import recommenders as rec
from bigmkt_helpers.evaluation import bootstrap_interval, ranking_metrics, stratified_split

__all__ = ["BLENDED", "GRIDS", "choose", "choose_blend", "ndcg", "validation_parts"]


def _settings(kind, fixed=None, **values):
    return [
        kind(**(fixed or {}), **dict(zip(values, chosen))) for chosen in itertools.product(*values.values())
    ]


#: Eight settings for each model that has any.
GRIDS = {
    "popularity": [rec.Popularity()],
    "item-kNN": _settings(rec.ImplicitItemKNN, k=[50, 100, 200, 400], weighting=[None, "bm25"]),
    "user-kNN": _settings(rec.ImplicitUserKNN, k=[50, 100, 200, 400], weighting=[None, "tf_idf"]),
    "PureSVD": _settings(rec.PureSVD, factors=[8, 12, 16, 20, 24, 32, 48, 64]),
    "BPR": _settings(rec.BPR, factors=[64, 128], regularisation=[0.007, 0.01, 0.014, 0.02]),
    "implicit ALS": _settings(rec.ImplicitALS, alpha=[5.0, 10.0], regularisation=[0.02, 0.03, 0.04, 0.05]),
    "EASE": _settings(rec.EASE, regularisation=[100, 150, 200, 300, 400, 500, 700, 1000]),
    "EASE, scaled penalty": _settings(
        rec.EASE, popularity_scaling=[0.25, 0.5], regularisation=[150, 200, 300, 400]
    ),
    "EASE, users": _settings(
        rec.EASE, {"side": "user"}, popularity_scaling=[0.0, 0.5], regularisation=[200, 300, 400, 600]
    ),
}

#: The models that are blended; their weights are multiples of a quarter that add up to 1.
BLENDED = ("EASE, scaled penalty", "EASE, users", "implicit ALS", "BPR")


def validation_parts(train, random_state, n_slices=2):
    """Pairs of the ratings to fit on and the slice to choose on, cut from the training part.

    A slice is a tenth, so that the settings suit nearly as many ratings as the chosen model will learn from;
    two slices, because one is noisy.  The seeds differ from that of the test split.
    """
    seeds = range(random_state + 1000, random_state + 1000 + n_slices)
    parts = (stratified_split(train, by="item", test_share=0.1, random_state=seed) for seed in seeds)
    return [(rec.Interactions.from_frame(fitting, rating=None), slice_) for fitting, slice_ in parts]


def ndcg(model, interactions, relevant) -> pd.Series:
    """nDCG@10 of every user who has something relevant."""
    users = pd.Index(relevant["user"].unique()).sort_values()
    lists = model.recommend(users, n=10)
    return ranking_metrics(lists, relevant, k=10, metrics=["ndcg"])["ndcg@10"]


def choose(settings, parts):
    """The setting with the best nDCG@10 on the slices, and the means of all."""
    means = [
        np.mean([ndcg(model.fit(fitting), fitting, slice_).mean() for fitting, slice_ in parts])
        for model in settings
    ]
    return settings[int(np.argmax(means))], means


def choose_blend(models, parts, steps=4):
    """Weights in multiples of 1/steps with the best nDCG@10 of the blend on the slices."""
    cuts = [cut for cut in itertools.product(range(steps + 1), repeat=len(models)) if sum(cut) == steps]
    cuts = [[part / steps for part in cut] for cut in cuts]
    means = np.zeros(len(cuts))
    for fitting, slice_ in parts:
        blend = rec.Blend(models).fit(fitting)
        means += [ndcg(blend.reweigh(cut), fitting, slice_).mean() for cut in cuts]
    return cuts[int(np.argmax(means))]


def run(ratings, seed, names=tuple(GRIDS), blended=BLENDED, grids=GRIDS, n_slices=2):
    """Choose on the slices, fit on the training part, judge on the test part.

    Parameters
    ----------
    ratings : pandas.DataFrame
        Columns user and item, in the order of the published file.
    seed : int
        Of the split; 42 is that of the published table.
    names, blended : sequence of str
        Which models of `grids`, and which of them are also blended.
    grids : dict
        Name of a model and its settings.
    n_slices : int
        See `validation_parts`.

    Returns
    -------
    dict
        Name of the model: a pair of the chosen model and the nDCG@10 of every user.
    """
    train, test = stratified_split(ratings, by="item", test_share=0.25, random_state=seed)
    parts = validation_parts(train, seed, n_slices)
    whole = rec.Interactions.from_frame(train, rating=None)
    chosen = {name: choose(grids[name], parts)[0] for name in names}
    if blended:
        models = [chosen[name] for name in blended]
        chosen["blend"] = rec.Blend(models, choose_blend(models, parts))
    return {name: (model, ndcg(model.fit(whole), whole, test)) for name, model in chosen.items()}


def main():
    from bigmkt_helpers.datasets import load_ml100k

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 0, 1, 2, 3])
    arguments = parser.parse_args()
    ratings = load_ml100k().ratings
    found = {}
    for seed in arguments.seeds:
        print(f"\nsplit with seed {seed}")
        for name, (model, values) in run(ratings, seed).items():
            mean, low, high, *_ = bootstrap_interval(values)
            found.setdefault(name, []).append(mean)
            settings = model.weights if name == "blend" else model.get_params()
            print(f"  {name:22s} {mean:.4f} [{low:.4f}, {high:.4f}]  {settings}", flush=True)
    print(f"\nnDCG@10 over {len(arguments.seeds)} splits: mean, smallest, largest")
    for name, means in found.items():
        print(f"  {name:22s} {np.mean(means):.4f}  {min(means):.4f}  {max(means):.4f}")


if __name__ == "__main__":
    main()
