package import MartletPipelines

/// The trigger rules as their documentation words them, with nothing counted ahead.
package enum TriggerRuleOracle {
    package enum Verdict: Equatable { case start, skip, upstreamFailed }

    /// What becomes of a task once every task before it has ended.
    package static func starts(_ rule: TriggerRule, _ before: [InstanceState]) -> Verdict {
        let failed: Set<InstanceState> = [.failed, .upstreamFailed, .cancelled]
        func all(_ test: (InstanceState) -> Bool) -> Bool { before.allSatisfy(test) }
        func any(_ test: (InstanceState) -> Bool) -> Bool { before.contains(where: test) }
        if before.isEmpty { return .start }
        let holds =
            switch rule {
            case .allSuccess: all { $0 == .succeeded }
            case .allFailed: all { failed.contains($0) }
            case .allDone, .always: true
            case .allDoneMinOneSuccess: any { $0 == .succeeded }
            case .allSkipped: all { $0 == .skipped }
            case .oneFailed: any { failed.contains($0) }
            case .oneSuccess: any { $0 == .succeeded }
            case .oneDone: any { $0 == .succeeded || failed.contains($0) }
            case .noneFailed: !any { failed.contains($0) }
            case .noneFailedMinOneSuccess: !any { failed.contains($0) } && any { $0 == .succeeded }
            case .noneSkipped: !any { $0 == .skipped }
            }
        if holds { return .start }
        // A rule that asks for successes passes a failure on; one that asks for something else skips.
        let asksForSuccess: Set<TriggerRule> = [.allSuccess, .allDoneMinOneSuccess, .oneSuccess, .noneFailed, .noneFailedMinOneSuccess]
        return asksForSuccess.contains(rule) && any { failed.contains($0) } ? .upstreamFailed : .skip
    }
}
