public import MartletFrames

internal import MartletBytes

/// The first rows of a file as text, to infer a stream from.
public struct FileSample: Sendable {
    /// How a file writes its rows, told from its first bytes.
    public enum Format: Hashable, Sendable {
        case csv(delimiter: UInt8)
        case ndjson
    }

    public let format: Format
    /// String columns in the order of the file; an empty CSV cell, JSON null and a missing key are missing.
    public let frame: Frame
    /// JSON keys whose values are quoted texts, which no number is.
    public let quoted: Set<String>
    /// JSON keys that hold arrays or objects, which no field of a stream can.
    public let nested: Set<String>
    /// Rows that could not be split.
    public let rejected: [DeadLetter]
    /// Whether the sample is the whole file.
    public let isComplete: Bool

    public init(
        format: Format, frame: Frame, quoted: Set<String> = [], nested: Set<String> = [],
        rejected: [DeadLetter] = [], isComplete: Bool
    ) {
        precondition(frame.columns.allSatisfy { $0.type == .string }, "a sample holds texts")
        self.format = format
        self.frame = frame
        self.quoted = quoted
        self.nested = nested
        self.rejected = rejected
        self.isComplete = isComplete
    }
}

/// Collects a sample from a file's bytes, up to a number of rows.
///
/// ```swift
/// var reader = SampleReader(rowLimit: 50_000)
/// while !reader.isFull, let chunk = try file.read() { try reader.append(chunk) }
/// let sample = try reader.finish()
/// ```
public struct SampleReader: Sendable {
    private let rowLimit: Int
    private let byteLimit: Int
    private var start: [UInt8] = []
    private var format: FileSample.Format?
    private var csv = CSVReader()
    private var lines = LineReader()
    private var tables: [TextRows] = []
    private var batches: [LineReader.Lines] = []
    private var rows = 0
    private var bytes = 0

    /// - Parameters:
    ///   - rowLimit: how many rows are enough.
    ///   - byteLimit: how many bytes are enough.
    public init(rowLimit: Int = 50_000, byteLimit: Int = 256 << 20) {
        self.rowLimit = rowLimit
        self.byteLimit = byteLimit
    }

    /// Whether more bytes would add nothing.
    public var isFull: Bool { rows >= rowLimit || bytes >= byteLimit }

    /// Takes the next plain bytes of the file.
    public mutating func append(_ chunk: [UInt8]) throws(IngestionError) {
        bytes += chunk.count
        if format == nil {
            start += chunk
            // Enough to see a header's delimiter.
            guard start.contains(0x0A) || start.count > 64 << 10 else { return }
            try begin()
        } else {
            feed(chunk)
        }
        try drain()
    }

    /// The sample; the reader is used up.
    public mutating func finish() throws(IngestionError) -> FileSample {
        let isComplete = !isFull
        if format == nil { try begin() }
        if isComplete {
            csv.finish()
            lines.finish()
        }
        try drain()
        switch format ?? .ndjson {
        case .csv(let delimiter):
            guard let header = csv.header else {
                throw IngestionError(
                    .badHeader, "the file has no header: it is empty or its first line is too long")
            }
            return sample(tables, names: header, format: .csv(delimiter: delimiter), isComplete: isComplete)
        case .ndjson:
            var names: [String] = []
            for batch in batches { Self.collectKeys(batch, into: &names, limit: 4_096) }
            let objects = ObjectRows(keys: names)
            return sample(
                batches.map(objects.rows(of:)), names: names, format: .ndjson, isComplete: isComplete)
        }
    }

    private mutating func begin() throws(IngestionError) {
        let bom: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = start.starts(with: bom) ? start[3...] : start[...]
        if text.first(where: { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }) == UInt8(ascii: "{") {
            format = .ndjson
        } else {
            let delimiter = CSVReader.delimiter(ofHeader: text)
            format = .csv(delimiter: delimiter)
            csv = CSVReader(delimiter: delimiter)
        }
        let held = start
        start = []
        feed(held)
    }

    private mutating func feed(_ chunk: [UInt8]) {
        if format == .ndjson { lines.append(chunk) } else { csv.append(chunk) }
    }

    private mutating func drain() throws(IngestionError) {
        if format == .ndjson {
            while rows < rowLimit, case let batch = lines.nextLines(limit: rowLimit - rows), !batch.isEmpty {
                rows += batch.count + batch.rejected.count
                batches.append(batch)
            }
        } else {
            while rows < rowLimit, let batch = try csv.nextRows(limit: rowLimit - rows), !batch.isEmpty {
                rows += batch.count + batch.rejected.count
                tables.append(batch)
            }
        }
    }

    private func sample(
        _ tables: [TextRows], names: [String], format: FileSample.Format, isComplete: Bool
    ) -> FileSample {
        var builders = names.map { _ in ColumnBuilder(.string) }
        var quoted: Set<String> = []
        var nested: Set<String> = []
        for table in tables {
            for row in 0..<table.count {
                for column in names.indices {
                    let cell = table.cells[row * table.width + column]
                    let range = Int(cell.start)..<Int(cell.end)
                    switch cell.kind {
                    case .absent, .null: builders[column].appendMissing()
                    case .text where range.isEmpty: builders[column].appendMissing()
                    case .string:
                        quoted.insert(names[column])
                        fallthrough
                    default:
                        if cell.kind == .compound { nested.insert(names[column]) }
                        builders[column].append(
                            utf8: cell.isUnescaped ? table.unescaped[range] : table.raw[range])
                    }
                }
            }
        }
        let frame = Frame(
            Schema(names.map { Field($0, .string, isOptional: true) }), builders.map { $0.finish() },
            rowCount: tables.reduce(0) { $0 + $1.count })
        return FileSample(
            format: format, frame: frame, quoted: quoted, nested: nested, rejected: tables.flatMap(\.rejected),
            isComplete: isComplete)
    }

    /// The keys of all objects in order of appearance.
    private static func collectKeys(_ batch: LineReader.Lines, into names: inout [String], limit: Int) {
        var known = Set(names)
        batch.raw.withUnsafeBytes { bytes in
            for range in batch.ranges {
                var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: bytes[range]))
                guard (try? scanner.next()) == .beginObject else { continue }
                while case .key(let key)? = try? scanner.next() {
                    let name = scanner.string(key)
                    if known.count < limit, known.insert(name).inserted { names.append(name) }
                    guard (try? scanner.skipValue()) != nil else { break }
                }
            }
        }
    }
}
