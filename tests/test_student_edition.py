"""The student edition: the whole course, and nothing of a solution."""

import re

import nbformat
import pytest

from tools import notebooks, student

pytestmark = pytest.mark.notebooks

PATHS = notebooks.course_notebooks()


def solution_lines(notebook):
    """The lines between solution markers, and those of the quiz keys: what must not be handed out."""
    lines = set()
    for cell in notebooks.code_cells(notebook):
        for found in student.SOLUTION.finditer(cell.source):
            lines.update(line.strip() for line in found[0].splitlines()[1:-1])
        if "quiz" in notebooks.tags(cell):
            lines.update(line.strip() for line in cell.source.splitlines() if "quiz_key(" in line)
    return {line for line in lines if line and not line.startswith("#")}


def shared_lines(notebook):
    """Lines that the chapter itself shows outside the solutions."""
    return {
        line.strip()
        for cell in notebooks.code_cells(notebook)
        if "quiz" not in notebooks.tags(cell)
        for line in student.SOLUTION.sub("", cell.source).splitlines()
    }


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edition") / "student"
    student.make(folder)
    return folder


def test_every_notebook_is_in_the_edition(edition):
    assert PATHS, "there is no notebook to hand out"
    assert [path.name for path in notebooks.course_notebooks(edition)] == [path.name for path in PATHS]


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_no_solution_is_handed_out(path, edition):
    original = notebooks.read(path)
    handed_out = (edition / path.name).read_text(encoding="utf-8")
    blank = notebooks.read(edition / path.name)
    secrets = solution_lines(original) - shared_lines(original)
    assert secrets, "no solution was found in this chapter"
    code = {line.strip() for cell in notebooks.code_cells(blank) for line in cell.source.splitlines()}
    assert not secrets & code
    assert "SOLUTION" not in handed_out
    keys = sum("quiz" in notebooks.tags(cell) for cell in notebooks.code_cells(original))
    assert [cell.source for cell in blank.cells].count(student.QUIZ_BLANK) == 1
    assert len(blank.cells) == len(original.cells) - keys + 1
    exercises = sum("exercise" in notebooks.tags(cell) for cell in notebooks.code_cells(original))
    assert handed_out.count("raise NotImplementedError()") >= exercises >= 3
    for cell in notebooks.code_cells(blank):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_small_chapter(small_notebook):
    secrets = solution_lines(small_notebook)
    assert "return secret_1 / len(values)" in secrets
    student.student_notebook(small_notebook)
    text = "\n".join(cell.source for cell in small_notebook.cells)
    assert not any(secret in text for secret in secrets)
    blank = next(cell for cell in small_notebook.cells if cell.id == "solution-1").source
    assert blank == "def mean_of_two(values):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert "Question 1: b" not in str(small_notebook)


def test_where_the_key_stands_is_said_once(small_notebook):
    key = next(cell for cell in small_notebook.cells if cell.id == "quiz-key")
    second = nbformat.from_dict({**key, "id": "quiz-key-2"})
    small_notebook.cells.insert(small_notebook.cells.index(key) + 1, second)
    ids = [cell.id for cell in student.student_notebook(small_notebook).cells]
    assert "quiz-key" in ids
    assert "quiz-key-2" not in ids
    assert str(small_notebook).count(student.QUIZ_BLANK) == 1


def test_several_solutions_in_a_cell():
    source = (
        "### BEGIN SOLUTION\na = 1\n### END SOLUTION\nshown = 2\n### BEGIN SOLUTION\nb = 3\n### END SOLUTION"
    )
    blank = student.without_solution(source)
    assert blank.count("raise NotImplementedError()") == 2
    assert "shown = 2" in blank
    assert not re.search(r"a = 1|b = 3|SOLUTION", blank)


@pytest.mark.parametrize("source", ["### BEGIN SOLUTION\na = 1", "a = 1\n### END SOLUTION"])
def test_a_marker_without_its_partner_stops_the_edition(source, small_notebook, tmp_path):
    small_notebook.cells[2].source = source
    notebooks.write(small_notebook, tmp_path / "02_small.ipynb")
    with pytest.raises(ValueError, match=r"02_small\.ipynb: a solution marker has no partner"):
        student.make(tmp_path / "student", tmp_path)
