import MartletBytes

/// The first page: what is in force and how it does.
struct OverviewPage {
    /// What the platform answers as its overview.
    var overview: JSONValue
    /// Trainings, newest first, as `runs.list` answers them.
    var runs: [JSONValue]?
    /// The newest predictions of each endpoint; nil for who may not see them.
    var predictions: [String: [JSONValue]]?
    var metrics: Metrics.State
    /// How far the loop had come before all of this was read, as `loopEvents.follow` has it; nil for a page that does not follow.
    var position: String?
    var attention: AttentionSection?
    /// The first endpoints, with their pictures.
    var loops: [EndpointSection] = []
    /// The first streams that monitors watch.
    var watched: [StreamSection] = []
    /// Nil for who may not see them.
    var pipelines: PipelinesSection?

    var response: Response {
        let project = overview["project"]?.string ?? ""
        let isEmpty = overview["release"]?.isNull ?? true
        // Before anything is in force there is nothing to follow, and the page looks again by itself.
        let follows: HTML = position.map { " data-loop=\"\($0)\"" } ?? ""
        return PageShell.page(
            "Overview", project: project, isLive: position == nil, attributes: follows, isEmpty ? Self.firstSteps : content)
    }

    private static let firstSteps: HTML = """
        <section class="narrow"><h1>Nothing is in force yet</h1>
        <p>In the project's folder:</p>
        <ol class="steps">
        <li><code>martlet plan</code> checks the files and says what they would change.</li>
        <li><code>martlet apply</code> puts them in force.</li>
        <li><code>martlet ingest STREAM FILE</code> brings in history.</li>
        <li><code>martlet train MODEL</code>, then <code>martlet promote MODEL</code>.</li>
        </ol>
        <p class="hint">No files yet? <code>martlet init NAME --csv FILE</code> makes them from a table.</p></section>
        """

    private var content: HTML {
        let parts: [HTML] = [figures, attention?.html ?? "", loops.map(\.html).joined(), watched.map(\.html).joined(), pipelines?.html ?? "", tables, lookUp]
        return parts.joined()
    }

    /// The figures of the whole.
    var figures: HTML {
        let release = overview["release"]
        return """
            <section id="overview" aria-labelledby="overview-title" data-on="release traffic" data-every="5" data-fragment="/overview/figures"><h1 id="overview-title">Overview</h1><div class="figures">
            <div class="figure"><b>\(PageFigures.count(release?["release"]?.int64))</b>release in force</div>
            <div class="figure"><b>\(PageFigures.count(total("streams", "events")))</b>events</div>
            <div class="figure"><b>\(PageFigures.count(total("endpoints", "predictions")))</b>predictions recorded</div>
            <div class="figure"><b>\(PageFigures.count(total("streams", "dead_letters")))</b>dead letters</div>
            </div><p class="soft">\(release?["action"]?.string ?? "") by \(release?["actor"]?.string ?? "") at \(release?["created"]?.string ?? "")</p></section>
            """
    }

    /// What is in force, in tables.
    var tables: HTML {
        "<div class=\"stack\" id=\"tables\" data-on=\"release traffic\" data-every=\"10\" data-fragment=\"/overview/tables\">\(streams + views + models + endpoints)</div>"
    }

    private func total(_ list: String, _ member: String) -> Int64 {
        items(list).reduce(0) { $0 &+ ($1[member]?.int64 ?? 0) }
    }

    private func items(_ list: String) -> [JSONValue] {
        overview[list]?.array ?? []
    }

    private func name(_ item: JSONValue, _ member: String) -> HTML {
        let doc = item["doc"]?.string ?? ""
        let remark: HTML = doc.isEmpty ? "" : "<br><span class=\"soft\">\(doc)</span>"
        return "<td><b>\(item[member]?.string ?? "")</b>\(remark)</td>"
    }

    private var streams: HTML {
        let rows = items("streams").map { stream -> HTML in
            let dead = stream["dead_letters"]?.int64 ?? 0
            let deadCell: HTML = dead > 0 ? "<span class=\"bad\">\(PageFigures.count(dead))</span>" : "0"
            return """
                <tr>\(name(stream, "stream"))<td class="n">\(PageFigures.count(stream["events"]?.int64))</td>
                <td class="n">\(deadCell)</td>
                <td>\(stream["last"]?.string ?? "–")</td></tr>
                """
        }
        return PageTable.section(
            "streams", "Streams", ["Stream", "Events", "Dead letters", "Latest event"], numbers: [1, 2], rows,
            empty: "No stream is defined; a file in <code>streams/</code> makes one.")
    }

    private var views: HTML {
        let rows = items("feature_views").map { view -> HTML in
            """
            <tr>\(name(view, "view"))<td>\(view["source"]?.string ?? "")</td><td>\(view["entity"]?.string ?? "–")</td>
            <td class="n">\(view["features"]?.array?.count ?? 0)</td><td class="n">\(PageFigures.count(view["entities"]?.int64))</td>
            <td class="n">\(PageFigures.bytes(view["bytes"]?.int64))</td></tr>
            """
        }
        return PageTable.section(
            "features", "Feature views", ["View", "Of stream", "Entity", "Features", "Entities", "Memory"], numbers: [3, 4, 5], rows,
            empty: "No feature view is defined; a file in <code>features/</code> makes one.")
    }

