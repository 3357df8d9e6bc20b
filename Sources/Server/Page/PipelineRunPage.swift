import MartletBytes
import MartletFrames

/// One run: its tasks, when each ran, and what can be done about it.
struct PipelineRunPage {
    var project: String
    /// As `pipelineRuns.read` answers.
    var run: JSONValue
    var now: Timestamp

    /// Task instances that are listed.
    static let rowLimit = 500

    private struct Row {
        var task: String
        var index: Int64
        var kind: String
        var state: String
        var attempt: Int64 = 0
        var started: Timestamp?
        var ended: Timestamp?
        var reason: String?

        var name: String { index == 0 ? task : "\(task)[\(index)]" }
    }

    private var id: String { run["run"]?.string ?? "" }
    private var state: String { run["state"]?.string ?? "" }
    private var hasEnded: Bool { ["succeeded", "failed", "cancelled"].contains(state) }

    var response: Response {
        let rows = rows
        return PageShell.page(
            "Run of \(run["pipeline"]?.string ?? "")", project: project, isLive: !hasEnded, head + chart(rows) + table(rows) + parameters)
    }

    private var rows: [Row] {
        (run["tasks"]?.array ?? []).flatMap { task -> [Row] in
            let name = task["task"]?.string ?? ""
            let kind = task["kind"]?.string ?? ""
            let instances = task["instances"]?.array ?? []
            if instances.isEmpty { return [Row(task: name, index: 0, kind: kind, state: task["state"]?.string ?? "")] }
            return instances.map { instance in
                Row(
                    task: name, index: instance["index"]?.int64 ?? 0, kind: kind, state: instance["state"]?.string ?? "",
                    attempt: instance["attempt"]?.int64 ?? 0, started: Self.time(instance["started"]), ended: Self.time(instance["ended"]),
                    reason: instance["reason"]?.string)
            }
        }
    }

    private static func time(_ value: JSONValue?) -> Timestamp? { value?.string.flatMap { Timestamp(request: $0) } }

    private static func seconds(_ from: Timestamp, _ to: Timestamp) -> Double {
        Double(max(0, to.microseconds - from.microseconds)) / 1e6
    }

