import Foundation
import MartletExpressions
import MartletFrames
@testable import MartletPipelines
import MartletPipelinesTesting
@testable import MartletStorage
import Testing

/// A database in a folder of its own, with the pipelines' tables and an owner.
struct PipelineDatabase {
    let folder: TemporaryFolder
    let database: SQLiteDatabase
    let tables = PipelineTables()
    let epoch: Int

    init() throws {
        folder = try TemporaryFolder()
        database = try SQLiteDatabase(folder: folder.path)
        try database.migrate(PipelineTables.migrations, at: Timestamp(microseconds: 1))
        let tables = tables
        epoch = try database.write { try tables.takeOwnership($0) }
    }

    /// Bytes of the file and of what waits to be copied into it.
    var size: Int {
        get throws {
            try ["martlet.sqlite", "martlet.sqlite-wal"].reduce(0) { sum, name in
                let values = try URL(filePath: folder.path).appending(path: name).resourceValues(forKeys: [.fileSizeKey])
                return sum + (values.fileSize ?? 0)
            }
        }
    }

    func commit(_ turn: Turn) throws {
        try database.write { [tables, epoch] in _ = try tables.commit(turn, epoch: epoch, $0) }
    }
}

/// Turns and what they need, made by hand.
enum Turns {
    static let ada = RunActor(kind: "user", id: "ada", name: "Ada")

