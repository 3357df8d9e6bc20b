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

/// A stretch of a stream as lines of JSON.
public struct EventPage: Sendable {
    /// One line an event: `{"position","kind","event_time","ingest_time","payload"}`.
    public var lines: [UInt8]
    public var count: Int
    /// Where the next page begins.
    public var next: Int64
    public var end: Int64
}

extension Platform {
    /// The events of a stream from a position on, in log order.
    ///
    /// Persons appear by their pseudonyms, unless the scope is for `events.readPersonal`.
    public func events(of name: String, from position: Int64, limit: Int, scope: Scope) async throws -> EventPage {
        let target = resource(.stream, name)
        let revealing = scope.permission == .eventsReadPersonal
        try scope.require(revealing ? .eventsReadPersonal : .eventsRead, on: target)
        let stream = try stream(name)
        let limit = min(max(1, limit), limits.pageRows)
        var writer = JSONWriter()
        var count = 0
        var next = max(0, position)
        var end = log.end
        while count < limit, next < end {
            let page = try await log.read(from: next, streams: [name], maxRows: limit - count, maxBytes: 8 << 20)
            for batch in page.batches {
                for row in 0..<batch.positions.count where count < limit {
                    writeEvent(batch, row, stream, revealing: revealing, into: &writer)
                    count += 1
                    next = batch.positions[row] + 1
                }
            }
            if count < limit { next = page.next }
            end = page.end
        }
        return EventPage(lines: writer.bytes, count: count, next: next, end: end)
    }

    private func writeEvent(
        _ batch: StoredBatch, _ row: Int, _ stream: StreamRuntime, revealing: Bool, into writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.key("position")
        writer.int64(batch.positions[row])
        writer.key("kind")
        writer.string("\(batch.kind)")
        writer.key("event_time")
        writer.string("\(Timestamp(microseconds: batch.eventTimes[row]))")
        writer.key("ingest_time")
        writer.string("\(Timestamp(microseconds: batch.ingestTime))")
        writer.key("payload")
        writer.beginObject()
        for (field, column) in zip(batch.rows.schema.fields, batch.rows.columns) where !column.isMissing(row) {
            writer.key(field.name)
            let isSubject = stream.definition[field.name]?.isSubject == true
            writer.value(revealing && isSubject ? pseudonyms.revealing(column[row], field: field.name) : column[row])
        }
        writer.endObject()
        writer.endObject()
        writer.newLine()
    }
}

extension JSONWriter {
    /// Writes a value: a missing one as null, a time as RFC 3339.
    mutating func value(_ value: Value) {
        switch value {
        case .missing: null()
        case .bool(let value): bool(value)
        case .int64(let value): int64(value)
        case .float64(let value): float64(value)
        case .string(let value): string(value)
        case .timestamp(let value): string("\(value)")
        }
    }
}

extension JSONValue {
    /// A value as JSON: a missing one as null, a time as RFC 3339.
    init(_ value: MartletFrames.Value) {
        self =
            switch value {
            case .missing: .null
            case .bool(let value): .bool(value)
            case .int64(let value): .int64(value)
            case .float64(let value): .float64(value)
            case .string(let value): .string(value)
            case .timestamp(let value): .string("\(value)")
            }
    }
}
