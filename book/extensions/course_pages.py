"""What the book does with the conventions of the notebooks; conf.py lists them."""

import base64
import hashlib
import json
import posixpath
import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import roles
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

from tools import notebooks, student

STUDENT_FOLDER = "student"
FOLDED = {
    "exercise": ("Show a solution", "Hide the solution"),
    "quiz": ("Show the key", "Hide the key"),
}
CALLOUTS = {"note.": "note", "tip.": "tip", "warning.": "warning"}
SOLUTION_MARKER = re.compile(r"^\s*### (BEGIN|END) SOLUTION[^\n]*\n?", re.MULTILINE)
CHAPTER_FILE = re.compile(r"^(\d\d)_")
PRINTED_NUMBER = re.compile(r"^(?:chapter\s+)?(\d{1,2})\s*[.:·–—-]?\s+", re.IGNORECASE)

# sha256 of a picture -> its alternative text. myst-nb names the file of a picture by this sum, but keeps no
# alternative text from the output. A document is read and transformed in one process: a dictionary is enough.
_alternative_texts = {}


def prepare_notebook(app, docname, source):
    """Fold tagged cells, drop the solution markers and note the alternative texts, in memory only."""
    if Path(app.env.doc2path(docname)).suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            _fold(cell)
            _note_alternative_texts(cell)
    source[0] = json.dumps(notebook, ensure_ascii=False)


def _fold(cell):
    tags = cell["metadata"].get("tags", [])
    for tag, (show, hide) in FOLDED.items():
        if tag in tags:
            cell["metadata"]["tags"] = [*tags, "hide-cell"]
            cell["metadata"]["mystnb"] = {
                **cell["metadata"].get("mystnb", {}),
                "code_prompt_show": show,
                "code_prompt_hide": hide,
            }
            cell["source"] = SOLUTION_MARKER.sub("", "".join(cell["source"]))


def _note_alternative_texts(cell):
    for output in cell["outputs"]:
        for kind, details in output.get("metadata", {}).items():
            if kind in ("image/png", "image/jpeg") and "alt" in details:
                content = "".join(output["data"][kind])
                _alternative_texts[hashlib.sha256(base64.b64decode(content)).hexdigest()] = details["alt"]


def chapter_number(docname):
    """Return "02" for "02_similarity", None for a page that is no chapter."""
    match = CHAPTER_FILE.match(posixpath.basename(docname))
    return match.group(1) if match else None


class CourseConventions(SphinxTransform):
    """Mark chapter cards and notes, and give figures their alternative text."""

    # before the translation (priority 20): the conventions are written in English
    default_priority = 10

    def apply(self, **kwargs):
        for quote in self.document.findall(nodes.block_quote):
            first = next(iter(quote.findall(nodes.strong)), None)
            kind = CALLOUTS.get(first.astext().lower()) if first is not None else None
            if kind and quote.astext().startswith(first.astext()):
                quote["classes"] += ["callout", f"callout-{kind}"]
        table = next(iter(self.document.findall(nodes.table)), None)
        if table is not None and chapter_number(self.env.docname):
            head = next(iter(table.findall(nodes.entry)), None)
            if head is not None and head.astext().strip().lower() == "chapter card":
                table["classes"].append("chapter-card")
        for image in self.document.findall(nodes.image):
            stem = posixpath.splitext(posixpath.basename(image["uri"]))[0]
            if "alt" not in image and stem in _alternative_texts:
                image["alt"] = _alternative_texts[stem]


class ChapterNumber(SphinxTransform):
    """Put the number of the file name before the title."""

    # after the translation, so that a translator sees the title alone
    default_priority = 500

    def apply(self, **kwargs):
        number = chapter_number(self.env.docname)
        title = next(iter(self.document.findall(nodes.title)), None)
        if number is None or title is None:
            return
        if isinstance(title[0], nodes.Text):
            printed = PRINTED_NUMBER.match(title[0])
            if printed and int(printed.group(1)) == int(number):
                title[0] = nodes.Text(title[0][printed.end() :])
        title.insert(0, nodes.inline("", number, classes=["chapter-number"]))
        title.insert(1, nodes.Text(" "))


