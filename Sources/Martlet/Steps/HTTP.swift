/// Asks a server by HTTP. It gives `status`, and of its answer, a JSON object, what `outputs` names.
public struct HTTP: PipelineStep {
    public var step: Step

    public enum Method: String, Hashable, Sendable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// What is sent.
    public struct Body: Sendable {
        let key: String
        let written: Written.Value

        public static func text(_ text: String) -> Body { Body(key: "body", written: .text(text)) }
        /// An object of these members; one that is a single `${…}` has the type of what is computed.
        public static func json(_ members: [String: Literal]) -> Body {
            Body(key: "json", written: .map(members.map { ($0.key, $0.value.written) }))
        }
    }

    /// - Parameters:
    ///   - address: as in `"https://api.example/days/${interval.start}"`; what is computed is percent-encoded.
    ///   - secrets: names of secrets by the headers that are set to their values, after a word if one is wanted: `["authorization": "Bearer api"]`.
    ///   - expect: the statuses that are a success; 200 to 299 if empty.
    ///   - retryCodes: the statuses after which another attempt is made; 408, 425, 429 and 500 to 599 if empty.
    ///   - outputs: what is read of the answer by these names.
    ///   - follow: whether up to 5 redirects are followed.
    ///   - answerLimit: a size; of the answer that is kept, `"1MiB"` if nil.
    public init(
        _ name: String, _ method: Method, _ address: String, headers: [String: String] = [:], secrets: [String: String] = [:], body: Body? = nil,
        expect: [Int] = [], retryCodes: [Int] = [], outputs: [String: ValueKind] = [:], follow: Bool = false, answerLimit: String? = nil,
        file: String = #fileID, line: Int = #line, column: Int = #column
    ) {
        step = Step(name, file, line, column)
        var request: [(key: String, value: Written.Value)] = [("method", .text(method.rawValue)), ("url", .text(address))]
        if !headers.isEmpty { request.append(("headers", .map(headers.map { ($0.key, .text($0.value)) }))) }
        if let body { request.append((body.key, body.written)) }
        step.keys["http"] = .map(request)
        if !secrets.isEmpty { step.keys["secrets"] = .map(secrets.map { ($0.key, .text($0.value)) }) }
        if !expect.isEmpty { step.keys["expect"] = .list(expect.map { .word("\($0)") }) }
        if !retryCodes.isEmpty { step.keys["retry_codes"] = .list(retryCodes.map { .word("\($0)") }) }
        if !outputs.isEmpty { step.keys["outputs"] = .map(outputs.map { ($0.key, .text($0.value.word)) }) }
        if follow { step.keys["follow"] = .word("true") }
        step.keys["answer_limit"] = .optional(answerLimit)
    }
}
