/// A condition on one label: `feature="amount"`, `severity!="info"`, `feature=~"amount_*|count_*"`, `group!~"test?"`.
///
/// `=~` and `!~` take patterns of `*` (any text) and `?` (one character), with `|` between several and `\` before a character that
/// stands for itself. They are no regular expressions, so that no pattern takes long. A label that an alarm lacks is empty.
public struct LabelMatcher: Hashable, Sendable {
    public enum Comparison: String, Hashable, Sendable, CaseIterable {
        case equals = "="
        case differs = "!="
        case matches = "=~"
        case matchesNot = "!~"
    }

    public let name: String
    public let comparison: Comparison
    public let value: String

    /// Bytes of a value or pattern.
    public static let valueLimit = 1_024

    /// - Throws: ``AlarmError`` with code `invalid` for a name that is none, or a value that is too long.
    public init(_ name: String, _ comparison: Comparison, _ value: String) throws(AlarmError) {
        guard AlarmLabels.isName(name) else { throw .invalid("'\(name.prefix(60))' is no name of a label") }
        guard value.utf8.count <= Self.valueLimit else { throw .invalid("the value for '\(name)' is longer than \(Self.valueLimit) bytes") }
        self.name = name
        self.comparison = comparison
        self.value = value
    }

    /// Reads it as it is written; the quotes may be left out around a value without space, comma or quote.
    ///
    /// - Throws: ``AlarmError`` with code `invalid`.
    public init(_ text: String) throws(AlarmError) {
        let name = text.prefix { $0 != "=" && $0 != "!" && $0 != " " }
        var rest = text.dropFirst(name.count).drop { $0 == " " }
        guard let comparison = [Comparison.matches, .matchesNot, .differs, .equals].first(where: { rest.hasPrefix($0.rawValue) }) else {
            throw .invalid("'\(text.prefix(120))' is no condition on a label", hint: "write such as severity=\"page\" or feature=~\"amount_*\"")
        }
        rest = rest.dropFirst(comparison.rawValue.count).drop { $0 == " " }
        try self.init(String(name), comparison, Self.unquoted(rest, comparison, in: text))
    }

    private static func unquoted(_ text: Substring, _ comparison: Comparison, in whole: String) throws(AlarmError) -> String {
        guard text.hasPrefix("\"") else {
            guard !text.contains(where: { $0 == "\"" || $0 == "," || $0 == " " }) else {
                throw .invalid("the value in '\(whole.prefix(120))' needs quotes")
            }
            return String(text)
        }
        var value = ""
        var isEscaped = false
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if isEscaped {
                switch character {
                case "n": value.append("\n")
                case "t": value.append("\t")
                case "r": value.append("\r")
                case "\"", "\\": value.append(character)
                default: value += "\\" + String(character)
                }
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                guard rest.isEmpty else { break }
                return value
            } else {
                value.append(character)
            }
        }
        throw .invalid("the quotes in '\(whole.prefix(120))' do not enclose one value")
    }

    /// Whether a label of this value fulfils it.
    public func holds(for text: String) -> Bool {
        switch comparison {
        case .equals: text == value
        case .differs: text != value
        case .matches: Self.matches(text, value)
        case .matchesNot: !Self.matches(text, value)
        }
    }

    func holds(for identity: AlarmIdentity, severity: AlarmSeverity) -> Bool {
        holds(for: identity.value(of: name, severity: severity))
    }

    // MARK: - Patterns

    private enum Piece: Equatable {
        case scalar(Unicode.Scalar)
        case one, any
    }

    /// - Complexity: O(text × pattern), and mostly O(text + pattern).
    static func matches(_ text: String, _ pattern: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        return alternatives(pattern).contains { matches(scalars, $0) }
    }

    private static func alternatives(_ pattern: String) -> [[Piece]] {
        var found: [[Piece]] = [[]]
        var isEscaped = false
        for scalar in pattern.unicodeScalars {
            if isEscaped {
                found[found.count - 1].append(.scalar(scalar))
                isEscaped = false
                continue
            }
            switch scalar {
            case "\\": isEscaped = true
            case "|": found.append([])
            case "*": found[found.count - 1].append(.any)
            case "?": found[found.count - 1].append(.one)
            default: found[found.count - 1].append(.scalar(scalar))
            }
        }
        if isEscaped { found[found.count - 1].append(.scalar("\\")) }
        return found
    }

    /// Goes back to the last `*` only: what it took before can stay taken.
    private static func matches(_ text: [Unicode.Scalar], _ pattern: [Piece]) -> Bool {
        var at = 0
        var piece = 0
        var star: (piece: Int, at: Int)?
        while at < text.count {
            if piece < pattern.count, pattern[piece] == .any {
                star = (piece, at)
                piece += 1
            } else if piece < pattern.count, pattern[piece] == .one || pattern[piece] == .scalar(text[at]) {
                piece += 1
                at += 1
            } else if let last = star {
                star = (last.piece, last.at + 1)
                piece = last.piece + 1
                at = last.at + 1
            } else {
                return false
            }
        }
        return pattern[piece...].allSatisfy { $0 == .any }
    }
}

extension LabelMatcher: CustomStringConvertible {
    public var description: String { "\(name)\(comparison.rawValue)\(LabelText.quoted(value))" }
}

extension [LabelMatcher] {
    /// Whether all of them hold.
    func hold(for identity: AlarmIdentity, severity: AlarmSeverity) -> Bool {
        allSatisfy { $0.holds(for: identity, severity: severity) }
    }

    /// `{severity="page",team="ads"}`, as Alertmanager's keys of routes have it.
    var keyText: String { "{" + map(\.description).sorted().joined(separator: ",") + "}" }
}
