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
    func row(_ layout: PredictionLayout) -> Frame {
        var columns: [Column] = []
        columns.reserveCapacity(layout.schema.fields.count)
        columns.append(Self.text(id))
        columns.append(Self.text(actor))
        columns.append(Self.text(endpoint))
        columns.append(Self.text(model))
        columns.append(Column(.int64([version])))
        columns.append(Self.text(variant))
        columns.append(Column(.float64([propensity])))
        columns.append(Column(.timestamp([time])))
        columns.append(Column(.int64([cut])))
        columns.append(Column(.int64([release])))
        columns.append(Column(.int64([semanticsVersion])))
        columns.append(Column(.bool(Bitmap(repeating: isDegraded, count: 1))))
        columns.append(Column(.int64([latencyMicroseconds])))
        // A Float is a Double exactly, so nothing is lost.
        for output in outputs { columns.append(Column(.float64([Double(output)]))) }
        for margin in margins { columns.append(Column(.float64([Double(margin)]))) }
        columns += inputs.columns
        columns += features.columns
        if let outcome, let type = outcome.type { columns.append(Column([outcome], type: type)) }
        return Frame(layout.schema, columns, rowCount: 1)
    }

    private static func text(_ text: String) -> Column {
        var strings = StringStorage()
        strings.append(text)
        return Column(.string(strings))
    }

    /// The batch that stores it.
    func batch(_ layout: PredictionLayout) -> RecordBatch {
        let key = Self.key(id)
        return RecordBatch(
            stream: Self.stream(of: endpoint), kind: .prediction, rows: row(layout), eventTimes: [time], uniqueKeys: [key],
            payloads: [key])
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

/// The schema of an endpoint's prediction records, made once.
struct PredictionLayout: Sendable {
    let schema: Schema

    init(inputs: Schema, features: Schema, outputs: Int, margins: Int, outcome: ValueType? = nil) {
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
        if let outcome { fields.append(Field("outcome", outcome, isOptional: true)) }
        schema = Schema(fields)
    }

    /// The layout of one record.
    init(_ record: PredictionRecord) {
        self.init(
            inputs: record.inputs.schema, features: record.features.schema, outputs: record.outputs.count,
            margins: record.margins.count, outcome: record.outcome?.type)
    }
}
