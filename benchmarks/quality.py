"""Ranking quality on a published protocol: SAR reproduced digit by digit, then ours beside the table.

The protocol is that of Microsoft Recommenders' benchmark on MovieLens 100K; `tune_topn` states it and chooses
the settings.  Needs the reference data (environment variable BIGMKT_REFERENCE_DATA).
"""

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks import tune_topn
from bigmkt_helpers.evaluation import bootstrap_interval, paired_bootstrap, ranking_metrics, stratified_split

__all__ = ["PROTOCOL", "PUBLISHED", "SAR", "measure", "sar_lists"]

PROTOCOL = {
    "data": "MovieLens 100K",
    "list_length": 10,
    "test_share": 0.25,
    "published_seed": 42,
    "validation_share": 0.1,
    "validation_slices": 2,
    "most_settings": 8,
    "interval_level": 0.95,
    "resamples": 2000,
}
"""What the figures rest on; the page of the book names it beside them."""

PUBLISHED = {
    "source": "https://github.com/recommenders-team/recommenders/blob/main/examples/06_benchmarks/movielens.ipynb",
    "ndcg": {"BiVAE": 0.4687, "BPR": 0.4450, "LightGCN": 0.4164, "SAR": 0.3938, "NCF": 0.3686},
    "earlier_edition": {"BiVAE": 0.4751},
}
"""nDCG@10 of the published table; one split, no intervals, settings not tuned on it.  An earlier edition had
another figure for one model."""

SAR = {"ndcg@10": 0.393819, "precision@10": 0.340615, "recall@10": 0.185377}
"""The published row of the Simple Algorithm for Recommendation, to the digits that are printed."""


def sar_lists(train, length=10, half_life=30.0):
    """Lists of the Simple Algorithm for Recommendation: decayed ratings times Jaccard similarity of items.

    Parameters
    ----------
    train : pandas.DataFrame
        Columns user, item, rating and timestamp (seconds, or moments).
    length : int
        Items in a list.
    half_life : float
        Days after which a rating counts half.

    Returns
    -------
    pandas.DataFrame
        Columns user, item and rank.
    """
    users, items = pd.Index(train["user"].unique()), pd.Index(train["item"].unique())
    places = users.get_indexer(train["user"]), items.get_indexer(train["item"])
    shape = len(users), len(items)
    age = train["timestamp"].max() - train["timestamp"]
    days = age / (pd.Timedelta(days=1) if pd.api.types.is_timedelta64_dtype(age) else 86_400)
    affinity = sparse.csr_array((train["rating"] * 0.5 ** (days / half_life), places), shape=shape)
    seen = sparse.csr_array((np.ones(len(train)), places), shape=shape)
    together = (seen.T @ seen).toarray()
    count = together.diagonal()
    scores = affinity @ (together / (count[:, None] + count[None, :] - together))
    scores[places] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :length]
    return pd.DataFrame(
        {
            "user": np.repeat(users, length),
            "item": items[best.ravel()],
            "rank": np.tile(np.arange(1, length + 1), len(users)),
        }
    )


def reproduce_sar(ratings):
    """SAR on the published split: the three means, and nDCG of every user."""
    train, test = stratified_split(
        ratings, by="item", test_share=PROTOCOL["test_share"], random_state=PROTOCOL["published_seed"]
    )
    lists = sar_lists(train, PROTOCOL["list_length"])
    values = ranking_metrics(lists, test, k=PROTOCOL["list_length"], metrics=["ndcg", "precision", "recall"])
    return values.mean().to_dict(), values["ndcg@10"]


def measure(ratings, seeds, say=print, **options):
    """The record of the page: SAR, every model on every split, and its difference to SAR.

    Parameters
    ----------
    ratings : pandas.DataFrame
    seeds : sequence of int
        Of the splits; the published one must be among them.
    say : callable
        Told of every figure.
    **options
        Passed on to `tune_topn.run`.
    """
    means, sar = reproduce_sar(ratings)
    found = {}
    for seed in seeds:
        for name, (model, values) in tune_topn.run(ratings, seed, **options).items():
            mean, low, high, *_ = bootstrap_interval(values)
            settings = {"weights": list(model.weights)} if name == "blend" else model.get_params()
            record = {"seed": seed, "ndcg": mean, "low": low, "high": high, "settings": settings}
            one = found.setdefault(name, {"model": name, "splits": []})
            one["splits"].append(record)
            if seed == PROTOCOL["published_seed"]:
                difference, low, high, *_ = paired_bootstrap(values, sar)
                one["against_sar"] = {"difference": difference, "low": low, "high": high}
            say(f"seed {seed}: {name} {record['ndcg']:.4f} [{record['low']:.4f}, {record['high']:.4f}]")
    for one in found.values():
        values = [split["ndcg"] for split in one["splits"]]
        one |= {"mean": float(np.mean(values)), "smallest": min(values), "largest": max(values)}
    interval = bootstrap_interval(sar)
    return {
        "title": "quality on a published protocol",
        "protocol": PROTOCOL | {"seeds": list(seeds), "users": len(sar)},
        "published": PUBLISHED,
        "sar": {
            "published": SAR,
            "ours": means,
            "decimals": 6,
            "low": interval.low,
            "high": interval.high,
        },
        "models": list(found.values()),
    }
