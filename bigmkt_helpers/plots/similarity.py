"""Figures of chapter 02: how far a similarity can be trusted."""

import matplotlib
import numpy as np

from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = [
    "blockbuster_share",
    "differences_to_one",
    "reliability",
    "shrinkage_curve",
    "survival_by_audience",
]


def reliability(table, title="Few raters in common, little to rely on"):
    """How well a similarity found in one half of the customers comes back in the other half.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns measure, common (label of a band of common raters, from few to many), estimate, low and high
        (a correlation between the halves).
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    bands = list(dict.fromkeys(table["common"]))
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for number, (measure, rows) in enumerate(table.groupby("measure", sort=False)):
            colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
            rows = rows.set_index("common").reindex(bands)
            place = np.arange(len(bands)) + 0.06 * number
            axes.vlines(place, rows["low"], rows["high"], color=colour, linewidth=2)
            axes.plot(place, rows["estimate"], marker=marker, color=colour)
            axes.annotate(
                measure,
                (place[-1], rows["estimate"].iloc[-1]),
                xytext=(10, 0),
                textcoords="offset points",
                color=colour,
                va="center",
            )
            first, last = rows.iloc[0], rows.iloc[-1]
            parts.append(
                f"{measure} rises from {first.estimate:.3f} [{first.low:.3f}, {first.high:.3f}] at {bands[0]}"
                f" to {last.estimate:.3f} [{last.low:.3f}, {last.high:.3f}] at {bands[-1]}"
            )
        axes.set_xticks(range(len(bands)), bands)
        axes.set_xlim(-0.3, len(bands) + 0.8)
        axes.set_ylim(min(0.0, float(table["low"].min())) - 0.03, 1.0)
        axes.grid(axis="x", visible=False)
        axes.set(xlabel="customers who rated both films, in each half", ylabel="correlation of the halves")
        axes.set_title(title)
    return describe(
        axes, f"Lines: correlation between two halves by common raters: {'; '.join(parts)} common raters."
    )


def shrinkage_curve(table, title="Too little shrinkage costs more than too much"):
    """Error of a shrunk similarity in unseen customers, over the strength of the shrinkage.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: values of beta, ascending, the first may be 0; columns estimate, low and high (squared error).
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    place = np.arange(len(table))
    best = int(np.argmin(table["estimate"].to_numpy()))
    first, least = table.iloc[0], table.iloc[best]
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        axes.fill_between(place, table["low"], table["high"], color=PALETTE[0], alpha=0.15, linewidth=0)
        axes.plot(place, table["estimate"], marker="o", color=PALETTE[0])
        axes.plot(place[best], least.estimate, "o", markersize=15, fillstyle="none", color=PALETTE[1])
        axes.annotate(
            f"no shrinkage: {first.estimate:.3f}",
            (0, first.estimate),
            xytext=(12, 0),
            textcoords="offset points",
            va="center",
        )
        axes.annotate(
            f"least error: {least.estimate:.3f}",
            (place[best], least.estimate),
            xytext=(0, 16),
            textcoords="offset points",
            ha="center",
            color=PALETTE[1],
        )
        axes.set_xticks(place, [f"{beta:g}" for beta in table.index])
        axes.set_ylim(bottom=0)
        axes.grid(axis="x", visible=False)
        axes.set(xlabel="beta, in common raters", ylabel="squared error in the other half")
        axes.set_title(title)
    return describe(
        axes,
        f"Line with a band: the squared error in unseen customers is {first.estimate:.3f} at beta "
        f"{table.index[0]:g} and least at beta {table.index[best]:g}: {least.estimate:.3f} "
        f"[{least.low:.3f}, {least.high:.3f}]; at beta {table.index[-1]:g} it is "
        f"{table['estimate'].iloc[-1]:.3f}.",
    )


def blockbuster_share(shares, name, title="Who stands on every shelf?"):
    """Share of all shelves that carry one very popular product, one bar per measure.

    Parameters
    ----------
    shares : pandas.Series
        Index: names of the measures; values from 0 to 1.
    name : str
        The product.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    shares = shares.sort_values(kind="stable")
    place = np.arange(len(shares))
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.3 + 0.36 * len(shares))
        axes.barh(place, 100 * shares, color=PALETTE[0], height=0.6)
        for row, value in zip(place, shares, strict=True):
            axes.annotate(
                f"{value:.1%}", (100 * value, row), xytext=(5, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(place, list(shares.index))
        axes.set_xlim(0, max(100 * float(shares.max()) * 1.15, 1.0))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"% of all shelves with {name}")
        axes.set_title(title)
    listed = ", ".join(f"{measure} {value:.1%}" for measure, value in shares[::-1].items())
    return describe(axes, f"Bars: share of the shelves that carry {name}: {listed}.")


def differences_to_one(table, baseline, measure="nDCG@10", title="Differences and their intervals"):
    """Differences of several models to one, with their paired intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: names of the models, without `baseline`; columns difference, low and high.
    baseline, measure, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = table.sort_values("difference", kind="stable")
    place = np.arange(len(table))
    clear = ((table["high"] < 0) | (table["low"] > 0)).to_numpy()
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.4 + 0.34 * len(table))
        axes.axvline(0, color="#555555")
        axes.hlines(place, table["low"], table["high"], color=PALETTE[0], linewidth=2)
        for shown, fill in ((clear, "full"), (~clear, "none")):
            axes.plot(
                table["difference"].to_numpy()[shown],
                place[shown],
                "o",
                color=PALETTE[0],
                fillstyle=fill,
                markersize=8,
            )
        axes.set_yticks(place, list(table.index))
        axes.margins(x=0.08)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{measure} less that of {baseline}\nfilled: the interval leaves out zero")
        axes.set_title(title)
    listed = "; ".join(
        f"{row.Index} {row.difference:+.4f} [{row.low:+.4f}, {row.high:+.4f}]"
        for row in table[::-1].itertuples()
    )
    return describe(axes, f"Dots with intervals of {measure} less that of {baseline}: {listed}.")


def survival_by_audience(table, title="Little-known films have shaky shelves"):
    """Average survival of a film's shelf over the number of customers who liked the film.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns audience (customers who liked the film), survival (from 0 to 1, mean over the places of its
        shelf) and band (label of the group, from small to large audiences); one row per film.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    bands = table.groupby("band", sort=False, observed=True)[["audience", "survival"]].median()
    bands = bands.sort_values("audience")
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        axes.plot(table["audience"], 100 * table["survival"], "o", color=PALETTE[5], markersize=4, alpha=0.7)
        axes.plot(bands["audience"], 100 * bands["survival"], marker="D", color=PALETTE[1], markersize=8)
        for row in bands.itertuples():
            axes.annotate(
                f"{row.survival:.0%}",
                (row.audience, 100 * row.survival),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                fontweight="bold",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )
        axes.set_xscale("log")
        ticks = [5, 10, 20, 50, 100, 200]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_ylim(0, 105)
        axes.set(xlabel="customers who liked the film", ylabel="% of draws in which a neighbour stays")
        axes.set_title(title)
    listed = ", ".join(f"{band} {row.survival:.0%}" for band, row in bands.iterrows())
    return describe(
        axes,
        f"{len(table)} dots, one per film, and a line through the middle of each group: the median survival "
        f"of a shelf by customers who liked the film is {listed}.",
    )
