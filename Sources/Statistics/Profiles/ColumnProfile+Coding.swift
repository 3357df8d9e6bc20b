internal import MartletBytes
internal import MartletNumerics

// A profile in bytes; numbers as ByteWriter writes them. Equal profiles have equal bytes.
//
//     version (byte, 1), kind (byte, 0 numbers, 1 categories), rows (varint)
//
//     numbers     limit (varint), dropped bits (byte), least key, greatest key (8 bytes each), buckets (varint),
//                 each: key's prefix less the one before (varint), count (varint);
//                 then the sum, then the sum of squares:
//                 special bits (byte), sign (byte), lowest limb (zigzag), limbs (varint), 4 bytes each
//     categories  limit (varint), level (byte), count (varint), entries (varint),
//                 each, by ascending hash: hash (8 bytes), count (varint), text

extension ColumnProfile {
    private static let version: UInt8 = 1

    /// The profile in bytes, the same for equal profiles; a few KB as a rule.
    public func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(UInt8(numbers == nil ? 1 : 0))
        writer.write(varint: UInt64(rows))
        if let numbers {
            let histogram = numbers.histogram
            let counts = histogram.sortedCounts(droppingBits: histogram.droppedBits)
            writer.write(varint: UInt64(histogram.limit))
            writer.write(UInt8(histogram.droppedBits))
            writer.write(fixed: histogram.keyRange.least)
            writer.write(fixed: histogram.keyRange.greatest)
            writer.write(varint: UInt64(counts.count))
            var previous: UInt64 = 0
            for (prefix, count) in counts {
                writer.write(varint: prefix - previous)
                writer.write(varint: UInt64(count))
                previous = prefix
            }
            Self.write(numbers.sum, into: &writer)
            Self.write(numbers.squares, into: &writer)
        } else if let categories {
            let entries = categories.entries.sorted { $0.hash < $1.hash }
            writer.write(varint: UInt64(categories.limit))
            writer.write(UInt8(categories.level))
            writer.write(varint: UInt64(categories.count))
            writer.write(varint: UInt64(entries.count))
            for entry in entries {
                writer.write(fixed: entry.hash)
                writer.write(varint: UInt64(entry.count))
                writer.write(entry.text)
            }
        }
        return writer.bytes
    }

    private static func write(_ sum: ExactSum, into writer: inout ByteWriter) {
        let (magnitude, lowest, isNegative) = sum.canonical
        writer.write(sum.specialBits)
        writer.write(UInt8(isNegative ? 1 : 0))
        writer.write(zigzag: Int64(lowest))
        writer.write(varint: UInt64(magnitude.count))
        for limb in magnitude { writer.write(fixed: limb) }
    }

    /// Reads what ``encoded()`` gave; refuses whatever it cannot have given.
    ///
    /// - Throws: ``ProfileCodingError``.
    public init(encoded bytes: [UInt8]) throws(ProfileCodingError) {
        do {
            var reader = ByteReader(bytes)
            try self.init(decoding: &reader)
            guard reader.isAtEnd else { throw ByteError.malformed(at: reader.offset, what: "\(reader.remaining) bytes after a profile's end") }
        } catch {
            throw ProfileCodingError(message: "\(error)")
        }
    }

    private init(decoding reader: inout ByteReader) throws(ByteError) {
        let version = try reader.readByte()
        guard version == Self.version else { throw .malformed(at: 0, what: "version \(version) of a profile, where \(Self.version) is known") }
        let kind = try reader.readByte()
        let rows = try Self.readInt(&reader)
        var numbers: NumberProfile?
        var categories: CategoryCounts?
        let start = reader.offset
        switch kind {
        case 0:
            let limit = try Self.readInt(&reader)
            let droppedBits = Int(try reader.readByte())
            let least = try reader.readFixed(UInt64.self)
            let greatest = try reader.readFixed(UInt64.self)
            let bucketCount = try reader.readCount(minimumSize: 2)
            var counts: [(prefix: UInt64, count: Int)] = []
            counts.reserveCapacity(bucketCount)
            var prefix: UInt64 = 0
            for _ in 0..<bucketCount {
                let (sum, overflow) = prefix.addingReportingOverflow(try reader.readVarint())
                guard !overflow else { throw .malformed(at: reader.offset, what: "a bucket beyond all numbers") }
                prefix = sum
                counts.append((prefix, try Self.readInt(&reader)))
            }
            let sum = try Self.readSum(&reader)
            let squares = try Self.readSum(&reader)
            guard let histogram = NumberHistogram(limit: limit, droppedBits: droppedBits, least: least, greatest: greatest, counts: counts),
                sum.specialBits == 0, squares.specialBits == 0, !squares.canonical.isNegative
            else { throw .malformed(at: start, what: "a histogram that no numbers have") }
            numbers = NumberProfile(histogram: histogram, sum: sum, squares: squares)
        case 1:
            let limit = try Self.readInt(&reader)
            let level = Int(try reader.readByte())
            let count = try Self.readInt(&reader)
            let entryCount = try reader.readCount(minimumSize: 10)
            var entries: [CategoryCounts.Entry] = []
            entries.reserveCapacity(entryCount)
            for _ in 0..<entryCount {
                let hash = try reader.readFixed(UInt64.self)
                let times = try Self.readInt(&reader)
                guard entries.last.map({ $0.hash < hash }) ?? true else { throw .malformed(at: reader.offset, what: "hashes that do not ascend") }
                entries.append(CategoryCounts.Entry(hash: hash, text: try reader.readString(), count: times))
            }
            categories = CategoryCounts(limit: limit, level: level, count: count, entries: entries)
        default: throw .malformed(at: 1, what: "an unknown kind \(kind) of profile")
        }
        guard let profile = ColumnProfile(rows: rows, numbers: numbers, categories: categories) else {
            throw .malformed(at: start, what: "counts that no rows have")
        }
        self = profile
    }

    private static func readInt(_ reader: inout ByteReader) throws(ByteError) -> Int {
        let start = reader.offset
        let number = try reader.readVarint()
        // So that sums of hostile counts stay in a word when profiles merge.
        guard number >> 48 == 0 else { throw .malformed(at: start, what: "a count over 48 bits") }
        return Int(number)
    }

    private static func readSum(_ reader: inout ByteReader) throws(ByteError) -> ExactSum {
        let start = reader.offset
        let special = try reader.readByte()
        let sign = try reader.readByte()
        let lowest = try reader.readZigzag()
        let count = try reader.readCount(minimumSize: 4)
        var magnitude: [UInt32] = []
        magnitude.reserveCapacity(count)
        for _ in 0..<count { magnitude.append(try reader.readFixed(UInt32.self)) }
        guard sign <= 1, let lowest = Int(exactly: lowest),
            let sum = ExactSum(magnitude: magnitude, lowest: lowest, isNegative: sign == 1, specialBits: special)
        else { throw .malformed(at: start, what: "a sum that no numbers have") }
        return sum
    }
}

/// Bytes that are no profile.
public struct ProfileCodingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was found where, instead of what.
    public var message: String

    public var description: String { message }
}