    private static func duration(_ seconds: Double) -> String {
        if seconds < 60 { return PageFigures.decimal(seconds, 1) + " s" }
        let whole = Int(seconds.rounded())
        return whole < 3_600 ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3_600) h \(whole % 3_600 / 60) min"
    }

    private var head: HTML {
        let pipeline = run["pipeline"]?.string ?? ""
        let began = Self.time(run["began"])
        let took = began.map { Self.duration(Self.seconds($0, Self.time(run["ended"]) ?? now)) } ?? "–"
        let interval: HTML =
            if let about = run["interval"], !about.isNull {
                "<p>About \(about["start"]?.string ?? "") to \(about["end"]?.string ?? "").</p>"
            } else { "" }
        let note: HTML = run["note"]?.string.map { "<p>\($0)</p>" } ?? ""
        let late: HTML = run["late"]?.bool == true ? "<p class=\"bad\">It passed its deadline.</p>" : ""
        let path: HTML = "/api/v1/pipeline-runs/\(segment: id)"
        let cancel: HTML =
            hasEnded ? "" : PageButton.posting("\(path)/cancel", "Cancel", question: "End this run? What has not started never will.")
        let hasFailed = !(run["failed_tasks"]?.array ?? []).isEmpty || state == "cancelled"
        let clear: HTML = hasFailed ? PageButton.posting("\(path)/clear", "Make what failed anew") : ""
        return """
            <section><p class="soft"><a href="/pipelines">Pipelines</a> / <a href="/pipelines/\(segment: pipeline)">\(pipeline)</a></p>
            <h1>\(pipeline) \(PipelineStates.tag(state))</h1><p class="mono">\(id)</p>\(interval)\(note)\(late)
            <p class="soft">\(run["cause"]?.string ?? ""), by \(run["actor"]?.string ?? ""), made \(run["created"]?.string ?? ""); took \(took)</p>
            <p class="actions">\(cancel)\(clear)</p><p id="message" class="bad" role="alert"></p></section>
            """
    }

    private func table(_ rows: [Row]) -> HTML {
        let lines = rows.prefix(Self.rowLimit).map { row -> HTML in
            let took = row.started.map { Self.duration(Self.seconds($0, row.ended ?? now)) } ?? "–"
            let log: HTML =
                row.attempt == 0
                ? ""
                : "<a href=\"/api/v1/pipeline-runs/\(segment: id)/tasks/\(segment: row.task)/log?index=\(row.index)\">log</a>"
            return """
                <tr><td><b>\(row.name)</b></td><td>\(row.kind)</td><td>\(PipelineStates.tag(row.state))</td>
                <td class="n">\(row.attempt)</td><td class="n">\(took)</td><td>\(row.reason ?? "")\(approval(row))</td><td>\(log)</td></tr>
                """
        }
        return PageTable.section(
            "tasks", "Tasks", ["Task", "Kind", "State", "Attempts", "Took", "", ""], numbers: [3, 4], Array(lines), empty: "There are none.",
            note: rows.count > Self.rowLimit ? "\(rows.count - Self.rowLimit) more are not listed." : nil)
    }

    private func approval(_ row: Row) -> HTML {
        guard row.kind == "approval", row.state == "deferred" else { return "" }
        let path: HTML = "/api/v1/pipeline-runs/\(segment: id)/tasks/\(segment: row.task)/decide"
        return PageButton.posting(path, "Approve", body: ["approved": true, "index": .int64(row.index)])
            + PageButton.posting(path, "Refuse", body: ["approved": false, "index": .int64(row.index)], question: "Refuse? The task then fails.")
    }

    private var parameters: HTML {
        let members = run["parameters"]?.object?.members ?? []
        guard !members.isEmpty else { return "" }
        let rows = members.map { "<tr><td>\($0.key)</td><td class=\"mono\">\(PageJSON.full($0.value))</td></tr>" as HTML }
        return PageTable.section("parameters", "Parameters", ["Parameter", "Value"], numbers: [], rows, empty: "There are none.")
    }

    // MARK: - Chart

    private static let rowHeight = 24.0
    private static let nameWidth = 220.0
    private static let barWidth = 480.0
    private static let width = 800.0

    /// When each task instance ran, as bars over the run's time.
    private func chart(_ rows: [Row]) -> HTML {
        let begun = rows.filter { $0.started != nil }.prefix(200)
        guard let from = Self.time(run["began"]) ?? begun.compactMap(\.started).min(), !begun.isEmpty else { return "" }
        let to = Self.time(run["ended"]) ?? now
        let span = max(1e-6, Self.seconds(from, to))
        var drawn = HTML()
        for (index, row) in begun.enumerated() {
            guard let started = row.started else { continue }
            let end = row.ended ?? to
            let y = Double(index) * Self.rowHeight + 4
            let x = Self.nameWidth + min(1, Self.seconds(from, started) / span) * (Self.barWidth - 3)
            let length = min(Self.nameWidth + Self.barWidth - x, max(3, Self.seconds(started, end) / span * Self.barWidth))
            let took = Self.duration(Self.seconds(started, end))
            drawn += """
                <g><title>\(row.name): \(PipelineStates.words(row.state)), \(took)</title>
                <text class="name" x="\(Drawing.number(Self.nameWidth - 10))" y="\(Drawing.number(y + 15))" text-anchor="end">\(Drawing.short(row.name, 28))</text>
                <rect class="bar s-\(row.state)" x="\(Drawing.number(x))" y="\(Drawing.number(y + 2))" width="\(Drawing.number(length))" height="16" rx="2"/>
                <text class="value" x="\(Drawing.number(Self.nameWidth + Self.barWidth + 10))" y="\(Drawing.number(y + 15))">\(PipelineStates.sign(row.state)) \(took)</text></g>
                """
        }
        let height = Double(begun.count) * Self.rowHeight + 8
        return """
            <section aria-labelledby="chart-title"><h2 id="chart-title">When each ran</h2><div class="scroll">
            <svg class="waterfall" viewBox="0 0 \(Drawing.number(Self.width)) \(Drawing.number(height))" role="img" aria-label="When each task ran">\(drawn)</svg></div></section>
            """
    }
}
