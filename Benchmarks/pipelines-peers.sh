#!/usr/bin/env bash
# What a task costs elsewhere: a chain of COUNT tasks that each start /bin/true, in Prefect, Dagster, Airflow and make, and in Martlet, one after
# the other in one run.
#
#   Benchmarks/pipelines-peers.sh [COUNT] [FOLDER]
#
# Installs the peers from PyPI into virtual environments below FOLDER (a few minutes, 2 GB) unless they are there. Each runs in its lightest form:
# Prefect's and Dagster's tasks in one process, Airflow's DAG by dag.test(). Prints milliseconds a task, without the peers' start.
set -euo pipefail
cd "$(dirname "$0")/.."
martlet=${MARTLET:-$PWD/.build/release/martlet}
count=${1:-100}
folder=${2:-${TMPDIR:-/tmp}/martlet-peers}
mkdir -p "$folder"
install() {
    [ -x "$folder/$1/bin/python" ] && "$folder/$1/bin/python" -c "import $2" 2> /dev/null && return
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" -q install "$3"
}
install prefect prefect 'prefect>=3,<4'
install dagster dagster 'dagster>=1,<2'
install airflow airflow 'apache-airflow>=3,<4'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export COUNT=$count

cat > "$work/prefect_chain.py" <<'PY'
import os, subprocess, time
from prefect import flow, task
count = int(os.environ["COUNT"])
@task
def step(before):
    subprocess.run(["/bin/true"], check=True)
    return 1
@flow
def chain(count):
    value = 0
    for _ in range(count): value = step(value)
chain(2)
start = time.monotonic()
chain(count)
print(f"Prefect: {(time.monotonic() - start) * 1000 / count:.2f} ms a task")
PY
cat > "$work/dagster_chain.py" <<'PY'
import os, subprocess, time
from dagster import In, Nothing, job, op
count = int(os.environ["COUNT"])
def step(number):
    @op(name=f"t{number}", ins={"before": In(Nothing)} if number else {})
    def run():
        subprocess.run(["/bin/true"], check=True)
    return run
@job
def chain():
    before = None
    for number in range(count): before = step(number)(before) if number else step(number)()
start = time.monotonic()
result = chain.execute_in_process()
assert result.success
print(f"Dagster, in process: {(time.monotonic() - start) * 1000 / count:.2f} ms a task")
PY
cat > "$work/airflow_chain.py" <<'PY'
import os, time, datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
count = int(os.environ["COUNT"])
with DAG("chain", schedule=None, start_date=datetime.datetime(2026, 1, 1)) as dag:
    before = None
    for number in range(count):
        now = BashOperator(task_id=f"t{number}", bash_command="/bin/true")
        if before: before >> now
        before = now
if __name__ == "__main__":
    start = time.monotonic()
    run = dag.test()
    seconds = time.monotonic() - start
    assert str(run.state) in ("success", "DagRunState.SUCCESS"), run.state
    print(f"Airflow, dag.test: {seconds * 1000 / count:.2f} ms a task")
PY
export PREFECT_HOME=$work/prefect PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=180 PREFECT_LOGGING_LEVEL=ERROR PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
"$folder/prefect/bin/python" "$work/prefect_chain.py" 2> "$work/prefect.log" | grep '^Prefect' || tail -3 "$work/prefect.log"
export DAGSTER_HOME=$work/dagster DAGSTER_DISABLE_TELEMETRY=1
mkdir -p "$DAGSTER_HOME"
"$folder/dagster/bin/python" "$work/dagster_chain.py" 2> "$work/dagster.log" | grep '^Dagster' || tail -3 "$work/dagster.log"
export AIRFLOW_HOME=$work/airflow AIRFLOW__CORE__LOAD_EXAMPLES=false AIRFLOW__CORE__DAGS_FOLDER=$work/dags AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR
export PATH=$folder/airflow/bin:$PATH
mkdir -p "$work/dags"
cp "$work/airflow_chain.py" "$work/dags/"
"$folder/airflow/bin/airflow" db migrate > "$work/airflow.log" 2>&1
"$folder/airflow/bin/airflow" dags reserialize >> "$work/airflow.log" 2>&1 || true
"$folder/airflow/bin/python" "$work/dags/airflow_chain.py" 2>> "$work/airflow.log" | grep '^Airflow' || tail -3 "$work/airflow.log"

python3 - "$work" <<'PY'
import os, sys
work, count = sys.argv[1], int(os.environ["COUNT"])
os.makedirs(f"{work}/project/pipelines")
open(f"{work}/project/martlet.yaml", "w").write("project: bench\n")
with open(f"{work}/project/pipelines/chain.yaml", "w") as file:
    file.write("pipeline: chain\ntasks:\n")
    for n in range(count): file.write(f"  t{n}: {{ run: [/bin/true]{f', after: t{n - 1}' if n else ''} }}\n")
with open(f"{work}/chain.mk", "w") as file:
    file.write(".PHONY: all " + " ".join(f"t{n}" for n in range(count)) + f"\nall: t{count - 1}\n")
    for n in range(count): file.write(f"t{n}:{f' t{n - 1}' if n else ''}\n\t@/bin/true\n")
PY
start=$EPOCHREALTIME
make -s -f "$work/chain.mk" all
awk -v a="$start" -v b="$EPOCHREALTIME" -v n="$count" 'BEGIN { printf "make: %.2f ms a task\n", (b - a) * 1000 / n }'
"$martlet" apply --project "$work/project" > /dev/null
"$martlet" pipelines run chain --project "$work/project" --json | COUNT=$count python3 -c "
import datetime, json, os, sys
run = json.load(sys.stdin)
assert run['state'] == 'succeeded', run['state']
times = [datetime.datetime.fromisoformat(run[key].replace('Z', '+00:00')) for key in ('began', 'ended')]
print(f\"Martlet: {(times[1] - times[0]).total_seconds() * 1000 / int(os.environ['COUNT']):.2f} ms a task\")"
