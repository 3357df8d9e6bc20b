/// Asks other servers by HTTP; the only way out of this machine.
///
/// Implemented by the connector `Outbound` over the real network, and by ``NoHTTPRequests`` where nothing may be reached, as in the
/// simulator.
public protocol HTTPRequests: Sendable {
    /// Sends one request and reads its answer; given up as soon as the task that calls it is cancelled.
    ///
    /// Every status is an answer. The request's rule is held against each address right before it is connected to, for
    /// redirects too; a certificate must be vouched for by the system's roots and name the host.
    ///
    /// - Throws: ``HTTPRequestError`` if there is no answer.
    func send(_ request: HTTPRequest) async throws(HTTPRequestError) -> HTTPAnswer
}

/// Why there is no answer.
public struct HTTPRequestError: Error, Hashable, Sendable {
    /// What kind of failure; an open set.
    public struct Code: Hashable, Sendable {
        private enum Raw { case forbidden, untrusted, unreachable, timedOut, cancelled, unusable }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// The address, or where a redirect leads, is none that may be connected to.
        public static let forbidden = Self(.forbidden)
        /// The server's certificate does not show that it is the host.
        public static let untrusted = Self(.untrusted)
        /// Nobody is there, or the connection broke.
        public static let unreachable = Self(.unreachable)
        public static let timedOut = Self(.timedOut)
        public static let cancelled = Self(.cancelled)
        /// What came is no HTTP, or leads nowhere.
        public static let unusable = Self(.unusable)
    }

    public var code: Code
    /// What was asked, and what came of it.
    public var message: String
    /// The next thing to try.
    public var hint: String?

    public init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension HTTPRequestError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

/// A world from which nothing is reached.
public struct NoHTTPRequests: HTTPRequests {
    public init() {}

    public func send(_ request: HTTPRequest) async throws(HTTPRequestError) -> HTTPAnswer {
        throw HTTPRequestError(.forbidden, "this process reaches no other server")
    }
}
