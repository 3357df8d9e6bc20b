#!/usr/bin/env bash
# What a task costs: 1,000 tasks that do nothing in a chain, and 500 after one, against make in the same run.
#
#   Benchmarks/pipelines.sh [ROUNDS]
#
# Both start the program /bin/true for each task; Martlet also stores each decision durably before it acts on it. Prints
# milliseconds a task, whole: process, commit and scheduling together, the least of the rounds.
set -euo pipefail
cd "$(dirname "$0")/.."
martlet=${MARTLET:-$PWD/.build/release/martlet}
rounds=${1:-3}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

mkdir -p "$work/pipelines"
python3 - "$work" <<'PY'
import sys
work = sys.argv[1]
open(f"{work}/martlet.yaml", "w").write("project: bench\npools: { cpu: 2 }\n")
with open(f"{work}/pipelines/chain.yaml", "w") as file:
    file.write("pipeline: chain\ntasks:\n")
    for n in range(1000):
        file.write(f"  t{n}: {{ run: [/bin/true]{f', after: t{n - 1}' if n else ''} }}\n")
with open(f"{work}/pipelines/fan.yaml", "w") as file:
    file.write("pipeline: fan\nmax_active_tasks: 64\ntasks:\n  first: { run: [/bin/true] }\n")
    for n in range(500):
        file.write(f"  t{n}: {{ run: [/bin/true], after: first }}\n")
with open(f"{work}/chain.mk", "w") as file:
    file.write(".PHONY: all " + " ".join(f"t{n}" for n in range(1000)) + "\nall: t999\n")
    for n in range(1000):
        file.write(f"t{n}:{f' t{n - 1}' if n else ''}\n\t@/bin/true\n")
with open(f"{work}/fan.mk", "w") as file:
    file.write(".PHONY: all first " + " ".join(f"t{n}" for n in range(500)) + "\nall: " + " ".join(f"t{n}" for n in range(500)) + "\nfirst:\n\t@/bin/true\n")
    for n in range(500):
        file.write(f"t{n}: first\n\t@/bin/true\n")
PY

"$martlet" apply --project "$work" > /dev/null
"$martlet" up --project "$work" --port 0 > "$work/server.log" 2>&1 &
server=$!
until grep -q serving "$work/server.log"; do sleep 0.05; done

for shape in chain fan; do
    tasks=1000; jobs=1
    if [ $shape = fan ]; then tasks=501; jobs=2; fi
    for ((round = 0; round < rounds; round++)); do
        run=$("$martlet" pipelines run $shape --project "$work" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["run"])')
        start=$(python3 -c 'import time; print(time.monotonic())')
        make -s -j$jobs -f "$work/$shape.mk" all
        end=$(python3 -c 'import time; print(time.monotonic())')
        "$martlet" pipelines status "$run" --project "$work" --json | python3 -c "
import datetime, json, sys
run = json.load(sys.stdin)
assert run['state'] == 'succeeded', run['state']
times = [datetime.datetime.fromisoformat(run[key].replace('Z', '+00:00')) for key in ('began', 'ended')]
print('$shape', (times[1] - times[0]).total_seconds() * 1000 / $tasks, ($end - $start) * 1000 / $tasks)"
    done
done > "$work/figures"
python3 - "$work/figures" <<'PY'
import sys
rows = [line.split() for line in open(sys.argv[1])]
for shape in ("chain", "fan"):
    ours = min(float(row[1]) for row in rows if row[0] == shape)
    make = min(float(row[2]) for row in rows if row[0] == shape)
    print(f"{shape}: {ours:.2f} ms a task, make {make:.2f} ms: {ours / make:.2f} times make")
PY
