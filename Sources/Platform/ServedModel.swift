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

/// A model version, loaded: its signed package verified, its trees and its recipe ready.
///
/// Immutable, and a class so that a request takes one reference and not its twenty.
final class ServedModel: Sendable {
    let version: ModelVersion
    let manifest: ModelManifest
    let ensemble: TreeEnsemble
    let encoder: FeatureEncoder
    let explainer: TreeSHAP
    let recipe: FeatureRecipe
    /// The project as it was when the model was trained: what its features mean.
    let project: CheckedProject
    let definition: ModelDefinition
    /// The stream whose rows it judges.
    let stream: StreamRuntime
    /// Of the records of its predictions.
    let layout: PredictionLayout
    /// What it was trained on; nil of a version from before that was kept.
    let profile: TrainingProfile?

    init(
        _ version: ModelVersion, _ package: ModelPackage, definition: ModelDefinition, stream: StreamRuntime, in project: CheckedProject
    ) throws {
        self.version = version
        manifest = package.manifest
        ensemble = try package.ensemble()
        encoder = try package.encoder()
        explainer = TreeSHAP(ensemble)
        recipe = FeatureRecipe(definition, in: project)
        self.project = project
        self.definition = definition
        self.stream = stream
        profile = try package.profile()
        layout = PredictionLayout(
            inputs: stream.schema, features: recipe.schema, outputs: ensemble.outputCount, margins: ensemble.outputCount)
    }

    /// The margins and outputs of rows of features: `rows × outputCount` each, row by row.
    func score(_ features: Frame) throws(ModelError) -> (margins: [Float], outputs: [Float]) {
        let margins = try ensemble.margins(try encoder.encode(features.columns))
        var outputs = margins
        var span = outputs.mutableSpan
        ensemble.objective.transform(&span, outputCount: ensemble.outputCount)
        return (margins, outputs)
    }
}

extension Platform {
    /// Loads a model version from its blobs; refuses one whose signature or any file's hash does not fit.
    func servedModel(_ model: String, _ number: Int) throws -> ServedModel {
        let version = try database.read { try versions.version(model, number, $0) }
        var files: [String: [UInt8]] = [:]
        for (name, hash) in version.files { files[name] = try blobs.read(blobHash(hash), limit: ModelPackage.Limits().bytes) }
        let package = try ModelPackage.verify(
            files, trusting: [VaultSigner(vault).publicKey], version: version.package)
        let project = try ProjectPlan.check(projectSource(package.manifest.lineage.definitions[Self.sourceKey] ?? ""))
        guard let definition = project.model(model), let stream = project.stream(definition.source) else {
            throw PlatformError(.damaged, "the definitions that version \(number) of '\(model)' was trained under lack it")
        }
        return try ServedModel(version, package, definition: definition, stream: StreamRuntime(stream), in: project)
    }

    /// In a manifest's lineage, the blob that holds the project's files at training.
    package static let sourceKey = "source"

    func blobHash(_ text: String) throws(PlatformError) -> BlobHash {
        guard let hash = BlobHash(text) else { throw PlatformError(.damaged, "'\(text.prefix(20))' is no hash of a blob") }
        return hash
    }
}
