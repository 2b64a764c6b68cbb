"""Demand by week: forecasts with intervals, examined from many origins.

Three forecasters of one kind: `SeasonalNaive` (the same week of the last season), `HoltWinters` (exponential
smoothing, written out) and `CalendarRegression` (trend, waves of the year, known events). Each has
``fit(series)`` and ``forecast(horizon, level)``. `rolling_origins` lets them forecast again and again from
what was known by then; `forecast_scores` says how they did.
"""

import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError, NotFittedError
from bigmkt_helpers.prediction import _checks

__all__ = [
    "CalendarRegression",
    "HoltWinters",
    "SeasonalNaive",
    "forecast_scores",
    "rolling_origins",
    "weekly_demand",
]

WEEK = pd.Timedelta(weeks=1)


def weekly_demand(
    orders,
    what: str = "orders",
    *,
    by: str | None = None,
    start=None,
    end=None,
    zone: str = "Asia/Shanghai",
    order_id: str = "order_id",
    time: str = "order_time",
):
    """Demand by calendar week (Monday to Sunday, where the shop is); a week without orders is 0, not absent.

    Parameters
    ----------
    orders : pandas.DataFrame
        One row per order line.
    what : str
        "orders" counts orders; else a column of amounts to be added up, such as "quantity" or "spend".
    by : str, optional
        A column, such as "category": one series to each value.
    start, end : date, optional
        First Monday, and the Monday after the last week. Without them the weeks of the first and the last
        order, which may be cut off: hand in the true limits of the data where you know them.
    zone : str
        Of the shop; times without a zone are taken as local.
    order_id, time : str
        Names of columns.

    Returns
    -------
    pandas.Series, or DataFrame with `by`
        Index: Mondays, without zone.

    Raises
    ------
    InputError
        A missing column or value; a start or end that is no Monday; nothing between the two.

    Examples
    --------
    >>> lines = pd.DataFrame({"order_id": [1, 1, 2],
    ...     "order_time": pd.to_datetime(["2025-01-05 17:00"] * 2 + ["2025-01-15 09:00"], utc=True)})
    >>> weekly_demand(lines).tolist()  # in Shanghai the first order is of Monday, 6 January
    [1.0, 1.0]
    """
    _checks.table(orders, "orders")
    need = [order_id, time, *([] if what == "orders" else [what]), *([by] if by else [])]
    for column in need:
        if column not in orders.columns:
            raise InputError(f"orders has no column {column!r}; it has {list(map(str, orders.columns))}.")
        if orders[column].isna().any():
            raise InputError(
                f"orders[{column!r}] is missing in row {orders.index[orders[column].isna()][0]}."
            )
    moments = orders[time]
    if not pd.api.types.is_datetime64_any_dtype(moments.dtype):
        raise InputError(f"orders[{time!r}] holds {moments.dtype}: turn it into times first (to_datetime).")
    local = moments.dt.tz_convert(zone).dt.tz_localize(None) if moments.dt.tz is not None else moments
    day = local.dt.normalize()
    monday = day - pd.to_timedelta(day.dt.day_of_week, unit="D")
    first = monday.min() if start is None else _monday(start, "start")
    after = monday.max() + WEEK if end is None else _monday(end, "end")
    if after <= first:
        raise InputError(f"There is no week from {first.date()} to {after.date()}.")
    weeks = pd.date_range(first, after - WEEK, freq="7D", name="week")
    keys = [monday] + ([orders[by]] if by else [])
    if what == "orders":
        counts = orders.groupby(keys, observed=True)[order_id].nunique()
    else:
        if not pd.api.types.is_numeric_dtype(orders[what].dtype):
            raise InputError(f"orders[{what!r}] is not a number: name a column of amounts.")
        counts = orders.groupby(keys, observed=True)[what].sum()
    table = counts.unstack() if by else counts
    return table.reindex(weeks).fillna(0.0).astype(float).rename_axis(index="week")


def _monday(value, name) -> pd.Timestamp:
    day = pd.Timestamp(value)
    if day is pd.NaT or day.tz is not None or day != day.normalize() or day.day_of_week != 0:
        raise InputError(f"{name} is {value!r}: give a Monday, as a day without time or zone.")
    return day


