"""Reading, running and tidying the notebooks of the course.

Every notebook runs in its own kernel, in its own folder, with the packages of the environment that runs this.
"""

import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
TIMEOUT = 300
"""Seconds that one cell may take."""

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}
KEPT_CELL_METADATA = {"tags", "mystnb", "nbgrader", "slideshow"}


class NotebookFailed(Exception):
    """A notebook that did not run to its end; the message shows the cell and the error."""


@dataclass(frozen=True)
class Run:
    """What running a notebook took."""

    seconds: float
    peak_bytes: int


def course_notebooks(folder=NOTEBOOKS):
    """The notebooks of the course in the order of their names."""
    return sorted(Path(folder).glob("*.ipynb"))


def read(path):
    """A notebook from its file."""
    return nbformat.read(path, as_version=4)


def write(notebook, path):
    """Write a notebook as JupyterLab does, so that saving it there changes nothing."""
    Path(path).write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def code_cells(notebook):
    """The code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def prepare_machine():
    """Take away what would make outputs differ between machines.

    The reader's own IPython profile, user-level kernels and the width of the terminal stay out. Matplotlib's
    list of fonts is made now: on a machine's first run it would otherwise be announced inside a notebook.
    """
    for name in ("COLUMNS", "LINES", "JUPYTER_COLUMNS", "JUPYTER_LINES", "PYTHONWARNINGS", "MPLBACKEND"):
        os.environ.pop(name, None)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    if "COURSE_IPYTHONDIR" not in os.environ:
        os.environ["COURSE_IPYTHONDIR"] = tempfile.mkdtemp(prefix="course-ipython-")
    os.environ["IPYTHONDIR"] = os.environ["COURSE_IPYTHONDIR"]

    import matplotlib.font_manager  # noqa: F401


def share_processors(processes):
    """Let each of several processes that run side by side leave the others their processors."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // processes)))


class _PeakMemory(threading.Thread):
    """Watches the memory of a process and its children until it is stopped."""

    interval = 0.05

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(self.interval):
            self.look()

    def look(self):
        """Take the tree's memory now, and the kernel's own high-water mark where the system keeps one."""
        try:
            root = psutil.Process(self.pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.Error:
            return
        now = 0
        for process in tree:
            try:
                now += process.memory_info().rss
            except psutil.Error:
                continue
        self.peak = max(self.peak, now, high_water_mark(self.pid))


def high_water_mark(pid):
    """Peak resident bytes of a process from /proc, 0 where there is no such file."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def execute(notebook, folder, name="notebook"):
    """Run a notebook from its first cell to its last in a fresh kernel; its outputs are replaced.

    Parameters
    ----------
    notebook : NotebookNode
        Changed in place.
    folder : path
        Where the kernel runs.
    name : str
        For the error message.

    Returns
    -------
    Run

    Raises
    ------
    NotebookFailed
        At the first cell that raises, takes too long or ends the kernel.
    """
    watch = None

    def started(**_):
        nonlocal watch
        watch = _PeakMemory(client.km.provisioner.pid)
        watch.start()

    def finished(**_):
        watch.stopped.set()
        watch.look()

    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40"],
        on_notebook_start=started,
        on_notebook_complete=finished,
        on_notebook_error=finished,
    )
    current = {"cell": None}
    client.on_cell_start = lambda cell, cell_index: current.update(cell=cell)
    begin = time.perf_counter()
    try:
        client.execute()
    except CellExecutionError as error:
        raise NotebookFailed(_failure(name, current["cell"], f"{error.ename}: {error.evalue}")) from None
    except (DeadKernelError, TimeoutError) as error:
        reason = str(error).strip().splitlines()[0]
        raise NotebookFailed(_failure(name, current["cell"], reason)) from None
    finally:
        if watch is not None:
            watch.stopped.set()
    return Run(seconds=time.perf_counter() - begin, peak_bytes=watch.peak)


def _failure(name, cell, reason):
    """The cell, its last lines of traceback and the error, to be read in a terminal."""
    if cell is None:
        return f"{name}: {reason}"
    lines = [f"{name}, cell {cell.get('id', '?')}:", ""]
    lines += [f"    {line}" for line in cell.source.splitlines()]
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            lines += ["", *(f"    {line}" for line in output.text.splitlines()[-5:])]
    return "\n".join([*lines, "", reason])


def tidy(notebook):
    """Bring a notebook's metadata to the course's form: nothing that depends on when and where it ran.

    Cell ids, tags and outputs stay. Exercises get nbgrader's metadata, so that a teacher can grade with that
    tool.
    """
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        if not cell.get("id"):
            cell["id"] = f"cell-{number:03d}"
        cell.metadata = nbformat.from_dict(
            {key: value for key, value in sorted(cell.metadata.items()) if key in KEPT_CELL_METADATA}
        )
        if cell.cell_type != "code":
            continue
        if "exercise" in tags(cell):
            cell.metadata["nbgrader"] = _nbgrader(cell.id, solution=True)
        elif "exercise-check" in tags(cell):
            cell.metadata["nbgrader"] = _nbgrader(cell.id, solution=False)
        for output in cell.outputs:
            if output.output_type in ("execute_result", "display_data"):
                output.metadata = nbformat.from_dict(dict(sorted(output.metadata.items())))
    return notebook


def _nbgrader(name, solution):
    """nbgrader's description of a cell that students fill in, or of the check that gives a point for it."""
    description = {
        "grade": not solution,
        "grade_id": name,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return nbformat.from_dict(description if solution else {**description, "points": 1})


def fail(message):
    """End a tool with a message and a status that says so."""
    sys.stdout.flush()
    print(message, file=sys.stderr)
    raise SystemExit(1)
