import MartletBytes

/// Answers about lineage as trees; pure, so that tests can look at them.
enum LineageText {
    /// A line with those below it.
    private struct Node {
        var text: String
        var children: [Node] = []

        func lines(_ indent: String = "") -> [String] {
            children.enumerated().flatMap { index, child in
                let isLast = index == children.count - 1
                return [indent + (isLast ? "└─ " : "├─ ") + child.text] + child.lines(indent + (isLast ? "   " : "│  "))
            }
        }
    }

    /// A run's tasks, each with what it read and made.
    ///
    /// ```
    /// daily  COMPLETE  0199
    /// ├─ daily.load  COMPLETE
    /// │  ├─ read file:/shop/new.csv@5f2a…
    /// │  └─ made streams/orders@120
    /// ```
    static func run(_ events: [JSONValue], _ style: Style = .plain) -> String {
        let ends = events.filter { $0["eventType"]?.string != "START" }
        guard let first = events.first else { return "the run has not begun" }
        let job = AnswerText.cell(first["job"]?["name"])
        let own = ends.last { $0["job"]?["name"]?.string == job }
        var root = Node(text: "\(style.strong(job))  \(state(own, style))  \(AnswerText.cell(first["run"]?["runId"]))")
        for event in ends where event["job"]?["name"]?.string != job {
            var node = Node(text: "\(AnswerText.cell(event["job"]?["name"]))  \(state(event, style))")
            if let reason = event["run"]?["facets"]?["errorMessage"]?["message"]?.string { node.text += "  " + PipelineText.oneLine(reason) }
            node.children = (event["inputs"]?.array ?? []).map { Node(text: "read " + dataset($0)) }
                + (event["outputs"]?.array ?? []).map { Node(text: "made " + dataset($0)) }
            root.children.append(node)
        }
        return ([root.text] + root.lines()).joined(separator: "\n")
    }

    private static func state(_ event: JSONValue?, _ style: Style) -> String {
        switch event?["eventType"]?.string {
        case "COMPLETE"?: style.good("COMPLETE")
        case let type?: style.bad(type)
        case nil: "under way"
        }
    }

    private static func dataset(_ value: JSONValue) -> String {
        let name = AnswerText.cell(value["name"])
        let shown = value["namespace"]?.string == "file" ? "file:" + name : name
        return shortened(shown + (value["facets"]?["version"]?["datasetVersion"]?.string.map { "@" + $0 } ?? ""))
    }

    /// A decision, step by step to what it came from.
    ///
    /// ```
    /// prediction 01a2  fraud, 2026-01-31T00:00:00Z: 0.97
    /// ├─ event transactions@4711, features of all before position 4711
    /// ├─ release 3 (promote by system:rollouts, 2026-01-30T00:00:00Z)
    /// └─ version 2 of fraud, signature verified
    ///    ├─ tried beside version 1 from 2026-01-15T00:00:00Z: promoted
    ///    ├─ called for by alarm outcomes.performance: run 0199 of pipeline retrain
    ///    └─ learned from 120,000 rows, tested on 9,000 rows, 2025-10-01 to 2026-01-08, below position 130,000
    /// ```
    static func decision(_ answer: JSONValue, _ style: Style = .plain) -> String {
        let prediction = answer["prediction"]
        func cell(_ part: String, _ member: String) -> String { AnswerText.cell(answer[part]?[member]) }
        let outcome = prediction?["outcome"].flatMap { $0.isNull ? nil : ", outcome \(AnswerText.cell($0))" } ?? ""
        var root = Node(
            text: style.strong("prediction \(AnswerText.cell(prediction?["prediction_id"]))")
                + "  \(AnswerText.cell(prediction?["endpoint"])), \(AnswerText.cell(prediction?["time"])): \(AnswerText.cell(prediction?["output"]))\(outcome)")
        let event = present(answer["event"]) ? "event \(cell("event", "stream"))@\(cell("event", "position")), " : ""
        root.children.append(Node(text: event + "features of all below position \(AnswerText.cell(prediction?["cut"]))"))
        if present(answer["release"]) {
            root.children.append(
                Node(text: "release \(cell("release", "release")) (\(cell("release", "action")) by \(cell("release", "actor")), \(cell("release", "created")))"))
        }
        guard present(answer["version"]) else {
            root.children.append(Node(text: "no model: the fallback answered"))
            return ([root.text] + root.lines()).joined(separator: "\n")
        }
        var version = Node(
            text: "version \(cell("version", "version")) of \(cell("version", "model")), \(shortened("package:" + cell("version", "package"))), signature \(cell("version", "signature"))")
        if present(answer["rollout"]) {
            version.children.append(
                Node(text: "tried beside version \(cell("rollout", "champion")) from \(cell("rollout", "started")): \(cell("rollout", "state")), \(PipelineText.oneLine(cell("rollout", "reason")))"))
        }
        if present(answer["pipeline_run"]) {
            let note = answer["pipeline_run"]?["note"]?.string.map { ", \($0)" } ?? ""
            version.children.append(
                Node(text: "called for by \(cell("pipeline_run", "cause"))\(note): run \(cell("pipeline_run", "run")) of pipeline \(cell("pipeline_run", "pipeline"))"))
        }
        let counts = answer["data"]?["rows"]
        let rows = [("train", "learned from"), ("test", "tested on")].compactMap { part, words in
            counts?[part]?.int64.map { "\(words) \(NumberText.grouped($0)) rows" }
        }
        version.children.append(
            Node(text: "\(rows.joined(separator: ", ")), \(cell("data", "from")) to \(cell("data", "to")), below position \(cell("data", "cut")), \(shortened("dataset:" + cell("data", "dataset")))"))
        root.children.append(version)
        return ([root.text] + root.lines()).joined(separator: "\n")
    }

