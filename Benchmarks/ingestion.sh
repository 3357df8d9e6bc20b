#!/usr/bin/env bash
# Durable ingestion: the same rows in batches of 1,000, over HTTP into the example's stream, and as INSERT into a
# PostgreSQL table of the same columns with synchronous_commit=on, both on this machine in the same run.
#
#   Benchmarks/ingestion.sh [EVENTS [ROUNDS]]
#
# Martlet holds each row to its contract, finds what is sent twice, and puts a pseudonym for the customer; in the second
# of its two forms it also folds the row into the example's two views before it answers. PostgreSQL keeps a primary key on tx_id, since the stream deduplicates by it. All requests and
# statements are made before the clock starts.
#
# Needs PostgreSQL's programs (apt-get install postgresql; PGBIN names another folder), python3, and a built program
# (make build). psycopg2 is installed into a temporary environment if python3 lacks it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MARTLET=${MARTLET:-$here/.build/release/martlet}
events=${1:-300000}
rounds=${2:-3}
PGBIN=${PGBIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)}
[ -x "$PGBIN/initdb" ] || { echo "this benchmark needs PostgreSQL: apt-get install postgresql" >&2; exit 1; }
[ -x "$MARTLET" ] || { echo "there is no program at '$MARTLET'; build it with 'make build'" >&2; exit 1; }

folder=$(mktemp -d "${TMPDIR:-/tmp}/martlet-bench.XXXXXX")
chmod 755 "$folder"
server= cluster=
# PostgreSQL does not run as root.
unprivileged() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }
finish() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
    [ -z "$cluster" ] || unprivileged "$PGBIN/pg_ctl" -D "$cluster" -m fast stop >/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

python=python3
$python -c 'import psycopg2' 2>/dev/null || {
    python3 -m venv "$folder/venv"
    python=$folder/venv/bin/python
    "$folder/venv/bin/pip" -q install psycopg2-binary
}

# About 2.3 payments a customer and day.
"$MARTLET" demo data --customers 5000 --terminals 10000 --days $((events / 11000 + 2)) --output "$folder/all.csv" >/dev/null
head -n $((events + 1)) "$folder/all.csv" | cut -d, -f1-5 > "$folder/rows.csv"

mkdir "$folder/pg"
[ "$(id -u)" != 0 ] || chown postgres "$folder/pg"
unprivileged "$PGBIN/initdb" -D "$folder/pg/data" -U bench --auth=trust --no-instructions >/dev/null
cluster=$folder/pg/data
cat >> "$cluster/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$folder/pg'
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 512MB
max_wal_size = 4GB
CONF
unprivileged "$PGBIN/pg_ctl" -D "$cluster" -l "$folder/pg/log" -w start >/dev/null

# A new project, whole or of the stream alone, and a server on it.
serve() { # whole | stream
    [ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null || true; }
    rm -rf "$folder/fraud" && cp -r "$here/Examples/fraud" "$folder/fraud" && cd "$folder/fraud"
    [ "$1" = whole ] || rm -r features models endpoints
    "$MARTLET" apply >/dev/null
    rm -f "$folder/out"
    "$MARTLET" up --port 0 > "$folder/out" 2> "$folder/log" &
    server=$!
    until url=$(sed -n 's/^serving .* at \(http[^ ]*\)$/\1/p' "$folder/out" 2>/dev/null) && [ -n "$url" ]; do sleep 0.1; done
    token=$("$MARTLET" token create --role engineer --name bench 2>/dev/null)
}
measure() { # TARGET CONNECTIONS ARGUMENTS...
    "$python" "$here/Benchmarks/ingestion/load.py" "$folder/rows.csv" "$@" | tee -a "$folder/figures"
}

echo "$(($(wc -l < "$folder/rows.csv") - 1)) rows, batches of 1,000; CPU is the server's, in seconds a million rows"
for round in $(seq "$rounds"); do
    for connections in ${CONNECTIONS:-1 4 16}; do
        for form in stream whole; do
            serve $form
            measure $form "$connections" "$url" "$token" "$server" "$folder/fraud/.martlet"
        done
        measure insert "$connections" "$folder/pg" "$(head -1 "$cluster/postmaster.pid")" "$cluster"
        measure unnest "$connections" "$folder/pg" "$(head -1 "$cluster/postmaster.pid")" "$cluster"
    done
done
echo
"$python" "$here/Benchmarks/ingestion/load.py" --compare "$folder/figures"
