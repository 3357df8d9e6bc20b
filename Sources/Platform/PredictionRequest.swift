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
struct PredictionRequest {
    /// The rows, each an object of the stream's fields.
    var instances: [JSONObject]
    /// Whether the answer is a list.
    var isList: Bool
    /// Whether the rows are events that are stored with their predictions, in one commit.
    var appends: Bool
    var explains: Bool

    private static let keys = ["inputs", "instances", "entities", "append", "explain"]

    init(_ body: JSONValue, rowLimit: Int) throws(PlatformError) {
        guard let object = body.object else {
            throw PlatformError(
                .invalid, "a prediction is asked for with an object, found \(body.kind)",
                hint: "send {\"inputs\": {…}} or {\"instances\": [{…}, …]}")
        }
        for key in object.keys where !Self.keys.contains(key) {
            let nearest = NearestMatch.of(key, in: Self.keys)
            throw PlatformError(
                .invalid, "unknown member '\(key.prefix(60))'", place: key,
                hint: nearest.map { "did you mean '\($0)'?" } ?? "members: \(Self.keys.joined(separator: ", "))")
        }
        switch (object["inputs"], object["instances"]) {
        case (let inputs?, nil):
            guard let row = inputs.object else { throw Self.wrong("inputs", "an object of fields", inputs) }
            instances = [row]
            isList = false
        case (nil, let list?):
            guard let items = list.array else { throw Self.wrong("instances", "a list of objects", list) }
            guard items.count <= rowLimit else {
                throw PlatformError(
                    .tooMany, "\(items.count) rows in one request; this endpoint takes \(rowLimit)", place: "instances",
                    hint: "send fewer at a time, or use 'martlet predict --batch'")
            }
            instances = []
            for item in items {
                guard let row = item.object else { throw Self.wrong("instances", "a list of objects", item) }
                instances.append(row)
            }
            isList = true
        default:
            throw PlatformError(.invalid, "exactly one of 'inputs' and 'instances' must be given", hint: "send {\"inputs\": {…}}")
        }
        appends = try Self.flag(object, "append")
        explains = try Self.flag(object, "explain")
        if let entities = object["entities"] {
            guard let keys = entities.object else { throw Self.wrong("entities", "an object of entity keys", entities) }
            for index in instances.indices {
                for member in keys.members {
                    if let given = instances[index][member.key], given != member.value {
                        throw PlatformError(
                            .conflict, "'\(member.key)' differs between inputs and entities", place: "entities.\(member.key)",
                            hint: "give it once")
                    }
                    instances[index][member.key] = member.value
                }
            }
        }
    }

    private static func flag(_ object: JSONObject, _ key: String) throws(PlatformError) -> Bool {
        guard let value = object[key] else { return false }
        guard let flag = value.bool else { throw wrong(key, "true or false", value) }
        return flag
    }

    private static func wrong(_ key: String, _ expected: String, _ found: JSONValue) -> PlatformError {
        PlatformError(.invalid, "'\(key)' must be \(expected), found \(found.kind)", place: key)
    }

    /// The rows as one JSON array, each with an event time.
    func rows(eventTime: String?, now: Timestamp) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginArray()
        for instance in instances {
            var row = instance
            if let eventTime, row[eventTime]?.isNull ?? true { row[eventTime] = .string("\(now)") }
            JSONValue.object(row).write(into: &writer)
        }
        writer.endArray()
        return writer.bytes
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
