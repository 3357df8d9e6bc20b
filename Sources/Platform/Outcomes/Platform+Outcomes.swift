public import MartletAccess
public import MartletBytes
import MartletFeatureStore
import MartletFrames
import MartletIngestion
import MartletStorage
import MartletWorld

/// How an input of outcomes is to be read.
public struct OutcomeOptions: Sendable {
    public var format: IngestOptions.Format
    /// Whose events are meant where an item names neither prediction nor stream.
    public var stream: String?
    /// What the dead letters name as their source: a file's name, a route.
    public var source: String
    /// Whether columns of a table that mean nothing are passed over.
    public var ignoringUnknown: Bool
    /// The most bytes that the input may have once it is decompressed.
    public var plainBytes: Int

    public init(
        format: IngestOptions.Format, stream: String? = nil, source: String, ignoringUnknown: Bool = false, plainBytes: Int = .max
    ) {
        self.format = format
        self.stream = stream
        self.source = source
        self.ignoringUnknown = ignoringUnknown
        self.plainBytes = plainBytes
    }
}

extension Platform {
    /// Takes what became known of events and predictions: fills the late field, as a record of its own.
    ///
    /// Each item is `{"prediction_id" or "stream" + "unique", "label", "field"?, "time"?}`; `time` says when it became known,
    /// if that was not now, and counts as no earlier than its event became known. Items that cannot be taken are
    /// answered with why; the others are stored. One whose event or prediction is not there waits among the dead letters.
    /// Items of one key take effect in their order. Memory and time are bounded by the item limit.
    public func takeOutcomes(_ body: JSONValue, itemLimit: Int = 10_000, scope: Scope) async throws -> JSONValue {
        try scope.require(.outcomesWrite, on: .project(project))
        guard let items = body.array ?? (body.object != nil ? [body] : nil) else {
            throw PlatformError(.invalid, "outcomes are a list of objects, found \(body.kind)")
        }
        guard items.count <= itemLimit else {
            throw PlatformError(
                .tooMany, "\(items.count) outcomes in one request; at most \(itemLimit) are taken",
                hint: "send them as a file, of any length: POST /api/v1/outcomes/ingest, or 'martlet outcome FILE'")
        }
        var report = OutcomeReport()
        var read = OutcomeReader.read(items, stream: nil)[...]
        let origin = DeadLetterTable.Origin(source: "api", header: nil, isHistory: false, isOutcome: true)
        while !read.isEmpty {
            try await take(Array(read.prefix(limits.outcomeItems)), origin, stream: nil, &report)
            read = read.dropFirst(limits.outcomeItems)
        }
        return report.json
    }

    /// Takes a whole input of outcomes, plain or gzip, piece by piece, as ``takeOutcomes(_:itemLimit:scope:)`` takes a list.
    ///
    /// What was answered is durable. Memory is bounded by a few batches, whatever the input's length.
    ///
    /// - Parameter next: the next bytes of the input; nil at its end.
    public func ingestOutcomes(
        _ options: OutcomeOptions, scope: Scope, next: () async throws -> [UInt8]?
    ) async throws -> OutcomeReport {
        try scope.require(.outcomesWrite, on: .project(project))
        if let stream = options.stream { _ = try self.stream(stream) }
        var reader = outcomeReader(options)
        var decoder = InputDecoder()
        var report = OutcomeReport()
        var plainBytes = 0
        var waiting: ArraySlice<UInt8> = []
        var isOpen = true
        while isOpen {
            var plain: [UInt8] = []
            if waiting.isEmpty, let piece = try await next() { waiting = piece[...] }
            if waiting.isEmpty {
                try decoder.finish { plain.append(contentsOf: $0) }
                isOpen = false
            } else {
                // Compressed bytes are decoded in slices, since little may mean much.
                let slice = waiting.prefix(Self.outcomeSlice)
                try slice.withUnsafeBytes { bytes in try decoder.read(bytes) { plain.append(contentsOf: $0) } }
                waiting = waiting.dropFirst(slice.count)
            }
            plainBytes += plain.count
            guard plainBytes <= options.plainBytes else {
                throw PlatformError(
                    .tooMany, "'\(options.source)' has more than \(options.plainBytes) bytes once it is decompressed", hint: "send it in parts")
            }
            reader.append(plain, isLast: !isOpen)
            guard reader.heldBytes <= limits.jsonBytes else {
                throw PlatformError(
                    .tooMany, "a JSON array may have \(limits.jsonBytes) bytes, since it is read as a whole",
                    hint: "send one object a line, as NDJSON, of any length")
            }
            while let items = try reader.next(limit: limits.outcomeItems) {
                try await take(items, reader.origin(options.source), stream: options.stream, &report)
                guard report.waiting <= limits.deadLettersPerFile else {
                    throw PlatformError(
                        .tooMany, "of more than \(limits.deadLettersPerFile) outcomes of '\(options.source)' the events are not there",
                        place: report.rejections.first?.place,
                        hint: "\(report.accepted) outcomes are stored and stay; bring in the events, and send the file again")
                }
            }
        }
        return report
    }

    private static let outcomeSlice = 64 << 10

    func outcomeReader(_ options: OutcomeOptions) -> OutcomeReader {
        OutcomeReader(
            format: options.format, stream: options.stream, uniqueFields: inForce.streams.mapValues { $0.contract.unique },
            ignoringUnknown: options.ignoringUnknown)
    }

    /// Stores outcomes, folds them, and keeps those that wait for their event or prediction.
    private func take(
        _ items: [ReadOutcome], _ origin: DeadLetterTable.Origin, stream: String?, _ report: inout OutcomeReport
    ) async throws {
        let fates: [OutcomeFate]
        do { fates = try await record(items) } catch {
            // Some may have been stored before it failed, and count from now on.
            _ = try? await features.catchUp()
            throw error
        }
        try await features.catchUp()
        try keep(items, fates, origin)
        for (item, fate) in zip(items, fates) { report.count(fate, at: item.place) }
    }

    private func keep(_ items: [ReadOutcome], _ fates: [OutcomeFate], _ origin: DeadLetterTable.Origin) throws {
        let letters = waiting(items, fates)
        if letters.isEmpty { return }
        try database.write { transaction in
            for (stream, letters) in letters {
                try deadLetters.add(letters, stream: stream, origin: origin, at: world.clock.now(), transaction)
            }
        }
    }

    /// The dead letters of the outcomes that wait, by the stream under which they are kept, in order.
    ///
    /// - Parameter keepingAll: whether those that no event to come could help are kept as well.
    func waiting(
        _ items: [ReadOutcome], _ fates: [OutcomeFate], keepingAll: Bool = false, in stream: String? = nil
    ) -> [(stream: String, letters: [DeadLetter])] {
        var letters: [(stream: String, letters: [DeadLetter])] = []
        for (item, fate) in zip(items, fates) {
            guard case .refused(let refusal) = fate else { continue }
            guard let reason = refusal.waitingReason ?? (keepingAll ? .outOfRange : nil) else { continue }
            var name = stream ?? DeadLetterTable.predictionOutcomes
            if stream == nil, case .success(let outcome) = item.item, case .event(let own, _) = outcome.subject { name = own }
            let letter = DeadLetter(place: item.place, faults: [DeadLetter.Fault(reason, message: refusal.message)], raw: item.raw)
            if let index = letters.firstIndex(where: { $0.stream == name }) {
                letters[index].letters.append(letter)
            } else {
                letters.append((name, [letter]))
            }
        }
        return letters
    }
}
