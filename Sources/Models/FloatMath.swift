import MartletNumerics

/// `exp` and `log` of a Float, the same bits on every machine.
///
/// Both compute in Double to about 2⁻⁵⁰ and round once, so the result is the Float nearest to the true value
/// except in about one of 2²⁰ arguments, where it is its neighbour. The C libraries' own are within 1 ulp of that.
enum FloatMath {
    /// e to the x: 0 far below, ∞ far above, NaN of NaN.
    static func exp(_ x: Float) -> Float {
        guard x > -104 else { return x.isNaN ? x : 0 }
        guard x < 89 else { return x.isNaN ? x : .infinity }
        // x = (32k + j)·ln 2 / 32 + r with |r| ≤ ln 2 / 64; e^x = 2^k · 2^(j/32) · e^r.
        let wide = Double(x)
        let steps = (wide * (32 / 0x1.62e42fefa39efp-1)).rounded()
        // ln 2 / 32 in two parts; the first has enough zero bits for an exact product.
        let r = (wide - steps * 0x1.62e42fee00000p-6) - steps * 0x1.a39ef35793c76p-38
        let whole = Int(steps)
        var tail = 1.0 / 720
        tail = tail * r + 1.0 / 120
        tail = tail * r + 1.0 / 24
        tail = tail * r + 1.0 / 6
        tail = tail * r + 0.5
        let fraction = r + r * r * tail
        let scale = Self.powers[whole & 31]
        let power = Double(bitPattern: UInt64(1023 + (whole >> 5)) << 52)
        return Float((scale + scale * fraction) * power)
    }

    /// The natural logarithm.
    static func log(_ x: Float) -> Float {
        Float(ElementaryFunctions.log(Double(x)))
    }

    /// 2^(j/32), each rounded once.
    private static let powers: [Double] = [
        0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
        0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
        0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
        0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
        0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
        0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
        0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
        0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
    ]
}
