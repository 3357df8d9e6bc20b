import MartletDefinitions

/// Writes a definition as the text of a project's file, and notes where in the program each line comes from.
struct YAMLWriter {
    private(set) var lines: [String] = []
    private(set) var places: [ProjectSource.File.Origin] = []
    /// Of the program that the definition is compiled into; empty if nothing asks for it.
    private let build: String

    init(_ written: Written, at place: CallPlace, build: String) {
        self.build = build
        write(written, indent: 0, place)
    }

    var text: String { lines.joined(separator: "\n") + "\n" }

    private mutating func write(_ written: Written, indent: Int, _ place: CallPlace) {
        for entry in written.entries {
            let place = entry.place ?? place
            let key = String(repeating: " ", count: indent) + YAMLWriter.key(entry.key) + ":"
            if case .map(let inner) = entry.value, !inner.entries.isEmpty {
                add(key, place)
                write(inner, indent: indent + 2, place)
            } else {
                add(key + " " + flow(entry.value), place)
            }
        }
    }

    private mutating func add(_ line: String, _ place: CallPlace) {
        lines.append(line)
        let origin = ProjectSource.File.Origin(
            line: lines.count, place: SourcePlace(file: place.file, line: place.line, column: place.column))
        if places.last?.place != origin.place { places.append(origin) }
    }

    /// A value on one line.
    private func flow(_ value: Written.Value) -> String {
        switch value {
        case .text(let text): YAMLWriter.quoted(text)
        case .word(let word): word
        case .build: YAMLWriter.quoted(build)
        case .list(let items): "[" + items.map { flow($0) }.joined(separator: ", ") + "]"
        case .map(let written):
            "{" + written.entries.map { YAMLWriter.key($0.key) + ": " + flow($0.value) }.joined(separator: ", ") + "}"
        }
    }

    private static func key(_ key: String) -> String {
        let isPlain = !key.isEmpty && key.utf8.allSatisfy { (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x5F }
        return isPlain ? key : quoted(key)
    }

    /// In double quotes, with YAML's escapes for what may not stand in them, or not as itself.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20 || (0x7F...0xA0).contains(scalar.value) || [0x2028, 0x2029, 0xFEFF].contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
