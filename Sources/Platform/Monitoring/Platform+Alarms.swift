public import MartletAccess
public import MartletBytes
import MartletDefinitions
public import MartletFrames
import MartletGovernance
public import MartletMonitoring
import MartletPipelines
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStorage
import MartletWorld
import Synchronization

extension Platform {
    /// Says where people reach this server, for messages of alarms.
    public func setExternalAddress(_ url: String) { externalAddress.withLock { $0 = url } }

    /// Puts the alarms of the release in force: rules, who is told, what is done.
    func configureAlarms() throws {
        let monitors = inForce.project?.monitors ?? []
        let plan = try AlarmPlan(monitors)
        guard alarms.look({ $0.plan }) != plan else { return }
        try alarms.turn { machine, now, turn in machine.configure(plan, at: now, &turn) }
    }

    // MARK: - For people

    /// The alarms that are pending, firing or have ended a short while ago, those that fire first.
    public func alarmList(scope: Scope) throws -> JSONValue {
        try scope.require(.monitorsRead, on: .project(project))
        let (all, silences, orders) = alarms.look { ($0.alarms, $0.state.silences, $0.state.orders) }
        return [
            "alarms": .array(all.sorted { ($0.isFiring ? 0 : 1, $0.identity) < ($1.isFiring ? 0 : 1, $1.identity) }.map(\.summaryJSON)),
            "silences": .array(silences.values.sorted { $0.id < $1.id }.map(\.json)),
            "orders": .array(orders.values.sorted { $0.key < $1.key }.map(\.json)),
            "mitigations": .array(mitigations.active.map(\.json)),
        ]
    }

    /// What happened to an alarm, or to all of them, the newest first.
    public func alarmHistory(_ fingerprint: String?, limit: Int, scope: Scope) throws -> [JSONValue] {
        try scope.require(.monitorsRead, on: .project(project))
        return try database.read { try MonitorTables().history(fingerprint: fingerprint, limit: min(limit, self.limits.pageRows), $0) }.map(\.json)
    }

    /// A person looks after an alarm.
    public func acknowledgeAlarm(_ fingerprint: String, note: String, requestID: String?, scope: Scope) throws {
        try alarmTurn("alarm.acknowledge", ["alarm": .text(fingerprint)], requestID, scope) { machine, now, turn in
            try machine.acknowledge(fingerprint, by: "\(scope.principal)", note: note, at: now, &turn)
        }
    }

    /// For a while, alarms that fit are not told and call for nothing.
    public func silenceAlarms(_ matchers: [LabelMatcher], for span: Timestamp.Span, comment: String, requestID: String?, scope: Scope) throws -> String {
        let id = UUIDv7.make(at: world.clock.now(), random: world.random).description
        try alarmTurn("alarm.silence", ["silence": .text(id)], requestID, scope) { machine, now, turn in
            try machine.add(
                Silence(id: id, matchers: matchers, start: now, end: now + span, author: "\(scope.principal)", comment: comment), at: now, &turn)
        }
        return id
    }

    public func endSilence(_ id: String, requestID: String?, scope: Scope) throws {
        try alarmTurn("alarm.unsilence", ["silence": .text(id)], requestID, scope) { machine, now, turn in
            try machine.endSilence(id, by: "\(scope.principal)", at: now, &turn)
        }
    }

    /// Answers whether what an alarm asks for is to be done.
    public func decideReaction(_ key: String, approved: Bool, note: String, requestID: String?, scope: Scope) throws {
        try alarmTurn(approved ? "alarm.approve" : "alarm.refuse", ["order": .text(key)], requestID, scope) { machine, now, turn in
            try machine.decide(key, approved: approved, by: "\(scope.principal)", note: note, at: now, &turn)
        }
    }

    /// A turn that a person asked for, with its audit entry in the same commit.
    private func alarmTurn(
        _ action: String, _ details: AuditDetails, _ requestID: String?, _ scope: Scope,
        _ body: (inout AlarmMachine, Timestamp, inout AlarmTurn) throws -> Void
    ) throws {
        try scope.require(.alarmsAnswer, on: .project(project))
        try alarms.turn(alongside: { transaction in
            try audit.append(AuditRecord(action, under: scope, requestID: requestID, details: details), in: transaction)
        }, body)
    }
}
