internal import MartletBytes

// One column: a byte for validity (0: none is missing; 1: `count` bits follow, low bit first), then the values that
// are present, in the form that a tag byte names. Every number keeps its bits, NaN and −0.0 among them.
//
//     bool       0 constant, byte · 1 bits, low bit first
//     int64,     the integers (IntegerCoding.swift)
//     timestamp
//     float64    0 raw, 8 bytes each · 1 constant, 8 bytes · 2 decimal: places (byte), the integers value × 10^places
//     string     0 raw: lengths (integers), bytes · 1 dictionary: count, lengths, bytes, then the entry of each row
//
// The decimal form is taken only if integer ÷ 10^places gives back every value bit for bit.
//
// Source for decimals: A. Afroozeh et al., *ALP: Adaptive Lossless Floating-Point Compression*, 2023.

enum ColumnForm {
    static let raw: UInt8 = 0
    static let constant: UInt8 = 1
    static let bits: UInt8 = 1
    static let decimal: UInt8 = 2
    static let dictionary: UInt8 = 1
}

extension Column {
    func encode(into writer: inout ByteWriter) {
        if let validity {
            writer.write(1 as UInt8)
            writer.write(bits: validity)
        } else {
            writer.write(0 as UInt8)
        }
        switch storage {
        case .bool(let bits): Column.encode(presentBits(bits), into: &writer)
        case .int64(let values), .timestamp(let values): writer.write(integers: present(values))
        case .float64(let values): Column.encode(present(values), into: &writer)
        case .string(let strings): StringCoding.encode(strings, validity: validity, into: &writer)
        }
    }

    /// - Parameter textBytes: how many bytes of text may still be made; lowered by what the column takes.
    init(decoding reader: inout ByteReader, type: ValueType, count: Int, textBytes: inout Int)
        throws(ByteError)
    {
        let start = reader.offset
        var validity: Bitmap?
        switch try reader.readByte() {
        case 0: validity = nil
        case 1: validity = try reader.readBits(count: count)
        case let tag: throw .malformed(at: start, what: "an unknown form \(tag) of validity")
        }
        let present = validity?.setCount ?? count
        // One spelling only, so that equal columns have equal bytes.
        guard validity == nil || present < count else {
            throw .malformed(at: start, what: "a validity bitmap with nothing missing")
        }
        switch type {
        case .bool:
            let bits = try Column.decodeBits(count: present, from: &reader)
            storage = .bool(validity.map { Column.scatter(bits, over: $0) } ?? bits)
        case .int64, .timestamp:
            let packed = try reader.readIntegers(count: present)
            let values = validity.map { Column.scatter(packed, over: $0, zero: 0) } ?? packed
            storage = type == .int64 ? .int64(values) : .timestamp(values)
        case .float64:
            let packed = try Column.decodeDoubles(count: present, from: &reader)
            storage = .float64(validity.map { Column.scatter(packed, over: $0, zero: 0) } ?? packed)
        case .string:
            storage = .string(
                try StringCoding.decode(present, validity: validity, from: &reader, textBytes: &textBytes))
        }
        self.validity = validity
    }

    // MARK: What is present, close together, and back to its rows

    private func present<Number>(_ values: [Number]) -> [Number] {
        guard let validity else { return values }
        var packed: [Number] = []
        packed.reserveCapacity(validity.setCount)
        for row in values.indices where validity[row] { packed.append(values[row]) }
        return packed
    }

    private func presentBits(_ bits: Bitmap) -> Bitmap {
        guard let validity else { return bits }
        var packed = Bitmap()
        packed.reserveCapacity(validity.setCount)
        for row in 0..<bits.count where validity[row] { packed.append(bits[row]) }
        return packed
    }

    private static func scatter<Number>(_ packed: [Number], over validity: Bitmap, zero: Number) -> [Number] {
        var values = [Number](repeating: zero, count: validity.count)
        var next = 0
        for row in 0..<validity.count where validity[row] {
            values[row] = packed[next]
            next += 1
        }
        return values
    }

    private static func scatter(_ packed: Bitmap, over validity: Bitmap) -> Bitmap {
        var bits = Bitmap(repeating: false, count: validity.count)
        var next = 0
        for row in 0..<validity.count where validity[row] {
            if packed[next] { bits[row] = true }
            next += 1
        }
        return bits
    }

    // MARK: Bools

    private static func encode(_ bits: Bitmap, into writer: inout ByteWriter) {
        let set = bits.setCount
        if set == 0 || set == bits.count {
            writer.write(0 as UInt8)
            writer.write(UInt8(set == 0 ? 0 : 1))
        } else {
            writer.write(ColumnForm.bits)
            writer.write(bits: bits)
        }
    }

