/// One HTTP answer.
public struct Response: Sendable {
    public var status: Int
    public var headers: Headers
    public var body: [UInt8]

    public init(status: Int = 200, headers: Headers = Headers(), body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public static func json(_ body: [UInt8], status: Int = 200) -> Response {
        Response(status: status, headers: Headers([("content-type", "application/json")]), body: body)
    }

    public static func text(_ body: String, status: Int = 200, type: String = "text/plain; charset=utf-8") -> Response {
        Response(status: status, headers: Headers([("content-type", type)]), body: Array(body.utf8))
    }
}
