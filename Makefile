# Every target does its own set-up: python3 (3.11 or later) and make are enough.
# The Kafka tests also need Java 17 and Maven; the chart test needs Helm, or Go to build it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
BENCH  := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python

.PHONY: help install demo test lint format schemas audit lock bench bench-allocation chaos helm-test clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 22

install: $(READY)  ## Make .venv with equal-stream in it, from the hashed lock

$(READY): requirements/lock.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "equal-stream needs Python 3.11 or later; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/lock.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

lock:  ## Resolve pyproject.toml again into the hashed lock (no index addresses)
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra build --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements/lock.txt
	$(BIN)/uv pip compile pyproject.toml --extra build --constraint requirements/lock.txt --generate-hashes --universal \
	  --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet \
	  --output-file requirements/runtime.txt
	echo uv | $(BIN)/uv pip compile - --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements/uv.txt

demo: install  ## The whole service on this machine, on the documentation of the installed packages
	@$(BIN)/equal-stream demo

# Each of the two workers has a broker and a Ray of its own.
test: install  ## Every test, on real parts
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

bench: install  ## Every figure of docs/benchmarks.md, in half an hour; the corpora lie beside the checkout
	@mkdir -p bench/results
	@$(BENCH) bench/clustering.py --output bench/results/clustering.json
	@$(BENCH) -m bench.clusterer_process --transport embedded --output bench/results/clusterer-embedded.json
	@$(BENCH) -m bench.clusterer_process --transport kafka --output bench/results/clusterer-kafka.json
	@$(BENCH) bench/embedder.py --transport kafka --output bench/results/embedder.json
	@$(BENCH) -m bench.stream --transport kafka --output bench/results/stream-kafka.json
	@$(BENCH) -m bench.stream --transport embedded --output bench/results/stream-embedded.json
	@$(BIN)/equal-stream demo --json > bench/results/demo.json
	@$(BENCH) -m bench.table

# Results are kept run by run under bench/results/allocation: an interrupted benchmark goes on where it was.
bench-allocation: install  ## Every figure of docs/allocation.md and of what it rests on; hours
	@mkdir -p bench/results
	@$(BENCH) -m bench.allocation
	@$(BENCH) -m bench.decision --output bench/results/decision.json
	@$(BENCH) -m bench.bandit_worlds --seeds 20 --json bench/results/bandit-worlds.json
	@$(BENCH) -m bench.yields --json bench/results/yields.json
	@$(BENCH) -m bench.off_policy --logs 100
	@$(BENCH) -m bench.align --output bench/results/align.json
	@$(BENCH) -m bench.allocation_table

chaos: install  ## End the service after every step of every commit path; then break it by chance for half an hour
	@$(BENCH) -m tests.crashes.walk --times 5
	@$(BENCH) -m tests.crashes.walk --transport kafka
	@$(BENCH) -m tests.chaos.run --documents 20000 --kills 100 --minutes 30 --seed 1 --output bench/results/chaos

helm-test: install  ## The chart: linted, rendered, validated; needs Helm 3, or Go to build it once
	@$(BIN)/python -m deploy.chart.helm_binary || test -z "$${CI:-}"
	@$(BIN)/python -m pytest tests/helm

lint: install  ## Style, strict types, schema drift
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m equal_stream.schema --check schemas

format: install  ## Apply the style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

audit: install  ## Ask whether a vulnerability is known in any pinned package
	@$(BIN)/python -m deploy.dependency_audit

schemas: install  ## Generate schemas/ from equal_stream/messages.py, and the schema of the chart's values
	@$(BIN)/python -m equal_stream.schema schemas
	@$(BIN)/python -m deploy.chart.values_schema

clean:  ## Remove what was built here
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
