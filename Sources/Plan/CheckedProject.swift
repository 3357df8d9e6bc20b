public import MartletDefinitions
public import MartletFeatureStore
public import MartletIngestion
public import MartletMonitoring
public import MartletPipelines
public import MartletServing
public import MartletTraining

/// A project without mistakes: every reference resolved, every part's plans made.
public struct CheckedProject: Sendable {
    public let project: ProjectDefinition
    /// Each list is sorted by name.
    public let streams: [StreamDefinition]
    public let views: [FeatureViewDefinition]
    public let models: [ModelDefinition]
    public let endpoints: [EndpointDefinition]
    public let pipelines: [PipelineDefinition]
    public let monitors: [MonitorDefinition]

    public func stream(_ name: String) -> StreamDefinition? { streams.first { $0.name == name } }
    public func view(_ name: String) -> FeatureViewDefinition? { views.first { $0.name == name } }
    public func model(_ name: String) -> ModelDefinition? { models.first { $0.name == name } }
    public func endpoint(_ name: String) -> EndpointDefinition? { endpoints.first { $0.name == name } }
    public func pipeline(_ name: String) -> PipelineDefinition? { pipelines.first { $0.name == name } }

    /// The versions of everything defined: what `apply` commits, and what the next plan is compared with.
    public var definitions: DefinitionSet {
        DefinitionSet(
            [DefinedVersion(project)] + streams.map { DefinedVersion($0) } + views.map { DefinedVersion($0) }
                + models.map { DefinedVersion($0) } + endpoints.map { DefinedVersion($0) } + pipelines.map { DefinedVersion($0) }
                + monitors.map { DefinedVersion($0) })
    }
}
