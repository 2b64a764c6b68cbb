"""Figures of chapter 04: what texts find, where they help, and what sells."""

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["feature_effects", "rank_by_support", "two_recoveries"]


def two_recoveries(table, x="category", y="style", xlabel=None, ylabel=None, title=None):
    """Readings of the same texts: how well each finds one truth, against how well it finds another.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: names of the readings; columns `x` and `y`, from 0 to 1; at most as many rows as there are
        markers (7).
    x, y : str
    xlabel, ylabel, title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not len(table) or len(table) > len(MARKERS):
        raise InputError(f"two_recoveries draws 1 to {len(MARKERS)} readings, not {len(table)}.")
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.2)
        for number, (name, row) in enumerate(table.iterrows()):
            axes.plot(
                row[x],
                row[y],
                marker=MARKERS[number],
                color=PALETTE[number],
                markersize=10,
                linestyle="none",
                label=name,
            )
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.15, 1.03), xlabel=xlabel or x, ylabel=ylabel or y)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        axes.set_title(title or "One text, two truths")
    parts = "; ".join(f"{name} {row[x]:.3f} and {row[y]:.3f}" for name, row in table.iterrows())
    return describe(axes, f"Points, {xlabel or x} against {ylabel or y}: {parts}.")


def rank_by_support(table, measure="place among films like it", support="ratings of the film"):
    """How high a model ranks what was hidden, over how much is known of the item; one line per model.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns model, support (text, in the order to draw), estimate, low, high; 0.5 is chance.
    measure, support : str
        What the axes are called.

    Returns
    -------
    matplotlib.axes.Axes
    """
    groups = list(dict.fromkeys(table["support"]))
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        axes.axhline(0.5, color="#555555", linestyle="--")
        axes.annotate(
            "chance",
            (len(groups) - 1, 0.5),
            xytext=(30, 3),
            textcoords="offset points",
            color="#555555",
            va="bottom",
        )
        models = list(dict.fromkeys(table["model"]))
        for number, model in enumerate(models):
            rows = table[table["model"] == model].set_index("support").loc[groups]
            at = np.arange(len(groups)) + 0.1 * (number - (len(models) - 1) / 2)
            error = np.abs(rows[["low", "high"]].to_numpy().T - rows["estimate"].to_numpy())
            axes.errorbar(
                at,
                rows["estimate"],
                yerr=error,
                marker=MARKERS[number],
                color=PALETTE[number],
                capsize=3,
                label=model,
            )
            shown = ", ".join(
                f"{group} {row.estimate:.2f} [{row.low:.2f}, {row.high:.2f}]"
                for group, row in rows.iterrows()
            )
            parts.append(f"{model}: {shown}")
        axes.set_xticks(range(len(groups)), groups)
        axes.set_xlim(-0.4, len(groups) - 0.2)
        axes.set(xlabel=support, ylabel=measure)
        axes.legend(loc="upper left", ncols=len(models))
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.15 * (high - low))
        axes.set_title("Words help where nobody has spoken yet")
    return describe(axes, f"Lines with intervals of the {measure}, by {support}: {'; '.join(parts)}.")


def feature_effects(
    table, measure="difference of log sales", title="What goes with sales is not what makes them"
):
    """One dot and interval per feature, and a line at no difference.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: the features, drawn from top to bottom; columns estimate, low, high.
    measure, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not len(table):
        raise InputError("feature_effects needs at least one feature.")
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=0.9 + 0.36 * len(table))
        axes.axvline(0, color="#555555", linestyle="--")
        for place, (_, row) in enumerate(table.iterrows()):
            apart = row["low"] > 0 or row["high"] < 0
            axes.errorbar(
                row["estimate"],
                place,
                xerr=[[row["estimate"] - row["low"]], [row["high"] - row["estimate"]]],
                marker=MARKERS[0] if apart else MARKERS[1],
                color=PALETTE[0] if apart else PALETTE[1],
                fillstyle="full" if apart else "none",
                capsize=3,
            )
        axes.set_yticks(range(len(table)), list(table.index))
        axes.invert_yaxis()
        axes.set(xlabel=measure)
        axes.set_title(title)
    parts = "; ".join(
        f"{name} {row['estimate']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
        for name, row in table.iterrows()
    )
    return describe(axes, f"Dots with intervals of the {measure}: {parts}.")
