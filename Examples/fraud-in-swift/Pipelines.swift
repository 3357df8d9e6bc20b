import Martlet

infix operator >> : StepOrder

/// The same as `Examples/fraud/pipelines/ml_pipeline.yaml`, hash for hash.
let mlPipeline = Pipeline("ml_pipeline", schedule: .daily, start: "2026-01-01", catchup: false) {
    let ingest = Run("ingest_data", "sh", "ingest.sh", skipCodes: [99])
    let train = Train("train_model", "fraud")
    let deploy = Group("deploy") {
        let promote = Promote("promote", "fraud", version: "${tasks.train_model.version}")
        let smoke = Smoke(
            "smoke", "fraud",
            inputs: [
                "tx_id": "smoke", "tx_time": "2026-01-01T12:00:00Z", "customer_id": "smoke", "terminal_id": "smoke", "amount": 10.0,
            ],
            expect: "output >= 0.0 && output <= 1.0")
        promote >> smoke
    }
    ingest >> train >> deploy
}

/// With closures in place of the platform's own kinds: what is done between training and promoting is plain Swift.
let retrain = Pipeline("retrain", parameters: [Parameter("floor", .float64, default: 0.5, doc: "The least average precision.")]) {
    let train = Task("train_model", arguments: ["floor": "${string(parameters.floor)}"], outputs: ["version": .int64]) { run in
        let (version, metrics) = try await run.train("fraud")
        let floor = run.arguments["floor"].flatMap(Double.init) ?? 1
        let precision = metrics["average_precision"] ?? 0
        run.log("version \(version): average precision \(precision), at least \(floor) asked for")
        guard precision >= floor else { throw BelowFloor(precision: precision, floor: floor) }
        return ["version": .int64(version)]
    }
    let deploy = Task("deploy", arguments: ["version": "${tasks.train_model.version}"]) { run in
        let release = try await run.promote("fraud", version: run.arguments["version"].flatMap { Int($0) })
        run.log("in force with release \(release)")
    }
    train >> deploy
}

struct BelowFloor: Error, CustomStringConvertible {
    var precision: Double
    var floor: Double
    var description: String { "the average precision is \(precision), below \(floor)" }
}
