public import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
public import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

extension Platform {
    /// The rows that wait to be mended, oldest first.
    public func deadLetters(of stream: String?, after id: Int64 = 0, limit: Int, scope: Scope) throws -> [DeadLetterTable.Entry] {
        try scope.require(.deadLettersRead, on: resource(.stream, stream))
        if let stream, stream != DeadLetterTable.predictionOutcomes { _ = try self.stream(stream) }
        return try database.read { try deadLetters.list(stream: stream, after: id, limit: min(limit, self.limits.pageRows), $0) }
    }

    /// Holds the rows that wait to the contract as it is now, and brings in those that keep it.
    ///
    /// A row is removed from the dead letters after it is in the log; a crash between the two makes a duplicate that has
    /// no effect. One that still breaks the contract stays, with its present reason. Outcomes that waited for their event
    /// are taken if it came since; those of predictions wait under the name `@outcomes`.
    public func replayDeadLetters(of name: String, requestID: String?, scope: Scope) async throws -> IngestReport {
        try scope.require(.deadLettersReplay, on: resource(.stream, name))
        let stream = name == DeadLetterTable.predictionOutcomes ? nil : try stream(name)
        var report = IngestReport()
        // A row that fails again is kept anew under a higher id, which this pass does not reach.
        let newest = try database.read { try deadLetters.newest($0) }
        var after: Int64 = 0
        while true {
            let entries = try database.read { try deadLetters.list(stream: name, after: after, limit: 1_000, $0) }
                .filter { $0.id <= newest }
            guard let last = entries.last else { break }
            after = last.id
            for (origin, group) in groups(entries) {
                if origin.isOutcome {
                    report.add(try await replayOutcomes(group, origin, of: name))
                    continue
                }
                guard let stream else { continue }
                let raw = group.compactMap { entry in entry.raw.map { (id: entry.id, bytes: $0) } }
                for (ids, rows) in try parsed(raw, origin, stream) {
                    report.add(try await admit([stream.checked(rows)], to: stream, origin: origin, isReplay: true))
                    // Those that failed again were kept anew by `admit`, so all of these can go.
                    try database.write { try deadLetters.remove(ids, $0) }
                }
            }
        }
        return report
    }

    private func groups(_ entries: [DeadLetterTable.Entry]) -> [(DeadLetterTable.Origin, [DeadLetterTable.Entry])] {
        var groups: [(DeadLetterTable.Origin, [DeadLetterTable.Entry])] = []
        for entry in entries {
            if let last = groups.last, last.0.source == entry.source, last.0.header == entry.header,
                last.0.delimiter == entry.delimiter, last.0.isHistory == entry.isHistory, last.0.isOutcome == entry.isOutcome
            {
                groups[groups.count - 1].1.append(entry)
            } else {
                let origin = DeadLetterTable.Origin(
                    source: entry.source, header: entry.header, delimiter: entry.delimiter, isHistory: entry.isHistory,
                    isOutcome: entry.isOutcome)
                groups.append((origin, [entry]))
            }
        }
        return groups
    }

    /// Rows held to the contract again, with the ids of the entries that they are of.
    ///
    /// An entry must give one row. Where broken quotes or line ends make several of one or one of several, each is read by
    /// itself, and one that still gives none or several stays where it is.
    private func parsed(
        _ entries: [(id: Int64, bytes: [UInt8])], _ origin: DeadLetterTable.Origin, _ stream: StreamRuntime
    ) throws -> [(ids: [Int64], rows: ContractRows)] {
        if entries.isEmpty { return [] }
        let together = try parsed(entries.map(\.bytes), origin, stream)
        if let together, together.frame.rowCount + together.deadLetters.count == entries.count {
            return [(entries.map(\.id), together)]
        }
        if entries.count == 1 { return [] }
        return try entries.flatMap { try parsed([$0], origin, stream) }
    }

    /// Takes outcomes that waited. One that cannot be taken yet is kept anew, in the transaction that removes it.
    private func replayOutcomes(
        _ entries: [DeadLetterTable.Entry], _ origin: DeadLetterTable.Origin, of name: String
    ) async throws -> IngestReport {
        var report = IngestReport()
        var read: [ReadOutcome] = []
        var ids: [Int64] = []
        for entry in entries {
            guard let raw = entry.raw, var item = try outcome(raw, origin, of: name) else { continue }
            // It keeps the place that it had when it came.
            item.place = DeadLetter.Place(entry.place) ?? item.place
            read.append(item)
            ids.append(entry.id)
        }
        let fates = try await record(read)
        try await features.catchUp()
        for (item, fate) in zip(read, fates) {
            switch fate {
            case .accepted: report.accepted += 1
            case .duplicate: report.duplicates += 1
            case .refused(let refusal):
                report.rejected += 1
                if report.firstRejected.count < 10 { report.firstRejected.append("\(origin.source), \(item.place): \(refusal.message)") }
            }
        }
        report.position = log.end
        let letters = waiting(read, fates, keepingAll: true, in: name)
        try database.write { transaction in
            for (stream, letters) in letters {
                try deadLetters.add(letters, stream: stream, origin: origin, at: world.clock.now(), transaction)
            }
            try deadLetters.remove(ids, transaction)
        }
        return report
    }

    /// One outcome out of the bytes that were kept; nil if they are none.
    private func outcome(_ raw: [UInt8], _ origin: DeadLetterTable.Origin, of name: String) throws -> ReadOutcome? {
        let stream = name == DeadLetterTable.predictionOutcomes ? nil : name
        let options = OutcomeOptions(
            format: origin.header == nil ? .ndjson : .csv, stream: stream, source: origin.source, ignoringUnknown: true)
        var reader = outcomeReader(options)
        if let header = origin.header {
            let delimiter = String(UnicodeScalar(origin.delimiter))
            reader.append(Array(header.map(Self.quoted).joined(separator: delimiter).utf8) + [0x0A] + raw, isLast: true)
        } else {
            reader.append(raw.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }, isLast: true)
        }
        guard let items = try reader.next(limit: 2), items.count == 1 else { return nil }
        return ReadOutcome(place: items[0].place, raw: raw, item: items[0].item)
    }

    private func parsed(
        _ rows: [[UInt8]], _ origin: DeadLetterTable.Origin, _ stream: StreamRuntime
    ) throws -> ContractRows? {
        guard let header = origin.header else {
            var reader = LineReader()
            // An item of a list may stand on several lines; in JSON a line end is a space, or a mistake within a text.
            for row in rows { reader.append(row.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } + [0x0A]) }
            reader.finish()
            let lines = reader.nextLines(limit: rows.count + 1)
            return lines.isEmpty ? nil : stream.parser.parse(lines, arrival: world.clock.now())
        }
        var reader = CSVReader(delimiter: origin.delimiter)
        let delimiter = String(UnicodeScalar(origin.delimiter))
        reader.append(Array(header.map(Self.quoted).joined(separator: delimiter).utf8) + [0x0A])
        for row in rows { reader.append(row + [0x0A]) }
        reader.finish()
        guard let found = try reader.nextRows(limit: rows.count + 1), !found.isEmpty else { return nil }
        let columns = try stream.parser.columns(of: reader.header ?? [], ignoringUnknown: true)
        return stream.parser.parse(found, columns: columns, arrival: world.clock.now())
    }

    private static func quoted(_ cell: String) -> String {
        "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
