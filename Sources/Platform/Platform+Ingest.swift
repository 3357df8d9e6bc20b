public import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// What became of the rows that came in.
public struct IngestReport: Hashable, Sendable {
    /// Rows stored.
    public var accepted = 0
    /// Rows that were there already, key and payload.
    public var duplicates = 0
    /// Rows kept as dead letters.
    public var rejected = 0
    /// Declared repairs made, by field.
    public var repaired: [String: Int] = [:]
    /// The log's end after the last of them.
    public var position: Int64 = 0
    /// The first few of the rejected: where, and why.
    public var firstRejected: [String] = []
    /// Columns passed over as asked.
    public var ignored: [String] = []

    public init() {}

    /// Counts what became of rows; those that were refused are counted as dead letters.
    mutating func count(_ dispositions: [Disposition]) {
        for disposition in dispositions {
            switch disposition {
            case .accepted(let position):
                accepted += 1
                self.position = max(self.position, position + 1)
            case .duplicate: duplicates += 1
            case .conflict, .unknownKey, .outdated: break
            }
        }
    }

    mutating func add(_ other: IngestReport) {
        accepted += other.accepted
        duplicates += other.duplicates
        rejected += other.rejected
        repaired.merge(other.repaired, uniquingKeysWith: +)
        position = max(position, other.position)
        firstRejected = Array((firstRejected + other.firstRejected).prefix(10))
        if !other.ignored.isEmpty { ignored = other.ignored }
    }
}

/// How an input is to be read.
public struct IngestOptions: Sendable {
    /// What the rows say of the stream's events.
    public enum Meaning: String, Sendable {
        /// They happened.
        case events
        /// They were otherwise: each row takes the place of the one with its key.
        case corrections
        /// They did not happen: each row names one by its key.
        case retractions
    }

    public enum Format: String, Sendable, CaseIterable {
        case csv, ndjson
        /// One JSON array, or one object.
        case json
    }

    public var format: Format
    /// Whether the rows are history: known when they happened, plus the stream's delay; else they are known on arrival.
    public var isHistory: Bool
    /// Whether columns that the stream lacks are passed over.
    public var ignoringUnknown: Bool
    /// What the dead letters name as their source: a file's name, a route.
    public var source: String
    /// Whether the first piece is all of the input; its rows are then stored in one commit, all or none, up to the limit
    /// of rows that are stored at a time.
    public var isOnePiece: Bool
    public var meaning = Meaning.events
    /// Whether the input is compressed; nil if its first bytes tell.
    public var isGzip: Bool?
    /// The most bytes that the input may have once it is decompressed.
    public var plainBytes: Int

    public init(
        format: Format, isHistory: Bool, ignoringUnknown: Bool = false, source: String, isOnePiece: Bool = false, plainBytes: Int = .max
    ) {
        self.isOnePiece = isOnePiece
        self.plainBytes = plainBytes
        self.format = format
        self.isHistory = isHistory
        self.ignoringUnknown = ignoringUnknown
        self.source = source
    }
}

