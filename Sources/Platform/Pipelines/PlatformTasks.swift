import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFeatureStore
import MartletFrames
import MartletIngestion
import MartletPipelines
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStorage
import MartletTraining
import MartletWorld
import Synchronization

extension TrainWork: PlatformTask {
    /// A body that runs again after a crash finds the version that it registered.
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        try await train(context, on: platform, effectKey: context.start.effectKey)
    }

    /// - Parameter effectKey: nil to train each time that it is asked for.
    func train(_ context: TaskContext, on platform: Platform, effectKey: String?) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .modelsTrain, on: platform.resource(.model, model))
        let emphasis = TrainingEmphasis(recent: try span(recent, "recent", context), halfLife: try span(halfLife, "half_life", context))
        let report = try await platform.train(model, emphasis: emphasis, effectKey: effectKey, requestID: context.start.address.description, scope: scope)
        context.log.write(report.json.description + "\n")
        platform.noteStreams(of: model, cut: report.cut, context)
        context.read(.dataset, model, version: report.dataset, rows: report.trainRows + report.testRows)
        if let version = report.version { context.made(.model, model, version: "\(version)") }
        guard report.passed, let version = report.version else {
            let failed = report.gates.filter { !$0.passed }.map(\.gate)
            throw TaskFailure(reason: "the model does not pass its gates: " + failed.joined(separator: "; "))
        }
        var result: [String: TaskValue] = ["version": .scalar(.int64(Int64(version))), "run": .scalar(.string(report.run))]
        for metric in report.metrics where result[metric.name] == nil {
            result[metric.name] = .scalar(metric.value.map(Value.float64) ?? .missing)
        }
        return result
    }
}

extension TrainWork {
    private func span(_ text: TaskText?, _ key: String, _ context: TaskContext) throws -> Timestamp.Span? {
        guard let written = try text?.render(in: context.scope) else { return nil }
        guard let span = Timestamp.Span(written), span > .zero else {
            throw TaskFailure(reason: "'\(key)' is '\(written.prefix(60))' and should be a span of time, as in 30d")
        }
        return span
    }
}

extension EvaluateWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .modelsRead, on: platform.resource(.model, model))
        let report = try await platform.evaluate(model, version: number(in: context.scope, on: platform), scope: scope)
        context.log.write(report.json.description + "\n")
        var result: [String: TaskValue] = [
            "version": .scalar(.int64(Int64(report.version))), "rows": .scalar(.int64(Int64(report.rows))),
        ]
        for metric in report.metrics where result[metric.name] == nil {
            result[metric.name] = .scalar(metric.value.map(Value.float64) ?? .missing)
        }
        return result
    }

    private func number(in scope: TaskScope, on platform: Platform) throws -> Int {
        switch version {
        case .newest:
            if let newest = try platform.newestVersion(of: model) { return newest }
            throw TaskFailure(reason: "model '\(model)' has no version yet")
        case .alias(let alias):
            if let named = platform.inForce.release?.version(of: model, alias: alias) { return named }
            throw TaskFailure(reason: "no version of model '\(model)' is behind '\(alias)'")
        case .number(let number):
            guard case .int64(let value) = try number.value(in: scope) else { throw TaskFailure(reason: "the version is no number") }
            return Int(clamping: value)
        }
    }
}

