import Foundation
import Glibc
import MartletFrames
import MartletWorld
import Testing

/// A shell script started by the system's programs.
func startShell(
    _ script: String, arguments: [String] = [], environment: [String: String] = ["PATH": "/usr/bin:/bin"], folder: String = "/",
    limits: ProgramLimits = ProgramLimits()
) throws -> (program: any RunningProgram, run: ProgramRun) {
    let run = ProgramRun()
    let launch = ProgramLaunch(["sh", "-c", script, "sh"] + arguments, environment: environment, folder: folder, limits: limits)
    let program = try SystemPrograms().start(launch) { run.take($0) }
    return (program, run)
}

@Suite("System programs", .timeLimit(.minutes(5)))
struct SystemProgramsTests {
    @Test("both streams, the code and the use are told, the end once and last")
    func outputAndExit() async throws {
        let (_, run) = try startShell("echo out; echo err >&2; exit 7")
        let exit = try #require(await run.exit())
        #expect(exit.ending == .exited(7))
        #expect(!exit.isSuccess && exit.passedLimit == nil && exit.droppedOutputBytes == 0)
        #expect(run.text() == "out\n")
        #expect(run.text(.errors) == "err\n")
        #expect(exit.maxResidentBytes > 100_000)
        #expect(exit.cpu < .seconds(5))
        #expect(run.endedOnce)
    }

    @Test("arguments arrive as given: no shell looks at them")
    func arguments() async throws {
        let words = ["$HOME", "a b", "*", "", "`id`", "é\"'\\", "-n"]
        let (_, run) = try startShell(#"for word; do printf '[%s]' "$word"; done"#, arguments: words)
        _ = await run.exit()
        #expect(run.text() == words.map { "[\($0)]" }.joined())
    }

    @Test("the environment is the given one alone; input is empty; the folder is the given one")
    func surroundings() async throws {
        let folder = try TemporaryFolder()
        let run = ProgramRun()
        let launch = ProgramLaunch(["/usr/bin/env"], environment: ["A": "1", "B": "x=y"], folder: folder.path)
        _ = try SystemPrograms().start(launch) { run.take($0) }
        _ = await run.exit()
        #expect(run.text() == "A=1\nB=x=y\n")
        let (_, second) = try startShell("pwd; cat", folder: folder.path)
        #expect(await second.exit()?.ending == .exited(0))
        #expect(second.text() == folder.path + "\n")
    }

    @Test("what it is given to read arrives whole and ends, though nobody writes while it runs")
    func input() async throws {
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let run = ProgramRun()
        let launch = ProgramLaunch(["cat"], environment: ["PATH": "/usr/bin:/bin"], folder: "/", input: bytes)
        _ = try SystemPrograms().start(launch) { run.take($0) }
        #expect(await run.exit()?.isSuccess == true)
        #expect(run.bytes() == bytes)
        var large = launch
        large.input = [UInt8](repeating: 0, count: ProgramLaunch.inputLimit + 1)
        #expect(throws: ProgramError.self) { try SystemPrograms().start(large) { _ in } }
    }

    @Test("one that runs longer than it may is ended with its children, and this is told")
    func duration() async throws {
        let (_, slow) = try startShell("sleep 600 & wait", limits: ProgramLimits(duration: Timestamp.Span(microseconds: 100_000)))
        let exit = try #require(await slow.exit())
        #expect(exit.passedLimit == .duration && !exit.isSuccess)
        let (_, stubborn) = try startShell("trap '' TERM; while :; do sleep 0.1; done", limits: ProgramLimits(duration: Timestamp.Span(microseconds: 100_000)))
        #expect(await stubborn.exit()?.passedLimit == .duration)
        let (_, quick) = try startShell("exit 3", limits: ProgramLimits(duration: .seconds(30)))
        #expect(await quick.exit()?.passedLimit == nil)
    }

    @Test("the program has a group of its own, default signals, no open files of ours, and goes first when memory is short")
    func cleanProcess() async throws {
        signal(SIGPIPE, SIG_IGN)
        let (program, run) = try startShell(
            "cut -d' ' -f5 /proc/$$/stat; ls /proc/$$/fd | tr '\\n' ' '; cat /proc/$$/oom_score_adj; exec grep Sig[BI] /proc/self/status")
        _ = await run.exit()
        let lines = run.text().split(separator: "\n").map(String.init)
        try #require(lines.count >= 4, "\(lines)")
        #expect(lines[0] == "\(program.identifier)")
        #expect(lines[1] == "0 1 2 500")
        #expect(lines[2].hasSuffix("0000000000000000"), "\(lines[2])")
        // Signals 32 and 33 are the C library's own, which nobody can set, so that a child has what its parent was started with.
        let ignored = try #require(UInt64(lines[3].split(separator: "\t").last ?? "", radix: 16))
        #expect(ignored & ~0x1_8000_0000 == 0)
    }

    @Test("a program is found in PATH or, with a slash, from its folder")
    func search() async throws {
        let folder = try TemporaryFolder()
        try folder.write("tool", "#!/bin/sh\necho from $0\n")
        for (name, path) in [("tool", "/nowhere:\(folder.path)"), ("./tool", "/bin"), (folder.path + "/tool", "/bin"), ("tool", ".")] {
            let run = ProgramRun()
            let launch = ProgramLaunch([name], environment: ["PATH": path], folder: folder.path)
            _ = try SystemPrograms().start(launch) { run.take($0) }
            #expect(await run.exit()?.isSuccess == true, "\(name)")
            #expect(run.text().hasSuffix("/tool\n"))
        }
    }

    @Test("what cannot be started is refused with its name, and no event comes", arguments: [
        (["absent"], ["PATH": "/usr/bin:/bin"], "/", ProgramError.Code.programNotFound, "'absent'"),
        (["sh"], [:], "/", .programNotFound, "no PATH"),
        (["sh"], ["PATH": ""], "/", .programNotFound, "'sh'"),
        (["./absent"], [:], "/", .programNotFound, "'//./absent'"),
        (["/etc/passwd"], [:], "/", .notExecutable, "'/etc/passwd'"),
        (["passwd"], ["PATH": "/etc"], "/", .notExecutable, "'/etc/passwd'"),
        (["/bin"], [:], "/", .notExecutable, "'/bin'"),
        (["/bin/sh"], [:], "/no/such", .folderNotFound, "'/no/such'"),
        (["/bin/sh"], [:], "/etc/passwd", .folderNotFound, "'/etc/passwd'"),
        (["/bin/sh"], [:], "relative", .invalidLaunch, "'relative'"),
        ([], [:], "/", .invalidLaunch, "no program"),
        (["/bin/sh", "a\0b"], [:], "/", .invalidLaunch, "NUL"),
        (["/bin/sh"], ["A=B": "c"], "/", .invalidLaunch, "'='"),
        (["/bin/sh", String(repeating: "x", count: 1 << 20)], [:], "/", .invalidLaunch, "larger"),
    ])
    func refusals(_ arguments: [String], _ environment: [String: String], _ folder: String, _ code: ProgramError.Code, _ words: String) throws {
        let run = ProgramRun()
        #expect {
            try SystemPrograms().start(ProgramLaunch(arguments, environment: environment, folder: folder)) { run.take($0) }
        } throws: {
            let error = $0 as? ProgramError
            return error?.code == code && error?.message.contains(words) == true
        }
        #expect(!run.hasEnded)
    }

