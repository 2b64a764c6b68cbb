"""Bayesian networks: graphs, answers by elimination, learning from tables, causes and counterfactuals.

The rooms: `graph` (directed acyclic graphs, d-separation, equivalence, distance; the network with its
tables), `inference` (factors and variable elimination), `learning` (levels, tables with priors, scores,
structure), `causes` (do(), back-door adjustment, counterfactuals), `files` (networks from BIF files, and to
pgmpy and back) and `lantern` (the simulated shop as a discrete network, a confounded campaign, the common
question).
"""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "graph": [
        "Graph",
        "Network",
        "PartialGraph",
        "acyclic_orientations",
        "d_separated",
        "essential_graph",
        "explain_paths",
        "find_cycle",
        "markov_equivalent",
        "structural_errors",
        "structural_hamming",
        "v_structures",
    ],
    "inference": [
        "Factor",
        "edge_bits",
        "elimination_order",
        "elimination_steps",
        "enumerate_posterior",
        "evidence_probability",
        "posterior",
        "predict",
    ],
    "learning": [
        "Discretiser",
        "LearnedStructure",
        "check_promises",
        "constraint_search",
        "edge_confidence",
        "fit_tables",
        "hill_climb",
        "independence_test",
        "score_structure",
        "tree_augmented",
        "with_knowledge",
    ],
    "causes": [
        "WOULD",
        "AdjustedEffect",
        "adjusted_effect",
        "adjustment_sets",
        "backdoor_check",
        "backdoor_paths",
        "counterfactual",
        "do",
        "interventional",
        "necessity_and_sufficiency",
        "structural_model",
        "twin_network",
    ],
    "lantern": [
        "CAMPAIGN_WEEK",
        "LANTERN_EDGES",
        "LANTERN_TIERS",
        "ConfoundedCampaign",
        "forecast_features",
        "lantern_network",
        "lantern_table",
        "naive_graph",
        "network_forecast",
    ],
    "files": ["EXAMPLES", "from_pgmpy", "load_example", "posterior_by_pgmpy", "read_bif", "to_pgmpy"],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
