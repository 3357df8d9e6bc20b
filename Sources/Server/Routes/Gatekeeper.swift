public import MartletAccess
import MartletBytes
public import MartletWorld
import Synchronization

/// Who is behind a request, from its credentials.
public protocol Authenticator: Sendable {
    /// - Throws: an ``AccessError``; the gatekeeper answers and records it.
    func principal(of request: Request) throws(AccessError) -> Principal
}

/// What the gatekeeper tells the rest of the program of each request.
public protocol RequestObserver: Sendable {
    /// A request was refused: by the guard, or because it is addressed to another host or comes from another site.
    func refused(_ request: Request, route: Route?, principal: Principal?, problem: Problem, requestID: String)
    /// A request was answered; `nanoseconds` from its last byte to its answer.
    func answered(route: Route?, status: Int, nanoseconds: UInt64)
    /// A handler failed through no fault of the request's; `problem` is nil if the table of problems does not know the error.
    func failed(route: Route, error: any Error, problem: Problem?, requestID: String)
}

/// Stands between the transports and the routes: finds the route, knows the caller, asks the guard, holds the limits.
public final class Gatekeeper: RequestResponder {
    public struct Settings: Sendable {
        /// The names under which the server may be addressed, in lower case and without port: against rebinding.
        public var hosts: Set<String>
        /// The project's name at this moment: what is applied may change it.
        public var project: @Sendable () -> String

        public init(hosts: Set<String>, project: @escaping @Sendable () -> String) {
            self.hosts = Set(hosts.map { $0.lowercased() })
            self.project = project
        }
    }

    private struct Ticket: Sendable {
        var route: Route
        var parameters: [String]
        var scope: Scope?
        var requestID: String
    }

    private let table: RouteTable
    private let settings: Settings
    private let authenticator: any Authenticator
    private let observer: any RequestObserver
    private let clock: any WallClock
    private let problem: @Sendable (any Error) -> Problem?
    private let requestPrefix: String
    private let requestCount = Atomic<UInt64>(0)

    /// - Parameter problem: how an operation's error is answered; nil for one that is not expected.
    public init(
        table: RouteTable, settings: Settings, authenticator: any Authenticator, observer: any RequestObserver, world: World,
        problem: @escaping @Sendable (any Error) -> Problem?
    ) {
        self.table = table
        self.settings = settings
        self.authenticator = authenticator
        self.observer = observer
        clock = world.clock
        self.problem = problem
        requestPrefix = String(world.random.next() & 0xFFFF_FFFF, radix: 36) + "-"
    }

    /// The names of all routes, in the order of the table.
    var routeNames: [String] { table.routes.map(\.name) }

    public func admit(_ head: Request) -> Admission {
        let requestID = requestPrefix + String(requestCount.add(1, ordering: .relaxed).newValue, radix: 36)
        if let foreign = checkOrigin(head) {
            observer.refused(head, route: nil, principal: nil, problem: foreign, requestID: requestID)
            observer.answered(route: nil, status: foreign.status, nanoseconds: 0)
            return .refuse(foreign.response(requestID: requestID))
        }
        let route: Route
        let parameters: [String]
        switch table.find(head.method, head.segments) {
        case .route(let found, let values): (route, parameters) = (found, values)
        case .wrongMethod, .nothing:
            // A stranger does not learn which paths exist.
            if case .failure(let error) = authenticate(head) {
                return .refuse(refusal(error, head, route: nil, principal: nil, requestID: requestID))
            }
            let nothing = notFound(head)
            observer.answered(route: nil, status: nothing.status, nanoseconds: 0)
            return .refuse(nothing.response(requestID: requestID))
        }
        var scope: Scope?
        if case .needs(let permission, let target) = route.access {
            switch authenticate(head) {
            case .failure(let error): return .refuse(refusal(error, head, route: route, principal: nil, requestID: requestID))
            case .success(let principal):
                do throws(AccessError) {
                    scope = try Guard().scope(for: principal, to: permission, on: resource(target, parameters))
                } catch {
                    return .refuse(refusal(error, head, route: route, principal: principal, requestID: requestID))
                }
            }
        }
        let ticket = Ticket(route: route, parameters: parameters, scope: scope, requestID: requestID)
        return switch route.body {
        case .none: .collect(limit: 0, ticket)
        case .collected(let limit): .collect(limit: limit, ticket)
        case .streamed(let limit): .stream(limit: limit, ticket)
        }
    }

