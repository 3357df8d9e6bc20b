import MartletBytes

/// The decisions that wait for a person, one at a time.
struct ReviewPage {
    var project: String
    /// How many wait, this one included.
    var waiting: Int
    /// As `reviews.read` answers; nil if none is left.
    var review: JSONValue?
    /// The number that the next one stands after; nil for none.
    var next: Int64?
    var mayAnswer = false

    /// Labels with a button each; where there are more, the label is written.
    static let buttonLimit = 20
    /// Inputs that are shown.
    static let rowLimit = 300

    var response: Response {
        PageShell.page("Reviews", project: project, review.map(content) ?? nothing)
    }

    private var nothing: HTML {
        """
        <section class="narrow"><h1>Nothing waits for a person</h1>
        <p>Decisions come here where an endpoint has a <code>review:</code>, and where somebody contests one.</p>
        <p><a href="/reviews">Look again</a> · <a href="/">Overview</a></p></section>
        """
    }

    private func content(_ review: JSONValue) -> HTML {
        head(review) + verdict(review) + reasons(review) + inputs(review)
    }

    private static func reason(_ reason: String) -> String {
        switch reason {
        case "uncertain": "The endpoint's condition says that it is not sure."
        case "explored": "It was chosen whatever its score, so that all kinds are seen."
        case "contested": "Somebody objects to it."
        default: reason
        }
    }

    private func head(_ review: JSONValue) -> HTML {
        let id = review["prediction_id"]?.string ?? ""
        let objection: HTML = review["objection"]?.string.map { "<blockquote>\($0)</blockquote>" } ?? ""
        let claim: HTML = mayAnswer ? " data-claim=\"/api/v1/reviews/\(segment: id)/claim\"" : ""
        return """
            <section aria-labelledby="review-title"\(claim)><h1 id="review-title">A decision of \(review["endpoint"]?.string ?? "")</h1>
            <p>\(Self.reason(review["reason"]?.string ?? ""))</p>\(objection)<div class="figures">
            <div class="figure"><b>\(PageJSON.short(review["answer"] ?? review["output"] ?? .null))</b>output</div>
            <div class="figure"><b>\(ChartTime.full(review["time"]?.string))</b>of (UTC)</div>
            <div class="figure"><b>\(ChartTime.full(review["expires"]?.string))</b>too late after</div>
            <div class="figure"><b>\(PageFigures.count(Int64(waiting)))</b>\(waiting == 1 ? "waits" : "wait")</div></div>
            <p class="soft mono">\(id)</p><p id="message" class="bad" role="alert"></p></section>
            """
    }

    // MARK: - The verdict

    private func verdict(_ review: JSONValue) -> HTML {
        let skip: HTML = next.map { "<a class=\"button\" href=\"/reviews?after=\($0)\" data-key=\"s\">Later <kbd>s</kbd></a>" } ?? ""
        guard mayAnswer else { return "<section><p class=\"soft\">You may look, and not judge.</p><p class=\"actions\">\(skip)</p></section>" }
        let path: HTML = "/api/v1/reviews/\(segment: review["prediction_id"]?.string ?? "")/answer"
        let name = review["label_name"]?.string ?? "label"
        let labels = (review["labels"]?.array ?? []).compactMap(\.string)
        let type = review["label_type"]?.string ?? ""
        let buttons: HTML =
            if type == "bool" {
                Self.button(path, .bool(true), "Yes", key: "y") + Self.button(path, .bool(false), "No", key: "n")
            } else if !labels.isEmpty, labels.count <= Self.buttonLimit {
                labels.enumerated().map { index, label in
                    Self.button(path, type == "int64" ? Int64(label).map(JSONValue.int64) ?? .string(label) : .string(label), label, key: index < 9 ? "\(index + 1)" : nil)
                }.joined()
            } else {
                """
                <label for="label">\(name)</label><input id="label" class="mono" autocomplete="off" spellcheck="false"\(type == "string" ? "" : " inputmode=\"decimal\"")>\
                <button type="button" data-post="\(path)" data-body="{}" data-label-of="label" data-label-type="\(type)">Give the verdict</button>
                """
            }
        return """
            <section aria-labelledby="verdict-title"><h2 id="verdict-title">What is the truth: \(name)?</h2><p class="actions verdict">\(buttons)\(skip)</p>
            <p class="soft">Your verdict is an outcome of the decision, in the log as any other.</p>
            <noscript><p class="bad">Judging needs the page's script, which comes from this server; <code>martlet reviews answer</code> does it too.</p></noscript></section>
            """
    }

    private static func button(_ path: HTML, _ label: JSONValue, _ title: String, key: String?) -> HTML {
        let body: JSONValue = ["label": label]
        let shortcut: HTML = key.map { " data-key=\"\($0)\"" } ?? ""
        let shown: HTML = key.map { " <kbd>\($0)</kbd>" } ?? ""
        return "<button type=\"button\" data-post=\"\(path)\" data-body=\"\("\(body)")\"\(shortcut)>\(title)\(shown)</button> "
    }

    // MARK: - What it was made of

    private func reasons(_ review: JSONValue) -> HTML {
        guard let explanation = review["explanation"], !explanation.isNull else {
            return "<section><h2>Why</h2><p class=\"soft\">There is no explanation: the fallback answered, or the version answers no longer.</p></section>"
        }
        let bars = (explanation["contributions"]?.array ?? []).map { item in
            WaterfallChart.Bar(
                name: item["feature"]?.string ?? "", value: item["value"].map(PageJSON.full) ?? "",
                contribution: item["contribution"]?.double ?? 0)
        }
        let chart = WaterfallChart(base: explanation["base"]?.double ?? 0, bars: bars, margin: explanation["margin"]?.double ?? 0)
        let rows = bars.prefix(Self.rowLimit).map { bar -> HTML in
            "<tr><td>\(bar.name)</td><td class=\"mono\">\(bar.value)</td><td class=\"n\">\(PageFigures.signed(bar.contribution))</td></tr>"
        }
        return """
            <section aria-labelledby="why-title"><h2 id="why-title">Why</h2><div class="scroll">\(chart.svg)</div>
            <details id="why-table"><summary>As a table</summary><div class="scroll"><table><thead><tr><th scope="col">Feature</th><th scope="col">Value</th>\
            <th class="n" scope="col">Contribution</th></tr></thead><tbody>\(Array(rows))</tbody></table></div></details></section>
            """
    }

    private func inputs(_ review: JSONValue) -> HTML {
        let rows = (review["inputs"]?.object?.members ?? []).prefix(Self.rowLimit).map { item -> HTML in
            "<tr><td>\(item.key)</td><td class=\"mono\">\(PageJSON.full(item.value))</td></tr>"
        }
        return PageTable.section("inputs", "Inputs", ["Field", "Value"], numbers: [], Array(rows), empty: "There are none.")
    }
}
