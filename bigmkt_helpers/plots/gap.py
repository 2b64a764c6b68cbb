"""Figures of chapter 00: markets, bets and the uncertainty before looking."""

import matplotlib
import numpy as np

from bigmkt_helpers.errors import InputError
from bigmkt_helpers.plots.base import MARKERS, PALETTE, STYLE, describe, new_axes

__all__ = ["capital_growth", "outcome_shares", "share_by_band", "unravelling"]


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
