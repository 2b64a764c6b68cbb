"""The simulated shop "Lantern", whose truth is known.

Rooms: `world` (laws, calendar, catalogue), `words` (its words), `behaviour` (the simulation), `truth` (the
probabilities of the common question), `channels` (the raw channels and their dirt), `clicks` (the front
page of the app).  The names below are imported when first asked for.
"""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "world": [
        "CATEGORIES",
        "CUTOFF_WEEKS",
        "OUTCOMES",
        "PERSONAS",
        "STATES",
        "Catalogue",
        "Laws",
        "auctions",
        "catalogue",
        "cutoff",
        "default_laws",
        "week_of",
    ],
    "behaviour": ["Customers", "moments", "resimulate", "simulate", "simulate_block", "states_at"],
    "clicks": [
        "ClickLaws",
        "ClickLog",
        "FrontPage",
        "click_features",
        "click_probability",
        "simulate_clicks",
        "softmax_policy",
    ],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
