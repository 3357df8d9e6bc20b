public import MartletBytes
public import MartletFrames

/// Statements with the values of their parameters, and what is done with what the last of them gives.
///
/// It travels as JSON to the process that carries it out (``json``).
public struct SQLRequest: Hashable, Sendable {
    /// The form of a file that rows are written to.
    public enum Format: String, Hashable, Sendable, CaseIterable {
        case parquet
        case csv
        case csvGzip = "csv.gz"
        case ndjson
        case ndjsonGzip = "ndjson.gz"

        /// The form that a file's name asks for; nil for a name without one of the known endings.
        public init?(fileName: String) {
            let name = fileName.lowercased()
            guard let format = Format.allCases.first(where: { name.hasSuffix("." + $0.rawValue) }) else { return nil }
            self = format
        }

        /// What stands after a query in a `COPY`.
        var options: String {
            switch self {
            case .parquet: "FORMAT parquet, COMPRESSION zstd"
            case .csv: "FORMAT csv, HEADER"
            case .csvGzip: "FORMAT csv, HEADER, COMPRESSION gzip"
            case .ndjson: "FORMAT json"
            case .ndjsonGzip: "FORMAT json, COMPRESSION gzip"
            }
        }
    }

    /// A column of the last statement's rows that is handed on.
    public struct Output: Hashable, Sendable {
        public var name: String
        public var type: ValueType
        /// Whether all rows are handed on as a list, rather than the value of the one row that there must be.
        public var isList: Bool

        public init(_ name: String, _ type: ValueType, isList: Bool) {
            self.name = name
            self.type = type
            self.isList = isList
        }
    }

    /// One statement each, carried out in order and all or none of them.
    public var statements: [String]
    /// By their names, in small letters. A moment is given as a `TIMESTAMP` in UTC.
    public var parameters: [String: Value]
    /// A database file, from the folder where the process works; nil for one in memory that ends with it.
    public var database: String?
    /// Where the last statement's rows are written, from that folder; nil for nowhere.
    public var target: String?
    public var format = Format.parquet
    public var outputs: [Output] = []
    /// Nil for one for each processor.
    public var threads: Int?
    /// Bytes of memory beyond which rows are spilled to the disk.
    public var memoryBytes: Int64
    /// Absolute paths of folders that may be read besides what is visible in the process's folder.
    public var readable: [String] = []
    /// The absolute path of a folder for what is spilled; nil if nothing may be.
    public var spill: String?

    public init(statements: [String], parameters: [String: Value] = [:], memoryBytes: Int64 = SQLRequest.standardMemoryBytes) {
        self.statements = statements
        self.parameters = parameters
        self.memoryBytes = memoryBytes
    }

    /// Of a request that states no other.
    public static let standardMemoryBytes: Int64 = 2 << 30
    /// The most items of a list that is handed on.
    public static let listLimit = 10_000
}

// MARK: - As JSON

extension SQLRequest {
    public var json: JSONValue {
        var object = JSONObject()
        object["statements"] = .array(statements.map(JSONValue.string))
        var given = JSONObject()
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) { given[name] = Self.json(value) }
        object["parameters"] = .object(given)
        object["database"] = database.map(JSONValue.string)
        object["target"] = target.map(JSONValue.string)
        object["format"] = .string(format.rawValue)
        object["outputs"] = .array(
            outputs.map { ["name": .string($0.name), "type": .string($0.type.rawValue), "list": .bool($0.isList)] })
        object["threads"] = threads.map { .int64(Int64($0)) }
        object["memory_bytes"] = .int64(memoryBytes)
        object["readable"] = .array(readable.map(JSONValue.string))
        object["spill"] = spill.map(JSONValue.string)
        return .object(object)
    }

    /// - Throws: ``SQLError`` for what is no request.
    public init(json: JSONValue) throws(SQLError) {
        guard let statements = json["statements"]?.array?.compactMap(\.string), !statements.isEmpty,
            let memory = json["memory_bytes"]?.int64, let format = json["format"]?.string.flatMap({ Format(rawValue: $0) })
        else { throw SQLError(.unusable, "the request is not one of this program") }
        self.init(statements: statements, memoryBytes: memory)
        self.format = format
        for member in json["parameters"]?.object?.members ?? [] { parameters[member.key] = try Self.value(member.value) }
        database = json["database"]?.string
        target = json["target"]?.string
        for output in json["outputs"]?.array ?? [] {
            guard let name = output["name"]?.string, let type = output["type"]?.string.flatMap({ ValueType(rawValue: $0) }), let isList = output["list"]?.bool else {
                throw SQLError(.unusable, "an output of the request cannot be read")
            }
            outputs.append(Output(name, type, isList: isList))
        }
        threads = json["threads"]?.int64.map { Int(clamping: $0) }
        readable = json["readable"]?.array?.compactMap(\.string) ?? []
        spill = json["spill"]?.string
    }

    /// With its type, which JSON alone would lose.
    private static func json(_ value: Value) -> JSONValue {
        switch value {
        case .missing: .null
        case .bool(let value): .bool(value)
        case .int64(let value): .int64(value)
        case .float64(let value): ["float64": .string("\(value)")]
        case .string(let value): .string(value)
        case .timestamp(let value): ["timestamp": .int64(value.microseconds)]
        }
    }

    private static func value(_ json: JSONValue) throws(SQLError) -> Value {
        switch json {
        case .null: return .missing
        case .bool(let value): return .bool(value)
        case .int64(let value): return .int64(value)
        case .string(let value): return .string(value)
        case .object(let object):
            if let number = object["float64"]?.string.flatMap(Double.init) { return .float64(number) }
            if let microseconds = object["timestamp"]?.int64 { return .timestamp(Timestamp(microseconds: microseconds)) }
        case .array, .float64: break
        }
        throw SQLError(.unusable, "a parameter of the request cannot be read")
    }
}
