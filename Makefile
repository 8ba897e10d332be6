# The commands of this project. 'make' lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# What is installed is compiled when it is first used: most of it never is.
INSTALL := $(BIN)/python -m pip --disable-pip-version-check --quiet install --no-compile --constraint constraints.txt

.PHONY: help install demo test check docs pictures torture format bench bench-full clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed-all  ## install into .venv, with everything that can be read and served
	@echo "Now: $(BIN)/semsearch rebuild-index FOLDER, then $(BIN)/semsearch query \"...\"" >&2

demo: $(VENV)/installed  ## install, index corpus/ into index/ and ask a question
	$(BIN)/semsearch rebuild-index corpus --index index --no-json
	$(BIN)/semsearch query "legal basis for deployment" -k 5 --index index --no-json

# Tests with servers wait for them most of the time, so they run beside the others, and are shown after them.
WITH_SERVERS := tests/engines tests/serving tests/agents tests/integrations
test: $(VENV)/installed-dev  ## install what is missing and run all tests
ifeq ($(strip $(PYTEST_ARGS)),)
	@echo "Tests with servers run meanwhile, and are shown at the end: $(WITH_SERVERS)" >&2
	@$(BIN)/python -m pytest $(WITH_SERVERS) >$(VENV)/servers.log 2>&1 & servers=$$!; \
	$(BIN)/python -m pytest tests $(WITH_SERVERS:%=--ignore=%); others=$$?; \
	wait $$servers; servers=$$?; cat $(VENV)/servers.log; \
	exit $$((others > servers ? others : servers))
else
	$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

check: $(VENV)/installed-dev  ## what CI runs: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

docs: $(VENV)/installed-dev  ## build the documentation site into docs/_build/html, without a broken link
	$(BIN)/python -m sphinx -b html -c docs -d docs/_build/doctrees -j auto -W --keep-going -n -q . docs/_build/html
	@echo "docs/_build/html/index.html" >&2

pictures: $(VENV)/installed-dev  ## take the pictures of the README anew, with Debian's chromium
	$(BIN)/python docs/pictures.py

torture: $(VENV)/installed-dev  ## put the promises of docs/reliability.md and the engines to the test at length: hours
	SEMSEARCH_TORTURE=1 $(BIN)/python -m pytest tests/torture tests/engines $(PYTEST_ARGS)

format: $(VENV)/installed-dev  ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed-dev  ## measure a little of everything in about ten minutes, into benchmarks/results
	$(BIN)/python -m benchmarks.limits
	$(BIN)/python -m benchmarks.build corpus --passages 200
	$(BIN)/python -m benchmarks.growth --sizes 1000 3000 10000 20000
	$(BIN)/python -m benchmarks.latency --sizes 1000 3000 10000 20000 --cold-sizes 10000 --queries 60 --cold-runs 3
	$(BIN)/python -m benchmarks.quality corpus

# Collections in BEIR's layout that are measured too; the test collections are no part of this repository.
COLLECTIONS ?= $(wildcard ../shared/datasets/scifact)

bench-full: $(VENV)/installed-dev  ## measure all of it, which takes hours; the figures in docs are from here
	$(BIN)/python -m benchmarks.limits
	$(BIN)/python -m benchmarks.build corpus
	$(BIN)/python -m benchmarks.growth --sizes 1000 3000 10000 30000 100000 1000000
	$(BIN)/python -m benchmarks.latency
	for folder in $(COLLECTIONS); do \
		$(BIN)/python -m benchmarks.build $$folder/corpus.jsonl && \
		$(BIN)/python -m benchmarks.latency --corpus $$folder/corpus.jsonl --questions $$folder/queries.jsonl \
			--name $$(basename $$folder) || exit 1; \
	done
	$(BIN)/python -m benchmarks.quality corpus $(COLLECTIONS)
	for folder in $(COLLECTIONS); do \
		$(BIN)/python -m benchmarks.reading $$folder/corpus.jsonl --copies 1 || exit 1; \
	done
	$(BIN)/python -m benchmarks.duplicates --sources 100
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.words
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.report

clean:  ## remove the environment, the caches and the built site; the index stays
	rm -rf $(VENV) docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache

# On Linux the package index serves torch with gigabytes of GPU libraries, and torch's own index one for CPUs alone. So torch
# comes first, from there, and from the package index where that cannot be reached. With a GPU: make TORCH_INDEX= install
TORCH_INDEX ?= $(if $(filter Linux,$(shell uname -s)),https://download.pytorch.org/whl/cpu)

$(VENV)/torch: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "semsearch needs Python 3.10 or later: 'make PYTHON=python3.12 $(MAKECMDGOALS)' names one" >&2; exit 1; }
	@echo "Installing into $(VENV); the first time this takes a few minutes." >&2
	$(PYTHON) -m venv $(VENV)
ifneq ($(strip $(TORCH_INDEX)),)
	@echo "torch for CPUs, from $(TORCH_INDEX)" >&2
	@$(INSTALL) --no-deps --index-url $(TORCH_INDEX) --timeout 15 --retries 0 torch 2>/dev/null || \
		echo "It cannot be had there: torch comes from the package index." >&2
endif
	$(INSTALL) torch
	@touch $@

$(VENV)/installed: $(VENV)/torch
	$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-all: $(VENV)/torch
	$(INSTALL) --editable ".[all]"
	@touch $(VENV)/installed $@

$(VENV)/installed-dev: $(VENV)/torch
	$(INSTALL) --editable ".[dev]"
	@touch $(VENV)/installed $(VENV)/installed-all $@
