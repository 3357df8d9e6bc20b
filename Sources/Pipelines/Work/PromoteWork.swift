import MartletAccess
public import MartletDefinitions
import MartletFrames

/// Puts a model version behind an alias.
public struct PromoteWork: TaskWork {
    public let model: String
    /// Nil for the newest.
    public let version: TaskArgument?
    public let alias: String
    /// Whether it is not tried first where an endpoint says how.
    public let isAtOnce: Bool

    package init(model: String, version: TaskArgument?, alias: String, isAtOnce: Bool = false) {
        self.model = model
        self.version = version
        self.alias = alias
        self.isAtOnce = isAtOnce
    }

    public static let kind = TaskKind(
        word: "promote", type: "name of a model",
        summary: """
            Puts a model version behind an alias, or begins its rollout where an endpoint declares one; while another version is being tried there, it is \
            skipped. It gives `release`, `version`, and `rollout`, which is missing where none began.
            """,
        keys: [
            .optional("version", "whole number or `${…}`", standard: "the newest", "Which version, as in `${tasks.train.version}`."),
            .optional("alias", "name", standard: "`champion`", "The movable name that endpoints ask for."),
            .optional("at_once", "true or false", standard: "`false`", "Whether no endpoint tries it first; refused where one asks for a second person."),
        ],
        read: { value, task in
            let before = task.errors.count
            let model = task.name(value, of: "model", key: "promote")
            let version = task.map.node("version").flatMap { task.argument($0, of: .int64, task.subject("version")) }
            if case .literal(.int64(let number))? = version, number < 1 {
                task.errors.add(
                    .wrongValue, at: task.map.keyPlace("version"), "\(task.subject("version")) must be at least 1, found \(number)",
                    found: "\(number)")
            }
            let alias = task.map.text("alias")
            let isAtOnce = task.map.bool("at_once")?.value ?? false
            if let alias, !isAlias(alias.value) {
                task.errors.add(
                    .wrongValue, at: alias.place, "\(task.subject("alias")) cannot be '\(alias.value.shortened(to: 60))'",
                    found: alias.value, expected: "a name", hint: "an alias is a letter, then up to 63 letters, digits, '_' or '-'")
            }
            guard let model, task.errors.count == before else { return nil }
            return PromoteWork(model: model, version: version, alias: alias?.value ?? "champion", isAtOnce: isAtOnce)
        })

    /// As the registry takes it.
    static func isAlias(_ text: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
        guard let first = text.utf8.first, text.utf8.count <= 64, isLetter(first) else { return false }
        return text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D }
    }

    public var canonical: CanonicalValue {
        var entries: [(String, CanonicalValue)] = [
            ("model", .text(model)), ("version", version?.canonical ?? .none), ("alias", .text(alias)),
        ]
        // Left out where it is not so, so that pipelines from before there were rollouts keep their version.
        if isAtOnce { entries.append(("at_once", .bool(true))) }
        return .map(entries)
    }

    public var outputs: [TaskOutput] {
        [TaskOutput("release", .scalar(.int64)), TaskOutput("version", .scalar(.int64)), TaskOutput("rollout", .scalar(.string))]
    }

    public var permissions: [RequiredPermission] { [RequiredPermission(.modelsPromote, on: .model, named: model)] }
}
