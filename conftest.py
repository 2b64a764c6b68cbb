"""What all tests share, and what strict nbval leaves out: exercises tried blank, a notebook's memory."""

from functools import partial

import pytest
from nbval.plugin import IPyNbCell

from tools import blanks, notebooks

PEAK = 1.5e9
"""Bytes that a notebook may take; its seconds depend on the machine and are printed by `make book`."""


def pytest_configure(config):
    """Run notebooks as `make book` does, whatever the terminal and the reader's own settings are."""
    notebooks.prepare_machine()
    # the workers of xdist take over what stands in the environment
    if workers := getattr(config.option, "numprocesses", None):
        notebooks.share_processors(workers)


def pytest_collection_modifyitems(items):
    """Cells of notebooks and examples in docstrings carry the marker of their kind too."""
    for item in items:
        if isinstance(item, IPyNbCell):
            item.add_marker(pytest.mark.notebooks)
        elif isinstance(item, pytest.DoctestItem):
            item.add_marker(pytest.mark.unit)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Before the solution of an exercise, its blank in the same kernel; the last cell tells the memory."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    notebook, kernel = item.parent.nb, item.parent.kernel
    fault = blanks.fault(notebook, item.cell, partial(_printed, kernel.kc))
    result = yield
    assert fault is None, fault
    if item.cell is notebooks.code_cells(notebook)[-1]:
        peak = notebooks.high_water_mark(kernel.km.provisioner.pid)
        assert peak <= PEAK, f"the notebook takes {peak / 1e6:.0f} MB"
    return result


def _printed(client, source):
    """What a piece of source prints in the kernel of a client."""
    said = []
    client.execute_interactive(
        source,
        store_history=False,
        allow_stdin=False,
        timeout=notebooks.TIMEOUT,
        output_hook=lambda message: said.append(message["content"].get("text", "")),
    )
    return "".join(said)
