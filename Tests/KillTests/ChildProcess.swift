import Foundation
import Glibc

/// A program that runs beside the test.
///
/// Not Foundation's `Process`: in Swift 6.3 its `run()` reads past the end of a directory entry and crashes now and then on
/// Linux (swift-corelibs-foundation 5472), which a test that starts hundreds of programs meets.
///
/// Used by one thread at a time.
final class ChildProcess {
    private let identifier: pid_t
    /// The end of its output that is read here.
    private let output: Int32
    private var status: Int32?

    /// Starts a program with standard output, and standard error if nothing else is given, to be read from here.
    ///
    /// - Throws: ``TestFailure`` if it cannot be started.
    init(_ path: String, _ arguments: [String], errors: FileHandle? = nil) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw TestFailure("no pipe: \(String(cString: strerror(errno)))") }
        let (reading, writing) = (ends[0], ends[1])
        defer { close(writing) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, writing, 1)
        posix_spawn_file_actions_adddup2(&actions, errors?.fileDescriptor ?? writing, 2)
        // Nothing else is inherited: an end of another's pipe would keep it open. Swift's headers hide the function.
        typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
        guard let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else {
            close(reading)
            throw TestFailure("this C library cannot close files as a program starts")
        }
        _ = unsafeBitCast(symbol, to: CloseFrom.self)(&actions, 3)

        // A thread of the pool blocks signals, and its children would too.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var words = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var started: pid_t = 0
        let failure = posix_spawn(&started, path, &actions, &attributes, &words, environ)
        guard failure == 0 else {
            close(reading)
            throw TestFailure("\(path) was not started: \(String(cString: strerror(failure)))")
        }
        output = reading
        identifier = started
    }

    deinit {
        close(output)
    }

    /// What it has printed since the last time; waits for something, and is empty at the end.
    func read() -> Data {
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(output, &piece, piece.count)
            if count >= 0 { return Data(piece[..<count]) }
            guard errno == EINTR else { return Data() }
        }
    }

    /// All that it prints until it ends.
    func readToEnd() -> Data {
        var all = Data()
        while true {
            let piece = read()
            if piece.isEmpty { return all }
            all.append(piece)
        }
    }

    func send(_ signal: Int32) {
        if status == nil { kill(identifier, signal) }
    }

    /// Its exit status, or the number of the signal that ended it, once it has ended.
    @discardableResult
    func wait() -> Int32 {
        if let status { return status }
        var word: Int32 = 0
        while waitpid(identifier, &word, 0) == -1, errno == EINTR {}
        let signal = word & 0x7F
        let ended = signal == 0 ? word >> 8 & 0xFF : signal
        status = ended
        return ended
    }
}
