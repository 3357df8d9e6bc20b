// For the linker alone: roundings and square roots, which IEEE defines to the last bit, are calls into libm on some
// processors. Nothing that libm may round as it likes is used.
#if canImport(Glibc)
import func Glibc.floor
#elseif canImport(Musl)
import func Musl.floor
#elseif canImport(Darwin)
import func Darwin.floor
#endif

/// `exp`, `log`, `pow`, `sin`, `cos` with the same bits on every platform, within 1 ulp of the exact value.
///
/// Only IEEE additions, multiplications and divisions are used, each rounded once, and no fused operation.
/// Sources: J.-M. Muller et al., *Handbook of Floating-Point Arithmetic* (argument reduction, double-double sums);
/// M. Payne, R. Hanek, *Radian Reduction for Trigonometric Functions* (1983). Constants are from mpmath.
package enum ElementaryFunctions {
    /// e to the power x; infinity beyond the range, 0 far below it.
    package static func exp(_ x: Double) -> Double {
        if x.isNaN { return x }
        return exp(DoubleDouble(high: x, low: 0))
    }

    /// The natural logarithm: −infinity of 0, NaN of negative numbers.
    package static func log(_ x: Double) -> Double {
        if x.isNaN || x < 0 { return .nan }
        if x == 0 { return -.infinity }
        if x == .infinity { return x }
        let result = logarithm(x)
        return result.high + result.low
    }

    /// x to the power y; NaN of a negative x unless y is whole, infinity of 0 to a negative power.
    package static func pow(_ x: Double, _ y: Double) -> Double {
        if y == 0 || x == 1 { return 1 }
        if x.isNaN || y.isNaN { return .nan }
        let yIsWhole = y.rounded(.towardZero) == y
        // Beyond 2⁵³ every float64 is even.
        let yIsOdd = yIsWhole && y.magnitude < 0x1p53 && Int64(y) & 1 == 1
        let sign: Double = x.sign == .minus && yIsOdd ? -1 : 1
        if x == 0 { return y > 0 ? 0 * sign : sign * .infinity }
        if x.isInfinite { return y > 0 ? sign * .infinity : 0 * sign }
        if x < 0, !yIsWhole { return .nan }
        let size = x.magnitude
        if size == 1 { return sign }
        if y.isInfinite { return (size > 1) == (y > 0) ? .infinity : 0 }
        let logarithm = logarithm(size)
        // Past this the result is 0 or infinity whatever the low parts are, and the products below could overflow.
        let estimate = logarithm.high * y
        if estimate > 800 { return sign * .infinity }
        if estimate < -800 { return sign * 0 }
        return sign * exp(logarithm * y)
    }

    /// The sine of x radians; NaN of infinities.
    package static func sin(_ x: Double) -> Double {
        if !x.isFinite { return .nan }
        // x³/6 is below half an ulp; and −0 stays −0.
        if x.magnitude < 0x1p-27 { return x }
        let (quadrant, rest) = reduced(x)
        switch quadrant {
        case 0: return sineNearZero(rest)
        case 1: return cosineNearZero(rest)
        case 2: return -sineNearZero(rest)
        default: return -cosineNearZero(rest)
        }
    }

    /// The cosine of x radians; NaN of infinities.
    package static func cos(_ x: Double) -> Double {
        if !x.isFinite { return .nan }
        let (quadrant, rest) = reduced(x)
        switch quadrant {
        case 0: return cosineNearZero(rest)
        case 1: return -sineNearZero(rest)
        case 2: return -cosineNearZero(rest)
        default: return sineNearZero(rest)
        }
    }

    // MARK: Exponential and logarithm

    // ln 2 in three parts; the first has 32 bits, so that its product with an exponent is exact.
    private static let ln2High = 0x1.62e42feep-1
    private static let ln2Middle = 0x1.a39ef35793c76p-33
    private static let ln2Low = 0x1.cc01f97b57a08p-87

    /// x = k ln 2 + r with |r| ≤ ½ ln 2; then eˣ = 2ᵏ (1 + r + r²/2! + …).
    private static func exp(_ x: DoubleDouble) -> Double {
        if x.high > 710 { return .infinity }
        if x.high < -746 { return 0 }
        let k = (x.high * 0x1.71547652b82fep+0).rounded(.toNearestOrEven)
        let difference = x.high - k * ln2High
        let middle = DoubleDouble(product: k, ln2Middle)
        var r = DoubleDouble(sum: difference, -middle.high)
        r = DoubleDouble(quickSum: r.high, r.low + (x.low - middle.low - k * ln2Low))
        let h = r.high
        // Σ hⁿ/n! for n = 3 … 14; the next term is below 2⁻⁶⁰ of the result.
        var tail = 1.0 / 87_178_291_200
        tail = tail * h + 1.0 / 6_227_020_800
        tail = tail * h + 1.0 / 479_001_600
        tail = tail * h + 1.0 / 39_916_800
        tail = tail * h + 1.0 / 3_628_800
        tail = tail * h + 1.0 / 362_880
        tail = tail * h + 1.0 / 40_320
        tail = tail * h + 1.0 / 5_040
        tail = tail * h + 1.0 / 720
        tail = tail * h + 1.0 / 120
        tail = tail * h + 1.0 / 24
        tail = tail * h + 1.0 / 6
        let square = DoubleDouble(product: h, h)
        let small = tail * h * square.high + (square.low * 0.5 + r.low * (1 + h))
        // 1 + h + h²/2, exactly but for the last roundings, then the small terms.
        let first = DoubleDouble(quickSum: 1, h)
        let second = DoubleDouble(quickSum: first.high, square.high * 0.5)
        let result = second.high + (second.low + first.low + small)
        return scaled(result, by: Int(k))
    }

    /// x · 2ᵏ for x in [½, 2]: in two steps, so that a subnormal result is rounded only in the last.
    private static func scaled(_ x: Double, by k: Int) -> Double {
        if k > 1_000 { return x * 0x1p1000 * powerOfTwo(k - 1_000) }
        if k < -1_000 { return x * powerOfTwo(k + 200) * 0x1p-200 }
        return x * powerOfTwo(k)
    }

    /// 2ᵏ for k in −1022…1023.
    private static func powerOfTwo(_ k: Int) -> Double {
        Double(bitPattern: UInt64(k + 1_023) << 52)
    }

    /// ln x for positive finite x, to about 2⁻⁷⁰ of itself.
    ///
    /// x = 2ᵏ m with m in [√½, √2]; with s = (m − 1)/(m + 1), ln m = 2 (s + s³/3 + s⁵/5 + …).
    private static func logarithm(_ x: Double) -> DoubleDouble {
        // By bits: the library's `exponent` and `significand` are an order of magnitude slower.
        let isSubnormal = x < 0x1p-1022
        let bits = (isSubnormal ? x * 0x1p54 : x).bitPattern
        var k = Int(bits >> 52) - 1_023 - (isSubnormal ? 54 : 0)
        var m = Double(bitPattern: bits & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000)
        if m > 0x1.6a09e667f3bcdp+0 {
            m *= 0.5
            k += 1
        }
        let s = DoubleDouble(sum: m, -1) / DoubleDouble(sum: m, 1)
        let square = s * s
        let z = square.high
        // The terms from s⁸/9 on are below 2⁻²³ of the whole, so plain float64 is enough for them.
        var tail = 1.0 / 29
        tail = tail * z + 1.0 / 27
        tail = tail * z + 1.0 / 25
        tail = tail * z + 1.0 / 23
        tail = tail * z + 1.0 / 21
        tail = tail * z + 1.0 / 19
        tail = tail * z + 1.0 / 17
        tail = tail * z + 1.0 / 15
        tail = tail * z + 1.0 / 13
        tail = tail * z + 1.0 / 11
        tail = tail * z + 1.0 / 9
        var series = square * tail + DoubleDouble(high: 0x1.2492492492492p-3, low: 0x1.2492492492492p-57)
        series = square * series + DoubleDouble(high: 0x1.999999999999ap-3, low: -0x1.999999999999ap-57)
        series = square * series + DoubleDouble(high: 0x1.5555555555555p-2, low: 0x1.5555555555555p-56)
        let twice = DoubleDouble(high: 2 * s.high, low: 2 * s.low)
        let fraction = twice + twice * (square * series)
        if k == 0 { return fraction }
        let whole = DoubleDouble(sum: Double(k) * ln2High, Double(k) * ln2Middle)
        let low = DoubleDouble(product: Double(k), ln2Middle).low + Double(k) * ln2Low
        return DoubleDouble(high: whole.high, low: whole.low + low) + fraction
    }

    // MARK: Sine and cosine

    /// r − r³/3! + r⁵/5! − … for |r| ≤ π/4.
    private static func sineNearZero(_ r: DoubleDouble) -> Double {
        let h = r.high
        let z = h * h
        var tail = 1.0 / 355_687_428_096_000
        tail = 1.0 / 1_307_674_368_000 - tail * z
        tail = 1.0 / 6_227_020_800 - tail * z
        tail = 1.0 / 39_916_800 - tail * z
        tail = 1.0 / 362_880 - tail * z
        tail = 1.0 / 5_040 - tail * z
        tail = 1.0 / 120 - tail * z
        tail = 1.0 / 6 - tail * z
        return h - (tail * z * h - r.low * (1 - 0.5 * z))
    }

    /// 1 − r²/2! + r⁴/4! − … for |r| ≤ π/4.
    private static func cosineNearZero(_ r: DoubleDouble) -> Double {
        let h = r.high
        let square = DoubleDouble(product: h, h)
        let z = square.high
        var tail = 1.0 / 20_922_789_888_000
        tail = 1.0 / 87_178_291_200 - tail * z
        tail = 1.0 / 479_001_600 - tail * z
        tail = 1.0 / 3_628_800 - tail * z
        tail = 1.0 / 40_320 - tail * z
        tail = 1.0 / 720 - tail * z
        tail = 1.0 / 24 - tail * z
        let half = DoubleDouble(quickSum: 1, -0.5 * z)
        return half.high + (half.low + (tail * z * z - 0.5 * square.low - h * r.low))
    }

    /// The first 1,280 bits of 2/π after the binary point.
    private static let twoOverPi: [UInt64] = [
        0xA2F9_836E_4E44_1529, 0xFC27_57D1_F534_DDC0, 0xDB62_9599_3C43_9041, 0xFE51_63AB_DEBB_C561, 0xB724_6E3A_424D_D2E0,
        0x0649_2EEA_09D1_921C, 0xFE1D_EB1C_B129_A73E, 0xE882_35F5_2EBB_4484, 0xE99C_7026_B45F_7E41, 0x3991_D639_8353_39F4,
        0x9C84_5F8B_BDF9_283B, 0x1FF8_97FF_DE05_980F, 0xEF2F_118B_5A0A_6D1F, 0x6D36_7ECF_27CB_09B7, 0x4F46_3F66_9E5F_EA2D,
        0x7527_BAC7_EBE5_F17B, 0x3D07_39F7_8A52_92EA, 0x6BFB_5FB1_1F8D_5D08, 0x5603_3046_FC7B_6BAB, 0xF0CF_BC20_9AF4_361D,
    ]

    /// x as a number of quarter turns (mod 4) and a rest of at most π/4 either way.
    private static func reduced(_ x: Double) -> (quadrant: Int, rest: DoubleDouble) {
        if x.magnitude <= 0x1.921fb54442d18p-1 { return (0, DoubleDouble(high: x, low: 0)) }
        // |x| = m · 2ᵉ. Of m · 2ᵉ · 2/π only what lies below 4 matters, so the product is taken with the 256 bits of
        // 2/π from place e − 2 on; what is cut off behind them is below 2⁻²⁰⁰.
        let e = Int(x.exponentBitPattern) - 1_023 - 52
        let m = x.significandBitPattern | 1 << 52
        let start = max(0, e - 2)
        var window: (UInt64, UInt64, UInt64, UInt64) = (bits(from: start), bits(from: start + 64), bits(from: start + 128), bits(from: start + 192))
        // product = m · window, five words, most significant first.
        var carry: UInt64 = 0
        func multiply(_ word: UInt64) -> UInt64 {
            let full = m.multipliedFullWidth(by: word)
            let (low, overflow) = full.low.addingReportingOverflow(carry)
            carry = full.high &+ (overflow ? 1 : 0)
            return low
        }
        window.3 = multiply(window.3)
        window.2 = multiply(window.2)
        window.1 = multiply(window.1)
        window.0 = multiply(window.0)
        // For e < 2 the window begins at the point itself, and the product is shifted down to put the 2s place on top.
        let shift = UInt64(e < 2 ? 2 - e : 0)
        if shift > 0 {
            window.3 = window.3 >> shift | window.2 << (64 - shift)
            window.2 = window.2 >> shift | window.1 << (64 - shift)
            window.1 = window.1 >> shift | window.0 << (64 - shift)
            window.0 = window.0 >> shift | carry << (64 - shift)
        }
        var quadrant = Int(window.0 >> 62)
        // The fraction of a quarter turn, 192 bits of it, as a signed number in [−½, ½).
        var high = window.0 << 2 | window.1 >> 62
        var middle = window.1 << 2 | window.2 >> 62
        var low = window.2 << 2 | window.3 >> 62
        let isNegative = high >> 63 == 1
        if isNegative {
            quadrant = (quadrant + 1) & 3
            let (negated, borrow) = (~low).addingReportingOverflow(1)
            low = negated
            let (next, further) = (~middle).addingReportingOverflow(borrow ? 1 : 0)
            middle = next
            high = ~high &+ (further ? 1 : 0)
        }
        var exponent = 0
        while high >> 63 == 0, exponent < 128 {
            let places = high == 0 ? 63 : UInt64(high.leadingZeroBitCount)
            high = high << places | middle >> (64 - places)
            middle = middle << places | low >> (64 - places)
            low <<= places
            exponent += Int(places)
        }
        // 53 bits, then 53 more.
        let scale = powerOfTwo(-exponent)
        let first = Double(high >> 11) * 0x1p-53
        let second = Double((high & 0x7FF) << 42 | middle >> 22) * 0x1p-106
        var rest = DoubleDouble(high: first * scale, low: second * scale) * DoubleDouble(high: 0x1.921fb54442d18p+0, low: 0x1.1a62633145c07p-54)
        if isNegative { rest = DoubleDouble(high: -rest.high, low: -rest.low) }
        if x < 0 {
            return ((4 - quadrant) & 3, DoubleDouble(high: -rest.high, low: -rest.low))
        }
        return (quadrant, rest)
    }

    /// 64 bits of 2/π from a place on.
    private static func bits(from place: Int) -> UInt64 {
        let (word, shift) = (place / 64, UInt64(place % 64))
        return shift == 0 ? twoOverPi[word] : twoOverPi[word] << shift | twoOverPi[word + 1] >> (64 - shift)
    }
}

