public import MartletExpressions
public import MartletFrames

/// When a pipeline runs by itself, and which data interval each of its runs is about.
///
/// The interval between two moments of the schedule, `[start, end)`, is run once `end` has come.
public struct PipelineSchedule: Hashable, Sendable {
    /// How the moments are named.
    public enum Rule: Hashable, Sendable {
        /// The moments of a cron expression, by the clocks of the schedule's zone.
        case cron(CronExpression)
        /// Whole multiples of a span since 1970, in UTC. A span that is not positive has none.
        case every(Timestamp.Span)
    }

    /// How the moments are named.
    public let rule: Rule
    /// The zone of the clocks that a cron expression is about.
    public let zone: TimeZoneTable
    /// The first moment; intervals begin at or after it. Nil: from when the pipeline was first applied.
    public let start: Timestamp?
    /// No interval ends after it.
    public let end: Timestamp?
    /// Whether intervals that were missed are run too, or only the newest.
    public let catchup: Bool

    /// Takes a schedule's parts.
    public init(_ rule: Rule, zone: TimeZoneTable = .utc, start: Timestamp? = nil, end: Timestamp? = nil, catchup: Bool = false) {
        self.rule = rule
        self.zone = zone
        self.start = start
        self.end = end
        self.catchup = catchup
    }
}

extension PipelineSchedule {
    /// Every hour, on the hour, UTC.
    public static let hourly = PipelineSchedule(.cron(.hourly))
    /// Every day at midnight, UTC.
    public static let daily = PipelineSchedule(.cron(.daily))
    /// Every Sunday at midnight, UTC.
    public static let weekly = PipelineSchedule(.cron(.weekly))
    /// The first of every month at midnight, UTC.
    public static let monthly = PipelineSchedule(.cron(.monthly))
    /// The first of January at midnight, UTC.
    public static let yearly = PipelineSchedule(.cron(.yearly))
}

/// The moments of the rule, whatever `start` and `end` are. Nil: there is none within 50 years.
extension PipelineSchedule {
    /// The first moment after another.
    public func moment(after moment: Timestamp) -> Timestamp? {
        switch rule {
        case .cron(let expression): expression.next(after: moment, in: zone)
        case .every(let span): multiple(of: span, atOrBefore: moment).flatMap { PipelineSchedule.sum($0, span) }
        }
    }

    /// The first moment that is not before another.
    public func moment(atOrAfter moment: Timestamp) -> Timestamp? {
        guard moment.microseconds > .min else { return nil }
        return self.moment(after: Timestamp(microseconds: moment.microseconds - 1))
    }

    /// The last moment that is not after another.
    public func moment(atOrBefore moment: Timestamp) -> Timestamp? {
        switch rule {
        case .cron(let expression): expression.previous(atOrBefore: moment, in: zone)
        case .every(let span): multiple(of: span, atOrBefore: moment)
        }
    }

    /// The last moment before another.
    public func moment(before moment: Timestamp) -> Timestamp? {
        guard moment.microseconds > .min else { return nil }
        return self.moment(atOrBefore: Timestamp(microseconds: moment.microseconds - 1))
    }

    private func multiple(of span: Timestamp.Span, atOrBefore moment: Timestamp) -> Timestamp? {
        guard span > .zero else { return nil }
        let (microseconds, overflow) = moment.microseconds.flooredQuotient(by: span.microseconds)
            .multipliedReportingOverflow(by: span.microseconds)
        return overflow ? nil : Timestamp(microseconds: microseconds)
    }

    private static func sum(_ moment: Timestamp, _ span: Timestamp.Span) -> Timestamp? {
        let (microseconds, overflow) = moment.microseconds.addingReportingOverflow(span.microseconds)
        return overflow ? nil : Timestamp(microseconds: microseconds)
    }
}
