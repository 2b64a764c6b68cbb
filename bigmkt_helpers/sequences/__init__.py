"""Sequences: what comes next, and the hidden state behind it.

The rooms: `chains` (Markov chains), `hidden` (forward, backward, Viterbi and Baum-Welch for one sequence, to
be read), `panels` (hidden Markov models of many short sequences at once), `online` (a running session, step
by step), `events` (tables of events made into sequences and panels), `engagement` (the shop's weeks, and what
of their hidden states can be known), `visits` (a small world of carts and reminders).
"""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "chains": [
        "Absorption",
        "MarkovChain",
        "absorption",
        "chain_log_probability",
        "communicating_classes",
        "entropy_rate",
        "expected_steps",
        "hitting_probabilities",
        "order_bits",
        "period",
        "stationary_laws",
    ],
    "hidden": [
        "HiddenMarkov",
        "backward",
        "baum_welch",
        "fit_long",
        "forward",
        "log_probability",
        "posterior",
        "viterbi",
    ],
    "online": ["SessionFilter"],
    "events": ["clickstreams", "event_panel", "monthly_counts", "next_category_scores"],
    "engagement": [
        "EngagementForecast",
        "best_state_posterior",
        "engagement_panel",
        "state_accuracy",
        "true_state_paths",
    ],
    "visits": ["VisitLaws", "Visits", "click_aucs", "reminder_value", "simulate_visits"],
    "panels": ["NotConvergedError", "PanelHMM", "state_count_table"],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
