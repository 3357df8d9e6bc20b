internal import Crypto
internal import MartletBytes
internal import MartletFrames
internal import MartletWorld
internal import Synchronization

/// The append-only file of identifiers and pseudonyms, and the tables in memory that it loads into.
///
/// Bytes of the file, integers little-endian:
/// - header: `MVPL`, format (1 byte, 1), file id (16 random bytes), CRC-32C of the 21 bytes before (4);
/// - then records, numbered from 0: `MVPR`, number (8), length of the box (4), CRC-32C of the 16 bytes before (4),
///   a ChaChaPoly box (nonce 12, ciphertext, tag 16) under a key derived from the root key and the file id, whose
///   associated data are the file id and the 20 bytes before the box. So a record opens only in its file and place.
/// - In a box: kind (1 byte, 1 for *assigned*), project, name of the space, count, then per entry the identifier
///   (length-prefixed) and the pseudonym (8). Erasing a person is to write a new file
///   without the entry, under a new id and so a new key, and to remove this one.
///
/// One record is one batch and is synced before the next is written; so at most the last record can be torn by a crash.
/// A bad record that another record follows is damage, and refused.
final class PseudonymLog: Sendable {
    private static let headerSize = 4 + 1 + 16 + 4
    private static let recordHeaderSize = 4 + 8 + 4 + 4
    private static let magic = Array("MVPL".utf8)
    private static let recordMagic = Array("MVPR".utf8)
    private static let format: UInt8 = 1
    private static let assigned: UInt8 = 1
    /// The most entries in one record; a larger batch is several, each synced.
    private static let entriesPerRecord = 65_536

    /// The writer's end of the file; held while a batch is made durable, so that batches queue.
    private struct Writer {
        var file: any File
        var end: Int
        var nextNumber: UInt64
        var stopCause: String?
    }

    private let path: RelativePath
    private let random: any RandomSource
    private let key: SymmetricKey
    private let fileID: [UInt8]
    private let limits: Vault.Limits
    /// Taken before `tables` where both are needed.
    private let writer: Mutex<Writer>
    /// What is durable, and so may be given out.
    private let tables: Mutex<[PseudonymSpace: PseudonymTable]>

    init(in world: World, at path: RelativePath, under root: RootKey, limits: Vault.Limits) throws {
        self.path = path
        random = world.random
        self.limits = limits
        if try world.files.size(path) == nil {
            var header = ByteWriter()
            header.write(contentsOf: Self.magic)
            header.write(Self.format)
            header.write(contentsOf: world.random.bytes(16))
            header.write(fixed: CRC32C.checksum(header.bytes))
            try world.files.replace(path, with: header.bytes)
        }
        let file = try world.files.open(path, .write)
        let size = try file.size()
        let header = try file.read(at: 0, count: Self.headerSize)
        guard header.count == Self.headerSize, header.starts(with: Self.magic) else {
            throw VaultError.damaged(path, at: 0, "it has no header")
        }
        guard header[4] == Self.format else {
            throw VaultError.newerFormat(path, found: Int(header[4]), known: Int(Self.format))
        }
        var checksum = ByteReader(header.suffix(4))
        guard try checksum.readFixed(UInt32.self) == CRC32C.checksum(header.dropLast(4)) else {
            throw VaultError.damaged(path, at: 0, "the header's checksum is wrong")
        }
        fileID = Array(header[5..<21])
        key = root.derived(for: "martlet pseudonyms", salt: fileID)

        var loaded: [PseudonymSpace: PseudonymTable] = [:]
        var offset = Self.headerSize
        var number: UInt64 = 0
        var last: (offset: Int, bytes: [UInt8])?
        while offset < size {
            let length = try Self.boxLength(in: file, at: offset, number: number, size: size)
            let record = try length.map { try file.read(at: offset, count: Self.recordHeaderSize + $0) }
            guard let record, let opened = Self.opened(record, fileID: fileID, key: key) else {
                if let later = try Self.laterRecord(in: file, after: offset, number: number, size: size) {
                    throw VaultError.damaged(
                        path, at: offset, "record \(number) does not open, and another follows at byte \(later)")
                }
                try file.truncate(to: offset)
                try file.sync()
                break
            }
            do {
                try Self.load(opened, into: &loaded)
            } catch let error as ByteError {
                throw VaultError.damaged(path, at: offset, "record \(number) opens, but \(error)")
            } catch let kind as UnknownKind {
                throw VaultError.newerFormat(path, found: Int(kind.kind), known: Int(Self.assigned))
            }
            last = (offset, record)
            offset += record.count
            number += 1
        }
        // Whoever wrote it may have been stopped before the sync, or the sync may have failed: then the last record is to be
        // read and is not on the disk. Written again, it is before its pseudonyms are given out; and so is the file's name.
        if let last {
            try file.write(last.bytes, at: last.offset)
            try file.sync()
        }
        try world.files.syncFolder(path.parent)
        writer = Mutex(Writer(file: file, end: offset, nextNumber: number))
        tables = Mutex(loaded)
    }

