import MartletPipelines
import MartletPlatform
import Synchronization

/// Counts of what the server does, as Prometheus reads them.
///
/// Labels come from closed sets: names of routes, classes of statuses, and names of streams and endpoints that the
/// platform found in force; never from a request's own text.
public final class Metrics: Sendable {
    /// The most streams, and the most endpoints, that get a label of their own over the server's life.
    static let labelLimit = 1_000

    struct RouteCounts: Sendable {
        /// By the status' first digit, from 1 to 5.
        var statuses = [Int](repeating: 0, count: 5)
        var latency = LatencyHistogram()

        mutating func answered(_ status: Int, _ nanoseconds: UInt64) {
            statuses[status] += 1
            latency.record(nanoseconds)
        }
    }

    struct StreamCounts: Sendable {
        var accepted = 0
        var duplicates = 0
        var rejected = 0
    }

    struct EndpointCounts: Sendable {
        var predictions = 0
        var degraded = 0
        var failures = 0
        var latency = LatencyHistogram()

        mutating func predicted(_ count: Int, _ degradedCount: Int, _ nanoseconds: UInt64?) {
            predictions += count
            degraded += degradedCount
            if let nanoseconds { latency.record(nanoseconds) }
        }
    }

    struct State: Sendable {
        var routes: [String: RouteCounts] = [:]
        var streams: [String: StreamCounts] = [:]
        var endpoints: [String: EndpointCounts] = [:]
        var refusals = 0
        var failures = 0
        var unrecordedRefusals = 0
    }

    /// What the server and the platform know at the moment of asking.
    struct Gauges: Sendable {
        var connections = 0
        var logEnd: Int64 = 0
        var foldedCut: Int64 = 0
        /// Nil while pipelines are not at work.
        var pipelines: PipelineFigures?
        /// Nil where they could not be read.
        var watch: WatchFigures?
    }

    /// Guards all counts; held for a few additions at a time.
    private let state = Mutex(State())

    public init() {}

    var snapshot: State { state.withLock { $0 } }

    // MARK: - Counting

    func answered(route: String?, status: Int, nanoseconds: UInt64) {
        let status = min(max(status / 100, 1), 5) - 1
        state.withLock { state in
            state.routes[route ?? "none", default: RouteCounts()].answered(status, nanoseconds)
        }
    }

    func refused() { state.withLock { $0.refusals += 1 } }
    func failed() { state.withLock { $0.failures += 1 } }
    func lostRefusal() { state.withLock { $0.unrecordedRefusals += 1 } }

    /// - Parameter stream: the name of a stream in force.
    func ingested(into stream: String, accepted: Int, duplicates: Int, rejected: Int) {
        state.withLock { state in
            guard state.streams[stream] != nil || state.streams.count < Self.labelLimit else { return }
            state.streams[stream, default: StreamCounts()].accepted += accepted
            state.streams[stream, default: StreamCounts()].duplicates += duplicates
            state.streams[stream, default: StreamCounts()].rejected += rejected
        }
    }

    /// - Parameters:
    ///   - endpoint: the name of an endpoint in force.
    ///   - nanoseconds: nil for a batch, whose time says nothing of a request's.
    func predicted(on endpoint: String, predictions: Int, degraded: Int, nanoseconds: UInt64?) {
        state.withLock { state in
            guard state.endpoints[endpoint] != nil || state.endpoints.count < Self.labelLimit else { return }
            state.endpoints[endpoint, default: EndpointCounts()].predicted(predictions, degraded, nanoseconds)
        }
    }

    /// Counts a failure of an endpoint that has answered before; others may not exist.
    func predictionFailed(on endpoint: String) {
        state.withLock { $0.endpoints[endpoint]?.failures += 1 }
    }

    // MARK: - Text

