import Glibc

/// Bytes that are read once, from start to end: a file that the user named, a pipe, standard input.
///
/// Unlike ``FileSystem`` it follows links and takes devices and pipes, since it is the user who names it, not data.
public final class SequentialInput: Sendable {
    private let descriptor: FileDescriptor
    private let name: String
    /// Nil where it is not known beforehand: a pipe, a terminal.
    public let size: Int?
    public let isTerminal: Bool

    /// Opens a file by its path.
    public convenience init(path: String) throws(FileError) {
        let number = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw FileError(errno: errno, "open", path) }
        self.init(FileDescriptor(number), name: path)
    }

    /// The program's standard input.
    public static func standard() throws(FileError) -> SequentialInput {
        let number = dup(0)
        guard number >= 0 else { throw FileError(errno: errno, "open", "standard input") }
        return SequentialInput(FileDescriptor(number), name: "standard input")
    }

    /// The system's number of what is read.
    var number: Int32 { descriptor.number }

    private init(_ descriptor: FileDescriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
        var status = stat()
        let isFile = fstat(descriptor.number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        size = isFile ? Int(status.st_size) : nil
        isTerminal = isatty(descriptor.number) == 1
    }

    /// The next bytes, at most `count` and at least one; none at the end. Blocks until there are some.
    public func read(upTo count: Int) throws(FileError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while true {
                let got = Glibc.read(descriptor.number, buffer.baseAddress, count)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                filled = max(0, got)
                return
            }
        }
        if failure != 0 { throw FileError(errno: failure, "read", name) }
        return bytes
    }
}

/// Bytes that are written once, from start to end: a file that the user named, standard output, standard error.
public final class SequentialOutput: Sendable {
    private let descriptor: FileDescriptor
    private let name: String
    public let isTerminal: Bool

    /// Makes a file or empties the one that is there.
    public convenience init(path: String) throws(FileError) {
        let number = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard number >= 0 else { throw FileError(errno: errno, "write", path) }
        self.init(FileDescriptor(number), name: path)
    }

    /// The program's standard output.
    public static func standard() throws(FileError) -> SequentialOutput { try duplicate(1, "standard output") }

    /// The program's standard error.
    public static func diagnostics() throws(FileError) -> SequentialOutput { try duplicate(2, "standard error") }

    private static func duplicate(_ number: Int32, _ name: String) throws(FileError) -> SequentialOutput {
        let copy = dup(number)
        guard copy >= 0 else { throw FileError(errno: errno, "open", name) }
        return SequentialOutput(FileDescriptor(copy), name: name)
    }

    private init(_ descriptor: FileDescriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
        isTerminal = isatty(descriptor.number) == 1
    }

    /// The terminal's columns; nil where there is none.
    public var columns: Int? {
        var size = winsize()
        guard isTerminal, ioctl(descriptor.number, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Writes all bytes. Fails with `EPIPE` if nobody reads any more and the signal for it is ignored.
    public func write(_ bytes: [UInt8]) throws(FileError) {
        var failure: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let put = Glibc.write(descriptor.number, buffer.baseAddress.map { $0 + done }, buffer.count - done)
                if put < 0, errno == EINTR { continue }
                if put <= 0 {
                    failure = put < 0 ? errno : ENOSPC
                    return
                }
                done += put
            }
        }
        if failure != 0 { throw FileError(errno: failure, "write", name) }
    }
}

extension FileError {
    /// Whether whoever read what was written has gone.
    public var isBrokenPipe: Bool { number == EPIPE }
}

/// What stands at a path that the user named.
public enum PathKind: Hashable, Sendable {
    case folder
    /// A file, a pipe, a socket.
    case other

    /// Nil if nothing is there, or it may not be looked at.
    public static func of(_ path: String) -> PathKind? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT == S_IFDIR ? .folder : .other
    }
}

/// The program's environment.
public enum Environment {
    /// Nil if it is not set.
    public static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}

/// The process's end, with a status for its caller.
public func endProcess(_ status: Int32) -> Never {
    exit(status)
}