/// An unevaluated sum of two float64, about 106 bits.
///
/// Source: T. J. Dekker, *A Floating-Point Technique for Extending the Available Precision* (1971).
struct DoubleDouble {
    var high: Double
    var low: Double

    @inline(__always) init(high: Double, low: Double) {
        self.high = high
        self.low = low
    }

    /// a + b without error.
    @inline(__always) init(sum a: Double, _ b: Double) {
        high = a + b
        let part = high - a
        low = (a - (high - part)) + (b - part)
    }

    /// a + b without error where |a| ≥ |b|.
    @inline(__always) init(quickSum a: Double, _ b: Double) {
        high = a + b
        low = b - (high - a)
    }

    /// a · b without error, far from overflow and underflow.
    @inline(__always) init(product a: Double, _ b: Double) {
        @inline(__always) func split(_ x: Double) -> (Double, Double) {
            let scaled = x * 134_217_729
            let upper = scaled - (scaled - x)
            return (upper, x - upper)
        }
        let (a1, a2) = split(a)
        let (b1, b2) = split(b)
        high = a * b
        low = ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2
    }

    @inline(__always) static func + (left: Self, right: Self) -> Self {
        let sum = Self(sum: left.high, right.high)
        let low = Self(sum: left.low, right.low)
        let first = Self(quickSum: sum.high, sum.low + low.high)
        return Self(quickSum: first.high, first.low + low.low)
    }

    @inline(__always) static func * (left: Self, right: Self) -> Self {
        let product = Self(product: left.high, right.high)
        return Self(quickSum: product.high, product.low + (left.high * right.low + left.low * right.high))
    }

    @inline(__always) static func * (left: Self, right: Double) -> Self {
        let product = Self(product: left.high, right)
        return Self(quickSum: product.high, product.low + left.low * right)
    }

    @inline(__always) static func / (left: Self, right: Self) -> Self {
        let first = left.high / right.high
        let product = right * first
        let rest = (left.high - product.high) - product.low + left.low
        return Self(quickSum: first, rest / right.high)
    }
}
