/// Where the binary point of a lane's exact sums lies, and how many 64-bit limbs they take.
///
/// Chosen from the values seen: 128 bits hold any values whose bits span 95 places, which is what data of one unit
/// does; wilder data widens the lane step by step, at most to Double's whole range. A wider format only costs time
/// and memory, the results are equal.
struct FixedPointFormat: Equatable {
    /// A value is an integer times 2^scale.
    private(set) var scale = 0
    /// Limbs of a sum; a sum of squares takes twice as many.
    private(set) var limbs = 2
    /// The exponents of the lowest and just above the highest bit seen.
    private(set) var lowest = Int.max
    private(set) var highest = Int.min

    /// Sums of up to 2^31 values and a sign need this many bits beside the values' own.
    static let headroom = 33
    /// The last holds every Double.
    static let limbSteps = [2, 4, 8, 16, 35]

    /// For whole numbers: never changes.
    static var integers: Self { Self(scale: 0, limbs: 2, lowest: 0, highest: 64) }

    private init(scale: Int, limbs: Int, lowest: Int, highest: Int) {
        self.scale = scale
        self.limbs = limbs
        self.lowest = lowest
        self.highest = highest
    }

    init() {}

    var isNarrow: Bool { limbs == 2 }

    /// Makes room for bits at exponents `low ..< high`; tells whether the format changed, so that sums must be made anew.
    mutating func widen(low: Int, high: Int) -> Bool {
        guard low < high else { return false }
        if lowest <= highest, low >= scale, high <= scale + 64 * limbs - Self.headroom {
            lowest = min(lowest, low)
            highest = max(highest, high)
            return false
        }
        lowest = min(lowest, low)
        highest = max(highest, high)
        let span = highest - lowest
        limbs = Self.limbSteps.first { $0 >= limbs && 64 * $0 - Self.headroom >= span } ?? Self.limbSteps[4]
        // Half of what is free lies below: each change then takes at least half of it, so changes are few.
        scale = lowest - (64 * limbs - Self.headroom - span) / 2
        return true
    }

    mutating func widen(for other: Self) -> Bool {
        widen(low: other.lowest, high: other.highest)
    }
}

/// A finite double as `significand × 2^exponent`; the sign stays in the bits.
@inline(__always) func significandAndExponent(_ bits: UInt64) -> (significand: UInt64, exponent: Int) {
    let field = Int(truncatingIfNeeded: bits >> 52 & 0x7FF)
    let fraction = bits & 0xF_FFFF_FFFF_FFFF
    return field == 0 ? (fraction, -1074) : (fraction | 1 << 52, field - 1075)
}

/// A finite double in 128 bits, times 2^−scale.
///
/// - Precondition: the format was widened for the value.
@inline(__always) func fixedPoint(_ bits: UInt64, scale: Int) -> Int128 {
    let (significand, exponent) = significandAndExponent(bits)
    let shift = exponent - scale
    let magnitude: UInt128
    if shift >= 0 {
        magnitude = significand == 0 ? 0 : UInt128(significand) &<< UInt128(truncatingIfNeeded: shift)
    } else {
        // What is shifted out is zero: the format holds the value's lowest bit.
        magnitude = shift > -64 ? UInt128(significand &>> UInt64(truncatingIfNeeded: -shift)) : 0
    }
    let value = Int128(truncatingIfNeeded: magnitude)
    return bits >> 63 == 0 ? value : 0 - value
}
