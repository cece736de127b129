# Commands for a checkout. Needs Python 3.11 or newer, make, and the package registries. Everything else is installed
# into .venv and node_modules, from lock files with hashes.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
GRAPHIQL := gateway/http/graphiql
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
PYTHONS := $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 /usr/bin/python3 python)

# Prints the elapsed time every two seconds during a long command: `@$(ALIVE); command`.
ALIVE = (n=0; while sleep 2 >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do n=$$((n + 2)); echo "  … $$n s"; done) & \
	alive=$$!; trap 'kill $$alive 2>/dev/null' EXIT; trap 'exit 130' INT TERM

# Each stamp is inside the directory that it describes, so deleting the directory triggers a new installation.
PACKAGES := $(VENV)/.packages
PROJECT := $(VENV)/.project
MODULES := $(GRAPHIQL)/node_modules/.installed
CLIENTS := tests/clients/npm/node_modules/.installed
NODES := tests/clients/nodes/node_modules/.installed
PEERS := tests/bench/peers/node_modules/.installed
STOCK := $(VENV)/.bench

OLDEST_NODE := 20
OLDEST_NPM := 9

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: serve
serve: install ## serve Parley, on an embedded database unless PARLEY_DATABASE_URL is set
	@exec $(BIN)/parley serve

.PHONY: test
test: install $(CLIENTS) ## run the tests
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

.PHONY: nodes
nodes: $(NODES) ## install older versions of Node.js (90 MB), to test the scripts in the documentation
	@:

.PHONY: lint
lint: $(PROJECT) ## check style, types, and which module may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

.PHONY: bench
bench: install $(STOCK) $(PEERS) ## compare Parley with other servers (15 minutes), and write tests/bench/*.md
	@$(BIN)/python -m tests.bench $(ARGS)
	@$(if $(ARGS),,$(MAKE) --no-print-directory live)

.PHONY: live
live: install $(STOCK) $(PEERS) ## run only the part about subscriptions, and write tests/bench/LIVE.md
	@$(BIN)/python -m tests.bench.live $(ARGS)

.PHONY: schema
schema: $(PROJECT) ## regenerate schema.graphql, sql/schema.sql and the tables in the documentation
	@$(BIN)/parley schema --write
	@$(BIN)/parley schema --sql --write
	@$(BIN)/python -m tests.pages

.PHONY: wheel
wheel: install ## build dist/parley-*.whl, including GraphiQL
	@$(PIP) wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir dist .

.PHONY: lock
lock: $(PROJECT) ## lock the newest versions that pyproject.toml allows
	@$(ALIVE); $(PIP) install --quiet uv
	@$(ALIVE); $(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --upgrade --quiet --custom-compile-command "make lock" --output-file requirements.lock
	@$(ALIVE); $(BIN)/uv pip compile --group node --universal --python-version 3.11 --generate-hashes --no-annotate \
		--upgrade --quiet --custom-compile-command "make lock" --output-file requirements-node.lock
	@$(ALIVE); $(BIN)/uv pip compile --group bench --constraint requirements.lock --universal --python-version 3.11 \
		--generate-hashes --no-annotate --upgrade --quiet --custom-compile-command "make lock" \
		--output-file tests/bench/requirements.lock
	@touch $(PACKAGES)

.PHONY: clean
clean: ## remove everything that make created, but no data
	rm -rf $(VENV) $(dir $(MODULES) $(CLIENTS) $(NODES) $(PEERS)) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find gateway resolvers tests -name __pycache__ -prune -exec rm -rf {} +

.PHONY: install
install: $(PROJECT) $(MODULES) ## install Parley into .venv, or update it

# A Python built without profile-guided optimisation, such as pyenv's default build, needs a quarter more CPU. So an
# optimised build is preferred, such as those of distributions and official images; otherwise any will do.
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
		echo "Parley needs Python 3.11 or newer that can create virtual environments. Name yours:" \
			"make PYTHON=/path/to/python. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$found" --version), $$(command -v "$$found")"; \
	$(ALIVE); "$$found" -m venv $(VENV)

# Shows only large downloads and errors of pip's output.
$(PACKAGES): requirements.lock | $(BIN)/python
	@echo "Installing $$(grep -c '^[a-z].*==' requirements.lock) packages (only after requirements.lock changes)"
	@$(ALIVE); { $(PIP) install --require-hashes --requirement requirements.lock --progress-bar off \
		|| touch $(VENV)/.failed; } | while IFS= read -r line; do case "$$line" in \
			*Downloading*MB*) echo "$$line";; \
			"Installing collected packages"*) echo "  Installing collected packages";; \
		esac; done
	@if [ -e $(VENV)/.failed ]; then rm $(VENV)/.failed; exit 1; fi
	@touch $@

$(PROJECT): pyproject.toml $(PACKAGES)
	@echo "Installing Parley into $(VENV)"
	@$(ALIVE); $(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# Packages of the servers that Parley is compared with.
$(STOCK): tests/bench/requirements.lock $(PACKAGES)
	@$(ALIVE); $(PIP) install --quiet --require-hashes --requirement $<
	@touch $@

# Uses the machine's Node.js and npm if they are new enough; otherwise installs them from Python's registry.
$(MODULES) $(CLIENTS) $(NODES) $(PEERS): %/node_modules/.installed: %/package-lock.json %/package.json | $(PROJECT)
	@$(ALIVE); \
	new() { [ "$$("$$1" --version 2>/dev/null | sed -e 's/^v//' -e 's/\..*//')" -ge "$$2" ] 2>/dev/null; }; \
	if ! { new node $(OLDEST_NODE) && new npm $(OLDEST_NPM); }; then \
		PATH="$(CURDIR)/$(BIN):$$PATH"; export PATH; \
		if ! [ -x $(BIN)/npm ]; then \
			echo "Installing Node.js (60 MB): found no Node.js $(OLDEST_NODE) with npm $(OLDEST_NPM) or newer"; \
			$(PIP) install --quiet --require-hashes --requirement requirements-node.lock || exit 1; \
		fi; \
	fi; \
	echo "Installing the npm packages of $*"; \
	cd $* && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
