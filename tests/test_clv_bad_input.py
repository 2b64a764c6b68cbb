"""Customer value: impossible, empty and extreme customers, times and rates; each sentence or answer."""

import re
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from bigmkt_helpers import clv
from bigmkt_helpers.clv import _checks
from bigmkt_helpers.datasets import load_cdnow
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.bad_input

REPEAT = ["BGNBD", "ParetoNBD"]
ALL = [*REPEAT, "BGBB"]


def refused(match, action):
    with pytest.raises(InputError, match=match) as caught:
        action()
    assert "\n" not in str(caught.value)


def customers(*rows):
    return pd.DataFrame(rows, columns=["frequency", "recency", "T"])


@cache
def summary(unit="week"):
    return clv.customer_summary(load_cdnow(True), "1997-09-30", unit=unit)


@cache
def fitted(name):
    return getattr(clv, name)().fit(summary())


@pytest.mark.parametrize("name", ALL)
def test_only_one_time_buyers(name):
    table = customers([0, 0, 10], [0, 0, 12], [0, 0, 0])
    refused(
        r"All 3 customers bought once: .*; wait for some, or widen the period",
        lambda: getattr(clv, name)().fit(table),
    )
    spend = table.assign(monetary=np.nan)
    refused("All 3 customers bought once: there is no repeat spend", lambda: clv.GammaGamma().fit(spend))


@pytest.mark.parametrize("name", REPEAT)
def test_one_time_buyers_can_be_asked_about(name):
    model = fitted(name)
    table = customers([0, 0, 5.0], [0, 0, 50.0])
    alive = model.probability_alive(table)
    # BG/NBD lets nobody go before a repeat purchase; Pareto/NBD doubts more, the longer the silence
    assert alive.tolist() == [1.0, 1.0] if name == "BGNBD" else 1 > alive[0] > alive[1] > 0
    assert model.expected_purchases(table, 52).is_monotonic_decreasing


@pytest.mark.parametrize(("amount", "shown"), [(0.0, "0"), (-4.0, "-4")])
def test_mean_spend_of_nothing_or_less(amount, shown):
    table = pd.DataFrame(
        {"frequency": [1, 2, 3, 0], "monetary": [5.0, amount, 7.0, np.nan]},
        index=["ann", "bob", "cat", "dan"],
    )
    refused(
        rf"X\['monetary'\] of customer 'bob' is {shown}: .*\(1 such customers\); .*nonpositive='leave_out'",
        lambda: clv.GammaGamma().fit(table),
    )
    model = clv.GammaGamma(nonpositive="leave_out").fit(summary())
    found = model.expected_spend(table)
    p, q, gamma = model.params_
    # two purchases that brought nothing: the mean of everybody drawn towards 0
    assert found["bob"] == pytest.approx(p * gamma / (2 * p + q - 1))
    assert found["dan"] == pytest.approx(model.mean_)
    assert found["bob"] < found["cat"] < found["dan"]


@pytest.mark.parametrize("name", REPEAT)
def test_no_time_seen(name):
    model = fitted(name)
    fresh = customers([0, 0.0, 0.0])
    assert model.probability_alive(fresh).tolist() == [1.0]
    assert model.expected_purchases(fresh, 52).iloc[0] == pytest.approx(model.expected_of_new(52))
    chances = model.purchase_probabilities(fresh, 52, most=3)
    assert chances.to_numpy() == pytest.approx(model.purchase_probabilities(None, 52, most=3).to_numpy())
    assert clv.customer_value(model, fresh, 0, 35.0)["value"].tolist() == [0.0]
    refused("0 with repeat purchases", lambda: model.probability_alive(customers([2, 0.0, 0.0])))


@pytest.mark.parametrize("name", ALL)
def test_the_last_purchase_after_the_end(name):
    table = customers([2, 5, 10], [3, 50, 10], [1, 12, 11])
    sentence = r"X\['recency'\] of customer 1 is 50: it is more than T \(2 such customers\); .* in one unit\?"
    refused(sentence, lambda: getattr(clv, name)().fit(table))
    if name != "BGBB":
        refused(sentence, lambda: fitted(name).expected_purchases(table, 4))


