"""Figures of the ledger: bits against money, and what each kind of knowledge earns."""

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import PALETTE, STYLE, describe, new_axes

__all__ = ["LEDGER_MARKS", "knowledge_ladder", "ledger_chart"]

LEDGER_MARKS = {
    "baseline": ("s", PALETTE[4], "baseline"),
    "model": ("o", PALETTE[0], "model"),
    "ceiling": ("*", PALETTE[1], "ceiling"),
}
"""Marker, colour and name of each kind of row."""


def ledger_chart(table, currency="CNY", title="What is known, and what it earns"):
    """Every model of the ledger: bits closed across, money upwards; dashed lines mark the ceilings.

    Parameters
    ----------
    table : pandas.DataFrame
        As :meth:`bigmkt_helpers.information.Ledger.table` gives it: columns model, kind (baseline, model or
        ceiling), closed and gain, both with _low and _high.
    currency, title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a column or a value is missing, such as the money of a ledger without coupon terms.
    """
    needed = [
        "model",
        "kind",
        *(f"{name}{end}" for name in ("closed", "gain") for end in ("", "_low", "_high")),
    ]
    missing = [name for name in needed if name not in table.columns]
    if missing or not len(table):
        raise InputError(f"ledger_chart needs rows with the columns {needed}; missing: {missing or 'rows'}.")
    gaps = table[needed].isna().any(axis=1)
    if gaps.any():
        name = table["model"][gaps].iloc[0]
        raise InputError(f"Row {name!r} lacks bits or money: score with a truth and with coupon terms.")
    odd = table["kind"][~table["kind"].isin(list(LEDGER_MARKS))]
    if len(odd):
        raise InputError(f"There is no kind of row {odd.iloc[0]!r}: use one of {list(LEDGER_MARKS)}.")
    table = table.sort_values(["closed", "model"], kind="stable")
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=5.2)
        for kind, (marker, colour, name) in LEDGER_MARKS.items():
            rows = table[table["kind"] == kind]
            if rows.empty:
                continue
            axes.hlines(rows["gain"], rows["closed_low"], rows["closed_high"], color=colour, linewidth=1.2)
            axes.vlines(rows["closed"], rows["gain_low"], rows["gain_high"], color=colour, linewidth=1.2)
            axes.plot(
                rows["closed"],
                rows["gain"],
                marker,
                color=colour,
                markersize=13 if kind == "ceiling" else 8,
                markeredgecolor="white",
                label=name,
            )
        for row in table[table["kind"] == "ceiling"].itertuples():
            axes.axvline(row.closed, color=LEDGER_MARKS["ceiling"][1], linestyle="--", linewidth=1, zorder=0)
            axes.axhline(row.gain, color=LEDGER_MARKS["ceiling"][1], linestyle=":", linewidth=1, zorder=0)
        axes.margins(0.16, 0.08)
        _labels_apart(axes, table)
        axes.set_xlabel("bits closed per customer, with the 95% interval over customers")
        axes.set_ylabel(f"gain over no coupon, {currency} per 1,000 customers")
        # below the dotted lines, on white: a dashed line of a ceiling may pass there
        axes.legend(loc="lower right", frameon=True, facecolor="white", edgecolor="none", framealpha=1)
        axes.set_title(title)
    listed = "; ".join(
        f"{row.model} ({row.kind}) {row.closed:.3f} bits [{row.closed_low:.3f}, {row.closed_high:.3f}] and "
        f"{row.gain:,.0f} {currency} [{row.gain_low:,.0f}, {row.gain_high:,.0f}]"
        for row in table.itertuples()
    )
    return describe(
        axes, f"Points of bits closed and gain per 1,000 customers, from few bits to many: {listed}."
    )


