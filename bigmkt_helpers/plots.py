"""Every figure of the course: a function takes results and returns an Axes that carries its own description.

``show(ax)`` displays the figure.  The description, a sentence made from the numbers that the figure shows,
goes with the picture as alternative text and stands in the output as text, where a test compares it.
"""

import base64
import io

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from bigmkt_helpers.errors import InputError

__all__ = [
    "PALETTE",
    "blockbuster_share",
    "capital_growth",
    "cleaning_steps",
    "describe",
    "differences_to_one",
    "error_against_ranking",
    "gain_by_history",
    "knowledge_ladder",
    "largest_z",
    "ledger_chart",
    "long_tail",
    "missing_shares",
    "model_intervals",
    "new_axes",
    "outcome_shares",
    "precision_and_recall",
    "reliability",
    "share_by_band",
    "show",
    "shrinkage_curve",
    "survival_by_audience",
    "unravelling",
    "validation_curves",
]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, told apart with any colour vision."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""The second cue beside the colour."""

STYLE = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#555555",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.prop_cycle": matplotlib.cycler(color=PALETTE),
    "font.size": 11,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}

WIDTH = 6.8
"""Inches; with 100 pixels an inch a figure is as wide as the text."""


def new_axes(height=3.8, width=WIDTH, **subplots):
    """A figure in the style of the course, `width` × `height` inches; returns its Axes.

    The figure stands outside pyplot, so that making it neither shows it nor changes the reader's own plots.
    """
    with matplotlib.rc_context(STYLE):
        return Figure(figsize=(width, height), layout="constrained").subplots(**subplots)


def describe(axes, sentence):
    """Give the figure of `axes` its description, a whole sentence with the key numbers; returns `axes`."""
    first = axes.flat[0] if isinstance(axes, np.ndarray) else axes
    first.figure.set_label(sentence)
    return axes


