public import MartletFrames

/// Decides what becomes of a rollout: a pure function of where it stands, what was seen, and the time.
///
/// A rollout is withdrawn when a guardrail is shown to be broken or the challenger is shown to be worse than the margin
/// allows. It goes on to its next step when the minimum was seen and neither is so, and is let in after the last step when the
/// challenger is shown not to be worse than the margin allows. Since the bounds hold at all times at once, it may be asked as
/// often as one likes. While the units are not shared as planned nothing is concluded in the challenger's favour: the
/// comparison cannot be trusted, and a person is told.
public struct RolloutMachine: Sendable {
    public enum Decision: Hashable, Sendable {
        case wait
        /// To the step of this number, from 0.
        case advance(Int, reason: String)
        case promote(reason: String)
        /// A second person must let it in.
        case askApproval(reason: String)
        case withdraw(reason: String)
    }

    public let definition: RolloutDefinition

    public init(_ definition: RolloutDefinition) {
        self.definition = definition
    }

    /// Below it, units are not shared as planned: less likely by chance than this over the whole rollout.
    public static let sampleRatioBound = 0.001

    public func decide(_ rollout: Rollout, _ seen: RolloutEvidence, at now: Timestamp) -> Decision {
        guard rollout.state.isActive else { return .wait }
        if let broken = seen.guardrails.first(where: \.isBroken), let bounds = broken.bounds {
            return .withdraw(
                reason: "the guardrail on \(broken.name) is broken: at least \(Self.points(bounds.low)) beyond the champion, \(Self.points(broken.limit)) allowed")
        }
        if let difference = seen.difference, difference.high < -definition.margin {
            return .withdraw(reason: "a decision of the challenger is worth less: \(Self.text(difference))")
        }
        // The judgement was made; only what speaks against it counts from here on.
        guard rollout.state == .running else { return .wait }
        let isSharedAsPlanned = seen.sampleRatio.map { $0 >= Self.sampleRatioBound } ?? true
        let isOver = now - rollout.stepStarted >= definition.minimumTime
        if isSharedAsPlanned, isOver, let difference = seen.difference {
            if rollout.step + 1 < definition.steps.count {
                return .advance(rollout.step + 1, reason: "nothing speaks against it: \(Self.text(difference))")
            }
            if difference.low > -definition.margin { return accept("the judgement is for it: \(Self.text(difference))") }
        }
        guard now - rollout.started >= definition.longest else { return .wait }
        let why = !isSharedAsPlanned
            ? "the units were not shared as planned"
            : seen.difference.map { "nothing was shown: \(Self.text($0))" } ?? "too few outcomes came"
        switch definition.undecided {
        case .wait: return .wait
        case .withdraw: return .withdraw(reason: "\(definition.longest) have passed and \(why)")
        case .promote:
            // Not on a comparison that cannot be trusted.
            return isSharedAsPlanned
                ? accept("\(definition.longest) have passed and \(why)") : .withdraw(reason: "\(definition.longest) have passed and \(why)")
        }
    }

    private func accept(_ reason: String) -> Decision {
        definition.needsApproval ? .askApproval(reason: reason) : .promote(reason: reason)
    }

    private static func text(_ bounds: RolloutEvidence.Bounds) -> String {
        "difference \(number(bounds.estimate)), at all times between \(number(bounds.low)) and \(number(bounds.high))"
    }

    private static func points(_ share: Double) -> String { "\(number(share * 100)) points" }

    /// Four digits.
    static func number(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
        var scale = 1.0
        var size = value.magnitude
        while size < 1_000 { size *= 10; scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() && rounded.magnitude < 1e15 ? "\(Int64(rounded))" : "\(rounded)"
    }
}

extension Timestamp {
    fileprivate static func - (left: Self, right: Self) -> Span {
        Span(microseconds: left.microseconds - right.microseconds)
    }
}
