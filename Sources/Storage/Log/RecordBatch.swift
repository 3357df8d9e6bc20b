public import MartletFrames

/// What a record says about the world; the number is its code in every stored format.
public enum RecordKind: UInt8, Hashable, Sendable, CaseIterable {
    /// Something happened.
    case event = 1
    /// A new payload for an event that is known by its unique key.
    case correction
    /// An event did not happen after all.
    case retraction
    /// Late fields of an event became known, or a prediction was labelled.
    case outcome
    /// A prediction was made.
    case prediction
    /// A person was erased.
    case erasure

    /// Whether the record ends the version of a key that was current before it.
    public var supersedes: Bool {
        switch self {
        case .correction, .retraction, .outcome: true
        case .event, .prediction, .erasure: false
        }
    }
}

/// Rows of one stream and one kind, appended together.
///
/// Every array has one element a row. Times are microseconds since 1970, UTC.
public struct RecordBatch: Sendable {
    public let stream: String
    public let kind: RecordKind
    /// The payload columns; for a correction, retraction or outcome, the row as it stands afterwards.
    public let rows: Frame
    public let eventTimes: [Int64]
    /// When a decision could have used each row; nil for live rows, whose known time is their ingest time.
    public let knownTimes: [Int64]?
    /// The fingerprint of each row's unique key, the stream mixed in; `.none` for a row without one.
    public let uniqueKeys: [Fingerprint]
    public let payloads: [Fingerprint]
    /// For corrections, retractions and outcomes: the position of the version that each row ends, as its sender read it.
    public let expected: [Int64]?

    /// Whether the other batches of the append stand only if each row of this one does: an event whose prediction is
    /// stored with it. Read of an append's first batch.
    public var isCondition = false

    /// - Precondition: every array has one element a row; `expected` is given exactly for the kinds that supersede.
    public init(
        stream: String, kind: RecordKind, rows: Frame, eventTimes: [Int64], knownTimes: [Int64]? = nil,
        uniqueKeys: [Fingerprint], payloads: [Fingerprint], expected: [Int64]? = nil
    ) {
        let count = rows.rowCount
        precondition(eventTimes.count == count && uniqueKeys.count == count && payloads.count == count)
        precondition(knownTimes == nil || knownTimes?.count == count)
        precondition(kind.supersedes == (expected != nil) && (expected == nil || expected?.count == count))
        self.stream = stream
        self.kind = kind
        self.rows = rows
        self.eventTimes = eventTimes
        self.knownTimes = knownTimes
        self.uniqueKeys = uniqueKeys
        self.payloads = payloads
        self.expected = expected
    }

    /// About how many bytes the rows occupy in memory: what queues are bounded by.
    var approximateBytes: Int {
        var bytes = 64 + stream.utf8.count + rows.rowCount * 56
        for column in rows.columns {
            switch column.storage {
            case .bool(let bits): bytes += bits.words.count * 8
            case .int64(let values), .timestamp(let values): bytes += values.count * 8
            case .float64(let values): bytes += values.count * 8
            case .string(let strings): bytes += strings.bytes.count + strings.count * 8
            }
        }
        return bytes
    }
}

/// What became of one appended row.
public enum Disposition: Hashable, Sendable {
    /// Stored at this position.
    case accepted(Int64)
    /// The same key and payload is stored already, at this position; nothing was added.
    case duplicate(of: Int64)
    /// The key is taken by another payload, or was retracted, at this position; nothing was added.
    case conflict(with: Int64)
    /// The row would change an event that the log does not hold.
    case unknownKey
    /// The row would end a version that is no longer the current one.
    case outdated(current: Int64)
}

/// The current version of a unique key.
public struct KeyState: Hashable, Sendable {
    public var position: Int64
    public var payload: Fingerprint
    /// The kind of the record that made this version.
    public var kind: RecordKind
    /// The payload of the record that first bore the key.
    public var originalPayload: Fingerprint

    public var isRetracted: Bool { kind == .retraction }

    public init(position: Int64, payload: Fingerprint, kind: RecordKind, originalPayload: Fingerprint) {
        self.position = position
        self.payload = payload
        self.kind = kind
        self.originalPayload = originalPayload
    }
}

extension KeyState {
    /// Decides what becomes of a row that bears a key; nil if it is to be accepted.
    ///
    /// The rules of `docs/reference/semantics.md`, section 1. `current` is the newest version of the key, rows of the
    /// same append included. A retracted key stays taken: nothing can be added to it.
    static func refusal(
        kind: RecordKind, payload: Fingerprint, expected: Int64?, current: KeyState?
    ) -> Disposition? {
        guard let current else { return kind.supersedes ? .unknownKey : nil }
        switch kind {
        case .event, .prediction, .erasure:
            if current.isRetracted { return .conflict(with: current.position) }
            let isKnown = payload == current.payload || payload == current.originalPayload
            return isKnown ? .duplicate(of: current.position) : .conflict(with: current.position)
        case .retraction:
            if current.isRetracted { return .duplicate(of: current.position) }
        case .correction, .outcome:
            if current.isRetracted { return .conflict(with: current.position) }
            if payload == current.payload { return .duplicate(of: current.position) }
        }
        return expected == current.position ? nil : .outdated(current: current.position)
    }

    /// The state after a row was accepted.
    static func accepting(kind: RecordKind, payload: Fingerprint, at position: Int64, after current: KeyState?) -> KeyState {
        KeyState(position: position, payload: payload, kind: kind, originalPayload: current?.originalPayload ?? payload)
    }
}
