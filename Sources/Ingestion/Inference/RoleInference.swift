internal import MartletFrames

/// Which columns are the event time, the unique key, entity keys and the label.
struct RoleInference {
    let profiles: [ColumnProfile]
    let rowCount: Int

    func eventTime() -> InferredRole? {
        let candidates = profiles.filter {
            $0.inferred.type == .timestamp && $0.distinctCount > 1 && $0.inferred.missingShare == 0
        }
        let scored = candidates.map { profile -> (ColumnProfile, Double, String) in
            var score = min(0.6, profile.inferred.typeFinding.confidence)
            var reasons = [
                profile.inferred.timeUnit == nil
                    ? "it is a time in every row" : "its numbers can be read as times"
            ]
            if profile.isAscending {
                score += 0.2
                reasons.append("the rows are in its order")
            }
            if NameHints.isFirstTime(profile.name) { score += 0.1 }
            if NameHints.isLastTime(profile.name) {
                score -= 0.2
                reasons.append("though its name says that it comes last")
            }
            if candidates.count == 1 {
                score += 0.15
                reasons.append("there is no other")
            }
            return (profile, min(0.95, score), reasons.joined(separator: ", "))
        }
        // The first of equals: files name the main time early.
        guard let best = scored.max(by: { $0.1 < $1.1 }), let first = scored.first(where: { $0.1 == best.1 })
        else { return nil }
        return InferredRole(column: first.0.name, finding: Finding(first.1, first.2))
    }

    func uniqueKey() -> InferredRole? {
        guard rowCount > 1 else { return nil }
        var best: InferredRole?
        for (place, profile) in profiles.enumerated()
        where profile.distinctCount == rowCount && profile.inferred.missingShare == 0 {
            guard profile.inferred.type == .int64 || profile.inferred.type == .string else { continue }
            var score = rowCount < 20 ? 0.2 : 0.4
            var reasons = ["each of the \(rowCount) rows has another value"]
            if NameHints.isKey(profile.name) {
                score += 0.4
                reasons.append("its name says key")
            }
            if place == 0 { score += 0.1 }
            let isCounter = profile.inferred.type == .int64 && profile.isAscending && isConsecutive(profile)
            if isCounter {
                score += 0.05
                reasons.append("it counts the rows")
            }
            // Without a name or a count, different values may be chance: an amount, a measurement.
            guard NameHints.isKey(profile.name) || isCounter || profile.inferred.type == .string && place == 0
            else { continue }
            let role = InferredRole(
                column: profile.name, finding: Finding(min(0.95, score), reasons.joined(separator: ", ")))
            if role.finding.confidence > best?.finding.confidence ?? 0 { best = role }
        }
        return best
    }

    private func isConsecutive(_ profile: ColumnProfile) -> Bool {
        guard case .int64(let low)? = profile.inferred.minimum,
            case .int64(let high)? = profile.inferred.maximum
        else { return false }
        return high - low == Int64(rowCount - 1)
    }

    func entityKeys(besides taken: Set<String>) -> [InferredRole] {
        var roles: [InferredRole] = []
        for profile in profiles where !taken.contains(profile.name) && profile.inferred.missingShare < 0.5 {
            guard profile.inferred.type == .int64 || profile.inferred.type == .string,
                profile.distinctCount >= 3
            else { continue }
            let present = profile.presentCount
            guard profile.distinctCount * 2 <= present else { continue }
            let times = present / profile.distinctCount
            let saying = "\(profile.distinctCount) values come about \(times) times each"
            if NameHints.isIdentifier(profile.name) {
                roles.append(
                    InferredRole(
                        column: profile.name, finding: Finding(0.85, "its name says key, and its \(saying)")))
            } else if profile.distinctCount > 50, NameHints.isKey(profile.name) {
                roles.append(
                    InferredRole(
                        column: profile.name, finding: Finding(0.6, "its name may say key, and its \(saying)")
                    ))
            } else if profile.inferred.type == .string, profile.distinctCount > 50,
                profile.distinctCount * 500 > present,
                profile.texts.prefix(50).allSatisfy({ !$0.contains(" ") })
            {
                roles.append(
                    InferredRole(
                        column: profile.name, finding: Finding(0.4, "its \(saying), and they look like codes")
                    ))
            }
        }
        return roles.enumerated().sorted {
            ($1.element.finding.confidence, $0.offset) < ($0.element.finding.confidence, $1.offset)
        }.map(\.element)
    }

    func labels(besides taken: Set<String>) -> [InferredRole] {
        let candidates = profiles.enumerated().filter { _, profile in
            !taken.contains(profile.name) && profile.inferred.type != .timestamp && profile.distinctCount > 1
        }
        let flags = candidates.filter { $0.element.distinctCount == 2 && $0.element.inferred.type == .bool }
        var roles: [InferredRole] = []
        for (place, profile) in candidates {
            var score = 0.0
            var reasons: [String] = []
            if NameHints.isStrongLabel(profile.name) {
                score += 0.55
                reasons.append("its name says label")
            } else if NameHints.isWeakLabel(profile.name) {
                score += 0.3
                reasons.append("its name may say label")
            } else if NameHints.isQuestion(profile.name) {
                score += 0.25
                reasons.append("its name asks a question")
            }
            if profile.distinctCount == 2 {
                let isFlag = profile.inferred.type == .bool
                score += isFlag ? 0.25 : 0.15
                reasons.append("it has two values")
                if isFlag, flags.count == 1 {
                    score += 0.2
                    reasons.append("no other column is true or false")
                }
            } else if profile.inferred.type == .string, profile.distinctCount > 20 {
                continue
            }
            if place == profiles.count - 1 {
                score += 0.2
                reasons.append("it comes last")
            } else if place == 0, score > 0 {
                score += 0.1
            }
            score -= profile.inferred.missingShare * 0.5
            if score >= 0.2 {
                roles.append(
                    InferredRole(
                        column: profile.name,
                        finding: Finding(min(0.95, score), reasons.joined(separator: ", "))))
            }
        }
        // Of equals the later: files put the answer behind the questions.
        return roles.enumerated().sorted {
            ($1.element.finding.confidence, $1.offset) < ($0.element.finding.confidence, $0.offset)
        }.map(\.element)
    }
}
