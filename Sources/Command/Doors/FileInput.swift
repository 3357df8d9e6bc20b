import ArgumentParser
import MartletPlatform
import MartletWorld
import Synchronization

/// A file of rows, or standard input, read piece by piece; plain or gzip, as it is.
final class FileInput: Sendable {
    typealias Format = IngestOptions.Format

    private struct Start {
        var pieces: [[UInt8]]
        var isAtEnd: Bool
    }

    private let input: SequentialInput
    private let pieceSize: Int
    /// Guards what was read to tell the format and is still to be handed out.
    private let start = Mutex(Start(pieces: [], isAtEnd: false))
    /// `-` for standard input.
    let path: String

    /// - Parameter path: a file's path, or `-`.
    init(_ path: String, pieceSize: Int = 256 << 10) throws(CommandFailure) {
        self.path = path
        self.pieceSize = pieceSize
        if path != "-", PathKind.of(path) == .folder { throw CommandFailure("file", "'\(path)' is a folder") }
        do throws(FileError) {
            input = path == "-" ? try .standard() : try SequentialInput(path: path)
        } catch {
            throw CommandFailure(error)
        }
    }

    /// The file's name without its folders; `standard input` for `-`.
    var name: String {
        path == "-" ? "standard input" : String(path.split(separator: "/").last ?? "")
    }

    /// Bytes as they are stored; nil of a pipe.
    var size: Int? { input.size }

    /// The next bytes; nil at the end.
    func next() throws(CommandFailure) -> [UInt8]? {
        let held: (piece: [UInt8]?, isAtEnd: Bool) = start.withLock { start in
            (start.pieces.isEmpty ? nil : start.pieces.removeFirst(), start.isAtEnd)
        }
        if let piece = held.piece { return piece }
        return held.isAtEnd ? nil : try read()
    }

    private func read() throws(CommandFailure) -> [UInt8]? {
        do throws(FileError) {
            let piece = try input.read(upTo: pieceSize)
            return piece.isEmpty ? nil : piece
        } catch {
            throw CommandFailure(error)
        }
    }

    /// The format that the name says, or else the first bytes.
    func format() throws(CommandFailure) -> Format {
        if let named = Format(fileName: name) { return named }
        guard let piece = try read() else {
            start.withLock { $0.isAtEnd = true }
            return .ndjson
        }
        start.withLock { $0.pieces.append(piece) }
        return Format(start: piece)
    }

    /// The format that `--format` names.
    static func format(argument: String) throws(ValidationError) -> Format {
        guard let format = Format(rawValue: argument) else {
            throw ValidationError("a format is one of \(Format.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return format
    }
}
