public import MartletAccess
public import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStorage
import MartletTraining
import MartletWorld

extension Platform {
    // MARK: - Filling the queue

    /// Looks at the predictions that were made since the last time, and puts those that a person should see in the queue.
    ///
    /// The items and the position up to which predictions were looked at are one transaction, so that none is seen twice or
    /// missed. Bounded in each call; the next one goes on.
    func fillReviews() async throws {
        let now = world.clock.now()
        try await finishReviews()
        try expireReviews(at: now)
        for (name, endpoint) in inForce.endpoints.sorted(by: { $0.key < $1.key }) {
            guard let review = endpoint.definition.review else { continue }
            let shares = mitigations.reviewShares(of: name)
            let stored = try database.read { try reviews.position(of: name, $0) }
            var position = stored
            var left = limits.reviewRows
            while left > 0 {
                let page = try await log.read(
                    from: position, streams: [PredictionRecord.stream(of: name)], maxRows: min(left, 5_000), maxBytes: 8 << 20)
                if page.next <= position { break }
                let rows = page.batches.reduce(0) { $0 + $1.positions.count }
                left -= max(rows, 1)
                let chosen = page.batches.filter { $0.kind == .prediction }.flatMap { Self.chosen($0, by: review, raisedBy: shares, of: name, at: now) }
                position = page.next
                // A position that nothing hangs on need not be stored each time that the log grows.
                if chosen.isEmpty, position - stored < Self.unstoredPositions { continue }
                try database.write { transaction in
                    try reviews.add(chosen, of: name, limit: review.limit, transaction)
                    try reviews.setPosition(of: name, to: position, transaction)
                }
            }
        }
    }

    private static let unstoredPositions: Int64 = 10_000
    /// How long an item that expired is still shown.
    private static let expiredKept = Timestamp.Span.days(30)

    private func expireReviews(at now: Timestamp) throws {
        let isDue = try database.read { try reviews.hasExpired(at: now, forgetting: Self.expiredKept, $0) }
        if isDue { try database.write { try reviews.expire(at: now, forgetting: Self.expiredKept, $0) } }
    }

    /// The decisions of a batch that are uncertain, or explored, and not too old to be looked at.
    ///
    /// - Parameter shares: what alarms let be explored when a decision was made.
    static func chosen(
        _ batch: StoredBatch, by review: ReviewDefinition, raisedBy shares: ReviewShares = ReviewShares([]), of endpoint: String, at now: Timestamp
    ) -> [ReviewItem] {
        let made = Timestamp(microseconds: batch.ingestTime)
        guard made + review.expire > now else { return [] }
        let count = batch.positions.count
        let outputs = Self.output(batch.rows)
        var isUncertain = [Bool](repeating: false, count: count)
        if let condition = review.condition {
            let columns = zip(condition.references, condition.referenceTypes).map { name, type -> Column in
                if name == ReviewDefinition.output { return outputs }
                let input = "input." + name.dropFirst(ReviewDefinition.inputPrefix.count)
                return batch.rows[input].flatMap { $0.type == type ? $0 : nil } ?? Column(repeating: .missing, type: type, count: count)
            }
            let holds = condition.evaluate(columns, rowCount: count).column
            for row in 0..<count { isUncertain[row] = holds[row] == .bool(true) }
        }
        return (0..<count).compactMap { row in
            let raised = shares.share(for: batch.uniqueKeys[row])
            let isExplored = review.explores(batch.uniqueKeys[row], raisedTo: raised)
            guard isUncertain[row] || isExplored, case .string(let id)? = batch.rows["id"]?[row] else { return nil }
            let output: Double? = if case .float64(let number) = outputs[row] { number } else { nil }
            return ReviewItem(
                prediction: id, endpoint: endpoint, position: batch.positions[row], time: Timestamp(microseconds: batch.eventTimes[row]),
                expires: made + review.expire, reason: isUncertain[row] ? .uncertain : .explored, isExplored: isExplored,
                propensity: isUncertain[row] ? 1 : max(review.explore, raised), output: output)
        }
    }

    /// One number a decision: of several outputs the greatest.
    private static func output(_ rows: Frame) -> Column {
        var greatest: [Double]?
        var number = 0
        while case .float64(let values)? = rows["output.\(number)"]?.storage {
            greatest = greatest.map { zip($0, values).map { max($0, $1) } } ?? values
            number += 1
        }
        return greatest.map { Column(.float64($0)) } ?? Column(repeating: .missing, type: .float64, count: rows.rowCount)
    }

