import MartletBytes
import MartletFrames

/// How a run is, told by its history as it comes; pure, so that tests can look at it.
struct RunProgress {
    private(set) var rows: [PipelineText.Row]
    /// The number of the newest record that was taken in.
    private(set) var sequence: Int64 = 0
    /// The run's state once a record says that it ended; nil again if tasks are made anew.
    private(set) var end: String?
    private var numbers: [String: Int] = [:]

    /// - Parameter run: as `pipelineRuns.read` answers; of it only the tasks' names and order are taken.
    init(run: JSONValue) {
        rows = (run["tasks"]?.array ?? []).map { PipelineText.Row(name: AnswerText.cell($0["task"]), state: "waiting", attempt: 0) }
        for (index, row) in rows.enumerated() { numbers[row.name] = index }
    }

    /// Takes in what the history says, and gives a line for each thing that happened.
    mutating func take(_ item: JSONValue) -> [String] {
        sequence = max(sequence, item["sequence"]?.int64 ?? 0)
        return (item["records"]?.array ?? []).compactMap { take(record: $0) }
    }

    private mutating func take(record: JSONValue) -> String? {
        let time = Timestamp(microseconds: record["at"]?.int64 ?? 0)
        let attempt = record["attempt"]?.int64 ?? 0
        let reason = record["reason"]?.string
        func line(_ words: String) -> String { "\(time)  \(words)" }
        switch record["event"]?.string {
        case "began": return line("the run began")
        case "expanded":
            return line("\(AnswerText.cell(record["task"])) has \(NumberText.counted(record["count"]?.int64 ?? 0, "item"))")
        case "started", "deferred":
            let state = record["event"]?.string == "started" ? "running" : "deferred"
            return change(record) { row in
                (row.state, row.attempt, row.started, row.ended, row.reason) = (state, attempt, time, nil, nil)
                return line("\(row.name) \(state == "running" ? "runs" : "waits")" + (attempt > 1 ? ", attempt \(attempt)" : ""))
            }
        case "ended":
            let state = AnswerText.cell(record["state"])
            return change(record) { row in
                (row.state, row.reason, row.isCached) = (state, reason, record["cached"]?.bool == true)
                if attempt > 0 { row.attempt = attempt }
                row.ended = row.started == nil ? nil : time
                let took = row.started.map { " after " + PipelineText.duration(from: $0, to: time) } ?? ""
                return line("\(row.name) \(state)\(took)" + (reason.map { ": " + PipelineText.oneLine($0) } ?? ""))
            }
        case "retrying":
            let delay = NumberText.duration(seconds: Double(record["delay"]?.int64 ?? 0) / 1e6)
            return change(record) { row in
                (row.state, row.ended, row.reason) = ("retrying", time, reason)
                return line("\(row.name) is tried again in \(delay)" + (reason.map { ": " + PipelineText.oneLine($0) } ?? ""))
            }
        case "interrupted":
            return change(record) { row in
                row.state = "waiting"
                return line("\(row.name) was interrupted")
            }
        case "cleared":
            let names = (record["tasks"]?.array ?? []).map(AnswerText.cell)
            rows.removeAll { row in names.contains { row.name.hasPrefix($0 + "[") } }
            numbers = [:]
            for index in rows.indices {
                if names.contains(rows[index].name) { rows[index] = PipelineText.Row(name: rows[index].name, state: "waiting", attempt: 0) }
                numbers[rows[index].name] = index
            }
            end = nil
            return line("made anew by \(AnswerText.cell(record["by"])): \(names.joined(separator: ", "))")
        case "marked":
            let state = AnswerText.cell(record["state"])
            return change(record) { row in
                row.state = state
                return line("\(row.name) marked as \(state) by \(AnswerText.cell(record["by"]))")
            }
        case "stopping": return line("the run is being ended: \(AnswerText.cell(record["cause"])) by \(AnswerText.cell(record["by"]))")
        case "late": return line("\(record["task"]?.string ?? "the run") is late")
        case "finished":
            end = record["state"]?.string
            return line("the run \(AnswerText.cell(record["state"]))")
        default: return nil
        }
    }

    /// Changes the row of a record's instance; of a mapped task there is one an item.
    private mutating func change(_ record: JSONValue, _ body: (inout PipelineText.Row) -> String) -> String? {
        let task = AnswerText.cell(record["task"])
        let index = record["index"]?.int64 ?? 0
        let name = index == 0 ? task : "\(task)[\(index)]"
        if numbers[name] == nil {
            let place = numbers[task].map { $0 + 1 } ?? rows.count
            var at = place
            while at < rows.count, rows[at].name.hasPrefix(task + "[") { at += 1 }
            rows.insert(PipelineText.Row(name: name, state: "waiting", attempt: 0), at: at)
            for (index, row) in rows.enumerated() { numbers[row.name] = index }
        }
        guard let number = numbers[name] else { return nil }
        return body(&rows[number])
    }

    /// The lines for a terminal: one a task instance, those under way before the others if there are too many.
    func lines(now: Timestamp, width: Int, limit: Int = 20) -> [String] {
        var shown = Array(rows.indices)
        if shown.count > limit {
            let first = shown.filter { rows[$0].isUnderWay || rows[$0].state == "retrying" || rows[$0].state == "failed" }
            let others = shown.filter { !first.contains($0) }
            shown = (first + others).prefix(limit - 1).sorted()
        }
        let name = shown.map { rows[$0].name.count }.max() ?? 0
        var lines = shown.map { index -> String in
            let row = rows[index]
            var text = row.name + String(repeating: " ", count: name - row.name.count) + "  " + row.state
            if row.attempt > 1 { text += ", attempt \(row.attempt)" }
            if let started = row.started { text += "  " + PipelineText.duration(from: started, to: row.ended ?? now) }
            if let reason = row.reason { text += "  " + PipelineText.oneLine(reason) }
            return String(text.prefix(max(1, width)))
        }
        if shown.count < rows.count { lines.append("… and \(rows.count - shown.count) more") }
        return lines
    }
}
