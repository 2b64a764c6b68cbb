"""Figures of chapter 11: lift, profit by threshold, calibration, importance, demand."""

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = [
    "calibration_curves",
    "demand_forecast",
    "gain_curves",
    "importance_bars",
    "partial_dependence_curve",
    "profit_curve",
]


def gain_curves(tables, label="buyers", title="How many are found, by how many are contacted"):
    """Cumulative gain of one or more models, with the lines of chance and of perfect knowledge.

    Parameters
    ----------
    tables : pandas.DataFrame or dict of {name: pandas.DataFrame}
        As ``prediction.gains_table`` gives it, all of the same customers.
    label, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    tables = _named(tables, "gain_curves", ["customers", "captured", "hits", "n"])
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.2)
        one = next(iter(tables.values()))
        rate = one["hits"].sum() / one["n"].sum()
        axes.plot([0, rate, 1], [0, 1, 1], color="#555555", linestyle=":", label="perfect")
        axes.plot([0, 1], [0, 1], color="#555555", linestyle="--", label="chance")
        for number, (name, table) in enumerate(tables.items()):
            axes.plot(
                np.r_[0, table["customers"]],
                np.r_[0, table["captured"]],
                color=PALETTE[number % len(PALETTE)],
                marker=MARKERS[number % len(MARKERS)],
                label=name or "model",
            )
            shown = [table.iloc[0], table.iloc[min(1, len(table) - 1)]]
            found = ", ".join(f"{row['captured']:.1%} in the top {row['customers']:.0%}" for row in shown)
            parts.append(f"{name + ' ' if name else ''}finds {found}")
        axes.set(xlabel="share of customers contacted", ylabel=f"share of {label} found")
        axes.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
        axes.set(xlim=(0, 1), ylim=(0, 1.03))
        axes.legend(loc="lower right")
        axes.set_title(title)
    return describe(axes, f"Gain curves, {rate:.1%} are {label}: {'; '.join(parts)}.")


def profit_curve(table, thresholds=None, currency="CNY", title="What a threshold earns"):
    """Profit per 1,000 customers by share contacted; marks where each rule puts its threshold.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``prediction.profit_by_threshold`` gives it.
    thresholds : dict of {name: float}, optional
        Rules and their thresholds.
    currency, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    _need(table, "profit_curve", ["threshold", "contacted", "profit"])
    best = table.loc[table["profit"].idxmax()]
    parts = [f"greatest {best['profit']:,.0f} at {best['contacted']:.1%} contacted"]
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.0)
        axes.plot(table["contacted"], table["profit"], color="#555555", linewidth=1.5)
        axes.axhline(0, color="#555555", linewidth=0.8)
        for number, (name, value) in enumerate((thresholds or {}).items()):
            row = table[table["threshold"] >= value].iloc[-1]
            axes.plot(
                row["contacted"],
                row["profit"],
                MARKERS[number % len(MARKERS)],
                color=PALETTE[number % len(PALETTE)],
                markersize=9,
                label=f"{name} ({value:.3g})",
            )
            parts.append(f"{name} {row['profit']:,.0f} at {row['contacted']:.1%} (threshold {value:.3g})")
        axes.set(xlabel="share of customers contacted", ylabel=f"profit per 1,000 customers ({currency})")
        axes.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
        axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
        if thresholds:
            axes.legend()
        axes.set_title(title)
    return describe(axes, f"Profit per 1,000 customers in {currency} by share contacted: {'; '.join(parts)}.")


def calibration_curves(tables, title="Do stated probabilities come true?"):
    """Stated against seen, with intervals; on the diagonal if the probabilities are right.

    Parameters
    ----------
    tables : pandas.DataFrame or dict of {name: pandas.DataFrame}
        As ``prediction.calibration_table`` or ``information.reliability_table`` gives it.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    columns = ["stated", "observed", "observed_low", "observed_high"]
    tables = _named(tables, "calibration_curves", columns)
    parts, top = [], 0.0
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.2)
        for number, (name, table) in enumerate(tables.items()):
            below = (table["observed"] - table["observed_low"]).clip(lower=0)
            above = (table["observed_high"] - table["observed"]).clip(lower=0)
            axes.errorbar(
                table["stated"],
                table["observed"],
                yerr=[below, above],
                color=PALETTE[number % len(PALETTE)],
                marker=MARKERS[number % len(MARKERS)],
                linewidth=1,
                capsize=3,
                label=name or None,
            )
            top = max(top, float(table["stated"].max()), float(table["observed_high"].max()))
            inside = table["stated"].between(table["observed_low"], table["observed_high"])
            first, last = table.iloc[0], table.iloc[-1]
            parts.append(
                f"{name + ': ' if name else ''}lowest group stated {first['stated']:.1%}, seen "
                f"{first['observed']:.1%}; highest stated {last['stated']:.1%}, seen {last['observed']:.1%}; "
                f"{int(inside.sum())} of {len(table)} intervals hold the stated value"
            )
        axes.plot([0, top], [0, top], color="#555555", linestyle="--", zorder=0)
        axes.set(xlabel="stated probability", ylabel="share seen")
        axes.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
        if any(tables):
            axes.legend()
        axes.set_title(title)
    return describe(axes, f"Stated probability against share seen. {'. '.join(parts)}.")


def importance_bars(table, n=10, title="What the model goes by"):
    """Bits per customer lost without each column, with intervals, the most important on top.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``prediction.permutation_importance`` gives it.
    n : int
        Bars at most.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    _need(table, "importance_bars", ["bits", "low", "high"])
    shown = table.iloc[:n]
    at = np.arange(len(shown))[::-1]
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.2 + 0.32 * len(shown))
        axes.barh(at, shown["bits"], color=PALETTE[5])
        axes.hlines(at, shown["low"], shown["high"], color="black", linewidth=1.5)
        axes.axvline(0, color="#555555", linewidth=0.8)
        axes.set_yticks(at, [str(name) for name in shown.index])
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("bits per customer lost when the column is shuffled")
        axes.set_title(title)
    listed = "; ".join(f"{r.Index} {r.bits:.3f} [{r.low:.3f}, {r.high:.3f}]" for r in shown.itertuples())
    return describe(axes, f"Bars of the bits per customer lost without a column: {listed}.")


