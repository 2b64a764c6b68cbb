"""The gate: what every notebook of the course must keep to, one function per rule.

A rule takes a notebook and returns its faults, one sentence each; an empty list means that the rule is kept.
`examine` applies them all. Strict nbval compares stored outputs with fresh ones but passes a cell that was
never run, and sees neither pictures nor metadata: those belong to the rules here.
"""

import copy
import re
import unicodedata
from statistics import median

import nbformat

from tools import notebooks, student

MEDIAN_LINES = 6
MOST_LINES = 25
WIDEST_LINE = 88
"""Columns of code that stand on the page without scrolling; a Chinese character takes two."""

SHORTEST_ALT = 40
CARD_ROWS = ("Question", "You will be able to", "Before you start", "Minutes", "Data", "Terms")
FORBIDDEN_TAGS = {"raises-exception", "skip-execution", "remove-output", "remove-stderr", "remove-stdout"}
EXEMPT_CELLS = frozenset()
"""Ids of cells that may carry a tag or comment which takes them out of nbval: none."""

_CJK = re.compile(r"[\u4e00-\u9fff]")
_NBVAL = re.compile(r"^\s*#+\s*(NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.MULTILINE)
_SILENCED = re.compile(
    r"%%capture|filterwarnings\(\s*(?:action\s*=\s*)?['\"]ignore['\"]\s*\)"
    r"|simplefilter\(\s*(?:action\s*=\s*)?['\"]ignore['\"]"
)
_PATH = re.compile(
    r"(?<![\w/.:<])/(?:home|root|Users|tmp|usr|var|opt|mnt|srv|etc|private|work|content|workspace)/[\w.]"
    r"|\b[A-Za-z]:\\+\w|file://|site-packages"
)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b|<[\w. ]+ object at ")
_WARNING = re.compile(r"\b[A-Z]\w*Warning\b|\bWARNING\b|^Warning:", re.MULTILINE)
_ERROR = re.compile(r"Traceback \(most recent call last\)")
_TIMING = re.compile(
    r"(?<![\w.])\d+(?:\.\d+)?\s?(?:ns|µs|ms|secs?|seconds?)\b|(?<![\w.])\d+\.\d+\s?s\b"
    r"|Wall time|CPU times|\bit/s\b"
)
_CLOCK = re.compile(r"\b(?:[01]?\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3,}")
_CITE = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
_BIB_ENTRY = re.compile(
    r"^\s*@(?!comment|string|preamble)\w+\s*\{\s*([^,\s]+)\s*,", re.MULTILINE | re.IGNORECASE
)
_EXERCISE = re.compile(r"^###\s+Exercise\s+(\d\d\.\d+)\b", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_IMAGE_FILE = re.compile(r"\.(?:png|svg|jpe?g|gif|ipynb|py)\b", re.IGNORECASE)
_BLANK_IMAGE = re.compile(r"!\[\s*(?:img|image|figure|alt)?\s*\]\(", re.IGNORECASE)
_DECIMAL = re.compile(r"(?<![\w./])[-−]?\d[\d,]*\.\d+(?![\w/]|\.\d)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CLOSING = re.compile(r"[\s)\]},:]*")
_PRINTED = re.compile(r"(?<![\w.])[-−]?(?:\d[\d,]*)?\.?\d+(?:[eE][-+]?\d+)?")


def _name(cell):
    return f"cell {cell.get('id', '?')}"


def _texts(output):
    """Every text that a reader sees of an output, pictures aside."""
    if output.output_type == "stream":
        yield output.text
    elif output.output_type in ("execute_result", "display_data"):
        for kind, content in output.data.items():
            if kind.startswith("text/") or kind in ("image/svg+xml", "application/json"):
                yield content if isinstance(content, str) else str(content)


