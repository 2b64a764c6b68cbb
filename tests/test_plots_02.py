"""The figures of chapter 02: an Axes comes back, it is drawn, and its sentence states the data's numbers."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bigmkt_helpers import plots

pytestmark = pytest.mark.unit


def sentence(axes):
    """Draw the figure; its sentence."""
    assert isinstance(axes, Axes)
    picture = io.BytesIO()
    axes.figure.savefig(picture, format="png", dpi=50)
    assert picture.getvalue().startswith(b"\x89PNG")
    assert len(picture.getvalue()) > 2_000
    return axes.figure.get_label()


def numbers(text):
    return [float(number) for number in re.findall(r"[-+]?\d+\.\d+", text)]


RELIABLE = pd.DataFrame(
    [
        ("cosine", "2–3", 0.331, 0.302, 0.352),
        ("cosine", "4 or more", 0.612, 0.583, 0.641),
        ("Pearson", "2–3", -0.021, -0.053, 0.014),
        ("Pearson", "4 or more", 0.274, 0.235, 0.293),
    ],
    columns=["measure", "common", "estimate", "low", "high"],
)


def test_reliability():
    axes = plots.reliability(RELIABLE)
    text = sentence(axes)
    assert numbers(text) == RELIABLE[["estimate", "low", "high"]].to_numpy().ravel().tolist()
    assert "cosine rises" in text
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2–3", "4 or more"]
    drawn = [line.get_ydata().tolist() for line in axes.lines]
    assert drawn == [[0.331, 0.612], [-0.021, 0.274]]


def test_shrinkage_curve():
    table = pd.DataFrame(
        {"estimate": [0.31, 0.174, 0.182], "low": [0.3, 0.161, 0.17], "high": [0.33, 0.19, 0.2]},
        index=[0, 30, 200],
    )
    axes = plots.shrinkage_curve(table)
    text = sentence(axes)
    assert "0.310 at beta 0 and least at beta 30: 0.174 [0.161, 0.190]; at beta 200 it is 0.182" in text
    assert axes.lines[0].get_ydata().tolist() == [0.31, 0.174, 0.182]
    assert axes.lines[1].get_ydata() == pytest.approx([0.174])


def test_blockbuster_share():
    shares = pd.Series({"dot": 0.466, "cosine": 0.004, "lift": 0.0})
    axes = plots.blockbuster_share(shares, "Forrest Gump")
    assert sentence(axes) == (
        "Bars: share of the shelves that carry Forrest Gump: dot 46.6%, cosine 0.4%, lift 0.0%."
    )
    assert sorted(bar.get_width() for bar in axes.patches) == pytest.approx([0.0, 0.4, 46.6])


def test_differences_to_one():
    table = pd.DataFrame(
        {"difference": [0.0011, -0.0352], "low": [-0.0052, -0.0471], "high": [0.0074, -0.0253]},
        index=["TF-IDF", "Pearson"],
    )
    axes = plots.differences_to_one(table, "cosine")
    text = sentence(axes)
    assert "TF-IDF +0.0011 [-0.0052, +0.0074]; Pearson -0.0352 [-0.0471, -0.0253]" in text
    # the second cue: filled where the interval leaves out zero
    by_fill = {
        line.get_fillstyle(): line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "o"
    }
    assert by_fill == {"full": [-0.0352], "none": [0.0011]}


def test_survival_by_audience():
    generator = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "audience": [5, 6, 7, 100, 120, 200],
            "survival": [0.2, 0.3, 0.25, 0.7, 0.8, 0.9],
            "band": ["few"] * 3 + ["many"] * 3,
        }
    ).sample(frac=1, random_state=generator)
    axes = plots.survival_by_audience(table)
    text = sentence(axes)
    assert text.startswith("6 dots")
    assert "few 25%, many 80%" in text
    assert axes.lines[1].get_xdata().tolist() == [6, 120]
    assert axes.lines[1].get_ydata() == pytest.approx([25, 80])
