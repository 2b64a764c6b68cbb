"""Figures of chapter 09: chains, hidden paths, how much memory and how many states."""

import matplotlib
import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = [
    "auc_by_click",
    "held_out_bits",
    "posterior_bands",
    "state_path",
    "transition_diagram",
    "transition_map",
]


def _table(transition) -> pd.DataFrame:
    table = transition if isinstance(transition, pd.DataFrame) else pd.DataFrame(np.asarray(transition))
    if not len(table) or table.shape[0] != table.shape[1]:
        raise InputError(f"transition has shape {table.shape}: it leads from each state to each.")
    return table


def _ink(value, low, high):
    """Black on the light half of the colour scale, white on the dark half."""
    return "black" if value > (low + high) / 2 else "white"


def transition_map(transition, title="Where one step leads", label="probability"):
    """Heat map of a transition matrix, the probability written in each cell of at most 12 states.

    Parameters
    ----------
    transition : pandas.DataFrame or array of shape (S, S)
        Rows: from.
    title, label : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = _table(transition)
    values = table.to_numpy(dtype=float)
    n = len(values)
    # up to the largest probability: with many states all are small, and a scale up to 1 hides the differences
    most = values.max()
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=min(1.4 + 0.42 * n, 6.4))
        picture = axes.imshow(values, cmap="cividis", vmin=0, vmax=most, aspect="auto")
        axes.set_xticks(range(n), [str(c) for c in table.columns], rotation=90 if n > 6 else 0)
        axes.set_yticks(range(n), [str(r) for r in table.index])
        axes.set(xlabel="to", ylabel="from")
        axes.grid(visible=False)
        if n <= 12:
            for i, j in np.ndindex(n, n):
                text = f"{values[i, j]:.2f}"
                axes.text(j, i, text, ha="center", va="center", color=_ink(values[i, j], 0, most), fontsize=9)
        axes.figure.colorbar(picture, ax=axes, label=label)
        axes.set_title(title)
    top = values.argmax(axis=1)
    said = "; ".join(
        f"{table.index[i]} to {table.columns[j]} {values[i, j]:.2f}" for i, j in list(enumerate(top))[:8]
    )
    return describe(axes, f"Heat map of {n} states; the likeliest step of each row: {said}.")


def transition_diagram(transition, least=0.02, title="States and steps"):
    """States on a circle, an arrow for each step, the wider the likelier; loops are written under the name.

    Parameters
    ----------
    transition : pandas.DataFrame or array of shape (S, S)
    least : float
        Steps less probable than this are left out.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = _table(transition)
    values, n = table.to_numpy(dtype=float), len(table)
    if n > 9:
        raise InputError(f"A diagram of {n} states cannot be read: use transition_map.")
    turn = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    places = np.column_stack([np.cos(turn), np.sin(turn)]) if n > 1 else np.zeros((1, 2))
    drawn = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.6)
        for i, j in np.argwhere(values >= least):
            if i == j:
                continue
            drawn.append((values[i, j], i, j))
            arrow = matplotlib.patches.FancyArrowPatch(
                places[i],
                places[j],
                connectionstyle="arc3,rad=0.18",
                arrowstyle="-|>",
                mutation_scale=12,
                shrinkA=28,
                shrinkB=28,
                linewidth=0.6 + 5 * values[i, j],
                color=PALETTE[0],
                alpha=0.75,
            )
            axes.add_patch(arrow)
            middle, way = (places[i] + places[j]) / 2, places[j] - places[i]
            # the arc bends to the right of its way; the number stands on the arc
            spot = middle + 0.11 * np.array([way[1], -way[0]])
            axes.text(
                *spot,
                f"{values[i, j]:.2f}",
                ha="center",
                va="center",
                fontsize=9,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            )
        for i, (x, y) in enumerate(places):
            axes.plot(x, y, "o", markersize=44, color="white", markeredgecolor=PALETTE[1], markeredgewidth=2)
            axes.text(x, y, f"{table.index[i]}\n{values[i, i]:.2f}", ha="center", va="center", fontsize=9)
        axes.set(xlim=(-1.6, 1.6), ylim=(-1.35, 1.35))
        axes.set_aspect("equal")
        axes.axis("off")
        axes.set_title(title)
    drawn.sort(key=lambda row: -row[0])
    arrows = ", ".join(f"{table.index[i]} to {table.columns[j]} {p:.2f}" for p, i, j in drawn[:8]) or "none"
    stays = ", ".join(f"{name} {p:.2f}" for name, p in zip(table.index, np.diag(values), strict=True))
    return describe(
        axes,
        f"Diagram of {n} states. Staying: {stays}. Steps of at least {least:g}, likeliest first: {arrows}.",
    )


