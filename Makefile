# The course's commands. Each stands in README.md as plain lines too, for machines without make.
# Needs Python 3.11 or newer; name another one with: make book PYTHON=python3.12

PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
ifeq ($(strip $(PYTHON)),)
$(error The course needs Python 3.11 or newer, and found none. Name it: make book PYTHON=/path/to/python3)
endif

PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help env book render run test lint lab student bench lock clean

help:
	@echo "make book     run every notebook, render the course as HTML"
	@echo "make test     prove it: lint, unit tests, every stored number, the pages"
	@echo "make lab      open the course in JupyterLab"
	@echo "make student  the course without solutions, in build/student"
	@echo "make bench    compare with other libraries (they get their own environment)"
	@echo "for authors:  make run (notebooks in place) · render · lint · lock · clean"

# the environment; does nothing when it stands already
env:
	@$(PYTHON) tools/environment.py

book: env
	@$(PY) -m tools.book

# the committed notebooks as they are, without running them
render: env
	@$(PY) -m tools.book --render

# run the notebooks in place and store their outputs; make run NOTEBOOKS=notebooks/02_similarity.ipynb
run: env
	@$(PY) -m tools.book --in-place $(NOTEBOOKS)

test: env
	@$(PY) -m pytest -n 2 --dist loadfile

lint: env
	@$(PY) -m ruff check && $(PY) -m ruff format --check

lab: env
	@$(PY) -m jupyterlab notebooks

student: env
	@$(PY) -m tools.student

# writes benchmarks/results.json, from which the book makes its page; a part of it: make bench ONLY=growth
bench: env build/peers/course.stamp
	@$(PY) -m benchmarks.run $(foreach part,$(ONLY),--only $(part))

# the peers hold numpy or pandas back at times, so they live apart
build/peers/course.stamp: benchmarks/peers.lock
	@$(PYTHON) -m venv --clear build/peers
	@UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip sync --quiet --python build/peers/bin/python --require-hashes $<
	@touch $@

# both locks; what is locked already stays unless asked otherwise: make lock UPGRADE=--upgrade
LOCK = UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip compile --universal --generate-hashes --fork-strategy fewest \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 --quiet $(UPGRADE)
lock: env
	@$(LOCK) pyproject.toml --output-file requirements.lock
	@$(LOCK) benchmarks/peers.in --output-file benchmarks/peers.lock

clean:
	rm -rf build .pytest_cache .ruff_cache .hypothesis
