import MartletFrames
import MartletGovernance
import MartletSimulation
import Testing

@Suite("The refusal coalescer")
struct RefusalCoalescerTests {
    static let second: UInt64 = 1_000_000_000

    static func refusal(_ actor: String, _ action: String = "predict", resource: String = "endpoint:shop/churn", request: String? = "r") -> AuditRecord {
        AuditRecord(actor: actor, action: action, resource: resource, outcome: .refused, requestID: request)
    }

    @Test("records the first of a kind at once and counts the rest until the window ends")
    func repeats() {
        var coalescer = RefusalCoalescer(limits: .init(windowSeconds: 60, kinds: 2))
        #expect(coalescer.refused(Self.refusal("a"), now: 0) == [Self.refusal("a")])
        #expect(coalescer.refused(Self.refusal("a"), now: 1) == [])
        #expect(coalescer.refused(Self.refusal("a"), now: 2) == [])
        #expect(coalescer.refused(Self.refusal("b"), now: 3) == [Self.refusal("b")])
        #expect(coalescer.refused(Self.refusal("c"), now: 4) == [])
        #expect(coalescer.refused(Self.refusal("d"), now: 5) == [])
        #expect(coalescer.ended(now: 60 * Self.second - 1) == [])
        var counted = Self.refusal("a", request: nil)
        counted.count = 2
        let others = AuditRecord(actor: "several", action: "several", resource: "several", outcome: .refused, count: 2)
        #expect(coalescer.ended(now: 60 * Self.second) == [counted, others])
        #expect(coalescer.ended(now: 200 * Self.second) == [])
        #expect(coalescer.refused(Self.refusal("a"), now: 201 * Self.second) == [Self.refusal("a")])
        #expect(coalescer.flush() == [])
    }

    @Test("under any flood the records are few and their counts add up", arguments: [1, 2, 3, 4] as [UInt64])
    func flood(seed: UInt64) {
        var state = seed
        var coalescer = RefusalCoalescer(limits: .init(windowSeconds: 10, kinds: 5))
        var records: [AuditRecord] = []
        let attempts = 100_000
        for step in 0..<attempts {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // 100 s in all: at most 11 windows.
            records += coalescer.refused(
                Self.refusal("\((state >> 40) % 1_000)", resource: "\((state >> 33) % 7)"), now: UInt64(step) * 1_000_000)
        }
        records += coalescer.flush()
        #expect(records.reduce(0) { $0 + $1.count } == attempts, "seed \(seed)")
        #expect(records.count <= 11 * (2 * 5 + 1), "seed \(seed)")
    }

    @Test("what a flood writes to the log is bounded, cut to size, and intact")
    func shell() throws {
        let fixture = try AuditFixture()
        for index in 0..<2_000 {
            try fixture.log.recordRefusal(
                actor: "anonymous", action: "models.promote", resource: "model:\(index)" + String(repeating: "é\0", count: 100), requestID: "r\(index)")
        }
        fixture.clock.advance(by: .seconds(61))
        try fixture.log.recordCounts()
        try fixture.log.recordRefusal(actor: "token:1", action: "predict", resource: "x")
        try fixture.log.recordRefusal(actor: "token:1", action: "predict", resource: "x")
        try fixture.log.close()
        let entries = try fixture.log.entries(scope: fixture.scope)
        #expect(entries.map(\.record.count) == [1, 1, 1_997, 1, 1, 1])
        #expect(entries.allSatisfy { $0.record.resource.utf8.count <= 40 && $0.record.outcome == .refused })
        #expect(try fixture.log.verify().isIntact)
    }
}
