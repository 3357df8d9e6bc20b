/// What is wrong with a cron expression's text.
public struct CronError: Error, Hashable, Sendable {
    /// Which field, what was found there, and what is allowed.
    public var message: String
    /// The next thing to try.
    public var hint: String?
    /// Where the mistake begins in the text, in Unicode scalars from 0.
    public var offset: Int

    /// Takes an error's parts.
    public init(message: String, hint: String? = nil, offset: Int) {
        self.message = message
        self.hint = hint
        self.offset = offset
    }
}

extension CronError {
    private static let example = "for example '30 6 * * 1-5': at 06:30 from Monday to Friday"

    static func empty() -> CronError {
        CronError(message: "the cron expression is empty", hint: example, offset: 0)
    }

    static func missing(_ field: CronField, found count: Int, offset: Int) -> CronError {
        CronError(
            message: "a cron expression has five fields (minute, hour, day of month, month, day of week), not \(count): the \(field.name) is missing",
            hint: example, offset: offset)
    }

    static func tooMany(_ count: Int, offset: Int) -> CronError {
        CronError(
            message: "a cron expression has five fields (minute, hour, day of month, month, day of week), not \(count)",
            hint: "there is no field for seconds or years; for spans under a minute, schedule every so many seconds", offset: offset)
    }

    static func unknownPreset(_ text: String, nearest: String?) -> CronError {
        let presets = CronPreset.allCases.map { "@" + $0.rawValue }.joined(separator: " ")
        return CronError(
            message: "'\(text)' is no preset; the presets are \(presets)", hint: nearest.map { "did you mean '\($0)'?" }, offset: 0)
    }

    /// Presets that other programs have, and that name no moments in time.
    static func momentless(_ text: String) -> CronError {
        CronError(
            message: "'\(text)' names no moments in time, so there are no data intervals between them",
            hint: "leave the schedule out: a pipeline without one runs when it is asked to", offset: 0)
    }

    static func emptyItem(_ field: CronField, offset: Int) -> CronError {
        CronError(message: "the \(field.name) field has a comma with nothing beside it", hint: nil, offset: offset)
    }

    static func noValue(_ field: CronField, found: String, offset: Int) -> CronError {
        let what = found.isEmpty ? "nothing where a value should be" : "'\(found)'"
        return CronError(
            message: "the \(field.name) field has \(what); allowed are \(field.allowed)", hint: hint(for: found, in: field), offset: offset)
    }

    static func outside(_ field: CronField, found: String, offset: Int) -> CronError {
        CronError(message: "the \(field.name) field has \(found); allowed are \(field.allowed)", hint: nil, offset: offset)
    }

    static func unexpected(_ field: CronField, found: String, after: String, offset: Int) -> CronError {
        CronError(
            message: "the \(field.name) field has '\(found)' after '\(after)', where a comma or the end of the field is allowed",
            hint: hint(for: found, in: field), offset: offset)
    }

    static func badStep(_ field: CronField, found: String, offset: Int) -> CronError {
        let what = found.isEmpty ? "no step after '/'" : "the step '\(found)'"
        return CronError(message: "the \(field.name) field has \(what); allowed are 1 to 9999", hint: nil, offset: offset)
    }

    static func badOrdinal(found: String, offset: Int) -> CronError {
        let what = found.isEmpty ? "nothing after '#'" : "'#\(found)'"
        return CronError(
            message: "the day-of-week field has \(what); allowed are #1 to #5", hint: "FRI#2 is the second Friday, LFRI the last",
            offset: offset)
    }

    static func misplacedQuestionMark(_ field: CronField, offset: Int) -> CronError {
        CronError(
            message: "the \(field.name) field has '?', which may only stand alone, as the day of month or the day of week",
            hint: "write '*'", offset: offset)
    }

    static func never(days: String, months: String, offset: Int) -> CronError {
        CronError(
            message: "the expression never matches: no month of '\(months)' has a day of '\(days)'",
            hint: "L is the last day of every month", offset: offset)
    }

    private static func hint(for found: String, in field: CronField) -> String? {
        switch found.lowercased() {
        case "w" where field.kind == .dayOfMonth: "the weekday nearest to a day is not supported"
        case "l" where field.kind == .dayOfWeek: "the last Friday of a month is LFRI or L5; a letter behind the number means another day elsewhere"
        case let text where text.hasPrefix("h") && field.kind != .dayOfWeek: "hashed values are not supported: write the number"
        case let text: field.names.first { text.count > 3 && text.hasPrefix($0) }.map { "did you mean '\($0.uppercased())'?" }
        }
    }
}
