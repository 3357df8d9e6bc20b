internal import Crypto
public import MartletAccess
internal import MartletBytes
public import MartletFrames

/// What came of an action.
public enum AuditOutcome: String, CaseIterable, Sendable {
    case allowed, refused, failed
}

/// What is to be recorded of one action.
///
/// None of it may hold personal data or secrets: things are named by their names and ids, persons by the ids of their
/// accounts. Persons in the data are never named here.
public struct AuditRecord: Hashable, Sendable {
    /// Who acted, as a principal describes itself: `token:7f3a…`; `anonymous` if nobody was authenticated.
    public var actor: String
    /// What was done, such as `model.promote`.
    public var action: String
    /// To what, as a resource describes itself: `model:shop/churn`.
    public var resource: String
    public var outcome: AuditOutcome
    /// The request that it belongs to, for finding it in other logs.
    public var requestID: String?
    public var details: AuditDetails
    /// How many alike this record stands for.
    public var count: Int

    public init(
        actor: String, action: String, resource: String, outcome: AuditOutcome, requestID: String? = nil,
        details: AuditDetails = [:], count: Int = 1
    ) {
        precondition(count > 0)
        self.actor = actor
        self.action = action
        self.resource = resource
        self.outcome = outcome
        self.requestID = requestID
        self.details = details
        self.count = count
    }

    /// The record of an action that a scope allowed.
    public init(
        _ action: String, under scope: Scope, outcome: AuditOutcome = .allowed, requestID: String? = nil, details: AuditDetails = [:]
    ) {
        self.init(
            actor: "\(scope.principal)", action: action, resource: "\(scope.resource)", outcome: outcome, requestID: requestID,
            details: details)
    }
}

/// One entry of the audit log.
public struct AuditEntry: Hashable, Sendable {
    /// 1, 2, 3 … without gaps.
    public var sequence: Int64
    /// The time of day that the world's clock showed, which may have jumped; the order is the sequence's.
    public var time: Timestamp
    public var record: AuditRecord
    /// SHA-256 of the hash before and this entry's canonical bytes.
    public var hash: [UInt8]

    /// The hash that stands before the first entry.
    static let genesis = [UInt8](repeating: 0, count: 32)

    /// Makes the entry that follows another.
    init(sequence: Int64, time: Timestamp, record: AuditRecord, after previous: [UInt8]) {
        self.sequence = sequence
        self.time = time
        self.record = record
        hash = Self.hash(sequence: sequence, time: time, record: record, after: previous)
    }

    /// Takes an entry as it is stored, its hash unchecked.
    init(sequence: Int64, time: Timestamp, record: AuditRecord, storedHash: [UInt8]) {
        self.sequence = sequence
        self.time = time
        self.record = record
        hash = storedHash
    }

    /// Canonical bytes, form 1: every field with its length or at a fixed width, so that no two entries share them.
    static func hash(sequence: Int64, time: Timestamp, record: AuditRecord, after previous: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt8(1))
        writer.write(fixed: sequence)
        writer.write(fixed: time.microseconds)
        writer.write(record.actor)
        writer.write(record.action)
        writer.write(record.resource)
        writer.write(record.outcome.rawValue)
        writer.write(UInt8(record.requestID == nil ? 0 : 1))
        writer.write(record.requestID ?? "")
        writer.write(record.details.json)
        writer.write(fixed: Int64(record.count))
        return Array(SHA256.hash(data: previous + writer.bytes))
    }
}
