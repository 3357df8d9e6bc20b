import Glibc
import MartletPipelinesTesting
import MartletPlatformTesting
import MartletStorageTesting

/// Runs the simulations of the log, of the platform and of the scheduler for many seeds and prints the seeds that fail.
///
///     simulate [SEEDS [FIRST]]      1,000 seeds of each from 0 unless said otherwise; of the scheduler five times as many
///     simulate --seed SEED          one seed of each, twice, with the hash of what it leaves on its disk
@main struct Simulate {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let numbers = arguments.compactMap { UInt64($0) }
        if arguments.first == "--seed", arguments.count == 2, let seed = numbers.first { return await repeating(seed) }
        guard numbers.count == arguments.count, numbers.count <= 2 else {
            print("usage: simulate [SEEDS [FIRST]]\n       simulate --seed SEED")
            exit(64)
        }
        let count = numbers.first ?? 1_000
        let first = numbers.count == 2 ? numbers[1] : 0
        let seeds = first..<(first + count)
        let (log, logFailures) = await run(seeds, LogSimulationSummary(), +=) { seed in try simulateLog(seed: seed) }
        print(
            """
            log: \(count) seeds, \(log.lives) lives, \(log.appends) appends, \(log.accepted) records acknowledged, \
            \(log.refused) refused; \(log.crashes) crashes, \(log.failedSyncs) failed syncs, \
            \(log.fullDisks) full disks; \(log.foundWhole) unanswered appends found whole, \(log.segments) segments
            """)
        let (platform, platformFailures) = await run(seeds, PlatformSimulationSummary(), +=) { seed in
            try await simulatePlatform(seed: seed)
        }
        print(
            """
            platform: \(count) seeds, \(platform.lives) lives, \(platform.operations) operations, \(platform.acknowledged) \
            acknowledged; \(platform.events) events, \(platform.predictions) predictions, \(platform.releases) releases kept; \
            \(platform.crashes) crashes, \(platform.failedSyncs) failed syncs, \(platform.fullDisks) full disks; \
            \(platform.foundDone) unanswered operations found done; hash \(String(platform.hash, radix: 16))
            """)
        let (scheduler, schedulerFailures) = await run(first..<(first + 5 * count), SchedulerSimulationSummary(), +=) { seed in
            try simulateScheduler(seed: seed)
        }
        print(
            """
            scheduler: \(5 * count) seeds, \(scheduler.lives) lives, \(scheduler.runs) runs, \(scheduler.attempts) attempts, \
            \(scheduler.retries) retries, \(scheduler.interruptions) cut short; \(scheduler.crashes) crashes, \
            \(scheduler.recoveryCrashes) of them during recovery; \(scheduler.cancellations) cancellations, \
            \(scheduler.cleared) clearings, \(scheduler.marked) marks, \(scheduler.backfills) backfills; \
            hash \(String(scheduler.hash, radix: 16))
            """)
        for failure in logFailures.prefix(5) + platformFailures.prefix(5) + schedulerFailures.prefix(5) { print(failure) }
        if !logFailures.isEmpty || !platformFailures.isEmpty || !schedulerFailures.isEmpty {
            print(
                """
                \(logFailures.count) seeds of the log, \(platformFailures.count) of the platform and \
                \(schedulerFailures.count) of the scheduler failed; 'simulate --seed SEED' repeats one
                """)
            exit(1)
        }
    }

    /// Runs one seed twice: what it leaves must be the same to the byte.
    private static func repeating(_ seed: UInt64) async {
        do {
            let log = try simulateLog(seed: seed)
            let first = try await simulatePlatform(seed: seed)
            let second = try await simulatePlatform(seed: seed)
            print("log: \(log)\nplatform: \(first)\nhash: \(String(first.hash, radix: 16)), \(String(second.hash, radix: 16))")
            let scheduler = try simulateScheduler(seed: seed)
            print("scheduler: \(scheduler)")
            guard first == second, try simulateLog(seed: seed) == log, try simulateScheduler(seed: seed) == scheduler else {
                print("two runs of seed \(seed) differ")
                exit(1)
            }
        } catch {
            print(error)
            exit(1)
        }
    }

    private static func run<Summary: Sendable>(
        _ seeds: Range<UInt64>, _ none: Summary, _ add: @escaping @Sendable (inout Summary, Summary) -> Void,
        _ simulate: @escaping @Sendable (UInt64) async throws -> Summary
    ) async -> (Summary, failures: [String]) {
        await withTaskGroup(of: (Summary, [String]).self) { group in
            let shares = UInt64(8)
            for share in 0..<shares {
                group.addTask { @concurrent in
                    var total = none
                    var failures: [String] = []
                    for seed in stride(from: seeds.lowerBound + share, to: seeds.upperBound, by: Int(shares)) {
                        do { add(&total, try await simulate(seed)) } catch { failures.append("\(error)") }
                    }
                    return (total, failures)
                }
            }
            var total = none
            var failures: [String] = []
            for await (summary, failed) in group {
                add(&total, summary)
                failures += failed
            }
            return (total, failures)
        }
    }
}
