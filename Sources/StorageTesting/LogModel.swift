import MartletFrames
import MartletStorage

/// What the log should hold, told from `docs/reference/semantics.md` alone: a list, and for each key its versions.
struct LogModel {
    /// One record; its row follows from `content`.
    struct Record: Equatable {
        var stream: String
        var kind: RecordKind
        var content: Int
        var eventTime: Int64
        /// Nil for a live record.
        var knownTime: Int64?
        var key: Fingerprint
        var superseded: Int64?

        var payload: Fingerprint { Fingerprint(high: 7, low: UInt64(content) + 1) }
    }

    private(set) var records: [Record] = []
    /// The positions of the records that bear each key, oldest first.
    private(set) var versions: [Fingerprint: [Int]] = [:]

    /// Adds a record if the rules let it in, and says what became of it.
    mutating func append(_ record: Record) -> Disposition {
        let position = records.count
        if record.key != .none {
            let history = versions[record.key] ?? []
            if let last = history.last {
                let current = records[last]
                let isEvent = ![.correction, .retraction, .outcome].contains(record.kind)
                let sameAsCurrent = current.payload == record.payload
                let sameAsFirst = records[history[0]].payload == record.payload
                if current.kind == .retraction {
                    return record.kind == .retraction ? .duplicate(of: Int64(last)) : .conflict(with: Int64(last))
                }
                if isEvent { return sameAsCurrent || sameAsFirst ? .duplicate(of: Int64(last)) : .conflict(with: Int64(last)) }
                if record.kind != .retraction, sameAsCurrent { return .duplicate(of: Int64(last)) }
                if record.superseded != Int64(last) { return .outdated(current: Int64(last)) }
            } else if record.superseded != nil {
                return .unknownKey
            }
            versions[record.key, default: []].append(position)
        } else if record.superseded != nil {
            return .unknownKey
        }
        records.append(record)
        return .accepted(Int64(position))
    }

    func state(of key: Fingerprint) -> KeyState? {
        guard let history = versions[key], let last = history.last else { return nil }
        let current = records[last]
        return KeyState(
            position: Int64(last), payload: current.payload, kind: current.kind, originalPayload: records[history[0]].payload)
    }

    // The rows of the simulated streams: two schemas, so that segments hold several dictionary entries of one stream.
    static let schemas = [
        Schema([Field("name", .string), Field("time", .timestamp), Field("amount", .float64, isOptional: true)]),
        Schema([Field("name", .string), Field("time", .timestamp), Field("flag", .bool), Field("count", .int64)]),
    ]

    static func row(_ record: Record) -> [Value] {
        let name = Value.string("row \(record.content)")
        let time = Value.timestamp(Timestamp(microseconds: record.eventTime))
        return record.content % 3 == 0
            ? [name, time, .bool(record.content % 2 == 0), .int64(Int64(record.content))]
            : [name, time, record.content % 5 == 0 ? .missing : .float64(Double(record.content) / 4)]
    }

    static func schema(_ record: Record) -> Schema { schemas[record.content % 3 == 0 ? 1 : 0] }

    /// Records of one stream, kind, schema and known-time form, as a batch.
    static func batch(_ records: [Record]) -> RecordBatch {
        let schema = schema(records[0])
        let rows = records.map(row)
        let columns = schema.fields.indices.map { index in Column(rows.map { $0[index] }, type: schema.fields[index].type) }
        let known = records.compactMap(\.knownTime)
        return RecordBatch(
            stream: records[0].stream, kind: records[0].kind, rows: Frame(schema, columns, rowCount: records.count),
            eventTimes: records.map(\.eventTime), knownTimes: known.isEmpty ? nil : known, uniqueKeys: records.map(\.key),
            payloads: records.map(\.payload), expected: records[0].kind.supersedes ? records.map { $0.superseded ?? -1 } : nil)
    }
}
