import MartletBytes
import MartletFrames

/// What monitors measured, drawn, with the alarms of the same time: what the sections of endpoints and of streams have in common.
struct LoopFigures {
    /// The section's, unlike any other of the page.
    var id: HTML
    var time: ClosedRange<Timestamp>
    /// Alarms of the time, the newest first.
    var episodes: [JSONValue]

    var marks: [(kind: String, subject: String, monitor: String, mark: TimeChart.Mark)] {
        episodes.prefix(TimeChart.markLimit).enumerated().compactMap { index, episode in
            guard let started = episode["started"]?.string.flatMap({ Timestamp(request: $0) }) else { return nil }
            let monitor = episode["cause"]?["monitor"]?.string ?? ""
            let rule = episode["name"]?.string ?? ""
            let kind = rule.hasPrefix(monitor + ".") ? String(rule.dropFirst(monitor.count + 1)) : rule
            let subject = episode["labels"]?.object?.members.first?.value.string ?? ""
            return (
                kind, subject, monitor,
                TimeChart.Mark(
                    time: started, number: index + 1, title: "alarm \(index + 1): \(EndpointSection.title(episode)), \(ChartTime.full(started))",
                    link: EndpointSection.link(episode))
            )
        }
    }

    /// A picture for each measure of a part of a monitor that is worth one.
    func pictures(of monitor: String, _ part: String, _ windows: [JSONValue]) -> [HTML] {
        let own = marks.filter { $0.monitor == monitor }.map { ($0.kind, $0.subject, $0.mark) }
        return MonitorCharts(windows: windows, time: time, marks: own).charts.enumerated().map { index, chart in
            figure("\(monitor)-\(part)-\(index)", chart.title, chart.svg, chart.table())
        }
    }

    func figure(_ key: String, _ title: String, _ svg: HTML, _ table: HTML, note: HTML = "", follows: HTML = "") -> HTML {
        """
        <figure\(follows)><figcaption>\(title)</figcaption>\(svg)\(note)<details id="\(id)-\(segment: key)"><summary>As a table</summary>\
        <div class="scroll">\(table)</div></details></figure>
        """
    }

    var alarms: HTML {
        let shown = episodes.prefix(TimeChart.markLimit)
        guard !shown.isEmpty else { return "" }
        let items = shown.enumerated().map { index, episode -> HTML in
            let end: HTML =
                if let ended = episode["ended"]?.string { "until \(ChartTime.full(ended))" } else { "<b>still so</b>" }
            return """
                <li value="\(index + 1)"><a href="\(EndpointSection.link(episode))">\(EndpointSection.title(episode))</a> since \(ChartTime.full(episode["started"]?.string)), \(end)</li>
                """
        }
        return "<h3>Alarms in this time</h3><ol class=\"alarms\">\(items)</ol>"
    }
}
