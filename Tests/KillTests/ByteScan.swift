import Foundation

/// Identifiers of persons that no other text or number is likely to contain, in every form in which bytes could hold them.
enum ByteScan {
    static func name(_ number: Int) -> String { "zeltinger-quux-\(1_000 + number)" }

    static func account(_ number: Int) -> Int64 { 7_349_182_650_123_400_000 + Int64(number) * 7_919 }

    /// The value of a secret.
    static let secret = name(95)

    private static let texts = ["zeltinger", "quux", "73491826501", Data(secret.utf8).base64EncodedString()].map { Data($0.utf8) }

    /// What of the identifiers a stretch of bytes contains.
    static func findings(in bytes: Data, accounts: Int = 100) -> [String] {
        var found = texts.filter { bytes.range(of: $0) != nil }.map { String(decoding: $0, as: UTF8.self) }
        for number in 0..<accounts {
            let account = account(number)
            let little = withUnsafeBytes(of: account.littleEndian) { Data($0) }
            let big = withUnsafeBytes(of: account.bigEndian) { Data($0) }
            if bytes.range(of: little) != nil { found.append("\(account), low bytes first") }
            if bytes.range(of: big) != nil { found.append("\(account), high bytes first") }
        }
        return found
    }

    /// What every file below a folder contains, and of how many files.
    static func findings(below folder: String) throws -> (found: [String], files: [String]) {
        var found: [String] = []
        var files: [String] = []
        let names = FileManager.default.enumerator(atPath: folder)
        while let name = names?.nextObject() as? String {
            let path = folder + "/" + name
            guard try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeRegular else { continue }
            files.append(name)
            found += findings(in: try Data(contentsOf: URL(fileURLWithPath: path))).map { "\(name): \($0)" }
        }
        return (found, files)
    }
}

/// A project whose stream identifies persons by a text and by a number, taken through all that stores something.
final class ByteScanProject {
    let folder: TemporaryFolder
    private let command: CommandUnderTest
    private let token: String
    private let errors: FileHandle
    private var printed = Data()

    init(_ command: CommandUnderTest) throws {
        self.command = command
        folder = try TemporaryFolder("scan")
        try folder.write("project: scan\n", to: "martlet.yaml")
        try folder.write("""
            stream: visits
            event_time: at
            unique: visit_id
            fields:
              visit_id: string
              at:       timestamp
              person:   { type: string, personal: subject }
              account:  { type: int64, personal: subject }
              amount:   { type: float64, check: "amount >= 0.0" }
              kind:     { type: string, optional: true }
              good:     { type: bool, known_after: 1d, optional: true }

            """, to: "streams/visits.yaml")
        for entity in ["person", "account"] {
            try folder.write("""
                feature_view: \(entity)
                entity: \(entity)
                source: visits
                aggregate:
                  - { function: count, windows: [7d] }
                  - { function: [mean, last], of: amount, windows: [30d] }

                """, to: "features/\(entity).yaml")
        }
        try folder.write("feature_view: request\nsource: visits\nderive:\n  amount: amount\n", to: "features/request.yaml")
        try folder.write("""
            model: good
            task: binary
            from: visits
            label: good
            features: [request.*, person.*, account.*]
            split: { train: 80%, gap: 1d, test: 20% }
            trainer: { kind: xgboost, max_depth: 3, eta: 0.3, rounds: 5, seed: 7 }
            metrics: [average_precision]

            """, to: "models/good.yaml")
        try folder.write("endpoint: good\nmodel: good@champion\n", to: "endpoints/good.yaml")
        try folder.write("""
            pipeline: tells
            tasks:
              tell:
                run: [sh, -c, 'echo "$SECRET"; printf %s "$SECRET" | base64; printf "{\\"it\\": \\"$SECRET\\"}" > "$MARTLET_RESULT"']
                outputs: { it: string }
                secrets: { SECRET: canary }

            """, to: "pipelines/tells.yaml")
        try command.run(["apply"], in: folder.path)
        token = try command.token(for: folder.path)
        // Not below `.martlet`: the user's own files may hold what they like.
        let elsewhere = FileManager.default.temporaryDirectory.appendingPathComponent("scan-\(UUID().uuidString)")
        try Data().write(to: elsewhere)
        errors = try FileHandle(forUpdating: elsewhere)
        try FileManager.default.removeItem(at: elsewhere)
    }

    /// History with broken rows, and a model trained on it.
    func prepare() throws {
        var rows = "visit_id,at,person,account,amount,good\n"
        for number in 0..<400 {
            let time = Date(timeIntervalSinceNow: -3_600 * Double(400 - number)).ISO8601Format()
            rows += "v\(number),\(time),\(ByteScan.name(number % 50)),\(ByteScan.account(number % 50)),\(number % 17),\(number % 3 > 0)\n"
        }
        let now = Date().ISO8601Format()
        rows += "b1,no time,\(ByteScan.name(60)),\(ByteScan.account(60)),4,true\n"
        rows += "b2,\(now),\(ByteScan.name(61)),\(ByteScan.account(61)),-4,true\n"
        rows += "v3,\(now),\(ByteScan.name(62)),\(ByteScan.account(62)),4,true\n"
        rows += "b3,\(now),\"\(ByteScan.name(63)),4,true\n"
        try folder.write(rows, to: "history.csv")
        try command.run(["ingest", "visits", folder.path + "/history.csv"], in: folder.path)
        try command.run(["train", "good"], in: folder.path)
        try command.run(["promote", "good"], in: folder.path)
    }

    func start() throws -> ServerProcess {
        let server = try ServerProcess(command, project: folder.path, errors: errors)
        try server.waitForAddress()
        return server
    }

