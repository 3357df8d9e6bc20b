/// A graph of tasks, drawn in layers from left to right: each task right of all that it comes after.
struct PipelineGraphDrawing {
    struct Node: Hashable {
        var name: String
        var kind: String
        /// Numbers of the nodes that it comes after.
        var after: [Int]
        /// Whether it runs only if the run fails.
        var isOnFailure = false
        /// In the newest run; nil if there is none.
        var state: String?
    }

    var nodes: [Node]

    /// Nodes of a drawing that still can be read.
    static let nodeLimit = 300

    private static let boxWidth = 168.0
    private static let boxHeight = 44.0
    private static let columnWidth = 224.0
    private static let rowHeight = 60.0

    /// The column and the row of each node. Columns follow from what comes before; rows put each node near those before it.
    var places: [(column: Int, row: Int)] {
        var columns = [Int](repeating: 0, count: nodes.count)
        for _ in nodes.indices {
            var isSettled = true
            for index in nodes.indices {
                let column = (nodes[index].after.map { columns[$0] + 1 }.max()) ?? 0
                if column != columns[index], column < nodes.count {
                    columns[index] = column
                    isSettled = false
                }
            }
            if isSettled { break }
        }
        // What runs only after a failure stands right of everything else.
        let last = (nodes.indices.filter { !nodes[$0].isOnFailure }.map { columns[$0] }.max() ?? -1) + 1
        for index in nodes.indices where nodes[index].isOnFailure { columns[index] += last }
        var rows = [Int](repeating: 0, count: nodes.count)
        for column in 0...(columns.max() ?? 0) {
            let members = nodes.indices.filter { columns[$0] == column }
            let centres = members.map { index -> Double in
                let before = nodes[index].after.map { Double(rows[$0]) }
                return before.isEmpty ? Double(index) : before.reduce(0, +) / Double(before.count)
            }
            let order = members.indices.sorted { (centres[$0], members[$0]) < (centres[$1], members[$1]) }
            for (row, place) in order.enumerated() { rows[members[place]] = row }
        }
        return nodes.indices.map { (columns[$0], rows[$0]) }
    }

    var svg: HTML {
        guard nodes.count <= Self.nodeLimit else { return "<p class=\"soft\">The graph has too many tasks to be drawn.</p>" }
        let places = places
        let width = Double((places.map(\.column).max() ?? 0) + 1) * Self.columnWidth - (Self.columnWidth - Self.boxWidth) + 8
        let height = Double((places.map(\.row).max() ?? 0) + 1) * Self.rowHeight
        func corner(_ index: Int) -> (x: Double, y: Double) {
            (Double(places[index].column) * Self.columnWidth + 4, Double(places[index].row) * Self.rowHeight + 6)
        }
        var drawn = HTML()
        for (index, node) in nodes.enumerated() {
            let to = corner(index)
            for before in node.after {
                let from = corner(before)
                let (x1, y1) = (from.x + Self.boxWidth, from.y + Self.boxHeight / 2)
                let (x2, y2) = (to.x, to.y + Self.boxHeight / 2)
                let middle = (x1 + x2) / 2
                let path =
                    "M\(Drawing.number(x1)) \(Drawing.number(y1))C\(Drawing.number(middle)) \(Drawing.number(y1)) "
                    + "\(Drawing.number(middle)) \(Drawing.number(y2)) \(Drawing.number(x2)) \(Drawing.number(y2))"
                drawn += "<path class=\"edge\" d=\"\(path)\"/>"
            }
        }
        for (index, node) in nodes.enumerated() {
            let (x, y) = corner(index)
            let state = node.state ?? "none"
            let words = node.state.map { "\(PipelineStates.sign($0)) \(PipelineStates.words($0))" } ?? ""
            let dashed: HTML = node.isOnFailure ? " dashed" : ""
            drawn += """
                <g><title>\(node.name): \(node.kind) \(words)</title>
                <rect class="node s-\(state)\(dashed)" x="\(Drawing.number(x))" y="\(Drawing.number(y))" width="\(Drawing.number(Self.boxWidth))" height="\(Drawing.number(Self.boxHeight))" rx="6"/>
                <text class="name" x="\(Drawing.number(x + 10))" y="\(Drawing.number(y + 18))">\(Drawing.short(node.name, 21))</text>
                <text class="value" x="\(Drawing.number(x + 10))" y="\(Drawing.number(y + 35))">\(Drawing.short(node.kind, 9)) \(words)</text></g>
                """
        }
        return """
            <svg class="graph" viewBox="0 0 \(Drawing.number(width)) \(Drawing.number(height))" width="\(Drawing.number(width))" height="\(Drawing.number(height))" role="img" aria-label="The tasks and what they come after">\(drawn)</svg>
            """
    }
}
