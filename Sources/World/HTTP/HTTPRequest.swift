public import MartletFrames

/// What is asked of a server.
public struct HTTPRequest: Hashable, Sendable {
    public enum Method: String, Hashable, Sendable, CaseIterable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"

        /// Whether a request by it may bring a body.
        public var takesBody: Bool { self != .get && self != .head }
    }

    public var method: Method
    public var address: WebAddress
    public var headers: [HTTPHeader]
    /// Nil for none, which differs from an empty one.
    public var body: [UInt8]?
    /// Held against every address that is connected to.
    public var rule: EgressRule
    /// How many redirects are followed; at 0 a redirect is an answer like any other.
    public var redirectLimit = 0
    /// The most bytes of the answer's body that are kept; the rest is not read.
    public var answerLimit = 1 << 20
    /// From the search for the host's address to the last byte.
    public var timeout: Timestamp.Span = .minutes(1)

    public init(_ method: Method, _ address: WebAddress, headers: [HTTPHeader] = [], body: [UInt8]? = nil, rule: EgressRule = EgressRule()) {
        self.method = method
        self.address = address
        self.headers = headers
        self.body = body
        self.rule = rule
    }
}

/// One line of a request's head.
///
/// Nothing in it can end the line, and none that says where the request goes or ends can be made.
public struct HTTPHeader: Hashable, Sendable {
    /// In small letters.
    public let name: String
    public let value: String

    public init?(_ name: String, _ value: String) {
        guard Self.problem(ofName: name) == nil, Self.problem(ofValue: value) == nil else { return nil }
        self.name = name.lowercased()
        self.value = value
    }

    /// What keeps a text from being a header's name, as the end of a sentence; nil if nothing does.
    public static func problem(ofName name: String) -> String? {
        let isToken = !name.isEmpty && name.utf8.count <= 128 && name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        guard isToken else { return "is no name of a header" }
        return own.contains(name.lowercased()) ? "is set by the program itself" : nil
    }

    /// What keeps a text from being a header's value, as the end of a sentence; nil if nothing does.
    public static func problem(ofValue value: String) -> String? {
        if value.utf8.count > 8_192 { return "is longer than 8192 bytes" }
        if value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) { return "has a control character" }
        return nil
    }

    private static let own: Set = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]
}

/// What a server said.
public struct HTTPAnswer: Hashable, Sendable {
    public var status: Int
    public var body: [UInt8]
    /// Whether the body goes on where it was cut at the limit.
    public var isCut: Bool
    /// Where the answer came from, after the redirects that were followed.
    public var address: WebAddress
    /// Where it says to ask instead.
    public var location: String?

    public init(status: Int, body: [UInt8], isCut: Bool = false, address: WebAddress, location: String? = nil) {
        self.status = status
        self.body = body
        self.isCut = isCut
        self.address = address
        self.location = location
    }
}