    static func at(_ text: String) throws -> Timestamp { try #require(Timestamp(date: text, in: .utc)) }

    static func id(_ number: Int, _ time: Timestamp) -> String {
        let tail = String(number, radix: 16)
        return PipelineTables.firstID(at: time) + "-7000-8000-" + String(repeating: "0", count: 12 - tail.count) + tail
    }

    static func run(_ facts: RunFacts, _ turn: inout Turn, state: RunState = .queued, ended: Timestamp? = nil) {
        turn.newRuns.append(.init(facts: facts, source: "s", definition: "d", taskCount: 1))
        if state != .queued { turn.runStates.append(.init(run: facts.id, state: state, began: facts.created, ended: ended)) }
    }
}

@Suite("Pipelines in SQL")
struct PipelineTablesTests {
    @Test("what was stored turn by turn is read back as the model has it", arguments: UInt64(0)..<25)
    func model(seed: UInt64) throws {
        let store = try PipelineDatabase()
        var turns: [Turn] = []
        _ = try simulateScheduler(seed: seed) { turns.append($0) }
        var model = StoredPipelines()
        var graphs: [String: PipelineGraph] = [:]
        for turn in turns {
            model.commit(turn)
            graphs.merge(turn.graphs) { $1 }
        }
        // One transaction for all of them, which differs in nothing but the time that it takes.
        try store.database.write { transaction in
            for turn in turns { try store.tables.commit(turn, epoch: store.epoch, transaction) }
        }
        #expect(!model.runs.isEmpty)
        try store.database.read { reader throws in
            for (id, run) in model.runs {
                let stored = try #require(try store.tables.run(id, reader))
                #expect(stored.facts == run.facts)
                #expect(stored.state == run.state && stored.began == run.began && stored.ended == run.ended && stored.source == run.source)
                if let graph = graphs[id] { #expect(try store.tables.records(of: id, graph, reader) == run.records) }
            }
            let all = try store.tables.runs(RunFilter(), limit: 10_000, reader)
            #expect(all.map(\.facts.id) == model.order.sorted(by: >))
            #expect(try store.tables.unendedRuns(reader).map(\.facts.id) == model.order.filter { model.runs[$0]?.state.isEnd == false }.sorted())
            #expect(try store.tables.cursors(reader) == model.cursors)
            #expect(try store.tables.paused(reader) == model.paused)
            let backfills = try store.tables.backfills(nil, limit: 1_000, reader)
            #expect(Dictionary(uniqueKeysWithValues: backfills.map { ($0.id, $0) }) == model.backfills.mapValues { $0.withoutCount })
            for (key, entry) in model.cache {
                #expect(try store.tables.cached(key, since: entry.time, reader) == entry.result)
                #expect(try store.tables.cached(key, since: entry.time + Timestamp.Span(microseconds: 1), reader) == nil)
            }
        }
    }

    @Test("whoever has been overtaken stores nothing more")
    func epochs() throws {
        let store = try PipelineDatabase()
        let second = try store.database.write { try store.tables.takeOwnership($0) }
        #expect(second == store.epoch + 1)
        var turn = Turn()
        Turns.run(RunFacts(id: "r1", pipeline: "p", cause: .manual, actor: Turns.ada, created: Timestamp(microseconds: 5)), &turn)
        let error = #expect(throws: PipelineStoreError.self) { try store.commit(turn) }
        #expect(error?.message == "another program has taken over the pipelines of this project")
        #expect(try store.database.read { try store.tables.run("r1", $0) } == nil)
        try store.database.write { _ = try store.tables.commit(turn, epoch: second, $0) }
        #expect(try store.database.read { try store.tables.run("r1", $0) }?.facts == turn.newRuns[0].facts)
    }

    @Test("an interval of a schedule cannot be stored twice; of a backfill it can")
    func intervals() throws {
        let store = try PipelineDatabase()
        let day = DataInterval(start: try Turns.at("2024-03-01"), end: try Turns.at("2024-03-02"))
        func turn(_ id: String, _ cause: RunCause) -> Turn {
            var turn = Turn()
            Turns.run(RunFacts(id: id, pipeline: "p", cause: cause, interval: day, actor: Turns.ada, created: day.end), &turn)
            return turn
        }
        try store.commit(turn("r1", .schedule))
        let error = #expect(throws: DatabaseError.self) { try store.commit(turn("r2", .schedule)) }
        #expect(error?.code == .duplicate)
        try store.commit(turn("r3", .backfill))
        try store.commit(turn("r4", .backfill))
        #expect(try store.database.read { try store.tables.states(pipeline: "p", intervalsFrom: day.start, to: day.end, $0) }.count == 3)
    }

    @Test("a run is found by the key of its request, in its own pipeline")
    func keys() throws {
        let store = try PipelineDatabase()
        var turn = Turn()
        Turns.run(RunFacts(id: "r1", pipeline: "p", cause: .manual, actor: Turns.ada, created: .init(microseconds: 1), requestKey: "k"), &turn)
        Turns.run(RunFacts(id: "r2", pipeline: "q", cause: .manual, actor: Turns.ada, created: .init(microseconds: 1), requestKey: "k"), &turn)
        try store.commit(turn)
        try store.database.read { reader throws in
            #expect(try store.tables.run(pipeline: "p", requestKey: "k", reader)?.facts.id == "r1")
            #expect(try store.tables.run(pipeline: "q", requestKey: "k", reader)?.facts.id == "r2")
            #expect(try store.tables.run(pipeline: "p", requestKey: "other", reader) == nil)
        }
    }

    @Test("lists give what a filter says, newest first, in pages that leave nothing out and give nothing twice")
    func filters() throws {
        let store = try PipelineDatabase()
        let start = try Turns.at("2024-03-01")
        let states = RunState.allCases
        var turn = Turn()
        var expected: [(id: String, pipeline: String, state: RunState, backfill: String?, created: Timestamp)] = []
        for number in 0..<200 {
            let created = start + .minutes(Int64(number))
            let pipeline = "p\(number % 3)"
            let state = states[number % states.count]
            let backfill = number % 7 == 0 ? "b\(number % 2)" : nil
            let id = Turns.id(number, created)
            Turns.run(
                RunFacts(id: id, pipeline: pipeline, cause: .manual, actor: Turns.ada, created: created, backfill: backfill), &turn,
                state: state)
            expected.append((id, pipeline, state, backfill, created))
        }
        try store.commit(turn)
        let unended = expected.filter { $0.state == .queued || $0.state == .running }
        #expect(Set(unended.map(\.state)).count == 2)
        #expect(try store.database.read { try store.tables.unendedRuns($0) }.map(\.facts.id) == unended.map(\.id))
        expected.reverse()
        let since = start + .minutes(50)
        let until = start + .minutes(150)
        for pipeline in [nil, "p1", "nobody"] {
            for state in [nil, RunState.failed] {
                for backfill in [nil, "b0", "nothing"] {
                    for isBounded in [false, true] {
                        var filter = RunFilter(pipeline: pipeline, state: state, backfill: backfill)
                        if isBounded { (filter.since, filter.until) = (since, until) }
                        let wanted = expected.filter {
                            (pipeline == nil || $0.pipeline == pipeline) && (state == nil || $0.state == state)
                                && (backfill == nil || $0.backfill == backfill)
                                && (!isBounded || $0.created >= since && $0.created < until)
                        }
                        var found: [String] = []
                        while true {
                            let page = try store.database.read { try store.tables.runs(filter, limit: 7, $0) }
                            found += page.map(\.facts.id)
                            guard page.count == 7 else { break }
                            filter.before = page.last?.facts.id
                        }
                        #expect(found == wanted.map(\.id), "\(filter)")
                    }
                }
            }
        }
    }

    @Test("the states of a range are those of its intervals, in their order")
    func states() throws {
        let store = try PipelineDatabase()
        let start = try Turns.at("2024-03-01")
        var turn = Turn()
        for day in [Int64(3), 1, 2, 5] {
            let interval = DataInterval(start: start + .days(day), end: start + .days(day + 1))
            Turns.run(
                RunFacts(id: "r\(day)", pipeline: "p", cause: .schedule, interval: interval, actor: Turns.ada, created: interval.end), &turn,
                state: day == 2 ? .failed : .succeeded)
        }
        Turns.run(RunFacts(id: "x", pipeline: "p", cause: .manual, actor: Turns.ada, created: start), &turn)
        try store.commit(turn)
        let found = try store.database.read {
            try store.tables.states(pipeline: "p", intervalsFrom: start + .days(2), to: start + .days(5), $0)
        }
        #expect(found.map(\.start) == [start + .days(2), start + .days(3)])
        #expect(found.map(\.state) == [.failed, .succeeded])
    }

    @Test("what ended before a time is deleted with its records, a bounded number at a time; what has not ended is kept")
    func deletion() throws {
        let store = try PipelineDatabase()
        let graph = PipelineGraph(try Reading.pipeline("pipeline: p\ntasks: { a: { run: [x] } }"))
        let start = try Turns.at("2024-03-01")
        var turn = Turn()
        var ids: [String] = []
        for number in 0..<10 {
            let created = start + .days(Int64(number))
            let id = Turns.id(number, created)
            ids.append(id)
            // The first takes for ever; the third ended late.
            let ended: Timestamp? = number == 0 ? nil : number == 2 ? start + .days(20) : created + .hours(1)
            Turns.run(
                RunFacts(id: id, pipeline: "p", cause: .manual, actor: Turns.ada, created: created), &turn,
                state: ended == nil ? .running : .succeeded, ended: ended)
            turn.records.append((id, TimedRecord(created, .began)))
            turn.graphs[id] = graph
            turn.traces.append(AttemptTrace(InstanceAddress(run: id, task: "a"), attempt: 1, pipeline: "p", time: created, uses: []))
            turn.cacheEntries.append(.init(key: "k\(number)", run: id, task: "a", time: created, result: ["n": .scalar(.int64(1))]))
        }
        try store.commit(turn)
        let limit = start + .days(6)
        func delete(isUnderWay: (String) -> Bool = { _ in false }) throws -> [String] {
            try store.database.write {
                try store.tables.deleteResults(keptBefore: limit, limit: 3, $0)
                return try store.tables.deleteRuns(
                    endedBefore: limit, keepingKeysThatEnd: nil, limit: 3, isUnderWay: isUnderWay, $0)
            }
        }
        // Files go first.
        #expect(try delete() == [])
        let kept = try store.database.read { reader in try (0..<10).filter { try store.tables.cached("k\($0)", since: start, reader) != nil } }
        #expect(kept == Array(3..<10))
        let ended = try store.database.read { try store.tables.runsWithFiles(endedBefore: limit, limit: 100, $0) }
        #expect(ended.map(\.id) == [1, 3, 4, 5].map { ids[$0] })
        try store.database.write { transaction in
            for run in ended { try store.tables.removedFiles(of: run, transaction) }
            // One that ended anew since it was looked at.
            try store.tables.removedFiles(of: EndedRun(id: ids[6], ended: limit), transaction)
        }
        #expect(try store.database.read { try store.tables.runsWithFiles(endedBefore: start + .days(99), limit: 100, $0) }.count == 5)
        // One that was taken up again and ended anew may have files again.
        var again = Turn()
        again.runStates = [.init(run: ids[5], state: .succeeded, began: start, ended: start + .days(5) + .hours(2))]
        try store.commit(again)
        let anew = try store.database.read { try store.tables.runsWithFiles(endedBefore: limit, limit: 100, $0) }
        #expect(anew == [EndedRun(id: ids[5], ended: start + .days(5) + .hours(2))])
        try store.database.write { try store.tables.removedFiles(of: anew[0], $0) }
        #expect(try delete { $0 == ids[3] } == [ids[1], ids[4]])
        #expect(try delete() == [ids[3], ids[5]])
        #expect(try delete() == [])
        try store.database.read { reader throws in
            #expect(try store.tables.runs(RunFilter(), limit: 100, reader).map(\.facts.id).sorted() == [0, 2, 6, 7, 8, 9].map { ids[$0] })
            for (number, id) in ids.enumerated() {
                #expect(try store.tables.records(of: id, graph, reader).isEmpty == [1, 3, 4, 5].contains(number))
                #expect(try store.tables.traces(ofRun: id, reader).isEmpty == [1, 3, 4, 5].contains(number))
                #expect(try store.tables.cached("k\(number)", since: start, reader) == (number < 6 ? nil : ["n": .scalar(.int64(1))]))
            }
        }
    }

    @Test("no sequence number is given twice, and the newest run of a pipeline and what a release started stay")
    func newest() throws {
        let store = try PipelineDatabase()
        let graph = PipelineGraph(try Reading.pipeline("pipeline: p\ntasks: { a: { run: [x] } }"))
        let start = try Turns.at("2024-03-01")
        func commit(_ number: Int, _ pipeline: String, key: String? = nil, cause: RunCause = .manual, at time: Timestamp) throws -> Int64 {
            var turn = Turn()
            let id = Turns.id(number, time)
            Turns.run(
                RunFacts(id: id, pipeline: pipeline, cause: cause, actor: Turns.ada, created: time, requestKey: key), &turn,
                state: .succeeded, ended: time)
            turn.records = [(id, TimedRecord(time, .began))]
            turn.graphs[id] = graph
            return try store.database.write { try store.tables.commit(turn, epoch: store.epoch, $0) }
        }
        _ = try commit(0, "q", key: "model:m@a=1:release 1", cause: .data, at: start)
        _ = try commit(1, "q", key: "model:m@a=2:release 2", cause: .data, at: start)
        _ = try commit(2, "q", key: "some:release 2", at: start)
        // Made before the newest of its pipeline, and the last of which anything is told.
        _ = try commit(4, "q", at: start + .days(1))
        let last = try commit(3, "q", at: start)
        #expect(last == 5)
        func told(after sequence: Int64) throws -> [Int64] {
            try store.database.read { try store.tables.history(after: sequence, run: nil, limit: 2, $0) }.map(\.sequence)
        }
        #expect(try told(after: 0) == [1, 2] && told(after: 2) == [3, 4] && told(after: 4) == [5] && told(after: 5) == [])
        func delete() throws -> [String] {
            try store.database.write { transaction in
                for run in try store.tables.runsWithFiles(endedBefore: start + .days(9), limit: 100, transaction) {
                    try store.tables.removedFiles(of: run, transaction)
                }
                return try store.tables.deleteRuns(
                    endedBefore: start + .days(9), keepingKeysThatEnd: ":release 2", limit: 100, transaction)
            }
        }
        #expect(try delete() == [0, 2, 3].map { Turns.id($0, start) })
        #expect(try delete() == [])
        try store.database.read { reader throws in
            #expect(try store.tables.newestSequence(reader) == last)
            #expect(try store.tables.history(after: 0, run: nil, limit: 100, reader).map(\.run) == [Turns.id(1, start), Turns.id(4, start + .days(1))])
        }
        #expect(try commit(5, "q", at: start + .days(2)) == last + 1)
        #expect(try delete() == [Turns.id(4, start + .days(1))])
        let rows = try store.database.read { try $0.rows("SELECT run FROM pipelines_history").map { try $0.value("run", as: String.self) } }
        #expect(rows == [Turns.id(1, start), Turns.id(5, start + .days(2))])
    }

    @Test("what happened in one turn is told by run, in the order of the first record of each")
    func turns() throws {
        let store = try PipelineDatabase()
        let graph = PipelineGraph(try Reading.pipeline("pipeline: p\ntasks: { a: { run: [x] } }"))
        let now = Timestamp(microseconds: 1)
        var turn = Turn()
        for id in ["r1", "r2", "r3"] {
            Turns.run(RunFacts(id: id, pipeline: "p", cause: .manual, actor: Turns.ada, created: now), &turn)
            turn.graphs[id] = graph
        }
        for id in ["r2", "r1", "r2", "r3"] { turn.records.append((id, TimedRecord(now, .late(task: nil)))) }
        try store.commit(turn)
        let told = try store.database.read { try store.tables.history(after: 0, run: nil, limit: 9, $0) }
        #expect(told.map(\.run) == ["r2", "r1", "r3"])
        #expect(try store.database.read { try store.tables.records(of: "r2", graph, $0) }.count == 2)
    }

    @Test("a result that is kept again takes the place of the one before")
    func results() throws {
        let store = try PipelineDatabase()
        let first = Timestamp(microseconds: 1)
        let later = Timestamp(microseconds: 2)
        for (time, number) in [(first, Int64(1)), (later, 2)] {
            var turn = Turn()
            turn.cacheEntries = [.init(key: "k", run: "r\(number)", task: "a", time: time, result: ["n": .scalar(.int64(number))])]
            try store.commit(turn)
        }
        #expect(try store.database.read { try store.tables.cached("k", since: later, $0) } == ["n": .scalar(.int64(2))])
    }

    @Test("backfills are listed with the newest first, and go once they ended, are old and have no runs left, a bounded number at a time")
    func backfills() throws {
        let store = try PipelineDatabase()
        let start = try Turns.at("2024-03-01")
        let day = DataInterval(start: start, end: start + .days(1))
        var turn = Turn()
        let ids = (0..<6).map { Turns.id($0, start + .days(Int64($0))) }
        for (number, id) in ids.enumerated() {
            var backfill = Backfill(
                id: id, pipeline: "p", actor: Turns.ada, created: start + .days(Int64(number)), intervals: [day], maxActiveRuns: 1)
            backfill.state = [.ended, .running, .ended, .cancelled, .ended, .ended][number]
            turn.backfills.append(backfill)
        }
        // The third has a run left; the last is young.
        Turns.run(
            RunFacts(id: "r1", pipeline: "p", cause: .backfill, interval: day, actor: Turns.ada, created: day.end, backfill: ids[2]), &turn)
        try store.commit(turn)
        func left(_ state: Backfill.State? = nil, limit: Int = 100) throws -> [String] {
            try store.database.read { try store.tables.backfills(state, limit: limit, $0) }.map(\.id)
        }
        #expect(try left() == ids.reversed() && left(limit: 2) == [ids[5], ids[4]] && left(.running) == [ids[1]])
        func delete() throws {
            try store.database.write { try store.tables.deleteBackfills(madeBefore: start + .days(5), limit: 2, $0) }
        }
        try delete()
        #expect(try left() == [5, 4, 2, 1].map { ids[$0] })
        try delete()
        #expect(try left() == [5, 2, 1].map { ids[$0] })
        try delete()
        #expect(try left() == [5, 2, 1].map { ids[$0] })
    }

    @Test("records are read by a program that puts the tasks in another order, and not by one that lacks a task")
    func order() throws {
        let store = try PipelineDatabase()
        let graph = PipelineGraph(try Reading.pipeline("pipeline: p\ntasks: { a: { run: [x] }, b: { run: [x], after: a } }"))
        let facts = RunFacts(id: "r1", pipeline: "p", cause: .manual, actor: Turns.ada, created: Timestamp(microseconds: 1))
        var turn = Turn()
        Turns.run(facts, &turn, state: .running)
        let now = Timestamp(microseconds: 2)
        let first = InstanceNumber(0)
        turn.records = [
            (facts.id, TimedRecord(now, .began)),
            (facts.id, TimedRecord(now, .attempt(first, number: 1, isDeferred: false))),
            (facts.id, TimedRecord(now, .ended(first, attempt: 1, .succeeded, InstanceEnd()))),
        ]
        turn.graphs[facts.id] = graph
        try store.commit(turn)
        let other = PipelineGraph(try Reading.pipeline("pipeline: p\ntasks: { z: { run: [x] }, b: { run: [x], after: z }, a: { run: [x] } }"))
        let records = try store.database.read { try store.tables.records(of: facts.id, other, $0) }
        let machine = RunMachine(facts, other)
        for record in records { machine.apply(record) }
        #expect(other.number(of: "a") != 0)
        #expect(other.number(of: "a").map { machine.state(of: $0) } == .succeeded)
        let lacking = PipelineGraph(try Reading.pipeline("pipeline: p\ntasks: { b: { run: [x] } }"))
        let error = #expect(throws: PipelineStoreError.self) { try store.database.read { try store.tables.records(of: facts.id, lacking, $0) } }
        #expect(error?.message == "the stored history of pipelines cannot be read")
    }

    @Test("damaged rows are an error that says where, not a trap and not silence")
    func damage() throws {
        let store = try PipelineDatabase()
        let graph = PipelineGraph(try Reading.pipeline("pipeline: p\ntasks: { a: { run: [x] } }"))
        var turn = Turn()
        let facts = RunFacts(id: "r1", pipeline: "p", cause: .manual, actor: Turns.ada, created: Timestamp(microseconds: 1))
        Turns.run(facts, &turn)
        turn.records.append((facts.id, TimedRecord(facts.created, .began)))
        turn.graphs[facts.id] = graph
        let day = DataInterval(start: facts.created, end: Timestamp(microseconds: 9))
        turn.backfills.append(Backfill(id: "b1", pipeline: "p", actor: Turns.ada, created: facts.created, intervals: [day], maxActiveRuns: 1))
        turn.cacheEntries.append(.init(key: "k", run: "r1", task: "a", time: facts.created, result: ["n": .scalar(.int64(1))]))
        try store.commit(turn)
        func error(_ damage: Statement, _ read: (any DatabaseReader) throws -> Void) throws -> String {
            var message = ""
            do {
                try store.database.write { transaction in
                    try transaction.execute(damage)
                    do { try read(transaction) } catch let error as PipelineStoreError { message = error.message }
                    throw CancellationError()
                }
            } catch is CancellationError {}
            return message
        }
        let tables = store.tables
        let runs = "the stored runs of pipelines cannot be read"
        let history = "the stored history of pipelines cannot be read"
        #expect(try error("UPDATE pipelines_runs SET state = 'odd'") { _ = try tables.run("r1", $0) } == runs)
        #expect(try error("UPDATE pipelines_runs SET cause = 'odd'") { _ = try tables.runs(RunFilter(), limit: 9, $0) } == runs)
        #expect(try error("UPDATE pipelines_runs SET parameters = '[1]'") { _ = try tables.run("r1", $0) } == runs)
        #expect(try error("UPDATE pipelines_runs SET parameters = '{'") { _ = try tables.run("r1", $0) } == runs)
        for text in ["[{\"at\":1,\"event\":\"odd\"}]", "[1]", "{}", "[", "[{\"at\":1,\"event\":\"ended\",\"task\":\"z\",\"state\":\"failed\"}]"] {
            #expect(try error("UPDATE pipelines_history SET records = \(text)") { _ = try tables.records(of: "r1", graph, $0) } == history)
        }
        let backfills = "the stored backfills of pipelines cannot be read"
        for text in ["[", "{}", "[[1]]", "[[2,1]]", "[\"a\"]"] {
            #expect(try error("UPDATE pipelines_backfills SET intervals = \(text)") { _ = try tables.backfills(nil, limit: 9, $0) } == backfills, "\(text)")
        }
        #expect(try error("UPDATE pipelines_backfills SET state = 'odd'") { _ = try tables.backfills(nil, limit: 9, $0) } == backfills)
        #expect(try error("UPDATE pipelines_cache SET result = '7'") { _ = try tables.cached("k", since: facts.created, $0) } == "the stored cache of pipelines cannot be read")
    }
}

extension Backfill {
    /// As it is stored: how many of its runs are under way is counted anew at each start.
    var withoutCount: Backfill {
        var backfill = self
        backfill.active = 0
        return backfill
    }
}
