import Dispatch
import Glibc

/// The signals by which a terminal and a supervisor ask a program to end, caught from here on.
///
/// Made before a program says that it serves: who reads that may ask it to end at once.
/// Once in a process: the system's sources of a signal do not survive what it does by default being set again.
public struct TerminationSignals {
    private static let numbers = [SIGINT, SIGTERM]

    private let arrivals: AsyncStream<Int32>
    private let sources: [any DispatchSourceSignal]

    public init() {
        let (arrivals, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(1))
        let queue = DispatchQueue(label: "martlet.signals")
        self.arrivals = arrivals
        // The system knows of a source some time after it is resumed; a signal before that would be lost.
        let registered = DispatchSemaphore(value: 0)
        sources = Self.numbers.map { number in
            // The default action would end the program before the source is told.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.setRegistrationHandler { registered.signal() }
            source.resume()
            return source
        }
        for _ in sources { registered.wait() }
    }

    /// Returns when the first one has come, or the task is cancelled; a second one then ends the program as usual.
    public func first() async {
        for await _ in arrivals { break }
        release()
    }

    /// Lets the signals do again what they do by default.
    public func release() {
        for source in sources { source.cancel() }
        for number in Self.numbers { signal(number, SIG_DFL) }
    }
}
