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

/// A prediction as the event log keeps it: who asked what, as of when, and every value that led to the output.
///
/// One row of the stream `@predictions/<endpoint>`: the fields below, then the inputs as `input.<field>` and the
/// features as `feature.<name>`, each with its own type, so that a replay compares bits and not texts.
struct PredictionRecord: Sendable {
    var id: String
    var actor: String
    var endpoint: String
    var model: String
    /// 0 if no model answered.
    var version: Int64
    var variant: String
    /// The chance with which this variant was chosen.
    var propensity: Double
    /// `t`, microseconds since 1970.
    var time: Int64
    var cut: Int64
    var release: Int64
    var semanticsVersion: Int64
    /// Whether the fallback answered.
    var isDegraded: Bool
    var latencyMicroseconds: Int64
    /// One a row of the model's outputs; a probability, a number, or one probability a class.
    var outputs: [Float]
    var margins: [Float]
    /// One row: what was asked, with pseudonyms in place of persons.
    var inputs: Frame
    /// One row: what the model was given.
    var features: Frame
    /// What became known later; nil until then.
    var outcome: Value?

    static func stream(of endpoint: String) -> String { "@predictions/" + endpoint }

    static func key(_ id: String) -> Fingerprint { Fingerprint(sha256Of: Array(("prediction " + id).utf8)) }

    /// The row that the log stores.
    var row: Frame {
        var fields: [Field] = []
        var columns: [Column] = []
        func add(_ name: String, _ value: Value, _ type: ValueType, isOptional: Bool = false) {
            fields.append(Field(name, type, isOptional: isOptional))
            columns.append(Column([value], type: type))
        }
        add("id", .string(id), .string)
        add("actor", .string(actor), .string)
        add("endpoint", .string(endpoint), .string)
        add("model", .string(model), .string)
        add("version", .int64(version), .int64)
        add("variant", .string(variant), .string)
        add("propensity", .float64(propensity), .float64)
        add("time", .timestamp(Timestamp(microseconds: time)), .timestamp)
        add("cut", .int64(cut), .int64)
        add("release", .int64(release), .int64)
        add("semantics_version", .int64(semanticsVersion), .int64)
        add("degraded", .bool(isDegraded), .bool)
        add("latency_us", .int64(latencyMicroseconds), .int64)
        // A Float is a Double exactly, so nothing is lost.
        for (index, output) in outputs.enumerated() { add("output.\(index)", .float64(Double(output)), .float64) }
        for (index, margin) in margins.enumerated() { add("margin.\(index)", .float64(Double(margin)), .float64) }
        for (field, column) in zip(inputs.schema.fields, inputs.columns) {
            fields.append(Field("input." + field.name, field.type, isOptional: true))
            columns.append(column)
        }
        for (field, column) in zip(features.schema.fields, features.columns) {
            fields.append(Field("feature." + field.name, field.type, isOptional: true))
            columns.append(column)
        }
        if let outcome, let type = outcome.type { add("outcome", outcome, type, isOptional: true) }
        return Frame(Schema(fields), columns, rowCount: 1)
    }

    /// The batch that stores it.
    var batch: RecordBatch {
        RecordBatch(
            stream: Self.stream(of: endpoint), kind: .prediction, rows: row, eventTimes: [time], uniqueKeys: [Self.key(id)],
            payloads: [Self.key(id)])
    }

    /// Reads a stored row; nil if it is none of ours.
    init?(_ stored: Frame) {
        guard stored.rowCount == 1 else { return nil }
        func value(_ name: String) -> Value { stored[name]?[0] ?? .missing }
        guard case .string(let id) = value("id"), case .string(let actor) = value("actor"),
            case .string(let endpoint) = value("endpoint"), case .string(let model) = value("model"),
            case .int64(let version) = value("version"), case .string(let variant) = value("variant"),
            case .float64(let propensity) = value("propensity"), case .timestamp(let time) = value("time"),
            case .int64(let cut) = value("cut"), case .int64(let release) = value("release"),
            case .int64(let semantics) = value("semantics_version"), case .bool(let isDegraded) = value("degraded"),
            case .int64(let latency) = value("latency_us")
        else { return nil }
        func floats(_ prefix: String) -> [Float] {
            var floats: [Float] = []
            while case .float64(let number)? = stored["\(prefix).\(floats.count)"]?[0] { floats.append(Float(number)) }
            return floats
        }
        func part(_ prefix: String) -> Frame {
            var fields: [Field] = []
            var columns: [Column] = []
            for (field, column) in zip(stored.schema.fields, stored.columns) where field.name.hasPrefix(prefix) {
                fields.append(Field(String(field.name.dropFirst(prefix.count)), field.type, isOptional: true))
                columns.append(column)
            }
            return Frame(Schema(fields), columns, rowCount: 1)
        }
        self.init(
            id: id, actor: actor, endpoint: endpoint, model: model, version: version, variant: variant, propensity: propensity,
            time: time.microseconds, cut: cut, release: release, semanticsVersion: semantics, isDegraded: isDegraded,
            latencyMicroseconds: latency, outputs: floats("output"), margins: floats("margin"), inputs: part("input."),
            features: part("feature."), outcome: value("outcome") == .missing ? nil : value("outcome"))
    }

    init(
        id: String, actor: String, endpoint: String, model: String, version: Int64, variant: String, propensity: Double,
        time: Int64, cut: Int64, release: Int64, semanticsVersion: Int64, isDegraded: Bool, latencyMicroseconds: Int64,
        outputs: [Float], margins: [Float], inputs: Frame, features: Frame, outcome: Value? = nil
    ) {
        self.id = id
        self.actor = actor
        self.endpoint = endpoint
        self.model = model
        self.version = version
        self.variant = variant
        self.propensity = propensity
        self.time = time
        self.cut = cut
        self.release = release
        self.semanticsVersion = semanticsVersion
        self.isDegraded = isDegraded
        self.latencyMicroseconds = latencyMicroseconds
        self.outputs = outputs
        self.margins = margins
        self.inputs = inputs
        self.features = features
        self.outcome = outcome
    }
}
