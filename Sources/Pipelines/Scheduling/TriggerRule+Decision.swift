/// How many of the tasks before one ended, and how.
struct UpstreamCounts: Hashable, Sendable {
    var all = 0
    var succeeded = 0
    /// Failed, cancelled, or kept from starting by a failure.
    var failed = 0
    var skipped = 0

    var ended: Int { succeeded + failed + skipped }
}

/// What a trigger rule says.
enum RuleDecision: Hashable, Sendable {
    case wait, start, skip, upstreamFailed
}

extension TriggerRule {
    /// Whether a task starts, given how those before it ended.
    ///
    /// Rules that speak of all wait until all have ended, so that the decision does not depend on which ended first.
    func decision(_ counts: UpstreamCounts) -> RuleDecision {
        if self == .always || counts.all == 0 { return .start }
        switch self {
        case .oneFailed where counts.failed > 0: return .start
        case .oneSuccess where counts.succeeded > 0: return .start
        case .oneDone where counts.succeeded + counts.failed > 0: return .start
        default: break
        }
        guard counts.ended == counts.all else { return .wait }
        /// What becomes of a task for want of a success before it.
        let without: RuleDecision = counts.failed > 0 ? .upstreamFailed : .skip
        return switch self {
        case .always, .allDone: .start
        case .allSuccess: counts.succeeded == counts.all ? .start : without
        case .allFailed: counts.failed == counts.all ? .start : .skip
        case .allSkipped: counts.skipped == counts.all ? .start : .skip
        case .allDoneMinOneSuccess: counts.succeeded > 0 ? .start : without
        case .oneFailed: .skip
        case .oneSuccess: without
        case .oneDone: .skip
        case .noneFailed: counts.failed == 0 ? .start : .upstreamFailed
        case .noneFailedMinOneSuccess: counts.failed > 0 ? .upstreamFailed : counts.succeeded > 0 ? .start : .skip
        case .noneSkipped: counts.skipped == 0 ? .start : .skip
        }
    }
}
