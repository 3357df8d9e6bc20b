import Testing

@testable import MartletNumerics

@Suite struct ElementaryFunctionsTests {
    @Test("are within 1 ulp of the exact value, on vectors from mpmath", arguments: ["exp", "log", "pow", "sin", "cos"])
    func golden(name: String) throws {
        var count = 0
        var exact = 0
        for line in mathVectors.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields[0] == name else { continue }
            let numbers = fields.dropFirst().map { Double(bitPattern: UInt64($0, radix: 16) ?? 0) }
            let expected = numbers[numbers.count - 1]
            let found =
                switch name {
                case "exp": ElementaryFunctions.exp(numbers[0])
                case "log": ElementaryFunctions.log(numbers[0])
                case "pow": ElementaryFunctions.pow(numbers[0], numbers[1])
                case "sin": ElementaryFunctions.sin(numbers[0])
                default: ElementaryFunctions.cos(numbers[0])
                }
            let distance = ElementaryFunctionsTests.distance(found, expected)
            #expect(distance <= 1, "\(line): \(found) and \(expected) are \(distance) apart")
            if found.bitPattern == expected.bitPattern { exact += 1 }
            count += 1
        }
        #expect(count >= 400)
        // Nearly all are the nearest float64; a loss of accuracy within 1 ulp would still show here.
        #expect(exact * 100 >= count * 90, "only \(exact) of \(count) are exact")
    }

    @Test("give the IEEE values at the edges")
    func edges() {
        #expect(ElementaryFunctions.exp(710) == .infinity)
        #expect(ElementaryFunctions.exp(-.infinity) == 0)
        #expect(ElementaryFunctions.log(0) == -.infinity)
        #expect(ElementaryFunctions.log(-1).isNaN)
        #expect(ElementaryFunctions.pow(-8, 1.0 / 3).isNaN)
        #expect(ElementaryFunctions.pow(0, -1) == .infinity)
        #expect(ElementaryFunctions.pow(-0.0, -1) == -.infinity)
        #expect(ElementaryFunctions.pow(0, 0) == 1)
        #expect(ElementaryFunctions.pow(.greatestFiniteMagnitude, 2) == .infinity)
        #expect(ElementaryFunctions.pow(.greatestFiniteMagnitude, -2) == 0)
        #expect(ElementaryFunctions.pow(-.greatestFiniteMagnitude, .greatestFiniteMagnitude) == .infinity)
        #expect(ElementaryFunctions.pow(1.0000000001, .greatestFiniteMagnitude) == .infinity)
        #expect(ElementaryFunctions.pow(-1, 3).bitPattern == (-1.0).bitPattern)
        #expect(ElementaryFunctions.pow(-1, .greatestFiniteMagnitude) == 1)
        #expect(ElementaryFunctions.sin(.infinity).isNaN)
        #expect(ElementaryFunctions.sin(-0.0).sign == .minus)
    }

    /// How many float64 lie from one to the other.
    static func distance(_ left: Double, _ right: Double) -> UInt64 {
        if left.isNaN || right.isNaN { return .max }
        func place(_ x: Double) -> Int64 {
            let bits = Int64(bitPattern: x.bitPattern)
            return bits < 0 ? .min - bits : bits
        }
        return place(left).subtractingReportingOverflow(place(right)).partialValue.magnitude
    }
}
