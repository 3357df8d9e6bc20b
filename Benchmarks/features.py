"""The peers of Benchmarks/features.sh: pandas, Polars and DuckDB compute the features that the engine computes.

    features.py prepare CSV FOLDER      the columns of a file of payments, as raw little-endian arrays in FOLDER
    features.py PEER FOLDER REPEATS     pandas, polars or duckdb: computes, writes its columns and the least wall and CPU seconds
    features.py compare FOLDER          holds every column of every peer to the engine's, and prints the table

The question is one and the same for all: for each of n payments, at its own time t,

    customer   count, mean(amount) over [t - w, t)              w = 1, 7, 30 days
    terminal   count, mean(label)  over [t - 7d - w, t - 7d)    w = 1, 7, 30 days

so that a payment sees neither itself nor another of the same moment. All begin from columns in memory, in order of time, with
integer keys, and end with twelve columns in the order of the rows. Each may use every core.
"""
import pathlib, sys, time

DAY = 86_400_000_000
WINDOWS = (1, 7, 30)
OFFSET = 7
COLUMNS = [("at", "<i8"), ("customer", "<i8"), ("terminal", "<i8"), ("amount", "<f8"), ("label", "<i8")]
NAMES = [f"{view}_{what}_{w}d" for view in ("customer", "terminal") for what in ("count", "mean") for w in WINDOWS]


def prepare(source, folder):
    import pandas
    rows = pandas.read_csv(source)
    pick = lambda *names: rows[next(name for name in names if name in rows)]
    at = pandas.to_datetime(pick("tx_datetime", "tx_time"), format="ISO8601", utc=True)
    table = pandas.DataFrame({
        "at": at.dt.tz_localize(None).astype("datetime64[us]").astype("int64"),
        "customer": pandas.factorize(pick("customer_id"))[0], "terminal": pandas.factorize(pick("terminal_id"))[0],
        "amount": pick("tx_amount", "amount"), "label": pick("tx_fraud", "is_fraud")})
    # Payments whose label has not come are left out: they would say nothing of speed.
    table = table.dropna()
    if table["label"].dtype == object:
        table["label"] = table["label"].map({"true": 1, "false": 0, True: 1, False: 0})
    table = table.sort_values("at", kind="stable")
    for name, kind in COLUMNS:
        table[name].to_numpy().astype(kind).tofile(folder / name)
    days = (table["at"].iloc[-1] - table["at"].iloc[0]) / DAY
    print(f"{len(table)} payments over {days:.0f} days, {table.customer.nunique()} customers, {table.terminal.nunique()} terminals")


def load(folder):
    import numpy
    return {name: numpy.fromfile(folder / name, dtype=kind) for name, kind in COLUMNS}


def with_pandas(columns):
    import numpy, pandas
    table = pandas.DataFrame(columns)
    table["at"] = table["at"].astype("datetime64[us]")

    def compute():
        result = {}
        indexed = table.set_index("at")

        def in_row_order(key):
            # groupby.rolling answers group by group.
            order = numpy.argsort(columns[key], kind="stable")
            def place(values):
                placed = numpy.empty(len(order))
                placed[order] = values
                return placed
            return place
        place = in_row_order("customer")
        groups = indexed.groupby("customer")["amount"]
        for w in WINDOWS:
            rolling = groups.rolling(f"{w}D", closed="left")
            result[f"customer_count_{w}d"] = place(numpy.nan_to_num(rolling.count().to_numpy()))
            result[f"customer_mean_{w}d"] = place(rolling.mean().to_numpy())
        place = in_row_order("terminal")
        groups = indexed.groupby("terminal")["label"]
        # A shifted window is the difference of two that end at t.
        near = groups.rolling(f"{OFFSET}D", closed="left")
        near_count, near_sum = (numpy.nan_to_num(of().to_numpy()) for of in (near.count, near.sum))
        for w in WINDOWS:
            rolling = groups.rolling(f"{OFFSET + w}D", closed="left")
            count = numpy.nan_to_num(rolling.count().to_numpy()) - near_count
            total = numpy.nan_to_num(rolling.sum().to_numpy()) - near_sum
            result[f"terminal_count_{w}d"] = place(count)
            with numpy.errstate(invalid="ignore", divide="ignore"):
                result[f"terminal_mean_{w}d"] = place(total / count)
        return result
    return compute