    func pseudonyms(for identifiers: StringStorage, in space: PseudonymSpace, creating: Bool) throws(VaultError)
        -> [UInt64?]
    {
        var found = [UInt64?](repeating: nil, count: identifiers.count)
        let unknown = tables.withLock { Self.lookUp(identifiers, rows: nil, in: $0[space], into: &found) }
        guard creating, !unknown.isEmpty else { return found }
        // Another batch may have added some while this one waited, hence the second look.
        let outcome = writer.withLock { writer -> Result<[UInt64?], VaultError> in
            do {
                var result = found
                let missing = tables.withLock { Self.lookUp(identifiers, rows: unknown, in: $0[space], into: &result) }
                if !missing.isEmpty {
                    try create(identifiers, rows: missing, in: space, writer: &writer)
                    _ = tables.withLock { Self.lookUp(identifiers, rows: missing, in: $0[space], into: &result) }
                }
                return .success(result)
            } catch {
                return .failure(VaultError.translated(error))
            }
        }
        return try outcome.get()
    }

    func identifier(of pseudonym: UInt64, in space: PseudonymSpace) -> [UInt8]? {
        tables.withLock { $0[space]?.identifier(of: pseudonym) }
    }

    func count(in space: PseudonymSpace) -> Int {
        tables.withLock { $0[space]?.count ?? 0 }
    }

    /// Fills in what the table knows and returns the rows that it does not.
    private static func lookUp(
        _ identifiers: StringStorage, rows: [Int]?, in table: PseudonymTable?, into found: inout [UInt64?]
    ) -> [Int] {
        guard let table else { return rows ?? Array(0..<identifiers.count) }
        var unknown: [Int] = []
        identifiers.bytes.withUnsafeBytes { bytes in
            func look(_ row: Int) {
                let slice = UnsafeRawBufferPointer(
                    rebasing: bytes[identifiers.offsets[row]..<identifiers.offsets[row + 1]])
                if let known = table.row(of: slice) {
                    found[row] = table.pseudonyms[known]
                } else {
                    unknown.append(row)
                }
            }
            if let rows {
                for row in rows { look(row) }
            } else {
                for row in 0..<identifiers.count { look(row) }
            }
        }
        return unknown
    }

    // MARK: - Appending

    /// Gives new pseudonyms, record by record; each record's become visible once it is durable.
    private func create(_ identifiers: StringStorage, rows: [Int], in space: PseudonymSpace, writer: inout Writer)
        throws
    {
        if let cause = writer.stopCause { throw VaultError.stopped(after: cause) }
        let fresh = try freshPseudonyms(for: identifiers, rows: rows, in: space)
        var start = 0
        while start < fresh.count {
            let rows = start..<min(start + Self.entriesPerRecord, fresh.count)
            try append(try record(fresh, rows: rows, in: space, number: writer.nextNumber), writer: &writer)
            tables.withLock { tables in
                // Taken out, so that it is changed in place.
                var table = tables.removeValue(forKey: space) ?? PseudonymTable()
                for row in rows { table.insert(fresh.identifiers.utf8(row), pseudonym: fresh.pseudonyms[row]) }
                tables[space] = table
            }
            start = rows.upperBound
        }
    }

    /// A random pseudonym for each distinct identifier of the rows, none of them given out before.
    private func freshPseudonyms(for identifiers: StringStorage, rows: [Int], in space: PseudonymSpace)
        throws(VaultError) -> PseudonymTable
    {
        var fresh = PseudonymTable()
        let (known, held) = tables.withLock { ($0[space], $0.values.reduce(0) { $0 + $1.count }) }
        for row in rows {
            let identifier = identifiers.utf8(row)
            guard identifier.count <= limits.identifierSize else {
                throw .identifierTooLong(size: identifier.count, limit: limits.identifierSize)
            }
            if identifier.withUnsafeBytes({ fresh.row(of: $0) }) != nil { continue }
            guard held + fresh.count < limits.pseudonyms else { throw .tooManyPseudonyms(limit: limits.pseudonyms) }
            var pseudonym: UInt64
            repeat {
                pseudonym = random.next()
            } while pseudonym == 0 || fresh.contains(pseudonym: pseudonym)
                || known?.contains(pseudonym: pseudonym) == true
            fresh.insert(identifier, pseudonym: pseudonym)
        }
        return fresh
    }