@pytest.mark.parametrize("name", REPEAT)
def test_ten_thousand_purchases(name):
    model = fitted(name)
    table = customers([10_000, 38.999, 39.0], [10_000, 10.0, 39.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alive, expected = model.probability_alive(table), model.expected_purchases(table, 52)
        drawn = model.simulate_purchases(table, 52, n_draws=20, parameters=False)
        chances = model.purchase_probabilities(table, 1, most=400)
    assert alive[0] > 0.99
    assert alive[1] == pytest.approx(0, abs=1e-12)
    # 256 a week, for the part of the year that a customer of this shop stays
    assert 0.5 * 10_000 / 39 * 52 < expected[0] < 10_000 / 39 * 52
    assert expected[1] == pytest.approx(0, abs=1e-6)
    assert drawn[:, 1].sum() == 0
    assert chances.loc[0, range(150, 320)].sum() > 0.9


def test_a_fit_that_does_not_converge_says_what_it_reached():
    for name in REPEAT:
        with pytest.warns(ConvergenceWarning) as caught:
            model = getattr(clv, name)(max_iter=1, n_starts=1).fit(summary())
        (said,) = {str(one.message) for one in caught}
        assert said == model.message_
        # cut short: whether there is a peak, and where, cannot be said
        assert said.startswith(f"{name} did not converge (stopped by max_iter=1, ")
        assert "no peak here" not in said
        assert "do not determine" not in said
        remedy = "raise max_iter; if that does not help, fit more customers or a longer period, or give a "
        assert said.endswith(f"; {remedy}prior_scale (3, say).")
        assert f"log-likelihood {model.log_likelihood_:,.3f}" in said
        for key, value in model.params_.items():
            assert f"{key} = {value:.4g}" in said
        assert not model.converged_
        assert model.log_likelihood_ < fitted(name).log_likelihood_
        if np.isfinite(model.remaining_gain_):
            assert f"{model.remaining_gain_:.2g} of log-likelihood still to be gained" in said
        else:
            assert "no peak in sight yet" in said
        # what was reached can still be used, and says so
        assert np.isfinite(model.expected_purchases(summary()[:3], 52)).all()
    with pytest.warns(ConvergenceWarning, match="GammaGamma did not converge .*log-likelihood -.*p = "):
        clv.GammaGamma(max_iter=1, n_starts=1, nonpositive="leave_out").fit(summary())


@pytest.mark.parametrize(("name", "runaway"), [("BGNBD", "alpha"), ("ParetoNBD", "s")])
def test_a_parameter_that_ran_off_is_named_with_the_remedy_and_a_prior_mends_it(name, runaway):
    # everybody alike: nothing tells how customers differ
    alike = pd.concat([customers([2, 30.0, 39.0])] * 50, ignore_index=True)
    with pytest.warns(ConvergenceWarning) as caught:
        model = getattr(clv, name)().fit(alike)
    (said,) = {str(one.message) for one in caught}
    # a parameter that has run off is the trouble, whether or not the steps were used up
    assert said.startswith(f"{name} did not converge (the data do not determine {runaway}): log-likelihood -")
    assert abs(np.log(model.params_[runaway])) > 15
    assert "max_iter" not in said
    assert said.endswith("; fit more customers or a longer period, or give a prior_scale (3, say).")
    assert getattr(clv, name)(prior_scale=3).fit(alike).converged_


def test_without_errors_no_parameters_are_drawn():
    with pytest.warns(ConvergenceWarning):
        short = clv.BGNBD(max_iter=1, n_starts=1).fit(summary())
    short._log_covariance = np.full((4, 4), np.nan)
    refused(
        f"no standard errors to draw parameters from: use parameters=False, .* {re.escape(short.message_)}",
        lambda: short.purchase_intervals(summary()[:3], 52),
    )


def test_lengths_of_time_in_words():
    for text, words in (("1D", "1 day"), ("364D", "364 days"), ("1h", "1 hour"), ("36h", "36 hours")):
        assert _checks.length(pd.Timedelta(text)) == words
    assert _checks.length(pd.Timedelta("90min")) == "0 days 01:30:00"
    bare = clv.BGNBD().fit(pd.DataFrame(summary()[["frequency", "recency", "T"]].to_dict("list")))
    refused("is the length of time 364 days, but the model", lambda: bare.expected_of_new("364D"))


def test_horizons_in_mixed_units():
    model, daily = fitted("BGNBD"), summary("day")
    mixed = "in units of 1 day, the model in units of 7 days: make the table anew"
    refused(mixed, lambda: model.expected_purchases(daily, 52))
    refused(mixed, lambda: clv.customer_value(model, daily, 52, 10.0))
    refused(mixed, lambda: clv.BGNBD(unit="week").fit(daily))
    plain = pd.DataFrame(summary().to_numpy()[:, :3].astype(float), columns=["frequency", "recency", "T"])
    bare = clv.BGNBD().fit(plain)
    refused("does not know the unit", lambda: bare.expected_purchases(plain, "364D"))
    refused(
        "does not know the unit of its table: give it as unit=",
        lambda: clv.customer_value(bare, plain, 52, 9.0, discount=0.1, discount_period="week"),
    )
    assert bare.expected_purchases(plain, 52).to_numpy() == pytest.approx(
        model.expected_purchases(summary(), "364D").to_numpy(), rel=1e-5
    )


@pytest.mark.parametrize("text", ["52", " 52 ", "52.0", "-52"])
def test_a_number_as_text_is_no_horizon(text):
    """pandas reads "52" as 52 nanoseconds: everybody would be worth nothing."""
    refused(
        "is a number written as text: .* such as '364D'",
        lambda: fitted("BGNBD").expected_purchases(summary(), text),
    )


def test_a_unit_is_named_by_its_argument():
    model, table = fitted("BGNBD"), summary()
    refused(
        "discount_period='month' is not known",
        lambda: clv.customer_value(model, table, 52, 9.0, discount=0.1, discount_period="month"),
    )
    refused("to='month' is not known", lambda: clv.convert_discount(0.1, "week", "month"))
    refused("period='month' is not known", lambda: clv.opportunity_summary(load_cdnow(True), period="month"))
    refused(
        "unit is that of the model",
        lambda: clv.track_repeat_sales(model, load_cdnow(True), "1997-09-30", unit="day"),
    )


@pytest.mark.parametrize("wrong", [-1, -1.0, -1.5, -100])
def test_discount_of_minus_one_and_below(wrong):
    model, table = fitted("BGNBD"), summary()[:2]
    for action in (
        lambda: clv.present_value([100, 200], wrong),
        lambda: clv.retention_value(100, 0.8, wrong, 5),
        lambda: clv.retention_value(100, 0.8, wrong, np.inf),
        lambda: clv.lifecycle_value([[1.0]], [1], wrong, 3),
        lambda: clv.convert_discount(wrong, "day", "week"),
        lambda: clv.customer_value(model, table, 52, 9.0, discount=wrong),
        lambda: clv.value_intervals(model, table, 52, 9.0, discount=wrong, n_draws=10),
    ):
        refused(f"discount is {wrong}: .* give a rate above -1, such as 0.05", action)


def test_discount_of_nothing_is_the_plain_sum():
    model, table = fitted("BGNBD"), summary()[:20]
    assert clv.present_value([100, 200, 300], 0) == 600
    assert clv.retention_value(100, 0.8, 0, np.inf) == pytest.approx(400)
    assert clv.convert_discount(0, "day", "week") == 0
    found = clv.customer_value(model, table, 52, 9.0, discount=0, discount_period="week")
    assert found["value"].to_numpy() == pytest.approx(9 * model.expected_purchases(table, 52).to_numpy())
    nearly = clv.customer_value(model, table, 52, 9.0, discount=1e-9)
    assert nearly["value"].to_numpy() == pytest.approx(found["value"].to_numpy(), rel=1e-6)
    refused("never settles", lambda: clv.retention_value(100, 1.0, 0, np.inf))
    refused("grows without end", lambda: clv.lifecycle_value([[1.0]], [1], 0))
