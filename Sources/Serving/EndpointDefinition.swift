public import MartletDefinitions
public import MartletFrames

/// A checked endpoint: which model answers, what happens if it cannot, and when a prediction is on disk.
public struct EndpointDefinition: Definition {
    /// A model, at an alias or a number.
    public struct ModelReference: Hashable, Sendable {
        public enum Version: Hashable, Sendable {
            case alias(String)
            case number(Int64)
        }

        public var model: String
        public var version: Version

        public init(model: String, version: Version) {
            self.model = model
            self.version = version
        }
    }

    /// When the record of a prediction is durable.
    public enum RecordMode: String, Hashable, Sendable, CaseIterable {
        /// Before the answer is sent.
        case beforeAnswer = "before_answer"
        /// Soon after; a crash may lose the records of a bounded time.
        case afterAnswer = "after_answer"
    }

    /// Bounds on what an endpoint takes on.
    public struct Limits: Hashable, Sendable {
        /// Rows of one request.
        public var rows: Int
        /// After it, a request that waits is refused.
        public var deadline: Timestamp.Span
        /// Requests that may wait.
        public var queue: Int

        public init(rows: Int = 1_000, deadline: Timestamp.Span = .seconds(2), queue: Int = 1_024) {
            self.rows = rows
            self.deadline = deadline
            self.queue = queue
        }
    }

    public let name: String
    public let place: SourcePlace
    public let model: ModelReference
    /// The output when features or model cannot be had; nil refuses instead.
    public let fallbackScore: Double?
    public let record: RecordMode
    public let limits: Limits
    /// How a new version is tried; nil lets it in at once.
    public let rollout: RolloutDefinition?
    /// Which of its decisions go to a person; nil for none.
    public let review: ReviewDefinition?
    /// For people; empty if there is none.
    public let doc: String

    public var canonical: CanonicalValue {
        var entries: [(String, CanonicalValue)] = [
            ("model", .text("\(model)")),
            ("fallback", fallbackScore.map { .map(["score": .number($0)]) } ?? .none),
            ("record", .text(record.rawValue)),
            (
                "limits",
                .map([
                    "rows": .integer(Int64(limits.rows)), "deadline": .span(limits.deadline), "queue": .integer(Int64(limits.queue)),
                ])
            ),
        ]
        // Left out where there is none, so that endpoints from before there were any keep their version.
        if let rollout { entries.append(("rollout", rollout.canonical)) }
        if let review { entries.append(("review", review.canonical)) }
        return .map(entries)
    }
}

extension EndpointDefinition.ModelReference: CustomStringConvertible {
    /// `model@champion`, `model@3`
    public var description: String {
        switch version {
        case .alias(let alias): "\(model)@\(alias)"
        case .number(let number): "\(model)@\(number)"
        }
    }

    /// Reads what ``description`` writes; a model without a version is the one called `champion`. Nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, NodeValues.isName(parts[0]) else { return nil }
        let version = parts.count == 2 ? parts[1] : "champion"
        if version.utf8.allSatisfy({ (48...57).contains($0) }) {
            guard let number = Int64(version), number > 0 else { return nil }
            self.init(model: parts[0], version: .number(number))
        } else {
            guard NodeValues.isName(version) else { return nil }
            self.init(model: parts[0], version: .alias(version))
        }
    }
}
