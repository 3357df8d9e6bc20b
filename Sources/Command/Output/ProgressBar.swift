/// One line that shows how far something is.
enum ProgressBar {
    /// The line for a moment; pure, so that a test can look at it.
    ///
    /// ```
    /// transactions  [=========>            ]  43%  12.3 MB of 28.5 MB  4.1 MB/s  4.0 s left
    /// ```
    ///
    /// - Parameters:
    ///   - total: nil where it is not known, as of a pipe.
    ///   - width: the terminal's columns; what does not fit is left out from the right, the bar first.
    static func line(_ title: String, done: Int, total: Int?, seconds: Double, width: Int) -> String {
        let rate = seconds > 0 ? Double(done) / seconds : 0
        var parts: [String] = []
        if let total {
            let share = total == 0 ? 1 : min(1, Double(done) / Double(total))
            let percent = String(Int(share * 100))
            parts.append(String(repeating: " ", count: 3 - percent.count) + percent + "%")
            parts.append("\(NumberText.bytes(done)) of \(NumberText.bytes(total))")
            parts.append(NumberText.bytes(Int(rate)) + "/s")
            if done > 0, done < total { parts.append(NumberText.duration(seconds: Double(total - done) / rate) + " left") }
            let text = parts.joined(separator: "  ")
            let room = width - title.count - text.count - 7
            if room >= 8 {
                let filled = Int(share * Double(room))
                let bar = String(repeating: "=", count: filled) + (filled < room ? ">" : "=")
                return "\(title)  [\(bar)\(String(repeating: " ", count: room - filled))]  \(text)"
            }
        } else {
            parts.append(NumberText.bytes(done))
            parts.append(NumberText.bytes(Int(rate)) + "/s")
        }
        while parts.count > 1, title.count + 2 + parts.joined(separator: "  ").count > width { parts.removeLast() }
        return String("\(title)  \(parts.joined(separator: "  "))".prefix(max(1, width)))
    }
}
