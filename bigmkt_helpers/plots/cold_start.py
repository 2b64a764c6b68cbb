"""Figures of chapter 05: new items, new users, and whom a hybrid trusts."""

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["cold_start_panels", "marks_by_history", "trust_by_history"]

_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))


def _needs(table, columns, what):
    missing = [name for name in columns if name not in table.columns]
    if missing or table.empty:
        raise InputError(f"{what} needs rows and the columns {', '.join(columns)}: {missing or 'no rows'}.")


def cold_start_panels(table, measure="nDCG@10", title="Who can rank whom"):
    """One panel per examination, one dot and interval per model.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns exam, model, estimate, low, high; exams and models in the order of their first row.
    measure, title : str

    Returns
    -------
    ndarray of matplotlib.axes.Axes
    """
    _needs(table, ["exam", "model", "estimate", "low", "high"], "cold_start_panels")
    exams, models = list(dict.fromkeys(table["exam"])), list(dict.fromkeys(table["model"]))
    parts = []
    with matplotlib.rc_context(STYLE):
        panels = np.atleast_1d(new_axes(height=1.5 + 0.34 * len(models), ncols=len(exams), sharey=True))
        for axes, exam in zip(panels, exams, strict=True):
            rows = table[table["exam"] == exam].set_index("model").reindex(models)
            place = np.arange(len(models))
            axes.hlines(place, rows["low"], rows["high"], color="#555555", linewidth=1.5)
            for at, value in zip(place, rows["estimate"], strict=True):
                axes.plot(
                    value, at, MARKERS[at % len(MARKERS)], color=PALETTE[at % len(PALETTE)], markersize=7
                )
            axes.set_xlim(left=0)
            axes.margins(x=0.12)
            axes.locator_params(axis="x", nbins=4)
            axes.grid(axis="y", visible=False)
            axes.set_title(exam, size=11)
            listed = ", ".join(
                f"{name} {row.estimate:.3f} [{row.low:.3f}, {row.high:.3f}]"
                for name, row in zip(models, rows.itertuples(), strict=True)
                if not np.isnan(row.estimate)
            )
            parts.append(f"{exam}: {listed}")
        panels[0].set_yticks(np.arange(len(models)), models)
        panels[0].invert_yaxis()
        panels[0].figure.suptitle(title, x=0.01, ha="left", size=13, weight="bold")
        panels[0].figure.supxlabel(f"{measure}, 95% bootstrap interval over customers", size=11)
    return describe(panels, f"Dots with intervals of {measure}. {'; '.join(parts)}.")


def marks_by_history(table, measure="nDCG@10", events="films", title="What the first choices are worth"):
    """A metric of several models over how much is known of a customer.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns known (a number), model, estimate, low, high.
    measure, events, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    _needs(table, ["known", "model", "estimate", "low", "high"], "marks_by_history")
    steps = sorted(table["known"].unique())
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.2)
        models = list(dict.fromkeys(table["model"]))
        for number, name in enumerate(models):
            rows = table[table["model"] == name].set_index("known").reindex(steps)
            place = np.arange(len(steps)) + 0.07 * (number - (len(models) - 1) / 2)
            colour = PALETTE[number % len(PALETTE)]
            axes.vlines(place, rows["low"], rows["high"], color=colour, linewidth=1.5)
            axes.plot(
                place,
                rows["estimate"],
                marker=MARKERS[number % len(MARKERS)],
                linestyle=_LINES[number % len(_LINES)],
                color=colour,
                label=name,
            )
            listed = ", ".join(f"{known} {value:.3f}" for known, value in rows["estimate"].dropna().items())
            parts.append(f"{name} {listed}")
        axes.set_xticks(np.arange(len(steps)), [f"{step:g}" for step in steps])
        axes.set_ylim(bottom=0)
        axes.grid(axis="x", visible=False)
        axes.set(xlabel=f"{events} known of the customer", ylabel=measure)
        axes.set_title(title)
        axes.legend(fontsize=9)
    return describe(axes, f"Lines of {measure} by number of {events} known: {'; '.join(parts)}.")


def trust_by_history(trust, title="Whom the stack trusts"):
    """Slope of each part by how much is known of the user: one panel for known items, one for new items.

    Parameters
    ----------
    trust : pandas.DataFrame
        As `StackedHybrid.trust` returns it: columns user, item (0 for a new one), then one for each part;
        what is missing is not drawn.
    title : str

    Returns
    -------
    ndarray of matplotlib.axes.Axes
    """
    _needs(trust, ["user", "item"], "trust_by_history")
    names = [name for name in trust.columns if name not in ("user", "item")]
    groups = [
        (text, rows)
        for text, rows in (("known item", trust[trust["item"] > 0]), ("new item", trust[trust["item"] == 0]))
        if len(rows)
    ]
    if not names:
        raise InputError("trust_by_history needs a column for at least one part.")
    parts = []
    with matplotlib.rc_context(STYLE):
        panels = np.atleast_1d(new_axes(height=3.9, ncols=len(groups), sharey=True))
        for axes, (text, rows) in zip(panels, groups, strict=True):
            rows = rows.sort_values("user", kind="stable")
            steps = [f"{count:g}" for count in rows["user"]]
            axes.axhline(0, color="#555555", linewidth=1)
            for number, name in enumerate(names):
                axes.plot(
                    np.arange(len(rows)),
                    rows[name],
                    marker=MARKERS[number % len(MARKERS)],
                    linestyle=_LINES[number % len(_LINES)],
                    color=PALETTE[number % len(PALETTE)],
                    label=name,
                )
            axes.set_xticks(np.arange(len(rows)), steps)
            axes.grid(axis="x", visible=False)
            axes.set_title(text, size=11)
            listed = ", ".join(
                f"{name} {rows[name].iloc[0]:.2f} to {rows[name].iloc[-1]:.2f}"
                for name in names
                if rows[name].notna().all()
            )
            parts.append(f"{text}, from {steps[0]} to {steps[-1]} interactions of the user: {listed}")
        panels[0].set_ylabel("log-odds per unit of rank score")
        panels[0].figure.supxlabel("interactions known of the user", size=11)
        panels[0].figure.suptitle(title, x=0.01, ha="left", size=13, weight="bold")
        panels[0].legend(fontsize=9)
    return describe(panels, f"Lines of the slope of each part. {'; '.join(parts)}.")
