/// Numbers as people read them.
enum PageFigures {
    /// `1 234 567`, with narrow spaces.
    static func count(_ number: Int64?) -> String {
        guard let number else { return "–" }
        var digits = Array(String(number.magnitude))
        var index = digits.count - 3
        while index > 0 {
            digits.insert("\u{202F}", at: index)
            index -= 3
        }
        return (number < 0 ? "−" : "") + String(digits)
    }

    static func bytes(_ number: Int64?) -> String {
        guard let number else { return "–" }
        var size = Double(number)
        for unit in ["B", "kB", "MB", "GB"] {
            if size < 1_000 { return decimal(size, unit == "B" ? 0 : 1) + " " + unit }
            size /= 1_000
        }
        return decimal(size, 1) + " TB"
    }

    static func latency(_ nanoseconds: UInt64?) -> String {
        guard let nanoseconds else { return "–" }
        let milliseconds = Double(nanoseconds) / 1e6
        return decimal(milliseconds, milliseconds < 10 ? 2 : 0) + " ms"
    }

    /// A number with so many decimals, rounded; very large and very small ones as Swift writes them.
    static func decimal(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        let scale = (0..<decimals).reduce(1.0) { scaled, _ in scaled * 10 }
        let scaled = (value * scale).rounded()
        let digits = String(Int64(abs(scaled)))
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let sign = scaled < 0 ? "−" : ""
        return decimals == 0 ? sign + padded : sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    static func signed(_ value: Double) -> String {
        (value >= 0 ? "+" : "") + decimal(value, 4)
    }
}
