import MartletBytes
import MartletFrames
import Testing

/// A small generator with a seed, so that a failure replays (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

let allTypes = Schema([
    Field("flag", .bool, isOptional: true), Field("count", .int64, isOptional: true),
    Field("amount", .float64, isOptional: true), Field("name", .string, isOptional: true),
    Field("at", .timestamp, isOptional: true),
])

func randomColumn(_ type: ValueType, rows: Int, using random: inout SeededRandom) -> Column {
    let style = Int.random(in: 0..<7, using: &random)
    let missing: Double = ([0, 0, 0.1, 0.9, 1] as [Double]).randomElement(using: &random) ?? 0
    var builder = ColumnBuilder(type)
    var walk = Int64.random(in: -1_000_000...1_000_000, using: &random)
    for row in 0..<rows {
        if Double.random(in: 0..<1, using: &random) < missing {
            builder.appendMissing()
            continue
        }
        walk &+= Int64.random(in: 0...5_000, using: &random)
        switch type {
        case .bool: builder.append(style == 0 ? true : style == 1 ? false : Bool.random(using: &random))
        case .int64, .timestamp:
            let extremes: [Int64] = [.min, .max, 0, -1, 1]
            switch style {
            case 0: builder.append(Int64(7))
            case 1: builder.append(walk)
            case 2: builder.append(Int64.random(in: .min ... .max, using: &random))
            case 3: builder.append(extremes.randomElement(using: &random) ?? 0)
            case 4:
                builder.append(
                    Int64.random(in: 0..<(1 << Int64.random(in: 0..<62, using: &random)), using: &random))
            case 5: builder.append(Int64(row) * 1_000_000 + 1_500_000_000_000_000)
            default: builder.append(Int64(row % 97 == 0 ? 1 << 50 : row % 3))
            }
        case .float64:
            let odd: [Double] = [.nan, -.nan, .infinity, -.infinity, -0.0, 0, .leastNonzeroMagnitude, 1e300]
            switch style {
            case 0: builder.append(2.5)
            case 1: builder.append(Double(Int.random(in: -100_000...100_000, using: &random)) / 100)
            case 2: builder.append(Double(bitPattern: random.next()))
            case 3: builder.append(odd.randomElement(using: &random) ?? 0)
            case 4: builder.append(Double(Int.random(in: 0..<1_000, using: &random)))
            case 5: builder.append(Double.random(in: 0..<1, using: &random))
            default: builder.append(row == rows - 1 ? -0.0 : Double(row) / 8)
            }
        case .string:
            switch style {
            case 0: builder.append("constant")
            case 1: builder.append("")
            case 2: builder.append(["red", "grün", "青", "🟦", ""].randomElement(using: &random) ?? "")
            case 3: builder.append(String(random.next(), radix: 36))
            default: builder.append(String(repeating: "é", count: Int.random(in: 0..<20, using: &random)))
            }
        }
    }
    return builder.finish()
}

func randomFrame(seed: UInt64) -> Frame {
    var random = SeededRandom(seed)
    let rows = [0, 1, 2, 63, 64, 65, 200, 1_023, 1_024, 1_025, 2_500].randomElement(using: &random) ?? 0
    return Frame(
        allTypes, allTypes.fields.map { randomColumn($0.type, rows: rows, using: &random) }, rowCount: rows)
}

func encoded(_ frame: Frame) -> [UInt8] {
    var writer = ByteWriter()
    frame.encodeColumns(into: &writer)
    return writer.bytes
}

func identical(_ left: Frame, _ right: Frame) -> Bool {
    left.schema == right.schema && left.rowCount == right.rowCount
        && zip(left.columns, right.columns).allSatisfy { $0.isIdentical(to: $1) }
}

@Suite("Frames as bytes") struct FrameCodingTests {
    @Test("come back with every bit", arguments: UInt64(0)..<400)
    func roundTrip(seed: UInt64) throws {
        let frame = randomFrame(seed: seed)
        let bytes = encoded(frame)
        var reader = ByteReader(bytes)
        let back = try Frame(decodingColumns: &reader, schema: allTypes, rowLimit: 10_000)
        #expect(reader.isAtEnd)
        let isEqual = identical(frame, back)
        #expect(isEqual, "seed \(seed)")
        let hasEqualBytes = encoded(back) == bytes
        #expect(hasEqualBytes, "equal frames have equal bytes, seed \(seed)")
    }

