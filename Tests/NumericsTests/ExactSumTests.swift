import MartletNumerics
import Testing

/// Seeded numbers: SplitMix64.
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Any finite float64, of any exponent.
    mutating func anyDouble() -> Double {
        while true {
            let number = Double(bitPattern: next())
            if number.isFinite { return number }
        }
    }
}

@Suite("Exact sums")
struct ExactSumTests {
    private func sum(_ numbers: [Double]) -> Double {
        var sum = ExactSum()
        sum.add(contentsOf: numbers.span)
        return sum.value
    }

    @Test("are rounded once")
    func rounding() {
        #expect(sum([]) == 0)
        #expect(sum([1, 1e100, 1, -1e100]) == 2)
        #expect(sum([0.1, 0.2, 0.3, -0.6]) == 0x1.0p-55 * 0.5 || sum([0.1, 0.2, 0.3, -0.6]).magnitude < 1e-16)
        #expect(sum([.greatestFiniteMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude]) == .greatestFiniteMagnitude)
        #expect(sum([.greatestFiniteMagnitude, .greatestFiniteMagnitude]) == .infinity)
        #expect(sum([.leastNonzeroMagnitude, .leastNonzeroMagnitude]) == 2 * .leastNonzeroMagnitude)
        #expect(sum([0x1p-1022, -.leastNonzeroMagnitude]) == 0x1p-1022 - .leastNonzeroMagnitude)
        // Ties go to even, and what stands below a tie breaks it.
        #expect(sum([1, 0x1p-53]) == 1)
        #expect(sum([1, 0x1p-53, 0x1p-1074]) == 1 + 0x1p-52)
        #expect(sum([1 + 0x1p-52, 0x1p-53]) == 1 + 0x1p-51)
        #expect(sum([-1, -0x1p-53, -0x1p-200]) == -(1 + 0x1p-52))
        #expect(sum([0x1p53, -0.5]) == 0x1p53 && sum([0x1p53, -0.75]) == 0x1p53 - 1)
    }

    @Test("NaN and infinities come through in any order")
    func special() {
        #expect(sum([1, .infinity]) == .infinity && sum([-.infinity, 1e300]) == -.infinity)
        #expect(sum([.infinity, -.infinity]).isNaN && sum([.nan, 1]).isNaN)
    }

    @Test("agree with whole numbers of 128 bits", arguments: [UInt64(1), 2, 3])
    func oracle(seed: UInt64) {
        var random = SeededNumbers(state: seed)
        var exact: Int128 = 0
        var sum = ExactSum()
        for step in 1...40_000 {
            // m · 2^e with e in 0…60: whole, and their sum is below 2¹²⁷.
            let mantissa = Int64(bitPattern: random.next()) >> 11
            let exponent = Int(random.next() % 50)
            exact += Int128(mantissa) << exponent
            sum.add(Double(mantissa) * Double(UInt64(1) << exponent))
            if step % 97 == 0 {
                #expect(sum.value == Double(exact), "after \(step)")
                if sum.value != Double(exact) { return }
            }
        }
    }

    @Test("do not depend on order or splits", arguments: [UInt64(4), 5, 6])
    func order(seed: UInt64) throws {
        var random = SeededNumbers(state: seed)
        let numbers = (0..<3_000).map { _ in random.anyDouble() }
        var whole = ExactSum(), wholeSquares = ExactSum()
        for number in numbers {
            whole.add(number)
            wholeSquares.addSquare(of: number)
        }
        for _ in 0..<5 {
            var parts = [ExactSum](repeating: ExactSum(), count: 7), squares = parts
            for number in numbers.shuffled(using: &random) {
                let part = Int(random.next() % 7)
                parts[part].add(number)
                squares[part].addSquare(of: number)
            }
            while parts.count > 1 {
                parts.shuffle(using: &random)
                parts[0].merge(parts.removeLast())
                squares.shuffle(using: &random)
                squares[0].merge(squares.removeLast())
            }
            #expect(parts[0] == whole && parts[0].value == whole.value)
            #expect(squares[0] == wholeSquares)
            let form = whole.canonical
            let again = try #require(
                ExactSum(magnitude: form.magnitude, lowest: form.lowest, isNegative: form.isNegative, specialBits: whole.specialBits))
            #expect(again == whole && again.value == whole.value)
        }
        // Taking everything away again leaves nothing at all.
        for number in numbers { whole.add(-number) }
        #expect(whole == ExactSum() && whole.value == 0)
    }

    @Test("products are exact, also where float64 underflows or overflows")
    func products() {
        var sum = ExactSum()
        sum.addSquare(of: 1 + 0x1p-52)
        sum.add(-1)
        sum.add(-0x1p-51)
        #expect(sum.value == 0x1p-104)
        sum = ExactSum()
        sum.addSquare(of: 0x1p-600)
        #expect(sum.value == 0)
        #expect(sum != ExactSum())
        for _ in 0..<3 { sum.add(productOf: 0x1p-600, -0x1p-600) }
        sum.add(productOf: 0x1p-600, 0x1p-599)
        #expect(sum == ExactSum())
        sum.addSquare(of: 1e300)
        #expect(sum.value == .infinity)
        sum.add(productOf: -1e300, 1e300)
        #expect(sum.value == 0)
        sum.add(productOf: .infinity, 2)
        #expect(sum.value == .infinity)
    }

    @Test("what is spread about a far mean keeps its digits")
    func deviations() throws {
        var sum = ExactSum(), squares = ExactSum()
        for number in [1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4] {
            sum.add(number)
            squares.addSquare(of: number)
        }
        #expect(ExactSum.squaredDeviations(count: 4, sum: sum, squares: squares) == 5)
        #expect(ExactSum.squaredDeviations(count: 0, sum: ExactSum(), squares: ExactSum()) == nil)
        var constant = ExactSum(), constantSquares = ExactSum()
        for _ in 0..<1_000 {
            constant.add(-0.1)
            constantSquares.addSquare(of: -0.1)
        }
        #expect(ExactSum.squaredDeviations(count: 1_000, sum: constant, squares: constantSquares) == 0)
    }

    @Test("a coding that no sum has is refused")
    func hostile() {
        #expect(ExactSum(magnitude: [0], lowest: 0, isNegative: false, specialBits: 0) == nil)
        #expect(ExactSum(magnitude: [], lowest: 1, isNegative: false, specialBits: 0) == nil)
        #expect(ExactSum(magnitude: [1], lowest: 9_999, isNegative: false, specialBits: 0) == nil)
        #expect(ExactSum(magnitude: [1], lowest: 0, isNegative: false, specialBits: 8) == nil)
        #expect(ExactSum(magnitude: [UInt32](repeating: 1, count: 257), lowest: 0, isNegative: false, specialBits: 0) == nil)
    }
}
