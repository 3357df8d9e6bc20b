import MartletFrames
import MartletSimulation
import MartletWorld
import Testing

@testable import MartletStorage

@Suite("Damaged files of the log") struct LogDamageTests {
    /// A closed log of several sealed segments and an active one.
    static func closedLog() throws -> (LogFixture, [StoredBatch]) {
        var fixture = LogFixture()
        fixture.configuration.segmentRows = 60
        fixture.configuration.extentBytes = 600
        var log = try fixture.open()
        for start in stride(from: 0, to: 200, by: 10) {
            _ = try log.append([[
                LogFixture.batch(Array(start..<(start + 10))),
                LogFixture.batch([start], kind: .correction, amount: 2, expected: [Int64(start / 10 * 11)]),
            ]])
        }
        try log.close()
        return (fixture, try LogFixture.read(log.view))
    }

    enum Outcome: Equatable { case equal, prefix, damaged(String) }

    /// Opens the log and reads and looks up everything; what is served must be what was written.
    static func judge(_ fixture: LogFixture, _ whole: [StoredBatch]) throws -> Outcome {
        do {
            var log = try fixture.open()
            let found = try LogFixture.read(log.view)
            let states = try log.current(of: (0..<200).map { LogFixture.key($0) })
            for (left, right) in zip(found, whole) {
                #expect(left.rows == right.rows && left.positions == right.positions && left.payloads == right.payloads)
                #expect(left.uniqueKeys == right.uniqueKeys && left.superseded == right.superseded && left.kind == right.kind)
            }
            let end = Int64(found.reduce(0) { $0 + $1.positions.count })
            #expect(log.end == end)
            for (id, state) in states.enumerated() {
                let position = Int64(id / 10 * 11) + (id % 10 == 0 ? 10 : Int64(id % 10))
                if let state { #expect(state.position == position) } else { #expect(position >= end) }
            }
            return end == 220 ? .equal : .prefix
        } catch {
            guard let error = error as? LogError else { throw error }
            #expect(error.code == .damaged, "\(error)")
            return .damaged(try #require(error.place).file)
        }
    }

    @Test("one flipped bit of any segment is found, with its file, and never served; index and key files are made again", arguments: 0..<8)
    func flip(seed: UInt64) throws {
        let (fixture, whole) = try Self.closedLog()
        var random = SplitMix64(seed: seed)
        let contents = fixture.files.contents()
        for name in contents.keys.sorted() {
            let path = try #require(RelativePath(name))
            let bytes = try #require(contents[name])
            // Padding of key files is the only slack there is.
            for _ in 0..<6 {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                fixture.files.damage(path) { $0[at] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
                let outcome = try Self.judge(fixture, whole)
                if name.hasSuffix(".segment") {
                    // A closed log ends with a mark; only damage to the mark itself looks like a torn tail, and loses nothing.
                    let isMark = try Self.isLastBlock(at, bytes, name, contents)
                    #expect(outcome == .damaged(name) || (isMark && outcome == .equal), "seed \(seed), \(name) at \(at): \(outcome)")
                } else {
                    #expect(outcome == .equal, "seed \(seed), \(name) at \(at): \(outcome)")
                }
                for (name, bytes) in contents { fixture.files.damage(try #require(RelativePath(name))) { $0 = bytes } }
            }
        }
    }

    static func isLastBlock(_ at: Int, _ bytes: [UInt8], _ name: String, _ contents: [String: [UInt8]]) throws -> Bool {
        let isLast = name == contents.keys.filter { $0.hasSuffix(".segment") }.max()
        // The mark's body is three numbers of one byte.
        return isLast && at >= bytes.count - BlockHeader.size - 3
    }

    @Test("a segment that is cut, lengthened, swapped, replaced by an older copy or gone is found", arguments: 0..<6)
    func others(seed: UInt64) throws {
        let (fixture, whole) = try Self.closedLog()
        var random = SplitMix64(seed: seed)
        let contents = fixture.files.contents()
        let segments = contents.keys.filter { $0.hasSuffix(".segment") }.sorted()
        for (number, name) in segments.enumerated() {
            let path = try #require(RelativePath(name))
            let bytes = try #require(contents[name])
            let isLast = number == segments.count - 1
            func check(_ what: String, allowsPrefix: Bool, _ change: (inout [UInt8]) -> Void) throws {
                fixture.files.damage(path, change)
                let outcome = try Self.judge(fixture, whole)
                let isDamaged = if case .damaged = outcome { true } else { false }
                #expect(isDamaged || (allowsPrefix && outcome != .equal) || (isLast && outcome == .equal), "seed \(seed), \(what) \(name): \(outcome)")
                for (name, bytes) in contents { fixture.files.damage(try #require(RelativePath(name))) { $0 = bytes } }
            }
            let cut = Int.random(in: SegmentHeader.size + 1..<bytes.count, using: &random)
            try check("cut at \(cut)", allowsPrefix: isLast) { $0.removeLast($0.count - cut) }
            try check("lengthened", allowsPrefix: false) { $0.append(contentsOf: [UInt8](repeating: 7, count: 100)) }
            let other = try #require(contents[segments[(number + 1) % segments.count]])
            try check("swapped", allowsPrefix: false) { $0 = other }
            try check("zeroed", allowsPrefix: false) { $0 = [UInt8](repeating: 0, count: $0.count) }
            if !isLast {
                try fixture.files.remove(path)
                let outcome = try Self.judge(fixture, whole)
                #expect(outcome != .equal && outcome != .prefix)
                _ = try fixture.files.open(path, .createNew)
                for (name, bytes) in contents { fixture.files.damage(try #require(RelativePath(name))) { $0 = bytes } }
            }
        }
    }

    @Test("index and key files that are gone, empty or of another segment are made again")
    func derivedFiles() throws {
        let (fixture, whole) = try Self.closedLog()
        let contents = fixture.files.contents()
        let derived = contents.keys.filter { !$0.hasSuffix(".segment") }.sorted()
        #expect(derived.count == 6)
        for name in derived {
            let path = try #require(RelativePath(name))
            let suffix = name.hasSuffix(".index") ? ".index" : ".keys"
            let other = try #require(derived.first { $0 != name && $0.hasSuffix(suffix) })
            let foreign = try #require(contents[other])
            for bytes: [UInt8] in [[], [1, 2, 3], foreign] {
                fixture.files.damage(path) { $0 = bytes }
                #expect(try Self.judge(fixture, whole) == .equal, "\(name)")
                #expect(fixture.files.contents()[name] == contents[name], "\(name) is made again byte for byte")
            }
            try fixture.files.remove(path)
            #expect(try Self.judge(fixture, whole) == .equal)
        }
    }

    @Test("a newer format is refused, for each kind of file")
    func newer() throws {
        let (fixture, _) = try Self.closedLog()
        let contents = fixture.files.contents()
        for name in contents.keys.sorted() {
            let path = try #require(RelativePath(name))
            fixture.files.damage(path) { bytes in
                bytes[8] = 2
                func seal(_ range: Range<Int>) {
                    let checksum = CRC32CBytes.of(bytes[range])
                    bytes.replaceSubrange(range.upperBound..<(range.upperBound + 4), with: checksum)
                }
                if name.hasSuffix(".segment") { seal(0..<60) }
                if name.hasSuffix(".index") { seal(0..<(bytes.count - 4)) }
            }
            do {
                _ = try fixture.open()
                Issue.record("\(name) was opened")
            } catch {
                #expect(error.code == .newerFormat, "\(name): \(error)")
                #expect(error.message.contains("version 2"))
            }
            fixture.files.damage(path) { $0 = contents[name] ?? [] }
        }
    }

    @Test("a torn tail is cut off, whatever its length")
    func tornTail() throws {
        let fixture = LogFixture()
        var log = try fixture.open()
        _ = try log.append([[LogFixture.batch([1, 2, 3])]])
        let whole = try #require(fixture.files.contents()[LogFixture.firstSegment.description]).count
        _ = try log.append([[LogFixture.batch([4, 5])]])
        let longer = try #require(fixture.files.contents()[LogFixture.firstSegment.description])
        for size in whole..<longer.count {
            fixture.files.damage(LogFixture.firstSegment) { $0 = Array(longer.prefix(size)) }
            var log = try fixture.open()
            #expect(log.end == 3)
            #expect(try fixture.files.size(LogFixture.firstSegment) == whole)
            if size % 40 == 0 {
                #expect(try log.append([[LogFixture.batch([4])]]) == [[[.accepted(3)]]])
                #expect(try fixture.open().end == 4)
            }
        }
    }
}
