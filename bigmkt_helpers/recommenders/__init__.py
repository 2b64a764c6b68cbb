"""Recommenders that share one contract: ``fit(interactions)`` and ``recommend(users, n)``."""
