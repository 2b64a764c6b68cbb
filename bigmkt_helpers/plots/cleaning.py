"""Figures of chapter 01: gaps, outliers and what each step of cleaning brings."""

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["cleaning_steps", "largest_z", "missing_shares", "precision_and_recall"]


def missing_shares(table, across, title="Where are the gaps?"):
    """Share of missing values of several columns over ordered groups, one line per column.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: labels of the groups, in order; one column per column of the data, shares from 0 to 1.
    across : str
        What the groups are.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    place = np.arange(len(table))
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for number, (name, shares) in enumerate(table.items()):
            colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
            axes.plot(place, 100 * shares, marker=marker, color=colour, linewidth=2, label=name)
            parts.append(f"{name} {shares.iloc[0]:.1%} in the first and {shares.iloc[-1]:.1%} in the last")
        axes.set_xticks(place, [str(label) for label in table.index])
        axes.set_ylim(bottom=0)
        axes.set(xlabel=across, ylabel="% missing")
        axes.legend(loc="upper left")
        axes.set_title(title)
    return describe(axes, f"Lines of the share missing by {across}: {'; '.join(parts)}.")


def largest_z(sizes, cut=3.0, title="In a small sample the z-score cannot exceed the cut"):
    """The largest z-score that a sample of each size can have, (n - 1) / √n, and a cut.

    Parameters
    ----------
    sizes : sequence of int
        Sample sizes, ascending.
    cut : float
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    sizes = np.asarray(sizes)
    bound = (sizes - 1) / np.sqrt(sizes)
    if not len(sizes) or sizes.min() < 2:
        raise InputError("largest_z needs sample sizes of 2 or more.")
    over = bound > cut
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for shown, fill, label in ((~over, "none", "never fires"), (over, "full", "can fire")):
            axes.plot(
                sizes[shown], bound[shown], "o", color=PALETTE[0], fillstyle=fill, label=f"the cut {label}"
            )
        axes.axhline(cut, color=PALETTE[1], linestyle="--", label=f"cut at {cut:g}")
        axes.set_ylim(bottom=0)
        axes.set(xlabel="values in the sample", ylabel="largest possible z-score")
        axes.legend(loc="lower right")
        axes.set_title(title)
    first = f"from {sizes[over][0]} values on it can" if over.any() else "it never can"
    return describe(
        axes,
        f"Dots of the largest possible z-score: {bound[0]:.3f} for {sizes[0]} values, {bound[-1]:.3f} for "
        f"{sizes[-1]}; to exceed {cut:g}: {first}.",
    )


def cleaning_steps(table, ceiling=None, measure="bits closed per customer", title="What each step brings"):
    """A measure with its interval after each step of cleaning, from the first step down to the last.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: names of the steps in order; columns estimate, low, high.
    ceiling : tuple of (str, float), optional
        Name and value of what perfect data would give, drawn as a vertical line.
    measure, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    missing = [name for name in ("estimate", "low", "high") if name not in table.columns]
    if missing:
        raise InputError(f"cleaning_steps needs the columns estimate, low and high; missing: {missing[0]}.")
    place = np.arange(len(table))[::-1]
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.5 + 0.42 * len(table))
        axes.hlines(place, table["low"], table["high"], color=PALETTE[0], linewidth=2)
        axes.plot(table["estimate"], place, "o-", color=PALETTE[0], linewidth=0.8)
        for row, value, high in zip(place, table["estimate"], table["high"], strict=True):
            axes.annotate(
                f"{value:.3f}", (high, row), xytext=(6, 0), textcoords="offset points", va="center", size=10
            )
        if ceiling is not None:
            axes.axvline(ceiling[1], color=PALETTE[1], linestyle="--", label=ceiling[0])
            axes.legend(loc="lower left")
        axes.set_yticks(place, list(table.index))
        axes.set_xlim(left=min(0.0, float(table["low"].min())), right=float(table["high"].max()) * 1.15)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{measure}, 95% bootstrap interval over customers")
        axes.set_title(title)
    listed = "; ".join(
        f"{name} {row.estimate:.3f} [{row.low:.3f}, {row.high:.3f}]"
        for name, row in zip(table.index, list(table.itertuples()), strict=True)
    )
    beside = f" {ceiling[0].capitalize()}: {ceiling[1]:.3f}." if ceiling is not None else ""
    return describe(axes, f"Dots with intervals of {measure} after each step: {listed}.{beside}")


def precision_and_recall(table, title="Precision and recall of each kind of dirt"):
    """Precision and recall per kind, one line each, the worst recall on top.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: names of the kinds; columns precision and recall, from 0 to 1 (NaN: not drawn).
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = table.sort_values(["recall", "precision"], ascending=False, kind="stable")
    place = np.arange(len(table))
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.5 + 0.24 * len(table))
        axes.hlines(place, table["precision"], table["recall"], color="#BBBBBB", linewidth=2)
        for number, name in enumerate(("precision", "recall")):
            fill = "none" if number == 0 else "full"
            axes.plot(table[name], place, MARKERS[number], color=PALETTE[number], fillstyle=fill, label=name)
        axes.set_yticks(place, list(table.index), size=10)
        axes.set_xlim(-0.02, 1.04)
        axes.grid(axis="x", visible=True)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2)
        axes.set_title(title)
    worst = "; ".join(
        f"{name} {row.precision:.3f} and {row.recall:.3f}" for name, row in list(table.iterrows())[::-1][:5]
    )
    perfect = int(((table["precision"] == 1) & (table["recall"] == 1)).sum())
    return describe(
        axes,
        f"Dots of precision and recall for {len(table)} kinds; {perfect} have 1 and 1. The lowest recalls, "
        f"with precision first: {worst}.",
    )
