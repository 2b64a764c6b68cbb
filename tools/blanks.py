"""Every exercise as a student gets it: blank, then checked. Strict nbval sees that the solution passes."""

from tools import gate, student

PROBE = """\
try:
    exec(compile({source!r}, "exercise", "exec"))
except Exception as error:
    print("probe:", type(error).__name__, "-", str(error).splitlines()[0] if str(error) else "")
else:
    print("probe: passed")
"""


def fault(notebook, cell, run):
    """What is wrong with how a blank fares in place of `cell`; None where it fares as it should.

    Parameters
    ----------
    notebook : NotebookNode
    cell : NotebookNode
        One of its cells; only the solution of an exercise has a blank.
    run : callable
        Runs a piece of source where the cells before `cell` have run, and returns what it printed. The
        solution has to run after it, which puts everything right again.

    Returns
    -------
    str or None
        An answer that does not exist yet (NameError) or is still blank (ExerciseError) is refused as a check
        refuses; one that passes, or fails for another reason such as a missing import, is a fault.
    """
    for key, (solution, check) in gate.exercise_cells(notebook).items():
        if solution is not cell:
            continue
        for source in (student.without_solution(solution.source), check.source):
            said = (run(PROBE.format(source=source)).strip().splitlines() or ["not run"])[-1]
        said = said.removeprefix("probe: ")
        if said == "passed":
            return f"exercise {key}: the check passes a blank cell"
        if not said.startswith(("ExerciseError - ", "NameError - ")) or "name 'check'" in said:
            return f"exercise {key}: the check of a blank cell fails for another reason: {said}"
    return None
