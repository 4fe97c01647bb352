# Kindling's commands. `make` alone lists them.
# Only `tests/lab` and the installing of Debian packages need root; they ask for it by sudo.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
LAB := $(BIN)/python tests/lab/lab.py
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

COLLECTIONS := .ansible/collections/ansible_collections
INVENTORY ?= inventories/example
DEMO := .cache/lab/demo

.PHONY: help setup validate lab-setup demo demo-down test test-fast lint unit molecule bench collection clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready $(COLLECTIONS)/kindling/flatcar $(COLLECTIONS)/community/general/MANIFEST.json ## Install Ansible and the tools into .venv

.venv/ready: requirements.txt
	@tests/install-packages.sh python3-venv
	python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

# The checkout is the collection: Ansible finds it by its full name through this link
$(COLLECTIONS)/kindling/flatcar:
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@

$(COLLECTIONS)/community/general/MANIFEST.json: | .venv/ready
	@mkdir -p .ansible/collections
	@tests/install-collections.sh .ansible/collections

validate: setup ## Check an inventory: make validate INVENTORY=inventories/example
	@ansible-playbook -i $(INVENTORY) playbooks/validate.yml $(EXTRA)

lab-setup: setup
	@sed 's/#.*//' tests/lab/packages.txt | xargs tests/install-packages.sh
	@$(LAB) release

demo: lab-setup ## Boot a virtual rack from a boot host that the roles made (EXTRA="-e key=value" is for Ansible)
	@$(LAB) up demo
	ansible-playbook -i inventories/demo playbooks/site.yml $(EXTRA)
	@ansible-playbook -i inventories/demo tests/lab/expect.yml -e expected=$(CURDIR)/$(DEMO)/nodes.json $(EXTRA) > $(DEMO)/expect.log \
	  || { cat $(DEMO)/expect.log; false; }
	@$(LAB) boot demo --nodes $(DEMO)/nodes.json

demo-down: ## Remove all that the demo made
	@if [ -x $(BIN)/python ]; then $(LAB) down demo; fi

test: lint unit molecule ## Run every test

test-fast: lint ## Run what takes seconds: lint, and the unit tests that start nothing
	pytest --numprocesses 2 -m 'not slow'

lint: setup
	ruff check .
	ruff format --check .
	yamllint --strict .
	ansible-lint --config-file .config/ansible-lint.yml

unit: setup
	@sed 's/#.*//' tests/packages.txt | xargs tests/install-packages.sh
	pytest --numprocesses 2

molecule: lab-setup
	molecule test --scenario-name default
	molecule test --scenario-name boot

bench: setup ## Measure the transpiler, validation, publishing, images and a storm (on a machine with nothing else to do)
	python tests/bench/butane.py
	python tests/bench/validate.py
	python tests/bench/publish.py
	python tests/bench/images.py
	python tests/bench/storm.py

collection: setup ## Build the collection's archive
	ansible-galaxy collection build --force

clean: ## Remove everything that is not in git, and what the lab cached
	@if [ -x $(BIN)/python ]; then $(LAB) clean; fi
	rm -rf .venv .ansible .cache .pytest_cache
