# What a person does with a checkout. Needs Python 3.11 or newer, make, and the package registries; the rest is
# fetched, by lock files that carry hashes, into .venv and node_modules.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
GRAPHIQL := gateway/http/graphiql
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PYTHONS := $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 /usr/bin/python3 python)

# Stamps stand inside what they speak of, so that removing it is noticed.
PACKAGES := $(VENV)/.packages
PROJECT := $(VENV)/.project
MODULES := $(GRAPHIQL)/node_modules/.installed
CLIENTS := tests/clients/npm/node_modules/.installed
NODES := tests/clients/nodes/node_modules/.installed
PEERS := tests/bench/peers/node_modules/.installed
STOCK := $(VENV)/.bench

.PHONY: help
help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: serve
serve: install ## serve Parley, on an embedded database unless PARLEY_DATABASE_URL says otherwise
	@exec $(BIN)/parley serve

.PHONY: test
test: install $(CLIENTS) ## run the tests
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

.PHONY: nodes
nodes: $(NODES) ## install older versions of Node.js (90 MB), for the tests of the README's scripts
	@:

.PHONY: lint
lint: $(PROJECT) ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: bench
bench: install $(STOCK) $(PEERS) ## measure Parley next to others (a quarter of an hour), and write tests/bench/*.md
	@$(BIN)/python -m tests.bench $(ARGS)
	@$(if $(ARGS),,$(MAKE) --no-print-directory live)

.PHONY: live
live: install $(STOCK) $(PEERS) ## the part of it about subscriptions, and tests/bench/LIVE.md
	@$(BIN)/python -m tests.bench.live $(ARGS)

.PHONY: schema
schema: $(PROJECT) ## write schema.graphql and sql/schema.sql anew
	@$(BIN)/parley schema --write
	@$(BIN)/parley schema --sql --write

.PHONY: wheel
wheel: install ## build dist/parley-*.whl, the page included
	@$(PIP) wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir dist .

.PHONY: lock
lock: $(PROJECT) ## choose the newest versions that pyproject.toml allows, and lock them
	@$(PIP) install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --upgrade --quiet --custom-compile-command "make lock" --output-file requirements.lock
	@$(BIN)/uv pip compile --group bench --constraint requirements.lock --universal --python-version 3.11 \
		--generate-hashes --no-annotate --upgrade --quiet --custom-compile-command "make lock" \
		--output-file tests/bench/requirements.lock
	@touch $(PACKAGES)

.PHONY: clean
clean: ## remove everything that make has made, but no data
	rm -rf $(VENV) $(dir $(MODULES) $(CLIENTS) $(NODES) $(PEERS)) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find gateway resolvers tests -name __pycache__ -prune -exec rm -rf {} +

.PHONY: install
install: $(PROJECT) $(MODULES)

# An interpreter that was compiled without profiles, as pyenv does it, takes a quarter more CPU for the same. So one that
# was compiled with them goes first, as those of distributions and of the official images are; then whichever there is.
define PROBE
import ensurepip, sys, sysconfig, venv
is_tuned = sys.base_prefix == "/usr" or "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
sys.exit(sys.version_info < (3, 11) or not is_tuned and sys.argv[1] == "tuned")
endef
export PROBE

$(BIN)/python:
	@for wanted in $(if $(PYTHON),any,tuned any); do \
		for candidate in $(PYTHONS); do \
			if "$$candidate" -c "$$PROBE" $$wanted 2>/dev/null; then found=$$candidate; break 2; fi; \
		done; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Parley needs Python 3.11 or newer that can make virtual environments; name yours with:" \
			"make PYTHON=/path/to/python. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version), $$(command -v "$$found")"; \
	"$$found" -m venv $(VENV)

# Of pip's output, the large downloads are shown, and what goes wrong.
$(PACKAGES): requirements.lock | $(BIN)/python
	@echo "Installing $$(grep -c '^[a-z].*==' requirements.lock) packages (after a change of requirements.lock only)"
	@{ $(PIP) install --require-hashes --requirement requirements.lock --progress-bar off || touch $(VENV)/.failed; } \
		| sed -n -e '/Downloading .* MB/p' -e 's/^\(Installing collected packages\):.*/  \1/p'
	@if [ -e $(VENV)/.failed ]; then rm $(VENV)/.failed; exit 1; fi
	@touch $@

$(PROJECT): pyproject.toml $(PACKAGES)
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# What the servers that Parley is compared with want besides.
$(STOCK): tests/bench/requirements.lock $(PACKAGES)
	@$(PIP) install --quiet --require-hashes --requirement $<
	@touch $@

# The machine's npm if it is new enough, and else the one that comes from Python's registry.
$(MODULES) $(CLIENTS) $(NODES) $(PEERS): %/node_modules/.installed: %/package-lock.json %/package.json | $(PROJECT)
	@echo "Installing the npm packages of $*"
	@npm=npm; case "$$(npm --version 2>/dev/null)" in ''|[1-8].*) npm="$(CURDIR)/$(BIN)/npm";; esac; \
	PATH="$(CURDIR)/$(BIN):$$PATH"; export PATH; \
	cd $* && "$$npm" ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
