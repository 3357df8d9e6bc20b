import MartletFrames

/// Where a value of an expression lies while the machine runs.
struct Register: BitwiseCopyable {
    let representation: Representation
    /// Which of the lanes of its representation holds the values.
    let lane: Int
    /// Which of the state lanes says of each row whether it is present, missing or failed.
    let stateLane: Int
}

/// One kernel with its places.
struct Instruction: BitwiseCopyable {
    var operation: Operation
    var output: Register
    var a: Register
    var b: Register
    var c: Register
    /// The index of what the operation holds besides, in the pool of its kind.
    var pooled = 0
    /// The states of a row that fails here: for the operation's first and second reason.
    var failure: UInt8 = 0
    var otherFailure: UInt8 = 0
}

/// Why a row failed, and in which part of the expression.
struct FailureSite: Hashable, Sendable {
    var reason: String
    var part: String
}

/// A checked expression laid out for the machine: constants, loads and operations over numbered lanes.
///
/// A class so that copies of a compiled expression share it; immutable.
final class Program: Sendable {
    let instructions: [Instruction]
    /// Run once an evaluation, before the rows.
    let constants: [Instruction]
    let words: [Int64]
    let numbers: [Double]
    /// The constant texts, end to end, and where each lies.
    let textBytes: [UInt8]
    let texts: [Text]
    let wordSets: [[Int64]]
    let numberSets: [[Double]]
    let textSets: [[[UInt8]]]
    let zones: [TimeZoneTable]
    let sites: [FailureSite]
    let wordLanes: Int
    let numberLanes: Int
    let textLanes: Int
    let stateLanes: Int
    let result: Register

    init(_ expression: TypedExpression) {
        var builder = ProgramBuilder()
        result = builder.emit(expression)
        instructions = builder.loads + builder.operations
        constants = builder.constants
        words = builder.words
        numbers = builder.numbers
        textBytes = builder.textBytes
        texts = builder.texts
        wordSets = builder.wordSets
        numberSets = builder.numberSets
        textSets = builder.textSets
        zones = builder.zones
        sites = builder.sites
        wordLanes = builder.laneCounts[.word] ?? 0
        numberLanes = builder.laneCounts[.number] ?? 0
        textLanes = builder.laneCounts[.text] ?? 0
        stateLanes = builder.stateLanes
    }
}

/// Emits operations in the order of evaluation, and gives lanes back once their value is used.
private struct ProgramBuilder {
    var loads: [Instruction] = []
    var operations: [Instruction] = []
    var constants: [Instruction] = []
    var words: [Int64] = []
    var numbers: [Double] = []
    var textBytes: [UInt8] = []
    var texts: [Text] = []
    var wordSets: [[Int64]] = []
    var numberSets: [[Double]] = []
    var textSets: [[[UInt8]]] = []
    var zones: [TimeZoneTable] = []
    var sites: [FailureSite] = []
    var laneCounts: [Representation: Int] = [:]
    var stateLanes = 0
    private var loaded: [Int: Register] = [:]
    private var free: [Representation: [Register]] = [:]

    mutating func emit(_ node: TypedExpression) -> Register {
        switch node.operation {
        case .constant: return emitConstant(node)
        case .load(let reference):
            if let register = loaded[reference] { return register }
            let register = newRegister(node.type.representation)
            loaded[reference] = register
            var instruction = Instruction(operation: node.operation, output: register, a: register, b: register, c: register)
            if node.type == .float64 { instruction.failure = site("a number that is not finite", node) }
            loads.append(instruction)
            return register
        default: return emitOperation(node)
        }
    }

