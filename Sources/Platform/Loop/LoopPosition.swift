/// How far each part of the loop has come: where two of these are equal, a page looks the same.
public struct LoopPosition: Hashable, Sendable {
    public enum Part: String, Hashable, Sendable, CaseIterable {
        /// What is in force.
        case release
        /// Predictions that were counted.
        case traffic
        /// Windows that monitors measured.
        case windows
        case alarms, rollouts, pipelines
    }

    private var numbers: [Int64]

    public init() {
        numbers = [Int64](repeating: 0, count: Part.allCases.count)
    }

    public subscript(part: Part) -> Int64 {
        get { numbers[Self.place(part)] }
        set { numbers[Self.place(part)] = newValue }
    }

    private static func place(_ part: Part) -> Int { Part.allCases.firstIndex(of: part) ?? 0 }

    /// The parts that have moved since another, in order.
    public func changes(since other: LoopPosition) -> [Part] {
        Part.allCases.filter { self[$0] != other[$0] }
    }
}

extension LoopPosition: LosslessStringConvertible {
    /// `4.120.98.7.2.31`
    public var description: String { numbers.map { "\($0)" }.joined(separator: ".") }

    /// Reads what ``description`` writes; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count <= 200 else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
        let numbers = parts.compactMap(\.self)
        guard parts.count == Part.allCases.count, numbers.count == parts.count else { return nil }
        self.numbers = numbers
    }
}
