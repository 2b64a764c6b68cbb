"""Figures of chapter 03: lists, settings and models compared."""

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["error_against_ranking", "gain_by_history", "long_tail", "model_intervals", "validation_curves"]


def long_tail(counts, share=0.1, things="films", events="ratings"):
    """Share of all events that the most popular things hold, from the first to the last.

    Parameters
    ----------
    counts : array-like of shape (n_things,)
        Events of each thing, in any order.
    share : float
        The share of the things that is marked, from the most popular on.
    things, events : str
        What they are called.

    Returns
    -------
    matplotlib.axes.Axes
    """
    counts = np.sort(np.asarray(counts, dtype=float))[::-1]
    if not len(counts) or not counts.sum() > 0 or not 0 < share < 1:
        raise InputError("long_tail needs at least one event, and a share between 0 and 1.")
    held = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    at = np.arange(len(held)) / len(counts)
    marked = float(np.interp(share, at, held))
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        axes.plot(100 * at, 100 * held, linewidth=2)
        axes.plot([0, 100], [0, 100], color="#777777", linestyle="--")
        axes.annotate(
            f"if all {things} were equal",
            (62, 62),
            (64, 54),
            color="#555555",
            rotation_mode="anchor",
            va="top",
        )
        axes.plot(100 * share, 100 * marked, marker="o", color=PALETTE[1], markersize=8)
        axes.annotate(
            f"the most popular {share:.0%}\nof the {things} hold\n{marked:.1%} of the {events}",
            (100 * share, 100 * marked),
            xytext=(16, 2),
            textcoords="offset points",
            va="top",
        )
        axes.set(xlabel=f"% of the {things}, most popular first", ylabel=f"% of the {events}")
        axes.set_title("A few are in every list, most in hardly any")
    return describe(
        axes,
        f"Line: the most popular {share:.0%} of the {things} hold {marked:.1%} of the {events}; "
        f"half of the {things} hold {float(np.interp(0.5, at, held)):.1%}.",
    )


def validation_curves(table, reference=None, measure="nDCG@10", setting="neighbours", logarithmic=True):
    """A metric on the validation part over the values of a setting, one line per model.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: the settings, ascending; one column per model; higher is better.
    reference : tuple of (str, float), optional
        Name and value of a model without that setting, drawn as a horizontal line.
    measure, setting : str
        What the axes are called.
    logarithmic : bool
        Whether the settings grow by factors.

    Returns
    -------
    matplotlib.axes.Axes
    """
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for number, (name, values) in enumerate(table.items()):
            colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
            axes.plot(table.index, values, marker=marker, color=colour)
            best = values.idxmax()
            axes.plot(best, values[best], marker="o", markersize=14, fillstyle="none", color=colour)
            axes.annotate(
                name,
                (table.index[-1], values.iloc[-1]),
                xytext=(10, 0),
                textcoords="offset points",
                color=colour,
                va="center",
            )
            parts.append(f"{name} is best at {best:g} with {values[best]:.4f}")
        if reference is not None:
            name, value = reference
            axes.axhline(value, color="#555555", linestyle="--")
            axes.annotate(
                name,
                (table.index[0], value),
                xytext=(0, 4),
                textcoords="offset points",
                color="#555555",
                va="bottom",
            )
            parts.append(f"{name} has {value:.4f} throughout")
        if logarithmic:
            axes.set_xscale("log")
        axes.set_xticks(list(table.index), [f"{value:g}" for value in table.index])
        axes.minorticks_off()
        axes.set(xlabel=setting, ylabel=f"{measure} on validation")
        axes.set_title(f"{setting.capitalize()}: the ring marks the best")
    return describe(axes, f"Lines of {measure} on the validation part over {setting}: {'; '.join(parts)}.")


