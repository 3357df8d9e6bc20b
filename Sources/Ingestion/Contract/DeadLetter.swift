/// A row that broke its contract, with all that is needed to mend it and bring it in.
public struct DeadLetter: Hashable, Sendable {
    /// Why a row was not taken; the raw value is stored and shown, and never changes.
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        case wrongType = "wrong_type"
        case missingField = "missing_field"
        case unknownField = "unknown_field"
        /// A check of the contract is not true.
        case outOfRange = "out_of_range"
        case badTime = "bad_time"
        /// An event time further beyond its arrival than the stream allows.
        case futureTime = "future_time"
        case oversized
        case malformedUTF8 = "malformed_utf8"
        case malformedJSON = "malformed_json"
        case malformedCSV = "malformed_csv"
        /// A unique key that is there with another payload.
        case duplicateKeyConflict = "duplicate_key_conflict"
        /// An outcome of an event that is not stored, or not yet.
        case unknownEvent = "unknown_event"
        /// An outcome of a prediction that is not recorded, or not yet.
        case unknownPrediction = "unknown_prediction"
    }

    /// Where a row stands in its input.
    public enum Place: Hashable, Sendable {
        /// The line on which it starts, from 1.
        case line(Int)
        /// Its number in a list, from 1.
        case item(Int)
    }

    /// One thing that is wrong with a row.
    public struct Fault: Hashable, Sendable {
        public var reason: Reason
        /// The field; nil if the row as a whole is wrong.
        public var field: String?
        /// What was found, shortened to the limit.
        public var value: String?
        /// A sentence for people: what was expected and what was found.
        public var message: String

        public init(_ reason: Reason, field: String? = nil, value: String? = nil, message: String) {
            self.reason = reason
            self.field = field
            self.value = value
            self.message = message
        }
    }

    public var place: Place
    /// At least one; the first is the main one.
    public var faults: [Fault]
    /// The row's bytes as they came, without its line end; of an oversized row the first ones.
    public var raw: [UInt8]

    public init(place: Place, faults: [Fault], raw: [UInt8]) {
        precondition(!faults.isEmpty, "a dead letter without a fault")
        self.place = place
        self.faults = faults
        self.raw = raw
    }

    public var reason: Reason { faults[0].reason }
    public var field: String? { faults[0].field }
    public var value: String? { faults[0].value }
    public var message: String { faults[0].message }
}

extension DeadLetter.Place: CustomStringConvertible {
    public var description: String {
        switch self {
        case .line(let number): "line \(number)"
        case .item(let number): "item \(number)"
        }
    }
}
