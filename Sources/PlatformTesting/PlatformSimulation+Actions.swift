import MartletAccess
import MartletBytes
import MartletFrames
import MartletIngestion
import MartletPlatform
import MartletRegistry
import MartletSimulation

extension PlatformSimulation {
    /// One random operation.
    func act() async throws {
        let choice = Int.random(in: 0..<32, using: &random)
        guard let variant = model.variant, choice > 2 else { return try await apply() }
        // The way to predictions is not left to chance alone.
        if model.champion == nil, Bool.random(using: &random) {
            return try await model.versions.isEmpty ? registerModel(variant) : promote(model.versions.count)
        }
        switch choice {
        case 3...12: try await ingest(variant)
        case 13...19: try await predict()
        case 20, 21: try await takeOutcome()
        case 22, 23: try await registerModel(variant)
        case 24, 25:
            guard !model.versions.isEmpty else { return try await registerModel(variant) }
            try await promote(Int.random(in: 1...model.versions.count, using: &random))
        case 26: try await rollback()
        case 27: try await replayDeadLetters(variant)
        case 28: try await createToken()
        case 29: try await check()
        case 30:
            let used = disk.contents().values.reduce(0) { $0 + $1.count }
            disk.setCapacity(used + Int.random(in: 0..<20_000, using: &random))
        default: _ = try await attempt("maintenance", [model]) { try await $0.maintain() }
        }
    }

    // MARK: - Definitions, models, releases

    private func apply() async throws {
        let variant = Int.random(in: 0..<SimulatedProject.variants, using: &random)
        try SimulatedProject.write(variant, to: projectFiles)
        var after = model
        if model.variant != variant {
            after.release(.init(action: "apply", variant: variant, champion: model.champion))
        }
        let release = try await attempt("apply", [after]) {
            try await $0.apply(reason: nil, requestID: nil, scope: self.scope(.definitionsApply)).release
        }
        if case .some(let release?) = release, release.number != after.releases.count {
            throw failure("apply made release \(release.number), not \(after.releases.count)")
        }
    }

    private func registerModel(_ variant: Int) async throws {
        var after = model
        after.versions.append(variant)
        after.audit.append("model.register")
        let version = try await attempt("registering", [after]) { try self.register(variant, $0) }
        if let version, version.number != after.versions.count {
            throw failure("version \(version.number) was registered, not \(after.versions.count)")
        }
    }

    /// Seals and registers a fixed model, as a training does at its end.
    func register(_ variant: Int, _ platform: Platform) throws -> ModelVersion {
        let files = try SimulatedProject.model(variant: variant, number: Int.random(in: 0..<28, using: &random))
        let run = Run(
            id: fresh("run"), model: "risk", started: clock.now(), definition: "simulated", actor: "simulation", parameters: "{}")
        try platform.begin(run)
        var lineage = ModelManifest.Lineage()
        lineage.definitions = [
            Platform.sourceKey: try platform.releaseList(limit: 1, scope: scope(.definitionsRead)).first?.source ?? ""
        ]
        lineage.seed = nextNumber
        let manifest = ModelManifest(
            model: "risk", task: "binary", label: "is_bad",
            features: SimulatedProject.featureNames(variant).map { .init(name: $0, hash: "simulated") },
            semanticsVersion: Martlet.semanticsVersion, lineage: lineage)
        return try platform.register(
            manifest, files: [ModelPackage.modelName: files.model, ModelPackage.encoderName: files.encoder], trainedBy: run,
            requestID: nil, scope: scope(.modelsTrain, .model, "risk"))
    }

    func promote(_ number: Int) async throws {
        var after = model
        let isNew = model.champion != number
        if isNew { after.release(.init(action: "promote", variant: model.variant ?? 0, champion: number)) }
        _ = try await attempt("promoting", [after], refusal: { !isNew && ($0 as? PlatformError)?.code == .conflict }) {
            try await $0.promote(
                "risk", version: number, reason: nil, requestID: nil, scope: self.scope(.modelsPromote, .model, "risk"))
        }
    }

