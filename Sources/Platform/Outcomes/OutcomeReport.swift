public import MartletBytes
import MartletIngestion

/// What became of outcomes that came in.
public struct OutcomeReport: Sendable {
    /// One that was not taken.
    public struct Rejection: Hashable, Sendable {
        /// Its number in a list, or the line where it starts, from 1.
        public var number: Int
        /// `line 7`, `item 7`
        public var place: String
        /// Such as `unknown_event`.
        public var reason: String
        public var message: String
        /// Whether it waits among the dead letters.
        public var isKept: Bool
    }

    /// Outcomes stored.
    public var accepted = 0
    /// Of them, those that took the place of another label.
    public var changed = 0
    /// The same label again, without effect.
    public var duplicates = 0
    /// Not taken.
    public var rejected = 0
    /// Of the rejected, those that wait among the dead letters until their event or prediction has come.
    public var waiting = 0
    /// The first of the rejected, in order.
    public var rejections: [Rejection] = []

    /// How many of the rejected are told one by one.
    public static let rejectionsTold = 1_000

    public init() {}

    mutating func count(_ fate: OutcomeFate, at place: DeadLetter.Place) {
        switch fate {
        case .accepted(let isChange):
            accepted += 1
            if isChange { changed += 1 }
        case .duplicate: duplicates += 1
        case .refused(let refusal):
            rejected += 1
            let isKept = refusal.waitingReason != nil
            if isKept { waiting += 1 }
            guard rejections.count < Self.rejectionsTold else { return }
            rejections.append(
                Rejection(
                    number: place.number, place: "\(place)", reason: refusal.reason.rawValue, message: refusal.message, isKept: isKept))
        }
    }

    public var json: JSONValue {
        .object([
            ("accepted", .int64(Int64(accepted))), ("changed", .int64(Int64(changed))), ("duplicates", .int64(Int64(duplicates))),
            ("rejected_count", .int64(Int64(rejected))), ("waiting", .int64(Int64(waiting))),
            ("rejected", .array(rejections.map {
                [
                    "item": .int64(Int64($0.number)), "place": .string($0.place), "reason": .string($0.reason),
                    "message": .string($0.message), "waits": .bool($0.isKept),
                ]
            })),
        ])
    }
}
