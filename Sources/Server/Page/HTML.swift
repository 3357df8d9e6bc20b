/// HTML that is safe to send: what is written in the program's own text stands as it is, and everything else is escaped.
///
/// ```swift
/// let name = "<script>"
/// let cell: HTML = "<td title=\"\(name)\">\(name)</td>"
/// // <td title="&lt;script&gt;">&lt;script&gt;</td>
/// ```
///
/// A value may stand between tags and inside a quoted attribute; never as a tag's or an attribute's name, and never in
/// a script or a style.
struct HTML: Sendable, ExpressibleByStringInterpolation {
    private(set) var text: String

    init() {
        text = ""
    }

    init(stringLiteral text: String) {
        self.text = text
    }

    init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
    }

    /// Text from anywhere, escaped.
    init(escaping value: String) {
        text = HTML.escaped(value)
    }

    static func + (left: HTML, right: HTML) -> HTML {
        var both = left
        both.text += right.text
        return both
    }

    static func += (left: inout HTML, right: HTML) {
        left.text += right.text
    }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 16)
        }

        mutating func appendLiteral(_ literal: String) {
            text += literal
        }

        mutating func appendInterpolation(_ value: String) {
            text += HTML.escaped(value)
        }

        mutating func appendInterpolation(_ value: some BinaryInteger) {
            text += "\(value)"
        }

        mutating func appendInterpolation(_ html: HTML) {
            text += html.text
        }

        mutating func appendInterpolation(_ parts: [HTML]) {
            for part in parts { text += part.text }
        }

        /// One segment of a link's path.
        mutating func appendInterpolation(segment value: String) {
            text += HTML.percentEncoded(value)
        }
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(value.utf8.count)
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case "`": escaped += "&#96;"
            // Not allowed in HTML at all.
            case "\u{0}"..."\u{8}", "\u{B}", "\u{C}", "\u{E}"..."\u{1F}", "\u{7F}": escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func percentEncoded(_ value: String) -> String {
        var encoded = ""
        for byte in value.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%" + String(byte >> 4, radix: 16, uppercase: true) + String(byte & 15, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}

extension [HTML] {
    func joined(separator: HTML = "") -> HTML {
        var all = HTML()
        for (index, part) in enumerated() {
            if index > 0 { all += separator }
            all += part
        }
        return all
    }
}
