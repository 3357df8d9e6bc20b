/// Bounds what refusals write to the audit log, so that no attacker can fill the disk: a pure state machine.
///
/// In each window of time the first refusal of each kind is recorded at once; repeats are counted and recorded as one
/// entry when the window ends. Past a number of kinds, all others share one count. So a window writes at most
/// `2 × kinds + 1` entries, however many refusals there were, and the counts add up.
public struct RefusalCoalescer: Sendable {
    public struct Limits: Sendable {
        public var windowSeconds: Int
        /// Kinds (actor, action, resource) told apart in one window.
        public var kinds: Int

        public init(windowSeconds: Int = 60, kinds: Int = 100) {
            self.windowSeconds = windowSeconds
            self.kinds = kinds
        }
    }

    private struct Kind: Hashable {
        var actor: String
        var action: String
        var resource: String
    }

    private struct Repeats {
        var record: AuditRecord
        var count: Int
    }

    private let limits: Limits
    private var windowEnd: UInt64 = 0
    private var order: [Kind] = []
    private var repeats: [Kind: Repeats] = [:]
    private var others = 0

    public init(limits: Limits = Limits()) {
        precondition(limits.windowSeconds > 0 && limits.kinds > 0)
        self.limits = limits
    }

    /// Takes one refusal.
    ///
    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: what is to be recorded now, counts of a window that ended first.
    public mutating func refused(_ record: AuditRecord, now: UInt64) -> [AuditRecord] {
        precondition(record.outcome == .refused)
        var due = ended(now: now)
        if order.isEmpty && others == 0 { windowEnd = now &+ UInt64(limits.windowSeconds) * 1_000_000_000 }
        let kind = Kind(actor: record.actor, action: record.action, resource: record.resource)
        if repeats[kind] != nil {
            repeats[kind]?.count += record.count
        } else if order.count < limits.kinds {
            order.append(kind)
            repeats[kind] = Repeats(record: record, count: 0)
            due.append(record)
        } else {
            others += record.count
        }
        return due
    }

    /// The counts of the window if it has ended.
    public mutating func ended(now: UInt64) -> [AuditRecord] {
        now >= windowEnd ? flush() : []
    }

    /// The counts of the window as it is, for a shutdown. What was counted since the last entry is lost at a crash.
    public mutating func flush() -> [AuditRecord] {
        var due: [AuditRecord] = []
        for kind in order {
            guard let entry = repeats[kind], entry.count > 0 else { continue }
            var record = entry.record
            record.count = entry.count
            record.requestID = nil
            due.append(record)
        }
        if others > 0 {
            due.append(AuditRecord(actor: "several", action: "several", resource: "several", outcome: .refused, count: others))
        }
        order = []
        repeats = [:]
        others = 0
        return due
    }
}
