/// Builds a byte sequence: fixed-width integers are little-endian, variable-width ones are LEB128.
///
/// Every on-disk format of ours is written through this type, so that one place decides byte order.
public struct ByteWriter: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8]

    public init(reserving capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    public var count: Int { bytes.count }

    /// Forgets what was written, so that one writer serves many short sequences.
    public mutating func removeAll(keepingCapacity: Bool = false) {
        bytes.removeAll(keepingCapacity: keepingCapacity)
    }

    /// Drops what was written past a length, for a form that turned out longer than another.
    public mutating func truncate(to length: Int) {
        bytes.removeSubrange(length...)
    }

    public mutating func write(_ byte: UInt8) {
        bytes.append(byte)
    }

    public mutating func write(contentsOf other: some Sequence<UInt8>) {
        bytes.append(contentsOf: other)
    }

    // Concrete twins of the generic ones around them: other modules would call those unspecialized.

    public mutating func write(contentsOf other: [UInt8]) {
        bytes.append(contentsOf: other)
    }

    public mutating func write(contentsOf other: ArraySlice<UInt8>) {
        bytes.append(contentsOf: other)
    }

    public mutating func write(contentsOf other: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: other)
    }

    public mutating func write(fixed number: UInt64) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func write(fixed number: Int64) {
        write(fixed: UInt64(bitPattern: number))
    }

    /// Writes the low bytes first.
    public mutating func write<Number: FixedWidthInteger>(fixed number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Writes the IEEE 754 bit pattern, so that negative zero and every NaN keep their bits.
    public mutating func write(_ number: Double) {
        write(fixed: number.bitPattern)
    }

    public mutating func write(_ number: Float) {
        write(fixed: number.bitPattern)
    }

    /// Writes one to ten bytes, seven bits each, low bits first.
    public mutating func write(varint number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Writes a signed number so that small magnitudes of either sign are short (zigzag).
    public mutating func write(zigzag number: Int64) {
        write(varint: UInt64(bitPattern: (number << 1) ^ (number >> 63)))
    }

    /// Writes the length as a varint, then the UTF-8 bytes.
    public mutating func write(_ string: String) {
        var copy = string
        copy.withUTF8 { utf8 in
            write(varint: UInt64(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }

    /// Writes the length as a varint, then the bytes.
    public mutating func write(lengthPrefixed other: [UInt8]) {
        write(varint: UInt64(other.count))
        bytes.append(contentsOf: other)
    }

    /// Replaces bytes written earlier, for lengths and checksums known only at the end.
    public mutating func overwrite<Number: FixedWidthInteger>(fixed number: Number, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= bytes.count)
        withUnsafeBytes(of: number.littleEndian) { source in
            for (index, byte) in source.enumerated() { bytes[offset + index] = byte }
        }
    }
}
