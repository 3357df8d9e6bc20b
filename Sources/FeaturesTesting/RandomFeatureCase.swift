public import MartletExpressions
import MartletFeatures
public import MartletFrames

/// A random view, log and questions, the same for a seed on every platform.
///
/// The log has late, equal-time, corrected, retracted and duplicate records, outcomes, hot and rare entities, missing
/// keys and extreme values. Times sit on a coarse grid, and questions aim at edges (of windows, of `absent`, of known
/// times), so that one-off mistakes show. Window lengths go from 1 µs to days.
public struct RandomFeatureCase: Sendable {
    /// How much: at most 8, 60, 600 or 5,000 records.
    public enum Size: Int, Sendable, CaseIterable {
        case tiny = 8
        case small = 60
        case medium = 600
        case large = 5_000
    }

    public let seed: UInt64
    public private(set) var featureCase: FeatureCase

    private var random: SplitMix64
    /// Chance in percent that a number is an extreme one.
    private let extremes: Int
    /// The grid of the times.
    private let unit: Int64
    private let origin: Int64
    private let span: Int
    private let knownTimes: KnownTimes
    private let hasUniqueKeys: Bool
    private let entities: [[Value]]

    private enum KnownTimes: CaseIterable, Sendable {
        /// The log was written live: known times ascend.
        case ascending
        /// A file of history was loaded: known when it happened, or a delay later.
        case history
        case anything
    }

    /// - Parameter compile: makes the plan's expressions; the texts use comparisons, arithmetic, logic, `has`, `orValue`.
    public init(seed: UInt64, size: Size = .small, compile: ExpressionCompiler = compileOverFields) throws {
        self.seed = seed
        random = SplitMix64(seed: seed)
        extremes = random.pick([0, 5, 50])
        unit = random.pick([1, 1_000, 1_000_000, 3_600_000_000, 86_400_000_000])
        origin = random.pick([0, 1_525_000_000_000_000, -1_000_000_000_000, -3]) / unit * unit
        span = random.pick([4, 12, 60])
        knownTimes = random.pick(KnownTimes.allCases)
        hasUniqueKeys = random.chance(85)

        let schema = Schema([
            Field("at", .timestamp), Field("user", .string, isOptional: true), Field("account", .int64, isOptional: true),
            Field("amount", .float64, isOptional: true), Field("quantity", .int64, isOptional: true),
            Field("flag", .bool, isOptional: true), Field("label", .string, isOptional: true),
            Field("seen", .timestamp, isOptional: true), Field("late", .bool, isOptional: true),
            Field("score", .float64, isOptional: true),
        ])
        let keyNames = random.pick([["user"], ["account"], ["user", "account"]])
        let users: [Value] = ["u1", "u2", "", "é", "e\u{301}", "a longer name of an entity"].map { .string($0) }
        let accounts: [Value] = [0, 1, -1, .max, .min, 42].map { .int64($0) }
        entities = (0..<(1 + random.below(6))).map { [users[$0], accounts[$0]] }
        featureCase = FeatureCase(
            schema: schema,
            plan: ViewPlan(
                name: "random", source: "source", entityKeys: keyNames.compactMap { schema[$0] }, eventTime: "at",
                filter: nil, aggregations: []),
            records: [], questions: [])
        try makePlan(compile)
        makeRecords(count: 1 + random.below(size.rawValue))
        makeQuestions(count: size == .tiny ? 8 : 24)
    }

    // MARK: Plan

    private static let filters = [
        "amount > 0.0", "flag", "late", "!late", "quantity >= 0 && amount < 100.0", "label == 'a'", "has(amount)",
        "late || flag", "score.orValue(0.0) > -1.0", "quantity + 1 > 0",
    ]
    private static let numbers = [
        "amount", "amount", "quantity", "flag", "late", "score", "amount * 2.0", "quantity + 1", "amount / score",
        "amount > 1.0", "late || flag", "has(label)",
    ]

