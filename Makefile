# The verbs of this project; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# One release build serves the tests, the simulator and the demo.
BUILD := -c release -Xswiftc -enable-testing
SEEDS ?= 1000

.PHONY: help setup build test sim demo docs clean

help: ## Lists the verbs.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: ## Installs the system libraries that are missing (Debian).
	@Scripts/setup.sh

build: setup ## Builds everything, optimised.
	swift build $(BUILD) --build-tests

test: build sim ## Runs every test, and the simulator over SEEDS seeds (1000).
	swift test $(BUILD) --skip-build --quiet

sim: build ## Runs log, platform and scheduler under planted crashes and faults, over SEEDS seeds (of the scheduler five times as many).
	.build/release/simulate $(SEEDS)

demo: build ## Runs the example of card payments step by step and leaves its server up; EXIT=1 ends it.
	Examples/fraud/run.sh

docs: build ## Writes the generated reference pages anew.
	MARTLET_RECORD_DOCS=1 swift test $(BUILD) --skip-build --quiet --filter PlanTests

clean: ## Removes what was built.
	rm -rf .build
