"""The course without its solutions, for a class.

    python -m tools.student [--out FOLDER]

Copies the notebooks into build/student. Between nbgrader's solution markers stands nbgrader's own blank; the
keys of the quizzes are taken out; nothing has been run.
"""

import re
import shutil
from pathlib import Path

import click

from tools import notebooks

DESTINATION = notebooks.ROOT / "build" / "student"
SOLUTION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[^\n]*\n.*?^[ \t]*### END SOLUTION[^\n]*$",
    re.MULTILINE | re.DOTALL,
)
BLANK = ("# YOUR CODE HERE", "raise NotImplementedError()")
QUIZ_BLANK = "# Write your answers down first. The key stands in this chapter's page of the book, folded."


def without_solution(source):
    """The source of a cell with nbgrader's blank in the place of every solution.

    Raises
    ------
    ValueError
        If a marker has no partner.

    Examples
    --------
    >>> print(without_solution("### BEGIN SOLUTION\\nhalf = x / 2\\n### END SOLUTION"))
    # YOUR CODE HERE
    raise NotImplementedError()
    """
    blanked = SOLUTION.sub(lambda found: "\n".join(found["indent"] + line for line in BLANK), source)
    if re.search(r"### (BEGIN|END) SOLUTION", blanked):
        raise ValueError("a solution marker has no partner: '### BEGIN SOLUTION' … '### END SOLUTION'")
    return blanked


def student_notebook(notebook):
    """Take solutions, keys and outputs out of a notebook; changed in place and returned.

    Of several cells that compute the key one is left, to say where it stands.
    """
    keys = [cell for cell in notebooks.code_cells(notebook) if "quiz" in notebooks.tags(cell)]
    notebook.cells = [cell for cell in notebook.cells if not any(cell is key for key in keys[1:])]
    for cell in notebooks.code_cells(notebook):
        cell.outputs = []
        cell.execution_count = None
        cell.source = without_solution(cell.source)
        if "quiz" in notebooks.tags(cell):
            cell.source = QUIZ_BLANK
    return notebook


def make(destination=DESTINATION, source=notebooks.NOTEBOOKS):
    """Write the student edition of a folder of notebooks; returns the files written.

    Raises
    ------
    ValueError
        If a solution marker has no partner: the file and the cell are named.
    """
    shutil.rmtree(destination, ignore_errors=True)
    ignored = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__", "*.ipynb", "*.toml", "results")
    shutil.copytree(source, destination, ignore=ignored)
    written = []
    for path in notebooks.course_notebooks(source):
        notebook = notebooks.read(path)
        try:
            student_notebook(notebook)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
        notebooks.write(notebook, Path(destination) / path.name)
        written.append(Path(destination) / path.name)
    return written


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--out",
    default=DESTINATION,
    type=click.Path(path_type=Path, file_okay=False),
    help="A new or empty folder.",
)
def main(out):
    if out != DESTINATION and out.exists() and any(out.iterdir()):
        notebooks.fail(f"{out} is not empty: name a new folder, so that nothing in it is lost.")
    written = make(out)
    if not written:
        notebooks.fail("There is no notebook in notebooks/: nothing to hand out.")
    for path in written:
        print(path.name)
    print(f"The student edition stands: {len(written)} notebooks without solutions in {out}")


if __name__ == "__main__":
    main()
