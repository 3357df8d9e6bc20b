import MartletFrames

/// The plane of a chart over time: its scales and axes.
struct ChartFrame {
    static let width = 460.0
    static let height = 196.0
    static let left = 44.0
    static let right = 332.0
    static let top = 26.0
    static let bottom = 168.0

    let time: ClosedRange<Timestamp>
    /// Round numbers from below the least value to above the greatest.
    let ticks: [Double]

    init(time: ClosedRange<Timestamp>, values: [Double]) {
        self.time = time
        let known = values.filter(\.isFinite)
        ticks = Self.ticks(known.min() ?? 0, known.max() ?? 1)
    }

    func x(_ moment: Timestamp) -> Double {
        let span = Double(time.upperBound.microseconds - time.lowerBound.microseconds)
        guard span > 0 else { return Self.right }
        let share = Double(moment.microseconds - time.lowerBound.microseconds) / span
        return Self.left + min(1, max(0, share)) * (Self.right - Self.left)
    }

    func y(_ value: Double) -> Double {
        let (low, high) = (ticks.first ?? 0, ticks.last ?? 1)
        guard value.isFinite, high > low else { return Self.bottom }
        return Self.bottom - min(1, max(0, (value - low) / (high - low))) * (Self.bottom - Self.top)
    }

    func place(_ moment: Timestamp, _ value: Double) -> String {
        "\(Drawing.number(x(moment))),\(Drawing.number(y(value)))"
    }

    /// Three to six round numbers that enclose two others.
    static func ticks(_ low: Double, _ high: Double) -> [Double] {
        var (low, high) = (low, high)
        guard low.isFinite, high.isFinite, abs(low) < 1e15, abs(high) < 1e15 else { return [0, 1] }
        if high - low < 1e-9 * max(1, abs(high)) {
            low -= low == 0 ? 0 : abs(low) / 2
            high += high == 0 ? 1 : abs(high) / 2
        }
        var size = 1.0
        while size * 10 <= high - low { size *= 10 }
        while size > high - low { size /= 10 }
        let step = [0.5, 1, 2, 5].map { $0 * size }.first { (high - low) / $0 <= 4 } ?? size * 5
        let first = (low / step).rounded(.down)
        let last = (high / step).rounded(.up)
        guard last > first, last - first < 20 else { return [low, high] }
        return (0...Int(last - first)).map { (first + Double($0)) * step }
    }

    /// A value as people read it: about three digits.
    static func figure(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let size = abs(value)
        if size >= 1_000_000 { return PageFigures.decimal(value / 1_000_000, size < 10_000_000 ? 1 : 0) + " M" }
        if size >= 10_000 { return PageFigures.decimal(value / 1_000, 0) + " k" }
        if value == value.rounded() { return PageFigures.count(Int64(value)) }
        return PageFigures.decimal(value, size < 0.01 ? 5 : size < 10 ? 3 : 1)
    }