def _markdown(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def _section(notebook, title):
    """The text of all markdown under a heading of level 2, None if there is no such heading."""
    found = None
    for cell in _markdown(notebook):
        for line in _FENCE.sub("", cell.source).splitlines():
            if re.match(r"##?\s", line):
                if re.match(rf"##\s+{title}\b", line):
                    found = []
                elif found:
                    return "\n".join(found)
            elif found is not None:
                found.append(line)
    return None if found is None else "\n".join(found)


def executed(notebook):
    """Every code cell has been run, in order, from a fresh kernel: counts 1 to n."""
    cells = notebooks.code_cells(notebook)
    faults = [f"{_name(cell)}: there is no code in it" for cell in cells if not cell.source.strip()]
    for expected, cell in enumerate(cells, start=1):
        if cell.execution_count is None:
            faults.append(f"{_name(cell)}: not run")
        elif cell.execution_count != expected:
            faults.append(f"{_name(cell)}: count {cell.execution_count}, run in order it is {expected}")
    if not cells:
        faults.append("there is no code cell")
    elif not any(cell.outputs for cell in cells):
        faults.append("no cell has an output")
    return faults


def clean_outputs(notebook):
    """No error, warning, path, address or time in any output."""
    faults = []
    rules = {
        "an error": _ERROR,
        "a warning": _WARNING,
        "an absolute path": _PATH,
        "a memory address": _ADDRESS,
        "a time": _TIMING,
        "the clock": _CLOCK,
    }
    for cell in notebooks.code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                faults.append(f"{_name(cell)}: ends in {output.ename}")
            if output.output_type == "stream" and output.name == "stderr":
                faults.append(f"{_name(cell)}: writes to stderr: {output.text.strip()[:80]!r}")
            for text in _texts(output):
                for what, pattern in rules.items():
                    found = pattern.search(text)
                    if found:
                        faults.append(f"{_name(cell)}: {what} in its output: {found[0]!r}")
    return faults


def validated(notebook):
    """No cell escapes nbval, and no warning is silenced wholesale."""
    faults = []
    for cell in notebooks.code_cells(notebook):
        marks = {
            tag for tag in notebooks.tags(cell) if tag in FORBIDDEN_TAGS or tag.lower().startswith("nbval")
        }
        marks.update(_NBVAL.findall(cell.source))
        if marks and cell.get("id") not in EXEMPT_CELLS:
            faults.append(f"{_name(cell)}: {', '.join(sorted(marks))} takes it out of the comparison")
        silenced = _SILENCED.search(cell.source)
        if silenced:
            faults.append(f"{_name(cell)}: hides what it says: {silenced[0]}")
    return faults


def chapter_card(notebook):
    """A title, and below it the chapter card with all its rows filled."""
    first = notebook.cells[0].source if notebook.cells else ""
    faults = [] if re.match(r"#\s+\S", first) else ["the first cell has no title (# …)"]
    opening = "\n".join(cell.source for cell in notebook.cells[:2] if cell.cell_type == "markdown")
    rows = {}
    for line in opening.splitlines():
        parts = [part.strip() for part in line.strip().strip("|").split("|")]
        if line.strip().startswith("|") and len(parts) >= 2:
            rows[parts[0].strip("* ")] = " ".join(parts[1:]).strip()
    if "Chapter card" not in rows:
        return [*faults, "there is no chapter card (| Chapter card | What to expect |)"]
    for row in CARD_ROWS:
        if len(rows.get(row, "")) < 5:
            faults.append(f"chapter card: the row {row!r} is missing or empty")
    minutes = rows.get("Minutes", "")
    if not (
        re.search(r"read\D*\d+", minutes, re.IGNORECASE) and re.search(r"do\D*\d+", minutes, re.IGNORECASE)
    ):
        faults.append("chapter card: Minutes should say how many to read and how many to do")
    terms = rows.get("Terms", "")
    if not (_CJK.search(terms) and re.search(r"[A-Za-z]{3}", terms)):
        faults.append("chapter card: Terms should be given in English and 中文")
    return faults


def alternative_texts(notebook):
    """Every picture has a sentence that says what it shows, where the book and a terminal find it.

    The sentence stands twice in the output: as metadata of the picture (the book takes it from there) and as
    text/plain, which strict nbval compares with a fresh run.
    """
    faults, known = [], {}
    for cell in notebooks.code_cells(notebook):
        for output in cell.outputs:
            for kind in [kind for kind in output.get("data", {}) if kind.startswith("image/")]:
                alt = output.metadata.get(kind, {}).get("alt", "").strip()
                plain = "".join(output.data.get("text/plain", "")).strip()
                if len(alt) < SHORTEST_ALT:
                    faults.append(f"{_name(cell)}: a picture without a sentence for those who cannot see it")
                    continue
                if _IMAGE_FILE.search(alt):
                    faults.append(f"{_name(cell)}: the alternative text names a file")
                if not re.search(r"\d", alt):
                    faults.append(f"{_name(cell)}: the alternative text has no number of what is shown")
                if alt != plain:
                    faults.append(f"{_name(cell)}: the alternative text is not the text of the output")
                if alt in known:
                    faults.append(f"{_name(cell)}: the alternative text of {known[alt]} once more")
                known.setdefault(alt, _name(cell))
            for text in _texts(output):
                for image in re.findall(r"<img\b[^>]*>", text):
                    if not re.search(r"\balt\s*=\s*['\"][^'\"]{10,}", image):
                        faults.append(f"{_name(cell)}: an <img> without alternative text in its output")
    for cell in _markdown(notebook):
        if _BLANK_IMAGE.search(cell.source):
            faults.append(f"{_name(cell)}: a picture without alternative text")
    return faults


def control_characters(notebook):
    """No control character in a cell or its outputs; a tab and the end of a line are none.

    A lost backslash makes them: of ``\\beta`` in a string of Python a backspace and ``eta`` are left.
    """
    faults = []
    for cell in notebook.cells:
        texts = [("its source", cell.source)]
        if cell.cell_type == "code":
            texts += [("its output", text) for output in cell.outputs for text in _texts(output)]
        for where, text in texts:
            found = _CONTROL.search(text)
            if found:
                after = text[found.end() : found.end() + 12]
                faults.append(f"{_name(cell)}: {found[0]!r} in {where}, before {after!r}: a lost backslash?")
    return faults


def lines_of_code(source):
    """Lines that say something: neither blank nor only a comment nor only closing brackets.

    Examples
    --------
    >>> lines_of_code("# the mean\\n\\nsum(x) / len(x)  # of three")
    1
    >>> lines_of_code("print(\\n    sum(x) / len(x)\\n)")
    2
    """
    lines = (line.strip() for line in source.splitlines())
    return sum(1 for line in lines if not line.startswith("#") and not _CLOSING.fullmatch(line))


def columns_of(line):
    """The width of a line in columns; a wide character of Chinese takes two.

    Examples
    --------
    >>> columns_of("tea 茶")
    6
    """
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line)


