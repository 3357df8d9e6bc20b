extension Frame {
    /// The rows of all frames, in order; nil if there is no frame.
    ///
    /// - Precondition: all have one schema.
    /// - Complexity: O(values), in bulk.
    public static func concatenating(_ frames: [Frame]) -> Frame? {
        guard let first = frames.first else { return nil }
        if frames.count == 1 { return first }
        precondition(
            frames.allSatisfy { $0.schema == first.schema }, "frames of different schemas are joined")
        let columns = first.columns.indices.map { index in
            Column.concatenating(frames.map { $0.columns[index] })
        }
        return Frame(first.schema, columns.compactMap { $0 }, rowCount: frames.reduce(0) { $0 + $1.rowCount })
    }
}

extension Column {
    /// The rows of all columns, in order; nil if there is no column.
    ///
    /// - Precondition: all have one type.
    public static func concatenating(_ columns: [Column]) -> Column? {
        guard let first = columns.first else { return nil }
        let count = columns.reduce(0) { $0 + $1.count }
        var validity: Bitmap?
        if columns.contains(where: { $0.validity != nil }) {
            var bits = Bitmap()
            bits.reserveCapacity(count)
            for column in columns {
                bits.append(contentsOf: column.validity ?? Bitmap(repeating: true, count: column.count))
            }
            validity = bits
        }
        var (bools, integers, doubles, strings) = (Bitmap(), [Int64](), [Double](), StringStorage())
        switch first.type {
        case .bool: bools.reserveCapacity(count)
        case .int64, .timestamp: integers.reserveCapacity(count)
        case .float64: doubles.reserveCapacity(count)
        case .string:
            let bytes = columns.reduce(0) { if case .string(let texts) = $1.storage { $0 + texts.bytes.count } else { $0 } }
            strings.reserveCapacity(rows: count, bytes: bytes)
        }
        for column in columns {
            precondition(column.type == first.type, "columns of different types are joined")
            switch column.storage {
            case .bool(let bits): bools.append(contentsOf: bits)
            case .int64(let values), .timestamp(let values): integers.append(contentsOf: values)
            case .float64(let values): doubles.append(contentsOf: values)
            case .string(let texts): strings.append(contentsOf: texts)
            }
        }
        return switch first.type {
        case .bool: Column(.bool(bools), validity: validity)
        case .int64: Column(.int64(integers), validity: validity)
        case .timestamp: Column(.timestamp(integers), validity: validity)
        case .float64: Column(.float64(doubles), validity: validity)
        case .string: Column(.string(strings), validity: validity)
        }
    }
}
