"""From probabilities to money: who gets which coupon, and what it truly earns.

The law. Holding a coupon for category c multiplies the odds of outcome c by e^β: p'_c = p_c e^β / D with
D = 1 - p_c + p_c e^β; every other outcome keeps its share of the rest, p'_k = p_k / D. The shop earns the
margin of the category of the customer's first order in the horizon, less the face value if it is of the
couponed category, less the cost of sending. All money is in one stated currency, per customer and horizon.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import _checks

NO_COUPON = "none"
"""Name of the choice to send nothing."""


@dataclass(frozen=True)
class CouponTerms:
    """What a coupon costs and does.

    Attributes
    ----------
    margin : pandas.Series
        Index: the categories, in order; earned on a first order of that category, in `currency`.
    face : float
        Value of the coupon, in `currency`.
    contact_cost : float
        Cost of sending one coupon, in `currency`.
    beta : float
        Logarithm of the factor on the odds, an average known from a past test.
    customer_beta : pandas.Series or None
        Index: customers; the true β of each. None: `beta` is true for everybody.
    currency : str

    Raises
    ------
    InputError
        Values that are no numbers, a negative face or cost, no category.
    """

    margin: pd.Series
    face: float
    contact_cost: float
    beta: float
    customer_beta: pd.Series | None = None
    currency: str = "CNY"

    def __post_init__(self):
        if not isinstance(self.margin, pd.Series) or not self.margin.index.is_unique:
            raise InputError("margin must be a Series with each category once.")
        if NO_COUPON in self.margin.index:
            raise InputError(
                f"A category cannot be called {NO_COUPON!r}: that is the choice to send nothing."
            )
        _checks.numbers(self.margin, "margin")
        _checks.not_negative(self.face, "face")
        _checks.not_negative(self.contact_cost, "contact_cost")
        if _checks.numbers(self.beta, "beta").ndim != 0:
            raise InputError("beta must be one number: the average effect known from a past test.")
        if self.customer_beta is not None:
            if not isinstance(self.customer_beta, pd.Series) or not self.customer_beta.index.is_unique:
                raise InputError("customer_beta must be a Series with each customer once.")
            _checks.numbers(self.customer_beta, "customer_beta")

    def true_beta(self, customers: pd.Index) -> np.ndarray:
        """The true β of these customers, in their order."""
        if self.customer_beta is None:
            return np.full(len(customers), float(self.beta))
        found = self.customer_beta.reindex(customers)
        if found.isna().any():
            raise InputError(f"customer_beta has no customer {found.index[found.isna().argmax()]}: add them.")
        return found.to_numpy(float)


def with_coupon(probabilities, category, beta) -> pd.DataFrame:
    """Probabilities of every customer once they hold a coupon for `category`.

    Parameters
    ----------
    probabilities : pandas.DataFrame
        Index: customers; columns: outcomes; rows add up to 1.
    category : label
        A column.
    beta : float or array-like of shape (n_customers,)

    Examples
    --------
    >>> before = pd.DataFrame({"tea": [0.2], "nothing": [0.8]})
    >>> with_coupon(before, "tea", beta=np.log(4)).to_numpy().tolist()
    [[0.5, 0.5]]
    """
    p = _checks.rows_of_probabilities(probabilities, "probabilities")
    if category not in probabilities.columns:
        raise InputError(f"There is no category {category!r}: choose among {list(probabilities.columns)}.")
    column = probabilities.columns.get_loc(category)
    factor = np.exp(np.broadcast_to(_checks.numbers(beta, "beta"), len(p)))
    after = p.copy()
    after[:, column] *= factor
    after /= (1 - p[:, column] + p[:, column] * factor)[:, None]
    return pd.DataFrame(after, probabilities.index, probabilities.columns)


def coupon_profits(probabilities, terms: CouponTerms, beta=None) -> pd.DataFrame:
    """Expected profit of every customer under every choice of coupon.

    Parameters
    ----------
    probabilities : pandas.DataFrame
        Index: customers; columns: the categories of `terms.margin` and one more outcome, nothing.
    terms : CouponTerms
    beta : float or array-like of shape (n_customers,), optional
        By default `terms.beta`.

    Returns
    -------
    pandas.DataFrame
        Columns "none" and the categories, in `terms.currency` per customer.

    Raises
    ------
    InputError
        Rows that are no distributions, or columns that do not fit the terms.

    Examples
    --------
    >>> terms = CouponTerms(pd.Series({"tea": 50.0}), face=10.0, contact_cost=1.0, beta=float(np.log(4)))
    >>> coupon_profits(pd.DataFrame({"tea": [0.2], "nothing": [0.8]}), terms).round(6).to_numpy().tolist()
    [[10.0, 19.0]]
    """
    categories = list(terms.margin.index)
    if not isinstance(probabilities, pd.DataFrame) or len(probabilities.columns) != len(categories) + 1:
        raise InputError(f"probabilities must be a DataFrame with the columns {categories} and nothing.")
    missing = [category for category in categories if category not in probabilities.columns]
    if missing:
        raise InputError(f"probabilities has no column {missing[0]!r}, a category with a margin.")
    _checks.rows_of_probabilities(probabilities, "probabilities")
    p = probabilities[categories].to_numpy(float)
    beta = _checks.numbers(terms.beta if beta is None else beta, "beta")
    factor = np.exp(np.broadcast_to(beta, len(p)))[:, None]
    margin = terms.margin.to_numpy(float)
    plain = (p @ margin)[:, None]
    held = p * factor * (margin - terms.face) + (plain - p * margin)
    profits = np.hstack([plain, held / (1 - p + p * factor) - terms.contact_cost])
    return pd.DataFrame(profits, index=probabilities.index, columns=[NO_COUPON, *categories])


def choose_coupons(probabilities, terms: CouponTerms, beta=None) -> pd.Series:
    """The coupon with the greatest expected profit for every customer, or "none".

    Of choices within 1e-9 of the best the first is taken, "none" before all: no coupon without a reason, and
    the same choice on every machine. Arguments and errors as in :func:`coupon_profits`.

    Examples
    --------
    >>> terms = CouponTerms(pd.Series({"tea": 50.0}), face=10.0, contact_cost=1.0, beta=float(np.log(4)))
    >>> choose_coupons(pd.DataFrame({"tea": [0.2, 0.9], "nothing": [0.8, 0.1]}), terms).tolist()
    ['tea', 'none']
    """
    profits = coupon_profits(probabilities, terms, beta)
    values = profits.to_numpy()
    first = (values >= values.max(axis=1, keepdims=True) - 1e-9).argmax(axis=1)
    return pd.Series(profits.columns.to_numpy()[first], index=profits.index, name="coupon", dtype="str")


def blanket_coupon(truth, terms: CouponTerms) -> str:
    """The one coupon that would earn most if everybody got it, judged with the truth.

    The best that anyone can do who sends the same coupon to all, and does send one.
    """
    profits = coupon_profits(truth, terms, terms.true_beta(truth.index)).drop(columns=NO_COUPON)
    return str(profits.mean().idxmax())


def true_profit(choice, truth, terms: CouponTerms) -> pd.Series:
    """What a choice of coupons truly earns per customer, in expectation over what the customer will do.

    Parameters
    ----------
    choice : pandas.Series
        By customer: a category or "none", as made by :func:`choose_coupons`.
    truth : pandas.DataFrame
        The true probabilities, by customer.
    terms : CouponTerms
        Its `customer_beta` is the truth about the effect.

    Returns
    -------
    pandas.Series
        In `terms.currency`, in the order of `truth`.

    Raises
    ------
    InputError
        Customers that differ, or a coupon for a category without a margin.

    Examples
    --------
    >>> terms = CouponTerms(pd.Series({"tea": 50.0}), face=10.0, contact_cost=1.0, beta=float(np.log(4)))
    >>> truth = pd.DataFrame({"tea": [0.2, 0.2], "nothing": [0.8, 0.8]})
    >>> true_profit(pd.Series(["tea", "none"]), truth, terms).round(6).tolist()
    [19.0, 10.0]
    """
    profits = coupon_profits(truth, terms, terms.true_beta(truth.index))
    if (
        not isinstance(choice, pd.Series)
        or not choice.index.is_unique
        or len(choice) != len(truth)
        or not choice.index.isin(truth.index).all()
    ):
        raise InputError("choice must be a Series with one coupon for each customer of the truth.")
    choice = choice.reindex(truth.index)
    column = profits.columns.get_indexer(pd.Index(choice))
    if (column < 0).any():
        at = int((column < 0).argmax())
        raise InputError(f"Customer {choice.index[at]} gets the unknown coupon {choice.iloc[at]!r}.")
    return pd.Series(profits.to_numpy()[np.arange(len(truth)), column], index=truth.index, name="profit")
