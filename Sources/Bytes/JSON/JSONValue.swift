/// A JSON value as a tree, for cold paths: requests that are small, answers, manifests.
///
/// Rows of data never take this form; they go from ``JSONScanner`` into columns.
public enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int64(Int64)
    case float64(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object in their order; keys are unique.
public struct JSONObject: Hashable, Sendable {
    public struct Member: Hashable, Sendable {
        public var key: String
        public var value: JSONValue
    }

    public private(set) var members: [Member] = []

    public init() {}

    public var keys: [String] { members.map(\.key) }
    public var isEmpty: Bool { members.isEmpty }
    public var count: Int { members.count }

    /// Reads, replaces in place, appends, or (by nil) removes a member.
    ///
    /// - Complexity: O(members).
    public subscript(key: String) -> JSONValue? {
        get { members.first { $0.key == key }?.value }
        set {
            let index = members.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (let index?, nil): members.remove(at: index)
            case (nil, nil): break
            }
        }
    }

    /// Appends a member whose key was checked to be new.
    mutating func append(_ key: String, _ value: JSONValue) {
        members.append(Member(key: key, value: value))
    }
}

// MARK: Parsing

extension JSONValue {
    /// Parses exactly one value.
    ///
    /// - Parameters:
    ///   - lengthLimit: the most bytes the text may have.
    ///   - depthLimit: how deep objects and arrays may nest.
    /// - Throws: ``JSONError``, also for a key that an object has twice.
    public init(
        parsing bytes: some Collection<UInt8>, lengthLimit: Int = 16 << 20, depthLimit: Int = 64
    ) throws(JSONError) {
        guard bytes.count <= lengthLimit else {
            throw JSONError(
                .tooLong, at: lengthLimit,
                "the text has \(bytes.count) bytes where at most \(lengthLimit) are allowed")
        }
        let result: Result<JSONValue, JSONError> = Array(bytes).withUnsafeBytes { buffer in
            var scanner = JSONScanner(buffer, depthLimit: depthLimit)
            do throws(JSONError) {
                guard let first = try scanner.next() else { return .success(.null) }
                let value = try JSONValue(first, from: &scanner)
                _ = try scanner.next()
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    public init(parsing text: String, lengthLimit: Int = 16 << 20, depthLimit: Int = 64) throws(JSONError) {
        try self.init(parsing: text.utf8, lengthLimit: lengthLimit, depthLimit: depthLimit)
    }

    /// Builds the value that a token starts. The recursion is bounded by the scanner's depth limit.
    init(_ token: JSONScanner.Token, from scanner: inout JSONScanner) throws(JSONError) {
        switch token {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int64(let value): self = .int64(value)
        case .float64(let value): self = .float64(value)
        case .string(let text): self = .string(scanner.string(text))
        case .beginArray:
            var values: [JSONValue] = []
            while let next = try scanner.next(), next != .endArray {
                values.append(try JSONValue(next, from: &scanner))
            }
            self = .array(values)
        case .beginObject:
            var object = JSONObject()
            var keys: Set<String> = []
            while case .key(let text)? = try scanner.next() {
                let start = scanner.tokenStart
                let key = scanner.string(text)
                guard keys.insert(key).inserted else {
                    throw JSONError(.duplicateKey, at: start, "the key '\(key)' stands twice in one object")
                }
                guard let next = try scanner.next() else { break }
                object.append(key, try JSONValue(next, from: &scanner))
            }
            self = .object(object)
        case .endArray, .endObject, .key:
            preconditionFailure("the scanner gave \(token) where a value starts")
        }
    }
}

// MARK: Looking in

extension JSONValue {
    public subscript(key: String) -> JSONValue? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    public var isNull: Bool { self == .null }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var int64: Int64? { if case .int64(let value) = self { value } else { nil } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
    public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }

    /// A number of either kind; an integer that no double equals is rounded.
    public var double: Double? {
        switch self {
        case .float64(let value): value
        case .int64(let value): Double(value)
        default: nil
        }
    }

    /// What a person calls it, for error sentences.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .int64, .float64: "a number"
        case .string: "a text"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

// MARK: Writing in source

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int64(value) }
    public init(floatLiteral value: Double) { self = .float64(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
}

// MARK: Serializing

extension JSONValue {
    public enum KeyOrder: Sendable {
        case given
        /// By the bytes of the keys, so that equal objects give equal text.
        case sorted
    }

    /// The value as compact UTF-8.
    public func serialized(keys: KeyOrder = .given) -> [UInt8] {
        var writer = JSONWriter()
        write(into: &writer, keys: keys)
        return writer.bytes
    }

    public func write(into writer: inout JSONWriter, keys: KeyOrder = .given) {
        switch self {
        case .null: writer.null()
        case .bool(let value): writer.bool(value)
        case .int64(let value): writer.int64(value)
        case .float64(let value): writer.float64(value)
        case .string(let value): writer.string(value)
        case .array(let values):
            writer.beginArray()
            for value in values { value.write(into: &writer, keys: keys) }
            writer.endArray()
        case .object(let object):
            writer.beginObject()
            let members =
                switch keys {
                case .given: object.members
                case .sorted: object.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
                }
            for member in members {
                writer.key(member.key)
                member.value.write(into: &writer, keys: keys)
            }
            writer.endObject()
        }
    }
}

extension JSONValue: CustomStringConvertible {
    public var description: String { String(decoding: serialized(), as: UTF8.self) }
}
