import MartletAccess
import MartletBytes
import MartletPlatform

/// Makes the routes of one project, area by area.
struct APIRoutes: Sendable {
    /// Sizes of bodies and answers that the routes take and give.
    struct Limits: Sendable {
        /// A body of JSON that asks for or changes something.
        var requestBytes = 1 << 20
        /// Definitions that are built into the asking program.
        var definitionBytes = 16 << 20
        /// A body of events that is collected before it is read.
        var eventBytes = 32 << 20
        /// A body that is read as it comes, such as a file.
        var fileBytes = 64 << 30
        /// A request for predictions.
        var predictionBytes = 4 << 20
        /// A body of outcomes.
        var outcomeBytes = 8 << 20
        /// Entities of one reading of features.
        var entities = 1_000
        /// Rows of a page of a list.
        var pageRows = 10_000
        /// Bytes of a task's log in one answer.
        var logBytes = 4 << 20
        /// An answer that is made as a whole.
        var answerBytes = 1 << 30
    }

    let platform: Platform
    let metrics: Metrics
    let authenticator: ProjectAuthenticator
    var limits = Limits()
    /// The number of open connections.
    var connections: @Sendable () -> Int = { 0 }

    var all: [Route] {
        let routes =
            health + definitions + streams + features + models + predictions + traffic + rollouts + feedback + reviews + monitors + pastAlarms
            + [loopEvents] + pipelines + lineage + secrets + governance + sessions + pages + loopPages + peoplePages + pipelinePages
        return routes + [description(of: routes)]
    }

    /// The table that describes itself.
    private func description(of routes: [Route]) -> Route {
        func route(_ handle: @escaping @Sendable (Call) async throws -> Response) -> Route {
            Route(
                "openapi", .get, "/openapi.json", "This interface as OpenAPI 3.1.", access: .open, audit: .refusalsOnly,
                output: .any, handler: .asynchronous(handle))
        }
        let blank = route { _ in throw RouteTableError(message: "the description is not made") }
        let document = (try? RouteTable(routes + [blank])).map { OpenAPI.document($0, version: Martlet.version).serialized() }
        guard let document else { return blank }
        return route { _ in .json(document) }
    }
}

extension Response {
    static func json(_ value: JSONValue, status: Int = 200) -> Response {
        .json(value.serialized(), status: status)
    }

    /// A page of a list, and where the next one begins; nil at the end.
    static func list(_ items: [JSONValue], next: JSONValue = .null) -> Response {
        .json(["items": .array(items), "next": next])
    }
}

extension JSONValue {
    /// An object without the members that are nil.
    static func members(_ members: [(String, JSONValue?)]) -> JSONValue {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        return .object(object)
    }

    static func count(_ number: Int) -> JSONValue { .int64(Int64(number)) }

    static func optional(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
}

extension Call {
    /// The body piece by piece, whichever way it came.
    var streamedBody: BodyStream {
        switch request.body {
        case .bytes(let bytes): BodyStream([bytes])
        case .stream(let stream): stream
        }
    }

    /// The scope that the guard made; every route that is not open has one.
    func requireScope() throws -> Scope {
        guard let scope else { throw RouteTableError(message: "an open route asked for a scope") }
        return scope
    }
}
