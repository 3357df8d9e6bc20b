import MartletFrames
import MartletSimulation
import MartletWorld

@testable import MartletStorage

/// A log in a simulated world, and rows to put into it.
struct LogFixture {
    static let folder = RelativePath.root / "log"
    static let schema = Schema([Field("id", .string), Field("time", .timestamp), Field("amount", .float64)])

    var files = SimulatedFileSystem(seed: 1)
    let clock = VirtualClock(at: Timestamp(microseconds: 1_000_000))
    var configuration = LogConfiguration()

    var world: World { World(clock: clock, random: SeededRandom(seed: 2), files: files) }

    func open() throws(LogError) -> LogWriter {
        try LogWriter.open(world: world, folder: Self.folder, configuration: configuration)
    }

    /// Rows numbered by `ids`; the payload's fingerprint is that of the amounts.
    static func batch(
        _ ids: [Int], kind: RecordKind = .event, stream: String = "orders", amount: Double = 1, expected: [Int64]? = nil,
        knownTimes: [Int64]? = nil, keyed: Bool = true
    ) -> RecordBatch {
        let times = ids.map { Int64($0) * 1_000 + ($0 % 3 == 0 ? 7 : 0) }
        let frame = Frame(
            schema,
            [
                Column(ids.map { .string("order-\($0)") }, type: .string), Column(.timestamp(times)),
                Column(.float64(ids.map { Double($0) + amount })),
            ])
        return RecordBatch(
            stream: stream, kind: kind, rows: frame, eventTimes: times, knownTimes: knownTimes,
            uniqueKeys: ids.map { keyed ? key($0, stream) : .none },
            payloads: ids.map { Fingerprint(high: amount.bitPattern, low: UInt64($0) + 1) }, expected: expected)
    }

    static func key(_ id: Int, _ stream: String = "orders") -> Fingerprint {
        Fingerprint(high: UInt64(stream.utf8.count) << 32 + UInt64(id) &* 0x9E37_79B9_7F4A_7C15, low: UInt64(id) + 1)
    }

    /// Everything a view holds, in pages of the given size.
    static func read(_ view: LogView, streams: Set<String>? = nil, maxRows: Int = 1_000) throws -> [StoredBatch] {
        var batches: [StoredBatch] = []
        var next: Int64 = 0
        while next < view.end {
            let page = try view.read(from: next, streams: streams, maxRows: maxRows, maxBytes: 1 << 20)
            batches += page.batches
            next = page.next
        }
        return batches
    }

    static func path(_ name: String) -> RelativePath { folder.appending(name) ?? folder }
    static let firstSegment = path("00000000000000000000.segment")
}
