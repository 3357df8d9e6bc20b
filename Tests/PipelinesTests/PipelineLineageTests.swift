import MartletFrames
@testable import MartletPipelines
@testable import MartletStorage
import Testing

@Suite("Lineage in SQL")
struct PipelineLineageTests {
    private let start = Timestamp(microseconds: 1_700_000_000_000_000)

    private func trace(_ number: Int, _ task: String, _ uses: [DataUse]) -> AttemptTrace {
        let time = start + .minutes(Int64(number))
        return AttemptTrace(InstanceAddress(run: Turns.id(number, time), task: task), attempt: 1, pipeline: "p", time: time, uses: uses)
    }

    private func commit(_ traces: [AttemptTrace], _ store: PipelineDatabase) throws {
        var turn = Turn()
        turn.traces = traces
        try store.commit(turn)
    }

    @Test("a thing is found by its version, a stream by positions, the newest first, by an index")
    func search() throws {
        let store = try PipelineDatabase()
        let model = DataThing(.model, "m", version: "2")
        var traces: [AttemptTrace] = []
        for number in 0..<50 {
            traces.append(trace(number, "load", [
                DataUse(.input, DataThing(.file, "new.csv", version: "\(number)")),
                DataUse(.output, DataThing(.stream, "s", version: "\(number * 100)")),
            ]))
        }
        traces.append(trace(60, "train", [DataUse(.input, DataThing(.stream, "s", version: "950")), DataUse(.output, model)]))
        try commit(traces, store)
        func runs(_ direction: DataUse.Direction, _ thing: DataThing, limit: Int = 3) throws -> [Int] {
            let found = try store.database.read { try store.tables.attempts(direction, of: thing, limit: limit, $0) }
            return found.compactMap { id in traces.firstIndex { $0.address == id.address } }
        }
        #expect(try runs(.output, DataThing(.stream, "s", version: "950")) == [9, 8, 7])
        #expect(try runs(.output, DataThing(.stream, "s", version: "900")) == [9, 8, 7])
        #expect(try runs(.output, DataThing(.stream, "s", version: "899")) == [8, 7, 6])
        #expect(try runs(.input, DataThing(.stream, "s", version: "900")) == [50])
        #expect(try runs(.input, DataThing(.stream, "s", version: "950")) == [50])
        #expect(try runs(.input, DataThing(.stream, "s", version: "951")) == [])
        #expect(try runs(.output, DataThing(.stream, "s")) == [49, 48, 47])
        #expect(try runs(.input, DataThing(.file, "new.csv", version: "17")) == [17])
        #expect(try runs(.input, DataThing(.file, "new.csv")) == [49, 48, 47])
        #expect(try runs(.output, model) == [50] && runs(.input, model) == [])
        for thing in [model, DataThing(.stream, "s", version: "9"), DataThing(.file, "new.csv")] {
            let plan = try store.database.read {
                try $0.rows("EXPLAIN QUERY PLAN " + PipelineTables.attempts(.output, of: thing, limit: 20)).map { try $0.value("detail", as: String.self) }
            }.joined(separator: "; ")
            #expect(plan.contains("COVERING INDEX") && !plan.contains("TEMP B-TREE"), "\(thing): \(plan)")
        }
    }

    @Test("what is stored already is left as it is, and what a run left goes with it unless it made a model")
    func once() throws {
        let store = try PipelineDatabase()
        let uses = [DataUse(.output, DataThing(.blob, "ab", version: "ab"), bytes: 7), DataUse(.input, DataThing(.endpoint, "e"))]
        let first = trace(1, "a", uses)
        let second = trace(2, "a", [DataUse(.output, DataThing(.model, "m", version: "1"), rows: 9)])
        try commit([first, second], store)
        try commit([trace(1, "a", [DataUse(.input, DataThing(.file, "other"))])], store)
        func kept(_ trace: AttemptTrace) throws -> AttemptTrace? { try store.database.read { try store.tables.trace(of: trace.id, $0) } }
        #expect(try Set(kept(first)?.uses ?? []) == Set(uses))
        #expect(try kept(second) == second)
        #expect(try store.database.read { try store.tables.traces(ofRun: second.address.run, $0) } == [second])
        try store.database.write { try store.tables.deleteTraces(ofRuns: [first.address.run, second.address.run], $0) }
        #expect(try kept(first) == nil)
        #expect(try kept(second) == second)
        #expect(try store.database.read { try $0.rows("SELECT * FROM pipelines_uses") }.count == 1)
    }

    @Test("a thing is written as it is read", arguments: ["model:m@3", "file:a@b.csv", "stream:s", "endpoint:e@12", "file:x@" + String(repeating: "0f", count: 32)])
    func texts(_ text: String) throws {
        let thing = try #require(DataThing(text))
        #expect("\(thing)" == text)
        if text.hasPrefix("file:a") { #expect(thing.version == nil) } else if text.contains("@") { #expect(thing.version != nil) }
        for wrong in ["", "m@3", "models:m", "model:", "model"] { #expect(DataThing(wrong) == nil) }
    }

    @Test("of one attempt a bounded number of things is kept, each once")
    func recorder() {
        let recorder = UseRecorder()
        for number in 0..<(UseRecorder.limit + 5) {
            for _ in 0..<2 { recorder.note(DataUse(.input, DataThing(.file, "\(number)"))) }
        }
        #expect(recorder.uses.count == UseRecorder.limit)
        #expect(Set(recorder.uses).count == UseRecorder.limit)
    }
}
