import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFrames
import MartletIngestion
import MartletPipelines
import MartletRegistry
import MartletStorage
import MartletWorld
import Synchronization

extension TrainWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .modelsTrain, on: platform.resource(.model, model))
        let report = try await platform.train(model, requestID: context.start.address.description, scope: scope)
        context.log.write(report.json.description + "\n")
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

extension PromoteWork: PlatformTask {
    func perform(_ context: TaskContext, on platform: Platform) async throws -> [String: TaskValue] {
        let scope = try context.scope(to: .modelsPromote, on: platform.resource(.model, model))
        var number: Int?
        if case .int64(let value)? = try version?.value(in: context.scope) { number = Int(clamping: value) }
        let chosen = try number ?? platform.newestVersion(of: model)
        // A body that runs again finds its own work done.
        if let current = platform.inForce.release, let chosen, current.version(of: model, alias: alias) == chosen {
            context.log.write("\(model)@\(alias) is version \(chosen) already, in release \(current.number)\n")
            return ["release": .scalar(.int64(Int64(current.number))), "version": .scalar(.int64(Int64(chosen)))]
        }
        let release = try await platform.promote(
            model, version: chosen, alias: alias, reason: "pipeline \(context.start.facts.pipeline), run \(context.start.facts.id)",
            requestID: context.start.address.description, scope: scope)
        let promoted = release.version(of: model, alias: alias) ?? 0
        context.log.write("\(model)@\(alias) is version \(promoted), in release \(release.number)\n")
        return ["release": .scalar(.int64(Int64(release.number))), "version": .scalar(.int64(Int64(promoted)))]
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
