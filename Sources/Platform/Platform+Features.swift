public import MartletAccess
public import MartletBytes
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

extension Platform {
    /// The features of entities as of a time: `{"view", "keys": [{…}], "time"?}` → features, and the cut they are of.
    public func readFeatures(_ body: JSONValue, rowLimit: Int = 1_000, scope: Scope) async throws -> JSONValue {
        guard let name = body["view"]?.string else { throw PlatformError(.invalid, "name the 'view' to read") }
        try scope.require(.featuresRead, on: resource(.featureView, name))
        guard let project = inForce.project else { throw PlatformError.notApplied }
        guard let view = project.view(name) else { throw PlatformError.unknown("feature view", name, among: project.views.map(\.name)) }
        guard let entity = view.entity else {
            throw PlatformError(.invalid, "'\(name)' is derived from a row; it is computed when an endpoint is asked")
        }
        guard let keys = body["keys"]?.array, keys.count <= rowLimit else {
            throw PlatformError(.invalid, "'keys' is a list of at most \(rowLimit) objects, such as {\"\(entity.keys[0].name)\": …}")
        }
        for key in keys {
            guard let members = key.object else { throw PlatformError(.invalid, "a key is an object, found \(key.kind)", place: "keys") }
            let names = entity.keys.map(\.name)
            for name in members.keys where !names.contains(name) {
                let nearest = NearestMatch.of(name, in: names)
                throw PlatformError(
                    .invalid, "'\(view.name)' has no key '\(name.prefix(60))'", place: "keys",
                    hint: nearest.map { "did you mean '\($0)'?" } ?? "its keys: \(names.joined(separator: ", "))")
            }
            for name in names where members[name] == nil {
                throw PlatformError(.invalid, "a key lacks '\(name)'", place: "keys", hint: "give {\"\(name)\": …}")
            }
        }
        var time = world.clock.now()
        if let text = body["time"]?.string {
            guard let given = Timestamp(rfc3339: text) else {
                throw PlatformError(.invalid, "'time' is '\(text.prefix(40))', which is no RFC 3339 time", hint: "such as 2026-01-31T12:00:00Z")
            }
            time = given
        }
        let stream = try stream(view.source)
        let columns = try entity.keys.map { field in
            Column(
                try keys.map { key in
                    switch (field.type, key[field.name] ?? .null) {
                    case (_, .null): .missing
                    case (.string, .string(let text)): .string(text)
                    case (.int64, .int64(let number)): .int64(number)
                    case (_, let found):
                        throw PlatformError(.invalid, "'\(field.name)' must be \(field.type.rawValue), found \(found.kind)", place: "keys")
                    }
                }, type: field.type)
        }
        let schema = Schema(entity.keys.map { Field($0.name, $0.type, isOptional: true) })
        // One of whom nothing is known has no features; asking does not make a pseudonym.
        let rows = try pseudonyms.replacing(
            in: Frame(schema, columns, rowCount: keys.count), fields: stream.contract.fields, creating: false)
        let (result, cut) = try features.compute(
            FeatureRecipe(view: view, in: project), rows, at: [Int64](repeating: time.microseconds, count: keys.count), ownKeys: nil)
        return .object([
            ("view", .string(name)), ("time", .string("\(time)")), ("cut", .int64(cut)),
            ("rows", .array(keys.indices.map { row in
                .object([
                    ("keys", keys[row]),
                    ("features", .object(zip(result.features.schema.fields, result.features.columns).map { ($0.name, JSONValue($1[row])) })),
                ])
            })),
        ])
    }

    /// A model's training set as CSV: time, part, label, features.
    ///
    /// - Parameter write: given the text piece by piece.
    public func dataset(_ name: String, scope: Scope, write: ([UInt8]) async throws -> Void) async throws -> JSONValue {
        try scope.require(.datasetsBuild, on: .project(project))
        guard let project = inForce.project else { throw PlatformError.notApplied }
        guard let model = project.model(name) else { throw PlatformError.unknown("model", name, among: project.models.map(\.name)) }
        let set = try await trainingSet(model, project) { _ in }
        let names = set.features.schema.fields.map(\.name)
        try await write(Array((["event_time", "part", "label"] + names).joined(separator: ",").utf8) + [0x0A])
        var piece: [UInt8] = []
        for row in 0..<set.features.rowCount {
            let label: String =
                switch model.task {
                case .binary: set.labels[row] == 1 ? "true" : "false"
                case .multiclass: CSVText.quoted(set.classes[Int(set.labels[row])])
                case .regression: "\(set.labels[row])"
                }
            let part = set.train.contains(row) ? "train" : "test"
            var line = "\(Timestamp(microseconds: set.eventTimes[row])),\(part),\(label)"
            for column in set.features.columns {
                line += ","
                let value = column[row]
                if value != .missing { line += CSVText.quoted("\(value)") }
            }
            piece += line.utf8
            piece.append(0x0A)
            if piece.count > 1 << 20 {
                try await write(piece)
                piece.removeAll(keepingCapacity: true)
            }
        }
        try await write(piece)
        return .object([
            ("model", .string(name)), ("cut", .int64(set.cut)), ("hash", .string(set.hash)),
            ("rows", .object([
                ("train", .int64(Int64(set.train.count))), ("test", .int64(Int64(set.test.count))), ("immature", .int64(Int64(set.immature))),
            ])),
            ("features", .array(names.map(JSONValue.string))),
        ])
    }
}

/// Text as a CSV cell.
enum CSVText {
    /// In quotes where RFC 4180 asks for them.
    static func quoted(_ cell: String) -> String {
        guard cell.utf8.contains(where: { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }) else { return cell }
        return "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
