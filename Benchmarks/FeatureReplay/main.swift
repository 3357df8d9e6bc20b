import Foundation
import MartletExpressions
import MartletFeatures
import MartletFrames

/// Folds a stream of synthetic payments into two views and reads every row back as a training set.
///
///     FeatureReplay [events] [batch rows] [repeats] [live reads]
///
/// Prints the seconds of each part and a checksum of the features, so that an answer that changes shows.
struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}

let day: Int64 = 86_400_000_000
let schema = Schema([
    Field("at", .timestamp), Field("customer", .string), Field("terminal", .string), Field("amount", .float64), Field("label", .bool),
])

func batch(_ range: Range<Int>, of total: Int, _ random: inout SplitMix) -> EventChanges {
    var times: [Int64] = []
    var customers = ColumnBuilder(.string), terminals = ColumnBuilder(.string)
    var amounts = ColumnBuilder(.float64), labels = ColumnBuilder(.bool)
    var known: [Int64] = [], keys: [Fingerprint] = [], payloads: [Fingerprint] = []
    for row in range {
        let time = 1_522_540_800_000_000 + Int64(Double(row) / Double(total) * 183 * Double(day))
        times.append(time)
        known.append(time)
        customers.append("c\(random.below(5_000))")
        terminals.append("t\(random.below(10_000))")
        amounts.append(Double(random.below(20_000)) / 100)
        labels.append(random.below(100) == 0)
        keys.append(Fingerprint(high: random.next(), low: random.next()))
        payloads.append(Fingerprint(high: random.next(), low: random.next()))
    }
    return EventChanges(
        rows: Frame(schema, [Column(.timestamp(times)), customers.finish(), terminals.finish(), amounts.finish(), labels.finish()]),
        isRemoval: Array(repeating: false, count: range.count), positions: range.map(Int64.init), knownTimes: known,
        supersededPositions: Array(repeating: 0, count: range.count), uniqueKeys: keys, payloads: payloads)
}

func plan(_ key: String, _ argument: String, offset: Timestamp.Span) throws -> ViewPlan {
    let expression = try CompiledExpression.compile(argument, in: ExpressionScope(schema))
    let windows: [Timestamp.Span] = [.days(1), .days(7), .days(30)]
    return ViewPlan(
        name: key, source: "payments", entityKeys: [Field(key, .string)], eventTime: "at", filter: nil,
        aggregations: windows.map { Aggregation(name: "count_\($0)", function: .count, argument: nil, length: $0, offset: offset) }
            + windows.map { Aggregation(name: "mean_\($0)", function: .mean, argument: expression, length: $0, offset: offset) })
}

func seconds(_ body: () -> Void) -> Double {
    // Processor time, not the wall's: other programs may run.
    let start = clock()
    body()
    return Double(clock() - start) / Double(CLOCKS_PER_SEC)
}

let total = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 1_400_000 : 1_400_000
let batchRows = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 65_536 : 65_536
let repeats = CommandLine.arguments.count > 3 ? Int(CommandLine.arguments[3]) ?? 1 : 1
let liveReads = CommandLine.arguments.count > 4 ? Int(CommandLine.arguments[4]) ?? 100_000 : 100_000
var random = SplitMix(state: 7)
let batches = stride(from: 0, to: total, by: batchRows).map { batch($0..<min($0 + batchRows, total), of: total, &random) }

func joined(_ name: String) -> Column {
    var builder = ColumnBuilder(schema[name]?.type ?? .string)
    for changes in batches { if let column = changes.rows[name] { builder.append(contentsOf: column) } }
    return builder.finish()
}
let times = batches.flatMap(\.knownTimes)
let keys = batches.flatMap(\.uniqueKeys)
let plans = [try plan("customer", "amount", offset: .zero), try plan("terminal", "label", offset: .days(7))]
let entityColumns = plans.map { joined($0.name) }

for _ in 0..<repeats {
    var sum = 0.0
    var checksum: UInt64 = 0
    for (plan, entities) in zip(plans, entityColumns) {
        var state = ViewState(plan: plan)
        let fold = seconds { for changes in batches { state.update(changes) } }
        var columns: [Column] = []
        let read = seconds {
            columns = state.read(FeatureQuestions(entityKeys: [entities], times: times, cut: .max, asKnown: true, ownKeys: keys))
        }
        for column in columns {
            switch column.storage {
            case .int64(let values): for value in values { checksum = checksum &* 31 &+ UInt64(bitPattern: value) }
            case .float64(let values): for value in values { checksum = checksum &* 31 &+ value.bitPattern }
            default: break
            }
        }
        // A live read asks for one row; the questions are made before the clock starts.
        let asked = stride(from: 0, to: min(2 * liveReads, total), by: 2).map { row in
            FeatureQuestions(entityKeys: [entities.gathering([total - 1 - row])], times: [times[total - 1 - row]], cut: .max)
        }
        let live = seconds { for questions in asked { _ = state.read(questions) } }
        let statistics = state.statistics
        print("\(plan.name): fold \(fold) s, read \(read) s, live read \(live / Double(max(asked.count, 1)) * 1e6) us a row;", statistics)
        sum += fold + read
    }
    print("\(total) events x \(plans.count) views: \(sum) s, checksum \(String(checksum, radix: 16))")
}
