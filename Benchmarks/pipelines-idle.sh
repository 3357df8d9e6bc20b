#!/usr/bin/env bash
# What a server costs that only waits: 1,000 pipelines with schedules, none of them due, over SECONDS (30).
#
#   Benchmarks/pipelines-idle.sh [SECONDS]
#
# Prints the processor time that the server used, as a share of one core, and its memory.
set -euo pipefail
cd "$(dirname "$0")/.."
martlet=${MARTLET:-$PWD/.build/release/martlet}
seconds=${1:-30}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

mkdir -p "$work/pipelines"
python3 - "$work" <<'PY'
import datetime, sys
# Half a day from now and later, so that none is due while this runs.
start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=12)
with open(f"{sys.argv[1]}/pipelines/all.yaml", "w") as file:
    for n in range(1000):
        at = start + datetime.timedelta(minutes=n % 600)
        file.write(f'{"---" if n else ""}\npipeline: p{n}\nschedule: "{at.minute} {at.hour} * * *"\nstart: {start.date()}\ntasks: {{ a: {{ run: ["true"] }} }}\n')
open(f"{sys.argv[1]}/martlet.yaml", "w").write("project: idle\n")
PY
"$martlet" apply --project "$work" > /dev/null
"$martlet" up --project "$work" --port 0 > "$work/server.log" 2>&1 &
server=$!
until grep -q serving "$work/server.log"; do sleep 0.05; done
sleep 3
ticks() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }
before=$(ticks)
sleep "$seconds"
after=$(ticks)
python3 - "$before" "$after" "$seconds" "$(getconf CLK_TCK)" "$(awk '/VmRSS/ { print $2 }' "/proc/$server/status")" <<'PY'
import sys
before, after, seconds, tick, memory = map(float, sys.argv[1:])
used = (after - before) / tick
print(f"1,000 schedules, idle: {used:.2f} s of a processor in {seconds:.0f} s, {100 * used / seconds:.2f} % of a core; {memory / 1024:.0f} MiB")
PY
