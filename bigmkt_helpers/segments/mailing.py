"""Which segment to write to: what a mail to each is expected to bring, from a table of orders alone."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.information import mean_interval
from bigmkt_helpers.segments.clustering import FeatureScaler, LloydKMeans, renumbered
from bigmkt_helpers.segments.measures import _lines, _reference, rfm

__all__ = ["MailingPlan", "segment_mailing"]


@dataclass(frozen=True)
class MailingPlan:
    """What a mail to each segment is expected to bring, and who is in which.

    Parameters
    ----------
    table : pandas.DataFrame
        Index ``segment``, the most profitable first; see `segment_mailing`.
    segments : pandas.Series
        By customer, at the reference date.
    """

    table: pd.DataFrame
    segments: pd.Series

    def customers(self) -> pd.Index:
        """Whom to write to: everybody in a segment with ``write``."""
        return self.segments.index[self.segments.isin(self.table.index[self.table["write"]])]


def segment_mailing(
    orders,
    reference=None,
    *,
    horizon,
    margin: float,
    effect: float,
    contact_cost: float,
    k: int = 5,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
    **names,
) -> MailingPlan:
    """Expected profit of one mail to each customer of a segment.

    Segments are made by K-means from recency, frequency and money (logarithms of the last two, one scale) at
    the moment `horizon` before the reference. What these customers then spent until the reference is taken as
    what customers of the same segment will spend in the next horizon without a mail. A mail raises that by
    the share `effect`:

        profit of a mail = effect · margin · mean spend of the segment in a horizon - contact cost.

    The two horizons are neighbours in time: where the season turns between them, so does the answer. The
    effect is an assumption unless you have tested it; ``break_even`` needs none.

    Parameters
    ----------
    orders, reference
        As in `rfm`.
    horizon : Timedelta or str
        How long after a mail its effect is counted, such as "28D"; a number without a unit is refused.
    margin : float
        Share of the money that remains after the cost of the goods, above 0 and at most 1.
    effect : float
        By which share of what they would spend anyway a mail makes customers spend more; 0.1 is 10%.
    contact_cost : float
        Of one mail, in the money of the orders.
    k : int
        Number of segments.
    level : float
        Of each interval, by bootstrap over the segment's customers; segments, margin and effect are taken as
        given.
    n_resamples, random_state : int
    **names
        ``customer_id``, ``time``, ``order_id``, ``spend``, as in `rfm`.

    Returns
    -------
    MailingPlan
        Its table: ``customers`` at the reference and the medians of their ``recency``, ``frequency`` and
        ``monetary``; ``learned``, the customers learned from; ``bought``, the share of these who bought in
        the horizon, and ``spend``, their mean money in it; ``profit`` of a mail with ``low`` and ``high``;
        ``total``, for all customers of the segment; ``break_even``, the least effect that pays (infinite
        where nobody spent); ``write``, whether the expected profit is above 0.

    Raises
    ------
    InputError
        As in `rfm` and `LloydKMeans`; a horizon, margin, effect or cost that cannot be.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-20", "2025-02-10"])
    >>> lines = pd.DataFrame({"customer_id": [who for who in range(40) for _ in range(3)],
    ...                       "date": list(days) * 40, "spend": [20.0] * 60 + [5.0, 0.0, 0.0] * 20})
    >>> business = {"margin": 0.4, "effect": 0.5, "contact_cost": 1}
    >>> plan = segment_mailing(lines, "2025-03-01", horizon="28D", k=2, **business)
    >>> plan.table[["customers", "spend", "profit", "write"]].round(2).to_numpy().tolist()
    [[20, 20.0, 3.0, True], [20, 0.0, -1.0, False]]
    """
    unknown = sorted(set(names) - {"customer_id", "time", "order_id", "spend"})
    if unknown:
        raise InputError(
            f"{unknown[0]}= is not known: name columns with customer_id, time, order_id or spend."
        )
    span = _span(horizon)
    if not 0 < margin <= 1:
        raise InputError(f"margin is {margin!r}: it must be a share above 0 and at most 1.")
    for name, value in (("effect", effect), ("contact_cost", contact_cost)):
        if not np.isfinite(value) or value < 0:
            raise InputError(f"{name} is {value!r}: it must be a number of at least 0.")
    if not 0 < level < 1:
        raise InputError(f"level is {level!r}: it must lie between 0 and 1, both excluded.")
    columns = {"customer_id": "customer_id", "time": None, "order_id": None, "spend": "spend", **names}
    lines = _lines(orders, *(columns[name] for name in ("customer_id", "time", "order_id", "spend")))
    moment = _reference(reference, lines["time"])
    first = lines["time"].min()
    if not first < moment - span:
        raise InputError(
            f"The orders begin at {first}, and customers are learned from what lies before {moment - span}, "
            f"a horizon before the reference {moment}: take a shorter horizon or a later reference."
        )
    before, now = rfm(orders, moment - span, **names), rfm(orders, moment, **names)
    scaler = FeatureScaler(log=["frequency", "monetary"]).fit(before)
    model = LloydKMeans(k, random_state=random_state).fit(scaler.transform(before).to_numpy())
    within = lines[(lines["time"] >= moment - span) & (lines["time"] < moment)]
    by = within.groupby("customer_id", observed=True)["spend"]
    spent = by.sum().reindex(before.index, fill_value=0.0).to_numpy()
    bought = before.index.isin(within.loc[within["spend"] > 0, "customer_id"])
    # numbers in the order of profit: the first segment is the one to begin with
    order = -pd.Series(spent).groupby(model.labels_).transform("mean").to_numpy()
    learned = renumbered(model.labels_, order)
    number = dict(zip(model.labels_.tolist(), learned.tolist(), strict=True))
    found = model.predict(scaler.transform(now).to_numpy())
    segments = pd.Series([number[s] for s in found.tolist()], index=now.index, name="segment")
    rows = []
    for s in range(k):
        own = spent[learned == s]
        mean = mean_interval(own, level, n_resamples, random_state)
        here = now[(segments == s).to_numpy()]
        worth = effect * margin
        rows.append(
            {
                "segment": s,
                "customers": len(here),
                **here.median().to_dict(),
                "learned": len(own),
                "bought": bought[learned == s].mean(),
                "spend": mean.estimate,
                "profit": worth * mean.estimate - contact_cost,
                "low": worth * mean.low - contact_cost,
                "high": worth * mean.high - contact_cost,
                "total": len(here) * (worth * mean.estimate - contact_cost),
                "break_even": contact_cost / (margin * mean.estimate) if mean.estimate > 0 else np.inf,
            }
        )
    table = pd.DataFrame(rows).set_index("segment")
    return MailingPlan(table.assign(write=table["profit"] > 0), segments)


def _span(horizon) -> pd.Timedelta:
    # pandas takes a bare number for nanoseconds
    if isinstance(horizon, Real) or (isinstance(horizon, str) and horizon.strip().isdigit()):
        raise InputError(f"horizon={horizon!r} has no unit: write '{horizon}D' for days.")
    try:
        span = pd.Timedelta(horizon)
    except (TypeError, ValueError) as error:
        raise InputError(f"horizon={horizon!r} is no length of time ({error}): write '28D', say.") from error
    if span is pd.NaT or span <= pd.Timedelta(0):
        raise InputError(f"horizon={horizon!r} must be longer than nothing.")
    return span
