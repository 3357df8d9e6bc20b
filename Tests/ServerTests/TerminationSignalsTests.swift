import Glibc
import MartletServer
import Testing

@Suite("signals to end", .timeLimit(.minutes(5)))
struct TerminationSignalsTests {
    /// The one place of the test process that catches signals, since a process can do so once.
    @Test("one that comes as soon as they are caught is not lost")
    func atOnce() async {
        let signals = TerminationSignals()
        kill(getpid(), SIGTERM)
        await signals.first()
    }
}
