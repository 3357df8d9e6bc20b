import MartletFrames
import Testing

@testable import MartletExpressions

@Suite struct ExpressionPropertyTests {
    static let scope = ExpressionScope(RandomExpressions.names.map { .init($0.0, $0.1) }, timeZone: try! .named("Europe/Brussels"))

    @Test("agrees bit for bit with the row-by-row oracle, in every split into batches", arguments: 0..<8)
    func oracle(part: Int) throws {
        for seed in UInt64(part) * 1_000..<UInt64(part) * 1_000 + 250 {
            var random = RandomExpressions(generator: SeededGenerator(state: seed))
            let type = [ValueType.bool, .int64, .float64, .string, .timestamp][Int(seed % 5)]
            let syntax = random.expression(ExpressionType(type), depth: 4)
            let text = syntax.canonicalText
            let comment: Comment = "seed \(seed): \(text)"
            let expression: CompiledExpression
            do {
                expression = try CompiledExpression.compile(text, in: Self.scope, limits: .init(length: 1 << 20))
            } catch {
                Issue.record("\(comment): \(error)")
                continue
            }
            #expect(expression.type == type, comment)
            // More than one block of the machine, the last one not full.
            let rowCount = seed % 10 == 0 ? 1_100 : 40
            let rows = (0..<rowCount).map { _ in
                Dictionary(uniqueKeysWithValues: RandomExpressions.names.map { ($0.0, random.value($0.1)) })
            }
            let columns = zip(expression.references, expression.referenceTypes).map { name, type in
                Column(rows.map { $0[name] ?? .missing }, type: type)
            }
            let outcomes = rows.map { Oracle(row: $0, zone: Self.scope.timeZone).evaluate(syntax) }
            let expected = Column(outcomes.map { ExpressionPropertyTests.value($0, type) }, type: type)
            let result = expression.evaluate(columns, rowCount: rowCount)
            #expect(result.column.isIdentical(to: expected), comment)
            #expect(result.failureCount == outcomes.count { $0 == .failed }, comment)
            #expect(result.firstFailure?.row == outcomes.firstIndex(of: .failed), comment)
            if !result.column.isIdentical(to: expected) { return }

            var builder = ColumnBuilder(type)
            var failures = 0
            var start = 0
            while start < rowCount {
                let count = rowCount == 40 ? 1 : min(rowCount - start, Int.random(in: 1...700, using: &random.generator))
                let slices = columns.map { $0.gathering(Array(start..<start + count)) }
                let part = expression.evaluate(slices, rowCount: count)
                builder.append(contentsOf: part.column)
                failures += part.failureCount
                start += count
            }
            #expect(builder.finish().isIdentical(to: result.column), comment)
            #expect(failures == result.failureCount, comment)
        }
    }

    @Test("writes text that parses to the same tree", arguments: 0..<4)
    func canonicalText(part: Int) throws {
        for seed in UInt64(part) * 1_000..<UInt64(part) * 1_000 + 1_000 {
            var random = RandomExpressions(generator: SeededGenerator(state: seed &+ 99))
            let syntax = random.expression([.bool, .int64, .float64, .string, .timestamp, .duration][Int(seed % 6)], depth: 5)
            let text = syntax.canonicalText
            let parsed = try Parser.parse(text, limits: .init(length: 1 << 20))
            #expect(parsed == syntax, "seed \(seed): \(text)")
            #expect(parsed.canonicalText == text)
        }
    }

    @Test("never traps on random bytes or on broken expressions", arguments: 0..<4)
    func randomText(part: Int) {
        let pieces = [
            "amount", "x", "v.y", "s", "(", ")", "[", "]", ",", ".", "?", ":", "<", "<=", "==", "!", "!=", "&&", "||", "+", "-", "*", "/", "%", "in",
            "1", "1.5", "9223372036854775808", "0x", "1e", "'a'", "\"", "'''", "\\", "r'", "timestamp(", "duration(\"7d\")", "getHours", "min(", "has",
            "orValue", " ", "\n", "//", "é", "💥", "null", "true", "1u", "b'x'",
        ]
        for seed in UInt64(part) * 10_000..<UInt64(part) * 10_000 + 3_000 {
            var generator = SeededGenerator(state: seed)
            let text: String
            if seed % 3 == 0 {
                let bytes = (0..<Int.random(in: 0...60, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
                text = String(decoding: bytes, as: UTF8.self)
            } else if seed % 3 == 1 {
                text = (0..<Int.random(in: 0...20, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            } else {
                // A good expression with one byte changed.
                var random = RandomExpressions(generator: generator)
                var bytes = Array(random.expression(.bool, depth: 3).canonicalText.utf8)
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 32...126, using: &generator)
                text = String(decoding: bytes, as: UTF8.self)
            }
            do {
                let expression = try CompiledExpression.compile(text, in: Self.scope)
                let columns = expression.referenceTypes.map { Column([.missing], type: $0) }
                #expect(expression.evaluate(columns, rowCount: 1).column.count == 1)
            } catch {
                #expect(error.position.offset <= text.utf8.count, "seed \(seed)")
                #expect(!error.message.isEmpty)
            }
        }
    }

    private static func value(_ outcome: Outcome, _ type: ValueType) -> Value {
        switch outcome {
        case .missing, .failed: .missing
        case .value(.bool(let value)): .bool(value)
        case .value(.int(let value)): type == .float64 ? .float64(Double(value)) : .int64(value)
        case .value(.double(let value)): .float64(value)
        case .value(.string(let value)): .string(value)
        case .value(.time(let value)), .value(.duration(let value)): .timestamp(Timestamp(microseconds: value))
        }
    }
}