    private func rollback() async throws {
        var after = model
        let release = model.rollback
        if let release { after.release(release) }
        _ = try await attempt("rolling back", [after], refusal: { _ in release == nil }) {
            try await $0.rollback(reason: nil, requestID: nil, scope: self.scope(.modelsPromote))
        }
    }

    private func createToken() async throws {
        let name = fresh("t")
        var after = model
        after.tokens.append(name)
        after.audit.append("token.create")
        _ = try await attempt("making a token", [after]) {
            try $0.createToken(name: name, role: .viewer, expires: nil, requestID: nil, scope: self.scope(.tokensManage, .server))
        }
    }

    // MARK: - Events

    private func ingest(_ variant: Int) async throws {
        var rows = lostRows
        if rows.isEmpty || Bool.random(using: &random) {
            let stream = Bool.random(using: &random) ? "orders" : "visits"
            rows = (0..<Int.random(in: 1...8, using: &random)).map { _ in draw(stream) }
        }
        lostRows = []
        var after = model
        let (expected, halfway) = after.admit(rows, variant: variant)
        let answer = try await attempt("ingesting", [halfway, after]) { try await self.send(rows, $0) }
        guard let answer else {
            lostRows = rows
            return
        }
        guard answer == expected else { throw failure("ingesting \(rows.map(\.id)) was answered \(answer), not \(expected)") }
    }

    /// A new row, one that is known, one that contradicts a known one, or one that breaks the contract.
    private func draw(_ stream: String) -> PlatformModel.Row {
        let known = model.records.compactMap { record in
            if case .event(let row) = record, row.stream == stream { row } else { nil }
        }
        let choice = Int.random(in: 0..<12, using: &random)
        if choice < 3, !known.isEmpty {
            var row = known[Int.random(in: 0..<known.count, using: &random)]
            if choice == 2 { row.time -= 1_000_000 }
            return row
        }
        let isOrder = stream == "orders"
        var row = PlatformModel.Row(
            stream: stream, id: fresh("o"), entity: (isOrder ? "c" : "p") + "\(Int.random(in: 0..<Self.customers, using: &random))",
            amount: isOrder ? Double(Int.random(in: 0..<400, using: &random)) / 4 : nil,
            time: clock.now().microseconds - Int64.random(in: 0...90_000, using: &random) * 1_000_000)
        if isOrder, choice == 3 { row.amount = nil }
        if isOrder, choice == 4 { row.amount = -10 }
        return row
    }

    /// Sends rows as one batch; the answer.
    func send(_ rows: [PlatformModel.Row], _ platform: Platform) async throws -> PlatformModel.Report {
        let lines = rows.map { row in
            let text = Self.object(row).description
            rowsByText[text] = row
            return text
        }
        var pieces = [Array(lines.joined(separator: "\n").utf8)][...]
        let stream = rows.first?.stream ?? "orders"
        let report = try await platform.ingest(
            into: stream, options: IngestOptions(format: .ndjson, isHistory: false, source: "simulation", isOnePiece: true),
            scope: scope(.eventsWrite, .stream, stream), next: { pieces.popFirst() })
        return PlatformModel.Report(accepted: report.accepted, duplicates: report.duplicates, rejected: report.rejected)
    }

    private static func object(_ row: PlatformModel.Row) -> JSONValue {
        var object = JSONObject()
        object["id"] = .string(row.id)
        object["at"] = .string("\(Timestamp(microseconds: row.time))")
        object[row.stream == "orders" ? "customer" : "page"] = .string(row.entity)
        if let amount = row.amount { object["amount"] = .float64(amount) }
        return .object(object)
    }

