import MartletBytes
import MartletWorld

/// Where a command's words go: answers to standard output, everything else to standard error.
struct Console {
    private let output: SequentialOutput
    private let diagnostics: SequentialOutput
    let clock: any WallClock
    /// For what goes to standard output.
    let style: Style
    /// For what goes to standard error.
    let errorStyle: Style

    init(clock: any WallClock = SystemClock()) throws(CommandFailure) {
        do throws(FileError) {
            output = try .standard()
            diagnostics = try .diagnostics()
        } catch {
            throw CommandFailure(error)
        }
        self.clock = clock
        // https://no-color.org
        let isWanted = (Environment.value("NO_COLOR") ?? "").isEmpty && Environment.value("TERM") != "dumb"
        style = Style(isColoured: isWanted && output.isTerminal)
        errorStyle = Style(isColoured: isWanted && diagnostics.isTerminal)
    }

    /// Prints a line of the answer.
    func say(_ text: String) throws(CommandFailure) {
        try write(Array(text.utf8) + [0x0A])
    }

    func say(_ value: JSONValue) throws(CommandFailure) {
        try write(value.serialized() + [0x0A])
    }

    /// Writes bytes of the answer as they are.
    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        do throws(FileError) {
            try output.write(bytes)
        } catch {
            // Whoever reads has seen enough, as `head` has: no error.
            if error.isBrokenPipe { endProcess(ExitStatus.done.rawValue) }
            throw CommandFailure(error)
        }
    }

    /// Prints a line that is no part of the answer. That it cannot be printed changes nothing.
    func note(_ text: String) {
        try? diagnostics.write(Array(text.utf8) + [0x0A])
    }

    /// Prints a question, after which something is typed on its line.
    func prompt(_ text: String) {
        try? diagnostics.write(Array(text.utf8))
    }

    /// The columns of the terminal that the answer goes to; nil where it goes elsewhere.
    var columns: Int? { output.columns }

    /// Lines on a terminal that are drawn over and over; nil where nobody looks on.
    func liveLines() -> LiveLines? { diagnostics.isTerminal ? LiveLines(output: diagnostics) : nil }

    /// A progress line on a terminal; nil where nobody looks on.
    func progress(_ title: String, total: Int?) -> ProgressLine? {
        diagnostics.isTerminal ? ProgressLine(title, total: total, output: diagnostics, clock: clock) : nil
    }
}

/// A progress bar that is drawn over and over on one line of the terminal, at most ten times a second.
struct ProgressLine {
    private let title: String
    private let total: Int?
    private let output: SequentialOutput
    private let clock: any WallClock
    private let start: UInt64
    private var drawn: UInt64 = 0
    private static let interval: UInt64 = 100_000_000

    init(_ title: String, total: Int?, output: SequentialOutput, clock: any WallClock) {
        self.title = title
        self.total = total
        self.output = output
        self.clock = clock
        start = clock.monotonicNanoseconds()
    }

    mutating func show(_ done: Int) {
        let now = clock.monotonicNanoseconds()
        guard now - drawn >= Self.interval else { return }
        drawn = now
        let line = ProgressBar.line(
            title, done: done, total: total, seconds: Double(now - start) / 1e9, width: (output.columns ?? 80) - 1)
        try? output.write(Array("\r\u{1B}[K\(line)".utf8))
    }

    /// Wipes the line.
    func clear() {
        try? output.write(Array("\r\u{1B}[K".utf8))
    }
}

/// A few lines that are drawn anew in their place on a terminal.
struct LiveLines {
    private let output: SequentialOutput
    private var drawn: [String] = []

    init(output: SequentialOutput) {
        self.output = output
    }

    var columns: Int { output.columns ?? 80 }

    /// - Parameter lines: each no wider than the terminal, or it would take two.
    mutating func show(_ lines: [String]) {
        guard lines != drawn else { return }
        write(lines.map { $0 + "\n" }.joined())
        drawn = lines
    }

    /// Wipes the lines.
    mutating func clear() {
        write("")
        drawn = []
    }

    private func write(_ text: String) {
        let up = drawn.isEmpty ? "" : "\u{1B}[\(drawn.count)A\r\u{1B}[J"
        try? output.write(Array((up + text).utf8))
    }
}
