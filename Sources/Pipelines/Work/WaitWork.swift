import MartletAccess
public import MartletDefinitions
public import MartletExpressions
public import MartletFrames

/// Waits for a moment, a while, a file, data or a server.
public struct WaitWork: TaskWork {
    public enum Condition: Hashable, Sendable {
        /// The time of day, since midnight, in a zone, of the day on which the task became ready; over at once if that has passed.
        case timeOfDay(Timestamp.Span, zone: TimeZoneTable)
        /// A moment that is computed when the task becomes ready; over at once if it has passed.
        case moment(CompiledExpression)
        /// From when the task became ready.
        case span(Timestamp.Span)
        /// A file is there.
        case file(TaskPath)
        /// The newest event of a stream is later than the end of the run's interval by the stream's lateness.
        case stream(String)
        /// A server answers with a success.
        case http(TaskAddress)
    }

    public let condition: Condition

    public static let kind = TaskKind(
        word: "wait", type: "map",
        summary: "Waits for one thing and takes no room in a pool while it does. With `timeout` it fails if that does not come.",
        tables: [conditionKeys],
        read: { value, task in read(value, &task).map { WaitWork(condition: $0) } })

    static let conditionKeys = KeyTable(
        "what a task waits for", "One of:",
        keys: [
            .optional(
                "until", "time of day or expression",
                "`06:30` in the pipeline's zone on the day on which the task became ready, or a moment such as `timestamp(\"2030-01-01T00:00:00Z\")` or `interval.end + duration(\"2h\")`; over at once if it has passed."),
            .optional("for", "span", "How long, from when the task became ready."),
            .optional("file", "path", "Until there is such a file below the project's folder."),
            .optional("stream", "name", "Until the stream has reached the end of the run's interval."),
            .optional("http", "text", "Until a GET of this address is answered with 200 to 299; asked about every 10 seconds, redirects not followed."),
        ])

    private static func read(_ value: LocatedNode, _ task: inout TaskReader) -> Condition? {
        let errors = task.errors
        let subject = task.subject("wait")
        guard var map = MapReader(value, conditionKeys, title: subject, errors: errors) else { return nil }
        let stated = conditionKeys.keys.map(\.name).filter { map.has($0) }
        let until = map.node("until")
        let span = map.span("for", atLeast: Timestamp.Span(microseconds: 1))
        let file = map.node("file")
        let stream = map.node("stream")
        let http = map.node("http")
        map.finish()
        guard stated.count == 1 else {
            errors.add(
                stated.isEmpty ? .missingKey : .conflict, at: value.place,
                stated.isEmpty
                    ? "\(subject) does not say what is waited for"
                    : "\(subject) has \(stated.map { "'\($0)'" }.joined(separator: " and ")); one thing can be waited for",
                hint: stated.isEmpty
                    ? "one of: \(conditionKeys.keys.map(\.name).joined(separator: ", "))" : "write two tasks, and a third after both")
            return nil
        }
        if let until {
            if case .scalar(let scalar) = until.content, let time = timeOfDay(scalar.text) {
                return .timeOfDay(time, zone: task.timeZone)
            }
            if case .scalar(let scalar) = until.content, scalar.text.utf8.allSatisfy({ (48...58).contains($0) }) {
                NodeValues(errors, "'until' in \(subject)").wrong(until, expected: "a time of day or a moment", hint: "write 06:30 or 06:30:15")
                return nil
            }
            return task.expression(until, "'until' in \(subject)", expecting: .timestamp).map { .moment($0) }
        }
        if let span { return .span(span.value) }
        if let http { return task.address(http, "'http' in \(subject)").map { .http($0) } }
        if let file { return task.path(file, "'file' in \(subject)").map { .file($0) } }
        guard let stream, let name = task.name(stream, of: "stream", key: "wait") else { return nil }
        guard task.hasInterval else {
            errors.add(
                .conflict, at: stream.place, "\(subject) waits for a stream to reach the end of the interval, and the runs are about none",
                hint: "give the pipeline a 'schedule' or a trigger of a stream")
            return nil
        }
        return .stream(name)
    }

    /// `6:30`, `06:30` or `06:30:15`.
    private static func timeOfDay(_ text: String) -> Timestamp.Span? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts.allSatisfy({ (1...2).contains($0.utf8.count) && $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        let numbers = parts.compactMap { Int64($0) }
        guard numbers[0] < 24, numbers[1] < 60, numbers.count < 3 || numbers[2] < 60 else { return nil }
        return .seconds(numbers[0] * 3_600 + numbers[1] * 60 + (numbers.count == 3 ? numbers[2] : 0))
    }

    public var canonical: CanonicalValue {
        switch condition {
        case .timeOfDay(let time, let zone): .map(["time_of_day": .span(time), "time_zone": .text(zone.name)])
        case .moment(let moment): .map(["until": .text(moment.canonicalText)])
        case .span(let span): .map(["for": .span(span)])
        case .file(let path): .map(["file": path.text.canonical])
        case .stream(let name): .map(["stream": .text(name)])
        case .http(let address): .map(["http": address.text.canonical])
        }
    }

    public var outputs: [TaskOutput] { [] }

    public var permissions: [RequiredPermission] {
        if case .http = condition { [RequiredPermission(.httpSend)] } else { [] }
    }

    public var isWaiting: Bool { true }
}
