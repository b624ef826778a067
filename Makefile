# make demo   sets everything up and runs the three models on real servers
# make test   sets everything up and runs every test, on both builds and on each Python that is installed
# make check  the linters and the type checker alone
# make docs   builds the site in build/site: runs the course's programs and draws them; needs Graphviz
# make bench  the table of speed beside the peers, a quarter of an hour; bench-quick: two minutes, good to a tenth;
#             bench-all: every benchmark with all of its figures, more than half an hour
# make clean  removes what the above made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find weft -name '*.py' -o -name '*.p[xy][dx]' -o -name '*.h')

.PHONY: demo test check docs bench bench-quick bench-all clean

demo: $(VENV)/.built
	$(BIN)/python examples/poetry/demo.py

test: check
	$(BIN)/python tools/run_tests.py

check: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/draw_lifecycle.py --check
	$(BIN)/python tools/draw_chains.py --check

docs: $(VENV)/.docs
	$(BIN)/python tools/course_pages.py docs/learn
	$(BIN)/python -m sphinx -W --keep-going -q -E -b html docs build/site
	$(BIN)/python tools/check_site.py build/site
	@echo "The site is in build/site/index.html"

# make bench BENCH=--noisy gives an option to each of them
BENCH :=
BENCHMARK = $(BIN)/python benchmarks/$(1) $(BENCH)

bench: $(VENV)/.bench
	$(call BENCHMARK,table.py)

bench-quick: $(VENV)/.bench
	$(call BENCHMARK,table.py --quick)

bench-all: $(VENV)/.bench
	$(call BENCHMARK,echo.py)
	$(call BENCHMARK,echo.py --sizes 102400 --connections 50)
	$(call BENCHMARK,echo.py --mode unix)
	$(call BENCHMARK,echo.py --mode tls)
	$(call BENCHMARK,echo.py --mode udp)
	$(call BENCHMARK,echo.py --server buffered)
	$(call BENCHMARK,echo.py --server streams-readline)
	$(call BENCHMARK,echo.py --server streams-readexactly)
	$(call BENCHMARK,echo.py --server weft-streams-readline)
	$(call BENCHMARK,echo.py --server weft-streams-readexactly)
	$(call BENCHMARK,echo.py --pieces 2 --sizes 1024 --connections 50)
	$(call BENCHMARK,echo.py --depth 16 --sizes 64 --connections 50)
	$(call BENCHMARK,web.py)
	$(call BENCHMARK,protocols.py)
	$(call BENCHMARK,calls.py)
	$(call BENCHMARK,deferreds.py)
	$(call BENCHMARK,memory.py)
	$(call BENCHMARK,memory.py --mode tls)
	$(call BENCHMARK,startup.py)
	$(call BENCHMARK,twisted_reactors.py)

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
	$(BIN)/python -m pip install --quiet --group test --group check --group ecosystem --group twisted
	touch $@

$(VENV)/.docs: $(VENV)/.built
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

$(VENV)/.bench: $(VENV)/.built
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

clean:
	rm -rf .venv .venv-* build docs/learn *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find weft -name '*.so' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
