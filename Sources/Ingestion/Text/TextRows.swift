/// Rows of text cells, all of one width, that a reader found in its input: a batch, not a row at a time.
///
/// A cell is a place in the bytes of the batch, so that reading a row makes nothing on the heap. Rows that could not
/// be split into cells are dead letters already.
public struct TextRows: Sendable {
    /// What stands at a place: of a table always a text, of JSON what was written there.
    enum Kind: UInt8, Sendable { case text, string, number, yes, no, null, absent, compound }

    struct Cell: Sendable {
        var start: UInt32
        var end: UInt32
        var kind: Kind
        /// Whether the text is among `unescaped`, not `raw`.
        var isUnescaped: Bool
    }

    /// How many cells each row has.
    public let width: Int
    /// The input's bytes, whole rows.
    public internal(set) var raw: [UInt8]
    /// Texts that differ from how they are written: doubled quotes, backslash escapes.
    var unescaped: [UInt8] = []
    /// `count` × `width` cells, row by row.
    var cells: [Cell] = []
    /// Where each row stands in `raw`, without its line end.
    var rowRanges: [Range<Int>] = []
    var places: [DeadLetter.Place] = []
    /// Rows that are not here, in the order of the input.
    public internal(set) var rejected: [DeadLetter] = []

    init(width: Int, raw: [UInt8]) {
        self.width = width
        self.raw = raw
    }

    /// How many rows there are.
    public var count: Int { rowRanges.count }
    public var isEmpty: Bool { rowRanges.isEmpty && rejected.isEmpty }

    /// A cell as a string, empty where JSON has null or nothing: for samples and tests.
    public subscript(row: Int, column: Int) -> String {
        let cell = cells[row * width + column]
        if cell.kind == .absent || cell.kind == .null { return "" }
        let range = Int(cell.start)..<Int(cell.end)
        return String(decoding: cell.isUnescaped ? unescaped[range] : raw[range], as: UTF8.self)
    }

    /// The same rows in parts of about equal length, in order; the rejected are in the first.
    public func split(into parts: Int) -> [TextRows] {
        if parts <= 1 { return [self] }
        return (0..<parts).map { part in
            let own = (count * part / parts)..<(count * (part + 1) / parts)
            var rows = TextRows(width: width, raw: raw)
            rows.unescaped = unescaped
            rows.cells = Array(cells[(own.lowerBound * width)..<(own.upperBound * width)])
            rows.rowRanges = Array(rowRanges[own])
            rows.places = Array(places[own])
            if part == 0 { rows.rejected = rejected }
            return rows
        }
    }

    public func place(_ row: Int) -> DeadLetter.Place { places[row] }
    public func raw(_ row: Int) -> ArraySlice<UInt8> { raw[rowRanges[row]] }
}