    private mutating func emitOperation(_ node: TypedExpression) -> Register {
        let inputs = node.arguments.map { emit($0) }
        let output = takeRegister(node.type.representation)
        var instruction = Instruction(
            operation: node.operation, output: output, a: inputs[0], b: inputs.count > 1 ? inputs[1] : inputs[0],
            c: inputs.count > 2 ? inputs[2] : inputs[0])
        switch node.attachment {
        case .words(let set):
            instruction.pooled = wordSets.count
            wordSets.append(set)
        case .numbers(let set):
            instruction.pooled = numberSets.count
            numberSets.append(set)
        case .texts(let set):
            instruction.pooled = textSets.count
            textSets.append(set.map { Array($0.utf8) })
        case .zone(let zone):
            let index = zones.firstIndex(of: zone) ?? zones.count
            if index == zones.count { zones.append(zone) }
            instruction.pooled = index
        case .literal, nil: break
        }
        if let reason = node.operation.failureReason(of: node.type) { instruction.failure = site(reason, node) }
        if let reason = node.operation.otherFailureReason { instruction.otherFailure = site(reason, node) }
        operations.append(instruction)
        for (argument, register) in zip(node.arguments, inputs) {
            switch argument.operation {
            case .constant, .load: break
            default: free[register.representation, default: []].append(register)
            }
        }
        return output
    }

    private mutating func emitConstant(_ node: TypedExpression) -> Register {
        let register = newRegister(node.type.representation)
        var instruction = Instruction(operation: .constant, output: register, a: register, b: register, c: register)
        guard case .literal(let literal) = node.attachment else { preconditionFailure("a constant holds a literal") }
        switch literal {
        case .bool, .int64, .timestamp, .duration:
            instruction.pooled = words.count
            words.append(literal.word)
        case .float64(let value):
            instruction.pooled = numbers.count
            numbers.append(value)
        case .string(let value):
            instruction.pooled = texts.count
            let start = textBytes.count
            textBytes.append(contentsOf: value.utf8)
            texts.append(Text(start: start, count: textBytes.count - start))
        }
        constants.append(instruction)
        return register
    }

    private mutating func takeRegister(_ representation: Representation) -> Register {
        free[representation]?.popLast() ?? newRegister(representation)
    }

    private mutating func newRegister(_ representation: Representation) -> Register {
        let lane = laneCounts[representation, default: 0]
        laneCounts[representation] = lane + 1
        stateLanes += 1
        return Register(representation: representation, lane: lane, stateLane: stateLanes - 1)
    }

    /// The state of a row that fails for a reason in a part; the last state stands for all that find no place.
    private mutating func site(_ reason: String, _ node: TypedExpression) -> UInt8 {
        if sites.count < RowState.failureLimit - 1 {
            sites.append(FailureSite(reason: reason, part: node.syntax.briefText))
        } else if sites.count == RowState.failureLimit - 1 {
            sites.append(FailureSite(reason: "an error", part: "a part of the expression"))
        }
        return RowState.failed(site: sites.count - 1)
    }
}

/// What a state lane says of a row.
enum RowState {
    static let present: UInt8 = 0
    static let missing: UInt8 = 1
    static let failureLimit = 254

    static func failed(site: Int) -> UInt8 { UInt8(2 + site) }

    /// The state of an operation that needs both its operands: the first failure, else missing if one is.
    @inline(__always) static func both(_ a: UInt8, _ b: UInt8) -> UInt8 {
        a >= 2 ? a : b >= 2 ? b : a | b
    }
}

extension Operation {
    /// Why it can fail; nil if it cannot.
    func failureReason(of type: ExpressionType) -> String? {
        switch self {
        case .addWord, .subtractWord, .multiplyWord, .negateWord, .absWord:
            type == .int64 ? "int64 overflow" : "a time out of range"
        case .divideWord, .remainderWord, .divideNumber: "division by zero"
        case .calendar: "a time out of range"
        case .addNumber, .subtractNumber, .multiplyNumber, .exponential: "float64 overflow"
        case .squareRoot: "a square root of a negative number"
        case .logarithm: "a logarithm of a number that is not positive"
        case .power: "a power that is no real number"
        case .wordFromNumber: "a number beyond int64"
        case .wordFromText: "a text that is no int64"
        case .numberFromText: "a text that is no float64"
        default: nil
        }
    }

    var otherFailureReason: String? {
        switch self {
        case .divideWord, .remainderWord: "int64 overflow"
        case .divideNumber, .power: "float64 overflow"
        default: nil
        }
    }
}

extension Literal {
    /// The literal as the machine holds it; 0 for what is no word.
    var word: Int64 {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .int64(let value): value
        case .timestamp(let value): value.microseconds
        case .duration(let value): value.microseconds
        case .float64, .string: 0
        }
    }
}
