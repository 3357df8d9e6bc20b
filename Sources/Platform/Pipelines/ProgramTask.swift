import MartletAccess
import MartletBytes
import MartletDefinitions
import MartletExpressions
import MartletFrames
import MartletPipelines
import MartletStorage
import MartletWorld
import Synchronization

extension Platform {
    /// The variable that stands in the environment of every program of a project's tasks, so that those that a crash left
    /// behind can be found.
    static let programMark = "MARTLET_PROGRAMS_OF"

    /// What a program is started with.
    ///
    /// - Parameter token: what its calls of this program act under.
    func launch(
        _ work: RunWork, _ context: TaskContext, _ secrets: TaskSecrets, token: Secret, resultPath: String?
    ) throws -> ProgramLaunch {
        guard let root = projectFiles.absolutePath(.root) else { throw TaskFailure(reason: "programs need a project on a disk") }
        let start = context.start
        var environment = taskSettings.environment(project: root, mark: programsMark)
        environment["MARTLET_RUN"] = start.facts.id
        environment["MARTLET_PIPELINE"] = start.facts.pipeline
        environment["MARTLET_TASK"] = start.address.task
        environment["MARTLET_INDEX"] = "\(start.address.index)"
        environment["MARTLET_ATTEMPT"] = "\(start.attempt)"
        environment["MARTLET_TASK_KEY"] = start.address.description
        if let interval = start.facts.interval {
            environment["MARTLET_INTERVAL_START"] = "\(interval.start)"
            environment["MARTLET_INTERVAL_END"] = "\(interval.end)"
        }
        if let resultPath { environment["MARTLET_RESULT"] = resultPath }
        environment["MARTLET_TOKEN"] = token.revealed
        for (name, text) in try work.environment(in: context.scope) { environment[name] = text }
        for (name, secret) in secrets.values { environment[name] = secret.revealed }
        var limits = ProgramLimits()
        limits.cpuSeconds = work.limits.cpu.map { Int(($0.microseconds + 999_999) / 1_000_000) }
        limits.memoryBytes = work.limits.memory.map { Int(clamping: $0) }
        limits.fileBytes = work.limits.fileSize.map { Int(clamping: $0) }
        limits.processCount = work.limits.processes.map { Int(clamping: $0) }
        limits.outputBytes = work.limits.output.map { Int(clamping: $0) } ?? Self.taskLogBytes
        var arguments = try work.arguments(in: context.scope)
        // The program itself, whatever the path says.
        if arguments[0] == "martlet", let own = taskSettings.program { arguments[0] = own }
        return ProgramLaunch(arguments, environment: environment, folder: work.folder.map { root + "/" + $0 } ?? root, limits: limits)
    }

    /// The most bytes that an attempt's log has unless the task says otherwise.
    static let taskLogBytes = 16 << 20

    /// The key under which a program's result may be taken again: code, parameters, inputs and the versions of secrets.
    ///
    /// - Parameter inputs: the files that the task names, with their hashes.
    func cacheKey(
        _ work: any ProgramWork, _ context: TaskContext, inputs: [(path: String, hash: String?)], _ secrets: TaskSecrets
    ) throws -> String {
        let scope = withHashes(context)
        let program = try work.program(in: scope, needs: context.start.task.needs, folder: nil)
        var parts: [CanonicalValue] = [
            .text(context.start.facts.pipeline), .text(context.start.address.task), work.canonical, .texts(try program.arguments(in: scope)),
            .map(try program.environment(in: scope).map { ($0.key, .text($0.value)) }),
            .map(secrets.versions.map { ($0.key, .integer($0.value)) }),
        ]
        for input in inputs {
            guard let hash = input.hash else { throw TaskFailure(reason: "there is no file '\(input.path)'", isRetryable: true) }
            parts.append(.list([.text(input.path), .text(hash)]))
        }
        return DefinitionHash(of: .list(parts)).description
    }

    /// The files that a program's task names as its inputs, with their hashes; nil for one that cannot be read.
    func inputs(of work: RunWork, _ context: TaskContext) throws -> [(path: String, hash: String?)] {
        try work.inputs.map { input in
            let path = try input.render(in: context.scope)
            let hash = try? projectFile(path).hash()
            context.read(.file, path, version: hash)
            return (path, hash)
        }
    }

    /// The scope with hashes in place of the paths of copies, which differ from attempt to attempt.
    private func withHashes(_ context: TaskContext) -> TaskScope {
        var scope = context.scope
        for (name, hash) in context.start.files { scope[name] = .string(hash) }
        return scope
    }