def state_path(
    observed, path, truth=None, names=None, step="week", label="orders", title="Seen, and behind it"
):
    """What was seen, as bars, over the decoded state of each step, as a staircase; the true state beside it.

    Parameters
    ----------
    observed : array of shape (T,)
        Numbers; NaN where missing.
    path : int array of shape (T,)
    truth : int array of shape (T,), optional
    names : sequence of str, optional
        Of the states.
    step, label, title : str

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)
    """
    observed, path = np.asarray(observed, dtype=float), np.asarray(path)
    if not len(path) or len(path) != len(observed) or (truth is not None and len(truth) != len(path)):
        raise InputError("observed, path and truth need one entry per step, and at least one step.")
    highest = int(max(path.max(), -1 if truth is None else np.max(truth)))
    names = [str(s) for s in range(highest + 1)] if names is None else [str(name) for name in names]
    if highest >= len(names):
        raise InputError(f"The path visits state {highest}, but only {len(names)} states have a name.")
    steps = np.arange(len(path))
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.4, nrows=2, ncols=1, sharex=True)
        axes[0].bar(steps, observed, color=PALETTE[0], width=0.8)
        axes[0].set_ylabel(label)
        axes[0].yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(nbins=4, integer=True))
        if truth is not None:
            axes[1].step(steps, truth, where="mid", color=PALETTE[1], linewidth=3.5, alpha=0.5, label="true")
        axes[1].step(steps, path, where="mid", color=PALETTE[0], linewidth=1.6, label="decoded")
        axes[1].set_yticks(range(len(names)), names)
        axes[1].set(xlabel=step, ylim=(-0.4, len(names) - 0.6))
        if truth is not None:
            axes[1].legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
        axes[0].set_title(title)
    shares = ", ".join(f"{name} {int((path == s).sum())}" for s, name in enumerate(names))
    text = f"{len(path)} steps, {np.nansum(observed):,.0f} {label}; decoded steps in each state: {shares}"
    if truth is not None:
        text += f"; as in truth in {int((path == np.asarray(truth)).sum())}"
    return describe(axes, text + ".")


