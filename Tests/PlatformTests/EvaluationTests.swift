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

    @Test("which version is measured, by which definition, on which rows: the definition in force decides, and what cannot be is told")
    func measured() async throws {
        let model = """
            model: m
            task: regression
            from: s
            label: y
            features: [v.*]
            split: { train: 50%, test: 50% }
            trainer: { kind: xgboost, rounds: 3, max_depth: 2, seed: 1 }
            metrics: [rmse]
            """
        let fixture = try await PlatformFixture(files: [
            "martlet.yaml": "project: works\n",
            "streams/s.yaml": "stream: s\nevent_time: at\nunique: id\nfields: { id: string, at: timestamp, x: float64, y: float64, early: bool }\n",
            "features/v.yaml": "feature_view: v\nsource: s\nderive: { x: x }\n",
            "models/m.yaml": model,
            // Of its test rows all are of one kind.
            "models/b.yaml": model.replacing("model: m", with: "model: b").replacing("regression", with: "binary")
                .replacing("label: y", with: "label: early").replacing("[rmse]", with: "[roc_auc, log_loss]"),
            "pipelines/p.yaml": """
            pipeline: train
            tasks: { m: { train: m }, b: { train: b } }
            ---
            pipeline: promote
            tasks: { m: { promote: m } }
            ---
            pipeline: measure
            defaults: { retries: 2, retry_delay: 10ms }
            tasks:
              newest: { evaluate: m, allow_failure: true }
              first: { evaluate: m, version: 1, allow_failure: true }
              champion: { evaluate: m, version: champion, allow_failure: true }
              undefined: { evaluate: b, allow_failure: true }
            """,
        ])
        func rows(_ numbers: Range<Int>, _ slope: Double) -> String {
            "id,at,x,y,early\n" + numbers.map { "\($0),2024-01-01T00:\($0 < 60 ? "00" : "01"):\($0 % 60 < 10 ? "0" : "")\($0 % 60)Z,\($0 % 7).5,\(Double($0 % 7) * slope),\($0 < 5)\n" }.joined()
        }
        try await fixture.apply()
        _ = try await fixture.ingest(rows(0..<40, 1), into: "s")
        try await fixture.platform.startPipelines(schedules: false)
        let none = try await runs.run("measure", on: fixture)
        #expect(reason(none, "newest") == "model 'm' has no version yet")

        let trainedFirst = try await runs.run("train", on: fixture)
        #expect(trainedFirst["state"]?.string == "succeeded", "\(trainedFirst)")
        _ = try await runs.run("promote", on: fixture)
        _ = try await fixture.ingest(rows(40..<80, -3), into: "s")
        let trained = try await runs.run("train", on: fixture)
        let done = try await runs.run("measure", on: fixture)
        #expect(result(trained, "m")["version"]?.int64 == 2 && result(done, "newest")["version"]?.int64 == 2, "\(done)")
        #expect(["first", "champion"].map { result(done, $0)["version"]?.int64 } == [1, 1])
        let (newest, first) = (result(done, "newest")["rmse"]?.double, result(done, "first")["rmse"]?.double)
        #expect(newest?.bitPattern == result(trained, "m")["rmse"]?.double?.bitPattern && newest != first)
        #expect(result(done, "champion")["rmse"]?.double?.bitPattern == first?.bitPattern)
        #expect(["newest", "first"].map { result(done, $0)["rows"]?.int64 } == [40, 40])
        // The report is the log, with the hash of the rows: one for both versions, whose features are the same.
        let reports = try ["newest", "first"].map { task in
            let log = try #require(try runs.log(done, task, on: fixture))
            return try JSONValue(parsing: Array(log.utf8), lengthLimit: 1 << 20)
        }
        #expect(reports.map { $0["version"]?.int64 } == [2, 1] && reports[0]["metrics"]?["rmse"]?.double == newest)
        #expect(reports[0]["dataset"]?.string?.count == 32 && reports[0]["dataset"] == reports[1]["dataset"])
        // No curve without both kinds.
        #expect(result(done, "undefined").keys.contains("roc_auc") && result(done, "undefined")["roc_auc"]?.isNull == true, "\(done)")
        #expect(result(done, "undefined")["log_loss"]?.double != nil)

        func measured(_ text: String) async throws -> JSONValue {
            try fixture.write(text, to: "models/m.yaml")
            try await fixture.apply()
            return try await runs.run("measure", on: fixture)
        }
        let more = try await measured(model.replacing("[rmse]", with: "[mae, rmse]"))
        #expect(result(more, "newest")["rmse"]?.double == newest && result(more, "newest")["mae"]?.double != nil, "\(more)")
        let other = try await measured(model.replacing("regression", with: "binary").replacing("label: y", with: "label: y > 2.0").replacing("rmse", with: "roc_auc"))
        #expect(reason(other, "newest").contains("version 2 of model 'm' is regression, and the definition is binary"), "\(other)")
        let nowhere = try await measured(model.replacing("{ train: 50%, test: 50% }", with: "{ train: { to: 2025-01-01 }, test: { from: 2025-01-01 } }"))
        #expect(reason(nowhere, "newest").contains("model 'm' has no test rows"), "\(nowhere)")
        try await fixture.platform.close()
    }

    @Test("a version that knows other labels than the rows have is refused, by an evaluation and by a gate against it", arguments: [2, 8, 9])
    func otherLabels(_ count: Int) async throws {
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
        let known = "abcdefghi".prefix(count).map(String.init)
        func rows(_ numbers: Range<Int>, _ kinds: [String]) -> String {
            "id,at,x,kind\n" + numbers.map { "\($0),2024-01-01T00:00:\($0 < 10 ? "0" : "")\($0)Z,\($0 % 5).5,\(kinds[$0 % kinds.count])\n" }.joined()
        }
        try await fixture.apply()
        _ = try await fixture.ingest(rows(0..<40, known), into: "s")
        try await fixture.platform.startPipelines(schedules: false)
        let first = try await runs.run("p", on: fixture)
        #expect(first["state"]?.string == "succeeded", "\(first)")
        _ = try await fixture.ingest(rows(40..<60, known + ["z"]), into: "s")
        let second = try await runs.run("q", on: fixture)
        let words =
            switch count {
            case 2: "version 1 of model 'm' knows the labels 'a', 'b', and the rows have 'a', 'b', 'z'"
            case 8: "the labels 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', and the rows have 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' … (9 in all)"
            default: "'g', 'h' … (9 in all), and the rows have 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' … (10 in all)"
            }
        #expect(reason(second, "measure").contains(words), "\(second)")
        #expect(reason(second, "train").contains(words), "\(second)")
        try await fixture.platform.close()
    }
}