extension Platform {
    /// Brings in a whole input, plain or gzip, piece by piece: contract, pseudonyms, duplicates, log.
    ///
    /// What was answered is durable. Memory is bounded by a few batches, whatever the input's length.
    ///
    /// - Parameter next: the next bytes of the input; nil at its end.
    public func ingest(
        into name: String, options: IngestOptions, requestID: String? = nil, scope: Scope, next: () async throws -> [UInt8]?
    ) async throws -> IngestReport {
        try scope.require(options.meaning == .events ? .eventsWrite : .eventsCorrect, on: resource(.stream, name))
        let stream = try stream(name)
        var options = options
        if options.meaning == .retractions { options.ignoringUnknown = true }
        var reader = RowReader(parser: options.meaning == .retractions ? stream.keyParser : stream.parser, options: options)
        var decoder = InputDecoder()
        var report = IngestReport()
        var isOpen = true
        // What was read and not yet decoded. Compressed bytes are decoded in slices, since little may mean much.
        var waiting: ArraySlice<UInt8> = []
        var plain: [UInt8] = []
        var plainBytes = 0
        while isOpen {
            let heldBytes = plain.count
            var isEnd = false
            if waiting.isEmpty {
                if let piece = try await next() { waiting = piece[...] } else { isEnd = true }
            }
            if !waiting.isEmpty {
                let isCompressed = decoder.isCompressed || GzipReader.isGzip(Array(waiting.prefix(2)))
                let slice = isCompressed ? waiting.prefix(Self.compressedSlice) : waiting
                try slice.withUnsafeBytes { bytes in try decoder.read(bytes) { plain.append(contentsOf: $0) } }
                waiting = waiting.dropFirst(slice.count)
                isEnd = options.isOnePiece && waiting.isEmpty
            }
            if isEnd {
                try decoder.finish { plain.append(contentsOf: $0) }
                isOpen = false
            }
            if let isGzip = options.isGzip, decoder.isDecided, decoder.isCompressed != isGzip {
                throw PlatformError(
                    .invalid, "'\(options.source)' is \(isGzip ? "said to be gzip and is not" : "gzip and said to be as it is")",
                    hint: "leave out what it is said to be, and its first bytes tell")
            }
            plainBytes += plain.count - heldBytes
            guard plainBytes <= options.plainBytes else {
                throw PlatformError(
                    .tooMany, "'\(options.source)' has more than \(options.plainBytes) bytes once it is decompressed",
                    hint: "send it in parts")
            }
            // One piece is read when all of it is there, so that it is stored as one.
            if options.isOnePiece, isOpen { continue }
            reader.append(plain, isLast: !isOpen)
            plain.removeAll()
            try limits.check(reader)
            while true {
                let arrival = world.clock.now()
                if options.meaning == .events {
                    guard let parts = try reader.nextParts(
                        limit: limits.ingestRows, arrival: arrival, partCount: { partedWork.partCount(ofRows: $0, limits) }) else { break }
                    let rows = await partedWork.map(parts) { stream.checked($0()) }
                    report.add(try await admit(rows, to: stream, origin: reader.origin, ignored: reader.ignored))
                } else {
                    guard let rows = try reader.nextRows(limit: limits.ingestRows, arrival: arrival) else { break }
                    let revised = try await revise(rows, of: stream, options: options)
                    try recordRevision(revised, of: name, meaning: options.meaning, requestID: requestID, scope: scope)
                    report.add(revised)
                }
                guard report.rejected <= limits.deadLettersPerFile else {
                    throw PlatformError(
                        .tooMany, "more than \(limits.deadLettersPerFile) rows of '\(options.source)' break the contract of '\(name)'",
                        place: report.firstRejected.first,
                        hint: "\(report.accepted) rows are stored and stay; mend the contract or the file, and send it again")
                }
            }
        }
        report.position = log.end
        return report
    }

    private static let compressedSlice = 32 << 10

    /// Takes rows that were held to the contract and its checks through pseudonyms and uniqueness into the log, all in one
    /// commit, and folds them.
    ///
    /// What is a function of the rows alone is done for all parts at once; what is not, in their order.
    ///
    /// - Parameter isReplay: whether the rows were dead letters before, and counted as such.
    func admit(
        _ parts: [ContractRows], to stream: StreamRuntime, origin: DeadLetterTable.Origin, ignored: [String] = [], isReplay: Bool = false
    ) async throws -> IngestReport {
        var report = IngestReport()
        report.ignored = ignored
        for repair in parts.flatMap(\.repairs) { report.repaired[repair.field, default: 0] += repair.count }
        var letters = parts.flatMap(\.deadLetters)
        let kept = parts.filter { $0.frame.rowCount > 0 }
        if !kept.isEmpty {
            let stored = try kept.map { try pseudonyms.replacing(in: $0.frame, fields: stream.contract.fields, creating: true) }
            let batches = await partedWork.map(stored) { stream.batch(ofEvents: $0, isHistory: origin.isHistory) }
            for (rows, dispositions) in zip(kept, try await log.append(batches)) {
                report.count(dispositions)
                letters += stream.conflicts(dispositions, in: rows)
            }
            // At once: what is stored is to be read even if the dead letters beside it cannot be kept.
            try await features.catchUp()
        }
        if !letters.isEmpty {
            letters.sort { DeadLetter.Place.precedes($0.place, $1.place) }
            try database.write { transaction in
                try deadLetters.add(letters, stream: stream.name, origin: origin, at: world.clock.now(), transaction)
                if !isReplay { try countRejected(letters, of: stream.name, transaction) }
            }
            report.rejected = letters.count
            report.firstRejected = letters.prefix(10).map { "\(origin.source), \($0.place): \($0.message)" }
        }
        return report
    }

}

/// Rows that were cut out of an input and are still to be held to the contract, which can be done apart from others.
typealias UnreadRows = @Sendable () -> ContractRows

