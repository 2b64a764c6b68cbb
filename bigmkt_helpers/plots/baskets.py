"""Figures of chapter 08: which rules there are, what luck alone finds, and what comes again."""

import matplotlib
import numpy as np
from matplotlib.patches import FancyArrowPatch

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["confidence_again", "false_rule_counts", "lift_heat_map", "rule_network"]


def rule_network(rules, names=None, title="Who brings whom"):
    """Rules of one item on each side as arrows; the items stand on a circle, tied ones side by side.

    Parameters
    ----------
    rules : pandas.DataFrame
        Columns antecedents and consequents (sets of one item each), confidence and lift. The width of an
        arrow grows with its confidence, its colour darkens with the binary logarithm of its lift.
    names : mapping, optional
        From an item to the text that stands beside it.
    title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        No rule, or a side of more than one item.
    """
    if not len(rules) or any(len(side) != 1 for side in [*rules["antecedents"], *rules["consequents"]]):
        raise InputError("rule_network draws rules of one item on each side, and needs at least one.")
    names = {} if names is None else names
    pairs = [(*a, *c) for a, c in zip(rules["antecedents"], rules["consequents"])]
    order = _chained(pairs)
    angle = {item: np.pi / 2 - 2 * np.pi * place / len(order) for place, item in enumerate(order)}
    at = {item: (np.cos(turn), np.sin(turn)) for item, turn in angle.items()}
    bits = np.log2(rules["lift"].to_numpy(dtype=float))
    shade = matplotlib.colors.Normalize(min(0.0, bits.min()), max(bits.max(), 1e-9))
    colours = matplotlib.colormaps["cividis_r"]
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=5.0)
        for (a, c), confidence, bit in zip(pairs, rules["confidence"], bits):
            axes.add_patch(
                FancyArrowPatch(
                    at[a],
                    at[c],
                    connectionstyle="arc3,rad=0.18",
                    arrowstyle="-|>",
                    mutation_scale=11,
                    shrinkA=8,
                    shrinkB=8,
                    linewidth=1 + 4 * float(confidence),
                    color=colours(shade(bit)),
                )
            )
        for item, (x, y) in at.items():
            axes.plot(x, y, "o", color=PALETTE[0], markersize=9)
            side = "center" if abs(x) < 0.12 else "left" if x > 0 else "right"
            level = "bottom" if y > 0.9 else "top" if y < -0.9 else "center"
            # the topmost and the lowest name stand a little apart from their neighbours
            far = 1.18 if side == "center" else 1.1
            axes.text(1.1 * x, far * y, str(names.get(item, item)), ha=side, va=level, fontsize=9.5)
        axes.set(xlim=(-2.3, 2.3), ylim=(-1.4, 1.4), aspect="equal")
        axes.set_axis_off()
        scale = matplotlib.cm.ScalarMappable(shade, colours)
        axes.figure.colorbar(scale, ax=axes, orientation="horizontal", shrink=0.5, label="log2(lift), bits")
        axes.set_title(title)
    top = int(np.argmax(bits))
    listed = "; ".join(
        f"{names.get(a, a)} to {names.get(c, c)} {confidence:.2f}"
        for (a, c), confidence in zip(pairs, rules["confidence"])
    )
    return describe(
        axes,
        f"Network of {len(pairs)} rules between {len(order)} items, an arrow for each with its confidence: "
        f"{listed}. The largest lift is {float(rules['lift'].iloc[top]):.1f}, {bits[top]:.2f} bits.",
    )


def _chained(pairs) -> list:
    """The items, those tied to each other side by side, in the order of the rules."""
    near = {}
    for a, c in pairs:
        near.setdefault(a, []).append(c)
        near.setdefault(c, []).append(a)
    order = []
    for start in sorted(near, key=lambda item: (len(near[item]), list(near).index(item))):
        stack = [start]
        while stack:
            item = stack.pop()
            if item not in order:
                order.append(item)
                stack.extend(reversed(near[item]))
    return order


