"""Running visits with carts: the laws by enumeration, the areas by scikit-learn, reminders by hand."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bigmkt_helpers import sequences as sq
from bigmkt_helpers.errors import InputError

LAWS = sq.VisitLaws()
PAGES = ["home", "category", "product", "reviews", "cart", "help"]


@pytest.mark.unit
def test_the_filter_by_enumeration():
    visits = sq.simulate_visits(30, random_state=4)
    law, ends = LAWS.filtered(visits), np.cumsum(visits.lengths)
    for end, length in zip(ends, visits.lengths, strict=True):
        if length > 4:
            continue
        pages = visits.pages[end - length : end]
        total = np.zeros(3)
        for path in product(range(3), repeat=int(length)):
            p = LAWS.initial[path[0]] * LAWS.page[path[0], pages[0]]
            for t in range(1, length):
                p *= LAWS.move[path[t - 1], path[t]] * LAWS.page[path[t], pages[t]]
            total[path[-1]] += p
        assert np.allclose(law[end - 1], total / total.sum())
        left = total * LAWS.move[:, 4]
        assert np.allclose(LAWS.intent_left_with(law[end - 1][None])[0], left / left.sum())
    assert visits.last.tolist() == (ends - 1).tolist()
    assert [page for one in visits.sequences() for page in one] == [PAGES[code] for code in visits.pages]
    assert [len(one) for one in visits.sequences()] == visits.lengths.tolist()
    assert visits.abandoned.tolist() == [
        "cart" in one and not bought for one, bought in zip(visits.sequences(), visits.bought, strict=True)
    ]


@pytest.mark.unit
def test_ends_and_money_by_hand():
    # to buy from each intent: the moves among intents again and again
    stay, buy = LAWS.move[:, :3], LAWS.move[:, 3]
    assert np.allclose(LAWS.buys(), np.linalg.solve(np.eye(3) - stay, buy))
    assert np.allclose(LAWS.chain().loc[["looking", "weighing", "buying"]], LAWS.move)
    # 0.3 come anyway, 0.5 with a reminder: 0.5 · 48 − 0.3 · 60 − 1
    assert np.allclose(sq.reminder_value([0.3], [0.5]), [5.0])
    laws = sq.VisitLaws(margin=50.0, discount=10.0, contact_cost=2.0)
    assert np.allclose(sq.reminder_value([0.3], [0.36], laws), [0.36 * 40 - 0.3 * 50 - 2])


@pytest.mark.recovery
def test_the_world_keeps_its_laws():
    visits = sq.simulate_visits(20_000, random_state=1)
    begin = visits.intents[np.cumsum(visits.lengths) - visits.lengths]
    assert np.allclose(np.bincount(begin) / 20_000, LAWS.initial, atol=0.012)
    for intent in range(3):
        own = visits.pages[visits.intents == intent]
        assert np.allclose(np.bincount(own, minlength=6) / len(own), LAWS.page[intent], atol=0.02)
        assert abs(visits.bought[begin == intent].mean() - LAWS.buys()[intent]) < 0.05
    # what the filter says is as often so
    stated = LAWS.filtered(visits)[np.cumsum(visits.lengths) - visits.lengths] @ LAWS.buys()
    assert abs(stated.mean() - visits.bought.mean()) < 0.01
    left = visits.abandoned
    law = LAWS.intent_left_with(LAWS.filtered(visits)[visits.last])[left]
    assert np.allclose(
        law.mean(axis=0), np.bincount(visits.intents[visits.last][left], minlength=3) / left.sum(), atol=0.02
    )
    assert abs((law @ LAWS.back).mean() - visits.back[left].mean()) < 0.02
    assert (visits.back <= visits.back_reminded).all()
    assert not visits.back_reminded[visits.bought].any()


@pytest.mark.recovery
def test_a_fitted_model_reads_intent_as_well_as_the_laws():
    learn, visits = sq.simulate_visits(3000, random_state=2), sq.simulate_visits(4000, random_state=3)
    model = sq.PanelHMM(
        3, "categorical", order_by=("symbol", "cart"), symbols=PAGES, smoothing=0.1, n_init=2, n_finish=1
    )
    model.set_params(max_iter=100, tol=0.1, on_no_convergence="ignore").fit(learn.sequences())
    bought = np.repeat(learn.bought, learn.lengths).astype(float)
    weights = np.linalg.lstsq(model.filtered(learn.sequences()).to_numpy(), bought, rcond=None)[0]
    assert (np.diff(weights) > 0).all()
    scores = {
        "laws": LAWS.filtered(visits) @ LAWS.buys(),
        "model": model.filtered(visits.sequences()).to_numpy() @ weights,
    }
    table = sq.click_aucs(visits, scores, (1, 4), n_resamples=100).set_index(["model", "click"])
    assert (table["auc"] - table.loc["laws", "auc"] > -0.02).all()
    assert table.at[("model", 4), "low"] > 0.55
    first = np.cumsum(visits.lengths) - visits.lengths
    running = visits.lengths >= 4
    wanted = roc_auc_score(visits.bought[running], scores["model"][first[running] + 3])
    assert np.isclose(table.at[("model", 4), "auc"], wanted)
    assert table.at[("model", 4), "n"] == running.sum()


@pytest.mark.unit
def test_the_interval_of_an_area_is_that_of_its_standard_error():
    """DeLong's standard error, from the shares of pairs that each visit wins."""
    visits = sq.simulate_visits(1500, random_state=8)
    scores = {"laws": LAWS.filtered(visits) @ LAWS.buys(), "blind": np.arange(len(visits.pages)) % 7}
    table = sq.click_aucs(visits, scores, (3, 1), n_resamples=1000, level=0.9)
    assert table[["model", "click"]].to_numpy().tolist() == [
        ["blind", 1], ["blind", 3], ["laws", 1], ["laws", 3],
    ]  # fmt: skip
    start = np.cumsum(visits.lengths) - visits.lengths
    for row in table.itertuples():
        running = visits.lengths >= row.click
        shown, bought = np.asarray(scores[row.model])[start[running] + row.click - 1], visits.bought[running]
        above = np.subtract.outer(shown[bought], shown[~bought])
        wins = (above > 0) + 0.5 * (above == 0)
        assert row.n == running.sum()
        assert row.auc == pytest.approx(wins.mean(), rel=1e-12)
        error = np.sqrt(wins.mean(1).var(ddof=1) / len(wins) + wins.mean(0).var(ddof=1) / wins.shape[1])
        assert row.high - row.auc == pytest.approx(1.645 * error, rel=0.2)
        assert row.auc - row.low == pytest.approx(1.645 * error, rel=0.2)


