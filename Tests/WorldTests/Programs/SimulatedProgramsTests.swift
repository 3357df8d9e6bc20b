import MartletFrames
import MartletSimulation
import MartletWorld
import Testing

@Suite("Simulated programs")
struct SimulatedProgramsTests {
    let clock = VirtualClock(at: Timestamp(microseconds: 0))

    func programs(seed: UInt64 = 1) -> SimulatedPrograms {
        SimulatedPrograms(clock: clock, seed: seed, programs: [
            "work": { _, _ in SimulatedRun(for: .seconds(10), outputs: [.init("half", after: .seconds(5)), .init("late", after: .seconds(11))]) },
            "fail": { launch, _ in SimulatedRun(for: .seconds(1), exit: ProgramExit(.exited(Int32(launch.arguments.count)))) },
            "stubborn": { _, _ in SimulatedRun(for: .hours(1), endsAfterTermination: nil) },
            "polite": { _, _ in SimulatedRun(for: .hours(1), endsAfterTermination: .seconds(2)) },
            "random": { _, random in SimulatedRun(for: Timestamp.Span(microseconds: .random(in: 1...1_000_000, using: &random))) },
        ])
    }

    func start(_ name: String, in programs: SimulatedPrograms, mark: String = "") throws -> (program: any RunningProgram, run: ProgramRun) {
        let run = ProgramRun()
        let launch = ProgramLaunch([name], environment: ["PATH": "/bin", "MARK": mark], folder: "/")
        return (try programs.start(launch) { run.take($0) }, run)
    }

    @Test("a program prints and ends when its time comes, and not before")
    func life() async throws {
        let programs = programs()
        let (_, run) = try start("work", in: programs)
        #expect(programs.nextEvent == 5_000_000_000)
        clock.advance(by: .seconds(5))
        programs.settle()
        #expect(run.text() == "half" && !run.hasEnded)
        #expect(programs.nextEvent == 10_000_000_000)
        clock.advance(by: .seconds(60))
        programs.settle()
        #expect(await run.exit()?.ending == .exited(0))
        #expect(run.text() == "half" && run.endedOnce)
        #expect(programs.nextEvent == nil)
    }

    @Test("a program that nobody wrote is not found")
    func absent() {
        #expect { try start("absent", in: programs()) } throws: { ($0 as? ProgramError)?.code == .programNotFound }
    }

    @Test("termination ends a polite program in its time and a stubborn one after the grace", arguments: [
        ("polite", 10, 2, 15), ("polite", 1, 1, 9), ("polite", 0, 0, 9), ("stubborn", 10, 10, 9), ("stubborn", 0, 0, 9), ("fail", 10, 0, 15),
    ])
    func termination(_ name: String, _ grace: Int64, _ end: Int64, _ signal: Int32) async throws {
        let programs = programs()
        let (program, run) = try start(name, in: programs)
        program.end(after: .seconds(grace))
        #expect(programs.nextEvent == UInt64(end) * 1_000_000_000)
        clock.advance(by: .seconds(end))
        programs.settle()
        #expect(await run.exit()?.ending == .signalled(signal))
        program.end(after: .zero)
        programs.settle()
        #expect(run.endedOnce)
    }

    @Test("after a crash of who started them they go on unseen, until their mark finds them")
    func orphans() async throws {
        let programs = programs()
        let (_, run) = try start("work", in: programs, mark: "a")
        let (_, other) = try start("work", in: programs, mark: "b")
        programs.loseWatchers()
        let (mine, second) = try start("stubborn", in: programs, mark: "a")
        #expect(programs.runningCount(marked: ProgramMark(name: "MARK", value: "a")) == 2)
        let sweep = await programs.endAll(marked: ProgramMark(name: "MARK", value: "a"), within: .zero)
        #expect(sweep == ProgramSweep(killedCount: 2, isClean: true))
        #expect(programs.runningCount(marked: ProgramMark(name: "MARK", value: "a")) == 0)
        #expect(programs.runningCount(marked: ProgramMark(name: "MARK", value: "b")) == 1)
        #expect(await second.exit()?.ending == .signalled(9))
        clock.advance(by: .minutes(1))
        programs.settle()
        #expect(!run.hasEnded && !other.hasEnded && mine.identifier > 0)
    }

    @Test("a power cut ends all, unseen")
    func powerCut() throws {
        let programs = programs()
        let (_, run) = try start("work", in: programs)
        programs.losePower()
        clock.advance(by: .minutes(1))
        programs.settle()
        #expect(!run.hasEnded && programs.nextEvent == nil)
    }

    @Test("the seed decides")
    func seeds() throws {
        let instants = try (UInt64(0)..<20).map { seed in
            let programs = programs(seed: seed % 10)
            _ = try start("random", in: programs)
            return programs.nextEvent
        }
        #expect(Array(instants.prefix(10)) == Array(instants.suffix(10)))
        #expect(Set(instants).count == 10)
    }
}