class ReadableTables(SphinxPostTransform):
    """Make the corner of a pandas table a plain cell: an empty header says nothing to a screen reader."""

    # after myst-nb has chosen what is shown of an output (4)
    default_priority = 300
    formats = ("html",)
    empty_header = re.compile(r"<th(?: class=\"(?:blank|index_name)[^\"]*\")?\s*>(?:&nbsp;|\s)*</th>")

    def run(self, **kwargs):
        for raw in self.document.findall(nodes.raw):
            text = raw.astext()
            if raw.get("format") == "html" and "<table" in text:
                text = self.empty_header.sub("<td></td>", text).replace(' border="1"', "")
                raw[:] = [nodes.Text(text)]
                raw.rawsource = text


def visit_citation(translator, node):
    """Write an entry of the bibliography as a list item: `doc-biblioentry` may not stand in `list`."""
    type(translator).visit_citation(translator, node)
    translator.body[-1] = translator.body[-1].replace('role="doc-biblioentry"', 'role="listitem"')


def depart_citation(translator, node):
    type(translator).depart_citation(translator, node)


def chapter_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    """{chapter}`02 Similarity`: number and title; a link if the chapter exists, else "in preparation"."""
    number, title = text.split(maxsplit=1)
    env = inliner.document.settings.env
    found = sorted(doc for doc in env.found_docs if chapter_number(doc) == number)
    label = nodes.inline("", title, classes=["chapter-title"])
    line = [nodes.inline("", number, classes=["chapter-number"]), nodes.Text(" ")]
    if found:
        link = nodes.reference("", "", label, internal=True)
        link["refuri"] = env.app.builder.get_relative_uri(env.docname, found[0])
        return [*line, link], []
    waiting = nodes.inline("", "in preparation", classes=["chapter-waiting"])
    return [*line, label, nodes.Text(" "), waiting], []


def offer_downloads(app, pagename, templatename, context, doctree):
    """Offer a chapter's notebook with and without solutions; a page of prose has nothing to download."""
    context["header_buttons"] = [
        button for button in context.get("header_buttons", []) if button["label"] != "download-buttons"
    ]
    if chapter_number(pagename) is None or doctree is None:
        return
    folder = context["pathto"]("_sources", resource=True)
    name = context["sourcename"]
    buttons = [
        {
            "type": "link",
            "url": f"{folder}/{name}",
            "text": "Notebook",
            "icon": "fas fa-file",
            "tooltip": "Download the notebook with its outputs and solutions",
            "label": "download-source-button",
        },
        {
            "type": "link",
            "url": f"{folder}/{STUDENT_FOLDER}/{name}",
            "text": "Without solutions",
            "icon": "far fa-file",
            "tooltip": "Download the notebook without solutions",
            "label": "download-student-button",
        },
        {
            "type": "javascript",
            "javascript": "window.print()",
            "text": "Print or PDF",
            "icon": "fas fa-file-pdf",
            "tooltip": "Print this page, or save it as PDF",
            "label": "download-pdf-button",
        },
    ]
    context["header_buttons"].append(
        {
            "type": "group",
            "tooltip": "Download this chapter",
            "icon": "fas fa-download",
            "buttons": buttons,
            "label": "download-buttons",
        }
    )


def write_student_edition(app, exception):
    """Put every chapter's notebook without solutions beside the one with them."""
    if exception is not None or app.builder.format != "html":
        return
    for docname in sorted(app.env.found_docs):
        source = Path(app.env.doc2path(docname))
        if chapter_number(docname) and source.suffix == ".ipynb":
            target = Path(app.outdir, "_sources", STUDENT_FOLDER, f"{docname}.ipynb")
            target.parent.mkdir(parents=True, exist_ok=True)
            notebooks.write(student.student_notebook(notebooks.read(source)), target)


def setup(app):
    roles.register_local_role("chapter", chapter_role)
    app.connect("source-read", prepare_notebook)
    app.add_transform(CourseConventions)
    app.add_transform(ChapterNumber)
    app.add_post_transform(ReadableTables)
    # after the theme has added its own buttons (501)
    app.connect("html-page-context", offer_downloads, priority=600)
    app.connect("build-finished", write_student_edition)
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
