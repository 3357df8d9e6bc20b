public import MartletDefinitions

extension PipelineDefinition {
    /// The version: the hash of the canonical form.
    public var hash: DefinitionHash { DefinitionHash(of: canonical) }
}
