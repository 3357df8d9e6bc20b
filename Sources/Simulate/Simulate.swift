import Glibc
import MartletStorageTesting

/// Runs the simulations of the storage for many seeds and prints the first seed that fails.
///
///     simulate [SEEDS [FIRST]]      1,000 seeds from 0 unless said otherwise
@main struct Simulate {
    static func main() async {
        let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
        guard numbers.count == CommandLine.arguments.count - 1, numbers.count <= 2 else {
            print("usage: simulate [SEEDS [FIRST]]")
            exit(64)
        }
        let count = numbers.first ?? 1_000
        let first = numbers.count == 2 ? numbers[1] : 0
        let (summary, failures) = await run(first..<(first + count))
        print(
            """
            log: \(count) seeds, \(summary.lives) lives, \(summary.appends) appends, \(summary.accepted) records acknowledged, \
            \(summary.refused) refused; \(summary.crashes) crashes, \(summary.failedSyncs) failed syncs, \
            \(summary.fullDisks) full disks; \(summary.foundWhole) unanswered appends found whole, \(summary.segments) segments
            """)
        for failure in failures.prefix(10) { print(failure) }
        if !failures.isEmpty { exit(1) }
    }

    private static func run(_ seeds: Range<UInt64>) async -> (LogSimulationSummary, failures: [String]) {
        await withTaskGroup(of: (LogSimulationSummary, [String]).self) { group in
            let shares = UInt64(8)
            for share in 0..<shares {
                group.addTask { @concurrent in
                    var total = LogSimulationSummary()
                    var failures: [String] = []
                    for seed in stride(from: seeds.lowerBound + share, to: seeds.upperBound, by: Int(shares)) {
                        do { total += try simulateLog(seed: seed) } catch { failures.append("\(error)") }
                    }
                    return (total, failures)
                }
            }
            var total = LogSimulationSummary()
            var failures: [String] = []
            for await (summary, failed) in group {
                total += summary
                failures += failed
            }
            return (total, failures)
        }
    }
}
