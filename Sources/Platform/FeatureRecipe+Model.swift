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

extension FeatureRecipe {
    /// The recipe for a model's frozen features, from the project as the model was checked in it.
    init(_ model: ModelDefinition, in project: CheckedProject) {
        var builder = RecipeBuilder(project: project)
        var outputs: [Output] = []
        for feature in model.features {
            let view = model.views[feature.viewIndex]
            let source = builder.need(feature.reference, alias: view.alias, on: view.on)
            outputs.append(Output(Field(feature.name, feature.type, isOptional: true), from: source))
        }
        self.init(reads: builder.reads, derivations: builder.derivations, outputs: outputs)
    }

    /// The recipe for all features of one aggregated view, read at its entity's keys.
    init(view: FeatureViewDefinition, in project: CheckedProject) {
        var builder = RecipeBuilder(project: project)
        let outputs = view.features.map { feature in
            let reference = FeatureReference(view: view.name, feature: feature.name)
            let source = builder.need(reference, alias: view.name, on: view.entity?.keys.map(\.name) ?? [])
            return Output(Field(feature.name, feature.type, isOptional: true), from: source)
        }
        self.init(reads: builder.reads, derivations: builder.derivations, outputs: outputs)
    }
}

/// Collects what must be read and derived, each once, in an order in which nothing comes before what it needs.
private struct RecipeBuilder {
    let project: CheckedProject
    var reads: [FeatureRecipe.ViewRead] = []
    var derivations: [FeatureRecipe.Derivation] = []
    private var derived: Set<String> = []

    init(project: CheckedProject) {
        self.project = project
    }

    /// Makes a feature available; returns the name under which it is.
    mutating func need(_ reference: FeatureReference, alias: String, on keys: [String]) -> String {
        guard let view = project.view(reference.view) else { return "\(reference)" }
        switch view.body {
        case .aggregate(let plan, _):
            if !reads.contains(where: { $0.prefix == alias }) {
                for key in keys { needKey(key) }
                reads.append(FeatureRecipe.ViewRead(
                    state: DefinedVersion(view).hash.description, prefix: alias, keys: keys,
                    features: plan.aggregations.map { Field($0.name, $0.resultType, isOptional: true) }))
            }
            return alias + "." + reference.feature
        case .derive(let plan):
            // What is derived depends on the row alone, so it has one name whatever the alias.
            derive(reference, plan)
            return "\(reference)"
        }
    }

    /// A key that is itself a feature, of a view read before.
    private mutating func needKey(_ key: String) {
        let parts = key.split(separator: ".").map(String.init)
        guard parts.count == 2, let view = project.view(parts[0]) else { return }
        _ = need(FeatureReference(view: parts[0], feature: parts[1]), alias: parts[0], on: view.entity?.keys.map(\.name) ?? [])
    }

    private mutating func derive(_ reference: FeatureReference, _ plan: DerivePlan) {
        guard derived.insert("\(reference)").inserted, let feature = plan.features.first(where: { $0.name == reference.feature })
        else { return }
        for case .feature(let input) in feature.inputs {
            guard let view = project.view(input.view) else { continue }
            _ = need(input, alias: input.view, on: view.entity?.keys.map(\.name) ?? [])
        }
        derivations.append(FeatureRecipe.Derivation(name: "\(reference)", expression: feature.expression))
    }
}
