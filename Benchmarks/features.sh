#!/usr/bin/env bash
# Features of a training set, 12 windows a payment: the engine, pandas, Polars and DuckDB on the same columns in one run.
# What each computes stands at the top of features.py. Counts must be equal, means to 1e-9, or the run fails.
#
#   Benchmarks/features.sh [REPEATS]
#
# Takes fraud_handbook/transactions.csv.gz of the folder that MARTLET_DATA names, or else data of `martlet demo data`.
# Needs a Python with pandas, polars, duckdb and pyarrow (PYTHON=…), and for the demo's data a built program (make build).
# With valgrind installed it also counts heap allocations.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
MARTLET=${MARTLET:-$here/../.build/release/martlet}
PYTHON=${PYTHON:-python3}
repeats=${1:-3}
"$PYTHON" -c 'import duckdb, pandas, polars, pyarrow' || { echo "this benchmark needs pandas, polars, duckdb and pyarrow" >&2; exit 1; }

folder=$(mktemp -d "${TMPDIR:-/tmp}/martlet-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
source=${MARTLET_DATA:+$MARTLET_DATA/fraud_handbook/transactions.csv.gz}
if [ -z "$source" ]; then
    source=$folder/payments.csv
    "$MARTLET" demo data --customers 5000 --terminals 10000 --days 146 --end 2026-01-01T00:00:00Z --output "$source" >/dev/null
fi
swift build -c release --package-path "$here/FeatureReplay" >&2
replay=$here/FeatureReplay/.build/release/FeatureReplay

"$PYTHON" "$here/features.py" prepare "$source" "$folder"
"$replay" "$folder" "$repeats"
for peer in pandas polars duckdb; do "$PYTHON" "$here/features.py" "$peer" "$folder" "$repeats"; done
"$PYTHON" "$here/features.py" compare "$folder"

if command -v valgrind >/dev/null; then
    # Two lengths in as many batches: what differs is what events cost.
    allocations() { valgrind "$replay" "$folder" 1 "$1" "$2" 2>&1 | awk '/total heap usage/ { gsub(",", "", $5); print $5 }'; }
    echo "heap allocations: $(allocations 20000 5000) for 20000 events, $(allocations 40000 10000) for 40000 in as many batches"
fi
