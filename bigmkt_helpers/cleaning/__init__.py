"""Cleaning: from files as they are to tables as they should be, without losing a row.

`readers` bring in delimited text, fixed-width text, JSON Lines and SQLite; `parsers` read numbers, money and
dates by the evidence of their column; `duplicates` finds rows that are no events of their own; `identity`
joins the accounts of one person; `imputers` fill gaps and fence outliers inside a scikit-learn pipeline;
`ledger` writes down what became of every row; `lantern` cleans the five raw channels of the course's shop
with all of these.
"""

from bigmkt_helpers._rooms import open_on_demand

_ROOMS = {
    "ledger": ["CleaningLedger", "score_findings"],
    "readers": [
        *(
            "RawTable",
            "guess_encoding",
            "guess_separator",
            "mend_mojibake",
            "read_delimited",
            "read_fixed_width",
        ),
        *("read_json_lines", "read_sqlite"),
    ],
    "parsers": ["parse_dates", "parse_money", "parse_numbers", "parse_quantities", "plain_text"],
    "duplicates": [
        *("convert_currency", "flag_bots", "flag_exact_duplicates", "flag_near_duplicate_orders"),
        *("flag_near_duplicates", "flag_test_accounts", "one_currency", "part_returns"),
    ],
    "identity": [
        *("normalise_card", "normalise_email", "normalise_name", "normalise_phone", "pairwise_scores"),
        "resolve_identities",
    ],
    "imputers": ["GroupImputer", "OutlierClipper", "largest_possible_z", "outlier_bounds", "outlier_flags"],
    "lantern": ["CleanShop", "clean_shop", "identity_scores", "score_repairs"],
}

__all__, __getattr__, __dir__ = open_on_demand(__name__, _ROOMS)
