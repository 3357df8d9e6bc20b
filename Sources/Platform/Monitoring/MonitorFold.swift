import MartletFrames
import MartletMonitoring
import MartletServing
import MartletStatistics
import MartletWorld
import Synchronization

/// How far the reading of a monitor has come; the open windows are in memory, and made anew from the log at a start.
struct MonitorFold: Sendable {
    /// What the open windows are of; another of either begins them anew.
    let definition: MonitorDefinition
    let columns: WatchedColumns
    /// Where reading goes on.
    var requests: MonitorProgress
    var outcomes: MonitorProgress
    var open: [Int64: MonitorWindow] = [:]
    var openOutcomes: [Int64: OutcomeWindow] = [:]
    /// Of each open window, where in the log its first prediction stands.
    var firstPositions: [Int64: Int64] = [:]
    var firstOutcomePositions: [Int64: Int64] = [:]
    /// When the newest prediction came; nil before the first.
    var newest: Timestamp?

    func start(of time: Int64) -> Int64 {
        let length = definition.window.microseconds
        let rest = time % length
        return time - (rest < 0 ? rest + length : rest)
    }
}

/// The features that a monitor watches, as predictions are stored.
struct WatchedColumns: Hashable, Sendable {
    var names: [String]
    var types: [ValueType]
}

/// The monitors of an opened project at work.
final class MonitorDesk: Sendable {
    /// Held while predictions are read: one reader at a time.
    let reading = AsyncLock()
    private let folds = Mutex<[String: MonitorFold]>([:])

    subscript(monitor: String) -> MonitorFold? {
        get { folds.withLock { $0[monitor] } }
        set { folds.withLock { $0[monitor] = newValue } }
    }

    func keep(_ monitors: Set<String>) {
        folds.withLock { folds in folds = folds.filter { monitors.contains($0.key) } }
    }
}
