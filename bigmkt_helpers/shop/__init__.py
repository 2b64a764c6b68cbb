"""The simulated shop "Lantern", whose truth is known.

Rooms: `world` (laws, calendar, catalogue), `words` (its words), `behaviour` (the simulation), `truth` (the
probabilities of the common question), `channels` (the raw channels and their dirt), `clicks` (the front
page of the app).  The names below are imported when first asked for.
"""

from importlib import import_module

_ROOMS = {
    "CATEGORIES": "world",
    "CUTOFF_WEEKS": "world",
    "OUTCOMES": "world",
    "PERSONAS": "world",
    "STATES": "world",
    "Catalogue": "world",
    "Laws": "world",
    "auctions": "world",
    "catalogue": "world",
    "cutoff": "world",
    "default_laws": "world",
    "week_of": "world",
    "Customers": "behaviour",
    "moments": "behaviour",
    "resimulate": "behaviour",
    "simulate": "behaviour",
    "simulate_block": "behaviour",
    "states_at": "behaviour",
    "ClickLaws": "clicks",
    "ClickLog": "clicks",
    "FrontPage": "clicks",
    "click_features": "clicks",
    "click_probability": "clicks",
    "simulate_clicks": "clicks",
    "softmax_policy": "clicks",
}

__all__ = sorted(_ROOMS)


def __getattr__(name):
    if name in _ROOMS:
        return getattr(import_module(f"bigmkt_helpers.shop.{_ROOMS[name]}"), name)
    raise AttributeError(f"bigmkt_helpers.shop has no {name!r}; it has: {', '.join(__all__)}.")


def __dir__():
    return __all__
