import MartletAccess
import MartletBytes
import MartletServer

/// One request of a command, before it is known through which door it goes.
struct Ask {
    var method: Request.Method
    /// Decoded segments of the path.
    var path: [String]
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var body = Request.Body.bytes([])

    /// A path below `/api/v1`.
    init(_ method: Request.Method, _ path: String...) {
        self.method = method
        self.path = ["api", "v1"] + path
    }

    /// Adds an item to the query; nil adds nothing.
    func with(_ name: String, _ value: String?) -> Ask {
        var ask = self
        if let value { ask.query.append((name, value)) }
        return ask
    }

    func with(_ body: JSONValue) -> Ask {
        var ask = self
        ask.headers.append(("content-type", "application/json"))
        ask.body = .bytes(body.serialized())
        return ask
    }

    /// As it stands in a request's first line.
    var target: String {
        let path = path.map { "/" + Self.escaped($0) }.joined()
        let query = query.map { Self.escaped($0.name) + "=" + Self.escaped($0.value) }.joined(separator: "&")
        return query.isEmpty ? path : path + "?" + query
    }

    /// The request, as one of the folder's owner, or of a token's holder.
    func request(token: Secret?) -> Request {
        var headers = headers
        if let token { headers.append(("authorization", "Bearer " + token.revealed)) }
        return Request(method: method, segments: path, query: query, headers: Headers(headers), body: body, peer: .owner)
    }

    /// Percent-encodes everything but RFC 3986's unreserved characters.
    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
            default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
