import MartletFrames

/// The static types of the language: those of columns, and lengths of time, which no column holds.
enum ExpressionType: String, Hashable, Sendable, BitwiseCopyable {
    case bool, int64, float64, string, timestamp, duration

    init(_ type: ValueType) {
        switch type {
        case .bool: self = .bool
        case .int64: self = .int64
        case .float64: self = .float64
        case .string: self = .string
        case .timestamp: self = .timestamp
        }
    }

    var valueType: ValueType? {
        switch self {
        case .bool: .bool
        case .int64: .int64
        case .float64: .float64
        case .string: .string
        case .timestamp: .timestamp
        case .duration: nil
        }
    }

    /// What holds its values while an expression runs.
    var representation: Representation {
        switch self {
        case .bool, .int64, .timestamp, .duration: .word
        case .float64: .number
        case .string: .text
        }
    }
}

/// How values lie in the machine: 64-bit integers (also truths as 0 and 1, times, lengths of time), float64, texts.
enum Representation: Hashable, Sendable {
    case word, number, text
}

/// What a node of a checked expression does with its arguments: one kernel of the machine each.
///
/// Trivial, so that the machine's loop over instructions counts no references; what is not stands in an ``Attachment``.
enum Operation: Hashable, Sendable, BitwiseCopyable {
    case constant
    case load(reference: Int)

    // Words.
    case addWord, subtractWord, multiplyWord, divideWord, remainderWord, negateWord, absWord, minWord, maxWord
    /// Whole units of a length of time, cut toward zero.
    case wholeUnits(microseconds: Int64)
    /// Seconds since 1970 of a time, rounded down.
    case epochSeconds
    case calendar(CalendarField)

    // Numbers.
    case addNumber, subtractNumber, multiplyNumber, divideNumber, negateNumber, absNumber, minNumber, maxNumber
    case floor, ceil, round, squareRoot, exponential, logarithm, power, sine, cosine

    case compareWord(Comparison), compareNumber(Comparison), compareText(Comparison)
    case wordIsIn, numberIsIn, textIsIn

    case and, or, not
    /// Arguments: condition, then, otherwise.
    case select
    case has
    case orValue

    // Texts.
    case size, startsWith, endsWith, contains, lowerASCII, upperASCII, concatenate

    // Conversions.
    case wordFromNumber, wordFromText, numberFromWord, numberFromText
    case textFromWord(ExpressionType)
    case textFromNumber
}

enum Comparison: Hashable, Sendable, BitwiseCopyable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
}

/// A part of a date and time of day, numbered as in CEL.
enum CalendarField: Hashable, Sendable, BitwiseCopyable {
    case fullYear
    /// 0…11.
    case month
    /// 1…31.
    case date
    /// 0…30.
    case dayOfMonth
    /// 0…365.
    case dayOfYear
    /// 0…6, Sunday is 0.
    case dayOfWeek
    case hours, minutes, seconds, milliseconds
}

/// What an operation holds besides its arguments.
enum Attachment: Hashable, Sendable {
    case literal(Literal)
    case words([Int64])
    case numbers([Double])
    case texts([String])
    case zone(TimeZoneTable)
}

/// A checked expression: every node has its type, every name its column, every function its kernel.
struct TypedExpression: Sendable {
    var operation: Operation
    var type: ExpressionType
    var arguments: [TypedExpression]
    /// What it was written as, for reasons of failure.
    var syntax: Syntax
    var attachment: Attachment?
}
