#!/usr/bin/env bash
# What monitors cost: durable events of 30 columns over HTTP with and without a monitor of the stream, and predictions with and
# without one of the endpoint, round by round in one run; then many events while a monitor measures them, with the peak of memory.
#
#   Benchmarks/monitoring.sh [EVENTS [PREDICTIONS [ROUNDS [MANY]]]]
#
# CPU is the server's, in seconds a million, until it has come to rest: what a monitor reads after the last answer is counted. Where
# other programs use the machine, only that figure says something. MANY events (10,000,000; 0 leaves them out) are measured in
# windows of a minute, all of which must be measured and add up to what was sent.
#
# Needs python3 and a built program (make build).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MARTLET=${MARTLET:-$here/.build/release/martlet}
events=${1:-400000} predictions=${2:-30000} rounds=${3:-5} many=${4:-10000000}
[ -x "$MARTLET" ] || { echo "there is no program at '$MARTLET'; build it with 'make build'" >&2; exit 1; }
load=$here/Benchmarks/monitoring/load.py

folder=$(mktemp -d "${TMPDIR:-/tmp}/martlet-bench.XXXXXX")
server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }; server=; }
finish() { stop; rm -rf "$folder"; }
trap finish EXIT

# A stream of 30 columns.
mkdir -p "$folder/events/streams"
echo "project: bench" > "$folder/events/martlet.yaml"
python3 "$load" --stream > "$folder/events/streams/events.yaml"
events_monitor='monitor: watch
stream: events
drift: {}
quality: { missing: 5%, unseen: 5%, volume: 50%, rejected: 1%, schema: 1% }'

# The example's endpoint, with a model.
cp -r "$here/Examples/fraud" "$folder/fraud"
sed -i '/^gates:/d' "$folder/fraud/models/fraud.yaml"
(
    cd "$folder/fraud"
    "$MARTLET" demo data --customers 1200 --terminals 2400 --days 90 --output "$folder/history.csv"
    "$MARTLET" apply && "$MARTLET" ingest transactions "$folder/history.csv" && "$MARTLET" train fraud && "$MARTLET" promote fraud
) > /dev/null
customer=$(tail -1 "$folder/history.csv" | cut -d, -f3)
terminal=$(tail -1 "$folder/history.csv" | cut -d, -f4)
fraud_monitor='monitor: watch
endpoint: fraud
drift: {}
quality: { missing: 5%, unseen: 5%, volume: 50%, schema: 1% }
errors: 1%
latency: 1s'

serve() { # PROJECT MONITOR
    stop
    rm -rf "$folder/run" && cp -r "$folder/$1" "$folder/run" && cd "$folder/run"
    rm -rf monitors && mkdir monitors
    [ -z "$2" ] || echo "$2" > monitors/watch.yaml
    "$MARTLET" apply >/dev/null
    rm -f "$folder/out"
    "$MARTLET" up --port 0 > "$folder/out" 2> "$folder/log" &
    server=$!
    until url=$(sed -n 's/^serving .* at \(http[^ ]*\)$/\1/p' "$folder/out" 2>/dev/null) && [ -n "$url" ]; do sleep 0.1; done
    token=$("$MARTLET" token create --role engineer --name bench 2>/dev/null)
}
round() { # FORM
    local monitor=
    [ "$1" = plain ] || monitor=$events_monitor
    serve events "$monitor"
    python3 "$load" --events "$events" 4 "$url" "$token" "$server" "events/$1" | tee -a "$folder/figures"
    [ "$1" = plain ] || monitor=$fraud_monitor
    serve fraud "$monitor"
    body="{\"inputs\":{\"tx_id\":\"b\",\"tx_time\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"customer_id\":\"$customer\",\"terminal_id\":\"$terminal\",\"amount\":42.5}}"
    python3 "$load" --predictions "$predictions" 4 "$url" "$token" "$server" "predictions/$1" "$body" | tee -a "$folder/figures"
}

echo "$events events of 30 columns in batches of 1,000, and $predictions predictions; rows/s, CPU s/M, peak MiB"
for number in $(seq "$rounds"); do
    # The order changes, so that what warms up falls on both.
    if [ $((number % 2)) = 1 ]; then round plain; round monitored; else round monitored; round plain; fi
done
echo
python3 "$load" --compare "$folder/figures"

[ "$many" != 0 ] || exit 0
echo
echo "$many events of 30 columns, measured in windows of a minute while they come"
serve events "$events_monitor
window: 1m
lateness: 20s"
python3 "$load" --events "$many" 4 "$url" "$token" "$server" many
sleep 100
"$MARTLET" monitors show watch --limit 1000 --json > "$folder/windows"
python3 "$load" --windows "$((many / 4000 * 4000))" "$folder/windows"
