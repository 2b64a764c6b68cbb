"""Who is who: keys in their plain form, and accounts of one person joined across channels."""

import re
from collections import defaultdict

import numpy as np
import pandas as pd

from bigmkt_helpers.cleaning.parsers import plain_text
from bigmkt_helpers.errors import InputError

__all__ = [
    "normalise_card",
    "normalise_email",
    "normalise_name",
    "normalise_phone",
    "pairwise_scores",
    "resolve_identities",
]

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>.]+")


def normalise_email(value) -> str:
    """E-mail address in small letters without blanks; empty if it is none.

    Letter case of the part before "@" may matter by RFC 5321; no known provider makes use of it.

    Examples
    --------
    >>> normalise_email(" Li.Na@X.COM "), normalise_email("none"), normalise_email(None)
    ('li.na@x.com', '', '')
    """
    text = re.sub(r"\s", "", plain_text(value)).lower().removeprefix("mailto:").strip("<>")
    return text if _EMAIL.fullmatch(text) else ""


def normalise_phone(value, country="86", length=11) -> str:
    """Telephone number as bare digits without the country code; empty if it has not `length` digits.

    Examples
    --------
    >>> [normalise_phone(v) for v in ("+86 138 1234 5678", "0086-138-1234-5678", "１３８12345678", "12")]
    ['13812345678', '13812345678', '13812345678', '']
    """
    text = plain_text(value)
    if isinstance(value, float) and value == value and value.is_integer():
        text = str(int(value))  # a number column with gaps: 13812345678.0
    digits = re.sub(r"\D", "", text)
    for prefix in (f"00{country}", country):
        if digits.startswith(prefix) and len(digits) == length + len(prefix):
            digits = digits.removeprefix(prefix)
    return digits if len(digits) == length and len(set(digits)) > 1 else ""


def normalise_card(value) -> str:
    """Number of a loyalty card: capitals and digits only.

    Examples
    --------
    >>> normalise_card(" lc １２34 "), normalise_card("LC-1234")
    ('LC1234', 'LC1234')
    """
    return re.sub(r"[\W_]", "", plain_text(value)).upper()


def normalise_name(value) -> str:
    """Name without blanks, dots and case, full-width letters narrow.

    Examples
    --------
    >>> normalise_name("王 丽"), normalise_name("Anna  M. Bell"), normalise_name(None)
    ('王丽', 'annambell', '')
    """
    return re.sub(r"[\W_]", "", plain_text(value)).casefold()


BORN = (1905, 2024)
"""Years of birth that can guard; any other counts as missing."""

NORMALISE = {"email": normalise_email, "phone": normalise_phone, "loyalty_card": normalise_card}


