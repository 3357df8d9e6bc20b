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

/// Predictions of one endpoint, made together and not yet recorded: column by column, as the log keeps them.
struct PredictionBatch: Sendable {
    /// One a row, as the next three.
    var ids: [UUIDv7]
    var actors: [String]
    /// `t`, microseconds since 1970.
    var times: [Int64]
    var endpoint: String
    var model: String
    /// 0 if no model answered.
    var version: Int64
    var variant: String
    /// The chance with which this variant was chosen.
    var propensity: Double
    var cut: Int64
    var release: Int64
    var semanticsVersion: Int64
    /// Whether the fallback answered.
    var isDegraded: Bool
    /// Of all rows together.
    var latencyMicroseconds: Int64
    /// Row by row, `outputs.count / count` each.
    var outputs: [Float]
    /// As many as outputs; empty if no model answered.
    var margins: [Float]
    /// What was asked, with pseudonyms in place of persons.
    var inputs: Frame
    /// What the model was given.
    var features: Frame
    /// The schema of its rows.
    var layout: PredictionLayout
    /// Of shadows: whose, and what was answered there, row by row.
    var shadowOf: [String] = []
    var answered: [Float] = []

    var count: Int { ids.count }
    private var width: Int { count == 0 ? 0 : outputs.count / count }

    /// The batch that stores it.
    func records() -> RecordBatch {
        let keys = ids.map(PredictionRecord.key)
        return RecordBatch(
            stream: PredictionRecord.stream(of: endpoint), kind: .prediction, rows: rows(), eventTimes: times, uniqueKeys: keys,
            payloads: keys)
    }

    /// The rows that the log stores; with an outcome if there is one, in all rows.
    func rows(outcome: Value? = nil) -> Frame {
        var columns: [Column] = []
        columns.reserveCapacity(layout.schema.fields.count)
        columns.append(Self.texts(ids.lazy.map(\.description)))
        columns.append(Self.texts(actors))
        columns.append(same(endpoint))
        columns.append(same(model))
        columns.append(same(version))
        columns.append(same(variant))
        columns.append(Column(.float64([Double](repeating: propensity, count: count))))
        columns.append(Column(.timestamp(times)))
        columns.append(same(cut))
        columns.append(same(release))
        columns.append(same(semanticsVersion))
        columns.append(Column(.bool(Bitmap(repeating: isDegraded, count: count))))
        columns.append(same(latencyMicroseconds))
        for numbers in [outputs, margins] where !numbers.isEmpty {
            // A Float is a Double exactly, so nothing is lost.
            for output in 0..<width { columns.append(Column(.float64((0..<count).map { Double(numbers[$0 * width + output]) }))) }
        }
        columns += inputs.columns
        columns += features.columns
        if !shadowOf.isEmpty {
            columns.append(Self.texts(shadowOf))
            let width = answered.count / count
            for output in 0..<width { columns.append(Column(.float64((0..<count).map { Double(answered[$0 * width + output]) }))) }
        }
        if let outcome, let type = outcome.type { columns.append(Column(repeating: outcome, type: type, count: count)) }
        return Frame(layout.schema, columns, rowCount: count)
    }

    private static func texts(_ texts: some Sequence<String>) -> Column {
        var strings = StringStorage()
        for text in texts { strings.append(text) }
        return Column(.string(strings))
    }

    private func same(_ text: String) -> Column {
        Self.texts(repeatElement(text, count: count))
    }

    private func same(_ number: Int64) -> Column {
        Column(.int64([Int64](repeating: number, count: count)))
    }

    /// One of them, as it is read back from the log.
    func record(_ row: Int) -> PredictionRecord {
        func part(_ numbers: [Float]) -> [Float] { numbers.isEmpty ? [] : Array(numbers[(row * width)..<((row + 1) * width)]) }
        var record = PredictionRecord(
            id: "\(ids[row])", actor: actors[row], endpoint: endpoint, model: model, version: version, variant: variant,
            propensity: propensity, time: times[row], cut: cut, release: release, semanticsVersion: semanticsVersion,
            isDegraded: isDegraded, latencyMicroseconds: latencyMicroseconds, outputs: part(outputs), margins: part(margins),
            inputs: inputs.gathering([row]), features: features.gathering([row]))
        if !shadowOf.isEmpty {
            let width = answered.count / count
            record.shadowOf = shadowOf[row]
            record.answered = Array(answered[(row * width)..<((row + 1) * width)])
        }
        return record
    }

    /// The outputs of some rows, row by row.
    func outputs(of rows: [Int]) -> [Float] {
        rows.flatMap { outputs[($0 * width)..<(($0 + 1) * width)] }
    }

    /// Writes the answer to who asked for a row.
    func writeAnswer(_ row: Int, classes: [String], explanation: JSONValue?, into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("prediction_id")
        writer.string("\(ids[row])")
        writer.key("model")
        writer.string(model)
        writer.key("version")
        writer.int64(version)
        writer.key("variant")
        writer.string(variant)
        writer.key("output")
        if width == 1 {
            writer.float64(Double(outputs[row]))
        } else {
            PredictionRecord.output(outputs[(row * width)..<((row + 1) * width)], classes: classes).write(into: &writer)
        }
        writer.key("degraded")
        writer.bool(isDegraded)
        if let explanation {
            writer.key("explanation")
            explanation.write(into: &writer)
        }
        writer.endObject()
    }
}

extension PredictionBatch {
    /// One record, to be stored again with what became known of it.
    init(_ record: PredictionRecord) {
        self.init(
            ids: UUIDv7(record.id).map { [$0] } ?? [], actors: [record.actor], times: [record.time], endpoint: record.endpoint,
            model: record.model, version: record.version, variant: record.variant, propensity: record.propensity,
            cut: record.cut, release: record.release, semanticsVersion: record.semanticsVersion, isDegraded: record.isDegraded,
            latencyMicroseconds: record.latencyMicroseconds, outputs: record.outputs, margins: record.margins,
            inputs: record.inputs, features: record.features,
            layout: PredictionLayout(
                inputs: record.inputs.schema, features: record.features.schema, outputs: record.outputs.count,
                margins: record.margins.count, answered: record.shadowOf.map { _ in record.answered.count }, outcome: record.outcome?.type))
        shadowOf = record.shadowOf.map { [$0] } ?? []
        answered = record.answered
    }
}
