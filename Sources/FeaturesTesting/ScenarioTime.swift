import MartletFrames

/// How scenarios write moments: `10s`, `1h-1us`, `-5s`, `2018-07-25T06:00:00Z`, `2018-07-25T06:00:00Z+1us`.
///
/// Lengths of time count from 1970; a sum of them is read from left to right.
enum ScenarioTime {
    /// Microseconds since 1970; nil if the text is no moment or out of range.
    static func microseconds(_ text: Substring) -> Int64? {
        var rest = text
        var total: Int128 = 0
        if let zone = text.firstIndex(of: "Z") {
            guard let moment = civil(text[..<zone]) else { return nil }
            total = Int128(moment.microseconds)
            rest = text[text.index(after: zone)...]
        } else if rest.isEmpty {
            return nil
        }
        while let first = rest.first {
            let sign: Int128 = first == "-" ? -1 : 1
            if first == "-" || first == "+" { rest = rest.dropFirst() }
            let term = rest.prefix { $0 != "-" && $0 != "+" }
            rest = rest[term.endIndex...]
            let digits = term.prefix { $0.isASCII && $0.isNumber }
            guard let count = Int128(digits), let unit = units[term[digits.endIndex...]] else { return nil }
            let (span, spanOverflow) = count.multipliedReportingOverflow(by: unit)
            let (sum, sumOverflow) = total.addingReportingOverflow(sign * span)
            guard !spanOverflow, !sumOverflow else { return nil }
            total = sum
        }
        return Int64(exactly: total)
    }

    /// The shortest text that ``microseconds(_:)`` reads back.
    static func text(_ microseconds: Int64) -> String {
        if microseconds == .min { return "\(microseconds)us" }
        let span = Timestamp.Span(microseconds: abs(microseconds)).description
        return microseconds < 0 ? "-" + span : span
    }

    private static let units: [Substring: Int128] = [
        "us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
    ]

    private static func civil(_ text: Substring) -> Timestamp? {
        let parts = text.split(separator: "T")
        guard parts.count == 2 else { return nil }
        let day = parts[0].split(separator: "-").compactMap { Int($0) }
        let time = parts[1].split(separator: ":").compactMap { Int($0) }
        guard day.count == 3, time.count == 3 else { return nil }
        return CivilDate(
            year: day[0], month: day[1], day: day[2], hour: time[0], minute: time[1], second: time[2]
        ).timestamp
    }
}
