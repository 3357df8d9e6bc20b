#!/usr/bin/env python3
"""One measurement of Benchmarks/monitoring.sh.

    load.py --stream                                     the stream's fields, as YAML
    load.py --events ROWS CONNECTIONS URL TOKEN PID NAME  sends events in batches of 1,000
    load.py --predictions ROWS CONNECTIONS URL TOKEN PID NAME BODY
                                                         asks for predictions one by one
    load.py --windows ROWS FILE                          checks what a monitor measured of so many events
    load.py --compare FIGURES

Measurements print: name rows/s cpu_seconds_per_million peak_MiB. CPU is the server's, until it has come to rest after the last
answer: what a monitor still has to read then is counted.
"""
import json, multiprocessing, os, random, socket, statistics, sys, time

BATCH = 1000
FLOATS, INTEGERS, TEXTS, FLAGS = 12, 6, 8, 2


def stream():
    lines = ["stream: events", "event_time: time", "unique: id", "fields:", "  id: string", "  time: { type: timestamp, unit: microseconds }"]
    lines += [f"  f{i}: float64" for i in range(FLOATS)] + [f"  n{i}: int64" for i in range(INTEGERS)]
    lines += [f"  s{i}: string" for i in range(TEXTS)] + [f"  b{i}: bool" for i in range(FLAGS)]
    print("\n".join(lines))


def template(seed):
    """A batch with a place for each row's id and time."""
    numbers = random.Random(seed)
    rows = []
    for _ in range(BATCH):
        fields = [f'"f{i}":{numbers.gauss(50, 10 * (i + 1)):.4f}' for i in range(FLOATS)]
        fields += [f'"n{i}":{numbers.randrange(10 ** (i + 1))}' for i in range(INTEGERS)]
        fields += [f'"s{i}":"value {numbers.randrange(4 ** (i + 1))}"' for i in range(TEXTS)]
        fields += [f'"b{i}":{"true" if numbers.random() < 0.3 else "false"}' for i in range(FLAGS)]
        rows.append('{"id":"%s-%d","time":%d,' + ",".join(fields) + "}\n")
    return "".join(rows)


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid):
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")) / 1024


def rest(pid):
    """Waits until the server does next to nothing."""
    while True:
        before = cpu(pid)
        time.sleep(3)
        if cpu(pid) - before < 0.12:
            return


def connect(url):
    host, port = url.removeprefix("http://").rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection, f"{host}:{port}"


def ask(connection, request):
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, body = answer.split(b"\r\n\r\n", 1)
    length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1])
    while len(body) < length:
        body += connection.recv(65536)
    assert head.startswith(b"HTTP/1.1 200"), head + body
    return body


def send_events(worker, count, url, token, start):
    connection, host = connect(url)
    texts = [template(worker * 100 + number) for number in range(8)]
    start.wait()
    for number in range(count):
        now = int(time.time() * 1e6)
        names = []
        for row in range(BATCH):
            names += (worker, number * BATCH + row, now - row)
        body = (texts[number % len(texts)] % tuple(names)).encode()
        head = (
            f"POST /api/v1/streams/events/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n")
        assert json.loads(ask(connection, head.encode() + body))["accepted"] == BATCH
    start.wait()


def send_predictions(worker, count, url, token, body, start):
    connection, host = connect(url)
    request = (
        f"POST /api/v1/endpoints/fraud/predict HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
    start.wait()
    for _ in range(count):
        ask(connection, request)
    start.wait()


def client(work, *arguments):
    """Runs a client; one that fails lets nobody wait for it."""
    try:
        work(*arguments)
    except BaseException:
        arguments[-1].abort()
        raise


def measure(form, rows, connections, url, token, pid, name, *rest_of):
    rows, connections, pid = int(rows), int(connections), int(pid)
    start = multiprocessing.Barrier(connections + 1)
    each = rows // connections // (BATCH if form == "--events" else 1)
    rows = each * connections * (BATCH if form == "--events" else 1)
    work = send_events if form == "--events" else send_predictions
    workers = [
        multiprocessing.Process(target=client, args=(work, number, each, url, token, *rest_of, start)) for number in range(connections)]
    for worker in workers:
        worker.start()
    start.wait()
    before, began = cpu(pid), time.monotonic()
    start.wait()
    seconds = time.monotonic() - began
    for worker in workers:
        worker.join()
    assert all(worker.exitcode == 0 for worker in workers)
    rest(pid)
    print(f"{name} {rows / seconds:.0f} {(cpu(pid) - before) / rows * 1e6:.2f} {peak(pid):.0f}", flush=True)


def windows(rows, path):
    found = [json.loads(line) for line in open(path)]
    total = sum(window["rows"] for window in found)
    drifts = [measure for window in found for measure in window["measures"] if measure["kind"] == "drift" and measure["value"] is not None]
    print(f"{len(found)} windows measured, {total:,} events in them, {len(drifts)} drifts, the greatest {max(d['value'] for d in drifts):.3f}")
    assert total == int(rows), f"{rows} events were sent"


def compare(path):
    pairs = {}
    for line in open(path):
        name, *figures = line.split()
        what, form = name.split("/")
        pairs.setdefault(what, {}).setdefault(form, []).append([float(figure) for figure in figures])
    for what, forms in pairs.items():
        # Round by round, so that what else the machine does falls on both.
        rates = [with_[0] / without[0] for with_, without in zip(forms["monitored"], forms["plain"])]
        costs = [with_[1] / without[1] for with_, without in zip(forms["monitored"], forms["plain"])]
        print(
            f"{what}: {statistics.median(rates):.3f} of the throughput, {statistics.median(costs):.3f} of the CPU with a monitor "
            f"(medians of {len(rates)} rounds)")


if sys.argv[1] == "--stream":
    stream()
elif sys.argv[1] == "--windows":
    windows(*sys.argv[2:])
elif sys.argv[1] == "--compare":
    compare(sys.argv[2])
else:
    measure(*sys.argv[1:])
