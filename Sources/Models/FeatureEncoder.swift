public import MartletFrames

/// How typed features become the Floats that a model reads; part of the model, learned with it.
///
/// - Bool: 0 or 1. Int64 and float64: the nearest Float; beyond a Float's range, its greatest finite value.
/// - String: the index of its category in a list learned from the training rows.
/// - Missing, and NaN: NaN, which every split sends to its default side. Nothing is imputed.
///
/// A category that training never saw is *missing*, unless training saw more categories than the limit: then the
/// rarest ones share one index behind the list, and so does every unseen category.
///
/// Timestamps are refused: as a Float they would be off by minutes.
public struct FeatureEncoder: Hashable, Sendable {
    /// How one feature becomes a Float.
    public struct Input: Hashable, Sendable {
        public var name: String
        public var type: ValueType
        /// For strings, in the order of their UTF-8 bytes; the index is what the model sees. Else empty.
        public var categories: [String]
        /// Whether every other category has the index behind the last; if not, it is missing.
        public var hasOther: Bool

        public var isCategorical: Bool { type == .string }

        public init(name: String, type: ValueType, categories: [String] = [], hasOther: Bool = false) {
            self.name = name
            self.type = type
            self.categories = categories
            self.hasOther = hasOther
        }
    }

    public let inputs: [Input]
    /// Per input, its categories' UTF-8, for the search.
    private let keys: [[[UInt8]]]

    /// Takes inputs as they stand in a model.
    ///
    /// - Throws: ``ModelError``: `unsupported` for a timestamp, `malformed` if names repeat or categories are
    ///   not in order or belong to no string.
    public init(_ inputs: [Input]) throws(ModelError) {
        guard Set(inputs.map(\.name)).count == inputs.count else {
            throw ModelError(.malformed, "the encoder names a feature twice")
        }
        var keys: [[[UInt8]]] = []
        for input in inputs {
            guard input.type != .timestamp else {
                throw ModelError(
                    .unsupported, "the feature '\(input.name)' is a timestamp, which no model reads",
                    hint: "derive an hour, a weekday or an age from it")
            }
            guard input.type == .string || (input.categories.isEmpty && !input.hasOther) else {
                throw ModelError(.malformed, "the feature '\(input.name)' is no string and has categories")
            }
            let bytes = input.categories.map { Array($0.utf8) }
            for (left, right) in zip(bytes, bytes.dropFirst()) where !left.lexicographicallyPrecedes(right) {
                throw ModelError(.malformed, "the categories of '\(input.name)' are not in order")
            }
            keys.append(bytes)
        }
        self.inputs = inputs
        self.keys = keys
    }

    /// Learns the categories of every string feature from training rows.
    ///
    /// - Parameter categoryLimit: the most categories kept of one feature; the most frequent are, and of those
    ///   equally frequent the first by their bytes.
    /// - Complexity: O(rows) per feature; memory for its distinct texts.
    public static func learning(
        from columns: [(name: String, column: Column)], categoryLimit: Int = 1000
    ) throws(ModelError) -> FeatureEncoder {
        precondition(categoryLimit >= 1 && categoryLimit < 1 << 20, "no such limit")
        var inputs: [Input] = []
        for (name, column) in columns {
            var input = Input(name: name, type: column.type)
            if case .string(let texts) = column.storage {
                var counts: [ArraySlice<UInt8>: Int] = [:]
                for row in 0..<column.count where !column.isMissing(row) { counts[texts.utf8(row), default: 0] += 1 }
                let ranked = counts.sorted {
                    $0.value != $1.value ? $0.value > $1.value : $0.key.lexicographicallyPrecedes($1.key)
                }
                input.hasOther = ranked.count > categoryLimit
                input.categories = ranked.prefix(categoryLimit).map(\.key)
                    .sorted { $0.lexicographicallyPrecedes($1) }
                    .map { String(decoding: $0, as: UTF8.self) }
            }
            inputs.append(input)
        }
        return try FeatureEncoder(inputs)
    }

    /// Encodes rows: one column per input, in order and of its type.
    ///
    /// - Throws: ``ModelError`` with code `schemaMismatch`.
    /// - Complexity: O(rows × inputs), times log(categories) for strings; no allocation per row.
    public func encode(_ columns: [Column]) throws(ModelError) -> FloatMatrix {
        guard columns.count == inputs.count else {
            throw ModelError(.schemaMismatch, "the model takes \(inputs.count) features; \(columns.count) were given")
        }
        let rows = columns.first?.count ?? 0
        var matrix = FloatMatrix(rowCount: rows, columnCount: inputs.count)
        for (index, column) in columns.enumerated() {
            let input = inputs[index]
            guard column.type == input.type else {
                throw ModelError(
                    .schemaMismatch,
                    "the feature '\(input.name)' is \(column.type.rawValue); the model was trained on \(input.type.rawValue)")
            }
            guard column.count == rows else { throw ModelError(.schemaMismatch, "the features differ in their number of rows") }
            encode(column, index, into: &matrix)
        }
        return matrix
    }

