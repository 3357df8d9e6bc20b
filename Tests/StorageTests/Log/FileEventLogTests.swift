import MartletFrames
import MartletSimulation
import MartletWorld
import Synchronization
import Testing

@testable import MartletStorage

@Suite("The group-committing log") struct FileEventLogTests {
    @Test("many writers at once: each record once, in the order of its writer, in fewer syncs than appends")
    func concurrentAppends() async throws {
        let fixture = LogFixture()
        let log = try FileEventLog(world: fixture.world, folder: LogFixture.folder)
        let syncsBefore = fixture.files.syncCount
        let accepted = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for writer in 0..<16 {
                group.addTask {
                    var positions: [Int64] = []
                    for step in 0..<25 {
                        let answers = try await log.append([LogFixture.batch([writer * 1_000 + step])])
                        guard case .accepted(let position) = answers[0][0] else { continue }
                        #expect(log.end > position)
                        positions.append(position)
                    }
                    #expect(positions == positions.sorted())
                    return positions
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(accepted.sorted() == Array(0..<400))
        #expect(fixture.files.syncCount - syncsBefore <= 400)
        let page = try await log.read(from: 0, maxRows: 1_000)
        #expect(page.next == 400)
        #expect(page.batches.flatMap(\.positions) == Array(0..<400))
        let row = try #require(try await log.row(at: 123))
        #expect(row.positions == [123])
        #expect(try await log.row(at: 400) == nil)
        #expect(try await log.row(at: 123)?.uniqueKeys == row.uniqueKeys)
        #expect(try await log.verify() == 400)
        #expect(try await log.streams().map(\.counts) == [[.event: 400]])
    }

    @Test("appends that are not urgent share a commit; one that is takes those before it along, and so does the close")
    func gathering() async throws {
        var fixture = LogFixture()
        // Longer than the test may take: what is stored before was not stored by the timer.
        fixture.configuration.gatherMicroseconds = 600_000_000
        let log = try FileEventLog(world: fixture.world, folder: LogFixture.folder, configuration: fixture.configuration)
        let before = fixture.files.syncCount
        let answers = Mutex<[Int64]>([])
        func appendLater(_ ids: Range<Int>) {
            for id in ids {
                log.append([LogFixture.batch([id])], isUrgent: false) { outcome in
                    guard case .success(let rows) = outcome, case .accepted(let position) = rows[0][0] else { return }
                    answers.withLock { $0.append(position) }
                }
            }
        }
        appendLater(0..<50)
        #expect(log.end == 0)
        #expect(try await log.append([LogFixture.batch([50])]) == [[.accepted(50)]])
        #expect(answers.withLock { $0 } == Array(0..<50))
        #expect(fixture.files.syncCount == before + 1)
        appendLater(51..<80)
        try await log.close()
        #expect(answers.withLock { $0 }.count == 79)
        #expect(log.end == 80)
    }

    @Test("an append that is not urgent is stored after a while, though nothing else comes")
    func gatheringAlone() async throws {
        let fixture = LogFixture()
        let log = try FileEventLog(world: fixture.world, folder: LogFixture.folder, configuration: fixture.configuration)
        log.append([LogFixture.batch([1])], isUrgent: false) { _ in }
        #expect(try await log.waitForEnd(past: 0) == 1)
        log.append([LogFixture.batch([2])], isUrgent: false) { _ in }
        #expect(try await log.waitForEnd(past: 1) == 2)
    }

    @Test("waiting appends are stored together, and all of one append or nothing")
    func backPressure() async throws {
        var fixture = LogFixture()
        fixture.configuration.queueBytes = 1_000
        fixture.configuration.queueAppends = 2
        let log = try FileEventLog(world: fixture.world, folder: LogFixture.folder, configuration: fixture.configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<40 {
                group.addTask { _ = try await log.append([LogFixture.batch(Array((writer * 10)..<(writer * 10 + 10)))]) }
            }
            try await group.waitForAll()
        }
        #expect(log.end == 400)
    }

    @Test("an append beyond the limits is refused whole, one at the limit is not")
    func limits() async throws {
        var fixture = LogFixture()
        fixture.configuration.appendRows = 10
        let log = try FileEventLog(world: fixture.world, folder: LogFixture.folder, configuration: fixture.configuration)
        _ = try await log.append([LogFixture.batch(Array(0..<10))])
        await #expect { _ = try await log.append([LogFixture.batch(Array(20..<31))]) } throws: {
            ($0 as? LogError)?.code == .tooLarge
        }
        #expect(log.end == 10)
    }

    @Test("whoever waits for growth is woken by it, by an end of the log and by cancellation")
    func waiting() async throws {
        let fixture = LogFixture()
        let log = try FileEventLog(world: fixture.world, folder: LogFixture.folder)
        async let grown = log.waitForEnd(past: 2)
        _ = try await log.append([LogFixture.batch([1, 2])])
        _ = try await log.append([LogFixture.batch([3])])
        #expect(try await grown == 3)
        let cancelled = Task { try await log.waitForEnd(past: 100) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        async let never = log.waitForEnd(past: 100)
        try await log.close()
        do {
            _ = try await never
            Issue.record("a closed log grew")
        } catch { #expect((error as? LogError)?.code == .stopped) }
        await #expect { _ = try await log.append([LogFixture.batch([4])]) } throws: { ($0 as? LogError)?.code == .stopped }
        #expect(try await log.read(from: 0).next == 3)
    }

    @Test("the n-th sync fails, for every n: nothing is acknowledged afterwards, and all that was stays", arguments: 0..<12)
    func failedSync(number: Int) async throws {
        let fixture = LogFixture()
        fixture.files.restart(faults: FaultPlan(failingSyncs: [number]))
        var acknowledged = 0
        if let log = try? FileEventLog(world: fixture.world, folder: LogFixture.folder) {
            for id in 0..<15 {
                do {
                    _ = try await log.append([LogFixture.batch([id])])
                    #expect(log.failure == nil)
                    acknowledged += 1
                } catch {
                    #expect((error as? LogError)?.code == .stopped)
                    #expect(log.failure != nil)
                }
            }
            #expect(acknowledged == max(0, number - 1))
            #expect(try await log.read(from: 0).batches.reduce(0) { $0 + $1.positions.count } == acknowledged)
        }
        // The process alone dies, then the power is cut: what the second life serves must survive.
        let second = try fixture.open()
        let served = second.end
        #expect(served >= Int64(acknowledged))
        fixture.files.restart()
        #expect(try fixture.open().end == served)
    }

    @Test("the n-th write finds the disk full, for every n: refused unless it is of an index, and the writer goes on", arguments: 0..<40)
    func fullDisk(number: Int) async throws {
        var fixture = LogFixture()
        fixture.configuration.segmentRows = 6
        fixture.configuration.indexesApart = false
        fixture.files.restart(faults: FaultPlan(fullWrites: [number]))
        var log = try? FileEventLog(world: fixture.world, folder: LogFixture.folder, configuration: fixture.configuration)
        if log == nil {
            #expect(number == 0)
            log = try FileEventLog(world: fixture.world, folder: LogFixture.folder, configuration: fixture.configuration)
        }
        let opened = try #require(log)
        var refused = 0
        for id in 0..<24 {
            do { _ = try await opened.append([LogFixture.batch([id])]) } catch {
                #expect((error as? LogError)?.code == .full)
                refused += 1
                #expect(try await opened.append([LogFixture.batch([id])]) == [[.accepted(Int64(id))]])
            }
        }
        // A segment's header, six blocks; and after the first block of the next segment the two index files, which can wait.
        let indexWrites: Set<Int> = [9, 10, 18, 19, 27, 28]
        #expect(refused == (number == 0 || number > 33 || indexWrites.contains(number) ? 0 : 1), "\(number)")
        fixture.files.restart()
        #expect(try fixture.open().end == 24)
    }

    @Test("index files are written beside the appends, and are there once the log is closed", arguments: [true, false])
    func indexes(apart: Bool) async throws {
        var fixture = LogFixture()
        fixture.configuration.segmentRows = 6
        fixture.configuration.indexesApart = apart
        let log = try FileEventLog(world: fixture.world, folder: LogFixture.folder, configuration: fixture.configuration)
        for id in 0..<25 { _ = try await log.append([LogFixture.batch([id])]) }
        #expect(try await log.append([LogFixture.batch([3])]) == [[.duplicate(of: 3)]])
        try await log.close()
        let names = try fixture.files.list(LogFixture.folder)
        #expect(names.filter { $0.hasSuffix(".segment") }.count == 5)
        #expect(names.filter { $0.hasSuffix(".keys") }.count == 4)
        #expect(names.filter { $0.hasSuffix(".index") }.count == 4)
    }

    @Test("a crash before a sealed segment is indexed: what is missing is made when the log opens")
    func unindexed() throws {
        var fixture = LogFixture()
        fixture.configuration.segmentRows = 6
        var log = try fixture.open()
        for id in 0..<20 { _ = try log.append([[LogFixture.batch([id])]]) }
        #expect(log.indexWork != nil)
        #expect(try log.current(of: [LogFixture.key(13)])[0]?.position == 13)
        #expect(try log.append([[LogFixture.batch([14], amount: 2)]]) == [[[.conflict(with: 14)]]])
        fixture.files.restart()
        var second = try fixture.open()
        #expect(second.end == 20)
        #expect(second.indexWork == nil)
        #expect(try second.current(of: [LogFixture.key(13)])[0]?.position == 13)
    }
}
