/// The last line of what came so far.
struct LastLine {
    private(set) var bytes: [UInt8] = []
    private var isWhole = false

    mutating func append(_ piece: [UInt8]) {
        guard let last = piece.last else { return }
        if isWhole { bytes = [] }
        isWhole = last == 0x0A
        let lines = piece.dropLast(isWhole ? 1 : 0)
        if let start = lines.lastIndex(of: 0x0A) { bytes = Array(lines[(start + 1)...]) } else { bytes += lines }
    }
}
