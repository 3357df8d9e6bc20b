/// One of the five fields: what it is called, and which values it takes.
struct CronField: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case minute, hour, dayOfMonth, month, dayOfWeek
    }

    let kind: Kind
    /// As messages call it.
    let name: String
    let values: ClosedRange<Int>
    /// Names of the values from the first on, in lower case.
    let names: [String]
    /// As messages describe what may stand here.
    let allowed: String

    static let all = [
        CronField(kind: .minute, name: "minute", values: 0...59, names: [], allowed: "0 to 59"),
        CronField(kind: .hour, name: "hour", values: 0...23, names: [], allowed: "0 to 23"),
        CronField(kind: .dayOfMonth, name: "day-of-month", values: 1...31, names: [], allowed: "1 to 31, or L for the last day"),
        CronField(
            kind: .month, name: "month", values: 1...12,
            names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], allowed: "1 to 12, or JAN to DEC"),
        CronField(
            kind: .dayOfWeek, name: "day-of-week", values: 0...6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
            allowed: "0 to 7 (0 and 7 are Sunday), or SUN to SAT"),
    ]
}

/// A word that stands for five fields.
enum CronPreset: String, CaseIterable {
    case yearly, annually, monthly, weekly, daily, midnight, hourly

    var fields: String {
        switch self {
        case .yearly, .annually: "0 0 1 1 *"
        case .monthly: "0 0 1 * *"
        case .weekly: "0 0 * * 0"
        case .daily, .midnight: "0 0 * * *"
        case .hourly: "0 * * * *"
        }
    }
}

/// What one field's text matches.
struct CronFieldMatches {
    /// Bit *v* for the value *v*.
    var values: UInt64 = 0
    /// Whether the text is `*` or `?`: in the fields of days, no restriction at all.
    var isUnrestricted = false
    /// Day of month: whether the last day is matched.
    var hasLastDay = false
    /// Day of week: for each weekday from Sunday on, bits 1…5 for the first to the fifth of a month, bit 0 for the last.
    var ordinals: [UInt8] = Array(repeating: 0, count: 7)
}
