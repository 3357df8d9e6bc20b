import MartletFrames
import MartletMonitoring
import MartletMonitoringTesting
import MartletWorld
import Testing

@Suite("Alarms against the definition")
struct AlarmOracleTests {
    static func hold(_ random: inout SplitMix64) -> AlarmRule.Hold {
        Bool.random(using: &random) ? .readings(Int.random(in: 0...4, using: &random)) : .span(.minutes(Int64.random(in: 0...9, using: &random)))
    }

    @Test("an alarm fires and ends when the definition says, whatever batches its readings come in")
    func lives() throws {
        var episodes = 0
        for seed in UInt64(0)..<2_000 {
            var random = SplitMix64(seed: seed)
            let rule = AlarmRule(
                "r", hold: Self.hold(&random), clearAfter: Self.hold(&random),
                coolDown: .minutes(Bool.random(using: &random) ? 0 : Int64.random(in: 0...12, using: &random)))
            var time = Timestamp(microseconds: 1_700_000_000_000_000)
            var readings: [AlarmReading] = []
            let share = Double.random(in: 0.1...0.9, using: &random)
            for _ in 0..<Int.random(in: 1...60, using: &random) {
                time = time + .minutes(Int64.random(in: 1...3, using: &random))
                let level: AlarmReading.Level =
                    Double.random(in: 0..<1, using: &random) < share
                    ? .beyond : [.within, .within, .between, .missing].randomElement(using: &random) ?? .within
                readings.append(AlarmReading(rule: "r", time: time, level: level))
                // Now and then the last come again.
                if Int.random(in: 0..<8, using: &random) == 0 { readings += readings.suffix(Int.random(in: 1...3, using: &random)) }
            }
            var machine = AlarmMachine()
            var turn = AlarmTurn()
            let plan = try AlarmPlan(rules: [rule], routes: [])
            machine.configure(plan, at: time, &turn)
            var rest = readings[...]
            while !rest.isEmpty {
                let batch = Array(rest.prefix(Int.random(in: 1...5, using: &random)))
                rest = rest.dropFirst(batch.count)
                machine.feed(batch, at: time, &turn)
            }
            var found: [(start: Timestamp, end: Timestamp?)] = []
            for record in turn.records {
                guard case .alarm(let event, let alarm) = record.record, let episode = alarm.episode else { continue }
                if event == .fired { found.append((episode.start, nil)) }
                if case .resolved = event { found[found.count - 1].end = episode.end }
            }
            let expected = AlarmOracle.episodes(readings, rule)
            episodes += expected.count
            #expect(found.map(\.start) == expected.map(\.start) && found.map(\.end) == expected.map(\.end), "seed \(seed)")
        }
        #expect(episodes > 2_000)
    }

    @Test("a receiver is told in the very second, and of the very alarms, that the definition says")
    func messages() throws {
        var count = 0
        for seed in UInt64(0)..<300 {
            var random = SplitMix64(seed: seed)
            let wait = Int.random(in: 0...4, using: &random)
            let interval = Int.random(in: 1...8, using: &random)
            let repeatAfter = Int.random(in: 5...40, using: &random)
            let route = AlarmRoute(
                "all", receivers: ["hook"], groupBy: .labels([]), groupWait: .seconds(Int64(wait)), groupInterval: .seconds(Int64(interval)),
                repeatInterval: .seconds(Int64(repeatAfter)))
            let plan = try AlarmPlan(rules: [AlarmRule("r")], routes: [route], receivers: [Receiver("hook", .command(["x"]))])
            let start = Timestamp(microseconds: 1_700_000_000_000_000)
            var machine = AlarmMachine()
            var turn = AlarmTurn()
            machine.configure(plan, at: start, &turn)
            var found: [AlarmOracle.Message] = []
            func number(_ identity: AlarmIdentity) -> Int { identity.labels["n"].flatMap { Int($0) } ?? -1 }
            var seconds: [AlarmOracle.Second] = []
            var stands = AlarmOracle.Second()
            for second in 0..<240 {
                let now = start + .seconds(Int64(second))
                turn = AlarmTurn()
                var readings: [AlarmReading] = []
                // One kind of thing a second, so that both have the same order of things.
                let draw = Int.random(in: 0..<20, using: &random)
                for alarm in 0..<4 where draw > 1 && Int.random(in: 0..<12, using: &random) == 0 {
                    let isFiring = stands.firing[alarm] != nil
                    readings.append(
                        AlarmReading(rule: "r", labels: try AlarmLabels([("n", "\(alarm)")]), time: now, level: isFiring ? .within : .beyond))
                    if isFiring {
                        stands.rested[alarm] = stands.firing[alarm]
                        stands.firing[alarm] = nil
                        stands.acknowledged.remove(alarm)
                    } else {
                        stands.firing[alarm] = second
                    }
                }
                if draw == 0 {
                    let alarm = Int.random(in: 0..<4, using: &random)
                    if stands.silenced.contains(alarm) {
                        stands.silenced.remove(alarm)
                        machine.prepare { machine throws(AlarmError) in try machine.endSilence("s\(alarm)", by: "ada", at: now, &turn) }
                    } else {
                        stands.silenced.insert(alarm)
                        let matcher = try LabelMatcher("n", .equals, "\(alarm)")
                        machine.prepare { machine throws(AlarmError) in
                            try machine.add(
                                Silence(id: "s\(alarm)", matchers: [matcher], start: now, end: now + .days(1), author: "ada", comment: ""), at: now,
                                &turn)
                        }
                    }
                } else if draw == 1, let alarm = stands.firing.keys.sorted().randomElement(using: &random) {
                    stands.acknowledged.insert(alarm)
                    let identity = AlarmIdentity(rule: "r", labels: try AlarmLabels([("n", "\(alarm)")]))
                    try machine.acknowledge(identity.fingerprint, by: "ada", at: now, &turn)
                }
                machine.feed(readings, at: now, &turn)
                var effects = turn.effects
                while !effects.isEmpty {
                    guard case .notify(let notification) = effects.removeFirst() else { continue }
                    found.append(
                        AlarmOracle.Message(
                            second: second, firing: Set(notification.entries.filter { $0.end == nil }.map { number($0.identity) }),
                            ended: Set(notification.entries.filter { $0.end != nil }.map { number($0.identity) })))
                    var next = AlarmTurn()
                    machine.report(notification, .delivered, at: now, &next)
                    effects += next.effects
                }
                seconds.append(stands)
            }
            let expected = AlarmOracle.messages(seconds, wait: wait, interval: interval, repeatAfter: repeatAfter)
            count += expected.count
            let first = zip(found, expected).first { $0 != $1 }
            let difference = first.map { "told \($0.0), by definition \($0.1)" } ?? "told \(found.count), by definition \(expected.count)"
            let isEqual = first == nil && found.count == expected.count
            #expect(isEqual, "seed \(seed), \(wait) \(interval) \(repeatAfter): \(difference)")
        }
        #expect(count > 5_000)
    }
}

extension AlarmMachine {
    fileprivate mutating func prepare(_ body: (inout AlarmMachine) throws(AlarmError) -> Void) {
        do throws(AlarmError) { try body(&self) } catch { Issue.record("\(error)") }
    }
}
