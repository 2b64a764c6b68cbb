"""The bibliography: by author and year, the year after the names, unchecked entries marked."""

from dataclasses import dataclass, field

import pybtex.plugin
import sphinxcontrib.bibtex.plugin
from pybtex.richtext import Text
from pybtex.style.formatting.unsrt import Style as UnsrtStyle
from pybtex.style.template import field as entry_field
from pybtex.style.template import first_of, href, join, names, optional, tag
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle


def round_brackets():
    return BracketStyle(left="(", right=")", sep="; ")


@dataclass
class CourseReferences(AuthorYearReferenceStyle):
    """Resnick et al. (1994) in the text, (Resnick et al., 1994) in brackets."""

    bracket_textual: BracketStyle = field(default_factory=round_brackets)
    bracket_parenthetical: BracketStyle = field(default_factory=round_brackets)
    bracket_year: BracketStyle = field(default_factory=round_brackets)


class CourseStyle(UnsrtStyle):
    """Author (year). Title. Where it appeared. Link."""

    default_name_style = "lastfirst"
    default_sorting_style = "author_year_title"

    def __init__(self, **settings):
        super().__init__(**{"abbreviate_names": True, **settings})

    def _entry(self, entry, *venue):
        checked = "unverified" not in entry.fields.get("keywords", "")
        return join[
            names("author", sep=", ", sep2=" and ", last_sep=" and "),
            " (",
            entry_field("year"),
            "). ",
            entry_field("title"),
            ". ",
            *venue,
            optional[
                " ",
                href[join["https://doi.org/", entry_field("doi", raw=True)], entry_field("doi", raw=True)],
            ],
            optional[" ", href[entry_field("url", raw=True), entry_field("url", raw=True)]],
            Text("") if checked else Text(" (unverified)"),
        ]

    def get_article_template(self, entry):
        return self._entry(
            entry,
            tag("em")[entry_field("journal")],
            optional[" ", entry_field("volume"), optional["(", entry_field("number"), ")"]],
            optional[", ", entry_field("pages")],
            ".",
        )

    def get_inproceedings_template(self, entry):
        return self._entry(
            entry, "In ", tag("em")[entry_field("booktitle")], optional[", ", entry_field("pages")], "."
        )

    get_incollection_template = get_inproceedings_template

    def get_book_template(self, entry):
        return self._entry(entry, optional[entry_field("publisher"), "."])

    def get_misc_template(self, entry):
        return self._entry(
            entry, optional[first_of[entry_field("howpublished"), entry_field("institution")], "."]
        )

    get_techreport_template = get_misc_template


def setup(app):
    pybtex.plugin.register_plugin("pybtex.style.formatting", "course", CourseStyle)
    sphinxcontrib.bibtex.plugin.register_plugin(
        "sphinxcontrib.bibtex.style.referencing", "course_author_year", CourseReferences
    )
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
