/// What a model version is: everything needed to load it, and where it came from.
///
/// Its canonical bytes are what is signed, and their SHA-256 is the version's id.
public struct ModelManifest: Hashable, Sendable {
    /// The version of the format that this code writes; a later one is refused.
    public static let formatVersion = 1

    /// A feature as it was when the model was trained; a glob is never expanded again.
    public struct Feature: Hashable, Sendable {
        public var name: String
        /// The hash of its definition.
        public var hash: String

        public init(name: String, hash: String) {
            self.name = name
            self.hash = hash
        }
    }

    /// A file of the package.
    public struct File: Hashable, Sendable {
        public var name: String
        public var size: Int
        /// SHA-256, in hexadecimal.
        public var hash: String
    }

    /// What went into the training, so that it can be repeated and traced.
    public struct Lineage: Hashable, Sendable {
        /// Definition → its hash.
        public var definitions: [String: String] = [:]
        /// The event times of the training rows, as RFC 3339 texts; `to` is excluded.
        public var dataFrom = ""
        public var dataTo = ""
        /// The log prefix that features were computed from, as its canonical text.
        public var cut = ""
        public var datasetHash = ""
        /// The build that trained.
        public var codeVersion = ""
        public var seed = 0
        public var threads = 1
        public var trainerLibrary = ""
        public var trainerVersion = ""
        public var parameters: [String: String] = [:]
        /// Rows by part: `train`, `test`.
        public var rows: [String: Int] = [:]
        /// Finite; a metric that is missing is left out.
        public var metrics: [String: Double] = [:]

        public init() {}
    }

    /// The model's name in its project.
    public var model: String
    /// `binary`, `multiclass`, `regression` …
    public var task: String
    /// The field that was learned.
    public var label: String
    /// The texts of the classes, in the order of the outputs; empty where outputs are no classes.
    public var classes: [String]
    public var features: [Feature]
    /// The meaning of features under which it was trained.
    public var semanticsVersion: Int
    public var lineage: Lineage
    /// In the order of their names; filled in when the package is sealed.
    public internal(set) var files: [File] = []

    public init(
        model: String, task: String, label: String, classes: [String] = [], features: [Feature], semanticsVersion: Int,
        lineage: Lineage
    ) {
        self.model = model
        self.task = task
        self.label = label
        self.classes = classes
        self.features = features
        self.semanticsVersion = semanticsVersion
        self.lineage = lineage
    }
}
