import MartletPipelines

/// Why an answer differs from croniter's; `docs/reference/schedules.md` says more of each.
enum CronDifference: String, CaseIterable, CustomStringConvertible {
    case repeatedTime = "a time of day that is shown twice runs once"
    case passedOver = "croniter's get_prev passes over what was shown before clocks went back"
    case equalRange = "5-5 is 5, not the whole field"
    case wrappedStep = "a step through a range that wraps counts on"
    case wholeStep = "*/1 as a day is *"
    case wholeField = "all days of a week or month, beside days of the other field, are every day"
    case ordinalOrDay = "days of the month and ordinal weekdays add up"
    case mixedOrdinal = "plain and ordinal weekdays may stand in one list"
    case lastByName = "the last Friday may be written LFRI"
    case neverMatches = "an expression that never matches is refused"
    case before1970 = "zones are known from 1970 on"

    var description: String {
        switch self {
        case .repeatedTime: "repeatedTime"
        case .passedOver: "passedOver"
        case .equalRange: "equalRange"
        case .wrappedStep: "wrappedStep"
        case .wholeStep: "wholeStep"
        case .wholeField: "wholeField"
        case .ordinalOrDay: "ordinalOrDay"
        case .mixedOrdinal: "mixedOrdinal"
        case .lastByName: "lastByName"
        case .neverMatches: "neverMatches"
        case .before1970: "before1970"
        }
    }
}

/// An expression rewritten so that we understand it as croniter understands the original.
///
/// So even a line that differs by design is checked against croniter's answers: the rule is all that differs.
struct CroniterReading {
    var text: String
    var differences: Set<CronDifference> = []
    var mixesOrdinals = false
    /// Whether the hour field is not the whole day.
    var namesHours = true

    init(_ original: String) {
        text = original.lowercased()
        var words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 5 else {
            namesHours = text != "@hourly"
            return
        }
        let written = words
        for field in 0..<5 {
            words[field] = words[field].split(separator: ",", omittingEmptySubsequences: false)
                .map { rewritten($0, field) }.joined(separator: ",")
        }
        let isOrdinal = words[4].split(separator: ",").map { $0.contains("#") || $0.contains("l") }
        mixesOrdinals = isOrdinal.contains(true) && isOrdinal.contains(false)
        if isOrdinal.contains(true), words[2] != "*", words[2] != "?" {
            // croniter narrows both sides of its *or* by the ordinals, so that the days of the month add nothing.
            differences.insert(.ordinalOrDay)
            words[2] = "*"
        }
        // croniter takes a whole field for `*` if a star stands anywhere in the other one.
        for (day, other) in [(2, 4), (4, 2)] where written[other].contains("*") && words[day] != "*" && words[day] != "?" {
            let alone = day == 2 ? "0 0 \(words[2]) * *" : "0 0 * * \(words[4])"
            guard (try? CronExpression(alone)) == .daily else { continue }
            differences.insert(.wholeField)
            words[day] = "*"
        }
        namesHours = (try? CronExpression("0 \(words[1]) * * *")) != .hourly
        text = words.joined(separator: " ")
    }

    private mutating func rewritten(_ item: Substring, _ field: Int) -> String {
        let (first, last) = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)][field]
        if item == "*/1", field == 2 || field == 4 {
            differences.insert(.wholeStep)
            return "\(first)-\(last)"
        }
        let parts = item.split(separator: "/")
        guard let span = parts.first?.split(separator: "-"), span.count == 2, !item.contains("#"),
            let low = number(span[0], field), let high = number(span[1], field)
        else { return String(item) }
        let step = parts.count > 1 ? Int(parts[1]) ?? 1 : 1
        if low == high {
            differences.insert(.equalRange)
            return "\(first)-\(last)/\(step)"
        }
        guard low > high, step > 1 else { return String(item) }
        // croniter's arithmetic: where the step crosses the end of the field it skips one value more than it should.
        var values = Array(stride(from: low, through: last, by: step))
        let reached = values.last ?? low
        let skip = reached - first + step > last - first + 1 && last - reached < step ? step - (last - reached) : 0
        values += Array(stride(from: first + skip, through: high, by: step))
        differences.insert(.wrappedStep)
        return values.map(String.init).joined(separator: ",")
    }

    private func number(_ text: Substring, _ field: Int) -> Int? {
        let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        let weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        if field == 2, text == "l" { return 31 }
        if field == 3, let index = months.firstIndex(of: String(text)) { return index + 1 }
        if field == 4, let index = weekdays.firstIndex(of: String(text)) { return index }
        return Int(text).map { field == 4 ? $0 % 7 : $0 }
    }
}
