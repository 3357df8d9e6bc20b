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

    func start(of time: Int64) -> Int64 { definition.windowStart(of: time) }
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
    private let streams = Mutex<[String: StreamFold]>([:])

    subscript(monitor: String) -> MonitorFold? {
        get { folds.withLock { $0[monitor] } }
        set { folds.withLock { $0[monitor] = newValue } }
    }

    /// Hands the fold of a stream's monitor out, so that it is changed in place; none is there until it is put back.
    func takeStream(_ monitor: String) -> StreamFold? { streams.withLock { $0.removeValue(forKey: monitor) } }

    func put(_ fold: StreamFold) { streams.withLock { $0[fold.definition.name] = fold } }

    func keep(_ monitors: Set<String>) {
        folds.withLock { folds in folds = folds.filter { monitors.contains($0.key) } }
        streams.withLock { streams in streams = streams.filter { monitors.contains($0.key) } }
    }
}
