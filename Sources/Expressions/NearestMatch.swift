/// The candidate that a misspelt word most likely means, or nil if none is close.
///
/// Close is an edit distance of at most a third of the word's length (at least 1), letter case aside.
/// - Complexity: O(candidates × word² ); candidates and word longer than 64 bytes are passed over.
func nearestMatch(to word: String, among candidates: some Sequence<String>) -> String? {
    let wanted = lowercasedASCII(word)
    guard wanted.count <= 64 else { return nil }
    let limit = max(1, wanted.count / 3)
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
        let bytes = lowercasedASCII(candidate)
        guard bytes.count <= 64, abs(bytes.count - wanted.count) <= limit else { continue }
        let distance = editDistance(wanted, bytes)
        if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.candidate
}

private func lowercasedASCII(_ text: String) -> [UInt8] {
    text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
}

/// Insertions, deletions and substitutions that make one of the other (Levenshtein).
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let substituted = diagonal + (a == b ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[right.count]
}
