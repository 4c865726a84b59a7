# The two commands of a newcomer are `make quickstart` and `make test`; the second call installs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all

.PHONY: quickstart fashion test lint format docs clean

quickstart: $(VENV)/.installed
	@$(BIN)/prunepipe run quickstart --cores $(CORES)

fashion: $(VENV)/.installed
	@$(BIN)/prunepipe run fashion --cores $(CORES)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

docs: $(VENV)/.installed
	$(BIN)/python -m prunepipe.study.reference config

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("prunepipe needs Python >= 3.11; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing prunepipe, torch and Snakemake into $(VENV), which takes some minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build src/prunepipe.egg-info

.PHONY: docs-site
docs-site: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints.txt --editable '.[docs]'
	touch $@

# A hundred random kill -9 during studies; compares what is left with an undisturbed run.
KILLS ?= 100
.PHONY: test-faults
test-faults: $(VENV)/.installed-dev
	$(BIN)/python tests/faults/kill_study.py --kills $(KILLS)

# A real Slurm with four pretend GPUs on this machine, for the length of the tests; needs root on Debian or Ubuntu.
.PHONY: test-slurm slurm-install
test-slurm: slurm-install $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints.txt --editable '.[slurm]'
	$(BIN)/python -m pytest tests/slurm -m slurm

slurm-install:
	$(PYTHON) tests/slurm/cluster.py install

.PHONY: benchmark equivalence gpu-check
gpu-check: $(VENV)/.installed-dev  ## at most 8 minutes on a GPU: tests and measurements; QUICK=--quick runs it small, also on a CPU
	$(BIN)/python benchmarks/gpu_check.py $(QUICK)

benchmark: $(VENV)/.installed-dev  ## measure everything that should be fast; writes docs/benchmarks.md
	$(BIN)/python benchmarks/benchmark.py

equivalence: $(VENV)/.installed-dev  ## do the faster ways to train change the accuracy? writes docs/equivalence.md
	$(BIN)/python benchmarks/equivalence.py

# Rewrites what README and docs show of a study, from its results.
STUDY ?= config/cifar10_small.yaml
RESULTS ?= results
.PHONY: show-results
show-results: $(VENV)/.installed-dev
	$(BIN)/python docs/drawings/show_results.py $(STUDY) $(RESULTS) --processor "$(PROCESSOR)"
