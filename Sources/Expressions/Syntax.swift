import MartletFrames

/// A parsed expression. Equality is that of the tree, wherever its parts stood in the text.
struct Syntax: Hashable, Sendable {
    indirect enum Kind: Hashable, Sendable {
        case literal(Literal)
        /// A name with its dots: `customer.mean_amount_30d`.
        case name(String)
        case unary(UnaryOperator, Syntax)
        case binary(BinaryOperator, Syntax, Syntax)
        case conditional(Syntax, then: Syntax, otherwise: Syntax)
        case membership(Syntax, [Syntax])
        /// `f(x)`, or `x.f()` with a receiver.
        case call(receiver: Syntax?, function: String, arguments: [Syntax])
    }

    let kind: Kind
    /// Where the part begins (an operator's part: where the operator stands), in bytes.
    let offset: Int
    /// How many parts stand inside one another, itself included.
    let depth: Int

    init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
        let deepest =
            switch kind {
            case .literal, .name: 0
            case .unary(_, let operand): operand.depth
            case .binary(_, let left, let right): max(left.depth, right.depth)
            case .conditional(let condition, let then, let otherwise): max(condition.depth, then.depth, otherwise.depth)
            case .membership(let member, let list): list.reduce(member.depth) { max($0, $1.depth) }
            case .call(let receiver, _, let arguments): arguments.reduce(receiver?.depth ?? 0) { max($0, $1.depth) }
            }
        depth = deepest + 1
    }

    static func == (left: Self, right: Self) -> Bool { left.kind == right.kind }
    func hash(into hasher: inout Hasher) { hasher.combine(kind) }
}

/// A value written in the text.
enum Literal: Hashable, Sendable {
    case bool(Bool)
    case int64(Int64)
    case float64(Double)
    case string(String)
    case timestamp(Timestamp)
    case duration(Timestamp.Span)

    static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.bool(let left), .bool(let right)): left == right
        case (.int64(let left), .int64(let right)): left == right
        case (.float64(let left), .float64(let right)): left.bitPattern == right.bitPattern
        // By bytes: Swift's own equality would join texts that differ in Unicode normalisation.
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.timestamp(let left), .timestamp(let right)): left == right
        case (.duration(let left), .duration(let right)): left == right
        default: false
        }
    }

    func hash(into hasher: inout Hasher) {
        switch self {
        case .bool(let value): hasher.combine(value)
        case .int64(let value): hasher.combine(value)
        case .float64(let value): hasher.combine(value.bitPattern)
        case .string(let value): for byte in value.utf8 { hasher.combine(byte) }
        case .timestamp(let value): hasher.combine(value)
        case .duration(let value): hasher.combine(value)
        }
    }
}

enum UnaryOperator: String, Hashable, Sendable {
    case negate = "-"
    case not = "!"
}

enum BinaryOperator: String, Hashable, Sendable, CaseIterable {
    case or = "||"
    case and = "&&"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case equal = "=="
    case notEqual = "!="
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case remainder = "%"

    /// Higher binds tighter; all group to the left.
    var precedence: Int {
        switch self {
        case .or: 1
        case .and: 2
        case .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual: 3
        case .add, .subtract: 4
        case .multiply, .divide, .remainder: 5
        }
    }
}
