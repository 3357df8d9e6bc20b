import MartletMonitoring
import MartletMonitoringTesting
import Testing

@Suite("Alarms: simulation")
struct AlarmSimulationTests {
    @Test("200 seeds: nothing lost, nothing twice, and the same alarms whatever crashes")
    func seeds() throws {
        var summary = AlarmSimulationSummary()
        for seed in UInt64(0)..<200 { summary += try simulateAlarms(seed: seed) }
        #expect(summary.crashes > 1_000 && summary.sentAgain > 200 && summary.orderedAgain > 50 && summary.checkpoints > 100, "\(summary)")
        #expect(summary.episodes > 3_000 && summary.messages > 5_000 && summary.orders > 100 && summary.skipped > 100, "\(summary)")
        #expect(summary.givenUp > 100 && summary.silences > 500, "\(summary)")
    }

    @Test("a seed gives the same life twice")
    func repeats() throws {
        for seed in UInt64(0)..<5 { #expect(try simulateAlarms(seed: seed) == simulateAlarms(seed: seed)) }
    }

    /// Ways in which a store or a machine could be wrong.
    enum Wrong: CaseIterable {
        case losesDeliveries, losesMessages, losesOrders, losesReadings, keepsNoEnds
    }

    @Test("canary: a store that loses some of what it is given is found out", arguments: Wrong.allCases)
    func canaries(_ wrong: Wrong) {
        let found = (UInt64(0)..<20).contains { seed in
            do {
                _ = try simulateAlarms(seed: seed) { turn in
                    turn.records.removeAll { timed in
                        switch (wrong, timed.record) {
                        case (.losesDeliveries, .delivered), (.losesMessages, .notified), (.losesOrders, .order(.ordered, _)),
                            (.losesReadings, .alarm(.counted, _)), (.keepsNoEnds, .alarm(.resolved, _)):
                            true
                        default: false
                        }
                    }
                }
                return false
            } catch {
                return true
            }
        }
        #expect(found)
    }
}
