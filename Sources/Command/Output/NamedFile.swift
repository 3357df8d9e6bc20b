import MartletWorld
import Synchronization

/// Writes a file that the user named.
func writeFile(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    try NamedFile(path).write(bytes)
}

/// A file that the user named, made or emptied once there is something to write.
final class NamedFile: Sendable {
    private struct State {
        var output: SequentialOutput?
        var lines = 0
    }

    private let path: String
    /// Guards the file and the count of its lines.
    private let state = Mutex(State())

    init(_ path: String) {
        self.path = path
    }

    /// How many lines were written.
    var lines: Int { state.withLock { $0.lines } }

    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        let failure: FileError? = state.withLock { state in
            do throws(FileError) {
                let output = if let output = state.output { output } else { try SequentialOutput(path: path) }
                state.output = output
                try output.write(bytes)
                for byte in bytes where byte == 0x0A { state.lines += 1 }
                return nil
            } catch { return error }
        }
        if let failure { throw CommandFailure(failure) }
    }
}
