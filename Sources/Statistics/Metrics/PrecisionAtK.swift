import MartletNumerics

/// The share of positives among the first `k` by score, per period, averaged over periods.
///
/// With `members`, rows of one member in one period count as one: its score is its highest there, and it is
/// positive if any of its rows there is. `precision_at: 100, per: [day, customer_id]` gives days as periods and
/// customers as members.
///
/// A period with fewer than `k` rows (or members) is measured on those it has. Equal scores are taken in an
/// order that has nothing to do with their labels: by member, or by row.
///
/// - Parameters:
///   - periods: one number per row; rows of one number belong together. Nil for one period.
///   - members: one number per row; nil if each row stands for itself.
/// - Returns: nil without rows.
/// - Complexity: O(n log n).
public func precisionAt(
    _ k: Int, scores: [Double], labels: [Bool], periods: [Int]? = nil, members: [Int]? = nil
) -> Double? {
    precondition(k >= 1, "k is at least 1")
    precondition(scores.count == labels.count, "lengths differ")
    precondition(periods.map { $0.count == scores.count } ?? true, "lengths differ")
    precondition(members.map { $0.count == scores.count } ?? true, "lengths differ")
    precondition(scores.allSatisfy { $0.isFinite }, "a score is not finite")
    func period(_ row: Int) -> Int { periods?[row] ?? 0 }
    func member(_ row: Int) -> Int { members?[row] ?? row }

    struct Candidate {
        var period: Int
        var member: Int
        var score: Double
        var isPositive: Bool
    }
    var candidates: [Candidate] = []
    let order = scores.indices.sorted {
        (period($0), member($0), $0) < (period($1), member($1), $1)
    }
    for row in order {
        if let last = candidates.last, last.period == period(row), last.member == member(row) {
            candidates[candidates.count - 1].score = max(last.score, scores[row])
            candidates[candidates.count - 1].isPositive = last.isPositive || labels[row]
        } else {
            candidates.append(
                Candidate(period: period(row), member: member(row), score: scores[row], isPositive: labels[row]))
        }
    }
    var sum = CompensatedSum()
    var periodCount = 0
    var start = 0
    while start < candidates.count {
        var end = start
        while end < candidates.count, candidates[end].period == candidates[start].period { end += 1 }
        let first = candidates[start..<end]
            .sorted { $0.score != $1.score ? $0.score > $1.score : $0.member < $1.member }.prefix(k)
        sum.add(Double(first.count { $0.isPositive }) / Double(first.count))
        periodCount += 1
        start = end
    }
    return periodCount > 0 ? sum.value / Double(periodCount) : nil
}
