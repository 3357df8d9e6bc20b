import MartletFrames

/// Rows of texts as people read them.
struct TextTable {
    private let head: [String]
    private let rows: [[String]]

    /// The most characters of a cell that are shown.
    static let cellLimit = 60

    init(_ head: [String], _ rows: [[Value]]) {
        self.head = head.map(Self.cell)
        self.rows = rows.map { $0.map { $0 == .missing ? "NULL" : Self.cell("\($0)") } }
    }

    var text: String {
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
            return String(padded.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
        return ([line(head), line(widths.map { String(repeating: "-", count: $0) })] + rows.map(line)).joined(separator: "\n")
    }

    private static func cell(_ text: String) -> String {
        let plain = text.map { $0.isNewline || ($0.unicodeScalars.first?.value ?? 32) < 32 ? " " : $0 }
        return plain.count <= cellLimit ? String(plain) : String(plain.prefix(cellLimit - 1)) + "…"
    }
}
