# Two commands for users: `make demo` and `make test`. Both set up .venv first if needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed
TORCH := $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' constraints.txt) # first and by its version alone: your index decides for CUDA or CPUs
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: setup demo test clients check docs bench clean

setup: $(DONE)

$(DONE): pyproject.toml constraints.txt constraints-cuda.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	@$(PIP) $(TORCH)
	@$(PIP) --require-hashes --requirement constraints.txt
	@! $(BIN)/python -c 'import sys, importlib.metadata as data; sys.exit("nvidia" not in str(data.requires("torch")))' || \
	  $(PIP) --require-hashes --requirement constraints-cuda.txt
	@$(PIP) --no-build-isolation --editable .
	@touch $(DONE)

demo: setup
	@$(BIN)/ft-cli demo

test: export PYTHONDONTWRITEBYTECODE = # the many processes of the tests compile a module once
test: setup
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder

# Clients of other projects that tests/clients points at the server, in an environment for each version of OpenAI's package, and one for Anthropic's.
clients: setup
	@for file in tests/clients/requirements/*.txt; do \
	  folder=.clients/$$(basename $$file .txt); echo "installing $$folder"; \
	  $(BIN)/uv venv --quiet --allow-existing $$folder && \
	  $(BIN)/uv pip install --quiet --python $$folder/bin/python --requirement $$file || exit 1; done
	@mkdir -p .clients/node && cp tests/clients/requirements/package.json .clients/node/
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --prefix .clients/node; fi

check: setup
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@PYTHONPATH=src $(BIN)/lint-imports --no-cache | tail -n 1
	@$(BIN)/python -m pytest -q -n 2 -m "not slow and not real_weights"

docs: setup
	@$(BIN)/zensical build --strict

bench: setup
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) .clients site .pytest_cache .mypy_cache .ruff_cache .hypothesis