extension PromoteWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .modelsPromote, on: platform.resource(.model, model))
        var number: Int?
        if case .int64(let value)? = try version?.value(in: context.scope) { number = Int(clamping: value) }
        let chosen = try number ?? platform.newestVersion(of: model)
        if let chosen { context.read(.model, model, version: "\(chosen)") }
        // A body that runs again finds its own work done.
        if let current = platform.inForce.release, let chosen, current.version(of: model, alias: alias) == chosen {
            noteEndpoints(release: current.number, on: platform, context)
            context.log.write("\(model)@\(alias) is version \(chosen) already, in release \(current.number)\n")
            return result(release: current.number, version: chosen, rollout: nil)
        }
        if let trial = platform.trialEndpoint(of: model, alias: alias)?.trial, !isAtOnce {
            guard trial.rollout.challenger == chosen else {
                // The rollout under way has the endpoint's traffic until it ends; the new version stays registered.
                throw TaskSkip(
                    reason: "version \(trial.rollout.challenger) is being tried at endpoint '\(trial.rollout.endpoint)' since \(trial.rollout.started)")
            }
            return result(release: platform.inForce.release?.number ?? 0, version: chosen ?? 0, rollout: trial.rollout.id)
        }
        let promotion = try await platform.promote(
            model, version: chosen, alias: alias, atOnce: isAtOnce,
            reason: "pipeline \(context.start.facts.pipeline), run \(context.start.facts.id)",
            requestID: context.start.address.description, scope: scope)
        let release = promotion.release
        if let rollout = promotion.rollout {
            context.log.write("\(model): version \(rollout.challenger) is being tried at endpoint '\(rollout.endpoint)', rollout \(rollout.id)\n")
            context.made(.endpoint, rollout.endpoint, version: "\(release.number)")
            return result(release: release.number, version: rollout.challenger, rollout: rollout.id)
        }
        let promoted = release.version(of: model, alias: alias) ?? 0
        noteEndpoints(release: release.number, on: platform, context)
        context.log.write("\(model)@\(alias) is version \(promoted), in release \(release.number)\n")
        return result(release: release.number, version: promoted, rollout: nil)
    }

    private func result(release: Int, version: Int, rollout: String?) -> [String: TaskValue] {
        [
            "release": .scalar(.int64(Int64(release))), "version": .scalar(.int64(Int64(version))),
            "rollout": .scalar(rollout.map(Value.string) ?? .missing),
        ]
    }

    /// Notes the endpoints that answer with the version from now on.
    private func noteEndpoints(release number: Int, on platform: Platform, _ context: TaskContext) {
        for endpoint in platform.inForce.project?.endpoints ?? [] where endpoint.model == .init(model: model, version: .alias(alias)) {
            context.made(.endpoint, endpoint.name, version: "\(number)")
        }
    }
}

extension IngestWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .eventsWrite, on: platform.resource(.stream, stream))
        let path = try file.render(in: context.scope)
        let input = try platform.projectFile(path)
        let options = IngestOptions(format: try input.format(named: path), isHistory: !isLive, source: path)
        let report = try await platform.ingest(
            into: stream, options: options, requestID: context.start.address.description, scope: scope, next: { try input.next() })
        context.read(.file, path, version: input.hashOfAll)
        context.made(.stream, stream, version: "\(report.position)", rows: report.accepted)
        context.log.write("\(stream): \(report.accepted) stored, \(report.duplicates) there already, \(report.rejected) rejected\n")
        for line in report.firstRejected { context.log.write("  \(line)\n") }
        return [
            "accepted": .scalar(.int64(Int64(report.accepted))), "duplicates": .scalar(.int64(Int64(report.duplicates))),
            "rejected": .scalar(.int64(Int64(report.rejected))),
        ]
    }
}

extension DatasetWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .datasetsBuild, on: .project(platform.project))
        let path = try to?.render(in: context.scope)
        let target = try platform.taskFile(path, for: context)
        let answer = try await platform.dataset(model, scope: scope) { try target.write($0) }
        let file = try platform.keep(target, atProjectPath: path)
        let train = answer["rows"]?["train"]?.int64 ?? 0
        let test = answer["rows"]?["test"]?.int64 ?? 0
        platform.noteStreams(of: model, cut: answer["cut"]?.int64 ?? 0, context)
        context.made(.dataset, model, version: answer["hash"]?.string, rows: Int(train + test))
        if let path { context.made(file: path, file) }
        context.log.write("\(model): \(train) rows to train, \(test) to test\n")
        return [
            "file": file, "rows": .scalar(.int64(train + test)), "train": .scalar(.int64(train)), "test": .scalar(.int64(test)),
        ]
    }
}

