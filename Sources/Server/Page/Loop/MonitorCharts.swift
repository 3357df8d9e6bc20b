import MartletBytes
import MartletFrames

/// The charts of what a monitor measured: which of its measures are worth a picture, and what is marked in them.
struct MonitorCharts {
    /// As `monitors.windows` answers of one part, the newest first.
    var windows: [JSONValue]
    var time: ClosedRange<Timestamp>
    /// Of this monitor's alarms.
    var marks: [(kind: String, subject: String, mark: TimeChart.Mark)]

    /// Charts of one part of a monitor.
    static let chartLimit = 6

    /// One measure over time.
    private struct Course {
        var kind: String
        var subject: String
        var points: [TimeChart.Point] = []
        var raise = 0.0
        var beyond = 0
        var effect = 0.0
    }

    /// The measures that a picture shows together.
    private enum Family: String, CaseIterable {
        case drift, performance, quality, latency, bias, skew

        init?(_ kind: String) {
            switch kind {
            case "drift", "prediction_drift": self = .drift
            case "performance", "estimated": self = .performance
            case "missing", "unseen", "volume", "errors", "rejected", "schema": self = .quality
            case "latency": self = .latency
            case "bias": self = .bias
            case "skew": self = .skew
            default: return nil
            }
        }
    }

    var charts: [TimeChart] {
        let courses = courses
        var charts: [TimeChart] = []
        for family in Family.allCases {
            let members = courses.filter { Family($0.kind) == family && !$0.points.isEmpty }
            guard !members.isEmpty else { continue }
            switch family {
            // Each metric has a bound and a scale of its own; measured and estimated of one metric belong together.
            case .performance:
                for subject in Set(members.map(\.subject)).sorted() {
                    charts.append(chart("Performance: \(subject)", unit: "", members.filter { $0.subject == subject }) { $0.kind == "estimated" ? "estimated" : "measured" })
                }
            case .drift: charts.append(chart("Drift", unit: "distance", ranked(members)) { $0.kind == "drift" ? $0.subject : "predictions" })
            case .bias: charts.append(chart("Gap between groups", unit: "points", ranked(members)) { $0.subject })
            case .latency: charts.append(chart("Latency of 99 in 100", unit: "µs", members) { _ in "p99" })
            // What is well all the time is no picture.
            case .quality, .skew:
                for kind in ["missing", "unseen", "volume", "errors", "rejected", "schema", "skew"] {
                    let bad = members.filter { $0.kind == kind && $0.beyond > 0 }
                    if !bad.isEmpty { charts.append(chart(Self.title(kind), unit: "share", ranked(bad)) { $0.subject.isEmpty ? kind : $0.subject }) }
                }
            }
        }
        return Array(charts.prefix(Self.chartLimit))
    }

    private static func title(_ kind: String) -> String {
        switch kind {
        case "missing": "Missing values"
        case "unseen": "Values not seen before"
        case "volume": "Change of volume"
        case "errors": "Answers of the fallback"
        case "rejected": "Rejected rows"
        case "schema": "Fields otherwise than the contract"
        default: "Predictions that differ when computed again"
        }
    }

    private func chart(_ title: String, unit: String, _ courses: [Course], name: (Course) -> String) -> TimeChart {
        var bounds: [(name: String, value: Double)] = []
        for course in courses where !bounds.contains(where: { $0.value == course.raise }) { bounds.append(("alarm", course.raise)) }
        let shown = courses.prefix(TimeChart.seriesLimit)
        let marked = marks.filter { mark in courses.contains { $0.kind == mark.kind && (mark.subject.isEmpty || $0.subject == mark.subject) } }
        return TimeChart(
            title: title, unit: unit, time: time, series: shown.map { .init(name: name($0), points: $0.points) }, bounds: Array(bounds.prefix(3)),
            marks: marked.map(\.mark), gap: gap)
    }

    /// Two and a half windows: one that measured nothing does not break a line.
    private var gap: Timestamp.Span {
        guard let window = windows.first, let start = Self.time(window["start"]), let end = Self.time(window["end"]) else { return .days(3) }
        return Timestamp.Span(microseconds: (end.microseconds - start.microseconds) * 5 / 2)
    }

    /// What raised alarms first, then what matters most to the model.
    private func ranked(_ courses: [Course]) -> [Course] {
        courses.enumerated().sorted { left, right in
            let (first, second) = ((left.element.beyond, left.element.effect), (right.element.beyond, right.element.effect))
            return first == second ? left.offset < right.offset : first > second
        }.map(\.element)
    }

    /// The measures of all windows, one after another in time.
    private var courses: [Course] {
        var places: [[String]: Int] = [:]
        var courses: [Course] = []
        for window in windows.reversed() {
            guard let end = Self.time(window["end"]) else { continue }
            for measure in window["measures"]?.array ?? [] {
                let key = [measure["kind"]?.string ?? "", measure["subject"]?.string ?? ""]
                let place = places[key] ?? courses.count
                if place == courses.count {
                    places[key] = place
                    courses.append(Course(kind: key[0], subject: key[1]))
                }
                courses[place].raise = measure["raise"]?.double ?? 0
                courses[place].effect = max(courses[place].effect, measure["effect"]?.double ?? 0)
                if measure["level"]?.string == "beyond" { courses[place].beyond += 1 }
                guard let value = measure["value"]?.double, value.isFinite else { continue }
                var interval: ClosedRange<Double>?
                if let low = measure["low"]?.double, let high = measure["high"]?.double, low <= high { interval = low...high }
                courses[place].points.append(TimeChart.Point(time: end, value: value, interval: interval))
            }
        }
        return courses
    }

    private static func time(_ value: JSONValue?) -> Timestamp? { value?.string.flatMap { Timestamp(request: $0) } }
}
