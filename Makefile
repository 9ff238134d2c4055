# The verbs of LineageHub. `make up` and `make test` need Python 3.11 or newer with pip, and make; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup-done

.PHONY: up test test-slow check test-real clients collector bench setup lint types imports lock clean

up: setup ## Run the whole hub with embedded parts.
	@exec $(BIN)/lineagehub up

test: setup ## Run the tests, with embedded parts, but for the slow ones.
	$(BIN)/pytest tests --ignore=tests/real -m "not slow" -n 2 --dist loadscope --no-loadscope-reorder --durations=10

test-slow: setup ## Run the slow tests: agents and brokers that are killed in mid-stream, the corpus replayed to Marquez.
	$(BIN)/pytest tests --ignore=tests/real -m slow -n 2 --dist loadscope --no-loadscope-reorder --durations=10

check: setup lint types imports test ## What CI runs first.

test-real: setup ## Run the end-to-end tests against Apache Kafka (Java 17 and Maven), embedded ClickHouse.
	$(BIN)/pytest tests/real

clients: setup ## Install openlineage-java, Spark, dbt, Airflow, Dagster and Prefect for test-real, each apart (Java 17 and Maven; a minute or two, once).
	@$(BIN)/python -m tests.support.clients

collector: ## Build the OpenTelemetry Collector and telemetrygen for test-real (Go, five minutes, once): eval "$$(make -s collector)"
	@tests/real/collector/build.sh

bench: setup ## Measure the web, the storing agents and the graph reads on Apache Kafka (Java 17 and Maven): some ten minutes on an idle machine.
	$(BIN)/python -m tests.bench web_otlp --keep
	$(BIN)/python -m tests.bench telemetry_store --keep
	$(BIN)/python -m tests.bench lineage_store --keep
	$(BIN)/python -m tests.bench lineage_graph --keep
	$(BIN)/python -m tests.bench verification --keep
	$(BIN)/python -m tests.bench isolation --keep
	$(BIN)/python -m tests.bench usage_recovery --keep
	$(BIN)/python -m tests.bench sdk_call --keep
	$(BIN)/python -m tests.bench sdk_kinds --keep

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

setup: $(SETUP) ## Make .venv with all three distributions and their extras.

$(SETUP): requirements.lock pyproject.toml agents/pyproject.toml sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || \
		{ echo "LineageHub needs Python 3.11 or newer; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV)…"; $(PYTHON) -m venv $(VENV); }
	@test -x $(BIN)/uv || $(BIN)/pip install -q "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	@echo "Installing the packages of requirements.lock (about half a minute)…"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync -q --require-hashes requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install -q --no-deps --no-build-isolation -e . -e agents -e sdk
	@touch $@

lock: ## Resolve requirements.lock anew: pins and hashes, no addresses.
	$(BIN)/uv pip compile -q --universal --generate-hashes --all-extras --group dev --no-emit-index-url --no-emit-find-links \
		--no-emit-package lineagehub --no-emit-package lineagehub-agents --no-emit-package lineagehub-sdk --custom-compile-command "make lock" \
		pyproject.toml agents/pyproject.toml sdk/pyproject.toml -o requirements.lock
	for client in tests/real/clients/*/requirements.in; do \
		$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
			--custom-compile-command "make lock" $$client -o $${client%.in}.txt || exit 1; done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