    @Test("a file that is no program, and a script whose interpreter is missing, are told apart")
    func formats() throws {
        let folder = try TemporaryFolder()
        try folder.write("noise", "\u{1}\u{2}\u{3}")
        try folder.write("script", "#!/no/such/interpreter\n")
        for (name, words) in [("./noise", "does not know how"), ("./script", "needs to run does not exist")] {
            #expect {
                try SystemPrograms().start(ProgramLaunch([name], environment: [:], folder: folder.path)) { _ in }
            } throws: {
                let error = $0 as? ProgramError
                return error?.code == .notExecutable && error?.message.contains(words) == true
            }
        }
    }

    @Test("a program that is being written is refused, and started once it is closed")
    func busyFile() async throws {
        let folder = try TemporaryFolder()
        try folder.write("tool", "#!/bin/sh\n")
        let launch = ProgramLaunch(["./tool"], environment: [:], folder: folder.path)
        let writing = open(folder.path + "/tool", O_WRONLY | O_CLOEXEC)
        #expect { try SystemPrograms().start(launch) { _ in } } throws: { ($0 as? ProgramError)?.code == .notExecutable }
        close(writing)
        let run = ProgramRun()
        _ = try SystemPrograms().start(launch) { run.take($0) }
        #expect(await run.exit()?.isSuccess == true)
    }

    @Test("a world has no programs unless it is given some")
    func noPrograms() throws {
        let folder = try TemporaryFolder()
        var world = try World.system(root: folder.path)
        #expect(world.programs is SystemPrograms)
        world = World(clock: world.clock, random: world.random, files: world.files)
        #expect { try world.programs.start(ProgramLaunch(["/bin/true"], environment: [:], folder: "/")) { _ in } } throws: {
            ($0 as? ProgramError)?.code == .forbidden
        }
    }
}
