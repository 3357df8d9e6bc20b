/// Finds what a person probably meant.
package enum NearestMatch {
    /// The candidate with the fewest edits from a text, if few enough; of equals the first by bytes.
    ///
    /// Case is ignored. At most one edit for each three characters begun, and never more than three, count as a slip.
    package static func of(_ text: String, in candidates: some Sequence<String>) -> String? {
        let limit = Swift.max(1, Swift.min(3, (text.count + 2) / 3))
        guard text.count <= 100 else { return nil }
        let wanted = Array(text.lowercased())
        var best: (distance: Int, name: String)?
        for name in candidates where !name.isEmpty && name.utf8.count <= 400 && name.count <= 100 {
            // Each character more or fewer is an edit.
            guard abs(name.count - wanted.count) <= limit + 1 else { continue }
            let found = distance(wanted, Array(name.lowercased()), limit: limit)
            guard found <= limit, found < wanted.count else { continue }
            if let current = best, (current.distance, current.name) <= (found, name) { continue }
            best = (found, name)
        }
        return best?.name
    }

    /// The Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, replacements, swaps of neighbours.
    ///
    /// O(*n* · *m*) time, or O(*n* · limit); O(*m*) memory.
    ///
    /// - Parameter limit: a distance beyond it need not be exact, only beyond it too.
    package static func distance(_ left: [Character], _ right: [Character], limit: Int = .max) -> Int {
        let far = left.count + right.count + 1
        var beforePrevious = [Int](repeating: 0, count: right.count + 1)
        var previous = Array(0...right.count)
        for row in 0..<left.count {
            var current = [Int](repeating: far, count: right.count + 1)
            current[0] = row + 1
            // What lies further from the diagonal than the limit takes more edits than that.
            let low = limit < row ? row - limit : 0
            let high = limit < right.count ? Swift.min(right.count, row + limit + 1) : right.count
            for column in stride(from: low, to: high, by: 1) {
                let replaced = previous[column] + (left[row] == right[column] ? 0 : 1)
                var cost = Swift.min(replaced, previous[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = Swift.min(cost, beforePrevious[column - 1] + 1)
                }
                current[column + 1] = cost
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
