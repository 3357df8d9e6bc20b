import MartletFeatures
import MartletFeaturesTesting
import MartletFeatureStore
import MartletFrames
import MartletSimulation
import MartletStorage
import MartletWorld
import Testing

/// A random case fed through a real event log, as far as the log took it: what live reads, backfills and training sets
/// must agree upon with the oracle.
private struct LoggedCase {
    let original: FeatureCase
    let log: FileEventLog
    let world: World
    /// What the log accepted, at the positions that it gave.
    private(set) var accepted: [LogRecord] = []
    private var originalPositions: [Int64] = []
    private var current: [Fingerprint: (position: Int64, row: [Value])] = [:]
    private let eventTime: Int

    init(_ original: FeatureCase) throws {
        self.original = original
        world = World(
            clock: VirtualClock(at: Timestamp(microseconds: 0)), random: SeededRandom(seed: 1), files: SimulatedFileSystem(seed: 1))
        log = try FileEventLog(world: world, folder: .root / "log")
        eventTime = original.schema.index(of: original.plan.eventTime) ?? 0
    }

    /// Appends one record, composed as the platform composes it.
    mutating func append(_ record: LogRecord) async throws {
        let before = current[record.key]
        var row = record.row
        switch record.kind {
        case .event: break
        case .correction: guard before != nil else { return }
        case .outcome:
            guard let before else { return }
            row = zip(record.row, before.row).map { $0 == .missing ? $1 : $0 }
        case .retraction:
            guard let before else { return }
            row = before.row
        }
        guard case .timestamp(let time) = row[eventTime] else { return }
        let kind: RecordKind =
            switch record.kind {
            case .event: .event
            case .correction: .correction
            case .outcome: .outcome
            case .retraction: .retraction
            }
        let columns = original.schema.fields.indices.map { Column([row[$0]], type: original.schema.fields[$0].type) }
        // Every version its own payload, so that the log's rule for equal ones does not blur the case.
        let payload = record.payload ?? Fingerprint(high: UInt64(accepted.count), low: UInt64(bitPattern: record.position))
        let batch = RecordBatch(
            stream: original.plan.source, kind: kind, rows: Frame(original.schema, columns, rowCount: 1),
            eventTimes: [time.microseconds], knownTimes: [record.knownTime], uniqueKeys: [record.key], payloads: [payload],
            expected: kind.supersedes ? [before?.position ?? 0] : nil)
        guard case .accepted(let position) = try await log.append([batch])[0][0] else { return }
        accepted.append(LogRecord(
            record.kind, key: record.key, position: position, knownTime: record.knownTime, row: record.kind == .outcome ? row : record.row,
            payload: payload))
        originalPositions.append(record.position)
        if record.key != .none { current[record.key] = record.kind == .retraction ? nil : (position, row) }
    }

    /// The case as the log holds it, its cuts among the log's positions.
    var logged: FeatureCase {
        var questions = original.questions
        for index in questions.indices where questions[index].cut != .max {
            questions[index].cut = Int64(originalPositions.count { $0 < questions[index].cut })
        }
        return FeatureCase(schema: original.schema, plan: original.plan, records: accepted, questions: questions)
    }

    func store() throws -> FeatureStore {
        var limits = FeatureStore.Limits()
        limits.foldRows = 7
        limits.backfillRows = 13
        return try FeatureStore(log: log, files: world.files, folder: .root / "features", limits: limits)
    }
}

private let hash = "view"

private func recipe(_ plan: ViewPlan) -> FeatureRecipe {
    let fields = plan.aggregations.map { Field($0.name, $0.resultType, isOptional: true) }
    let read = FeatureRecipe.ViewRead(state: hash, prefix: plan.name, keys: plan.entityKeys.map(\.name), features: fields)
    return FeatureRecipe(
        reads: [read], derivations: [], outputs: fields.map { .init(Field($0.name, $0.type, isOptional: true), from: "\(plan.name).\($0.name)") })
}