class _Forecaster:
    """What the forecasters share: the check of the series, logarithms, the table that comes out."""

    def _begin(self, series, least: int) -> np.ndarray:
        if not isinstance(series, pd.Series):
            raise InputError(f"The series is a {type(series).__name__}: pass what weekly_demand returns.")
        index = series.index
        if not isinstance(index, pd.DatetimeIndex) or (len(index) > 1 and (np.diff(index) != WEEK).any()):
            raise InputError("The index of the series must be weeks in order, without a gap.")
        values = series.to_numpy(dtype=float, na_value=np.nan)
        if not np.isfinite(values).all():
            raise InputError(f"The series is {values[~np.isfinite(values)][0]} in a week: fill it.")
        if len(values) < least:
            raise InputError(
                f"{type(self).__name__} needs {least} weeks at least; the series has {len(values)}."
            )
        if getattr(self, "log", False):
            if (values <= 0).any():
                week = index[(values <= 0).argmax()].date()
                raise InputError(f"The week of {week} is not above 0: take log=False.")
            values = np.log(values)
        self.index_ = index
        return values

    def _table(self, mean, deviation, level, horizon) -> pd.DataFrame:
        from scipy.special import ndtri

        z = ndtri((1 + _checks.share(level, "level")) / 2)
        out = np.column_stack([mean, mean - z * deviation, mean + z * deviation])
        if getattr(self, "log", False):
            # the middle of a lognormal is its median: half of the weeks lie above
            out = np.exp(out)
        else:
            out[:, 1] = np.maximum(out[:, 1], min(0.0, float(np.min(mean))))
        weeks = self.index_[-1] + WEEK * np.arange(1, horizon + 1)
        return pd.DataFrame(out, pd.DatetimeIndex(weeks, name="week"), ["forecast", "low", "high"])

    def _horizon(self, horizon) -> int:
        if not hasattr(self, "index_"):
            raise NotFittedError(f"{type(self).__name__} has learned nothing yet: call fit first.")
        return _checks.whole_number(horizon, "horizon", least=1)


def _late(errors, recent) -> np.ndarray:
    return errors if recent is None else errors[-_checks.whole_number(recent, "recent", least=2) :]


class SeasonalNaive(_Forecaster):
    """The same week of the last season; with a period of 1, the last week.

    Interval: normal, with the standard deviation of the seasonal differences, times the root of the number of
    seasons ahead (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, section
    5.5).

    Parameters
    ----------
    period : int
        Weeks of a season; 52 for a year.
    log : bool
        Whether differences are taken between logarithms, so that the interval is a factor.
    recent : int, optional
        Weeks whose differences set the width of the interval; all without it. A young shop's first weeks were
        noisier than its last.

    Examples
    --------
    >>> weeks = pd.Series([1.0, 2, 3, 4, 5, 6], pd.date_range("2025-01-06", periods=6, freq="7D"))
    >>> SeasonalNaive(3).fit(weeks).forecast(4)["forecast"].tolist()
    [4.0, 5.0, 6.0, 4.0]
    """

    def __init__(self, period: int = 52, log: bool = False, recent: int | None = 52):
        self.period = period
        self.log = log
        self.recent = recent

    def fit(self, series) -> "SeasonalNaive":
        """Take the last season, and the differences to the one before."""
        period = _checks.whole_number(self.period, "period", least=1)
        values = self._begin(series, period + 2)
        self.last_ = values[-period:]
        self.sigma_ = float(np.sqrt((_late(values[period:] - values[:-period], self.recent) ** 2).mean()))
        return self

    def forecast(self, horizon: int, level: float = 0.9) -> pd.DataFrame:
        """``forecast``, ``low``, ``high`` by week."""
        ahead = np.arange(self._horizon(horizon))
        seasons = ahead // self.period + 1
        return self._table(self.last_[ahead % self.period], self.sigma_ * np.sqrt(seasons), level, horizon)