def partial_dependence_curve(table, column="value", label="mean probability", title=None):
    """Mean answer of the model by one column, with the interval; dashes are the quartiles of the customers.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``prediction.partial_dependence`` gives it.
    column, label : str
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    _need(table, "partial_dependence_curve", ["mean", "low", "high", "lower", "upper"])
    numeric = table.index.dtype.kind in "iufb"
    x = table.index.to_numpy(float) if numeric else np.arange(len(table))
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=3.8)
        if numeric:
            axes.plot(x, table["lower"], "--", color="#555555", linewidth=1)
            axes.plot(x, table["upper"], "--", color="#555555", linewidth=1)
            axes.fill_between(x, table["low"], table["high"], color=PALETTE[0], alpha=0.25, linewidth=0)
            axes.plot(x, table["mean"], "o-", color=PALETTE[0])
        else:
            axes.vlines(x, table["lower"], table["upper"], color="#555555", linewidth=1, linestyle="--")
            axes.vlines(x, table["low"], table["high"], color=PALETTE[0], linewidth=3)
            axes.plot(x, table["mean"], "o", color=PALETTE[0])
            axes.set_xticks(x, [str(v) for v in table.index], rotation=30, ha="right")
        axes.set(xlabel=column, ylabel=label)
        axes.set_title(title or f"How the model's answer moves with {column}")
    first, last = table["mean"].iloc[0], table["mean"].iloc[-1]
    return describe(
        axes,
        f"{label[:1].upper()}{label[1:]} by {column}: {first:.3f} at {_text(table.index[0])}, {last:.3f} at "
        f"{_text(table.index[-1])}; least {table['mean'].min():.3f}, most {table['mean'].max():.3f}.",
    )


def demand_forecast(series, forecast, seen=None, level=0.9, label="orders", title="Demand by week"):
    """The past, the forecast with its interval, and, where it is known, what then came.

    Parameters
    ----------
    series : pandas.Series
        The weeks known when the forecast was made.
    forecast : pandas.DataFrame
        ``forecast``, ``low``, ``high`` by week.
    seen : pandas.Series, optional
        What came, by week.
    level : float
        Of the interval; for the description.
    label, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    _need(forecast, "demand_forecast", ["forecast", "low", "high"])
    text = (
        f"{len(series)} weeks of {label}, the last {series.iloc[-1]:,.0f}; forecast for {len(forecast)} "
        f"weeks from {forecast['forecast'].iloc[0]:,.0f} [{forecast['low'].iloc[0]:,.0f}, "
        f"{forecast['high'].iloc[0]:,.0f}] to {forecast['forecast'].iloc[-1]:,.0f} "
        f"[{forecast['low'].iloc[-1]:,.0f}, {forecast['high'].iloc[-1]:,.0f}], interval {level:.0%}"
    )
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=3.8)
        axes.plot(series.index, series, color="#555555", linewidth=1.2, label="known")
        axes.fill_between(
            forecast.index, forecast["low"], forecast["high"], color=PALETTE[0], alpha=0.25, linewidth=0
        )
        axes.plot(
            forecast.index, forecast["forecast"], "o-", color=PALETTE[0], markersize=4, label="forecast"
        )
        if seen is not None:
            came = seen.reindex(forecast.index).dropna()
            axes.plot(came.index, came, "s", color=PALETTE[1], markersize=5, label="what came")
            held = came.between(forecast.loc[came.index, "low"], forecast.loc[came.index, "high"])
            text += f"; {int(held.sum())} of {len(came)} weeks fell inside"
        axes.set_ylabel(f"{label} a week")
        axes.set_ylim(0, None)
        axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
        axes.legend(loc="upper left")
        axes.set_title(title)
    return describe(axes, f"Line of {text}.")


def _text(value) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _need(table, name, columns) -> None:
    missing = [c for c in columns if c not in getattr(table, "columns", [])]
    if missing or not len(table):
        raise InputError(f"{name} needs a table with {missing[0] if missing else 'rows'}.")


def _named(tables, name, columns) -> dict:
    tables = dict(tables) if isinstance(tables, dict) else {"": tables}
    if not tables:
        raise InputError(f"{name} needs at least one table.")
    for table in tables.values():
        _need(table, name, columns)
    return tables
