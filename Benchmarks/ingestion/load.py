#!/usr/bin/env python3
"""One measurement of Benchmarks/ingestion.sh: rows of a CSV file, in batches of 1,000, over some connections.

    load.py ROWS.csv stream|whole CONNECTIONS URL TOKEN SERVER_PID DATA_FOLDER
    load.py ROWS.csv insert|unnest CONNECTIONS SOCKET_FOLDER POSTMASTER_PID CLUSTER_FOLDER
    load.py --compare FIGURES

Prints: target connections rows/s cpu_seconds_per_million bytes_per_event. `insert` sends INSERT … VALUES with 1,000 rows in
its text; `unnest` a prepared INSERT … SELECT FROM unnest of five arrays, the fastest form of INSERT.
"""
import csv, glob, json, multiprocessing, os, socket, statistics, sys, time

BATCH = 1000
MARTLET = ("stream", "whole")


def server_seconds(pid):
    """CPU seconds of a process, of the children that it waited for, and of those that live."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            fields = open(stat).read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        number = int(stat.split("/")[2])
        if number == pid:
            total += sum(int(field) for field in fields[11:15])
        elif int(fields[1]) == pid:
            total += sum(int(field) for field in fields[11:13])
    return total / ticks


def http(batches, arguments, start):
    url, token = arguments[:2]
    host, port = url.removeprefix("http://").rsplit(":", 1)
    requests = []
    for rows in batches:
        body = "".join(
            f'{{"tx_id":{json.dumps(a)},"tx_time":"{b}","customer_id":{json.dumps(c)},"terminal_id":{json.dumps(d)},"amount":{e}}}\n'
            for a, b, c, d, e in rows).encode()
        head = (
            f"POST /api/v1/streams/transactions/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n")
        requests.append((head.encode() + body, len(rows)))
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    start.wait()
    for request, count in requests:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        head, body = answer.split(b"\r\n\r\n", 1)
        length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1])
        while len(body) < length:
            body += connection.recv(65536)
        assert head.startswith(b"HTTP/1.1 200") and json.loads(body)["accepted"] == count, answer
    start.wait()
    start.wait()


def postgres(form, batches, arguments, start):
    import psycopg2

    connection = psycopg2.connect(host=arguments[0], user="bench", dbname="postgres")
    connection.autocommit = True
    cursor = connection.cursor()
    statements = []
    quoted = lambda text: "'" + text.replace("'", "''") + "'"
    if form == "insert":
        for rows in batches:
            values = ",".join(f"({quoted(a)},'{b}',{quoted(c)},{quoted(d)},{e})" for a, b, c, d, e in rows)
            statements.append((f"INSERT INTO transactions (tx_id, tx_time, customer_id, terminal_id, amount) VALUES {values}", len(rows)))
    else:
        cursor.execute(
            "PREPARE rows (text[], timestamptz[], text[], text[], float8[]) AS INSERT INTO transactions "
            "(tx_id, tx_time, customer_id, terminal_id, amount) SELECT * FROM unnest($1, $2, $3, $4, $5)")
        for rows in batches:
            columns = ["'{" + ",".join(column) + "}'" for column in zip(*rows)]
            statements.append((f"EXECUTE rows ({','.join(columns)})", len(rows)))
    start.wait()
    for statement, count in statements:
        cursor.execute(statement)
        assert cursor.rowcount == count
    start.wait()
    start.wait()


def client(work, *arguments):
    """Runs a client; one that fails lets nobody wait for it."""
    try:
        work(*arguments)
    except BaseException:
        arguments[-1].abort()
        raise


def prepare_table(folder):
    import psycopg2

    with psycopg2.connect(host=folder, user="bench", dbname="postgres") as connection, connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
        cursor.execute("DROP TABLE IF EXISTS transactions")
        cursor.execute(
            "CREATE TABLE transactions (tx_id text PRIMARY KEY, tx_time timestamptz NOT NULL, customer_id text NOT NULL, "
            "terminal_id text NOT NULL, amount float8 NOT NULL CHECK (amount >= 0), is_fraud boolean)")


def disk_bytes(target, arguments):
    if target in MARTLET:
        return sum(os.stat(os.path.join(folder, file)).st_size for folder, _, files in os.walk(arguments[3]) for file in files)
    import psycopg2

    with psycopg2.connect(host=arguments[0], user="bench", dbname="postgres") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('transactions')")
        return cursor.fetchone()[0]


def measure(path, target, connections, *arguments):
    connections = int(connections)
    rows = list(csv.reader(open(path)))[1:]
    batches = [rows[index:index + BATCH] for index in range(0, len(rows), BATCH)]
    if target not in MARTLET:
        prepare_table(arguments[0])
    pid = int(arguments[2] if target in MARTLET else arguments[1])
    before_bytes = disk_bytes(target, arguments) if target in MARTLET else 0
    start = multiprocessing.Barrier(connections + 1)
    workers = []
    for index in range(connections):
        share = batches[index::connections]
        work = (http, share, arguments, start) if target in MARTLET else (postgres, target, share, arguments, start)
        workers.append(multiprocessing.Process(target=client, args=work))
        workers[-1].start()
    start.wait()
    cpu, began = server_seconds(pid), time.monotonic()
    start.wait()
    seconds = time.monotonic() - began
    cpu = server_seconds(pid) - cpu
    # Only now the clients hang up: a backend that ends takes its figures along.
    start.wait()
    for worker in workers:
        worker.join()
    assert all(worker.exitcode == 0 for worker in workers)
    size = disk_bytes(target, arguments) - before_bytes
    print(f"{target} {connections} {len(rows) / seconds:.0f} {cpu / len(rows) * 1e6:.2f} {size / len(rows):.1f}", flush=True)


def compare(path):
    runs = {}
    for line in open(path):
        target, connections, *figures = line.split()
        runs.setdefault(int(connections), {}).setdefault(target, []).append([float(figure) for figure in figures])
    names = {
        "stream": "Martlet, stream alone", "whole": "Martlet, with two views folded", "insert": "PostgreSQL, INSERT VALUES",
        "unnest": "PostgreSQL, INSERT unnest",
    }
    for connections, targets in runs.items():
        medians = {target: [statistics.median(column) for column in zip(*figures)] for target, figures in targets.items()}
        for target, (rate, cpu, size) in medians.items():
            ratios = "" if target not in MARTLET else "".join(
                f"   {rate / medians[other][0]:.2f} × {other}" for other in ("insert", "unnest"))
            print(f"{connections} connection{'s' if connections > 1 else ' '}  {names[target]:30} {rate:9,.0f} rows/s  {cpu:6.2f} CPU s/M  {size:6.1f} bytes an event{ratios}")


if sys.argv[1] == "--compare":
    compare(sys.argv[2])
else:
    measure(*sys.argv[1:])