    @Test("a schema comes back")
    func schemaRoundTrip() throws {
        var writer = ByteWriter()
        allTypes.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try Schema(decoding: &reader) == allTypes)
        #expect(reader.isAtEnd)
    }

    @Test("a schema with a name twice, an unknown type or flag is refused")
    func hostileSchemas() {
        for fields: [UInt8] in [
            [2, 1, 97, 1, 0, 1, 97, 2, 0], [1, 1, 97, 9, 0], [1, 1, 97, 1, 2], [200], [1, 5, 97],
        ] {
            var reader = ByteReader(fields)
            #expect(throws: ByteError.self) { try Schema(decoding: &reader) }
        }
    }

    @Test("every truncation is refused", arguments: [1, 5, 17, 23] as [UInt64])
    func truncations(seed: UInt64) {
        let bytes = encoded(randomFrame(seed: seed))
        for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 700)) {
            var reader = ByteReader(bytes[..<length])
            #expect(throws: ByteError.self, "seed \(seed), length \(length)") {
                try Frame(decodingColumns: &reader, schema: allTypes, rowLimit: 10_000)
            }
        }
    }

    @Test(
        "flipped bits and random bytes give an error or a frame, and never a trap", arguments: UInt64(0)..<60)
    func hostileBytes(seed: UInt64) {
        var random = SeededRandom(seed)
        let good = encoded(randomFrame(seed: seed))
        for _ in 0..<60 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                // Mostly near the front, where counts, tags and widths are.
                let reach = Bool.random(using: &random) ? bytes.count : min(bytes.count, 40)
                bytes[Int.random(in: 0..<reach, using: &random)] ^=
                    1 << UInt8.random(in: 0..<8, using: &random)
            }
            var reader = ByteReader(bytes)
            if let frame = try? Frame(
                decodingColumns: &reader, schema: allTypes, rowLimit: 5_000, textLimit: 1 << 20)
            {
                for column in frame.columns { for row in 0..<min(3, frame.rowCount) { _ = column[row] } }
            }
        }
        for _ in 0..<200 {
            let length = Int.random(in: 0..<80, using: &random)
            var bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            if length > 2 { bytes[1] = UInt8.random(in: 0...2, using: &random) }
            var reader = ByteReader(bytes)
            _ = try? Frame(decodingColumns: &reader, schema: allTypes, rowLimit: 5_000, textLimit: 1 << 20)
        }
    }

    @Test("limits on rows and on text hold")
    func limits() throws {
        let schema = Schema([Field("name", .string)])
        let frame = Frame(schema, [Column(repeating: .string("twelve bytes"), type: .string, count: 100)])
        let bytes = encoded(frame)
        #expect(bytes.count < 40, "one text a hundred times is a dictionary")
        var reader = ByteReader(bytes)
        #expect(throws: ByteError.self) { try Frame(decodingColumns: &reader, schema: schema, rowLimit: 99) }
        reader = ByteReader(bytes)
        #expect(throws: ByteError.self) {
            try Frame(decodingColumns: &reader, schema: schema, rowLimit: 100, textLimit: 1_199)
        }
        reader = ByteReader(bytes)
        #expect(try Frame(decodingColumns: &reader, schema: schema, rowLimit: 100, textLimit: 1_200) == frame)
    }

    @Test("a text that starts inside a character is refused, though all bytes together are UTF-8")
    func splitCharacter() {
        let schema = Schema([Field("name", .string)])
        for (lengths, isGood) in [([0, 4] as [UInt8], true), ([0, 2], false)] {
            // Rows, validity, raw form, lengths (constant: 2 each, or 1 each), "éé" or "é".
            let bytes: [UInt8] = [2, 0, 0] + lengths + (isGood ? [0xC3, 0xA9, 0xC3, 0xA9] : [0xC3, 0xA9])
            var reader = ByteReader(bytes)
            let frame = try? Frame(decodingColumns: &reader, schema: schema, rowLimit: 10)
            #expect((frame != nil) == isGood)
        }
    }

    @Test("typical columns become small")
    func sizes() {
        let rows = 10_000
        func size(_ type: ValueType, _ value: (Int) -> Value) -> Int {
            let column = Column((0..<rows).map(value), type: type)
            return encoded(Frame(Schema([Field("x", type)]), [column])).count
        }
        #expect(
            size(.timestamp) {
                .timestamp(Timestamp(microseconds: 1_500_000_000_000_000 + Int64($0) * 1_000_000))
            } < 400)
        #expect(size(.bool) { .bool($0 % 3 == 0) } < rows / 8 + 20)
        #expect(size(.int64) { .int64(Int64($0 * 7_919 % 1_000)) } < rows * 11 / 8)
        #expect(size(.float64) { .float64(Double($0 * 7_919 % 100_000) / 100) } < rows * 18 / 8)
        #expect(size(.string) { .string(["SAN", "AMS", "NCE"][$0 % 3]) } < rows / 3)
    }

    @Test("integers of every width come back", arguments: 0...64)
    func integerWidths(width: Int) throws {
        var random = SeededRandom(UInt64(width))
        let mask = width == 0 ? 0 : UInt64.max >> UInt64(64 - width)
        for count in [0, 1, 2, 7, 64, 1_024, 1_025, 3_000] {
            let values = (0..<count).map { _ in Int64(bitPattern: random.next() & mask) &- 5 }
            var writer = ByteWriter()
            writer.write(integers: values)
            var reader = ByteReader(writer.bytes)
            #expect(try reader.readIntegers(count: count) == values)
            #expect(reader.isAtEnd)
        }
    }

    @Test("fingerprints come back, and a count over the bytes is refused")
    func fingerprints() throws {
        let values = (0..<20).map { Fingerprint(high: UInt64($0) << 60, low: ~UInt64($0)) }
        var writer = ByteWriter()
        writer.write(fingerprints: values)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readFingerprints(count: 20) == values)
        reader = ByteReader(writer.bytes)
        #expect(throws: ByteError.self) { try reader.readFingerprints(count: 21) }
    }

    @Test("joined frames hold the rows of each", arguments: UInt64(0)..<40)
    func concatenation(seed: UInt64) throws {
        let parts = (0..<4).map { randomFrame(seed: seed * 7 + $0) }
        let whole = try #require(Frame.concatenating(parts))
        var builders = allTypes.fields.map { ColumnBuilder($0.type) }
        for part in parts {
            for index in builders.indices { builders[index].append(contentsOf: part.columns[index]) }
        }
        let expected = Frame(allTypes, builders.map { $0.finish() })
        let isEqual = identical(whole, expected)
        #expect(isEqual, "seed \(seed)")
        #expect(Frame.concatenating([]) == nil)
    }

    @Test("canonical rows ignore the order of fields and tell values apart")
    func canonicalRows() {
        func bytes(_ fields: [(Field, Value)]) -> [UInt8] {
            let frame = Frame(
                Schema(fields.map(\.0)), fields.map { Column(repeating: $0.1, type: $0.0.type, count: 1) })
            var found: [UInt8] = []
            CanonicalRows(frame.schema).forEach(of: frame, after: []) { _, bytes in found += bytes }
            return found
        }
        let a = Field("a", .string, isOptional: true)
        let b = Field("b", .string, isOptional: true)
        #expect(
            bytes([(a, .string("x")), (b, .string("y"))]) == bytes([(b, .string("y")), (a, .string("x"))]))
        #expect(
            bytes([(a, .string("xy")), (b, .string(""))]) != bytes([(a, .string("x")), (b, .string("y"))]))
        #expect(bytes([(a, .string("")), (b, .missing)]) != bytes([(a, .missing), (b, .string(""))]))
        #expect(bytes([(a, .string("")), (b, .missing)]) == bytes([(a, .string(""))]))
        let zero = Field("z", .float64)
        #expect(bytes([(zero, .float64(0))]) != bytes([(zero, .float64(-0.0))]))
        #expect(bytes([(Field("n", .int64), .int64(1))]) != bytes([(Field("n", .float64), .float64(1))]))
        #expect(bytes([(Field("n", .bool), .bool(true))]) == [1, 110, 1, 1])
    }

    @Test("canonical rows are those of the naive form, row by row", arguments: UInt64(0)..<60)
    func canonicalRowsAgreeWithOracle(seed: UInt64) {
        var random = SeededRandom(seed)
        let count = [0, 1, 511, 512, 513, 1_300].randomElement(using: &random) ?? 0
        let frame = Frame(allTypes, allTypes.fields.map { randomColumn($0.type, rows: count, using: &random) }, rowCount: count)
        var rows: [Int] = []
        CanonicalRows(allTypes).forEach(of: frame, after: [9, 8, 7]) { row, bytes in
            rows.append(row)
            var expected = ByteWriter()
            expected.write(contentsOf: [9, 8, 7])
            for (field, column) in zip(allTypes.fields, frame.columns).sorted(by: { $0.0.name < $1.0.name }) {
                let tag: UInt8 = switch field.type { case .bool: 1; case .int64: 2; case .float64: 3; case .string: 4; case .timestamp: 5 }
                if column[row] == .missing { continue }
                expected.write(field.name)
                expected.write(tag)
                switch column[row] {
                case .bool(let value): expected.write(UInt8(value ? 1 : 0))
                case .int64(let value): expected.write(fixed: value)
                case .timestamp(let value): expected.write(fixed: value.microseconds)
                case .float64(let value): expected.write(value)
                case .string(let value): expected.write(value)
                case .missing: break
                }
            }
            let isEqual = bytes.elementsEqual(expected.bytes)
            #expect(isEqual, "seed \(seed), row \(row)")
        }
        #expect(rows == Array(0..<count))
    }
}
