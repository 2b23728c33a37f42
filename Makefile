# Everything here needs Python >= 3.11 and make; the rest is set up below, pinned and hashed.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first interpreter that really runs and is new enough (a pyenv shim may exist and still fail).
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV := .venv
EMULATOR := .venv-emulator
AUDIT := .venv-audit
NODE_READY := node_modules/.ready
INFRA := .venv-infra
RUNS ?= 1000000
BIN := $(VENV)/bin
LOCK = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links -q --custom-compile-command "make lock"

.PHONY: help setup demo demo-drop sandbox test test-deploy mutants faults lint format bench bench-cold bench-waiting package image-check deploy secret undeploy fuzz audit docs lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { \
		line = sprintf("  make %-18s", $$1); \
		count = split($$2, words, " "); \
		for (i = 1; i <= count; i++) { \
			if (length(line) + 1 + length(words[i]) > 79) { print line; line = sprintf("%25s", "") } \
			line = line " " words[i]; \
		} \
		print line \
	}' $(MAKEFILE_LIST)

# One virtual environment each: the emulator pins botocore. uv installs in seconds what takes pip
# minutes; pip brings uv itself, checked by hash like everything else. One whose first set-up was
# interrupted is made anew: nobody knows what of it is there.
$(VENV)/.ready: requirements/installer.txt requirements/dev.txt pyproject.toml
	@$(call make_venv,$(VENV),requirements/dev.txt)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps -e .
	@touch $@

$(EMULATOR)/.ready: requirements/installer.txt requirements/emulator.txt
	@$(call make_venv,$(EMULATOR),requirements/emulator.txt)
	@touch $@

$(AUDIT)/.ready: requirements/installer.txt requirements/audit.txt
	@$(call make_venv,$(AUDIT),requirements/audit.txt)
	@touch $@

$(INFRA)/.ready: requirements/installer.txt requirements/infra.txt
	@$(call make_venv,$(INFRA),requirements/infra.txt)
	@touch $@

# Only deploying needs Node.js. npm checks what it fetches by the hashes of the lock file.
$(NODE_READY): package.json package-lock.json .npmrc
	@$(need_node)
	@echo "setting up node_modules …" && npm ci --silent && touch $@

.PHONY: node
node: # whether Node.js is here, and new enough
	@$(need_node)

define need_node
command -v npm >/dev/null || { echo "Deploying needs npm (Node.js 20.19 or newer), and there is none here: see https://nodejs.org, or the package nodejs of your system."; exit 1; }; \
node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a < 20 || (a === 20 && b < 19)) { console.log("Deploying needs Node.js 20.19 or newer; this is " + process.version + "."); process.exit(1) }'
endef

define make_venv
test -n "$(PYTHON)" || { echo "hautech-worker needs Python 3.11 or newer, and none of python3, python3.13, python3.12, python3.11, python is. Install one, or name it: make PYTHON=/path/to/python3 …"; exit 1; }; \
echo "setting up $(1) with $$($(PYTHON) --version) (a minute or two) …"; \
{ test -e $(1)/.ready && $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(1); } && \
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/installer.txt && \
$(1)/bin/uv pip install --quiet --python $(1)/bin/python --require-hashes -r $(2)
endef

setup: $(VENV)/.ready $(EMULATOR)/.ready ## virtual environments for everything below

# Text from the command line, for the shell as it is; in lower case, too.
given = $(if $(or $($(1)),$($(2))),--$(3) '$(subst ','\'',$(or $($(1)),$($(2))))')

demo: setup ## photos through the whole service, on this machine: make demo [GARMENT=a.png POSE=b.png]
	@$(BIN)/python -m sandbox.demo $(call given,GARMENT,garment,garment) $(call given,POSE,pose,pose) $(call given,OUT,out,out)

demo-drop: setup ## a folder of this machine as a drop folder, until Ctrl-C: make demo-drop [FOLDER=folder] [ONCE=1]
	@$(BIN)/python -m sandbox.drop $(call given,FOLDER,folder,folder) $(if $(call yes,ONCE),--once)

# ENV from the command line only: in the environment it is the start-up file of the user's shell.
sandbox: setup ## the service on this machine until Ctrl-C, to play with: make sandbox [ENV=file]
	@$(BIN)/python -m sandbox $(if $(findstring command line,$(origin ENV)),$(call given,ENV,ENV,env))

test: setup ## all tests but the ones that spend credits
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/deploy $(PYTEST)

test-deploy: setup $(NODE_READY) ## deploy the real zip to an emulator that enforces permissions, and try everything
	@$(MAKE) --no-print-directory package ARCH=native
	$(BIN)/python -m pytest tests/deploy $(PYTEST)

mutants: setup ## take each guard out, in a copy, and see that a test notices
	$(BIN)/python -m tests.mutants

lint: setup ## style, types, import directions, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infra/*.yml
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck .ci/run

.PHONY: check-infra
check-infra: $(INFRA)/.ready ## templates against rules of security; reasons in .checkov.yaml
	$(INFRA)/bin/checkov --config-file .checkov.yaml

format: setup ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## speed, calls and memory of a worker against the sandbox
	$(BIN)/python -m bench

bench-waiting: setup $(NODE_READY) ## what waiting costs on Lambda, from the real package on the emulator; needs npm
	@$(MAKE) --no-print-directory package ARCH=native
	$(BIN)/python -m bench.waiting

package: $(VENV)/.ready ## the zip for Lambda: make package [ARCH=arm64|x86_64|native] [PY=3.13] [PYCS=no]
	@$(BIN)/python -m infra.lambda_package $(call given,ARCH,arch,arch) $(call given,PY,py,python) \
		$(if $(filter no,$(PYCS)),--no-pycs)