def resolve_identities(
    accounts, *, keys=("email", "phone", "loyalty_card"), name="name", birth_year=None, most=20
) -> pd.DataFrame:
    """Join the accounts of one person: union-find over shared keys, with guards.

    Two accounts that share a key are joined if the names agree, or one has no name; or if they share two
    keys.  They are never joined if both birth years are known and differ, nor if they share one key and the
    names differ: a family with one e-mail address stays a family.  A key that more than `most` accounts share
    (a placeholder) joins nobody.  The guard on the birth year holds for whole groups, not only for pairs.

    Parameters
    ----------
    accounts : pandas.DataFrame
        One row per account; its index is the account.
    keys : tuple of str
        Columns of strong keys; "email", "phone" and "loyalty_card" are brought into their plain form.
    name, birth_year : str or None
        Columns that guard.
    most : int

    Returns
    -------
    pandas.DataFrame
        Index of `accounts`; `person` (int64, from 0 in the order of the first account), `joined_by` (the keys
        that joined the account to an earlier one), `refused` (a key shared with an account that was not
        joined), both text.

    Raises
    ------
    InputError
        If a column is missing or an account occurs twice.

    References
    ----------
    The guards are a hand-set case of the agreement weights of Fellegi, I. P., & Sunter, A. B. (1969). A
    theory for record linkage. Journal of the American Statistical Association, 64(328), 1183-1210.

    Examples
    --------
    >>> accounts = pd.DataFrame({"email": ["a@x.cn", "A@x.cn ", "a@x.cn"], "phone": ["1", None, "2"],
    ...                          "name": ["王丽", "王 丽", "李强"]}, index=["C1", "C2", "C3"])
    >>> found = resolve_identities(accounts, keys=("email", "phone"))
    >>> found["person"].tolist(), found["refused"].tolist()
    ([0, 0, 1], ['email', 'email', 'email'])
    """
    missing = [c for c in (*keys, name, birth_year) if c is not None and c not in accounts.columns]
    if missing:
        raise InputError(f"The accounts have no column {missing[0]!r}: name the columns with keys=, name=….")
    if not accounts.index.is_unique:
        twice = accounts.index[accounts.index.duplicated()][0]
        raise InputError(f"The account {twice!r} occurs twice: drop the duplicates first.")
    count = len(accounts)
    names = [normalise_name(v) for v in accounts[name]] if name else [""] * count
    years = [None] * count
    if birth_year:
        numbers = pd.to_numeric(accounts[birth_year], errors="coerce")
        years = [int(year) if BORN[0] <= year <= BORN[1] else None for year in numbers.fillna(0)]

    shared = defaultdict(list)  # pair of accounts -> keys they share
    for key in keys:
        groups = defaultdict(list)
        for place, value in enumerate(accounts[key]):
            value = NORMALISE.get(key, plain_text)(value)
            if value:
                groups[value].append(place)
        for places in groups.values():
            if 1 < len(places) <= most:
                for i, a in enumerate(places):
                    for b in places[i + 1 :]:
                        shared[a, b].append(key)

    parent = list(range(count))
    known = [{year} if year else set() for year in years]
    joined = [[] for _ in range(count)]
    refused = [[] for _ in range(count)]

    def root(place):
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    # the strongest evidence first, so that a guard on a group never depends on the order of the rows
    for (a, b), by in sorted(shared.items(), key=lambda item: (-len(item[1]), item[0])):
        same_name = names[a] == names[b] or not (names[a] and names[b])
        one, two = root(a), root(b)
        fine = (same_name or len(by) > 1) and len(known[one] | known[two]) <= 1
        if not fine:
            refused[a] += by
            refused[b] += by
            continue
        joined[max(a, b)] += by
        if one != two:
            keep, drop = min(one, two), max(one, two)
            parent[drop] = keep
            known[keep] |= known[drop]
    roots = [root(place) for place in range(count)]
    persons = pd.factorize(np.array(roots, dtype="int64"))[0] if count else np.array([], dtype="int64")
    texts = [
        pd.array([", ".join(dict.fromkeys(v)) for v in lists], dtype="str") for lists in (joined, refused)
    ]
    return pd.DataFrame(
        {"person": persons.astype("int64"), "joined_by": texts[0], "refused": texts[1]}, index=accounts.index
    )


def pairwise_scores(truth, found) -> dict:
    """Precision and recall over pairs of records put together.

    Parameters
    ----------
    truth, found : sequence
        True person, and person found, of each record.  A record without a found person (missing) is paired
        with nobody.

    Returns
    -------
    dict
        pairs_true, pairs_found, pairs_right (int), precision, recall (float; NaN without a denominator).

    Raises
    ------
    InputError
        If the lengths differ.

    Examples
    --------
    >>> pairwise_scores(["a", "a", "b", "b"], [1, 1, 1, 2])
    {'pairs_true': 2, 'pairs_found': 3, 'pairs_right': 1, 'precision': 0.3333333333333333, 'recall': 0.5}
    """
    if len(truth) != len(found):
        raise InputError(
            f"There are {len(truth)} true and {len(found)} found persons: score the same records."
        )
    truth = pd.factorize(np.asarray(truth, dtype=object))[0]
    found = pd.factorize(np.asarray(found, dtype=object))[0]

    def pairs(*labels):
        table = pd.DataFrame(dict(enumerate(labels)))
        sizes = table[(table >= 0).all(axis=1)].groupby(list(table.columns)).size().to_numpy(dtype="int64")
        return int((sizes * (sizes - 1) // 2).sum())

    true, put, right = pairs(truth), pairs(found), pairs(truth, found)
    return {
        "pairs_true": true,
        "pairs_found": put,
        "pairs_right": right,
        "precision": right / put if put else float("nan"),
        "recall": right / true if true else float("nan"),
    }
