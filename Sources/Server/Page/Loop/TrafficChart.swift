import MartletBytes
import MartletFrames

/// How much an endpoint was asked over time, drawn as bars: who answered stands on one another.
struct TrafficChart {
    /// Names what is defined within the picture; no other picture of the page has the same.
    var id: String
    var time: ClosedRange<Timestamp>
    /// As `endpoints.traffic` answers.
    var traffic: JSONValue
    /// Of alarms of the endpoint.
    var marks: [TimeChart.Mark]

    /// Parts that are told apart; the rest is one.
    static let partLimit = 3

    private struct Bucket {
        var start: Timestamp
        var end: Timestamp
        var counts: [String: Int64]
    }

    private var width: String { traffic["width"]?.string ?? "" }

    private var buckets: [Bucket] {
        (traffic["buckets"]?.array ?? []).compactMap { bucket in
            guard let start = bucket["start"]?.string.flatMap({ Timestamp(request: $0) }),
                let end = bucket["end"]?.string.flatMap({ Timestamp(request: $0) }), time.contains(start)
            else { return nil }
            var counts: [String: Int64] = [:]
            for part in bucket["parts"]?.array ?? [] { counts[Self.name(part), default: 0] += part["predictions"]?.int64 ?? 0 }
            return Bucket(start: start, end: end, counts: counts)
        }
    }

    private static func name(_ part: JSONValue) -> String {
        let version = part["version"]?.int64 ?? 0
        let variant = part["variant"]?.string ?? ""
        return version == 0 ? "fallback" : "v\(version) \(variant)"
    }

    /// The parts by how much they answered, the greatest first.
    private func parts(_ buckets: [Bucket]) -> [String] {
        var totals: [String: Int64] = [:]
        for bucket in buckets { for (part, count) in bucket.counts { totals[part, default: 0] += count } }
        return totals.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }

    var svg: HTML {
        let buckets = buckets
        let parts = parts(buckets)
        let named = Array(parts.prefix(Self.partLimit))
        let frame = ChartFrame(time: time, values: [0] + buckets.map { Double($0.counts.values.reduce(0, +)) })
        var drawn = patterns + frame.axes("predictions a \(width)")
        for bucket in buckets {
            var sum = 0.0
            let left = frame.x(bucket.start)
            let wide = max(1.2, frame.x(min(bucket.end, time.upperBound)) - left - 0.6)
            for (index, part) in parts.enumerated() {
                guard let count = bucket.counts[part], count > 0 else { continue }
                let top = frame.y(sum + Double(count))
                let height = max(0.8, frame.y(sum) - top)
                sum += Double(count)
                drawn += """
                    <rect class="part" x="\(Drawing.number(left))" y="\(Drawing.number(top))" width="\(Drawing.number(wide))" height="\(Drawing.number(height))"\(fill(min(index, Self.partLimit)))>\
                    <title>\(part): \(PageFigures.count(count)) in the \(width) from \(ChartTime.full(bucket.start))</title></rect>
                    """
            }
        }
        for (index, part) in (named + (parts.count > named.count ? ["others"] : [])).enumerated() {
            let y = ChartFrame.top + 12 + Double(index) * 18
            drawn += """
                <rect class="part" x="\(Drawing.number(ChartFrame.right + 8))" y="\(Drawing.number(y - 9))" width="11" height="11"\(fill(index))/>\
                <text class="name" x="\(Drawing.number(ChartFrame.right + 23))" y="\(Drawing.number(y))">\(Drawing.short(part, 15))</text>
                """
        }
        for mark in marks.prefix(TimeChart.markLimit) where time.contains(mark.time) { drawn += frame.mark(mark) }
        let total = buckets.reduce(0) { $0 + $1.counts.values.reduce(0, +) }
        return frame.svg(drawn, title: "Traffic over time: \(PageFigures.count(total)) predictions by \(named.joined(separator: ", "))")
    }

    private func fill(_ index: Int) -> HTML {
        switch index {
        case 0: " fill=\"currentColor\""
        case 1: " fill=\"url(#hatch-\(id))\""
        case 2: " fill=\"url(#dots-\(id))\""
        default: " fill=\"none\""
        }
    }

    private var patterns: HTML {
        """
        <defs><pattern id="hatch-\(id)" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
        <rect width="2.4" height="5" fill="currentColor"/></pattern><pattern id="dots-\(id)" width="4" height="4" patternUnits="userSpaceOnUse">\
        <circle cx="2" cy="2" r="1" fill="currentColor"/></pattern></defs>
        """
    }

    /// The figures, the newest first.
    func table(limit: Int = 60) -> HTML {
        let buckets = buckets
        let parts = parts(buckets)
        let heads = parts.map { "<th class=\"n\" scope=\"col\">\($0)</th>" as HTML }
        let rows = buckets.reversed().prefix(limit).map { bucket -> HTML in
            let cells = parts.map { "<td class=\"n\">\(PageFigures.count(bucket.counts[$0] ?? 0))</td>" as HTML }
            return "<tr><th scope=\"row\">\(ChartTime.full(bucket.start))</th>\(cells)</tr>"
        }
        return "<table><thead><tr><th scope=\"col\">UTC, from</th>\(heads)</tr></thead><tbody>\(Array(rows))</tbody></table>"
    }
}