    private mutating func makePlan(_ compile: ExpressionCompiler) throws {
        let schema = featureCase.schema
        if random.chance(50) { featureCase.plan.filter = try compile(random.pick(Self.filters), schema) }
        for index in 0..<(1 + random.below(6)) {
            let function = random.pick(AggregationFunction.allCases)
            let text: String
            switch function {
            case .min, .max: text = random.pick(["amount", "quantity", "seen", "score", "amount * -1.0"])
            case .first, .last, .distinctCount: text = random.pick(Self.numbers + ["label", "label", "seen", "user"])
            default: text = random.pick(Self.numbers)
            }
            let isCountOfEvents = function == .count && random.chance(50)
            var aggregation = Aggregation(
                name: "f\(index)", function: function, argument: isCountOfEvents ? nil : try compile(text, schema),
                length: Timestamp.Span(microseconds: windowLength()))
            if random.chance(30) { aggregation.offset.microseconds = windowLength() }
            let read = (aggregation.argument?.references ?? []) + (featureCase.plan.filter?.references ?? [])
            let late = read.filter { $0 == "late" || $0 == "score" }
            if !late.isEmpty, random.chance(60) {
                let field = random.pick(late)
                let value: Value = field == "late" ? .bool(random.chance(30)) : .float64(random.pick([0.0, -0.0, 2.5]))
                let after = random.chance(20) ? aggregation.offset.microseconds : windowLength()
                aggregation.absent = AbsentRule(
                    field: field, value: value, after: Timestamp.Span(microseconds: after))
            }
            featureCase.plan.aggregations.append(aggregation)
        }
    }

    private mutating func windowLength() -> Int64 {
        if random.chance(10) { return 1 }
        // The times of a case spread over three spans: a window may hold few of its events, or most.
        return Int64(1 + random.below(random.chance(40) ? 3 * span : span)) * unit + (random.chance(10) ? 1 : 0)
    }

    // MARK: Log

    private mutating func makeRecords(count: Int) {
        var rows: [Fingerprint: [Value]] = [:]
        var keys: [Fingerprint] = []
        var retracted: [Fingerprint] = []
        var position = Int64(random.below(3))
        for index in 0..<count {
            let superseded = keys.isEmpty || random.chance(65) ? nil : random.pick(keys)
            var record: LogRecord
            if let key = superseded, let current = rows[key] {
                record = LogRecord(random.pick([.correction, .outcome, .outcome, .retraction]), key: key, position: position, knownTime: 0)
                switch record.kind {
                case .correction: record.row = corrected(current)
                case .outcome: record.row = outcome()
                default: break
                }
                if record.kind == .retraction {
                    keys.removeAll { $0 == key }
                    retracted.append(key)
                } else {
                    rows[key] = zip(record.row, current).map { $0 == .missing && record.kind == .outcome ? $1 : $0 }
                }
            } else {
                var key = hasUniqueKeys ? newKey() : .none
                // A duplicate, which a log refuses; or a key that comes again after its event was retracted.
                if hasUniqueKeys, random.chance(4) { key = random.pick(keys + retracted + [key]) }
                record = LogRecord(.event, key: key, position: position, knownTime: 0, row: newRow())
                if hasUniqueKeys, !keys.contains(key) {
                    keys.append(key)
                    rows[key] = record.row
                }
            }
            record.knownTime = knownTime(of: record, current: rows[record.key], index: index, count: count)
            featureCase.records.append(record)
            position += 1 + (random.chance(10) ? Int64(random.below(5)) : 0)
        }
    }

    private mutating func newKey() -> Fingerprint {
        Fingerprint(high: random.pick([0, 1, 1 << 63, .max]), low: random.next() | 1)
    }

    private mutating func time() -> Int64 {
        origin + Int64(random.below(3 * span)) * unit + (random.chance(10) ? Int64(random.below(3)) - 1 : 0)
    }

    private mutating func newRow() -> [Value] {
        // The first entity is hot.
        var entity = random.chance(50) ? entities[0] : random.pick(entities)
        if random.chance(3) { entity[random.below(2)] = .missing }
        let row: [Value] = [
            .timestamp(Timestamp(microseconds: time())), entity[0], entity[1], .float64(double()), .int64(integer()),
            .bool(random.chance(50)), .string(random.pick(["a", "b", "", "é", "e\u{301}", "a text that is longer"])),
            .timestamp(Timestamp(microseconds: time())), .bool(random.chance(40)), .float64(double()),
        ]
        // Late fields mostly have not come yet.
        return row.enumerated().map { index, value in
            index > 2 && random.chance(index > 7 ? 50 : 10) ? .missing : value
        }
    }