class HoltWinters(_Forecaster):
    """Exponential smoothing: a level, a damped trend and, if wanted, a season; additive, or on logarithms.

    One week after the other, with error e = y - (l + φ b + s):

        l ← l + φ b + α e,   b ← φ b + α β e,   s ← s + γ e,

    and h weeks ahead l + (φ + … + φ^h) b + s. Interval: normal, variance σ² · (1 + Σ_{j<h} c_j²) with
    c_j = α (1 + β (φ + … + φ^j)) + γ · [j is a multiple of the period] (Hyndman, Koehler, Ord & Snyder,
    Forecasting with Exponential Smoothing, 2008, chapter 6 (unverified); the tests simulate it). α, β, γ, φ
    by least squares of the errors; the start is the mean and the slope of the first weeks.

    Parameters
    ----------
    period : int, optional
        Weeks of a season; it needs two whole seasons. Without it there is none.
    damping : float
        Greatest φ; the fit looks between 0.8 and this. 0 leaves out the trend.
    log : bool
        Whether the logarithm is smoothed: then trend and season multiply.
    recent : int, optional
        Weeks whose errors set the width of the interval, as in `SeasonalNaive`.

    Attributes
    ----------
    alpha_, beta_, gamma_, phi_, sigma_ : float
    level_, trend_ : float
        At the end of the series.
    season_ : ndarray
        The coming season, the next week first.

    Examples
    --------
    >>> weeks = pd.Series([20.0] * 12, pd.date_range("2025-01-06", periods=12, freq="7D"))
    >>> HoltWinters().fit(weeks).forecast(2).round(6).to_numpy().tolist()
    [[20.0, 20.0, 20.0], [20.0, 20.0, 20.0]]
    """

    def __init__(
        self,
        period: int | None = None,
        damping: float = 0.98,
        log: bool = False,
        recent: int | None = 52,
    ):
        self.period = period
        self.damping = damping
        self.log = log
        self.recent = recent

    def fit(self, series) -> "HoltWinters":
        """Find the smoothing that leaves the least squared error one week ahead."""
        from scipy.optimize import minimize

        if not 0 <= self.damping <= 1:
            raise InputError(f"damping is {self.damping!r}: it must lie between 0 and 1.")
        period = 0 if self.period is None else _checks.whole_number(self.period, "period", least=2)
        values = self._begin(series, max(10, 2 * period))
        start = self._start(values, period)
        trend = self.damping > 0
        low_phi = min(0.8, self.damping)
        bounds = [(1e-3, 0.999)] + ([(0, 0.999), (low_phi, self.damping)] if trend else [])
        bounds += [(0, 0.999)] if period else []

        def unpack(x):
            rest = list(x[1:])
            beta, phi = (rest.pop(0), rest.pop(0)) if trend else (0.0, 0.0)
            gamma = rest.pop(0) if period else 0.0
            return x[0], beta, phi, gamma

        def loss(x):
            errors = self._run(values, period, start, *unpack(x))[0]
            return float(errors @ errors) / scale

        scale = max(float(((values - values.mean()) ** 2).sum()), 1e-12)
        best = None
        for alpha in (0.1, 0.5):
            guess = [alpha] + ([0.05, (low_phi + self.damping) / 2] if trend else [])
            guess += [0.1] if period else []
            found = minimize(loss, guess, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
            if best is None or found.fun < best.fun:
                best = found
        self.alpha_, self.beta_, self.phi_, self.gamma_ = (float(v) for v in unpack(best.x))
        errors, self.level_, self.trend_, self.season_ = self._run(
            values, period, start, self.alpha_, self.beta_, self.phi_, self.gamma_
        )
        free = 1 - (len(bounds) + 1 + trend + max(period - 1, 0)) / len(values)
        self.sigma_ = float(np.sqrt((_late(errors, self.recent) ** 2).mean() / max(free, 0.5)))
        return self

    def _start(self, values, period):
        if period:
            first, second = values[:period].mean(), values[period : 2 * period].mean()
            slope = (second - first) / period
            line = first + slope * (np.arange(2 * period) - (period - 1) / 2)
            season = (values[: 2 * period] - line).reshape(2, period).mean(axis=0)
            return line[0] - slope, slope if self.damping else 0.0, season - season.mean()
        head = values[:10]
        slope, level = (
            np.polyfit(np.arange(1, len(head) + 1), head, 1) if self.damping else (0.0, head.mean())
        )
        return level, slope, np.zeros(1)

    @staticmethod
    def _run(values, period, start, alpha, beta, phi, gamma):
        level, trend, season = start[0], start[1], start[2].tolist()
        errors, k = np.empty(len(values)), max(period, 1)
        for t, value in enumerate(values.tolist()):
            s = season[t % k]
            e = value - (level + phi * trend + s)
            level, trend = level + phi * trend + alpha * e, phi * trend + alpha * beta * e
            season[t % k] = s + gamma * e
            errors[t] = e
        at = len(values) % k
        return errors, level, trend, np.array(season[at:] + season[:at])

    def forecast(self, horizon: int, level: float = 0.9) -> pd.DataFrame:
        """``forecast``, ``low``, ``high`` by week."""
        ahead = np.arange(1, self._horizon(horizon) + 1)
        damped = np.cumsum(self.phi_**ahead)
        k = len(self.season_)
        mean = self.level_ + damped * self.trend_ + self.season_[(ahead - 1) % k]
        c = self.alpha_ * (1 + self.beta_ * damped)
        if self.period:
            c = c + self.gamma_ * (ahead % k == 0)
        spread = np.sqrt(1 + np.r_[0.0, np.cumsum(c**2)[:-1]])
        return self._table(mean, self.sigma_ * spread, level, horizon)


class CalendarRegression(_Forecaster):
    """Linear regression of the logarithm on trend, waves of the year and known events.

    Column by column: the weeks since the start (a line that bends: also its logarithm), ``waves`` pairs of
    sine and cosine with periods of a year, half a year …, one column per kind of event. Waves and events are
    held back by a ridge; the line is free. The last error is carried forward, shrinking by the correlation
    of neighbouring errors. The interval adds the error of the coefficients to that of the week.

    Parameters
    ----------
    events : dict of {name: days}, optional
        Days of known events, past and to come, such as ``{"11.11": ["2024-11-11", "2025-11-11"]}``; a column
        counts those in the week. Future events must be known by then: a holiday is, a flash sale is not.
    waves : int
    penalty : float
        Above 0; of the waves and events.
    log : bool
        Whether the logarithm is regressed.

    Attributes
    ----------
    coefficients_ : pandas.Series
    sigma_, carry_ : float
        Standard deviation of a week's own error; correlation of neighbouring errors (0 to 0.95).

    Examples
    --------
    >>> weeks = pd.Series(np.exp(np.arange(60) / 50), pd.date_range("2025-01-06", periods=60, freq="7D"))
    >>> model = CalendarRegression(waves=0).fit(weeks)
    >>> model.forecast(2)["forecast"].round(2).tolist()
    [3.32, 3.39]
    """

    def __init__(self, events=None, waves: int = 2, penalty: float = 1.0, log: bool = True):
        self.events = events
        self.waves = waves
        self.penalty = penalty
        self.log = log

    def fit(self, series) -> "CalendarRegression":
        """Least squares with a ridge, then the persistence of the errors."""
        _checks.whole_number(self.waves, "waves", least=0)
        if not _checks.not_negative(self.penalty, "penalty") > 0:
            raise InputError("penalty is 0: waves that a short series cannot tell apart need one above 0.")
        y = self._begin(series, 12)
        self.days_ = {
            name: pd.DatetimeIndex(pd.to_datetime(list(d))) for name, d in (self.events or {}).items()
        }
        X = self._columns(self.index_)
        held = np.diag([0.0 if c.startswith(("one", "trend")) else float(self.penalty) for c in X.columns])
        A = X.to_numpy()
        self.inverse_ = np.linalg.inv(A.T @ A + held + 1e-9 * np.eye(A.shape[1]))
        coefficients = self.inverse_ @ A.T @ y
        self.coefficients_ = pd.Series(coefficients, X.columns)
        errors = y - A @ coefficients
        free = len(y) - np.trace(self.inverse_ @ A.T @ A)
        squared = float(errors @ errors)
        both = float(errors[1:] @ errors[:-1])
        self.carry_ = float(np.clip(both / squared, 0, 0.95)) if squared > 1e-18 * len(y) else 0.0
        self.sigma_ = float(np.sqrt(squared / max(free, 1.0)))
        self.last_ = float(errors[-1])
        return self

    def _columns(self, index) -> pd.DataFrame:
        t = ((index - self.index_[0]) / WEEK).to_numpy(float)
        columns = {"one": np.ones(len(t)), "trend": t / 52, "trend_log": np.log1p(t)}
        # the calendar's year, so that a wave means the same in every series
        year = 2 * np.pi * (index.day_of_year.to_numpy() + 2.5) / 365.25
        for k in range(1, self.waves + 1):
            columns |= {f"sine {k}": np.sin(k * year), f"cosine {k}": np.cos(k * year)}
        for name, days in self.days_.items():
            mondays = days.normalize() - pd.to_timedelta(days.day_of_week, unit="D")
            columns[f"event {name}"] = (
                pd.Series(1.0, mondays).groupby(level=0).sum().reindex(index).fillna(0.0)
            )
        return pd.DataFrame({name: np.asarray(values) for name, values in columns.items()}, index=index)

    def forecast(self, horizon: int, level: float = 0.9) -> pd.DataFrame:
        """``forecast``, ``low``, ``high`` by week."""
        ahead = np.arange(1, self._horizon(horizon) + 1)
        X = self._columns(pd.DatetimeIndex(self.index_[-1] + WEEK * ahead)).to_numpy()
        mean = X @ self.coefficients_.to_numpy() + self.last_ * self.carry_**ahead
        own = 1 - self.carry_ ** (2 * ahead)
        unsure = np.einsum("ij,jk,ik->i", X, self.inverse_, X)
        return self._table(mean, self.sigma_ * np.sqrt(own + unsure), level, horizon)


def rolling_origins(
    series, forecasters, horizon: int = 8, first: int = 60, step: int = 4, level: float = 0.9
) -> pd.DataFrame:
    """Forecasts from many origins, each from the weeks before it alone.

    Parameters
    ----------
    series : pandas.Series
        As `weekly_demand` gives it.
    forecasters : dict of {name: forecaster}
        Fitted anew at every origin.
    horizon : int
        Weeks ahead.
    first : int
        Weeks known at the first origin.
    step : int
        Weeks from one origin to the next; the last origin is the last with a whole horizon after it.
    level : float
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row per forecaster, origin and week ahead: ``model``, ``origin`` (weeks known), ``ahead``,
        ``week``, ``forecast``, ``low``, ``high``, ``seen``.

    Raises
    ------
    InputError
        No origin has a whole horizon after it; as the forecasters' own.
    """
    _checks.whole_number(horizon, "horizon", least=1)
    _checks.whole_number(first, "first", least=2)
    _checks.whole_number(step, "step", least=1)
    if not isinstance(series, pd.Series) or len(series) < first + horizon:
        raise InputError(
            f"{first} known weeks and a horizon of {horizon} need {first + horizon} weeks at least."
        )
    rows = []
    for name, forecaster in forecasters.items():
        for origin in range(first, len(series) - horizon + 1, step):
            found = forecaster.fit(series.iloc[:origin]).forecast(horizon, level)
            part = found.reset_index().assign(model=name, origin=origin, ahead=range(1, horizon + 1))
            rows.append(part.assign(seen=series.iloc[origin : origin + horizon].to_numpy(float)))
    columns = ["model", "origin", "ahead", "week", "forecast", "low", "high", "seen"]
    return pd.concat(rows, ignore_index=True)[columns]


def forecast_scores(
    table,
    series,
    period: int = 1,
    level: float = 0.9,
    n_resamples: int = 2000,
    against: str | None = None,
) -> pd.DataFrame:
    """How good the forecasts were, and whether the intervals held what they promised.

    MASE: the mean absolute error over the mean absolute error, in the weeks known at the origin, of saying
    what was `period` weeks before (Hyndman & Koehler, International Journal of Forecasting 22,
    2006). Under 1 is better than that was within the sample.

    Parameters
    ----------
    table : pandas.DataFrame
        As `rolling_origins` gives it.
    series : pandas.Series
        The same series; it sets the scale.
    period : int
        Of the scale; 52 compares with the same week a year ago.
    level : float
        Of the bootstrap intervals over origins (whole origins are drawn: their weeks hang together; origins
        closer than the horizon overlap, so that the intervals are a little short).
    n_resamples : int
    against : str, optional
        A model of the table. Adds the difference in MASE to it, paired: the mean over origins of the model's
        error less the other's from the same origin, so that what made a period hard for both drops out.

    Returns
    -------
    pandas.DataFrame
        Index: models, the best first; ``mase`` with ``low`` and ``high``, ``mae`` (units of the series),
        ``bias`` (mean of forecast - seen), ``coverage`` (share of weeks inside the interval) with
        ``coverage_low`` and ``coverage_high``, ``width`` (mean width over the mean seen), ``origins``.
        With `against` also ``gap`` with ``gap_low`` and ``gap_high``: under 0 the model errs less.

    Raises
    ------
    InputError
        A missing column; fewer than two origins; a series that does not move in `period` weeks; an `against`
        that is not in the table, or that forecast other weeks than the rest.

    Examples
    --------
    >>> weeks = pd.Series([1.0, 2, 4, 3] * 6, pd.date_range("2025-01-06", periods=24, freq="7D"))
    >>> models = {"season": SeasonalNaive(4), "last week": SeasonalNaive(1)}
    >>> table = rolling_origins(weeks, models, horizon=4, first=8, step=4)
    >>> forecast_scores(table, weeks, against="last week")["gap"].round(2).tolist()
    [-0.69, 0.0]
    """
    from bigmkt_helpers.information import resampled_means

    columns = {"model", "origin", "forecast", "low", "high", "seen"} | ({"week"} if against else set())
    need = columns - set(table.columns)
    if need or not len(table):
        raise InputError(
            f"The table has no {sorted(need)[0] if need else 'rows'}: hand in rolling_origins' own."
        )
    _checks.whole_number(period, "period", least=1)
    _checks.share(level, "level")
    values = series.to_numpy(float)
    moved = np.abs(values[period:] - values[:-period])
    scale = {o: moved[: o - period].mean() if o > period else np.nan for o in table["origin"].unique()}
    if not all(s > 0 for s in scale.values()):
        raise InputError(
            f"The series shows no change over {period} weeks before an origin: MASE has no scale."
        )
    error = (table["forecast"] - table["seen"]).abs()
    judged = table.assign(
        scaled=error / table["origin"].map(scale),
        error=error,
        inside=((table["seen"] >= table["low"]) & (table["seen"] <= table["high"])).astype(float),
    )
    rows, other = {}, None
    if against is not None:
        other = judged[judged["model"] == against].set_index(["origin", "week"])["scaled"].sort_index()
        if not len(other):
            known = list(map(str, judged["model"].unique()))
            raise InputError(f"against={against!r} is no model of the table; it has {known}.")
    for name, part in judged.groupby("model", sort=False):
        by = part.groupby("origin")[["scaled", "inside"]].mean()
        if len(by) < 2:
            raise InputError("Intervals need two origins at least: take a smaller step or an earlier first.")
        drawn = resampled_means(by.to_numpy(), n_resamples)
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        rows[name] = {
            "mase": part["scaled"].mean(),
            "low": low[0],
            "high": high[0],
            "mae": part["error"].mean(),
            "bias": (part["forecast"] - part["seen"]).mean(),
            "coverage": part["inside"].mean(),
            "coverage_low": low[1],
            "coverage_high": high[1],
            "width": (part["high"] - part["low"]).mean() / part["seen"].mean(),
            "origins": len(by),
        }
        if other is not None:
            own = part.set_index(["origin", "week"])["scaled"].sort_index()
            if not own.index.equals(other.index):
                raise InputError(
                    f"{name} and {against} forecast other weeks: a paired difference needs the same origins "
                    "and horizon."
                )
            apart = (own - other).groupby("origin").mean().to_numpy()[:, None]
            drawn = resampled_means(apart, n_resamples)[:, 0]
            low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
            rows[name] |= {"gap": (own - other).mean(), "gap_low": low, "gap_high": high}
    return (
        pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").sort_values("mase", kind="stable")
    )
