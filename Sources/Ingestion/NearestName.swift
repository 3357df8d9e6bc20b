/// The name that was most likely meant, for error sentences.
enum NearestName {
    /// Of the candidates the one with the fewest edits, if those are few for its length.
    static func of(_ name: String, among candidates: some Sequence<String>) -> String? {
        let wanted = Array(name.lowercased().utf8.prefix(64))
        var best: (name: String, edits: Int)?
        for candidate in candidates {
            let edits = distance(wanted, Array(candidate.lowercased().utf8.prefix(64)))
            if edits <= max(1, wanted.count / 3), edits < best?.edits ?? .max { best = (candidate, edits) }
        }
        return best?.name
    }

    /// Insertions, removals, replacements and swaps of neighbours (optimal string alignment).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var older: [Int] = []
        var previous = Array(0...right.count)
        for i in 0..<left.count {
            var current = [i + 1]
            for j in 0..<right.count {
                var edits = min(
                    previous[j + 1] + 1, current[j] + 1, previous[j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    edits = min(edits, older[j - 1] + 1)
                }
                current.append(edits)
            }
            older = previous
            previous = current
        }
        return previous[right.count]
    }
}
