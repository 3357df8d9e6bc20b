public import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletFrames
import MartletIngestion
import MartletModels
import MartletRegistry
import MartletServing
import MartletStorage
import MartletWorld

/// What became of a batch's rows.
public struct BatchReport: Hashable, Sendable {
    public var predictions = 0
    /// Of them, those that the fallback answered.
    public var degraded = 0
    /// Rows that broke the stream's contract; each has a line that says why.
    public var rejected = 0
}

extension Platform {
    /// Scores every row of an input, plain or gzip, with the endpoint's own code: one line of JSON a row, in its order.
    ///
    /// Each line is what a single request would answer, and its record is durable before the line is written; nothing is
    /// appended to the stream. A row that breaks the contract gets `{"row", "error"}` in its place. Columns that the
    /// stream lacks are passed over.
    ///
    /// - Parameters:
    ///   - next: the next bytes of the input; nil at its end.
    ///   - write: takes whole lines.
    public func predictBatch(
        _ name: String, format: IngestOptions.Format, scope: Scope, next: () async throws -> [UInt8]?,
        write: ([UInt8]) async throws -> Void
    ) async throws -> BatchReport {
        try scope.require(.predict, on: resource(.endpoint, name))
        let endpoint = try endpoint(name)
        let stream = try askedStream(endpoint)
        let options = IngestOptions(format: format, isHistory: false, ignoringUnknown: true, source: "batch")
        var reader = RowReader(parser: stream.askedParser, options: options)
        var decoder = InputDecoder()
        var report = BatchReport()
        var isOpen = true
        while isOpen {
            var plain: [UInt8] = []
            if let piece = try await next() {
                try piece.withUnsafeBytes { bytes in try decoder.read(bytes) { plain.append(contentsOf: $0) } }
            } else {
                try decoder.finish { plain.append(contentsOf: $0) }
                isOpen = false
            }
            reader.append(plain, isLast: !isOpen)
            try limits.check(reader)
            while let rows = try reader.nextRows(limit: endpoint.definition.limits.rows, arrival: world.clock.now()) {
                try await write(try await score(stream.checked(rows), of: stream, on: endpoint, scope: scope, &report))
            }
        }
        return report
    }

    private func score(
        _ rows: ContractRows, of stream: StreamRuntime, on endpoint: EndpointRuntime, scope: Scope, _ report: inout BatchReport
    ) async throws -> [UInt8] {
        var lines = rows.deadLetters.map { letter in
            (
                letter.place,
                JSONValue.object([
                    ("row", .string("\(letter.place)")),
                    ("error", .object([
                        ("code", .string(letter.reason.rawValue)), ("message", .string(letter.message)),
                        ("where", letter.field.map(JSONValue.string) ?? .null),
                    ])),
                ]).serialized()
            )
        }
        report.rejected += lines.count
        if rows.frame.rowCount > 0 {
            let stored = try pseudonyms.replacing(in: rows.frame, fields: stream.contract.fields, creating: true)
            let batch = try predict(stored, on: endpoint, actor: "\(scope.principal)")
            try await store(batch)
            let classes = endpoint.model?.manifest.classes ?? []
            for row in 0..<batch.count {
                var writer = JSONWriter(reserving: 200)
                batch.writeAnswer(row, classes: classes, explanation: nil, into: &writer)
                lines.append((rows.place(row), writer.bytes))
            }
            report.predictions += batch.count
            report.degraded += batch.isDegraded ? batch.count : 0
        }
        var bytes: [UInt8] = []
        for (_, line) in lines.sorted(by: { $0.0.number < $1.0.number }) {
            bytes += line
            bytes.append(0x0A)
        }
        return bytes
    }
}

extension DeadLetter.Place {
    /// Reads `line 7` or `item 7`; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let number = Int(parts[1]) else { return nil }
        switch parts[0] {
        case "line": self = .line(number)
        case "item": self = .item(number)
        default: return nil
        }
    }

    var number: Int {
        switch self {
        case .line(let number), .item(let number): number
        }
    }
}
