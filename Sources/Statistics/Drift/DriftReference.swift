/// The reference sample of a column, prepared once, to which new columns are compared exactly in O(*n*).
///
/// The greatest distance of two distribution functions is found without sorting the new column: its numbers are counted in
/// 8,192 bins of the reference, whose edges give the distance exactly there and bound it in between; only in the few bins
/// where the bound exceeds what was found are numbers looked at again, each in its place among the reference's.
///
/// A number's bin is found by a table: of each exponent, cells of equal width over the edges that have this exponent, about four an
/// edge, whatever the distribution; then among the few edges of the cell, by halving without branches.
///
/// ```swift
/// let reference = DriftReference(lastMonth)
/// let drift = reference?.drift(of: today.span)
/// drift?.kolmogorovSmirnov?.statistic
/// ```
public struct DriftReference: Sendable {
    /// The reference's numbers, ascending.
    private let sorted: [Double]
    /// Edges of the search's bins, ascending, then infinities for searches past the last.
    private let edges: [Double]
    private let edgeCount: Int
    /// By sign and exponent, the cells.
    private let blocks: [Block]
    /// By cell, how many edges are in cells before it.
    private let cells: [UInt16]
    /// A cell has fewer edges than two to this power.
    private let levels: Int

    /// Cells of equal width over keys (`NumberHistogram.key`), for one exponent.
    private struct Block: Sendable {
        var first: UInt64 = 0
        var shift: UInt64 = 0
        var lastCell: UInt64 = 0
        var cell = 0
    }

    /// How many reference numbers are at most, and below, each edge.
    private let atMost: [Int]
    private let below: [Int]
    /// Which of the edges end a bin of the distances of counts.
    private let binEdges: [Int]
    /// Reference counts of those bins.
    private let binCounts: [Int]

    /// Sorts the reference; nil without finite numbers. Others are left out.
    ///
    /// - Parameters:
    ///   - numbers: the reference in any order; 16 bytes are kept of each at most.
    ///   - bins: how many bins of equal shares of the reference PSI has; fewer where numbers are equal. At least 2.
    /// - Complexity: O(*n* log *n*).
    public init?(_ numbers: [Double], bins: Int = 10) {
        precondition((2...1_000).contains(bins), "2 to 1,000 bins")
        let sorted = numbers.filter(\.isFinite).sorted()
        let n = sorted.count
        guard n > 0 else { return nil }
        // An edge at each of so many equal shares, at the bins' ends and at the greatest number.
        let shares = min(Self.shareCount, n)
        let ends = Set((1..<bins).map { sorted[max(0, ($0 * n + bins - 1) / bins - 1)] + 0 })
        var chosen = ends
        for share in 1...shares { chosen.insert(sorted[share * n / shares - 1] + 0) }
        // A number that is a large share by itself, and the least one, get an edge just below too: the bin that ends with
        // them then holds nothing else.
        chosen.insert(sorted[0] + 0)
        for edge in chosen.sorted() where edge.nextDown.isFinite {
            let first = Self.lowerBound(sorted, edge)
            let isHeavy = (Self.lowerBound(sorted, edge.nextUp) - first) * 2 * shares > n
            if first == 0 || isHeavy { chosen.insert(edge.nextDown + 0) }
        }
        let edges = chosen.sorted()
        let atMost = edges.map { Self.lowerBound(sorted, $0.nextUp) }
        let binEdges = edges.indices.filter { ends.contains(edges[$0]) && atMost[$0] < n }
        var before = 0
        binCounts = (binEdges.map { atMost[$0] } + [n]).map { end in
            defer { before = end }
            return end - before
        }
        below = edges.map { Self.lowerBound(sorted, $0) }
        edgeCount = edges.count
        (blocks, cells, levels) = Self.table(edges)
        self.edges = edges + [Double](repeating: .infinity, count: 1 << levels)
        (self.sorted, self.atMost, self.binEdges) = (sorted, atMost, binEdges)
    }

    /// Twice as many edges and some more are fewer than 16 bits can name; more edges leave the caches.
    private static let shareCount = 8_192

