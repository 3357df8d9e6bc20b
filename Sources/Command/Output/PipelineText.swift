import MartletBytes
import MartletFrames
import MartletServer

/// Answers about pipelines in words, tables and bars; pure, so that tests can look at them.
enum PipelineText {
    // MARK: - Graph

    /// A pipeline: what starts it, its parameters, and its tasks by levels, each level after the ones before.
    ///
    /// ```
    /// level  task   kind   after  retries
    ///     1  load   run                 2
    ///     2  train  train  load         0
    /// ```
    static func graph(_ answer: JSONValue, _ style: Style = .plain) -> String {
        let name = AnswerText.cell(answer["pipeline"])
        let doc = answer["doc"]?.string ?? ""
        var lines = [style.strong(name) + (doc.isEmpty ? "" : ": \(doc)")]
        var start = answer["schedule"]?.string.map { "schedule \($0)" } ?? "no schedule"
        if let due = answer["next_due"]?.string { start += ", next \(due)" }
        if answer["paused"]?.bool == true { start += ", " + style.bad("paused") }
        lines.append(start + "; \(NumberText.counted(answer["max_active_runs"]?.int64 ?? 0, "run")) at a time")
        for alert in answer["alerts"]?.array ?? [] {
            let task = alert["task"]?.string.map { ", task \($0)" } ?? ""
            lines.append(style.bad("alert") + " \(AnswerText.cell(alert["time"]))  \(AnswerText.cell(alert["kind"])): run \(AnswerText.cell(alert["run"]))\(task)")
        }
        let parameters = answer["parameters"]?.array ?? []
        if !parameters.isEmpty {
            var table = Table([("parameter", .left), ("type", .left), ("default", .left), ("", .left)])
            table.rows = parameters.map { [AnswerText.cell($0["name"]), AnswerText.cell($0["type"]), AnswerText.cell($0["default"]), $0["doc"]?.string ?? ""] }
            lines += ["", table.text(style)]
        }
        let tasks = answer["tasks"]?.array ?? []
        let levels = levels(of: tasks)
        var table = Table([
            ("level", .right), ("task", .left), ("kind", .left), ("after", .left), ("rule", .left), ("retries", .right), ("", .left),
        ])
        let ordered = tasks.indices.sorted { (levels[$0].isLast ? 1 : 0, levels[$0].level, $0) < (levels[$1].isLast ? 1 : 0, levels[$1].level, $1) }
        for index in ordered {
            let task = tasks[index]
            let rule = task["trigger_rule"]?.string ?? ""
            let remarks = [task["mapped"]?.bool == true ? "one for each item" : "", task["doc"]?.string ?? ""].filter { !$0.isEmpty }
            table.rows.append([
                levels[index].isLast ? "fails" : "\(levels[index].level)", AnswerText.cell(task["task"]), AnswerText.cell(task["kind"]),
                (task["after"]?.array ?? []).map(AnswerText.cell).joined(separator: ", "), rule == "all_success" ? "" : rule,
                "\(task["retries"]?.int64 ?? 0)", remarks.joined(separator: "; "),
            ])
        }
        return (lines + ["", table.text(style)]).joined(separator: "\n")
    }

    /// For each task one more than the deepest of those before it; those of `on_failure` come last.
    static func levels(of tasks: [JSONValue]) -> [(level: Int, isLast: Bool)] {
        var numbers: [String: Int] = [:]
        for (index, task) in tasks.enumerated() { numbers[AnswerText.cell(task["task"])] = index }
        let before = tasks.map { ($0["after"]?.array ?? []).compactMap { $0.string.flatMap { numbers[$0] } } }
        var levels = [Int](repeating: 1, count: tasks.count)
        // A graph has no circle, so that as many rounds as it has levels settle it.
        for _ in tasks.indices {
            var isSettled = true
            for index in tasks.indices {
                let level = (before[index].map { levels[$0] }.max() ?? 0) + 1
                if level != levels[index], level <= tasks.count {
                    levels[index] = level
                    isSettled = false
                }
            }
            if isSettled { break }
        }
        return tasks.indices.map { (levels[$0], tasks[$0]["on_failure"]?.bool == true) }
    }

    // MARK: - Runs

    /// A run: how it is, and a bar for each task instance over the run's time.
    ///
    /// ```
    /// run 0199  nightly  failed
    /// manual, by user:owner, made 2026-01-31T00:00:00Z, took 12 s
    ///
    /// task   state      try  took
    /// load   succeeded    1   8.0 s  |================        |
    /// train  failed       2   4.0 s  |                ========|  exit code 1
    /// ```
    ///
    /// - Parameters:
    ///   - now: where the bars of what is under way end.
    ///   - width: columns of the terminal.
    static func run(_ run: JSONValue, now: Timestamp, width: Int, _ style: Style = .plain) -> String {
        let state = run["state"]?.string ?? ""
        var lines = ["run \(AnswerText.cell(run["run"]))  \(AnswerText.cell(run["pipeline"]))  \(painted(state, style))"]
        var facts = ["\(AnswerText.cell(run["cause"])), by \(AnswerText.cell(run["actor"]))"]
        if let interval = run["interval"], !interval.isNull {
            facts.append("about \(AnswerText.cell(interval["start"])) to \(AnswerText.cell(interval["end"]))")
        }
        facts.append("made \(AnswerText.cell(run["created"]))")
        let began = time(run["began"])
        let ended = time(run["ended"])
        if let began {
            facts.append((ended == nil ? "under way for " : "took ") + duration(from: began, to: ended ?? now))
        }
        lines.append(facts.joined(separator: ", "))
        if let parameters = run["parameters"]?.object, !parameters.isEmpty { lines.append("with \(AnswerText.cell(.object(parameters)))") }
        if let note = run["note"]?.string { lines.append("note: \(note)") }
        if run["late"]?.bool == true { lines.append(style.bad("late: it passed its deadline")) }
        let rows = instances(of: run)
        guard !rows.isEmpty else { return lines.joined(separator: "\n") }
        lines += ["", gantt(rows, from: began, to: ended ?? now, width: width, style)]
        return lines.joined(separator: "\n")
    }

