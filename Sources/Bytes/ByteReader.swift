/// Reads what ``ByteWriter`` wrote and never reads past the end.
///
/// A length that the input states is checked against what is left before anything is allocated,
/// so a hostile length cannot exhaust memory.
public struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    /// How many bytes have been read.
    public private(set) var offset: Int

    public init(_ bytes: [UInt8]) {
        self.init(bytes[...])
    }

    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        offset = 0
    }

    public var remaining: Int { bytes.count - offset }
    public var isAtEnd: Bool { remaining == 0 }

    public mutating func readByte() throws(ByteError) -> UInt8 {
        guard remaining >= 1 else { throw .truncated(at: offset, needed: 1, left: remaining) }
        defer { offset += 1 }
        return bytes[bytes.startIndex + offset]
    }

    public mutating func readFixed<Number: FixedWidthInteger>(_ type: Number.Type) throws(ByteError) -> Number {
        let size = MemoryLayout<Number>.size
        guard remaining >= size else { throw .truncated(at: offset, needed: size, left: remaining) }
        var number: Number = 0
        let start = bytes.startIndex + offset
        withUnsafeMutableBytes(of: &number) { target in
            for index in 0..<size { target[index] = bytes[start + index] }
        }
        offset += size
        return Number(littleEndian: number)
    }

    public mutating func readDouble() throws(ByteError) -> Double {
        Double(bitPattern: try readFixed(UInt64.self))
    }

    public mutating func readFloat() throws(ByteError) -> Float {
        Float(bitPattern: try readFixed(UInt32.self))
    }

    public mutating func readVarint() throws(ByteError) -> UInt64 {
        let start = offset
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try readByte()
            let bits = UInt64(byte & 0x7F)
            guard shift < 64, (bits << shift) >> shift == bits else { throw .malformed(at: start, what: "a varint over 64 bits") }
            number |= bits << shift
            if byte < 0x80 { return number }
            shift += 7
        }
    }

    public mutating func readZigzag() throws(ByteError) -> Int64 {
        let number = try readVarint()
        return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }

    /// Reads a count that the input states, refusing one that the bytes left could not hold.
    ///
    /// - Parameter minimumSize: the fewest bytes one element takes; zero for none.
    public mutating func readCount(minimumSize: Int = 1) throws(ByteError) -> Int {
        let start = offset
        let number = try readVarint()
        let most = minimumSize == 0 ? UInt64(Int32.max) : UInt64(remaining / minimumSize)
        guard number <= most else { throw .malformed(at: start, what: "a count of \(number) where at most \(most) fit") }
        return Int(number)
    }

    public mutating func readBytes(_ count: Int) throws(ByteError) -> ArraySlice<UInt8> {
        guard count >= 0, remaining >= count else { throw .truncated(at: offset, needed: count, left: remaining) }
        let start = bytes.startIndex + offset
        offset += count
        return bytes[start..<(start + count)]
    }

    public mutating func readLengthPrefixed() throws(ByteError) -> ArraySlice<UInt8> {
        let count = try readCount()
        return try readBytes(count)
    }

    public mutating func readString() throws(ByteError) -> String {
        let start = offset
        let utf8 = try readLengthPrefixed()
        guard let string = String(validating: utf8, as: UTF8.self) else { throw .malformed(at: start, what: "text that is not UTF-8") }
        return string
    }
}

/// Why bytes could not be read back.
public enum ByteError: Error, Equatable, Sendable {
    /// The input ends before what it announces.
    case truncated(at: Int, needed: Int, left: Int)
    /// The input holds something that no writer of ours writes.
    case malformed(at: Int, what: String)
}

extension ByteError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let offset, let needed, let left):
            "the bytes end too early: at offset \(offset), \(needed) more were expected and \(left) are left"
        case .malformed(let offset, let what):
            "the bytes are not in the expected form: at offset \(offset), \(what)"
        }
    }
}
