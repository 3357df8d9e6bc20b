import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import MartletServing
import MartletSimulation
import Testing

@Suite("Traffic")
struct TrafficTests {
    private static let start = Timestamp(microseconds: 1_780_012_800_000_000)

    private func fixture(_ clock: VirtualClock, counted: Int = 100_000) async throws -> PlatformFixture {
        var files = FraudProject.files
        files["endpoints/fraud.yaml"] = "endpoint: fraud\nmodel: fraud@champion\nfallback: { score: 0.25 }\n"
        var limits = Platform.Limits()
        limits.countedRows = counted
        limits.trafficBuckets = 200
        let fixture = try await PlatformFixture(files: files, limits: limits, clock: clock)
        try await fixture.apply()
        return fixture
    }

    private func ask(_ fixture: PlatformFixture, _ number: Int) async throws {
        let inputs: JSONValue = ["customer_id": "c1", "terminal_id": "m1", "amount": 5.0, "tx_id": .string("x\(number)")]
        _ = try await fixture.predict("fraud", ["instances": [inputs, inputs]])
    }

    private func counts(_ fixture: PlatformFixture, _ width: TrafficWidth, from: Timestamp? = nil, to: Timestamp? = nil) throws -> [String: Int64] {
        let answer = try fixture.platform.traffic("fraud", width, from: from, to: to, scope: fixture.scope(.modelsRead, .endpoint, "fraud"))
        let buckets = answer["buckets"]?.array ?? []
        for bucket in buckets {
            #expect(bucket["degraded"] == bucket["predictions"])
            #expect(bucket["parts"]?.array?.map { $0["version"] } == [0])
        }
        return Dictionary(uniqueKeysWithValues: buckets.map { ($0["start"]?.string ?? "", $0["predictions"]?.int64 ?? 0) })
    }

    @Test("each prediction is counted once in its minute, hour and day of arrival, however often it is counted and whatever restarts", arguments: [3, 100_000])
    func once(_ counted: Int) async throws {
        let clock = VirtualClock(at: Self.start)
        let fixture = try await fixture(clock, counted: counted)
        var expected: [TrafficWidth: [String: Int64]] = [:]
        for number in 0..<40 {
            clock.advance(by: .minutes(17))
            try await ask(fixture, number)
            for width in TrafficWidth.allCases { expected[width, default: [:]]["\(width.start(of: clock.now()))", default: 0] += 2 }
            if number % 7 == 3 { try await fixture.platform.checkTraffic() }
            if number % 13 == 5 { try await fixture.restart() }
        }
        for _ in 0..<60 { try await fixture.platform.checkTraffic() }
        for width in TrafficWidth.allCases {
            let from = width == .minute ? clock.now() - .minutes(190) : Self.start - .days(1)
            let shown = (expected[width] ?? [:]).filter { $0.key >= "\(width.start(of: from))" }
            #expect(try counts(fixture, width, from: from) == shown, "\(width)")
        }
        try await fixture.platform.close()
    }

    @Test("what was predicted before there were counts is counted, and minutes are forgotten while hours stay")
    func past() async throws {
        let clock = VirtualClock(at: Self.start)
        let fixture = try await fixture(clock)
        try await ask(fixture, 1)
        let from = clock.now() - .minutes(5)
        try await fixture.platform.checkTraffic()
        #expect(try counts(fixture, .minute, from: from, to: from + .minutes(60)).values.reduce(0, +) == 2)
        clock.advance(by: .days(3))
        try await fixture.platform.checkTraffic()
        #expect(try counts(fixture, .minute, from: from, to: from + .minutes(60)).isEmpty)
        #expect(try counts(fixture, .hour).values.reduce(0, +) == 2)
        try await fixture.platform.close()
    }

    @Test("an answer has a bounded number of buckets, and says what to do")
    func bounded() async throws {
        let fixture = try await fixture(VirtualClock(at: Self.start))
        #expect(try counts(fixture, .hour, from: Self.start, to: Self.start + .hours(200)).isEmpty)
        let error = #expect(throws: PlatformError.self) { try counts(fixture, .hour, from: Self.start, to: Self.start + .hours(201)) }
        #expect(error?.code == .tooMany && error?.hint?.contains("width") == true)
        #expect(throws: PlatformError.self) { try counts(fixture, .hour, from: Self.start, to: Self.start) }
        #expect(throws: PlatformError.self) {
            try fixture.platform.traffic("none", .hour, from: nil, to: nil, scope: fixture.scope(.modelsRead, .endpoint, "none"))
        }
        try await fixture.platform.close()
    }
}
