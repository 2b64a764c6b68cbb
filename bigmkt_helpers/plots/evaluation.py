"""Figures of chapter 06: what each measure, each split and each experiment shows, beside the truth."""

import matplotlib
import numpy as np
import pandas as pd

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = [
    "difference_by_candidates",
    "exams_against_truth",
    "false_alarms",
    "policy_estimates",
    "power_check",
    "roc_and_precision",
]


def roc_and_precision(scores, bought):
    """ROC curve on the left, precision over recall on the right, one line per model.

    Parameters
    ----------
    scores : pandas.DataFrame of shape (n_customers, n_models)
        Higher: more likely to buy.
    bought : array-like of shape (n_customers,)
        True or 1 for buyers; at least one of either kind.

    Returns
    -------
    numpy.ndarray of two matplotlib.axes.Axes

    Raises
    ------
    InputError
        Without a buyer, or with buyers only.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    bought = np.asarray(bought).astype(bool)
    if bought.all() or not bought.any():
        raise InputError("roc_and_precision needs buyers and others: of one kind there is none.")
    share, parts = bought.mean(), []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=3.5, ncols=2)
        axes[0].plot([0, 1], [0, 1], color="#555555", linestyle="--", linewidth=1)
        axes[1].axhline(share, color="#555555", linestyle="--", linewidth=1)
        for number, (name, score) in enumerate(scores.items()):
            style = {"color": PALETTE[number % len(PALETTE)], "linestyle": ("-", ":", "-.")[number % 3]}
            false, true, _ = roc_curve(bought, score)
            precision, recall, _ = precision_recall_curve(bought, score)
            area, average = roc_auc_score(bought, score), average_precision_score(bought, score)
            axes[0].plot(false, true, linewidth=2, label=name, **style)
            axes[1].plot(recall[:-1], precision[:-1], linewidth=2, drawstyle="steps-post", **style)
            parts.append(f"{name} has ROC-AUC {area:.3f} and average precision {average:.3f}")
        axes[0].set(xlabel="share of others written to", ylabel="share of buyers written to", title="ROC")
        axes[1].set(xlabel="recall", ylabel="precision", ylim=(0, 1.03), title="Precision and recall")
        axes[0].legend(loc="lower right")
    return describe(
        axes,
        f"Two panels of curves, {share:.1%} of the customers are buyers: {'; '.join(parts)}.",
    )


def exams_against_truth(table, measure="nDCG@10"):
    """What each exam says of each model, with its interval, and a line for the true value of each model.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per model and exam: columns exam, model, estimate, low, high, true.
    measure : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a column is missing.
    """
    missing = [n for n in ("exam", "model", "estimate", "low", "high", "true") if n not in table.columns]
    if missing or not len(table):
        raise InputError(
            f"exams_against_truth needs rows with the column {missing[0] if missing else 'exam'}."
        )
    exams, models = list(dict.fromkeys(table["exam"])), list(dict.fromkeys(table["model"]))
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.5 + 0.62 * len(exams))
        for number, model in enumerate(models):
            colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
            rows = table[table["model"] == model]
            place = np.array([exams.index(exam) for exam in rows["exam"]], dtype=float)
            place = len(exams) - 1 - place - 0.2 * (number - (len(models) - 1) / 2)
            axes.hlines(place, rows["low"], rows["high"], color=colour, linewidth=1.6)
            axes.plot(rows["estimate"], place, marker, color=colour, label=model, markersize=7)
            truth = float(rows["true"].iloc[0])
            axes.axvline(truth, color=colour, linestyle="--", linewidth=1.2, zorder=0)
            said = ", ".join(
                f"{row.exam} {row.estimate:.3f} [{row.low:.3f}, {row.high:.3f}]" for row in rows.itertuples()
            )
            parts.append(f"{model}, true value {truth:.3f}: {said}")
        axes.set_yticks(np.arange(len(exams))[::-1], exams)
        axes.set_ylim(-0.6, len(exams) - 0.4)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{measure}, 95% interval over customers; dashed: the true values")
        axes.set_title("The same models in different exams")
        axes.legend(loc="best")
    return describe(axes, f"Dots with intervals of {measure} by exam. {'. '.join(parts)}.")


def difference_by_candidates(table, first, second, measure="nDCG@10"):
    """Lead of one model over another by the number of sampled candidates; the last row is all items.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: numbers of candidates, ascending; columns difference, low, high: first less second.
    first, second : str
        Names of the models.
    measure : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a column is missing.
    """
    missing = [name for name in ("difference", "low", "high") if name not in table.columns]
    if missing or not len(table):
        raise InputError(f"difference_by_candidates needs the column {missing[0] if missing else 'low'}.")
    labels = [f"{int(value):,}" for value in table.index[:-1]] + ["all"]
    place = np.arange(len(table))
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=3.6)
        axes.axhline(0, color="#555555")
        axes.vlines(place, table["low"], table["high"], color=PALETTE[0], linewidth=2)
        axes.plot(place, table["difference"], "o", color=PALETTE[0], markersize=7)
        axes.set_xticks(place, labels)
        axes.set(xlabel="candidates beside the hidden item", ylabel=f"{measure}: {first} less {second}")
        axes.set_title("Above zero the first model leads, below the second")
    listed = "; ".join(
        f"{label} {row.difference:+.4f} [{row.low:+.4f}, {row.high:+.4f}]"
        for label, row in zip(labels, table.itertuples(), strict=True)
    )
    return describe(
        axes, f"Dots with intervals, {measure} of {first} less {second} by number of candidates: {listed}."
    )


def power_check(table, wanted=0.8):
    """Power by customers per group: the formula as a line, simulated tests as dots with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: customers per group, ascending; columns formula, simulated, low, high.
    wanted : float
        The power asked for, drawn as a line across.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a column is missing.
    """
    missing = [name for name in ("formula", "simulated", "low", "high") if name not in table.columns]
    if missing or not len(table):
        raise InputError(f"power_check needs the column {missing[0] if missing else 'formula'}.")
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=3.6)
        axes.axhline(wanted, color="#555555", linestyle="--", linewidth=1)
        axes.plot(table.index, table["formula"], color=PALETTE[0], linewidth=2, label="formula")
        axes.vlines(table.index, table["low"], table["high"], color=PALETTE[1], linewidth=2)
        axes.plot(table.index, table["simulated"], "s", color=PALETTE[1], label="simulated tests")
        axes.set(xlabel="customers per group", ylabel="share of tests that find it", ylim=(0, 1.03))
        axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
        axes.set_title("How often a test finds the difference that is there")
        axes.legend(loc="lower right")
    listed = "; ".join(
        f"{int(row.Index):,} customers {row.formula:.3f}, simulated {row.simulated:.3f}"
        for row in table.itertuples()
    )
    return describe(axes, f"Line and dots of power by customers per group: {listed}; wanted {wanted:.2f}.")


def false_alarms(shares, level=0.05):
    """Share of tests that cry "winner" where there is none, by the number of looks.

    Parameters
    ----------
    shares : pandas.DataFrame
        Index: number of looks, ascending; columns share, low, high.
    level : float
        The share that one look is allowed.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a column is missing.
    """
    missing = [name for name in ("share", "low", "high") if name not in shares.columns]
    if missing or not len(shares):
        raise InputError(f"false_alarms needs the column {missing[0] if missing else 'share'}.")
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=3.4)
        axes.axhline(level, color="#555555", linestyle="--", linewidth=1)
        axes.vlines(shares.index, shares["low"], shares["high"], color=PALETTE[1], linewidth=2)
        axes.plot(shares.index, shares["share"], "o-", color=PALETTE[1], linewidth=1)
        axes.set(xlabel="looks at the running test", ylabel="share of false alarms")
        axes.set_ylim(0, float(shares["high"].max()) * 1.1)
        axes.set_xticks(list(shares.index))
        axes.set_title("Two equal mailings, and a winner")
    listed = "; ".join(
        f"{row.Index} looks {row.share:.3f} [{row.low:.3f}, {row.high:.3f}]" for row in shares.itertuples()
    )
    return describe(
        axes, f"Dots with intervals of the share of false alarms: {listed}; allowed are {level:.2f}."
    )


def policy_estimates(table, truth, measure="clicks per visit"):
    """Estimates of one policy's value from the log of another, repeated; the true value as a line.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per repetition, one column per estimator.
    truth : float
        The value that all of them estimate.
    measure : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        Fewer than two repetitions.
    """
    if not isinstance(table, pd.DataFrame) or len(table) < 2:
        raise InputError("policy_estimates needs a table of at least two repetitions, one column each.")
    place = np.arange(table.shape[1])[::-1]
    low, middle, high = (table.quantile(share) for share in (0.025, 0.5, 0.975))
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.3 + 0.42 * table.shape[1])
        axes.axvline(truth, color=PALETTE[1], linestyle="--")
        axes.hlines(place, low, high, color=PALETTE[0], linewidth=2)
        axes.plot(table.mean(), place, "o", color=PALETTE[0], markersize=7)
        axes.plot(middle, place, "|", color=PALETTE[0], markersize=12)
        axes.set_yticks(place, list(table.columns))
        axes.set_ylim(-0.6, table.shape[1] - 0.4)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(
            f"{measure}: mean (dot) and median (short line)\n"
            f"with the middle 95% of {len(table)} logs; dashed: the true value"
        )
        axes.set_title("The value of a policy that never ran")
    listed = "; ".join(
        f"{name} {table[name].mean():.4f} [{low[name]:.4f}, {high[name]:.4f}]" for name in table.columns
    )
    return describe(
        axes,
        f"Dots with the middle 95% of {len(table)} repetitions of {measure}: {listed}; the true value is "
        f"{truth:.4f}.",
    )
