"""Where libraries differ: one name, several formulas.

What each library computes was read in its code (named in :func:`metric_definitions`) and is computed here by
our own formulas. Three choices make the differences: what the hits are divided by, which users are in the
mean, and what becomes of a list that is shorter than k.
"""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.evaluation._checks import _plain
from bigmkt_helpers.evaluation.classification import average_precision
from bigmkt_helpers.evaluation.ranking import METRICS, judge

_OURS = "this course"
_SKLEARN = "scikit-learn"
_MICROSOFT = "Microsoft Recommenders"
_IMPLICIT = "implicit"
_RECBOLE = "RecBole"

_SOURCES = {
    _OURS: "bigmkt_helpers.evaluation.ranking",
    _SKLEARN: "sklearn.metrics, called in the tests",
    _MICROSOFT: "recommenders/evaluation/python_evaluation.py, read; figures of its unit tests",
    _IMPLICIT: "implicit/evaluation.pyx, read; implicit 0.7.3 run",
    _RECBOLE: "recbole/evaluator/metrics.py, read; figures of its unit tests",
}

_DEFINITIONS = {
    "precision": {
        _OURS: "hits / k, mean over users with a relevant item",
        _SKLEARN: "precision_score(average='samples') of the first k: hits / items in the list, 0 if it"
        " is empty",
        _MICROSOFT: "precision_at_k: hits / k, mean over users with a relevant item and a list",
        _IMPLICIT: "precision: hits of all users / sum of min(k, relevant) of all users",
        _RECBOLE: "Precision: hits / k, mean over users with a relevant item; lists always have k items",
    },
    "recall": {
        _OURS: "hits / relevant, mean over users with a relevant item",
        _SKLEARN: "recall_score(average='samples') of the first k: hits / relevant",
        _MICROSOFT: "recall_at_k: hits / relevant, mean over users with a relevant item and a list",
        _IMPLICIT: "none; its precision has recall's divisor when relevant ≤ k",
        _RECBOLE: "Recall: hits / relevant, mean over users with a relevant item",
    },
    "average_precision": {
        _OURS: "sum of precision@rank of the hits / min(k, relevant)",
        _SKLEARN: "average_precision_score(average='samples'): no cut; divided by relevant; items outside the"
        " list tie for last place and the relevant ones among them add relevant/items each",
        _MICROSOFT: "map_at_k: divided by min(k, relevant); mean over users with a list"
        "; its map: by relevant",
        _IMPLICIT: "map: divided by min(k, relevant)",
        _RECBOLE: "MAP: divided by min(k, relevant); its documentation says min(length of the list, k)",
    },
    "ndcg": {
        _OURS: "DCG / DCG of min(k, relevant) hits first, gain 1, discount log2(rank + 1)",
        _SKLEARN: "ndcg_score(k=k): as ours for full lists; places that a short list leaves empty get the"
        " mean gain of the items that tie for them",
        _MICROSOFT: "ndcg_at_k: as ours, mean over all users with a relevant item, unlike its other metrics",
        _IMPLICIT: "ndcg: as ours",
        _RECBOLE: "NDCG: as ours",
    },
    "reciprocal_rank": {
        _OURS: "1 / rank of the first hit if it is at most k, else 0",
        _SKLEARN: "none; label_ranking_average_precision_score equals it, uncut, with one relevant item each",
        _MICROSOFT: "none",
        _IMPLICIT: "none",
        _RECBOLE: "MRR: 1 / rank of the first hit if it is at most k, else 0",
    },
}


def metric_definitions() -> pd.DataFrame:
    """What precision, recall, MAP, nDCG and MRR at k mean in five places, in words, with the source.

    Returns
    -------
    pandas.DataFrame
        Columns ``metric``, ``library``, ``definition``, ``source``; a row per metric and library, in the
        order of :func:`compare_definitions`.

    Examples
    --------
    >>> table = metric_definitions()
    >>> table.loc[(table["metric"] == "precision") & (table["library"] == "implicit"), "definition"].item()
    'precision: hits of all users / sum of min(k, relevant) of all users'
    """
    return pd.DataFrame(
        [
            {"metric": metric, "library": library, "definition": text, "source": _SOURCES[library]}
            for metric, texts in _DEFINITIONS.items()
            for library, text in texts.items()
        ]
    )


