# Every target sets up .venv by itself; nothing but Python 3.11+ and make is needed.
# Arguments are passed on: make demo ARGS=--json
.DEFAULT_GOAL := help
.PHONY: help demo serve test check fix bench bench-models faults faults-peers systems clean

BIN := .venv/bin
ROOMS := connectors agents workflows worker api cli
PACKAGES := $(foreach room,$(ROOMS),$(room)/kontora_$(room))
RUNTIME := .venv/.runtime-stamp
DEV := .venv/.dev-stamp

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: $(RUNTIME) ## make a demo company and run a workflow on it, from REST call to report
	@$(BIN)/kontora demo $(ARGS)

serve: $(RUNTIME) ## run API and worker; Ctrl-C stops both
	@$(BIN)/kontora serve --with-worker $(ARGS)

test: $(DEV) ## run all tests, those of a file one after the other
	@$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

check: $(DEV) ## lint, format, types, imports, house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES) tests
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_house.py

fix: $(DEV) ## repair what ruff can repair, format, and write schema and reference anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m kontora_workflows.schema
	$(BIN)/python tools/reference.py

bench: $(DEV) ## measure runs per second and memory; nothing is judged
	@$(BIN)/python bench/run.py $(ARGS)

bench-models: $(DEV) ## play misbehaving models to Kontora and to others; nothing is judged but the ends
	@$(BIN)/python bench/models/run.py $(ARGS)

faults: $(DEV) ## break everything on purpose, and say what held
	@$(BIN)/python -m tests.faults.run $(ARGS)

faults-peers: $(DEV) ## put other systems under the same faults, in environments of their own
	@$(BIN)/python -m tests.faults.peers.run $(ARGS)

systems: $(DEV) ## run the workflow on systems from outside, such as Tryton
	@$(BIN)/pytest tests/systems -m systems $(ARGS)

clean: ## remove .venv, caches and builds; never your data
	rm -rf .venv .venv-peers build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two stamps, so that the demo does not wait for the tools of the tests.
$(RUNTIME): pyproject.toml tools/setup
	@tools/setup runtime

$(DEV): pyproject.toml tools/setup
	@tools/setup dev
