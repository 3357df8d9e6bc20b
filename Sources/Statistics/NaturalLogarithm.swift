/// The natural logarithm, from additions, products and one division alone: equal bits on every machine.
///
/// Within 2 units in the last place. `log(0)` is −∞; below zero and of NaN it is NaN.
///
/// x = 2^k · m with m in [√½, √2); log m = 2·artanh(s) = 2(s + s³/3 + s⁵/5 + …), s = (m − 1)/(m + 1), |s| ≤ 0.172.
public func naturalLogarithm(_ x: Double) -> Double {
    guard x > 0 else { return x == 0 ? -.infinity : .nan }
    guard x.isFinite else { return x }
    var exponent = Double(x.exponent)
    var m = x.significand
    if m > 1.4142135623730951 {
        m *= 0.5
        exponent += 1
    }
    let s = (m - 1) / (m + 1)
    let z = s * s
    var tail = 1.0 / 25
    tail = tail * z + 1.0 / 23
    tail = tail * z + 1.0 / 21
    tail = tail * z + 1.0 / 19
    tail = tail * z + 1.0 / 17
    tail = tail * z + 1.0 / 15
    tail = tail * z + 1.0 / 13
    tail = tail * z + 1.0 / 11
    tail = tail * z + 1.0 / 9
    tail = tail * z + 1.0 / 7
    tail = tail * z + 1.0 / 5
    tail = tail * z + 1.0 / 3
    // log 2 in two parts, the first with 21 low bits zero, so that its product with the exponent is exact.
    let high = 0x1.62e42fee00000p-1
    let low = 0x1.a39ef35793c76p-33
    return exponent * high + (2 * s + (2 * s * z * tail + exponent * low))
}
