public import MartletFrames
internal import MartletNumerics
package import MartletStatistics

/// Windows of the past that a window may be held against.
public enum PastWindows: String, Hashable, Sendable, CaseIterable {
    /// The seven windows before.
    case recent
    /// The windows of the same time in the last seven days; only of windows shorter than a day.
    case daily
    /// The windows of the same time and weekday in the last four weeks.
    case weekly

    /// How many windows these are, and how far apart; nil where windows of such a length have none.
    public func windows(of length: Timestamp.Span) -> (count: Int, every: Timestamp.Span)? {
        func apart(_ span: Timestamp.Span, _ count: Int) -> (count: Int, every: Timestamp.Span)? {
            length < span && span.microseconds % length.microseconds == 0 ? (count, span) : nil
        }
        switch self {
        case .recent: return (7, length)
        case .daily: return apart(.days(1), 7)
        case .weekly: return apart(.days(7), 4)
        }
    }
}

/// Which windows of the past a window was held against, and how far it was from each that could have been.
public struct ReferenceChoice: Hashable, Sendable {
    public var chosen: PastWindows
    /// Of the window itself, from 0 to 1; none of those that have no windows yet.
    public var errors: [PastWindows: Double]

    public init(_ chosen: PastWindows, errors: [PastWindows: Double]) {
        self.chosen = chosen
        self.errors = errors
    }

    /// Those that had the least error in the recent past.
    ///
    /// In the order of the cases, each takes the place of the one before if there are at least ``leastWindows`` windows of which both
    /// have an error, and the mean of its own over these is less. So without a season, and at the beginning, it is the recent ones.
    ///
    /// - Parameter past: errors of the windows before, at most ``lookBack(_:)`` of them, in any order.
    public static func choose(_ past: [[PastWindows: Double]]) -> PastWindows {
        var best = PastWindows.recent
        for candidate in PastWindows.allCases.dropFirst() {
            var (sum, bestSum, count) = (CompensatedSum(), CompensatedSum(), 0)
            for errors in past {
                guard let error = errors[candidate], let bestError = errors[best] else { continue }
                sum.add(error)
                bestSum.add(bestError)
                count += 1
            }
            if count >= leastWindows, sum.value < bestSum.value { best = candidate }
        }
        return best
    }

    public static let leastWindows = 7

    /// How many windows of the past the choice looks at: two weeks of them, at least 14 and at most 336.
    public static func lookBack(_ window: Timestamp.Span) -> Int {
        Int(min(336, max(14, Timestamp.Span.days(14).microseconds / window.microseconds)))
    }

    /// How far a window is from a reference: half the mean of its columns' distances (Jensen–Shannon, base 2), and half of how much its
    /// number of rows differs from the mean of the reference's, as a share of the greater. Nil without a reference.
    package static func error(rows: Int, _ columns: [ColumnProfile], against reference: MonitorReference) -> Double? {
        guard !reference.volumes.isEmpty else { return nil }
        let mean = Double(reference.volumes.reduce(0, +)) / Double(reference.volumes.count)
        let greater = max(mean, Double(rows))
        let volume = greater > 0 ? (mean - Double(rows)).magnitude / greater : 0
        var sum = CompensatedSum()
        var count = 0
        for (column, known) in zip(columns, reference.features) {
            guard let known, let drift = ColumnDrift(reference: known, current: column) else { continue }
            sum.add(drift.distances.jensenShannon)
            count += 1
        }
        return count > 0 ? (volume + sum.value / Double(count)) / 2 : volume / 2
    }
}
