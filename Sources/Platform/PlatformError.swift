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

/// A failure of an operation that crosses parts.
public struct PlatformError: Error, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Raw { case notApplied, notFound, invalid, conflict, held, tooMany, gateFailed, unavailable, damaged }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }
        /// The project has no release yet.
        public static let notApplied = Self(.notApplied)
        public static let notFound = Self(.notFound)
        /// The request makes no sense as it stands.
        public static let invalid = Self(.invalid)
        /// What is there contradicts what was asked.
        public static let conflict = Self(.conflict)
        /// Another process holds the project.
        public static let held = Self(.held)
        /// A limit was passed.
        public static let tooMany = Self(.tooMany)
        /// A model does not meet its gates.
        public static let gateFailed = Self(.gateFailed)
        /// Something that is needed cannot be had now.
        public static let unavailable = Self(.unavailable)
        /// Stored bytes are not what they should be.
        public static let damaged = Self(.damaged)
    }

    public var code: Code
    public var message: String
    /// The place in the caller's input.
    public var place: String?
    public var hint: String?
    public var cause: (any Error)?

    init(_ code: Code, _ message: String, place: String? = nil, hint: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.place = place
        self.hint = hint
        self.cause = cause
    }
}

extension PlatformError: CustomStringConvertible {
    public var description: String {
        (place.map { $0 + ": " } ?? "") + message + (cause.map { ": \($0)" } ?? "") + (hint.map { "\n hint: " + $0 } ?? "")
    }
}

extension PlatformError {
    static let notApplied = Self(
        .notApplied, "the project has no release yet", hint: "look at it with 'martlet plan', then put it in force with 'martlet apply'")

    static func unknown(_ kind: String, _ name: String, among names: [String]) -> Self {
        let nearest = NearestMatch.of(name, in: names)
        let listed = names.isEmpty ? "there is none" : "there are: " + names.sorted().prefix(10).joined(separator: ", ")
        return Self(
            .notFound, "no \(kind) is named '\(name.prefix(60))'", hint: nearest.map { "did you mean '\($0)'? \(listed)" } ?? listed)
    }

    static let held = Self(
        .held, "another process holds the project",
        hint: "it is a server or a command that still runs; commands reach it by themselves through '.martlet/socket'")
}