    public func respond(
        to request: Request, admission: Admission.Ticket, on thread: RequestThread?, _ answer: @escaping @Sendable (Response) -> Void
    ) {
        guard let ticket = admission as? Ticket else { return answer(.text("", status: 500)) }
        let start = clock.monotonicNanoseconds()
        var request = request
        request.parameters = ticket.parameters
        let call = Call(request: request, scope: ticket.scope, requestID: ticket.requestID, startNanoseconds: start, input: ticket.route.input)
        let finish: @Sendable (Result<Response, any Error>) -> Void = { [self, request] outcome in
            var response: Response
            switch outcome {
            case .success(let value):
                response = value
                response.headers.add("x-request-id", ticket.requestID)
            case .failure(let error): response = failure(error, request, ticket)
            }
            observer.answered(route: ticket.route, status: response.status, nanoseconds: clock.monotonicNanoseconds() - start)
            answer(response)
        }
        if let mistake = Self.mistake(in: request.query, of: ticket.route) { return finish(.failure(mistake)) }
        switch ticket.route.handler {
        case .immediate(let handle): handle(call, finish)
        case .gathered(let handle):
            guard let thread else { return handle([call]) { for (_, result) in $0 { finish(result) } } }
            GatheredCalls.on(thread).add(call, to: ticket.route, handle, on: thread, finish)
        case .asynchronous(let handle):
            Task {
                do { finish(.success(try await handle(call))) } catch { finish(.failure(error)) }
            }
        case .pieces(let type, let make):
            Task { [request] in
                let answer = PiecedAnswer(type: type, begin: { finish(.success($0)) })
                do {
                    try await make(call) { try await answer.write($0) }
                    answer.end()
                } catch {
                    if !answer.isBegun { return finish(.failure(error)) }
                    await answer.breakOff(failure(error, request, ticket).body + [0x0A])
                }
            }
        }
    }

    /// Takes a request from the same process through the same table and guard.
    public func answer(_ request: Request) async -> Response {
        switch admit(request) {
        case .refuse(let response): response
        case .collect(let limit, let ticket):
            if case .bytes(let bytes) = request.body, bytes.count > limit {
                Problem.tooLarge(limit: limit).response(requestID: nil)
            } else {
                await respond(request, ticket)
            }
        case .stream(_, let ticket): await respond(request, ticket)
        }
    }

    private func respond(_ request: Request, _ ticket: Admission.Ticket) async -> Response {
        await withCheckedContinuation { continuation in
            respond(to: request, admission: ticket, on: nil) { continuation.resume(returning: $0) }
        }
    }

    // MARK: - Refusals

    /// A query item that the route does not read was meant for something, and would be passed over in silence.
    private static func mistake(in query: [(name: String, value: String)], of route: Route) -> InputError? {
        let known = route.query.map(\.name)
        var seen: Set<String> = []
        for item in query {
            guard known.contains(item.name) else { return .unknownQuery(item.name, known: known) }
            guard seen.insert(item.name).inserted else { return .repeatedQuery(item.name) }
        }
        return nil
    }

