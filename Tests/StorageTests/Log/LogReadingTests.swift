import MartletFrames
import MartletSimulation
import MartletWorld
import Testing

@testable import MartletStorage

@Suite("Reading the log") struct LogReadingTests {
    @Test("times, keys and superseded positions come back as they were given")
    func metadata() throws {
        let fixture = LogFixture()
        var log = try fixture.open()
        let history = LogFixture.batch([1, 2, 3, 4, 5], knownTimes: [10, 20, 30, 40, 50])
        _ = try log.append([[history]])
        fixture.clock.advance(by: .seconds(1))
        _ = try log.append([[LogFixture.batch([2, 4], kind: .outcome, amount: 3, expected: [1, 3])]])
        let batches = try LogFixture.read(log.view)
        #expect(batches.count == 2)
        #expect(batches[0].rows == history.rows)
        #expect(batches[0].knownTimes == [10, 20, 30, 40, 50])
        #expect(batches[0].eventTimes == history.eventTimes)
        #expect(batches[0].ingestTime == 1_000_000)
        #expect(batches[0].superseded == nil)
        #expect(batches[1].kind == .outcome)
        #expect(batches[1].superseded == [1, 3])
        #expect(batches[1].knownTimes == [2_000_000, 2_000_000])
        #expect(batches[1].positions == [5, 6])
    }

    @Test("rows of one group that interleave are stored by stream and given in log order")
    func interleaved() throws {
        let fixture = LogFixture()
        var log = try fixture.open()
        _ = try log.append((0..<5).map { [LogFixture.batch([$0]), LogFixture.batch([$0], kind: .prediction, stream: "answers")] })
        let all = try LogFixture.read(log.view)
        #expect(all.flatMap(\.positions) == Array(0..<10))
        #expect(all.map(\.stream) == (0..<5).flatMap { _ in ["orders", "answers"] })
        let answers = try LogFixture.read(log.view, streams: ["answers"])
        #expect(answers.count == 1)
        #expect(answers[0].positions == [1, 3, 5, 7, 9])
    }

    @Test("pages of any size give every record once, from any position", arguments: [1, 3, 7, 1_000])
    func pages(size: Int) throws {
        var fixture = LogFixture()
        fixture.configuration.segmentRows = 40
        fixture.configuration.extentBytes = 300
        var log = try fixture.open()
        for start in stride(from: 0, to: 120, by: 6) {
            _ = try log.append([[LogFixture.batch(Array(start..<(start + 4))), LogFixture.batch([start, start + 1], stream: "b")]])
        }
        #expect(try LogFixture.read(log.view, maxRows: size).flatMap(\.positions) == Array(0..<120))
        #expect(try LogFixture.read(log.view, streams: ["b"], maxRows: size).flatMap(\.positions).count == 40)
        for start in [0, 1, 5, 39, 40, 41, 119] {
            let page = try log.view.read(from: Int64(start), streams: nil, maxRows: size, maxBytes: 1 << 20)
            #expect(page.batches.first?.positions.first == Int64(start))
            #expect(page.batches.reduce(0) { $0 + $1.positions.count } == min(size, 120 - start))
        }
        #expect(try log.view.read(from: 120, streams: nil, maxRows: size, maxBytes: 1).batches.isEmpty)
        #expect(try log.view.read(from: 900, streams: nil, maxRows: size, maxBytes: 1).batches.isEmpty)
    }

    @Test("a view that was taken stays as it is while the log grows")
    func snapshot() throws {
        var fixture = LogFixture()
        fixture.configuration.segmentRows = 10
        var log = try fixture.open()
        _ = try log.append([[LogFixture.batch([1, 2, 3])]])
        let view = log.view
        for id in 10..<40 { _ = try log.append([[LogFixture.batch([id])]]) }
        #expect(try LogFixture.read(view).flatMap(\.positions) == [0, 1, 2])
        #expect(log.view.sealed.count == 3)
    }
}
