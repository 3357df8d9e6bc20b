/// Writes JSON texts in one canonical way, so that equal values have equal bytes.
package enum JSONText {
    /// A text in quotes: only `"`, `\` and control characters are escaped, the latter as `\u00xx`.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    package static func array(_ parts: [String]) -> String { "[" + parts.joined(separator: ",") + "]" }
}