    private var models: HTML {
        let rows = items("models").map { model -> HTML in
            let run = runs?.first { $0["model"]?.string == model["model"]?.string && $0["status"]?.string == "succeeded" }
            let aliases = (model["aliases"]?.object?.members ?? []).map { alias -> HTML in
                "<span class=\"tag good\">\(alias.key) → \(alias.value.int64 ?? 0)</span>"
            }
            let metrics = (run?["metrics"]?.object?.members ?? []).map { metric -> HTML in
                "<span class=\"tag\">\(metric.key) \(metric.value.double.map { PageFigures.decimal($0, 4) } ?? "–")</span>"
            }
            let gates = (run?["gates"]?.array ?? []).map { gate -> HTML in
                let passed = gate["passed"]?.bool == true
                return passed
                    ? "<span class=\"tag good\">✓ \(gate["gate"]?.string ?? "")</span>"
                    : "<span class=\"tag bad\">✗ \(gate["gate"]?.string ?? "")</span>"
            }
            return """
                <tr>\(name(model, "model"))<td>\(model["task"]?.string ?? "")</td>
                <td class="n">\(PageFigures.count(model["versions"]?.int64))</td>
                <td>\(aliases.isEmpty ? "<span class=\"soft\">not promoted</span>" : aliases.joined())</td>
                <td>\(metrics.isEmpty ? "<span class=\"soft\">not trained</span>" : metrics.joined())\(gates.joined())</td></tr>
                """
        }
        return PageTable.section(
            "models", "Models", ["Model", "Task", "Versions", "In use", "Newest training"], numbers: [2], rows,
            empty: "No model is defined; a file in <code>models/</code> makes one.")
    }

    private var endpoints: HTML {
        let rows = items("endpoints").map { endpoint -> HTML in
            let name = endpoint["endpoint"]?.string ?? ""
            let counts = metrics.endpoints[name]
            let recent = (predictions?[name] ?? []).prefix(5).map { prediction -> HTML in
                let id = prediction["prediction_id"]?.string ?? ""
                return "<a class=\"mono\" href=\"/predictions/\(segment: id)\">\(PageJSON.short(prediction["output"] ?? .null))</a>"
            }
            return """
                <tr><td><b>\(name)</b></td><td>\(endpoint["model"]?.string ?? "")</td>
                <td class="n">\(endpoint["version"]?.int64.map { "\($0)" } ?? "–")</td>
                <td class="n">\(PageFigures.count(endpoint["predictions"]?.int64))</td>
                <td class="n">\(PageFigures.latency(counts?.latency.quantile(0.5)))</td>
                <td class="n">\(PageFigures.latency(counts?.latency.quantile(0.99)))</td>
                <td class="n">\(counts?.degraded ?? 0)</td><td class="n">\(counts?.failures ?? 0)</td>
                <td>\(recent.isEmpty ? "–" : recent.joined(separator: " "))</td></tr>
                """
        }
        return PageTable.section(
            "endpoints", "Endpoints", ["Endpoint", "Model", "Version", "Recorded", "p50", "p99", "Degraded", "Errors", "Newest"],
            numbers: [2, 3, 4, 5, 6, 7], rows,
            empty: "No endpoint is defined; a file in <code>endpoints/</code> makes one.",
            note: "Latency, degraded and errors are of this server since it started.")
    }

    private var lookUp: HTML {
        guard predictions != nil else { return "" }
        return """
            <section aria-labelledby="look-up-title"><h2 id="look-up-title">One prediction, taken apart</h2>
            <form class="look-up" action="/predictions" method="get"><div><label for="id">Its id, as the answer had it</label>
            <input id="id" name="id" class="mono" required spellcheck="false" autocomplete="off"></div>
            <button type="submit">Show</button></form></section>
            """
    }
}

/// Tables as every page has them.
enum PageTable {
    /// - Parameter empty: what stands in place of a table without rows.
    static func section(
        _ id: HTML, _ title: String, _ columns: [String], numbers: Set<Int>, _ rows: [HTML], empty: HTML, note: HTML? = nil
    ) -> HTML {
        let heads = columns.enumerated().map { index, column -> HTML in
            numbers.contains(index) ? "<th class=\"n\" scope=\"col\">\(column)</th>" : "<th scope=\"col\">\(column)</th>"
        }
        let body: HTML =
            rows.isEmpty
            ? "<p class=\"soft\">\(empty)</p>"
            : "<div class=\"scroll\"><table><thead><tr>\(heads)</tr></thead><tbody>\(rows)</tbody></table></div>"
        let remark: HTML = note.map { "<p class=\"soft\">\($0)</p>" } ?? ""
        return """
            <section aria-labelledby="\(id)-title"><h2 id="\(id)-title">\(title)</h2>\(body)\(rows.isEmpty ? "" : remark)</section>
            """
    }
}

/// JSON as text for people.
enum PageJSON {
    static func short(_ value: JSONValue) -> String {
        switch value {
        case .null: "–"
        case .string(let text): text
        case .float64(let number): PageFigures.decimal(number, 4)
        case .object(let object): object.members.map { "\($0.key) \(short($0.value))" }.joined(separator: ", ")
        case .array(let items): items.map(short).joined(separator: ", ")
        case .bool, .int64: "\(value)"
        }
    }

    /// A value in full.
    static func full(_ value: JSONValue) -> String {
        switch value {
        case .null: "missing"
        case .string(let text): text
        default: "\(value)"
        }
    }
}