    /// A tick, without zeros that say nothing.
    private static func tick(_ value: Double) -> String {
        var text = figure(value)
        guard text.contains("."), !text.hasSuffix("M"), !text.hasSuffix("k") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    func axes(_ unit: String) -> HTML {
        var drawn = HTML()
        for tick in ticks {
            let height = Drawing.number(y(tick))
            drawn += """
                <line class="grid" x1="\(Drawing.number(Self.left))" x2="\(Drawing.number(Self.right))" y1="\(height)" y2="\(height)"/>\
                <text class="tick" x="\(Drawing.number(Self.left - 5))" y="\(Drawing.number(y(tick) + 4))" text-anchor="end">\(Self.tick(tick))</text>
                """
        }
        drawn += "<text class=\"tick\" x=\"2\" y=\"11\">\(unit)</text>"
        for (moment, text) in ChartTime.ticks(time) {
            drawn += """
                <line class="grid" x1="\(Drawing.number(x(moment)))" x2="\(Drawing.number(x(moment)))" y1="\(Drawing.number(Self.bottom))" y2="\(Drawing.number(Self.bottom + 4))"/>\
                <text class="tick" x="\(Drawing.number(x(moment)))" y="\(Drawing.number(Self.bottom + 17))" text-anchor="middle">\(text)</text>
                """
        }
        return drawn
    }

    /// A moment that stands out: a line from top to bottom with its number, which leads to what it is.
    func mark(_ mark: TimeChart.Mark) -> HTML {
        let place = x(mark.time)
        let text = Drawing.number(place)
        return """
            <a href="\(mark.link)"><title>\(mark.title)</title><line class="mark" x1="\(text)" x2="\(text)" y1="\(Drawing.number(Self.top - 6))" y2="\(Drawing.number(Self.bottom))"/>\
            <rect class="mark-sign" x="\(Drawing.number(place - 8))" y="4" width="16" height="16" rx="3"/>\
            <text class="mark-number" x="\(text)" y="16" text-anchor="middle">\(mark.number)</text></a>
            """
    }

    /// A point of a series: each has a shape of its own.
    static func marker(_ index: Int, _ x: Double, _ y: Double, title: String) -> HTML {
        let (left, right) = (Drawing.number(x - 3), Drawing.number(x + 3))
        let (up, down) = (Drawing.number(y - 3), Drawing.number(y + 3))
        let (middle, level) = (Drawing.number(x), Drawing.number(y))
        let shape: HTML =
            switch index {
            case 0: "<circle class=\"point l0\" cx=\"\(middle)\" cy=\"\(level)\" r=\"2.6\">"
            case 1: "<rect class=\"point l1\" x=\"\(left)\" y=\"\(up)\" width=\"6\" height=\"6\">"
            case 2: "<path class=\"point l2\" d=\"M\(middle) \(up)L\(right) \(down)L\(left) \(down)Z\">"
            default: "<path class=\"point l3\" d=\"M\(middle) \(up)L\(right) \(level)L\(middle) \(down)L\(left) \(level)Z\">"
            }
        let end: HTML = index == 0 ? "</circle>" : index == 1 ? "</rect>" : "</path>"
        return shape + "<title>\(title)</title>" + end
    }

    func svg(_ drawn: HTML, title: String) -> HTML {
        """
        <svg class="chart" viewBox="0 0 \(Drawing.number(Self.width)) \(Drawing.number(Self.height))" role="group" aria-label="\(title)">\(drawn)</svg>
        """
    }
}

/// Moments as charts and tables write them: in UTC.
enum ChartTime {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    static func day(_ moment: Timestamp) -> String {
        let date = CivilDate(moment)
        return "\(date.day) \(months[date.month - 1])"
    }

    static func clock(_ moment: Timestamp) -> String {
        let date = CivilDate(moment)
        return "\(two(date.hour)):\(two(date.minute))"
    }

    /// `2026-06-12 14:00`
    static func full(_ moment: Timestamp) -> String {
        let date = CivilDate(moment)
        return "\(date.year)-\(two(date.month))-\(two(date.day)) \(clock(moment))"
    }

    /// The same of a time as the interface writes it; the text as it is if it is none.
    static func full(_ text: String?) -> String {
        guard let text else { return "–" }
        return Timestamp(request: text).map { full($0) } ?? text
    }

    /// Three moments of a time, with what tells them apart.
    static func ticks(_ time: ClosedRange<Timestamp>) -> [(Timestamp, String)] {
        let span = time.upperBound.microseconds - time.lowerBound.microseconds
        guard span > 0 else { return [] }
        let isLong = span > Timestamp.Span.days(3).microseconds
        let isShort = span < Timestamp.Span.hours(20).microseconds
        // Inside of the ends, so that their texts stay within the picture.
        return ([1, 5, 9] as [Int64]).map { tenth in
            let unit = (isLong ? Timestamp.Span.days(1) : isShort ? .minutes(1) : .hours(1)).microseconds
            let moment = time.lowerBound.microseconds + span / 10 * tenth
            let round = Timestamp(microseconds: moment - moment % unit)
            return (max(round, time.lowerBound), isLong ? day(round) : isShort ? clock(round) : "\(day(round)) \(clock(round))")
        }
    }
}
