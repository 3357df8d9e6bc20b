/// A dense table of Floats, row after row: what a trainer and a scorer read. Missing is NaN.
public struct FloatMatrix: Sendable {
    public let rowCount: Int
    public let columnCount: Int
    /// `rowCount × columnCount` values, row-major.
    public var values: [Float]

    /// Takes values that are already laid out row after row.
    public init(rowCount: Int, columnCount: Int, values: [Float]) {
        precondition(rowCount >= 0 && columnCount >= 0 && values.count == rowCount * columnCount, "shape and values differ")
        self.rowCount = rowCount
        self.columnCount = columnCount
        self.values = values
    }

    /// A table in which everything is missing.
    public init(rowCount: Int, columnCount: Int) {
        self.init(
            rowCount: rowCount, columnCount: columnCount, values: Array(repeating: .nan, count: rowCount * columnCount))
    }

    public subscript(row: Int, column: Int) -> Float {
        get { values[row * columnCount + column] }
        set { values[row * columnCount + column] = newValue }
    }

    /// The rows at the given indices, in that order.
    public func gathering(_ rows: [Int]) -> FloatMatrix {
        var gathered: [Float] = []
        gathered.reserveCapacity(rows.count * columnCount)
        for row in rows { gathered.append(contentsOf: values[(row * columnCount)..<((row + 1) * columnCount)]) }
        return FloatMatrix(rowCount: rows.count, columnCount: columnCount, values: gathered)
    }
}
