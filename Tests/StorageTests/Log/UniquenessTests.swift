import MartletFrames
import MartletSimulation
import MartletWorld
import Testing

@testable import MartletStorage

@Suite("The uniqueness rules of the log") struct UniquenessTests {
    let fixture = LogFixture()

    @Test("an event is taken once; the same again has no effect, another payload is refused")
    func event() throws {
        var log = try fixture.open()
        #expect(try log.append([[LogFixture.batch([1, 2])]]) == [[[.accepted(0), .accepted(1)]]])
        #expect(try log.append([[LogFixture.batch([2, 3])]]) == [[[.duplicate(of: 1), .accepted(2)]]])
        #expect(try log.append([[LogFixture.batch([1], amount: 5)]]) == [[[.conflict(with: 0)]]])
        #expect(log.end == 3)
    }

    @Test("a correction ends the version that its sender read, and no other")
    func correction() throws {
        var log = try fixture.open()
        _ = try log.append([[LogFixture.batch([1])]])
        func correct(_ amount: Double, expected: Int64, id: Int = 1) -> RecordBatch {
            LogFixture.batch([id], kind: .correction, amount: amount, expected: [expected])
        }
        #expect(try log.append([[correct(2, expected: 0, id: 9)]]) == [[[.unknownKey]]])
        #expect(try log.append([[correct(1, expected: 0)]]) == [[[.duplicate(of: 0)]]])
        #expect(try log.append([[correct(2, expected: 0)]]) == [[[.accepted(1)]]])
        #expect(try log.append([[correct(3, expected: 0)]]) == [[[.outdated(current: 1)]]])
        #expect(try log.append([[correct(2, expected: 0)]]) == [[[.duplicate(of: 1)]]])
        // The event as it was first sent is still known; a third payload is not.
        #expect(try log.append([[LogFixture.batch([1])]]) == [[[.duplicate(of: 1)]]])
        #expect(try log.append([[LogFixture.batch([1], amount: 4)]]) == [[[.conflict(with: 1)]]])
    }

    @Test("a retracted key stays taken")
    func retraction() throws {
        var log = try fixture.open()
        _ = try log.append([[LogFixture.batch([1])]])
        func retract(_ id: Int, expected: Int64) -> RecordBatch {
            LogFixture.batch([id], kind: .retraction, expected: [expected])
        }
        #expect(try log.append([[retract(5, expected: 0)]]) == [[[.unknownKey]]])
        #expect(try log.append([[retract(1, expected: 7)]]) == [[[.outdated(current: 0)]]])
        #expect(try log.append([[retract(1, expected: 0)]]) == [[[.accepted(1)]]])
        #expect(try log.append([[retract(1, expected: 0)]]) == [[[.duplicate(of: 1)]]])
        #expect(try log.append([[LogFixture.batch([1])]]) == [[[.conflict(with: 1)]]])
        let outcome = LogFixture.batch([1], kind: .outcome, amount: 3, expected: [1])
        #expect(try log.append([[outcome]]) == [[[.conflict(with: 1)]]])
        #expect(try log.current(of: [LogFixture.key(1)])[0]?.isRetracted == true)
    }

    @Test("a prediction's id is taken once and can be labelled by outcomes")
    func prediction() throws {
        var log = try fixture.open()
        let prediction = LogFixture.batch([1], kind: .prediction)
        #expect(try log.append([[prediction]]) == [[[.accepted(0)]]])
        #expect(try log.append([[prediction], [LogFixture.batch([1], kind: .prediction, amount: 2)]]) == [[[.duplicate(of: 0)]], [[.conflict(with: 0)]]])
        let outcome = LogFixture.batch([1], kind: .outcome, amount: 3, expected: [0])
        #expect(try log.append([[outcome]]) == [[[.accepted(1)]]])
        #expect(try log.append([[LogFixture.batch([1], kind: .outcome, amount: 4, expected: [1])]]) == [[[.accepted(2)]]])
    }

