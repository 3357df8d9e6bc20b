import MartletBytes
import MartletFrames

/// What monitors say, as a person reads it.
enum MonitorText {
    /// A window's measures, what lies beyond its bounds first, then by what matters most.
    static func window(_ window: JSONValue, _ style: Style = .plain) -> String {
        let rows = window["rows"]?.int64.map { NumberText.grouped($0) } ?? "0"
        var lines = [
            "\(AnswerText.cell(window["monitor"])) \(AnswerText.cell(window["part"])), \(AnswerText.cell(window["start"])) to \(AnswerText.cell(window["end"])): \(rows) \(window["part"]?.string == "events" ? "events" : "predictions")"
        ]
        if let reference = window["reference"], let chosen = reference["chosen"]?.string {
            let errors = (reference["errors"]?.object?.members ?? []).map { "\($0.key) \($0.value.double.map(AnswerText.number) ?? "")" }
            lines.append("  held against \(chosen) windows; how far it was from each: \(errors.joined(separator: ", "))")
        }
        let ranks = ["beyond": 0, "between": 1, "within": 2, "missing": 3]
        let measures = (window["measures"]?.array ?? []).sorted { left, right in
            let (a, b) = (ranks[left["level"]?.string ?? ""] ?? 4, ranks[right["level"]?.string ?? ""] ?? 4)
            if a != b { return a < b }
            return (left["effect"]?.double ?? -1, left["value"]?.double ?? -1) > (right["effect"]?.double ?? -1, right["value"]?.double ?? -1)
        }
        let unknown = measures.count { $0["value"]?.double == nil }
        for measure in measures where measure["value"]?.double != nil {
            let name = [measure["kind"]?.string, measure["subject"]?.string].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
            let value = measure["value"]?.double.map(AnswerText.number) ?? ""
            let interval = measure["low"]?.double.flatMap { low in measure["high"]?.double.map { " (\(AnswerText.number(low)) to \(AnswerText.number($0)))" } } ?? ""
            let bound = "\(measure["upper"]?.bool == true ? "at most" : "at least") \(AnswerText.cell(measure["raise"]))"
            let effect = measure["effect"]?.double.map { ", effect \(AnswerText.number($0))" } ?? ""
            let state = measure["level"]?.string == "beyond" ? style.bad("beyond") : measure["level"]?.string ?? ""
            lines.append("  \(state)  \(name): \(value)\(interval), \(bound)\(effect)")
        }
        if unknown > 0 { lines.append("  too little was seen for \(NumberText.counted(Int64(unknown), "measure"))") }
        return lines.joined(separator: "\n")
    }

    static func alarms(_ answer: JSONValue, _ style: Style = .plain) -> String {
        var lines: [String] = []
        for alarm in answer["alarms"]?.array ?? [] {
            let phase = alarm["phase"]?.string ?? ""
            let labels = (alarm["labels"]?.object?.members ?? []).map { " \($0.key)=\(AnswerText.cell($0.value))" }.joined()
            var line = "\(AnswerText.cell(alarm["alarm"]))  \(phase == "firing" ? style.bad(phase) : phase)  \(AnswerText.cell(alarm["name"]))\(labels)"
            if let started = alarm["started"]?.string { line += " since \(started)" }
            if let person = alarm["acknowledged_by"]?.string { line += ", looked after by \(person)" }
            lines.append(line)
            lines.append("    \(AnswerText.cell(alarm["summary"]))")
        }
        if lines.isEmpty { lines.append("no alarm") }
        for silence in answer["silences"]?.array ?? [] { lines.append("silence \(AnswerText.cell(silence["id"])) until \(AnswerText.cell(silence["end"]))") }
        for order in answer["orders"]?.array ?? [] {
            lines.append("reaction \(AnswerText.cell(order["key"])) \(order["waiting"]?.bool == true ? "waits for an answer" : "is under way")")
        }
        for change in answer["mitigations"]?.array ?? [] {
            let what = change["share"]?.double.map { "\(AnswerText.number($0 * 100)) % are reviewed" } ?? "the fallback answers"
            lines.append("endpoint \(AnswerText.cell(change["endpoint"])): \(what) since \(AnswerText.cell(change["since"])), for \(AnswerText.cell(change["name"]))")
        }
        return lines.joined(separator: "\n")
    }

    static func event(_ event: JSONValue) -> String {
        if let effect = event["effect"] { return self.effect(effect, at: event["at"]?.int64) }
        let about = event["alarm"]?["rule"]?.string ?? event["order"]?["action"]?.string ?? event["notification"]?["receiver"]?.string ?? ""
        let labels = (event["alarm"]?["labels"]?.object?.members ?? []).map { " \($0.key)=\(AnswerText.cell($0.value))" }.joined()
        let time = event["at"]?.int64.map { "\(Timestamp(microseconds: $0))" } ?? ""
        let outcome = event["result"]?.string ?? event["reason"]?.string ?? ""
        return "\(time)  \(AnswerText.cell(event["event"]))  \(about)\(labels)\(outcome.isEmpty ? "" : ": " + outcome)"
    }
    /// What became of a measure after a reaction: `0.31 before; 0.12, 0.1 in the windows after; the alarm ended 2d later`.
    private static func effect(_ effect: JSONValue, at time: Int64?) -> String {
        let order = effect["order"]
        let labels = (order?["labels"]?.object?.members ?? []).map { " \($0.key)=\(AnswerText.cell($0.value))" }.joined()
        let before = order?["value"]?.double.map(AnswerText.number) ?? "unknown"
        let after = (effect["after"]?.array ?? []).map { $0["value"]?.double.map(AnswerText.number) ?? "unknown" }
        let ended = effect["ended_after"]?.double.map { "the alarm ended \(Timestamp.Span(microseconds: Int64($0) * 1_000_000)) later" }
        return "\(time.map { "\(Timestamp(microseconds: $0))" } ?? "")  reaction_effect  \(AnswerText.cell(order?["action"])) for "
            + "\(AnswerText.cell(order?["rule"]))\(labels): \(before) before; "
            + (after.isEmpty ? "no window yet" : after.joined(separator: ", ") + " in the windows after") + "; "
            + (ended ?? (effect["complete"]?.bool == true ? "the alarm did not end meanwhile" : "the alarm lasts"))
    }
}
