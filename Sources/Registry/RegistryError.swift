/// A failure in the registry of runs, model versions and releases.
public struct RegistryError: Error, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Raw { case notFound, nothingToRollBack, damaged, overtaken }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }
        /// What was named does not exist.
        public static let notFound = Self(.notFound)
        /// There is no earlier release to go back to.
        public static let nothingToRollBack = Self(.nothingToRollBack)
        /// A stored row cannot be understood.
        public static let damaged = Self(.damaged)
        /// The release that a change was made from is no longer the current one.
        public static let overtaken = Self(.overtaken)
    }

    public var code: Code
    public var message: String
    public var hint: String?

    static func noVersion(_ model: String, _ number: Int, newest: Int?) -> Self {
        Self(
            code: .notFound, message: "model '\(model)' has no version \(number)",
            hint: newest.map { "its newest is \($0); list them with 'martlet models \(model)'" } ?? "train one with 'martlet train \(model)'")
    }

    static func noRun(_ id: String) -> Self {
        Self(code: .notFound, message: "no run has the id '\(id)'", hint: "list runs with 'martlet runs'")
    }

    static func noRelease(_ number: Int, newest: Int?) -> Self {
        Self(
            code: .notFound, message: "there is no release \(number)",
            hint: newest.map { "the current one is \($0)" } ?? "apply a project first: 'martlet apply'")
    }

    static let nothingToRollBack = Self(
        code: .nothingToRollBack, message: "there is no earlier release to go back to",
        hint: "a release is made by 'apply', 'promote' and 'rollback'; see 'martlet audit'")

    static func damaged(_ what: String) -> Self {
        Self(code: .damaged, message: "the registry's \(what) cannot be understood", hint: "run 'martlet doctor'")
    }

    static func overtaken(expected: Int?, found: Int?) -> Self {
        Self(
            code: .overtaken,
            message: "release \(found.map(String.init) ?? "none") is current now, and this change was made from \(expected.map(String.init) ?? "none")",
            hint: "look at what changed, and try again")
    }
}

extension RegistryError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}
