import Foundation
import Testing

@testable import MartletModels

@Suite("exp and log of a Float")
struct FloatMathTests {
    @Test("exp is within 1 ulp of the C library's over its whole range")
    func exponential() {
        var differing = 0, tested = 0
        // Every Float in MARTLET_EXHAUSTIVE, else every 1009th, both signs.
        let step: UInt32 = ProcessInfo.processInfo.environment["MARTLET_EXHAUSTIVE"] == nil ? 1009 : 1
        for sign: UInt32 in [0, 0x8000_0000] {
            var bits: UInt32 = 0
            while bits <= Float(110).bitPattern {
                let x = Float(bitPattern: bits | sign)
                let ours = FloatMath.exp(x), theirs = expf(x)
                tested += 1
                if ours.bitPattern != theirs.bitPattern {
                    differing += 1
                    let apart = ours.isFinite && theirs.isFinite && (ours.nextUp == theirs || ours.nextDown == theirs)
                    if !apart { Issue.record("exp(\(x)) is \(ours), the C library's \(theirs)") ; return }
                }
                bits += step
            }
        }
        print("exp: \(differing) of \(tested) differ from the C library's, by 1 ulp")
        #expect(Double(differing) / Double(tested) < 0.002)
        #expect(FloatMath.exp(.infinity) == .infinity && FloatMath.exp(-.infinity) == 0 && FloatMath.exp(.nan).isNaN)
    }

    @Test("exp and log are the Floats nearest to the true values")
    func nearest() {
        var bits = Float(1e-6).bitPattern
        while bits < Float(80).bitPattern {
            for x in [Float(bitPattern: bits), -Float(bitPattern: bits)] {
                #expect(FloatMath.exp(x) == Float(exp(Double(x))))
            }
            #expect(FloatMath.log(Float(bitPattern: bits)) == Float(log(Double(Float(bitPattern: bits)))))
            bits += 40_009
        }
    }

    @Test("an agreed base score is near, and its margin is far from the middle of two Floats")
    func agreedBaseScore() {
        for objective in [Objective.logistic, .poisson] {
            for step in 1..<1000 {
                let score = Float(step) / 1000
                let agreed = objective.agreedBaseScore(near: score)
                #expect(abs(agreed - score) <= 2e-4)
                let theirs = objective == .logistic ? -logf(1 / agreed - 1) : logf(agreed)
                #expect(objective.margin(ofBaseScore: agreed).bitPattern == theirs.bitPattern)
            }
        }
    }
}
