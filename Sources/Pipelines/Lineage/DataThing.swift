public import MartletFrames

/// Something that tasks read or make, at a version.
public struct DataThing: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// By name; its version is a position in the log: what lies before it was read, or was there once it was written.
        case stream
        /// By path below the project's folder; its version is the hash of its bytes.
        case file
        /// What tasks pass to one another, by the hash of its bytes.
        case blob
        /// The training set of a model, by the model's name; its version is the set's hash.
        case dataset
        /// By name; its version is its number.
        case model
        /// By name; its version is the number of the release that was in force.
        case endpoint
    }

    public var kind: Kind
    public var name: String
    /// Nil where none is known.
    public var version: String?

    public init(_ kind: Kind, _ name: String, version: String? = nil) {
        self.kind = kind
        self.name = name
        self.version = version
    }
}

extension DataThing: CustomStringConvertible {
    /// `model:churn@3`, `file:new.csv`.
    public var description: String { "\(kind.rawValue):\(name)" + (version.map { "@" + $0 } ?? "") }

    /// Reads what ``description`` gives; nil for a text that is none.
    public init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let kind = Kind(rawValue: String(text[..<colon])) else { return nil }
        let rest = text[text.index(after: colon)...]
        guard !rest.isEmpty, rest.utf8.count <= 4_096, !rest.utf8.contains(0) else { return nil }
        guard let at = rest.lastIndex(of: "@"), at != rest.startIndex else {
            self.init(kind, String(rest))
            return
        }
        let version = rest[rest.index(after: at)...]
        // A path may have the sign in it; its versions are hashes.
        let isVersion = kind == .file ? version.utf8.count == 64 && version.allSatisfy(\.isHexDigit) : !version.isEmpty
        self = isVersion ? Self(kind, String(rest[..<at]), version: String(version)) : Self(kind, String(rest))
    }
}

/// That an attempt read or made something.
public struct DataUse: Hashable, Sendable {
    public enum Direction: String, Hashable, Sendable, CaseIterable {
        case input, output
    }

    public var direction: Direction
    public var thing: DataThing
    /// How many rows of it, where that is known.
    public var rows: Int64?
    public var bytes: Int64?

    public init(_ direction: Direction, _ thing: DataThing, rows: Int64? = nil, bytes: Int64? = nil) {
        self.direction = direction
        self.thing = thing
        self.rows = rows
        self.bytes = bytes
    }
}

/// What an attempt that has ended read and made.
public struct AttemptTrace: Hashable, Sendable {
    public var address: InstanceAddress
    public var attempt: Int
    public var pipeline: String
    /// When it ended.
    public var time: Timestamp
    public var uses: [DataUse]

    public init(_ address: InstanceAddress, attempt: Int, pipeline: String, time: Timestamp, uses: [DataUse]) {
        self.address = address
        self.attempt = attempt
        self.pipeline = pipeline
        self.time = time
        self.uses = uses
    }

    public var inputs: [DataUse] { uses.filter { $0.direction == .input } }
    public var outputs: [DataUse] { uses.filter { $0.direction == .output } }
}
