# `make test` is the gate; every target works from a fresh clone and without a terminal.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help browser demo simulators test test-slow fuzz bench bench-lowbit docs lint clean

help:
	@echo "make demo | test | test-slow | fuzz | bench | bench-lowbit | docs | lint | clean"

$(VENV): $(VENV)/core.stamp

$(VENV)/python.stamp:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "detquant needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/core.stamp: $(VENV)/python.stamp pyproject.toml constraints.txt
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/python.stamp pyproject.toml constraints.txt
	$(PIP_INSTALL) -e '.[dev,docs,torch,openvino,tflite,ethosu,ncnn,tensorflow,bench,search,cluster]'
	@touch $@ $(VENV)/core.stamp

# the core alone: no torch, no vendor toolchain, no files but its own
demo: $(VENV)/core.stamp
	$(BIN)/detquant demo --out demo-out

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# what proves the RTL is Debian's; where it cannot be installed, its tests are skipped and say so
simulators:
	@missing=; for tool in verilator iverilog yosys; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y $$missing g++ make \
	  || echo "The RTL is not proven here: as root, apt-get install$$missing g++ make"; \
	fi

# what opens reports is Debian's Chromium, what looks at them for accessibility is of npm; where either is missing, its
# tests are skipped and say so
browser:
	@command -v chromium >/dev/null || { \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium \
	  || echo "Reports are not opened in a browser here: as root, apt-get install chromium"; \
	}
	@if [ -e tests/report/html/axe/node_modules/axe-core/axe.min.js ]; then :; \
	elif command -v npm >/dev/null; then npm ci --prefix tests/report/html/axe --silent --no-audit --no-fund \
	  || echo "axe-core could not be installed: reports are not looked at for accessibility here"; \
	else echo "Reports are not looked at for accessibility here: npm is missing, which installs axe-core"; \
	fi

# two processes, and all of a file in one of them: what its tests share is made once; more threads would only wait
test: lint simulators browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

test-slow: $(VENV)/dev.stamp simulators browser
	$(BIN)/python -m pytest -q -m slow

# the property tests of what reads files, with new examples for some minutes
fuzz: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q tests/importers/fuzz tests/data/fuzz --hypothesis-profile=long --hypothesis-show-statistics

# NNCF is optional: where it cannot be installed, its row says so
$(VENV)/bench.stamp: $(VENV)/core.stamp
	$(PIP_INSTALL) -e '.[bench,openvino,tflite,torch]' || echo "NNCF could not be installed: the table goes without it."
	@touch $@

bench: $(VENV)/bench.stamp
	$(BIN)/python benchmarks/int8.py $(BENCH)

# below eight bits; AIMET's rows want the Python of an environment of its own in AIMET_PYTHON
bench-lowbit: $(VENV)/bench.stamp
	$(BIN)/python benchmarks/lowbit.py $(BENCH)

# to be read offline, from docs/_build/html/index.html; a warning is an error
$(VENV)/docs.stamp: $(VENV)/python.stamp pyproject.toml constraints.txt
	$(PIP_INSTALL) -e '.[docs]'
	@touch $@ $(VENV)/core.stamp

docs: $(VENV)/docs.stamp
	$(BIN)/python -m sphinx -W --keep-going -n -q -b html docs docs/_build/html

clean:
	rm -rf $(VENV) build dist demo-out docs/_build docs/notebooks .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
