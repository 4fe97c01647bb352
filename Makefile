# Kindling's commands. `make` alone lists them.
# Only `tests/lab` and installing Debian packages need root; they use sudo.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
LAB := $(BIN)/python tests/lab/lab.py
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Compile once, not at each of a thousand starts of Ansible
unexport PYTHONDONTWRITEBYTECODE

COLLECTIONS := .ansible/collections/ansible_collections
DEMO := .cache/lab/demo

# The container image. Podman runs as root, because DHCP needs the host's own network
CONTAINER_ENGINE ?= $(if $(shell command -v podman),$(if $(filter-out 0,$(shell id -u)),sudo) podman,docker)
COMPOSE_VARIABLES := $(shell grep -o '\$${[A-Z_]*' docker-compose.yml | tr -d '$${' | sort -u | paste -sd,)
COMPOSE ?= $(if $(findstring podman,$(CONTAINER_ENGINE)),$(if $(findstring sudo,$(CONTAINER_ENGINE)),sudo \
  --preserve-env=$(COMPOSE_VARIABLES)) $(abspath $(BIN))/podman-compose,docker compose)
BASE ?= debian:12-slim
IMAGE ?= localhost/kindling
# The base: its name, and its digest if BASE=NAME@sha256:... gives one
BASE_NAME := $(firstword $(subst @, ,$(BASE)))
BASE_DIGEST := $(word 2,$(subst @, ,$(BASE)))
VERSION := $(shell sed -n 's/^version: //p' galaxy.yml)
# All dates within the image: two builds of one commit are the same
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
WHEELS := .cache/container/wheels

.PHONY: new explain help setup python inventory runnable lock advisories validate build run push buildpush registry lab-setup demo demo-down test test-long test-fast lint unit-setup unit unit-fast bench collection clean inclusion newer changelog docs

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: python .venv/ready $(COLLECTIONS)/kindling/flatcar $(COLLECTIONS)/community/general/MANIFEST.json ## Install Ansible and the tools into .venv

# Before anything is started: a Python that is too old, or a .venv whose Python no longer exists
python:
	@if [ -e .venv/ready ]; then $(BIN)/python -c 'import ansible' 2>/dev/null || { \
	  echo ".venv does not work: it was moved, or its Python is gone. Rebuild it: rm -rf .venv && make setup" >&2; exit 2; }; \
	else python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Kindling needs Python 3.11 or newer; $$(command -v python3) is $$(python3 --version 2>&1). Install one, and put it first in PATH" >&2; \
	  exit 2; }; fi

.venv/ready: requirements.txt
	@tests/install-packages.sh python3-venv
	python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements.txt
	@touch $@

# The checkout is the collection: Ansible finds it by its full name through this link
$(COLLECTIONS)/kindling/flatcar:
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@

$(COLLECTIONS)/community/general/MANIFEST.json: | .venv/ready
	@mkdir -p .ansible/collections
	@tests/install-collections.sh .ansible/collections

lock: setup ## Regenerate requirements.txt from requirements.in and pip's index of today
	python tests/lock.py

advisories: setup ## List newer versions, and known vulnerabilities of those in use (needs the Internet; not part of make test)
	@python tests/advisories.py

# The inventory is never guessed
inventory:
	@[ -n "$(INVENTORY)" ] || { echo "Say which inventory: make $(or $(MAKECMDGOALS),validate) INVENTORY=inventories/example" >&2; exit 2; }
	@[ -e "$(INVENTORY)" ] || { echo "There is no inventory $(INVENTORY) in $(CURDIR). Those that exist: $(wildcard inventories/*/)" >&2; exit 2; }

new: setup ## Write an inventory, from answers: make new INVENTORY=inventories/mine (EXTRA="-e new_machines=FILE.csv")
	@ansible-playbook -i localhost, playbooks/new.yml $(if $(INVENTORY),-e new_inventory=$(INVENTORY)) $(EXTRA)

explain: inventory setup ## Print a node's Butane or Ignition: make explain INVENTORY=inventories/mine NODE=a01 FORMAT=ignition
	@[ -n "$(NODE)" ] || { echo "Say which node: make explain INVENTORY=$(INVENTORY) NODE=a01" >&2; exit 2; }
	@ansible-playbook -i $(INVENTORY) playbooks/explain.yml --limit $(NODE) -e explain_format=$(or $(FORMAT),butane) \
	  -e explain_output=/dev/fd/3 $(EXTRA) 3>&1 >&2

validate: inventory setup ## Check an inventory: make validate INVENTORY=inventories/example
	@ansible-playbook -i $(INVENTORY) playbooks/validate.yml $(EXTRA)

build: setup $(WHEELS)/ready ## Build the boot server's container image, with podman or CONTAINER_ENGINE=docker
	$(CONTAINER_ENGINE) build --file container/Containerfile --build-arg BASE=$(BASE) \
	  --build-arg SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(if $(findstring podman,$(CONTAINER_ENGINE)),--timestamp $(SOURCE_DATE_EPOCH)) \
	  --label org.opencontainers.image.title=kindling --label org.opencontainers.image.version=$(VERSION) \
	  --label org.opencontainers.image.licenses=GPL-3.0-or-later --label org.opencontainers.image.base.name=$(BASE_NAME) \
	  $(if $(BASE_DIGEST),--label org.opencontainers.image.base.digest=$(BASE_DIGEST)) --tag $(IMAGE):$(VERSION) --tag $(IMAGE):latest $(BUILD_FLAGS) .

