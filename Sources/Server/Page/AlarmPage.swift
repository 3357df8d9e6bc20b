import MartletBytes

/// One alarm: what it is, what caused it, what happened since, and what a person can do.
struct AlarmPage {
    var project: String
    /// As `alarms.read` answers.
    var alarm: JSONValue
    var mayAnswer = false

    /// Measures of the window, and moments of the history, that are listed.
    static let rowLimit = 100

    var response: Response {
        PageShell.page("Alarm \(alarm["name"]?.string ?? "")", project: project, isLive: true, head + reactions + window + history)
    }

    private var id: String { alarm["alarm"]?.string ?? "" }
    private var phase: String { alarm["phase"]?.string ?? "" }

    private var head: HTML {
        let isFiring = phase == "firing"
        let tag: HTML = "<span class=\"tag \(isFiring ? "bad" : "")\">\(isFiring ? "!" : "·") \(phase)</span>"
        let who: HTML = alarm["acknowledged_by"]?.string.map { "<p>\($0) looks after it.</p>" } ?? ""
        let silence: HTML = alarm["silenced_by"]?.string.map { "<p>Silence \($0) keeps it from being told.</p>" } ?? ""
        let since: HTML = alarm["started"]?.string.map { ", since \(ChartTime.full($0))" } ?? ""
        let end: HTML = alarm["ended"]?.string.map { ", until \(ChartTime.full($0))" } ?? ""
        let button: HTML =
            mayAnswer && isFiring
            ? "<p class=\"actions\">" + PageButton.posting("/api/v1/alarms/\(segment: id)/acknowledge", "I look after it") + "</p>" : ""
        return """
            <section aria-labelledby="alarm-title"><h1 id="alarm-title">\(EndpointSection.title(alarm))</h1>\
            <p>\(tag) \(alarm["severity"]?.string ?? "")\(since)\(end)\(since.text.isEmpty ? "" : " (UTC)")</p><p>\(alarm["summary"]?.string ?? "")</p>\(who)\(silence)\(button)\
            <p id="message" class="bad" role="alert"></p></section>
            """
    }

    private var reactions: HTML {
        let waiting = (alarm["orders"]?.array ?? []).filter { $0["waiting"]?.bool == true }
        guard !waiting.isEmpty else { return "" }
        let items = waiting.prefix(Self.rowLimit).map { order in
            """
            <li>It asks to <b>\(order["does"]?.string ?? "")</b>, since \(ChartTime.full(order["time"]?.string)). \(OrderButtons.html(order["reaction"]?.string ?? "", mayAnswer))</li>
            """ as HTML
        }
        return """
            <section aria-labelledby="reactions-title"><h2 id="reactions-title">Waits for a person</h2><ul class="attention">\(Array(items))</ul></section>
            """
    }

    private var window: HTML {
        let cause = alarm["cause"]
        let monitor = cause?["monitor"]?.string ?? ""
        let figures = (cause?["figures"]?.object?.members ?? []).map { member -> HTML in
            "<span class=\"tag\">\(member.key) \(member.value.double.map(ChartFrame.figure) ?? "–")</span>"
        }
        // What a rollout raises has neither.
        let of: HTML =
            monitor.isEmpty
            ? ""
            : """
            <p>Monitor <b>\(monitor)</b>, window from \(ChartTime.full(cause?["from"]?.string)) to \(ChartTime.full(cause?["to"]?.string)).</p>
            """
        let about: HTML = """
            <section aria-labelledby="cause-title"><h2 id="cause-title">What caused it</h2>\(of)<p>\(figures)</p></section>
            """
        guard let window = alarm["window"], !window.isNull else { return about }
        let measures = window["measures"]?.array ?? []
        let rows = measures.prefix(Self.rowLimit).map { measure -> HTML in
            let value = measure["value"]?.double
            var interval: ClosedRange<Double>?
            if let low = measure["low"]?.double, let high = measure["high"]?.double, low <= high { interval = low...high }
            let isBeyond = measure["level"]?.string == "beyond"
            let level: HTML = isBeyond ? "<span class=\"bad\">! beyond</span>" : "<span>\(measure["level"]?.string ?? "")</span>"
            return """
                <tr><td>\(measure["kind"]?.string ?? "")</td><td><b>\(measure["subject"]?.string ?? "")</b></td>\
                <td class="n">\(value.map(ChartFrame.figure) ?? "–")\(TimeChart.words(interval))</td><td class="n">\(ChartFrame.figure(measure["raise"]?.double ?? .nan))</td>\
                <td class="n">\(measure["effect"]?.double.map(ChartFrame.figure) ?? "–")</td><td>\(level)</td></tr>
                """
        }
        let more = measures.count - rows.count
        return about
            + PageTable.section(
                "measures", "All that was measured of the window, what matters most first", ["Measure", "Of", "Value", "Alarm at", "Effect on the model", ""],
                numbers: [2, 3, 4], Array(rows), empty: "Nothing was.",
                note: "\(PageFigures.count(window["rows"]?.int64)) \(window["part"]?.string == "events" ? "events" : "predictions").\(more > 0 ? " \(more) more measures are not listed." : "")")
    }

    private var history: HTML {
        let items = (alarm["history"]?.array ?? []).prefix(Self.rowLimit).map { moment -> HTML in
            let by: HTML = moment["by"]?.string.map { " by \($0)" } ?? ""
            return """
                <li><span class="mono">\(ChartTime.full(moment["time"]?.string))</span> <b>\(moment["event"]?.string ?? "")</b>\(by)<br>\(moment["words"]?.string ?? "")</li>
                """
        }
        return """
            <section aria-labelledby="history-title"><h2 id="history-title">What happened, the newest first</h2><ol class="timeline">\(Array(items))</ol></section>
            """
    }
}
