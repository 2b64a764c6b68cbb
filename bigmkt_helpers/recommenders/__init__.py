"""Recommenders that share one contract: ``fit(interactions)`` and ``recommend(users, n)``."""

from bigmkt_helpers._rooms import open_on_demand

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

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
