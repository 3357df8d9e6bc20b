import MartletBytes

/// The pipelines that ran last: their graphs, and how their runs went.
struct PipelinesSection {
    struct Item {
        /// As `pipelines.read` answers.
        var pipeline: JSONValue
        /// The newest runs, newest first, as `pipelineRuns.list` answers.
        var runs: [JSONValue]
        /// The newest run, whole; nil before the first.
        var newest: JSONValue?
    }

    /// Those whose graphs are drawn.
    var items: [Item]
    /// How many more there are.
    var others = 0

    /// Pipelines with their graphs on one page.
    static let limit = 4

    var html: HTML {
        guard !items.isEmpty else { return "" }
        let more: HTML = others > 0 ? "<p><a href=\"/pipelines\">\(others) more pipelines</a></p>" : ""
        return """
            <section id="pipelines" aria-labelledby="pipelines-title" data-on="release pipelines" data-fragment="/overview/pipelines">\
            <h2 id="pipelines-title">Pipelines</h2>\(items.map(part))\(more)</section>
            """
    }

    private func part(_ item: Item) -> HTML {
        let name = item.pipeline["pipeline"]?.string ?? ""
        let squares = item.runs.reversed().map { run -> HTML in
            let state = run["state"]?.string ?? ""
            return PipelineStates.square(
                state, run: run["run"]?.string ?? "",
                title: "\(PipelineStates.words(state)), by \(run["cause"]?.string ?? ""), \(ChartTime.full(run["created"]?.string))")
        }
        let paused: HTML = item.pipeline["paused"]?.bool == true ? " <span class=\"tag bad\">‖ paused</span>" : ""
        let due: HTML = item.pipeline["next_due"]?.string.map { "next \(ChartTime.full($0))" } ?? ""
        let last: HTML =
            item.newest.map { run in
                """
                <a href="/pipeline-runs/\(segment: run["run"]?.string ?? "")">The newest run</a>: \(PipelineStates.tag(run["state"]?.string ?? "")) \
                by \(run["cause"]?.string ?? ""), \(ChartTime.full(run["created"]?.string))\(run["note"]?.string.map { ", " + $0 } ?? "")
                """
            } ?? "<span class=\"soft\">It was never run.</span>"
        return """
            <h3><a href="/pipelines/\(segment: name)">\(name)</a>\(paused) <span class="soft">\(due)</span></h3><p>\(last)</p>\
            <div class="scroll">\(PipelineGraphDrawing(tasks: item.pipeline["tasks"]?.array ?? [], run: item.newest).svg)</div>\
            <p class="squares">\(squares.isEmpty ? "" : "Runs, the newest last: ")\(squares)</p>
            """
    }
}
