public import MartletAccess
public import MartletBytes
public import MartletFrames
import MartletMonitoring
import MartletPlan
import MartletStorage
import MartletWorld

extension Platform {
    /// The monitors in force, each with what its last windows showed worst.
    public func monitorList(scope: Scope) throws -> [JSONValue] {
        try scope.require(.monitorsRead, on: .project(project))
        return try (inForce.project?.monitors ?? []).map { monitor in
            let tables = MonitorTables()
            let part: MeasuredWindow.Part = monitor.stream == nil ? .requests : .events
            let (last, requests, outcomes) = try database.read { reader in
                (
                    try tables.windows(of: monitor.name, part: part, from: nil, to: nil, limit: 1, reader).first,
                    try tables.progress(of: monitor.name, part, reader), try tables.progress(of: monitor.name, .outcomes, reader)
                )
            }
            let firing = alarms.look { machine in machine.alarms.count { $0.isFiring && $0.cause.monitor == monitor.name } }
            return [
                "monitor": .string(monitor.name), "endpoint": monitor.endpoint.map { .string($0) } ?? .null,
                "stream": monitor.stream.map { .string($0) } ?? .null, "window": .string("\(monitor.window)"),
                "last_window": last.map { .string("\($0.start)") } ?? .null, "rows": last.map { .int64(Int64($0.rows)) } ?? .null,
                "beyond": last.map { .int64(Int64($0.measures.count { $0.level == .beyond })) } ?? .null, "firing": .int64(Int64(firing)),
                "late": .int64((requests?.late ?? 0) + (outcomes?.late ?? 0)),
            ]
        }
    }

    /// The measured windows of a monitor, the newest first.
    public func monitorWindows(
        _ name: String, part: String?, from: Timestamp?, to: Timestamp?, limit: Int, scope: Scope
    ) throws -> [JSONValue] {
        try scope.require(.monitorsRead, on: .project(project))
        guard let project = inForce.project, project.monitors.contains(where: { $0.name == name }) else {
            throw PlatformError.unknown("monitor", name, among: inForce.project?.monitors.map(\.name) ?? [])
        }
        let windows = try database.read {
            try MonitorTables().windows(
                of: name, part: part.flatMap(MeasuredWindow.Part.init), from: from, to: to, limit: min(limit, self.limits.pageRows), $0)
        }
        return windows.map(\.json)
    }
}

extension MeasuredWindow {
    /// As the interface answers it.
    var json: JSONValue {
        [
            "monitor": .string(monitor), "part": .string(part.rawValue), "start": .string("\(start)"), "end": .string("\(end)"),
            "measured": .string("\(measured)"), "rows": .int64(Int64(rows)), "measures": .array(measures.map(\.json)),
            "reference": reference?.json ?? .null,
        ]
    }
}

extension Alarm {
    /// As the interface answers it.
    var summaryJSON: JSONValue {
        var labels = JSONObject()
        for label in identity.labels.labels { labels[label.name] = .string(label.value) }
        var figures = JSONObject()
        for figure in cause.figures { figures[figure.name] = .float64(figure.value) }
        func time(_ time: Timestamp?) -> JSONValue { time.map { .string("\($0)") } ?? .null }
        return [
            "alarm": .string(identity.fingerprint), "name": .string(identity.rule), "labels": .object(labels), "severity": .string(severity.rawValue),
            "phase": .string(phase.rawValue), "started": time(episode?.start), "ended": time(episode?.end), "value": value.map(JSONValue.float64) ?? .null,
            "summary": .string(summary), "acknowledged_by": episode?.acknowledgement.map { .string($0.by) } ?? .null,
            "silenced_by": silencedBy.map(JSONValue.string) ?? .null,
            "cause": [
                "monitor": .string(cause.monitor), "from": time(cause.from), "to": time(cause.to),
                "feature": cause.feature.map(JSONValue.string) ?? .null, "figures": .object(figures),
            ],
        ]
    }
}
