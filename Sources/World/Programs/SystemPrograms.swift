import Dispatch
import Glibc
public import MartletFrames

/// The operating system's programs.
public struct SystemPrograms: Programs {
    public init() {}

    public func start(_ launch: ProgramLaunch, events: @escaping @Sendable (ProgramEvent) -> Void) throws(ProgramError) -> any RunningProgram {
        let path = try launch.checkedPath()
        let output = try Pipe(for: path)
        let errors = try Pipe(for: path)
        let input = launch.input.isEmpty ? nil : try Self.file(of: launch.input, for: path)
        let process = try newProcess(launch, path: path, input: input, output: output.writing.number, errors: errors.writing.number)
        return SystemProgram(
            process, output: output.reading, errors: errors.reading, limits: launch.limits, events: events)
    }

    /// Starts again while the program's file is open for writing: one that we have just written may be open, for less than a
    /// millisecond, in another new process that has not closed our descriptors yet.
    private func newProcess(
        _ launch: ProgramLaunch, path: String, input: FileDescriptor?, output: Int32, errors: Int32
    ) throws(ProgramError) -> NewProcess {
        var attempts = 1
        while true {
            do {
                return try NewProcess(launch, path: path, input: input?.number, output: output, errors: errors)
            } catch {
                guard error.number == ETXTBSY, attempts < Self.maxAttempts else {
                    throw ProgramError(error, path: path, folder: launch.folder)
                }
                attempts += 1
                usleep(1_000)
            }
        }
    }

    /// A file in memory that holds what a program is to read, and stands at its beginning: nobody need write while the program runs.
    private static func file(of bytes: [UInt8], for program: String) throws(ProgramError) -> FileDescriptor {
        guard let create else { throw .exhausted(program, errno: ENOSYS) }
        let number = create("martlet-input", 0)
        guard number >= 0 else { throw .exhausted(program, errno: errno) }
        let file = try FileDescriptor.kept(number, program)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map { pwrite(file.number, $0 + written, buffer.count - written, off_t(written)) } ?? -1
            }
            guard count > 0 || errno == EINTR else { throw .exhausted(program, errno: errno) }
            written += max(count, 0)
        }
        return file
    }

    /// The C library's `memfd_create`, which Swift does not import.
    private static let create = dlsym(nil, "memfd_create").map {
        unsafeBitCast($0, to: (@convention(c) (UnsafePointer<CChar>, UInt32) -> Int32).self)
    }

    /// How often a program is started whose file is being written.
    private static let maxAttempts = 20

    public func endAll(marked mark: ProgramMark, within span: Timestamp.Span) async -> ProgramSweep {
        let sweep = ProcessSweep(mark: mark)
        return await withCheckedContinuation { continuation in
            DispatchQueue(label: "martlet.sweep").async { continuation.resume(returning: sweep.run(within: span)) }
        }
    }
}

/// The two ends of a pipe, which are closed when their last references go.
private struct Pipe {
    let reading: FileDescriptor
    let writing: FileDescriptor

    init(for program: String) throws(ProgramError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .exhausted(program, errno: errno) }
        reading = try FileDescriptor.kept(ends[0], program)
        writing = try FileDescriptor.kept(ends[1], program)
        // Of this end only: the program's own is another open file, and must block.
        _ = fcntl(reading.number, F_SETFL, O_NONBLOCK)
    }
}

extension FileDescriptor {
    /// A copy of a descriptor outside the standard three, which the program's own would overwrite, and closed in whatever else is started.
    fileprivate static func kept(_ end: Int32, _ program: String) throws(ProgramError) -> FileDescriptor {
        if end >= 3 {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            return FileDescriptor(end)
        }
        defer { close(end) }
        let copy = fcntl(end, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw .exhausted(program, errno: errno) }
        return FileDescriptor(copy)
    }
}

extension ProgramError {
    fileprivate init(_ failure: NewProcess.Failure, path: String, folder: String) {
        switch (failure.step, failure.number) {
        case (.folder, _): self = .folderNotFound(folder)
        case (.run, EACCES), (.run, EPERM), (.run, ETXTBSY): self = .notExecutable(path)
        case (.run, ENOEXEC), (.run, EINVAL), (.run, ELIBBAD): self = .noProgramFormat(path)
        case (.run, ENOENT), (.run, ENOTDIR): self = .noInterpreter(path)
        case (.run, E2BIG): self = .invalid("its arguments and environment are larger than the system allows")
        default: self = .exhausted(path, errno: failure.number)
        }
    }
}
