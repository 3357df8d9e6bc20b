/// What tells the alarms of one rule apart: names with values, `feature=amount`, sorted by name, each name once.
public struct AlarmLabels: Hashable, Sendable {
    public struct Label: Hashable, Sendable {
        public let name: String
        public let value: String
    }

    /// In the order of their names' bytes.
    public let labels: [Label]

    public static let none = AlarmLabels(sorted: [])

    /// Labels that an alarm has at most.
    public static let countLimit = 32
    /// Bytes of a name and of a value.
    public static let nameLimit = 128
    public static let valueLimit = 1_024
    /// Names that alarms have of themselves: the rule's and the severity's, as Alertmanager's users are used to, and what tells of an
    /// alarm that it is about values that are missing.
    static let reserved: Set = ["alertname", "severity", "reading"]

    /// Labels that are known to be sorted and within bounds.
    init(sorted: [Label]) {
        labels = sorted
    }

    /// - Throws: ``AlarmError`` with code `invalid` for a name that is none or stands twice, and beyond a limit.
    public init(_ pairs: KeyValuePairs<String, String>) throws(AlarmError) {
        try self.init(pairs.map { ($0.key, $0.value) })
    }

    /// - Throws: ``AlarmError`` with code `invalid` for a name that is none or stands twice, and beyond a limit.
    public init(_ pairs: [(String, String)]) throws(AlarmError) {
        guard pairs.count <= Self.countLimit else { throw .invalid("\(pairs.count) labels stand where at most \(Self.countLimit) may") }
        for (name, value) in pairs {
            guard Self.isName(name) else { throw .invalid("'\(name.prefix(60))' is no name of a label") }
            guard !Self.reserved.contains(name) else { throw .invalid("the label '\(name)' is set by the rule") }
            guard value.utf8.count <= Self.valueLimit else {
                throw .invalid("the value of label '\(name)' is longer than \(Self.valueLimit) bytes")
            }
        }
        let sorted = pairs.map { Label(name: $0.0, value: $0.1) }.sorted { $0.name < $1.name }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.name == right.name {
            throw .invalid("the label '\(left.name)' stands twice")
        }
        labels = sorted
    }

    /// Letters, digits and `_`, no digit in front.
    static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= nameLimit, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    public subscript(name: String) -> String? { labels.first { $0.name == name }?.value }

    /// The labels of these names, as far as there are any.
    func only(_ names: Set<String>) -> AlarmLabels { AlarmLabels(sorted: labels.filter { names.contains($0.name) }) }

    /// With one more, whose name is none of them; bounds are not held against it.
    func adding(_ name: String, _ value: String) -> AlarmLabels {
        AlarmLabels(sorted: (labels.filter { $0.name != name } + [Label(name: name, value: value)]).sorted { $0.name < $1.name })
    }
}

extension AlarmLabels: Comparable {
    public static func < (left: Self, right: Self) -> Bool {
        left.labels.lexicographicallyPrecedes(right.labels) { ($0.name, $0.value) < ($1.name, $1.value) }
    }
}

extension AlarmLabels: CustomStringConvertible {
    /// `{feature="amount", group="BE"}`, as Alertmanager writes them.
    public var description: String { "{" + labels.map { "\($0.name)=\(LabelText.quoted($0.value))" }.joined(separator: ", ") + "}" }
}

enum LabelText {
    /// In quotes, with what would end or break them escaped.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// Which alarm it is: the rule that raises it, and the labels.
public struct AlarmIdentity: Hashable, Sendable {
    public let rule: String
    public let labels: AlarmLabels

    public init(rule: String, labels: AlarmLabels) {
        self.rule = rule
        self.labels = labels
    }

    /// A name for it that fits anywhere, the same in every program: what Alertmanager computes of `alertname` and the labels
    /// (FNV-1a of 64 bits over names and values with 0xFF behind each).
    ///
    /// Two alarms can have the same one, if somebody sets out for it; nothing is kept apart by it.
    public var fingerprint: String {
        var hash = FNV1a()
        for label in labels.adding("alertname", rule).labels {
            hash.add(label.name)
            hash.add(0xFF)
            hash.add(label.value)
            hash.add(0xFF)
        }
        return hash.text
    }

    /// What matchers see of it; empty for a label that it lacks.
    func value(of name: String, severity: AlarmSeverity) -> String {
        switch name {
        case "alertname": rule
        case "severity": severity.rawValue
        default: labels[name] ?? ""
        }
    }
}

extension AlarmIdentity: Comparable {
    public static func < (left: Self, right: Self) -> Bool {
        left.rule == right.rule ? left.labels < right.labels : left.rule < right.rule
    }
}

extension AlarmIdentity: CustomStringConvertible {
    public var description: String { labels.labels.isEmpty ? rule : "\(rule)\(labels)" }
}

/// The hash that Prometheus and Alertmanager name alerts by.
///
/// Source: G. Fowler, L. C. Noll, K.-P. Vo, *The FNV Non-Cryptographic Hash Algorithm*.
struct FNV1a {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    mutating func add(_ text: String) { for byte in text.utf8 { add(byte) } }

    /// 16 hexadecimal digits.
    var text: String {
        let digits = String(state, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