def compare_definitions(
    recommended: pd.DataFrame, relevant: pd.DataFrame, k: int = 10, catalogue=None
) -> pd.DataFrame:
    """The same lists, judged by five definitions of the same five names.

    Parameters
    ----------
    recommended, relevant, k
        As in :func:`ranking_metrics`.
    catalogue : iterable, optional
        All items; scikit-learn's average precision and nDCG depend on how many there are. By default those
        that are recommended or relevant.

    Returns
    -------
    pandas.DataFrame
        Index: the metrics, as in :data:`METRICS`; columns: this course, scikit-learn, Microsoft Recommenders,
        implicit, RecBole. nan where a library has no such metric.

    Raises
    ------
    InputError
        As :func:`ranking_metrics`; also an item outside the catalogue.

    Examples
    --------
    >>> lists = pd.DataFrame({"user": ["a", "a", "b"], "item": [1, 2, 1], "rank": [1, 2, 1]})
    >>> chosen = pd.DataFrame({"user": ["a", "b", "c"], "item": [2, 1, 3]})
    >>> compare_definitions(lists, chosen, k=2).loc["precision"].round(3).tolist()
    [0.333, 0.5, 0.5, 0.667, 0.333]
    """
    judged = judge(recommended, relevant, k=k)
    ours = {name: metric(judged) for name, metric in METRICS.items()}
    hits = (judged.gains > 0).sum(axis=1)

    user, item = _plain(recommended["user"]), _plain(recommended["item"])
    owner = judged.users.get_indexer(user)
    cut = (owner >= 0) & (recommended["rank"] <= k).to_numpy()
    length = np.bincount(owner[cut], minlength=len(judged.users))
    with_list = length > 0

    if catalogue is None:
        items = pd.Index(pd.concat([item, _plain(relevant["item"])]).unique())
    else:
        items = pd.Index(list(catalogue)).unique()
    position = items.get_indexer(item)
    chosen = items.get_indexer(_plain(relevant["item"]))
    if (position[cut] < 0).any() or (chosen < 0).any():
        raise InputError("The catalogue lacks an item that is recommended or relevant: pass the whole one.")
    truth = np.zeros((len(judged.users), len(items)))
    truth[judged.users.get_indexer(_plain(relevant["user"])), chosen] = 1.0
    scores = np.zeros_like(truth)
    scores[owner[cut], position[cut]] = k + 1 - recommended["rank"].to_numpy()[cut]

    with np.errstate(invalid="ignore", divide="ignore"):
        sklearn_precision = np.where(with_list, hits / length, 0.0)
    columns = {
        _OURS: {name: values.mean() for name, values in ours.items()},
        _SKLEARN: {
            "precision": sklearn_precision.mean(),
            "recall": ours["recall"].mean(),
            "average_precision": np.mean(
                [1.0 if row.all() else average_precision(row, score) for row, score in zip(truth, scores)]
            ),
            "ndcg": _tie_averaged_ndcg(judged, length, len(items), k).mean(),
        },
        _MICROSOFT: {
            **{name: ours[name][with_list].mean() if with_list.any() else 0.0 for name in list(ours)[:3]},
            "ndcg": ours["ndcg"].mean(),
        },
        _IMPLICIT: {
            "precision": hits.sum() / np.minimum(k, judged.n_relevant).sum(),
            "average_precision": ours["average_precision"].mean(),
            "ndcg": ours["ndcg"].mean(),
        },
        _RECBOLE: {name: values.mean() for name, values in ours.items()},
    }
    return pd.DataFrame(columns, index=pd.Index(list(METRICS), name="metric"), dtype=float)


def _tie_averaged_ndcg(judged, length, n_items, k) -> np.ndarray:
    """nDCG in which the items outside a list tie for the places behind it, each gaining their mean."""
    discount = 1 / np.log2(np.arange(2, k + 2))
    discount[n_items:] = 0.0
    hits = (judged.gains > 0).sum(axis=1)
    others = n_items - length
    mean_gain = np.where(others > 0, (judged.n_relevant - hits) / np.maximum(others, 1), 0.0)
    behind = np.array([discount[size:].sum() for size in length])
    inside = judged.gains @ discount[: judged.gains.shape[1]]
    best = np.cumsum(discount)[np.minimum(judged.n_relevant, k) - 1]
    return (inside + mean_gain * behind) / best
