import Glibc

/// A process just started: its number, and a descriptor that can be read from once it has ended.
struct NewProcess {
    let identifier: pid_t
    let descriptor: Int32

    /// A step that failed in the new process, before it became the program.
    struct Failure: Error {
        enum Step { case clone, folder, input, output, run }
        var step: Step
        var number: Int32
    }

    /// What the new process does before it becomes the program; plain memory, made ready before it is born.
    fileprivate struct Preparation {
        /// The paths of the program, its folder, the null device and the memory score, and the score.
        var texts: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
        var environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
        /// Negative for the null device.
        var input: Int32
        var output: Int32
        var errors: Int32
        var limits: UnsafeBufferPointer<Limit>
        var failure: Failure?
    }

    /// A soft and a hard limit; the hard one is left as it is if nil.
    fileprivate struct Limit {
        var resource: __rlimit_resource_t
        var soft: rlim_t
        var hard: rlim_t?
    }

    /// Starts the program at a path, printing into two descriptors, in a process group of its own; it reads from a third, or nothing.
    ///
    /// Works as the C library's `posix_spawn` does: the new process shares our memory until it becomes the program, and this
    /// thread sleeps meanwhile, so the time does not grow with our memory. Done here, since `posix_spawn` has no way to set limits before
    /// the first instruction (`docs/decisions/0007-starting-programs.md`).
    init(_ launch: ProgramLaunch, path: String, input: Int32?, output: Int32, errors: Int32) throws(Failure) {
        guard let clone = Self.clone else { throw Failure(step: .clone, number: ENOSYS) }
        let stackSize = 256 << 10
        let mapped = mmap(nil, stackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)
        guard let stack = mapped, stack != MAP_FAILED else { throw Failure(step: .clone, number: errno) }
        defer { munmap(stack, stackSize) }

        let texts = CStrings([path, launch.folder, "/dev/null", "/proc/self/oom_score_adj", "500"])
        let arguments = CStrings(launch.arguments)
        let environment = CStrings(launch.environment.sorted { $0.key < $1.key }.map { $0.key + "=" + $0.value })
        let limits = launch.limits.forProcess
        defer { for strings in [texts, arguments, environment] { strings.deallocate() } }
        var number: pid_t = -1
        var descriptor: Int32 = -1
        var cloneError: Int32 = 0
        let failure = limits.withUnsafeBufferPointer { limits in
            var preparation = Preparation(
                texts: texts.pointers, arguments: arguments.pointers, environment: environment.pointers, input: input ?? -1, output: output,
                errors: errors, limits: limits)
            // No signal may be handled in the new process while it shares our memory.
            var all = sigset_t()
            var before = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_SETMASK, &all, &before)
            number = clone(becomeProgram, stack + stackSize, cloneFlags, &preparation, &descriptor, nil, nil)
            cloneError = errno
            pthread_sigmask(SIG_SETMASK, &before, nil)
            return preparation.failure
        }
        guard number > 0 else { throw Failure(step: .clone, number: cloneError) }
        if let failure {
            while waitpid(number, nil, 0) == -1, errno == EINTR {}
            close(descriptor)
            throw failure
        }
        identifier = number
        self.descriptor = descriptor
    }

    private typealias Clone =
        @convention(c) (
            @convention(c) (UnsafeMutableRawPointer?) -> Int32, UnsafeMutableRawPointer, Int32, UnsafeMutableRawPointer?,
            UnsafeMutablePointer<Int32>, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
        ) -> pid_t

    /// The C library's `clone`, which Swift does not import since its arguments vary; on 64-bit Linux they are passed as others are.
    private static let clone = dlsym(nil, "clone").map { unsafeBitCast($0, to: Clone.self) }
}

/// `CLONE_VM | CLONE_VFORK | CLONE_PIDFD`, and the signal at the end, as for every child.
private let cloneFlags: Int32 = 0x100 | 0x4000 | 0x1000 | SIGCHLD

/// The life of the new process before it becomes the program.
///
/// Our thread sleeps and lends its memory and its thread-local values, other threads run on. So nothing here may allocate, take a
/// lock, or leave anything behind but a failure. The `Glibc` calls are bare system calls, `closefrom` included.
private func becomeProgram(_ raw: UnsafeMutableRawPointer?) -> Int32 {
    guard let preparation = raw?.assumingMemoryBound(to: NewProcess.Preparation.self) else { _exit(127) }
    let texts = preparation.pointee.texts
    guard let path = texts[0], let folder = texts[1], let null = texts[2], let scorePath = texts[3], let score = texts[4] else { _exit(127) }
    func fail(_ step: NewProcess.Failure.Step) -> Never {
        preparation.pointee.failure = NewProcess.Failure(step: step, number: errno)
        _exit(127)
    }

    setpgid(0, 0)
    // Those that may not be changed refuse, which is as well.
    var byDefault = sigaction()
    for signal in 1...Int32(64) { sigaction(signal, &byDefault, nil) }

    guard chdir(folder) == 0 else { fail(.folder) }
    let input = preparation.pointee.input >= 0 ? preparation.pointee.input : open(null, O_RDONLY)
    guard input >= 0, dup2(input, 0) == 0 else { fail(.input) }
    guard dup2(preparation.pointee.output, 1) == 1, dup2(preparation.pointee.errors, 2) == 2 else { fail(.output) }
    closefrom(3)

    // When memory is short the kernel is to take it from the program, not from us. Best effort: some systems have no such file.
    let scoreFile = open(scorePath, O_WRONLY)
    if scoreFile >= 0 {
        write(scoreFile, score, strlen(score))
        close(scoreFile)
    }

    for limit in preparation.pointee.limits {
        var value = rlimit()
        getrlimit(limit.resource, &value)
        if let hard = limit.hard { value.rlim_max = min(value.rlim_max, hard) }
        value.rlim_cur = min(value.rlim_max, limit.soft)
        setrlimit(limit.resource, &value)
    }

    var none = sigset_t()
    sigemptyset(&none)
    sigprocmask(SIG_SETMASK, &none, nil)
    execve(path, preparation.pointee.arguments, preparation.pointee.environment)
    fail(.run)
}

extension ProgramLimits {
    fileprivate var forProcess: [NewProcess.Limit] {
        func limit(_ resource: __rlimit_resource, _ count: Int?, slack: Int = 0) -> NewProcess.Limit? {
            count.map { NewProcess.Limit(resource: .init(resource.rawValue), soft: rlim_t($0), hard: rlim_t($0) + rlim_t(slack)) }
        }
        return [
            limit(RLIMIT_CPU, cpuSeconds, slack: 1), limit(RLIMIT_AS, memoryBytes), limit(RLIMIT_FSIZE, fileBytes),
            limit(__RLIMIT_NPROC, processCount), limit(RLIMIT_CORE, 0),
            NewProcess.Limit(resource: .init(RLIMIT_NOFILE.rawValue), soft: rlim_t(openFileCount), hard: nil),
        ].compactMap { $0 }
    }
}

/// Texts as C wants a list of them: pointers to bytes that end in a NUL, and a last pointer that is null.
private struct CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    init(_ texts: [String]) {
        pointers = .allocate(capacity: texts.count + 1)
        for (index, text) in texts.enumerated() { (pointers + index).initialize(to: strdup(text)) }
        (pointers + texts.count).initialize(to: nil)
    }

    func deallocate() {
        var next = pointers
        while let text = next.pointee {
            free(text)
            next += 1
        }
        pointers.deallocate()
    }
}