$(WHEELS)/ready: container/requirements.txt | setup
	@rm -rf $(WHEELS)
	@mkdir -p $(WHEELS)
	$(BIN)/pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --dest $(WHEELS) \
	  --requirement container/requirements.txt
	@touch $@

# What would fail in the container, which would restart again and again
runnable:
	@$(CONTAINER_ENGINE) image inspect $(IMAGE):latest >/dev/null 2>&1 || { \
	  echo "There is no image $(IMAGE):latest: make build builds it, or name another one with IMAGE=" >&2; exit 2; }
	@hosts=$$(ansible 'boot_hosts$(if $(KINDLING_HOST),:&$(KINDLING_HOST))' --inventory $(INVENTORY) --list-hosts 2>/dev/null | tail -n +2 | xargs); \
	set -- $$hosts; [ $$# = 1 ] || { echo "The inventory $(INVENTORY) has $$# boot hosts$${hosts:+ ($$hosts)}, and this machine is one:" \
	  "set the environment variable KINDLING_HOST to its name" >&2; exit 2; }

run: inventory setup runnable ## Run it on this machine: make run INVENTORY=inventories/mine
	INVENTORY=$(abspath $(INVENTORY)) KINDLING_IMAGE=$(IMAGE):latest $(COMPOSE) up

registry:
	@[ -n "$(REGISTRY)" ] || { echo "Say where to: make push REGISTRY=registry.example.com/team" >&2; exit 2; }

push: registry ## Push the image: make push REGISTRY=registry.example.com/team
	$(CONTAINER_ENGINE) tag $(IMAGE):$(VERSION) $(REGISTRY)/kindling:$(VERSION)
	$(CONTAINER_ENGINE) push $(REGISTRY)/kindling:$(VERSION)

buildpush: registry ## Build the image and push it
	@$(MAKE) build
	@$(MAKE) push

lab-setup: setup
	@sed 's/#.*//' tests/lab/packages.txt | xargs tests/install-packages.sh
	@$(LAB) release

demo: lab-setup ## Boot a virtual rack from a boot host that the roles made (EXTRA="-e key=value" is for Ansible)
	@$(LAB) up demo
	ansible-playbook -i inventories/demo playbooks/site.yml $(EXTRA)
	@ansible-playbook -i inventories/demo tests/lab/expect.yml -e expected=$(CURDIR)/$(DEMO)/nodes.json $(EXTRA) > $(DEMO)/expect.log \
	  || { cat $(DEMO)/expect.log; false; }
	@$(LAB) boot demo --nodes $(DEMO)/nodes.json

demo-down: ## Remove everything that the demo made
	@if [ -x $(BIN)/python ]; then $(LAB) down demo; fi

test: setup ## Run every test, or parts of them: make test SCENARIO="boot install" (tests/README.md lists them)
	@python tests/suite $(SCENARIO)

test-long: setup ## Run every test with all its repetitions, and machines' long lifecycles on both Debian releases: hours
	@python tests/suite --long $(SCENARIO)

test-fast: setup ## Run the fast checks: lint, and the unit tests that start no program
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint unit-fast

unit-fast: setup
	pytest --numprocesses 2 --dist loadfile -m 'not slow'

lint: setup
	ruff check .
	ruff format --check .
	yamllint --strict .
	ansible-lint --config-file .config/ansible-lint.yml
	check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	antsibull-changelog lint
	antsibull-changelog generate --output .cache/CHANGELOG.md
	diff CHANGELOG.md .cache/CHANGELOG.md  # make changelog writes it
	python tests/inclusion docs

inclusion: setup ## Check the collection's archive like Galaxy and the Ansible package do
	python tests/inclusion

newer: lab-setup ## Run the unit tests that start no program on the newest ansible-core, with Debian 13's Python
	python tests/newer

# Needs no network: links to other sites are not fetched. A warning is an error
docs: setup ## Build the documentation site, .cache/docs/html
	@rm -rf docs/collections
	@install --directory --mode 0755 docs/collections
	antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --dest-dir docs/collections kindling.flatcar
	sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs --doctree-dir .cache/docs/doctrees . .cache/docs/html
	@echo "The site is $(CURDIR)/.cache/docs/html/index.html"

unit-setup: setup
	@sed 's/#.*//' tests/packages.txt | xargs tests/install-packages.sh
	@tests/unpack-packages.sh .cache/dhcp-servers isc-dhcp-server kea-dhcp4-server

# More processes than cores: many tests wait for answers. What a file sets up once is set up in one process
unit: unit-setup
	pytest --numprocesses 4 --dist loadfile

bench: setup ## Measure the transpiler, validation, publishing, images and a storm (on a machine with nothing else to do)
	python tests/bench/butane.py
	python tests/bench/validate.py
	python tests/bench/publish.py
	python tests/bench/images.py
	python tests/bench/storm.py
	python tests/bench/hostile.py
	python tests/bench/records.py
	python tests/bench/journey.py

changelog: setup ## Move changelogs/fragments into the release that galaxy.yml names, and write CHANGELOG.md
	antsibull-changelog release --update-existing --reload-plugins --refresh-plugins

collection: setup ## Build the collection's archive from the files in git
	python tests/inclusion/archive.py .

clean: ## Remove everything that is not in git, and what the lab cached
	@if [ -x $(BIN)/python ]; then $(LAB) clean; fi
	rm -rf .venv .ansible .cache .pytest_cache
