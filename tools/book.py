"""Run every notebook and render the book; or run the notebooks in place, for authors.

python -m tools.book              run copies in build/notebooks, then render build/html
python -m tools.book --render     render the committed notebooks as they are
python -m tools.book --in-place   run the notebooks and write their outputs into notebooks/ [NAME …]
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import click
import psutil
from rich.console import Console
from rich.markup import escape

from tools import notebooks

BUILD = notebooks.ROOT / "build"
MEGABYTE = 1e6
MEMORY_OF_ONE = 2e9
"""Bytes to keep free for each notebook that runs: none may take more than 1.5e9."""


def how_many_at_once():
    """Notebooks to run side by side: one a processor, as far as the free memory goes, four at the most."""
    by_memory = int(psutil.virtual_memory().available // MEMORY_OF_ONE)
    return max(1, min(os.cpu_count() or 1, by_memory, 4))


def run_one(path, tidy):
    """Run one notebook and write it back to its file; returns the run, or the sentence of its failure."""
    notebook = notebooks.read(path)
    try:
        run = notebooks.execute(notebook, path.parent, path.name)
    except notebooks.NotebookFailed as error:
        return str(error)
    notebooks.write(notebooks.tidy(notebook) if tidy else notebook, path)
    return run


def run_all(paths, console, tidy, jobs):
    """Run notebooks, `jobs` of them side by side, each in a process of its own; returns those that failed."""
    failed, runs = [], []
    width = max(len(path.stem) for path in paths)
    begin = time.perf_counter()
    notebooks.share_processors(jobs)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run_one, path, tidy): path for path in paths}
        with console.status(f"running {len(paths)} notebooks, {jobs} at a time …"):
            for done in as_completed(running):
                path, run = running[done], done.result()
                if isinstance(run, str):
                    failed.append(path)
                    console.print(f"{path.stem:<{width}}  [bold red]failed[/]")
                    console.print(escape(run), style="red", highlight=False)
                    continue
                runs.append(run)
                took = f"{run.seconds:7.1f} s {run.peak_bytes / MEGABYTE:8,.0f} MB"
                console.print(f"{path.stem:<{width}}  [green]ok[/] {took}", highlight=False)
    if len(runs) > 1:
        seconds = time.perf_counter() - begin
        peak = max(run.peak_bytes for run in runs) / MEGABYTE
        console.print(
            f"{'together':<{width}}     {seconds:7.1f} s {peak:8,.0f} MB at most, {jobs} at a time",
            highlight=False,
        )
    return sorted(failed)


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
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Notebooks to run at a time (otherwise: by processors and free memory).",
)
@click.argument("names", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(render_only, in_place, jobs, names):
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
        failed = run_all(paths, console, tidy=in_place, jobs=min(jobs or how_many_at_once(), len(paths)))
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
