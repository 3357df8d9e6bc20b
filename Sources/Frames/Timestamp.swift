/// A moment in microseconds since 1970-01-01T00:00:00Z.
///
/// Whether it is an event time, an ingest time or a known time is said by the name of what holds it.
public struct Timestamp: Hashable, Comparable, Sendable {
    public var microseconds: Int64

    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    public static func < (left: Self, right: Self) -> Bool {
        left.microseconds < right.microseconds
    }

    public static func + (moment: Self, span: Span) -> Self {
        Self(microseconds: moment.microseconds &+ span.microseconds)
    }

    public static func - (moment: Self, span: Span) -> Self {
        Self(microseconds: moment.microseconds &- span.microseconds)
    }
}

extension Timestamp {
    /// A length of time in whole microseconds; a day is 86,400 s.
    public struct Span: Hashable, Comparable, Sendable {
        public var microseconds: Int64

        public init(microseconds: Int64) {
            self.microseconds = microseconds
        }

        public static let zero = Span(microseconds: 0)
        public static func seconds(_ count: Int64) -> Span { Span(microseconds: count * 1_000_000) }
        public static func minutes(_ count: Int64) -> Span { .seconds(count * 60) }
        public static func hours(_ count: Int64) -> Span { .seconds(count * 3_600) }
        public static func days(_ count: Int64) -> Span { .seconds(count * 86_400) }

        public static func < (left: Self, right: Self) -> Bool {
            left.microseconds < right.microseconds
        }

        public static func + (left: Self, right: Self) -> Self {
            Self(microseconds: left.microseconds &+ right.microseconds)
        }
    }
}

extension Timestamp.Span {
    /// Reads `7d`, `12h`, `30m`, `45s`, `250ms`, `10us`: a whole number and one unit; nil for anything else.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let count = Int64(digits) else { return nil }
        let factors: [Substring: Int64] = ["us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000]
        guard let factor = factors[text.dropFirst(digits.count)] else { return nil }
        let (microseconds, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.init(microseconds: microseconds)
    }
}

extension Timestamp.Span: CustomStringConvertible {
    /// The shortest exact form that ``init(_:)`` reads: `7d`, `90m`.
    public var description: String {
        let units: [(String, Int64)] = [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)]
        for (unit, factor) in units where microseconds != 0 && microseconds % factor == 0 {
            return "\(microseconds / factor)\(unit)"
        }
        return microseconds == 0 ? "0s" : "\(microseconds)us"
    }
}
