import Foundation
import MartletStatistics

// Reads raw float64 columns of one length, one after the other, `reference` and `current` of a folder; writes wall and CPU seconds
// of comparing each current column with its prepared reference, and the statistics, for Benchmarks/drift.py to hold to SciPy's.
//
//     Drift FOLDER COLUMNS REPEATS

func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The least wall and CPU seconds of a few runs.
func measured(_ repeats: Int, _ body: () -> Void) -> (wall: Double, cpu: Double) {
    var best = (wall: Double.infinity, cpu: Double.infinity)
    for _ in 0..<repeats {
        let cpu = cpuSeconds()
        let wall = ContinuousClock().measure(body)
        best.cpu = min(best.cpu, cpuSeconds() - cpu)
        best.wall = min(best.wall, Double(wall.components.seconds) + Double(wall.components.attoseconds) / 1e18)
    }
    return best
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let columnCount = Int(arguments[2]), let repeats = Int(arguments[3]) else {
    print("Drift FOLDER COLUMNS REPEATS")
    exit(2)
}
let folder = URL(filePath: arguments[1])

func columns(_ name: String) throws -> [[Double]] {
    let bytes = try Data(contentsOf: folder.appending(path: name))
    let rows = bytes.count / 8 / columnCount
    return bytes.withUnsafeBytes { raw in
        let numbers = raw.bindMemory(to: Double.self)
        return (0..<columnCount).map { Array(numbers[($0 * rows)..<(($0 + 1) * rows)]) }
    }
}

let (reference, current) = (try columns("reference"), try columns("current"))
let rows = current[0].count
var prepared: [DriftReference] = []
let preparing = measured(1) { prepared = reference.compactMap { DriftReference($0) } }
precondition(prepared.count == columnCount)
var drifts: [ColumnDrift] = []
let comparing = measured(repeats) { drifts = zip(prepared, current).compactMap { $0.drift(of: $1.span) } }
var profiles: [ColumnProfile] = []
let profiling = measured(repeats) {
    profiles = current.map { column in
        var profile = ColumnProfile.numbers()
        profile.add(column.span)
        return profile
    }
}
let histograms = measured(repeats) {
    for column in current {
        var histogram = NumberHistogram()
        histogram.add(column.span)
        precondition(histogram.count == rows)
    }
}
let references = reference.map { column in
    var profile = ColumnProfile.numbers()
    profile.add(column.span)
    return profile
}
let between = measured(repeats) { precondition(zip(references, profiles).allSatisfy { ColumnDrift(reference: $0, current: $1) != nil }) }

let answer: [String: Any] = [
    "ks": drifts.map { $0.kolmogorovSmirnov?.statistic ?? .nan }, "psi": drifts.map(\.distances.populationStability),
    "wall": comparing.wall, "cpu": comparing.cpu,
]
try JSONSerialization.data(withJSONObject: answer).write(to: folder.appending(path: "martlet.json"))
let numbers = Double(rows * columnCount)
func figure(_ number: Double, _ places: Int) -> String { String(format: "%.\(places)f", number) }
print("martlet: references sorted once in \(figure(preparing.cpu, 2)) s of CPU")
print("martlet: profiles \(figure(profiling.cpu / numbers * 1e9, 1)) ns of CPU a number, histogram alone \(figure(histograms.cpu / numbers * 1e9, 1)) ns")
print("martlet: all five distances between the \(columnCount) pairs of profiles \(figure(between.cpu * 1e3, 1)) ms of CPU")
