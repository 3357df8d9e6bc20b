#!/usr/bin/env python3
"""Plants mistakes into the feature engine, one at a time, and expects its tests to fail.

    Scripts/mutate-features.py [--package DIR] [--only NAME]

Works on a copy of the package's Sources and Tests; nothing of the working tree changes. A mistake whose text is not
found exactly once, that does not compile, or that no test catches ends the run with status 1.
"""
import argparse, pathlib, shutil, subprocess, sys, tempfile

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
        "WindowReader.swift", "let mayHoldOwn = ownKey != .none && mayHoldOwnVersion(ownKey, t)",
        "let mayHoldOwn = ownKey != .none && t == .min"),
    "no key is a key": (
        "WindowReader.swift", "let mayHoldOwn = ownKey != .none && mayHoldOwnVersion(ownKey, t)", "let mayHoldOwn = true"),
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

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--package", default=str(pathlib.Path(__file__).resolve().parent.parent))
parser.add_argument("--only")
arguments = parser.parse_args()
package = pathlib.Path(arguments.package)
failures = []
with tempfile.TemporaryDirectory() as folder:
    copy = pathlib.Path(folder)
    for part in ["Package.swift", "Package.resolved"]:
        if (package / part).exists():
            shutil.copy(package / part, copy / part)
    for part in ["Sources", "Tests", "Benchmarks"]:
        if (package / part).exists():
            shutil.copytree(package / part, copy / part)
    for name, (file, text, replacement) in MUTATIONS.items():
        if arguments.only and arguments.only != name:
            continue
        path = copy / "Sources" / "Features" / file
        original = path.read_text()
        if original.count(text) != 1:
            failures.append(f"{name}: its text stands {original.count(text)} times in {file}")
            continue
        path.write_text(original.replace(text, replacement))
        build = ["swift", "build", "--build-tests", "--package-path", str(copy)]
        built = subprocess.run(build, capture_output=True, text=True)
        if built.returncode != 0:
            failures.append(f"{name}: does not compile\n{built.stdout[-2000:]}{built.stderr[-2000:]}")
        else:
            test = ["swift", "test", "--skip-build", "--package-path", str(copy), "--filter", "FeaturesTests.AgreementTests"]
            run = subprocess.run(test, capture_output=True, text=True)
            caught = run.returncode != 0
            print(f"{name}: {'caught' if caught else 'NOT CAUGHT'}", flush=True)
            if not caught:
                failures.append(f"{name}: no test fails")
        path.write_text(original)
print("\n".join(failures))
sys.exit(1 if failures else 0)
