#!/usr/bin/env bash
# What a task costs: 1,000 tasks that do nothing in a chain, 500 after one, 10,000 in layers of 100, against make in the same run; and how
# long after a request the first task's program runs.
#
#   Benchmarks/pipelines.sh [ROUNDS]
#
# Both start the program /bin/true for each task; Martlet also stores each decision durably before it acts on it. Prints
# milliseconds a task, the least of the rounds: whole, and what is left of it without the program and the commit, which are measured
# alone in the same run, for fan and graph two at a time as there, if the tests are built (MARTLET_TESTS names them).
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
with open(f"{work}/pipelines/graph.yaml", "w") as file:
    file.write("pipeline: graph\nmax_active_tasks: 64\ntasks:\n")
    for n in range(10_000):
        before = f", after: [t{n - 100}, t{n - n % 100 - 100 + (n * 7 + 3) % 100}]" if n >= 100 else ""
        file.write(f"  t{n}: {{ run: [/bin/true]{before} }}\n")
with open(f"{work}/pipelines/first.yaml", "w") as file:
    file.write("pipeline: first\ntasks: { a: { run: [sh, -c, 'date +%s.%N > first'] } }\n")
with open(f"{work}/graph.mk", "w") as file:
    file.write(".PHONY: all " + " ".join(f"t{n}" for n in range(10_000)) + "\nall: " + " ".join(f"t{n}" for n in range(9_900, 10_000)) + "\n")
    for n in range(10_000):
        file.write(f"t{n}:" + (f" t{n - 100} t{n - n % 100 - 100 + (n * 7 + 3) % 100}" if n >= 100 else "") + "\n\t@/bin/true\n")
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

tests=${MARTLET_TESTS:-$PWD/.build/release/martletPackageTests.xctest}
costs() {
    [ ! -x "$tests" ] || MARTLET_PIPELINE_COSTS=1 "$tests" --testing-library swift-testing --filter PipelineCostTests 2> /dev/null | sed -n 's/^program \(.*\) ms, commit \(.*\) ms, side by side \(.*\) ms$/costs \1 \2 \3/p'
}
for shape in chain fan graph; do
    tasks=1000; jobs=1
    if [ $shape = fan ]; then tasks=501; jobs=2; fi
    if [ $shape = graph ]; then tasks=10000; jobs=2; fi
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
        costs
    done
done > "$work/figures"
python3 - "$work/figures" <<'PY'
import sys
rows = [line.split() for line in open(sys.argv[1])]
for shape in ("chain", "fan", "graph"):
    ours = min(float(row[1]) for row in rows if row[0] == shape)
    make = min(float(row[2]) for row in rows if row[0] == shape)
    print(f"{shape}: {ours:.2f} ms a task, make {make:.2f} ms: {ours / make:.2f} times make")
costs = [row for row in rows if row[0] == "costs"]
if costs:
    program, commit = (min(float(row[column]) for row in costs) for column in (1, 2))
    chain = min(float(row[1]) for row in rows if row[0] == "chain")
    make = min(float(row[2]) for row in rows if row[0] == "chain")
    both = min(float(row[3]) for row in costs)
    for shape in ("fan", "graph"):
        ours = min(float(row[1]) for row in rows if row[0] == shape)
        whole = min(float(row[2]) for row in rows if row[0] == shape)
        print(f"of the {shape}: programs and commits two at a time {both:.2f} ms, all else {ours - both:.2f} ms: {(ours - both) / whole:.2f} times make's whole")
    print(f"of the chain: program {program:.2f} ms, commit {commit:.2f} ms, all else {chain - program - commit:.2f} ms: {(chain - program - commit) / make:.2f} times make's whole")
PY
token=$("$martlet" token create --role admin --name bench --project "$work" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])')
TOKEN=$token python3 - "$work" <<'PY'
import http.client, json, os, re, sys, time
work = sys.argv[1]
port = int(re.search(r"http://127\.0\.0\.1:(\d+)", open(f"{work}/server.log").read()).group(1))
connection = http.client.HTTPConnection("127.0.0.1", port)
headers = {"authorization": "Bearer " + os.environ["TOKEN"], "content-type": "application/json"}
def ask(method, path, body=None):
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    value = json.loads(answer.read())
    assert answer.status == 200, value
    return value
delays = []
for _ in range(300):
    before = time.time()
    run = ask("POST", "/api/v1/pipelines/first/runs", "{}")["run"]
    while ask("GET", f"/api/v1/pipeline-runs/{run}")["state"] in ("queued", "running"):
        time.sleep(0.002)
    delays.append((float(open(f"{work}/first").read()) - before) * 1000)
delays.sort()
print(f"from a request to its first task's program at work, {len(delays)} one after another: p50 {delays[len(delays) // 2]:.1f} ms, p99 {delays[int(len(delays) * 0.99)]:.1f} ms")
PY
