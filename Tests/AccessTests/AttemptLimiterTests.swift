import MartletAccess
import Testing

@Suite("The attempt limiter")
struct AttemptLimiterTests {
    static let second: UInt64 = 1_000_000_000

    @Test("answers a burst, then refuses until a failure has drained")
    func burst() {
        var limiter = AttemptLimiter(limits: .init(burst: 3, secondsPerFailure: 10))
        for _ in 0..<3 { #expect(limiter.failed(from: "a", now: 5 * Self.second) == .answer) }
        #expect(limiter.failed(from: "a", now: 5 * Self.second) == .refuse(retryAfterSeconds: 11))
        #expect(limiter.failed(from: "b", now: 5 * Self.second) == .answer)
        #expect(limiter.failed(from: "a", now: 14 * Self.second) == .refuse(retryAfterSeconds: 2))
        #expect(limiter.failed(from: "a", now: 15 * Self.second) == .answer)
        #expect(limiter.failed(from: "a", now: 15 * Self.second) != .answer)
        // Refused attempts do not lengthen the wait: after a rest the whole burst is there again.
        for _ in 0..<3 { #expect(limiter.failed(from: "a", now: 100 * Self.second) == .answer) }
    }

    @Test("answers at most burst plus the drained, however many attempts and sources there are", arguments: [1, 2, 3] as [UInt64])
    func bound(seed: UInt64) {
        var state = seed
        var limiter = AttemptLimiter(limits: .init(burst: 5, secondsPerFailure: 2, sources: 20))
        var answered: [String: Int] = [:]
        var total = 0
        var most = 0
        for step in 0..<50_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // 100 s in all.
            let source = "10.0.0.\((state >> 33) % 300)"
            if limiter.failed(from: source, now: UInt64(step) * 2_000_000) == .answer {
                answered[source, default: 0] += 1
                total += 1
            }
            most = max(most, limiter.sourceCount)
        }
        #expect(most <= 20)
        // No source in the table gets more than 5 + 100 / 2; all of them together with the shared bucket no more than 21 times that.
        #expect((answered.values.max() ?? 0) <= 2 * 55, "seed \(seed)")
        #expect(total <= 21 * 55 + 20 * 55, "seed \(seed)")
    }

    @Test("long sources take bounded memory and share a bucket by their beginning")
    func longSources() {
        var limiter = AttemptLimiter(limits: .init(burst: 1, secondsPerFailure: 10))
        let long = String(repeating: "x", count: 1_000)
        #expect(limiter.failed(from: long + "1", now: 0) == .answer)
        #expect(limiter.failed(from: long + "2", now: 0) != .answer)
        #expect(limiter.sourceCount == 1)
    }
}
