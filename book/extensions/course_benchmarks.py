"""Puts the page that is made from benchmarks/results.json in the place of notebooks/benchmarks.md."""

from tools import benchmarks


def fill(app, docname, source):
    """The source of the page: its file only says where it comes from."""
    if docname == "benchmarks":
        source[0] = benchmarks.page(benchmarks.read())


def depend(app, env, added, changed, removed):
    """Read the page again whenever the results may be new."""
    return ["benchmarks"] if "benchmarks" in env.found_docs else []


def setup(app):
    app.connect("source-read", fill)
    app.connect("env-get-outdated", depend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
