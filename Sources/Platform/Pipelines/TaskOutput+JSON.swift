import MartletBytes
import MartletExpressions
import MartletFrames
import MartletPipelines

extension TaskOutput {
    /// The most items of a list that tasks pass to one another.
    static let listLimit = 10_000

    /// The value that a JSON value is in the type that is declared, which is none of a file.
    ///
    /// - Parameter what: whose member it is, for sentences: `its result`.
    func value(from json: JSONValue, of what: String) throws -> TaskValue {
        switch type {
        case .scalar(let type): return .scalar(try scalar(json, type, what))
        case .list(let type):
            guard let items = json.array else {
                throw TaskFailure(reason: "'\(name)' of \(what) is \(json.kind) where a list is declared")
            }
            guard items.count <= Self.listLimit else {
                throw TaskFailure(reason: "'\(name)' of \(what) has \(items.count) items; a list has at most \(Self.listLimit)")
            }
            return .list(try items.map { try scalar($0, type, what) })
        case .file: throw TaskFailure(reason: "'\(name)' of \(what) is \(json.kind) where a file is declared")
        }
    }

    private func scalar(_ json: JSONValue, _ type: ValueType, _ what: String) throws -> Value {
        let value: Value? =
            switch type {
            case .bool: json.bool.map(Value.bool)
            case .int64: json.int64.map(Value.int64)
            case .float64: json.double.map(Value.float64)
            case .string: json.string.map(Value.string)
            case .timestamp: json.string.flatMap { Timestamp(dateOrTime: $0) }.map(Value.timestamp)
            }
        guard let value else {
            throw TaskFailure(reason: "'\(name)' of \(what) is \(json.kind) where \(type.rawValue) is declared")
        }
        return value
    }
}

extension Timestamp {
    /// Reads a day or a time as people write them, in UTC, and whatever a time prints itself as, which may have decimals.
    init?(dateOrTime text: String) {
        guard let time = Timestamp(date: text, in: .utc) ?? Timestamp(rfc3339: text) else { return nil }
        self = time
    }
}
