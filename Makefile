# Guichet's commands. `make` alone lists them. Python 3.11 or newer and make are all they presume: the first one that
# needs it builds the virtual environment .venv, from uv.lock, with uv where it is installed and with pip where not.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test check bench chaos read-quality triage-quality fmt lock clean
MAKEFLAGS += --no-print-directory

help:     ## List these commands
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 24

run: $(STAMP)   ## Set up, start everything, print the addresses; Ctrl-C ends it
	@$(BIN)/guichet up

test: $(STAMP)  ## Set up, run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP) ## What CI runs: format, lint, types, import contracts, dependencies, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	@$(MAKE) test

bench: $(STAMP) ## Measure throughput and latency; results in var/bench.json
	@$(BIN)/python -m bench

chaos: $(STAMP) ## Fuzz the reader; kill everything under load, again and again; look for lost or doubled messages
	@$(BIN)/python -m tests.chaos

read-quality: $(STAMP) ## How well mail is read: a table over our corpus, or over CORPUS=folder; WORST=5 names cases
	@$(BIN)/python -m tests.quality $(CORPUS) --worst $(or $(WORST),0)

triage-quality: $(STAMP) ## How well messages are sorted: shares and confusion, on the seed set and on unseen messages
	@$(BIN)/python -m workers.quality
	@$(BIN)/python -m workers.quality tests/corpus/triage_unseen.jsonl tests/corpus/triage_unseen_2.jsonl

fmt: $(STAMP)   ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(STAMP)  ## Write uv.lock anew after a change of dependencies
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet uv
	@PATH="$$PATH:$(CURDIR)/$(BIN)" uv lock
	@touch $(STAMP)

clean:    ## Remove the virtual environment and caches; var/, with its data, stays
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

$(STAMP): pyproject.toml uv.lock .ci/setup
	@sh .ci/setup $(VENV)
	@touch $@
