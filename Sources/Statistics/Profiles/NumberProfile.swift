import MartletNumerics

/// What is kept of the numbers of a column: histogram, exact sum, exact sum of squares.
///
/// Numbers that are not finite are not counted. Merging is exact, whatever the order and the splits.
public struct NumberProfile: Sendable, Equatable {
    public private(set) var histogram: NumberHistogram
    private(set) var sum = ExactSum()
    private(set) var squares = ExactSum()

    public init(limit: Int = 2_048) {
        histogram = NumberHistogram(limit: limit)
    }

    init(histogram: NumberHistogram, sum: ExactSum, squares: ExactSum) {
        (self.histogram, self.sum, self.squares) = (histogram, sum, squares)
    }

    /// Counts all finite numbers of a run whose bit of `valid` is set; of `valid` = nil all are.
    ///
    /// - Parameter valid: 64 numbers a word, low bit first.
    /// - Complexity: O(*n*), about 10 ns a number; buffers of at most 700 KB while it lasts.
    public mutating func add(_ numbers: Span<Double>, valid: Span<UInt64>? = nil) {
        // The numbers that count, close together, a block at a time.
        var block = [Double](repeating: 0, count: min(65_536, numbers.count))
        var start = 0
        while start < numbers.count {
            let end = min(start + 65_536, numbers.count)
            var filled = 0
            // Every number is written, and the next one over it unless it counts: no branch to guess.
            block.withUnsafeMutableBufferPointer { block in
                if let valid {
                    for index in start..<end {
                        let number = numbers[unchecked: index]
                        block[filled] = number
                        filled += Self.isFinite(number) & Int(valid[index >> 6] >> UInt64(index & 63) & 1)
                    }
                } else {
                    for index in start..<end {
                        let number = numbers[unchecked: index]
                        block[filled] = number
                        filled += Self.isFinite(number)
                    }
                }
            }
            let span = block.span.extracting(0..<filled)
            histogram.add(span)
            sum.add(contentsOf: span)
            squares.add(squaresOf: span)
            start = end
        }
    }

    @inline(__always)
    private static func isFinite(_ number: Double) -> Int {
        number.bitPattern & 0x7FF0_0000_0000_0000 != 0x7FF0_0000_0000_0000 ? 1 : 0
    }

    /// Adds all of another profile of the same limit.
    public mutating func merge(_ other: NumberProfile) {
        histogram.merge(other.histogram)
        sum.merge(other.sum)
        squares.merge(other.squares)
    }

    public var count: Int { histogram.count }

    /// The exact sum, rounded once, over the count: within 1 ulp. Nil of no numbers.
    public var mean: Double? { count > 0 ? sum.value / Double(count) : nil }

    /// The sample's standard deviation (n − 1), from the exact moments: within 2 ulp, however far the mean is from 0.
    /// Nil below two numbers.
    public var standardDeviation: Double? {
        guard count >= 2, let deviations = ExactSum.squaredDeviations(count: count, sum: sum, squares: squares) else { return nil }
        return (deviations / Double(count - 1)).squareRoot()
    }
}
