"""Figures of chapter 12: repeat sales, recency and frequency, calibration by decile, survival."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = [
    "decile_calibration",
    "iso_value_curves",
    "recency_frequency_matrix",
    "sales_tracking",
    "survival_curves",
]

_LINES = ("-", "--", ":", "-.")


def sales_tracking(tracks, cumulative=True, unit="week", title="Repeat sales, and what the models expected"):
    """Repeat purchases over time: seen, and as each model expects them; a line where the holdout begins.

    Parameters
    ----------
    tracks : dict of {name: pandas.DataFrame}
        As ``clv.track_repeat_sales`` gives them, all over the same periods.
    cumulative : bool
        Running totals, or purchases of each period.
    unit, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not tracks:
        raise InputError("sales_tracking needs the track of at least one model.")
    first = next(iter(tracks.values()))
    if any(not track.index.equals(first.index) for track in tracks.values()):
        raise InputError("The tracks cover different periods: make them with the same end and step.")
    ending = "_cumulative" if cumulative else ""
    seen = first[f"actual{ending}"]
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        axes.plot(seen.index, seen, color="black", linewidth=2, label="seen")
        for number, (name, track) in enumerate(tracks.items()):
            axes.plot(
                track.index,
                track[f"expected{ending}"],
                color=PALETTE[number],
                linestyle=_LINES[1 + number % 3],
                marker=MARKERS[number],
                markevery=max(len(track) // 8, 1),
                label=name,
            )
        held = first.index[first["holdout"]]
        if len(held):
            axes.axvline(held[0] - (first.index[1] - first.index[0]) / 2, color="#555555", linewidth=1)
            axes.text(held[0], 0.02, " holdout", color="#555555", transform=axes.get_xaxis_transform())
        axes.set(xlabel=f"{unit}s since the first purchase of all", ylabel="repeat purchases", ylim=(0, None))
        axes.legend(loc="upper left" if cumulative else "upper right")
        axes.set_title(title)
    parts = []
    for name, track in tracks.items():
        if cumulative:
            end = float(track[f"expected{ending}"].iloc[-1])
            parts.append(f"{name} expects {end:,.0f} ({end / float(seen.iloc[-1]) - 1:+.1%})")
        else:
            error = float((track["expected"] - track["actual"])[track["holdout"]].abs().mean())
            parts.append(f"{name} is off by {error:,.1f} per {unit} in the holdout")
    what = f"{float(seen.iloc[-1]):,.0f} repeat purchases" if cumulative else f"repeat purchases per {unit}"
    return describe(axes, f"{what} by {unit} {first.index[-1]:g}; {'; '.join(parts)}.")


def recency_frequency_matrix(
    model, T, most=20, horizon=None, n=40, unit="week", title="What recency and frequency say together"
):
    """P(alive), or expected purchases, for each frequency and recency; all were first seen T ago.

    Parameters
    ----------
    model : BGNBD or ParetoNBD
        Fitted.
    T : float
        Time since the first purchase, in the model's unit.
    most : int
        Highest frequency shown.
    horizon : float or pd.Timedelta, optional
        Show expected purchases in it; without it P(alive).
    n : int
        Steps of recency.
    unit, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    table, recencies = _grid(T, most, n)
    if horizon is None:
        values, label = model.probability_alive(table), "P(alive)"
    else:
        values, label = model.expected_purchases(table, horizon), "expected purchases"
    cells = values.to_numpy().reshape(most, n)
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.4)
        picture = axes.imshow(
            cells, origin="lower", aspect="auto", cmap="cividis", extent=(0, float(T), 0.5, most + 0.5)
        )
        axes.set(xlabel=f"recency ({unit}s from the first to the last purchase)", ylabel="repeat purchases")
        axes.grid(visible=False)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.figure.colorbar(picture, ax=axes, label=label)
        axes.set_title(title)
    half = n // 2 - 1
    shown = [f"{cells[row, column]:.3g}" for row in (-1, 0) for column in (-1, half)]
    words = (
        f"{label} of customers first seen {float(T):g} {unit}s ago, for 1 to {most} repeat purchases: "
        f"with {most}, {shown[0]} if the last was at {recencies[-1]:.3g} {unit}s and {shown[1]} at "
        f"{recencies[half]:.3g}; with 1, {shown[2]} and {shown[3]}."
    )
    return describe(axes, words)


def iso_value_curves(
    model,
    T,
    spend,
    horizon,
    levels=None,
    most=20,
    n=60,
    unit="week",
    currency="CNY",
    title="Customers of equal value",
    **terms,
):
    """Lines of equal value over recency and frequency: a frequent customer who went silent may be worth less.

    Parameters
    ----------
    model, T, most, n, unit, title
        As for `recency_frequency_matrix`.
    spend : float
        Expected spend per purchase, the same for all.
    horizon : float or pd.Timedelta
    levels : sequence of float, optional
        Values drawn.
    currency : str
    **terms
        margin, discount and discount_period of ``clv.customer_value``.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from bigmkt_helpers.clv import customer_value

    table, recencies = _grid(T, most, n)
    values = customer_value(model, table, horizon, spend, **terms)["value"].to_numpy().reshape(most, n)
    if levels is None:
        levels = np.unique(
            np.array([float(f"{v:.1g}") for v in np.quantile(values, [0.4, 0.6, 0.7, 0.8, 0.9, 0.97])])
        )
    levels = np.sort(np.asarray(levels, dtype=float))
    frequencies = np.arange(1, most + 1)
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.4)
        lines = axes.contour(recencies, frequencies, values, levels=levels, colors=PALETTE[0])
        axes.clabel(lines, fmt=lambda v: f"{v:,.3g}")
        axes.set(
            xlabel=f"recency ({unit}s from the first to the last purchase)",
            ylabel="repeat purchases",
            xlim=(0, float(T)),
            ylim=(1, most),
        )
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(title)
    place = int(0.6 * n)
    middle = values[:, place]
    best = int(middle.argmax())
    shown = ", ".join(f"{level:,.3g}" for level in levels)
    return describe(
        axes,
        f"Curves of equal value ({currency}) at {shown}, for customers first seen {float(T):g} {unit}s ago; "
        f"with the last purchase at {recencies[place]:.3g} {unit}s value is highest, {middle[best]:,.3g}, at "
        f"{frequencies[best]} repeat purchases, and {middle[-1]:,.3g} at {most}.",
    )


