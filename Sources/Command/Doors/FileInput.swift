import MartletIngestion
import MartletWorld
import Synchronization

/// A file of rows, or standard input, read piece by piece; plain or gzip, as it is.
final class FileInput: Sendable {
    enum Format: String, CaseIterable, Sendable {
        case csv, ndjson, json
    }

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
        if let named = Self.format(ofName: name) { return named }
        guard let piece = try read() else {
            start.withLock { $0.isAtEnd = true }
            return .ndjson
        }
        start.withLock { $0.pieces.append(piece) }
        return Self.format(ofStart: Self.inflatedStart(piece))
    }

    static func format(ofName name: String) -> Format? {
        var name = name.lowercased()
        if name.hasSuffix(".gz") { name.removeLast(3) }
        if name.hasSuffix(".csv") || name.hasSuffix(".tsv") { return .csv }
        if name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") { return .ndjson }
        return nil
    }

    /// An object begins a line of NDJSON, a bracket an array; everything else is a header.
    static func format(ofStart bytes: [UInt8]) -> Format {
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        switch text.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) {
        case UInt8(ascii: "{"): return .ndjson
        case UInt8(ascii: "["): return .json
        default: return .csv
        }
    }

    private static func inflatedStart(_ piece: [UInt8]) -> [UInt8] {
        guard GzipReader.isGzip(piece) else { return piece }
        var plain: [UInt8] = []
        var reader = GzipReader()
        // A piece that is no gzip stream is refused where all of it is read.
        try? piece.withUnsafeBytes { bytes in
            try reader.read(bytes) { if plain.count < 4_096 { plain.append(contentsOf: $0) } }
        }
        return plain
    }
}
