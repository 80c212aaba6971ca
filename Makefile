# Both `run` and `test` install what they need into .venv on first use.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test check bench differentiel demo lock clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: .venv/run.stamp ## the whole service on its own PostgreSQL: API, delivery worker, development mailbox
	@$(BIN)/comptoir serve

test: .venv/dev.stamp ## the tests
	@$(BIN)/python -m pytest -q

check: .venv/dev.stamp ## lint, format, types, import contracts, tests: before each commit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q

bench: .venv/dev.stamp ## ratios against a bare service, in one interleaved run (about ten minutes)
	@$(BIN)/python -m bench

differentiel: .venv/dev.stamp ## whether failed sign-ins and recoveries can be told apart by their time (a few minutes, on a quiet machine)
	@$(BIN)/python -m bench.differentiel

demo: .venv/run.stamp ## play accounts from sign-up to erasure against the running service
	@$(BIN)/comptoir demo

lock: .venv/dev.stamp ## resolve pyproject.toml into the two locked, hashed requirement files
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q -U --universal --generate-hashes --no-header --no-annotate --group build pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q -U --universal --generate-hashes --no-header --no-annotate --group build --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## forget the environment and the development data
	rm -rf .venv var

.venv/run.stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (about half a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: requirements-dev.txt .venv/run.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