    /// A browser that was lured, or whose name server lies, sends another host or origin than ours.
    private func checkOrigin(_ head: Request) -> Problem? {
        guard case .network = head.peer else { return nil }
        guard head.headers.count(of: "host") == 1, let host = head.headers["host"], isOurs(host) else {
            return Problem(
                status: 421, code: "wrong_host", message: "the request is addressed to another host",
                hint: "use the URL that the server printed, or add the name with --host-name")
        }
        if let origin = head.headers["origin"], origin != "null" {
            let scheme = origin.firstRange(of: "://")
            guard let scheme, Self.sameAuthority(String(origin[scheme.upperBound...]), host) else {
                return Problem(status: 403, code: "foreign_origin", message: "the request comes from a page of another site")
            }
        } else if head.headers["origin"] == "null" {
            return Problem(status: 403, code: "foreign_origin", message: "the request comes from a page without an origin")
        }
        return nil
    }

    private func isOurs(_ host: String) -> Bool {
        // Most hosts come as they are written in the set, but for the port.
        let plain = host.utf8.firstIndex(of: UInt8(ascii: ":")).map { String(host[..<$0]) } ?? host
        return settings.hosts.contains(plain) || settings.hosts.contains(Self.name(ofHost: host))
    }

    static func name(ofHost host: String) -> String {
        let lowered = host.lowercased()
        if lowered.hasPrefix("[") { return String(lowered.prefix { $0 != "]" }) + "]" }
        return String(lowered.prefix { $0 != ":" })
    }

    private static func sameAuthority(_ left: String, _ right: String) -> Bool {
        left.lowercased() == right.lowercased()
    }

    private func authenticate(_ head: Request) -> Result<Principal, AccessError> {
        do throws(AccessError) { return .success(try authenticator.principal(of: head)) } catch { return .failure(error) }
    }

    private func resource(_ target: Route.Target, _ parameters: [String]) -> Resource {
        switch target {
        case .server: .server
        case .project: .project(settings.project())
        case .thing(let kind): .thing(kind, parameters.first, in: settings.project())
        case .every(let kind): .thing(kind, nil, in: settings.project())
        }
    }

    private func refusal(
        _ error: AccessError, _ head: Request, route: Route?, principal: Principal?, requestID: String
    ) -> Response {
        let answer = problem(error) ?? Problem(status: 403, code: "denied", message: "the request was refused")
        observer.refused(head, route: route, principal: principal, problem: answer, requestID: requestID)
        observer.answered(route: route, status: answer.status, nanoseconds: 0)
        // Somebody who opens a page without a session is shown where to sign in.
        if answer.status == 401, head.method == .get, head.headers["accept"]?.contains("text/html") == true {
            return Response(status: 303, headers: Headers([("location", "/"), ("x-request-id", requestID)]))
        }
        return answer.response(requestID: requestID)
    }

    private func notFound(_ head: Request) -> Problem {
        switch table.find(head.method, head.segments) {
        case .wrongMethod(let allowed):
            Problem(
                status: 405, code: "wrong_method", message: "this path does not take \(head.method.rawValue)",
                hint: "it takes \(allowed.map(\.rawValue).joined(separator: ", "))")
        default:
            Problem(
                status: 404, code: "no_route", message: "there is nothing at this path", hint: "/openapi.json lists every path")
        }
    }

    private func failure(_ error: any Error, _ request: Request, _ ticket: Ticket) -> Response {
        let known = problem(error)
        // A route that is open, or an operation itself, may refuse too.
        if let known, error is AccessError, known.status == 401 || known.status == 403 {
            observer.refused(
                request, route: ticket.route, principal: ticket.scope?.principal, problem: known, requestID: ticket.requestID)
        }
        if known.map({ $0.status >= 500 }) ?? true {
            observer.failed(route: ticket.route, error: error, problem: known, requestID: ticket.requestID)
        }
        if let known { return known.response(requestID: ticket.requestID) }
        return Problem(
            status: 500, code: "internal", message: "the server failed at this request",
            hint: "its log says why, under request '\(ticket.requestID)'"
        ).response(requestID: ticket.requestID)
    }
}
