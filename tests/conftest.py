"""The small chapter on which the rules themselves are tried."""

import copy

import nbformat
import pytest

from tools import notebooks

CELLS = [
    ("markdown", "title", "", "# 02 A small chapter\n\nOne sentence on what it is about."),
    (
        "markdown",
        "card",
        "",
        "| Chapter card | What to expect |\n|---|---|\n"
        "| **Question** | Who is like whom? |\n"
        "| **You will be able to** | compute a mean |\n"
        "| **Before you start** | nothing is needed |\n"
        "| **Minutes** | read 5, do 10 |\n"
        "| **Data** | four numbers |\n"
        "| **Terms** | mean 平均值, rating 评分 |",
    ),
    (
        "code",
        "frame",
        "",
        "import pandas as pd\n\n"
        'ratings = pd.DataFrame({"user": [1, 1, 2, 2], "rating": [4.0, 3.5, 5.0, 1.25]})\nratings',
    ),
    ("code", "mean", "", "print(f\"mean rating {ratings['rating'].mean():.4f}\")"),
    ("markdown", "reading", "", "We see that the mean rating is 3.44, as {cite:t}`shannon1948` would count."),
    (
        "code",
        "figure",
        "",
        "from bigmkt_helpers import plots\n\n"
        "axes = plots.new_axes()\n"
        'axes.bar(ratings.index, ratings["rating"])\n'
        'largest = ratings["rating"].max()\n'
        'text = f"Four bars, one for each rating; the largest is {largest}."\n'
        "plots.show(plots.describe(axes, text))",
    ),
    (
        "code",
        "tools",
        "",
        "from statistics import mean\n\n"
        "from bigmkt_helpers.exercises import Exercise\n\n\n"
        "def check(key, answer):\n"
        '    Exercise(key, "The mean", lambda: mean, {}, cases=(([2.0, 4.0],),)).judge(answer)\n'
        '    print(f"Exercise {key}: right.")',
    ),
    ("markdown", "exercises", "", "## Exercises"),
    *(
        cell
        for number, name in enumerate(("mean_of_two", "middle", "half_sum"), start=1)
        for cell in (
            ("markdown", f"task-{number}", "", f"### Exercise 02.{number} ★☆☆ The mean\n\nCall it `{name}`."),
            (
                "code",
                f"solution-{number}",
                "exercise",
                f"def {name}(values):\n    ### BEGIN SOLUTION\n"
                f"    secret_{number} = sum(values)\n    return secret_{number} / len(values)\n"
                "    ### END SOLUTION",
            ),
            ("code", f"check-{number}", "exercise-check", f'check("02.{number}", {name})'),
        )
    ),
    (
        "markdown",
        "quiz",
        "",
        "## Quiz\n\n1. What is the mean of 2 and 4?\n   - a) 2\n   - b) 3\n   - c) 4\n\n"
        "2. And of 1 and 2?\n   - a) 1\n   - b) 1.5",
    ),
    (
        "code",
        "quiz-key",
        "quiz",
        "from bigmkt_helpers.exercises import quiz_key\n\n"
        'quiz_key(1, {"a": 2, "b": 3, "c": 4}, (2 + 4) / 2)\nquiz_key(2, {"a": 1, "b": 1.5}, (1 + 2) / 2)',
    ),
    ("markdown", "references", "", "## References\n\n- {cite:t}`shannon1948`"),
    (
        "code",
        "versions",
        "",
        "import platform\n\nimport numpy as np\n\nimport bigmkt_helpers\n\n"
        'print(f"Python {platform.python_version()}, numpy {np.__version__}, "\n'
        '      f"pandas {pd.__version__}, bigmkt_helpers {bigmkt_helpers.__version__}")',
    ),
]
"""A chapter in small that keeps every rule: kind, id, tag, source of its cells."""


@pytest.fixture(scope="session")
def executed_small_notebook(tmp_path_factory):
    """The small chapter, run once."""
    notebook = nbformat.v4.new_notebook()
    for kind, name, tag, source in CELLS:
        make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        notebook.cells.append(make(source, id=name, metadata={"tags": [tag]} if tag else {}))
    notebooks.execute(notebook, tmp_path_factory.mktemp("small"), "the small chapter")
    return notebooks.tidy(notebook)


@pytest.fixture
def small_notebook(executed_small_notebook):
    """A copy of the small chapter for a test to spoil."""
    return copy.deepcopy(executed_small_notebook)


@pytest.fixture
def cell(small_notebook):
    """Find a cell of the small chapter by its id."""
    return lambda name: next(found for found in small_notebook.cells if found.id == name)