def show(axes) -> None:
    """Display the figure of an Axes with its description.

    Parameters
    ----------
    axes : matplotlib.axes.Axes or ndarray of Axes
        As returned by a function of this module.

    Raises
    ------
    InputError
        If the figure has no description.
    """
    from IPython.display import display

    first = axes.flat[0] if isinstance(axes, np.ndarray) else axes
    figure = first.figure
    sentence = figure.get_label()
    if not sentence:
        raise InputError("The figure has no description: call describe(axes, sentence) first.")
    picture = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(picture, format="png", dpi=200, metadata={"Software": None})
    width = round(figure.get_figwidth() * 100)
    display(
        {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": sentence},
        raw=True,
        metadata={"image/png": {"alt": sentence, "width": width}},
    )


# --- chapter 03, collaborative filtering ---------------------------------------------------------------


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


# --- chapter 02, similarity ----------------------------------------------------------------------------


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


# --- chapter 00, the information gap ---------------------------------------------------------------------


def unravelling(offers, resting, title="The best leave first, and the price follows"):
    """What buyers offer from round to round in a market with hidden quality, and where it comes to rest.

    Parameters
    ----------
    offers : mapping of str to sequence of float
        Name of the market → offers of the rounds, in CNY.
    resting : mapping of str to float
        Name of the market → the price in closed form.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    parts = []
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for number, (name, prices) in enumerate(offers.items()):
            colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
            rounds = np.arange(1, len(prices) + 1)
            axes.plot(rounds, prices, marker=marker, color=colour, markersize=5)
            axes.axhline(resting[name], color=colour, linestyle="--", linewidth=1)
            axes.annotate(
                name,
                (rounds[-1], prices[-1]),
                xytext=(0, 7),
                textcoords="offset points",
                color=colour,
                ha="right",
                va="bottom",
            )
            parts.append(
                f"{name}: from {prices[0]:.1f} in round 1 to {prices[-1]:.1f} in round {len(prices)}, "
                f"in closed form {resting[name]:.1f}"
            )
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        axes.margins(y=0.12)
        last = max(len(prices) for prices in offers.values())
        axes.set_xlim(0.7, last + 0.3)
        axes.set_xticks(np.arange(1, last + 1, max(1, last // 12)))
        axes.set(xlabel="round (dashed: where the price rests)", ylabel="offer in CNY")
        axes.set_title(title)
    return describe(axes, f"Falling lines of the offer in CNY. {'; '.join(parts)}.")


def capital_growth(doublings, rates, title="Bits are doublings"):
    """Capital of bettors from round to round, in doublings, and the growth that the formula promises.

    Parameters
    ----------
    doublings : pandas.DataFrame
        Index: rounds; one column per bettor: log2 of the capital.
    rates : mapping of str to float
        Bettor → growth in bits per round, in closed form.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    parts = []
    rounds = doublings.index.to_numpy()
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        for number, name in enumerate(doublings.columns):
            colour = PALETTE[number % len(PALETTE)]
            values = doublings[name]
            axes.plot(rounds, values, color=colour, linewidth=1.8)
            axes.plot(rounds, rates[name] * rounds, color=colour, linestyle="--", linewidth=1)
            axes.annotate(
                name,
                (rounds[-1], values.iloc[-1]),
                xytext=(6, 0),
                textcoords="offset points",
                color=colour,
                va="center",
            )
            parts.append(
                f"{name} {values.iloc[-1]:+.0f} doublings after {rounds[-1]:,} rounds, "
                f"expected {rates[name] * rounds[-1]:+.0f}"
            )
        axes.set(xlabel="rounds (dashed: the formula)", ylabel="doublings of the capital (log2)")
        axes.set_title(title)
    return describe(axes, f"Lines of capital, dashed what the formula expects: {'; '.join(parts)}.")


def outcome_shares(shares, bits, last="nothing", title="Before looking"):
    """Bars of the shares of the outcomes, with the uncertainty in bits.

    Parameters
    ----------
    shares : pandas.Series
        Index: outcomes; adding up to 1.
    bits : float
        Their entropy.
    last : str
        Outcome that is drawn in another colour, at the bottom.
    title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    if last not in shares.index:
        raise InputError(f"outcome_shares needs the outcome {last!r} among {list(shares.index)}.")
    others = shares.drop(last).sort_values(kind="stable")
    names, values = [last, *others.index], np.array([shares[last], *others])
    place = np.arange(len(names))
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.2 + 0.27 * len(names))
        bars = axes.barh(place, 100 * values, color=[PALETTE[1], *[PALETTE[0]] * len(others)])
        bars[0].set_hatch("//")
        for at, value in zip(place, values, strict=True):
            axes.annotate(
                f"{value:.1%}", (100 * value, at), xytext=(4, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(place, names)
        axes.margins(x=0.12)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("% of the customers")
        axes.set_title(f"{title}: {bits:.2f} bits")
    listed = ", ".join(f"{name} {shares[name]:.1%}" for name in [last, *others.index[::-1]])
    return describe(axes, f"Bars of the shares of {len(names)} outcomes, {bits:.2f} bits in all: {listed}.")


def share_by_band(table, what="buy again", band="days since the last purchase", title="Recency tells"):
    """How often something happens, by bands, each with its interval.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: labels of the bands, in order; columns share, low and high (from 0 to 1).
    what, band, title : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    missing = [name for name in ("share", "low", "high") if name not in table.columns]
    if missing:
        raise InputError(f"share_by_band needs the columns share, low and high; missing: {missing[0]}.")
    place = np.arange(len(table))
    with matplotlib.rc_context(STYLE):
        axes = new_axes()
        axes.bar(place, 100 * table["share"], color=PALETTE[5])
        axes.vlines(place, 100 * table["low"], 100 * table["high"], color="#333333", linewidth=2)
        for at, row in zip(place, table.itertuples(), strict=True):
            axes.annotate(
                f"{row.share:.1%}",
                (at, 100 * row.high),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
            )
        axes.set_xticks(place, [str(label) for label in table.index])
        axes.margins(y=0.12)
        axes.grid(axis="x", visible=False)
        axes.set(xlabel=band, ylabel=f"% who {what}")
        axes.set_title(title)
    listed = "; ".join(
        f"{label} {row.share:.1%} [{row.low:.1%}, {row.high:.1%}]"
        for label, row in zip(table.index, list(table.itertuples()), strict=True)
    )
    return describe(axes, f"Bars with intervals of the customers who {what}, by {band}: {listed}.")


# --- the ledger ------------------------------------------------------------------------------------------

LEDGER_MARKS = {
    "baseline": ("s", PALETTE[4], "baseline"),
    "model": ("o", PALETTE[0], "model"),
    "ceiling": ("*", PALETTE[1], "ceiling"),
}
"""Marker, colour and name of each kind of row."""


def ledger_chart(table, currency="CNY", title="What is known, and what it earns"):
    """Every model of the ledger: bits closed across, money upwards; dashed lines mark the ceilings.

    Parameters
    ----------
    table : pandas.DataFrame
        As :meth:`bigmkt_helpers.information.Ledger.table` gives it: columns model, kind (baseline, model or
        ceiling), closed and gain, both with _low and _high.
    currency, title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a column or a value is missing, such as the money of a ledger without coupon terms.
    """
    needed = [
        "model",
        "kind",
        *(f"{name}{end}" for name in ("closed", "gain") for end in ("", "_low", "_high")),
    ]
    missing = [name for name in needed if name not in table.columns]
    if missing or not len(table):
        raise InputError(f"ledger_chart needs rows with the columns {needed}; missing: {missing or 'rows'}.")
    gaps = table[needed].isna().any(axis=1)
    if gaps.any():
        name = table["model"][gaps].iloc[0]
        raise InputError(f"Row {name!r} lacks bits or money: score with a truth and with coupon terms.")
    odd = table["kind"][~table["kind"].isin(list(LEDGER_MARKS))]
    if len(odd):
        raise InputError(f"There is no kind of row {odd.iloc[0]!r}: use one of {list(LEDGER_MARKS)}.")
    table = table.sort_values(["closed", "model"], kind="stable")
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=5.2)
        for kind, (marker, colour, name) in LEDGER_MARKS.items():
            rows = table[table["kind"] == kind]
            if rows.empty:
                continue
            axes.hlines(rows["gain"], rows["closed_low"], rows["closed_high"], color=colour, linewidth=1.2)
            axes.vlines(rows["closed"], rows["gain_low"], rows["gain_high"], color=colour, linewidth=1.2)
            axes.plot(
                rows["closed"],
                rows["gain"],
                marker,
                color=colour,
                markersize=13 if kind == "ceiling" else 8,
                markeredgecolor="white",
                label=name,
            )
        for row in table[table["kind"] == "ceiling"].itertuples():
            axes.axvline(row.closed, color=LEDGER_MARKS["ceiling"][1], linestyle="--", linewidth=1, zorder=0)
            axes.axhline(row.gain, color=LEDGER_MARKS["ceiling"][1], linestyle=":", linewidth=1, zorder=0)
        axes.margins(0.16, 0.08)
        _labels_apart(axes, table)
        axes.set_xlabel("bits closed per customer, with the 95% interval over customers")
        axes.set_ylabel(f"gain over no coupon, {currency} per 1,000 customers")
        # below the dotted lines, on white: a dashed line of a ceiling may pass there
        axes.legend(loc="lower right", frameon=True, facecolor="white", edgecolor="none", framealpha=1)
        axes.set_title(title)
    listed = "; ".join(
        f"{row.model} ({row.kind}) {row.closed:.3f} bits [{row.closed_low:.3f}, {row.closed_high:.3f}] and "
        f"{row.gain:,.0f} {currency} [{row.gain_low:,.0f}, {row.gain_high:,.0f}]"
        for row in table.itertuples()
    )
    return describe(
        axes, f"Points of bits closed and gain per 1,000 customers, from few bits to many: {listed}."
    )


