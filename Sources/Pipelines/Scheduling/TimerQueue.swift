internal import HeapModule
import MartletFrames

/// What is to happen at a time.
enum TimerEvent: Hashable, Sendable {
    /// The next attempt of an instance.
    case retry(Scheduler.AttemptKey)
    /// An attempt takes too long.
    case attemptTimeout(Scheduler.AttemptKey)
    case runTimeout(run: Int)
    /// Of a task, or (nil) of the run.
    case deadline(run: Int, task: Int?)
    /// An instance that waits for a time has waited long enough.
    case completion(Scheduler.AttemptKey)
    case schedule(pipeline: String, generation: Int)
}

/// Times that are waited for, the earliest first.
struct TimerQueue<Time: Comparable & Sendable>: Sendable {
    private struct Timer: Comparable, Sendable {
        var time: Time
        var order: Int
        var event: TimerEvent

        static func < (left: Self, right: Self) -> Bool {
            left.time != right.time ? left.time < right.time : left.order < right.order
        }
    }

    private var heap = Heap<Timer>()
    private var order = 0
    /// The count at which void timers are looked for.
    private var sweepCount = 1_024

    var first: Time? { heap.min?.time }
    var count: Int { heap.count }

    mutating func add(_ event: TimerEvent, at time: Time) {
        order += 1
        heap.insert(Timer(time: time, order: order, event: event))
    }

    /// The first event whose time has come; nil if there is none.
    mutating func popDue(at now: Time) -> TimerEvent? {
        guard let first = heap.min, first.time <= now else { return nil }
        heap.removeMin()
        return first.event
    }

    /// Drops void timers if there may be many: those of attempts that ended long before their time.
    ///
    /// - Complexity: O(1) amortized over the additions.
    mutating func sweepIfDue(isValid: (TimerEvent) -> Bool) {
        guard heap.count >= sweepCount else { return }
        heap = Heap(heap.unordered.filter { isValid($0.event) })
        sweepCount = max(1_024, heap.count * 2)
    }
}
