import Dispatch
import Glibc

/// The signals by which a terminal and a supervisor ask a program to end.
enum TerminationSignals {
    /// Returns when the first one comes, or the task is cancelled; a second one then ends the program as usual.
    static func first() async {
        let (arrivals, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(1))
        let queue = DispatchQueue(label: "martlet.signals")
        let sources = [SIGINT, SIGTERM].map { number in
            // The default action would end the program before the source is told.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        for await _ in arrivals { break }
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }
}