    private static func table(_ edges: [Double]) -> ([Block], [UInt16], levels: Int) {
        let keys = edges.map { NumberHistogram.key($0) }
        var blocks: [Block] = []
        var cells: [UInt16] = []
        blocks.reserveCapacity(4_096)
        var next = 0
        var most = 0
        for exponent in UInt64(0)..<4_096 {
            var end = next
            while end < keys.count, keys[end] >> 52 == exponent { end += 1 }
            guard end > next else {
                blocks.append(Block(cell: cells.count))
                cells.append(UInt16(next))
                continue
            }
            let range = keys[end - 1] - keys[next]
            // 2 to the power `bits` cells at most, 4 to 8 an edge.
            let bits = Int.bitWidth - (end - next).leadingZeroBitCount + 2
            let width = UInt64.bitWidth - range.leadingZeroBitCount
            let block = Block(
                first: keys[next], shift: UInt64(max(0, width - bits)), lastCell: range >> UInt64(max(0, width - bits)), cell: cells.count)
            blocks.append(block)
            for cell in 0...block.lastCell {
                cells.append(UInt16(next))
                let start = next
                while next < end, (keys[next] - block.first) >> block.shift == cell { next += 1 }
                most = max(most, next - start)
            }
        }
        return (blocks, cells, Int.bitWidth - most.leadingZeroBitCount)
    }

    /// How many numbers the reference has.
    public var count: Int { sorted.count }

    /// The first place whose number is at least `number`.
    private static func lowerBound(_ sorted: [Double], _ number: Double) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Compares a new column: exact Kolmogorov–Smirnov test, and the distances of counts on bins of equal shares of the
    /// reference. Nil if it has no numbers.
    ///
    /// - Parameters:
    ///   - numbers: the column; what is not finite is left out.
    ///   - valid: 64 rows a word, low bit first; nil if all are valid.
    ///   - smoothing: what PSI adds to every count.
    /// - Complexity: O(*n*) as a rule, about 15 ns a number, and never more than O(*n* log *r*) for a reference of *r*; allocates
    ///   2 bytes a number.
    public func drift(of numbers: Span<Double>, valid: Span<UInt64>? = nil, smoothing: Double = 0.5) -> ColumnDrift? {
        // Bins of the search by row; the last one is of rows left out.
        let left = edgeCount + 1
        precondition(numbers.count >> 31 == 0, "at most 2³¹ numbers")
        var bins = [UInt16](repeating: 0, count: numbers.count)
        var counts = [UInt32](repeating: 0, count: left + 1)
        place(numbers, valid, &bins, &counts, left: left)
        let (n, m) = (sorted.count, numbers.count - Int(counts[left]))
        guard m > 0 else { return nil }

        // The distance at the edges, exactly.
        var currentAtMost = [Int](repeating: 0, count: edgeCount)
        var sum = 0
        var gap = 0
        for edge in 0..<edgeCount {
            sum += Int(counts[edge])
            currentAtMost[edge] = sum
            gap = max(gap, abs(sum * n - atMost[edge] * m))
        }
        gap = max(gap, refined(numbers, bins, currentAtMost, m, gap))

        var before = 0
        let current = (binEdges.map { currentAtMost[$0] } + [m]).map { end in
            defer { before = end }
            return end - before
        }
        let test = KolmogorovSmirnov(gap: Int128(gap), referenceCount: n, currentCount: m)
        return CountDistances(reference: binCounts, current: current, smoothing: smoothing).map { distances in
            ColumnDrift(
                referenceCount: n, currentCount: m, kolmogorovSmirnov: test, kolmogorovSmirnovAtMost: test.statistic, distances: distances,
                edges: binEdges.map { edges[$0] }, referenceCounts: binCounts, currentCounts: current)
        }
    }

    /// Finds each number's bin, the number of edges below it; of rows left out, `left`.
    private func place(_ numbers: Span<Double>, _ valid: Span<UInt64>?, _ bins: inout [UInt16], _ counts: inout [UInt32], left: Int) {
        let levels = levels
        edges.withUnsafeBufferPointer { edges in
            cells.withUnsafeBufferPointer { cells in
                blocks.withUnsafeBufferPointer { blocks in
                    bins.withUnsafeMutableBufferPointer { bins in
                        counts.withUnsafeMutableBufferPointer { counts in
                            for row in numbers.indices {
                                let number = numbers[unchecked: row]
                                let key = NumberHistogram.key(number)
                                let exponent = Int(truncatingIfNeeded: key &>> 52)
                                let block = blocks[exponent]
                                let cell = min((max(key, block.first) &- block.first) &>> block.shift, block.lastCell)
                                var bin = Int(cells[block.cell &+ Int(truncatingIfNeeded: cell)])
                                var level = levels &- 1
                                while level >= 0 {
                                    bin &+= (edges[bin &+ (1 &<< level) &- 1] < number ? 1 : 0) &<< level
                                    level &-= 1
                                }
                                // All bits of the exponent set: not finite.
                                bin = exponent == 0 || exponent == 0xFFF ? left : bin
                                bins[row] = UInt16(truncatingIfNeeded: bin)
                                counts[bin] &+= 1
                            }
                        }
                    }
                }
            }
        }
        guard let valid else { return }
        for row in bins.indices where valid[row >> 6] >> UInt64(row & 63) & 1 == 0 {
            counts[Int(bins[row])] -= 1
            counts[left] += 1
            bins[row] = UInt16(left)
        }
    }

