#!/usr/bin/env bash
# The whole loop on generated card payments, step by step, with the real commands.
#
#   MARTLET=path/to/martlet Examples/fraud/run.sh      leaves the server up at the end
#   EXIT=1 …                                           ends it instead
#
# Settings: PORT (7070; 0 takes any), CUSTOMERS, COUNT (live predictions), SEED.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
MARTLET=${MARTLET:-$here/../../.build/release/martlet}
# A run that ends by itself may stand beside another server.
PORT=${PORT:-$([ "${EXIT:-0}" = 1 ] && echo 0 || echo 7070)}
COUNT=${COUNT:-500}
[ -x "$MARTLET" ] || { echo "there is no program at '$MARTLET'; build it with 'make build'" >&2; exit 1; }
MARTLET=$(cd "$(dirname "$MARTLET")" && pwd)/$(basename "$MARTLET")

folder=$(mktemp -d "${TMPDIR:-/tmp}/martlet-demo.XXXXXX")
project=$folder/fraud
server=
finish() {
    status=$?
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ $status -eq 0 ] || { echo; echo "the demo failed; its files are in $folder" >&2; [ ! -s "$folder/server.log" ] || tail -5 "$folder/server.log" >&2; }
}
trap finish EXIT
began=$EPOCHREALTIME
seconds() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }
step() { step_began=$EPOCHREALTIME; number=$((${number:-0} + 1)); printf '\n%2d. %s\n' "$number" "$1"; }
result() { sed 's/^/    /'; printf '    (%s s)\n' "$(seconds "$step_began")"; }
# A member of a JSON object on standard input, without its quotes: field NAME
field() { sed -n 's/.*"'"$1"'":\("\([^"]*\)"\|\([^,}]*\)\).*/\2\3/p' | head -1; }
martlet() { "$MARTLET" "$@"; }

# Starts the server and waits until it says where.
serve() {
    # The program itself, not the function: $! must be the server, not a shell around it.
    "$MARTLET" up --port "$1" > "$folder/server.out" 2>> "$folder/server.log" &
    server=$!
    for _ in $(seq 300); do
        url=$(sed -n 's/^serving .* at \(http[^ ]*\)$/\1/p' "$folder/server.out")
        [ -z "$url" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    echo "the server did not start" >&2
    return 1
}

echo "Martlet: from card payments to predictions that can be explained and reproduced, and to models that learn anew by themselves"
echo "project and data: $project"

step "Forty-five days up to now, played in virtual time: the loop closes by itself."
martlet demo --project "$project" --seed "${SEED:-7}" --customers "${CUSTOMERS:-1200}" | tee "$folder/life.txt" | grep -v '^The project is' | result
cd "$project"

step "What the platform keeps of it: the rollout with its evidence, the alarms, and all that happened to the one that retrained."
alarm=$(martlet alarms history --limit 10000 --json | grep '"name":"outcomes.performance"\|"rule":"outcomes.performance"' | grep -o '"fingerprint":"[^"]*"' | head -1 | cut -d'"' -f4 || true)
{ martlet rollouts show fraud; echo; martlet alarms; [ -z "$alarm" ] || { echo; martlet alarms history "$alarm" | tail -12; }; } | result

step "Features of one customer and one terminal, as a prediction would see them now."
# Payments of today that the life did not have: those of another seed, under ids of their own.
martlet demo data --seed "$((${SEED:-7} + 1))" --customers "${CUSTOMERS:-1200}" --terminals "$((2 * ${CUSTOMERS:-1200}))" --days 2 --hours 24 \
    --output "$folder/unused.csv" --live "$folder/made.ndjson" > "$folder/made.txt"
sed 's/"tx_id":"t/"tx_id":"live-/' "$folder/made.ndjson" > "$folder/live.ndjson"
customer=$(head -1 "$folder/live.ndjson" | field customer_id)
terminal=$(head -1 "$folder/live.ndjson" | field terminal_id)
{ echo "customer $customer"; martlet features customer --key "customer_id=$customer"
  echo "terminal $terminal"; martlet features terminal --key "terminal_id=$terminal"; } | result

step "The server starts; live payments are predicted over HTTP, each stored with its prediction."
serve "$PORT"
token=$(martlet token create --role engineer --name demo 2>/dev/null)
MARTLET_TOKEN=$token martlet demo load --url "$url" --endpoint fraud --requests "$folder/live.ndjson" --count "$COUNT" --json > "$folder/load.json"
# The last members of that line are of the prediction with the highest output.
prediction=$(sed 's/.*"highest"://' "$folder/load.json" | field prediction_id)
awk -v n="$(field requests < "$folder/load.json")" -v p50="$(field p50_ms < "$folder/load.json")" -v p99="$(field p99_ms < "$folder/load.json")" \
    'BEGIN { printf "%d predictions, each on disk before its answer: p50 %.2f ms, p99 %.2f ms\n", n, p50, p99 }' | result

step "The most suspicious of them, taken apart: what each feature added to the margin."
martlet explain "$prediction" > "$folder/explanation.txt"
{ echo "prediction $prediction"; head -9 "$folder/explanation.txt"; echo "…"; tail -4 "$folder/explanation.txt"; } | result

step "The server is killed while it answers (kill -9), and started again."
tail -n "+$((COUNT + 1))" "$folder/live.ndjson" > "$folder/more.ndjson"
MARTLET_TOKEN=$token martlet demo load --url "$url" --endpoint fraud --requests "$folder/more.ndjson" > "$folder/cut.txt" 2>&1 &
load=$!
sleep 0.5
kill -9 "$server"
wait "$server" 2>/dev/null || true
wait "$load" || true
port=${url##*:}
serve "$port"
{ sed -n 's/^error: //p' "$folder/cut.txt"; echo "it answers again at $url"; } | result

step "The prediction from before the crash is computed anew, from the log as it was then."
martlet replay "$prediction" | result

step "The decision traced back: the event, the version and what called for it, the rollout that let it in, the data it learned from."
martlet lineage --prediction "$prediction" | result

step "A pipeline does it all: files that have come in, training, promotion, a payment to try it. Every night by itself; now by hand."
# The requests of the last day as a file that some other system drops: half of them are stored already, with their predictions.
mkdir -p incoming
head -1000 "$folder/live.ndjson" | sed 's/^{"inputs"://; s/,"append":true}$//' > incoming/today.ndjson
martlet pipelines run ml_pipeline > "$folder/pipeline.txt" || { cat "$folder/pipeline.txt"; exit 1; }
run=$(martlet pipelines runs ml_pipeline --limit 1 --json | field run)
{ cat "$folder/pipeline.txt"; echo; for task in ingest_data deploy.promote; do martlet pipelines logs "$run" "$task"; done; } | result

step "Rollback: the release before is in force again, definitions, features and model, in one commit; a version that was being tried goes too."
martlet rollback --reason "the demo goes back" | result

step "The same prediction once more, after a pipeline and a rollback."
martlet replay "$prediction" | result

step "The audit log: every change, in a chain of hashes."
{ martlet audit --limit 4; martlet audit --verify; } | result

printf '\nDone in %s s.\n' "$(seconds "$began")"
if [ "${EXIT:-0}" = 1 ]; then
    kill "$server"
    wait "$server" 2>/dev/null || true
    server=
    rm -rf "$folder"
    exit 0
fi
echo "The server is up at $url (process $server); its project is $project"
sed -n 's/^open this once/Open this once/p' "$folder/server.out"
echo "Stop it with: kill $server"
server=
