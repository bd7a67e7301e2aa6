# `make` lists the targets. The only prerequisite is Python 3.11 or newer; PYTHON=… names another interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEMGREP := .venv-semgrep
ARGS ?=
NOTHING_COLLECTED = 5
PARALLEL = --numprocesses 4 --dist loadfile --no-loadscope-reorder
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header $(ARGS) pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help setup run demo backup restore verify migrate rebuild revision test test-parallel test-timing faults check bench bench-reports growth soak docs screenshots requirements clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.run ## install what the bank needs to run into .venv
	@echo "$(VENV) is ready; 'make run' starts the bank"

run: $(VENV)/.run ## start the bank and keep it running until Ctrl-C (ARGS="--no-reporting" and the like)
	@exec $(BIN)/python run_services.py $(ARGS)

demo: $(VENV)/.run ## the same, with demo customers and half a year of history in an empty bank
	@exec $(BIN)/python run_services.py --demo $(ARGS)

backup: $(VENV)/.run ## copy databases and secrets into a new folder, also while the bank runs (DIR=…)
	@$(BIN)/python backup.py save "$(DIR)"

restore: $(VENV)/.run ## put a backup in place of the data of a stopped bank (DIR=…)
	@$(BIN)/python backup.py restore "$(DIR)"

verify: $(VENV)/.run ## check databases, ledger and audit trail of the bank, running or not, or of a backup (DIR=…)
	@$(BIN)/python backup.py verify $(if $(DIR),"$(DIR)")

rebuild: $(VENV)/.run ## rebuild the transaction database from the ledger of a stopped bank
	@$(BIN)/python rebuild.py

migrate: $(VENV)/.run ## upgrade the databases of a stopped bank to the newest schema
	@$(BIN)/python migrate.py

revision: $(VENV)/.dev ## write the next revision from the models (SERVICE=auth WHAT="Add a birthday")
	@$(BIN)/python migrate.py --new "$(SERVICE)" "$(WHAT)"

test: ## run the tests (ARGS="-k transfer" and the like)
	@$(MAKE) --no-print-directory test-parallel
	@$(MAKE) --no-print-directory test-timing

test-parallel: $(VENV)/.dev
	$(BIN)/pytest -m "not long and not timing" $(PARALLEL) $(ARGS)

test-timing: $(VENV)/.dev
	$(BIN)/pytest -m "timing and not long" $(ARGS) || [ $$? -eq $(NOTHING_COLLECTED) ]

faults: $(VENV)/.dev ## run the fault tests: break a bank under load (BANK_FAULT_SEED=… repeats a run, BANK_FAULT_ROUNDS=…)
	BANK_FAULT_SEED=$${BANK_FAULT_SEED:-$$(date +%s)} BANK_FAULT_ROUNDS=$${BANK_FAULT_ROUNDS:-5} \
		$(BIN)/pytest -m "faults or long" --capture=no $(ARGS)

check: $(VENV)/.dev $(SEMGREP)/.installed ## lint, types, layers, security rules, house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive .
	$(SEMGREP)/bin/semgrep scan --metrics=off --disable-version-check --error --quiet --jobs 2 \
		--config tools/semgrep/rules.yaml shared *_service api_gateway templates static/js *.py
	$(BIN)/pytest tests/house

bench: $(VENV)/.dev ## measure durable transfers beside pgbench (BASE=<commit>: beside that commit)
	$(BIN)/python -m $(if $(BASE),benchmarks.compare $(BASE),benchmarks.transfers) $(ARGS)

bench-reports: $(VENV)/.dev ## measure long statements, and reports over a million transactions
	$(BIN)/python -m benchmarks.statements $(ARGS)
	$(BIN)/python -m benchmarks.reports

soak: $(VENV)/.dev ## run at half of the peak for ten minutes and check the memory (ARGS="--minutes 2")
	$(BIN)/python -m benchmarks.soak $(ARGS)

growth: $(VENV)/.dev ## measure requests at a million transactions beside a thousand (ARGS="--transactions 100000")
	$(BIN)/python -m benchmarks.growth $(ARGS)

docs: $(VENV)/.dev ## build the documents as a site with search in artifacts/docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "open artifacts/docs/index.html"

screenshots: $(VENV)/.dev ## take the screenshots of the documents
	$(BIN)/python -m tools.screenshots

requirements: $(VENV)/.dev ## pin the dependencies of pyproject.toml (ARGS=--upgrade for the newest)
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra dev --constraint requirements.txt --output-file requirements-dev.txt
	$(COMPILE:pyproject.toml=tools/semgrep/requirements.in) --output-file tools/semgrep/requirements.txt

clean: ## remove .venv and the caches of tools; the bank's data stays
	rm -rf $(VENV) $(SEMGREP) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; name one with PYTHON=…, as in: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps are newer than the pins they were made from, so that a second `make` has nothing to do.
$(VENV)/.run: requirements.txt | $(BIN)/python
	@echo "installing requirements.txt into $(VENV)"
	@$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	@echo "installing requirements-dev.txt into $(VENV)"
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

# Apart, since semgrep needs some forty packages that the bank does not.
$(SEMGREP)/.installed: tools/semgrep/requirements.txt | $(BIN)/python
	@echo "installing tools/semgrep/requirements.txt into $(SEMGREP)"
	@$(BIN)/python -m venv $(SEMGREP)
	@$(SEMGREP)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
