"""What every figure of the course shares: style, colours, and a description that goes with it.

``show(ax)`` displays the figure.  The description, a sentence made from the numbers that the figure shows,
goes with the picture as alternative text and stands in the output as text, where a test compares it.
"""

import base64
import io

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from bigmkt_helpers.errors import InputError

__all__ = ["MARKERS", "PALETTE", "STYLE", "WIDTH", "describe", "new_axes", "show"]

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
        As returned by a function of this package.

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
