public import MartletBytes

/// The one shape of an error's answer: code, what, where, hint.
///
/// ```json
/// {"error": {"code": "not_found", "message": "…", "where": "line 3", "hint": "…"}}
/// ```
public struct Problem: Sendable {
    public var status: Int
    /// Stable and machine-readable, in snake case.
    public var code: String
    public var message: String
    /// The place in the caller's input.
    public var place: String?
    public var hint: String?
    /// Seconds after which to try again.
    public var retryAfter: Int?
    /// Of several mistakes, each one, as a JSON object.
    public var details: [JSONValue]

    public init(
        status: Int, code: String, message: String, place: String? = nil, hint: String? = nil, retryAfter: Int? = nil,
        details: [JSONValue] = []
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.place = place
        self.hint = hint
        self.retryAfter = retryAfter
        self.details = details
    }

    public var json: JSONValue {
        var error = JSONObject()
        error["code"] = .string(code)
        error["message"] = .string(message)
        error["where"] = place.map(JSONValue.string)
        error["hint"] = hint.map(JSONValue.string)
        if !details.isEmpty { error["details"] = .array(details) }
        var object = JSONObject()
        object["error"] = .object(error)
        return .object(object)
    }

    func response(requestID: String?) -> Response {
        var response = Response.json(json.serialized(), status: status)
        if let requestID { response.headers.add("x-request-id", requestID) }
        if let retryAfter { response.headers.add("retry-after", String(retryAfter)) }
        if status == 401 { response.headers.add("www-authenticate", "Bearer realm=\"martlet\", Basic realm=\"martlet\"") }
        return response
    }
}

extension Problem {
    static let tooManyConnections = Problem(
        status: 503, code: "too_many_connections", message: "the server has as many connections as it takes",
        hint: "close some, or try again", retryAfter: 1)

    static let unknownMethod = Problem(status: 501, code: "unknown_method", message: "the request's method is not known")

    static let malformedTarget = Problem(
        status: 400, code: "malformed_target", message: "the request's path or query is malformed",
        hint: "write what is not a letter, a digit or one of '-._~' as '%' and two hexadecimal digits of UTF-8")

    static let malformedHTTP = Problem(
        status: 400, code: "malformed_http", message: "what came is no HTTP request", hint: "speak HTTP/1.1, without TLS, on this port")

    static func headTooLarge(limit: Int) -> Problem {
        Problem(
            status: 431, code: "head_too_large", message: "the request's headers are more, or larger, than the server takes",
            hint: "all together may have \(limit) bytes")
    }

    static func tooLarge(limit: Int) -> Problem {
        Problem(
            status: 413, code: "too_large", message: "the body is larger than \(limit) bytes", hint: "send it in parts")
    }
}