def _labels_apart(axes, table):
    """The name of each row beside its interval.

    Where it would cover another name or another row's marker, it moves up or down, whichever is nearer, on a
    thin line.
    """
    axes.figure.canvas.draw()
    (first, floor), (last, _) = axes.transAxes.transform([(0, 0), (1, 1)])
    middle = (first + last) / 2
    per_point = axes.figure.dpi / 72
    table = table.sort_values(["gain", "closed"], kind="stable")
    markers = axes.transData.transform(table[["closed", "gain"]].to_numpy(dtype=float))
    to_the_right = markers[:, 0] < middle
    apart = np.abs(markers[:, None] - markers)
    # two points side by side across the middle: each name on its own side of the pair
    for one, other in np.argwhere((apart[..., 0] < 100) & (apart[..., 1] < 20)):
        if markers[one, 0] < middle <= markers[other, 0]:
            to_the_right[[one, other]] = False, True
    radii = np.where(table["kind"] == "ceiling", 6.5, 4.0) * per_point
    placed = []
    for place, row in enumerate(table.itertuples()):
        right = to_the_right[place]
        anchor = (row.closed_high if right else row.closed_low, row.gain)
        x, y = axes.transData.transform(anchor)
        width = 7.2 * len(row.model) + 8
        left = x if right else x - width
        taken = list(placed)
        for other, (at, up) in enumerate(markers):
            if other != place:
                taken.append((up, radii[other], at - radii[other], at + radii[other]))
        steps = sorted(np.arange(-600, 601, 3), key=lambda step: (abs(step), step < 0))
        free = (
            y + step
            for step in steps
            if (step >= 0 or y + step - 8.5 > floor)
            and not any(
                abs(y + step - at) < 8.5 + half and left < end and begin < left + width
                for at, half, begin, end in taken
            )
        )
        height = next(free, y)
        placed.append((height, 8.5, left, left + width))
        axes.annotate(
            row.model,
            anchor,
            xytext=(6 if right else -6, (height - y) / per_point),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            size=10,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.7} if height != y else None,
        )


def knowledge_ladder(table, currency="CNY", title="The more is known, the better the coupons"):
    """Gain of the coupon policy for every state of knowledge, one dot and interval each.

    Parameters
    ----------
    table : pandas.DataFrame
        As :meth:`bigmkt_helpers.information.CommonQuestion.value_ladder` gives it: index the knowledge;
        columns gain, gain_low, gain_high and times_blanket. The row of the blanket is drawn as a line across.
    currency, title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a column or the row "blanket" is missing.
    """
    missing = [c for c in ("gain", "gain_low", "gain_high", "times_blanket") if c not in table.columns]
    if missing or "blanket" not in table.index:
        raise InputError(f"knowledge_ladder needs {missing[0] if missing else 'the row blanket'!r}.")
    rungs = table.drop(index=[name for name in ("no coupon", "blanket") if name in table.index])
    blanket = float(table.loc["blanket", "gain"])
    place = np.arange(len(rungs))[::-1]
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.6 + 0.42 * len(rungs))
        axes.axvline(0, color="#555555")
        axes.axvline(blanket, color=PALETTE[1], linestyle="--")
        axes.annotate(
            f"the same coupon for all: {blanket:,.0f}",
            (blanket, len(rungs) - 0.42),
            xytext=(5, 0),
            textcoords="offset points",
            color=PALETTE[1],
            va="center",
            size=10,
        )
        axes.hlines(place, rungs["gain_low"], rungs["gain_high"], color=PALETTE[0], linewidth=2)
        axes.plot(rungs["gain"], place, "o", color=PALETTE[0], markersize=8)
        for at, row in zip(place, rungs.itertuples(), strict=True):
            times = "" if np.isnan(row.times_blanket) else f" = {row.times_blanket:.2f} blankets"
            axes.annotate(
                f"{row.gain:,.0f}{times}",
                (row.gain_high, at),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                size=10,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            )
        axes.set_yticks(place, list(rungs.index))
        axes.set_ylim(-0.6, len(rungs) - 0.15)
        low, high = min(0.0, float(rungs["gain_low"].min())), float(table["gain_high"].max())
        axes.set_xlim(low - 0.04 * (high - low), high + 0.45 * (high - low))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(
            f"gain over no coupon, {currency} per 1,000 customers\nwith the 95% interval over customers"
        )
        axes.set_title(title)
    listed = "; ".join(
        f"{row.Index} {row.gain:,.0f} [{row.gain_low:,.0f}, {row.gain_high:,.0f}]"
        for row in rungs.itertuples()
    )
    return describe(
        axes,
        f"Dots with intervals: gain over no coupon in {currency} per 1,000 customers by what is "
        f"known: {listed}; "
        f"the same coupon for all gains {blanket:,.0f}.",
    )
