# The commands of this project. 'make' lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test check format bench clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/installed  ## install, index corpus/ into index/ and ask a question
	$(BIN)/semsearch rebuild-index corpus --index index --text
	$(BIN)/semsearch query "legal basis for deployment" -k 5 --index index --text

test: $(VENV)/installed-dev  ## install what is missing and run all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/installed-dev  ## what CI runs: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

format: $(VENV)/installed-dev  ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed-dev  ## measure building and querying on corpus/; figures go to benchmarks/results
	$(BIN)/python -m benchmarks.build corpus --queries benchmarks/corpus-queries/queries.jsonl

clean:  ## remove the environment, the caches and the built index
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache index/CURRENT index/generations index/writer.*

# torch comes first and alone: an unpinned torch would be pulled by the others, with gigabytes of GPU libraries.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "semsearch needs Python 3.10 or later: 'make PYTHON=python3.12 $(MAKECMDGOALS)' names one" >&2; exit 1; }
	@echo "Installing into $(VENV); the first time this takes a few minutes." >&2
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt torch
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install --constraint constraints.txt --editable ".[dev]"
	@touch $@
