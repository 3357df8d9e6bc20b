import Foundation
import MartletFrames
import MartletPipelines
import MartletPipelinesTesting
import MartletStorage
import MartletWorld
import Testing

/// What `Benchmarks/pipelines.sh` takes off a task's time to tell what the engine itself costs. Measured only when
/// `MARTLET_PIPELINE_COSTS` is set, since a clock says nothing beside other tests.
@Suite("What a task's program and commit cost", .enabled(if: ProcessInfo.processInfo.environment["MARTLET_PIPELINE_COSTS"] != nil))
struct PipelineCostTests {
    private static let rounds = 500

    @Test("one after another: /bin/true by World's programs, and a turn's commit of a chain's step; both, two at a time")
    func costs() async throws {
        let store = try PipelineDatabase()
        let world = try World.system(root: store.folder.path)
        let launch = ProgramLaunch(["/bin/true"], environment: [:], folder: store.folder.path)
        let start = world.clock.monotonicNanoseconds()
        for _ in 0..<Self.rounds { await Self.run(launch, world) }
        let programs = world.clock.monotonicNanoseconds()
        // As many bytes as a step of a chain stores: one task ended, the next started.
        let graph = PipelineGraph(try Reading.pipeline("pipeline: p\ntasks: { a: { run: [\"true\"] } }\n"))
        let facts = RunFacts(id: Turns.id(1, Timestamp(microseconds: 1)), pipeline: "p", cause: .manual, actor: Turns.ada, created: Timestamp(microseconds: 1))
        var first = Turn()
        Turns.run(facts, &first)
        try store.commit(first)
        let (database, tables, epoch) = (store.database, store.tables, store.epoch)
        @Sendable func step(_ number: Int) throws {
            var turn = Turn()
            turn.graphs[facts.id] = graph
            let at = Timestamp(microseconds: Int64(number))
            turn.records = [
                (facts.id, TimedRecord(at, .ended(InstanceNumber(0), attempt: 1, .succeeded, InstanceEnd()))),
                (facts.id, TimedRecord(at, .attempt(InstanceNumber(0), number: 1, isDeferred: false))),
            ]
            try database.write { [turn] in _ = try tables.commit(turn, epoch: epoch, $0) }
        }
        for number in 0..<Self.rounds { try step(number) }
        let commits = world.clock.monotonicNanoseconds()
        // Two at a time, as a pool of two lets them: each next program once the step before it is stored.
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    for number in 0..<(Self.rounds / 2) {
                        await Self.run(launch, world)
                        do { try step(number) } catch { Issue.record("\(error)") }
                    }
                }
            }
        }
        let both = world.clock.monotonicNanoseconds()
        func milliseconds(_ nanoseconds: UInt64) -> String { String(format: "%.3f", Double(nanoseconds) / Double(Self.rounds) / 1e6) }
        print("program \(milliseconds(programs - start)) ms, commit \(milliseconds(commits - programs)) ms, side by side \(milliseconds(both - commits)) ms")
    }

    private static func run(_ launch: ProgramLaunch, _ world: World) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            do {
                _ = try world.programs.start(launch) { event in
                    if case .ended = event { continuation.resume() }
                }
            } catch {
                Issue.record("\(error)")
                continuation.resume()
            }
        }
    }
}