extension PredictWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .predict, on: platform.resource(.endpoint, endpoint))
        let path = try file.render(in: context.scope)
        let input = try platform.projectFile(path)
        let answers = try to.render(in: context.scope)
        let target = try platform.taskFile(answers, for: context)
        let report = try await platform.predictBatch(
            endpoint, format: try input.format(named: path), scope: scope, next: { try input.next() }, write: { try target.write($0) })
        let file = try platform.keep(target, atProjectPath: answers)
        context.read(.file, path, version: input.hashOfAll)
        platform.noteEndpoint(endpoint, context)
        context.made(file: answers, file, rows: report.predictions)
        context.log.write("\(endpoint): \(report.predictions) answered, \(report.degraded) degraded, \(report.rejected) rejected\n")
        return [
            "file": file, "rows": .scalar(.int64(Int64(report.predictions))), "degraded": .scalar(.int64(Int64(report.degraded))),
            "rejected": .scalar(.int64(Int64(report.rejected))),
        ]
    }
}

extension CheckWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        if let failure = failure(in: context.scope) { throw TaskFailure(reason: failure) }
        for condition in conditions { context.log.write("holds: \(condition.canonicalText)\n") }
        return [:]
    }
}

extension SmokeWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .predict, on: platform.resource(.endpoint, endpoint))
        var fields = JSONObject()
        for (name, value) in inputs.sorted(by: { $0.key < $1.key }) { fields[name] = JSONValue(value) }
        let body = JSONValue.object([("inputs", .object(fields))]).serialized()
        platform.noteEndpoint(endpoint, context)
        let clock = platform.world.clock
        let began = clock.monotonicNanoseconds()
        let answer = try await platform.predict(endpoint, body, scope: scope)
        let milliseconds = Double(clock.monotonicNanoseconds() - began) / 1e6
        context.log.write(String(decoding: answer, as: UTF8.self) + "\n")
        let json = try JSONValue(parsing: answer, lengthLimit: max(1, answer.count))
        guard json["degraded"]?.bool != true else {
            throw TaskFailure(reason: "endpoint '\(endpoint)' answers degraded", isRetryable: true)
        }
        var seen: [String: Value] = [
            "latency_ms": .float64(milliseconds), "version": json["version"]?.int64.map(Value.int64) ?? .missing,
        ]
        if answersLabels {
            let likeliest = json["output"]?.object?.members.max { ($0.value.double ?? 0) < ($1.value.double ?? 0) }
            seen["label"] = likeliest.map { .string($0.key) } ?? .missing
        } else {
            seen["output"] = json["output"]?.double.map(Value.float64) ?? .missing
        }
        if let expectation {
            var scope = context.scope
            for (name, value) in seen { scope[name] = value }
            guard try expectation.holds(in: scope) else {
                let values = seen.sorted { $0.key < $1.key }.map { "\($0.key) is \($0.value)" }.joined(separator: ", ")
                throw TaskFailure(reason: "'\(expectation.canonicalText)' does not hold: \(values)", isRetryable: true)
            }
        }
        return seen.mapValues { .scalar($0) }
    }
}

extension Platform {
    /// Notes that the streams were read from which the rows and features of a model come.
    fileprivate func noteStreams(of name: String, cut: Int64, _ context: TaskContext) {
        guard let project = inForce.project, let model = project.model(name) else { return }
        var views = Set(model.views.map(\.view))
        for view in views { views.formUnion(project.view(view)?.features.flatMap(\.views) ?? []) }
        var streams = Set(views.compactMap { project.view($0)?.source })
        streams.insert(model.source)
        if case .stated(_, let test) = model.split { streams.insert(test.stream) }
        for stream in streams.sorted() { context.read(.stream, stream, version: "\(cut)") }
    }

    /// Notes that an endpoint was asked, and the version of the model behind it.
    fileprivate func noteEndpoint(_ name: String, _ context: TaskContext) {
        context.read(.endpoint, name, version: inForce.release.map { "\($0.number)" })
        if let version = inForce.endpoints[name]?.model?.version { context.read(.model, version.model, version: "\(version.number)") }
    }

    func newestVersion(of model: String) throws -> Int? {
        try database.read { try versions.newest(model, $0) }
    }

    /// Asks an endpoint once, as any caller would.
    func predict(_ endpoint: String, _ body: [UInt8], scope: Scope) async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            predict(endpoint, [PredictionCall(body: body, scope: scope)]) { answers in
                for answer in answers { continuation.resume(with: answer.result.map(\.body)) }
            }
        }
    }
}
