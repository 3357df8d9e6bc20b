public import MartletAccess
import MartletBytes

/// One door: what may come in, who may send it, what goes out.
///
/// The table of routes is the only way in for pages, commands, libraries and foreign protocols, and every route says
/// everything about itself, so that the guard, the limits, the audit and the description follow from the table.
public final class Route: Sendable {
    /// Names the operation in the description, the metrics and the audit log: `events.append`.
    public let name: String
    public let method: Request.Method
    public let pattern: PathPattern
    /// One sentence for the description.
    public let summary: String
    public let access: Access
    public let body: BodyRule
    public let audit: Audit
    public let query: [QueryItem]
    /// The JSON schemas of the body and of the answer; nil where there is none, or where it is not JSON.
    public let input: Shape?
    public let output: Shape?
    public let handler: Handler

    public enum Access: Sendable {
        /// Anyone may ask: liveness, the description, the set-up.
        case open
        /// The principal needs this permission on the resource that the request names.
        case needs(Permission, on: Target)
        /// Whoever signs the body with a secret that the project names for it: the operation checks the signature, and asks the
        /// guard for this permission for whoever put that in force.
        case signed(Permission, on: Target)
    }

    /// Which resource of the project a request is about.
    public enum Target: Sendable {
        case server
        case project
        /// The thing of a kind that the path's first parameter names; all things of the kind if it has none.
        case thing(Resource.Kind)
        /// All things of a kind, whatever the path's parameters name: what belongs to one of them, such as a run.
        case every(Resource.Kind)
    }

    public enum BodyRule: Sendable {
        case none
        case collected(limit: Int)
        case streamed(limit: Int)
    }

    /// What the audit log keeps. Refusals are always kept.
    public enum Audit: String, Sendable {
        /// The operation changes something and records it in its own transaction.
        case recordedByOperation
        /// What it does is its own record in the event log.
        case recordedInLog
        /// Reading; only refusals are kept.
        case refusalsOnly
    }

    /// A query item that the route reads.
    public struct QueryItem: Sendable {
        public var name: String
        public var summary: String

        public init(_ name: String, _ summary: String) {
            self.name = name
            self.summary = summary
        }
    }

    public enum Handler: Sendable {
        /// Suspends as it needs to.
        case asynchronous(@Sendable (Call) async throws -> Response)
        /// Makes the body of an answer of lines piece by piece. It is sent as it is made and no faster than it is read, so it
        /// may be of any length. The answer begins with the first piece: what fails before is answered as any error; what
        /// fails later ends the answer with a line that tells it, and without the mark of its end.
        case pieces(type: String, @Sendable (Call, @escaping @Sendable (_ piece: [UInt8]) async throws -> Void) async throws -> Void)
        /// Does not block, and runs on the connection's own thread; answers then or later, once.
        case immediate(@Sendable (Call, @escaping @Sendable (Result<Response, any Error>) -> Void) -> Void)
        /// As the one before, with all calls that came in one turn of the thread.
        case gathered(GatheredHandler)
    }

    /// Takes calls that came together.
    public typealias GatheredHandler = @Sendable ([Call], @escaping GatheredAnswers) -> Void
    /// Takes the results of some of the calls, by their number; of each once.
    public typealias GatheredAnswers = @Sendable ([(call: Int, result: Result<Response, any Error>)]) -> Void

    public init(
        _ name: String, _ method: Request.Method, _ pattern: PathPattern, _ summary: String, access: Access, body: BodyRule = .none,
        audit: Audit, query: [QueryItem] = [], input: Shape? = nil, output: Shape?, handler: Handler
    ) {
        self.name = name
        self.method = method
        self.pattern = pattern
        self.summary = summary
        self.access = access
        self.body = body
        self.audit = audit
        self.query = query
        self.input = input
        self.output = output
        self.handler = handler
    }
}

/// A request that a route takes, with what the guard found.
public struct Call: Sendable {
    public var request: Request
    /// Nil on an open route.
    public var scope: Scope?
    /// Unique; in the answer's header and the audit log.
    public var requestID: String
    /// When its last byte was read, on the monotonic clock.
    var startNanoseconds: UInt64
    /// What the route says that its body is.
    var shape: Shape?

    init(request: Request, scope: Scope?, requestID: String, startNanoseconds: UInt64, input shape: Shape?) {
        self.startNanoseconds = startNanoseconds
        self.request = request
        self.scope = scope
        self.requestID = requestID
        self.shape = shape
    }

    /// A part of the path that the pattern's n-th `{name}` matched.
    public func parameter(_ index: Int) -> String {
        index < request.parameters.count ? request.parameters[index] : ""
    }

    /// All of a collected body.
    public var bytes: [UInt8] {
        if case .bytes(let bytes) = request.body { bytes } else { [] }
    }

    /// The collected body as JSON of the route's input shape; an empty one is an empty object.
    ///
    /// - Throws: ``JSONError``, or an ``InputError`` for a member that the shape lacks, one that it needs, or a wrong type.
    func json() throws -> JSONValue {
        let value: JSONValue = bytes.isEmpty ? .object(JSONObject()) : try JSONValue(parsing: bytes, lengthLimit: bytes.count)
        try shape?.check(value)
        return value
    }
}

/// A path with named parts: `/api/v1/streams/{stream}/events`.
public struct PathPattern: Sendable, ExpressibleByStringLiteral {
    enum Part: Hashable, Sendable {
        case literal(String)
        case parameter(String)
    }

    let parts: [Part]
    public let text: String

    public init(stringLiteral text: String) {
        self.text = text
        parts = text.split(separator: "/").map { part in
            part.hasPrefix("{") && part.hasSuffix("}") ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
        }
    }

    /// The names of its parameters, in order.
    public var parameters: [String] {
        parts.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }
}

/// A JSON schema, for the description of the interface.
public indirect enum Shape: Sendable {
    case string, integer, number, boolean, any
    /// One of these texts.
    case choice([String])
    case timestamp
    case list(Shape)
    case map(Shape)
    case object([Member])
    case nullable(Shape)
    /// One JSON value a line.
    case lines(Shape)
    /// Not JSON: a media type.
    case media(String)

    public struct Member: Sendable {
        public var name: String
        public var shape: Shape
        public var isRequired: Bool

        public init(_ name: String, _ shape: Shape, isRequired: Bool = true) {
            self.name = name
            self.shape = shape
            self.isRequired = isRequired
        }
    }
}
