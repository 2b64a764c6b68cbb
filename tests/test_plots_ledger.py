"""The chart of the ledger and of the ladder: they show the numbers they are given, and their sentence too."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from bigmkt_helpers import plots
from bigmkt_helpers.errors import InputError

pytestmark = pytest.mark.unit

TABLE = pd.DataFrame(
    [
        ("base rate", "baseline", 0.0, 0.0, 0.0, 122.0, 52.0, 194.0),
        ("last category", "baseline", 0.187, 0.152, 0.224, 1744.0, 1514.0, 1978.0),
        ("item-kNN", "model", 0.19, 0.16, 0.22, 1750.0, 1500.0, 1990.0),
        ("boosting", "model", 0.473, 0.423, 0.523, 2414.0, 2195.0, 2625.0),
        ("ideal observer", "ceiling", 0.582, 0.532, 0.632, 2711.0, 2485.0, 2927.0),
        ("truth", "ceiling", 0.745, 0.693, 0.8, 3213.0, 2997.0, 3414.0),
    ],
    columns=["model", "kind", "closed", "closed_low", "closed_high", "gain", "gain_low", "gain_high"],
)
LADDER = pd.DataFrame(
    {
        "gain": [0.0, 1076.0, 122.0, 1744.0, 3213.0],
        "gain_low": [0.0, 888.0, 52.0, 1514.0, 2997.0],
        "gain_high": [0.0, 1262.0, 194.0, 1978.0, 3414.0],
        "times_blanket": [0.0, 1.0, 0.11, 1.62, 2.99],
    },
    index=["no coupon", "blanket", "nothing", "one purchase", "truth"],
)


def sentence(axes):
    return axes.figure.get_label()


def numbers(text):
    return [float(n.replace(",", "")) for n in re.findall(r"(?<![\w,])-?\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.parametrize("make", [lambda: plots.ledger_chart(TABLE), lambda: plots.knowledge_ladder(LADDER)])
def test_the_figures_can_be_shown(make, monkeypatch):
    axes, shown = make(), []
    assert isinstance(axes, Axes)
    monkeypatch.setattr("IPython.display.display", lambda data, **kwargs: shown.append((data, kwargs)))
    plots.show(axes)
    (data, kwargs) = shown[0]
    assert data["text/plain"] == kwargs["metadata"]["image/png"]["alt"] == sentence(axes)
    assert len(data["image/png"]) > 5_000
    assert axes.get_xlabel()
    assert axes.get_title(loc="left")


def test_every_row_is_a_point_with_both_intervals():
    axes = plots.ledger_chart(TABLE.sample(frac=1, random_state=0))
    for kind, (marker, _, label) in plots.LEDGER_MARKS.items():
        rows = TABLE[TABLE["kind"] == kind]
        (line,) = [drawn for drawn in axes.lines if drawn.get_label() == label]
        assert line.get_marker() == marker
        np.testing.assert_allclose(np.sort(line.get_xdata()), rows["closed"])
        np.testing.assert_allclose(np.sort(line.get_ydata()), rows["gain"])
    ends = np.sort(np.concatenate([s[:, 0] for c in axes.collections[::2] for s in c.get_segments()]))
    np.testing.assert_allclose(ends, np.sort(TABLE[["closed_low", "closed_high"]].to_numpy().ravel()))
    ends = np.sort(np.concatenate([s[:, 1] for c in axes.collections[1::2] for s in c.get_segments()]))
    np.testing.assert_allclose(ends, np.sort(TABLE[["gain_low", "gain_high"]].to_numpy().ravel()))


def test_kinds_differ_by_colour_and_by_marker():
    marks = list(plots.LEDGER_MARKS.values())
    assert len({marker for marker, *_ in marks}) == len({colour for _, colour, _ in marks}) == 3


def test_both_ceilings_are_lines_across_and_up():
    axes = plots.ledger_chart(TABLE)
    dashed = [line for line in axes.lines if line.get_linestyle() in ("--", ":")]
    upright = sorted(line.get_xdata()[0] for line in dashed if line.get_linestyle() == "--")
    level = sorted(line.get_ydata()[0] for line in dashed if line.get_linestyle() == ":")
    assert upright == [0.582, 0.745]
    assert level == [2711, 3213]


def test_the_sentence_tells_every_row_in_order():
    text = sentence(plots.ledger_chart(TABLE, currency="EUR"))
    order = [text.index(f"{name} (") for name in TABLE["model"]]
    assert order == sorted(order)
    columns = ["closed", "closed_low", "closed_high", "gain", "gain_low", "gain_high"]
    np.testing.assert_allclose(numbers(text.split("many: ")[1]), TABLE[columns].to_numpy().ravel())
    assert "EUR" in text


def test_names_of_close_points_do_not_cover_each_other():
    axes = plots.ledger_chart(TABLE)
    drawn = FigureCanvasAgg(axes.figure)
    drawn.draw()
    names = [text for text in axes.texts if text.get_text()]
    assert sorted(text.get_text() for text in names) == sorted(TABLE["model"])
    for text in names:
        text.update_positions(drawn.get_renderer())
    boxes = [Text.get_window_extent(text) for text in names]  # the words alone, without their thin line
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert box.x0 >= 0
        assert box.x1 <= axes.figure.bbox.width


def test_a_name_does_not_cover_the_marker_of_another_row():
    rows = [
        ("fitted on a leak", "model", 0.002, -0.076, 0.083, 1700.0, 1500.0, 1900.0),
        ("one more of them", "model", 0.1, 0.09, 0.11, 1640.0, 1500.0, 1900.0),
    ]
    table = pd.concat([TABLE, pd.DataFrame(rows, columns=TABLE.columns)], ignore_index=True)
    axes = plots.ledger_chart(table)
    drawn = FigureCanvasAgg(axes.figure)
    drawn.draw()
    for text in axes.texts:
        text.update_positions(drawn.get_renderer())
        box = Text.get_window_extent(text)
        for other in table[table["model"] != text.get_text()].itertuples():
            at, up = axes.transData.transform((other.closed, other.gain))
            assert not (box.x0 < at < box.x1 and box.y0 < up < box.y1), (text.get_text(), other.model)


def test_the_ladder_leaves_out_the_rung_of_no_coupon():
    axes = plots.knowledge_ladder(LADDER)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["nothing", "one purchase", "truth"]
    assert axes.get_yticks().tolist() == [2, 1, 0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots[0].get_xdata(), [122, 1744, 3213])
    text = sentence(axes)
    assert "one purchase 1,744 [1,514, 1,978]" in text
    assert "the same coupon for all gains 1,076" in text
    assert any("1.62 blankets" in t.get_text() for t in axes.texts)


def test_a_blanket_that_gains_nothing_has_no_multiples():
    ladder = LADDER.assign(times_blanket=np.nan)
    ladder.loc["blanket", "gain"] = -50.0
    axes = plots.knowledge_ladder(ladder)
    assert not any("blankets" in text.get_text() for text in axes.texts)


def test_what_cannot_be_drawn_gets_one_sentence():
    for bad, words in [
        (lambda: plots.ledger_chart(TABLE.drop(columns="gain")), "missing: \\['gain'\\]"),
        (lambda: plots.ledger_chart(TABLE.iloc[:0]), "missing: rows"),
        (lambda: plots.ledger_chart(TABLE.assign(gain=np.nan)), "'base rate' lacks bits or money"),
        (lambda: plots.ledger_chart(TABLE.assign(kind="winner")), "no kind of row 'winner'"),
        (lambda: plots.knowledge_ladder(LADDER.drop(columns="gain")), "needs 'gain'"),
        (lambda: plots.knowledge_ladder(LADDER.drop(index="blanket")), "the row blanket"),
    ]:
        with pytest.raises(InputError, match=words):
            bad()


def test_two_points_across_the_middle_keep_their_own_sides():
    pair = TABLE.iloc[[0, 5]]
    middle = np.mean(plots.ledger_chart(pair).get_xlim())
    both = pd.DataFrame([TABLE.iloc[3], TABLE.iloc[3]]).assign(
        model=["left one", "right one"],
        closed=[middle - 0.02, middle + 0.02],
        closed_low=[middle - 0.04, middle],
        closed_high=[middle, middle + 0.04],
        gain=[1_600.0, 1_640.0],
    )
    axes = plots.ledger_chart(pd.concat([pair, both]))
    side = {text.get_text(): text.get_ha() for text in axes.texts}
    assert side["left one"] == "right"
    assert side["right one"] == "left"
