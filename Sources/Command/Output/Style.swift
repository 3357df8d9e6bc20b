/// How words stand out: in colours on a terminal, not at all elsewhere.
struct Style {
    var isColoured: Bool

    static let plain = Style(isColoured: false)

    func bad(_ text: String) -> String { paint(text, "31") }
    func good(_ text: String) -> String { paint(text, "32") }
    func strong(_ text: String) -> String { paint(text, "1") }
    func faint(_ text: String) -> String { paint(text, "2") }

    private func paint(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