    /// The greatest distance inside the bins where it may exceed `gap`; 0 if there are none.
    private func refined(_ numbers: Span<Double>, _ bins: [UInt16], _ currentAtMost: [Int], _ m: Int, _ gap: Int) -> Int {
        let n = sorted.count
        // Where the counts of a bin under refinement begin: two for each reference number in it, below it and equal to it.
        var starts = [Int](repeating: -1, count: edgeCount + 2)
        var refinedBins: [Int] = []
        var size = 0
        for bin in 0..<edgeCount {
            let (before, currentBefore) = bin == 0 ? (0, 0) : (atMost[bin - 1], currentAtMost[bin - 1])
            // Nothing lies between an edge and the number next to it; and where the reference has nothing, the distance is
            // greatest at an end.
            if bin > 0, edges[bin - 1].nextUp == edges[bin] { continue }
            if atMost[bin] == before { continue }
            guard max(currentAtMost[bin] * n - before * m, below[bin] * m - currentBefore * n) > gap else { continue }
            // Numbers of the bin, all below its edge or at it.
            starts[bin] = size
            size += 2 * (atMost[bin] - before)
            refinedBins.append(bin)
        }
        guard !refinedBins.isEmpty else { return 0 }
        // The numbers of these bins, bin by bin, so that each search stays in a short piece of memory.
        var next = [Int](repeating: -1, count: edgeCount + 2)
        var ends: [Int] = []
        var total = 0
        for bin in refinedBins {
            next[bin] = total
            total += currentAtMost[bin] - (bin == 0 ? 0 : currentAtMost[bin - 1])
            ends.append(total)
        }
        var grouped = [Double](repeating: 0, count: total)
        grouped.withUnsafeMutableBufferPointer { grouped in
            next.withUnsafeMutableBufferPointer { next in
                bins.withUnsafeBufferPointer { bins in
                    for row in 0..<bins.count {
                        let place = next[Int(bins[row])]
                        if place < 0 { continue }
                        grouped[place] = numbers[unchecked: row]
                        next[Int(bins[row])] = place &+ 1
                    }
                }
            }
        }
        var places = [Int](repeating: 0, count: size)
        var start = 0
        for (bin, end) in zip(refinedBins, ends) {
            let first = bin == 0 ? 0 : atMost[bin - 1]
            Self.count(
                grouped.span.extracting(start..<end), among: sorted.span.extracting(first..<atMost[bin]), in: &places, from: starts[bin])
            start = end
        }
        var greatest = 0
        for bin in refinedBins {
            let first = bin == 0 ? 0 : atMost[bin - 1]
            var current = bin == 0 ? 0 : currentAtMost[bin - 1]
            var index = first
            while index < atMost[bin] {
                var next = index + 1
                while next < atMost[bin], sorted[next] == sorted[index] { next += 1 }
                current += places[starts[bin] + 2 * (index - first)]
                greatest = max(greatest, abs(current * n - index * m))
                current += places[starts[bin] + 2 * (index - first) + 1]
                greatest = max(greatest, abs(current * n - next * m))
                index = next
            }
        }
        return greatest
    }

    /// Counts for each number, at most the last of `sorted`, how many lie below it and above the one before (places 0, 2, 4 …),
    /// and how many are equal to the first of its value (1, 3, 5 …).
    private static func count(_ numbers: Span<Double>, among sorted: Span<Double>, in places: inout [Int], from start: Int) {
        places.withUnsafeMutableBufferPointer { places in
            for index in numbers.indices {
                let number = numbers[unchecked: index]
                var base = 0
                var length = sorted.count
                while length > 1 {
                    let half = length &>> 1
                    base &+= (sorted[unchecked: base &+ half &- 1] < number ? 1 : 0) &* half
                    length &-= half
                }
                base &+= sorted[unchecked: base] < number ? 1 : 0
                places[start &+ 2 &* base &+ (sorted[unchecked: base] == number ? 1 : 0)] &+= 1
            }
        }
    }
}