    private static func decodeBits(count: Int, from reader: inout ByteReader) throws(ByteError) -> Bitmap {
        let start = reader.offset
        switch try reader.readByte() {
        case 0:
            let bit = try reader.readByte()
            guard bit <= 1 else { throw .malformed(at: start, what: "a constant \(bit) that is no bool") }
            return Bitmap(repeating: bit == 1, count: count)
        case ColumnForm.bits: return try reader.readBits(count: count)
        case let tag: throw .malformed(at: start, what: "an unknown form \(tag) of bools")
        }
    }

    // MARK: Doubles

    /// Powers of ten that a double holds exactly and that keep a useful range of 51-bit integers.
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
    ]

    /// The integer whose quotient by the power is the value bit for bit; nil if there is none.
    @inline(__always)
    private static func integer(_ value: Double, times power: Double) -> Int64? {
        let product = value * power
        // Below 2^51, adding and taking away 1.5 × 2^52 rounds to an integer (and needs no math library);
        // NaN and infinity fail the comparison. Both operands of the division are then exact.
        guard product.magnitude < 2_251_799_813_685_248 else { return nil }
        let scaled = (product + 6_755_399_441_055_744) - 6_755_399_441_055_744
        let number = Int64(scaled)
        return (Double(number) / power).bitPattern == value.bitPattern ? number : nil
    }

    private static func encode(_ values: [Double], into writer: inout ByteWriter) {
        if let first = values.first, values.allSatisfy({ $0.bitPattern == first.bitPattern }) {
            writer.write(ColumnForm.constant)
            writer.write(fixed: first.bitPattern)
            return
        }
        let start = writer.count
        if let (places, integers) = decimals(values) {
            writer.write(ColumnForm.decimal)
            writer.write(UInt8(places))
            writer.write(integers: integers)
            if writer.count - start <= 1 + values.count * 8 { return }
            writer.truncate(to: start)
        }
        writer.write(ColumnForm.raw)
        values.withUnsafeBytes { bytes in
            #if _endian(little)
                writer.write(contentsOf: bytes)
            #else
                for value in values { writer.write(fixed: value.bitPattern) }
            #endif
        }
    }

    /// The fewest decimal places that give back all values, and the integers; nil if there are none.
    private static func decimals(_ values: [Double]) -> (places: Int, integers: [Int64])? {
        // The places grow while the first values are looked at; then all are checked at one number of places.
        var places = 0
        for value in values.prefix(1_000) {
            while integer(value, times: powers[places]) == nil {
                places += 1
                if places == powers.count { return nil }
            }
        }
        var index = 0
        var integers = [Int64]()
        integers.reserveCapacity(values.count)
        while index < values.count {
            if let number = integer(values[index], times: powers[places]) {
                integers.append(number)
                index += 1
            } else {
                places += 1
                if places == powers.count { return nil }
                integers.removeAll(keepingCapacity: true)
                index = 0
            }
        }
        return (places, integers)
    }

    private static func decodeDoubles(count: Int, from reader: inout ByteReader) throws(ByteError) -> [Double]
    {
        let start = reader.offset
        switch try reader.readByte() {
        case ColumnForm.raw:
            guard reader.remaining / 8 >= count else {
                throw .truncated(at: reader.offset, needed: count * 8, left: reader.remaining)
            }
            let bytes = try reader.readBytes(count * 8)
            return bytes.withUnsafeBytes { raw in
                (0..<count).map { index in
                    Double(
                        bitPattern: UInt64(
                            littleEndian: raw.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)))
                }
            }
        case ColumnForm.constant:
            return [Double](repeating: try reader.readDouble(), count: count)
        case ColumnForm.decimal:
            let places = Int(try reader.readByte())
            guard places < powers.count else { throw .malformed(at: start, what: "\(places) decimal places") }
            let power = powers[places]
            return try reader.readIntegers(count: count).map { Double($0) / power }
        case let tag:
            throw .malformed(at: start, what: "an unknown form \(tag) of numbers")
        }
    }
}

extension ByteWriter {
    /// Writes a bitmap's bits, low bit of the first byte first, without its count.
    mutating func write(bits: Bitmap) {
        let byteCount = (bits.count + 7) / 8
        var written = 0
        for word in bits.words {
            if byteCount - written >= 8 {
                write(fixed: word)
                written += 8
            } else {
                for index in 0..<(byteCount - written) {
                    write(UInt8(truncatingIfNeeded: word >> UInt64(8 * index)))
                }
                written = byteCount
            }
        }
    }
}

extension ByteReader {
    /// Reads what ``ByteWriter/write(bits:)`` wrote; bits past the count must be zero.
    mutating func readBits(count: Int) throws(ByteError) -> Bitmap {
        let start = offset
        let bytes = try readBytes((count + 7) / 8)
        if count & 7 != 0, let last = bytes.last, last >> UInt8(count & 7) != 0 {
            throw .malformed(at: start, what: "bits set past the end of a bitmap")
        }
        var words = [UInt64](repeating: 0, count: (count + 63) / 64)
        for (index, byte) in bytes.enumerated() {
            words[index >> 3] |= UInt64(byte) << UInt64(8 * (index & 7))
        }
        return Bitmap(words: words, count: count)
    }
}