    private func replayDeadLetters(_ variant: Int) async throws {
        let orders = model.letters.filter { $0.stream == "orders" }
        var after = model
        let (expected, appended) = after.admit(orders, variant: variant)
        let keptAnew = after
        var remaining = orders[...]
        // Those that failed again were kept anew, behind all others.
        after.letters = []
        for row in keptAnew.letters {
            if row.stream == "orders", let first = remaining.first, first == row {
                remaining = remaining.dropFirst()
            } else {
                after.letters.append(row)
            }
        }
        let answer = try await attempt("replaying dead letters", [appended, keptAnew, after]) {
            try await $0.replayDeadLetters(of: "orders", requestID: nil, scope: self.scope(.deadLettersReplay, .stream, "orders"))
        }
        guard let answer else { return }
        let found = PlatformModel.Report(accepted: answer.accepted, duplicates: answer.duplicates, rejected: answer.rejected)
        guard found == expected else { throw failure("a replay of dead letters was answered \(found), not \(expected)") }
    }

    /// Sends a few outcomes together, often several of one order.
    private func takeOutcome() async throws {
        let orders = model.events.values.filter { $0.row.stream == "orders" }.map(\.row.id).sorted()
        guard !orders.isEmpty else { return }
        let items = (0..<Int.random(in: 1...5, using: &random)).map { _ in
            (id: orders[Int.random(in: 0..<min(orders.count, 4), using: &random)], label: Bool.random(using: &random))
        }
        // Of each order one outcome is decided at a time, together with those of the others.
        var after = model
        var states: [PlatformModel] = []
        var accepted: Int64 = 0
        var left = items
        while !left.isEmpty {
            var seen: Set<String> = []
            var rest: [(id: String, label: Bool)] = []
            for item in left {
                if seen.insert(item.id).inserted { accepted += after.label(item.id, item.label) ? 1 : 0 } else { rest.append(item) }
            }
            states.append(after)
            left = rest
        }
        let answer = try await attempt("outcomes", states) {
            try await $0.takeOutcomes(
                .array(items.map { ["stream": "orders", "unique": .string($0.id), "label": .bool($0.label)] }),
                scope: self.scope(.outcomesWrite))
        }
        guard let answer else { return }
        guard answer["accepted"]?.int64 == accepted, answer["duplicates"]?.int64 == Int64(items.count) - accepted,
            answer["rejected"]?.array?.isEmpty == true
        else { throw failure("the outcomes \(items) were answered \(answer), where \(accepted) are news") }
    }

    // MARK: - Predictions

    private func predict() async throws {
        var row = draw("orders")
        row.amount = abs(row.amount ?? 3)
        let appends = Bool.random(using: &random)
        let isKeyed = appends || Bool.random(using: &random)
        var inputs = Self.object(row).object ?? JSONObject()
        if !isKeyed { inputs["id"] = nil }
        let body: JSONValue = ["inputs": .object(inputs), "append": .bool(appends)]

        var after = model
        let champion = model.champion
        var isConflict = false
        if champion != nil {
            isConflict = appends && after.append(row) == .conflict
            if !isConflict { after.records.append(.prediction(nil)) }
        }
        let states = champion == nil || isConflict ? [model] : [after]
        let scope = try scope(.predict, .endpoint, "risk")
        let answer: JSONValue? = try await attempt(
            "predicting", states, refusal: { error in
                let code = (error as? PlatformError)?.code
                return (champion == nil && code == .unavailable) || (isConflict && code == .conflict)
            }
        ) { platform in
            let answer: PredictionAnswer = try await withCheckedThrowingContinuation { continuation in
                platform.predict("risk", [PredictionCall(body: body.serialized(), scope: scope)]) { results in
                    for (_, result) in results { continuation.resume(with: result) }
                }
            }
            return try JSONValue(parsing: answer.body, lengthLimit: 1 << 20)
        }
        guard let answer else { return }
        guard let champion, !isConflict, let id = answer["prediction_id"]?.string, let output = answer["output"]?.double,
            answer["version"]?.int64 == Int64(champion)
        else { throw failure("a prediction was answered \(answer), where version \(champion ?? 0) is in force") }
        candidates[0].records[candidates[0].records.count - 1] = .prediction(id)
        candidates[0].predictions[id] = .init(version: champion, output: output, row: row, isKeyed: isKeyed)
    }
}
