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
        /// The begin of the time that it is counted with.
        var time: Timestamp
        /// Nil for all that was refused.
        var fault: Fault?
    }

    /// Under the empty name, fields that a contract lacks that are not told apart.
    struct Fault: Hashable, Sendable {
        var field: String
        var sight: FieldSight
    }

    private let rows = Mutex<[Key: Int]>([:])

    /// Counts that are kept between two rounds: names that a contract lacks leave half of the room to its own fields. What finds no room
    /// is counted with others, or only in all.
    private static let limit = 4_000

    func add(_ letters: [DeadLetter], by endpoint: String, at time: Timestamp) {
        let faults = letters.schemaFaults
        rows.withLock { rows in
            Self.add(letters.count, Key(endpoint: endpoint, time: time), to: &rows)
            for (fault, count) in faults { Self.add(count, Key(endpoint: endpoint, time: time, fault: fault), to: &rows) }
        }
    }

    private static func add(_ count: Int, _ key: Key, to rows: inout [Key: Int]) {
        let isName = key.fault?.sight == .unknown && key.fault?.field != ""
        // What is one of a few of an endpoint and a time has room of its own.
        let room = isName ? limit / 2 : key.fault == nil || key.fault?.field == "" ? limit * 2 : limit
        if rows[key] != nil || rows.count < room {
            rows[key, default: 0] += count
        } else if isName {
            add(count, Key(endpoint: key.endpoint, time: key.time, fault: Fault(field: "", sight: .unknown)), to: &rows)
        }
    }

    func take() -> [Key: Int] {
        rows.withLock { rows in
            defer { rows = [:] }
            return rows
        }
    }

    /// Counts again what was taken and could not be stored.
    func putBack(_ taken: [Key: Int]) {
        rows.withLock { rows in
            for (key, count) in taken { Self.add(count, key, to: &rows) }
        }
    }
}

extension Platform {
    /// Counts rows of a stream that became dead letters, where a monitor asks for it; part of the transaction that keeps them.
    func countRejected(_ letters: [DeadLetter], of stream: String, _ transaction: any DatabaseTransaction) throws {
        let owner = RejectionTable.Owner.stream(stream)
        guard let time = countedTime(of: world.clock.now(), by: owner) else { return }
        try RejectionTable().add(letters.count, by: owner, at: time, transaction)
        try count(letters.schemaFaults, by: owner, at: time, transaction)
    }

    /// Counts rows that an endpoint refused, where a monitor asks for it.
    func countRefused(_ letters: [DeadLetter], by endpoint: String, at time: Timestamp) {
        if let time = countedTime(of: time, by: .endpoint(endpoint)) { refusedRows.add(letters, by: endpoint, at: time) }
    }

    /// Stores what was counted of endpoints.
    func storeRefused() throws {
        let rows = refusedRows.take()
        guard !rows.isEmpty else { return }
        do {
            try database.write { transaction in
                for (place, group) in Dictionary(grouping: rows, by: { RefusedRows.Key(endpoint: $0.key.endpoint, time: $0.key.time) }) {
                    let owner = RejectionTable.Owner.endpoint(place.endpoint)
                    var faults: [RefusedRows.Fault: Int] = [:]
                    for (key, count) in group {
                        if let fault = key.fault { faults[fault] = count } else { try RejectionTable().add(count, by: owner, at: key.time, transaction) }
                    }
                    try self.count(faults, by: owner, at: place.time, transaction)
                }
            }
        } catch {
            refusedRows.putBack(rows)
            throw error
        }
    }

    private func count(
        _ faults: [RefusedRows.Fault: Int], by owner: RejectionTable.Owner, at time: Timestamp, _ transaction: any DatabaseTransaction
    ) throws {
        var unknown: [String: Int] = [:]
        for (fault, rows) in faults {
            if fault.sight == .unknown {
                unknown[fault.field] = rows
            } else {
                try RejectionTable().add(rows, with: fault.field, fault.sight, by: owner, at: time, transaction)
            }
        }
        let sealing = RejectionTable.Sealing(
            seal: { [vault] in try vault.seal(Array($0.utf8), for: .deadLetters, at: owner.key) },
            open: { [vault] sealed in (try? vault.open(sealed, for: .deadLetters, at: owner.key)).map { String(decoding: $0, as: UTF8.self) } })
        try RejectionTable().addUnknown(unknown, by: owner, at: time, limit: limits.unknownFields, sealing, transaction)
    }

    /// The begin of the time that a refused row is counted with; nil if no monitor asks for it. Windows of whole minutes have whole minutes.
    private func countedTime(of time: Timestamp, by owner: RejectionTable.Owner) -> Timestamp? {
        let monitors = counting(owner)
        guard !monitors.isEmpty else { return nil }
        let minute = Timestamp.Span.minutes(1).microseconds
        let width = monitors.allSatisfy { $0.window.microseconds % minute == 0 } ? minute : Timestamp.Span.seconds(1).microseconds
        return Timestamp(microseconds: time.microseconds / width * width)
    }

    /// The monitors that ask for what was refused; none of an endpoint that no model answers, of which nothing is measured.
    private func counting(_ owner: RejectionTable.Owner) -> [MonitorDefinition] {
        if case .endpoint(let name) = owner, inForce.endpoints[name]?.model == nil { return [] }
        return (inForce.project?.monitors ?? []).filter { monitor in
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

    /// Forgets what every window has seen, in transactions that others need not wait for.
    func forgetRefused(by owner: RejectionTable.Owner) throws {
        let monitors = counting(owner)
        guard !monitors.isEmpty else { return }
        let closed = try database.read { reader in
            try monitors.compactMap { monitor in
                try MonitorTables().progress(of: monitor.name, monitor.stream == nil ? .requests : .events, reader)?.closedThrough
            }
        }
        guard let time = closed.min() else { return }
        while try database.write({ try RejectionTable().delete(by: owner, before: time, limit: self.limits.pastRefusals, $0) }) {}
    }

    /// Forgets what was refused by streams and endpoints that no monitor asks about any more; a bounded part of it at a time.
    func forgetUncounted() throws {
        for owner in try database.read({ try RejectionTable().owners($0) }) where counting(owner).isEmpty {
            _ = try database.write { try RejectionTable().delete(by: owner, before: nil, limit: self.limits.pastRefusals, $0) }
        }
    }
}

extension [DeadLetter] {
    /// How many rows had each field otherwise than the contract; at most 50 that it lacks are told apart.
    fileprivate var schemaFaults: [RefusedRows.Fault: Int] {
        var faults: [RefusedRows.Fault: Int] = [:]
        var names: [String: Int] = [:]
        for letter in self {
            for fault in letter.faults {
                guard let field = fault.field, let sight = fault.sight else { continue }
                if sight == .unknown {
                    names[field, default: 0] += 1
                } else {
                    faults[RefusedRows.Fault(field: field, sight: sight), default: 0] += 1
                }
            }
        }
        // Those of the most rows.
        for (place, (name, rows)) in names.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }).enumerated() {
            faults[RefusedRows.Fault(field: place < 50 ? name : "", sight: .unknown), default: 0] += rows
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
