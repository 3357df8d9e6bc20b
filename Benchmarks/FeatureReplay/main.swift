import Foundation
import MartletExpressions
import MartletFeatures
import MartletFrames
import Synchronization

/// The engine's part of Benchmarks/features.sh: twelve features of every payment in a folder of columns.
///
///     FeatureReplay FOLDER [REPEATS [ROWS [BATCH]]]
///
/// Folds the columns that `features.py prepare` wrote into two views, in batches as a backfill does, and reads every row
/// back as a training set does, each view on a thread of its own. Writes the features to FOLDER/martlet, and the least wall and CPU
/// seconds of the repeats to FOLDER/martlet/seconds.
struct Payments: Sendable {
    static let schema = Schema([
        Field("at", .timestamp), Field("customer", .int64), Field("terminal", .int64), Field("amount", .float64), Field("label", .bool),
    ])

    let at: [Int64]
    let customer: [Int64]
    let terminal: [Int64]
    let keys: [Fingerprint]
    let batches: [EventChanges]

    init(_ folder: URL, rows: Int, batchRows: Int) throws {
        func column<Element: BitwiseCopyable>(_ name: String, _ type: Element.Type) throws -> [Element] {
            try Data(contentsOf: folder.appending(path: name)).withUnsafeBytes { Array($0.bindMemory(to: Element.self).prefix(rows)) }
        }
        at = try column("at", Int64.self)
        customer = try column("customer", Int64.self)
        terminal = try column("terminal", Int64.self)
        let amount = try column("amount", Double.self)
        let label = try column("label", Int64.self)
        // The log keeps a fingerprint of each key and payload; here they are of the row's number.
        func mixed(_ number: Int) -> UInt64 {
            var word = UInt64(bitPattern: Int64(number)) &* 0x9E37_79B9_7F4A_7C15
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            return word ^ (word >> 27)
        }
        let keys = at.indices.map { Fingerprint(high: mixed($0 + 1), low: mixed(~$0)) }
        self.keys = keys
        let (at, customer, terminal) = (at, customer, terminal)
        batches = stride(from: 0, to: at.count, by: batchRows).map { start in
            let part = start..<min(start + batchRows, at.count)
            let times = Array(at[part])
            var labels = Bitmap(repeating: false, count: part.count)
            for (index, row) in part.enumerated() where label[row] == 1 { labels[index] = true }
            return EventChanges(
                rows: Frame(
                    Self.schema,
                    [
                        Column(.timestamp(times)), Column(.int64(Array(customer[part]))), Column(.int64(Array(terminal[part]))),
                        Column(.float64(Array(amount[part]))), Column(.bool(labels)),
                    ]),
                isRemoval: [Bool](repeating: false, count: part.count), positions: part.map(Int64.init), knownTimes: times,
                supersededPositions: [Int64](repeating: 0, count: part.count), uniqueKeys: Array(keys[part]),
                payloads: Array(keys[part]))
        }
    }

    func features(of plan: ViewPlan) -> [Column] {
        var state = ViewState(plan: plan)
        for batch in batches { state.update(batch) }
        return state.read(FeatureQuestions(
            entityKeys: [Column(.int64(plan.name == "customer" ? customer : terminal))], times: at, cut: .max, asKnown: true,
            ownKeys: keys))
    }
}

func plan(_ key: String, _ argument: String, offset: Timestamp.Span) throws -> ViewPlan {
    let expression = try CompiledExpression.compile(argument, in: ExpressionScope(Payments.schema))
    let days: [Int64] = [1, 7, 30]
    return ViewPlan(
        name: key, source: "payments", entityKeys: [Field(key, .int64)], eventTime: "at", filter: nil,
        aggregations: days.map {
            Aggregation(name: "\(key)_count_\($0)d", function: .count, argument: nil, length: .days($0), offset: offset)
        } + days.map {
            Aggregation(name: "\(key)_mean_\($0)d", function: .mean, argument: expression, length: .days($0), offset: offset)
        })
}

func wallSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func write(_ column: Column, to file: URL) throws {
    switch column.storage {
    case .int64(let counts): try counts.withUnsafeBytes { try Data($0).write(to: file) }
    case .float64(let means):
        let values = means.indices.map { column.isMissing($0) ? .nan : means[$0] }
        try values.withUnsafeBytes { try Data($0).write(to: file) }
    default: break
    }
}

func argument(_ index: Int, default value: Int) -> Int {
    CommandLine.arguments.count > index ? Int(CommandLine.arguments[index]) ?? value : value
}

guard CommandLine.arguments.count > 1 else { fatalError("usage: FeatureReplay FOLDER [REPEATS [ROWS [BATCH]]]") }
let folder = URL(filePath: CommandLine.arguments[1])
let payments = try Payments(
    folder, rows: argument(3, default: .max), batchRows: argument(4, default: 65_536))
let plans = [try plan("customer", "amount", offset: .zero), try plan("terminal", "label", offset: .days(7))]
var best: (wall: Double, cpu: Double)?
var answers: [[Column]] = []
for _ in 0..<argument(2, default: 1) {
    answers = []
    let (wall, cpu) = (wallSeconds(), clock())
    let results = Mutex([[Column]](repeating: [], count: plans.count))
    DispatchQueue.concurrentPerform(iterations: plans.count) { index in
        let columns = payments.features(of: plans[index])
        results.withLock { $0[index] = columns }
    }
    answers = results.withLock { $0 }
    let taken = (wall: wallSeconds() - wall, cpu: Double(clock() - cpu) / Double(CLOCKS_PER_SEC))
    best = (min(taken.wall, best?.wall ?? .infinity), min(taken.cpu, best?.cpu ?? .infinity))
}
let target = folder.appending(path: "martlet")
try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
for (plan, columns) in zip(plans, answers) {
    for (aggregation, column) in zip(plan.aggregations, columns) { try write(column, to: target.appending(path: aggregation.name)) }
}
if let best { try Data("\(best.wall) \(best.cpu)\n".utf8).write(to: target.appending(path: "seconds")) }
