import MartletFrames
import MartletWorld

/// A segment that will never change again, with what finds a key in it.
struct SealedSegment: Sendable {
    /// Where the states of a segment's keys are.
    enum Keys: Sendable {
        /// In memory still, until the segment's index and key files are written.
        case table(KeyTable)
        case file(KeyFile)
    }

    let path: RelativePath
    let file: any File
    let catalog: SegmentCatalog
    var keys: Keys

    /// The state of a key at the segment's end; nil if the segment does not hold it.
    func state(of key: Fingerprint, pages: inout GenerationCache<KeyFile.Page, [UInt8]>) throws(LogError) -> KeyState? {
        switch keys {
        case .table(let table): table[key]
        case .file(let file): try file.state(of: key, pages: &pages)
        }
    }
}

/// The names of a segment's files: its first position in 20 digits, so that names sort as positions do.
struct SegmentPaths: Sendable {
    private let folder: RelativePath
    private let stem: String

    init(_ folder: RelativePath, firstPosition: Int64) {
        self.folder = folder
        let digits = String(firstPosition)
        stem = String(repeating: "0", count: 20 - digits.count) + digits
    }

    var segment: RelativePath { path(".segment") }
    var index: RelativePath { path(".index") }
    var keys: RelativePath { path(".keys") }

    static func temporary(_ path: RelativePath) -> RelativePath {
        path.parent.appending(path.name + temporarySuffix) ?? path
    }

    static let temporarySuffix = ".tmp"

    /// The first position that a segment's file name states; nil for another name.
    static func firstPosition(_ name: String) -> Int64? {
        guard name.hasSuffix(".segment") else { return nil }
        let digits = name.dropLast(8)
        guard digits.utf8.count == 20, digits.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(digits)
    }

    private func path(_ suffix: String) -> RelativePath {
        // Digits and a suffix of ours always are a name.
        folder.appending(stem + suffix) ?? folder
    }
}

extension KeyTable {
    /// Takes in the rows of a block, in the order of their positions.
    ///
    /// - Parameter older: the state of a key in the segments before, asked only where a row ends a version that is not in
    ///   this table.
    mutating func add(_ block: BlockBody, older: (Fingerprint) throws -> KeyState?) throws {
        var metadata: [ChunkMetadata] = []
        for index in block.chunks.indices { metadata.append(try block.decode(index, schema: nil).metadata) }
        if metadata.count == 1 {
            let (rows, kind) = (metadata[0], block.chunks[0].header.kind)
            guard let keys = rows.uniqueKeys else { return }
            for row in keys.indices {
                try accept(keys[row], kind, payload: rows.payloads[row], at: rows.positions[row], older: older)
            }
            return
        }
        var order: [(position: Int64, chunk: Int, row: Int)] = []
        for (chunk, part) in metadata.enumerated() {
            for (row, position) in part.positions.enumerated() { order.append((position, chunk, row)) }
        }
        order.sort { $0.position < $1.position }
        for (position, chunk, row) in order {
            guard let key = metadata[chunk].uniqueKeys?[row] else { continue }
            try accept(
                key, block.chunks[chunk].header.kind, payload: metadata[chunk].payloads[row], at: position, older: older)
        }
    }

    /// Takes in one row.
    private mutating func accept(
        _ key: Fingerprint, _ kind: RecordKind, payload: Fingerprint, at position: Int64,
        older: (Fingerprint) throws -> KeyState?
    ) throws {
        guard key != .none else { return }
        // A new key is most often an event's, for which the table is sought through once.
        if kind == .event, insertFirst(key, payload: payload, at: position) { return }
        var current = self[key]
        if current == nil, kind.supersedes { current = try older(key) }
        self[key] = .accepting(kind: kind, payload: payload, at: position, after: current)
    }
}
