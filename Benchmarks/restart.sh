#!/usr/bin/env bash
# How long a server takes to be ready again: 'martlet up' to the first 200 of /readyz, after kill -9 and after a clean stop,
# with so many events in the log.
#
#   Benchmarks/restart.sh [EVENTS [REPEATS]]
#
# Needs curl and a built program (make build).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MARTLET=${MARTLET:-$here/.build/release/martlet}
events=${1:-2000000}
repeats=${2:-3}
folder=$(mktemp -d "${TMPDIR:-/tmp}/martlet-bench.XXXXXX")
server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"; }
trap finish EXIT
cp -r "$here/Examples/fraud" "$folder/fraud"
cd "$folder/fraud"

# A customer of the generator pays about 1.92 times a day; what is too much is cut off.
customers=$((events / 180 + 100))
"$MARTLET" demo data --customers $customers --terminals $((2 * customers)) --days 100 --output "$folder/all.csv" >/dev/null
head -$((events + 1)) "$folder/all.csv" > "$folder/history.csv"
"$MARTLET" apply >/dev/null
"$MARTLET" ingest transactions "$folder/history.csv" >/dev/null
echo "$(($(wc -l < "$folder/history.csv") - 1)) events, $(du -sm .martlet/log | cut -f1) MB of log, $(du -sm .martlet/features | cut -f1) MB of snapshots"
rm "$folder"/*.csv

# Starts the server, and prints the seconds until it is ready.
start() {
    local port=$((20000 + RANDOM % 20000)) began=$EPOCHREALTIME
    "$MARTLET" up --port $port > "$folder/out" 2>> "$folder/log" &
    server=$!
    until curl -sf -o /dev/null "http://127.0.0.1:$port/readyz"; do
        kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
        sleep 0.01
    done
    local ended=$EPOCHREALTIME
    awk -v a="$began" -v b="$ended" -v what="$1" -v hertz="$(getconf CLK_TCK)" \
        '{ printf "%-22s %.2f s to /readyz, %.2f CPU s\n", what, b - a, ($14 + $15) / hertz }' "/proc/$server/stat"
}
stop() { kill "-$1" "$server"; wait "$server" 2>/dev/null || true; server=; }

start "first start"
for _ in $(seq "$repeats"); do
    stop KILL
    start "after kill -9"
done
for _ in $(seq "$repeats"); do
    stop TERM
    start "after a clean stop"
done
stop TERM