    private func encode(_ column: Column, _ index: Int, into matrix: inout FloatMatrix) {
        let width = inputs.count
        func fill(_ matrix: inout FloatMatrix, _ value: (Int) -> Float) {
            var place = index
            for row in 0..<column.count {
                if !column.isMissing(row) { matrix.values[place] = value(row) }
                place += width
            }
        }
        switch column.storage {
        case .bool(let bits): fill(&matrix) { bits[$0] ? 1 : 0 }
        case .int64(let numbers): fill(&matrix) { Float(numbers[$0]) }
        case .float64(let numbers): fill(&matrix) { Self.float(numbers[$0]) }
        case .string(let texts): fill(&matrix) { category(texts.utf8($0), index) }
        case .timestamp: break  // Refused when the encoder was made.
        }
    }

    /// The nearest finite Float; NaN of NaN.
    private static func float(_ number: Double) -> Float {
        let rounded = Float(number)
        guard rounded.isInfinite else { return rounded }
        return rounded > 0 ? .greatestFiniteMagnitude : -.greatestFiniteMagnitude
    }

    private func category(_ text: ArraySlice<UInt8>, _ index: Int) -> Float {
        let list = keys[index]
        var low = 0, high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle].lexicographicallyPrecedes(text) { low = middle + 1 } else { high = middle }
        }
        if low < list.count, list[low].elementsEqual(text) { return Float(low) }
        return inputs[index].hasOther ? Float(list.count) : .nan
    }
}

extension FeatureEncoder {
    /// The version of the JSON form; a later one is refused.
    public static let formatVersion = 1

    /// Canonical JSON: equal encoders have equal bytes.
    public var json: [UInt8] {
        let parts = inputs.map { input in
            var text = "{"
            if input.isCategorical { text += "\"categories\":" + JSONText.array(input.categories.map(JSONText.quoted)) + "," }
            text += "\"name\":" + JSONText.quoted(input.name)
            if input.hasOther { text += ",\"other\":true" }
            return text + ",\"type\":" + JSONText.quoted(input.type.rawValue) + "}"
        }
        return Array("{\"format\":\(Self.formatVersion),\"inputs\":\(JSONText.array(parts))}".utf8)
    }

    /// Reads ``json``; unknown keys and types are refused.
    ///
    /// - Throws: ``ModelError``: `malformed`, `unsupported` for a newer format, `overLimit`.
    public init(json: [UInt8], inputLimit: Int = 1 << 20, categoryLimit: Int = 1 << 20) throws(ModelError) {
        var reader = JSONReader(json)
        var inputs: [Input] = []
        var format: Int?
        try reader.readWhole { (reader) throws(ModelError) in
            try reader.readObject { (key, reader) throws(ModelError) in
                switch key {
                case "format": format = try reader.readInt(in: 1...1_000_000)
                case "inputs":
                    try reader.readArray(limit: inputLimit) { (_, reader) throws(ModelError) in
                        inputs.append(try Self.input(&reader, categoryLimit))
                    }
                default: throw reader.malformed("the unknown key '\(key)'")
                }
            }
        }
        guard let format else { throw ModelError(.malformed, "the encoder states no format") }
        guard format == Self.formatVersion else {
            throw ModelError(.unsupported, "the encoder has format \(format); \(Self.formatVersion) is read", hint: "use a newer Martlet")
        }
        try self.init(inputs)
    }

    private static func input(_ reader: inout JSONReader, _ categoryLimit: Int) throws(ModelError) -> Input {
        var name: String?
        var type: ValueType?
        var categories: [String] = []
        var hasOther = false
        try reader.readObject { (key, reader) throws(ModelError) in
            switch key {
            case "name": name = try reader.readString()
            case "type": type = ValueType(rawValue: try reader.readString())
            case "other": hasOther = try reader.readBool()
            case "categories":
                try reader.readArray(limit: categoryLimit) { (_, reader) throws(ModelError) in
                    categories.append(try reader.readString())
                }
            default: throw reader.malformed("the unknown key '\(key)'")
            }
        }
        guard let name, let type else { throw reader.malformed("an input without a name or a known type") }
        return Input(name: name, type: type, categories: categories, hasOther: hasOther)
    }
}
