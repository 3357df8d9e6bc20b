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

    /// Whether one more may be under way.
    func enter() -> Bool {
        state.withLock { state in
            guard state.underWay < limit else { return false }
            state.underWay += 1
            return true
        }
    }

    func leave() {
        state.withLock { $0.underWay -= 1 }
    }

    func failed(_ reason: String) {
        state.withLock { state in
            state.failures += 1
            state.lastFailure = reason
        }
    }

    /// How many records were lost since the start, and why the last one was.
    var failures: (count: Int, last: String?) { state.withLock { ($0.failures, $0.lastFailure) } }
}
