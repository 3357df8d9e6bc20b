// How a sequence of 64-bit integers is stored: blocks of up to 1,024 values, each in the smallest of four forms.
//
//     constant      tag 0, value (zigzag)
//     packed        tag 1, base (zigzag), width (byte), value − base in `width` bits each, low bits first
//     delta packed  tag 2, first value (zigzag), base (zigzag), width (byte), difference − base in `width` bits each
//     delta varint  tag 3, first value (zigzag), then each difference (zigzag)
//
// Differences wrap around, so every sequence has each form. The count is not stored: whoever reads knows it, and
// what is allocated is bounded by that knowledge, never by the bytes.
//
// Source for bit packing against a base: D. Lemire, L. Boytsov, *Decoding billions of integers per second through
// vectorization*, 2015 (without the vectors).

enum IntegerBlock {
    static let size = 1_024
    static let constant: UInt8 = 0
    static let packed: UInt8 = 1
    static let deltaPacked: UInt8 = 2
    static let deltaVarint: UInt8 = 3

    /// Enough words for a packed block of the full width and for any varint block that is smaller than it.
    static let scratchWords = size + 16
}

extension ByteWriter {
    /// Writes integers compactly; read them back with ``ByteReader/readIntegers(count:)``.
    ///
    /// - Complexity: O(*n*), one allocation of fixed size.
    public mutating func write(integers values: [Int64]) {
        values.withUnsafeBufferPointer { write(integers: $0) }
    }

    /// Writes integers compactly; the count is not written.
    public mutating func write(integers values: UnsafeBufferPointer<Int64>) {
        var scratch = [UInt64](repeating: 0, count: IntegerBlock.scratchWords)
        var start = 0
        while start < values.count {
            let end = min(start + IntegerBlock.size, values.count)
            writeBlock(UnsafeBufferPointer(rebasing: values[start..<end]), scratch: &scratch)
            start = end
        }
    }

    private mutating func writeBlock(_ values: UnsafeBufferPointer<Int64>, scratch: inout [UInt64]) {
        let first = values[0]
        var (low, high) = (first, first)
        var (lowDelta, highDelta) = (Int64.max, Int64.min)
        var varintSize = 0
        var previous = first
        for index in 1..<max(1, values.count) {
            let value = values[index]
            let delta = value &- previous
            previous = value
            low = min(low, value)
            high = max(high, value)
            lowDelta = min(lowDelta, delta)
            highDelta = max(highDelta, delta)
            varintSize += Self.varintSize(Self.zigzag(delta))
        }
        if low == high {
            write(IntegerBlock.constant)
            write(zigzag: first)
            return
        }
        let width = Self.width(from: low, to: high)
        let deltaWidth = Self.width(from: lowDelta, to: highDelta)
        let baseSize = Self.varintSize(Self.zigzag(low)) + 1
        let packedSize = baseSize + (values.count * width + 7) / 8
        let firstSize = Self.varintSize(Self.zigzag(first))
        let deltaSize =
            firstSize + Self.varintSize(Self.zigzag(lowDelta)) + 1 + ((values.count - 1) * deltaWidth + 7) / 8
        if packedSize <= deltaSize && packedSize <= firstSize + varintSize {
            write(IntegerBlock.packed)
            write(zigzag: low)
            write(UInt8(width))
            writePacked(values.count, width: width, scratch: &scratch) {
                UInt64(bitPattern: values[$0] &- low)
            }
        } else if deltaSize <= firstSize + varintSize {
            write(IntegerBlock.deltaPacked)
            write(zigzag: first)
            write(zigzag: lowDelta)
            write(UInt8(deltaWidth))
            writePacked(values.count - 1, width: deltaWidth, scratch: &scratch) {
                UInt64(bitPattern: values[$0 + 1] &- values[$0] &- lowDelta)
            }
        } else {
            write(IntegerBlock.deltaVarint)
            write(zigzag: first)
            scratch.withUnsafeMutableBytes { target in
                var end = 0
                for index in 1..<values.count {
                    var rest = Self.zigzag(values[index] &- values[index - 1])
                    while rest >= 0x80 {
                        target[end] = UInt8(truncatingIfNeeded: rest) | 0x80
                        rest >>= 7
                        end += 1
                    }
                    target[end] = UInt8(truncatingIfNeeded: rest)
                    end += 1
                }
                write(contentsOf: UnsafeRawBufferPointer(rebasing: target[..<end]))
            }
        }
    }