    @Test("an append whose first batch is a condition is stored as a whole or not at all")
    func condition() throws {
        var log = try fixture.open()
        func event(_ ids: [Int], amount: Double = 1) -> RecordBatch {
            var batch = LogFixture.batch(ids, amount: amount)
            batch.isCondition = true
            return batch
        }
        func prediction(_ id: Int) -> RecordBatch { LogFixture.batch([id], kind: .prediction, stream: "predictions") }
        #expect(try log.append([[event([1]), prediction(1)]]) == [[[.accepted(0)], [.accepted(1)]]])
        // The same event again has no effect, and is no reason to refuse what comes with it.
        #expect(try log.append([[event([1]), prediction(2)]]) == [[[.duplicate(of: 0)], [.accepted(2)]]])
        let refused = Disposition.conflict(with: 0)
        #expect(try log.append([[event([2, 1], amount: 5), prediction(3)]]) == [[[refused, refused], [refused]]])
        #expect(log.end == 3)
        #expect(try log.current(of: [LogFixture.key(2), LogFixture.key(3, "predictions")]) == [nil, nil])
        // Of two in one group, the first is taken; within one batch, a key has one payload.
        #expect(try log.append([[event([4])], [event([4], amount: 9), prediction(4)], [event([5]), prediction(5)]])
            == [[[.accepted(3)]], [[.conflict(with: 3)], [.conflict(with: 3)]], [[.accepted(4)], [.accepted(5)]]])
    }

    @Test("rows see the rows before them in the same append and in the same group")
    func withinOneAppend() throws {
        var log = try fixture.open()
        let answers = try log.append([
            [LogFixture.batch([1, 1]), LogFixture.batch([1], kind: .correction, amount: 2, expected: [0])],
            [LogFixture.batch([1])],
        ])
        #expect(answers == [[[.accepted(0), .duplicate(of: 0)], [.accepted(1)]], [[.duplicate(of: 1)]]])
    }

    @Test("rows without a key are always taken; without one nothing can be changed")
    func keyless() throws {
        var log = try fixture.open()
        let batch = LogFixture.batch([1, 1], keyed: false)
        #expect(try log.append([[batch]]) == [[[.accepted(0), .accepted(1)]]])
        let correction = LogFixture.batch([1], kind: .correction, expected: [0], keyed: false)
        #expect(try log.append([[correction]]) == [[[.unknownKey]]])
    }

    @Test("are exact across sealed segments and restarts, for keys of every age")
    func acrossSegments() throws {
        var fixture = fixture
        fixture.configuration.segmentRows = 500
        var log = try fixture.open()
        for start in stride(from: 0, to: 5_000, by: 100) { _ = try log.append([[LogFixture.batch(Array(start..<(start + 100)))]]) }
        _ = try log.append([[LogFixture.batch([42], kind: .correction, amount: 2, expected: [42])]])
        for start in stride(from: 5_000, to: 6_000, by: 100) { _ = try log.append([[LogFixture.batch(Array(start..<(start + 100)))]]) }
        for reopens in 0..<2 {
            let all = Array(0..<6_000)
            let states = try log.current(of: all.map { LogFixture.key($0) })
            for id in all where id != 42 {
                let position = Int64(id < 5_000 ? id : id + 1)
                #expect(states[id]?.position == position, "\(reopens) \(id)")
            }
            #expect(states[42]?.position == 5_000)
            #expect(states[42]?.originalPayload == LogFixture.batch([42]).payloads[0])
            let answers = try log.append([[LogFixture.batch(all)]])[0][0]
            #expect(answers.allSatisfy { if case .duplicate = $0 { true } else { false } })
            #expect(try log.append([[LogFixture.batch(all.filter { $0 != 42 }, amount: 9)]])[0][0].allSatisfy {
                if case .conflict = $0 { true } else { false }
            })
            #expect(log.end == 6_001)
            log = try fixture.open()
        }
    }

    @Test("take at most 1.5 bytes a key in memory, and about 1 % of strange keys past the filter")
    func filterSize() throws {
        var table = KeyTable(seed: 3)
        for id in 0..<20_000 {
            table[LogFixture.key(id)] = KeyState(position: Int64(id), payload: .none, kind: .event, originalPayload: .none)
        }
        let header = SegmentHeader(logHigh: 1, logLow: 2, firstPosition: 0, firstSequence: 0, previousChecksum: 0)
        var catalog = SegmentCatalog(header)
        catalog.endPosition = 20_000
        let path = LogFixture.path("keys")
        try fixture.files.createFolder(LogFixture.folder)
        let file = try fixture.files.open(path, .write)
        try file.write(KeyFile.encode(table, of: catalog), at: 0)
        let keys = try #require(try KeyFile.open(path, file, for: catalog))
        #expect(Double(keys.residentBytes) / 20_000 <= 1.5)
        var strangers = 0
        for id in 20_000..<40_000 where keys.mayHold(LogFixture.key(id)) { strangers += 1 }
        #expect(strangers > 50 && strangers < 400, "\(strangers) of 20000")
        var pages = GenerationCache<KeyFile.Page, [UInt8]>(costMax: 4)
        for id in stride(from: 0, to: 20_000, by: 37) {
            #expect(try keys.state(of: LogFixture.key(id), pages: &pages)?.position == Int64(id))
        }
        #expect(try keys.state(of: LogFixture.key(30_000), pages: &pages) == nil)
    }
}
