import MartletFrames
import MartletMonitoring
import Synchronization

/// What alarms have changed at endpoints, as predictions and reviews ask for it; the database holds the same.
final class MitigationDesk: Sendable {
    private struct State {
        var active: [Mitigation] = []
        /// Endpoints whose fallback answers.
        var fallbacks: Set<String> = []
        /// By endpoint, those of reviews that last and those that have ended, the oldest first.
        var reviews: [String: [Mitigation]] = [:]
    }

    private let state = Mutex(State())
    /// Held while what is kept is read, so that no older reading replaces a newer one.
    private let reading = Mutex(())

    /// Takes all that are kept.
    func load(_ read: () throws -> [Mitigation]) throws {
        try reading.withLock { _ in set(try read()) }
    }

    private func set(_ all: [Mitigation]) {
        var next = State()
        for mitigation in all {
            if mitigation.ended == nil { next.active.append(mitigation) }
            switch mitigation.change {
            case .fallback: if mitigation.ended == nil { next.fallbacks.insert(mitigation.endpoint) }
            case .review: next.reviews[mitigation.endpoint, default: []].append(mitigation)
            }
        }
        state.withLock { [next] in $0 = next }
    }

    var active: [Mitigation] { state.withLock { $0.active } }

    func isFallback(_ endpoint: String) -> Bool { state.withLock { $0.fallbacks.contains(endpoint) } }

    /// The shares of an endpoint's decisions that were to be reviewed, and when.
    func reviewShares(of endpoint: String) -> ReviewShares { ReviewShares(state.withLock { $0.reviews[endpoint] } ?? []) }
}

/// The shares of decisions that alarms let be reviewed, by time.
struct ReviewShares: Sendable {
    private let spans: [(since: Timestamp, ended: Timestamp?, share: Double)]

    init(_ mitigations: [Mitigation]) {
        spans = mitigations.compactMap { mitigation in
            guard case .review(let share) = mitigation.change else { return nil }
            return (mitigation.since, mitigation.ended, share)
        }
    }

    /// The share of decisions made at the time of one; 0 where no alarm had a say.
    ///
    /// - Parameter key: the 128 bits of the prediction's id, whose first 48 are when it was made, in milliseconds.
    func share(for key: Fingerprint) -> Double {
        guard !spans.isEmpty else { return 0 }
        let made = Timestamp(microseconds: Int64(key.high >> 16) * 1_000)
        return spans.reduce(0) { $1.since <= made && $1.ended.map { made < $0 } ?? true ? max($0, $1.share) : $0 }
    }
}