    /// One task instance as a line shows it.
    struct Row: Equatable {
        var name: String
        var state: String
        var attempt: Int64
        var started: Timestamp?
        var ended: Timestamp?
        var reason: String?
        var isCached = false

        var isUnderWay: Bool { state == "running" || state == "deferred" }
    }

    static func instances(of run: JSONValue) -> [Row] {
        (run["tasks"]?.array ?? []).flatMap { task -> [Row] in
            let name = AnswerText.cell(task["task"])
            let found = task["instances"]?.array ?? []
            if found.isEmpty { return [Row(name: name, state: AnswerText.cell(task["state"]), attempt: 0)] }
            return found.map { instance in
                let index = instance["index"]?.int64 ?? 0
                return Row(
                    name: found.count == 1 && index == 0 ? name : "\(name)[\(index)]", state: AnswerText.cell(instance["state"]),
                    attempt: instance["attempt"]?.int64 ?? 0, started: time(instance["started"]), ended: time(instance["ended"]),
                    reason: instance["reason"]?.string, isCached: instance["cached"]?.bool == true)
            }
        }
    }

    /// A line a row: its state, and when it ran as a bar between the run's begin and end.
    static func gantt(_ rows: [Row], from: Timestamp?, to: Timestamp, width: Int, _ style: Style = .plain) -> String {
        let from = from ?? rows.compactMap(\.started).min() ?? to
        let took = rows.map { row in row.started.map { duration(from: $0, to: row.ended ?? to) } ?? "" }
        let fixed = max(4, rows.map(\.name.count).max() ?? 0) + max(5, rows.map(\.state.count).max() ?? 0) + 3 + max(4, took.map(\.count).max() ?? 0)
        let room = min(60, max(10, width - fixed - 10))
        var table = Table([("task", .left), ("state", .left), ("try", .right), ("took", .right), ("", .left)])
        for (row, took) in zip(rows, took) {
            let remark = row.isCached ? "taken from an earlier run" : row.reason.map { oneLine($0) } ?? ""
            let bar = "|\(bar(row, from: from, to: to, room: room))|" + (remark.isEmpty ? "" : "  \(remark)")
            table.rows.append([row.name, row.state, row.attempt == 0 ? "" : "\(row.attempt)", took, bar])
        }
        return table.text(style)
    }

    /// At least one mark for whatever has begun; `>` at the end of what is still under way.
    static func bar(_ row: Row, from: Timestamp, to: Timestamp, room: Int) -> String {
        guard let started = row.started else { return String(repeating: " ", count: room) }
        let span = Double(max(1, to.microseconds - from.microseconds))
        func column(_ time: Timestamp) -> Int {
            min(room, max(0, Int((Double(time.microseconds - from.microseconds) / span * Double(room)).rounded())))
        }
        let first = min(column(started), room - 1)
        let last = max(first + 1, column(row.ended ?? to))
        var marks = String(repeating: " ", count: first) + String(repeating: "=", count: last - first)
        if row.isUnderWay { marks = String(marks.dropLast()) + ">" }
        return marks + String(repeating: " ", count: room - last)
    }

    // MARK: - Words

    static func painted(_ state: String, _ style: Style) -> String {
        switch state {
        case "succeeded": style.good(state)
        case "failed", "upstream_failed", "cancelled": style.bad(state)
        default: state
        }
    }

    static func time(_ value: JSONValue?) -> Timestamp? { value?.string.flatMap { Timestamp(request: $0) } }

    static func duration(from: Timestamp, to: Timestamp) -> String {
        NumberText.duration(seconds: Double(max(0, to.microseconds - from.microseconds)) / 1e6)
    }

    static func oneLine(_ text: String, limit: Int = 80) -> String {
        let line = String(text.prefix { !$0.isNewline })
        return line.count <= limit ? line : line.prefix(limit - 1) + "…"
    }

    /// What a backfill runs, or would run.
    static func backfill(_ answer: JSONValue, _ style: Style = .plain) -> String {
        let runs = answer["runs"]?.int64 ?? 0
        let all = "\(NumberText.counted(runs, "run")) of \(NumberText.counted(answer["intervals"]?.int64 ?? 0, "interval"))"
        var lines: [String]
        if let id = answer["backfill"]?.string {
            lines = ["backfill \(id): \(all)"]
        } else {
            lines = [runs == 0 ? "nothing to run: \(all)" : "it would make \(all)"]
        }
        let preview = answer["preview"]?.array ?? []
        lines += preview.map { "  \(AnswerText.cell($0["start"]))  \(AnswerText.cell($0["end"]))" }
        if runs > Int64(preview.count) { lines.append("  … and \(NumberText.grouped(runs - Int64(preview.count))) more") }
        return lines.joined(separator: "\n")
    }
}
