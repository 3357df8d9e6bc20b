import MartletDefinitions
import MartletFrames
import MartletWorld

extension HTTPWork {
    public static let kind = TaskKind(
        word: "http", type: "map",
        summary: """
            Asks a server by HTTP, and fails if it answers otherwise than expected. Its answer goes to the log. It gives `status`, and \
            what `outputs` names. Public addresses can be asked, and those that the project's `egress` allows.
            """,
        keys: [
            .optional(
                "secrets", "map from headers to names of secrets",
                "Set in the request's head, each from the secret of that name as it is when the attempt starts, after a word if one is wanted: "
                    + "`{ authorization: Bearer api_token }`. What the answer holds of them is masked in the log."),
            .optional("expect", "list of whole numbers", standard: "200 to 299", "The statuses that are a success."),
            .optional(
                "retry_codes", "list of whole numbers", standard: "408, 425, 429, 500 to 599",
                "The statuses after which another attempt is made, as after a broken connection; after others none is."),
            .optional(
                "outputs", "map from names to types",
                "What is read of the answer, a JSON object, by these names: a type or `list of` a type."),
            .optional("follow", "true or false", standard: "`false`", "Whether up to 5 redirects are followed, never from https to http."),
            .optional("answer_limit", "size", standard: "`1MiB`", "Of the answer, up to `8MiB`; more is not kept."),
        ],
        tables: [requestKeys],
        read: { value, task in read(value, &task) })

