public import MartletBytes

/// How far the labels of an endpoint's decisions have come, day by day: counts alone, which can be added up.
public struct FeedbackCoverage: Hashable, Sendable {
    /// The decisions of one day.
    public struct Counts: Hashable, Sendable {
        /// Predictions made.
        public var decisions = 0
        /// Of them, those that the fallback answered.
        public var degraded = 0
        /// Those old enough for their label to be known.
        public var mature = 0
        /// Those whose outcome came.
        public var labelled = 0
        /// Those that are mature and have no outcome: what selective labels hide.
        public var unlabelled = 0
        /// Those whose outcome came before they were mature.
        public var early = 0
        /// Those that were chosen for review whatever their score.
        public var explored = 0
        /// Those that a person decided.
        public var reviewed = 0

        public init() {}

        public static func += (left: inout Self, right: Self) {
            left.decisions += right.decisions
            left.degraded += right.degraded
            left.mature += right.mature
            left.labelled += right.labelled
            left.unlabelled += right.unlabelled
            left.early += right.early
            left.explored += right.explored
            left.reviewed += right.reviewed
        }

        /// Counts one decision.
        mutating func count(isDegraded: Bool, isMature: Bool, isLabelled: Bool, isExplored: Bool, isReviewed: Bool) {
            decisions += 1
            degraded += isDegraded ? 1 : 0
            mature += isMature ? 1 : 0
            labelled += isLabelled ? 1 : 0
            unlabelled += isMature && !isLabelled ? 1 : 0
            early += isLabelled && !isMature ? 1 : 0
            explored += isExplored ? 1 : 0
            reviewed += isReviewed ? 1 : 0
        }

        var members: [(String, JSONValue)] {
            func share(_ part: Int, of whole: Int) -> JSONValue { whole == 0 ? .null : .float64(Double(part) / Double(whole)) }
            return [
                ("decisions", .int64(Int64(decisions))), ("degraded", .int64(Int64(degraded))), ("mature", .int64(Int64(mature))),
                ("labelled", .int64(Int64(labelled))), ("unlabelled", .int64(Int64(unlabelled))), ("early", .int64(Int64(early))),
                ("explored", .int64(Int64(explored))), ("reviewed", .int64(Int64(reviewed))),
                ("coverage", share(mature - unlabelled, of: mature)),
            ]
        }
    }

    /// By day of the prediction's time in the zone of its stream, as `2026-01-31`.
    public internal(set) var days: [String: Counts] = [:]
    /// Where the next page begins; nil at the end.
    public internal(set) var next: Int64?
    /// The log's end as the last of it was read.
    public internal(set) var end: Int64 = 0

    public init() {}

    public var total: Counts { days.values.reduce(into: Counts()) { $0 += $1 } }

    public var json: JSONValue {
        let days = days.sorted { $0.key < $1.key }.map { day, counts -> JSONValue in
            let start: [(String, JSONValue)] = [("day", .string(day))]
            return .object(start + counts.members)
        }
        return .object([
            ("days", .array(days)),
            ("total", .object(total.members)), ("next", next.map(JSONValue.int64) ?? .null), ("end", .int64(end)),
        ])
    }
}
