import MartletExpressions
import MartletFrames
import MartletIngestion
import MartletModels
import MartletRegistry
import MartletServing
import MartletStorage
import MartletTraining
import MartletWorld

/// Stored predictions of an endpoint, as the judge of a rollout's step reads them.
struct TrialRows {
    private let batch: StoredBatch
    private let trial: Trial
    private let variants: Column?
    private let versions: Column?
    private let propensities: Column?
    private let degraded: Column?
    private let latencies: Column?
    private let units: Column?

    init(_ batch: StoredBatch, _ trial: Trial) {
        self.batch = batch
        self.trial = trial
        variants = batch.rows["variant"]
        versions = batch.rows["version"]
        propensities = batch.rows["propensity"]
        degraded = batch.rows["degraded"]
        latencies = batch.rows["latency_us"]
        units = trial.definition.unit.flatMap { batch.rows["input." + $0] }
    }

    /// How many rows, from the first on, were decided before a time.
    func matureCount(before horizon: Timestamp) -> Int {
        batch.eventTimes.firstIndex { $0 > horizon.microseconds } ?? batch.eventTimes.count
    }

    // MARK: - As recorded

    func addFresh(to judge: inout RolloutJudge) {
        let groups = trial.definition.guardrails.fairness.flatMap { batch.rows["input." + $0.field] }
        let outputs = singleOutput
        for row in 0..<batch.rows.rowCount {
            guard let side = side(row), let unit = unit(row) else { continue }
            let isDegraded = degraded?[row] == .bool(true)
            var latency: Int64 = 0
            if case .int64(let microseconds)? = latencies?[row] { latency = microseconds }
            var output: Double?
            if case .float64(let number)? = outputs?[row] { output = number }
            let group = groups.map { $0[row] }.flatMap { $0 == .missing ? nil : "\($0)" }
            judge.add(side, unit: unit, isDegraded: isDegraded, latency: latency, output: output, group: group)
        }
    }

    /// The output where there is one number alone.
    private var singleOutput: Column? { batch.rows["output.1"] == nil ? batch.rows["output.0"] : nil }

    // MARK: - Mature

    /// - Parameter join: finds what became known of decisions.
    func addMature(
        _ count: Int, to judge: inout RolloutJudge, join: (inout [JoinedPredictions.Part]) async throws -> Void
    ) async throws {
        let isPaired = trial.step.exposure != .split
        var rows: [Int] = []
        for row in 0..<count where degraded?[row] != .bool(true) && unit(row) != nil && side(row) != nil {
            if !isPaired || variants?[row] == .string("shadow") { rows.append(row) }
        }
        guard !rows.isEmpty else { return }
        var parts = [JoinedPredictions.Part(batch, (trial.rollout.model, rows))]
        // What was recorded with a decision stands with the one that was given as the answer.
        if isPaired { parts[0].keys = rows.map(answerKey) }
        try await join(&parts)
        guard let labels = parts[0].labels else { return }
        let known = rows.indices.map { labels[$0] }
        let frame = parts[0].rows
        let worth = self.worth(frame, "output", known)
        let answered = isPaired ? self.worth(frame, "answered", known) : []
        for (index, row) in rows.enumerated() {
            guard let side = side(row), let unit = unit(row) else { continue }
            if isPaired {
                judge.add(
                    unit: unit, champion: side == .champion ? worth[index] : answered[index],
                    challenger: side == .champion ? answered[index] : worth[index])
            } else {
                judge.add(side, unit: unit, worth: worth[index])
            }
        }
    }

    /// By what the log knows the answer beside which a row was computed.
    private func answerKey(_ row: Int) -> Fingerprint {
        guard case .string(let id)? = batch.rows["shadow_of"]?[row] else { return .none }
        return UUIDv7(id).map(PredictionRecord.key) ?? .none
    }

    /// What each decision was worth by the outputs under a name; nil where the objective is missing.
    private func worth(_ frame: Frame, _ name: String, _ known: [Value]) -> [Double?] {
        let objective = trial.definition.objective
        var columns: [Column] = []
        for (reference, type) in zip(objective.references, objective.referenceTypes) {
            if reference == "outcome" {
                columns.append(Column(known.map { $0.type == type ? $0 : .missing }, type: type))
            } else if reference == "output" {
                columns.append(output(frame, name, known))
            } else {
                let field = String(reference.dropFirst("inputs.".count))
                columns.append(frame["input." + field] ?? Column([Value](repeating: .missing, count: known.count), type: type))
            }
        }
        let values = objective.evaluate(columns, rowCount: known.count).column
        return (0..<known.count).map { row in
            if case .float64(let number) = values[row] { number } else { nil }
        }
    }

    /// The output; of several classes, the probability that was given to the one that came true.
    private func output(_ frame: Frame, _ name: String, _ known: [Value]) -> Column {
        let classes = trial.challenger.manifest.classes
        let first = frame["\(name).0"] ?? Column([Value](repeating: .missing, count: known.count), type: .float64)
        guard frame["\(name).1"] != nil else { return first }
        let places = Dictionary(classes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        return Column(
            known.indices.map { row in
                guard known[row] != .missing, let place = places["\(known[row])"] else { return .missing }
                return frame["\(name).\(place)"]?[row] ?? .missing
            }, type: .float64)
    }

    // MARK: - Who

    /// Which version made a decision; nil for one that is not part of the step: a batch job's, or one of another step.
    private func side(_ row: Int) -> RolloutJudge.Side? {
        guard case .string(let variant)? = variants?[row], case .float64(let propensity)? = propensities?[row],
            case .int64(let version)? = versions?[row]
        else { return nil }
        let step = trial.step
        let isDegraded = degraded?[row] == .bool(true)
        let isChampions = isDegraded || version == Int64(trial.rollout.champion)
        let isChallengers = isDegraded || version == Int64(trial.rollout.challenger)
        switch (step.exposure, variant) {
        case (.split, "champion"): return isChampions && propensity == 1 - step.share ? .champion : nil
        case (.split, "challenger"): return isChallengers && propensity == step.share ? .challenger : nil
        case (.shadow, "champion"): return isChampions ? .champion : nil
        case (.shadow, "shadow"): return isChallengers && propensity == step.share ? .challenger : nil
        case (.swap, "challenger"): return isChallengers ? .challenger : nil
        case (.swap, "shadow"): return isChampions && propensity == step.share ? .champion : nil
        default: return nil
        }
    }

    /// Stands for the unit of a decision; nil if the unit is missing.
    private func unit(_ row: Int) -> UInt64? {
        if trial.definition.unit != nil { return units.flatMap { trial.draw($0[row]) }?.unit }
        guard case .string(let id)? = batch.rows["id"]?[row] else { return nil }
        return trial.assignment.draw(id).unit
    }
}
