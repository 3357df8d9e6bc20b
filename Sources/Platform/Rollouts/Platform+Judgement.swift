import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPipelines
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStorage
import MartletTraining
import MartletWorld

extension Platform {
    /// Reads what was decided since the last time, judges the rollouts under way, and does what the judgement says. Called about
    /// once a second; a bounded number of decisions at a time.
    public func checkRollouts() async throws {
        try await judges.reading.hold { () async throws in
            let endpoints = inForce.endpoints.values.filter { $0.trial != nil }.sorted { $0.definition.name < $1.definition.name }
            judges.keep(Set(endpoints.map(\.definition.name)))
            for endpoint in endpoints {
                guard let trial = endpoint.trial else { continue }
                let evidence = try await fold(trial)
                try tellSampleRatio(of: trial, evidence)
                try await follow(RolloutMachine(trial.definition).decide(trial.rollout, evidence, at: world.clock.now()), trial, evidence)
            }
            try settleRolloutAlarms()
        }
    }

    /// What the present step of a rollout has shown; nil before it was looked at.
    func evidence(of trial: Trial) -> RolloutEvidence? {
        judges[trial.rollout.endpoint].flatMap { $0.isOf(trial) ? $0.judge.evidence : nil }
    }

    // MARK: - Acting

    private func follow(_ decision: RolloutMachine.Decision, _ trial: Trial, _ evidence: RolloutEvidence) async throws {
        if case .wait = decision { return }
        try await releasing.hold { () async throws in
            // A person may have been quicker.
            guard let now = inForce.endpoints[trial.rollout.endpoint]?.trial, now.rollout == trial.rollout else { return }
            switch decision {
            case .wait: break
            case .advance(let step, let reason): try advance(trial, to: step, reason, evidence)
            case .askApproval(let reason): try askApproval(trial, reason, evidence)
            case .withdraw(let reason):
                // Nobody's rights are needed to go back to what was let in before.
                _ = try await takeBack(trial, by: try rolloutDuty(trial), reason: reason, requestID: nil, evidence: evidence)
            case .promote(let reason):
                do {
                    let scope = try Guard().scope(
                        for: principal(of: RunActor(trial.rollout.actor)), to: .modelsPromote, on: resource(.model, trial.rollout.model))
                    _ = try await letIn(trial, by: scope, reason: reason, requestID: nil, evidence: evidence)
                } catch is AccessError {
                    try askApproval(trial, "\(reason); who began it may no longer promote, so somebody else must let it in", evidence)
                } catch let failure as TaskFailure {
                    try askApproval(trial, "\(reason); \(failure.reason), so somebody else must let it in", evidence)
                }
            }
        }
    }

    private func rolloutDuty(_ trial: Trial) throws -> Scope {
        try Guard().scope(
            for: .system("rollouts", permissions: [.modelsPromote]), to: .modelsPromote, on: resource(.endpoint, trial.rollout.endpoint))
    }

    private func advance(_ trial: Trial, to step: Int, _ reason: String, _ evidence: RolloutEvidence) throws {
        var next = trial.rollout
        next.step = step
        next.stepStarted = world.clock.now()
        next.stepPosition = log.end
        try change(trial, next, .advanced, reason, evidence)
    }

    private func askApproval(_ trial: Trial, _ reason: String, _ evidence: RolloutEvidence) throws {
        guard trial.rollout.state == .running else { return }
        var next = trial.rollout
        next.state = .waiting
        try change(trial, next, .waiting, reason, evidence)
    }

    private func change(
        _ trial: Trial, _ rollout: Rollout, _ kind: RolloutEvent.Kind, _ reason: String, _ evidence: RolloutEvidence
    ) throws {
        var rollout = rollout
        rollout.reason = reason
        let duty = try rolloutDuty(trial)
        let isStored = try database.write { transaction in
            let event = RolloutEvent(
                time: world.clock.now(), kind: kind, step: rollout.step, actor: nil, reason: reason, evidence: evidence.json.description)
            guard try rollouts.update(rollout, event, transaction) else { return false }
            try audit.append(
                AuditRecord(
                    "rollout.\(kind.rawValue)", under: duty,
                    details: [
                        "rollout": .text(rollout.id), "endpoint": .text(rollout.endpoint), "step": .number(Int64(rollout.step) + 1),
                        "reason": .text(reason),
                    ]),
                in: transaction)
            return true
        }
        guard isStored else { return }
        putInForce(inForce.with(Trial(rollout, trial.definition, challenger: trial.challenger), at: rollout.endpoint))
    }

    // MARK: - Reading

    private func fold(_ trial: Trial) async throws -> RolloutEvidence {
        let name = trial.rollout.endpoint
        var fold = judges[name].flatMap { $0.isOf(trial) ? $0 : nil } ?? RolloutFold(trial)
        let streams: Set = [PredictionRecord.stream(of: name)]
        var left = limits.judgedRows
        while left > 0 {
            let page = try await log.read(from: fold.fresh, streams: streams, maxRows: min(left, 4_096), maxBytes: 8 << 20)
            for batch in page.batches where batch.kind == .prediction {
                TrialRows(batch, trial).addFresh(to: &fold.judge)
                left -= batch.rows.rowCount
            }
            if page.next == fold.fresh || page.next >= page.end {
                fold.fresh = page.next
                break
            }
            fold.fresh = page.next
        }
        let horizon = world.clock.now() - trial.definition.matures
        left = limits.judgedRows
        reading: while left > 0 {
            let page = try await log.read(from: fold.mature, streams: streams, maxRows: min(left, 4_096), maxBytes: 8 << 20)
            for batch in page.batches where batch.kind == .prediction {
                // In the order of the log, so that the place where to go on is one number: up to the first that is not mature.
                let rows = TrialRows(batch, trial)
                let mature = rows.matureCount(before: horizon)
                try await rows.addMature(mature, to: &fold.judge, join: { try await self.join(&$0) })
                left -= mature
                guard mature == batch.rows.rowCount else {
                    fold.mature = batch.positions[mature]
                    break reading
                }
            }
            if page.next == fold.mature || page.next >= page.end {
                fold.mature = page.next
                break
            }
            fold.mature = page.next
        }
        judges[name] = fold
        return fold.judge.evidence
    }
}
