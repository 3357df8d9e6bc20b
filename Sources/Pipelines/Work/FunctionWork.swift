import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Runs a function of the program that the definition is compiled into.
public struct FunctionWork: TaskWork {
    /// Known to that program together with the pipeline's name.
    public let function: String
    /// The hash of that program; only it runs the function.
    public let build: String
    /// What it is given, by name.
    public let arguments: [String: TaskText]
    public let outputs: [TaskOutput]

    public static let kind = TaskKind(
        word: "function", type: "name, with those of groups around it",
        summary: """
            Runs a function of a Swift project, which writes this itself: see [pipelines in Swift](pipelines-in-swift.md). Only the program \
            that it is compiled into runs it.
            """,
        keys: [
            .required("build", "text", "The hash of that program."),
            .optional("arguments", "map of texts", "What the function is given; each may hold `${…}`."),
            .optional("outputs", "map from names to types", "What the function gives: a type, or `list of` a type."),
        ],
        read: { value, task in
            let before = task.errors.count
            let function = task.values("function").text(value)
            let build = task.map.required("build").flatMap { task.values("build").text($0) }
            var arguments: [String: TaskText] = [:]
            if let node = task.map.node("arguments") {
                for entry in task.entries(node, key: "arguments") {
                    arguments[entry.key] = task.text(entry.value, "'\(entry.key.shortened(to: 60))' in \(task.subject("arguments"))")
                }
            }
            let outputs = task.outputs()
            if let function, function.value.isEmpty || function.value.utf8.count > 1_000 {
                task.values("function").wrong(value, expected: "the name of a function")
            }
            if let file = outputs.first(where: { $0.type == .file }) {
                task.errors.add(
                    .wrongValue, at: task.map.keyPlace("outputs"), "'\(file.name)' of \(task.title) cannot be a file: a function gives values",
                    found: "file", hint: "let it give the file's path as a string")
            }
            guard let function, let build, task.errors.count == before else { return nil }
            return FunctionWork(function: function.value, build: build.value, arguments: arguments, outputs: outputs)
        })

    public var canonical: CanonicalValue {
        .map([
            "function": .text(function), "build": .text(build), "arguments": .map(arguments.map { ($0.key, $0.value.canonical) }),
            "outputs": .map(outputs.map { ($0.name, .text("\($0.type)")) }),
        ])
    }

    public var permissions: [RequiredPermission] { [RequiredPermission(.execute)] }
}