def narrow_cells(notebook):
    """No line of code beyond 88 columns: a longer one scrolls on the page."""
    return [
        f"{_name(cell)}: a line of {columns_of(line)} columns: {line.strip()[:40]!r}"
        for cell in notebooks.code_cells(notebook)
        for line in cell.source.splitlines()
        if columns_of(line) > WIDEST_LINE
    ]


def short_cells(notebook):
    """Code in small steps: half of the cells within 6 lines, none over 25, as `lines_of_code` counts."""
    counts = {_name(cell): lines_of_code(cell.source) for cell in notebooks.code_cells(notebook)}
    faults = [f"{name}: {count} lines of code" for name, count in counts.items() if count > MOST_LINES]
    if counts and median(counts.values()) > MEDIAN_LINES:
        faults.append(f"half of the code cells have {median(counts.values()):g} lines or more")
    return faults


def exercise_cells(notebook):
    """The exercises: key → (solution cell, check cell), None where a cell is missing."""
    found, key = {}, None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            named = _EXERCISE.findall(cell.source)
            if named:
                key = named[-1]
                found.update({name: [None, None] for name in named})
            elif re.search(r"^#{1,3}\s", cell.source, re.MULTILINE):
                key = None
        elif key and "exercise" in notebooks.tags(cell):
            found[key][0] = found[key][0] or cell
        elif key and "exercise-check" in notebooks.tags(cell):
            found[key][1] = found[key][1] or cell
    return {key: tuple(pair) for key, pair in found.items()}


def exercises(notebook):
    """Three to six exercises; each has a solution between markers and a check of the same number."""
    cells = exercise_cells(notebook)
    faults = []
    if not 3 <= len(cells) <= 6:
        faults.append(f"{len(cells)} exercises (### Exercise NN.k …); a chapter has three to six")
    for key, (solution, check) in cells.items():
        if solution is None:
            faults.append(f"exercise {key}: no solution cell (tag exercise)")
        else:
            try:
                blanked = student.without_solution(solution.source) != solution.source
            except ValueError as error:
                faults.append(f"exercise {key}: {error}")
            else:
                if not blanked:
                    faults.append(f"exercise {key}: no ### BEGIN SOLUTION … ### END SOLUTION")
        if check is None:
            faults.append(f"exercise {key}: no check cell (tag exercise-check)")
        elif not re.search(rf"""\bcheck\(\s*["']{re.escape(key)}["']""", check.source):
            faults.append(f'exercise {key}: its check cell does not call check("{key}", …)')
        elif "right" not in "".join(text for output in check.outputs for text in _texts(output)):
            faults.append(f"exercise {key}: the stored check does not say that the solution is right")
    paired = {id(cell) for pair in cells.values() for cell in pair}
    for cell in notebooks.code_cells(notebook):
        if {"exercise", "exercise-check"} & set(notebooks.tags(cell)) and id(cell) not in paired:
            faults.append(f"{_name(cell)}: belongs to no heading ### Exercise NN.k")
        if "SOLUTION" in cell.source and "exercise" not in notebooks.tags(cell):
            faults.append(f"{_name(cell)}: a solution in a cell without the tag exercise")
    return faults


def quiz(notebook):
    """A quiz with lettered options, whose key is computed by a cell and agrees with the questions asked."""
    section = _section(notebook, "Quiz")
    if section is None:
        return ["there is no section ## Quiz"]
    keys = [cell for cell in notebooks.code_cells(notebook) if "quiz" in notebooks.tags(cell)]
    if not keys:
        return ["no cell (tag quiz) computes the key of the quiz"]
    faults = []
    for cell in keys:
        if "quiz_key(" not in cell.source or not cell.outputs:
            faults.append(f"{_name(cell)}: does not compute a key with quiz_key(…)")
    if len(re.findall(r"^\s*(?:[-*]\s*)?[*(]*[b-e][).*]", section, re.MULTILINE | re.IGNORECASE)) < 2:
        faults.append("the questions of the quiz have no lettered options")
    return faults


