import MartletAccess
import MartletBytes
import MartletPlatform

extension APIRoutes {
    /// Whether the server lives and can answer, and how it does.
    var health: [Route] {
        [
            Route(
                "health.live", .get, "/healthz", "Whether the server lives.", access: .open, audit: .refusalsOnly,
                output: .media("text/plain"), handler: .immediate { _, answer in answer(.success(.text("ok\n"))) }),
            Route(
                "health.ready", .get, "/readyz", "Whether the server can answer as its project says.", access: .open,
                audit: .refusalsOnly, output: .media("text/plain"),
                handler: .immediate { [platform] _, answer in
                    answer(.success(platform.isReady ? .text("ready\n") : .text("not ready\n", status: 503)))
                }),
            Route(
                "metrics.read", .get, "/metrics", "The server's metrics as Prometheus reads them.",
                access: .needs(.serverRead, on: .server), audit: .refusalsOnly, output: .media("text/plain; version=0.0.4"),
                handler: .asynchronous { [platform, metrics, connections] _ in
                    let (end, cut) = platform.progress
                    // One database that does not answer hides no other figure.
                    let gauges = Metrics.Gauges(
                        connections: connections(), logEnd: end, foldedCut: cut, pipelines: platform.pipelineFigures, watch: try? platform.watchFigures())
                    return .text(metrics.text(gauges), type: "text/plain; version=0.0.4; charset=utf-8")
                }),
        ]
    }
}
