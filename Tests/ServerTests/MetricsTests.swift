import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import Testing

@testable import MartletServer

@Suite("metrics")
struct MetricsTests {
    @Test("labels come from closed sets, whatever is asked for")
    func closedLabels() async throws {
        let project = try await TestProject()
        for name in ["nothing", "a\"b", "%0A", String(repeating: "x", count: 500)] {
            _ = await project.send(.post, "/api/v1/endpoints/\(name)/predict", "{}")
            _ = await project.send(.post, "/api/v1/streams/\(name)/events", "{}")
            _ = await project.send(.get, "/\(name)")
        }
        let event = #"{"id":"1","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2}"#
        _ = await project.send(.post, "/api/v1/streams/orders/events", event + "\n" + event + "\n{}\n")
        let body = #"{"instances":[{"id":"1","time":"2026-01-01T00:00:00Z","buyer":"b","amount":2},{"id":"2","time":"2026-01-01T00:00:00Z","buyer":"\"degraded\":true","amount":2}]}"#
        #expect(await project.send(.post, "/api/v1/endpoints/returns/predict", body).status == 200)
        _ = await project.send(.post, "/api/v1/endpoints/returns/predict", "{}")
        let text = await project.send(.get, "/metrics").text
        let names = Set(project.server.gatekeeper.routeNames + ["none"])
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            if let match = line.firstMatch(of: #/route="([^"]*)"/#) { #expect(names.contains(String(match.1)), "\(line)") }
            if let match = line.firstMatch(of: #/stream="([^"]*)"/#) { #expect(match.1 == "orders", "\(line)") }
            if let match = line.firstMatch(of: #/endpoint="([^"]*)"/#) { #expect(match.1 == "returns", "\(line)") }
        }
        for line in [
            #"martlet_events_total{stream="orders",result="accepted"} 1"#, #"martlet_events_total{stream="orders",result="duplicate"} 1"#,
            #"martlet_events_total{stream="orders",result="rejected"} 1"#, #"martlet_predictions_total{endpoint="returns"} 2"#,
            #"martlet_predictions_degraded_total{endpoint="returns"} 2"#, #"martlet_prediction_failures_total{endpoint="returns"} 1"#,
            #"martlet_requests_total{route="events.append",status="4xx"} 4"#,
            "martlet_connections 0", #"martlet_alarms{severity="page",phase="firing"} 0"#, #"martlet_rollouts{state="running"} 0"#,
        ] {
            #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)")
        }
        try await project.close()
    }

    @Test("every family is announced once, and every sample belongs to one")
    func format() async throws {
        let project = try await TestProject()
        _ = await project.send(.get, "/healthz")
        let lines = await project.send(.get, "/metrics").text.split(separator: "\n")
        let families = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
        #expect(Set(families).count == families.count)
        for line in lines where !line.hasPrefix("#") {
            let name = line.prefix { $0 != "{" && $0 != " " }
            #expect(families.contains { name == $0 || name == $0 + "_bucket" || name == $0 + "_sum" || name == $0 + "_count" }, "\(line)")
            #expect(Double(line.split(separator: " ").last ?? "") != nil, "\(line)")
        }
        try await project.close()
    }

    @Test("monitors, alarms and rollouts have their figures, with labels of closed sets")
    func watch() {
        var figures = WatchFigures()
        figures.windows = [
            .init(
                monitor: "fraud", part: "requests", end: Timestamp(microseconds: 60_000_000), rows: 7, late: 2, beyond: 1,
                measures: [.init(kind: "drift", subject: "a\"b", value: 0.25), .init(kind: "volume", subject: "", value: 3)])
        ]
        figures.alarms = ["page": ["firing": 2, "pending": 0]]
        figures.rollouts = ["running": 1, "promoted": 4]
        figures.trials = [.init(endpoint: "fraud", state: "running", step: 3)]
        let lines = Metrics().text(Metrics.Gauges(watch: figures)).split(separator: "\n").map(String.init)
        for line in [
            #"martlet_monitor_measure{monitor="fraud",measure="drift",subject="a\"b"} 0.25"#,
            #"martlet_monitor_measure{monitor="fraud",measure="volume",subject=""} 3.0"#, "martlet_monitor_measures_left_out 0",
            #"martlet_monitor_beyond{monitor="fraud",part="requests"} 1"#, #"martlet_monitor_rows{monitor="fraud",part="requests"} 7"#,
            #"martlet_monitor_window_end_seconds{monitor="fraud",part="requests"} 60.0"#,
            #"martlet_monitor_late_total{monitor="fraud",part="requests"} 2"#, #"martlet_alarms{severity="page",phase="firing"} 2"#,
            #"martlet_alarms{severity="page",phase="pending"} 0"#, #"martlet_rollouts{state="promoted"} 4"#,
            #"martlet_rollout_step{endpoint="fraud",state="running"} 3"#,
        ] { #expect(lines.contains(line), "\(line)") }
    }

    @Test("labels beyond the limit are left out")
    func bounded() {
        let metrics = Metrics()
        for index in 0..<(Metrics.labelLimit + 5) {
            metrics.ingested(into: "s\(index)", accepted: 1, duplicates: 0, rejected: 0)
            metrics.predicted(on: "e\(index)", predictions: 1, degraded: 0, nanoseconds: 1)
        }
        metrics.predictionFailed(on: "unknown")
        #expect(metrics.snapshot.streams.count == Metrics.labelLimit)
        #expect(metrics.snapshot.endpoints.count == Metrics.labelLimit)
        #expect(metrics.snapshot.endpoints["unknown"] == nil)
    }

    @Test("a quantile lies in its latencies' bucket", arguments: [0.5, 0.9, 0.99, 1])
    func quantiles(_ share: Double) throws {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(share) == nil)
        for _ in 0..<99 { histogram.record(1_200_000) }
        histogram.record(300_000_000)
        let found = try #require(histogram.quantile(share))
        if share <= 0.99 { #expect((1_000_000...1_600_000).contains(found)) } else { #expect((250_000_000...500_000_000).contains(found)) }
        histogram = LatencyHistogram()
        histogram.record(.max)
        #expect(histogram.quantile(share) == LatencyHistogram.bounds.last)
    }
}