    @inline(__always)
    private mutating func writePacked(
        _ count: Int, width: Int, scratch: inout [UInt64], _ value: (Int) -> UInt64
    ) {
        guard width > 0 else { return }
        scratch.withUnsafeMutableBufferPointer { words in
            var (word, filled, end) = (UInt64(0), 0, 0)
            for index in 0..<count {
                let bits = value(index)
                word |= bits << UInt64(filled)
                filled += width
                if filled >= 64 {
                    words[end] = word.littleEndian
                    end += 1
                    filled -= 64
                    // A shift by the full width gives 0, which is what is left of bits that ended with the word.
                    word = bits >> UInt64(width - filled)
                }
            }
            words[end] = word.littleEndian
            write(
                contentsOf: UnsafeRawBufferPointer(
                    rebasing: UnsafeRawBufferPointer(words)[..<((count * width + 7) / 8)]))
        }
    }

    private static func zigzag(_ number: Int64) -> UInt64 {
        UInt64(bitPattern: (number << 1) ^ (number >> 63))
    }

    private static func varintSize(_ number: UInt64) -> Int {
        (70 - (number | 1).leadingZeroBitCount) / 7
    }

    private static func width(from low: Int64, to high: Int64) -> Int {
        64 - UInt64(bitPattern: high &- low).leadingZeroBitCount
    }
}

extension ByteReader {
    /// Reads what ``ByteWriter/write(integers:)-([Int64])`` wrote.
    ///
    /// - Parameter count: how many there are; the caller bounds it, and with it the memory taken.
    public mutating func readIntegers(count: Int) throws(ByteError) -> [Int64] {
        precondition(count >= 0)
        // Each block takes at least two bytes, so that far fewer bytes than rows may be honest; a lie stops here.
        let blocks = (count + IntegerBlock.size - 1) / IntegerBlock.size
        guard remaining >= blocks * 2 else {
            throw .truncated(at: offset, needed: blocks * 2, left: remaining)
        }
        var values: [Int64] = []
        values.reserveCapacity(count)
        while values.count < count {
            try readBlock(min(IntegerBlock.size, count - values.count), into: &values)
        }
        return values
    }

    private mutating func readBlock(_ count: Int, into values: inout [Int64]) throws(ByteError) {
        let start = offset
        switch try readByte() {
        case IntegerBlock.constant:
            let value = try readZigzag()
            values.append(contentsOf: repeatElement(value, count: count))
        case IntegerBlock.packed:
            let base = try readZigzag()
            try readPacked(count, into: &values) { base &+ Int64(bitPattern: $0) }
        case IntegerBlock.deltaPacked:
            var value = try readZigzag()
            let base = try readZigzag()
            values.append(value)
            try readPacked(count - 1, into: &values) { bits in
                value = value &+ base &+ Int64(bitPattern: bits)
                return value
            }
        case IntegerBlock.deltaVarint:
            var value = try readZigzag()
            values.append(value)
            for _ in 1..<max(1, count) {
                value = value &+ (try readZigzag())
                values.append(value)
            }
        case let tag:
            throw .malformed(at: start, what: "an unknown form \(tag) of integers")
        }
    }

    @inline(__always)
    private mutating func readPacked(
        _ count: Int, into values: inout [Int64], _ value: (UInt64) -> Int64
    ) throws(ByteError) {
        let start = offset
        let width = Int(try readByte())
        guard width <= 64 else { throw .malformed(at: start, what: "a width of \(width) bits") }
        let packed = try readBytes((count * width + 7) / 8)
        if width == 0 {
            for _ in 0..<count { values.append(value(0)) }
            return
        }
        let mask = UInt64.max >> UInt64(64 - width)
        packed.withUnsafeBytes { bytes in
            var (word, left, next) = (UInt64(0), 0, 0)
            for _ in 0..<count {
                var bits = word
                if left < width {
                    var fresh: UInt64 = 0
                    if next + 8 <= bytes.count {
                        fresh = UInt64(
                            littleEndian: bytes.loadUnaligned(fromByteOffset: next, as: UInt64.self))
                    } else {
                        for index in next..<bytes.count {
                            fresh |= UInt64(bytes[index]) << UInt64(8 * (index - next))
                        }
                    }
                    next += 8
                    bits |= fresh << UInt64(left)
                    word = fresh >> UInt64(width - left)
                    left += 64 - width
                } else {
                    word >>= UInt64(width)
                    left -= width
                }
                values.append(value(bits & mask))
            }
        }
    }
}
