import MartletFrames
import MartletWorld
import Synchronization

/// The programs that are being told of alarms.
final class AlarmPrograms: Sendable {
    private struct State {
        var running: [Int: any RunningProgram] = [:]
        var started = 0
        /// Set when the project is closed: nothing is started then.
        var isEnding = false
    }

    private let state = Mutex(State())

    /// Starts a program and waits for its end.
    ///
    /// - Returns: also what it printed, on either of its outputs.
    func run(_ launch: ProgramLaunch, by programs: any Programs) async throws(ProgramError) -> (exit: ProgramExit, output: [UInt8]) {
        let number = state.withLock { state in
            state.started += 1
            return state.started
        }
        let printed = Printed()
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<ProgramExit, ProgramError>, Never>) in
            do throws(ProgramError) {
                if state.withLock({ $0.isEnding }) { throw ProgramError(.forbidden, "the project is being closed") }
                let program = try programs.start(launch) { event in
                    switch event {
                    case .output(_, let bytes): printed.bytes.withLock { $0 += bytes }
                    case .ended(let exit): continuation.resume(returning: .success(exit))
                    }
                }
                let isEnding = state.withLock { state in
                    state.running[number] = program
                    return state.isEnding
                }
                if isEnding { program.end(after: .zero) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        state.withLock { $0.running[number] = nil }
        return (try result.get(), printed.bytes.withLock { $0 })
    }

    /// Ends those that run, and lets none start from here on.
    func end() {
        let running = state.withLock { state in
            state.isEnding = true
            return Array(state.running.values)
        }
        for program in running { program.end(after: .zero) }
    }

    private final class Printed: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }
}
