"""Figures of chapter 07: how many segments, how they merge, who is in them."""

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["choice_curves", "dendrogram", "persona_panels", "rfm_heat_map"]


def choice_curves(table, title="Four answers to: how many segments?"):
    """Silhouette, gap, BIC and stability over the number of segments; a ring marks the choice of each.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``segments.choice_table`` gives it.
    title : str

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2, 2)
    """
    if not len(table):
        raise InputError("choice_curves needs at least one number of segments.")
    ks = table.index.to_numpy()
    chosen = {
        "silhouette": table["silhouette"].idxmax(),
        "gap": table.index[table["gap_chosen"]].tolist()[0] if table["gap_chosen"].any() else None,
        "bic": None if table["bic"].isna().all() else table["bic"].idxmin(),
        # of equally stable numbers the largest: fewer may only lump real segments together
        "stability": table.index[table["stability"] >= table["stability"].max() - 1e-12].max(),
    }
    names = {
        "silhouette": "silhouette (more is better)",
        "gap": "gap statistic",
        "bic": "BIC (less is better)",
        "stability": "stability (adjusted Rand)",
    }
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=5.2, nrows=2, ncols=2, sharex=True)
        for number, (axis, (column, name)) in enumerate(zip(axes.flat, names.items(), strict=True)):
            error = None
            if column == "gap":
                error = table["s"]
            elif column == "stability":
                error = [
                    (table["stability"] - table["stability_low"]).clip(lower=0),
                    (table["stability_high"] - table["stability"]).clip(lower=0),
                ]
            axis.errorbar(
                ks, table[column], yerr=error, color=PALETTE[number], marker=MARKERS[number], capsize=3
            )
            k = chosen[column]
            if k is not None:
                ring = {"markersize": 15, "fillstyle": "none", "color": "black", "clip_on": False}
                axis.plot(k, table[column].at[k], "o", **ring)
            axis.set_ylabel(name)
            axis.set_xticks(ks)
            shown = ", ".join(f"{value:.4g}" for value in table[column])
            parts.append(f"{column} {shown} (chooses {'none' if k is None else int(k)})")
        for axis in axes[-1]:
            axis.set_xlabel("number of segments")
        axes.flat[0].set_title(title)
    numbers = ", ".join(str(int(k)) for k in ks)
    return describe(axes, f"Four lines over {numbers} segments: {'; '.join(parts)}.")


