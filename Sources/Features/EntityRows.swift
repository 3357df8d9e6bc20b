internal import MartletFrames

/// The rows of a batch by entity: those of one entity side by side, in row order.
struct EntityRows {
    /// `entity << 32 | row`, ascending; rows without an entity are left out.
    private var packed: Slab<UInt64>
    private(set) var count: Int

    /// - Parameter numbers: the entity of each row, −1 for none.
    /// - Parameter missing: whether rows without an entity come too, as entity −1, at the end.
    init(numbers: UnsafePointer<Int32>, rowCount: Int, entityCount: Int) {
        packed = Slab(capacity: rowCount)
        count = rowCount
        // An unsigned −1 is the greatest number, so rows without an entity come last.
        guard rowCount > 64, entityCount <= 4 * rowCount else {
            for row in 0..<rowCount { packed[row] = UInt64(UInt32(bitPattern: numbers[row])) << 32 | UInt64(row) }
            var all = UnsafeMutableBufferPointer(start: packed.base, count: rowCount)
            all.sort()
            return
        }
        let heads = Slab<Int>(capacity: entityCount + 2)
        heads.fill(0, from: 0, to: entityCount + 2)
        func bucket(_ row: Int) -> Int { numbers[row] < 0 ? entityCount : Int(numbers[row]) }
        for row in 0..<rowCount { heads[bucket(row) + 1] += 1 }
        for entity in 0..<(entityCount + 1) { heads[entity + 1] += heads[entity] }
        for row in 0..<rowCount {
            let place = bucket(row)
            packed[heads[place]] = UInt64(UInt32(bitPattern: numbers[row])) << 32 | UInt64(row)
            heads[place] += 1
        }
        heads.deallocate()
    }

    func deallocate() { packed.deallocate() }

    @inline(__always) func row(_ index: Int) -> Int { Int(packed[index] & 0xFFFF_FFFF) }
    @inline(__always) func entity(_ index: Int) -> Int { Int(Int32(truncatingIfNeeded: packed[index] >> 32)) }

    /// Where the run of one entity that begins at an index ends.
    @inline(__always) func endOfRun(from index: Int) -> Int {
        let entity = packed[index] >> 32
        var end = index + 1
        while end < count, packed[end] >> 32 == entity { end += 1 }
        return end
    }
}

/// Walks the entity keys of a batch as byte strings, without making strings.
enum EntityKeyBytes {
    /// Calls `body` with the key of each row; a row that misses a part is left out.
    ///
    /// One text is its bytes; one integer its eight bytes; several parts are each preceded by their length, so that
    /// different keys have different bytes.
    @inline(__always)
    static func forEach(_ columns: [Column], rowCount: Int, _ body: (_ row: Int, _ key: UnsafeRawBufferPointer) -> Void) {
        if columns.count == 1 {
            let column = columns[0]
            switch column.storage {
            case .string(let texts):
                texts.offsets.withUnsafeBufferPointer { offsets in
                    texts.bytes.withUnsafeBytes { bytes in
                        for row in 0..<rowCount where !column.isMissing(row) {
                            body(row, UnsafeRawBufferPointer(rebasing: bytes[offsets[row]..<offsets[row + 1]]))
                        }
                    }
                }
            case .int64(let values), .timestamp(let values):
                values.withUnsafeBytes { bytes in
                    for row in 0..<rowCount where !column.isMissing(row) {
                        body(row, UnsafeRawBufferPointer(rebasing: bytes[(8 * row)..<(8 * row + 8)]))
                    }
                }
            case .bool, .float64: preconditionFailure("an entity key is a string or an int64")
            }
            return
        }
        var scratch: [UInt8] = []
        scratch.reserveCapacity(64)
        for row in 0..<rowCount where !columns.contains(where: { $0.isMissing(row) }) {
            scratch.removeAll(keepingCapacity: true)
            for column in columns {
                switch column.storage {
                case .string(let texts):
                    let utf8 = texts.utf8(row)
                    withUnsafeBytes(of: UInt32(utf8.count).littleEndian) { scratch.append(contentsOf: $0) }
                    scratch.append(contentsOf: utf8)
                case .int64(let values), .timestamp(let values):
                    withUnsafeBytes(of: values[row].littleEndian) { scratch.append(contentsOf: $0) }
                case .bool, .float64: preconditionFailure("an entity key is a string or an int64")
                }
            }
            scratch.withUnsafeBytes { body(row, $0) }
        }
    }
}
