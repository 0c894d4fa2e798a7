# The two commands of the README, and what developers run. Needs Python 3.11, git and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Everything is installed anew when what it depends on changes.
STAMP := $(VENV)/installed

.PHONY: demo test unit integration fleet faults check bench scaling failover soak autoscaling lock clean

demo: $(STAMP)  ## set up, run the main job on real input, prove it, end
	$(BIN)/tradecapture demo

# Two processes, each with servers of its own. ARGS goes to pytest: folders, or options for the target's own folder.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
ARGS ?=
in = $(if $(findstring tests/,$(ARGS)),,$(1)) $(ARGS)

test: $(STAMP)  ## every test: unit, integration (also on SQL Server's stand-in), fleet, faults
	$(PYTEST) $(ARGS)

unit: $(STAMP)  ## rules, keys, models, findings; no server
	$(PYTEST) $(call in,tests/unit)

integration: $(STAMP)  ## one process with real Redis servers, SQLite and PostgreSQL
	$(PYTEST) -m 'not mssql' --ignore tests/integration/tds $(call in,tests/integration)

fleet: $(STAMP)  ## real workers and APIs
	$(PYTEST) $(call in,tests/fleet)

faults: $(STAMP)  ## a fleet with something broken on purpose; every promise is checked after it
	$(PYTEST) $(call in,tests/faults)

check: $(STAMP)  ## types, style, repeated code, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pylint --disable=all --enable=duplicate-code --score=n tradecapture workers benchmarks scripts tests
	$(BIN)/python scripts/audit.py

bench: $(STAMP)  ## four ways to capture, side by side, and their ratios
	$(BIN)/python -m benchmarks

scaling: $(STAMP)  ## trades/s against worker processes, into docs/scaling.md; 20 minutes on a quiet machine
	$(BIN)/python -m benchmarks.scaling

failover: $(STAMP)  ## how long the partitions of a killed worker wait, over 50 kills
	$(BIN)/python -m benchmarks.failover

autoscaling: $(STAMP)  ## a day of the fleet under the autoscalers of deploy/kubernetes, simulated
	$(BIN)/python -m benchmarks.autoscaling

# Versions stay as they are locked, where setup.cfg still allows them: UPGRADE=--upgrade for newer ones.
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform linux --custom-compile-command 'make lock' $(UPGRADE)

lock: $(STAMP)  ## lock what the image installs, each file with its hash: requirements*.lock
	$(BIN)/pip install -qq 'uv >=0.8'
	$(LOCK) --output-file requirements.lock setup.cfg
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | $(LOCK) --output-file requirements-build.lock -

# Minutes of a soak, and the seed of its faults; without one it takes a new one and says it.
MINUTES ?= 5
SEED ?=

soak: $(STAMP)  ## random faults under traffic, then the account: make soak MINUTES=30 SEED=1
	$(BIN)/python -m tests.support.faults.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

$(STAMP): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: no Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install -qq --editable '.[test,check,bench]'
	@touch $(STAMP)

clean:  ## remove what make has made
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
