"""The peers of Benchmarks/drift.sh: SciPy, NannyML and Evidently compare the columns that Martlet compares.

    drift.py prepare FOLDER ROWS COLUMNS    raw float64 columns, reference and current, in FOLDER
    drift.py PEER FOLDER COLUMNS            scipy, nannyml, nannyml-binned or evidently: wall and CPU seconds of KS and PSI of all columns
    drift.py compare FOLDER                 holds the statistics to SciPy's and prints the table

All begin from columns in memory. SciPy: `ks_2samp` with the asymptotic chance, and PSI by `numpy.quantile`, `searchsorted` and
`bincount`; references as they come, since it has no form for prepared ones. NannyML: its Kolmogorov-Smirnov method, exact, and
in the form that it takes by itself from 10,000 rows on, which compares shares in 10,000 bins of equal width (nannyml-binned); fitted
before the clock starts. It has no PSI; Jensen-Shannon's distance, of bins, stands for it. Evidently: its KS and PSI tests, a report of
two columns tests each, as its users run it; it summarises or samples where it suits it.
"""
import json, pathlib, sys, time


def prepare(folder, rows, columns):
    import numpy as np
    g = np.random.default_rng(3)
    for name, shift in (("reference", 0.0), ("current", 0.002)):
        with open(folder / name, "wb") as file:
            for column in range(columns):
                kind = column % 5
                x = g.normal(size=rows) + shift
                if kind == 1: x = np.exp(1.5 * x)
                if kind == 2: x = np.round(x * 20)
                if kind == 3: x = np.where(g.random(rows) < 0.6, 0, np.exp(x) * 10)
                if kind == 4: x = g.random(rows) + 1e6
                x.astype("<f8").tofile(file)


def load(folder, columns):
    import numpy as np
    return [np.fromfile(folder / name, dtype="<f8").reshape(columns, -1) for name in ("reference", "current")]


def measured(body):
    wall, cpu = time.perf_counter(), time.process_time()
    answer = body()
    return answer, time.perf_counter() - wall, time.process_time() - cpu


def scipy(reference, current):
    import numpy as np
    from scipy import stats

    def psi(x, y):
        s = np.sort(x)
        n = len(s)
        edges = np.unique([s[max(0, (i * n + 9) // 10 - 1)] for i in range(1, 10)])
        edges = edges[edges < s[-1]]
        e = np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1)
        a = np.bincount(np.searchsorted(edges, y), minlength=len(edges) + 1)
        e, a = (e + 0.5) / (e + 0.5).sum(), (a + 0.5) / (a + 0.5).sum()
        return float(((a - e) * np.log(a / e)).sum())

    def run():
        return dict(ks=[float(stats.ks_2samp(x, y, method="asymp").statistic) for x, y in zip(reference, current)],
            psi=[psi(x, y) for x, y in zip(reference, current)])
    return run


def nannyml(reference, current, form=dict(kolmogorov_smirnov={}, calculation_method="exact")):
    import pandas as pd
    from nannyml.drift.univariate.methods import ContinuousJensenShannonDistance, KolmogorovSmirnovStatistic
    from nannyml.chunk import SizeBasedChunker
    from nannyml.thresholds import ConstantThreshold
    pairs = []
    for x, y in zip(reference, current):
        methods = []
        for kind in (KolmogorovSmirnovStatistic, ContinuousJensenShannonDistance):
            method = kind(chunker=SizeBasedChunker(len(x)), threshold=ConstantThreshold(0, 0.1), computation_params=form)
            methods.append(method.fit(pd.Series(x, name="x")))
        pairs.append((methods, pd.Series(y, name="x")))

    def run():
        return dict(ks=[[float(method.calculate(y)) for method in methods][0] for methods, y in pairs], psi=[])
    return run


def nannyml_binned(reference, current):
    return nannyml(reference, current, {})


def evidently(reference, current):
    import pandas as pd
    from evidently import Report
    from evidently.metrics import ValueDrift
    left, right = (pd.DataFrame({f"c{i}": column for i, column in enumerate(frame)}) for frame in (reference, current))
    report = Report([ValueDrift(column=name, method=method) for name in left for method in ("ks", "psi")])

    def run():
        report.run(right, left).dict()
        return {}
    return run


PEERS = {"scipy": scipy, "nannyml": nannyml, "nannyml-binned": nannyml_binned, "evidently": evidently}


def compare(folder):
    ours = json.loads((folder / "martlet.json").read_text())
    print(f"{'KS and PSI of all columns':<28}{'wall s':>9}{'CPU s':>9}{'CPU x':>9}")
    print(f"{'martlet':<28}{ours['wall']:>9.3f}{ours['cpu']:>9.3f}{1:>9.1f}")
    wrong = False
    for peer in PEERS:
        if not (folder / f"{peer}.json").exists():
            continue
        theirs = json.loads((folder / f"{peer}.json").read_text())
        print(f"{theirs['label']:<28}{theirs['wall']:>9.3f}{theirs['cpu']:>9.3f}{theirs['cpu'] / ours['cpu']:>9.1f}")
        if peer == "scipy":
            for name in ("ks", "psi"):
                worst = max(abs(a - b) for a, b in zip(ours[name], theirs[name]))
                print(f"    largest difference of {name} from SciPy's: {worst:.1e}")
                wrong = wrong or worst > 1e-12
    sys.exit(wrong)


match sys.argv[1:]:
    case ["prepare", folder, rows, columns]:
        prepare(pathlib.Path(folder), int(rows), int(columns))
    case ["compare", folder]:
        compare(pathlib.Path(folder))
    case [peer, folder, columns] if peer in PEERS:
        import importlib.metadata
        answer, wall, cpu = measured(PEERS[peer](*load(pathlib.Path(folder), int(columns))))
        package, _, form = peer.partition("-")
        label = f"{package} {importlib.metadata.version(package)}" + (f", {form}" if form else "")
        pathlib.Path(folder, f"{peer}.json").write_text(json.dumps(dict(answer, wall=wall, cpu=cpu, label=label)))
    case _:
        sys.exit(__doc__)
