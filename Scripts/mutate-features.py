#!/usr/bin/env python3
"""Plants mistakes into the feature engine, one at a time, and asks its live and its training-set tests apart.

    Scripts/mutate-features.py [--only NAME] [--table FILE]

Works on a copy of the few targets that the tests need; nothing of the working tree changes. Each mistake must fail the
suite `LiveReadTests` and the suite `TrainingSetReadTests`, but where BLIND says why a reader cannot see it. The run
ends with status 1 if a mistake is not caught, if its text is not found exactly once, or if it does not compile. --table
writes what was found as Markdown: Tests/FeaturesTests/mutations.md.
"""
import argparse, pathlib, re, shutil, subprocess, sys, tempfile, time

# name as in Tests/FeaturesTests/mutations.txt: (file, text, replacement)
MUTATIONS = {
    "near edge closed": (
        "ViewProgram.swift", "let nearEdge = Self.index(of: near, in: &edges)",
        "let nearEdge = Self.index(of: near - 1, in: &edges)"),
    "far edge open": ("ViewProgram.swift", "let far = overflow ? Int64.max : sum", "let far = overflow ? Int64.max : sum - 1"),
    "offset dropped": ("ViewProgram.swift", "let near = aggregation.offset.microseconds", "let near: Int64 = 0"),
    "offset clips": (
        "ViewProgram.swift", "near.addingReportingOverflow(aggregation.length.microseconds)",
        "Int64(0).addingReportingOverflow(max(near, aggregation.length.microseconds))"),
    "own key seen": (
        "WindowReader.swift", "guard ownKey != .none else { return false }",
        "guard ownKey != .none, t == .min else { return false }"),
    "no key is a key": (
        "WindowReader.swift", "guard ownKey != .none else { return false }", "if ownKey == .none { return true }"),
    "ties by arrival": (
        "VersionArena+Changes.swift",
        "        if staged.uniqueKeys[row] != fingerprints[slot] { return staged.uniqueKeys[row] < fingerprints[slot] }\n", ""),
    "payload forgotten": (
        "VersionArena+Changes.swift",
        "        if payloads[left] != payloads[right] { return payloads[left] < payloads[right] }\n", ""),
    "removal forgotten": ("ViewState+Update.swift", "if let version = remove(removal) {", "if removal.position == .min, let version = remove(removal) {"),
    "removal ignores cut": (
        "WindowReader.swift", "let isRemoved = arena.removedPositions[slot] < cut && (", "let isRemoved = ("),
    "removal ignores known time": (
        "WindowReader.swift", "&& (!asKnown || arena.removedKnownTimes[slot] <= t)", ""),
    "known time strict": (
        "WindowReader.swift", "guard arena.positions[slot] < cut, !asKnown || arena.knownTimes[slot] <= t",
        "guard arena.positions[slot] < cut, !asKnown || arena.knownTimes[slot] < t"),
    "known time ignored": (
        "WindowReader.swift", "!asKnown || owner.lagMax <= nearestEdge || owner.knownMax <= t", "t != .min"),
    "cut inclusive": (
        "WindowReader.swift", "guard arena.positions[slot] < cut,", "guard arena.positions[slot] <= cut,"),
    "absent too early": ("ViewProgram.swift", "let border = rule.after.microseconds - 1", "let border = Int64(-1)"),
    "absent strict": ("ViewProgram.swift", "let border = rule.after.microseconds - 1", "let border = rule.after.microseconds"),
    "absent forgotten": ("ViewProgram.swift", "let border = rule.after.microseconds - 1", "let border = Int64.max"),
    "absent overrides": (
        "LaneBatch.swift", "if column.isMissing(row) { builder.append(fill.value) }",
        "if row >= 0 { builder.append(fill.value) }"),
    "missing filter true": (
        "LaneBatch.swift", "where !passes[row] || filter.isMissing(row)", "where !passes[row] && !filter.isMissing(row)"),
    "variance by n": ("Moments.swift", "by: n * (n - 1), isNegative", "by: n * n, isNegative"),
    "zeros alike": ("Lane.swift", "return kind == .number ? Self.totalOrder(word) : word", "return kind == .number ? Self.totalOrder(word == .min ? 0 : word) : word"),
    "zeros distinct": ("Lane.swift", "case .number: words[slot] == 1 << 63 ? 0 : words[slot]", "case .number: words[slot]"),
}

# Mistakes that a reader cannot see by definition, and why.
BLIND = {
    ("removal ignores cut", "live"): "a live read is as of the newest cut, so no removal lies past it",
    ("cut inclusive", "live"): "a live read is as of the newest cut, so no record lies at it",
    ("removal ignores known time", "live"): "only training sets ask as known",
    ("known time strict", "live"): "only training sets ask as known",
    ("known time ignored", "live"): "only training sets ask as known",
}
SUITES = {"live": "FeaturesTests.LiveReadTests", "training set": "FeaturesTests.TrainingSetReadTests"}

# The targets that the tests need, of the package's own manifest: name, what it stands on.
PARTS = {
    "Bytes": [], "Frames": ["Bytes"], "Expressions": ["Frames"], "Features": ["Bytes", "Frames", "Expressions"],
    "FeaturesTesting": ["Frames", "Expressions", "Features"],
}
TEST_FILES = ["Support.swift", "ReadPathTests.swift", "Scenarios"]