    /// The positions of an endpoint's predictions that a person decided, within a page of the log.
    func reviewedPositions(of endpoint: String, in range: Range<Int64>) throws -> Set<Int64> {
        try database.read { try reviews.decidedPositions(of: endpoint, in: range, limit: 100_000, $0) }
    }

    // MARK: - Reading

    /// The queue, oldest first, and the number that the next page begins after; nil at the end.
    ///
    /// The decisions made since the last upkeep are looked at before, as far as the disk lets them be noted.
    public func reviewList(
        endpoint: String?, state name: String?, after id: Int64, limit: Int, scope: Scope
    ) async throws -> (items: [JSONValue], next: Int64?) {
        try scope.require(.reviewsRead, on: resource(.prediction, nil))
        let state = try name.map { name throws(PlatformError) in
            guard let state = ReviewItem.State(rawValue: name) else {
                throw PlatformError(
                    .invalid, "no review is in a state '\(name.prefix(60))'", place: "state",
                    hint: "states: " + ReviewItem.State.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return state
        }
        if let endpoint { _ = try self.endpoint(endpoint) }
        do { try await fillReviews() } catch is DatabaseError {}
        let count = min(limit, limits.pageRows)
        let found = try database.read { try reviews.list(endpoint: endpoint, state: state, after: id, limit: count, $0) }
        let now = world.clock.now()
        return (found.map { $0.item.json(at: now) }, found.count == count ? found.last?.id : nil)
    }

    /// One item with what a person needs to judge: inputs, output, and what the features contributed.
    public func review(_ prediction: String, scope: Scope) async throws -> JSONValue {
        try scope.require(.reviewsRead, on: resource(.prediction, prediction))
        let item = try database.read { try stored(prediction, $0) }
        var members: [(String, JSONValue)] = item.json(at: world.clock.now()).object?.members.map { ($0.key, $0.value) } ?? []
        if let row = try await log.row(at: item.position), let record = PredictionRecord(row.rows) {
            let inputs = zip(record.inputs.schema.fields, record.inputs.columns).map { ($0.name, JSONValue($1[0])) }
            members.append(("inputs", JSONValue.object(inputs)))
            let served = inForce.endpoints[record.endpoint]?.model.flatMap { Int64($0.version.number) == record.version ? $0 : nil }
            members.append(("answer", record.output(classes: served?.manifest.classes ?? [])))
            members.append(("explanation", record.isDegraded ? .null : try explanation(record, served)))
            members += labelMembers(of: record, classes: served?.manifest.classes ?? [])
        }
        return .object(members)
    }

    /// How many of an endpoint's decisions wait, were decided and were left out.
    func reviewCounts(of endpoint: String) throws -> JSONValue {
        try database.read { transaction in
            let counts = try reviews.counts(of: endpoint, transaction)
            let leftOut = try reviews.leftOut(of: endpoint, transaction)
            var members = ReviewItem.State.allCases.map { ($0.rawValue, JSONValue.int64(Int64(counts[$0] ?? 0))) }
            members.append(("left_out", JSONValue.int64(Int64(leftOut.values.reduce(0, +)))))
            return JSONValue.object(members)
        }
    }

    // MARK: - People at work

    /// Holds an item for the one who asks, so that no other judges it meanwhile.
    public func claimReview(_ prediction: String, requestID: String?, scope: Scope) throws -> JSONValue {
        try scope.require(.reviewsAnswer, on: resource(.prediction, prediction))
        let now = world.clock.now()
        let item = try database.write { transaction in
            var item = try stored(prediction, transaction)
            let span = inForce.endpoints[item.endpoint]?.definition.review?.claim ?? .minutes(30)
            try refusing { () throws(ReviewRefusal) in try item.claim(by: "\(scope.principal)", at: now, for: span) }
            try reviews.update(item, transaction)
            try audit.append(AuditRecord("review.claim", under: scope, requestID: requestID), in: transaction)
            return item
        }
        return item.json(at: now)
    }

    /// Takes a person's verdict: an outcome of the decision, in the log as any other.
    ///
    /// First the verdict and its audit entry are stored, then the outcome, then that it is there. Whatever a crash leaves
    /// undone is done at the next start, and what was done is not done again.
    public func answerReview(
        _ prediction: String, label: JSONValue, note: String?, requestID: String?, scope: Scope
    ) async throws -> JSONValue {
        try scope.require(.reviewsAnswer, on: resource(.prediction, prediction))
        try Self.check(note, "a note")
        return try await reviewing.hold {
            try await takeVerdict(prediction, label: label, note: note, requestID: requestID, scope: scope)
        }
    }

    private func takeVerdict(
        _ prediction: String, label: JSONValue, note: String?, requestID: String?, scope: Scope
    ) async throws -> JSONValue {
        let now = world.clock.now()
        let item = try database.write { transaction in
            var item = try stored(prediction, transaction)
            try refusing { () throws(ReviewRefusal) in
                try item.answer("\(label)", note: note, by: "\(scope.principal)", at: now, logEnd: log.end)
            }
            try reviews.update(item, transaction)
            try audit.append(
                AuditRecord(
                    "review.answer", under: scope, requestID: requestID,
                    details: ["endpoint": .text(item.endpoint), "reason": .text(item.reason.rawValue), "label": .text(String("\(label)".prefix(100)))]),
                in: transaction)
            return item
        }
        return try await carryOut(item, requestID: requestID).json(at: now)
    }

    /// Takes an objection to a decision: it waits for a person, whoever judged it before.
    ///
    /// - Throws: `tooMany` if no more may wait: an objection is refused, never dropped.
    public func contest(_ prediction: String, reason: String, requestID: String?, scope: Scope) async throws -> JSONValue {
        try scope.require(.reviewsContest, on: resource(.prediction, prediction))
        guard !reason.isEmpty else { throw PlatformError(.invalid, "an objection has a 'reason'") }
        try Self.check(reason, "a reason")
        guard let key = UUIDv7(prediction).map(PredictionRecord.key), let state = try await log.current(of: [key])[0],
            let row = try await log.row(at: state.position), let record = PredictionRecord(row.rows)
        else { throw PlatformError(.notFound, "no prediction has the id '\(prediction.prefix(60))'") }
        guard let review = inForce.endpoints[record.endpoint]?.definition.review else {
            throw PlatformError(
                .conflict, "nobody reviews the decisions of endpoint '\(record.endpoint)'", hint: "give the endpoint a 'review:'")
        }
        let now = world.clock.now()
        let item = try database.write { transaction in
            let known = try reviews.entry(prediction, transaction)?.item
            var item = known ?? ReviewItem(
                prediction: prediction, endpoint: record.endpoint, position: state.position, time: Timestamp(microseconds: record.time),
                expires: now, reason: .contested, isExplored: review.explores(key, raisedTo: mitigations.reviewShares(of: record.endpoint).share(for: key)), propensity: 1, output: record.outputs.max().map(Double.init))
            let isWaiting = known.map { $0.state == .open || $0.state == .claimed } ?? false
            guard try isWaiting || reviews.waiting(of: record.endpoint, transaction) < review.limit else {
                throw PlatformError(
                    .tooMany, "\(review.limit) decisions of '\(record.endpoint)' wait for a person already",
                    hint: "answer some with 'martlet reviews', or raise 'limit' of the endpoint's review")
            }
            try refusing { () throws(ReviewRefusal) in try item.contest(reason, expires: now + review.expire) }
            if known == nil { try reviews.insert(item, transaction) } else { try reviews.update(item, transaction) }
            try audit.append(
                AuditRecord("review.contest", under: scope, requestID: requestID, details: ["endpoint": .text(record.endpoint)]),
                in: transaction)
            return item
        }
        return item.json(at: now)
    }

    /// Carries out the verdicts that a crash, or a log that took nothing, left on their way.
    func finishReviews() async throws {
        try await reviewing.hold { try await finishVerdicts() }
    }

    private func finishVerdicts() async throws {
        let left = try database.read { try reviews.list(endpoint: nil, state: .answering, limit: limits.pageRows, $0) }
        for entry in left {
            if try await isInLog(entry.item) {
                try database.write { try finish(entry.item, $0) }
            } else {
                do { _ = try await carryOut(entry.item, requestID: nil) } catch is PlatformError {
                    // It was told and waits again.
                }
            }
        }
    }

    // MARK: - Details

    /// The most bytes of what a person writes.
    static let reviewWords = 2_000

    private static func check(_ words: String?, _ what: String) throws(PlatformError) {
        guard (words?.utf8.count ?? 0) <= reviewWords else { throw PlatformError(.tooMany, "\(what) has at most \(reviewWords) bytes") }
    }

    private func stored(_ prediction: String, _ database: any DatabaseReader) throws -> ReviewItem {
        guard let entry = try reviews.entry(prediction, database) else {
            throw PlatformError(
                .notFound, "no review is of a prediction '\(prediction.prefix(60))'", hint: "list them with 'martlet reviews list'")
        }
        return entry.item
    }

    private func refusing(_ body: () throws(ReviewRefusal) -> Void) throws(PlatformError) {
        do throws(ReviewRefusal) { try body() } catch {
            switch error {
            case .held(let until): throw PlatformError(.conflict, "another person holds it until \(until)", hint: "take another one")
            case .decided: throw PlatformError(.conflict, "it was decided", hint: "contest the prediction to have it judged anew")
            case .expired: throw PlatformError(.conflict, "it is too late: nobody judged it in time", hint: "contest the prediction to have it judged anew")
            }
        }
    }

    /// Puts a verdict in the log, then notes that it is there; one that cannot be taken waits again.
    private func carryOut(_ item: ReviewItem, requestID: String?) async throws -> ReviewItem {
        let label = try JSONValue(parsing: item.label ?? "null")
        let outcome = OutcomeItem(subject: .prediction(id: item.prediction), label: .json(label))
        let fate = try await record([ReadOutcome(place: .item(1), raw: [], item: .success(outcome))])[0]
        guard case .refused(let refusal) = fate else {
            try await features.catchUp()
            return try database.write { try finish(item, $0) }
        }
        try database.write { transaction in
            guard var current = try reviews.entry(item.prediction, transaction)?.item, current.state == .answering else { return }
            current.giveUp()
            try reviews.update(current, transaction)
            try audit.append(
                AuditRecord(
                    actor: item.holder ?? "system:review", action: "review.answer",
                    resource: "\(resource(.prediction, item.prediction))", outcome: .failed, requestID: requestID,
                    details: ["reason": .text(refusal.reason.rawValue)]),
                in: transaction)
        }
        throw PlatformError(refusal.reason == .invalid ? .invalid : .conflict, refusal.message, place: "label")
    }

    @discardableResult
    private func finish(_ item: ReviewItem, _ transaction: any DatabaseTransaction) throws -> ReviewItem {
        guard var current = try reviews.entry(item.prediction, transaction)?.item, current.state == .answering else { return item }
        current.finish()
        try reviews.update(current, transaction)
        return current
    }

    /// Whether a verdict's outcome was stored after it was given; also where a later one took its place since.
    private func isInLog(_ item: ReviewItem) async throws -> Bool {
        guard let row = try await log.row(at: item.position), let record = PredictionRecord(row.rows), let id = UUIDv7(item.prediction),
            let model = inForce.project?.model(record.model), let stream = inForce.streams[model.source]
        else { return false }
        let label = try JSONValue(parsing: item.label ?? "null")
        let field = model.label.references.count == 1 ? stream.definition[model.label.references[0]] : nil
        guard let value = try? OutcomeItem.Written.json(label).value(as: field?.type ?? model.label.type, named: "label") else { return false }
        let keys = [PredictionRecord.key(id), stream.keys(ofInputs: record.inputs)[0]].filter { $0 != .none }
        var position = item.logEnd ?? 0
        while position < log.end {
            let page = try await log.read(
                from: position, streams: [PredictionRecord.stream(of: item.endpoint), stream.name], maxRows: 10_000, maxBytes: 8 << 20)
            for batch in page.batches where batch.kind == .outcome {
                for (row, key) in batch.uniqueKeys.enumerated() where keys.contains(key) {
                    let name = batch.stream == stream.name ? field?.name ?? "" : "outcome"
                    if batch.rows[name]?[row] == value { return true }
                }
            }
            if page.next <= position { break }
            position = page.next
        }
        return false
    }
}

extension ReviewItem {
    /// As the native API tells it; one whose holder's time is over is open.
    func json(at now: Timestamp) -> JSONValue {
        func time(_ moment: Timestamp?) -> JSONValue { moment.map { .string("\($0)") } ?? .null }
        func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
        let isLapsed = state == .claimed && heldUntil.map { $0 <= now } ?? true
        let shown = (state == .open || state == .claimed) && expires <= now ? State.expired : isLapsed ? .open : state
        return .object([
            ("prediction_id", .string(prediction)), ("endpoint", .string(endpoint)), ("time", time(self.time)),
            ("reason", .string(reason.rawValue)), ("explored", .bool(isExplored)), ("propensity", .float64(propensity)),
            ("output", output.map(JSONValue.float64) ?? .null), ("state", .string(shown.rawValue)),
            ("holder", isLapsed ? .null : text(holder)), ("held_until", isLapsed ? .null : time(heldUntil)), ("expires", time(expires)),
            ("label", label.flatMap { try? JSONValue(parsing: $0) } ?? .null), ("note", text(note)), ("objection", text(objection)),
            ("decided", time(decided)),
        ])
    }
}
