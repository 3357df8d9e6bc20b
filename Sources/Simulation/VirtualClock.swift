public import MartletFrames
public import MartletWorld
import Synchronization

/// A clock that moves only when told.
public final class VirtualClock: WallClock {
    private struct Reading {
        var wall: Timestamp
        var monotonic: UInt64
    }

    /// Guards both readings.
    private let reading: Mutex<Reading>

    public init(at wall: Timestamp) {
        reading = Mutex(Reading(wall: wall, monotonic: 0))
    }

    public func now() -> Timestamp {
        reading.withLock { $0.wall }
    }

    public func monotonicNanoseconds() -> UInt64 {
        reading.withLock { $0.monotonic }
    }

    /// Lets time pass.
    public func advance(by span: Timestamp.Span) {
        precondition(span >= .zero)
        reading.withLock {
            $0.wall = $0.wall + span
            $0.monotonic += UInt64(span.microseconds) * 1_000
        }
    }

    /// Sets the time of day, as an administrator or a time server might: forward or back, with no time passing.
    public func jump(to wall: Timestamp) {
        reading.withLock { $0.wall = wall }
    }
}
