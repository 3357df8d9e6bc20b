public import MartletBytes

extension ValueType {
    /// The byte that stands for the type in every format of ours; never reused.
    public var tag: UInt8 {
        switch self {
        case .bool: 1
        case .int64: 2
        case .float64: 3
        case .string: 4
        case .timestamp: 5
        }
    }

    public init?(tag: UInt8) {
        switch tag {
        case 1: self = .bool
        case 2: self = .int64
        case 3: self = .float64
        case 4: self = .string
        case 5: self = .timestamp
        default: return nil
        }
    }
}

extension Schema {
    /// Writes the number of fields, then each one's name, type and whether it is optional.
    public func encode(into writer: inout ByteWriter) {
        writer.write(varint: UInt64(fields.count))
        for field in fields {
            writer.write(field.name)
            writer.write(field.type.tag)
            writer.write(UInt8(field.isOptional ? 1 : 0))
        }
    }

    /// Reads what ``encode(into:)`` wrote.
    ///
    /// - Throws: ``ByteError`` if the bytes end early, a tag is unknown or a name repeats.
    public init(decoding reader: inout ByteReader) throws(ByteError) {
        let count = try reader.readCount(minimumSize: 3)
        var fields: [Field] = []
        fields.reserveCapacity(count)
        var names: Set<String> = []
        for _ in 0..<count {
            let start = reader.offset
            let name = try reader.readString()
            guard names.insert(name).inserted else {
                throw .malformed(at: start, what: "a second field of the same name")
            }
            let tag = try reader.readByte()
            guard let type = ValueType(tag: tag) else {
                throw .malformed(at: reader.offset - 1, what: "an unknown type \(tag)")
            }
            let flag = try reader.readByte()
            guard flag <= 1 else { throw .malformed(at: reader.offset - 1, what: "an unknown flag \(flag)") }
            fields.append(Field(name, type, isOptional: flag == 1))
        }
        self.init(fields)
    }
}