    private func append(_ record: [UInt8], writer: inout Writer) throws {
        do {
            try writer.file.write(record, at: writer.end)
            try writer.file.sync()
        } catch {
            // Of a full disk we can step back; after any other failure nothing may be assumed of the file.
            let steppedBack = error.kind == .full && (try? writer.file.truncate(to: writer.end)) != nil
            if !steppedBack { writer.stopCause = "\(error)" }
            throw error
        }
        writer.end += record.count
        writer.nextNumber += 1
    }

    private func record(_ table: PseudonymTable, rows: Range<Int>, in space: PseudonymSpace, number: UInt64) throws
        -> [UInt8]
    {
        var plain = ByteWriter(reserving: rows.count * 24)
        plain.write(Self.assigned)
        plain.write(space.project)
        plain.write(space.name)
        plain.write(varint: UInt64(rows.count))
        for row in rows {
            plain.write(lengthPrefixed: Array(table.identifiers.utf8(row)))
            plain.write(fixed: table.pseudonyms[row])
        }
        var writer = ByteWriter(reserving: Self.recordHeaderSize + plain.count + 28)
        writer.write(contentsOf: Self.recordMagic)
        writer.write(fixed: number)
        writer.write(fixed: UInt32(plain.count + 28))
        writer.write(fixed: CRC32C.checksum(writer.bytes))
        let nonce = try ChaChaPoly.Nonce(data: random.bytes(12))
        let box = try ChaChaPoly.seal(plain.bytes, using: key, nonce: nonce, authenticating: fileID + writer.bytes)
        writer.write(contentsOf: box.combined)
        return writer.bytes
    }

    // MARK: - Loading

    private struct UnknownKind: Error { var kind: UInt8 }

    /// The length of the box of the record at an offset; nil if no whole record with that number stands there.
    private static func boxLength(in file: any File, at offset: Int, number: UInt64, size: Int) throws -> Int? {
        let header = try file.read(at: offset, count: recordHeaderSize)
        guard let (found, length) = parsedHeader(header[...]), found == number,
            length <= size - offset - recordHeaderSize
        else {
            return nil
        }
        return length
    }

    private static func parsedHeader(_ bytes: ArraySlice<UInt8>) -> (number: UInt64, length: Int)? {
        guard bytes.count == recordHeaderSize, bytes.starts(with: recordMagic) else { return nil }
        var reader = ByteReader(bytes.dropFirst(4))
        guard let number = try? reader.readFixed(UInt64.self), let length = try? reader.readFixed(UInt32.self),
            let checksum = try? reader.readFixed(UInt32.self), checksum == CRC32C.checksum(bytes.dropLast(4))
        else { return nil }
        return (number, Int(length))
    }

    private static func opened(_ record: [UInt8], fileID: [UInt8], key: SymmetricKey) -> [UInt8]? {
        guard record.count >= recordHeaderSize + 28,
            let box = try? ChaChaPoly.SealedBox(combined: record.dropFirst(recordHeaderSize)),
            let plain = try? ChaChaPoly.open(box, using: key, authenticating: fileID + record.prefix(recordHeaderSize))
        else { return nil }
        return Array(plain)
    }

    private static func load(_ plain: [UInt8], into tables: inout [PseudonymSpace: PseudonymTable]) throws {
        var reader = ByteReader(plain)
        let kind = try reader.readByte()
        guard kind == assigned else { throw UnknownKind(kind: kind) }
        let space = PseudonymSpace(project: try reader.readString(), name: try reader.readString())
        let count = try reader.readCount(minimumSize: 9)
        var table = tables.removeValue(forKey: space) ?? PseudonymTable()
        for _ in 0..<count {
            let identifier = try reader.readLengthPrefixed()
            table.insert(identifier, pseudonym: try reader.readFixed(UInt64.self))
        }
        guard reader.isAtEnd else { throw ByteError.malformed(at: reader.offset, what: "bytes are left over") }
        tables[space] = table
    }

    /// Where a later record begins; nil if only a torn tail is left.
    private static func laterRecord(in file: any File, after offset: Int, number: UInt64, size: Int) throws -> Int? {
        let pieceSize = 1 << 20
        var start = offset + 1
        while start + recordHeaderSize <= size {
            let piece = try file.read(at: start, count: min(pieceSize + recordHeaderSize, size - start))
            var index = 0
            while index + recordHeaderSize <= piece.count {
                if piece[index] == recordMagic[0], let header = parsedHeader(piece[index..<(index + recordHeaderSize)]),
                    header.number > number
                {
                    return start + index
                }
                index += 1
            }
            if piece.count <= recordHeaderSize { break }
            start += piece.count - recordHeaderSize + 1
        }
        return nil
    }
}
