import MartletFrames
import MartletWorld
import Synchronization

/// What one attempt prints: a bounded file that is made with its first byte.
final class TaskLog: Sendable {
    private struct State: Sendable {
        var file: (any File)?
        var size = 0
        var isCut = false
    }

    private let files: any FileSystem
    private let path: RelativePath
    private let limit: Int
    /// Guards the file and how far it is.
    private let state = Mutex(State())

    init(_ files: any FileSystem, _ path: RelativePath, limit: Int) {
        self.files = files
        self.path = path
        self.limit = limit
    }

    func write(_ text: String) {
        write(Array(text.utf8))
    }

    /// A log that cannot be written is no reason to fail; the bytes are lost.
    func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        state.withLock { append(bytes, &$0) }
    }

    func close() {
        state.withLock { $0.file = nil }
    }

    private func append(_ bytes: [UInt8], _ state: inout State) {
        guard !bytes.isEmpty, !state.isCut else { return }
        var bytes = bytes
        if state.size + bytes.count > limit {
            bytes = Array(bytes.prefix(max(0, limit - state.size))) + Array("\n… the rest is left out: the log has its \(limit) bytes\n".utf8)
            state.isCut = true
        }
        do {
            if state.file == nil {
                try files.createFolder(path.parent)
                state.file = try files.open(path, .write)
            }
            try state.file?.write(bytes, at: state.size)
            state.size += bytes.count
        } catch {
            state.isCut = true
        }
    }
}
