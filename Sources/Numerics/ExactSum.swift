/// The exact sum of float64 numbers, whatever their order, rounded once when it is read.
///
/// Adding and merging commute and associate exactly: equal multisets of numbers give equal values, however they were
/// split. NaN, or infinities of both signs, make the sum NaN; infinities of one sign make it that infinity.
///
/// A wide fixed-point number in limbs of 32 bits, each in a signed word of 64, so that 2³⁰ numbers are added before
/// a carry; only limbs in use are kept: as a rule 4 to 8 words.
///
/// Source: R. Neal, *Fast Exact Summation Using Small and Large Superaccumulators* (2015).
package struct ExactSum: Sendable {
    /// Limb *i* of the array weighs 2^(32 · (lowest + i)).
    private var limbs: [Int64] = []
    private var lowest = 0
    /// How many more additions the limbs can take before carries must be passed on.
    private var room = 0
    private var special: Special = []

    private struct Special: OptionSet {
        var rawValue: UInt8
        static let nan = Special(rawValue: 1)
        static let positiveInfinity = Special(rawValue: 2)
        static let negativeInfinity = Special(rawValue: 4)
    }

    /// A limb grows by less than 2³² an addition.
    private static let additionsPerCarry = 1 << 30

    package init() {}

    // MARK: Adding

    /// Adds a number. O(1).
    package mutating func add(_ number: Double) {
        let bits = number.bitPattern
        let exponent = Int(bits >> 52) & 0x7FF
        guard exponent != 0x7FF else { return addSpecial(number) }
        var mantissa = bits & 0x000F_FFFF_FFFF_FFFF
        if exponent != 0 { mantissa |= 1 << 52 } else if mantissa == 0 { return }
        add(mantissa, exponent: max(exponent, 1) - 1_075, isNegative: bits >> 63 == 1)
    }

    /// Adds the exact square of a number. O(1).
    package mutating func addSquare(of number: Double) {
        add(productOf: number, number)
    }

    /// Adds the exact product of two numbers. O(1).
    package mutating func add(productOf a: Double, _ b: Double) {
        guard a.isFinite, b.isFinite else { return addSpecial(a * b) }
        let (left, right) = (Self.parts(a), Self.parts(b))
        let product = left.mantissa.multipliedFullWidth(by: right.mantissa)
        let isNegative = (a.sign == .minus) != (b.sign == .minus)
        let exponent = left.exponent + right.exponent
        add(product.low, exponent: exponent, isNegative: isNegative)
        add(product.high, exponent: exponent + 64, isNegative: isNegative)
    }

    // A run is summed by exponent first: mantissas of one exponent are added as whole numbers, 1,024 of 53 bits in a word.

    /// Adds all numbers of a run. O(*n*), about 2 ns a number; 16 KB while it lasts, if it is long.
    package mutating func add(contentsOf numbers: Span<Double>) {
        guard numbers.count >= 256 else {
            for index in numbers.indices { add(numbers[index]) }
            return
        }
        var byExponent = [Int64](repeating: 0, count: 2_048)
        var start = 0
        while start < numbers.count {
            let end = min(start + 1_024, numbers.count)
            var (low, high) = (2_047, 0)
            byExponent.withUnsafeMutableBufferPointer { byExponent in
                for index in start..<end {
                    let bits = numbers[unchecked: index].bitPattern
                    let exponent = Int(truncatingIfNeeded: bits >> 52) & 0x7FF
                    low = min(low, exponent)
                    high = max(high, exponent)
                    let mantissa = Int64(bitPattern: bits & 0x000F_FFFF_FFFF_FFFF | (exponent == 0 ? 0 : 1 << 52))
                    let sign = Int64(bitPattern: bits) >> 63
                    byExponent[exponent] &+= (mantissa ^ sign) &- sign
                }
            }
            if high == 0x7FF {
                for index in start..<end where !numbers[index].isFinite { addSpecial(numbers[index]) }
                byExponent[0x7FF] = 0
                high = 0x7FE
            }
            if low <= high {
                for exponent in low...high where byExponent[exponent] != 0 {
                    let total = byExponent[exponent]
                    add(total.magnitude, exponent: max(exponent, 1) - 1_075, isNegative: total < 0)
                    byExponent[exponent] = 0
                }
            }
            start = end
        }
    }

    /// Adds the exact squares of all numbers of a run. O(*n*), about 3 ns a number; 32 KB while it lasts, if it is long.
    package mutating func add(squaresOf numbers: Span<Double>) {
        guard numbers.count >= 256 else {
            for index in numbers.indices { addSquare(of: numbers[index]) }
            return
        }
        var byExponent = [UInt128](repeating: 0, count: 2_048)
        var start = 0
        while start < numbers.count {
            // 2¹⁶ squares of 106 bits stay within 128.
            let end = min(start + 65_536, numbers.count)
            var (low, high) = (2_047, 0)
            byExponent.withUnsafeMutableBufferPointer { byExponent in
                for index in start..<end {
                    let bits = numbers[unchecked: index].bitPattern
                    let exponent = Int(truncatingIfNeeded: bits >> 52) & 0x7FF
                    low = min(low, exponent)
                    high = max(high, exponent)
                    let mantissa = bits & 0x000F_FFFF_FFFF_FFFF | (exponent == 0 ? 0 : 1 << 52)
                    let square = mantissa.multipliedFullWidth(by: mantissa)
                    byExponent[exponent] &+= UInt128(square.high) << 64 | UInt128(square.low)
                }
            }
            if high == 0x7FF {
                for index in start..<end where !numbers[index].isFinite { addSpecial(numbers[index] * numbers[index]) }
                byExponent[0x7FF] = 0
                high = 0x7FE
            }
            if low <= high {
                for exponent in low...high where byExponent[exponent] != 0 {
                    let total = byExponent[exponent]
                    let place = 2 * (max(exponent, 1) - 1_075)
                    add(UInt64(truncatingIfNeeded: total), exponent: place, isNegative: false)
                    add(UInt64(truncatingIfNeeded: total >> 64), exponent: place + 64, isNegative: false)
                    byExponent[exponent] = 0
                }
            }
            start = end
        }
    }

    /// Adds all of another sum.
    package mutating func merge(_ other: ExactSum) {
        special.formUnion(other.special)
        guard !other.limbs.isEmpty else { return }
        var other = other
        other.carry()
        carry()
        reserve(from: other.lowest, through: other.lowest + other.limbs.count - 1)
        for index in other.limbs.indices { limbs[other.lowest - lowest + index] += other.limbs[index] }
        room -= 1
    }

    /// A number is mantissa · 2^exponent.
    private static func parts(_ number: Double) -> (mantissa: UInt64, exponent: Int) {
        let bits = number.bitPattern
        let exponent = Int(bits >> 52) & 0x7FF
        let mantissa = bits & 0x000F_FFFF_FFFF_FFFF
        return exponent == 0 ? (mantissa, -1_074) : (mantissa | 1 << 52, exponent - 1_075)
    }

    private mutating func addSpecial(_ number: Double) {
        special.insert(number.isNaN ? .nan : number < 0 ? .negativeInfinity : .positiveInfinity)
    }

    /// Adds ±magnitude · 2^exponent.
    private mutating func add(_ magnitude: UInt64, exponent: Int, isNegative: Bool) {
        if magnitude == 0 { return }
        if room == 0 { carry() }
        room -= 1
        let limb = exponent >> 5
        let shift = UInt64(exponent & 31)
        // Up to 95 bits in three limbs.
        let low = magnitude << shift
        let high = shift == 0 ? 0 : magnitude >> (64 - shift)
        let index = limb - lowest
        if index < 0 || index + 2 >= limbs.count { return addAfterGrowing(low, high, limb, isNegative) }
        limbs.withUnsafeMutableBufferPointer { limbs in
            if isNegative {
                limbs[index] -= Int64(low & 0xFFFF_FFFF)
                limbs[index + 1] -= Int64(low >> 32)
                limbs[index + 2] -= Int64(high)
            } else {
                limbs[index] += Int64(low & 0xFFFF_FFFF)
                limbs[index + 1] += Int64(low >> 32)
                limbs[index + 2] += Int64(high)
            }
        }
    }

    @inline(never)
    private mutating func addAfterGrowing(_ low: UInt64, _ high: UInt64, _ limb: Int, _ isNegative: Bool) {
        reserve(from: limb, through: limb + 2)
        let sign: Int64 = isNegative ? -1 : 1
        limbs[limb - lowest] += sign * Int64(low & 0xFFFF_FFFF)
        limbs[limb - lowest + 1] += sign * Int64(low >> 32)
        limbs[limb - lowest + 2] += sign * Int64(high)
    }

    /// Makes limbs for these places and one above them for carries.
    private mutating func reserve(from first: Int, through last: Int) {
        if limbs.isEmpty {
            lowest = first
            limbs = [Int64](repeating: 0, count: last - first + 2)
            return
        }
        if first < lowest {
            limbs.insert(contentsOf: repeatElement(0, count: lowest - first), at: 0)
            lowest = first
        }
        let missing = last + 2 - lowest - limbs.count
        if missing > 0 { limbs.append(contentsOf: repeatElement(0, count: missing)) }
    }

    /// Brings every limb but the top one into 0 ..< 2³²; the top one keeps the sign, in −2³¹ ..< 2³¹.
    private mutating func carry() {
        room = Self.additionsPerCarry
        guard !limbs.isEmpty else { return }
        var carried: Int64 = 0
        for index in limbs.indices {
            let sum = limbs[index] + carried
            carried = sum >> 32
            limbs[index] = sum & 0xFFFF_FFFF
        }
        // What is left over stands above the last limb.
        while carried != 0 && carried != -1 {
            limbs.append(carried & 0xFFFF_FFFF)
            carried >>= 32
        }
        if carried == -1 { limbs[limbs.count - 1] -= 1 << 32 }
        // A top limb of 2³¹ or more would soon leave its word's range.
        if limbs[limbs.count - 1] >= 1 << 31 || limbs[limbs.count - 1] < -(1 << 31) {
            let top = limbs[limbs.count - 1]
            limbs[limbs.count - 1] = top & 0xFFFF_FFFF
            limbs.append(top >> 32)
        }
    }

    // MARK: Reading

    /// The sum, rounded once to the nearest float64, ties to even; infinity beyond the range; 0 of no numbers. Nothing is allocated.
    package var value: Double {
        if special.contains(.nan) || special.isSuperset(of: [.positiveInfinity, .negativeInfinity]) { return .nan }
        if special.contains(.positiveInfinity) { return .infinity }
        if special.contains(.negativeInfinity) { return -.infinity }
        if limbs.isEmpty { return 0 }
        return withMagnitude { magnitude, isNegative in Self.rounded(magnitude, place: lowest * 32, isNegative: isNegative) }
    }

    /// Calls `body` with the size in limbs of 32 bits, the lowest first and the highest not 0, and with the sign.
    private func withMagnitude<Result>(_ body: (UnsafeMutableBufferPointer<UInt32>, Bool) -> Result) -> Result {
        // Three limbs above are enough for all carries of 63-bit words.
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: limbs.count + 3) { magnitude in
            var carried: Int64 = 0
            for index in 0..<magnitude.count {
                let sum = (index < limbs.count ? limbs[index] : 0) + carried
                magnitude[index] = UInt32(truncatingIfNeeded: sum)
                carried = sum >> 32
            }
            // What is left over is 0 or −1: the sign, in two's complement.
            let isNegative = carried < 0
            if isNegative {
                var carry: UInt64 = 1
                for index in magnitude.indices {
                    carry += UInt64(~magnitude[index])
                    magnitude[index] = UInt32(truncatingIfNeeded: carry)
                    carry >>= 32
                }
            }
            var count = magnitude.count
            while count > 0, magnitude[count - 1] == 0 { count -= 1 }
            return body(UnsafeMutableBufferPointer(rebasing: magnitude[..<count]), isNegative)
        }
    }

    /// ±magnitude · 2^place as a float64.
    private static func rounded(_ magnitude: UnsafeMutableBufferPointer<UInt32>, place: Int, isNegative: Bool) -> Double {
        guard let top = magnitude.last else { return 0 }
        // Bits are counted from the lowest limb; the highest set one is `last`.
        let last = (magnitude.count - 1) * 32 + 31 - top.leadingZeroBitCount
        // The result's last bit: 53 of them, or fewer down to 2⁻¹⁰⁷⁴.
        let end = max(last - 52, -1_074 - place)
        func word(_ index: Int) -> UInt64 { index >= 0 && index < magnitude.count ? UInt64(magnitude[index]) : 0 }
        var mantissa: UInt64 = 0
        if end <= last {
            // The limbs that the 53 bits touch: at most three.
            let limb = end >> 5
            let shift = UInt64(end & 31)
            let low = word(limb) | word(limb + 1) << 32
            mantissa = shift == 0 ? low : low >> shift | word(limb + 2) << (64 - shift)
            mantissa &= (1 << 53) - 1
        }
        let half = end - 1
        if half >= 0, word(half >> 5) >> UInt64(half & 31) & 1 == 1 {
            var isAboveHalf = word(half >> 5) & (1 << UInt64(half & 31) - 1) != 0
            var index = (half >> 5) - 1
            while !isAboveHalf, index >= 0 {
                isAboveHalf = magnitude[index] != 0
                index -= 1
            }
            if isAboveHalf || mantissa & 1 == 1 { mantissa += 1 }
        }
        // Mantissa and exponent are put together without another rounding.
        var exponent = end + place
        if mantissa == 1 << 53 {
            mantissa >>= 1
            exponent += 1
        }
        let sign: UInt64 = isNegative ? 1 << 63 : 0
        if exponent > 971 { return isNegative ? -.infinity : .infinity }
        let isNormal = mantissa >> 52 == 1
        let bits = isNormal ? UInt64(exponent + 1_075) << 52 | mantissa & 0x000F_FFFF_FFFF_FFFF : mantissa
        return Double(bitPattern: bits | sign)
    }

    /// Sign and size without zero limbs at either end: one form for one value.
    package var canonical: (magnitude: [UInt32], lowest: Int, isNegative: Bool) {
        withMagnitude { magnitude, isNegative in
            let zeros = magnitude.prefix { $0 == 0 }.count
            return magnitude.isEmpty ? ([], 0, false) : (Array(magnitude[zeros...]), lowest + zeros, isNegative)
        }
    }

    /// Bit 0: a NaN was added; bit 1: +infinity; bit 2: −infinity.
    package var specialBits: UInt8 { special.rawValue }

    /// Takes back what ``canonical`` and ``specialBits`` gave; nil if no sum gives that.
    package init?(magnitude: [UInt32], lowest: Int, isNegative: Bool, specialBits: UInt8) {
        guard specialBits < 8, magnitude.first != 0, magnitude.last != 0, magnitude.count <= 256, (-256...256).contains(lowest),
            !magnitude.isEmpty || (lowest == 0 && !isNegative)
        else { return nil }
        special = Special(rawValue: specialBits)
        self.lowest = lowest
        limbs = magnitude.map { isNegative ? -Int64($0) : Int64($0) }
        if !limbs.isEmpty { limbs.append(0) }
    }

    // MARK: Moments

    /// Σ (x − mean)² of `count` numbers, from the exact sums of the numbers and of their squares.
    ///
    /// The exact rational, (n · Σx² − (Σx)²) / n, rounded twice: within 1 ulp, however far the mean is from 0.
    /// NaN if a number was not finite; nil of no numbers.
    package static func squaredDeviations(count: Int, sum: ExactSum, squares: ExactSum) -> Double? {
        guard count > 0 else { return nil }
        guard sum.special.isEmpty, squares.special.isEmpty else { return .nan }
        var difference = ExactSum()
        let (square, squareLowest, _) = squares.canonical
        for (index, limb) in square.enumerated() {
            let product = UInt64(limb).multipliedFullWidth(by: UInt64(count))
            difference.add(product.low, exponent: (squareLowest + index) * 32, isNegative: false)
            difference.add(product.high, exponent: (squareLowest + index) * 32 + 64, isNegative: false)
        }
        let (total, lowest, _) = sum.canonical
        for (i, left) in total.enumerated() {
            for (j, right) in total.enumerated() {
                difference.add(UInt64(left) * UInt64(right), exponent: (2 * lowest + i + j) * 32, isNegative: true)
            }
        }
        return difference.value / Double(count)
    }
}

extension ExactSum: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        let (a, b) = (left.canonical, right.canonical)
        return left.special == right.special && a.magnitude == b.magnitude && a.lowest == b.lowest && a.isNegative == b.isNegative
    }
}