def model_intervals(table, measure="nDCG@10", title="One exam for everybody"):
    """One dot and interval per model, the best on top.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: names of the models; columns estimate, low, high.
    measure, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    missing = [name for name in ("estimate", "low", "high") if name not in table.columns]
    if missing:
        raise InputError(f"model_intervals needs the columns estimate, low and high; missing: {missing[0]}.")
    table = table.sort_values("estimate", kind="stable")
    place = np.arange(len(table))
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.3 + 0.36 * len(table))
        axes.hlines(place, table["low"], table["high"], color=PALETTE[0], linewidth=2)
        axes.plot(table["estimate"], place, "o", color=PALETTE[0])
        for row, value, high in zip(place, table["estimate"], table["high"], strict=True):
            axes.annotate(
                f"{value:.4f}", (high, row), xytext=(6, 0), textcoords="offset points", va="center", size=10
            )
        axes.set_yticks(place, list(table.index))
        axes.set_xlim(left=min(0.0, float(table["low"].min())), right=float(table["high"].max()) * 1.15)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{measure}, 95% bootstrap interval over customers")
        axes.set_title(title)
    listed = "; ".join(
        f"{name} {row.estimate:.4f} [{row.low:.4f}, {row.high:.4f}]"
        for name, row in zip(table.index[::-1], list(table[::-1].itertuples()), strict=True)
    )
    return describe(axes, f"Dots with intervals of {measure}, best first: {listed}.")


def error_against_ranking(table, error="RMSE", ranking="nDCG@10", reference=None):
    """Rating error across, quality of the ranked list upwards, one labelled point per model.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: names of the models; columns named by `error` (lower is better) and `ranking` (higher is
        better).
    error, ranking : str
    reference : tuple of (str, float), optional
        Name and ranking quality of lists made without predicting ratings, drawn as a horizontal line.

    Returns
    -------
    matplotlib.axes.Axes
    """
    closest, top = table[error].idxmin(), table[ranking].idxmax()
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for number, (name, row) in enumerate(table.iterrows()):
            colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
            axes.plot(row[error], row[ranking], marker=marker, color=colour, markersize=8, linestyle="none")
            right = row[error] < table[error].mean()
            axes.annotate(
                name,
                (row[error], row[ranking]),
                xytext=(9 if right else -9, 4),
                textcoords="offset points",
                ha="left" if right else "right",
                va="bottom",
            )
        if reference is not None:
            axes.axhline(reference[1], color="#555555", linestyle="--")
            axes.annotate(
                f"{reference[0]}, which predict no rating",
                (table[error].max(), reference[1]),
                xytext=(0, -5),
                textcoords="offset points",
                color="#555555",
                ha="right",
                va="top",
            )
        axes.margins(0.08, 0.15)
        axes.set_xlabel(f"{error} of the hidden ratings (left is better)")
        axes.set_ylabel(f"{ranking} of the lists (up is better)")
        axes.set_title("Two contests, two winners")
    points = "; ".join(
        f"{name} {row[error]:.3f} and {row[ranking]:.4f}" for name, row in table.sort_values(error).iterrows()
    )
    beside = (
        f" Without predicting ratings {reference[0]} have {ranking} {reference[1]:.4f}." if reference else ""
    )
    return describe(
        axes,
        f"Points of {error} and {ranking}: {points}. The lowest {error} is that of {closest}, "
        f"the highest {ranking} that of {top}.{beside}",
    )


def gain_by_history(table, model="model", baseline="popularity", measure="nDCG@10"):
    """What a model adds to a baseline, by how much is known of a customer.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: labels of the groups, from short to long histories; columns difference, low, high: model less
        baseline.
    model, baseline, measure : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    place = np.arange(len(table))
    clear = (table["low"] > 0).to_numpy()
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        axes.axhline(0, color="#555555")
        axes.vlines(place, table["low"], table["high"], color=PALETTE[0], linewidth=2)
        for shown, fill in ((clear, "full"), (~clear, "none")):
            axes.plot(
                place[shown], table["difference"][shown], "o", color=PALETTE[0], fillstyle=fill, markersize=9
            )
        for at, value in zip(place, table["difference"], strict=True):
            axes.annotate(
                f"{value:+.4f}", (at, value), xytext=(8, 0), textcoords="offset points", va="center", size=10
            )
        axes.set_xticks(place, [str(label) for label in table.index])
        axes.set_xlim(-0.4, len(table) - 0.2)
        axes.grid(axis="x", visible=False)
        axes.set(xlabel="ratings known of a customer", ylabel=f"{measure}: {model} less {baseline}")
        axes.set_title("Filled: the interval lies above zero")
    listed = "; ".join(
        f"{label} known {row.difference:+.4f} [{row.low:+.4f}, {row.high:+.4f}]"
        for label, row in zip(table.index, list(table.itertuples()), strict=True)
    )
    return describe(axes, f"Dots with intervals of {measure}, {model} less {baseline}: {listed}.")
