import MartletServing
import MartletWorld
import Synchronization

/// How far the judgement of one step has come; in memory, and made anew from the log at a start.
struct RolloutFold: Sendable {
    var rollout: String
    var step: Int
    var judge: RolloutJudge
    /// Where the reading of decisions as they are recorded goes on, and that of decisions whose outcome must have come.
    var fresh: Int64
    var mature: Int64

    init(_ trial: Trial) {
        rollout = trial.rollout.id
        step = trial.rollout.step
        judge = RolloutJudge(trial.definition, step: trial.rollout.step)
        fresh = trial.rollout.stepPosition
        mature = trial.rollout.stepPosition
    }

    func isOf(_ trial: Trial) -> Bool { rollout == trial.rollout.id && step == trial.rollout.step }
}

/// What the rollouts under way have shown, by endpoint.
final class RolloutJudges: Sendable {
    /// Held while the decisions are read: one reader at a time.
    let reading = AsyncLock()
    /// Guards the folds, which are replaced as a whole.
    private let folds = Mutex<[String: RolloutFold]>([:])

    subscript(endpoint: String) -> RolloutFold? {
        get { folds.withLock { $0[endpoint] } }
        set { folds.withLock { $0[endpoint] = newValue } }
    }

    /// Forgets those of endpoints at which nothing is tried any more.
    func keep(_ endpoints: Set<String>) {
        folds.withLock { folds in folds = folds.filter { endpoints.contains($0.key) } }
    }
}