    private mutating func corrected(_ current: [Value]) -> [Value] {
        let other = newRow()
        var row = current
        for _ in 0..<(1 + random.below(3)) {
            let index = random.below(row.count)
            row[index] = other[index]
        }
        return row
    }

    private mutating func outcome() -> [Value] {
        var row = featureCase.schema.fields.map { _ in Value.missing }
        if random.chance(80) { row[8] = .bool(random.chance(50)) }
        if random.chance(50) { row[9] = .float64(double()) }
        return row
    }

    private mutating func knownTime(of record: LogRecord, current: [Value]?, index: Int, count: Int) -> Int64 {
        switch knownTimes {
        case .ascending:
            return origin + Int64(3 * span * index / count) * unit
        case .history:
            guard case .timestamp(let moment)? = record.kind == .event ? record.row.first : current?.first else {
                return time()
            }
            return moment.microseconds + (random.chance(50) ? 0 : Int64(random.below(span)) * unit)
        case .anything:
            return time()
        }
    }

    private mutating func double() -> Double {
        if random.chance(extremes) {
            if random.chance(40) {
                let value = Double(bitPattern: random.next())
                if value.isFinite { return value }
            }
            return random.pick([
                0.0, -0.0, 1e16, -1e16, 1e308, -1e308, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude,
                0.1, 1.0, 9007199254740993.0, -0.1,
            ])
        }
        return random.chance(20) ? Double(random.below(4)) : Double(random.below(20_000) - 2_000) / 100
    }

    private mutating func integer() -> Int64 {
        if random.chance(extremes) { return random.pick([.max, .min, .max - 1, 1 << 53, Int64(bitPattern: random.next())]) }
        return Int64(random.below(20)) - 5
    }

    // MARK: Questions

    private mutating func makeQuestions(count: Int) {
        let plan = featureCase.plan
        let records = featureCase.records
        let cuts = [Int64.max, .max] + (0..<3).map { _ in random.pick(records).position + Int64(random.below(2)) }
        for _ in 0..<count {
            let anchor = random.pick(records)
            let aggregation = random.pick(plan.aggregations)
            var entity = random.pick(entities)
            var moment = time()
            if case .timestamp(let time)? = anchor.row.first, random.chance(85) {
                let shift = random.pick([
                    0, aggregation.offset.microseconds, aggregation.offset.microseconds + aggregation.length.microseconds,
                    aggregation.absent?.after.microseconds ?? aggregation.length.microseconds, anchor.knownTime - time.microseconds,
                ])
                moment = time.microseconds + shift
                entity = [anchor.row[1], anchor.row[2]]
                if random.chance(25) { moment += random.pick([-1, 1]) }
            }
            if random.chance(2) { entity = [.missing, .missing] }
            var question = FeatureCase.Question(
                entity: plan.entityKeys.map { $0.name == "user" ? entity[0] : entity[1] }, time: moment,
                cut: random.pick(cuts), asKnown: random.chance(40))
            if random.chance(40) {
                question.ownKey = random.pick([anchor.key, anchor.key, random.pick(records).key, .none])
            }
            featureCase.questions.append(question)
        }
    }

    // MARK: The same in another order

    /// The same records, arrived in another order: those of one key keep theirs.
    ///
    /// Every question is then asked over all records, so the answers must be those of ``askedOverEverything``.
    public func arrivingInAnotherOrder(_ variant: UInt64) -> FeatureCase {
        var random = SplitMix64(seed: seed ^ variant &* 0x9E37_79B9)
        var result = askedOverEverything
        var order = Array(result.records.indices)
        random.shuffle(&order)
        // The places of a key's records, shuffled, are filled with them in their own order.
        var places: [Fingerprint: [Int]] = [:]
        for (place, index) in order.enumerated() { places[result.records[index].key, default: []].append(place) }
        var used: [Fingerprint: Int] = [:]
        for record in featureCase.records {
            let turn = used[record.key, default: 0]
            used[record.key] = turn + 1
            guard let place = places[record.key]?[turn] else { preconditionFailure("a key has as many places as records") }
            result.records[place] = record
            result.records[place].position = featureCase.records[place].position
        }
        return result
    }

    /// The case with every question's cut after the last record.
    public var askedOverEverything: FeatureCase {
        var result = featureCase
        for index in result.questions.indices { result.questions[index].cut = .max }
        return result
    }
}
