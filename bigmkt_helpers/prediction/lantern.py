"""The common question of the course, answered by the models of this package."""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.prediction import _checks
from bigmkt_helpers.prediction.features import ShopFeatures, category_table
from bigmkt_helpers.prediction.models import make_model

__all__ = ["BuyThenWhich", "outcome_forecast", "two_step_forecast", "will_buy"]


def will_buy(question, t=None) -> pd.Series:
    """Whether each customer of a cutoff ordered within the horizon: the yes-or-no half of the question.

    Parameters
    ----------
    question : CommonQuestion
    t : label, optional

    Returns
    -------
    pandas.Series of bool
    """
    return (question.answers(t) != question.outcomes[-1]).rename("buys")


def outcome_forecast(question, features, model, t=None, guard: bool = True) -> pd.DataFrame:
    """Probabilities of all outcomes from one model of many classes, learned at earlier cutoffs.

    Parameters
    ----------
    question : CommonQuestion
    features : callable
        Such as `ShopFeatures`.
    model : estimator
        Not fitted, with ``predict_proba``; such as ``make_model("logistic", …)``.
    t : label, optional
        The cutoff; the test without it.
    guard : bool
        Whether the feature function is examined for leaks first.

    Returns
    -------
    pandas.DataFrame
        Index: customers at `t`; columns: outcomes. An outcome that no earlier cutoff saw gets its base rate.

    Raises
    ------
    InputError, LeakError
        As the question's and the model's own.
    """
    from sklearn.base import clone

    learn, answers = question.training(features, t, guard=guard)
    now = question.features(features, t, guard=False)
    fitted = clone(model).fit(learn, answers.to_numpy(dtype=object))
    p = pd.DataFrame(fitted.predict_proba(now), index=now.index, columns=fitted.classes_)
    p = p.reindex(columns=question.outcomes)
    base = question.base_rate(t)
    unseen = list(p.columns[p.isna().all()])
    p = p.mul(1 - base[unseen].sum(axis=1), axis=0)
    p[unseen] = base[unseen]
    return p


class BuyThenWhich:
    """Two models in a row: does the customer buy at all, and if so, in which category?

    P(nothing) = 1 - P(buys); P(category) = P(buys) · s_c / Σ s, where s_c is the second model's probability
    that, of somebody who buys, it is this category, judged one category at a time from `category_table`.

    Parameters
    ----------
    features : ShopFeatures
    buys, which : str
        Names of models, as `make_model` knows them.
    buys_settings, which_settings : dict, optional
        Settings of the two.
    strength : float
        Orders' worth of the overall shares mixed into what follows each last category.

    Attributes
    ----------
    buys_, which_ : Pipeline
    follows_ : pandas.DataFrame
    """

    def __init__(
        self,
        features: ShopFeatures,
        buys: str = "boosting",
        which: str = "boosting",
        buys_settings: dict | None = None,
        which_settings: dict | None = None,
        strength: float = 20.0,
    ):
        self.features = features
        self.buys = buys
        self.which = which
        self.buys_settings = buys_settings
        self.which_settings = which_settings
        self.strength = strength

    def fit(self, X, answers) -> "BuyThenWhich":
        """Learn from features and answers of earlier cutoffs, as ``CommonQuestion.training`` gives them."""
        spec = self.features
        strength = _checks.not_negative(self.strength, "strength")
        answers = np.asarray(answers, dtype=object)
        if len(answers) != len(X):
            raise InputError(f"There are {len(answers)} answers for {len(X)} customers: they must pair up.")
        bought = np.isin(answers, spec.categories)
        model = make_model(self.buys, spec.numbers, spec.labels, spec.counts, **(self.buys_settings or {}))
        self.buys_ = model.fit(X, bought)
        heads, chosen = X[bought], answers[bought]
        order = list(spec.categories)
        counts = pd.crosstab(heads["last_category"].to_numpy(), chosen)
        counts = counts.reindex(index=order, columns=order, fill_value=0)
        overall = (counts.sum() + 0.5) / (counts.sum() + 0.5).sum()
        mixed = counts + np.maximum(strength, 1e-9) * overall
        self.follows_ = mixed.div(mixed.sum(axis=1), axis=0)
        numbers = ["bought", "viewed", "is_last", "orders", "visits_8", "shop", "follows"]
        model = make_model(self.which, numbers, ["category"], **(self.which_settings or {}))
        self.which_ = model.fit(
            category_table(heads, order, self.follows_), (chosen[:, None] == np.array(order)).ravel()
        )
        return self

    def predict(self, X) -> pd.DataFrame:
        """Probabilities: customers by categories and "nothing"."""
        from bigmkt_helpers.information import NOTHING

        order = list(self.features.categories)
        buys = self.buys_.predict_proba(X)[:, 1]
        s = self.which_.predict_proba(category_table(X, order, self.follows_))[:, 1].reshape(len(X), -1)
        s = s / s.sum(axis=1, keepdims=True)
        table = pd.DataFrame(s * buys[:, None], index=X.index, columns=order)
        return table.assign(**{NOTHING: 1 - buys})


def two_step_forecast(question, model: BuyThenWhich, t=None, guard: bool = True) -> pd.DataFrame:
    """The common question answered by `BuyThenWhich`, learned at earlier cutoffs; as `outcome_forecast`."""
    learn, answers = question.training(model.features, t, guard=guard)
    return model.fit(learn, answers).predict(question.features(model.features, t, guard=False))
