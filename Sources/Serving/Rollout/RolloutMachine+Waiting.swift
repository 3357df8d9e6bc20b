public import MartletFrames

extension RolloutMachine {
    /// What a rollout waits for before it goes on, in words; empty once it has ended.
    ///
    /// The same conditions as ``decide(_:_:at:)`` has, each by itself.
    public func waitsFor(_ rollout: Rollout, _ seen: RolloutEvidence, at now: Timestamp) -> [String] {
        guard rollout.state.isActive else { return [] }
        guard rollout.state == .running else { return ["a second person to let it in"] }
        var all: [String] = []
        let stepEnd = rollout.stepStarted + definition.minimumTime
        if now < stepEnd { all.append("the end of the step's least time, at \(Self.second(stepEnd))") }
        if let difference = seen.difference {
            if rollout.step + 1 >= definition.steps.count, difference.low <= -definition.margin {
                all.append(
                    "outcomes that tell: the difference must lie above \(Self.number(-definition.margin)) at all times, and may be as low as \(Self.number(difference.low))"
                )
            }
        } else {
            all.append("judged decisions of \(definition.minimumUnits) units on either side")
        }
        if let ratio = seen.sampleRatio, ratio < Self.sampleRatioBound {
            all.append("a person: the units are not shared as planned (p \(Self.number(ratio))), so nothing speaks for it")
        }
        let last = rollout.started + definition.longest
        switch definition.undecided {
        case .wait: break
        case .withdraw: all.append("at most until \(Self.second(last)), when it is withdrawn")
        case .promote: all.append("at most until \(Self.second(last)), when it is let in")
        }
        return all
    }

    /// A moment to the second, as sentences have it.
    private static func second(_ moment: Timestamp) -> Timestamp {
        Timestamp(microseconds: moment.microseconds - moment.microseconds % 1_000_000)
    }
}