def dendrogram(brackets, cut=None, unit="height of the merge", title="How customers merge into segments"):
    """The top of a hierarchy; the number under a leg says how many customers it stands for.

    Parameters
    ----------
    brackets : pandas.DataFrame
        As ``Hierarchy.dendrogram`` gives it.
    cut : int, optional
        Number of segments; a dashed line is drawn where the tree has that many legs.
    unit, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    heights = np.sort(brackets["height"].to_numpy())[::-1]
    if not len(heights):
        raise InputError("dendrogram needs at least one bracket.")
    if cut is not None and not 2 <= cut <= len(heights) + 1:
        raise InputError(f"cut is {cut}: the tree shown has 2 to {len(heights) + 1} legs.")
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.2)
        for row in brackets.itertuples():
            axes.plot(
                [row.left, row.left, row.right, row.right],
                [row.left_height, row.height, row.height, row.right_height],
                color=PALETTE[0],
                linewidth=1.2,
            )
        feet = sorted(
            [(row.left, row.left_size) for row in brackets.itertuples() if row.left_height == 0]
            + [(row.right, row.right_size) for row in brackets.itertuples() if row.right_height == 0]
        )
        axes.set_xticks(
            [place for place, _ in feet], [f"{int(n):,}" for _, n in feet], rotation=90, fontsize=8
        )
        line = None
        if cut is not None:
            below = heights[cut - 1] if cut - 1 < len(heights) else 0.0
            line = float(heights[cut - 2] + below) / 2
            axes.axhline(line, color=PALETTE[1], linestyle="--")
        axes.grid(axis="x", visible=False)
        axes.set(xlabel="customers under each leg", ylabel=unit, ylim=(0, None))
        axes.set_title(title)
    top = ", ".join(f"{h:.4g}" for h in heights[:5])
    text = f"Tree of {len(feet)} legs for {sum(int(n) for _, n in feet):,} customers; highest merges at {top}"
    return describe(axes, text + (f"; cut at {line:.4g} into {cut} segments." if cut is not None else "."))


def persona_panels(cards, features=None, title="What sets each segment apart"):
    """One panel per feature: the median of each segment with its interval, and a line at that of all.

    Parameters
    ----------
    cards : PersonaCards
    features : sequence of str, optional
        Which, in order; all without it, at most six.
    title : str

    Returns
    -------
    ndarray of matplotlib.axes.Axes
    """
    table = cards.standouts
    features = list(dict.fromkeys(table["feature"]))[:6] if features is None else list(features)
    unknown = [f for f in features if f not in set(table["feature"])]
    if unknown or not features:
        raise InputError(f"There is no feature {(unknown or [''])[0]!r} on these cards.")
    names = list(cards.sizes.index)
    ticks = [f"{name} ({share:.0%})" for name, share in cards.sizes["share"].items()]
    parts = []
    with matplotlib.rc_context(STYLE):
        # four panels stand better two by two than three and one
        wide = 2 if len(features) == 4 else min(len(features), 3)
        rows = -(-len(features) // wide)
        axes = new_axes(
            height=0.8 + rows * (0.9 + 0.28 * len(names)),
            nrows=rows,
            ncols=wide,
            sharey=True,
            squeeze=False,
        )
        for axis in list(axes.flat)[len(features) :]:
            axis.set_visible(False)
        for axis, feature in zip(axes.flat, features, strict=False):
            own = table[table["feature"] == feature].set_index("segment").loc[names]
            everybody = own["all"].iloc[0]
            axis.axvline(everybody, color="#555555", linestyle="--")
            for place, row in enumerate(own.itertuples()):
                error = [[max(row.median - row.median_low, 0)], [max(row.median_high - row.median, 0)]]
                axis.errorbar(
                    row.median,
                    place,
                    xerr=error,
                    marker=MARKERS[0] if row.stands_out else MARKERS[1],
                    color=PALETTE[0] if row.stands_out else PALETTE[1],
                    fillstyle="full" if row.stands_out else "none",
                    capsize=3,
                )
            axis.set_xlabel(feature)
            axis.set_yticks(range(len(names)), ticks)
            shown = ", ".join(f"{name} {own['median'].at[name]:.4g}" for name in names)
            parts.append(f"{feature} (all {everybody:.4g}): {shown}")
        for axis in axes[:, 0]:
            axis.set_ylabel("segment (share)")
        axes.flat[0].invert_yaxis()
        axes.flat[0].set_title(title)
    return describe(
        axes, f"Medians by segment with intervals; filled where they differ from all. {'; '.join(parts)}."
    )


def rfm_heat_map(grid, value="mean", label="mean money", title="Recency and frequency"):
    """Cells of recency and frequency scores: colour for money, the number of customers in words.

    Parameters
    ----------
    grid : pandas.DataFrame
        As ``segments.rfm_grid`` gives it.
    value : str
        Column that gives the colour.
    label, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not len(grid):
        raise InputError("rfm_heat_map needs at least one cell.")
    top_r, top_f = int(grid["r"].max()), int(grid["f"].max())
    cells = np.full((top_f, top_r), np.nan)
    for row in grid.itertuples():
        cells[row.f - 1, row.r - 1] = getattr(row, value)
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.4)
        picture = axes.imshow(cells, cmap="cividis", origin="lower", aspect="auto")
        middle = (np.nanmin(cells) + np.nanmax(cells)) / 2
        for row in grid.itertuples():
            axes.text(
                row.r - 1,
                row.f - 1,
                f"{int(row.n):,}",
                ha="center",
                va="center",
                color="black" if getattr(row, value) > middle else "white",
            )
        axes.set_xticks(range(top_r), range(1, top_r + 1))
        axes.set_yticks(range(top_f), range(1, top_f + 1))
        axes.set(xlabel="recency score (more is fresher)", ylabel="frequency score")
        axes.grid(visible=False)
        axes.figure.colorbar(picture, ax=axes, label=label)
        axes.set_title(title)
    best = grid.loc[grid[value].idxmax()]
    most = grid.loc[grid["n"].idxmax()]
    return describe(
        axes,
        f"Grid of {len(grid)} cells with {int(grid['n'].sum()):,} customers: {label} is highest, "
        f"{best[value]:,.4g}, at recency {int(best['r'])} and frequency {int(best['f'])}; most customers, "
        f"{int(most['n']):,}, stand at recency {int(most['r'])} and frequency {int(most['f'])}.",
    )
