public import MartletAccess
public import MartletBytes
import MartletFrames
import MartletGovernance
import MartletMonitoring
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStorage
import MartletWorld

extension Platform {
    /// How long those that ended are kept: by them it is told what was explored.
    private static let mitigationsKept = Timestamp.Span.days(730)
    private static let mitigationLimit = 10_000

    /// Reads what alarms have changed.
    func loadMitigations() throws {
        let since = world.clock.now() - Self.mitigationsKept
        try mitigations.load { try database.read { try MitigationTable().all(endedSince: since, limit: Self.mitigationLimit, $0) } }
    }

    /// Changes what an alarm asks for, once for each order.
    ///
    /// - Parameter scope: `models.promote` on the endpoint where another than the model answers.
    func mitigate(_ change: Mitigation.Change, at name: String, for order: AlarmOrder, scope: Scope) throws -> String {
        let endpoint = try endpoint(name)
        let mitigation = Mitigation(
            order: order, endpoint: name, change: change, version: endpoint.model?.version.number, since: world.clock.now())
        try database.write { transaction in
            guard try MitigationTable().add(mitigation, transaction) else { return }
            try audit.append(
                AuditRecord(
                    "mitigation.begin", under: scope,
                    details: [
                        "endpoint": .text(name), "change": .text(change.word), "alarm": .text(mitigation.alarm), "reaction": .text(order.key),
                    ]),
                in: transaction)
        }
        try loadMitigations()
        switch change {
        case .fallback: return "the fallback of endpoint '\(name)' answers"
        case .review(let share): return "\(FigureText.short(share * 100)) % of the decisions of endpoint '\(name)' are reviewed"
        }
    }

    /// Ends what has no reason any more: its alarm ended, another version answers, the reaction is gone.
    func endMitigations() throws {
        for mitigation in mitigations.active {
            guard let reason = endReason(of: mitigation) else { continue }
            let duty = try Guard().scope(
                for: .system("monitors", permissions: [.alarmsAnswer]), to: .alarmsAnswer, on: resource(.endpoint, mitigation.endpoint))
            try end(mitigation, reason: reason, requestID: nil, scope: duty)
        }
    }

    private func endReason(of mitigation: Mitigation) -> String? {
        let alarms = alarms.look { machine in machine.state.alarms.values.filter { $0.isFiring && $0.episode?.start == mitigation.alarmStart } }
        guard alarms.contains(where: { $0.identity.fingerprint == mitigation.alarm }) else { return "the alarm ended" }
        guard let inForce = inForce.project, let now = AlarmPlan.reaction(mitigation.action, among: inForce.monitors),
            now.monitor.endpoint == mitigation.endpoint, now.reaction.way == .mitigate(mitigation.change)
        else { return "the reaction is no longer defined" }
        if mitigation.change == .fallback, let number = self.inForce.endpoints[mitigation.endpoint]?.model?.version.number, number != mitigation.version {
            return "version \(number) answers"
        }
        return nil
    }

    private func end(_ mitigation: Mitigation, reason: String, requestID: String?, scope: Scope) throws {
        try database.write { transaction in
            guard try MitigationTable().end(mitigation.order, at: world.clock.now(), reason: reason, transaction) else { return }
            try audit.append(
                AuditRecord(
                    "mitigation.end", under: scope, requestID: requestID,
                    details: [
                        "endpoint": .text(mitigation.endpoint), "change": .text(mitigation.change.word), "reason": .text(reason),
                        "reaction": .text(mitigation.order),
                    ]),
                in: transaction)
        }
        try loadMitigations()
    }

    /// A person takes back what alarms changed at an endpoint, though they may fire on; other alarms may change it again.
    ///
    /// - Parameter change: `fallback` or `review`.
    public func liftMitigation(of endpoint: String, _ change: String, reason: String?, requestID: String?, scope: Scope) throws -> [JSONValue] {
        try scope.require(.alarmsAnswer, on: .project(project))
        guard Mitigation.words.contains(change) else {
            throw PlatformError(
                .invalid, "no alarm changes a '\(change.prefix(60))'", hint: "there are: " + Mitigation.words.joined(separator: ", "))
        }
        let found = mitigations.active.filter { $0.endpoint == endpoint && $0.change.word == change }
        guard !found.isEmpty else {
            throw PlatformError(
                .notFound, "no alarm has changed the '\(change)' of endpoint '\(endpoint.prefix(60))'", hint: "'martlet alarms' shows what lasts")
        }
        for mitigation in found {
            try end(mitigation, reason: "lifted by \(scope.principal)" + (reason.map { ": \($0.prefix(500))" } ?? ""), requestID: requestID, scope: scope)
        }
        return found.map(\.json)
    }

    /// Forgets what ended long ago.
    func removePastMitigations() throws {
        let past = world.clock.now() - Self.mitigationsKept
        guard try database.read({ try MitigationTable().hasEnded(before: past, $0) }) else { return }
        try database.write { try MitigationTable().delete(endedBefore: past, limit: 1_000, $0) }
        try loadMitigations()
    }
}

extension Mitigation {
    /// As the interface answers it.
    var json: JSONValue {
        var share = JSONValue.null
        if case .review(let value) = change { share = .float64(value) }
        return [
            "endpoint": .string(endpoint), "change": .string(change.word), "share": share, "alarm": .string(alarm), "name": .string(alarmName),
            "reaction": .string(order), "since": .string("\(since)"),
        ]
    }
}
