package import MartletFrames

extension NodeValues {
    /// The name of a column's type, told with the usual names of other systems where it is none.
    package func valueType(_ text: Located<String>) -> ValueType? {
        if let type = ValueType(rawValue: text.value) { return type }
        let choices = ValueType.allCases.map(\.rawValue)
        let usual = [
            "integer": "int64", "int": "int64", "long": "int64", "float": "float64", "double": "float64",
            "number": "float64", "str": "string", "text": "string", "boolean": "bool", "datetime": "timestamp",
            "date": "timestamp", "time": "timestamp",
        ]
        errors.add(
            DefinitionError(
                .unknownName, at: text.place, "unknown type '\(text.value.shortened(to: 60))' of \(subject)",
                found: text.value, expected: choices.joined(separator: ", "),
                nearest: usual[text.value.lowercased()] ?? NearestMatch.of(text.value, in: choices),
                hint: "types: \(choices.joined(separator: ", "))"))
        return nil
    }

    /// A number of bytes: `512MB`, `16GB`, `64KiB`, `4096B`; a unit must be written.
    package func size(_ node: LocatedNode) -> Located<Int64>? {
        if case .scalar(let scalar) = node.content, let bytes = NodeValues.size(scalar.text) {
            return Located(bytes, node.place)
        }
        wrong(node, expected: "a size", hint: "write a whole number and one unit: 512MB, 16GB, 64KiB, 4096B")
        return nil
    }

    /// From 1 byte to 2⁶⁰; units are of 1,000, those with an `i` of 1,024.
    package static func size(_ text: String) -> Int64? {
        let count = text.prefix { $0.isASCII && $0.isNumber }
        let units: [Substring: Int64] = [
            "B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
            "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
        ]
        guard let number = Int64(count), let unit = units[text.dropFirst(count.count)] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        return !overflow && (1...(1 << 60)).contains(bytes) ? bytes : nil
    }
}