    private static func present(_ value: JSONValue?) -> Bool { value.map { !$0.isNull } ?? false }

    /// Something, what it came from, and what was made of it.
    ///
    /// ```
    /// model:churn@3
    /// ├─ made by daily.train  run 0199, 2026-01-31T00:00:00Z
    /// │  └─ from stream:orders@120
    /// └─ read by daily.deploy  run 0199, 2026-01-31T00:00:02Z
    ///    └─ to endpoint:churn@4
    /// ```
    static func tree(_ answer: JSONValue, _ style: Style = .plain) -> String {
        let thing = AnswerText.cell(answer["thing"])
        let root = Node(
            text: style.strong(shortened(thing)),
            children: steps(answer["upstream"], of: thing, "made by", "inputs", "from")
                + steps(answer["downstream"], of: thing, "read by", "outputs", "to"))
        if root.children.isEmpty { return shortened(thing) + ": no task of a pipeline has made or read it" }
        let remark = answer["is_whole"]?.bool == false ? ["there is more: ask about one of these, or with a larger --depth"] : []
        return ([root.text] + root.lines() + remark).joined(separator: "\n")
    }

    private static func steps(_ steps: JSONValue?, of thing: String, _ verb: String, _ further: String, _ word: String) -> [Node] {
        var byThing: [String: [JSONValue]] = [:]
        for step in steps?.array ?? [] { byThing[AnswerText.cell(step["via"]), default: []].append(step) }
        func nodes(of thing: String) -> [Node] {
            // Each thing is followed once, so there is no circle.
            (byThing.removeValue(forKey: thing) ?? []).map { step in
                let index = step["index"]?.int64 ?? 0
                let name = "\(AnswerText.cell(step["pipeline"])).\(AnswerText.cell(step["task"]))" + (index == 0 ? "" : "[\(index)]")
                return Node(
                    text: "\(verb) \(name)  run \(AnswerText.cell(step["run"])), \(AnswerText.cell(step["time"]))",
                    children: (step[further]?.array ?? []).compactMap(\.string).map { Node(text: "\(word) \(shortened($0))", children: nodes(of: $0)) })
            }
        }
        return nodes(of: thing)
    }

    /// With hashes cut to what tells them apart for people.
    private static func shortened(_ text: String) -> String {
        var shown = ""
        var digits = ""
        for character in text {
            if character.isHexDigit {
                digits.append(character)
                continue
            }
            shown += cut(digits)
            shown.append(character)
            digits = ""
        }
        return shown + cut(digits)
    }

    private static func cut(_ digits: String) -> String { digits.count == 64 ? digits.prefix(12) + "…" : digits }
}
