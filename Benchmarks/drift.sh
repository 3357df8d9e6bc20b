#!/usr/bin/env bash
# Drift of 30 columns of 1 M rows: exact Kolmogorov-Smirnov and PSI, by Martlet, SciPy, NannyML and Evidently on the same columns in
# one run; the statistics must equal SciPy's to 1e-12, or the run fails. And what a streaming profile costs a number.
#
#   Benchmarks/drift.sh [ROWS [COLUMNS [REPEATS]]]
#
# What is compared stands at the top of drift.py. Installs the peers from PyPI into a temporary folder, each in an environment of its
# own, and says which it could not. PEERS="scipy nannyml" leaves others out. DRIFT=… takes a built program instead of building one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PYTHON=${PYTHON:-python3}
rows=${1:-1000000} columns=${2:-30} repeats=${3:-3}

folder=$(mktemp -d "${TMPDIR:-/tmp}/martlet-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
if [ -z "${DRIFT:-}" ]; then
    swift build -c release --package-path "$here/Drift" >&2
    DRIFT=$here/Drift/.build/release/Drift
fi
install() { "$PYTHON" -m venv "$folder/$1" && "$folder/$1/bin/pip" install -q "${@:2}" >"$folder/log" 2>&1; }
install scipy scipy || { echo "this benchmark needs SciPy, which could not be installed:" >&2; tail -3 "$folder/log" >&2; exit 1; }
"$folder/scipy/bin/python" "$here/drift.py" prepare "$folder" "$rows" "$columns"
"$DRIFT" "$folder" "$columns" "$repeats"
for peer in ${PEERS:-scipy nannyml evidently}; do
    case $peer in scipy) needs=() ;; nannyml) needs=(nannyml statsmodels plotly) ;; evidently) needs=(evidently "pandas<3") ;; *) echo "there is no peer '$peer'; there are scipy, nannyml and evidently" >&2; exit 1 ;; esac
    if [ ${#needs[@]} -gt 0 ] && ! install "$peer" "${needs[@]}"; then
        echo "$peer could not be installed and is left out: $(tail -1 "$folder/log")"
        continue
    fi
    forms=("$peer")
    [ "$peer" != nannyml ] || forms+=(nannyml-binned)
    for form in "${forms[@]}"; do
        "$folder/$peer/bin/python" "$here/drift.py" "$form" "$folder" "$columns" 2>"$folder/log" ||
            echo "$form failed and is left out: $(tail -1 "$folder/log")"
    done
done
"$folder/scipy/bin/python" "$here/drift.py" compare "$folder"
