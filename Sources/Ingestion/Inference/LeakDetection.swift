internal import MartletFrames

/// Finds columns that give a label away.
///
/// A column alone is scored as a model of one feature would be: for a label of two values by the area under the ROC
/// curve, of its ranked numbers (ties shared) and of its values' label rates, the latter learned on one half of the
/// rows and judged on the other, so that rare values cannot look good by chance. A value that is missing counts as a
/// value. For numbers as labels: rank correlation, and whether two columns add up to the label.
struct LeakDetection {
    /// At and above this a column predicts the label almost perfectly.
    private static let almostPerfect = 0.99
    /// The fewest rows of the rarer class that a verdict needs.
    private static let leastSupport = 10
    /// Of rows that must agree for two columns to make up the label.
    private static let identity = 0.999

    let label: ColumnProfile
    let uniqueKey: String?
    let eventTime: String?

    func leaks(among profiles: [ColumnProfile]) -> [LabelLeak] {
        var leaks: [LabelLeak] = []
        let rows = label.codes.indices.filter { label.codes[$0] >= 0 }
        let sums = sumsOfLabel(profiles, rows)
        for profile in profiles where profile.name != label.name && profile.distinctCount > 0 {
            if let sum = sums[profile.name] {
                leaks.append(LabelLeak(column: profile.name, kind: .partOfLabel, finding: Finding(0.95, sum)))
            } else if profile.name == uniqueKey {
                leaks.append(
                    LabelLeak(
                        column: profile.name, kind: .identifier,
                        finding: Finding(0.9, "it numbers the rows, so a model could only remember them")))
            } else if profile.name != eventTime, let finding = predicts(profile, rows) {
                leaks.append(LabelLeak(column: profile.name, kind: .predictsLabel, finding: finding))
            } else if let finding = isNamedAfterwards(profile.name) {
                leaks.append(LabelLeak(column: profile.name, kind: .knownAfterwards, finding: finding))
            }
        }
        return leaks
    }

    private func isNamedAfterwards(_ name: String) -> Finding? {
        if label.name.utf8.count > 2, name.lowercased().hasPrefix(label.name.lowercased()) {
            return Finding(0.6, "its name begins with the label's, '\(label.name)'")
        }
        guard name != eventTime, let word = NameHints.knownAfterwards(name) else { return nil }
        return Finding(0.5, "the word '\(word)' in its name says that it may be known only afterwards")
    }

    /// Whether a column alone predicts the label almost perfectly.
    private func predicts(_ profile: ColumnProfile, _ rows: [Int]) -> Finding? {
        if label.distinctCount == 2 {
            guard let positiveText = label.positive, let positive = label.texts.firstIndex(of: positiveText)
            else { return nil }
            let isPositive = rows.map { label.codes[$0] == positive }
            let positives = isPositive.reduce(0) { $0 + ($1 ? 1 : 0) }
            guard min(positives, rows.count - positives) >= Self.leastSupport else { return nil }
            var best = rateArea(profile, rows, isPositive)
            if profile.inferred.type != .string { best = max(best, rankArea(profile, rows, isPositive)) }
            guard best >= Self.almostPerfect else { return nil }
            return Finding(
                0.95,
                "alone it tells '\(label.name)' with an area under the ROC curve of \(Self.rounded(best))")
        }
        if label.inferred.type == .int64 || label.inferred.type == .float64, label.distinctCount > 20 {
            guard profile.inferred.type != .string else { return nil }
            let correlation = rankCorrelation(profile, rows)
            guard correlation >= Self.almostPerfect else { return nil }
            return Finding(
                0.9,
                "its order is almost that of '\(label.name)': rank correlation \(Self.rounded(correlation))")
        }
        let (accuracy, plain) = classAccuracy(profile, rows)
        guard accuracy >= Self.almostPerfect, plain < 0.95 else { return nil }
        return Finding(
            0.95, "alone it tells \(Self.rounded(accuracy * 100))% of the classes of '\(label.name)'")
    }

    // MARK: Labels of two values

    /// The area under the ROC curve of a column's numbers, or one minus it; ties count half.
    private func rankArea(_ profile: ColumnProfile, _ rows: [Int], _ isPositive: [Bool]) -> Double {
        let area = Self.area(rows.map { profile.number($0) }, isPositive)
        return max(area, 1 - area)
    }

    /// The same of each value's label rate, learned on the other half of the rows.
    private func rateArea(_ profile: ColumnProfile, _ rows: [Int], _ isPositive: [Bool]) -> Double {
        let values = profile.texts.count + 1
        // Halves by position in pairs, so that neither order nor an alternating pattern is a half of its own.
        func half(_ index: Int) -> Int { (index / 2 + index / 7) & 1 }
        var counts = [[Double](repeating: 0, count: values), [Double](repeating: 0, count: values)]
        var hits = counts
        var (total, all) = ([0.0, 0.0], [0.0, 0.0])
        for (index, row) in rows.enumerated() {
            let code = profile.codes[row] + 1
            counts[half(index)][code] += 1
            total[half(index)] += 1
            if isPositive[index] {
                hits[half(index)][code] += 1
                all[half(index)] += 1
            }
        }
        let scores = rows.enumerated().map { index, row in
            let other = 1 - half(index)
            let code = profile.codes[row] + 1
            let prior = total[other] > 0 ? all[other] / total[other] : 0
            // One row's weight of the prior, so that a value seen once is not sure.
            return (hits[other][code] + prior) / (counts[other][code] + 1)
        }
        return Self.area(scores, isPositive)
    }

