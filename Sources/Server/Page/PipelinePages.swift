import MartletBytes
import MartletFrames

/// All pipelines: how their last runs went and when each runs next.
struct PipelinesPage {
    var project: String
    /// As `pipelines.list` answers.
    var pipelines: [JSONValue]
    /// The last runs of each, newest first, as `pipelineRuns.list` answers.
    var runs: [String: [JSONValue]]

    var response: Response {
        let rows = pipelines.map { pipeline -> HTML in
            let name = pipeline["pipeline"]?.string ?? ""
            let squares = (runs[name] ?? []).reversed().map { run -> HTML in
                let state = run["state"]?.string ?? ""
                return PipelineStates.square(
                    state, run: run["run"]?.string ?? "", title: "\(PipelineStates.words(state)), \(run["created"]?.string ?? "")")
            }
            let doc = pipeline["doc"]?.string ?? ""
            let remark: HTML = doc.isEmpty ? "" : "<br><span class=\"soft\">\(doc)</span>"
            let paused: HTML = pipeline["paused"]?.bool == true ? " <span class=\"tag bad\">‖ paused</span>" : ""
            return """
                <tr><td><a href="/pipelines/\(segment: name)"><b>\(name)</b></a>\(paused)\(remark)</td>
                <td class="n">\(pipeline["tasks"]?.int64 ?? 0)</td><td>\(pipeline["schedule"]?.string ?? "–")</td>
                <td>\(pipeline["next_due"]?.string ?? "–")</td>
                <td class="squares">\(squares.isEmpty ? "<span class=\"soft\">never run</span>" : squares.joined())</td></tr>
                """
        }
        return PageShell.page(
            "Pipelines", project: project, isLive: true,
            PageTable.section(
                "pipelines", "Pipelines", ["Pipeline", "Tasks", "Schedule", "Next", "Last runs"], numbers: [1], rows,
                empty: "No pipeline is defined; a file in <code>pipelines/</code> makes one."))
    }
}

/// One pipeline: its graph, and its tasks in the last runs.
struct PipelinePage {
    var project: String
    /// As `pipelines.read` answers.
    var pipeline: JSONValue
    /// The last runs, newest first, as `pipelineRuns.read` answers.
    var runs: [JSONValue]

    var response: Response {
        let name = pipeline["pipeline"]?.string ?? ""
        return PageShell.page(name, project: project, isLive: true, head(name) + graph + grid + parameters)
    }

    private var tasks: [JSONValue] { pipeline["tasks"]?.array ?? [] }

    private func head(_ name: String) -> HTML {
        let doc = pipeline["doc"]?.string ?? ""
        let isPaused = pipeline["paused"]?.bool == true
        let paused: HTML = isPaused ? "<span class=\"tag bad\">‖ paused</span>" : ""
        let facts = [
            pipeline["schedule"]?.string.map { "schedule \($0)" } ?? "no schedule", pipeline["next_due"]?.string.map { "next \($0)" },
            "\(pipeline["max_active_runs"]?.int64 ?? 0) runs at a time",
        ].compactMap(\.self).joined(separator: ", ")
        let pausing: HTML =
            isPaused
            ? PageButton.posting("/api/v1/pipelines/\(segment: name)/resume", "Resume")
            : PageButton.posting("/api/v1/pipelines/\(segment: name)/pause", "Pause")
        // A run about an interval needs one, which the command line and backfills give.
        let running = pipeline["schedule"]?.string == nil ? PageButton.posting("/api/v1/pipelines/\(segment: name)/runs", "Run now") : ""
        return """
            <section><p class="soft"><a href="/pipelines">Pipelines</a></p><h1>\(name) \(paused)</h1><p>\(doc)</p><p class="soft">\(facts)</p>
            <p class="actions">\(running)\(pausing)</p><p id="message" class="bad" role="alert"></p></section>
            """
    }

    private var graph: HTML {
        let drawing = PipelineGraphDrawing(tasks: tasks, run: runs.first)
        let note: HTML =
            runs.isEmpty
            ? "" : "<p class=\"soft\">The states are those of the newest run. Tasks with a dashed border run only if the run fails.</p>"
        return """
            <section aria-labelledby="graph-title"><h2 id="graph-title">Graph</h2><div class="scroll">\(drawing.svg)</div>\(note)</section>
            """
    }

    private var grid: HTML {
        let shown = Array(runs.reversed())
        let heads = shown.map { run -> HTML in
            let state = run["state"]?.string ?? ""
            return """
                <th scope="col">\(PipelineStates.square(state, run: run["run"]?.string ?? "", title: "run \(PipelineStates.words(state)), \(run["created"]?.string ?? "")"))</th>
                """
        }
        let states = shown.map { run -> [String: String] in
            var states: [String: String] = [:]
            for task in run["tasks"]?.array ?? [] { states[task["task"]?.string ?? ""] = task["state"]?.string }
            return states
        }
        let rows = tasks.map { task -> HTML in
            let name = task["task"]?.string ?? ""
            let cells = zip(shown, states).map { run, states -> HTML in
                guard let state = states[name] else { return "<td></td>" }
                return """
                    <td>\(PipelineStates.square(state, run: run["run"]?.string ?? "", title: "\(name) \(PipelineStates.words(state)), \(run["created"]?.string ?? "")"))</td>
                    """
            }
            return "<tr><th scope=\"row\">\(name)</th>\(cells.joined())</tr>"
        }
        let body: HTML =
            shown.isEmpty
            ? "<p class=\"soft\">It was never run.</p>"
            : """
            <div class="scroll"><table class="grid"><thead><tr><th scope="col">Run</th>\(heads.joined())</tr></thead><tbody>\(rows.joined())</tbody></table></div>
            """
        return "<section aria-labelledby=\"grid-title\"><h2 id=\"grid-title\">Last runs</h2>\(body)</section>"
    }

    private var parameters: HTML {
        let items = pipeline["parameters"]?.array ?? []
        guard !items.isEmpty else { return "" }
        let rows = items.map { item -> HTML in
            """
            <tr><td><b>\(item["name"]?.string ?? "")</b></td><td>\(item["type"]?.string ?? "")</td>
            <td class="mono">\(PageJSON.short(item["default"] ?? .null))</td><td>\(item["doc"]?.string ?? "")</td></tr>
            """
        }
        return PageTable.section("parameters", "Parameters", ["Parameter", "Type", "Default", ""], numbers: [], rows, empty: "There are none.")
    }
}

/// A button that sends a request of the interface, by the page's script.
enum PageButton {
    /// - Parameters:
    ///   - body: JSON.
    ///   - question: asked before; nil for what can be taken back.
    static func posting(_ path: HTML, _ title: String, body: JSONValue = .object(JSONObject()), question: String? = nil) -> HTML {
        let confirm: HTML = question.map { " data-confirm=\"\($0)\"" } ?? ""
        return "<button type=\"button\" class=\"quiet\" data-post=\"\(path)\" data-body=\"\("\(body)")\"\(confirm)>\(title)</button> "
    }
}
