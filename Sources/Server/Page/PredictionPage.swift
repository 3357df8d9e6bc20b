import MartletBytes

/// One prediction, taken apart: what came in, what was computed, what each feature did, and whether it can be made again.
struct PredictionPage {
    var project: String
    /// As `predictions.read` answers.
    var prediction: JSONValue
    /// As `predictions.explain` answers; else why there is none.
    var explanation: Result<JSONValue, Problem>
    /// As `predictions.replay` answers; else why there is none.
    var replay: Result<JSONValue, Problem>

    var response: Response {
        PageShell.page("Prediction", project: project, summary + reasons + again + inputs + features)
    }

    private func text(_ member: String) -> String {
        prediction[member].map(PageJSON.full) ?? "–"
    }

    private var summary: HTML {
        let degraded: HTML =
            prediction["degraded"]?.bool == true ? "<p class=\"bad\">The endpoint's fallback answered, not the model.</p>" : ""
        return """
            <section><h1>Prediction</h1><p class="mono">\(text("prediction_id"))</p>\(degraded)<div class="figures">
            <div class="figure"><b>\(PageJSON.short(prediction["output"] ?? .null))</b>output</div>
            <div class="figure"><b>\(prediction["outcome"].map(PageJSON.short) ?? "–")</b>what became known</div>
            <div class="figure"><b>\(text("model")) \(text("version"))</b>model and version</div>
            <div class="figure"><b>\(PageFigures.count(prediction["latency_us"]?.int64)) µs</b>to compute</div></div>
            <p class="soft">Endpoint \(text("endpoint")), asked by \(text("actor")), for \(text("time")); features as of position \(text("cut")),
            release \(text("release")).</p></section>
            """
    }

    private var reasons: HTML {
        switch explanation {
        case .failure(let problem):
            return "<section><h2>Why</h2><p class=\"soft\">\(problem.message)</p></section>"
        case .success(let explanation):
            let bars = (explanation["contributions"]?.array ?? []).map { item in
                WaterfallChart.Bar(
                    name: item["feature"]?.string ?? "", value: item["value"].map(PageJSON.full) ?? "",
                    contribution: item["contribution"]?.double ?? 0)
            }
            let chart = WaterfallChart(
                base: explanation["base"]?.double ?? 0, bars: bars, margin: explanation["margin"]?.double ?? 0)
            let rows = bars.map { bar -> HTML in
                "<tr><td>\(bar.name)</td><td class=\"mono\">\(bar.value)</td><td class=\"n\">\(PageFigures.signed(bar.contribution))</td></tr>"
            }
            return """
                <section aria-labelledby="why-title"><h2 id="why-title">Why</h2>
                <p class="soft">Base and contributions add up to the margin, from which the output follows.</p>
                <div class="scroll">\(chart.svg)</div></section>
                """
                + PageTable.section(
                    "contributions", "Contributions", ["Feature", "Value", "Contribution"], numbers: [2], rows, empty: "There are none.")
        }
    }

    private var again: HTML {
        switch replay {
        case .failure(let problem): return "<section><h2>Made again</h2><p class=\"soft\">\(problem.message)</p></section>"
        case .success(let replay):
            let note: HTML = replay["note"]?.string.map { "<p class=\"soft\">\($0)</p>" } ?? ""
            if replay["equal"]?.bool == true {
                return """
                    <section><h2>Made again</h2><p class="good">✓ Computed again from the log just now: equal in every bit.</p>\(note)</section>
                    """
            }
            let rows = (replay["differences"]?.array ?? []).map { item -> HTML in
                """
                <tr><td>\(item["feature"]?.string ?? "output")</td><td class="mono">\(item["recorded"].map(PageJSON.full) ?? "")</td>
                <td class="mono">\(item["recomputed"].map(PageJSON.full) ?? "")</td></tr>
                """
            }
            return "<section><h2>Made again</h2><p class=\"bad\">✗ Computed again, it differs.</p>\(note)</section>"
                + PageTable.section(
                    "differences", "Differences", ["Of", "Recorded", "Computed again"], numbers: [], rows, empty: "There are none.")
        }
    }

    private var inputs: HTML { table("inputs", "Inputs", ["Field", "Value"]) }
    private var features: HTML { table("features", "Features", ["Feature", "Value"]) }

    private func table(_ member: String, _ title: String, _ columns: [String]) -> HTML {
        let rows = (prediction[member]?.object?.members ?? []).map { item -> HTML in
            "<tr><td>\(item.key)</td><td class=\"mono\">\(PageJSON.full(item.value))</td></tr>"
        }
        return PageTable.section(HTML(escaping: member), title, columns, numbers: [], rows, empty: "There are none.")
    }
}

extension Problem: Error {}
