# The verbs of this project; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# One release build serves the tests, the simulator and the demo.
BUILD := -c release -Xswiftc -enable-testing
SIM_SEEDS ?= 1000

.PHONY: help setup build test

help: ## Lists the verbs.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## Installs the system libraries that are missing (Debian).
	@Scripts/setup.sh

build: setup ## Builds everything, optimised.
	swift build $(BUILD) --build-tests

test: build ## Runs every test.
	swift test $(BUILD) --skip-build --quiet
