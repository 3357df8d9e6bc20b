import MartletFrames
import MartletPipelines
@testable import MartletStorage
import MartletWorld
import Synchronization

/// Plays bodies: keeps what was asked of it, until the test says how an attempt ends.
final class FakeExecutor: TaskExecutor {
    struct State {
        var reports: [(name: String, report: @Sendable (AttemptOutcome) -> Void)] = []
        var log: [String] = []
        /// What every attempt reads and makes.
        var uses: [DataUse] = []
    }

    let state = Mutex(State())
    var log: [String] { state.withLock { $0.log } }

    func start(_ start: AttemptStart, report: @escaping @Sendable (AttemptOutcome) -> Void) {
        let name = "\(start.facts.pipeline) \(start.address.task)#\(start.attempt)"
        state.withLock {
            $0.reports.append((name, report))
            $0.log.append("starts " + name)
        }
    }

    func takeUses(of address: InstanceAddress, attempt: Int) -> [DataUse] { state.withLock { $0.uses } }

    func stop(_ address: InstanceAddress, attempt: Int, reason: String) {
        state.withLock { $0.log.append("stops \(address.task)#\(attempt)") }
    }

    func alert(_ alert: PipelineAlert) { state.withLock { $0.log.append("alerts \(alert.kind.rawValue)") } }
    func ended(run: String, _ state: RunState) { self.state.withLock { $0.log.append("run \(state.rawValue)") } }

    /// Ends an attempt; whether it was under way.
    @discardableResult
    func end(_ name: String, _ outcome: AttemptOutcome = .succeeded([:])) -> Bool {
        let report = state.withLock { state in
            state.reports.firstIndex { $0.name == name }.map { state.reports.remove(at: $0).report }
        }
        guard let report else { return false }
        report(outcome)
        return true
    }
}

/// A database that counts what is written, and fails when it is told to.
final class FaultyDatabase: Database {
    struct State {
        var writes = 0
        var failures: [DatabaseError.Code] = []
    }

    let base: any Database
    let state = Mutex(State())
    /// Called before each write that is to succeed and after each that fails.
    let onWrite: @Sendable (_ failed: DatabaseError.Code?) -> Void

    init(_ base: any Database, onWrite: @escaping @Sendable (DatabaseError.Code?) -> Void = { _ in }) {
        self.base = base
        self.onWrite = onWrite
    }

    var writes: Int { state.withLock { $0.writes } }

    func fail(_ codes: [DatabaseError.Code]) { state.withLock { $0.failures = codes } }

    func migrate(_ migrations: [Migration], at time: Timestamp) throws(DatabaseError) { try base.migrate(migrations, at: time) }
    func read<Result>(_ body: (any DatabaseReader) throws -> Result) throws -> Result { try base.read(body) }

    func write<Result>(_ body: (any DatabaseTransaction) throws -> Result) throws -> Result {
        let failure = state.withLock { state -> DatabaseError.Code? in
            guard let first = state.failures.first else {
                state.writes += 1
                return nil
            }
            state.failures.removeFirst()
            return first
        }
        onWrite(failure)
        if let failure { throw DatabaseError(failure, "planted") }
        return try base.write(body)
    }
}

/// A value that tasks of a test share.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<Result: Sendable>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try value.withLock { value in try body(&value) }
    }
}

/// Turns until an answer has come.
func turning<Answer: Sendable>(_ service: PipelineService, _ body: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
    let isDone = Shared(false)
    return try await withThrowingTaskGroup(of: Answer.self) { group in
        group.addTask {
            defer { isDone.withLock { $0 = true } }
            return try await body()
        }
        while !isDone.withLock({ $0 }) {
            service.turn()
            await Task.yield()
        }
        guard let answer = try await group.next() else { throw CancellationError() }
        return answer
    }
}
