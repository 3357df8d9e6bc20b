/// One HTTP request as the doors see it, whichever transport brought it.
public struct Request: Sendable {
    public enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    public var method: Method
    /// The path's segments, percent-decoded: `/api/v1/streams/a%20b` gives `api`, `v1`, `streams`, `a b`.
    public var segments: [String]
    /// The query's items in order, decoded; a name without `=` has an empty value.
    public var query: [(name: String, value: String)]
    public var headers: Headers
    public var body: Body
    public var peer: Peer
    /// The parts of the path that a route's `{name}` matched, in order; filled in by the route table.
    public var parameters: [String] = []

    public init(
        method: Method, segments: [String], query: [(name: String, value: String)] = [], headers: Headers = Headers(),
        body: Body = .bytes([]), peer: Peer
    ) {
        self.method = method
        self.segments = segments
        self.query = query
        self.headers = headers
        self.body = body
        self.peer = peer
    }

    public func query(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    /// Who is at the other end of the transport.
    public enum Peer: Hashable, Sendable {
        /// A connection over the network, from an address.
        case network(address: String)
        /// The owner of the project's folder, over its socket or in the same process.
        case owner
    }

    /// Where it came from, for bounds on failed attempts and for the audit log.
    var source: String {
        if case .network(let address) = peer { address } else { "owner" }
    }

    /// The bytes after the head: all of them, or as they come.
    public enum Body: Sendable {
        case bytes([UInt8])
        case stream(BodyStream)
    }
}

/// Header fields in order; names compare without case.
public struct Headers: Sendable {
    public private(set) var fields: [(name: String, value: String)] = []

    public init() {}

    public init(_ fields: [(name: String, value: String)]) {
        self.fields = fields
    }

    /// The first value of a field.
    public subscript(name: String) -> String? {
        fields.first { Headers.equal($0.name, name) }?.value
    }

    /// How often a field stands there.
    public func count(of name: String) -> Int {
        fields.count { Headers.equal($0.name, name) }
    }

    public mutating func add(_ name: String, _ value: String) {
        fields.append((name, value))
    }

    private static func equal(_ left: String, _ right: String) -> Bool {
        let left = left.utf8
        let right = right.utf8
        guard left.count == right.count else { return false }
        return zip(left, right).allSatisfy { lowercased($0) == lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= 65 && byte <= 90 ? byte + 32 : byte
    }
}

/// Splits and decodes request targets.
enum RequestTarget {
    /// Nil for a target that is not a plain absolute path, or whose escapes or bytes are malformed.
    static func parse(_ target: String) -> (segments: [String], query: [(name: String, value: String)])? {
        let withoutFragment = target.prefix { $0 != "#" }
        let parts = withoutFragment.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, path.first == "/" else { return nil }
        var segments: [String] = []
        for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let decoded = decode(part, plusIsSpace: false) else { return nil }
            segments.append(decoded)
        }
        if segments.last == "" { segments.removeLast() }
        var query: [(name: String, value: String)] = []
        if parts.count == 2 {
            for item in parts[1].split(separator: "&") {
                let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = decode(pair[0], plusIsSpace: true),
                    let value = decode(pair.count == 2 ? pair[1] : "", plusIsSpace: true)
                else { return nil }
                query.append((name, value))
            }
        }
        return (segments, query)
    }

    private static func decode(_ text: Substring, plusIsSpace: Bool) -> String? {
        let bytes = text.utf8
        guard bytes.contains(where: { $0 == 0x25 || ($0 == 0x2B && plusIsSpace) }) else { return String(text) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == 0x25 {
                guard let high = bytes.index(index, offsetBy: 1, limitedBy: bytes.endIndex), high < bytes.endIndex,
                    let low = bytes.index(index, offsetBy: 2, limitedBy: bytes.endIndex), low < bytes.endIndex,
                    let first = hexDigit(bytes[high]), let second = hexDigit(bytes[low])
                else { return nil }
                decoded.append(first << 4 | second)
                index = bytes.index(after: low)
            } else {
                decoded.append(byte == 0x2B && plusIsSpace ? 0x20 : byte)
                index = bytes.index(after: index)
            }
        }
        guard !decoded.contains(0) else { return nil }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
