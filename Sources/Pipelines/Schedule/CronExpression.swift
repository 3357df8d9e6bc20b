internal import MartletDefinitions

/// A cron expression: which minutes of the calendar a pipeline runs at.
///
/// ```swift
/// let mornings = try CronExpression("30 6 * * mon-fri")
/// mornings.canonicalText                               // "30 6 * * 1-5"
/// mornings.next(after: now, in: .named("Europe/Brussels"))
/// try CronExpression("@daily") == CronExpression("0 0 */1 * ?")   // true
/// ```
///
/// Five fields, or a preset such as `@daily`. Two expressions are equal if they match the same minutes, hours and months and the
/// same days, however they are written. Every expression matches some day: one that never does is refused when read.
///
/// Source: `docs/reference/schedules.md`.
public struct CronExpression: Hashable, Sendable {
    /// Bit *m* for the minute *m*.
    let minutes: UInt64
    /// Bit *h* for the hour *h*.
    let hours: UInt64
    /// Bit *m* for the month *m*, from 1.
    let months: UInt64
    let days: CronDays
    /// The one spelling of this and all equal expressions: five fields, numbers only, no presets.
    public let canonicalText: String

    /// Reads five fields or a preset; upper and lower case are one.
    ///
    /// - Throws: ``CronError`` that names the field, what was found, and what is allowed.
    public init(_ text: String) throws(CronError) {
        let scalars = Array(text.unicodeScalars)
        var words = scalars.split { CronExpression.isSpace($0) }
        guard let first = words.first else { throw .empty() }
        if first.first == "@" { words = try CronExpression.preset(text) }
        guard words.count >= 5 else { throw .missing(CronField.all[words.count], found: words.count, offset: scalars.count) }
        guard words.count == 5 else { throw .tooMany(words.count, offset: words[5].startIndex) }
        var fields: [CronFieldMatches] = []
        for (word, field) in zip(words, CronField.all) { fields.append(try CronReader.read(word, as: field)) }
        let days = CronDays(ofMonth: fields[2], ofWeek: fields[4])
        guard days.canOccur(inMonths: fields[3].values) else {
            throw .never(days: CronExpression.text(words[2]), months: CronExpression.text(words[3]), offset: words[2].startIndex)
        }
        self.init(minutes: fields[0].values, hours: fields[1].values, months: fields[3].values, days: days)
    }

    init(minutes: UInt64, hours: UInt64, months: UInt64, days: CronDays) {
        self.minutes = minutes
        self.hours = hours
        self.months = months
        self.days = days
        let spelled = zip([minutes, hours, months], [CronField.all[0], CronField.all[1], CronField.all[3]]).map(CronExpression.spelled)
        canonicalText = "\(spelled[0]) \(spelled[1]) \(days.canonicalOfMonth) \(spelled[2]) \(days.canonicalOfWeek)"
    }

    /// Whether every hour is matched, so that the expression follows the clock through a change of it; see ``next(after:in:)``.
    var matchesEveryHour: Bool { hours == (1 << 24) - 1 }

    private static func preset(_ text: String) throws(CronError) -> [ArraySlice<Unicode.Scalar>] {
        let written = self.text(text.unicodeScalars.split { isSpace($0) }.joined(separator: CollectionOfOne(" ")))
        let word = written.lowercased().dropFirst()
        if let preset = CronPreset(rawValue: String(word)) { return Array(preset.fields.unicodeScalars).split(separator: " ") }
        if ["once", "reboot", "none", "continuous"].contains(word) { throw .momentless(written) }
        throw .unknownPreset(written, nearest: NearestMatch.of("@" + word, in: CronPreset.allCases.map { "@" + $0.rawValue }))
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || ("\t"..."\r").contains(scalar)
    }

    private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        return text
    }
}

extension CronExpression: CustomStringConvertible {
    /// The canonical text.
    public var description: String { canonicalText }
}

extension CronExpression {
    /// Every hour, on the hour: `@hourly`.
    public static let hourly = CronExpression(minutes: 1, hours: (1 << 24) - 1, months: 0x1FFE, days: .all)
    /// Every day at midnight: `@daily`.
    public static let daily = CronExpression(minutes: 1, hours: 1, months: 0x1FFE, days: .all)
    /// Every Sunday at midnight: `@weekly`.
    public static let weekly = CronExpression(minutes: 1, hours: 1, months: 0x1FFE, days: CronDays(weekdays: 1))
    /// The first of every month at midnight: `@monthly`.
    public static let monthly = CronExpression(minutes: 1, hours: 1, months: 0x1FFE, days: CronDays(ofMonth: 1 << 1))
    /// The first of January at midnight: `@yearly`.
    public static let yearly = CronExpression(minutes: 1, hours: 1, months: 1 << 1, days: CronDays(ofMonth: 1 << 1))
}
