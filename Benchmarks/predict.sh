#!/usr/bin/env bash
# Predictions over HTTP against nginx's static answer, under the same load in the same run:
# one row with features looked up, a model of 200 trees of depth 6, both record modes.
#
#   Benchmarks/predict.sh [SECONDS [CONNECTIONS...]]
#
# before_answer waits for the disk: beside it stands how many writes of one block the disk syncs in a second, which bounds
# what one connection can get, and all connections together get at most that times their number.
#
# Needs wrk and nginx (apt-get install wrk nginx-light) and a built program (make build).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MARTLET=${MARTLET:-$here/.build/release/martlet}
seconds=${1:-10}
shift || true
[ $# -gt 0 ] || set -- 16 64
for tool in wrk nginx; do command -v $tool >/dev/null || { echo "this benchmark needs $tool" >&2; exit 1; }; done

folder=$(mktemp -d "${TMPDIR:-/tmp}/martlet-bench.XXXXXX")
server= web=
finish() { for process in $server $web; do kill "$process" 2>/dev/null || true; wait "$process" 2>/dev/null || true; done; rm -rf "$folder"; }
trap finish EXIT
cp -r "$here/Examples/fraud" "$folder/fraud"
cd "$folder/fraud"
sed -i 's/rounds: [0-9]*/rounds: 200/; s/max_depth: [0-9]*/max_depth: 6/; /^gates:/d' models/fraud.yaml
sed -i '/^record:/d' endpoints/fraud.yaml
echo 'record: before_answer' >> endpoints/fraud.yaml
"$MARTLET" demo data --customers 1200 --terminals 2400 --days 90 --output "$folder/history.csv" >/dev/null
"$MARTLET" apply >/dev/null
"$MARTLET" ingest transactions "$folder/history.csv" >/dev/null
"$MARTLET" train fraud >/dev/null
"$MARTLET" promote fraud >/dev/null
customer=$(tail -1 "$folder/history.csv" | cut -d, -f3)
terminal=$(tail -1 "$folder/history.csv" | cut -d, -f4)
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)

"$MARTLET" up --port 0 > "$folder/out" 2> "$folder/log" &
server=$!
until url=$(sed -n 's/^serving .* at \(http[^ ]*\)$/\1/p' "$folder/out") && [ -n "$url" ]; do sleep 0.1; done
token=$("$MARTLET" token create --role engineer --name bench 2>/dev/null)
cat > "$folder/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer $token"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"inputs":{"tx_id":"b","tx_time":"$now","customer_id":"$customer","terminal_id":"$terminal","amount":42.5}}'
LUA

port=$((20000 + RANDOM % 20000))
cat > "$folder/nginx.conf" <<CONF
daemon off; worker_processes 2; pid $folder/nginx.pid; error_log $folder/nginx.log;
events { worker_connections 1024; }
http { access_log off; server { listen 127.0.0.1:$port; location / { default_type application/json; return 200 '{"prediction_id":"01a21011-c10d-7f15-931f-3147771cacf1","output":0.0095}'; } } }
CONF
nginx -c "$folder/nginx.conf" -p "$folder" &
web=$!
sleep 0.5

measure() { wrk -t1 -c"$connections" -d"${seconds}s" --latency -s "$folder/post.lua" "$1" > "$folder/wrk"; grep -q 'Non-2xx' "$folder/wrk" && { cat "$folder/wrk" >&2; exit 1; }; awk '/Requests\/sec/ {rate=$2} $1=="50%" {p50=$2} $1=="99%" {p99=$2} END {print rate, p50, p99}' "$folder/wrk"; }
started=$(date +%s%N)
dd if=/dev/zero of="$folder/sync" bs=4k count=1000 oflag=dsync status=none
syncs=$(( 1000 * 1000000000 / ($(date +%s%N) - started) ))
echo "the disk syncs $syncs writes a second"
for connections in "$@"; do
    read -r base p50 p99 <<< "$(measure "http://127.0.0.1:$port/")"
    printf '%-34s %10.0f req/s   p50 %s   p99 %s   %s connections\n' "nginx, return 200" "$base" "$p50" "$p99" "$connections"
    for mode in before_answer after_answer; do
        sed -i "s/^record: .*/record: $mode/" endpoints/fraud.yaml
        "$MARTLET" apply >/dev/null
        read -r rate p50 p99 <<< "$(measure "$url/api/v1/endpoints/fraud/predict")"
        ceiling=$([ $mode = before_answer ] && awk -v a="$rate" -v s="$syncs" -v c="$connections" 'BEGIN { printf "   %.3f of the ceiling of its syncs", a / (s * c) }' || true)
        printf '%-34s %10.0f req/s   p50 %s   p99 %s   %.3f of nginx%s\n' "predict, $mode" "$rate" "$p50" "$p99" "$(awk -v a="$rate" -v b="$base" 'BEGIN { print a / b }')" "$ceiling"
    done
done
