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

/// Counts the records of predictions that were answered before being durable, and bounds them.
final class LateRecords: Sendable {
    private struct State {
        var underWay = 0
        var failures = 0
        var lastFailure: String?
    }

    private let limit: Int
    /// Guards the counts.
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether so many more may be under way; any number may while there are none.
    func enter(_ count: Int) -> Bool {
        state.withLock { state in
            guard state.underWay == 0 || state.underWay + count <= limit else { return false }
            state.underWay += count
            return true
        }
    }

    func leave(_ count: Int) {
        state.withLock { $0.underWay -= count }
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
