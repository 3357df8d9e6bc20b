public import MartletFrames
import MartletMonitoring
import MartletPlan
import MartletServing
import MartletStorage

/// How monitors, alarms and rollouts stand, for metrics.
public struct WatchFigures: Sendable {
    /// The last measured window of a part of a monitor.
    public struct Window: Sendable {
        public var monitor: String
        public var part: String
        public var end: Timestamp
        public var rows: Int
        /// What came after its window had closed, since the monitor began.
        public var late: Int64
        /// How many measures lie beyond their bounds.
        public var beyond: Int
        public var measures: [Measure]

        public init(monitor: String, part: String, end: Timestamp, rows: Int, late: Int64, beyond: Int, measures: [Measure]) {
            self.monitor = monitor
            self.part = part
            self.end = end
            self.rows = rows
            self.late = late
            self.beyond = beyond
            self.measures = measures
        }
    }

    public struct Measure: Sendable {
        public var kind: String
        public var subject: String
        public var value: Double

        public init(kind: String, subject: String, value: Double) {
            self.kind = kind
            self.subject = subject
            self.value = value
        }
    }

    public struct Trial: Sendable {
        public var endpoint: String
        public var state: String
        /// From 1.
        public var step: Int

        public init(endpoint: String, state: String, step: Int) {
            self.endpoint = endpoint
            self.state = state
            self.step = step
        }
    }

    public var windows: [Window] = []
    /// Measures beyond ``measureLimit``.
    public var leftOut = 0
    /// By severity, then by phase; every severity, and the phases of alarms that have not ended.
    public var alarms: [String: [String: Int]] = [:]
    /// By state, all there ever were.
    public var rollouts: [String: Int] = [:]
    /// Those under way.
    public var trials: [Trial] = []

    /// Measures that are told at a time, over all monitors in the order of their names.
    public static let measureLimit = 2_000

    public init() {}
}

extension Platform {
    /// How monitors, alarms and rollouts stand.
    public func watchFigures() throws -> WatchFigures {
        var figures = WatchFigures()
        let monitors = inForce.project?.monitors ?? []
        let (counts, active) = try database.read { reader in
            for monitor in monitors {
                for part in monitor.stream == nil ? [MeasuredWindow.Part.requests, .outcomes] : [.events] {
                    guard let window = try MonitorTables().windows(of: monitor.name, part: part, from: nil, to: nil, limit: 1, reader).first else { continue }
                    figures.add(window, late: try MonitorTables().progress(of: monitor.name, part, reader)?.late ?? 0)
                }
            }
            return (try rollouts.counts(reader), try rollouts.active(reader))
        }
        for state in Rollout.State.allCases { figures.rollouts[state.rawValue] = counts[state] ?? 0 }
        figures.trials = active.map { .init(endpoint: $0.endpoint, state: $0.state.rawValue, step: $0.step + 1) }
        let phases: [Alarm.Phase] = [.pending, .firing, .acknowledged, .silenced]
        for severity in AlarmSeverity.allCases {
            figures.alarms[severity.rawValue] = Dictionary(uniqueKeysWithValues: phases.map { ($0.rawValue, 0) })
        }
        for alarm in alarms.look(\.alarms) where phases.contains(alarm.phase) {
            figures.alarms[alarm.severity.rawValue]?[alarm.phase.rawValue, default: 0] += 1
        }
        return figures
    }
}

extension WatchFigures {
    fileprivate mutating func add(_ window: MeasuredWindow, late: Int64) {
        var measures: [Measure] = []
        var schema: Double?
        for measure in window.measures {
            guard let value = measure.value, value.isFinite else { continue }
            // Names of fields that anybody may have sent are no labels; of them the greatest share is told.
            if measure.kind == .schema {
                schema = max(schema ?? 0, value)
            } else {
                measures.append(Measure(kind: measure.kind.rawValue, subject: measure.subject, value: value))
            }
        }
        if let schema { measures.append(Measure(kind: MonitorMeasure.Kind.schema.rawValue, subject: "", value: schema)) }
        let room = max(0, Self.measureLimit - windows.reduce(0) { $0 + $1.measures.count })
        leftOut += max(0, measures.count - room)
        windows.append(
            Window(
                monitor: window.monitor, part: window.part.rawValue, end: window.end, rows: window.rows, late: late,
                beyond: window.measures.count { $0.level == .beyond }, measures: Array(measures.prefix(room))))
    }
}