def lift_heat_map(lifts, label="log2(lift), bits", title="Which categories seek each other"):
    """Table of pointwise mutual information, log2 of the lift, with the number in each cell.

    Parameters
    ----------
    lifts : pandas.DataFrame
        Index and columns: items; values: lifts above 0. A missing one is left blank.
    label, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    values = lifts.to_numpy(dtype=float)
    if not np.isfinite(values).any() or (values[np.isfinite(values)] <= 0).any():
        raise InputError("lift_heat_map needs lifts above 0, and at least one: a lift of 0 has no logarithm.")
    bits = np.log2(values)
    bound = max(float(np.nanmax(np.abs(bits))), 0.1)
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.6 + 0.36 * len(lifts))
        picture = axes.imshow(bits, cmap="PuOr", vmin=-bound, vmax=bound, aspect="auto")
        for row, column in np.argwhere(np.isfinite(bits)):
            bit = bits[row, column]
            axes.text(
                column,
                row,
                # a rounded -0.0 is a 0
                f"{round(bit, 1) + 0.0:.1f}",
                ha="center",
                va="center",
                fontsize=8.5,
                color=_readable(picture.cmap(picture.norm(bit))),
            )
        axes.set_xticks(range(lifts.shape[1]), list(lifts.columns), rotation=45, ha="right")
        axes.set_yticks(range(len(lifts)), list(lifts.index))
        axes.grid(visible=False)
        axes.figure.colorbar(picture, ax=axes, label=label)
        axes.set_title(title)
    high = np.unravel_index(np.nanargmax(bits), bits.shape)
    low = np.unravel_index(np.nanargmin(bits), bits.shape)
    ends = [
        f"{lifts.index[row]} and {lifts.columns[column]} {bits[row, column]:+.2f}"
        for row, column in (high, low)
    ]
    return describe(
        axes,
        f"Heat map of log2(lift) for {len(lifts)} rows and {lifts.shape[1]} columns: the highest value is "
        f"{ends[0]} bits, the lowest {ends[1]} bits.",
    )


def _readable(colour):
    """Black or white, whichever stands out more on a colour (relative luminance as in WCAG 2)."""
    rgb = np.asarray(colour[:3])
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    return "black" if light > 0.179 else "white"


def false_rule_counts(counts, title="Shuffled baskets hold no rule, yet rules are found"):
    """How many false rules each shuffled run gave, one row of dots for each test.

    Parameters
    ----------
    counts : pandas.DataFrame
        One row per run, one column per test: numbers of rules.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.5 + 0.7 * counts.shape[1])
        for row, name in enumerate(counts.columns):
            # runs spread upwards in their order, so that equal counts do not hide each other
            place = row + np.linspace(-0.25, 0.25, len(counts))
            axes.plot(
                counts[name],
                place,
                MARKERS[row % len(MARKERS)],
                color=PALETTE[row % len(PALETTE)],
                fillstyle="none",
                markersize=6,
            )
        axes.set_yticks(range(counts.shape[1]), list(counts.columns))
        axes.set_ylim(counts.shape[1] - 0.5, -0.5)
        axes.set_xlim(left=-0.02 * max(float(counts.to_numpy().max()), 1.0))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("false rules in one shuffled run")
        axes.set_title(title)
    listed = "; ".join(
        f"{name} {int(counts[name].min())} to {int(counts[name].max())} false rules, "
        f"at least one in {int((counts[name] > 0).sum())} runs"
        for name in counts.columns
    )
    return describe(axes, f"Dots for {len(counts)} shuffled runs: {listed}.")


def confidence_again(table, title="What was found, and what came again"):
    """Confidence in the baskets in which a rule was found against that in fresh ones.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns confidence, holdout confidence, and kind (a label; one marker each).
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    kinds = list(dict.fromkeys(table["kind"]))
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.4)
        axes.plot([0, 1], [0, 1], color="#555555", linewidth=1)
        for number, kind in enumerate(kinds):
            rows = table[table["kind"] == kind]
            axes.plot(
                rows["confidence"],
                rows["holdout confidence"],
                MARKERS[number % len(MARKERS)],
                color=PALETTE[number % len(PALETTE)],
                fillstyle="none",
                markersize=5,
                label=kind,
            )
            parts.append(
                f"{kind}, {len(rows)} rules, mean {rows['confidence'].mean():.3f} then "
                f"{rows['holdout confidence'].mean():.3f}"
            )
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03))
        axes.set(xlabel="confidence where the rule was found", ylabel="confidence in fresh baskets")
        axes.legend(loc="upper left")
        axes.set_title(title)
    return describe(axes, f"Dots of confidence where found and in fresh baskets: {'; '.join(parts)}.")