    /// What a program wrote as its result, in the types that the task declares.
    ///
    /// A result that holds a secret is refused, since results are stored and shown.
    func result(of work: RunWork, at path: RelativePath, _ context: TaskContext, _ mask: SecretMask) throws -> [String: TaskValue] {
        guard !work.outputs.isEmpty else { return [:] }
        let limit = 1 << 20
        let bytes: [UInt8]
        do {
            let file = try world.files.open(path, .read)
            bytes = try file.read(at: 0, count: limit + 1)
        } catch {
            throw TaskFailure(reason: "it wrote no result: there is no file at $MARTLET_RESULT, and it is to give " + names(work.outputs))
        }
        guard bytes.count <= limit else {
            throw TaskFailure(reason: "its result has more than \(limit) bytes; pass what is large as a file")
        }
        // Before anything of it is told.
        if mask.finds(in: bytes) { throw TaskFailure.secretInResult }
        let json: JSONValue
        do throws(JSONError) { json = try JSONValue(parsing: bytes, lengthLimit: limit) } catch {
            throw TaskFailure(reason: "its result is not JSON: \(error)")
        }
        // What was written with escapes is known only now.
        if json.holdsSecret(mask) { throw TaskFailure.secretInResult }
        guard let object = json.object else { throw TaskFailure(reason: "its result is \(json.kind) where an object is expected") }
        if let unknown = object.keys.first(where: { key in !work.outputs.contains { $0.name == key } }) {
            throw TaskFailure(reason: "its result has '\(unknown.prefix(60))', which the task does not declare; it declares " + names(work.outputs))
        }
        var result: [String: TaskValue] = [:]
        for output in work.outputs {
            guard let value = object[output.name], !value.isNull else {
                throw TaskFailure(reason: "its result lacks '\(output.name)'")
            }
            let made = try taskValue(value, output, work, mask)
            if let path = value.string { context.made(file: Self.path(path, in: work), made) }
            result[output.name] = made
        }
        return result
    }

    /// What a program that tells why it failed has left as its reason; nil if it has left none.
    func toldFailure(at path: RelativePath) -> AttemptOutcome? {
        let limit = 1 << 16
        guard let bytes = try? world.files.open(path, .read).read(at: 0, count: limit), let json = try? JSONValue(parsing: bytes, lengthLimit: limit),
            let reason = json["failure"]?.string
        else { return nil }
        return .failed(reason: reason, isRetryable: json["retryable"]?.bool == true)
    }

    private func names(_ outputs: [TaskOutput]) -> String { outputs.map { "'\($0.name)'" }.joined(separator: ", ") }

    private func taskValue(_ json: JSONValue, _ output: TaskOutput, _ work: RunWork, _ mask: SecretMask) throws -> TaskValue {
        switch output.type {
        case .scalar, .list: return try output.value(from: json, of: "its result")
        case .file:
            guard let text = json.string, TaskPath.problem(of: text) == nil else {
                throw TaskFailure(reason: "'\(output.name)' of its result is no path inside the project")
            }
            let reader = try projectFile(Self.path(text, in: work))
            let count = Mutex(0)
            var state: Int32 = 0
            let hash = try blobs.put(pieces: {
                let piece = try reader.next()
                let total = count.withLock { count in
                    count += piece?.count ?? 0
                    return count
                }
                if let piece, mask.finds(in: piece, from: &state) { throw TaskFailure.secret(inFile: text) }
                guard total <= Self.taskFileBytes else { throw TaskFailure(reason: "the file '\(text)' has more than \(Self.taskFileBytes) bytes") }
                return piece
            })
            return .file(hash: "\(hash)", byteCount: count.withLock { $0 })
        }
    }

    private static func path(_ text: String, in work: RunWork) -> String { (work.folder.map { $0 + "/" } ?? "") + text }

    /// How a program's end is told: succeeded, skipped, or failed with what may be done about it.
    static func outcome(_ exit: ProgramExit, _ work: RunWork, stopped reason: String?) -> AttemptOutcome? {
        if let reason { return .failed(reason: reason) }
        if case .exited(let code) = exit.ending {
            if code == 0 { return nil }
            if work.skipCodes.contains(Int(code)) { return .skipped(reason: "it ended with \(code), which means that there was nothing to do") }
            return .failed(reason: exit.sentence, isRetryable: work.retryCodes.isEmpty || work.retryCodes.contains(Int(code)))
        }
        return .failed(reason: exit.sentence)
    }
}

extension TaskSettings {
    /// What every program of a project has in its environment.
    func environment(project: String, mark: ProgramMark) -> [String: String] {
        var environment = ["PATH": path, "LANG": "C.UTF-8", "MARTLET_PROJECT": project, mark.name: mark.value]
        if let home { environment["HOME"] = home }
        if let program { environment["MARTLET_PROGRAM"] = program }
        if let duckDB { environment[Self.duckDBVariable] = duckDB }
        return environment
    }
}

extension ProgramExit {
    /// How it ended, for people.
    var sentence: String {
        let what =
            switch ending {
            case .exited(let code): "it ended with exit code \(code)"
            case .signalled(let number): "it was ended by signal \(number)"
            case .unknown: "how it ended is not known"
            }
        return what + (passedLimit.map { ": " + $0.words } ?? "")
    }
}

extension ProgramExit.PassedLimit {
    /// What it did, as the end of a sentence.
    var words: String {
        switch self {
        case .cpu: "it used the processor time that it may"
        case .fileSize: "a file passed the size that it may have"
        case .duration: "it ran for as long as it may"
        }
    }
}

extension JSONValue {
    /// Whether a name or a text in it holds a secret.
    func holdsSecret(_ mask: SecretMask) -> Bool {
        switch self {
        case .string(let text): mask.finds(in: Array(text.utf8))
        case .array(let values): values.contains { $0.holdsSecret(mask) }
        case .object(let object):
            object.members.contains { mask.finds(in: Array($0.key.utf8)) || $0.value.holdsSecret(mask) }
        case .null, .bool, .int64, .float64: false
        }
    }
}

extension TaskFailure {
    static let secretInResult = TaskFailure(
        reason: "its result holds a secret that it was given; results are stored and shown, so it is not kept")

    fileprivate static func secret(inFile name: String) -> TaskFailure {
        TaskFailure(reason: "the file '\(name)' of its result holds a secret that it was given; such a file is not kept")
    }
}
