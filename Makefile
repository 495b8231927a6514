# The commands of users, developers and CI.  `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3; do command -v $$one >/dev/null && $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet  # errors only: its warnings are about the machine
WORKERS ?= 3
# where Python may not keep what it compiles, each process that a test or benchmark starts compiles the program anew
test coverage test-cloud bench bench-cloud: export PYTHONDONTWRITEBYTECODE :=

.PHONY: explore help install install-cloud install-dev run serve test coverage test-cloud check check-terraform lint-terraform facts format lock screenshot bench bench-cloud plan deploy environment destroy lock-providers clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed ## install the locked dependencies and the costwire command into .venv
install-cloud: .venv/.installed-cloud ## the same with Google Cloud's SDKs, to operate a deployment
install-dev: .venv/.installed-dev ## the same with the dependencies of tests and linters

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Costwire needs Python 3.11 or newer; none was found" >&2; exit 1; }
	@echo "making .venv with $(PYTHON)" >&2
	@$(PYTHON) -m venv .venv

.venv/.installed: requirements.lock pyproject.toml | .venv/bin/python
	@echo "installing the locked dependencies" >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-cloud: requirements-cloud.lock pyproject.toml | .venv/bin/python
	@echo "installing the locked dependencies, with those of a deployment" >&2
	@$(PIP) install --require-hashes -r requirements-cloud.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ .venv/.installed

.venv/.installed-dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	@echo "installing the locked dependencies, with those of tests and linters"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ .venv/.installed .venv/.installed-cloud

run: install ## run the whole pipeline on the bills in costwire/samples/, in a fresh state folder
	@$(BIN)/costwire demo

# over the samples where nothing was imported yet
serve: install ## serve the dashboard and the HTTP API on this machine, over $$COSTWIRE_HOME or ./.costwire, else over the samples
	@$(BIN)/costwire serve $(if $(COSTWIRE_HOME)$(wildcard .costwire),,--samples)

SUITE := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=10

test: install-dev ## run the whole suite that needs no cloud account
	$(SUITE)

explore: install-dev ## run the property tests on examples of this run's own; whoever finds one adds it to its test
	EXPLORE=1 $(SUITE) $$(grep -rlE "@given|@FEW|RuleBasedStateMachine" tests --include="test_*.py")

coverage: install-dev ## the same, and say which lines and branches it did not reach
	@rm -f .coverage .coverage.*
	$(SUITE) --cov --cov-report=term:skip-covered

test-cloud: install-dev ## run the contract tests and the whole flow against emulators; REQUIRE=1 fails where one is not available
	$(BIN)/python -m tests.emulators $(if $(REQUIRE),--require-all) -- $(BIN)/python -m tests.emulators.suite

check: install-dev ## run linters and type checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini
	$(BIN)/sqlfluff lint --disable-progress-bar common functions

format: install-dev ## format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install-dev ## run the benchmarks, with ratios against stated peers; needs 8 GB of disk
	$(BIN)/python -m benchmarks

bench-cloud: install-dev ## benchmark on the emulators: seconds from landed to alert, 200 deliveries of 50 tenants at once; then simulate a day of 1,000
	$(BIN)/python -m tests.emulators --only pubsub,firestore,storage,bigquery,google_grpc --require-all -- $(BIN)/python -m benchmarks.cloud
	$(BIN)/python -m benchmarks.thousand_tenants

lock: ## update the lock files (needs uv)
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --universal --extra build pyproject.toml -o requirements.lock
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --universal --extra build --extra cloud --extra aws --extra azure pyproject.toml -o requirements-cloud.lock
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --universal --extra build --extra cloud --extra aws --extra azure --extra dev pyproject.toml -o requirements-dev.lock

facts: install-dev ## write terraform/facts.json and the table of docs/permissions.md from the code and terraform/
	$(BIN)/python -m deployment.facts
	$(BIN)/python -m tests.terraform.permissions

screenshot: install-dev ## write docs/demo.svg, the picture in the README of what make run prints
	@$(BIN)/python -m deployment.screenshot

check-terraform: install-dev lint-terraform ## check terraform/ against the code, the provider's schema and checkov
	$(BIN)/python -m pytest -q tests/unit/test_terraform*.py

lint-terraform: .emulators/checkov/.installed  # what make test does not run already
	@if command -v terraform >/dev/null; then terraform fmt -check -recursive terraform; else echo "not run: terraform is not installed"; fi
	.emulators/checkov/bin/checkov -d terraform --config-file terraform/.checkov.yaml

.emulators/checkov/.installed: tests/terraform/checkov.lock | .venv/bin/python
	@echo "installing checkov in an environment of its own"
	@$(BIN)/python -m venv --clear .emulators/checkov
	@.emulators/checkov/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r tests/terraform/checkov.lock
	@touch $@

ENV_FILE ?= terraform/evaluation.tfvars
DEPLOYMENT = $(BIN)/python -m deployment.deploy
IN_PROJECT = --project "$(PROJECT)" --variables "$(ENV_FILE)"

plan: install ## show what a deployment would change, and change nothing: PROJECT=my-project ENV_FILE=terraform/evaluation.tfvars
	@$(DEPLOYMENT) plan $(IN_PROJECT)

deploy: install-cloud ## deploy or upgrade the platform after confirmation: PROJECT=my-project ENV_FILE=terraform/evaluation.tfvars; YES=1 skips the confirmation
	@$(DEPLOYMENT) apply $(IN_PROJECT) $(if $(YES),--yes)

environment: install ## print the variables that a shell needs to work on a deployment: eval "$$(make -s environment PROJECT=my-project)"
	@$(DEPLOYMENT) environment $(IN_PROJECT)

destroy: install ## remove the platform after the project's name is typed: PROJECT=my-project ENV_FILE=terraform/evaluation.tfvars
	@$(DEPLOYMENT) destroy $(IN_PROJECT)

lock-providers: ## write the digests of Terraform's providers for Linux and macOS into terraform/.terraform.lock.hcl; needs the internet
	terraform -chdir=terraform providers lock -platform=linux_amd64 -platform=linux_arm64 -platform=darwin_amd64 -platform=darwin_arm64

clean: ## remove what the targets created
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