def decile_calibration(table, label="value (CNY)", title="Predicted against seen, by decile"):
    """Mean predicted and mean seen of each group, with intervals, on the diagonal if the model is right.

    The axes are logarithmic where all is above 0: the poorer groups would lie on one spot otherwise.

    Parameters
    ----------
    table : pandas.DataFrame or dict of {name: pandas.DataFrame}
        As ``clv.calibration_by_decile`` gives it.
    label, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    tables = {"": table} if isinstance(table, pd.DataFrame) else dict(table)
    if not tables:
        raise InputError("decile_calibration needs at least one table.")
    parts, top = [], 0.0
    bottom = min(float(one[["predicted", "seen", "low"]].min(axis=None)) for one in tables.values())
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.4)
        for number, (name, one) in enumerate(tables.items()):
            error = [(one["seen"] - one["low"]).clip(lower=0), (one["high"] - one["seen"]).clip(lower=0)]
            axes.errorbar(
                one["predicted"],
                one["seen"],
                yerr=error,
                color=PALETTE[number],
                marker=MARKERS[number],
                linestyle="none",
                capsize=3,
                label=name or None,
            )
            top = max(top, float(one["predicted"].max()), float(one["high"].max()))
            inside = int(((one["predicted"] >= one["low"]) & (one["predicted"] <= one["high"])).sum())
            parts.append(
                f"{name + ': ' if name else ''}highest group predicted {one['predicted'].iloc[0]:,.4g}, seen "
                f"{one['seen'].iloc[0]:,.4g}; lowest {one['predicted'].iloc[-1]:,.4g}, seen "
                f"{one['seen'].iloc[-1]:,.4g}; {inside} of {len(one)} predictions lie in the interval"
            )
        axes.plot([max(bottom, 0), top], [max(bottom, 0), top], color="#555555", linestyle="--", zorder=0)
        if bottom > 0:
            axes.set(xscale="log", yscale="log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
                axis.set_minor_formatter(NullFormatter())
        axes.set(xlabel=f"predicted {label}", ylabel=f"seen {label}")
        if any(tables):
            axes.legend()
        axes.set_title(title)
    return describe(axes, f"Groups of equal size by prediction. {'. '.join(parts)}.")


def survival_curves(curves, unit="week", title="How long customers stay"):
    """Kaplan-Meier curves as steps, each with its interval.

    Parameters
    ----------
    curves : pandas.DataFrame or dict of {name: pandas.DataFrame}
        As ``clv.kaplan_meier`` gives them.
    unit, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    curves = {"": curves} if isinstance(curves, pd.DataFrame) else dict(curves)
    if not curves:
        raise InputError("survival_curves needs at least one curve.")
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for number, (name, curve) in enumerate(curves.items()):
            axes.step(
                curve.index,
                curve["survival"],
                where="post",
                color=PALETTE[number],
                linestyle=_LINES[number % 4],
                label=name or None,
            )
            axes.fill_between(
                curve.index,
                curve["low"],
                curve["high"],
                step="post",
                color=PALETTE[number],
                alpha=0.2,
                linewidth=0,
            )
            below = curve.index[curve["survival"] <= 0.5]
            half = f"half have left by {below[0]:g}" if len(below) else "less than half have left"
            last = curve.iloc[-1]
            parts.append(
                f"{name + ': ' if name else ''}{last['survival']:.1%} stay beyond {unit} {curve.index[-1]:g} "
                f"[{last['low']:.1%}, {last['high']:.1%}], {half}"
            )
        axes.set(xlabel=f"{unit}s", ylabel="share still there", ylim=(0, 1.02))
        if any(curves):
            axes.legend()
        axes.set_title(title)
    return describe(axes, f"Share of customers still there. {'; '.join(parts)}.")


def _grid(T, most, n):
    if not np.isfinite(T) or T <= 0 or most < 1 or n < 4:
        raise InputError("The grid needs a T above 0, at least one purchase and four steps of recency.")
    recencies = np.arange(1, n + 1) * float(T) / n
    table = pd.DataFrame(
        {
            "frequency": np.repeat(np.arange(1, most + 1), n),
            "recency": np.tile(recencies, most),
            "T": float(T),
        }
    )
    return table, recencies
