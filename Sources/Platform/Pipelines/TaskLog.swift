import MartletFrames
import MartletWorld
import Synchronization

/// What one attempt prints: a file that is made with its first byte, bounded, with secrets masked.
final class TaskLog: Sendable {
    private struct State: Sendable {
        var file: (any File)?
        var size = 0
        var isCut = false
        /// The end of what was written that may be the beginning of a secret.
        var held: [UInt8] = []
    }

    private let files: any FileSystem
    private let path: RelativePath
    private let limit: Int
    /// The bytes of texts that must not be seen.
    private let secrets: [[UInt8]]
    /// Guards the file and how far it is.
    private let state = Mutex(State())

    init(_ files: any FileSystem, _ path: RelativePath, limit: Int, secrets: [[UInt8]] = []) {
        self.files = files
        self.path = path
        self.limit = limit
        self.secrets = secrets.filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }

    func write(_ text: String) {
        write(Array(text.utf8))
    }

    /// A log that cannot be written is no reason to fail; the bytes are lost.
    func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        state.withLock { state in
            state.held += bytes
            let kept = Self.heldBack(state.held, secrets)
            let ready = Array(state.held.dropLast(kept))
            state.held = Array(state.held.suffix(kept))
            append(Self.masked(ready, secrets), &state)
        }
    }

    /// Writes what was held back.
    func close() {
        state.withLock { state in
            append(Self.masked(state.held, secrets), &state)
            state.held = []
            state.file = nil
        }
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

    /// How many bytes at the end may be the beginning of a secret.
    static func heldBack(_ bytes: [UInt8], _ secrets: [[UInt8]]) -> Int {
        var longest = 0
        for secret in secrets {
            for length in stride(from: min(secret.count - 1, bytes.count), to: longest, by: -1)
            where bytes.suffix(length).elementsEqual(secret.prefix(length)) {
                longest = length
                break
            }
        }
        return longest
    }

    /// The bytes with `***` in place of each secret, the longest first.
    static func masked(_ bytes: [UInt8], _ secrets: [[UInt8]]) -> [UInt8] {
        guard !secrets.isEmpty else { return bytes }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if let secret = secrets.first(where: { bytes[index...].starts(with: $0) }) {
                result += Array("***".utf8)
                index += secret.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
