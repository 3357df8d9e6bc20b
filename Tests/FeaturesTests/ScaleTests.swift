@testable import MartletFeatures
import MartletExpressions
import MartletFeaturesTesting
import MartletFrames
import Testing

/// Many events of few customers, in order of time unless said otherwise.
private struct Stream {
    let schema = Schema([Field("at", .timestamp), Field("customer", .int64), Field("amount", .float64)])
    var random = SplitMix64(seed: 5)
    var position: Int64 = 0

    mutating func next(_ count: Int, customers: Int, lateness: Int = 1) -> EventChanges {
        var times: [Int64] = []
        var entities: [Int64] = []
        var amounts: [Double] = []
        var keys: [Fingerprint] = []
        for row in 0..<count {
            times.append(1000 * (position + Int64(row)) - Int64(random.below(lateness)))
            entities.append(Int64(random.below(customers)))
            amounts.append(Double(random.below(100_000)) / 100)
            keys.append(Fingerprint(high: random.next(), low: random.next()))
        }
        defer { position += Int64(count) }
        return EventChanges(
            rows: Frame(schema, [Column(.timestamp(times)), Column(.int64(entities)), Column(.float64(amounts))]),
            isRemoval: Array(repeating: false, count: count), positions: (0..<count).map { position + Int64($0) },
            knownTimes: times, supersededPositions: Array(repeating: 0, count: count), uniqueKeys: keys, payloads: keys)
    }

    func plan() throws -> ViewPlan {
        let amount = try compile("amount", schema)
        return ViewPlan(
            name: "customer", source: "payments", entityKeys: [Field("customer", .int64)], eventTime: "at", filter: nil,
            aggregations: [
                Aggregation(name: "count", function: .count, argument: nil, length: .seconds(1)),
                Aggregation(name: "mean", function: .mean, argument: amount, length: .seconds(60)),
                Aggregation(name: "max", function: .max, argument: amount, length: .seconds(1)),
                Aggregation(name: "stddev", function: .stddev, argument: amount, length: .seconds(60)),
            ])
    }
}

@Suite("Large states")
struct ScaleTests {
    @Test("a hot key's events in order cost a constant number of steps each")
    func hotKey() throws {
        #if DEBUG
        let total = 1 << 17
        #else
        let total = 1 << 20
        #endif
        var stream = Stream()
        var state = ViewState(plan: try stream.plan())
        for _ in 0..<(total / 1024) { state.update(stream.next(1024, customers: 1)) }
        #expect(state.statistics.versions == total)
        // Each is summarised once, and moved as often as a region that doubles moves: less than once on average.
        #expect(state.arena.stepCount <= 2 * total)
        // Live: one event a batch.
        let before = state.arena.stepCount
        for _ in 0..<4096 { state.update(stream.next(1, customers: 1)) }
        #expect(state.arena.stepCount - before <= 2 * total + 8192)
    }

    @Test("regions that entities outgrew are used again")
    func regions() throws {
        var stream = Stream()
        var state = ViewState(plan: try stream.plan())
        for _ in 0..<64 { state.update(stream.next(2048, customers: 500)) }
        // 500 entities of about 262 versions: 512 slots each.
        #expect(state.arena.slotCapacity <= 500 * 512 * 2)
    }

    @Test("a large batch is answered as its rows are one by one, and in any cut into parts")
    func parts() throws {
        var stream = Stream()
        var state = ViewState(plan: try stream.plan())
        for _ in 0..<8 { state.update(stream.next(1000, customers: 7, lateness: 5000)) }
        let count = (1 << 18) + 777
        let times = (0..<count).map { _ in Int64(stream.random.below(9_000_000)) }
        let entities = (0..<count).map { _ in Int64(stream.random.below(9)) }
        func answers(_ rows: [Int]) -> [Column] {
            state.read(
                FeatureQuestions(
                    entityKeys: [Column(.int64(rows.map { entities[$0] }))], times: rows.map { times[$0] }, cut: 7500))
        }
        let whole = answers(Array(0..<count))
        let end = Array((count - 2000)..<count)
        for (column, part) in zip(whole, answers(end)) { #expect(column.gathering(end).isIdentical(to: part)) }
        for row in stride(from: 0, to: count, by: 1009) {
            for (column, part) in zip(whole, answers([row])) { #expect(column.gathering([row]).isIdentical(to: part), "row \(row)") }
        }
    }

    @Test("a copy answers as before, whatever its original folds and merges")
    func copies() throws {
        var stream = Stream()
        var state = ViewState(plan: try stream.plan())
        state.update(stream.next(3000, customers: 20))
        let copy = state
        let questions = FeatureQuestions(
            entityKeys: [Column(.int64((0..<200).map { $0 % 21 }))], times: (0..<200).map { 20_000 * Int64($0) }, cut: .max)
        let before = copy.read(questions)
        for _ in 0..<10 { state.update(stream.next(500, customers: 25, lateness: 3_000_000)) }
        var other = ViewState(plan: state.plan)
        other.update(stream.next(500, customers: 25, lateness: 3_000_000))
        state.merge(other)
        #expect(zip(before, copy.read(questions)).allSatisfy { $0.isIdentical(to: $1) })
        #expect(copy.statistics.versions == 3000)
        #expect(!zip(before, state.read(questions)).allSatisfy { $0.isIdentical(to: $1) })
    }

    @Test("one machine division rounds as long division does", arguments: UInt64(0)..<8)
    func quotients(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let magnitude = (UInt128(random.next()) << 64 | UInt128(random.next())) >> UInt128(random.below(127) + 1)
            // Divisors as counts are, and powers of two times odd numbers, that make ties.
            let divisor = random.chance(50) ? 1 << UInt64(random.below(31)) : random.next() >> UInt64(random.below(63)) | 1
            // Ties: a quotient of 54 bits, exactly.
            let tied = UInt128(random.next() >> 10 | 1) * UInt128(divisor & 0xFFFF_FFFF | 1)
            let (value, by) = random.chance(30) ? (tied, divisor & 0xFFFF_FFFF | 1) : (magnitude, divisor)
            let exponent = random.below(2300) - 1200
            let found = ExactRounding.quotient(Int128(value), exponent: exponent, by: by)
            let limbs = [UInt64(truncatingIfNeeded: value), UInt64(truncatingIfNeeded: value >> 64)]
            let expected = ExactRounding.quotient(limbs: limbs, count: 2, exponent: exponent, by: by, isNegative: false)
            #expect(found?.bitPattern == expected?.bitPattern, "\(value) × 2^\(exponent) / \(by), seed \(seed)")
        }
    }
}
