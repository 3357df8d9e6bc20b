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
    /// Of one that was computed beside another and not given as an answer: that other's id, and the output that was given.
    var shadowOf: String?
    var answered: [Float] = []

    static func stream(of endpoint: String) -> String { "@predictions/" + endpoint }

    /// By what the log knows a prediction: its id, which no other key can be but by chance in 2^128.
    static func key(_ id: UUIDv7) -> Fingerprint { Fingerprint(high: id.high, low: id.low) }

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
        if case .string(let other) = value("shadow_of") {
            shadowOf = other
            answered = floats("answered")
        }
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

/// The schema of an endpoint's prediction records.
struct PredictionLayout: Sendable {
    let schema: Schema

    /// - Parameter answered: of shadows, how many outputs the answer had that was given; nil for predictions that were answers.
    init(inputs: Schema, features: Schema, outputs: Int, margins: Int, answered: Int? = nil, outcome: ValueType? = nil) {
        var fields = [
            Field("id", .string), Field("actor", .string), Field("endpoint", .string), Field("model", .string),
            Field("version", .int64), Field("variant", .string), Field("propensity", .float64), Field("time", .timestamp),
            Field("cut", .int64), Field("release", .int64), Field("semantics_version", .int64), Field("degraded", .bool),
            Field("latency_us", .int64),
        ]
        for index in 0..<outputs { fields.append(Field("output.\(index)", .float64)) }
        for index in 0..<margins { fields.append(Field("margin.\(index)", .float64)) }
        fields += inputs.fields.map { Field("input." + $0.name, $0.type, isOptional: true) }
        fields += features.fields.map { Field("feature." + $0.name, $0.type, isOptional: true) }
        if let answered {
            fields.append(Field("shadow_of", .string))
            for index in 0..<answered { fields.append(Field("answered.\(index)", .float64)) }
        }
        if let outcome { fields.append(Field("outcome", outcome, isOptional: true)) }
        schema = Schema(fields)
    }
}
