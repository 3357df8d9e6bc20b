public import MartletBytes

/// The one shape of an error's answer: code, what, where, hint.
///
/// ```json
/// {"error": {"code": "not_found", "message": "…", "where": "line 3", "hint": "…", "request": "…"}}
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

    public init(status: Int, code: String, message: String, place: String? = nil, hint: String? = nil, retryAfter: Int? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.place = place
        self.hint = hint
        self.retryAfter = retryAfter
    }

    public var json: JSONValue {
        var error = JSONObject()
        error["code"] = .string(code)
        error["message"] = .string(message)
        error["where"] = place.map(JSONValue.string)
        error["hint"] = hint.map(JSONValue.string)
        var object = JSONObject()
        object["error"] = .object(error)
        return .object(object)
    }

    func response(requestID: String) -> Response {
        var response = Response.json(json.serialized(), status: status)
        response.headers.add("x-request-id", requestID)
        if let retryAfter { response.headers.add("retry-after", String(retryAfter)) }
        if status == 401 { response.headers.add("www-authenticate", "Bearer realm=\"martlet\", Basic realm=\"martlet\"") }
        return response
    }
}
