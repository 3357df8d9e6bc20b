/// Functions of probability with the same bits on every machine.
///
/// Built from ``ElementaryFunctions``, additions, products, divisions and square roots alone. Each states how near it
/// comes to the exact value; the tests hold it to values of mpmath at 60 digits. An argument outside the domain or a
/// NaN gives NaN.
///
/// Sources: C. Loader, *Fast and Accurate Computation of Binomial Probabilities* (2000), for the densities that stand
/// before the series; W. Press et al., *Numerical Recipes*, 3rd edition, sections 6.1–6.4, for series and continued
/// fractions; M. Wichura, *Algorithm AS 241* (1988); NIST Digital Library of Mathematical Functions, chapters 5, 8.
package enum SpecialFunctions {
    private static let logSqrtTwoPi = 0x1.d67f1c864beb5p-1
    private static let twoPi = 0x1.921fb54442d18p+2
    /// The least positive number that the continued fractions divide by.
    private static let tiny = 0x1p-996

    // MARK: Gamma

    /// ln Γ(x) for x > 0, within 2·10⁻¹⁴ of the greater of 1 and the value. Infinity at 0 and at infinity.
    package static func logGamma(_ x: Double) -> Double {
        guard x > 0 else { return x == 0 ? .infinity : .nan }
        if x == 1 || x == 2 { return 0 }
        guard x.isFinite else { return x }
        var shifted = x
        var product = 1.0
        while shifted < 16 {
            product *= shifted
            shifted += 1
        }
        let value = (shifted - 0.5) * ElementaryFunctions.log(shifted) - shifted + logSqrtTwoPi + stirlingTail(shifted)
        return product == 1 ? value : value - ElementaryFunctions.log(product)
    }

    /// ln Γ(x) − ((x − ½) ln x − x + ½ ln 2π) for x ≥ 16: Stirling's series.
    private static func stirlingTail(_ x: Double) -> Double {
        let z = 1 / (x * x)
        var sum = 1.0 / 156
        sum = sum * z - 691.0 / 360_360
        sum = sum * z + 1.0 / 1_188
        sum = sum * z - 1.0 / 1_680
        sum = sum * z + 1.0 / 1_260
        sum = sum * z - 1.0 / 360
        sum = sum * z + 1.0 / 12
        return sum / x
    }

    /// ln Γ(x + 1) − ((x + ½) ln x − x + ½ ln 2π) for x > 0, without cancellation where x is large.
    private static func stirlingError(_ x: Double) -> Double {
        if x >= 16 { return stirlingTail(x) }
        return logGamma(x + 1) - ((x + 0.5) * ElementaryFunctions.log(x) - x + logSqrtTwoPi)
    }

    /// x ln(x / m) + m − x, without cancellation where x is near m (Loader's *bd0*).
    private static func deviance(_ x: Double, _ m: Double) -> Double {
        if (x - m).magnitude < 0.1 * (x + m) {
            let v = (x - m) / (x + m)
            var sum = (x - m) * v
            var term = 2 * x * v
            let square = v * v
            var k = 3.0
            while true {
                term *= square
                let next = sum + term / k
                if next == sum { return next }
                sum = next
                k += 2
            }
        }
        return x * ElementaryFunctions.log(x / m) + m - x
    }

    /// xᵃ e⁻ˣ / Γ(a + 1).
    private static func gammaFactor(_ a: Double, _ x: Double) -> Double {
        if x == 0 { return 0 }
        if a < 1 {
            return ElementaryFunctions.exp(a * ElementaryFunctions.log(x) - x - logGamma(a + 1))
        }
        return ElementaryFunctions.exp(-stirlingError(a) - deviance(a, x)) / (twoPi * a).squareRoot()
    }

    /// P(a, x), the share of the gamma integral below x, for a > 0, x ≥ 0.
    ///
    /// Within 10⁻¹² of itself for a up to 10⁶, unless it is below 10⁻³⁰⁰.
    ///
    /// - Complexity: O(√a) terms near x = a, fewer elsewhere.
    package static func gammaP(_ a: Double, _ x: Double) -> Double {
        guard a > 0, x >= 0, a.isFinite else { return .nan }
        if x == .infinity { return 1 }
        return x < a + 1 ? gammaSeries(a, x) : 1 - gammaFraction(a, x)
    }

    /// Q(a, x) = 1 − P(a, x), with the same nearness of itself where it is small.
    package static func gammaQ(_ a: Double, _ x: Double) -> Double {
        guard a > 0, x >= 0, a.isFinite else { return .nan }
        if x == .infinity { return 0 }
        return x < a + 1 ? 1 - gammaSeries(a, x) : gammaFraction(a, x)
    }

    private static func gammaSeries(_ a: Double, _ x: Double) -> Double {
        var sum = 1.0, term = 1.0, k = a
        while true {
            k += 1
            term *= x / k
            let next = sum + term
            if next == sum { break }
            sum = next
        }
        return min(1, gammaFactor(a, x) * sum)
    }

    /// Lentz's method for the continued fraction of Q.
    private static func gammaFraction(_ a: Double, _ x: Double) -> Double {
        var b = x + 1 - a
        var c = 1 / tiny
        var d = 1 / (b == 0 ? tiny : b)
        var h = d
        var k = 1.0
        while k < 1_000_000 {
            let an = -k * (k - a)
            b += 2
            d = an * d + b
            if d.magnitude < tiny { d = tiny }
            c = b + an / c
            if c.magnitude < tiny { c = tiny }
            d = 1 / d
            let step = d * c
            h *= step
            if (step - 1).magnitude < 0x1p-52 { break }
            k += 1
        }
        // The factor of the fraction is xᵃ e⁻ˣ / Γ(a).
        return min(1, gammaFactor(a, x) * a * h)
    }

    // MARK: Beta

    /// Iₓ(a, b), the share of the beta integral below x, for a, b > 0 and x in 0…1.
    ///
    /// Within 10⁻¹² of itself for a + b up to 10⁷, unless it is below 10⁻³⁰⁰.
    ///
    /// - Complexity: O(√(a + b)) terms at most.
    package static func beta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard a > 0, b > 0, a.isFinite, b.isFinite, x >= 0, x <= 1 else { return .nan }
        if x == 0 || x == 1 { return x }
        return beta(x, complement: 1 - x, a, b)
    }

    /// Iₓ(a, b) where 1 − x is given too, for an x near 1.
    package static func beta(_ x: Double, complement y: Double, _ a: Double, _ b: Double) -> Double {
        guard a > 0, b > 0, a.isFinite, b.isFinite, x >= 0, y >= 0 else { return .nan }
        if x == 0 { return 0 }
        if y == 0 { return 1 }
        let factor = betaFactor(x, y, a, b)
        if x < (a + 1) / (a + b + 2) { return min(1, factor * betaFraction(x, a, b) / a) }
        return 1 - min(1, factor * betaFraction(y, b, a) / b)
    }

    /// xᵃ yᵇ / B(a, b) with y = 1 − x.
    private static func betaFactor(_ x: Double, _ y: Double, _ a: Double, _ b: Double) -> Double {
        // Loader's form is for whole counts and above 1; B(a + 1, b) = B(a, b) · a / (a + b) leads there.
        if a < 1 { return betaFactor(x, y, a + 1, b) * (a / ((a + b) * x)) }
        if b < 1 { return betaFactor(x, y, a, b + 1) * (b / ((a + b) * y)) }
        let n = a + b
        let exponent = stirlingError(n) - stirlingError(a) - stirlingError(b) - deviance(a, n * x) - deviance(b, n * y)
        return ElementaryFunctions.exp(exponent) * (a * b / (twoPi * n)).squareRoot()
    }

    /// Lentz's method for the continued fraction of I.
    private static func betaFraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        func bounded(_ number: Double) -> Double { number.magnitude < tiny ? tiny : number }
        var c = 1.0
        var d = 1 / bounded(1 - (a + b) * x / (a + 1))
        var h = d
        var m = 1.0
        while m < 1_000_000 {
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            d = 1 / bounded(1 + even * d)
            c = bounded(1 + even / c)
            h *= d * c
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / bounded(1 + odd * d)
            c = bounded(1 + odd / c)
            let step = d * c
            h *= step
            if (step - 1).magnitude < 0x1p-52 { break }
            m += 1
        }
        return h
    }

    /// The x with Iₓ(a, b) = p, for a, b > 0 and p in 0…1; within 10⁻¹² of itself where a, b ≥ ½ and it is above 10⁻³⁰⁰.
    ///
    /// - Complexity: at most 1,100 evaluations of I, by halving; about 10 as a rule, by Newton's steps.
    package static func betaInverse(_ p: Double, _ a: Double, _ b: Double) -> Double {
        guard a > 0, b > 0, a.isFinite, b.isFinite, p >= 0, p <= 1 else { return .nan }
        if p == 0 || p == 1 { return p }
        // In the nearer half, so that the answer's own digits are found.
        if beta(0.5, a, b) < p { return 1 - betaInverseLower(1 - p, complement: p, b, a) }
        return betaInverseLower(p, complement: 1 - p, a, b)
    }

    /// The inverse where it is at most ½.
    private static func betaInverseLower(_ p: Double, complement q: Double, _ a: Double, _ b: Double) -> Double {
        var low = 0.0, high = 0.5
        var x = min(0.5, a / (a + b))
        for _ in 0..<1_100 {
            // By whichever share is small, so that its digits count.
            let excess = p <= 0.5 ? beta(x, a, b) - p : q - beta(1 - x, complement: x, b, a)
            if excess == 0 { return x }
            if excess < 0 { low = x } else { high = x }
            let density = betaFactor(x, 1 - x, a, b) / (x * (1 - x))
            var next = x - excess / density
            if !(next > low && next < high) {
                // Halve the exponent where the bracket spans decades.
                next = low > 0 && high / low > 4 ? (low * high).squareRoot() : low == 0 && high > 0x1p-1000 ? high * 0x1p-6 : (low + high) / 2
            }
            if (next - x).magnitude <= 0x1p-52 * x { return next }
            x = next
        }
        return x
    }

    // MARK: Distributions

    /// The chance that a standard normal variable is at most x; within 10⁻¹³ of itself down to 10⁻³⁰⁰.
    package static func normalBelow(_ x: Double) -> Double {
        normalAbove(-x)
    }

    /// The chance that a standard normal variable is above x; within 10⁻¹³ of itself down to 10⁻³⁰⁰.
    package static func normalAbove(_ x: Double) -> Double {
        if x.isNaN { return x }
        let tail = gammaQ(0.5, x * x / 2) / 2
        return x >= 0 ? tail : 1 - tail
    }

    /// The z with chance p below it; −infinity at 0, infinity at 1. Within 10⁻¹⁵ of itself (AS 241, *PPND16*).
    package static func normalQuantile(_ p: Double) -> Double {
        guard p >= 0, p <= 1 else { return .nan }
        if p == 0 { return -.infinity }
        if p == 1 { return .infinity }
        func ratio(_ r: Double, _ above: [Double], _ below: [Double]) -> Double {
            var (n, d) = (0.0, 0.0)
            for coefficient in above { n = n * r + coefficient }
            for coefficient in below { d = d * r + coefficient }
            return n / d
        }
        let q = p - 0.5
        if q.magnitude <= 0.425 { return q * ratio(0.180625 - q * q, central.above, central.below) }
        let r = (-ElementaryFunctions.log(q < 0 ? p : 1 - p)).squareRoot()
        let z = r <= 5 ? ratio(r - 1.6, middle.above, middle.below) : ratio(r - 5, far.above, far.below)
        return q < 0 ? -z : z
    }

    private static let central = (
        above: [
            2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
            1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e0,
        ],
        below: [
            5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
            5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1,
        ]
    )
    private static let middle = (
        above: [
            7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
            3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0,
        ],
        below: [
            1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
            6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1,
        ]
    )
    private static let far = (
        above: [
            2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
            2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0,
        ],
        below: [
            2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
            1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1,
        ]
    )

    /// The chance that a chi-squared variable of `degrees` degrees of freedom is above x ≥ 0; as near as ``gammaQ(_:_:)``.
    package static func chiSquaredAbove(_ x: Double, degrees: Double) -> Double {
        gammaQ(degrees / 2, x / 2)
    }

    /// The chance that Student's t of `degrees` degrees of freedom is farther from 0 than `t`, either way; within 10⁻¹¹ of
    /// itself for up to 10⁵ degrees.
    package static func studentBeyond(_ t: Double, degrees: Double) -> Double {
        guard degrees > 0, !t.isNaN else { return .nan }
        if t.isInfinite { return 0 }
        let square = t * t
        return beta(degrees / (degrees + square), complement: square / (degrees + square), degrees / 2, 0.5)
    }

    /// The t with chance p below it, of `degrees` > 0 degrees of freedom; within 10⁻¹¹ of itself.
    package static func studentQuantile(_ p: Double, degrees: Double) -> Double {
        guard p >= 0, p <= 1, degrees > 0 else { return .nan }
        if p == 0 || p == 1 { return p == 0 ? -.infinity : .infinity }
        if p == 0.5 { return 0 }
        let outside = 2 * min(p, 1 - p)
        // By whichever share is small, so that its digits are kept.
        let t: Double
        if outside < 0.5 {
            let x = betaInverse(outside, degrees / 2, 0.5)
            // For many degrees x is next to 1, and what is missing to 1 is wanted.
            let y = x < 0.5 ? 1 - x : betaInverse(1 - outside, 0.5, degrees / 2)
            t = (degrees * y / (1 - y)).squareRoot()
            if x < 0.5 { return (p < 0.5 ? -1 : 1) * (degrees * (1 - x) / x).squareRoot() }
        } else {
            let y = betaInverse(1 - outside, 0.5, degrees / 2)
            t = (degrees * y / (1 - y)).squareRoot()
        }
        return p < 0.5 ? -t : t
    }

    /// The chance that the supremum of a Brownian bridge's size is above x: Kolmogorov's limit. Within 10⁻¹⁴ of itself.
    package static func kolmogorovAbove(_ x: Double) -> Double {
        if x.isNaN { return x }
        if x <= 0 { return 1 }
        if x < 1 {
            // √(2π)/x · Σ e^(−(2k−1)² π² / 8x²) is the chance of at most x.
            let pi = twoPi / 2
            let unit = -pi * pi / (8 * x * x)
            var sum = 0.0
            for k in [7.0, 5, 3, 1] { sum += ElementaryFunctions.exp(k * k * unit) }
            return 1 - twoPi.squareRoot() / x * sum
        }
        var sum = 0.0
        for k in [6.0, 5, 4, 3, 2, 1] {
            let term = ElementaryFunctions.exp(-2 * k * k * x * x)
            sum = term - sum
        }
        return 2 * sum
    }
}
