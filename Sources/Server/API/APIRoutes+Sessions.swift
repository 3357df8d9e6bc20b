import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform

extension APIRoutes {
    /// How long a browser keeps a session's cookie.
    private static let sessionLifetime = Timestamp.Span.days(30)

    /// How a browser gets and drops its session. No secret is ever in a URL: the one-time code stands in the fragment,
    /// which browsers do not send, and the page's script posts it.
    var sessions: [Route] {
        [
            Route(
                "setup.exchange", .post, "/api/v1/setup", "Exchanges the one-time code for an administrator's session.", access: .open,
                body: .collected(limit: 4_096), audit: .recordedByOperation, input: .object([.init("code", .string)]),
                output: .object([.init("token", .string)]),
                handler: .asynchronous { [platform] call in
                    let code = Secret(try call.json()["code"]?.string ?? "")
                    let issued = try platform.exchangeSetupCode(
                        code, lifetime: Self.sessionLifetime, from: call.request.source, requestID: call.requestID)
                    return Self.opened(issued.secret, answering: ["token": .string(issued.secret.revealed)])
                }),
            Route(
                "session.open", .post, "/api/v1/session", "Gives a browser a cookie for a token it shows.", access: .open,
                body: .collected(limit: 4_096), audit: .refusalsOnly, input: .object([.init("token", .string)]),
                output: .object([.init("name", .string)]),
                handler: .asynchronous { [platform] call in
                    let token = Secret(try call.json()["token"]?.string ?? "")
                    let principal = try platform.tokens.principal(presenting: token, from: call.request.source)
                    return Self.opened(token, answering: ["name": .string(principal.name)])
                }),
            Route(
                "session.close", .delete, "/api/v1/session", "Makes a browser drop its session's cookie.", access: .open,
                audit: .refusalsOnly, output: .object([]),
                handler: .asynchronous { _ in
                    var response = Response.json([:])
                    response.headers.add("set-cookie", Self.cookie("", seconds: 0))
                    return response
                }),
        ]
    }

    private static func opened(_ token: Secret, answering answer: JSONValue) -> Response {
        var response = Response.json(answer)
        response.headers.add("set-cookie", cookie(token.revealed, seconds: sessionLifetime.microseconds / 1_000_000))
        response.headers.add("cache-control", "no-store")
        return response
    }

    private static func cookie(_ value: String, seconds: Int64) -> String {
        "\(ProjectAuthenticator.sessionCookie)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Strict"
    }
}
