import Foundation
import MartletExpressions
import MartletFrames
import MartletPipelines
import Testing

/// Runs `Scenarios/schedules.txt`; its head says how it is read.
@Suite("Schedules: scenarios")
struct ScheduleScenarioTests {
    static let scenarios: [ScheduleScenario] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios/schedules.txt")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n== ").dropFirst().map { ScheduleScenario(String($0)) }
    }()

    @Test("there are scenarios, each with its own name")
    func read() {
        #expect(ScheduleScenarioTests.scenarios.count >= 15)
        #expect(Set(ScheduleScenarioTests.scenarios.map(\.title)).count == ScheduleScenarioTests.scenarios.count)
    }

    @Test("runs what it says", arguments: scenarios)
    func run(scenario: ScheduleScenario) throws {
        var runner = ScheduleScenarioRunner()
        var expected: [String] = []
        var found: [String] = []
        for line in scenario.lines {
            if line.hasPrefix("  ") {
                expected.append(line.trimmingCharacters(in: .whitespaces))
                continue
            }
            #expect(found == expected, "before '\(line)'")
            expected = []
            found = try runner.perform(line)
        }
        #expect(found == expected, "at the end")
    }
}

/// A title and the lines under it, without comments.
struct ScheduleScenario: CustomTestStringConvertible {
    let title: String
    let lines: [String]

    init(_ text: String) {
        let all = text.split(separator: "\n").map(String.init)
        title = all[0]
        lines = all.dropFirst().filter { !$0.hasPrefix("#") }
    }

    var testDescription: String { title }
}

/// What a scheduler does, with the clock that the scenario sets.
struct ScheduleScenarioRunner {
    private var words: [String: String] = ["zone": "UTC", "catchup": "off"]
    private var cursor: Timestamp?
    private var now = Timestamp(microseconds: 0)

    /// Performs a line, and says in the scenario's words what happened.
    mutating func perform(_ line: String) throws -> [String] {
        let (key, value) = (String(line.prefix { $0 != " " }), String(line.drop { $0 != " " }.dropFirst()))
        switch key {
        case "applied":
            now = try moment(value)
            cursor = try schedule().firstCursor(appliedAt: now)
            return []
        case "at":
            now = try moment(value)
            return try look()
        case "reset":
            cursor = try schedule().cursor(resetAt: now)
            return try look()
        case "change":
            words["schedule"] = value
            let schedule = try schedule()
            cursor = cursor.flatMap { schedule.cursor(takingOver: $0) }
            return []
        case "backfill":
            let ends = value.components(separatedBy: " to ")
            return told(Array(try schedule().intervals(from: try moment(ends[0]), to: try moment(ends[1]), limit: 1_000)), try zone())
        default:
            try #require(["schedule", "zone", "catchup", "start", "end"].contains(key), "'\(line)' means nothing")
            words[key] = value
            return []
        }
    }

    /// Runs whatever is due.
    private mutating func look() throws -> [String] {
        let schedule = try schedule()
        var intervals: [DataInterval] = []
        while let place = cursor, let interval = schedule.due(from: place, now: now) {
            intervals.append(interval)
            cursor = interval.end
        }
        let isAhead = cursor.map { schedule.isAhead($0, of: now) } ?? false
        return told(intervals, schedule.zone) + (isAhead ? ["ahead"] : [])
    }

    private func told(_ intervals: [DataInterval], _ zone: TimeZoneTable) -> [String] {
        let texts = intervals.map { "\(text($0.start, zone)) .. \(text($0.end, zone))" }
        guard texts.count > 6 else { return texts }
        return ["\(texts.count) runs, the first \(texts[0]), the last \(texts[texts.count - 1])"]
    }

    private func zone() throws -> TimeZoneTable { try .named(words["zone"] ?? "") }

    private func schedule() throws -> PipelineSchedule {
        let text = try #require(words["schedule"])
        let rule: PipelineSchedule.Rule
        if text.hasPrefix("every ") {
            rule = .every(try #require(Timestamp.Span(String(text.dropFirst(6)))))
        } else {
            rule = .cron(try CronExpression(text))
        }
        return PipelineSchedule(
            rule, zone: try zone(), start: try words["start"].map(moment), end: try words["end"].map(moment), catchup: words["catchup"] == "on")
    }

    /// `2018-07-25 06:00` by the zone's clock; of two such moments the first, unless an offset follows: `2018-10-28 02:30 +01:00`.
    private func moment(_ text: String) throws -> Timestamp {
        let parts = text.split(separator: " ")
        let numbers = parts.prefix(2).flatMap { $0.split { !$0.isNumber }.compactMap { Int($0) } }
        try #require(numbers.count == 5, "'\(text)' is no moment")
        let zone = parts.count > 2 ? try TimeZoneTable.named(String(parts[2])) : try zone()
        let date = CivilDate(year: numbers[0], month: numbers[1], day: numbers[2], hour: numbers[3], minute: numbers[4])
        return try #require(zone.timestamp(of: date))
    }

    private func text(_ moment: Timestamp, _ zone: TimeZoneTable) -> String {
        let date = zone.civilDate(at: moment)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let local = "\(date.year)-\(two(date.month))-\(two(date.day)) \(two(date.hour)):\(two(date.minute))"
        guard zone.timestamp(of: date) != moment else { return local }
        let offset = zone.offset(at: moment) / 60
        return "\(local) \(offset < 0 ? "-" : "+")\(two(abs(offset) / 60)):\(two(abs(offset) % 60))"
    }
}
