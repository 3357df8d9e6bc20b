import Glibc
import MartletFrames

/// The search for processes of this user that bear a mark, and their end.
struct ProcessSweep: Sendable {
    /// The wait between two looks at the table of processes.
    static let pauseMicroseconds: UInt32 = 2_000

    let mark: ProgramMark

    /// Looks and kills until two looks in a row find nothing: one may miss a process that is just changing its program.
    ///
    /// Blocks. When time is up it is what the last looks find that counts, not how long the thread was kept waiting between them.
    func run(within span: Timestamp.Span) -> ProgramSweep {
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds()
        var killed: Set<pid_t> = []
        var emptyLooks = 0
        while true {
            let found = marked()
            for process in found where kill(process, SIGKILL) == 0 { killed.insert(process) }
            emptyLooks = found.isEmpty ? emptyLooks + 1 : 0
            if emptyLooks == 2 { return ProgramSweep(killedCount: killed.count, isClean: true) }
            if !found.isEmpty, clock.monotonicNanoseconds() - start > UInt64(max(span.microseconds, 0)) * 1_000 {
                return ProgramSweep(killedCount: killed.count, isClean: false)
            }
            usleep(Self.pauseMicroseconds)
        }
    }

    /// Our own process is not among them, nor are those that have ended and are not reaped: they have no environment.
    ///
    /// Between the look and the signal a number would have to end, be reaped and be given to another process; numbers
    /// are given in turn, so that takes as many starts as there are numbers, thousands at the least.
    private func marked() -> [pid_t] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        let pattern = Array("\(mark.name)=\(mark.value)".utf8)
        var processes: [pid_t] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let process = pid_t(name), process != getpid() else { continue }
            var status = stat()
            guard stat("/proc/\(name)", &status) == 0, status.st_uid == geteuid() else { continue }
            if Self.environment(of: process).split(separator: 0).contains(where: { $0.elementsEqual(pattern) }) { processes.append(process) }
        }
        return processes
    }

    /// The environment with which a process began its program: entries that end in a NUL; empty if it has ended or may not be read.
    private static func environment(of process: pid_t) -> [UInt8] {
        let file = open("/proc/\(process)/environ", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = read(file, &piece, piece.count)
            if count <= 0 { return all }
            all += piece[..<count]
        }
    }
}
