import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// A version that computes some rows, and as what they are recorded.
struct Answerer {
    /// Nil while the alias names no version.
    var model: ServedModel?
    /// `champion`, `challenger`, `shadow`; `fallback` where an alarm lets the fallback answer
    var variant: String
    var propensity: Double
    /// Answers, marked as degraded, where the model fails; nil leaves it to the endpoint's fallback.
    var standIn: ServedModel?

    static func champion(_ endpoint: EndpointRuntime, propensity: Double = 1) -> Answerer {
        Answerer(model: endpoint.model, variant: "champion", propensity: propensity)
    }
}

extension Platform {
    /// Computes rows by the version that answers each, and by the one that is only tried beside it; by none of them while an alarm lets the
    /// fallback answer.
    func predictions(_ asked: AskedRows, on endpoint: EndpointRuntime) throws -> PredictedRows {
        if let score = endpoint.definition.fallbackScore, mitigations.isFallback(endpoint.definition.name) {
            return PredictedRows(fallback(asked, score, on: endpoint))
        }
        guard let trial = endpoint.trial, asked.count > 0 else {
            return PredictedRows(try batch(asked, .champion(endpoint), on: endpoint))
        }
        let share = trial.step.share
        let chosen = trial.chosen(asked.rows, random: world.random)
        let challenger = Answerer(
            model: trial.challenger, variant: "challenger", propensity: trial.step.exposure == .split ? share : 1, standIn: endpoint.model)
        switch trial.step.exposure {
        case .split:
            let others = (0..<asked.count).filter { !chosen.contains($0) }
            var parts: [(rows: [Int], batch: PredictionBatch)] = []
            if !others.isEmpty {
                parts.append((others, try batch(asked.gathering(others), .champion(endpoint, propensity: 1 - share), on: endpoint)))
            }
            let theirs = (0..<asked.count).filter(chosen.contains)
            if !theirs.isEmpty { parts.append((theirs, try batch(asked.gathering(theirs), challenger, on: endpoint))) }
            return PredictedRows(parts)
        case .shadow:
            var predicted = PredictedRows(try batch(asked, .champion(endpoint), on: endpoint))
            if let shadow = shadow(of: predicted, asked, chosen, by: trial.challenger, share: share, on: endpoint) { predicted.add(shadow: shadow) }
            return predicted
        case .swap:
            var predicted = PredictedRows(try batch(asked, challenger, on: endpoint))
            if let champion = endpoint.model,
                let shadow = shadow(of: predicted, asked, chosen, by: champion, share: share, on: endpoint)
            {
                predicted.add(shadow: shadow)
            }
            return predicted
        }
    }

    /// What the fallback answers where an alarm asks for it; nobody's errors.
    func fallback(_ asked: AskedRows, _ score: Double, on endpoint: EndpointRuntime) -> PredictionBatch {
        blank(asked, Answerer(model: nil, variant: Self.fallbackVariant, propensity: 1), on: endpoint, outputs: [Float](repeating: Float(score), count: asked.count))
    }

    static let fallbackVariant = "fallback"

    /// What another version makes of some of the rows; nil if there are none. It never fails: that it could not is recorded.
    private func shadow(
        of predicted: PredictedRows, _ asked: AskedRows, _ chosen: Set<Int>, by model: ServedModel, share: Double, on endpoint: EndpointRuntime
    ) -> PredictionBatch? {
        let rows = (0..<asked.count).filter(chosen.contains)
        guard !rows.isEmpty, let answer = predicted.answered.first, !answer.isDegraded else { return nil }
        let answerer = Answerer(model: model, variant: "shadow", propensity: share)
        var batch: PredictionBatch
        do {
            batch = try compute(asked.gathering(rows), answerer, on: endpoint)
        } catch {
            batch = blank(asked.gathering(rows), answerer, on: endpoint, outputs: [])
        }
        batch.shadowOf = rows.map { "\(answer.ids[$0])" }
        batch.answered = answer.outputs(of: rows)
        batch.layout = PredictionLayout(
            inputs: batch.inputs.schema, features: batch.features.schema, outputs: batch.outputs.count / rows.count,
            margins: batch.margins.count / rows.count, answered: batch.answered.count / rows.count)
        return batch
    }

    /// Computes rows by one version; where it fails, by its stand-in or the endpoint's fallback, marked as degraded.
    func batch(_ asked: AskedRows, _ answerer: Answerer, on endpoint: EndpointRuntime) throws -> PredictionBatch {
        do {
            return try compute(asked, answerer, on: endpoint)
        } catch {
            if let standIn = answerer.standIn,
                var batch = try? compute(asked, Answerer(model: standIn, variant: answerer.variant, propensity: answerer.propensity), on: endpoint)
            {
                batch.isDegraded = true
                return batch
            }
            guard let score = endpoint.definition.fallbackScore else { throw error }
            return blank(asked, answerer, on: endpoint, outputs: [Float](repeating: Float(score), count: asked.count))
        }
    }

    private func compute(_ asked: AskedRows, _ answerer: Answerer, on endpoint: EndpointRuntime) throws -> PredictionBatch {
        let start = world.clock.monotonicNanoseconds()
        guard let model = answerer.model else {
            throw PlatformError(
                .unavailable, "endpoint '\(endpoint.definition.name)' has no model: '\(endpoint.definition.model)' names no version",
                hint: "train and promote one: 'martlet train \(endpoint.definition.model.model)', 'martlet promote …'")
        }
        let (result, cut) = try features.compute(model.recipe, asked.rows, at: asked.times, ownKeys: asked.keys)
        let (margins, outputs) = try model.score(result.features)
        var batch = blank(asked, answerer, on: endpoint, outputs: outputs, layout: model.layout)
        batch.isDegraded = false
        batch.version = Int64(model.version.number)
        batch.cut = cut
        batch.latencyMicroseconds = Int64((world.clock.monotonicNanoseconds() - start) / 1_000)
        batch.margins = margins
        batch.features = result.features
        return batch
    }

    /// Predictions that no model made.
    private func blank(
        _ asked: AskedRows, _ answerer: Answerer, on endpoint: EndpointRuntime, outputs: [Float], layout: PredictionLayout? = nil
    ) -> PredictionBatch {
        let nothing = Frame(Schema([]), [], rowCount: asked.count)
        return PredictionBatch(
            ids: UUIDv7.make(asked.count, at: world.clock.now(), random: world.random), actors: asked.actors, times: asked.times,
            endpoint: endpoint.definition.name, model: endpoint.definition.model.model, version: 0, variant: answerer.variant,
            propensity: answerer.propensity, cut: features.cut, release: Int64(inForce.release?.number ?? 0),
            semanticsVersion: Int64(Martlet.semanticsVersion), isDegraded: true, latencyMicroseconds: 0, outputs: outputs, margins: [],
            inputs: asked.rows, features: nothing,
            layout: layout
                ?? PredictionLayout(
                    inputs: asked.rows.schema, features: nothing.schema, outputs: outputs.count / max(1, asked.count), margins: 0))
    }
}
