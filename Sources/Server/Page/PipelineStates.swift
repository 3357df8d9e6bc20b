/// States of runs and task instances as pages show them: a colour, and a sign for who does not see it.
enum PipelineStates {
    static func sign(_ state: String) -> String {
        switch state {
        case "succeeded": "✓"
        case "failed": "✗"
        case "running": "▶"
        case "deferred": "‖"
        case "retrying": "↻"
        case "skipped": "○"
        case "upstream_failed": "⊘"
        case "cancelled": "■"
        case "queued": "…"
        default: "·"
        }
    }

    static func words(_ state: String) -> String {
        state == "upstream_failed" ? "upstream failed" : state
    }

    static func tag(_ state: String) -> HTML {
        "<span class=\"tag state s-\(state)\">\(sign(state)) \(words(state))</span>"
    }

    /// A small square that leads to a run.
    static func square(_ state: String, run: String, title: String) -> HTML {
        "<a class=\"square s-\(state)\" href=\"/pipeline-runs/\(segment: run)\" title=\"\(title)\" aria-label=\"\(title)\">\(sign(state))</a>"
    }
}

/// Coordinates of a drawing.
enum Drawing {
    /// To a tenth; SVG knows only the plain minus sign.
    static func number(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        return "\((value * 10).rounded() / 10)"
    }

    static func short(_ name: String, _ limit: Int) -> String {
        name.count <= limit ? name : name.prefix(limit - 1) + "…"
    }
}
