import MartletWorld
import Synchronization

/// Asks the servers that tasks wait for, now and then: at once, after 1, 2, 4 and 8 seconds, then every 10.
final class ServerWatch: Sendable {
    private struct Wait: Sendable {
        /// On the clock that never goes back.
        var next: UInt64 = 0
        var asked = 0
        var question: Task<Void, Never>?
    }

    /// How many servers are asked at a time.
    private static let limit = 16
    private static let second: UInt64 = 1_000_000_000

    /// Guards who waits, and whether nothing is asked any more.
    private let state = Mutex((waits: [TaskRunner.AttemptName: Wait](), isEnded: false))

    /// Asks for one wait if it is time to.
    func ask(_ name: TaskRunner.AttemptName, _ clock: any WallClock, _ question: @escaping @Sendable () async -> Void) {
        let now = clock.monotonicNanoseconds()
        state.withLock { state in
            var wait = state.waits[name] ?? Wait()
            guard !state.isEnded, wait.question == nil, wait.next <= now, state.waits.values.count(where: { $0.question != nil }) < Self.limit
            else { return }
            wait.question = Task { @concurrent in
                await question()
                self.ended(name, at: clock.monotonicNanoseconds())
            }
            state.waits[name] = wait
        }
    }

    private func ended(_ name: TaskRunner.AttemptName, at now: UInt64) {
        state.withLock { state in
            guard var wait = state.waits[name] else { return }
            wait.question = nil
            wait.next = now + min(10, 1 << UInt64(min(wait.asked, 4))) * Self.second
            wait.asked += 1
            state.waits[name] = wait
        }
    }

    /// Ends one wait.
    func forget(_ name: TaskRunner.AttemptName) {
        state.withLock { $0.waits.removeValue(forKey: name) }?.question?.cancel()
    }

    /// Asks nothing any more, and returns when nothing is under way.
    func end() async {
        let questions = state.withLock { state in
            state.isEnded = true
            defer { state.waits = [:] }
            return state.waits.values.compactMap(\.question)
        }
        for question in questions { question.cancel() }
        for question in questions { await question.value }
    }
}
