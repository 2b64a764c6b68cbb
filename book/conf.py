"""Sphinx configuration of the book.

The sources are the notebooks, already executed: `sphinx-build -c book <folder of notebooks> build/html`.
Nothing is executed here and no page loads anything from the network.

What an author writes, and what the book makes of it (extensions/course_pages.py):

- cell tag `exercise`: the cell is folded behind "Show a solution"
- cell tag `quiz`: the cell is folded behind "Show the key"
- `> **Note.** …`, `> **Tip.** …`, `> **Warning.** …`: a note in a box
- first table of a chapter, its header starting with `Chapter card`: the chapter card
- `metadata={"image/png": {"alt": …}}` of an output: the alternative text of the figure
- file name `02_similarity.ipynb`: the chapter's number, before its title and in the navigation
- {chapter}`02 Similarity`: a line of the course map, a link as soon as the chapter exists
- {cite:t}`resnick1994`, {cite:p}`resnick1994`: a reference; the entry stands in references.bib
"""

import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parent
sys.path[:0] = [str(BOOK / "extensions"), str(BOOK.parent)]

project = "Closing the information gap"
author = "The course's authors"
copyright = "the course's authors. Text CC BY 4.0, code MIT"
language = "en"
# Absolute: a relative path is looked up beside the notebooks, and the translation is silently not found.
locale_dirs = [str(BOOK / "locale")]
gettext_compact = False

extensions = [
    "myst_nb",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "course_pages",
    "course_bibliography",
    "course_benchmarks",
]
exclude_patterns = ["results", "**.ipynb_checkpoints"]

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "course"
bibtex_reference_style = "course_author_year"

mathjax_path = "mathjax/tex-svg.js"
# The menu would load further components (speech, explorer) that are not in the repository.
mathjax3_config = {"options": {"enableMenu": False}}

templates_path = ["_templates"]
html_theme = "sphinx_book_theme"
html_title = project
html_short_title = project
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_js_files = ["course.js"]
html_copy_source = True
html_use_index = False
html_show_sphinx = False
# The theme complains in the console when this is not set.
html_context = {"default_mode": "auto"}
html_theme_options = {
    "show_navbar_depth": 1,
    "max_navbar_depth": 2,
    "show_toc_level": 2,
    "toc_title": "On this page",
    "search_bar_text": "Search the course",
    "navbar_persistent": [],
    "use_fullscreen_button": False,
    "use_repository_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_content_items": ["copyright.html"],
}
