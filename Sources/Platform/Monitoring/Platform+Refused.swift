import MartletFrames
import MartletIngestion
import MartletMonitoring
import MartletPlan
import MartletStorage
import MartletWorld
import Synchronization

/// What endpoints refused since it was stored last; stored with the next round of monitors.
final class RefusedRows: Sendable {
    struct Key: Hashable, Sendable {
        var endpoint: String
        /// By the second.
        var time: Timestamp
        /// Nil for all that was refused.
        var fault: Fault?
    }

    struct Fault: Hashable, Sendable {
        var field: String
        var sight: FieldSight
    }

    private let rows = Mutex<[Key: Int]>([:])

    /// Faults that are told apart between two rounds; those beyond are counted only in all.
    private static let limit = 2_000

    func add(_ letters: [DeadLetter], by endpoint: String, at time: Timestamp) {
        let second = Timestamp(microseconds: time.microseconds / 1_000_000 * 1_000_000)
        rows.withLock { rows in
            rows[Key(endpoint: endpoint, time: second), default: 0] += letters.count
            for (fault, count) in letters.schemaFaults {
                let key = Key(endpoint: endpoint, time: second, fault: fault)
                if rows[key] != nil || rows.count < Self.limit { rows[key, default: 0] += count }
            }
        }
    }

    func take() -> [Key: Int] {
        rows.withLock { rows in
            defer { rows = [:] }
            return rows
        }
    }
}

extension Platform {
    /// Counts rows of a stream that became dead letters, where a monitor asks for it; part of the transaction that keeps them.
    func countRejected(_ letters: [DeadLetter], of stream: String, _ transaction: any DatabaseTransaction) throws {
        guard isCounted(.stream(stream)) else { return }
        let time = world.clock.now()
        try RejectionTable().add(letters.count, by: .stream(stream), at: time, transaction)
        for (fault, rows) in letters.schemaFaults { try count(fault, rows, by: .stream(stream), at: time, transaction) }
    }

    /// Counts rows that an endpoint refused, where a monitor asks for it.
    func countRefused(_ letters: [DeadLetter], by endpoint: String, at time: Timestamp) {
        if isCounted(.endpoint(endpoint)) { refusedRows.add(letters, by: endpoint, at: time) }
    }

    /// Stores what was counted of endpoints.
    func storeRefused() throws {
        let rows = refusedRows.take()
        guard !rows.isEmpty else { return }
        try database.write { transaction in
            for (key, count) in rows {
                let owner = RejectionTable.Owner.endpoint(key.endpoint)
                if let fault = key.fault {
                    try self.count(fault, count, by: owner, at: key.time, transaction)
                } else {
                    try RejectionTable().add(count, by: owner, at: key.time, transaction)
                }
            }
        }
    }

    private func count(
        _ fault: RefusedRows.Fault, _ rows: Int, by owner: RejectionTable.Owner, at time: Timestamp, _ transaction: any DatabaseTransaction
    ) throws {
        if fault.sight == .unknown {
            let sealed = try vault.seal(Array(fault.field.utf8), for: .deadLetters, at: owner.key)
            try RejectionTable().addUnknown(rows, sealed: sealed, by: owner, at: time, transaction)
        } else {
            try RejectionTable().add(rows, with: fault.field, fault.sight, by: owner, at: time, transaction)
        }
    }

    private func isCounted(_ owner: RejectionTable.Owner) -> Bool { !counting(owner).isEmpty }

    /// The monitors that ask for what was refused.
    private func counting(_ owner: RejectionTable.Owner) -> [MonitorDefinition] {
        (inForce.project?.monitors ?? []).filter { monitor in
            switch owner {
            case .stream(let name): monitor.stream == name && (monitor.quality.rejected != nil || monitor.quality.schema != nil)
            case .endpoint(let name): monitor.endpoint == name && monitor.quality.schema != nil
            }
        }
    }

    /// What was refused that came in a window of a monitor, and the fields of which an alarm of that stands: they are measured until it ends.
    func refused(
        by owner: RejectionTable.Owner, _ monitor: MonitorDefinition, from start: Timestamp
    ) throws -> (rows: Int, faults: SchemaFaults, before: [String]) {
        guard monitor.quality.rejected != nil || monitor.quality.schema != nil else { return (0, SchemaFaults(), []) }
        let end = start + monitor.window
        let rule = monitor.rule(.schema)
        let before = alarms.look { machine in
            machine.alarms.filter { $0.identity.rule == rule && ($0.isFiring || $0.beyond != nil) }.compactMap(\.cause.feature)
        }.filter { !$0.isEmpty }
        return try database.read { reader in
            let rows = try RejectionTable().rows(by: owner, from: start, to: end, reader)
            guard monitor.quality.schema != nil else { return (rows, SchemaFaults(), []) }
            let faults = try RejectionTable().faults(
                by: owner, from: start, to: end,
                open: { [vault] sealed in (try? vault.open(sealed, for: .deadLetters, at: owner.key)).map { String(decoding: $0, as: UTF8.self) } }, reader)
            return (rows, faults, before)
        }
    }

    /// Forgets what every window has seen.
    func forgetRefused(by owner: RejectionTable.Owner) throws {
        let monitors = counting(owner)
        guard !monitors.isEmpty else { return }
        try database.write { transaction in
            let closed = try monitors.compactMap { monitor in
                try MonitorTables().progress(of: monitor.name, monitor.stream == nil ? .requests : .events, transaction)?.closedThrough
            }
            if let time = closed.min() { try RejectionTable().delete(by: owner, before: time, transaction) }
        }
    }
}

extension [DeadLetter] {
    /// How many rows had each field otherwise than the contract; at most 50 are told apart.
    fileprivate var schemaFaults: [RefusedRows.Fault: Int] {
        var faults: [RefusedRows.Fault: Int] = [:]
        for letter in self {
            for fault in letter.faults {
                guard let field = fault.field, let sight = fault.sight else { continue }
                let key = RefusedRows.Fault(field: field, sight: sight)
                if faults[key] != nil || faults.count < 50 { faults[key, default: 0] += 1 }
            }
        }
        return faults
    }
}

extension DeadLetter.Fault {
    /// What the row had in place of what the contract asks for; nil if the value alone is wrong.
    fileprivate var sight: FieldSight? {
        switch reason {
        case .missingField: return .missing
        case .unknownField: return .unknown
        case .wrongType, .badTime:
            guard let value else { return .text }
            if value == "true" || value == "false" { return .flag }
            if value.hasPrefix("{") || value.hasPrefix("[") { return .nested }
            return Double(value) != nil ? .number : .text
        default: return nil
        }
    }
}