    func end(_ server: ServerProcess, byKill: Bool) throws {
        if byKill { server.kill() } else if server.terminate() != 0 { throw TestFailure("the server did not end in peace") }
        printed.append(server.printed)
    }

    /// Sends persons' identifiers through every route that takes them, right and wrong; returns how much was stored.
    func send(to server: ServerProcess) throws -> (events: Int, deadLetters: Int, predictions: Int, outcomes: Int) {
        let client = try PlainHTTPClient(port: server.port, token: token)
        func event(_ person: Int, _ id: String, _ changes: [String: Any] = [:]) throws -> String {
            var event: [String: Any] = [
                "visit_id": id, "at": Date().ISO8601Format(), "person": ByteScan.name(person), "account": ByteScan.account(person),
                "amount": 3.5,
            ]
            event.merge(changes) { $1 }
            return String(decoding: try JSONSerialization.data(withJSONObject: event), as: UTF8.self)
        }
        let lines = [
            try event(70, "l1"), try event(71, "l2", ["amount": -1]), try event(72, "l3", ["at": ByteScan.name(72)]),
            try event(73, "l4", ["surplus": ByteScan.name(73)]), try event(74, "l5", [ByteScan.name(74): 1]), try event(75, "v1"),
            "{" + ByteScan.name(76), ByteScan.name(77),
        ]
        let events = try client.ask(
            "POST", "/api/v1/streams/visits/events", Data(lines.joined(separator: "\n").utf8), type: "application/x-ndjson"
        ).object()
        var predictions: [String] = []
        for (index, person) in [1, 2, 80, 81].enumerated() {
            let body = "{\"inputs\":\(try event(person, "p\(index)")),\"append\":\(index % 2 == 0),\"explain\":true}"
            let answer = try client.ask("POST", "/api/v1/endpoints/good/predict", Data(body.utf8))
            guard let id = try answer.object()["prediction_id"] as? String else { throw TestFailure(answer.text) }
            predictions.append(id)
        }
        let wrong = [
            ("/api/v1/endpoints/good/predict", "{\"inputs\":\(try event(82, "w1", ["amount": "NaN"]))}"),
            ("/api/v1/endpoints/good/predict", "{\"inputs\":\(try event(83, "w2")),\"entities\":{\"person\":\"\(ByteScan.name(84))\"}}"),
            ("/api/v1/endpoints/good/predict", "{\"inputs\":{\"\(ByteScan.name(85))\":1}}"),
            ("/api/v1/feature-views/read", "{\"view\":\"person\",\"keys\":[{\"person\":\"\(ByteScan.name(86))\"}]}"),
            ("/api/v1/feature-views/read", "{\"view\":\"account\",\"keys\":[{\"account\":\(ByteScan.account(87))}]}"),
            ("/api/v1/feature-views/read", "{\"view\":\"person\",\"keys\":[{\"\(ByteScan.name(88))\":1}]}"),
        ]
        for (path, body) in wrong { _ = try client.ask("POST", path, Data(body.utf8)) }
        let csv = "\(ByteScan.name(89)),\(ByteScan.account(89))\n\(ByteScan.name(90)),2\n"
        _ = try client.ask("POST", "/api/v1/streams/visits/events", Data(csv.utf8), type: "text/csv")
        let outcomes = try client.ask(
            "POST", "/api/v1/outcomes",
            Data("""
                [{"prediction_id":"\(predictions[0])","label":true},{"stream":"visits","unique":"l1","label":true},
                 {"stream":"visits","unique":"\(ByteScan.name(91))","label":true},{"prediction_id":"\(ByteScan.name(92))","label":true}]
                """.utf8)
        ).object()
        for id in predictions {
            for path in ["", "/explanation", "/replay"] { _ = try client.ask("GET", "/api/v1/predictions/\(id)\(path)") }
        }
        _ = try client.ask("POST", "/api/v1/streams/visits/dead-letters/replay", Data("{}".utf8))
        _ = try client.ask("POST", "/api/v1/datasets", Data("{\"model\":\"good\"}".utf8))
        try tellSecret(client)
        return (
            events["accepted"] as? Int ?? 0, events["rejected"] as? Int ?? 0, predictions.count, outcomes["accepted"] as? Int ?? 0)
    }

    /// Sets a secret, right and wrong, and has a program print it and give it as its result.
    private func tellSecret(_ client: PlainHTTPClient) throws {
        let value = ByteScan.secret
        for body in ["{\"value\":\"\(value)\"}", "{\"\(value)\":1}", "{\"value\":[\"\(value)\"]}", "{\"value\":\"\(value)\\u0000\"}", value] {
            _ = try client.ask("PUT", "/api/v1/secrets/canary", Data(body.utf8))
        }
        let asked = try client.ask("POST", "/api/v1/pipelines/tells/runs", Data("{}".utf8))
        guard let run = try asked.object()["run"] as? String else { throw TestFailure(asked.text) }
        while true {
            let shown = try client.ask("GET", "/api/v1/pipeline-runs/\(run)")
            let state = try shown.object()["state"] as? String
            if state == "queued" || state == "running" { continue }
            guard state == "failed", shown.text.contains("its result holds a secret") else { throw TestFailure(shown.text) }
            break
        }
        let log = try client.ask("GET", "/api/v1/pipeline-runs/\(run)/tasks/tell/log").text
        guard log.hasPrefix("***\n***\n") else { throw TestFailure("the log is: \(log)") }
    }

    /// What the data folder and all that was printed contain.
    func findings() throws -> (found: [String], files: [String]) {
        var result = try ByteScan.findings(below: folder.path + "/.martlet")
        try errors.seek(toOffset: 0)
        let logged = try errors.readToEnd() ?? Data()
        result.found += ByteScan.findings(in: printed + logged).map { "printed: \($0)" }
        return result
    }
}
