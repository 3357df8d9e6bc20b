/// A running sum that keeps what each addition rounds off (Neumaier, 1974).
///
/// The same numbers in the same order give the same bits on every machine; the error does not grow with the count.
package struct CompensatedSum: Sendable {
    @usableFromInline var sum = 0.0
    @usableFromInline var compensation = 0.0

    @inlinable package init() {}

    @inlinable package mutating func add(_ number: Double) {
        let total = sum + number
        compensation += abs(sum) >= abs(number) ? (sum - total) + number : (number - total) + sum
        sum = total
    }

    @inlinable package var value: Double {
        // With an infinity or a NaN among the numbers the compensation is NaN, and the sum itself is right.
        compensation.isFinite ? sum + compensation : sum
    }

    /// The sum of `numbers`, first to last.
    @inlinable package static func of(_ numbers: some Sequence<Double>) -> Double {
        var sum = CompensatedSum()
        for number in numbers { sum.add(number) }
        return sum.value
    }
}
