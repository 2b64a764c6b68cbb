"""The figures of bandits: an Axes comes back, it is drawn, and its sentence states the data's numbers."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit


def sentence(axes):
    """Draw the figure; its sentence."""
    first = axes.flat[0] if isinstance(axes, np.ndarray) else axes
    assert isinstance(first, Axes)
    picture = io.BytesIO()
    first.figure.savefig(picture, format="png", dpi=50)
    assert len(picture.getvalue()) > 2_000
    return first.figure.get_label()


def curve(column, values):
    return pd.DataFrame(
        {"round": [10, 1_000], column: values, "low": np.subtract(values, 1), "high": np.add(values, 2)}
    )


def test_regret_curves():
    axes = plots.regret_curves({"greedy": curve("regret", [3, 40]), "bold": curve("regret", [4, 9])}, 2.5)
    text = sentence(axes)
    assert "After 1,000 rounds: greedy 40.0 [39.0, 42.0]; bold 9.0 [8.0, 11.0]" in text
    assert text.endswith("2.50 · ln t, 17.3.")
    assert axes.get_xscale() == "log"
    assert axes.lines[0].get_ydata().tolist() == [3, 40]
    assert axes.lines[2].get_ydata()[[0, -1]] == pytest.approx([0, 2.5 * np.log(1_000)])
    assert (
        len({str(line.get_linestyle()) for line in axes.lines[:2]}) == 2
    )  # the second cue beside the colour
    plain = plots.regret_curves({"greedy": curve("regret", [3, 40])}, logarithmic=False)
    assert plain.get_xscale() == "linear"
    assert "Lai" not in sentence(plain)


def test_closable_clicks():
    axes = plots.closable_clicks(
        {"LinUCB": curve("share", [0.1, 0.7]), "Thompson": curve("share", [-0.5, -0.2])}
    )
    text = sentence(axes)
    assert "After 1,000 rounds: LinUCB 0.70 [-0.30, 2.70]; Thompson -0.20 [-1.20, 1.80]." in text
    assert axes.lines[2].get_ydata().tolist() == [0.1, 0.7]
    assert axes.lines[2].get_marker() != axes.lines[3].get_marker()
    assert [line.get_ydata()[0] for line in axes.lines[:2]] == [0, 1]


def test_off_policy_coverage():
    study = pd.DataFrame(
        {
            "policy": ["near", "near", "far", "far"],
            "estimator": ["IPS", "direct method"] * 2,
            "bias": [0.001, -0.002, 0.003, -0.02],
            "bias_error": 0.001,
            "coverage": [0.95, 0.9, 0.94, 0.7],
            "coverage_low": [0.9, 0.85, 0.9, 0.6],
            "coverage_high": [0.97, 0.95, 0.97, 0.8],
        }
    )
    axes = plots.off_policy_coverage(study)
    text = sentence(axes)
    assert "near: IPS bias +0.0010, coverage 95.0%, direct method bias -0.0020, coverage 90.0%" in text
    assert "far: IPS bias +0.0030, coverage 94.0%, direct method bias -0.0200, coverage 70.0%" in text
    assert axes[1].containers[1].lines[0].get_xdata().tolist() == [0.94, 0.7]
    assert axes[0].containers[0].lines[0].get_marker() != axes[0].containers[1].lines[0].get_marker()
    assert "95%" in axes[1].get_xlabel()


@pytest.mark.bad_input
def test_bad_input():
    with pytest.raises(InputError, match="at least one"):
        plots.regret_curves({})
    with pytest.raises(InputError, match="at least one"):
        plots.closable_clicks({})
    with pytest.raises(InputError, match=r"'greedy' needs .*high"):
        plots.regret_curves({"greedy": curve("regret", [1, 2]).drop(columns="high")})
    with pytest.raises(InputError, match="no rows"):
        plots.off_policy_coverage(
            pd.DataFrame(
                columns=[
                    "policy",
                    "estimator",
                    "bias",
                    "bias_error",
                    "coverage",
                    "coverage_low",
                    "coverage_high",
                ]
            )
        )
