/// Numbers as people read them.
enum NumberText {
    /// `1234567` as `1,234,567`.
    static func grouped(_ number: Int64) -> String {
        let digits = Array(String(number.magnitude))
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    static func grouped(_ number: Int) -> String { grouped(Int64(number)) }

    /// A number with a fixed count of decimals, halves away from zero; `nan` and `inf` as they are.
    static func fixed(_ number: Double, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (number.magnitude * scale).rounded()
        guard scaled < 9e15 else { return "\(number)" }
        let whole = String(Int64(scaled))
        let padded = String(repeating: "0", count: max(0, decimals + 1 - whole.count)) + whole
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + padded }
        return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    /// Bytes in decimal units: `12.3 MB`.
    static func bytes(_ count: Int) -> String {
        var (value, unit) = (Double(count), 0)
        let units = ["B", "kB", "MB", "GB", "TB"]
        while value >= 999.95, unit < units.count - 1 {
            value /= 1_000
            unit += 1
        }
        return fixed(value, unit == 0 ? 0 : 1) + " " + units[unit]
    }

    /// A length of time: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
    static func duration(seconds: Double) -> String {
        if seconds < 9.95 { return fixed(seconds, 1) + " s" }
        let whole = Int(seconds.rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3_600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3_600) h \(whole % 3_600 / 60) min"
    }

    /// `1 row`, `2 rows`.
    static func counted(_ count: Int64, _ noun: String) -> String {
        grouped(count) + " " + noun + (count == 1 ? "" : "s")
    }
}
