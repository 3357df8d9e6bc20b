import Foundation
import Glibc
import MartletWorld
import Testing

@Suite("A line that is typed and not shown")
struct HiddenLineTests {
    /// Both ends of a terminal.
    private func terminal() throws -> (keyboard: Int32, path: String) {
        let keyboard = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try #require(keyboard >= 0)
        // `unlockpt` and `ptsname`, which Swift's headers hide: TIOCSPTLCK and TIOCGPTN of Linux.
        var (lock, number): (Int32, Int32) = (0, -1)
        try #require(ioctl(keyboard, 0x4004_5431, &lock) == 0)
        try #require(ioctl(keyboard, 0x8004_5430, &number) == 0)
        return (keyboard, "/dev/pts/\(number)")
    }

    /// Types keys once the terminal no longer shows what is typed, and gives the line and what the terminal showed.
    private func typed(_ keys: String, limit: Int = 100) async throws -> (line: String?, shown: String, isRestored: Bool) {
        let (keyboard, path) = try terminal()
        defer { close(keyboard) }
        let input = try SequentialInput(path: path)
        #expect(input.isTerminal)
        func isShowing() -> Bool {
            var settings = termios()
            tcgetattr(keyboard, &settings)
            return settings.c_lflag & tcflag_t(ECHO) != 0
        }
        #expect(isShowing())
        async let line = withCheckedThrowingContinuation { (continuation: CheckedContinuation<[UInt8]?, any Error>) in
            Thread.detachNewThread { continuation.resume(with: Result { try input.readHiddenLine(limit: limit) }) }
        }
        while isShowing() { await Task.yield() }
        let bytes = Array(keys.utf8)
        #expect(write(keyboard, bytes, bytes.count) == bytes.count)
        let text = try await line.map { String(decoding: $0, as: UTF8.self) }
        _ = fcntl(keyboard, F_SETFL, O_NONBLOCK)
        var shown = [UInt8](repeating: 0, count: 1_000)
        let count = max(0, read(keyboard, &shown, shown.count))
        return (text, String(decoding: shown[..<count], as: UTF8.self), isShowing())
    }

    @Test("is read to its end, with its mistakes taken back, and leaves the terminal as it was", arguments: [
        ("hunter2!\n", "hunter2!"), ("hunté\u{7F}er\u{7F}\u{7F}er2\r", "hunter2"), ("wrong\u{15}right\n", "right"), ("\n", ""),
        ("\u{7F}a\n", "a"), ("given up\u{3}", nil), ("\u{4}", nil),
    ])
    func lines(_ keys: String, _ line: String?) async throws {
        let result = try await typed(keys)
        #expect(result.line == line)
        #expect(result.shown == "" && result.isRestored)
    }

    @Test("is bounded")
    func bounded() async throws {
        #expect(try await typed("0123456789\n", limit: 4).line == "0123")
    }

    @Test("is not read where there is no terminal")
    func noTerminal() throws {
        #expect(try SequentialInput(path: "/dev/null").readHiddenLine(limit: 4) == nil)
    }
}