    static let requestKeys = KeyTable(
        "the request of a task",
        keys: [
            .optional(
                "method", HTTPRequest.Method.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "), standard: "`GET`", "What is asked for."),
            .required(
                "url", "text", "As in `https://api.example/days/${interval.start}`; what is computed is percent-encoded, unless it is all there is."),
            .optional("headers", "map of texts", "Set in the request's head, as in `{ idempotency-key: \"${task.key}\" }`."),
            .optional("body", "text", "What is sent."),
            .optional("json", "value", "What is sent as JSON instead; a text that is one `${…}` has its type."),
        ])

    private static func read(_ value: LocatedNode, _ task: inout TaskReader) -> HTTPWork? {
        let errors = task.errors
        let before = errors.count
        let request = request(value, &task)
        let secretHeaders = secretHeaders(&task, beside: request?.headers ?? [:])
        let expected = task.codes("expect", in: 100...599)
        let retryCodes = task.map.has("retry_codes") ? task.codes("retry_codes", in: 100...599) : standardRetryCodes.subtracting(expected)
        if let both = expected.intersection(retryCodes).min() {
            errors.add(
                .conflict, at: task.map.keyPlace("retry_codes"),
                "the status \(both) of \(task.title) cannot mean both success and to try again", found: "\(both)")
        }
        let results = task.outputs()
        for result in results {
            guard result.name == "status" || result.type == .file else { continue }
            errors.add(
                .wrongValue, at: task.map.keyPlace("outputs"),
                result.name == "status"
                    ? "'status' cannot be declared as an output of \(task.title), which gives the answer's status by this name"
                    : "the output '\(result.name)' of \(task.title) cannot be a file: it is read from JSON",
                found: result.name)
        }
        let follows = task.map.bool("follow")?.value ?? false
        var answerLimit = standardAnswerLimit
        if let node = task.map.node("answer_limit"), let size = task.values("answer_limit").size(node) {
            answerLimit = size.value
            if !answerLimits.contains(size.value) {
                errors.add(
                    .tooLarge, at: size.place, "\(task.subject("answer_limit")) is \(size.value) bytes; it may be \(answerLimits.upperBound)",
                    hint: "let a program fetch what is large: run: [curl, …]")
            }
        }
        guard let request, errors.count == before else { return nil }
        return HTTPWork(
            method: request.method, address: request.address, headers: request.headers, secretHeaders: secretHeaders, body: request.body,
            expected: expected,
            retryCodes: retryCodes, results: results, follows: follows, answerLimit: answerLimit)
    }

    private static func secretHeaders(_ task: inout TaskReader, beside headers: [String: TaskText]) -> [String: SecretHeader] {
        let errors = task.errors
        guard let node = task.map.node("secrets") else { return [:] }
        var result: [String: SecretHeader] = [:]
        for entry in task.entries(node, key: "secrets", limit: PipelineLimits.secrets) {
            let subject = "the header '\(entry.key.shortened(to: 60))' in \(task.subject("secrets"))"
            let name = entry.key.lowercased()
            if let problem = HTTPHeader.problem(ofName: entry.key) {
                errors.add(.wrongValue, at: entry.keyPlace, "\(subject) \(problem)", found: entry.key.shortened(to: 60))
                continue
            }
            guard headers[name] == nil, result[name] == nil else {
                errors.add(.conflict, at: entry.keyPlace, "\(subject) is given twice", found: entry.key, hint: "keep one of them")
                continue
            }
            guard let text = NodeValues(errors, subject).text(entry.value) else { continue }
            let words = text.value.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if words.count == 2, HTTPHeader.problem(ofName: words[0]) != nil {
                errors.add(
                    .wrongValue, at: text.place, "'\(words[0].shortened(to: 60))' before the name of a secret in \(subject) is no word",
                    found: text.value.shortened(to: 60), hint: "write: Bearer NAME, or the name alone")
                continue
            }
            let secret = SecretName.check(Located(words[words.count - 1], text.place), errors)
            result[name] = secret.map { SecretHeader(scheme: words.count == 2 ? words[0] : nil, secret: $0) }
        }
        return result
    }

    private typealias Request = (method: HTTPRequest.Method, address: TaskAddress, headers: [String: TaskText], body: Body)

    private static func request(_ value: LocatedNode, _ task: inout TaskReader) -> Request? {
        let errors = task.errors
        let title = "the request of \(task.title)"
        guard var map = MapReader(value, requestKeys, title: title, errors: errors) else { return nil }
        let method = map.choice("method", HTTPRequest.Method.self)?.value ?? .get
        let address = map.required("url").flatMap { task.address($0, "'url' of \(title)") }
        var headers: [String: TaskText] = [:]
        if let node = map.node("headers") {
            for entry in task.entries(node, key: "headers") {
                let subject = "the header '\(entry.key.shortened(to: 60))' of \(title)"
                if let problem = HTTPHeader.problem(ofName: entry.key) {
                    errors.add(.wrongValue, at: entry.keyPlace, "\(subject) \(problem)", found: entry.key.shortened(to: 60))
                } else if headers[entry.key.lowercased()] != nil {
                    errors.add(.conflict, at: entry.keyPlace, "\(subject) is given twice", found: entry.key)
                } else if let text = task.text(entry.value, subject) {
                    for case .literal(let part) in text.pieces {
                        guard let problem = HTTPHeader.problem(ofValue: part) else { continue }
                        errors.add(.wrongValue, at: entry.value.place, "\(subject) \(problem)")
                    }
                    headers[entry.key.lowercased()] = text
                }
            }
        }
        let text = map.node("body").flatMap { task.text($0, "'body' of \(title)") }
        let json = map.node("json").flatMap { task.json($0, "'json' of \(title)") }
        let written = ["body", "json"].filter { map.has($0) }
        if written.count == 2 {
            errors.add(.conflict, at: map.keyPlace("json"), "\(title) has 'body' and 'json'; one of them is sent", hint: "remove one")
        }
        if let key = written.first, !method.takesBody {
            errors.add(
                .conflict, at: map.keyPlace(key), "\(title) has '\(key)', and a \(method.rawValue) sends none", found: key,
                hint: "method: POST")
        }
        map.finish()
        guard let address else { return nil }
        return (method, address, headers, json.map { .json($0) } ?? text.map { .text($0) } ?? .nothing)
    }
}
