import Synchronization

/// Collects what an attempt reads and makes while its body runs.
public final class UseRecorder: Sendable {
    /// The most uses of one attempt that are kept.
    public static let limit = 1_000

    /// Guards what is collected; the same thing at the same version is collected once.
    private let state = Mutex<(seen: Set<Key>, uses: [DataUse])>(([], []))

    private struct Key: Hashable, Sendable {
        var direction: DataUse.Direction
        var thing: DataThing
    }

    public init() {}

    /// What was collected so far, in order.
    public var uses: [DataUse] { state.withLock { $0.uses } }

    public func note(_ use: DataUse) {
        state.withLock { state in
            guard state.uses.count < Self.limit, state.seen.insert(Key(direction: use.direction, thing: use.thing)).inserted else { return }
            state.uses.append(use)
        }
    }
}
