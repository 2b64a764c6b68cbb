"""Measure one piece of work in a process of its own: seconds of wall clock, of CPU, and peak memory."""

import contextlib
import ctypes
import gc
import json
import os
import resource
import sys
import time


def _resident(field):
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))


def cpu_seconds():
    """Seconds of CPU that this process has taken so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def measured(result):
    """Fill `result` with wall_s, cpu_s and extra_mb, the peak above what was resident at the start.

    Linux only: the kernel's high-water mark is reset at the start.
    """
    with open("/proc/self/clear_refs", "w", encoding="ascii") as reset:
        reset.write("5")
    before = _resident("VmRSS")
    cpu, wall = cpu_seconds(), time.perf_counter()
    yield
    result["wall_s"] = time.perf_counter() - wall
    result["cpu_s"] = cpu_seconds() - cpu
    result["extra_mb"] = max(0.0, _resident("VmHWM") - before)


def repeated(result, times, action):
    """The same work several times, where once is too short to measure; what is reported is for once.

    Returns what the last one gave.
    """
    with measured(result):
        for _ in range(times):
            found = action()
    for name in ("wall_s", "cpu_s"):
        result[name] /= times
    return found


def settled():
    """Take away what would fall on whoever comes first, and hand back the memory that is free already."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def settled_with_tables():
    """The same for those who give back tables: the first one of a process imports modules of pandas."""
    import pandas as pd

    pd.DataFrame({"x": [1]})
    settled()


def limit(memory_gb, cpu_s):
    """Keep this process within its memory, so that it fails and not the machine, and within its time."""
    size = int(memory_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s) + 5))


def report(result):
    """Hand the result to the parent process."""
    sys.stdout.write("\n" + json.dumps(result) + "\n")


def one_thread():
    """Environment in which every library computes on one thread, so that CPU seconds can be compared."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")
    return dict(os.environ) | {f"{name}_NUM_THREADS": "1" for name in names}