MANIFEST = """// swift-tools-version: 6.2
import PackageDescription
let package = Package(
    name: "mutants", platforms: [.macOS(.v15)],
    dependencies: [.package(url: "https://github.com/attaswift/BigInt", exact: "BIGINT")],
    targets: [
TARGETS
        .testTarget(name: "FeaturesTests", dependencies: [TESTED], path: "Tests/FeaturesTests", exclude: ["Scenarios"]),
    ])
for target in package.targets {
    // As in the package itself, but warnings are none of a mistake's.
    target.swiftSettings = [
        "ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility", "NonisolatedNonsendingByDefault",
        "InferIsolatedConformances",
    ].map { .enableUpcomingFeature($0) }
}
"""


def manifest(package):
    version = re.search(r'attaswift/BigInt", exact: "([^"]+)"', (package / "Package.swift").read_text()).group(1)
    targets = []
    for name, parts in PARTS.items():
        needs = [f'"Martlet{part}"' for part in parts]
        if name == "FeaturesTesting":
            needs.append('.product(name: "BigInt", package: "BigInt")')
        targets.append(f'        .target(name: "Martlet{name}", dependencies: [{", ".join(needs)}], path: "Sources/{name}"),')
    tested = ", ".join(f'"Martlet{part}"' for part in PARTS)
    return MANIFEST.replace("BIGINT", version).replace("TARGETS", "\n".join(targets)).replace("TESTED", tested)


def swift(copy, *words):
    return subprocess.run(["swift", *words, "--package-path", str(copy)], capture_output=True, text=True)


def build(copy):
    built = swift(copy, "build", "--build-tests")
    if built.returncode == 0:
        return None
    lines = [line for line in (built.stdout + built.stderr).splitlines() if "error:" in line]
    return "\n".join(lines[:8]) or built.stderr[-2000:]


def failing(copy, suite):
    """Whether a suite of tests fails; anything else than a run of its tests ends the program."""
    run = swift(copy, "test", "--skip-build", "--filter", suite)
    said = run.stdout + run.stderr
    ran = re.search(r"Test run with (\d+) tests? .*(passed|failed) after", said)
    # A trap ends the run before its count.
    trapped = re.search(r"Fatal error|signal code|with unexpected signal", said)
    if not trapped and (not ran or int(ran.group(1)) == 0 or (ran.group(2) == "passed") != (run.returncode == 0)):
        sys.exit(f"{suite} did not run:\n{said[-2000:]}")
    return run.returncode != 0


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--only", help="the name of one mistake")
parser.add_argument("--table", help="where the table goes")
arguments = parser.parse_args()
package = pathlib.Path(__file__).resolve().parent.parent
if arguments.only and arguments.only not in MUTATIONS:
    sys.exit(f"there is no mistake '{arguments.only}'; there are: {', '.join(MUTATIONS)}")
failures = []
rows = []
with tempfile.TemporaryDirectory() as folder:
    copy = pathlib.Path(folder)
    (copy / "Package.swift").write_text(manifest(package))
    for name in PARTS:
        shutil.copytree(package / "Sources" / name, copy / "Sources" / name)
    tests = copy / "Tests" / "FeaturesTests"
    tests.mkdir(parents=True)
    for name in TEST_FILES:
        source = package / "Tests" / "FeaturesTests" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tests / name)
    error = build(copy)
    if error:
        sys.exit(f"the engine as it is does not build:\n{error}")
    for reader, suite in SUITES.items():
        if failing(copy, suite):
            sys.exit(f"the engine as it is fails {suite}")
    for name, (file, text, replacement) in MUTATIONS.items():
        if arguments.only and arguments.only != name:
            continue
        began = time.monotonic()
        path = copy / "Sources" / "Features" / file
        original = path.read_text() if path.exists() else ""
        if original.count(text) != 1:
            elsewhere = [other.name for other in path.parent.glob("*.swift") if text in other.read_text()]
            failures.append(
                f"{name}: its text stands {original.count(text)} times in {file}"
                + (f", and also in {', '.join(elsewhere)}" if elsewhere else "; was the line rewritten?"))
            print(failures[-1], flush=True)
            continue
        path.write_text(original.replace(text, replacement))
        error = build(copy)
        cells = []
        if error:
            failures.append(f"{name}: does not compile\n{error}")
            print(failures[-1], flush=True)
        else:
            for reader, suite in SUITES.items():
                caught = failing(copy, suite)
                blind = BLIND.get((name, reader))
                cells.append("caught" if caught else f"cannot see it: {blind}" if blind else "NOT CAUGHT")
                if caught and blind:
                    failures.append(f"{name}: caught by {reader}, and BLIND says it cannot be")
                elif not caught and not blind:
                    failures.append(f"{name}: no {reader} test fails")
            print(f"{name}: live {cells[0]}; training set {cells[1]} ({time.monotonic() - began:.0f} s)", flush=True)
            rows.append((name, *cells))
        path.write_text(original)
if arguments.table:
    lines = [
        "# Mistakes planted into the engine", "",
        "What `Scripts/mutate-features.py --table Tests/FeaturesTests/mutations.md` found: each mistake, and whether the suites",
        "`LiveReadTests` and `TrainingSetReadTests` fail with it. `mutations.txt` says in words what each is.", "",
        "| mistake | live | training set |", "| --- | --- | --- |",
    ]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    pathlib.Path(arguments.table).write_text("\n".join(lines) + "\n")
if failures:
    print("\n" + "\n".join(failures))
sys.exit(1 if failures else 0)
