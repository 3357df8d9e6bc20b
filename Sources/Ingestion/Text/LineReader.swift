/// Splits newline-delimited JSON into lines, piece by piece.
///
/// Blank lines and a byte order mark are passed over. A line that is too long becomes a dead letter, and reading goes
/// on with the next. Memory is bounded by one chunk, one batch and one line of the greatest size.
public struct LineReader: Sendable {
    /// Lines of an input: places in the batch's bytes.
    public struct Lines: Sendable {
        /// The bytes of the input that the lines stand in.
        public internal(set) var raw: [UInt8] = []
        var ranges: [Range<Int>] = []
        var numbers: [Int] = []
        /// Lines that are not here.
        public internal(set) var rejected: [DeadLetter] = []

        public var count: Int { ranges.count }
        public var isEmpty: Bool { ranges.isEmpty && rejected.isEmpty }
        public subscript(line: Int) -> ArraySlice<UInt8> { raw[ranges[line]] }
        public func place(_ line: Int) -> DeadLetter.Place { .line(numbers[line]) }

        /// The same lines in parts of about equal length, in order; the rejected are in the first.
        public func split(into parts: Int) -> [Lines] {
            if parts <= 1 { return [self] }
            return (0..<parts).map { part in
                let own = (count * part / parts)..<(count * (part + 1) / parts)
                return Lines(
                    raw: raw, ranges: Array(ranges[own]), numbers: Array(numbers[own]), rejected: part == 0 ? rejected : [])
            }
        }
    }

    private let lineBytes: Int
    private var pending: [UInt8] = []
    private var head = 0
    /// Where the search for a line end goes on.
    private var searched = 0
    private var line = 1
    private var isFinished = false
    private var isAtStart = true
    private var isPassing = false

    /// - Parameter lineBytes: the most bytes that one line may have.
    public init(lineBytes: Int = 1 << 20) {
        self.lineBytes = lineBytes
    }

    /// Takes the next bytes of the input.
    ///
    /// - Precondition: less than 2 GiB wait to be read.
    public mutating func append(_ chunk: UnsafeRawBufferPointer) {
        precondition(pending.count - head + chunk.count < 1 << 31, "more than 2 GiB of text wait to be read")
        if head > pending.count / 2 {
            pending.removeFirst(head)
            searched -= head
            head = 0
        }
        pending.append(contentsOf: chunk)
    }

    public mutating func append(_ chunk: [UInt8]) {
        if pending.isEmpty, chunk.count < 1 << 31 { pending = chunk } else { chunk.withUnsafeBytes { append($0) } }
    }

    /// Says that the input has ended, so that a last line without line end is one.
    public mutating func finish() {
        isFinished = true
    }

    /// The next complete lines; an empty batch means that more bytes are needed, or that the end is reached.
    public mutating func nextLines(limit: Int) -> Lines {
        var lines = Lines()
        if isAtStart {
            guard pending.count >= 3 || isFinished else { return lines }
            isAtStart = false
            if pending.starts(with: [0xEF, 0xBB, 0xBF]) { head = 3 }
            searched = head
        }
        let base = head
        var start = head
        while lines.count + lines.rejected.count < limit, start < pending.count {
            let end = lineEnd()
            let isComplete = end < pending.count
            searched = end
            guard isComplete || isFinished || isPassing || end - start > lineBytes else { break }
            defer {
                searched = isComplete ? end + 1 : end
                start = searched
                if isComplete { line += 1 }
            }
            if isPassing {
                isPassing = !isComplete
                continue
            }
            var content = start..<end
            if let last = pending[content].last, last == 0x0D { content = start..<(end - 1) }
            if content.count > lineBytes {
                let fault = DeadLetter.Fault(.oversized, message: "the line has more than \(lineBytes) bytes")
                lines.rejected.append(
                    DeadLetter(
                        place: .line(line), faults: [fault], raw: Array(pending[start..<(start + lineBytes)]))
                )
                isPassing = !isComplete
            } else if pending[content].contains(where: { $0 != 0x20 && $0 != 0x09 }) {
                lines.ranges.append((content.lowerBound - base)..<(content.upperBound - base))
                lines.numbers.append(line)
            }
        }
        if base == 0, start == pending.count {
            swap(&lines.raw, &pending)
            (head, searched) = (0, 0)
        } else {
            lines.raw = Array(pending[base..<start])
            head = start
        }
        return lines
    }

    private func lineEnd() -> Int {
        pending.withUnsafeBytes { bytes in
            var index = searched
            while index < bytes.count, bytes[index] != 0x0A { index += 1 }
            return index
        }
    }
}
