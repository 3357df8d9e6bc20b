import Synchronization

/// An answer that is made piece by piece; used by the one task that makes it.
final class PiecedAnswer: Sendable {
    private let feeder = BodyFeeder(depth: 2)
    private let type: String
    private let begin: @Sendable (Response) -> Void
    private let hasBegun = Atomic<Bool>(false)

    /// - Parameter begin: takes the answer once there is something in it, or its end.
    init(type: String, begin: @escaping @Sendable (Response) -> Void) {
        self.type = type
        self.begin = begin
    }

    var isBegun: Bool { hasBegun.load(ordering: .relaxed) }

    /// Sends a piece; returns when there is room for another.
    ///
    /// - Throws: ``BodyError`` `connectionClosed` if nobody will read it.
    func write(_ piece: [UInt8]) async throws(BodyError) {
        guard !piece.isEmpty else { return }
        guard isBegun else { return start(piece, rest: feeder.body) }
        guard await feeder.feed(piece) else { throw .connectionClosed }
    }

    func end() {
        if isBegun { feeder.finish(failed: false) } else { start([], rest: nil) }
    }

    /// Ends the answer before its end, with a last piece that says why.
    func breakOff(_ last: [UInt8]) async {
        _ = await feeder.feed(last)
        feeder.finish(failed: true)
    }

    private func start(_ piece: [UInt8], rest: BodyStream?) {
        hasBegun.store(true, ordering: .relaxed)
        var response = Response(headers: Headers([("content-type", type)]), body: piece)
        response.rest = rest
        begin(response)
    }
}
