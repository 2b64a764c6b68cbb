"""The gate on every notebook, and the proof that each of its rules turns red when it is broken."""

import copy
import re
import subprocess
import sys

import nbformat
import pytest

from tools import gate, notebooks

pytestmark = pytest.mark.notebooks

PATHS = notebooks.course_notebooks()
BIBLIOGRAPHY = (notebooks.ROOT / "book" / "references.bib").read_text(encoding="utf-8")
CHAPTERS = {
    "00_start_here",
    "01_collecting_and_cleaning",
    "02_similarity",
    "03_collaborative_filtering",
    "04_content_based_recommendation",
    "05_hybrids_and_cold_start",
    "06_is_the_recommender_any_good",
    "07_segments_and_personas",
    "08_market_baskets",
    "09_sequences",
    "10_bayesian_networks",
    "11_predicting_purchase_and_churn",
    "12_customer_lifetime_value",
}

chapters = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])


# every notebook


def test_the_chapters_are_there():
    assert {path.stem for path in PATHS} >= CHAPTERS, (
        "a chapter is missing from notebooks/: nothing was checked"
    )


def test_the_readme_says_which_chapters_stand():
    readme = (notebooks.ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d\d) \| (.+?) \| (yes|in preparation) \|$", readme, re.MULTILINE)
    assert [number for number, _, _ in rows] == [f"{number:02d}" for number in range(17)]
    linked = {
        re.search(r"\(notebooks/(\w+)\.ipynb\)", title)[1] for _, title, stands in rows if stands == "yes"
    }
    assert linked == {path.stem for path in PATHS if re.match(r"\d\d_", path.name)}


def test_every_stored_number_is_compared(pytestconfig):
    """`make test` and a bare `pytest` run strict nbval on the whole folder of notebooks."""
    assert pytestconfig.option.nbval
    assert not pytestconfig.option.nbval_lax
    assert "notebooks" in pytestconfig.getini("testpaths")


@pytest.mark.parametrize("rule", gate.RULES)
@chapters
def test_rule(path, rule):
    faults = gate.RULES[rule](notebooks.read(path))
    assert not faults, f"{path.name}, {rule}:\n" + "\n".join(faults)


@chapters
def test_references(path):
    faults = gate.references(notebooks.read(path), BIBLIOGRAPHY)
    assert not faults, f"{path.name}:\n" + "\n".join(faults)


@chapters
def test_clearing_a_chapter_turns_it_red(path):
    notebook = notebooks.read(path)
    for cell in notebooks.code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    assert set(gate.examine(notebook, BIBLIOGRAPHY)) >= {"executed", "exercises", "quiz", "versions"}


# the rules themselves, on a small chapter


def test_the_small_chapter_keeps_every_rule(small_notebook):
    assert gate.examine(small_notebook, BIBLIOGRAPHY) == {}


def _spoil_source(name, old, new):
    def spoil(cell):
        assert old in cell(name).source
        cell(name).source = cell(name).source.replace(old, new)

    return spoil


def _spoil_text(name, new, old=None):
    def spoil(cell):
        output = cell(name).outputs[0]
        output.text = new if old is None else output.text.replace(old, new)

    return spoil


def _spoil_alt(new):
    def spoil(cell):
        cell("figure").outputs[0].metadata["image/png"]["alt"] = new
        cell("figure").outputs[0].data["text/plain"] = new

    return spoil


def _set(name, **values):
    return lambda cell: cell(name).update(values)


def _tag(name, *tags):
    def spoil(cell):
        cell(name).metadata["tags"] = list(tags)

    return spoil


