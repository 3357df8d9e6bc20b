import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import Synchronization
import MartletTraining
import MartletWorld

/// Counts the records of predictions that were answered before being durable, and bounds what a crash can lose of them.
///
/// While the oldest of them has waited longer than the bound, or too many wait, nothing more is answered early. So what a
/// crash loses was answered within one stretch of that length.
final class LateRecords: Sendable {
    private struct Entry {
        var count: Int
        var since: UInt64
    }

    private struct State {
        /// Oldest first: the log stores them in the order in which they came.
        var entries: [Entry] = []
        var underWay = 0
        var failures = 0
        var lastFailure: String?
    }

    private let limit: Int
    /// How long a record may wait while others are still answered before being durable.
    let boundMilliseconds: Int
    /// Guards the counts.
    private let state = Mutex(State())

    init(limit: Int, boundMilliseconds: Int) {
        self.limit = limit
        self.boundMilliseconds = boundMilliseconds
    }

    /// Whether so many more may be answered before they are durable; any number may while none waits.
    ///
    /// - Parameter now: nanoseconds of the monotonic clock.
    func enter(_ count: Int, now: UInt64) -> Bool {
        state.withLock { state in
            if let oldest = state.entries.first {
                let isOld = now > oldest.since && now - oldest.since > UInt64(boundMilliseconds) * 1_000_000
                guard !isOld, state.underWay + count <= limit else { return false }
            }
            state.entries.append(Entry(count: count, since: now))
            state.underWay += count
            return true
        }
    }

    /// Records that entered together are durable, or lost.
    func leave(_ count: Int) {
        state.withLock { state in
            state.underWay -= count
            // Two threads may have come to the log in another order than here; then one of the same size stands near.
            if let index = state.entries.firstIndex(where: { $0.count == count }) { state.entries.remove(at: index) }
        }
    }

    func failed(_ reason: String, count: Int) {
        state.withLock { state in
            state.failures += count
            state.lastFailure = reason
        }
    }

    /// How many records were lost since the start, and why the last one was.
    var failures: (count: Int, last: String?) { state.withLock { ($0.failures, $0.lastFailure) } }
}
