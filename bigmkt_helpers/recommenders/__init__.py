"""Recommenders that share one contract: ``fit(interactions)`` and ``recommend(users, n)``."""

import importlib

_ROOMS = {
    "base": ["Interactions", "RatingPredictor", "Recommender"],
    "popularity": ["Biases", "Popularity", "RandomRecommender"],
    "neighbours": ["ImplicitItemKNN", "ImplicitUserKNN", "ItemKNN", "UserKNN"],
    "factorisation": ["ExplicitALS", "PureSVD"],
    "implicit_factorisation": ["BPR", "ImplicitALS"],
    "linear": ["EASE"],
    "blend": ["Blend"],
    "bandits": [
        "UCB",
        "BernoulliArms",
        "EpsilonGreedy",
        "FixedArm",
        "LinUCB",
        "ThompsonSampling",
        "lai_robbins_bound",
        "probability_best",
        "regret_curve",
        "simulate_bandit",
    ],
    "hybrid": [
        "MappedFactors",
        "StackedHybrid",
        "SwitchingHybrid",
        "WeightedHybrid",
        "rank_scores",
        "recommend_among",
        "withhold",
    ],
    "content": ["ContentFeatures", "ContentRecommender"],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_ROOM_OF)


def __getattr__(name):
    # a room is opened when somebody asks for what is in it
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)


def __dir__():
    return sorted(set(globals()) | set(__all__))
