import MartletAccess
import MartletBytes
import MartletFrames
import MartletGovernance
import MartletPlatform
import MartletSimulation

extension PlatformSimulation {
    /// Compares all that the platform says with what may be true, and takes what is found for true.
    ///
    /// A crash may come while it reads, since SQLite makes its files when it needs them; then nothing is found.
    func check() async throws {
        do { try await compare() } catch let failure as PlatformSimulationFailure { throw failure } catch {
            guard disk.hasCrashed else { throw failure("reading failed without a fault: \(error)") }
            isOver = true
        }
    }

    private func compare() async throws {
        guard let platform else { return }
        let seen = try await observe(platform)
        var differences: [String] = []
        let before = model
        found: do {
            for candidate in candidates {
                guard let difference = seen.difference(from: candidate, sources: &sources) else {
                    candidates = [candidate]
                    break found
                }
                differences.append(difference)
            }
            throw failure("after start \(summary.lives): " + differences.joined(separator: "; or "))
        }
        if model.records != before.records || model.audit != before.audit || model.letters != before.letters {
            summary.foundDone += 1
        }
        let verification = try platform.verifyAudit(scope: scope(.auditRead, .server))
        guard verification.isIntact else { throw failure("the audit log: \(verification)") }
        for _ in 0..<2 { try await checkFeatures(platform) }
        let ids = model.predictions.keys.sorted()
        for _ in 0..<min(3, ids.count) {
            try await checkPrediction(ids[Int.random(in: 0..<ids.count, using: &random)], platform)
        }
    }

    /// Every prediction, every customer, and every model version, which is loaded to be put in force.
    func checkEverything() async throws {
        guard let platform else { return }
        for id in model.predictions.keys.sorted() { try await checkPrediction(id, platform) }
        guard model.variant != nil else { return }
        for customer in 0..<Self.customers { try await checkFeatures(platform, customer: customer) }
        for number in model.versions.indices { try await promote(number + 1) }
        try await check()
    }

    static let customers = 6

    private func checkFeatures(_ platform: Platform, customer: Int? = nil) async throws {
        guard let variant = model.variant else { return }
        let number = customer ?? Int.random(in: 0..<Self.customers, using: &random)
        let time = clock.now().microseconds - Int64.random(in: 0...3_600_000_000, using: &random)
        let answer = try await platform.readFeatures(
            [
                "view": "customer", "keys": [["customer": .string("c\(number)")]],
                "time": .string("\(Timestamp(microseconds: time))"),
            ], scope: scope(.featuresRead, .featureView, "customer"))
        guard let cut = answer["cut"]?.int64, let found = answer["rows"]?.array?.first?["features"] else {
            throw failure("the features of c\(number) cannot be read")
        }
        let isFresh = model.records.dropFirst(Int(cut)).allSatisfy { if case .prediction = $0 { true } else { false } }
        guard cut <= Int64(model.records.count), isFresh else {
            throw failure("features are folded to \(cut) of \(model.records.count) records")
        }
        let expected = model.features(of: "c\(number)", at: time, cut: Int(cut), variant: variant, own: nil)
        for (name, value) in expected.sorted(by: { $0.key < $1.key }) where found[name]?.double != value {
            throw failure(
                "\(name) of c\(number) at \(time) is \(found[name].map { "\($0)" } ?? "absent"), not \(value.map { "\($0)" } ?? "missing")")
        }
    }

    /// An answered prediction is there as it was answered, with the features that the model has, and replays to the bit.
    private func checkPrediction(_ id: String, _ platform: Platform) async throws {
        guard let known = model.predictions[id] else { return }
        let record = try await platform.prediction(id, scope: scope(.predictionsRead, .prediction, id))
        guard record["version"]?.int64 == Int64(known.version), record["output"]?.double == known.output,
            let cut = record["cut"]?.int64, let features = record["features"]
        else { throw failure("prediction \(id) was answered otherwise than it is recorded: \(record)") }
        let variant = model.versions[known.version - 1]
        let expected = model.features(
            of: known.row.entity, at: known.row.time, cut: Int(cut), variant: variant, own: known.isKeyed ? known.row.id : nil)
        for name in SimulatedProject.featureNames(variant) {
            let value = name == "request.amount" ? known.row.amount : expected[String(name.dropFirst("customer.".count))] ?? nil
            guard features[name]?.double == value else {
                throw failure("prediction \(id) was made with \(name) = \(features[name].map { "\($0)" } ?? "none"), not \(value ?? .nan)")
            }
        }
        let replay = try await platform.replay(id, scope: scope(.predictionsRead, .prediction, id))
        guard replay["equal"]?.bool == true else { throw failure("prediction \(id) replays otherwise: \(replay)") }
    }

    /// After a failed sync, nothing more is acknowledged that needs the file.
    func refuseToGoOn(after paths: [String], _ error: any Error) async throws {
        guard let platform else { return }
        for path in paths {
            if path.hasPrefix("log/") || path.hasPrefix("vault/pseudonyms") {
                guard model.variant != nil else { continue }
                // A new customer, so that the vault is written as well.
                let row = PlatformModel.Row(
                    stream: "orders", id: fresh("o"), entity: fresh("x"), amount: 1, time: clock.now().microseconds)
                if (try? await send([row], platform)) != nil {
                    throw failure("an event was acknowledged after the sync of '\(path)' failed (\(error))")
                }
            } else if path.contains(".sqlite") {
                if (try? platform.createToken(
                    name: fresh("t"), role: .viewer, expires: nil, requestID: nil, scope: scope(.tokensManage, .server))) != nil
                {
                    throw failure("a token was acknowledged after the sync of '\(path)' failed (\(error))")
                }
            } else if path.hasPrefix("blobs/") {
                if (try? register(model.variant ?? 0, platform)) != nil {
                    throw failure("a model was acknowledged after the sync of '\(path)' failed (\(error))")
                }
            }
        }
    }

    func fresh(_ prefix: String) -> String {
        nextNumber += 1
        return "\(prefix)\(nextNumber)"
    }
}
