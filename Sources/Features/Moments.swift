/// Count, exact sum and exact sum of squares of values in a narrow fixed-point format.
struct Moments {
    var count = 0
    var sum: Int128 = 0
    var squares = Int256()

    @inline(__always) mutating func add(_ other: Moments) {
        count &+= other.count
        sum &+= other.sum
        squares.add(other.squares)
    }

    @inline(__always) mutating func subtract(_ other: Moments) {
        count &-= other.count
        sum &-= other.sum
        squares.subtract(other.squares)
    }
}

/// A 256-bit integer in two's complement, as far as sums of squares need it.
struct Int256 {
    var low: UInt128 = 0
    var high: UInt128 = 0

    @inline(__always) mutating func add(_ other: Int256) {
        let (sum, carry) = low.addingReportingOverflow(other.low)
        low = sum
        high = high &+ other.high &+ (carry ? 1 : 0)
    }

    @inline(__always) mutating func subtract(_ other: Int256) {
        let (difference, borrow) = low.subtractingReportingOverflow(other.low)
        low = difference
        high = high &- other.high &- (borrow ? 1 : 0)
    }

    /// The square of an integer.
    @inline(__always) init(squareOf value: Int128) {
        let magnitude = value.magnitude
        let a = UInt64(truncatingIfNeeded: magnitude)
        let b = UInt64(truncatingIfNeeded: magnitude >> 64)
        low = UInt128(a) &* UInt128(a)
        guard b != 0 else { return }
        let cross = UInt128(a) &* UInt128(b)
        high = UInt128(b) &* UInt128(b)
        // Twice the cross product, 65 bits up.
        add(Int256(low: cross << 65, high: cross >> 63))
    }

    @inline(__always) init() {}

    @inline(__always) init(low: UInt128, high: UInt128) {
        self.low = low
        self.high = high
    }

    /// The product with a non-negative factor, modulo 2^256.
    func multiplied(by factor: UInt64) -> Int256 {
        let f = UInt128(factor)
        let first = (low & UInt128(UInt64.max)) &* f
        let second = (low >> 64) &* f &+ (first >> 64)
        let third = (high & UInt128(UInt64.max)) &* f &+ (second >> 64)
        let fourth = (high >> 64) &* f &+ (third >> 64)
        let mask = UInt128(UInt64.max)
        return Int256(low: second << 64 | (first & mask), high: fourth << 64 | (third & mask))
    }
}

extension Moments {
    /// The sample variance, rounded once: `(n Σx² − (Σx)²) / (n (n − 1))`; nil for fewer than two values or beyond range.
    func variance(scale: Int) -> Double? {
        guard count >= 2 else { return nil }
        let n = UInt64(count)
        var numerator = squares.multiplied(by: n)
        numerator.subtract(Int256(squareOf: sum))
        let value = numerator
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 4) { limbs in
            guard let base = limbs.baseAddress else { return nil }
            base[0] = UInt64(truncatingIfNeeded: value.low)
            base[1] = UInt64(truncatingIfNeeded: value.low >> 64)
            base[2] = UInt64(truncatingIfNeeded: value.high)
            base[3] = UInt64(truncatingIfNeeded: value.high >> 64)
            return ExactRounding.quotient(limbs: base, count: 4, exponent: 2 * scale, by: n * (n - 1), isNegative: false)
        }
    }
}