/// Cuts plain bytes of any format into batches of rows that were held to a stream's contract.
struct RowReader {
    private enum Source {
        /// The first bytes of a table, until its first line tells what stands between cells.
        case csvStart([UInt8])
        case csv(CSVReader, delimiter: UInt8, columns: ContractParser.Columns?)
        case lines(LineReader)
        case json([UInt8])
    }

    private let parser: ContractParser
    private let options: IngestOptions
    private var source: Source
    private var isLast = false

    init(parser: ContractParser, options: IngestOptions) {
        self.parser = parser
        self.options = options
        source =
            switch options.format {
            case .csv: .csvStart([])
            case .ndjson: .lines(LineReader())
            case .json: .json([])
            }
    }

    var origin: DeadLetterTable.Origin {
        guard case .csv(let reader, let delimiter, _) = source else {
            return DeadLetterTable.Origin(source: options.source, header: nil, isHistory: options.isHistory)
        }
        return DeadLetterTable.Origin(
            source: options.source, header: reader.header, delimiter: delimiter, isHistory: options.isHistory)
    }

    var ignored: [String] {
        if case .csv(_, _, let columns?) = source { columns.ignored } else { [] }
    }

    /// Bytes of a JSON value whose end has not come.
    var heldBytes: Int {
        if case .json(let held) = source { held.count } else { 0 }
    }

    mutating func append(_ bytes: [UInt8], isLast: Bool) {
        self.isLast = isLast
        switch source {
        case .csvStart(let held):
            let start = held + bytes
            guard isLast || start.contains(0x0A) || start.count > 1 << 20 else {
                source = .csvStart(start)
                return
            }
            let delimiter = CSVReader.delimiter(ofHeader: start)
            source = .csv(CSVReader(delimiter: delimiter), delimiter: delimiter, columns: nil)
            append(start, isLast: isLast)
        case .csv(var reader, let delimiter, let columns):
            source = .json([])
            reader.append(bytes)
            if isLast { reader.finish() }
            source = .csv(reader, delimiter: delimiter, columns: columns)
        case .lines(var reader):
            source = .json([])
            reader.append(bytes)
            if isLast { reader.finish() }
            source = .lines(reader)
        case .json(var held):
            source = .json([])
            held += bytes
            source = .json(held)
        }
    }

    /// Nil if more bytes are needed, or at the end.
    mutating func nextRows(limit: Int, arrival: Timestamp) throws -> ContractRows? {
        try nextParts(limit: limit, arrival: arrival, partCount: { _ in 1 })?[0]()
    }

    /// The next rows in one part or more, to be read side by side; nil if more bytes are needed, or at the end.
    ///
    /// - Parameter partCount: into how many parts so many rows are to be split.
    mutating func nextParts(
        limit: Int, arrival: Timestamp, partCount: (_ rows: Int) -> Int
    ) throws -> [UnreadRows]? {
        let parser = parser
        switch source {
        case .csvStart: return nil
        case .csv(var reader, let delimiter, var columns):
            source = .json([])
            defer { source = .csv(reader, delimiter: delimiter, columns: columns) }
            guard let rows = try reader.nextRows(limit: limit), !rows.isEmpty else { return nil }
            let known = try columns ?? parser.columns(of: reader.header ?? [], ignoringUnknown: options.ignoringUnknown)
            columns = known
            return rows.split(into: partCount(rows.count)).map { part in
                { parser.parse(part, columns: known, arrival: arrival) }
            }
        case .lines(var reader):
            source = .json([])
            defer { source = .lines(reader) }
            let lines = reader.nextLines(limit: limit)
            if lines.isEmpty { return nil }
            return lines.split(into: partCount(lines.count)).map { part in { parser.parse(part, arrival: arrival) } }
        case .json(let held):
            guard isLast, !held.isEmpty else { return nil }
            source = .json([])
            let rows = try parser.parse(jsonBody: held, itemLimit: limit, arrival: arrival)
            return [{ rows }]
        }
    }
}

extension Platform.Limits {
    /// Refuses to hold more of a JSON array than it may have.
    func check(_ reader: RowReader) throws(PlatformError) {
        guard reader.heldBytes <= jsonBytes else {
            throw PlatformError(
                .tooMany, "a JSON array may have \(jsonBytes) bytes, since it is read as a whole",
                hint: "send one object a line, as NDJSON, of any length")
        }
    }
}
