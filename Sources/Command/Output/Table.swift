/// Rows of cells in aligned columns, two spaces apart.
struct Table {
    enum Side {
        case left, right
    }

    var header: [String]
    var sides: [Side]
    var rows: [[String]] = []

    init(_ columns: [(title: String, side: Side)]) {
        header = columns.map(\.title)
        sides = columns.map(\.side)
    }

    /// Without a header line if no column has a title.
    func text(_ style: Style = .plain) -> String {
        let hasHeader = header.contains { !$0.isEmpty }
        let widths = header.indices.map { column in
            ([header] + rows).map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        func line(_ cells: [String]) -> String {
            var text = ""
            for (column, cell) in cells.enumerated() where column < widths.count {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                text += (column == 0 ? "" : "  ") + (sides[column] == .left ? cell + space : space + cell)
            }
            while text.last == " " { text.removeLast() }
            return text
        }
        return ((hasHeader ? [style.faint(line(header))] : []) + rows.map(line)).joined(separator: "\n")
    }
}
