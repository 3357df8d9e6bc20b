import MartletBytes
import MartletDemo
import MartletFrames
import MartletGovernance
import MartletPlatform
import MartletWorld

/// Tells a life as it is played: a line a happening, with its day and its figures.
struct LifeTelling {
    private let settings: LifeSettings
    private let console: Console
    private let isJSON: Bool
    private let began: UInt64

    init(_ settings: LifeSettings, _ console: Console, isJSON: Bool) {
        self.settings = settings
        self.console = console
        self.isJSON = isJSON
        began = console.clock.monotonicNanoseconds()
    }

    private func tell(_ time: Timestamp, _ kind: String, _ text: String, _ more: [String] = [], facts: JSONValue = .null) throws {
        let day = Double(time.microseconds - settings.start.microseconds) / 86_400e6
        guard !isJSON else {
            return try console.say(
                ["time": .string("\(time)"), "day": .float64(day), "event": .string(kind), "text": .string(text), "facts": facts])
        }
        let label = "day " + NumberText.fixed(day, 1)
        try console.say(label + String(repeating: " ", count: max(1, 10 - label.count)) + text)
        for line in more { try console.say(String(repeating: " ", count: 12) + line) }
    }

    // MARK: - The beginning

    func opening() throws {
        guard !isJSON else { return }
        try console.say(
            "Card payments of \(NumberText.grouped(settings.customers)) customers: \(settings.days) days up to now, under virtual time.\n")
    }

    func begun(_ life: DemoLife) throws {
        try tell(
            settings.start, "begun",
            "\(NumberText.grouped(life.figures.history)) payments of the \(settings.history) days before are stored; the project's files are in force")
    }

    func trained(_ report: TrainingReport, at time: Timestamp) throws {
        try tell(
            time, "trained",
            "version \(report.version.map(String.init) ?? "-") learned from \(NumberText.grouped(report.trainRows)) of them and answers from now on: \(Self.metrics(report.json))",
            facts: report.json)
    }

    func careless(_ report: TrainingReport, at time: Timestamp) throws {
        try tell(
            time, "careless",
            "somebody takes out the gates, has version \(report.version.map(String.init) ?? "-") grow a single tree, and promotes it: \(Self.metrics(report.json))",
            facts: report.json)
    }

    func attack(_ time: Timestamp) throws {
        try tell(time, "attack", "the thieves change their ways: a few cents, at everybody's terminals. Nobody tells the platform.")
    }

    private static func metrics(_ report: JSONValue?) -> String {
        (report?["metrics"]?.object?.members ?? []).compactMap { metric in
            metric.value.double.map { "\(metric.key) \(NumberText.fixed($0, 3))" }
        }.joined(separator: ", ")
    }

    // MARK: - What happens

    func happened(_ event: LifeEvent) throws {
        let facts = event.facts
        let challenger = "version \(AnswerText.cell(facts["challenger"]))"
        let reason = facts["event"]?["reason"]?.string ?? ""
        let text: String
        var more: [String] = []
        switch event.kind {
        case .alarmFired:
            text = "alarm \(facts["name"]?.string ?? ""): \(facts["summary"]?.string ?? "")"
            if let attack = settings.attackTime, attack <= event.time { more.append("\(Self.span(attack, event.time)) after the attack began") }
        case .alarmEnded: text = "alarm \(facts["name"]?.string ?? "")\(Self.subject(facts)) has ended"
        case .pipelineEnded:
            text = "pipeline \(facts["pipeline"]?.string ?? ""), started by an \(facts["cause"]?.string ?? ""): \(facts["state"]?.string ?? "")"
            let training = facts["training"]
            more.append("version \(AnswerText.cell(training?["version"])): \(Self.metrics(training))")
            for gate in training?["gates"]?.array ?? [] {
                more.append("gate \(gate["passed"]?.bool == true ? "holds" : "fails"): \(gate["gate"]?.string ?? "")")
            }
        case .rolloutStarted: text = "\(challenger) is tried beside version \(AnswerText.cell(facts["champion"])), first in the shadow"
        case .rolloutAdvanced:
            text = "\(challenger) goes on to step \(AnswerText.cell(facts["event"]?["step"])): \(reason)"
            more = Self.evidence(facts["event"]?["evidence"])
        case .rolloutWaiting: text = "\(challenger) waits for a person: \(reason)"
        case .rolloutPromoted:
            text = "\(challenger) is promoted: \(reason)"
            more = Self.evidence(facts["event"]?["evidence"])
        case .rolloutWithdrawn:
            text = "\(challenger) is withdrawn by itself: \(reason)"
            more = Self.evidence(facts["event"]?["evidence"])
        case .rolloutSuperseded: text = "the rollout of \(challenger) has ended: \(reason)"
        }
        try tell(event.time, event.kind.rawValue, text, more, facts: facts)
    }

    private static func subject(_ alarm: JSONValue) -> String {
        alarm["labels"]?["feature"]?.string.map { " of \($0)" } ?? ""
    }

    private static func evidence(_ evidence: JSONValue?) -> [String] {
        guard let evidence, !evidence.isNull else { return [] }
        func side(_ name: String) -> String {
            let side = evidence[name]
            return "\(name) \(NumberText.grouped(side?["judged"]?.int64 ?? 0)) judged decisions for \(NumberText.grouped(side?["units"]?.int64 ?? 0)) customers"
        }
        return [side("champion") + "; " + side("challenger")]
    }

    private static func span(_ from: Timestamp, _ to: Timestamp) -> String {
        let hours = Double(to.microseconds - from.microseconds) / 3_600e6
        return hours < 48 ? "\(NumberText.fixed(hours, 0)) hours" : "\(NumberText.fixed(hours / 24, 1)) days"
    }

    // MARK: - The end

    func lived(_ life: DemoLife, audit: AuditVerification) throws {
        let figures = life.figures
        let seconds = Double(console.clock.monotonicNanoseconds() - began) / 1e9
        try tell(
            life.now, "over",
            "now: \(NumberText.grouped(figures.predictions)) payments judged, \(figures.degraded) of them by the fallback; \(NumberText.grouped(figures.outcomes)) outcomes came back",
            ["audit log: \(audit.isIntact ? "whole" : "BROKEN"), \(NumberText.grouped(Int64(audit.entries))) entries in its chain", "played in \(NumberText.duration(seconds: seconds))"],
            facts: [
                "predictions": .int64(Int64(figures.predictions)), "degraded": .int64(Int64(figures.degraded)),
                "outcomes": .int64(Int64(figures.outcomes)), "audit_intact": .bool(audit.isIntact), "seconds": .float64(seconds),
            ])
    }

    func end(_ folder: String) throws {
        guard !isJSON else { return }
        try console.say("\nThe project is \(folder). See what came of it: martlet up --project \(folder)")
    }
}
