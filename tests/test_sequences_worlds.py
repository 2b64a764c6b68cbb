"""Sequences in the course's worlds: CDNOW, msnbc.com, the simulated shop."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bigmkt_helpers import sequences as sq
from bigmkt_helpers.datasets import load_cdnow, load_shop
from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.information import CommonQuestion, week_cutoffs
from bigmkt_helpers.shop.behaviour import simulate
from bigmkt_helpers.shop.world import STATES, default_laws


@cache
def shop():
    return load_shop()


@cache
def shop_panel():
    tables = {name: getattr(shop(), name) for name in ("orders", "sessions", "customers")}
    question = CommonQuestion.of_shop(shop())
    customers = question.customers()[::4]
    return customers, sq.engagement_panel(tables, customers, question.cutoff())


@cache
def cdnow():
    return sq.monthly_counts(load_cdnow(sample=True), align="calendar")


@pytest.mark.published
def test_cdnow_monthly_counts():
    """Two states: −16762.056 from every start; three: −16378.067, which other starts miss."""
    two = sq.PanelHMM(2, n_init=2, tol=1e-5).fit(cdnow())
    assert (two.starts_["log_likelihood"] > -16762.057).all()
    assert round(two.log_likelihood_, 2) == -16762.06
    three = sq.PanelHMM(3, n_init=2, tol=1e-4, max_iter=75, on_no_convergence="ignore", random_state=1)
    assert round(three.fit(cdnow()).log_likelihood_, 2) == -16378.07
    assert three.starts_["log_likelihood"].min() < -16600
    assert three.bic_ < two.bic_


@pytest.mark.published
def test_the_first_month_is_no_news():
    """From the first purchase on: month 0 is at least 1 for all, and saying so changes the rates."""
    months = sq.monthly_counts(load_cdnow(sample=True))
    assert (months[0] >= 1).all()
    assert months.notna().sum(axis=1).between(16, 18).all()
    calendar = cdnow()
    assert (calendar[0] == 0).any()
    assert calendar.sum().sum() == months.sum().sum()
    quick = {"n_init": 1, "max_iter": 60, "on_no_convergence": "ignore"}
    said = sq.PanelHMM(2, first_at_least_one=True, **quick).fit(months)
    unsaid = sq.PanelHMM(2, **quick).fit(months)
    # without it most begin "keen", because they begin with an order
    assert unsaid.initial_[1] > 0.95
    assert said.initial_[1] < unsaid.initial_[1] - 0.2


@pytest.mark.published
def test_msnbc_clicks():
    home = os.environ.get("BIGMKT_REFERENCE_DATA")
    path = Path(home or "").joinpath("msnbc", "msnbc323_sequences.txt")
    if not home or not path.exists():
        pytest.skip("msnbc/msnbc323_sequences.txt: BIGMKT_REFERENCE_DATA names no folder that holds it")
    visits = [v for v in sq.clickstreams(path.read_text(encoding="utf-8").splitlines()) if v]
    lengths = [len(v) for v in visits]
    assert (len(visits), sum(lengths), min(lengths), max(lengths)) == (323, 27_380, 35, 362)
    table = sq.order_bits(visits, 3)
    assert table["bits"].round(2).tolist() == [3.77, 3.03, 2.97, 3.30]
    assert table.at["order 2", "best"]
    assert table.at["order 1", "less_low"] > 0.01
    # eight hidden states know less of the next click than the last two clicks do; with twenty starts each it
    # takes twelve to draw level (2.931 bits) and sixteen to lead (2.844)
    hidden = sq.PanelHMM(8, "categorical", symbols=range(1, 18), smoothing=0.1, n_init=1)
    hidden.set_params(max_iter=60, tol=1.0, on_no_convergence="ignore")
    chain = sq.MarkovChain(2, 1 / 17, "backoff", range(1, 18))
    table = sq.order_bits(visits, {"hidden": hidden, "order 2": chain})
    assert table.at["hidden", "less_low"] > 0


@pytest.mark.recovery
def test_the_shop_s_states():
    """The panel model against the truth, and against somebody who knows all laws and rates."""
    customers, panel = shop_panel()
    truth = sq.true_state_paths(shop(), customers, 100)
    assert [len(row) for row in panel] == [len(path) for path in truth]
    assert all((row[0, 0] == 1) for row in panel)
    laws = default_laws()
    flat = np.concatenate(truth)
    ceiling = {}
    for smooth in (True, False):
        best = sq.best_state_posterior(laws, shop(), customers, 100, smooth)
        assert all(np.allclose(b.sum(axis=1), 1) for b in best)
        p = np.concatenate(best)
        ceiling[smooth] = (p.argmax(axis=1) == flat).mean()
        # calibrated: as often right as it says
        assert abs(ceiling[smooth] - p.max(axis=1).mean()) < 0.03
    assert ceiling[True] > ceiling[False] + 0.05
    model = sq.PanelHMM(
        5,
        ("bernoulli", "poisson"),
        first_at_least_one=True,
        smoothing=0.1,
        n_init=3,
        n_finish=1,
        max_iter=80,
        tol=0.1,
        on_no_convergence="ignore",
    ).fit(panel)
    table = sq.state_accuracy(model.smoothed(panel).to_numpy().argmax(axis=1), flat)
    assert table.attrs["base"] + 0.15 < table.attrs["accuracy"] < ceiling[True] + 0.01
    assert set(table["read_as"]) <= set(range(len(STATES)))
    now = sq.state_accuracy(model.filtered(panel).to_numpy().argmax(axis=1), flat)
    assert now.attrs["accuracy"] < table.attrs["accuracy"]


@pytest.mark.contract
def test_the_forecast_answers_the_common_question():
    question = CommonQuestion.of_shop(simulate(250, seed=3), cutoffs=week_cutoffs([72, 100]))
    model = sq.PanelHMM(3, ("bernoulli", "poisson"), first_at_least_one=True, smoothing=0.1)
    model.set_params(n_init=1, max_iter=15, on_no_convergence="ignore")
    forecast = sq.EngagementForecast(question, model)
    with pytest.raises(NotFittedError):
        forecast.timing(question.history(), question.customers(), question.cutoff())
    p = forecast.probabilities(guard=False)
    row = question.score("panel model", p)
    assert row["closed"] > 0.1
    # one pass over the weeks says what a forecast for each horizon says
    timing = question.features(forecast.timing, guard=False)
    panel = sq.engagement_panel(question.history(), question.customers(), question.cutoff())
    for weeks in (1, 4, 13):
        odds = forecast.model_.forecast(panel, weeks)["any"].to_numpy().clip(1e-9, 1 - 1e-9)
        assert np.allclose(timing[f"log_odds_{weeks}"], np.log(odds / (1 - odds)))
    states = forecast.model_.last_state(panel).to_numpy()
    assert np.allclose(timing[["state_1", "state_2"]], states[:, 1:])
    tables, now = question.history(), question.cutoff()
    orders = tables["orders"].query("line_number == 1 and order_time < @now").sort_values("order_time")
    scores = forecast.scores(tables, question.customers(), now)
    known = sq.next_category_scores(
        orders[["customer_id", "category"]], question.customers(), question.categories, 5.0, 0.5
    )
    assert np.allclose(scores, known)
    # nothing from the cutoff on is looked at
    question.guard(forecast.timing)


@pytest.mark.bad_input
def test_bad_input():
    customers, _ = shop_panel()
    tables = {name: getattr(shop(), name) for name in ("orders", "sessions", "customers")}
    with pytest.raises(InputError, match=r"Customer -1 has no order before"):
        sq.engagement_panel(tables, pd.Index([-1]), pd.Timestamp("2025-12-01", tz="Asia/Shanghai"))
    with pytest.raises(InputError, match="choose whole steps"):
        sq.engagement_panel(tables, customers[:2], pd.Timestamp("2025-12-02", tz="Asia/Shanghai"))
    with pytest.raises(InputError, match="Customer -1 has not joined"):
        sq.true_state_paths(shop(), pd.Index([-1]), 100)
    with pytest.raises(InputError, match="Customer -1 is not in the record"):
        sq.best_state_posterior(default_laws(), shop(), pd.Index([-1]), 100)
    with pytest.raises(InputError, match="2 decoded steps and 1 true"):
        sq.state_accuracy([1, 2], [1])
