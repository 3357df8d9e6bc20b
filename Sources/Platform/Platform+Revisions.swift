import MartletAccess
import MartletFeatureStore
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletStorage
import MartletWorld

extension Platform {
    /// Corrects or retracts events: ends the version of each that is in force, and for a correction begins the row's.
    ///
    /// A row that breaks the contract, or whose event is not stored or was retracted, is answered with its place and
    /// reason, and is not kept: a dead letter would come back as an event. Rows of one key take effect in their order.
    ///
    /// - Parameter rows: of a correction whole rows; of a retraction those of the key parser.
    /// - Precondition: the scope was asked for `eventsCorrect`.
    func revise(_ parsed: ContractRows, of stream: StreamRuntime, options: IngestOptions) async throws -> IngestReport {
        guard !stream.contract.unique.isEmpty else {
            throw PlatformError(
                .invalid, "stream '\(stream.name)' has no unique key, so a row cannot name one of its events",
                hint: "give the stream a 'unique:' key")
        }
        let isCorrection = options.meaning == .corrections
        let rows = isCorrection ? stream.checked(parsed) : parsed
        var report = IngestReport()
        for repair in rows.repairs { report.repaired[repair.field, default: 0] += repair.count }
        var refusals = rows.deadLetters.map { "\(options.source), \($0.place): \($0.message)" }
        // To retract nobody's event gives nobody a pseudonym.
        let stored = try pseudonyms.replacing(in: rows.frame, fields: stream.contract.fields, creating: isCorrection)
        let keys = (isCorrection ? stream.fingerprints : stream.keyFingerprints).keys(of: stored)
        var waiting = Array(keys.indices)
        var tries = 0
        while !waiting.isEmpty {
            let batches = try await revisions(waiting, keys, stored, of: stream, options: options)
            var dispositions = try await log.append(batches.compactMap(\.self))[...]
            var left: [Int] = []
            for (row, batch) in zip(waiting, batches) {
                switch batch == nil ? .unknownKey : dispositions.removeFirst()[0] {
                case .accepted(let position):
                    report.accepted += 1
                    report.position = max(report.position, position + 1)
                case .duplicate: report.duplicates += 1
                case .outdated: left.append(row)
                case .conflict: refusals.append("\(options.source), \(rows.place(row)): the event was retracted")
                case .unknownKey: refusals.append("\(options.source), \(rows.place(row)): no event of '\(stream.name)' has this key")
                }
            }
            // A key that stands twice in the rows is outdated once; another client may be at work, too.
            tries = left.count < waiting.count ? 0 : tries + 1
            guard tries < 10 else {
                throw PlatformError(.unavailable, "the events are being changed all the time", hint: "send the rows again")
            }
            waiting = left
        }
        report.rejected = refusals.count
        report.firstRejected = Array(refusals.prefix(10))
        try await features.catchUp()
        return report
    }

    /// A record a row, made from the version that is in force now; nil where there is none.
    private func revisions(
        _ rows: [Int], _ keys: [Fingerprint], _ stored: Frame, of stream: StreamRuntime, options: IngestOptions
    ) async throws -> [RecordBatch?] {
        let contract = stream.contract
        var batches: [RecordBatch?] = []
        for (row, state) in zip(rows, try await log.current(of: rows.map { keys[$0] })) {
            guard let state, let current = try await log.row(at: state.position) else {
                batches.append(nil)
                continue
            }
            let isCorrection = options.meaning == .corrections
            var frame = isCorrection ? stored.gathering([row]) : current.rows
            if isCorrection, contract.isTimedByArrival {
                // The event came when it came.
                let columns = zip(frame.schema.fields, frame.columns).map { field, column in
                    field.name == contract.eventTime ? Column(.timestamp(current.eventTimes)) : column
                }
                frame = Frame(frame.schema, columns, rowCount: 1)
            }
            let times = isCorrection ? stream.eventTimes(of: frame) : current.eventTimes
            batches.append(
                RecordBatch(
                    stream: stream.name, kind: isCorrection ? .correction : .retraction, rows: frame, eventTimes: times,
                    knownTimes: options.isHistory ? times.map { $0 + contract.delay.microseconds } : nil, uniqueKeys: [keys[row]],
                    payloads: isCorrection ? stream.fingerprints.payloads(of: frame) : [state.payload], expected: [state.position]))
        }
        return batches
    }

    /// Notes in the audit log that events were corrected or retracted.
    func recordRevision(
        _ report: IngestReport, of stream: String, meaning: IngestOptions.Meaning, requestID: String?, scope: Scope
    ) throws {
        try database.write { transaction in
            try audit.append(
                AuditRecord(
                    "events.\(meaning.rawValue)", under: scope, requestID: requestID,
                    details: [
                        "stream": .text(stream), "accepted": .number(Int64(report.accepted)), "rejected": .number(Int64(report.rejected)),
                        "position": .number(report.position),
                    ]),
                in: transaction)
        }
    }
}
