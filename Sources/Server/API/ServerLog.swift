import Glibc
import MartletBytes
import MartletFrames
public import MartletWorld

/// The server's own log: one line of JSON for each thing that an operator may have to look at.
///
/// Nothing of a request's content is in it: errors of this program name fields and places, and of any other only the
/// type is written.
public struct ServerLog: Sendable {
    private let clock: any WallClock
    private let write: @Sendable ([UInt8]) -> Void

    /// - Parameter write: takes whole lines, from any thread.
    public init(clock: any WallClock, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.clock = clock
        self.write = write
    }

    /// A log on the process's standard error.
    public static func standardError(_ clock: any WallClock) -> ServerLog {
        ServerLog(clock: clock) { line in
            line.withUnsafeBytes { bytes in
                // One call a line, so that lines of several threads do not mix; there is nobody to tell of a failure.
                _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
            }
        }
    }

    func error(_ message: String, _ values: [(String, String)]) {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in [("time", "\(clock.now())"), ("level", "error"), ("message", message)] + values {
            writer.key(key)
            writer.string(value)
        }
        writer.endObject()
        writer.newLine()
        write(writer.bytes)
    }
}
