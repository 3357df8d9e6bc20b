public import MartletAccess
public import MartletBytes
public import MartletFrames
public import MartletServing
import MartletStorage
import MartletWorld

extension Platform {
    /// Counts the predictions that were recorded since the last time. Called about once a second; a bounded number at a time.
    ///
    /// What was predicted before there were counts is counted too, so that they can be made again from the log.
    public func checkTraffic() async throws {
        let table = TrafficTable()
        let now = world.clock.now()
        if try database.read({ try table.hasPast(at: now, $0) }) {
            try database.write { try table.deletePast(at: now, limit: 10_000, $0) }
        }
        var stored = try database.read { try table.position($0) }
        guard stored < log.end else { return }
        // Also of endpoints that are defined no longer.
        let prefix = PredictionRecord.stream(of: "")
        let streams = Set(try await log.streams().map(\.stream).filter { $0.hasPrefix(prefix) })
        guard !streams.isEmpty else { return }
        var position = stored
        var left = limits.countedRows
        while left > 0, position < log.end {
            let page = try await log.read(from: position, streams: streams, maxRows: min(left, 8_192), maxBytes: 16 << 20)
            if page.next <= position { break }
            position = page.next
            var counts: [(endpoint: String, count: TrafficCount)] = []
            for batch in page.batches where batch.kind == .prediction {
                left -= batch.positions.count
                counts += Self.traffic(batch).map { (String(batch.stream.dropFirst(prefix.count)), $0) }
            }
            // A position that nothing hangs on need not be stored each time that the log grows.
            if counts.isEmpty, position - stored < Self.uncountedPositions { continue }
            let isStored = try database.write { transaction in
                // Whoever else counted meanwhile was quicker.
                guard try table.position(transaction) == stored else { return false }
                for width in TrafficWidth.allCases {
                    for (endpoint, count) in counts {
                        var count = count
                        count.start = width.start(of: count.start)
                        if let kept = width.kept, count.start < now - kept { continue }
                        try table.add(count, of: endpoint, width, transaction)
                    }
                }
                try table.setPosition(position, transaction)
                return true
            }
            guard isStored else { return }
            stored = position
        }
    }

    private static let uncountedPositions: Int64 = 10_000

    /// How many of a batch's predictions each version made in each part, at the batch's arrival.
    static func traffic(_ batch: StoredBatch) -> [TrafficCount] {
        struct Part: Hashable {
            var version: Int64
            var variant: String
        }
        guard let versions = batch.rows["version"], let variants = batch.rows["variant"] else { return [] }
        let degraded = batch.rows["degraded"]
        var counts: [Part: (predictions: Int, degraded: Int)] = [:]
        for row in 0..<batch.rows.rowCount {
            guard case .int64(let version) = versions[row], case .string(let variant) = variants[row] else { continue }
            let isDegraded = degraded?[row] == .bool(true)
            counts[Part(version: version, variant: variant), default: (0, 0)].predictions += 1
            if isDegraded { counts[Part(version: version, variant: variant), default: (0, 0)].degraded += 1 }
        }
        return counts.sorted { ($0.key.version, $0.key.variant) < ($1.key.version, $1.key.variant) }.map { part, count in
            TrafficCount(
                start: Timestamp(microseconds: batch.ingestTime), version: part.version, variant: part.variant, predictions: count.predictions,
                degraded: count.degraded)
        }
    }

    /// How many predictions an endpoint made, by buckets of their arrival, in order; a bucket without any is left out.
    ///
    /// - Parameters:
    ///   - from: nil for as long before `to` as there are usual buckets.
    ///   - to: nil for now.
    /// - Throws: `tooMany` where that would be more buckets than one answer has.
    public func traffic(
        _ name: String, _ width: TrafficWidth, from: Timestamp?, to: Timestamp?, scope: Scope
    ) throws -> JSONValue {
        try scope.require(.modelsRead, on: resource(.endpoint, name))
        _ = try endpoint(name)
        let span = width.span
        let end = to ?? width.start(of: world.clock.now()) + span
        let start = width.start(of: from ?? end - Timestamp.Span(microseconds: span.microseconds * Self.usualBuckets))
        guard start < end else { throw PlatformError(.invalid, "'from' is not before 'to'", place: "query", hint: "turn them round") }
        guard (end.microseconds - start.microseconds) / span.microseconds <= Int64(limits.trafficBuckets) else {
            throw PlatformError(
                .tooMany, "that is more than \(limits.trafficBuckets) buckets of one \(width.rawValue)", place: "query",
                hint: "ask for a shorter time, or for a greater width (\(TrafficWidth.allCases.map(\.rawValue).joined(separator: ", ")))")
        }
        let (counts, position) = try database.read { reader in
            let table = TrafficTable()
            return (
                try table.counts(of: name, width, in: start..<end, limit: limits.trafficBuckets * Self.partsOfBucket, reader),
                try table.position(reader)
            )
        }
        return [
            "endpoint": .string(name), "width": .string(width.rawValue), "from": .string("\(start)"), "to": .string("\(end)"),
            "behind": .int64(max(0, log.end - position)), "buckets": .array(Self.buckets(counts, span)),
        ]
    }

    private static let usualBuckets: Int64 = 168
    /// Versions, each in its parts, that answer within one bucket; there are never as many.
    private static let partsOfBucket = 100

    private static func buckets(_ counts: [TrafficCount], _ span: Timestamp.Span) -> [JSONValue] {
        var buckets: [JSONValue] = []
        var index = 0
        while index < counts.count {
            let start = counts[index].start
            let parts = counts[index...].prefix { $0.start == start }
            index += parts.count
            // What only computes beside is no answer.
            let answers = parts.filter { $0.variant != "shadow" }
            buckets.append([
                "start": .string("\(start)"), "end": .string("\(start + span)"),
                "predictions": .int64(Int64(answers.reduce(0) { $0 + $1.predictions })),
                "degraded": .int64(Int64(answers.reduce(0) { $0 + $1.degraded })),
                "parts": .array(parts.map { part in
                    [
                        "version": .int64(part.version), "variant": .string(part.variant), "predictions": .int64(Int64(part.predictions)),
                        "degraded": .int64(Int64(part.degraded)),
                    ]
                }),
            ])
        }
        return buckets
    }
}
