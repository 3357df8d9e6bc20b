public import MartletAccess
import MartletBytes
public import MartletDefinitions
import MartletFrames
public import MartletWorld

/// Asks a server by HTTP.
public struct HTTPWork: TaskWork {
    public enum Body: Hashable, Sendable {
        case nothing
        case text(TaskText)
        case json(TaskJSON)
    }

    /// A secret as a header's value, after a word that says how it is meant, such as `Bearer`.
    public struct SecretHeader: Hashable, Sendable {
        public var scheme: String?
        public var secret: String
    }

    public let method: HTTPRequest.Method
    public let address: TaskAddress
    /// By their names, which are in small letters.
    public let headers: [String: TaskText]
    /// By the headers' names, which are in small letters and none of ``headers``.
    public let secretHeaders: [String: SecretHeader]
    public let body: Body
    /// The statuses that are a success; empty for 200 to 299.
    public let expected: Set<Int>
    /// The statuses after which another attempt may do better.
    public let retryCodes: Set<Int>
    /// What is read of the answer, a JSON object, by these names.
    public let results: [TaskOutput]
    /// Whether redirects are followed.
    public let follows: Bool
    /// The most bytes of the answer that are kept.
    public let answerLimit: Int64

    public var outputs: [TaskOutput] { [TaskOutput("status", .scalar(.int64))] + results }
    public var permissions: [RequiredPermission] {
        [RequiredPermission(.httpSend)]
            + Set(secretHeaders.values.map(\.secret)).sorted().map { RequiredPermission(.secretsUse, on: .secret, named: $0) }
    }

    /// How many redirects are followed.
    static let redirectLimit = 5
    static let standardRetryCodes: Set<Int> = Set([408, 425, 429]).union(500...599)
    static let standardAnswerLimit: Int64 = 1 << 20
    /// So that a log takes it.
    static let answerLimits: ClosedRange<Int64> = 1...(8 << 20)

    public func isExpected(_ status: Int) -> Bool {
        expected.isEmpty ? (200...299).contains(status) : expected.contains(status)
    }

    /// The request in a scope.
    ///
    /// - Parameter secrets: the values of ``secretHeaders`` by the headers' names.
    /// - Throws: ``TaskScopeError`` also for a header that what was computed would end early.
    public func request(in scope: TaskScope, secrets: [String: Secret] = [:], rule: EgressRule) throws(TaskScopeError) -> HTTPRequest {
        var request = HTTPRequest(method, try address.render(in: scope), rule: rule)
        switch body {
        case .nothing: break
        case .text(let text):
            request.body = Array(try text.render(in: scope).utf8)
            request.headers += [HTTPHeader("content-type", "text/plain; charset=utf-8")].compactMap(\.self)
        case .json(let json):
            request.body = try json.render(in: scope).serialized()
            request.headers += [HTTPHeader("content-type", "application/json")].compactMap(\.self)
        }
        for name in headers.keys.sorted() {
            guard let text = headers[name] else { continue }
            let value = try text.render(in: scope)
            guard let header = HTTPHeader(name, value) else {
                throw TaskScopeError(.unusable, "the header '\(name)' \(HTTPHeader.problem(ofValue: value) ?? "cannot be sent")")
            }
            request.headers.removeAll { $0.name == header.name }
            request.headers.append(header)
        }
        for (name, header) in secretHeaders.sorted(by: { $0.key < $1.key }) {
            guard let value = secrets[name] else { continue }
            let text = (header.scheme.map { $0 + " " } ?? "") + value.revealed
            guard let header = HTTPHeader(name, text) else {
                throw TaskScopeError(
                    .unusable, "the secret '\(header.secret)' cannot be the header '\(name)': it \(HTTPHeader.problem(ofValue: text) ?? "cannot be sent")")
            }
            request.headers.removeAll { $0.name == header.name }
            request.headers.append(header)
        }
        request.redirectLimit = follows ? Self.redirectLimit : 0
        request.answerLimit = Int(answerLimit)
        return request
    }

    public var canonical: CanonicalValue {
        let content: CanonicalValue =
            switch body {
            case .nothing: .none
            case .text(let text): text.canonical
            case .json(let json): .map(["json": json.canonical])
            }
        return .map([
            "method": .text(method.rawValue), "url": address.text.canonical,
            "headers": .map(headers.map { ($0.key, $0.value.canonical) }), "body": content,
            "secrets": .map(secretHeaders.map { ($0.key, .texts([$0.value.scheme ?? "", $0.value.secret])) }),
            "expect": .list(expected.sorted().map { .integer(Int64($0)) }),
            "retry_codes": .list(retryCodes.sorted().map { .integer(Int64($0)) }),
            "outputs": .map(results.map { ($0.name, .text("\($0.type)")) }),
            "follow": .bool(follows), "answer_limit": .integer(answerLimit),
        ])
    }
}
