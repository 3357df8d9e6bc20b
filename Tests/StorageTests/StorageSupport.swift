import Dispatch
import Foundation
import Synchronization

/// A folder of one test's own, removed with it.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "martlet-tests-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// The error of one type that a body throws; nil if it throws none, or another.
func failure<Failure: Error>(_ type: Failure.Type, _ body: () throws -> some Any) -> Failure? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? Failure
    }
}

/// Runs a body on a thread of its own and waits for it.
func onAnotherThread(_ body: @escaping @Sendable () throws -> some Any) throws {
    let outcome = Outcome()
    Thread.detachNewThread {
        do { _ = try body() } catch { outcome.failure.withLock { $0 = error } }
        outcome.end.signal()
    }
    outcome.end.wait()
    if let failure = outcome.failure.withLock({ $0 }) { throw failure }
}

private final class Outcome: Sendable {
    let failure = Mutex<(any Error)?>(nil)
    let end = DispatchSemaphore(value: 0)
}

/// Counts from 1.
final class Counter {
    private var count = 0
    func next() -> Int {
        count += 1
        return count
    }
}
