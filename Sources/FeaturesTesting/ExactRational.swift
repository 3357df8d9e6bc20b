import BigInt

/// A rational number of any size: the arithmetic in which the oracle sums, so that nothing is lost before the end.
struct ExactRational: Equatable {
    /// Not necessarily in lowest terms.
    var numerator: BigInt
    /// Above zero.
    var denominator: BigInt

    init(_ numerator: BigInt, over denominator: BigInt = 1) {
        precondition(denominator > 0, "a denominator must be above zero")
        self.numerator = numerator
        self.denominator = denominator
    }

    /// The value of a finite double, as a multiple of 2^−1074, the smallest double above zero.
    ///
    /// Every double has the same denominator, so sums never multiply denominators.
    init(_ value: Double) {
        precondition(value.isFinite, "only finite numbers are rational")
        let exponent = Int(value.exponentBitPattern)
        let significand = exponent == 0 ? value.significandBitPattern : value.significandBitPattern | 1 << 52
        let magnitude = BigInt(significand) << (max(exponent, 1) - 1)
        self.init(value.sign == .minus ? -magnitude : magnitude, over: Self.doubleDenominator)
    }

    init(_ value: Int64) {
        self.init(BigInt(value) << 1_074, over: Self.doubleDenominator)
    }

    private static let doubleDenominator = BigInt(1) << 1_074

    static func sum(_ values: [ExactRational]) -> ExactRational {
        var total = ExactRational(BigInt(0))
        for value in values { total = total + value }
        return total
    }

    static func == (left: Self, right: Self) -> Bool {
        left.numerator * right.denominator == right.numerator * left.denominator
    }

    static func + (left: Self, right: Self) -> Self {
        if left.denominator == right.denominator {
            return Self(left.numerator + right.numerator, over: left.denominator)
        }
        return Self(
            left.numerator * right.denominator + right.numerator * left.denominator,
            over: left.denominator * right.denominator)
    }

    static func - (left: Self, right: Self) -> Self {
        left + Self(-right.numerator, over: right.denominator)
    }

    static func * (left: Self, right: Self) -> Self {
        Self(left.numerator * right.numerator, over: left.denominator * right.denominator)
    }

    static func / (left: Self, right: Int) -> Self {
        Self(left.numerator, over: left.denominator * BigInt(right))
    }

    /// The nearest double, ties to the even significand; nil if that lies beyond the largest finite double.
    ///
    /// Exactly zero gives +0.0; a negative number that rounds to zero gives −0.0.
    func rounded() -> Double? {
        if numerator == 0 { return 0.0 }
        // quotient = ⌊|numerator| / (denominator · 2^exponent)⌋ with 53 bits, or fewer at the smallest exponent.
        var exponent = max(numerator.magnitude.bitWidth - denominator.magnitude.bitWidth - 53, -1_074)
        var (quotient, isAboveHalf, isHalf) = divided(byPowerOfTwo: exponent)
        if quotient.bitWidth > 53 {
            exponent += 1
            (quotient, isAboveHalf, isHalf) = divided(byPowerOfTwo: exponent)
        }
        if isAboveHalf || isHalf && quotient & 1 == 1 { quotient += 1 }
        let result = Double(
            sign: numerator < 0 ? .minus : .plus, exponent: exponent, significand: Double(UInt64(quotient)))
        return result.isFinite ? result : nil
    }

    /// The magnitude over `2^exponent`, rounded down, and where the rest lies against one half.
    private func divided(byPowerOfTwo exponent: Int) -> (quotient: BigUInt, isAboveHalf: Bool, isHalf: Bool) {
        let dividend = exponent < 0 ? numerator.magnitude << -exponent : numerator.magnitude
        let divisor = exponent > 0 ? denominator.magnitude << exponent : denominator.magnitude
        let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
        return (quotient, remainder << 1 > divisor, remainder << 1 == divisor)
    }
}
