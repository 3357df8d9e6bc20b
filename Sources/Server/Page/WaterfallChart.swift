/// What a prediction is made of, drawn: from the base over each feature's contribution to the margin.
struct WaterfallChart {
    struct Bar: Hashable {
        var name: String
        /// The feature's value, as text.
        var value: String
        var contribution: Double
    }

    var base: Double
    /// In the order to be drawn.
    var bars: [Bar]
    var margin: Double

    /// Bars drawn by themselves; the rest is one bar.
    static let barLimit = 12

    private static let rowHeight = 26.0
    private static let nameWidth = 250.0
    private static let barWidth = 440.0
    private static let width = 800.0

    /// The chart as SVG, with a text of its own for each bar.
    var svg: HTML {
        let rows = rows
        let ends = rows.flatMap { [$0.from, $0.to] }
        let low = min(ends.min() ?? 0, base)
        let high = max(ends.max() ?? 0, base)
        let span = high > low ? high - low : 1
        func x(_ value: Double) -> Double { Self.nameWidth + (value - low) / span * Self.barWidth }
        let height = Double(rows.count) * Self.rowHeight + 8
        var drawn = HTML()
        for (index, row) in rows.enumerated() {
            let y = Double(index) * Self.rowHeight + 4
            let left = x(min(row.from, row.to))
            let length = max(2, x(max(row.from, row.to)) - left)
            drawn += """
                <g><title>\(row.title)</title>
                <text class="name" x="\(Self.number(Self.nameWidth - 10))" y="\(Self.number(y + 17))" text-anchor="end">\(Self.short(row.name))</text>
                <rect class="\(row.style)" x="\(Self.number(left))" y="\(Self.number(y + 3))" width="\(Self.number(length))" height="18" rx="2"/>
                <text class="value" x="\(Self.number(Self.nameWidth + Self.barWidth + 10))" y="\(Self.number(y + 17))">\(row.figure)</text></g>
                """
            if index + 1 < rows.count {
                drawn += """
                    <line class="link" x1="\(Self.number(x(row.to)))" x2="\(Self.number(x(row.to)))" y1="\(Self.number(y + 21))" y2="\(Self.number(y + 29))"/>
                    """
            }
        }
        return """
            <svg class="waterfall" viewBox="0 0 \(Self.number(Self.width)) \(Self.number(height))" role="img" aria-label="Contributions of the features to the margin">\(drawn)</svg>
            """
    }

    private struct Row {
        var name: String
        var figure: String
        var title: String
        var style: HTML
        var from: Double
        var to: Double
    }

    private var rows: [Row] {
        let shown = bars.sorted { abs($0.contribution) > abs($1.contribution) }
        var rows = [Row(name: "base", figure: PageFigures.decimal(base, 4), title: "base", style: "end", from: 0, to: base)]
        rows[0].from = base
        var position = base
        for bar in shown.prefix(Self.barLimit) {
            rows.append(
                Row(
                    name: bar.name, figure: PageFigures.signed(bar.contribution), title: "\(bar.name) = \(bar.value)",
                    style: bar.contribution >= 0 ? "up" : "down", from: position, to: position + bar.contribution))
            position += bar.contribution
        }
        let rest = shown.dropFirst(Self.barLimit)
        if !rest.isEmpty {
            let sum = rest.reduce(0) { $0 + $1.contribution }
            rows.append(
                Row(
                    name: "\(rest.count) others", figure: PageFigures.signed(sum), title: "\(rest.count) others",
                    style: sum >= 0 ? "up" : "down", from: position, to: position + sum))
        }
        rows.append(Row(name: "margin", figure: PageFigures.decimal(margin, 4), title: "margin", style: "end", from: margin, to: margin))
        return rows
    }

    private static func short(_ name: String) -> String {
        name.count <= 32 ? name : name.prefix(31) + "…"
    }

    /// A coordinate, to a tenth; SVG knows only the plain minus sign.
    private static func number(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        return "\((value * 10).rounded() / 10)"
    }
}
