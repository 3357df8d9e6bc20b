import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFeatures
import MartletFrames
import MartletGovernance
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletServing
import MartletStatistics
import MartletStorage
import MartletTraining
import MartletWorld

/// What a client asks an endpoint: one row or several, with options.
///
/// The body is scanned once and the rows stay places in it, so that the contract's parser reads them straight into columns.
struct PredictionRequest {
    /// The text in which the rows stand.
    private(set) var bytes: [UInt8]
    /// Of each row, where its object of the stream's fields stands.
    private(set) var rows: [Range<Int>] = []
    /// Whether the answer is a list.
    private(set) var isList = false
    /// Whether the rows are events that are stored with their predictions, in one commit.
    private(set) var appends = false
    private(set) var explains = false

    private enum Key: String, CaseIterable { case inputs, instances, entities, append, explain }

    /// - Throws: ``PlatformError``, or ``JSONError`` for a body that is not JSON.
    init(_ body: [UInt8], rowLimit: Int) throws {
        bytes = body
        var given: Set<Key> = []
        var entities: Range<Int>?
        try body.withUnsafeBytes { text in
            var scanner = JSONScanner(text)
            guard let first = try scanner.next(), first == .beginObject else {
                let body = try JSONValue(parsing: body, lengthLimit: max(1, body.count))
                throw PlatformError(
                    .invalid, "a prediction is asked for with an object, found \(body.kind)",
                    hint: "send {\"inputs\": {…}} or {\"instances\": [{…}, …]}")
            }
            while case .key(let name)? = try scanner.next() {
                let key = try Self.key(scanner.string(name))
                guard given.insert(key).inserted else {
                    throw PlatformError(.invalid, "'\(key.rawValue)' stands twice in the request", place: key.rawValue, hint: "give it once")
                }
                switch key {
                case .inputs: rows = [try Self.object(&scanner, key, "an object of fields")]
                case .instances: rows = try Self.objects(&scanner, limit: rowLimit)
                case .entities: entities = try Self.object(&scanner, key, "an object of entity keys")
                case .append: appends = try Self.flag(&scanner, key)
                case .explain: explains = try Self.flag(&scanner, key)
                }
            }
            _ = try scanner.next()
        }
        guard given.contains(.inputs) != given.contains(.instances) else {
            throw PlatformError(.invalid, "exactly one of 'inputs' and 'instances' must be given", hint: "send {\"inputs\": {…}}")
        }
        isList = given.contains(.instances)
        if let entities { try add(JSONValue(parsing: Array(body[entities]), lengthLimit: body.count)) }
    }

    private static func key(_ name: String) throws(PlatformError) -> Key {
        if let key = Key(rawValue: name) { return key }
        let names = Key.allCases.map(\.rawValue)
        throw PlatformError(
            .invalid, "unknown member '\(name.prefix(60))'", place: name,
            hint: NearestMatch.of(name, in: names).map { "did you mean '\($0)'?" } ?? "members: \(names.joined(separator: ", "))")
    }

    /// Where the next value stands, which must be an object.
    private static func object(_ scanner: inout JSONScanner, _ key: Key, _ expected: String) throws -> Range<Int> {
        let token = try scanner.next()
        let start = scanner.tokenStart
        guard token == .beginObject else { throw wrong(key, expected, token) }
        try skip(&scanner)
        return start..<scanner.offset
    }

    private static func objects(_ scanner: inout JSONScanner, limit: Int) throws -> [Range<Int>] {
        let token = try scanner.next()
        guard token == .beginArray else { throw wrong(.instances, "a list of objects", token) }
        var rows: [Range<Int>] = []
        var count = 0
        while let token = try scanner.next(), token != .endArray {
            guard token == .beginObject else { throw wrong(.instances, "a list of objects", token) }
            let start = scanner.tokenStart
            try skip(&scanner)
            count += 1
            if count <= limit { rows.append(start..<scanner.offset) }
        }
        guard count <= limit else {
            throw PlatformError(
                .tooMany, "\(count) rows in one request; this endpoint takes \(limit)", place: "instances",
                hint: "send fewer at a time, or use 'martlet predict --batch'")
        }
        return rows
    }

    /// Passes over the rest of an object that was begun.
    private static func skip(_ scanner: inout JSONScanner) throws(JSONError) {
        let level = scanner.depth
        while scanner.depth >= level, try scanner.next() != nil {}
    }

    private static func flag(_ scanner: inout JSONScanner, _ key: Key) throws -> Bool {
        let token = try scanner.next()
        guard case .bool(let flag)? = token else { throw wrong(key, "true or false", token) }
        return flag
    }

    private static func wrong(_ key: Key, _ expected: String, _ found: JSONScanner.Token?) -> PlatformError {
        let kind =
            switch found {
            case .beginObject: "an object"
            case .beginArray: "an array"
            case .string: "a text"
            case .int64, .float64: "a number"
            case .bool: "true or false"
            default: "null"
            }
        return PlatformError(.invalid, "'\(key.rawValue)' must be \(expected), found \(kind)", place: key.rawValue)
    }

    /// Gives every row the keys of entities that were sent beside the rows.
    private mutating func add(_ entities: JSONValue) throws {
        guard let keys = entities.object else { return }
        var writer = JSONWriter(reserving: bytes.count + rows.count * 64)
        var ranges: [Range<Int>] = []
        for range in rows {
            var row = try JSONValue(parsing: Array(bytes[range]), lengthLimit: range.count).object ?? JSONObject()
            for member in keys.members {
                if let given = row[member.key], given != member.value {
                    throw PlatformError(
                        .conflict, "'\(member.key)' differs between inputs and entities", place: "entities.\(member.key)",
                        hint: "give it once")
                }
                row[member.key] = member.value
            }
            let start = writer.bytes.count
            JSONValue.object(row).write(into: &writer)
            writer.newLine()
            ranges.append(start..<(writer.bytes.count - 1))
        }
        bytes = writer.bytes
        rows = ranges
    }
}

extension StreamContract {
    /// The contract of a row that is only asked about: any field but the time may be left out.
    var asked: StreamContract {
        var copy = self
        for index in copy.fields.indices where copy.fields[index].name != eventTime { copy.fields[index].isOptional = true }
        copy.unique = []
        return copy
    }
}