def _labels_apart(axes, table):
    """The name of each row beside its interval; names that would cover each other move up, on a thin line."""
    axes.figure.canvas.draw()
    middle = np.mean(axes.transAxes.transform([(0, 0), (1, 1)])[:, 0])
    placed = []
    for row in table.sort_values(["gain", "closed"], kind="stable").itertuples():
        right = axes.transData.transform((row.closed, row.gain))[0] < middle
        anchor = (row.closed_high if right else row.closed_low, row.gain)
        x, y = axes.transData.transform(anchor)
        width = 7.2 * len(row.model) + 8
        left, height = (x if right else x - width), y
        while any(abs(height - b) < 17 and left < c and a < left + width for a, b, c in placed):
            height += 3
        placed.append((left, height, left + width))
        axes.annotate(
            row.model,
            anchor,
            xytext=(6 if right else -6, (height - y) * 72 / axes.figure.dpi),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            size=10,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.7} if height > y else None,
        )


def knowledge_ladder(table, currency="CNY", title="The more is known, the better the coupons"):
    """Gain of the coupon policy for every state of knowledge, one dot and interval each.

    Parameters
    ----------
    table : pandas.DataFrame
        As :meth:`bigmkt_helpers.information.CommonQuestion.value_ladder` gives it: index the knowledge;
        columns gain, gain_low, gain_high and times_blanket. The row of the blanket is drawn as a line across.
    currency, title : str

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InputError
        If a column or the row "blanket" is missing.
    """
    missing = [c for c in ("gain", "gain_low", "gain_high", "times_blanket") if c not in table.columns]
    if missing or "blanket" not in table.index:
        raise InputError(f"knowledge_ladder needs {missing[0] if missing else 'the row blanket'!r}.")
    rungs = table.drop(index=[name for name in ("no coupon", "blanket") if name in table.index])
    blanket = float(table.loc["blanket", "gain"])
    place = np.arange(len(rungs))[::-1]
    with matplotlib.rc_context(STYLE):
        axes = new_axes(height=1.6 + 0.42 * len(rungs))
        axes.axvline(0, color="#555555")
        axes.axvline(blanket, color=PALETTE[1], linestyle="--")
        axes.annotate(
            f"the same coupon for all: {blanket:,.0f}",
            (blanket, len(rungs) - 0.42),
            xytext=(5, 0),
            textcoords="offset points",
            color=PALETTE[1],
            va="center",
            size=10,
        )
        axes.hlines(place, rungs["gain_low"], rungs["gain_high"], color=PALETTE[0], linewidth=2)
        axes.plot(rungs["gain"], place, "o", color=PALETTE[0], markersize=8)
        for at, row in zip(place, rungs.itertuples(), strict=True):
            times = "" if np.isnan(row.times_blanket) else f" = {row.times_blanket:.2f} blankets"
            axes.annotate(
                f"{row.gain:,.0f}{times}",
                (row.gain_high, at),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                size=10,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
            )
        axes.set_yticks(place, list(rungs.index))
        axes.set_ylim(-0.6, len(rungs) - 0.15)
        low, high = min(0.0, float(rungs["gain_low"].min())), float(table["gain_high"].max())
        axes.set_xlim(low - 0.04 * (high - low), high + 0.45 * (high - low))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(
            f"gain over no coupon, {currency} per 1,000 customers\nwith the 95% interval over customers"
        )
        axes.set_title(title)
    listed = "; ".join(
        f"{row.Index} {row.gain:,.0f} [{row.gain_low:,.0f}, {row.gain_high:,.0f}]"
        for row in rungs.itertuples()
    )
    return describe(
        axes,
        f"Dots with intervals: gain over no coupon in {currency} per 1,000 customers by what is "
        f"known: {listed}; "
        f"the same coupon for all gains {blanket:,.0f}.",
    )


# --- chapter 01, collecting and cleaning -----------------------------------------------------------------


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
