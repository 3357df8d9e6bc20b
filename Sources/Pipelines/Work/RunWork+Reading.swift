import MartletDefinitions
import MartletFrames

extension RunWork {
    public static let kind = TaskKind(
        word: "run", type: "list of texts",
        summary: """
            Runs a program, found as a shell would find it, with these arguments as they are. `${…}` in an argument stays within \
            that one argument, whatever it holds; no shell reads it. For a shell write `[sh, -c, …]`.
            """,
        keys: [
            .optional("env", "map of texts", "Set in the program's environment, which is empty but for a few names."),
            .optional(
                "secrets", "map from variables to names of secrets",
                "Set in its environment, each from the secret of that name as it is when the attempt starts. What it prints of them is masked."),
            .optional("folder", "path", standard: "the project's folder", "Where it starts, below the project's folder."),
            .optional("limits", "map", standard: "those of the server", "Bounds on the program and its children."),
            .optional("skip_codes", "list of whole numbers", "Exit codes that mean: there was nothing to do, the task is skipped."),
            .optional(
                "retry_codes", "list of whole numbers", standard: "every failure",
                "The exit codes after which another attempt is made; after others none is."),
            .optional(
                "outputs", "map from names to types",
                "What it writes as a JSON object into the file that `MARTLET_RESULT` names: a type, `list of` a type, or `file` (a path)."),
            inputsKey, graceKey,
        ],
        tables: [limitKeys],
        read: { value, task in read(value, &task) })

    static let inputsKey = KeyDescription.optional(
        "inputs", "list of paths", "Files whose content decides, with `cache`, whether a result can be taken again.")
    static let graceKey = KeyDescription.optional(
        "grace", "span", standard: "`10s`", "How long it may take to end when asked, before it is killed.")

    static let limitKeys = KeyTable(
        "the limits of a program",
        keys: [
            .optional("cpu", "span", "Time on processors, of all its threads together."),
            .optional("memory", "size", "Of memory, as `2GB`."),
            .optional("output", "size", "Of what it prints; more is not kept."),
            .optional("file_size", "size", "Of one file that it writes."),
            .optional("processes", "whole number", "Processes and threads at a time."),
        ])

    private static func read(_ value: LocatedNode, _ task: inout TaskReader) -> RunWork? {
        let errors = task.errors
        let before = errors.count
        var arguments: [TaskText] = []
        if case .list = value.content {
            let items = task.items(value, key: "run", limit: PipelineLimits.arguments)
            for (index, item) in items.enumerated() {
                if let text = task.text(item, "argument \(index) of \(task.title)", mayBeEmpty: index > 0) { arguments.append(text) }
            }
        } else {
            let words: String? = if case .scalar(let scalar) = value.content { scalar.text } else { nil }
            task.values("run").wrong(
                value, expected: "a list of the program and its arguments",
                hint: words.map { "write [\($0.split(separator: " ").joined(separator: ", ").shortened(to: 60))], or for a shell [sh, -c, \"…\"]" })
        }
        let environment = environment(&task)
        let secrets = secrets(&task, beside: environment)
        let folder = task.path("folder")
        if let folder, folder.text.literal == nil {
            errors.add(.wrongValue, at: task.map.keyPlace("folder"), "\(task.subject("folder")) must be the same in every run")
        }
        let limits = limits(&task)
        let skipCodes = task.codes("skip_codes", in: 1...255)
        let retryCodes = task.codes("retry_codes", in: 1...255)
        if let both = skipCodes.intersection(retryCodes).min() {
            errors.add(
                .conflict, at: task.map.keyPlace("retry_codes"),
                "the exit code \(both) of \(task.title) cannot mean both to skip and to try again", found: "\(both)")
        }
        let outputs = task.outputs()
        let inputs = inputs(&task)
        let grace = grace(&task)
        guard errors.count == before else { return nil }
        return RunWork(
            arguments: arguments, environment: environment, secrets: secrets, folder: folder?.text.literal, limits: limits,
            skipCodes: skipCodes, retryCodes: retryCodes, outputs: outputs, inputs: inputs, grace: grace)
    }

    // MARK: Details

    static func limits(_ task: inout TaskReader) -> Limits {
        task.map.node("limits").map { limits($0, task.title, task.errors) } ?? Limits()
    }

    static func inputs(_ task: inout TaskReader) -> [TaskPath] {
        guard let node = task.map.node("inputs") else { return [] }
        return task.items(node, key: "inputs").compactMap { task.path($0, task.subject("inputs")) }
    }

    static func grace(_ task: inout TaskReader) -> Timestamp.Span { task.map.span("grace")?.value ?? .seconds(10) }

    private static func environment(_ task: inout TaskReader) -> [String: TaskText] {
        var result: [String: TaskText] = [:]
        guard let node = task.map.node("env") else { return result }
        for entry in task.entries(node, key: "env") where isVariable(entry, key: "env", task) {
            result[entry.key] = task.text(entry.value, "'\(entry.key)' in \(task.subject("env"))")
        }
        return result
    }

    private static func secrets(_ task: inout TaskReader, beside environment: [String: TaskText]) -> [String: String] {
        var result: [String: String] = [:]
        guard let node = task.map.node("secrets") else { return result }
        for entry in task.entries(node, key: "secrets", limit: PipelineLimits.secrets) where isVariable(entry, key: "secrets", task) {
            if environment[entry.key] != nil {
                task.errors.add(
                    .conflict, at: entry.keyPlace, "'\(entry.key)' stands in 'env' and in 'secrets' of \(task.title)", found: entry.key,
                    hint: "keep one of them")
                continue
            }
            let name = NodeValues(task.errors, "'\(entry.key)' in \(task.subject("secrets"))").text(entry.value)
            result[entry.key] = name.flatMap { SecretName.check($0, task.errors) }
        }
        return result
    }

    private static func isVariable(_ entry: LocatedNode.Entry, key: String, _ task: borrowing TaskReader) -> Bool {
        if entry.key.uppercased().hasPrefix("MARTLET_") {
            task.errors.add(
                .wrongValue, at: entry.keyPlace,
                "'\(entry.key.shortened(to: 60))' in \(task.subject(key)) is a name that the program itself sets", found: entry.key,
                hint: "choose a name that does not begin with MARTLET_")
            return false
        }
        if NodeValues.isName(entry.key) { return true }
        task.errors.add(
            .wrongValue, at: entry.keyPlace, "'\(entry.key.shortened(to: 60))' in \(task.subject(key)) is no name of an environment",
            found: entry.key, hint: "such a name is a letter or _, then letters, digits or _")
        return false
    }

    private static func limits(_ node: LocatedNode, _ title: String, _ errors: ErrorCollector) -> Limits {
        var limits = Limits()
        guard var map = MapReader(node, limitKeys, title: "the limits of \(title)", errors: errors) else { return limits }
        limits.cpu = map.span("cpu", atLeast: .seconds(1))?.value
        for (key, path) in [("memory", \Limits.memory), ("output", \.output), ("file_size", \.fileSize)] as [(String, WritableKeyPath<Limits, Int64?>)] {
            limits[keyPath: path] = map.node(key).flatMap { NodeValues(errors, "the key '\(key)' of the limits of \(title)").size($0)?.value }
        }
        limits.processes = map.integer("processes", in: 1...100_000)?.value
        map.finish()
        return limits
    }
}
