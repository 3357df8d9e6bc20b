import Glibc

extension SequentialInput {
    /// A line that is typed on a terminal and not shown there, without its end; nil where this is no terminal, or if the
    /// typing was given up with Ctrl-C or Ctrl-D.
    ///
    /// The terminal is as it was when this returns. What was typed or pasted beyond the line is thrown away.
    ///
    /// - Parameter limit: bytes; more are not taken.
    public func readHiddenLine(limit: Int) throws(FileError) -> [UInt8]? {
        guard isTerminal else { return nil }
        var settings = termios()
        guard tcgetattr(number, &settings) == 0 else { throw FileError(errno: errno, "read", "the terminal") }
        var hidden = settings
        // Signals would end the program with the terminal as it is then, so that their keys are read as characters.
        hidden.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        guard tcsetattr(number, TCSAFLUSH, &hidden) == 0 else { throw FileError(errno: errno, "read", "the terminal") }
        defer { tcsetattr(number, TCSAFLUSH, &settings) }
        var line: [UInt8] = []
        while let byte = try read(upTo: 1).first {
            switch byte {
            case 0x0A, 0x0D: return line
            case 0x03, 0x04: return nil
            case 0x08, 0x7F: line.removeLastCharacter()
            case 0x15: line = []
            default: if line.count < limit { line.append(byte) }
            }
        }
        return nil
    }
}

extension [UInt8] {
    /// Removes the last character of UTF-8.
    fileprivate mutating func removeLastCharacter() {
        while let byte = popLast(), byte & 0xC0 == 0x80 {}
    }
}