    /// All metrics in the text format of Prometheus, version 0.0.4.
    func text(_ gauges: Gauges) -> String {
        let state = snapshot
        var text = MetricsText()
        let routes = state.routes.sorted { $0.key < $1.key }
        text.family("martlet_requests_total", "counter", "Requests answered, by route and class of status.")
        for (route, counts) in routes {
            for (index, count) in counts.statuses.enumerated() where count > 0 {
                text.sample("martlet_requests_total", [("route", route), ("status", "\(index + 1)xx")], "\(count)")
            }
        }
        text.family("martlet_request_seconds", "histogram", "From a request's last byte to its answer, by route.")
        for (route, counts) in routes { text.histogram("martlet_request_seconds", [("route", route)], counts.latency) }
        text.family("martlet_requests_refused_total", "counter", "Requests that the guard refused.")
        text.sample("martlet_requests_refused_total", [], "\(state.refusals)")
        text.family("martlet_requests_failed_total", "counter", "Requests that failed through no fault of their own.")
        text.sample("martlet_requests_failed_total", [], "\(state.failures)")
        text.family("martlet_refusals_unrecorded_total", "counter", "Refusals that came faster than the audit log took them.")
        text.sample("martlet_refusals_unrecorded_total", [], "\(state.unrecordedRefusals)")

        text.family("martlet_events_total", "counter", "Events that came in, by stream and what became of them.")
        for (stream, counts) in state.streams.sorted(by: { $0.key < $1.key }) {
            let results = [("accepted", counts.accepted), ("duplicate", counts.duplicates), ("rejected", counts.rejected)]
            for (result, count) in results {
                text.sample("martlet_events_total", [("stream", stream), ("result", result)], "\(count)")
            }
        }

        let endpoints = state.endpoints.sorted { $0.key < $1.key }
        text.family("martlet_predictions_total", "counter", "Predictions answered, by endpoint.")
        for (endpoint, counts) in endpoints {
            text.sample("martlet_predictions_total", [("endpoint", endpoint)], "\(counts.predictions)")
        }
        text.family("martlet_predictions_degraded_total", "counter", "Of them, those that the fallback answered.")
        for (endpoint, counts) in endpoints {
            text.sample("martlet_predictions_degraded_total", [("endpoint", endpoint)], "\(counts.degraded)")
        }
        text.family("martlet_prediction_failures_total", "counter", "Requests for predictions that got none, by endpoint.")
        for (endpoint, counts) in endpoints {
            text.sample("martlet_prediction_failures_total", [("endpoint", endpoint)], "\(counts.failures)")
        }
        text.family("martlet_prediction_seconds", "histogram", "Time to answer a request for predictions, by endpoint.")
        for (endpoint, counts) in endpoints {
            text.histogram("martlet_prediction_seconds", [("endpoint", endpoint)], counts.latency)
        }

        text.family("martlet_connections", "gauge", "Connections that are open.")
        text.sample("martlet_connections", [], "\(gauges.connections)")
        text.family("martlet_log_end", "gauge", "The position after the event log's newest record.")
        text.sample("martlet_log_end", [], "\(gauges.logEnd)")
        text.family("martlet_features_cut", "gauge", "The position to which every feature view is folded.")
        text.sample("martlet_features_cut", [], "\(gauges.foldedCut)")
        text.family("martlet_features_lag_records", "gauge", "Records past the position to which features are folded; those of predictions change none.")
        text.sample("martlet_features_lag_records", [], "\(max(0, gauges.logEnd - gauges.foldedCut))")
        if let pipelines = gauges.pipelines { text.pipelines(pipelines) }
        if let watch = gauges.watch { text.watch(watch) }
        return text.text
    }
}

/// Writes the text format of Prometheus.
struct MetricsText {
    var text = ""

    mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    mutating func histogram(_ name: String, _ labels: [(String, String)], _ histogram: LatencyHistogram) {
        self.histogram(
            name, labels, bounds: LatencyHistogram.bounds.map { Double($0) / 1e9 }, counts: histogram.counts,
            sum: Double(histogram.sum) / 1e9)
    }

    /// - Parameter counts: one for each bound, and one for what lies above the last.
    mutating func histogram(_ name: String, _ labels: [(String, String)], bounds: [Double], counts: [Int], sum: Double) {
        var total = 0
        for (bound, count) in zip(bounds, counts) {
            total += count
            sample(name + "_bucket", labels + [("le", "\(bound)")], "\(total)")
        }
        total = counts.reduce(0, +)
        sample(name + "_bucket", labels + [("le", "+Inf")], "\(total)")
        sample(name + "_sum", labels, "\(sum)")
        sample(name + "_count", labels, "\(total)")
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