SPOILS = {
    "cleared": ("executed", _set("mean", execution_count=None, outputs=[])),
    "out of order": ("executed", _set("mean", execution_count=9)),
    "empty cell": ("executed", _set("mean", source=" ")),
    "error": (
        "clean_outputs",
        lambda cell: cell("mean").update(outputs=[nbformat.v4.new_output("error", ename="KeyError")]),
    ),
    "stderr": ("clean_outputs", lambda cell: cell("mean").outputs[0].update(name="stderr")),
    "warning": ("clean_outputs", _spoil_text("mean", "cell 3: FutureWarning: mind the gap")),
    "traceback": ("clean_outputs", _spoil_text("mean", "Traceback (most recent call last):\n  …")),
    "path": ("clean_outputs", _spoil_text("mean", "read from /ho" + "me/ada/ratings.csv")),
    "path on Windows": ("clean_outputs", _spoil_text("mean", r"read from D:\ada\ratings.csv")),
    "path in html": (
        "clean_outputs",
        lambda cell: cell("frame").outputs[0].data.update({"text/html": "<td>/us" + "r/share/x</td>"}),
    ),
    "address": ("clean_outputs", _spoil_text("mean", "<Line2D at 0x7f3a5c0b1d90>")),
    "seconds": ("clean_outputs", _spoil_text("mean", "done in 0.82 s")),
    "milliseconds": ("clean_outputs", _spoil_text("mean", "12.5 ms per loop")),
    "out of nbval by tag": ("validated", _tag("mean", "nbval-ignore-output")),
    "out of nbval by comment": (
        "validated",
        lambda cell: cell("mean").update(source="# NBVAL_" + "SKIP\n" + cell("mean").source),
    ),
    "exception allowed": ("validated", _tag("mean", "raises-exception")),
    "warnings silenced": (
        "validated",
        _spoil_source("mean", "print", 'warnings.simplefilter("ignore"); print'),
    ),
    "no title": ("chapter_card", _spoil_source("title", "# 02", "02")),
    "no card": ("chapter_card", _spoil_source("card", "Chapter card", "Overview")),
    **{
        f"card without {row}": ("chapter_card", _spoil_source("card", f"**{row}**", "**Something**"))
        for row in gate.CARD_ROWS
    },
    "minutes not said": ("chapter_card", _spoil_source("card", "read 5, do 10", "as long as needed")),
    "terms in English only": (
        "chapter_card",
        _spoil_source("card", "mean 平均值, rating 评分", "mean, rating"),
    ),
    "no alternative text": ("alternative_texts", lambda cell: cell("figure").outputs[0].metadata.clear()),
    "short alternative text": ("alternative_texts", _spoil_alt("Four bars, the largest 5.0.")),
    "alternative text names a file": (
        "alternative_texts",
        _spoil_alt("The picture figure_3.png as it was made by the code above it."),
    ),
    "alternative text without a number": (
        "alternative_texts",
        _spoil_alt("A bar chart of the ratings that were shown in the frame above."),
    ),
    "alternative text drifts": (
        "alternative_texts",
        lambda cell: cell("figure").outputs[0].data.update({"text/plain": "something else, of 5"}),
    ),
    "picture in markdown": (
        "alternative_texts",
        lambda cell: cell("reading").update(source=cell("reading").source + "\n\n![img](a.png)"),
    ),
    "long cell": (
        "short_cells",
        lambda cell: cell("mean").update(source="\n".join(f"a{k} = {k}" for k in range(26))),
    ),
    "lost backslash in a text": ("control_characters", _spoil_source("reading", "3.44", "$\beta$ 3.44")),
    "lost backslash in code": ("control_characters", _spoil_source("mean", "print", "# \frac\nprint")),
    "control character in an output": (
        "control_characters",
        lambda cell: cell("mean").outputs[0].update(text=cell("mean").outputs[0].text + "\x1b[31m"),
    ),
    "control character in html": (
        "control_characters",
        lambda cell: cell("frame").outputs[0].data.update({"text/html": "<td>\x07</td>"}),
    ),
    "carriage return": ("control_characters", _spoil_source("mean", "print", "# half\rprint")),
    "wide line": ("narrow_cells", _spoil_source("mean", "print", f"# {'x' * 87}\nprint")),
    "wide line in Chinese": ("narrow_cells", _spoil_source("mean", "print", f"# {'茶' * 44}\nprint")),
    "exercise without a solution": ("exercises", _tag("solution-1")),
    "exercise without a check": ("exercises", _tag("check-2")),
    "exercise without markers": ("exercises", _spoil_source("solution-1", "### BEGIN SOLUTION", "# begin")),
    "exercise without any marker": (
        "exercises",
        lambda cell: cell("solution-1").update(source="def mean_of_two(values):\n    return 3.0"),
    ),
    "check of another exercise": ("exercises", _spoil_source("check-2", '"02.2"', '"02.3"')),
    "check that did not pass": ("exercises", _spoil_text("check-3", "Exercise 02.3: not yet.")),
    "too few exercises": ("exercises", _spoil_source("task-3", "### Exercise 02.3", "### Task 3")),
    "no quiz": ("quiz", _spoil_source("quiz", "## Quiz", "## Questions")),
    "no key": ("quiz", _tag("quiz-key")),
    "key not computed": ("quiz", _set("quiz-key", source='print("Question 1: b")')),
    "no options": (
        "quiz",
        lambda cell: cell("quiz").update(source="## Quiz\n\nWhat is the mean of 2 and 4?"),
    ),
    "cited, not in the bibliography": ("references", _spoil_source("reading", "shannon1948", "nobody1900")),
    "cited, not listed": ("references", _spoil_source("references", "{cite:t}`shannon1948`", "Shannon 1948")),
    "no references": ("references", _spoil_source("references", "## References", "## Read on")),
    "no versions": ("versions", _spoil_text("versions", "numpy and pandas, of course")),
    "prose says another number": ("prose_numbers", _spoil_source("reading", "3.44", "3.45")),
    "prose says more digits": ("prose_numbers", _spoil_source("reading", "3.44", "3.43751")),
    "metadata of a run": (
        "form",
        lambda cell: cell("mean").metadata.update(execution={"iopub.execute_input": "now"}),
    ),
    "one id twice": ("form", _set("mean", id="frame")),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_rule_turns_red(spoil, small_notebook, cell):
    rule, change = SPOILS[spoil]
    change(cell)
    assert rule in gate.examine(small_notebook, BIBLIOGRAPHY)


def test_every_rule_is_turned_red():
    assert {rule for rule, _ in SPOILS.values()} == {*gate.RULES, "references"}


def test_many_lines_in_half_of_the_cells(small_notebook):
    for cell in notebooks.code_cells(small_notebook):
        cell.source = "\n".join(f"a{k} = {k}" for k in range(7))
    assert "short_cells" in gate.examine(small_notebook, BIBLIOGRAPHY)


def test_tabs_and_narrow_lines_are_no_fault(small_notebook, cell):
    cell("mean").outputs[0].text += "tea\t3\n茶\n"
    cell("mean").source = f"# {'x' * 86}\n# {'茶' * 43}\n" + cell("mean").source
    assert gate.control_characters(small_notebook) == gate.narrow_cells(small_notebook) == []


def test_ordinary_outputs_are_no_fault(small_notebook, cell):
    titles = "Gone in 60 Seconds (2000)\nthe 1990s\n640x480\n1/2/3\nComedy/Drama\n"
    cell("mean").outputs[0].text = titles + "28 days\n7 minutes\nuser 12 s.d. 0.4"
    assert gate.clean_outputs(small_notebook) == []


def test_numbers_of_prose_may_be_rounded_but_not_invented(small_notebook, cell):
    cell("reading").source = "Means of 3.4375, 3.438 and 3.4; see Exercise 02.9, `x = 9.99` and Python 3.11."
    assert gate.prose_numbers(small_notebook) == []
    cell("reading").source = "A mean of 3.439."
    assert gate.prose_numbers(small_notebook) == ["cell reading: 3.439 stands in no output and in no code"]


# strict nbval sees what the rules cannot


def _number(cell):
    cell("mean").outputs[0].text = cell("mean").outputs[0].text.replace("3.4375", "3.4376")


def _column(cell):
    data = cell("frame").outputs[0].data
    data["text/html"] = data["text/html"].replace("<th>rating</th>", "<th>stars</th>")


def _alternative_text(cell):
    output = cell("figure").outputs[0]
    output.data["text/plain"] = output.data["text/plain"].replace("5.0", "4.0")
    output.metadata["image/png"]["alt"] = output.data["text/plain"]


def _check(cell):
    cell("check-2").outputs[0].text = "Exercise 02.2: right, as always.\n"


FALSIFIED = {
    "frame column": (_column, "Cell 0"),
    "number": (_number, "Cell 1"),
    "alternative text": (_alternative_text, "Cell 2"),
    "verdict of a check": (_check, "Cell 7"),
}


COPIES = ("intact", "falsified", "cleared", "unchecked", "hungry")


@pytest.fixture(scope="session")
def nbval_verdicts(executed_small_notebook, tmp_path_factory):
    """Strict nbval, with the project's options and hooks, on copies of the small chapter."""
    folder = tmp_path_factory.mktemp("falsified")
    copies = {name: copy.deepcopy(executed_small_notebook) for name in COPIES}
    cells = {name: {cell.id: cell for cell in notebook.cells} for name, notebook in copies.items()}
    text = cells["intact"]["versions"].outputs[0].text
    cells["intact"]["versions"].outputs[0].text = re.sub(r"Python 3\.\d+\.\d+", "Python 3.99.1", text)
    for falsify, _ in FALSIFIED.values():
        falsify(cells["falsified"].__getitem__)
    for cell in notebooks.code_cells(copies["cleared"]):
        cell.outputs, cell.execution_count = [], None
    unchecked = cells["unchecked"]
    unchecked["check-1"].source = 'check("02.1", 3.0) if False else print("Exercise 02.1: right.")'
    unchecked["check-2"].source = 'from bigmkt_helpers.exercises import checks\ncheck("02.2", middle)'
    cells["hungry"]["mean"].source = f"del [{cells['hungry']['mean'].source}, b'1' * 1_600_000_000][1:]"
    for name, notebook in copies.items():
        notebooks.write(notebook, folder / f"{name}.ipynb")
    config = ["-c", notebooks.ROOT / "pyproject.toml", "--rootdir", notebooks.ROOT]
    options = ["-p", "conftest", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", "--color=no", "-q"]
    command = [sys.executable, "-m", "pytest", *config, *options, folder]
    done = subprocess.run([str(part) for part in command], cwd=notebooks.ROOT, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    found = re.findall(r"^(PASSED|FAILED|ERROR) \S*?(\w+)\.ipynb::(Cell \d+)", done.stdout, re.MULTILINE)
    verdicts = {name: {} for name in copies}
    for verdict, name, cell in found:
        verdicts[name][cell] = verdict
    assert {len(of_cells) for of_cells in verdicts.values()} == {12}
    assert done.returncode == 1
    verdicts["said"] = done.stdout
    return verdicts


def test_nbval_passes_an_intact_notebook_whatever_python_ran_it(nbval_verdicts):
    assert set(nbval_verdicts["intact"].values()) == {"PASSED"}


@pytest.mark.parametrize("case", FALSIFIED)
def test_nbval_turns_red(case, nbval_verdicts):
    assert nbval_verdicts["falsified"][FALSIFIED[case][1]] == "FAILED"


def test_nbval_turns_red_nowhere_else(nbval_verdicts):
    red = {cell for cell, verdict in nbval_verdicts["falsified"].items() if verdict != "PASSED"}
    assert red == {cell for _, cell in FALSIFIED.values()}


def test_nbval_passes_a_cleared_notebook_and_the_gate_does_not(nbval_verdicts, small_notebook):
    """The reason why the gate counts executions."""
    assert set(nbval_verdicts["cleared"].values()) == {"PASSED"}
    for cell in notebooks.code_cells(small_notebook):
        cell.outputs, cell.execution_count = [], None
    assert "executed" in gate.examine(small_notebook, BIBLIOGRAPHY)


def test_a_check_that_passes_a_blank_turns_red(nbval_verdicts):
    """In the cell of the solution; a check that fails for another reason does too, and by itself."""
    verdicts = nbval_verdicts["unchecked"]
    assert {cell for cell in verdicts if verdicts[cell] != "PASSED"} == {"Cell 4", "Cell 6", "Cell 7"}
    said = nbval_verdicts["said"]
    assert "exercise 02.1: the check passes a blank cell" in said
    assert "exercise 02.2: the check of a blank cell fails for another reason: ImportError" in said


def test_a_notebook_that_takes_too_much_memory_turns_red(nbval_verdicts):
    """In its last cell."""
    verdicts = nbval_verdicts["hungry"]
    assert {cell for cell in verdicts if verdicts[cell] != "PASSED"} == {"Cell 11"}
    assert re.search(r"the notebook takes 1,?[67]\d\d MB", nbval_verdicts["said"])


# running notebooks


def test_a_failing_notebook_shows_its_cell(small_notebook, cell, tmp_path):
    cell("mean").source = 'print("so far")\nratings["stars"].mean()'
    with pytest.raises(notebooks.NotebookFailed) as failure:
        notebooks.execute(small_notebook, tmp_path, "small.ipynb")
    message = str(failure.value)
    assert "small.ipynb, cell mean:" in message
    assert 'ratings["stars"].mean()' in message
    assert message.endswith("KeyError: 'stars'")


def test_peak_memory_is_that_of_the_kernel(small_notebook, cell, tmp_path):
    small_notebook.cells = [cell("mean")]
    peaks = []
    for size in (1, 400_000_000):
        cell("mean").source = f"block = bytearray(b'1' * {size})\ndel block"
        peaks.append(notebooks.execute(small_notebook, tmp_path).peak_bytes)
    # the text and its copy stand in memory for a moment, then are given back
    assert peaks[1] - peaks[0] == pytest.approx(800e6, rel=0.2)


def test_running_in_place_keeps_ids_and_leaves_no_trace_of_the_run(small_notebook, tmp_path):
    before = [cell.id for cell in small_notebook.cells]
    for cell in small_notebook.cells:
        cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
        cell.metadata["collapsed"] = False
    small_notebook.metadata["widgets"] = {}
    notebooks.execute(small_notebook, tmp_path)
    notebooks.tidy(small_notebook)
    assert [cell.id for cell in small_notebook.cells] == before
    assert gate.examine(small_notebook, BIBLIOGRAPHY) == {}
    notebooks.write(small_notebook, tmp_path / "small.ipynb")
    text = (tmp_path / "small.ipynb").read_text(encoding="utf-8")
    assert "2026-01-01" not in text
    notebooks.write(notebooks.tidy(notebooks.read(tmp_path / "small.ipynb")), tmp_path / "again.ipynb")
    assert (tmp_path / "again.ipynb").read_text(encoding="utf-8") == text


def test_an_exercise_carries_what_nbgrader_needs(cell):
    solution, check = cell("solution-1").metadata.nbgrader, cell("check-1").metadata.nbgrader
    assert (solution.solution, solution.grade, solution.locked) == (True, False, False)
    assert (check.solution, check.grade, check.locked, check.points) == (False, True, True, 1)
    assert solution.grade_id != check.grade_id
