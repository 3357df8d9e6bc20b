/// One HTTP answer.
public struct Response: Sendable {
    public var status: Int
    public var headers: Headers
    public var body: [UInt8]
    /// What follows `body`, of a length that is not known yet; it is sent as it comes.
    public var rest: BodyStream?

    public init(status: Int = 200, headers: Headers = Headers(), body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The whole body, for a caller that wants it at once.
    ///
    /// - Throws: ``BodyError`` if it broke off, or has more bytes than the limit.
    public func collected(limit: Int) async throws(BodyError) -> [UInt8] {
        guard let rest else { return body }
        var all = body
        while let piece = try await rest.next() {
            guard all.count + piece.count <= limit else {
                rest.abandon()
                throw .tooLarge(limit: limit)
            }
            all += piece
        }
        return all
    }

    public static func json(_ body: [UInt8], status: Int = 200) -> Response {
        Response(status: status, headers: Headers([("content-type", "application/json")]), body: body)
    }

    public static func text(_ body: String, status: Int = 200, type: String = "text/plain; charset=utf-8") -> Response {
        Response(status: status, headers: Headers([("content-type", type)]), body: Array(body.utf8))
    }
}