@pytest.mark.recovery
def test_who_is_likely_to_buy_is_not_who_should_be_reminded():
    visits = sq.simulate_visits(40_000, random_state=5)
    left = visits.abandoned
    truth = sq.reminder_value(visits.back, visits.back_reminded)[left]
    law = LAWS.intent_left_with(LAWS.filtered(visits)[visits.last])[left]
    expected = sq.reminder_value(law @ LAWS.back, law @ LAWS.back_reminded)
    chosen = np.where(expected > 0, truth, 0)
    ready = law @ LAWS.back
    likely = np.where(ready >= np.quantile(ready, 1 - (expected > 0).mean()), truth, 0)
    # paired, so that the bound is that of the difference
    for other in (truth, likely, 0 * truth):
        less = chosen - other
        assert less.mean() > 2 * less.std() / np.sqrt(len(less))
    assert abs(expected.mean() - truth.mean()) < 4 * truth.std() / np.sqrt(len(truth))


@pytest.mark.bad_input
def test_bad_input():
    visits = sq.simulate_visits(50, random_state=0)
    with pytest.raises(InputError, match=r"scores\['x'\] has 3 entries"):
        sq.click_aucs(visits, {"x": [1, 2, 3]}, [1])
    with pytest.raises(InputError, match="After 400 clicks 0 of 0 visits buy"):
        sq.click_aucs(visits, {}, [400])
    with pytest.raises(InputError, match="n_visits is 0"):
        sq.simulate_visits(0)
    with pytest.raises(InputError, match=r"initial sums to 0\.9"):
        sq.VisitLaws(initial=np.array([0.5, 0.4, 0.0]))
