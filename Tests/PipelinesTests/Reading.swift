import MartletDefinitions
import MartletPipelines

/// Reads pipelines from texts, in a small project.
enum Reading {
    static let surroundings = PipelineSurroundings(
        streams: ["orders", "visits"], models: ["returns": ["average_precision", "roc_auc"], "topics": []],
        endpoints: ["returns": .number, "topics": .labels], pools: ["warehouse": 4, "gpu": 1, "memory": 16_000_000_000, "cpu": 8])

    static func pipelines(_ text: String, _ surroundings: PipelineSurroundings = surroundings) throws -> [PipelineDefinition] {
        let errors = ErrorCollector()
        let source = ProjectSource([.init(path: "pipelines/p.yaml", text: text)])
        let blocks = Block.read(source, kinds: KindRegistry([PipelineDefinition.kind]), errors: errors)
        let pipelines = PipelineDefinition.read(blocks, in: surroundings, errors: errors)
        if !errors.isEmpty { throw errors.collected }
        return pipelines
    }

    static func pipeline(_ text: String) throws -> PipelineDefinition {
        guard let first = try pipelines(text).first else { throw NoPipeline() }
        return first
    }

    /// A pipeline of these tasks, which stand indented by two.
    static func tasks(_ tasks: String) throws -> PipelineDefinition {
        try pipeline("pipeline: p\nschedule: \"@daily\"\ntasks:\n" + tasks)
    }

    /// What is said of a text; empty if nothing.
    static func complaints(_ text: String) -> String {
        do {
            _ = try pipelines(text)
            return ""
        } catch {
            return "\(error)"
        }
    }

    static func complaints(tasks: String) -> String {
        complaints("pipeline: p\nschedule: \"@daily\"\ntasks:\n" + tasks)
    }

    struct NoPipeline: Error {}
}
