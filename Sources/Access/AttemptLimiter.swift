/// Bounds how many failed attempts a source gets answered: a pure state machine in bounded memory.
///
/// It is asked only after a credential was found invalid, so no number of failures keeps the owner of a valid one out.
/// Each source has a bucket of failures that drains evenly. When the table is full of sources that still drain, new
/// ones share one bucket: an attacker with many addresses slows other *failing* strangers at most.
public struct AttemptLimiter: Sendable {
    public struct Limits: Sendable {
        /// Failures in a row that are answered at once.
        public var burst: Int
        /// How long one failure takes to drain.
        public var secondsPerFailure: Int
        /// Sources remembered.
        public var sources: Int

        public init(burst: Int = 10, secondsPerFailure: Int = 6, sources: Int = 10_000) {
            self.burst = burst
            self.secondsPerFailure = secondsPerFailure
            self.sources = sources
        }
    }

    public enum Verdict: Hashable, Sendable {
        /// Answer that the credential is invalid, and record it.
        case answer
        /// Answer only when to come back, and record nothing.
        case refuse(retryAfterSeconds: Int)
    }

    private let limits: Limits
    /// When each source's bucket is empty, in monotonic nanoseconds.
    private var emptyAt: [String: UInt64] = [:]
    private var sharedEmptyAt: UInt64 = 0
    /// No sweep finds room before this.
    private var nextSweep: UInt64 = 0

    public init(limits: Limits = Limits()) {
        precondition(limits.burst > 0 && limits.secondsPerFailure > 0 && limits.sources > 0)
        self.limits = limits
    }

    /// How many sources are remembered; never above the limit.
    public var sourceCount: Int { emptyAt.count }

    /// Notes a failed attempt.
    ///
    /// - Parameters:
    ///   - source: where it came from, such as an address; at most 64 bytes of it are kept.
    ///   - now: monotonic nanoseconds.
    /// - Complexity: O(1), but for one sweep over all sources at most every `secondsPerFailure`.
    public mutating func failed(from source: String, now: UInt64) -> Verdict {
        let source = source.utf8.count <= 64 ? source : String(source.prefix(16))
        let cost = UInt64(limits.secondsPerFailure) * 1_000_000_000
        if emptyAt[source] == nil, emptyAt.count >= limits.sources, now >= nextSweep {
            emptyAt = emptyAt.filter { $0.value > now }
            nextSweep = now &+ cost
        }
        let isShared = emptyAt[source] == nil && emptyAt.count >= limits.sources
        let start = max(isShared ? sharedEmptyAt : emptyAt[source] ?? 0, now)
        let filled = start &+ cost
        let capacity = cost * UInt64(limits.burst)
        guard filled &- now <= capacity else {
            return .refuse(retryAfterSeconds: Int((filled &- now &- capacity) / 1_000_000_000) + 1)
        }
        if isShared { sharedEmptyAt = filled } else { emptyAt[source] = filled }
        return .answer
    }
}