    /// Mann and Whitney's statistic over its greatest value; NaN is a value below all others.
    private static func area(_ scores: [Double], _ isPositive: [Bool]) -> Double {
        let ranks = ranks(scores)
        var (sum, positives) = (0.0, 0.0)
        for index in ranks.indices where isPositive[index] {
            sum += ranks[index]
            positives += 1
        }
        let negatives = Double(ranks.count) - positives
        guard positives > 0, negatives > 0 else { return 0.5 }
        return (sum - positives * (positives + 1) / 2) / (positives * negatives)
    }

    /// Ranks from 1; equals share their mean.
    private static func ranks(_ scores: [Double]) -> [Double] {
        let values = scores.map { $0.isNaN ? -Double.infinity : $0 }
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            for index in start..<end { ranks[order[index]] = Double(start + end + 1) / 2 }
            start = end
        }
        return ranks
    }

    // MARK: Labels of several classes

    /// The share of rows whose class is the usual one of their value, learned on the other half; and of always
    /// naming the most frequent class.
    private func classAccuracy(_ profile: ColumnProfile, _ rows: [Int]) -> (accuracy: Double, plain: Double) {
        struct Pair: Hashable { var half: Int, value: Int, outcome: Int }
        var counts: [Pair: Int] = [:]
        var outcomes: [Int: Int] = [:]
        for (index, row) in rows.enumerated() {
            counts[
                Pair(half: (index / 2 + index / 7) & 1, value: profile.codes[row], outcome: label.codes[row]),
                default: 0] += 1
            outcomes[label.codes[row], default: 0] += 1
        }
        struct Slot: Hashable { var half: Int, value: Int }
        var usual: [Slot: (outcome: Int, count: Int)] = [:]
        for (pair, count) in counts {
            let slot = Slot(half: pair.half, value: pair.value)
            if let known = usual[slot], (known.count, pair.outcome) >= (count, known.outcome) { continue }
            usual[slot] = (pair.outcome, count)
        }
        let hits = rows.enumerated().reduce(0) { hits, pair in
            let other = 1 - (pair.offset / 2 + pair.offset / 7) & 1
            return hits
                + (usual[Slot(half: other, value: profile.codes[pair.element])]?.outcome
                    == label.codes[pair.element] ? 1 : 0)
        }
        guard rows.count >= 2 * Self.leastSupport else { return (0, 1) }
        return (Double(hits) / Double(rows.count), Double(outcomes.values.max() ?? 0) / Double(rows.count))
    }

    // MARK: Numbers as labels

    /// Spearman's coefficient without its sign, over rows where both have a number.
    private func rankCorrelation(_ profile: ColumnProfile, _ rows: [Int]) -> Double {
        let both = rows.filter { !profile.number($0).isNaN && !label.number($0).isNaN }
        guard both.count >= 2 * Self.leastSupport, both.count * 2 >= rows.count else { return 0 }
        let left = Self.ranks(both.map { profile.number($0) })
        let right = Self.ranks(both.map { label.number($0) })
        let mean = Double(both.count + 1) / 2
        var (product, leftSquare, rightSquare) = (0.0, 0.0, 0.0)
        for index in both.indices {
            let (a, b) = (left[index] - mean, right[index] - mean)
            product += a * b
            leftSquare += a * a
            rightSquare += b * b
        }
        guard leftSquare > 0, rightSquare > 0 else { return 0 }
        return (product / (leftSquare * rightSquare).squareRoot()).magnitude
    }

    /// Pairs of number columns whose sum or difference is the label in nearly every row, with a sentence for each.
    private func sumsOfLabel(_ profiles: [ColumnProfile], _ rows: [Int]) -> [String: String] {
        guard label.inferred.type == .int64 || label.inferred.type == .float64, label.distinctCount > 20,
            rows.count >= 20
        else {
            return [:]
        }
        let numeric = profiles.filter {
            $0.name != label.name && ($0.inferred.type == .int64 || $0.inferred.type == .float64)
                && $0.distinctCount > 2
        }.prefix(200)
        var found: [String: String] = [:]
        for (index, first) in numeric.enumerated() {
            for second in numeric.dropFirst(index + 1) {
                for (sign, name) in [(1.0, "plus"), (-1.0, "minus")] where holds(first, sign, second, rows) {
                    let sentence = "'\(first.name)' \(name) '\(second.name)' is '\(label.name)'"
                    found[first.name] = found[first.name] ?? sentence
                    found[second.name] = found[second.name] ?? sentence
                }
            }
        }
        return found
    }

    private func holds(_ first: ColumnProfile, _ sign: Double, _ second: ColumnProfile, _ rows: [Int]) -> Bool
    {
        var allowed = Int(Double(rows.count) * (1 - Self.identity))
        var compared = 0
        for row in rows {
            let (a, b, wanted) = (first.number(row), second.number(row), label.number(row))
            if a.isNaN || b.isNaN { continue }
            compared += 1
            let gap = (sign < 0 ? (a - b).magnitude - wanted.magnitude : a + b - wanted).magnitude
            if gap > 1e-9 * max(1, wanted.magnitude) {
                if allowed == 0 { return false }
                allowed -= 1
            }
        }
        return compared * 2 >= rows.count
    }

    private static func rounded(_ number: Double) -> String {
        let thousandths = Int(number * 1_000 + 0.5)
        let digits = String(thousandths % 1_000)
        let padded = String(repeating: "0", count: 3 - digits.count) + digits
        return "\(thousandths / 1_000).\(padded)"
    }
}
