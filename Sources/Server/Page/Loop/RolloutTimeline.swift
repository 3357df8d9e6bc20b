import MartletBytes
import MartletFrames

/// One rollout: its steps, what happened to it and why, what the present step has shown, and what it waits for.
struct RolloutTimeline {
    /// As `rollouts.read` answers.
    var rollout: JSONValue
    var mayPromote = false
    /// Whether it is unfolded at first.
    var isOpen = false

    private var id: String { rollout["rollout"]?.string ?? "" }
    private var state: String { rollout["state"]?.string ?? "" }
    private var isActive: Bool { ["running", "waiting"].contains(state) }

    var html: HTML {
        let title: HTML = """
            Version \(rollout["challenger"]?.int64 ?? 0) beside version \(rollout["champion"]?.int64 ?? 0): \(Self.sign(state)) \(state), since \(ChartTime.full(rollout["started"]?.string))
            """
        let open: HTML = isActive || isOpen ? " open" : ""
        return """
            <details class="rollout" id="rollout-\(segment: id)"\(open)><summary>\(title)</summary>\(steps)\(waits)\(present)\(events)\(buttons)</details>
            """
    }

    private static func sign(_ kind: String) -> String {
        switch kind {
        case "started", "running": "▶"
        case "advanced": "→"
        case "waiting": "‖"
        case "promoted": "✓"
        case "withdrawn": "✗"
        default: "·"
        }
    }

    private var steps: HTML {
        let steps = (rollout["steps"]?.array ?? []).compactMap(\.string)
        guard !steps.isEmpty else { return "" }
        let present = Int(rollout["step"]?.int64 ?? 1) - 1
        let items = (steps + ["everything"]).prefix(20).enumerated().map { index, step -> HTML in
            let sign = index < present ? "✓" : index == present ? "●" : "○"
            let current: HTML = index == present ? " aria-current=\"step\"" : ""
            return "<li\(current)>\(sign) \(step)</li>"
        }
        return "<ol class=\"steps-line\">\(Array(items))</ol>"
    }

    private var waits: HTML {
        let waits = (rollout["waits_for"]?.array ?? []).compactMap(\.string)
        guard !waits.isEmpty else { return "" }
        return "<p>It waits for</p><ul>\(waits.map { "<li>\($0)</li>" as HTML })</ul>"
    }

    private var present: HTML {
        guard let evidence = rollout["evidence"], !evidence.isNull else { return "" }
        return "<h4>What this step has shown</h4>" + Self.evidence(evidence)
    }

    /// Two sides with their figures, the difference with its bounds, the test of the shares, and the guardrails.
    private static func evidence(_ evidence: JSONValue) -> HTML {
        let sides = ["champion", "challenger"].map { side -> HTML in
            let of = evidence[side]
            return """
                <tr><th scope="row">\(side)</th><td class="n">\(PageFigures.count(of?["units"]?.int64))</td><td class="n">\(PageFigures.count(of?["decisions"]?.int64))</td>\
                <td class="n">\(PageFigures.count(of?["judged"]?.int64))</td><td class="n">\(PageFigures.count(of?["without_outcome"]?.int64))</td>\
                <td class="n">\(of?["mean"]?.double.map(ChartFrame.figure) ?? "–")</td></tr>
                """
        }
        let ratio: HTML =
            evidence["sample_ratio"]?.double.map { "<p class=\"soft\">Units shared as planned: p \(ChartFrame.figure($0)).</p>" } ?? ""
        let guardrails = (evidence["guardrails"]?.array ?? []).map { rail -> HTML in
            let bounds = rail["bounds"]
            let isBroken = rail["broken"]?.bool == true
            let known = bounds.map { !$0.isNull } ?? false
            let figures = known
                ? "\(ChartFrame.figure(bounds?["low"]?.double ?? .nan)) to \(ChartFrame.figure(bounds?["high"]?.double ?? .nan))" : "not enough seen"
            return "<li>\(isBroken ? "✗" : "✓") \(rail["name"]?.string ?? ""): \(figures), allowed \(ChartFrame.figure(rail["limit"]?.double ?? .nan))</li>"
        }
        let rails: HTML = guardrails.isEmpty ? "" : "<ul class=\"rails\">\(guardrails)</ul>"
        return """
            <div class="scroll"><table><thead><tr><th scope="col">Side</th><th class="n" scope="col">Units</th><th class="n" scope="col">Decisions</th>\
            <th class="n" scope="col">Judged</th><th class="n" scope="col">No outcome</th><th class="n" scope="col">Mean worth</th></tr></thead>\
            <tbody>\(sides)</tbody></table></div>\(difference(evidence["difference"]))\(ratio)\(rails)
            """
    }

    /// The difference as a line with its bounds against zero.
    private static func difference(_ value: JSONValue?) -> HTML {
        guard let value, let low = value["low"]?.double, let high = value["high"]?.double, let estimate = value["estimate"]?.double,
            low.isFinite, high.isFinite, estimate.isFinite
        else { return "<p class=\"soft\">The difference cannot be told yet.</p>" }
        let (left, right) = (min(low, 0), max(high, 0))
        let span = right > left ? right - left : 1
        func x(_ number: Double) -> String { Drawing.number(20 + (number - left) / span * 300) }
        let words = "a decision of the challenger is worth \(ChartFrame.figure(estimate)) more, at all times between \(ChartFrame.figure(low)) and \(ChartFrame.figure(high))"
        return """
            <svg class="interval" viewBox="0 0 340 44" role="img" aria-label="\(words)"><line class="grid" x1="20" x2="320" y1="18" y2="18"/>\
            <line class="bound" x1="\(x(0))" x2="\(x(0))" y1="6" y2="30"/><text class="tick" x="\(x(0))" y="42" text-anchor="middle">0</text>\
            <line class="whisker" x1="\(x(low))" x2="\(x(high))" y1="18" y2="18"/><line class="whisker" x1="\(x(low))" x2="\(x(low))" y1="12" y2="24"/>\
            <line class="whisker" x1="\(x(high))" x2="\(x(high))" y1="12" y2="24"/><circle class="point l0" cx="\(x(estimate))" cy="18" r="4"/></svg>\
            <p class="soft">In the mean, \(words).</p>
            """
    }

    private var events: HTML {
        let items = (rollout["events"]?.array ?? []).suffix(50).enumerated().map { index, event -> HTML in
            let kind = event["kind"]?.string ?? ""
            let by: HTML = event["actor"]?.string.map { " by \($0)" } ?? (kind == "started" ? "" : " by its judgement")
            let evidence: HTML =
                event["evidence"].flatMap { $0.isNull ? nil : Self.evidence($0) }.map { shown in
                    "<details id=\"rollout-\(segment: id)-\(index)\"><summary>What had been seen</summary>\(shown)</details>"
                } ?? ""
            return """
                <li><span class="mono">\(ChartTime.full(event["time"]?.string))</span> \(Self.sign(kind)) <b>\(kind)</b>\(by), step \(event["step"]?.int64 ?? 0)\
                <br>\(event["reason"]?.string ?? "")\(evidence)</li>
                """
        }
        return "<ol class=\"timeline\">\(Array(items))</ol>"
    }

    private var buttons: HTML {
        guard isActive, mayPromote, let endpoint = rollout["endpoint"]?.string else { return "" }
        let path: HTML = "/api/v1/endpoints/\(segment: endpoint)/rollout"
        return "<p class=\"actions\">"
            + PageButton.posting(path + "/promote", "Let it in", question: "Let the version answer everything, as your judgement?")
            + PageButton.posting(path + "/withdraw", "Withdraw", question: "Take the version back?") + "</p>"
    }
}
