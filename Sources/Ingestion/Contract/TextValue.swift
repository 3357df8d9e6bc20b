package import MartletFrames

/// Reads one value of a stated type out of a text, as a cell of a table is read: whole or not at all.
package enum TextValue {
    /// Nil if the text is no value of the type.
    ///
    /// A time is RFC 3339 with its offset. A text is taken as it is.
    package static func value(_ text: String, as type: ValueType) -> Value? {
        var text = text
        return text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            switch type {
            case .bool: return TypedText.bool(bytes).map(Value.bool)
            case .int64: return TypedText.int64(bytes).map(Value.int64)
            case .float64: return TypedText.float64(bytes).map(Value.float64)
            case .string: return .string(String(decoding: bytes, as: UTF8.self))
            case .timestamp:
                guard case .moment(let time)? = TypedText.time(bytes) else { return nil }
                return .timestamp(time)
            }
        }
    }
}
