# `make` lists what can be done. Everything needs only Python 3.11 and make: the rest goes into .venv by itself.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
RUN := $(PYTHON) deploy/bootstrap.py requirements.txt
DEV := $(PYTHON) deploy/bootstrap.py deploy/requirements/dev.txt
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
LOCKS := deploy/requirements

.DEFAULT_GOAL := help
.PHONY: help run test unit browser check fix bench lock messages clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start everything on this machine (PORT=8001 make run: on another port)
	@exec $(RUN) manage.py up

test: ## run all tests, the fast ones first
	@$(DEV) deploy/steps.py test

unit: ## run only the fast tests
	@$(DEV) deploy/steps.py test unit

browser: ## run only the tests that drive a browser
	@$(DEV) deploy/steps.py test browser

check: ## formatting, lint, types, import contracts, templates, migrations, translations
	@$(DEV) deploy/steps.py check

fix: ## put right what the tools can put right themselves
	@$(DEV) deploy/steps.py fix

bench: ## measure: pages, functions, builds
	@$(DEV) -m tests.bench

lock: ## resolve deploy/requirements/*.in anew into the lock files (needs uv)
	$(LOCK) $(LOCKS)/base.in -o requirements.txt
	$(LOCK) $(LOCKS)/dev.in -o $(LOCKS)/dev.txt
	$(LOCK) $(LOCKS)/toolchain.in -o $(LOCKS)/toolchain.txt
	$(LOCK) $(LOCKS)/uv.in -o $(LOCKS)/uv.txt

messages: ## collect texts to translate and compile translations (needs gettext)
	@$(DEV) deploy/translations.py write

clean: ## remove what can be made again; the data folder stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis staticfiles test-results
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
