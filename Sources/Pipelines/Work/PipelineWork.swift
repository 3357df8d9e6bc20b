import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Starts a run of another pipeline and ends as it ends.
public struct PipelineWork: TaskWork {
    public let pipeline: String
    /// The parameters that are given; others keep their defaults.
    public let parameters: [String: TaskArgument]

    public static let kind = TaskKind(
        word: "pipeline", type: "name of a pipeline",
        summary: "Starts a run of another pipeline, waits for it, and ends as it ends. It gives `run`, the run's name.",
        keys: [.optional("parameters", "map of values", standard: "their defaults", "What the run is given; each may hold `${…}`.")],
        read: { value, task in read(value, &task) })

    private static func read(_ value: LocatedNode, _ task: inout TaskReader) -> PipelineWork? {
        let errors = task.errors
        let before = errors.count
        let name = task.values("pipeline").text(value)
        let node = task.map.node("parameters")
        guard let name else { return nil }
        guard let entry = task.pipelines[name.value] else {
            errors.addUnknown(
                "pipeline", name.value, within: " in \(task.subject("pipeline"))", at: name.place,
                choices: task.pipelines.keys.sorted(), plural: "pipelines")
            return nil
        }
        // Its parameters have mistakes, which are told there.
        guard let known = entry else { return nil }
        let title = "pipeline '\(name.value)'"
        var given: [String: TaskArgument] = [:]
        let entries = node.map { task.entries($0, key: "parameters") } ?? []
        for entry in entries {
            guard let parameter = known.first(where: { $0.name == entry.key }) else {
                errors.addUnknown(
                    "parameter", entry.key, within: " of \(title)", at: entry.keyPlace, choices: known.map(\.name),
                    plural: "parameters")
                continue
            }
            given[entry.key] = task.argument(
                entry.value, of: parameter.type, "the parameter '\(entry.key)' of \(title) in \(task.title)")
        }
        for parameter in known where parameter.standard == nil && !entries.contains(where: { $0.key == parameter.name }) {
            errors.add(
                .missingKey, at: node?.place ?? value.place,
                "\(task.title) gives no '\(parameter.name)', which \(title) must be given", expected: parameter.name,
                hint: "parameters: { \(parameter.name): … }, a \(parameter.type.rawValue)")
        }
        guard errors.count == before else { return nil }
        return PipelineWork(pipeline: name.value, parameters: given)
    }

    public var canonical: CanonicalValue {
        .map(["pipeline": .text(pipeline), "parameters": .map(parameters.map { ($0.key, $0.value.canonical) })])
    }

    public var outputs: [TaskOutput] { [TaskOutput("run", .scalar(.string))] }
    public var permissions: [RequiredPermission] { [RequiredPermission(.pipelinesRun, on: .pipeline, named: pipeline)] }
    public var isWaiting: Bool { true }
}
