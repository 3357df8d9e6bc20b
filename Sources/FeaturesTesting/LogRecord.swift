public import MartletFeatures
public import MartletFrames

/// One record of a log, as a scenario writes it: from a list of these come the ``EventChanges`` an engine folds.
public struct LogRecord: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case event
        /// A whole new row for a unique key.
        case correction
        case retraction
        /// Fills the fields that its row has; the others stay as they were.
        case outcome
    }

    public var kind: Kind
    /// The unique key's fingerprint; `.none` only for events, which then nothing can supersede.
    public var key: Fingerprint
    public var position: Int64
    public var knownTime: Int64
    /// One value a field of the schema; empty for a retraction.
    public var row: [Value]
    /// The payload's fingerprint; nil to derive it from the resulting row, as a log does.
    public var payload: Fingerprint?

    public init(
        _ kind: Kind, key: Fingerprint, position: Int64, knownTime: Int64, row: [Value] = [], payload: Fingerprint? = nil
    ) {
        self.kind = kind
        self.key = key
        self.position = position
        self.knownTime = knownTime
        self.row = row
        self.payload = payload
    }
}

/// What a log's records do to the events: additions and removals, in log order.
public struct ChangeLog: Sendable {
    private struct Change {
        var isRemoval: Bool
        var position: Int64
        var knownTime: Int64
        var superseded: Int64
        var key: Fingerprint
        var payload: Fingerprint
        var row: [Value]
    }

    public let schema: Schema
    private var changes: [Change] = []

    /// Resolves which version each record supersedes.
    ///
    /// A record that a log would refuse is left out: an event whose key is in force, a correction, retraction or
    /// outcome whose key is not. So a list stays valid when records are taken from it.
    ///
    /// - Parameter records: in the order of their positions, which differ.
    public init(_ records: [LogRecord], schema: Schema) {
        self.schema = schema
        var inForce: [Fingerprint: Change] = [:]
        for record in records {
            let current = record.key == .none ? nil : inForce[record.key]
            guard (current == nil) == (record.kind == .event), record.kind == .event || record.key != .none else {
                continue
            }
            if var removal = current {
                removal.isRemoval = true
                removal.superseded = removal.position
                removal.position = record.position
                removal.knownTime = record.knownTime
                changes.append(removal)
                inForce[record.key] = nil
            }
            if record.kind == .retraction { continue }
            var row = record.row
            if record.kind == .outcome, let current {
                row = zip(record.row, current.row).map { $0 == .missing ? $1 : $0 }
            }
            let addition = Change(
                isRemoval: false, position: record.position, knownTime: record.knownTime, superseded: 0, key: record.key,
                payload: record.payload ?? Fingerprint(ofRow: row), row: row)
            changes.append(addition)
            if record.key != .none { inForce[record.key] = addition }
        }
    }

    /// The changes that records at positions in `range` make, as one batch.
    public func batch(_ range: Range<Int64>) -> EventChanges {
        let changes = changes.filter { range.contains($0.position) }
        let columns = schema.fields.indices.map { index in
            Column(changes.map { $0.row[index] }, type: schema.fields[index].type)
        }
        return EventChanges(
            rows: Frame(schema, columns, rowCount: changes.count), isRemoval: changes.map(\.isRemoval),
            positions: changes.map(\.position), knownTimes: changes.map(\.knownTime),
            supersededPositions: changes.map(\.superseded), uniqueKeys: changes.map(\.key),
            payloads: changes.map(\.payload))
    }

    /// The batches between the given positions, from the first record to the last.
    public func batches(splitAt positions: [Int64]) -> [EventChanges] {
        var batches: [EventChanges] = []
        var start = Int64.min
        for position in positions.sorted() + [Int64.max] where position > start {
            batches.append(batch(start..<position))
            start = position
        }
        return batches
    }
}

extension Fingerprint {
    /// Stands for a payload's hash: equal rows have equal ones, others differ as good as always.
    init(ofRow row: [Value]) {
        var state = SplitMix64(seed: 1)
        var high = state.next()
        var low = state.next()
        func mix(_ word: UInt64) {
            var first = SplitMix64(seed: high ^ word)
            high = first.next()
            var second = SplitMix64(seed: low &+ word)
            low = second.next() ^ high
        }
        for value in row {
            switch value {
            case .missing: mix(0)
            case .bool(let value): mix(value ? 2 : 1)
            case .int64(let value): mix(3); mix(UInt64(bitPattern: value))
            case .float64(let value): mix(4); mix(value.bitPattern)
            case .timestamp(let value): mix(5); mix(UInt64(bitPattern: value.microseconds))
            case .string(let value):
                mix(6)
                for byte in value.utf8 { mix(UInt64(byte)) }
                mix(7)
            }
        }
        self.init(high: high, low: low)
    }

    /// The first 16 bytes of a text, so that fingerprints order as their texts do; or 32 hexadecimal digits after `0x`.
    init?(label: String) {
        if label.hasPrefix("0x") {
            let digits = label.dropFirst(2)
            guard digits.utf8.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
                let low = UInt64(digits.dropFirst(16), radix: 16)
            else { return nil }
            self.init(high: high, low: low)
            return
        }
        guard label.utf8.count <= 16 else { return nil }
        if label == "-" { self = .none; return }
        var bytes = Array(label.utf8)
        bytes += [UInt8](repeating: 0, count: 16 - bytes.count)
        self.init(
            high: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }, low: bytes[8...].reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// What ``init(label:)`` reads.
    var label: String {
        self == .none ? "-" : "0x" + description
    }
}
