# make demo   sets everything up and runs the three models on real servers
# make test   sets everything up and runs every test, on both builds and on each Python that is installed
# make check  the linters and the type checker alone
# make bench  side by side with the peers; read benchmarks/README.md first
# make clean  removes what the above made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find weft -name '*.py' -o -name '*.p[xy][dx]' -o -name '*.h')

.PHONY: demo test check bench bench-quick clean

demo: $(VENV)/.built
	$(BIN)/python examples/poetry/demo.py

test: check
	$(BIN)/python tools/run_tests.py

check: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/draw_lifecycle.py --check

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/echo.py
	$(BIN)/python benchmarks/calls.py

bench-quick: $(VENV)/.bench
	$(BIN)/python benchmarks/echo.py --quick
	$(BIN)/python benchmarks/calls.py --quick

$(VENV)/.installed: pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Weft needs Python 3.11 or newer, and $(PYTHON) is older: make PYTHON=python3.13"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group build
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[cli]'
	touch $@

$(VENV)/.built: $(VENV)/.installed $(SOURCES)
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

$(VENV)/.tested: $(VENV)/.built
	$(BIN)/python -m pip install --quiet --group test --group check --group ecosystem
	touch $@

$(VENV)/.bench: $(VENV)/.built
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

clean:
	rm -rf .venv .venv-* build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find weft -name '*.so' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
