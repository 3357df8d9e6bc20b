/// Count, exact sum and exact sum of squares in a format of any width: the slow path for values of wildly
/// different magnitudes.
///
/// Memory is allocated once for a batch of questions and reused.
struct WideMoments {
    var count = 0
    /// Two's complement, low limb first.
    private let sum: UnsafeMutablePointer<UInt64>
    private let squares: UnsafeMutablePointer<UInt64>
    private let scratch: UnsafeMutablePointer<UInt64>

    static let limbsMax = FixedPointFormat.limbSteps[4]

    init() {
        sum = .allocate(capacity: Self.limbsMax)
        squares = .allocate(capacity: 2 * Self.limbsMax)
        scratch = .allocate(capacity: 2 * Self.limbsMax + 1)
    }

    func deallocate() {
        sum.deallocate()
        squares.deallocate()
        scratch.deallocate()
    }

    mutating func clear(_ format: FixedPointFormat) {
        count = 0
        sum.update(repeating: 0, count: format.limbs)
        squares.update(repeating: 0, count: 2 * format.limbs)
    }

    /// Adds or subtracts one double given by its bits.
    mutating func add(_ bits: UInt64, _ format: FixedPointFormat, squaring: Bool, subtracting: Bool) {
        count += subtracting ? -1 : 1
        let (rawSignificand, exponent) = significandAndExponent(bits)
        guard rawSignificand != 0 else { return }
        var significand = rawSignificand
        var shift = exponent - format.scale
        if shift < 0 {
            significand >>= UInt64(-shift)
            shift = 0
        }
        let isNegative = bits >> 63 == 1
        Self.add(UInt128(significand), shift: shift, to: sum, count: format.limbs, subtracting: isNegative != subtracting)
        guard squaring else { return }
        let square = UInt128(significand) &* UInt128(significand)
        Self.add(square, shift: 2 * shift, to: squares, count: 2 * format.limbs, subtracting: subtracting)
    }

    /// Adds or subtracts stored sums.
    mutating func add(
        count other: Int, sums: UnsafePointer<UInt64>, squares otherSquares: UnsafePointer<UInt64>?,
        _ format: FixedPointFormat, subtracting: Bool
    ) {
        count += subtracting ? -other : other
        Self.add(sums, to: sum, count: format.limbs, subtracting: subtracting)
        guard let otherSquares else { return }
        Self.add(otherSquares, to: squares, count: 2 * format.limbs, subtracting: subtracting)
    }

    func store(sums target: UnsafeMutablePointer<UInt64>, squares squareTarget: UnsafeMutablePointer<UInt64>?, _ format: FixedPointFormat) {
        target.update(from: sum, count: format.limbs)
        squareTarget?.update(from: squares, count: 2 * format.limbs)
    }

    /// The sum divided by a count, rounded once; nil beyond Double's range.
    func quotient(_ format: FixedPointFormat, by divisor: UInt64) -> Double? {
        let isNegative = Self.magnitude(of: sum, into: scratch, count: format.limbs)
        return ExactRounding.quotient(
            limbs: scratch, count: format.limbs, exponent: format.scale, by: divisor, isNegative: isNegative)
    }

    /// As ``Moments/variance(scale:)``.
    func variance(_ format: FixedPointFormat) -> Double? {
        guard count >= 2 else { return nil }
        let n = UInt64(count)
        let limbs = format.limbs
        let width = 2 * limbs + 1
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: Self.limbsMax) { buffer -> Double? in
            guard let magnitude = buffer.baseAddress else { return nil }
            _ = Self.magnitude(of: sum, into: magnitude, count: limbs)
            var carry: UInt64 = 0
            for index in 0..<(2 * limbs) {
                let product = UInt128(squares[index]) &* UInt128(n) &+ UInt128(carry)
                scratch[index] = UInt64(truncatingIfNeeded: product)
                carry = UInt64(truncatingIfNeeded: product >> 64)
            }
            scratch[width - 1] = carry
            for row in 0..<limbs where magnitude[row] != 0 {
                for column in 0..<limbs where magnitude[column] != 0 {
                    let product = UInt128(magnitude[row]) &* UInt128(magnitude[column])
                    Self.add(product, shift: 64 * (row + column), to: scratch, count: width, subtracting: true)
                }
            }
            return ExactRounding.quotient(
                limbs: scratch, count: width, exponent: 2 * format.scale, by: n * (n - 1), isNegative: false)
        }
    }

    /// `target ± value × 2^shift`, modulo 2^(64 count).
    private static func add(
        _ value: UInt128, shift: Int, to target: UnsafeMutablePointer<UInt64>, count: Int, subtracting: Bool
    ) {
        var index = shift >> 6
        let bits = UInt128(shift & 63)
        var pending = value << bits
        var top = bits == 0 ? 0 : UInt64(truncatingIfNeeded: value >> (128 - bits))
        var carry = false
        while index < count, pending != 0 || carry || top != 0 {
            let limb = UInt64(truncatingIfNeeded: pending)
            pending = pending >> 64 | UInt128(top) << 64
            top = 0
            let step: (partialValue: UInt64, overflow: Bool)
            let second: (partialValue: UInt64, overflow: Bool)
            if subtracting {
                step = target[index].subtractingReportingOverflow(limb)
                second = step.partialValue.subtractingReportingOverflow(carry ? 1 : 0)
            } else {
                step = target[index].addingReportingOverflow(limb)
                second = step.partialValue.addingReportingOverflow(carry ? 1 : 0)
            }
            target[index] = second.partialValue
            carry = step.overflow || second.overflow
            index += 1
        }
    }

    private static func add(
        _ other: UnsafePointer<UInt64>, to target: UnsafeMutablePointer<UInt64>, count: Int, subtracting: Bool
    ) {
        var carry: UInt64 = subtracting ? 1 : 0
        for index in 0..<count {
            let operand = subtracting ? ~other[index] : other[index]
            let total = UInt128(target[index]) &+ UInt128(operand) &+ UInt128(carry)
            target[index] = UInt64(truncatingIfNeeded: total)
            carry = UInt64(truncatingIfNeeded: total >> 64)
        }
    }

    /// Writes the magnitude of a two's complement number; tells whether it is negative.
    private static func magnitude(
        of number: UnsafePointer<UInt64>, into target: UnsafeMutablePointer<UInt64>, count: Int
    ) -> Bool {
        let isNegative = number[count - 1] >> 63 == 1
        var carry: UInt64 = isNegative ? 1 : 0
        for index in 0..<count {
            let total = UInt128(isNegative ? ~number[index] : number[index]) &+ UInt128(carry)
            target[index] = UInt64(truncatingIfNeeded: total)
            carry = UInt64(truncatingIfNeeded: total >> 64)
        }
        return isNegative
    }
}
