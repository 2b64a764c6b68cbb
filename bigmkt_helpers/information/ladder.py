"""What each kind of data is worth: forecasts from nothing, demographics, one purchase and the full history.

The information sets are nested as in Rossi, McCulloch & Allenby, Marketing Science 15(4), 1996, pages
321-340, whose sets are made for a brand choice; these are made for the common question, with one kind of
model for all, so that only the data differ. :meth:`CommonQuestion.value_ladder` turns the forecasts into
money.
"""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import _checks
from bigmkt_helpers.information.question import CommonQuestion, timing_features

DEMOGRAPHICS = ("age_band", "city_tier", "gender")
"""Columns of the customers table that say who somebody is, not what they did."""


def information_sets(
    question: CommonQuestion, t=None, demographics=DEMOGRAPHICS, penalty: float = 10.0
) -> dict[str, pd.DataFrame]:
    """Forecasts of the common question from four nested sets of data.

    "nothing" is the base rate. "demographics" adds who the customers are; "one purchase" the category of
    their last order and how long ago it was; "full history" all orders: counts by category, how often, since
    when. Each is a multinomial logistic regression (scikit-learn's) on standardised features, fitted on
    earlier cutoffs.

    Parameters
    ----------
    question : CommonQuestion
        With a table ``customers`` among its tables.
    t : label
        By default the test.
    demographics : sequence of str
        Columns of ``customers``; their values are taken as labels.
    penalty : float
        Of the squared weights (1 / C in scikit-learn), above 0.

    Returns
    -------
    dict of str to pandas.DataFrame
        From little knowledge to much; customers by outcomes.

    Raises
    ------
    InputError
        No table ``customers``, a missing column, a penalty of 0 or less.
    """
    if not _checks.not_negative(penalty, "penalty") > 0:
        raise InputError("penalty is 0: the weights of rare categories need one above 0.")
    people = question.history(t).get("customers")
    if people is None:
        raise InputError("The question has no table 'customers': hand it in with tables={'customers': …}.")
    _checks.frame(people, ["customer_id", *demographics], "customers")
    levels = {column: sorted(people[column].astype("str").unique()) for column in demographics}

    def who(tables, customers, cutoff):
        known = tables["customers"].set_index("customer_id").reindex(customers)
        parts = [known[c].astype("str").to_numpy()[:, None] == np.array(levels[c]) for c in demographics]
        return pd.DataFrame(np.hstack(parts).astype(float), index=customers)

    def last(tables, customers, cutoff):
        heads = _heads(tables, cutoff).drop_duplicates("customer_id", keep="last").set_index("customer_id")
        heads = heads.reindex(customers)
        table = heads["category"].to_numpy()[:, None] == np.array(question.categories)
        weeks = (cutoff - heads["order_time"]) / pd.Timedelta(weeks=1)
        return pd.DataFrame(table.astype(float), index=customers).assign(recency=np.log1p(weeks))

    def history(tables, customers, cutoff):
        heads = _heads(tables, cutoff)
        counts = pd.crosstab(heads["customer_id"], heads["category"])
        counts = np.log1p(counts.reindex(index=customers, columns=question.categories, fill_value=0))
        return pd.concat([counts, timing_features(tables, customers, cutoff)], axis=1)

    found, parts = {"nothing": question.base_rate(t)}, []
    for name, function in (("demographics", who), ("one purchase", last), ("full history", history)):
        question.guard(function, t)
        learned, answers = question.training(function, t, guard=False)
        parts.append((learned.to_numpy(float), question.features(function, t, guard=False).to_numpy(float)))
        learn, now = (np.hstack(side) for side in zip(*parts, strict=True))
        found[name] = _regression(learn, answers, now, question, t, penalty)
    return found


def _heads(tables, cutoff) -> pd.DataFrame:
    """The first line of every order before the cutoff, by customer and time."""
    orders = tables["orders"]
    orders = orders[orders["order_time"] < cutoff].sort_values(["order_id", "line_number"], kind="stable")
    return orders.drop_duplicates("order_id").sort_values(["customer_id", "order_time", "order_id"])


def _regression(learn, answers, now, question, t, penalty) -> pd.DataFrame:
    from sklearn.linear_model import LogisticRegression

    mean, scale = learn.mean(axis=0), learn.std(axis=0)
    scale[scale < 1e-12] = 1.0
    model = LogisticRegression(C=1 / penalty, max_iter=2000, tol=1e-6)
    model.fit((learn - mean) / scale, answers.to_numpy(dtype=object))
    p = pd.DataFrame(model.predict_proba((now - mean) / scale), question.customers(t), model.classes_)
    # An outcome that never happened yet gets the little that the base rate gives it.
    base = question.base_rate(t)
    p = p.reindex(columns=question.outcomes)
    unseen = list(p.columns[p.isna().all()])
    p = p.mul(1 - base[unseen].sum(axis=1), axis=0)
    p[unseen] = base[unseen]
    return p
