import Foundation
import Glibc
import MartletFrames
import MartletWorld
import Synchronization
import Testing

/// Each program here misbehaves; it may harm only itself.
@Suite("Hostile programs", .timeLimit(.minutes(5)))
struct HostileProgramsTests {
    @Test("children that outlive their parent are killed with the group, and do not hold up the end")
    func leftChildren() async throws {
        let (_, run) = try startShell("sleep 1000 & echo $!; sleep 1000 & echo $!")
        #expect(await run.exit()?.ending == .exited(0))
        let children = run.text().split(separator: "\n").compactMap { Int32($0) }
        #expect(children.count == 2)
        for child in children { #expect(await eventually { !isAlive(child) }) }
    }

    @Test("a daemon that holds the output does not hold up the end; its mark finds it")
    func daemon() async throws {
        let folder = try TemporaryFolder()
        let mark = ProgramMark(name: "MARTLET_TEST", value: UUID().uuidString)
        let (_, run) = try startShell(
            "mkfifo f; setsid sh -c 'echo $$; echo > f; exec sleep 1000' & read line < f; echo over",
            environment: ["PATH": "/usr/bin:/bin", mark.name: mark.value], folder: folder.path)
        #expect(await run.exit()?.ending == .exited(0))
        #expect(run.text().hasSuffix("\nover\n"))
        let daemon = try #require(run.text().split(separator: "\n").first.flatMap { Int32($0) })
        #expect(isAlive(daemon))
        #expect(await SystemPrograms().endAll(marked: mark, within: .seconds(10)) == ProgramSweep(killedCount: 1, isClean: true))
        #expect(!isAlive(daemon))
    }

    @Test("one that ignores SIGTERM is killed after the grace")
    func ignoresTermination() async throws {
        let (program, run) = try startShell("trap '' TERM; echo ready; while :; do sleep 1000; done")
        await run.printed("ready\n")
        program.end(after: Timestamp.Span(microseconds: 20_000))
        #expect(await run.exit()?.ending == .signalled(SIGKILL))
    }

    @Test("one that handles SIGTERM ends in its own way, its children too, and a stopped one is woken for it")
    func handlesTermination() async throws {
        let (program, run) = try startShell("trap 'echo bye; exit 3' TERM; echo ready; sleep 1000 & wait")
        await run.printed("ready\n")
        kill(program.identifier, SIGSTOP)
        program.end(after: .minutes(10))
        #expect(await run.exit()?.ending == .exited(3))
        #expect(run.text() == "ready\nbye\n")
        program.end(after: .zero)
    }

    @Test("without a grace the whole group is killed at once")
    func killed() async throws {
        let (program, run) = try startShell("trap '' TERM; sleep 1000 & echo $!; wait")
        await run.printed("\n")
        program.end(after: .zero)
        #expect(await run.exit()?.ending == .signalled(SIGKILL))
        let child = try #require(Int32(run.text().dropLast()))
        #expect(await eventually { !isAlive(child) })
    }

    @Test("a flood is handed on up to the limit; the rest is counted, and comes slowly")
    func flood() async throws {
        let start = ContinuousClock.now
        let (_, run) = try startShell("head -c 3000000 /dev/zero", limits: ProgramLimits(outputBytes: 100_001))
        #expect(await run.exit()?.droppedOutputBytes == 2_899_999)
        #expect(run.text().utf8.count == 100_001)
        // 64 KiB in 2 ms, less one pipe that is taken at the end.
        #expect(ContinuousClock.now - start > .milliseconds(80))
    }

    @Test("one that never stops printing is ended like any other")
    func endlessFlood() async throws {
        let (program, run) = try startShell("exec yes", limits: ProgramLimits(outputBytes: 100_001))
        #expect(await eventually { run.text().utf8.count == 100_001 })
        program.end(after: .minutes(1))
        #expect(await run.exit()?.ending == .signalled(SIGTERM))
        #expect(run.text().utf8.count == 100_001)
    }

    @Test("output up to the limit is handed on whole, over both streams")
    func justBelowTheLimit() async throws {
        let (_, run) = try startShell("printf 12345; printf 67890 >&2", limits: ProgramLimits(outputBytes: 10))
        #expect(await run.exit()?.droppedOutputBytes == 0)
        #expect(run.text() + run.text(.errors) == "1234567890")
        let (_, second) = try startShell("printf 12345; printf 678901 >&2", limits: ProgramLimits(outputBytes: 10))
        #expect(await second.exit()?.droppedOutputBytes == 1)
        #expect((second.text() + second.text(.errors)).utf8.count == 10)
    }

    @Test("while the reader works the program waits")
    func slowReader() async throws {
        let gate = DispatchSemaphore(value: 0)
        let (program, run) = try startHeldUp("exec head -c 300000 /dev/zero", gate)
        // A piece and a full pipe are less than it wants to write, so it sleeps in the middle.
        #expect(await eventually { processState(program.identifier) == "S" })
        gate.signal()
        #expect(await run.exit()?.ending == .exited(0))
        #expect(run.text().utf8.count == 300_000)
    }

    @Test("nothing is lost if the program ended while the reader worked")
    func lateReader() async throws {
        let gate = DispatchSemaphore(value: 0)
        let (program, run) = try startHeldUp("echo one; echo two >&2; head -c 20000 /dev/zero; echo three", gate)
        #expect(await eventually { !isAlive(program.identifier) })
        #expect(run.text().isEmpty && run.text(.errors).isEmpty)
        gate.signal()
        #expect(await run.exit()?.ending == .exited(0))
        #expect(run.text().hasPrefix("one\n") && run.text().hasSuffix("three\n") && run.text().utf8.count == 20_010)
        #expect(run.text(.errors) == "two\n")
    }

    /// A script whose first event is not taken before the gate opens.
    private func startHeldUp(_ script: String, _ gate: DispatchSemaphore) throws -> (any RunningProgram, ProgramRun) {
        let run = ProgramRun()
        let isFirst = Atomic(true)
        let launch = ProgramLaunch(["sh", "-c", script], environment: ["PATH": "/usr/bin:/bin"], folder: "/")
        let program = try SystemPrograms().start(launch) { event in
            if isFirst.exchange(false, ordering: .relaxed) { gate.wait() }
            run.take(event)
        }
        return (program, run)
    }

    @Test("a file does not grow past the limit")
    func fileSize() async throws {
        let folder = try TemporaryFolder()
        let (_, run) = try startShell("exec cat /dev/zero > file", folder: folder.path, limits: ProgramLimits(fileBytes: 100_000))
        let exit = try #require(await run.exit())
        #expect(exit.ending == .signalled(SIGXFSZ) && exit.passedLimit == .fileSize)
        #expect(folder.read("file")?.utf8.count == 100_000)
    }

    @Test("processor time ends at the limit, whether the program minds the signal or not", arguments: ["", "trap '' XCPU; "])
    func processorTime(_ prefix: String) async throws {
        let (_, run) = try startShell(prefix + "while :; do :; done", limits: ProgramLimits(cpuSeconds: 1))
        let exit = try #require(await run.exit())
        #expect(exit.ending == .signalled(prefix.isEmpty ? SIGXCPU : SIGKILL))
        #expect(exit.passedLimit == .cpu)
        #expect(exit.cpu >= Timestamp.Span(microseconds: 300_000))
    }

    @Test("memory past the limit is not given; below it, it is", arguments: [(64, false), (512, true)])
    func memory(_ megabytes: Int, _ isEnough: Bool) async throws {
        let (_, run) = try startShell(
            "x=$(head -c 30000000 /dev/zero | tr '\\0' x); y=$x$x; echo ${#y}", limits: ProgramLimits(memoryBytes: megabytes << 20))
        let exit = try #require(await run.exit())
        #expect(exit.isSuccess == isEnough)
        #expect(run.text() == (isEnough ? "60000000\n" : ""))
    }

    @Test("every process of a program has the limits from its first instruction on")
    func limitsAreInherited() async throws {
        let limits = ProgramLimits(cpuSeconds: 100, memoryBytes: 1 << 30, fileBytes: 1 << 20, processCount: 5_000, openFileCount: 77)
        let run = ProgramRun()
        let launch = ProgramLaunch(["/bin/cat", "/proc/self/limits"], environment: [:], folder: "/", limits: limits)
        _ = try SystemPrograms().start(launch) { run.take($0) }
        _ = await run.exit()
        let rows = run.text().split(separator: "\n").map { $0.split(separator: "  ", omittingEmptySubsequences: true).map { $0.trimmingCharacters(in: .whitespaces) } }
        func row(_ name: String) -> [String]? { rows.first { $0.first == name }.map { Array($0.dropFirst().prefix(2)) } }
        #expect(row("Max cpu time") == ["100", "101"])
        #expect(row("Max address space") == ["1073741824", "1073741824"])
        #expect(row("Max file size") == ["1048576", "1048576"])
        #expect(row("Max processes") == ["5000", "5000"])
        #expect(row("Max core file size") == ["0", "0"])
        #expect(row("Max open files")?.first == "77")
    }

    @Test("a mark finds whoever bears it, and nobody else")
    func sweep() async throws {
        let value = UUID().uuidString
        let mark = ProgramMark(name: "MARTLET_TEST", value: value)
        let (_, marked) = try startShell("echo ready; exec sleep 1000", environment: ["PATH": "/bin:/usr/bin", mark.name: value])
        let (other, unmarked) = try startShell(
            "echo ready; exec sleep 1000", environment: ["PATH": "/bin:/usr/bin", mark.name: value + "0", "X": "MARTLET_TEST=" + value])
        await marked.printed("ready")
        await unmarked.printed("ready")
        #expect(await SystemPrograms().endAll(marked: mark, within: .seconds(10)) == ProgramSweep(killedCount: 1, isClean: true))
        #expect(await marked.exit()?.ending == .signalled(SIGKILL))
        #expect(isAlive(other.identifier))
        #expect(await SystemPrograms().endAll(marked: mark, within: .seconds(10)) == ProgramSweep(killedCount: 0, isClean: true))
        other.end(after: .zero)
        #expect(await unmarked.exit()?.ending == .signalled(SIGKILL))
    }

    @Test("hundreds of starts leave no descriptor, process or thread behind, nor do failed ones")
    func nothingLeaks() async throws {
        // In a process of its own, since other tests open files and start threads.
        await #expect(processExitsWith: .success) {
            func count(_ folder: String) -> Int { (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? -1 }
            func children() -> [String] {
                ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []).flatMap { thread in
                    let data = FileManager.default.contents(atPath: "/proc/self/task/\(thread)/children") ?? Data()
                    return String(decoding: data, as: UTF8.self).split(separator: " ").map(String.init)
                }
            }
            try await startMany(20)
            let descriptors = count("/proc/self/fd")
            try await startMany(500)
            #expect(children() == [])
            // They are closed after the end was told.
            #expect(await eventually { count("/proc/self/fd") <= descriptors })
            #expect(count("/proc/self/task") < 100)
        }
    }
}

/// Starts as many programs as told, 16 at a time, each with one that fails at its last step.
private func startMany(_ count: Int) async throws {
    let tooLong = ProgramLaunch(["/bin/true", String(repeating: "x", count: 1 << 20)], environment: [:], folder: "/")
    try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<count {
            if index >= 16 { try await group.next() }
            group.addTask {
                let run = ProgramRun()
                _ = try SystemPrograms().start(ProgramLaunch(["/bin/true"], environment: [:], folder: "/")) { run.take($0) }
                let exit = await run.exit()
                #expect(exit?.isSuccess == true && run.endedOnce)
                #expect(throws: ProgramError.self) { try SystemPrograms().start(tooLong) { _ in } }
            }
        }
        try await group.waitForAll()
    }
}