def references(notebook, bibliography):
    """Whatever is cited is in the bibliography and listed under ## References.

    Parameters
    ----------
    bibliography : str
        The text of book/references.bib.
    """
    section = _section(notebook, "References")
    if section is None:
        return ["there is no section ## References"]
    text = "\n".join(cell.source for cell in _markdown(notebook))
    cited = {key.strip() for keys in _CITE.findall(text) for key in keys.split(",")}
    listed = {key.strip() for keys in _CITE.findall(section) for key in keys.split(",")}
    entries = set(_BIB_ENTRY.findall(bibliography))
    faults = [f"{key} is cited but not in book/references.bib" for key in sorted(cited - entries)]
    faults += [f"{key} is cited but not listed under ## References" for key in sorted(cited - listed)]
    if not listed:
        faults.append("nothing is listed under ## References")
    return faults


def versions(notebook):
    """The last code cell prints the versions of what the chapter ran on."""
    cells = notebooks.code_cells(notebook)
    if not cells:
        return ["there is no code cell"]
    text = "".join(text for output in cells[-1].outputs for text in _texts(output))
    wanted = ("python", "numpy", "pandas", "bigmkt_helpers")
    missing = [name for name in wanted if not re.search(rf"{name}\b\D*\d+\.\d+", text, re.IGNORECASE)]
    return [f"the last code cell does not print the version of {name}" for name in missing]


def prose_numbers(notebook):
    """Every decimal number of the prose stands in an output or in the code, to the digits written.

    Left out: the references, code spans, addresses of the web, the numbers of exercises and sections.
    """
    said = []
    for cell in _markdown(notebook):
        if re.match(r"##\s+(References|Versions)", cell.source):
            continue
        text = _FENCE.sub(" ", cell.source)
        text = re.sub(r"`[^`]*`|https?://\S+|\]\([^)]*\)", " ", text)
        text = re.sub(r"\b(?:Exercises?|Python|Section|version)\s+\d+\.\d+", " ", text, flags=re.IGNORECASE)
        text = re.sub(r"^#{1,6}\s+\d[\d.]*", " ", text, flags=re.MULTILINE).replace("{,}", ",")
        said += [(cell, number) for number in _DECIMAL.findall(text)]
    shown = []
    for cell in notebooks.code_cells(notebook):
        texts = [text for output in cell.outputs for text in _texts(output)]
        for number in _PRINTED.findall("\n".join([cell.source, *texts])):
            number = number.replace(",", "").replace("−", "-")
            try:
                shown.append(float(number))
            except ValueError:
                continue
    faults = []
    for cell, number in said:
        plain = number.replace(",", "").replace("−", "-")
        digits = len(plain.split(".")[1])
        value = abs(float(plain))
        half = 0.5 * 10**-digits * (1 + 1e-9)
        if not any(abs(abs(other) - value) <= half for other in shown):
            faults.append(f"{_name(cell)}: {number} stands in no output and in no code")
    return faults


def form(notebook):
    """Cell ids that stay, and metadata that does not tell when and where the notebook was run."""
    ids = [cell.get("id") for cell in notebook.cells]
    faults = ["a cell has no id"] if None in ids else []
    if len(set(ids)) < len(ids):
        return [*faults, "two cells have one id"]
    try:
        nbformat.validate(copy.deepcopy(notebook))
    except nbformat.ValidationError as error:
        faults.append(f"not a valid notebook: {str(error).splitlines()[0]}")
    tidied = notebooks.tidy(copy.deepcopy(notebook))
    if tidied.metadata != notebook.metadata:
        faults.append("the notebook's metadata is not tidy: run it with `make run`")
    for cell, tidy in zip(notebook.cells, tidied.cells, strict=True):
        if cell.metadata != tidy.metadata:
            faults.append(f"{_name(cell)}: its metadata is not tidy: run it with `make run`")
    return faults


RULES = {
    rule.__name__: rule
    for rule in (
        executed,
        clean_outputs,
        validated,
        chapter_card,
        alternative_texts,
        control_characters,
        short_cells,
        narrow_cells,
        exercises,
        quiz,
        versions,
        prose_numbers,
        form,
    )
}


def examine(notebook, bibliography):
    """All faults of a notebook: rule → its faults, for the rules that are broken."""
    faults = {name: rule(notebook) for name, rule in RULES.items()}
    faults["references"] = references(notebook, bibliography)
    return {name: found for name, found in faults.items() if found}
