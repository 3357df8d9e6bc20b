import MartletBytes
import MartletFrames

/// One endpoint as the loop has it: who answers, how much, what its monitors saw, and what is being tried.
struct EndpointSection {
    /// As `overview` has it.
    var endpoint: JSONValue
    var time: ClosedRange<Timestamp>
    /// Each as its route answers; nil for who may not read it.
    var traffic: JSONValue?
    var monitors: [(name: String, requests: [JSONValue], outcomes: [JSONValue])]?
    /// Alarms of the time, the newest first.
    var episodes: [JSONValue] = []
    /// Rollouts, the newest first, whole.
    var rollouts: [JSONValue]?
    var mayPromote = false

    static func id(_ name: String) -> HTML { "endpoint-\(segment: name)" }

    private var name: String { endpoint["endpoint"]?.string ?? "" }

    var html: HTML {
        """
        <section class="loop" id="\(Self.id(name))" aria-labelledby="\(Self.id(name))-title" data-on="release windows alarms rollouts"\
         data-fragment="/overview/endpoints/\(segment: name)"><h2 id="\(Self.id(name))-title">Endpoint \(name)</h2>\(answers)\(charts)\(figures.alarms)\(trials)</section>
        """
    }

    // MARK: - Who answers

    private var answers: HTML {
        let reference = endpoint["model"]?.string ?? ""
        let model = String(reference.prefix { $0 != "@" })
        let trial = rollouts?.first { ["running", "waiting"].contains($0["state"]?.string) }
        let champion: HTML =
            if let version = endpoint["version"]?.int64 {
                "<a href=\"/api/v1/models/\(segment: model)\">\(model) version \(version)</a> answers"
            } else { "<span class=\"bad\">no version of \(reference) answers</span>" }
        let challenger: HTML =
            trial.map { trial in
                let step = trial["steps"]?.array.flatMap { steps in
                    (trial["step"]?.int64).flatMap { steps.indices.contains(Int($0) - 1) ? steps[Int($0) - 1].string : nil }
                }
                return """
                    ; <a href="/api/v1/models/\(segment: model)">version \(trial["challenger"]?.int64 ?? 0)</a> is tried\(step.map { " (\($0))" } ?? "")
                    """
            } ?? ""
        return """
            <p>\(champion)\(challenger). <span class="rate" data-rate="\(name)"></span></p>
            """
    }

    // MARK: - Charts

    private var figures: LoopFigures { LoopFigures(id: Self.id(name), time: time, episodes: episodes) }

    static func link(_ alarm: JSONValue) -> HTML { "/alarms/\(segment: alarm["alarm"]?.string ?? "")" }

    /// `returns.drift amount`
    static func title(_ alarm: JSONValue) -> String {
        ([alarm["name"]?.string ?? ""] + (alarm["labels"]?.object?.members ?? []).compactMap(\.value.string)).joined(separator: " ")
    }

    private var charts: HTML {
        let drawn = self.figures
        var figures: [HTML] = []
        if traffic != nil { figures.append(trafficFigure) }
        for monitor in monitors ?? [] {
            figures += drawn.pictures(of: monitor.name, "requests", monitor.requests) + drawn.pictures(of: monitor.name, "outcomes", monitor.outcomes)
        }
        if monitors?.isEmpty == true {
            figures.append(
                """
                <figure><figcaption>Drift and performance</figcaption><p class="soft">No monitor watches it; a file in <code>monitors/</code> makes one.</p></figure>
                """)
        } else if let monitors, monitors.allSatisfy({ $0.requests.isEmpty && $0.outcomes.isEmpty }) {
            figures.append(
                "<figure><figcaption>Drift and performance</figcaption><p class=\"soft\">No window was measured yet.</p></figure>")
        }
        return "<div class=\"charts\">\(figures)</div>"
    }

    /// How much it is asked: moves with each prediction, so it is fetched anew by itself.
    var trafficFigure: HTML {
        guard let traffic else { return "" }
        let follows: HTML = """
             data-on="traffic" data-every="2" data-fragment="/overview/endpoints/\(segment: name)/traffic?from=\(segment: "\(time.lowerBound)")"
            """
        let behind = traffic["behind"]?.int64 ?? 0
        let note: HTML = behind > 100_000 ? "<p class=\"soft\">\(PageFigures.count(behind)) records are not counted yet.</p>" : ""
        guard traffic["buckets"]?.array?.isEmpty == false else {
            return "<figure\(follows)><figcaption>Traffic</figcaption><p class=\"soft\">Nobody asked it in this time.</p>\(note)</figure>"
        }
        let chart = TrafficChart(id: name, time: time, traffic: traffic, marks: figures.marks.map(\.mark))
        return figures.figure("traffic", "Traffic", chart.svg, chart.table(), note: note, follows: follows)
    }

    // MARK: - Rollouts

    /// What a step has shown moves with each decision.
    var trials: HTML {
        guard let rollouts else { return "" }
        let shown = rollouts.isEmpty ? "" : "<h3>Rollouts</h3>" + rollouts.enumerated().map { RolloutTimeline(rollout: $1, mayPromote: mayPromote, isOpen: $0 == 0).html }.joined()
        return """
            <div data-on="traffic" data-every="5" data-fragment="/overview/endpoints/\(segment: name)/rollouts">\(shown)</div>
            """
    }
}
