"""Run every notebook and render the book; or run the notebooks in place, for authors.

python -m tools.book              run copies in build/notebooks, then render build/html
python -m tools.book --render     render the committed notebooks as they are
python -m tools.book --in-place   run the notebooks and write their outputs into notebooks/ [NAME …]
"""

import shutil
import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from tools import notebooks

BUILD = notebooks.ROOT / "build"
MEGABYTE = 1e6


def run_all(paths, console, tidy):
    """Run notebooks one after another, each written back to its file; returns those that failed."""
    failed, runs = [], []
    width = max(len(path.stem) for path in paths)
    for path in paths:
        notebook = notebooks.read(path)
        try:
            with console.status(f"running {path.stem} …"):
                run = notebooks.execute(notebook, path.parent, path.name)
        except notebooks.NotebookFailed as error:
            failed.append(path)
            console.print(f"{path.stem:<{width}}  [bold red]failed[/]")
            console.print(escape(str(error)), style="red", highlight=False)
            continue
        notebooks.write(notebooks.tidy(notebook) if tidy else notebook, path)
        runs.append(run)
        console.print(
            f"{path.stem:<{width}}  [green]ok[/] {run.seconds:7.1f} s {run.peak_bytes / MEGABYTE:8,.0f} MB",
            highlight=False,
        )
    if len(runs) > 1:
        seconds = sum(run.seconds for run in runs)
        peak = max(run.peak_bytes for run in runs) / MEGABYTE
        console.print(
            f"{'together':<{width}}     {seconds:7.1f} s {peak:8,.0f} MB at the highest", highlight=False
        )
    return failed


def copy_course(destination):
    """Copy the folder of notebooks, so that a run leaves the committed ones as they are."""
    shutil.rmtree(destination, ignore_errors=True)
    ignored = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")
    shutil.copytree(notebooks.NOTEBOOKS, destination, ignore=ignored)


def render(source, console):
    """Render a folder of notebooks with warnings as errors; returns the page to open."""
    html = BUILD / "html"
    shutil.rmtree(html, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    command += ["-c", notebooks.ROOT / "book", "-d", BUILD / "doctrees", source, html]
    with console.status("rendering the book …"):
        status = subprocess.run([str(part) for part in command], cwd=notebooks.ROOT).returncode
    if status:
        notebooks.fail("The book could not be rendered without warnings; they stand above.")
    return html / "index.html"


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--render", "render_only", is_flag=True, help="Render the committed notebooks, run nothing.")
@click.option("--in-place", is_flag=True, help="Run the notebooks in place and tidy their metadata.")
@click.argument("names", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(render_only, in_place, names):
    console = Console(highlight=False)
    if names and not in_place:
        raise click.UsageError("Names of notebooks go with --in-place.")
    if in_place:
        paths = [path.resolve() for path in names] or notebooks.course_notebooks()
    elif render_only:
        paths = []
    else:
        copy_course(BUILD / "notebooks")
        paths = notebooks.course_notebooks(BUILD / "notebooks")
    if not notebooks.course_notebooks():
        notebooks.fail("There is no notebook in notebooks/: nothing to run.")
    if paths:
        notebooks.prepare_machine()
        failed = run_all(paths, console, tidy=in_place)
        if failed:
            notebooks.fail(f"Failed: {', '.join(path.stem for path in failed)}.")
    if in_place:
        return
    page = render(notebooks.NOTEBOOKS if render_only else BUILD / "notebooks", console)
    pages = sum(1 for _ in page.parent.glob("*.html"))
    print(f"The book stands: {pages} pages. Open {page}")
    print(page.as_uri())


if __name__ == "__main__":
    main()