def with_polars(columns):
    import polars
    table = polars.DataFrame(columns).with_columns(
        polars.col("at").cast(polars.Datetime("us")), one=polars.lit(1, polars.Int64))

    def compute():
        def over(name, days, key):
            window = polars.col(name).rolling_sum_by("at", window_size=f"{days}d", min_samples=0, closed="left")
            return window.fill_null(0).over(key)
        expressions = []
        near_count, near_sum = over("one", OFFSET, "terminal"), over("label", OFFSET, "terminal")
        for w in WINDOWS:
            expressions.append(over("one", w, "customer").alias(f"customer_count_{w}d"))
            mean = polars.col("amount").rolling_mean_by("at", window_size=f"{w}d", closed="left").over("customer")
            expressions.append(mean.alias(f"customer_mean_{w}d"))
            count = over("one", OFFSET + w, "terminal") - near_count
            total = over("label", OFFSET + w, "terminal") - near_sum
            expressions.append(count.alias(f"terminal_count_{w}d"))
            expressions.append(polars.when(count > 0).then(total / count).alias(f"terminal_mean_{w}d"))
        answer = table.lazy().select(expressions).collect()
        return {name: answer[name].to_numpy() for name in NAMES}
    return compute


def with_duckdb(columns):
    import duckdb, numpy, pyarrow
    given = pyarrow.table({**columns, "row": numpy.arange(len(columns["at"]))})
    connection = duckdb.connect()
    connection.execute("create table payments as select * from given")

    def compute():
        parts, windows = [], []
        for view, value, offset in (("customer", "amount", 0), ("terminal", "label", OFFSET)):
            for w in WINDOWS:
                parts.append(f"count(*) over {view}_{w} as {view}_count_{w}d, avg({value}) over {view}_{w} as {view}_mean_{w}d")
                windows.append(
                    f"{view}_{w} as (partition by {view} order by \"at\" range between {(offset + w) * DAY} preceding "
                    f"and {offset * DAY + 1} preceding)")
        answer = connection.sql(
            f"select {', '.join(parts)} from payments window {', '.join(windows)} order by row").to_arrow_table()
        return {name: answer[name].to_numpy() for name in NAMES}
    return compute


PEERS = {"pandas": with_pandas, "polars": with_polars, "duckdb": with_duckdb}


def run(peer, folder, repeats):
    import numpy
    compute = PEERS[peer](load(folder))
    best = None
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = compute()
        taken = (time.perf_counter() - wall, time.process_time() - cpu)
        best = tuple(map(min, best, taken)) if best else taken
    target = folder / peer
    target.mkdir(exist_ok=True)
    for name in NAMES:
        numpy.asarray(answer[name]).astype("<i8" if "count" in name else "<f8").tofile(target / name)
    (target / "seconds").write_text(f"{best[0]} {best[1]}\n")


def compare(folder):
    import importlib.metadata, numpy
    read = lambda of, name: numpy.fromfile(folder / of / name, dtype="<i8" if "count" in name else "<f8")
    seconds = lambda of: [float(text) for text in (folder / of / "seconds").read_text().split()]
    wall, cpu = seconds("martlet")
    print(f"{'':<18}{'wall s':>9}{'CPU s':>9}{'wall x':>9}{'CPU x':>9}   largest difference of a mean")
    print(f"{'martlet':<18}{wall:>9.3f}{cpu:>9.3f}{1:>9.1f}{1:>9.1f}")
    wrong = False
    for peer in PEERS:
        if not (folder / peer / "seconds").exists():
            continue
        largest = 0.0
        for name in NAMES:
            ours, theirs = read("martlet", name), read(peer, name)
            if "count" in name:
                if not numpy.array_equal(ours, theirs):
                    print(f"{peer}: {name} differs in {int((ours != theirs).sum())} rows", file=sys.stderr)
                    wrong = True
            elif not numpy.array_equal(numpy.isnan(ours), numpy.isnan(theirs)):
                print(f"{peer}: {name} is missing in other rows", file=sys.stderr)
                wrong = True
            else:
                largest = max(largest, float(numpy.nanmax(abs(ours - theirs) / numpy.maximum(1, abs(ours)))))
        if largest > 1e-9:
            print(f"{peer}: a mean differs by {largest}", file=sys.stderr)
            wrong = True
        their_wall, their_cpu = seconds(peer)
        label = f"{peer} {importlib.metadata.version(peer)}"
        print(f"{label:<18}{their_wall:>9.3f}{their_cpu:>9.3f}{their_wall / wall:>9.1f}{their_cpu / cpu:>9.1f}   {largest:.1e}")
    sys.exit(wrong)


match sys.argv[1:]:
    case ["prepare", source, folder]:
        prepare(source, pathlib.Path(folder))
    case [peer, folder, repeats] if peer in PEERS:
        run(peer, pathlib.Path(folder), int(repeats))
    case ["compare", folder]:
        compare(pathlib.Path(folder))
    case _:
        sys.exit(__doc__)
