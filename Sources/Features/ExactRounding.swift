/// Rounding of exact integers and quotients to `Double`: once, to nearest, ties to even.
///
/// Every sum, mean and variance of the engine ends here, whichever accumulator it came from.
enum ExactRounding {
    /// `± magnitude × 2^exponent`, plus less than one unit of `magnitude` if `sticky`; nil beyond Double's range.
    ///
    /// - Precondition: if `sticky`, the magnitude has at least 55 bits, so that what it stands for lies below the half.
    static func double(_ magnitude: UInt128, exponent: Int, sticky: Bool = false, isNegative: Bool) -> Double? {
        guard magnitude != 0 else { return 0 }
        let bitCount = 128 - magnitude.leadingZeroBitCount
        // The exponent of the result's last bit.
        let unit = max(exponent + bitCount - 53, -1074)
        let drop = unit - exponent
        var significand: UInt64
        if drop <= 0 {
            assert(!sticky)
            significand = UInt64(truncatingIfNeeded: magnitude << UInt128(-drop))
        } else if drop > 128 {
            significand = 0
        } else {
            significand = drop == 128 ? 0 : UInt64(truncatingIfNeeded: magnitude >> UInt128(drop))
            let half: UInt128 = 1 << UInt128(drop - 1)
            let rest = magnitude & ((half - 1) << 1 | 1)
            if rest > half || (rest == half && (sticky || significand & 1 == 1)) { significand += 1 }
        }
        // A negative number that rounds to zero keeps its sign, as in IEEE 754; an exact zero has none.
        guard significand != 0 else { return isNegative ? -0.0 : 0.0 }
        let bits: UInt64
        if significand < 1 << 52 {
            assert(unit == -1074)
            bits = significand
        } else {
            guard unit + 1075 < 0x7FF else { return nil }
            // A significand of 2^53 carries into the exponent.
            bits = (UInt64(unit + 1075) << 52) + (significand - (1 << 52))
        }
        guard bits < 0x7FF0_0000_0000_0000 else { return nil }
        return Double(bitPattern: isNegative ? bits | 1 << 63 : bits)
    }

    /// `value × 2^exponent / divisor`; nil beyond Double's range.
    static func quotient(_ value: Int128, exponent: Int, by divisor: UInt64) -> Double? {
        let magnitude = value.magnitude
        guard magnitude != 0 else { return 0 }
        // With both operands exact and the result normal, the division of the machine rounds once itself.
        let zeros = magnitude.trailingZeroBitCount
        if 128 - magnitude.leadingZeroBitCount - zeros <= 53, divisor <= 1 << 53, exponent > -900, exponent < 800 {
            let significand = Double(UInt64(truncatingIfNeeded: magnitude >> UInt128(zeros)))
            let power = Double(bitPattern: UInt64(exponent + zeros + 1023) << 52)
            let exact = significand * power / Double(divisor)
            return value < 0 ? -exact : exact
        }
        if let rounded = normalQuotient(magnitude, exponent: exponent, by: divisor) { return value < 0 ? -rounded : rounded }
        // Aligned to the top, so that the quotient keeps at least 64 bits.
        let shift = magnitude.leadingZeroBitCount
        let aligned = magnitude << UInt128(shift)
        if divisor == 1 { return double(aligned, exponent: exponent - shift, isNegative: value < 0) }
        let high = UInt64(truncatingIfNeeded: aligned >> 64).quotientAndRemainder(dividingBy: divisor)
        let low = divisor.dividingFullWidth((high.remainder, UInt64(truncatingIfNeeded: aligned)))
        let whole = UInt128(high.quotient) << 64 | UInt128(low.quotient)
        return double(whole, exponent: exponent - shift, sticky: low.remainder != 0, isNegative: value < 0)
    }

    /// The same with one division of the machine, for results that are normal numbers; nil for others.
    ///
    /// Both operands are shifted up to their top bit, so that the quotient has exactly 64 bits: eleven more than are kept.
    @inline(__always)
    private static func normalQuotient(_ magnitude: UInt128, exponent: Int, by divisor: UInt64) -> Double? {
        let (up, divisorUp) = (magnitude.leadingZeroBitCount, divisor.leadingZeroBitCount)
        let aligned = magnitude << UInt128(up)
        let alignedDivisor = divisor << UInt64(divisorUp)
        var (high, low) = (UInt64(truncatingIfNeeded: aligned >> 64), UInt64(truncatingIfNeeded: aligned))
        var power = exponent - up + divisorUp
        var isInexact = false
        if high >= alignedDivisor {
            // Half of it, so that the quotient does not overflow.
            isInexact = low & 1 == 1
            low = low >> 1 | high << 63
            high >>= 1
            power += 1
        }
        let (quotient, remainder) = alignedDivisor.dividingFullWidth((high, low))
        isInexact = isInexact || remainder != 0
        var significand = quotient >> 11
        let rest = quotient & 0x7FF
        if rest > 0x400 || (rest == 0x400 && (isInexact || significand & 1 == 1)) { significand += 1 }
        // The exponent of the last bit; a significand of 2^53 carries into the exponent.
        let biased = power + 11 + 1075
        guard quotient >> 63 == 1, biased > 0, biased < 0x7FE else { return nil }
        return Double(bitPattern: (UInt64(biased) << 52) &+ (significand &- (1 << 52)))
    }

    /// `± magnitude × 2^exponent / divisor` for a magnitude of `count` limbs, low first; nil beyond Double's range.
    static func quotient(
        limbs: UnsafePointer<UInt64>, count: Int, exponent: Int, by divisor: UInt64, isNegative: Bool
    ) -> Double? {
        var index = count - 1
        while index >= 0, limbs[index] == 0 { index -= 1 }
        guard index >= 0 else { return 0 }
        // Long division from the top until two limbs of quotient stand, the first of them not zero.
        var remainder: UInt64 = 0
        var whole: UInt128 = 0
        var digits = 0
        while digits < 2 {
            let limb = index >= 0 ? limbs[index] : 0
            let step = divisor.dividingFullWidth((remainder, limb))
            remainder = step.remainder
            if digits > 0 || step.quotient != 0 {
                whole = whole << 64 | UInt128(step.quotient)
                digits += 1
            }
            index -= 1
        }
        var sticky = remainder != 0
        var rest = index
        while !sticky, rest >= 0 {
            sticky = limbs[rest] != 0
            rest -= 1
        }
        return double(whole, exponent: exponent + 64 * (index + 1), sticky: sticky, isNegative: isNegative)
    }
}