/// Compares a store's answers with the oracle's: live ones as of the newest cut, others as of their own.
private func compare(_ store: FeatureStore, _ featureCase: FeatureCase, seed: UInt64, _ what: String) async throws {
    var oracle = FeatureOracle(featureCase.plan)
    for batch in featureCase.log.batches(splitAt: []) { oracle.update(batch) }
    let recipe = recipe(featureCase.plan)
    for indices in featureCase.batchableQuestions(Array(featureCase.questions.indices)) {
        let questions = featureCase.batch(indices)
        let expected = oracle.read(questions)
        let keys = Frame(
            Schema(featureCase.plan.entityKeys.map { Field($0.name, $0.type, isOptional: true) }), questions.entityKeys,
            rowCount: indices.count)
        var answers: [Frame] = []
        let cut = questions.cut == .max ? store.cut : questions.cut
        answers.append(try store.compute(
            recipe, keys, at: questions.times, ownKeys: questions.ownKeys, cut: cut, asKnown: questions.asKnown).features)
        answers.append(try await store.computeSideBySide(
            recipe, keys, at: questions.times, ownKeys: questions.ownKeys, cut: cut, asKnown: questions.asKnown).features)
        if questions.cut == .max, !questions.asKnown {
            answers.append(try store.compute(recipe, keys, at: questions.times, ownKeys: questions.ownKeys).result.features)
        }
        for answer in answers {
            for (index, column) in expected.enumerated() {
                #expect(
                    answer.columns[index].isIdentical(to: column),
                    "seed \(seed), \(what), \(featureCase.plan.aggregations[index].name)")
            }
        }
    }
}

@Suite("Live reads, backfills and training sets over a real log")
struct StoreAgreementTests {
    @Test("agree with the oracle bit for bit, folded live or at once, and across restarts", arguments: 0..<60)
    func agreement(_ seed: UInt64) async throws {
        let random = try RandomFeatureCase(seed: seed, size: .small)
        var logged = try LoggedCase(random.featureCase)
        let view = FeatureStore.View(hash: hash, plan: random.featureCase.plan, source: random.featureCase.schema)

        // Live: folded as records come, with reads between, and a restart from a snapshot half-way.
        var live = try logged.store()
        try await live.setViews([view])
        let records = random.featureCase.records
        for (index, record) in records.enumerated() {
            try await logged.append(record)
            if index % 5 == Int(seed % 5) { try await live.catchUp() }
            if index == records.count / 2 {
                try await live.catchUp()
                try await live.writeSnapshots()
                live = try logged.store()
                try await live.setViews([view])
            }
        }
        try await live.catchUp()
        #expect(live.cut == logged.log.end)
        try await compare(live, logged.logged, seed: seed, "live")

        // Backfill: the whole log at once, by a store that has never seen it and finds a stale snapshot.
        let backfilled = try logged.store()
        try await backfilled.setViews([view])
        #expect(backfilled.cut == logged.log.end)
        try await compare(backfilled, logged.logged, seed: seed, "backfill")
        try await logged.log.close()
    }

    @Test("a damaged snapshot is made up for by folding")
    func damagedSnapshot() async throws {
        let random = try RandomFeatureCase(seed: 5, size: .small)
        var logged = try LoggedCase(random.featureCase)
        for record in random.featureCase.records { try await logged.append(record) }
        let view = FeatureStore.View(hash: hash, plan: random.featureCase.plan, source: random.featureCase.schema)
        let first = try logged.store()
        try await first.setViews([view])
        try await first.writeSnapshots()
        let files = try #require(logged.world.files as? SimulatedFileSystem)
        let path = try #require(RelativePath("features/\(hash).state"))
        for offset in stride(from: 0, to: try #require(try files.size(path)), by: 37) {
            files.damage(path) { $0[offset] ^= 0x10 }
            let again = try logged.store()
            try await again.setViews([view])
            try await compare(again, logged.logged, seed: 5, "damaged at \(offset)")
            files.damage(path) { $0[offset] ^= 0x10 }
        }
        try await logged.log.close()
    }

    @Test("a view that comes later joins the others at their cut, and one that goes is forgotten")
    func viewsComeAndGo() async throws {
        let random = try RandomFeatureCase(seed: 9, size: .small)
        var logged = try LoggedCase(random.featureCase)
        let store = try logged.store()
        try await store.setViews([FeatureStore.View(hash: "other", plan: random.featureCase.plan, source: random.featureCase.schema)])
        for record in random.featureCase.records { try await logged.append(record) }
        try await store.setViews([
            FeatureStore.View(hash: "other", plan: random.featureCase.plan, source: random.featureCase.schema), FeatureStore.View(hash: hash, plan: random.featureCase.plan, source: random.featureCase.schema),
        ])
        try await store.catchUp()
        try await compare(store, logged.logged, seed: 9, "joined later")
        try await store.setViews([FeatureStore.View(hash: hash, plan: random.featureCase.plan, source: random.featureCase.schema)])
        #expect(Set(store.statistics.keys) == [hash])
        try await logged.log.close()
    }
}
