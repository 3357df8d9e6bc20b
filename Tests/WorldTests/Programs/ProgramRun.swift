import Foundation
import MartletFrames
import MartletWorld
import Synchronization

/// What a program told, collected, with waits that have a deadline.
final class ProgramRun: Sendable {
    private struct State {
        var output: [ProgramOutput: [UInt8]] = [:]
        var exits: [ProgramExit] = []
        var eventsAfterExit = 0
        var waiters: [(isReady: @Sendable ([ProgramOutput: [UInt8]], Bool) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    /// Guards what has come, and who waits for it.
    private let state = Mutex(State())

    func take(_ event: ProgramEvent) {
        let ready = state.withLock { state in
            if !state.exits.isEmpty { state.eventsAfterExit += 1 }
            switch event {
            case .output(let stream, let bytes): state.output[stream, default: []] += bytes
            case .ended(let exit): state.exits.append(exit)
            }
            let (output, isOver) = (state.output, !state.exits.isEmpty)
            let ready = state.waiters.filter { isOver || $0.isReady(output, isOver) }
            state.waiters.removeAll { isOver || $0.isReady(output, isOver) }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// The exit, once it has come. A test that waits in vain ends by its time limit.
    func exit() async -> ProgramExit? {
        await wait { _, isOver in isOver }
        return state.withLock { $0.exits.first }
    }

    /// Returns when standard output holds a text, or the program has ended.
    func printed(_ text: String) async {
        await wait { output, _ in String(decoding: output[.standard] ?? [], as: UTF8.self).contains(text) }
    }

    func text(_ stream: ProgramOutput = .standard) -> String { String(decoding: bytes(stream), as: UTF8.self) }

    func bytes(_ stream: ProgramOutput = .standard) -> [UInt8] { state.withLock { $0.output[stream] ?? [] } }

    /// Whether it ended once and nothing came after that.
    var endedOnce: Bool { state.withLock { $0.exits.count == 1 && $0.eventsAfterExit == 0 } }
    var hasEnded: Bool { state.withLock { !$0.exits.isEmpty } }

    private func wait(until isReady: @escaping @Sendable ([ProgramOutput: [UInt8]], Bool) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isReadyNow = state.withLock { state in
                if isReady(state.output, !state.exits.isEmpty) || !state.exits.isEmpty { return true }
                state.waiters.append((isReady, continuation))
                return false
            }
            if isReadyNow { continuation.resume() }
        }
    }
}

/// A folder that is gone after the test.
final class TemporaryFolder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file, by default one that may be run.
    func write(_ name: String, _ text: String, permissions: Int = 0o755) throws {
        try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path + "/" + name)
    }

    func read(_ name: String) -> String? {
        FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// The letter for what a process does, `R`, `S`, `Z` …; nil if there is none of this number.
func processState(_ process: Int32) -> String? {
    let text = FileManager.default.contents(atPath: "/proc/\(process)/stat").map { String(decoding: $0, as: UTF8.self) }
    return text?.split(separator: ")").last?.split(separator: " ").first.map(String.init)
}

/// Whether a process is there and has not ended: one that has ended and was not reaped counts as gone.
func isAlive(_ process: Int32) -> Bool {
    processState(process).map { $0 != "Z" && $0 != "X" } ?? false
}

/// Looks again and again until a condition holds or time is up, for what tells of itself by no event.
func eventually(within span: Duration = .seconds(10), _ condition: () -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + span
    while !condition() {
        if ContinuousClock.now > deadline { return false }
        await Task.yield()
    }
    return true
}
