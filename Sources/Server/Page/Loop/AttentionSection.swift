import MartletBytes

/// What somebody should look at first.
struct AttentionSection {
    /// As `alarms.list` answers; nil for who may not read it.
    var alarms: JSONValue?
    var mayAnswer = false
    /// Under way, as `rollouts.list` has them; nil for who may not read them.
    var rollouts: [JSONValue]?
    /// The newest runs of pipelines, as `pipelineRuns.list` answers; nil for who may not read them.
    var runs: [JSONValue]?
    /// How many decisions wait for a person; nil for who may not see them.
    var reviews: Int?
    /// As `overview` has them.
    var streams: [JSONValue] = []

    /// Alarms that are shown.
    static let limit = 20

    var html: HTML {
        let items = firing + orders + waiting + failed + queue + deadLetters
        let body: HTML =
            items.isEmpty ? "<p class=\"good\">✓ Nothing needs you now.</p>" : "<ul class=\"attention\">\(items)</ul>"
        return """
            <section id="attention" aria-labelledby="attention-title" data-on="release alarms rollouts pipelines" data-fragment="/overview/attention">\
            <h2 id="attention-title">Needs attention</h2>\(body)<p id="message" class="bad" role="alert"></p></section>
            """
    }

    private var firing: [HTML] {
        let all = (alarms?["alarms"]?.array ?? []).filter { ["firing", "acknowledged", "silenced"].contains($0["phase"]?.string) }
        let order = ["page": 0, "critical": 0, "warning": 1, "info": 2]
        let ranked = all.enumerated().sorted { left, right in
            func rank(_ alarm: JSONValue) -> (Int, Int) {
                (alarm["phase"]?.string == "firing" ? 0 : 1, order[alarm["severity"]?.string ?? ""] ?? 1)
            }
            let (first, second) = (rank(left.element), rank(right.element))
            return first == second ? left.offset < right.offset : first < second
        }.map(\.element)
        var items = ranked.prefix(Self.limit).map { alarm -> HTML in
            let phase = alarm["phase"]?.string ?? ""
            let who: HTML = alarm["acknowledged_by"]?.string.map { " <span class=\"soft\">\($0) looks after it</span>" } ?? ""
            let button: HTML =
                mayAnswer && phase == "firing"
                ? PageButton.posting("/api/v1/alarms/\(segment: alarm["alarm"]?.string ?? "")/acknowledge", "I look after it") : ""
            return """
                <li><span class="tag \(phase == "firing" ? "bad" : "")">! \(alarm["severity"]?.string ?? "") \(phase)</span> \
                <a href="\(EndpointSection.link(alarm))">\(EndpointSection.title(alarm))</a> since \(ChartTime.full(alarm["started"]?.string))\(who)\
                <br>\(alarm["summary"]?.string ?? "") \(button)</li>
                """
        }
        if all.count > Self.limit { items.append("<li>\(all.count - Self.limit) more alarms: <code>martlet alarms</code></li>") }
        return items
    }

    private var orders: [HTML] {
        (alarms?["orders"]?.array ?? []).filter { $0["waiting"]?.bool == true }.prefix(Self.limit).map { order in
            let rule = order["rule"]?.string ?? ""
            return """
                <li><span class="tag">‖ asks</span> What alarm \(rule) asks for waits for your word (\(order["action"]?.string ?? "")).\(OrderButtons.html(order["key"]?.string ?? "", mayAnswer))</li>
                """
        }
    }

    private var waiting: [HTML] {
        (rollouts ?? []).filter { $0["state"]?.string == "waiting" }.map { rollout in
            let endpoint = rollout["endpoint"]?.string ?? ""
            return """
                <li><span class="tag">‖ waits</span> <a href="#\(EndpointSection.id(endpoint))">Version \(rollout["challenger"]?.int64 ?? 0) at \(endpoint)</a> waits for a second person: \(rollout["reason"]?.string ?? "")</li>
                """
        }
    }

    private var failed: [HTML] {
        var seen: Set<String> = []
        return (runs ?? []).filter { seen.insert($0["pipeline"]?.string ?? "").inserted && $0["state"]?.string == "failed" }
            .prefix(Self.limit).map { run in
                """
                <li><span class="tag bad">✗ failed</span> The newest run of pipeline <a href="/pipeline-runs/\(segment: run["run"]?.string ?? "")">\(run["pipeline"]?.string ?? "")</a>, \(ChartTime.full(run["created"]?.string))</li>
                """
            }
    }

    private var queue: [HTML] {
        guard let reviews, reviews > 0 else { return [] }
        let words = reviews == 1 ? "1 decision waits" : "\(PageFigures.count(Int64(reviews))) decisions wait"
        return ["<li><span class=\"tag\">? review</span> <a href=\"/reviews\">\(words) for a person</a></li>"]
    }

    private var deadLetters: [HTML] {
        streams.filter { $0["dead_letters"]?.int64 ?? 0 > 0 }.prefix(Self.limit).map { stream in
            """
            <li><span class="tag">· letters</span> \(PageFigures.count(stream["dead_letters"]?.int64)) rows for stream \(stream["stream"]?.string ?? "") wait: <code>martlet dead-letters list</code></li>
            """
        }
    }
}

/// The answers to what an alarm asks for.
enum OrderButtons {
    static func html(_ key: String, _ mayAnswer: Bool) -> HTML {
        guard mayAnswer else { return "" }
        let path: HTML = "/api/v1/reactions/\(segment: key)"
        return PageButton.posting(path, "Approve", body: ["approved": true])
            + PageButton.posting(path, "Refuse", body: ["approved": false], question: "Refuse? It is then not done.")
    }
}