# An empty stage is a slip of whoever typed `STAGE=$X`, or exported it so, and must not mean `dev`.
given_stage = $(foreach name,STAGE stage,$(if $(filter undefined,$(origin $(name))),,$(if $(strip $($(name))),,$(error $(name) is empty: name a stage, or leave $(name) out for dev))))$(call given,STAGE,stage,stage)

# 1, yes or true is a yes; 0, no, false or nothing is a no; all else is a slip.
yes = $(if $(filter-out 1 yes true 0 no false,$($(1))),$(error $(1)=$($(1)): must be 1, or nothing))$(filter 1 yes true,$($(1)))

# What is lost for good is said on the command line; in the environment it may be of another day.
removed = $(if $(call yes,RESOURCES),--resources) $(if $(findstring command line,$(origin FORCE)),$(if $(call yes,FORCE),--force))

# The secret of a deployment from the command line only: `.deployed/STAGE.env` exports that of another stage.
own_secret = $(if $(findstring command line,$(origin HAUTECH_SECRET_ARN)),$(call given,HAUTECH_SECRET_ARN,secret,secret-arn))

given_params = $(call given,PARAMS,params,params) $(call given,RESOURCE_PARAMS,resource_params,resource-params) $(call given,MONITORING_PARAMS,monitoring_params,monitoring-params)

# The zip is made between the look at the account and the first thing that is created there. npm is
# looked for before all: whoever has none should not be asked for a token first.
deploy: $(VENV)/.ready ## to AWS Lambda: make deploy [STAGE=dev] [HAUTECH_SECRET_ARN=…] [PARAMS="memoryMb=1024 …"] [RESOURCE_PARAMS="…"] [MONITORING_PARAMS="AlarmEmail=…"]
	@$(need_node)
	@$(BIN)/python -m infra.deployment preflight $(given_stage) $(own_secret) $(given_params)
	@$(MAKE) --no-print-directory $(NODE_READY) package
	@$(BIN)/python -m infra.deployment deploy $(given_stage) $(own_secret) $(given_params)

secret: $(VENV)/.ready ## store the Hautech token in Secrets Manager: asks for it, or reads stdin [STAGE=dev]
	@$(BIN)/python -m infra.deployment secret $(given_stage)

undeploy: $(VENV)/.ready $(NODE_READY) ## remove the functions [STAGE=dev]; with RESOURCES=1 all but buckets with data [FORCE=1]
	@$(BIN)/python -m infra.deployment undeploy $(given_stage) $(removed)

.PHONY: deploy-container undeploy-container
deploy-container: $(VENV)/.ready ## to Fargate: make deploy-container IMAGE=… VPC=… SUBNETS=a,b [STAGE=dev] [HAUTECH_SECRET_ARN=…] [PARAMS="TaskSize=…"] [RESOURCE_PARAMS="…"] [MONITORING_PARAMS="…"]
	@$(BIN)/python -m infra.deployment deploy-container $(given_stage) $(own_secret) \
		$(call given,IMAGE,image,image) $(call given,VPC,vpc,vpc) $(call given,SUBNETS,subnets,subnets) \
		$(given_params)

undeploy-container: $(VENV)/.ready ## remove the service [STAGE=dev]; with RESOURCES=1 all but buckets with data [FORCE=1]
	@$(BIN)/python -m infra.deployment undeploy-container $(given_stage) $(removed)

bench-cold: $(VENV)/.ready ## how long the Lambda functions take to start, next to the same by hand
	@$(BIN)/python -m bench.cold_start

image-check: setup ## build both images and run them, as root, without Docker [BASE_IMAGE=…] [CA_BUNDLE=…]
	$(BIN)/python -m tests.image $(call given,BASE_IMAGE,base_image,base-image) $(call given,CA_BUNDLE,ca_bundle,ca-bundle)

faults: setup ## every fault against the promises; writes docs/reference/faults.md [ONLY="matrix"]
	$(BIN)/python -m tests.faults $(if $(ONLY),--only $(ONLY))

docs: setup ## write the generated parts of docs/reference
	$(BIN)/python -m tests.docs.generate

fuzz: setup ## a million odd inputs for everything that reads what others wrote: make fuzz [RUNS=…]
	@$(BIN)/python -m tests.fuzz --runs $(RUNS)

audit: setup $(AUDIT)/.ready ## known weaknesses of the pinned dependencies; needs a database of them
	@$(BIN)/python -m tests.audit $(AUDIT)/bin/pip-audit

lock: ## resolve the dependencies again (needs uv)
	$(LOCK) $(UPGRADE) pyproject.toml -o requirements/runtime.txt
	$(LOCK) $(UPGRADE) pyproject.toml --group dev -o requirements/dev.txt
	$(LOCK) $(UPGRADE) -c requirements/runtime.txt --group lambda -o requirements/lambda.txt
	$(LOCK) $(UPGRADE) -c requirements/runtime.txt --group lambda-image -o requirements/lambda-image.txt
	$(LOCK) $(UPGRADE) --group build -o requirements/build.txt
	$(LOCK) $(UPGRADE) --group emulator -o requirements/emulator.txt
	$(LOCK) $(UPGRADE) --group audit -o requirements/audit.txt
	$(LOCK) $(UPGRADE) --group infra -o requirements/infra.txt

clean: ## remove what the targets made
	rm -rf $(VENV) $(EMULATOR) $(AUDIT) $(INFRA) build dist node_modules .serverless demo-output .demo-output.unfinished-* .sandbox \
		demo-drop/results demo-drop/.results.json demo-drop/contact-sheet demo-drop/.contact-sheet.unfinished-* \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
