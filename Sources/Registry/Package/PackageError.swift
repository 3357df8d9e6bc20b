/// Why a model package was refused.
public struct PackageError: Error, Equatable, Sendable {
    /// What kind of failure; the part that callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw {
            case signatureInvalid, keyUntrusted, fileAltered, fileMissing, fileUnexpected, malformed, unsupportedVersion
            case overLimit, otherVersion
        }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// The signature does not belong to the manifest.
        public static let signatureInvalid = Self(.signatureInvalid)
        /// The package was signed by a key that is not trusted here.
        public static let keyUntrusted = Self(.keyUntrusted)
        /// A file's size or hash is not what the manifest states.
        public static let fileAltered = Self(.fileAltered)
        /// A file that the manifest states is absent.
        public static let fileMissing = Self(.fileMissing)
        /// A file that the manifest does not state, or of a kind that no package holds.
        public static let fileUnexpected = Self(.fileUnexpected)
        /// A file is not in its format.
        public static let malformed = Self(.malformed)
        /// The package was written by a later version.
        public static let unsupportedVersion = Self(.unsupportedVersion)
        /// More or larger files than are read.
        public static let overLimit = Self(.overLimit)
        /// Another version than the one asked for.
        public static let otherVersion = Self(.otherVersion)
    }

    public var code: Code
    /// The file at fault; nil if it is the package as a whole.
    public var file: String?
    /// What was expected, and what was found instead.
    public var message: String
    /// The next thing to try.
    public var hint: String?

    init(_ code: Code, file: String? = nil, _ message: String, hint: String? = nil) {
        self.code = code
        self.file = file
        self.message = message
        self.hint = hint
    }
}

extension PackageError: CustomStringConvertible {
    public var description: String {
        (file.map { "\($0): " } ?? "") + message + (hint.map { " (\($0))" } ?? "")
    }
}