def posterior_bands(
    posterior, observed=None, names=None, step="week", label="seen", title="P(state) step by step"
):
    """P(state) of one sequence as bands that add up to 1; what was seen as marks above.

    Parameters
    ----------
    posterior : DataFrame or array of shape (T, S)
        As ``filtered`` or ``smoothed`` give it for one sequence.
    observed : array of shape (T,), optional
        A mark where it is above 0.
    names : sequence of str, optional
    step, label, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = posterior if isinstance(posterior, pd.DataFrame) else pd.DataFrame(np.asarray(posterior))
    values = table.to_numpy(dtype=float)
    if not len(values):
        raise InputError("posterior_bands needs at least one step.")
    names = [str(c) for c in table.columns] if names is None else [str(name) for name in names]
    if len(names) != values.shape[1]:
        raise InputError(f"There are {values.shape[1]} states and {len(names)} names.")
    edge = np.append(np.arange(len(values)) - 0.5, len(values) - 0.5)
    hatches = ("", "//", "..", "\\\\", "xx", "++", "oo")
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        floor = np.zeros(len(values) + 1)
        for s, name in enumerate(names):
            top = floor + np.append(values[:, s], values[-1, s])
            axes.fill_between(
                edge,
                floor,
                top,
                step="post",
                color=PALETTE[s % 7],
                alpha=0.8,
                hatch=hatches[s % 7],
                edgecolor="white",
                linewidth=0.4,
                label=name,
            )
            floor = top
        if observed is not None:
            seen = np.flatnonzero(np.asarray(observed, dtype=float) > 0)
            axes.plot(
                seen, np.full(len(seen), 1.03), "v", color="black", markersize=5, clip_on=False, label=label
            )
        axes.set(xlabel=step, ylabel="probability", ylim=(0, 1), xlim=(edge[0], edge[-1]))
        axes.legend(ncols=4, loc="upper left", bbox_to_anchor=(0, -0.2))
        axes.set_title(title, pad=14)
    last = ", ".join(f"{name} {p:.2f}" for name, p in zip(names, values[-1], strict=True))
    first = ", ".join(f"{name} {p:.2f}" for name, p in zip(names, values[0], strict=True))
    return describe(axes, f"Bands over {len(values)} steps: at the first {first}; at the last {last}.")


def held_out_bits(table, unit="held-out bits per step", title="How much memory pays"):
    """Held-out bits of each model with their interval; a ring marks the fewest.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``sequences.order_bits`` or ``state_count_table`` give it: ``bits``, ``low``, ``high``, ``best``.
    unit, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not len(table):
        raise InputError("held_out_bits needs at least one model.")
    names = [f"{name} states" if isinstance(name, int | np.integer) else str(name) for name in table.index]
    kinds = list(dict.fromkeys(name.split()[0] if not name[0].isdigit() else "" for name in names))
    best = int(table["best"].to_numpy().argmax())
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.3 + 0.32 * len(table))
        for place, (name, row) in enumerate(zip(names, table.itertuples(), strict=True)):
            kind = kinds.index(name.split()[0] if not name[0].isdigit() else "") % 7
            axes.errorbar(
                row.bits,
                place,
                xerr=[[max(row.bits - row.low, 0)], [max(row.high - row.bits, 0)]],
                marker=MARKERS[kind],
                color=PALETTE[kind],
                capsize=3,
            )
        axes.plot(table["bits"].iloc[best], best, "o", markersize=15, fillstyle="none", color="black")
        axes.set_yticks(range(len(table)), names)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.set_title(title)
    said = ", ".join(
        f"{name} {row.bits:.3f} [{row.low:.3f}, {row.high:.3f}]"
        for name, row in zip(names, table.itertuples(), strict=True)
    )
    return describe(axes, f"{unit[0].upper()}{unit[1:]} with intervals: {said}; fewest for {names[best]}.")


def auc_by_click(table, chance=0.5, unit="area under the ROC curve", title="Intent, click by click"):
    """One line per model over the number of clicks seen, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        ``model``, ``click``, ``auc``, ``low``, ``high``.
    chance : float
        A dashed line.
    unit, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not len(table):
        raise InputError("auc_by_click needs at least one row.")
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        groups = list(table.groupby("model", sort=False))
        for number, (name, own) in enumerate(groups):
            # models side by side, so that no interval hides another
            shift = 0.12 * (number - (len(groups) - 1) / 2)
            error = [(own["auc"] - own["low"]).clip(lower=0), (own["high"] - own["auc"]).clip(lower=0)]
            axes.errorbar(
                own["click"] + shift,
                own["auc"],
                yerr=error,
                color=PALETTE[number % 7],
                marker=MARKERS[number % 7],
                capsize=3,
                label=name,
            )
            said = ", ".join(f"{row.click} {row.auc:.3f}" for row in own.itertuples())
            parts.append(f"{name}: {said}")
        axes.axhline(chance, color="#555555", linestyle="--")
        axes.set(xlabel="clicks seen", ylabel=unit)
        axes.set_xticks(sorted(table["click"].unique()))
        axes.legend()
        axes.set_title(title)
    return describe(
        axes, f"{unit[0].upper()}{unit[1:]} by clicks seen. {'; '.join(parts)}. Chance is {chance:g}."
    )
