"""Figures of bandits and of off-policy estimates: regret, clicks gained from contexts, bias and coverage."""

import matplotlib
import numpy as np
from matplotlib.ticker import MaxNLocator

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["closable_clicks", "off_policy_coverage", "regret_curves"]

_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))


def _columns(table, needed, what):
    missing = [name for name in needed if name not in table.columns]
    if missing or table.empty:
        raise InputError(f"{what} needs rows and the columns {', '.join(needed)}: {missing or 'no rows'}.")


def regret_curves(curves, factor=None, logarithmic=True, title="What learning costs"):
    """Mean cumulative regret of each policy with its interval, beside the bound of Lai and Robbins.

    Parameters
    ----------
    curves : mapping of str to pandas.DataFrame
        Policy → columns round, regret, low, high, as `regret_curve` gives them.
    factor : float, optional
        The bound's factor of ln t, as `lai_robbins_bound` gives it without rounds.
    logarithmic : bool
        Rounds on a logarithmic axis, where logarithmic regret is a straight line.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not curves:
        raise InputError("regret_curves needs at least one curve.")
    parts, last = [], 1
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.2)
        for number, (name, table) in enumerate(curves.items()):
            _columns(table, ["round", "regret", "low", "high"], f"The curve {name!r}")
            colour, line = PALETTE[number % len(PALETTE)], _LINES[number % len(_LINES)]
            x = table["round"].to_numpy()
            axes.plot(x, table["regret"], color=colour, linestyle=line, linewidth=1.8, label=name)
            axes.fill_between(x, table["low"], table["high"], color=colour, alpha=0.2, linewidth=0)
            end, last = table.iloc[-1], max(last, int(x[-1]))
            parts.append(f"{name} {end['regret']:.1f} [{end['low']:.1f}, {end['high']:.1f}]")
        bound = ""
        if factor is not None:
            x = np.unique(np.geomspace(1, last, 200))
            axes.plot(
                x, factor * np.log(x), color="#555555", linewidth=1, label="Lai and Robbins, in the limit"
            )
            bound = f"; the bound of Lai and Robbins there, {factor:.2f} · ln t, {factor * np.log(last):.1f}"
        if logarithmic:
            axes.set_xscale("log")
        axes.set(xlabel="rounds", ylabel="lost rewards (expected, cumulative)")
        axes.set_title(title)
        axes.legend(fontsize=9)
    return describe(axes, f"Rising lines of regret. After {last:,} rounds: {'; '.join(parts)}{bound}.")


def closable_clicks(curves, title="What the context is worth"):
    """Share of the closable clicks that each policy has got so far, with intervals over runs.

    0 is the best single tile for all, 1 the omniscient choice for each visitor.

    Parameters
    ----------
    curves : mapping of str to pandas.DataFrame
        Policy → columns round, share, low, high.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if not curves:
        raise InputError("closable_clicks needs at least one curve.")
    parts, last = [], 1
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=4.6)
        for level, text in ((0, "best single tile"), (1, "omniscient")):
            axes.axhline(level, color="#555555", linewidth=1, linestyle="--")
            axes.annotate(
                text,
                (1, level),
                xycoords=("axes fraction", "data"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="right",
                fontsize=9,
                color="#555555",
            )
        for number, (name, table) in enumerate(curves.items()):
            _columns(table, ["round", "share", "low", "high"], f"The curve {name!r}")
            colour = PALETTE[number % len(PALETTE)]
            x = table["round"].to_numpy()
            axes.plot(
                x,
                table["share"],
                color=colour,
                marker=MARKERS[number % len(MARKERS)],
                markersize=5,
                label=name,
            )
            axes.fill_between(x, table["low"], table["high"], color=colour, alpha=0.2, linewidth=0)
            end, last = table.iloc[-1], max(last, int(x[-1]))
            parts.append(f"{name} {end['share']:.2f} [{end['low']:.2f}, {end['high']:.2f}]")
        axes.set_xscale("log")
        axes.set(xlabel="rounds", ylabel="share of the closable clicks so far")
        axes.margins(y=0.1)
        axes.set_title(title)
        axes.figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return describe(
        axes,
        "Lines of the share of closable clicks, 0 for the best single tile and 1 for the omniscient choice. "
        f"After {last:,} rounds: {'; '.join(parts)}.",
    )


def off_policy_coverage(study, level=0.95, title="Judged from another policy's log"):
    """Bias with its error, and coverage, of each estimator: two panels, one colour for each policy.

    Parameters
    ----------
    study : pandas.DataFrame
        As `off_policy_study` returns it.
    level : float
        The level that the intervals promise.
    title : str

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Left the bias (mean error, 95% interval over the simulations), right the coverage.
    """
    needed = ["policy", "estimator", "bias", "bias_error", "coverage", "coverage_low", "coverage_high"]
    _columns(study, needed, "The study")
    names, policies = list(dict.fromkeys(study["estimator"])), list(dict.fromkeys(study["policy"]))
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.6 + 0.45 * len(names), ncols=2, sharey=True)
        for number, policy in enumerate(policies):
            part = study[study["policy"] == policy].set_index("estimator").reindex(names)
            place = np.arange(len(names)) + 0.24 * (number - (len(policies) - 1) / 2)
            style = {
                "color": PALETTE[number % len(PALETTE)],
                "fmt": MARKERS[number % len(MARKERS)],
                "markersize": 5,
                "capsize": 2,
                "label": policy,
            }
            axes[0].errorbar(part["bias"], place, xerr=1.96 * part["bias_error"], **style)
            below = (part["coverage"] - part["coverage_low"]).clip(lower=0)
            above = (part["coverage_high"] - part["coverage"]).clip(lower=0)
            axes[1].errorbar(part["coverage"], place, xerr=[below, above], **style)
            listed = ", ".join(
                f"{name} bias {row.bias:+.4f}, coverage {row.coverage:.1%}"
                for name, row in zip(names, part.itertuples(), strict=True)
            )
            parts.append(f"{policy}: {listed}")
        axes[0].axvline(0, color="#555555", linewidth=1, linestyle="--")
        axes[1].axvline(level, color="#555555", linewidth=1, linestyle="--")
        axes[0].set_yticks(np.arange(len(names)), names)
        axes[0].invert_yaxis()
        for panel in axes:
            panel.xaxis.set_major_locator(MaxNLocator(4))
        axes[0].set(xlabel="bias, in rewards per showing")
        axes[1].set(xlabel=f"coverage (dashed: {level:.0%})")
        axes[0].set_title(title)
        axes[0].figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9
        )
    return describe(axes, f"Points of bias and of coverage with intervals. {'; '.join(parts)}.")
