import MartletAccess
import MartletBytes
import MartletFrames
import MartletPlatform
import Testing

@Suite("Evaluation of model versions")
struct EvaluationTests {
    private let runs = PipelineTests()

    /// What a task gave in its first instance.
    private func result(_ run: JSONValue, _ task: String) -> JSONObject {
        let instance = run["tasks"]?.array?.first { $0["task"]?.string == task }?["instances"]?.array?.first
        return instance?["result"]?.object ?? JSONObject()
    }

    private func reason(_ run: JSONValue, _ task: String) -> String {
        run["tasks"]?.array?.first { $0["task"]?.string == task }?["instances"]?.array?.first?["reason"]?.string ?? ""
    }

    @Test("a version measured again has its training's metrics in every bit, also under a definition with other features")
    func bitForBit() async throws {
        let pipelines = """
            pipeline: first
            tasks:
              train: { train: fraud }
              again: { evaluate: fraud, version: "${tasks.train.version}", after: train }
              gate: { check: ["tasks.again.roc_auc >= 0.5", "tasks.again.roc_auc < 0.5"], after: again, allow_failure: true }
              deploy: { promote: fraud, after: gate, trigger_rule: all_done }
              named: { evaluate: fraud, version: champion, after: deploy }
              nobody: { evaluate: fraud, version: challenger, after: deploy, allow_failure: true }
              beyond: { evaluate: fraud, version: 7, after: deploy, allow_failure: true }
            ---
            pipeline: later
            tasks: { newest: { evaluate: fraud } }
            """
        var files = FraudProject.files
        files["pipelines/all.yaml"] = pipelines
        let fixture = try await PlatformFixture(files: files)
        try await fixture.apply()
        // All labels are known, so that no row becomes one between training and measuring.
        _ = try await fixture.ingest(FraudProject.history(age: .days(8)), into: "transactions")
        try await fixture.platform.startPipelines(schedules: false)
        let done = try await runs.run("first", on: fixture)
        #expect(done["state"]?.string == "succeeded", "\(done)")
        let trained = result(done, "train")
        #expect(trained["roc_auc"]?.double ?? 0 > 0.5)
        for task in ["again", "named"] {
            let measured = result(done, task)
            for metric in ["average_precision", "roc_auc", "precision_at_10"] {
                #expect(measured[metric]?.double?.bitPattern == trained[metric]?.double?.bitPattern, "\(task) \(metric)")
                #expect(measured[metric]?.double != nil, "\(metric): \(measured.keys)")
            }
            #expect(measured["version"]?.int64 == 1)
            #expect(measured["rows"]?.int64 ?? 0 > 1_000)
        }
        #expect(reason(done, "gate").contains("'tasks.again.roc_auc < 0.5' does not hold"))
        #expect(reason(done, "nobody") == "no version of model 'fraud' is behind 'challenger'")
        #expect(reason(done, "beyond").contains("7"))

        // Other features in force, the same rows: the version is measured by its own.
        let model = try #require(FraudProject.files["models/fraud.yaml"])
        try fixture.write(model.replacing(", terminal.*]", with: "]"), to: "models/fraud.yaml")
        try await fixture.apply()
        let later = try await runs.run("later", on: fixture)
        #expect(result(later, "newest")["roc_auc"]?.double?.bitPattern == trained["roc_auc"]?.double?.bitPattern, "\(later)")

        // Other rows: it is measured on them.
        let more = String(FraudProject.history(days: 3, seed: 4, age: .days(8)).dropLast()).replacing("\n", with: "\nnew-") + "\n"
        _ = try await fixture.ingest(more, into: "transactions")
        let last = try await runs.run("later", on: fixture)
        #expect(result(last, "newest")["rows"]?.int64 != result(later, "newest")["rows"]?.int64)
        #expect(result(last, "newest")["roc_auc"]?.double != trained["roc_auc"]?.double)
        try await fixture.platform.close()
    }

    @Test("a version that knows other labels than the rows have is refused, by an evaluation and by a gate against it")
    func otherLabels() async throws {
        let fixture = try await PlatformFixture(files: [
            "martlet.yaml": "project: works\n",
            "streams/s.yaml": "stream: s\nevent_time: at\nunique: id\nfields: { id: string, at: timestamp, x: float64, kind: string }\n",
            "features/v.yaml": "feature_view: v\nsource: s\nderive: { x: x }\n",
            "models/m.yaml": """
            model: m
            task: multiclass
            from: s
            label: kind
            features: [v.*]
            split: { train: 50%, test: 50% }
            trainer: { kind: xgboost, rounds: 2, max_depth: 2, seed: 1 }
            metrics: [accuracy, log_loss]
            gates: "accuracy >= champion.accuracy"
            """,
            "pipelines/p.yaml": """
            pipeline: p
            tasks: { one: { train: m }, two: { promote: m, after: one } }
            ---
            pipeline: q
            tasks: { measure: { evaluate: m, allow_failure: true }, train: { train: m, allow_failure: true } }
            """,
        ])
        func rows(_ numbers: Range<Int>, _ kinds: [String]) -> String {
            "id,at,x,kind\n" + numbers.map { "\($0),2024-01-01T00:00:\($0 < 10 ? "0" : "")\($0)Z,\($0 % 5).5,\(kinds[$0 % kinds.count])\n" }.joined()
        }
        try await fixture.apply()
        _ = try await fixture.ingest(rows(0..<40, ["a", "b"]), into: "s")
        try await fixture.platform.startPipelines(schedules: false)
        let first = try await runs.run("p", on: fixture)
        #expect(first["state"]?.string == "succeeded", "\(first)")
        _ = try await fixture.ingest(rows(40..<60, ["a", "b", "c"]), into: "s")
        let second = try await runs.run("q", on: fixture)
        let words = "version 1 of model 'm' knows the labels 'a', 'b', and the rows have 'a', 'b', 'c'"
        #expect(reason(second, "measure").contains(words), "\(second)")
        #expect(reason(second, "train").contains(words), "\(second)")
        try await fixture.platform.close()
    }
}
