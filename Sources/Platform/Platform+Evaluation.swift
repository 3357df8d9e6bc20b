import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFeatureStore
import MartletFrames
import MartletIngestion
import MartletModels
import MartletPlan
import MartletRegistry
import MartletStatistics
import MartletTraining
import MartletWorld

/// How well a model version does on its model's test rows.
struct EvaluationReport: Sendable {
    var model: String
    var version: Int
    /// In the order of the definition; nil where a metric is not defined on the rows.
    var metrics: [(name: String, value: Double?)]
    var rows: Int
    /// The hash of features, labels and times of the rows.
    var dataset: String

    var json: JSONValue {
        [
            "model": .string(model), "version": .int64(Int64(version)), "rows": .int64(Int64(rows)),
            "metrics": .object(metrics.map { ($0.name, $0.value.map(JSONValue.float64) ?? .null) }), "dataset": .string(dataset),
        ]
    }
}

extension Platform {
    /// Measures a version on the test rows of its model's training set as of now.
    ///
    /// Split, filter, label and metrics are those of the definition in force, features and trees those of the version. While neither
    /// data nor definition have changed since its training, the metrics are those of the training in every bit.
    ///
    /// - Throws: a ``PlatformError`` with code `invalid` if there are no test rows; with code `conflict` if the version answers another
    ///   question than the definition asks now.
    func evaluate(_ name: String, version number: Int, scope: Scope) async throws -> EvaluationReport {
        try scope.require(.modelsRead, on: resource(.model, name))
        guard let project = inForce.project else { throw PlatformError.notApplied }
        guard let model = project.model(name) else { throw PlatformError.unknown("model", name, among: project.models.map(\.name)) }
        let served = try servedModel(name, number)
        let set = try await testSet(model, project, features: served.recipe)
        guard !set.test.isEmpty else {
            throw PlatformError(
                .invalid, "model '\(name)' has no test rows",
                hint: "the split's times may lie outside the data; rows whose label is not yet known: \(set.immature)")
        }
        let metrics = try await offPool { try self.measures(of: served, set.features, as: model, on: set, in: project) }
        return EvaluationReport(model: name, version: number, metrics: metrics, rows: set.test.count, dataset: set.hash)
    }

    /// A definition's metrics of a version that may have been trained under another.
    ///
    /// - Parameter features: the version's features of the set's test rows.
    func measures(
        of served: ServedModel, _ features: Frame, as model: ModelDefinition, on set: ModelTrainingSet, in project: CheckedProject
    ) throws -> [(name: String, value: Double?)] {
        let version = "version \(served.version.number) of model '\(model.name)'"
        guard served.definition.task == model.task else {
            throw PlatformError(
                .conflict, "\(version) is \(served.definition.task.rawValue), and the definition is \(model.task.rawValue)",
                hint: "train a version of the definition")
        }
        guard served.manifest.classes == set.classes else {
            throw PlatformError(
                .conflict, "\(version) knows the labels \(Self.listing(served.manifest.classes)), and the rows have \(Self.listing(set.classes))",
                hint: "train a version that knows them")
        }
        let outputs = try served.score(features).outputs
        return try ModelMeasures(model: model, set: set, zone: project.stream(model.source)?.timeZone ?? .utc).values(outputs: outputs)
    }

    private static func listing(_ labels: [String]) -> String {
        labels.prefix(8).map { "'\($0.prefix(40))'" }.joined(separator: ", ") + (labels.count > 8 ? " … (\(labels.count) in all)" : "")
    }
}
