import MartletAccess
import MartletBytes
import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletPlatform
import MartletRegistry
import MartletTraining
import MartletWorld
import Testing

@Suite("Training on recent and on reweighted rows")
struct RetrainTests {
    @Test("a pipeline's parameters reach the training: recent rows alone, weighted by age; the version tells of it, its test rows are the definition's")
    func retrain() async throws {
        var files = FraudProject.files
        files["models/fraud.yaml"] = (files["models/fraud.yaml"] ?? "").split(separator: "\n").filter { !$0.hasPrefix("gates") }.joined(separator: "\n") + "\n"
        files["pipelines/retrain.yaml"] = """
            pipeline: retrain
            parameters: { back: { type: string, default: 3650d } }
            tasks:
              learn: { train: fraud, recent: "${parameters.back}", half_life: 5d }
            """
        let fixture = try await PlatformFixture(files: files)
        try await fixture.apply()
        let history = FraudProject.history(days: 40, customers: 100)
        _ = try await fixture.ingest(history, into: "transactions")
        let all = try await fixture.platform.train("fraud", requestID: nil, scope: fixture.scope(.modelsTrain, .model, "fraud"))
        // What is trained on all of it: the first 60 % of the labelled rows, by time.
        let times = history.split(separator: "\n").dropFirst().compactMap { line -> Timestamp? in
            let cells = line.split(separator: ",", omittingEmptySubsequences: false)
            guard cells.last.map({ !$0.isEmpty }) ?? false else { return nil }
            return cells.lazy.compactMap { Timestamp(rfc3339: String($0)) }.first
        }.sorted()
        #expect(Int(Double(times.count) * 0.6) == all.trainRows)
        let trained = times.prefix(all.trainRows)
        let newest = try #require(trained.last)
        let expected = trained.count { $0 > newest - .days(10) }
        #expect(expected > 100 && expected < all.trainRows)

        try await fixture.platform.startPipelines(schedules: false)
        let run = try await PipelineTests().run("retrain", on: fixture, parameters: ["back": "10d"])
        #expect(run["state"] == "succeeded", "\(run)")
        let made = try #require(try fixture.platform.runList(model: "fraud", limit: 1, scope: fixture.scope(.modelsRead, .model, "fraud")).first)
        let (parameters, rows) = (try JSONValue(parsing: made.parameters), try JSONValue(parsing: made.rows ?? "null"))
        #expect(rows["train"]?.int64 == Int64(expected) && rows["test"]?.int64 == Int64(all.testRows))
        #expect(parameters["recent"] == "10d" && parameters["half_life"] == "5d")
        let version = try #require(try fixture.platform.modelVersions("fraud", limit: 1, scope: fixture.scope(.modelsRead, .model, "fraud")).first).version
        #expect(version.number == 2)
        // Rows that count alike would give another model.
        let alike = try await fixture.platform.train(
            "fraud", emphasis: TrainingEmphasis(recent: .days(10)), requestID: nil, scope: fixture.scope(.modelsTrain, .model, "fraud"))
        #expect(alike.trainRows == expected && alike.metrics.first?.value != made.metrics.flatMap { try? JSONValue(parsing: $0) }?["average_precision"]?.double)
        let failed = try await PipelineTests().run("retrain", on: fixture, parameters: ["back": "soon"])
        #expect(failed["state"] == "failed")
        try await fixture.platform.close()
    }
}
