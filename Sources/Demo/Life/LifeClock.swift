public import MartletFrames
public import MartletWorld
import Synchronization

/// The time of a life that is played: it moves only when told, and the real clock counts what passes meanwhile.
public final class LifeClock: WallClock {
    private let wall: Mutex<Timestamp>
    private let real: any WallClock

    public init(at start: Timestamp, real: any WallClock) {
        wall = Mutex(start)
        self.real = real
    }

    public func now() -> Timestamp { wall.withLock { $0 } }

    public func monotonicNanoseconds() -> UInt64 { real.monotonicNanoseconds() }

    /// Lets time pass.
    public func advance(by span: Timestamp.Span) {
        precondition(span >= .zero)
        wall.withLock { $0 = $0 + span }
    }
}
