import Foundation

/// A project whose loop closes within seconds: a monitor sees amounts move, a pipeline learns anew, and the new version is tried first.
enum LoopProject {
    static func write(to folder: TemporaryFolder) throws {
        try KillLoopProject.write(to: folder)
        let stream = try String(contentsOfFile: folder.path + "/streams/orders.yaml", encoding: .utf8)
        try folder.write(stream.replacing("known_after: 1d", with: "known_after: 1s"), to: "streams/orders.yaml")
        let model = try String(contentsOfFile: folder.path + "/models/returns.yaml", encoding: .utf8)
        try folder.write(model.replacing("gap: 1d, ", with: ""), to: "models/returns.yaml")
        try folder.write("""
            endpoint: returns
            model: returns@champion
            rollout:
              strategy: canary
              steps: [shadow, 50%]
              unit: buyer_id
              objective: "outcome ? output : -output"
              minimum: { units: 30, time: 1s }
              margin: 1000

            """, to: "endpoints/returns.yaml")
        try folder.write("""
            monitor: amounts
            endpoint: returns
            window: 1s
            lateness: 1s
            minimum_rows: 5
            drift: { features: [request.amount], predictions: false, distance: ks, raise: 0.5, clear: 0.4 }
            on_alarm: [{ pipeline: retrain, cool_down: 4s, budget: 100 }]

            """, to: "monitors/amounts.yaml")
        try folder.write("""
            pipeline: retrain
            tasks:
              train: { train: returns }
              promote: { promote: returns, version: "${tasks.train.version}", after: train }

            """, to: "pipelines/retrain.yaml")
    }
}

/// Asks for predictions whose amounts move every other second, and tells what became of some of them.
final class LoopPredictor: KillLoopClient, @unchecked Sendable {
    private(set) var predictions: [(id: String, event: String, output: Double)] = []
    /// Asked for, whether or not an answer came.
    private(set) var asked = 0
    /// Labels that were acknowledged, by event.
    private(set) var told: [String: Bool] = [:]

    override func step(_ client: PlainHTTPClient) throws {
        let id = newEvent()
        let isHigh = Int(Date().timeIntervalSince1970) / 2 % 2 == 0
        let amount = isHigh ? 900 + random.below(100) : random.below(100)
        let time = Date().ISO8601Format(.init(includingFractionalSeconds: true))
        let inputs = "{\"order_id\":\"\(id)\",\"placed_at\":\"\(time)\",\"buyer_id\":\"buyer-\(random.below(200))\",\"amount\":\(amount),\"client\":\(number)}"
        asked += 1
        let answer = try client.ask("POST", "/api/v1/endpoints/returns/predict", Data("{\"inputs\":\(inputs),\"append\":true}".utf8))
        guard answer.status == 200 else { throw TestFailure("predict: \(answer.status) \(answer.text)") }
        let object = try answer.object()
        guard let prediction = object["prediction_id"] as? String, let output = object["output"] as? Double else {
            throw TestFailure("a prediction without its parts: \(answer.text)")
        }
        predictions.append((prediction, id, output))
        guard random.chance(60) else { return }
        let label = random.chance(30)
        let outcome = try client.ask(
            "POST", "/api/v1/outcomes", Data("[{\"stream\":\"orders\",\"unique\":\"\(id)\",\"label\":\(label)}]".utf8))
        guard outcome.status == 200 else { throw TestFailure("outcome: \(outcome.status) \(outcome.text)") }
        told[id] = label
    }
}
