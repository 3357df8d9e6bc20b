import MartletFrames

/// Values over time, drawn: lines with their intervals and bounds, and moments that are marked.
///
/// Whatever a colour says is said by a dash, a marker or a word too.
struct TimeChart {
    struct Point: Hashable {
        var time: Timestamp
        var value: Double
        /// Where it lies with certainty; nil where that is not known.
        var interval: ClosedRange<Double>?
    }

    struct Series {
        var name: String
        /// In the order of time; a gap of more than `gap` breaks the line.
        var points: [Point]
    }

    /// A moment that stands out.
    struct Mark {
        var time: Timestamp
        /// As the list beside the chart numbers it.
        var number: Int
        var title: String
        var link: HTML
    }

    var title: String
    var unit: String
    var time: ClosedRange<Timestamp>
    var series: [Series]
    /// Where an alarm is raised.
    var bounds: [(name: String, value: Double)] = []
    var marks: [Mark] = []
    /// Longer than this between two points, and nothing is drawn between them.
    var gap: Timestamp.Span

    /// Lines, points of one, and marks that can still be told apart.
    static let seriesLimit = 4
    static let pointLimit = 400
    static let markLimit = 12

    var svg: HTML {
        let frame = ChartFrame(time: time, values: values)
        var drawn = frame.axes(unit)
        for (index, series) in series.prefix(Self.seriesLimit).enumerated() { drawn += line(series, index, frame) }
        drawn += labels(frame)
        for bound in bounds { drawn += self.bound(bound, frame) }
        for mark in marks.prefix(Self.markLimit) where time.contains(mark.time) { drawn += frame.mark(mark) }
        return frame.svg(drawn, title: description)
    }

    private var values: [Double] {
        let points = series.prefix(Self.seriesLimit).flatMap { $0.points.suffix(Self.pointLimit) }
        return points.flatMap { [$0.value, $0.interval?.lowerBound ?? $0.value, $0.interval?.upperBound ?? $0.value] } + bounds.map(\.value)
    }

    /// What the picture says, for who does not see it; the table behind it has the figures.
    private var description: String {
        let newest = series.prefix(Self.seriesLimit).compactMap { series in
            series.points.last.map { "\(series.name) \(ChartFrame.figure($0.value))" }
        }
        return "\(title) over time; newest: \(newest.joined(separator: ", "))"
    }

    private func bound(_ bound: (name: String, value: Double), _ frame: ChartFrame) -> HTML {
        let y = Drawing.number(frame.y(bound.value))
        return """
            <line class="bound" x1="\(Drawing.number(ChartFrame.left))" x2="\(Drawing.number(ChartFrame.right))" y1="\(y)" y2="\(y)"/>\
            <text class="bound-name" x="\(Drawing.number(ChartFrame.left + 4))" y="\(Drawing.number(frame.y(bound.value) - 4))">\(bound.name) \(ChartFrame.figure(bound.value))</text>
            """
    }

    /// The stretches of a series that have no gap.
    private func stretches(_ series: Series) -> [[Point]] {
        var all: [[Point]] = []
        for point in series.points.suffix(Self.pointLimit) where time.contains(point.time) && point.value.isFinite {
            if let last = all.last?.last, last.time + gap >= point.time { all[all.count - 1].append(point) } else { all.append([point]) }
        }
        return all
    }

    private func line(_ series: Series, _ index: Int, _ frame: ChartFrame) -> HTML {
        var drawn = HTML()
        for stretch in stretches(series) {
            let bands = stretch.compactMap { point in point.interval.map { (point.time, $0) } }
            if bands.count > 1 {
                let upper = bands.map { frame.place($0.0, $0.1.upperBound) }
                let lower = bands.reversed().map { frame.place($0.0, $0.1.lowerBound) }
                drawn += "<polygon class=\"band l\(index)\" points=\"\((upper + lower).joined(separator: " "))\"/>"
            }
            if stretch.count > 1 {
                drawn += "<polyline class=\"line l\(index)\" points=\"\(stretch.map { frame.place($0.time, $0.value) }.joined(separator: " "))\"/>"
            }
            // Where points are few each is shown; alone, one would not be seen at all.
            let shown = stretch.count <= 40 ? stretch : []
            drawn += shown.map { point in
                let title = "\(series.name) \(ChartFrame.figure(point.value))\(Self.words(point.interval)) at \(ChartTime.full(point.time))"
                return ChartFrame.marker(index, frame.x(point.time), frame.y(point.value), title: title)
            }.joined()
        }
        return drawn
    }

    static func words(_ interval: ClosedRange<Double>?) -> String {
        interval.map { " (\(ChartFrame.figure($0.lowerBound)) to \(ChartFrame.figure($0.upperBound)))" } ?? ""
    }

    /// Names at the ends of the lines, moved apart where they would stand on one another.
    private func labels(_ frame: ChartFrame) -> HTML {
        var ends = series.prefix(Self.seriesLimit).enumerated().compactMap { index, series in
            stretches(series).last?.last.map { (index: index, name: series.name, y: frame.y($0.value)) }
        }.sorted { $0.y < $1.y }
        for index in ends.indices.dropFirst() { ends[index].y = max(ends[index].y, ends[index - 1].y + 13) }
        let over = (ends.last?.y ?? 0) - ChartFrame.bottom
        if over > 0 { for index in ends.indices { ends[index].y -= over } }
        return ends.map { end in
            ChartFrame.marker(end.index, ChartFrame.right + 8, end.y, title: end.name)
                + "<text class=\"name l\(end.index)\" x=\"\(Drawing.number(ChartFrame.right + 15))\" y=\"\(Drawing.number(end.y + 4))\">\(Drawing.short(end.name, 16))</text>"
        }.joined()
    }

    /// The figures, the newest first.
    func table(limit: Int = 60) -> HTML {
        let shown = Array(series.prefix(Self.seriesLimit))
        var rows: [Timestamp: [Int: Point]] = [:]
        for (index, series) in shown.enumerated() { for point in series.points { rows[point.time, default: [:]][index] = point } }
        let heads = shown.map { "<th class=\"n\" scope=\"col\">\($0.name)</th>" as HTML }
        let lines = rows.sorted { $0.key > $1.key }.prefix(limit).map { time, points -> HTML in
            let cells = shown.indices.map { index -> HTML in
                let text = points[index].map { ChartFrame.figure($0.value) + Self.words($0.interval) } ?? "–"
                return "<td class=\"n\">\(text)</td>"
            }
            return "<tr><th scope=\"row\">\(ChartTime.full(time))</th>\(cells)</tr>"
        }
        return "<table><thead><tr><th scope=\"col\">UTC</th>\(heads)</tr></thead><tbody>\(Array(lines))</tbody></table>"
    }
}
