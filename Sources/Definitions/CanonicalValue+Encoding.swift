internal import MartletBytes
internal import MartletFrames

/// Bytes that are not a canonical value of a version that this program reads.
public struct CanonicalDecodingError: Error, Hashable, Sendable, CustomStringConvertible {
    public var message: String
    public var description: String { message }
}

extension CanonicalValue {
    /// The version of the encoding below: the first byte of every encoded value, so part of every hash.
    public static let encodingVersion: UInt8 = 1

    /// The one encoding of this value.
    ///
    /// Version byte, then the tree in depth-first order: a tag byte and, by tag, nothing (0 none, 1 false, 2 true), zigzag
    /// (3 integer, 6 span, 7 time), 8 bytes (4 number), length and bytes (5 text), 32 bytes (8 hash), count and items
    /// (9 list), count and key-value pairs in byte order of the keys (10 map). Counts and lengths are varints.
    public var encoded: [UInt8] {
        var writer = ByteWriter(reserving: 256)
        writer.write(CanonicalValue.encodingVersion)
        encode(into: &writer)
        return writer.bytes
    }

    private func encode(into writer: inout ByteWriter) {
        switch self {
        case .none: writer.write(UInt8(0))
        case .bool(let value): writer.write(UInt8(value ? 2 : 1))
        case .integer(let value):
            writer.write(UInt8(3))
            writer.write(zigzag: value)
        case .number(let value):
            writer.write(UInt8(4))
            writer.write(value == 0 ? 0.0 : value)
        case .text(let value):
            writer.write(UInt8(5))
            writer.write(value)
        case .span(let value):
            writer.write(UInt8(6))
            writer.write(zigzag: value.microseconds)
        case .time(let value):
            writer.write(UInt8(7))
            writer.write(zigzag: value.microseconds)
        case .hash(let value):
            writer.write(UInt8(8))
            writer.write(contentsOf: value.bytes)
        case .list(let items):
            writer.write(UInt8(9))
            writer.write(varint: UInt64(items.count))
            for item in items { item.encode(into: &writer) }
        case .map(let map):
            writer.write(UInt8(10))
            writer.write(varint: UInt64(map.keys.count))
            for (key, value) in zip(map.keys, map.values) {
                writer.write(key)
                value.encode(into: &writer)
            }
        }
    }

    /// Reads what ``encoded`` wrote.
    ///
    /// - Parameter depth: how many lists and maps may stand within one another.
    /// - Throws: for bytes that are no canonical value: cut short, too long, unsorted, of a newer version.
    public init(encoded bytes: [UInt8], depth: Int = 32) throws(CanonicalDecodingError) {
        guard let version = bytes.first else { throw CanonicalDecodingError(message: "the definition is empty") }
        guard version == CanonicalValue.encodingVersion else {
            throw CanonicalDecodingError(
                message: "the definition is encoded in version \(version); this program reads version \(CanonicalValue.encodingVersion)")
        }
        var decoder = Decoder(bytes: bytes, position: 1)
        guard let value = decoder.value(depth: depth), decoder.position == bytes.count else {
            throw CanonicalDecodingError(message: "the definition is damaged near byte \(decoder.position)")
        }
        self = value
    }

    /// Nil for every damage; nothing is allocated on the word of a count.
    private struct Decoder {
        let bytes: [UInt8]
        var position: Int

        mutating func value(depth: Int) -> CanonicalValue? {
            guard depth > 0, let tag = byte() else { return nil }
            switch tag {
            case 0: return CanonicalValue.none
            case 1: return .bool(false)
            case 2: return .bool(true)
            case 3: return zigzag().map { .integer($0) }
            case 4:
                guard bytes.count - position >= 8 else { return nil }
                var pattern: UInt64 = 0
                for index in 0..<8 { pattern |= UInt64(bytes[position + index]) << UInt64(8 * index) }
                position += 8
                let number = Double(bitPattern: pattern)
                return number.isFinite && !(number == 0 && number.sign == .minus) ? .number(number) : nil
            case 5: return text().map { .text($0) }
            case 6: return zigzag().map { .span(Timestamp.Span(microseconds: $0)) }
            case 7: return zigzag().map { .time(Timestamp(microseconds: $0)) }
            case 8:
                guard bytes.count - position >= 32 else { return nil }
                position += 32
                return DefinitionHash(bytes: Array(bytes[(position - 32)..<position])).map { .hash($0) }
            case 9:
                guard let count = varint() else { return nil }
                var items: [CanonicalValue] = []
                for _ in 0..<count {
                    guard let item = value(depth: depth - 1) else { return nil }
                    items.append(item)
                }
                return .list(items)
            case 10:
                guard let count = varint() else { return nil }
                var entries: [(String, CanonicalValue)] = []
                for _ in 0..<count {
                    guard let key = text(), entries.last.map({ $0.0.utf8.lexicographicallyPrecedes(key.utf8) }) ?? true,
                        let value = value(depth: depth - 1)
                    else { return nil }
                    entries.append((key, value))
                }
                return .map(CanonicalMap(entries))
            default: return nil
            }
        }

        mutating func byte() -> UInt8? {
            guard position < bytes.count else { return nil }
            position += 1
            return bytes[position - 1]
        }

        mutating func varint() -> UInt64? {
            var result: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 70, by: 7) {
                guard let next = byte() else { return nil }
                if shift == 63, next > 1 { return nil }
                result |= UInt64(next & 0x7F) << shift
                if next < 0x80 { return shift > 0 && next == 0 ? nil : result }
            }
            return nil
        }

        mutating func zigzag() -> Int64? {
            varint().map { Int64(bitPattern: ($0 >> 1) ^ (0 &- ($0 & 1))) }
        }

        mutating func text() -> String? {
            guard let count = varint(), count <= UInt64(bytes.count - position) else { return nil }
            let slice = bytes[position..<(position + Int(count))]
            position += Int(count)
            return String(validating: slice, as: UTF8.self)
        }
    }
}
