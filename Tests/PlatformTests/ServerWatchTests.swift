import MartletFrames
import MartletPipelines
@testable import MartletPlatform
import MartletSimulation
import Synchronization
import Testing

@Suite("Servers that are waited for", .timeLimit(.minutes(5)))
final class ServerWatchTests: Sendable {
    private let clock = VirtualClock(at: Timestamp(microseconds: 0))
    private let watch = ServerWatch()
    private let asked = Mutex<[String: Int]>([:])

    private func name(_ task: String) -> TaskRunner.AttemptName {
        TaskRunner.AttemptName(address: InstanceAddress(run: "r", task: task), attempt: 1)
    }

    private func count(_ task: String) -> Int { asked.withLock { $0[task] ?? 0 } }
    private func note(_ task: String) { asked.withLock { $0[task, default: 0] += 1 } }

    /// Asks as often as it takes until a server has been asked so many times.
    private func ask(_ task: String, until number: Int) async throws {
        while count(task) < number {
            try Task.checkCancellation()
            watch.ask(name(task), clock) { self.note(task) }
            await Task.yield()
        }
    }

    /// Asks again and again while no time passes, which asks nobody: whatever was asked all the same is counted later at the latest.
    private func press(_ task: String) async {
        for _ in 0..<20 {
            watch.ask(name(task), clock) { self.note(task) }
            await Task.yield()
        }
    }

    @Test("one is asked at once, after 1, 2, 4 and 8 seconds, then every 10")
    func pauses() async throws {
        try await ask("a", until: 1)
        for (number, seconds) in [1, 2, 4, 8, 10, 10, 10].enumerated() {
            await press("a")
            clock.advance(by: Timestamp.Span(microseconds: Int64(seconds) * 1_000_000 - 1))
            await press("a")
            #expect(count("a") == number + 1, "\(seconds)")
            clock.advance(by: Timestamp.Span(microseconds: 1))
            try await ask("a", until: number + 2)
        }
        // Who waits anew does not wait out another's pause.
        watch.forget(name("a"))
        try await ask("a", until: 9)
        await watch.end()
        clock.advance(by: .hours(1))
        await press("a")
        #expect(count("a") == 9)
    }

    @Test("at most 16 are asked at a time, each by one question; the next when one has answered")
    func atATime() async throws {
        let mayEnd = Mutex(false)
        func question(_ task: String) {
            self.watch.ask(self.name(task), self.clock) {
                self.note(task)
                while !mayEnd.withLock({ $0 }), !Task.isCancelled { await Task.yield() }
            }
        }
        let tasks = (0..<20).map { "t\($0)" }
        while count("t0") == 0 {
            try Task.checkCancellation()
            question("t0")
            await Task.yield()
        }
        for _ in 0..<50 {
            question("t0")
            await Task.yield()
        }
        #expect(count("t0") == 1)
        while tasks.count(where: { count($0) > 0 }) < 16 {
            try Task.checkCancellation()
            for task in tasks { question(task) }
            await Task.yield()
        }
        for _ in 0..<50 {
            for task in tasks { question(task) }
            await Task.yield()
        }
        #expect(tasks.map(count).sorted() == Array(repeating: 0, count: 4) + Array(repeating: 1, count: 16))
        mayEnd.withLock { $0 = true }
        while tasks.contains(where: { count($0) == 0 }) {
            try Task.checkCancellation()
            for task in tasks { question(task) }
            await Task.yield()
        }
        #expect(tasks.allSatisfy { count($0) == 1 })
        await watch.end()
    }
}
