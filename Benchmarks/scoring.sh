#!/usr/bin/env bash
# Scoring: our own code against the XGBoost library's, for the same model of 200 trees of depth 6 over 15 features, in one
# thread and one process: 50,000 rows at once, and 2,000 rows one by one. The answers must be equal bit for bit.
#
#   Benchmarks/scoring.sh
#
# Times are CPU seconds of the thread, the best of seven alternating runs. Needs the built tests (make build) and XGBoost's
# library (see 'martlet doctor'); prints a block for each version of it that is found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$(MARTLET_BENCHMARK=1 swift test -c release -Xswiftc -enable-testing --skip-build --filter TrainingTests.ScoringSpeedTests 2>&1) || {
    echo "$out" | tail -20 >&2
    exit 1
}
figures=$(grep -E '^ *(XGBoost|batch|single|contributions) ' <<< "$out") || {
    echo "no figures: XGBoost's library was not found; 'martlet doctor' says how to get it" >&2
    exit 1
}
echo "$figures"
